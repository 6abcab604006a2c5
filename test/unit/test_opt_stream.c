/* Sums over long axes as scans over blocks: what the reference executor gives is the same for any
 * length of a block and of the axis, with NaN, infinities and rows that see nothing. */
#include "opt_fixture.h"

#include "opt/stream.h"

typedef struct {
    const char *name, *text;
    int scans;              /* how many are made */
    const char *why;        /* in what is told of the rest; NULL: there is none */
} example;

#define SCORES "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"

static const example examples[] = {
    {"the largest score", "fn f(q[i,d], k[j,d]) -> m[i] {\n" SCORES "  m[i] = max[j](s[i,j])\n}\n",
     1, NULL},
    {"one number of all, which leaves no rows to take in blocks",
     "fn f(q[i,d], k[j,d]) -> m {\n" SCORES "  m = mean[i,j](if s[i,j] > 0 then 0 else 1)\n}\n",
     0, NULL},
    {"attention",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n" SCORES "  p[i,j] = softmax[j](s[i,j])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n}\n",
     1, NULL},
    {"attention with what it divides by",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e], lse[i] {\n" SCORES
     "  lse[i] = logsumexp[j where j <= i](s[i,j])\n"
     "  p[i,j] = softmax[j where j <= i](s[i,j])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n}\n",
     1, NULL},
    {"some rows see nothing",
     "fn f(q[b,i,d], k[b,j,d], v[b,j,e], keep[b,j]: bool) -> o[b,i,e] {\n"
     "  s[b,i,j] = sum[d](q[b,i,d] * k[b,j,d]) + i - j\n"
     "  p[b,i,j] = softmax[j where keep[b,j] and j < i](s[b,i,j])\n"
     "  o[b,i,e] = sum[j](p[b,i,j] * v[b,j,e])\n}\n",
     1, NULL},
    {"by hand",
     "fn f(q[i,d], k[m,d], v[m,e]) -> o[i,e] {\n"
     "  axis j as m\n"
     "  s[i,j] = sum[d](k[j,d] * q[i,d])\n"
     "  top[i] = max[m](s[i,m])\n"
     "  w[i,m] = exp(s[i,m] - top[i])\n"
     "  o[i,e] = sum[j](v[j,e] * w[i,j]) / sum[m](w[i,m])\n}\n",
     1, NULL},
    {"sigmoid",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n" SCORES
     "  o[i,e] = sum[j where j <= i](sigmoid(s[i,j]) * v[j,e])\n}\n",
     1, NULL},
    {"softmax plus one",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n" SCORES "  m[i] = max(max[j](s[i,j]), 0)\n"
     "  l[i] = exp(-m[i]) + sum[j](exp(s[i,j] - m[i]))\n"
     "  o[i,e] = sum[j](exp(s[i,j] - m[i]) / l[i] * v[j,e])\n}\n",
     1, NULL},
    {"scores in two parts, heads read from groups",
     "fn f(q[h,i,d], k[g,j,d], v[g,j,e]) -> o[h,i,e] {\n"
     "  axis u = 2\n"
     "  require size(h) == 2 * size(g)\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[h // 2, j, d]) * (1 + h)\n"
     "  p[h,i,j] = softmax[j where j <= i + 2](s[h,i,j])\n"
     "  o[h,i,e] = sum[j](p[h,i,j] * v[h // 2, j, e])\n}\n",
     1, NULL},
    {"the derivative for keys and values",
     "fn f(q[i,d], k[j,d], v[j,e], w[i,e]) -> dk[j,d], dv[j,e] {\n" SCORES
     "  p[i,j] = softmax[j where j <= i + 1](s[i,j])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n"
     "  l = sum[i,e](o[i,e] * w[i,e])\n"
     "  dk = grad(l, k)\n  dv = grad(l, v)\n}\n",
     2, NULL},
    {"in rounds",
     "fn f(x[n,c]) -> y[n,c] {\n"
     "  axis j as n\n  y[n,c] = x[n,c]\n"
     "  repeat 2 {\n"
     "    p[n,j] = softmax[j where j <= n](sum[c](y[n,c] * y[j,c]))\n"
     "    z[n,c] = sum[j](p[n,j] * y[j,c])\n"
     "    y[n,c] = y[n,c] + z[n,c]\n"
     "  }\n}\n",
     1, NULL},
    {"in a scan",
     "fn f(x[t,c], k[u,j,c]) -> h[t,u,c] {\n"
     "  scan t {\n"
     "    s[t,u,j] = tanh(sum[c]((h[t-1, u, c | 0] + x[t,c]) * k[u,j,c]))\n"
     "    p[t,u,j] = exp(s[t,u,j])\n"
     "    h[t,u,c] = sum[j](p[t,u,j] * k[u,j,c]) / sum[j](p[t,u,j])\n"
     "  }\n}\n",
     0, NULL},
    {"two layers",
     "fn f(x[n,c]) -> z[n,c] {\n"
     "  axis j as n\n"
     "  p[n,j] = softmax[j](sum[c](x[n,c] * x[j,c]))\n"
     "  y[n,c] = sum[j](p[n,j] * x[j,c])\n"
     "  r[n,j] = softmax[j where j != n](sum[c](y[n,c] * y[j,c]))\n"
     "  z[n,c] = sum[j](r[n,j] * y[j,c])\n}\n",
     2, NULL},
    {"what depends on a threshold of the row",
     "fn f(q[i,d], k[j,d]) -> o[i] {\n" SCORES "  m[i] = mean[j](s[i,j])\n"
     "  o[i] = sum[j](relu(s[i,j] - m[i]))\n}\n",
     0, "relu"},
    {"a later sum of what other rows gave",
     "fn f(q[n,d], k[n,d]) -> o[n] {\n"
     "  axis j as n\n"
     "  s[n,j] = sum[d](q[n,d] * k[j,d])\n"
     "  m[n] = max[j](s[n,j])\n"
     "  o[n] = sum[j](exp(s[n,j]) * m[j])\n}\n",
     0, "row"},
};

