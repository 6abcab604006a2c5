/* Cascades tidied: the same results to the last bit, on every function and law of the language's
 * own tests and the library and every function of the zoo; and nothing left that nobody needs. */
#include "program_fixture.h"

#include "form/form.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- what a tidy cascade must be ------------------------------------------------------------- */

typedef struct {
    const at_cascade *cascade;
    bool *arrays, *axes; /* used, by id */
    const char *wrong;
} audit;

static void use_axis(audit *a, const at_axis *axis) {
    if (a->axes[axis->id]) return;
    a->axes[axis->id] = true;
    if (a->cascade->axes[axis->id] != axis) a->wrong = axis->name;
    if (axis->like) use_axis(a, axis->like);
}

static bool use_node(void *user, const at_expr *e) {
    audit *a = user;
    if (e->tag == AT_READ) a->arrays[e->u.read.array->id] = true;
    if (e->tag == AT_SIZE || e->tag == AT_INDEX) use_axis(a, e->u.axis);
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++)
        use_axis(a, e->u.fold.axes[i]);
    return true;
}

static bool use_statement(void *user, const at_statement *st) {
    audit *a = user;
    at_walk_statement(st, use_node, a);
    for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
        const at_carried *c = &st->u.repeat.carried[k];
        a->arrays[c->before->id] = a->arrays[c->inside->id] = true;
        a->arrays[c->next->id] = a->arrays[c->after->id] = true;
    }
    /* The parts of one normaliser stay together. */
    for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
        if (st->u.keeping.count > 1) a->arrays[st->u.keeping.parts[k].target->id] = true;
    if (st->tag == AT_SCAN)
        for (int i = 0; i < st->u.scan.count; i++) use_axis(a, st->u.scan.axes[i]);
    if (st->tag == AT_REPEAT) use_axis(a, st->u.repeat.round);
    for (int i = 0; st->tag == AT_NEXT && i < st->target->rank; i++)
        use_axis(a, st->u.next.axes[i]);
    for (int i = 0; st->tag == AT_ASSERT && i < st->u.assertion.count; i++)
        use_axis(a, st->u.assertion.axes[i]);
    return true;
}

/* What is in the cascade and used by nothing, or numbered wrongly; NULL when all is as it should
 * be. */
static const char *superfluous(at_session *s, const at_cascade *c) {
    audit a = {c, AT_NEW_ARRAY(s->arena, bool, c->array_count),
               AT_NEW_ARRAY(s->arena, bool, c->axis_count), NULL};
    for (int i = 0; i < c->output_count; i++) a.arrays[c->outputs[i].array->id] = true;
    at_walk_block(&c->body, use_statement, &a);
    for (int i = 0; i < c->array_count; i++) {
        const at_array *array = c->arrays[i];
        bool given = array->role == AT_INPUT || array->role == AT_PARAM || array->role == AT_STATE;
        if (array->id != i || (!a.arrays[i] && !given))
            return at_format(s->arena, "array %s", array->name);
        for (int m = 0; m < array->rank; m++) use_axis(&a, array->axes[m]);
        if (array->inside) use_axis(&a, array->inside);
    }
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *axis = c->axes[i];
        if (axis->extent && a.axes[i]) at_walk(axis->extent, use_node, &a);
    }
    for (int i = 0; i < c->axis_count; i++)
        if (c->axes[i]->id != i || (!a.axes[i] && c->axes[i]->extent))
            return at_format(s->arena, "axis %s", c->axes[i]->name);
    return a.wrong;
}

/* ---- the same results ------------------------------------------------------------------------ */

typedef struct {
    int compared, failing;
    bool functions_only;
} tally;

static bool run_either(at_session *s, const at_cascade *c, const at_collection *inputs,
                       at_checks *checks, at_results *results) {
    at_call call = {.inputs = inputs, .threads = 1, .seed = 5, .run = 2, .memory_limit = 1 << 28};
    *results = (at_results){0};
    *checks = (at_checks){0};
    s->diag_count = 0;
    return c->law ? at_ref_check(s, c, &call, checks, results) : at_ref_run(s, c, &call, results);
}

static const char *other_checks(at_session *s, const at_checks *a, const at_checks *b) {
    if (a->count != b->count) return "another number of assertions";
    for (int i = 0; i < a->count; i++)
        if (a->items[i].holds != b->items[i].holds ||
            memcmp(&a->items[i].left, &b->items[i].left, sizeof(double)) != 0)
            return at_format(s->arena, "assertion %d: %.17g, was %.17g", i, a->items[i].left,
                             b->items[i].left);
    return NULL;
}

