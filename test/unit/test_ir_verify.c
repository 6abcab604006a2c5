/* The verifier: a valid cascade with every statement passes, and each rule, broken alone, stops it
 * at the assertion that states the rule. Each break happens in a child process, on a cascade of its
 * own. */
#define _POSIX_C_SOURCE 200809L
#include "ir_demo.h"

static void a_valid_cascade_passes(void **state) {
    world *w = *state;
    make_demo(w);
    at_ir_verify(w->s, &w->cascade);
}

static void an_empty_cascade_passes(void **state) {
    world *w = *state;
    at_ir_verify(w->s, &w->cascade);
}

/* Each breaker begins with a valid cascade `a` and ends in the verifier. */
#define BREAK(name, change)                                                                        \
    static void name(world *w) {                                                                   \
        demo_arrays a = make_demo(w);                                                              \
        (void)a;                                                                                   \
        change;                                                                                    \
        at_ir_verify(w->s, &w->cascade);                                                           \
    }

/* ---- axes, arrays, names --------------------------------------------------------------------- */

BREAK(axis_twice, a.k->axes = a.q->axes; w->axes[a.t->id] = a.r)
BREAK(axis_name_twice, a.t->name = "i")
BREAK(axis_of_another, a.q->axes[0] = AT_NEW(w->s->arena, at_axis))
BREAK(declared_and_open, a.u->declared = true)
BREAK(extent_of_closed, a.half->extent = S(w, a.m))
BREAK(extent_of_index, a.half->extent = X(w, a.i))
BREAK(real_extent, a.half->extent = R(w, 2))
BREAK(array_name_twice, a.s->name = "p")
BREAK(inside_of_real, a.q->inside = a.j)
BREAK(cotangent_of_ints, a.idx->cotangent = true)
BREAK(cotangent_that_is_learned, a.bias->cotangent = true)
BREAK(carried_and_only_then_cotangent, a.inside->cotangent = true)
BREAK(left_side_twice, a.o->axes[1] = a.i)
BREAK(array_of_another, a.scores->target = AT_NEW(w->s->arena, at_array))

static void axes_arrays_and_names_are_checked(void **state) {
    world *w = *state;
    stops_with(w, axis_twice, "axis->id == i");
    stops_with(w, axis_name_twice, "axis_name_is_its_own");
    stops_with(w, axis_of_another, "axes[axis->id] == axis");
    stops_with(w, declared_and_open, "!axis->declared");
    stops_with(w, extent_of_closed, "!e->u.axis->extent");
    stops_with(w, extent_of_index, "e->tag == AT_SIZE");
    stops_with(w, real_extent, "e->kind == kind");
    stops_with(w, array_name_twice, "name_is_its_own");
    stops_with(w, inside_of_real, "array->kind == AT_INT");
    stops_with(w, cotangent_of_ints, "cotangent_is_real");
    stops_with(w, cotangent_that_is_learned, "role != AT_PARAM");
    stops_with(w, carried_and_only_then_cotangent, "cotangent_holds_for_the_name");
    stops_with(w, left_side_twice, "axes[i] != axes[j]");
    stops_with(w, array_of_another, "arrays[array->id] == array");
}

/* ---- expressions ----------------------------------------------------------------------------- */

static at_expr *edit(world *w, const at_expr *e) { return at_copy(w->s->arena, e, sizeof *e); }

static const at_expr *with_kind(world *w, const at_expr *e, at_kind kind) {
    at_expr *other = edit(w, e);
    other->kind = kind;
    return other;
}

static const at_expr *with_argument(world *w, const at_expr *e, int i, const at_expr *arg) {
    at_expr *other = edit(w, e);
    other->u.map.args[i] = arg;
    return other;
}

BREAK(unbound_index, a.scores->u.value = READ(w, a.q, X(w, a.r), X(w, a.d)))
BREAK(index_of_a_fold_outside, a.total->u.value = READ(w, a.h, X(w, a.u), X(w, a.d)))
BREAK(bound_twice,
      a.scores->u.value = fold1(w, AT_FOLD_SUM, a.i, NULL, READ(w, a.q, X(w, a.i), I(w, 0))))
BREAK(bound_twice_within,
      a.total->u.value =
          fold1(w, AT_FOLD_SUM, a.u, NULL, fold1(w, AT_FOLD_SUM, a.u, NULL, R(w, 1))))
