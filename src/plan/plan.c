/* From a cascade to passes: one for each equation that an output needs, in the order written, each
 * reading and writing arrays that are stored whole.
 *
 * "Needed" is found from the outputs backwards. It is more than tidiness: a read outside that no
 * output needs is no error, so an equation that nobody reads must not run. */
#include "plan/plan.h"

/* What a person calls a statement that has no pass; NULL for those that have one. */
static const char *foreign(const at_statement *st) {
    switch (st->tag) {
    case AT_EQUATION:
    case AT_KEEPING: /* running folds and argsort: opt has written normalisers out */
    case AT_TOPK:
    case AT_DRAWING:
    case AT_TABLE: return NULL;
    case AT_GRAD: return "grad";
    case AT_NEXT: return "next";
    case AT_SCAN: return "scan";
    case AT_REPEAT: return "repeat";
    case AT_ASSERT: return "assertion";
    }
    return NULL;
}

/* The array whose equation a statement is, for messages; NULL for regions and assertions. */
static const at_array *target_of(const at_statement *st) {
    switch (st->tag) {
    case AT_KEEPING: return st->u.keeping.parts[0].target;
    case AT_SCAN:
    case AT_REPEAT:
    case AT_ASSERT: return NULL;
    default: return st->target;
    }
}

static void refuse(at_session *s, const at_statement *st) {
    const at_array *target = target_of(st);
    at_diag *diag;
    if (target)
        diag = at_error(s, AT_E_NOT_COMPILED, st->span,
                        "compiled code has no `%s`, which the equation of `%s` uses", foreign(st),
                        target->name);
    else
        diag = at_error(s, AT_E_NOT_COMPILED, st->span, "compiled code has no %s%s%s",
                        st->tag == AT_ASSERT ? "" : "`", foreign(st),
                        st->tag == AT_ASSERT ? "s" : "`");
    at_hint(s, diag, "`--executor reference` runs it");
}

static bool mark_read(void *user, const at_expr *e) {
    bool *needed = user;
    if (e->tag == AT_READ) needed[e->u.read.array->id] = true;
    return true;
}

/* Whether a statement must run; marks what it reads. Regions, `next` and assertions always must. */
static bool is_needed(const at_statement *st, bool *needed) {
    bool runs = foreign(st) && !target_of(st);
    runs |= st->tag == AT_NEXT;
    if (st->tag == AT_KEEPING)
        for (int i = 0; i < st->u.keeping.count; i++)
            runs |= needed[st->u.keeping.parts[i].target->id];
    else if (target_of(st))
        runs |= needed[st->target->id];
    if (runs) at_walk_statement(st, mark_read, needed);
    return runs;
}

static void store(at_plan *plan, const at_array *array, at_place_use use) {
    if (plan->place_of[array->id] >= 0) return;
    plan->place_of[array->id] = plan->place_count;
    plan->places[plan->place_count++] = (at_array_place){array, use};
}

static void find_places(at_plan *plan, const bool *needed) {
    const at_cascade *cascade = plan->cascade;
    for (int i = 0; i < cascade->array_count; i++) plan->place_of[i] = -1;
    for (int i = 0; i < cascade->array_count; i++) {
        at_role role = cascade->arrays[i]->role;
        if (needed[i] && (role == AT_INPUT || role == AT_PARAM || role == AT_STATE))
            store(plan, cascade->arrays[i], AT_PLACE_GIVEN);
    }
    for (int i = 0; i < cascade->output_count; i++)
        store(plan, cascade->outputs[i].array, AT_PLACE_OUTPUT);
    for (int i = 0; i < plan->pass_count; i++)
        store(plan, plan->passes[i].target, AT_PLACE_WORK);
}

const at_plan *at_plan_make(at_session *s, const at_cascade *cascade) {
    s->stage = "plan";
    at_plan *plan = AT_NEW(s->arena, at_plan);
    plan->cascade = cascade;
    plan->places = AT_NEW_ARRAY(s->arena, at_array_place, cascade->array_count);
    plan->place_of = AT_NEW_ARRAY(s->arena, int, cascade->array_count);
    plan->passes = AT_NEW_ARRAY(s->arena, at_pass, cascade->body.count);
    bool *needed = AT_NEW_ARRAY(s->arena, bool, cascade->array_count);
    bool *runs = AT_NEW_ARRAY(s->arena, bool, cascade->body.count);
    for (int i = 0; i < cascade->output_count; i++) needed[cascade->outputs[i].array->id] = true;
    for (int i = cascade->body.count - 1; i >= 0; i--)
        runs[i] = is_needed(cascade->body.items[i], needed);
    for (int i = 0; i < cascade->body.count; i++) {
        const at_statement *st = cascade->body.items[i];
        if (!runs[i]) continue;
        if (foreign(st)) {
            refuse(s, st);
            return NULL;
        }
        at_pass *pass = &plan->passes[plan->pass_count++];
        pass->statement = st;
        pass->target = target_of(st);
        at_pass_price(s, cascade, pass);
    }
    find_places(plan, needed);
    return plan;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_array(const at_array *array, at_text *out) {
    at_ir_print_name(array->name, out);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? "," : "[", array->axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}

void at_pass_print(const at_pass *pass, at_text *out) {
    if (pass->statement->tag != AT_TABLE) {
        at_ir_print_statement(pass->statement, out);
        return;
    }
    print_array(pass->target, out);
    at_text_add(out, " = table(...)");
}

static const char *use_text(const at_array_place *place) {
    switch (place->use) {
    case AT_PLACE_OUTPUT: return "output";
    case AT_PLACE_WORK: return "stored between passes";
    case AT_PLACE_GIVEN: break;
    }
    switch (place->array->role) {
    case AT_PARAM: return "param";
    case AT_STATE: return "state";
    default: return "input";
    }
}

void at_plan_print(const at_plan *plan, at_text *out) {
    at_text_addf(out, "%s: %d pass%s, %d array%s\n", plan->cascade->name, plan->pass_count,
                 plan->pass_count == 1 ? "" : "es", plan->place_count,
                 plan->place_count == 1 ? "" : "s");
    for (int i = 0; i < plan->place_count; i++) {
        const at_array *array = plan->places[i].array;
        at_text_add(out, "  array ");
        print_array(array, out);
        at_text_addf(out, ": %s, %s, ", at_kind_text(array->kind), use_text(&plan->places[i]));
        at_term bytes = {at_kind_bytes(array->kind), array->rank, (const at_axis **)array->axes};
        at_cost_print(&(at_cost){1, 1, &bytes}, out);
        at_text_add(out, " bytes\n");
    }
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = &plan->passes[i];
        at_text_addf(out, "  pass %d: ", i + 1);
        at_pass_print(pass, out);
        at_text_add(out, "\n    ");
        at_cost_print(&pass->flops, out);
        at_text_add(out, " flops; ");
        at_cost_print(&pass->bytes, out);
        at_text_add(out, " bytes\n");
    }
}
