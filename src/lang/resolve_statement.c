/* Statements that are no equations: axis, param, state, next, require, assertions, if. After an
 * error in one, its names are marked broken, so that what uses them stays silent, and the next
 * statement is resolved. */
#include "lang/resolve_int.h"

#include <string.h>

/* "`heads` is 3" for each option that the tree names and whose value is known. */
static void note_options(at_resolver *r, const at_frame *frame, at_diag *diag,
                         const at_tree *tree) {
    const at_entity *entity =
        tree->tag == AT_T_NAME ? at_lookup(r, frame, tree->name) : NULL;
    if (entity && entity->tag == AT_N_VALUE && entity->value.e &&
        entity->value.e->tag == AT_CONST) {
        at_text text = {0};
        at_ir_print_expr(entity->value.e, &text);
        at_note(r->s, diag, entity->span, "`%s` is %s", tree->name, text.data ? text.data : "?");
        at_text_free(&text);
    }
    for (int i = 0; i < tree->count; i++) note_options(r, frame, diag, tree->args[i]);
}

/* Divides by what is surely 0, whichever sizes come; what only is where an `if` allows it does
 * not. */
static bool divides_by_zero(void *user, const at_expr *e) {
    bool *found = user;
    at_op op = e->tag == AT_MAP ? e->u.map.op : AT_OPS;
    const at_expr *divisor = op == AT_OP_IDIV || op == AT_OP_MOD ? e->u.map.args[1] : NULL;
    if (divisor && divisor->tag == AT_CONST && divisor->u.integer == 0) *found = true;
    return !*found && op != AT_OP_IF && op != AT_OP_AND && op != AT_OP_OR;
}

/* False after saying that `what` divides by 0, and which options are 0 in it. */
static bool check_divisors(at_resolver *r, const at_frame *frame, const at_expr *e,
                           const at_tree *tree, const char *what) {
    bool zero = false;
    at_walk(e, divides_by_zero, &zero);
    if (!zero) return true;
    at_diag *diag =
        at_resolve_error(r, frame, AT_E_CONSTANT_OVERFLOW, tree->span, "%s divides by 0", what);
    note_options(r, frame, diag, tree);
    return false;
}

static bool is_runtime(void *user, const at_expr *e) {
    if (e->tag == AT_READ || e->tag == AT_INDEX) *(bool *)user = true;
    return true;
}

/* ---- axis ------------------------------------------------------------------------------------ */

static bool name_taken(at_resolver *r, at_frame *frame, const at_entity *known, at_span span) {
    at_diag *diag = at_resolve_error(r, frame, AT_E_NAME_TAKEN, span, "`%s` is already %s here",
                                     known->name,
                                     known->tag == AT_N_AXIS    ? "an axis"
                                     : known->tag == AT_N_ARRAY ? "an array"
                                                                : "an option");
    at_note(r->s, diag, known->span, "`%s` is defined here", known->name);
    return false;
}

/* An extent is written over open axes only, so that it is known as soon as the inputs are. */
static const at_expr *over_open_axes(void *user, const at_expr *e) {
    (void)user;
    const at_axis *axis = e->tag == AT_SIZE ? e->u.axis : NULL;
    while (axis && axis->like) axis = axis->like;
    return axis && axis->extent ? axis->extent : e;
}

static bool is_size(void *user, const at_expr *e) {
    if (e->tag == AT_SIZE) *(bool *)user = true;
    return true;
}

/* An int over sizes, or over rounds that are known when compiled; never over what a run
 * computes. */
