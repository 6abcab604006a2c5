/* How compiled code is called: views of any strides, workspaces, several programs in one file, and
 * the types in which reals are stored. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "compile.h"

#include <dlfcn.h>

typedef struct {
    at_session *s;
    void *handle;
    at_entry_run run;
    at_entry_workspace workspace;
    const at_tile_program *tiles;
} loaded;

static int start(void **state) {
    loaded *l = calloc(1, sizeof *l);
    l->s = at_session_new((size_t)64 << 20);
    *state = l;
    return 0;
}

static int stop(void **state) {
    loaded *l = *state;
    if (l->handle) dlclose(l->handle);
    at_session_free(l->s);
    free(l);
    return 0;
}

static void find(loaded *l, const char *name, void *function) {
    void *found = dlsym(l->handle, name);
    assert_non_null(found);
    memcpy(function, &found, sizeof found);
}

static void load(loaded *l, const char *text, at_type type) {
    const at_cascade *cascade = resolved(l->s, text);
    const char *prefix = "attend";
    at_text source = {0};
    const at_compile_options options = {.type = type};
    assert_true(at_compile_text(l->s, &cascade, &prefix, 1, &options, &l->tiles, &source));
    l->handle = at_cc_load(l->s, &source, NULL);
    at_text_free(&source);
    if (!l->handle) tell(errors_of(l->s));
    find(l, "attend_run", &l->run);
    find(l, "attend_workspace", &l->workspace);
}

/* y leaves no gap for what a scan keeps; x is read in two ways. */
static const char *const mixing =
    "fn f(x[t,d], w[d,e]) -> y[t,e], last[e] {\n"
    "  m[t,d] = x[t,d] - mean[s](x[s,d])\n"
    "  y[t,e] = sum[d](m[t,d] * w[d,e])\n"
    "  scan t {\n"
    "    h[t,e] = 0.5 * h[t-1,e | 0] + y[t,e]\n"
    "  }\n"
    "  last[e] = h[size(t)-1,e]\n"
    "}\n";

enum { T = 3, D = 2, E = 4 };

static void expect(const double *x, const double *w, double *y, double *last) {
    double h[E] = {0};
    for (int t = 0; t < T; t++)
        for (int e = 0; e < E; e++) {
            double sum = 0;
            for (int d = 0; d < D; d++) {
                double mean = (x[d] + x[D + d] + x[2 * D + d]) / 3;
                sum += (x[t * D + d] - mean) * w[d * E + e];
            }
            y[t * E + e] = sum;
            h[e] = 0.5 * h[e] + sum;
        }
    memcpy(last, h, sizeof h);
}

static int place_of(const loaded *l, const char *name) {
    const at_plan *plan = l->tiles->loops->plan;
    for (int i = 0; i < plan->place_count; i++)
        if (strcmp(plan->places[i].array->name, name) == 0) return i;
    fail_msg("no place for %s", name);
    return -1;
}

static const int64_t *extents_of(const loaded *l) {
    const at_cascade *cascade = l->tiles->loops->plan->cascade;
    int64_t *open = AT_NEW_ARRAY(l->s->arena, int64_t, cascade->axis_count);
    int64_t *all = AT_NEW_ARRAY(l->s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) {
        char first = cascade->axes[i]->name[0];
        open[i] = first == 't' ? T : first == 'd' ? D : E;
    }
    for (int i = 0; i < cascade->axis_count; i++) all[i] = at_extent(cascade->axes[i], open);
    return all;
}

/* An array in memory of its own, element (i, j) at middle[i * strides[0] + j * strides[1]]. */
typedef struct {
    double memory[256];
    int64_t strides[2];
} strided;

static double *middle(strided *a) { return a->memory + 128; }

static void fill(strided *a, const double *dense, int rows, int columns) {
    for (int i = 0; i < 256; i++) a->memory[i] = -77;
    for (int i = 0; dense && i < rows; i++)
        for (int j = 0; j < columns; j++)
            middle(a)[i * a->strides[0] + j * a->strides[1]] = dense[i * columns + j];
}

static void assert_near(double found, double expected) {
    if (fabs(found - expected) > 1e-12) fail_msg("%.17g instead of %.17g", found, expected);
}