static void give_extents(const at_cascade *before, int64_t *open, dice *d, int length) {
    for (int k = 0; k < before->axis_count; k++) {
        const char *name = before->axes[k]->name;
        bool long_one = strchr("ijnmtu", name[0]) != NULL;
        open[k] = long_one ? (name[0] == 'i' ? 1 + length / 2 : length) : 1 + pick(d, 3);
        if (strcmp(name, "h") == 0) open[k] = 4;
        if (strcmp(name, "g") == 0) open[k] = 2;
    }
}

/* Rounding apart: sums are taken in another order. */
static void compare(at_session *s, const example *e, const at_cascade *before,
                    const at_cascade *after, const at_collection *inputs, int block, int length) {
    at_results expected, found;
    bool works = run_program(s, before, inputs, &expected),
         still = run_program(s, after, inputs, &found);
    if (!works || !still)
        tell(at_format(s->arena, "%s fails:\n%s\n%s", e->name, errors_of(s), printed(s, after)));
    for (int i = 0; i < expected.outputs.count; i++) {
        const at_tensor *a = found.outputs.items[i].tensor, *b = expected.outputs.items[i].tensor;
        for (int64_t k = 0; k < b->count; k++) {
            double x = ((double *)a->data)[k], y = ((double *)b->data)[k];
            if ((isnan(x) && isnan(y)) || x == y || fabs(x - y) <= 1e-9 * fmax(1, fabs(y)))
                continue;
            tell(at_format(
                s->arena, "%s, blocks of %d, length %d: %s[%d] is %.17g and was %.17g\n%s", e->name,
                block, length, expected.outputs.items[i].name, (int)k, x, y, printed(s, after)));
        }
    }
    at_results_free(&expected);
    at_results_free(&found);
}

static void try_example(const example *e, int block) {
    for (int length = 0; length <= 9; length++)
        for (int strange = 0; strange < 2; strange++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = at_optimize(s, made(s, e->text));
            at_sweep_report report = {0};
            const at_cascade *after = at_sweep_cascade(s, before, block, &report);
            at_ir_verify(s, after);
            const char *why = report.count ? report.refusals[0].why : NULL;
            if (report.scans != e->scans || (why != NULL) != (e->why != NULL) ||
                (why && !strstr(why, e->why)))
                tell(at_format(s->arena, "%s: %d scans, %s\n%s\n%s", e->name, report.scans,
                               why ? why : "all", printed(s, before), printed(s, after)));
            dice d = {(uint64_t)(length * 2 + strange)};
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            give_extents(before, open, &d, length);
            at_collection inputs;
            if (!give_drawn(s, before, open, &d, &inputs)) fail();
            if (strange) scatter_strange(&d, &inputs);
            compare(s, e, before, after, &inputs, block, length);
            at_collection_free(&inputs);
            at_session_free(s);
        }
}

static void results_stay(void **state) {
    (void)state;
    static const int blocks[] = {1, 2, 3, 4, 64};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
            try_example(&examples[i], blocks[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(results_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