BREAK(value_of_another_kind, a.scores->u.value = I(w, 1))
BREAK(int_plus_real,
      a.begin->u.value = with_argument(w, op2(w, AT_OP_ADD, R(w, 1), R(w, 2)), 0, I(w, 1)))
BREAK(root_of_int, a.begin->u.value = with_argument(w, op1(w, AT_OP_SQRT, R(w, 1)), 0, I(w, 1)))
BREAK(wrong_result, a.begin->u.value = with_kind(w, op2(w, AT_OP_LT, I(w, 1), I(w, 2)), AT_REAL))
BREAK(too_many_arguments,
      a.begin->u.value = with_argument(w, op1(w, AT_OP_SQRT, R(w, 1)), 1, R(w, 1)))
BREAK(conversion_of_a_real,
      a.begin->u.value =
          with_argument(w, op1(w, AT_OP_TO_REAL, S(w, a.d)), 0, own(w, a.gate)))
BREAK(strange_bool, at_expr *e = edit(w, B(w, true)); e->u.integer = 2;
      a.repeat->u.repeat.condition = e)
BREAK(read_of_another_kind, a.begin->u.value = with_kind(w, READ0(w, a.n), AT_REAL))
BREAK(real_index, const at_expr *e = own(w, a.e); e->u.read.index[0] = R(w, 0);
      a.begin->u.value = e)
BREAK(alternative_of_another_kind, at_expr *e = edit(w, own(w, a.e));
      e->u.read.alternative = I(w, 0); a.begin->u.value = e)
BREAK(fold_that_keeps, at_expr *e = edit(w, fold1(w, AT_FOLD_SUM, a.u, NULL, R(w, 1)));
      e->u.fold.fold = AT_FOLD_CUMSUM; a.total->u.value = e)
BREAK(mean_of_int, at_expr *e = edit(w, fold1(w, AT_FOLD_MEAN, a.u, NULL, R(w, 1)));
      e->u.fold.body = I(w, 1); a.total->u.value = e)
BREAK(guard_of_int, at_expr *e = edit(w, fold1(w, AT_FOLD_SUM, a.u, NULL, R(w, 1)));
      e->u.fold.guard = I(w, 1); a.total->u.value = e)

static void expressions_are_checked(void **state) {
    world *w = *state;
    stops_with(w, unbound_index, "index_is_bound");
    stops_with(w, index_of_a_fold_outside, "index_is_bound");
    stops_with(w, bound_twice, "axis_is_bound_once");
    stops_with(w, bound_twice_within, "axis_is_bound_once");
    stops_with(w, value_of_another_kind, "e->kind == kind");
    stops_with(w, int_plus_real, "all_alike && e->kind == first");
    stops_with(w, root_of_int, "first == AT_REAL && e->kind == AT_REAL");
    stops_with(w, wrong_result, "all_alike && e->kind == AT_BOOL");
    stops_with(w, too_many_arguments, "u.map.args[i]");
    stops_with(w, conversion_of_a_real, "first != AT_REAL");
    stops_with(w, strange_bool, "e->u.integer == 0 || e->u.integer == 1");
    stops_with(w, read_of_another_kind, "e->kind == array->kind");
    stops_with(w, real_index, "e->kind == kind");
    stops_with(w, alternative_of_another_kind, "e->kind == kind");
    stops_with(w, fold_that_keeps, "AT_FORM_REMOVE");
    stops_with(w, mean_of_int, "body == AT_REAL");
    stops_with(w, guard_of_int, "e->kind == kind");
}

/* ---- order and statements -------------------------------------------------------------------- */

static void swap(world *w, const at_statement *one, const at_statement *two) {
    int i = 0, j = 0;
    while (w->items[i] != one) i++;
    while (w->items[j] != two) j++;
    at_statement *kept = w->items[i];
    w->items[i] = w->items[j];
    w->items[j] = kept;
}

static void drop(world *w, const at_statement *st) {
    int i = 0;
    while (w->items[i] != st) i++;
    w->cascade.body.count--;
    for (; i < w->cascade.body.count; i++) w->items[i] = w->items[i + 1];
}

