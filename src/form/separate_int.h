/* What the files of separate share. An expression f(x, a) of elements x and row values a that are
 * known only after the sweep is taken apart into a form: cases by conditions on a, in each pieces
 * by conditions on x, in each a sum of terms c(x) * h(a) * exp(u(x) + v(a)). From the forms follow
 * the running values and, as templates, what they become in a step and what the folds' values are.
 */
#ifndef AT_SEPARATE_INT_H
#define AT_SEPARATE_INT_H

#include "form/form_int.h"
#include "form/separate.h"

/* What an expression depends on: bits. */
enum { AT_ON_ELEMENTS = 1, AT_ON_LATER = 2, AT_ON_BOTH = 3 };

/* ---- forms ----------------------------------------------------------------------------------- */

/* (of - its centre) ^ power; the centre is that of w->centres[centre]. */
typedef struct {
    int centre, power;
} at_sweep_power;

enum { AT_SWEEP_POWERS = 4, AT_SWEEP_DEGREE = 8, AT_SWEEP_CASES = 8, AT_SWEEP_TERMS = 64 };

/* element / below * Π powers * exp(up) * row / under * exp(up_row); NULL: 1, of exponents 0. */
typedef struct {
    const at_expr *element, *below; /* of x */
    const at_expr *row, *under;     /* of a, or of neither */
    const at_expr *up, *up_row;
    int power_count;
    at_sweep_power powers[AT_SWEEP_POWERS];
} at_sweep_term;

typedef struct {
    const at_expr *where; /* on x, besides that no piece before holds; NULL: always */
    int count, capacity;
    at_sweep_term *terms;
} at_sweep_piece;

typedef struct {
    const at_expr *when; /* on a, besides that no case before holds; NULL: always */
    int count, capacity;
    at_sweep_piece *pieces; /* the last one's where is NULL */
} at_sweep_case;

typedef struct {
    int count, capacity;
    at_sweep_case *cases; /* the last one's when is NULL */
} at_sweep_form;

/* ---- running values -------------------------------------------------------------------------- */

/* A value near the elements `of`, about which their powers are accumulated. In rows of terms it
 * stands as `symbol` until it is known which running value it is. */
typedef struct {
    const at_expr *of, *symbol;
    int running; /* -1: not yet */
} at_sweep_centre;

typedef enum {
    AT_SWEEP_FOLDS, AT_SWEEP_FROM, AT_SWEEP_SCALE, AT_SWEEP_CENTRE, AT_SWEEP_SHIFT
} at_sweep_part_tag;

/* What stands behind a running value; at_running has the rest. Other parts are told by index, those
 * that are missing by -1. */
typedef struct {
    at_sweep_part_tag tag;
    const at_expr *now, *before; /* symbols: reads that stand for it in templates */
    const at_expr *step;    /* a template: what it is now; of a FOLD, what was before, corrected */
    const at_expr *guard;   /* FOLD; NULL: none */
    at_fold fold;           /* FOLD */
    at_sweep_term term;     /* FOLD: what is folded, without row parts */
    const at_expr *body;    /* FOLD: a template of it */
    const at_expr *factor;  /* SCALE; a sum's up is factor * the body of `largest` */
    int largest;            /* FROM, SCALE, sums with an exponent: the max or min it is about;
                               argmax, argmin: the max or min of the same elements */
    int centre;             /* SHIFT */
} at_sweep_part;

typedef struct at_sweep_parts {
    const at_sweep_given *given;
    int count, capacity, running_capacity;
    at_sweep_part *parts; /* by running value */
    at_axis **axes;
    int axis_count;
    int *plain;             /* by fold: the running value that it is; -1: none */
    const at_expr **values; /* by fold: with symbols of running values now */
} at_sweep_parts;

typedef struct {
    at_session *s;
    at_sweep *sweep;
    at_sweep_parts *parts;
    const at_sweep_given *given;
    int at; /* the fold that is looked at */
    int array_count;
    const at_expr **equations; /* by id of given->cascade's arrays; NULL: it has none */
    int centre_count, centre_capacity;
    at_sweep_centre *centres;
} at_separating;

/* ---- separate.c ------------------------------------------------------------------------------ */

