/* The parser: what binds how, where a statement ends, what the tree holds, and that one run reports
 * every mistake once. Exact messages are pinned in test/error/. */
#include "lang/lang.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    at_session *session;
    const char *text;
    const at_file_tree *file;
} parsing;

static bool parse_body(void *user) {
    parsing *job = user;
    const at_source *source =
        at_make_source(job->session, "test.attn", job->text, strlen(job->text));
    job->file = source ? at_parse(job->session, source) : NULL;
    return job->file != NULL;
}

static parsing parse(const char *text) {
    parsing job = {at_session_new((size_t)64 << 20), text, NULL};
    at_guarded(job.session, parse_body, &job);
    return job;
}

static parsing parse_good(const char *text) {
    parsing job = parse(text);
    if (!job.file) {
        at_text out = {0};
        at_diags_render(job.session, false, &out);
        fail_msg("%s\n%s", text, out.data);
    }
    return job;
}

/* The statements of one function's body. */
static const at_tree_block *body_of(const parsing *job) { return &job->file->items[0]->body; }

/* ---- expressions as (op a b) ----------------------------------------------------------------- */

static void lisp(const at_tree *t, at_text *out) {
    static const char *const ops[] = {
#define AT_OP(id, text, arity, rule, level, c, doc) text,
#include "ir/ops.def"
#undef AT_OP
    };
    if (t->tag == AT_T_NUMBER && t->is_real) at_text_addf(out, "%g", t->real);
    else if (t->tag == AT_T_NUMBER) at_text_addf(out, "%lld", (long long)t->integer);
    else if (t->tag == AT_T_BOOL) at_text_add(out, t->integer ? "true" : "false");
    else if (t->tag == AT_T_TRAINING) at_text_add(out, "training");
    else if (t->tag == AT_T_KEEP) at_text_add(out, ":");
    else if (t->tag == AT_T_NAME) at_text_add(out, t->name);
    else {
        const char *open = t->tag == AT_T_INDEX ? "[" : "(";
        at_text_addf(out, "%s%s", open, t->tag == AT_T_OP ? ops[t->op] : t->name);
        for (int i = 0; i < t->count; i++) {
            at_text_add(out, " ");
            lisp(t->args[i], out);
        }
        if (t->alternative) {
            at_text_add(out, " | ");
            lisp(t->alternative, out);
        }
        for (int i = 0; i < t->option_count; i++) {
            at_text_addf(out, " %s%s=", t->options[i].name, t->options[i].is_function ? "()" : "");
            lisp(t->options[i].value, out);
        }
        for (int i = 0; i < t->part_count; i++) {
            at_text_add(out, i ? "; " : " ");
            for (int k = 0; k < t->parts[i].count; k++)
                at_text_addf(out, "%s%s ", t->parts[i].bound[k].name,
                             t->parts[i].bound[k].down ? " down" : "");
            if (t->parts[i].guard) {
                at_text_add(out, "where ");
                lisp(t->parts[i].guard, out);
                at_text_add(out, " ");
            }
            lisp(t->parts[i].body, out);
        }
        at_text_add(out, t->tag == AT_T_INDEX ? "]" : ")");
    }
}

static void check_expression(const char *text, const char *expected) {
    char program[512];
    snprintf(program, sizeof program, "fn f(x) -> y = %s\n", text);
    parsing job = parse_good(program);
    at_text out = {0};
    lisp(body_of(&job)->items[0]->value, &out);
    assert_string_equal(out.data, expected);
    at_text_free(&out);
    at_session_free(job.session);
}

