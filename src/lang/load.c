/* A program: the file that was asked for and all it uses, each parsed once. `use name` looks in the
 * library's folders, `use "path"` beside the file that says it. The prelude (functions that are
 * written in the language but always there) is part of this library. */
#define _DEFAULT_SOURCE
#include "lang/resolve_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generated/prelude.inc" /* at_prelude_text, made from lib/prelude.attn by the Makefile */

enum { USE_DEPTH = 64 };

static const at_module *load_module(at_session *s, at_program *program, const at_source *source,
                                    const char *name, const char *const *library, int depth);

/* ---- what a file may define ------------------------------------------------------------------ */

static bool check_names(at_session *s, const at_definition *d) {
    const char *names[3] = {"input", "option", "output"};
    bool good = true;
    for (int i = 0; i < d->input_count + d->option_count; i++) {
        bool option = i >= d->input_count;
        const char *name = option ? d->options[i - d->input_count].name : d->inputs[i].name;
        at_span span = option ? d->options[i - d->input_count].span : d->inputs[i].span;
        for (int k = 0; k < i; k++) {
            bool other = k >= d->input_count;
            if (strcmp(name, other ? d->options[k - d->input_count].name : d->inputs[k].name) != 0)
                continue;
            at_error(s, AT_E_NAME_TAKEN, span, "the %s `%s` has the name of an earlier %s",
                     names[option], name, names[other]);
            good = false;
        }
        for (int k = 0; k < d->input_count && option; k++)
            for (int a = 0; a < d->inputs[k].count; a++) {
                if (strcmp(name, d->inputs[k].axes[a]) != 0 || !good) continue;
                at_diag *diag = at_error(s, AT_E_NAME_TAKEN, span,
                                         "the option `%s` has the name of an axis", name);
                at_note(s, diag, d->inputs[k].axis_spans[a], "the axis");
                at_hint(s, diag, "size(%s) is the extent of the axis; give the option another name",
                        name);
                good = false;
            }
    }
    return good;
}

static bool enter_definitions(at_session *s, at_module *module) {
    bool good = true;
    for (int i = 0; i < module->tree->count; i++) {
        const at_definition *d = module->tree->items[i];
        if (d->tag != AT_D_FN && d->tag != AT_D_LAW) continue;
        const at_definition *known = at_map_get(&module->functions, d->name);
        if (known) {
            at_diag *diag =
                at_error(s, AT_E_NAME_TAKEN, d->name_span, "`%s` is defined twice", d->name);
            at_note(s, diag, known->name_span, "first here");
            good = false;
        }
        if (d->tag == AT_D_FN &&
            (at_op_find(d->name) >= 0 || at_fold_find(d->name) >= 0 || at_draw_find(d->name) >= 0 ||
             strcmp(d->name, "table") == 0)) {
            at_error(s, AT_E_BUILT_IN, d->name_span,
                     "`%s` is a built-in function and cannot be redefined", d->name);
            good = false;
        }
        good = check_names(s, d) && good;
        at_map_put(s->arena, &module->functions, d->name, (void *)d);
    }
    return good;
}

/* ---- use ------------------------------------------------------------------------------------- */

/* The file that a `use` means; NULL after an error. */
static const char *use_path(at_session *s, const at_source *source, const at_definition *use,
                            const char *const *library) {
    if (use->is_path) {
        const char *slash = strrchr(source->name, '/'), *path = use->name;
        if (slash && use->name[0] != '/')
            path = at_format(s->arena, "%.*s/%s", (int)(slash - source->name), source->name,
                             use->name);
        if (access(path, F_OK) == 0) return path;
        at_diag *diag = at_error(s, AT_E_USE, use->name_span, "there is no file %s", path);
        at_hint(s, diag, "the path is as seen from the file that says `use`");
        return NULL;
    }
    at_modules all;
    const at_module_file *module = at_module_find(s, library, use->name, &all);
    if (module && access(module->path, R_OK) == 0) return module->path;
    at_diag *diag = at_error(s, AT_E_USE, use->name_span, "there is no module `%s`", use->name);
    enum { SHOWN = 4 };
    const char *looked = "";
    int count = 0;
    for (; library && library[count]; count++)
        if (count < SHOWN)
            looked = at_format(s->arena, "%s%s%s", looked, count ? ", " : "", library[count]);
    if (count > SHOWN)
        at_note(s, diag, at_no_span(), "looked in %s and %d more", looked, count - SHOWN);
    else if (count)
        at_note(s, diag, at_no_span(), "looked in %s", looked);
    const char **names = AT_NEW_ARRAY(s->arena, const char *, all.count + 1);
    for (int i = 0; i < all.count; i++) names[i] = all.items[i].name;
    at_hint_near(s, diag, use->name, names, all.count);
    if (!diag->hint)
        at_hint(s, diag, "a file beside this one is used by its path: use \"%s.attn\"", use->name);
    return NULL;
}

