/* Expressions as text of the language, so that reading the text gives the same tree.
 *
 * Parentheses stand only where the levels of ops.def need them: `^` takes its right operand first,
 * all other operators their left one, comparisons do not chain, a minus sign binds tighter than `*`
 * and looser than `^`, and `if` binds least.
 *
 * Conversions. TO_REAL of a bool is always written `real(b)`. TO_REAL of an int is left out where
 * the reader puts it back by itself, and only there:
 *  1. as an argument of an operation with rule REAL (`sqrt(size(d))`, `n / 2.0`, `2.0^n`);
 *  2. as an argument of an operation with two or more arguments and rule SAME or COMPARE, or as one
 *     of the two values of an `if`, when at least one other of these arguments is real without
 *     being such a conversion itself (`n * x`, `if c then n else 0.5`). When all of them are
 *     conversions, the first is written out, which then makes the others convert: `real(n) + m`;
 *  3. as the operand of a fold that gives reals: mean, logsumexp, softmax, log_softmax.
 * Everywhere else it is written: at the root of an equation, under a lone `-`, abs, sign or stop,
 * in other folds, in alternatives of reads, in the arguments of draws, in tables, at the sides of
 * an assertion. A real constant always has a point, an exponent or the name inf, so it is none. */
#include "ir/ir_int.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(const char *part, size_t length, bool whole) {
    static const char *const reserved[] = {
#define AT_WORD(text) text,
#include "ir/words.def"
#undef AT_WORD
    };
    /* Not reserved, but these alone, and the operations over axes, would be read as a value or as a
     * part of the statement. */
    static const char *const meaning[] = {"inf", "pi", "training", "down", "within"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i]) == length && !memcmp(reserved[i], part, length)) return true;
    for (size_t i = 0; whole && i < sizeof meaning / sizeof *meaning; i++)
        if (strlen(meaning[i]) == length && !memcmp(meaning[i], part, length)) return true;
    for (int i = 0; whole && i < AT_FOLDS; i++) {
        const char *text = at_fold_info((at_fold)i)->text;
        if (strlen(text) == length && !memcmp(text, part, length)) return true;
    }
    return false;
}

/* The length of a part `word` or `word'2` at the start of `text` that needs no quotes; 0: none. */
static size_t plain_part(const char *text, bool first) {
    if (!is_letter(*text)) return 0;
    size_t n = 1;
    while (is_letter(text[n]) || is_digit(text[n])) n++;
    if (is_word(text, n, first && text[n] == 0)) return 0;
    if (text[n] != '\'') return n;
    if (!is_digit(text[n + 1])) return 0;
    n++;
    while (is_digit(text[n])) n++;
    return n;
}

static bool is_plain(const char *name) {
    for (const char *part = name;; part++) {
        size_t length = plain_part(part, part == name);
        if (length == 0) return false;
        part += length;
        if (*part == 0) return true;
        if (*part != '.') return false;
    }
}

