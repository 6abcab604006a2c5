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

/* "block[].w" with round 3: "block[3].w". A name may have more brackets than its array has
 * rounds. */
static void round_name(const char *path, int rounds, const int64_t *round, at_text *out) {
    out->length = 0;
    at_text_add(out, "");
    for (const char *at = path;; rounds--) {
        const char *next = rounds > 0 ? strstr(at, "[]") : NULL;
        if (!next) {
            at_text_add(out, at);
            return;
        }
        at_text_add_n(out, at, (size_t)(next - at));
        at_text_addf(out, "[%" PRId64 "]", *round++);
        at = next + 2;
    }
}

/* "block[3].w" to "block[].w", in the arena. The numbers go to `round`, at most AT_RANK_LIMIT, and
 * how many there are to *rounds. */
static const char *without_rounds(at_session *s, const char *name, int64_t *round, int *rounds) {
    char *path = at_copy_text(s->arena, name, strlen(name)), *to = path;
    *rounds = 0;
    for (const char *at = name; *at;) {
        size_t digits = *at == '[' ? strspn(at + 1, "0123456789") : 0;
        *to++ = *at++;
        if (!digits || digits > 18 || at[digits] != ']' || *rounds == AT_RANK_LIMIT) continue;
        round[(*rounds)++] = strtoll(at, NULL, 10);
        at += digits;
    }
    *to = 0;
    return path;
}

/* How many bytes two paths have in common at their ends, in whole parts: 7 of "net.block.w" and
 * "block.w". */
static size_t common_end(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), common = 0;
    for (size_t i = 1; i <= n && i <= m && a[n - i] == b[m - i]; i++)
        if ((i == n || a[n - i - 1] == '.' || a[n - i] == '.') &&
            (i == m || b[m - i - 1] == '.' || b[m - i] == '.'))
            common = i;
    return common;
}

