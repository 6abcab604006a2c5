/* Kernels kept between runs: files of one folder, named by the hash of all that they depend on.
 *
 * The folder is $ATTEND_CACHE, or attend/ in $XDG_CACHE_HOME or ~/.cache. What lies in it is run,
 * so a folder that others own or can write is refused. A kernel is the library as the compiler
 * wrote it, followed by a trailer with its length, its key and its checksum: a file that was cut
 * short, changed or put there under another name is not loaded but compiled again. Files are
 * written under a temporary name and renamed, so several processes may use the folder at once; two
 * that miss the same kernel both compile it, and the last one's stays. What was used least recently
 * goes when the folder grows over its limit; using a kernel sets its time. */
#define _GNU_SOURCE
#include "run/run_int.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { USUAL_LIMIT_MB = 512, STALE_SECONDS = 3600, LONGEST = 4096, HEX = 2 * AT_HASH_BYTES };

/* At the end of each library; whole numbers are little-endian. */
typedef struct {
    char magic[16];
    unsigned char length[8], key[AT_HASH_BYTES], sum[AT_HASH_BYTES];
} trailer;

static const char magic[16] = "attend kernel 1\n";

/* ---- the folder ------------------------------------------------------------------------------ */

static bool find_limit(at_session *s, at_cache *out) {
    const char *text = getenv("ATTEND_CACHE_LIMIT");
    out->limit = (uint64_t)USUAL_LIMIT_MB << 20;
    if (!text || !*text) return true;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    int shift = *end == 'k' ? 10 : *end == 'm' ? 20 : *end == 'g' ? 30 : 0;
    bool number = text[0] >= '0' && text[0] <= '9' && !errno && !end[shift > 0];
    if (number && value <= UINT64_MAX >> shift) {
        out->limit = (uint64_t)value << shift;
        return true;
    }
    at_diag *diag = at_error(s, AT_E_CACHE_LIMIT, at_no_span(),
                             "ATTEND_CACHE_LIMIT is `%s`, which is no number of bytes", text);
    at_hint(s, diag, "bytes are written as 100m or 2g");
    return false;
}

/* The folder's path, or NULL, with `why`, where there is none. */
static const char *find_folder(at_session *s, const char **why) {
    const char *own = getenv("ATTEND_CACHE");
    if (own && strcmp(own, "off") == 0) return *why = "ATTEND_CACHE is off", NULL;
    if (own && *own) return at_copy_text(s->arena, own, strlen(own));
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/') return at_format(s->arena, "%s/attend", base);
    if (home && home[0] == '/') return at_format(s->arena, "%s/.cache/attend", home);
    return *why = "neither HOME nor ATTEND_CACHE names a folder", NULL;
}

static bool refuse(at_session *s, const char *folder, const char *why, const char *hint) {
    at_diag *diag = at_error(s, AT_E_CACHE_FOLDER, at_no_span(),
                             "the kernel cache %s %s: what lies in it would be run", folder, why);
    at_hint(s, diag, "%s, or set ATTEND_CACHE to a folder of your own, or to `off`", hint);
    return false;
}

bool at_cache_open(at_session *s, bool make, at_cache *out) {
    *out = (at_cache){0};
    if (!find_limit(s, out)) return false;
    const char *folder = find_folder(s, &out->why);
    if (!folder) return true;
    if (strlen(folder) > LONGEST - HEX - 16) return out->why = "its path is too long", true;
    struct stat status;
    if (make && !at_make_folders(at_format(s->arena, "%s/", folder))) {
        out->why = at_format(s->arena, "%s cannot be made: %s", folder, strerror(errno));
        return true;
    }
    if (stat(folder, &status) != 0) {
        out->why = at_format(s->arena, "%s: %s", folder, strerror(errno));
        return true;
    }
    if (!S_ISDIR(status.st_mode))
        return out->why = at_format(s->arena, "%s is no folder", folder), true;
    if (status.st_uid != geteuid())
        return refuse(s, folder, "belongs to another user", "remove it");
    if (status.st_mode & (S_IWGRP | S_IWOTH))
        return refuse(s, folder, "can be written by others",
                      at_format(s->arena, "`chmod go-w %s`", folder));
    out->folder = folder;
    return true;
}

