/* Values: scalar expressions with kept axes, how they combine, and how they become arrays.
 *
 * Elementwise operators and functions lift over kept axes: all operands keep the same number of
 * axes, with equal extents, or none. Lifting substitutes the first operand's placeholders into the
 * others, so that the operation is again one scalar expression. */
#include "lang/resolve_int.h"

#include <string.h>

at_value at_scalar(const at_expr *e) { return (at_value){.e = e}; }

static at_axis *fresh_bound(void *user, const at_axis *like) {
    at_resolver *r = user;
    const at_axis *root = like;
    while (root->like) root = root->like;
    const char *base = at_format(r->s->arena, "%.*s", (int)strcspn(like->name, "'"), like->name);
    return at_axis_new(r, base, root, NULL, root->declared, like->span);
}

/* Real axes whose indices come into an expression: what it binds inside must be others. */
typedef struct {
    at_resolver *r;
    const at_expr **to;
    int count;
    bool found;
} arrivals;

static bool arrives(const arrivals *a, const at_axis *axis) {
    for (int i = 0; i < a->count; i++)
        if (at_mentions(a->to[i], axis)) return true;
    return false;
}

static bool find_clash(void *user, const at_expr *e) {
    arrivals *a = user;
    for (int b = 0; e->tag == AT_FOLD_NODE && b < e->u.fold.count && !a->found; b++)
        a->found = arrives(a, e->u.fold.axes[b]);
    return !a->found;
}

static const at_expr *rename_clash(void *user, const at_expr *e) {
    const arrivals *a = user;
    at_session *s = a->r->s;
    if (e->tag != AT_FOLD_NODE) return e;
    int count = 0;
    at_axis **axes = at_copy(s->arena, e->u.fold.axes, sizeof *axes * (size_t)e->u.fold.count);
    const at_axis **old = AT_NEW_ARRAY(s->arena, const at_axis *, e->u.fold.count);
    const at_expr **now = AT_NEW_ARRAY(s->arena, const at_expr *, e->u.fold.count);
    for (int b = 0; b < e->u.fold.count; b++) {
        if (!arrives(a, axes[b])) continue;
        old[count] = axes[b];
        axes[b] = fresh_bound(a->r, axes[b]);
        now[count++] = at_index(s, axes[b], e->span);
    }
    if (!count) return e;
    const at_expr *guard = e->u.fold.guard;
    if (guard) guard = at_substitute(s, guard, old, now, count, fresh_bound, a->r);
    const at_expr *body = at_substitute(s, e->u.fold.body, old, now, count, fresh_bound, a->r);
    return at_fold_node(s, e->u.fold.fold, axes, e->u.fold.count, guard, body, e->span);
}

/* In x - mean[n](x[n]) the index that x keeps may become n: then mean runs over another one, though
 * it does not see what x keeps. */
const at_expr *at_rename(at_resolver *r, const at_expr *e, at_axis **from, const at_expr **to,
                         int count) {
    if (!e || count == 0) return e;
    if (e->weight > AT_EXPR_LIMIT) return e;
    arrivals a = {r, to, count, false};
    at_walk(e, find_clash, &a);
    if (a.found) e = at_rewrite(r->s, e, rename_clash, &a);
    return at_substitute(r->s, e, (const at_axis **)from, to, count, fresh_bound, r);
}

const at_expr *at_value_at(at_resolver *r, const at_value *v, const at_expr **index) {
    return at_rename(r, v->e, v->axes, index, v->rank);
}

at_value at_value_read(at_resolver *r, const at_view *view, at_span span) {
    at_value v = {.rank = view->rank};
    v.axes = AT_NEW_ARRAY(r->s->arena, at_axis *, view->rank);
    for (int i = 0; i < view->rank; i++) v.axes[i] = at_placeholder(r, view->axes[i]);
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, view->array->rank);
    for (int i = 0; i < view->array->rank; i++)
        index[i] = view->hole[i] < 0 ? view->fixed[i]
                                     : at_index(r->s, v.axes[view->hole[i]], span);
    v.e = at_read(r->s, view->array, index, NULL, span);
    return v;
}

const char *at_axis_text(at_resolver *r, const at_axis *axis) {
    while (axis->id < 0 && axis->like) axis = axis->like;
    return at_format(r->s->arena, "%.*s", (int)strcspn(axis->name, "'"), axis->name);
}

