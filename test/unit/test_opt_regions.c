/* Rewrites inside scans and repeats: the reference executor gives the same before and after, where
 * masked values are NaN, infinite or missing too. */
#include "opt_fixture.h"

typedef struct {
    const char *name, *text;
} example;

static const example examples[] = {
    {"a mask from outside of a scan",
     "fn main(x[n,m], v[m], u[n]) -> h[n] {\n"
     "  p[n,m] = softmax[m where m < n](x[n,m])\n"
     "  w[m] = if m + 1 < size(m) then v[m] else 1 / 0 - 1 / 0\n"
     "  scan n { h[n] = 0.5 * h[n-1 | 0] + sum[m](p[n,m] * w[m]) + p[n,0] * v[n + 9] }\n"
     "}\n"},
    {"a mask made in a scan, read at an earlier step",
     "fn main(x[n,m], v[m]) -> h[n], g[n,m] {\n"
     "  scan n {\n"
     "    g[n,m] = p[n-1, m | 1] * (if m > n then 1 / 0 else v[m])\n"
     "    p[n,m] = softmax[m where m <= n](x[n,m] + h[n-1 | 0])\n"
     "    h[n] = sum[m](p[n,m] * (if m > n then 0 / 0 else v[m]))\n"
     "  }\n"
     "}\n"},
    {"zeros of a recurrence",
     "fn main(x[n,m], v[m]) -> h[n,m], z[n] {\n"
     "  p[n,m] = softmax[m where m > n](x[n,m])\n"
     "  axis j as m\n"
     "  scan n {\n"
     "    h[n,m] = p[n,m] * v[m] + h[n-1, m | p[n,m]]\n"
     "    z[n] = sum[m](h[n,m] * (if m == 0 then 0 / 0 else v[m])) + h[n,0] * (1 / 0)\n"
     "  }\n"
     "}\n"},
    {"zeros that a repeat carries",
     "fn main(x[n,m], v[m]) -> y[n,m], z[n] {\n"
     "  y[n,m] = softmax[m where m >= n](x[n,m])\n"
     "  repeat 3 {\n"
     "    z[n] = sum[m](y[n,m] * (if m < n then 0 / 0 else v[m]))\n"
     "    t[n,m] = y[n,m] * v[m]\n"
     "    y[n,m] = t[n,m] * z[n] + (if m == 0 then y[n,m] else 0 * t[n,m])\n"
     "  }\n"
     "  y[n,m] = y[n,m] * (if m < n then 0 / 0 else 1)\n"
     "}\n"},
    {"zeros that only later rounds have",
     "fn main(x[n,m], v[m]) -> y[n,m], hs[l,n,m] {\n"
     "  y[n,m] = x[n,m]\n"
     "  repeat l < 3 {\n"
     "    y[n,m] = softmax[m where m >= n and m <= l + n](y[n,m])\n"
     "    hs[l,n,m] = y[n,m]\n"
     "  }\n"
     "  y[n,m] = y[n,m] * (if m < n then 0 / 0 else 1)\n"
     "  hs[l,n,m] = hs[l,n,m] * (if m < n then 1 / 0 else 1)\n"
     "}\n"},
    {"rounds that did not run hold plain zeros",
     "fn main(x[n,m], v[m]) -> y[l,n,m], w[l,n,m] {\n"
     "  c = 0\n"
     "  repeat l < 4 while c < 2 {\n"
     "    c = c + 1\n"
     "    hs[l,n,m] = softmax[m where m != n](x[n,m] + c)\n"
     "    gs[l,n,m] = sum[m](hs[l,n,m] * v[m]) * v[m]\n"
     "  }\n"
     "  y[l,n,m] = hs[l,n,m] * (1 / 0)\n"
     "  w[l,n,m] = gs[l,n,m] * (0 / 0)\n"
     "}\n"},
    {"what is carried in a repeat in a scan",
     "fn main(x[n,m], v[m]) -> y[n,m], z[n] {\n"
     "  scan n {\n"
     "    y[n,m] = softmax[m where m >= n](x[n,m] + z[n-1 | 0])\n"
     "    repeat 2 {\n"
     "      y[n,m] = y[n,m] * (if m < n then 1 / 0 else 2) + y[n-1, m | y[n,m]] * (if m < n - 1 then 0 / 0 else 1)\n"
     "    }\n"
     "    z[n] = sum[m](y[n,m] * (if m < n then 0 / 0 else v[m]))\n"
     "  }\n"
     "}\n"},
    {"what is carried in repeats in a repeat",
     "fn main(x[n,m], v[m]) -> y[n,m] {\n"
     "  y[n,m] = softmax[m where m >= n](x[n,m])\n"
     "  repeat 2 {\n"
     "    t[n,m] = y[n,m] * (if m < n then 1 / 0 else v[m])\n"
     "    repeat k < 2 { t[n,m] = t[n,m] * (if m < n then 0 / 0 else v[m] + k) }\n"
     "    y[n,m] = t[n,m] + y[n,m]\n"
     "  }\n"
     "  y[n,m] = y[n,m] / v[m + size(m) * (if m < n then 1 else 0)]\n"
     "}\n"},
    {"a scan in a repeat",
     "fn main(x[n,m], v[m]) -> y[m], hs[l,n,m] {\n"
     "  y[m] = v[m]\n"
     "  repeat l < 2 {\n"
     "    scan n {\n"
     "      p[n,m] = softmax[m where m <= n and v[m] < 1](x[n,m] + y[m])\n"
     "      h[n,m] = h[n-1, m | p[n,m]] * (if m > n then 0 / 0 else 1) + p[n,m]\n"
     "      hs[l,n,m] = h[n,m]\n"
     "    }\n"
     "    y[m] = sum[n](h[n,m] * (if m > n then 1 / 0 else x[n,m]))\n"
     "  }\n"
     "  hs[l,n,m] = hs[l,n,m] / (if m > n then 0 else 2)\n"
     "}\n"},
    {"cotangents in a scan",
     "fn main(d[n,m], x[n,m]) -> y[n], z[n] {\n"
     "  cotangent d, y, e\n"
     "  e[n,m] = if m == n then 0 else d[n,m]\n"
     "  scan n down {\n"
     "    y[n] = sum[m](e[n,m] * (if m == n then 0 / 0 else x[n,m])) + (if n % 2 == 0 then 0 * y[n+1 | 0] else y[n+1 | 1])\n"
     "    z[n] = y[n+1 | 0] * (if n % 2 == 1 and n + 1 < size(n) then 1 else x[n,0]) + e[n,n] * (1 / 0)\n"
     "  }\n"
     "}\n"},
    {"masked values in draws, topk, running sums and states",
     "fn main(x[n,m], v[m]) -> a[n,m], b[n,r], c[n,m], e[n,m] {\n"
     "  state kept[m] = 0\n"
     "  axis r = 2\n"
     "  p[n,m] = softmax[m where m >= n](x[n,m])\n"
     "  w[n,m] = if m < n then 0 / 0 else v[m]\n"
     "  a[n,m] ~ normal(p[n,m] * w[n,m], 1)\n"
     "  b[n,r] = topk[m](p[n,m] * w[n,m])\n"
     "  c[n,m] = cumsum[m](p[n,m] * w[n,m])\n"
     "  e[n,m] = argsort[m where p[n,m] * w[n,m] >= 0](p[n,m] * w[n,m])\n"
     "  next kept[m] = sum[n](p[n,m] * w[n,m])\n"
     "}\n"},
    {"normalisers in a scan",
     "fn main(x[n,m], v[m]) -> y[n,m], z[n], l[n,m] {\n"
     "  axis r = 1, j as n\n"
     "  scan n {\n"
     "    y[n,m], q[n,r] = softmax[m where m <= n; r](x[n,m] * v[m] + y[n-1, m | 0]; z[n-1 | 0])\n"
     "    l[n,m] = log_softmax[m where m != n](y[n,m])\n"
     "    z[n] = logsumexp[m where m < n](l[n,m] + x[n,m]) + max[j](logsumexp[m](x[j,m] * x[n,m]))\n"
     "  }\n"
     "}\n"},
    {"a condition that is a logsumexp", "fn main(x[n,m]) -> y[n,m], c {\n"
                                        "  y[n,m] = x[n,m]\n"
                                        "  c = 0\n"
                                        "  repeat l < 6 while logsumexp[n,m](y[n,m]) > 1 {\n"
                                        "    y[n,m] = y[n,m] - 0.5\n"
                                        "    c = c + 1\n"
                                        "  }\n"
                                        "}\n"},
    {"a condition of masked values",
     "fn main(x[n,m]) -> y[n,m], c {\n"
     "  y[n,m] = softmax[m where m >= n](x[n,m])\n"
     "  c = 0\n"
     "  repeat l < 6 while sum[n,m](y[n,m] * (if m < n then 0 / 0 else 1)) > 0.2 {\n"
     "    y[n,m] = y[n,m] * 0.5\n"
     "    c = c + 1\n"
     "  }\n"
     "}\n"},
    {"determined indices in regions",
     "fn main(x[n,m], v[m]) -> y[n,m], h[n] {\n"
     "  axis k as m, u as n\n"
     "  scan n {\n"
     "    h[n] = sum[u where u == n - 1 and u < n](h[u]) + v[n % size(m)]\n"
     "    p[n,m] = argsort[m](x[n,m] * h[n])\n"
     "    y[n,m] = sum[k where p[n,k] == m](v[k])\n"
     "  }\n"
     "}\n"},
};

static void rewrites_keep_results(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        for (int run = 0; run < 12; run++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = made(s, examples[i].text), *after = at_optimize(s, before);
            at_ir_verify(s, after);
            dice d = {(uint64_t)run};
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            for (int k = 0; k < before->axis_count; k++) open[k] = run == 0 ? 1 : 2 + pick(&d, 4);
            same_results_drawn(s, examples[i].text, before, after, open, &d, run);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rewrites_keep_results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
