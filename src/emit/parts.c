/* Parts of emitted files: parts.def's texts, as they lie in src/emit/parts/, without the lines that
 * an element type does not need. */
#include "emit/emit.h"

#include "generated/parts.inc"

#include <string.h>

#define AT_NEEDS(id) ((uint64_t)1 << AT_C_PART_##id)
static const struct {
    const char *text;
    uint64_t needs;
} rows[] = {
#define AT_PART(id, needs, doc) {id##_part_text, needs},
#include "emit/parts.def"
#undef AT_PART
};
_Static_assert(AT_C_PARTS <= 64, "needs are bits of 64");

void at_c_parts_need(at_c_parts *parts, at_c_part part) {
    if (parts->needed[part]) return;
    parts->needed[part] = true;
    for (at_c_part other = 0; other < part; other++)
        if (rows[part].needs >> other & 1) at_c_parts_need(parts, other);
}

at_c_part at_c_part_of(at_op op) {
    switch (op) {
    case AT_OP_FLOOR:
    case AT_OP_CEIL:
    case AT_OP_ROUND: return AT_C_PART_rounding;
    case AT_OP_SQRT:
    case AT_OP_RSQRT: return AT_C_PART_root;
    case AT_OP_EXP:
    case AT_OP_SIGMOID:
    case AT_OP_SILU:
    case AT_OP_TANH: return AT_C_PART_exp;
    case AT_OP_LOG:
    case AT_OP_SOFTPLUS: return AT_C_PART_log;
    case AT_OP_ERF:
    case AT_OP_GELU: return AT_C_PART_erf;
    case AT_OP_SIN:
    case AT_OP_COS:
    case AT_OP_TAN: return AT_C_PART_sine;
    case AT_OP_ATAN2: return AT_C_PART_angle;
    case AT_OP_POW: return AT_C_PART_power;
    default: return AT_C_PARTS;
    }
}

/* ---- conditions on types ------------------------------------------------------------------- */

static bool begins(const char *line, const char *word) {
    return strncmp(line, word, strlen(word)) == 0;
}

/* Whether a line asks for a type, behind its #if or #elif; and then the answer. */
static bool asks_type(const char *condition, at_type storage, bool *holds) {
    const struct {
        const char *name;
        bool holds;
    } names[] = {
        {"REAL_IS_FLOAT", storage != AT_TYPE_F64},
        {"GIVEN_IS_DOUBLE", storage == AT_TYPE_F64},
        {"GIVEN_IS_FLOAT", storage == AT_TYPE_F32},
        {"GIVEN_IS_BF16", storage == AT_TYPE_BF16},
        {"GIVEN_IS_F16", storage == AT_TYPE_F16},
        {"GIVEN_IS_HALF", storage == AT_TYPE_F16 || storage == AT_TYPE_BF16},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!begins(condition, names[i].name)) continue;
        *holds = names[i].holds;
        return true;
    }
    return false;
}

typedef struct {
    bool types;    /* a question about types, which is not printed */
    bool answered; /* one of its branches was taken */
    bool prints;   /* what stands here is printed, if all around it is */
} condition;

enum { NESTED = 16 };

typedef struct {
    at_type storage;
    int depth;
    condition around[NESTED];
} reading;

/* Whether the line itself is one of ours and so not printed. */
static bool read_condition(reading *r, const char *line) {
    bool holds = false;
    if (begins(line, "#if")) {
        bool types = begins(line, "#if ") && asks_type(line + 4, r->storage, &holds);
        if (r->depth < NESTED)
            r->around[r->depth++] = (condition){types, holds, !types || holds};
        return types;
    }
    condition *now = r->depth ? &r->around[r->depth - 1] : NULL;
    if (!now || line[0] != '#') return false;
    if (begins(line, "#endif")) {
        r->depth--;
        return now->types;
    }
    if (!now->types) return false;
    if (begins(line, "#elif ")) asks_type(line + 6, r->storage, &holds);
    else if (begins(line, "#else")) holds = true;
    else return false;
    now->prints = holds && !now->answered;
    now->answered |= holds;
    return true;
}

static bool prints(const reading *r) {
    for (int i = 0; i < r->depth; i++)
        if (!r->around[i].prints) return false;
    return true;
}

static void print_part(const char *text, at_type storage, at_text *out) {
    reading r = {storage, 0, {{0}}};
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t length = end ? (size_t)(end - text) + 1 : strlen(text);
        if (!read_condition(&r, text) && prints(&r)) at_text_add_n(out, text, length);
        text += length;
    }
}

void at_c_parts_print(const at_c_parts *parts, at_type storage, at_text *out) {
    for (at_c_part part = 0; part < AT_C_PARTS; part++) {
        if (!parts->needed[part]) continue;
        at_text_add(out, "\n");
        print_part(rows[part].text, storage, out);
    }
}
