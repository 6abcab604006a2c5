/* From text to tokens and comments, all at once: a parser that can look at any token decides
 * between an equation and an assertion without reading anything twice.
 *
 * Comments are kept apart from tokens, in order of place, with what the formatter needs to put them
 * back. Whether a line goes on is half decided here (at_token.first) and half by the parser, which
 * knows the open brackets. What is not of the language goes to lex_foreign.c. */
#include "lang/lang_int.h"

#include <string.h>

enum { OTHER, WORD, MARK };

static const struct {
    const char *text;
    uint8_t length, form;
    bool goes_on;
} rows[] = {
#define AT_TOKEN(id, text, form, goes_on) {text, sizeof text - 1, form, goes_on},
#include "lang/tokens.def"
#undef AT_TOKEN
};

static const char *const folds[] = {
#define AT_FOLD(id, text, form, result, doc) text,
#include "ir/folds.def"
#undef AT_FOLD
};

const char *at_token_kind_text(at_token_kind kind) { return rows[kind].text; }

bool at_is_fold(const char *word) {
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (strcmp(folds[i], word) == 0) return true;
    return false;
}

static int find_word(const char *text, size_t length) {
    for (int i = 0; i < AT_TOKENS; i++)
        if (rows[i].form == WORD && rows[i].length == length && *rows[i].text == *text &&
            memcmp(rows[i].text, text, length) == 0)
            return i;
    return -1;
}

bool at_is_reserved(const char *word) {
    return find_word(word, strlen(word)) >= 0 || strcmp(word, "inf") == 0 ||
           strcmp(word, "pi") == 0 || strcmp(word, "training") == 0 || at_is_fold(word);
}

/* ---- pieces: each gives the byte behind what begins at i ------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* `encoder.w`, `x'2`: parts joined by dots, each with an optional ' and number. */
static uint32_t name_end(const char *text, uint32_t i) {
    for (;;) {
        while (is_letter(text[i]) || is_digit(text[i])) i++;
        if (text[i] == '\'' && is_digit(text[i + 1]))
            for (i++; is_digit(text[i]);) i++;
        if (text[i] != '.' || !is_letter(text[i + 1])) return i;
        i++;
    }
}

bool at_is_plain_name(const char *name) { return is_letter(*name) && !name[name_end(name, 0)]; }

static uint32_t number_end(const char *text, uint32_t i) {
    while (is_digit(text[i])) i++;
    if (text[i] == '.' && is_digit(text[i + 1]))
        for (i++; is_digit(text[i]);) i++;
    if (text[i] == 'e' || text[i] == 'E') {
        uint32_t sign = text[i + 1] == '+' || text[i + 1] == '-';
        if (is_digit(text[i + 1 + sign]))
            for (i += 1 + sign; is_digit(text[i]);) i++;
    }
    return i;
}

static at_span span_of(const at_parser *p, uint32_t begin, uint32_t end) {
    return (at_span){p->source, begin, end};
}

/* Letters that stick to a number: `2d`, `1e`, `3.`, `0x10`, `1_000`. */
static bool check_number(at_parser *p, uint32_t begin, uint32_t *end) {
    const char *text = p->source->text;
    uint32_t i = *end;
    if (text[i] != '.' && !is_letter(text[i])) return true;
    while (is_letter(text[i]) || is_digit(text[i]) || text[i] == '.') i++;
    at_diag *diag =
        at_error(p->session, AT_E_NUMBER, span_of(p, begin, i), "`%.*s` is not a number",
                 (int)(i - begin < 60 ? i - begin : 60), text + begin);
    int digits = (int)(*end - begin < 40 ? *end - begin : 40);
    if (text[*end] == '.' && i == *end + 1)
        at_hint(p->session, diag, "digits stand on both sides of the point: `%.*s.0`", digits,
                text + begin);
    else if (text[*end] == '.' && text[*end + 1] == '.')
        at_hint(p->session, diag, "there are no ranges: an index runs over the whole of its axis");
    else if (text[*end] == 'e' || text[*end] == 'E')
        at_hint(p->session, diag, "an exponent has digits: `1e-6`");
    else if (text[*end] == '_' && is_digit(text[*end + 1]))
        at_hint(p->session, diag, "write the digits without `_`");
    else
        at_hint(p->session, diag,
                "a name begins with a letter; a product is written with `*`: `%.*s * %.*s`", digits,
                text + begin, (int)(i - *end < 40 ? i - *end : 40), text + *end);
    *end = i;
    return false;
}

