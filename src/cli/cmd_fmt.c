/* attend fmt: the one canonical layout. A file is rewritten only after its new text was parsed and
 * formatted again to the same text: a formatter's bug must not cost anybody their program. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "check", NULL, "change nothing; name the files that would change, and end with 1"},
    {0, "stdout", NULL, "print the new text instead of writing it"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "fmt",
    .usage = "attend fmt FILE... [options]",
    .about =
        "Rewrites programs in the canonical layout; comments stay. `-` reads the standard input\n"
        "and prints. A file with errors is left as it is.\n",
    .options = options,
    .examples = "  attend fmt attention.attn\n"
                "  attend fmt --check *.attn\n"
                "  echo 'fn f(x)->y=x+1' | attend fmt -\n",
};

typedef struct {
    bool check, print;
    at_session *s;
    const char *path;
    const at_source *source;
    at_text text;
} request;

static bool take(void *user, const char *name, const char *value) {
    (void)value;
    request *r = user;
    if (strcmp(name, "check") == 0) r->check = true;
    else r->print = true;
    return true;
}

static bool write_text(void *file, void *user) {
    const at_text *text = user;
    return fwrite(text->data, 1, text->length, file) == text->length;
}

/* Fills r->text; false after errors. */
static bool format(void *user) {
    request *r = user;
    r->source = at_cli_source(r->s, r->path);
    const at_file_tree *tree = r->source ? at_parse(r->s, r->source) : NULL;
    if (!tree) return false;
    at_format_tree(tree, &r->text);
    if (!r->text.data) at_text_add(&r->text, "");
    return true;
}

/* Whether the new text reads back and is in canonical layout itself. */
static bool stable(void *user) {
    request *r = user;
    at_text again = {0};
    const at_source *source = at_make_source(r->s, r->path, r->text.data, r->text.length);
    const at_file_tree *tree = source ? at_parse(r->s, source) : NULL;
    if (tree) at_format_tree(tree, &again);
    bool same = tree && again.length == r->text.length &&
                (again.length == 0 || memcmp(again.data, r->text.data, again.length) == 0);
    at_text_free(&again);
    return same;
}

static int format_file(request *r) {
    if (!at_guarded(r->s, format, r)) {
        at_cli_report(r->s);
        return AT_CLI_INPUT;
    }
    if (r->text.failed) {
        fprintf(stderr, "attend fmt: no memory for %s\n", r->path);
        return AT_CLI_INPUT;
    }
    if (!at_guarded(r->s, stable, r))
        return at_cli_bug(
            "formatting %s gave a text that does not format to itself; it is left as it is",
            r->path);
    bool changed = r->text.length != r->source->length ||
                   memcmp(r->text.data, r->source->text, r->text.length) != 0;
    if (r->check) {
        if (changed) printf("%s\n", r->path);
        return changed ? AT_CLI_INPUT : AT_CLI_GOOD;
    }
    if (r->print || strcmp(r->path, "-") == 0) {
        at_cli_print(&r->text);
        return AT_CLI_GOOD;
    }
    if (!changed || at_write_file(r->s, r->path, write_text, &r->text)) return AT_CLI_GOOD;
    at_cli_report(r->s);
    return AT_CLI_INPUT;
}

int at_cmd_fmt(int argc, char **argv) {
    request given = {0};
    int status, first = at_cli_parse(&page, argc, argv, take, &given, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "a file is missing");
    for (int i = first; i < argc; i++) {
        request r = given;
        r.path = argv[i];
        r.s = at_cli_session();
        int one = format_file(&r);
        if (one > status) status = one;
        at_text_free(&r.text);
        at_cli_session_end(r.s);
    }
    return status;
}
