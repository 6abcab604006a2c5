/* Calls: built-in functions, options that are functions, and functions that are inlined.
 *
 * Inlining gives the called function a frame. Its inputs become views of the caller's arrays (or
 * arrays of their own where the argument is an expression). Indices of the caller that occur in the
 * arguments or in the options map the call: they become hidden axes of the frame, which every
 * array of it that depends on them carries at its left; so do the extra leading axes of
 * arguments. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- what a name means as a function --------------------------------------------------------- */

const at_definition *at_find_definition(const at_program *program, const at_module *module,
                                            const char *name, const at_module **where,
                                            bool *ambiguous) {
    const at_definition *d = at_map_get(&module->functions, name);
    *where = module;
    *ambiguous = false;
    if (d) return d;
    const char *dot = strrchr(name, '.');
    for (int i = 0; i < module->use_count; i++) {
        const at_module *use = module->uses[i];
        const char *inside = name;
        if (dot) {
            if (strlen(use->name) != (size_t)(dot - name) ||
                strncmp(use->name, name, (size_t)(dot - name)) != 0)
                continue;
            inside = dot + 1;
        }
        const at_definition *other = at_map_get(&use->functions, inside);
        if (!other || other->tag != AT_D_FN) continue;
        if (d && d != other) *ambiguous = true;
        d = other;
        *where = use;
    }
    if (d) return d;
    *where = program->prelude;
    return program->prelude ? at_map_get(&program->prelude->functions, name) : NULL;
}

/* The function that `name` is here: an option, or a definition. NULL (after an error) if
 * neither. */
static const at_function *function_of(at_resolver *r, at_scope *scope, const char *name,
                                      at_span span) {
    at_entity *entity = at_lookup(r, scope->frame, name);
    if (entity && entity->tag == AT_N_FUNCTION) return &entity->function;
    if (entity && entity->tag == AT_N_BROKEN) return NULL;
    if ((entity && entity->tag != AT_N_AXIS) || at_env_find(scope->env, name)) {
        at_diag *diag = at_resolve_error(
            r, scope->frame, AT_E_NOT_A_FUNCTION, span, "`%s` is %s, not a function", name,
            entity && entity->tag == AT_N_ARRAY ? "an array" : "a value");
        bool array = entity && entity->tag == AT_N_ARRAY && entity->view.rank > 0;
        at_hint(r->s, diag,
                array ? "indices stand in brackets: %s[…]" : "a product is written %s * (…)", name);
        return NULL;
    }
    const at_module *where;
    bool ambiguous;
    const at_definition *d =
        at_find_definition(r->program, scope->frame->module, name, &where, &ambiguous);
    if (ambiguous) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_AMBIGUOUS, span,
                                         "several used files define `%s`", name);
        const char *list = "";
        for (int i = 0; i < scope->frame->module->use_count; i++) {
            const at_module *use = scope->frame->module->uses[i];
            if (at_map_get(&use->functions, name))
                list = at_format(r->s->arena, "%s%s`%s.%s`", list, *list ? " or " : "", use->name,
                                 name);
        }
        at_hint(r->s, diag, "say which: %s", list);
        return NULL;
    }
    if (!d || d->tag != AT_D_FN) {
        if (at_fold_find(name) >= 0) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_A_FUNCTION, span,
                                             "`%s` needs the axes that it runs over", name);
            at_hint(r->s, diag, "%s[j](…)", name);
        } else {
            at_unknown_name(r, scope, name, span, AT_WANT_FUNCTION);
        }
        return NULL;
    }
    at_function *f = AT_NEW(r->s->arena, at_function);
    f->definition = d;
    f->module = where;
    return f;
}

/* ---- built-in functions ---------------------------------------------------------------------- */

bool at_count_error(at_resolver *r, at_scope *scope, const at_tree *tree, int wanted) {
    at_resolve_error(r, scope->frame, AT_E_ARGUMENT_COUNT, tree->span,
                     "`%s` takes %d argument%s, but %d %s given", tree->name, wanted,
                     wanted == 1 ? "" : "s", tree->count, tree->count == 1 ? "is" : "are");
    return false;
}