static void compare(at_session *s, const char *what, const at_cascade *before,
                    const at_cascade *after, int extent, tally *t) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
    for (int i = 0; i < before->axis_count; i++)
        open[i] = before->axes[i]->fixed >= 0 ? before->axes[i]->fixed
                                              : extent + (before->require_count == 0 && i % 2);
    dice d = {(uint64_t)extent};
    at_collection inputs;
    at_results expected, found;
    at_checks checks, others;
    if (!give_drawn(s, before, open, &d, &inputs) ||
        !run_either(s, before, &inputs, &checks, &expected)) {
        t->failing++;
    } else {
        const char *wrong = run_either(s, after, &inputs, &others, &found) ? NULL : errors_of(s);
        if (!wrong) wrong = difference(s, &found.outputs, &expected.outputs, true);
        if (!wrong) wrong = difference(s, &found.states, &expected.states, true);
        if (!wrong) wrong = other_checks(s, &others, &checks);
        if (wrong)
            tell(at_format(s->arena, "%s\n%s\nbefore:\n%s\nafter:\n%s", what, wrong,
                           printed(s, before), printed(s, after)));
        at_results_free(&found);
        at_results_free(&expected);
        t->compared++;
    }
    at_collection_free(&inputs);
}

/* The cascade that its own text gives. */
static const at_cascade *read_back(at_session *s, const char *what, const at_cascade *cascade) {
    const char *text = printed(s, cascade);
    const at_source *source = at_make_source(s, "printed.attn", text, strlen(text));
    const at_program *program = at_load(s, source, NULL);
    at_known_size sizes[16];
    at_resolve_options options = {.function = cascade->name, .sizes = sizes};
    for (int i = 0; i < cascade->axis_count && options.size_count < 16; i++)
        if (cascade->axes[i]->fixed >= 0)
            sizes[options.size_count++] =
                (at_known_size){cascade->axes[i]->name, cascade->axes[i]->fixed};
    const at_cascade *again = program ? at_resolve(s, program, &options) : NULL;
    if (!again) tell(at_format(s->arena, "%s\n%s\n%s", what, text, errors_of(s)));
    return again;
}

static void check_one(at_session *s, const char *what, const at_cascade *before, tally *t) {
    const at_cascade *after = at_tidy(s, before);
    at_ir_verify(s, after);
    const char *left = superfluous(s, after);
    if (left) tell(at_format(s->arena, "%s: %s is left over\n%s", what, left, printed(s, after)));
    for (int extent = 0; extent < 4; extent += 3) compare(s, what, before, after, extent, t);
    const at_cascade *again = read_back(s, what, after);
    compare(s, what, before, again, 2, t);
}

/* ---- every program of a folder --------------------------------------------------------------- */

static void check_file(const char *path, tally *t) {
    static const char *const library[] = {"lib", "zoo/dense", "zoo/linear", "zoo/normaliser",
                                          "zoo/position", "zoo/sparse", NULL};
    at_session *names = at_session_new((size_t)64 << 20);
    const at_source *source = at_read_source(names, path);
    const at_file_tree *file = source ? at_parse(names, source) : NULL;
    for (int i = 0; file && i < file->count; i++) {
        const at_definition *def = file->items[i];
        if (def->tag != AT_D_FN && (def->tag != AT_D_LAW || t->functions_only)) continue;
        at_session *s = at_session_new((size_t)256 << 20);
        const at_source *copy = at_read_source(s, path);
        const at_program *program = at_load(s, copy, library);
        at_resolve_options options = {.function = def->name, .library = library};
        const at_cascade *cascade = program ? at_resolve(s, program, &options) : NULL;
        bool derives = cascade && strstr(printed(s, cascade), "grad(");
        if (cascade && !derives && !is_large(s, cascade))
            check_one(s, at_format(s->arena, "%s:%s", path, def->name), cascade, t);
        at_session_free(s);
    }
    at_session_free(names);
}

static void check_folder(const char *folder, tally *t) {
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct stat about;
        if (entry->d_name[0] == '.' || stat(path, &about) != 0) continue;
        if (S_ISDIR(about.st_mode)) check_folder(path, t);
        else if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".attn") == 0)
            check_file(path, t);
    }
    closedir(dir);
}

static void check_all(const char *folder, bool functions_only, int least) {
    tally t = {.functions_only = functions_only};
    check_folder(folder, &t);
    print_message("%s: %d compared, %d not run\n", folder, t.compared, t.failing);
    assert_true(t.compared >= least);
}

static void programs_of_the_language_mean_the_same(void **state) {
    (void)state;
    check_all("test/lang", false, 400);
}

static void the_library_means_the_same(void **state) {
    (void)state;
    check_all("lib", false, 400);
}

static void the_zoo_means_the_same(void **state) {
    (void)state;
    check_all("zoo", true, 200);
}