static void operators_bind_as_the_page_says(void **state) {
    (void)state;
    check_expression("a + b * c", "(+ a (* b c))");
    check_expression("a - b - c", "(- (- a b) c)");
    check_expression("a / b // c % d", "(% (// (/ a b) c) d)");
    check_expression("a ^ b ^ c", "(^ a (^ b c))");
    check_expression("-x^2", "(- (^ x 2))");
    check_expression("2^-x", "(^ 2 (- x))");
    check_expression("2^-x^2", "(^ 2 (- (^ x 2)))");
    check_expression("-a * b", "(* (- a) b)");
    check_expression("a * -b", "(* a (- b))");
    check_expression("a - -b", "(- a (- b))");
    check_expression("--a", "(- (- a))");
    check_expression("a < b + 1 and c or d", "(or (and (< a (+ b 1)) c) d)");
    check_expression("not a == b", "(not (== a b))");
    check_expression("not a and not b", "(and (not a) (not b))");
    check_expression("not not a or b", "(or (not (not a)) b)");
    check_expression("(a or b) and c", "(and (or a b) c)");
    check_expression("(a < b) == (c != d)", "(== (< a b) (!= c d))");
    check_expression("if a or b then c + 1 else if d then 1 else 2",
                     "(if (or a b) (+ c 1) (if d 1 2))");
    check_expression("(if a then b else c) + 1", "(+ (if a b c) 1)");
}

static void leaves_are_what_they_say(void **state) {
    (void)state;
    check_expression("3", "3");
    check_expression("0.5", "0.5");
    check_expression("1e-6", "1e-06");
    check_expression("9223372036854775807", "9223372036854775807");
    check_expression("-inf", "(- inf)");
    check_expression("true and not false", "(and true (not false))");
    check_expression("if training then 1 else 0", "(if training 1 0)");
    check_expression("encoder.block.w", "encoder.block.w");
    check_expression("x'2.y'3", "x'2.y'3");
    check_expression("`block[].mha#2.p`[i]", "[block[].mha#2.p i]");
    check_expression("down + within + index", "(+ (+ down within) index)");
}

static void reads_calls_and_folds_keep_their_parts(void **state) {
    (void)state;
    check_expression("x[t-1 | 0]", "[x (- t 1) | 0]");
    check_expression("q[b,:,h]", "[q b : h]");
    check_expression("k[idx[i,r], d]", "[k [idx i r] d]");
    check_expression("gumbel()", "(gumbel)");
    check_expression("f(q, k; scale = 1, mask(i,j) = j <= i)", "(f q k scale=1 mask()=(<= j i))");
    check_expression("max(a, b)^2", "(^ (max a b) 2)");
    check_expression("max[j](a[j])", "(max j [a j])");
    check_expression("size(d) + stop(x) + grad(l, z)", "(+ (+ (size d) (stop x)) (grad l z))");
    check_expression("sum[j, k where j < k](x[j])", "(sum j k where (< j k) [x j])");
    check_expression("cumsum[j down, k](x)", "(cumsum j down k x)");
    check_expression("softmax[j where a; m](s; t)", "(softmax j where a s; m t)");
}

