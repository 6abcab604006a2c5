/* Time and memory of this process, as the operating system tells them. */
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

size_t at_memory_free(void) {
    FILE *info = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long long kib = 0;
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) break;
    if (info) fclose(info);
    if (kib) return (size_t)(kib * 1024u);
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size / 2 : (size_t)1 << 30;
}
