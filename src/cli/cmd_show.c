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
    .about =
        "Prints what a stage makes of a function. The cascade is the list of equations after all\n"
        "calls are written out; it is a program of the language itself.\n",
    .options = options,
    .examples = "  attend show attention.attn\n"
                "  attend show attention.attn:sliding_window --set w=4\n"
                "  attend show attention.attn --stage=emit > attention.c\n",
};

static const char *const stages[] = {"tree", "cascade", "grad", "opt",
                                     "plan", "loop",    "tile", "emit"};
enum { STAGES = sizeof stages / sizeof *stages };

typedef struct {
    at_cli_function function;
    const char *stage;
    at_text text;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    for (int i = 0; i < STAGES; i++)
        if (strcmp(value, stages[i]) == 0) r->stage = stages[i];
    if (strcmp(r->stage, value) == 0) return true;
    at_cli_misuse(
        &page,
        "there is no stage `%s`; they are tree, cascade, grad, opt, plan, loop, tile and emit",
        value);
    return false;
}

static bool show(void *user) {
    request *r = user;
    at_cli_function *f = &r->function;
    at_session *s = f->s;
    const at_source *source = at_cli_function_source(f);
    if (!source) return false;
    if (strcmp(r->stage, "tree") == 0) {
        const at_file_tree *tree = at_parse(s, source);
        if (tree) at_show_tree(tree, &r->text);
        return tree != NULL;
    }
    if (!at_cli_function_load(f, source)) return false;
    const at_cascade *cascade = at_resolve(s, f->program, &f->resolve);
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
    request r = {.stage = "cascade"};
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    bool good = at_guarded(r.function.s, show, &r);
    at_cli_print(&r.text); /* what was printed before an error helps to see it */
    at_text_free(&r.text);
    return at_cli_function_end(&r.function, good);
}
