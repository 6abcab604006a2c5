/* Guards that become bounds of loops, against the meaning: programs with many guards drawn at
 * random run compiled and by the reference executor with loops that no guard shortens, over several
 * extents, 0 among them. */
#define _DEFAULT_SOURCE
#include "loop_fixture.h"

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

static void bounds_say_what_guards_say(void **state) {
    (void)state;
    agree_with_the_reference(write_program, 0);
}

static void masks_shorten_loops(void **state) {
    (void)state;
    expect_loops(
        "fn f(x[i]) -> y[i] {\n  axis j as i\n  y[i] = max[j where j <= i](x[j] * x[i])\n}",
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
