/* What people type who know other languages, or paste from a paper: `&&`, `**`, `≤`, `α`, smart
 * quotes. Each is an error that names what to write instead; the lexer goes on with the token that
 * was meant, so that one slip gives one error. */
#include "lang/lang_int.h"

#include <string.h>
#include <utf8proc.h>

/* In order: the longer of two that begin alike stands first. FILE_END: nothing stands for it. */
static const struct {
    const char *text;
    at_token_kind kind;
    const char *hint;
} foreign[] = {
    {"&&", AT_TOKEN_AND, "two conditions are joined with `and`"},
    {"||", AT_TOKEN_OR, "two conditions are joined with `or`"},
    {"**", AT_TOKEN_POW, "a power is written `x^2`"},
    {"===", AT_TOKEN_EQ, "equal is written `==`"},
    {"!==", AT_TOKEN_NE, "not equal is written `!=`"},
    {"~=", AT_TOKEN_NE, "not equal is written `!=`"},
    {"<>", AT_TOKEN_NE, "not equal is written `!=`"},
    {"=<", AT_TOKEN_LE, "less or equal is written `<=`"},
    {"=>", AT_TOKEN_ARROW, "results stand after `->`; greater or equal is written `>=`"},
    {":=", AT_TOKEN_ASSIGN, "an equation is written with `=`"},
    {"//=", AT_TOKEN_ASSIGN, "a name may be defined again from itself: `x = x // y`"},
    {"+=", AT_TOKEN_ASSIGN, "a name may be defined again from itself: `x = x + y`"},
    {"-=", AT_TOKEN_ASSIGN, "a name may be defined again from itself: `x = x - y`"},
    {"*=", AT_TOKEN_ASSIGN, "a name may be defined again from itself: `x = x * y`"},
    {"/=", AT_TOKEN_ASSIGN, "a name may be defined again from itself: `x = x / y`"},
    {"&", AT_TOKEN_AND, "two conditions are joined with `and`"},
    {"@", AT_TOKEN_MUL, "a matrix product names its axes: `sum[k](a[i,k] * b[k,j])`"},
    {"?", AT_TOKEN_BAD, "a choice is written `if c then a else b`"},
    {"\\", AT_TOKEN_FILE_END,
     "a line goes on by itself after an operator or a comma, and inside ( ) and [ ]"},
    {"−", AT_TOKEN_MINUS, "type the hyphen, `-`"},
    {"–", AT_TOKEN_MINUS, "type the hyphen, `-`"},
    {"—", AT_TOKEN_MINUS, "type the hyphen, `-`"},
    {"×", AT_TOKEN_MUL, "a product is written with `*`"},
    {"·", AT_TOKEN_MUL, "a product is written with `*`"},
    {"⋅", AT_TOKEN_MUL, "a product is written with `*`"},
    {"∗", AT_TOKEN_MUL, "a product is written with `*`"},
    {"⊙", AT_TOKEN_MUL, "a product, element by element, is written with `*`"},
    {"⊗", AT_TOKEN_MUL, "name the indices: `a[i] * b[j]`"},
    {"⊕", AT_TOKEN_PLUS, "a sum is written with `+`"},
    {"÷", AT_TOKEN_DIV, "a quotient is written with `/`"},
    {"∕", AT_TOKEN_DIV, "a quotient is written with `/`"},
    {"≤", AT_TOKEN_LE, "less or equal is written `<=`"},
    {"⩽", AT_TOKEN_LE, "less or equal is written `<=`"},
    {"≥", AT_TOKEN_GE, "greater or equal is written `>=`"},
    {"⩾", AT_TOKEN_GE, "greater or equal is written `>=`"},
    {"≠", AT_TOKEN_NE, "not equal is written `!=`"},
    {"≈", AT_TOKEN_EQ, "write `==`; in a law it holds within a tolerance"},
    {"∼", AT_TOKEN_TILDE, "type the tilde, `~`"},
    {"∧", AT_TOKEN_AND, "two conditions are joined with `and`"},
    {"∨", AT_TOKEN_OR, "two conditions are joined with `or`"},
    {"¬", AT_TOKEN_NOT, "the opposite is written `not`"},
    {"→", AT_TOKEN_ARROW, "results stand after `->`"},
    {"←", AT_TOKEN_ASSIGN, "an equation is written with `=`"},
    {"≔", AT_TOKEN_ASSIGN, "an equation is written with `=`"},
    {"∑", AT_TOKEN_BAD, "a sum names its axes: `sum[j](x[j])`"},
    {"∏", AT_TOKEN_BAD, "a product over an axis is written `prod[j](x[j])`"},
    {"∫", AT_TOKEN_BAD, "a sum names its axes: `sum[j](x[j])`"},
    {"√", AT_TOKEN_BAD, "a square root is written `sqrt(x)`"},
    {"∞", AT_TOKEN_NUMBER, "infinity is written `inf`"},
    {"∇", AT_TOKEN_BAD, "a gradient is written `grad(loss, x)`"},
    {"∂", AT_TOKEN_BAD, "a derivative is written `grad(loss, x)`"},
    {"∈", AT_TOKEN_BAD, "an index runs over the whole of its axis; `where` restricts it"},
    {"∉", AT_TOKEN_BAD, "an index runs over the whole of its axis; `where` restricts it"},
    {"²", AT_TOKEN_FILE_END, "a square is written `x^2`"},
    {"³", AT_TOKEN_FILE_END, "a cube is written `x^3`"},
    {"⁻", AT_TOKEN_FILE_END, "a power is written `x^-1`"},
    {"¹", AT_TOKEN_FILE_END, "a power is written `x^-1`"},
    {"½", AT_TOKEN_NUMBER, "write `1/2` or `0.5`"},
    {"ᵀ", AT_TOKEN_FILE_END, "there is no transpose: name the indices in the other order"},
    {"⊤", AT_TOKEN_FILE_END, "there is no transpose: name the indices in the other order"},
    {"…", AT_TOKEN_BAD, "write out what the dots stand for"},
};

