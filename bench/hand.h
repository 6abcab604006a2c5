/* What the loops written by hand share. Each is compiled twice, for float and double, by
 * gcc -O3 -march=native; math functions are those of the C library, by <tgmath.h>. */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

#ifdef HAND_DOUBLE
typedef double real;
#define HAND(name) name##_f64
#else
typedef float real;
#define HAND(name) name##_f32
#endif

/* size: the extents that bench.c lists; in: the inputs in the program's order, row-major; out: the
 * output. */
#define HAND_LOOP(name) \
    void HAND(name)(const int64_t *size, const void *const *in, void *out); \
    void HAND(name)(const int64_t *size, const void *const *in, void *out)

#endif
