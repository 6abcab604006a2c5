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
    at_cli_function function;
    at_cli_list wrt;
    bool outputs;
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
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    if (strcmp(name, "wrt") == 0) add_names(&r->wrt, value);
    if (strcmp(name, "outputs") == 0) r->outputs = true;
    return true;
}

/* A cascade prints on long lines; the formatter breaks them. */
static bool print(request *r, const at_cascade *cascade) {
    at_text raw = {0};
    at_ir_print(cascade, &raw);
    const at_source *source =
        at_make_source(r->function.s, "(the derivative)", raw.data ? raw.data : "", raw.length);
    const at_file_tree *tree = source ? at_parse(r->function.s, source) : NULL;
    if (tree) at_format_tree(tree, &r->text);
    else at_text_add_n(&r->text, raw.data, raw.length);
    at_text_free(&raw);
    return tree != NULL;
}

static bool derive(void *user) {
    request *r = user;
    at_cli_function *f = &r->function;
    at_session *s = f->s;
    if (!at_cli_function_load(f, at_cli_function_source(f))) return false;
    const at_cascade *cascade = at_cascade_make(s, f->program, &f->resolve);
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
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    bool good = at_guarded(r.function.s, derive, &r);
    if (good) at_cli_print(&r.text);
    at_text_free(&r.text);
    return at_cli_function_end(&r.function, good);
}
