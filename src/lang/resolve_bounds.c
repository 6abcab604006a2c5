/* Reads outside an array that can be seen before a run: y[t] = x[t] - x[t-1].
 *
 * Only what an output needs is an error, so only equations of outputs are looked at, and in them
 * only reads that are always evaluated: not after a condition, a guard or an alternative, and not
 * beside a factor that could be a structural zero. An index is looked at when each of its axes
 * occurs in it once: then its least and greatest value are reached, and they are compared with the
 * extent as polynomials, whatever the open extents are (but for empty ones, where nothing is
 * read). */
#include "lang/resolve_int.h"

typedef struct {
    at_resolver *r;
    const at_cascade *cascade;
    bool good;
} checker;

static void check(checker *c, const at_expr *e);

/* ---- the least and greatest value of an index ------------------------------------------------ */

typedef struct {
    const at_expr *low, *high; /* NULL: not known */
    const at_axis *axes[8];    /* that occur in it */
    int count;
} range;

static const at_expr *op2(checker *c, at_op op, const at_expr *a, const at_expr *b) {
    return at_map_node(c->r->s, op, a, b, NULL, a->span);
}

static range index_range(checker *c, const at_expr *e) {
    at_session *s = c->r->s;
    range result = {0};
    if (e->tag == AT_CONST || e->tag == AT_SIZE) {
        result.low = result.high = e;
        return result;
    }
    if (e->tag == AT_INDEX) {
        const at_axis *axis = e->u.axis;
        result.axes[result.count++] = axis;
        while (axis->like) axis = axis->like;
        result.low = at_int(s, 0, e->span);
        result.high = op2(c, AT_OP_SUB, at_size(s, axis, e->span), at_int(s, 1, e->span));
        return result;
    }
    if (e->tag != AT_MAP) return result;
    at_op op = e->u.map.op;
    if (op != AT_OP_ADD && op != AT_OP_SUB && op != AT_OP_MUL) return result;
    range a = index_range(c, e->u.map.args[0]), b = index_range(c, e->u.map.args[1]);
    if (!a.low || !b.low || a.count + b.count > 8) return result;
    for (int i = 0; i < a.count; i++) result.axes[result.count++] = a.axes[i];
    for (int i = 0; i < b.count; i++) {
        for (int k = 0; k < a.count; k++)
            if (a.axes[k] == b.axes[i]) return (range){0};
        result.axes[result.count++] = b.axes[i];
    }
    if (op == AT_OP_MUL) {
        /* by a constant that is not negative */
        const at_expr *factor = e->u.map.args[1];
        if (b.count || factor->tag != AT_CONST || factor->u.integer < 0) return (range){0};
        result.low = op2(c, AT_OP_MUL, a.low, factor);
        result.high = op2(c, AT_OP_MUL, a.high, factor);
    } else {
        result.low = op2(c, op, a.low, op == AT_OP_ADD ? b.low : b.high);
        result.high = op2(c, op, a.high, op == AT_OP_ADD ? b.high : b.low);
    }
    return result;
}

static const char *text_of(checker *c, const at_expr *e) {
    at_text text = {0};
    at_ir_print_expr(e, &text);
    const char *copy = at_copy_text(c->r->s->arena, text.data ? text.data : "", text.length);
    at_text_free(&text);
    return copy;
}

static void report(checker *c, const at_expr *read, int place, const char *reached) {
    at_session *s = c->r->s;
    const at_array *array = read->u.read.array;
    const at_expr *index = read->u.read.index[place];
    at_diag *diag = index->tag == AT_CONST
                        ? at_error(s, AT_E_READ_OUTSIDE, index->span, "`%s` is read outside, at %s",
                                   array->name, reached)
                        : at_error(s, AT_E_READ_OUTSIDE, index->span,
                                   "`%s` is read outside: the index %s goes to %s", array->name,
                                   text_of(c, index), reached);
    at_label(s, diag, "`%s` has %s elements along this axis", array->name,
             at_extent_text(c->r, array->axes[place]));
    const at_expr *zero = array->kind == AT_REAL  ? at_real(s, 0, read->span)
                          : array->kind == AT_INT ? at_int(s, 0, read->span)
                                                  : at_bool(s, false, read->span);
    const at_expr *mended = at_read(s, array, read->u.read.index, zero, read->span);
    at_hint(s, diag, "`%s` gives %s outside; a guard or an `if` keeps the read out",
            text_of(c, mended), array->kind == AT_BOOL ? "false" : "0");
    c->good = false;
}

static void check_read(checker *c, const at_expr *e) {
    for (int i = 0; i < e->u.read.array->rank; i++) check(c, e->u.read.index[i]);
    if (e->u.read.alternative) return;
    for (int i = 0; i < e->u.read.array->rank; i++) {
        range r = index_range(c, e->u.read.index[i]);
        int64_t excess;
        if (!r.low) continue;
        if (at_extent_excess(c->r, r.low, NULL, &excess) && excess < 0)
            report(c, e, i, at_format(c->r->s->arena, "%lld", (long long)excess));
        else if (at_extent_excess(c->r, r.high, e->u.read.array->axes[i], &excess) && excess >= 0)
            report(c, e, i, text_of(c, r.high));
        if (!c->good) return;
    }
}

/* ---- what is always evaluated ---------------------------------------------------------------- */

static bool reads_defined(void *user, const at_expr *e) {
    if (e->tag == AT_READ && e->u.read.array->role != AT_INPUT &&
        e->u.read.array->role != AT_PARAM && e->u.read.array->role != AT_STATE)
        *(bool *)user = true;
    return true;
}

/* A factor whose zeros may be structural: it reads what was computed. */
static bool may_annihilate(const at_expr *e) {
    bool found = false;
    at_walk(e, reads_defined, &found);
    return found;
}

static void check_map(checker *c, const at_expr *e) {
    const at_expr *const *args = e->u.map.args;
    at_op op = e->u.map.op;
    if (op == AT_OP_IF || op == AT_OP_AND || op == AT_OP_OR) {
        check(c, args[0]);
        return;
    }
    bool product = op == AT_OP_MUL || op == AT_OP_DIV;
    for (int i = 0; i < at_op_info(op)->arity; i++)
        if (!product || !may_annihilate(args[1 - i])) check(c, args[i]);
}

static void check(checker *c, const at_expr *e) {
    if (!c->good) return;
    if (e->tag == AT_READ) check_read(c, e);
    if (e->tag == AT_MAP) check_map(c, e);
    if (e->tag == AT_FOLD_NODE && !e->u.fold.guard) check(c, e->u.fold.body);
}

static void check_block(checker *c, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag == AT_SCAN) check_block(c, &st->u.scan.body);
        if (st->tag != AT_EQUATION) continue;
        bool output = false;
        for (int k = 0; k < c->cascade->output_count; k++)
            output = output || c->cascade->outputs[k].array == st->target;
        if (output) check(c, st->u.value);
    }
}

bool at_check_bounds(at_resolver *r, const at_cascade *cascade) {
    checker c = {.r = r, .cascade = cascade, .good = true};
    check_block(&c, &cascade->body);
    return c.good;
}
