/* plan: which passes run, in which order and inside which regions, which arrays are stored for
 * them, and when. A pass computes the arrays of one statement, whole, or inside of regions the part
 * of them that belongs to the regions' present indices; what no output needs has no pass.
 *
 * The plan is a tree of steps: passes, the scans and repeats around them, and groups of passes that
 * run together, block by block. The times of a plan count its passes, and the beginnings and ends
 * of its regions, in the order of the tree; an array lives from one time to another, and arrays
 * whose lives do not overlap may share memory.
 *
 * Everything lives in the session's arena. */
#ifndef AT_PLAN_H
#define AT_PLAN_H

#include "ir/ir.h"

/* Passes that run together: for one index of each of the axes `single`, and one block of indices of
 * `along`, at a time. Threads share out the blocks; what only the group reads has no more elements
 * than a block needs, and each thread its own. How many indices a block has follows from extents
 * alone. */
typedef struct {
    int number; /* of all groups, from 0 on */
    struct at_plan_step *parent; /* the region around it; NULL: outermost */
    int single_count;
    const at_axis **single;
    const at_axis *along;
    /* Made for it: the extent of `rows` is the most indices that a block has, and the present block
     * goes from the index of `first` to before the index of `end`. */
    const at_axis *rows, *first, *end;
    int64_t most; /* indices of a block; 0: as many as the extents suggest */
    int from, to; /* times */
} at_group;

typedef enum { AT_PLACE_GIVEN, AT_PLACE_OUTPUT, AT_PLACE_WORK } at_place_use;

/* An array that is stored while the passes run. Given arrays come first, then outputs, then work
 * arrays. */
typedef struct {
    const at_array *array;
    at_place_use use;     /* GIVEN: an input, param or state; WORK: between passes only */
    const at_array *next; /* OUTPUT that holds what a state becomes: that state; else NULL */
    bool begins;          /* that OUTPUT begins as what the state was: not all of it is written */
    int writers;          /* passes that write it */
    /* By dimension: 0, or how many of its indices are kept. Of the axes of scans around the pass
     * the last ones: index i lies at i mod that. */
    int64_t *slots;
    /* By dimension: NULL, or a scan's axis t of which step t has nothing but the indices from
     * t * slots on, so many: index i lies at i - t * slots. */
    const at_axis **tiles;
    bool in_place;        /* a step reads what the one before left in the one slot along `along`; two
                             are needed if the pass can fail, and so run again */
    int along;
    const at_group *group; /* WORK that only this group reads: elements of one block, a thread's own;
                              NULL: all elements */
    bool is_read;         /* by some pass */
    bool later;           /* what its elements are, and which is the first to fail, is known when
                             all is done: some are written more than once, or outputs in regions */
    int first, last;      /* times: its life */
} at_array_place;

/* A sum of products: count * the extents of axes, as flops and bytes grow with open extents. */
typedef struct {
    int64_t count;
    int rank;
    const at_axis **axes;
} at_term;

typedef struct {
    int count, capacity;
    at_term *terms;
} at_cost;

typedef struct {
    /* EQUATION, TABLE, KEEPING, TOPK, DRAWING, NEXT or ASSERT; the `while` of a repeat is an
     * EQUATION that the plan made. */
    const at_statement *statement;
    /* What it writes: the statement's target; of KEEPING one for each part; of NEXT an array of the
     * plan for what the state becomes, over u.next.axes; of ASSERT two of the plan, over the axes
     * of the regions and then the assertion's own: left and right. */
    int target_count;
    const at_array **targets;
    const at_array *target; /* the first of them */
    /* The regions around it, outermost first, and their axes: fixed while the pass runs, so that
     * it has no loops over them. */
    int region_count, fixed_count;
    const at_statement **regions;
    const at_axis **fixed;
    int again_count;
    at_axis **again; /* those of them that its first target lacks */
    /* What holds of the elements that some pass reads, over the target's axes; the others are not
     * computed. It cannot fail. NULL: all. */
    const at_expr *domain;
    const at_group *group; /* it runs as a part of, or NULL */
    int number;    /* of all passes, in the order in which they are written */
    int time;
    at_cost flops; /* operations on reals, all guards taken to hold, in a whole run */
    at_cost bytes; /* of each array read and written, once */
} at_pass;

typedef enum { AT_STEP_PASS, AT_STEP_SCAN, AT_STEP_REPEAT, AT_STEP_GROUP } at_step_tag;

typedef struct at_plan_step at_plan_step;
typedef struct {
    int count, capacity;
    at_plan_step **items;
} at_plan_steps;

struct at_plan_step {
    at_step_tag tag;
    const at_statement *statement; /* of the pass or region */
    at_plan_step *parent;          /* the region around it, whatever group it is in; NULL: outermost */
    int first, last;               /* times: of a pass the same */
    int pass;                      /* PASS; REPEAT: what computes its condition, or -1 */
    at_plan_steps body;            /* of a region, or the passes and scans of a group */
    const at_group *group;         /* GROUP */
    /* SCAN: behind its first step only those from `from` to before `to` change anything, ints over
     * the indices of what is around and, in a group, over its first and end; NULL: from the first,
     * to the last. Steps so many apart use the same memory. */
    const at_expr *from, *to;
    int64_t stride;
    /* SCAN: axes along which it can be taken apart, as they stand in all its arrays. */
    int apart_count;
    const at_axis **apart;
    /* REPEAT: what it carries and something needs. `after` has the place of `inside`. */
    int carried_count;
    at_carried *carried;
    /* REPEAT: arrays that the body defines and something outside reads. Those over its round begin
     * as 0, if rounds may not run; the others have no value if no round runs. */
    int left_count, left_capacity;
    const at_array **left;
};