static const at_expr *extent_expr(at_resolver *r, at_scope *scope, const at_axis_declaration *d) {
    const at_expr *extent = at_resolve_scalar(r, scope, d->extent, AT_INT, "an extent");
    if (!extent) return NULL;
    at_constant constant = at_try_constant(r, extent);
    bool runtime = extent->weight > 1000;
    at_walk(extent, is_runtime, &runtime);
    bool sized = false;
    at_walk(extent, is_size, &sized);
    const char *what = at_format(r->s->arena, "the extent of `%s`", d->name);
    if (!constant.known && !check_divisors(r, scope->frame, extent, d->extent, what)) return NULL;
    if (!constant.known && (runtime || !sized)) {
        constant = at_need_constant(r, scope, extent, d->extent->span, "an extent");
        if (!constant.known) return NULL;
    }
    if (!constant.known) {
        /* Axis upon axis, the extents of a few lines can double forty times. */
        extent = at_rewrite(r->s, extent, over_open_axes, NULL);
        if (extent->weight <= AT_EXTENT_LIMIT) return extent;
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_EXPRESSION_SIZE, d->extent->span,
                                         "the extent of `%s` grows beyond %d operations", d->name,
                                         AT_EXTENT_LIMIT);
        at_hint(r->s, diag, "it is written over the axes of the inputs");
        return NULL;
    }
    if (constant.integer >= 0) return at_int(r->s, constant.integer, extent->span);
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_EXTENT_NEGATIVE, d->extent->span,
                                     "the axis `%s` would have %lld elements", d->name,
                                     (long long)constant.integer);
    note_options(r, scope->frame, diag, d->extent);
    return NULL;
}

static bool declare_axis(at_resolver *r, at_frame *frame, const at_axis_declaration *d) {
    at_scope scope = at_scope_of(frame, d->name);
    at_entity *known = at_lookup(r, frame, d->name);
    if (known && known->tag != AT_N_AXIS && known->tag != AT_N_BROKEN)
        return name_taken(r, frame, known, d->span);
    at_axis *axis = NULL;
    if (d->like) {
        at_axis *like = at_axis_find(r, &scope, d->like, d->like_span, NULL, 0, false);
        if (!like) return false;
        /* Each round of an unrolled repeat has its own. */
        bool again =
            known && known->span.source == d->span.source && known->span.begin == d->span.begin;
        if (known && known->tag == AT_N_AXIS && !again) return name_taken(r, frame, known, d->span);
        axis = at_axis_new(r, d->name, like, NULL, false, d->span);
    } else {
        const at_expr *extent = extent_expr(r, &scope, d);
        if (!extent) return false;
        if (known && known->tag == AT_N_AXIS) {
            /* Said twice, it must say the same; but each round of an unrolled repeat has its
             * own. */
            at_axis said = {.name = d->name, .extent = extent, .fixed = -1, .id = -1};
            bool declared = known->axis->declared;
            if (declared && at_extent_compare(r, known->axis, &said) == AT_EXTENT_SAME) return true;
            if (!declared || !strchr(frame->rounds, '[')) {
                at_diag *diag = at_resolve_error(
                    r, frame, AT_E_EXTENTS_DISAGREE, d->span, "the axis `%s` already has %s",
                    d->name,
                    declared ? at_format(r->s->arena, "%s elements", at_extent_text(r, known->axis))
                             : "an extent");
                at_note(r->s, diag, known->span, "it has its extent from here");
                if (declared) at_hint(r->s, diag, "give this one another name");
                else at_hint(r->s, diag, "to ask for one, write require size(%s) == …", d->name);
                return false;
            }
        }
        axis = at_axis_new(r, d->name, NULL, extent, true, d->span);
    }
    at_define(r, frame, AT_N_AXIS, d->name, d->span)->axis = axis;
    return true;
}

static bool resolve_axes(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    bool good = true;
    for (int i = 0; i < st->axis_count; i++)
        if (!declare_axis(r, frame, &st->axes[i])) {
            at_define(r, frame, AT_N_BROKEN, st->axes[i].name, st->axes[i].span);
            good = false;
        }
    return good;
}

/* ---- param and state ------------------------------------------------------------------------- */

static bool contains_read(void *user, const at_expr *e) {
    const at_expr **found = user;
    if (e->tag == AT_READ) *found = e;
    return true;
}

