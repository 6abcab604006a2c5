/* Names of the program as names of C: the same where C allows it. */
#include "emit/emit.h"

#include <string.h>

/* What a local name must not hide or be: C's words, types that are used, macros of the headers and
 * the library functions that are called by name. */
static const char *const reserved[] = {
    "auto",
    "break",
    "case",
    "char",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "float",
    "for",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "struct",
    "switch",
    "typedef",
    "union",
    "unsigned",
    "void",
    "volatile",
    "while",
    "bool",
    "true",
    "false",
    "int64_t",
    "uint64_t",
    "size_t",
    "asm",
    "typeof",
    "unix",
    "linux",
    "main",
    "errno",
    "math_errhandling",
    "signgam",
    "I",
    "exp",
    "log",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "tanh",
    "atan2",
    "erf",
    "floor",
    "ceil",
    "pow",
    "rint",
    "fabs",
    "fmax",
    "log1p",
    "isnan",
    "call",
    "fault",
    "value",
    "here",
    "flush",
    "frame",
    "any_fault",
    "known",
    "again",
    "real",
    "given",
};

/* How the names of parts begin (parts.def). */
static const char *const prefixes[] = {"attend_", "vreal", "vint", "vmask", "vgiven"};

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Macros of the C library are in capitals; a name of one letter is none. */
static bool looks_like_macro(const char *name) {
    if (strlen(name) < 2) return false;
    for (const char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z') return false;
    return true;
}

const char *at_c_name(at_names *names, const char *name) {
    char *plain = at_copy_text(names->s->arena, name, strlen(name));
    for (char *c = plain; *c; c++)
        if (!is_word_byte(*c)) *c = '_';
    bool bad = looks_like_macro(plain) || plain[0] == '_' ||
               (plain[0] >= '0' && plain[0] <= '9') || !plain[0];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        bad |= strncmp(plain, prefixes[i], strlen(prefixes[i])) == 0;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        bad |= strcmp(plain, reserved[i]) == 0;
    const char *candidate = bad ? at_format(names->s->arena, "u_%s", plain) : plain;
    const char *base = candidate;
    for (int n = 2; at_map_get(&names->taken, candidate); n++)
        candidate = at_format(names->s->arena, "%s_%d", base, n);
    at_map_put(names->s->arena, &names->taken, candidate, names);
    return candidate;
}

/* What a function that others see must not be called besides: functions of the headers that are
 * included, those of the C library that a program is linked to, and our own prefix. Functions of
 * <math.h> have siblings that end in f and l. */
static const char *const linked[] = {
    "attend",  "index",   "rindex", "read",   "write",   "open",    "close",  "send",   "recv",
    "select",  "signal",  "time",   "clock",  "link",    "pipe",    "wait",   "sleep",  "exit",
    "abort",   "free",    "malloc", "calloc", "realloc", "rand",    "random", "abs",    "labs",
    "div",     "remove",  "rename", "system", "sync",    "dup",     "access", "bind",   "listen",
    "accept",  "connect", "fork",   "kill",   "nice",    "pause",   "raise",  "stat",   "memcpy",
    "memmove", "memset",  "memcmp", "strlen", "printf",  "puts",    "gamma",  "j0",     "j1",
    "jn",      "y0",      "y1",     "yn",     "step",    "advance", "tee",    "splice", "times",
    "select",  "poll",    "brk",    "crypt",
};
static const char *const mathematical[] = {
    "acos",       "asin",  "atan",      "acosh",   "asinh",       "atanh",  "cosh",
    "sinh",       "tanh",  "exp",       "exp2",    "exp10",       "expm1",  "log",
    "log2",       "log10", "log1p",     "logb",    "ilogb",       "modf",   "frexp",
    "ldexp",      "scalb", "scalbn",    "scalbln", "pow",         "sqrt",   "cbrt",
    "hypot",      "erf",   "erfc",      "lgamma",  "tgamma",      "ceil",   "floor",
    "nearbyint",  "rint",  "lrint",     "llrint",  "round",       "lround", "llround",
    "trunc",      "fmod",  "remainder", "remquo",  "copysign",    "nan",    "nextafter",
    "nexttoward", "fdim",  "fmax",      "fmin",    "fma",         "fabs",   "sin",
    "cos",        "tan",   "atan2",     "sincos",  "significand", "drem",   "finite",
    "roundeven",
};

const char *at_c_function_name(at_names *names, const char *name) {
    bool bad = false;
    for (size_t i = 0; i < sizeof linked / sizeof *linked; i++) bad |= strcmp(name, linked[i]) == 0;
    for (size_t i = 0; i < sizeof mathematical / sizeof *mathematical; i++) {
        size_t length = strlen(mathematical[i]);
        if (strncmp(name, mathematical[i], length) != 0) continue;
        bad |= !name[length] || (strchr("fl", name[length]) && !name[length + 1]);
    }
    return at_c_name(names, bad ? at_format(names->s->arena, "u_%s", name) : name);
}

/* The name of a thing: made when first asked for, the same ever after. */
static const char *name_of(at_names *names, const char *sort, int id, const char *wanted) {
    const char *key = at_format(names->s->arena, "%s %d", sort, id);
    const char *known = at_map_get(&names->of, key);
    if (known) return known;
    const char *name = at_c_name(names, wanted);
    at_map_put(names->s->arena, &names->of, key, (void *)name);
    return name;
}

const char *at_axis_name(at_names *names, const at_axis *axis) {
    return name_of(names, "axis", axis->id, axis->name);
}

const char *at_size_name(at_names *names, const at_axis *axis) {
    const char *head = strcmp(axis->name, "t") == 0 ? "size_of" : "size"; /* size_t is a type */
    return name_of(names, "size", axis->id,
                   at_format(names->s->arena, "%s_%s", head, axis->name));
}

const char *at_array_name(at_names *names, const at_array *array) {
    return name_of(names, "array", array->id, array->name);
}

const char *at_fault_name(at_names *names, const at_array *array) {
    return name_of(names, "fault", array->id, at_format(names->s->arena, "%s_fault", array->name));
}

const char *at_copy_name(at_names *names, const at_array *variable, int copy) {
    if (copy == 0) return at_array_name(names, variable);
    const char *sort = at_format(names->s->arena, "copy %d", copy);
    return name_of(names, sort, variable->id,
                   at_format(names->s->arena, "%s_%d", variable->name, copy));
}

const char *at_rest_name(at_names *names) { return name_of(names, "rest", 0, "rest"); }

void at_c_comment(at_text *text, size_t begin) {
    if (!text->data) return;
    for (char *c = text->data + begin; *c; c++) {
        bool mark = (c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*');
        if (mark || *c == '\n' || *c == '\\') *c = ' ';
    }
}