static bool load_use(at_session *s, at_program *program, at_module *module,
                     const at_definition *use, const char *const *library, int depth) {
    const char *path = use_path(s, module->tree->source, use, library);
    if (!path) return false;
    char *real = realpath(path, NULL);
    const char *key = at_copy_text(s->arena, real ? real : path, strlen(real ? real : path));
    free(real);
    at_module *known = at_map_get(&program->modules, key);
    if (known && known->loading) {
        if (known == module) {
            at_error(s, AT_E_USE, use->name_span, "this file uses itself");
            return false;
        }
        at_diag *diag = at_error(s, AT_E_USE, use->name_span,
                                 "`%s` is used while it is itself being read: these files use each "
                                 "other in a circle", use->name);
        at_hint(s, diag, "move what both need into a third file");
        return false;
    }
    const at_module *found = known;
    if (!found) {
        if (depth >= USE_DEPTH) {
            at_error(s, AT_E_USE, use->name_span, "files use each other more than %d deep",
                     USE_DEPTH);
            return false;
        }
        const at_source *source = at_read_source(s, path);
        if (!source) return false;
        found = load_module(s, program, source, key, library, depth + 1);
        if (!found) return false;
    }
    /* By what name this file means it. */
    at_module *named = AT_NEW(s->arena, at_module);
    *named = *found;
    named->name = at_module_name(s, use->name);
    AT_PUSH(s->arena, module->uses, module->use_count, module->use_capacity, named);
    return true;
}

static const at_module *load_module(at_session *s, at_program *program, const at_source *source,
                                    const char *key, const char *const *library, int depth) {
    at_module *module = AT_NEW(s->arena, at_module);
    module->path = key;
    module->name = key;
    module->loading = true;
    at_map_put(s->arena, &program->modules, key, module);
    module->tree = at_parse(s, source);
    bool good = module->tree != NULL;
    for (int i = 0; good && i < module->tree->count; i++)
        if (module->tree->items[i]->tag == AT_D_USE)
            good = load_use(s, program, module, module->tree->items[i], library, depth);
    if (good) good = enter_definitions(s, module);
    module->loading = false;
    return good ? module : NULL;
}

const at_program *at_load(at_session *s, const at_source *source,
                          const char *const *library_folders) {
    s->stage = "load";
    at_program *program = AT_NEW(s->arena, at_program);
    const at_source *prelude =
        at_make_source(s, "prelude.attn", at_prelude_text, strlen(at_prelude_text));
    if (!prelude) return NULL;
    program->prelude = load_module(s, program, prelude, "prelude", library_folders, 0);
    char *real = realpath(source->name, NULL);
    const char *key = at_copy_text(s->arena, real ? real : source->name,
                                   strlen(real ? real : source->name));
    free(real);
    program->main = load_module(s, program, source, key, library_folders, 0);
    return program->main && program->prelude ? program : NULL;
}

const at_program *at_program_with(at_session *s, const at_program *program,
                                  const at_file_tree *tree) {
    at_program *other = AT_NEW(s->arena, at_program);
    at_module *main = AT_NEW(s->arena, at_module);
    *other = *program;
    *main = *program->main;
    main->tree = tree;
    main->functions = (at_map){0};
    other->main = main;
    return enter_definitions(s, main) ? other : NULL;
}

const at_definition *at_program_function(const at_program *program, const char *name) {
    const at_module *where;
    bool ambiguous;
    const at_definition *d = at_find_definition(program, program->main, name, &where, &ambiguous);
    return d && d->tag == AT_D_FN && !ambiguous ? d : NULL;
}

const at_file_tree *at_program_file(const at_program *program) { return program->main->tree; }

const at_definition *at_program_find(at_session *s, const at_program *program,
                                     const char *function) {
    const at_file_tree *tree = program->main->tree;
    const at_definition *found = NULL;
    if (function) {
        found = at_map_get(&program->main->functions, function);
        if (found) return found;
        at_diag *diag = at_error(s, AT_E_UNKNOWN_NAME, at_no_span(), "%s defines no function `%s`",
                                 tree->source->name, function);
        const char **names = AT_NEW_ARRAY(s->arena, const char *, tree->count);
        int count = 0;
        for (int i = 0; i < tree->count; i++)
            if (tree->items[i]->tag == AT_D_FN || tree->items[i]->tag == AT_D_LAW)
                names[count++] = tree->items[i]->name;
        at_hint_near(s, diag, function, names, count);
        return NULL;
    }
    for (int i = 0; i < tree->count; i++) {
        const at_definition *d = tree->items[i];
        if (d->tag != AT_D_FN) continue;
        if (!found || strcmp(found->name, "main") != 0) found = d;
    }
    if (!found)
        at_error(s, AT_E_UNKNOWN_NAME, at_no_span(), "%s defines no function", tree->source->name);
    return found;
}
