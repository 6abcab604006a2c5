/* Measuring: all cases in turn, so that what disturbs the machine disturbs all alike; then
 * quantiles of the samples. Time is bounded by a budget; every case that starts gets a few
 * samples. */
#define _DEFAULT_SOURCE
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FEWEST = 3, MOST = 1000 };

/* The highest memory of this process, from here on; false where the system does not tell. */
static bool forget_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return false;
    bool good = fputs("5", file) >= 0;
    return fclose(file) == 0 && good;
}

/* VmRSS: bytes that are resident; VmHWM: at most, since it was forgotten. 0: not told. */
static size_t resident(const char *key) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kilobytes = 0;
    size_t length = strlen(key);
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && sscanf(line + length, ": %llu", &kilobytes) == 1)
            break;
    if (file) fclose(file);
    return (size_t)kilobytes * 1024;
}

/* Of one case: what its first run adds at most, and its inputs, which were there before. */
static size_t memory_of(const at_bench_case *c, size_t before) {
    size_t peak = resident("VmHWM"), inputs = 0;
    for (int i = 0; i < c->inputs.count; i++) {
        const at_tensor *tensor = c->inputs.items[i].tensor;
        inputs += (size_t)tensor->count * at_type_bytes(tensor->type);
    }
    return peak ? (peak > before ? peak - before : 0) + inputs : 0;
}

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool make_room(at_bench_case *c) {
    if (c->count < c->capacity) return true;
    int capacity = c->capacity ? 2 * c->capacity : 16;
    double *samples = realloc(c->samples, sizeof *samples * (size_t)capacity);
    if (samples) c->samples = samples;
    double *processor = samples ? realloc(c->processor, sizeof *samples * (size_t)capacity) : NULL;
    if (processor) c->processor = processor;
    if (processor) c->capacity = capacity;
    return processor != NULL;
}

static void sample(at_bench_case *c, int64_t batch) {
    double start = at_now(), begun = processor_seconds();
    for (int64_t i = 0; i < batch && !c->failed; i++) c->failed = !at_bench_run(c);
    double processor = processor_seconds() - begun, seconds = at_now() - start;
    c->spent += seconds;
    if (c->failed || !make_room(c)) return;
    c->samples[c->count] = seconds / (double)batch;
    c->processor[c->count++] = processor / (double)batch;
}

/* Runs that are slow by design are not even begun when they surely take too long. */
static bool is_too_slow(at_bench_case *c, double budget) {
    const double slowest = 0.2e9; /* operations a second of the plainest code */
    if (c->executor == AT_BENCH_COMPILED || c->flops_at_most) return false;
    double seconds = (double)c->flops / slowest;
    if (seconds <= 8 * budget) return false;
    c->skipped = at_format(c->s->arena, "would take about %.0f s a run; --budget allows more",
                           seconds);
    return true;
}

/* The first run also finds memory and how many runs make a sample. */
static void warm_up(at_bench_case *c, double budget) {
    const double shortest = 2e-4; /* a sample */
    if (c->failed || is_too_slow(c, budget)) return;
    bool clean = forget_peak();
    size_t before = resident("VmRSS");
    double start = at_now();
    c->failed = !at_bench_run(c);
    double first = at_now() - start;
    c->peak_memory = clean && before ? memory_of(c, before) : 0;
    c->batch = 1;
    if (first < shortest && !c->failed) {
        start = at_now();
        for (int i = 0; i < 8 && !c->failed; i++) c->failed = !at_bench_run(c);
        double each = (at_now() - start) / 8;
        c->batch = each > 0 ? (int64_t)(shortest / each) + 1 : 1000;
    }
    c->spent = at_now() - start;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void at_bench_time(at_bench_case *cases, int count, double budget,
                   void (*tell)(void *user, const char *what, double share), void *user) {
    for (int i = 0; i < count; i++) {
        tell(user, cases[i].name, -1);
        warm_up(&cases[i], budget);
    }
    double start = at_now(), share = budget / (count ? count : 1);
    for (int round = 0, open = 1; round < MOST && open; round++) {
        open = 0;
        for (int i = 0; i < count; i++) {
            at_bench_case *c = &cases[i];
            if (c->failed || c->skipped) continue;
            /* A slow case must not take what the others need. */
            bool over = c->count > 0 && at_now() - start >= budget;
            if (c->count >= FEWEST && (over || c->spent >= share)) continue;
            if (c->count > 0 && c->spent >= 2 * budget) continue;
            tell(user, c->name, (at_now() - start) / budget);
            sample(c, c->batch);
            open = 1;
        }
    }
    for (int i = 0; i < count; i++)
        if (cases[i].count) {
            qsort(cases[i].samples, (size_t)cases[i].count, sizeof(double), by_value);
            qsort(cases[i].processor, (size_t)cases[i].count, sizeof(double), by_value);
        }
}

double at_bench_quantile(const at_bench_case *c, double q) {
    if (c->count == 0) return 0;
    double at = q * (c->count - 1);
    int low = (int)at;
    if (low + 1 >= c->count) return c->samples[c->count - 1];
    return c->samples[low] + (at - low) * (c->samples[low + 1] - c->samples[low]);
}
