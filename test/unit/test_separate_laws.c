/* Laws of what a sweep keeps: a correction to references that did not move changes no bit, one
 * after another is the correction to the last, and parts of the set may be merged in any grouping.
 * And what is told where folds do not run in one sweep. */
#include "separate_fixture.h"

enum { PARTS = 3 };

/* Running values of one part of the set, or of several together, as equations of their own. */
typedef struct {
    const at_expr **values;
} part;

static const at_expr **list(sweeping *w) {
    return AT_NEW_ARRAY(w->s->arena, const at_expr *, w->sweep->count);
}

/* An equation of a new array with the axes of running value k; a read of it. */
static const at_expr *define(sweeping *w, int k, const char *name, const at_expr *value) {
    at_axis **axes;
    const at_running *r = &w->sweep->running[k];
    int rank = at_draft_free_axes(w->draft, r->shape, NULL, &axes);
    at_array *array = at_draft_array(w->draft, name, NULL, r->kind, axes, rank, at_no_span());
    at_draft_equation(w->draft, array, value, at_no_span());
    return at_read_whole(w->s, array, at_no_span());
}

/* What the elements j with j % PARTS == p give: a step after nothing. */
static part swept_alone(sweeping *w, int p) {
    part out = {list(w)};
    const at_expr **nothing = list(w);
    const at_expr *j = at_index(w->s, w->along, at_no_span());
    const at_expr *rest = op(w, AT_OP_MOD, j, number(w, PARTS));
    for (int k = 0; k < w->sweep->count; k++) {
        nothing[k] = w->sweep->running[k].neutral;
        const at_expr *step = at_sweep_step(w->s, w->sweep, k, nothing, out.values,
                                            op(w, AT_OP_EQ, rest, number(w, p)));
        out.values[k] = define(w, k, "alone", step);
    }
    return out;
}

static part merged(sweeping *w, part a, part b) {
    part out = {list(w)};
    for (int k = 0; k < w->sweep->count; k++)
        out.values[k] = define(
            w, k, "both", at_sweep_merged(w->s, w->sweep, k, a.values, b.values, out.values));
    return out;
}

/* a, corrected: what it then is about are the references of `to`. */
static part moved(sweeping *w, part a, part to) {
    part out = {list(w)};
    for (int k = 0; k < w->sweep->count; k++) {
        const char *name = w->sweep->running[k].name;
        bool reference = strcmp(name, "max") == 0 || strcmp(name, "centre") == 0;
        const at_expr *value = reference ? to.values[k]
                                         : at_sweep_moved(w->s, w->sweep, k, a.values, to.values);
        out.values[k] = define(w, k, "moved", value);
    }
    return out;
}

static void give(sweeping *w, int k, const at_expr *value, at_output *outputs, int *count) {
    const at_array *array = define(w, k, "given", value)->u.read.array;
    outputs[(*count)++] = (at_output){array->name, (at_array *)(uintptr_t)array};
}

/* New outputs, two for each running value that folds: those of x and y. */
static void give_out(sweeping *w, part x, part y, at_output *outputs, int *count) {
    for (int k = 0; k < w->sweep->count; k++) {
        if (!w->sweep->running[k].folds) continue;
        give(w, k, x.values[k], outputs, count);
        give(w, k, y.values[k], outputs, count);
    }
}

static void check_laws(const char *text, int kinds, double scale) {
    at_session *s = at_session_new((size_t)256 << 20);
    sweeping w;
    begin_sweep(&w, s, text, 4);
    if (w.sweep->why) tell(w.sweep->why);
    w.draft = at_draft_new(s, w.from);
    for (int i = 0; i < w.from->body.count; i++) at_draft_add(w.draft, w.from->body.items[i]);
    part alone[PARTS];
    for (int p = 0; p < PARTS; p++) alone[p] = swept_alone(&w, p);
    part first = merged(&w, alone[0], alone[1]), all = merged(&w, first, alone[2]);
    part later = merged(&w, alone[0], merged(&w, alone[1], alone[2]));
    at_output *outputs = AT_NEW_ARRAY(s->arena, at_output, 8 * w.sweep->count);
    int still = 0, count;
    give_out(&w, alone[1], moved(&w, alone[1], alone[1]), outputs, &still);
    count = still;
    give_out(&w, moved(&w, moved(&w, alone[0], first), all), moved(&w, alone[0], all), outputs,
             &count);
    give_out(&w, all, later, outputs, &count);
    w.draft->out->outputs = outputs;
    w.draft->out->output_count = count;
    at_ir_verify(s, w.draft->out);
    dice d = {3};
    for (int trial = 0; trial < 20 * kinds; trial++) {
        int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, w.from->axis_count);
        for (int i = 0; i < w.from->axis_count; i++) open[i] = pick(&d, 10);
        at_collection inputs;
        at_results found;
        assert_true(give_drawn(s, w.from, open, &d, &inputs));
        make_strange(&d, trial % kinds, &inputs);
        if (!run_program(s, w.draft->out, &inputs, &found)) tell(errors_of(s));
        for (int i = 0; i < count; i += 2) {
            const at_tensor *x = found.outputs.items[i].tensor;
            const at_tensor *y = found.outputs.items[i + 1].tensor;
            for (int64_t k = 0; x->type == AT_TYPE_F64 && k < x->count; k++) {
                double a = ((double *)x->data)[k], b = ((double *)y->data)[k];
                bool same = isnan(a) ? isnan(b) : i < still ? a == b : agree(a, b, scale);
                if (!same)
                    fail_msg("%s%s: %.17g and %.17g (kind %d)", text,
                             outputs[i].array->name, a, b, trial % kinds);
            }
        }
        at_results_free(&found);
        at_collection_free(&inputs);
    }
    at_session_free(s);
}

