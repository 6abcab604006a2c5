/* The commonest mistakes of people who come from other languages, told from what stands where it
 * cannot. Nothing here changes what is parsed. */
#include "lang/lang_int.h"

#include <string.h>

/* Whether a // stands before this place on its line: words behind it were meant as a comment. */
static bool after_slashes(const at_parser *p) {
    for (int i = p->at; i > p->statement; i--) {
        if (p->tokens[i].line) return false;
        if (p->tokens[i - 1].kind == AT_TOKEN_IDIV) return true;
    }
    return false;
}

static const char *hint_after_value(at_parser *p) {
    if (p->value_end != p->at) return NULL;
    if (after_slashes(p)) return "`//` divides ints; a comment begins with `#`";
    if (p->tokens[p->statement].kind == AT_TOKEN_REPEAT && p->depth == 0)
        return "write `repeat 6 { … }`, or `repeat l < 6 { … }` to name the round";
    if (p->tokens[p->at - 1].kind == AT_TOKEN_NAME &&
        strcmp(at_parser_text(p, p->at - 1), "lambda") == 0)
        return "a function is defined by `fn`, or given as an option: `f(x; score(s) = s)`";
    if (at_parser_sees_word(p, "for") || at_parser_sees_word(p, "in"))
        return "there are no loops: an equation holds for all values of its indices";
    if (at_parser_sees_word(p, "down")) return "`down` follows the axis that it belongs to";
    if (at_parser_sees_word(p, "mod")) return "a remainder is written with `%`";
    if (at_parser_sees_word(p, "xor")) return "one of two conditions, not both: `a != b`";
    return "a product is written with `*`";
}

static bool is_operator(at_token_kind kind) {
    return (kind >= AT_TOKEN_IDIV && kind <= AT_TOKEN_COMMA) || kind == AT_TOKEN_AND ||
           kind == AT_TOKEN_OR;
}

