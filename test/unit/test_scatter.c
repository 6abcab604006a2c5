/* Folds that group by data as scatters, against the meaning: programs drawn at random run compiled
 * and by the reference executor without scatters, over several extents. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "compile.h"
#include "ref/ref_int.h"

enum { EQUATIONS = 16 };

static void guard(dice *d, at_text *out) {
    static const char *const groups[] = {"to[e] == g",     "g == to[e]",  "at[e] == g",
                                         "to[e] % 4 == g", "e // 3 == g", "g + h == to[e]",
                                         "to[e] == size(g) - 1 - g"};
    static const char *const more[] = {"w[e] > 0", "u[e] == h", "keep[e]", "e < to[e]", "h < 2",
                                       "g != 1", "k[h] == e % 3", "e // 2 == h"};
    at_text_add(out, groups[pick(d, 7)]);
    for (int parts = pick(d, 3); parts > 0; parts--) at_text_addf(out, " and %s", more[pick(d, 8)]);
}

static void write_program(dice *d, at_text *out) {
    static const char *const folds[] = {"sum", "sum", "max", "min", "any", "all", "prod", "mean",
                                        "count", "argmax"};
    static const char *const bodies[] = {"w[e]", "x[e,h]", "x[e,h] * w[e]", "w[e] + real(g)",
                                         "if g > 1 then x[e,h] else w[e]"};
    at_text_add(out, "fn f(x[e,h], to[e]: int, at[e]: index g, u[e]: int, keep[e]: bool, w[e], "
                     "k[h]: int, v[g]) -> ");
    for (int i = 0; i < EQUATIONS; i++) at_text_addf(out, "%sy%d[g,h]", i ? ", " : "", i);
    at_text_add(out, " {\n");
    for (int i = 0; i < EQUATIONS; i++) {
        int fold = pick(d, 10);
        bool logic = fold == 4 || fold == 5;
        at_text_addf(out, "  y%d[%s] = %s[e where ", i, "g,h", folds[fold]);
        guard(d, out);
        at_text_addf(out, "](%s)\n", logic ? "x[e,h] > w[e]" : bodies[pick(d, 5)]);
    }
    at_text_add(out, "}\n");
}

static void compare(at_session *s, const at_cascade *cascade, const at_kernel *kernel, dice *d,
                    int most, const char *text) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = 1 + pick(d, most);
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

static void scatters_give_what_double_loops_give(void **state) {
    (void)state;
    dice d = {2024};
    for (int round = 0; round < 3; round++) {
        at_session *s = at_session_new((size_t)256 << 20);
        at_text text = {0};
        write_program(&d, &text);
        const at_cascade *cascade = resolved(s, text.data);
        at_kernel *kernel = at_compile(s, cascade, NULL, NULL);
        if (!kernel) fail_msg("%s\n%s", text.data, errors_of(s));
        for (int run = 0; run < 30; run++)
            compare(s, cascade, kernel, &d, run < 3 ? 2 : 9, text.data);
        at_kernel_free(kernel);
        at_text_free(&text);
        at_session_free(s);
    }
}

/* The loops of a program as text. */
static const char *loops_of(at_session *s, const char *text) {
    at_text dump = {0};
    at_compile_options options = {.stage = "loop"};
    at_compile(s, resolved(s, text), &options, &dump);
    const char *copy = at_copy_text(s->arena, dump.data, dump.length);
    at_text_free(&dump);
    return copy;
}

static void expect_loops(const char *text, const char *line, bool may_fail) {
    at_session *s = at_session_new((size_t)256 << 20);
    const char *loops = loops_of(s, text);
    if (!strstr(loops, line)) fail_msg("no `%s` in\n%s", line, loops);
    if (may_fail != (strstr(loops, "fail") != NULL)) fail_msg("%s", loops);
    at_session_free(s);
}

static void groups_are_scattered(void **state) {
    (void)state;
    expect_loops("fn f(x[e,c], to[e]: int) -> y[g,c] {\n  axis g = 4\n"
                 "  y[g,c] = sum[e where to[e] == g](x[e,c])\n}",
                 "  for e\n    g is to[e]\n    if 0 <= g and g < size(g)\n      for c\n"
                 "        put y", false);
    expect_loops("fn f(x[e], to[e]: index g, v[g]) -> y[g] = max[e where to[e] == g](x[e] * v[g])",
                 "  for e\n    g is to[e]\n    put y at g = max(y[g], x[e] * v[g])", false);
    expect_loops("fn f(to[e]: index g, v[g]) -> y[g] = sum[e where to[e] == g](1)",
                 "put y at g = y[g] + 1", false);
    /* What does not depend on the loops inside is computed once for each term, and never for all pairs
     * of groups and terms. */
    expect_loops("fn f(x[n,c], to[e]: index n, s[e]) -> y[n,c] {\n"
                 "  m[n] = max[e where to[e] == n](s[e])\n"
                 "  y[n,c] = sum[e where to[e] == n](exp(s[e] - m[n]) * x[to[e],c])\n}",
                 "  for e\n    n is to[e]\n    let part = exp(s[e] - m[n])\n    for c\n"
                 "      put y at n * size(c) + c = y[n,c] + part * x[to[e], c]", false);
    /* An element that fails is none of the others' business. */
    expect_loops("fn f(x[e]: int, to[e]: index g, v[g]) -> y[g] = sum[e where to[e] == g](x[e])",
                 "  for g\n", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scatters_give_what_double_loops_give),
        cmocka_unit_test(groups_are_scattered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
