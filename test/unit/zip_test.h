/* Zips built in memory, field by field, so that a test can change the one field that should be
 * refused. An array of NumPy's is made by npy, a member by add_member, the table by
 * add_directory. */
#ifndef ZIP_TEST_H
#define ZIP_TEST_H

#include <zlib.h>

#include "tensor_test.h"

typedef struct {
    unsigned char bytes[8192];
    size_t length;
    size_t local[4], data[4], entry[4], end;
    size_t size[4], packed[4];
    char name[4][32];
    bool deflated[4], wide;
    int count;
    size_t directory;
} zip;

static inline void put(unsigned char *p, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(value >> 8 * i);
}

static inline void add(zip *z, uint64_t value, int bytes) {
    put(z->bytes + z->length, value, bytes);
    z->length += (size_t)bytes;
}

static inline void add_bytes(zip *z, const void *from, size_t n) {
    at_move(z->bytes + z->length, from, n);
    z->length += n;
}

/* Version to extra length; the same in both headers. */
static inline void add_common(zip *z, int i) {
    add(z, z->wide ? 45 : 20, 2);
    add(z, 0, 2);
    add(z, z->deflated[i] ? 8 : 0, 2);
    add(z, 0, 4);
    add(z, 0, 4); /* checksum: by seal */
    add(z, z->wide ? 0xffffffff : z->packed[i], 4);
    add(z, z->wide ? 0xffffffff : z->size[i], 4);
    add(z, strlen(z->name[i]), 2);
}

static inline void add_wide(zip *z, int i) {
    add(z, 1, 2);
    add(z, 16, 2);
    add(z, z->size[i], 8);
    add(z, z->packed[i], 8);
}

static inline void add_member(zip *z, const char *name, const void *bytes, size_t n,
                              bool deflated) {
    int i = z->count++;
    unsigned char packed[4096];
    memcpy(packed, bytes, n);
    z->size[i] = z->packed[i] = n;
    z->deflated[i] = deflated;
    snprintf(z->name[i], sizeof z->name[i], "%s", name);
    if (deflated) {
        z_stream stream = {0};
        assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        unsigned char copy[4096];
        memcpy(copy, bytes, n);
        stream.next_in = copy;
        stream.avail_in = (uInt)n;
        stream.next_out = packed;
        stream.avail_out = sizeof packed;
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        z->packed[i] = stream.total_out;
        deflateEnd(&stream);
    }
    z->local[i] = z->length;
    add(z, 0x04034b50, 4);
    add_common(z, i);
    add(z, z->wide ? 20 : 0, 2);
    add_bytes(z, name, strlen(name));
    if (z->wide) add_wide(z, i);
    z->data[i] = z->length;
    add_bytes(z, packed, z->packed[i]);
    put(z->bytes + z->local[i] + 14, crc32(0, bytes, (uInt)n), 4);
}

static inline void add_directory(zip *z) {
    z->directory = z->length;
    for (int i = 0; i < z->count; i++) {
        z->entry[i] = z->length;
        add(z, 0x02014b50, 4);
        add(z, 20, 2);
        add_common(z, i);
        memcpy(z->bytes + z->entry[i] + 16, z->bytes + z->local[i] + 14, 4);
        add(z, z->wide ? 20 : 0, 2);
        add(z, 0, 2 + 2 + 2);
        add(z, 0, 4);
        add(z, z->local[i], 4);
        add_bytes(z, z->name[i], strlen(z->name[i]));
        if (z->wide) add_wide(z, i);
    }
    size_t size = z->length - z->directory, end = z->length;
    if (z->wide) {
        add(z, 0x06064b50, 4);
        add(z, 44, 8);
        add(z, 45, 2);
        add(z, 45, 2);
        add(z, 0, 8);
        add(z, (uint64_t)z->count, 8);
        add(z, (uint64_t)z->count, 8);
        add(z, size, 8);
        add(z, z->directory, 8);
        add(z, 0x07064b50, 4);
        add(z, 0, 4);
        add(z, end, 8);
        add(z, 1, 4);
    }
    z->end = z->length;
    add(z, 0x06054b50, 4);
    add(z, 0, 4);
    add(z, z->wide ? 0xffff : (uint64_t)z->count, 2);
    add(z, z->wide ? 0xffff : (uint64_t)z->count, 2);
    add(z, z->wide ? 0xffffffff : size, 4);
    add(z, z->wide ? 0xffffffff : z->directory, 4);
    add(z, 0, 2);
}

static inline size_t npy(unsigned char *to, const char *header, const void *data, size_t n) {
    size_t length = strlen(header);
    memcpy(to, "\x93NUMPY\1", 8);
    put(to + 8, length, 2);
    memcpy(to + 10, header, length);
    at_move(to + 10 + length, data, n);
    return 10 + length + n;
}

/* Two arrays: a, u8 (4) of 1 2 3 4, and b, u8 (200) of zeros. */
static inline zip two(bool deflated, bool wide) {
    zip z = {.wide = wide};
    unsigned char array[512], zeros[200] = {0};
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", "\1\2\3\4", 4);
    add_member(&z, "a.npy", array, n, deflated);
    n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (200,)}", zeros, 200);
    add_member(&z, "b.npy", array, n, deflated);
    add_directory(&z);
    return z;
}

#endif
