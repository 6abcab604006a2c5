/* Sizes in C: what follows from the open axes' extents, and what a program requires of them, by the
 * rules of ir/constant.c: ints are exact or have no value. */
#include "emit/module_int.h"

#include <inttypes.h>
#include <math.h>

static const char *int_function(at_op op, bool *checked) {
    *checked = true;
    switch (op) {
    case AT_OP_ADD: return "attend_size_add";
    case AT_OP_SUB: return "attend_size_sub";
    case AT_OP_MUL: return "attend_size_mul";
    case AT_OP_IDIV: return "attend_size_idiv";
    case AT_OP_MOD: return "attend_size_mod";
    case AT_OP_IPOW: return "attend_size_ipow";
    case AT_OP_ABS: return "attend_size_abs";
    default: *checked = false;
    }
    switch (op) {
    case AT_OP_SIGN: return "attend_size_sign";
    case AT_OP_MIN: return "attend_size_min";
    case AT_OP_MAX: return "attend_size_max";
    case AT_OP_CLAMP: return "attend_size_clamp";
    case AT_OP_STOP: return "";
    default: return NULL;
    }
}

static const char *real_function(at_op op) {
    switch (op) {
    case AT_OP_POW: return "pow";
    case AT_OP_EXP: return "exp";
    case AT_OP_LOG: return "log";
    case AT_OP_SQRT: return "sqrt";
    case AT_OP_RSQRT: return "1.0 / sqrt";
    case AT_OP_ABS: return "fabs";
    case AT_OP_FLOOR: return "floor";
    case AT_OP_CEIL: return "ceil";
    case AT_OP_ROUND: return "rint";
    case AT_OP_STOP: return "";
    default: return NULL;
    }
}

/* Operators that C has, for reals or for ints that cannot overflow by them. */
static const char *operator_of(at_op op, bool real) {
    switch (op) {
    case AT_OP_EQ: return "==";
    case AT_OP_NE: return "!=";
    case AT_OP_LT: return "<";
    case AT_OP_LE: return "<=";
    case AT_OP_GT: return ">";
    case AT_OP_GE: return ">=";
    case AT_OP_AND: return "&&";
    case AT_OP_OR: return "||";
    case AT_OP_ADD: return real ? "+" : NULL;
    case AT_OP_SUB: return real ? "-" : NULL;
    case AT_OP_MUL: return real ? "*" : NULL;
    case AT_OP_DIV: return "/";
    default: return NULL;
    }
}

static const char *text_of(at_module *m, const at_expr *e);

/* Arguments of reals become doubles. NULL: one of them has no form in C. */
static bool print_arguments(at_module *m, const at_expr *e, bool real, const char **args) {
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) {
        args[i] = text_of(m, e->u.map.args[i]);
        if (!args[i]) return false;
        if (real && e->u.map.args[i]->kind == AT_INT)
            args[i] = at_format(m->s->arena, "(double)%s", args[i]);
    }
    return true;
}

static const char *map_text(at_module *m, const at_expr *e) {
    at_op op = e->u.map.op;
    at_arena *arena = m->s->arena;
    int arity = at_op_info(op)->arity;
    bool real = e->kind == AT_REAL, checked = false;
    for (int i = 0; i < arity && op != AT_OP_IF; i++)
        real |= e->u.map.args[i]->kind == AT_REAL;
    const char *a[3] = {NULL, NULL, NULL};
    if (op == AT_OP_TO_INT)
        return e->u.map.args[0]->kind != AT_REAL ? text_of(m, e->u.map.args[0])
               : print_arguments(m, e, false, a)
                   ? at_format(arena, "attend_size_int(%s)", a[0]) : NULL;
    if (op == AT_OP_TO_REAL)
        return print_arguments(m, e, false, a) ? at_format(arena, "(double)%s", a[0]) : NULL;
    if (!print_arguments(m, e, real, a)) return NULL;
    if (op == AT_OP_IF) return at_format(arena, "(%s ? %s : %s)", a[0], a[1], a[2]);
    if (op == AT_OP_NOT) return at_format(arena, "!%s", a[0]);
    if (op == AT_OP_NEG)
        return at_format(arena, real ? "(-%s)" : "attend_size_sub(0, %s, &good)", a[0]);
    const char *symbol = operator_of(op, real);
    if (symbol) return at_format(arena, "(%s %s %s)", a[0], symbol, a[1]);
    const char *function = real ? real_function(op) : int_function(op, &checked);
    if (!function) return NULL;
    const char *text = at_format(arena, "%s(%s", function, a[0]);
    for (int i = 1; i < arity; i++) text = at_format(arena, "%s, %s", text, a[i]);
    return at_format(arena, "(%s%s))", text, checked ? ", &good" : "");
}

