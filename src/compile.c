/* The compiler: its stages, in order, and nothing else.
 *
 *     program -lang-> cascade -grad-> cascade
 *     cascade -opt-> cascade -plan-> passes -loop-> loops -tile-> tiles -emit-> C -run-> kernel
 *
 * The first line ends in what the reference executor takes too: derivatives are equations like any
 * others, so the executors know nothing of them. */
#include "compile.h"

#include "grad/grad.h"
#include "form/form.h"
#include "opt/opt.h"
#include "opt/slices.h"
#include "opt/stream.h"

#include <stdlib.h>
#include <string.h>

const at_cascade *at_cascade_make(at_session *s, const at_program *program,
                                  const at_resolve_options *options) {
    const at_cascade *cascade = at_resolve(s, program, options);
    return cascade ? at_expand_grads(s, cascade) : NULL;
}

static at_type type_of(const at_compile_options *options) {
    return options && options->type ? options->type : AT_TYPE_F64;
}

/* Sets what stages take where they have several ways: what the options say, or what was kept of
 * this program by `attend tune`, or nothing. */
static bool choose(at_session *s, const at_cascade *cascade, const at_compile_options *options) {
    s->choices = (at_choices){0};
    if (options && options->choices) {
        s->choices = *options->choices;
        return true;
    }
    return at_tuning_find(s, cascade, type_of(options), options ? options->target : NULL,
                          &s->choices);
}

enum { USUAL = 256 }; /* columns: measured, see docs/decisions.md */

/* In blocks of how many columns sums over long axes are taken; 0 or less: in none. */
static int64_t stream_block(const at_session *s, const at_compile_options *how) {
    const char *set = getenv("ATTEND_STREAM");
    if (s->choices.unfused || (how && how->as_it_is)) return 0;
    if (s->choices.columns) return s->choices.columns;
    if (how && how->stream) return how->stream;
    return set ? strtol(set, NULL, 10) : USUAL;
}

static const at_cascade *rewrite(at_session *s, const at_cascade *cascade,
                                 const at_compile_options *how) {
    if (!how || !how->as_it_is) cascade = at_optimize(s, cascade);
    int64_t block = stream_block(s, how);
    return block > 0 ? at_sweep_cascade(s, cascade, block, NULL) : cascade;
}

/* The plan, and the cascade that it is of: what a plan would store over two lengths is a reason for
 * other sums (src/opt/slices.c), and another plan. */
static const at_plan *make_plan(at_session *s, const at_cascade *cascade,
                                const at_compile_options *how) {
    enum { TRIES = 4 };
    int known = s->reasons ? s->reasons->count : 0;
    const at_plan *plan = at_plan_make(s, cascade);
    int64_t block = stream_block(s, how);
    for (int i = 0; i < TRIES && block > 0; i++) {
        const bool *stored = at_plan_stored(s, plan);
        const at_cascade *sliced = plan->cascade;
        if (stored) sliced = at_slice_cascade(s, sliced, stored, block == USUAL ? 0 : block);
        if (sliced == plan->cascade) break;
        if (s->reasons) s->reasons->count = known; /* of a plan that is not taken */
        plan = at_plan_make(s, sliced);
    }
    return plan;
}

const at_plan *at_compile_plan(at_session *s, const at_cascade *cascade,
                               const at_compile_options *how) {
    if (!choose(s, cascade, how)) return NULL;
    return make_plan(s, rewrite(s, cascade, how), how);
}

/* From a cascade to tiles, or to the stage that is to be printed: then NULL. */
static const at_tile_program *make_tiles(at_session *s, const at_cascade *cascade,
                                         const at_compile_options *how, at_text *dump) {
    const char *stage = dump && how ? how->stage : NULL;
#define STOP_AFTER(name, print)                                                                    \
    if (stage && strcmp(stage, name) == 0) return print, NULL

    const at_plan *plan = make_plan(s, rewrite(s, cascade, how), how);
    STOP_AFTER("opt", at_ir_print(at_unshadowed(s, plan->cascade), dump));
    STOP_AFTER("plan", at_plan_print(plan, dump));
    const at_loop_program *loops = at_loop_make(s, plan);
    if (how && how->plain) loops = at_loop_plain(s, loops);
    if (how && how->instrument) loops = at_loop_instrument(s, loops);
    STOP_AFTER("loop", at_loop_print(loops, dump));
    const at_tile_program *tiles = at_tile_make(s, loops);
    STOP_AFTER("tile", at_tile_print(tiles, dump));
#undef STOP_AFTER
    return tiles;
}

const at_tile_program *at_compile_tiles(at_session *s, const at_cascade *cascade) {
    s->choices = (at_choices){0};
    return make_tiles(s, cascade, NULL, NULL);
}

static at_emit_options emit_options(const at_compile_options *options) {
    return (at_emit_options){.type = type_of(options),
                             .instrument = options && options->instrument};
}

bool at_compile_text(at_session *s, const at_cascade *const *cascades, const char *const *prefixes,
                     int count, const at_compile_options *options, const at_tile_program **tiles,
                     at_text *out) {
    at_emit_entry *entries = AT_NEW_ARRAY(s->arena, at_emit_entry, count);
    s->choices = (at_choices){0};
    for (int i = 0; i < count; i++) {
        entries[i] = (at_emit_entry){make_tiles(s, cascades[i], options, NULL), prefixes[i]};
        if (!entries[i].program) return false;
        if (tiles) tiles[i] = entries[i].program;
    }
    at_emit_options emit = emit_options(options);
    at_emit_source(s, entries, count, &emit, out);
    return true;
}

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    const at_compile_options *options;
    const char *stage; /* the one to print, or NULL */
    at_text *dump;
    at_text source;
    at_kernel *kernel;
} compilation;

static bool compile(void *user) {
    compilation *c = user;
    if (!choose(c->s, c->cascade, c->options)) return false;
    const at_tile_program *tiles = make_tiles(c->s, c->cascade, c->options, c->dump);
    if (!tiles) return c->s->diag_count == 0;
    const char *prefix = c->options && c->options->prefix ? c->options->prefix : "attend";
    at_emit_options emit = emit_options(c->options);
    at_emit_entry entry = {tiles, prefix};
    at_emit_source(c->s, &entry, 1, &emit, &c->source);
    if (c->stage) {
        at_text_add_n(c->dump, c->source.data, c->source.length);
        return true;
    }
    const char *target = c->options ? c->options->target : NULL;
    if (c->dump) at_text_add_n(c->dump, c->source.data, c->source.length);
    c->kernel = at_kernel_build(c->s, &entry, emit.type, &c->source, target);
    return c->kernel != NULL;
}

static void release(void *user) {
    compilation *c = user;
    at_text_free(&c->source);
}

at_kernel *at_compile(at_session *s, const at_cascade *cascade, const at_compile_options *options,
                      at_text *dump) {
    static const char *const stages[] = {"opt", "plan", "loop", "tile", "emit"};
    const char *stage = options ? options->stage : NULL;
    int known = stage == NULL;
    for (int i = 0; i < 5 && stage; i++) known |= strcmp(stages[i], stage) == 0;
    if (!known) {
        at_diag *diag = at_error(s, AT_E_STAGE, at_no_span(),
                                 "the compiler has no stage `%s`: it has opt, plan, loop, tile and "
                                 "emit", stage);
        at_hint_near(s, diag, stage, stages, 5);
        return NULL;
    }
    compilation c = {s, cascade, options, stage, dump, {0}, NULL};
    at_released(s, compile, release, &c);
    return c.kernel;
}