bool at_resolve_start(at_resolver *r, at_scope *scope, const char *name, const at_tree *tree,
                      bool drawn, at_kind kind, at_start *start) {
    start->draw = -1;
    const at_expr *parts[3] = {NULL, NULL, NULL};
    if (drawn) {
        start->draw = tree->tag == AT_T_CALL ? at_draw_find(tree->name) : -1;
        if (start->draw < 0 ||
            tree->count != at_draw_info((at_draw)start->draw)->parameters) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_DISTRIBUTION, tree->span,
                                             "after `~` stands a distribution with its numbers");
            at_hint(r->s, diag, "normal(mean, deviation), uniform(a, b), bernoulli(p) or gumbel()");
            return false;
        }
        bool is_bool = at_draw_info((at_draw)start->draw)->gives == AT_GIVES_BOOL;
        if (is_bool != (kind == AT_BOOL) || kind == AT_INT) {
            at_resolve_error(r, scope->frame, AT_E_TYPE, tree->span,
                             "`%s` gives %ss, but `%s` holds %ss", tree->name,
                             is_bool ? "bool" : "real", name, at_kind_text(kind));
            return false;
        }
        for (int i = 0; i < tree->count; i++) {
            start->args[i] =
                at_resolve_scalar(r, scope, tree->args[i], AT_REAL, "a parameter of a draw");
            if (!start->args[i]) return false;
            parts[i] = start->args[i];
        }
    } else {
        start->value = at_resolve_scalar(r, scope, tree, kind, "the starting value");
        if (!start->value) return false;
        parts[0] = start->value;
    }
    for (int i = 0; i < 3; i++) {
        const at_expr *read = NULL;
        if (parts[i]) at_walk(parts[i], contains_read, (void *)&read);
        if (!read) continue;
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_START_READS, read->span,
                                         "%s cannot read an array",
                                         drawn ? "a parameter of this draw" : "a starting value");
        at_hint(r->s, diag, "it may use numbers, sizes, options and its own indices");
        return false;
    }
    return true;
}

static at_start *find_start(at_start *list, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].array->path, name) == 0) return &list[i];
    return NULL;
}

/* The path where the params of this frame lie; rounds of shared frames count from where they
 * share. */
static const char *start_path(at_resolver *r, const at_frame *frame, const char *name) {
    if (strpbrk(name, "[#")) return name;
    return at_format(r->s->arena, "%s%s%s%s", frame->share, *frame->share ? "." : "", name,
                     frame->rounds);
}

static bool same_start(at_resolver *r, at_frame *frame, const at_tree_statement *st,
                       const at_start *known, at_axis **axes, int rank, at_kind kind) {
    bool same = known->array->rank == rank && known->array->kind == kind;
    for (int i = 0; same && i < rank; i++)
        same = at_extent_compare(r, known->array->axes[i], axes[i]) == AT_EXTENT_SAME;
    if (same) return true;
    const char *how = "other axes";
    for (int i = 0; i < rank && known->array->rank == rank && known->array->kind == kind; i++) {
        const at_axis *first = known->array->axes[i];
        if (at_extent_compare(r, first, axes[i]) != AT_EXTENT_DIFFER) continue;
        how = at_format(r->s->arena, "%s elements along `%s` instead of %s",
                        at_extent_text(r, axes[i]), at_axis_text(r, axes[i]),
                        at_extent_text(r, first));
        break;
    }
    at_diag *diag =
        at_resolve_error(r, frame, AT_E_SHARED_SHAPE, st->targets[0].span,
                         "`%s` is shared, but this call gives it %s", known->array->path, how);
    if (known->array->span.begin != st->targets[0].span.begin)
        at_note(r->s, diag, known->array->span, "first here");
    at_hint(r->s, diag,
            "calls share what they learn only if it has the same axes: use another name "
            "after `as`");
    return false;
}

