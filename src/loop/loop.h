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
 * who reads a faulty one becomes faulty itself, and only the fault of an output ends the run: the
 * smallest such element's, once the pass is through, so that the order of its loops does not
 * matter. A fault that concerns many elements, as in a row that is sorted, is a variable. */
#ifndef AT_LOOP_H
#define AT_LOOP_H

#include "form/form.h"
#include "plan/plan.h"

typedef enum {
    AT_LOOP_FOR,     /* axis from 0 to its extent, or `down` from the end: body */
    AT_LOOP_IF,      /* condition: body; else otherwise */
    AT_LOOP_LET,     /* a new variable; without value it is SET on every way to its first use */
    AT_LOOP_SET,
    AT_LOOP_STORE,   /* array at address = value, which body computes; a failure in it is stored */
    AT_LOOP_REQUIRE, /* fails at site unless condition; value is what the message shows */
    AT_LOOP_ATTEMPT, /* variable = value, an operation on ints; fails at site if it has no result */
    AT_LOOP_INHERIT, /* fails as the element of array at address did, or a fault, if it did */
    AT_LOOP_FAULT,   /* a new variable that holds a fault: none yet */
    AT_LOOP_TRY,     /* body, unless the fault `variable` is there; a failure in it becomes it */
    AT_LOOP_BIND,    /* the index of axis is value from here on, in the place of a loop */
    AT_LOOP_PUT,     /* array at address = value; the array is a nest's scratch */
    AT_LOOP_SORT,    /* scratch put in order */
    AT_LOOP_DRAW,    /* variable = a draw */
    AT_LOOP_COUNT,   /* the counter `site` grows by value */
    AT_LOOP_PRODUCT, /* blocks of sums of products, body for each; or, if that does not pay, otherwise */
} at_loop_tag;

typedef struct at_loop at_loop;
typedef struct {
    int count, capacity;
    at_loop **items;
} at_loops;

/* order[0..count), positions in a row, are put in order of the keys beside them: stable, NaN last.
 * Only the first `wanted` need be right. */
typedef struct {
    const at_array *key, *order, *spare; /* scratch over the same axes */
    const at_expr *count, *wanted;       /* wanted NULL: all */
    bool falling;
} at_loop_sort;

/* A draw of `path` at rounds and indices, as call/draw.c has it. */
typedef struct {
    at_draw draw;
    const char *path;
    int count;
    const at_expr **index;
    const at_expr *args[2];
} at_loop_draw;

/* One factor of a product. Packed rows (columns) stand beside each other, so many to a panel. */
typedef struct {
    const at_array *array;     /* position m, k lies at start + m * step + k * depth_step; NULL: pack */
    const at_expr *read, *start, *step, *depth_step;
    at_loops pack;             /* loops that PUT the present part of it into packed; with an array:
                                  loops that then PUT 0 where a guard does not hold */
    const at_array *finite;    /* whose elements must be finite, so many from a start; NULL: any may be */
    const at_expr *finite_start, *finite_count;
    const at_array *packed;
} at_loop_factor;

/* block[m][n] = sum over k of rows(m, k) columns(n, k), for m, n and k from their first to before
 * their end, which are variables. A position counts the indices of several axes, the last
 * fastest. */
typedef struct {
    int batch_count;
    const at_axis **batch;     /* axes of both factors: a product of its own for each of their indices */
    const at_expr *row_count, *column_count, *depth_count;
    const at_expr *from[2];    /* the first row, and column, in a group's block; NULL: 0 */
    at_loop_factor factors[2]; /* rows, columns */
    bool beside, guarded;      /* columns lie beside each other in memory; the sum has a guard */
    const at_array *row_first, *row_end, *column_first, *column_end, *depth_first, *depth_end;
    const at_array *tall, *wide, *width; /* variables: of a panel of rows, of columns; of the block */
    at_loops range;            /* loops that set these: the part of the depth that is not all 0 */
    const at_array *depth_from, *depth_to; /* NULL: all of it */
    const at_array *depth_base; /* nothing is read before it; the same for all parts */
    const at_array *column_from, *column_to; /* the columns that elements take, set there too; NULL */
    bool shrinks; /* nothing is stored in the others */
    /* Of what each row of a part begins and ends, set by `range`: of its columns, or of its depth.
     * What no row of a panel has is left out. */
    enum { AT_LIMITS_NONE, AT_LIMITS_COLUMNS, AT_LIMITS_DEPTH } limits;
    const at_array *limit_from, *limit_to;
    /* By factor: its packed elements are looked at, and where some are not finite, what the limits
     * and the other factor's zeros leave out is left out one by one; the guard asks that it is not
     * 0. */
    bool asks[2], zeros[2];
    /* By row of a part and stretch of the columns, or of the depth, so long, from first_stretch on:
     * whether anything is asked for there at all. 0: everywhere. */
    int64_t stretch;
    bool deep;      /* of the depth: set by the loops that pack rows */
    const at_array *wanted, *first_stretch, *stretches;
    const at_array *block;
    const at_array *scratch;   /* for packed and block */
} at_loop_product;

