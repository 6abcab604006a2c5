/* Named arrays to a .safetensors file, the same bytes for the same arrays wherever and whenever it
 * is written. The widest elements come first, then what names say, and spaces after the header let
 * the data begin at a multiple of 64 bytes: so every array lies aligned to its elements, and a
 * reader can use it where it is. */
#include "tensor/tensor_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREAMBLE = 8, ALIGNMENT = 64 };

typedef struct {
    at_session *session;
    const char *path;
    const at_collection *arrays;
    const at_metadata *metadata;
    int metadata_count;
    const at_named **order; /* owned */
    at_text header;         /* owned */
} writing;

static int by_width(const void *a, const void *b) {
    const at_named *x = *(const at_named *const *)a, *y = *(const at_named *const *)b;
    size_t wide = at_type_bytes(x->tensor->type), other = at_type_bytes(y->tensor->type);
    return wide != other ? (wide > other ? -1 : 1) : strcmp(x->name, y->name);
}

static bool check_names(const writing *w) {
    at_session *s = w->session;
    at_map names = {0};
    for (int i = 0; i < w->arrays->count; i++) {
        const char *name = w->arrays->items[i].name;
        size_t length = strlen(name);
        const char *what = NULL;
        if (!at_name_plain(name, length)) what = "is not plain UTF-8 text";
        else if (strcmp(name, "__metadata__") == 0) what = "means something else there";
        else if (at_map_get(&names, name)) what = "is there twice";
        if (what) {
            at_error(s, AT_E_SAFETENSORS_NAME, at_no_span(), "cannot write %s: the name `%s` %s",
                     w->path, at_shown(s, name, length, AT_SHOWN_NAME), what);
            return false;
        }
        at_map_put(s->arena, &names, name, w->session);
    }
    return true;
}

/* ---- the header ------------------------------------------------------------------------------ */

static void add_string(at_text *out, const char *text) {
    at_text_add(out, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') at_text_addf(out, "\\%c", c);
        else if (c < 0x20) at_text_addf(out, "\\u%04x", c);
        else at_text_add_n(out, text, 1);
    }
    at_text_add(out, "\"");
}

static void add_metadata(writing *w) {
    at_text *out = &w->header;
    if (!w->metadata_count) return;
    at_text_add(out, "\"__metadata__\":{");
    for (int i = 0; i < w->metadata_count; i++) {
        if (i) at_text_add(out, ",");
        add_string(out, w->metadata[i].key);
        at_text_add(out, ":");
        add_string(out, w->metadata[i].value);
    }
    at_text_add(out, w->arrays->count ? "}," : "}");
}

static uint64_t bytes_of(const at_tensor *tensor) {
    return (uint64_t)tensor->count * at_type_bytes(tensor->type);
}

static void add_header(writing *w) {
    at_text *out = &w->header;
    uint64_t at = 0;
    at_text_add(out, "{");
    add_metadata(w);
    for (int i = 0; i < w->arrays->count; i++) {
        const at_tensor *tensor = w->order[i]->tensor;
        if (i) at_text_add(out, ",");
        add_string(out, w->order[i]->name);
        at_text_addf(out, ":{\"dtype\":\"%s\",\"shape\":[", at_safetensors_dtype(tensor->type));
        for (int k = 0; k < tensor->rank; k++)
            at_text_addf(out, "%s%" PRId64, k ? "," : "", tensor->extents[k]);
        uint64_t end = at + bytes_of(tensor);
        at_text_addf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, end);
        at = end;
    }
    at_text_add(out, "}");
    size_t end = PREAMBLE + out->length;
    at_text_pad(out, ' ', (int)((ALIGNMENT - end % ALIGNMENT) % ALIGNMENT));
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool put(void *file, const void *bytes, size_t n) { return fwrite(bytes, 1, n, file) == n; }

static bool write_all(void *file, void *user) {
    writing *w = user;
    unsigned char length[PREAMBLE];
    uint64_t n = w->header.length;
    for (int i = 0; i < PREAMBLE; i++) length[i] = (unsigned char)(n >> 8 * i);
    if (!put(file, length, PREAMBLE) || !put(file, w->header.data, w->header.length)) return false;
    for (int i = 0; i < w->arrays->count; i++) {
        const at_tensor *tensor = w->order[i]->tensor;
        if (!put(file, tensor->data, (size_t)bytes_of(tensor))) return false;
    }
    return true;
}

static bool write_safetensors(void *user) {
    writing *w = user;
    int count = w->arrays->count;
    if (!check_names(w)) return false;
    w->order = malloc(sizeof *w->order * (size_t)(count + 1));
    if (w->order) {
        for (int i = 0; i < count; i++) w->order[i] = &w->arrays->items[i];
        qsort(w->order, (size_t)count, sizeof *w->order, by_width);
        add_header(w);
    }
    if (!w->order || w->header.failed) {
        at_error(w->session, AT_E_MEMORY, at_no_span(), "no memory to write %s", w->path);
        return false;
    }
    if (w->header.length > AT_SAFETENSORS_HEADER_LIMIT) {
        at_error(w->session, AT_E_SAFETENSORS_NAME, at_no_span(),
                 "cannot write %s: the names of its %d arrays take more than the 100 million bytes "
                 "of a header", w->path, count);
        return false;
    }
    return at_write_file(w->session, w->path, write_all, w);
}

static void release(void *user) {
    writing *w = user;
    free(w->order);
    at_text_free(&w->header);
}

bool at_safetensors_write(at_session *s, const char *path, const at_collection *arrays,
                          const at_metadata *metadata, int metadata_count) {
    writing w = {.session = s, .path = path, .arrays = arrays, .metadata = metadata,
                 .metadata_count = metadata_count};
    return at_released(s, write_safetensors, release, &w);
}
