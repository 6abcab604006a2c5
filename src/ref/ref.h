/* ref: the reference executor. Its results are the meaning of the language: each equation evaluated
 * whole, in float64, in order, by a small bytecode. Every other path is judged against it. */
#ifndef AT_REF_H
#define AT_REF_H

#include "call/call.h"

/* Runs a cascade without AT_GRAD (grad/ writes it out). False after errors; results then are empty.
 * Bitwise the same for any number of threads. Memory is counted before anything is allocated.
 * Thread-safe for different sessions. An assertion that does not hold is an error. */
bool at_ref_run(at_session *s, const at_cascade *cascade, const at_call *call, at_results *results);

/* Rounding made up on purpose; see jitter.c. */
typedef struct {
    double size;    /* relative: the most that one result of an operation is off */
    bool single;    /* results have float's range, and are exact where a float holds them */
    bool varied;    /* equal computations may round differently */
    uint64_t seed;  /* odd: results too small for the type are 0 */
    uint64_t count; /* 0 */
} at_jitter;

/* at_ref_run on one thread, with the results of real operations, and constants, off by made-up
 * rounding. Slow: no operation is taken together with others. */
bool at_ref_run_jittered(at_session *s, const at_cascade *cascade, const at_call *call,
                         const at_jitter *jitter, at_results *results);

/* What became of one assertion of a law. */
typedef struct {
    const at_statement *assertion;
    bool holds;
    /* Of the first element that does not hold, or of the last execution inside of regions: */
    const char *element;         /* "[i=3, e=0]", "" for a scalar; in the session */
    double left, right; /* both sides; bools as 0 and 1 */
    double allowed;     /* the difference that was allowed */
} at_check;

typedef struct {
    int count, capacity;
    at_check *items; /* in the session; in the order of the assertions */
} at_checks;

/* Compares both sides of an assertion: `count` elements of 8 bytes each, reals as doubles, others
 * as ints. own: what reals may differ by where the law does not say. *at: the first element that
 * does not hold, whose values are told; its name is not. */
at_check at_sides_compare(const at_statement *assertion, const void *left, const void *right,
                          int64_t count, double own, int64_t *at);
/* Records E708 for one that does not hold. */
void at_check_report(at_session *s, const at_cascade *law, const at_check *failed);

/* Runs a law and says of each assertion whether it holds; at_ref_run otherwise. False after errors,
 * which a failed assertion is not. results may be NULL. */
bool at_ref_check(at_session *s, const at_cascade *law, const at_call *call, at_checks *checks,
                  at_results *results);

/* Computes how a param, a state or a law's drawn input begins: for at_bind_call, whose `user` is
 * the at_call. out has the array's extents and is f64, i64 or bool. Draws of params and states
 * belong to run 0, those of inputs to the call's run. */
bool at_ref_start(at_session *s, void *call, const at_start *start, const int64_t *extents,
                  at_tensor *out);

#endif
