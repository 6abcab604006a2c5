/* Which axes are long, and which arrays grow with the product of two of them though nothing that
 * the caller gives or gets does. The lengths themselves are known only in a run: this goes by where
 * an axis stands. `s[i,j] = sum[d](q[i,d] * k[j,d])` and a hidden layer `y[n,o] = sum[c](x[n,c] *
 * w[o,c])` look alike; what tells them apart is that `o` is an axis of a parameter, or the last one
 * of an input. */
#include "opt/pairs.h"

/* Axes of at most so many elements are widths. */
enum { FEW = 256 };

static void note_widths(at_lengths *l, const at_start *starts, int count, bool all) {
    for (int i = 0; i < count; i++) {
        const at_array *array = starts[i].array;
        if (!all && (array->kind != AT_REAL || array->rank < 2)) continue;
        for (int k = all ? 0 : array->rank - 1; k < array->rank; k++) {
            const at_expr *extent = at_extent_of(l->s, array->axes[k]);
            if (extent->tag == AT_SIZE) l->width[extent->u.axis->id] = true;
        }
    }
}

static bool is_width_of(const at_lengths *l, const at_array *array, int k) {
    const at_expr *extent = at_extent_of(l->s, array->axes[k]);
    return extent->tag == AT_SIZE && l->width[extent->u.axis->id];
}

/* An input that has the features of another one, and not in the last place, is a matrix of weights:
 * `wq[h,c,d]` beside `x[n,c]`. It stands for a param, whose axes are all widths. */
static void note_weights(at_lengths *l, const at_start *starts, int count) {
    const bool *features = at_copy(l->s->arena, l->width,
                                   sizeof *l->width * (size_t)l->cascade->axis_count);
    at_lengths last = {l->s, l->cascade, (bool *)features};
    for (int i = 0; i < count; i++) {
        const at_array *array = starts[i].array;
        bool weights = false;
        for (int k = 0; k + 1 < array->rank; k++) weights |= is_width_of(&last, array, k);
        if (weights && array->kind == AT_REAL) note_widths(l, &starts[i], 1, true);
    }
}

at_lengths *at_lengths_of(at_session *s, const at_cascade *cascade) {
    at_lengths *l = AT_NEW(s->arena, at_lengths);
    *l = (at_lengths){s, cascade, AT_NEW_ARRAY(s->arena, bool, cascade->axis_count)};
    note_widths(l, cascade->inputs, cascade->input_count, false);
    note_weights(l, cascade->inputs, cascade->input_count);
    note_widths(l, cascade->params, cascade->param_count, true);
    note_widths(l, cascade->states, cascade->state_count, true);
    return l;
}

typedef struct {
    const at_lengths *l;
    bool found;
} search;

static bool look_for_long(void *user, const at_expr *e) {
    search *w = user;
    if (e->tag == AT_SIZE) {
        const at_expr *extent = at_extent_of(w->l->s, e->u.axis);
        if (extent->tag != AT_SIZE) w->found |= at_is_long(w->l, e->u.axis);
        else w->found |= !w->l->width[extent->u.axis->id];
    }
    return !w->found;
}

static bool is_of_params(const at_lengths *l, const at_axis *axis) {
    const at_cascade *c = l->cascade;
    for (int i = 0; i < c->param_count + c->state_count; i++) {
        const at_array *array =
            i < c->param_count ? c->params[i].array : c->states[i - c->param_count].array;
        for (int k = 0; k < array->rank; k++)
            if (at_same_extent(array->axes[k], axis)) return true;
    }
    return false;
}

bool at_is_long(const at_lengths *l, const at_axis *axis) {
    int64_t extent = at_extent(axis, NULL);
    if (extent >= 0) return extent > FEW && !is_of_params(l, axis);
    search w = {l, false};
    at_walk(at_extent_of(l->s, axis), look_for_long, &w);
    return w.found;
}

