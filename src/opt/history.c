/* Large states are not kept for each step of a scan:
 *
 *     scan t { s[t,d,e] = s[t-1,d,e | 0] + k[t,d] * v[t,e] }
 *     o[t,e] = sum[d](q[t,d] * s[t,d,e])
 *         ->  scan t {
 *               s[t,d,e] = s[t-1,d,e | 0] + k[t,d] * v[t,e]
 *               o[t,e] = sum[d](q[t,d] * s[t,d,e])
 *             }
 *
 * of which only the last step of s is kept. An equation behind a scan that looks at one step of
 * it goes into the scan, if what else it reads is known before. Where that is known only later,
 * the state is computed again there, from what is kept for each step anyhow. And where a scan
 * the other way needs the states (the derivative of a gated recurrence does), checkpoint.c
 * keeps one each so many steps.
 *
 * Large is a state that has two axes of features at least, and which nothing that the scan
 * reads is as large as: to compute that again costs as much as it did, and keeping it costs a
 * step of memory for each feature of a step. The hidden vector of a recurrent network is not
 * large: it is no larger than what it is made from. */
#include "opt/history.h"

static bool is_large_axis(const at_histories *h, const at_axis *axis) {
    return !at_axis_grows(h->growth, axis) && at_extent(axis, NULL) != 1;
}

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (at_same_extent(array->axes[i], axis)) return true;
    return false;
}

typedef struct {
    const at_array *state;
    const at_axis *axis;
    bool matched;
} matching;

/* Whether one array of the step is as large as the state. */
static bool look_for_match(void *user, const at_expr *e) {
    matching *m = user;
    if (e->tag != AT_READ || e->u.read.array == m->state) return true;
    bool all = e->u.read.array->rank >= m->state->rank;
    for (int i = 0; all && i < m->state->rank; i++)
        all = has_axis(e->u.read.array, m->state->axes[i]);
    m->matched |= all;
    return true;
}

const at_axis *at_history_axis(const at_statement *st) {
    if (st->tag != AT_SCAN || st->u.scan.count != 1) return NULL;
    for (int i = 0; i < st->u.scan.body.count; i++)
        if (st->u.scan.body.items[i]->tag != AT_EQUATION) return NULL;
    return st->u.scan.axes[0];
}

static bool is_written_in(const at_statement *scan, const at_array *array) {
    for (int i = 0; i < scan->u.scan.body.count; i++)
        if (scan->u.scan.body.items[i]->target == array) return true;
    return false;
}

/* Reads of arrays that the scan itself writes say nothing. */
typedef struct {
    matching m;
    const at_statement *scan;
} outer_matching;

static bool look_outside(void *user, const at_expr *e) {
    outer_matching *o = user;
    if (e->tag == AT_READ && !is_written_in(o->scan, e->u.read.array)) look_for_match(&o->m, e);
    return true;
}

static bool is_large(const at_histories *h, const at_statement *scan, const at_array *state) {
    int features = 0;
    for (int i = 1; i < state->rank; i++) features += is_large_axis(h, state->axes[i]);
    if (features < 2 || state->kind != AT_REAL) return false;
    outer_matching o = {{state, scan->u.scan.axes[0], false}, scan};
    for (int i = 0; i < scan->u.scan.body.count; i++)
        at_walk_statement(scan->u.scan.body.items[i], look_outside, &o);
    return !o.m.matched;
}

typedef struct {
    at_histories *h;
    int statement;
} noting;

/* What it writes, or a statement in it. */
static bool note_targets(void *user, const at_statement *st) {
    const noting *n = user;
    int *at = n->h->at;
    if (st->target && st->tag != AT_NEXT) at[st->target->id] = n->statement;
    for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
        at[st->u.keeping.parts[k].target->id] = n->statement;
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
        at[st->u.repeat.carried[k].after->id] = n->statement;
    return true;
}