bool at_resolve_param(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    const at_target *target = &st->targets[0];
    bool param = st->tag == AT_S_PARAM;
    at_kind kind = target->has_kind ? target->kind : AT_REAL;
    at_scope scope = at_scope_of(frame, target->name);
    at_entity *before = at_lookup(r, frame, target->name);
    if (before && before->tag != AT_N_BROKEN &&
        !(before->tag == AT_N_ARRAY && before->view.array->role != AT_INPUT)) {
        return name_taken(r, frame, before, target->span);
    }
    at_axis **own = at_bind_left(r, &scope, target, NULL, 0);
    if (!own) return false;
    for (int i = 0; i < target->count; i++)
        if (!own[i]) {
            at_resolve_error(r, frame, AT_E_LEFT_AXES, target->span, "a %s needs named axes",
                             param ? "param" : "state");
            return false;
        }
    /* One array for all rounds: the open repeats' axes stand in front. */
    int rounds = strpbrk(target->name, "[") ? 0 : r->repeat_count - frame->share_depth;
    int rank = rounds + target->count;
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, rank);
    for (int i = 0; i < rounds; i++) axes[i] = r->repeats[frame->share_depth + i];
    for (int i = 0; i < target->count; i++) axes[rounds + i] = own[i];
    at_start start = {0};
    if (!at_resolve_start(r, &scope, target->name, st->value, st->drawn, kind, &start))
        return false;
    const char *path = start_path(r, frame, target->name);
    at_start *known = param ? find_start(r->params, r->param_count, path)
                            : find_start(r->states, r->state_count, path);
    if (known) {
        if (!same_start(r, frame, st, known, axes, rank, kind)) return false;
    } else {
        start.array = at_array_new(r, path, param ? AT_PARAM : AT_STATE, kind, axes, rank,
                                   target->span);
        if (param) {
            AT_PUSH(r->s->arena, r->params, r->param_count, r->param_capacity, start);
            known = &r->params[r->param_count - 1];
        } else {
            AT_PUSH(r->s->arena, r->states, r->state_count, r->state_capacity, start);
            known = &r->states[r->state_count - 1];
        }
    }
    at_entity *entity = at_define(r, frame, AT_N_ARRAY, target->name, target->span);
    at_view *view = &entity->view;
    view->array = known->array;
    view->rank = target->count;
    view->axes = known->array->axes + rounds;
    view->hole = AT_NEW_ARRAY(r->s->arena, int, rank);
    view->fixed = AT_NEW_ARRAY(r->s->arena, const at_expr *, rank);
    for (int i = 0; i < rank; i++) {
        view->hole[i] = i < rounds ? -1 : i - rounds;
        if (i < rounds)
            view->fixed[i] = at_index(r->s, r->repeats[frame->share_depth + i], target->span);
    }
    return true;
}

bool at_resolve_next(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    const at_target *target = &st->targets[0];
    at_entity *entity = at_lookup(r, frame, target->name);
    if (entity && entity->tag == AT_N_BROKEN) return false;
    if (!entity || entity->tag != AT_N_ARRAY || entity->view.array->role != AT_STATE) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_NEXT, target->span,
                                         "`%s` is no state of this function", target->name);
        at_hint(r->s, diag, "declare it: state %s[…] = 0", target->name);
        return false;
    }
    if (frame->hidden_count > 0 || r->scan_count > 0) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_NEXT, st->span,
                                         "`next` cannot stand in a %s",
                                         frame->hidden_count ? "mapped call" : "scan");
        at_hint(r->s, diag, "a state is shared by all mapped indices and steps: give back what it "
                "needs and set it outside");
        return false;
    }
    at_scope scope = at_scope_of(frame, target->name);
    const at_view *view = &entity->view;
    int count = target->brackets ? target->count : 0;
    if (count > view->rank) {
        at_resolve_error(r, frame, AT_E_TOO_MANY_INDICES, target->span,
                         "`%s` has %d axes, but %d indices are given", target->name, view->rank,
                         count);
        return false;
    }
    const at_tree *trees[1] = {st->value};
    at_axis **left = at_bind_left(r, &scope, target, trees, 1);
    if (!left) return false;
    at_value v = at_resolve_expr(r, &scope, st->value);
    if (!v.e) return false;
    if (view->array->kind == AT_REAL && v.e->kind == AT_INT) v.e = at_as_real(r->s, v.e);
    if (v.e->kind != view->array->kind) {
        at_diag *diag = at_resolve_error(
            r, frame, AT_E_TYPE, st->value->span, "the state `%s` holds %ss, but this is %s %s",
            target->name, at_kind_text(view->array->kind), v.e->kind == AT_INT ? "an" : "a",
            at_kind_text(v.e->kind));
        at_note(r->s, diag, entity->span, "declared here");
        if (v.e->kind == AT_REAL)
            at_hint(r->s, diag, "without `: %s` it holds reals", at_kind_text(view->array->kind));
        return false;
    }
    at_axis **own;
    int own_count;
    if (!at_place_left(r, &scope, target, left, &v, &own, &own_count)) return false;
    if (own_count != view->rank) {
        at_resolve_error(r, frame, AT_E_LEFT_AXES, target->span,
                         "the state `%s` has %d axes, but this gives it %d", target->name,
                         view->rank, own_count);
        return false;
    }
    for (int i = 0; i < own_count; i++) {
        const char *what = at_format(r->s->arena, "axis %d of the state `%s`", i + 1, target->name);
        if (!at_extent_agree(r, frame, view->axes[i], entity->span, what, own[i], target->span,
                             "this"))
            return false;
    }
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, view->array->rank);
    for (int i = 0; i < view->array->rank; i++)
        axes[i] = view->hole[i] >= 0 ? own[view->hole[i]] : (at_axis *)view->fixed[i]->u.axis;
    at_statement *out = at_add_statement(r, AT_NEXT, (at_array *)view->array, st->span);
    out->u.next.value = v.e;
    out->u.next.axes = axes;
    return true;
}

