/* What is known of ints where an expression stands: what encloses it says so (a guard, an `if`, the
 * bounds of a loop), or what was computed before (`topk` gives -1 or an index). It shows of most
 * indices that they lie inside, and of most int arithmetic that it cannot overflow.
 *
 * Knowledge is a list of linear forms that are 0 or more. A form is shown to be 0 or more by itself
 * (form/affine.c), or because it is at least one of these. What holds by the bounds of the loops
 * around is told apart from what holds by a condition: code that may be evaluated at any time may
 * only rely on the former. */
#include "loop/loop.h"

/* ---- facts ----------------------------------------------------------------------------------- */

static void add_fact(at_loop_lowering *l, const at_affine *form, bool differs, bool always) {
    at_loop_fact *fact = AT_NEW(l->s->arena, at_loop_fact);
    *fact = (at_loop_fact){.next = l->facts, .form = *form, .differs = differs, .always = always};
    l->facts = fact;
}

/* With one size for all that are required to be equal. */
static bool form_of(at_loop_lowering *l, const at_expr *e, at_affine *form) {
    const at_cascade *cascade = l->program->plan->cascade;
    if (cascade->require_count) e = at_with_known_sizes(l->s, cascade, e);
    return at_affine_of(l->s, e, form);
}

/* b - a - strict */
static bool gap(at_loop_lowering *l, const at_expr *a, const at_expr *b, int strict,
                at_affine *form) {
    at_affine left, right;
    if (!form_of(l, a, &left) || !form_of(l, b, &right)) return false;
    if (!at_affine_add(l->s, &right, -1, &left, form)) return false;
    return !__builtin_sub_overflow(form->constant, strict, &form->constant) &&
           form->constant != INT64_MIN;
}

static at_op opposite(at_op op) {
    switch (op) {
    case AT_OP_EQ: return AT_OP_NE;
    case AT_OP_NE: return AT_OP_EQ;
    case AT_OP_LT: return AT_OP_GE;
    case AT_OP_LE: return AT_OP_GT;
    case AT_OP_GT: return AT_OP_LE;
    default: return AT_OP_LT;
    }
}

static void know_comparison(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b,
                            bool always) {
    at_affine form;
    bool strict = op == AT_OP_LT || op == AT_OP_GT;
    if (op == AT_OP_NE && gap(l, a, b, 0, &form)) add_fact(l, &form, true, always);
    if ((op == AT_OP_LE || op == AT_OP_LT || op == AT_OP_EQ) && gap(l, a, b, strict, &form))
        add_fact(l, &form, false, always);
    if ((op == AT_OP_GE || op == AT_OP_GT || op == AT_OP_EQ) && gap(l, b, a, strict, &form))
        add_fact(l, &form, false, always);
}

static void know_condition(at_loop_lowering *l, const at_expr *condition, bool holds, bool always) {
    at_loop_fact *fact = AT_NEW(l->s->arena, at_loop_fact);
    *fact = (at_loop_fact){.next = l->facts, .condition = condition, .holds = holds,
                           .always = always};
    l->facts = fact;
}

void at_loop_know(at_loop_lowering *l, const at_expr *condition, bool holds, bool always) {
    if (!condition) return;
    know_condition(l, condition, holds, always);
    if (condition->tag != AT_MAP) return;
    const at_expr *const *args = condition->u.map.args;
    at_op op = condition->u.map.op;
    if (op == AT_OP_NOT) {
        at_loop_know(l, args[0], !holds, always);
    } else if (op == (holds ? AT_OP_AND : AT_OP_OR)) {
        at_loop_know(l, args[0], holds, always);
        at_loop_know(l, args[1], holds, always);
    } else if (at_op_info(op)->rule == AT_RULE_COMPARE && args[0]->kind == AT_INT) {
        if (!holds) op = opposite(op);
        know_comparison(l, op, args[0], args[1], always);
        condition = at_map_node(l->s, op, args[0], args[1], NULL, condition->span);
        for (int side = 0; side < 2; side++) {
            const at_expr *out[2];
            int count = at_without_quotient(l->s, condition, side, out);
            for (int i = 0; i < count; i++)
                know_comparison(l, out[i]->u.map.op, out[i]->u.map.args[0], out[i]->u.map.args[1],
                                always);
        }
    }
}

void at_loop_know_axis(at_loop_lowering *l, const at_axis *axis) {
    at_span nowhere = at_no_span();
    know_comparison(l, AT_OP_LE, at_int(l->s, 1, nowhere), at_size(l->s, axis, nowhere), true);
}

bool at_loop_know_good(at_loop_lowering *l, const at_array *array, const at_expr *address) {
    for (const at_loop_fact *fact = l->facts; fact; fact = fact->next)
        if (fact->array == array && at_same(fact->address, address)) return true;
    at_loop_fact *fact = AT_NEW(l->s->arena, at_loop_fact);
    *fact = (at_loop_fact){.next = l->facts, .array = array, .address = address};
    l->facts = fact;
    return false;
}