static void numbers_have_exact_values(void **state) {
    (void)state;
    parsing job = parse_good("fn f(x) -> y = 0.1 + 007 + pi\n");
    const at_tree *sum = body_of(&job)->items[0]->value;
    const at_tree *first = sum->args[0];
    assert_true(first->args[0]->is_real && first->args[0]->real == 0.1);
    assert_true(!first->args[1]->is_real && first->args[1]->integer == 7);
    assert_true(sum->args[1]->real == 3.14159265358979323846);
    at_session_free(job.session);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int count_statements(const char *body) {
    char program[512];
    snprintf(program, sizeof program, "fn f(x) -> y {\n%s\n}\n", body);
    parsing job = parse_good(program);
    int n = body_of(&job)->count;
    at_session_free(job.session);
    return n;
}

static void a_line_goes_on_where_the_page_says(void **state) {
    (void)state;
    assert_int_equal(count_statements("a = 1\nb = 2"), 2);
    assert_int_equal(count_statements("a = f(x,\n\n  # why\n  y\n)\nb = 2"), 2);
    assert_int_equal(count_statements("a = x[i\n]\nb = 2"), 2);
    assert_int_equal(count_statements("a = 1 +\n  2"), 1);
    assert_int_equal(count_statements("a =\n  1"), 1);
    assert_int_equal(count_statements("a,\n  b = f(x)"), 1);
    assert_int_equal(count_statements("e ~\n  normal(0, 1)"), 1);
    assert_int_equal(count_statements("a = b and\n  not\n  c or\n  d"), 1);
    assert_int_equal(count_statements("a = if b\n  then c\n  else d\nz = 1"), 2);
    assert_int_equal(count_statements("a = if b then\n  c else\n  d"), 1);
    assert_int_equal(count_statements("axis a = 1,\n  b = 2"), 1);
}

static void an_arrow_may_begin_a_line(void **state) {
    (void)state;
    parsing job = parse_good("fn f(x[n])\n    -> y[n], z {\n  y = x\n  z = 1\n}\n");
    assert_int_equal(job.file->items[0]->output_count, 2);
    at_session_free(job.session);
}

static void windows_line_ends_and_a_byte_order_mark_are_fine(void **state) {
    (void)state;
    parsing job = parse_good("\xEF\xBB\xBF"
                             "fn f(x) -> y {\r\n\ty = x # c\r\n}\r\n");
    assert_string_equal(body_of(&job)->items[0]->comments.trailing, "# c");
    at_session_free(job.session);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void statements_fill_their_fields(void **state) {
    (void)state;
    parsing job = parse_good("fn f(x[n]) -> y[n] {\n"
                             "  o[b,:,h] = g(q[b,:,h]) as shared.path\n"
                             "  axis a = 8, j as n\n"
                             "  state s[d]: int = 0\n"
                             "  next s[d] = 1\n"
                             "  repeat l < 6 while c { y = y }\n"
                             "  scan t down, u { h[t,u] = 1 }\n"
                             "  if a { y = 1 } else if b { y = 2 } else { y = 3 }\n"
                             "}\n");
    at_tree_statement **st = body_of(&job)->items;
    assert_string_equal(st[0]->shared, "shared.path");
    assert_null(st[0]->targets[0].axes[1]);
    assert_string_equal(st[0]->targets[0].axes[2], "h");
    assert_string_equal(st[1]->axes[1].like, "n");
    assert_null(st[1]->axes[1].extent);
    assert_true(st[2]->targets[0].has_kind && st[2]->targets[0].kind == AT_INT);
    assert_int_equal(st[3]->tag, AT_S_NEXT);
    assert_string_equal(st[4]->round, "l");
    assert_non_null(st[4]->condition);
    assert_true(st[5]->bound[0].down && !st[5]->bound[1].down);
    assert_true(st[6]->has_else && st[6]->otherwise.items[0]->chained);
    assert_true(st[6]->otherwise.items[0]->has_else);
    at_session_free(job.session);
}

static void headers_fill_their_fields(void **state) {
    (void)state;
    parsing job =
        parse_good("## One.\n## Two.\nfn f(q[i,d], t[i]: index v, n: int, keep[j]: bool, g;\n"
                   "     heads, mask(i,j) = true, mix = attention) -> o[i] = q[i,0]\n");
    const at_definition *d = job.file->items[0];
    assert_string_equal(d->doc, "One.\nTwo.");
    assert_true(d->is_short);
    assert_int_equal(d->input_count, 5);
    assert_string_equal(d->inputs[1].inside, "v");
    assert_int_equal(d->inputs[1].kind, AT_INT);
    assert_int_equal(d->inputs[3].kind, AT_BOOL);
    assert_false(d->inputs[4].brackets);
    assert_int_equal(d->inputs[4].kind, AT_REAL);
    assert_null(d->options[0].value);
    assert_true(d->options[1].is_function && d->options[1].count == 2);
    assert_false(d->options[2].is_function);
    at_session_free(job.session);
}

static void a_law_tells_equations_from_assertions(void **state) {
    (void)state;
    parsing job = parse_good("law l(q[i] ~ normal(0, 2), b: bool) {\n"
                             "  a, c[i] = f(q)\n"
                             "  a == c within 1e-6\n"
                             "  (b or b) == b\n"
                             "  sum[i](q[i]) <= 3\n"
                             "}\n");
    at_tree_statement **st = body_of(&job)->items;
    assert_non_null(job.file->items[0]->inputs[0].draw);
    assert_int_equal(st[0]->tag, AT_S_EQUATION);
    assert_int_equal(st[1]->tag, AT_S_ASSERT);
    assert_non_null(st[1]->tolerance);
    assert_int_equal(st[2]->op, AT_OP_EQ);
    assert_int_equal(st[3]->op, AT_OP_LE);
    at_session_free(job.session);
}

static void spans_cover_what_they_name(void **state) {
    (void)state;
    const char *text = "fn f(x) -> y = (a + bb[i]) * c\n";
    parsing job = parse_good(text);
    const at_tree *product = body_of(&job)->items[0]->value, *sum = product->args[0];
    assert_memory_equal(text + product->span.begin, "(a + bb[i]) * c",
                        product->span.end - product->span.begin);
    assert_memory_equal(text + sum->span.begin, "(a + bb[i])", sum->span.end - sum->span.begin);
    assert_int_equal(sum->span.end - sum->span.begin, 11);
    assert_memory_equal(text + sum->name_span.begin, "+", 1);
    assert_int_equal(sum->args[1]->name_span.end - sum->args[1]->name_span.begin, 2);
    assert_true(sum->parens && !product->parens);
    assert_int_equal(product->height, 4);
    at_session_free(job.session);
}

/* ---- comments -------------------------------------------------------------------------------- */

static void comments_go_with_their_statements(void **state) {
    (void)state;
    parsing job = parse_good("fn f(x) -> y {\n"
                             "  # before\n"
                             "\n"
                             "  a = g(x, # inside\n"
                             "        y)  # behind\n"
                             "\n"
                             "  b = 1\n"
                             "  # last\n"
                             "}\n"
                             "# end\n");
    const at_tree_block *body = body_of(&job);
    const at_comments *c = &body->items[0]->comments;
    assert_int_equal(c->count, 3);
    assert_string_equal(c->lines[0], "# before");
    assert_string_equal(c->lines[1], "");
    assert_string_equal(c->lines[2], "# inside");
    assert_string_equal(c->trailing, "# behind");
    assert_true(body->items[1]->comments.blank);
    assert_int_equal(body->last_comment_count, 1);
    assert_string_equal(job.file->last_comments[0], "# end");
    at_session_free(job.session);
}

/* ---- mistakes -------------------------------------------------------------------------------- */

static void one_run_reports_every_mistake_once(void **state) {
    (void)state;
    parsing job = parse("fn f(x[n]) -> y[n] {\n"
                        "  a = (1 + 2\n"
                        "  b = 3 4\n"
                        "  scan {\n"
                        "    c[0] = 1\n"
                        "    d = f(x)[i]\n"
                        "  }\n"
                        "  e = 1 && 2\n"
                        "}\n"
                        "fn g(x[n]) {\n"
                        "  y = sum(x)\n"
                        "}\n"
                        "stray\n"
                        "fn h(x) -> y = x +\n");
    static const at_code expected[] = {
        AT_E_UNCLOSED, AT_E_STATEMENT_END, AT_E_EXPECTED,  AT_E_TARGET,     AT_E_BRACKETS,
        AT_E_OPERATOR, AT_E_ARROW,         AT_E_FOLD_AXES, AT_E_DEFINITION, AT_E_EXPECTED};
    assert_null(job.file);
    int count = (int)(sizeof expected / sizeof *expected);
    at_text out = {0};
    at_diags_render(job.session, false, &out);
    if (job.session->diag_count != count) fail_msg("%s", out.data);
    at_text_free(&out);
    for (int i = 0; i < count; i++) assert_int_equal(job.session->diags[i]->code, expected[i]);
    at_session_free(job.session);
}

static void a_missing_brace_does_not_hide_the_next_function(void **state) {
    (void)state;
    parsing job = parse("fn f(x) -> y {\n  y = x\n\nfn g(x) -> y {\n  y = )\n}\n");
    assert_int_equal(job.session->diag_count, 2);
    assert_int_equal(job.session->diags[0]->code, AT_E_UNCLOSED);
    assert_int_equal(job.session->diags[1]->code, AT_E_EXPECTED);
    at_session_free(job.session);
}

static void at_most_twenty_errors_are_kept(void **state) {
    (void)state;
    at_text text = {0};
    at_text_add(&text, "fn f(x) -> y {\n");
    for (int i = 0; i < 50; i++) at_text_add(&text, "  y = )\n");
    at_text_add(&text, "}\n");
    parsing job = parse(text.data);
    assert_int_equal(job.session->diag_count, 20);
    assert_int_equal(job.session->diag_lost, 30);
    at_text_free(&text);
    at_session_free(job.session);
}

/* Every repeated piece that nests, far beyond the limit: an error that names it, no crash. */
static void nesting_is_limited(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "(", "-", "not ", "x[", "f(", "2^", "sum[j](", "if a then b else ", "f(;a="};
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        at_text text = {0};
        at_text_add(&text, "fn f(x) -> y = ");
        for (int i = 0; i < 100000; i++) at_text_add(&text, pieces[k]);
        parsing job = parse(text.data);
        assert_null(job.file);
        assert_int_equal(job.session->diags[0]->code, AT_E_NESTING);
        at_text_free(&text);
        at_session_free(job.session);
    }
    at_text text = {0};
    at_text_add(&text, "fn f(x) -> y {\n");
    for (int i = 0; i < 100000; i++) at_text_add(&text, "if a {\n");
    parsing job = parse(text.data);
    assert_int_equal(job.session->diag_count, 2); /* the depth, and one missing brace for all */
    assert_int_equal(job.session->diags[0]->code, AT_E_UNCLOSED);
    assert_int_equal(job.session->diags[1]->code, AT_E_NESTING);
    at_text_free(&text);
    at_session_free(job.session);
}

