/* Mutants of files: each kind of change is made from a small text and printed by the formatter;
 * what should be left alone is. Every mutant prints as a file that parses and prints alike, differs
 * from the file and from all others, and leaves laws as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "check/check.h"

#include <string.h>

typedef struct {
    at_session *s;
    const at_program *program;
    at_mutant *items;
    int count;
} mutants;

static mutants make(const char *text) {
    mutants m = {.s = at_session_new((size_t)64 << 20)};
    const at_source *source = at_make_source(m.s, "program.attn", text, strlen(text));
    m.program = source ? at_load(m.s, source, NULL) : NULL;
    if (!m.program) {
        at_text out = {0};
        at_diags_render(m.s, false, &out);
        print_error("%s\n%s", text, out.data);
        at_text_free(&out);
        fail();
    }
    m.count = at_mutants(m.s, m.program, false, &m.items);
    return m;
}

/* The definition called `name` of a tree, as text. */
static const char *print(at_session *s, const at_file_tree *file, const char *name) {
    at_text text = {0};
    for (int i = 0; i < file->count; i++) {
        at_file_tree alone = {.source = file->source, .count = 1, .items = &file->items[i]};
        if (file->items[i]->name && strcmp(file->items[i]->name, name) == 0)
            at_format_tree(&alone, &text);
    }
    const char *copy = at_copy_text(s->arena, text.data ? text.data : "", text.length);
    at_text_free(&text);
    return copy;
}

/* What must hold of all mutants of a file, and that `m` holds them in order. */
static void check_all(const mutants *m) {
    const at_file_tree *file = at_program_file(m->program);
    const char **texts = AT_NEW_ARRAY(m->s->arena, const char *, m->count + 1);
    for (int i = 0; i <= m->count; i++) {
        at_text once = {0}, twice = {0};
        at_format_tree(i < m->count ? m->items[i].tree : file, &once);
        texts[i] = at_copy_text(m->s->arena, once.data, once.length);
        const at_source *source = at_make_source(m->s, "mutant", once.data, once.length);
        const at_file_tree *back = at_parse(m->s, source);
        if (!back) {
            at_text out = {0};
            at_diags_render(m->s, false, &out);
            print_error("%s\n%s", once.data, out.data);
            fail();
        }
        at_format_tree(back, &twice);
        assert_string_equal(once.data, twice.data);
        at_text_free(&once);
        at_text_free(&twice);
        for (int k = 0; k < i; k++) assert_string_not_equal(texts[k], texts[i]);
        if (i > 0 && i < m->count)
            assert_true(m->items[i - 1].span.begin <= m->items[i].span.begin);
        if (i < m->count) assert_non_null(at_program_with(m->s, m->program, m->items[i].tree));
        for (int k = 0; k < file->count && i < m->count; k++)
            if (file->items[k]->tag != AT_D_FN)
                assert_ptr_equal(file->items[k], m->items[i].tree->items[k]);
    }
}

/* The function `f` of `text` has exactly these mutants: lines `what => changed line`, where the
 * changed line is the first one that differs. */
static void expect(const char *text, const char *expected) {
    mutants m = make(text);
    check_all(&m);
    at_text found = {0};
    for (int i = 0; i < m.count; i++) {
        const char *name = m.items[i].definition->name;
        const char *a = print(m.s, at_program_file(m.program), name);
        const char *b = print(m.s, m.items[i].tree, name);
        size_t same = 0;
        for (size_t at = 0; a[at] && a[at] == b[at]; at++)
            if (a[at] == '\n') same = at + 1;
        b += same;
        b += strspn(b, " ");
        at_text_addf(&found, "%s => %.*s\n", m.items[i].what, (int)strcspn(b, "\n"), b);
    }
    assert_string_equal(found.data ? found.data : "", expected);
    at_text_free(&found);
    at_session_free(m.s);
}