/* The path nearest to `name`: with typing errors, or else with the same last parts. NULL: none. */
static const char *nearest_path(const char *name, const char *const *paths, int count) {
    const char *best = NULL;
    int limit = (int)strlen(name) / 3;
    if (limit > 3) limit = 3;
    int distance = limit + 1;
    for (int i = 0; i < count; i++) {
        int now = at_text_distance(name, paths[i], distance);
        if (now >= distance) continue;
        distance = now;
        best = paths[i];
    }
    size_t end = 0;
    for (int i = 0; i < count && distance > limit; i++) {
        size_t now = common_end(name, paths[i]);
        if (now <= end) continue;
        end = now;
        best = paths[i];
    }
    return best;
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

typedef struct {
    at_session *s;
    const at_kept *kept;
    const int64_t *extents;
    at_evaluate evaluate;
    void *user;
    lookup all;
    int64_t missing; /* how many of what must be given were not */
    const char *missing_name; /* the first of them */
    const at_array *missing_array;
} binding;

/* ---- one array ------------------------------------------------------------------------------- */

static bool fits_shape(const binding *b, const at_array *array, const char *name,
                       const at_tensor *given, int rounds) {
    at_session *s = b->s;
    const int64_t *extents = b->extents;
    bool fits = given->rank == array->rank - rounds;
    for (int i = 0; fits && i < given->rank; i++)
        fits = given->extents[i] == extents[array->axes[rounds + i]->id];
    if (fits) return at_fits_kind(s, array, name, given, b->kept->from);
    char shape[256];
    at_tensor_describe(given, shape);
    at_text axes = {0};
    for (int i = rounds; i < array->rank; i++)
        at_text_addf(&axes, "%s%s = %" PRId64, i > rounds ? ", " : "", array->axes[i]->name,
                     extents[array->axes[i]->id]);
    at_diag *diag =
        at_error(s, given->rank == array->rank - rounds ? AT_E_BIND_EXTENT : AT_E_BIND_RANK,
                 array->span, "`%s` was given as %s, and is %s%s here", name, shape,
                 axes.data ? "over " : "a scalar", axes.data ? axes.data : "");
    at_note_given(s, diag, b->kept->from);
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

static void split_rounds(int64_t slice, const at_array *array, const int64_t *extents, int rounds,
                         int64_t *round) {
    for (int i = rounds - 1; i >= 0; i--) {
        int64_t extent = extents[array->axes[i]->id];
        round[i] = slice % extent;
        slice /= extent;
    }
}

/* ---- one after the other --------------------------------------------------------------------- */

/* Fills `out` with what was given, and looks on after errors. A state that was not given keeps the
 * value that it begins with; params are all given or it is an error, which is told once for all. */
static bool take_given(binding *b, const at_array *array, at_tensor *out) {
    at_session *s = b->s;
    int rounds = rounds_in(array->path);
    if (rounds > array->rank) rounds = array->rank;
    int64_t slices = 1, round[AT_RANK_LIMIT];
    for (int i = 0; i < rounds; i++) slices *= b->extents[array->axes[i]->id];
    bool good = true;
    at_text name = {0};
    for (int64_t slice = 0; slice < slices; slice++) {
        split_rounds(slice, array, b->extents, rounds, round);
        round_name(array->path, rounds, round, &name);
        const at_tensor *given = look_up(&b->all, name.data);
        if (given) {
            good &= fits_shape(b, array, name.data, given, rounds) &&
                    place_slice(s, name.data, given, out, slice);
        } else if (b->kept->complete && !b->missing++) {
            b->missing_name = at_copy_text(s->arena, name.data, name.length);
            b->missing_array = array;
        }
    }
    at_text_free(&name);
    return good;
}

/* *out is the array, or NULL when it cannot be made; false after an error. */
static bool bind_one(binding *b, const at_start *start, at_tensor **out) {
    const at_array *array = start->array;
    const at_kept *kept = b->kept;
    int64_t shape[AT_RANK_LIMIT];
    if (array->rank > AT_RANK_LIMIT) {
        at_error(b->s, AT_E_TENSOR_RANK, array->span, "`%s` has %d axes, and may have at most %d",
                 array->name, array->rank, AT_RANK_LIMIT);
        return false;
    }
    for (int i = 0; i < array->rank; i++) shape[i] = b->extents[array->axes[i]->id];
    bool begins = !kept->given || !kept->complete;
    at_type type = at_bound_type(array->kind, kept->type);
    at_type first = begins ? at_bound_type(array->kind, AT_TYPE_F64) : type;
    *out = at_tensor_new(b->s, first, shape, array->rank, array->name);
    if (!*out) return false;
    bool good = !begins || b->evaluate(b->s, b->user, start, b->extents, *out);
    if (good && first != type) {
        at_tensor *evaluated = *out;
        *out = at_tensor_convert(b->s, evaluated, type, array->name);
        at_tensor_free(evaluated);
        good = *out != NULL;
    }
    if (good) return !kept->given || take_given(b, array, *out);
    at_tensor_free(*out);
    *out = NULL;
    return false;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool report_missing(const binding *b) {
    at_session *s = b->s;
    const char *word = b->kept->word, *name = b->missing_name;
    if (!b->missing) return true;
    const char *from = b->kept->from;
    at_diag *diag = at_error(s, AT_E_BIND_MISSING, b->missing_array->span,
                             "the %s `%s` is missing%s%s", word, name, from ? " in " : "",
                             from ? from : "");
    if (b->missing > 1)
        at_note(s, diag, at_no_span(), "so %s %" PRId64 " more", b->missing == 2 ? "is" : "are",
                b->missing - 1);
    const char **unused = AT_NEW_ARRAY(s->arena, const char *, b->all.count + 1);
    int count = 0;
    for (int i = 0; i < b->all.count; i++)
        if (!b->all.used[i]) unused[count++] = b->all.sorted[i]->name;
    const char *near = nearest_path(name, unused, count);
    if (near) at_hint(s, diag, "nearest to it among what is given is `%s`", near);
    else
        at_hint(s, diag, "a file gives every %s; without one they all begin as the program says",
                word);
    return false;
}

/* Says that the program has no such array, and what comes nearest. */
static void report_one_unused(const binding *b, const char *name) {
    at_session *s = b->s;
    const at_kept *kept = b->kept;
    at_diag *diag =
        kept->from ? at_error(s, AT_E_BIND_UNKNOWN, at_no_span(),
                              "%s holds `%s`, but the program has no such %s", kept->from, name,
                              kept->word)
                   : at_error(s, AT_E_BIND_UNKNOWN, at_no_span(), "the program has no %s `%s`",
                              kept->word, name);
    int64_t round[AT_RANK_LIMIT];
    int rounds;
    const char *path = without_rounds(s, name, round, &rounds);
    const char **paths = AT_NEW_ARRAY(s->arena, const char *, kept->count + 1);
    for (int i = 0; i < kept->count; i++) paths[i] = kept->starts[i].array->path;
    const char *near = nearest_path(path, paths, kept->count);
    const at_array *array = NULL;
    for (int i = 0; i < kept->count; i++)
        if (near && strcmp(paths[i], near) == 0) array = kept->starts[i].array;
    if (!near) {
        at_hint(s, diag, kept->count ? "it has `%s`%s" : "it has none%s%s",
                kept->count ? paths[0] : "", kept->count > 1 ? " and others" : "");
    } else if (strcmp(near, path) == 0) {
        for (int i = 0; i < rounds && i < array->rank; i++) {
            int64_t count = b->extents[array->axes[i]->id];
            if (round[i] >= count)
                at_hint(s, diag, "`%s` has %" PRId64 " round%s, counted from 0", near, count,
                        count == 1 ? "" : "s");
        }
    } else {
        at_text text = {0};
        if (rounds_in(near) == rounds) round_name(near, rounds, round, &text);
        at_hint(s, diag, "did you mean `%s`?", text.data ? text.data : near);
        at_text_free(&text);
    }
}

static bool bind_all(binding *b, at_tensor **out) {
    const at_kept *kept = b->kept;
    bool good = true;
    for (int i = 0; i < kept->count; i++) {
        good &= bind_one(b, &kept->starts[i], &out[i]);
        if (!out[i]) return false;
    }
    good &= report_missing(b);
    for (int i = 0; i < b->all.count; i++) {
        if (b->all.used[i]) continue;
        report_one_unused(b, b->all.sorted[i]->name);
        good = false;
    }
    return good;
}

bool at_bind_kept(at_session *s, const at_kept *kept, const int64_t *extents, at_evaluate evaluate,
                  void *user, at_tensor **out) {
    binding b = {.s = s, .kept = kept, .extents = extents, .evaluate = evaluate, .user = user};
    bool good = lookup_new(s, kept->given, &b.all) && bind_all(&b, out);
    lookup_free(&b.all);
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
        round_name(array->path, rounds, round, &name);
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
