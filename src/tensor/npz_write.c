/* Named arrays to an .npz file: a zip of .npy files, the same bytes for the same arrays wherever
 * and whenever it is written. The only date in it is the earliest that zip has.
 *
 * The file is written from front to back without seeking, so it can go to a pipe. A stored
 * member's checksum is computed in a first walk over its data; a deflated one's sizes and checksum
 * follow its data, in a descriptor. Layout: APPNOTE.TXT 6.3, as in zip.c; 64-bit fields appear
 * where 32 bits do not suffice. */
#include "tensor/tensor_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 64 << 10, PIECE = 1 << 30, NAME_LIMIT = 65535 - 4, DATE_1980_01_01 = 0x21 };
enum { SIZES_AFTER = 1 << 3, UTF8_NAME = 1 << 11, STORED = 0, DEFLATED = 8 };

/* From here on a member has 64-bit sizes: with room for what deflate adds to what it cannot
 * shrink. */
static const uint64_t wide_from = 0xf0000000u;
static const uint32_t elsewhere = 0xffffffffu;

typedef struct {
    uint64_t begin, size, packed;
    uint32_t crc;
} member;

typedef struct {
    at_session *session;
    const char *path;
    const at_collection *arrays;
    bool compress;
    FILE *file;
    uint64_t at;      /* bytes written */
    member *members;  /* one for each array; owned */
    member *current;
    z_stream z;
    bool open;
    unsigned char *buffer; /* owned */
} writing;

static bool put(writing *w, const void *bytes, size_t n) {
    w->at += n;
    return fwrite(bytes, 1, n, w->file) == n;
}

/* ---- records --------------------------------------------------------------------------------- */

typedef struct {
    unsigned char bytes[128];
    size_t length;
} record;

static void add(record *r, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) r->bytes[r->length++] = (unsigned char)(value >> 8 * i);
}

static bool ascii(const char *name) {
    while (*name && (unsigned char)*name < 0x80) name++;
    return !*name;
}

/* What both headers of a member have in common, from "version needed" to the length of the name. */
static void add_common(record *r, const writing *w, const char *name, bool wide, uint32_t crc,
                       uint64_t packed, uint64_t size) {
    add(r, wide ? 45 : 20, 2);
    add(r, (w->compress ? SIZES_AFTER : 0u) | (ascii(name) ? 0u : UTF8_NAME), 2);
    add(r, w->compress ? DEFLATED : STORED, 2);
    add(r, 0, 2);
    add(r, DATE_1980_01_01, 2);
    add(r, crc, 4);
    add(r, packed, 4);
    add(r, size, 4);
    add(r, strlen(name) + 4, 2);
}

static bool put_name(writing *w, const char *name) {
    return put(w, name, strlen(name)) && put(w, ".npy", 4);
}

static bool put_local(writing *w, const char *name, const member *m) {
    bool wide = m->size >= wide_from, later = w->compress;
    record r = {.length = 0}, extra = {.length = 0};
    add(&r, 0x04034b50, 4);
    add_common(&r, w, name, wide, later ? 0 : m->crc, wide ? elsewhere : later ? 0 : m->packed,
               wide ? elsewhere : later ? 0 : m->size);
    add(&r, wide ? 20 : 0, 2);
    if (wide) {
        add(&extra, 1, 2);
        add(&extra, 16, 2);
        add(&extra, later ? 0 : m->size, 8);
        add(&extra, later ? 0 : m->packed, 8);
    }
    return put(w, r.bytes, r.length) && put_name(w, name) && put(w, extra.bytes, extra.length);
}

static bool put_descriptor(writing *w, const member *m) {
    record r = {.length = 0};
    int bytes = m->size >= wide_from ? 8 : 4;
    add(&r, 0x08074b50, 4);
    add(&r, m->crc, 4);
    add(&r, m->packed, bytes);
    add(&r, m->size, bytes);
    return put(w, r.bytes, r.length);
}

static bool put_entry(writing *w, const char *name, const member *m) {
    bool wide = m->size >= wide_from, far = m->begin >= elsewhere;
    record r = {.length = 0}, extra = {.length = 0};
    if (wide || far) {
        add(&extra, 1, 2);
        add(&extra, (wide ? 16u : 0u) + (far ? 8u : 0u), 2);
        if (wide) add(&extra, m->size, 8);
        if (wide) add(&extra, m->packed, 8);
        if (far) add(&extra, m->begin, 8);
    }
    add(&r, 0x02014b50, 4);
    add(&r, wide || far ? 45 : 20, 2); /* made by: as what is needed, on no system in particular */
    add_common(&r, w, name, wide || far, m->crc, wide ? elsewhere : m->packed,
               wide ? elsewhere : m->size);
    add(&r, extra.length, 2);
    add(&r, 0, 2);         /* no comment */
    add(&r, 0, 2);         /* this file */
    add(&r, 0, 2 + 4);     /* no attributes */
    add(&r, far ? elsewhere : m->begin, 4);
    return put(w, r.bytes, r.length) && put_name(w, name) && put(w, extra.bytes, extra.length);
}

