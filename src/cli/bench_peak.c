/* What the machine reaches: multiply-adds a second with all vector registers busy, and bytes a
 * second from memory. Figures of a benchmark mean little without these, and they change from day to
 * day on a machine that is shared, so they are measured each time.
 *
 * The widest instructions that the processor has are chosen when the program runs. */
#define _DEFAULT_SOURCE
#include "cli/bench.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHAINS = 16 };

typedef double (*spinner)(int64_t rounds); /* gives operations */

#if defined __x86_64__
#define SPIN(name, target_name, type, bytes, instruction)                                          \
    __attribute__((target(target_name))) static double name(int64_t rounds) {                      \
        typedef type vector __attribute__((vector_size(bytes)));                                   \
        vector a[CHAINS], b = {0}, c = {0};                                                        \
        _Pragma("GCC unroll 16") for (int k = 0; k < CHAINS; k++) a[k] = b;                        \
        for (int64_t i = 0; i < rounds; i++)                                                       \
            _Pragma("GCC unroll 16") for (int k = 0; k < CHAINS; k++)                              \
                __asm__ volatile(instruction " %1, %2, %0" : "+v"(a[k]) : "v"(b), "v"(c));         \
        return 2.0 * CHAINS * (bytes / sizeof(type)) * (double)rounds;                             \
    }
SPIN(spin_f32_512, "avx512f", float, 64, "vfmadd231ps")
SPIN(spin_f64_512, "avx512f", double, 64, "vfmadd231pd")
SPIN(spin_f32_256, "avx2,fma", float, 32, "vfmadd231ps")
SPIN(spin_f64_256, "avx2,fma", double, 32, "vfmadd231pd")
#endif

/* Multiplication and addition of 16-byte vectors, which every compiler has instructions for. */
#define SPIN_PLAIN(name, type)                                                                     \
    static double name(int64_t rounds) {                                                           \
        typedef type vector __attribute__((vector_size(16)));                                      \
        vector a[CHAINS], b = {0}, c = {0};                                                        \
        for (int k = 0; k < CHAINS; k++) a[k] = b;                                                 \
        for (int64_t i = 0; i < rounds; i++)                                                       \
            for (int k = 0; k < CHAINS; k++) {                                                     \
                a[k] += b * c;                                                                     \
                __asm__ volatile("" : "+m"(a[k]));                                                 \
            }                                                                                      \
        return 2.0 * CHAINS * (16 / sizeof(type)) * (double)rounds;                                \
    }
SPIN_PLAIN(spin_f32_plain, float)
SPIN_PLAIN(spin_f64_plain, double)

static spinner choose(bool wide) {
#if defined __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return wide ? spin_f64_512 : spin_f32_512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return wide ? spin_f64_256 : spin_f32_256;
#endif
    return wide ? spin_f64_plain : spin_f32_plain;
}

/* The best of many short tries of each thread, together: what disturbs can only slow it down. */
static double measure_spin(spinner spin, int threads) {
    enum { ROUNDS = 1 << 17 };
    const double seconds = 0.25; /* for each type */
    double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        double begin = at_now(), now = begin;
        while (now - begin < seconds) {
            double start = at_now(), operations = spin(ROUNDS);
            now = at_now();
            if (operations / (now - start) > rate) rate = operations / (now - start);
        }
    }
    return rate / 1e9;
}

/* Beyond the caches as far as half a gigabyte goes (a virtual machine may name a cache that it
 * shares with many), but not much of what the machine has. */
static size_t far_bytes(void) {
    size_t bytes = (size_t)256 << 20, most = at_memory_free() / 4, limit = (size_t)512 << 20;
    long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    if (cache > 0 && (size_t)cache * 2 > bytes) bytes = (size_t)cache * 2;
    if (bytes > limit) bytes = limit;
    if (bytes > most) bytes = most;
    return bytes & ~(((size_t)2 << 20) - 1); /* whole large pages */
}

/* Adds up words, eight vectors in flight. */
static double read_all(const double *words, size_t count) {
    typedef double vector __attribute__((vector_size(32), aligned(8)));
    vector sum[8];
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i + 32 <= count; i += 32)
        for (int k = 0; k < 8; k++) sum[k] += *(const vector *)(words + i + 4 * k);
    double all = 0;
    for (int k = 0; k < 8; k++) all += sum[k][0] + sum[k][1] + sum[k][2] + sum[k][3];
    return all;
}

/* Each thread reads its part piece by piece and gives the best of them. */
static double measure_memory(int threads) {
    enum { LARGE_PAGE = 2 << 20, PIECE = 2 << 20, ROUNDS = 2 }; /* a piece: in words */
    size_t bytes = far_bytes(), part = bytes / sizeof(double) / (size_t)threads;
    double *words = aligned_alloc(LARGE_PAGE, bytes), rate = 0;
    if (!words) return 0;
#ifdef MADV_HUGEPAGE
    (void)madvise(words, bytes, MADV_HUGEPAGE); /* less time for pages; it works without too */
#endif
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        double *own = words + (size_t)omp_get_thread_num() * part;
        volatile double sink = 0;
        memset(own, 0, part * sizeof *own);
        for (int round = 0; round < ROUNDS; round++)
            for (size_t at = 0; at + PIECE <= part; at += PIECE) {
                double start = at_now();
                sink = sink + read_all(own + at, PIECE);
                double each = PIECE * sizeof *own / (at_now() - start);
                if (each > rate) rate = each;
            }
    }
    free(words);
    return rate / 1e9;
}

/* What a thread may call its own of the second cache, half of it: the rest is for what else it
 * holds. */
static size_t near_bytes(void) {
    size_t most = (size_t)1 << 20, bytes = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (cache > 0) bytes = (size_t)cache / 2;
#endif
    if (bytes == 0) bytes = (size_t)128 << 10;
    return (bytes > most ? most : bytes) & ~(size_t)4095;
}

/* Each thread reads its own piece again and again; the best time of each counts. */
static double measure_cache(int threads) {
    size_t bytes = near_bytes();
    double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        const double seconds = 0.05;
        double *words = aligned_alloc(4096, bytes), begin = at_now(), now = begin;
        volatile double sink = 0;
        if (words) memset(words, 0, bytes);
        while (words && now - begin < seconds) {
            double start = at_now();
            for (int i = 0; i < 8; i++) sink = sink + read_all(words, bytes / sizeof *words);
            now = at_now();
            double each = 8 * (double)bytes / (now - start);
            if (each > rate) rate = each;
        }
        free(words);
    }
    return rate / 1e9;
}

at_bench_peak at_bench_peak_measure(int threads) {
    at_bench_peak peak = {.threads = threads};
    peak.cache_gbs = measure_cache(threads);
    peak.cache_bytes = (int64_t)near_bytes() * threads;
    peak.f32_gflops = measure_spin(choose(false), threads);
    peak.f64_gflops = measure_spin(choose(true), threads);
    peak.dram_gbs = measure_memory(threads);
    return peak;
}