BREAK(read_before, swap(w, a.scores, a.softmax))
BREAK(read_of_a_scan_before, swap(w, a.scan, a.total))
BREAK(written_twice, add(w, equation(w, a.lse, own(w, a.lse))))
BREAK(never_written, drop(w, a.table))
BREAK(input_written, add(w, equation(w, a.gate, R(w, 1))))
BREAK(part_reads_part, a.softmax->u.keeping.parts[1].body = READ(w, a.p, X(w, a.i), I(w, 0)))
BREAK(bound_not_on_the_left, a.softmax->u.keeping.parts[0].bound[0] = a.m)
BREAK(topk_keeps_its_axis, a.topk->u.topk.bound[0] = a.i)
BREAK(topk_reads_its_rank, a.topk->u.topk.body = READ(w, a.q, X(w, a.i), X(w, a.r)))
BREAK(two_cumsums, a.softmax->u.keeping.fold = AT_FOLD_CUMSUM)
BREAK(softmax_down, a.softmax->u.keeping.parts[0].down[0] = true)
BREAK(keeping_sum, a.cumsum->u.keeping.fold = AT_FOLD_SUM)
BREAK(draw_of_int, a.drawing->u.drawing.args[0] = I(w, 0))
BREAK(draw_of_another_kind, a.drawing->u.drawing.draw = AT_DRAW_BERNOULLI)
BREAK(short_table, a.table->u.table.count = 2)
BREAK(table_of_indices, a.table->u.table.values[0] = op1(w, AT_OP_SQRT, READ0(w, a.gate)))
BREAK(grad_of_a_sum, a.grad->u.grad.loss = op1(w, AT_OP_EXP, READ0(w, a.loss)))
BREAK(grad_of_an_element, a.grad->u.grad.z = READ(w, a.e, X(w, a.i), I(w, 0)))
BREAK(grad_of_other_axes, a.grad->u.grad.z = READ(w, a.e, X(w, a.u), X(w, a.d)))
BREAK(next_of_no_state, a.count->target = a.n)
BREAK(next_of_another_kind, a.count->u.next.value = R(w, 1))
BREAK(assertion_in_a_function, at_statement *st = statement(w, AT_ASSERT, NULL);
      st->u.assertion.op = AT_OP_EQ; st->u.assertion.left = st->u.assertion.right = R(w, 1);
      add(w, st))
BREAK(law_with_outputs, w->cascade.law = true)
BREAK(output_with_another_name, w->outputs[0].name = "result")
BREAK(param_without_start, w->params[0].draw = -1)
BREAK(input_among_params, w->params[0].array = a.q)
BREAK(requirement_on_data, w->requires[0].condition = READ(w, a.keep, I(w, 0)))
BREAK(requirement_of_int, w->requires[0].condition = S(w, a.d))

static void statements_and_their_order_are_checked(void **state) {
    world *w = *state;
    stops_with(w, read_before, "array_is_written_before_it_is_read");
    stops_with(w, read_of_a_scan_before, "array_is_written_before_it_is_read");
    stops_with(w, written_twice, "array_is_written_once");
    stops_with(w, never_written, "array_is_written");
    stops_with(w, input_written, "target->role == AT_DEFINED");
    stops_with(w, part_reads_part, "array_is_written_before_it_is_read");
    stops_with(w, bound_not_on_the_left, "on_left == !ranks");
    stops_with(w, topk_keeps_its_axis, "on_left == !ranks");
    stops_with(w, topk_reads_its_rank, "index_is_bound");
    stops_with(w, two_cumsums, "count == 1");
    stops_with(w, softmax_down, "AT_FORM_KEEP");
    stops_with(w, keeping_sum, "AT_FORM_KEEP");
    stops_with(w, draw_of_int, "e->kind == kind");
    stops_with(w, draw_of_another_kind, "AT_GIVES_BOOL");
    stops_with(w, short_table, "elements == st->u.table.count");
    stops_with(w, table_of_indices, "e->tag == AT_CONST");
    stops_with(w, grad_of_a_sum, "loss->tag == AT_READ");
    stops_with(w, grad_of_an_element, "index->tag == AT_INDEX");
    stops_with(w, grad_of_other_axes, "index_is_bound");
    stops_with(w, next_of_no_state, "AT_STATE");
    stops_with(w, next_of_another_kind, "e->kind == kind");
    stops_with(w, assertion_in_a_function, "k->cascade->law");
    stops_with(w, law_with_outputs, "output_count == 0");
    stops_with(w, output_with_another_name, "outputs[i].name");
    stops_with(w, param_without_start, "starts[i].draw >= 0");
    stops_with(w, input_among_params, "array->role == role");
    stops_with(w, requirement_on_data, "e->tag == AT_CONST");
    stops_with(w, requirement_of_int, "e->kind == kind");
}

/* ---- scans and repeats ----------------------------------------------------------------------- */