static void long_chains_are_limited_to_a_safe_height(void **state) {
    (void)state;
    for (int n = 998; n <= 1002; n++) {
        at_text text = {0};
        at_text_add(&text, "fn f(x) -> y = x");
        for (int i = 0; i < n; i++) at_text_add(&text, " + x");
        at_text_add(&text, "\n");
        parsing job = parse(text.data);
        assert_int_equal(job.file != NULL, n < 1000);
        if (job.file) assert_int_equal(body_of(&job)->items[0]->value->height, n + 1);
        at_text_free(&text);
        at_session_free(job.session);
    }
}

static void little_memory_is_an_error(void **state) {
    (void)state;
    at_text text = {0};
    at_text_add(&text, "fn f(x) -> y {\n");
    for (int i = 0; i < 2000; i++) at_text_add(&text, "  y = x[i] + sum[j](y[j])  # c\n");
    at_text_add(&text, "}\n");
    int failures = 0;
    for (size_t limit = 20000; limit < (size_t)8 << 20; limit += limit / 4) {
        parsing job = {at_session_new(limit), text.data, NULL};
        assert_non_null(job.session);
        if (!at_guarded(job.session, parse_body, &job)) {
            assert_int_equal(job.session->diags[0]->code, AT_E_MEMORY);
            failures++;
        }
        at_session_free(job.session);
    }
    assert_true(failures > 5);
    parsing job = parse_good(text.data);
    at_session_free(job.session);
    at_text_free(&text);
}

