/* attend check, the part on printing: what is printed of a function, and of its derivative, is a
 * program and can be read back. Where it cannot, attend is wrong, not the program. */
#include "cli/cli.h"
#include "grad/grad.h"

#include <stdio.h>
#include <string.h>

/* Whether all errors since `count` name a limit: what was inlined can be longer than a file may
 * be. */
static bool only_limits(const at_session *s, int count) {
    for (int i = count; i < s->diag_count; i++)
        if (at_code_blame(s->diags[i]->code) != AT_UNSUPPORTED) return false;
    return s->diag_count > count;
}

static void tell(at_session *s, at_cli_back *back, const at_cascade *cascade, const at_text *once,
                 const at_text *twice) {
    back->bug = true;
    at_cli_report(s);
    at_cli_bug("%s: the cascade of `%s` %s", back->path, cascade->name,
               twice->data ? "prints differently when it is read back" : "cannot be read back");
    if (twice->data) fprintf(stderr, "--- first\n%s--- second\n%s", once->data, twice->data);
}

bool at_cli_reads_back(at_session *s, at_cli_back *back, const at_cascade *cascade, bool exactly) {
    int count = s->diag_count, lost = s->diag_lost;
    at_text once = {0}, twice = {0};
    at_ir_print(cascade, &once);
    const char *name = at_format(s->arena, "(`%s` as printed)", cascade->name);
    const at_source *source = at_make_source(s, name, once.data ? once.data : "", once.length);
    const at_program *program = source ? at_load(s, source, back->resolve->library) : NULL;
    at_resolve_options again = *back->resolve;
    again.function = cascade->name;
    again.set_count = 0;
    const at_cascade *copy = program ? at_resolve(s, program, &again) : NULL;
    if (copy) at_ir_print(copy, &twice);
    bool alike = copy && once.length == twice.length &&
                 memcmp(once.data, twice.data, once.length) == 0;
    bool good = exactly ? alike : copy != NULL;
    if (!copy && only_limits(s, count)) {
        s->diag_count = count;
        s->diag_lost = lost;
        good = true;
    } else if (!good) {
        tell(s, back, cascade, &once, &twice);
    }
    at_text_free(&once);
    at_text_free(&twice);
    return good;
}

bool at_cli_derives(at_session *s, at_cli_back *back, const at_cascade *cascade, bool whole) {
    const at_cascade *expanded = at_expand_grads(s, cascade);
    if (!expanded || !whole) return expanded != NULL;
    int count = s->diag_count, lost = s->diag_lost;
    const at_cascade *derivative = at_derivative(s, expanded, NULL, true);
    bool no_reals = !derivative && s->diag_count == count + 1 &&
                    s->diags[count]->code == AT_E_GRAD_NAME;
    if (no_reals) {
        s->diag_count = count;
        s->diag_lost = lost;
        return true;
    }
    return derivative && at_cli_reads_back(s, back, expanded, false) &&
           at_cli_reads_back(s, back, derivative, false);
}
