/* The C library on arrays of all sorts: strided, reversed, empty, shared, misplaced; states,
 * params, gradients, threads, and what is told of mistakes. */
#define _DEFAULT_SOURCE
#include <attend.h>

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static attend_program *compile(const char *text, const attend_options *options) {
    attend_error *error = NULL;
    attend_program *p = attend_compile_text("test.attn", text, strlen(text), options, &error);
    if (!p) fail_msg("%s", attend_error_text(error));
    return p;
}

static attend_call *call_of(const attend_program *program) {
    attend_error *error = NULL;
    attend_call *call = attend_call_new(program, &error);
    assert_non_null(call);
    return call;
}

typedef struct {
    int64_t extents[4], strides[4];
    attend_array array;
} shape;

/* strides NULL: row-major. */
static const attend_array *array_of(shape *s, void *data, attend_type type, int rank,
                                    const int64_t *extents, const int64_t *strides) {
    for (int i = 0; i < rank; i++) {
        s->extents[i] = extents[i];
        if (strides) s->strides[i] = strides[i];
    }
    s->array = (attend_array){data, type, rank, s->extents, strides ? s->strides : NULL};
    return &s->array;
}

static void set(attend_call *call, attend_role role, int position, void *data, attend_type type,
                int rank, const int64_t *extents, const int64_t *strides) {
    shape s;
    attend_error *error = NULL;
    if (!attend_call_set(call, role, position, array_of(&s, data, type, rank, extents, strides),
                         &error))
        fail_msg("%s", attend_error_text(error));
}

static void run(attend_call *call) {
    attend_error *error = NULL;
    if (!attend_call_run(call, &error)) fail_msg("%s", attend_error_text(error));
}

/* The one error that this gives. */
static void expect(bool result, attend_error *error, const char *code, const char *message) {
    assert_false(result);
    assert_non_null(error);
    assert_string_equal(attend_error_code(error, 0), code);
    assert_string_equal(attend_error_message(error, 0), message);
    assert_non_null(strstr(attend_error_text(error), message));
    attend_error_free(error);
}

#define EXPECT(call, code, message)                                                                \
    do {                                                                                           \
        attend_error *error = NULL;                                                                \
        bool result_ = (call);                                                                     \
        expect(result_, error, code, message);                                                     \
    } while (0)

static const char product[] = "fn product(a[i,j], b[j,k]) -> c[i,k] {\n"
                              "  c[i,k] = sum[j](a[i,j] * b[j,k])\n"
                              "}\n";

/* ---- what a program has ---------------------------------------------------------------------- */

static void a_program_tells_what_it_takes_and_gives(void **state) {
    (void)state;
    attend_program *p = compile(product, NULL);
    assert_string_equal(attend_program_name(p), "product");
    assert_int_equal(attend_count(p, ATTEND_INPUT), 2);
    assert_int_equal(attend_count(p, ATTEND_OUTPUT), 1);
    assert_int_equal(attend_count(p, ATTEND_PARAM), 0);
    assert_int_equal(attend_find(p, ATTEND_INPUT, "b"), 1);
    assert_int_equal(attend_find(p, ATTEND_INPUT, "c"), -1);
    assert_string_equal(attend_name(p, ATTEND_OUTPUT, 0), "c");
    assert_int_equal(attend_rank(p, ATTEND_INPUT, 0), 2);
    assert_string_equal(attend_axis(p, ATTEND_INPUT, 0, 1), "j");
    assert_null(attend_axis(p, ATTEND_INPUT, 0, 2));
    assert_null(attend_name(p, ATTEND_INPUT, 2));
    assert_int_equal(attend_type_of(p, ATTEND_INPUT, 0), ATTEND_F64);
    assert_non_null(strstr(attend_program_source(p), "sum[j](a[i,j] * b[j,k])"));
    attend_program_free(p);
    attend_program_free(NULL);
}

/* ---- arrays as they lie ---------------------------------------------------------------------- */

