/* The parser's place among the tokens: looking, taking, complaining once per place, and finding the
 * next place to go on after a complaint.
 *
 * Resuming: inside brackets a line does not end a statement, so an unclosed one would swallow the
 * rest of the file. A line that begins no further right than the statement did, or with a word that
 * only begins statements, is taken for the next statement even so. */
#include "lang/lang_int.h"

#include <string.h>

at_token_kind at_parser_peek(const at_parser *p) {
    const at_token *t = &p->tokens[p->at];
    return t->first && p->depth == 0 && p->at != p->statement ? AT_TOKEN_LINE_END
                                                              : (at_token_kind)t->kind;
}

at_token_kind at_parser_peek_second(const at_parser *p) {
    if (p->at + 1 >= p->count) return AT_TOKEN_FILE_END;
    const at_token *t = &p->tokens[p->at + 1];
    return t->first && p->depth == 0 ? AT_TOKEN_LINE_END : (at_token_kind)t->kind;
}

void at_parser_advance(at_parser *p) {
    if (p->at + 1 < p->count) p->at++;
}

bool at_parser_take(at_parser *p, at_token_kind kind) {
    if (at_parser_peek(p) != kind) return false;
    at_parser_advance(p);
    return true;
}

static bool is_word(const at_parser *p, int token, const char *word) {
    const at_token *t = &p->tokens[token];
    size_t length = strlen(word);
    return t->kind == AT_TOKEN_NAME && t->end - t->begin == length &&
           memcmp(p->source->text + t->begin, word, length) == 0;
}

bool at_parser_sees_word(const at_parser *p, const char *word) {
    return at_parser_peek(p) == AT_TOKEN_NAME && is_word(p, p->at, word);
}

at_span at_parser_span(const at_parser *p, int token) {
    return (at_span){p->source, p->tokens[token].begin, p->tokens[token].end};
}

at_span at_parser_span_from(const at_parser *p, int from) {
    int last = p->at > from ? p->at - 1 : from;
    return (at_span){p->source, p->tokens[from].begin, p->tokens[last].end};
}

char *at_parser_text(const at_parser *p, int token) {
    const at_token *t = &p->tokens[token];
    uint32_t quote = t->kind == AT_TOKEN_QUOTED && t->end - t->begin >= 2;
    return at_copy_text(p->session->arena, p->source->text + t->begin + quote,
                        t->end - t->begin - 2 * quote);
}

const char *at_parser_shown(const at_parser *p) {
    at_token_kind kind = at_parser_peek(p);
    if (p->tokens[p->at].kind == AT_TOKEN_FILE_END) return "the end of the file";
    if (kind == AT_TOKEN_LINE_END) return "the end of the line";
    if (kind == AT_TOKEN_STRING) return "a string";
    uint32_t begin = p->tokens[p->at].begin, end = p->tokens[p->at].end;
    if (end - begin > 40) return at_token_kind_text(kind);
    return at_format(p->session->arena, "`%.*s`", (int)(end - begin), p->source->text + begin);
}

at_span at_parser_here(const at_parser *p) {
    at_token_kind kind = at_parser_peek(p);
    if (p->at > 0 && (kind == AT_TOKEN_LINE_END || kind == AT_TOKEN_FILE_END)) {
        uint32_t end = p->tokens[p->at - 1].end;
        return (at_span){p->source, end, end};
    }
    return at_parser_span(p, p->at);
}

/* ---- complaining ----------------------------------------------------------------------------- */

at_diag *at_complain(at_parser *p, int token, at_code code, const char *format, ...) {
    at_token *t = &p->tokens[token];
    at_diag *diag;
    va_list list;
    va_start(list, format);
    const char *message = at_format_list(p->session->arena, format, list);
    va_end(list);
    if (t->said)
        diag = AT_NEW(p->session->arena, at_diag); /* for the caller's labels; goes nowhere */
    else diag = at_error(p->session, code, at_parser_span(p, token), "%s", message);
    t->said = true;
    return diag;
}

