/* A second, independent reader of printed expressions, written from the language's page and the
 * conversion rule at the head of print_expr.c, not from the printer: what it reads back must be the
 * tree that was printed. It is strict: an operator that binds less than its place allows is an
 * error, so a missing pair of parentheses never passes. Names are looked up among the world's axes
 * and arrays. */
#ifndef IR_READER_H
#define IR_READER_H

#include "ir_fixture.h"

enum { PAIRS = 256 };

typedef struct {
    world *w;
    const char *text, *at;
    bool failed;
    int pair_count; /* of parentheses that only group */
    struct {
        size_t open, close;
    } pairs[PAIRS];
} reader;

static const at_expr *read_level(reader *r, int level);

static const at_expr *wrong(reader *r) {
    r->failed = true;
    return I(r->w, 0);
}

static bool begins_word(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

/* Eats `piece` after spaces; a word only as a whole. */
static bool eat(reader *r, const char *piece) {
    const char *at = r->at + strspn(r->at, " ");
    size_t n = strlen(piece);
    if (strncmp(at, piece, n) != 0) return false;
    if (begins_word(piece[0]) && begins_word(at[n])) return false;
    r->at = at + n;
    return true;
}

static void expect(reader *r, const char *piece) {
    if (!eat(r, piece)) r->failed = true;
}

static size_t word(reader *r, char *buffer) {
    r->at += strspn(r->at, " ");
    size_t n = strspn(r->at, "abcdefghijklmnopqrstuvwxyz_0123456789");
    if (!begins_word(*r->at) || n > 30) n = 0;
    memcpy(buffer, r->at, n);
    buffer[n] = 0;
    r->at += n;
    return n;
}

static const at_axis *find_axis(reader *r, const char *name) {
    for (int i = 0; i < r->w->cascade.axis_count; i++)
        if (!strcmp(r->w->axes[i]->name, name)) return r->w->axes[i];
    return NULL;
}

static const at_expr *if_real(world *w, const at_expr *e) {
    return e->kind == AT_INT ? at_as_real(w->s, e) : e;
}

/* An operation on arguments as written: ints become reals where the language says so. */
static const at_expr *apply(reader *r, at_op op, const at_expr **args) {
    const at_op_row *row = at_op_info(op);
    int first = row->rule == AT_RULE_CHOOSE ? 1 : 0;
    bool real = row->rule == AT_RULE_REAL;
    if (row->rule == AT_RULE_SAME || row->rule == AT_RULE_COMPARE || first)
        for (int i = first; i < row->arity; i++) real |= args[i]->kind == AT_REAL;
    for (int i = first; real && i < row->arity; i++) args[i] = if_real(r->w, args[i]);
    /* A maker stops the program on wrong kinds; here they only mean that the text was wrong. */
    for (int i = first + 1; i < row->arity; i++)
        if (args[i]->kind != args[first]->kind) return wrong(r);
    at_kind kind = args[first]->kind;
    bool ordered = row->rule == AT_RULE_COMPARE && op != AT_OP_EQ && op != AT_OP_NE;
    if ((row->rule == AT_RULE_SAME || ordered) && kind == AT_BOOL) return wrong(r);
    if (row->rule == AT_RULE_INT && kind != AT_INT) return wrong(r);
    if (row->rule == AT_RULE_REAL && kind != AT_REAL) return wrong(r);
    if (row->rule == AT_RULE_LOGIC && kind != AT_BOOL) return wrong(r);
    if (row->rule == AT_RULE_TO_INT && kind == AT_BOOL) return wrong(r);
    if (row->rule == AT_RULE_CHOOSE && args[0]->kind != AT_BOOL) return wrong(r);
    return at_map_node(r->w->s, op, args[0], args[1], args[2], at_no_span());
}

static const at_expr *read_number(reader *r) {
    char *end, *real_end;
    int64_t whole = strtoll(r->at, &end, 10);
    double real = strtod(r->at, &real_end);
    bool is_real = real_end > end;
    r->at = real_end;
    return is_real ? R(r->w, real) : I(r->w, whole);
}

static const at_expr *read_fold(reader *r, at_fold fold) {
    at_axis *axes[8];
    int count = 0;
    do {
        char name[32];
        word(r, name);
        const at_axis *axis = find_axis(r, name);
        if (!axis || count == 8) return wrong(r);
        axes[count++] = r->w->axes[axis->id];
    } while (eat(r, ","));
    const at_expr *guard = eat(r, "where") ? read_level(r, 0) : NULL;
    expect(r, "]");
    expect(r, "(");
    const at_expr *body = read_level(r, 0);
    expect(r, ")");
    if (r->failed || (guard && guard->kind != AT_BOOL)) return wrong(r);
    at_gives gives = at_fold_info(fold)->gives;
    if (gives == AT_GIVES_REAL) body = if_real(r->w, body);
    if ((body->kind == AT_BOOL) != (gives == AT_GIVES_BOOL) && fold != AT_FOLD_COUNT)
        return wrong(r);
    return at_fold_node(r->w->s, fold, axes, count, guard, body, at_no_span());
}

static const at_expr *read_call(reader *r, int op) {
    const at_expr *args[3] = {0};
    for (int i = 0; i < at_op_info((at_op)op)->arity; i++) {
        if (i) expect(r, ",");
        args[i] = read_level(r, 0);
    }
    expect(r, ")");
    return r->failed ? wrong(r) : apply(r, (at_op)op, args);
}

static const at_expr *read_array(reader *r, const at_array *array) {
    const at_expr **index = AT_NEW_ARRAY(r->w->s->arena, const at_expr *, array->rank);
    const at_expr *alternative = NULL;
    if (array->rank) {
        expect(r, "[");
        for (int i = 0; i < array->rank; i++) {
            if (i) expect(r, ",");
            index[i] = read_level(r, 0);
            if (index[i]->kind != AT_INT) return wrong(r);
        }
        if (eat(r, "|")) alternative = read_level(r, 0);
        expect(r, "]");
    }
    if (r->failed || (alternative && alternative->kind != array->kind)) return wrong(r);
    return at_read(r->w->s, array, index, alternative, at_no_span());
}

static const at_expr *read_word(reader *r) {
    char name[32];
    if (!word(r, name)) return wrong(r);
    if (!strcmp(name, "true") || !strcmp(name, "false")) return B(r->w, name[0] == 't');
    if (!strcmp(name, "inf")) return R(r->w, __builtin_inf());
    if (!strcmp(name, "size")) {
        expect(r, "(");
        word(r, name);
        expect(r, ")");
        const at_axis *axis = find_axis(r, name);
        return axis ? S(r->w, axis) : wrong(r);
    }
    if (at_fold_find(name) >= 0 && eat(r, "["))
        return read_fold(r, (at_fold)at_fold_find(name));
    if (at_op_find(name) >= 0 && eat(r, "(")) return read_call(r, at_op_find(name));
    const at_axis *axis = find_axis(r, name);
    if (axis) return X(r->w, axis);
    for (int i = 0; i < r->w->cascade.array_count; i++)
        if (!strcmp(r->w->arrays[i]->name, name)) return read_array(r, r->w->arrays[i]);
    return wrong(r);
}

static const at_expr *read_group(reader *r) {
    size_t open = (size_t)(r->at - r->text) - 1;
    const at_expr *e = read_level(r, 0);
    expect(r, ")");
    if (r->failed || r->pair_count == PAIRS) return wrong(r);
    r->pairs[r->pair_count].open = open;
    r->pairs[r->pair_count++].close = (size_t)(r->at - r->text) - 1;
    return e;
}

static const at_expr *read_first(reader *r, int level) {
    const at_expr *args[3] = {0};
    if (eat(r, "(")) return read_group(r);
    if (eat(r, "-")) {
        if (level > 80) return wrong(r);
        args[0] = read_level(r, 80);
        return r->failed ? wrong(r) : apply(r, AT_OP_NEG, args);
    }
    if (eat(r, "not")) {
        if (level > 40) return wrong(r);
        args[0] = read_level(r, 40);
        return r->failed ? wrong(r) : apply(r, AT_OP_NOT, args);
    }
    if (eat(r, "if")) {
        if (level > 10) return wrong(r);
        args[0] = read_level(r, 0);
        expect(r, "then");
        args[1] = read_level(r, 0);
        expect(r, "else");
        args[2] = read_level(r, 0);
        return r->failed ? wrong(r) : apply(r, AT_OP_IF, args);
    }
    r->at += strspn(r->at, " ");
    return *r->at >= '0' && *r->at <= '9' ? read_number(r) : read_word(r);
}

/* The infix operator ahead, the longest that fits; AT_OPS for none. */
static at_op infix(reader *r) {
    static const at_op order[] = {AT_OP_IDIV, AT_OP_DIV, AT_OP_MUL, AT_OP_MOD, AT_OP_ADD, AT_OP_SUB,
                                  AT_OP_EQ, AT_OP_NE, AT_OP_LE, AT_OP_GE, AT_OP_LT, AT_OP_GT,
                                  AT_OP_POW, AT_OP_AND, AT_OP_OR};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (eat(r, at_op_info(order[i])->text)) return order[i];
    return AT_OPS;
}

static const at_expr *read_level(reader *r, int level) {
    const at_expr *left = read_first(r, level);
    bool compared = false;
    while (!r->failed) {
        const char *before = r->at;
        at_op op = infix(r);
        int binds = op == AT_OPS ? -1 : at_op_info(op)->level;
        if (binds < level) {
            r->at = before;
            return left;
        }
        bool compares = at_op_info(op)->rule == AT_RULE_COMPARE;
        if (compares && compared) return wrong(r);
        compared = compares;
        const at_expr *args[3] = {left, read_level(r, op == AT_OP_POW ? 80 : binds + 1), NULL};
        if (!r->failed) left = apply(r, op, args);
    }
    return left;
}

/* The tree that `text` stands for; NULL when it is none. */
static const at_expr *read_back(world *w, const char *text, reader *r) {
    *r = (reader){.w = w, .text = text, .at = text};
    const at_expr *e = read_level(r, 0);
    return r->failed || *r->at ? NULL : e;
}

#endif
