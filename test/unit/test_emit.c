/* What the stages print, what the compiler refuses, and what C compilers say of what it writes. */
#define _DEFAULT_SOURCE
#include "compile_fixture.h"

/* ---- stages, limits, the C compiler ---------------------------------------------------------- */

static char *dump(program *p, const char *stage) {
    at_text text = {0};
    assert_null(
        at_compile(p->s, &p->c, &(at_compile_options){.stage = stage, .stream = -1}, &text));
    assert_int_equal(p->s->diag_count, 0);
    assert_non_null(text.data);
    return text.data;
}

static void assert_mentions(const char *text, const char *piece) {
    if (!strstr(text, piece)) fail_msg("%s\n\ndoes not mention: %s", text, piece);
}

static void every_stage_prints(void **state) {
    program *p = *state;
    make_attention(p, true);
    static const struct {
        const char *stage, *piece;
    } stages[] = {
        {"opt", "o[i,e] = sum[j where j <= i](p[i,j] * v[j,e])"},
        {"plan", "array p.max[i]: real, stored between passes, a block of i, 8*i_rows bytes"},
        {"loop", "      set `sum` = `sum` + q[i,d] * k[j,d]\n"},
        {"tile", "load q %"},
        {"emit", "/* o[i,e] = sum[j where j <= i](p[i,j] * v[j,e])"},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        char *text = dump(p, stages[i].stage);
        assert_mentions(text, stages[i].piece);
        if (i > 0) assert_null(strstr(text, "softmax"));
        free(text);
    }
    assert_null(at_compile(p->s, &p->c, &(at_compile_options){.stage = "emitt"}, NULL));
    assert_string_equal(p->s->diags[0]->hint, "did you mean `emit`?");
}

static void the_same_program_gives_the_same_text(void **state) {
    program *p = *state;
    make_attention(p, true);
    char *once = dump(p, "emit"), *again = dump(p, "emit");
    assert_string_equal(once, again);
    free(once);
    free(again);
}

/* y[i,j] = x[i, i + j - 1 | 0]: mostly all lanes are inside, which is asked first. */
static void shifted_reads_are_loads_of_what_lies_side_by_side(void **state) {
    program *p = *state;
    at_axis *i = axis(p, "i", NULL), *j = axis(p, "j", NULL);
    at_array *x = array(p, "x", AT_INPUT, AT_REAL, 2, i, j);
    at_array *y = array(p, "y", AT_DEFINED, AT_REAL, 2, i, j);
    const at_expr *before = op2(p, AT_OP_SUB, op2(p, AT_OP_ADD, at(p, i), at(p, j)), whole(p, 1));
    equation(p, y, read_or(p, x, num(p, 0), at(p, i), before));
    output(p, y);
    char *text = dump(p, "emit");
    assert_mentions(text, "vreal_load(&x[");
    assert_null(strstr(text, "vreal_gather(x"));
    free(text);
}

/* Operations and names of all sorts, for the compilers to complain about. */
static void make_zoo(program *p) {
    at_axis *i = axis(p, "int", NULL), *j = axis(p, "INFINITY", NULL);
    at_axis *l = axis(p, "i", size(p, i));
    at_array *x = array(p, "double", AT_INPUT, AT_REAL, 2, i, j);
    at_array *n = array(p, "a*/b é", AT_INPUT, AT_INT, 1, i);
    at_array *b = array(p, "call", AT_INPUT, AT_BOOL, 1, j);
    at_array *y = array(p, "size_int", AT_DEFINED, AT_REAL, 2, i, j);
    at_array *m = array(p, "fault", AT_DEFINED, AT_INT, 1, i);
    at_array *z = array(p, "x.y", AT_DEFINED, AT_REAL, 2, i, j);
    const at_expr *e = rd2(p, x, at(p, i), at(p, j));
    for (at_op op = 0; op < AT_OPS; op++) {
        const at_op_row *row = at_op_info(op);
        bool real = row->rule == AT_RULE_REAL || row->rule == AT_RULE_SAME;
        if (real && row->arity == 1) e = op1(p, op, e);
        if (real && row->arity == 2) e = op2(p, op, e, num(p, -1.5));
    }
    e = at_map_node(p->s, AT_OP_CLAMP, e, num(p, -1), num(p, INFINITY), at_no_span());
    equation(p, y, choose(p, rd1(p, b, at(p, j)), e, num(p, NAN)));
    const at_expr *k = rd1(p, n, at(p, i));
    for (at_op op = 0; op < AT_OPS; op++) {
        const at_op_row *row = at_op_info(op);
        bool on_ints = row->rule == AT_RULE_INT || row->rule == AT_RULE_SAME;
        if (on_ints && row->arity == 1) k = op1(p, op, k);
        if (on_ints && row->arity == 2) k = op2(p, op, k, whole(p, 3));
    }
    k = at_map_node(p->s, AT_OP_CLAMP, k, whole(p, 0), whole(p, 9), at_no_span());
    k = op2(p, AT_OP_ADD, k, op1(p, AT_OP_TO_INT, num(p, 1e30)));
    k = op2(p, AT_OP_MIN, k, op2(p, AT_OP_MOD, at(p, i), whole(p, 5)));
    k = op2(p, AT_OP_SUB, k, op2(p, AT_OP_IDIV, at(p, i), whole(p, 5)));
    k = choose(p, op2(p, AT_OP_EQ, at(p, i), at(p, i)), k, whole(p, 3));
    k = choose(p, op2(p, AT_OP_EQ, k, whole(p, 3)), whole(p, 1000000), whole(p, 2000000));
    equation(p, m, op2(p, AT_OP_MUL, k, k));
    const at_expr *shifted = read_or(p, y, num(p, -0.0), rd1(p, m, at(p, i)),
                                     op2(p, AT_OP_SUB, at(p, j), whole(p, 1)));
    const at_expr *largest = fold(p, AT_FOLD_MAX, l, NULL, rd1(p, m, at(p, l)));
    shifted = op2(p, AT_OP_MUL, shifted, op1(p, AT_OP_TO_REAL, largest));
    equation(p, z, op2(p, AT_OP_SUB, shifted, op1(p, AT_OP_TO_REAL, rd1(p, b, at(p, j)))));
    output(p, z);
}

