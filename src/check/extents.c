/* Extents for the trials of a law: from its inputs' axes and its requirements to numbers. First all
 * 1, then small ones, then some that are no multiple of any tile, and a few dozens; always such that
 * the requirements hold and a trial is short.
 *
 * Extents are drawn freely and then repaired: of a requirement that does not hold, one size moves to
 * the nearest number with which it holds. That meets equalities, multiples and bounds alike. When
 * repairs lead nowhere, all small extents are tried in order. */
#include "check/check_int.h"

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

/* ---- the frame ------------------------------------------------------------------------------------ */

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
    frame->ids = AT_NEW_ARRAY(s->arena, int, frame->count);
    const at_resolve_options *o = &frame->options->resolve;
    for (int i = 0; i < frame->count; i++) {
        frame->given[i] = -1;
        for (int k = 0; k < o->size_count; k++)
            if (strcmp(o->sizes[k].name, frame->names[i]) == 0) frame->given[i] = o->sizes[k].extent;
    }
}

void at_law_frame_end(at_law_frame *frame) {
    at_session_free(frame->s);
    frame->s = NULL;
    frame->cascade = NULL;
    frame->open = NULL;
}

/* ---- compiling ------------------------------------------------------------------------------------ */

/* Marks the axes whose extents errors ask for; whether there was a new one. */
static bool mark_needed(at_law_frame *frame, const at_session *s, int from) {
    bool found = false;
    for (int i = from; i < s->diag_count; i++)
        for (int k = 0; k < frame->count; k++) {
            const char *subject = s->diags[i]->code == AT_E_SIZE_NEEDED ? s->diags[i]->subject : NULL;
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
        const at_cascade *cascade = at_resolve(s, frame->program, &told);
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
    resolving r = {frame, extents};
    (void)at_guarded(frame->s, resolve_guarded, &r);
    at_move(frame->compiled, extents, sizeof *extents * (size_t)frame->count);
    return true;
}

/* ---- requirements ---------------------------------------------------------------------------------- */

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

static bool holds(const at_require *require, int64_t *open) {
    at_constant value = at_constant_of(require->condition, open_extent, open);
    return value.known && value.integer;
}

const at_require *at_extents_violated(at_session *s, const at_law_frame *frame,
                                      const at_cascade *cascade, const int64_t *extents) {
    int64_t *open = frame->open;
    if (cascade != frame->cascade) open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    enter_inputs(frame, cascade, extents, open);
    for (int i = 0; i < cascade->require_count; i++)
        if (!holds(&cascade->requires[i], open)) return &cascade->requires[i];
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

/* ---- repairs ------------------------------------------------------------------------------------- */

typedef struct {
    const at_law_frame *frame;
    const at_cascade *cascade;
    int64_t *open;   /* by axis id */
    int *axis;       /* by the frame's axis: the id, or -1 */
} repair;

static int violated_count(const repair *r) {
    int count = 0;
    for (int i = 0; i < r->cascade->require_count; i++)
        count += !holds(&r->cascade->requires[i], r->open);
    return count;
}

/* The nearest extent of one axis with which the requirement holds; -1 if there is none in reach. */
static int64_t nearest(repair *r, const at_require *require, int id) {
    int64_t was = r->open[id], found = -1;
    for (int64_t step = 1; step <= REPAIR_REACH && found < 0; step++)
        for (int side = 0; side < 2 && found < 0; side++) {
            r->open[id] = side ? was - step : was + step;
            if (r->open[id] >= 1 && holds(require, r->open)) found = r->open[id];
        }
    r->open[id] = was;
    return found;
}

/* Moves the one axis that leaves the fewest requirements open; by chance among equals. */
static bool repair_one(repair *r, const at_require *require, int kept, int64_t *extents,
                       uint64_t *random) {
    int best = -1, fewest = 0;
    int64_t value = 0;
    int first = r->frame->count ? (int)(*random % (uint64_t)r->frame->count) : 0;
    *random = at_draw_element(*random, 1);
    for (int i = 0; i < r->frame->count; i++) {
        int a = (first + i) % r->frame->count, id = r->axis[a];
        if (a == kept || r->frame->given[a] >= 0 || id < 0) continue;
        int64_t near = nearest(r, require, id), was = r->open[id];
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
    extents[best] = r->open[r->axis[best]] = value;
    return true;
}

bool at_extents_repair(at_law_frame *frame, int64_t *extents, int kept, uint64_t *random) {
    const at_cascade *cascade = frame->cascade;
    repair r = {frame, cascade, NULL, NULL};
    r.open = frame->open;
    r.axis = frame->ids;
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
            if (holds(&cascade->requires[i], r.open)) continue;
            all = false;
            if (!repair_one(&r, &cascade->requires[i], kept, extents, random)) return false;
        }
        if (all) return true;
    }
    return violated_count(&r) == 0;
}

/* ---- what is allowed ------------------------------------------------------------------------------- */

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

/* ---- drawing --------------------------------------------------------------------------------------- */

static int64_t draw_extent(int trial, uint64_t bits) {
    static const struct {
        int count, values[7];
    } pools[] = {
        {1, {1}},
        {3, {1, 2, 3}},
        {4, {2, 3, 4, 5}},
        {5, {1, 3, 5, 7, 2}},
        {5, {2, 5, 7, 13, 8}},
        {6, {1, 4, 13, 17, 24, 6}},
        {5, {5, 17, 31, 33, 3}},
        {7, {1, 7, 13, 33, 40, 48, 16}},
    };
    enum { POOLS = sizeof pools / sizeof *pools };
    int pool = trial < POOLS ? trial : 1 + (trial - POOLS) % (POOLS - 1);
    return pools[pool].values[bits % (uint64_t)pools[pool].count];
}

/* Makes the longest axis shorter until a run is short, as far as requirements let that. */
static void shorten(at_law_frame *frame, int64_t *extents, uint64_t *random) {
    enum { STEPS = 40 };
    double work = work_of(frame, extents);
    for (int step = 0; step < STEPS && work > WORK_LIMIT; step++) {
        int longest = -1;
        for (int i = 0; i < frame->count; i++)
            if (frame->given[i] < 0 && extents[i] > 1 &&
                (longest < 0 || extents[i] > extents[longest]))
                longest = i;
        if (longest < 0) return;
        size_t bytes = sizeof *extents * (size_t)frame->count;
        at_move(frame->spare, extents, bytes);
        frame->spare[longest] = (extents[longest] + 1) / 2;
        at_extents verdict = settle(frame, frame->spare, random);
        double less = verdict == AT_EXTENTS_GOOD ? work_of(frame, frame->spare) : work;
        if (less >= work) return;
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
        for (int i = 0; i < frame->count; i++) {
            random = at_draw_element(random, (uint64_t)i);
            int64_t drawn = draw_extent(trial + attempt / 4, random >> 20);
            extents[i] = frame->given[i] < 0 ? drawn : frame->given[i];
        }
        verdict = settle(frame, extents, &random);
    }
    if (verdict == AT_EXTENTS_REFUSED) verdict = search(frame, extents);
    if (verdict == AT_EXTENTS_GOOD) shorten(frame, extents, &random);
    /* The cascade that is left may be one that was only looked at. */
    return verdict == AT_EXTENTS_GOOD ? at_extents_judge(frame, extents) : verdict;
}
