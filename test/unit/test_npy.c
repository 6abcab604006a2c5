/* .npy files: what NumPy writes is read, what is read comes back, and no header is believed. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor_test.h"

/* ---- made by NumPy 2.4 (np.save, np.lib.format.write_array) ---------------------------------- */

static void numpy_f32_is_read_and_written_to_the_byte(void **state) {
    at_session *s = *state;
    const float expected[] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f};
    at_tensor *want = make(s, AT_TYPE_F32, 2, (int64_t[]){2, 3}, expected);
    at_tensor *got = at_npy_read(s, TEST_DATA "npy/f32_2x3.npy");
    assert_silent(s);
    assert_same_tensor(got, want);
    char path[] = "/tmp/attend-npy-XXXXXX";
    close(mkstemp(path));
    assert_true(at_npy_write(s, path, got));
    size_t ours_length, theirs_length;
    unsigned char *ours = slurp(path, &ours_length);
    unsigned char *theirs = slurp(TEST_DATA "npy/f32_2x3.npy", &theirs_length);
    assert_int_equal(ours_length, theirs_length);
    assert_memory_equal(ours, theirs, ours_length);
    unlink(path);
    free(ours);
    free(theirs);
    at_tensor_free(want);
    at_tensor_free(got);
}

static void big_endian_first_axis_fastest_is_read(void **state) {
    at_session *s = *state;
    double expected[12];
    for (int i = 0; i < 12; i++) expected[i] = i;
    at_tensor *want = make(s, AT_TYPE_F64, 3, (int64_t[]){2, 3, 2}, expected);
    at_tensor *got = at_npy_read(s, TEST_DATA "npy/f64_big_endian_fortran_2x3x2.npy");
    assert_silent(s);
    assert_same_tensor(got, want);
    at_tensor_free(want);
    at_tensor_free(got);
}

static void scalars_and_empty_arrays_are_read(void **state) {
    at_session *s = *state;
    at_tensor *t = at_npy_read(s, TEST_DATA "npy/i64_scalar.npy");
    assert_int_equal(t->rank, 0);
    assert_int_equal(*(int64_t *)t->data, -7);
    at_tensor_free(t);
    t = at_npy_read(s, TEST_DATA "npy/u8_0x3.npy");
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->count, 0);
    assert_int_equal(t->extents[1], 3);
    at_tensor_free(t);
    assert_silent(s);
}

static void versions_2_and_3_are_read(void **state) {
    at_session *s = *state;
    at_tensor *t = at_npy_read(s, TEST_DATA "npy/f16_version_2.npy");
    const uint16_t *halves = t->data;
    assert_int_equal(t->type, AT_TYPE_F16);
    assert_int_equal(t->count, 3);
    assert_int_equal(halves[0], 0x3c00);
    assert_int_equal(halves[1], 0x7c00);
    assert_true(isnan(at_half_to_float(halves[2])));
    at_tensor_free(t);
    t = at_npy_read(s, TEST_DATA "npy/bool_version_3.npy");
    assert_int_equal(t->type, AT_TYPE_BOOL);
    assert_memory_equal(t->data, "\1\0\1", 3);
    at_tensor_free(t);
    assert_silent(s);
}

static void objects_are_refused(void **state) {
    at_session *s = *state;
    assert_null(at_npy_read(s, TEST_DATA "npy/objects.npy"));
    assert_said(s, "not supported[E804]: test/data/npy/objects.npy holds Python objects (`|O`)\n"
                   "  = hint: reading such an array would run code; if all are numbers, "
                   "save x.astype(np.float64)\n");
}

/* ---- round trips ----------------------------------------------------------------------------- */

