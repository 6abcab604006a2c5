/* The parts of emitted files as a file prints them: for each type of storage, and each alone with
 * what it needs, they compile without a warning. */
#define _DEFAULT_SOURCE
#include "emit/emit.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};
static const char *const processors[] = {"", "-mavx2 -mfma",
                                         "-mavx512f -mavx512bw -mavx512vl -mavx512dq"};

static const char head[] = "#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n"
                           "#include <string.h>\n"
                           "#pragma GCC diagnostic ignored \"-Wunknown-pragmas\"\n"
                           "#pragma GCC diagnostic ignored \"-Wunused-function\"\n";

/* Compiles `source` with every warning an error; nothing when that compiler is not installed. */
static void compiles_clean(const char *compiler, const char *flags, const at_text *source) {
    char command[1024], path[] = "/tmp/attend-test-XXXXXX";
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", compiler);
    if (system(command) != 0) return;
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, source->data, source->length), (ssize_t)source->length);
    close(handle);
    snprintf(command, sizeof command,
             "%s -std=c11 -O1 %s -S -o /dev/null -Wall -Wextra -Werror -x c %s >%s.log 2>&1",
             compiler, flags, path, path);
    int status = system(command);
    struct stat log;
    snprintf(command, sizeof command, "%s.log", path);
    /* gcc also has notes, which are no errors. */
    if (status != 0 || stat(command, &log) != 0 || log.st_size != 0)
        fail_msg("%s %s; what it says is in %s", compiler, flags, command);
    unlink(command);
    unlink(path);
}

static void printed_parts_compile(const at_c_parts *parts, at_type type, const char *flags) {
    at_text source = {0};
    at_text_add(&source, head);
    at_c_parts_print(parts, type, &source);
    assert_false(source.failed);
    assert_null(strstr(source.data, "_IS_"));
    compiles_clean("gcc", flags, &source);
    compiles_clean("clang", flags, &source);
    at_text_free(&source);
}

static void all_parts_compile_for_every_type_and_processor(void **state) {
    (void)state;
    at_c_parts parts = {{0}};
    for (at_c_part part = 0; part < AT_C_PARTS; part++) at_c_parts_need(&parts, part);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (size_t k = 0; k < sizeof processors / sizeof *processors; k++)
            printed_parts_compile(&parts, types[i], processors[k]);
}

static void each_part_compiles_with_what_it_needs(void **state) {
    (void)state;
    for (at_c_part part = 0; part < AT_C_PARTS; part++) {
        at_c_parts parts = {{0}};
        at_c_parts_need(&parts, part);
        printed_parts_compile(&parts, AT_TYPE_F32, "");
    }
}

static void a_part_brings_what_it_needs(void **state) {
    (void)state;
    at_c_parts parts = {{0}};
    at_c_parts_need(&parts, AT_C_PART_storage);
    assert_true(parts.needed[AT_C_PART_vector]);
    assert_true(parts.needed[AT_C_PART_types]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_parts_compile_for_every_type_and_processor),
        cmocka_unit_test(each_part_compiles_with_what_it_needs),
        cmocka_unit_test(a_part_brings_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