const char *at_hint_unexpected(at_parser *p) {
    at_token_kind before = p->at ? (at_token_kind)p->tokens[p->at - 1].kind : AT_TOKEN_FILE_END;
    switch (at_parser_peek(p)) {
    case AT_TOKEN_ASSIGN: return "`=` defines; two values are compared with `==`";
    case AT_TOKEN_EQ: return "`==` compares; an equation is written with `=`";
    case AT_TOKEN_IF: return "a choice is written `if c then a else b`";
    case AT_TOKEN_THEN:
    case AT_TOKEN_ELSE: return "a choice is written `if c then a else b`";
    case AT_TOKEN_WHERE:
        return "`where` stands in the brackets of an operation: `sum[j where c](…)`";
    case AT_TOKEN_AS: return "`as` follows a call, or a name in an `axis` statement";
    case AT_TOKEN_COLON:
        return p->depth ? "there are no slices: declare `axis u = 3` and read `x[u]`"
                        : "only inputs and states have a type; others follow from their equation";
    case AT_TOKEN_SEMICOLON:
        return p->depth ? NULL : "a statement ends at the end of its line, without `;`";
    case AT_TOKEN_BAR: return "`|` stands in an index: `x[t-1 | 0]`";
    case AT_TOKEN_TILDE: return "`~` stands behind an array's name: `e[i] ~ normal(0, 1)`";
    case AT_TOKEN_STRING: return "text stands only after `paper` and `use`";
    case AT_TOKEN_ARROW: return "results are named in the first line of a function";
    case AT_TOKEN_LEFT_BRACKET:
        if (before == AT_TOKEN_ASSIGN || before == AT_TOKEN_COMMA)
            return "a list of constants is written `table(1, 2, 4)`";
        return NULL;
    case AT_TOKEN_NUMBER:
    case AT_TOKEN_NAME:
    case AT_TOKEN_QUOTED: return hint_after_value(p);
    case AT_TOKEN_WHILE: return "`while` follows the count of a `repeat`";
    case AT_TOKEN_LINE_END:
        if (is_operator((at_token_kind)p->tokens[p->at].kind) && p->tokens[p->at].line)
            return "a line goes on after an operator: put it at the end of this line";
        return NULL;
    default: return NULL;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Words that begin statements elsewhere. */
static const struct {
    const char *word, *hint;
} habits[] = {
    {"for", "there are no loops: an equation holds for all values of its indices; what refers to "
            "earlier elements stands in `scan t { … }`, what is done often in `repeat 6 { … }`"},
    {"loop", "what is done often stands in `repeat 6 { … }`"},
    {"let", "an equation needs no word before it: `x = …`"},
    {"var", "an equation needs no word before it: `x = …`"},
    {"const", "an equation needs no word before it: `x = …`"},
    {"val", "an equation needs no word before it: `x = …`"},
    {"set", "an equation needs no word before it: `x = …`"},
    {"float", "an equation needs no type: `x = …`"},
    {"int", "an equation needs no type: `x = …`"},
    {"double", "an equation needs no type: `x = …`"},
    {"return", "results are named after `->` and defined by equations: `y = …`"},
    {"output", "results are named after `->` and defined by equations: `y = …`"},
    {"def", "a function begins with `fn` and stands outside of other functions"},
    {"function", "a function begins with `fn` and stands outside of other functions"},
    {"import", "the definitions of a module come with `use NAME`, outside of functions"},
    {"elif", "write `else if` on the line of the `}` before it"},
    {"assert", "a condition on extents is stated with `require`; arrays are compared in a `law`"},
    {"print", "a value is seen from outside: `attend run FILE --tap NAME`"},
    {"index", "an axis is declared with `axis j = 8`"},
    {"dim", "an axis is declared with `axis j = 8`"},
};

static const char *find_habit(const char *word) {
    for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
        if (strcmp(habits[i].word, word) == 0) return habits[i].hint;
    return NULL;
}

/* The word of the language that `word` is a slip of, or NULL. */
static const char *near_word(const char *word, const char *const *words, int count) {
    int best = strlen(word) < 4 ? 2 : 3; /* one slip in a short word, two in a long one */
    const char *found = NULL;
    for (int i = 0; i < count; i++) {
        int distance = at_text_distance(word, words[i], best);
        if (distance >= best) continue;
        best = distance;
        found = words[i];
    }
    return found;
}

static const char *const statement_words[] = {"axis",   "param",   "state",    "next", "scan",
                                              "repeat", "require", "cotangent"};
static const char *const definition_words[] = {"fn", "law", "paper", "use"};
enum {
    STATEMENT_WORDS = sizeof statement_words / sizeof *statement_words,
    DEFINITION_WORDS = sizeof definition_words / sizeof *definition_words,
};

/* Tokens of name(…) from here on, or 0. */
static int call_length(const at_parser *p) {
    int depth = 0;
    for (int i = p->at + 1; i < p->count && i < p->at + 4096; i++) {
        at_token_kind kind = (at_token_kind)p->tokens[i].kind;
        if (i == p->at + 1 && kind != AT_TOKEN_LEFT_PAREN) return 0;
        if (kind == AT_TOKEN_LEFT_PAREN) depth++;
        if (kind == AT_TOKEN_RIGHT_PAREN && --depth == 0) return i + 1 - p->at;
    }
    return 0;
}

/* `s(i,j) = …`, `x: int = 3`, `let x = 3`. Returns whether it knew what was meant. */
static bool complain_name(at_parser *p) {
    const char *name = at_parser_text(p, p->at);
    at_token_kind next = at_parser_peek_second(p);
    const char *habit = find_habit(name);
    if (habit &&
        (next == AT_TOKEN_NAME || next == AT_TOKEN_NUMBER || next == AT_TOKEN_LINE_END ||
         next == AT_TOKEN_STRING || next == AT_TOKEN_QUOTED || next == AT_TOKEN_LEFT_PAREN)) {
        at_diag *diag = at_complain(p, p->at, AT_E_STATEMENT, "`%s` begins no statement", name);
        at_hint(p->session, diag, "%s", habit);
        return true;
    }
    const char *word = near_word(name, statement_words, STATEMENT_WORDS);
    if (word && (next == AT_TOKEN_NAME || next == AT_TOKEN_NUMBER)) {
        at_diag *diag = at_complain(p, p->at, AT_E_STATEMENT, "`%s` begins no statement", name);
        at_hint(p->session, diag, "did you mean `%s`?", word);
        return true;
    }
    if (next == AT_TOKEN_COLON) {
        at_diag *diag = at_complain(p, p->at + 1, AT_E_KIND,
                                    "the type of `%s` follows from its equation", name);
        at_hint(p->session, diag, "leave the type out; `int(x)` and `real(x)` convert");
        return true;
    }
    int call = call_length(p);
    if (call && p->tokens[p->at + call].kind == AT_TOKEN_ASSIGN && !p->tokens[p->at + call].first) {
        at_diag *diag =
            at_complain(p, p->at + 1, AT_E_TARGET, "at the left of `=` the axes stand in [ ]");
        at_hint(p->session, diag,
                "write `%s[…] = …`; a function is defined by `fn`, outside of others", name);
        return true;
    }
    return false;
}

static void complain_value(at_parser *p) {
    int from = p->at;
    at_tree *tree = at_parse_sum(p);
    if (!tree) return;
    at_op op = at_parser_comparison(p);
    if (op == AT_OP_EQ) {
        at_diag *diag = at_complain(p, p->at, AT_E_EQUAL, "an equation is written with `=`");
        at_hint(p->session, diag,
                "`==` compares: conditions on extents follow `require`, "
                "assertions about arrays stand in a `law`");
    } else if (at_parser_peek(p) == AT_TOKEN_LINE_END ||
               at_parser_peek(p) == AT_TOKEN_RIGHT_BRACE) {
        at_diag *diag = at_complain(p, from, AT_E_STATEMENT, "this value is given no name");
        diag->span = at_parser_span_from(p, from);
        at_hint(p->session, diag, "an equation is written `y = …`");
    } else {
        at_complain_expected(p, "`=`");
    }
}

void at_complain_statement(at_parser *p) {
    at_token_kind kind = (at_token_kind)p->tokens[p->at].kind;
    at_diag *diag;
    switch (kind) {
    case AT_TOKEN_NAME:
    case AT_TOKEN_QUOTED:
        if (!complain_name(p)) complain_value(p);
        return;
    case AT_TOKEN_ELSE:
        diag = at_complain(p, p->at, AT_E_IF, "this `else` follows no `if` block");
        return;
    case AT_TOKEN_FN:
    case AT_TOKEN_LAW:
    case AT_TOKEN_PAPER:
    case AT_TOKEN_USE:
        diag = at_complain(p, p->at, AT_E_STATEMENT, "`%s` stands outside of functions",
                           at_token_kind_text(kind));
        at_hint(p->session, diag, "is the `}` of the function before it missing?");
        return;
    case AT_TOKEN_WHILE:
        diag = at_complain(p, p->at, AT_E_STATEMENT, "`while` begins no statement");
        at_hint(p->session, diag,
                "write `repeat 100 while … { … }`, with the most rounds there may be");
        return;
    case AT_TOKEN_RIGHT_PAREN:
    case AT_TOKEN_RIGHT_BRACKET:
        at_complain(p, p->at, AT_E_UNOPENED, "this `%s` closes nothing", at_token_kind_text(kind));
        return;
    case AT_TOKEN_NUMBER:
    case AT_TOKEN_LEFT_PAREN:
    case AT_TOKEN_STOP:
    case AT_TOKEN_SIZE:
    case AT_TOKEN_GRAD:
    case AT_TOKEN_TRUE:
    case AT_TOKEN_FALSE: complain_value(p); return;
    default: break;
    }
    diag = at_complain(p, p->at, AT_E_STATEMENT, "%s begins no statement", at_parser_shown(p));
    if (is_operator(kind))
        at_hint(p->session, diag, "to go on with the line above, end it with the operator");
    else if (kind == AT_TOKEN_LEFT_BRACE)
        at_hint(p->session, diag,
                "a `{` stands on the line of its `scan`, `repeat`, `if` or `else`");
}

/* ---- definitions ----------------------------------------------------------------------------- */

void at_complain_definition(at_parser *p) {
    at_token_kind kind = (at_token_kind)p->tokens[p->at].kind;
    at_diag *diag;
    if (kind == AT_TOKEN_RIGHT_BRACE) {
        at_complain(p, p->at, AT_E_UNOPENED, "this `}` closes nothing");
        return;
    }
    const char *word = kind == AT_TOKEN_NAME ? at_parser_text(p, p->at) : "";
    diag = at_complain(p, p->at, AT_E_DEFINITION,
                       "a file holds `fn`, `law`, `use` and `paper`, found %s", at_parser_shown(p));
    if (strcmp(word, "def") == 0 || strcmp(word, "function") == 0 || strcmp(word, "func") == 0)
        at_hint(p->session, diag, "a function is written `fn name(inputs) -> outputs { … }`");
    else if (at_parser_peek_second(p) == AT_TOKEN_NAME &&
             near_word(word, definition_words, DEFINITION_WORDS))
        at_hint(p->session, diag, "did you mean `%s`?",
                near_word(word, definition_words, DEFINITION_WORDS));
    else if (kind == AT_TOKEN_NAME && at_parser_peek_second(p) == AT_TOKEN_LEFT_PAREN)
        at_hint(p->session, diag, "a function begins with `fn`: `fn %s(…) -> y[n] { … }`", word);
    else if (strcmp(word, "import") == 0 || strcmp(word, "from") == 0 ||
             strcmp(word, "include") == 0)
        at_hint(p->session, diag, "the definitions of another file come with `use \"file.attn\"`");
    else if (kind == AT_TOKEN_NAME || (kind >= AT_TOKEN_AXIS && kind <= AT_TOKEN_AS))
        at_hint(p->session, diag,
                "equations stand inside a function: `fn main(x[n]) -> y[n] { … }`");
}
