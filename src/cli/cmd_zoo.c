/* attend zoo: the published mechanisms that came with attend, from their own files. Nothing about a
 * mechanism is kept elsewhere: title and year are its `paper`, the idea is a doc comment, and
 * everything is read when asked for. A file with errors is listed as one and stops nothing. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const at_cli_option options[] = {
    {0, "json", NULL, "print as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "zoo",
    .usage = "attend zoo list [FAMILY] | show NAME [--json]",
    .about = "Lists the published mechanisms that came with attend and those in the folders of\n"
             "$ATTEND_PATH, or shows one: its papers, functions and laws.\n",
    .options = options,
    .examples = "  attend zoo list\n"
                "  attend zoo list linear\n"
                "  attend zoo show neighborhood-attention\n",
};

enum { WIDTH = 100, NAME_WIDTH = 32 };

/* ---- one file -------------------------------------------------------------------------------- */

typedef struct {
    at_session *s; /* the file's own: one with many errors must not hide another's */
    const at_module_file *module;
    const at_file_tree *tree; /* NULL: it does not parse */
} mechanism;

static bool parse(void *user) {
    mechanism *m = user;
    const at_source *source = at_read_source(m->s, m->module->path);
    m->tree = source ? at_parse(m->s, source) : NULL;
    return m->tree != NULL;
}

static mechanism open_mechanism(const at_module_file *module) {
    mechanism m = {.s = at_cli_session(), .module = module};
    at_guarded(m.s, parse, &m);
    return m;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *family_of(const at_module_file *module) { return last_part(module->folder); }

/* As the file is called, without its ending. */
static const char *name_of(at_session *s, const at_module_file *module) {
    const char *name = last_part(module->path);
    return at_copy_text(s->arena, name, strlen(name) - strlen(".attn"));
}

static const at_definition *first_paper(const mechanism *m) {
    for (int i = 0; i < m->tree->count; i++)
        if (m->tree->items[i]->tag == AT_D_PAPER) return m->tree->items[i];
    return NULL;
}

/* The doc comment that says what the mechanism is: the paper's; that of the function that has the
 * file's name, or the longest beginning of it; or the first there is. NULL: none. */
static const char *doc_of(const mechanism *m) {
    const char *doc = NULL;
    size_t best = 0;
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (!d->doc || d->tag == AT_D_LAW || d->tag == AT_D_USE) continue;
        if (d->tag == AT_D_PAPER) return d->doc;
        size_t length = strlen(d->name);
        bool begins = strncmp(m->module->name, d->name, length) == 0;
        if (doc && (!begins || length <= best)) continue;
        doc = d->doc;
        best = begins ? length : 0;
    }
    return doc;
}

/* A doc comment's first sentence, on one line. */
static const char *first_sentence(at_session *s, const char *doc) {
    size_t length = strlen(doc);
    for (const char *at = doc; (at = strchr(at, '.')); at++)
        if (at[1] == ' ' || at[1] == '\n' || !at[1]) {
            length = (size_t)(at - doc);
            break;
        }
    char *line = at_copy_text(s->arena, doc, length);
    for (char *c = line; *c; c++)
        if (*c == '\n') *c = ' ';
    return line;
}

/* ---- text in columns ------------------------------------------------------------------------- */

/* The bytes of `text` that fit in `width` columns; *used is the columns they take. */
static size_t fit(const char *text, int width, int *used) {
    size_t at = 0;
    *used = 0;
    while (text[at]) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at, -1, &point);
        int columns = n > 0 ? utf8proc_charwidth(point) : 1;
        if (*used + columns > width) break;
        *used += columns;
        at += n > 0 ? (size_t)n : 1;
    }
    return at;
}

static int columns_of(const char *text) {
    int used;
    fit(text, INT16_MAX, &used);
    return used;
}

/* `text` in `width` columns: cut with … where it is longer, else filled up if `pad`. */
static void add_cell(at_text *out, const char *text, int width, bool pad) {
    int used;
    size_t length = fit(text, width, &used);
    if (text[length]) {
        length = fit(text, width - 1, &used);
        at_text_add_n(out, text, length);
        at_text_add(out, "…");
        used++;
    } else {
        at_text_add(out, text);
    }
    if (pad) at_text_pad(out, ' ', width - used);
}

