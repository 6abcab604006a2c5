/* What the files of the rewrite `factor` share: a sum as separate products, and which indices
 * count. */
#ifndef AT_FACTOR_H
#define AT_FACTOR_H

#include "opt/opt.h"

/* ---- factor_axes.c: which axes grow ---------------------------------------------------------- */

typedef struct at_growth at_growth;
at_growth *at_growth_of(at_session *s, const at_cascade *cascade);
/* Whether an axis is one of places in a sequence, as far as given arrays tell. */
bool at_axis_grows(const at_growth *g, const at_axis *axis);
/* Whether it surely is none: of a fixed length, or one that params have. */
bool at_axis_is_short(const at_growth *g, const at_axis *axis);

/* ---- factor_terms.c: a sum as separate products ---------------------------------------------- */

typedef struct {
    const at_expr *e;
    bool divides;
} at_factor;

/* One product of a sum over `bound`:
 *
 *     ± sum[depth](Π rows(i, depth) ·
 *           sum[j where j <= i](Π bound(j, …) · base^(steps·(i - j)) · exp(late + early)))
 *
 * The factors of `rows` mention no bound axis, those of `bound` no row axis. */
typedef struct {
    bool negative;
    int row_count, row_capacity, bound_count, bound_capacity;
    at_factor *rows, *bound;
    const at_expr *row_guard, *bound_guard; /* NULL: everywhere */
    int depth_count;
    at_axis **depth;    /* sums that stood inside */
    int folds;          /* how many */
    int order;          /* 1: j <= i, -1: i <= j; 0: for all i and j */
    bool strict;        /* and not j == i */
    const at_axis *row, *column; /* i and j of the order */
    const at_expr *base;         /* of powers; NULL: none */
    int64_t steps;
    const at_expr *extra;        /* of the exponent beside steps·(i - j); NULL: 0 */
    int64_t moment;              /* times moment·(i - j); 0: it has no such factor */
    bool apart;                  /* i and j are not equal */
    const at_expr *late, *early; /* of exponents: what mentions no j, and no i; NULL: 0 */
    bool data;          /* a condition on data makes elements of `bound` 0 */
} at_product;

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_growth *growth;
    /* The value of an array's equation, over its axes, where it may be computed at the present
     * place; NULL: it must be read. */
    const at_expr *(*value_of)(void *user, const at_array *array);
    /* Whether e is made from what `array` holds, by however many equations. */
    bool (*depends_on)(void *user, const at_expr *e, const at_array *array);
    void *user;
    const bool *whole;  /* by array id, of the first whole_count: surely has all its elements */
    int whole_count;
    const at_expr *sum; /* the fold */
    /* What at_separate finds: */
    int row_count;
    const at_axis **rows; /* free indices of the sum that products are separated from */
    int bound_count;
    at_axis **bound;      /* the sum's axes that stay; the others are depth of each product */
    int count, capacity;
    at_product *products;
    const char *why;      /* not: the rest of a sentence */
    /* While it looks: */
    int read_count, read_capacity;
    const at_expr **reads; /* of arrays that were multiplied in whole */
    int inside;            /* sums, differences and choices around */
    int nesting;
    int pair_count, pair_capacity;
    const at_expr **pairs; /* sums inside, over arrays of rows and bound indices */
} at_separation;

/* Splits sum[bound where guard](body) into products; false, with `why`, where it cannot. */
bool at_separate(at_separation *p);

/* ---- factor_state.c: sums that are kept ------------------------------------------------------ */

typedef struct at_keeper at_keeper;
at_keeper *at_keeper_new(at_session *s, at_draft *draft);
/* An array that was written here, and so may be read from here on. */
void at_keeper_note(at_keeper *k, const at_array *array);
/* An expression for the product, in the place of the sum; the statements that it needs go into
 * the draft, or into a scan that is there. */
const at_expr *at_keep_product(at_keeper *k, const at_separation *p, const at_product *product,
                               const at_array *owner);

#endif
