/* The compiled path against the reference executor: each program is run by both, and both must give
 * the same outputs, or fail of the same mistake in the same words. */
#define _DEFAULT_SOURCE
#include "ref_fixture.h"

#include "compile.h"

/* Numbers without pattern, with an infinity, a NaN and zeros among them when `wild`. */
static double sample(int i, bool wild) {
    if (wild && i % 7 == 3) return i % 2 ? INFINITY : NAN;
    if (wild && i % 5 == 2) return i % 2 ? -INFINITY : -0.0;
    return 2 * sin(12.9898 * i + 4.1414);
}

/* Fills every input that is declared; every axis without an extent gets `extent`. */
static void give_all(world *w, int64_t extent, bool wild) {
    int64_t *open = AT_NEW_ARRAY(w->s->arena, int64_t, w->cascade.axis_count);
    for (int i = 0; i < w->cascade.axis_count; i++) open[i] = extent;
    for (int i = 0; i < w->cascade.input_count; i++) {
        const at_array *array = w->cascade.inputs[i].array;
        int64_t shape[8], highest = 4;
        for (int k = 0; k < array->rank; k++) shape[k] = at_extent(array->axes[k], open);
        if (array->inside) highest = at_extent(array->inside, open);
        at_type type = array->kind == AT_REAL ? AT_TYPE_F64
                       : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
        at_tensor *t = at_tensor_new(w->s, type, shape, array->rank, array->name);
        for (int n = 0; n < t->count; n++) {
            if (array->kind == AT_REAL) ((double *)t->data)[n] = sample(n + 31 * i, wild);
            else if (array->kind == AT_INT) ((int64_t *)t->data)[n] = (n * 7 + i) % highest;
            else ((unsigned char *)t->data)[n] = (n * 5 + i) % 3 != 0;
        }
        at_collection_add(w->s, &w->inputs, array->name, t);
    }
    w->call.inputs = &w->inputs;
}

