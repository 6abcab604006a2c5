/* The checker of derivatives must be able to fail: derivatives are altered here, one equation at a
 * time, and each alteration must be seen. Besides: differences where there is no slope, and
 * `stop`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "check/check_int.h"
#include "compile.h"
#include "grad/grad.h"

#include <math.h>
#include <string.h>

typedef struct {
    at_session *s;
    const at_program *program;
    const at_cascade *cascade, *derivative;
    int64_t all[64];
} world;

/* Every open axis has the extent 3. */
static void begin(world *w, const char *text) {
    *w = (world){.s = at_session_new(1 << 28)};
    const at_source *source = at_make_source(w->s, "program.attn", text, strlen(text));
    w->program = at_load(w->s, source, NULL);
    assert_non_null(w->program);
    at_resolve_options options = {0};
    w->cascade = at_cascade_make(w->s, w->program, &options);
    assert_non_null(w->cascade);
    w->cascade = at_without_stops(w->s, w->cascade);
    w->derivative = at_derivative(w->s, w->cascade, NULL, false);
    assert_non_null(w->derivative);
    assert_true(w->cascade->axis_count <= 64);
    for (int i = 0; i < w->cascade->axis_count; i++) w->all[i] = -1;
    for (int i = 0; i < w->cascade->axis_count; i++) {
        const at_axis *axis = w->cascade->axes[i];
        w->all[i] = axis->round ? 2 : !axis->extent && !axis->like ? 3 : at_extent(axis, w->all);
    }
}

static void end(world *w) { at_session_free(w->s); }

static at_point compare(const world *w, const at_cascade *derivative) {
    at_point point = {.cascade = w->cascade, .derivative = derivative, .all = w->all, .seed = 5,
                      .directions = 100};
    at_point_compare(w->s, &point);
    return point;
}

static void expect_agreement(const char *text) {
    world w;
    begin(&w, text);
    at_point point = compare(&w, w.derivative);
    if (w.s->diag_count) fail_msg("%s", w.s->diags[0]->message);
    assert_int_equal(point.verdict, AT_POINT_AGREES);
    assert_true(point.worst < 1e-9);
    end(&w);
}

/* ---- alterations ----------------------------------------------------------------------------- */

/* The block with its number-th equation changed, those inside scans and repeats counted; *number
 * becomes negative when it was met. */
static at_block altered(at_session *s, const at_block *from, int *number,
                        const at_expr *(*change)(at_session *s, const at_expr *value)) {
    at_block out = {from->count, AT_NEW_ARRAY(s->arena, at_statement *, from->count)};
    for (int i = 0; i < from->count; i++) {
        at_statement *st = at_copy(s->arena, from->items[i], sizeof *st);
        out.items[i] = st;
        if (st->tag == AT_SCAN) st->u.scan.body = altered(s, &st->u.scan.body, number, change);
        if (st->tag == AT_REPEAT)
            st->u.repeat.body = altered(s, &st->u.repeat.body, number, change);
        if (st->tag != AT_EQUATION || st->target->kind != AT_REAL || (*number)-- != 0) continue;
        st->u.value = change(s, st->u.value);
    }
    return out;
}

/* Alters one equation after the other; every one is needed, so each alteration must be seen.
 * Returns how many there were that `change` did not leave alone. */
static int expect_all_seen(const char *text,
                           const at_expr *(*change)(at_session *, const at_expr *)) {
    world w;
    int seen = 0;
    begin(&w, text);
    for (int k = 0;; k++) {
        int number = k;
        at_cascade *other = at_copy(w.s->arena, w.derivative, sizeof *other);
        other->body = altered(w.s, &w.derivative->body, &number, change);
        if (number >= 0) break;
        at_text before = {0}, after = {0};
        at_ir_print(w.derivative, &before);
        at_ir_print(other, &after);
        bool same = strcmp(before.data, after.data) == 0;
        at_point point = compare(&w, other);
        if (!same && point.verdict != AT_POINT_DIFFERS) fail_msg("not seen:\n%s", after.data);
        if (same) assert_int_equal(point.verdict, AT_POINT_AGREES);
        seen += !same;
        at_text_free(&before);
        at_text_free(&after);
    }
    end(&w);
    return seen;
}