static void strides_of_any_sign_are_right(void **state) {
    (void)state;
    attend_program *p = compile(product, NULL);
    attend_call *call = call_of(p);
    /* a is stored transposed, b backwards in both axes, c with gaps. */
    double a[6] = {1, 4, 2, 5, 3, 6}, b[12], c[40];
    for (int i = 0; i < 12; i++) b[11 - i] = i;
    for (int i = 0; i < 40; i++) c[i] = -1;
    set(call, ATTEND_INPUT, 0, a, ATTEND_F64, 2, (int64_t[]){2, 3}, (int64_t[]){1, 2});
    set(call, ATTEND_INPUT, 1, b + 11, ATTEND_F64, 2, (int64_t[]){3, 4}, (int64_t[]){-4, -1});
    set(call, ATTEND_OUTPUT, 0, c + 20, ATTEND_F64, 2, (int64_t[]){2, 4}, (int64_t[]){-20, 3});
    run(call);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4; k++) {
            double sum = 0;
            for (int j = 0; j < 3; j++) sum += (i * 3 + j + 1) * (j * 4 + k);
            assert_true(c[20 - 20 * i + 3 * k] == sum);
        }
    int kept = 0;
    for (int i = 0; i < 40; i++) kept += c[i] == -1;
    assert_int_equal(kept, 32);
    /* One row for all: stride 0. */
    set(call, ATTEND_INPUT, 0, a, ATTEND_F64, 2, (int64_t[]){2, 3}, (int64_t[]){0, 2});
    run(call);
    for (int k = 0; k < 4; k++) assert_true(c[20 + 3 * k] == c[3 * k]);
    attend_call_free(call);
    attend_program_free(p);
}

static void arrays_without_elements_are_arrays(void **state) {
    (void)state;
    attend_program *p = compile(product, NULL);
    attend_call *call = call_of(p);
    double c[4] = {1, 2, 3, 4};
    set(call, ATTEND_INPUT, 0, NULL, ATTEND_F64, 2, (int64_t[]){2, 0}, NULL);
    set(call, ATTEND_INPUT, 1, NULL, ATTEND_F64, 2, (int64_t[]){0, 2}, NULL);
    set(call, ATTEND_OUTPUT, 0, c, ATTEND_F64, 2, (int64_t[]){2, 2}, NULL);
    run(call);
    for (int i = 0; i < 4; i++) assert_true(c[i] == 0);
    double a[6] = {0};
    set(call, ATTEND_INPUT, 0, a, ATTEND_F64, 2, (int64_t[]){2, 3}, NULL);
    set(call, ATTEND_INPUT, 1, NULL, ATTEND_F64, 2, (int64_t[]){3, 0}, NULL);
    set(call, ATTEND_OUTPUT, 0, NULL, ATTEND_F64, 2, (int64_t[]){2, 0}, NULL);
    run(call);
    attend_call_free(call);
    attend_program_free(p);
}

