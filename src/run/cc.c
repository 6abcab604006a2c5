/* From C source to a loaded library, by the system's own compiler.
 *
 * The compiler is what ATTEND_CC names or else the first of cc, gcc and clang on the PATH. It is
 * run without a shell, in a new folder that only we can read, under $TMPDIR or /tmp. Once loaded,
 * the library lives on without its file, so nothing is left behind but the source of a failed
 * build. */
#define _DEFAULT_SOURCE
#include "run/run.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LONGEST = 1024 }; /* path */

typedef struct {
    at_session *s;
    const at_text *text;
    char folder[LONGEST - 16];                               /* from mkdtemp, once open */
    char source[LONGEST], library[LONGEST], log[LONGEST]; /* files in it */
    bool open, keep; /* keep: the source, for the user to look at */
    void *handle;    /* of dlopen */
} workshop;

static bool open_workshop(workshop *w) {
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
    snprintf(w->library, sizeof w->library, "%s/attend.so", w->folder);
    snprintf(w->log, sizeof w->log, "%s/messages", w->folder);
    return true;
}

static void close_workshop(void *user) {
    workshop *w = user;
    if (!w->open) return;
    unlink(w->library);
    unlink(w->log);
    if (w->keep) return;
    unlink(w->source);
    rmdir(w->folder);
}

static bool write_source(void *file, void *user) {
    const at_text *source = user;
    return fwrite(source->data, 1, source->length, file) == source->length;
}

/* ---- running the compiler -------------------------------------------------------------------- */

typedef struct {
    char *argv[16];
    int count;
} command;

static command make_command(workshop *w, const char *compiler) {
    const char *words[] = {
        compiler, "-std=c11", "-O2", "-ffp-contract=off", "-fPIC", "-shared",
        "-o", w->library, w->source, "-lm",
    };
    command c = {{0}, 0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        c.argv[c.count++] = at_copy_text(w->s->arena, words[i], strlen(words[i]));
    return c;
}

static const char *command_text(at_session *s, const command *c) {
    const char *text = c->argv[0];
    for (int i = 1; i < c->count; i++) text = at_format(s->arena, "%s %s", text, c->argv[i]);
    return text;
}

/* Starts a compiler and waits for it: its exit status, or -1 with errno if it cannot be started. */
static int run_command(workshop *w, const command *c) {
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
    if (!problem) problem = posix_spawnp(&child, c->argv[0], &files, NULL, c->argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (problem) {
        errno = problem;
        return -1;
    }
    int status;
    pid_t done;
    do done = waitpid(child, &status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The first line of the log that says "error", or else its first line. */
static const char *first_error(workshop *w) {
    FILE *log = fopen(w->log, "r");
    if (!log) return NULL;
    char line[512];
    const char *first = NULL;
    while (fgets(line, sizeof line, log)) {
        line[strcspn(line, "\n")] = 0;
        bool says_error = strstr(line, "error") != NULL;
        if (!first || says_error) first = at_copy_text(w->s->arena, line, strlen(line));
        if (says_error) break;
    }
    fclose(log);
    return first;
}

static bool compile(workshop *w) {
    static const char *const usual[] = {"cc", "gcc", "clang"};
    const char *chosen = getenv("ATTEND_CC");
    bool own = chosen && *chosen;
    command c = {{0}, 0};
    int status = -1;
    for (size_t i = 0; i < (own ? 1 : sizeof usual / sizeof *usual) && status < 0; i++) {
        c = make_command(w, own ? chosen : usual[i]);
        status = run_command(w, &c);
        if (status < 0 && errno != ENOENT && errno != EACCES) break;
    }
    if (status == 0) return true;
    if (status == 127 || status < 0) {
        const char *why = status < 0 ? strerror(errno) : "it cannot be started";
        at_diag *diag =
            own ? at_error(w->s, AT_E_NO_COMPILER, at_no_span(),
                           "the C compiler `%s`, which ATTEND_CC names, cannot be run: %s", chosen,
                           why)
                : at_error(w->s, AT_E_NO_COMPILER, at_no_span(),
                           "no C compiler can be run: there is no cc, gcc or clang on the PATH");
        at_hint(w->s, diag, "install one, set ATTEND_CC to its path, or use "
                            "`--executor reference`");
        return false;
    }
    const char *said = first_error(w);
    at_diag *diag = at_error(w->s, AT_E_COMPILER, at_no_span(),
                             "the C compiler failed with status %d%s%s", status, said ? ": " : "",
                             said ? said : "");
    at_note(w->s, diag, at_no_span(), "it was run as: %s", command_text(w->s, &c));
    at_note(w->s, diag, at_no_span(), "its source is kept: %s", w->source);
    w->keep = true;
    return false;
}

static bool build(void *user) {
    workshop *w = user;
    if (!open_workshop(w) || !at_write_file(w->s, w->source, write_source, (void *)w->text))
        return false;
    if (!compile(w)) return false;
    w->handle = dlopen(w->library, RTLD_NOW | RTLD_LOCAL);
    if (w->handle) return true;
    at_diag *diag = at_error(w->s, AT_E_LOAD, at_no_span(),
                             "the compiled code cannot be loaded: %s", dlerror());
    at_hint(w->s, diag, "if its folder allows no programs to run (noexec), set TMPDIR to one that "
                        "does");
    return false;
}

void *at_cc_load(at_session *s, const at_text *source) {
    workshop w = {.s = s, .text = source};
    return at_released(s, build, close_workshop, &w) ? w.handle : NULL;
}
