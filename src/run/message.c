/* Failures of compiled code in the words of the program: the same codes and words as the reference
 * executor uses for the same mistakes. */
#include "run/run.h"

#include <inttypes.h>
#include <string.h>

/* An array that opt made belongs to one of the program's: `p.max` to `p`. */
static const char *name_of(const at_array *array) {
    size_t length = strlen(array->path);
    bool made = strncmp(array->name, array->path, length) == 0 && array->name[length] == '.';
    return made ? array->path : array->name;
}

static at_diag *report_outside(at_session *s, const at_loop_site *site, int64_t index,
                               const int64_t *extents) {
    const at_array *array = site->expr->u.read.array;
    const at_axis *axis = array->axes[site->dimension];
    at_span span = site->expr->u.read.index[site->dimension]->span;
    at_diag *diag = at_error(s, AT_E_RUN_OUTSIDE, span,
                             "`%s` is read outside: its index along `%s` is %" PRId64
                             ", and the size of `%s` is %" PRId64,
                             name_of(array), axis->name, index, axis->name, extents[axis->id]);
    at_label(s, diag, "this is %" PRId64, index);
    const at_expr *plain = site->expr->u.read.index[site->dimension];
    if (site->expr->u.read.alternative)
        at_hint(s, diag, "an alternative stands in for a plain index only if `axis` declared it");
    else if (index == -1 && plain->tag == AT_READ)
        at_hint(s, diag, "-1 stands for what topk or argmax did not find: keep it out by a guard, "
                "where %s[…] >= 0", name_of(plain->u.read.array));
    else if (index == INT64_MIN)
        at_hint(s, diag, "int(x) gives this for NaN, and for x beyond the ints");
    else
        at_hint(s, diag, "`%s[… | 0]` reads 0 outside; or keep it out by a guard",
                name_of(array));
    return diag;
}

static at_diag *report_arithmetic(at_session *s, const at_loop_site *site, int64_t value,
                                  int64_t other) {
    const at_expr *e = site->expr;
    bool is_map = e && e->tag == AT_MAP;
    at_op op = is_map ? e->u.map.op : AT_OP_ADD;
    const char *text = is_map ? at_op_info(op)->text : "";
    if ((op == AT_OP_IDIV || op == AT_OP_MOD) && other == 0)
        return at_error(s, AT_E_RUN_DIVISION, site->span,
                        "%" PRId64 " %s 0: ints cannot be divided by 0", value, text);
    if (op == AT_OP_IPOW && other < 0)
        return at_error(s, AT_E_RUN_POWER, site->span,
                        "ipow(%" PRId64 ", %" PRId64 "): an int has no negative powers", value,
                        other);
    at_diag *diag =
        at_error(s, AT_E_RUN_OVERFLOW, site->span, "an int leaves its range of 64 bits");
    if (is_map && at_op_info(op)->arity == 2)
        at_label(s, diag, "%s of %" PRId64 " and %" PRId64, text, value, other);
    else
        at_label(s, diag, "at %" PRId64, value);
    return diag;
}

static at_diag *report_early(at_session *s, const at_loop_site *site,
                             const struct attend_fault *fault) {
    at_span span = site->expr->u.read.index[0]->span;
    at_diag *diag = at_error(s, AT_E_RUN_EARLY, span.source ? span : site->expr->span,
                             "`%s` is read at %s = %" PRId64 ", which is not computed yet at %s = %"
                             PRId64, name_of(site->expr->u.read.array), site->scan->name,
                             fault->value, site->scan->name, fault->other);
    at_hint(s, diag, "a scan may only read what is earlier");
    return diag;
}

/* "o[i=3, e=0]": an element of an output by its place in memory. */
static const char *element_text(at_session *s, const at_array *array, const char *name, int64_t at,
                                const int64_t *extents) {
    int64_t index[AT_RANK_LIMIT];
    for (int i = array->rank - 1; i >= 0; i--) {
        int64_t extent = extents[array->axes[i]->id];
        index[i] = at % extent;
        at /= extent;
    }
    const char *text = name;
    for (int i = 0; i < array->rank; i++)
        text = at_format(s->arena, "%s%s%s=%" PRId64, text, i ? ", " : "[", array->axes[i]->name,
                         index[i]);
    return array->rank ? at_format(s->arena, "%s]", text) : text;
}

static bool is_condition(const at_plan *plan, const at_plan_steps *steps, int place) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        if (step->tag == AT_STEP_REPEAT && step->pass >= 0 &&
            plan->place_of[plan->passes[step->pass]->targets[0]->id] == place)
            return true;
        if (is_condition(plan, &step->body, place)) return true;
    }
    return false;
}

/* What needed the element, as a note says it. */
static const char *needed_text(at_session *s, const at_plan *plan,
                               const struct attend_failure *failure, const int64_t *extents) {
    int number = (int)failure->place;
    const at_array_place *place = &plan->places[number];
    const at_array *array = place->array;
    if (is_condition(plan, &plan->steps, number))
        return at_format(s->arena, "the `while` of this repeat, before round %" PRId64,
                         failure->element);
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        if (pass->statement->tag != AT_ASSERT) continue;
        if (pass->targets[0] != array && pass->targets[1] != array) continue;
        const char *at = element_text(s, array, "", failure->element, extents);
        return at_format(s->arena, "an assertion of `%s`%s%s", plan->cascade->name,
                         at[0] ? " at " : "", at);
    }
    const char *name = place->next ? place->next->name : array->name;
    for (int i = plan->cascade->output_count - 1; i >= 0; i--)
        if (plan->place_of[plan->cascade->outputs[i].array->id] == number)
            name = plan->cascade->outputs[i].name;
    const char *at = element_text(s, array, name, failure->element, extents);
    return at_format(s->arena, "the %s `%s`", place->next ? "next" : "output", at);
}

void at_failure_report(at_session *s, const at_loop_program *program,
                       const struct attend_failure *failure, const int64_t *extents) {
    const struct attend_fault *fault = &failure->fault;
    AT_ASSERT(s, fault->site > 0 && fault->site < program->site_count);
    const at_loop_site *site = &program->sites[fault->site];
    at_diag *diag = NULL;
    switch (site->tag) {
    case AT_SITE_OUTSIDE: diag = report_outside(s, site, fault->value, extents); break;
    case AT_SITE_ARITHMETIC:
        diag = report_arithmetic(s, site, fault->value, fault->other);
        break;
    case AT_SITE_EMPTY:
        diag = at_error(s, AT_E_RUN_EMPTY, site->span,
                        "the largest or smallest of no ints does not exist");
        at_hint(s, diag, "over nothing, reals give -inf or inf: real(…) makes them of ints");
        break;
    case AT_SITE_EARLY: diag = report_early(s, site, fault); break;
    case AT_SITE_ROUNDS:
        diag = at_error(s, AT_E_RUN_ROUNDS, site->target->span,
                        "`%s` is first defined in a repeat, and no round of it ran",
                        name_of(site->target));
        at_hint(s, diag, "define it before the repeat as well");
        break;
    }
    at_note(s, diag, at_no_span(), "needed for %s",
            needed_text(s, program->plan, failure, extents));
}
