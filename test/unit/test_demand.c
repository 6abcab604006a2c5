/* Elements that nobody reads: which they are, and that what is left gives what the reference gives,
 * over memory that begins as NaN. Programs are drawn: chains of arrays over i and j, each read
 * under guards, extents too small for products of matrices and large enough for them. */
#define _DEFAULT_SOURCE
#include "loop_fixture.h"

static const char *const masks[] = {
    "j <= i", "i >= j", "j < i + 1", "i - j < 3", "j <= i and i - j < 4", "j > i", "keep[j]",
    "doc[i] == doc[j]", "not j > i", "j // 4 == i // 4", "j < 5 or j == i", "true",
};

static void mask(dice *d, int which, at_text *out) {
    if (which < 0 || pick(d, 3) == 0) which = pick(d, 12);
    at_text_add(out, masks[which]);
}

/* Few masks for a program, so that readers often agree. */
static void write_chains(dice *d, at_text *out) {
    enum { CHAINS = 3 };
    at_text_add(out, "fn f(q[i,d], k[i,d], v[i,e], keep[i]: bool, doc[i]: int) -> ");
    for (int c = 0; c < CHAINS; c++)
        at_text_addf(out, "%so%d[i,e], l%d[i], w%d[j,d]", c ? ", " : "", c, c, c);
    at_text_add(out, " {\n  axis j as i\n");
    for (int c = 0; c < CHAINS; c++) {
        int own = pick(d, 12);
        at_text_addf(out, "  s%d[i,j] = %s\n", c,
                     pick(d, 3) ? "sum[d](q[i,d] * k[j,d])" : "exp(q[i,0] - abs(k[j,0]))");
        at_text_addf(out, "  m%d[i] = max[j where ", c);
        mask(d, own, out);
        at_text_addf(out, "](s%d[i,j])\n  p%d[i,j] = if ", c, c);
        mask(d, own, out);
        at_text_addf(
            out, " then 1 / (1 + (s%d[i,j] - max(m%d[i], 0))^2) else 0\n  l%d[i] = sum[j where ", c,
            c, c);
        mask(d, own, out);
        at_text_addf(out, "](p%d[i,j])\n  o%d[i,e] = sum[j where ", c, c);
        mask(d, own, out);
        at_text_addf(out, "](p%d[i,j] * v[j,e])\n  w%d[j,d] = sum[i where ", c, c);
        mask(d, own, out);
        at_text_addf(out, "](%s * q[i,d])\n", pick(d, 2) ? "p0[i,j]" : "real(i - j)");
    }
    at_text_add(out, "}\n");
}

static void what_nobody_reads_changes_nothing(void **state) {
    (void)state;
    setenv("ATTEND_POISON", "1", 1);
    agree_with_the_reference(write_chains, 1);
    agree_with_the_reference(write_chains, 24);
    unsetenv("ATTEND_POISON");
}

/* More than one block of 64 that data leave something of. */
static void write_documents(dice *d, at_text *out) {
    static const char *const guards[] = {"doc[i] == doc[j]", "j <= i and doc[j] == doc[i]",
                                         "doc[i] == other[j] and keep[j]"};
    const char *guard = guards[pick(d, 3)];
    at_text_addf(
        out, "fn f(x[i], y[j], doc[i]: int, other[j]: int, keep[j]: bool) -> m[i], l[i], w[j] {\n"
             "  s[i,j] = x[i] * y[j]\n");
    if (guard == guards[2])
        at_text_addf(out, "  m[i] = max[j where %s](s[i,j])\n  l[i] = sum[j where %s](s[i,j]^2)\n"
                     "  w[j] = sum[i where %s](s[i,j] + 1)\n}\n", guard, guard, guard);
    else
        at_text_addf(out, "  axis k as i\n  m[i] = max[k where %s](x[i] * x[k])\n"
                     "  l[i] = sum[k where %s](x[i] - x[k])\n  w[j] = sum[i](s[i,j])\n}\n",
                     guard == guards[0] ? "doc[i] == doc[k]" : "k <= i and doc[k] == doc[i]",
                     guard == guards[0] ? "doc[k] == doc[i]" : "k <= i and doc[k] == doc[i]");
}

static void data_say_where_guards_leave_anything(void **state) {
    (void)state;
    setenv("ATTEND_POISON", "1", 1);
    agree_with_the_reference(write_documents, 150);
    unsetenv("ATTEND_POISON");
}

static void expect(const char *stage, const char *text, const char *line, bool found) {
    at_session *s = at_session_new((size_t)256 << 20);
    const char *dump = stage_of(s, stage, text);
    if ((strstr(dump, line) != NULL) != found)
        fail_msg("%s `%s` in\n%s", found ? "no" : "a", line, dump);
    at_session_free(s);
}