static void guards_and_their_conditions_are_left_out(void **state) {
    (void)state;
    expect(
        "fn f(s[i,j]; w = 2) -> p[i,j] = softmax[j where j <= i](s[i,j])\n",
        "without the guard `j <= i` => fn f(s[i,j]; w = 2) -> p[i,j] = softmax[j](s[i,j])\n"
        "`j <= i` becomes `j < i` => fn f(s[i,j]; w = 2) -> p[i,j] = softmax[j where j < i](s[i,j])\n");
    expect(
        "fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and i - j < 2 and j > 0](s[i,j])\n",
        "without the condition `j <= i` => fn f(s[i,j]) -> p[i,j] = softmax[j where i - j < 2 and j > 0](s[i,j])\n"
        "`j <= i` becomes `j < i` => fn f(s[i,j]) -> p[i,j] = softmax[j where j < i and i - j < 2 and j > 0](s[i,j])\n"
        "without the condition `i - j < 2` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and j > 0](s[i,j])\n"
        "`i - j < 2` becomes `i - j <= 2` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and i - j <= 2 and j > 0](s[i,j])\n"
        "`i - j` becomes `j - i` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and j - i < 2 and j > 0](s[i,j])\n"
        "without the term `j` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and i < 2 and j > 0](s[i,j])\n"
        "without the condition `j > 0` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and i - j < 2](s[i,j])\n"
        "`j > 0` becomes `j >= 0` => fn f(s[i,j]) -> p[i,j] = softmax[j where j <= i and i - j < 2 and j >= 0](s[i,j])\n");
    expect(
        "fn f(a[i]: int, b[j]: int) -> c[i] = count[j where a[i] == b[j] or j == 0](true)\n",
        "without the guard `a[i] == b[j] or j == 0` => fn f(a[i]: int, b[j]: int) -> c[i] = count[j](true)\n"
        "without the case `a[i] == b[j]` => fn f(a[i]: int, b[j]: int) -> c[i] = count[j where j == 0](true)\n"
        "without the case `j == 0` => fn f(a[i]: int, b[j]: int) -> c[i] = count[j where a[i] == b[j]](true)\n"
        "`0` becomes `1` => fn f(a[i]: int, b[j]: int) -> c[i] = count[j where a[i] == b[j] or j == 1](true)\n");
}

static void terms_are_left_out_one_by_one(void **state) {
    (void)state;
    expect("fn f(a, b, c) -> y = a - b + c\n",
           "without the term `a` => fn f(a, b, c) -> y = -b + c\n"
           "without the term `b` => fn f(a, b, c) -> y = a + c\n"
           "without the term `c` => fn f(a, b, c) -> y = a - b\n");
}

static void factors_are_left_out_one_by_one(void **state) {
    (void)state;
    expect("fn f(a, b, c) -> y = a * b / c\n",
           "without the factor `a` => fn f(a, b, c) -> y = b / c\n"
           "without the factor `b` => fn f(a, b, c) -> y = a / c\n"
           "without the divisor `c` => fn f(a, b, c) -> y = a * b\n");
    expect("fn f(a, b) -> y = 1 / (a * b)\n",
           "`1` becomes `2` => fn f(a, b) -> y = 2/(a * b)\n"
           "without the divisor `(a * b)` => fn f(a, b) -> y = 1\n"
           "without the factor `a` => fn f(a, b) -> y = 1/b\n"
           "without the factor `b` => fn f(a, b) -> y = 1/a\n");
}

static void numbers_are_changed_and_not_left_out(void **state) {
    (void)state;
    expect("fn f(x) -> y = -0.1 * x + 1e-6\n",
           "without the term `-0.1 * x` => fn f(x) -> y = 1e-6\n"
           "`-0.1` becomes `0.1` => fn f(x) -> y = 0.1 * x + 1e-6\n"
           "`0.1` becomes `0.15` => fn f(x) -> y = -0.15 * x + 1e-6\n"
           "without the factor `x` => fn f(x) -> y = -0.1 + 1e-6\n"
           "`1e-6` becomes `0.0001` => fn f(x) -> y = -0.1 * x + 0.0001\n");
    expect("fn f(x) -> y = 1 - x^2 * pi\n",
           "`1` becomes `2` => fn f(x) -> y = 2 - x^2 * pi\n"
           "without the term `x^2 * pi` => fn f(x) -> y = 1\n"
           "without the factor `x^2` => fn f(x) -> y = 1 - pi\n"
           "`2` becomes `3` => fn f(x) -> y = 1 - x^3 * pi\n"
           "`pi` becomes `4.71238898038469` => fn f(x) -> y = 1 - x^2 * 4.71238898038469\n");
    expect("fn f(x) -> y = max(x, 0)\n",
           "`0` becomes `1` => fn f(x) -> y = max(x, 1)\n");
    expect("fn f(x[n]) -> y = sum[n](x[n] + inf)\n",
           "without the term `x[n]` => fn f(x[n]) -> y = sum[n](inf)\n");
}

