/* Mutants of operations: terms and factors left out, comparisons shifted, choices decided.
 *
 * Of changes that the same laws would notice only the subtlest is made: `1 - g` becomes `2 - g` and
 * not
 * `-g`, `i <= j` becomes `i < j` and not `i > j`. */
#include "check/mutant_int.h"

bool at_is_literal(const at_tree *tree) {
    if (tree->tag == AT_T_OP && tree->op == AT_OP_NEG) tree = tree->args[0];
    return tree->tag == AT_T_NUMBER;
}

static bool is_operation(const at_tree *tree, at_op a, at_op b) {
    return tree->tag == AT_T_OP && (tree->op == a || tree->op == b);
}

/* What `a op b op c` leaves out one by one: the right operand, and the left one at the end of the
 * chain. */
static bool begins_chain(const at_tree *tree, at_op a, at_op b) {
    return !is_operation(tree->args[0], a, b);
}

/* Numbers that are changed themselves need not be left out as well. */
static bool is_changed(const at_tree *tree, at_mutant_place place) {
    return at_is_literal(tree) &&
           (place.values || (tree->tag == AT_T_NUMBER && tree->is_real));
}

static void leave_out(at_mutation *m, const at_tree *tree, const at_tree *left_out, at_tree *to,
                      const char *what) {
    at_mutate(m, tree, to, left_out->span, "without the %s `%s`", what,
              at_tree_text(m->s, left_out));
}

static void becomes(at_mutation *m, const at_tree *tree, at_tree *to) {
    at_mutate(m, tree, to, tree->span, "`%s` becomes `%s`", at_tree_text(m->s, tree),
              at_tree_text(m->s, to));
}

/* ---- sums and products ----------------------------------------------------------------------- */

/* Numbers are changed themselves, and so are the products of an index. */
static bool stays(const at_tree *term, at_mutant_place place) {
    return at_is_literal(term) || (place.index && is_operation(term, AT_OP_MUL, AT_OP_MUL));
}

static void mutate_sum(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_tree *a = tree->args[0], *b = tree->args[1];
    bool subtracted = tree->op == AT_OP_SUB;
    /* x[t-1] is shifted, where that can be noticed. */
    if (place.index && (at_is_literal(a) || at_is_literal(b))) return;
    if (!stays(b, place)) leave_out(m, tree, b, a, "term");
    if (!begins_chain(tree, AT_OP_ADD, AT_OP_SUB) || stays(a, place)) return;
    if (!subtracted) leave_out(m, tree, a, b, "term");
    else if (place.values)
        leave_out(m, tree, a, at_new_operation(m->s, tree, AT_OP_NEG, b, NULL), "term");
    /* In a guard, -j < w is always true and says less than the other direction, j - i < w. As an
     * index it reads outside. */
    else if (!place.index && !place.even)
        becomes(m, tree, at_new_operation(m->s, tree, AT_OP_SUB, b, a));
}

/* x[h*4 + i] becomes x[h+i], which reads the right number of elements in a wrong order. */
static void mutate_stride(at_mutation *m, const at_tree *tree) {
    at_tree *a = tree->args[0], *b = tree->args[1];
    bool first = a->tag != AT_T_NAME && b->tag == AT_T_NAME;
    leave_out(m, tree, first ? a : b, first ? b : a, "factor");
}

