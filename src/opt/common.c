/* What is computed twice is computed once:
 *
 *     y.mean[n] = mean[m](x[n,m])             y.mean[n] = mean[m](x[n,m])
 *     z.mean[n] = mean[j](x[n,j])       ->
 *     z[n] = z.mean[n] / size(n)              z[n] = y.mean[n] / size(n)
 *
 * Two equations of one value, up to the names of their indices, are one: reads of the second become
 * reads of the first, where both can be read. A fold that is an equation's whole value elsewhere is
 * read there; one that stands in several expressions, beside other work, becomes an equation before
 * the first of them. What is no fold is not stored for this: an expression of elements is sooner
 * computed again than read.
 *
 * What was found in a region is known until its end. */
#include "opt/opt.h"

#include <string.h>

enum { BUCKETS = 1024 };

/* array[axes] is the value. */
typedef struct known known;
struct known {
    known *next;
    uint64_t hash;
    const at_array *array;
    const at_expr *value;
    at_home *home;
};

typedef struct {
    at_session *s;
    at_draft *draft;
    at_homes *homes;
    at_home *here;
    int next_home;
    const at_array *owner;
    known **values;         /* BUCKETS of them */
    unsigned *fold_count;   /* by hash modulo the buckets' square: how many folds there are */
    const at_expr **others; /* by array id: what its reads become, over its axes; NULL: it stays */
    int array_count;
    bool *begins;           /* by array id: a repeat begins with it, and has its name */
    bool whole;             /* the expression is all of an equation */
} sharing;

enum { COUNTS = 1 << 14 };

/* ---- expressions up to the names of their indices ------------------------------------------ */

static uint64_t mixed(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    return hash * 0xbf58476d1ce4e5b9u;
}

static bool look_for_hash(void *user, const at_expr *e) {
    uint64_t *hash = user, value = (uint64_t)e->tag * 8 + (uint64_t)e->kind;
    switch (e->tag) {
    case AT_CONST:
        if (e->kind == AT_REAL) memcpy(&value, &e->u.real, sizeof value);
        else value = mixed(value, (uint64_t)e->u.integer);
        break;
    case AT_READ:
        value = mixed(value, (uint64_t)e->u.read.array->id * 2 + (e->u.read.alternative != NULL));
        break;
    case AT_MAP: value = mixed(value, (uint64_t)e->u.map.op); break;
    case AT_FOLD_NODE:
        value = mixed(value, (uint64_t)e->u.fold.fold * 8 + (uint64_t)e->u.fold.count);
        break;
    case AT_SIZE:
    case AT_INDEX: break;
    }
    *hash = mixed(*hash, value);
    return true;
}

static uint64_t hash_of(const at_expr *e) {
    uint64_t hash = 0;
    at_walk(e, look_for_hash, &hash);
    return hash;
}

/* Which axis of the one stands where which of the other does. */
typedef struct {
    at_session *s;
    const at_array *array; /* over whose axes the first expression is */
    const at_axis **image; /* of the array's axes; NULL: not met yet */
    int count, capacity;
    struct {
        const at_axis *a, *b;
    } *bound;
} matching;

static bool same_axes(const at_axis *a, const at_axis *b) {
    return a == b || (a->declared == b->declared && at_same_extent(a, b));
}

static bool match_index(matching *m, const at_axis *a, const at_axis *b) {
    for (int i = m->count - 1; i >= 0; i--)
        if (m->bound[i].a == a || m->bound[i].b == b)
            return m->bound[i].a == a && m->bound[i].b == b;
    for (int i = 0; i < m->array->rank; i++) {
        if (m->array->axes[i] != a) continue;
        if (!m->image[i] && same_axes(a, b)) m->image[i] = b;
        return m->image[i] == b;
    }
    return a == b;
}

static bool match(matching *m, const at_expr *a, const at_expr *b);

static bool match_optional(matching *m, const at_expr *a, const at_expr *b) {
    return a && b ? match(m, a, b) : a == b;
}

static bool match_fold(matching *m, const at_expr *a, const at_expr *b) {
    if (a->u.fold.fold != b->u.fold.fold || a->u.fold.count != b->u.fold.count) return false;
    int count = m->count;
    for (int i = 0; i < a->u.fold.count; i++) {
        if (!same_axes(a->u.fold.axes[i], b->u.fold.axes[i])) return false;
        AT_PUSH(m->s->arena, m->bound, m->count, m->capacity, ((__typeof__(*m->bound)){
            a->u.fold.axes[i], b->u.fold.axes[i]}));
    }
    bool same = match_optional(m, a->u.fold.guard, b->u.fold.guard) &&
                match(m, a->u.fold.body, b->u.fold.body);
    m->count = count;
    return same;
}