static void what_cannot_be_taken_is_refused(void **state) {
    (void)state;
    attend_program *p = compile(product, NULL);
    attend_call *call = call_of(p);
    double a[8] = {0};
    shape s;
    const int64_t two[] = {2, 2};
#define SET(role, at, ...) attend_call_set(call, role, at, array_of(&s, __VA_ARGS__), &error)
    EXPECT(SET(ATTEND_INPUT, 0, a, ATTEND_F32, 2, two, NULL), "E971",
           "`a` is given as f32, and the program has it as f64");
    EXPECT(SET(ATTEND_INPUT, 0, a, ATTEND_F64, 1, two, NULL), "E971",
           "`a` has 2 axes, and is given with 1");
    EXPECT(SET(ATTEND_INPUT, 0, (char *)a + 4, ATTEND_F64, 2, two, NULL), "E971",
           "`a` lies at an address that is no multiple of 8, the size of its elements");
    EXPECT(SET(ATTEND_INPUT, 0, NULL, ATTEND_F64, 2, two, NULL), "E971",
           "`a` is given without memory (NULL)");
    const int64_t negative[] = {2, -1}, huge[] = {INT64_MAX / 2, INT64_MAX / 2};
    const char *extents =
        "`a` is given with an extent that is negative, or with more elements than "
        "memory can have";
    EXPECT(SET(ATTEND_INPUT, 0, a, ATTEND_F64, 2, negative, NULL), "E971", extents);
    EXPECT(SET(ATTEND_INPUT, 0, a, ATTEND_F64, 2, huge, NULL), "E971", extents);
    EXPECT(SET(ATTEND_INPUT, 2, a, ATTEND_F64, 2, two, NULL), "E970",
           "attend_call_set: `product` has 2 inputs, and none at position 2");
    EXPECT(SET(ATTEND_OUTPUT, 0, a, ATTEND_F64, 2, two, ((int64_t[]){1, 1})), "E972",
           "the output `c` is given with strides that let its elements share memory");
    EXPECT(attend_call_run(call, &error), "E973", "the input `a` has not been set");
    set(call, ATTEND_INPUT, 0, a, ATTEND_F64, 2, two, NULL);
    set(call, ATTEND_INPUT, 1, a, ATTEND_F64, 2, (int64_t[]){3, 2}, NULL);
    EXPECT(attend_call_run(call, &error), "E724", "axis `j` is 3 long in `b` and 2 in `a`");
    set(call, ATTEND_INPUT, 1, a, ATTEND_F64, 2, two, NULL);
    EXPECT(attend_call_run(call, &error), "E973", "the output `c` has not been set");
    set(call, ATTEND_OUTPUT, 0, a, ATTEND_F64, 2, (int64_t[]){2, 3}, NULL);
    EXPECT(attend_call_run(call, &error), "E971",
           "axis `k` of the output `c` is 3 long and should be 2");
    EXPECT(attend_call_run(NULL, &error), "E970", "attend_call_run: the call is NULL");
    assert_null(attend_call_new(NULL, NULL));
    attend_call_free(call);
    attend_program_free(p);
}

/* ---- shared memory --------------------------------------------------------------------------- */

static void an_output_in_the_place_of_an_input_is_computed_aside(void **state) {
    (void)state;
    attend_program *p = compile("fn turn(x[i,j]) -> y[j,i] = x[i,j]\n", NULL);
    attend_call *call = call_of(p);
    double x[9];
    for (int i = 0; i < 9; i++) x[i] = i;
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 2, (int64_t[]){3, 3}, NULL);
    set(call, ATTEND_OUTPUT, 0, x, ATTEND_F64, 2, (int64_t[]){3, 3}, NULL);
    run(call);
    for (int i = 0; i < 9; i++) assert_true(x[i] == i % 3 * 3 + i / 3);
    run(call); /* back again */
    for (int i = 0; i < 9; i++) assert_true(x[i] == i);
    attend_call_free(call);
    attend_program_free(p);
}

