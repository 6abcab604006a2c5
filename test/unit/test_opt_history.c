/* Large states that are not kept for each step: the reference executor gives the same before
 * and after, at lengths below, at and above those of blocks. */
#include "opt_fixture.h"


typedef struct {
    const char *name, *text;
    const char *gone;  /* what must not be in the text after; NULL: nothing */
    const char *stays; /* what must be */
} example;

static const example examples[] = {
    {"what looks at a step goes into the scan",
     "fn f(q[i,d], k[i,d], v[i,e], w[i]) -> o[i,e], p[e,i] {\n"
     "  scan i { s[i,d,e] = s[i-1,d,e | 0] + k[i,d] * v[i,e] }\n"
     "  o[i,e] = sum[d](q[i,d] * s[i,d,e]) * w[i]\n"
     "  p[e,i] = 1 + sum[d](q[i,d] * s[i-1,d,e | 1])\n"
     "}\n",
     NULL, "    o[i,e] ="},
    {"what looks at another step stays",
     "fn f(q[i,d], k[i,d], v[i,e]) -> o[i,e] {\n"
     "  scan i { s[i,d,e] = s[i-1,d,e | 0] + k[i,d] * v[i,e] }\n"
     "  o[i,e] = sum[d](q[i,d] * s[size(i) - 1 - i,d,e])\n"
     "}\n",
     ".step", "  o[i,e] ="},
    {"states are computed again where what they meet is known later",
     "fn f(q[i,d], k[i,d], v[i,e], w[i]) -> o[i,e] {\n"
     "  scan i {\n"
     "    s[i,d,e] = s[i-1,d,e | 0] * u[i-1,e | 1] + k[i,d] * v[i,e]\n"
     "    u[i,e] = tanh(sum[d](q[i,d] * s[i,d,e]))\n"
     "  }\n"
     "  scan i down { z[i,e] = 0.5 * z[i+1,e | 0] + u[i,e] }\n"
     "  o[i,e] = sum[d](q[i,d] * s[i,d,e]) * z[i,e]\n"
     "}\n",
     NULL, "s.again[i - 1, d, e | 0.0] * u[i - 1, e | 1.0]"},
    {"the gradient of linear attention as a recurrence",
     "fn f(q[i,d], k[i,d], v[i,e], w[i,e]) -> dq[i,d], dk[i,d], dv[i,e] {\n"
     "  scan i {\n"
     "    s[i,d,e] = 0.9 * s[i-1,d,e | 0] + k[i,d] * v[i,e]\n"
     "    z[i] = 0.9 * z[i-1 | 1] + abs(k[i,0 | 0])\n"
     "    o[i,e] = sum[d](q[i,d] * s[i,d,e]) / z[i]\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * o[i,e])\n"
     "  dq = grad(loss, q)\n"
     "  dk = grad(loss, k)\n"
     "  dv = grad(loss, v)\n"
     "}\n",
     NULL, NULL},
    {"the gradient of gates",
     "fn f(q[i,d], k[i,d], v[i,e], g[i], w[i,e]) -> dg[i], dk[i,d], o[i,e] {\n"
     "  scan i {\n"
     "    s[i,d,e] = sigmoid(g[i]) * s[i-1,d,e | 0] + k[i,d] * v[i,e]\n"
     "    o[i,e] = sum[d](q[i,d] * s[i,d,e])\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * o[i,e]^2)\n"
     "  dg = grad(loss, g)\n"
     "  dk = grad(loss, k)\n"
     "}\n",
     NULL, "scan block down"},
    {"the gradient of a scan from the end, with gates and something before its first step",
     "fn f(q[i,d], k[i,d], v[i,e], g[i,d], w[i,e], b[d,e]) -> dg[i,d], dk[i,d], o[i,e] {\n"
     "  scan i down {\n"
     "    s[i,d,e] = g[i,d] * s[i+1,d,e | b[d,e]] + k[i,d] * v[i,e]\n"
     "    o[i,e] = tanh(sum[d](q[i,d] * s[i,d,e]))\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * o[i,e]^2)\n"
     "  dg = grad(loss, g)\n"
     "  dk = grad(loss, k)\n"
     "}\n",
     NULL, "scan block down"},
    {"the gradient of a rule that corrects",
     "fn f(q[i,d], k[i,d], v[i,e], g[i], b[i], w[i,e]) -> dg[i] {\n"
     "  axis c as d\n"
     "  scan i {\n"
     "    p[i,d,e] = sigmoid(g[i]) * s[i-1,d,e | 0]\n"
     "    u[i,e] = sigmoid(b[i]) * (v[i,e] - sum[c](k[i,c] * p[i,c,e])) / (1 + sum[c](k[i,c]^2))\n"
     "    s[i,d,e] = p[i,d,e] + k[i,d] * u[i,e]\n"
     "    o[i,e] = sum[d](q[i,d] * s[i,d,e])\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * tanh(o[i,e]))\n"
     "  dg = grad(loss, g)\n"
     "}\n",
     NULL, "scan block down"},
    {"the gradient of a gate that all steps share",
     "fn f(q[i,d], k[i,d], v[i,e], g[d], w[i,e]) -> dg[d] {\n"
     "  scan i {\n"
     "    s[i,d,e] = tanh(g[d]) * s[i-1,d,e | 0] + k[i,d] * v[i,e]\n"
     "    o[i,e] = sum[d](q[i,d] * s[i,d,e])\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * o[i,e])\n"
     "  dg = grad(loss, g)\n"
     "}\n",
     NULL, "scan block down"},
    {"several gradients of it",
     "fn f(q[i,d], k[i,d], v[i,e], g[i], b[i], w[i,e]) -> dk[i,d], dv[i,e], db[i] {\n"
     "  axis c as d\n"
     "  scan i {\n"
     "    p[i,d,e] = sigmoid(g[i]) * s[i-1,d,e | 0]\n"
     "    u[i,e] = sigmoid(b[i]) * (v[i,e] - sum[c](k[i,c] * p[i,c,e])) / (1 + sum[c](k[i,c]^2))\n"
     "    s[i,d,e] = p[i,d,e] + k[i,d] * u[i,e]\n"
     "    o[i,e] = sum[d](q[i,d] * s[i,d,e])\n"
     "  }\n"
     "  loss = sum[i,e](w[i,e] * tanh(o[i,e]))\n"
     "  dk = grad(loss, k)\n"
     "  dv = grad(loss, v)\n"
     "  db = grad(loss, b)\n"
     "}\n",
     NULL, "scan block down"},
    {"states that feed a function, whose derivative needs them",
     "fn f(k[i,d], v[i,e], w[i,d,e]) -> dk[i,d], dv[i,e] {\n"
     "  scan i { s[i,d,e] = tanh(0.9 * s[i-1,d,e | 0] + k[i,d] * v[i,e]) }\n"
     "  loss = sum[i,d,e](w[i,d,e] * s[i,d,e])\n"
     "  dk = grad(loss, k)\n"
     "  dv = grad(loss, v)\n"
     "}\n",
     NULL, NULL},
    {"two sweeps on one state",
     "fn f(k[i,d], v[i,e], a[d,e]) -> x[i], y[i], z[i] {\n"
     "  scan i { s[i,d,e] = 0.8 * s[i-1,d,e | a[d,e]] + k[i,d] * v[i,e] }\n"
     "  scan i down { r[i,d,e] = 0.5 * r[i+1,d,e | a[d,e]] + s[i,d,e] * s[i-1,d,e | 0.25] }\n"
     "  x[i] = sum[d,e](s[i,d,e] * r[i,d,e])\n"
     "  y[i] = sum[d,e](s[i-1,d,e | 2] * r[i+1,d,e | 3]) + x[i]\n"
     "  z[i] = x[i] * y[i]\n"
     "}\n",
     NULL, "scan block down"},
};

