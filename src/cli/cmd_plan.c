/* attend plan: what the compiled code of a function does and stores: its passes with operations and
 * bytes, counted for the sizes that are given, and its arrays; or, with --why-not, what it does not
 * do. */
#include "cli/plan_report.h"
#include "compile.h"
#include "grad/grad.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "size", "n=512,…", "extents of the inputs' axes; formulas without all of them"},
    {0, "set", "name=value", "an option of the function"},
    {0, "dtype", "NAME", "f64 (the default), f32, bf16 or f16"},
    {0, "threads", "N", "the workspace of a run with so many threads; 1 without it"},
    {0, "grad", NULL, "the plan of the function's derivative"},
    {0, "training", NULL, "the program as it is while training"},
    {0, "why-not", "KIND", "instead of the plan, why something was not done: fuse, factor or skip"},
    {0, "json", NULL, "print the plan, or the reasons, as JSON"},
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
                "  attend plan attention.attn --grad\n"
                "  attend plan attention.attn --why-not fuse\n",
};

typedef struct {
    at_cli_function function;
    const char *dtype;
    bool grad, json;
    at_reason_kind why_not; /* AT_REASON_KINDS: the plan is wanted */
    int64_t threads;
    const at_plan_report *report;
} request;

static bool take_kind(request *r, const char *value) {
    for (r->why_not = 0; r->why_not < AT_REASON_KINDS; r->why_not++)
        if (strcmp(value, at_reason_kind_text(r->why_not)) == 0) return true;
    at_cli_misuse(&page, "--why-not takes fuse, factor and skip, not `%s`", value);
    return false;
}

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    if (strcmp(name, "why-not") == 0) return take_kind(r, value);
    if (strcmp(name, "threads") == 0)
        return at_cli_number(&page, "--threads", value, 1, 64, &r->threads);
    if (strcmp(name, "grad") == 0) r->grad = true;
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
    at_cli_function *f = &r->function;
    at_session *s = f->s;
    const at_definition *definition = at_cli_function_load(f, at_cli_function_source(f));
    if (!definition) return false;
    const at_cascade *cascade = at_cascade_make(s, f->program, &f->resolve);
    if (cascade && r->grad) cascade = at_derivative(s, cascade, NULL, false);
    if (!cascade) return false;
    const at_compile_options how = {.type = at_cli_real_type(&page, r->dtype)};
    if (r->why_not < AT_REASON_KINDS) at_reasons_keep(s);
    const at_plan *plan = at_compile_plan(s, cascade, &how);
    if (!plan) return false;
    const at_loop_program *loops = at_loop_make(s, plan);
    int64_t *extents;
    const char *missing;
    if (!at_cli_extents(s, definition, plan->cascade, &f->resolve, &extents, &missing))
        return false;
    r->report = at_plan_report_make(s, loops, r->dtype, (int)r->threads,
                                    missing ? NULL : extents);
    return true;
}

static void print_report(const request *r) {
    bool why = r->why_not < AT_REASON_KINDS;
    if (r->json) {
        at_cli_print_json(why ? at_plan_reasons_json(r->report, r->why_not)
                              : at_plan_report_json(r->report));
        return;
    }
    at_text text = {0};
    if (why) at_plan_reasons_text(r->report, r->why_not, &text);
    else at_plan_report_text(r->report, &text);
    at_cli_print(&text);
    at_text_free(&text);
}

int at_cmd_plan(int argc, char **argv) {
    request r = {.dtype = "f64", .threads = 1, .why_not = AT_REASON_KINDS};
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    bool good = at_guarded(r.function.s, make_plan, &r);
    if (good) print_report(&r);
    return at_cli_function_end(&r.function, good);
}
