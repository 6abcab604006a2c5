/* check: what must hold of every random program, tried on one at a time in a process of its own; a
 * failure made small; what was covered. The programs come from random.h. */
#ifndef CHECK_H
#define CHECK_H

#include "random.h"

/* ---- trial.c: one program and its runs ------------------------------------------------------- */

/* What a program gave: a cascade with states runs a second time, from the states of the first. */
typedef struct {
    int count;
    at_results runs[2];
} outcome;

typedef struct {
    const random_program *program;
    unsigned long number;       /* of the program */
    at_session *s;
    const at_program *loaded;   /* NULL when it does not parse */
    const at_cascade *resolved; /* NULL when it does not resolve */
    const at_cascade *cascade;  /* the same with its derivatives written out; NULL beyond a limit */
    bool limited;               /* a derivative that it takes is refused, by an error that says so */
    at_text print;              /* of `resolved` */
    at_collection inputs;
    bool has_run;
    outcome result;             /* on the reference executor, with one thread */
    const at_cascade *derivative; /* by all inputs and params, once it was made */
    outcome slopes;             /* what it gives for drawn cotangents */
    const char *sabotage;       /* what is broken on purpose; "" nothing */
    const char *key;            /* of the failure: stays the same while it is made small */
    at_text message;
    int undecided;              /* differences that rounding alone makes as well */
} trial;

/* False with its key and message. */
bool fails(trial *t, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with the session's errors. */
bool fails_with_errors(trial *t, const char *what);
/* Whether the session has errors, all of which say what attend cannot do. */
bool only_limits(const at_session *s);
bool begin_trial(trial *t, const random_program *program);
void end_trial(trial *t);
/* What the program is resolved with: sizes, a given option, training. */
at_resolve_options resolve_options(const random_program *program);
/* Resolves a text as the program was; NULL with errors in the session. `sizes`: the extents of
 * inputs are given. */
const at_cascade *resolved_text(trial *t, const char *name, const at_text *text, bool given);
/* Runs the cascade of the program, one that takes the same inputs, or one that takes cotangents of
 * the program's outputs behind them. False with errors. `noise` disturbs inputs, relative to their
 * size; 0: nothing. */
bool run_cascade(trial *t, const at_cascade *cascade, int threads, double noise, uint64_t seed,
                 outcome *result);
void outcome_free(outcome *o);
/* The inputs of a cascade that run_cascade runs; false with errors. */
bool draw_inputs(trial *t, const at_cascade *cascade, double noise, uint64_t seed,
                 at_collection *out);
/* Runs the program once, with one thread. */
bool has_result(trial *t);
/* The largest difference of two outcomes, in units of 1 or the largest element, whichever is more:
 * 0 for the same bits, infinity for ints and bools that differ; *where tells where. */
double difference(trial *t, const outcome *a, const outcome *b, const char **where);
/* How far the results of a cascade move when inputs and equations are disturbed by about 1e-13. */
double sensitivity(trial *t, const at_cascade *cascade, const outcome *result);

/* ---- properties.c ---------------------------------------------------------------------------- */

typedef struct {
    const char *name, *doc;
    bool (*holds)(trial *t);
    bool only_asked; /* tried only when it is named: it does not hold yet */
    bool (*all_hold)(trial **trials, int count, unsigned long *number); /* instead of `holds`, of many */
} property;

/* In the order in which they are tried; the first that fails ends a trial. Ended by a NULL name. */
extern const property properties[];

/* Whether there is something to derive, and something to derive by. */
bool has_derivative(const trial *t);

/* ---- compiled.c ------------------------------------------------------------------------------ */

/* What the reals of a program are stored as when it is compiled. */
at_type compiled_type(const random_program *program);
/* Whether programs of one such type, and their derivatives, agree as compiled code with the
 * reference. *number is the number of the one at hand; when false, that fails. */
bool compiled_agree(trial **trials, int count, unsigned long *number);
/* A property of the comparison: made-up rounding is none of its failures. */
bool rounding_is_allowed(trial *t);

/* ---- coverage.c ------------------------------------------------------------------------------ */

enum { MOST_ROWS = 256 };

typedef struct {
    unsigned long counts[MOST_ROWS];
    unsigned long programs, undecided;
} coverage;

void cover(coverage *c, const at_cascade *cascade, const random_program *program);
/* Prints all counts, or only those of 0; returns how many are. */
int coverage_print(const coverage *c, bool all);

/* ---- isolate.c: a trial in its own process --------------------------------------------------- */

typedef struct {
    bool failed;
    char property[40];
    char key[200];
    char message[6000];
} verdict;

/* What children and parent share. */
typedef struct {
    unsigned long next;   /* the number of the program that is tried */
    verdict verdict;
    coverage covered;
} shared;

shared *shared_new(void);
/* Runs `body` in a child until it returns; whatever ends the child is told in the verdict. */
int isolate_begin(void (*body)(void *user, shared *memory), void *user, shared *memory);
void isolate_end(int child, int status, shared *memory);
/* Both, waiting. */
void isolated(void (*body)(void *user, shared *memory), void *user, shared *memory);

/* ---- shrink.c -------------------------------------------------------------------------------- */

/* Makes the script smaller while `still` says that it still fails in the same way; the script is
 * replaced in place. */
void shrink(uint32_t **script, int *count,
            bool (*still)(void *user, const uint32_t *script, int count), int wild_percent,
            double seconds, void *user);

#endif