/* In parentheses, or one word. NULL: it has no form here. */
static const char *text_of(at_module *m, const at_expr *e) {
    at_arena *arena = m->s->arena;
    switch (e->tag) {
    case AT_CONST:
        if (e->kind == AT_BOOL) return e->u.integer ? "true" : "false";
        if (e->kind == AT_INT)
            return e->u.integer == INT64_MIN
                       ? "INT64_MIN"
                       : at_format(arena, "INT64_C(%" PRId64 ")", e->u.integer);
        if (isnan(e->u.real)) return "(double)NAN";
        if (isinf(e->u.real)) return e->u.real > 0 ? "(double)INFINITY" : "(-(double)INFINITY)";
        return at_format(arena, "(%.17g * 1.0)", e->u.real);
    case AT_SIZE: {
        const at_axis *axis = e->u.axis;
        while (axis->like) axis = axis->like;
        return at_format(arena, "extents[%d]", axis->id);
    }
    case AT_MAP: return map_text(m, e);
    case AT_INDEX:
    case AT_READ:
    case AT_FOLD_NODE: break;
    }
    return NULL;
}

static bool refuse(at_module *m, at_span span, const char *what) {
    at_error(m->s, AT_E_MODULE_SIZE, span, "%s cannot be written as C: it needs an operation that "
             "sizes in C do not have", what);
    return false;
}

static bool know_rounds(void *user, const at_statement *st) {
    int64_t *rounds = user;
    if (st->tag == AT_REPEAT) rounds[st->u.repeat.round->id] = st->u.repeat.count;
    return true;
}

/* Open axes first, then rounds, then what follows from them, then axes that are like others. */
static bool print_extents(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    int64_t *rounds = AT_NEW_ARRAY(m->s->arena, int64_t, c->axis_count + 1);
    at_walk_block(&c->body, know_rounds, rounds);
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *axis = c->axes[i];
        if (axis->round)
            at_text_addf(out, "    extents[%d] = %" PRId64 ";\n", axis->id, rounds[axis->id]);
        else if (at_module_is_open(axis))
            at_text_addf(out, "    extents[%d] = %s;\n", axis->id, at_size_name(&m->names, axis));
    }
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *axis = c->axes[i];
        if (axis->round || axis->like || !axis->extent) continue;
        const char *text = text_of(m, axis->extent);
        if (!text)
            return refuse(m, axis->span, at_format(m->s->arena, "the size of `%s`", axis->name));
        at_text_addf(out, "    extents[%d] = %s;\n", axis->id, text);
    }
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *root = c->axes[i];
        while (root->like) root = root->like;
        if (root != c->axes[i])
            at_text_addf(out, "    extents[%d] = extents[%d];\n", c->axes[i]->id, root->id);
    }
    return true;
}

static void print_checks(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    at_text_addf(out,
                 "    for (int i = 0; i < %d; i++)\n"
                 "        if (extents[i] < 0 || extents[i] > INT64_C(%" PRId64 ")) good = false;\n"
                 "    if (!good) return %d;\n",
                 c->axis_count, AT_AXIS_LIMIT, AT_MODULE_SIZE);
    for (int i = 0; i < c->axis_count; i++) {
        const at_axis *axis = c->axes[i];
        if (!at_module_is_open(axis) || axis->fixed < 0) continue;
        int status = at_module_status(
            m, at_format(m->s->arena, "axis `%s` was %" PRId64 " long when this was compiled",
                         axis->name, axis->fixed));
        at_text_addf(out, "    if (extents[%d] != %" PRId64 ") return %d;\n", axis->id, axis->fixed,
                     status);
    }
    for (int i = 0; i < m->plan->pass_count; i++) {
        const at_statement *st = m->plan->passes[i]->statement;
        if (st->tag != AT_TABLE) continue;
        const char *count = "1";
        for (int k = 0; k < st->target->rank; k++)
            count = at_format(m->s->arena, "attend_size_mul(%s, extents[%d], &good)", count,
                              st->target->axes[k]->id);
        int status = at_module_status(m, at_module_sentence(m, st->span, AT_E_RUN_TABLE));
        at_text_addf(out, "    if (%s != %d) return %d;\n", count, st->u.table.count, status);
    }
}

static bool print_requires(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    for (int i = 0; i < c->require_count; i++) {
        const at_require *require = &c->requires[i];
        const char *text = text_of(m, require->condition);
        if (!text) return refuse(m, require->span, "a requirement");
        const char *why = require->why ? at_format(m->s->arena, ": %s", require->why) : "";
        const char *sentence = at_module_sentence(m, require->span, AT_E_BIND_REQUIRE);
        int status = at_module_status(m, at_format(m->s->arena, "%s%s", sentence, why));
        at_text_addf(out, "    if (!%s || !good) return %d;\n", text, status);
    }
    return true;
}

bool at_module_print_sizes(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    at_text_addf(out, "\nstatic int %s_sizes(", m->name);
    for (int i = 0; i < c->axis_count; i++)
        if (at_module_is_open(c->axes[i]))
            at_text_addf(out, "int64_t %s, ", at_size_name(&m->names, c->axes[i]));
    at_text_add(out, "int64_t *extents) {\n    bool good = true;\n");
    if (!print_extents(m, out)) return false;
    print_checks(m, out);
    if (!print_requires(m, out)) return false;
    at_text_add(out, "    return 0;\n}\n");
    return true;
}