static void every_type_and_rank_comes_back(void **state) {
    at_session *s = *state;
    char path[] = "/tmp/attend-npy-XXXXXX";
    close(mkstemp(path));
    int64_t extents[AT_RANK_LIMIT];
    for (int i = 0; i < AT_RANK_LIMIT; i++) extents[i] = i % 8 == 0 ? 2 : 1;
    for (int type = 0; type < AT_TYPES; type++)
        for (int rank = 0; rank <= AT_RANK_LIMIT; rank += rank < 4 ? 1 : 7) {
            at_tensor *t = at_tensor_new(s, (at_type)type, extents, rank, "t");
            unsigned char *bytes = t->data;
            size_t n = (size_t)t->count * at_type_bytes(t->type);
            for (size_t i = 0; i < n; i++)
                bytes[i] = (unsigned char)(type == AT_TYPE_BOOL ? i & 1 : 37 * i + 11);
            assert_true(at_npy_write(s, path, t));
            at_tensor *back = at_npy_read(s, path);
            assert_silent(s);
            if (type == AT_TYPE_BF16 || type > AT_TYPE_F64) { /* written as f32, which holds every value */
                assert_int_equal(back->type, AT_TYPE_F32);
                at_tensor *narrow = at_tensor_convert(s, back, (at_type)type, "narrow");
                if (type == AT_TYPE_BF16) assert_same_tensor(t, narrow);
                at_tensor *again = at_tensor_convert(s, narrow, AT_TYPE_F32, "again");
                for (int64_t i = 0; i < back->count; i++) {
                    float x = ((float *)back->data)[i], y = ((float *)again->data)[i];
                    assert_true(x == y || (x != x && y != y));
                }
                at_tensor_free(again);
                at_tensor_free(narrow);
            } else {
                assert_same_tensor(t, back);
            }
            at_tensor_free(t);
            at_tensor_free(back);
        }
    unlink(path);
}

/* ---- files made by hand ---------------------------------------------------------------------- */

typedef struct {
    unsigned char bytes[4096];
    size_t length;
} file;

static file build(int version, const char *header, const void *data, size_t n) {
    file f = {.length = 0};
    size_t length = strlen(header), head = version == 1 ? 10 : 12;
    memcpy(f.bytes, "\x93NUMPY", 6);
    f.bytes[6] = (unsigned char)version;
    f.bytes[8] = (unsigned char)length;
    f.bytes[9] = (unsigned char)(length >> 8);
    memcpy(f.bytes + head, header, length);
    at_move(f.bytes + head + length, data, n);
    f.length = head + length + n;
    return f;
}

static at_tensor *parse(at_session *s, const file *f) {
    /* On the heap and to the byte, so that reading past the end is seen. */
    unsigned char *exact = malloc(f->length + !f->length);
    at_move(exact, f->bytes, f->length);
    at_tensor *t = at_npy_parse(s, "x.npy", exact, f->length);
    free(exact);
    return t;
}

static void headers_are_read_in_every_layout_that_writers_use(void **state) {
    at_session *s = *state;
    static const char *const headers[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (3,)}",
        "{\"shape\":(3,),\"fortran_order\":True,\"descr\":\"<i2\"}",
        "  { 'shape' : ( 3 , ) , 'descr' : 'i2' ,\n'fortran_order' :\tFalse }  \n  ",
        "{'descr': '=i2', 'fortran_order': False, 'shape': (3L,), }",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        for (int version = 1; version <= 3; version++) {
            file f = build(version, headers[i], "\1\0\2\0\377\377", 6);
            at_tensor *t = parse(s, &f);
            assert_silent(s);
            assert_int_equal(t->type, AT_TYPE_I16);
            assert_int_equal(t->rank, 1);
            assert_memory_equal(t->data, ((int16_t[]){1, 2, -1}), 6);
            at_tensor_free(t);
        }
}

static void both_byte_orders_of_every_size_are_read(void **state) {
    at_session *s = *state;
    static const struct {
        const char *descr;
        at_type type;
        size_t bytes;
    } types[] = {
        {"u1", AT_TYPE_U8, 1}, {"i1", AT_TYPE_I8, 1}, {"u2", AT_TYPE_U16, 2},
        {"i2", AT_TYPE_I16, 2}, {"u4", AT_TYPE_U32, 4}, {"i4", AT_TYPE_I32, 4},
        {"u8", AT_TYPE_U64, 8}, {"i8", AT_TYPE_I64, 8}, {"f2", AT_TYPE_F16, 2},
        {"f4", AT_TYPE_F32, 4},
        {"f8", AT_TYPE_F64, 8},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int big = 0; big < 2; big++) {
            char header[128];
            snprintf(header, sizeof header,
                     "{'descr': '%c%s', 'fortran_order': False, 'shape': (2,)}", big ? '>' : '<',
                     types[i].descr);
            unsigned char data[32], expected[32];
            for (size_t b = 0; b < 2 * types[i].bytes; b++) {
                size_t size = types[i].bytes, element = b / size, place = b % size;
                data[b] = (unsigned char)(b + 1);
                expected[big ? element * size + (size - 1 - place) : b] = data[b];
            }
            file f = build(1, header, data, 2 * types[i].bytes);
            at_tensor *t = parse(s, &f);
            assert_silent(s);
            assert_int_equal(t->type, types[i].type);
            assert_memory_equal(t->data, expected, 2 * types[i].bytes);
            at_tensor_free(t);
        }
}