struct at_loop {
    at_loop_tag tag;
    bool down;
    bool apart; /* FOR: its rounds have nothing to do with each other, also with PUT and SORT */
    bool block; /* FOR: over the indices of a group's block, which low and high say */
    const at_axis *axis;
    const at_expr *low, *high; /* FOR: where it begins, and before which it ends; NULL: the axis */
    /* FOR: indices are left out where `when` does not hold, which is one for all with the same
     * quotient by `stretch`; NULL: none. Only while a nest is made (stretch.c). `steps`: over such
     * quotients. */
    const at_expr *when;
    int64_t stretch;
    bool steps;
    const at_expr *condition;
    const at_array *variable;
    const at_array *array;
    const at_expr *address; /* an int: row-major, in elements */
    const at_expr *value, *other; /* REQUIRE: what the message shows; other may be NULL */
    int site;
    const at_loop_sort *sort;
    const at_loop_draw *draw;
    const at_loop_product *product;
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
    const at_expr *expr;     /* the read, the operation or the fold, as it was; NULL: a statement */
    at_span span;
    int dimension;           /* OUTSIDE: which index */
    const at_array *target;  /* whose equation it is in; ROUNDS: what has no value */
    const at_axis *scan;     /* EARLY: the scan's first axis */
} at_loop_site;

typedef struct {
    const at_pass *pass;
    at_loops body;
    at_loops
        hopeful; /* a fallible nest as it is where no element that it reads has a fault, if it is
                    a product then: what is tried in front of it, and the product; else empty */
    int variable_count; /* of variables and scratch: their ids are -1, -2, … */
    int scratch_count, scratch_capacity;
    const at_array **scratch; /* memory for one row, a thread's own */
    int apart_count; /* axes whose loops stand around the scan that the pass is in */
    const at_axis **apart;
    bool fallible; /* some element may fail */
    bool needed;   /* an output whose elements are computed once: a failure ends the run */
} at_nest;

/* What the elements of an array of ints are: low <= x <= high, and x < size(below) if that is
 * set. */
typedef struct {
    int64_t low, high;
    const at_axis *below;
} at_loop_value;

typedef struct {
    const at_plan *plan;
    const at_loop_value **values; /* by array id: what is known of its elements; NULL: nothing */
    int nest_count, site_count, site_capacity;
    at_nest *nests;
    at_loop_site *sites; /* site 0 is none */
    bool *fallible;  /* by place: stored with faults */
    int *rounds_site; /* by array id: where what a repeat leaves fails if no round ran; 0: it cannot */
    bool plain;       /* to be compiled as it stands: without vectors, tiles or threads */
} at_loop_program;

/* Never NULL. */
const at_loop_program *at_loop_make(at_session *s, const at_plan *plan);
bool at_is_fallible(const at_loop_program *program, const at_array *array);
/* Whether the failure of an element of this array ends the run: it is an output, and no later round
 * of a repeat gives that element another value. */
bool at_ends_run(const at_plan *plan, const at_array *array);

/* ---- build.c: what loop.c and fold.c share ------------------------------------------------- */

/* Known where the next node goes: form >= 0, or where it `differs`, form != 0; or whether a
 * condition holds; or that the element of an array at an address has a value. */
typedef struct at_loop_fact at_loop_fact;
struct at_loop_fact {
    const at_loop_fact *next;
    at_affine form;
    bool differs;
    bool always; /* by the bounds of the loops around; else by a condition */
    const at_expr *condition; /* any bool that holds, or does not */
    bool holds;
    const at_array *array;
    const at_expr *address;
};