static at_value size_of(at_resolver *r, at_scope *scope, const at_tree *tree) {
    if (tree->count != 1 || tree->args[0]->tag != AT_T_NAME) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SIZE_ARGUMENT, tree->span,
                                         "size takes the name of one axis");
        at_hint(r->s, diag, "axes have names, not numbers: size(d) is the extent of the axis d");
        return at_no_value();
    }
    const char *name = tree->args[0]->name;
    at_entity *entity = at_lookup(r, scope->frame, name);
    const at_env *env = at_env_find(scope->env, name);
    const at_axis *axis = entity && entity->tag == AT_N_AXIS ? entity->axis : NULL;
    /* A parameter of an option that stands for a plain index has the extent of that index. */
    if (!axis && env && env->value.e && env->value.e->tag == AT_INDEX) axis = env->value.e->u.axis;
    if (!axis) {
        if (entity && entity->tag == AT_N_BROKEN) return at_no_value();
        bool array = entity && entity->tag == AT_N_ARRAY;
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SIZE_ARGUMENT, tree->args[0]->span,
                                         array ? "`%s` is an array; size takes one of its axes"
                                               : "no axis here is called `%s`", name);
        if (array && entity->view.rank > 0) {
            at_hint(r->s, diag, "size(%s)", at_axis_text(r, entity->view.axes[0]));
            return at_no_value();
        }
        const char **names = NULL;
        int count = 0, capacity = 0;
        for (int i = 0; i < scope->frame->names.capacity; i++) {
            const at_entity *e = scope->frame->names.values[i];
            if (scope->frame->names.keys[i] && e->tag == AT_N_AXIS)
                AT_PUSH(r->s->arena, names, count, capacity, e->name);
        }
        at_hint_near(r->s, diag, name, names, count);
        return at_no_value();
    }
    while (axis->like) axis = axis->like;
    return at_scalar(at_size(r->s, axis, tree->span));
}

static bool built_in(at_resolver *r, at_scope *scope, const at_tree *tree, int op,
                     at_value *result) {
    int arity = at_op_info((at_op)op)->arity;
    if (tree->option_count) {
        at_resolve_error(r, scope->frame, AT_E_OPTION_UNKNOWN, tree->options[0].span,
                         "`%s` is built in and has no options", tree->name);
        return false;
    }
    if (tree->count != arity) return at_count_error(r, scope, tree, arity);
    at_value args[3] = {{0}};
    bool good = true;
    for (int i = 0; i < arity; i++) {
        args[i] = at_resolve_expr(r, scope, tree->args[i]);
        good = good && args[i].e;
    }
    if (!good) return false;
    *result = at_apply(r, scope, (at_op)op, args, tree->span, tree->span);
    return result->e != NULL;
}

/* The limit is told once: whoever meets it, meets it
 * at every call from then on. */
bool at_count_inlined(at_resolver *r, const at_tree *tree) {
    if (++r->inlined <= AT_CALL_LIMIT) return true;
    for (int i = 0; i < r->s->diag_count; i++) {
        at_code code = r->s->diags[i]->code;
        if (code == AT_E_CALL_DEPTH || (code == AT_E_CALL_LIMIT && i >= r->errors))
            return r->repeated++, false;
    }
    at_diag *diag = at_error(r->s, AT_E_CALL_LIMIT, tree->span,
                             "this program inlines more than %d calls", AT_CALL_LIMIT);
    at_hint(r->s, diag, "`%s` is one of them; a repeat holds its body once", tree->name);
    return false;
}

/* ---- mapping --------------------------------------------------------------------------------- */

/* The indices around a call, innermost function's hidden axes left out: candidates for mapping. */
static bool is_hidden(const at_resolver *r, const at_frame *frame, const at_axis *axis) {
    for (int i = 0; i < frame->hidden_count; i++)
        if (frame->hidden[i] == axis) return true;
    for (int i = 0; i < r->scan_count; i++)
        if (r->scans[i] == axis) return true;
    for (int i = 0; i < r->repeat_count; i++)
        if (r->repeats[i] == axis) return true;
    return false;
}