static void run_strided(loaded *l, const int64_t strides[4][2]) {
    double x[T * D], w[D * E], y[T * E], last[E];
    for (int i = 0; i < T * D; i++) x[i] = i * i - 2.5 * i;
    for (int i = 0; i < D * E; i++) w[i] = 1.0 / (i + 1);
    /* Along an axis of stride 0 all elements are one. */
    for (int i = 0; i < T * D && strides[0][1] == 0; i++) x[i] = x[i / D * D];
    strided arrays[4];
    struct attend_view views[4] = {{0}};
    static const char *const names[] = {"x", "w", "y", "last"};
    static const int rows[] = {T, D, T, 1}, columns[] = {D, E, E, E};
    const double *given[] = {x, w, NULL, NULL};
    for (int i = 0; i < 4; i++) {
        memcpy(arrays[i].strides, strides[i], sizeof arrays[i].strides);
        fill(&arrays[i], given[i], rows[i], columns[i]);
        views[place_of(l, names[i])] =
            (struct attend_view){middle(&arrays[i]), arrays[i].strides + (i == 3)};
    }
    expect(x, w, y, last);
    struct attend_failure failure;
    struct attend_call call = {.extents = extents_of(l), .arrays = views, .threads = 1,
                               .failure = &failure};
    call.workspace_bytes = l->workspace(&call);
    assert_true(call.workspace_bytes > 0 && call.workspace_bytes < (size_t)1 << 24);
    call.workspace = aligned_alloc(64, call.workspace_bytes);
    call.workspace_bytes--;
    assert_int_equal(l->run(&call), 2);
    call.workspace_bytes++;
    assert_int_equal(l->run(&call), 0);
    free(call.workspace);
    double touched = 0;
    for (int i = 0; i < T; i++)
        for (int j = 0; j < E; j++)
            assert_near(middle(&arrays[2])[i * strides[2][0] + j * strides[2][1]], y[i * E + j]);
    for (int j = 0; j < E; j++)
        assert_near(middle(&arrays[3])[j * strides[3][1]], last[j]);
    for (int i = 0; i < 256; i++) touched += arrays[2].memory[i] != -77;
    assert_true(touched == T * E); /* and nothing between */
}

static void views_of_any_strides_are_read_and_written(void **state) {
    load(*state, mixing, AT_TYPE_F64);
    static const int64_t all[][4][2] = {
        {{D, 1}, {E, 1}, {E, 1}, {0, 1}},
        {{1, T}, {1, D}, {1, T}, {0, 3}},      /* transposed */
        {{-D, 1}, {E, -1}, {-E, -1}, {0, -2}}, /* backwards */
        {{5, 2}, {-1, 9}, {20, 3}, {0, 7}},    /* with gaps */
        {{1, 0}, {E, 1}, {E, 1}, {0, 1}},      /* one element for all */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) run_strided(*state, all[i]);
}

/* Only as many steps as are read are kept. */
static void a_history_is_kept_as_long_as_it_is_read(void **state) {
    loaded *l = *state;
    load(l,
         "fn f(x[t]) -> y[t], last {\n"
         "  scan t {\n"
         "    h[t] = 0.5 * h[t-1 | 0] + h[t-3 | 1] + x[t]\n"
         "    g[t] = h[t] * h[t-2 | 0]\n"
         "    m[t] = m[t-1 | 0] + g[t]\n"
         "    n[t] = n[t-1 | 0] + m[t]\n"
         "    y[t] = n[t-1 | 0] + 1\n"
         "    u[t] = 3 * x[t]\n"
         "  }\n"
         "  last = u[size(t)-2]\n"
         "}\n", AT_TYPE_F64);
    const at_plan *plan = l->tiles->loops->plan;
    assert_int_equal(plan->places[place_of(l, "h")].slots[0], 4);
    assert_int_equal(plan->places[place_of(l, "g")].slots[0], 1);
    assert_int_equal(plan->places[place_of(l, "m")].slots[0], 1); /* in place */
    assert_int_equal(plan->places[place_of(l, "n")].slots[0], 2);
    assert_int_equal(plan->places[place_of(l, "u")].slots[0], 2); /* read when the scan is over */
    assert_int_equal(plan->places[place_of(l, "y")].slots[0], 0);
}

/* What one scan axis finds in place, another needs whole. */
static void a_lattice_keeps_a_row(void **state) {
    loaded *l = *state;
    load(l,
         "fn f(x[i,j]) -> y[i,j] {\n"
         "  scan i, j {\n"
         "    h[i,j] = h[i-1,j | 0] + 0.5 * h[i,j-1 | 0] + x[i,j]\n"
         "    y[i,j] = 2 * h[i,j]\n"
         "  }\n"
         "}\n", AT_TYPE_F64);
    const at_array_place *h = &l->tiles->loops->plan->places[place_of(l, "h")];
    assert_int_equal(h->slots[0], 1);
    assert_int_equal(h->slots[1], 0);
}

