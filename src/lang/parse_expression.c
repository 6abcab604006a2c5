/* Expressions, by precedence climbing over the levels of ops.def.
 *
 * What is wrong only in form (a chained comparison, an `if` without parentheses inside a sum) is
 * complained about and parsed all the same: the rest of the statement is then still looked at. */
#include "lang/lang_int.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL_IF = 10, LEVEL_NOT = 40, LEVEL_COMPARE = 50, LEVEL_SUM = 60, LEVEL_NEG = 80 };

static const struct {
    const char *text;
    int level, arity;
} ops[] = {
#define AT_OP(id, text, arity, rule, level, c, doc) {text, level, arity},
#include "ir/ops.def"
#undef AT_OP
};

int at_op_level(at_op op) { return ops[op].level; }
const char *at_op_symbol(at_op op) { return ops[op].text; }

bool at_is_function(const char *word) {
    for (int i = 0; i < AT_OPS; i++)
        if (ops[i].level == 0 && strcmp(ops[i].text, word) == 0) return true;
    return false;
}

/* The two-sided operation that a mark or word stands for, or AT_OPS. */
static at_op binary_op(at_token_kind kind) {
    if (kind == AT_TOKEN_MINUS) return AT_OP_SUB;
    if (kind < AT_TOKEN_AND) return AT_OPS;
    const char *text = at_token_kind_text(kind);
    for (int i = 0; i < AT_OPS; i++)
        if (ops[i].arity == 2 && ops[i].level > 0 && strcmp(ops[i].text, text) == 0)
            return (at_op)i;
    return AT_OPS;
}