/* Whether a tree names something that depends on the index `axis`, but for `skip`ped names. */
static bool tree_mentions(const at_scope *scope, const at_tree *tree, const at_axis *axis,
                          const char *const *skip, int skip_count) {
    if (!tree) return false;
    if (tree->tag == AT_T_NAME || tree->tag == AT_T_INDEX) {
        bool skipped = false;
        for (int i = 0; i < skip_count; i++) skipped = skipped || strcmp(skip[i], tree->name) == 0;
        const at_env *env = skipped ? NULL : at_env_find(scope->env, tree->name);
        if (env && env->value.e && at_mentions(env->value.e, axis)) return true;
        const at_entity *entity = skipped || env ? NULL
                                                 : at_map_get(&scope->frame->names, tree->name);
        if (entity && entity->tag == AT_N_VALUE && entity->value.e &&
            at_mentions(entity->value.e, axis))
            return true;
    }
    for (int i = 0; i < tree->count; i++)
        if (tree_mentions(scope, tree->args[i], axis, skip, skip_count)) return true;
    if (tree_mentions(scope, tree->alternative, axis, skip, skip_count)) return true;
    for (int i = 0; i < tree->option_count; i++)
        if (tree_mentions(scope, tree->options[i].value, axis, skip, skip_count)) return true;
    for (int p = 0; p < tree->part_count; p++)
        if (tree_mentions(scope, tree->parts[p].guard, axis, skip, skip_count) ||
            tree_mentions(scope, tree->parts[p].body, axis, skip, skip_count))
            return true;
    /* What keeps its axes is read at the indices of their names. */
    int fold = tree->tag == AT_T_FOLD ? at_fold_find(tree->name) : -1;
    bool keeps = fold >= 0 && at_fold_info((at_fold)fold)->form != AT_FORM_REMOVE;
    for (int p = 0; p < tree->part_count && keeps; p++)
        for (int i = 0; i < tree->parts[p].count; i++) {
            const char *name = tree->parts[p].bound[i].name;
            bool skipped = false;
            for (int k = 0; k < skip_count; k++) skipped = skipped || strcmp(skip[k], name) == 0;
            const at_env *env = skipped ? NULL : at_env_find(scope->env, name);
            if (env && env->value.e && at_mentions(env->value.e, axis)) return true;
        }
    /* An option of this function called by name carries what its own right side depends on. */
    if (tree->tag == AT_T_CALL || tree->tag == AT_T_NAME) {
        const at_entity *entity = at_map_get(&scope->frame->names, tree->name);
        if (entity && entity->tag == AT_N_FUNCTION && entity->function.value) {
            at_scope inside = {.frame = entity->function.frame, .env = entity->function.env};
            return tree_mentions(&inside, entity->function.value, axis,
                                 entity->function.parameters, entity->function.count);
        }
    }
    return false;
}

static bool options_mention(const at_scope *scope, const at_tree *call, const at_axis *axis) {
    for (int i = 0; i < call->option_count; i++)
        if (tree_mentions(scope, call->options[i].value, axis, call->options[i].parameters,
                          call->options[i].count))
            return true;
    return false;
}

static void add_hidden(at_resolver *r, at_frame *callee, at_axis *axis) {
    at_axis **hidden = AT_NEW_ARRAY(r->s->arena, at_axis *, callee->hidden_count + 1);
    at_move(hidden, callee->hidden, sizeof *hidden * (size_t)callee->hidden_count);
    hidden[callee->hidden_count++] = axis;
    callee->hidden = hidden;
}

