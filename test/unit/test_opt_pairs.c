/* Arrays over pairs of long axes: indices over the same thing become one axis, and what is reduced
 * along both sides is computed for each. By text, and by what the reference executor gives before
 * and after. */
#include "opt_fixture.h"

#define ATTENTION                                                                                  \
    "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"                                                         \
    "  p[i,j] = softmax[j where j <= i + 1](s[i,j])\n"                                             \
    "  o[i,e] = sum[m](p[i,m] * v[m,e])\n"

typedef struct {
    const char *name, *text;
    const char *has[4], *lacks[4]; /* in the optimized program's text */
} example;

static const example examples[] = {
    {"what only rows are needed of is computed once",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n" ATTENTION "}\n",
     {"o[i,e] = sum[j where j <= i + 1](p[i,j] * v[j,e])"},
     {"_2", "axis"}},
    {"a derivative sums along both sides",
     "fn f(q[i,d], k[j,d], v[j,e], w[i,e]) -> dq[i,d], dk[j,d], dv[j,e] {\n" ATTENTION
     "  l = sum[i,e](o[i,e] * w[i,e])\n"
     "  dq = grad(l, q)\n  dk = grad(l, k)\n  dv = grad(l, v)\n}\n",
     {"s_2[i,j] = ", "p_2[i,j] = ",
      "dv[j,e] = sum[i where w[i,e] != 0.0 and j <= i + 1](w[i,e] * p_2[i,j])"},
     {"p.max_2", "p.sum_2", "rowsum_2", "_3"}},
    {"x sees itself: both sides are as long",
     "fn f(x[n,c], w[n,c]) -> dx[n,c] {\n"
     "  axis j as n, d as c\n  param wk[c,d] ~ normal(0, 1)\n"
     "  q[n,d] = sum[c](x[n,c] * wk[c,d])\n"
     "  s[n,j] = sum[c](q[n,c] * x[j,c])\n"
     "  p[n,j] = softmax[j](s[n,j])\n"
     "  o[n,c] = sum[j](p[n,j] * x[j,c])\n"
     "  l = sum[n,c](o[n,c] * w[n,c])\n  dx = grad(l, x)\n}\n",
     {"p_2[n,j] = "},
     {"p.max_2", "q_2"}},
    {"results that run along the other side are copied",
     "fn f(q[n,d], k[n,d], v[n,e], w[n,e]) -> dk[n,d], dq[n,d] {\n"
     "  axis j as n\n"
     "  p[n,j] = softmax[j where j <= n](sum[d](q[n,d] * k[j,d]))\n"
     "  o[n,e] = sum[j](p[n,j] * v[j,e])\n"
     "  l = sum[n,e](o[n,e] * w[n,e])\n  dk = grad(l, k)\n  dq = grad(l, q)\n}\n",
     {"dk.own[j,d] = ", "dk[n,d] = dk.own[n,d]", "dq[n,d] = sum[j where"},
     {"dq.own"}},
    {"columns are normalised, then rows summed",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e], r[j] {\n"
     "  s[i,j] = exp(sum[d](q[i,d] * k[j,d]))\n"
     "  r[j] = sum[i](s[i,j])\n"
     "  p[i,j] = s[i,j] / r[j]\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n}\n",
     {"s_2[i,j] = ", "p[i,j] = s_2[i,j] / r[j]"},
     {"p_2"}},
    {"rows that share what divides them are one side each",
     "fn f(q[i,d], k[j,d], v[j,e], g[m,d], h[m,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  t[i,m] = sum[d](q[i,d] * g[m,d])\n"
     "  p[i,j], r[i,m] = softmax[j; m](s[i,j]; t[i,m])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e]) + sum[m](r[i,m] * h[m,e])\n}\n",
     {"r[i,m] = "},
     {"s_2", "t_2"}},
    {"beside a running fold, sums along the other side go band by band",
     "fn f(q[i,d], k[j,d], v[j,e], w[i]) -> o[i,e], r[j], t[j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  c[i,j] = cumsum[j where j <= i](s[i,j])\n"
     "  r[j] = sum[i where j <= i](c[i,j] * w[i])\n"
     "  o[i,e] = sum[j](c[i,j] * v[j,e])\n"
     "  t[j] = sum[i](exp(c[i,j]) * o[i,0])\n}\n",
     {"scan i_band {", "c_2[i_band,i,j] = cumsum[j where j <= i](s_2[i_band,i,j])",
      "sum[i where i // 32 == i_band and j <= i](c_2[i_band,i,j] * w[i])", "scan i_band_2 {"},
     {"_3[i_band,"}},
    {"running folds along both sides are stored",
     "fn f(q[i,d], k[j,d], w[i]) -> r[j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  c[i,j] = cumsum[i](s[i,j])\n"
     "  e[i,j] = cumsum[j](exp(-c[i,j]))\n"
     "  r[j] = sum[i](e[i,j] * w[i])\n}\n",
     {"r[j] = sum[i]("},
     {"scan"}},
    {"a sum over everything is a sum of sums over rows",
     "fn f(q[i,d], k[j,d], w[i]) -> a, b, o[i] {\n"
     "  s[i,j] = tanh(sum[d](q[i,d] * k[j,d]))\n"
     "  a = sum[i,j where j <= i](s[i,j] * w[i])\n"
     "  b = max[i,j](s[i,j])\n"
     "  o[i] = sum[j](s[i,j])\n}\n",
     {"a = sum[i](a.sum[i])", "b = max[i](b.max[i])"},
     {"s_2"}},
    {"what is given whole is read from there",
     "fn f(s[i,j], w[i]) -> a[i], b[j] {\n"
     "  t[i,j] = tanh(s[i,j])\n"
     "  a[i] = sum[j](t[i,j])\n  b[j] = sum[i](t[i,j] * w[i])\n}\n",
     {"b[j] = sum[i](t[i,j] * w[i])"},
     {"_2"}},
    {"what is given back is stored anyhow",
     "fn f(q[i,d], k[j,d], w[i]) -> s[i,j], a[i], b[j] {\n"
     "  s[i,j] = exp(sum[d](q[i,d] * k[j,d]))\n"
     "  a[i] = sum[j](s[i,j])\n  b[j] = sum[i](s[i,j] * w[i])\n}\n",
     {"b[j] = "},
     {"_2"}},
    {"what is dear to compute is computed once",
     "fn f(q[i,d], k[j,d], w[i]) -> a[i], b[j] {\n"
     "  axis m as j\n"
     "  s[i,j] = exp(sum[d](q[i,d] * k[j,d]))\n"
     "  t[i,j] = sum[m where m <= j](tanh(s[i,m] - s[i,j]))\n"
     "  a[i] = sum[j](t[i,j]^2)\n  b[j] = sum[i](t[i,j] * w[i])\n}\n",
     {"b[j] = sum[i](t[i,j] * w[i])"},
     {"t_2"}},
    {"hidden layers are no pairs",
     "fn f(x[n,c], w[n,c]) -> dx[n,c], da[c,o] {\n"
     "  axis o = 4 * size(c)\n  param a[c,o] ~ normal(0, 1)\n"
     "  h[n,o] = relu(sum[c](x[n,c] * a[c,o]))\n"
     "  y[n,c] = sum[o](h[n,o] * a[c,o])\n"
     "  l = sum[n,c](y[n,c] * w[n,c])\n  dx = grad(l, x)\n  da = grad(l, a)\n}\n",
     {"da[c,o] = "},
     {"_2"}},
    {"read across, it is stored",
     "fn f(q[n,d], k[n,d], w[n]) -> a[n], b[n] {\n"
     "  axis m as n\n"
     "  s[n,m] = exp(sum[d](q[n,d] * k[m,d]))\n"
     "  t[n,m] = s[n,m] - s[m,n]\n"
     "  a[n] = sum[m](t[n,m]^2)\n  b[m] = sum[n](t[n,m] * w[n])\n}\n",
     {"t_2[n,m] = s[n,m] - s[m,n]"},
     {"s_2"}},
    {"rounds have sides of their own",
     "fn f(x[n,c], w[n,c]) -> y[n,c] {\n"
     "  axis j as n\n  y[n,c] = x[n,c]\n"
     "  repeat 2 {\n"
     "    s[n,j] = exp(-sum[c]((y[n,c] - y[j,c])^2))\n"
     "    r[j] = sum[n](s[n,j])\n"
     "    y[n,c] = sum[j](s[n,j] * y[j,c]) / r[n] + w[n,c]\n"
     "  }\n}\n",
     {"`s[]_2`[n,j] = "},
     {"_3"}},
    {"a layer between two sums is a side apart",
     "fn f(x[n,c], w[n,c]) -> l, dx[n,c] {\n"
     "  axis j as n, d as c\n  param wo[c,d] ~ normal(0, 1)\n"
     "  s[n,j] = sum[c](x[n,c] * x[j,c])\n"
     "  p[n,j] = softmax[j where j <= n](s[n,j])\n"
     "  o[n,c] = sum[j](p[n,j] * x[j,c])\n"
     "  z[n,c] = sum[d](tanh(o[n,d]) * wo[c,d])\n"
     "  l = sum[n,c]((z[n,c] - w[n,c])^2)\n  dx = grad(l, x)\n}\n",
     {"o[n,c] = sum[j where j <= n](p[n,j] * x[j,c])", "s_3[n,j] = ", "p_3[n,j] = "},
     {"_4", "p.sum_2", "p.max_2"}},
    {"no round's weights are collected",
     "fn f(x[n,c], w[n,c]) -> dx[n,c], da[c,d] {\n"
     "  axis j as n, d as c\n  param a[c,d] ~ normal(0, 1)\n  y[n,c] = x[n,c]\n"
     "  repeat 3 {\n"
     "    s[n,j] = sum[c,d](y[n,c] * a[c,d] * y[j,d])\n"
     "    p[n,j] = softmax[j where j <= n](s[n,j])\n"
     "    y[n,c] = y[n,c] + sum[j](p[n,j] * y[j,c])\n"
     "  }\n"
     "  l = sum[n,c](y[n,c] * w[n,c])\n  dx = grad(l, x)\n  da = grad(l, a)\n}\n",
     {"`p[].max.rounds`[round,n] = ", "`p[].sum.rounds`[2 - "},
     {"`p[].rounds`[round", "`s[].rounds`"}},
    {"a derivative of a derivative through rounds",
     "fn f(x[n,c], w[n,c]) -> z[n,c] {\n"
     "  axis j as n\n  y[n,c] = x[n,c]\n"
     "  repeat 2 {\n"
     "    p[n,j] = softmax[j](sum[c](y[n,c] * y[j,c]))\n"
     "    y[n,c] = y[n,c] + sum[j](p[n,j] * y[j,c])\n"
     "  }\n"
     "  l = sum[n,c](y[n,c] * w[n,c])\n  dx = grad(l, x)\n"
     "  m = sum[n,c](dx[n,c]^2)\n  z = grad(m, x)\n}\n",
     {"z[n,c] = "},
     {"`p[].rounds`[round"}},
    {"rounds that scans are in",
     "fn f(x[n,c], w[n,c]) -> dx[n,c] {\n"
     "  axis j as n\n  y[n,c] = x[n,c]\n"
     "  repeat 2 {\n"
     "    scan n { h[n,c] = 0.5 * h[n-1, c | 0] + y[n,c] }\n"
     "    p[n,j] = exp(-sum[c]((h[n,c] - h[j,c])^2))\n"
     "    y[n,c] = y[n,c] + sum[j](p[n,j] * h[j,c])\n"
     "  }\n"
     "  l = sum[n,c](y[n,c] * w[n,c])\n  dx = grad(l, x)\n}\n",
     {"dx[n,c] = "},
     {"`p[].rounds`[round"}},
    {"several heads in groups, told by data",
     "fn f(q[h,i,d], k[g,j,d], v[g,j,e], w[h,i,e], of[h]: index g) -> dk[g,j,d], dv[g,j,e] {\n"
     "  axis j2 as j\n  require size(h) == 2 * size(g)\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[of[h], j, d])\n"
     "  p[h,i,j] = softmax[j](s[h,i,j])\n"
     "  o[h,i,e] = sum[j](p[h,i,j] * v[of[h], j, e])\n"
     "  l = sum[h,i,e](o[h,i,e] * w[h,i,e])\n"
     "  dk = grad(l, k)\n  dv = grad(l, v)\n}\n",
     {"dv[g,j,e] = "},
     {"p.max_2"}},
    {"heads of a few, in groups",
     "fn f(x[i,c], k[g,j,d], v[g,j,e], w[i,e]) -> dv[g,j,e] {\n"
     "  axis h = 4\n  require size(g) == 2\n  param a[h,c,d] ~ normal(0, 1)\n"
     "  of[h] = (h + 1) % 2\n"
     "  q[h,i,d] = sum[c](x[i,c] * a[h,c,d])\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[of[h], j, d])\n"
     "  p[h,i,j] = softmax[j](s[h,i,j])\n"
     "  o[h,i,e] = sum[j](p[h,i,j] * v[of[h], j, e])\n"
     "  l = sum[h,i,e](o[h,i,e] * w[i,e])\n"
     "  dv = grad(l, v)\n}\n",
     {"dv[g,j,e] = sum[h where of[h] == g](dv.sum[h,j,e])"},
     {"p.max_2"}},
    {"several heads in groups",
     "fn f(q[h,i,d], k[g,j,d], v[g,j,e], w[h,i,e]) -> dk[g,j,d], dq[h,i,d] {\n"
     "  require size(h) == 2 * size(g)\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[h // 2, j, d])\n"
     "  p[h,i,j] = softmax[j](s[h,i,j])\n"
     "  o[h,i,e] = sum[j](p[h,i,j] * v[h // 2, j, e])\n"
     "  l = sum[h,i,e](o[h,i,e] * w[h,i,e])\n"
     "  dk = grad(l, k)\n  dq = grad(l, q)\n}\n",
     {"p_2[h,i,j] = "},
     {"p.max_2"}},
};

