/* Folds as one sweep: each program below is run as it is written and as a scan over blocks of j,
 * with the same inputs: drawn, with infinities and NaN among them, and of extent 0. Both must give
 * the same, NaN where NaN is and infinities where they are. */
#include "separate_fixture.h"

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *text;
    int kinds;      /* of inputs, the first so many */
    double scale;   /* of rounding: what the sums are made of */
    const char *running; /* names of the running values, in order; NULL: not looked at */
} program;

static void fail_with(at_session *s, const program *p, const at_cascade *swept_program, int kind,
                      const at_collection *inputs, const char *what) {
    at_text text = {0};
    for (int i = 0; i < inputs->count; i++) {
        at_text_addf(&text, "%s =", inputs->items[i].name);
        const at_tensor *t = inputs->items[i].tensor;
        for (int64_t k = 0; t->type == AT_TYPE_F64 && k < t->count; k++)
            at_text_addf(&text, " %g", ((double *)t->data)[k]);
        at_text_add(&text, "\n");
    }
    tell(at_format(s->arena, "%s, inputs of kind %d: %s\n%s%s\n%s", p->name, kind, what, text.data,
                   p->text, printed(s, swept_program)));
}

static void run_both(at_session *s, const program *p, const sweeping *w, const at_cascade *out,
                     int kind, const int64_t *extents, dice *d) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, w->from->axis_count);
    for (int i = 0; i < w->from->axis_count; i++)
        open[i] = w->from->axes[i] == w->along || w->from->axes[i]->like == w->along
                      ? extents[0] : extents[1];
    at_collection inputs;
    assert_true(give_drawn(s, w->from, open, d, &inputs));
    make_strange(d, kind, &inputs);
    at_results expected, found;
    if (!run_program(s, w->from, &inputs, &expected)) tell(errors_of(s));
    if (!run_program(s, out, &inputs, &found))
        fail_with(s, p, out, kind, &inputs, errors_of(s));
    const char *what = disagreement(s, &found.outputs, &expected.outputs, p->scale);
    if (what) fail_with(s, p, out, kind, &inputs, what);
    at_results_free(&expected);
    at_results_free(&found);
    at_collection_free(&inputs);
}

static const char *names_of(at_session *s, const at_sweep *w) {
    const char *names = "";
    for (int k = 0; k < w->count; k++)
        names = at_format(s->arena, "%s%s%s", names, k ? " " : "", w->running[k].name);
    return names;
}

static void check_program(const program *p) {
    static const int64_t extents[][2] = {{0, 3}, {1, 2}, {2, 1}, {7, 3}, {12, 2}, {13, 5}};
    dice d = {7};
    for (int64_t block = 3; block <= 4; block++) {
        at_session *s = at_session_new((size_t)256 << 20);
        sweeping w;
        begin_sweep(&w, s, p->text, block);
        if (w.sweep->why) tell(at_format(s->arena, "%s: %s", p->name, w.sweep->why));
        if (p->running && strcmp(names_of(s, w.sweep), p->running) != 0)
            tell(at_format(s->arena, "%s keeps %s", p->name, names_of(s, w.sweep)));
        const at_cascade *out = swept(&w);
        for (int kind = 0; kind < p->kinds; kind++)
            for (int e = 0; e < 6; e++)
                for (int draw = 0; draw < (kind ? 30 : 2); draw++)
                    run_both(s, p, &w, out, kind, extents[e], &d);
        at_session_free(s);
    }
}