static void corrections_compose_and_parts_merge_in_any_grouping(void **state) {
    (void)state;
    check_laws("fn f(s[i,j], v[j,e]) -> o[i,e] {\n"
               "  m[i] = max[j where j <= 2*i](s[i,j])\n"
               "  l[i] = sum[j where j <= 2*i](exp(s[i,j] - m[i]))\n"
               "  o[i,e] = sum[j where j <= 2*i](exp(s[i,j] - m[i]) / l[i] * v[j,e])\n"
               "}\n", ALL_KINDS, 1);
    check_laws("fn f(s[i,j], t[i]) -> h[i] {\n"
               "  m[i] = max[j](s[i,j])\n"
               "  l[i] = sum[j](exp(2*s[i,j] - 2*m[i]))\n"
               "  h[i] = sum[j](exp(2*s[i,j] - 2*m[i]) / l[i] * (s[i,j] - m[i])^2)\n"
               "}\n", INFINITE, 1);
    check_laws("fn f(x[i,j], y[i,j]) -> c[i] {\n"
               "  a[i] = mean[j](x[i,j])\n"
               "  b[i] = mean[j](y[i,j])\n"
               "  c[i] = sum[j]((x[i,j] - a[i])^3 * (y[i,j] - b[i]))\n"
               "}\n", INFINITE, 100);
    check_laws("fn f(x[i,j], keep[i,j]: bool) -> a[i], b[i], c[i] {\n"
               "  a[i] = argmax[j where keep[i,j]](x[i,j])\n"
               "  b[i] = prod[j](x[i,j])\n"
               "  c[i] = count[j where keep[i,j]](x[i,j] > 0)\n"
               "}\n", 1, 1);
}

/* ---- why not --------------------------------------------------------------------------------- */

typedef struct {
    const char *text, *why;
} refusal;

static const refusal refusals[] = {
    {"fn f(s[i,j]) -> o[i] {\n"
     "  tau[i] = max[j](s[i,j])\n"
     "  o[i] = sum[j](relu(s[i,j] - tau[i] + 1))\n"
     "}\n",
     "relu(s[i,j] - tau[i] + 1.0) has no form in which tau[i] can be taken out of the sum"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  tau[i] = mean[j](s[i,j])\n"
     "  o[i] = count[j](s[i,j] > tau[i])\n"
     "}\n",
     "s[i,j] > tau[i] has no form in which tau[i] can be taken out of the count"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  tau[i] = mean[j](s[i,j])\n"
     "  o[i] = sum[j where s[i,j] > tau[i]](s[i,j])\n"
     "}\n",
     "s[i,j] > tau[i] chooses elements by tau[i], which is known when all of them were seen"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  t[i] = mean[j](s[i,j])\n"
     "  o[i] = sum[j](exp(s[i,j] * t[i]))\n"
     "}\n",
     "exp(s[i,j] * t[i]) has no form in which t[i] can be taken out of the sum"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  m[i] = max[j](s[i,j])\n"
     "  o[i] = sum[j](sigmoid(s[i,j] - m[i]))\n"
     "}\n",
     "sigmoid(s[i,j] - m[i]) has no form in which m[i] can be taken out of the sum"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  m[i] = mean[j](s[i,j])\n"
     "  o[i] = max[j](s[i,j] * m[i])\n"
     "}\n",
     "s[i,j] * m[i] has no form in which m[i] can be taken out of the max"},
    {"fn f(s[i,j]) -> o[i] {\n"
     "  m[i] = mean[j](s[i,j])\n"
     "  o[i] = argmax[j](relu(s[i,j] - m[i]))\n"
     "}\n",
     "relu(s[i,j] - m[i]) has no form in which m[i] can be taken out of the argmax"},
    {"fn f(k[i,j]: int) -> o[i] = max[j](k[i,j])\n",
     "the max of the ints k[i,j] has no value over nothing, with which a sweep begins"},
    {"fn f(s[i,j]) -> o[i,k] {\n"
     "  axis k as i\n"
     "  m[i] = max[j](s[i,j])\n"
     "  o[i,k] = sum[j](s[i,j] * m[k] - log(m[i] + s[i,j]))\n"
     "}\n",
     "log(m[i] + s[i,j]) has no form in which m[i] can be taken out of the sum"},
};

static void what_does_not_run_in_a_sweep_is_told(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        at_session *s = at_session_new((size_t)64 << 20);
        sweeping w;
        begin_sweep(&w, s, refusals[i].text, 4);
        if (!w.sweep->why) fail_msg("%s", refusals[i].text);
        assert_string_equal(w.sweep->why, refusals[i].why);
        assert_int_equal(w.sweep->at, w.given.fold_count - 1);
        assert_non_null(w.sweep->where.source);
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corrections_compose_and_parts_merge_in_any_grouping),
        cmocka_unit_test(what_does_not_run_in_a_sweep_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
