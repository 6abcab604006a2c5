/* What every stage stands on: memory limits and their escape, numbers as text, maps, messages to
 * the letter, files that are whole or untouched. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <float.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor_test.h"

/* ---- arenas ---------------------------------------------------------------------------------- */

static void memory_of_an_arena_is_zero_aligned_and_apart(void **state) {
    (void)state;
    at_arena *a = at_arena_new(8 << 20);
    unsigned char *last = NULL;
    for (size_t n = 0; n < 3000; n++) {
        unsigned char *p = at_alloc(a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
        if (last) assert_int_equal(last[0], 0xff);
        if (n) last = p;
    }
    assert_true(at_arena_used(a) >= 3000 * 2999 / 2);
    at_arena_free(a);
    at_arena_free(NULL);
}

static void an_arena_gives_what_its_limit_allows_and_no_more(void **state) {
    (void)state;
    static const size_t limits[] = {16, 100, 16 << 10, (16 << 10) + 16, 100 << 10, 3 << 20};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        at_arena *a = at_arena_new(limits[i]);
        assert_non_null(a);
        size_t n = 0;
        while (at_alloc(a, 16)) n++;
        assert_int_equal(n, limits[i] / 16);
        at_arena_free(a);
    }
    assert_null(at_arena_new(0));
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    at_arena *a = at_arena_new(SIZE_MAX);
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16,
                                   SIZE_MAX - 31, SIZE_MAX - 32, SIZE_MAX - 48, SIZE_MAX - 63};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) assert_null(at_alloc(a, sizes[i]));
    assert_null(AT_NEW_ARRAY(a, uint64_t, (size_t)1 << 61));
    assert_null(AT_NEW_ARRAY(a, uint64_t, -1));
    assert_null(at_alloc_array(a, SIZE_MAX / 2 + 2, 2));
    assert_non_null(AT_NEW_ARRAY(a, uint64_t, 4));
    at_arena_free(a);
}

static void a_met_limit_escapes(void **state) {
    (void)state;
    at_arena *a = at_arena_new(1024);
    jmp_buf escape;
    if (setjmp(escape) == 0) {
        at_arena_escape(a, &escape);
        assert_non_null(at_alloc(a, 512));
        at_alloc(a, 1024);
        fail();
    }
    at_arena_escape(a, NULL);
    assert_null(at_alloc(a, 1024));
    at_arena_free(a);
}

/* The sums that RFC 7693's reference gives. */
static void a_hash_is_blake2b_in_pieces_of_any_length(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 3, 128, 1000};
    static const char *const wanted[] = {
        "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
        "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1",
        "c636324d47d89f2b2434dc2c994100663fbbaea880ff020fc5de89dd0f77a1ec",
    };
    unsigned char bytes[1000], sum[AT_HASH_BYTES];
    char hex[2 * AT_HASH_BYTES + 1];
    for (size_t piece = 1; piece < 300; piece += 127)
        for (size_t k = 0; k < 4; k++) {
            for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
            if (lengths[k] == 3) memcpy(bytes, "abc", 3);
            at_hash hash;
            at_hash_begin(&hash);
            for (size_t at = 0; at < lengths[k]; at += piece)
                at_hash_add(&hash, bytes + at, at + piece < lengths[k] ? piece : lengths[k] - at);
            at_hash_end(&hash, sum);
            at_hash_hex(sum, hex);
            assert_string_equal(hex, wanted[k]);
        }
}

static void lists_grow_in_an_arena(void **state) {
    at_session *s = *state;
    int *items = NULL, count = 0, capacity = 0;
    for (int i = 0; i < 1000; i++) AT_PUSH(s->arena, items, count, capacity, i * i);
    assert_int_equal(count, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], i * i);
    assert_string_equal(at_format(s->arena, "%s is %d", "x", 7), "x is 7");
    assert_string_equal(at_copy_text(s->arena, "abcdef", 3), "abc");
}