/* ---- one kernel ------------------------------------------------------------------------------ */

static void path_of(const at_cache *cache, const unsigned char *key, const char *ending,
                    char path[LONGEST]) {
    char hex[HEX + 1];
    at_hash_hex(key, hex);
    snprintf(path, LONGEST, "%s/%s%s", cache->folder, hex, ending);
}

static void sum_of(const void *bytes, size_t length, unsigned char *sum) {
    at_hash hash;
    at_hash_begin(&hash);
    at_hash_add(&hash, bytes, length);
    at_hash_end(&hash, sum);
}

static trailer make_trailer(const unsigned char *bytes, size_t length, const unsigned char *key) {
    trailer t;
    memcpy(t.magic, magic, sizeof magic);
    for (int i = 0; i < 8; i++) t.length[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(t.key, key, sizeof t.key);
    sum_of(bytes, length, t.sum);
    return t;
}

/* All of an open file that is ours alone to write; NULL where it is not, or cannot be read. */
static unsigned char *read_own(int file, size_t *length) {
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) || status.st_size <= 0)
        return NULL;
    size_t size = (size_t)status.st_size, at = 0;
    unsigned char *bytes = malloc(size + 1); /* and a 0 behind */
    while (bytes && at < size) {
        ssize_t n = read(file, bytes + at, size - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        at += (size_t)n;
    }
    if (bytes && at == size) return bytes[size] = 0, *length = size, bytes;
    free(bytes);
    return NULL;
}

static unsigned char *read_path(const char *path, size_t *length) {
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return NULL;
    unsigned char *bytes = read_own(file, length);
    close(file);
    return bytes;
}

static bool is_whole(const unsigned char *bytes, size_t length, const unsigned char *key) {
    if (length < sizeof(trailer)) return false;
    length -= sizeof(trailer);
    trailer want = make_trailer(bytes, length, key);
    return memcmp(bytes + length, &want, sizeof want) == 0;
}

