/* Faults of compiled code in the words of the program. */
#include "run/run.h"

/* The extent of an axis of an array, as the run has it. */
static void report_outside(at_session *s, const at_site *site, int64_t index,
                           const int64_t *extents) {
    const at_array *array = site->expr->u.read.array;
    const at_axis *axis = array->axes[site->dimension];
    long long extent = (long long)extents[axis->id];
    at_diag *diag;
    if (extent == 0)
        diag = at_error(s, AT_E_RUN_OUTSIDE, site->expr->span,
                        "`%s` is read at %s = %lld, but %s has no elements", array->name,
                        axis->name, (long long)index, axis->name);
    else
        diag = at_error(s, AT_E_RUN_OUTSIDE, site->expr->span,
                        "`%s` is read at %s = %lld, outside of 0 to %lld", array->name, axis->name,
                        (long long)index, extent - 1);
    at_label(s, diag, "in the equation of `%s`", site->target->name);
    at_hint(s, diag, "where an index may lie outside, say what holds there: `%s[… | 0]`",
            array->name);
}

static void report_arithmetic(at_session *s, const at_site *site) {
    const at_expr *e = site->expr;
    const char *what = "the result does not fit in 64 bits";
    const char *op = e->tag == AT_MAP ? at_op_info(e->u.map.op)->text
                                      : at_fold_info(e->u.fold.fold)->text;
    if (e->tag == AT_MAP && (e->u.map.op == AT_OP_IDIV || e->u.map.op == AT_OP_MOD))
        what = "its right side is 0";
    else if (e->tag == AT_MAP && e->u.map.op == AT_OP_IPOW)
        what = "the exponent is negative or the result does not fit in 64 bits";
    at_diag *diag = at_error(s, AT_E_RUN_ARITHMETIC, e->span, "this `%s` of ints has no value: %s",
                             op, what);
    at_label(s, diag, "in the equation of `%s`", site->target->name);
}

void at_fault_report(at_session *s, const at_loop_program *program, const struct attend_fault *fault,
                     const int64_t *extents) {
    AT_ASSERT(s, fault->site > 0 && fault->site < program->site_count);
    const at_site *site = &program->sites[fault->site];
    switch (site->tag) {
    case AT_SITE_OUTSIDE: report_outside(s, site, fault->value, extents); return;
    case AT_SITE_ARITHMETIC: report_arithmetic(s, site); return;
    case AT_SITE_EMPTY: {
        const char *word = at_fold_info(site->expr->u.fold.fold)->text;
        at_diag *diag = at_error(s, AT_E_RUN_EMPTY, site->expr->span,
                                 "this `%s` ranges over no ints, so it has no value", word);
        at_label(s, diag, "in the equation of `%s`", site->target->name);
        return;
    }
    }
}