static void any_byte_but_0_is_true(void **state) {
    at_session *s = *state;
    file f = build(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}", "\0\1\2\377", 4);
    at_tensor *t = parse(s, &f);
    assert_memory_equal(t->data, "\0\1\1\1", 4);
    at_tensor_free(t);
    f = build(1, "{'descr': '|?', 'fortran_order': False, 'shape': ()}", "\5", 1);
    t = parse(s, &f);
    assert_memory_equal(t->data, "\1", 1);
    at_tensor_free(t);
    assert_silent(s);
}

static void first_axis_fastest_of_any_rank_agrees_with_the_definition(void **state) {
    at_session *s = *state;
    static const int64_t shapes[][4] = {{1, 1, 1, 1}, {2, 3, 4, 5}, {5, 1, 3, 1}, {1, 7, 1, 2}};
    for (size_t i = 0; i < 4; i++) {
        const int64_t *e = shapes[i];
        char header[128];
        snprintf(header, sizeof header, "{'descr': '<u2', 'fortran_order': True, 'shape': "
                 "(%d, %d, %d, %d)}", (int)e[0], (int)e[1], (int)e[2], (int)e[3]);
        int64_t count = e[0] * e[1] * e[2] * e[3];
        uint16_t data[120];
        for (int k = 0; k < count; k++) data[k] = (uint16_t)(k + 1);
        file f = build(1, header, data, 2 * (size_t)count);
        at_tensor *t = parse(s, &f);
        const uint16_t *got = t->data;
        for (int64_t a = 0; a < e[0]; a++)
            for (int64_t b = 0; b < e[1]; b++)
                for (int64_t c = 0; c < e[2]; c++)
                    for (int64_t d = 0; d < e[3]; d++)
                        assert_int_equal(*got++, data[a + e[0] * (b + e[1] * (c + e[2] * d))]);
        at_tensor_free(t);
    }
    file f = build(1, "{'descr': '<u2', 'fortran_order': True, 'shape': (3, 0, 2)}", NULL, 0);
    at_tensor *t = parse(s, &f);
    assert_int_equal(t->count, 0);
    at_tensor_free(t);
    assert_silent(s);
}

/* ---- what cannot be right -------------------------------------------------------------------- */

#define READS_LIKE                                                                                 \
    "  = hint: a header reads like {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"