/* ---- what values are, wherever they stand -------------------------------------------------- */

static at_loop_value any_value(void) { return (at_loop_value){INT64_MIN, INT64_MAX, NULL}; }

static at_loop_value join(at_loop_value a, at_loop_value b) {
    bool same = a.below && b.below && at_same_extent(a.below, b.below);
    const at_axis *below = same ? a.below : NULL;
    /* What is below 0 is below every extent. */
    if (!below && a.below && b.high < 0) below = a.below;
    if (!below && b.below && a.high < 0) below = b.below;
    return (at_loop_value){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, below};
}

static at_loop_value index_of(const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    int64_t high = extent >= 0 && extent <= AT_AXIS_LIMIT ? extent : AT_AXIS_LIMIT;
    return (at_loop_value){0, high > 0 ? high - 1 : 0, axis};
}

/* Of a fold that gives an index, or a count. */
static at_loop_value fold_value(const at_loop_program *program, const at_expr *e) {
    int64_t all = 1;
    for (int i = 0; i < e->u.fold.count; i++) {
        int64_t extent = at_extent(e->u.fold.axes[i], NULL);
        if (extent < 0) extent = AT_AXIS_LIMIT;
        if (__builtin_mul_overflow(all, extent, &all)) return any_value();
    }
    switch (e->u.fold.fold) {
    case AT_FOLD_ARGMIN:
    case AT_FOLD_ARGMAX:
        return (at_loop_value){-1, all > 0 ? all - 1 : 0,
                               e->u.fold.count == 1 ? e->u.fold.axes[0] : NULL};
    case AT_FOLD_COUNT: return (at_loop_value){0, all, NULL};
    case AT_FOLD_MIN:
    case AT_FOLD_MAX: return at_loop_value_of(program, e->u.fold.body);
    default: return any_value();
    }
}

static at_loop_value map_value(const at_loop_program *program, const at_expr *e) {
    at_op op = e->u.map.op;
    at_loop_value args[3] = {any_value(), any_value(), any_value()};
    at_range ranges[3];
    for (int i = 0; i < at_op_info(op)->arity; i++) {
        if (e->u.map.args[i]->kind == AT_INT) args[i] = at_loop_value_of(program, e->u.map.args[i]);
        ranges[i] = (at_range){args[i].low, args[i].high};
    }
    switch (op) {
    case AT_OP_IF: return join(args[1], args[2]);
    case AT_OP_STOP: return args[0];
    default: break;
    }
    at_range range = at_range_of_map(op, ranges);
    at_loop_value value = {range.low, range.high, NULL};
    if (op == AT_OP_MOD && e->u.map.args[1]->tag == AT_SIZE) {
        value.low = 0; /* a result that there is has a divisor that is no 0 */
        value.high = ranges[1].high - 1;
        value.below = e->u.map.args[1]->u.axis;
    }
    if (op == AT_OP_MIN) value.below = args[0].below ? args[0].below : args[1].below;
    if (op == AT_OP_MAX) value.below = join(args[0], args[1]).below;
    return value;
}

at_loop_value at_loop_value_of(const at_loop_program *program, const at_expr *e) {
    if (e->kind != AT_INT) return any_value();
    switch (e->tag) {
    case AT_CONST: return (at_loop_value){e->u.integer, e->u.integer, NULL};
    case AT_INDEX: return index_of(e->u.axis);
    case AT_SIZE: {
        at_range range = at_range_of(e);
        return (at_loop_value){range.low, range.high, NULL};
    }
    case AT_READ: {
        const at_array *array = e->u.read.array;
        at_loop_value value = any_value();
        if (array->inside) value = index_of(array->inside);
        else if (array->id >= 0 && program->values[array->id]) value = *program->values[array->id];
        if (!e->u.read.alternative) return value;
        return join(value, at_loop_value_of(program, e->u.read.alternative));
    }
    case AT_MAP: return map_value(program, e);
    case AT_FOLD_NODE: return fold_value(program, e);
    }
    return any_value();
}

bool at_loop_sum_fits(const at_loop_lowering *l, const at_expr *fold) {
    int64_t count = 1, end;
    for (int i = 0; i < fold->u.fold.count; i++) {
        int64_t extent = at_extent(fold->u.fold.axes[i], NULL);
        if (extent < 0) extent = AT_AXIS_LIMIT;
        if (__builtin_mul_overflow(count, extent, &count)) return false;
    }
    at_loop_value term = at_loop_value_of(l->program, fold->u.fold.body);
    return !__builtin_mul_overflow(count, term.low, &end) &&
           !__builtin_mul_overflow(count, term.high, &end);
}