static void extents_and_what_counts_rounds_stay(void **state) {
    (void)state;
    expect("fn f(x[n]; heads = 8, rate = 0.1) -> y[h,i] {\n"
           "  require size(n) % heads == 0\n"
           "  axis h = heads, i = size(n) // 8\n"
           "  y[h,i] = x[h * 4 + i]\n"
           "  repeat 3 {\n"
           "    y = y + y\n"
           "  }\n"
           "}\n",
           "without the factor `4` => y[h,i] = x[h+i]\n"
           "without the term `i` => y[h,i] = x[h*4]\n"
           "without `y = y + y` => repeat 3 { }\n");
}

static void reads_with_an_alternative_are_shifted(void **state) {
    (void)state;
    expect("fn f(x[t]) -> y[t] = x[t-1 | 0]\n",
           "`x[t-1 | 0]` becomes `x[t-2 | 0]` => fn f(x[t]) -> y[t] = x[t-2 | 0]\n"
           "`0` becomes `1` => fn f(x[t]) -> y[t] = x[t-1 | 1]\n");
    expect(
        "fn f(a[u], b[m]) -> z[n] {\n"
        "  axis n = size(u) + size(m)\n"
        "  z[n] = a[n | b[n - size(u)]]\n"
        "}\n",
        "`a[n | b[n - size(u)]]` becomes `a[n+1 | b[n - size(u)]]` => z[n] = a[n+1 | b[n - size(u)]]\n"
        "the alternative `b[n - size(u)]` becomes `0` => z[n] = a[n | 0]\n"
        "without the term `size(u)` => z[n] = a[n | b[n]]\n");
    expect("fn f(x[t]) -> y[t] = sum[u where u > 0](x[u-1])\n",
           "without the guard `u > 0` => fn f(x[t]) -> y[t] = sum[u](x[u-1])\n"
           "`u > 0` becomes `u >= 0` => fn f(x[t]) -> y[t] = sum[u where u >= 0](x[u-1])\n"
           "`x[u-1]` becomes `x[u-2]` => fn f(x[t]) -> y[t] = sum[u where u > 0](x[u-2])\n");
    expect(
        "fn f(k[t]: bool) -> y[t] = k[t+1 | false]\n",
        "`k[t+1 | false]` becomes `k[t+2 | false]` => fn f(k[t]: bool) -> y[t] = k[t+2 | false]\n"
        "the alternative `false` becomes `true` => fn f(k[t]: bool) -> y[t] = k[t+1 | true]\n");
    expect("fn f(x[t]) -> y[t] = x[t]\n",
           "");
}

static void comparisons_move_by_one_or_by_a_number(void **state) {
    (void)state;
    expect("fn f(i: int, x) -> y[n] {\n"
           "  axis n = 3\n"
           "  y[n] = if n < i then x else 0\n"
           "}\n",
           "the `if` always gives `x` => y[n] = x\n"
           "the `if` always gives `0` => y[n] = 0\n"
           "`n < i` becomes `n <= i` => y[n] = if n <= i then x else 0\n"
           "`0` becomes `1` => y[n] = if n < i then x else 1\n");
    expect("fn f(x, z) -> c = x > 0\n",
           "`0` becomes `1` => fn f(x, z) -> c = x > 1\n");
    expect("fn f(x, z) -> c = x > z\n",
           "`x > z` becomes `x < z` => fn f(x, z) -> c = x < z\n");
    expect("fn f(a[n]: int) -> c[n] = a[n] == 2\n",
           "`2` becomes `3` => fn f(a[n]: int) -> c[n] = a[n] == 3\n");
    expect(
        "fn f(a[n]: int, b[n]: int) -> c[n] = a[n] == b[n]\n",
        "`a[n] == b[n]` becomes `a[n] != b[n]` => fn f(a[n]: int, b[n]: int) -> c[n] = a[n] != b[n]\n");
    expect("fn f(a: bool, b: bool) -> c = not a or b\n",
           "without the case `not a` => fn f(a: bool, b: bool) -> c = b\n"
           "`not a` becomes `a` => fn f(a: bool, b: bool) -> c = a or b\n"
           "without the case `b` => fn f(a: bool, b: bool) -> c = not a\n");
}

