/* .safetensors files: what the format's own library writes is read, what is written comes back, and
 * headers that lie are refused in the words of the file. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <unistd.h>

#include "tensor_test.h"

/* ---- made by safetensors 0.8 and ml_dtypes 0.6 (test/data/safetensors/make.py) --------------- */

static void assert_every_type(at_session *s, const at_collection *c) {
    assert_int_equal(c->count, AT_TYPES + 2);
    for (int type = 0; type < AT_TYPES; type++) {
        static const struct {
            at_type type;
            const char *name;
        } others[] = {{AT_TYPE_F16, "float16"}, {AT_TYPE_F32, "float32"}, {AT_TYPE_F64, "float64"},
                      {AT_TYPE_BF16, "bfloat16"}, {AT_TYPE_U8, "uint8"}, {AT_TYPE_I8, "int8"},
                      {AT_TYPE_U16, "uint16"}, {AT_TYPE_I16, "int16"}, {AT_TYPE_U32, "uint32"},
                      {AT_TYPE_I32, "int32"}, {AT_TYPE_U64, "uint64"}, {AT_TYPE_I64, "int64"}};
        const char *name = at_type_text((at_type)type);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (others[i].type == (at_type)type) name = others[i].name;
        const at_tensor *t = at_collection_find(c, name);
        assert_non_null(t);
        assert_int_equal(t->type, type);
        assert_int_equal(t->rank, 2);
        assert_int_equal(t->extents[0], 1);
        assert_int_equal(t->extents[1], 3);
        at_tensor *reals = at_tensor_convert(s, t, AT_TYPE_F64, name);
        const double *x = reals->data;
        assert_true(x[0] == (type > AT_TYPE_F64 ? 0.5 : 0));
        assert_true(x[1] == 1 && x[2] == (type == AT_TYPE_BOOL ? 1 : 2));
        at_tensor_free(reals);
    }
    const at_tensor *b = at_collection_find(c, "block[3].größe \"n\"");
    assert_non_null(b);
    assert_int_equal(b->rank, 0);
    assert_true(*(double *)b->data == 0.5);
    const at_tensor *empty = at_collection_find(c, "empty");
    assert_int_equal(empty->rank, 2);
    assert_int_equal(empty->extents[0], 0);
    assert_int_equal(empty->extents[1], 3);
}

static void files_of_other_makers_are_read(void **state) {
    at_session *s = *state;
    static const char path[] = TEST_DATA "safetensors/every_type.safetensors";
    at_collection c;
    assert_true(at_safetensors_read(s, path, &c));
    assert_every_type(s, &c);
    at_collection_free(&c);
    size_t length;
    unsigned char *bytes = slurp(path, &length);
    assert_true(at_safetensors_parse(s, "memory", bytes, length, &c));
    assert_every_type(s, &c);
    at_collection_free(&c);
    free(bytes);
    assert_true(at_safetensors_read(s, TEST_DATA "safetensors/empty.safetensors", &c));
    assert_int_equal(c.count, 0);
    assert_silent(s);
}

/* Values and roundings of another implementation, over all codes and the middles between them. */
static void small_reals_are_those_of_another_implementation(void **state) {
    at_session *s = *state;
    at_collection c;
    assert_true(at_safetensors_read(s, TEST_DATA "safetensors/small_reals.safetensors", &c));
    for (int type = AT_TYPE_F64 + 1; type < AT_TYPES; type++) {
        char name[64];
        const char *text = at_type_text((at_type)type);
        const at_tensor *codes = at_collection_find(&c, text);
        snprintf(name, sizeof name, "%s.value", text);
        const float *values = at_collection_find(&c, name)->data;
        assert_int_equal(codes->type, type);
        at_tensor *floats = at_tensor_convert(s, codes, AT_TYPE_F32, text);
        for (int i = 0; i < 256; i++) {
            float x = ((float *)floats->data)[i];
            assert_true(isnan(values[i]) ? isnan(x) : x == values[i]);
        }
        at_tensor_free(floats);
        if (type == AT_TYPE_F8_E8M0) continue;
        snprintf(name, sizeof name, "%s.given", text);
        const at_tensor *given = at_collection_find(&c, name);
        snprintf(name, sizeof name, "%s.rounded", text);
        const uint8_t *rounded = at_collection_find(&c, name)->data;
        at_tensor *ours = at_tensor_convert(s, given, (at_type)type, text);
        assert_true(given->count > 500);
        for (int64_t i = 0; i < given->count; i++) {
            uint8_t code = ((uint8_t *)ours->data)[i];
            bool nan = isnan(at_float8_to_float((at_type)type, rounded[i]));
            if (nan) assert_true(isnan(at_float8_to_float((at_type)type, code)));
            else assert_int_equal(code, rounded[i]);
        }
        at_tensor_free(ours);
    }
    at_collection_free(&c);
    assert_silent(s);
}

