/* Programs before and after a rewrite, run by the reference executor on the same inputs. */
#ifndef OPT_FIXTURE_H
#define OPT_FIXTURE_H

#include "program_fixture.h"

#include "compile.h"
#include "opt/opt.h"

UNUSED static void scatter_strange(dice *d, at_collection *inputs) {
    static const double strange[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0};
    for (int i = 0; i < inputs->count; i++) {
        at_tensor *t = inputs->items[i].tensor;
        for (int64_t k = 0; t->type == AT_TYPE_F64 && k < t->count; k++)
            if (pick(d, 6) == 0) ((double *)t->data)[k] = strange[pick(d, 5)];
    }
}

/* Runs both; what they say where they fail must be the same too. */
UNUSED static void same_results(at_session *s, const char *text, const at_cascade *before,
                         const at_cascade *after, const at_collection *inputs) {
    at_results expected, found;
    s->diag_count = 0;
    bool works = run_program(s, before, inputs, &expected);
    const char *said = works ? "" : s->diags[0]->message;
    s->diag_count = 0;
    bool still = run_program(s, after, inputs, &found);
    const char *what = NULL;
    if (works != still) what = at_format(s->arena, "one fails:\n%s\n%s", said, errors_of(s));
    else if (works) what = difference(s, &found.outputs, &expected.outputs, false);
    else if (strcmp(said, s->diags[0]->message) != 0)
        what = at_format(s->arena, "fails otherwise:\n%s\n%s", said, errors_of(s));
    s->diag_count = 0;
    at_results_free(&expected);
    at_results_free(&found);
    if (what) tell(at_format(s->arena, "%s\n%s\n%s", what, text, printed(s, after)));
}

/* The same on drawn inputs; in each third run some of them are infinite, not numbers or zeros.
 * Frees the session. */
UNUSED static void same_results_drawn(at_session *s, const char *text, const at_cascade *before,
                                      const at_cascade *after, const int64_t *open, dice *d,
                                      int run) {
    at_collection inputs;
    if (!give_drawn(s, before, open, d, &inputs)) fail();
    if (run % 3 == 2) scatter_strange(d, &inputs);
    same_results(s, text, before, after, &inputs);
    at_collection_free(&inputs);
    at_session_free(s);
}

UNUSED static const at_cascade *made(at_session *s, const char *text) {
    const at_source *source = at_make_source(s, "program.attn", text, strlen(text));
    const at_program *program = source ? at_load(s, source, NULL) : NULL;
    at_resolve_options options = {0};
    const at_cascade *cascade = program ? at_cascade_make(s, program, &options) : NULL;
    if (!cascade) tell(at_format(s->arena, "%s\n%s", text, errors_of(s)));
    return cascade;
}

#endif
