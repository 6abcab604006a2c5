/* Statements and blocks. After a mistake the parser goes on with the next statement, so that one
 * run shows them all; a mistake in the header of a block does not hide those inside it. */
#include "lang/lang_int.h"

#include <string.h>

static at_tree_statement *parse_statement(at_parser *p);

bool at_parser_expect_end(at_parser *p) {
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_LINE_END || kind == AT_TOKEN_RIGHT_BRACE) return true;
    if (kind == AT_TOKEN_ELSE && p->tokens[p->at - 1].kind == AT_TOKEN_RIGHT_BRACE) {
        at_complain(p, p->at, AT_E_IF, "this `else` follows no `if` block");
        return false;
    }
    const char *hint = at_hint_unexpected(p);
    at_diag *diag = at_complain(p, p->at, AT_E_STATEMENT_END,
                                "expected the end of the line, found %s", at_parser_shown(p));
    if (hint) at_hint(p->session, diag, "%s", hint);
    return false;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool open_block(at_parser *p, const char *what) {
    if (at_parser_take(p, AT_TOKEN_LEFT_BRACE)) return true;
    at_token *t = &p->tokens[p->at];
    if (t->kind == AT_TOKEN_LEFT_BRACE) {
        at_complain(p, p->at, AT_E_EXPECTED, "the `{` of %s stands on the same line", what);
        at_parser_advance(p);
        return true;
    }
    at_complain_expected(p, at_format(p->session->arena, "`{` to begin %s", what));
    return false;
}

/* One complaint a definition, however many blocks are open: at the block whose } stands further
 * left than its header, when there is one, as that } was meant for another. */
static void complain_unclosed(at_parser *p, int open, const char *what) {
    if (p->unclosed_said) return;
    p->unclosed_said = true;
    int brace = p->doubtful_brace;
    at_diag *diag =
        at_complain(p, brace ? p->doubtful_open : open, AT_E_UNCLOSED, "this `{` is never closed");
    if (brace) {
        at_note(p->session, diag, at_parser_span(p, brace),
                "this `}` closes it, but stands where another block ends");
        return;
    }
    at_label(p->session, diag, "begins %s", what);
    at_span end = at_parser_span(p, p->at - 1);
    end.begin = end.end;
    at_note(p->session, diag, end, "expected `}` after this");
}

static int line_column(const at_parser *p, int token) {
    while (token > 0 && !p->tokens[token].line) token--;
    return at_parser_column(p, token);
}

static void doubt_brace(at_parser *p, int open) {
    if (p->doubtful_brace || !p->tokens[p->at].line) return;
    if (at_parser_column(p, p->at) >= line_column(p, open)) return;
    p->doubtful_open = open;
    p->doubtful_brace = p->at;
}

bool at_parse_block(at_parser *p, at_tree_block *block, const char *what) {
    int open = p->at, capacity = 0;
    if (!open_block(p, what)) return false;
    if (!at_parser_enter(p)) {
        p->at = open; /* so that the whole block is skipped */
        at_parser_skip_statement(p, open);
        return false;
    }
    bool good = true;
    for (;;) {
        at_token_kind kind = (at_token_kind)p->tokens[p->at].kind;
        if (kind == AT_TOKEN_RIGHT_BRACE || at_parser_at_definition(p)) break;
        int from = p->at;
        at_tree_statement *st = parse_statement(p);
        if (st) {
            AT_PUSH(p->session->arena, block->items, block->count, capacity, st);
        } else {
            good = false;
            at_parser_skip_statement(p, from);
        }
    }
    at_parser_leave(p);
    at_comments_last(p, &block->last_comments, &block->last_comment_count);
    if (p->tokens[p->at].kind != AT_TOKEN_RIGHT_BRACE) {
        complain_unclosed(p, open, what);
        return false;
    }
    doubt_brace(p, open);
    at_parser_advance(p);
    block->span = at_parser_span_from(p, open);
    return good;
}

void at_parse_abandoned_block(at_parser *p) {
    at_tree_block block = {0};
    p->depth = 0;
    for (;; at_parser_advance(p)) {
        const at_token *t = &p->tokens[p->at];
        if (t->kind == AT_TOKEN_LEFT_BRACE) break;
        if (t->kind == AT_TOKEN_RIGHT_BRACE || t->first) return;
    }
    at_parse_block(p, &block, "a block");
}

