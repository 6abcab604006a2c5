/* Passes that run together, block by block: they are found in however the equations are put, hold
 * in blocks what only they read, give what the reference executor gives over several blocks, and
 * the same bits for any number of threads. */
#include "loop_fixture.h"

enum { LISTS = 3, AXES = 6 };

typedef struct {
    const char *text;
    const char *together; /* a line of the plan; NULL: no group */
    const char *blocks;   /* names of what is held in blocks */
    int extents[LISTS][AXES]; /* of the open axes, in the order in which the program has them */
} example;

static const example examples[] = {
    {"fn heads(q[h,i,d], k[h,j,d], v[h,j,e]) -> o[h,i,e] {\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[h,j,d]) / sqrt(size(d))\n"
     "  p[h,i,j] = softmax[j where j <= i](s[h,i,j])\n"
     "  o[h,i,e] = sum[j](p[h,i,j] * v[h,j,e])\n}",
     "together for each h, in blocks of i,",
     "s p.max p.sum p",
     {{2, 70, 8, 70, 9}, {1, 150, 5, 40, 20}, {3, 3, 4, 2, 2}}},
    {"fn by_hand(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](k[j,d] * q[i,d])\n"
     "  m[i] = max[j](s[i,j])\n"
     "  x[i,j] = exp(s[i,j] - m[i])\n"
     "  z[i] = sum[j](x[i,j])\n"
     "  u[i,e] = sum[j](v[j,e] * x[i,j])\n"
     "  o[i,e] = u[i,e] / z[i]\n}",
     "together, in blocks of i,",
     "s x z u",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn followed(q[i,d], k[j,d], v[j,e], w[i], far[i,e]) -> o[i,e], n[i] {\n"
     "  s[i,j] = tanh(sum[d](k[j,d] * q[i,d]))\n"
     "  u[i,e] = sum[j](v[j,e] * s[i,j])\n"
     "  x[i,e] = u[i,e] * w[i]\n"
     "  o[i,e] = x[i,e] + far[i,e]\n"
     "  n[i] = sum[e](o[i,e] * far[i,e])\n}",
     "together, in blocks of i,",
     "s u x",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn columns(q[i,d], k[j,d], g[i,e]) -> v[j,e] {\n"
     "  s[i,j] = tanh(sum[d](q[i,d] * k[j,d]))\n"
     "  v[j,e] = sum[i where j <= i](s[i,j] * g[i,e])\n}",
     "together, in blocks of j,",
     "s",
     {{70, 8, 100, 9}, {150, 5, 140, 20}, {3, 4, 2, 2}}},
    {"fn middle(q[i,h,d], k[j,h,d], v[j,h,e]) -> o[i,h,e] {\n"
     "  s[i,h,j] = sum[d](q[i,h,d] * k[j,h,d])\n"
     "  p[i,h,j] = sigmoid(s[i,h,j])\n"
     "  o[i,h,e] = sum[j](p[i,h,j] * v[j,h,e])\n}",
     "together for each h, in blocks of i,",
     "s p",
     {{70, 2, 8, 70, 9}, {150, 1, 5, 40, 20}, {3, 3, 4, 2, 2}}},
    {"fn shared(q[h,i,d], k[j,d], v[j,e]) -> o[h,i,e] {\n"
     "  near[i,j] = if i - j < 5 then 1.0 else sum[d](k[j,d] * q[0,i,d])\n"
     "  s[h,i,j] = sum[d](q[h,i,d] * k[j,d]) * near[i,j]\n"
     "  o[h,i,e] = sum[j](s[h,i,j] * v[j,e])\n}",
     "together, in blocks of i,",
     "near s",
     {{2, 70, 8, 70, 9}, {1, 150, 5, 40, 20}, {3, 3, 4, 2, 2}}},
    {"fn sorted(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  axis r = 3\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  best[i,r] = topk[j where j <= i](s[i,j])\n"
     "  o[i,e] = sum[r where best[i,r] >= 0](s[i,best[i,r]] * v[best[i,r],e])\n}",
     "together, in blocks of i,",
     "s best",
     {{70, 8, 70, 9}, {150, 5, 140, 20}, {3, 4, 2, 2}}},
    {"fn threshold(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  c[i,j] = cumsum[j](sigmoid(s[i,j]))\n"
     "  o[i,e] = sum[j](exp(-c[i,j]) * v[j,e])\n}",
     "together, in blocks of i,",
     "s c",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn banded(q[i,d], k[j,d], v[j,e], w[i,e]) -> o[i,e], r[j,e], t[j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  c[i,j] = cumsum[j down where j <= i + 3](sigmoid(s[i,j]))\n"
     "  p[i,j] = exp(-c[i,j + 1 | 0])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n"
     "  r[j,e] = 2 * sum[i where j <= i](p[i,j] * w[i,e])\n"
     "  t[j] = sum[i where i < 50](c[i,j])\n}",
     "together, in blocks of i,",
     "s c p",
     {{70, 8, 130, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn gathered(q[i,d], k[j,d], v[j,e], at[j]: int) -> o[i,e] {\n"
     "  axis g as j\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  t[i,g] = sum[j where at[j] == g](tanh(s[i,j]))\n"
     "  o[i,e] = sum[g](sigmoid(t[i,g]) * v[g,e])\n}",
     "together, in blocks of i,",
     "s t",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn drawn(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  w[i,j] ~ normal(s[i,j], 0.5)\n"
     "  o[i,e] = sum[j](w[i,j] * v[j,e])\n}",
     "together, in blocks of i,",
     "s w",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn layers(x[t,c]) -> z[t,c] {\n"
     "  y[t,c] = x[t,c]\n"
     "  axis u as t\n"
     "  repeat 2 {\n"
     "    s[t,u] = tanh(sum[c](y[t,c] * y[u,c]))\n"
     "    y[t,c] = y[t,c] + sum[u where u <= t](s[t,u] * y[u,c]) / 10\n"
     "  }\n  z[t,c] = y[t,c]\n}",
     "together, in blocks of t,",
     "`s[]`",
     {{70, 8}, {150, 5}, {3, 4}}},
    {"fn moved(q[i,d], k[j,d], v[j,e]) -> o[i,e], n[j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  n[j] = sum[d](k[j,d] * k[j,d])\n"
     "  m[i] = max[j](s[i,j])\n"
     "  w[j,e] = v[j,e] * n[j]\n"
     "  o[i,e] = sum[j](exp(s[i,j] - m[i]) * w[j,e])\n}",
     "together, in blocks of i,",
     "s m",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn scanned(q[h,i,d], k[h,j,d], v[h,j,e]) -> o[h,i,e] {\n"
     "  axis b = (size(j) + 15) // 16, u = 16\n"
     "  scan b {\n"
     "    s[b,h,i,u] = if 16 * b + u <= i then sum[d](q[h,i,d] * k[h,16 * b + u,d | 0]) +\n"
     "      0 * m[b-1,h,i | 0] else -inf\n"
     "    m[b,h,i] = max(m[b-1,h,i | -1e30], max[u](s[b,h,i,u]))\n"
     "    c[b,h,i] = if b == 0 then 1 else exp(m[b-1,h,i | 0] - m[b,h,i])\n"
     "    p[b,h,i,u] = exp(s[b,h,i,u] - m[b,h,i])\n"
     "    l[b,h,i] = c[b,h,i] * l[b-1,h,i | 0] + sum[u](p[b,h,i,u])\n"
     "    a[b,h,i,e] = c[b,h,i] * a[b-1,h,i,e | 0] + sum[u](p[b,h,i,u] * v[h,16*b+u,e | 0])\n"
     "  }\n"
     "  o[h,i,e] = a[size(b)-1,h,i,e | 0] / l[size(b)-1,h,i | 0]\n}",
     "together for each h, in blocks of i,",
     "s m c p l a",
     {{2, 70, 8, 70, 9}, {1, 150, 5, 40, 20}, {3, 3, 4, 2, 2}}},
    {"fn kept(q[i,d], k[j,d], v[j,e]) -> o[i,e], s[i,j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  o[i,e] = sum[j](exp(s[i,j]) * v[j,e])\n}",
     NULL,
     "",
     {{70, 8, 70, 9}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
    {"fn memory(k[j,d], v[j,e], q[i,d]) -> o[i,e] {\n"
     "  a[d,e] = sum[j](k[j,d] * v[j,e])\n"
     "  o[i,e] = sum[d](q[i,d] * a[d,e])\n}",
     NULL,
     "",
     {{70, 8, 9, 70}, {150, 5, 40, 20}, {3, 4, 2, 2}}},
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static const char *plan_of(at_session *s, const char *text) {
    at_text dump = {0};
    at_compile_options options = {.stage = "plan", .stream = -1};
    at_compile(s, resolved(s, text), &options, &dump);
    const char *copy = at_copy_text(s->arena, dump.data, dump.length);
    at_text_free(&dump);
    return copy;
}

/* The line of the plan about an array. */
static bool is_in_block(at_session *s, const char *plan, const char *name) {
    const char *line = strstr(plan, at_format(s->arena, "  array %s[", name));
    if (!line) return false;
    const char *end = strchr(line, '\n'), *block = strstr(line, "a block of");
    return block && block < end;
}

static void are_found(void **state) {
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        at_session *s = at_session_new((size_t)64 << 20);
        const example *one = &examples[i];
        const char *plan = plan_of(s, one->text), *found = strstr(plan, "together");
        if (!one->together && found) fail_msg("%s\n%s", one->text, plan);
        if (one->together && !strstr(plan, one->together)) fail_msg("%s\n%s", one->text, plan);
        char *names = at_copy_text(s->arena, one->blocks, strlen(one->blocks));
        for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
            if (!is_in_block(s, plan, name)) fail_msg("%s\n%s\n%s", name, one->text, plan);
        at_session_free(s);
    }
}

static int64_t *open_axes(at_session *s, const at_cascade *cascade, const int *extents) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int k = 0, next = 0; k < cascade->axis_count; k++) {
        const at_axis *axis = cascade->axes[k];
        open[k] = axis->extent || axis->like || axis->fixed >= 0 ? -1 : extents[next++];
    }
    return open;
}

static void run_both(at_session *s, const at_cascade *cascade, const at_kernel *kernel,
                     const int *extents) {
    dice d = {5};
    at_collection inputs;
    assert_true(give_drawn(s, cascade, open_axes(s, cascade, extents), &d, &inputs));
    threads_agree(s, cascade, kernel, &inputs);
}

static void give_what_whole_arrays_give(void **state) {
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        at_session *s = at_session_new((size_t)256 << 20);
        const at_cascade *cascade = resolved(s, examples[i].text);
        at_kernel *kernel = at_compile(s, cascade, &(at_compile_options){.stream = -1}, NULL);
        if (!kernel) tell(errors_of(s));
        for (int k = 0; k < LISTS; k++) run_both(s, cascade, kernel, examples[i].extents[k]);
        at_kernel_free(kernel);
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_found),
        cmocka_unit_test(give_what_whole_arrays_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