/* Lines of words, each indented; lines of `text` that are empty stay so. */
static void add_wrapped(at_text *out, const char *text, int indent) {
    int column = 0;
    while (*text) {
        if (*text == ' ') text++;
        else if (*text == '\n') {
            text++;
            if (*text != '\n') continue;
            at_text_add(out, column ? "\n\n" : "\n");
            column = 0;
        } else {
            size_t length = strcspn(text, " \n");
            char word[512]; /* a longer one is broken */
            if (length >= sizeof word) length = sizeof word - 1;
            memcpy(word, text, length);
            word[length] = 0;
            int wide = columns_of(word);
            if (column && column + 1 + wide > WIDTH) {
                at_text_add(out, "\n");
                column = 0;
            }
            if (column) at_text_add(out, " ");
            else at_text_pad(out, ' ', indent);
            column += column ? 1 + wide : indent + wide;
            at_text_add_n(out, word, length);
            text += length;
        }
    }
    if (column) at_text_add(out, "\n");
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Name, year and title in columns, and below them the idea. */
static void add_entry(const mechanism *m, int name_width, at_text *out) {
    const at_definition *paper = m->tree ? first_paper(m) : NULL;
    const char *doc = m->tree ? doc_of(m) : NULL;
    bool alone = m->tree && !paper;
    at_text_add(out, "  ");
    add_cell(out, name_of(m->s, m->module), name_width, !alone);
    if (!alone) at_text_add(out, "  ");
    int rest = WIDTH - 2 - name_width - 2;
    if (!m->tree) {
        const char *path = m->module->path;
        add_cell(out, at_format(m->s->arena, "does not parse: attend check %s", path), rest, false);
    } else if (paper) {
        at_text_addf(out, "%4d  ", paper->year);
        add_cell(out, paper->name, rest - 6, false);
    }
    at_text_add(out, "\n");
    if (!doc) return;
    at_text_add(out, "    ");
    add_cell(out, first_sentence(m->s, doc), WIDTH - 4, false);
    at_text_add(out, "\n");
}

static json_t *papers_json(const mechanism *m) {
    json_t *papers = json_array();
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (d->tag == AT_D_PAPER)
            json_array_append_new(papers,
                                  json_pack("{s:s, s:i}", "title", d->name, "year", d->year));
    }
    return papers;
}

/* What a list and a single mechanism both tell. */
static json_t *entry_json(const mechanism *m) {
    json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", name_of(m->s, m->module), "family",
                            family_of(m->module), "module", m->module->name, "file",
                            m->module->path, "good", m->tree != NULL);
    if (!m->tree) {
        json_object_set_new(one, "errors", at_cli_diags_json(m->s));
        return one;
    }
    const char *doc = doc_of(m);
    json_object_set_new(one, "papers", papers_json(m));
    json_object_set_new(one, "idea", doc ? json_string(first_sentence(m->s, doc)) : json_null());
    return one;
}

static bool is_empty_family(const at_modules *all, const char *family) {
    for (int i = 0; i < all->count; i++)
        if (strcmp(family_of(&all->items[i]), family) == 0) return false;
    return true;
}

static int list(at_session *s, const char *family, bool json) {
    const char *const *folders = at_cli_zoo(s);
    at_modules all = {0};
    for (int i = 0; folders[i]; i++) at_module_list(s, folders[i], &all);
    if (family && is_empty_family(&all, family))
        return at_cli_misuse(&page, "there is no family `%s`; attend zoo list shows all", family);
    int name_width = 0;
    for (int i = 0; i < all.count; i++) {
        if (family && strcmp(family_of(&all.items[i]), family) != 0) continue;
        int width = columns_of(name_of(s, &all.items[i]));
        if (width > name_width) name_width = width;
    }
    if (name_width > NAME_WIDTH) name_width = NAME_WIDTH;
    json_t *entries = json ? json_array() : NULL;
    at_text text = {0};
    const char *folder = NULL;
    for (int i = 0; i < all.count; i++) {
        const at_module_file *module = &all.items[i];
        if (family && strcmp(family_of(module), family) != 0) continue;
        mechanism m = open_mechanism(module);
        if (json) json_array_append_new(entries, entry_json(&m));
        else if (!folder || strcmp(folder, module->folder) != 0)
            at_text_addf(&text, "%s%s\n", folder ? "\n" : "", family_of(module));
        folder = module->folder;
        if (!json) add_entry(&m, name_width, &text);
        at_cli_session_end(m.s);
    }
    if (json) at_cli_print_json(json_pack("{s:o}", "mechanisms", entries));
    else if (!all.count) at_text_add(&text, "no mechanism came with this attend\n");
    at_cli_print(&text);
    at_text_free(&text);
    return AT_CLI_GOOD;
}

/* ---- show ------------------------------------------------------------------------------------ */