/* ---- equations ------------------------------------------------------------------------------- */

static bool check_drawn(at_parser *p, const at_tree *value, int from) {
    if (value->tag == AT_T_CALL && !value->parens) return true;
    at_diag *diag = at_complain(p, from, AT_E_DRAW, "after `~` stands a distribution");
    diag->span = value->span;
    at_hint(p->session, diag,
            "write `normal(0, 1)`, `uniform(0, 1)`, `bernoulli(0.5)` or `gumbel()`; an equation is "
            "written with `=`");
    return false;
}

/* as path */
static bool parse_shared(at_parser *p, at_tree_statement *st) {
    int as = p->at;
    if (!at_parser_take(p, AT_TOKEN_AS)) return true;
    st->shared = at_parser_name(p, "a shared path", &st->shared_span);
    if (!st->shared) return false;
    if (st->value->tag == AT_T_CALL && !st->value->parens && !st->drawn) return true;
    at_diag *diag =
        at_complain(p, as, AT_E_SHARED, "`as` follows a call: it places its parameters");
    at_hint(p->session, diag, "call the function alone: `y = block(x) as %s`", st->shared);
    return false;
}

bool at_parse_equation_rest(at_parser *p, at_tree_statement *st) {
    st->drawn = at_parser_take(p, AT_TOKEN_TILDE);
    if (!st->drawn && !at_parser_expect(p, AT_TOKEN_ASSIGN, "`=`")) return false;
    int from = p->at;
    st->value = at_parse_expression(p);
    if (!st->value || (st->drawn && !check_drawn(p, st->value, from))) return false;
    return parse_shared(p, st);
}

static bool parse_one_target(at_parser *p, at_tree_statement *st, const char *what) {
    st->targets = AT_NEW(p->session->arena, at_target);
    st->target_count = 1;
    return at_parse_target(p, st->targets, what, st->tag == AT_S_NEXT);
}

static bool parse_equation(at_parser *p, at_tree_statement *st) {
    int capacity = 0;
    st->tag = AT_S_EQUATION;
    do {
        at_target target;
        if (!at_parse_target(p, &target, "an array", true)) return false;
        AT_PUSH(p->session->arena, st->targets, st->target_count, capacity, target);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return at_parse_equation_rest(p, st);
}

static bool parse_next(at_parser *p, at_tree_statement *st) {
    st->tag = AT_S_NEXT;
    at_parser_advance(p);
    if (!parse_one_target(p, st, "a state")) return false;
    if (!at_parser_expect(p, AT_TOKEN_ASSIGN, "`=`")) return false;
    return (st->value = at_parse_expression(p)) != NULL;
}

/* param w[c,d] ~ normal(0, 0.02), state n: int = 0 */
static bool parse_kept(at_parser *p, at_tree_statement *st, bool param) {
    st->tag = param ? AT_S_PARAM : AT_S_STATE;
    const char *what = param ? "a parameter" : "a state";
    at_parser_advance(p);
    if (!parse_one_target(p, st, what)) return false;
    at_target *target = st->targets;
    int colon = p->at;
    if (!at_parse_kind(p, target)) return false;
    if (param && target->has_kind && target->kind != AT_REAL) {
        at_diag *diag = at_complain(p, colon, AT_E_KIND, "a parameter is learned, so it is real");
        at_hint(p->session, diag, "what is not learned is a `state`");
        return false;
    }
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_ASSIGN || kind == AT_TOKEN_TILDE) {
        st->drawn = kind == AT_TOKEN_TILDE;
        at_parser_advance(p);
        int from = p->at;
        st->value = at_parse_expression(p);
        return st->value && (!st->drawn || check_drawn(p, st->value, from));
    }
    if (kind != AT_TOKEN_LINE_END && kind != AT_TOKEN_RIGHT_BRACE) {
        at_complain_expected(p, "`=` or `~`");
        return false;
    }
    at_diag *diag = at_error(p->session, AT_E_START, at_parser_here(p), "%s `%s` has no start",
                             what + 2, target->name);
    at_hint(p->session, diag,
            param ? "say how it begins: `~ normal(0, 0.02)`, or `= 0`"
                  : "say how it begins: `= 0`");
    return false;
}