/* When an array is written: inside which regions, and at which time. */
typedef struct {
    int region_count;
    const at_statement *const *regions; /* outermost first */
    int time;
} at_written;

typedef struct {
    const at_cascade *cascade;
    /* The cascade's arrays, by id, and behind them those that the plan made. */
    int array_count, array_capacity;
    const at_array **arrays;
    int place_count, pass_count, pass_capacity, times;
    at_array_place *places;
    int *place_of; /* by array id; -1: not stored */
    at_written *written; /* by array id; of given arrays: in no region, at time 0 */
    at_pass **passes;    /* by number */
    at_plan_steps steps;
    int group_count, group_capacity;
    at_group **groups;
    const struct at_lengths *lengths; /* of the cascade's axes */
    const char **ungrouped; /* by array id: why no group holds it; NULL where nobody asks, or none is sought */
    /* The cascade's axes, and behind them, as it has extents of its own, `rows` of each group. */
    int axis_count;
    const at_axis **axes;
} at_plan;

/* The cascade is without GRAD. Never NULL. */
const at_plan *at_plan_make(at_session *s, const at_cascade *cascade);
/* What a pass computes as one line of a program; the numbers of a table are left out. */
void at_pass_print(const at_pass *pass, at_text *out);
void at_plan_print(const at_plan *plan, at_text *out);
/* Whether some region around the pass has this axis, or its group takes it one index at a time. */
bool at_pass_fixes(const at_pass *pass, const at_axis *axis);
/* Whether it is a sum (or the like) that may go from term to term, as the guard groups by data. */
bool at_pass_may_scatter(at_session *s, const at_pass *pass);
/* Whether fewer rounds than its count may run. */
bool at_repeat_may_end(const at_statement *repeat);
/* The axes of a region: a scan's, or the round. Gives how many; *axes is the first. */
int at_region_axes(const at_statement *region, at_axis *const **axes);

/* ---- group.c ------------------------------------------------------------------------------- */

/* Finds groups, puts their passes beside each other, and gives the steps their times. */
void at_plan_group(at_session *s, at_plan *plan);
/* Whether a dimension is one along which a place holds the indices of a block. */
bool at_place_is_block(const at_array_place *place, int dimension);
/* How many of the last steps of a scan it holds along a dimension; 0: it is none of those. */
int64_t at_place_window(const at_array_place *place, int dimension);
/* The axis whose extent is the length of a dimension of a place without slots. */
const at_axis *at_place_axis(const at_array_place *place, int dimension);

/* ---- apart.c ------------------------------------------------------------------------------- */

/* Finds the axes along which scans can be taken apart. */
void at_plan_apart(at_session *s, at_plan *plan, const at_plan_steps *steps);

/* ---- life.c: windows and lives ------------------------------------------------------------- */

/* Fills slots, is_read, later, first and last of every place. */
void at_plan_live(at_session *s, at_plan *plan);
/* How many steps of a scan along `axis` an index is behind the present one; -1 if it is ahead, or
 * that is not known. */
int64_t at_index_lag(const at_expr *index, const at_axis *axis, bool down);

/* ---- demand.c: which elements are read at all ------------------------------------------------ */

/* Fills in the domains of the passes, from the last to the first. */
void at_plan_demand(at_session *s, at_plan *plan);
/* Every expression that a pass evaluates: those of its statement, and its domain. */
void at_pass_walk(const at_pass *pass, bool (*visit)(void *user, const at_expr *e), void *user);

/* ---- stored.c ------------------------------------------------------------------------------ */

/* Gives a reason (AT_REASON_FUSE) for each array over two lengths that is stored whole. */
void at_plan_tell_stored(at_session *s, const at_plan *plan);
/* By id of the cascade's arrays: those over two lengths that are stored whole. NULL: there is
 * none. */
bool *at_plan_stored(at_session *s, const at_plan *plan);

/* ---- idle.c: steps of scans that change nothing ---------------------------------------------- */

/* Finds them. */
void at_plan_idle(at_session *s, at_plan *plan, const at_plan_steps *steps);

/* ---- cost.c -------------------------------------------------------------------------------- */

/* Adds count * the product of the axes' extents, joined with a term of the same axes. */
void at_cost_add(at_session *s, at_cost *cost, int64_t count, const at_axis *const *axes, int rank);
/* An axis of the same extent that stands for all that surely have it. */
const at_axis *at_axis_root(const at_axis *axis);
/* Bytes of one element as compiled code stores it. */
int64_t at_kind_bytes(at_kind kind);
void at_pass_price(at_session *s, const at_cascade *cascade, at_pass *pass);
void at_cost_print(const at_cost *cost, at_text *out);

#endif
