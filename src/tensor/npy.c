/* A .npy file to a tensor and back. Everything comes through a stream, so that an array in a file,
 * in memory, and in a deflated member of an .npz are read by the same lines: preamble, header,
 * then the data straight into its tensor.
 *
 * The header is believed only as far as the file bears it out: data bytes are compared with the
 * bytes that are there before any memory is taken for them. */
#include "tensor/tensor_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

void at_stream_report(at_session *s, const char *name, const at_stream *stream) {
    at_span nowhere = at_no_span();
    switch (stream->state) {
    case AT_STREAM_FINE: break;
    case AT_STREAM_SHORT:
        if (stream->deflated && stream->left == 0)
            at_error(s, AT_E_ZIP_SIZE, nowhere, "the compressed data of %s has no end", name);
        else if (stream->deflated)
            at_error(s, AT_E_ZIP_SIZE, nowhere, "%s inflates to %" PRIu64
                     " bytes less than its zip entry says", name, stream->left);
        else
            at_error(s, AT_E_NPY_SIZE, nowhere, "%s ends %" PRIu64 " bytes early", name,
                     stream->left);
        break;
    case AT_STREAM_LONG:
        at_error(s, AT_E_ZIP_SIZE, nowhere, "%s goes on after the bytes that its zip entry says",
                 name);
        break;
    case AT_STREAM_DAMAGED:
        at_error(s, AT_E_ZIP_DAMAGED, nowhere, "the compressed data of %s is damaged", name);
        break;
    case AT_STREAM_UNREADABLE:
        at_error(s, AT_E_FILE_READ, nowhere, "cannot read %s: %s", name, strerror(stream->reason));
        break;
    case AT_STREAM_MEMORY:
        at_error(s, AT_E_MEMORY, nowhere, "no memory to inflate %s", name);
        break;
    }
}

typedef struct {
    at_session *session;
    const char *name;
    at_stream *stream;
    uint64_t length;
    at_tensor *raw;    /* as in the file; owned */
    at_tensor *result; /* owned until given away */
} loading;

/* Preamble and header; `used` is what they take. False after an error. */
static bool load_header(loading *l, at_npy_layout *layout, uint64_t *used) {
    at_session *s = l->session;
    at_span nowhere = at_no_span();
    unsigned char head[12];
    if (l->length < 10) {
        at_error(s, AT_E_NPY_MAGIC, nowhere, "%s is not a .npy file: it has %" PRIu64 " byte%s",
                 l->name, l->length, l->length == 1 ? "" : "s");
        return false;
    }
    if (!at_stream_read(l->stream, head, 10)) {
        at_stream_report(s, l->name, l->stream);
        return false;
    }
    if (memcmp(head, "\x93NUMPY", 6) != 0) {
        at_diag *diag = at_error(s, AT_E_NPY_MAGIC, nowhere,
                                 "%s is not a .npy file: it does not begin with \\x93NUMPY",
                                 l->name);
        if (memcmp(head, "PK", 2) == 0) at_hint(s, diag, "it is a zip: call it .npz");
        return false;
    }
    if (head[6] < 1 || head[6] > 3 || head[7] != 0) {
        at_error(s, AT_E_NPY_VERSION, nowhere,
                 "%s is a .npy file of version %d.%d; 1.0, 2.0 and 3.0 are known", l->name, head[6],
                 head[7]);
        return false;
    }
    uint64_t size = (uint64_t)head[8] | (uint64_t)head[9] << 8;
    *used = 10;
    if (head[6] > 1) {
        if (l->length < 12) size = UINT64_MAX;
        else if (!at_stream_read(l->stream, head + 10, 2)) {
            at_stream_report(s, l->name, l->stream);
            return false;
        } else size |= (uint64_t)head[10] << 16 | (uint64_t)head[11] << 24;
        *used = 12;
    }
    if (*used > l->length || size > l->length - *used) {
        at_error(s, AT_E_NPY_SIZE, nowhere, "%s is cut off inside its header", l->name);
        return false;
    }
    if (size > AT_NPY_HEADER_LIMIT) {
        at_error(s, AT_E_NPY_HEADER, nowhere,
                 "the header of %s has %" PRIu64 " bytes, and an array of numbers never needs %d",
                 l->name, size, AT_NPY_HEADER_LIMIT);
        return false;
    }
    char text[AT_NPY_HEADER_LIMIT];
    if (!at_stream_read(l->stream, text, size)) {
        at_stream_report(s, l->name, l->stream);
        return false;
    }
    *used += size;
    return at_npy_header_parse(s, l->name, text, (size_t)size, layout);
}

static void swap_bytes(at_tensor *tensor) {
    uint16_t *two = tensor->data;
    uint32_t *four = tensor->data;
    uint64_t *eight = tensor->data;
    switch (at_type_bytes(tensor->type)) {
    case 2:
        for (int64_t i = 0; i < tensor->count; i++) two[i] = __builtin_bswap16(two[i]);
        break;
    case 4:
        for (int64_t i = 0; i < tensor->count; i++) four[i] = __builtin_bswap32(four[i]);
        break;
    case 8:
        for (int64_t i = 0; i < tensor->count; i++) eight[i] = __builtin_bswap64(eight[i]);
        break;
    default: break;
    }
}

/* to[i0, …, in] = from, whose first axis is fastest. `to` is walked in order, an odometer keeps the
 * place in `from`. Extents of 1 do not move it, so the innermost loop is over the last axis. */
