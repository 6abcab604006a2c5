/* Reading the table of a zip file: from its end, by the central directory. What comes out can be
 * inflated without further questions, because every claim that the two headers of a member make has
 * been checked against the file, against each other and against its neighbours.
 *
 * Zip is a format in which two readers of one file may see different things (overlapping members,
 * sizes that differ between the headers, names that differ, a second directory in the comment). No
 * writer of arrays makes such files, so all of these are errors. Overlap in particular would let a
 * small file unfold without bound (D. Fifield, "A better zip bomb", 2019).
 *
 * Layout: APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (end
 * records), 4.5.3 (zip64). */
#include "tensor/tensor_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50, ENTRY = 0x02014b50, END = 0x06054b50, END_64 = 0x06064b50,
    LOCATOR_64 = 0x07064b50,
    LOCAL_BYTES = 30, ENTRY_BYTES = 46, END_BYTES = 22, END_64_BYTES = 56, LOCATOR_BYTES = 20,
    COMMENT_LIMIT = 65535, MEMBER_LIMIT = 1 << 20,
    ENCRYPTED = 1 | 1 << 6 | 1 << 13, SIZES_AFTER = 1 << 3, PATCHED = 1 << 5,
    STORED = 0, DEFLATED = 8,
};

/* 258 bytes from 2 bits is the most that deflate can give. */
static const uint64_t largest_ratio = 1032;

typedef struct {
    at_session *session;
    const char *name; /* of the zip */
    const at_bytes *bytes;
    unsigned char *scratch;   /* 64 KiB and more: names and extra fields; owned */
    at_zip_member **sorted;   /* by where they lie; owned */
    uint64_t begin, end;      /* the directory */
    uint64_t count;
    at_zip *out;
} listing;

enum { SCRATCH = 2 * 65536 + ENTRY_BYTES + COMMENT_LIMIT };

