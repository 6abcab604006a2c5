/* Extents for the trials of a law: from its inputs' axes and its requirements to numbers. First
 * all 1, then small ones, then some that are no multiple of any tile, and a few dozens; always such
 * that the requirements hold and a trial is short.
 *
 * Extents are drawn freely and then repaired: of a requirement that does not hold, one size moves
 * to the nearest number with which it holds. That meets equalities, multiples and bounds alike.
 * When repairs lead nowhere, all small extents are tried in order. */
#include "check/check_int.h"
#include "compile.h"

#include <string.h>

/* Of a trial: operations on elements; the reference executor does some hundred million a second. */
static const double WORK_LIMIT = 3e6;

enum {
    REPAIR_PASSES = 12,
    REPAIR_REACH = 1024,  /* how far one size moves */
    ATTEMPTS = 12,        /* to draw extents, before the search in order */
    SEARCHED = 20000,     /* extents looked at in order */
    SEARCHED_COMPILED = 200, /* of these, when each must be compiled for */
};

/* ---- the frame ------------------------------------------------------------------------------- */

static void add_axis(at_session *s, at_law_frame *frame, const char *name, int *capacity) {
    for (int i = 0; i < frame->count; i++)
        if (strcmp(frame->names[i], name) == 0) return;
    AT_PUSH(s->arena, frame->names, frame->count, *capacity, name);
}

void at_law_frame_begin(at_session *s, at_law_frame *frame) {
    int capacity = 0;
    frame->count = 0;
    for (int i = 0; i < frame->law->input_count; i++)
        for (int k = 0; k < frame->law->inputs[i].count; k++)
            add_axis(s, frame, frame->law->inputs[i].axes[k], &capacity);
    frame->given = AT_NEW_ARRAY(s->arena, int64_t, frame->count);
    frame->needed = AT_NEW_ARRAY(s->arena, bool, frame->count);
    frame->compiled = AT_NEW_ARRAY(s->arena, int64_t, frame->count);
    frame->spare = AT_NEW_ARRAY(s->arena, int64_t, frame->count);
    frame->tried = AT_NEW_ARRAY(s->arena, bool, frame->count);
    frame->ids = AT_NEW_ARRAY(s->arena, int, frame->count);
    const at_resolve_options *o = &frame->options->resolve;
    for (int i = 0; i < frame->count; i++) {
        frame->given[i] = -1;
        for (int k = 0; k < o->size_count; k++)
            if (strcmp(o->sizes[k].name, frame->names[i]) == 0)
                frame->given[i] = o->sizes[k].extent;
    }
}

void at_law_frame_end(at_law_frame *frame) {
    at_session_free(frame->s);
    frame->s = NULL;
    frame->cascade = NULL;
    frame->open = NULL;
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* Marks the axes whose extents errors ask for; whether there was a new one. */
static bool mark_needed(at_law_frame *frame, const at_session *s, int from) {
    bool found = false;
    for (int i = from; i < s->diag_count; i++)
        for (int k = 0; k < frame->count; k++) {
            const at_diag *diag = s->diags[i];
            const char *subject = diag->code == AT_E_SIZE_NEEDED ? diag->subject : NULL;
            if (!subject || frame->needed[k] || strcmp(subject, frame->names[k]) != 0) continue;
            found = frame->needed[k] = true;
        }
    return found;
}

const at_cascade *at_law_resolve(at_session *s, at_law_frame *frame, const int64_t *extents) {
    int count = s->diag_count, lost = s->diag_lost;
    for (;;) {
        at_resolve_options told = frame->options->resolve;
        at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, frame->count);
        told.function = frame->law->name;
        told.sizes = sizes;
        told.size_count = 0;
        for (int i = 0; i < frame->count; i++)
            if (frame->needed[i])
                sizes[told.size_count++] = (at_known_size){frame->names[i], extents[i]};
        const at_cascade *cascade = at_cascade_make(s, frame->program, &told);
        if (cascade || !mark_needed(frame, s, count)) return cascade;
        s->diag_count = count;
        s->diag_lost = lost;
    }
}

typedef struct {
    at_law_frame *frame;
    const int64_t *extents;
} resolving;

static bool resolve_guarded(void *user) {
    resolving *r = user;
    at_law_frame *frame = r->frame;
    const at_cascade *cascade = at_law_resolve(frame->s, frame, r->extents);
    if (!cascade) return false;
    frame->open = AT_NEW_ARRAY(frame->s->arena, int64_t, cascade->axis_count);
    frame->cascade = cascade;
    return true;
}