static void a_wrong_header_is_named_with_its_place(void **state) {
    at_session *s = *state;
    static const struct {
        const char *header, *said;
    } cases[] = {
        {"", "ends at byte 0, where `{` should be"},
        {"[]", "has `[]` at byte 0, where `{` should be"},
        {"{", "ends at byte 1, where one of 'descr', 'fortran_order', 'shape' should be"},
        {"{}", "has `}` at byte 1, where an entry 'descr' should be"},
        {"{'descr': '<f4'}", "has `}` at byte 15, where an entry 'fortran_order' should be"},
        {"{'descr': '<f4', 'fortran_order': False}",
         "has `}` at byte 39, where an entry 'shape' should be"},
        {"{'descr': '<f4' 'shape': ()}",
         "has `'shape': ()}` at byte 16, where `,` or `}` should be"},
        {"{'descr': '<f4', 'descr': '<f4'}",
         "has `'descr': '<f4'}` at byte 17, where a key that was not there before should be"},
        {"{'order': '<f4'}",
         "has `'order': '<f4'}` at byte 1, where one of "
         "'descr', 'fortran_order', 'shape' should be"},
        {"{u'descr': '<f4'}",
         "has `u'descr': '<f4'}` at byte 1, where one of "
         "'descr', 'fortran_order', 'shape' should be"},
        {"{'descr'; 1}", "has `; 1}` at byte 8, where `:` should be"},
        {"{'descr': 4}", "has `4}` at byte 10, where a type like '<f4' should be"},
        {"{'descr': '<f4}", "has `'<f4}` at byte 10, where a type like '<f4' should be"},
        {"{'descr': '<\\x664'}", "has `'<\\x664'}` at byte 10, where a type like '<f4' should be"},
        {"{'fortran_order': 0}", "has `0}` at byte 18, where True or False should be"},
        {"{'fortran_order': Fals", "has `Fals` at byte 18, where True or False should be"},
        {"{'shape': 3}", "has `3}` at byte 10, where a shape like (2, 3) should be"},
        {"{'shape': (3)}",
         "has `)}` at byte 12, where `,)`, as after any single extent, should be"},
        {"{'shape': (-3,)}", "has `-3,)}` at byte 11, where an extent should be"},
        {"{'shape': (,)}", "has `,)}` at byte 11, where an extent should be"},
        {"{'shape': (3,,)}", "has `,)}` at byte 13, where an extent should be"},
        {"{'shape': (3 4)}", "has `4)}` at byte 13, where `,` or `)` should be"},
        {"{'shape': (3.0,)}", "has `.0,)}` at byte 12, where `,` or `)` should be"},
        {"{'shape': (03,)}",
         "has `03,)}` at byte 11, where an extent without leading zeros should be"},
        {"{'shape': (0x3,)}", "has `x3,)}` at byte 12, where `,` or `)` should be"},
        {"{'shape': (9223372036854775808,)}",
         "has `9223372036854775808,)}` at byte 11, where an extent below 2^63 should be"},
        {"{'shape': ((3,),)}", "has `(3,),)}` at byte 11, where an extent should be"},
        {"{'shape': (__import__('os').system('ls'),)}",
         "has `__import__('os').system(…` at byte 11, where an extent should be"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()} + {}",
         "has `+ {}` at byte 54, where the end should be"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n\x1b[31m",
         "has `?[31m` at byte 54, where the end should be"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "error[E803]: the header of x.npy %s\n" READS_LIKE,
                 cases[i].said);
        file f = build(1, cases[i].header, "\0\0\0\0", 4);
        assert_null(parse(s, &f));
        assert_said(s, expected);
    }
    file f = build(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", NULL, 0);
    f.bytes[f.length - 1] = 0;
    assert_null(parse(s, &f));
    assert_said(s, "error[E803]: the header of x.npy has `?` at byte 53, where the end should be\n"
                   READS_LIKE);
}

static void types_that_are_not_numbers_are_refused_with_a_way_out(void **state) {
    at_session *s = *state;
    static const struct {
        const char *descr, *said, *hint;
    } cases[] = {
        {"'<U5'", "text (`<U5`)", "np.unique"},
        {"'|S3'", "text (`|S3`)", "np.unique"},
        {"'<V2'", "raw bytes (`<V2`)", "x.astype(np.float32)"},
        {"'<c8'", "complex numbers (`<c8`)", "x.real and x.imag"},
        {"'<M8[ns]'", "dates or times (`<M8[ns]`)", "np.int64"},
        {"'<f16'", "reals of a size that is not known here (`<f16`)", "np.float64"},
        {"'|O'", "Python objects (`|O`)", "would run code"},
        {"''", "elements of a type that is not known here (``)", "8 to 64 bits"},
        {"'<'", "elements of a type that is not known here (`<`)", "8 to 64 bits"},
        {"'<b2'", "elements of a type that is not known here (`<b2`)", "8 to 64 bits"},
        {"'<<f4'", "elements of a type that is not known here (`<<f4`)", "8 to 64 bits"},
        {"[('a', '<f4')]", "records (a type with fields)", "x['field']"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[128], expected[256];
        snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': (1,)}",
                 cases[i].descr);
        file f = build(1, header, "12345678", 8);
        assert_null(parse(s, &f));
        assert_int_equal(s->diag_count, 1);
        assert_non_null(strstr(s->diags[0]->hint, cases[i].hint));
        s->diags[0]->hint = NULL;
        snprintf(expected, sizeof expected, "not supported[E804]: x.npy holds %s\n", cases[i].said);
        assert_said(s, expected);
    }
}

static void sizes_that_lie_are_caught_before_memory_is_taken(void **state) {
    at_session *s = *state;
    file f = build(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "1234567", 7);
    assert_null(parse(s, &f));
    assert_said(s, "error[E805]: x.npy is cut off: f32 (2, 3) takes 24 bytes, and 7 follow its "
                   "header\n");
    f = build(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "1234567", 7);
    assert_null(parse(s, &f));
    assert_said(s, "error[E805]: x.npy is too long: f32 scalar takes 4 bytes, and 7 follow its "
                   "header\n  = hint: a .npy file holds one array; several go into an .npz, by "
                   "np.savez\n");
    f = build(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (1000000000, 1000000000)}",
              NULL, 0);
    assert_null(parse(s, &f));
    assert_said(s, "error[E805]: x.npy is cut off: f64 (1000000000, 1000000000) takes "
                   "8000000000000000000 bytes, and 0 follow its header\n");
    f = build(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (4294967296, 4294967296)}",
              NULL, 0);
    assert_null(parse(s, &f));
    assert_said(s, "error[E803]: the header of x.npy says f64 (4294967296, 4294967296), more bytes "
                   "than can be counted\n");
    f = build(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (9223372036854775807, 2, 0)}",
              NULL, 0);
    assert_null(parse(s, &f));
    assert_true(said_code(s, "E803"));
    char header[512] = "{'descr': '|u1', 'fortran_order': False, 'shape': (";
    for (int i = 0; i < 33; i++) strcat(header, "1,");
    strcat(header, ")}");
    f = build(1, header, "1", 1);
    assert_null(parse(s, &f));
    assert_said(s, "not supported[E806]: x.npy has 33 axes, and an array has at most 32\n");
}

