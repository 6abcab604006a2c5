/* Shared by the files of ir/ only. */
#ifndef AT_IR_INT_H
#define AT_IR_INT_H

#include "ir/ir.h"

/* ---- print_expr.c ---------------------------------------------------------------------------- */

/* Levels of binding as in ops.def: what binds less than `level` is put in parentheses. */
enum { AT_LEVEL_ANY = 0, AT_LEVEL_SUM = 60, AT_LEVEL_UNARY = 80, AT_LEVEL_ATOM = 100 };
void at_ir_print_level(const at_expr *e, int level, at_text *out);
/* The operand of `fold`, without a conversion that the fold makes by itself. */
void at_ir_print_operand(at_fold fold, const at_expr *body, at_text *out);
/* `j,k where guard`; `down` (may be NULL) tells which axes run from the end. */
void at_ir_print_bound(at_axis *const *axes, const bool *down, int count, const at_expr *guard,
                       at_text *out);

/* ---- verify_expr.c --------------------------------------------------------------------------- */

/* Axes in force: those of one left side, fold, scan or repeat, inside what stands around it. */
typedef struct at_scope at_scope;
struct at_scope {
    const at_scope *outer;
    at_axis *const *axes;
    int count;
};

/* How far an array is written. AHEAD: by a scan that has begun, so that earlier elements may be
 * read; OPEN: what a repeat carries, inside it. */
enum { AT_ABSENT, AT_AHEAD, AT_OPEN, AT_DONE };

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    unsigned char *state; /* of each array, by id */
} at_checker;

bool at_in_scope(const at_scope *here, const at_axis *axis);
void at_check_axis_known(const at_checker *k, const at_axis *axis);
void at_check_array_known(const at_checker *k, const at_array *array);
void at_check_distinct(const at_checker *k, at_axis *const *axes, int count);
void at_check_expr(const at_checker *k, const at_expr *e, const at_scope *here);
void at_check_kind(const at_checker *k, const at_expr *e, at_kind kind, const at_scope *here);
/* What the fold gives for an operand of this kind. */
at_kind at_check_operand(const at_checker *k, at_fold fold, at_kind body);
/* Of this kind, without indices or reads: an extent, a requirement, a table's value. */
void at_check_of_sizes(at_checker *k, const at_expr *e, at_kind kind);

#endif
