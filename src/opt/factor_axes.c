/* Which axes are long. Extents are open when a program is compiled, so two orders of summing
 * can only be compared by which axes they loop over together. An axis is one of places in a
 * sequence when given arrays of two or more axes have it, never as their last, and no param has
 * it: features stand at the right, as calls map and `:` keeps at the left (language.md 3 and
 * 5). Extents that are numbers are short, and those of params: they do not grow with what is
 * read. */
#include "opt/factor.h"

enum { SHORT = 512 }; /* extents that are known, up to this, do not count as long */

struct at_growth {
    at_session *s;
    bool *first, *last, *learned; /* by id of an open axis */
};

static void note(at_growth *g, const at_axis *axis, bool *where);

typedef struct {
    at_growth *g;
    bool *where;
} noting;

static bool note_size(void *user, const at_expr *e) {
    noting *n = user;
    if (e->tag == AT_SIZE) note(n->g, e->u.axis, n->where);
    return true;
}

static void note(at_growth *g, const at_axis *axis, bool *where) {
    while (axis->like) axis = axis->like;
    if (!axis->extent) {
        where[axis->id] = true;
        return;
    }
    noting n = {g, where};
    at_walk(axis->extent, note_size, &n);
}

at_growth *at_growth_of(at_session *s, const at_cascade *cascade) {
    at_growth *g = AT_NEW(s->arena, at_growth);
    g->s = s;
    g->first = AT_NEW_ARRAY(s->arena, bool, cascade->axis_count);
    g->last = AT_NEW_ARRAY(s->arena, bool, cascade->axis_count);
    g->learned = AT_NEW_ARRAY(s->arena, bool, cascade->axis_count);
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        for (int k = 0; k < array->rank && array->rank > 1; k++)
            note(g, array->axes[k], k + 1 < array->rank ? g->first : g->last);
    }
    for (int i = 0; i < cascade->param_count; i++)
        for (int k = 0; k < cascade->params[i].array->rank; k++)
            note(g, cascade->params[i].array->axes[k], g->learned);
    return g;
}

typedef struct {
    const at_growth *g;
    bool all, any;
} looking;

static bool look(void *user, const at_expr *e) {
    looking *l = user;
    if (e->tag != AT_SIZE) return true;
    bool grows = at_axis_grows(l->g, e->u.axis);
    l->all &= grows;
    l->any |= grows;
    return true;
}

bool at_axis_grows(const at_growth *g, const at_axis *axis) {
    while (axis->like) axis = axis->like;
    if (!axis->extent) {
        int id = axis->id;
        if (axis->fixed >= 0 && axis->fixed <= SHORT) return false;
        return g->first[id] && !g->last[id] && !g->learned[id];
    }
    looking l = {g, true, false};
    at_walk(axis->extent, look, &l);
    return l.any && l.all;
}

typedef struct {
    const at_growth *g;
    bool open, learned;
} measure;

static bool look_for_open(void *user, const at_expr *e) {
    measure *m = user;
    if (e->tag != AT_SIZE) return true;
    m->open = true;
    m->learned |= at_axis_is_short(m->g, e->u.axis);
    return true;
}

bool at_axis_is_short(const at_growth *g, const at_axis *axis) {
    while (axis->like) axis = axis->like;
    int64_t extent = at_extent(axis, NULL);
    if (extent >= 0) return extent <= SHORT;
    if (axis->fixed >= 0) return axis->fixed <= SHORT;
    if (!axis->extent) return g->learned[axis->id];
    measure m = {g, false, false};
    at_walk(axis->extent, look_for_open, &m);
    return !m.open || m.learned;
}
