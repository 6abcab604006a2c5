/* What the files of run/ share: the compiler's flags, its folder, and the kernel cache. */
#ifndef AT_RUN_INT_H
#define AT_RUN_INT_H

#include "run/run.h"

/* ---- target.c */

typedef struct {
    const char *name;   /* "native" */
    const char **flags; /* "-mavx2"; in the session */
    int count;
} at_target;

/* The target called `name`, or what ATTEND_TARGET says when that is NULL, or else native. False
 * after E961: there is none, or this processor cannot run its code. */
bool at_target_find(at_session *s, const char *name, at_target *out);

/* ---- workshop.c */

typedef struct {
    char **items; /* ended by NULL where it is a command */
    int count, capacity;
} at_words;

enum { AT_WORKSHOP_PATH = 1024, AT_WORKSHOP_STOPPED = 256 };

/* Filled by at_workshop_open; to be closed even if that fails. */
typedef struct {
    at_session *s;
    char folder[AT_WORKSHOP_PATH - 16];
    /* Files in it: */
    char source[AT_WORKSHOP_PATH], trial[AT_WORKSHOP_PATH], library[AT_WORKSHOP_PATH];
    char log[AT_WORKSHOP_PATH]; /* what the compiler said */
    bool open, keep;            /* keep: the source, for the user to look at */
} at_workshop;

/* False after E907. */
bool at_workshop_open(at_workshop *w);
void at_workshop_close(at_workshop *w);
bool at_workshop_write(at_workshop *w, const char *path, const at_text *source);
/* Starts a command and waits for it: its exit status, or -1 with errno if it cannot be started, or
 * AT_WORKSHOP_STOPPED when the session's progress function ended it. */
int at_workshop_run(at_workshop *w, const at_words *command);
/* What it said of an error, for a message; NULL when it said nothing. */
const char *at_workshop_said(at_workshop *w);

/* ---- cache.c: one kernel; what users see of the cache is in run.h */

/* Loads a kept kernel: what dlopen gave, or NULL when there is none, or when it is not whole or not
 * ours, in which case it is removed. Never an error: what is not there is compiled. */
void *at_cache_load(const at_cache *cache, const unsigned char *key);
/* Keeps a copy of the library at `path`, and lets what was used least recently go where the folder
 * grows over its limit. What cannot be written (a full disk) is not kept, and nothing is told. */
void at_cache_store(const at_cache *cache, const unsigned char *key, const char *path);
/* A text beside the kernels; free it. NULL when there is none. */
char *at_cache_note(const at_cache *cache, const unsigned char *key);
void at_cache_note_store(const at_cache *cache, const unsigned char *key, const char *text);

#endif
