/* Shared by the files of ir/ only. */
#ifndef AT_IR_INT_H
#define AT_IR_INT_H

#include "ir/ir.h"

/* ---- print_expr.c ------------------------------------------------------------------------------- */

/* Levels of binding as in ops.def: what binds less than `level` is put in parentheses. */
enum { AT_LEVEL_ANY = 0, AT_LEVEL_SUM = 60, AT_LEVEL_UNARY = 80, AT_LEVEL_ATOM = 100 };
void at_ir_print_level(const at_expr *e, int level, at_text *out);
/* The operand of `fold`, without a conversion that the fold makes by itself. */
void at_ir_print_operand(at_fold fold, const at_expr *body, at_text *out);
/* `j,k where guard`; `down` (may be NULL) tells which axes run from the end. */
void at_ir_print_bound(at_axis *const *axes, const bool *down, int count, const at_expr *guard,
                       at_text *out);

#endif
