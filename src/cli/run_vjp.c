/* attend run --vjp: the derivative of a function in the place of the function. Cotangents are given
 * by the names of outputs, and gradients come by the names of what they are gradients of, a param's
 * by its path with its rounds as numbers: as --params takes params. */
#include "cli/cli.h"
#include "grad/grad.h"

#include <inttypes.h>
#include <string.h>

static const char *real_outputs(at_session *s, const at_cascade *cascade) {
    const char *names = "";
    for (int i = 0; i < cascade->output_count; i++)
        if (cascade->outputs[i].array->kind == AT_REAL)
            names = at_format(s->arena, "%s%s`%s`", names, *names ? ", " : "",
                              cascade->outputs[i].name);
    return *names ? names : "none";
}

static bool check_given(const at_cli_page *page, at_session *s, const at_cascade *cascade,
                        const at_collection *given, int *status) {
    for (int i = 0; i < given->count; i++) {
        bool found = false;
        for (int k = 0; k < cascade->output_count && !found; k++)
            found = cascade->outputs[k].array->kind == AT_REAL &&
                    strcmp(cascade->outputs[k].name, given->items[i].name) == 0;
        if (found) continue;
        *status = at_cli_misuse(page, "--vjp %s=…: the outputs of reals of `%s` are %s",
                                given->items[i].name, cascade->name, real_outputs(s, cascade));
        return false;
    }
    return true;
}

/* The function with those outputs only that cotangents are given for: the others' are 0. */
static const at_cascade *with_outputs(at_session *s, const at_cascade *cascade,
                                      const at_collection *given) {
    at_cascade *out = at_copy(s->arena, cascade, sizeof *cascade);
    out->outputs = AT_NEW_ARRAY(s->arena, at_output, cascade->output_count);
    out->output_count = 0;
    for (int i = 0; i < cascade->output_count; i++)
        if (at_collection_find(given, cascade->outputs[i].name))
            out->outputs[out->output_count++] = cascade->outputs[i];
    return out;
}

/* ---- names of results ------------------------------------------------------------------------ */

static bool add_name(const at_cli_page *page, at_cli_vjp *vjp, const char *name, at_array *array,
                     int *status) {
    for (int i = 0; i < vjp->count; i++) {
        if (strcmp(vjp->results[i].name, name) != 0) continue;
        *status = at_cli_misuse(page, "`%s` is an output and has a gradient: leave out --outputs",
                                name);
        return false;
    }
    at_output one = {name, array};
    AT_PUSH(vjp->s->arena, vjp->results, vjp->count, vjp->capacity, one);
    return true;
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *extents = user;
    if (st->tag == AT_REPEAT) extents[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

/* Rounds are counted when compiling, so their names are known before the run. rounds_of: the
 * extents of rounds, by axis id. */
static bool add_param(const at_cli_page *page, at_cli_vjp *vjp, const at_array *param,
                      const int64_t *rounds_of, int *status) {
    at_session *s = vjp->s;
    int64_t round[AT_RANK_LIMIT] = {0}, extent[AT_RANK_LIMIT], slices = 1;
    int rounds = 0;
    for (const char *at = param->path; (at = strstr(at, "[]")) != NULL && rounds < param->rank;
         at += 2) {
        extent[rounds] = at_extent(param->axes[rounds], rounds_of);
        slices *= extent[rounds++];
    }
    at_array *array = at_copy(s->arena, param, sizeof *param);
    array->axes += rounds;
    array->rank -= rounds;
    for (int64_t slice = 0; slice < slices; slice++) {
        int64_t rest = slice;
        for (int i = rounds - 1; i >= 0; rest /= extent[i--]) round[i] = rest % extent[i];
        const char *name = "", *from = param->path;
        for (int i = 0; i < rounds; i++) {
            const char *next = strstr(from, "[]");
            name = at_format(s->arena, "%s%.*s[%" PRId64 "]", name, (int)(next - from), from,
                             round[i]);
            from = next + 2;
        }
        name = at_format(s->arena, "%s%s", name, from);
        if (!add_name(page, vjp, name, array, status)) return false;
    }
    return true;
}

static bool find_names(const at_cli_page *page, at_cli_vjp *vjp, int *status) {
    const at_cascade *c = vjp->function;
    for (int i = 0; vjp->outputs && i < c->output_count; i++)
        if (!add_name(page, vjp, c->outputs[i].name, c->outputs[i].array, status)) return false;
    for (int i = 0; i < c->input_count; i++)
        if (c->inputs[i].array->kind == AT_REAL &&
            !add_name(page, vjp, c->inputs[i].array->name, c->inputs[i].array, status))
            return false;
    int64_t *rounds_of = AT_NEW_ARRAY(vjp->s->arena, int64_t, c->axis_count);
    for (int i = 0; i < c->axis_count; i++) rounds_of[i] = -1;
    at_walk_block(&c->body, know_rounds, rounds_of);
    for (int i = 0; i < c->param_count; i++)
        if (!add_param(page, vjp, c->params[i].array, rounds_of, status)) return false;
    return true;
}

/* ---- before and after the run ---------------------------------------------------------------- */

bool at_cli_vjp_begin(const at_cli_page *page, at_session *s, const at_cascade *cascade,
                      at_collection *given, at_collection *inputs, at_cli_vjp *vjp, int *status) {
    vjp->s = s;
    if (!check_given(page, s, cascade, given, status)) return false;
    vjp->function = with_outputs(s, cascade, given);
    if (!find_names(page, vjp, status)) return false;
    vjp->derivative = at_derivative(s, vjp->function, NULL, vjp->outputs);
    if (!vjp->derivative) return false;
    for (int i = 0; i < vjp->function->output_count; i++) {
        const at_start *input = &vjp->derivative->inputs[cascade->input_count + i];
        at_tensor *tensor = at_collection_find(given, vjp->function->outputs[i].name);
        for (int k = 0; k < given->count; k++)
            if (given->items[k].tensor == tensor) given->items[k].tensor = NULL; /* it moves */
        at_collection_add(s, inputs, input->array->name, tensor);
    }
    return true;
}

bool at_cli_vjp_end(const at_cli_vjp *vjp, at_collection *results) {
    at_collection named = {0};
    const at_cascade *c = vjp->function;
    int next = 0, outputs = vjp->outputs ? c->output_count : 0;
    bool good = true;
    for (int i = 0; i < results->count && good; i++) {
        at_tensor *tensor = results->items[i].tensor;
        int param = i - (results->count - c->param_count);
        if (i < outputs || param < 0) {
            at_collection_add(vjp->s, &named, vjp->results[next++].name, tensor);
            results->items[i].tensor = NULL; /* it moved */
        } else {
            good = at_unstack(vjp->s, c->params[param].array, tensor, &named);
        }
    }
    at_collection_free(results);
    *results = named;
    return good;
}
