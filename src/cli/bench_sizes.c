/* Sizes for functions that are measured without being told any: an axis gets the extent that its
 * name usually stands for, as far as the function's requirements allow, and less where a run would
 * take very long. What was chosen is told with what was measured. */
#include "cli/bench.h"

#include "check/check_int.h"

#include <string.h>

static const double MOST_WORK = 1e10; /* operations on elements, roughly, of a run */
static const double MOST_GIVEN = 32e6; /* elements of inputs and outputs */
static const double MOST_STORED = 256e6; /* elements of any array */

/* Extents by the names that axes have in lib/ and zoo/: positions, then what each position
 * holds. */
static const struct {
    const char *names;
    int64_t extent;
} usual[] = {
    {"i j n t m s v", 1024},
    {"x y", 32},
    {"h", 8},
    {"b", 4},
    {"z u g r a l o", 16},
};

enum { OTHERS = 64, ROWS = sizeof usual / sizeof *usual };

/* Values of options that have none, likewise. */
static const struct {
    const char *names, *value;
} usual_options[] = {
    {"heads groups depth", "8"},
    {"clip length height columns steps block", "32"},
    {"width channels", "64"},
    {"tokens", "1024"},
};

enum { OPTION_ROWS = sizeof usual_options / sizeof *usual_options };

static bool is_among(const char *names, const char *name) {
    size_t length = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += length)
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
    return false;
}

/* An axis of ints or bools counts positions (edges, tokens), whatever it is called. */
static bool counts_positions(const at_definition *d, const char *name) {
    for (int i = 0; i < d->input_count; i++)
        for (int k = 0; k < d->inputs[i].count; k++)
            if (d->inputs[i].has_kind && d->inputs[i].kind != AT_REAL &&
                strcmp(d->inputs[i].axes[k], name) == 0)
                return true;
    return false;
}

static int64_t usual_extent(const at_definition *d, const char *name) {
    for (int i = 0; i < ROWS; i++)
        if (is_among(usual[i].names, name)) return usual[i].extent;
    return counts_positions(d, name) ? usual[0].extent : OTHERS;
}

const char *at_bench_option(const char *name) {
    for (int i = 0; i < OPTION_ROWS; i++)
        if (is_among(usual_options[i].names, name)) return usual_options[i].value;
    return NULL;
}

static at_extents settle(at_law_frame *frame, int64_t *extents) {
    enum { ROUNDS = 6 };
    uint64_t random = 1;
    at_extents verdict = at_extents_judge(frame, extents);
    for (int i = 0; i < ROUNDS && verdict == AT_EXTENTS_REFUSED && frame->cascade; i++) {
        if (!at_extents_repair(frame, extents, -1, &random)) return AT_EXTENTS_REFUSED;
        verdict = at_extents_judge(frame, extents);
    }
    return verdict;
}

/* Usual extents where they are allowed, or all of one extent. */
static at_extents choose(at_law_frame *frame, int64_t *extents) {
    static const int64_t alike[] = {0, 64, 16, 8, 4, 2};
    at_extents verdict = AT_EXTENTS_REFUSED;
    for (int k = 0; k < 6 && verdict != AT_EXTENTS_GOOD; k++) {
        for (int i = 0; i < frame->count; i++)
            extents[i] = frame->given[i] >= 0 ? frame->given[i]
                         : alike[k]           ? alike[k]
                                              : usual_extent(frame->law, frame->names[i]);
        verdict = settle(frame, extents);
    }
    return verdict;
}

static double elements_of(const at_array *array, const int64_t *all) {
    double elements = 1;
    for (int i = 0; i < array->rank; i++) elements *= (double)all[array->axes[i]->id];
    return elements;
}

/* Whether a run would take very long, or much memory. */
static bool is_too_much(at_session *s, const at_law_frame *frame, const int64_t *extents) {
    const at_cascade *cascade = frame->cascade;
    const int64_t *all = at_extents_all(s, frame, cascade, extents);
    double given = 0, stored = 0;
    for (int i = 0; i < cascade->input_count; i++)
        given += elements_of(cascade->inputs[i].array, all);
    for (int i = 0; i < cascade->output_count; i++)
        given += elements_of(cascade->outputs[i].array, all);
    for (int i = 0; i < cascade->array_count; i++) {
        double elements = elements_of(cascade->arrays[i], all);
        if (elements > stored) stored = elements;
    }
    return at_law_work(cascade, all) > MOST_WORK || given > MOST_GIVEN || stored > MOST_STORED;
}

/* Halves the longest axes until a run is short and small; stops where requirements forbid it. */
static void shorten(at_session *s, at_law_frame *frame, int64_t *extents) {
    size_t bytes = sizeof *extents * (size_t)frame->count;
    int64_t *shorter = at_copy(s->arena, extents, bytes);
    while (is_too_much(s, frame, extents)) {
        int64_t longest = 1;
        for (int i = 0; i < frame->count; i++)
            if (frame->given[i] < 0 && shorter[i] > longest) longest = shorter[i];
        if (longest == 1) break;
        for (int i = 0; i < frame->count; i++)
            if (frame->given[i] < 0 && shorter[i] == longest) shorter[i] /= 2;
        if (settle(frame, shorter) != AT_EXTENTS_GOOD) break;
        at_move(extents, shorter, bytes);
    }
    (void)at_extents_judge(frame, extents); /* the cascade belongs to these again */
}

static const char *reason(const at_law_frame *frame, at_extents verdict) {
    if (verdict == AT_EXTENTS_MEMORY) return "no memory is left to resolve it";
    if (frame->s && frame->s->diag_count) return frame->s->diags[0]->message;
    return "no sizes were found that it allows; --size gives them";
}

bool at_bench_sizes(at_session *s, const at_program *program, const at_definition *definition,
                    at_resolve_options *resolve, const char **why) {
    at_law_options options = {.resolve = *resolve};
    at_law_frame frame = {.program = program, .law = definition, .options = &options};
    at_law_frame_begin(s, &frame);
    int64_t *extents = AT_NEW_ARRAY(s->arena, int64_t, frame.count + 1);
    at_extents verdict = choose(&frame, extents);
    if (verdict == AT_EXTENTS_GOOD) shorten(s, &frame, extents);
    at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, frame.count + 1);
    for (int i = 0; i < frame.count; i++) sizes[i] = (at_known_size){frame.names[i], extents[i]};
    resolve->sizes = sizes;
    resolve->size_count = frame.count;
    if (verdict != AT_EXTENTS_GOOD) {
        const char *text = reason(&frame, verdict);
        *why = at_copy_text(s->arena, text, strlen(text));
    }
    at_law_frame_end(&frame);
    return verdict == AT_EXTENTS_GOOD;
}