static bool has_text(const char *text, const char *const *parts, bool wanted) {
    for (int i = 0; i < 4 && parts[i]; i++)
        if ((strstr(text, parts[i]) != NULL) != wanted) return false;
    return true;
}

static void programs_become_what_they_should(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        at_session *s = at_session_new(1 << 28);
        const at_cascade *after = at_optimize(s, made(s, examples[i].text));
        at_ir_verify(s, after);
        const char *text = printed(s, after);
        if (!has_text(text, examples[i].has, true) || !has_text(text, examples[i].lacks, false))
            tell(at_format(s->arena, "%s:\n%s", examples[i].name, text));
        at_session_free(s);
    }
}

static void results_stay(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (int run = 0; run < 12; run++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = made(s, examples[i].text), *after = at_optimize(s, before);
            dice d = {(uint64_t)run};
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            for (int k = 0; k < before->axis_count; k++) open[k] = run == 0 ? 2 : pick(&d, 6);
            for (int k = 0; k < before->axis_count && strstr(examples[i].text, "size(g)"); k++)
                open[k] = strcmp(before->axes[k]->name, "h") == 0   ? 4
                          : strcmp(before->axes[k]->name, "g") == 0 ? 2 : open[k];
            same_results_drawn(s, examples[i].text, before, after, open, &d, run);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_become_what_they_should),
                                       cmocka_unit_test(results_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
