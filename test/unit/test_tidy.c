/* Cascades tidied: the same results to the last bit, on every function and law of the language's own
 * tests, the library and the zoo; and nothing left that nobody needs. */
#include "program_fixture.h"

#include "form/form.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- what a tidy cascade must be --------------------------------------------------------------- */

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
    for (int i = 0; e->tag == AT_FOLD_NODE && i < e->u.fold.count; i++) use_axis(a, e->u.fold.axes[i]);
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
    for (int i = 0; st->tag == AT_NEXT && i < st->target->rank; i++) use_axis(a, st->u.next.axes[i]);
    for (int i = 0; st->tag == AT_ASSERT && i < st->u.assertion.count; i++)
        use_axis(a, st->u.assertion.axes[i]);
    return true;
}

/* What is in the cascade and used by nothing, or numbered wrongly; NULL when all is as it should be. */
static const char *superfluous(at_session *s, const at_cascade *c) {
    audit a = {c, AT_NEW_ARRAY(s->arena, bool, c->array_count), AT_NEW_ARRAY(s->arena, bool, c->axis_count),
               NULL};
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

/* ---- the same results --------------------------------------------------------------------------- */

typedef struct {
    int compared, failing;
} tally;

static bool run_either(at_session *s, const at_cascade *c, const at_collection *inputs, at_checks *checks,
                       at_results *results) {
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

static void compare(at_session *s, const char *what, const at_cascade *before, const at_cascade *after,
                    int extent, tally *t) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
    for (int i = 0; i < before->axis_count; i++)
        open[i] = before->axes[i]->fixed >= 0 ? before->axes[i]->fixed : extent + i % 2;
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
    for (int extent = 0; extent < 4; extent++) compare(s, what, before, after, extent, t);
    const at_cascade *again = read_back(s, what, after);
    compare(s, what, before, again, 2, t);
}

/* ---- every program of a folder ------------------------------------------------------------------- */

static void check_file(const char *path, tally *t) {
    static const char *const library[] = {"lib", "zoo/dense", "zoo/linear", "zoo/normaliser",
                                          "zoo/position", "zoo/sparse", NULL};
    at_session *names = at_session_new((size_t)64 << 20);
    const at_source *source = at_read_source(names, path);
    const at_file_tree *file = source ? at_parse(names, source) : NULL;
    for (int i = 0; file && i < file->count; i++) {
        const at_definition *def = file->items[i];
        if (def->tag != AT_D_FN && def->tag != AT_D_LAW) continue;
        at_session *s = at_session_new((size_t)256 << 20);
        const at_source *copy = at_read_source(s, path);
        const at_program *program = at_load(s, copy, library);
        at_resolve_options options = {.function = def->name, .library = library};
        const at_cascade *cascade = program ? at_resolve(s, program, &options) : NULL;
        bool derives = cascade && strstr(printed(s, cascade), "grad(");
        if (cascade && !derives)
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
        else if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".attn") == 0) check_file(path, t);
    }
    closedir(dir);
}

static void check_all(const char *folder, int least) {
    tally t = {0};
    check_folder(folder, &t);
    print_message("%s: %d compared, %d not run\n", folder, t.compared, t.failing);
    assert_true(t.compared >= least);
}

static void programs_of_the_language_mean_the_same(void **state) {
    (void)state;
    check_all("test/lang", 400);
}

static void the_library_means_the_same(void **state) {
    (void)state;
    check_all("lib", 100);
}

static void the_zoo_means_the_same(void **state) {
    (void)state;
    check_all("zoo", 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_of_the_language_mean_the_same),
        cmocka_unit_test(the_library_means_the_same),
        cmocka_unit_test(the_zoo_means_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
