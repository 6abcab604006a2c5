/* Options: what the right side of an option means, given in a call or as a default.
 *
 * A right side belongs to whoever wrote it: a function option keeps the frame and the names around
 * it, and is resolved where the called function uses it; a value is resolved once, on the spot. */
#include "lang/resolve_int.h"

#include <string.h>

static bool is_fold(void *user, const at_expr *e) {
    if (e->tag == AT_FOLD_NODE) *(bool *)user = true;
    return true;
}

/* act = gelu: the built-in function as an option's own right side, act(a) = gelu(a). */
static at_function built_in_function(at_resolver *r, at_scope *scope, const at_tree *name, int op) {
    static const char *const parameters[3] = {"a", "b", "c"};
    at_function f = {
        .count = at_op_info((at_op)op)->arity, .frame = scope->frame, .env = scope->env};
    f.parameters = AT_NEW_ARRAY(r->s->arena, const char *, f.count);
    at_tree *call = AT_NEW(r->s->arena, at_tree);
    *call = *name;
    call->tag = AT_T_CALL;
    call->count = f.count;
    at_tree **args = AT_NEW_ARRAY(r->s->arena, at_tree *, f.count);
    for (int i = 0; i < f.count; i++) {
        f.parameters[i] = parameters[i];
        args[i] = AT_NEW(r->s->arena, at_tree);
        *args[i] = *name;
        args[i]->name = parameters[i];
    }
    call->args = args;
    f.value = call;
    return f;
}

/* mask(i,j) = j <= i: the right side with its parameters. */
static bool bind_formula(at_resolver *r, at_frame *callee, at_scope *scope, const at_bind *declared,
                         const at_bind *given) {
    if (declared->is_function && declared->count != given->count) {
        at_diag *diag = at_resolve_error(
            r, scope->frame, AT_E_OPTION_SHAPE, given->span, "the option `%s` has %d %s, not %d",
            given->name, declared->count, declared->count == 1 ? "parameter" : "parameters",
            given->count);
        at_note(r->s, diag, declared->span, "declared here");
        return false;
    }
    if (!declared->is_function && declared->value && declared->value->tag != AT_T_NAME) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_OPTION_SHAPE, given->span,
                                         "the option `%s` is a value, not a function", given->name);
        at_hint(r->s, diag, "write %s = …", given->name);
        return false;
    }
    at_entity *entity = at_define(r, callee, AT_N_FUNCTION, given->name, given->span);
    entity->function = (at_function){.count = given->count,
                                     .parameters = given->parameters,
                                     .value = given->value,
                                     .frame = scope->frame,
                                     .env = scope->env};
    return true;
}

/* mask = mask, mix = attention, act = gelu: the function that the name means, if it means one. */
static bool bind_by_name(at_resolver *r, at_frame *callee, at_scope *scope, const at_bind *given) {
    const at_tree *value = given->value;
    if (value->tag != AT_T_NAME || at_env_find(scope->env, value->name)) return false;
    const at_entity *known = at_lookup(r, scope->frame, value->name);
    at_function function;
    if (known) {
        if (known->tag != AT_N_FUNCTION) return false;
        function = known->function;
    } else {
        const at_module *where;
        bool ambiguous;
        const at_definition *d =
            at_find_definition(r->program, scope->frame->module, value->name, &where,
                               &ambiguous);
        int op = at_op_find(value->name);
        if (d && d->tag == AT_D_FN) function = (at_function){.definition = d, .module = where};
        else if (op >= 0) function = built_in_function(r, scope, value, op);
        else return false;
    }
    at_define(r, callee, AT_N_FUNCTION, given->name, given->span)->function = function;
    return true;
}

static bool bind_value(at_resolver *r, at_frame *callee, at_scope *scope, const at_bind *given) {
    at_value v = at_resolve_expr(r, scope, given->value);
    if (!v.e) return false;
    at_constant known = at_try_constant(r, v.e);
    if (known.known && v.rank == 0)
        v.e = known.kind == AT_REAL  ? at_real(r->s, known.real, v.e->span)
              : known.kind == AT_INT ? at_int(r->s, known.integer, v.e->span)
                                     : at_bool(r->s, known.integer != 0, v.e->span);
    /* It may be used where the callee has bound the same axes, and again and again: once is
     * enough. */
    bool folds = false;
    at_walk(v.e, is_fold, &folds);
    if (folds) v = at_hoist(r, scope, v, at_frame_path(r, callee, given->name), given->span);
    at_define(r, callee, AT_N_VALUE, given->name, given->span)->value = v;
    return true;
}