static const program attention[] = {
    {"softmax written by hand",
     "fn f(s[i,j], v[j,e]) -> m[i], l[i], o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  o[i,e] = sum[j](exp(s[i,j] - m[i]) / l[i] * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"softmax that is 0 where all scores are -inf",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  o[i,e] = sum[j]((if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i]) * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"masked by a guard, and written as weights are inlined",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j where j <= 2*i](s[i,j])\n"
     "  l[i] = sum[j where j <= 2*i](exp(s[i,j] - m[i]))\n"
     "  o[i,e] = sum[j where j <= 2*i]((if j <= 2*i then (if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i]) else 0.0) * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"a guard by data, that may leave a row empty",
     "fn f(s[i,j], keep[i,j]: bool, v[j,e]) -> m[i], l[i], o[i,e] {\n"
     "  m[i] = max[j where keep[i,j]](s[i,j])\n"
     "  l[i] = sum[j where keep[i,j]](exp(s[i,j] - m[i]))\n"
     "  o[i,e] = sum[j where keep[i,j]](exp(s[i,j] - m[i]) / l[i] * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum any sum"},
    {"other orders of operands",
     "fn f(s[i,j], b[j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j] + b[j])\n"
     "  l[i] = sum[j](exp(-m[i] + b[j] + s[i,j]))\n"
     "  o[i,e] = sum[j](v[j,e] * exp(-(m[i] - (b[j] + s[i,j])))) / l[i]\n"
     "}\n",
     1, 1, NULL},
    {"a safe reference of the program's own",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  r[i] = if m[i] == -inf then 0.0 else m[i]\n"
     "  l[i] = sum[j](exp(s[i,j] - r[i]))\n"
     "  o[i,e] = sum[j]((if l[i] == 0.0 then 0.0 else exp(s[i,j] - r[i]) / l[i]) * v[j,e])\n"
     "}\n",
     LARGE, 1, "max from scale sum sum"},
    {"softmax plus one",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  n[i] = max(m[i], 0.0)\n"
     "  l[i] = sum[j](exp(s[i,j] - n[i]))\n"
     "  z[i] = l[i] + exp(-n[i])\n"
     "  o[i,e] = sum[j](exp(s[i,j] - n[i]) / z[i] * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"one normaliser over two sets",
     "fn f(s[i,j], t[i,m], v[j,e], u[m,e]) -> o[i,e] {\n"
     "  largest[i] = max[j](s[i,j])\n"
     "  top[i] = max(largest[i], max[m](t[i,m]))\n"
     "  part[i] = sum[j](exp(s[i,j] - top[i]))\n"
     "  l[i] = part[i] + sum[m](exp(t[i,m] - top[i]))\n"
     "  mine[i,e] = sum[j](exp(s[i,j] - top[i]) / l[i] * v[j,e])\n"
     "  o[i,e] = mine[i,e] + sum[m](exp(t[i,m] - top[i]) / l[i] * u[m,e])\n"
     "}\n",
     LARGE, 1, "max from scale sum sum"},
    {"weights by the logarithm of the sum",
     "fn f(s[i,j], v[j,e]) -> lse[i], o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  lse[i] = m[i] + log(l[i])\n"
     "  o[i,e] = sum[j](exp(s[i,j] - lse[i]) * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"a temperature that is known",
     "fn f(s[i,j], t[i], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp((s[i,j] - m[i]) * t[i]))\n"
     "  o[i,e] = sum[j](exp((s[i,j] - m[i]) * t[i]) / l[i] * v[j,e])\n"
     "}\n",
     1, 1, "max from scale sum sum"},
    {"signed weights",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](abs(s[i,j]))\n"
     "  l[i] = sum[j](exp(abs(s[i,j]) - m[i]))\n"
     "  o[i,e] = sum[j](sign(s[i,j]) * exp(abs(s[i,j]) - m[i]) / l[i] * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum sum"},
    {"the smallest taken off",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = min[j](s[i,j])\n"
     "  l[i] = sum[j](exp(m[i] - s[i,j]))\n"
     "  o[i,e] = sum[j](exp(m[i] - s[i,j]) / l[i] * v[j,e])\n"
     "}\n",
     ALL_KINDS, 1, "min from scale sum sum"},
    {"an exponent of which the program has no max",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  c[i] = mean[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - c[i]))\n"
     "  o[i,e] = sum[j](exp(s[i,j] - c[i]) / l[i] * v[j,e])\n"
     "}\n",
     1, 1, "sum max from scale sum sum"},
};

static void attention_runs_in_one_sweep(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof attention / sizeof *attention; i++) check_program(&attention[i]);
}

static const program divided[] = {
    {"rows divided by their sum",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  l[i] = sum[j](relu(s[i,j]))\n"
     "  o[i,e] = sum[j](relu(s[i,j]) / l[i] * v[j,e])\n"
     "}\n",
     1, 1, "sum sum"},
    {"rows divided where their sum is more than 0",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  l[i] = sum[j](relu(s[i,j]))\n"
     "  o[i,e] = sum[j]((if l[i] > 0 then relu(s[i,j]) / l[i] else 0.0) * v[j,e])\n"
     "}\n",
     LARGE, 1, "sum sum"},
    {"powers divided by their sum",
     "fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  z[i] = sum[j]((exp(s[i,j] - m[i]) / l[i])^1.5)\n"
     "  o[i,e] = sum[j]((exp(s[i,j] - m[i]) / l[i])^1.5 / z[i] * v[j,e])\n"
     "}\n",
     LARGE + 1, 1, "max from scale sum scale sum sum"},
    {"conditions on rows, and on elements",
     "fn f(s[i,j], keep[j]: bool, v[j,e]) -> o[i,e] {\n"
     "  c[i] = count[j](s[i,j] > 0)\n"
     "  a[i] = sum[j](s[i,j])\n"
     "  o[i,e] = sum[j]((if c[i] > 2 and keep[j] then s[i,j] * a[i] else if keep[j] then 1.0 else a[i]) * v[j,e])\n"
     "}\n",
     1, 10, NULL},
};

