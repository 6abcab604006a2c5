/* What the files of form/ share. */
#ifndef AT_FORM_INT_H
#define AT_FORM_INT_H

#include "form/form.h"

/* ---- make.c ---------------------------------------------------------------------------------- */

/* Whether `condition` is e, or among what e joins by `and`. e may be NULL. */
bool at_says(const at_expr *e, const at_expr *condition);
/* An operation with the makers of make.c in its place; its arguments as they are. */
const at_expr *at_make_node(at_session *s, const at_expr *e);

/* ---- affine.c -------------------------------------------------------------------------------- */

enum { AT_ATOMS = 6 };
/* The factors of a term, in their order; how many, or -1 when there are more than AT_ATOMS. */
int at_affine_atoms(const at_expr *term, const at_expr **atoms);
/* The term without one factor that is the same as `atom`; NULL when it has none. */
const at_expr *at_affine_without(at_session *s, const at_expr *term, const at_expr *atom);

/* ---- solve.c --------------------------------------------------------------------------------- */

/* A condition that may be asked before all others, because nothing in it can fail. */
typedef struct {
    const at_expr *e;
    const at_expr *base; /* a product of sizes that it shows to be more than 0; NULL: none */
} at_fact;

/* A size that something divides by: where it is 0 the sum is 0, and nothing else is asked. */
typedef struct {
    const at_expr *size;
    bool sure; /* that it is more than 0 */
} at_divisor;

typedef struct {
    at_guarded_sum *sum;
    at_session *s;
    int fact_count, fact_capacity;
    at_fact *facts;
    int divisor_count, divisor_capacity;
    at_divisor *divisors;
    bool never;               /* a contradiction was found: the sum is 0 */
} at_solving;

int at_solving_position(const at_solving *v, const at_axis *axis);
bool at_solving_mentions(const at_solving *v, const at_expr *e);
/* Whether evaluating e cannot fail wherever its indices lie inside their axes. */
bool at_solving_is_total(const at_solving *v, const at_expr *e);
/* Whether the bound axis may become a value made of `parts`, found by condition `at`: the value
 * can be known before all that is asked of the axis. */
bool at_solving_may_replace(const at_solving *v, int axis, const at_expr *parts, int at);
/* The bound axis becomes `value`, found by condition `at`, where that is inside the axis and `also`
 * (may be NULL) holds. `drop`: the condition is an equation that is solved by it. */
void at_solving_replace(at_solving *v, int axis, const at_expr *value, const at_expr *also, int at,
                        bool drop);
/* A condition (may be NULL) in front of condition `at`, or of all when it cannot fail; by how much
 * that moves `at`. */
int at_solving_require(at_solving *v, const at_expr *condition, int at);
void at_solving_drop(at_solving *v, int at);
/* The sum divides by this product of sizes: where it is 0 the sum is 0. */
void at_solving_divide(at_solving *v, const at_expr *by);
void at_solving_add_axis(at_solving *v, at_axis *axis);

/* ---- ways.c ---------------------------------------------------------------------------------- */

/* Takes the equation at condition `at` one step further; false: there is none. */
bool at_solve_one(at_solving *v, int at);

/* ---- inverse.c ------------------------------------------------------------------------------- */

typedef struct at_inverse at_inverse;
struct at_inverse {
    at_inverse *next;
    const at_array *of, *inverse;
    int dimension;
};

/* The inverse of a permutation along one dimension, an array over the same axes. NULL: it is no
 * permutation, or the sum may add no statement. */
const at_array *at_inverse_of(at_guarded_sum *sum, const at_array *array, int dimension);
/* Whether the array's elements are indices of the axis, because an argsort of all of it gave
 * them. */
bool at_is_permutation(const at_draft *draft, const at_array *array, const at_axis *axis);

/* ---- tidy.c, copies.c ------------------------------------------------------------------------ */

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_cascade *out;
    const at_expr **copies;       /* by array id: reads of it are reads of this one; over its axes */
    const at_statement **renamed; /* by array id: the copy, of an output, whose target it becomes */
    const at_expr **number;       /* by array id: an adjoint that is this number everywhere */
    bool tidies; /* else only what nothing needs goes */
    bool any_number, any_copy;
    bool *bound;     /* by array id: carried by a repeat */
    bool *shadowed;  /* by array id: where it is not read now its name may mean another */
    bool *needed;    /* by array id */
    int numeral_count, numeral_capacity;
    const at_expr **numerals; /* numbers that came for adjoints, and what was computed from them */
    at_array **arrays; /* the new ones, by old id */
    at_axis **axes;
} at_tidying;

bool at_tidy_is_output(const at_tidying *t, const at_array *array);
/* Fills copies, renamed, number, bound and shadowed. */
void at_tidy_find_copies(at_tidying *t);

#endif