static void run_both(at_session *s, const char *text, const at_cascade *before,
                     const at_cascade *after, int64_t length, int64_t features) {
    at_results expected, found;
    dice d = {(uint64_t)length};
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
    for (int k = 0; k < before->axis_count; k++)
        open[k] = before->axes[k]->name[0] == 'i' ? length : features;
    at_collection inputs;
    if (!give_drawn(s, before, open, &d, &inputs)) fail();
    for (int i = 0; i < inputs.count; i++) /* that nothing grows out of bounds */
        for (int64_t k = 0; k < inputs.items[i].tensor->count; k++)
            ((double *)inputs.items[i].tensor->data)[k] *= 0.4;
    s->diag_count = 0;
    bool works = run_program(s, before, &inputs, &expected) &&
                 run_program(s, after, &inputs, &found);
    const char *what = errors_of(s);
    if (works) what = difference(s, &found.outputs, &expected.outputs, false);
    if (what)
        tell(at_format(s->arena, "of length %d: %s\n%s\n%s", (int)length, what, text,
                       printed(s, after)));
    at_results_free(&expected);
    at_results_free(&found);
    at_collection_free(&inputs);
}

static void states_keep_results(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 2, 7, 63, 64, 65, 130};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        at_session *s = at_session_new(1 << 28);
        const at_cascade *before = made(s, examples[i].text), *after = at_optimize(s, before);
        at_ir_verify(s, after);
        const char *text = printed(s, after);
        if (examples[i].gone && strstr(text, examples[i].gone))
            tell(at_format(s->arena, "`%s` is in\n%s", examples[i].gone, text));
        if (examples[i].stays && !strstr(text, examples[i].stays))
            tell(at_format(s->arena, "`%s` is not in\n%s", examples[i].stays, text));
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            run_both(s, examples[i].text, before, after, lengths[k], 1 + (int64_t)k % 3);
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(states_keep_results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
