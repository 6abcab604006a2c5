/* An .npz file, a zip of .npy files, to named arrays. zip.c has checked the table by the time
 * anything is inflated; here each member becomes a tensor, its length and checksum are compared
 * with what the table promised, and its name loses the .npy.
 *
 * Memory is taken member by member, each after its own header was read, and nothing is taken when
 * all of them together declare more than the machine has free. */
#include "tensor/tensor_int.h"

#include <inttypes.h>
#include <string.h>

/* ---- collections ----------------------------------------------------------------------------- */

void at_collection_add(at_session *s, at_collection *collection, const char *name,
                       at_tensor *tensor) {
    at_named named = {at_copy_text(s->arena, name, strlen(name)), tensor};
    AT_PUSH(s->arena, collection->items, collection->count, collection->capacity, named);
}

at_tensor *at_collection_find(const at_collection *collection, const char *name) {
    for (int i = 0; i < collection->count; i++)
        if (strcmp(collection->items[i].name, name) == 0) return collection->items[i].tensor;
    return NULL;
}

void at_collection_free(at_collection *collection) {
    for (int i = 0; i < collection->count; i++) at_tensor_free(collection->items[i].tensor);
    *collection = (at_collection){0};
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    const char *name;
    bool from_path;
    at_bytes bytes;
    at_stream stream;
    at_collection arrays; /* what is read so far; owned until the end */
    at_collection *out;
} reading;

/* "encoder.w" of "encoder.w.npy", in the arena; NULL after an error. */
static const char *array_name(const reading *r, const char *member) {
    at_session *s = r->session;
    size_t length = strlen(member);
    if (length > 4 && strcmp(member + length - 4, ".npy") == 0)
        return at_copy_text(s->arena, member, length - 4);
    const char *shown = at_shown(s, member, length, AT_SHOWN_NAME);
    at_diag *diag = at_error(s, AT_E_NPZ_NAME, at_no_span(),
                             "%s holds `%s`, which is not a named array (`NAME.npy`)", r->name,
                             shown);
    if (length > 8 && strcmp(member + length - 8, "data.pkl") == 0)
        at_hint(s, diag, "it looks like a file of PyTorch's: there, save the arrays by "
                         "np.savez(path, **{name: t.numpy() for name, t in state.items()})");
    return NULL;
}

static bool read_member(reading *r, const at_zip_member *m) {
    at_session *s = r->session;
    const char *name = array_name(r, m->name);
    if (!name) return false;
    const char *shown = at_shown(s, name, strlen(name), AT_SHOWN_NAME);
    const char *title = at_format(s->arena, "`%s` in %s", shown, r->name);
    /* The place is made first: from then on the tensor is never held by nobody. */
    at_collection_add(s, &r->arrays, name, NULL);
    at_tensor **place = &r->arrays.items[r->arrays.count - 1].tensor;
    uint64_t packed = m->end - m->data;
    at_stream_open(&r->stream, &r->bytes, m->data, packed, m->deflated, m->size);
    *place = at_npy_load(s, title, &r->stream, m->size);
    if (!*place) return false;
    if (!at_stream_finish(&r->stream)) {
        at_stream_report(s, title, &r->stream);
        return false;
    }
    if (r->stream.crc != m->crc) {
        at_diag *diag = at_error(s, AT_E_ZIP_DAMAGED, at_no_span(),
                                 "%s is damaged: its checksum is %08" PRIx32 ", and %08" PRIx32
                                 " was written", title, r->stream.crc, m->crc);
        at_hint(s, diag, "copy or save the file again");
        return false;
    }
    at_stream_close(&r->stream);
    return true;
}

/* All members together: many that each look harmless can still be more than the machine has. */
static bool check_memory(const reading *r, const at_zip *zip) {
    uint64_t all = 0;
    for (int i = 0; i < zip->count; i++)
        if (__builtin_add_overflow(all, zip->items[i].size, &all)) all = UINT64_MAX;
    size_t available = all > AT_MEMORY_SMALL ? at_memory_free() : SIZE_MAX;
    if (all <= available) return true;
    at_session *s = r->session;
    char size[32], room[32];
    at_bytes_describe(all, size);
    at_bytes_describe(available, room);
    at_diag *diag = at_error(s, AT_E_MEMORY, at_no_span(),
                             "no memory for the arrays of %s: they take %s", r->name, size);
    at_note(s, diag, at_no_span(), "%s are free now", room);
    return false;
}

static bool read_npz(void *user) {
    reading *r = user;
    at_zip zip;
    if (r->from_path && !at_bytes_open(r->session, r->name, &r->bytes)) return false;
    if (!at_zip_list(r->session, r->name, &r->bytes, &zip) || !check_memory(r, &zip)) return false;
    for (int i = 0; i < zip.count; i++)
        if (!read_member(r, &zip.items[i])) return false;
    *r->out = r->arrays;
    r->arrays = (at_collection){0};
    return true;
}

static void release(void *user) {
    reading *r = user;
    at_stream_close(&r->stream);
    at_bytes_close(&r->bytes);
    at_collection_free(&r->arrays);
}

bool at_npz_parse(at_session *s, const char *name, const unsigned char *bytes, size_t length,
                  at_collection *out) {
    *out = (at_collection){0};
    reading r = {.session = s, .name = name, .bytes = at_bytes_of(bytes, length), .out = out};
    return at_released(s, read_npz, release, &r);
}

bool at_npz_read(at_session *s, const char *path, at_collection *out) {
    *out = (at_collection){0};
    reading r = {.session = s, .name = path, .from_path = true, .bytes = at_bytes_of(NULL, 0),
                 .out = out};
    return at_released(s, read_npz, release, &r);
}
