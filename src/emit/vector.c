/* Values of all lanes at once as C expressions: vreal, vint and vmask of the parts. A value that is
 * the same in all lanes is the scalar of value.c, spread where a vector is asked for. */
#include "emit/emit.h"

#include <string.h>

enum { LONG_TEXT = 72 };

typedef struct {
    const char *text;
    at_c_level level;
} printed;

const char *at_vector_type(at_kind kind) {
    return kind == AT_REAL ? "vreal" : kind == AT_INT ? "vint" : "vmask";
}

const char *at_c_variable(at_printer *p, const at_value *v) {
    return at_copy_name(&p->names, v->array, v->copies > 1 || p->jams ? p->copy : 0);
}

static printed print(at_printer *p, const at_value *v);

static const char *at_level(at_printer *p, printed out, at_c_level level) {
    return out.level >= level ? out.text : at_format(p->s->arena, "(%s)", out.text);
}

static printed call(at_printer *p, const char *function, const char *a, const char *b,
                    const char *c) {
    const char *text = at_format(p->s->arena, "%s(%s", function, a);
    if (b) text = at_format(p->s->arena, "%s, %s", text, b);
    if (c) text = at_format(p->s->arena, "%s, %s", text, c);
    return (printed){at_format(p->s->arena, "%s)", text), AT_C_PRIMARY};
}

static const char *function_of(at_printer *p, at_kind kind, const char *what) {
    return at_format(p->s->arena, "%s_%s", at_vector_type(kind), what);
}

/* ---- ints of 32 bits ------------------------------------------------------------------------- */

static printed infix(at_printer *p, const char *a, const char *symbol, const char *b,
                     at_c_level level) {
    return (printed){at_format(p->s->arena, "%s %s %s", a, symbol, b), level};
}

static const char *symbol_of(at_op op, at_c_level *level) {
    static const struct {
        at_op op;
        const char *symbol;
        at_c_level level;
    } rows[] = {
        {AT_OP_ADD, "+", AT_C_SUM},    {AT_OP_SUB, "-", AT_C_SUM},   {AT_OP_MUL, "*", AT_C_PRODUCT},
        {AT_OP_DIV, "/", AT_C_PRODUCT}, {AT_OP_EQ, "==", AT_C_EQUAL}, {AT_OP_NE, "!=", AT_C_EQUAL},
        {AT_OP_LT, "<", AT_C_LESS},    {AT_OP_LE, "<=", AT_C_LESS},  {AT_OP_GT, ">", AT_C_LESS},
        {AT_OP_GE, ">=", AT_C_LESS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].op != op) continue;
        *level = rows[i].level;
        return rows[i].symbol;
    }
    return NULL;
}

/* How an operand must bind on each side of a symbol. */
static at_c_level left_of(at_c_level level) {
    return level == AT_C_EQUAL || level == AT_C_LESS ? AT_C_SUM : level;
}
static at_c_level right_of(at_c_level level) {
    return level == AT_C_PRODUCT ? AT_C_UNARY : level == AT_C_SUM ? AT_C_PRODUCT : AT_C_SUM;
}