at_op at_parser_comparison(const at_parser *p) {
    at_op op = binary_op(at_parser_peek(p));
    return op < AT_OPS && ops[op].level == LEVEL_COMPARE ? op : AT_OPS;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static at_tree *new_tree(at_parser *p, at_tree_tag tag, int from) {
    at_tree *tree = AT_NEW(p->session->arena, at_tree);
    tree->tag = tag;
    tree->span = tree->name_span = at_parser_span(p, from);
    tree->height = 1;
    return tree;
}

static void rise(at_tree *tree, const at_tree *below) {
    if (below && below->height >= tree->height) tree->height = below->height + 1;
}

/* Gives a finished node its span and height. Very high trees would overflow the stack of whatever
 * walks them. */
static at_tree *finish(at_parser *p, at_tree *tree, int from) {
    tree->span = at_span_join(tree->span, at_parser_span_from(p, from));
    for (int i = 0; i < tree->count; i++) rise(tree, tree->args[i]);
    rise(tree, tree->alternative);
    for (int i = 0; i < tree->option_count; i++) rise(tree, tree->options[i].value);
    for (int i = 0; i < tree->part_count; i++) {
        rise(tree, tree->parts[i].guard);
        rise(tree, tree->parts[i].body);
    }
    if (tree->height <= AT_HEIGHT) return tree;
    at_diag *diag = at_complain(p, from, AT_E_NESTING,
                                "this expression has more than %d operations in a row", AT_HEIGHT);
    at_hint(p->session, diag, "split it into several equations");
    return NULL;
}

static at_tree *operation(at_parser *p, at_op op, int sign, at_tree *a, at_tree *b, at_tree *c) {
    at_tree *tree = new_tree(p, AT_T_OP, sign);
    tree->op = op;
    tree->count = ops[op].arity;
    tree->args = AT_NEW_ARRAY(p->session->arena, at_tree *, tree->count);
    at_tree *args[] = {a, b, c};
    for (int i = 0; i < tree->count; i++) tree->args[i] = args[i];
    if (a->span.begin < tree->span.begin) tree->span.begin = a->span.begin;
    return finish(p, tree, sign);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* strtod for a C locale whatever the program's own: libraries may have changed it. */
static double read_real(const at_parser *p, const char *digits) {
    const char *point = localeconv()->decimal_point, *dot = strchr(digits, '.');
    if (!dot || strcmp(point, ".") == 0) return strtod(digits, NULL);
    return strtod(
        at_format(p->session->arena, "%.*s%s%s", (int)(dot - digits), digits, point, dot + 1),
        NULL);
}

static bool has_digit_above_zero(const char *digits) {
    for (; *digits && *digits != 'e'; digits++)
        if (*digits >= '1' && *digits <= '9') return true;
    return false;
}

/* One spelling for a number: no leading zeros, a small e, no plus. */
static const char *plain_number(at_parser *p, int token) {
    char *text = at_parser_text(p, token), *from = text, *to = text;
    while (*from == '0' && from[1] >= '0' && from[1] <= '9') from++;
    for (; *from; from++) {
        if (*from == '+') continue;
        *to++ = *from == 'E' ? 'e' : *from;
    }
    *to = 0;
    return text;
}

static at_tree *parse_number(at_parser *p) {
    at_tree *tree = new_tree(p, AT_T_NUMBER, p->at);
    bool sound = !p->tokens[p->at].said;
    const char *digits = sound ? plain_number(p, p->at) : "1";
    tree->name = digits;
    tree->is_real = strpbrk(digits, ".e") != NULL;
    errno = 0;
    if (tree->is_real) {
        tree->real = read_real(p, digits);
        if (isinf(tree->real)) {
            at_diag *diag = at_complain(p, p->at, AT_E_NUMBER_RANGE,
                                        "this number is larger than any real (1.8e308)");
            at_hint(p->session, diag, "infinity is written `inf`");
        } else if (tree->real == 0 && has_digit_above_zero(digits)) {
            at_complain(p, p->at, AT_E_NUMBER_RANGE,
                        "this number is nearer to 0 than any real but 0 (4.9e-324)");
        }
    } else {
        tree->integer = strtoll(digits, NULL, 10);
        if (errno == ERANGE) {
            at_diag *diag = at_complain(p, p->at, AT_E_NUMBER_RANGE,
                                        "ints have 64 bits: this one is larger than %lld",
                                        (long long)INT64_MAX);
            at_hint(p->session, diag, "with a point it is a real: `%.30s%s.0`", digits,
                    strlen(digits) > 30 ? "…" : "");
        }
    }
    at_parser_advance(p);
    return tree;
}

/* inf, pi and training, where they are not quoted. */
static at_tree *parse_constant(at_parser *p) {
    bool inf = at_parser_sees_word(p, "inf"), pi = at_parser_sees_word(p, "pi");
    if (!inf && !pi && !at_parser_sees_word(p, "training")) return NULL;
    at_tree *tree = new_tree(p, inf || pi ? AT_T_NUMBER : AT_T_TRAINING, p->at);
    if (inf || pi) {
        tree->name = inf ? "inf" : "pi";
        tree->is_real = true;
        tree->real = inf ? (double)INFINITY : acos(-1.0);
    }
    at_parser_advance(p);
    return tree;
}

/* ---- lists in brackets ----------------------------------------------------------------------- */

typedef struct {
    at_tree **items;
    int count, capacity;
} tree_list;

static at_tree *parse_index_item(at_parser *p) {
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_COLON) {
        at_tree *keep = new_tree(p, AT_T_KEEP, p->at);
        at_parser_advance(p);
        return keep;
    }
    if (kind == AT_TOKEN_COMMA || kind == AT_TOKEN_RIGHT_BRACKET || kind == AT_TOKEN_BAR) {
        at_complain_expected(p, "an index");
        return NULL;
    }
    return at_parse_expression(p);
}

/* name[i, j+1, : | alternative] */
static at_tree *parse_index(at_parser *p, int from) {
    at_tree *tree = new_tree(p, AT_T_INDEX, from);
    tree_list list = {0};
    tree->name = at_parser_text(p, from);
    int open = p->at;
    at_parser_open(p, AT_TOKEN_LEFT_BRACKET);
    if (at_is_function(tree->name) && p->tokens[from].kind != AT_TOKEN_QUOTED) {
        at_diag *diag =
            at_complain(p, open, AT_E_BRACKETS, "`%s` is a function, not an array", tree->name);
        at_hint(p->session, diag, "a function is called with ( ): `%s(…)`", tree->name);
    }
    do {
        at_tree *item = parse_index_item(p);
        if (!item) return NULL;
        AT_PUSH(p->session->arena, list.items, list.count, list.capacity, item);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    tree->args = list.items;
    tree->count = list.count;
    if (at_parser_take(p, AT_TOKEN_BAR) && !(tree->alternative = at_parse_expression(p)))
        return NULL;
    if (tree->alternative && at_parser_peek(p) == AT_TOKEN_COMMA) {
        at_diag *diag = at_complain(p, p->at, AT_E_EXPECTED,
                                    "the alternative of a read stands last, after all its indices");
        at_hint(p->session, diag, "write `x[i-1, j | 0]`");
        return NULL;
    }
    if (!at_parser_close(p, open, tree->alternative ? "`]`" : "`,` or `]`")) return NULL;
    return finish(p, tree, from);
}

/* `f(x, scale = 1)`: an option where only arrays may stand; it is read as one. */
static bool is_option_among_arguments(at_parser *p, int from) {
    if (at_parser_peek(p) != AT_TOKEN_ASSIGN) return false;
    at_diag *diag = at_complain(p, p->at, AT_E_OPTION, "options stand after `;`");
    diag->span = at_parser_span_from(p, from);
    at_hint(p->session, diag, "write `f(x; scale = 1)`; to compare two values use `==`");
    at_parser_advance(p);
    return true;
}

static bool parse_arguments(at_parser *p, tree_list *list) {
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_RIGHT_PAREN || kind == AT_TOKEN_SEMICOLON) return true;
    do {
        int from = p->at;
        at_tree *item = at_parse_expression(p);
        if (item && is_option_among_arguments(p, from)) item = at_parse_expression(p);
        if (!item) return false;
        AT_PUSH(p->session->arena, list->items, list->count, list->capacity, item);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

/* name(arguments; options) */
static at_tree *parse_call(at_parser *p, int from) {
    at_tree *tree = new_tree(p, AT_T_CALL, from);
    tree_list list = {0};
    tree->name = at_parser_text(p, from);
    int open = p->at;
    at_parser_open(p, AT_TOKEN_LEFT_PAREN);
    if (!parse_arguments(p, &list)) return NULL;
    tree->args = list.items;
    tree->count = list.count;
    if (at_parser_take(p, AT_TOKEN_SEMICOLON)) {
        tree->has_options = true;
        if (!at_parse_options(p, &tree->options, &tree->option_count, false)) return NULL;
    }
    if (!at_parser_close(p, open, tree->has_options ? "`,` or `)`" : "`,`, `;` or `)`"))
        return NULL;
    return finish(p, tree, from);
}

/* ---- operations over axes -------------------------------------------------------------------- */

static bool parse_bound(at_parser *p, at_bound *bound, const char *word) {
    if (at_parser_peek(p) == AT_TOKEN_RIGHT_BRACKET || at_parser_peek(p) == AT_TOKEN_WHERE) {
        at_diag *diag = at_complain(p, p->at, AT_E_FOLD_AXES, "`%s` names no axis", word);
        at_hint(p->session, diag, "write the axes to run over: `%s[j](…)`", word);
        return false;
    }
    if (at_parser_peek(p) == AT_TOKEN_NUMBER ||
        (at_parser_peek(p) == AT_TOKEN_MINUS && at_parser_peek_second(p) == AT_TOKEN_NUMBER)) {
        at_diag *diag = at_complain(p, p->at, AT_E_FOLD_AXES, "axes have names, not numbers");
        at_hint(p->session, diag, "write the index that runs: `%s[j](x[i,j])`", word);
        return false;
    }
    bound->name = at_parser_name(p, "an axis", &bound->span);
    if (!bound->name) return false;
    if (at_parser_sees_word(p, "down")) {
        bound->down = true;
        at_parser_advance(p);
    }
    return true;
}

/* j, k down where guard */
static bool parse_part(at_parser *p, at_tree_part *part, const char *word) {
    int capacity = 0;
    do {
        at_bound bound = {0};
        if (!parse_bound(p, &bound, word)) return false;
        AT_PUSH(p->session->arena, part->bound, part->count, capacity, bound);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    if (at_parser_take(p, AT_TOKEN_WHERE)) return (part->guard = at_parse_expression(p)) != NULL;
    at_token_kind kind = at_parser_peek(p);
    at_diag *diag = NULL;
    if (at_parser_comparison(p) < AT_OPS || kind == AT_TOKEN_ASSIGN || kind == AT_TOKEN_BAR ||
        kind == AT_TOKEN_IF || kind == AT_TOKEN_COLON) {
        diag = at_complain(p, p->at, AT_E_FOLD_AXES, "expected `where`, `,` or `]`, found %s",
                           at_parser_shown(p));
        at_hint(p->session, diag,
                "a condition on the indices follows `where`: `%s[%s where %s < n](…)`", word,
                part->bound[0].name, part->bound[0].name);
    } else if (kind == AT_TOKEN_LEFT_PAREN || kind == AT_TOKEN_LEFT_BRACKET ||
               (kind >= AT_TOKEN_ARROW && binary_op(kind) < AT_OPS)) {
        diag = at_complain(p, p->at, AT_E_FOLD_AXES, "between [ ] stand the axes of `%s`", word);
        at_hint(p->session, diag, "the values follow in parentheses: `%s[j](…)`", word);
    }
    return !diag;
}

static bool parse_bodies(at_parser *p, at_tree *tree) {
    int open = p->at;
    if (!at_parser_open(p, AT_TOKEN_LEFT_PAREN)) {
        at_diag *diag =
            at_complain(p, p->at, AT_E_FOLD_AXES, "expected `(` after the axes of `%s`, found %s",
                        tree->name, at_parser_shown(p));
        diag->span = at_parser_here(p);
        at_hint(p->session, diag, "what it runs over stands in parentheses: `%s[j](x[j])`",
                tree->name);
        return false;
    }
    int n = 0;
    do {
        at_tree *body = at_parse_expression(p);
        if (!body) return false;
        if (n < tree->part_count) tree->parts[n].body = body;
        n++;
    } while (at_parser_take(p, AT_TOKEN_SEMICOLON));
    if (!at_parser_close(p, open, tree->part_count > n ? "`;`" : "`)`")) return false;
    if (n == tree->part_count) return true;
    at_diag *diag = at_complain(p, open, AT_E_FOLD_AXES, "`%s` has %d part%s in [ ] but %d in ( )",
                                tree->name, tree->part_count, tree->part_count == 1 ? "" : "s", n);
    diag->span = at_parser_span_from(p, open);
    at_hint(p->session, diag, "every part has its axes and its values: `%s[j; m](s[i,j]; t[i,m])`",
            tree->name);
    return false;
}

/* op[axes where guard; …](body; …) */
static at_tree *parse_fold(at_parser *p, int from) {
    at_tree *tree = new_tree(p, AT_T_FOLD, from);
    tree->name = at_parser_text(p, from);
    int open = p->at, capacity = 0;
    at_parser_open(p, AT_TOKEN_LEFT_BRACKET);
    do {
        at_tree_part part = {0};
        if (!parse_part(p, &part, tree->name)) return NULL;
        AT_PUSH(p->session->arena, tree->parts, tree->part_count, capacity, part);
    } while (at_parser_take(p, AT_TOKEN_SEMICOLON));
    bool guarded = tree->parts[tree->part_count - 1].guard != NULL;
    if (!at_parser_close(p, open, guarded ? "`]`" : "`where`, `,` or `]`")) return NULL;
    if (!parse_bodies(p, tree)) return NULL;
    return finish(p, tree, from);
}

/* Whether the word was refused as a name before: its uses then are no news. */
static bool was_refused(const at_parser *p, const char *word) {
    for (int i = 0; i < p->session->diag_count; i++) {
        const at_diag *diag = p->session->diags[i];
        size_t length = diag->span.end - diag->span.begin;
        if (diag->code == AT_E_RESERVED && diag->span.source && strlen(word) == length &&
            strncmp(diag->span.source->text + diag->span.begin, word, length) == 0)
            return true;
    }
    return false;
}

/* A word like `sum` that is not followed by its axes. */
static at_tree *complain_fold(at_parser *p, int from, const char *word) {
    if (was_refused(p, word)) return NULL;
    at_diag *diag = at_complain(p, from, AT_E_FOLD_AXES, "`%s` needs its axes", word);
    at_hint(p->session, diag, "write `%s[j](…)`, where j is the index that it runs over", word);
    return NULL;
}

static bool is_min_or_max(const char *word) {
    return strcmp(word, "max") == 0 || strcmp(word, "min") == 0;
}

static at_tree *parse_fold_word(at_parser *p, int from, const char *word) {
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_LEFT_BRACKET) return parse_fold(p, from);
    if (kind != AT_TOKEN_LEFT_PAREN || !is_min_or_max(word)) return complain_fold(p, from, word);
    at_tree *call = parse_call(p, from);
    if (call && call->count == 1) {
        at_diag *diag = at_complain(p, from, AT_E_FOLD_AXES,
                                    "`%s` takes two values, or an axis to run over", word);
        at_hint(p->session, diag, "write `%s(a, b)`, or `%s[j](…)` with the index it runs over",
                word, word);
    }
    return call;
}

/* ---- primary --------------------------------------------------------------------------------- */

static at_tree *parse_name(at_parser *p) {
    int from = p->at;
    bool quoted = p->tokens[from].kind == AT_TOKEN_QUOTED;
    if (!quoted) {
        at_tree *constant = parse_constant(p);
        if (constant) return constant;
    }
    at_tree *tree = new_tree(p, AT_T_NAME, from);
    tree->name = at_parser_text(p, from);
    at_parser_advance(p);
    if (!quoted && at_is_fold(tree->name)) return parse_fold_word(p, from, tree->name);
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_LEFT_BRACKET) return parse_index(p, from);
    if (kind == AT_TOKEN_LEFT_PAREN) return parse_call(p, from);
    return tree;
}

/* grad, stop and size: reserved, and called. */
static at_tree *parse_word_call(at_parser *p) {
    int from = p->at;
    const char *word = at_token_kind_text((at_token_kind)p->tokens[from].kind);
    at_parser_advance(p);
    if (at_parser_peek(p) == AT_TOKEN_LEFT_PAREN) return parse_call(p, from);
    at_diag *diag = at_complain(p, p->at, AT_E_BRACKETS, "expected `(` after `%s`, found %s", word,
                                at_parser_shown(p));
    diag->span = at_parser_here(p);
    at_hint(p->session, diag, "%s",
            strcmp(word, "size") == 0   ? "the extent of an axis: `size(d)`"
            : strcmp(word, "stop") == 0 ? "a value with no gradient through it: `stop(x)`"
                                        : "a derivative: `grad(loss, x)`");
    return NULL;
}

static at_tree *parse_parens(at_parser *p) {
    int from = p->at;
    at_parser_open(p, AT_TOKEN_LEFT_PAREN);
    if (at_parser_peek(p) == AT_TOKEN_RIGHT_PAREN) {
        at_complain(p, p->at, AT_E_EXPECTED, "there is nothing between these parentheses");
        return NULL;
    }
    at_tree *tree = at_parse_expression(p);
    if (tree && at_parser_peek(p) == AT_TOKEN_COMMA) {
        at_diag *diag = at_complain(p, p->at, AT_E_EXPECTED, "expected `)`, found `,`");
        at_hint(p->session, diag,
                "there are no tuples; a list of constants is written `table(1, 2, 4)`");
        return NULL;
    }
    if (!tree || !at_parser_close(p, from, "`)`")) return NULL;
    tree->parens = true;
    tree->span = at_parser_span_from(p, from);
    return tree;
}

static at_tree *parse_primary_alone(at_parser *p) {
    switch (at_parser_peek(p)) {
    case AT_TOKEN_NUMBER: return parse_number(p);
    case AT_TOKEN_NAME:
    case AT_TOKEN_QUOTED: return parse_name(p);
    case AT_TOKEN_GRAD:
    case AT_TOKEN_STOP:
    case AT_TOKEN_SIZE: return parse_word_call(p);
    case AT_TOKEN_LEFT_PAREN: return parse_parens(p);
    case AT_TOKEN_TRUE:
    case AT_TOKEN_FALSE: {
        at_tree *tree = new_tree(p, AT_T_BOOL, p->at);
        tree->integer = at_parser_take(p, AT_TOKEN_TRUE);
        if (!tree->integer) at_parser_advance(p);
        return tree;
    }
    default: at_complain_expected(p, "a value"); return NULL;
    }
}

static at_tree *parse_primary(at_parser *p) {
    at_tree *tree = parse_primary_alone(p);
    p->value_end = p->at;
    at_token_kind kind = at_parser_peek(p);
    if (!tree || (kind != AT_TOKEN_LEFT_BRACKET && kind != AT_TOKEN_LEFT_PAREN)) return tree;
    at_diag *diag;
    if (kind == AT_TOKEN_LEFT_BRACKET) {
        diag =
            at_complain(p, p->at, AT_E_BRACKETS, "only an array with a name can be read with [ ]");
        if (tree->tag == AT_T_INDEX)
            at_hint(p->session, diag, "indices stand in one pair of brackets: `%s[i,j]`",
                    tree->name);
        else at_hint(p->session, diag, "give it a name in an equation of its own, then read that");
    } else {
        diag = at_complain(p, p->at, AT_E_BRACKETS, "only a function with a name can be called");
        at_hint(p->session, diag, "a product is written with `*`");
    }
    return NULL;
}

/* ---- operators ------------------------------------------------------------------------------- */

static at_tree *parse_binary(at_parser *p, int level);

/* if c then a else b */
static at_tree *parse_if(at_parser *p, int level) {
    int from = p->at;
    at_parser_advance(p);
    if (level > LEVEL_IF) {
        at_diag *diag =
            at_complain(p, from, AT_E_IF, "an `if` inside an operation needs parentheses");
        at_hint(p->session, diag, "write `(if c then a else b)`");
    }
    at_tree *condition = at_parse_expression(p);
    if (!condition) return NULL;
    if (at_parser_peek(p) == AT_TOKEN_LEFT_BRACE) {
        at_diag *diag = at_complain(p, p->at, AT_E_IF, "expected `then`, found `{`");
        at_hint(p->session, diag, "a choice between values is written `if c then a else b`");
        return NULL;
    }
    if (!at_parser_expect(p, AT_TOKEN_THEN, "`then`")) return NULL;
    at_tree *yes = at_parse_expression(p);
    if (!yes) return NULL;
    if (!at_parser_take(p, AT_TOKEN_ELSE)) {
        at_diag *diag = at_complain(p, from, AT_E_IF, "this `if` has no `else`");
        at_hint(p->session, diag, "every element needs a value: `if c then a else 0`");
        return NULL;
    }
    at_tree *no = at_parse_expression(p);
    return no ? operation(p, AT_OP_IF, from, condition, yes, no) : NULL;
}

static at_tree *parse_prefix(at_parser *p, int level) {
    int from = p->at;
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_IF) return parse_if(p, level);
    if (kind != AT_TOKEN_MINUS && kind != AT_TOKEN_NOT) return parse_primary(p);
    at_parser_advance(p);
    if (kind == AT_TOKEN_NOT && level > LEVEL_NOT) {
        at_diag *diag = at_complain(p, from, AT_E_EXPECTED,
                                    "a `not` inside a comparison or sum needs parentheses");
        at_hint(p->session, diag, "write `(not b)`");
    }
    if (!at_parser_enter(p)) return NULL;
    at_tree *a = parse_binary(p, kind == AT_TOKEN_NOT ? LEVEL_NOT : LEVEL_NEG);
    at_parser_leave(p);
    return a ? operation(p, kind == AT_TOKEN_NOT ? AT_OP_NOT : AT_OP_NEG, from, a, NULL, NULL)
             : NULL;
}

/* The source of a tree where it is short, for hints. */
static const char *short_text(at_parser *p, const at_tree *tree) {
    uint32_t length = tree->span.end - tree->span.begin;
    const char *text = p->source->text + tree->span.begin;
    if (length > 30 || memchr(text, '\n', length)) return "…";
    return at_copy_text(p->session->arena, text, length);
}

static void complain_chained(at_parser *p, const at_tree *left) {
    at_op second = at_parser_comparison(p);
    at_diag *diag = at_complain(p, p->at, AT_E_CHAINED, "comparisons do not chain");
    const char *a = short_text(p, left->args[0]), *b = short_text(p, left->args[1]);
    at_hint(p->session, diag, "write `%s %s %s and %s %s …`", a, ops[left->op].text, b, b,
            ops[second].text);
}

static at_tree *parse_binary(at_parser *p, int level) {
    at_tree *left = parse_prefix(p, level);
    while (left) {
        int sign = p->at;
        at_op op = binary_op(at_parser_peek(p));
        if (op == AT_OPS || ops[op].level < level) break;
        if (ops[op].level == LEVEL_COMPARE && left->tag == AT_T_OP && !left->parens &&
            ops[left->op].level == LEVEL_COMPARE)
            complain_chained(p, left);
        at_parser_advance(p);
        bool power = op == AT_OP_POW; /* right to left; 2^-x is allowed */
        if (power && !at_parser_enter(p)) return NULL;
        at_tree *right = parse_binary(p, power ? LEVEL_NEG : ops[op].level + 1);
        if (power) at_parser_leave(p);
        left = right ? operation(p, op, sign, left, right, NULL) : NULL;
    }
    return left;
}

at_tree *at_parse_sum(at_parser *p) {
    if (!at_parser_enter(p)) return NULL;
    at_tree *tree = parse_binary(p, LEVEL_SUM);
    at_parser_leave(p);
    return tree;
}

at_tree *at_parse_expression(at_parser *p) {
    if (!at_parser_enter(p)) return NULL;
    at_tree *tree = parse_binary(p, LEVEL_IF);
    at_parser_leave(p);
    return tree;
}