static bool check_string(at_parser *p, uint32_t begin, uint32_t *end) {
    const char *text = p->source->text;
    uint32_t i = begin + 1;
    bool good = true;
    for (; text[i] && text[i] != '\n' && text[i] != '"'; i++) {
        if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\')) {
            i++;
        } else if (text[i] == '\\' || (unsigned char)text[i] < ' ') {
            if (good && !(text[i] == '\r' && text[i + 1] == '\n')) {
                bool slash = text[i] == '\\';
                at_diag *diag =
                    at_error(p->session, AT_E_STRING, span_of(p, i, i + 1),
                             slash ? "this `\\` stands before nothing it can stand before"
                                   : "a string cannot hold an invisible character");
                if (slash)
                    at_hint(p->session, diag,
                            "only `\\\"` and `\\\\` are written with a backslash");
                good = false;
            }
        }
    }
    *end = i + (text[i] == '"');
    if (text[i] == '"') return good;
    if (good)
        at_error(p->session, AT_E_STRING, span_of(p, begin, i),
                 "this string has no closing `\"` on its line");
    return false;
}

/* `…`: any name, as the compiler prints those that are not plain. */
static bool check_quoted(at_parser *p, uint32_t begin, uint32_t *end) {
    const char *text = p->source->text;
    uint32_t i = begin + 1;
    while (is_letter(text[i]) || is_digit(text[i]) || (text[i] && strchr(".#'[]", text[i]))) i++;
    *end = i + (text[i] == '`');
    if (text[i] == '`' && i > begin + 1) return true;
    if (text[i] == '`') {
        at_error(p->session, AT_E_QUOTED_NAME, span_of(p, begin, *end), "this name is empty");
        return false;
    }
    uint32_t close = i;
    while (text[close] && text[close] != '\n' && text[close] != '`') close++;
    if (text[close] == '`') {
        at_diag *diag = at_error(p->session, AT_E_QUOTED_NAME, span_of(p, begin, close + 1),
                                 "this cannot be a name");
        at_hint(p->session, diag,
                "between backquotes stand letters, digits and the characters _ . # ' [ ]");
        close++;
    } else {
        close = i;
        at_error(p->session, AT_E_QUOTED_NAME, span_of(p, begin, close),
                 "this name has no closing backquote on its line");
    }
    *end = close;
    return false;
}

/* ---- the whole text -------------------------------------------------------------------------- */

/* Where the lexer is, and the line ends since the last token and since the last of any kind. */
typedef struct {
    uint32_t i;
    int lines, lines_of_any;
    int depth;   /* ( and [ that seem open: a // there is a division, not a comment */
    bool any;    /* a token or comment came before */
    bool joined; /* a \\ was meant to join this line to the next */
} lexer;

static void add_comment(at_parser *p, lexer *x) {
    const char *text = p->source->text;
    uint32_t begin = x->i, end;
    while (text[x->i] && text[x->i] != '\n') x->i++;
    for (end = x->i; end > begin && (unsigned char)text[end - 1] <= ' ';) end--;
    at_comment comment = {begin, end, .line = x->lines > 0 || p->count == 0,
                          .blank = x->lines_of_any > 1 && x->any};
    AT_PUSH(p->session->arena, p->comments, p->comment_count, p->comment_capacity, comment);
    x->lines_of_any = 0;
    x->any = true;
}

