/* opt: from cascade to cascade, one file per rewrite, one row of passes.def each. A rewrite keeps
 * the meaning: the reference executor gives the same results before and after.
 *
 * Statements inside scans and repeats are passed on as they are. */
#ifndef AT_OPT_H
#define AT_OPT_H

#include "ir/ir.h"

/* ---- opt.c: all of them, in order ---------------------------------------------------------- */

/* The cascade after every rewrite of passes.def, in the session's arena. Nothing in it is shared
 * with `cascade` but what did not change. */
const at_cascade *at_optimize(at_session *s, const at_cascade *cascade);

#define AT_REWRITE(name, doc)                                                                      \
    const at_cascade *at_opt_##name(at_session *s, const at_cascade *from);
#include "opt/passes.def"
#undef AT_REWRITE

/* ---- draft.c: a cascade while it is rewritten ---------------------------------------------- */

/* A copy of a cascade that takes new arrays, axes and statements. Statements are given anew, in
 * order, by at_draft_add; everything else is copied from the start. */
typedef struct {
    at_session *s;
    at_cascade *out;
    int array_capacity, axis_capacity, statement_capacity;
    at_map names; /* of arrays and axes */
} at_draft;

at_draft *at_draft_new(at_session *s, const at_cascade *from);
void at_draft_add(at_draft *draft, at_statement *statement);
void at_draft_equation(at_draft *draft, at_array *target, const at_expr *value, at_span span);
/* Adds the equation of a new array `owner.suffix[axes] = value` and gives a read of it at these
 * axes. `owner` is the array whose equation needs it; the name is made unique, the path is its. */
const at_expr *at_draft_define(at_draft *draft, const at_array *owner, const char *suffix,
                               at_axis **axes, int rank, const at_expr *value);
/* A new index over the extent of `like`: what at_substitute asks for. `user` is the draft. */
at_axis *at_draft_axis(void *user, const at_axis *like);

/* ---- small makers that rewrites share ------------------------------------------------------ */

/* No fold in it and few nodes: evaluating it again costs less than storing it. NULL is cheap. */
bool at_is_cheap(const at_expr *e);
const at_expr *at_read_whole(at_session *s, const at_array *array, at_span span);
/* `a and b`, where NULL stands for true. */
const at_expr *at_both(at_session *s, const at_expr *a, const at_expr *b);
/* `if condition then value else other`; value itself when condition is NULL. */
const at_expr *at_where(at_session *s, const at_expr *condition, const at_expr *value,
                        double other);

/* ---- extent.c --------------------------------------------------------------------------------- */

/* Two axes whose extents are the same in every run. */
bool at_same_extent(const at_axis *a, const at_axis *b);

#endif
