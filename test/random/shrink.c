/* Makes a failing program small by making its choices few and small: a candidate is a changed
 * script, played back, and kept when the program still fails in the same way. Shorter is simpler;
 * of equal length, the first smaller choice is.
 *
 * This is the internal reduction of David MacIver's Hypothesis: spans of choices that made one
 * thing (a statement, an expression) are left out or replaced by one of their parts, then single
 * choices are left out or lowered. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t *best;
    int count;
    choice_span *spans; /* of the best */
    int span_count;
    bool (*still)(void *user, const uint32_t *script, int count);
    void *user;
    int wild_percent;
    double until;
    uint64_t *tried; /* hashes of texts that were tried */
    int tried_count, tried_capacity;
} shrinker;

static uint64_t text_hash(const random_program *p) {
    uint64_t hash = mixed(p->data + (p->training ? 7 : 0));
    for (const char *at = p->text; *at; at++) hash = mixed(hash ^ (uint64_t)(unsigned char)*at);
    for (int i = 0; i < p->size_count; i++) hash = mixed(hash ^ (uint64_t)p->sizes[i].extent);
    return mixed(hash + (uint64_t)p->style);
}

static bool is_new(shrinker *s, uint64_t hash) {
    for (int i = 0; i < s->tried_count; i++)
        if (s->tried[i] == hash) return false;
    if (s->tried_count == s->tried_capacity) {
        s->tried_capacity = 2 * s->tried_capacity + 64;
        s->tried = realloc(s->tried, sizeof *s->tried * (size_t)s->tried_capacity);
        if (!s->tried) abort();
    }
    s->tried[s->tried_count++] = hash;
    return true;
}

static bool simpler(const shrinker *s, const choices *c) {
    if (c->count != s->count) return c->count < s->count;
    for (int i = 0; i < c->count; i++)
        if (c->values[i] != s->best[i]) return c->values[i] < s->best[i];
    return false;
}

static void keep(shrinker *s, choices *c) {
    free(s->best);
    free(s->spans);
    s->best = c->values;
    s->count = c->count;
    s->spans = c->spans;
    s->span_count = c->span_count;
    c->values = NULL;
    c->spans = NULL;
}

/* Tries a script; true when it became the best. */
static bool attempt(shrinker *s, const uint32_t *script, int count) {
    if (at_now() > s->until) return false;
    choices c;
    choices_replay(&c, script, count);
    at_arena *arena = at_arena_new((size_t)256 << 20);
    if (!arena) abort();
    random_program program;
    generate(&c, arena, s->wild_percent, &program);
    bool better = simpler(s, &c) && is_new(s, text_hash(&program)) &&
                  s->still(s->user, c.values, c.count);
    at_arena_free(arena);
    if (better) keep(s, &c);
    choices_free(&c);
    return better;
}

/* The best without [begin, end), or with [from, to) in its place. */
static bool without(shrinker *s, int begin, int end, int from, int to) {
    if (begin >= end || end > s->count) return false;
    uint32_t *script = malloc(sizeof *script * (size_t)(s->count + 1));
    if (!script) abort();
    int count = 0;
    for (int i = 0; i < begin; i++) script[count++] = s->best[i];
    for (int i = from; i < to; i++) script[count++] = s->best[i];
    for (int i = end; i < s->count; i++) script[count++] = s->best[i];
    bool better = attempt(s, script, count);
    free(script);
    return better;
}

static bool lowered(shrinker *s, int begin, int end, uint32_t value) {
    uint32_t *script = malloc(sizeof *script * (size_t)(s->count + 1));
    if (!script) abort();
    memcpy(script, s->best, sizeof *script * (size_t)s->count);
    bool lower = false;
    for (int i = begin; i < end && i < s->count; i++) {
        if (script[i] <= value || script[i] >= SPAN_CLOSE) continue;
        script[i] = value;
        lower = true;
    }
    bool better = lower && attempt(s, script, s->count);
    free(script);
    return better;
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Whole functions, statements, expressions: left out with the choice before them (whether there is
 * another), left out alone, or all at their simplest. */
static bool drop_spans(shrinker *s) {
    bool better = false;
    for (int i = 0; i < s->span_count; i++) {
        choice_span one = s->spans[i];
        if (one.end > s->count) break;
        bool listed = one.begin > 0 && s->best[one.begin - 1] < SPAN_CLOSE;
        better |= (listed && without(s, one.begin - 1, one.end, 0, 0)) ||
                  without(s, one.begin, one.end, 0, 0) || lowered(s, one.begin, one.end, 0);
    }
    return better;
}

/* An expression by one inside it, a statement by one in its block. */
static bool hoist_spans(shrinker *s) {
    bool better = false;
    for (int i = 0; i < s->span_count; i++) {
        int tries = 0;
        for (int k = i + 1; k < s->span_count && s->spans[k].begin < s->spans[i].end && tries < 12;
             k++) {
            choice_span outer = s->spans[i], inner = s->spans[k];
            if (inner.label != outer.label || inner.end > outer.end) continue;
            tries++;
            if (inner.end - inner.begin < outer.end - outer.begin &&
                without(s, outer.begin, outer.end, inner.begin, inner.end)) {
                better = true;
                break;
            }
        }
    }
    return better;
}

static bool drop_pieces(shrinker *s, int size) {
    bool better = false;
    for (int i = s->count - size; i >= 0; i--) {
        bool plain = i + size <= s->count;
        for (int k = i; k < i + size && plain; k++) plain = s->best[k] < SPAN_CLOSE;
        if (plain) better |= without(s, i, i + size, 0, 0);
    }
    return better;
}

static bool lower_each(shrinker *s) {
    bool better = false;
    for (int i = 0; i < s->count; i++) {
        if (s->best[i] == 0 || s->best[i] >= SPAN_CLOSE) continue;
        if (lowered(s, i, i + 1, 0)) {
            better = true;
            continue;
        }
        uint32_t value = s->best[i];
        for (uint32_t by = value / 2; by > 0 && i < s->count; by /= 2)
            while (i < s->count && s->best[i] < SPAN_CLOSE && s->best[i] >= by && s->best[i] > 0 &&
                   lowered(s, i, i + 1, s->best[i] - by))
                better = true;
    }
    return better;
}

void shrink(uint32_t **script, int *count,
            bool (*still)(void *user, const uint32_t *script, int count), int wild_percent,
            double seconds, void *user) {
    shrinker s = {
        .still = still, .user = user, .wild_percent = wild_percent, .until = at_now() + seconds};
    /* Played back once, for its spans. */
    choices c;
    choices_replay(&c, *script, *count);
    at_arena *arena = at_arena_new((size_t)256 << 20);
    if (!arena) abort();
    random_program program;
    generate(&c, arena, wild_percent, &program);
    at_arena_free(arena);
    keep(&s, &c);
    choices_free(&c);
    for (bool better = true; better && at_now() < s.until;) {
        better = drop_spans(&s);
        better |= hoist_spans(&s);
        for (int size = 8; size > 0; size /= 2) better |= drop_pieces(&s, size);
        better |= lower_each(&s);
    }
    free(*script);
    *script = s.best;
    *count = s.count;
    free(s.spans);
    free(s.tried);
}
