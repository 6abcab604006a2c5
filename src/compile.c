/* The compiler: its stages, in order, and nothing else.
 *
 *     program -lang-> cascade -grad-> cascade
 *     cascade -opt-> cascade -plan-> passes -loop-> loops -tile-> tiles -emit-> C -run-> kernel
 *
 * The first line ends in what the reference executor takes too: derivatives are equations like any
 * others, so the executors know nothing of them. */
#include "compile.h"

#include "grad/grad.h"
#include "opt/opt.h"

#include <string.h>

const at_cascade *at_cascade_make(at_session *s, const at_program *program,
                                  const at_resolve_options *options) {
    const at_cascade *cascade = at_resolve(s, program, options);
    return cascade ? at_expand_grads(s, cascade) : NULL;
}

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    const char *stage; /* the one to print, or NULL */
    at_text *dump;
    at_text source;
    at_kernel *kernel;
} compilation;

static bool compile(void *user) {
    compilation *c = user;
#define STOP_AFTER(name, print)                                                                    \
    if (c->stage && strcmp(c->stage, name) == 0) return print, true

    c->cascade = at_optimize(c->s, c->cascade);
    STOP_AFTER("opt", at_ir_print(at_unshadowed(c->s, c->cascade), c->dump));
    const at_plan *plan = at_plan_make(c->s, c->cascade);
    if (!plan) return false;
    STOP_AFTER("plan", at_plan_print(plan, c->dump));
    const at_loop_program *loops = at_loop_make(c->s, plan);
    STOP_AFTER("loop", at_loop_print(loops, c->dump));
    const at_tile_program *tiles = at_tile_make(c->s, loops);
    STOP_AFTER("tile", at_tile_print(tiles, c->dump));
    at_emit_source(c->s, tiles, &c->source);
    STOP_AFTER("emit", at_text_add_n(c->dump, c->source.data, c->source.length));
    c->kernel = at_kernel_build(c->s, tiles, &c->source);
    return c->kernel != NULL;
#undef STOP_AFTER
}

static void release(void *user) {
    compilation *c = user;
    at_text_free(&c->source);
}

at_kernel *at_compile(at_session *s, const at_cascade *cascade, const char *stage, at_text *dump) {
    static const char *const stages[] = {"opt", "plan", "loop", "tile", "emit"};
    int known = stage == NULL;
    for (int i = 0; i < 5 && stage; i++) known |= strcmp(stages[i], stage) == 0;
    if (!known) {
        at_diag *diag = at_error(s, AT_E_STAGE, at_no_span(),
                                 "the compiler has no stage `%s`: it has opt, plan, loop, tile and "
                                 "emit", stage);
        at_hint_near(s, diag, stage, stages, 5);
        return NULL;
    }
    compilation c = {s, cascade, stage, dump, {0}, NULL};
    at_released(s, compile, release, &c);
    return c.kernel;
}
