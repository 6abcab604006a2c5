/* form: cascades while they are rewritten. What every rewrite needs and none owns: a draft that
 * takes new arrays and statements, makers of expressions that drop zeros and ones, linear forms of
 * int expressions with what can be proved of them, and the solving of equality guards. */
#ifndef AT_FORM_H
#define AT_FORM_H

#include "ir/ir.h"

/* ---- draft.c: a cascade while it is rewritten ---------------------------------------------- */

/* A copy of a cascade that takes new arrays, axes and statements. Statements are given anew, in
 * order, by at_draft_add; everything else is copied from the start. */
typedef struct at_draft_region at_draft_region;
typedef struct {
    at_session *s;
    const at_cascade *from;
    at_cascade *out;
    struct at_inverse *inverses; /* of permutations, those that were made (inverse.c) */
    int array_capacity, axis_capacity, statement_capacity;
    at_block *block; /* where statements go: the cascade's body, or a region's */
    at_draft_region *region; /* the innermost that is open; NULL: none */
    at_map names;    /* of arrays and axes */
    bool failed;     /* an array has too many axes: E806 was told, and `out` is of no use */
} at_draft;

at_draft *at_draft_new(at_session *s, const at_cascade *from);
void at_draft_add(at_draft *draft, at_statement *statement);
/* Adds a statement in front of a region that is open: of the innermost for 1, of the one around it
 * for 2; 0: like at_draft_add. */
void at_draft_add_outside(at_draft *draft, int regions, at_statement *statement);
void at_draft_equation(at_draft *draft, at_array *target, const at_expr *value, at_span span);
/* What follows is added to the block of a scan or repeat, until at_draft_close, which gives that
 * block and goes on with the one before. */
struct at_draft_region {
    at_block inner;
    at_block *outer;
    int outer_capacity;
    at_draft_region *around;
    const at_statement *statement; /* the scan or repeat; NULL where nobody said */
};
void at_draft_open(at_draft *draft, at_draft_region *region);
at_block at_draft_close(at_draft *draft, at_draft_region *region);
/* A new array; `name` is made unique when it is taken, the path is the name or `path`. */
at_array *at_draft_array(at_draft *draft, const char *name, const char *path, at_kind kind,
                         at_axis *const *axes, int rank, at_span span);
/* Adds the equation of a new array `owner.suffix[axes] = value` and gives a read of it at these
 * axes. `owner` is the array whose equation needs it; the name is made unique, the path is its. */
const at_expr *at_draft_define(at_draft *draft, const at_array *owner, const char *suffix,
                               at_axis **axes, int rank, const at_expr *value);
/* Four new arrays of one name, which a repeat can carry. The axes are those that each of them
 * has. */
at_carried at_draft_carried(at_draft *draft, const char *name, const char *path, at_kind kind,
                            at_axis *const *axes, int rank, at_span span);
/* A new index over the extent of `like`: what at_substitute asks for. `user` is the draft. */
at_axis *at_draft_axis(void *user, const at_axis *like);
/* A new axis with the extent of an int expression over sizes of open axes. */
at_axis *at_draft_extent(at_draft *draft, const char *name, const at_expr *extent);

/* ---- block.c: statements one after the other ------------------------------------------------- */

/* A copy of the statement with change(user, e) for each of its expressions e; of a repeat that is
 * its condition, and blocks stay. Tables and gradients stay what they are. */
at_statement *at_statement_changed(at_session *s, const at_statement *st,
                                   const at_expr *(*change)(void *user, const at_expr *e),
                                   void *user);
/* Every array that the statement writes, of a scan or repeat all that is written in it and what it
 * leaves; states that get a next value are not written yet. */
void at_statement_written(const at_statement *st, void (*visit)(void *user, const at_array *array),
                          void *user);
