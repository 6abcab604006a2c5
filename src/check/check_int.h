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
    int count;           /* axes of the inputs, each once */
    const char **names;
    int64_t *given;      /* by the caller; -1: to be chosen */
    bool *needed;        /* when compiling, as far as was seen */
    int64_t *compiled;   /* the extents that the cascade was compiled for, where needed */
    at_session *s;       /* of the cascade; NULL before the first */
    const at_cascade *cascade; /* NULL: s holds the errors */
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

#endif
