/* Steps of scans that change nothing: which are left out, and that what is left gives what the
 * reference gives of the program without scans. */
#define _DEFAULT_SOURCE
#include "loop_fixture.h"
#include "opt/opt.h"
#include "opt/stream.h"

static int block; /* of the scans */

static const at_cascade *streamed(at_session *s, const at_cascade *cascade) {
    at_sweep_report report = {0};
    cascade = at_sweep_cascade(s, at_optimize(s, cascade), block, &report);
    assert_true(report.scans > 0);
    return cascade;
}

static const char *const masks[] = {
    "j < 5", "j > 9 and j <= i", "j <= i and i - j < 4", "j // 8 == 1", "j >= 7 and j < 13",
    "j <= i and j < 9 and keep[j]", "j < -1", "j <= i", "12 - j > 3 and doc[i] == doc[j]",
};

static void write_attention(dice *d, at_text *out) {
    const char *mask = masks[pick(d, 9)];
    block = (const int[]){2, 3, 4}[pick(d, 3)];
    at_text_addf(out, "fn f(q[i,d], k[i,d], v[i,e], keep[i]: bool, doc[i]: int) -> o[i,e], l[i] {\n"
                 "  axis j as i\n  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
                 "  p[i,j] = softmax[j where %s](s[i,j])\n  o[i,e] = sum[j](p[i,j] * v[j,e])\n"
                 "  l[i] = logsumexp[j where %s](s[i,j])\n}\n", mask, mask);
}

static void steps_without_elements_are_left_out(void **state) {
    (void)state;
    at_compile_options options = {.as_it_is = true};
    setenv("ATTEND_POISON", "1", 1);
    agree_compiled(write_attention, 1, &options, streamed);
    agree_compiled(write_attention, 16, &options, streamed);
    unsetenv("ATTEND_POISON");
}

static const char *plan_of(at_session *s, const char *text) {
    at_text dump = {0};
    at_compile_options options = {.stage = "plan", .as_it_is = true};
    at_compile(s, streamed(s, resolved(s, text)), &options, &dump);
    const char *copy = at_copy_text(s->arena, dump.data, dump.length);
    at_text_free(&dump);
    return copy;
}

static void expect(const char *guard, const char *line, bool found) {
    at_session *s = at_session_new((size_t)256 << 20);
    block = 4;
    const char *plan = plan_of(s, at_format(s->arena, "fn f(q[i,d], k[j,d]) -> y[i] = logsumexp["
                                            "j where %s](sum[d](q[i,d] * k[j,d]))", guard));
    if ((strstr(plan, line) != NULL) != found)
        tell(at_format(s->arena, "%s `%s` in\n%s", found ? "no" : "a", line, plan));
    at_session_free(s);
}

static void guards_say_where_a_scan_begins_and_ends(void **state) {
    (void)state;
    expect("j < 9", "to before", true);
    expect("j >= 9", "the first and from", true);
    expect("j <= i and i - j < 7", "from -((9 - i_first) // 4) to before (i_end - 1) // 4 + 1,",
           true);
    expect("i % 2 == j % 2", "the first", false);
    expect("i % 2 == j % 2", "to before", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_without_elements_are_left_out),
        cmocka_unit_test(guards_say_where_a_scan_begins_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