static void arguments_are_swapped_where_they_could_be(void **state) {
    (void)state;
    expect(
        "fn g(a[i,d], b[j,d], c[j], n[j]: int) -> o[i] = sum[j](sum[d](a[i,d] * b[j,d]))\n"
        "fn f(x[i,d], y[j,d], z[j], n[j]: int) -> o[i] = g(x, y, z, n)\n",
        "without the factor `a[i,d]` => fn g(a[i,d], b[j,d], c[j], n[j]: int) -> o[i] = sum[j](sum[d](b[j,d]))\n"
        "without the factor `b[j,d]` => fn g(a[i,d], b[j,d], c[j], n[j]: int) -> o[i] = sum[j](sum[d](a[i,d]))\n"
        "`x` and `y` swapped => fn f(x[i,d], y[j,d], z[j], n[j]: int) -> o[i] = g(y, x, z, n)\n");
    expect("fn f(x, y) -> z = atan2(y, x)\n",
           "the arguments of `atan2` swapped => fn f(x, y) -> z = atan2(x, y)\n");
    expect("fn g(a, b) -> c = b\n"
           "fn f(x) -> z = g(x, x)\n",
           "");
}

static void options_that_have_a_default_are_left_out(void **state) {
    (void)state;
    expect(
        "fn g(x[n]; keep(i) = true, by = 2, always) -> y[n] = if keep(n) then x[n] else x[n]\n"
        "fn f(x[n]) -> y[n] {\n"
        "  y = g(x; keep(i) = i > 0, by = 3, always = 1)\n"
        "}\n",
        "the default of `keep` becomes `false` => fn g(x[n]; keep(i) = false, by = 2, always) -> y[n] = if keep(n) then x[n] else x[n]\n"
        "the `if` always gives `x[n]` => fn g(x[n]; keep(i) = true, by = 2, always) -> y[n] = x[n]\n"
        "without `g` => y = x\n"
        "without the option `keep` of `g` => y = g(x; by = 3, always = 1)\n"
        "`i > 0` becomes `i >= 0` => y = g(x; keep(i) = i >= 0, by = 3, always = 1)\n"
        "without the option `by` of `g` => y = g(x; keep(i) = i > 0, always = 1)\n");
    expect(
        "fn g(x[n]; keep(i) = true) -> y[n] = if keep(n) then x[n] else x[n]\n"
        "fn f(x[n]; mix = g) -> y[n] {\n"
        "  y = mix(x; keep(i) = i != 1)\n"
        "}\n",
        "the default of `keep` becomes `false` => fn g(x[n]; keep(i) = false) -> y[n] = if keep(n) then x[n] else x[n]\n"
        "the `if` always gives `x[n]` => fn g(x[n]; keep(i) = true) -> y[n] = x[n]\n"
        "without `mix` => y = x\n"
        "without the option `keep` of `mix` => y = mix(x)\n"
        "`1` becomes `2` => y = mix(x; keep(i) = i != 2)\n");
    expect("fn g(x[n]; by = 2) -> y[n] = x[n]\n"
           "fn f(x[n]) -> y[n] = g(x; by = 2)\n",
           "without `g` => fn f(x[n]) -> y[n] = x\n");
    expect(
        "fn f(x; causal = false) -> y = if causal then x else x\n",
        "the default of `causal` becomes `true` => fn f(x; causal = true) -> y = if causal then x else x\n"
        "the `if` always gives `x` => fn f(x; causal = false) -> y = x\n");
}

static void elementwise_functions_are_left_out(void **state) {
    (void)state;
    expect("fn f(x) -> y = relu(exp(x))\n",
           "without `relu` => fn f(x) -> y = exp(x)\n"
           "without `exp` => fn f(x) -> y = relu(x)\n");
    expect("fn f(x, y) -> z = max(x, y)\n",
           "`max(x, y)` becomes `y` => fn f(x, y) -> z = y\n"
           "`max(x, y)` becomes `x` => fn f(x, y) -> z = x\n");
    expect("fn norm(x[n]) -> y[n] = x\n"
           "fn f(x[n]) -> y[n] {\n"
           "  y = x + norm(x)\n"
           "}\n",
           "without the term `x` => y = norm(x)\n"
           "without the term `norm(x)` => y = x\n"
           "without `norm` => y = x + x\n");
    expect("fn f(x) -> y = stop(x)\n",
           "without `stop` => fn f(x) -> y = x\n");
    expect("fn f(x) -> y = real(int(x))\n",
           "");
}

