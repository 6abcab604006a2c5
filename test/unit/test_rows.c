/* Running folds, argsort and topk of rows in which elements fail, against the reference: the same
 * outputs, or the same mistake in the same words, with one thread and with several. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "compile.h"

enum { EQUATIONS = 5 };

static const char *value(dice *d, bool whole) {
    static const char *const reals[] = {"x[i,j,k]", "x[at[i],j,k]", "x[i,j,k] / x[i,k,j]",
                                        "x[i,j,at[i] + k]", "real(at[j]) - x[i,j,k]"};
    static const char *const ints[] = {"at[j]", "at[j] * at[k]", "at[at[i]]", "k - j",
                                       "ipow(at[j], 3)", "at[i] // at[j]"};
    return whole ? ints[pick(d, 6)] : reals[pick(d, 5)];
}

static const char *guard(dice *d) {
    static const char *const guards[] = {"", "", " where j <= k", " where at[j] > 0",
                                         " where x[i,j,k] > 0 and k != 1",
                                         " where at[at[j]] < 2"};
    return guards[pick(d, 6)];
}

static void write_row(dice *d, int number, at_text *out) {
    static const char *const running[] = {"cumsum", "cumprod", "cummax", "cummin"};
    static const char *const bound[] = {"j", "k", "j down", "k down", "j,k", "k,j", "k down, j",
                                        "i", "i down"};
    int which = pick(d, 6);
    bool whole = pick(d, 2);
    const char *axes = bound[pick(d, 9)];
    if (which < 4) {
        at_text_addf(out, "  r%d[i,j,k] = %s[%s%s](%s)\n", number, running[which], axes, guard(d),
                     value(d, whole));
    } else {
        static const char *const plain[] = {"j", "k", "j,k", "i"};
        int over = pick(d, 4);
        if (which == 4)
            at_text_addf(out, "  r%d[i,j,k] = argsort[%s%s](%s)\n", number, plain[over], guard(d),
                         value(d, whole));
        else
            at_text_addf(out, "  t%d[i,j,r] = topk[k%s](%s)\n  r%d[i,j,k] = t%d[i,j,%s]\n", number,
                         guard(d), value(d, whole), number, number, pick(d, 2) ? "0" : "k % 2");
    }
}

/* Of each row some elements are needed, others not. */
static void write_program(dice *d, at_text *out) {
    static const char *const needed[] = {"true", "k == 0", "j > 0 and k > 0", "at[j] > 0", "i < 1"};
    at_text_add(out, "fn f(x[i,j,k], at[n]: int) -> ");
    int shown = EQUATIONS;
    for (int i = 0; i < shown; i++) at_text_addf(out, "%sy%d[i,j,k]", i ? ", " : "", i);
    at_text_add(out, " {\n  axis r = 2\n  require size(i) == size(n) and size(j) == size(n) and "
                     "size(k) == size(n)\n");
    for (int i = 0; i < EQUATIONS; i++) {
        write_row(d, i, out);
        at_text_addf(out, "  y%d[i,j,k] = if %s then r%d[i,j,k] else 7\n", i, needed[pick(d, 5)],
                     i);
    }
    at_text_add(out, "}\n");
}

/* What was told; then it is forgotten, as a session holds few errors. */
static const char *told(at_session *s) {
    const char *message = s->diag_count ? s->diags[0]->message : "";
    s->diag_count = 0;
    return message;
}

static void compare(at_session *s, const at_cascade *cascade, const at_kernel *kernel, dice *d,
                    int most, const char *text) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count), size = pick(d, most);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = size;
    at_collection inputs;
    if (!give_drawn(s, cascade, open, d, &inputs)) fail_msg("no inputs");
    at_call call = {.inputs = &inputs, .threads = 1};
    at_results expected = {0};
    bool works = at_ref_run(s, cascade, &call, &expected);
    const char *said = told(s);
    for (call.threads = 1; call.threads < 4; call.threads += 2) {
        at_results found = {0};
        bool good = at_kernel_run(s, kernel, &call, &found);
        const char *says = told(s);
        if (good != works) tell(at_format(s->arena, "%s%s: %s%s", text, works ? "works" : "fails",
                                          said, says));
        const char *wrong = works ? difference(s, &found.outputs, &expected.outputs, false) : NULL;
        if (wrong) tell(at_format(s->arena, "%s%s", text, wrong));
        if (strcmp(said, says) != 0) tell(at_format(s->arena, "%s%s\n%s", text, said, says));
        at_results_free(&found);
    }
    at_results_free(&expected);
    at_collection_free(&inputs);
}

static void rows_agree(void **state) {
    (void)state;
    dice d = {77};
    for (int round = 0; round < 6; round++) {
        at_session *s = at_session_new((size_t)256 << 20);
        at_text text = {0};
        write_program(&d, &text);
        const at_cascade *cascade = resolved(s, text.data);
        at_kernel *kernel = at_compile(s, cascade, NULL, NULL);
        if (!kernel) fail_msg("%s\n%s", text.data, errors_of(s));
        for (int run = 0; run < 15; run++) compare(s, cascade, kernel, &d, 5, text.data);
        at_kernel_free(kernel);
        at_text_free(&text);
        at_session_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