/* ---- guards ---------------------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    size_t bytes;
    int entered, left, released;
    bool result;
} guarded;

static bool body(void *user) {
    guarded *g = user;
    g->entered++;
    (void)at_alloc(g->session->arena, g->bytes);
    g->left++;
    return g->result;
}

static void release(void *user) { ((guarded *)user)->released++; }

static bool nested(void *user) {
    guarded *g = user;
    bool result = at_released(g->session, body, release, g);
    g->left++;
    return result;
}

#define FULL                                                                                       \
    "not supported[E001]: this program needs more memory to compile than it may have\n"            \
    "  = hint: calls are inlined: functions that call each other many times over grow fast\n"

static void a_guard_turns_a_met_limit_into_an_error(void **state) {
    at_session *s = *state;
    guarded g = {.session = s, .bytes = 16, .result = true};
    assert_true(at_guarded(s, body, &g));
    g.result = false;
    assert_false(at_guarded(s, body, &g));
    assert_silent(s);
    g = (guarded){.session = s, .bytes = 1 << 30, .result = true};
    assert_false(at_guarded(s, body, &g));
    assert_int_equal(g.entered, 1);
    assert_int_equal(g.left, 0);
    assert_null(s->escape);
    assert_false(at_guarded(s, body, &g)); /* said once */
    assert_said(s, FULL);
}

static void what_a_body_holds_is_released_however_it_ends(void **state) {
    at_session *s = *state;
    guarded g = {.session = s, .bytes = 16, .result = true};
    assert_true(at_released(s, body, release, &g));
    g.result = false;
    assert_false(at_released(s, body, release, &g));
    assert_int_equal(g.released, 2);
    assert_silent(s);
    /* Without a guard outside, it guards; with one, that one catches, after the release. */
    g = (guarded){.session = s, .bytes = 1 << 30, .result = true};
    assert_false(at_released(s, body, release, &g));
    assert_int_equal(g.released, 1);
    assert_said(s, FULL);
    g = (guarded){.session = s, .bytes = 1 << 30, .result = true};
    assert_false(at_guarded(s, nested, &g));
    assert_int_equal(g.released, 1);
    assert_int_equal(g.left, 0);
    assert_null(s->escape);
    assert_said(s, FULL);
    g = (guarded){.session = s, .bytes = 16, .result = true};
    assert_true(at_guarded(s, nested, &g));
    assert_int_equal(g.left, 2);
    assert_int_equal(g.released, 1);
}