/* The extra leading axes of arguments: real axes for them, substituted into all arguments. */
static bool map_extra(at_resolver *r, at_scope *scope, at_scope *inner, at_frame *callee,
                      const at_tree *tree, at_value *args, at_axis ***mapped, int *mapped_count) {
    const at_definition *d = callee->definition;
    int lead = -1;
    *mapped_count = 0;
    for (int i = 0; i < d->input_count; i++) {
        int extra = args[i].rank - d->inputs[i].count;
        if (extra < 0) {
            at_diag *diag = at_resolve_error(
                r, scope->frame, AT_E_ARGUMENT_RANK, tree->args[i]->span,
                "`%s` of `%s` has %d %s, but this has %s", d->inputs[i].name, d->name,
                d->inputs[i].count, d->inputs[i].count == 1 ? "axis" : "axes",
                args[i].rank ? at_format(r->s->arena, "%d", args[i].rank) : "none");
            at_note(r->s, diag, d->inputs[i].span, "declared here");
            const at_tree *arg = tree->args[i];
            const at_entity *entity =
                arg->tag == AT_T_INDEX ? at_lookup(r, scope->frame, arg->name) : NULL;
            if (entity && entity->tag == AT_N_ARRAY && entity->pending)
                at_hint(r->s, diag,
                        "above its equation `%s` has the axes that its left side names: name "
                        "them all, as in z[t] = %s(…) and then %s[t,n] = z[t,n]",
                        arg->name, d->name, arg->name);
            else if (arg->tag == AT_T_INDEX)
                at_hint(r->s, diag,
                        "an index takes its axis away: leave out those that `%s` has itself",
                        d->name);
            return false;
        }
        if (extra == 0) continue;
        if (lead < 0) {
            lead = i;
            *mapped_count = extra;
            *mapped = AT_NEW_ARRAY(r->s->arena, at_axis *, extra);
            for (int k = 0; k < extra; k++) {
                (*mapped)[k] = at_axis_free(r, inner, args[i].axes[k], NULL);
                at_scope_bind(r, inner, (*mapped)[k]);
                add_hidden(r, callee, (*mapped)[k]);
            }
        } else if (extra != *mapped_count) {
            at_diag *diag = at_resolve_error(
                r, scope->frame, AT_E_ARGUMENT_RANK, tree->args[i]->span,
                "this argument maps the call over %d %s, but another over %d", extra,
                extra == 1 ? "axis" : "axes", *mapped_count);
            at_note(r->s, diag, tree->args[lead]->span, "this one");
            return false;
        }
        at_axis **kept = AT_NEW_ARRAY(r->s->arena, at_axis *, d->inputs[i].count);
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, args[i].rank);
        for (int k = 0; k < args[i].rank; k++) {
            if (k >= extra) {
                kept[k - extra] = args[i].axes[k];
                index[k] = at_index(r->s, args[i].axes[k], args[i].e->span);
                continue;
            }
            const char *what = at_format(r->s->arena, "the mapped axis `%s`",
                                         at_axis_text(r, (*mapped)[k]));
            if (!at_extent_agree(r, scope->frame, (*mapped)[k], tree->args[lead]->span, what,
                                 args[i].axes[k], tree->args[i]->span, "the mapped axis here"))
                return false;
            index[k] = at_index(r->s, (*mapped)[k], args[i].e->span);
        }
        args[i].e = at_value_at(r, &args[i], index);
        args[i].axes = kept;
        args[i].rank = d->inputs[i].count;
    }
    return true;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* A read whose indices are its placeholders, each once, and plain indices that surely are inside:
 * the callee may look at the array itself. */
static bool is_view(at_resolver *r, const at_value *v, at_view *view) {
    const at_expr *e = v->e;
    if (e->tag != AT_READ || e->u.read.alternative) return false;
    const at_array *array = e->u.read.array;
    view->array = array;
    view->rank = v->rank;
    view->axes = AT_NEW_ARRAY(r->s->arena, at_axis *, v->rank);
    view->hole = AT_NEW_ARRAY(r->s->arena, int, array->rank);
    view->fixed = AT_NEW_ARRAY(r->s->arena, const at_expr *, array->rank);
    int holes = 0;
    for (int i = 0; i < array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        view->hole[i] = -1;
        view->fixed[i] = index;
        if (index->tag != AT_INDEX) return false;
        for (int k = 0; k < v->rank; k++)
            if (index->u.axis == v->axes[k]) {
                if (view->axes[k]) return false;
                view->hole[i] = k;
                view->axes[k] = array->axes[i];
                holes++;
            }
        if (view->hole[i] < 0 &&
            at_extent_compare(r, index->u.axis, array->axes[i]) != AT_EXTENT_SAME)
            return false;
    }
    return holes == v->rank;
}