void at_history_survey(at_histories *h, const at_cascade *cascade) {
    at_session *s = h->s;
    h->array_count = h->draft->out->array_count;
    h->at = AT_NEW_ARRAY(s->arena, int, h->array_count);
    h->large = AT_NEW_ARRAY(s->arena, bool, h->array_count);
    h->output = AT_NEW_ARRAY(s->arena, bool, h->array_count);
    for (int i = 0; i < h->array_count; i++) h->at[i] = -1;
    for (int i = 0; i < cascade->output_count; i++) h->output[cascade->outputs[i].array->id] = true;
    for (int i = 0; i < h->count; i++) {
        const at_statement *st = h->items[i];
        at_block one = {1, &h->items[i]};
        noting n = {h, i};
        at_walk_block(&one, note_targets, &n);
        for (int k = 0; at_history_axis(st) && k < st->u.scan.body.count; k++) {
            const at_array *target = st->u.scan.body.items[k]->target;
            h->large[target->id] = is_large(h, st, target);
        }
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

int at_history_lag(const at_expr *read, const at_axis *axis, bool down) {
    const at_expr *index = read->u.read.index[0];
    if (index->tag == AT_INDEX) return index->u.axis == axis ? 0 : -1;
    if (index->tag != AT_MAP || index->u.map.op != (down ? AT_OP_ADD : AT_OP_SUB)) return -1;
    const at_expr *a = index->u.map.args[0], *b = index->u.map.args[1];
    return a->tag == AT_INDEX && a->u.axis == axis && at_is_number(b, 1) ? 1 : -1;
}

typedef struct {
    const at_histories *h;
    int scan, other;
    const at_axis *step;
    bool reads, good;
} asking;

static bool is_of(const at_histories *h, const at_array *array, int scan) {
    return scan >= 0 && array->id < h->array_count && h->at[array->id] == scan;
}

static bool look_for_large(void *user, const at_expr *e) {
    asking *a = user;
    if (e->tag == AT_READ && is_of(a->h, e->u.read.array, a->scan))
        a->reads |= a->h->large[e->u.read.array->id];
    return !a->reads;
}

static bool statement_reads(void *user, const at_statement *st) {
    asking *a = user;
    at_walk_statement(st, look_for_large, user);
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
        const at_array *before = st->u.repeat.carried[k].before;
        a->reads |= is_of(a->h, before, a->scan) && a->h->large[before->id];
    }
    return true;
}

bool at_history_reads(const at_histories *h, const at_statement *st, int scan) {
    asking a = {.h = h, .scan = scan};
    at_statement *items[] = {(at_statement *)st};
    at_block one = {1, items};
    at_walk_block(&one, statement_reads, &a);
    return a.reads;
}

static bool look_at_step(void *user, const at_expr *e) {
    asking *a = user;
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        a->good &= e->u.fold.axes[i] != a->step;
    if (e->tag != AT_READ) return a->good;
    int of = is_of(a->h, e->u.read.array, a->scan)    ? a->scan
             : is_of(a->h, e->u.read.array, a->other) ? a->other
                                                      : -1;
    if (of >= 0)
        a->good &= at_history_lag(e, a->step, a->h->items[of]->u.scan.down[0]) >= 0;
    return a->good;
}

const at_axis *at_history_step(const at_histories *h, const at_statement *st, int scan, int other) {
    const at_axis *axis = at_history_axis(h->items[scan]);
    if (st->tag != AT_EQUATION || !axis) return NULL;
    for (int i = 0; i < st->target->rank; i++) {
        asking a = {
            .h = h, .scan = scan, .other = other, .step = st->target->axes[i], .good = true};
        if (!at_same_extent(a.step, axis)) continue;
        at_walk(st->u.value, look_at_step, &a);
        /* The scan's own axis must not mean another index here. */
        bool other_index = a.step != axis && at_mentions(st->u.value, axis);
        for (int k = 0; k < st->target->rank; k++)
            other_index |= a.step != axis && st->target->axes[k] == axis;
        if (a.good && !other_index) return a.step;
    }
    return NULL;
}

/* ---- into the scan --------------------------------------------------------------------------- */

typedef struct {
    const at_histories *h;
    int before;
    int in; /* arrays of this statement may be read as well */
    bool good;
} knowing;

static bool look_at_place(void *user, const at_expr *e) {
    knowing *k = user;
    if (e->tag == AT_READ && e->u.read.array->id < k->h->array_count) {
        int at = k->h->at[e->u.read.array->id];
        k->good &= at < k->before || at == k->in;
    }
    return k->good;
}

static bool is_known_before(const at_histories *h, const at_statement *st, int before, int in) {
    knowing k = {h, before, in, true};
    at_walk_statement(st, look_at_place, &k);
    return k.good;
}

static const at_expr *with_step(at_histories *h, const at_expr *e, const at_axis *from,
                                const at_axis *to) {
    const at_expr *index = at_index(h->s, to, e->span);
    return from == to ? e : at_substitute(h->s, e, &from, &index, 1, at_draft_axis, h->draft);
}

static at_statement *equation(at_histories *h, at_array *target, const at_expr *value) {
    at_statement *st = AT_NEW(h->s->arena, at_statement);
    st->tag = AT_EQUATION;
    st->span = value->span;
    st->target = target;
    st->u.value = value;
    return st;
}

/* The array in which the scan over `axis` holds what the equation's target holds over `step`:
 * with the axis in front. */
static at_array *target_in(at_histories *h, const at_array *target, const at_axis *step,
                           const at_axis *axis) {
    at_axis **axes = AT_NEW_ARRAY(h->s->arena, at_axis *, target->rank);
    int count = 0;
    axes[count++] = (at_axis *)axis;
    for (int i = 0; i < target->rank; i++)
        if (target->axes[i] != step) axes[count++] = target->axes[i];
    return at_draft_array(h->draft, at_format(h->s->arena, "%s.step", target->name), target->path,
                          target->kind, axes, count, target->span);
}

static const at_expr *read_back(at_histories *h, const at_array *target, const at_array *inside,
                                const at_axis *step) {
    const at_expr **index = AT_NEW_ARRAY(h->s->arena, const at_expr *, inside->rank);
    index[0] = at_index(h->s, step, target->span);
    for (int i = 1; i < inside->rank; i++) index[i] = at_index(h->s, inside->axes[i], target->span);
    return at_read(h->s, inside, index, NULL, target->span);
}

static void append(at_histories *h, at_statement *scan, at_statement *st) {
    at_block *body = &scan->u.scan.body;
    int capacity = body->count;
    AT_PUSH(h->s->arena, body->items, body->count, capacity, st);
}

/* Puts the equation into the scan; gives what is left in its place, NULL: nothing. */
static at_statement *put_in(at_histories *h, at_statement *scan, at_statement *st,
                            const at_axis *step) {
    const at_axis *axis = scan->u.scan.axes[0];
    const at_expr *value = with_step(h, st->u.value, step, axis);
    if (st->target->axes[0] == axis) {
        append(h, scan, equation(h, st->target, value));
        return NULL;
    }
    at_array *inside = target_in(h, st->target, step, axis);
    append(h, scan, equation(h, inside, value));
    return equation(h, st->target, read_back(h, st->target, inside, step));
}

static void drop(at_histories *h, int at) {
    h->count--;
    for (int i = at; i < h->count; i++) h->items[i] = h->items[i + 1];
}

static at_statement *copy_of_scan(at_histories *h, const at_statement *scan) {
    at_statement *out = at_copy(h->s->arena, scan, sizeof *scan);
    at_block *body = &out->u.scan.body;
    body->items = at_copy(h->s->arena, body->items, sizeof *body->items * (size_t)body->count);
    return out;
}

static bool look_for_fold(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_FOLD_NODE;
    return true;
}

static bool look_for_row(void *user, const at_expr *e) {
    asking *a = user;
    if (e->tag == AT_READ && is_of(a->h, e->u.read.array, a->scan))
        a->reads |= e->u.read.array->rank > 1 && !a->h->output[e->u.read.array->id];
    return !a->reads;
}

/* Whether it is made of elements of rows that the scan, which has large states anyhow, hands on. */
static bool finishes_rows(const at_histories *h, const at_statement *st, int scan) {
    asking a = {.h = h, .scan = scan};
    bool large = false, fold = false;
    const at_block *body = &h->items[scan]->u.scan.body;
    for (int i = 0; i < body->count; i++) large |= h->large[body->items[i]->target->id];
    if (!large || st->tag != AT_EQUATION) return false;
    at_walk(st->u.value, look_for_fold, &fold);
    at_walk(st->u.value, look_for_row, &a);
    return a.reads && !fold;
}

/* Equations behind the scan that read its large states, or finish rows of it, go into it. */
static void take_in(at_histories *h, const at_cascade *cascade, int scan) {
    bool copied = false;
    for (int i = scan + 1; i < h->count; i++) {
        at_statement *st = h->items[i];
        bool goes = at_history_reads(h, st, scan) || finishes_rows(h, st, scan);
        const at_axis *step = goes ? at_history_step(h, st, scan, -1) : NULL;
        if (!step || !is_known_before(h, st, scan, scan)) continue;
        if (!copied) h->items[scan] = copy_of_scan(h, h->items[scan]);
        copied = true;
        at_statement *left = put_in(h, h->items[scan], st, step);
        if (left) h->items[i] = left;
        else drop(h, i--);
        at_history_survey(h, cascade);
    }
}

/* ---- what only one scan reads ---------------------------------------------------------------- */

typedef struct {
    const at_histories *h;
    const at_array *array;
    const at_axis *axis; /* of the scan that reads; NULL: another statement */
    bool found, good;
} reading;

static bool look_for_reading(void *user, const at_expr *e) {
    reading *r = user;
    if (e->tag != AT_READ || e->u.read.array != r->array) return true;
    r->found = true;
    r->good &= r->axis && !e->u.read.alternative && at_history_lag(e, r->axis, false) == 0;
    return true;
}

static bool statement_reading(void *user, const at_statement *st) {
    at_walk_statement(st, look_for_reading, user);
    return true;
}

/* The scan that alone reads the array, at the present step only; -1: there is none. */
static int reader_of(const at_histories *h, const at_array *array, int from) {
    int scan = -1;
    for (int i = from; i < h->count; i++) {
        reading r = {h, array, at_history_axis(h->items[i]), false, true};
        at_block one = {1, &h->items[i]};
        at_walk_block(&one, statement_reading, &r);
        if (!r.found) continue;
        if (!r.good || scan >= 0) return -1;
        scan = i;
    }
    return scan;
}

/* Elements that one scan alone reads, each at its step, are computed there: then one step of
 * them is kept. */
static void take_elements_in(at_histories *h, const at_cascade *cascade) {
    for (int i = h->count - 1; i >= 0; i--) {
        at_statement *st = h->items[i];
        bool fold = false;
        if (st->tag != AT_EQUATION || st->target->rank < 2 || h->output[st->target->id]) continue;
        at_walk(st->u.value, look_for_fold, &fold);
        int scan = fold ? -1 : reader_of(h, st->target, i + 1);
        if (scan < 0 || st->target->axes[0] != h->items[scan]->u.scan.axes[0]) continue;
        at_statement *out = copy_of_scan(h, h->items[scan]);
        at_block *body = &out->u.scan.body;
        append(h, out, st);
        for (int k = body->count - 1; k > 0; k--) body->items[k] = body->items[k - 1];
        body->items[0] = st;
        h->items[scan] = out;
        drop(h, i);
        at_history_survey(h, cascade);
    }
}

/* ---- computed again -------------------------------------------------------------------------- */

typedef struct {
    at_histories *h;
    const at_statement *scan;
    const at_array **again; /* by array id: the clone; NULL: none */
    int count;
} cloning;

static const at_expr *clone_read(void *user, const at_expr *e) {
    cloning *c = user;
    if (e->tag != AT_READ || e->u.read.array->id >= c->count) return e;
    const at_array *clone = c->again[e->u.read.array->id];
    if (!clone) return e;
    return at_read(c->h->s, clone, e->u.read.index, e->u.read.alternative, e->span);
}

/* Only states that large arrays are made from by large arrays are computed again: what is small
 * is there. */
static void find_clones(cloning *c) {
    const at_block *body = &c->scan->u.scan.body;
    for (int i = 0; i < body->count; i++) {
        const at_array *target = body->items[i]->target;
        if (!c->h->large[target->id]) continue;
        c->again[target->id] =
            at_draft_array(c->h->draft, at_format(c->h->s->arena, "%s.again", target->name),
                           target->path, target->kind, target->axes, target->rank, target->span);
    }
}

/* A scan at the place of equation `at`, that computes the large states of `scan` again, with
 * the equation in it. */
static void compute_again(at_histories *h, const at_cascade *cascade, int scan, int at,
                          const at_axis *step) {
    cloning c = {h, h->items[scan], AT_NEW_ARRAY(h->s->arena, const at_array *, h->array_count),
                 h->array_count};
    find_clones(&c);
    at_statement *out = copy_of_scan(h, c.scan);
    at_statement *st = at_copy(h->s->arena, h->items[at], sizeof *st);
    out->u.scan.body = (at_block){0};
    for (int i = 0; i < c.scan->u.scan.body.count; i++) {
        const at_statement *old = c.scan->u.scan.body.items[i];
        const at_array *clone = c.again[old->target->id];
        if (!clone) continue;
        const at_expr *value = at_rewrite(h->s, old->u.value, clone_read, &c);
        append(h, out, equation(h, (at_array *)clone, value));
    }
    st->u.value = at_rewrite(h->s, st->u.value, clone_read, &c);
    at_statement *left = put_in(h, out, st, step);
    h->items[at] = out;
    if (left) {
        AT_PUSH(h->s->arena, h->items, h->count, h->capacity, left);
        for (int i = h->count - 1; i > at + 1; i--) h->items[i] = h->items[i - 1];
        h->items[at + 1] = left;
    }
    at_history_survey(h, cascade);
}

/* The later scan whose states are needed together with those of `scan`; -1: none, -2: it is not
 * clear. */
static int find_back(const at_histories *h, int scan) {
    int back = -1;
    for (int i = scan + 1; i < h->count; i++) {
        if (!at_history_reads(h, h->items[i], scan)) continue;
        int other = h->items[i]->tag == AT_EQUATION ? -1 : i;
        for (int k = scan + 1; k < i && other < 0; k++)
            if (at_history_axis(h->items[k]) && at_history_reads(h, h->items[i], k)) other = k;
        if (other < 0) continue;
        if (back >= 0 && back != other) return -2;
        back = other;
    }
    return back;
}

static void leave_out(at_histories *h, const at_cascade *cascade, int scan) {
    int back = find_back(h, scan);
    if (back == -2) return;
    if (back >= 0) {
        at_history_checkpoint(h, scan, back);
        at_history_survey(h, cascade);
        return;
    }
    for (int i = scan + 1; i < h->count; i++) /* all of them, or it would be kept as well */
        if (at_history_reads(h, h->items[i], scan) && !at_history_step(h, h->items[i], scan, -1))
            return;
    for (int i = scan + 1; i < h->count; i++)
        if (at_history_reads(h, h->items[i], scan)) {
            int count = h->count;
            compute_again(h, cascade, scan, i, at_history_step(h, h->items[i], scan, -1));
            i += h->count - count;
            take_in(h, cascade, i);
        }
}

/* ---- sums over all steps --------------------------------------------------------------------- */

typedef struct {
    at_histories *h;
    int at; /* of the statement */
} splitting;

typedef struct {
    const at_histories *h;
    const at_axis *axis;
    bool found;
} step_search;

static bool look_for_large_step(void *user, const at_expr *e) {
    step_search *w = user;
    if (e->tag != AT_READ || e->u.read.array->id >= w->h->array_count) return !w->found;
    if (w->h->large[e->u.read.array->id])
        w->found |= at_history_lag(e, w->axis, false) >= 0 || at_history_lag(e, w->axis, true) >= 0;
    return !w->found;
}

/* sum[t,d,e](…) of large states becomes sum[t](y[t]), y[t] = sum[d,e](…), which can go into the
 * scan. */
static const at_expr *split_sum(void *user, const at_expr *e) {
    splitting *w = user;
    at_histories *h = w->h;
    at_session *s = h->s;
    if (e->tag != AT_FOLD_NODE || e->u.fold.fold != AT_FOLD_SUM || e->u.fold.count < 2) return e;
    for (int i = 0; i < e->u.fold.count; i++) {
        at_axis *step = e->u.fold.axes[i];
        step_search found = {h, step, false};
        at_walk(e->u.fold.body, look_for_large_step, &found);
        if (!found.found) continue;
        at_axis **rest = AT_NEW_ARRAY(s->arena, at_axis *, e->u.fold.count), **free, **axes;
        int count = 0, rank = 0;
        for (int k = 0; k < e->u.fold.count; k++)
            if (k != i) rest[count++] = e->u.fold.axes[k];
        const at_expr *inner = at_fold_node(s, AT_FOLD_SUM, rest, count, e->u.fold.guard,
                                            e->u.fold.body, e->span);
        int free_count = at_draft_free_axes(h->draft, inner, NULL, &free);
        axes = AT_NEW_ARRAY(s->arena, at_axis *, free_count + 1);
        axes[rank++] = step;
        for (int k = 0; k < free_count; k++)
            if (free[k] != step) axes[rank++] = free[k];
        const at_array *owner = h->items[w->at]->target;
        at_array *part = at_draft_array(h->draft, at_format(s->arena, "%s.steps", owner->name),
                                        owner->path, e->kind, axes, rank, e->span);
        AT_PUSH(s->arena, h->items, h->count, h->capacity, NULL);
        for (int k = h->count - 1; k > w->at; k--) h->items[k] = h->items[k - 1];
        h->items[w->at++] = equation(h, part, inner);
        inner = at_read_whole(s, part, e->span);
        return at_fold_node(s, AT_FOLD_SUM, &step, 1, NULL, inner, e->span);
    }
    return e;
}

static void split_sums(at_histories *h, const at_cascade *cascade) {
    for (int i = 0; i < h->count; i++) {
        at_statement *st = h->items[i];
        if (st->tag != AT_EQUATION) continue;
        splitting w = {h, i};
        const at_expr *value = at_rewrite(h->s, st->u.value, split_sum, &w);
        if (value == st->u.value) continue;
        i = w.at;
        h->items[i] = equation(h, st->target, value);
    }
    at_history_survey(h, cascade);
}

const at_cascade *at_opt_history(at_session *s, const at_cascade *whole) {
    const at_cascade *from = at_needed_only(s, whole);
    at_histories h = {.s = s, .draft = at_draft_new(s, from), .growth = at_growth_of(s, from)};
    for (int i = 0; i < from->body.count; i++)
        AT_PUSH(s->arena, h.items, h.count, h.capacity, from->body.items[i]);
    at_history_survey(&h, from);
    split_sums(&h, from);
    for (int i = h.count - 1; i >= 0; i--)
        if (i < h.count && at_history_axis(h.items[i])) take_in(&h, from, i);
    for (int i = h.count - 1; i >= 0; i--)
        if (i < h.count && at_history_axis(h.items[i])) leave_out(&h, from, i);
    take_elements_in(&h, from);
    for (int i = 0; i < h.count; i++) at_draft_add(h.draft, h.items[i]);
    return h.draft->out;
}
