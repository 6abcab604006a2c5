/* plan_report: what `attend plan` tells, before it is text or JSON. */
#ifndef AT_CLI_PLAN_REPORT_H
#define AT_CLI_PLAN_REPORT_H

#include "cli/cli.h"
#include "emit/skipped.h"
#include "loop/loop.h"
#include "plan/count.h"

typedef struct {
    int64_t bytes;   /* of its elements; of a window or a block, of these; of one thread */
    int64_t room;    /* what it takes in memory: whole 64s, with a fault beside each element that may fail */
    at_cost formula; /* of the elements */
    int first, last; /* passes, from 0, between which it holds something */
    int64_t offset;  /* in the workspace; -1: not in it */
    int shared_count, shared_capacity;
    const at_array **shared; /* what else lies in its memory, at other times */
} at_plan_buffer;

typedef struct {
    at_session *s;
    const at_loop_program *loops;
    const at_plan *plan;
    const char *dtype;
    int threads;
    const int64_t *extents;  /* NULL: everything as formulas */
    at_count *counts;        /* by pass */
    at_plan_buffer *buffers; /* by place */
    int64_t *rows;           /* by group: the indices of a block at most; with extents */
    at_count total;
    int64_t workspace;       /* with so many threads */
    at_cost workspace_formula; /* if nothing shared memory */
} at_plan_report;

/* Of a pass with a domain over two of its axes: how many tiles of so many by so many indices it
 * computes whole, in part, and not at all. False: data decide, or it is over other axes. */
enum { AT_PLAN_TILE = 64 };
bool at_plan_tiles(const at_plan_report *report, const at_pass *pass, at_tiles_found *tiles);

/* dtype: "f64", "f32", "bf16" or "f16". */
at_plan_report *at_plan_report_make(at_session *s, const at_loop_program *loops, const char *dtype,
                                    int threads, const int64_t *extents);
/* "scan t", "repeat l of 6", outermost first, joined by `, `; "" outside of regions. */
const char *at_plan_regions_text(at_session *s, const at_pass *pass);
/* Of a pass that runs together with others: "with passes 1 to 5, for each h, in blocks of 64 i";
 * else "". */
const char *at_plan_group_text(const at_plan_report *report, const at_pass *pass);
/* "input", "param", "state", "output", "work". */
const char *at_plan_use_text(const at_array_place *place);
/* s[i,j], as a program has it. */
void at_plan_array_text(const at_array *array, at_text *out);

/* Adds words, broken at blanks so that no line is longer than 100 characters; `column` of them
 * stand on the line already, and further lines begin with `indent` blanks. */
void at_plan_wrap(at_text *out, int column, int indent, const char *text);

void at_plan_report_text(const at_plan_report *report, at_text *out);
json_t *at_plan_report_json(const at_plan_report *report);

/* ---- plan_reasons.c: what was not done, and why ---------------------------------------------- */

/* Of the session's reasons those of a kind, in the order of the program. */
void at_plan_reasons_text(const at_plan_report *report, at_reason_kind kind, at_text *out);
json_t *at_plan_reasons_json(const at_plan_report *report, at_reason_kind kind);

#endif