/* What happens to the statements of a block that go into a draft; each function may be NULL. */
typedef struct {
    at_draft *draft;
    void *user;
    /* A statement that is no scan or repeat: adds what becomes of it. NULL: it stays. */
    void (*plain)(void *user, const at_statement *st);
    /* Of a scan or repeat, whose copy is `out`: before its block is opened; at the end of the
     * block, which is still open; after `out` was added. */
    void (*before)(void *user, const at_statement *st, at_statement *out);
    void (*end)(void *user, const at_statement *st, at_statement *out);
    void (*after)(void *user, const at_statement *st, at_statement *out);
} at_block_walk;
void at_draft_block(const at_block_walk *w, const at_block *block);
/* The axes of the scans that are open, outer ones first: what a new array's axes begin with. Gives
 * how many; axes may be NULL. */
int at_draft_scan_axes(const at_draft *draft, at_axis **axes);
/* The axes that an array of e's values has here: those of open scans, and what e mentions but for
 * rounds of open repeats; in the order that `like` (may be NULL) has, then as they are met. In the
 * arena. */
int at_draft_free_axes(const at_draft *draft, const at_expr *e, const at_array *like,
                       at_axis ***axes);

/* ---- make.c: expressions without zeros and ones --------------------------------------------- */

/* Like at_map_node, but `0 + a`, `1 * a`, `a / 1`, `--a`, `a ^ 1`, sums and products of numbers are
 * not kept. A product with the number 0 is 0. Kinds as for at_map_node. */
const at_expr *at_make_add(at_session *s, const at_expr *a, const at_expr *b);
const at_expr *at_make_sub(at_session *s, const at_expr *a, const at_expr *b);
const at_expr *at_make_mul(at_session *s, const at_expr *a, const at_expr *b);
const at_expr *at_make_div(at_session *s, const at_expr *a, const at_expr *b);
const at_expr *at_make_neg(at_session *s, const at_expr *a);
/* The same expression with these makers in the place of its nodes. */
const at_expr *at_make_simple(at_session *s, const at_expr *e);
bool at_is_number(const at_expr *e, double value);
/* No fold in it and few nodes: evaluating it again costs less than storing it. NULL is cheap. */
bool at_is_cheap(const at_expr *e);
const at_expr *at_read_whole(at_session *s, const at_array *array, at_span span);
/* `a and b`, where NULL stands for true; what `a` says already is not said again. */
const at_expr *at_both(at_session *s, const at_expr *a, const at_expr *b);
/* `if condition then value else other`; value itself when condition is NULL. */
const at_expr *at_where(at_session *s, const at_expr *condition, const at_expr *value,
                        double other);

/* ---- sum.c ----------------------------------------------------------------------------------- */

/* sum[axes where guard](body), with what can be taken out of it in front: factors that mention
 * none of the axes, and conditions that mention none. body itself when there are no axes and no
 * guard, `if guard then body else 0` when there are only no axes. Nothing is evaluated that the
 * sum would not evaluate and that may fail, and over nothing it is 0. */
const at_expr *at_make_sum(at_session *s, at_axis **axes, int count, const at_expr *guard,
                           const at_expr *body);

/* ---- extent.c -------------------------------------------------------------------------------- */

/* Two axes whose extents are the same in every run. */
bool at_same_extent(const at_axis *a, const at_axis *b);
/* The extent as an expression over sizes of open axes. */
const at_expr *at_extent_of(at_session *s, const at_axis *axis);
/* size(axis), by the name of the axis that it is another index of. */
const at_expr *at_size_of(at_session *s, const at_axis *axis, at_span span);
/* Two axes that are equally long by what they are or because the cascade requires it. */
bool at_equal_extent(at_session *s, const at_cascade *cascade, const at_axis *a, const at_axis *b);
/* e with one size for all that the cascade's requirements make equal. */
const at_expr *at_with_known_sizes(at_session *s, const at_cascade *cascade, const at_expr *e);

/* ---- homes.c: where arrays are written ------------------------------------------------------- */

