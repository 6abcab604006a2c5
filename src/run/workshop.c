/* A folder in which a source becomes a library: its files, and the compiler run on them.
 *
 * The compiler is run without a shell, in a new folder that only we can read, under $TMPDIR or
 * /tmp. Nothing is left of it but the source of a failed build, which the error names. */
#define _DEFAULT_SOURCE
#include "run/run_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

bool at_workshop_open(at_workshop *w) {
    const char *base = getenv("TMPDIR");
    if (!base || !*base) base = "/tmp";
    int length = snprintf(w->folder, sizeof w->folder, "%s/attend-XXXXXX", base);
    if (length >= (int)sizeof w->folder) errno = ENAMETOOLONG;
    else w->open = mkdtemp(w->folder) != NULL;
    if (!w->open) {
        at_diag *diag = at_error(w->s, AT_E_WORK_FOLDER, at_no_span(),
                                 "cannot make a folder in %s to compile in: %s", base,
                                 strerror(errno));
        at_hint(w->s, diag, "set TMPDIR to a folder that can be written");
        return false;
    }
    snprintf(w->source, sizeof w->source, "%s/attend.c", w->folder);
    snprintf(w->trial, sizeof w->trial, "%s/trial.c", w->folder);
    snprintf(w->library, sizeof w->library, "%s/attend.so", w->folder);
    snprintf(w->log, sizeof w->log, "%s/messages", w->folder);
    return true;
}

void at_workshop_close(at_workshop *w) {
    if (!w->open) return;
    unlink(w->library);
    unlink(w->log);
    unlink(w->trial);
    if (w->keep) return;
    unlink(w->source);
    rmdir(w->folder);
}

static bool write_text(void *file, void *user) {
    const at_text *source = user;
    return fwrite(source->data, 1, source->length, file) == source->length;
}

bool at_workshop_write(at_workshop *w, const char *path, const at_text *source) {
    return at_write_file(w->s, path, write_text, (void *)source);
}

/* With somebody who may stop it, it is asked for again and again: in pauses that grow, since what
 * is compiled in 50 ms should not take 100. */
static int wait_for(at_workshop *w, pid_t child) {
    const at_session *s = w->s;
    struct timespec pause = {0, 1000000};
    double asked = at_now();
    for (;;) {
        int status;
        pid_t done = waitpid(child, &status, s->progress ? WNOHANG : 0);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        if (done > 0) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 16000000) pause.tv_nsec *= 2;
        if (at_now() - asked < 0.25) continue;
        asked = at_now();
        if (s->progress(s->progress_user, "compiling", -1)) continue;
        kill(child, SIGTERM);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
        return AT_WORKSHOP_STOPPED;
    }
}

int at_workshop_run(at_workshop *w, const at_words *command) {
    posix_spawn_file_actions_t files;
    int problem = posix_spawn_file_actions_init(&files);
    if (problem) {
        errno = problem;
        return -1;
    }
    pid_t child = 0;
    problem = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!problem)
        problem = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, w->log,
                                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!problem)
        problem = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (!problem)
        problem = posix_spawn(&child, command->items[0], &files, NULL, command->items, environ);
    posix_spawn_file_actions_destroy(&files);
    if (problem) {
        errno = problem;
        return -1;
    }
    return wait_for(w, child);
}

/* The first line of the log that says "error", or else its first line. */
const char *at_workshop_said(at_workshop *w) {
    FILE *log = fopen(w->log, "r");
    if (!log) return NULL;
    char line[512], first[512] = "";
    while (fgets(line, sizeof line, log)) {
        line[strcspn(line, "\n")] = 0;
        bool says_error = strstr(line, "error") != NULL;
        if (!first[0] || says_error) memcpy(first, line, sizeof first);
        if (says_error) break;
    }
    fclose(log);
    return first[0] ? at_copy_text(w->s->arena, first, strlen(first)) : NULL;
}
