/* Sums in another order: the reference executor gives the same before and after, at any
 * lengths, and no array over rows and columns is left where it should not be. */
#include "opt_fixture.h"

typedef struct {
    const char *name, *text;
    const char *gone; /* what must not be in the text after; NULL: see `stays` */
    const char *stays; /* what must be */
} example;

static const example examples[] = {
    {"weights without a softmax",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j](s[i,j] * v[j,e]) / sum[j](s[i,j])\n"
     "}\n",
     "[i,j]", "o.all[d,e] = sum[j](k[j,d] * v[j,e])"},
    {"only some keys, and some features",
     "fn f(q[i,d], k[j,d], v[j,e], a[j], keep[j]: bool, on[d]: bool) -> o[i,e] {\n"
     "  s[i,j] = -2 * sum[d where on[d]](q[i,d] * k[j,d]) / (1 + abs(a[j]))\n"
     "  o[i,e] = 1 + sum[j where keep[j]](s[i,j] * v[j,e])\n"
     "}\n",
     "[i,j]", NULL},
    {"of no terms 0, also where as many divide",
     "fn f(w[i,k,j]) -> u[k,j] {\n"
     "  axis m as k\n"
     "  n[k] = count[m where m != k](true)\n"
     "  u[k,j] = sum[i,m where m != k](if w[i,k,j] != 0 then w[i,k,j] / n[k] else 0)\n"
     "}\n",
     NULL, "u.all[k]"},
    {"what is past",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where j <= i](s[i,j] * v[j,e])\n"
     "}\n",
     "[i,j]", "scan i {"},
    {"what is strictly past, and what comes later",
     "fn f(q[i,d], k[i,d], v[i,e], a[i]) -> o[i,e], b[i] {\n"
     "  axis j as i\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where not j >= i](s[i,j] * v[j,e]) + "
     "sum[j where i - j < 0](v[j,e] * s[i,j])\n"
     "  b[i] = sum[j where i < j + 1](a[j])\n"
     "}\n",
     "[i,j]", "scan i down {"},
    {"weights that fall with the distance",
     "fn f(q[i,d], k[j,d], v[j,e], r[d]) -> o[i,e], z[i,e] {\n"
     "  s[i,j] = 0.9^(i - j) * sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where j < i](s[i,j] * v[j,e])\n"
     "  p[i,j] = sum[d](q[i,d] * abs(r[d])^(2 * i - 2 * j + 1) * k[j,d])\n"
     "  z[i,e] = sum[j where j <= i](p[i,j] * v[j,e])\n"
     "}\n",
     "[i,j]", NULL},
    {"weights that fall towards what comes later",
     "fn f(q[i,d], k[j,d], v[i,e], a[i]) -> o[j,e] {\n"
     "  s[i,j] = 0.5^(i - j) * sum[d](q[i,d] * k[j,d])\n"
     "  o[j,e] = sum[i where j <= i](s[i,j] * v[i,e]) + sum[i where j < i](s[i,j] * a[i])\n"
     "}\n",
     "[i,j]", "o.later"},
    {"gates that are multiplied on the way",
     "fn f(q[t,d], k[t,d], v[t,e], g[t,d], c[t]) -> o[t,e], b[t] {\n"
     "  axis s as t\n"
     "  a[t,d] = cumsum[t](g[t,d])\n"
     "  w[t,s] = sum[d](q[t,d] * exp((a[t,d] - a[s,d]) / 2) * k[s,d])\n"
     "  o[t,e] = sum[s where s <= t](w[t,s] * v[s,e])\n"
     "  b[t] = sum[s where s < t](exp(-3 * (c[s] + c[t])) * c[s])\n"
     "}\n",
     "[t,s]", NULL},
    {"exponents of a distance",
     "fn f(q[t,d], k[t,d], v[t,e], rate[h]) -> o[h,t,e] {\n"
     "  axis s as t\n"
     "  w[h,t,s] = exp(-abs(rate[h]) * real(t - s)) * sum[d](q[t,d] * k[s,d])\n"
     "  o[h,t,e] = sum[s where s <= t](w[h,t,s] * v[s,e])\n"
     "}\n",
     "[h,t,s]", NULL},
    {"sums of weights, and choices between them",
     "fn f(q[i,d], k[i,d], v[i,e], a[i], b[i]) -> o[i,e] {\n"
     "  axis j as i\n"
     "  s[i,j] = a[i] * b[j] - sum[d](q[i,d] * k[j,d])\n"
     "  w[i,j] = if j <= i then s[i,j] else 0.5 * b[j]\n"
     "  o[i,e] = sum[j](w[i,j] * v[j,e])\n"
     "}\n",
     "[i,j]", NULL},
    {"in rounds that carry what is summed",
     "fn f(x[n,c], w[c,f], u[f,c]) -> y[n,c] {\n"
     "  axis m as n\n"
     "  y = x\n"
     "  repeat 3 {\n"
     "    q[n,f] = sum[c](y[n,c] * w[c,f])\n"
     "    s[n,m] = sum[f](q[n,f] * q[m,f])\n"
     "    z[n,f] = sum[m where m <= n](s[n,m] * q[m,f]) / 100\n"
     "    y[n,c] = y[n,c] / 2 + sum[f](z[n,f] * u[f,c])\n"
     "    z[n,f] = sum[m](s[n,m] * q[m,f]) / 100\n"
     "    y[n,c] = y[n,c] / 2 + sum[f](z[n,f] * u[f,c])\n"
     "  }\n"
     "}\n",
     NULL, "scan n {"},
    {"the gradient of what is past",
     "fn f(q[i,d], k[i,d], v[i,e], w[i,e]) -> dq[i,d], dk[i,d], dv[i,e] {\n"
     "  axis j as i\n"
     "  s[i,j] = 0.8^(i - j) * sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where j <= i](s[i,j] * v[j,e]) / (1 + abs(sum[j where j <= i](s[i,j])))\n"
     "  loss = sum[i,e](w[i,e] * o[i,e])\n"
     "  dq = grad(loss, q)\n"
     "  dk = grad(loss, k)\n"
     "  dv = grad(loss, v)\n"
     "}\n",
     "[i,j]", NULL},
    {"the gradient of a rate",
     "fn f(q[i,d], k[i,d], v[i,e], w[i,e], r, b[h]) -> dr, db[h] {\n"
     "  axis j as i\n"
     "  s[i,j] = r^(i - j) * sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where j <= i](s[i,j] * v[j,e])\n"
     "  z[h,i,e] = sum[j where j >= i](b[h]^(2 * (j - i)) * q[i,0 | 1] * v[j,e])\n"
     "  loss = sum[i,e](w[i,e] * o[i,e]) + sum[h,i,e](z[h,i,e])\n"
     "  dr = grad(loss, r)\n"
     "  db = grad(loss, b)\n"
     "}\n",
     "[i,j]", "moment"},
    {"the gradient of weights without a softmax",
     "fn f(q[i,d], k[j,d], v[j,e], w[i,e]) -> dq[i,d], dk[j,d], dv[j,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j](s[i,j] * v[j,e])\n"
     "  loss = sum[i,e](w[i,e] * o[i,e]^2)\n"
     "  dq = grad(loss, q)\n"
     "  dk = grad(loss, k)\n"
     "  dv = grad(loss, v)\n"
     "}\n",
     "[i,j]", NULL},
    {"weights that are no product stay",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = relu(sum[d](q[i,d] * k[j,d]))\n"
     "  o[i,e] = sum[j where j <= i](s[i,j] * v[j,e])\n"
     "}\n",
     "scan", "s[i,j] = relu"},
    {"a score less its mean stays",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  m[i] = mean[j](s[i,j])\n"
     "  w[i,j] = (s[i,j] - m[i]) / (1e-3 + abs(m[i]))\n"
     "  o[i,e] = sum[j](w[i,j] * v[j,e])\n"
     "}\n",
     "all", "s[i,j] = sum"},
    {"a window stays",
     "fn f(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j where j <= i and i - j < 3](s[i,j] * v[j,e])\n"
     "}\n",
     "scan", "s[i,j] = sum"},
    {"features stay in front",
     "fn f(x[n,c], w[c,f], u[f,g]) -> y[n,g] {\n"
     "  h[n,f] = sum[c](x[n,c] * w[c,f])\n"
     "  y[n,g] = sum[f](h[n,f] * u[f,g])\n"
     "}\n",
     "all", "h[n,f] = sum"},
    {"what may have no value stays",
     "fn f(q[i,d], k[j,d], v[j,e], at[j]: int) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j + at[j],d])\n"
     "  o[i,e] = sum[j where j <= i and at[j] == 0](s[i,j] * v[j,e])\n"
     "}\n",
     "scan", "s[i,j] = sum"},
};

