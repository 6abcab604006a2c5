/* check: laws on drawn inputs, and what a file's laws notice. A law is resolved and run on the
 * reference executor at several extents; a counterexample is made small and told with all that is
 * needed to see it again. A mutant is the file with one small change; laws that hold for it do not
 * notice the change. */
#ifndef AT_CHECK_H
#define AT_CHECK_H

#include "lang/lang.h"
#include "ref/ref.h"

/* ---- law.c ----------------------------------------------------------------------------------- */

typedef struct {
    uint64_t seed;          /* of extents and inputs: trial i draws its own by seed + i */
    int trials;             /* how many sets of extents; 0: the usual number */
    at_resolve_options resolve; /* sizes that are given stay; `function` is not looked at */
    bool only_whether;      /* a law that fails ends at once: nothing is made smaller, and only errors
                               are told */
    /* May be NULL; called before each trial. False ends the law early, which is no failure. */
    bool (*progress)(void *user, const char *law, int trial, int trials);
    void *user;
} at_law_options;

/* What became of one law. Everything lives in the session. */
typedef struct {
    const char *law;
    int trials;             /* that were run */
    bool holds;             /* in all of them; never after errors or an early end */
    /* Of the smallest counterexample that was found, or of the run that had errors: */
    int size_count;         /* 0 with errors that do not depend on extents */
    const at_known_size *sizes; /* the extents of the law's inputs' axes */
    uint64_t seed;          /* --seed that shows it again with these sizes */
    at_check failure;       /* the assertion and its first differing element; assertion NULL: none */
} at_law_result;

/* Runs `law`, a definition of the program's file, at several extents that its requirements allow:
 * 1, small primes, a few dozens; on the reference executor, with one thread. A law that does not
 * hold is told in the session as E708 with extents, seed and the command that shows it again, and
 * the result is true. False after other errors: those of a run are made smaller and told likewise;
 * E730 when no allowed extents are found. Memory of trials is given back. */
bool at_check_law(at_session *s, const at_program *program, const at_definition *law,
                  const at_law_options *options, at_law_result *result);

/* ---- uses.c ---------------------------------------------------------------------------------- */

/* Which definitions of a file lead to which others, through any number of calls, as far as the
 * names in the trees tell: a local name that hides a function's counts as that function. */
typedef struct {
    const at_file_tree *file;
    bool *leads; /* [definition][definition] by position in the file; in the session */
} at_uses;

at_uses at_uses_find(at_session *s, const at_file_tree *file);
/* Both are definitions of the file, or have the names of such. */
bool at_uses_lead(const at_uses *uses, const at_definition *from, const at_definition *to);

/* ---- gradient.c ------------------------------------------------------------------------------ */

/* What became of one function's derivative. Everything lives in the session. */
typedef struct {
    const char *function;
    int points;             /* drawn and compared */
    int rough, failed;      /* drawn in vain: at a corner or jump; where the function has errors or NaN */
    const char *without;    /* why nothing was compared; NULL when points > 0 */
    bool has_reals;         /* both given and given out; false before extents were found */
    bool agrees;            /* at all points; never when there are none */
    double worst;           /* the largest relative error */
    /* Of the point that does not agree, or whose derivative cannot be had: */
    int size_count;
    const at_known_size *sizes;
    uint64_t seed;
    const char *by;         /* the input or param; NULL: only all of them together */
    double derived, differed; /* slopes along a direction: the derivative's, and that of differences */
} at_gradient_result;

/* Compares the derivative of `function`, a definition of the program's file whose options have
 * values, with differences: at several extents and inputs that its requirements allow, on the
 * reference executor. A derivative that differs is told in the session as E750, one that is not
 * finite or cannot be run where the function can as E751, and the result is true. False after other
 * errors: the function's own, and limits of derivatives. options->trials: how many sets of extents;
 * 0: the usual number. Memory of runs is given back. */
bool at_check_gradient(at_session *s, const at_program *program, const at_definition *function,
                       const at_law_options *options, at_gradient_result *result);

/* ---- compare.c ------------------------------------------------------------------------------- */

/* What a run gave: results, or an error, which is taken out of the session. */
typedef struct {
    bool good;
    at_results results;  /* owned */
    at_code code;        /* of the first error */
    const char *errors;  /* "E701: …", the first error; in the session */
} at_ran;

typedef bool (*at_executor)(at_session *s, void *user, const at_call *call, at_results *results);

at_ran at_run_kept(at_session *s, at_executor run, void *user, const at_call *call);
void at_ran_free(at_ran *ran);
/* To the last bit, types included; or the same error. */
bool at_ran_same(const at_ran *a, const at_ran *b);
/* The value as F64, F32, BF16 or F16 hold it; any other type: as it is. */
double at_rounded(at_type type, double value);

/* The reference's result of one call, and how far rounding in `type` can move it. */
typedef struct at_measure at_measure;

/* Runs the reference. The call's reals are such as `type` holds; the call, the cascade and the
 * session outlive the measure. NULL without memory. Free with at_measure_free. */
at_measure *at_measure_new(at_session *s, const at_cascade *cascade, const at_call *call,
                           at_type type);
void at_measure_free(at_measure *measure);
const at_ran *at_measure_reference(const at_measure *measure);