typedef struct {
    const at_lengths *l;
    const at_axis *open;
    bool several;
} origin;

static bool look_for_open(void *user, const at_expr *e) {
    origin *o = user;
    if (e->tag != AT_SIZE) return true;
    const at_expr *extent = at_extent_of(o->l->s, e->u.axis);
    if (extent->tag != AT_SIZE) {
        at_walk(extent, look_for_open, o);
    } else if (!o->l->width[extent->u.axis->id]) {
        o->several |= o->open && o->open != extent->u.axis;
        o->open = extent->u.axis;
    }
    return true;
}

/* The one open axis that this is, or that it is a part or a coarser grid of (`part`); NULL: there
 * are several, or none. */
static const at_axis *origin_of(const at_lengths *l, const at_axis *axis, bool *part) {
    origin o = {l, NULL, false};
    const at_expr *extent = at_extent_of(l->s, axis);
    at_walk(extent, look_for_open, &o);
    *part = extent->tag != AT_SIZE;
    return o.several ? NULL : o.open;
}

static bool is_over(const at_axis *axis, const at_axis *other, const at_axis *open) {
    return at_same_extent(axis, other) || (open && at_same_extent(axis, open));
}

static bool has_both(const at_array *array, const at_axis *a, const at_axis *open_a,
                     const at_axis *b, const at_axis *open_b) {
    for (int i = 0; i < array->rank; i++)
        for (int k = 0; k < array->rank; k++)
            if (i != k && is_over(array->axes[i], a, open_a) && is_over(array->axes[k], b, open_b))
                return true;
    return false;
}

/* Into how many parts a number, made of sizes, takes a length apart: 64 of `(size(n) + 63) // 64`,
 * and of what that takes apart again. */
static int64_t divisor_of(const at_lengths *l, const at_expr *e) {
    int64_t whole = 1;
    if (e->tag == AT_SIZE) {
        const at_expr *extent = at_extent_of(l->s, e->u.axis);
        return extent->tag == AT_SIZE ? 1 : divisor_of(l, extent);
    }
    if (e->tag != AT_MAP) return 1;
    const at_expr *const *args = e->u.map.args;
    bool number = args[0] && at_op_info(e->u.map.op)->arity == 2 && args[1]->tag == AT_CONST;
    if (!number || e->kind != AT_INT) return 1;
    if (e->u.map.op == AT_OP_ADD || e->u.map.op == AT_OP_SUB) return divisor_of(l, args[0]);
    if (e->u.map.op != AT_OP_IDIV || args[1]->u.integer < 1) return 1;
    if (__builtin_mul_overflow(divisor_of(l, args[0]), args[1]->u.integer, &whole)) return 1;
    return whole;
}

/* Whether one axis counts blocks of so many of something that the other, of a known extent, is no
 * more than a few of: both together are no more than a few times what was cut. */
static bool is_block_of(const at_lengths *l, const at_axis *blocks, const at_axis *in) {
    enum { FEW_TIMES = 4 };
    int64_t most = at_extent(in, NULL);
    return most >= 0 && divisor_of(l, at_extent_of(l->s, blocks)) > most / FEW_TIMES;
}

bool at_are_blocks(const at_lengths *l, const at_axis *a, const at_axis *b) {
    return is_block_of(l, a, b) || is_block_of(l, b, a);
}

bool at_is_pair(const at_lengths *l, const at_axis *a, const at_axis *b) {
    const at_cascade *c = l->cascade;
    if (a == b || !at_is_long(l, a) || !at_is_long(l, b)) return false;
    if (at_are_blocks(l, a, b)) return false;
    bool part_a, part_b;
    const at_axis *x = origin_of(l, a, &part_a), *y = origin_of(l, b, &part_b);
    /* Blocks, and what is in a block: together they are what was cut. */
    if (x && x == y && part_a && part_b && !at_same_extent(a, b)) return false;
    for (int i = 0; i < c->input_count; i++)
        if (has_both(c->inputs[i].array, a, x, b, y)) return false;
    for (int i = 0; i < c->param_count; i++)
        if (has_both(c->params[i].array, a, x, b, y)) return false;
    for (int i = 0; i < c->state_count; i++)
        if (has_both(c->states[i].array, a, x, b, y)) return false;
    for (int i = 0; i < c->output_count; i++)
        if (has_both(c->outputs[i].array, a, x, b, y)) return false;
    return true;
}

