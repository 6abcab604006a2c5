/* An output for the eye: `o[i=3, e=2]: real`, then a line a row. Long rows and many rows are cut,
 * and the cut is shown. NaN and infinities are counted in the head, because they are what one looks
 * for.
 *
 *     o[i=2, e=3]: real
 *       [0,:]  0.5  0.25  1
 *       [1,:]  0.5  0.75  0
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10, COLUMNS = 10 };

static void add_value(const at_tensor *t, int64_t at, int digits, at_text *out) {
    if (t->type == AT_TYPE_BOOL) {
        at_text_add(out, ((const bool *)t->data)[at] ? "true" : "false");
    } else if (t->type == AT_TYPE_I64) {
        at_text_addf(out, "%" PRId64, ((const int64_t *)t->data)[at]);
    } else {
        double value = ((const double *)t->data)[at];
        if (isnan(value)) at_text_add(out, "nan"); /* without a sign, whatever the machine made */
        else at_text_addf(out, "%.*g", digits, value == 0 ? 0.0 : value);
    }
}

static void add_oddities(const at_tensor *t, at_text *out) {
    if (t->type != AT_TYPE_F64) return;
    const double *value = t->data;
    int64_t nans = 0, infinite = 0;
    for (int64_t i = 0; i < t->count; i++) {
        nans += isnan(value[i]) != 0;
        infinite += isinf(value[i]) != 0;
    }
    if (nans) at_text_addf(out, ", %" PRId64 " nan", nans);
    if (infinite) at_text_addf(out, ", %" PRId64 " infinite", infinite);
}

/* `[2,0,:]`, the indices of row number `row`, before its values. */
static void add_row_name(const at_tensor *t, int64_t row, at_text *out) {
    int64_t index[AT_RANK_LIMIT];
    for (int k = t->rank - 2; k >= 0; k--) {
        index[k] = row % t->extents[k];
        row /= t->extents[k];
    }
    at_text_add(out, "[");
    for (int k = 0; k < t->rank - 1; k++) at_text_addf(out, "%" PRId64 ",", index[k]);
    at_text_add(out, ":]  ");
}

/* A second index over one extent is n'2 in the cascade; people wrote n. */
static int shown(const at_axis *axis) { return (int)strcspn(axis->name, "'"); }

void at_cli_summary(const at_output *output, const at_tensor *tensor, int digits, bool all,
                    at_text *out) {
    at_text_add(out, output->name);
    if (tensor->rank) at_text_add(out, "[");
    for (int k = 0; k < tensor->rank; k++)
        at_text_addf(out, "%s%.*s=%" PRId64, k ? ", " : "", shown(output->array->axes[k]),
                     output->array->axes[k]->name, tensor->extents[k]);
    if (tensor->rank) at_text_add(out, "]");
    at_text_addf(out, ": %s", at_kind_text(output->array->kind));
    if (tensor->rank == 0) {
        at_text_add(out, " = ");
        add_value(tensor, 0, digits, out);
        at_text_add(out, "\n");
        return;
    }
    add_oddities(tensor, out);
    at_text_add(out, "\n");
    if (tensor->count == 0) return;
    int64_t width = tensor->extents[tensor->rank - 1], rows = tensor->count / width;
    int64_t shown_rows = all || rows <= ROWS ? rows : ROWS;
    int64_t shown = all || width <= COLUMNS ? width : COLUMNS;
    for (int64_t row = 0; row < shown_rows; row++) {
        at_text_add(out, "  ");
        if (tensor->rank > 1) add_row_name(tensor, row, out);
        for (int64_t k = 0; k < shown; k++) {
            if (k) at_text_add(out, "  ");
            add_value(tensor, row * width + k, digits, out);
        }
        at_text_add(out, shown < width ? "  …\n" : "\n");
    }
    if (shown_rows < rows) at_text_addf(out, "  … %" PRId64 " more rows\n", rows - shown_rows);
}

json_t *at_cli_summary_json(const at_output *output, const at_tensor *tensor, bool all) {
    json_t *one = json_object(), *axes = json_array(), *values = json_array();
    json_object_set_new(one, "name", json_string(output->name));
    for (int k = 0; k < tensor->rank; k++)
        json_array_append_new(axes, json_pack("{s:s, s:I}", "name", output->array->axes[k]->name,
                                              "size", (json_int_t)tensor->extents[k]));
    json_object_set_new(one, "axes", axes);
    json_object_set_new(one, "kind", json_string(at_kind_text(output->array->kind)));
    int64_t shown = all || tensor->count <= ROWS * COLUMNS ? tensor->count : ROWS * COLUMNS;
    for (int64_t i = 0; i < shown; i++) {
        if (tensor->type == AT_TYPE_BOOL)
            json_array_append_new(values, json_boolean(((const bool *)tensor->data)[i]));
        else if (tensor->type == AT_TYPE_I64)
            json_array_append_new(values, json_integer(((const int64_t *)tensor->data)[i]));
        else
            json_array_append_new(values, at_cli_json_real(((const double *)tensor->data)[i]));
    }
    json_object_set_new(one, "values", values); /* row-major */
    json_object_set_new(one, "values_cut", json_boolean(shown < tensor->count));
    return one;
}
