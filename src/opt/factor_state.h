/* What factor_state.c and factor_past.c share: sums that are kept, and how one is found again. */
#ifndef AT_FACTOR_STATE_H
#define AT_FACTOR_STATE_H

#include "opt/factor.h"

/* state[i,…] = step·state[i-1,…] + update[i,…] */
typedef struct at_recurrence at_recurrence;
struct at_recurrence {
    at_recurrence *next;
    const at_array *state, *reference; /* reference: NULL without exponentials */
    const at_array *first;             /* the state before the first step; NULL: 0 */
    const at_expr *step, *update;      /* over the state's axes; step NULL: 1 */
    const at_expr *early;
};

/* A scan that was added for such. */
typedef struct at_sweep at_sweep;
struct at_sweep {
    at_sweep *next;
    const at_block *block; /* that holds it */
    at_statement *statement;
    at_axis *axis;
    bool down;
    int position, capacity;
    at_recurrence *recurrences;
};

/* A sum for all rows. */
typedef struct at_total at_total;
struct at_total {
    at_total *next;
    const at_block *block;
    const at_array *array;
    const at_expr *value;
};

struct at_keeper {
    at_session *s;
    at_draft *draft;
    at_sweep *sweeps;
    at_total *totals;
    int position;
    int *positions; /* by array id: when it was written; 0: given */
    int position_count, position_capacity;
};

void at_keeper_note_at(at_keeper *k, const at_array *array, int position);

/* Indices of one expression that stand for those of another. */
enum { AT_RENAMED = 16 };

typedef struct {
    int count;
    const at_axis *from[AT_RENAMED], *to[AT_RENAMED];
} at_renaming;

/* Whether two expressions are equal up to the names of their indices, `r` and more of them. */
bool at_is_renamed(at_renaming *r, const at_expr *a, const at_expr *b);
/* A read of `array` where its expression was found equal; NULL: it has an axis that was not met. */
const at_expr *at_read_renamed(at_keeper *k, const at_renaming *r, const at_array *array,
                               at_span span);

/* Whether e looks at the depth of the product. */
bool at_is_depth(const at_product *product, const at_expr *e);
/* All factors that are summed over rows before. */
const at_expr *at_bound_product(at_session *s, const at_product *product, at_span span);
/* What rows do with the sum that is kept for them; `before` (may be NULL) is multiplied in
 * front. */
const at_expr *at_product_used(at_session *s, const at_product *product, const at_expr *sum,
                               const at_expr *before);
/* The free axes of e but for `first`, which goes in front (NULL: none): those that rows have as
 * well, then depth, then the rest. */
int at_state_axes(at_keeper *k, const at_product *product, const at_expr *e, at_axis *first,
                  at_axis ***axes);
at_array *at_state_array(at_keeper *k, const at_array *owner, const char *suffix, at_axis **axes,
                         int count, at_span span);

/* ---- factor_past.c --------------------------------------------------------------------------- */

/* The product where its order is j <= i or i <= j. */
const at_expr *at_keep_past(at_keeper *k, const at_separation *p, const at_product *product,
                            const at_array *owner);

#endif