static void what_is_no_npy_is_told_what_it_is(void **state) {
    at_session *s = *state;
    file f = {.length = 0};
    assert_null(parse(s, &f));
    assert_said(s, "error[E801]: x.npy is not a .npy file: it has 0 bytes\n");
    f = (file){.bytes = "PK\3\4..........", .length = 14};
    assert_null(parse(s, &f));
    assert_said(s, "error[E801]: x.npy is not a .npy file: it does not begin with \\x93NUMPY\n"
                   "  = hint: it is a zip: call it .npz\n");
    f = build(4, "{}", NULL, 0);
    assert_null(parse(s, &f));
    assert_said(s, "not supported[E802]: x.npy is a .npy file of version 4.0; 1.0, 2.0 and 3.0 are "
                   "known\n");
    f = build(2, "{}", NULL, 0);
    f.bytes[11] = 1; /* a header of 16 MiB */
    assert_null(parse(s, &f));
    assert_said(s, "error[E805]: x.npy is cut off inside its header\n");
    f.length = 11;
    assert_null(parse(s, &f));
    assert_said(s, "error[E805]: x.npy is cut off inside its header\n");
    unsigned char *large = calloc(1, 40000);
    memcpy(large, "\x93NUMPY\1\0\0\200", 10);
    assert_null(at_npy_parse(s, "x.npy", large, 40000));
    assert_said(s, "error[E803]: the header of x.npy has 32768 bytes, and an array of numbers "
                   "never needs 16384\n");
    free(large);
}