/* A block of the cascade: its body, or that of a scan or repeat. */
typedef struct at_home at_home;
struct at_home {
    at_home *outer;             /* NULL: this is the cascade's body */
    int depth;                  /* 0 for the cascade's body */
    const at_statement *region; /* the scan or repeat; NULL: the cascade */
};
typedef struct {
    at_session *s;
    int count, capacity;
    at_home **of_array; /* by array id: where it is written; what is given is in the body */
    at_home **of_round; /* by axis id: the block that it counts the rounds of; NULL: no round */
    int block_count, block_capacity;
    at_home **blocks;   /* in the order of their regions in the text */
} at_homes;
at_homes *at_homes_of(at_session *s, const at_cascade *cascade);
/* A new array's home. */
void at_homes_set(at_homes *homes, const at_array *array, at_home *home);
/* Every statement of the cascade that these are of, in the order of the text, with the block where
 * it stands; a scan or repeat comes before its statements, with its own block. */
void at_homes_walk(const at_homes *homes, const at_cascade *cascade,
                   void (*visit)(void *user, const at_statement *st, at_home *home), void *user);
/* Whether a step of a scan or a round of a repeat, around the block or its own, fixes the axis. */
bool at_home_fixes(const at_home *home, const at_axis *axis);
/* The innermost block around both. */
at_home *at_home_common(at_home *a, at_home *b);
/* The outermost block, around `here` or it itself, at which all that e reads is what it is at
 * `here`: what is written in an open region changes with its steps and rounds, what is in a closed
 * one does not. */
at_home *at_home_outermost(const at_homes *homes, const at_expr *e, at_home *here);

/* ---- total.c: what surely has a value -------------------------------------------------------- */

/* Whether evaluating e may fail where its indices lie inside their axes: a read that is not surely
 * inside, an int operation without a value. `known` has requirements that hold. */
bool at_may_fail(at_session *s, const at_cascade *known, const at_expr *e);
/* By array id: whether each element surely has a value. */
bool *at_whole_arrays(at_session *s, const at_cascade *cascade);
/* Whether e may fail, or read an array (of the first `count`) that is not whole. */
bool at_lacks_value(at_session *s, const at_cascade *known, const bool *whole, int count,
                    const at_expr *e);

/* ---- affine.c: linear forms ------------------------------------------------------------------ */

/* constant + Σ factor·term. A term is an index, a size, a product of them, or any other int
 * expression taken whole; no two are the same. */
typedef struct {
    int64_t constant;
    int count;
    const at_expr **terms;
    int64_t *factors;
} at_affine;

/* False when a number does not fit or there are too many terms, and for what is no int. */
bool at_affine_of(at_session *s, const at_expr *e, at_affine *form);
/* a + factor·b */
bool at_affine_add(at_session *s, const at_affine *a, int64_t factor, const at_affine *b,
                   at_affine *form);
const at_expr *at_affine_expr(at_session *s, const at_affine *form, at_span span);
/* Whether the form is surely 0 or more, wherever every index in it lies inside its axis. */
bool at_affine_nonnegative(at_session *s, const at_affine *form);
/* `low <= e and e < high`, of which what is sure is left out; NULL when all is sure, false when it
 * surely is not so. `known` (may be NULL) has requirements that hold. */
const at_expr *at_between(at_session *s, const at_cascade *known, const at_expr *low,
                          const at_expr *e, const at_expr *high);
/* Whether `a // b`, or `a % b`, surely has a value: b is a number, or required to divide something,
 * or `a` is one of the members of groups that are required to be equally large, `h // (size(h) //
 * size(g))`. */
bool at_quotient_is_sure(at_session *s, const at_cascade *known, const at_expr *e);
/* e with its int indices and comparisons made short: `t + 1 - 1` is t, `t + 1 == 0` is false. */
const at_expr *at_affine_simple(at_session *s, const at_expr *e);

/* A comparison whose side `side` is a quotient by a positive number, as one or two comparisons
 * without: gives how many, or 0. */
