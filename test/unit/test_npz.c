/* .npz files: what NumPy writes is read, what is written comes back, and a zip that lies is refused
 * before it costs anything. Hostile zips are built here from correct ones, by changing a field. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tensor_test.h"

/* ---- made by NumPy 2.4 (np.savez, np.savez_compressed) -------------------------------------------- */

static void assert_numpy_arrays(const at_collection *c) {
    assert_int_equal(c->count, 3);
    assert_string_equal(c->items[0].name, "w");
    assert_string_equal(c->items[1].name, "encoder.block[3].b");
    assert_string_equal(c->items[2].name, "größe");
    const at_tensor *w = at_collection_find(c, "w");
    assert_int_equal(w->type, AT_TYPE_F32);
    assert_int_equal(w->rank, 2);
    assert_memory_equal(w->data, ((float[]){0, 0.25f, 0.5f, 0.75f, 1, 1.25f}), 24);
    const at_tensor *b = at_collection_find(c, "encoder.block[3].b");
    assert_memory_equal(b->data, ((int64_t[]){1, -2, 3}), 24);
    const at_tensor *g = at_collection_find(c, "größe");
    assert_int_equal(g->rank, 0);
    assert_true(*(double *)g->data == 0.5);
    assert_null(at_collection_find(c, "W"));
}

