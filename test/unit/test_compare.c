/* Comparing executors: what rounding may do is no disagreement, what is wrong is seen. Other
 * executors are made up: the reference with rounding as a narrower type has it, or the reference on
 * a program with a mistake. */
#include "check/check_int.h"
#include "program_fixture.h"

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    at_jitter jitter; /* of size 0: none */
} other;

static bool run_other(at_session *s, void *user, const at_call *call, at_results *results) {
    const other *o = user;
    if (o->jitter.size > 0) return at_ref_run_jittered(s, o->cascade, call, &o->jitter, results);
    return at_ref_run(s, o->cascade, call, results);
}

/* Inputs are x[i] and y[i], 9 of each, such as the type holds. */
static void draw_typed(at_session *s, at_type type, uint64_t seed, at_collection *inputs) {
    enum { COUNT = 9 };
    dice d = {seed * 77 + 5};
    const char *names[] = {"x", "y"};
    for (int n = 0; n < 2; n++) {
        int64_t extent = COUNT;
        at_tensor *x = at_tensor_new(s, AT_TYPE_F64, &extent, 1, names[n]);
        assert_non_null(x);
        for (int i = 0; i < COUNT; i++)
            ((double *)x->data)[i] = at_rounded(type, (double)pick(&d, 2000001) / 5e5 - 2);
        at_collection_add(s, inputs, names[n], x);
    }
}

/* What comes of `text`, run otherwise or as `wrong` (NULL: itself), on inputs by the seed. */
static at_agreement compared(const char *text, const char *wrong, at_type type, double rounding,
                             uint64_t seed, char *what) {
    at_session *s = at_session_new((size_t)64 << 20);
    const at_cascade *cascade = resolved(s, text);
    other o = {
        s,
        wrong ? resolved(s, wrong) : cascade,
        {.size = rounding, .single = type != AT_TYPE_F64, .varied = true, .seed = seed + 999}};
    at_collection inputs = {0};
    draw_typed(s, type, seed, &inputs);
    at_call call = {.threads = 1, .inputs = &inputs};
    at_measure *measure = at_measure_new(s, cascade, &call, type);
    at_ran ran = at_run_kept(s, run_other, &o, &call);
    at_agreement found = at_measure_compare(measure, &ran);
    snprintf(what, 200, "%s", found.what ? found.what : "");
    found.what = NULL;
    at_ran_free(&ran);
    at_measure_free(measure);
    at_collection_free(&inputs);
    at_session_free(s);
    return found;
}

static double half_unit(at_type type) { return type == AT_TYPE_F64 ? 0x1p-53 : 0x1p-24; }

/* ---- what rounding may do -------------------------------------------------------------------- */

static const char *const right[] = {
    "fn f(x[i], y[i]) -> s { s = sum[i](x[i] * y[i]) }",
    "fn f(x[i], y[i]) -> p[j] { axis j as i\n p[j] = softmax[j](5 * x[j] * y[j]) }",
    "fn f(x[i], y[i]) -> z[i] { m = mean[i](x[i])\n v = mean[i]((x[i] - m) ^ 2)\n"
    " z[i] = (x[i] - m) * rsqrt(v + 1e-5) * y[i] }",
    "fn f(x[i], y[i]) -> c[i] { c[i] = cumsum[i](x[i] - y[i]) }",
    "fn f(x[i], y[i]) -> l { l = logsumexp[i](10 * x[i]) - max[i](y[i]) }",
    "fn f(x[i], y[i]) -> a { a = argmax[i](x[i] * x[i] - x[i] * x[i] + 1 / 3) }",
    "fn f(x[i], y[i]) -> d[i] { d[i] = if x[i] / 3 * 3 == x[i] then 1.0 else 2.0 }",
    "fn f(x[i], y[i]) -> b[i] { b[i] = floor(0.1 * 30 * x[i] / x[i]) + y[i] }",
    "fn f(x[i], y[i]) -> v { v = mean[i](y[i] ^ 2) - mean[i](y[i]) ^ 2 }",
    "fn f(x[i], y[i]) -> h[i] { h[i] = sin(1000 * x[i]) + exp(-60 + y[i]) * tanh(x[i] * 1e-3) }",
    "fn f(x[i], y[i]) -> o { scan i { h[i] = 3.9 * (h[i-1 | 0.3]) * (1 - (h[i-1 | 0.3])) + 1e-3 * x[i] }\n"
    " o = sum[i](h[i]) }",
};