/* "i,j", the parameters of a declared function option. */
static const char *parameter_list(at_resolver *r, const at_bind *declared) {
    const char *list = "";
    for (int i = 0; i < declared->count; i++)
        list = at_format(r->s->arena, "%s%s%s", list, i ? "," : "", declared->parameters[i]);
    return list;
}

static bool bind_option(at_resolver *r, at_frame *callee, at_scope *scope, const at_bind *declared,
                        const at_bind *given) {
    if (given->is_function) return bind_formula(r, callee, scope, declared, given);
    if (bind_by_name(r, callee, scope, given)) return true;
    if (!declared->is_function) return bind_value(r, callee, scope, given);
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_OPTION_SHAPE, given->span,
                                     "the option `%s` is a function, not a value", given->name);
    at_hint(r->s, diag, "write %s(%s) = …", given->name, parameter_list(r, declared));
    return false;
}

static void hint_options(at_resolver *r, at_diag *diag, const at_definition *d) {
    const char *list = "";
    for (int k = 0; k < d->option_count; k++)
        list = at_format(r->s->arena, "%s%s`%s`", list, k ? ", " : "", d->options[k].name);
    at_note(r->s, diag, d->name_span, "`%s` is defined here", d->name);
    if (d->option_count)
        at_hint(r->s, diag, "its option%s %s", d->option_count == 1 ? " is" : "s are", list);
    else
        at_hint(r->s, diag,
                "it has none; an option is declared after a semicolon: fn %s(…; %s = …)", d->name,
                "rate");
}

/* Each option of the call is one of the function's, and given once. */
static bool known_options(at_resolver *r, const at_definition *d, const at_frame *caller,
                          const at_tree *call) {
    const char **names = AT_NEW_ARRAY(r->s->arena, const char *, d->option_count);
    for (int k = 0; k < d->option_count; k++) names[k] = d->options[k].name;
    for (int i = 0; i < call->option_count; i++) {
        const at_bind *given = &call->options[i];
        for (int k = 0; k < i; k++)
            if (strcmp(call->options[k].name, given->name) == 0) {
                at_resolve_error(r, caller, AT_E_OPTION_UNKNOWN, given->span,
                                 "the option `%s` is given twice", given->name);
                return false;
            }
        bool found = false;
        for (int k = 0; k < d->option_count; k++)
            found = found || strcmp(names[k], given->name) == 0;
        if (found) continue;
        at_diag *diag = at_resolve_error(r, caller, AT_E_OPTION_UNKNOWN, given->span,
                                         "`%s` has no option `%s`", d->name, given->name);
        at_hint_near(r->s, diag, given->name, names, d->option_count);
        if (!diag->hint) hint_options(r, diag, d);
        return false;
    }
    return true;
}

static bool missing_option(at_resolver *r, const at_definition *d, const at_frame *frame,
                           const at_bind *declared, const at_tree *call) {
    at_diag *diag = at_resolve_error(r, frame, AT_E_OPTION_MISSING, call ? call->span : d->span,
                                     "`%s` needs the option `%s`", d->name, declared->name);
    at_note(r->s, diag, declared->span, "it has no default");
    const char *shape = declared->name;
    if (declared->count)
        shape = at_format(r->s->arena, "%s(%s)", shape, parameter_list(r, declared));
    if (call) at_hint(r->s, diag, "give it after a semicolon: %s(…; %s = …)", d->name, shape);
    else at_hint(r->s, diag, "give it: --set '%s=…'", shape);
    return false;
}

bool at_bind_options(at_resolver *r, at_frame *callee, at_scope *caller, const at_tree *call) {
    const at_definition *d = callee->definition;
    if (call && !known_options(r, d, caller->frame, call)) return false;
    for (int k = 0; k < d->option_count; k++) {
        const at_bind *declared = &d->options[k], *given = NULL;
        for (int i = 0; call && i < call->option_count; i++)
            if (strcmp(call->options[i].name, declared->name) == 0) given = &call->options[i];
        if (!given && at_lookup(r, callee, declared->name)) continue; /* set from outside */
        at_scope own = at_scope_of(callee, declared->name);
        if (!given && !declared->value)
            return missing_option(r, d, caller ? caller->frame : callee, declared, call);
        if (!bind_option(r, callee, given ? caller : &own, declared, given ? given : declared))
            return false;
    }
    return true;
}