const char *at_kept_text(at_resolver *r, const at_value *v) {
    if (v->rank == 0) return "no axis";
    const char *text = v->rank == 1 ? "the axis" : "the axes";
    for (int i = 0; i < v->rank; i++)
        text = at_format(r->s->arena, "%s%s `%s`", text,
                         i == 0            ? ""
                         : i + 1 < v->rank ? ","
                                           : " and",
                         at_axis_text(r, v->axes[i]));
    return text;
}

bool at_values_lift(at_resolver *r, const at_scope *scope, at_value *values, int count,
                    at_span span, int *rank, at_axis ***axes) {
    int lead = -1;
    for (int i = 0; i < count; i++)
        if (values[i].rank > 0 && lead < 0) lead = i;
    *rank = lead < 0 ? 0 : values[lead].rank;
    *axes = lead < 0 ? NULL : values[lead].axes;
    for (int i = 0; i < count; i++) {
        if (i == lead || values[i].rank == 0) continue;
        if (values[i].rank != *rank) {
            at_diag *diag = at_resolve_error(r, scope->frame, AT_E_KEPT_AXES, span,
                                             "one side keeps %s here, the other %s",
                                             at_kept_text(r, &values[lead]),
                                             at_kept_text(r, &values[i]));
            at_hint(r->s, diag, "write the indices out, as in y[n,c] = x[n,c] + b[c]");
            return false;
        }
        const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, *rank);
        for (int k = 0; k < *rank; k++) {
            const char *a = at_format(r->s->arena, "the axis `%s`", at_axis_text(r, (*axes)[k]));
            const char *b =
                at_format(r->s->arena, "the axis `%s`", at_axis_text(r, values[i].axes[k]));
            if (!at_extent_agree(r, scope->frame, (*axes)[k], values[lead].e->span, a,
                                 values[i].axes[k], values[i].e->span, b))
                return false;
            index[k] = at_index(r->s, (*axes)[k], span);
        }
        values[i].e = at_value_at(r, &values[i], index);
        values[i].axes = *axes;
    }
    return true;
}

/* ---- operations ------------------------------------------------------------------------------ */

const char *at_condition_hint(const at_expr *e) {
    bool flag = e->tag == AT_CONST && e->kind == AT_INT && (e->u.integer == 0 || e->u.integer == 1);
    if (!flag) return "compare it with something, as in x != 0";
    return e->u.integer ? "a condition is true or false: write true"
                        : "a condition is true or false: write false";
}

static bool kind_error(at_resolver *r, const at_scope *scope, at_op op, const at_value *v,
                       at_span span, const char *wanted, const char *hint) {
    at_diag *diag = at_resolve_error(r, scope->frame, AT_E_TYPE, span,
                                     "`%s` needs %s, but this is %s", at_op_info(op)->text, wanted,
                                     v->e->kind == AT_BOOL  ? "a bool"
                                     : v->e->kind == AT_INT ? "an int"
                                                            : "a real");
    if (hint) at_hint(r->s, diag, "%s", hint);
    return false;
}