void at_ir_print_name(const char *name, at_text *out) {
    const char *quote = is_plain(name) ? "" : "`";
    at_text_addf(out, "%s%s%s", quote, name, quote);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static void print_constant(const at_expr *e, at_text *out) {
    char buffer[32];
    if (e->kind == AT_BOOL) {
        at_text_add(out, e->u.integer ? "true" : "false");
    } else if (e->kind == AT_INT && e->u.integer == INT64_MIN) {
        /* The number without its sign is none: it would be 2^63. */
        at_text_addf(out, "-%" PRId64 " - 1", INT64_MAX);
    } else if (e->kind == AT_INT) {
        at_text_addf(out, "%" PRId64, e->u.integer);
    } else if (isnan(e->u.real)) {
        at_text_add(out, "inf - inf"); /* the language has no word for it */
    } else {
        at_text_real(e->u.real, buffer);
        at_text_add(out, buffer);
    }
}

static int constant_level(const at_expr *e) {
    if (e->kind == AT_BOOL) return AT_LEVEL_ATOM;
    if (e->kind == AT_INT) {
        if (e->u.integer == INT64_MIN) return AT_LEVEL_SUM;
        return e->u.integer < 0 ? AT_LEVEL_UNARY : AT_LEVEL_ATOM;
    }
    if (isnan(e->u.real)) return AT_LEVEL_SUM;
    return signbit(e->u.real) ? AT_LEVEL_UNARY : AT_LEVEL_ATOM;
}

/* `q[i,d]`, but `k[idx[i,r], d]`: a space after the comma where an index is more than a name. */
static void print_read(const at_expr *e, at_text *out) {
    int rank = e->u.read.array->rank;
    at_ir_print_name(e->u.read.array->name, out);
    if (rank == 0) return;
    bool short_ones = true;
    for (int i = 0; i < rank; i++) {
        at_tag tag = e->u.read.index[i]->tag;
        short_ones &= tag == AT_INDEX || tag == AT_CONST;
    }
    at_text_add(out, "[");
    for (int i = 0; i < rank; i++) {
        if (i) at_text_add(out, short_ones ? "," : ", ");
        at_ir_print_level(e->u.read.index[i], AT_LEVEL_ANY, out);
    }
    if (e->u.read.alternative) {
        at_text_add(out, " | ");
        at_ir_print_level(e->u.read.alternative, AT_LEVEL_ANY, out);
    }
    at_text_add(out, "]");
}

/* ---- conversions ----------------------------------------------------------------------------- */

static bool is_conversion(const at_expr *e) {
    return e->tag == AT_MAP && e->u.map.op == AT_OP_TO_REAL && e->u.map.args[0]->kind == AT_INT;
}

/* Argument k of a map as it is written: rules 1 and 2 above. */
static const at_expr *written(const at_expr *map, int k) {
    const at_expr *arg = map->u.map.args[k];
    const at_op_row *row = at_op_info(map->u.map.op);
    if (!is_conversion(arg)) return arg;
    if (row->rule == AT_RULE_REAL) return arg->u.map.args[0];
    if (row->rule != AT_RULE_SAME && row->rule != AT_RULE_COMPARE && row->rule != AT_RULE_CHOOSE)
        return arg;
    int first = row->rule == AT_RULE_CHOOSE ? 1 : 0;
    for (int i = first; i < row->arity; i++)
        if (!is_conversion(map->u.map.args[i])) return arg->u.map.args[0];
    return k == first ? arg : arg->u.map.args[0];
}

void at_ir_print_operand(at_fold fold, const at_expr *body, at_text *out) {
    bool converts = at_fold_info(fold)->gives == AT_GIVES_REAL;
    at_ir_print_level(converts && is_conversion(body) ? body->u.map.args[0] : body, AT_LEVEL_ANY,
                      out);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void print_call(const at_expr *e, at_text *out) {
    at_text_addf(out, "%s(", at_op_info(e->u.map.op)->text);
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        if (i) at_text_add(out, ", ");
        at_ir_print_level(written(e, i), AT_LEVEL_ANY, out);
    }
    at_text_add(out, ")");
}

static void print_map(const at_expr *e, at_text *out) {
    const at_op_row *row = at_op_info(e->u.map.op);
    int level = row->level;
    if (level == 0) {
        print_call(e, out);
    } else if (row->rule == AT_RULE_CHOOSE) {
        /* An `if` in the condition or the first value is legal without parentheses, not clear. */
        at_text_add(out, "if ");
        at_ir_print_level(written(e, 0), level + 1, out);
        at_text_add(out, " then ");
        at_ir_print_level(written(e, 1), level + 1, out);
        at_text_add(out, " else ");
        at_ir_print_level(written(e, 2), level, out);
    } else if (row->arity == 1) {
        at_text_add(out, row->text);
        if (is_letter(row->text[0])) at_text_add(out, " ");
        at_ir_print_level(written(e, 0), level + 1, out);
    } else if (e->u.map.op == AT_OP_POW) {
        /* To the right of ^ a minus sign needs no parentheses: `2^-x`. */
        at_ir_print_level(written(e, 0), level + 1, out);
        at_text_add(out, row->text);
        at_ir_print_level(written(e, 1), AT_LEVEL_UNARY, out);
    } else {
        bool chains = row->rule != AT_RULE_COMPARE;
        at_ir_print_level(written(e, 0), chains ? level : level + 1, out);
        at_text_addf(out, " %s ", row->text);
        at_ir_print_level(written(e, 1), level + 1, out);
    }
}

void at_ir_print_bound(at_axis *const *axes, const bool *down, int count, const at_expr *guard,
                       at_text *out) {
    for (int i = 0; i < count; i++) {
        if (i) at_text_add(out, ",");
        at_ir_print_name(axes[i]->name, out);
        if (down && down[i]) at_text_add(out, " down");
    }
    if (!guard) return;
    at_text_add(out, " where ");
    at_ir_print_level(guard, AT_LEVEL_ANY, out);
}

static int level_of(const at_expr *e) {
    if (e->tag == AT_CONST) return constant_level(e);
    if (e->tag != AT_MAP) return AT_LEVEL_ATOM;
    int level = at_op_info(e->u.map.op)->level;
    return level ? level : AT_LEVEL_ATOM;
}

void at_ir_print_level(const at_expr *e, int level, at_text *out) {
    bool parens = level_of(e) < level;
    if (parens) at_text_add(out, "(");
    switch (e->tag) {
    case AT_CONST: print_constant(e, out); break;
    case AT_SIZE:
        at_text_add(out, "size(");
        at_ir_print_name(e->u.axis->name, out);
        at_text_add(out, ")");
        break;
    case AT_INDEX: at_ir_print_name(e->u.axis->name, out); break;
    case AT_READ: print_read(e, out); break;
    case AT_MAP: print_map(e, out); break;
    case AT_FOLD_NODE:
        at_text_addf(out, "%s[", at_fold_info(e->u.fold.fold)->text);
        at_ir_print_bound(e->u.fold.axes, NULL, e->u.fold.count, e->u.fold.guard, out);
        at_text_add(out, "](");
        at_ir_print_operand(e->u.fold.fold, e->u.fold.body, out);
        at_text_add(out, ")");
        break;
    }
    if (parens) at_text_add(out, ")");
}

void at_ir_print_expr(const at_expr *e, at_text *out) { at_ir_print_level(e, AT_LEVEL_ANY, out); }