/* What streams: scans over tiles of j, of which only the present one is kept. */
static void write_tiles(dice *d, at_text *out) {
    static const char *const guards[] = {"",
                                         " and j <= i",
                                         " and i - j < 5",
                                         " and j <= i and i - j < 6",
                                         " and keep[j]",
                                         " and doc[i] == doc[j]",
                                         " and j > i"};
    int size = (const int[]){3, 4, 16}[pick(d, 3)];
    const char *guard = guards[pick(d, 7)];
    at_text_addf(
        out,
        "fn f(q[i,d], k[i,d], v[i,e], keep[i]: bool, doc[i]: int) -> o[i,e], l[i], w[i] {\n"
        "  axis j as i, t = (size(i) + %d) // %d\n  scan t {\n",
        size - 1, size);
    at_text_addf(
        out,
        "    s[t,i,j] = sum[d](q[i,d] * k[j,d])\n    p[t,i,j] = 1 / (1 + s[t,i,j]^2)\n"
        "    m[t,i] = max(m[t-1,i | -1], max[j where j // %d == t%s](s[t,i,j]))\n"
        "    n[t,i] = n[t-1,i | 0] + sum[j where t == j // %d%s](p[t,i,j])\n"
        "    b[t,i] = max(b[t-1,i | 0], if t < size(i) and t // %d == t%s then p[t,i,t] else 0)\n"
        "    a[t,i,e] = a[t-1,i,e | 0] * 0.5 + sum[j where j // %d == t%s](p[t,i,j] * v[j,e])\n  }\n",
        size, guard, size, guard, size, *guard ? " and t < 0" : "", size, guard);
    at_text_addf(
        out, "  o[i,e] = a[size(t)-1,i,e | 0]\n  l[i] = n[size(t)-1,i | 0] + m[size(t)-1,i | 0]\n"
             "  w[i] = b[size(t)-1,i | 0]\n}\n");
}

static void tiles_of_scans_are_all_that_is_kept(void **state) {
    (void)state;
    at_compile_options options = {.as_it_is = true};
    setenv("ATTEND_POISON", "1", 1);
    agree_compiled(write_tiles, 1, &options, NULL);
    agree_compiled(write_tiles, 24, &options, NULL);
    unsetenv("ATTEND_POISON");
}

#define PAIRS(mask_of_max, mask_of_sum)                                                            \
    "fn f(x[i,j], keep[j]: bool, doc[j]: int) -> m[i], l[i] {\n  s[i,j] = exp(x[i,j])\n"           \
    "  m[i] = max[j where " mask_of_max "](s[i,j])\n"                                              \
    "  l[i] = sum[j where " mask_of_sum "](s[i,j] + exp(s[i,j]))\n}"

static void domains_are_what_all_readers_ask(void **state) {
    (void)state;
    expect("plan", PAIRS("j <= i", "j <= i"), "where j <= i;", true);
    expect("plan", PAIRS("j <= i", "j < i"), "where j <= i;", true);
    expect("plan", PAIRS("j <= i", "i - j < 4 and j <= i"), "where j <= i;", true);
    expect("plan", PAIRS("keep[j]", "keep[j] and j < 7"), "where keep[j];", true);
    expect("plan", PAIRS("keep[j]", "j < 7"), "\n    where", false);
    /* What may fail is not asked of elements of which nobody asked it. */
    expect("plan", PAIRS("keep[j + 1]", "keep[j + 1]"), "\n    where", false);
    expect("plan", PAIRS("doc[j] * doc[j] < 3", "doc[j] * doc[j] < 3"), "\n    where", false);
}

static void what_the_domain_says_is_not_asked_again(void **state) {
    (void)state;
    const char *text = "fn f(x[i,j]) -> y[i] {\n  s[i,j] = if j <= i then exp(x[i,j]) else 0\n"
                       "  y[i] = max[j where i >= j](s[i,j] * s[i,j])\n}";
    expect("loop", text, "for j to min(i, size(j) - 1) + 1\n      store s", true);
    expect("loop", text, "if j <= i", false);
}

static void what_is_0_is_not_asked_for(void **state) {
    (void)state;
    const char *text = "fn f(x[i,j], k[j,d]) -> y[i,d], z[i] {\n"
                       "  t[i,j] = if j <= i and x[i,j] > 0 then exp(x[i,j]) else 0\n"
                       "  y[i,d] = sum[j where t[i,j] != 0](t[i,j] * k[j,d])\n"
                       "  z[i] = any[j](j <= i and t[i,j] > 2)\n}";
    expect("plan", text, "sum[j where j <= i and t[i,j] != 0.0](", true);
    expect("plan", text, "any[j where j <= i](", true);
    expect("plan", text, "where j <= i;", true);
    /* A condition behind one that may fail is not asked before it. */
    expect("plan", "fn f(x[i,j], k[j]) -> y[i] {\n"
                   "  t[i,j] = if k[j + 1] > 0 and j <= i then exp(x[i,j]) else 0\n"
                   "  y[i] = sum[j where t[i,j] != 0](t[i,j] * k[j])\n}",
           "sum[j where t[i,j] != 0.0](", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_reads_changes_nothing),
        cmocka_unit_test(data_say_where_guards_leave_anything),
        cmocka_unit_test(domains_are_what_all_readers_ask),
        cmocka_unit_test(tiles_of_scans_are_all_that_is_kept),
        cmocka_unit_test(what_is_0_is_not_asked_for),
        cmocka_unit_test(what_the_domain_says_is_not_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