/* Two scans may go along one axis. */
static void a_later_scan_needs_the_whole_history(void **state) {
    loaded *l = *state;
    load(l,
         "fn f(x[t]) -> y[t] {\n"
         "  scan t {\n"
         "    h[t] = 0.5 * h[t-1 | 0] + x[t]\n"
         "  }\n"
         "  scan t down {\n"
         "    y[t] = y[t+1 | 0] + h[t]\n"
         "  }\n"
         "}\n", AT_TYPE_F64);
    assert_int_equal(l->tiles->loops->plan->places[place_of(l, "h")].slots[0], 0);
}

/* ---- types of reals -------------------------------------------------------------------------- */

static const char *const deep =
    "fn f(x[n,d], w[d,e]) -> y[n,e], s[n], c {\n"
    "  y[n,e] = tanh(sum[d](x[n,d] * w[d,e]))\n"
    "  z[n,e] = y[n,e]\n"
    "  repeat 3 {\n"
    "    z[n,e] = 0.5 * z[n,e] + 0.25 * y[n,e] * 1e-3\n"
    "  }\n"
    "  s[n] = sum[e](z[n,e]) / 3\n"
    "  c = count[n,e](z[n,e] > 0)\n"
    "}\n";

static at_tensor *half_of(at_session *s, at_type type, int64_t n, int64_t m, double scale) {
    at_tensor *t = at_tensor_new(s, AT_TYPE_F64, (int64_t[]){n, m}, 2, "x");
    for (int64_t i = 0; i < t->count; i++)
        ((double *)t->data)[i] = scale * sin(7.0 * (double)i + 1);
    at_tensor *stored = at_tensor_convert(s, t, type, "x");
    at_tensor_free(t);
    return stored;
}

static void reals_are_stored_in_the_type_that_was_asked_for(void **state) {
    loaded *l = *state;
    at_session *s = l->s;
    static const struct {
        at_type type;
        double near;
    } types[] = {
        {AT_TYPE_F64, 1e-14}, {AT_TYPE_F32, 1e-6}, {AT_TYPE_BF16, 8e-3}, {AT_TYPE_F16, 1e-3}};
    for (int i = 0; i < 4; i++) {
        const at_cascade *cascade = resolved(s, deep);
        at_collection inputs = {0};
        at_collection_add(s, &inputs, "x", half_of(s, types[i].type, 5, 7, 1));
        at_collection_add(s, &inputs, "w", half_of(s, types[i].type, 7, 3, 0.5));
        at_call call = {.inputs = &inputs};
        at_results expected, found;
        assert_true(at_ref_run(s, cascade, &call, &expected));
        at_kernel *kernel =
            at_compile(s, cascade, &(at_compile_options){.type = types[i].type}, NULL);
        if (!kernel || !at_kernel_run(s, kernel, &call, &found)) tell(errors_of(s));
        for (int k = 0; k < 3; k++) {
            const at_tensor *a = found.outputs.items[k].tensor;
            assert_int_equal(a->type, k == 2 ? AT_TYPE_I64 : types[i].type);
            if (k == 2) break;
            at_tensor *wide = at_tensor_convert(s, a, AT_TYPE_F64, "x");
            const double *y = expected.outputs.items[k].tensor->data, *z = wide->data;
            for (int64_t n = 0; n < wide->count; n++)
                if (fabs(y[n] - z[n]) > types[i].near)
                    fail_msg("%s: %g instead of %g", at_type_text(types[i].type), z[n], y[n]);
            at_tensor_free(wide);
        }
        at_kernel_free(kernel);
        at_results_free(&expected);
        at_results_free(&found);
        at_collection_free(&inputs);
    }
}

/* ---- scans taken apart ----------------------------------------------------------------------- */

static const char *const heads =
    "fn f(x[t,h,d], v[t,h,e], g[t,h]) -> o[t,h,e], after[t,h] {\n"
    "  scan t {\n"
    "    s[t,h,d,e] = sigmoid(g[t,h]) * s[t-1,h,d,e | 0] + x[t,h,d] * v[t,h,e]\n"
    "    n[t,h] = 1 + sum[d](abs(x[t,h,d])) + 0.5 * n[t-1,h | 0]\n"
    "    o[t,h,e] = sum[d](x[t,h,d] * s[t,h,d,e]) / n[t,h]\n"
    "  }\n"
    "  after[t,h] = sum[e](o[t,h,e])\n"
    "}\n";