static void operations_over_axes_lose_an_axis_or_their_direction(void **state) {
    (void)state;
    expect(
        "fn f(x[i,y,x2]) -> p[i,y,x2] = softmax[y,x2](x[i,y,x2])\n",
        "`softmax[y,x2]` becomes `softmax[x2]` => fn f(x[i,y,x2]) -> p[i,y,x2] = softmax[x2](x[i,y,x2])\n"
        "`softmax[y,x2]` becomes `softmax[y]` => fn f(x[i,y,x2]) -> p[i,y,x2] = softmax[y](x[i,y,x2])\n");
    expect("fn f(x[j]) -> p[j] = cumsum[j down](x[j])\n",
           "`cumsum[j down]` without `down` => fn f(x[j]) -> p[j] = cumsum[j](x[j])\n");
    expect("fn f(x[i,j]) -> p = max[i,j](x[i,j])\n",
           "`max` becomes `min` => fn f(x[i,j]) -> p = min[i,j](x[i,j])\n");
}

static void choices_are_decided(void **state) {
    (void)state;
    expect(
        "fn f(x; c = true) -> y = if x > 1.0 then x else 2 * x\n",
        "the default of `c` becomes `false` => fn f(x; c = false) -> y = if x > 1.0 then x else 2 * x\n"
        "the `if` always gives `x` => fn f(x; c = true) -> y = x\n"
        "the `if` always gives `2 * x` => fn f(x; c = true) -> y = 2 * x\n"
        "`1.0` becomes `1.5` => fn f(x; c = true) -> y = if x > 1.5 then x else 2 * x\n"
        "`2` becomes `3` => fn f(x; c = true) -> y = if x > 1.0 then x else 3 * x\n"
        "without the factor `x` => fn f(x; c = true) -> y = if x > 1.0 then x else 2\n");
    expect("fn f(x; c = true) -> y {\n"
           "  if c {\n"
           "    y = x\n"
           "  } else {\n"
           "    y = -x\n"
           "  }\n"
           "}\n",
           "the default of `c` becomes `false` => fn f(x; c = false) -> y {\n"
           "`if c` always holds => if true {\n"
           "`if c` never holds => if false {\n"
           "`-x` becomes `x` => y = x\n");
}

static void scans_and_repeats(void **state) {
    (void)state;
    expect("fn f(x[t]) -> y[t] {\n"
           "  scan t down {\n"
           "    y[t] = y[t+1 | 0] + x[t]\n"
           "  }\n"
           "}\n",
           "`scan t` without `down` => scan t {\n"
           "without the term `y[t+1 | 0]` => y[t] = x[t]\n"
           "`y[t+1 | 0]` becomes `y[t+2 | 0]` => y[t] = y[t+2 | 0] + x[t]\n"
           "`0` becomes `1` => y[t] = y[t+1 | 1] + x[t]\n"
           "without the term `x[t]` => y[t] = y[t+1 | 0]\n");
    expect("fn f(x) -> y {\n"
           "  y = x\n"
           "  repeat 50 while y > 1 {\n"
           "    y = y / 2\n"
           "  }\n"
           "}\n",
           "without `while y > 1` => repeat 50 {\n"
           "`1` becomes `2` => repeat 50 while y > 2 {\n"
           "without `y = y / 2` => repeat 50 while y > 1 { }\n"
           "without the factor `y` => y = 1/2\n"
           "`2` becomes `3` => y = y / 3\n");
}

static void redefinitions_are_left_out(void **state) {
    (void)state;
    expect("fn f(x[n], z[n]) -> y[n] {\n"
           "  y = x\n"
           "  y = y + z\n"
           "  y[n] = z[n]\n"
           "}\n",
           "without `y = y + z` => y[n] = z[n]\n"
           "without the term `y` => y = z\n");
}