static const at_expr *scaled(at_session *s, const at_expr *value) {
    if (value->tag == AT_CONST && value->u.real == 0) return value;
    return at_map_node(s, AT_OP_MUL, value, at_real(s, 1.00001, value->span), NULL, value->span);
}

/* The first sum loses its second term. */
static const at_expr *shorter(at_session *s, const at_expr *value) {
    (void)s;
    bool sum =
        value->tag == AT_MAP && (value->u.map.op == AT_OP_ADD || value->u.map.op == AT_OP_SUB);
    return sum ? value->u.map.args[0] : value;
}

static const char *const attention =
    "fn attention(q[i,d], k[j,d], v[j,e]) -> o[i,e] {\n"
    "  s[i,j] = sum[d](q[i,d] * k[j,d]) / sqrt(size(d))\n"
    "  p[i,j] = softmax[j where j <= i](s[i,j])\n"
    "  o[i,e] = sum[j](p[i,j] * v[j,e])\n"
    "}\n";

static const char *const recurrence =
    "fn f(x[t], a) -> h[t] {\n"
    "  param w = 0.5\n"
    "  scan t {\n"
    "    h[t] = tanh(w * h[t-1 | a] + x[t])\n"
    "  }\n"
    "  repeat 2 { h = h * h + w * x }\n"
    "}\n";

static void a_derivative_that_is_right_agrees(void **state) {
    (void)state;
    expect_agreement(attention);
    expect_agreement(recurrence);
}

static void an_equation_with_a_wrong_factor_is_seen(void **state) {
    (void)state;
    assert_true(expect_all_seen(attention, scaled) >= 6);
    assert_true(expect_all_seen(recurrence, scaled) >= 6);
}

static void an_equation_that_lost_a_term_is_seen(void **state) {
    (void)state;
    assert_true(expect_all_seen(recurrence, shorter) >= 2);
    assert_true(
        expect_all_seen("fn f(x[n]) -> y[n] {\n  a = sum[n](x[n])\n  y[n] = x[n]^3 + a * x[n]\n}\n",
                        shorter) >= 1);
}

static void the_input_that_is_wrong_is_named(void **state) {
    (void)state;
    world w;
    begin(&w, attention);
    int count = 0;
    for (int i = 0; i < w.derivative->body.count; i++) {
        at_statement *st = w.derivative->body.items[i];
        if (st->tag != AT_EQUATION || strcmp(st->target->name, "dk") != 0) continue;
        st->u.value = scaled(w.s, st->u.value);
        count++;
    }
    assert_int_equal(count, 1);
    at_point point = compare(&w, w.derivative);
    assert_int_equal(point.verdict, AT_POINT_DIFFERS);
    assert_string_equal(point.by, "k");
    assert_true(fabs(point.derived / point.differed - 1.00001) < 1e-9);
    end(&w);
}

/* ---- differences ----------------------------------------------------------------------------- */

static bool corner(void *user, double h, double *value) {
    (void)user;
    *value = h > 0 ? 2 * h : h;
    return true;
}

static bool jump(void *user, double h, double *value) {
    *value = h > *(double *)user ? h + 1 : h;
    return true;
}

static bool wave(void *user, double h, double *value) {
    *value = sin(*(double *)user + h);
    return true;
}

static bool nowhere(void *user, double h, double *value) {
    (void)user;
    *value = h;
    return h > 0;
}

static void a_slope_is_known_to_ten_digits(void **state) {
    (void)state;
    double at = 0.7;
    at_difference d;
    assert_true(at_difference_take(wave, &at, sin(at), 0, &d));
    assert_true(fabs(d.slope - cos(at)) < 1e-11);
    assert_true(d.slope_error < 1e-10 && fabs(d.bend) < 1e-10);
}

