/* Programs given as text, resolved, run on the reference executor with drawn inputs, and compared
 * with what a rewrite made of them. */
#ifndef PROGRAM_FIXTURE_H
#define PROGRAM_FIXTURE_H

#include "lang/lang.h"
#include "ref/ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef UNUSED
#define UNUSED __attribute__((unused))

/* ---- numbers --------------------------------------------------------------------------------- */

typedef struct {
    uint64_t state;
} dice;

UNUSED static uint64_t roll(dice *d) {
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 to sides - 1 */
UNUSED static int pick(dice *d, int sides) { return (int)(roll(d) % (uint64_t)sides); }

/* ---- programs -------------------------------------------------------------------------------- */

/* Fails with a text of any length; cmocka's own are cut. */
UNUSED static void tell(const char *text) {
    fprintf(stderr, "%s\n", text);
    fail();
}

UNUSED static const char *errors_of(at_session *s) {
    at_text text = {0};
    at_diags_render(s, false, &text);
    const char *copy = at_format(s->arena, "%s", text.data ? text.data : "");
    at_text_free(&text);
    return copy;
}

UNUSED static const at_cascade *resolved(at_session *s, const char *text) {
    const at_source *source = at_make_source(s, "program.attn", text, strlen(text));
    const at_program *program = source ? at_load(s, source, NULL) : NULL;
    at_resolve_options options = {0};
    const at_cascade *cascade = program ? at_resolve(s, program, &options) : NULL;
    if (!cascade) fail_msg("%s\n%s", text, errors_of(s));
    return cascade;
}

UNUSED static char *printed(at_session *s, const at_cascade *cascade) {
    at_text text = {0};
    at_ir_print(cascade, &text);
    char *copy = at_copy_text(s->arena, text.data, text.length);
    at_text_free(&text);
    return copy;
}

/* The right side of the equation of `name`, as it is printed. */
UNUSED static const char *value_of(at_session *s, const at_cascade *cascade, const char *name) {
    for (int i = 0; i < cascade->body.count; i++) {
        const at_statement *st = cascade->body.items[i];
        if (st->tag != AT_EQUATION || strcmp(st->target->name, name) != 0) continue;
        at_text text = {0};
        at_ir_print_expr(st->u.value, &text);
        const char *copy = at_copy_text(s->arena, text.data, text.length);
        at_text_free(&text);
        return copy;
    }
    fail_msg("no equation of %s in\n%s", name, printed(s, cascade));
    return NULL;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

UNUSED static void draw(dice *d, const at_array *array, int64_t inside, at_tensor *t) {
    for (int64_t i = 0; i < t->count; i++) {
        if (array->kind == AT_REAL) ((double *)t->data)[i] = (double)pick(d, 4001) / 1000 - 2;
        else if (array->kind == AT_BOOL) ((unsigned char *)t->data)[i] = (unsigned char)pick(d, 2);
        else ((int64_t *)t->data)[i] = array->inside ? pick(d, (int)inside) : pick(d, 11) - 3;
    }
}

UNUSED static int64_t elements_of(const at_start *starts, int count, const int64_t *open) {
    int64_t all = 0;
    for (int i = 0; i < count; i++) {
        int64_t one = 1;
        for (int k = 0; k < starts[i].array->rank; k++)
            one *= at_extent(starts[i].array->axes[k], open);
        all += one;
    }
    return all;
}

/* Whether there are many parameters or states even where every open axis has one element: such a
 * function only takes long. */
UNUSED static bool is_large(at_session *s, const at_cascade *cascade) {
    int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, cascade->axis_count);
    for (int i = 0; i < cascade->axis_count; i++) open[i] = 1;
    return elements_of(cascade->params, cascade->param_count, open) +
               elements_of(cascade->states, cascade->state_count, open) >
           1000;
}

/* Every input, drawn, over these extents of the open axes (by axis id). False when an extent is
 * negative or an array of indices has elements but its axis has none. */
UNUSED static bool give_drawn(at_session *s, const at_cascade *cascade, const int64_t *open,
                              dice *d, at_collection *inputs) {
    *inputs = (at_collection){0};
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *array = cascade->inputs[i].array;
        int64_t shape[8], inside = 1;
        for (int k = 0; k < array->rank; k++) {
            shape[k] = at_extent(array->axes[k], open);
            if (shape[k] < 0) return false;
        }
        if (array->inside) inside = at_extent(array->inside, open);
        at_type type = array->kind == AT_REAL ? AT_TYPE_F64
                       : array->kind == AT_INT ? AT_TYPE_I64 : AT_TYPE_BOOL;
        at_tensor *t = at_tensor_new(s, type, shape, array->rank, array->name);
        at_collection_add(s, inputs, array->name, t);
        if (inside == 0 && t->count > 0) return false;
        draw(d, array, inside, t);
    }
    return true;
}

/* ---- results --------------------------------------------------------------------------------- */

UNUSED static bool run_program(at_session *s, const at_cascade *cascade,
                               const at_collection *inputs, at_results *results) {
    at_call call = {.inputs = inputs, .threads = 1};
    *results = (at_results){0};
    return at_ref_run(s, cascade, &call, results);
}

UNUSED static bool near(double a, double b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

/* What differs, or NULL. `exactly`: to the last bit. */
UNUSED static const char *difference(at_session *s, const at_collection *found,
                                     const at_collection *expected, bool exactly) {
    if (found->count != expected->count) return "another number of outputs";
    for (int i = 0; i < found->count; i++) {
        const at_tensor *a = found->items[i].tensor, *b = expected->items[i].tensor;
        const char *name = expected->items[i].name;
        if (strcmp(found->items[i].name, name) != 0) return at_format(s->arena, "no %s", name);
        if (a->type != b->type || a->rank != b->rank || a->count != b->count ||
            memcmp(a->extents, b->extents, sizeof *a->extents * (size_t)a->rank) != 0)
            return at_format(s->arena, "%s has another shape", name);
        size_t bytes = at_type_bytes(a->type);
        for (int64_t k = 0; k < a->count; k++) {
            size_t at = (size_t)k * bytes;
            if (memcmp((char *)a->data + at, (char *)b->data + at, bytes) == 0) continue;
            bool real = a->type == AT_TYPE_F64;
            double x = real ? ((double *)a->data)[k] : (double)((int64_t *)a->data)[k];
            double y = real ? ((double *)b->data)[k] : (double)((int64_t *)b->data)[k];
            if (real && !exactly && near(x, y)) continue;
            return at_format(s->arena, "%s[%d] is %.17g and was %.17g", name, (int)k, x, y);
        }
    }
    return NULL;
}

#endif
