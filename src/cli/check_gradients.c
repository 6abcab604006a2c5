/* attend check, the part on derivatives: each function's against differences, and how it is
 * told. */
#include "cli/cli.h"

#include <math.h>

static json_t *result_json(const at_gradient_result *result) {
    json_t *one = json_pack("{s:b, s:i, s:i, s:i}", "agrees", result->agrees, "points",
                            result->points, "not_smooth", result->rough, "failed", result->failed);
    if (result->without) json_object_set_new(one, "without", json_string(result->without));
    if (result->points) json_object_set_new(one, "worst", at_cli_json_real(result->worst));
    if (result->agrees || !result->size_count) return one;
    json_t *sizes = json_object();
    for (int i = 0; i < result->size_count; i++)
        json_object_set_new(sizes, result->sizes[i].name, json_integer(result->sizes[i].extent));
    json_object_set_new(one, "sizes", sizes);
    json_object_set_new(one, "seed", json_integer((json_int_t)result->seed));
    if (result->by) json_object_set_new(one, "by", json_string(result->by));
    json_object_set_new(one, "derivative", at_cli_json_real(result->derived));
    json_object_set_new(one, "difference", at_cli_json_real(result->differed));
    return one;
}

bool at_cli_gradient(at_session *s, const at_program *program, const at_definition *function,
                     const at_law_options *options, at_cli_gradients *sum, json_t *entry) {
    at_gradient_result result;
    bool good = at_check_gradient(s, program, function, options, &result);
    json_object_set_new(entry, "gradient", result_json(&result));
    if (!good) return false;
    sum->rough += result.rough;
    sum->points += result.points;
    sum->worst = fmax(sum->worst, result.worst);
    if (result.points) ++*(result.agrees ? &sum->agree : &sum->differ);
    else if (!result.has_reals) sum->none++;
    if (result.without && result.has_reals)
        at_text_addf(&sum->missed, "%s `%s` (%s)", sum->missed.length ? "," : "", function->name,
                     result.without);
    return result.agrees || result.points == 0;
}

/* The next power of ten, 1e-9 at least: what is below differs from one machine to the next. */
static int bound_of(double worst) {
    int exponent = -9;
    while (exponent < 0 && worst >= pow(10, exponent)) exponent++;
    return exponent;
}

void at_cli_gradients_text(const at_cli_gradients *sum, const char *comma, at_text *out) {
    if (sum->agree + sum->differ + sum->none == 0 && !sum->missed.length) return;
    at_text_addf(out, "%s gradients:", comma);
    if (sum->differ) at_text_addf(out, " %d agree, %d do not", sum->agree, sum->differ);
    else if (sum->agree)
        at_text_addf(out, " %d agree (worst below 1e%d)", sum->agree, bound_of(sum->worst));
    bool first = sum->agree + sum->differ == 0;
    if (sum->none) at_text_addf(out, "%s %d without reals", first ? "" : ",", sum->none);
    first = first && !sum->none;
    if (sum->missed.length)
        at_text_addf(out, "%s not compared:%s", first ? "" : ",", sum->missed.data);
    if (sum->rough > sum->points)
        at_text_addf(out, ", %d of %d points were not smooth", sum->rough,
                     sum->rough + sum->points);
}