/* ---- require, assertions, if ----------------------------------------------------------------- */

static bool not_of_sizes(void *user, const at_expr *e) {
    bool *found = user;
    *found = *found || e->tag == AT_INDEX || e->tag == AT_FOLD_NODE;
    return !*found;
}

static bool resolve_require(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    at_scope scope = at_scope_of(frame, "require");
    const at_expr *condition = at_resolve_scalar(r, &scope, st->value, AT_BOOL, "what is required");
    if (!condition) return false;
    const at_expr *read = NULL;
    at_walk(condition, contains_read, (void *)&read);
    if (read) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_NOT_CONSTANT, read->span,
                                         "`require` is about sizes and options, not about arrays");
        at_hint(r->s, diag, "what arrays hold is seen when the program runs");
        return false;
    }
    bool indices = false;
    at_walk(condition, not_of_sizes, &indices);
    /* The round of a repeat is known once the rounds are written out. */
    if (indices &&
        !at_need_constant(r, &scope, condition, st->value->span, "what is required").known)
        return false;
    at_constant known = at_try_constant(r, condition);
    if (known.known && known.integer) return true;
    if (known.known) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_REQUIRE, st->value->span,
                                         "this requirement does not hold here");
        note_options(r, frame, diag, st->value);
        return false;
    }
    if (!check_divisors(r, frame, condition, st->value, "this requirement")) return false;
    at_require require = {.condition = condition, .span = st->value->span};
    for (int i = 0; i < r->require_count; i++)
        if (at_same(r->requires[i].condition, condition)) return true;
    AT_PUSH(r->s->arena, r->requires, r->require_count, r->require_capacity, require);
    return true;
}

/* Names that are neither bound nor known as anything but an axis: an assertion ranges over them. */
static void free_names(at_resolver *r, at_scope *scope, const at_tree *tree, const char ***names,
                       at_span **spans, int *count, int *capacity) {
    if (!tree) return;
    if (tree->tag == AT_T_NAME && !at_env_find(scope->env, tree->name)) {
        const at_entity *entity = at_lookup(r, scope->frame, tree->name);
        bool seen = false;
        for (int i = 0; i < *count; i++) seen = seen || strcmp((*names)[i], tree->name) == 0;
        if (!seen && (!entity || entity->tag == AT_N_AXIS)) {
            int span_count = *count, span_capacity = *capacity;
            AT_PUSH(r->s->arena, *spans, span_count, span_capacity, tree->span);
            AT_PUSH(r->s->arena, *names, *count, *capacity, tree->name);
        }
    }
    if (tree->tag == AT_T_CALL && strcmp(tree->name, "size") == 0) return;
    for (int i = 0; i < tree->count; i++)
        free_names(r, scope, tree->args[i], names, spans, count, capacity);
    free_names(r, scope, tree->alternative, names, spans, count, capacity);
    for (int i = 0; i < tree->option_count; i++) {
        at_scope inner = *scope;
        for (int k = 0; k < tree->options[i].count; k++)
            inner.env = at_env_add(r, inner.env, tree->options[i].parameters[k], at_no_value());
        const at_tree *value = tree->options[i].value;
        /* passing a function by name is no index */
        if (value->tag == AT_T_NAME && !at_lookup(r, scope->frame, value->name)) continue;
        free_names(r, &inner, value, names, spans, count, capacity);
    }
    for (int p = 0; p < tree->part_count; p++) {
        at_scope inner = *scope;
        for (int k = 0; k < tree->parts[p].count; k++)
            inner.env = at_env_add(r, inner.env, tree->parts[p].bound[k].name, at_no_value());
        free_names(r, &inner, tree->parts[p].guard, names, spans, count, capacity);
        free_names(r, &inner, tree->parts[p].body, names, spans, count, capacity);
    }
}

