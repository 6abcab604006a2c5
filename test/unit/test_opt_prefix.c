/* Folds over what is before or after an index, as running folds: by text, and by what the reference
 * executor gives before and after, infinities and NaN included. */
#include "opt_fixture.h"

typedef struct {
    const char *name, *text;
    const char *has; /* in the program after this rewrite alone; NULL: it stays as it is */
} example;

#define SCORES "  z[i,j] = sum[d](q[i,d] * k[j,d])\n"

static const example examples[] = {
    {"sums over pairs after an index",
     "fn f(q[i,d], k[j,d]) -> a[i,j] {\n  axis u as j\n  require size(i) == size(j)\n" SCORES
     "  a[i,j] = 2 * sum[u where j < u and u < i](z[i,u])\n}\n", NULL},
    {"sums that are read by others only",
     "fn f(q[i,d], k[j,d]) -> y[i] {\n  axis u as j\n  require size(i) == size(j)\n" SCORES
     "  a[i,j] = 2 * sum[u where j < u and u < i](z[i,u])\n"
     "  y[i] = sum[j where j < i](exp(a[i,j]))\n}\n",
     "  a.cumsum[i,u] = cumsum[u down where u < i](z[i,u])\n"
     "  a[i,j] = 2.0 * a.cumsum[i, j + 1 | 0.0]\n"},
    {"what is up to an index and includes it",
     "fn f(q[i,d], k[j,d]) -> y[i] {\n  axis u as j\n" SCORES
     "  a[i,j] = sum[u where u <= j](z[i,u])\n"
     "  y[i] = sum[j](exp(a[i,j]))\n}\n",
     "  a.cumsum[i,u] = cumsum[u](z[i,u])\n  a[i,j] = a.cumsum[i,j]\n"},
    {"products of what is left over",
     "fn f(q[i,d], k[j,d]) -> y[i] {\n  axis u as j\n  require size(i) == size(j)\n" SCORES
     "  a[i,j] = sigmoid(z[i,j]) * prod[u where i > u and u > j + 1](1 - sigmoid(z[i,u]))\n"
     "  y[i] = sum[j where j < i](a[i,j])\n}\n",
     "  a.cumprod[i,u] = cumprod[u down where i > u](1.0 - sigmoid(z[i,u]))\n"
     "  a[i,j] = sigmoid(z[i,j]) * a.cumprod[i, j + 2 | 1.0]\n"},
    {"the largest before",
     "fn f(x[n,c], keep[n]: bool) -> y[n,c], z[n,c] {\n  axis u as n\n"
     "  y[n,c] = max[u where u < n and keep[u]](x[u,c])\n"
     "  z[n,c] = min[u where n <= u](x[u,c])\n}\n",
     "  y.cummax[u,c] = cummax[u where keep[u]](x[u,c])\n"
     "  y[n,c] = y.cummax[n - 1, c | -inf]\n"
     "  z.cummin[u,c] = cummin[u down](x[u,c])\n"
     "  z[n,c] = z.cummin[n,c]\n"},
    {"windows stay",
     "fn f(x[n,c]) -> y[n,c] {\n  axis u as n\n"
     "  y[n,c] = max[u where u <= n and n - u < 3](x[u,c])\n}\n", NULL},
    {"what depends on the index stays",
     "fn f(x[n,c]) -> y[n,c] {\n  axis u as n\n"
     "  y[n,c] = max[u where u <= n](x[u,c] * x[n,c])\n}\n", NULL},
    {"what ends beyond the last stays",
     "fn f(x[n,c]) -> y[n,c] {\n  axis u as n\n"
     "  y[n,c] = max[u where u <= n + 1](x[u,c])\n}\n", NULL},
    {"a state is no array over pairs",
     "fn f(f[n,r], g[n,r], v[n,e]) -> y[n,e] {\n  axis u as n\n"
     "  s[n,r,e] = sum[u where u <= n](g[u,r] * v[u,e])\n"
     "  y[n,e] = sum[r](f[n,r] * s[n,r,e])\n}\n", NULL},
};

static void folds_run_where_they_can(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        at_session *s = at_session_new(1 << 28);
        const at_cascade *before = made(s, examples[i].text), *after = at_opt_prefix(s, before);
        at_ir_verify(s, after);
        const char *has = examples[i].has ? examples[i].has : printed(s, before);
        if (!strstr(printed(s, after), has))
            tell(at_format(s->arena, "%s:\n%s", examples[i].name, printed(s, after)));
        at_session_free(s);
    }
}

static void results_stay(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (int run = 0; run < 12; run++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = made(s, examples[i].text), *after = at_opt_prefix(s, before);
            dice d = {(uint64_t)run};
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            int64_t length = run == 0 ? 0 : 1 + pick(&d, 7);
            for (int k = 0; k < before->axis_count; k++) open[k] = length;
            same_results_drawn(s, examples[i].text, before, after, open, &d, run);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(folds_run_where_they_can),
                                       cmocka_unit_test(results_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
