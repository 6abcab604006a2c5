/* What is kept of what was tuned: found again for the same program, type and target, and for no
 * other. */
#define _DEFAULT_SOURCE
#include "program_fixture.h"

#include "run/run.h"

#include <unistd.h>

static const char one[] = "fn one(x[n]) -> y[n] = 2 * x[n]\n";
static const char other[] = "fn one(x[n]) -> y[n] = 3 * x[n]\n";

typedef struct {
    char folder[64], path[128];
    at_session *s;
} fixture;

static int begin(void **state) {
    fixture *f = calloc(1, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/attend-test-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/deep/tuning", f->folder);
    setenv("ATTEND_TUNING", f->path, 1);
    f->s = at_session_new((size_t)64 << 20);
    *state = f;
    return 0;
}

static int end(void **state) {
    fixture *f = *state;
    char deep[128];
    snprintf(deep, sizeof deep, "%s/deep", f->folder);
    unlink(f->path);
    rmdir(deep);
    rmdir(f->folder);
    at_session_free(f->s);
    free(f);
    return 0;
}

static at_choices found(fixture *f, const char *text, at_type type) {
    at_choices choices;
    assert_true(at_tuning_find(f->s, resolved(f->s, text), type, NULL, &choices));
    return choices;
}

static void keep(fixture *f, const char *text, at_type type, const at_choices *choices) {
    const char *key = at_tuning_key(f->s, resolved(f->s, text), type, NULL);
    assert_non_null(key);
    assert_true(at_tuning_keep(f->s, key, choices, "for people"));
}

static bool is_usual(at_choices c) { return !c.unfused && c.rows == 0 && c.columns == 0; }

static void what_is_kept_is_found_for_the_same_program_only(void **state) {
    fixture *f = *state;
    assert_true(is_usual(found(f, one, AT_TYPE_F32)));
    keep(f, one, AT_TYPE_F32, &(at_choices){.rows = 64, .columns = 7});
    at_choices choices = found(f, one, AT_TYPE_F32);
    assert_int_equal(choices.rows, 64);
    assert_int_equal(choices.columns, 7);
    assert_false(choices.unfused);
    assert_true(is_usual(found(f, one, AT_TYPE_F64)));
    assert_true(is_usual(found(f, other, AT_TYPE_F32)));
}

static void keeping_again_replaces_and_forgetting_leaves_the_others(void **state) {
    fixture *f = *state;
    keep(f, one, AT_TYPE_F32, &(at_choices){.rows = 64});
    keep(f, other, AT_TYPE_F32, &(at_choices){.unfused = true});
    keep(f, one, AT_TYPE_F32, &(at_choices){.rows = 8});
    assert_int_equal(found(f, one, AT_TYPE_F32).rows, 8);
    keep(f, one, AT_TYPE_F32, NULL);
    assert_true(is_usual(found(f, one, AT_TYPE_F32)));
    assert_true(found(f, other, AT_TYPE_F32).unfused);
}

static void forgetting_what_was_never_kept_makes_no_file(void **state) {
    fixture *f = *state;
    keep(f, one, AT_TYPE_F32, NULL);
    assert_int_not_equal(access(f->path, F_OK), 0);
}

static void without_a_file_nothing_is_found_and_nothing_kept(void **state) {
    fixture *f = *state;
    setenv("ATTEND_TUNING", "off", 1);
    const char *key = at_tuning_key(f->s, resolved(f->s, one), AT_TYPE_F32, NULL);
    assert_null(at_tuning_path(f->s));
    assert_false(at_tuning_keep(f->s, key, &(at_choices){.rows = 64}, "for people"));
    assert_true(is_usual(found(f, one, AT_TYPE_F32)));
    setenv("ATTEND_TUNING", f->path, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_is_found_for_the_same_program_only),
        TEST(keeping_again_replaces_and_forgetting_leaves_the_others),
        TEST(forgetting_what_was_never_kept_makes_no_file),
        TEST(without_a_file_nothing_is_found_and_nothing_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
