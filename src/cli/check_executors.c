/* attend check, the part on executors: which are asked for, and how what came of it is told. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const at_type real_types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};

/* The piece in front of a comma; what is left. */
static const char *cut(const char *from, char *piece, size_t size) {
    size_t length = strcspn(from, ",");
    size_t kept = length < size ? length : size - 1;
    memcpy(piece, from, kept);
    piece[kept] = 0;
    return from[length] ? from + length + 1 : from + length;
}

static bool take_types(const at_cli_page *page, const char *value, at_executor_options *o) {
    o->type_count = 0;
    while (*value) {
        char name[16];
        bool known = false;
        value = cut(value, name, sizeof name);
        for (int i = 0; i < AT_TYPES_TRIED && !known; i++) {
            known = strcmp(name, at_type_text(real_types[i])) == 0;
            if (known && o->type_count < AT_TYPES_TRIED) o->types[o->type_count++] = real_types[i];
        }
        if (known) continue;
        at_cli_misuse(page, "--dtype takes f64, f32, bf16 and f16, not `%s`", name);
        return false;
    }
    if (o->type_count == 0) at_cli_misuse(page, "--dtype needs a type: f64, f32, bf16 or f16");
    return o->type_count > 0;
}

static bool take_threads(const at_cli_page *page, const char *value, at_executor_options *o) {
    enum { MOST = 64 };
    o->thread_count = 0;
    while (*value) {
        char number[16];
        int64_t threads;
        value = cut(value, number, sizeof number);
        if (!at_cli_number(page, "--threads", number, 1, MOST, &threads)) return false;
        if (o->thread_count == AT_THREADS_TRIED) {
            at_cli_misuse(page, "--threads takes at most %d numbers", AT_THREADS_TRIED);
            return false;
        }
        o->threads[o->thread_count++] = (int)threads;
    }
    if (o->thread_count == 0) at_cli_misuse(page, "--threads needs a number");
    return o->thread_count > 0;
}

bool at_cli_executors_take(const at_cli_page *page, const char *option, const char *value,
                           at_cli_executors *executors) {
    if (strcmp(option, "dtype") == 0) return take_types(page, value, &executors->options);
    if (strcmp(option, "threads") == 0) return take_threads(page, value, &executors->options);
    bool both = strcmp(value, "both") == 0;
    executors->reference = both || strcmp(value, "reference") == 0;
    executors->compiled = both || strcmp(value, "compiled") == 0;
    if (executors->reference || executors->compiled) return true;
    at_cli_misuse(page, "there is no executor `%s`: there are reference, compiled and both", value);
    return false;
}

json_t *at_cli_executors_json(const at_executor_result *result) {
    json_t *one = json_pack("{s:i, s:i, s:I, s:I, s:i, s:i}", "programs", result->programs, "runs",
                            result->runs, "elements", (json_int_t)result->elements,
                            "decided_by_rounding", (json_int_t)result->decided, "differ",
                            result->differ, "not_compiled", result->refused);
    if (result->refused) json_object_set_new(one, "without", json_string(result->refusals.data));
    return one;
}

void at_cli_executors_text(const at_executor_result *result, const char *comma, at_text *out) {
    if (result->programs == 0) return;
    at_text_addf(out, "%s compiled: ", comma);
    if (result->differ) at_text_addf(out, "%d of %d differ", result->differ, result->programs);
    else at_text_addf(out, "%d agree", result->programs - result->refused);
    at_text_addf(out, " in %d run%s", result->runs, result->runs == 1 ? "" : "s");
    if (result->decided)
        at_text_addf(out, ", %" PRId64 " of %" PRId64 " elements decided by rounding",
                     result->decided, result->elements);
    if (result->refused)
        at_text_addf(out, ", %d not compiled:%s", result->refused, result->refusals.data);
}
