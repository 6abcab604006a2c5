/* What is done for its effect, as statements of C: variables, stores, tests that may fail. Within a
 * loop over lanes they are statements on vectors, one for each vector that a round works on. */
#include "emit/emit.h"

/* Out of a block that cannot be computed hopefully. */
static void print_give_up(at_printer *p, const char *unless) {
    at_c_line(p, "if (!%s) {", unless);
    p->indent++;
    at_c_line(p, "attend_note(&any_fault);");
    at_c_line(p, "goto %s;", p->label);
    p->indent--;
    at_c_line(p, "}");
}

static void print_check(at_printer *p, const at_value *v) {
    const at_value *condition = v->operands[0];
    if (condition->lanes == AT_LANES_SAME) {
        print_give_up(p, at_c_value(p, condition, AT_C_PRIMARY));
        return;
    }
    const char *text = p->mask ? at_format(p->s->arena, "%s | ~%s",
                                           at_c_vector(p, condition, AT_C_UNARY), p->mask)
                               : at_c_vector_right_side(p, condition);
    print_give_up(p, at_format(p->s->arena, "vmask_every(%s)", text));
}

/* What follows a failed test; `fault` is an expression of that type. */
static void print_failure(at_printer *p, const char *fault) {
    p->indent++;
    at_c_line(p, "%s = %s;", p->fault, fault);
    at_c_line(p, "goto %s;", p->label);
    p->indent--;
    at_c_line(p, "}");
}

static const char *new_fault(at_printer *p, int site, const char *value, const char *other) {
    return at_format(p->s->arena, "(struct attend_fault){%d, %s, %s}", site, value, other);
}

/* An operation on ints in all lanes that are computed with. */
static void print_lanes_attempt(at_printer *p, const at_value *v) {
    const char *text = at_format(p->s->arena, "%s_lanes(", at_attempt_name(p->s, v->map));
    for (int i = 0; i < v->count; i++)
        text = at_format(p->s->arena, "%sATTEND_AT((%s)), ", text,
                         at_c_vector(p, v->operands[i], AT_C_CHOICE));
    print_give_up(p, at_format(p->s->arena, "%s%s, &%s)", text,
                               p->mask ? p->mask : "vmask_all(true)", at_c_variable(p, v)));
}

static void print_attempt(at_printer *p, const at_value *v) {
    if (v->lanes != AT_LANES_SAME) {
        print_lanes_attempt(p, v);
        return;
    }
    const char *x[3] = {"0", "0", "0"}, *text = at_attempt_name(p->s, v->map);
    for (int i = 0; i < v->count; i++) {
        x[i] = at_c_value(p, v->operands[i], AT_C_CHOICE);
        text = at_format(p->s->arena, "%s%s%s", text, i ? ", " : "(", x[i]);
    }
    text = at_format(p->s->arena, "%s, &%s)", text, at_c_variable(p, v));
    if (p->hopeful) {
        print_give_up(p, text);
        return;
    }
    at_c_line(p, "if (!%s) {", text);
    print_failure(p, new_fault(p, v->site, x[0], x[1]));
}

static int weight_of(const at_value *v) {
    int weight = 1;
    for (int i = 0; i < v->count; i++) weight += weight_of(v->operands[i]);
    return weight;
}

/* left = value. A long choice is spelled with if, so that only what is chosen is computed. */
static void print_assignment(at_printer *p, const char *left, const at_value *value) {
    enum { LONG_CHOICE = 12 };
    if (value->op != AT_TILE_SELECT || weight_of(value) <= LONG_CHOICE) {
        at_c_line(p, "%s = %s;", left, at_c_right_side(p, value));
        return;
    }
    at_c_line(p, "if (%s) {", at_c_value(p, value->operands[0], AT_C_CHOICE));
    p->indent++;
    print_assignment(p, left, value->operands[1]);
    p->indent--;
    at_c_line(p, "} else {");
    p->indent++;
    print_assignment(p, left, value->operands[2]);
    p->indent--;
    at_c_line(p, "}");
}

/* Whether an effect is one on vectors, which is printed. */
static bool print_vector_effect(at_printer *p, const at_value *v) {
    if (v->op == AT_TILE_STORE && p->lanes) {
        at_c_vector_store(p, v);
        return true;
    }
    if ((v->op != AT_TILE_LET && v->op != AT_TILE_SET) || v->lanes == AT_LANES_SAME) return false;
    const char *right = v->count ? at_c_vector_right_side(p, v->operands[0]) : NULL;
    if (v->op == AT_TILE_LET) {
        if (!right) right = "{0}";
        at_c_line(p, "%s %s = %s;", at_vector_type(v->kind), at_c_variable(p, v), right);
        for (int i = 1; i < v->copies; i++)
            at_c_line(p, "%s %s = %s;", at_vector_type(v->kind),
                      at_copy_name(&p->names, v->array, i), right);
        return true;
    }
    const char *name = at_c_variable(p, v);
    if (p->masks_sets)
        at_c_line(p, "%s = %s_choose(%s, %s, %s);", name, at_vector_type(v->kind), p->mask, right,
                  name);
    else
        at_c_line(p, "%s = %s;", name, right);
    return true;
}