static bool match(matching *m, const at_expr *a, const at_expr *b) {
    if (a->tag != b->tag || a->kind != b->kind || a->weight != b->weight) return false;
    switch (a->tag) {
    case AT_CONST:
        return a->kind == AT_REAL ? memcmp(&a->u.real, &b->u.real, sizeof a->u.real) == 0
                                  : a->u.integer == b->u.integer;
    case AT_SIZE: return at_same_extent(a->u.axis, b->u.axis);
    case AT_INDEX: return match_index(m, a->u.axis, b->u.axis);
    case AT_READ:
        if (a->u.read.array != b->u.read.array) return false;
        for (int i = 0; i < a->u.read.array->rank; i++)
            if (!match(m, a->u.read.index[i], b->u.read.index[i])) return false;
        return match_optional(m, a->u.read.alternative, b->u.read.alternative);
    case AT_MAP:
        if (a->u.map.op != b->u.map.op) return false;
        for (int i = 0; i < at_op_info(a->u.map.op)->arity; i++)
            if (!match(m, a->u.map.args[i], b->u.map.args[i])) return false;
        return true;
    case AT_FOLD_NODE: return match_fold(m, a, b);
    }
    return false;
}

/* ---- what is known ------------------------------------------------------------------------- */

static bool is_scanned(const at_home *home, const at_axis *axis) {
    for (; home->outer; home = home->outer)
        for (int i = 0; home->region->tag == AT_SCAN && i < home->region->u.scan.count; i++)
            if (home->region->u.scan.axes[i] == axis) return true;
    return false;
}

/* A read of the array that has e's value; NULL: there is none. */
static const at_expr *found(sharing *c, const at_expr *e, uint64_t hash) {
    for (const known *k = c->values[hash % BUCKETS]; k; k = k->next) {
        if (k->hash != hash || at_home_common(k->home, c->here) != k->home) continue;
        matching m = {.s = c->s, .array = k->array,
                      .image = AT_NEW_ARRAY(c->s->arena, const at_axis *, k->array->rank)};
        if (!match(&m, k->value, e)) continue;
        const at_expr **index = AT_NEW_ARRAY(c->s->arena, const at_expr *, k->array->rank);
        bool all = true;
        for (int i = 0; i < k->array->rank && all; i++) {
            const at_axis *axis = m.image[i];
            /* A step that the value does not depend on. */
            if (!axis && is_scanned(c->here, k->array->axes[i])) axis = k->array->axes[i];
            all = axis != NULL;
            if (all) index[i] = at_index(c->s, axis, e->span);
        }
        if (all) return at_read(c->s, k->array, index, NULL, e->span);
    }
    return NULL;
}

static void remember(sharing *c, const at_array *array, const at_expr *value, uint64_t hash) {
    known *k = AT_NEW(c->s->arena, known);
    *k = (known){c->values[hash % BUCKETS], hash, array, value, c->here};
    c->values[hash % BUCKETS] = k;
}

/* ---- folds that stand in several places ---------------------------------------------------- */

static bool count_fold(void *user, const at_expr *e) {
    sharing *c = user;
    if (e->tag == AT_FOLD_NODE) c->fold_count[hash_of(e) % COUNTS]++;
    return true;
}

static bool count_folds(void *user, const at_statement *st) {
    sharing *c = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        c->begins[st->u.repeat.carried[i].before->id] = true;
    at_walk_statement(st, count_fold, user);
    return true;
}

/* Over few elements a fold is computed again. */
static bool is_work(const at_expr *e) {
    enum { FEW = 8 };
    int64_t elements = 1;
    for (int i = 0; i < e->u.fold.count; i++) {
        int64_t extent = at_extent(e->u.fold.axes[i], NULL);
        if (extent < 0 || extent > FEW || (elements *= extent) > FEW) return true;
    }
    return false;
}

static const at_expr *stored(sharing *c, const at_expr *e, uint64_t hash) {
    at_axis **axes;
    int rank = at_draft_free_axes(c->draft, e, c->owner, &axes);
    const at_expr *read =
        at_draft_define(c->draft, c->owner, at_fold_info(e->u.fold.fold)->text, axes, rank, e);
    at_homes_set(c->homes, read->u.read.array, c->here);
    remember(c, read->u.read.array, e, hash);
    return read;
}

