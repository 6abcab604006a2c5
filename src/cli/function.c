/* What commands about one function begin and end with: a file with a function's name, --size, --set
 * and
 * --training, a session, and in the end its errors. */
#include "cli/cli.h"

#include <string.h>

bool at_cli_function_take(const at_cli_page *page, at_cli_function *f, const char *name,
                          const char *value, bool *good) {
    if (strcmp(name, "size") == 0)
        *good = at_cli_pairs_add(page, "--size", value, true, &f->sizes);
    else if (strcmp(name, "set") == 0)
        *good = at_cli_pairs_add(page, "--set", value, false, &f->sets);
    else if (strcmp(name, "training") == 0)
        *good = f->resolve.training = true;
    else
        return false;
    return true;
}

bool at_cli_function_begin(const at_cli_page *page, int argc, char **argv,
                           bool (*take)(void *user, const char *name, const char *value),
                           void *user, at_cli_function *f, int *status) {
    int first = at_cli_parse(page, argc, argv, take, user, status);
    if (first < 0) return false;
    if (first == argc) *status = at_cli_misuse(page, "a file is missing");
    else if (first + 1 < argc && !f->several) *status = at_cli_misuse(page, "one file at a time");
    if (*status != AT_CLI_GOOD) return false;
    f->operands = argv + first;
    f->operand_count = argc - first;
    f->s = at_cli_session();
    f->resolve.set_count = f->sets.names.count;
    f->resolve.set_names = f->sets.names.items;
    f->resolve.set_values = f->sets.values.items;
    if (at_cli_sizes(page, f->s, &f->sizes, &f->resolve)) return true;
    *status = AT_CLI_USAGE;
    at_cli_session_end(f->s);
    return false;
}

const at_source *at_cli_function_source(at_cli_function *f) {
    return at_cli_source(f->s, at_cli_split(f->s, f->operands[0], &f->resolve.function));
}

const at_definition *at_cli_function_load(at_cli_function *f, const at_source *source) {
    if (!source) return NULL;
    f->resolve.library = at_cli_library(f->s);
    f->program = at_load(f->s, source, f->resolve.library);
    return f->program ? at_program_find(f->s, f->program, f->resolve.function) : NULL;
}

int at_cli_function_end(at_cli_function *f, bool good) {
    if (!good) at_cli_report(f->s);
    at_cli_session_end(f->s);
    return good ? AT_CLI_GOOD : AT_CLI_INPUT;
}
