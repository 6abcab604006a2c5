/* Calls: arguments that fit and map, options with functions that read the caller's arrays, and what
 * the results are here. */
#include "random.h"

#include <string.h>

static const piece nothing = {0};
enum { MOST_WEIGHT = 60 };

/* A call while it is written. */
typedef struct {
    const function *f;
    const char *name; /* of the function, or of the option that stands for it */
    bool by_option;
    int bound[64]; /* the extent here for each of its extents; -1: not known yet */
    int extra;     /* axes that the call is mapped over, leading in its arguments */
    int mapped[1]; /* their extents; -1: not known yet */
    bool any_mapped;
    bool prepares; /* an equation may be written before it */
} call;

static void begin_call(call *c, const function *f, const char *name) {
    *c = (call){.f = f, .name = name, .mapped = {-1}};
    for (int i = 0; i < 64; i++) c->bound[i] = -1;
}

/* ---- options --------------------------------------------------------------------------------- */

static const char *by_name(writer *w, const option *o, const int *bound) {
    static const char *const built_in[] = {"tanh", "sigmoid", "relu", "erf", "gelu"};
    if (o->count == 1 && o->kinds[0] == AT_REAL && o->kind == AT_REAL && maybe(w->c, 70)) {
        mark(w, FEATURE_OPTION_BUILT_IN);
        return built_in[choose(w->c, 5)];
    }
    for (int i = 0; i < w->f->option_count; i++) {
        const option *own = w->f->options[i];
        bool fits = own->form == OPTION_FUNCTION && own->count == o->count && own->kind == o->kind;
        for (int k = 0; k < o->count && fits; k++) {
            int extent = o->extents[k] >= 0 ? bound[o->extents[k]] : -1;
            fits = own->kinds[k] == o->kinds[k] &&
                   (own->extents[k] < 0 || own->extents[k] == extent);
        }
        if (fits && maybe(w->c, 85)) {
            mark(w, FEATURE_OPTION_BY_NAME);
            return own->name;
        }
    }
    return NULL;
}

const char *an_option_value(writer *w, const option *o, const int *bound) {
    int scalars = w->scalar_count;
    for (int i = 0; i < o->count && w->scalar_count < MOST_SCALARS; i++) {
        bool index = o->kinds[i] == AT_INT;
        int extent = index && o->extents[i] >= 0 ? bound[o->extents[i]] : -1;
        w->scalars[w->scalar_count++] = (scalar){
            .name = o->names[i], .kind = o->kinds[i], .high = index ? 50 : 100, .extent = extent};
    }
    w->unsure++;
    piece p = tamed(w, expression(w, o->kind, 2), o->kind == AT_INT ? 50 : 100);
    w->unsure--;
    w->scalar_count = scalars;
    return p.text;
}

static const char *parameters(writer *w, const option *o) {
    const char *text = "";
    for (int i = 0; i < o->count; i++) text = made(w, "%s%s%s", text, i ? "," : "", o->names[i]);
    return text;
}

static bool alike(const function *f, const function *g) {
    bool same = f->tidy && g->tidy && f->input_count == g->input_count &&
                f->output_count == g->output_count && !f->has_next && !g->has_next;
    for (int i = 0; i < f->input_count && same; i++) {
        const array *a = f->inputs[i], *b = g->inputs[i];
        same = a->kind == b->kind && a->rank == b->rank && a->inside == b->inside;
        for (int k = 0; k < a->rank && same; k++) same = a->extents[k] == b->extents[k];
    }
    for (int i = 0; i < f->output_count && same; i++) {
        const array *a = &f->outputs[i], *b = &g->outputs[i];
        same = a->kind == b->kind && a->rank == b->rank;
        for (int k = 0; k < a->rank && same; k++) same = a->extents[k] == b->extents[k];
    }
    return same;
}

static const char *value_given(writer *w, const option *o) {
    const option *own = NULL;
    for (int i = 0; i < w->f->option_count; i++)
        if (w->f->options[i]->form == OPTION_VALUE && w->f->options[i]->kind == o->kind)
            own = w->f->options[i];
    mark(w, FEATURE_OPTION_VALUE);
    if (own && maybe(w->c, 30)) return own->name;
    if (o->kind == AT_INT) return made(w, "%d", 1 + choose(w->c, 4));
    if (o->kind == AT_BOOL) return maybe(w->c, 50) ? "true" : "false";
    piece p = tamed(w, expression(w, AT_REAL, 2), 4);
    if (strchr(p.text, '[')) mark(w, FEATURE_OPTION_ARRAY);
    return p.text;
}