static const char *const greek[] = {
    "alpha", "beta",   "gamma",   "delta", "epsilon", "zeta",    "eta",   "theta", "iota",
    "kappa", "lambda", "mu",      "nu",    "xi",      "omicron", "pi",    "rho",   "sigma",
    "sigma", "tau",    "upsilon", "phi",   "chi",     "psi",     "omega",
};

static at_span span_of(const at_parser *p, uint32_t begin, uint32_t end) {
    return (at_span){p->source, begin, end};
}

/* The character at byte i and, through `next`, where the one behind it begins. */
static int32_t character(const at_parser *p, uint32_t i, uint32_t *next) {
    utf8proc_int32_t point = 0;
    const at_source *source = p->source;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)source->text + i,
                                          (utf8proc_ssize_t)(source->length - i), &point);
    *next = i + (n > 0 ? (uint32_t)n : 1);
    return n > 0 ? point : 0xFFFD;
}

static bool is_letter_like(int32_t point) {
    if (point < 0x80)
        return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
               (point >= '0' && point <= '9') || point == '_';
    if (point == 0x1D40 || point == 0x207B) return false; /* ᵀ and ⁻ are operators */
    if (point >= 0x2080 && point <= 0x209C) return true;  /* subscripts */
    utf8proc_category_t category = utf8proc_category(point);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) ||
           category == UTF8PROC_CATEGORY_ND;
}

uint32_t at_lex_foreign_name(at_parser *p, uint32_t begin, uint32_t at) {
    uint32_t end = at, next = at, letters = 0;
    int32_t first = at < p->source->length ? character(p, at, &next) : 0;
    if (first < 0x80 || !is_letter_like(first)) return at;
    for (int32_t c = first; next > end && is_letter_like(c); letters++) {
        end = next;
        c = end < p->source->length ? character(p, end, &next) : 0;
    }
    at_diag *diag = at_error(p->session, AT_E_CHARACTER, span_of(p, begin, end),
                             "names are made of the letters a to z, digits and `_`");
    int32_t small = first >= 0x391 && first <= 0x3A9 ? first + 0x20 : first;
    if (begin == at && letters == 1 && small >= 0x3B1 && small <= 0x3C9) {
        const char *name = greek[small - 0x3B1];
        if (small == 0x3C0) at_hint(p->session, diag, "the number is written `pi`");
        else if (small == 0x3BB)
            at_hint(p->session, diag, "write `lambda`, or a name that says what it stands for");
        else at_hint(p->session, diag, "write `%s`", name);
    }
    return end;
}

static bool is_space(int32_t point) {
    return point == 0xA0 || point == 0x2028 || point == 0x2029 || point == 0xFEFF ||
           point == 0x200C || point == 0x200D ||
           (point > 0x80 && utf8proc_category(point) == UTF8PROC_CATEGORY_ZS) || point == 0x200B;
}

/* How far a closing mark is looked for: a file full of opening ones must not take for ever. */
enum { FAR = 1 << 16 };

/* Text in quotes of another kind, up to `close` on the same line; 0 when it is not closed. */
static uint32_t quoted_end(const at_parser *p, uint32_t i, const char *close) {
    const char *text = p->source->text;
    size_t length = strlen(close);
    for (uint32_t end = i + FAR; i < end && text[i] && text[i] != '\n'; i++)
        if (strncmp(text + i, close, length) == 0) return i + (uint32_t)length;
    return 0;
}