static bool compile_in_little_memory(void *user) {
    program *p = user;
    make_attention(p, true);
    at_text text = {0};
    at_kernel *kernel = at_compile(p->s, &p->c, &(at_compile_options){.stage = "emit"}, &text);
    bool good = text.length > 0;
    at_text_free(&text);
    return good && !kernel;
}

/* Whatever the point at which memory runs out, it is reported once. */
static void running_out_of_memory_is_an_error(void **state) {
    (void)state;
    bool good = false;
    int failed = 0;
    for (size_t limit = (size_t)16 << 10; !good; limit += (size_t)4 << 10) {
        program p = {.s = at_session_new(limit)};
        if (!p.s) continue;
        p.c.name = "test";
        good = at_guarded(p.s, compile_in_little_memory, &p);
        if (!good) {
            failed++;
            assert_int_equal(p.s->diag_count, 1);
            assert_string_equal(at_code_text(p.s->diags[0]->code), "E001");
        }
        at_session_free(p.s);
        assert_true(limit < (size_t)8 << 20);
    }
    assert_true(failed > 0);
}

/* Compiles `source` with every warning an error; false when that compiler is not installed. */
static bool compiles_clean(const char *compiler, const char *source) {
    char command[512], path[] = "/tmp/attend-test-XXXXXX";
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", compiler);
    if (system(command) != 0) return false;
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, source, strlen(source)), (ssize_t)strlen(source));
    close(handle);
    snprintf(command, sizeof command,
             "%s -std=c11 -O2 -Wall -Wextra -Werror -x c -c %s -o /dev/null", compiler, path);
    int status = system(command);
    if (status != 0) fprintf(stderr, "%s", source);
    unlink(path);
    assert_int_equal(status, 0);
    return true;
}

static void check_clean(program *p) {
    char *source = dump(p, "emit");
    int compilers = compiles_clean("gcc", source) + compiles_clean("clang", source);
    free(source);
    if (compilers == 0) skip();
}

static void emitted_attention_compiles_without_warnings(void **state) {
    make_attention(*state, true);
    check_clean(*state);
}

static void emitted_code_of_all_sorts_compiles_without_warnings(void **state) {
    make_zoo(*state);
    check_clean(*state);
}

static void a_missing_compiler_is_an_error(void **state) {
    program *p = *state;
    make_attention(p, false);
    setenv("ATTEND_CC", "/nonexistent/compiler", 1);
    const at_diag *diag = run_to_error(p);
    unsetenv("ATTEND_CC");
    assert_string_equal(at_code_text(diag->code), "E901");
    assert_string_equal(diag->message, "the C compiler `/nonexistent/compiler`, which ATTEND_CC "
                                       "names, cannot be run: No such file or directory");
}

static void a_failing_compiler_is_an_error_that_keeps_the_source(void **state) {
    program *p = *state;
    make_attention(p, false);
    setenv("ATTEND_CC", "false", 1);
    const at_diag *diag = run_to_error(p);
    unsetenv("ATTEND_CC");
    assert_string_equal(at_code_text(diag->code), "E902");
    assert_string_equal(diag->message, "the C compiler failed with status 1");
    assert_int_equal(diag->note_count, 2);
    const char *kept = strstr(diag->notes[1], "/");
    assert_non_null(kept);
    assert_int_equal(access(kept, R_OK), 0);
    unlink(kept);
    char *folder = strdup(kept);
    *strrchr(folder, '/') = 0;
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    free(folder);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(every_stage_prints),
        TEST(shifted_reads_are_loads_of_what_lies_side_by_side),
        TEST(the_same_program_gives_the_same_text),
        TEST(emitted_attention_compiles_without_warnings),
        TEST(emitted_code_of_all_sorts_compiles_without_warnings),
        TEST(running_out_of_memory_is_an_error),
        TEST(a_missing_compiler_is_an_error),
        TEST(a_failing_compiler_is_an_error_that_keeps_the_source),
    };
    return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
