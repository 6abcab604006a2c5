/* Loops over lanes against the reference executor: programs of every shape that has lanes, compiled
 * once and run at extents below, at and above the widths of vectors, none and primes among them. */
#define _DEFAULT_SOURCE
#include "ref_fixture.h"

#include "compile.h"

static const int64_t extents[] = {0, 1, 2, 3, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 37, 67};

static double sample(int64_t i, bool wild) {
    if (wild && i % 7 == 3) return i % 2 ? INFINITY : NAN;
    if (wild && i % 5 == 2) return i % 2 ? -INFINITY : -0.0;
    return 2 * sin(12.9898 * (double)i + 4.1414);
}

/* Fills every input; axes without an extent get `extent`, and every second of them `other`. */
static void give_all(world *w, int64_t extent, int64_t other, bool wild) {
    at_collection_free(&w->inputs);
    w->inputs = (at_collection){0};
    int64_t *open = AT_NEW_ARRAY(w->s->arena, int64_t, w->cascade.axis_count);
    for (int i = 0; i < w->cascade.axis_count; i++) open[i] = i % 2 ? other : extent;
    for (int i = 0; i < w->cascade.input_count; i++) {
        const at_array *array = w->cascade.inputs[i].array;
        int64_t shape[8];
        for (int k = 0; k < array->rank; k++) shape[k] = at_extent(array->axes[k], open);
        int64_t highest = array->inside ? at_extent(array->inside, open) : 40;
        at_type type = array->kind == AT_REAL ? AT_TYPE_F64
                       : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
        at_tensor *t = at_tensor_new(w->s, type, shape, array->rank, array->name);
        for (int64_t n = 0; n < t->count; n++) {
            if (array->kind == AT_REAL) ((double *)t->data)[n] = sample(n + 31 * i, wild);
            else if (array->kind == AT_INT)
                ((int64_t *)t->data)[n] = highest ? (n * 7 + i) % highest : 0;
            else ((unsigned char *)t->data)[n] = (n * 5 + i) % 3 != 0;
        }
        at_collection_add(w->s, &w->inputs, array->name, t);
    }
    w->call.inputs = &w->inputs;
}

static bool close_enough(double a, double b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return a == b;
    return fabs(a - b) <= 1e-11 * fmax(1, fabs(b));
}

static bool same(const at_tensor *found, const at_tensor *expected, int64_t i) {
    if (found->type == AT_TYPE_F64)
        return close_enough(((double *)found->data)[i], ((double *)expected->data)[i]);
    if (found->type == AT_TYPE_I64)
        return ((int64_t *)found->data)[i] == ((int64_t *)expected->data)[i];
    return ((unsigned char *)found->data)[i] == ((unsigned char *)expected->data)[i];
}

static void show(world *w) {
    at_text text = {0};
    at_diags_render(w->s, false, &text);
    fprintf(stderr, "%s", text.data ? text.data : "");
    at_text_free(&text);
}

static void check(world *w, const at_kernel *kernel, const char *what) {
    at_results expected = {0}, found = {0};
    bool works = at_ref_run(w->s, &w->cascade, &w->call, &expected);
    if (!works) show(w);
    assert_true(works);
    bool compiled = at_kernel_run(w->s, kernel, &w->call, &found);
    if (!compiled) show(w);
    assert_true(compiled);
    for (int k = 0; k < expected.outputs.count; k++) {
        const at_tensor *a = found.outputs.items[k].tensor, *b = expected.outputs.items[k].tensor;
        assert_int_equal(a->count, b->count);
        for (int64_t i = 0; i < a->count; i++)
            if (!same(a, b, i))
                fail_msg("%s: %s, element %d: %.17g, not %.17g", what,
                         expected.outputs.items[k].name, (int)i,
                         a->type == AT_TYPE_F64 ? ((double *)a->data)[i] : 0.0,
                         a->type == AT_TYPE_F64 ? ((double *)b->data)[i] : 0.0);
    }
    at_results_free(&expected);
    at_results_free(&found);
}

/* A program: lines that begin with `in`, `axis`, `out`, or are equations. */
typedef struct {
    const char *name;
    const char *lines[16];
} example;

