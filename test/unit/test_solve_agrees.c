/* Sums with equality guards, drawn as programs, before and after their equations are solved: the
 * reference executor must give the same for both, at many extents, 0 and 1 among them. What fails
 * before (a read outside) may do anything after; what does not fail before may not fail after. */
#include "program_fixture.h"

#include "opt/opt.h"

enum { PROGRAMS = 1500, RUNS = 6 };

typedef struct {
    dice d;
    char text[4096];
    bool permutes;
} writer;

static void write_text(writer *w, const char *format, ...) {
    size_t length = strlen(w->text);
    va_list list;
    va_start(list, format);
    vsnprintf(w->text + length, sizeof w->text - length, format, list);
    va_end(list);
}

static const char *one_of(writer *w, int count, const char *const *words) {
    return words[pick(&w->d, count)];
}
#define ONE_OF(w, ...)                                                                             \
    one_of(w, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                       \
           (const char *[]){__VA_ARGS__})

/* ---- the parts of a guard -------------------------------------------------------------------- */

/* The sum is over i and j, which are open, h over 3, and n, which is declared; a and b are
 * outside. */

static void write_equation(writer *w) {
    int k = 1 + pick(&w->d, 4), m = pick(&w->d, 4);
    const char *x = ONE_OF(w, "i", "j", "h", "n"), *y = ONE_OF(w, "i", "j", "h");
    const char *a = ONE_OF(w, "a", "a", "b"), *sign = ONE_OF(w, "+", "-");
    switch (pick(&w->d, 22)) {
    case 0: write_text(w, "%s == %s", x, a); break;
    case 1: write_text(w, "%s %s %d == %s", x, sign, m, a); break;
    case 2: write_text(w, "%s == %d - %s", a, m, x); break;
    case 3: write_text(w, "%s * %d %s %s * %d == %s - %d", x, k, sign, y, m, a, m); break;
    case 4: write_text(w, "%d * i + h == a", 2 + pick(&w->d, 3)); break;
    case 5: write_text(w, "i * size(j) + j == a"); break;
    case 6: write_text(w, "(i * size(j) + j) * 3 + h == a"); break;
    case 7: write_text(w, "(h * size(i) + i) * size(j) + j == a - %d", m); break;
    case 8: write_text(w, "%s // %d == %s", x, k, a); break;
    case 9: write_text(w, "%s %% %d == %s", x, k, a); break;
    case 10: write_text(w, "i // %d == a and i %% %d == b", k, k); break;
    case 11: write_text(w, "i %% size(j) == b and i // size(j) == a"); break;
    case 12: write_text(w, "(i + j) // %d == a", k); break;
    case 13: write_text(w, "idx[i] == %s", a); break;
    case 14: write_text(w, "idx[i] %s j == %s", sign, a); break;
    case 15: write_text(w, "idx[i] * size(j) + j == a"); break;
    case 16: write_text(w, "idx[i] * 3 + h == a"); break;
    case 17: write_text(w, "i == ids[j]"); break;
    case 18: write_text(w, "%s", ONE_OF(w, "i == i + 1", "2 * i == 2 * a + 1", "i - j == a - j",
                                        "size(i) * j == a", "j * size(i) * 2 == a")); break;
    case 19: write_text(w, "perm[i] == %s", a); break;
    case 20: write_text(w, "%s", ONE_OF(w, "perm[i] + 1 == a", "rows[b,i] == a", "rows[j,i] == a",
                                        "perm[i - 1] == a", "back[i] == a", "rows[j,i] * 2 == a",
                                        "back[2 - i] == b")); break;
    default:
        write_text(w, "%s",
                   ONE_OF(w, "i >= 1 and idx[i - 1] == a", "i >= 1 and j == idx[i - 1]",
                          "i > a and i - idx[i - 1] == b", "i >= 1 and late[i] == j",
                          "i >= 1 and c[i,j] > 0 and j == late[i]", "j == idx[idx[i]]",
                          "i == a * j", "i * j == a", "idx[i] == idx[j]"));
        break;
    }
}

static void write_condition(writer *w) {
    write_text(w, "%s", ONE_OF(w, "i < 2", "c[i,j] > 0", "keep[i]", "j != i", "i >= a", "h != b",
                               "i >= 1 and idx[i - 1] > 0", "j <= a and v[a - j | 0] < 1", "n > 0",
                               "not keep[i]", "idx[i] >= 0", "i + 1 < size(i)", "a + b > 1",
                               "(i == a or j == b)", "v[i | 1] > v[j | 0]"));
}