static void outputs_may_be_columns_and_halves_of_one_matrix(void **state) {
    (void)state;
    attend_program *p =
        compile("fn both(x[i]) -> y[i], z[i], u[i], w[i] {\n"
                "  y[i] = 2 * x[i]\n  z[i] = 3 * x[i]\n  u[i] = x[i]\n  w[i] = x[i]\n}\n",
                NULL);
    attend_call *call = call_of(p);
    double x[2] = {1, 2}, m[8] = {0};
    const int64_t two[] = {2}, apart[] = {4};
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, two, NULL);
    for (int i = 0; i < 4; i++) set(call, ATTEND_OUTPUT, i, m + i, ATTEND_F64, 1, two, apart);
    run(call);
    const double want[8] = {2, 3, 1, 1, 4, 6, 2, 2};
    for (int i = 0; i < 8; i++) assert_true(m[i] == want[i]);
    set(call, ATTEND_OUTPUT, 1, m + 4, ATTEND_F64, 1, two, NULL);
    EXPECT(attend_call_run(call, &error), "E972",
           "the outputs `y` and `z` are given memory that they share");
    /* What is an input as it came, over another part of it. */
    double wide[3] = {5, 6, 7};
    set(call, ATTEND_OUTPUT, 1, m + 1, ATTEND_F64, 1, two, apart);
    set(call, ATTEND_INPUT, 0, wide, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_OUTPUT, 2, wide + 1, ATTEND_F64, 1, two, NULL);
    run(call);
    assert_true(wide[0] == 5 && wide[1] == 5 && wide[2] == 6 && m[0] == 10 && m[7] == 6);
    attend_call_free(call);
    attend_program_free(p);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void indices_and_bools_are_checked_in_each_run(void **state) {
    (void)state;
    attend_program *p = compile("fn pick(x[v], ids[t]: index v, keep[t]: bool) -> y[t] =\n"
                                "  if keep[t] then x[ids[t]] else 0\n", NULL);
    attend_call *call = call_of(p);
    double x[3] = {1, 2, 3}, y[2];
    int64_t ids[2] = {2, 0};
    unsigned char keep[2] = {1, 0};
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, (int64_t[]){3}, NULL);
    set(call, ATTEND_INPUT, 1, ids, ATTEND_I64, 1, (int64_t[]){2}, NULL);
    set(call, ATTEND_INPUT, 2, keep, ATTEND_BOOL, 1, (int64_t[]){2}, NULL);
    set(call, ATTEND_OUTPUT, 0, y, ATTEND_F64, 1, (int64_t[]){2}, NULL);
    run(call);
    assert_true(y[0] == 3 && y[1] == 0);
    ids[1] = 3;
    EXPECT(attend_call_run(call, &error), "E725",
           "`ids[t=1]` is outside of axis `v`, which has 3 elements");
    ids[1] = 1;
    keep[0] = 2;
    EXPECT(attend_call_run(call, &error), "E974", "`keep[t=0]` is neither 0 nor 1");
    keep[0] = 1;
    keep[1] = 1;
    run(call);
    assert_true(y[1] == 2);
    attend_call_free(call);
    attend_program_free(p);
}

static void a_failing_element_is_told_with_its_place(void **state) {
    (void)state;
    attend_program *p = compile("fn f(x[n], at[t]: int) -> y[t] = x[at[t] + 1]\n", NULL);
    attend_call *call = call_of(p);
    double x[3] = {1, 2, 3}, y[2];
    int64_t at[2] = {0, 2};
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, (int64_t[]){3}, NULL);
    set(call, ATTEND_INPUT, 1, at, ATTEND_I64, 1, (int64_t[]){2}, NULL);
    set(call, ATTEND_OUTPUT, 0, y, ATTEND_F64, 1, (int64_t[]){2}, NULL);
    attend_error *error = NULL;
    assert_false(attend_call_run(call, &error));
    int line = 0, column = 0;
    assert_string_equal(attend_error_place(error, 0, &line, &column), "test.attn");
    assert_int_equal(line, 1);
    assert_int_equal(column, 36);
    assert_string_equal(attend_error_code(error, 0), "E701");
    assert_int_equal(attend_error_status(error), ATTEND_WRONG);
    attend_program_free(NULL);
    attend_call_free(call);
    attend_program_free(p);
    /* The error outlives what it tells of. */
    assert_non_null(strstr(attend_error_text(error), "test.attn:1:36"));
    attend_error_free(error);
    attend_error_free(NULL);
}

/* ---- states, params, draws ------------------------------------------------------------------- */

static void a_state_may_be_kept_where_it_was(void **state) {
    (void)state;
    attend_program *p = compile("fn counted(x[n]) -> y[n] {\n"
                                "  state total[n] = 10\n"
                                "  y[n] = total[n] + x[n]\n"
                                "  next total[n] = y[n]\n}\n", NULL);
    attend_call *call = call_of(p);
    double x[2] = {1, 2}, y[2], total[2];
    const int64_t two[] = {2};
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_OUTPUT, 0, y, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_STATE, 0, total, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_NEXT, 0, total, ATTEND_F64, 1, two, NULL);
    int64_t extents[1];
    assert_true(attend_call_extents(call, ATTEND_STATE, 0, extents, NULL));
    assert_int_equal(extents[0], 2);
    shape s;
    assert_true(attend_call_begin(call, ATTEND_STATE, 0,
                                  array_of(&s, total, ATTEND_F64, 1, two, NULL), NULL));
    for (int i = 1; i <= 3; i++) {
        run(call);
        assert_true(total[0] == 10 + i && total[1] == 10 + 2 * i && y[1] == total[1]);
    }
    attend_call_free(call);
    attend_program_free(p);
}