static const at_expr *shared(void *user, const at_expr *e) {
    sharing *c = user;
    if (e->tag == AT_READ) {
        const at_array *array = e->u.read.array;
        const at_expr *other = array->id < c->array_count ? c->others[array->id] : NULL;
        at_home *home = c->homes->of_array[array->id];
        if (!other || at_home_common(home, c->here) != home) return e;
        const at_expr *read =
            at_substitute(c->s, other, (const at_axis **)array->axes, e->u.read.index, array->rank,
                          at_draft_axis, c->draft);
        return at_read(c->s, read->u.read.array, read->u.read.index, e->u.read.alternative,
                       e->span);
    }
    if (e->tag != AT_FOLD_NODE) return e;
    uint64_t hash = hash_of(e);
    const at_expr *read = found(c, e, hash);
    return read ? read : e;
}

/* Folds that are left and stand elsewhere too. */
static const at_expr *separated(void *user, const at_expr *e) {
    sharing *c = user;
    if (e->tag != AT_FOLD_NODE || !c->owner) return e;
    uint64_t hash = hash_of(e);
    const at_expr *read = found(c, e, hash);
    if (read) return read;
    if (c->fold_count[hash % COUNTS] < 2 || !is_work(e)) return e;
    return stored(c, e, hash);
}

static const at_expr *change(void *user, const at_expr *e) {
    sharing *c = user;
    e = at_rewrite(c->s, e, shared, c);
    if (!c->whole) return at_rewrite(c->s, e, separated, c);
    if (e->tag != AT_FOLD_NODE) return at_rewrite(c->s, e, separated, c);
    const at_expr *guard = e->u.fold.guard ? at_rewrite(c->s, e->u.fold.guard, separated, c) : NULL;
    const at_expr *body = at_rewrite(c->s, e->u.fold.body, separated, c);
    if (guard == e->u.fold.guard && body == e->u.fold.body) return e;
    return at_fold_node(c->s, e->u.fold.fold, e->u.fold.axes, e->u.fold.count, guard, body,
                        e->span);
}

/* ---- statements ---------------------------------------------------------------------------- */

static bool is_trivial(const at_expr *e) {
    return e->tag == AT_CONST || e->tag == AT_SIZE || e->tag == AT_INDEX || e->tag == AT_READ;
}

/* Whether each axis of the array is an index of the read, so that what is outside stays so. */
static bool has_all_axes(const at_expr *read, const at_array *array) {
    for (int i = 0; i < array->rank; i++)
        if (!at_mentions(read, array->axes[i])) return false;
    return true;
}

static void plain(void *user, const at_statement *st) {
    sharing *c = user;
    c->owner = st->tag == AT_KEEPING ? st->u.keeping.parts[0].target : st->target;
    c->whole = st->tag == AT_EQUATION;
    at_statement *out = at_statement_changed(c->s, st, change, c);
    at_draft_add(c->draft, out);
    if (st->tag != AT_EQUATION) return;
    const at_expr *value = out->u.value;
    if (value->tag == AT_READ && st->u.value->tag != AT_READ) { /* a fold that was found */
        if (has_all_axes(value, st->target)) c->others[st->target->id] = value;
        return;
    }
    if (is_trivial(value)) return;
    uint64_t hash = hash_of(value);
    const at_expr *read = found(c, value, hash);
    if (!read) {
        if (!c->begins[st->target->id]) remember(c, st->target, value, hash);
        return;
    }
    out->u.value = read;
    if (has_all_axes(read, st->target)) c->others[st->target->id] = read;
}

static void before(void *user, const at_statement *st, at_statement *out) {
    sharing *c = user;
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = at_rewrite(c->s, st->u.repeat.condition, shared, c);
    c->here = c->homes->blocks[c->next_home++];
}

static void end(void *user, const at_statement *st, at_statement *out) {
    sharing *c = user;
    (void)st, (void)out;
    c->here = c->here->outer;
}

const at_cascade *at_opt_common(at_session *s, const at_cascade *from) {
    sharing c = {.s = s, .draft = at_draft_new(s, from), .homes = at_homes_of(s, from),
                 .array_count = from->array_count};
    c.values = AT_NEW_ARRAY(s->arena, known *, BUCKETS);
    c.fold_count = AT_NEW_ARRAY(s->arena, unsigned, COUNTS);
    c.others = AT_NEW_ARRAY(s->arena, const at_expr *, from->array_count);
    c.begins = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    c.here = c.homes->blocks[0];
    c.next_home = 1;
    at_walk_block(&from->body, count_folds, &c);
    at_block_walk walk = {
        .draft = c.draft, .user = &c, .plain = plain, .before = before, .end = end};
    at_draft_block(&walk, &from->body);
    return c.draft->out;
}
