/* Which axes are equally long in every run, as far as that can be seen: by `axis j as n`, by an
 * extent that is the size of another axis, or by equal expressions. Elsewhere indices are
 * tested. */
#include "form/form.h"

static const at_axis *root_of(const at_axis *axis) {
    for (;;) {
        if (axis->like) axis = axis->like;
        else if (axis->extent && axis->extent->tag == AT_SIZE) axis = axis->extent->u.axis;
        else return axis;
    }
}

bool at_same_extent(const at_axis *a, const at_axis *b) {
    a = root_of(a);
    b = root_of(b);
    if (a == b) return true;
    int64_t extent = at_extent(a, NULL);
    if (extent >= 0 && extent == at_extent(b, NULL)) return true;
    return a->extent && b->extent && at_same(a->extent, b->extent);
}

const at_expr *at_extent_of(at_session *s, const at_axis *axis) {
    axis = root_of(axis);
    return axis->extent ? axis->extent : at_size(s, axis, axis->span);
}

const at_expr *at_size_of(at_session *s, const at_axis *axis, at_span span) {
    while (axis->like) axis = axis->like;
    return at_size(s, axis, span);
}

/* ---- what a cascade requires ----------------------------------------------------------------- */

typedef struct {
    at_session *s;
    const at_cascade *cascade;
} knowing;

typedef struct {
    at_session *s;
    const at_expr *size;
    bool found;
} occurrence;

static bool look_for_size(void *user, const at_expr *e) {
    occurrence *w = user;
    w->found |= e->tag == AT_SIZE && at_same(at_extent_of(w->s, e->u.axis), w->size);
    return !w->found;
}

static bool is_in(const knowing *k, const at_expr *size, const at_expr *e) {
    occurrence w = {k->s, size, false};
    at_walk(e, look_for_size, &w);
    return w.found;
}

static bool equates_ints(const at_expr *e) {
    return e->tag == AT_MAP && e->u.map.op == AT_OP_EQ && e->u.map.args[0]->kind == AT_INT;
}

/* What a condition says that an extent is; NULL: nothing. */
static const at_expr *required(const knowing *k, const at_expr *extent, const at_expr *c) {
    if (c->tag == AT_MAP && c->u.map.op == AT_OP_AND) {
        const at_expr *first = required(k, extent, c->u.map.args[0]);
        return first ? first : required(k, extent, c->u.map.args[1]);
    }
    if (!equates_ints(c)) return NULL;
    const at_expr *a = c->u.map.args[0], *b = c->u.map.args[1];
    if (a->tag != AT_SIZE) return NULL;
    a = at_extent_of(k->s, a->u.axis);
    if (!at_same(a, extent) || is_in(k, extent, b)) return NULL;
    /* Only towards what stands before, so that this ends. */
    if (b->tag == AT_SIZE && at_extent_of(k->s, b->u.axis)->tag == AT_SIZE &&
        at_extent_of(k->s, b->u.axis)->u.axis->id >= extent->u.axis->id)
        return NULL;
    return b;
}

/* `size(b) == e`: b is e. Later ones first, so that what a derivative adds refers to what was
 * there. */
static const at_expr *known_size(void *user, const at_expr *e) {
    const knowing *k = user;
    if (e->tag != AT_SIZE) return e;
    const at_expr *extent = at_extent_of(k->s, e->u.axis);
    if (extent->tag != AT_SIZE) return extent;
    for (int i = 0; i < k->cascade->require_count; i++) {
        const at_expr *b = required(k, extent, k->cascade->requires[i].condition);
        if (b) return b;
    }
    for (int i = 0; i < k->cascade->require_count; i++) {
        const at_expr *c = k->cascade->requires[i].condition;
        if (!equates_ints(c)) continue;
        const at_expr *a = c->u.map.args[0], *b = c->u.map.args[1];
        if (a->tag != AT_SIZE || b->tag != AT_SIZE) continue;
        a = at_extent_of(k->s, a->u.axis);
        b = at_extent_of(k->s, b->u.axis);
        if (a->tag == AT_SIZE && at_same(b, extent) && a->u.axis->id < extent->u.axis->id) return a;
    }
    return extent;
}

const at_expr *at_with_known_sizes(at_session *s, const at_cascade *cascade, const at_expr *e) {
    knowing k = {s, cascade};
    const at_expr *before;
    int rounds = 0;
    do {
        before = e;
        e = at_rewrite(s, e, known_size, &k);
    } while (e != before && !at_same(e, before) && ++rounds < 8);
    return e;
}

bool at_equal_extent(at_session *s, const at_cascade *cascade, const at_axis *a, const at_axis *b) {
    if (at_same_extent(a, b)) return true;
    at_affine left, right, difference;
    return at_affine_of(s, at_with_known_sizes(s, cascade, at_extent_of(s, a)), &left) &&
           at_affine_of(s, at_with_known_sizes(s, cascade, at_extent_of(s, b)), &right) &&
           at_affine_add(s, &left, -1, &right, &difference) && difference.count == 0 &&
           difference.constant == 0;
}