static void write_body(writer *w) {
    write_text(w, "%s",
               ONE_OF(w, "c[i,j]", "c[i,j] * v[i | 0]", "c[i,j] * (1 + h)", "v[n | 0]",
                      "v[n + j | v[h | 2]]", "v[i - 1 | n]", "c[i,j] / (1 + b)",
                      "v[n | v[i | 1]] * v[j | 0]", "i + 10 * j + 100 * h", "p[i,j] * bad[j]",
                      "p[i,j]", "v[i // 2 | 0] + v[j | 0]", "sum[q where q == i](v[q])",
                      "v[idx[i] | 0] * c[i,j]", "if i > a then c[i,j] else v[n | 0]",
                      "sum[i](c[i,j])", "sum[a](v[a] * i)", "c[i,j] * v[i - 1]"));
}

static void write_program(writer *w) {
    w->text[0] = 0;
    write_text(
        w,
        "fn f(c[i,j], v[q], idx[i]: int, ids[j]: index i, keep[i]: bool, bad[j]) -> y[a,b] {\n"
        "  axis h = 3, n = %s, a = %s, b = %s\n",
        ONE_OF(w, "size(q) + 1", "size(i)", "4", "size(j) + size(i)"),
        ONE_OF(w, "size(i)", "size(i) * size(j)", "size(i) * size(j) * 3", "7", "size(q)",
               "size(i) + 2", "3 * size(i)"),
        ONE_OF(w, "2", "size(j)", "size(i)", "1"));
    write_text(
        w,
        "  perm[i] = argsort[i](idx[i])\n  back[i] = argsort[i](perm[i])\n  late[i] = idx[i - 1]\n"
        "  axis b2 as b\n  rows[b2,i] = argsort[i](v[(i * 5 + b2 * 3) %% 7 | i])\n"
        "  p[i,j] = softmax[j where j <= i](c[i,j])\n  y[a,b] = ");
    bool product = pick(&w->d, 3) == 0;
    if (product) write_text(w, "(0 / 0) * ");
    const char *over = ONE_OF(w, "i,j,h,n", "i,j,h,n", "n,h,j,i", "j,i,n,h");
    write_text(w, "sum[%s where ", over);
    int equations = 1 + pick(&w->d, 3), conditions = pick(&w->d, 3);
    bool first = true;
    while (equations + conditions > 0) {
        if (!first) write_text(w, " and ");
        first = false;
        if (pick(&w->d, equations + conditions) < equations) {
            write_equation(w);
            equations--;
        } else {
            write_condition(w);
            conditions--;
        }
    }
    write_text(w, "](");
    write_body(w);
    write_text(w, ")\n}\n");
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void choose_extents(at_session *s, const at_cascade *cascade, dice *d, int run,
                           int64_t **open) {
    static const int few[] = {0, 1, 2, 3, 5};
    *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++)
        (*open)[i] = run == 0 ? 3 : few[pick(d, 5)];
}

/* Extents and inputs of one run; gives whether the program works there. */
static bool compare(at_session *s, const at_cascade *before, const at_cascade *after, dice *d,
                    int run, const char *text) {
    int64_t *open;
    at_collection inputs;
    choose_extents(s, before, d, run, &open);
    at_results expected, found;
    bool works =
        give_drawn(s, before, open, d, &inputs) && run_program(s, before, &inputs, &expected);
    if (works) {
        s->diag_count = 0;
        bool still = run_program(s, after, &inputs, &found);
        const char *wrong = still ? difference(s, &found.outputs, &expected.outputs, false)
                                  : errors_of(s);
        if (wrong) tell(at_format(s->arena, "%s\n%s\nafter:\n%s", text, wrong, printed(s, after)));
        at_results_free(&found);
        at_results_free(&expected);
    }
    s->diag_count = 0;
    at_collection_free(&inputs);
    return works;
}

static void solved_sums_are_the_same_sums(void **state) {
    (void)state;
    int worked = 0, changed = 0;
    for (int seed = 0; seed < PROGRAMS; seed++) {
        writer w = {.d = {(uint64_t)seed}};
        write_program(&w);
        at_session *s = at_session_new((size_t)64 << 20);
        const at_cascade *before = resolved(s, w.text);
        const at_cascade *after = at_opt_equalities(s, before);
        at_ir_verify(s, after);
        changed += strcmp(printed(s, before), printed(s, after)) != 0;
        for (int run = 0; run < RUNS; run++) worked += compare(s, before, after, &w.d, run, w.text);
        at_session_free(s);
    }
    /* Most of what is drawn can be run, and is solved. */
    print_message("%d of %d changed, %d of %d worked\n", changed, PROGRAMS, worked,
                  PROGRAMS * RUNS);
    assert_true(2 * changed > PROGRAMS);
    assert_true(2 * worked > PROGRAMS * RUNS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solved_sums_are_the_same_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