static void from_fortran(const at_tensor *from, at_tensor *to) {
    int rank = to->rank, last = rank - 1;
    if (to->count == 0) return;
    size_t bytes = at_type_bytes(to->type);
    size_t stride[AT_RANK_LIMIT], place = 0, step = bytes;
    int64_t index[AT_RANK_LIMIT] = {0};
    for (int axis = 0; axis < rank; axis++) {
        stride[axis] = step;
        step *= (size_t)to->extents[axis];
    }
    const char *source = from->data;
    char *target = to->data;
    for (int64_t done = 0; done < to->count; done += to->extents[last]) {
        for (int64_t i = 0; i < to->extents[last]; i++, target += bytes)
            memcpy(target, source + place + (size_t)i * stride[last], bytes);
        for (int axis = last - 1; axis >= 0; axis--) {
            place += stride[axis];
            if (++index[axis] < to->extents[axis]) break;
            place -= (size_t)index[axis] * stride[axis];
            index[axis] = 0;
        }
    }
}

static bool load(void *user) {
    loading *l = user;
    at_session *s = l->session;
    at_npy_layout layout;
    uint64_t used;
    if (!load_header(l, &layout, &used)) return false;
    uint64_t rest = l->length - used;
    uint64_t wanted = (uint64_t)layout.count * at_type_bytes(layout.type);
    if (rest != wanted) {
        char shape[AT_DESCRIBE_BYTES];
        at_shape_describe(layout.type, layout.extents, layout.rank, shape);
        at_diag *diag = at_error(s, AT_E_NPY_SIZE, at_no_span(),
                                 "%s %s: %s takes %" PRIu64 " bytes, and %" PRIu64
                                 " follow its header", l->name,
                                 rest < wanted ? "is cut off" : "is too long", shape, wanted, rest);
        if (rest > wanted)
            at_hint(s, diag, "a .npy file holds one array; several go into an .npz, by np.savez");
        return false;
    }
    l->raw = at_tensor_new(s, layout.type, layout.extents, layout.rank, l->name);
    if (!l->raw) return false;
    if (!at_stream_read(l->stream, l->raw->data, wanted)) {
        at_stream_report(s, l->name, l->stream);
        return false;
    }
    if (layout.swapped) swap_bytes(l->raw);
    at_bools_clean(l->raw);
    if (layout.fortran && layout.rank > 1) {
        l->result = at_tensor_new(s, layout.type, layout.extents, layout.rank, l->name);
        if (l->result) from_fortran(l->raw, l->result);
    } else {
        l->result = l->raw;
        l->raw = NULL;
    }
    return l->result != NULL;
}

static void release_loading(void *user) {
    loading *l = user;
    at_tensor_free(l->raw);
    l->raw = NULL;
}

at_tensor *at_npy_load(at_session *s, const char *name, at_stream *stream, uint64_t length) {
    loading l = {s, name, stream, length, NULL, NULL};
    return at_released(s, load, release_loading, &l) ? l.result : NULL;
}

typedef struct {
    at_session *session;
    const char *name;
    bool from_path;
    at_bytes bytes;
    at_stream stream;
    at_tensor *result;
} reading;

static bool read_npy(void *user) {
    reading *r = user;
    if (r->from_path && !at_bytes_open(r->session, r->name, &r->bytes)) return false;
    at_stream_open(&r->stream, &r->bytes, 0, r->bytes.length, false, r->bytes.length);
    r->result = at_npy_load(r->session, r->name, &r->stream, r->bytes.length);
    return r->result != NULL;
}

static void release_reading(void *user) {
    reading *r = user;
    at_stream_close(&r->stream);
    at_bytes_close(&r->bytes);
}

at_tensor *at_npy_parse(at_session *s, const char *name, const unsigned char *bytes,
                        size_t length) {
    reading r = {.session = s, .name = name, .bytes = at_bytes_of(bytes, length)};
    return at_released(s, read_npy, release_reading, &r) ? r.result : NULL;
}

at_tensor *at_npy_read(at_session *s, const char *path) {
    reading r = {.session = s, .name = path, .from_path = true, .bytes = at_bytes_of(NULL, 0)};
    return at_released(s, read_npy, release_reading, &r) ? r.result : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

uint64_t at_npy_bytes(const at_tensor *tensor) {
    char header[AT_NPY_PREAMBLE_BYTES];
    size_t element = at_type_bytes(at_npy_type(tensor->type));
    return at_npy_header_print(tensor, header) + (uint64_t)tensor->count * element;
}

bool at_npy_put(const at_tensor *tensor, bool (*put)(void *user, const void *bytes, size_t n),
                void *user) {
    char header[AT_NPY_PREAMBLE_BYTES];
    if (!put(user, header, at_npy_header_print(tensor, header))) return false;
    if (at_npy_type(tensor->type) == tensor->type)
        return put(user, tensor->data, (size_t)tensor->count * at_type_bytes(tensor->type));
    enum { PIECE = 1024 };
    const uint16_t *bfloats = tensor->data;
    const uint8_t *codes = tensor->data;
    for (int64_t begin = 0; begin < tensor->count; begin += PIECE) {
        float wide[PIECE];
        int n = tensor->count - begin < PIECE ? (int)(tensor->count - begin) : PIECE;
        for (int i = 0; i < n; i++)
            wide[i] = tensor->type == AT_TYPE_BF16
                          ? at_bfloat_to_float(bfloats[begin + i])
                          : at_float8_to_float(tensor->type, codes[begin + i]);
        if (!put(user, wide, sizeof *wide * (size_t)n)) return false;
    }
    return true;
}

static bool put_file(void *file, const void *bytes, size_t n) {
    return fwrite(bytes, 1, n, file) == n;
}

typedef struct {
    const at_tensor *tensor;
} writing;

static bool write_npy(void *file, void *user) {
    const writing *w = user;
    return at_npy_put(w->tensor, put_file, file);
}

bool at_npy_write(at_session *s, const char *path, const at_tensor *tensor) {
    writing w = {tensor};
    return at_write_file(s, path, write_npy, &w);
}