/* Formal axes are named as the callee names them; the caller's own axis serves where it can. */
static bool bind_axes(at_resolver *r, at_frame *callee, const at_target *input, const at_view *view,
                      at_axis *const *extents, at_span span) {
    at_scope scope = at_scope_of(callee, input->name);
    for (int k = 0; k < input->count; k++) {
        const char *name = input->axes[k];
        at_axis *actual = view ? view->axes[k] : extents[k];
        while (actual->id < 0 && actual->like) actual = (at_axis *)actual->like;
        at_entity *entity = at_lookup(r, callee, name);
        if (entity && entity->tag == AT_N_AXIS) {
            const char *what = at_format(r->s->arena, "axis `%s` of `%s`", name,
                                         callee->definition->name);
            const char *here = at_format(r->s->arena, "the argument for `%s`", input->name);
            if (!at_extent_agree(r, callee, entity->axis, entity->span, what, actual, span, here))
                return false;
            continue;
        }
        bool used = actual->declared || actual->id < 0 || at_axis_taken(r, &scope, actual);
        for (int i = 0; i < callee->names.capacity && !used; i++) {
            const at_entity *other = callee->names.values[i];
            used = callee->names.keys[i] && other->tag == AT_N_AXIS && other->axis == actual;
        }
        entity = at_define(r, callee, AT_N_AXIS, name, span);
        if (!used) {
            entity->axis = actual;
            continue;
        }
        /* An alias: an earlier one of this name, unless this frame has it for another. */
        const at_axis *root = actual;
        while (root->like) root = root->like;
        at_axis *known = at_map_get(&r->axis_names, name);
        bool valid = known && known->id < r->axis_count && r->axes[known->id] == known &&
                     known->like == root && !at_axis_taken(r, &scope, known);
        for (int i = 0; i < callee->names.capacity && valid; i++) {
            const at_entity *other = callee->names.values[i];
            if (callee->names.keys[i] && other != entity && other->tag == AT_N_AXIS &&
                other->axis == known)
                valid = false;
        }
        entity->axis = valid ? known : at_axis_new(r, name, root, NULL, false, span);
    }
    return true;
}

static bool input_kind(at_resolver *r, at_scope *scope, const at_definition *d,
                       const at_target *input, at_value *v, at_span span) {
    at_kind wanted = input->kind;
    if (wanted == AT_REAL && v->e->kind == AT_INT) v->e = at_as_real(r->s, v->e);
    if (v->e->kind == wanted) return true;
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_TYPE, span,
                                     "`%s` of `%s` takes %ss, but this is %s %s", input->name,
                                     d->name, at_kind_text(wanted),
                                     v->e->kind == AT_INT ? "an" : "a", at_kind_text(v->e->kind));
    at_note(r->s, diag, input->span, "declared here");
    if (wanted == AT_REAL) at_hint(r->s, diag, "real(x) gives 1 where x holds and 0 elsewhere");
    else if (wanted == AT_BOOL) at_hint(r->s, diag, "compare it with something, as in x != 0");
    else if (v->e->kind == AT_REAL) at_hint(r->s, diag, "int(x) truncates towards zero");
    return false;
}

/* Enters one argument into the callee's frame: as a view of the caller's array, or as an array of
 * its own. */
