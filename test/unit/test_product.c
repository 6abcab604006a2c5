/* Sums of products as products of matrices: they are found, they give what the reference executor
 * gives, and the same bits for any number of threads; over extents that fill blocks, and not. */
#include "loop_fixture.h"

enum { LISTS = 4, AXES = 6 };

typedef struct {
    const char *text;
    int extents[LISTS][AXES]; /* of the open axes, in the order in which the program has them */
} example;

static const example products[] = {
    {"fn plain(x[b,t,i], w[i,o]) -> y[b,t,o] { y[b,t,o] = sum[i](x[b,t,i] * w[i,o]) }",
     {{2, 33, 170, 300}, {3, 100, 270, 530}, {1, 5, 4, 64}, {1, 600, 90, 330}}},
    {"fn turned(x[i,t], w[o,i]) -> y[t,o] { y[t,o] = sum[i](x[i,t] * w[o,i]) }",
     {{17, 33, 50}, {300, 250, 70}, {9, 40, 20}, {4, 4, 64}}},
    {"fn heads(x[b,t,c], w[c,h,d]) -> q[b,h,t,d] {\n"
     "  q[b,h,t,d] = sum[c](x[b,t,c] * w[c,h,d])\n}",
     {{2, 37, 48, 3, 20}, {1, 16, 8, 2, 64}, {3, 5, 7, 11, 13}, {2, 4, 4, 1, 64}}},
    {"fn batches(q[b,h,i,d], k[b,h,j,d]) -> s[b,h,i,j] {\n"
     "  s[b,h,i,j] = if j <= i then sum[d](q[b,h,i,d] * k[b,h,j,d]) / 8 else -inf\n}",
     {{2, 3, 50, 16, 40}, {1, 1, 64, 64, 64}, {3, 1, 5, 9, 70}, {1, 2, 30, 4, 16}}},
    {"fn bent(o[b,t,h,d], w[h,d,c], bias[c]) -> y[b,t,c] {\n"
     "  y[b,t,c] = gelu(sum[h,d](o[b,t,h,d] * w[h,d,c]) + bias[c])\n}",
     {{2, 30, 4, 16, 40}, {1, 100, 3, 7, 33}, {5, 2, 2, 2, 64}, {1, 4, 1, 300, 64}}},
    {"fn computed(x[t,i], g[i], w[o,i]) -> y[t,o] {\n"
     "  y[t,o] = sum[i](exp(x[t,i]) * g[i] * w[o,i])\n}",
     {{33, 17, 50}, {250, 270, 70}, {13, 9, 64}, {4, 300, 40}}},
    {"fn gradient(x[b,t,c], dy[b,t,o]) -> dw[c,o] { dw[c,o] = sum[b,t](x[b,t,c] * dy[b,t,o]) }",
     {{2, 33, 17, 50}, {3, 100, 30, 64}, {1, 9, 40, 40}, {2, 2, 33, 33}}},
    {"fn causal(p[b,i,j], v[b,j,e]) -> o[b,i,e] {\n"
     "  o[b,i,e] = sum[j where j <= i](p[b,i,j] * v[b,j,e])\n}",
     {{2, 40, 50, 30}, {1, 700, 650, 40}, {3, 5, 9, 64}, {1, 300, 300, 33}}},
    {"fn window(p[b,i,j], v[b,j,e]) -> o[b,i,e] {\n"
     "  o[b,i,e] = sum[j where j <= i and i - j < 20](p[b,i,j] * v[b,j,e])\n}",
     {{2, 40, 50, 30}, {1, 700, 650, 40}, {3, 5, 9, 64}, {1, 300, 300, 33}}},
    {"fn but_zeros(x[i,j], k[j,d]) -> y[i,d] {\n  r[i,j] = relu(x[i,j])\n"
     "  y[i,d] = sum[j where j <= i and r[i,j] != 0](r[i,j] * k[j,d])\n}",
     {{40, 50, 30}, {700, 650, 40}, {5, 9, 64}, {300, 300, 33}}},
    {"fn masked(p[i,j], v[j,e], keep[i,j]: bool) -> o[i,e] {\n"
     "  o[i,e] = sum[j where keep[i,j] and j != i](p[i,j] * v[j,e])\n}",
     {{40, 50, 30}, {300, 290, 40}, {5, 9, 64}, {64, 64, 33}}},
    {"fn turned_guard(p[i,j], v[j,e], keep[e,j]: bool) -> o[i,e] {\n"
     "  o[i,e] = sum[j where keep[e,j]](p[i,j] * v[j,e])\n}",
     {{40, 50, 30}, {300, 290, 40}, {5, 9, 64}, {64, 64, 33}}},
    {"fn near(q[h,i,d], k[h,j,d]) -> s[h,i,j] {\n"
     "  s[h,i,j] = if j <= i and i - j < 30 then sum[d](q[h,i,d] * k[h,j,d]) else -inf\n}",
     {{2, 50, 16, 40}, {1, 300, 64, 700}, {3, 9, 9, 70}, {1, 600, 4, 550}}},
    {"fn in_rounds(x[t,c]) -> z[t,o] {\n  axis o = size(c)\n  y = x\n  repeat 2 {\n"
     "    param w[o,c] ~ normal(0, 1 / sqrt(size(c)))\n"
     "    y[t,o] = tanh(sum[c](y[t,c] * w[o,c]))\n  }\n  z[t,o] = y[t,o]\n}",
     {{30, 40}, {250, 300}, {9, 5}, {70, 64}}},
    {"fn both_guards(p[b,i,j], d[b,i,e]) -> v[b,j,e] {\n"
     "  v[b,j,e] = sum[i where d[b,i,e] != 0 and j <= i](d[b,i,e] * p[b,i,j])\n}",
     {{2, 40, 50, 30}, {1, 700, 650, 40}, {3, 5, 9, 64}, {1, 300, 300, 33}}},
    {"fn crooked(d[b,t,h,e], w[h,c,e]) -> y[b,t,c] {\n"
     "  y[b,t,c] = sum[h,e where d[b,t,h,e] != 0](d[b,t,h,e] * w[h,c,e])\n}",
     {{2, 40, 3, 16, 50}, {1, 300, 4, 64, 70}, {3, 5, 9, 4, 64}, {1, 64, 2, 33, 33}}},
    {"fn in_blocks(q[i,d], k[j,d], g[i,e]) -> v[j,e] {\n  r[i,e] = relu(g[i,e])\n"
     "  w[i,j] = abs(sum[d](q[i,d] * k[j,d]))\n"
     "  v[j,e] = sum[i where r[i,e] != 0 and j <= i](r[i,e] * w[i,j])\n}",
     {{40, 8, 50, 30}, {600, 5, 300, 40}, {9, 4, 11, 64}, {300, 7, 300, 33}}},
    {"fn unmasked_blocks(q[i,d], k[j,d], g[i,e]) -> v[j,e] {\n  r[i,e] = relu(g[i,e])\n"
     "  w[i,j] = relu(sum[d](q[i,d] * k[j,d]))\n"
     "  v[j,e] = sum[i where w[i,j] != 0 and r[i,e] != 0](r[i,e] * w[i,j])\n}",
     {{40, 8, 50, 30}, {600, 5, 300, 40}, {9, 4, 11, 64}, {300, 7, 300, 33}}},
    {"fn kept_blocks(q[i,d], k[j,d], g[i,e], keep[i,j]: bool) -> v[j,e] {\n"
     "  w[i,j] = abs(sum[d](q[i,d] * k[j,d]))\n"
     "  v[j,e] = sum[i where keep[i,j] and g[i,e] != 0 and j <= i](g[i,e] * w[i,j])\n}",
     {{40, 8, 50, 30}, {600, 5, 300, 40}, {9, 4, 11, 64}, {300, 7, 300, 33}}},
    {"fn seen_blocks(q[i,d], k[j,d], v[j,e], seen[a,b]: bool) -> o[i,e] {\n"
     "  require size(i) == 16 * size(a) and size(j) == 16 * size(b)\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  p[i,j] = softmax[j where seen[i // 16, j // 16] and j <= i + 5](s[i,j])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n}",
     {{48, 8, 64, 16, 3, 4},
      {320, 16, 272, 40, 20, 17},
      {640, 4, 720, 64, 40, 45},
      {16, 5, 16, 9, 1, 1}}},
    {"fn block_sums(p[i,j], v[j,e], seen[a,b]: bool) -> o[i,e] {\n"
     "  require size(i) == 16 * size(a) and size(j) == 16 * size(b)\n"
     "  o[i,e] = sum[j where seen[i // 16, j // 16] and p[i,j] > 0 and i - j < 100](p[i,j] * v[j,e])\n}",
     {{48, 64, 16, 3, 4}, {320, 272, 40, 20, 17}, {640, 720, 64, 40, 45}, {16, 16, 9, 1, 1}}},
    {"fn from_starts(q[i,d], k[j,d], v[j,e], start[i]: index j) -> o[i,e] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  p[i,j] = softmax[j where start[i] <= j and j < start[i] + 40](s[i,j])\n"
     "  o[i,e] = sum[j](p[i,j] * v[j,e])\n}",
     {{3, 8, 1500, 40}, {1, 16, 2100, 40}, {40, 4, 700, 64}, {300, 5, 900, 9}}},
    {"fn inside_out(x[i,b,t], w[o,i,r]) -> y[b,r,t,o] {\n"
     "  y[b,r,t,o] = sum[i](x[i,b,t] * w[o,i,r])\n}",
     {{17, 3, 20, 40, 2}, {30, 1, 64, 50, 3}, {5, 4, 4, 33, 2}, {260, 2, 9, 20, 1}}},
};
enum { EXAMPLES = sizeof products / sizeof *products };

