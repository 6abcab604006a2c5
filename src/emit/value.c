/* Values as C expressions. Every value is used once, so it is written where it is used, with the
 * brackets that C's grammar and the compilers' warnings ask for. */
#include "emit/emit.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LONG_TEXT = 72 }; /* an operand longer than this gets a line of its own */

typedef struct {
    const char *text;
    at_c_level level;
} printed;

void at_c_line(at_printer *p, const char *format, ...) {
    at_text_pad(p->out, ' ', 4 * p->indent);
    va_list list;
    va_start(list, format);
    at_text_add(p->out, at_format_list(p->s->arena, format, list));
    va_end(list);
    at_text_add(p->out, "\n");
}

const char *at_c_type(at_kind kind) {
    return kind == AT_REAL ? "real" : kind == AT_INT ? "int64_t" : "bool";
}

const char *at_c_storage(const at_array_place *place, at_type type) {
    if (place->array->kind == AT_INT) return "int64_t";
    /* Not bool: a byte that comes from outside may hold more than 0 and 1. */
    if (place->array->kind == AT_BOOL) return "unsigned char";
    return place->use == AT_PLACE_WORK || at_place_converted(place, type) ? "real" : "given";
}

bool at_c_rounds(const at_printer *p, const at_array *array) {
    const at_plan *plan = p->program->loops->plan;
    if (array->kind != AT_REAL || array->id < 0) return false;
    at_type type = at_place_type(&plan->places[plan->place_of[array->id]], p->type);
    return type == AT_TYPE_F16 || type == AT_TYPE_BF16;
}

static printed print(at_printer *p, const at_value *v);

static printed number(at_session *s, const at_value *v, bool is_float) {
    if (v->kind == AT_BOOL) return (printed){v->integer ? "true" : "false", AT_C_PRIMARY};
    if (v->kind == AT_INT) {
        if (v->integer == INT64_MIN) return (printed){"INT64_MIN", AT_C_PRIMARY};
        return (printed){at_format(s->arena, "%lld", (long long)v->integer),
                         v->integer < 0 ? AT_C_UNARY : AT_C_PRIMARY};
    }
    if (isnan(v->real)) return (printed){"NAN", AT_C_PRIMARY};
    if (isinf(v->real))
        return v->real < 0 ? (printed){"-INFINITY", AT_C_UNARY}
                           : (printed){"INFINITY", AT_C_PRIMARY};
    at_c_level level = signbit(v->real) ? AT_C_UNARY : AT_C_PRIMARY;
    if (is_float && fabs(v->real) > (double)FLT_MAX)
        return (printed){v->real < 0 ? "-INFINITY" : "INFINITY", level};
    if (is_float && v->real != 0 && fabs(v->real) < 0x1p-149)
        return (printed){v->real < 0 ? "-0.0f" : "0.0f", level};
    char text[32];
    at_text_real(v->real, text);
    return (printed){at_format(s->arena, "%s%s", text, is_float ? "f" : ""), level};
}

static const struct {
    at_op op;
    const char *symbol;
    at_c_level level, left, right; /* its own, and what its operands need */
} infix[] = {
    {AT_OP_ADD, "+", AT_C_SUM, AT_C_SUM, AT_C_PRODUCT},
    {AT_OP_SUB, "-", AT_C_SUM, AT_C_SUM, AT_C_PRODUCT},
    {AT_OP_MUL, "*", AT_C_PRODUCT, AT_C_PRODUCT, AT_C_UNARY},
    {AT_OP_DIV, "/", AT_C_PRODUCT, AT_C_PRODUCT, AT_C_UNARY},
    {AT_OP_EQ, "==", AT_C_EQUAL, AT_C_SUM, AT_C_SUM},
    {AT_OP_NE, "!=", AT_C_EQUAL, AT_C_SUM, AT_C_SUM},
    {AT_OP_LT, "<", AT_C_LESS, AT_C_SUM, AT_C_SUM},
    {AT_OP_LE, "<=", AT_C_LESS, AT_C_SUM, AT_C_SUM},
    {AT_OP_GT, ">", AT_C_LESS, AT_C_SUM, AT_C_SUM},
    {AT_OP_GE, ">=", AT_C_LESS, AT_C_SUM, AT_C_SUM},
    {AT_OP_AND, "&&", AT_C_AND, AT_C_AND, AT_C_EQUAL},
    {AT_OP_OR, "||", AT_C_OR, AT_C_EQUAL, AT_C_EQUAL},
};