static void params_states_and_draws(void **state) {
    (void)state;
    expect("fn g(x[n]) -> y[n] {\n"
           "  param w[n] ~ normal(0, 0.02)\n"
           "  param b = 0\n"
           "  state m = 1\n"
           "  next m = 0.9 * m\n"
           "  e[n] ~ normal(0, 1)\n"
           "  y = w * x + b + m + e\n"
           "}\n"
           "fn f(x[n]) -> y[n] = g(x) as tied\n",
           "`0` becomes `1` => param b = 1\n"
           "`1` becomes `2` => state m = 2\n"
           "`0` becomes `1` => e[n] ~ normal(1, 1)\n"
           "`1` becomes `2` => e[n] ~ normal(0, 2)\n"
           "without the term `w * x` => y = b + m + e\n"
           "without the factor `w` => y = x + b + m + e\n"
           "without the factor `x` => y = w + b + m + e\n"
           "without the term `b` => y = w * x + m + e\n"
           "without the term `m` => y = w * x + b + e\n"
           "without the term `e` => y = w * x + b + m\n"
           "without `as tied` => fn f(x[n]) -> y[n] = g(x)\n");
}

static void differences_whose_sign_does_not_count_are_not_swapped(void **state) {
    (void)state;
    expect(
        "fn f(i: int, j: int) -> c = abs(i - j) < 3\n",
        "`abs(i - j) < 3` becomes `abs(i - j) <= 3` => fn f(i: int, j: int) -> c = abs(i - j) <= 3\n"
        "without `abs` => fn f(i: int, j: int) -> c = i - j < 3\n"
        "without the term `j` => fn f(i: int, j: int) -> c = abs(i) < 3\n");
}

static void what_no_law_sees_stays(void **state) {
    (void)state;
    expect("fn f(x) -> y {\n"
           "  if training {\n"
           "    y = 2 * x\n"
           "  } else {\n"
           "    y = 3 * x\n"
           "  }\n"
           "}\n",
           "`if training` always holds => if true {\n"
           "`3` becomes `4` => y = 4 * x\n"
           "without the factor `x` => y = 3\n");
    expect("fn h(x; bias = true, twice = true) -> y {\n"
           "  y = x\n"
           "  if bias {\n"
           "    param b = 0\n"
           "    y = y + b\n"
           "  }\n"
           "}\n"
           "fn g(x; bias = true) -> y = h(x; bias = bias)\n"
           "fn f(x) -> y = g(x; bias = false)\n"
           "fn e(x; gain = 1) -> y {\n"
           "  param w ~ normal(0, gain)\n"
           "  y = h(w)\n"
           "}\n"
           "fn d(x) -> y = e(x; gain = 2)\n",
           "the default of `twice` becomes `false` => fn h(x; bias = true, twice = false) -> y {\n"
           "`0` becomes `1` => param b = 1\n"
           "without `y = y + b` => }\n"
           "without the term `y` => y = b\n"
           "without `h` => fn g(x; bias = true) -> y = x\n"
           "without `g` => fn f(x) -> y = x\n"
           "without `h` => y = w\n"
           "without `e` => fn d(x) -> y = x\n");
}

static void tables_are_changed_at_their_ends(void **state) {
    (void)state;
    expect("fn f() -> y[n] = table(1, 2, 3, 4, 5)\n",
           "`1` becomes `2` => fn f() -> y[n] = table(2, 2, 3, 4, 5)\n"
           "`5` becomes `6` => fn f() -> y[n] = table(1, 2, 3, 4, 6)\n");
}

/* ---- scores ---------------------------------------------------------------------------------- */

static at_score score_of(mutants *m, const char *text) {
    at_score score;
    *m = make(text);
    assert_true(at_score_laws(m->s, m->program, &(at_law_options){0}, &score));
    return score;
}

static void a_change_that_does_not_resolve_does_not_count(void **state) {
    (void)state;
    mutants m;
    /* Without `count`, which must be given inside, h has no count. */
    at_score score = score_of(&m, "fn h(x[n], y[m]) -> z = sum[n](x[n]) - sum[m](y[m])\n"
                                  "fn f(x[n]) -> z {\n"
                                  "  axis m = 2\n"
                                  "  y[m] = 1\n"
                                  "  if size(n) > 0 { w = sum[n](x[n]) }\n"
                                  "  z = w + h(x, y)\n"
                                  "}\n"
                                  "law l(x[n]) { f(x) == 2 * sum[n](x[n]) - 2 }\n");
    int refused = 0;
    for (int i = 0; i < score.mutant_count; i++) {
        const at_scored_mutant *scored = &score.mutants[i];
        bool never = strcmp(scored->mutant.what, "`if size(n) > 0` never holds") == 0;
        assert_int_equal(scored->fate == AT_MUTANT_REFUSED, never);
        refused += never;
    }
    assert_int_equal(refused, 1);
    assert_int_equal(score.count, score.mutant_count - 1);
    at_session_free(m.s);
}