BREAK(scan_axis_not_first, a.h->axes[0] = a.d; a.h->axes[1] = a.i)
BREAK(scan_of_a_bound_axis, at_statement *inner = statement(w, AT_SCAN, NULL);
      inner->u.scan = a.scan->u.scan; a.scan->u.scan.body = block(w, 1, inner))
BREAK(sum_over_the_scan,
      a.recurrence->u.value = fold1(w, AT_FOLD_SUM, a.i, NULL, own(w, a.h)))
BREAK(round_without_a_mark, a.l->round = false)
BREAK(other_number_of_rounds, a.repeat->u.repeat.count = 4)
BREAK(round_index_outside, a.begin->u.value = own(w, a.weight))
BREAK(next_not_written, a.repeat->u.repeat.body.count = 0)
BREAK(carried_after_the_end, a.total->u.value = READ(w, a.inside, I(w, 0), I(w, 0)))
BREAK(result_in_the_body, a.step->u.value = own(w, a.after))
BREAK(carried_of_two_kinds, a.after->kind = AT_INT)
BREAK(carried_of_two_names, a.after->name = "y")
BREAK(carried_of_wrong_role, a.repeat->u.repeat.carried[0].inside = a.s)
BREAK(condition_of_int, a.repeat->u.repeat.condition = I(w, 1))

static void scans_and_repeats_are_checked(void **state) {
    world *w = *state;
    stops_with(w, scan_axis_not_first, "scan_axes_come_first");
    stops_with(w, scan_of_a_bound_axis, "in_scope(outer");
    stops_with(w, sum_over_the_scan, "axis_is_bound_once");
    stops_with(w, round_without_a_mark, "round->round");
    stops_with(w, other_number_of_rounds, "u.repeat.count");
    stops_with(w, round_index_outside, "index_is_bound");
    stops_with(w, next_not_written, "next_is_written_in_the_body");
    stops_with(w, carried_after_the_end, "array_is_written_before_it_is_read");
    stops_with(w, result_in_the_body, "array_is_written_before_it_is_read");
    stops_with(w, carried_of_two_kinds, "a->kind == b->kind");
    stops_with(w, carried_of_two_names, "a->name, b->name");
    stops_with(w, carried_of_wrong_role, "c->inside->role == AT_CARRIED");
    stops_with(w, condition_of_int, "e->kind == kind");
}

static void rounds_collected_in_a_scan_may_stand_before_its_axes(void **state) {
    world *w = *state;
    at_axis *t = axis(w, "t", NULL), *l = axis(w, "l", I(w, 2));
    l->round = true;
    l->declared = false;
    at_array *x = array(w, "x", AT_INPUT, AT_REAL, 1, t);
    at_array *h = array(w, "h", AT_DEFINED, AT_REAL, 2, l, t);
    static const bool up = false;
    at_statement *scan = statement(w, AT_SCAN, NULL), *repeat = statement(w, AT_REPEAT, NULL);
    scan->u.scan.count = 1;
    scan->u.scan.axes = x->axes;
    scan->u.scan.down = at_copy(w->s->arena, &up, sizeof up);
    const at_expr *earlier =
        read_or(w, h, R(w, 0), X(w, l), op2(w, AT_OP_SUB, X(w, t), I(w, 1)));
    scan->u.scan.body = block(w, 1, equation(w, h, op2(w, AT_OP_ADD, earlier, own(w, x))));
    repeat->u.repeat.round = l;
    repeat->u.repeat.count = 2;
    repeat->u.repeat.body = block(w, 1, scan);
    add(w, repeat);
    at_ir_verify(w->s, &w->cascade);
    at_text out = {0};
    at_ir_print(&w->cascade, &out);
    assert_string_equal(out.data, "fn main(x[t]) {\n"
                                  "  axis l = 2\n"
                                  "  repeat l < 2 {\n"
                                  "    scan t {\n"
                                  "      h[l,t] = h[l, t - 1 | 0.0] + x[t]\n"
                                  "    }\n"
                                  "  }\n"
                                  "}\n");
    at_text_free(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_valid_cascade_passes),
        TEST(an_empty_cascade_passes),
        TEST(axes_arrays_and_names_are_checked),
        TEST(expressions_are_checked),
        TEST(statements_and_their_order_are_checked),
        TEST(scans_and_repeats_are_checked),
        TEST(rounds_collected_in_a_scan_may_stand_before_its_axes),
    };
    return cmocka_run_group_tests_name("ir verify", tests, NULL, NULL);
}