static void a_scan_of_heads_runs_head_by_head(void **state) {
    loaded *l = *state;
    at_session *s = l->s;
    const at_cascade *cascade = resolved(s, heads);
    at_kernel *kernel = at_compile(s, cascade, NULL, NULL);
    if (!kernel) tell(errors_of(s));
    at_text text = {0};
    assert_null(at_compile(s, cascade, &(at_compile_options){.stage = "plan"}, &text));
    assert_non_null(strstr(text.data, "scan t, apart along h, "));
    at_text_free(&text);
    at_collection inputs = {0};
    static const struct {
        const char *name;
        int rank;
        int64_t extents[3];
    } given[] = {{"x", 3, {40, 5, 6}}, {"v", 3, {40, 5, 7}}, {"g", 2, {40, 5, 0}}};
    for (int i = 0; i < 3; i++) {
        at_tensor *t = at_tensor_new(s, AT_TYPE_F64, given[i].extents, given[i].rank, "x");
        for (int64_t k = 0; k < t->count; k++) ((double *)t->data)[k] = sin(3.0 * (double)k + i);
        at_collection_add(s, &inputs, given[i].name, t);
    }
    at_call call = {.inputs = &inputs};
    at_results expected, first = {0};
    assert_true(at_ref_run(s, cascade, &call, &expected));
    for (call.threads = 1; call.threads < 5; call.threads++) {
        at_results found;
        if (!at_kernel_run(s, kernel, &call, &found)) tell(errors_of(s));
        for (int k = 0; k < 2; k++) {
            const at_tensor *a = found.outputs.items[k].tensor;
            const at_tensor *b = expected.outputs.items[k].tensor;
            for (int64_t i = 0; i < a->count; i++)
                assert_near(((double *)a->data)[i], ((double *)b->data)[i]);
            if (call.threads > 1)
                assert_memory_equal(a->data, first.outputs.items[k].tensor->data,
                                    sizeof(double) * (size_t)a->count);
        }
        if (call.threads == 1) first = found;
        else at_results_free(&found);
    }
    at_results_free(&first);
    at_results_free(&expected);
    at_kernel_free(kernel);
    at_collection_free(&inputs);
}

/* An element that fails makes its pass run again. */
static void a_step_that_fails_is_not_done_in_place(void **state) {
    loaded *l = *state;
    load(l,
         "fn f(x[t,n], i[t,n]: int, w[v]) -> y[t] {\n"
         "  scan t {\n"
         "    h[t,n] = 0.5 * h[t-1,n | 0] + x[t,n] + w[i[t,n]]\n"
         "    y[t] = sum[n where n < 2](h[t,n])\n"
         "  }\n"
         "}\n", AT_TYPE_F64);
    assert_int_equal(l->tiles->loops->plan->places[place_of(l, "h")].slots[0], 2);
}

/* ---- several programs ------------------------------------------------------------------------ */

static void two_programs_share_a_file(void **state) {
    loaded *l = *state;
    at_session *s = l->s;
    const at_cascade *cascades[] = {resolved(s, "fn f(x[i]) -> y[i] = exp(x[i])\n"),
                                    resolved(s, "fn g(x[i]) -> y[i] = exp(x[i]) + 1\n")};
    static const char *const prefixes[] = {"first", "second"};
    const at_tile_program *tiles[2];
    at_text source = {0};
    assert_true(at_compile_text(s, cascades, prefixes, 2, NULL, tiles, &source));
    at_library *library = at_library_load(s, &source);
    at_text_free(&source);
    if (!library) tell(errors_of(s));
    at_collection inputs = {0};
    at_tensor *x = at_tensor_new(s, AT_TYPE_F64, (int64_t[]){1}, 1, "x");
    at_collection_add(s, &inputs, "x", x);
    at_call call = {.inputs = &inputs};
    for (int i = 0; i < 2; i++) {
        at_emit_entry entry = {tiles[i], prefixes[i]};
        at_kernel *kernel = at_kernel_of(s, library, &entry, AT_TYPE_F64);
        at_results found;
        assert_true(kernel && at_kernel_run(s, kernel, &call, &found));
        assert_near(*(double *)found.outputs.items[0].tensor->data, i + 1.0);
        at_results_free(&found);
        at_kernel_free(kernel);
    }
    at_library_free(library);
    at_collection_free(&inputs);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(views_of_any_strides_are_read_and_written),
        TEST(a_history_is_kept_as_long_as_it_is_read),
        TEST(a_lattice_keeps_a_row),
        TEST(a_later_scan_needs_the_whole_history),
        TEST(reals_are_stored_in_the_type_that_was_asked_for),
        TEST(a_scan_of_heads_runs_head_by_head),
        TEST(a_step_that_fails_is_not_done_in_place),
        TEST(two_programs_share_a_file),
    };
    return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
