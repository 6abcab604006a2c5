/* What the files that find groups share. */
#ifndef AT_GROUP_INT_H
#define AT_GROUP_INT_H

#include "plan/plan.h"

/* Sets of small numbers. */
typedef uint64_t at_set;
static inline bool at_set_has(const at_set *set, int i) { return set[i / 64] >> (i % 64) & 1; }
static inline void at_set_add(at_set *set, int i) { set[i / 64] |= (at_set)1 << (i % 64); }
static inline bool at_sets_meet(const at_set *a, const at_set *b, int words) {
    for (int i = 0; i < words; i++)
        if (a[i] & b[i]) return true;
    return false;
}

typedef struct {
    int count, capacity;
    at_pass **items;
} at_passes;

/* The steps of one block, in their order, and what goes from one to the other. */
typedef struct {
    at_session *s;
    at_plan *plan;
    at_plan_steps *steps;
    int count, words;  /* steps, and the words of a set of them */
    at_set **behind;   /* by step: the steps that must have run before it */
    at_passes *passes; /* by step: its passes, if it can be part of a group; else none */
    /* By array: */
    int *writer;       /* the step that computes it; -1: none here that can be part of a group */
    at_set **readers;  /* the steps that read it */
    bool *leaves;      /* it is also read elsewhere, or is kept */
    uint64_t *local;   /* dimensions: what reads it is at the same index of them, and writes it too */
} at_level;

/* ---- level.c */

at_level *at_level_make(at_session *s, at_plan *plan, at_plan_steps *steps);
/* Whether a pass has a loop over an axis in which rounds have nothing to do with each other. */
bool at_pass_is_along(at_session *s, const at_pass *pass, const at_axis *axis);
/* Whether a read is at the present index of the axis, in the one dimension that has it. */
bool at_read_is_along(const at_expr *read, const at_axis *axis);

/* ---- worth.c */

/* Whether an axis is the last of a given array or output: loops over it are left whole. */
bool at_is_feature(const at_plan *plan, const at_axis *axis);
/* How many of an array's axes are lengths. */
int at_lengths_in(const at_plan *plan, const at_array *array);
/* Whether an array is worth keeping in blocks along an axis, with the dimensions `inside` one index
 * at a time. */
bool at_pays_in_blocks(const at_plan *plan, const at_array *array, const at_axis *along,
                uint64_t inside);

/* Whether an array has a number for each row of another that its readers go over, too: in blocks of
 * few rows these are still in a cache. */
bool at_reads_rows_again(const at_plan *plan, const at_array *array, const at_axis *along);

#endif