static void reserved_words_are_known(void **state) {
    (void)state;
    static const char *const words[] = {"fn", "next", "as", "size", "inf", "training", "softmax"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) assert_true(at_is_reserved(words[i]));
    assert_false(at_is_reserved("down"));
    assert_false(at_is_reserved("within"));
    assert_false(at_is_reserved("exp"));
    assert_false(at_is_reserved(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_as_the_page_says),
        cmocka_unit_test(leaves_are_what_they_say),
        cmocka_unit_test(reads_calls_and_folds_keep_their_parts),
        cmocka_unit_test(numbers_have_exact_values),
        cmocka_unit_test(a_line_goes_on_where_the_page_says),
        cmocka_unit_test(an_arrow_may_begin_a_line),
        cmocka_unit_test(windows_line_ends_and_a_byte_order_mark_are_fine),
        cmocka_unit_test(statements_fill_their_fields),
        cmocka_unit_test(headers_fill_their_fields),
        cmocka_unit_test(a_law_tells_equations_from_assertions),
        cmocka_unit_test(spans_cover_what_they_name),
        cmocka_unit_test(comments_go_with_their_statements),
        cmocka_unit_test(one_run_reports_every_mistake_once),
        cmocka_unit_test(a_missing_brace_does_not_hide_the_next_function),
        cmocka_unit_test(at_most_twenty_errors_are_kept),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(long_chains_are_limited_to_a_safe_height),
        cmocka_unit_test(little_memory_is_an_error),
        cmocka_unit_test(reserved_words_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
