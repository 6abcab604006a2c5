/* A .safetensors file to named arrays: eight bytes with the length of the header, the header (JSON,
 * see safetensors_header.c), and the data, one array after the other. The header is believed only
 * as far as the file bears it out: the arrays must cover the data from their first byte to their
 * last, without gaps or overlaps, each as long as its shape and type say.
 *
 * Such files hold trained parameters, gigabytes of them. A large array that lies in the file as it
 * is needed is therefore mapped: nothing is read until it is used, and two runs share what they
 * read. The price: if another program cuts the file short while a run reads it, the run ends.
 * Programs that write such files replace them as a whole, as this one does. Small arrays are
 * copied, and bools, in which a file may hold other bytes than 0 and 1. */
#include "tensor/tensor_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PREAMBLE = 8, MAPPED_FROM = 64 << 10 };

typedef struct {
    at_session *session;
    const char *name;
    bool from_path;
    at_bytes bytes;
    uint64_t data;    /* where they begin */
    char *header;     /* owned */
    at_safetensors_list list;
    at_mapping *mapping; /* owned; made when it is first needed */
    at_collection arrays; /* what is read so far; owned until the end */
    at_collection *out;
} reading;

/* ---- header ---------------------------------------------------------------------------------- */

/* Says that this is another kind of file, and which, as far as its first bytes tell. */
static bool other_format(reading *r, const unsigned char *head, const char *why) {
    at_diag *diag = at_error(r->session, AT_E_SAFETENSORS_FORMAT, at_no_span(),
                             "%s is not a .safetensors file: %s", r->name, why);
    if (memcmp(head, "PK", 2) == 0) at_hint(r->session, diag, "it is a zip: call it .npz");
    if (memcmp(head, "\x93NUMPY", 6) == 0)
        at_hint(r->session, diag, "it is a .npy file: call it .npy");
    return false;
}

static bool unreadable(reading *r) {
    at_error(r->session, AT_E_FILE_READ, at_no_span(), "cannot read %s: %s", r->name,
             errno ? strerror(errno) : "it became shorter");
    return false;
}

static bool read_header(reading *r) {
    at_session *s = r->session;
    unsigned char head[PREAMBLE] = {0};
    uint64_t length = 0, all = r->bytes.length;
    size_t some = all < PREAMBLE ? (size_t)all : PREAMBLE;
    if (!at_bytes_get(&r->bytes, 0, head, some)) return unreadable(r);
    if (all < PREAMBLE)
        return other_format(r, head, at_format(s->arena, "it has %" PRIu64 " byte%s", all,
                                               all == 1 ? "" : "s"));
    for (int i = 0; i < PREAMBLE; i++) length |= (uint64_t)head[i] << 8 * i;
    if (length > AT_SAFETENSORS_HEADER_LIMIT)
        return other_format(r, head, at_format(s->arena, "its header would have %" PRIu64
                                               " bytes, and may have 100 million", length));
    if (length > all - PREAMBLE) {
        at_error(s, AT_E_SAFETENSORS_SIZE, at_no_span(),
                 "%s is cut off inside its header: that has %" PRIu64 " bytes, and %" PRIu64
                 " follow", r->name, length, all - PREAMBLE);
        return false;
    }
    r->header = malloc((size_t)length + 1);
    if (!r->header) {
        at_error(s, AT_E_MEMORY, at_no_span(), "no memory for the header of %s", r->name);
        return false;
    }
    if (!at_bytes_get(&r->bytes, PREAMBLE, r->header, (size_t)length)) return unreadable(r);
    r->header[length] = 0;
    if (r->header[0] != '{') return other_format(r, head, "its header does not begin with `{`");
    r->data = PREAMBLE + length;
    return at_safetensors_header_parse(s, r->name, r->header, (size_t)length, &r->list);
}

/* ---- what entries promise -------------------------------------------------------------------- */

static bool check_entry(reading *r, at_safetensors_entry *entry) {
    at_session *s = r->session;
    size_t element = at_type_bytes(entry->type);
    char shape[AT_DESCRIBE_BYTES];
    at_shape_describe(entry->type, entry->extents, entry->rank, shape);
    entry->count = at_shape_count(entry->extents, entry->rank, element);
    if (entry->count < 0) {
        at_error(s, AT_E_SAFETENSORS_SIZE, at_no_span(),
                 "`%s` in %s would be %s, more than any memory can hold",
                 at_safetensors_shown(s, entry), r->name, shape);
        return false;
    }
    uint64_t bytes = (uint64_t)entry->count * element;
    if (entry->begin <= entry->end && entry->end - entry->begin == bytes) return true;
    at_error(s, AT_E_SAFETENSORS_SIZE, at_no_span(),
             "`%s` in %s: %s takes %" PRIu64 " byte%s, and its offsets are %" PRIu64 " to %" PRIu64,
             at_safetensors_shown(s, entry), r->name, shape, bytes, bytes == 1 ? "" : "s",
             entry->begin, entry->end);
    return false;
}