void at_loop_note_values(at_session *s, at_loop_program *program, const at_pass *pass) {
    const at_statement *st = pass->statement;
    const at_array *target = pass->target;
    const at_part *part = st->tag == AT_TOPK ? &st->u.topk
                          : st->tag == AT_KEEPING && st->u.keeping.fold == AT_FOLD_ARGSORT
                              ? &st->u.keeping.parts[0]
                              : NULL;
    /* What a repeat carries has other values than its equation's; what it leaves may be 0, if no
     * round runs. */
    for (int i = 0; i < pass->region_count; i++)
        if (pass->regions[i]->tag == AT_REPEAT && at_repeat_may_end(pass->regions[i])) return;
    if (target->role != AT_DEFINED || target->kind != AT_INT) return;
    at_loop_value value = any_value();
    if (part) {
        const at_axis *below = part->count == 1 ? part->bound[0] : NULL;
        value = (at_loop_value){st->tag == AT_TOPK || part->guard ? -1 : 0, INT64_MAX, below};
        if (below) value.high = index_of(below).high;
    } else if (st->tag == AT_EQUATION) {
        value = at_loop_value_of(program, st->u.value);
    }
    if (value.low > INT64_MIN || value.high < INT64_MAX || value.below)
        program->values[target->id] = at_copy(s->arena, &value, sizeof value);
}

/* ---- proofs -------------------------------------------------------------------------------- */

enum { DEPTH = 8 };

static bool prove(at_loop_lowering *l, const at_affine *form, int depth);

/* form with term i taken out and factor * value in its place. */
static bool replace(at_loop_lowering *l, const at_affine *form, int i, const at_expr *value,
                    at_affine *out) {
    at_affine term, other;
    if (!at_affine_of(l->s, form->terms[i], &term) || !form_of(l, value, &other)) return false;
    return at_affine_add(l->s, form, -form->factors[i], &term, out) &&
           at_affine_add(l->s, out, form->factors[i], &other, out);
}

static bool prove_with(at_loop_lowering *l, const at_affine *form, int i, const at_expr *value,
                       int depth) {
    at_affine out;
    return replace(l, form, i, value, &out) && prove(l, &out, depth - 1);
}

/* A choice in term i: `either` of its values will do, or both are needed. -1: it is no choice. */
static int prove_choice(at_loop_lowering *l, const at_affine *form, int i, int depth) {
    const at_expr *e = form->terms[i];
    if (e->tag != AT_MAP) return -1;
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    bool grows = form->factors[i] > 0, either;
    int from = 0;
    if (op == AT_OP_MIN) either = !grows;
    else if (op == AT_OP_MAX) either = grows;
    else if (op == AT_OP_CLAMP) {
        /* clamp(a, low, high) is one of low and high at the outside */
        return prove_with(l, form, i, args[1], depth) && prove_with(l, form, i, args[2], depth);
    } else if (op == AT_OP_IF) {
        from = 1;
        either = false;
    } else if (op == AT_OP_STOP) {
        return prove_with(l, form, i, args[0], depth);
    } else {
        return -1;
    }
    bool first = prove_with(l, form, i, args[from], depth);
    if (first == either) return first;
    return prove_with(l, form, i, args[from + 1], depth);
}

/* Term i at its least, or its largest, as it was computed. -1: nothing is known of it. */
static int prove_value(at_loop_lowering *l, const at_affine *form, int i, int depth) {
    const at_expr *e = form->terms[i];
    if (e->tag != AT_READ && e->tag != AT_FOLD_NODE) return -1;
    if (e->tag == AT_READ && e->u.read.array->inside && !e->u.read.alternative) return -1;
    at_loop_value value = at_loop_value_of(l->program, e);
    at_span span = e->span;
    if (form->factors[i] > 0) {
        if (value.low == INT64_MIN) return -1;
        return prove_with(l, form, i, at_int(l->s, value.low, span), depth);
    }
    if (value.below) {
        const at_expr *last = at_map_node(l->s, AT_OP_SUB, at_size(l->s, value.below, span),
                                          at_int(l->s, 1, span), NULL, span);
        if (prove_with(l, form, i, last, depth)) return true;
    }
    if (value.high == INT64_MAX) return -1;
    return prove_with(l, form, i, at_int(l->s, value.high, span), depth);
}

static bool is_zero(const at_affine *form) { return form->count == 0 && form->constant == 0; }

/* By itself, or because it is at least a fact. */
static bool is_known(at_loop_lowering *l, const at_affine *form) {
    if (at_affine_nonnegative(l->s, form)) return true;
    at_affine rest;
    for (const at_loop_fact *fact = l->facts; fact; fact = fact->next)
        if (!fact->array && !fact->condition && !fact->differs &&
            (fact->always || !l->only_always) &&
            at_affine_add(l->s, form, -1, &fact->form, &rest) && at_affine_nonnegative(l->s, &rest))
            return true;
    return false;
}

