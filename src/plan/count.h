/* count: how often things happen in a pass at given extents: operations, reads, writes. Conditions
 * over indices are followed exactly, element by element where need be; what only data can tell
 * counts as if it held, and the count says `at most`. */
#ifndef AT_COUNT_H
#define AT_COUNT_H

#include "plan/plan.h"

/* ---- points.c: how many index tuples a piece of a statement is evaluated for ---------------- */

/* Where a piece of a statement stands: all of `outer`, then the axes and the condition. Fill outer,
 * axes, count, condition and wanted; the rest is found. */
typedef struct at_domain at_domain;
struct at_domain {
    at_domain *outer;         /* NULL: none */
    at_axis *const *axes;
    int count;
    const at_expr *condition; /* NULL: none; may mention all axes */
    bool wanted;              /* the value that the condition must have */
    bool any;                 /* of the tuples that differ in `axes` alone only one counts */
    bool known;               /* the next three were computed */
    int64_t points;           /* index tuples, INT64_MAX at most */
    const at_axis **left;     /* there are at most so many: the product of these axes' extents */
    int left_count;
    bool at_most;             /* there may be fewer */
    const at_expr *why;       /* at_most: a condition that data decide; NULL: too many to look at */
};

typedef struct {
    at_session *s;
    int axis_count;
    const int64_t *extents; /* of every axis, by id; NULL: only `left` is found */
    int64_t steps;          /* how many stretches of axes were looked at */
} at_points;

/* Computes domain->points. */
void at_points_find(at_points *points, at_domain *domain);
/* a + b and a * b of counts, INT64_MAX when they do not fit. */
int64_t at_count_add(int64_t a, int64_t b);
int64_t at_count_times(int64_t a, int64_t b);

/* How many tiles, of size by size indices or what is left of the axes, have all points of a
 * condition, some and none. */
typedef struct {
    int64_t whole, bordered, skipped;
} at_tiles_found;
/* The condition is over these two axes and sizes. False where data decide it, or there are too many
 * to look at. */
bool at_points_tiles(at_points *points, const at_expr *condition, const at_axis *rows,
                     const at_axis *columns, int64_t size, at_tiles_found *found);

/* ---- count.c: operations of statements ------------------------------------------------------- */

typedef struct {
    const at_array *array;
    int64_t count;     /* elements read, an element that is read twice counted twice */
    bool at_most;
} at_count_read;

typedef struct {
    at_cost flops_formula, bytes_formula; /* what flops and bytes are, with extents as names */
    int64_t flops;     /* operations on elements whose result is real, exp and + alike */
    bool at_most;      /* fewer, as data decide */
    const at_expr *why;/* at_most: the first condition that data decide; NULL: too many to look at */
    int64_t written;   /* elements */
    bool written_at_most;
    int64_t bytes;     /* each array that is read or written once, or less where less is read */
    bool bytes_at_most;
    int read_count, read_capacity;
    at_count_read *reads;
} at_count;

/* Whether an expression depends on an index or an array: others count nothing. */
bool at_is_elementwise(const at_expr *e);
/* Counts a pass that is no assertion, with its regions' rounds. extents: of every axis, by id, or
 * NULL for the formulas alone; bytes_of: of one element of an array. Everything in the session's
 * arena. */
at_count at_count_pass(at_session *s, const at_cascade *cascade, const at_pass *pass,
                       const int64_t *extents,
                       int64_t (*bytes_of)(void *user, const at_array *array), void *user);

#endif