int at_sweep_depends(const at_separating *w, const at_expr *e);
/* Records why the fold at hand does not run in the sweep: the first time counts. False. */
bool at_sweep_refuse(at_separating *w, const at_expr *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "… has no form in which tau[i] can be taken out of the sum", about e. False. */
bool at_sweep_no_form(at_separating *w, const at_expr *e);
const char *at_sweep_text(at_session *s, const at_expr *e);

/* ---- separate_alike.c: comparing ------------------------------------------------------------- */

/* Equal but for the order of what is added or multiplied. */
bool at_alike(at_session *s, const at_expr *a, const at_expr *b);
/* Whether e is factor * base with a factor that mentions no element; it may be the number 1. */
bool at_sweep_multiple(at_separating *w, const at_expr *e, const at_expr *base,
                       const at_expr **factor);
/* Whether all that `condition` asks is said by `known`; both may be NULL. */
bool at_implies(at_session *s, const at_expr *known, const at_expr *condition);
/* e where `known` holds: conditions that it says are true. */
const at_expr *at_given_that(at_session *s, const at_expr *e, const at_expr *known);

/* Whether it asks for what it denies; nothing in it can fail. */
bool at_never(at_session *s, const at_expr *condition);

/* ---- separate_sign.c ------------------------------------------------------------------------- */

typedef enum { AT_ANY_SIGN, AT_NOT_NEGATIVE, AT_POSITIVE } at_signs;
/* What e surely is where it is no NaN. A positive one may still come out as 0 by rounding. */
at_signs at_sweep_sign(const at_separating *w, const at_expr *e);

/* ---- separate_form.c, separate_map.c --------------------------------------------------------- */

/* NULL after at_sweep_refuse. */
at_sweep_form *at_sweep_form_of(at_separating *w, const at_expr *e);
at_sweep_form *at_sweep_form_map(at_separating *w, const at_expr *e); /* of both, an operation */
at_sweep_form *at_sweep_leaf(at_separating *w, const at_expr *e);
void at_sweep_add_term(at_separating *w, at_sweep_piece *piece, at_sweep_term term);
/* The piece with sums of elements and row values about a centre. */
bool at_sweep_centred(at_separating *w, const at_expr *e, at_sweep_piece *piece);
bool at_sweep_product(at_separating *w, const at_expr *e, const at_sweep_piece *a,
                      const at_sweep_piece *b, at_sweep_piece *out);

/* a * b and a / b where NULL is 1; no product with 0 is left out. */
const at_expr *at_sweep_times(at_session *s, const at_expr *a, const at_expr *b);
const at_expr *at_sweep_over(at_session *s, const at_expr *a, const at_expr *b);
/* a + b where NULL is 0. */
const at_expr *at_sweep_plus(at_session *s, const at_expr *a, const at_expr *b);

/* ---- separate_parts.c ------------------------------------------------------------------------ */

/* What a fold gives over nothing; reals for max and min. */
const at_expr *at_sweep_neutral(at_separating *w, at_fold fold, at_kind kind, at_span span);
/* The running value of a fold over elements only; the same one for the same fold. */
int at_sweep_fold_part(at_separating *w, at_fold fold, const at_expr *guard,
                       const at_expr *element);
/* The running value for the element part of a term. */
int at_sweep_sum_part(at_separating *w, const at_expr *guard, const at_sweep_term *term);
/* A row's expression with centres as running values now. */
const at_expr *at_sweep_resolved(at_separating *w, const at_expr *row);
/* The largest (smallest) element so far, now; 0 while there is none. */
const at_expr *at_sweep_safe(at_separating *w, int largest);
/* The first read of the array in e; NULL: none. */
const at_expr *at_sweep_find_read(const at_expr *e, const at_array *array);
/* The target of the given fold whose value is just running value k; NULL: of none. */
const at_array *at_sweep_target_of(const at_separating *w, int k);

/* ---- separate_value.c, separate_extreme.c ---------------------------------------------------- */

/* Whether the set of a guard is not empty, over what is known when the sweep is over; NULL: surely
 * it is not. */
const at_expr *at_sweep_some(at_separating *w, const at_expr *guard);
/* The value of a sum with this form, as a template; NULL after at_sweep_refuse. */
const at_expr *at_sweep_sum_value(at_separating *w, const at_expr *guard,
                                  const at_sweep_form *form);
/* The value of a max, min, argmax or argmin. */
const at_expr *at_sweep_extreme_value(at_separating *w, at_fold fold, const at_expr *guard,
                                      const at_expr *body);

#endif