static at_token_kind lex_quotes(at_parser *p, uint32_t *byte) {
    static const struct {
        const char *open, *close;
    } quotes[] = {{"“", "”"}, {"”", "”"}, {"„", "“"}, {"«", "»"},
                  {"‘", "’"}, {"’", "’"}, {"'", "'"}};
    const char *text = p->source->text + *byte;
    for (size_t k = 0; k < sizeof quotes / sizeof *quotes; k++) {
        if (*text != *quotes[k].open) continue;
        size_t length = strlen(quotes[k].open);
        if (strncmp(text, quotes[k].open, length) != 0) continue;
        uint32_t end = quoted_end(p, *byte + (uint32_t)length, quotes[k].close);
        bool closed = end != 0;
        if (!closed) end = *byte + (uint32_t)length;
        at_diag *diag = at_error(p->session, AT_E_CHARACTER, span_of(p, *byte, end),
                                 closed ? "text stands in double quotes: `\"…\"`"
                                        : "this quote means nothing here");
        if (closed && k < 4) at_hint(p->session, diag, "type `\"` instead of the curved quotes");
        if (!closed && k + 1 == sizeof quotes / sizeof *quotes)
            at_hint(p->session, diag, "in a name it stands only before a number: `x'2`");
        *byte = end;
        return closed ? AT_TOKEN_STRING : AT_TOKEN_BAD;
    }
    return AT_TOKEN_FILE_END;
}

/* A comment of C: up to the end of the line or the closing mark. */
static bool lex_comment(at_parser *p, uint32_t *byte, bool line) {
    const char *text = p->source->text;
    uint32_t begin = *byte, end = begin + 2;
    bool block = strncmp(text + begin, "/*", 2) == 0;
    if (!block && !(line && strncmp(text + begin, "//", 2) == 0)) return false;
    uint32_t limit = block ? begin + FAR : begin;
    while (end < limit && text[end] && strncmp(text + end, "*/", 2) != 0) end++;
    bool closed = end < limit && text[end];
    if (closed) end += 2;
    else for (end = begin; text[end] && text[end] != '\n';) end++;
    at_diag *diag = at_error(p->session, AT_E_COMMENT, span_of(p, begin, begin + 2),
                             "a comment begins with `#`");
    if (block) at_hint(p->session, diag, "every line of a longer comment begins with `#`");
    *byte = end;
    return true;
}

static bool lex_operator(at_parser *p, uint32_t *byte, at_token_kind *kind) {
    const char *text = p->source->text + *byte;
    for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++) {
        if (*text != *foreign[k].text) continue;
        size_t length = strlen(foreign[k].text);
        if (strncmp(text, foreign[k].text, length) != 0) continue;
        at_diag *diag =
            at_error(p->session, AT_E_OPERATOR, span_of(p, *byte, *byte + (uint32_t)length),
                     "`%s` is not an operator of the language", foreign[k].text);
        at_hint(p->session, diag, "%s", foreign[k].hint);
        *byte += (uint32_t)length;
        *kind = foreign[k].kind;
        return true;
    }
    return false;
}

/* One character that nothing above knows. */
static at_token_kind lex_character(at_parser *p, uint32_t *byte) {
    uint32_t next;
    int32_t point = character(p, *byte, &next);
    at_span span = span_of(p, *byte, next);
    const char *text = p->source->text + *byte;
    int length = (int)(next - *byte);
    *byte = next;
    if (is_space(point)) {
        at_diag *diag = at_error(p->session, AT_E_CHARACTER, span,
                                 "an unusual space (U+%04X) stands here", (unsigned)point);
        at_hint(p->session, diag, "type an ordinary space instead");
        return AT_TOKEN_FILE_END;
    }
    at_diag *diag;
    if (point < ' ' || (point >= 0x7F && point < 0xA0))
        diag = at_error(p->session, AT_E_CHARACTER, span,
                        "an invisible character (U+%04X) stands here", (unsigned)point);
    else
        diag =
            at_error(p->session, AT_E_CHARACTER, span, "`%.*s` means nothing here", length, text);
    if (point == '.') {
        at_label(p->session, diag, "a stray dot");
        at_hint(p->session, diag,
                text[1] >= '0' && text[1] <= '9'
                    ? "a number begins with a digit: `0.5`"
                    : "the parts of a path are joined without spaces: `encoder.w`");
    } else if (point == '!') {
        at_hint(p->session, diag, "the opposite of a condition is written `not`");
        return AT_TOKEN_NOT;
    }
    return AT_TOKEN_BAD;
}

at_token_kind at_lex_foreign(at_parser *p, uint32_t *byte, bool line) {
    const char *text = p->source->text + *byte;
    at_token_kind kind;
    if (lex_comment(p, byte, line)) return AT_TOKEN_FILE_END;
    if (lex_operator(p, byte, &kind)) return kind;
    if (*text == '!' && text[1] == '=') return AT_TOKEN_BAD;
    if (strchr("^*/%+-=<>~|,;:()[]{}", *text)) return AT_TOKEN_BAD;
    uint32_t begin = *byte;
    kind = lex_quotes(p, byte);
    if (*byte > begin) return kind;
    *byte = at_lex_foreign_name(p, begin, begin);
    if (*byte > begin) return AT_TOKEN_NAME;
    return lex_character(p, byte);
}
