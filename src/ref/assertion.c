/* Assertions: both sides are evaluated whole, then compared element by element.
 *
 * `==` holds when |a - b| <= t·max(1, rms of b) everywhere, the rms over b's finite elements; equal
 * infinities are equal, NaN is not. `<=` and `>=` have the same room. Ints and bools are compared
 * exactly unless the law gives a tolerance. */
#include "ref/ref_int.h"

#include <math.h>

enum { SIDES = 2 };

static double as_real(at_kind kind, at_cell value) {
    return kind == AT_REAL ? value.r : (double)value.i;
}

static double root_mean_square(const at_cell *row, at_kind kind, int64_t count) {
    double sum = 0, finite = 0;
    for (int64_t k = 0; k < count; k++) {
        double x = as_real(kind, row[k]);
        if (!isfinite(x)) continue;
        sum += x * x;
        finite += 1;
    }
    return finite > 0 ? sqrt(sum / finite) : 0;
}

static double allowed_by(const at_statement *st, const at_cell *right, int64_t count, double own) {
    at_kind kind = st->u.assertion.right->kind;
    double tolerance = st->u.assertion.tolerance;
    if (tolerance < 0) tolerance = kind == AT_REAL ? own : 0;
    double rms = root_mean_square(right, kind, count);
    return tolerance * (rms > 1 ? rms : 1);
}

static bool holds(at_op op, at_kind kind, at_cell a, at_cell b, double allowed) {
    if (kind != AT_REAL && allowed == 0)
        return op == AT_OP_EQ ? a.i == b.i : op == AT_OP_LE ? a.i <= b.i : a.i >= b.i;
    double x = as_real(kind, a), y = as_real(kind, b);
    if (x == y) return true; /* infinities too */
    if (op == AT_OP_LE) return x <= y || x - y <= allowed;
    if (op == AT_OP_GE) return x >= y || y - x <= allowed;
    return fabs(x - y) <= allowed;
}

static at_check *check_of(at_ref *ref, const at_step *step) {
    at_checks *checks = ref->checks;
    for (int i = 0; i < checks->count; i++)
        if (checks->items[i].assertion == step->st) return &checks->items[i];
    at_check fresh = {.assertion = step->st, .holds = true, .element = ""};
    AT_PUSH(ref->s->arena, checks->items, checks->count, checks->capacity, fresh);
    return &checks->items[checks->count - 1];
}

static const char *element_text(at_ref *ref, const at_unit *unit, int64_t at) {
    const at_axis *axes[AT_RANK_LIMIT];
    for (int i = 0; i < unit->axis_count; i++) axes[i] = unit->axes[i];
    return at_copy_text(ref->s->arena,
                        at_element_text(ref, "", axes, unit->extents, unit->axis_count, at), 256);
}

/* The first element without a value on either side ends the run. */
static bool has_values(at_ref *ref, const at_step *step, at_frame *const *sides, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        for (int i = 0; i < SIDES; i++)
            if (sides[i]->row_cause[k]) {
                const char *at = element_text(ref, step->units[0], k);
                at_report_cause(ref, sides[i]->row_cause[k],
                                at_format(ref->arena, "an assertion of `%s`%s%s",
                                          ref->cascade->name, at[0] ? " at " : "", at));
                return false;
            }
    return true;
}

at_check at_sides_compare(const at_statement *st, const void *left, const void *right,
                          int64_t count, double own, int64_t *at) {
    const at_cell *a = left, *b = right;
    at_kind kind = st->u.assertion.left->kind;
    at_check result = {.assertion = st, .holds = true, .element = ""};
    result.allowed = allowed_by(st, b, count, own);
    int64_t k = 0;
    while (k < count && holds(st->u.assertion.op, kind, a[k], b[k], result.allowed)) k++;
    *at = k;
    if (k == count) return result;
    result.holds = false;
    result.left = as_real(kind, a[k]);
    result.right = as_real(kind, b[k]);
    return result;
}

static bool compare(at_ref *ref, const at_step *step, at_frame *const *sides, int64_t count) {
    int64_t at;
    if (!has_values(ref, step, sides, count)) return false;
    at_check result =
        at_sides_compare(step->st, sides[0]->row, sides[1]->row, count, 1e-9, &at);
    if (!result.holds) result.element = element_text(ref, step->units[0], at);
    at_check *check = check_of(ref, step);
    if (check->holds) *check = result;
    return true;
}

bool at_assertion_run(at_ref *ref, const at_step *step) {
    at_frame *sides[SIDES];
    bool good = true;
    for (int i = 0; i < SIDES; i++) {
        const at_unit *unit = step->units[i];
        sides[i] = &unit->frames[0];
        good &= at_row_new(ref, unit, sides[i]);
        at_scatters_run(ref, unit);
        sides[i]->position = 0;
        if (!ref->stopped && unit->width > 0)
            at_unit_rows(unit, sides[i], 0, unit->rows, 0, unit->width);
    }
    if (good && !ref->stopped) good = compare(ref, step, sides, step->units[0]->row_length);
    for (int i = 0; i < SIDES; i++) {
        at_row_free(ref, step->units[i], sides[i]);
        at_scatters_end(ref, step->units[i]);
    }
    return good;
}

void at_check_report(at_session *s, const at_cascade *law, const at_check *failed) {
    const at_statement *st = failed->assertion;
    char left[32], right[32];
    at_text_real(failed->left, left);
    at_text_real(failed->right, right);
    at_diag *diag = at_error(s, AT_E_RUN_LAW, st->span, "`%s` does not hold%s%s",
                             law->name, failed->element[0] ? " at " : "", failed->element);
    const char *sign = at_op_info(st->u.assertion.op)->text;
    at_label(s, diag, "%s %s %s is not true", left, sign, right);
    if (failed->allowed > 0)
        at_note(s, diag, at_no_span(), "a difference of %.3g is allowed", failed->allowed);
}