/* ---- writing --------------------------------------------------------------------------------- */

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
    char name[64], path[] = "/tmp/attend-safetensors-XXXXXX";
    for (int type = 0; type < AT_TYPES; type++) {
        at_tensor *t = at_tensor_new(s, (at_type)type, (int64_t[]){type * 1000, type % 3}, 2, "t");
        fill(t, (unsigned)type);
        snprintf(name, sizeof name, "block[%d].\"ключ\\/%s", type, at_type_text((at_type)type));
        at_collection_add(s, &c, name, t);
    }
    at_collection_add(s, &c, "scalar", at_tensor_new(s, AT_TYPE_F64, NULL, 0, "scalar"));
    /* Large enough to be used where it lies. */
    at_tensor *large = at_tensor_new(s, AT_TYPE_F32, (int64_t[]){300, 100}, 2, "large");
    fill(large, 7);
    at_collection_add(s, &c, "large", large);
    close(mkstemp(path));
    static const at_metadata metadata[] = {{"format", "attend"}, {"says", "a \"quote\"\n\\"}};
    unsigned char *bytes[2];
    size_t length[2];
    for (int again = 0; again < 2; again++) {
        assert_true(at_safetensors_write(s, path, &c, metadata, 2));
        bytes[again] = slurp(path, &length[again]);
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    static const char start[] =
        "{\"__metadata__\":{\"format\":\"attend\",\"says\":\"a \\\"quote\\\"\\u000a\\\\\"},";
    assert_memory_equal(bytes[0] + 8, start, sizeof start - 1);
    assert_int_equal((8 + bytes[0][0] + 256 * bytes[0][1]) % 64, 0);
    at_collection back;
    assert_true(at_safetensors_read(s, path, &back));
    assert_silent(s);
    assert_int_equal(back.count, c.count);
    for (int i = 0; i < c.count; i++)
        assert_same_tensor(at_collection_find(&back, c.items[i].name), c.items[i].tensor);
    at_collection_free(&back);
    free(bytes[0]);
    free(bytes[1]);
    unlink(path);
    at_collection_free(&c);
}

static void nothing_is_written_as_others_do(void **state) {
    at_session *s = *state;
    char path[] = "/tmp/attend-safetensors-XXXXXX";
    close(mkstemp(path));
    at_collection none = {0};
    assert_true(at_safetensors_write(s, path, &none, NULL, 0));
    assert_true(at_safetensors_read(s, path, &none));
    assert_int_equal(none.count, 0);
    assert_true(at_safetensors_write(s, path, &none, (at_metadata[]){{"a", "b"}}, 1));
    assert_true(at_safetensors_read(s, path, &none));
    assert_int_equal(none.count, 0);
    unlink(path);
    assert_silent(s);
}

