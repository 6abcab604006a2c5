/* How to compile, as the caller says it: kept as it comes, judged when compiling. */
#define _DEFAULT_SOURCE
#include "api/api_int.h"

#include <stdlib.h>
#include <string.h>

attend_options *attend_options_new(void) { return calloc(1, sizeof(attend_options)); }

static void free_texts(at_api_texts *texts) {
    for (int i = 0; i < texts->count; i++) free(texts->items[i]);
    free(texts->items);
}

void attend_options_free(attend_options *o) {
    if (!o) return;
    free(o->function);
    free(o->target);
    at_api_texts *all[] = {&o->set_names, &o->set_values, &o->size_names,
                           &o->folders,   &o->wanted,     &o->cotangents};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free_texts(all[i]);
    free(o->sizes);
    free(o);
}

static void set_text(attend_options *o, char **to, const char *text) {
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) {
        o->failed = true;
        return;
    }
    free(*to);
    *to = copy;
}

/* The list always ends in a NULL. */
static bool add_text(attend_options *o, at_api_texts *texts, const char *text) {
    char **grown = realloc(texts->items, ((size_t)texts->count + 2) * sizeof *grown);
    if (grown) texts->items = grown;
    char *copy = grown ? strdup(text) : NULL;
    if (!copy) return o->failed = true, false;
    grown[texts->count++] = copy;
    grown[texts->count] = NULL;
    return true;
}

void attend_options_function(attend_options *o, const char *name) {
    if (o) set_text(o, &o->function, name);
}

void attend_options_target(attend_options *o, const char *target) {
    if (o) set_text(o, &o->target, target);
}

void attend_options_set(attend_options *o, const char *name, const char *value) {
    if (!o || !name || !value) return;
    if (!add_text(o, &o->set_names, name)) return;
    if (!add_text(o, &o->set_values, value)) free(o->set_names.items[--o->set_names.count]);
}

void attend_options_size(attend_options *o, const char *axis, int64_t extent) {
    if (!o || !axis) return;
    size_t count = (size_t)o->size_names.count + 1;
    int64_t *grown = realloc(o->sizes, count * sizeof *grown);
    if (!grown) {
        o->failed = true;
        return;
    }
    o->sizes = grown;
    if (add_text(o, &o->size_names, axis)) grown[count - 1] = extent;
}

void attend_options_folder(attend_options *o, const char *folder) {
    if (o && folder) add_text(o, &o->folders, folder);
}

void attend_options_wanted(attend_options *o, const char *name) {
    if (o && name) add_text(o, &o->wanted, name);
}

void attend_options_cotangent(attend_options *o, const char *output) {
    if (o && output) add_text(o, &o->cotangents, output);
}

void attend_options_type(attend_options *o, attend_type type) {
    if (o) o->type = type;
}

void attend_options_training(attend_options *o, bool training) {
    if (o) o->training = training;
}

void attend_options_gradient(attend_options *o, bool outputs) {
    if (!o) return;
    o->gradient = true;
    o->outputs = outputs;
}

void attend_options_log(attend_options *o, void (*log)(void *user, const char *line), void *user) {
    if (!o) return;
    o->log = log;
    o->log_user = user;
}

void attend_options_progress(attend_options *o, bool (*progress)(void *user), void *user) {
    if (!o) return;
    o->progress = progress;
    o->progress_user = user;
}
