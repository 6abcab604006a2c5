/* Params and states: files hold one array for each round of the repeats they stand in
 * (`block[3].w`), the cascade one array with the rounds in front (path `block[].w`). This file
 * stacks and unstacks, and checks what a file holds against what the program has. */
#include "call/call_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

static int rounds_in(const char *path) {
    int rounds = 0;
    for (const char *at = strstr(path, "[]"); at; at = strstr(at + 2, "[]")) rounds++;
    return rounds;
}

/* "block[].w" with round 3: "block[3].w". */
static void round_name(const char *path, const int64_t *round, at_text *out) {
    out->length = 0;
    at_text_add(out, "");
    for (const char *at = path;;) {
        const char *next = strstr(at, "[]");
        if (!next) {
            at_text_add(out, at);
            return;
        }
        at_text_add_n(out, at, (size_t)(next - at));
        at_text_addf(out, "[%" PRId64 "]", *round++);
        at = next + 2;
    }
}

/* What was given, sorted by name: a network of many rounds has many. */
typedef struct {
    int count;
    const at_named **sorted;
    bool *used;
} lookup;

static int by_name(const void *a, const void *b) {
    const at_named *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool lookup_new(at_session *s, const at_collection *given, lookup *out) {
    int count = given ? given->count : 0;
    *out = (lookup){count, calloc((size_t)count + 1, sizeof(at_named *)),
                    calloc((size_t)count + 1, sizeof(bool))};
    if (!out->sorted || !out->used) {
        at_error(s, AT_E_MEMORY, at_no_span(), "there is no memory to bind what is kept");
        return false;
    }
    for (int i = 0; i < count; i++) out->sorted[i] = &given->items[i];
    if (count) qsort(out->sorted, (size_t)count, sizeof(at_named *), by_name);
    return true;
}

static void lookup_free(lookup *all) {
    free(all->sorted);
    free(all->used);
}

static const at_tensor *look_up(lookup *all, const char *name) {
    int low = 0, high = all->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(name, all->sorted[middle]->name);
        if (order == 0) {
            all->used[middle] = true;
            return all->sorted[middle]->tensor;
        }
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

/* ---- one array ------------------------------------------------------------------------------- */

static bool fits_shape(at_session *s, const at_array *array, const char *name,
                       const at_tensor *given, const int64_t *extents, int rounds) {
    bool fits = given->rank == array->rank - rounds;
    for (int i = 0; fits && i < given->rank; i++)
        fits = given->extents[i] == extents[array->axes[rounds + i]->id];
    if (fits) return at_fits_kind(s, array, name, given);
    char shape[256];
    at_tensor_describe(given, shape);
    at_text axes = {0};
    for (int i = rounds; i < array->rank; i++)
        at_text_addf(&axes, "%s%s = %" PRId64, i > rounds ? ", " : "", array->axes[i]->name,
                     extents[array->axes[i]->id]);
    at_error(s, given->rank == array->rank - rounds ? AT_E_BIND_EXTENT : AT_E_BIND_RANK,
             array->span, "`%s` was given as %s, and is %s%s here", name, shape,
             axes.data ? "over " : "a scalar", axes.data ? axes.data : "");
    at_text_free(&axes);
    return false;
}

/* Copies a given array into its place among the rounds. */
static bool place_slice(at_session *s, const char *name, const at_tensor *given, at_tensor *out,
                        int64_t slice) {
    size_t bytes = (size_t)given->count * at_type_bytes(out->type);
    char *to = (char *)out->data + (size_t)slice * bytes;
    if (given->type == out->type) {
        at_move(to, given->data, bytes);
        return true;
    }
    at_tensor *converted = at_tensor_convert(s, given, out->type, name);
    if (!converted) return false;
    at_move(to, converted->data, bytes);
    at_tensor_free(converted);
    return true;
}

static void report_missing(at_session *s, const at_kept *kept, const at_array *array,
                           const char *name) {
    at_diag *diag = at_error(s, AT_E_BIND_MISSING, array->span, "the %s `%s` is missing",
                             kept->word, name);
    const char **names = AT_NEW_ARRAY(s->arena, const char *, kept->given->count);
    for (int i = 0; i < kept->given->count; i++) names[i] = kept->given->items[i].name;
    at_hint_near(s, diag, name, names, kept->given->count);
    if (!diag->hint)
        at_hint(s, diag, "a file gives every %s; without one they all begin as the program says",
                kept->word);
}

static void split_rounds(int64_t slice, const at_array *array, const int64_t *extents, int rounds,
                         int64_t *round) {
    for (int i = rounds - 1; i >= 0; i--) {
        int64_t extent = extents[array->axes[i]->id];
        round[i] = slice % extent;
        slice /= extent;
    }
}

/* Fills `out` with what was given. Params are all given or it is an error; a state that was not
 * given keeps the value that it begins with. */
static bool take_given(at_session *s, const at_kept *kept, const at_array *array, lookup *all,
                       const int64_t *extents, at_tensor *out) {
    int rounds = rounds_in(array->path);
    if (rounds > array->rank) rounds = array->rank;
    int64_t slices = 1, round[AT_RANK_LIMIT];
    for (int i = 0; i < rounds; i++) slices *= extents[array->axes[i]->id];
    bool good = true;
    at_text name = {0};
    for (int64_t slice = 0; slice < slices && good; slice++) {
        split_rounds(slice, array, extents, rounds, round);
        round_name(array->path, round, &name);
        const at_tensor *given = look_up(all, name.data);
        if (given) {
            good = fits_shape(s, array, name.data, given, extents, rounds) &&
                   place_slice(s, name.data, given, out, slice);
        } else if (kept->complete) {
            report_missing(s, kept, array, name.data);
            good = false;
        }
    }
    at_text_free(&name);
    return good;
}

static at_tensor *bind_one(at_session *s, const at_kept *kept, const at_start *start, lookup *all,
                           const int64_t *extents, at_evaluate evaluate, void *user) {
    const at_array *array = start->array;
    int64_t shape[AT_RANK_LIMIT];
    if (array->rank > AT_RANK_LIMIT) {
        at_error(s, AT_E_TENSOR_RANK, array->span, "`%s` has %d axes, and may have at most %d",
                 array->name, array->rank, AT_RANK_LIMIT);
        return NULL;
    }
    for (int i = 0; i < array->rank; i++) shape[i] = extents[array->axes[i]->id];
    at_tensor *out =
        at_tensor_new(s, at_kind_type(array->kind), shape, array->rank, array->name);
    if (!out) return NULL;
    bool begins = !kept->given || !kept->complete;
    if ((!begins || evaluate(s, user, start, extents, out)) &&
        (!kept->given || take_given(s, kept, array, all, extents, out)))
        return out;
    at_tensor_free(out);
    return NULL;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool report_unused(at_session *s, const at_kept *kept, const lookup *all) {
    bool good = true;
    for (int i = 0; i < all->count; i++) {
        if (all->used[i]) continue;
        const char *name = all->sorted[i]->name;
        at_diag *diag = at_error(s, AT_E_BIND_UNKNOWN, at_no_span(),
                                 "the program has no %s `%s`", kept->word, name);
        const char **paths = AT_NEW_ARRAY(s->arena, const char *, kept->count);
        for (int k = 0; k < kept->count; k++) paths[k] = kept->starts[k].array->path;
        at_hint_near(s, diag, name, paths, kept->count);
        good = false;
    }
    return good;
}

bool at_bind_kept(at_session *s, const at_kept *kept, const int64_t *extents, at_evaluate evaluate,
                  void *user, at_tensor **out) {
    lookup all = {0};
    bool good = lookup_new(s, kept->given, &all);
    for (int i = 0; i < kept->count && good; i++) {
        out[i] = bind_one(s, kept, &kept->starts[i], &all, extents, evaluate, user);
        good = out[i] != NULL;
    }
    good = good && report_unused(s, kept, &all);
    lookup_free(&all);
    return good;
}

bool at_unstack(at_session *s, const at_array *array, const at_tensor *stacked,
                at_collection *out) {
    int rounds = rounds_in(array->path);
    if (rounds > stacked->rank) rounds = stacked->rank;
    int64_t slices = 1, round[AT_RANK_LIMIT];
    for (int i = 0; i < rounds; i++) slices *= stacked->extents[i];
    bool good = true;
    at_text name = {0};
    for (int64_t slice = 0; slice < slices && good; slice++) {
        int64_t rest = slice;
        for (int i = rounds - 1; i >= 0; i--) {
            round[i] = rest % stacked->extents[i];
            rest /= stacked->extents[i];
        }
        round_name(array->path, round, &name);
        at_tensor *part = at_tensor_new(s, stacked->type, stacked->extents + rounds,
                                        stacked->rank - rounds, array->name);
        good = part != NULL;
        if (!part) break;
        size_t bytes = (size_t)part->count * at_type_bytes(part->type);
        at_move(part->data, (const char *)stacked->data + (size_t)slice * bytes, bytes);
        at_collection_add(s, out, at_copy_text(s->arena, name.data, name.length), part);
    }
    at_text_free(&name);
    return good;
}