static const at_cascade *cascade_of(at_session *s, const char *text) {
    const at_cascade *cascade = resolved(s, text);
    return cascade;
}

static void are_found(void **state) {
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        at_session *s = at_session_new((size_t)64 << 20);
        at_text dump = {0};
        at_compile_options options = {.stage = "loop"};
        at_compile(s, cascade_of(s, products[i].text), &options, &dump);
        if (!strstr(dump.data, "product of ")) fail_msg("%s\n%s", products[i].text, dump.data);
        at_text_free(&dump);
        at_session_free(s);
    }
}

/* Heads of which some share keys: which keys is the same for all of a block, and may be none. */
static const char shared_keys[] =
    "fn f(q[h,i,d], k[g,j,d]) -> o[h,i,d] {\n"
    "  s[h,i,j] = sum[d](q[h,i,d] * k[h // 2, j, d])\n  p[h,i,j] = softmax[j](s[h,i,j])\n"
    "  o[h,i,d] = sum[j](p[h,i,j] * k[h // 2, j, d])\n}";

static void what_is_the_same_for_all_elements_is_tried_once(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)64 << 20);
    at_text dump = {0};
    at_compile_options options = {.stage = "tile"};
    at_compile(s, cascade_of(s, shared_keys), &options, &dump);
    int found = 0;
    for (const char *at = dump.data; (at = strstr(at, "product, ")); at++) found++;
    if (found != 2) fail_msg("%s", dump.data);
    at_text_free(&dump);
    at_session_free(s);
}

