/* What the tests of arrays and files share: sessions, exact messages, bytes in hand. */
#ifndef TENSOR_TEST_H
#define TENSOR_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/tensor.h"

/* Tests run from the root of the repository. */
#define TEST_DATA "test/data/"

static inline int begin_session(void **state) {
    *state = at_session_new(16 << 20);
    return *state ? 0 : -1;
}

static inline int end_session(void **state) {
    at_session_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_session, end_session)

/* Asserts the whole text of all errors of a session, and forgets them. */
#define assert_said(session, expected)                                                             \
    do {                                                                                           \
        at_text said_ = {0};                                                                       \
        at_diags_render((session), false, &said_);                                                 \
        assert_string_equal(said_.data ? said_.data : "", (expected));                             \
        at_text_free(&said_);                                                                      \
        (session)->diag_count = 0;                                                                 \
        (session)->diag_lost = 0;                                                                  \
    } while (0)
#define assert_silent(session) assert_said((session), "")

/* Whether the session's only error has this code; forgets it. For sweeps over many inputs. */
static inline bool said_code(at_session *s, const char *code) {
    bool right = s->diag_count == 1 && strcmp(at_code_text(s->diags[0]->code), code) == 0;
    s->diag_count = 0;
    return right;
}

static inline at_tensor *make(at_session *s, at_type type, int rank, const int64_t *extents,
                              const void *data) {
    at_tensor *t = at_tensor_new(s, type, extents, rank, "made");
    assert_non_null(t);
    at_move(t->data, data, (size_t)t->count * at_type_bytes(type));
    return t;
}

static inline void assert_same_tensor(const at_tensor *a, const at_tensor *b) {
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->rank, b->rank);
    for (int i = 0; i < a->rank; i++) assert_int_equal(a->extents[i], b->extents[i]);
    assert_int_equal(a->count, b->count);
    if (a->count) assert_memory_equal(a->data, b->data, (size_t)a->count * at_type_bytes(a->type));
}

/* A whole file; the caller frees it. */
static inline unsigned char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    unsigned char *bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    *length = fread(bytes, 1, (size_t)size, file);
    assert_int_equal(*length, size);
    fclose(file);
    return bytes;
}

#endif
