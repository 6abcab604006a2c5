/* Time and memory of this process, as the operating system tells them.
 *
 * Memory is what the machine has available, or less where a control group (a container, a job of a
 * batch system) allows less: Linux ends a process that goes beyond, so it must be known before. */
#define _DEFAULT_SOURCE
#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double at_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

size_t at_memory_peak(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (size_t)usage.ru_maxrss * 1024u;
}

/* The number that follows `key` in a file of lines "key number"; an empty key: the file's first. */
static bool read_number(const char *path, const char *key, uint64_t *number) {
    FILE *file = fopen(path, "r");
    char line[256];
    bool found = false;
    unsigned long long value = 0;
    size_t length = strlen(key);
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, key, length) == 0 && sscanf(line + length, " %llu", &value) == 1;
    if (file) fclose(file);
    *number = value;
    return found;
}

typedef struct {
    const char *root, *limit, *usage, *cache;
} group_files;

/* What one group leaves: its limit less its use; the idle part of the file cache counts as free. */
static uint64_t group_free(const group_files *f, const char *folder) {
    char path[1024];
    uint64_t limit, usage, cache = 0;
    snprintf(path, sizeof path, "%s%s/%s", f->root, folder, f->limit);
    if (!read_number(path, "", &limit)) return UINT64_MAX; /* no such group, or "max" */
    if (limit >> 60) return UINT64_MAX; /* how the older groups say that there is none */
    snprintf(path, sizeof path, "%s%s/%s", f->root, folder, f->usage);
    if (!read_number(path, "", &usage)) return UINT64_MAX;
    snprintf(path, sizeof path, "%s%s/memory.stat", f->root, folder);
    (void)read_number(path, f->cache, &cache);
    if (cache > usage) cache = usage;
    usage -= cache;
    return limit > usage ? limit - usage : 0;
}

/* The least that this process' groups, from its own up to the root, leave. */
static uint64_t groups_free(void) {
    static const group_files unified = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                        "inactive_file "};
    static const group_files legacy = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                       "memory.usage_in_bytes", "total_inactive_file "};
    FILE *file = fopen("/proc/self/cgroup", "r");
    char line[768];
    uint64_t least = UINT64_MAX;
    while (file && fgets(line, sizeof line, file)) {
        /* "0::/folder" or "4:memory:/folder" */
        line[strcspn(line, "\n")] = 0;
        char *kinds = strchr(line, ':'), *folder = kinds ? strchr(kinds + 1, ':') : NULL;
        if (!folder) continue;
        *folder++ = 0;
        const group_files *files = kinds[1] == 0 ? &unified : &legacy;
        if (files == &legacy && strcmp(kinds + 1, "memory") != 0) continue;
        for (char *slash = folder; slash;) {
            uint64_t left = group_free(files, strcmp(folder, "/") == 0 ? "" : folder);
            if (left < least) least = left;
            slash = strrchr(folder, '/');
            if (slash) *slash = 0;
        }
    }
    if (file) fclose(file);
    return least;
}

size_t at_memory_free(void) {
    uint64_t machine, groups = groups_free();
    if (read_number("/proc/meminfo", "MemAvailable:", &machine)) {
        machine *= 1024;
    } else {
        long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
        machine = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : (uint64_t)1 << 30;
    }
    uint64_t least = groups < machine ? groups : machine;
    return least < SIZE_MAX ? (size_t)least : SIZE_MAX;
}
