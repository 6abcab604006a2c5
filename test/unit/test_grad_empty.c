/* Derivatives where axes are empty or of one element: they have a value wherever their function has
 * one, and read back from their own text they give the same. On the functions of test/grad/, the
 * library and the zoo. */
#include "program_fixture.h"

#include "grad/grad.h"

#include <dirent.h>
#include <sys/stat.h>

static const char *const library[] = {"lib", "zoo/dense", "zoo/linear", "zoo/normaliser",
                                      "zoo/position", "zoo/sparse", "zoo/graph", NULL};

/* `least`: the smallest extent beside others. An array some of whose elements have no value (a
 * chunk that is not full) is read in front of sums that may be empty, so the zoo has no empty axis
 * beside others. */
typedef struct {
    int compared, least;
} tally;

static bool run_seeded(at_session *s, const at_cascade *c, const at_collection *inputs,
                       at_results *results) {
    at_call call = {.inputs = inputs, .threads = 1, .seed = 5, .memory_limit = 1 << 28};
    *results = (at_results){0};
    s->diag_count = 0;
    return at_ref_run(s, c, &call, results);
}

static bool is_finite(const at_collection *all) {
    for (int i = 0; i < all->count; i++)
        for (int64_t k = 0; k < all->items[i].tensor->count; k++)
            if (all->items[i].tensor->type == AT_TYPE_F64 &&
                !isfinite(((double *)all->items[i].tensor->data)[k]))
                return false;
    return true;
}

/* The extents that requirements equate: of a cotangent and its output. */
static void settle(const at_cascade *c, int64_t *open) {
    for (int i = 0; i < c->require_count; i++) {
        const at_expr *e = c->requires[i].condition;
        if (e->tag != AT_MAP || e->u.map.op != AT_OP_EQ || e->u.map.args[0]->tag != AT_SIZE)
            continue;
        const at_axis *axis = e->u.map.args[0]->u.axis;
        at_axis other = {.extent = e->u.map.args[1]};
        if (!axis->extent && !axis->like && axis->fixed < 0)
            open[axis->id] = at_extent(&other, open);
    }
}

static void compare(at_session *s, const char *what, const at_cascade *forward,
                    const at_cascade *derivative, const at_cascade *again, int run, tally *t) {
    dice d = {(uint64_t)run};
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, derivative->axis_count);
    for (int i = 0; i < derivative->axis_count; i++)
        open[i] = derivative->axes[i]->fixed >= 0 ? derivative->axes[i]->fixed
                  : run == 0                      ? 0
                  : run == 1                      ? 1
                                                  : t->least + pick(&d, 3);
    settle(derivative, open);
    at_collection inputs, own = {0};
    at_results value, slope, other;
    if (!give_drawn(s, derivative, open, &d, &inputs)) {
        at_collection_free(&inputs);
        return;
    }
    for (int i = 0; i < forward->input_count; i++) {
        const char *name = forward->inputs[i].array->name;
        at_tensor *given = at_collection_find(&inputs, name);
        at_collection_add(s, &own, name, at_tensor_convert(s, given, given->type, name));
    }
    if (run_seeded(s, forward, &own, &value)) {
        bool finite = is_finite(&value.outputs);
        if (!run_seeded(s, derivative, &inputs, &slope))
            tell(at_format(s->arena, "%s\n%s\n%s", what, errors_of(s), printed(s, derivative)));
        if (finite && !is_finite(&slope.outputs))
            tell(at_format(s->arena, "%s is not finite\n%s", what, printed(s, derivative)));
        const char *wrong = run_seeded(s, again, &inputs, &other)
                                ? difference(s, &other.outputs, &slope.outputs, false)
                                : errors_of(s);
        if (wrong) tell(at_format(s->arena, "%s\n%s\n%s", what, wrong, printed(s, derivative)));
        at_results_free(&other);
        at_results_free(&slope);
        at_results_free(&value);
        t->compared++;
    }
    at_collection_free(&inputs);
    at_collection_free(&own);
}

static void check_one(at_session *s, const char *what, const at_cascade *cascade, tally *t) {
    bool from = false, to = cascade->param_count > 0;
    for (int i = 0; i < cascade->output_count; i++)
        from |= cascade->outputs[i].array->kind == AT_REAL;
    for (int i = 0; i < cascade->input_count; i++) to |= cascade->inputs[i].array->kind == AT_REAL;
    if (!from || !to) return;
    const at_cascade *forward = at_expand_grads(s, cascade);
    const at_cascade *derivative = forward ? at_derivative(s, forward, NULL, false) : NULL;
    if (!derivative) tell(at_format(s->arena, "%s\n%s", what, errors_of(s)));
    at_ir_verify(s, derivative);
    at_session *second = at_session_new((size_t)256 << 20);
    const at_cascade *again = resolved(second, printed(s, derivative));
    for (int run = 0; run < 5; run++) compare(s, what, forward, derivative, again, run, t);
    at_session_free(second);
}

static void check_file(const char *path, tally *t) {
    at_session *names = at_session_new((size_t)64 << 20);
    const at_source *source = at_read_source(names, path);
    const at_file_tree *file = source ? at_parse(names, source) : NULL;
    for (int i = 0; file && i < file->count; i++) {
        const at_definition *def = file->items[i];
        if (def->tag != AT_D_FN) continue;
        at_session *s = at_session_new((size_t)256 << 20);
        const at_program *program = at_load(s, at_read_source(s, path), library);
        at_resolve_options options = {.function = def->name, .library = library};
        const at_cascade *cascade = program ? at_resolve(s, program, &options) : NULL;
        if (cascade && !is_large(s, cascade))
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

static void check_all(const char *folder, int extent, int least) {
    tally t = {.least = extent};
    check_folder(folder, &t);
    print_message("%s: %d compared\n", folder, t.compared);
    assert_true(t.compared >= least);
}

static void the_tests_of_derivatives(void **state) {
    (void)state;
    check_all("test/grad", 0, 80);
}

static void the_library(void **state) {
    (void)state;
    check_all("lib", 0, 200);
}

static void the_zoo(void **state) {
    (void)state;
    check_all("zoo", 1, 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tests_of_derivatives),
        cmocka_unit_test(the_library),
        cmocka_unit_test(the_zoo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
