/* loop: each pass as a tree of loops. Folds have become loops with accumulators, guards and lazy
 * operations conditions, and whatever may fail a test in front of its use.
 *
 * Expressions stay those of the cascade, but for three things: no fold is left in them; a variable
 * is a read of an array of rank 0 with a negative id (at_is_variable), a value that lives in a
 * register; and none of them can fail, so they may be evaluated at any time, needed or not. A read
 * that keeps its alternative is the one exception to plain memory access: it looks before it reads.
 *
 * A failure belongs to an element, not to the run: an element that no output needs may fail. Arrays
 * with elements that can (at_loop_program.fallible) are stored with a fault beside each element;
 * who reads a faulty one becomes faulty itself, and only the fault of an output ends the run. */
#ifndef AT_LOOP_H
#define AT_LOOP_H

#include "plan/plan.h"

typedef enum {
    AT_LOOP_FOR,     /* axis from 0 to its extent: body */
    AT_LOOP_IF,      /* condition: body; else otherwise */
    AT_LOOP_LET,     /* a new variable; without value it is SET on every way to its first use */
    AT_LOOP_SET,
    AT_LOOP_STORE,   /* array at address = value, which body computes; a failure in it is stored */
    AT_LOOP_REQUIRE, /* fails at site unless condition; value is what the message shows */
    AT_LOOP_ATTEMPT, /* variable = value, an operation on ints; fails at site if it has no result */
    AT_LOOP_INHERIT, /* fails as the element of array at address did, if it did */
} at_loop_tag;

typedef struct at_loop at_loop;
typedef struct {
    int count, capacity;
    at_loop **items;
} at_loops;

struct at_loop {
    at_loop_tag tag;
    const at_axis *axis;
    const at_expr *condition;
    const at_array *variable;
    const at_array *array;
    const at_expr *address; /* an int: row-major, in elements */
    const at_expr *value, *other; /* REQUIRE: what the message shows; other may be NULL */
    int site;
    at_loops body, otherwise;
};

/* Where something can fail, for the message. */
typedef enum {
    AT_SITE_OUTSIDE, AT_SITE_ARITHMETIC, AT_SITE_EMPTY,
    AT_SITE_EARLY,  /* a scan reads what it has not computed yet */
    AT_SITE_ROUNDS, /* what a repeat defines, when no round of it ran */
} at_loop_site_tag;
typedef struct {
    at_loop_site_tag tag;
    const at_expr *expr;     /* the read, the operation or the fold, as it was */
    int dimension;           /* OUTSIDE: which index */
    const at_array *target;  /* whose equation it is in; ROUNDS: what has no value */
    const at_axis *scan;     /* EARLY: the scan's first axis */
} at_loop_site;

typedef struct {
    const at_pass *pass;
    at_loops body;
    bool fallible; /* some element may fail */
    bool needed;   /* an output whose elements are computed once: a failure ends the run */
} at_nest;

typedef struct {
    const at_plan *plan;
    int nest_count, site_count, site_capacity;
    at_nest *nests;
    at_loop_site *sites; /* site 0 is none */
    bool *fallible;  /* by place: stored with faults */
    int *rounds_site; /* by array id: where what a repeat leaves fails if no round ran; 0: it cannot */
} at_loop_program;

/* NULL after E904: a statement that has no compiled form. */
const at_loop_program *at_loop_make(at_session *s, const at_plan *plan);
bool at_is_fallible(const at_loop_program *program, const at_array *array);
/* Whether the failure of an element of this array ends the run: it is an output, and no later round
 * of a repeat gives that element another value. */
bool at_ends_run(const at_plan *plan, const at_array *array);

/* ---- build.c: what loop.c and fold.c share ------------------------------------------------- */

typedef struct {
    at_session *s;
    at_loop_program *program;
    at_nest *nest;
    const at_array *target;
    at_loops *into; /* where the next node goes */
    int variables;  /* of this nest */
    at_map names;   /* of its variables */
} at_loop_lowering;

at_loop *at_loop_add(at_loop_lowering *l, at_loop_tag tag);
/* A new variable with its LET; value may be NULL. `name` gets a number if the nest has it. */
const at_array *at_loop_let(at_loop_lowering *l, const char *name, at_kind kind,
                            const at_expr *value);
void at_loop_set(at_loop_lowering *l, const at_array *variable, const at_expr *value);
/* A node that may fail, at a new site. */
at_loop *at_loop_risk(at_loop_lowering *l, at_loop_tag tag, at_loop_site_tag why,
                      const at_expr *expr);
bool at_is_variable(const at_array *array);
const at_expr *at_variable_read(at_session *s, const at_array *variable, at_span span);
/* The address of array[index]: ((i0 * size(a1) + i1) * size(a2) + i2) …, where an index into a
 * window of k steps counts modulo k. */
const at_expr *at_address_of(at_session *s, const at_plan *plan, const at_array *array,
                             const at_expr *const *index);

/* ---- order.c: what a scan has computed already ----------------------------------------------- */

/* Adds what must hold for a read of array[index], if that is not known: a scan around the pass has
 * computed the element. e is the read as it was. */
void at_loop_order(at_loop_lowering *l, const at_expr *e, const at_expr *const *index);

/* ---- lower.c, fold.c: expressions ---------------------------------------------------------- */

/* Adds what must run before `e` can be evaluated and gives what is left of it. */
const at_expr *at_loop_lower(at_loop_lowering *l, const at_expr *e);
const at_expr *at_loop_lower_fold(at_loop_lowering *l, const at_expr *e);

/* ---- range.c: between which ints a value lies ---------------------------------------------- */

/* Axes are at most this long in compiled code, so that index arithmetic mostly fits 64 bits. */
#define AT_AXIS_LIMIT ((int64_t)1 << 31)

typedef struct {
    int64_t low, high;
} at_range;

/* Of an int expression that cannot fail. */
at_range at_range_of(const at_expr *e);
/* Whether an operation on ints always has a result, whatever its arguments in these ranges. */
bool at_range_fits(at_op op, const at_range *args);
/* Whether an index of this dimension always lies inside. */
bool at_index_inside(const at_expr *index, const at_axis *axis);

/* ---- print.c ------------------------------------------------------------------------------- */

void at_loop_print(const at_loop_program *program, at_text *out);

#endif
