/* A stream of choices, recorded: drawn at first, played back and changed when a failure is made
 * small. What is played back may be too large or too short for what it now decides; it is then the
 * largest that fits, or 0. */
#include "random.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CHOICES = 8000 }; /* what is chosen after so many is 0: the program comes to its end */

uint64_t mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void choices_fresh(choices *c, uint64_t seed) { *c = (choices){.state = mixed(seed)}; }

void choices_replay(choices *c, const uint32_t *script, int count) {
    *c = (choices){.script = script, .script_count = count};
}

void choices_free(choices *c) {
    free(c->values);
    free(c->spans);
    *c = (choices){0};
}

static void *grown(void *items, int count, int *capacity, size_t bytes) {
    if (count < *capacity) return items;
    *capacity = *capacity ? 2 * *capacity : 64;
    items = realloc(items, (size_t)*capacity * bytes);
    if (!items) abort();
    return items;
}

static void record(choices *c, uint32_t value) {
    c->values = grown(c->values, c->count, &c->capacity, sizeof *c->values);
    c->values[c->count++] = value;
}

static uint32_t fresh(choices *c) {
    c->state += 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed(c->state) >> 32);
}

/* Whether the script decides, and what. */
static bool played(choices *c, uint32_t last, uint32_t *value) {
    if (!c->script && c->count < MOST_CHOICES) return false;
    *value = 0;
    if (!c->script || c->missing || c->at >= c->script_count || c->script[c->at] > last) {
        bool too_large = c->script && !c->missing && c->at < c->script_count &&
                         c->script[c->at] < SPAN_CLOSE;
        if (too_large) *value = last, c->at++;
        return true;
    }
    *value = c->script[c->at++];
    return true;
}

int choose(choices *c, int count) {
    if (count <= 1) return 0; /* nothing to choose, nothing to make small */
    uint32_t value, last = (uint32_t)count - 1;
    if (!played(c, last, &value)) value = fresh(c) % (uint32_t)count;
    record(c, value);
    return (int)value;
}

bool maybe(choices *c, int percent) {
    uint32_t value;
    if (!played(c, 1, &value)) value = fresh(c) % 100 < (uint32_t)percent;
    record(c, value);
    return value != 0;
}

int choose_weighted(choices *c, const int *weights, int count) {
    int total = 0, first = -1;
    for (int i = count - 1; i >= 0; i--) {
        total += weights[i];
        if (weights[i] > 0) first = i;
    }
    if (first < 0) return 0;
    uint32_t value;
    if (!played(c, (uint32_t)count - 1, &value)) {
        int left = (int)(fresh(c) % (uint32_t)total);
        for (value = 0; left >= weights[value]; value++) left -= weights[value];
    }
    if (weights[value] == 0) value = (uint32_t)first;
    record(c, value);
    return (int)value;
}

/* A span of the script stays together with what it is for: what is left over in the span around
 * stands for nothing, and where there is no further span all is 0. So a statement that became
 * another one does not shift what the next statement is made from. */
int span_begin(choices *c, span_label label) {
    if (c->missing) {
        c->missing++;
    } else if (c->script) {
        while (c->at < c->script_count && c->script[c->at] < SPAN_CLOSE) c->at++;
        if (c->at < c->script_count && c->script[c->at] == SPAN_OPEN) c->at++;
        else c->missing = 1;
    }
    c->spans = grown(c->spans, c->span_count, &c->span_capacity, sizeof *c->spans);
    c->spans[c->span_count] = (choice_span){c->count, c->count, (int)label};
    record(c, SPAN_OPEN);
    return c->span_count++;
}

void span_end(choices *c, int span) {
    record(c, SPAN_CLOSE);
    c->spans[span].end = c->count;
    if (c->missing) {
        c->missing--;
        return;
    }
    for (int open = 0; c->at < c->script_count && open >= 0; c->at++) {
        if (c->script[c->at] == SPAN_OPEN) open++;
        if (c->script[c->at] == SPAN_CLOSE) open--;
    }
}