typedef struct {
    bool agrees;
    int64_t elements; /* compared */
    int64_t decided;  /* of them, or failures: other than the reference's by what rounding decides */
    const char *what; /* does not agree: "o[i=3] is 1.5 where the reference has 2.5 (…)" */
} at_agreement;

/* Whether another executor's result, whose reals are of the measure's type, is one that rounding
 * lets be. Runs the reference several times more where it must. */
at_agreement at_measure_compare(at_measure *measure, const at_ran *other);

/* ---- executor.c ------------------------------------------------------------------------------ */

enum { AT_TYPES_TRIED = 4, AT_THREADS_TRIED = 8 };

typedef struct {
    int type_count;
    at_type types[AT_TYPES_TRIED];  /* F64, F32, BF16, F16: of inputs, params, states and outputs */
    int thread_count;
    int threads[AT_THREADS_TRIED];  /* all must give the same bits */
    bool derivatives;               /* of functions, beside themselves */
} at_executor_options;

/* What became of a file's laws and functions. Everything lives in the session. */
typedef struct {
    int programs;       /* compiled, each for every type: functions, derivatives, laws */
    int runs;           /* compared */
    int64_t elements;   /* compared */
    int64_t decided;    /* of them: other than the reference's by what rounding decides */
    int differ;         /* programs that differ */
    int refused;        /* programs without a compiled form */
    at_text refusals;   /* " `f` (E905: …)", comma-separated; to be freed */
} at_executor_result;

/* The programs of one file. */
typedef struct at_executor_trials at_executor_trials;

/* Everything lives in the session. */
at_executor_trials *at_executor_begin(at_session *s, const at_program *program,
                                      const at_executor_options *options);
/* Adds a function or law whose options have values, at several extents. What cannot be resolved or
 * derived is left out: checking it tells why. */
void at_executor_add(at_executor_trials *trials, const at_definition *definition,
                     const at_law_options *options);
/* Compiles all that was added, runs it and compares with the reference. What differs is told as
 * E990, results that depend on the number of threads as E991, C that the compiler refuses as it
 * tells it. False when anything is told. */
bool at_executor_end(at_executor_trials *trials, at_executor_result *result);

/* ---- mutant.c -------------------------------------------------------------------------------- */

/* The file with one small change in a function (never in a law). */
typedef struct {
    at_span span;           /* what was changed */
    const at_definition *definition;    /* the function, as it was */
    const at_tree_statement *statement; /* the innermost statement; NULL: an option's default */
    const char *what;       /* "without the guard `j <= i`", "`0.5` becomes `0.75`"; one line */
    const at_file_tree *tree;
} at_mutant;

/* Every mutant of the program's file, in the order of the text; the number of them. Trees share
 * what did not change; no two mutants print alike, and each prints as a file that parses.
 *
 * Left alone are: laws; extents, counts of rounds and `require`, which would only change shapes;
 * bare numbers that are defaults of options; how a param or state is drawn; and what no law sees:
 * `next`, which the next run reads, options that add a param with a constant start or say how one
 * is drawn, and the block of `if training` that is not chosen. */
int at_mutants(at_session *s, const at_program *program, bool training, at_mutant **mutants);

/* ---- score.c, explain.c ---------------------------------------------------------------------- */

typedef enum {
    AT_MUTANT_KILLED,  /* a law fails for it, or has an error */
    AT_MUTANT_LIVES,   /* all laws hold for it */
    AT_MUTANT_REFUSED, /* it does not resolve, whatever the extents: nobody could make this change
                          unnoticed, so it does not count */
} at_mutant_fate;

typedef struct {
    at_mutant mutant;
    at_mutant_fate fate;
    const at_definition *killer; /* KILLED: the law that did */
    const char *error;           /* KILLED by an error and not by an assertion: "E701"; or NULL */
    bool reached;                /* some law uses the function */
    const char *why;             /* LIVES: why no law needs to notice, by a comment of the file; or NULL */
} at_scored_mutant;

/* A comment `# lives: WHAT: WHY`. */
typedef struct {
    at_span span;
    const at_definition *definition;
    const at_tree_statement *statement; /* that it stands at; NULL: at the definition */
    const char *what, *why;             /* why NULL: it says none */
    bool used;                          /* some mutant there lives whose `what` begins so */
} at_explanation;

typedef struct {
    int mutant_count;
    at_scored_mutant *mutants;
    int explanation_count;
    at_explanation *explanations;
    int count, killed, explained; /* of mutants that are not REFUSED */
} at_score;

/* Tries the laws of the program's file on each mutant of it until one fails; the laws must hold.
 * Each trial's work is bounded as that of any law is, so no mutant runs for ever. Laws that cannot
 * reach the changed function, by the names in the trees, are left out. Uses all processors; the
 * same result whatever their number. False when it was stopped. Everything lives in the session. */
bool at_score_laws(at_session *s, const at_program *program, const at_law_options *options,
                   at_score *score);
/* Tells as errors what a score leaves to do: mutants that live and are not explained, explanations
 * that explain nothing, and fewer than `least` percent killed. False when there is any. */
bool at_score_tell(at_session *s, const at_program *program, const at_score *score, int least);

#endif