/* "name = …" or "name(i,j) = …"; NULL: the default will do. */
static const char *option_given(writer *w, const call *c, const option *o) {
    if (o->form == OPTION_VALUE) return made(w, "%s = %s", o->name, value_given(w, o));
    if (o->form == OPTION_FUNCTION) {
        const char *text = by_name(w, o, c->bound);
        if (text) return made(w, "%s = %s", o->name, text);
        mark(w, FEATURE_OPTION_FUNCTION);
        text = an_option_value(w, o, c->bound);
        if (strchr(text, '[')) mark(w, FEATURE_OPTION_CAPTURES);
        return made(w, "%s(%s) = %s", o->name, parameters(w, o), text);
    }
    const function *found[MOST_FUNCTIONS];
    int count = 0;
    for (int i = 0; i < w->function_count; i++)
        if (alike(w->functions[i], o->standard) && w->functions[i] != o->standard)
            found[count++] = w->functions[i];
    if (!count) return NULL;
    mark(w, FEATURE_OPTION_OTHER);
    return made(w, "%s = %s", o->name, found[choose(w->c, count)]->name);
}

static const char *options_given(writer *w, const call *c) {
    const char *text = "";
    if (c->by_option) return text;
    for (int i = 0; i < c->f->option_count; i++) {
        const char *one = maybe(w->c, 60) ? option_given(w, c, c->f->options[i]) : NULL;
        if (one) text = made(w, "%s%s%s", text, *text ? ", " : "; ", one);
    }
    return text;
}