static printed call(at_printer *p, const char *text, const at_value *v) {
    for (int i = 0; i < v->count; i++)
        text = at_format(p->s->arena, "%s%s%s", text, i ? ", " : "(",
                         at_c_value(p, v->operands[i], AT_C_CHOICE));
    return (printed){at_format(p->s->arena, "%s)", text), AT_C_PRIMARY};
}

static printed function(at_printer *p, const at_value *v) {
    return call(p, at_helper_name(p->s, v->map, v->kind), v);
}

static printed draw(at_printer *p, const at_value *v) {
    const char *text = at_format(p->s->arena, "attend_draw_%s(draw_key",
                                 at_draw_info(v->draw->draw)->text);
    for (int i = 0; i < v->count; i++)
        text = at_format(p->s->arena, "%s, %s", text,
                         at_c_value(p, v->operands[i], AT_C_CHOICE));
    return (printed){at_format(p->s->arena, "%s)", text), AT_C_PRIMARY};
}

const char *at_c_short_power(at_session *s, const char *type, const char *x, int power,
                             at_c_level *level) {
    *level = power < 0 ? AT_C_PRODUCT : AT_C_PRIMARY;
    if (power == 4) return at_format(s->arena, "%s_square(%s_square(%s))", type, type, x);
    if (power == -1) return at_format(s->arena, "1 / (%s)", x);
    if (power == 1) return at_format(s->arena, "(%s)", x);
    return at_format(s->arena, "%s%s_%s(%s)", power < 0 ? "1 / " : "", type,
                     power == 3 ? "cube" : "square", x);
}

static printed operation(at_printer *p, const at_value *v) {
    at_arena *arena = p->s->arena;
    const at_value *a = v->operands[0];
    for (size_t i = 0; i < sizeof infix / sizeof *infix; i++) {
        if (infix[i].op != v->map) continue;
        const char *left = at_c_value(p, a, infix[i].left);
        const char *right = at_c_value(p, v->operands[1], infix[i].right);
        return (printed){at_format(arena, "%s %s %s", left, infix[i].symbol, right),
                         infix[i].level};
    }
    int power = at_tile_short_power(v);
    if (power) {
        printed out;
        out.text = at_c_short_power(p->s, "attend", at_c_value(p, a, AT_C_CHOICE), power,
                                    &out.level);
        return out;
    }
    switch (v->map) {
    case AT_OP_STOP: return print(p, a);
    case AT_OP_NOT:
        return (printed){at_format(arena, "!%s", at_c_value(p, a, AT_C_PRIMARY)), AT_C_UNARY};
    case AT_OP_NEG:
        return (printed){at_format(arena, "-%s", at_c_value(p, a, AT_C_PRIMARY)), AT_C_UNARY};
    case AT_OP_TO_REAL:
        if (a->kind == AT_REAL) return print(p, a);
        return (printed){at_format(arena, "(real)%s", at_c_value(p, a, AT_C_PRIMARY)),
                         AT_C_UNARY};
    default: return function(p, v);
    }
}

static const char *element(at_printer *p, const at_array *array, const at_value *address) {
    const char *text = at_format(p->s->arena, "%s[%s]", at_array_name(&p->names, array),
                                 at_c_value(p, address, AT_C_CHOICE));
    bool half = at_c_rounds(p, array);
    return half ? at_format(p->s->arena, "attend_real(%s)", text) : text;
}