static void add_token(at_parser *p, lexer *x, at_token_kind kind, uint32_t begin, bool said) {
    bool line = x->lines > 0 || p->count == 0;
    bool went_on = x->joined || (p->count > 0 && rows[p->tokens[p->count - 1].kind].goes_on);
    at_token token = {begin,        x->i,         (uint8_t)kind,
                      .line = line, .said = said, .blank = x->lines_of_any > 1 && x->any};
    token.first = kind == AT_TOKEN_FILE_END || (line && !went_on && kind != AT_TOKEN_THEN &&
                                                kind != AT_TOKEN_ELSE && kind != AT_TOKEN_ARROW);
    AT_PUSH(p->session->arena, p->tokens, p->count, p->capacity, token);
    if (kind == AT_TOKEN_LEFT_PAREN || kind == AT_TOKEN_LEFT_BRACKET) x->depth++;
    if (kind == AT_TOKEN_RIGHT_PAREN || kind == AT_TOKEN_RIGHT_BRACKET) x->depth -= x->depth > 0;
    if (kind == AT_TOKEN_LEFT_BRACE || kind == AT_TOKEN_RIGHT_BRACE) x->depth = 0;
    x->lines = x->lines_of_any = 0;
    x->joined = false;
    x->any = true;
}

static at_token_kind find_mark(const char *text, uint32_t *i) {
    for (int k = 0; k < AT_TOKENS; k++) {
        if (rows[k].form != MARK || *rows[k].text != text[*i]) continue;
        if (strncmp(text + *i, rows[k].text, rows[k].length) != 0) continue;
        *i += rows[k].length;
        return (at_token_kind)k;
    }
    return AT_TOKEN_BAD;
}

static void lex_one(at_parser *p, lexer *x) {
    const char *text = p->source->text;
    uint32_t begin = x->i;
    bool good = true;
    bool line = (x->lines > 0 || p->count == 0) && x->depth == 0;
    at_token_kind kind;
    if (is_letter(text[begin])) {
        x->i = name_end(text, begin);
        int word = find_word(text + begin, x->i - begin);
        kind = word >= 0 ? (at_token_kind)word : AT_TOKEN_NAME;
        uint32_t end = at_lex_foreign_name(p, begin, x->i); /* naïve, x₁ */
        if (end > x->i) kind = AT_TOKEN_NAME;
        good = end == x->i;
        x->i = end;
    } else if (is_digit(text[begin])) {
        x->i = number_end(text, begin);
        good = check_number(p, begin, &x->i);
        kind = AT_TOKEN_NUMBER;
    } else if (text[begin] == '"') {
        good = check_string(p, begin, &x->i);
        kind = AT_TOKEN_STRING;
    } else if (text[begin] == '`') {
        good = check_quoted(p, begin, &x->i);
        kind = AT_TOKEN_QUOTED;
    } else {
        kind = at_lex_foreign(p, &x->i, line);
        good = x->i == begin;
        if (good) kind = find_mark(text, &x->i);
        if (!good && kind == AT_TOKEN_FILE_END) {
            x->joined = x->joined || text[begin] == '\\';
            return;
        }
    }
    add_token(p, x, kind, begin, !good);
}

void at_lex(at_parser *p) {
    const char *text = p->source->text;
    lexer x = {0};
    p->capacity = (int)(p->source->length / 3) + 64; /* most programs have fewer tokens than that */
    p->tokens = AT_NEW_ARRAY(p->session->arena, at_token, p->capacity);
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        x.i = 3; /* a byte order mark, as some editors write */
    while (text[x.i] && !at_parser_gave_up(p)) {
        char c = text[x.i];
        if (c == '\n') {
            x.i++;
            x.lines++;
            x.lines_of_any++;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            x.i++;
        } else if (c == '#') {
            add_comment(p, &x);
        } else {
            lex_one(p, &x);
        }
    }
    add_token(p, &x, AT_TOKEN_FILE_END, x.i, false);
}
