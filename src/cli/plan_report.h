/* plan_report: what `attend plan` tells, before it is text or JSON. */
#ifndef AT_CLI_PLAN_REPORT_H
#define AT_CLI_PLAN_REPORT_H

#include "cli/cli.h"
#include "loop/loop.h"
#include "plan/count.h"

typedef struct {
    int64_t bytes;
    at_cost formula;
    int first, last; /* passes, from 0, between which it holds something; -1: given */
} at_plan_buffer;

typedef struct {
    at_session *s;
    const at_loop_program *loops;
    const at_plan *plan;
    const char *dtype;
    const int64_t *extents;  /* NULL: everything as formulas */
    at_count *counts;        /* by pass */
    at_plan_buffer *buffers; /* by place */
    at_count total;
    int64_t workspace;
    at_cost workspace_formula;
} at_plan_report;

/* dtype: "f64", "f32", "bf16" or "f16". */
at_plan_report *at_plan_report_make(at_session *s, const at_loop_program *loops, const char *dtype,
                                    const int64_t *extents);
/* "input", "param", "state", "output", "work". */
const char *at_plan_use_text(const at_array_place *place);
/* s[i,j], as a program has it. */
void at_plan_array_text(const at_array *array, at_text *out);

void at_plan_report_text(const at_plan_report *report, at_text *out);
json_t *at_plan_report_json(const at_plan_report *report);

#endif
