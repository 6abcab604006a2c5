/* What stands at the left of equations and in headers: arrays with their axes and types, and
 * options. */
#include "lang/lang_int.h"

#include <string.h>

/* An index at the left that is not a name: `x[0] =`, `h[t+1] =`. */
static void complain_axis(at_parser *p, bool equation) {
    at_diag *diag;
    at_token_kind kind = at_parser_peek(p);
    if (kind == AT_TOKEN_COMMA || kind == AT_TOKEN_RIGHT_BRACKET) {
        diag = at_complain(p, p->at, AT_E_TARGET, "expected an axis, found %s", at_parser_shown(p));
        at_hint(p->session, diag, "a scalar is written without brackets");
        return;
    }
    diag = at_complain(p, p->at, AT_E_TARGET, "between these [ ] stand names of axes, found %s",
                       at_parser_shown(p));
    if (equation)
        at_hint(p->session, diag,
                "an equation defines all elements at once: `h[t] = if t == 0 then … else …`; what "
                "refers to earlier elements stands in `scan t { … }`");
    else at_hint(p->session, diag, "a fixed extent is stated by `require size(d) == 64`");
}

static bool parse_axes(at_parser *p, at_target *target, bool equation) {
    int capacity = 0, spans = 0, span_capacity = 0;
    do {
        at_token_kind kind = at_parser_peek(p);
        at_span span = at_parser_span(p, p->at);
        const char *name = NULL;
        if (kind == AT_TOKEN_COLON && equation) {
            at_parser_advance(p);
        } else {
            bool word = kind >= AT_TOKEN_FN && kind <= AT_TOKEN_AS;
            if (kind == AT_TOKEN_NAME || kind == AT_TOKEN_QUOTED || word)
                name = at_parser_name(p, "an axis", &span);
            at_token_kind next = at_parser_peek(p);
            if (name && next != AT_TOKEN_COMMA && next >= AT_TOKEN_ARROW &&
                next < AT_TOKEN_SEMICOLON)
                name = NULL; /* an operator: `t+1` */
            if (!name) {
                complain_axis(p, equation);
                return false;
            }
        }
        AT_PUSH(p->session->arena, target->axes, target->count, capacity, name);
        AT_PUSH(p->session->arena, target->axis_spans, spans, span_capacity, span);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}

bool at_parse_target(at_parser *p, at_target *target, const char *what, bool equation) {
    *target = (at_target){.kind = AT_REAL};
    target->name = at_parser_name(p, what, &target->span);
    if (!target->name) return false;
    int open = p->at;
    if (!at_parser_open(p, AT_TOKEN_LEFT_BRACKET)) return true;
    target->brackets = true;
    return parse_axes(p, target, equation) && at_parser_close(p, open, "`,` or `]`");
}

static const char *kind_hint(const char *word) {
    static const char *const reals[] = {"float",   "f32",    "f64",    "f16",
                                        "bf16",    "double", "number", "float32",
                                        "float64", "tensor", "array",  "Tensor"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (strcmp(reals[i], word) == 0) return "an array of reals needs no type: leave it out";
    if (strncmp(word, "int", 3) == 0 || strcmp(word, "i32") == 0 || strcmp(word, "i64") == 0 ||
        strcmp(word, "long") == 0)
        return "write `int`";
    if (strncmp(word, "bool", 4) == 0) return "write `bool`";
    return "the types are `int`, `bool`, and `index v` for ints inside the axis v";
}

bool at_parse_kind(at_parser *p, at_target *target) {
    if (!at_parser_take(p, AT_TOKEN_COLON)) return true;
    int from = p->at;
    target->has_kind = true;
    if (at_parser_sees_word(p, "int")) target->kind = AT_INT;
    else if (at_parser_sees_word(p, "bool")) target->kind = AT_BOOL;
    else if (at_parser_sees_word(p, "real")) target->kind = AT_REAL;
    else if (!at_parser_sees_word(p, "index")) {
        bool name = at_parser_peek(p) == AT_TOKEN_NAME;
        at_diag *diag = at_complain(p, p->at, AT_E_KIND, "%s is not a type", at_parser_shown(p));
        if (at_parser_peek(p) == AT_TOKEN_LEFT_BRACKET)
            at_hint(p->session, diag, "the axes follow the name: `x[n,d]`");
        else at_hint(p->session, diag, "%s", kind_hint(name ? at_parser_text(p, p->at) : ""));
        return false;
    }
    bool index = at_parser_sees_word(p, "index");
    at_parser_advance(p);
    if (index) {
        at_span span;
        target->kind = AT_INT;
        target->inside = at_parser_name(p, "an axis", &span);
        if (!target->inside) return false;
    }
    target->kind_span = at_parser_span_from(p, from);
    if (at_parser_peek(p) != AT_TOKEN_LEFT_BRACKET) return true;
    at_diag *diag = at_complain(p, p->at, AT_E_KIND, "the axes of an array follow its name");
    at_hint(p->session, diag, "write `%s[…]: int`", target->name);
    return false;
}

/* (i,j) behind an option that is a function */
static bool parse_parameters(at_parser *p, at_bind *option) {
    int open = p->at, capacity = 0;
    if (!at_parser_open(p, AT_TOKEN_LEFT_PAREN)) return true;
    option->is_function = true;
    do {
        at_span span;
        const char *name = at_parser_name(p, "a parameter", &span);
        if (!name) return false;
        AT_PUSH(p->session->arena, option->parameters, option->count, capacity, name);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return at_parser_close(p, open, "`,` or `)`");
}

bool at_parse_option(at_parser *p, at_bind *option, bool header) {
    *option = (at_bind){0};
    option->name = at_parser_name(p, "an option", &option->span);
    if (!option->name || !parse_parameters(p, option)) return false;
    at_token_kind kind = at_parser_peek(p);
    if (at_parser_take(p, AT_TOKEN_ASSIGN)) return (option->value = at_parse_expression(p)) != NULL;
    at_diag *diag = NULL;
    if (kind == AT_TOKEN_COLON) {
        diag = at_complain(p, p->at, AT_E_OPTION, "an option has no type of its own");
        at_hint(p->session, diag, "write `%s = …`", option->name);
    } else if (kind == AT_TOKEN_LEFT_BRACKET) {
        diag = at_complain(p, p->at, AT_E_OPTION, "arrays stand before the `;`, options after it");
        if (!header)
            at_hint(p->session, diag, "a function option is given as `%s(i,j) = …`", option->name);
    } else if (kind == AT_TOKEN_EQ) {
        diag = at_complain(p, p->at, AT_E_EQUAL, "an option is given with `=`, not `==`");
    } else if (!header) {
        diag =
            at_complain(p, p->at, AT_E_OPTION, "the option `%s` is given no value", option->name);
        diag->span = option->span;
        at_hint(p->session, diag, "write `%s = …`; arrays stand before the `;`", option->name);
    }
    return !diag;
}

bool at_parse_options(at_parser *p, at_bind **options, int *count, bool header) {
    int capacity = 0;
    if (at_parser_peek(p) == AT_TOKEN_RIGHT_PAREN) return true;
    do {
        at_bind option;
        if (!at_parse_option(p, &option, header)) return false;
        AT_PUSH(p->session->arena, *options, *count, capacity, option);
    } while (at_parser_take(p, AT_TOKEN_COMMA));
    return true;
}