static void divisions_and_conditions_stay_outside(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof divided / sizeof *divided; i++) check_program(&divided[i]);
}

static const program moments[] = {
    {"entropy of logarithms",
     "fn f(s[i,j]) -> h[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  h[i] = sum[j](exp(s[i,j] - m[i]) / l[i] * (s[i,j] - m[i] - log(l[i])))\n"
     "}\n",
     ALL_KINDS, 1, "max from scale sum centre shift sum"},
    {"entropy of p log p",
     "fn f(s[i,j]) -> h[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  h[i] = sum[j](-(exp(s[i,j] - m[i]) / l[i]) * log(exp(s[i,j] - m[i]) / l[i]))\n"
     "}\n",
     LARGE, 1, "max from scale sum centre shift sum"},
    {"entropy where p is not 0",
     "fn f(s[i,j]) -> h[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  h[i] = sum[j](if (if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i]) > 0 then exp(s[i,j] - m[i]) / l[i] * log(exp(s[i,j] - m[i]) / l[i]) else 0.0)\n"
     "}\n",
     ALL_KINDS, 1, NULL},
    {"entropy of weights that may be 0 everywhere",
     "fn f(s[i,j], keep[i,j]: bool) -> h[i] {\n"
     "  m[i] = max[j where keep[i,j]](s[i,j])\n"
     "  l[i] = sum[j where keep[i,j]](exp(s[i,j] - m[i]))\n"
     "  h[i] = sum[j where keep[i,j]]((if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i]) * log(if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i]))\n"
     "}\n",
     LARGE, 1, NULL},
    {"values about their mean, weighted",
     "fn f(s[i,j], t[i], v[j,e]) -> o[i,e] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  c[i,e] = sum[j](exp(s[i,j] - m[i]) / l[i] * v[j,e])\n"
     "  o[i,e] = sum[j](t[i] * exp(s[i,j] - m[i]) / l[i] * (v[j,e] - c[i,e]))\n"
     "}\n",
     1, 1, NULL},
    {"entropy of what is divided by its sum",
     "fn f(x[i,j]) -> h[i] {\n"
     "  l[i] = sum[j](x[i,j]^2)\n"
     "  h[i] = sum[j](x[i,j]^2 / l[i] * log(x[i,j]^2 / l[i]))\n"
     "}\n",
     1, 1, NULL},
    {"variance",
     "fn f(x[i,j]) -> m[i], q[i] {\n"
     "  m[i] = mean[j](x[i,j])\n"
     "  q[i] = mean[j]((x[i,j] - m[i])^2)\n"
     "}\n",
     ALL_KINDS, 1, "sum sum centre shift sum sum"},
    {"variance as a product, under a guard",
     "fn f(x[i,j]) -> m[i], q[i] {\n"
     "  m[i] = mean[j where j <= i](x[i,j])\n"
     "  q[i] = mean[j where j <= i]((x[i,j] - m[i]) * (-m[i] + x[i,j]))\n"
     "}\n",
     ALL_KINDS, 1, NULL},
    {"third and fourth moments",
     "fn f(x[i,j]) -> m[i], t[i], k[i] {\n"
     "  m[i] = mean[j](x[i,j])\n"
     "  t[i] = mean[j]((x[i,j] - m[i])^3)\n"
     "  k[i] = mean[j]((x[i,j] - m[i])^4)\n"
     "}\n",
     INFINITE, 100, NULL},
    {"weighted variance",
     "fn f(s[i,j], x[j]) -> c[i], q[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j] - m[i]))\n"
     "  c[i] = sum[j](exp(s[i,j] - m[i]) / l[i] * x[j])\n"
     "  q[i] = sum[j](exp(s[i,j] - m[i]) / l[i] * (x[j] - c[i])^2)\n"
     "}\n",
     1, 1, NULL},
    {"covariance",
     "fn f(x[i,j], y[i,j]) -> c[i] {\n"
     "  a[i] = mean[j](x[i,j])\n"
     "  b[i] = mean[j](y[i,j])\n"
     "  c[i] = sum[j]((x[i,j] - a[i]) * (y[i,j] - b[i]))\n"
     "}\n",
     INFINITE, 10, NULL},
};

static void moments_run_about_a_centre(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) check_program(&moments[i]);
}