static bool same_value(const at_value *a, const at_value *b) {
    if (a->op != b->op || a->map != b->map || a->count != b->count || a->axis != b->axis ||
        a->array != b->array || a->integer != b->integer)
        return false;
    for (int i = 0; i < a->count; i++)
        if (!same_value(a->operands[i], b->operands[i])) return false;
    return true;
}

/* `x[i] += y` for `x[i] = x[i] + y`; false: it is no such thing. */
static bool print_update(at_printer *p, const char *left, const at_value *put) {
    const at_value *sum = put->operands[1];
    if (sum->op != AT_TILE_MAP || (sum->map != AT_OP_ADD && sum->map != AT_OP_MUL)) return false;
    const at_value *old = sum->operands[0];
    if (old->op != AT_TILE_LOAD || old->array != put->array ||
        !same_value(old->operands[0], put->operands[0]))
        return false;
    at_c_line(p, "%s %s= %s;", left, sum->map == AT_OP_ADD ? "+" : "*",
              at_c_right_side(p, sum->operands[1]));
    return true;
}

static void print_effect(at_printer *p, const at_value *v) {
    bool variable = v->op == AT_TILE_LET || v->op == AT_TILE_SET;
    const char *name = variable  ? at_c_variable(p, v)
                       : v->array ? at_array_name(&p->names, v->array)
                                  : NULL;
    if (print_vector_effect(p, v)) return;
    switch (v->op) {
    case AT_TILE_LET: {
        const char *right = v->count ? at_c_right_side(p, v->operands[0]) : NULL;
        at_c_line(p, "%s %s%s%s;", at_c_type(v->kind), name, right ? " = " : "",
                  right ? right : "");
        return;
    }
    case AT_TILE_SET: print_assignment(p, name, v->operands[0]); return;
    case AT_TILE_STORE:
    case AT_TILE_PUT: {
        const char *left = "value";
        if (v != p->store)
            left = at_format(p->s->arena, "%s[%s]", name,
                             at_c_value(p, v->operands[0], AT_C_CHOICE));
        if (v != p->store && at_c_rounds(p, v->array))
            at_c_line(p, "%s = attend_given(%s);", left, at_c_right_side(p, v->operands[1]));
        else if (v->op != AT_TILE_PUT || !print_update(p, left, v))
            print_assignment(p, left, v->operands[1]);
        return;
    }
    case AT_TILE_BIND:
        at_c_line(p, "const int64_t %s = %s;", at_axis_name(&p->names, v->axis),
                  at_c_right_side(p, v->operands[0]));
        return;
    case AT_TILE_FAULT: at_c_line(p, "struct attend_fault %s = {0, 0, 0};", name); return;
    case AT_TILE_COUNT:
        at_c_line(p, "frame->call->counters[%d] += (uint64_t)%s;", v->site,
                  at_c_value(p, v->operands[0], AT_C_PRIMARY));
        return;
    case AT_TILE_SORT: {
        const at_loop_sort *sort = v->sort;
        at_c_line(p, "attend_%s_%s(%s, %s, %s, %s, %s);", sort->falling ? "largest" : "sort",
                  sort->key->kind == AT_REAL ? "real" : "int", at_array_name(&p->names, sort->key),
                  at_array_name(&p->names, sort->order), at_array_name(&p->names, sort->spare),
                  at_c_value(p, v->operands[0], AT_C_CHOICE),
                  sort->falling ? at_c_value(p, v->operands[1], AT_C_CHOICE) : "false");
        return;
    }
    case AT_TILE_REQUIRE: {
        at_c_line(p, "if (!(%s)) {", at_c_value(p, v->operands[0], AT_C_CHOICE));
        p->indent++;
        const char *shown = at_c_value(p, v->operands[1], AT_C_CHOICE), *other = "0";
        if (v->count > 2) other = at_c_value(p, v->operands[2], AT_C_CHOICE);
        p->indent--;
        print_failure(p, new_fault(p, v->site, shown, other));
        return;
    }
    case AT_TILE_ATTEMPT: print_attempt(p, v); return;
    case AT_TILE_CHECK: print_check(p, v); return;
    case AT_TILE_PICK: at_c_pick(p, v); return;
    case AT_TILE_RUN: at_c_run(p, v); return;
    case AT_TILE_INHERIT: {
        const char *fault = name;
        const char *faulty = "";
        if (v->count) {
            const char *faults = at_fault_name(&p->names, v->array);
            bool own = at_is_target(p->nest->nest->pass, v->array);
            faulty = at_format(p->s->arena, "%s && ", own ? "known" : faults);
            fault = at_format(p->s->arena, "%s[%s]", faults,
                              at_c_value(p, v->operands[0], AT_C_CHOICE));
        }
        at_c_line(p, "if (%s%s.site != 0) {", faulty, fault);
        print_failure(p, fault);
        return;
    }
    default: return; /* a value: written where it is used */
    }
}

/* An effect on each of the vectors that a round works on. */
void at_c_effect(at_printer *p, const at_value *v) {
    if (at_tile_op_gives(v->op)) return;
    if (p->copies <= 1) {
        print_effect(p, v);
        return;
    }
    for (p->copy = 0; p->copy < p->copies; p->copy++) print_effect(p, v);
    p->copy = 0;
}