static const example examples[] = {
    {"elements",
     {"in x[i,j]", "in y[j]", "a[i,j] = 2 * x[i,j] + y[j] / 3 - x[i,0 | 1]",
      "b[i,j] = exp(-abs(x[i,j])) + sigmoid(y[j]) + real(i + j)", "out a", "out b"}},
    {"every function",
     {"in x[i]", "a[i] = log(x[i]) + sqrt(x[i]) + rsqrt(x[i]) + sin(x[i]) + cos(x[i])",
      "b[i] = tanh(x[i]) + erf(x[i]) + softplus(x[i]) + relu(x[i]) + gelu(x[i])",
      "c[i] = silu(x[i]) + floor(x[i]) + ceil(x[i]) + round(x[i]) + sign(x[i])",
      "d[i] = clamp(x[i], -1, 1) + x[i] ^ 2 + min(x[i], 0.5) * max(x[i], -0.5)",
      "e[i] = atan2(x[i], 2) + tan(x[i]) + x[i] ^ 3 - x[i] ^ 4 + x[i] ^ 0.5",
      "g[i] = x[i] ^ -1 + x[i] ^ -2 + x[i] ^ 1 + x[i] ^ 0", "out g", "f[i] = int(x[i] * 3)",
      "out a", "out b", "out c", "out d", "out e", "out f"}},
    {"a transpose", {"in x[i,j]", "y[j,i] = x[i,j] + 1", "z[i,j] = x[i,j] * y[j,i]", "out z"}},
    {"products of matrices",
     {"in a[i,k]", "in b[k,j]", "in c[j,k]", "y[i,j] = sum[k](a[i,k] * b[k,j])",
      "z[i,j] = sum[k](a[i,k] * c[j,k])", "v[i] = sum[k](a[i,k] * b[k,0 | 1])", "out y", "out z",
      "out v"}},
    {"folds along rows and columns",
     {"in x[i,j]", "a[i] = sum[j](x[i,j])", "b[j] = sum[i](x[i,j])", "c[i] = max[j](x[i,j])",
      "d[j] = min[i](x[i,j])", "e[i] = prod[j](x[i,j])", "f[i] = mean[j](x[i,j] + 1)",
      "g[j] = mean[i](x[i,j])", "out a", "out b", "out c", "out d", "out e", "out f", "out g"}},
    {"folds to one value",
     {"in x[i,j]", "a = sum[i,j](x[i,j])", "b = max[i,j](x[i,j])", "c = any[i,j](x[i,j] > 1.9)",
      "d = all[i,j](x[i,j] > -1.9)", "e = count[i,j](x[i,j] > 0)", "f = mean[i,j](x[i,j])", "out a",
      "out b", "out c", "out d", "out e", "out f"}},
    {"folds of truth values",
     {"in x[i,j]", "in keep[j]: bool", "a[i] = any[j](x[i,j] > 1.9 and keep[j])",
      "b[j] = all[i](x[i,j] > -1.9 or not keep[j])", "c[i] = count[j where keep[j]](x[i,j] > 0)",
      "d[j] = count[i](x[i,j] > 0)", "e[i,j] = keep[j] == (x[i,j] > 0)", "out a", "out b", "out c",
      "out d", "out e"}},
    {"the largest and where it is",
     {"in x[i,j]", "a[i] = argmax[j](x[i,j])", "b[j] = argmin[i](x[i,j])",
      "c[i] = argmax[j where j % 2 == 0](x[i,j])", "d = argmax[i,j](x[i,j])", "out a", "out b",
      "out c", "out d"}},
    {"guards",
     {"in x[i,j]", "a[i] = sum[j where j <= i](x[i,j])", "b[j] = sum[i where i >= j](x[i,j])",
      "c[i] = max[j where x[i,j] < 1](x[i,j])", "d[i,j] = if j <= i then exp(x[i,j]) else -x[i,j]",
      "e[i] = sum[j where (i + j) % 3 == 0](x[i,j])",
      "f[i] = sum[j where i - j < 4 and j <= i](x[i,j] * x[i,j])", "out a", "out b", "out c",
      "out d", "out e", "out f"}},
    {"softmax and its kin",
     {"in x[i,j]", "p[i,j] = softmax[j where j <= i](x[i,j])", "l[i,j] = log_softmax[j](x[i,j])",
      "s[i] = logsumexp[j](x[i,j])", "c[i,j] = softmax[i](x[i,j])", "out p", "out l", "out s",
      "out c"}},
    {"shifts",
     {"in x[i,j]", "a[i,j] = x[i,j - 1 | 0] + x[i - 1,j | x[i,j]]",
      "b[i,j] = x[i,j + 3 | -1] * x[i,2 * j | 1]", "c[i] = sum[j](x[i,j - i | 0.5])",
      "d[j] = max[i](x[i,j - 1 | 2])",
      "e[i,j] = x[i,j + size(i) - 3 | 7] - x[i,size(j) - 2 - j | 2]",
      "f[i] = sum[j](x[i,2 * i + j - size(j) // 2 | x[i,j]])", "out a", "out b", "out c", "out d",
      "out e", "out f"}},
    {"gathers",
     {"in x[v,d]", "in ids[t]: index v", "y[t,d] = x[ids[t],d]", "z[t] = x[ids[t],0 | 7]",
      "s[t] = sum[d](x[ids[t],d] * x[ids[t],d])", "u[d] = sum[t](x[ids[t],d])",
      "w[t,d] = ids[t] + d", "out y", "out z", "out s", "out u", "out w"}},
    {"ints",
     {"in n[i]: int", "in m[i,j]: int", "a[i] = (n[i] % 7) * 3 + i",
      "b[i,j] = min(m[i,j] % 5, n[i] % 3) - j", "c[i] = n[i] // 4",
      "d[i,j] = if m[i,j] > n[i] then real(j) else 0.5", "e[i] = real(n[i]) / 2",
      "f[i] = max(i - 3, 0)", "g[i] = abs(i - 5) + sign(i - 2)", "out a", "out b", "out c", "out d",
      "out e", "out f", "out g"}},
    {"attention",
     {"in q[i,d]", "in k[j,d]", "in v[j,e]", "s[i,j] = sum[d](q[i,d] * k[j,d]) / 4",
      "p[i,j] = softmax[j where j <= i](s[i,j])", "o[i,e] = sum[j](p[i,j] * v[j,e])", "out o"}},
    {"three axes",
     {"in x[b,i,j]", "in g[j]", "in h[k,j]", "y[b,i,j] = x[b,i,j] * g[j]",
      "m[b,i] = mean[j](x[b,i,j])", "z[b,i,j] = (y[b,i,j] - m[b,i]) * m[b,i]",
      "t[b,j,i] = sum[k](h[k,j]) + x[b,i,j]", "out z", "out t"}},
    {"folds in folds",
     {"in x[i,j]", "in y[j,k]", "a[i] = max[j](sum[k](x[i,j] * y[j,k]))",
      "b = sum[i](max[j](x[i,j]))", "c[k] = sum[j](y[j,k] * prod[i](x[i,j]))", "out a", "out b",
      "out c"}},
    {"elements without a value that nobody needs",
     {"in x[v,d]", "in n[i]: int", "a[i,d] = 2 * x[n[i],d]", "b[i,d] = a[i,d] - 1",
      "c[i,d] = if n[i] < size(v) then b[i,d] else 0.5",
      "s[d] = sum[i where n[i] < size(v)](a[i,d])", "t[i] = sum[d](b[i,d] * x[n[i],d])",
      "u[i] = if n[i] < size(v) then t[i] else -1",
      "w = sum[i where n[i] < size(v)](n[i] // (1 + n[i]) * t[i])", "out c", "out s", "out u",
      "out w"}},
    {"ints that might leave their range",
     {"in n[i]: int", "in m[i,j]: int", "a[i] = n[i] * n[i] - 7", "b[i,j] = m[i,j] + a[i]",
      "c[i] = sum[j](m[i,j] * 3)", "d[j] = sum[i](b[i,j])", "e[i] = ipow(n[i] % 3, 2)", "out b",
      "out c", "out d", "out e"}},
    {"a short axis",
     {"in x[i,c]", "axis c = 3", "y[i,c] = 2 * x[i,c]", "z[i] = sum[c](x[i,c])",
      "w[c] = sum[i](x[i,c])", "out y", "out z", "out w"}},
};