static const char *header_of(at_session *s, const at_definition *d) {
    at_text text = {0};
    at_format_header(d, 0, &text);
    const char *header = at_copy_text(s->arena, text.data ? text.data : "", text.length);
    at_text_free(&text);
    return header;
}

/* The functions, or the laws, each with its doc comment. */
static void add_definitions(const mechanism *m, at_definition_tag tag, const char *title,
                            at_text *out) {
    bool any = false;
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (d->tag != tag) continue;
        if (!any) at_text_addf(out, "\n%s\n", title);
        any = true;
        if (tag == AT_D_LAW) at_text_addf(out, "  %s\n", d->name);
        else {
            at_format_header(d, 2, out);
            at_text_add(out, "\n");
        }
        if (d->doc) add_wrapped(out, d->doc, 4);
    }
}

static void add_mechanism(const mechanism *m, at_text *out) {
    at_text_addf(out, "%s, of the family %s\n", name_of(m->s, m->module), family_of(m->module));
    at_text_addf(out, "  file: %s\n  in a program: use %s\n", m->module->path, m->module->name);
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (d->tag != AT_D_PAPER) continue;
        add_wrapped(out, at_format(m->s->arena, "paper: %s (%d)", d->name, d->year), 2);
    }
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (d->tag != AT_D_PAPER || !d->doc) continue;
        at_text_add(out, "\n");
        add_wrapped(out, d->doc, 2);
    }
    add_definitions(m, AT_D_FN, "functions", out);
    add_definitions(m, AT_D_LAW, "laws", out);
}

static json_t *definitions_json(const mechanism *m, at_definition_tag tag) {
    json_t *all = json_array();
    for (int i = 0; i < m->tree->count; i++) {
        const at_definition *d = m->tree->items[i];
        if (d->tag != tag) continue;
        json_t *one = json_pack("{s:s, s:s, s:s*}", "name", d->name, "signature",
                                header_of(m->s, d), "doc", d->doc);
        json_array_append_new(all, one);
    }
    return all;
}

static int show(at_session *s, const char *name, bool json) {
    at_modules all;
    const at_module_file *module = at_module_find(s, at_cli_library(s), name, &all);
    if (!module) {
        at_diag *diag = at_error(s, AT_E_USE, at_no_span(), "the zoo has no `%s`", name);
        const char **names = AT_NEW_ARRAY(s->arena, const char *, all.count + 1);
        for (int i = 0; i < all.count; i++) names[i] = name_of(s, &all.items[i]);
        at_hint_near(s, diag, name, names, all.count);
        if (!diag->hint) at_hint(s, diag, "`attend zoo list` shows what there is");
        at_cli_report(s);
        return AT_CLI_INPUT;
    }
    mechanism m = open_mechanism(module);
    at_text text = {0};
    if (json) {
        json_t *one = entry_json(&m);
        if (m.tree) {
            json_object_set_new(one, "functions", definitions_json(&m, AT_D_FN));
            json_object_set_new(one, "laws", definitions_json(&m, AT_D_LAW));
        }
        at_cli_print_json(one);
    } else if (m.tree) {
        add_mechanism(&m, &text);
    } else {
        at_cli_report(m.s);
    }
    at_cli_print(&text);
    at_text_free(&text);
    int status = m.tree ? AT_CLI_GOOD : AT_CLI_INPUT;
    at_cli_session_end(m.s);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    int count;
    char **words;
    bool json;
    int status;
} request;

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    (void)name;
    (void)value;
    r->json = true;
    return true;
}

static bool run(void *user) {
    request *r = user;
    const char *verb = r->words[0], *name = r->count > 1 ? r->words[1] : NULL;
    bool shows = strcmp(verb, "show") == 0;
    if (!shows && strcmp(verb, "list") != 0)
        r->status = at_cli_misuse(&page, "there are list and show, not `%s`", verb);
    else if (r->count > 2)
        r->status = at_cli_misuse(&page, "one %s at a time", shows ? "mechanism" : "family");
    else if (shows && !name)
        r->status =
            at_cli_misuse(&page, "show needs a name; attend zoo list shows which there are");
    else
        r->status = shows ? show(r->s, name, r->json) : list(r->s, name, r->json);
    return true;
}

int at_cmd_zoo(int argc, char **argv) {
    request r = {0};
    int status, first = at_cli_parse(&page, argc, argv, take, &r, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "say `list`, or `show` and a name");
    r.s = at_cli_session();
    r.words = argv + first;
    r.count = argc - first;
    r.status = AT_CLI_INPUT;
    if (!at_guarded(r.s, run, &r)) at_cli_report(r.s);
    at_cli_session_end(r.s);
    return r.status;
}