static void run_both(at_session *s, const at_cascade *cascade, const at_kernel *kernel,
                     const int *extents, bool wild) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0, next = 0; i < cascade->axis_count; i++)
        open[i] = cascade->axes[i]->extent ? -1 : extents[next++];
    dice d = {7};
    at_collection inputs;
    assert_true(give_drawn(s, cascade, open, &d, &inputs));
    for (int i = 0; wild && i < inputs.count; i++)
        if (inputs.items[i].tensor->type == AT_TYPE_F64)
            ((double *)inputs.items[i].tensor->data)[inputs.items[i].tensor->count / 2] = INFINITY;
    threads_agree(s, cascade, kernel, &inputs);
}

static void give_what_sums_give(void **state) {
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        at_session *s = at_session_new((size_t)256 << 20);
        const at_cascade *cascade = cascade_of(s, products[i].text);
        at_kernel *kernel = at_compile(s, cascade, NULL, NULL);
        if (!kernel) tell(errors_of(s));
        for (int k = 0; k < LISTS; k++) {
            run_both(s, cascade, kernel, products[i].extents[k], false);
            run_both(s, cascade, kernel, products[i].extents[k], true);
        }
        at_kernel_free(kernel);
        at_session_free(s);
    }
}

/* Inputs that all types hold exactly, so that only sums and outputs are rounded. */
/* Loops are shared with none of the threads that call us. */
static bool is_whole(const char *text, const int *extents, int threads) {
    at_session *s = at_session_new((size_t)256 << 20);
    const at_cascade *cascade = cascade_of(s, text);
    at_kernel *kernel = at_compile(s, cascade, NULL, NULL);
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = extents[i];
    dice d = {7};
    at_collection inputs;
    at_results expected, found;
    at_call call = {.inputs = &inputs, .threads = threads};
    bool same = give_drawn(s, cascade, open, &d, &inputs) &&
                run_program(s, cascade, &inputs, &expected) &&
                at_kernel_run(s, kernel, &call, &found) &&
                !difference(s, &found.outputs, &expected.outputs, false);
    at_results_free(&expected);
    at_results_free(&found);
    at_collection_free(&inputs);
    at_kernel_free(kernel);
    at_session_free(s);
    return same;
}