/* ---- what becomes of it ---------------------------------------------------------------------- */

/* Pairs of a program's body and its tidied cascade's, each a line a statement. */
static void becomes(const char *header, const char *body, const char *expected) {
    at_session *s = at_session_new((size_t)16 << 20);
    const char *text = at_format(s->arena, "fn f(%s {\n%s}\n", header, body);
    const at_cascade *before = resolved(s, text);
    const char *found = strchr(printed(s, at_tidy(s, before)), '\n') + 1;
    const char *wanted = at_format(s->arena, "%s}\n", expected);
    if (strcmp(found, wanted) != 0)
        tell(at_format(s->arena, "%s\nbecomes\n%snot\n%s", text, found, wanted));
    tally t = {0};
    check_one(s, text, before, &t);
    assert_int_equal(t.failing, 0);
    at_session_free(s);
}

static void copies_are_read_through(void **state) {
    (void)state;
    becomes("x[n,m]) -> y[n]",
            "  a = x\n  b[m,n] = a[n,m]\n  c = b\n  y[n] = sum[m](c[m,n] * a[n,m])\n",
            "  y[n] = sum[m](x[n,m] * x[n,m])\n");
    becomes("x[t]) -> h[t]", "  scan t {\n    h[t] = x[t] + g[t-1 | 0]\n    g[t] = h[t]\n  }\n",
            "  scan t {\n    h[t] = x[t] + h[t - 1 | 0.0]\n  }\n");
    /* Not a copy: the diagonal, a part, another kind, beside an alternative. */
    becomes(
        "x[n,n2], p[n]: int) -> y[n]",
        "  require size(n2) == size(n)\n  a[n] = x[n,n]\n  b[n] = x[n,0]\n  c[n] = real(p[n])\n"
        "  axis l = size(n) + 1\n  d[l] = p[l | 7]\n  y[n] = a[n] + b[n] + c[n] + d[n]\n",
        "  axis l = size(n) + 1\n  require size(n2) == size(n)\n  a[n] = x[n,n]\n  b[n] = x[n,0]\n"
        "  c[n] = real(p[n])\n  d[l] = p[l | 7]\n  y[n] = a[n] + b[n] + c[n] + d[n]\n");
}

/* The zeros of a cotangent are structural, those of what it copies are not. */
static void a_copy_whose_zeros_are_structural_stays(void **state) {
    (void)state;
    becomes("x[n], w[n]) -> y[n]", "  cotangent d\n  d[n] = x[n]\n  y[n] = d[n] * w[n]\n",
            "  cotangent d\n  d[n] = x[n]\n  y[n] = d[n] * w[n]\n");
    becomes("x[n], w[n]) -> y[n]", "  cotangent x\n  d[n] = x[n]\n  y[n] = d[n] * w[n]\n",
            "  cotangent x\n  y[n] = x[n] * w[n]\n");
}

static void an_output_takes_the_name_of_what_it_copies(void **state) {
    (void)state;
    becomes("x[n,m]) -> y[m,n], z[n,m]", "  a = exp(x)\n  y[m,n] = a[n,m]\n  z = a + 1\n",
            "  y[m,n] = exp(x[n,m])\n  z[n,m] = y[m,n] + 1.0\n");
    /* Once: a second output copies the first. */
    becomes("x[n]) -> y[n], z[n]", "  a = exp(x)\n  y = a\n  z = a\n",
            "  y[n] = exp(x[n])\n  z[n] = y[n]\n");
    /* An input stays one. */
    becomes("x[n]) -> y[n]", "  y = x\n", "  y[n] = x[n]\n");
}

static void what_is_said_twice_is_said_once(void **state) {
    (void)state;
    becomes("x[n]) -> y[n]", "  a = exp(x)\n  b = exp(x)\n  y = a * b\n",
            "  a[n] = exp(x[n])\n  y[n] = a[n] * a[n]\n");
    becomes("x[n]) -> y[n], z[n]", "  a = exp(x)\n  b = exp(x)\n  y = a * b\n  z = b\n",
            "  a[n] = exp(x[n])\n  z[n] = exp(x[n])\n  y[n] = a[n] * z[n]\n");
}

static void what_nothing_needs_is_gone(void **state) {
    (void)state;
    becomes("x[n], w[m]) -> y[n]",
            "  axis k = size(m) + 1\n  dead[k] = w[k | 0]\n  more = sum[k](dead[k])\n  y = x + 1\n"
            "  late = more + sum[n](y[n])\n",
            "  y[n] = x[n] + 1.0\n");
    becomes(
        "x[n]) -> y[n]",
        "  y = x\n  z = x\n  repeat 3 {\n    y = y * 2\n    z = z * y\n  }\n  repeat 2 {\n    z = z + 1\n  }\n",
        "  axis round = 3\n  y[n] = x[n]\n  repeat round < 3 {\n    y[n] = y[n] * 2.0\n  }\n");
}

