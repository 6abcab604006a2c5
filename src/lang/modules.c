/* Where modules are: names of programs to files in the folders of the library and the zoo. A file
 * may be called as papers are, neighborhood-attention.attn; in a program a hyphen would subtract,
 * so `_` in a module's name stands for a hyphen or a `_` in the file's name. */
#define _DEFAULT_SOURCE
#include "lang/lang_int.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char suffix[] = ".attn";

const char *at_module_name(at_session *s, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *word = at_copy_text(s->arena, name, strcspn(name, "."));
    for (char *c = word; *c; c++)
        if (*c == '-') *c = '_';
    return word;
}

/* ---- a folder's modules ---------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    const char *folder;
    DIR *open;
    at_modules *out;
} listing;

static bool is_module(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > strlen(suffix) &&
           strcmp(name + length - strlen(suffix), suffix) == 0;
}

static int by_name(const void *a, const void *b) {
    const at_module_file *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->path, y->path);
}

static bool list_folder(void *user) {
    listing *l = user;
    at_session *s = l->session;
    int first = l->out->count;
    l->open = opendir(l->folder);
    if (!l->open) return true; /* a folder of the search path need not exist */
    for (struct dirent *entry; (entry = readdir(l->open));) {
        if (!is_module(entry->d_name)) continue;
        const char *path = at_format(s->arena, "%s/%s", l->folder, entry->d_name);
        at_module_file file = {at_module_name(s, path), path, l->folder};
        AT_PUSH(s->arena, l->out->items, l->out->count, l->out->capacity, file);
    }
    if (l->out->count > first)
        qsort(l->out->items + first, (size_t)(l->out->count - first), sizeof *l->out->items,
              by_name);
    return true;
}

static void close_folder(void *user) {
    listing *l = user;
    if (l->open) closedir(l->open);
}

void at_module_list(at_session *s, const char *folder, at_modules *out) {
    listing l = {.session = s, .folder = folder, .out = out};
    at_released(s, list_folder, close_folder, &l);
}

/* ---- one module ------------------------------------------------------------------------------ */

const at_module_file *at_module_find(at_session *s, const char *const *folders, const char *name,
                                     at_modules *all) {
    const char *wanted = at_module_name(s, name);
    *all = (at_modules){0};
    for (int i = 0; folders && folders[i]; i++) at_module_list(s, folders[i], all);
    const at_module_file *found = NULL;
    for (int i = 0; i < all->count; i++) {
        const at_module_file *file = &all->items[i];
        if (strcmp(file->name, wanted) != 0) continue;
        if (found && strcmp(found->folder, file->folder) != 0) break;
        /* Of `a-b` and `a_b` in one folder, the one that is written as asked for. */
        const char *written = strrchr(file->path, '/') + 1;
        bool exact = strlen(written) == strlen(name) + strlen(suffix) &&
                     memcmp(written, name, strlen(name)) == 0;
        if (!found || exact) found = file;
    }
    return found;
}

/* ---- the search path ------------------------------------------------------------------------- */

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

typedef struct {
    at_session *s;
    const char **items;
    int count, capacity;
} path_list;

static void add_folder(path_list *list, const char *folder) {
    AT_PUSH(list->s->arena, list->items, list->count, list->capacity, folder);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct {
    path_list *list;
    const char *path;
    DIR *open;
} families;

static bool add_families(void *user) {
    families *f = user;
    int first = f->list->count;
    f->open = opendir(f->path);
    if (!f->open) return true;
    for (struct dirent *entry; (entry = readdir(f->open));) {
        if (entry->d_name[0] == '.') continue;
        const char *family = at_format(f->list->s->arena, "%s/%s", f->path, entry->d_name);
        if (is_folder(family)) add_folder(f->list, family);
    }
    if (f->list->count > first)
        qsort(f->list->items + first, (size_t)(f->list->count - first), sizeof *f->list->items,
              by_text);
    return true;
}

static void close_families(void *user) {
    families *f = user;
    if (f->open) closedir(f->open);
}

const char *const *at_module_folders(at_session *s, const char *beside, bool blocks) {
    path_list list = {.s = s};
    const char *given = getenv("ATTEND_PATH");
    while (given && *given) {
        size_t length = strcspn(given, ":");
        if (length) add_folder(&list, at_copy_text(s->arena, given, length));
        given += length + (given[length] == ':');
    }
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    /* In a source tree the program is build/attend; installed, it is bin/attend or in lib/. */
    static const char *const roots[] = {"..", "../share/attend"};
    for (int i = 0; i < 2 && slash; i++) {
        char real[PATH_MAX];
        if (!realpath(at_format(s->arena, "%.*s/%s", (int)(slash - beside), beside, roots[i]),
                      real))
            continue;
        const char *lib = at_format(s->arena, "%s/lib", real);
        if (blocks && is_folder(lib)) add_folder(&list, lib);
        families f = {&list, at_format(s->arena, "%s/zoo", real), NULL};
        at_released(s, add_families, close_families, &f);
    }
    add_folder(&list, NULL);
    return list.items;
}
