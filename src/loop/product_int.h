/* What the files that find products of matrices share. */
#ifndef AT_PRODUCT_INT_H
#define AT_PRODUCT_INT_H

#include "loop/loop.h"

enum { AT_PRODUCT_FACTORS = 6, AT_PRODUCT_AXES = 32 };

typedef struct {
    int count;
    const at_axis *axes[AT_PRODUCT_AXES];
} at_axis_list;

typedef struct {
    at_loop_lowering *l;
    at_session *s;
    at_span span;
    const at_loop *store;
    at_axis_list around, depth;
    const at_loop *let;      /* of the sum; the loop over the depth comes behind it */
    const at_expr *value;    /* what is added up */
    /* Bounds of the depth, if it is one axis; NULL: none. Those that are the same for all elements,
     * and the others. */
    const at_expr *base, *end, *low, *high;
    const at_expr *guard;    /* where it is added, bounds and all; NULL: everywhere */
    const at_expr *when;     /* of the guard: what is the same for stretches of the depth */
    const at_expr *rest;     /* of the guard, without the bounds of one axis */
    int bounded;             /* the factor that is 0 outside of the bounds */
    const at_expr *own[2];   /* the guard's part that makes this factor 0; NULL: none */
    const at_expr *own_rest[2]; /* likewise, without the bounds */
    bool asks_zero[2];       /* the guard asks that this factor is not 0, besides */
    const at_expr *wanted;   /* where elements take the sum at all; NULL: everywhere */
    const at_expr *column_low, *column_high; /* what that says of the columns; NULL: nothing */
    const at_loop *stretched; /* the loop around that goes over stretches; NULL: none */
    int part_count;
    const at_loop *parts[AT_PRODUCT_AXES]; /* the loops around that go over a part of their axes */
    int factor_count;
    const at_expr *factors[AT_PRODUCT_FACTORS];
    at_axis_list batch, rows, columns;
    at_loop_product *product;
} at_product_search;

/* Rows, or columns, of a block, and how many make a panel. */
typedef struct {
    const at_axis_list *list;
    const at_array *first, *end, *tall;
} at_product_part;

/* ---- product_find.c: the sum and its factors */

bool at_axis_in(const at_axis_list *list, const at_axis *axis);
/* False: there are too many. */
bool at_axis_add(at_axis_list *list, const at_axis *axis);
bool at_mentions_any(const at_expr *e, const at_axis_list *list);
/* One that a loop sets: not what is tried in front of all. */
bool at_reads_variable(const at_loop_lowering *l, const at_expr *e);
/* `a and b`, where NULL stands for true. */
const at_expr *at_product_both(at_product_search *f, const at_expr *a, const at_expr *b);
/* max(a, b) or min(a, b), where NULL stands for no bound. */
const at_expr *at_product_closer(at_product_search *f, at_op op, const at_expr *a,
                                 const at_expr *b);
/* Takes a bound apart: a largest (smallest) of what is the same for all indices of `axes`, and of
 * what is not. */
void at_product_split(at_product_search *f, const at_expr *bound, at_op op,
                      const at_axis_list *axes, const at_expr **same, const at_expr **other);
/* A sum in an element, or in a branch of it, that makes a product: the set of its factors that are
 * rows; 0: there is none. */
unsigned at_product_find(at_product_search *f, const at_loops *loops);
/* The product of the factors of a set. */
const at_expr *at_product_factor(at_product_search *f, unsigned group);

/* ---- product_pack.c: the factors */

/* The product of the extents of axes[from] and those behind it. */
const at_expr *at_product_size(at_product_search *f, const at_axis_list *list, int from);
/* The position among the indices of the first `count` axes. */
const at_expr *at_product_position(at_product_search *f, const at_axis_list *list, int count);
/* Fills in a factor that is a read at regular steps. */
bool at_product_steps(at_product_search *f, at_loop_factor *factor, const at_expr *value,
                      const at_axis_list *list, const at_array *first);
/* Whether the array is to be asked for what is not finite: where the regions around the pass are
 * now, which must be one piece of it. */
bool at_product_finite(at_product_search *f, at_loop_factor *factor, const at_expr *value);
/* A loop over each axis such that together they go from position `first` to before `end`. */
void at_product_enter(at_product_search *f, const at_axis_list *list, const at_array *first,
                      const at_array *end);
/* Packs a factor by computing its elements: rows beside each other, `tall` to a panel. */
void at_product_pack(at_product_search *f, at_loop_factor *factor, const at_expr *value,
                     const at_product_part *part);
/* Loops that make a packed factor 0 where the guard does not hold. */
void at_product_clear(at_product_search *f, at_loop_factor *factor, const at_product_part *part,
                      int which);

/* ---- product_limits.c: what is left out */

/* Finds between which columns any element of a row takes the sum. */
void at_product_wanted(at_product_search *f);
/* What finds this for a part of the rows. */
void at_product_columns(at_product_search *f, const at_product_part *rows);
/* What finds in which stretches of columns a row takes any; leaves the others unfinished. */
void at_product_stretches(at_product_search *f, const at_product_part *rows);
void at_product_leave_stretches(at_product_search *f, at_loop *loop);
/* Loops over rows that note in which stretches of the columns, or of the depth, a condition
 * holds. */
void at_product_note_stretches(at_product_search *f, const at_product_part *rows,
                               const at_loop *part);
/* What finds between which k any row of a part is inside the bounds. */
void at_product_range(at_product_search *f, const at_product_part *part);
/* What is left of the elements of a block where the pass computes only some of them: the loops over
 * rows and columns, from `loop` on, become shorter, and what they cannot say is a condition. */
void at_product_enter_wanted(at_product_search *f, at_loop *loop);

#endif