static bool bind_input(at_resolver *r, at_frame *callee, const at_target *input, at_value v,
                       at_span span) {
    at_view view = {0};
    bool cotangent = at_is_cotangent(callee, input->name);
    if (v.rank == 0 && at_is_trivial(v.e) && v.e->tag != AT_READ && !cotangent) {
        at_entity *entity = at_define(r, callee, AT_N_VALUE, input->name, span);
        entity->value = v;
        return true;
    }
    if (!is_view(r, &v, &view) || (cotangent && !view.array->cotangent) ||
        at_derives_by(&callee->definition->body, input->name)) {
        at_scope scope = at_scope_of(callee, input->name);
        if (!bind_axes(r, callee, input, NULL, v.axes, span)) return false;
        at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, input->count);
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, input->count);
        for (int k = 0; k < input->count; k++) {
            own[k] = at_axis_free(r, &scope, at_lookup(r, callee, input->axes[k])->axis,
                                  input->axes[k]);
            at_scope_bind(r, &scope, own[k]);
            index[k] = at_index(r->s, own[k], span);
        }
        const at_expr *e = at_value_at(r, &v, index);
        int rank;
        at_axis **axes = at_full_axes(r, callee, &e, 1, false, own, input->count, &rank);
        at_array *array =
            at_frame_array(r, callee, input->name, AT_DEFINED, e->kind, axes, rank, span);
        at_add_statement(r, AT_EQUATION, array, span)->u.value = e;
        view = at_own_view(r, array, own, input->count);
    } else if (!bind_axes(r, callee, input, &view, NULL, span)) {
        return false;
    }
    at_entity *entity = at_define(r, callee, AT_N_ARRAY, input->name, span);
    entity->view = view;
    return true;
}

/* ---- inlining -------------------------------------------------------------------------------- */

static at_frame *new_frame(at_resolver *r, at_scope *scope, const at_tree *tree,
                           const at_function *f, const char *shared) {
    at_frame *outer = scope->frame, *callee = AT_NEW(r->s->arena, at_frame);
    callee->caller = outer;
    callee->module = f->module;
    callee->definition = f->definition;
    callee->call_span = tree->span;
    callee->depth = outer->depth + 1;
    callee->rounds = "";
    callee->scan_base = r->scan_count;
    callee->hidden = outer->hidden;
    callee->hidden_count = outer->hidden_count;
    int *calls = at_map_get(&outer->call_counts, tree->name);
    int number = calls ? *calls + 1 : 1;
    int *boxed = AT_NEW(r->s->arena, int);
    *boxed = number;
    at_map_put(r->s->arena, &outer->call_counts, tree->name, boxed);
    const char *part = number == 1 ? tree->name
                                   : at_format(r->s->arena, "%s#%d", tree->name, number);
    const char *dot = *outer->path ? "." : "", *share_dot = *outer->share ? "." : "";
    callee->path = at_format(r->s->arena, "%s%s%s%s", outer->path, dot, part, outer->rounds);
    if (shared) {
        callee->share = shared;
        callee->share_depth = r->repeat_count;
    } else {
        callee->share =
            at_format(r->s->arena, "%s%s%s%s", outer->share, share_dot, part, outer->rounds);
        callee->share_depth = outer->share_depth;
    }
    return callee;
}

static bool call_limits(at_resolver *r, at_scope *scope, const at_tree *tree) {
    if (scope->frame->depth >= AT_CALL_DEPTH && r->inlined < AT_CALL_LIMIT) {
        at_diag *diag = at_resolve_error(r, NULL, AT_E_CALL_DEPTH, tree->span,
                                         "calls nest more than %d deep here", AT_CALL_DEPTH);
        at_hint(r->s, diag, "a function that calls itself needs a compile-time `if` that ends it");
        r->inlined = AT_CALL_LIMIT; /* its other calls would say the same, again and again */
        return false;
    }
    return at_count_inlined(r, tree);
}

/* The results, as the caller sees them: mapped axes at the left, then the output's own. */
static bool take_results(at_resolver *r, at_frame *callee, at_axis **mapped, int mapped_count,
                         at_value *results, int wanted) {
    for (int i = 0; i < wanted; i++) {
        at_entity *entity = at_lookup(r, callee, callee->definition->outputs[i].name);
        if (!entity || entity->tag != AT_N_ARRAY) return false;
        at_value own = at_value_read(r, &entity->view, callee->call_span);
        at_value v = {.rank = mapped_count + own.rank};
        v.axes = AT_NEW_ARRAY(r->s->arena, at_axis *, v.rank);
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, mapped_count);
        for (int k = 0; k < mapped_count; k++) {
            v.axes[k] = at_placeholder(r, mapped[k]);
            index[k] = at_index(r->s, v.axes[k], callee->call_span);
        }
        for (int k = 0; k < own.rank; k++) v.axes[mapped_count + k] = own.axes[k];
        v.e = at_rename(r, own.e, mapped, index, mapped_count);
        results[i] = v;
    }
    return true;
}