piece an_option_call(writer *w, at_kind kind, int depth) {
    const option *found[MOST_OPTIONS];
    int count = 0;
    for (int i = 0; i < w->f->option_count; i++)
        if (w->f->options[i]->form == OPTION_FUNCTION && w->f->options[i]->kind == kind)
            found[count++] = w->f->options[i];
    if (!count) return nothing;
    const option *o = found[choose(w->c, count)];
    const char *text = "";
    for (int i = 0; i < o->count; i++) {
        piece p;
        if (o->kinds[i] == AT_INT && o->extents[i] >= 0) p = an_index(w, o->extents[i], depth - 1);
        else p = tamed(w, expression(w, o->kinds[i], depth - 1), o->kinds[i] == AT_INT ? 50 : 100);
        if (!p.text) return nothing;
        text = made(w, "%s%s%s", text, i ? ", " : "", p.text);
    }
    return a_piece(made(w, "%s(%s)", o->name, text), PRIMARY, kind, kind == AT_INT ? 50 : 100);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool fits_call(const writer *w, const int *extents, int count) {
    for (int i = 0; i < count; i++) {
        const known_extent *e = &w->f->extents[extents[i]];
        if (e->empty || e->high > LONGEST || e->of_round) return false;
    }
    return true;
}

/* A view of an array that fits the parameter; binds what was not bound. */
static piece view_for(writer *w, call *c, const array *p, bool mapped, int depth) {
    array *found[MOST_ARRAYS];
    int many = 0, count = p->rank + (mapped ? c->extra : 0);
    bool ints = p->kind == AT_REAL && maybe(w->c, 8); /* ints become reals */
    for (int i = w->array_count - 1; i >= 0; i--) {
        array *a = w->arrays[i];
        bool fits = a->kind == (ints ? AT_INT : p->kind) && readable(w, a) &&
                    (a->written || a->steps);
        if (p->inside >= 0) fits &= a->inside >= 0 && !a->minus_one && !a->steps;
        if (p->inside >= 0 && c->bound[p->inside] >= 0) fits &= a->inside == c->bound[p->inside];
        if (fits && a->rank - a->steps >= count) found[many++] = a;
    }
    for (int tries = 0; tries < 6 && many; tries++) {
        int k = choose(w->c, many), extents[MOST_RANK], at = 0;
        if (mapped && c->extra) extents[at++] = c->mapped[0];
        for (int i = 0; i < p->rank; i++) extents[at++] = c->bound[p->extents[i]];
        piece v = a_view(w, found[k], count, extents, depth);
        bool good = v.text && fits_call(w, extents, count);
        if (good && p->inside >= 0) good = v.inside >= 0 && fits_call(w, &v.inside, 1);
        if (good) {
            at = 0;
            if (mapped && c->extra) c->mapped[0] = extents[at++], c->any_mapped = true;
            for (int i = 0; i < p->rank; i++) c->bound[p->extents[i]] = extents[at++];
            if (p->inside >= 0) c->bound[p->inside] = v.inside;
            if (v.kind == AT_REAL && maybe(w->c, 15)) return applied(w, "tanh", v, 1);
            return v;
        }
        found[k] = found[--many];
    }
    return nothing;
}

/* An array made for the parameter by an equation before the call. */
static piece prepared(writer *w, call *c, const array *p) {
    int extents[MOST_RANK];
    if (!c->prepares || p->inside >= 0) return nothing;
    for (int i = 0; i < p->rank; i++) {
        int k = c->bound[p->extents[i]] < 0 ? pick_axis(w, NULL, 0) : -1;
        extents[i] = k >= 0 ? w->axes[k].extent : c->bound[p->extents[i]];
        if (extents[i] < 0 || !fits_call(w, &extents[i], 1)) return nothing;
    }
    const array *a = equation(w, new_array_name(w), p->kind, p->rank, extents);
    if (!a) return nothing;
    for (int i = 0; i < p->rank; i++) c->bound[p->extents[i]] = extents[i];
    return a_piece(a->name, PRIMARY, a->kind, a->high);
}

static const char *arguments(writer *w, call *c, int depth) {
    const char *text = "";
    for (int i = 0; i < c->f->input_count; i++) {
        const array *p = c->f->inputs[i];
        bool last_chance = i == c->f->input_count - 1 && !c->any_mapped;
        bool mapped = c->extra && (last_chance || maybe(w->c, 60));
        piece v = nothing;
        if (p->rank == 0 && !mapped) {
            v = tamed(w, expression(w, p->kind, depth - 1), limit_of(p->kind));
        } else {
            v = view_for(w, c, p, mapped, depth);
            if (!v.text && !mapped) v = prepared(w, c, p);
        }
        if (!v.text) return NULL;
        text = made(w, "%s%s%s", text, i ? ", " : "", v.text);
    }
    for (int i = 0; i < c->f->open; i++)
        if (c->bound[i] < 0) return NULL;
    return text;
}

static int extent_here(writer *w, call *c, int extent) {
    if (c->bound[extent] >= 0) return c->bound[extent];
    const struct function *f = c->f;
    c->bound[extent] = new_extent(w, f->extents[extent].high, -1, f->extents[extent].empty);
    return c->bound[extent];
}

static bool has_index(const writer *w) {
    for (int i = 0; i < w->scalar_count; i++)
        if (w->scalars[i].is_axis) return true;
    return false;
}

/* Something to call: a function written before, or an option that stands for one. */
static const function *callee(writer *w, const char **name, bool *by_option, bool indexed) {
    const function *found[MOST_FUNCTIONS + MOST_OPTIONS];
    const char *names[MOST_FUNCTIONS + MOST_OPTIONS];
    int count = 0, direct;
    for (int i = w->function_count - 1; i >= 0; i--) {
        const function *f = w->functions[i];
        if (f->has_next && (indexed || w->step_count || has_index(w))) continue;
        if (w->f->weight + f->weight * (w->repeats ? 3 : 1) > MOST_WEIGHT) continue;
        names[count] = f->name;
        found[count++] = f;
    }
    direct = count;
    for (int i = 0; i < w->f->option_count; i++)
        if (w->f->options[i]->form == OPTION_ARRAYS) {
            names[count] = w->f->options[i]->name;
            found[count++] = w->f->options[i]->standard;
        }
    if (!count) return NULL;
    int k = count > direct && maybe(w->c, 50) ? direct + choose(w->c, count - direct)
                                              : choose(w->c, count);
    *by_option = k >= direct;
    *name = names[k];
    return found[k];
}

static void called(writer *w, const call *c) {
    w->f->calls = true;
    w->f->weight += c->f->weight * (w->repeats ? 3 : 1);
    w->f->has_params |= c->f->has_params;
    w->f->has_next |= c->f->has_next;
    if (c->by_option) mark(w, FEATURE_OPTION_ARRAYS);
    if (c->f->calls) mark(w, FEATURE_CALL_TWICE);
    if (w->step_count) mark(w, FEATURE_SCAN_CALL);
    if (w->repeats) mark(w, FEATURE_REPEAT_CALL);
    if (c->extra) mark(w, FEATURE_CALL_MAPPED);
}

/* ---- a call inside an expression ------------------------------------------------------------- */

piece a_call(writer *w, at_kind kind, int count, const int *extents, int depth) {
    call c;
    const char *name;
    bool by_option;
    const function *f = callee(w, &name, &by_option, true);
    if (!f || f->output_count != 1 || f->outputs[0].kind != kind || depth < 1) return nothing;
    begin_call(&c, f, name);
    c.by_option = by_option;
    c.extra = count - f->outputs[0].rank;
    if (c.extra < 0 || c.extra > 1) return nothing;
    if (c.extra) c.mapped[0] = extents[0];
    for (int i = 0; i < f->outputs[0].rank; i++) {
        int e = f->outputs[0].extents[i], here = extents[c.extra + i];
        if (e >= f->open || !fits_call(w, &here, 1)) return nothing;
        if (c.bound[e] >= 0 && c.bound[e] != here) return nothing;
        c.bound[e] = here;
    }
    const char *list = arguments(w, &c, depth);
    if (!list) return nothing;
    mark(w, FEATURE_CALL_INSIDE);
    called(w, &c);
    return a_piece(made(w, "%s(%s%s)", name, list, options_given(w, &c)), PRIMARY, kind,
                   f->outputs[0].high);
}

/* ---- a call as a statement ------------------------------------------------------------------- */

/* " as tied0": calls of one function with the same extents share a path. */
static const char *as_path(writer *w, const call *c) {
    int i = 0;
    for (; i < w->shared_count; i++)
        if (w->shared[i].f == c->f && memcmp(w->shared[i].bound, c->bound, sizeof c->bound) == 0)
            break;
    if (i == 8) return "";
    if (i == w->shared_count) {
        w->shared[i].f = c->f;
        at_move(w->shared[i].bound, c->bound, sizeof c->bound);
        w->shared_count++;
    }
    mark(w, FEATURE_CALL_SHARED);
    return made(w, " as tied%d", i);
}

bool call_statement(writer *w) {
    call c;
    const char *name, *index = "";
    bool by_option, indexed = maybe(w->c, 30), mapped = maybe(w->c, 25);
    const function *f = callee(w, &name, &by_option, indexed || mapped);
    if (!f) return false;
    begin_call(&c, f, name);
    c.by_option = by_option;
    c.extra = mapped ? 1 : 0;
    int scalars = w->scalar_count, extents[MOST_RANK], rank = 0;
    const axis *own = indexed ? own_axis(w, NULL, 0) : NULL;
    for (; rank < w->step_count; rank++) {
        index = made(w, "%s%s%s", index, rank ? "," : "", w->steps[rank].name);
        extents[rank] = w->steps[rank].extent;
    }
    if (own) {
        add_index(w, own->name, own->extent, false);
        index = made(w, "%s%s%s", index, rank ? "," : "", own->name);
        extents[rank++] = own->extent;
    }
    c.prepares = w->step_count == 0 && !own;
    const char *list = arguments(w, &c, 3), *path = "", *given = "";
    int most = 0;
    for (int i = 0; i < f->output_count; i++)
        most = f->outputs[i].rank > most ? f->outputs[i].rank : most;
    if (list && rank + c.extra + most <= 5) {
        bool share = w->is_main && f->has_params && !by_option && maybe(w->c, 35);
        if (share) path = as_path(w, &c);
        if (!*path) given = options_given(w, &c);
    } else {
        list = NULL;
    }
    w->scalar_count = scalars;
    if (!list) return false;
    const char *left = "", *names[MOST_OUTPUTS];
    for (int i = 0; i < f->output_count; i++) {
        names[i] = new_array_name(w);
        left = made(w, *index ? "%s%s%s[%s]" : "%s%s%s", left, i ? ", " : "", names[i], index);
    }
    mark(w, FEATURE_CALL);
    if (own) mark(w, FEATURE_CALL_INDEXED);
    if (f->output_count > 1) mark(w, FEATURE_CALL_RESULTS);
    called(w, &c);
    line(w, "%s = %s(%s%s)%s", left, name, list, given, path);
    if (c.extra) extents[rank++] = c.mapped[0];
    for (int i = 0; i < f->output_count; i++) {
        const array *o = &f->outputs[i];
        for (int d = 0; d < o->rank; d++) extents[rank + d] = extent_here(w, &c, o->extents[d]);
        array *a = add_array(w, names[i], o->kind, rank + o->rank, extents);
        a->high = o->high;
        a->inside = o->kind == AT_INT && o->inside >= 0 ? extent_here(w, &c, o->inside) : -1;
        a->minus_one = o->minus_one;
    }
    return true;
}
