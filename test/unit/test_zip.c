/* Zips that lie, refused before they cost anything: each is built right and then changed in one
 * field. Only what np.savez would write is read. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "zip_test.h"

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

/* ---- end and directory ----------------------------------------------------------------------- */

#define AGAIN "  = hint: copy or save it again: a transfer that broke off does this\n"

static void what_is_no_zip_is_told_what_it_is(void **state) {
    at_session *s = *state;
    zip z = {.length = 0};
    assert_refused(s, &z, "error[E810]: x.npz is not an .npz file\n"
                          "  = hint: np.savez makes one: a zip that holds a .npy for each array\n");
    memcpy(z.bytes, "\x93NUMPY\1", 8);
    z.length = 100;
    assert_refused(s, &z, "error[E810]: x.npz is not an .npz file\n"
                          "  = hint: it is one array without a name, as in a .npy file\n");
    z = two(false, false);
    z.length -= 1;
    assert_refused(s, &z, "error[E810]: x.npz is damaged: it begins like a zip, and its directory, "
                          "at the end, is missing\n" AGAIN);
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
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its zip64 end record is not where it "
                          "should be\n" AGAIN);
    z = two(false, true);
    put(z.bytes + z.end - 76 + 4, 45, 8);
    assert_refused(s, &z, "error[E810]: x.npz is damaged: its zip64 end record is not where it "
                          "should be\n" AGAIN);
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
    assert_refused(s, &z, "error[E810]: x.npz is damaged: it begins like a zip, and its directory, "
                          "at the end, is missing\n" AGAIN);
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
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `a.npy` does not begin where the "
                          "directory says\n");
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
    assert_refused(s, &z, "error[E810]: x.npz is damaged: `b.npy` does not begin where the "
                          "directory says\n");
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

#define ENCRYPTED                                                                                  \
    "is encrypted\n  = hint: unpack it with its password, and save it with np.savez"

static void what_arrays_never_need_is_refused(void **state) {
    at_session *s = *state;
    static const struct {
        size_t field;
        unsigned value;
        const char *said;
    } cases[] = {
        {8, 1, ENCRYPTED},
        {8, 1 << 6, ENCRYPTED},
        {8, 1 << 13, ENCRYPTED},
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

/* ---- names ----------------------------------------------------------------------------------- */

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
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `a?[31m.npy`, is not "
                          "plain UTF-8 text\n");
    z = named("a.npy", "\xff.npy");
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `?.npy`, is not plain "
                          "UTF-8 text\n");
    z = named("a.npy", "");
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, ``, is not plain UTF-8 "
                          "text\n");
    z = named("a.npy", ".npy");
    assert_refused(s, &z, "error[E814]: x.npz holds `.npy`, which is not a named array "
                          "(`NAME.npy`)\n");
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
    assert_refused(s, &z, "error[E814]: x.npz holds a member whose name, `?.npy`, is not plain "
                          "UTF-8 text\n");
    /* Names are names, not places: nothing is ever unpacked to a path. */
    z = named("../../a.npy", "/b.npy");
    at_collection c;
    assert_true(parse(s, &z, &c));
    assert_non_null(at_collection_find(&c, "../../a"));
    at_collection_free(&c);
}

/* ---- sizes and bombs ------------------------------------------------------------------------- */

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
    snprintf(expected, sizeof expected, "error[E812]: `b.npy` in x.npz cannot be true: 10 bytes, "
             "not compressed, from %zu\n", z.packed[1]);
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
    assert_refused(s, &z, "error[E805]: `b` in x.npz is too long: u8 (200) takes 200 bytes, and "
                          "201 follow its header\n"
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
        assert_refused(s, &z, sign > 0 ? "error[E812]: `b` in x.npz inflates to 100 bytes less "
                                         "than its zip entry says\n"
                                       : "error[E812]: `b` in x.npz goes on after the bytes that "
                                         "its zip entry says\n");
    }
}

static void bytes_after_the_compressed_data_are_refused(void **state) {
    at_session *s = *state;
    zip z = {.count = 0};
    unsigned char array[512] = {0};
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (9,)}", "123456789",
                   9);
    add_member(&z, "b.npy", array, n, true);
    add(&z, 0, 1);
    z.packed[0]++;
    put(z.bytes + z.local[0] + 18, z.packed[0], 4);
    add_directory(&z);
    assert_refused(s, &z, "error[E812]: `b` in x.npz goes on after the bytes that its zip entry "
                          "says\n");
}

/* All bytes are there, and the stream does not say that they are all. */
static void compressed_data_without_an_end_are_refused(void **state) {
    at_session *s = *state;
    zip z = {.count = 0};
    unsigned char array[512], packed[512];
    size_t n = npy(array, "{'descr': '|u1', 'fortran_order': False, 'shape': (9,)}", "123456789",
                   9);
    z_stream stream = {.next_in = array, .avail_in = (uInt)n};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    deflateEnd(&stream);
    add_member(&z, "b.npy", array, n, true);
    z.length = z.data[0];
    z.packed[0] = stream.total_out;
    put(z.bytes + z.local[0] + 18, z.packed[0], 4);
    add_bytes(&z, packed, z.packed[0]);
    add_directory(&z);
    assert_refused(s, &z, "error[E812]: the compressed data of `b` in x.npz has no end\n");
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

/* A file with a hole: each promise is kept, and they are more than any memory. */
static void arrays_larger_than_memory_are_refused(void **state) {
    at_session *s = *state;
    const uint64_t hole = (uint64_t)8 << 40;
    zip z = {.count = 1, .name = {"b.npy"}, .size = {hole}, .packed = {hole}, .wide = true};
    add(&z, 0x04034b50, 4);
    add_common(&z, 0);
    add(&z, 20, 2);
    add_bytes(&z, "b.npy", 5);
    add_wide(&z, 0);
    size_t head = z.length;
    add_directory(&z);
    put(z.bytes + z.end - 20 - 8, head + hole, 8);
    put(z.bytes + z.end - 12, z.end - 20 - 56 + hole, 8);
    char path[] = "/tmp/attend-npz-XXXXXX";
    int handle = mkstemp(path);
    assert_int_equal(write(handle, z.bytes, head), head);
    bool made = ftruncate(handle, (off_t)(head + hole)) == 0 && lseek(handle, 0, SEEK_END) > 0 &&
                write(handle, z.bytes + head, z.length - head) == (ssize_t)(z.length - head);
    close(handle);
    at_collection c;
    bool good = made && at_npz_read(s, path, &c);
    unlink(path);
    if (!made) skip(); /* this file system has no holes */
    assert_false(good);
    s->diags[0]->note_count = 0; /* what is free */
    char expected[128];
    snprintf(expected, sizeof expected, "not supported[E001]: no memory for the arrays of %s: they "
             "take 8.0 TiB\n", path);
    assert_said(s, expected);
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
        TEST(compressed_data_without_an_end_are_refused),
        TEST(a_bomb_unfolds_only_to_what_it_declares),
        TEST(arrays_larger_than_memory_are_refused),
        TEST(damaged_data_are_noticed),
        TEST(a_member_that_is_no_npy_is_named),
        TEST(running_out_of_session_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
