/* attend show: what a stage makes of a program. Each stage prints the structure that the next one
 * really takes, never a copy made for printing. */
#include "cli/cli.h"
#include "compile.h"
#include "grad/grad.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "stage", "NAME", "tree, cascade, grad, opt, plan, loop, tile or emit; cascade without it"},
    {0, "size", "n=5,…", "the extents of axes, where compiling needs them"},
    {0, "set", "name=value", "an option of the function"},
    {0, "training", NULL, "show the program as it is while training"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "show",
    .usage = "attend show FILE[:fn] [options]",
    .about = "Prints what a stage makes of a function. The cascade is the list of equations after all\n"
             "calls are written out; it is a program of the language itself.\n",
    .options = options,
    .examples = "  attend show attention.attn\n"
                "  attend show attention.attn:sliding_window --set w=4\n"
                "  attend show attention.attn --stage=emit > attention.c\n",
};

static const char *const stages[] = {"tree", "cascade", "grad", "opt", "plan", "loop", "tile", "emit"};
enum { STAGES = sizeof stages / sizeof *stages };

typedef struct {
    at_session *s;
    const char *operand, *stage;
    at_cli_pairs sizes, sets;
    at_resolve_options resolve;
    at_text text;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    if (strcmp(name, "size") == 0) return at_cli_pairs_add(&page, "--size", value, true, &r->sizes);
    if (strcmp(name, "set") == 0) return at_cli_pairs_add(&page, "--set", value, false, &r->sets);
    if (strcmp(name, "training") == 0) {
        r->resolve.training = true;
        return true;
    }
    for (int i = 0; i < STAGES; i++)
        if (strcmp(value, stages[i]) == 0) r->stage = stages[i];
    if (r->stage && strcmp(r->stage, value) == 0) return true;
    at_cli_misuse(&page, "there is no stage `%s`; they are tree, cascade, grad, opt, plan, loop, tile and emit",
                  value);
    return false;
}

static bool show(void *user) {
    request *r = user;
    at_session *s = r->s;
    const char *path = at_cli_split(s, r->operand, &r->resolve.function);
    const at_source *source = at_cli_source(s, path);
    if (!source) return false;
    if (strcmp(r->stage, "tree") == 0) {
        const at_file_tree *tree = at_parse(s, source);
        if (tree) at_show_tree(tree, &r->text);
        return tree != NULL;
    }
    r->resolve.library = at_cli_library(s);
    const at_program *program = at_load(s, source, r->resolve.library);
    const at_cascade *cascade = program ? at_resolve(s, program, &r->resolve) : NULL;
    if (!cascade) return false;
    bool expand = strcmp(r->stage, "cascade") != 0;
    if (expand) cascade = at_expand_grads(s, cascade);
    if (!cascade) return false;
    if (!expand || strcmp(r->stage, "grad") == 0) {
        at_ir_print(at_unshadowed(s, cascade), &r->text);
        return true;
    }
    const at_compile_options how = {.stage = r->stage};
    at_compile(s, cascade, &how, &r->text); /* stops at the stage, so there is no kernel */
    return s->diag_count == 0;
}

int at_cmd_show(int argc, char **argv) {
    request r = {0};
    int status, first = at_cli_parse(&page, argc, argv, take, &r, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "a file is missing");
    if (first + 1 < argc) return at_cli_misuse(&page, "one file at a time");
    r.s = at_cli_session();
    r.operand = argv[first];
    if (!r.stage) r.stage = "cascade";
    r.resolve.set_count = r.sets.names.count;
    r.resolve.set_names = r.sets.names.items;
    r.resolve.set_values = r.sets.values.items;
    if (!at_cli_sizes(&page, r.s, &r.sizes, &r.resolve)) status = AT_CLI_USAGE;
    else if (!at_guarded(r.s, show, &r)) status = AT_CLI_INPUT;
    at_cli_print(&r.text); /* what was printed before an error helps to see it */
    if (status == AT_CLI_INPUT) at_cli_report(r.s);
    at_text_free(&r.text);
    at_cli_session_end(r.s);
    return status;
}