static void other_orders_keep_results(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        for (int run = 0; run < 12; run++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = made(s, examples[i].text), *after = at_optimize(s, before);
            at_ir_verify(s, after);
            const char *text = printed(s, after);
            if (examples[i].gone && strstr(text, examples[i].gone))
                tell(at_format(s->arena, "%s: `%s` is in\n%s", examples[i].name, examples[i].gone,
                               text));
            if (examples[i].stays && !strstr(text, examples[i].stays))
                tell(at_format(s->arena, "%s: `%s` is not in\n%s", examples[i].name,
                               examples[i].stays, text));
            dice d = {(uint64_t)run};
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            for (int k = 0; k < before->axis_count; k++) open[k] = run == 0 ? 1 : 1 + pick(&d, 7);
            at_collection inputs;
            if (!give_drawn(s, before, open, &d, &inputs)) fail();
            same_results(s, examples[i].text, before, after, &inputs);
            at_collection_free(&inputs);
            at_session_free(s);
        }
    }
}

/* Where the loss does not look, rows may hold anything: the zeros of a cotangent annihilate
 * them in the other order too. */
static void zeros_of_cotangents_stay_structural(void **state) {
    (void)state;
    static const char text[] =
        "fn f(q[i,d], k[i,d], v[i,e], w[i,e]) -> dq[i,d], dk[i,d], dv[i,e] {\n"
        "  axis j as i\n"
        "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
        "  o[i,e] = sum[j where j <= i](s[i,j] * v[j,e])\n"
        "  loss = sum[i,e where i < 3](w[i,e] * o[i,e])\n"
        "  dq = grad(loss, q)\n"
        "  dk = grad(loss, k)\n"
        "  dv = grad(loss, v)\n"
        "}\n";
    at_session *s = at_session_new(1 << 28);
    const at_cascade *before = made(s, text), *after = at_optimize(s, before);
    assert_null(strstr(printed(s, after), "[i,j]"));
    dice d = {7};
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
    for (int k = 0; k < before->axis_count; k++) open[k] = k == 0 ? 5 : 2;
    at_collection inputs;
    assert_true(give_drawn(s, before, open, &d, &inputs));
    for (int i = 0; i < 3; i++) /* q, k and v of the last two rows */
        for (int k = 6; k < 10; k++)
            ((double *)inputs.items[i].tensor->data)[k] = k % 2 ? NAN : INFINITY;
    same_results(s, text, before, after, &inputs);
    at_collection_free(&inputs);
    at_session_free(s);
}

/* exp(a[t] - a[s]) where exp(a[t]) and exp(-a[s]) leave the range of doubles. */
static void exponents_are_relative(void **state) {
    (void)state;
    static const char text[] =
        "fn f(a[t], v[t,e]) -> o[t,e] {\n"
        "  axis s as t\n"
        "  b[t] = -400 * t + a[t]\n"
        "  o[t,e] = sum[s where s <= t](exp(b[t] - b[s]) * v[s,e]) + "
        "sum[s where s >= t](exp(b[s] - b[t]) * v[s,e])\n"
        "}\n";
    at_session *s = at_session_new(1 << 28);
    const at_cascade *before = made(s, text), *after = at_optimize(s, before);
    assert_non_null(strstr(printed(s, after), "reference"));
    dice d = {3};
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
    for (int k = 0; k < before->axis_count; k++) open[k] = k == 0 ? 12 : 2;
    at_collection inputs;
    assert_true(give_drawn(s, before, open, &d, &inputs));
    same_results(s, text, before, after, &inputs);
    at_collection_free(&inputs);
    at_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_orders_keep_results),
        cmocka_unit_test(zeros_of_cotangents_stay_structural),
        cmocka_unit_test(exponents_are_relative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
