/* Operations that C has no operator for, as small functions in front of the emitted code. For reals
 * their text is that of ir/ops.def, so that the compiled value is the defined value. */
#include "emit/emit.h"

#include <string.h>

/* Ints: what C does differently or has no operator for. `result` is only of use where the operation
 * is known to have one; an attempt first asks whether it `fails`. */
static const struct {
    at_op op;
    const char *result, *fails, *attempted;
} rows[] = {
    {AT_OP_ADD, NULL, "__builtin_add_overflow(a, b, &value)", "value"},
    {AT_OP_SUB, NULL, "__builtin_sub_overflow(a, b, &value)", "value"},
    {AT_OP_MUL, NULL, "__builtin_mul_overflow(a, b, &value)", "value"},
    {AT_OP_NEG, NULL, "a == INT64_MIN", "-a"},
    {AT_OP_ABS, "a < 0 ? -a : a", "a == INT64_MIN", "a < 0 ? -a : a"},
    {AT_OP_SIGN, "(a > 0) - (a < 0)", NULL, NULL},
    {AT_OP_MIN, "a <= b ? a : b", NULL, NULL},
    {AT_OP_MAX, "a >= b ? a : b", NULL, NULL},
    {AT_OP_CLAMP, "a < b ? b : a > c ? c : a", NULL, NULL},
    /* Divisors of results are positive; those of attempts are not known. */
    {AT_OP_IDIV, "a / b - (a % b < 0)", "b == 0 || (a == INT64_MIN && b == -1)",
     "a / b - (a % b != 0 && (a % b < 0) != (b < 0))"},
    {AT_OP_MOD, "a % b + (a % b < 0 ? b : 0)", "b == 0",
     "b == -1 ? 0 : a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0)"},
};

static const char *const power =
    "static bool attend_try_ipow(int64_t a, int64_t b, int64_t *result) {\n"
    "    int64_t power = 1;\n"
    "    if (b < 0) return false;\n"
    "    while (b > 0) {\n"
    "        if ((b & 1) != 0 && __builtin_mul_overflow(power, a, &power)) return false;\n"
    "        b >>= 1;\n"
    "        if (b > 0 && __builtin_mul_overflow(a, a, &a)) return false;\n"
    "    }\n"
    "    *result = power;\n"
    "    return true;\n"
    "}\n";

static const char *const to_int =
    "/* Without the fraction; what does not fit becomes an int outside of every extent. */\n"
    "static int64_t attend_to_int(real a) {\n"
    "    return a >= (real)-0x1p63 && a < (real)0x1p63 ? (int64_t)a : INT64_MIN;\n"
    "}\n";

/* Operations by symbol have no name that C takes. */
static const char *word_of(at_op op) {
    switch (op) {
    case AT_OP_POW: return "power";
    case AT_OP_IDIV: return "divide";
    case AT_OP_MOD: return "modulo";
    case AT_OP_ADD: return "add";
    case AT_OP_SUB: return "subtract";
    case AT_OP_MUL: return "multiply";
    case AT_OP_NEG: return "negate";
    case AT_OP_TO_INT: return "to_int";
    default: return at_op_info(op)->text;
    }
}

/* exp(a) is the library's own: called by its name. */
static bool is_library(at_session *s, at_op op) {
    const at_op_row *row = at_op_info(op);
    return strcmp(row->c, at_format(s->arena, "%s(a)", row->text)) == 0 ||
           strcmp(row->c, at_format(s->arena, "%s(a, b)", row->text)) == 0;
}

const char *at_helper_name(at_session *s, at_op op, at_kind kind) {
    if (op == AT_OP_TO_INT) return "attend_to_int";
    if (kind == AT_INT) return at_format(s->arena, "attend_int_%s", word_of(op));
    bool library = is_library(s, op) && at_c_part_of(op) == AT_C_PARTS;
    return library ? at_op_info(op)->text : at_format(s->arena, "attend_%s", word_of(op));
}

const char *at_vector_helper_name(at_session *s, at_op op, at_kind kind) {
    return at_format(s->arena, "%s_%s", at_vector_type(kind), word_of(op));
}

const char *at_attempt_name(at_session *s, at_op op) {
    return at_format(s->arena, "attend_try_%s", word_of(op));
}

void at_helpers_note(at_helpers *helpers, const at_value *value) {
    if (value->op == AT_TILE_ATTEMPT) helpers->attempt[value->map] = true;
    if (value->op == AT_TILE_ATTEMPT && value->lanes != AT_LANES_SAME)
        helpers->lanes_attempt[value->map] = true;
    if (value->lanes == AT_LANES_ANY) at_c_parts_need(&helpers->parts, AT_C_PART_lanes);
    if (value->op == AT_TILE_DRAW) at_c_parts_need(&helpers->parts, AT_C_PART_draw);
    if (value->op == AT_TILE_RUN) at_c_parts_need(&helpers->parts, AT_C_PART_running);
    if (value->op == AT_TILE_SORT) at_c_parts_need(&helpers->parts, AT_C_PART_order);
    if (value->op != AT_TILE_MAP) return;
    if (at_tile_short_power(value)) {
        at_c_parts_need(&helpers->parts, AT_C_PART_lanes);
        return;
    }
    at_c_part part = value->kind == AT_REAL ? at_c_part_of(value->map) : AT_C_PARTS;
    if (part != AT_C_PARTS) {
        at_c_parts_need(&helpers->parts, part);
        return;
    }
    if (value->lanes == AT_LANES_ANY) {
        if (value->kind == AT_REAL) helpers->vector_real[value->map] = true;
        else if (value->kind == AT_INT) helpers->vector_whole[value->map] = true;
    }
    if (value->kind == AT_REAL || value->map == AT_OP_TO_INT) helpers->real[value->map] = true;
    else if (value->kind == AT_INT) helpers->whole[value->map] = true;
}