static uint32_t get2(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t get4(const unsigned char *p) { return get2(p) | get2(p + 2) << 16; }
static uint64_t get8(const unsigned char *p) { return get4(p) | (uint64_t)get4(p + 4) << 32; }

static bool damaged(const listing *l, const char *what) {
    at_diag *diag = at_error(l->session, AT_E_ZIP_FORMAT, at_no_span(), "%s is damaged: %s",
                             l->name, what);
    at_hint(l->session, diag, "copy or save it again: a transfer that broke off does this");
    return false;
}

static bool in_parts(const listing *l) {
    at_error(l->session, AT_E_ZIP_FEATURE, at_no_span(), "%s is one part of a zip in several files",
             l->name);
    return false;
}

/* Bytes that must be there; an operating system's refusal is told apart from a short file. */
static bool get(const listing *l, uint64_t offset, void *to, size_t n, const char *what) {
    if (at_bytes_get(l->bytes, offset, to, n)) return true;
    if (errno) {
        at_error(l->session, AT_E_FILE_READ, at_no_span(), "cannot read %s: %s", l->name,
                 strerror(errno));
        return false;
    }
    return damaged(l, what);
}

/* ---- the end records ------------------------------------------------------------------------- */

/* Where the end record lies: the last one whose comment ends where the file ends. */
static bool find_end(listing *l, uint64_t *at) {
    uint64_t length = l->bytes->length;
    uint64_t window = length < END_BYTES + COMMENT_LIMIT ? length : END_BYTES + COMMENT_LIMIT;
    if (window && !get(l, length - window, l->scratch, (size_t)window, "its end is missing"))
        return false;
    for (uint64_t back = END_BYTES; back <= window; back++) {
        const unsigned char *p = l->scratch + (window - back);
        if (get4(p) == END && get2(p + 20) == back - END_BYTES) {
            *at = length - back;
            return true;
        }
    }
    at_session *s = l->session;
    unsigned char head[6] = {0};
    (void)at_bytes_get(l->bytes, 0, head, length < sizeof head ? (size_t)length : sizeof head);
    if (get4(head) == LOCAL)
        return damaged(l, "it begins like a zip, and its directory, at the end, is missing");
    at_diag *diag = at_error(s, AT_E_ZIP_FORMAT, at_no_span(), "%s is not an .npz file", l->name);
    if (memcmp(head, "\x93NUMPY", 6) == 0)
        at_hint(s, diag, "it is one array without a name, as in a .npy file");
    else at_hint(s, diag, "np.savez makes one: a zip that holds a .npy for each array");
    return false;
}

/* The zip64 end record, when its locator lies before the end record. */
static bool read_end_64(listing *l, uint64_t end, bool *found, uint64_t *limit) {
    unsigned char p[END_64_BYTES];
    *found = false;
    if (end < LOCATOR_BYTES) return true;
    if (!get(l, end - LOCATOR_BYTES, p, LOCATOR_BYTES, "its end is missing")) return false;
    if (get4(p) != LOCATOR_64) return true;
    uint64_t at = get8(p + 8);
    bool disks = get4(p + 4) != 0 || get4(p + 16) > 1;
    uint64_t before = end - LOCATOR_BYTES;
    if (!disks && (before < END_64_BYTES || at > before - END_64_BYTES))
        return damaged(l, "its zip64 end record lies outside of the file");
    if (!disks && !get(l, at, p, END_64_BYTES, "its zip64 end record is missing")) return false;
    if (!disks && (get4(p) != END_64 || get8(p + 4) != before - at - 12))
        return damaged(l, "its zip64 end record is not where it should be");
    if (disks || get4(p + 16) || get4(p + 20) || get8(p + 24) != get8(p + 32))
        return in_parts(l);
    l->count = get8(p + 32);
    l->end = get8(p + 40); /* its size, for now */
    l->begin = get8(p + 48);
    *limit = at;
    *found = true;
    return true;
}

static bool read_end(listing *l) {
    uint64_t at, limit;
    bool wide;
    unsigned char p[END_BYTES];
    if (!find_end(l, &at) || !get(l, at, p, END_BYTES, "its end is missing") ||
        !read_end_64(l, at, &wide, &limit))
        return false;
    uint64_t count = get2(p + 10), size = get4(p + 12), begin = get4(p + 16);
    if (!wide) {
        if (get2(p + 4) || get2(p + 6) || get2(p + 8) != count) return in_parts(l);
        l->count = count;
        l->end = size;
        l->begin = begin;
        limit = at;
    } else if ((count != 0xffff && count != l->count) || (size != 0xffffffff && size != l->end) ||
               (begin != 0xffffffff && begin != l->begin)) {
        return damaged(l, "its two end records disagree");
    }
    if (l->begin > limit || l->end != limit - l->begin)
        return damaged(l, "its directory is not where its end record says");
    l->end += l->begin;
    if (l->count > (l->end - l->begin) / ENTRY_BYTES)
        return damaged(l, "its directory is too short for the members it should list");
    if (l->count > MEMBER_LIMIT) {
        at_error(l->session, AT_E_ZIP_FEATURE, at_no_span(),
                 "%s holds %" PRIu64 " arrays, and at most %d are read", l->name, l->count,
                 MEMBER_LIMIT);
        return false;
    }
    return true;
}

/* ---- one member ------------------------------------------------------------------------------ */

typedef struct {
    uint32_t flags, method, crc;
    uint64_t packed, size, offset;
    size_t name_length, extra_length;
    bool wide; /* some of these came from a zip64 field */
} header;

/* Sizes that do not fit 32 bits are in an extra field of id 1, those that are all ones, in order.
 */
static bool read_extra(const unsigned char *extra, size_t length, header *h, bool with_offset) {
    uint64_t *wide[3];
    int wanted = 0;
    if (h->size == 0xffffffff) wide[wanted++] = &h->size;
    if (h->packed == 0xffffffff) wide[wanted++] = &h->packed;
    if (with_offset && h->offset == 0xffffffff) wide[wanted++] = &h->offset;
    for (size_t at = 0; at < length;) {
        if (length - at < 4) return false;
        size_t n = get2(extra + at + 2);
        if (n > length - at - 4) return false;
        if (get2(extra + at) == 1 && !h->wide) {
            if (n < 8 * (size_t)wanted) return false;
            for (int i = 0; i < wanted; i++) *wide[i] = get8(extra + at + 4 + 8 * i);
            h->wide = true;
        } else if (get2(extra + at) == 1) {
            return false;
        }
        at += 4 + n;
    }
    return true;
}

static const char *shown_name(const listing *l, const at_zip_member *m) {
    return at_shown(l->session, m->name, strlen(m->name), AT_SHOWN_NAME);
}

static bool member_damaged(const listing *l, const at_zip_member *m, const char *what) {
    at_error(l->session, AT_E_ZIP_FORMAT, at_no_span(), "%s is damaged: `%s` %s", l->name,
             shown_name(l, m), what);
    return false;
}

static bool check_name(const listing *l, const char *name, size_t length) {
    if (at_name_plain(name, length)) return true;
    at_error(l->session, AT_E_NPZ_NAME, at_no_span(),
             "%s holds a member whose name, `%s`, is not plain UTF-8 text", l->name,
             at_shown(l->session, name, length, AT_SHOWN_NAME));
    return false;
}

static bool check_features(const listing *l, const at_zip_member *m, const header *h) {
    const char *what = NULL, *hint = NULL;
    if (h->flags & ENCRYPTED) {
        what = "is encrypted";
        hint = "unpack it with its password, and save it with np.savez";
    } else if (h->flags & PATCHED) {
        what = "is a patch for another zip";
    } else if (h->method != STORED && h->method != DEFLATED) {
        what = "is compressed by another method than deflate";
        hint = "np.savez and np.savez_compressed make files that can be read";
    }
    if (!what) return true;
    at_diag *diag = at_error(l->session, AT_E_ZIP_FEATURE, at_no_span(), "`%s` in %s %s",
                             shown_name(l, m), l->name, what);
    if (hint) at_hint(l->session, diag, "%s", hint);
    return false;
}

static bool check_sizes(const listing *l, const at_zip_member *m, const header *h) {
    bool possible = h->method == STORED ? h->packed == h->size
                                        : h->packed > 0 && h->size / largest_ratio <= h->packed;
    if (possible) return true;
    at_error(l->session, AT_E_ZIP_SIZE, at_no_span(),
             "`%s` in %s cannot be true: %" PRIu64 " bytes, %s, from %" PRIu64, shown_name(l, m),
             l->name, h->size, h->method == STORED ? "not compressed" : "inflated", h->packed);
    return false;
}

/* The header in front of the data says the same again, and where the data begin. */
static bool read_local(listing *l, at_zip_member *m, const header *h) {
    unsigned char p[LOCAL_BYTES];
    if (m->begin > l->begin || l->begin - m->begin < LOCAL_BYTES)
        return member_damaged(l, m, "lies outside of the file");
    if (!get(l, m->begin, p, LOCAL_BYTES, "a member is missing")) return false;
    header local = {
        .flags = get2(p + 6), .method = get2(p + 8), .crc = get4(p + 14), .packed = get4(p + 18),
        .size = get4(p + 22), .name_length = get2(p + 26), .extra_length = get2(p + 28),
    };
    uint64_t rest = l->begin - m->begin - LOCAL_BYTES;
    size_t tail = local.name_length + local.extra_length;
    if (get4(p) != LOCAL || tail > rest)
        return member_damaged(l, m, "does not begin where the directory says");
    if (!get(l, m->begin + LOCAL_BYTES, l->scratch, tail, "a member is missing")) return false;
    if (local.name_length != strlen(m->name) ||
        memcmp(l->scratch, m->name, local.name_length) != 0)
        return member_damaged(l, m, "has another name in front of its data");
    if (!read_extra(l->scratch + local.name_length, local.extra_length, &local, false))
        return member_damaged(l, m, "has an extra field that is cut off");
    bool later = local.flags & SIZES_AFTER;
    if (local.method != h->method || (local.flags & (ENCRYPTED | PATCHED)) ||
        (!later && (local.crc != h->crc || local.packed != h->packed || local.size != h->size)))
        return member_damaged(l, m, "has two headers that disagree");
    m->data = m->begin + LOCAL_BYTES + tail;
    if (h->packed > l->begin - m->data) return member_damaged(l, m, "lies outside of the file");
    m->end = m->data + h->packed;
    return true;
}

/* The directory's entry at `at`, which moves on. */
static bool read_entry(listing *l, uint64_t *at, at_map *names) {
    unsigned char p[ENTRY_BYTES];
    if (l->end - *at < ENTRY_BYTES) return damaged(l, "its directory ends inside an entry");
    if (!get(l, *at, p, ENTRY_BYTES, "its directory is missing")) return false;
    header h = {
        .flags = get2(p + 8), .method = get2(p + 10), .crc = get4(p + 16), .packed = get4(p + 20),
        .size = get4(p + 24), .offset = get4(p + 42), .name_length = get2(p + 28),
        .extra_length = get2(p + 30),
    };
    size_t tail = h.name_length + h.extra_length, comment = get2(p + 32);
    if (get4(p) != ENTRY || tail + comment > l->end - *at - ENTRY_BYTES)
        return damaged(l, "its directory has an entry that is none");
    if (get2(p + 34) != 0) return in_parts(l);
    if (!get(l, *at + ENTRY_BYTES, l->scratch, tail, "its directory is missing")) return false;
    *at += ENTRY_BYTES + tail + comment;
    if (!check_name(l, (const char *)l->scratch, h.name_length)) return false;
    at_session *s = l->session;
    at_zip_member m = {.name = at_copy_text(s->arena, (const char *)l->scratch, h.name_length)};
    if (!read_extra(l->scratch + h.name_length, h.extra_length, &h, true))
        return member_damaged(l, &m, "has an extra field that is cut off");
    if (at_map_get(names, m.name)) {
        at_error(s, AT_E_NPZ_NAME, at_no_span(), "%s holds two members called `%s`", l->name,
                 shown_name(l, &m));
        return false;
    }
    m.begin = h.offset;
    m.size = h.size;
    m.crc = h.crc;
    m.deflated = h.method == DEFLATED;
    if (!check_features(l, &m, &h) || !check_sizes(l, &m, &h) || !read_local(l, &m, &h))
        return false;
    at_map_put(s->arena, names, m.name, l);
    AT_PUSH(s->arena, l->out->items, l->out->count, l->out->capacity, m);
    return true;
}

/* ---- all members ----------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const at_zip_member *x = *(at_zip_member *const *)a, *y = *(at_zip_member *const *)b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool check_overlap(listing *l) {
    at_zip *zip = l->out;
    if (zip->count < 2) return true;
    l->sorted = calloc((size_t)zip->count, sizeof *l->sorted);
    if (!l->sorted) {
        at_error(l->session, AT_E_MEMORY, at_no_span(), "no memory to read %s", l->name);
        return false;
    }
    for (int i = 0; i < zip->count; i++) l->sorted[i] = &zip->items[i];
    qsort(l->sorted, (size_t)zip->count, sizeof *l->sorted, by_place);
    for (int i = 1; i < zip->count; i++)
        if (l->sorted[i]->begin < l->sorted[i - 1]->end) {
            at_error(l->session, AT_E_ZIP_FORMAT, at_no_span(),
                     "%s is damaged: `%s` and `%s` share bytes", l->name,
                     shown_name(l, l->sorted[i - 1]), shown_name(l, l->sorted[i]));
            return false;
        }
    return true;
}

static bool list(void *user) {
    listing *l = user;
    l->scratch = malloc(SCRATCH);
    if (!l->scratch) {
        at_error(l->session, AT_E_MEMORY, at_no_span(), "no memory to read %s", l->name);
        return false;
    }
    if (!read_end(l)) return false;
    at_map names = {0};
    uint64_t at = l->begin;
    for (uint64_t i = 0; i < l->count; i++)
        if (!read_entry(l, &at, &names)) return false;
    if (at != l->end) return damaged(l, "its directory goes on after its last entry");
    return check_overlap(l);
}

static void release(void *user) {
    listing *l = user;
    free(l->scratch);
    free(l->sorted);
}

bool at_zip_list(at_session *s, const char *name, const at_bytes *bytes, at_zip *out) {
    *out = (at_zip){0};
    listing l = {.session = s, .name = name, .bytes = bytes, .out = out};
    return at_released(s, list, release, &l);
}