static void a_run_among_a_callers_threads_is_whole(void **state) {
    (void)state;
    static const char text[] =
        "fn f(x[t,c], w[c,d]) -> y[t,d] {\n"
        "  z[t,c] = tanh(x[t,c])\n"
        "  scan t { y[t,d] = 0.5 * y[t-1,d | 0] + sum[c](z[t,c] * w[c,d]) }\n}";
    for (int threads = 1; threads <= 2; threads++) {
        const int small[] = {5, 7, 9}, large[] = {300, 80, 90};
        bool whole = true;
#pragma omp parallel for num_threads(3) reduction(&& : whole) schedule(static)
        for (int i = 0; i < 6; i++) whole = whole && is_whole(text, i % 2 ? small : large, threads);
        assert_true(whole);
    }
}

static void narrow_types_give_the_same(void **state) {
    (void)state;
    static const at_type types[] = {AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};
    static const double allowed[] = {1e-5, 8e-3, 1e-3};
    for (int i = 0; i < 3 * EXAMPLES; i++) {
        if ((i / 3 + i) % 4) continue; /* each compiles a file: some of each type */
        at_session *s = at_session_new((size_t)256 << 20);
        const example *one = &products[i / 3];
        const at_cascade *cascade = cascade_of(s, one->text);
        at_compile_options options = {.type = types[i % 3]};
        at_kernel *kernel = at_compile(s, cascade, &options, NULL);
        if (!kernel) tell(errors_of(s));
        int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
        for (int k = 0, next = 0; k < cascade->axis_count; k++)
            open[k] = cascade->axes[k]->extent ? -1 : one->extents[1][next++];
        dice d = {11};
        at_collection inputs;
        at_results expected, found;
        assert_true(give_drawn(s, cascade, open, &d, &inputs));
        for (int k = 0; k < inputs.count; k++) {
            at_tensor *t = inputs.items[k].tensor;
            for (int64_t n = 0; n < t->count && t->type == AT_TYPE_F64; n++)
                ((double *)t->data)[n] = (double)(pick(&d, 65) - 32) / 32;
        }
        assert_true(run_program(s, cascade, &inputs, &expected));
        at_call call = {.inputs = &inputs, .threads = 2};
        if (!at_kernel_run(s, kernel, &call, &found)) tell(errors_of(s));
        const at_tensor *a = found.outputs.items[0].tensor, *b = expected.outputs.items[0].tensor;
        at_tensor *wide = at_tensor_convert(s, a, AT_TYPE_F64, "wide");
        double largest = 1;
        for (int64_t n = 0; n < b->count; n++)
            if (isfinite(((double *)b->data)[n]))
                largest = fmax(largest, fabs(((double *)b->data)[n]));
        for (int64_t n = 0; n < b->count; n++) {
            double x = ((double *)wide->data)[n], y = ((double *)b->data)[n];
            if (x == y || fabs(x - y) <= allowed[i % 3] * largest) continue;
            fail_msg("%s in %s: element %d is %g, not %g", cascade->name,
                     at_type_text(types[i % 3]), (int)n, x, y);
        }
        at_tensor_free(wide);
        at_kernel_free(kernel);
        at_results_free(&expected);
        at_results_free(&found);
        at_collection_free(&inputs);
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_found),
        cmocka_unit_test(what_is_the_same_for_all_elements_is_tried_once),
        cmocka_unit_test(give_what_sums_give),
        cmocka_unit_test(a_run_among_a_callers_threads_is_whole),
        cmocka_unit_test(narrow_types_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