static void mutate_product(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_tree *a = tree->args[0], *b = tree->args[1];
    bool divided = tree->op == AT_OP_DIV;
    if (place.index && !divided) {
        mutate_stride(m, tree);
        return;
    }
    if (!is_changed(b, place)) leave_out(m, tree, b, a, divided ? "divisor" : "factor");
    if (!begins_chain(tree, AT_OP_MUL, AT_OP_DIV) || is_changed(a, place)) return;
    if (divided)
        b = at_new_operation(m->s, tree, AT_OP_DIV, at_new_number(m->s, a, false, 0, 1), b);
    leave_out(m, tree, a, b, "factor");
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static at_tree *with_op(at_mutation *m, const at_tree *tree, at_op op) {
    at_tree *copy = at_copy_tree(m->s, tree);
    copy->op = op;
    return copy;
}

static at_op shifted(at_op op) {
    switch (op) {
    case AT_OP_LT: return AT_OP_LE;
    case AT_OP_LE: return AT_OP_LT;
    case AT_OP_GT: return AT_OP_GE;
    default: return AT_OP_GT;
    }
}

static at_op turned(at_op op) {
    switch (op) {
    case AT_OP_LT: return AT_OP_GT;
    case AT_OP_LE: return AT_OP_GE;
    case AT_OP_GT: return AT_OP_LT;
    case AT_OP_GE: return AT_OP_LE;
    case AT_OP_EQ: return AT_OP_NE;
    default: return AT_OP_EQ;
    }
}

/* Between ints the bound moves by one. Drawn reals never meet, so between them a number changes, or
 * the direction where nothing else would. */
static void mutate_comparison(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    const at_tree *a = tree->args[0], *b = tree->args[1];
    int left = at_tree_kind(m, a), right = at_tree_kind(m, b);
    bool reals = left == AT_REAL || right == AT_REAL,
         literal = at_is_literal(a) || at_is_literal(b);
    bool equality = tree->op == AT_OP_EQ || tree->op == AT_OP_NE;
    if (!equality && !reals) becomes(m, tree, with_op(m, tree, shifted(tree->op)));
    else if (!literal && !place.droppable) becomes(m, tree, with_op(m, tree, turned(tree->op)));
    place.values = reals || (equality && literal);
    place.droppable = false;
    for (int i = 0; i < 2; i++) at_mutate_tree(m, tree->args[i], place);
}

static void mutate_logic(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_op op = tree->op;
    leave_out(m, tree, tree->args[1], tree->args[0], op == AT_OP_AND ? "condition" : "case");
    if (begins_chain(tree, op, op))
        leave_out(m, tree, tree->args[0], tree->args[1], op == AT_OP_AND ? "condition" : "case");
    place.droppable = true;
    at_mutate_tree(m, tree->args[0], place);
    place.guarded = true;
    at_mutate_tree(m, tree->args[1], place);
}

static void mutate_choice(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_mutant_place condition = {.guarded = place.guarded, .droppable = true};
    for (int i = 1; i < 3; i++)
        at_mutate(m, tree, tree->args[i], tree->span, "the `if` always gives `%s`",
                  at_tree_text(m->s, tree->args[i]));
    at_mutate_tree(m, tree->args[0], condition);
    /* Of `1` and `0` each always given says it all. */
    if (at_is_literal(tree->args[1]) && at_is_literal(tree->args[2])) return;
    place.guarded = true;
    place.droppable = false;
    for (int i = 1; i < 3; i++) at_mutate_tree(m, tree->args[i], place);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void mutate_arguments(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    place.droppable = false;
    for (int i = 0; i < tree->count; i++) at_mutate_tree(m, tree->args[i], place);
}

void at_mutate_operation(at_mutation *m, const at_tree *tree, at_mutant_place place) {
    at_tree *a = tree->args[0];
    place.call = false;
    switch (tree->op) {
    case AT_OP_ADD:
    case AT_OP_SUB: mutate_sum(m, tree, place); break;
    case AT_OP_MUL:
    case AT_OP_DIV: mutate_product(m, tree, place); break;
    case AT_OP_IDIV:
    case AT_OP_MOD:
        leave_out(m, tree, tree->args[1], a, tree->op == AT_OP_MOD ? "modulus" : "divisor");
        place.values = false;
        place.even = tree->op == AT_OP_MOD;
        break;
    case AT_OP_POW:
        if (!is_changed(tree->args[1], place)) leave_out(m, tree, tree->args[1], a, "exponent");
        break;
    case AT_OP_NEG: becomes(m, tree, a); break;
    case AT_OP_NOT:
        becomes(m, tree, a);
        place.droppable = true;
        at_mutate_tree(m, a, place);
        return;
    case AT_OP_AND:
    case AT_OP_OR: mutate_logic(m, tree, place); return;
    case AT_OP_IF: mutate_choice(m, tree, place); return;
    case AT_OP_LT:
    case AT_OP_LE:
    case AT_OP_GT:
    case AT_OP_GE:
    case AT_OP_EQ:
    case AT_OP_NE: mutate_comparison(m, tree, place); return;
    default: break;
    }
    mutate_arguments(m, tree, place);
}
