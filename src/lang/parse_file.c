/* Definitions and files: the parser's entry. */
#include "lang/lang_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- paper, use ------------------------------------------------------------------------------ */

/* A string's text, without quotes and backslashes. */
static const char *parse_string(at_parser *p, const char *what, at_span *span) {
    *span = at_parser_span(p, p->at);
    if (at_parser_peek(p) != AT_TOKEN_STRING) {
        at_complain_expected(p, what);
        return NULL;
    }
    if (p->tokens[p->at].said) return NULL;
    char *text = at_parser_text(p, p->at), *to = text;
    size_t length = strlen(text);
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] == '\\') i++;
        *to++ = text[i];
    }
    *to = 0;
    at_parser_advance(p);
    return text;
}

static bool parse_paper(at_parser *p, at_definition *d) {
    d->tag = AT_D_PAPER;
    at_parser_advance(p);
    d->name = parse_string(p, "the title in double quotes", &d->name_span);
    if (!d->name) return false;
    if (at_parser_peek(p) == AT_TOKEN_NUMBER && !p->tokens[p->at].said) {
        const char *digits = at_parser_text(p, p->at);
        if (strlen(digits) <= 4 && strspn(digits, "0123456789") == strlen(digits)) {
            d->year = atoi(digits);
            at_parser_advance(p);
            return true;
        }
    }
    at_complain_expected(p, "the year");
    return false;
}

static bool parse_use(at_parser *p, at_definition *d) {
    d->tag = AT_D_USE;
    at_parser_advance(p);
    if (at_parser_peek(p) == AT_TOKEN_STRING) {
        d->is_path = true;
        d->name = parse_string(p, "a path", &d->name_span);
    } else {
        d->name = at_parser_name(p, "a module", &d->name_span);
    }
    return d->name != NULL;
}

/* ---- fn, law --------------------------------------------------------------------------------- */

static bool parse_input_draw(at_parser *p, at_target *input) {
    int tilde = p->at;
    if (!at_parser_take(p, AT_TOKEN_TILDE)) return true;
    int from = p->at;
    input->draw = at_parse_expression(p);
    if (!input->draw) return false;
    if (!p->in_law) {
        at_diag *diag = at_complain(p, tilde, AT_E_DRAW, "only the inputs of a `law` are drawn");
        at_hint(p->session, diag, "in the body, `e[i,j] ~ normal(0, 1)` draws an array");
        return false;
    }
    if (input->draw->tag == AT_T_CALL) return true;
    at_diag *diag = at_complain(p, from, AT_E_DRAW, "after `~` stands a distribution");
    diag->span = input->draw->span;
    at_hint(p->session, diag, "write `normal(0, 1)`, `uniform(0, 1)` or `bernoulli(0.5)`");
    return false;
}

/* `n = 8` or `mask(i,j) = …` among the inputs: read on as if the ; had been there. */
static bool is_option_among_inputs(at_parser *p, at_target *input) {
    at_token_kind kind = at_parser_peek(p);
    if (kind != AT_TOKEN_ASSIGN && kind != AT_TOKEN_LEFT_PAREN) return false;
    at_diag *diag = at_complain(p, p->at, AT_E_OPTION, "options stand after `;`");
    diag->span = input->span;
    at_hint(p->session, diag, "put `;` instead of `,` before the first option: `(x[n]; %s = …)`",
            input->name);
    return true;
}