void at_complain_expected(at_parser *p, const char *what) {
    at_token_kind kind = at_parser_peek(p);
    at_span here = at_parser_here(p);
    const char *hint = at_hint_unexpected(p);
    const char *shown = at_parser_shown(p);
    at_diag *diag;
    if (kind == AT_TOKEN_LINE_END || kind == AT_TOKEN_FILE_END) {
        /* Not the next line's fault: it may still have a complaint of its own. */
        if (p->at > 0 && p->tokens[p->at - 1].said) return;
        diag = at_error(p->session, AT_E_EXPECTED, here, "expected %s before %s", what, shown);
    } else {
        if (p->at > 0 && p->tokens[p->at].line) { /* the line above went on, and nothing came */
            diag = at_complain(p, p->at, AT_E_EXPECTED, "expected %s after `%s`", what,
                               at_parser_text(p, p->at - 1));
            diag->span.begin = diag->span.end = p->tokens[p->at - 1].end;
        } else {
            diag = at_complain(p, p->at, AT_E_EXPECTED, "expected %s, found %s", what, shown);
        }
    }
    if (hint) at_hint(p->session, diag, "%s", hint);
}

bool at_parser_expect(at_parser *p, at_token_kind kind, const char *what) {
    if (at_parser_take(p, kind)) return true;
    at_complain_expected(p, what);
    return false;
}

bool at_parser_open(at_parser *p, at_token_kind kind) {
    if (!at_parser_take(p, kind)) return false;
    p->depth++;
    return true;
}

static at_token_kind closer(at_token_kind kind) {
    return kind == AT_TOKEN_LEFT_PAREN     ? AT_TOKEN_RIGHT_PAREN
           : kind == AT_TOKEN_LEFT_BRACKET ? AT_TOKEN_RIGHT_BRACKET
                                           : AT_TOKEN_RIGHT_BRACE;
}

bool at_parser_close(at_parser *p, int open, const char *what) {
    at_token_kind opened = (at_token_kind)p->tokens[open].kind, want = closer(opened);
    at_token_kind kind = at_parser_peek(p);
    if (kind == want) {
        at_parser_advance(p);
        p->depth--;
        return true;
    }
    const char *open_text = at_token_kind_text(opened), *want_text = at_token_kind_text(want);
    if (kind == AT_TOKEN_RIGHT_PAREN || kind == AT_TOKEN_RIGHT_BRACKET) {
        at_diag *diag = at_complain(p, p->at, AT_E_UNOPENED, "`%s` cannot close `%s`",
                                    at_token_kind_text(kind), open_text);
        at_note(p->session, diag, at_parser_span(p, open), "opened here, closed by `%s`",
                want_text);
    } else if (p->tokens[p->at].line || kind == AT_TOKEN_FILE_END || kind == AT_TOKEN_LEFT_BRACE ||
               kind == AT_TOKEN_RIGHT_BRACE) {
        if (!p->tokens[p->at].said) {
            at_diag *diag =
                at_complain(p, open, AT_E_UNCLOSED, "this `%s` is never closed", open_text);
            at_span end = at_parser_span(p, p->at - 1);
            end.begin = end.end;
            at_note(p->session, diag, end, "expected %s here", what);
        }
    } else {
        at_complain_expected(p, what);
    }
    return false;
}

const char *at_parser_name(at_parser *p, const char *what, at_span *span) {
    at_token_kind kind = at_parser_peek(p);
    *span = at_parser_span(p, p->at);
    if (kind == AT_TOKEN_NAME || kind == AT_TOKEN_QUOTED) {
        char *name = at_parser_text(p, p->at);
        if (kind == AT_TOKEN_NAME && at_is_reserved(name)) {
            at_diag *diag =
                at_complain(p, p->at, AT_E_RESERVED, "%s cannot be called `%s`", what, name);
            at_label(p->session, diag,
                     at_is_fold(name) ? "an operation over axes" : "has a meaning of its own");
            at_hint(p->session, diag, "choose another name, such as `%s_1`", name);
        }
        at_parser_advance(p);
        return name; /* goes on even after a complaint: the rest may hold other mistakes */
    }
    if (kind >= AT_TOKEN_FN && kind <= AT_TOKEN_AS) {
        at_diag *diag = at_complain(p, p->at, AT_E_RESERVED, "%s cannot be called `%s`", what,
                                    at_token_kind_text(kind));
        at_label(p->session, diag, "a word of the language");
        at_hint(p->session, diag, "choose another name, such as `%s_1`", at_token_kind_text(kind));
        return NULL;
    }
    at_complain_expected(p, at_format(p->session->arena, "the name of %s", what));
    return NULL;
}