static at_kernel *compiled(world *w, const example *e) {
    for (int i = 0; i < 16 && e->lines[i]; i++) {
        const char *line = e->lines[i];
        char name[16];
        if (strncmp(line, "in ", 3) == 0) declare(w, line + 3);
        else if (strncmp(line, "out ", 4) == 0) output(w, line + 4);
        else if (sscanf(line, "axis %15s", name) == 1)
            axis(w, at_format(w->s->arena, "%s", name), strchr(line, '=') + 1);
        else let(w, line);
    }
    at_ir_verify(w->s, &w->cascade);
    at_kernel *kernel = at_compile(w->s, &w->cascade, NULL, NULL);
    if (!kernel) show(w);
    assert_non_null(kernel);
    return kernel;
}

static void run_example(const example *e, bool wild) {
    void *state;
    begin(&state);
    world *w = state;
    at_kernel *kernel = compiled(w, e);
    size_t count = sizeof extents / sizeof *extents;
    for (size_t n = 0; n < count; n++) {
        int64_t extent = extents[n], other = extents[(n * 5 + 3) % count];
        bool gathers = strcmp(e->name, "gathers") == 0; /* from an array that has elements */
        if (gathers && (extent == 0 || other == 0)) continue;
        give_all(w, extent, other, wild);
        check(w, kernel, at_format(w->s->arena, "%s at %d and %d", e->name, (int)extent,
                                   (int)other));
    }
    at_kernel_free(kernel);
    end(&state);
}

static void lanes_agree(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        run_example(&examples[i], false);
}

static void lanes_agree_on_infinities_and_nan(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) run_example(&examples[i], true);
}

/* Large enough to be shared among threads. */
static void threads_change_no_bit(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        void *state;
        begin(&state);
        world *w = state;
        at_kernel *kernel = compiled(w, &examples[i]);
        give_all(w, 261, 131, true);
        at_results alone = {0}, together = {0};
        w->call.threads = 1;
        assert_true(at_kernel_run(w->s, kernel, &w->call, &alone));
        for (w->call.threads = 2; w->call.threads < 5; w->call.threads++) {
            assert_true(at_kernel_run(w->s, kernel, &w->call, &together));
            for (int k = 0; k < alone.outputs.count; k++) {
                const at_tensor *a = alone.outputs.items[k].tensor;
                const at_tensor *b = together.outputs.items[k].tensor;
                assert_memory_equal(a->data, b->data,
                                    (size_t)a->count * at_type_bytes(a->type));
            }
            at_results_free(&together);
        }
        at_results_free(&alone);
        at_kernel_free(kernel);
        end(&state);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_agree),
        cmocka_unit_test(lanes_agree_on_infinities_and_nan),
        cmocka_unit_test(threads_change_no_bit),
    };
    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