static bool put_end(writing *w, uint64_t begin) {
    uint64_t size = w->at - begin, end = w->at, count = (uint64_t)w->arrays->count;
    bool many = count >= 0xffff, large = size >= elsewhere, far = begin >= elsewhere;
    record r = {.length = 0};
    if (many || large || far) {
        add(&r, 0x06064b50, 4);
        add(&r, 44, 8); /* bytes of this record after this field */
        add(&r, 45, 2);
        add(&r, 45, 2);
        add(&r, 0, 4 + 4);
        add(&r, count, 8);
        add(&r, count, 8);
        add(&r, size, 8);
        add(&r, begin, 8);
        add(&r, 0x07064b50, 4);
        add(&r, 0, 4);
        add(&r, end, 8);
        add(&r, 1, 4);
    }
    add(&r, 0x06054b50, 4);
    add(&r, 0, 2 + 2);
    add(&r, many ? 0xffff : count, 2);
    add(&r, many ? 0xffff : count, 2);
    add(&r, large ? elsewhere : size, 4);
    add(&r, far ? elsewhere : begin, 4);
    add(&r, 0, 2);
    return put(w, r.bytes, r.length);
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool sum_piece(void *user, const void *bytes, size_t n) {
    writing *w = user;
    w->current->crc = (uint32_t)crc32_z(w->current->crc, bytes, n);
    return true;
}

static bool store_piece(void *user, const void *bytes, size_t n) { return put(user, bytes, n); }

/* Deflates what is in the stream; writes what comes out. */
static bool deflate_some(writing *w, int flush) {
    z_stream *z = &w->z;
    int result;
    do {
        z->next_out = w->buffer;
        z->avail_out = BUFFER;
        result = deflate(z, flush);
        if (!put(w, w->buffer, BUFFER - z->avail_out)) return false;
    } while (flush == Z_FINISH ? result == Z_OK : z->avail_out == 0);
    return result != Z_STREAM_ERROR;
}

static bool deflate_piece(void *user, const void *bytes, size_t n) {
    writing *w = user;
    (void)sum_piece(w, bytes, n);
    const unsigned char *next = bytes;
    while (n) {
        size_t piece = n < PIECE ? n : PIECE;
        w->z.next_in = next;
        w->z.avail_in = (uInt)piece;
        if (!deflate_some(w, Z_NO_FLUSH)) return false;
        next += piece;
        n -= piece;
    }
    return true;
}

static bool write_member(writing *w, const at_named *array, member *m) {
    w->current = m;
    m->begin = w->at;
    m->size = m->packed = at_npy_bytes(array->tensor);
    m->crc = (uint32_t)crc32(0, NULL, 0);
    if (!w->compress)
        return at_npy_put(array->tensor, sum_piece, w) && put_local(w, array->name, m) &&
               at_npy_put(array->tensor, store_piece, w);
    if (!put_local(w, array->name, m)) return false;
    uint64_t data = w->at;
    if (!at_npy_put(array->tensor, deflate_piece, w)) return false;
    w->z.avail_in = 0;
    if (!deflate_some(w, Z_FINISH) || deflateReset(&w->z) != Z_OK) return false;
    m->packed = w->at - data;
    return put_descriptor(w, m);
}

static bool write_zip(void *file, void *user) {
    writing *w = user;
    w->file = file;
    if (w->compress) {
        w->open = deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8,
                               Z_DEFAULT_STRATEGY) == Z_OK;
        if (!w->open) {
            errno = ENOMEM;
            return false;
        }
    }
    int count = w->arrays->count;
    for (int i = 0; i < count; i++)
        if (!write_member(w, &w->arrays->items[i], &w->members[i])) return false;
    uint64_t begin = w->at;
    for (int i = 0; i < count; i++)
        if (!put_entry(w, w->arrays->items[i].name, &w->members[i])) return false;
    return put_end(w, begin);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool check_names(const writing *w) {
    at_session *s = w->session;
    at_map names = {0};
    for (int i = 0; i < w->arrays->count; i++) {
        const char *name = w->arrays->items[i].name;
        size_t length = strlen(name);
        const char *what = NULL;
        if (!at_name_plain(name, length)) what = "is not plain UTF-8 text";
        else if (length > NAME_LIMIT) what = "is longer than a zip can hold";
        else if (at_map_get(&names, name)) what = "is there twice";
        if (what) {
            at_error(s, AT_E_NPZ_NAME, at_no_span(), "cannot write %s: the name `%s` %s", w->path,
                     at_shown(s, name, length, AT_SHOWN_NAME), what);
            return false;
        }
        at_map_put(s->arena, &names, name, w->session);
    }
    return true;
}

static bool write_npz(void *user) {
    writing *w = user;
    if (!check_names(w)) return false;
    w->members = calloc((size_t)w->arrays->count + 1, sizeof *w->members);
    w->buffer = malloc(BUFFER);
    if (!w->members || !w->buffer) {
        at_error(w->session, AT_E_MEMORY, at_no_span(), "no memory to write %s", w->path);
        return false;
    }
    return at_write_file(w->session, w->path, write_zip, w);
}

static void release(void *user) {
    writing *w = user;
    if (w->open) deflateEnd(&w->z);
    free(w->members);
    free(w->buffer);
}

bool at_npz_write(at_session *s, const char *path, const at_collection *arrays, bool compress) {
    writing w = {.session = s, .path = path, .arrays = arrays, .compress = compress};
    return at_released(s, write_npz, release, &w);
}
