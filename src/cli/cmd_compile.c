/* attend compile: a function as a C file that needs nothing of ours. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"
#include "compile.h"
#include "emit/module.h"
#include "grad/grad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const at_cli_option options[] = {
    {'o', "out", "FILE.c", "where the C goes; `-` is the standard output"},
    {0, "header", "FILE.h", "where its declarations go, for C and C++"},
    {0, "name", "NAME", "how the C function is called; as the program's without it"},
    {0, "dtype", "TYPE", "how reals are stored: f64, f32, bf16 or f16; f64 without it"},
    {0, "target", "NAME",
     "the processors that the flags in the file's first lines are for: portable,\n"
     "avx2, avx512 or native; portable without it. The C is the same for all"},
    {0, "grad", NULL, "the function's derivative: cotangents in, gradients out"},
    {0, "wrt", "q,w,…", "with --grad: by these inputs and parameters only"},
    {0, "outputs", NULL, "with --grad: give the function's own outputs as well"},
    {0, "size", "n=5,…", "the extents of axes, where compiling needs them"},
    {0, "set", "name=value", "an option of the function"},
    {0, "training", NULL, "the program as it is while training"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "compile",
    .usage = "attend compile FILE[:fn] -o FILE.c [options]",
    .about =
        "Writes a function as C11 that stands alone: it needs a C library and nothing of attend. The C\n"
        "function takes sizes, arrays with their strides, a workspace and a number of threads; the file\n"
        "says how it is called. Threads need -fopenmp.\n",
    .options = options,
    .examples = "  attend compile attention.attn -o attention.c --header attention.h\n"
                "  attend compile attention.attn --grad --dtype f32 -o attention_gradient.c\n",
};

typedef struct {
    at_cli_function function;
    const char *out, *header, *name, *target, *wrt;
    at_type type;
    bool grad, outputs;
    at_text source_text, header_text;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    bool good = true;
    if (at_cli_function_take(&page, &r->function, name, value, &good)) return good;
    if (strcmp(name, "dtype") == 0) {
        r->type = at_cli_real_type(&page, value);
        return r->type != AT_TYPE_BOOL;
    }
    if (strcmp(name, "out") == 0) r->out = value;
    else if (strcmp(name, "header") == 0) r->header = value;
    else if (strcmp(name, "name") == 0) r->name = value;
    else if (strcmp(name, "target") == 0) r->target = value;
    else if (strcmp(name, "wrt") == 0) r->wrt = value;
    else if (strcmp(name, "grad") == 0) r->grad = true;
    else if (strcmp(name, "outputs") == 0) r->outputs = true;
    return true;
}

/* "q,w" as at_derivative takes it; NULL: all. */
static const char *const *wanted(request *r) {
    if (!r->wrt) return NULL;
    const char **names = AT_NEW_ARRAY(r->function.s->arena, const char *, strlen(r->wrt) + 2);
    int count = 0;
    for (const char *at = r->wrt; *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (length) names[count++] = at_copy_text(r->function.s->arena, at, length);
        at += length;
    }
    return names;
}

/* The function's name in C; its own, with `_` for what C does not have. */
static const char *c_name(request *r, const at_cascade *cascade) {
    at_names names = {r->function.s, {0}, {0}};
    return r->name ? r->name : at_c_function_name(&names, cascade->name);
}

static bool check_name(request *r) {
    if (!r->name) return true;
    at_names names = {r->function.s, {0}, {0}};
    const char *plain = at_c_function_name(&names, r->name);
    if (strcmp(plain, r->name) == 0) return true;
    at_diag *diag = at_error(r->function.s, AT_E_MODULE_NAME, at_no_span(),
                             "a C function cannot be called `%s` here", r->name);
    at_hint(r->function.s, diag, "--name %s can be", plain);
    return false;
}

static bool make(void *user) {
    request *r = user;
    at_cli_function *f = &r->function;
    at_session *s = f->s;
    const at_source *source = at_cli_function_source(f);
    if (!source || !check_name(r)) return false;
    const char *flags = at_target_flags(s, r->target ? r->target : "portable");
    if (!flags || !at_cli_function_load(f, source)) return false;
    const at_cascade *cascade = at_cascade_make(s, f->program, &f->resolve);
    if (cascade && r->grad) cascade = at_derivative(s, cascade, wanted(r), r->outputs);
    const at_tile_program *tiles = cascade ? at_compile_tiles(s, cascade) : NULL;
    if (!tiles) return false;
    at_module_options module = {.name = c_name(r, cascade), .type = r->type, .flags = flags,
                                .header = r->header != NULL};
    return at_emit_module(s, tiles, &module, &r->source_text, &r->header_text);
}

static bool write_text(void *file, void *user) {
    const at_text *text = user;
    return fwrite(text->data, 1, text->length, file) == text->length;
}

static bool write_files(request *r) {
    if (r->source_text.failed || r->header_text.failed) {
        at_error(r->function.s, AT_E_MEMORY, at_no_span(), "no memory is left to write the C file");
        return false;
    }
    if (r->header && !at_write_file(r->function.s, r->header, write_text, &r->header_text))
        return false;
    if (strcmp(r->out, "-") != 0)
        return at_write_file(r->function.s, r->out, write_text, &r->source_text);
    at_cli_print(&r->source_text);
    return true;
}

static bool run(void *user) { return make(user) && write_files(user); }

int at_cmd_compile(int argc, char **argv) {
    request r = {.type = AT_TYPE_F64};
    int status;
    if (!at_cli_function_begin(&page, argc, argv, take, &r, &r.function, &status)) return status;
    if (!r.out) status = at_cli_misuse(&page, "where does the C go? Name a file by -o, or `-`");
    else if (!r.grad && (r.wrt || r.outputs))
        status = at_cli_misuse(&page, "--%s goes with --grad", r.wrt ? "wrt" : "outputs");
    if (status != AT_CLI_GOOD) {
        at_cli_session_end(r.function.s);
        return status;
    }
    bool good = at_guarded(r.function.s, run, &r);
    at_text_free(&r.source_text);
    at_text_free(&r.header_text);
    return at_cli_function_end(&r.function, good);
}