/* ---- axis, require, cotangent ---------------------------------------------------------------- */

static bool parse_axis(at_parser *p, at_tree_statement *st) {
    int capacity = 0;
    st->tag = AT_S_AXIS;
    at_parser_advance(p);
    do {
        at_axis_declaration axis = {0};
        axis.name = at_parser_name(p, "an axis", &axis.span);
        if (!axis.name) return false;
        if (at_parser_take(p, AT_TOKEN_AS)) {
            axis.like = at_parser_name(p, "an axis", &axis.like_span);
            if (!axis.like) return false;
        } else {
            if (!at_parser_expect(p, AT_TOKEN_ASSIGN, "`=` and the extent, or `as` and an axis"))
                return false;
            axis.extent = at_parse_expression(p);
            if (!axis.extent) return false;
        }
        AT_PUSH(p->session->arena, st->axes, st->axis_count, capacity, axis);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

static bool parse_require(at_parser *p, at_tree_statement *st) {
    st->tag = AT_S_REQUIRE;
    at_parser_advance(p);
    return (st->value = at_parse_expression(p)) != NULL;
}

/* cotangent dp, ds: a word only before a name. */
static bool sees_cotangent(const at_parser *p) {
    at_token_kind second = at_parser_peek_second(p);
    return at_parser_sees_word(p, "cotangent") &&
           (second == AT_TOKEN_NAME || second == AT_TOKEN_QUOTED);
}

static bool parse_cotangent(at_parser *p, at_tree_statement *st) {
    int capacity = 0;
    st->tag = AT_S_COTANGENT;
    at_parser_advance(p);
    do {
        at_target target = {.kind = AT_REAL};
        target.name = at_parser_name(p, "an array", &target.span);
        if (!target.name) return false;
        AT_PUSH(p->session->arena, st->targets, st->target_count, capacity, target);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    if (at_parser_peek(p) != AT_TOKEN_LEFT_BRACKET) return true;
    at_diag *diag = at_complain(p, p->at, AT_E_EXPECTED, "after `cotangent` stand names alone");
    at_hint(p->session, diag, "all elements are meant: cotangent %s",
            st->targets[st->target_count - 1].name);
    return false;
}

/* ---- scan, repeat, if ------------------------------------------------------------------------ */

static bool parse_scan_header(at_parser *p, at_tree_statement *st) {
    int capacity = 0;
    at_parser_advance(p);
    do {
        at_bound bound = {0};
        bound.name = at_parser_name(p, "an axis", &bound.span);
        if (!bound.name) return false;
        bound.down = at_parser_sees_word(p, "down");
        if (bound.down) at_parser_advance(p);
        AT_PUSH(p->session->arena, st->bound, st->bound_count, capacity, bound);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

/* repeat 6, repeat l < 6, each with an optional `while c` */
static bool parse_repeat_header(at_parser *p, at_tree_statement *st) {
    at_parser_advance(p);
    if (at_parser_peek(p) == AT_TOKEN_WHILE) {
        at_diag *diag = at_complain(p, p->at, AT_E_EXPECTED, "a `repeat` says how often at most");
        at_hint(p->session, diag, "write `repeat 100 while …`");
        return false;
    }
    bool is_name = at_parser_peek(p) == AT_TOKEN_NAME || at_parser_peek(p) == AT_TOKEN_QUOTED;
    if (is_name && at_parser_peek_second(p) == AT_TOKEN_LT) {
        st->round = at_parser_name(p, "a round", &st->round_span);
        at_parser_advance(p);
    }
    st->value = at_parse_sum(p);
    if (!st->value) return false;
    if (at_parser_comparison(p) < AT_OPS) {
        at_diag *diag = at_complain(p, p->at, AT_E_EXPECTED, "expected `{` or `while`, found %s",
                                    at_parser_shown(p));
        at_hint(p->session, diag, "rounds count from 0: `repeat l < 6 { … }`");
        return false;
    }
    return !at_parser_take(p, AT_TOKEN_WHILE) || (st->condition = at_parse_expression(p)) != NULL;
}

static bool parse_if_header(at_parser *p, at_tree_statement *st) {
    at_parser_advance(p);
    st->value = at_parse_expression(p);
    if (!st->value) return false;
    if (at_parser_peek(p) != AT_TOKEN_THEN) return true;
    at_diag *diag =
        at_complain(p, p->at, AT_E_IF, "a statement chooses with `{`, a value with `then`");
    at_hint(p->session, diag, "write `y = if c then a else b`, or `if c { y = a } else { y = b }`");
    return false;
}

static bool parse_with_block(at_parser *p, at_tree_statement *st,
                             bool (*header)(at_parser *, at_tree_statement *), const char *what,
                             bool chained) {
    if (!header(p, st)) {
        at_parse_abandoned_block(p);
        return false;
    }
    if (!chained) at_comments_inside(p, &st->comments, false);
    return at_parse_block(p, &st->body, what);
}

/* if c { … } else if d { … } else { … } */
static bool parse_choice(at_parser *p, at_tree_statement *st, bool chained) {
    st->tag = AT_S_IF;
    bool good = parse_with_block(p, st, parse_if_header, "this `if`", chained);
    if (p->tokens[p->at].kind != AT_TOKEN_ELSE) return good;
    at_parser_advance(p);
    st->has_else = true;
    if (at_parser_peek(p) != AT_TOKEN_IF)
        return at_parse_block(p, &st->otherwise, "this `else`") && good;
    int from = p->at;
    at_tree_statement *inner = AT_NEW(p->session->arena, at_tree_statement);
    inner->chained = true;
    if (!at_parser_enter(p)) return false;
    good = parse_choice(p, inner, true) && good;
    at_parser_leave(p);
    inner->span = st->otherwise.span = at_parser_span_from(p, from);
    st->otherwise.count = 1;
    st->otherwise.items = AT_NEW(p->session->arena, at_tree_statement *);
    st->otherwise.items[0] = inner;
    return good;
}

/* ---- assertions, and what is neither --------------------------------------------------------- */

/* Whether targets and then = or ~ stand here. A = inside brackets ends the search, so an unclosed
 * one costs no more than its statement. */
static bool sees_equation(const at_parser *p) {
    enum { FAR = 4096 };
    int depth = 0;
    for (int i = p->at; i < p->count && i < p->at + FAR; i++) {
        const at_token *t = &p->tokens[i];
        if (i > p->at && t->first && depth == 0) return false;
        switch (t->kind) {
        case AT_TOKEN_LEFT_BRACKET: depth++; break;
        case AT_TOKEN_RIGHT_BRACKET:
            if (depth-- == 0) return false;
            break;
        case AT_TOKEN_ASSIGN:
        case AT_TOKEN_TILDE: return depth == 0;
        case AT_TOKEN_NAME:
        case AT_TOKEN_QUOTED:
            if (depth == 0 && i > p->at && p->tokens[i - 1].kind != AT_TOKEN_COMMA) return false;
            break;
        case AT_TOKEN_COMMA: break;
        default:
            if (depth == 0) return false;
            if (t->kind == AT_TOKEN_FILE_END || t->kind == AT_TOKEN_LEFT_BRACE) return false;
        }
    }
    return false;
}

/* a == b within t */
static bool parse_assertion(at_parser *p, at_tree_statement *st) {
    st->tag = AT_S_ASSERT;
    st->left = at_parse_sum(p);
    if (!st->left) return false;
    st->op = at_parser_comparison(p);
    if (st->op != AT_OP_EQ && st->op != AT_OP_LE && st->op != AT_OP_GE) {
        at_diag *diag =
            at_complain(p, p->at, AT_E_ASSERTION, "a law asserts with `==`, `<=` or `>=`, found %s",
                        at_parser_shown(p));
        diag->span = at_parser_here(p);
        at_token_kind kind = at_parser_peek(p);
        if (kind == AT_TOKEN_AND || kind == AT_TOKEN_OR)
            at_hint(p->session, diag, "conditions stand in parentheses: `(a or b) == c`");
        else if (kind == AT_TOKEN_LINE_END)
            at_hint(p->session, diag, "a condition that must hold is asserted with `== true`");
        return false;
    }
    at_parser_advance(p);
    st->right = at_parse_sum(p);
    if (!st->right) return false;
    if (at_parser_comparison(p) < AT_OPS) {
        at_diag *diag = at_complain(p, p->at, AT_E_CHAINED, "comparisons do not chain");
        at_hint(p->session, diag, "write two assertions, one a line");
        return false;
    }
    if (at_parser_peek(p) == AT_TOKEN_AND || at_parser_peek(p) == AT_TOKEN_OR) {
        at_diag *diag = at_complain(p, p->at, AT_E_ASSERTION, "an assertion compares two sums");
        at_hint(p->session, diag,
                "write two assertions, one a line; conditions stand in parentheses");
        return false;
    }
    if (!at_parser_sees_word(p, "within")) return true;
    at_parser_advance(p);
    return (st->tolerance = at_parse_sum(p)) != NULL;
}

static bool begins_value(at_token_kind kind) {
    return kind == AT_TOKEN_NAME || kind == AT_TOKEN_QUOTED || kind == AT_TOKEN_NUMBER ||
           kind == AT_TOKEN_LEFT_PAREN || kind == AT_TOKEN_MINUS || kind == AT_TOKEN_TRUE ||
           kind == AT_TOKEN_FALSE || kind == AT_TOKEN_STOP || kind == AT_TOKEN_SIZE ||
           kind == AT_TOKEN_GRAD;
}

/* ---- any statement --------------------------------------------------------------------------- */

/* `next = 3`, `size[n] = …`: a word of the language where a name is defined. */
static bool is_misnamed(const at_parser *p, at_token_kind kind) {
    at_token_kind next = at_parser_peek_second(p);
    return kind >= AT_TOKEN_FN && kind <= AT_TOKEN_AS &&
           (next == AT_TOKEN_ASSIGN || next == AT_TOKEN_TILDE || next == AT_TOKEN_LEFT_BRACKET);
}

static bool parse_any(at_parser *p, at_tree_statement *st) {
    at_token_kind kind = (at_token_kind)p->tokens[p->at].kind;
    if (is_misnamed(p, kind)) {
        at_span span;
        at_parser_name(p, "an array", &span);
        return false;
    }
    switch (kind) {
    case AT_TOKEN_AXIS: return parse_axis(p, st);
    case AT_TOKEN_PARAM: return parse_kept(p, st, true);
    case AT_TOKEN_STATE: return parse_kept(p, st, false);
    case AT_TOKEN_NEXT: return parse_next(p, st);
    case AT_TOKEN_REQUIRE: return parse_require(p, st);
    case AT_TOKEN_SCAN:
        st->tag = AT_S_SCAN;
        return parse_with_block(p, st, parse_scan_header, "this `scan`", false);
    case AT_TOKEN_REPEAT:
        st->tag = AT_S_REPEAT;
        return parse_with_block(p, st, parse_repeat_header, "this `repeat`", false);
    case AT_TOKEN_IF: return parse_choice(p, st, false);
    default: break;
    }
    if (sees_cotangent(p)) return parse_cotangent(p, st);
    if ((kind == AT_TOKEN_NAME || kind == AT_TOKEN_QUOTED) && sees_equation(p))
        return parse_equation(p, st);
    bool two_words = kind == AT_TOKEN_NAME && at_parser_peek_second(p) == AT_TOKEN_NAME;
    if (p->in_law && begins_value(kind) && !two_words) return parse_assertion(p, st);
    at_complain_statement(p);
    return false;
}

static at_tree_statement *parse_statement(at_parser *p) {
    at_tree_statement *st = AT_NEW(p->session->arena, at_tree_statement);
    int from = p->at;
    p->statement = from;
    p->depth = 0;
    at_comments_before(p, &st->comments, NULL);
    if (!parse_any(p, st)) return NULL;
    st->span = at_parser_span_from(p, from);
    at_comments_inside(p, &st->comments, false);
    at_comments_trailing(p, &st->comments);
    return at_parser_expect_end(p) ? st : NULL;
}
