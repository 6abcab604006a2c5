/* A trial in a process of its own, so that a crash, a failed assertion and a trial that does not
 * end are failures like others and can be made small. The parent never starts a thread. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

shared *shared_new(void) {
    shared *memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

static void error_path(char *path, size_t bytes, int child) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, bytes, "%s/attend-random-%d", folder ? folder : "/tmp", child);
}

int isolate_begin(void (*body)(void *user, shared *memory), void *user, shared *memory) {
    memory->verdict.failed = false;
    fflush(NULL);
    int child = (int)fork();
    if (child < 0) abort();
    if (child) return child;
    /* What an assertion says must be kept: stderr goes to a file. */
    char path[256];
    error_path(path, sizeof path, (int)getpid());
    if (!freopen(path, "w", stderr)) _exit(70);
    setvbuf(stderr, NULL, _IONBF, 0); /* an abort writes no buffers */
    body(user, memory);
    exit(0); /* not _exit: a sanitizer looks for leaks at the end */
}

/* The line of an assertion, which stays the same while a program shrinks; of a sanitizer the line
 * that says what it is. */
static void crash_key(verdict *v, const char *message) {
    const char *at = strstr(message, "attend: internal error");
    if (!at) at = strstr(message, "ERROR: ");
    if (!at) at = strstr(message, "runtime error: ");
    if (!at) return;
    size_t length = strcspn(at, "\n");
    if (length >= sizeof v->key) length = sizeof v->key - 1;
    memcpy(v->key, at, length);
    v->key[length] = 0;
    if (strncmp(at, "ERROR: ", 7) == 0) v->key[strcspn(v->key, "0")] = 0; /* addresses differ */
}

void isolate_end(int child, int status, shared *memory) {
    verdict *v = &memory->verdict;
    char path[256];
    error_path(path, sizeof path, child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        v->failed = true;
        int why = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        strcpy(v->property, why == SIGALRM ? "too slow" : "crash");
        snprintf(v->key, sizeof v->key, why == SIGALRM ? "does not end" : "crash, signal %d", why);
        v->message[0] = 0;
        FILE *file = fopen(path, "r");
        size_t length = file ? fread(v->message, 1, sizeof v->message - 1, file) : 0;
        v->message[length] = 0;
        if (file) fclose(file);
        crash_key(v, v->message);
    }
    unlink(path);
}

void isolated(void (*body)(void *user, shared *memory), void *user, shared *memory) {
    int child = isolate_begin(body, user, memory), status;
    while (waitpid(child, &status, 0) < 0) continue;
    isolate_end(child, status, memory);
}
