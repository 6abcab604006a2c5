/* Folds that group by data as scatters, against the meaning: programs drawn at random run compiled
 * and by the reference executor without scatters, over several extents. */
#define _DEFAULT_SOURCE
#include "loop_fixture.h"

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

static void scatters_give_what_double_loops_give(void **state) {
    (void)state;
    agree_with_the_reference(write_program, 1);
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
    /* What does not depend on the loops inside is computed once for each term, and never for all
     * pairs of groups and terms. */
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