bool at_has_pair(const at_lengths *l, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++)
            if (at_is_pair(l, axes[i], axes[k])) return true;
    return false;
}

/* ---- what may be computed again -------------------------------------------------------------- */

static bool look_for_long_fold(void *user, const at_expr *e) {
    search *w = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        w->found |= at_is_long(w->l, e->u.fold.axes[i]);
    return !w->found;
}

bool at_has_long_fold(const at_lengths *l, const at_expr *e) {
    search w = {l, false};
    at_walk(e, look_for_long_fold, &w);
    return w.found;
}

typedef struct {
    const at_lengths *l;
    const at_homes *homes;
    bool equations;
    const at_statement **by;
    at_home *here;
} choosing;

bool at_is_scattered(at_session *s, const at_statement *st) {
    const at_expr *e = st->tag == AT_EQUATION ? st->u.value : NULL;
    if (!e || e->tag != AT_FOLD_NODE) return false;
    for (int i = 0; i < st->target->rank; i++)
        if (at_may_place(s, e, e->u.fold.guard, st->target->axes[i])) return true;
    return false;
}

/* Over two long axes that the steps and rounds around do not fix. */
static void consider(void *user, const at_statement *st, at_home *home) {
    choosing *c = user;
    const at_array *array = st->target;
    if (st->tag != AT_EQUATION || array->role != AT_DEFINED) return;
    if (c->equations && at_is_scattered(c->l->s, st)) return; /* no part of it is computed by itself */
    at_axis **axes = AT_NEW_ARRAY(c->l->s->arena, at_axis *, array->rank);
    int count = 0;
    for (int i = 0; i < array->rank; i++)
        if (!at_home_fixes(home, array->axes[i])) axes[count++] = array->axes[i];
    if (at_has_pair(c->l, axes, count) && !at_has_long_fold(c->l, st->u.value))
        c->by[array->id] = st;
}

static bool refuse(void *user, const at_expr *e) {
    choosing *c = user;
    if (e->tag == AT_READ) c->by[e->u.read.array->id] = NULL;
    return true;
}

static bool refuse_elsewhere(void *user, const at_expr *e) {
    choosing *c = user;
    if (e->tag != AT_READ) return true;
    const at_array *array = e->u.read.array;
    if (e->u.read.alternative || c->homes->of_array[array->id] != c->here) c->by[array->id] = NULL;
    return true;
}

static void refuse_others(void *user, const at_statement *st, at_home *home) {
    choosing *c = user;
    c->here = home;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        c->by[st->u.repeat.carried[i].before->id] = NULL;
        c->by[st->u.repeat.carried[i].next->id] = NULL;
    }
    bool may_read = st->tag == AT_EQUATION || (!c->equations && st->tag != AT_REPEAT);
    at_walk_statement(st, may_read ? refuse_elsewhere : refuse, c);
}

const at_statement **at_pair_equations(const at_lengths *l, const at_homes *homes, bool equations) {
    choosing c = {l, homes, equations, NULL, NULL};
    c.by = AT_NEW_ARRAY(l->s->arena, const at_statement *, l->cascade->array_count);
    at_homes_walk(homes, l->cascade, consider, &c);
    for (int i = 0; i < l->cascade->output_count; i++)
        c.by[l->cascade->outputs[i].array->id] = NULL;
    at_homes_walk(homes, l->cascade, refuse_others, &c);
    return c.by;
}