typedef struct {
    at_session *s;
    at_loop_program *program;
    at_nest *nest;
    const at_loop_fact *facts;
    bool only_always; /* while something is shown: facts that need a condition do not count */
    const at_array *target;
    at_loops *into; /* where the next node goes */
    at_axis *const *axes;   /* the indices of the store: the target's axes, or those of a `next` */
    const at_axis **rounds; /* of the repeats around, outermost first */
    int round_count;
    int variables;  /* of this nest */
    int risks;      /* nodes that may fail, so far */
    const at_loops *tried; /* those in front of a product, while it is looked for; NULL: none */
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
void at_loop_remove(at_loops *from, const at_loop *node);
/* A loop over an axis, and the next nodes are in it; NULL, and no loop, if an enclosing region or
 * the pass's group has the axis. Over the axis of the group's blocks it goes through one block. */
at_loop *at_loop_enter(at_loop_lowering *l, const at_axis *axis);
/* A store of the target's element at the present indices, and the next nodes compute it. */
at_loop *at_loop_enter_store(at_loop_lowering *l);
/* A fault, and what may become it: the nodes up to at_loop_leave_try are tried. */
const at_array *at_loop_fault(at_loop_lowering *l, const char *name);
typedef struct {
    at_loop *node;
    at_loops *outer;
    int risks;
} at_loop_try;
at_loop_try at_loop_enter_try(at_loop_lowering *l, const at_array *fault);
/* False when nothing in it can fail: its nodes then stand where it stood. */
bool at_loop_leave_try(at_loop_lowering *l, at_loop_try tried);
/* Scratch with an element for each of the indices of `axes`. */
const at_array *at_loop_scratch(at_loop_lowering *l, const char *name, at_kind kind,
                                at_axis *const *axes, int count);
void at_loop_put(at_loop_lowering *l, const at_array *array, const at_expr *address,
                 const at_expr *value);
/* The row-major position among the indices of axes. */
const at_expr *at_loop_position(at_loop_lowering *l, at_axis *const *axes, int count,
                                at_span span);
/* A variable without a LET. */
const at_array *at_loop_variable(at_loop_lowering *l, const char *name, at_kind kind);
/* Elements at positions, in the scratch of a product: it has no axes of its own. */
const at_array *at_loop_panels(at_loop_lowering *l, const char *name, at_kind kind);
bool at_is_panels(const at_array *array);
bool at_is_variable(const at_array *array);
bool at_is_scratch(const at_array *array);
const at_expr *at_variable_read(at_session *s, const at_array *variable, at_span span);
/* The address of array[index]: ((i0 * size(a1) + i1) * size(a2) + i2) …, where an index into a
 * window of k steps counts modulo k, and one into a block or a tile from where that begins; of
 * scratch the first index, which is a position. */
const at_expr *at_address_of(at_session *s, const at_plan *plan, const at_array *array,
                             const at_expr *const *index);

/* ---- apart.c: scans taken apart -------------------------------------------------------------- */

void at_loop_apart(at_session *s, at_loop_program *program, const at_plan_steps *steps);

/* ---- order.c: what a scan has computed already ----------------------------------------------- */

/* Adds what must hold for a read of array[index], if that is not known: a scan around the pass has
 * computed the element. e is the read as it was. */
void at_loop_order(at_loop_lowering *l, const at_expr *e, const at_expr *const *index);

/* ---- lower.c, fold.c: expressions ---------------------------------------------------------- */

/* Adds what must run before `e` can be evaluated and gives what is left of it. */
const at_expr *at_loop_lower(at_loop_lowering *l, const at_expr *e);
const at_expr *at_loop_lower_fold(at_loop_lowering *l, const at_expr *e);

/* ---- rows.c, draw.c: statements ------------------------------------------------------------ */

void at_loop_lower_running(at_loop_lowering *l, const at_statement *st);
void at_loop_lower_order(at_loop_lowering *l, const at_statement *st, const at_part *part);
void at_loop_lower_draw(at_loop_lowering *l, const at_statement *st);

/* ---- known.c: what is known where an expression stands --------------------------------------- */

/* Notes that a condition holds, or that it does not. The caller takes back l->facts. */
void at_loop_know(at_loop_lowering *l, const at_expr *condition, bool holds, bool always);
/* Whether a condition surely holds: 1, surely not: 0, or -1. */
int at_loop_truth(at_loop_lowering *l, const at_expr *condition);
/* Notes that an axis around has indices. */
void at_loop_know_axis(at_loop_lowering *l, const at_axis *axis);
/* Whether the element is known to have a value; if not, it is from here on. */
bool at_loop_know_good(at_loop_lowering *l, const at_array *array, const at_expr *address);
/* Notes what a pass gives; in the order of the passes. */
void at_loop_note_values(at_session *s, at_loop_program *program, const at_pass *pass);
/* Of an int expression of the cascade that has a value. */
at_loop_value at_loop_value_of(const at_loop_program *program, const at_expr *e);
typedef enum {
    AT_MAYBE_OUTSIDE,
    AT_INSIDE_HERE, /* by a condition around: not where the loops only go by */
    AT_INSIDE,
} at_loop_inside;
at_loop_inside at_loop_is_inside(at_loop_lowering *l, const at_expr *index, const at_axis *axis);
/* Whether a sum of ints cannot leave 64 bits, by what is known of its terms and their number. */
bool at_loop_sum_fits(const at_loop_lowering *l, const at_expr *fold);
/* Whether a <= b, or a < b where strict; `always`: by the bounds of loops. */
bool at_loop_is_sure(at_loop_lowering *l, const at_expr *a, const at_expr *b, bool strict,
                     bool always);

/* ---- scatter.c ------------------------------------------------------------------------------ */

/* Lowers an equation whose whole value is a fold that groups by data; false: it is none. */
bool at_loop_lower_scatter(at_loop_lowering *l, const at_expr *value);

/* ---- clip.c: guards as bounds of loops ------------------------------------------------------- */

/* What a guard says of the loops over some axes: bounds, and the conditions that are left. */
typedef struct at_loop_clips at_loop_clips;
at_loop_clips *at_loop_find_clips(at_loop_lowering *l, const at_expr *guard,
                                  at_axis *const *axes, int count);
/* Enters the loop over axis k of these, within its bounds, which are known from here on. */
at_loop *at_loop_enter_clipped(at_loop_lowering *l, const at_loop_clips *clips, int k);
/* The conditions that the bounds do not say; NULL: none. */
const at_expr *at_loop_clips_rest(const at_loop_clips *clips);
/* Whether nothing in e can fail where the next node goes, or where a condition (may be NULL) holds
 * there. */
bool at_loop_is_total(at_loop_lowering *l, const at_expr *e, const at_expr *condition);

/* ---- stretch.c: conditions that are the same for stretches of an index ----------------------- */

/* How long the stretches of an axis are in which a condition is the same, and so is asked once for
 * each; 0: there are none worth it. */
int64_t at_loop_stretch_of(const at_expr *condition, const at_axis *axis);
/* The condition for a stretch: with `step` for the quotient. */
const at_expr *at_loop_stretch_at(at_session *s, const at_expr *condition, const at_axis *axis,
                                  const at_expr *step);
/* An axis for the stretches of one. */
at_axis *at_loop_step_axis(at_session *s, const at_axis *axis);
/* Loops over stretches, where loops have such conditions. */
void at_loop_write_stretches(at_session *s, const at_loops *loops);

/* ---- product.c ------------------------------------------------------------------------------ */

/* Makes the nest a product of matrices, if it is one. */
void at_loop_find_product(at_loop_lowering *l);

/* ---- hopeful.c ------------------------------------------------------------------------------ */

/* Finds the nest's hopeful form, if it can fail and is a product where it does not. */
void at_loop_find_hopeful_product(at_loop_lowering *l);
/* Whether a variable is of what is tried in front of the product: the same for all its elements. */
bool at_loop_is_tried(const at_loop_lowering *l, const at_array *variable);

/* ---- instrument.c -------------------------------------------------------------------------- */

/* The same program, to be compiled as it stands. */
const at_loop_program *at_loop_plain(at_session *s, const at_loop_program *program);
/* That program with two counters for each pass i: 2i grows by the operations on reals that it
 * really does (as plan/count.h counts them), 2i+1 by the elements that it stores, where they are
 * stored one by one and not grown, as sums grouped by data are. */
const at_loop_program *at_loop_instrument(at_session *s, const at_loop_program *program);

/* ---- print.c ------------------------------------------------------------------------------- */

void at_loop_print(const at_loop_program *program, at_text *out);

#endif
