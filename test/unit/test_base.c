/* base: memory, text, names, diagnostics, files. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void memory_is_zeroed_and_aligned(void **state) {
    (void)state;
    at_arena *arena = at_arena_new(1 << 20);
    for (size_t bytes = 1; bytes < 5000; bytes = 3 * bytes + 1) {
        unsigned char *p = at_alloc(arena, bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < bytes; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, bytes);
    }
    at_arena_free(arena);
}

static void an_arena_keeps_to_its_limit(void **state) {
    (void)state;
    at_arena *arena = at_arena_new(1 << 20);
    size_t got = 0;
    while (at_alloc(arena, 1000)) got += 1000;
    assert_in_range(got, 1, 1 << 20);
    assert_null(at_alloc(arena, SIZE_MAX - 8));
    at_arena_free(arena);
}

static bool use_all(void *user) {
    at_session *s = user;
    for (;;) at_alloc(s->arena, 4096);
    return true;
}

static void a_session_out_of_memory_says_so(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 20);
    assert_false(at_guarded(s, use_all, s));
    assert_int_equal(s->diag_count, 1);
    assert_string_equal(at_code_text(s->diags[0]->code), "E001");
    at_session_free(s);
}

static void the_twenty_first_error_is_counted_only(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 20);
    for (int i = 0; i < 23; i++) at_error(s, AT_E_FILE_READ, at_no_span(), "number %d", i);
    assert_int_equal(s->diag_count, 20);
    assert_int_equal(s->diag_lost, 3);
    at_text text = {0};
    at_diags_render(s, false, &text);
    assert_non_null(strstr(text.data, "number 19\n"));
    assert_null(strstr(text.data, "number 20"));
    assert_non_null(strstr(text.data, "3 more errors not shown\n"));
    at_text_free(&text);
    at_session_free(s);
}

static void a_diagnostic_shows_line_caret_label_note_and_hint(void **state) {
    (void)state;
    at_session *s = at_session_new(1 << 20);
    const char *program = "fn f(x) -> y {\n  y = é + zz\n}\n";
    const at_source *source = at_make_source(s, "f.attn", program, strlen(program));
    uint32_t at = (uint32_t)(strstr(program, "zz") - program);
    at_diag *diag = at_error(s, AT_E_FILE_READ, (at_span){source, at, at + 2}, "there is no `%s`", "zz");
    at_label(s, diag, "here");
    at_note(s, diag, (at_span){source, 0, 2}, "in this");
    at_note(s, diag, at_no_span(), "and so");
    const char *names[] = {"abc", "zy"};
    at_hint_near(s, diag, "zz", names, 2);
    at_text text = {0};
    at_diags_render(s, false, &text);
    assert_string_equal(text.data, "error[E002]: there is no `zz`\n"
                                   " --> f.attn:2:11\n"
                                   "  |\n"
                                   "2 |   y = é + zz\n"
                                   "  |           ^^ here\n"
                                   " --> f.attn:1:1\n"
                                   "  |\n"
                                   "1 | fn f(x) -> y {\n"
                                   "  | -- in this\n"
                                   "  = note: and so\n"
                                   "  = hint: did you mean `zy`?\n");
    at_text_free(&text);
    at_session_free(s);
}

static void reals_print_shortest_and_read_back(void **state) {
    (void)state;
    const struct { double value; const char *text; } rows[] = {
        {0, "0.0"}, {3, "3.0"}, {0.1, "0.1"}, {1e6, "1e6"}, {1e-7, "1e-7"}, {1.0 / 3, "0.3333333333333333"},
        {INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"}, {-2.5, "-2.5"}, {123456, "123456.0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char buffer[32];
        at_text_real(rows[i].value, buffer);
        assert_string_equal(buffer, rows[i].text);
        if (!isnan(rows[i].value)) assert_true(strtod(buffer, NULL) == rows[i].value);
    }
}

static void distance_counts_edits_up_to_a_limit(void **state) {
    (void)state;
    assert_int_equal(at_text_distance("softmax", "softmax", 5), 0);
    assert_int_equal(at_text_distance("sotfmax", "softmax", 5), 2);
    assert_int_equal(at_text_distance("", "abc", 5), 3);
    assert_int_equal(at_text_distance("abcdef", "uvwxyz", 3), 3);
}

static void a_map_finds_what_was_put_and_nothing_else(void **state) {
    (void)state;
    at_arena *arena = at_arena_new(1 << 22);
    at_map map = {0};
    assert_null(at_map_get(&map, "x"));
    int values[500];
    for (int i = 0; i < 500; i++)
        at_map_put(arena, &map, at_format(arena, "name%d", i), &values[i]);
    at_map_put(arena, &map, "name7", &values[8]);
    assert_int_equal(map.count, 500);
    for (int i = 0; i < 500; i++)
        assert_ptr_equal(at_map_get(&map, at_format(arena, "name%d", i)), &values[i == 7 ? 8 : i]);
    assert_null(at_map_get(&map, "name500"));
    at_arena_free(arena);
}

static void text_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    const struct { const char *text; size_t length; } bad[] = {
        {"a\xff", 2}, {"a\xc3", 2}, {"a\xed\xa0\x80", 4}, {"a\xc0\x80", 3}, {"a\0b", 3}, {"\xf4\x90\x80\x80", 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        at_session *s = at_session_new(1 << 20);
        assert_null(at_make_source(s, "bad", bad[i].text, bad[i].length));
        assert_string_equal(at_code_text(s->diags[0]->code), "E005");
        at_session_free(s);
    }
}

static bool write_half(void *file, void *user) {
    fputs("half", file);
    return *(bool *)user;
}

static void a_file_is_written_whole_or_not_at_all(void **state) {
    (void)state;
    char folder[] = "/tmp/attend-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    at_session *s = at_session_new(1 << 20);
    const char *path = at_format(s->arena, "%s/file", folder);
    bool good = true;
    assert_true(at_write_file(s, path, write_half, &good));
    const at_source *before = at_read_source(s, path);
    assert_string_equal(before->text, "half");
    good = false;
    assert_false(at_write_file(s, path, write_half, &good));
    assert_int_equal(s->diag_count, 1);
    assert_string_equal(at_read_source(s, path)->text, "half");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
    at_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(an_arena_keeps_to_its_limit),
        cmocka_unit_test(a_session_out_of_memory_says_so),
        cmocka_unit_test(the_twenty_first_error_is_counted_only),
        cmocka_unit_test(a_diagnostic_shows_line_caret_label_note_and_hint),
        cmocka_unit_test(reals_print_shortest_and_read_back),
        cmocka_unit_test(distance_counts_edits_up_to_a_limit),
        cmocka_unit_test(a_map_finds_what_was_put_and_nothing_else),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_file_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
