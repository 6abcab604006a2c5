/* check_int: what the files of this folder share. */
#ifndef AT_CHECK_INT_H
#define AT_CHECK_INT_H

#include "check/check.h"

/* A law with the axes of its inputs, and its cascade as it was resolved last. A cascade serves for
 * all extents that agree in those that it was compiled for. */
typedef struct {
    const at_program *program;
    const at_definition *law;
    const at_law_options *options;
    double most_work;    /* of a trial, in operations on elements; 0: the usual bound */
    int count;           /* axes of the inputs, each once */
    const char **names;
    int64_t *given;      /* by the caller; -1: to be chosen */
    bool *needed;        /* when compiling, as far as was seen */
    int64_t *compiled;   /* the extents that the cascade was compiled for, where needed */
    at_session *s;       /* of the cascade; NULL before the first */
    const at_cascade *cascade; /* NULL: s holds the errors */
    int compilations;    /* how often it was resolved */
    int64_t *open;       /* room for the extents of the cascade's axes, by id */
    int64_t *spare;      /* room for extents, by axis of the frame */
    int *ids;            /* room likewise */
    bool *tried;         /* room likewise */
} at_law_frame;

/* Enters the axes; memory from s. */
void at_law_frame_begin(at_session *s, at_law_frame *frame);
void at_law_frame_end(at_law_frame *frame);
/* Resolves the law for these extents into s; NULL after errors. Only extents that compiling asks
 * for are told, so that the others stay in the requirements. */
const at_cascade *at_law_resolve(at_session *s, at_law_frame *frame, const int64_t *extents);

typedef enum {
    AT_EXTENTS_GOOD,
    AT_EXTENTS_REFUSED, /* by a requirement */
    AT_EXTENTS_BROKEN,  /* the law has errors at these extents */
    AT_EXTENTS_MEMORY,  /* there is none left */
} at_extents;

/* Sees to it that the cascade serves for these extents, and whether they are allowed. */
at_extents at_extents_judge(at_law_frame *frame, const int64_t *extents);
/* Extents for a trial, by `random`. When the verdict is not good, `extents` holds some of which it
 * is true. */
at_extents at_extents_choose(at_law_frame *frame, int trial, uint64_t random, int64_t *extents);
/* Moves the extents, but for that of `kept` (-1: none), so that requirements hold; false when that
 * is not found. */
bool at_extents_repair(at_law_frame *frame, int64_t *extents, int kept, uint64_t *random);
/* The first requirement of a cascade that does not hold, or NULL. */
const at_require *at_extents_violated(at_session *s, const at_law_frame *frame,
                                      const at_cascade *cascade, const int64_t *extents);
/* The extents of all axes of a cascade, by id; -1 where there is none. */
int64_t *at_extents_all(at_session *s, const at_law_frame *frame, const at_cascade *cascade,
                        const int64_t *extents);
/* About how many operations on elements a run takes. */
double at_law_work(const at_cascade *cascade, const int64_t *all);

/* ---- drawn.c --------------------------------------------------------------------------------- */

/* Adds an array for each input, drawn by the call's seed: as the cascade says, or else reals from
 * normal(0, 1) (positive: uniform(0.05, 0.95)), ints from 0..3 or inside of their axis, fair bools.
 * all: extents by axis id. */
bool at_draw_inputs(at_session *s, const at_cascade *cascade, at_call *call, const int64_t *all,
                    bool positive, at_collection *inputs);
/* Adds arrays for params or states: as they begin, reals moved a little by chance, since one that
 * begins as 0 or 1 would hide much. */
bool at_draw_starts(at_session *s, const at_start *from, int count, at_call *call,
                    const int64_t *all, at_collection *starts);

/* ---- difference.c ---------------------------------------------------------------------------- */

typedef struct {
    double slope, slope_error; /* the errors are estimates */
    double bend, bend_error;   /* how much the slopes after and before differ: 0 where it is smooth */
} at_difference;

/* The slope at 0 of `at`, which gives a value for a step in either direction and is false when
 * there is none; `middle` is the value at 0. Takes smaller steps until errors are `enough`. False
 * when a value is missing. */
bool at_difference_take(bool (*at)(void *user, double step, double *value), void *user,
                        double middle, double enough, at_difference *out);

/* ---- point.c --------------------------------------------------------------------------------- */

typedef enum {
    AT_POINT_AGREES,
    AT_POINT_DIFFERS, /* the derivative from its differences */
    AT_POINT_BREAKS,  /* the derivative is not finite, or its run has errors, which are in the session */
    AT_POINT_ROUGH,   /* not smooth here, so that differences say nothing */
    AT_POINT_FAILS,   /* the function itself has errors, or NaN; or its inputs cannot be made */
} at_point_verdict;

/* One point at which a derivative is compared with differences, and what came of it. */
typedef struct {
    const at_cascade *cascade, *derivative; /* all of at_derivative's outputs, and no others */
    const int64_t *all;   /* the extents of the cascade's axes, by id */
    uint64_t seed;        /* of the point, the directions and the cotangents */
    bool positive;        /* reals between 0 and 1, for functions that take no others */
    int directions;       /* at most so many */
    at_point_verdict verdict;
    double worst;         /* relative errors: the largest that was seen */
    const char *by;       /* DIFFERS, BREAKS: the one input or param; NULL: only all together */
    double derived, differed; /* DIFFERS: the two slopes */
} at_point;

/* Relative errors above this are disagreement. Where functions are smooth, differences over these
 * steps and derivatives agree to 1e-9 or better, and a rule that is wrong is wrong by much more. */
#define AT_GRADIENT_TOLERANCE 1e-7

/* Fills what came of it. Memory of arrays is given back. */
void at_point_compare(at_session *s, at_point *point);

/* ---- sides.c --------------------------------------------------------------------------------- */

/* A law as a function: the sides of its assertions are its outputs, in order, left before right. */
const at_cascade *at_law_sides(at_session *s, const at_cascade *law);

/* ---- stop.c ---------------------------------------------------------------------------------- */

/* The same cascade with each stop(x) written x. */
const at_cascade *at_without_stops(at_session *s, const at_cascade *cascade);

#endif
