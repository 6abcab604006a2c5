/* What rewrites make of programs, as text; and where elements are known to be 0. */
#include "opt_fixture.h"

typedef struct {
    const char *name, *text, *after;
} example;

static const example examples[] = {
    {"a fold that misses an index is an equation",
     "fn f(x[n,c]) -> y[n,c] = x[n,c] - mean[m](x[n,m])\n",
     "fn f(x[n,c]) -> y[n,c] {\n"
     "  y.mean[n] = mean[c](x[n,c])\n"
     "  y[n,c] = x[n,c] - y.mean[n]\n"
     "}\n"},
    {"what is computed twice is computed once",
     "fn f(x[n,c]) -> y[n,c] {\n"
     "  y[n,c] = (x[n,c] - mean[m](x[n,m])) * rsqrt(mean[m]((x[n,m] - mean[c](x[n,c]))^2))\n"
     "}\n",
     "fn f(x[n,c]) -> y[n,c] {\n"
     "  y.mean[n] = mean[c](x[n,c])\n"
     "  y.rsqrt[n] = rsqrt(mean[c]((x[n,c] - y.mean[n])^2.0))\n"
     "  y[n,c] = (x[n,c] - y.mean[n]) * y.rsqrt[n]\n"
     "}\n"},
    {"conditions on indices are asked where they are needed",
     "fn f(x[n,m]) -> y[n] {\n"
     "  keep[n,m] = m <= n\n"
     "  y[n] = max[m where keep[n,m]](x[n,m])\n"
     "}\n",
     "fn f(x[n,m]) -> y[n] {\n"
     "  y[n] = max[m where m <= n](x[n,m])\n"
     "}\n"},
    {"a softmax of one number is 1 where it is kept",
     "fn f(x[n], keep[n]: bool) -> y[n] {\n"
     "  axis u = 1\n"
     "  one[n,u] = softmax[u where keep[n]](0)\n"
     "  y[n] = one[n,0] + x[n]\n"
     "}\n",
     "fn f(x[n], keep[n]: bool) -> y[n] {\n"
     "  axis u = 1\n"
     "  one[n,u] = if keep[n] then 1.0 else 0.0\n"
     "  y[n] = one[n,0] + x[n]\n"
     "}\n"},
    {"masked attention looks at no masked key",
     "fn f(q[n,d], k[m,d], v[m,e]) -> o[n,e] {\n"
     "  p[n,m] = softmax[m where m <= n](sum[d](q[n,d] * k[m,d]))\n"
     "  o[n,e] = sum[m](p[n,m] * v[m,e])\n"
     "}\n",
     "fn f(q[n,d], k[m,d], v[m,e]) -> o[n,e] {\n"
     "  p.score[n,m] = if m <= n then sum[d](q[n,d] * k[m,d]) else -inf\n"
     "  p.max[n] = max[m where m <= n](p.score[n,m])\n"
     "  p.sum[n] = sum[m where m <= n](exp(p.score[n,m] - p.max[n]))\n"
     "  p[n,m] = if m <= n then (if p.max[n] == -inf then 0.0 else exp(p.score[n,m] - p.max[n]) / p.sum[n]) else 0.0\n"
     "  o[n,e] = sum[m where m <= n](p[n,m] * v[m,e])\n"
     "}\n"},
    {"what steps do not change is computed for all of them",
     "fn f(x[t,c], w[n,c], u[n,m]) -> h[t,n] {\n"
     "  require size(n) == size(m)\n"
     "  scan t { h[t,n] = tanh(sum[c](w[n,c] * x[t,c]) + sum[m](u[n,m] * h[t-1,m | 0])) }\n"
     "}\n",
     "fn f(x[t,c], w[n,c], u[n,m]) -> h[t,n] {\n"
     "  require size(n) == size(m)\n"
     "  h.sum[t,n] = sum[c](w[n,c] * x[t,c])\n"
     "  scan t {\n"
     "    h[t,n] = tanh(h.sum[t,n] + sum[m](u[n,m] * h[t - 1, m | 0.0]))\n"
     "  }\n"
     "}\n"},
    {"heads are read where they stand",
     "fn f(x[n,c], y[n,c]) -> s[h,i,j] {\n"
     "  axis h = 4, d = 8\n"
     "  require size(c) == 32\n"
     "  q[h,i,d] = x[i, h*8 + d]\n"
     "  k[h,j,d] = y[j, h*8 + d]\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[h,j,d]) * (1 / sqrt(2 * size(d)))\n"
     "}\n",
     NULL},
    {"functions of few indices are computed once for each",
     "fn f(x[b,t,d], rate[d]) -> y[b,t,d] = x[b,t,d] * cos(t * rate[d])\n",
     "fn f(x[b,t,d], rate[d]) -> y[b,t,d] {\n"
     "  y.cos[t,d] = cos(t * rate[d])\n"
     "  y[b,t,d] = x[b,t,d] * y.cos[t,d]\n"
     "}\n"},
    {"groups by data are equations of their own",
     "fn f(w[e], dst[e]: index n, b[n]) -> y[n] = b[n] + sum[e where dst[e] == n](w[e])\n",
     "fn f(w[e], dst[e]: index n, b[n]) -> y[n] {\n"
     "  y.sum[n] = sum[e where dst[e] == n](w[e])\n"
     "  y[n] = b[n] + y.sum[n]\n"
     "}\n"},
    {"zeros that a repeat carries have bools beside them",
     "fn f(x[n,m], v[m]) -> z[n] {\n"
     "  y[n,m] = softmax[m where m >= n](x[n,m])\n"
     "  repeat 2 { y[n,m] = y[n,m] * v[m] }\n"
     "  z[n] = sum[m](y[n,m] * v[m])\n"
     "}\n",
     "fn f(x[n,m], v[m]) -> z[n] {\n"
     "  axis round = 2\n"
     "  y.max[n] = max[m where m >= n](x[n,m])\n"
     "  y.sum[n] = sum[m where m >= n](exp(x[n,m] - y.max[n]))\n"
     "  y[n,m] = if m >= n then (if y.max[n] == -inf then 0.0 else exp(x[n,m] - y.max[n]) / y.sum[n]) else 0.0\n"
     "  y.nonzero[n,m] = m >= n\n"
     "  repeat round < 2 {\n"
     "    y[n,m] = if y.nonzero[n,m] then y[n,m] * v[m] else 0.0\n"
     "    y.nonzero[n,m] = y.nonzero[n,m]\n"
     "  }\n"
     "  z[n] = sum[m where y.nonzero[n,m]](y[n,m] * v[m])\n"
     "}\n"},
};

static void programs_become_what_they_should(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        at_session *s = at_session_new(1 << 28);
        const at_cascade *after = at_optimize(s, made(s, examples[i].text));
        at_ir_verify(s, after);
        const char *text = printed(s, after);
        if (examples[i].after ? strcmp(text, examples[i].after) != 0
                              : strstr(text, "q[h,i,d]") != NULL)
            tell(at_format(s->arena, "%s:\n%s\nand not\n%s", examples[i].name, text,
                           examples[i].after ? examples[i].after : ""));
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs_become_what_they_should)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