void *at_cache_load(const at_cache *cache, const unsigned char *key) {
    if (!cache->folder) return NULL;
    char path[LONGEST];
    path_of(cache, key, ".so", path);
    if (access(path, F_OK) != 0) return NULL;
    size_t length = 0;
    unsigned char *bytes = read_path(path, &length);
    bool whole = bytes && is_whole(bytes, length, key);
    free(bytes);
    if (!whole) {
        unlink(path);
        return NULL;
    }
    /* NULL where the folder lies on a disk that allows no programs: then each run compiles. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle) utimensat(AT_FDCWD, path, NULL, 0);
    return handle;
}

/* Writes all of it, or gives false. */
static bool write_all(int file, const void *from, size_t length) {
    const unsigned char *bytes = from;
    while (length > 0) {
        ssize_t n = write(file, bytes, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        length -= (size_t)n;
    }
    return true;
}

/* A file of two parts at `path`, or none. */
static void put(const at_cache *cache, const char *path, const void *first, size_t first_length,
                const void *second, size_t second_length) {
    char temporary[LONGEST];
    snprintf(temporary, sizeof temporary, "%s/new-XXXXXX", cache->folder);
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0) return;
    bool good = write_all(file, first, first_length) && write_all(file, second, second_length);
    good = close(file) == 0 && good;
    if (!good || rename(temporary, path) != 0) unlink(temporary);
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct {
    char name[HEX + 8];
    uint64_t bytes;
    struct timespec used; /* kernels of one second have an order too */
    bool kernel, stale; /* stale: a temporary file that nobody writes any more */
} entry;

typedef struct {
    entry *items; /* owned */
    size_t count, capacity;
} listing;

static bool is_hex(const char *text, size_t length) {
    return strlen(text) >= length && strspn(text, "0123456789abcdef") == length;
}

/* Only what is named as we name files is ours. */
static void list_file(int folder, const char *name, listing *list) {
    entry e = {.kernel = is_hex(name, HEX) && strcmp(name + HEX, ".so") == 0};
    bool note = is_hex(name, HEX) && strcmp(name + HEX, ".txt") == 0;
    bool temporary = strncmp(name, "new-", 4) == 0 && strlen(name) == 10;
    struct stat status;
    if (!(e.kernel || note || temporary) ||
        fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return;
    if (list->count == list->capacity) {
        size_t room = list->capacity ? 2 * list->capacity : 64;
        entry *grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return;
        list->items = grown;
        list->capacity = room;
    }
    size_t length = strlen(name);
    if (length >= sizeof e.name) return;
    memcpy(e.name, name, length + 1);
    e.bytes = (uint64_t)status.st_size;
    e.used = status.st_mtim;
    e.stale = temporary && time(NULL) - e.used.tv_sec > STALE_SECONDS;
    list->items[list->count++] = e;
}

static int by_use(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The files of the cache, what was used least recently first. */
static listing list_files(const at_cache *cache) {
    listing list = {0};
    DIR *folder = cache->folder ? opendir(cache->folder) : NULL;
    if (!folder) return list;
    for (struct dirent *file; (file = readdir(folder));)
        list_file(dirfd(folder), file->d_name, &list);
    closedir(folder);
    if (list.count) qsort(list.items, list.count, sizeof *list.items, by_use);
    return list;
}

static bool drop(const at_cache *cache, const entry *e) {
    char path[LONGEST];
    snprintf(path, sizeof path, "%s/%s", cache->folder, e->name);
    return unlink(path) == 0;
}

static void keep_below_limit(const at_cache *cache) {
    listing list = list_files(cache);
    uint64_t bytes = 0;
    for (size_t i = 0; i < list.count; i++) bytes += list.items[i].bytes;
    for (size_t i = 0; i < list.count; i++) {
        const entry *e = &list.items[i];
        if (!e->stale && bytes <= cache->limit) continue;
        if (drop(cache, e)) bytes -= e->bytes;
    }
    free(list.items);
}

void at_cache_store(const at_cache *cache, const unsigned char *key, const char *library) {
    if (!cache->folder) return;
    char path[LONGEST];
    path_of(cache, key, ".so", path);
    size_t length = 0;
    unsigned char *bytes = read_path(library, &length);
    if (!bytes) return;
    trailer t = make_trailer(bytes, length, key);
    put(cache, path, bytes, length, &t, sizeof t);
    free(bytes);
    keep_below_limit(cache);
}

char *at_cache_note(const at_cache *cache, const unsigned char *key) {
    if (!cache->folder) return NULL;
    char path[LONGEST];
    path_of(cache, key, ".txt", path);
    size_t length = 0;
    return (char *)read_path(path, &length);
}

void at_cache_note_store(const at_cache *cache, const unsigned char *key, const char *text) {
    if (!cache->folder) return;
    char path[LONGEST];
    path_of(cache, key, ".txt", path);
    put(cache, path, text, strlen(text), "\n", 1);
}

at_cache_summary at_cache_survey(const at_cache *cache) {
    at_cache_summary sum = {0};
    listing list = list_files(cache);
    time_t now = time(NULL);
    for (size_t i = 0; i < list.count; i++) {
        const entry *e = &list.items[i];
        sum.bytes += e->bytes;
        if (!e->kernel) continue;
        double age = difftime(now, e->used.tv_sec);
        if (sum.kernels++ == 0) sum.oldest = age > 0 ? age : 0; /* the first in the order of use */
        sum.newest = age > 0 ? age : 0;
    }
    free(list.items);
    return sum;
}

at_cache_summary at_cache_clear(const at_cache *cache) {
    at_cache_summary sum = {0};
    listing list = list_files(cache);
    for (size_t i = 0; i < list.count; i++) {
        if (!drop(cache, &list.items[i])) continue;
        sum.bytes += list.items[i].bytes;
        sum.kernels += list.items[i].kernel;
    }
    free(list.items);
    return sum;
}