static bool prove(at_loop_lowering *l, const at_affine *form, int depth) {
    if (is_known(l, form)) return true;
    for (int i = 0; depth > 0 && i < form->count; i++) {
        int known = prove_choice(l, form, i, depth);
        if (known < 0) known = prove_value(l, form, i, depth);
        if (known >= 0) return known;
    }
    return false;
}

/* Whether form >= 0; where form + 1 is known not to be 0, it is enough that it is 0 or more. */
static bool is_sure(at_loop_lowering *l, const at_affine *form) {
    if (prove(l, form, DEPTH)) return true;
    at_affine one = {1, 0, NULL, NULL}, more, rest;
    if (!at_affine_add(l->s, form, 1, &one, &more)) return false;
    for (const at_loop_fact *fact = l->facts; fact; fact = fact->next) {
        if (fact->array || fact->condition || !fact->differs || (l->only_always && !fact->always))
            continue;
        for (int sign = -1; sign <= 1; sign += 2)
            if (at_affine_add(l->s, &more, sign, &fact->form, &rest) && is_zero(&rest) &&
                prove(l, &more, DEPTH))
                return true;
    }
    return false;
}

bool at_loop_is_sure(at_loop_lowering *l, const at_expr *a, const at_expr *b, bool strict,
                     bool always) {
    at_affine form;
    if (!gap(l, a, b, strict, &form)) return false;
    l->only_always = always;
    return is_sure(l, &form);
}

at_loop_inside at_loop_is_inside(at_loop_lowering *l, const at_expr *index, const at_axis *axis) {
    const at_expr *zero = at_int(l->s, 0, index->span), *size = at_size(l->s, axis, index->span);
    for (int always = 1; always >= 0; always--)
        if (at_loop_is_sure(l, zero, index, false, always) &&
            at_loop_is_sure(l, index, size, true, always))
            return always ? AT_INSIDE : AT_INSIDE_HERE;
    const at_cascade *cascade = l->program->plan->cascade;
    bool quotient = index->tag == AT_MAP && at_index_inside(l->s, cascade, index, axis);
    return quotient ? AT_INSIDE : AT_MAYBE_OUTSIDE;
}


/* ---- conditions ---------------------------------------------------------------------------- */

static int truth_of_comparison(at_loop_lowering *l, at_op op, const at_expr *a, const at_expr *b) {
    switch (op) {
    case AT_OP_LE:
    case AT_OP_LT:
        if (at_loop_is_sure(l, a, b, op == AT_OP_LT, false)) return 1;
        return at_loop_is_sure(l, b, a, op == AT_OP_LE, false) ? 0 : -1;
    case AT_OP_GE:
    case AT_OP_GT: return truth_of_comparison(l, op == AT_OP_GE ? AT_OP_LE : AT_OP_LT, b, a);
    default: break;
    }
    bool low = at_loop_is_sure(l, a, b, false, false),
         high = at_loop_is_sure(l, b, a, false, false);
    if (low && high) return op == AT_OP_EQ;
    bool differs = (low && at_loop_is_sure(l, a, b, true, false)) ||
                   (high && at_loop_is_sure(l, b, a, true, false));
    return differs ? op == AT_OP_NE : -1;
}

static bool look_for_work(void *user, const at_expr *e) {
    bool *found = user;
    *found |= e->tag == AT_FOLD_NODE || (e->tag == AT_MAP && e->kind == AT_REAL);
    return !*found;
}

int at_loop_truth(at_loop_lowering *l, const at_expr *e) {
    bool works = false; /* what takes operations on reals is counted, and so is done */
    at_walk(e, look_for_work, &works);
    if (works) return -1;
    if (e->tag == AT_CONST) return e->u.integer != 0;
    for (const at_loop_fact *fact = l->facts; fact; fact = fact->next)
        if (fact->condition && at_same(fact->condition, e)) return fact->holds;
    if (e->tag != AT_MAP) return -1;
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    if (op == AT_OP_NOT) {
        int truth = at_loop_truth(l, args[0]);
        return truth < 0 ? -1 : !truth;
    }
    if (op == AT_OP_AND || op == AT_OP_OR) {
        int settles = op == AT_OP_OR, a = at_loop_truth(l, args[0]);
        if (a == settles) return a;
        int b = at_loop_truth(l, args[1]);
        return a < 0 && b != settles ? -1 : b;
    }
    if (at_op_info(op)->rule != AT_RULE_COMPARE || args[0]->kind != AT_INT) return -1;
    return truth_of_comparison(l, op, args[0], args[1]);
}