static int by_place(const void *a, const void *b) {
    const at_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool report_order(reading *r, const at_safetensors_entry *entry, uint64_t end) {
    at_session *s = r->session;
    const char *shown = at_safetensors_shown(s, entry);
    if (entry->begin > end)
        at_error(s, AT_E_SAFETENSORS_SIZE, at_no_span(),
                 "the bytes %" PRIu64 " to %" PRIu64
                 " of the data of %s, before `%s`, belong to no "
                 "array",
                 end, entry->begin, r->name, shown);
    else
        at_error(s, AT_E_SAFETENSORS_SIZE, at_no_span(),
                 "`%s` and `%s` in %s overlap: the one ends at byte %" PRIu64
                 " of the data, and the other begins at %" PRIu64,
                 at_safetensors_shown(s, entry - 1), shown, r->name, end, entry->begin);
    return false;
}

/* Puts the entries in the order of their data, and checks that they cover it. */
static bool check_entries(reading *r) {
    at_safetensors_list *list = &r->list;
    for (int i = 0; i < list->count; i++)
        if (!check_entry(r, &list->items[i])) return false;
    if (list->count) qsort(list->items, (size_t)list->count, sizeof *list->items, by_place);
    uint64_t end = 0, data = r->bytes.length - r->data;
    for (int i = 0; i < list->count; i++) {
        if (list->items[i].begin != end) return report_order(r, &list->items[i], end);
        end = list->items[i].end;
    }
    if (end == data) return true;
    at_error(r->session, AT_E_SAFETENSORS_SIZE, at_no_span(),
             "%s %s: its arrays take %" PRIu64 " bytes, and %" PRIu64 " follow its header", r->name,
             end > data ? "is cut off" : "is too long", end, data);
    return false;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* The array where it lies in the file; NULL when it must be copied. */
static at_tensor *borrow(reading *r, const at_safetensors_entry *entry) {
    uint64_t place = r->data + entry->begin;
    if (entry->end - entry->begin < MAPPED_FROM || entry->type == AT_TYPE_BOOL ||
        place % at_type_bytes(entry->type))
        return NULL;
    if (!r->mapping) r->mapping = at_bytes_map(&r->bytes);
    at_tensor *tensor = r->mapping ? calloc(1, sizeof *tensor) : NULL;
    if (!tensor) return NULL;
    tensor->type = entry->type;
    tensor->rank = entry->rank;
    at_move(tensor->extents, entry->extents, sizeof *entry->extents * (size_t)entry->rank);
    tensor->count = entry->count;
    tensor->mapping = at_mapping_use(r->mapping);
    tensor->data = r->mapping->start + place;
    return tensor;
}

static bool read_array(reading *r, const at_safetensors_entry *entry) {
    at_session *s = r->session;
    /* The place is made first: from then on the tensor is never held by nobody. */
    at_collection_add(s, &r->arrays, entry->name, NULL);
    at_tensor **place = &r->arrays.items[r->arrays.count - 1].tensor;
    *place = borrow(r, entry);
    if (*place) return true;
    /* Only what takes much is told by its name; making names costs more than most arrays. */
    size_t bytes = (size_t)(entry->end - entry->begin);
    const char *title = bytes < MAPPED_FROM ? r->name
                                            : at_format(s->arena, "`%s` in %s",
                                                        at_safetensors_shown(s, entry), r->name);
    *place = at_tensor_new(s, entry->type, entry->extents, entry->rank, title);
    if (!*place) return false;
    if (!at_bytes_get(&r->bytes, r->data + entry->begin, (*place)->data, bytes))
        return unreadable(r);
    at_bools_clean(*place);
    return true;
}

static bool read_safetensors(void *user) {
    reading *r = user;
    if (r->from_path && !at_bytes_open(r->session, r->name, &r->bytes)) return false;
    if (!read_header(r) || !check_entries(r)) return false;
    for (int i = 0; i < r->list.count; i++)
        if (!read_array(r, &r->list.items[i])) return false;
    *r->out = r->arrays;
    r->arrays = (at_collection){0};
    return true;
}

static void release(void *user) {
    reading *r = user;
    at_collection_free(&r->arrays);
    at_mapping_release(r->mapping);
    at_bytes_close(&r->bytes);
    free(r->header);
}

bool at_safetensors_parse(at_session *s, const char *name, const unsigned char *bytes,
                          size_t length, at_collection *out) {
    *out = (at_collection){0};
    reading r = {.session = s, .name = name, .bytes = at_bytes_of(bytes, length), .out = out};
    return at_released(s, read_safetensors, release, &r);
}

bool at_safetensors_read(at_session *s, const char *path, at_collection *out) {
    *out = (at_collection){0};
    reading r = {.session = s, .name = path, .from_path = true, .bytes = at_bytes_of(NULL, 0),
                 .out = out};
    return at_released(s, read_safetensors, release, &r);
}
