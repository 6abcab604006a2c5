/* attend grad: a function's derivative as a program of the language. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"
#include "compile.h"
#include "grad/grad.h"

#include <string.h>

static const at_cli_option options[] = {
    {0, "wrt", "q,w,…", "by these inputs and parameters only; all of them without it"},
    {0, "outputs", NULL, "give the function's own outputs as well"},
    {0, "size", "n=5,…", "the extents of axes, where compiling needs them"},
    {0, "set", "name=value", "an option of the function"},
    {0, "training", NULL, "the program as it is while training"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "grad",
    .usage = "attend grad FILE[:fn] [options]",
    .about =
        "Prints the derivative of a function as a program. For each output `o` it takes an input `do`,\n"
        "how much a loss changes with it, and for each input and parameter `q` it gives `dq`.\n",
    .options = options,
    .examples = "  attend grad attention.attn\n"
                "  attend grad attention.attn --wrt q,k > attention_derivative.attn\n",
};

typedef struct {
    at_session *s;
    const char *operand;
    at_cli_pairs sizes, sets;
    at_cli_list wrt;
    bool outputs;
    at_resolve_options resolve;
    at_text text;
} request;

static void add_names(at_cli_list *list, const char *text) {
    char *copy = strdup(text), *rest = copy;
    for (char *name; copy && (name = strsep(&rest, ",")) != NULL;)
        if (*name) at_cli_list_add(list, name);
    /* The list keeps the names until the command ends. */
}

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    if (strcmp(name, "size") == 0) return at_cli_pairs_add(&page, "--size", value, true, &r->sizes);
    if (strcmp(name, "set") == 0) return at_cli_pairs_add(&page, "--set", value, false, &r->sets);
    if (strcmp(name, "wrt") == 0) add_names(&r->wrt, value);
    if (strcmp(name, "outputs") == 0) r->outputs = true;
    if (strcmp(name, "training") == 0) r->resolve.training = true;
    return true;
}

/* A cascade prints on long lines; the formatter breaks them. */
static bool print(request *r, const at_cascade *cascade) {
    at_text raw = {0};
    at_ir_print(cascade, &raw);
    const at_source *source =
        at_make_source(r->s, "(the derivative)", raw.data ? raw.data : "", raw.length);
    const at_file_tree *tree = source ? at_parse(r->s, source) : NULL;
    if (tree) at_format_tree(tree, &r->text);
    else at_text_add_n(&r->text, raw.data, raw.length);
    at_text_free(&raw);
    return tree != NULL;
}

static bool derive(void *user) {
    request *r = user;
    at_session *s = r->s;
    const char *path = at_cli_split(s, r->operand, &r->resolve.function);
    const at_source *source = at_cli_source(s, path);
    if (!source) return false;
    r->resolve.library = at_cli_library(s);
    const at_program *program = at_load(s, source, r->resolve.library);
    const at_cascade *cascade = program ? at_cascade_make(s, program, &r->resolve) : NULL;
    if (!cascade) return false;
    const char **wrt = NULL;
    if (r->wrt.count) {
        wrt = AT_NEW_ARRAY(s->arena, const char *, r->wrt.count + 1);
        at_move(wrt, r->wrt.items, sizeof *wrt * (size_t)r->wrt.count);
    }
    const at_cascade *derivative = at_derivative(s, cascade, wrt, r->outputs);
    if (!derivative) return false;
    at_ir_verify(s, derivative);
    return print(r, derivative);
}

int at_cmd_grad(int argc, char **argv) {
    request r = {0};
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
    else if (!at_guarded(r.s, derive, &r)) status = AT_CLI_INPUT;
    if (status == AT_CLI_GOOD) at_cli_print(&r.text);
    else if (status == AT_CLI_INPUT) at_cli_report(r.s);
    at_text_free(&r.text);
    at_cli_session_end(r.s);
    return status;
}