int at_without_quotient(at_session *s, const at_expr *comparison, int side,
                             const at_expr *out[2]);

/* ---- range.c: between which ints a value lies ---------------------------------------------- */

/* Axes are at most this long in compiled code, so that index arithmetic mostly fits 64 bits. */
#define AT_AXIS_LIMIT ((int64_t)1 << 31)

typedef struct {
    int64_t low, high;
} at_range;

/* Of an int expression that cannot fail. */
at_range at_range_of(const at_expr *e);
/* Of an operation, from those of its arguments. */
at_range at_range_of_map(at_op op, const at_range *args);
/* Whether an operation on ints always has a result, whatever its arguments in these ranges. */
bool at_range_fits(at_op op, const at_range *args);
/* Whether an index of this dimension always lies inside, given what the cascade requires. */
bool at_index_inside(at_session *s, const at_cascade *cascade, const at_expr *index,
                     const at_axis *axis);

/* ---- solve.c: equality guards ---------------------------------------------------------------- */

typedef struct {
    const at_expr *e;
    bool equation; /* e is an int that must be 0; else a bool */
} at_condition;

/* A sum over `axes`, where all conditions hold, of `body`. Conditions are asked in their order: one
 * that fails keeps those after it, and the body, from being asked. Set draft, axes and body, and
 * `place` where statements may be added; give conditions by the two functions below. */
typedef struct {
    at_draft *draft;
    int count, capacity;
    at_axis **axes;
    int condition_count, condition_capacity;
    at_condition *conditions;
    int equation_count;   /* of the conditions: how many are left to solve */
    const at_expr *guard; /* after at_solve, all that must hold; NULL: everywhere */
    const at_expr *body;
    /* Puts in a statement that reads nothing but `of`, anywhere between the definition of `of` and
     * this sum; false: there is no such place. */
    bool (*place)(void *user, const at_array *of, at_statement *st);
    void *user;
} at_guarded_sum;

/* Adds an equation, an int that must be 0; adds a guard, of which conjuncts that equate ints and
 * mention a bound axis become equations. */
void at_solve_equation(at_guarded_sum *sum, const at_expr *zero_of);
void at_solve_guard(at_guarded_sum *sum, const at_expr *guard);
/* Solves what can be solved: each equation that determines a bound index replaces it everywhere
 * and is gone, with the condition that the index lies inside its axis. Linear indices, div and mod
 * are inverted; mixed radix (`y*8 + u` with u over 8) into quotient and remainder; a permutation
 * that an argsort gave is read backwards. What is left goes into the guard: a gather that cannot
 * be inverted stays a scatter. Once, after all conditions were given. */
void at_solve(at_guarded_sum *sum);
/* The sum as an expression, with at_make_sum. */
const at_expr *at_guarded_sum_expr(at_guarded_sum *sum);

/* ---- placing.c ------------------------------------------------------------------------------- */

/* Whether an equality of ints bounds an index of the fold: for each of the others there is one
 * range. */
bool at_bounds_index(at_session *s, const at_expr *e, const at_expr *fold);
/* Whether a part of the guard may say at which index of the left side's axis a term belongs. */
bool at_may_place(at_session *s, const at_expr *fold, const at_expr *guard, const at_axis *axis);

/* ---- tidy.c ---------------------------------------------------------------------------------- */

/* The cascade without copies, and without what no output, next or assertion needs; and printed it
 * reads back as what it is: nothing is read where its name means another array (copies are put
 * in). */
const at_cascade *at_tidy(at_session *s, const at_cascade *from);
/* The cascade without what no output, next or assertion needs, and nothing else changed. */
const at_cascade *at_needed_only(at_session *s, const at_cascade *from);

/* ---- shadow.c -------------------------------------------------------------------------------- */

/* The cascade with nothing read where its name means another array, for a print that reads back as
 * what it is; itself when that is so. */
const at_cascade *at_unshadowed(at_session *s, const at_cascade *from);

#endif