static void an_error_without_memory_is_still_an_error(void **state) {
    at_session *s = *state;
    while (at_alloc(s->arena, 16)) {}
    at_diag *diag = at_error(s, AT_E_UTF8, at_no_span(), "x");
    assert_non_null(diag);
    at_note(s, diag, at_no_span(), "y");
    assert_int_equal(diag->note_count, 0);
    assert_int_equal(s->diag_count, 1);
    at_text text = {0};
    at_diags_render(s, false, &text);
    assert_string_equal(text.data, FULL);
    at_text_free(&text);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_grows_and_stays_terminated(void **state) {
    (void)state;
    at_text t = {0};
    for (int i = 0; i < 500; i++) {
        at_text_addf(&t, "%d,", i);
        assert_int_equal(strlen(t.data), t.length);
    }
    at_text_pad(&t, '-', 3);
    at_text_pad(&t, '-', 0);
    at_text_add_n(&t, "abc", 2);
    assert_string_equal(t.data + t.length - 9, "499,---ab");
    at_text_free(&t);
    assert_null(t.data);
    at_text_add(&t, "");
    assert_string_equal(t.data, "");
    at_text_free(&t);
}

static void reals_are_short(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {-2.5, "-2.5"}, {0.1, "0.1"}, {1e-6, "1e-6"},
        {1e300, "1e300"}, {1e-300, "1e-300"}, {128, "128.0"}, {1.0 / 3, "0.3333333333333333"},
        {INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"}, {-NAN, "nan"}, {1e6, "1e6"},
        {DBL_MAX, "1.7976931348623157e308"}, {5e-324, "5e-324"}, {123456789, "123456789.0"},
        {10, "10.0"}, {-20, "-20.0"}, {12000, "12000.0"}, {100000, "1e5"}, {0.001, "0.001"},
        {0.0001, "0.0001"}, {0.00001, "1e-5"}, {99999.5, "99999.5"}, {1.5e10, "1.5e10"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        at_text_real(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void reals_read_back_to_the_bit(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252u; /* xorshift: every kind of exponent */
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value)) continue;
        char text[32], *end;
        at_text_real(value, text);
        assert_true(strlen(text) < 32);
        assert_non_null(strpbrk(text, ".en"));
        back = strtod(text, &end);
        assert_int_equal(*end, 0);
        assert_memory_equal(&back, &value, sizeof value);
    }
}

static void distances_count_edits(void **state) {
    (void)state;
    assert_int_equal(at_text_distance("score", "score", 9), 0);
    assert_int_equal(at_text_distance("scroe", "score", 9), 1);
    assert_int_equal(at_text_distance("ab", "ba", 9), 1);
    assert_int_equal(at_text_distance("abc", "acbd", 9), 2);
    assert_int_equal(at_text_distance("", "abc", 9), 3);
    assert_int_equal(at_text_distance("kitten", "sitting", 9), 3);
    assert_int_equal(at_text_distance("kitten", "sitting", 2), 2);
    char large[100];
    memset(large, 'x', 99);
    large[99] = 0;
    assert_int_equal(at_text_distance(large, "x", 5), 5);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void a_map_agrees_with_a_list(void **state) {
    at_session *s = *state;
    enum { N = 5000 };
    static int values[2 * N];
    at_map map = {0};
    assert_null(at_map_get(&map, "0"));
    for (int i = 0; i < 2 * N; i++) /* every key twice; the second replaces */
        at_map_put(s->arena, &map, at_format(s->arena, "key%d", i % N), &values[i]);
    assert_int_equal(map.count, N);
    for (int i = 0; i < N; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%d", i);
        assert_ptr_equal(at_map_get(&map, key), &values[N + i]);
    }
    assert_null(at_map_get(&map, "key5000"));
    assert_null(at_map_get(&map, ""));
    at_map_put(s->arena, &map, "", &values[0]);
    assert_ptr_equal(at_map_get(&map, ""), &values[0]);
}

/* ---- sources --------------------------------------------------------------------------------- */

static void only_utf8_text_is_a_source(void **state) {
    at_session *s = *state;
    static const struct {
        const char *text;
        size_t length, wrong; /* the first wrong byte; length: none */
    } cases[] = {
        {"", 0, 0}, {"plain", 5, 5}, {"größe ∑ 𝛼", 16, 16}, {"ab\xff", 3, 2}, {"a\xc3", 2, 1},
        {"a\xc3(", 3, 1}, {"\xc0\x80", 2, 0}, {"\xe0\x80\x80", 3, 0}, {"\xed\xa0\x80", 3, 0},
        {"\xf4\x90\x80\x80", 4, 0}, {"\xf5\x80\x80\x80", 4, 0}, {"x\x80", 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const at_source *source = at_make_source(s, "x.attn", cases[i].text, cases[i].length);
        if (cases[i].wrong == cases[i].length) {
            assert_non_null(source);
            assert_int_equal(source->length, cases[i].length);
            assert_string_equal(source->text, cases[i].text);
            continue;
        }
        char expected[160];
        snprintf(expected, sizeof expected, "error[E005]: x.attn is not UTF-8 text: byte %zu is "
                 "invalid\n  = hint: a program is plain text; save it as UTF-8\n", cases[i].wrong);
        assert_null(source);
        assert_said(s, expected);
    }
    assert_null(at_make_source(s, "x.attn", "a\0b", 3));
    assert_said(s, "error[E005]: x.attn is not UTF-8 text: byte 1 is zero\n"
                   "  = hint: a program is plain text; save it as UTF-8\n");
    char *large = calloc(1, (16 << 20) + 1);
    assert_null(at_make_source(s, "x.attn", large, (16 << 20) + 1));
    assert_said(s, "not supported[E004]: x.attn is longer than the 16 MiB a program may have\n");
    free(large);
}

static void programs_that_cannot_be_read_are_named(void **state) {
    at_session *s = *state;
    assert_null(at_read_source(s, "/nowhere/x.attn"));
    assert_said(s, "error[E002]: cannot read /nowhere/x.attn: No such file or directory\n");
    assert_null(at_read_source(s, "test"));
    assert_said(s, "error[E002]: test is a folder, not a program\n");
    assert_null(at_read_source(s, "/dev/zero")); /* endless: stops at the limit */
    assert_said(s, "not supported[E004]: /dev/zero is longer than the 16 MiB a program may have\n");
    const at_source *source = at_read_source(s, "/dev/null");
    assert_non_null(source);
    assert_int_equal(source->length, 0);
}

/* ---- messages -------------------------------------------------------------------------------- */

static at_span piece(const at_source *source, const char *word) {
    const char *at = strstr(source->text, word);
    assert_non_null(at);
    uint32_t begin = (uint32_t)(at - source->text);
    return (at_span){source, begin, begin + (uint32_t)strlen(word)};
}

static void a_message_shows_its_place(void **state) {
    at_session *s = *state;
    const char *text = "fn f(q[i,d]) -> o[i] {\n\tp[i] = größe + scroe[i]\n}\n";
    const at_source *source = at_make_source(s, "mask.attn", text, strlen(text));
    at_diag *diag = at_error(s, AT_E_UTF8, piece(source, "scroe"), "nothing is called `%s`",
                             "scroe");
    at_label(s, diag, "here");
    at_note(s, diag, piece(source, "q[i,d]"), "`q` is %d", 1);
    at_note(s, diag, at_no_span(), "a thought");
    at_hint_near(s, diag, "scroe", (const char *const[]){"sum", "score", "q"}, 3);
    assert_said(s, "error[E005]: nothing is called `scroe`\n"
                   " --> mask.attn:2:17\n"
                   "  |\n"
                   "2 |  p[i] = größe + scroe[i]\n"
                   "  |                 ^^^^^ here\n"
                   " --> mask.attn:1:6\n"
                   "  |\n"
                   "1 | fn f(q[i,d]) -> o[i] {\n"
                   "  |      ------ `q` is 1\n"
                   "  = note: a thought\n"
                   "  = hint: did you mean `score`?\n");
}

static void a_message_is_colored_when_asked(void **state) {
    at_session *s = *state;
    const at_source *source = at_make_source(s, "x", "abc", 3);
    at_error(s, AT_E_MEMORY, piece(source, "b"), "m");
    at_text text = {0};
    at_diags_render(s, true, &text);
    assert_string_equal(text.data,
                        "\033[1;31mnot supported[E001]\033[0m\033[1m: m\033[0m\n"
                        "\033[1;34m -->\033[0m x:1:2\n"
                        "\033[1;34m  |\033[0m\n"
                        "\033[1;34m1 |\033[0m abc\n"
                        "\033[1;34m  |\033[0m  \033[1;31m^\033[0m\n");
    at_text_free(&text);
}

static void places_at_the_edges_can_be_shown(void **state) {
    at_session *s = *state;
    const at_source *empty = at_make_source(s, "x", "", 0);
    at_error(s, AT_E_UTF8, (at_span){empty, 0, 0}, "m");
    assert_said(s, "error[E005]: m\n --> x:1:1\n  |\n1 | \n  | ^\n");
    const at_source *two = at_make_source(s, "x", "a\nbc\n", 5);
    at_error(s, AT_E_UTF8, (at_span){two, 0, 5}, "over lines");
    at_error(s, AT_E_UTF8, (at_span){two, 5, 5}, "at the end");
    at_error(s, AT_E_UTF8, (at_span){two, 4, 4}, "at a line's end");
    assert_said(s, "error[E005]: over lines\n --> x:1:1\n  |\n1 | a\n  | ^\n\n"
                   "error[E005]: at the end\n --> x:3:1\n  |\n3 | \n  | ^\n\n"
                   "error[E005]: at a line's end\n --> x:2:3\n  |\n2 | bc\n  |   ^\n");
    const at_source data = {"data.npz", NULL, 0};
    at_error(s, AT_E_UTF8, (at_span){&data, 0, 0}, "m");
    assert_said(s, "error[E005]: m\n --> data.npz\n");
    int line, column;
    at_locate(two, 99, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 1);
}

static void a_long_line_is_cut_around_the_place(void **state) {
    at_session *s = *state;
    char *line = calloc(1, 3001);
    for (int i = 0; i < 1000; i++) memcpy(line + 3 * i, "∑", 3);
    memcpy(line + 1500, "abc", 3);
    const at_source *source = at_make_source(s, "x", line, 3000);
    at_error(s, AT_E_UTF8, piece(source, "abc"), "m");
    at_text text = {0};
    at_diags_render(s, false, &text);
    assert_non_null(strstr(text.data, "x:1:501\n"));
    assert_true(text.length < 600);
    assert_non_null(at_make_source(s, "shown", text.data, text.length)); /* still UTF-8 */
    const char *shown = strstr(text.data, "1 | "), *caret = strstr(text.data, "^^^");
    assert_non_null(caret);
    const char *under = caret;
    while (under[-1] == ' ') under--;
    assert_int_equal(caret - under, 1 + 20); /* "| ", then 60 bytes of ∑ */
    assert_memory_equal(shown + 4 + 60, "abc", 3);
    at_text_free(&text);
    free(line);
}

static void errors_beyond_the_limit_are_counted(void **state) {
    at_session *s = *state;
    for (int i = 0; i < 22; i++) assert_non_null(at_error(s, AT_E_UTF8, at_no_span(), "%d", i));
    assert_int_equal(s->diag_count, 20);
    at_text text = {0};
    at_diags_render(s, false, &text);
    const char *end = "\n\nerror[E005]: 19\n\n2 more errors not shown\n";
    assert_string_equal(text.data + text.length - strlen(end), end);
    at_text_free(&text);
}

static void codes_are_distinct_and_complete(void **state) {
    (void)state;
    for (int a = 0; a < AT_ERROR_CODES; a++) {
        const char *code = at_code_text((at_code)a);
        assert_int_equal(strlen(code), 4);
        assert_int_equal(code[0], 'E');
        assert_true(strlen(at_code_summary((at_code)a)) > 10);
        for (int b = 0; b < a; b++) assert_string_not_equal(code, at_code_text((at_code)b));
    }
    assert_int_equal(at_code_blame(AT_E_MEMORY), AT_UNSUPPORTED);
    assert_int_equal(at_code_blame(AT_E_UTF8), AT_USER);
}

/* ---- writing files --------------------------------------------------------------------------- */

typedef struct {
    const char *content;
    bool good;
    int reason;
} content;

static bool write_content(void *file, void *user) {
    const content *c = user;
    fputs(c->content, file);
    errno = c->reason;
    return c->good;
}

static char folder[] = "/tmp/attend-base-XXXXXX";
static char target[64], link_name[64];

static int make_folder(void **state) {
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(target, sizeof target, "%s/result", folder);
    snprintf(link_name, sizeof link_name, "%s/link", folder);
    return begin_session(state);
}

static int remove_folder(void **state) {
    unlink(target);
    unlink(link_name);
    /* Fails when anything else is left: a temporary file that was forgotten. */
    int left = rmdir(folder);
    end_session(state);
    return left;
}

static void assert_content(const char *expected) {
    size_t length;
    unsigned char *bytes = slurp(target, &length);
    bytes[length] = 0;
    assert_string_equal((char *)bytes, expected);
    free(bytes);
}

static void a_failed_write_keeps_the_old_file(void **state) {
    at_session *s = *state;
    content c = {"old", true, 0};
    assert_true(at_write_file(s, target, write_content, &c));
    assert_content("old");
    c = (content){"new", false, ENOSPC};
    char expected[128];
    assert_false(at_write_file(s, target, write_content, &c));
    snprintf(expected, sizeof expected, "error[E003]: cannot write %s: No space left on device\n",
             target);
    assert_said(s, expected);
    assert_content("old");
    c.reason = 0;
    assert_false(at_write_file(s, target, write_content, &c));
    snprintf(expected, sizeof expected,
             "error[E003]: cannot write %s: its content could not be made\n", target);
    assert_said(s, expected);
    assert_content("old");
    c.good = true;
    assert_true(at_write_file(s, target, write_content, &c));
    assert_content("new");
    assert_silent(s);
}

static void permissions_and_links_stay(void **state) {
    at_session *s = *state;
    content c = {"1", true, 0};
    mode_t mask = umask(027);
    assert_true(at_write_file(s, target, write_content, &c));
    umask(mask);
    struct stat status;
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(chmod(target, 0604), 0);
    assert_int_equal(symlink(target, link_name), 0);
    c.content = "2";
    assert_true(at_write_file(s, link_name, write_content, &c));
    assert_content("2");
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0604);
    assert_int_equal(lstat(link_name, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static bool write_too_much(void *file, void *user) {
    fputs("half", file);
    (void)at_alloc(((at_session *)user)->arena, 1 << 30);
    return true;
}

static void an_escape_while_writing_leaves_nothing_behind(void **state) {
    at_session *s = *state;
    content c = {"old", true, 0};
    assert_true(at_write_file(s, target, write_content, &c));
    assert_false(at_write_file(s, target, write_too_much, s));
    assert_said(s, FULL);
    assert_content("old");
}

static void places_that_cannot_be_written_are_named(void **state) {
    at_session *s = *state;
    content c = {"x", true, 0};
    assert_false(at_write_file(s, "/nowhere/x", write_content, &c));
    assert_said(s, "error[E003]: cannot write /nowhere/x: No such file or directory\n");
    assert_false(at_write_file(s, "test", write_content, &c));
    assert_said(s, "error[E003]: cannot write test: Is a directory\n");
    assert_false(at_write_file(s, "/dev/full", write_content, &c));
    assert_said(s, "error[E003]: cannot write /dev/full: No space left on device\n");
    assert_true(at_write_file(s, "/dev/null", write_content, &c));
    assert_silent(s);
    assert_int_equal(access("/dev/null", W_OK), 0);
}

static void reasons_are_kept_once_and_only_for_who_asks(void **state) {
    at_session *s = *state;
    at_reason_add(s, AT_REASON_FUSE, at_no_span(), "s[i,j]", "is stored by pass %d", 1);
    assert_null(s->reasons);
    at_reasons_keep(s);
    assert_int_equal(s->reasons->count, 0);
    for (int i = 0; i < 3; i++) {
        at_reason_add(s, AT_REASON_FUSE, at_no_span(), "s[i,j]", "is stored by pass %d", 1);
        at_reason_add(s, AT_REASON_SKIP, at_no_span(), "s[i,j]", "is stored by pass %d", 1);
        at_reason_add(s, AT_REASON_FUSE, at_no_span(), "s[i,j]", "is stored by pass %d", 2);
        at_reason_add(s, AT_REASON_FUSE, at_no_span(), "p[i,j]", "is stored by pass %d", 2);
    }
    assert_int_equal(s->reasons->count, 4);
    assert_string_equal(s->reasons->items[2].what, "s[i,j]");
    assert_string_equal(s->reasons->items[2].why, "is stored by pass 2");
    assert_int_equal(s->reasons->items[1].kind, AT_REASON_SKIP);
    at_reasons_keep(s);
    assert_int_equal(s->reasons->count, 4);
}

static void missing_folders_are_made_up_to_the_last_slash(void **state) {
    (void)state;
    assert_true(at_make_folders("deep/deeper/name"));
    assert_int_equal(access("deep/deeper", W_OK), 0);
    assert_int_not_equal(access("deep/deeper/name", F_OK), 0);
    assert_true(at_make_folders("deep/deeper/name"));
    assert_true(at_make_folders("name"));
    assert_int_not_equal(access("name", F_OK), 0);
    assert_false(at_make_folders("/proc/none/name"));
    assert_int_equal(rmdir("deep/deeper"), 0);
    assert_int_equal(rmdir("deep"), 0);
}

static void time_and_memory_are_told(void **state) {
    (void)state;
    double before = at_now();
    assert_true(at_now() >= before);
    assert_true(at_memory_free() > 0);
    size_t peak = at_memory_peak();
    assert_true(peak > 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(memory_of_an_arena_is_zero_aligned_and_apart),
        TEST(an_arena_gives_what_its_limit_allows_and_no_more),
        TEST(sizes_that_overflow_are_refused),
        TEST(a_met_limit_escapes),
        TEST(a_hash_is_blake2b_in_pieces_of_any_length),
        TEST(lists_grow_in_an_arena),
        TEST(a_guard_turns_a_met_limit_into_an_error),
        TEST(what_a_body_holds_is_released_however_it_ends),
        TEST(an_error_without_memory_is_still_an_error),
        TEST(text_grows_and_stays_terminated),
        TEST(reals_are_short),
        TEST(reals_read_back_to_the_bit),
        TEST(distances_count_edits),
        TEST(a_map_agrees_with_a_list),
        TEST(only_utf8_text_is_a_source),
        TEST(programs_that_cannot_be_read_are_named),
        TEST(a_message_shows_its_place),
        TEST(a_message_is_colored_when_asked),
        TEST(places_at_the_edges_can_be_shown),
        TEST(a_long_line_is_cut_around_the_place),
        TEST(errors_beyond_the_limit_are_counted),
        TEST(codes_are_distinct_and_complete),
        TEST(reasons_are_kept_once_and_only_for_who_asks),
        TEST(time_and_memory_are_told),
#define FILES(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        FILES(a_failed_write_keeps_the_old_file),
        FILES(missing_folders_are_made_up_to_the_last_slash),
        FILES(permissions_and_links_stay),
        FILES(an_escape_while_writing_leaves_nothing_behind),
        FILES(places_that_cannot_be_written_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