/* Whether the cascade at hand, or the errors that stand for it, belong to these extents. */
static bool serves(const at_law_frame *frame, const int64_t *extents) {
    if (!frame->s) return false;
    for (int i = 0; i < frame->count; i++)
        if (frame->needed[i] && frame->compiled[i] != extents[i]) return false;
    return true;
}

static bool compile(at_law_frame *frame, const int64_t *extents) {
    enum { MEMORY = 1 << 30 }; /* as for any program */
    if (serves(frame, extents)) return true;
    at_law_frame_end(frame);
    frame->s = at_session_new(MEMORY);
    if (!frame->s) return false;
    frame->compilations++;
    resolving r = {frame, extents};
    (void)at_guarded(frame->s, resolve_guarded, &r);
    at_move(frame->compiled, extents, sizeof *extents * (size_t)frame->count);
    return true;
}

/* ---- requirements ---------------------------------------------------------------------------- */

static void enter_inputs(const at_law_frame *frame, const at_cascade *cascade,
                         const int64_t *extents, int64_t *open) {
    for (int i = 0; i < cascade->axis_count; i++) open[i] = -1;
    for (int i = 0; i < cascade->input_count; i++)
        for (int k = 0; k < cascade->inputs[i].array->rank; k++)
            for (int a = 0; a < frame->count; a++)
                if (strcmp(frame->names[a], frame->law->inputs[i].axes[k]) == 0)
                    open[cascade->inputs[i].array->axes[k]->id] = extents[a];
}

static int64_t open_extent(void *user, const at_axis *axis) {
    return at_extent(axis, (const int64_t *)user);
}

static bool holds(const at_expr *condition, int64_t *open) {
    at_constant value = at_constant_of(condition, open_extent, open);
    return value.known && value.integer;
}