static void a_large_array_lies_in_its_file_until_its_last_user_ends(void **state) {
    at_session *s = *state;
    char path[] = "/tmp/attend-safetensors-XXXXXX";
    close(mkstemp(path));
    at_collection c = {0}, back;
    static const char *const names[] = {"a", "b", "small"};
    for (int i = 0; i < 3; i++) {
        at_tensor *t = at_tensor_new(s, AT_TYPE_F32, (int64_t[]){i < 2 ? 20000 : 3}, 1, names[i]);
        fill(t, (unsigned)i);
        at_collection_add(s, &c, names[i], t);
    }
    assert_true(at_safetensors_write(s, path, &c, NULL, 0));
    assert_true(at_safetensors_read(s, path, &back));
    assert_non_null(back.items[0].tensor->mapping);
    assert_ptr_equal(back.items[0].tensor->mapping, back.items[1].tensor->mapping);
    assert_null(back.items[2].tensor->mapping);
    at_tensor *kept = back.items[1].tensor;
    back.items[1].tensor = NULL;
    at_collection_free(&back);
    assert_same_tensor(kept, c.items[1].tensor);
    /* What is written to it stays out of the file. */
    ((float *)kept->data)[0] = 12;
    assert_true(at_safetensors_read(s, path, &back));
    assert_same_tensor(back.items[1].tensor, c.items[1].tensor);
    at_collection_free(&back);
    at_tensor_free(kept);
    at_collection_free(&c);
    unlink(path);
    assert_silent(s);
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
        {"__metadata__", "the name `__metadata__` means something else there"},
        {"w", "the name `w` is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at_named items[] = {{"w", t}, {cases[i].name, t}};
        at_collection c = {.count = 2, .capacity = 2, .items = items};
        char expected[128];
        snprintf(expected, sizeof expected,
                 "error[E819]: cannot write /tmp/never.safetensors: %s\n", cases[i].said);
        assert_false(at_safetensors_write(s, "/tmp/never.safetensors", &c, NULL, 0));
        assert_said(s, expected);
        assert_int_not_equal(access("/tmp/never.safetensors", F_OK), 0);
    }
    at_named item = {"t", t};
    assert_false(at_safetensors_write(s, "/dev/full", &(at_collection){1, 1, &item}, NULL, 0));
    assert_said(s, "error[E003]: cannot write /dev/full: No space left on device\n");
    at_tensor_free(t);
}

static void the_name_of_a_file_says_which_kind_it_is(void **state) {
    at_session *s = *state;
    at_collection none = {0};
    assert_true(at_archive_named("a.npz"));
    assert_true(at_archive_named("a/b.safetensors"));
    assert_false(at_archive_named("a.npy"));
    assert_false(at_archive_write(s, "/tmp/kept.npy", &none, NULL, 0));
    assert_said(s, "error[E820]: /tmp/kept.npy would hold named arrays, and its name says not how\n"
                   "  = hint: call it .npz, or .safetensors\n");
    char path[] = "/tmp/attend-archive-XXXXXX.safetensors";
    close(mkstemps(path, 12));
    assert_true(at_archive_write(s, path, &none, NULL, 0));
    assert_true(at_archive_read(s, path, &none));
    unlink(path);
    char zip[] = "/tmp/attend-archive-XXXXXX.npz";
    close(mkstemps(zip, 4));
    assert_true(at_archive_write(s, zip, &none, NULL, 0));
    assert_true(at_archive_read(s, zip, &none));
    assert_true(at_npz_read(s, zip, &none));
    unlink(zip);
    assert_silent(s);
}

/* ---- headers that lie ------------------------------------------------------------------------ */

/* A file with this header and `data` bytes of data; the caller frees it. */
static unsigned char *build(const char *header, size_t data, size_t *length) {
    size_t n = strlen(header);
    unsigned char *bytes = calloc(1, 8 + n + data + 1);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(bytes + 8, header, n);
    *length = 8 + n + data;
    return bytes;
}

static void refused(at_session *s, const char *header, size_t data, const char *expected) {
    size_t length;
    unsigned char *bytes = build(header, data, &length);
    at_collection c;
    assert_false(at_safetensors_parse(s, "m.safetensors", bytes, length, &c));
    assert_int_equal(c.count, 0);
    if (s->diag_count == 1) s->diags[0]->hint = NULL; /* one and the same: what a header looks like */
    assert_said(s, expected);
    free(bytes);
}

#define ENTRY(name, offsets)                                                                       \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" offsets "]}"