static void corners_and_jumps_are_no_slopes(void **state) {
    (void)state;
    at_difference d;
    assert_true(at_difference_take(corner, NULL, 0, 1e-9, &d));
    assert_true(fabs(d.bend) > 0.9);
    for (double at = 1e-7; at < 1e-2; at *= 7) { /* within all steps, or within the first few */
        assert_true(at_difference_take(jump, &at, 0, 0, &d));
        bool settled = d.slope_error < 1e-6 && fabs(d.bend) < 1e-6;
        assert_true(settled ? fabs(d.slope - 1) < 1e-6
                            : d.slope_error > 1e-3 || fabs(d.bend) > 1e-3);
    }
    assert_false(at_difference_take(nowhere, NULL, 0, 0, &d));
}

/* ---- stop, and the whole --------------------------------------------------------------------- */

static void stops_are_passed_everywhere(void **state) {
    (void)state;
    expect_agreement("fn f(x[n]) -> y[n] = x[n] * stop(x[n] * x[n])\n");
    expect_agreement("fn f(x[n]) -> p[n] {\n  p[n] = softmax[n](stop(3 * x[n]))\n}\n");
    expect_agreement("fn f(x[t]) -> h[t] {\n"
                     "  scan t {\n"
                     "    h[t] = stop(sin(h[t-1 | 1])) * x[t]\n"
                     "  }\n"
                     "}\n");
    expect_agreement("fn f(x[n]) -> y[n] {\n  y = x\n  repeat 2 { y = y * stop(y) + x }\n}\n");
    expect_agreement("fn f(x[n]) -> e[n] {\n  e[n] ~ normal(stop(x[n]), stop(exp(x[n])))\n}\n");
}

static void expect_error(const char *text, const char *code, const char *message) {
    world w;
    begin(&w, text);
    const at_definition *f = at_program_find(w.s, w.program, NULL);
    at_law_options options = {0};
    at_gradient_result result;
    assert_true(at_check_gradient(w.s, w.program, f, &options, &result));
    assert_false(result.agrees);
    assert_int_equal(w.s->diag_count, 1);
    assert_string_equal(at_code_text(w.s->diags[0]->code), code);
    assert_string_equal(w.s->diags[0]->message, message);
    end(&w);
}

static void disagreement_is_told(void **state) {
    (void)state;
    expect_error("fn f(x[n], a[n]) -> y[n] = a[n]^2 + 1e-12 * round(1e12 * x[n])\n", "E750",
                 "the derivative of `f` by `x` is not the slope that differences have");
    expect_error("fn f(x[n]) -> y[n] = sqrt(x[n] - x[n])\n", "E751",
                 "the derivative of `f` by `x` is not finite");
}

static void points_without_a_slope_are_drawn_again(void **state) {
    (void)state;
    world w;
    begin(&w, "fn f(x[n]) -> y[n] = log(x[n])\n");
    at_law_options options = {0};
    at_gradient_result result;
    const at_definition *f = at_program_find(w.s, w.program, NULL);
    assert_true(at_check_gradient(w.s, w.program, f, &options, &result));
    assert_true(result.agrees);
    assert_true(result.failed > 0 && result.points == 4);
    end(&w);
    begin(&w, "fn f(x[n]) -> y[n] = abs(floor(1e6 * x[n]))\n");
    f = at_program_find(w.s, w.program, NULL);
    assert_true(at_check_gradient(w.s, w.program, f, &options, &result));
    assert_false(result.agrees);
    assert_int_equal(result.points, 0);
    assert_string_equal(result.without, "no point is found where it is smooth");
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_derivative_that_is_right_agrees),
        cmocka_unit_test(an_equation_with_a_wrong_factor_is_seen),
        cmocka_unit_test(an_equation_that_lost_a_term_is_seen),
        cmocka_unit_test(the_input_that_is_wrong_is_named),
        cmocka_unit_test(a_slope_is_known_to_ten_digits),
        cmocka_unit_test(corners_and_jumps_are_no_slopes),
        cmocka_unit_test(stops_are_passed_everywhere),
        cmocka_unit_test(disagreement_is_told),
        cmocka_unit_test(points_without_a_slope_are_drawn_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