static void params_begin_as_the_seed_says(void **state) {
    (void)state;
    attend_options *options = attend_options_new();
    attend_options_type(options, ATTEND_F32);
    attend_program *p = compile("fn net(x[n,d]) -> y[n,d] {\n"
                                "  param w[d] ~ normal(0, 1)\n"
                                "  y[n,d] = w[d] * x[n,d]\n}\n", options);
    attend_options_free(options);
    attend_call *call = call_of(p);
    float x[2] = {1, 2}, y[2], w[2], again[2], other[2];
    set(call, ATTEND_INPUT, 0, x, ATTEND_F32, 2, (int64_t[]){1, 2}, NULL);
    shape s;
    const int64_t two[] = {2};
    assert_true(attend_call_begin(call, ATTEND_PARAM, 0,
                                  array_of(&s, w, ATTEND_F32, 1, two, NULL), NULL));
    assert_true(attend_call_begin(call, ATTEND_PARAM, 0,
                                  array_of(&s, again, ATTEND_F32, 1, two, NULL), NULL));
    attend_call_draws(call, 7, 0);
    assert_true(attend_call_begin(call, ATTEND_PARAM, 0,
                                  array_of(&s, other, ATTEND_F32, 1, two, NULL), NULL));
    assert_memory_equal(w, again, sizeof w);
    assert_memory_not_equal(w, other, sizeof w);
    set(call, ATTEND_PARAM, 0, w, ATTEND_F32, 1, two, NULL);
    set(call, ATTEND_OUTPUT, 0, y, ATTEND_F32, 2, (int64_t[]){1, 2}, NULL);
    run(call);
    assert_true(y[0] == w[0] && y[1] == 2 * w[1]);
    EXPECT(attend_call_begin(call, ATTEND_INPUT, 0, &s.array, &error), "E970",
           "attend_call_begin: an input does not begin by itself");
    attend_call_free(call);
    attend_program_free(p);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void a_workspace_of_the_caller_is_enough_or_refused(void **state) {
    (void)state;
    attend_program *p = compile("fn f(x[n]) -> y[n] {\n  s[n] = exp(x[n])\n"
                                "  y[n] = s[n] / sum[n](s[n])\n}\n", NULL);
    attend_call *call = call_of(p);
    double x[100] = {0}, y[200];
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, (int64_t[]){100}, NULL);
    set(call, ATTEND_OUTPUT, 0, y, ATTEND_F64, 1, (int64_t[]){100}, (int64_t[]){2});
    size_t bytes = 0;
    assert_true(attend_call_workspace(call, &bytes, NULL));
    assert_true(bytes >= 800);
    char *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    memset(memory, 0x55, bytes + 1);
    assert_true(attend_call_memory(call, memory, bytes, NULL));
    run(call);
    assert_true(fabs(y[198] - 0.01) < 1e-12);
    assert_int_equal(memory[bytes], 0x55);
    assert_true(attend_call_memory(call, memory, bytes - 1, NULL));
    char text[128];
    snprintf(text, sizeof text, "the workspace has %zu bytes, and this run needs %zu", bytes - 1,
             bytes);
    EXPECT(attend_call_run(call, &error), "E710", text);
    EXPECT(attend_call_memory(call, memory + 8, bytes, &error), "E971",
           "a workspace lies at an address that is no multiple of 64");
    assert_true(attend_call_memory(call, NULL, 0, NULL));
    run(call);
    free(memory);
    attend_call_free(call);
    attend_program_free(p);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void a_gradient_takes_cotangents_and_gives_what_is_wanted(void **state) {
    (void)state;
    const char *text = "fn f(x[n], z[n]) -> y[n], loss {\n"
                       "  param w[n] = 2\n"
                       "  y[n] = w[n] * x[n] * z[n]\n  loss = sum[n](x[n] ^ 2)\n}\n";
    attend_options *options = attend_options_new();
    attend_options_gradient(options, true);
    attend_program *p = compile(text, options);
    assert_int_equal(attend_count(p, ATTEND_INPUT), 4);
    assert_string_equal(attend_name(p, ATTEND_INPUT, 2), "dy");
    assert_string_equal(attend_belongs(p, ATTEND_INPUT, 3), "loss");
    assert_null(attend_belongs(p, ATTEND_INPUT, 0));
    assert_int_equal(attend_count(p, ATTEND_OUTPUT), 5);
    assert_null(attend_belongs(p, ATTEND_OUTPUT, 1));
    assert_string_equal(attend_belongs(p, ATTEND_OUTPUT, 2), "x");
    assert_string_equal(attend_belongs(p, ATTEND_OUTPUT, 4), "w");
    attend_program_free(p);

    attend_options_gradient(options, false);
    attend_options_wanted(options, "x");
    attend_options_cotangent(options, "loss");
    p = compile(text, options);
    assert_int_equal(attend_count(p, ATTEND_OUTPUT), 1);
    attend_call *call = call_of(p);
    double x[2] = {3, 4}, z[2] = {1, 1}, w[2] = {2, 2}, dx[2], one = 1;
    const int64_t two[] = {2};
    set(call, ATTEND_INPUT, 0, x, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_INPUT, 1, z, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_INPUT, 2, &one, ATTEND_F64, 0, NULL, NULL);
    set(call, ATTEND_PARAM, 0, w, ATTEND_F64, 1, two, NULL);
    set(call, ATTEND_OUTPUT, 0, dx, ATTEND_F64, 1, two, NULL);
    run(call);
    assert_true(fabs(dx[0] - 6) < 1e-12 && fabs(dx[1] - 8) < 1e-12);
    attend_call_free(call);
    attend_program_free(p);

    attend_options_cotangent(options, "los");
    attend_error *error = NULL;
    p = attend_compile_text("test.attn", text, strlen(text), options, &error);
    assert_string_equal(attend_error_hint(error, 0), "did you mean `loss`?");
    expect(p != NULL, error, "E970",
           "`f` has no output of reals `los` that a cotangent could be of");
    attend_options_free(options);
}

/* ---- options --------------------------------------------------------------------------------- */

static void keep_line(void *user, const char *line) { strncpy(user, line, 99); }
static bool stop(void *user) { return ++*(int *)user < 0; }

static void options_choose_and_wrong_ones_are_told(void **state) {
    (void)state;
    const char *text = "fn g(x; a = 1) -> y = a * x\nfn f(x; a) -> y = a + x\n";
    attend_options *options = attend_options_new();
    char line[100] = "";
    attend_options_function(options, "f");
    attend_options_set(options, "a", "5");
    attend_options_target(options, "portable");
    attend_options_log(options, keep_line, line);
    attend_program *p = compile(text, options);
    assert_memory_equal(line, "f: compiled in ", 15);
    attend_call *call = call_of(p);
    double x = 2, y = 0;
    set(call, ATTEND_INPUT, 0, &x, ATTEND_F64, 0, NULL, NULL);
    set(call, ATTEND_OUTPUT, 0, &y, ATTEND_F64, 0, NULL, NULL);
    run(call);
    assert_true(y == 7);
    attend_call_free(call);
    attend_program_free(p);
    attend_error *error = NULL;
    attend_options_type(options, ATTEND_I64);
    p = attend_compile_text("test.attn", text, strlen(text), options, &error);
    expect(p != NULL, error, "E970",
           "reals cannot be stored as i64: there are f64, f32, bf16 and f16");
    attend_options_type(options, ATTEND_F16);
    attend_options_wanted(options, "x");
    p = attend_compile_text("test.attn", text, strlen(text), options, &error);
    expect(p != NULL, error, "E970", "what is wanted of a gradient is said, but no gradient is "
                                     "asked for: call attend_options_gradient");
    attend_options_free(options);
    p = attend_compile_text("test.attn", "fn f(x) -> y = z\n", 17, NULL, &error);
    assert_int_equal(attend_error_count(error), 1);
    expect(p != NULL, error, "E201", "nothing here is called `z`");
    p = attend_compile_file("/no/such/file.attn", NULL, &error);
    expect(p != NULL, error, "E002", "cannot read /no/such/file.attn: No such file or directory");
    assert_null(attend_compile_text("test.attn", "fn", 2, NULL, NULL));
}

static void compiling_can_be_stopped(void **state) {
    (void)state;
    int asked = 0;
    attend_options *options = attend_options_new();
    attend_options_progress(options, stop, &asked);
    char path[] = "/tmp/attend-test-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    FILE *slow = fdopen(handle, "w");
    assert_non_null(slow);
    fputs("#!/bin/sh\nexec sleep 20\n", slow);
    fclose(slow);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("ATTEND_CC", path, 1);
    attend_error *error = NULL;
    attend_program *p = attend_compile_text("test.attn", product, strlen(product), options, &error);
    unsetenv("ATTEND_CC");
    remove(path);
    assert_int_equal(asked, 1);
    assert_int_equal(attend_error_status(error), ATTEND_STOPPED);
    expect(p != NULL, error, "E713", "compiling was stopped");
    attend_options_free(options);
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct {
    const attend_program *program;
    int n;
    double sum;
    bool good;
} worker;

static void *work(void *user) {
    worker *w = user;
    enum { MOST = 64 };
    double a[MOST * MOST], b[MOST * MOST], c[MOST * MOST];
    attend_call *call = attend_call_new(w->program, NULL);
    w->good = call != NULL;
    for (int round = 0; round < 20 && w->good; round++) {
        int64_t n = 1 + (w->n * 7 + round * 13) % MOST, square[] = {n, n};
        for (int64_t i = 0; i < n * n; i++) a[i] = b[i] = (double)(i % 5);
        shape s;
        w->good = attend_call_set(call, ATTEND_INPUT, 0,
                                  array_of(&s, a, ATTEND_F64, 2, square, NULL), NULL) &&
                  attend_call_set(call, ATTEND_INPUT, 1,
                                  array_of(&s, b, ATTEND_F64, 2, square, NULL), NULL) &&
                  attend_call_set(call, ATTEND_OUTPUT, 0,
                                  array_of(&s, c, ATTEND_F64, 2, square, NULL), NULL);
        attend_call_threads(call, 1 + round % 3);
        w->good = w->good && attend_call_run(call, NULL);
        for (int64_t i = 0; i < n && w->good; i++)
            for (int64_t k = 0; k < n; k++) {
                double sum = 0;
                for (int64_t j = 0; j < n; j++) sum += a[i * n + j] * b[j * n + k];
                if (sum != c[i * n + k]) w->good = false;
            }
    }
    attend_call_free(call);
    return NULL;
}

static void one_program_runs_in_several_threads_at_once(void **state) {
    (void)state;
    enum { THREADS = 4 };
    attend_program *p = compile(product, NULL);
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){p, i, 0, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(workers[i].good);
    }
    attend_program_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_tells_what_it_takes_and_gives),
        cmocka_unit_test(strides_of_any_sign_are_right),
        cmocka_unit_test(arrays_without_elements_are_arrays),
        cmocka_unit_test(what_cannot_be_taken_is_refused),
        cmocka_unit_test(an_output_in_the_place_of_an_input_is_computed_aside),
        cmocka_unit_test(outputs_may_be_columns_and_halves_of_one_matrix),
        cmocka_unit_test(indices_and_bools_are_checked_in_each_run),
        cmocka_unit_test(a_failing_element_is_told_with_its_place),
        cmocka_unit_test(a_state_may_be_kept_where_it_was),
        cmocka_unit_test(params_begin_as_the_seed_says),
        cmocka_unit_test(a_workspace_of_the_caller_is_enough_or_refused),
        cmocka_unit_test(a_gradient_takes_cotangents_and_gives_what_is_wanted),
        cmocka_unit_test(options_choose_and_wrong_ones_are_told),
        cmocka_unit_test(compiling_can_be_stopped),
        cmocka_unit_test(one_program_runs_in_several_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