static void numpy_files_are_read(void **state) {
    at_session *s = *state;
    static const char *const names[] = {TEST_DATA "npz/stored.npz", TEST_DATA "npz/deflated.npz"};
    for (int i = 0; i < 2; i++) {
        at_collection c;
        assert_true(at_npz_read(s, names[i], &c));
        assert_numpy_arrays(&c);
        at_collection_free(&c);
        size_t length;
        unsigned char *bytes = slurp(names[i], &length);
        assert_true(at_npz_parse(s, "memory", bytes, length, &c));
        assert_numpy_arrays(&c);
        at_collection_free(&c);
        assert_int_equal(c.count, 0);
        free(bytes);
    }
    at_collection none;
    assert_true(at_npz_read(s, TEST_DATA "npz/empty.npz", &none));
    assert_int_equal(none.count, 0);
    assert_silent(s);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static void fill(at_tensor *t, unsigned seed) {
    unsigned char *bytes = t->data;
    for (size_t i = 0; i < (size_t)t->count * at_type_bytes(t->type); i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(t->type == AT_TYPE_BOOL ? seed >> 31 : seed >> 24);
    }
}

static void collections_come_back_and_are_the_same_bytes_each_time(void **state) {
    at_session *s = *state;
    at_collection c = {0};
    char name[64];
    for (int type = 0; type < AT_TYPES; type++) {
        if (type == AT_TYPE_BF16) continue;
        /* The last ones are larger than every buffer on the way. */
        at_tensor *t = at_tensor_new(s, (at_type)type, (int64_t[]){type * 1000, type % 3}, 2, "t");
        fill(t, (unsigned)type);
        snprintf(name, sizeof name, "block[%d].ключ/%s", type, at_type_text((at_type)type));
        at_collection_add(s, &c, name, t);
    }
    at_tensor *zeros = at_tensor_new(s, AT_TYPE_F64, (int64_t[]){300, 1000}, 2, "zeros");
    at_collection_add(s, &c, "zeros", zeros);
    char path[] = "/tmp/attend-npz-XXXXXX";
    close(mkstemp(path));
    for (int compress = 0; compress < 2; compress++) {
        unsigned char *bytes[2];
        size_t length[2];
        for (int again = 0; again < 2; again++) {
            assert_true(at_npz_write(s, path, &c, compress));
            bytes[again] = slurp(path, &length[again]);
        }
        assert_int_equal(length[0], length[1]);
        assert_memory_equal(bytes[0], bytes[1], length[0]);
        if (compress) assert_true(length[0] < 2400000);
        at_collection back;
        assert_true(at_npz_read(s, path, &back));
        assert_silent(s);
        assert_int_equal(back.count, c.count);
        for (int i = 0; i < c.count; i++) {
            assert_string_equal(back.items[i].name, c.items[i].name);
            assert_same_tensor(back.items[i].tensor, c.items[i].tensor);
        }
        at_collection_free(&back);
        free(bytes[0]);
        free(bytes[1]);
    }
    unlink(path);
    at_collection_free(&c);
}

static void an_empty_collection_is_written_as_numpy_does(void **state) {
    at_session *s = *state;
    char path[] = "/tmp/attend-npz-XXXXXX";
    close(mkstemp(path));
    assert_true(at_npz_write(s, path, &(at_collection){0}, true));
    size_t ours_length, theirs_length;
    unsigned char *ours = slurp(path, &ours_length);
    unsigned char *theirs = slurp(TEST_DATA "npz/empty.npz", &theirs_length);
    assert_int_equal(ours_length, theirs_length);
    assert_memory_equal(ours, theirs, ours_length);
    free(ours);
    free(theirs);
    unlink(path);
}

static void names_that_no_reader_could_use_are_not_written(void **state) {
    at_session *s = *state;
    at_tensor *t = at_tensor_new(s, AT_TYPE_F32, NULL, 0, "t");
    static const struct {
        const char *name, *said;
    } cases[] = {
        {"", "the name `` is not plain UTF-8 text"},
        {"a\nb", "the name `a?b` is not plain UTF-8 text"},
        {"\377", "the name `?` is not plain UTF-8 text"},
        {"w", "the name `w` is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at_named items[] = {{"w", t}, {cases[i].name, t}};
        at_collection c = {.count = 2, .capacity = 2, .items = items};
        char expected[128];
        snprintf(expected, sizeof expected, "error[E814]: cannot write /tmp/never.npz: %s\n",
                 cases[i].said);
        assert_false(at_npz_write(s, "/tmp/never.npz", &c, false));
        assert_said(s, expected);
        assert_int_not_equal(access("/tmp/never.npz", F_OK), 0);
    }
    char *large = malloc(70000);
    memset(large, 'x', 69999);
    large[69999] = 0;
    at_named item = {large, t};
    assert_false(at_npz_write(s, "/tmp/never.npz", &(at_collection){1, 1, &item}, true));
    assert_true(said_code(s, "E814"));
    free(large);
    at_tensor_free(t);
}

static void a_full_disk_is_said(void **state) {
    at_session *s = *state;
    at_tensor *t = at_tensor_new(s, AT_TYPE_F32, (int64_t[]){100000}, 1, "t");
    at_named item = {"t", t};
    for (int compress = 0; compress < 2; compress++) {
        assert_false(at_npz_write(s, "/dev/full", &(at_collection){1, 1, &item}, compress));
        assert_said(s, "error[E003]: cannot write /dev/full: No space left on device\n");
    }
    at_tensor_free(t);
}

/* ---- a zip to be changed -------------------------------------------------------------------------- */

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

static void put(unsigned char *p, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(value >> 8 * i);
}

static void add(zip *z, uint64_t value, int bytes) {
    put(z->bytes + z->length, value, bytes);
    z->length += (size_t)bytes;
}

static void add_bytes(zip *z, const void *from, size_t n) {
    at_move(z->bytes + z->length, from, n);
    z->length += n;
}

/* Version to extra length; the same in both headers. */
static void add_common(zip *z, int i) {
    add(z, z->wide ? 45 : 20, 2);
    add(z, 0, 2);
    add(z, z->deflated[i] ? 8 : 0, 2);
    add(z, 0, 4);
    add(z, 0, 4); /* checksum: by seal */
    add(z, z->wide ? 0xffffffff : z->packed[i], 4);
    add(z, z->wide ? 0xffffffff : z->size[i], 4);
    add(z, strlen(z->name[i]), 2);
}

static void add_wide(zip *z, int i) {
    add(z, 1, 2);
    add(z, 16, 2);
    add(z, z->size[i], 8);
    add(z, z->packed[i], 8);
}

static void add_member(zip *z, const char *name, const void *bytes, size_t n, bool deflated) {
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

static void add_directory(zip *z) {
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

static size_t npy(unsigned char *to, const char *header, const void *data, size_t n) {
    size_t length = strlen(header);
    memcpy(to, "\x93NUMPY\1", 8);
    put(to + 8, length, 2);
    memcpy(to + 10, header, length);
    at_move(to + 10 + length, data, n);
    return 10 + length + n;
}

/* Two arrays: a, u8 (4) of 1 2 3 4, and b, u8 (200) of zeros. */
static zip two(bool deflated, bool wide) {
    zip z = {.wide = wide};
    unsigned char array[512], zeros[200] = {0};
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", "\1\2\3\4", 4);
    add_member(&z, "a.npy", array, n, deflated);
    n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (200,)}", zeros, 200);
    add_member(&z, "b.npy", array, n, deflated);
    add_directory(&z);
    return z;
}

static bool parse(at_session *s, const zip *z, at_collection *out) {
    unsigned char *exact = malloc(z->length + !z->length);
    at_move(exact, z->bytes, z->length);
    bool good = at_npz_parse(s, "x.npz", exact, z->length, out);
    free(exact);
    return good;
}

static void assert_refused(at_session *s, const zip *z, const char *expected) {
    at_collection c;
    assert_false(parse(s, z, &c));
    assert_int_equal(c.count, 0);
    assert_null(c.items);
    assert_said(s, expected);
}

static void the_zips_of_these_tests_are_right_before_they_are_changed(void **state) {
    at_session *s = *state;
    for (int form = 0; form < 4; form++) {
        zip z = two(form & 1, form & 2);
        at_collection c;
        assert_true(parse(s, &z, &c));
        assert_silent(s);
        assert_memory_equal(at_collection_find(&c, "a")->data, "\1\2\3\4", 4);
        assert_int_equal(at_collection_find(&c, "b")->count, 200);
        at_collection_free(&c);
    }
}

/* ---- end and directory ------------------------------------------------------------------------------ */

#define AGAIN "  = hint: copy or save it again: a transfer that broke off does this\n"

static void what_is_no_zip_is_told_what_it_is(void **state) {
    at_session *s = *state;
    zip z = {.length = 0};
    assert_refused(s, &z, "error[E810]: x.npz is not an .npz file\n"
                          "  = hint: np.savez makes one: a zip that holds a .npy for each array\n");
    memcpy(z.bytes, "\x93NUMPY\1", 8);
    z.length = 100;
    assert_refused(s, &z, "error[E810]: x.npz is not an .npz file\n"
                          "  = hint: it is one array without a name: call it .npy\n");
    z = two(false, false);
    z.length -= 1;
    assert_refused(s, &z, "error[E810]: x.npz is damaged: it begins like a zip, and its directory, at "
                          "the end, is missing\n" AGAIN);
    at_collection c;
    assert_false(at_npz_read(s, "/nowhere/x.npz", &c));
    assert_said(s, "error[E002]: cannot read /nowhere/x.npz: No such file or directory\n");
}

static void an_end_record_that_lies_is_refused(void **state) {
    at_session *s = *state;
    for (int wide = 0; wide < 2; wide++) {
        zip z = two(false, wide);
        size_t at = wide ? z.end - 76 + 40 : z.end + 12;
        put(z.bytes + at, 0xfffffff0, 4);
        assert_refused(s, &z, "error[E810]: x.npz is damaged: its directory is not where its end "
                              "record says\n" AGAIN);
        z = two(false, wide);
        at = wide ? z.end - 76 + 24 : z.end + 8;
        put(z.bytes + at, 0xfff0, 2);
        put(z.bytes + at + (wide ? 8 : 2), 0xfff0, 2);
        assert_refused(s, &z, "error[E810]: x.npz is damaged: its directory is too short for the "
                              "members it should list\n" AGAIN);
        z = two(false, wide);
        put(z.bytes + at, 1, 2);
        put(z.bytes + at + (wide ? 8 : 2), 1, 2);
        assert_refused(s, &z, "error[E810]: x.npz is damaged: its directory goes on after its last "
                              "entry\n" AGAIN);
        z = two(false, wide);
        put(z.bytes + at, 1, 2);
        assert_refused(s, &z, "not supported[E811]: x.npz is one part of a zip in several files\n");
    }
    zip z = two(false, true);
    put(z.bytes + z.end - 12, 0xffffffffffffffff, 8);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its zip64 end record lies outside of the "
                          "file\n" AGAIN);
    z = two(false, true);
    put(z.bytes + z.end - 12, 5, 8);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its zip64 end record is not where it should "
                          "be\n" AGAIN);
    z = two(false, true);
    put(z.bytes + z.end + 10, 7, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its two end records disagree\n" AGAIN);
}

static void bytes_before_or_after_the_zip_are_refused(void **state) {
    at_session *s = *state;
    zip z = two(false, false);
    zip moved = z;
    memcpy(moved.bytes + 4, z.bytes, z.length);
    moved.length += 4;
    assert_refused(s, &moved, "error[E810]: x.npz is damaged: its directory is not where its end "
                              "record says\n" AGAIN);
    add(&z, 0, 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: it begins like a zip, and its directory, at "
                          "the end, is missing\n" AGAIN);
    /* The same four bytes as a comment are fine. */
    put(z.bytes + z.end + 20, 4, 2);
    at_collection c;
    assert_true(parse(s, &z, &c));
    at_collection_free(&c);
    assert_silent(s);
}

static void entries_that_lie_are_refused(void **state) {
    at_session *s = *state;
    zip z = two(false, false);
    put(z.bytes + z.entry[1], 0, 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its directory has an entry that is none\n"
                   AGAIN);
    z = two(false, false);
    put(z.bytes + z.entry[1] + 30, 0xffff, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its directory has an entry that is none\n"
                   AGAIN);
    z = two(false, false);
    put(z.bytes + z.entry[0] + 42, 0xfffffff0, 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` lies outside of the file\n");
    z = two(false, false);
    put(z.bytes + z.entry[0] + 42, 1, 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` does not begin where the directory "
                          "says\n");
    z = two(false, false);
    put(z.bytes + z.entry[0] + 42, z.local[1], 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` has another name in front of its "
                          "data\n");
    z = two(false, false);
    put(z.bytes + z.entry[0] + 34, 1, 2);
    assert_refused(s, &z, "not supported[E811]: x.npz is one part of a zip in several files\n");
    z = two(false, true);
    put(z.bytes + z.local[0] + 30 + 5 + 2, 8, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` has an extra field that is cut "
                          "off\n");
    z = two(false, false);
    put(z.bytes + z.local[1] + 28, 0xffff, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` does not begin where the directory "
                          "says\n");
    z = two(false, false);
    put(z.bytes + z.local[1] + 22, 3, 4);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` has two headers that disagree\n");
    z = two(true, false);
    put(z.bytes + z.local[1] + 8, 0, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` has two headers that disagree\n");
}

static void members_that_share_bytes_are_refused(void **state) {
    at_session *s = *state;
    /* One array whose data hold the whole local entry of another. */
    zip inner = {.count = 0};
    unsigned char array[512], outer[1024];
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", "\1\2\3\4", 4);
    add_member(&inner, "b.npy", array, n, false);
    char header[128];
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,)}",
             inner.length);
    n = npy(outer, header, inner.bytes, inner.length);
    zip z = {.count = 0};
    add_member(&z, "a.npy", outer, n, false);
    z.local[1] = z.data[0] + n - inner.length;
    z.size[1] = z.packed[1] = inner.size[0];
    strcpy(z.name[1], "b.npy");
    z.count = 2;
    add_directory(&z);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` and `b.npy` share bytes\n");
}

static void what_arrays_never_need_is_refused(void **state) {
    at_session *s = *state;
    static const struct {
        size_t field;
        unsigned value;
        const char *said;
    } cases[] = {
        {8, 1, "is encrypted\n  = hint: unpack it with its password, and save it with np.savez"},
        {8, 1 << 6, "is encrypted\n  = hint: unpack it with its password, and save it with np.savez"},
        {8, 1 << 13, "is encrypted\n  = hint: unpack it with its password, and save it with np.savez"},
        {8, 1 << 5, "is a patch for another zip"},
        {10, 12, "is compressed by another method than deflate\n"
                 "  = hint: np.savez and np.savez_compressed make files that can be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip z = two(true, false);
        put(z.bytes + z.entry[1] + cases[i].field, cases[i].value, 2);
        put(z.bytes + z.local[1] + cases[i].field - 2, cases[i].value, 2);
        char expected[256];
        snprintf(expected, sizeof expected, "not supported[E811]: `b.npy` in x.npz %s\n",
                 cases[i].said);
        assert_refused(s, &z, expected);
    }
    /* Only the header in front of the data says encrypted. */
    zip z = two(true, false);
    put(z.bytes + z.local[1] + 6, 1, 2);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` has two headers that disagree\n");
}

/* ---- names ------------------------------------------------------------------------------------------- */

static zip named(const char *first, const char *second) {
    zip z = {.count = 0};
    unsigned char array[512];
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': ()}", "\1", 1);
    add_member(&z, first, array, n, false);
    add_member(&z, second, array, n, false);
    add_directory(&z);
    return z;
}

static void names_that_no_array_can_have_are_refused(void **state) {
    at_session *s = *state;
    zip z = named("a.npy", "a.npy");
    assert_refused(s, &z, "error[E814]: x.npz holds two members called `a.npy`\n");
    z = named("a.npy", "a\x1b[31m.npy");
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `a?[31m.npy`, is not plain "
                          "UTF-8 text\n");
    z = named("a.npy", "\xff.npy");
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `?.npy`, is not plain UTF-8 "
                          "text\n");
    z = named("a.npy", "");
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, ``, is not plain UTF-8 "
                          "text\n");
    z = named("a.npy", ".npy");
    assert_refused(s, &z, "error[E814]: x.npz holds `.npy`, which is not a named array (`NAME.npy`)\n");
    z = named("a.npy", "notes.txt");
    assert_refused(s, &z, "error[E814]: x.npz holds `notes.txt`, which is not a named array "
                          "(`NAME.npy`)\n");
    z = named("model/data.pkl", "model/version");
    assert_refused(s, &z, "error[E814]: x.npz holds `model/data.pkl`, which is not a named array "
                          "(`NAME.npy`)\n"
                          "  = hint: it looks like a file of PyTorch's: there, save the arrays by "
                          "np.savez(path, **{name: t.numpy() for name, t in state.items()})\n");
    z = named("a.npy", "b.npy");
    z.bytes[z.entry[0] + 46] = z.bytes[z.local[0] + 30] = 0;
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `?.npy`, is not plain UTF-8 "
                          "text\n");
    /* Names are names, not places: nothing is ever unpacked to a path. */
    z = named("../../a.npy", "/b.npy");
    at_collection c;
    assert_true(parse(s, &z, &c));
    assert_non_null(at_collection_find(&c, "../../a"));
    at_collection_free(&c);
}

/* ---- sizes and bombs ---------------------------------------------------------------------------------- */

static void set_size(zip *z, int i, uint64_t size) {
    put(z->bytes + z->local[i] + 22, size, 4);
    put(z->bytes + z->entry[i] + 24, size, 4);
}

static void sizes_that_deflate_cannot_reach_are_refused(void **state) {
    at_session *s = *state;
    zip z = two(true, false);
    set_size(&z, 1, 4000000000);
    char expected[128];
    snprintf(expected, sizeof expected, "error[E812]: `b.npy` in x.npz cannot be true: 4000000000 "
             "bytes, inflated, from %zu\n", z.packed[1]);
    assert_refused(s, &z, expected);
    z = two(false, false);
    set_size(&z, 1, 10);
    snprintf(expected, sizeof expected, "error[E812]: `b.npy` in x.npz cannot be true: 10 bytes, not "
             "compressed, from %zu\n", z.packed[1]);
    assert_refused(s, &z, expected);
    z = two(true, true);
    put(z.bytes + z.local[1] + 30 + 5 + 4, 0xffffffffffffffff, 8);
    put(z.bytes + z.entry[1] + 46 + 5 + 4, 0xffffffffffffffff, 8);
    snprintf(expected, sizeof expected, "error[E812]: `b.npy` in x.npz cannot be true: "
             "18446744073709551615 bytes, inflated, from %zu\n", z.packed[1]);
    assert_refused(s, &z, expected);
    z = two(false, true);
    put(z.bytes + z.local[1] + 30 + 5 + 12, 0xfffffffffffffff0, 8);
    put(z.bytes + z.entry[1] + 46 + 5 + 12, 0xfffffffffffffff0, 8);
    put(z.bytes + z.local[1] + 30 + 5 + 4, 0xfffffffffffffff0, 8);
    put(z.bytes + z.entry[1] + 46 + 5 + 4, 0xfffffffffffffff0, 8);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` lies outside of the file\n");
}

static void members_that_inflate_to_another_length_are_refused(void **state) {
    at_session *s = *state;
    zip z = two(true, false);
    set_size(&z, 1, z.size[1] + 1);
    assert_refused(s, &z, "error[E805]: `b` in x.npz is too long: u8 (200) takes 200 bytes, and 201 "
                          "follow its header\n"
                          "  = hint: a .npy file holds one array; several go into an .npz, by "
                          "np.savez\n");
    /* Both the entry and the array say 100 more, or 100 less, than there is. */
    for (int sign = -1; sign <= 1; sign += 2) {
        z = (zip){.count = 0};
        unsigned char array[512] = {0};
        size_t n = npy(array, sign > 0 ? "{'descr':'|u1','fortran_order':False,'shape':(300,)}"
                                       : "{'descr':'|u1','fortran_order':False,'shape':(100,)}",
                       NULL, 0) + 200;
        add_member(&z, "b.npy", array, n, true);
        add_directory(&z);
        set_size(&z, 0, sign > 0 ? n + 100 : n - 100);
        assert_refused(s, &z, sign > 0 ? "error[E812]: `b` in x.npz inflates to 100 bytes less than "
                                         "its zip entry says\n"
                                       : "error[E812]: `b` in x.npz goes on after the bytes that its "
                                         "zip entry says\n");
    }
}

static void bytes_after_the_compressed_data_are_refused(void **state) {
    at_session *s = *state;
    zip z = {.count = 0};
    unsigned char array[512] = {0};
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (9,)}", "123456789", 9);
    add_member(&z, "b.npy", array, n, true);
    add(&z, 0, 1);
    z.packed[0]++;
    put(z.bytes + z.local[0] + 18, z.packed[0], 4);
    add_directory(&z);
    assert_refused(s, &z, "error[E812]: `b` in x.npz goes on after the bytes that its zip entry "
                          "says\n");
}

/* 3 KiB that unfold to a correct array of 3 MB are fine; the same member cannot claim an array that
 * is larger than itself. */
static void a_bomb_unfolds_only_to_what_it_declares(void **state) {
    at_session *s = *state;
    enum { N = 3000000 };
    unsigned char *array = calloc(1, N + 256), *packed = malloc(1 << 16);
    char header[128];
    for (int lie = 0; lie < 2; lie++) {
        snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}",
                 lie ? 2000000000 : N);
        size_t n = npy(array, header, NULL, 0) + N;
        z_stream stream = {.next_in = array, .avail_in = (uInt)n};
        assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        stream.next_out = packed;
        stream.avail_out = 1 << 16;
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        deflateEnd(&stream);
        zip z = {.count = 1, .name = {"b.npy"}, .size = {n}, .packed = {stream.total_out},
                 .deflated = {true}};
        assert_true(stream.total_out < 4096);
        add(&z, 0x04034b50, 4);
        add_common(&z, 0);
        add(&z, 0, 2);
        add_bytes(&z, "b.npy", 5);
        add_bytes(&z, packed, stream.total_out);
        put(z.bytes + 14, crc32(0, array, (uInt)n), 4);
        add_directory(&z);
        at_collection c;
        assert_int_equal(parse(s, &z, &c), !lie);
        if (lie)
            assert_said(s, "error[E805]: `b` in x.npz is cut off: u8 (2000000000) takes 2000000000 "
                           "bytes, and 3000000 follow its header\n");
        else
            assert_int_equal(at_collection_find(&c, "b")->count, N);
        at_collection_free(&c);
    }
    free(array);
    free(packed);
}

static void damaged_data_are_noticed(void **state) {
    at_session *s = *state;
    zip z = two(false, false);
    z.bytes[z.data[0] + z.size[0] - 1] ^= 1;
    at_collection c;
    assert_false(parse(s, &z, &c));
    assert_true(said_code(s, "E813"));
    z = two(false, false);
    memset(z.bytes + z.local[0] + 14, 0, 4);
    memset(z.bytes + z.entry[0] + 16, 0, 4);
    assert_refused(s, &z, "error[E813]: `a` in x.npz is damaged: its checksum is 50760890, and "
                          "00000000 was written\n  = hint: copy or save the file again\n");
    z = two(true, false);
    z.bytes[z.data[1]] = 7; /* a block of the fourth kind; deflate has three */
    assert_refused(s, &z, "error[E813]: the compressed data of `b` in x.npz is damaged\n");
}

static void a_member_that_is_no_npy_is_named(void **state) {
    at_session *s = *state;
    zip z = {.count = 0};
    add_member(&z, "b.npy", "hello, world", 12, false);
    add_directory(&z);
    assert_refused(s, &z, "error[E801]: `b` in x.npz is not a .npy file: it does not begin with "
                          "\\x93NUMPY\n");
    z = (zip){.count = 0};
    add_member(&z, "b.npy", "", 0, false);
    add_directory(&z);
    assert_refused(s, &z, "error[E801]: `b` in x.npz is not a .npy file: it has 0 bytes\n");
}

/* ---- sweeps --------------------------------------------------------------------------------------------- */

/* Every prefix gives one error; every change of one bit an error, or arrays. */
static void cut_and_changed_files_end_in_one_error(void **state) {
    (void)state;
    static const char *const names[] = {TEST_DATA "npz/stored.npz", TEST_DATA "npz/deflated.npz"};
    for (int n = 0; n < 2; n++) {
        size_t length;
        unsigned char *bytes = slurp(names[n], &length);
        at_session *s = at_session_new(64 << 20);
        at_collection c;
        for (size_t i = 0; i < length; i++) {
            unsigned char *prefix = malloc(i + !i);
            at_move(prefix, bytes, i);
            assert_false(at_npz_parse(s, "x", prefix, i, &c));
            assert_int_equal(s->diag_count, 1);
            s->diag_count = 0;
            free(prefix);
            for (int bit = 0; bit < 8; bit++) {
                bytes[i] ^= (unsigned char)(1 << bit);
                bool good = at_npz_parse(s, "x", bytes, length, &c);
                assert_int_equal(s->diag_count, good ? 0 : 1);
                s->diag_count = 0;
                at_collection_free(&c);
                bytes[i] ^= (unsigned char)(1 << bit);
            }
        }
        at_session_free(s);
        free(bytes);
    }
}

/* Sessions with room for less and less: an error, and what was read until then is freed. */
static void running_out_of_session_memory_is_an_error(void **state) {
    (void)state;
    zip z = two(true, false);
    int good = 0, full = 0;
    for (size_t room = 0; room < 4096; room += 16) {
        at_session *s = at_session_new(16 << 10);
        while (at_arena_used(s->arena) + room < 16 << 10 && at_alloc(s->arena, 16)) {}
        at_collection c;
        if (parse(s, &z, &c)) {
            good++;
            assert_int_equal(c.count, 2);
        } else {
            full++;
            assert_int_equal(s->diag_count, 1);
            assert_string_equal(at_code_text(s->diags[0]->code), "E001");
            assert_int_equal(c.count, 0);
        }
        at_collection_free(&c);
        at_session_free(s);
    }
    assert_true(good > 0 && full > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(numpy_files_are_read),
        TEST(collections_come_back_and_are_the_same_bytes_each_time),
        TEST(an_empty_collection_is_written_as_numpy_does),
        TEST(names_that_no_reader_could_use_are_not_written),
        TEST(a_full_disk_is_said),
        TEST(the_zips_of_these_tests_are_right_before_they_are_changed),
        TEST(what_is_no_zip_is_told_what_it_is),
        TEST(an_end_record_that_lies_is_refused),
        TEST(bytes_before_or_after_the_zip_are_refused),
        TEST(entries_that_lie_are_refused),
        TEST(members_that_share_bytes_are_refused),
        TEST(what_arrays_never_need_is_refused),
        TEST(names_that_no_array_can_have_are_refused),
        TEST(sizes_that_deflate_cannot_reach_are_refused),
        TEST(members_that_inflate_to_another_length_are_refused),
        TEST(bytes_after_the_compressed_data_are_refused),
        TEST(a_bomb_unfolds_only_to_what_it_declares),
        TEST(damaged_data_are_noticed),
        TEST(a_member_that_is_no_npy_is_named),
        TEST(cut_and_changed_files_end_in_one_error),
        TEST(running_out_of_session_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
