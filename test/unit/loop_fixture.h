/* What tests of loop trees share: drawn programs run compiled and by the reference, and the trees
 * of a program as text. */
#ifndef LOOP_FIXTURE_H
#define LOOP_FIXTURE_H

#include "program_fixture.h"

#include "compile.h"
#include "ref/ref_int.h"

UNUSED static void compare(at_session *s, const at_cascade *cascade, const at_kernel *kernel,
                           dice *d, int least, int most, const char *text) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = least + pick(d, most);
    at_collection inputs;
    at_results expected = {0}, found = {0};
    if (!give_drawn(s, cascade, open, d, &inputs)) fail_msg("no inputs");
    at_call call = {.inputs = &inputs, .threads = 1};
    if (!at_ref_run_as(s, cascade, &call, true, NULL, NULL, &expected))
        fail_msg("%s\n%s", text, errors_of(s));
    if (!at_kernel_run(s, kernel, &call, &found)) fail_msg("%s\n%s", text, errors_of(s));
    const char *wrong = difference(s, &found.outputs, &expected.outputs, false);
    if (wrong) {
        for (int i = 0; i < cascade->axis_count; i++)
            fprintf(stderr, "%s = %d\n", cascade->axes[i]->name, (int)open[i]);
        tell(at_format(s->arena, "%s%s", text, wrong));
    }
    at_results_free(&found);
    at_results_free(&expected);
    at_collection_free(&inputs);
}

/* Programs that `write` draws, at many extents from `least` on: compiled code gives what the
 * reference gives. */
typedef const at_cascade *change_fn(at_session *s, const at_cascade *cascade);
UNUSED static void agree_compiled(void (*write)(dice *d, at_text *out), int least,
                           const at_compile_options *options, change_fn *change) {
    dice d = {2024};
    for (int round = 0; round < 3; round++) {
        at_session *s = at_session_new((size_t)256 << 20);
        at_text text = {0};
        write(&d, &text);
        const at_cascade *cascade = resolved(s, text.data);
        const at_cascade *compiled = change ? change(s, cascade) : cascade;
        at_kernel *kernel = at_compile(s, compiled, options, NULL);
        if (!kernel) fail_msg("%s\n%s", text.data, errors_of(s));
        for (int run = 0; run < 30; run++)
            compare(s, cascade, kernel, &d, least, run < 3 ? 2 : 9, text.data);
        at_kernel_free(kernel);
        at_text_free(&text);
        at_session_free(s);
    }
}

UNUSED static void agree_with_the_reference(void (*write)(dice *d, at_text *out), int least) {
    agree_compiled(write, least, NULL, NULL);
}

/* A kernel gives what the reference gives, to the same bits for 1 to 4 threads. Frees the
 * inputs. */
UNUSED static void threads_agree(at_session *s, const at_cascade *cascade, const at_kernel *kernel,
                                 at_collection *inputs) {
    at_results expected, found, again;
    assert_true(run_program(s, cascade, inputs, &expected));
    at_call call = {.inputs = inputs, .threads = 1};
    assert_true(at_kernel_run(s, kernel, &call, &found));
    const char *differs = difference(s, &found.outputs, &expected.outputs, false);
    if (differs) fail_msg("%s: %s", cascade->name, differs);
    for (int threads = 2; threads <= 4; threads++) {
        call.threads = threads;
        assert_true(at_kernel_run(s, kernel, &call, &again));
        differs = difference(s, &again.outputs, &found.outputs, true);
        if (differs) fail_msg("%s with %d threads: %s", cascade->name, threads, differs);
        at_results_free(&again);
    }
    at_results_free(&expected);
    at_results_free(&found);
    at_collection_free(inputs);
}

/* A stage of a program as text. */
UNUSED static const char *stage_of(at_session *s, const char *stage, const char *text) {
    at_text dump = {0};
    at_compile_options options = {.stage = stage};
    at_compile(s, resolved(s, text), &options, &dump);
    const char *copy = at_copy_text(s->arena, dump.data, dump.length);
    at_text_free(&dump);
    return copy;
}

UNUSED static void expect_loops(const char *text, const char *line, bool may_fail) {
    at_session *s = at_session_new((size_t)256 << 20);
    const char *loops = stage_of(s, "loop", text);
    if (!strstr(loops, line)) fail_msg("no `%s` in\n%s", line, loops);
    if (may_fail != (strstr(loops, "fail") != NULL)) fail_msg("%s", loops);
    at_session_free(s);
}

#endif
