/* Any text as a program: it is parsed, formatted, and each function resolved and printed; what is
 * formatted or printed must read back to itself. Nothing is run. */
#include "ir/ir.h"
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    at_session *s;
    const char *text;
    size_t length;
    at_text once, twice;
} attempt;

static bool same(const at_text *a, const at_text *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static bool format(void *user) {
    attempt *a = user;
    const at_source *source = at_make_source(a->s, "f.attn", a->text, a->length);
    const at_file_tree *tree = source ? at_parse(a->s, source) : NULL;
    if (!tree) return false;
    at_format_tree(tree, &a->once);
    source = at_make_source(a->s, "formatted", a->once.data ? a->once.data : "", a->once.length);
    tree = source ? at_parse(a->s, source) : NULL;
    if (!tree) abort();
    at_format_tree(tree, &a->twice);
    if (!same(&a->once, &a->twice)) abort();
    return true;
}

/* What was inlined can be longer than a file may be: a limit that is named, no mistake. */
static bool only_limits(const at_session *s, int count) {
    for (int i = count; i < s->diag_count; i++)
        if (at_code_blame(s->diags[i]->code) != AT_UNSUPPORTED) return false;
    return s->diag_count + s->diag_lost > count;
}

static void print_back(attempt *a, const at_cascade *cascade) {
    at_text once = {0}, twice = {0};
    int count = a->s->diag_count;
    at_ir_print(cascade, &once);
    const at_source *source =
        at_make_source(a->s, "printed", once.data ? once.data : "", once.length);
    const at_program *program = source ? at_load(a->s, source, NULL) : NULL;
    at_resolve_options options = {.function = cascade->name};
    const at_cascade *again = program ? at_resolve(a->s, program, &options) : NULL;
    if (!again && !only_limits(a->s, count)) abort();
    if (again) at_ir_print(again, &twice);
    if (again && !same(&once, &twice)) abort();
    at_text_free(&once);
    at_text_free(&twice);
}

static bool resolve(void *user) {
    attempt *a = user;
    const at_source *source = at_make_source(a->s, "f.attn", a->text, a->length);
    const at_program *program = source ? at_load(a->s, source, NULL) : NULL;
    if (!program) return false;
    const at_file_tree *tree = at_program_file(program);
    for (int i = 0; i < tree->count && i < 8; i++) {
        const at_definition *d = tree->items[i];
        if (d->tag != AT_D_FN && d->tag != AT_D_LAW) continue;
        at_resolve_options options = {.function = d->name};
        const at_cascade *cascade = at_resolve(a->s, program, &options);
        if (cascade) print_back(a, cascade);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attempt a = {.text = (const char *)data, .length = size};
    a.s = at_session_new((size_t)64 << 20);
    if (a.s && at_guarded(a.s, format, &a)) at_guarded(a.s, resolve, &a);
    at_text errors = {0};
    if (a.s) at_diags_render(a.s, true, &errors);
    at_text_free(&errors);
    at_text_free(&a.once);
    at_text_free(&a.twice);
    at_session_free(a.s);
    return 0;
}
