/* The rows of ops.def, folds.def and draws.def as data, and the search for a row by its word.
 *
 * Every stage asks here instead of keeping a list of its own: an operation is added by its row. */
#include "ir/ir.h"

#include <string.h>

static const at_op_row op_rows[] = {
#define AT_OP(id, text, arity, rule, level, c_text, doc)                                           \
    {text, arity, AT_RULE_##rule, level, #c_text, doc},
#include "ir/ops.def"
#undef AT_OP
};

static const at_fold_row fold_rows[] = {
#define AT_FOLD(id, text, form, result, doc) {text, AT_FORM_##form, AT_GIVES_##result, doc},
#include "ir/folds.def"
#undef AT_FOLD
};

static const at_draw_row draw_rows[] = {
#define AT_DRAW(id, text, parameters, result, doc) {text, parameters, AT_GIVES_##result, doc},
#include "ir/draws.def"
#undef AT_DRAW
};

const char *at_kind_text(at_kind kind) {
    switch (kind) {
    case AT_BOOL: return "bool";
    case AT_INT: return "int";
    case AT_REAL: return "real";
    }
    return "?";
}

const at_op_row *at_op_info(at_op op) { return &op_rows[op]; }
const at_fold_row *at_fold_info(at_fold fold) { return &fold_rows[fold]; }
const at_draw_row *at_draw_info(at_draw draw) { return &draw_rows[draw]; }

int at_op_find(const char *text) {
    for (int i = 0; i < AT_OPS; i++)
        if (op_rows[i].level == 0 && strcmp(op_rows[i].text, text) == 0) return i;
    return -1;
}

int at_fold_find(const char *text) {
    for (int i = 0; i < AT_FOLDS; i++)
        if (strcmp(fold_rows[i].text, text) == 0) return i;
    return -1;
}

int at_draw_find(const char *text) {
    for (int i = 0; i < AT_DRAWS; i++)
        if (strcmp(draw_rows[i].text, text) == 0) return i;
    return -1;
}