/* Converts the arguments as the operation's rule says. */
static bool convert(at_resolver *r, const at_scope *scope, at_op op, at_value *args, int arity) {
    const char *as_number = "real(x) gives 1 where x holds and 0 elsewhere";
    int first = op == AT_OP_IF ? 1 : 0;
    bool any_real = false, any_bool = false;
    for (int i = first; i < arity; i++) {
        any_real = any_real || args[i].e->kind == AT_REAL;
        any_bool = any_bool || args[i].e->kind == AT_BOOL;
    }
    for (int i = 0; i < arity; i++) {
        at_kind kind = args[i].e->kind;
        at_span span = args[i].e->span;
        switch (at_op_info(op)->rule) {
        case AT_RULE_REAL:
            if (kind == AT_BOOL)
                return kind_error(r, scope, op, &args[i], span, "numbers", as_number);
            args[i].e = at_as_real(r->s, args[i].e);
            break;
        case AT_RULE_SAME:
            if (kind == AT_BOOL && op != AT_OP_STOP)
                return kind_error(r, scope, op, &args[i], span, "numbers", as_number);
            if (any_real && kind == AT_INT) args[i].e = at_as_real(r->s, args[i].e);
            break;
        case AT_RULE_INT:
            if (kind != AT_INT)
                return kind_error(r, scope, op, &args[i], span, "ints",
                                  kind == AT_REAL ? "floor(a/b) works on reals; int(x) truncates"
                                                  : NULL);
            break;
        case AT_RULE_COMPARE:
            if (kind == AT_BOOL && op != AT_OP_EQ && op != AT_OP_NE)
                return kind_error(r, scope, op, &args[i], span, "numbers", as_number);
            if (any_bool && kind != AT_BOOL)
                return kind_error(r, scope, op, &args[i], span, "two bools, or two numbers", NULL);
            if (any_real && kind == AT_INT) args[i].e = at_as_real(r->s, args[i].e);
            break;
        case AT_RULE_LOGIC:
            if (kind != AT_BOOL)
                return kind_error(r, scope, op, &args[i], span, "conditions",
                                  at_condition_hint(args[i].e));
            break;
        case AT_RULE_CHOOSE:
            if (i == 0 && kind != AT_BOOL)
                return kind_error(r, scope, op, &args[i], span, "a condition",
                                  at_condition_hint(args[i].e));
            if (i > 0 && any_bool && kind != AT_BOOL)
                return kind_error(r, scope, op, &args[i], span,
                                  "values of one kind after then and else", as_number);
            if (i > 0 && any_real && kind == AT_INT) args[i].e = at_as_real(r->s, args[i].e);
            break;
        case AT_RULE_TO_INT:
            if (kind == AT_BOOL)
                return kind_error(r, scope, op, &args[i], span, "a number",
                                  "if x then 1 else 0 makes an int of a bool");
            break;
        case AT_RULE_TO_REAL:
            break;
        }
    }
    return true;
}

at_value at_apply(at_resolver *r, const at_scope *scope, at_op op, at_value *args, at_span span,
                  at_span op_span) {
    int arity = at_op_info(op)->arity;
    at_value result = {0};
    if (!convert(r, scope, op, args, arity)) return at_no_value();
    if (!at_values_lift(r, scope, args, arity, op_span.source ? op_span : span, &result.rank,
                        &result.axes))
        return at_no_value();
    if ((op == AT_OP_TO_REAL && args[0].e->kind == AT_REAL) ||
        (op == AT_OP_TO_INT && args[0].e->kind == AT_INT))
        result.e = args[0].e;
    else
        result.e = at_map_node(r->s, op, args[0].e, arity > 1 ? args[1].e : NULL,
                               arity > 2 ? args[2].e : NULL, span);
    if (result.e->weight > AT_EXPR_LIMIT) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_EXPRESSION_SIZE, span,
                                         "this expression grows beyond %d operations",
                                         AT_EXPR_LIMIT);
        at_hint(r->s, diag, "give a part of it a name in an equation of its own");
        return at_no_value();
    }
    return result;
}

/* ---- from values to arrays ------------------------------------------------------------------- */

bool at_is_trivial(const at_expr *e) {
    if (e->tag == AT_CONST || e->tag == AT_SIZE || e->tag == AT_INDEX) return true;
    if (e->tag == AT_MAP && (e->u.map.op == AT_OP_TO_REAL || e->u.map.op == AT_OP_NEG))
        return at_is_trivial(e->u.map.args[0]);
    if (e->tag != AT_READ || e->u.read.alternative) return false;
    for (int i = 0; i < e->u.read.array->rank; i++)
        if (e->u.read.index[i]->tag != AT_INDEX && e->u.read.index[i]->tag != AT_CONST)
            return false;
    return true;
}

static bool mentions_any(const at_expr *const *exprs, int count, const at_axis *axis) {
    for (int i = 0; i < count; i++)
        if (exprs[i] && at_mentions(exprs[i], axis)) return true;
    return false;
}