static bool check_outputs(at_resolver *r, at_frame *callee) {
    const at_definition *d = callee->definition;
    bool good = true;
    for (int i = 0; i < d->output_count; i++) {
        const at_target *out = &d->outputs[i];
        at_entity *entity = at_lookup(r, callee, out->name);
        if (entity && entity->tag == AT_N_BROKEN) {
            good = false;
            continue;
        }
        if (!entity || entity->tag != AT_N_ARRAY || !entity->own) {
            at_diag *diag = at_resolve_error(r, callee, AT_E_OUTPUT_MISSING, out->span,
                                             "nothing defines the output `%s`", out->name);
            at_hint(r->s, diag, "every output has an equation in the body: %s%s = …", out->name,
                    out->count ? "[…]" : "");
            good = false;
            continue;
        }
        if (entity->view.rank != out->count && (out->brackets || entity->view.rank == 0)) {
            at_diag *diag = at_resolve_error(
                r, callee, AT_E_LEFT_AXES, entity->span, "the output `%s` is declared with %d %s, "
                "but this gives it %d", out->name, out->count, out->count == 1 ? "axis" : "axes",
                entity->view.rank);
            at_note(r->s, diag, out->span, "declared here");
            good = false;
            continue;
        }
        for (int k = 0; k < out->count; k++) {
            at_entity *axis = at_lookup(r, callee, out->axes[k]);
            if (!axis || axis->tag != AT_N_AXIS) continue;
            const char *what = at_format(r->s->arena, "the axis `%s`", out->axes[k]);
            const char *here =
                at_format(r->s->arena, "axis %d of the output `%s`", k + 1, out->name);
            if (!at_extent_agree(r, callee, axis->axis, axis->span, what, entity->view.axes[k],
                                 entity->span, here))
                good = false;
        }
    }
    return good;
}

static bool inline_call(at_resolver *r, at_scope *scope, const at_tree *tree, const at_function *f,
                        const char *shared, at_value *results, int wanted) {
    const at_definition *d = f->definition;
    if (!call_limits(r, scope, tree)) return false;
    if (tree->count != d->input_count) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_ARGUMENT_COUNT, tree->span,
                                         "`%s` takes %d input%s, but %d %s given", d->name,
                                         d->input_count, d->input_count == 1 ? "" : "s",
                                         tree->count, tree->count == 1 ? "is" : "are");
        at_note(r->s, diag, d->name_span, "`%s` is defined here", d->name);
        if (tree->count > d->input_count && d->option_count)
            at_hint(r->s, diag, "options come after a semicolon, by name: %s(…; %s = …)", d->name,
                    d->options[0].name);
        else if (tree->count < d->input_count)
            at_hint(r->s, diag, "`%s` is missing", d->inputs[tree->count].name);
        return false;
    }
    if (d->output_count != wanted) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_RESULT_COUNT, tree->span,
                                         "`%s` gives %d result%s, but %d %s taken here", d->name,
                                         d->output_count, d->output_count == 1 ? "" : "s", wanted,
                                         wanted == 1 ? "is" : "are");
        const char *list = "";
        for (int i = 0; i < d->output_count; i++)
            list = at_format(r->s->arena, "%s%s%s", list, i ? ", " : "", d->outputs[i].name);
        at_hint(r->s, diag,
                d->output_count == 1 ? "take it alone: %s = %s(…)"
                                     : "take them all, in an equation of their own: %s = %s(…)",
                list, d->name);
        return false;
    }
    at_value *args = AT_NEW_ARRAY(r->s->arena, at_value, tree->count);
    bool good = true;
    for (int i = 0; i < tree->count; i++) {
        args[i] = at_resolve_expr(r, scope, tree->args[i]);
        good = good && args[i].e && input_kind(r, scope, d, &d->inputs[i], &args[i],
                                               tree->args[i]->span);
    }
    if (!good) return false;
    at_frame *callee = new_frame(r, scope, tree, f, shared);
    if (!shared && at_is_formula(d, args))
        return at_formula_call(r, scope, tree, callee, args, results);
    at_find_cotangents(r, callee);
    /* Indices around the call that its arguments or options depend on. */
    for (int i = 0; i < scope->bound_count; i++) {
        at_axis *axis = scope->bound[i];
        bool used = options_mention(scope, tree, axis);
        for (int k = 0; k < tree->count; k++) used = used || at_mentions(args[k].e, axis);
        if (used && !is_hidden(r, callee, axis)) add_hidden(r, callee, axis);
    }
    at_scope inner = *scope;
    at_axis **mapped = NULL;
    int mapped_count;
    if (!map_extra(r, scope, &inner, callee, tree, args, &mapped, &mapped_count)) return false;
    for (int i = 0; i < d->input_count; i++)
        if (!bind_input(r, callee, &d->inputs[i], args[i], tree->args[i]->span)) return false;
    if (!at_bind_options(r, callee, scope, tree)) return false;
    if (!at_resolve_block(r, callee, &d->body) || !at_check_cotangents(r, callee)) return false;
    if (!check_outputs(r, callee)) return false;
    return take_results(r, callee, mapped, mapped_count, results, wanted);
}

