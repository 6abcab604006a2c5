/* What is known is computed: extents that are numbers, operations on numbers, factors of 1.
 *
 *     axis d = 64
 *     s[i,j] = sum[d](q[i,d] * k[j,d]) * (1 / sqrt(real(size(d))))   ->   sum[d](…) * 0.125
 *
 * Only what gives the same bits: x + 0.0 is not x where x is -0. Numbers are computed as the
 * reference executor computes them. */
#include "opt/opt.h"

static bool is_number(const at_expr *e) { return e->tag == AT_CONST; }

/* The operation on numbers; e itself when they have no value. */
static const at_expr *computed(at_session *s, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    int arity = at_op_info(e->u.map.op)->arity;
    at_op op = e->u.map.op;
    for (int i = 0; i < arity; i++)
        if (!is_number(args[i])) return e;
    if (args[0]->kind == AT_BOOL || op == AT_OP_IF || op == AT_OP_TO_REAL) return e;
    if (args[0]->kind == AT_REAL) {
        double values[3] = {0};
        for (int i = 0; i < arity; i++) values[i] = args[i]->u.real;
        if (op == AT_OP_TO_INT) return at_int(s, at_real_to_int(values[0]), e->span);
        double value = at_real_op(op, values[0], values[1], values[2]);
        return e->kind == AT_BOOL ? at_bool(s, value != 0, e->span) : at_real(s, value, e->span);
    }
    int64_t values[3] = {0}, value;
    for (int i = 0; i < arity; i++) values[i] = args[i]->u.integer;
    if (!at_int_op(op, values[0], values[1], values[2], &value)) return e;
    return e->kind == AT_BOOL ? at_bool(s, value != 0, e->span) : at_int(s, value, e->span);
}

static const at_expr *neutral_left_out(const at_expr *e) {
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1], *other = e;
    bool ints = e->kind == AT_INT;
    switch (e->u.map.op) {
    case AT_OP_MUL:
        if (is_number(a) && at_is_number(a, 1)) other = b;
        if (is_number(b) && at_is_number(b, 1)) other = a;
        break;
    case AT_OP_DIV:
        if (at_is_number(b, 1)) other = a;
        break;
    case AT_OP_IDIV:
        if (at_is_number(b, 1)) other = a;
        break;
    case AT_OP_ADD:
        if (ints && at_is_number(a, 0)) other = b;
        if (ints && at_is_number(b, 0)) other = a;
        break;
    case AT_OP_SUB:
        if (ints && at_is_number(b, 0)) other = a;
        break;
    default: break;
    }
    return other;
}

/* Of x[n + 0 | a] and x[n | a] only one may read outside, so here no int becomes a plain index. */
static const at_expr *without_neutral(const at_expr *e) {
    const at_expr *other = neutral_left_out(e);
    return other->tag == AT_INDEX ? e : other;
}

static bool look_for_data(void *user, const at_expr *e) {
    bool *found = user;
    at_op op = e->tag == AT_MAP ? e->u.map.op : AT_OP_ADD;
    *found |= e->tag == AT_READ || e->tag == AT_FOLD_NODE || op == AT_OP_IDIV || op == AT_OP_MOD ||
              op == AT_OP_IPOW || op == AT_OP_TO_INT;
    return !*found;
}

/* e % 1, where e surely has a value. */
static bool is_nothing(const at_expr *e) {
    bool data = false;
    if (e->u.map.op != AT_OP_MOD || !at_is_number(e->u.map.args[1], 1)) return false;
    at_walk(e->u.map.args[0], look_for_data, &data);
    return !data;
}

/* A sum over nothing; a guard that holds everywhere is gone already. */
static const at_expr *simpler_fold(at_session *s, const at_expr *e) {
    const at_expr *guard = e->u.fold.guard;
    if (!guard || guard->tag != AT_CONST || guard->u.integer) return e;
    switch (e->u.fold.fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_COUNT:
        return e->kind == AT_REAL ? at_real(s, 0, e->span) : at_int(s, 0, e->span);
    case AT_FOLD_ANY: return at_bool(s, false, e->span);
    case AT_FOLD_ALL: return at_bool(s, true, e->span);
    default: return e;
    }
}

/* An index without its neutral part; where there is no alternative it may be plain. */
static const at_expr *simpler_read(at_session *s, const at_expr *e) {
    if (e->u.read.alternative) return e;
    const at_expr **index = NULL;
    int rank = e->u.read.array->rank;
    for (int i = 0; i < rank; i++) {
        const at_expr *at = e->u.read.index[i];
        const at_expr *plain = at->tag == AT_MAP ? neutral_left_out(at) : at;
        if (plain == at) continue;
        if (!index) index = at_copy(s->arena, e->u.read.index, sizeof *index * (size_t)rank);
        index[i] = plain;
    }
    return index ? at_read(s, e->u.read.array, index, NULL, e->span) : e;
}

/* What an operation is of is no index of a read by itself, and may be plain. */
static const at_expr *with_simpler_args(at_session *s, const at_expr *e) {
    const at_expr *args[3] = {0};
    bool changed = false;
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        args[i] = e->u.map.args[i];
        if (args[i]->tag == AT_MAP && args[i]->kind == AT_INT) args[i] = neutral_left_out(args[i]);
        changed |= args[i] != e->u.map.args[i];
    }
    return changed ? at_map_node(s, e->u.map.op, args[0], args[1], args[2], e->span) : e;
}

static const at_expr *simpler(void *user, const at_expr *e) {
    at_session *s = user;
    if (e->tag == AT_FOLD_NODE) return simpler_fold(s, e);
    if (e->tag == AT_READ) return simpler_read(s, e);
    if (e->tag == AT_SIZE) {
        int64_t extent = at_extent(e->u.axis, NULL);
        return extent < 0 ? e : at_int(s, extent, e->span);
    }
    if (e->tag != AT_MAP) return e;
    e = with_simpler_args(s, e);
    if (e->tag != AT_MAP) return e;
    if (is_nothing(e)) return at_int(s, 0, e->span);
    const at_expr *made = computed(s, e);
    return made == e ? without_neutral(e) : made;
}

static const at_expr *change(void *user, const at_expr *e) {
    return at_rewrite(user, e, simpler, user);
}

static void plain(void *user, const at_statement *st) {
    at_draft *draft = user;
    at_draft_add(draft, at_statement_changed(draft->s, st, change, draft->s));
}

static void before(void *user, const at_statement *st, at_statement *out) {
    at_draft *draft = user;
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = change(draft->s, st->u.repeat.condition);
}

const at_cascade *at_opt_simplify(at_session *s, const at_cascade *from) {
    at_draft *draft = at_draft_new(s, from);
    at_block_walk walk = {.draft = draft, .user = draft, .plain = plain, .before = before};
    at_draft_block(&walk, &from->body);
    return draft->out;
}