/* ---- names that mean two arrays -------------------------------------------------------------- */

static void what_a_repeat_begins_with_is_copied_where_it_is_read_later(void **state) {
    (void)state;
    becomes("x[n]) -> z[n]", "  a = x + 1\n  y = a\n  repeat 3 { a = a * 2 }\n  z = y + a\n",
            "  axis round = 3\n  a[n] = x[n] + 1.0\n  y[n] = a[n]\n  repeat round < 3 {\n"
            "    a[n] = a[n] * 2.0\n  }\n  z[n] = y[n] + a[n]\n");
    becomes("x[n]) -> z[n], x[n]", "  a = x\n  x = x * 2\n  z = a + x\n",
            "  a[n] = x[n]\n  x[n] = x[n] * 2.0\n  z[n] = a[n] + x[n]\n");
    becomes("x[n]) -> z[n], x[n]", "  a = x + 1\n  z = a * x\n  x = a\n",
            "  a[n] = x[n] + 1.0\n  z[n] = a[n] * x[n]\n  x[n] = a[n]\n");
}

/* What no program can say, a derivative can: a later read of what a repeat begins with. */
static void a_read_that_cannot_be_written_gets_a_copy(void **state) {
    (void)state;
    at_session *s = at_session_new((size_t)16 << 20);
    const at_cascade *c = resolved(
        s, "fn f(x[n]) -> z[n] {\n  a = x + 1\n  repeat 3 { a = a * 2 }\n  z = exp(a)\n}\n");
    const at_statement *repeat = c->body.items[1];
    assert_int_equal(repeat->tag, AT_REPEAT);
    at_statement *last = c->body.items[2];
    const at_array *before = repeat->u.repeat.carried[0].before;
    last->u.value = at_map_node(s, AT_OP_MUL, last->u.value, at_read_whole(s, before, last->span),
                                NULL, last->span);
    const at_cascade *tidy = at_tidy(s, c);
    at_ir_verify(s, tidy);
    assert_string_equal(printed(s, tidy),
                        "fn f(x[n]) -> z[n] {\n  axis round = 3\n  a[n] = x[n] + 1.0\n"
                        "  a.before[n] = a[n]\n  repeat round < 3 {\n    a[n] = a[n] * 2.0\n  }\n"
                        "  z[n] = exp(a[n]) * a.before[n]\n}\n");
    tally t = {0};
    check_one(s, "a read of what was before", c, &t);
    assert_int_equal(t.failing, 0);
    at_session_free(s);
}

/* ---- numbers in the place of adjoints -------------------------------------------------------- */

static void adjoints_that_are_numbers_are_gone(void **state) {
    (void)state;
    becomes(
        "x[n], w[n]) -> y[n], z",
        "  cotangent d, e\n  d[n] = 0.0\n  e[n] = d[n] * exp(w[n])\n  y[n] = x[n] + e[n] * w[n]\n"
        "  z = sum[n](e[n] * x[n])\n",
        "  y[n] = x[n]\n  z = 0.0\n");
    becomes("x[n], w[n]) -> y[n]", "  cotangent d\n  d[n] = 1.0\n  y[n] = d[n] * x[n] + 0.0\n",
            "  y[n] = x[n] + 0.0\n");
}

/* Times infinity a 0 that somebody wrote is NaN, and stays. */
static void a_zero_that_is_written_stays(void **state) {
    (void)state;
    becomes("x[n]) -> y[n]",
            "  cotangent d\n  d[n] = 0.0\n  y[n] = d[n] * 3 + 0.0 * exp(1000 * x[n])\n",
            "  y[n] = 0.0 * exp(1000.0 * x[n])\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_read_through),
        cmocka_unit_test(a_copy_whose_zeros_are_structural_stays),
        cmocka_unit_test(an_output_takes_the_name_of_what_it_copies),
        cmocka_unit_test(what_is_said_twice_is_said_once),
        cmocka_unit_test(what_nothing_needs_is_gone),
        cmocka_unit_test(what_a_repeat_begins_with_is_copied_where_it_is_read_later),
        cmocka_unit_test(a_read_that_cannot_be_written_gets_a_copy),
        cmocka_unit_test(adjoints_that_are_numbers_are_gone),
        cmocka_unit_test(a_zero_that_is_written_stays),
        cmocka_unit_test(programs_of_the_language_mean_the_same),
        cmocka_unit_test(the_library_means_the_same),
        cmocka_unit_test(the_zoo_means_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
