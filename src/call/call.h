/* call: what a run takes and gives, the same for the reference executor and for compiled code:
 * binding a caller's arrays to a cascade (names, kinds, ranks, extents, requirements), parameters
 * and state by path, and the draws, which are a pure function of seed, path, rounds and indices. */
#ifndef AT_CALL_H
#define AT_CALL_H

#include "ir/ir.h"
#include "tensor/tensor.h"

typedef struct {
    uint64_t seed;
    uint64_t run;         /* the number of the run: draws differ between runs */
    int threads;          /* 0: as many as the machine has, at most 64 */
    size_t memory_limit;  /* bytes for arrays; 0: what the machine has free */
    const at_collection *inputs;  /* by name; borrowed */
    const at_collection *params;  /* by path, rounds as numbers: "block[3].w"; NULL: all as they begin */
    const at_collection *states;  /* by path; NULL or missing ones: as they begin */
    const char *params_from, *states_from; /* where they are from, for messages: a file; may be NULL */
} at_call;

typedef struct {
    at_collection outputs; /* by their names in the program, in its order: f64 (compiled code: its own
                              type of reals), i64 or bool */
    at_collection states;  /* the new state, when the cascade has any */
} at_results;

void at_results_free(at_results *results);

/* ---- bind.c ---------------------------------------------------------------------------------- */

/* A call fitted to a cascade. Owns its tensors, but for inputs that fit as they are: these are the
 * caller's, and only read. */
typedef struct {
    const at_cascade *cascade;
    at_type type;         /* of reals */
    int64_t *extents;     /* of every axis, by id */
    at_tensor **inputs;   /* by position in cascade->inputs: of the type, i64 or bool */
    at_tensor **params;   /* by position; rounds stacked in front; of the type, i64 or bool */
    at_tensor **states;
    bool *borrowed;       /* by position in cascade->inputs */
} at_bound_call;

/* Checks names, ranks, kinds, agreement of extents (naming both places), `index` ranges and every
 * require; converts what it can (ints for reals); makes params and states that were not given as
 * they begin. False after errors. Starting values are computed by `evaluate`, which the executor
 * gives: it fills `out` (array->rank extents from `extents`) from a start. */
bool at_bind_call(at_session *s, const at_cascade *cascade, const at_call *call,
                  bool (*evaluate)(at_session *s, void *user, const at_start *start,
                                   const int64_t *extents, at_tensor *out),
                  void *user, at_bound_call *out);
/* The same with reals of another type than f64. `evaluate` still fills f64. */
bool at_bind_call_as(at_session *s, const at_cascade *cascade, const at_call *call, at_type type,
                     bool (*evaluate)(at_session *s, void *user, const at_start *start,
                                      const int64_t *extents, at_tensor *out),
                     void *user, at_bound_call *out);
void at_bound_call_free(at_bound_call *bound);
/* The shapes alone: fills the extents of all axes (by id) from those of the inputs, by position in
 * cascade->inputs and of the right rank; their data are not looked at. False after errors: extents
 * that do not go together, and requirements. */
bool at_bind_shapes(at_session *s, const at_cascade *cascade, const at_tensor *const *given,
                    int64_t *extents);
/* The same for extents alone. extents: by axis id, filled where the caller knows them, else -1; all
 * are filled in, and every require is checked. False after errors. */
bool at_bind_extents(at_session *s, const at_cascade *cascade, int64_t *extents);
/* Splits a stacked array by its rounds into files' names: "block[].w" with 6 rounds gives
 * "block[0].w" … "block[5].w". Used for params and states alike; adds to `out`. */
bool at_unstack(at_session *s, const at_array *array, const at_tensor *stacked,
                at_collection *out);

/* ---- draw.c ---------------------------------------------------------------------------------- */

/* The key of an array's draws: seed, run (0 for params and states) and path. */
uint64_t at_draw_key(uint64_t seed, uint64_t run, const char *path);
/* One draw: `element` identifies rounds and indices. Standard: normal(0,1), uniform in [0,1), for
 * bernoulli uniform too, gumbel. The same on every machine to the last bit but for libm's log, sin
 * and cos. */
double at_draw_value(uint64_t key, uint64_t element, at_draw draw);
/* The element of rounds and indices: from 0, one of them after the other, rounds first, outermost
 * first. No extent goes in. */
uint64_t at_draw_element(uint64_t element, uint64_t index);
/* A standard draw with its parameters as in draws.def (unused ones are ignored); bernoulli gives 1
 * or 0. */
double at_draw_scaled(at_draw draw, double standard, double a, double b);

#endif
