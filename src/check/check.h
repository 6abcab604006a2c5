/* check: laws on drawn inputs, and what a file's laws notice. A law is resolved and run on the
 * reference executor at several extents; a counterexample is made small and told with all that is
 * needed to see it again. A mutant is the file with one small change; laws that hold for it do not
 * notice the change. */
#ifndef AT_CHECK_H
#define AT_CHECK_H

#include "lang/lang.h"
#include "ref/ref.h"

/* ---- law.c ------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t seed;          /* of extents and inputs: trial i draws its own by seed + i */
    int trials;             /* how many sets of extents; 0: the usual number */
    at_resolve_options resolve; /* sizes that are given stay; `function` is not looked at */
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

/* ---- mutant.c ------------------------------------------------------------------------------------------ */

/* The file with one small change in a function (never in a law). */
typedef struct {
    at_span span;           /* what was changed */
    const char *function;   /* in which function */
    const char *what;       /* "without the guard `j <= i`", "`scale * s` without `scale`" */
    const at_file_tree *tree;
} at_mutant;

/* Every mutant of a file, in the order of the text. Trees share what did not change. */
int at_mutants(at_session *s, const at_file_tree *file, at_mutant **mutants);

#endif