static bool parse_inputs(at_parser *p, at_definition *d) {
    int capacity = 0;
    if (at_parser_peek(p) == AT_TOKEN_RIGHT_PAREN || at_parser_peek(p) == AT_TOKEN_SEMICOLON)
        return true;
    do {
        at_target input;
        if (!at_parse_target(p, &input, "an input", false) || is_option_among_inputs(p, &input) ||
            !at_parse_kind(p, &input) || !parse_input_draw(p, &input))
            return false;
        AT_PUSH(p->session->arena, d->inputs, d->input_count, capacity, input);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

static bool parse_outputs(at_parser *p, at_definition *d) {
    int capacity = 0;
    do {
        at_target output;
        if (!at_parse_target(p, &output, "a result", false)) return false;
        if (at_parser_peek(p) == AT_TOKEN_COLON) {
            at_diag *diag =
                at_complain(p, p->at, AT_E_KIND, "the type of a result follows from its equation");
            at_hint(p->session, diag, "leave it out");
            return false;
        }
        AT_PUSH(p->session->arena, d->outputs, d->output_count, capacity, output);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

static bool parse_results(at_parser *p, at_definition *d) {
    bool law = d->tag == AT_D_LAW;
    int arrow = p->at;
    if (at_parser_take(p, AT_TOKEN_ARROW)) {
        if (!law) return parse_outputs(p, d);
        at_diag *diag = at_complain(p, arrow, AT_E_ARROW, "a law has no results");
        at_hint(p->session, diag, "it asserts: `a == b`");
        return false;
    }
    if (law) return true;
    at_diag *diag =
        at_error(p->session, AT_E_ARROW, at_parser_here(p), "`%s` names no results", d->name);
    at_hint(p->session, diag, "results follow the inputs: `fn %s(…) -> y[n]`", d->name);
    return false;
}

/* name(inputs; options) -> outputs */
static bool parse_header(at_parser *p, at_definition *d) {
    at_parser_advance(p);
    d->name = at_parser_name(p, d->tag == AT_D_LAW ? "a law" : "a function", &d->name_span);
    if (!d->name) return false;
    int open = p->at;
    if (!at_parser_open(p, AT_TOKEN_LEFT_PAREN)) {
        at_complain_expected(p, "`(` and the inputs");
        return false;
    }
    if (!parse_inputs(p, d)) return false;
    if (at_parser_take(p, AT_TOKEN_SEMICOLON)) {
        d->has_options = true;
        if (!at_parse_options(p, &d->options, &d->option_count, true)) return false;
    }
    if (!at_parser_close(p, open, d->has_options ? "`,` or `)`" : "`,`, `;` or `)`")) return false;
    return parse_results(p, d);
}

/* fn f(x[n]) -> y[n] = value */
static bool parse_short_body(at_parser *p, at_definition *d) {
    int from = p->at;
    at_tree_statement *st = AT_NEW(p->session->arena, at_tree_statement);
    st->tag = AT_S_EQUATION;
    st->targets = d->outputs;
    st->target_count = d->output_count;
    d->is_short = true;
    if (!at_parse_equation_rest(p, st)) return false;
    st->span = at_span_join(d->outputs[0].span, at_parser_span_from(p, from));
    d->body.span = st->span;
    d->body.count = 1;
    d->body.items = AT_NEW(p->session->arena, at_tree_statement *);
    d->body.items[0] = st;
    return true;
}

static bool parse_function(at_parser *p, at_definition *d) {
    int from = p->at;
    d->tag = p->tokens[from].kind == AT_TOKEN_LAW ? AT_D_LAW : AT_D_FN;
    p->in_law = d->tag == AT_D_LAW;
    bool good = parse_header(p, d);
    d->span = at_parser_span_from(p, from);
    if (!good) {
        at_parse_abandoned_block(p);
        return false;
    }
    if (d->tag == AT_D_FN && at_parser_peek(p) == AT_TOKEN_ASSIGN) return parse_short_body(p, d);
    if (at_parser_peek(p) == AT_TOKEN_TILDE) {
        at_diag *diag =
            at_complain(p, p->at, AT_E_DRAW, "a function of one line is written with `=`");
        at_hint(p->session, diag, "put the draw into a body: `{ %s ~ … }`",
                d->output_count ? d->outputs[0].name : "e");
        return false;
    }
    at_comments_inside(p, &d->comments, true);
    return at_parse_block(p, &d->body, d->tag == AT_D_LAW ? "this law" : "this function");
}

/* ---- files ----------------------------------------------------------------------------------- */

static at_definition *parse_definition(at_parser *p) {
    at_definition *d = AT_NEW(p->session->arena, at_definition);
    int from = p->at;
    bool good = true;
    at_comments_before(p, &d->comments, &d->doc);
    switch (p->tokens[from].kind) {
    case AT_TOKEN_FN:
    case AT_TOKEN_LAW: good = parse_function(p, d); break;
    case AT_TOKEN_PAPER: good = parse_paper(p, d); break;
    case AT_TOKEN_USE: good = parse_use(p, d); break;
    default: at_complain_definition(p); good = false;
    }
    if (!good) return NULL;
    if (!d->span.source) d->span = at_parser_span_from(p, from);
    at_comments_inside(p, &d->comments, true);
    at_comments_trailing(p, &d->comments);
    if (at_parser_peek(p) != AT_TOKEN_RIGHT_BRACE) return at_parser_expect_end(p) ? d : NULL;
    at_complain_definition(p);
    return NULL;
}

/* The lexer's errors come before the parser's: put them in order of place. */
static void sort_errors(at_session *s, int from) {
    for (int i = from + 1; i < s->diag_count; i++) {
        at_diag *diag = s->diags[i];
        int k = i;
        for (; k > from && s->diags[k - 1]->span.begin > diag->span.begin; k--)
            s->diags[k] = s->diags[k - 1];
        s->diags[k] = diag;
    }
}

/* Whether a definition with mistakes was read to its end, so that what comes is looked at too. */
static bool is_behind_body(const at_parser *p) {
    if (p->at == p->definition) return false;
    return at_parser_at_definition(p) ||
           (p->tokens[p->at].line && p->tokens[p->at - 1].kind == AT_TOKEN_RIGHT_BRACE);
}

const at_file_tree *at_parse(at_session *s, const at_source *source) {
    at_parser parser = {.session = s, .source = source}, *p = &parser;
    int errors = s->diag_count + s->diag_lost, from_diag = s->diag_count, capacity = 0;
    at_file_tree *file = AT_NEW(s->arena, at_file_tree);
    file->source = source;
    at_lex(p);
    while (p->tokens[p->at].kind != AT_TOKEN_FILE_END) {
        p->definition = p->statement = p->at;
        p->depth = p->level = p->doubtful_brace = 0;
        p->unclosed_said = p->too_deep_said = false;
        at_definition *d = parse_definition(p);
        if (d) {
            AT_PUSH(s->arena, file->items, file->count, capacity, d);
        } else if (!is_behind_body(p)) {
            at_parser_skip_definition(p);
        }
    }
    at_comments_last(p, &file->last_comments, &file->last_comment_count);
    sort_errors(s, from_diag);
    return s->diag_count + s->diag_lost == errors ? file : NULL;
}