/* Each prefix of a file, and each file with one byte changed, gives an array or one error. */
static void cut_and_changed_files_end_in_one_error(void **state) {
    (void)state;
    static const char *const names[] = {"f32_2x3", "f64_big_endian_fortran_2x3x2", "f16_version_2"};
    for (size_t n = 0; n < 3; n++) {
        char path[128];
        snprintf(path, sizeof path, TEST_DATA "npy/%s.npy", names[n]);
        size_t length;
        unsigned char *bytes = slurp(path, &length);
        for (size_t i = 0; i < length; i++) {
            at_session *s = at_session_new(1 << 20);
            unsigned char *prefix = malloc(i + !i);
            at_move(prefix, bytes, i);
            assert_null(at_npy_parse(s, "x", prefix, i));
            assert_int_equal(s->diag_count, 1);
            s->diag_count = 0;
            free(prefix);
            unsigned char kept = bytes[i];
            for (int flip = 1; flip < 256; flip <<= 1) {
                bytes[i] = (unsigned char)(kept ^ flip);
                at_tensor *t = at_npy_parse(s, "x", bytes, length);
                assert_int_equal(s->diag_count, t ? 0 : 1);
                s->diag_count = 0;
                at_tensor_free(t);
            }
            bytes[i] = kept;
            at_session_free(s);
        }
        free(bytes);
    }
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void paths_that_cannot_be_read_are_named(void **state) {
    at_session *s = *state;
    assert_null(at_npy_read(s, "/nowhere/x.npy"));
    assert_said(s, "error[E002]: cannot read /nowhere/x.npy: No such file or directory\n");
    assert_null(at_npy_read(s, "test"));
    assert_said(s, "error[E002]: test is a folder, not a file with arrays\n");
    assert_null(at_npy_read(s, "/dev/zero"));
    assert_said(s, "error[E002]: /dev/zero is a device, not a file with arrays\n");
    at_tensor *t = at_tensor_new(s, AT_TYPE_F32, NULL, 0, "t");
    assert_false(at_npy_write(s, "/nowhere/x.npy", t));
    assert_said(s, "error[E003]: cannot write /nowhere/x.npy: No such file or directory\n");
    at_tensor_free(t);
}

static void a_pipe_is_read_like_a_file(void **state) {
    at_session *s = *state;
    char folder[] = "/tmp/attend-npy-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    enum { N = 50000 }; /* more than a pipe holds */
    pid_t child = fork();
    if (child == 0) {
        at_session *own = at_session_new(1 << 20);
        at_tensor *t = at_tensor_new(own, AT_TYPE_F32, (int64_t[]){N}, 1, "t");
        ((float *)t->data)[N - 1] = 3;
        _exit(!at_npy_write(own, path, t));
    }
    assert_true(child > 0);
    at_tensor *t = at_npy_read(s, path);
    assert_silent(s);
    assert_int_equal(t->count, N);
    assert_true(((float *)t->data)[N - 1] == 3);
    at_tensor_free(t);
    unlink(path);
    rmdir(folder);
}

/* A session without room for the message leaves by its guard, and nothing is lost on the way. */
static bool parse_guarded(void *user) {
    file f = build(1, "{'descr': '<f4'", NULL, 0);
    return at_npy_parse(user, "x", f.bytes, f.length) != NULL;
}

static void running_out_of_session_memory_is_an_error(void **state) {
    (void)state;
    at_session *s = at_session_new(16 << 10);
    at_arena_escape(s->arena, NULL);
    while (at_alloc(s->arena, 16)) {}
    assert_false(at_guarded(s, parse_guarded, s));
    assert_int_equal(s->diag_count, 1);
    assert_string_equal(at_code_text(s->diags[0]->code), "E001");
    assert_null(s->escape);
    assert_null(at_npy_parse(s, "x", (const unsigned char *)"", 0));
    assert_int_equal(s->diag_count, 1);
    at_session_free(s);
}

/* A file with a hole: as long as it says, and longer than any memory. */
static void a_file_larger_than_memory_is_refused(void **state) {
    at_session *s = *state;
    char path[] = "/tmp/attend-npy-XXXXXX";
    int handle = mkstemp(path);
    file f = build(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (8796093022208,)}", NULL,
                   0);
    assert_int_equal(write(handle, f.bytes, f.length), f.length);
    bool made = ftruncate(handle, (off_t)f.length + 8796093022208) == 0;
    close(handle);
    at_tensor *t = made ? at_npy_read(s, path) : NULL;
    unlink(path);
    if (!made) skip(); /* this file system has no holes */
    assert_null(t);
    s->diags[0]->note_count = 0; /* what is free */
    char expected[128];
    snprintf(expected, sizeof expected, "not supported[E001]: no memory for %s: u8 (8796093022208) "
             "takes 8.0 TiB\n", path);
    assert_said(s, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(numpy_f32_is_read_and_written_to_the_byte),
        TEST(big_endian_first_axis_fastest_is_read),
        TEST(scalars_and_empty_arrays_are_read),
        TEST(versions_2_and_3_are_read),
        TEST(objects_are_refused),
        TEST(every_type_and_rank_comes_back),
        TEST(headers_are_read_in_every_layout_that_writers_use),
        TEST(both_byte_orders_of_every_size_are_read),
        TEST(any_byte_but_0_is_true),
        TEST(first_axis_fastest_of_any_rank_agrees_with_the_definition),
        TEST(a_wrong_header_is_named_with_its_place),
        TEST(types_that_are_not_numbers_are_refused_with_a_way_out),
        TEST(sizes_that_lie_are_caught_before_memory_is_taken),
        TEST(what_is_no_npy_is_told_what_it_is),
        TEST(cut_and_changed_files_end_in_one_error),
        TEST(paths_that_cannot_be_read_are_named),
        TEST(a_pipe_is_read_like_a_file),
        TEST(running_out_of_session_memory_is_an_error),
        TEST(a_file_larger_than_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