/* An int that has 32 bits as a vmask, whose lanes are as wide as reals. */
static printed narrow(at_printer *p, const at_value *v) {
    if (v->lanes == AT_LANES_SAME || v->lanes == AT_LANES_NEXT) {
        printed all = call(p, "vmask_whole", at_c_value(p, v, AT_C_CHOICE), NULL, NULL);
        if (v->lanes == AT_LANES_SAME) return all;
        return infix(p, all.text, "+", "vmask_count()", AT_C_SUM);
    }
    const at_value *a = v->operands[0], *b = v->count > 1 ? v->operands[1] : NULL;
    if (v->op == AT_TILE_MAP && a->narrow && b && b->narrow) {
        at_c_level level = AT_C_PRIMARY;
        const char *symbol = symbol_of(v->map, &level);
        if (symbol)
            return infix(p, at_level(p, narrow(p, a), left_of(level)), symbol,
                         at_level(p, narrow(p, b), right_of(level)), level);
        if (v->map == AT_OP_MIN || v->map == AT_OP_MAX)
            return call(p, v->map == AT_OP_MIN ? "vmask_least" : "vmask_most", narrow(p, a).text,
                        narrow(p, b).text, NULL);
    }
    return call(p, "vmask_of", print(p, v).text, NULL, NULL);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const char *place(at_printer *p, const at_array *array, const at_value *address) {
    return at_format(p->s->arena, "&%s[%s]", at_array_name(&p->names, array),
                     at_c_value(p, address, AT_C_CHOICE));
}

static const char *mask_of(at_printer *p) { return p->mask ? p->mask : "vmask_all(true)"; }

/* vreal_load_part and so on; of elements that are stored in 16 bits: vreal_load_given_part. */
static const char *memory_function(at_printer *p, const at_value *v, const char *what) {
    if (v->kind != AT_REAL || !at_c_rounds(p, v->array)) return function_of(p, v->kind, what);
    int verb = (int)strcspn(what, "_");
    return at_format(p->s->arena, "vreal_%.*s_given%s", verb, what, what + verb);
}

static printed gather(at_printer *p, const at_value *v, const at_value *address,
                      const char *mask) {
    return call(p, memory_function(p, v, "gather"), at_array_name(&p->names, v->array),
                at_c_vector(p, address, AT_C_CHOICE), mask);
}

static printed load(at_printer *p, const at_value *v, const at_value *address) {
    bool looks = v->op == AT_TILE_LOAD && p->conditional && !v->inside;
    if (address->lanes == AT_LANES_ANY || (looks && address->lanes == AT_LANES_STEP))
        return gather(p, v, address, mask_of(p));
    const char *from = place(p, v->array, address);
    if (looks) return call(p, memory_function(p, v, "load_where"), from, p->mask, NULL);
    const char *count = p->rest ? p->rest : "LANES";
    if (address->lanes == AT_LANES_STEP)
        return call(p, memory_function(p, v, "load_step"), from,
                    at_c_value(p, address->step, AT_C_CHOICE), count);
    if (p->rest || v->kind == AT_BOOL)
        return call(p, memory_function(p, v, "load_part"), from, count, NULL);
    return call(p, memory_function(p, v, "load"), from, NULL, NULL);
}

static const char *both_masks(at_printer *p, const at_value *mask) {
    if (!p->mask) return at_c_vector(p, mask, AT_C_CHOICE);
    return at_format(p->s->arena, "%s & %s", p->mask, at_c_vector(p, mask, AT_C_UNARY));
}

/* A read that looks once for all lanes. */
static printed load_if(at_printer *p, const at_value *v) {
    const char *inside = at_c_value(p, v->operands[0], AT_C_OR);
    const char *found = load(p, v, v->operands[1]).text;
    const char *other = at_c_vector(p, v->operands[2], AT_C_OR);
    return (printed){at_format(p->s->arena, "%s ? %s : %s", inside, found, other), AT_C_CHOICE};
}

/* An int that goes by steps, in the last lane. */
static const char *in_last_lane(at_printer *p, const at_value *v) {
    const char *first = at_c_value(p, v, AT_C_SUM);
    if (v->lanes == AT_LANES_SAME) return first;
    if (v->lanes == AT_LANES_NEXT) return at_format(p->s->arena, "%s + (LANES - 1)", first);
    return at_format(p->s->arena, "%s + (LANES - 1) * %s", first,
                     at_c_value(p, v->step, AT_C_UNARY));
}

/* Whether comparisons of ints that go by steps hold in all lanes: they do if they hold in the first
 * and the last. NULL: the condition is another. */
static const char *holds_everywhere(at_printer *p, const at_value *v) {
    if (v->op != AT_TILE_MAP) return NULL;
    const at_value *a = v->operands[0], *b = v->operands[1];
    if (v->map == AT_OP_AND) {
        const char *left = holds_everywhere(p, a), *right = holds_everywhere(p, b);
        return left && right ? at_format(p->s->arena, "%s && %s", left, right) : NULL;
    }
    at_c_level level = AT_C_PRIMARY;
    bool ordered =
        v->map == AT_OP_LE || v->map == AT_OP_LT || v->map == AT_OP_GE || v->map == AT_OP_GT;
    if (!ordered || a->kind != AT_INT || a->lanes == AT_LANES_ANY || b->lanes == AT_LANES_ANY)
        return NULL;
    const char *symbol = symbol_of(v->map, &level);
    return at_format(p->s->arena, "%s %s %s && %s %s %s", at_c_value(p, a, AT_C_SUM), symbol,
                     at_c_value(p, b, AT_C_SUM), in_last_lane(p, a), symbol, in_last_lane(p, b));
}

/* A read of elements beside each other, which mostly are all inside: that is asked first. */
static printed load_beside(at_printer *p, const at_value *v, const char *all) {
    const char *read = at_c_name(&p->names, "read"), *mask = at_c_name(&p->names, "inside");
    const char *from = place(p, v->array, v->operands[1]);
    at_c_line(p, "%s %s;", at_vector_type(v->kind), read);
    at_c_line(p, "if (%s) {", all);
    p->indent++;
    at_c_line(p, "%s = %s;", read, call(p, memory_function(p, v, "load"), from, NULL, NULL).text);
    p->indent--;
    at_c_line(p, "} else {");
    p->indent++;
    const char *text = both_masks(p, v->operands[0]);
    at_c_line(p, "const vmask %s = %s;", mask, text);
    const char *some = call(p, memory_function(p, v, "load_where"), from, mask, NULL).text;
    const char *other = at_c_vector(p, v->operands[2], AT_C_CHOICE);
    at_c_line(p, "%s = %s;", read,
              call(p, function_of(p, v->kind, "choose"), mask, some, other).text);
    p->indent--;
    at_c_line(p, "}");
    return (printed){read, AT_C_PRIMARY};
}

static printed load_where(at_printer *p, const at_value *v) {
    const at_value *address = v->operands[1];
    bool simple = address->lanes == AT_LANES_NEXT || address->lanes == AT_LANES_STEP;
    if (v->operands[0]->lanes == AT_LANES_SAME && simple) return load_if(p, v);
    const char *all = address->lanes == AT_LANES_NEXT && v->kind != AT_BOOL
                          ? holds_everywhere(p, v->operands[0]) : NULL;
    if (all) return load_beside(p, v, all);
    const char *mask = at_c_name(&p->names, "inside"), *text = both_masks(p, v->operands[0]);
    at_c_line(p, "const vmask %s = %s;", mask, text);
    printed found = address->lanes == AT_LANES_NEXT
                        ? call(p, memory_function(p, v, "load_where"),
                               place(p, v->array, address), mask, NULL)
                        : gather(p, v, address, mask);
    const char *other = at_c_vector(p, v->operands[2], AT_C_CHOICE);
    return call(p, function_of(p, v->kind, "choose"), mask, found.text, other);
}

void at_c_vector_store(at_printer *p, const at_value *v) {
    const at_value *address = v->operands[0];
    const char *value = at_c_vector_right_side(p, v->operands[1]);
    const char *to = place(p, v->array, address);
    const char *count = p->rest ? p->rest : "LANES";
    if (address->lanes == AT_LANES_STEP)
        at_c_line(p, "%s(%s, %s, %s, %s);", memory_function(p, v, "store_step"), to,
                  at_c_value(p, address->step, AT_C_CHOICE), value, count);
    else if (p->rest || v->kind == AT_BOOL)
        at_c_line(p, "%s(%s, %s, %s);", memory_function(p, v, "store_part"), to, value, count);
    else
        at_c_line(p, "%s(%s, %s);", memory_function(p, v, "store"), to, value);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* An operand of a symbol: beside a vector of reals a scalar stays one. */
static const char *beside(at_printer *p, const at_value *v, at_c_level level) {
    bool scalar = v->lanes == AT_LANES_SAME && v->kind == AT_REAL;
    return scalar ? at_c_value(p, v, level) : at_c_vector(p, v, level);
}

static printed compare(at_printer *p, const at_value *v, const char *symbol, at_c_level level) {
    const at_value *a = v->operands[0], *b = v->operands[1];
    at_c_level left = left_of(level), right = right_of(level);
    if (a->kind == AT_BOOL) {
        printed other = infix(p, at_c_vector(p, a, AT_C_UNARY), "^", at_c_vector(p, b, AT_C_UNARY),
                              AT_C_OR);
        if (v->map == AT_OP_NE) return other;
        return (printed){at_format(p->s->arena, "~(%s)", other.text), AT_C_UNARY};
    }
    if (a->kind == AT_INT && a->narrow && b->narrow)
        return infix(p, at_level(p, narrow(p, a), left), symbol, at_level(p, narrow(p, b), right),
                     level);
    printed found = infix(p, at_c_vector(p, a, left), symbol, at_c_vector(p, b, right), level);
    return a->kind == AT_INT ? call(p, "vmask_of", found.text, NULL, NULL) : found;
}

static printed to_real(at_printer *p, const at_value *v) {
    const at_value *a = v->operands[0];
    switch (a->kind) {
    case AT_REAL: return print(p, a);
    case AT_BOOL:
        return call(p, "vreal_choose", at_c_vector(p, a, AT_C_CHOICE), "vreal_all(1)",
                    "vreal_all(0)");
    case AT_INT: break;
    }
    return call(p, "vreal_of", a->narrow ? narrow(p, a).text : at_c_vector(p, a, AT_C_CHOICE), NULL,
                NULL);
}

static printed function(at_printer *p, const at_value *v) {
    const char *x[3] = {0};
    for (int i = 0; i < v->count; i++) x[i] = at_c_vector(p, v->operands[i], AT_C_CHOICE);
    return call(p, at_vector_helper_name(p->s, v->map, v->kind), x[0], x[1], x[2]);
}

static printed operation(at_printer *p, const at_value *v) {
    at_arena *arena = p->s->arena;
    const at_value *a = v->operands[0], *b = v->operands[1];
    at_c_level level = AT_C_PRIMARY;
    const char *symbol = symbol_of(v->map, &level);
    if (symbol && v->kind == AT_BOOL) return compare(p, v, symbol, level);
    if (symbol && v->kind == AT_REAL)
        return infix(p, beside(p, a, left_of(level)), symbol, beside(p, b, right_of(level)), level);
    if (symbol)
        return infix(p, at_c_vector(p, a, left_of(level)), symbol,
                     at_c_vector(p, b, right_of(level)), level);
    int power = at_tile_short_power(v);
    if (power) {
        printed out;
        out.text = at_c_short_power(p->s, "vreal", at_c_vector(p, a, AT_C_CHOICE), power,
                                    &out.level);
        return out;
    }
    switch (v->map) {
    case AT_OP_STOP: return print(p, a);
    case AT_OP_TO_REAL: return to_real(p, v);
    case AT_OP_NEG:
        return (printed){at_format(arena, "-%s", at_c_vector(p, a, AT_C_PRIMARY)), AT_C_UNARY};
    case AT_OP_NOT:
        return (printed){at_format(arena, "~%s", at_c_vector(p, a, AT_C_PRIMARY)), AT_C_UNARY};
    case AT_OP_AND:
    case AT_OP_OR:
        return infix(p, at_c_vector(p, a, AT_C_UNARY), v->map == AT_OP_AND ? "&" : "|",
                     at_c_vector(p, b, AT_C_UNARY), AT_C_OR);
    default: return function(p, v);
    }
}

const char *at_c_vector_right_side(at_printer *p, const at_value *v) { return print(p, v).text; }

static bool is_costly(const at_value *v) {
    bool costly = v->op == AT_TILE_MAP && v->kind == AT_REAL && v->lanes == AT_LANES_ANY &&
                  at_c_part_of(v->map) != AT_C_PARTS;
    for (int i = 0; i < v->count; i++) costly |= is_costly(v->operands[i]);
    return costly;
}

/* if (some lane has it) chosen = … */
static void print_chosen(at_printer *p, const char *chosen, const char *mask, const at_value *v) {
    at_c_line(p, "if (vmask_any(%s)) {", mask);
    p->indent++;
    const char *value = at_c_vector_right_side(p, v);
    at_c_line(p, "%s = %s_choose(%s, %s, %s);", chosen, at_vector_type(v->kind), mask, value,
              chosen);
    p->indent--;
    at_c_line(p, "}");
}

/* What takes long is left out where no lane asks for it. */
static printed costly_select(at_printer *p, const at_value *v) {
    at_value *const *x = v->operands;
    bool yes = is_costly(x[1]), no = is_costly(x[2]);
    const char *mask = at_c_name(&p->names, "mask"), *chosen = at_c_name(&p->names, "chosen");
    at_c_line(p, "const vmask %s = %s;", mask, at_c_vector_right_side(p, x[0]));
    const char *first = yes && no ? "{0}" : at_c_vector_right_side(p, x[yes ? 2 : 1]);
    at_c_line(p, "%s %s = %s;", at_vector_type(v->kind), chosen, first);
    if (yes) print_chosen(p, chosen, mask, x[1]);
    if (no) print_chosen(p, chosen, at_format(p->s->arena, "~%s", mask), x[2]);
    return (printed){chosen, AT_C_PRIMARY};
}

static printed select(at_printer *p, const at_value *v) {
    at_value *const *x = v->operands;
    if (x[0]->lanes != AT_LANES_SAME && (is_costly(x[1]) || is_costly(x[2])))
        return costly_select(p, v);
    const char *yes = at_c_vector(p, x[1], AT_C_OR), *no = at_c_vector(p, x[2], AT_C_OR);
    if (x[0]->lanes != AT_LANES_SAME)
        return call(p, function_of(p, v->kind, "choose"), at_c_vector(p, x[0], AT_C_CHOICE), yes,
                    no);
    return (printed){at_format(p->s->arena, "%s ? %s : %s", at_c_value(p, x[0], AT_C_OR), yes, no),
                     AT_C_CHOICE};
}

static printed print(at_printer *p, const at_value *v) {
    if (v->lanes == AT_LANES_SAME)
        return call(p, function_of(p, v->kind, "all"), at_c_value(p, v, AT_C_CHOICE), NULL, NULL);
    if (v->lanes != AT_LANES_ANY) {
        const char *first = call(p, "vint_all", at_c_value(p, v, AT_C_CHOICE), NULL, NULL).text;
        const char *step = "vint_count()";
        if (v->lanes == AT_LANES_STEP)
            step = at_format(p->s->arena, "%s * vint_count()",
                             at_c_value(p, v->step, AT_C_PRODUCT));
        return infix(p, first, "+", step, AT_C_SUM);
    }
    switch (v->op) {
    case AT_TILE_GET: return (printed){at_c_variable(p, v), AT_C_PRIMARY};
    case AT_TILE_LOAD: return load(p, v, v->operands[0]);
    case AT_TILE_LOAD_WHERE: return load_where(p, v);
    case AT_TILE_MAP: return operation(p, v);
    case AT_TILE_SELECT: return select(p, v);
    default: break;
    }
    AT_ASSERT(p->s, at_tile_op_gives(v->op));
    return (printed){"", AT_C_PRIMARY};
}

/* The vectors that a variable is, combined, and then their lanes. */
const char *at_c_across(at_printer *p, const at_value *v) {
    at_arena *arena = p->s->arena;
    const at_array *variable = v->operands[0]->array;
    bool real = v->kind == AT_REAL, least = v->map == AT_OP_MIN;
    const char *symbol = v->map == AT_OP_ADD ? "+" : v->map == AT_OP_MUL ? "*"
                         : v->map == AT_OP_AND ? "&" : v->map == AT_OP_OR ? "|" : NULL;
    const char *all = at_copy_name(&p->names, variable, 0);
    for (int i = 1; i < v->copies; i++) {
        const char *next = at_copy_name(&p->names, variable, i);
        all = symbol ? at_format(arena, "%s %s %s", all, symbol, next)
                     : at_format(arena, "vreal_%s(%s, %s)", least ? "min" : "max", all, next);
    }
    const char *across = !symbol ? (least ? "vreal_least" : "vreal_largest")
                         : v->map == AT_OP_AND ? "vmask_every" : v->map == AT_OP_OR ? "vmask_any"
                         : v->map == AT_OP_MUL ? "vreal_product" : real ? "vreal_sum" : "vint_sum";
    return at_format(arena, "%s(%s)", across, all);
}

void at_c_run(at_printer *p, const at_value *v) {
    const char *what = v->map == AT_OP_ADD   ? "sum"
                       : v->map == AT_OP_MUL ? "product"
                       : v->map == AT_OP_MIN ? "least" : "largest";
    const char *lanes = at_array_name(&p->names, v->operands[0]->array);
    at_c_line(p, "%s = vreal_running_%s(%s, %s, &%s);", lanes, what, lanes,
              v->integer ? "true" : "false", at_array_name(&p->names, v->array));
}

void at_c_pick(at_printer *p, const at_value *v) {
    at_value *const *x = v->operands;
    for (int i = 0; i < (v->copies ? v->copies : 1); i++)
        at_c_line(p, "%s_pick_%s(%s, %s, &%s, &%s);", at_vector_type(v->kind),
                  v->map == AT_OP_MAX ? "largest" : "smallest",
                  at_copy_name(&p->names, x[2]->array, i), at_copy_name(&p->names, x[3]->array, i),
                  at_array_name(&p->names, x[0]->array), at_array_name(&p->names, x[1]->array));
}

const char *at_c_vector(at_printer *p, const at_value *v, at_c_level level) {
    printed out = print(p, v);
    if (strlen(out.text) > LONG_TEXT) {
        const char *name = at_c_name(&p->names, "t");
        at_c_line(p, "const %s %s = %s;", at_vector_type(v->kind), name, out.text);
        return name;
    }
    return at_level(p, out, level);
}