static void the_law_that_kills_is_named_and_others_are_not_run(void **state) {
    (void)state;
    mutants m;
    at_score score = score_of(&m, "fn g(x) -> y = relu(x)\n"
                                  "fn f(x) -> y = g(x)\n"
                                  "fn other(x) -> y = exp(x)\n"
                                  "law positive(x) { other(x) >= 0 }\n"
                                  "law not_negative(x) { f(x) >= 0 }\n");
    assert_int_equal(score.count, 3);
    assert_string_equal(score.mutants[0].killer->name, "not_negative"); /* relu left out of g */
    assert_true(score.mutants[0].reached);
    assert_string_equal(score.mutants[1].killer->name, "not_negative"); /* g left out of f */
    assert_string_equal(score.mutants[2].killer->name, "positive");
    at_session_free(m.s);
}

static void all_that_live_are_told(void **state) {
    (void)state;
    at_text text = {0};
    at_text_add(&text, "fn f(x) -> y = x");
    for (int i = 0; i < 40; i++) at_text_addf(&text, " + %d * x^3", i + 5);
    at_text_add(&text, "\nlaw l(x) { f(x) - f(x) == 0 }\n");
    mutants m;
    at_score score = score_of(&m, text.data);
    assert_true(score.count > 100 && score.killed == 0);
    assert_false(at_score_tell(m.s, m.program, &score, 0));
    assert_int_equal(m.s->diag_count, score.count);
    assert_int_equal(m.s->diag_lost, 0);
    assert_string_equal(at_code_text(m.s->diags[score.count - 1]->code), "E740");
    at_text_free(&text);
    at_session_free(m.s);
}

static bool refuse(void *user, const char *what, double share) {
    (void)what, (void)share;
    *(bool *)user = true;
    return false;
}

static void scoring_can_be_stopped(void **state) {
    (void)state;
    mutants m = make("fn f(x) -> y = 2 * x\nlaw l(x) { f(x) == x + x }\n");
    at_score score;
    bool asked = false;
    m.s->progress = refuse;
    m.s->progress_user = &asked;
    bool done = at_score_laws(m.s, m.program, &(at_law_options){0}, &score);
    assert_int_equal(done, !asked); /* asked only when the thread that called had work to do */
    if (asked) assert_string_equal(at_code_text(m.s->diags[0]->code), "E713");
    at_session_free(m.s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guards_and_their_conditions_are_left_out),
        cmocka_unit_test(terms_are_left_out_one_by_one),
        cmocka_unit_test(factors_are_left_out_one_by_one),
        cmocka_unit_test(numbers_are_changed_and_not_left_out),
        cmocka_unit_test(extents_and_what_counts_rounds_stay),
        cmocka_unit_test(reads_with_an_alternative_are_shifted),
        cmocka_unit_test(comparisons_move_by_one_or_by_a_number),
        cmocka_unit_test(arguments_are_swapped_where_they_could_be),
        cmocka_unit_test(options_that_have_a_default_are_left_out),
        cmocka_unit_test(elementwise_functions_are_left_out),
        cmocka_unit_test(operations_over_axes_lose_an_axis_or_their_direction),
        cmocka_unit_test(choices_are_decided),
        cmocka_unit_test(scans_and_repeats),
        cmocka_unit_test(redefinitions_are_left_out),
        cmocka_unit_test(params_states_and_draws),
        cmocka_unit_test(differences_whose_sign_does_not_count_are_not_swapped),
        cmocka_unit_test(what_no_law_sees_stays),
        cmocka_unit_test(tables_are_changed_at_their_ends),
        cmocka_unit_test(a_change_that_does_not_resolve_does_not_count),
        cmocka_unit_test(the_law_that_kills_is_named_and_others_are_not_run),
        cmocka_unit_test(all_that_live_are_told),
        cmocka_unit_test(scoring_can_be_stopped),
    };
    return cmocka_run_group_tests_name("mutant", tests, NULL, NULL);
}