at_axis **at_full_axes(at_resolver *r, const at_frame *frame, const at_expr *const *used,
                       int used_count, bool all_hidden, at_axis **own, int own_count,
                       int *count) {
    at_axis **axes =
        AT_NEW_ARRAY(r->s->arena, at_axis *, r->scan_count + frame->hidden_count + own_count);
    int n = 0;
    for (int i = 0; i < r->scan_count; i++) axes[n++] = r->scans[i];
    for (int i = 0; i < frame->hidden_count; i++)
        if (all_hidden || mentions_any(used, used_count, frame->hidden[i]))
            axes[n++] = frame->hidden[i];
    for (int i = 0; i < own_count; i++) {
        bool scan = false;
        for (int k = 0; k < r->scan_count; k++) scan = scan || own[i] == r->scans[k];
        if (!scan) axes[n++] = own[i];
    }
    *count = n;
    return axes;
}

at_view at_own_view(at_resolver *r, const at_array *array, at_axis **own, int own_count) {
    at_view view = {.array = array, .rank = own_count, .axes = own};
    view.hole = AT_NEW_ARRAY(r->s->arena, int, array->rank);
    view.fixed = AT_NEW_ARRAY(r->s->arena, const at_expr *, array->rank);
    for (int i = 0; i < array->rank; i++) {
        view.hole[i] = -1;
        for (int k = 0; k < own_count; k++)
            if (array->axes[i] == own[k]) view.hole[i] = k;
        if (view.hole[i] < 0) view.fixed[i] = at_index(r->s, array->axes[i], array->span);
    }
    return view;
}

at_statement *at_add_statement(at_resolver *r, at_statement_tag tag, at_array *target,
                               at_span span) {
    at_statement *st = AT_NEW(r->s->arena, at_statement);
    st->tag = tag;
    st->target = target;
    st->span = span;
    AT_PUSH(r->s->arena, r->block->items, r->block->count, r->block->capacity, st);
    return st;
}

/* Real axes for a value's placeholders, distinct and not taken in the scope. */
static void place_kept(at_resolver *r, const at_scope *scope, at_value *v, at_axis **axes) {
    at_scope inner = *scope;
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, v->rank);
    for (int i = 0; i < v->rank; i++) {
        axes[i] = at_axis_free(r, &inner, v->axes[i], NULL);
        at_scope_bind(r, &inner, axes[i]);
        index[i] = at_index(r->s, axes[i], v->e->span);
    }
    v->e = at_value_at(r, v, index);
}

at_value at_hoist(at_resolver *r, const at_scope *scope, at_value v, const char *name,
                  at_span span) {
    /* The array has the indices around that the value depends on, then what it keeps. */
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, scope->bound_count + v.rank);
    int outer = 0;
    for (int i = 0; i < scope->bound_count; i++) {
        bool hidden = false;
        for (int k = 0; k < scope->frame->hidden_count; k++)
            hidden = hidden || scope->frame->hidden[k] == scope->bound[i];
        for (int k = 0; k < r->scan_count; k++) hidden = hidden || r->scans[k] == scope->bound[i];
        for (int k = 0; k < outer; k++) hidden = hidden || own[k] == scope->bound[i];
        if (!hidden && at_mentions(v.e, scope->bound[i])) own[outer++] = scope->bound[i];
    }
    at_value placed = v;
    place_kept(r, scope, &placed, own + outer);
    int rank;
    at_axis **axes =
        at_full_axes(r, scope->frame, &placed.e, 1, false, own, outer + v.rank, &rank);
    at_array *array = at_array_new(r, name, AT_DEFINED, placed.e->kind, axes, rank, span);
    at_add_statement(r, AT_EQUATION, array, span)->u.value = placed.e;
    at_view view = at_own_view(r, array, own + outer, v.rank);
    return at_value_read(r, &view, span);
}

at_array *at_copy_array(at_resolver *r, at_frame *frame, const at_value *v, const char *name,
                        at_kind kind, at_span span, at_view *view) {
    at_scope scope = at_scope_of(frame, name);
    at_axis **own = AT_NEW_ARRAY(r->s->arena, at_axis *, v->rank);
    at_value placed = *v;
    place_kept(r, &scope, &placed, own);
    if (kind == AT_REAL) placed.e = at_as_real(r->s, placed.e);
    int rank;
    at_axis **axes = at_full_axes(r, frame, &placed.e, 1, true, own, v->rank, &rank);
    at_array *array = at_frame_array(r, frame, name, AT_DEFINED, placed.e->kind, axes, rank, span);
    at_add_statement(r, AT_EQUATION, array, span)->u.value = placed.e;
    *view = at_own_view(r, array, own, v->rank);
    return array;
}
