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

/* Runs `law`, a definition of the program's file, at several extents that its requirements allow: 1,
 * small primes, a few dozens; on the reference executor, with one thread. A law that does not hold is
 * told in the session as E708 with extents, seed and the command that shows it again, and the result
 * is true. False after other errors: those of a run are made smaller and told likewise; E730 when no
 * allowed extents are found. Memory of trials is given back. */
bool at_check_law(at_session *s, const at_program *program, const at_definition *law,
                  const at_law_options *options, at_law_result *result);

/* ---- uses.c ---------------------------------------------------------------------------------- */

/* Which definitions of a file lead to which others, through any number of calls, as far as the names
 * in the trees tell: a local name that hides a function's counts as that function. */
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

/* Compares the derivative of `function`, a definition of the program's file whose options have values,
 * with differences: at several extents and inputs that its requirements allow, on the reference
 * executor. A derivative that differs is told in the session as E750, one that is not finite or cannot
 * be run where the function can as E751, and the result is true. False after other errors: the
 * function's own, and limits of derivatives. options->trials: how many sets of extents; 0: the usual
 * number. Memory of runs is given back. */
bool at_check_gradient(at_session *s, const at_program *program, const at_definition *function,
                       const at_law_options *options, at_gradient_result *result);

/* ---- mutant.c -------------------------------------------------------------------------------- */

/* The file with one small change in a function (never in a law). */
typedef struct {
    at_span span;           /* what was changed */
    const at_definition *definition;    /* the function, as it was */
    const at_tree_statement *statement; /* the innermost statement; NULL: an option's default */
    const char *what;       /* "without the guard `j <= i`", "`0.5` becomes `0.75`"; one line */
    const at_file_tree *tree;
} at_mutant;

/* Every mutant of the program's file, in the order of the text; the number of them. Trees share what did
 * not change; no two mutants print alike, and each prints as a file that parses.
 *
 * Left alone are: laws; extents, counts of rounds and `require`, which would only change shapes; bare
 * numbers that are defaults of options; how a param or state is drawn; and what no law sees: `next`,
 * which the next run reads, options that add a param with a constant start or say how one is drawn, and
 * the block of `if training` that is not chosen. */
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

/* Tries the laws of the program's file on each mutant of it until one fails; the laws must hold. Each
 * trial's work is bounded as that of any law is, so no mutant runs for ever. Laws that cannot reach
 * the changed function, by the names in the trees, are left out. Uses all processors; the same result
 * whatever their number. False when it was stopped. Everything lives in the session. */
bool at_score_laws(at_session *s, const at_program *program, const at_law_options *options,
                   at_score *score);
/* Tells as errors what a score leaves to do: mutants that live and are not explained, explanations
 * that explain nothing, and fewer than `least` percent killed. False when there is any. */
bool at_score_tell(at_session *s, const at_program *program, const at_score *score, int least);

#endif