static void offsets_must_cover_the_data(void **state) {
    at_session *s = *state;
    static const struct {
        const char *header;
        size_t data;
        const char *said;
    } cases[] = {
        {"{" ENTRY("w", "0,7") "}", 7,
         "`w` in m.safetensors: f32 (2) takes 8 bytes, and its offsets are "
         "0 to 7"},
        {"{" ENTRY("w", "8,0") "}", 8,
         "`w` in m.safetensors: f32 (2) takes 8 bytes, and its offsets are "
         "8 to 0"},
        {"{" ENTRY("w", "0,8") "}", 7,
         "m.safetensors is cut off: its arrays take 8 bytes, and 7 follow "
         "its header"},
        {"{" ENTRY("w", "0,8") "}", 9,
         "m.safetensors is too long: its arrays take 8 bytes, and 9 follow "
         "its header"},
        {"{}", 1, "m.safetensors is too long: its arrays take 0 bytes, and 1 follow its header"},
        {"{" ENTRY("w", "4,12") "}", 12,
         "the bytes 0 to 4 of the data of m.safetensors, before `w`, "
         "belong to no array"},
        {"{" ENTRY("b", "9,17") "," ENTRY("a", "0,8") "}", 17,
         "the bytes 8 to 9 of the data of "
         "m.safetensors, before `b`, belong to no "
         "array"},
        {"{" ENTRY("a", "0,8") "," ENTRY("b", "4,12") "}", 12,
         "`a` and `b` in m.safetensors overlap: the "
         "one ends at byte 8 of the data, and the "
         "other begins at 4"},
        {"{" ENTRY("a", "0,8") "," ENTRY("b", "0,8") "}", 8,
         "`a` and `b` in m.safetensors overlap: the "
         "one ends at byte 8 of the data, and the "
         "other begins at 0"},
        {"{\"w\":{\"dtype\":\"F64\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         "`w` in m.safetensors would be f64 (4294967296, 4294967296), more than any memory can hold"},
        {"{\"w\":{\"dtype\":\"U8\",\"shape\":[18446744073709551615],\"data_offsets\":[0,0]}}", 0,
         "`w` in m.safetensors has an axis of 18446744073709551615 elements, more than any memory can "
         "hold"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "error[E818]: %s\n", cases[i].said);
        refused(s, cases[i].header, cases[i].data, expected);
    }
    size_t length;
    unsigned char *bytes = build("{" ENTRY("b", "8,16") ", " ENTRY("a", "0,8") " }  ", 16, &length);
    at_collection c;
    assert_true(at_safetensors_parse(s, "m", bytes, length, &c));
    assert_string_equal(c.items[0].name, "a");
    at_collection_free(&c);
    free(bytes);
}

static void what_cannot_be_read_is_named(void **state) {
    at_session *s = *state;
    static const struct {
        const char *dtype, *said;
    } cases[] = {
        {"F4", "reals that are packed, several in a byte or two (F4)"},
        {"F6_E2M3", "reals that are packed, several in a byte or two (F6_E2M3)"},
        {"C64", "complex numbers (C64)"},
        {"f32", "elements of a type that is not known here (f32)"},
        {"", "elements of a type that is not known here ()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[128], expected[128];
        snprintf(header, sizeof header,
                 "{\"w\":{\"dtype\":\"%s\",\"shape\":[],\"data_offsets\":[0,4]}}", cases[i].dtype);
        snprintf(expected, sizeof expected, "not supported[E817]: `w` in m.safetensors holds %s\n",
                 cases[i].said);
        refused(s, header, 4, expected);
    }
    char header[512] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1";
    for (int i = 0; i < AT_RANK_LIMIT; i++) strcat(header, ",1");
    strcat(header, "],\"data_offsets\":[0,4]}}");
    refused(s, header, 4,
            "not supported[E806]: `w` in m.safetensors has more than 32 axes, and an array "
            "has at most 32\n");
}

static void names_are_text_and_there_once(void **state) {
    at_session *s = *state;
    refused(s, "{" ENTRY("w", "0,8") "," ENTRY("\\u0077", "8,16") "}", 16,
            "error[E819]: m.safetensors holds `w` twice\n");
    refused(s, "{" ENTRY("", "0,8") "}", 8,
            "error[E819]: m.safetensors holds ``, a name that no array can have\n");
    refused(s, "{" ENTRY("a\\u0000b", "0,8") "}", 8,
            "error[E819]: m.safetensors holds `a?b`, a name that no array can have\n");
    refused(s, "{" ENTRY("a\\nb", "0,8") "}", 8,
            "error[E819]: m.safetensors holds `a?b`, a name that no array can have\n");
    refused(s, "{\"__metadata__\":{},\"__metadata__\":{}}", 0,
            "error[E819]: m.safetensors holds `__metadata__` twice\n");
    refused(
        s, "{" ENTRY("a\377", "0,8") "}", 8,
        "error[E816]: the header of m.safetensors has `?\":{\"dtype\":\"F32\",\"shape…` at byte 3, where "
        "a character of a string, in UTF-8, should be\n");
    size_t length;
    unsigned char *bytes = build(
        "{" ENTRY("\\u00e9\\ud83d\\ude00\\\"\\/", "0,8") ",\"__metadata__\":{\"\\n\":\"\\u0000\"}}",
        8, &length);
    at_collection c;
    assert_true(at_safetensors_parse(s, "m", bytes, length, &c));
    assert_string_equal(c.items[0].name, "é😀\"/");
    at_collection_free(&c);
    free(bytes);
}

static void headers_of_another_form_are_refused(void **state) {
    at_session *s = *state;
    static const struct {
        const char *header, *said;
    } cases[] = {
        {"{", "ends at byte 1, where the name of an array should be"},
        {"{}}", "has `}` at byte 2, where the end of the header should be"},
        {"{1}", "has `1}` at byte 1, where the name of an array should be"},
        {"{\"w", "ends at byte 3, where the `\"` that ends a string should be"},
        {"{\"w\\", "ends at byte 4, where the `\"` that ends a string should be"},
        {"{\"w\"", "ends at byte 4, where `:` should be"},
        {"{\"w\":[[[[", "has `[[[[` at byte 5, where `{` should be"},
        {"{\"w\":{}}",
         "has `}}` at byte 6, where \"dtype\", \"shape\" or \"data_offsets\", each once, "
         "should be"},
        {"{\"w\":{\"dtype\":1", "has `1` at byte 14, where a type like \"F32\" should be"},
        {"{\"w\":{\"dtype\":\"F32\",\"dtype\":",
         "has `\"dtype\":` at byte 20, where \"dtype\", \"shape\" or "
         "\"data_offsets\", each once, should be"},
        {"{\"w\":{\"type\":\"F32\"}}",
         "has `\"type\":\"F32\"}}` at byte 6, where \"dtype\", \"shape\" or "
         "\"data_offsets\", each once, should be"},
        {"{\"w\":{\"shape\":[-1]", "has `-1]` at byte 15, where an extent should be"},
        {"{\"w\":{\"shape\":[01]", "has `01]` at byte 15, where an extent should be"},
        {"{\"w\":{\"shape\":[1.5]", "has `.5]` at byte 16, where `,` or `]` should be"},
        {"{\"w\":{\"shape\":[1,]", "has `]` at byte 17, where an extent should be"},
        {"{\"w\":{\"shape\":[18446744073709551616]",
         "has `18446744073709551616]` at byte 15, where an "
         "extent should be"},
        {"{\"w\":{\"shape\":{}", "has `{}` at byte 14, where a shape like [2, 3] should be"},
        {"{\"w\":{\"data_offsets\":[0]", "has `]` at byte 23, where `,` should be"},
        {"{\"w\":{\"data_offsets\":[0,1,2]", "has `,2]` at byte 25, where `]` should be"},
        {"{\"w\":{\"data_offsets\":0", "has `0` at byte 21, where offsets like [0, 24] should be"},
        {"{\"__metadata__\":{\"a\":1}}", "has `1}}` at byte 21, where a string should be"},
        {"{\"__metadata__\":{\"a\":{}}}", "has `{}}}` at byte 21, where a string should be"},
        {"{\"__metadata__\":[]}", "has `[]}` at byte 16, where `{` should be"},
        {"{\"a\\u12", "ends at byte 7, where the `\"` that ends a string should be"},
        {"{\"a\\u12\"",
         "has `\\u12\"` at byte 3, where a character of a string, in UTF-8, should be"},
        {"{\"a\\ud800\"",
         "has `\\ud800\"` at byte 3, where a character of a string, in UTF-8, should be"},
        {"{\"a\\x\"", "has `\\x\"` at byte 3, where a character of a string, in UTF-8, should be"},
        {"{\"a\tb\"", "has `?b\"` at byte 3, where a character of a string, in UTF-8, should be"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "error[E816]: the header of m.safetensors %s\n",
                 cases[i].said);
        refused(s, cases[i].header, 0, expected);
    }
}

static void files_of_other_formats_are_recognised(void **state) {
    at_session *s = *state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *said;
    } cases[] = {
        {"", 0, "error[E815]: m is not a .safetensors file: it has 0 bytes\n"},
        {"\2", 1, "error[E815]: m is not a .safetensors file: it has 1 byte\n"},
        {"\x93NUMPY\1\0", 8,
         "error[E815]: m is not a .safetensors file: its header would have "
         "379676406402707 bytes, and may have 100 million\n"
         "  = hint: it is a .npy file: call it .npy\n"},
        {"\3\0\0\0\0\0\0\0[1]", 11,
         "error[E815]: m is not a .safetensors file: its header does not begin "
         "with `{`\n"},
        {"\4\0\0\0\0\0\0\0{}", 10,
         "error[E818]: m is cut off inside its header: that has 4 bytes, and 2 "
         "follow\n"},
        {"\0\0\0\0\0\0\0\0", 8,
         "error[E815]: m is not a .safetensors file: its header does not begin "
         "with `{`\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at_collection c;
        assert_false(at_safetensors_parse(s, "m", (const unsigned char *)cases[i].bytes,
                                          cases[i].length, &c));
        assert_said(s, cases[i].said);
    }
    at_collection c;
    size_t length;
    unsigned char *zip = slurp(TEST_DATA "npz/stored.npz", &length);
    assert_false(at_safetensors_parse(s, "m", zip, length, &c));
    assert_string_equal(s->diags[0]->hint, "it is a zip: call it .npz");
    assert_true(said_code(s, "E815"));
    free(zip);
    assert_false(at_safetensors_read(s, "/tmp/no/such.safetensors", &c));
    assert_true(said_code(s, "E002"));
}

/* Every prefix gives one error; every change of one bit an error, or arrays. */
static void cut_and_changed_files_end_in_one_error(void **state) {
    (void)state;
    size_t length;
    unsigned char *bytes = slurp(TEST_DATA "safetensors/every_type.safetensors", &length);
    at_session *s = at_session_new(256 << 20);
    at_collection c;
    for (size_t i = 0; i < length; i++) {
        unsigned char *prefix = malloc(i + !i);
        at_move(prefix, bytes, i);
        assert_false(at_safetensors_parse(s, "x", prefix, i, &c));
        assert_int_equal(s->diag_count, 1);
        s->diag_count = 0;
        free(prefix);
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            bool good = at_safetensors_parse(s, "x", bytes, length, &c);
            assert_int_equal(s->diag_count, good ? 0 : 1);
            s->diag_count = 0;
            at_collection_free(&c);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    }
    at_session_free(s);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_of_other_makers_are_read),
        TEST(small_reals_are_those_of_another_implementation),
        TEST(collections_come_back_and_are_the_same_bytes_each_time),
        TEST(nothing_is_written_as_others_do),
        TEST(a_large_array_lies_in_its_file_until_its_last_user_ends),
        TEST(names_that_no_reader_could_use_are_not_written),
        TEST(the_name_of_a_file_says_which_kind_it_is),
        TEST(offsets_must_cover_the_data),
        TEST(what_cannot_be_read_is_named),
        TEST(names_are_text_and_there_once),
        TEST(headers_of_another_form_are_refused),
        TEST(files_of_other_formats_are_recognised),
        TEST(cut_and_changed_files_end_in_one_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