static const program others[] = {
    {"sums of nothing but elements",
     "fn f(x[i,j], k[j]: int, b[i,j]: bool) -> a[i], c[i], d[i], e[i], g[i], p[i], n, q[i] {\n"
     "  a[i] = sum[j](x[i,j])\n"
     "  c[i] = count[j](b[i,j])\n"
     "  d[i] = any[j](b[i,j])\n"
     "  e[i] = all[j](b[i,j])\n"
     "  g[i] = mean[j where b[i,j]](x[i,j])\n"
     "  p[i] = prod[j](x[i,j])\n"
     "  n = sum[j](k[j])\n"
     "  q[i] = count[j where b[i,j]](x[i,j])\n"
     "}\n", ALL_KINDS, 1, NULL},
    {"logsumexp",
     "fn f(s[i,j], b[i]) -> y[i], z[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  y[i] = logsumexp[j](s[i,j])\n"
     "  z[i] = logsumexp[j](s[i,j] - m[i])\n"
     "}\n", LARGE, 1, NULL},
    {"extremes of what is shifted and scaled",
     "fn f(s[i,j]) -> a[i], b[i], c[i], d[i] {\n"
     "  m[i] = mean[j](s[i,j])\n"
     "  l[i] = sum[j](exp(s[i,j]))\n"
     "  a[i] = max[j](s[i,j] - m[i])\n"
     "  b[i] = min[j](m[i] - s[i,j])\n"
     "  c[i] = max[j where j <= i](exp(s[i,j]) / l[i])\n"
     "  d[i] = max[j](relu(2*(s[i,j] - m[i]) + 1))\n"
     "}\n", 1, 1, NULL},
    {"the largest weight",
     "fn f(s[i,j], keep[i,j]: bool) -> a[i] {\n"
     "  m[i] = max[j where keep[i,j]](s[i,j])\n"
     "  l[i] = sum[j where keep[i,j]](exp(s[i,j] - m[i]))\n"
     "  a[i] = max[j where keep[i,j]](if m[i] == -inf then 0.0 else exp(s[i,j] - m[i]) / l[i])\n"
     "}\n", ALL_KINDS, 1, NULL},
    {"places",
     "fn f(s[i,j], keep[i,j]: bool, t[i]) -> a[i], b[i], c[i], d[i] {\n"
     "  m[i] = max[j where keep[i,j]](s[i,j])\n"
     "  u[i] = clamp(m[i] + t[i], -9, 9)\n"
     "  a[i] = argmax[j where keep[i,j]](s[i,j])\n"
     "  b[i] = argmin[j](s[i,j])\n"
     "  c[i] = argmax[j where keep[i,j]](s[i,j] - m[i])\n"
     "  d[i] = argmax[j](u[i] - s[i,j])\n"
     "}\n", ALL_KINDS, 1, NULL},
    {"products of what is scaled",
     "fn f(x[i,j]) -> a[i], p[i] {\n"
     "  a[i] = sum[j](x[i,j])\n"
     "  p[i] = prod[j](x[i,j] / a[i])\n"
     "}\n", 1, 1, NULL},
    {"bools of both sides",
     "fn f(x[i,j]) -> a[i], c[i], n[i] {\n"
     "  m[i] = max[j](x[i,j])\n"
     "  a[i] = any[j](x[i,j] > 0 and m[i] < 1)\n"
     "  c[i] = all[j](x[i,j] > 0 or m[i] < 1)\n"
     "  n[i] = count[j](x[i,j] > 0 or m[i] < 1)\n"
     "}\n", ALL_KINDS, 1, NULL},
    {"guards on row values",
     "fn f(x[i,j]) -> a[i], c[i] {\n"
     "  m[i] = max[j](x[i,j])\n"
     "  a[i] = sum[j where m[i] > 1 and x[i,j] > 0](x[i,j] * m[i])\n"
     "  c[i] = max[j where x[i,j] > 0 and m[i] > 1](x[i,j] * 2)\n"
     "}\n", INFINITE, 1, NULL},
    {"two axes",
     "fn f(s[i,j,k], v[j,k,e]) -> o[i,e], a[i] {\n"
     "  m[i] = max[j,k](s[i,j,k])\n"
     "  l[i] = sum[j,k](exp(s[i,j,k] - m[i]))\n"
     "  o[i,e] = sum[j,k](exp(s[i,j,k] - m[i]) / l[i] * v[j,k,e])\n"
     "  a[i] = argmax[j,k](s[i,j,k])\n"
     "}\n", ALL_KINDS, 1, NULL},
};

static void other_folds_run_along(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) check_program(&others[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_runs_in_one_sweep),
        cmocka_unit_test(divisions_and_conditions_stay_outside),
        cmocka_unit_test(moments_run_about_a_centre),
        cmocka_unit_test(other_folds_run_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
