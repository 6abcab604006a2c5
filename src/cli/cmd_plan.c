/* attend plan: what the compiled code of a function does and stores: its passes with operations and
 * bytes, counted for the sizes that are given, and its arrays. */
#include "cli/plan_report.h"
#include "compile.h"
#include "grad/grad.h"
#include "opt/opt.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "size", "n=512,…", "extents of the inputs' axes; formulas without all of them"},
    {0, "set", "name=value", "an option of the function"},
    {0, "dtype", "NAME", "f64 (the default), f32, bf16 or f16"},
    {0, "threads", "N", "the workspace of a run with so many threads; 1 without it"},
    {0, "grad", NULL, "the plan of the function's derivative"},
    {0, "training", NULL, "the program as it is while training"},
    {0, "json", NULL, "print the plan as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "plan",
    .usage = "attend plan FILE[:fn] [options]",
    .about =
        "Prints what the compiled code of a function does: its passes, what each reads and writes, its\n"
        "operations on reals (exp and + alike) and the bytes of the arrays it touches, and all arrays\n"
        "that are stored. Conditions over indices are counted exactly; where data decide, the count\n"
        "is the largest that can be, and is marked `at most`.\n",
    .options = options,
    .examples = "  attend plan attention.attn --size i=512,j=512,d=64,e=64\n"
                "  attend plan attention.attn --grad\n",
};

typedef struct {
    at_session *s;
    const char *operand, *dtype;
    at_cli_pairs sizes, sets;
    bool grad, json;
    int64_t threads;
    at_resolve_options resolve;
    const at_plan_report *report;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    if (strcmp(name, "size") == 0) return at_cli_pairs_add(&page, "--size", value, true, &r->sizes);
    if (strcmp(name, "set") == 0) return at_cli_pairs_add(&page, "--set", value, false, &r->sets);
    if (strcmp(name, "threads") == 0)
        return at_cli_number(&page, "--threads", value, 1, 64, &r->threads);
    if (strcmp(name, "grad") == 0) r->grad = true;
    if (strcmp(name, "training") == 0) r->resolve.training = true;
    if (strcmp(name, "json") == 0) r->json = true;
    if (strcmp(name, "dtype") != 0) return true;
    r->dtype = value;
    if (strcmp(value, "f64") == 0 || strcmp(value, "f32") == 0 || strcmp(value, "bf16") == 0 ||
        strcmp(value, "f16") == 0)
        return true;
    at_cli_misuse(&page, "there is no dtype `%s`; there are f64, f32, bf16 and f16", value);
    return false;
}

static bool make_plan(void *user) {
    request *r = user;
    at_session *s = r->s;
    const char *path = at_cli_split(s, r->operand, &r->resolve.function);
    const at_source *source = at_cli_source(s, path);
    if (!source) return false;
    r->resolve.library = at_cli_library(s);
    const at_program *program = at_load(s, source, r->resolve.library);
    const at_definition *definition =
        program ? at_program_find(s, program, r->resolve.function) : NULL;
    if (!definition) return false;
    const at_cascade *cascade = at_cascade_make(s, program, &r->resolve);
    if (cascade && r->grad) cascade = at_derivative(s, cascade, NULL, false);
    if (!cascade) return false;
    const at_plan *plan = at_plan_make(s, at_optimize(s, cascade));
    const at_loop_program *loops = at_loop_make(s, plan);
    int64_t *extents;
    const char *missing;
    if (!at_cli_extents(s, definition, plan->cascade, &r->resolve, &extents, &missing)) return false;
    r->report = at_plan_report_make(s, loops, r->dtype, (int)r->threads,
                                     missing ? NULL : extents);
    return true;
}

static void print_report(const request *r) {
    if (r->json) {
        at_cli_print_json(at_plan_report_json(r->report));
        return;
    }
    at_text text = {0};
    at_plan_report_text(r->report, &text);
    at_cli_print(&text);
    at_text_free(&text);
}

int at_cmd_plan(int argc, char **argv) {
    request r = {.dtype = "f64", .threads = 1};
    int status, first = at_cli_parse(&page, argc, argv, take, &r, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "a file is missing");
    if (first + 1 < argc) return at_cli_misuse(&page, "one file at a time");
    r.s = at_cli_session();
    r.operand = argv[first];
    r.resolve.set_count = r.sets.names.count;
    r.resolve.set_names = r.sets.names.items;
    r.resolve.set_values = r.sets.values.items;
    if (!at_cli_sizes(&page, r.s, &r.sizes, &r.resolve)) status = AT_CLI_USAGE;
    else if (!at_guarded(r.s, make_plan, &r)) status = AT_CLI_INPUT;
    if (status == AT_CLI_GOOD) print_report(&r);
    else if (status == AT_CLI_INPUT) at_cli_report(r.s);
    at_cli_session_end(r.s);
    return status;
}
