/* Guards that become bounds of loops, against the meaning: programs with many guards drawn at
 * random run compiled and by the reference executor with loops that no guard shortens, over several
 * extents, 0 among them. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "compile.h"
#include "ref/ref_int.h"

enum { EQUATIONS = 24 };

/* A linear form of i, j, k, of data, or of a size. */
static void form(dice *d, at_text *out) {
    static const char *const terms[] = {"i", "j", "k", "a[i]", "size(n)", "b[j]", "2 * j", "3 * k",
                                        "size(m) // 2", "a[i] % 3", "min(i, 2)", "-k"};
    at_text_add(out, terms[pick(d, 12)]);
    for (int more = pick(d, 3); more > 0; more--)
        at_text_addf(out, " %c %s", pick(d, 2) ? '+' : '-', terms[pick(d, 12)]);
    if (pick(d, 3) == 0) at_text_addf(out, " + %d", pick(d, 9) - 4);
}

static void guard(dice *d, at_text *out) {
    static const char *const signs[] = {"<", "<=", ">", ">=", "==", "!="};
    for (int parts = 1 + pick(d, 3); parts > 0; parts--) {
        int which = pick(d, 8);
        if (which == 0) {
            at_text_add(out, "keep[j]");
        } else if (which == 1) {
            at_text_add(out, "k == a[i]");
        } else {
            form(d, out);
            at_text_addf(out, " %s ", signs[pick(d, 6)]);
            form(d, out);
        }
        if (parts > 1) at_text_add(out, " and ");
    }
}

static void write_program(dice *d, at_text *out) {
    static const char *const folds[] = {"count", "sum", "max", "argmax", "any", "prod", "mean"};
    at_text_add(out, "fn f(x[j,k], a[i]: int, b[j]: int, keep[j]: bool, w[n], v[m]) -> ");
    for (int e = 0; e < EQUATIONS; e++) at_text_addf(out, "%sy%d[i]", e ? ", " : "", e);
    at_text_add(out, " {\n  axis h = size(n) // 2\n");
    for (int e = 0; e < EQUATIONS; e++) {
        int fold = pick(d, 7);
        at_text_addf(out, "  y%d[i] = %s[%s where ", e, folds[fold], pick(d, 2) ? "j,k" : "k,j");
        guard(d, out);
        static const char *const bodies[] = {"x[j,k]", "x[j,k] * real(j - k)", "x[j,k] + real(i)"};
        at_text_addf(out, "](%s)\n", fold == 4 ? "x[j,k] > 0" : bodies[pick(d, 3)]);
    }
    at_text_add(out, "}\n");
}

static void compare(at_session *s, const at_cascade *cascade, const at_kernel *kernel, dice *d,
                    int most, const char *text) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = pick(d, most);
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

static void bounds_say_what_guards_say(void **state) {
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

static void masks_shorten_loops(void **state) {
    (void)state;
    expect_loops("fn f(x[i]) -> y[i] {\n  axis j as i\n  y[i] = max[j where j <= i](x[j])\n}",
                 "for j to i + 1\n      set `max`", false);
    expect_loops("fn f(x[i,j]) -> y[i] = max[j where i - j < 4 and j <= i](x[i,j])",
                 "for j from max(i - 4, -1) + 1 to min(i, size(j) - 1) + 1\n      set", false);
    expect_loops("fn f(x[n], z[n]) -> y[m] {\n  axis m = 2 * size(n) - 1\n"
                 "  y[m] = max[n where 0 <= m - n and m - n < size(n)](x[n] * z[m - n])\n}",
                 "x[n] * z[m - n]", false);
    expect_loops("fn f(x[i,j], n[i]: int) -> y[i] = max[j where j < n[i]](x[i,j])",
                 "for j to min(n[i], size(j))\n      set", false);
    /* What may fail before it keeps a guard a condition. */
    expect_loops("fn f(x[i,j], n[i]: int) -> y[i] = max[j where x[i,n[j]] > 0 and j < 3](x[i,j])",
                 "for j\n", true);
}

static void gathers_need_no_test_where_they_are_inside(void **state) {
    (void)state;
    expect_loops("fn f(x[n], s[i,n]) -> y[i] {\n  axis r = 2\n  t[i,r] = topk[n](s[i,n])\n"
                 "  y[i] = max[r where t[i,r] >= 0](x[t[i,r]])\n}", "x[t[i,r] | 0.0]", false);
    expect_loops("fn f(x[n], s[i,n]) -> y[i] {\n  axis r = 2\n  t[i,r] = topk[n](s[i,n])\n"
                 "  y[i] = max[r where t[i,r] != -1](x[t[i,r]])\n}", "x[t[i,r] | 0.0]", false);
    expect_loops("fn f(x[n], s[n]) -> y[n] {\n  t[n] = argsort[n](s[n])\n  y[n] = x[t[n]]\n}",
                 "store y at n = x[t[n]]", false);
    expect_loops("fn f(x[n], a[i]: int) -> y[i] = x[a[i] % size(n)]", "", true);
    expect_loops("fn f(x[n], a[n]: int) -> y[n] = x[clamp(a[n], 0, size(n) - 1)]",
                 "store y at n = x[clamp(a[n], 0, size(n) - 1)]", false);
    expect_loops("fn f(x[n], a[i]: int) -> y[i] = "
                 "if 0 <= a[i] and a[i] < size(n) then x[a[i]] else 0",
                 "x[a[i] | 0.0]", false);
    expect_loops("fn f(x[n]) -> y[h] {\n  axis h = size(n) // 3, u = 3\n"
                 "  y[h] = max[u](x[3 * h + u])\n}", "x[3 * h + u]", false);
    expect_loops("fn f(x[n], s[i,n]) -> y[i] {\n  axis r = 2\n  t[i,r] = topk[n](s[i,n])\n"
                 "  y[i] = max[r](x[t[i,r]])\n}", "require", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_say_what_guards_say),
        cmocka_unit_test(masks_shorten_loops),
        cmocka_unit_test(gathers_need_no_test_where_they_are_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
