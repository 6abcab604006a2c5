/* layout: where the arrays of a run will lie, for those who ask before a run. Apart from emit.h, as
 * the records that emitted code is called with have their names there, too. */
#ifndef AT_LAYOUT_H
#define AT_LAYOUT_H

#include "loop/loop.h"

typedef struct {
    const int64_t *element; /* by place: bytes of one element */
    const bool *aside;      /* by place: an output that is computed aside and rounded at the end */
    int64_t real;           /* bytes of a real that is computed with */
    int threads;
} at_layout_types;

/* Fills bytes, with faults, and offset (-1: in the caller's memory) by place, and rows, the indices
 * of a block at most, by group, as the run will find them; gives the bytes of the workspace,
 * INT64_MAX if they cannot be counted. */
int64_t at_layout(at_session *s, const at_loop_program *loops, const at_layout_types *types,
                  const int64_t *extents, int64_t *bytes, int64_t *offset, int64_t *rows);

#endif