bool at_parser_enter(at_parser *p) {
    if (p->level < AT_LEVELS) {
        p->level++;
        return true;
    }
    if (p->too_deep_said) return false;
    p->too_deep_said = true;
    at_diag *diag =
        at_complain(p, p->at, AT_E_NESTING, "this is nested more than %d levels deep", AT_LEVELS);
    at_hint(p->session, diag, "give inner parts names of their own, in equations before this one");
    return false;
}

void at_parser_leave(at_parser *p) { p->level--; }

/* Thousands of errors are not a program with mistakes but no program. */
bool at_parser_gave_up(const at_parser *p) {
    enum { HOPELESS = 2000 };
    return p->session->diag_lost > HOPELESS;
}

/* ---- resuming -------------------------------------------------------------------------------- */

int at_parser_column(const at_parser *p, int token) {
    uint32_t begin = p->tokens[token].begin, i = begin;
    while (i > 0 && p->source->text[i - 1] != '\n') i--;
    return (int)(begin - i);
}

static bool begins_definition(at_token_kind kind) {
    return kind == AT_TOKEN_FN || kind == AT_TOKEN_LAW || kind == AT_TOKEN_PAPER ||
           kind == AT_TOKEN_USE;
}

bool at_parser_at_definition(const at_parser *p) {
    const at_token *t = &p->tokens[p->at];
    return t->kind == AT_TOKEN_FILE_END ||
           (t->line && begins_definition((at_token_kind)t->kind) &&
            at_parser_column(p, p->at) <= at_parser_column(p, p->definition));
}

static bool begins_statement(at_token_kind kind) {
    return kind == AT_TOKEN_AXIS || kind == AT_TOKEN_PARAM || kind == AT_TOKEN_STATE ||
           kind == AT_TOKEN_NEXT || kind == AT_TOKEN_SCAN || kind == AT_TOKEN_REPEAT ||
           kind == AT_TOKEN_REQUIRE;
}

void at_parser_skip_statement(at_parser *p, int from) {
    int braces = 0, column = at_parser_column(p, from);
    if (p->at < from) p->at = from;
    if (at_parser_gave_up(p)) p->at = p->count - 1;
    for (;; at_parser_advance(p)) {
        const at_token *t = &p->tokens[p->at];
        at_token_kind kind = (at_token_kind)t->kind;
        if (kind == AT_TOKEN_FILE_END || (p->at > from && at_parser_at_definition(p))) break;
        if (kind == AT_TOKEN_RIGHT_BRACE && braces == 0) break;
        if (t->line && braces == 0 && p->at > from) {
            if (p->depth == 0 && t->first) break;
            if (p->depth > 0 && (begins_statement(kind) || at_parser_column(p, p->at) <= column))
                break;
        }
        if (kind == AT_TOKEN_LEFT_BRACE) braces++;
        if (kind == AT_TOKEN_RIGHT_BRACE) braces--;
        if (braces || kind == AT_TOKEN_RIGHT_BRACE) p->depth = 0;
        else if (kind == AT_TOKEN_LEFT_PAREN || kind == AT_TOKEN_LEFT_BRACKET) p->depth++;
        else if (kind == AT_TOKEN_RIGHT_PAREN || kind == AT_TOKEN_RIGHT_BRACKET)
            p->depth -= p->depth > 0;
    }
    p->depth = 0;
}

void at_parser_skip_definition(at_parser *p) {
    p->depth = 0;
    if (at_parser_gave_up(p)) p->at = p->count - 1;
    int braces = 0;
    do {
        at_token_kind kind = (at_token_kind)p->tokens[p->at].kind;
        if (kind == AT_TOKEN_LEFT_BRACE) braces++;
        at_parser_advance(p);
        if (kind == AT_TOKEN_RIGHT_BRACE && --braces == 0 && p->tokens[p->at].line) return;
    } while (!at_parser_at_definition(p));
}