static void rounding_is_no_disagreement(void **state) {
    (void)state;
    enum { SEEDS = 60 };
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};
    int alarms = 0, all = 0;
    for (size_t p = 0; p < sizeof right / sizeof *right; p++)
        for (int t = 0; t < 4; t++)
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                char what[200];
                at_agreement found =
                    compared(right[p], NULL, types[t], half_unit(types[t]), seed, what);
                all++;
                if (!found.agrees)
                    print_message("%s, %s: %s\n", right[p], at_type_text(types[t]), what);
                alarms += !found.agrees;
            }
    if (alarms) fail_msg("%d of %d runs were called wrong", alarms, all);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static const char *const wrong[][2] = {
    {"fn f(x[i], y[i]) -> s { s = sum[i](x[i] * y[i]) }",
     "fn f(x[i], y[i]) -> s { s = sum[i where i > 0](x[i] * y[i]) }"},
    {"fn f(x[i], y[i]) -> s { s = sum[i](x[i] * y[i]) }",
     "fn f(x[i], y[i]) -> s { s = 1.0001 * sum[i](x[i] * y[i]) }"},
    {"fn f(x[i], y[i]) -> p[j] { axis j as i\n p[j] = softmax[j](5 * x[j] * y[j]) }",
     "fn f(x[i], y[i]) -> p[j] { axis j as i\n p[j] = softmax[j](4.99 * x[j] * y[j]) }"},
    {"fn f(x[i], y[i]) -> z[i] { m = mean[i](x[i])\n v = mean[i]((x[i] - m) ^ 2)\n z[i] = (x[i] - m) / sqrt(v) }",
     "fn f(x[i], y[i]) -> z[i] { m = mean[i](x[i])\n v = mean[i]((x[i] - m) ^ 2) + 0.001\n"
     " z[i] = (x[i] - m) / sqrt(v) }"},
    {"fn f(x[i], y[i]) -> c[i] { c[i] = cumsum[i](x[i]) }",
     "fn f(x[i], y[i]) -> c[i] { c[i] = cumsum[i](x[i]) - x[i] }"},
    {"fn f(x[i], y[i]) -> a { a = argmax[i](x[i]) }",
     "fn f(x[i], y[i]) -> a { a = argmin[i](x[i]) }"},
    {"fn f(x[i], y[i]) -> a { a = real(argmax[i](x[i])) }",
     "fn f(x[i], y[i]) -> a { a = real(argmax[i](y[i])) }"},
    {"fn f(x[i], y[i]) -> d[i] { d[i] = if x[i] < y[i] then x[i] else 2 * y[i] }",
     "fn f(x[i], y[i]) -> d[i] { d[i] = if x[i] < y[i] then x[i] else y[i] }"},
    {"fn f(x[i], y[i]) -> e[i] { e[i] = erf(x[i]) }",
     "fn f(x[i], y[i]) -> e[i] { e[i] = tanh(1.128 * x[i]) }"},
    {"fn f(x[i], y[i]) -> z[i] { z[i] = x[i] + 0 * y[i] }",
     "fn f(x[i], y[i]) -> z[i] { z[i] = x[i] + 0 / y[i] / 0 }"},
    {"fn f(x[i], y[i]) -> z[i] { z[i] = x[i] }", "fn f(x[i], y[i]) -> z[i] { z[i] = x[i] / 0 }"},
    {"fn f(x[i], y[i]) -> z[i] { axis k = 9\n z[i] = x[int(4 + y[i])] }",
     "fn f(x[i], y[i]) -> z[i] { axis k = 9\n z[i] = x[int(5 + y[i])] }"},
};

/* A mistake may leave one input's result as it is; of many hardly any. */
static void mistakes_are_seen(void **state) {
    (void)state;
    enum { SEEDS = 40 };
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32};
    for (size_t p = 0; p < sizeof wrong / sizeof *wrong; p++)
        for (int t = 0; t < 2; t++) {
            int seen = 0;
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                char what[200];
                seen += !compared(wrong[p][0], wrong[p][1], types[t], 0, seed, what).agrees;
            }
            if (seen < SEEDS * 9 / 10)
                fail_msg("%s, %s: seen with %d of %d inputs", wrong[p][1], at_type_text(types[t]),
                         seen, SEEDS);
        }
}

/* Results of float instead of float64 are no results of float64. */
static void a_narrower_type_is_seen(void **state) {
    (void)state;
    int seen = 0;
    char what[200];
    for (uint64_t seed = 0; seed < 40; seed++)
        seen += !compared(right[0], NULL, AT_TYPE_F64, 0x1p-24, seed, what).agrees;
    assert_true(seen >= 36);
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void a_decision_by_rounding_is_counted(void **state) {
    (void)state;
    const char *text = "fn f(x[i], y[i]) -> b { b = floor(0.1 * 30 + 0 * x[0] * y[0]) }";
    char what[200];
    const char *flipped = "fn f(x[i], y[i]) -> b { b = 2 + 0 * x[0] * y[0] }";
    at_agreement found = compared(text, flipped, AT_TYPE_F64, 0, 1, what);
    assert_true(found.agrees);
    assert_int_equal(found.elements, 1);
    assert_int_equal(found.decided, 1);
    const char *impossible = "fn f(x[i], y[i]) -> b { b = 1 + 0 * x[0] * y[0] }";
    assert_false(compared(text, impossible, AT_TYPE_F64, 0, 1, what).agrees);
}

static void the_first_element_that_differs_is_named(void **state) {
    (void)state;
    char what[200];
    compared("fn f(x[i], y[i]) -> z[i] { z[i] = real(i) }",
             "fn f(x[i], y[i]) -> z[i] { z[i] = if i == 3 then 7.5 else real(i) }", AT_TYPE_F64, 0,
             1, what);
    assert_string_equal(what,
                        "z[i=3] is 7.5 where the reference has 3.0 (rounding allows 2.1e-14)");
    compared("fn f(x[i], y[i]) -> z[i] { z[i] = i }", "fn f(x[i], y[i]) -> z[i] { z[i] = 2 * i }",
             AT_TYPE_F64, 0, 1, what);
    assert_string_equal(what, "z[i=1] is 2 where the reference has 1");
    compared("fn f(x[i], y[i]) -> z { z = x[0] + 0 * y[0] }",
             "fn f(x[i], y[i]) -> z { z = x[9 + int(0 * y[0])] }", AT_TYPE_F64, 0, 1, what);
    assert_non_null(strstr(what, "it fails (E7"));
    assert_non_null(strstr(what, "where the reference runs"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_no_disagreement),
        cmocka_unit_test(mistakes_are_seen),
        cmocka_unit_test(a_narrower_type_is_seen),
        cmocka_unit_test(a_decision_by_rounding_is_counted),
        cmocka_unit_test(the_first_element_that_differs_is_named),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