bool at_resolve_assertion(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    at_scope scope = at_scope_of(frame, "assertion");
    const char **names = NULL;
    at_span *spans = NULL;
    int count = 0, capacity = 0;
    free_names(r, &scope, st->left, &names, &spans, &count, &capacity);
    free_names(r, &scope, st->right, &names, &spans, &count, &capacity);
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, count);
    const at_tree *trees[2] = {st->left, st->right};
    for (int i = 0; i < count; i++) {
        own[i] = at_axis_find(r, &scope, names[i], spans[i], trees, 2, false);
        if (!own[i]) return false;
        at_scope_bind(r, &scope, own[i]);
        scope.env = at_env_add(r, scope.env, names[i], at_scalar(at_index(r->s, own[i], spans[i])));
    }
    at_value sides[2] = {at_resolve_expr(r, &scope, st->left),
                         at_resolve_expr(r, &scope, st->right)};
    if (!sides[0].e || !sides[1].e) return false;
    if ((sides[0].e->kind == AT_BOOL) != (sides[1].e->kind == AT_BOOL) ||
        (st->op != AT_OP_EQ && sides[0].e->kind == AT_BOOL)) {
        at_resolve_error(r, frame, AT_E_TYPE, st->span, "an assertion compares %s with %s here",
                         sides[0].e->kind == AT_BOOL ? "a bool" : "a number",
                         sides[1].e->kind == AT_BOOL ? "a bool" : "a number");
        return false;
    }
    if (sides[0].e->kind != sides[1].e->kind)
        for (int i = 0; i < 2; i++) sides[i].e = at_as_real(r->s, sides[i].e);
    int rank;
    at_axis **axes;
    if (!at_values_lift(r, &scope, sides, 2, st->span, &rank, &axes)) return false;
    at_axis **all = AT_NEW_ARRAY(r->s->arena, at_axis *, count + rank);
    at_move(all, own, sizeof *all * (size_t)count);
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, rank);
    for (int i = 0; i < rank; i++) {
        all[count + i] = at_axis_free(r, &scope, axes[i], NULL);
        at_scope_bind(r, &scope, all[count + i]);
        index[i] = at_index(r->s, all[count + i], st->span);
    }
    for (int i = 0; i < 2; i++) sides[i].e = at_rename(r, sides[i].e, axes, index, rank);
    double tolerance = -1;
    if (st->tolerance) {
        const at_expr *t = at_resolve_scalar(r, &scope, st->tolerance, AT_REAL, "a tolerance");
        if (!t) return false;
        at_constant c = at_need_constant(r, &scope, t, st->tolerance->span, "a tolerance");
        if (!c.known) return false;
        tolerance = c.real;
    }
    at_statement *out = at_add_statement(r, AT_ASSERT, NULL, st->span);
    out->u.assertion.op = st->op;
    out->u.assertion.count = count + rank;
    out->u.assertion.axes = all;
    out->u.assertion.left = sides[0].e;
    out->u.assertion.right = sides[1].e;
    out->u.assertion.tolerance = tolerance;
    return true;
}