const at_require *at_extents_violated(at_session *s, const at_law_frame *frame,
                                      const at_cascade *cascade, const int64_t *extents) {
    int64_t *open = frame->open;
    if (cascade != frame->cascade) open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    enter_inputs(frame, cascade, extents, open);
    for (int i = 0; i < cascade->require_count; i++)
        if (!holds(cascade->requires[i].condition, open)) return &cascade->requires[i];
    return NULL;
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

int64_t *at_extents_all(at_session *s, const at_law_frame *frame, const at_cascade *cascade,
                        const int64_t *extents) {
    int64_t *all = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    enter_inputs(frame, cascade, extents, all);
    at_walk_block(&cascade->body, know_rounds, all);
    for (int i = 0; i < cascade->axis_count; i++)
        if (all[i] < 0) all[i] = at_extent(cascade->axes[i], all);
    return all;
}

/* ---- repairs --------------------------------------------------------------------------------- */

typedef struct {
    const at_law_frame *frame;
    const at_cascade *cascade;
    int64_t *extents; /* by the frame's axis */
    int64_t *open;    /* by axis id */
    int *axis;        /* by the frame's axis: the id, or -1 */
    int kept;
    uint64_t *random;
} repair;

static int violated_count(const repair *r) {
    int count = 0;
    for (int i = 0; i < r->cascade->require_count; i++)
        count += !holds(r->cascade->requires[i].condition, r->open);
    return count;
}

/* An extent of one axis with which a requirement holds. */
typedef struct {
    repair *r;
    const at_expr *condition;
    int id;
    int64_t was, found; /* -1: none yet */
} moving;

static bool holds_with(moving *m, int64_t extent) {
    if (extent < 1) return false;
    m->r->open[m->id] = extent;
    bool good = holds(m->condition, m->r->open);
    m->r->open[m->id] = m->was;
    if (good) m->found = extent;
    return good;
}

/* What is compared is where far moves lead: size(n) == 4096, size(n) <= 64 * size(h). */
static bool look_at_value(void *user, const at_expr *e) {
    moving *m = user;
    if (m->found >= 0) return false;
    if (e->kind != AT_INT) return true;
    at_constant value = at_constant_of(e, open_extent, m->r->open);
    if (!value.known || value.integer > INT64_MAX - 1 || value.integer < 1) return true;
    for (int64_t side = -1; side <= 1; side++)
        if (holds_with(m, value.integer + side)) return false;
    return true;
}

/* The nearest within reach, or one further off; -1 if none is found. */
static int64_t nearest(repair *r, const at_expr *condition, int id) {
    moving m = {r, condition, id, r->open[id], -1};
    for (int64_t step = 1; step <= REPAIR_REACH; step++)
        if (holds_with(&m, m.was + step) || holds_with(&m, m.was - step)) return m.found;
    at_walk(condition, look_at_value, &m);
    return m.found;
}

/* Moves the one axis that leaves the fewest requirements open; by chance among equals. */
static bool move_one(repair *r, const at_expr *condition) {
    int best = -1, fewest = 0;
    int64_t value = 0;
    int first = r->frame->count ? (int)(*r->random % (uint64_t)r->frame->count) : 0;
    *r->random = at_draw_element(*r->random, 1);
    for (int i = 0; i < r->frame->count; i++) {
        int a = (first + i) % r->frame->count, id = r->axis[a];
        if (a == r->kept || r->frame->given[a] >= 0 || id < 0) continue;
        int64_t near = nearest(r, condition, id), was = r->open[id];
        if (near < 0) continue;
        r->open[id] = near;
        int left = violated_count(r);
        r->open[id] = was;
        if (best >= 0 && left >= fewest) continue;
        best = a;
        fewest = left;
        value = near;
    }
    if (best < 0) return false;
    r->extents[best] = r->open[r->axis[best]] = value;
    return true;
}

/* Of `a and b` both, of `a or b` one. */
static bool repair_condition(repair *r, const at_expr *e) {
    if (holds(e, r->open)) return true;
    bool both = e->tag == AT_MAP && e->u.map.op == AT_OP_AND;
    bool either = e->tag == AT_MAP && e->u.map.op == AT_OP_OR;
    if (both)
        return repair_condition(r, e->u.map.args[0]) && repair_condition(r, e->u.map.args[1]);
    if (move_one(r, e)) return true;
    return either &&
           (repair_condition(r, e->u.map.args[0]) || repair_condition(r, e->u.map.args[1]));
}

bool at_extents_repair(at_law_frame *frame, int64_t *extents, int kept, uint64_t *random) {
    const at_cascade *cascade = frame->cascade;
    repair r = {frame, cascade, extents, frame->open, frame->ids, kept, random};
    enter_inputs(frame, cascade, extents, r.open);
    for (int a = 0; a < frame->count; a++) r.axis[a] = -1;
    for (int i = 0; i < cascade->input_count; i++)
        for (int k = 0; k < cascade->inputs[i].array->rank; k++)
            for (int a = 0; a < frame->count; a++)
                if (strcmp(frame->names[a], frame->law->inputs[i].axes[k]) == 0)
                    r.axis[a] = cascade->inputs[i].array->axes[k]->id;
    for (int pass = 0; pass < REPAIR_PASSES; pass++) {
        bool all = true;
        for (int i = 0; i < cascade->require_count; i++) {
            if (holds(cascade->requires[i].condition, r.open)) continue;
            all = false;
            if (!repair_condition(&r, cascade->requires[i].condition)) return false;
        }
        if (all) return true;
    }
    return violated_count(&r) == 0;
}

/* ---- what is allowed ------------------------------------------------------------------------- */

/* Errors of compiling that say that these extents are not meant. */
static bool only_refusals(const at_session *s) {
    for (int i = 0; i < s->diag_count; i++) {
        at_code code = s->diags[i]->code;
        if (code != AT_E_REQUIRE && code != AT_E_EXTENTS_DISAGREE) return false;
    }
    return s->diag_count > 0;
}

at_extents at_extents_judge(at_law_frame *frame, const int64_t *extents) {
    if (!compile(frame, extents)) return AT_EXTENTS_MEMORY;
    if (!frame->cascade)
        return only_refusals(frame->s) ? AT_EXTENTS_REFUSED : AT_EXTENTS_BROKEN;
    return at_extents_violated(frame->s, frame, frame->cascade, extents) ? AT_EXTENTS_REFUSED
                                                                         : AT_EXTENTS_GOOD;
}

/* As `judge`, with repairs; a repair may ask for another cascade. */
static at_extents settle(at_law_frame *frame, int64_t *extents, uint64_t *random) {
    enum { ROUNDS = 6 };
    at_extents verdict = at_extents_judge(frame, extents);
    for (int i = 0; i < ROUNDS && verdict == AT_EXTENTS_REFUSED && frame->cascade; i++) {
        if (!at_extents_repair(frame, extents, -1, random)) return AT_EXTENTS_REFUSED;
        verdict = at_extents_judge(frame, extents);
    }
    return verdict;
}

static double work_of(at_law_frame *frame, const int64_t *extents) {
    return at_law_work(frame->cascade,
                       at_extents_all(frame->s, frame, frame->cascade, extents));
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* What a trial's axes take in turn, from a place by chance; a single axis one of the first two. */
static void draw_extents(const at_law_frame *frame, int trial, uint64_t *random, int64_t *extents) {
    static const struct {
        int count, values[6];
    } pools[] = {
        {1, {1}},
        {3, {2, 3, 1}},
        {4, {4, 5, 3, 1}},
        {4, {7, 5, 2, 3}},
        {4, {13, 8, 1, 5}},
        {5, {17, 16, 2, 7, 4}},
        {5, {33, 31, 3, 13, 6}},
        {6, {48, 40, 1, 24, 7, 5}},
    };
    enum { POOLS = sizeof pools / sizeof *pools };
    int pool = trial < POOLS ? trial : 1 + (trial - POOLS) % (POOLS - 1), open = 0;
    for (int i = 0; i < frame->count; i++) open += frame->given[i] < 0;
    int count = open == 1 && pools[pool].count > 2 ? 2 : pools[pool].count, jump = 0;
    for (int i = 0; i < frame->count; i++) {
        *random = at_draw_element(*random, (uint64_t)i);
        /* The first by chance; later ones next to it, but now and then any. */
        bool any = i == 0 || (*random >> 40) % 4 == 0;
        jump = any ? (int)((*random >> 20) % (uint64_t)count) : jump + 1;
        extents[i] = frame->given[i] < 0 ? pools[pool].values[jump % count] : frame->given[i];
    }
}

/* The longest axis that may become shorter, but for those that were tried; -1 if there is none. */
static int longest(const at_law_frame *frame, const int64_t *extents) {
    int found = -1;
    for (int i = 0; i < frame->count; i++)
        if (!frame->tried[i] && frame->given[i] < 0 && extents[i] > 1 &&
            (found < 0 || extents[i] > extents[found]))
            found = i;
    return found;
}

/* Makes long axes shorter until a run is short, as far as requirements let that. */
static void shorten(at_law_frame *frame, int64_t *extents, uint64_t *random) {
    enum { STEPS = 60 };
    size_t bytes = sizeof *extents * (size_t)frame->count;
    double work = work_of(frame, extents),
           most = frame->most_work > 0 ? frame->most_work : WORK_LIMIT;
    for (int i = 0; i < frame->count; i++) frame->tried[i] = false;
    for (int step = 0; step < STEPS && work > most; step++) {
        int axis = longest(frame, extents);
        if (axis < 0) return;
        at_move(frame->spare, extents, bytes);
        frame->spare[axis] = (extents[axis] + 1) / 2;
        at_extents verdict = settle(frame, frame->spare, random);
        double less = verdict == AT_EXTENTS_GOOD ? work_of(frame, frame->spare) : work;
        frame->tried[axis] = less >= work;
        if (frame->tried[axis]) continue;
        at_move(extents, frame->spare, bytes);
        work = less;
    }
}

/* All extents up to a bound, the last axis fastest. */
static at_extents search(at_law_frame *frame, int64_t *extents) {
    int open = 0, looked = 0, limit = SEARCHED;
    for (int i = 0; i < frame->count; i++) open += frame->given[i] < 0;
    int64_t bound = 1, all = 1;
    while (all <= SEARCHED && bound < SEARCHED && open) {
        bound++;
        all = 1;
        for (int i = 0; i < open && all <= SEARCHED; i++) all *= bound;
    }
    for (int i = 0; i < frame->count; i++) extents[i] = frame->given[i] < 0 ? 1 : frame->given[i];
    for (;;) {
        at_extents verdict = at_extents_judge(frame, extents);
        if (verdict != AT_EXTENTS_REFUSED || looked++ >= limit) return verdict;
        for (int i = 0; i < frame->count; i++)
            if (frame->needed[i] && frame->given[i] < 0) limit = SEARCHED_COMPILED;
        int at = frame->count - 1;
        while (at >= 0 && (frame->given[at] >= 0 || extents[at] == bound)) {
            if (frame->given[at] < 0) extents[at] = 1;
            at--;
        }
        if (at < 0) return verdict;
        extents[at]++;
    }
}

at_extents at_extents_choose(at_law_frame *frame, int trial, uint64_t random, int64_t *extents) {
    at_extents verdict = AT_EXTENTS_REFUSED;
    for (int attempt = 0; attempt < ATTEMPTS && verdict == AT_EXTENTS_REFUSED; attempt++) {
        draw_extents(frame, trial + attempt / 4, &random, extents);
        verdict = settle(frame, extents, &random);
    }
    if (verdict == AT_EXTENTS_REFUSED) verdict = search(frame, extents);
    if (verdict == AT_EXTENTS_REFUSED) {
        /* What is left is to be told: with small extents, as far as they can be repaired. */
        for (int i = 0; i < frame->count; i++)
            extents[i] = frame->given[i] < 0 ? 1 : frame->given[i];
        return settle(frame, extents, &random);
    }
    if (verdict == AT_EXTENTS_GOOD) shorten(frame, extents, &random);
    /* The cascade that is left may be one that was only looked at. */
    return verdict == AT_EXTENTS_GOOD ? at_extents_judge(frame, extents) : verdict;
}