bool at_resolve_call(at_resolver *r, at_scope *scope, const at_tree *tree, const char *shared,
                     at_value *results, int wanted) {
    const char *name = tree->name;
    at_entity *entity = at_lookup(r, scope->frame, name);
    bool own_name = entity && entity->tag == AT_N_FUNCTION;
    int op = at_op_find(name);
    if (!own_name && wanted == 1 && !shared) {
        if (strcmp(name, "size") == 0) {
            results[0] = size_of(r, scope, tree);
            return results[0].e != NULL;
        }
        if (op >= 0) return built_in(r, scope, tree, op, &results[0]);
        if (strcmp(name, "grad") == 0) {
            results[0] = at_resolve_grad(r, scope, tree);
            return results[0].e != NULL;
        }
        if (strcmp(name, "table") == 0 || at_draw_find(name) >= 0) {
            bool table = strcmp(name, "table") == 0;
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_STANDS_ALONE, tree->span,
                                             "`%s` stands alone at the right of `%s`", name,
                                             table ? "=" : "~");
            at_hint(r->s, diag, table ? "rate[r] = table(1, 2, 4), then use rate[r]"
                                      : "e[i] ~ %s(…), then use e[i]", name);
            return false;
        }
    }
    if (!own_name && shared &&
        (op >= 0 || strcmp(name, "size") == 0 || strcmp(name, "grad") == 0)) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SHARED_CALL, tree->span,
                                         "`%s` is built in and learns nothing that could be shared",
                                         name);
        at_hint(r->s, diag, "leave out `as %s`", shared);
        return false;
    }
    const at_function *f = function_of(r, scope, name, tree->name_span);
    if (!f) return false;
    if (!f->definition && shared) {
        at_diag *diag =
            at_resolve_error(r, scope->frame, AT_E_SHARED_CALL, tree->span,
                             "the option `%s` is a formula and learns nothing that could "
                             "be shared",
                             name);
        at_hint(r->s, diag, "leave out `as %s`", shared);
        return false;
    }
    if (!f->definition) {
        if (wanted == 1) return at_formula_option(r, scope, tree, f, &results[0]);
        at_resolve_error(r, scope->frame, AT_E_RESULT_COUNT, tree->span,
                         "`%s` gives 1 result, but %d are taken here", name, wanted);
        return false;
    }
    return inline_call(r, scope, tree, f, shared, results, wanted);
}