static bool resolve_if(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    at_scope scope = at_scope_of(frame, "if");
    const at_expr *condition = at_resolve_scalar(r, &scope, st->value, AT_BOOL, "the condition");
    at_constant known = {0};
    if (condition)
        known = at_need_constant(r, &scope, condition, st->value->span,
                                 "the condition of an `if` block");
    if (!known.known) {
        at_diag *diag = r->s->diag_count ? r->s->diags[r->s->diag_count - 1] : NULL;
        bool runs = diag && (diag->code == AT_E_UNBOUND_INDEX || diag->code == AT_E_NOT_CONSTANT);
        if (runs && diag->span.source == st->value->span.source &&
            diag->span.begin >= st->value->span.begin && diag->span.end <= st->value->span.end)
            at_hint(r->s, diag, "an `if` block is decided before the run; for each element write "
                    "y[n] = if c then a else b");
        return false;
    }
    if (known.integer) return at_resolve_block(r, frame, &st->body);
    return !st->has_else || at_resolve_block(r, frame, &st->otherwise);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void put_inside(at_resolver *r, const at_tree_statement *scan, at_assigned *name) {
    int count = scan->bound_count + name->inner_count;
    const at_bound **inner = AT_NEW_ARRAY(r->s->arena, const at_bound *, count);
    for (int i = 0; i < scan->bound_count; i++) inner[i] = &scan->bound[i];
    at_move(inner + scan->bound_count, name->inner, sizeof *inner * (size_t)name->inner_count);
    name->inner = inner;
    name->inner_count = count;
}

int at_assigned_names(at_resolver *r, const at_tree_block *block, at_assigned **out) {
    at_assigned *list = NULL;
    int count = 0, capacity = 0;
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        const at_tree_block *inner[2] = {&st->body, &st->otherwise};
        for (int b = 0; b < 2; b++) {
            at_assigned *more;
            int n = inner[b]->count ? at_assigned_names(r, inner[b], &more) : 0;
            for (int k = 0; k < n; k++) {
                int at = 0;
                while (at < count && strcmp(list[at].name, more[k].name) != 0) at++;
                if (st->tag == AT_S_SCAN) put_inside(r, st, &more[k]);
                if (at < count) list[at].count += more[k].count;
                else AT_PUSH(r->s->arena, list, count, capacity, more[k]);
            }
        }
        if (st->tag != AT_S_EQUATION) continue;
        for (int t = 0; t < st->target_count; t++) {
            int at = 0;
            while (at < count && strcmp(list[at].name, st->targets[t].name) != 0) at++;
            at_assigned item = {.name = st->targets[t].name,
                                .statement = st,
                                .target = &st->targets[t],
                                .count = 1};
            if (at < count) list[at].count++;
            else AT_PUSH(r->s->arena, list, count, capacity, item);
        }
    }
    *out = list;
    return count;
}

static bool resolve_statement(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    r->statement = st->body.count || st->otherwise.count ? NULL : st;
    switch (st->tag) {
    case AT_S_EQUATION: return at_resolve_equation(r, frame, st);
    case AT_S_NEXT: return at_resolve_next(r, frame, st);
    case AT_S_AXIS: return resolve_axes(r, frame, st);
    case AT_S_PARAM:
    case AT_S_STATE: return at_resolve_param(r, frame, st);
    case AT_S_SCAN: return at_resolve_scan(r, frame, st);
    case AT_S_REPEAT: return at_resolve_repeat(r, frame, st);
    case AT_S_IF: return resolve_if(r, frame, st);
    case AT_S_REQUIRE: return resolve_require(r, frame, st);
    case AT_S_COTANGENT: return at_resolve_cotangent(r, frame, st);
    case AT_S_ASSERT: return at_resolve_assertion(r, frame, st);
    }
    return false;
}

static void mark_broken(at_resolver *r, at_frame *frame, const at_tree_statement *st) {
    for (int i = 0; i < st->target_count; i++)
        at_define(r, frame, AT_N_BROKEN, st->targets[i].name, st->targets[i].span);
    const at_tree_block *inner[2] = {&st->body, &st->otherwise};
    for (int b = 0; b < 2; b++)
        for (int i = 0; i < inner[b]->count; i++) mark_broken(r, frame, inner[b]->items[i]);
}

bool at_resolve_block(at_resolver *r, at_frame *frame, const at_tree_block *block) {
    bool good = true;
    for (int i = 0; i < block->count; i++) {
        if (resolve_statement(r, frame, block->items[i])) continue;
        good = false;
        if (r->need_round) return false; /* the repeat around is resolved again, unrolled */
        mark_broken(r, frame, block->items[i]);
        if (r->s->diag_count >= r->s->diag_limit) return false;
    }
    return good;
}
