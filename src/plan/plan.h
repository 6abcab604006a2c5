/* plan: which passes run, in which order, and which arrays are stored for them. A pass computes one
 * array, whole; what no output needs has no pass.
 *
 * Everything lives in the session's arena. */
#ifndef AT_PLAN_H
#define AT_PLAN_H

#include "ir/ir.h"

typedef enum { AT_PLACE_GIVEN, AT_PLACE_OUTPUT, AT_PLACE_WORK } at_place_use;

/* An array that is stored while the passes run. */
typedef struct {
    const at_array *array;
    at_place_use use; /* GIVEN: an input, param or state; WORK: between passes only */
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
    const at_statement *statement; /* EQUATION, KEEPING of one part, TOPK, DRAWING or TABLE */
    const at_array *target;        /* what it computes */
    at_cost flops;                 /* operations on reals, all guards taken to hold */
    at_cost bytes;                 /* of each array read and written, once */
} at_pass;

typedef struct {
    const at_cascade *cascade;
    int place_count, pass_count;
    at_array_place *places;
    int *place_of; /* by array id; -1: not stored */
    at_pass *passes;
} at_plan;

/* NULL after E904: a statement that has no compiled form. */
const at_plan *at_plan_make(at_session *s, const at_cascade *cascade);
/* What a pass computes as one line of a program; the numbers of a table are left out. */
void at_pass_print(const at_pass *pass, at_text *out);
void at_plan_print(const at_plan *plan, at_text *out);

/* ---- cost.c -------------------------------------------------------------------------------- */

/* Adds count * the product of the axes' extents, joined with a term of the same axes. */
void at_cost_add(at_session *s, at_cost *cost, int64_t count, const at_axis *const *axes, int rank);
/* Bytes of one element as compiled code stores it. */
int64_t at_kind_bytes(at_kind kind);
void at_pass_price(at_session *s, const at_cascade *cascade, at_pass *pass);
void at_cost_print(const at_cost *cost, at_text *out);

#endif
