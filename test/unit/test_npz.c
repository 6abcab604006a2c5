/* .npz files: what NumPy writes is read, what is written comes back, the same bytes each time. Zips
 * that lie are in test_zip.c. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "tensor_test.h"

/* ---- made by NumPy 2.4 (np.savez, np.savez_compressed) --------------------------------------- */

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
    char name[64];
    for (int type = 0; type < AT_TYPES; type++) {
        if (type == AT_TYPE_BF16 || type > AT_TYPE_F64) continue; /* NumPy has them not */
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
        assert_int_equal(bytes[0][7] & 8, 8); /* the flag that says the name is UTF-8 */
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

/* ---- sweeps ---------------------------------------------------------------------------------- */

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(numpy_files_are_read),
        TEST(collections_come_back_and_are_the_same_bytes_each_time),
        TEST(an_empty_collection_is_written_as_numpy_does),
        TEST(names_that_no_reader_could_use_are_not_written),
        TEST(a_full_disk_is_said),
        TEST(cut_and_changed_files_end_in_one_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