static bool close_enough(double a, double b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return a == b;
    return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static void compare(const char *name, const at_tensor *found, const at_tensor *expected) {
    assert_int_equal(found->type, expected->type);
    assert_int_equal(found->count, expected->count);
    for (int64_t i = 0; i < found->count; i++) {
        bool same;
        if (found->type == AT_TYPE_F64)
            same = close_enough(((double *)found->data)[i], ((double *)expected->data)[i]);
        else if (found->type == AT_TYPE_I64)
            same = ((int64_t *)found->data)[i] == ((int64_t *)expected->data)[i];
        else
            same = ((unsigned char *)found->data)[i] == ((unsigned char *)expected->data)[i];
        if (same) continue;
        if (found->type == AT_TYPE_F64)
            fail_msg("%s, element %d: compiled %.17g, reference %.17g", name, (int)i,
                     ((double *)found->data)[i], ((double *)expected->data)[i]);
        fail_msg("%s, element %d differs", name, (int)i);
    }
}

static void show(world *w) {
    at_text text = {0};
    at_diags_render(w->s, false, &text);
    fprintf(stderr, "%s", text.data ? text.data : "");
    at_text_free(&text);
}

/* Whether the two agree on outputs; both failing counts when they say the same. */
static void check(world *w) {
    at_ir_verify(w->s, &w->cascade);
    at_results expected = {0}, found = {0};
    bool works = at_ref_run(w->s, &w->cascade, &w->call, &expected);
    int errors = w->s->diag_count;
    at_kernel *kernel = at_compile(w->s, &w->cascade, NULL, NULL);
    if (!kernel) show(w);
    assert_non_null(kernel);
    bool compiled = at_kernel_run(w->s, kernel, &w->call, &found);
    if (compiled != works) show(w);
    assert_int_equal(compiled, works);
    for (int i = 0; works && i < expected.outputs.count; i++) {
        const char *name = expected.outputs.items[i].name;
        assert_string_equal(found.outputs.items[i].name, name);
        compare(name, found.outputs.items[i].tensor, expected.outputs.items[i].tensor);
    }
    if (!works) {
        assert_int_equal(errors, 1);
        assert_int_equal(w->s->diag_count, 2);
        const at_diag *a = w->s->diags[0], *b = w->s->diags[1];
        assert_string_equal(at_code_text(b->code), at_code_text(a->code));
        assert_string_equal(b->message, a->message);
        assert_int_equal(b->span.begin, a->span.begin);
        assert_int_equal(a->note_count, 1); /* what needed it */
        assert_int_equal(b->note_count, 1);
        assert_string_equal(b->notes[0], a->notes[0]);
    }
    at_kernel_free(kernel);
    at_results_free(&expected);
    at_results_free(&found);
}

/* A program: lines that begin with `in`, `param`, `state`, `axis`, `cotangent`, `out`, or are
 * equations. */
typedef struct {
    const char *name;
    const char *lines[16];
} example;

static const example examples[] = {
    {"attention",
     {"in q[i,d]", "in k[j,d]", "in v[j,e]", "s[i,j] = sum[d](q[i,d] * k[j,d])",
      "p[i,j] = softmax[j](s[i,j])", "o[i,e] = sum[j](p[i,j] * v[j,e])", "out o"}},
    {"masked attention, then a projection",
     {"in q[i,d]", "in v[j,e]", "in keep[j]: bool", "in w[e,c]",
      "p[i,j] = softmax[j where keep[j] and j <= i](q[i,j % size(d)])",
      "o[i,e] = sum[j](p[i,j] * v[j,e])", "y[i,c] = sum[e](o[i,e] * w[e,c])",
      "z[i,c] = y[i,c] * w[c,i]", "out p", "out z"}},
    {"structural zeros through all that keeps them",
     {"in x[i,j]", "p[i,j] = softmax[j where j < i](x[j,i])", "a[i,j] = -p[i,j] * x[i,j] / x[j,i]",
      "b[i,j] = a[i,j] + p[i,j] * x[j,j]", "c[i,j] = if i == 2 then b[i,j] else x[i,j]",
      "d[i,j] = c[i,j] * x[j,i]", "e[i] = sum[j where j != 1](b[i,j])",
      "f[i] = prod[j where j + 1 == i](p[i,j]) * x[i,i]", "g[i] = e[i] * x[i,0]", "out d", "out f",
      "out g"}},
    {"a structural zero that is negated has no sign",
     {"in x[i,j]", "p[i,j] = softmax[j where j < i](x[j,i])", "a[i,j] = -p[i,j]",
      "b[i,j] = atan2(0, a[i,j])", "out b"}},
    {"structural zeros read elsewhere",
     {"in x[i,j]", "p[i,j] = softmax[j where x[i,j] > 0](x[i,j])",
      "y[i,j] = p[i - 1,j + 1 | x[i,j]] * x[j,i]", "z[i] = sum[j](p[j,i] * x[i,j])",
      "m[i] = mean[j](p[i,j] * x[i,j])", "out y", "out z", "out m"}},
    {"cotangents of 0",
     {"in d[i,j]", "in x[i,j]", "e[i,j] = if (i + j) % 3 == 0 then 0 else d[i,j]", "cotangent d",
      "cotangent e", "a[i,j] = -d[i,j] * (1 / 0) + e[i,j] / x[i,j]",
      "b[i] = sum[j](e[i,j] * x[i,j])", "c[i] = sum[j](e[i,j] * (1 / x[j,i])) * x[i,i]",
      "f[i,j] = e[i,j] * x[i + 1,j] + e[i,j + 1 | x[i,j]] * x[j,i]",
      "g[j] = sum[i where (i + j) % 3 == 0](e[i,j] * x[i + 7,j])", "out a", "out b", "out c",
      "out f", "out g"}},
    {"cotangents through what keeps zeros",
     {"in x[i,j]", "p[i,j] = softmax[j where j != i](x[i,j])", "cotangent p",
      "d[i,j] = p[i,j] * x[j,i]", "cotangent d", "y[i,j] = d[i,j] * (1 / 0) * x[i,j]",
      "z[i] = (d[i,0] + d[i,1]) / x[i,i]", "u[i] = prod[j](d[i,j] * x[i,j])",
      "s[i] = sum[j where j == i](p[i,j] / 0) * (0 / 0)", "out y", "out z", "out u", "out s"}},
    {"log_softmax and logsumexp",
     {"in x[i,j]", "axis k = size(i)", "l[i,j] = log_softmax[j where j != 2](x[i,j] * x[i,j])",
      "y[i] = logsumexp[j where j > i](x[i,j] + 1) + max[j](logsumexp[k](x[j,k]))", "out l",
      "out y"}},
    {"a joint softmax",
     {"in s[i,j]", "in t[m]", "in v[j,i]",
      "p[i,j], r[i,m] = softmax[j where j < i; m](s[i,j]; 2 * t[m])",
      "o[i] = sum[j](p[i,j] * v[j,i]) + sum[m](r[i,m])", "out p", "out o"}},
    {"softmax over two axes",
     {"in x[a,b]", "p[a,b] = softmax[a, b where a != b](x[a,b])", "out p"}},
    {"every fold",
     {"in x[i,j]", "s[i] = sum[j where x[i,j] > 0](x[i,j]) + mean[j](x[i,j])",
      "m[i] = max[j](x[i,j]) * prod[j](x[i,j]) + min[j where j > i](x[i,j])",
      "int a[i] = argmax[j](x[i,j]) * 100 + argmin[j where j != 0](x[i,j])",
      "bool b[i] = any[j](x[i,j] > 1) and all[j](x[j,i] > 0 - 2)",
      "int c[i] = count[j](x[i,j] > 0) + count[j where j >= i](x[i,j])", "out s", "out m", "out a",
      "out b", "out c"}},
    {"folds that run along a row",
     {"in x[i,j]", "axis m = 7 * size(i) + 3", "y[i,m] = x[i,m % size(j)] * (m % 3 + 1) / 4",
      "a[i,m] = cumsum[m where m % 4 != i](y[i,m] * 2)", "b[i,m] = cumsum[m down](y[i,m])",
      "c[i,m] = cumprod[m down where m < 9 + i](y[i,m])", "d[i,m] = cummax[m](y[i,m])",
      "e[i,m] = cummin[m down where y[i,m] > 0](sum[j](x[i,j]) * y[i,m])", "out a", "out b",
      "out c", "out d", "out e"}},
    {"folds of ints over two axes",
     {"in n[i,j]: int", "int s[i] = sum[j](n[i,j] * j) - prod[j](n[i,j] - 2)",
      "int m = max[i, j](n[i,j]) * 10 + argmax[i, j](n[i,j])", "out s", "out m"}},
    {"every operation on reals",
     {"in x[i,j]", "y[i,j] = exp(x[i,j]) + log(abs(x[i,j])) - sqrt(x[i,j]) * sign(x[i,j])",
      "z[i,j] = sin(x[i,j]) + cos(x[i,j]) * tanh(x[i,j]) / atan2(x[i,j], 2) + erf(x[i,j])",
      "u[i,j] = sigmoid(x[i,j]) + softplus(x[i,j]) - relu(x[i,j]) * gelu(x[i,j]) + silu(x[i,j])",
      "v[i,j] = floor(x[i,j]) + ceil(x[i,j]) * round(x[i,j]) + clamp(x[i,j], 0, 1) ^ 2",
      "w[i,j] = min(x[i,j], x[j,i]) + max(x[i,j], x[j,i]) * rsqrt(x[i,j] * x[i,j])",
      "int t[i,j] = int(x[i,j] * 10)", "out y", "out z", "out u", "out v", "out w", "out t"}},
    {"operations on ints",
     {"in n[i]: int", "in m[j]: int",
      "int a[i,j] = (n[i] - 3) // (m[j] + 1) * 10 + (n[i] - 3) % (0 - m[j] - 1)",
      "int b[i,j] = ipow(n[i] - 2, m[j]) + abs(n[i] - 3) * sign(m[j] - 1)",
      "int c[i,j] = min(n[i], m[j]) - max(n[i], 2) + clamp(m[j], 1, 2)",
      "r[i,j] = if n[i] == m[j] then n[i] / (m[j] + 1) else 0.5", "out a", "out b", "out c",
      "out r"}},
    {"alternatives",
     {"in x[i,j]", "in u[i]", "axis n = size(i) + size(j)",
      "y[i,j] = x[i - 1,j + 1 | 0] + x[i * 2,j | x[i,0]]", "z[n] = u[n | x[0,n - size(i)]]",
      "out y", "out z"}},
    {"gathers and scatters",
     {"in x[i,j]", "in at[t]: index i", "in w[t]", "g[t,j] = x[at[t],j] * w[t]",
      "z[i] = sum[t where at[t] == i](w[t])", "h[i] = max[t where at[t] == i](g[t,0])", "out g",
      "out z", "out h"}},
    {"a shift that nobody needs to the end",
     {"in x[i]", "y[i] = x[i + 1]", "z[i] = if i + 1 < size(i) then y[i] else 7", "out z"}},
    {"a shift that is needed to the end",
     {"in x[i]", "y[i] = 2 * x[i + 1]", "z[i] = -y[i]", "out z"}},
    {"a failure under a structural zero",
     {"in x[i]", "p[i] = softmax[i where i + 1 < size(i)](x[i])", "y[i] = x[i + 1]",
      "z = sum[i](p[i] * y[i])", "o[i] = p[i] * x[i + 1]", "out z", "out o"}},
    {"a failure in a mask", {"in x[i]", "p[i] = softmax[i where x[i + 1] > 0](x[i])", "out p"}},
    {"a failure in a score",
     {"in x[i]", "p[i] = softmax[i where i > 0](x[i + 1] * 2)", "z = p[0]", "out z"}},
    {"a masked array read outside",
     {"in x[i]", "p[i] = softmax[i where i < 2](x[i])", "y[i] = p[size(i)] * x[i]", "out y"}},
    {"division by 0", {"in n[i]: int", "int y[i] = 6 // n[i]", "int z = sum[i](y[i])", "out z"}},
    {"a remainder by 0", {"in n[i]: int", "int y[i] = 6 % n[i]", "out y"}},
    {"a negative power", {"in n[i]: int", "int y[i] = ipow(2, n[i] - 1)", "out y"}},
    {"overflow", {"in n[i]: int", "int y[i] = ipow(2, 62) * (n[i] + 1)", "out y"}},
    {"the largest of no ints",
     {"in n[i]: int", "int y[i] = max[j where j > size(i)](j)", "axis j = 5", "out y"}},
    {"lazy operations",
     {"in x[i]", "bool y[i] = i == 0 or x[i - 1] > 0", "bool z[i] = i > 0 and x[i - 1] > 0",
      "w[i] = if y[i] then x[i] else 1 / 0", "out y", "out z", "out w"}},
    {"a table",
     {"in x[i]", "axis r = 3", "int t[r] = table(2, 0, 1)", "y[r] = x[t[r] // 3] + r", "out y"}},
    {"params and states",
     {"in x[i]", "param w[i,j] ~ normal(1, 0.5)", "param b[j] = j / 2 - 1", "state m[j] = 0.25",
      "axis j = 3", "y[j] = sum[i](x[i] * w[i,j]) + b[j] * m[j]", "out y"}},
    {"an output that is given", {"in x[i]", "y[i] = x[i]", "out x", "out y", "out x"}},
};

static void run_example(const example *e, int64_t extent, bool wild) {
    void *state;
    begin(&state);
    world *w = state;
    for (int i = 0; i < 16 && e->lines[i]; i++) {
        const char *line = e->lines[i];
        char name[16];
        if (strncmp(line, "in ", 3) == 0) declare(w, line + 3);
        else if (strncmp(line, "param ", 6) == 0 || strncmp(line, "state ", 6) == 0)
            declare(w, line);
        else if (strncmp(line, "out ", 4) == 0) output(w, line + 4);
        else if (strncmp(line, "cotangent ", 10) == 0) cotangent(w, line + 10);
        else if (sscanf(line, "axis %15s", name) == 1)
            axis(w, at_format(w->s->arena, "%s", name), strchr(line, '=') + 1);
        else let(w, line);
    }
    give_all(w, extent, wild);
    check(w);
    end(&state);
}

static void agree(int64_t extent, bool wild) {
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        run_example(&examples[i], extent, wild);
    }
}

static void both_agree(void **state) {
    (void)state;
    agree(4, false);
}

static void both_agree_on_infinities_and_nan(void **state) {
    (void)state;
    agree(5, true);
}

static void both_agree_on_one_element(void **state) {
    (void)state;
    agree(1, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_agree),
        cmocka_unit_test(both_agree_on_infinities_and_nan),
        cmocka_unit_test(both_agree_on_one_element),
    };
    return cmocka_run_group_tests_name("compile_agrees", tests, NULL, NULL);
}