static void print_head(const char *type, const char *name, int arity, const char *argument,
                       const char *last, at_text *out) {
    at_text_addf(out, "static inline %s %s(", type, name);
    for (int i = 0; i < arity; i++) at_text_addf(out, "%s%s %c", i ? ", " : "", argument, 'a' + i);
    at_text_addf(out, "%s) {\n", last);
}

static void print_attempt(at_session *s, at_op op, const char *fails, const char *result,
                          at_text *out) {
    print_head("bool", at_attempt_name(s, op), at_op_info(op)->arity, "int64_t",
               ", int64_t *result", out);
    if (strcmp(result, "value") == 0) at_text_add(out, "    int64_t value;\n");
    at_text_addf(out, "    if (%s) return false;\n    *result = %s;\n    return true;\n}\n", fails,
                 result);
}

static bool has_operator(at_op op, at_kind kind) {
    if (kind == AT_INT && (op == AT_OP_IDIV || op == AT_OP_MOD)) return false;
    return op == AT_OP_STOP || op == AT_OP_TO_REAL ||
           (at_op_info(op)->level > 0 && op != AT_OP_POW);
}

static void print_lanes_attempt(at_session *s, at_op op, at_text *out) {
    const char *name = at_attempt_name(s, op);
    int arity = at_op_info(op)->arity;
    print_head("bool", at_format(s->arena, "%s_lanes", name), arity, "const vint *",
               ", vmask mask, vint *result", out);
    at_text_addf(out, "    for (int k = 0; k < LANES; k++) {\n        int64_t value;\n"
                 "        if (!mask[k]) continue;\n        if (!%s(", name);
    for (int i = 0; i < arity; i++) at_text_addf(out, "(*%c)[k], ", 'a' + i);
    at_text_add(out, "&value)) return false;\n        (*result)[k] = value;\n    }\n"
                     "    return true;\n}\n");
}

/* One lane after the other, for operations that no part has. */
static void print_vector(at_session *s, at_op op, at_kind kind, at_text *out) {
    bool whole = kind == AT_INT, from_real = op == AT_OP_TO_INT;
    int arity = at_op_info(op)->arity;
    const char *name = at_vector_helper_name(s, op, kind), *result = whole ? "vint" : "vreal";
    print_head(result, at_format(s->arena, "%s%s", name, whole && !from_real ? "_at" : ""), arity,
               whole && !from_real ? "const vint *" : "vreal", "", out);
    at_text_addf(out, "    %s result = {0};\n#pragma GCC unroll 16\n    for (int k = 0; k < LANES; k++) result[k] = %s(",
                 result, at_helper_name(s, op, kind));
    for (int i = 0; i < arity; i++)
        at_text_addf(out, whole && !from_real ? "%s(*%c)[k]" : "%s%c[k]", i ? ", " : "", 'a' + i);
    at_text_add(out, ");\n    return result;\n}\n");
    if (!whole || from_real) return;
    at_text_addf(out, "#define %s(", name);
    for (int i = 0; i < arity; i++) at_text_addf(out, "%s%c", i ? ", " : "", 'a' + i);
    at_text_addf(out, ") %s_at(", name);
    for (int i = 0; i < arity; i++) at_text_addf(out, "%sATTEND_AT(%c)", i ? ", " : "", 'a' + i);
    at_text_add(out, ")\n");
}

/* Operations of the parts vector and lanes. */
static bool has_vector_operator(at_op op, at_kind kind) {
    bool real = op == AT_OP_ABS || op == AT_OP_SIGN || op == AT_OP_RELU || op == AT_OP_CLAMP;
    return has_operator(op, kind) || op == AT_OP_MIN || op == AT_OP_MAX || op == AT_OP_IF ||
           (real && kind == AT_REAL);
}

void at_helpers_print(at_session *s, const at_helpers *helpers, at_type type, at_text *out) {
    at_c_parts_print(&helpers->parts, type, out);
    at_text_add(out, "\n");
    for (at_op op = 0; op < AT_OPS; op++) {
        if (op == AT_OP_TO_INT || !helpers->real[op]) continue;
        if (has_operator(op, AT_REAL) || is_library(s, op)) continue;
        const at_op_row *row = at_op_info(op);
        print_head("real", at_helper_name(s, op, AT_REAL), row->arity, "real", "", out);
        at_text_addf(out, "    return (real)(%s);\n}\n", row->c);
    }
    if (helpers->real[AT_OP_TO_INT]) at_text_add(out, to_int);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        at_op op = rows[i].op;
        if (helpers->whole[op] && !has_operator(op, AT_INT)) {
            print_head("int64_t", at_helper_name(s, op, AT_INT), at_op_info(op)->arity, "int64_t",
                       "", out);
            at_text_addf(out, "    return %s;\n}\n", rows[i].result);
        }
        if (helpers->attempt[op]) print_attempt(s, op, rows[i].fails, rows[i].attempted, out);
    }
    if (helpers->attempt[AT_OP_IPOW]) at_text_add(out, power);
    for (at_op op = 0; op < AT_OPS; op++) {
        if (helpers->lanes_attempt[op]) print_lanes_attempt(s, op, out);
        if (helpers->vector_real[op] && !has_vector_operator(op, AT_REAL))
            print_vector(s, op, AT_REAL, out);
        if (helpers->vector_whole[op] && !has_vector_operator(op, AT_INT))
            print_vector(s, op, AT_INT, out);
    }
}