/* A constant beside another would be an int of C, which may be narrower. */
static const char *branch(at_printer *p, const at_value *v) {
    const char *text = at_c_value(p, v, AT_C_OR);
    if (v->op != AT_TILE_NUMBER || v->kind != AT_INT) return text;
    return at_format(p->s->arena, "(int64_t)%s", text);
}

static printed choice(at_printer *p, const at_value *mask, const char *yes, const char *no) {
    return (printed){at_format(p->s->arena, "%s ? %s : %s", at_c_value(p, mask, AT_C_OR), yes, no),
                     AT_C_CHOICE};
}

/* The index of a loop; of one whose round works on several, that of the one that is printed. */
static printed index_of(at_printer *p, const at_axis *axis) {
    const char *index = at_axis_name(&p->names, axis);
    int vectors = p->vectors ? p->vectors : 1, vector = p->copy % vectors, row = p->copy / vectors;
    if (axis == p->lanes && p->lane_index) index = p->lane_index;
    if (axis == p->single_row) index = p->row_index;
    if (axis == p->lanes && vector == 1)
        return (printed){at_format(p->s->arena, "%s + LANES", index), AT_C_SUM};
    if (axis == p->lanes && vector)
        return (printed){at_format(p->s->arena, "%s + %d * LANES", index, vector), AT_C_SUM};
    if (axis == p->rows && row)
        return (printed){at_format(p->s->arena, "%s + %d", index, row), AT_C_SUM};
    return (printed){index, AT_C_PRIMARY};
}

static printed print(at_printer *p, const at_value *v) {
    at_value *const *x = v->operands;
    switch (v->op) {
    case AT_TILE_NUMBER: return number(p->s, v, p->type != AT_TYPE_F64);
    case AT_TILE_SIZE: return (printed){at_size_name(&p->names, v->axis), AT_C_PRIMARY};
    case AT_TILE_INDEX: return index_of(p, v->axis);
    case AT_TILE_ACROSS: return (printed){at_c_across(p, v), AT_C_PRIMARY};
    case AT_TILE_GET: return (printed){at_c_variable(p, v), AT_C_PRIMARY};
    case AT_TILE_LOAD: {
        const char *text = element(p, v->array, x[0]);
        if (v->kind != AT_BOOL) return (printed){text, AT_C_PRIMARY};
        return (printed){at_format(p->s->arena, "%s != 0", text), AT_C_EQUAL};
    }
    case AT_TILE_LOAD_WHERE: {
        const char *text = element(p, v->array, x[1]);
        if (v->kind == AT_BOOL) text = at_format(p->s->arena, "(%s != 0)", text);
        return choice(p, x[0], text, branch(p, x[2]));
    }
    case AT_TILE_SELECT: return choice(p, x[0], branch(p, x[1]), branch(p, x[2]));
    case AT_TILE_MAP: return operation(p, v);
    case AT_TILE_DRAW_AT: return call(p, "attend_draw_at", v);
    case AT_TILE_DRAW: return draw(p, v);
    default: break;
    }
    AT_ASSERT(p->s, at_tile_op_gives(v->op));
    return (printed){"", AT_C_PRIMARY};
}

const char *at_c_value(at_printer *p, const at_value *v, at_c_level level) {
    for (int i = 0; i < p->hoisted_count; i++)
        if (p->hoisted[i].value == v) return p->hoisted[i].name;
    printed out = print(p, v);
    if (strlen(out.text) > LONG_TEXT) {
        const char *name = at_c_name(&p->names, "t");
        at_c_line(p, "const %s %s = %s;", at_c_type(v->kind), name, out.text);
        return name;
    }
    if (out.level >= level) return out.text;
    return at_format(p->s->arena, "(%s)", out.text);
}

const char *at_c_right_side(at_printer *p, const at_value *v) { return print(p, v).text; }
