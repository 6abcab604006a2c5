/* The rows of rules.def as expressions. Each is a little function of the language, parsed and
 * resolved when a derivation first needs it; applying it replaces the reads of its inputs. */
#include "grad/grad_int.h"

#include <string.h>

typedef struct {
    at_op op;
    int argument;
    const char *where, *derivative; /* as written */
    const at_expr *condition, *value; /* NULL until needed, and a condition that is not there */
} row;

struct at_rules {
    const at_program *program;
    int count;
    row *rows;
};

static const row table[] = {
#define AT_RULE_ROW(op, argument, where, derivative)                                               \
    {AT_OP_##op, argument, where, derivative, NULL, NULL},
#include "grad/rules.def"
#undef AT_RULE_ROW
};

enum { ROWS = sizeof table / sizeof *table };

const at_rules *at_rules_read(at_session *s) {
    at_text text = {0};
    for (int i = 0; i < ROWS; i++) {
        at_text_addf(&text, "fn rule%d(d, a, b, c, y) -> x = %s\n", i, table[i].derivative);
        if (table[i].where[0])
            at_text_addf(&text, "fn where%d(a, b, c, y) -> x = %s\n", i, table[i].where);
    }
    const at_source *source = at_make_source(s, "(derivatives)", text.data, text.length);
    at_text_free(&text);
    at_rules *rules = AT_NEW(s->arena, at_rules);
    rules->program = source ? at_load(s, source, NULL) : NULL;
    AT_ASSERT(s, rules->program != NULL);
    rules->count = ROWS;
    rules->rows = at_copy(s->arena, table, sizeof table);
    return rules;
}

static row *find(const at_derivation *g, at_op op, int which) {
    for (int i = 0; i < g->rules->count; i++)
        if (g->rules->rows[i].op == op && g->rules->rows[i].argument == which)
            return &g->rules->rows[i];
    return NULL;
}

/* The one equation of a rule's function. */
static const at_expr *resolved(const at_derivation *g, const char *function, const row *of) {
    at_resolve_options options = {
        .function = at_format(g->s->arena, "%s%d", function, (int)(of - g->rules->rows))};
    const at_cascade *cascade = at_resolve(g->s, g->rules->program, &options);
    AT_ASSERT(g->s, cascade && cascade->body.count == 1);
    return cascade->body.items[0]->u.value;
}

static void prepare(const at_derivation *g, row *of) {
    if (of->value) return;
    of->value = resolved(g, "rule", of);
    if (of->where[0]) of->condition = resolved(g, "where", of);
}

typedef struct {
    const at_derivation *g;
    const at_expr *d, *y;
    const at_expr *const *args;
} filling;

static const at_expr *fill(void *user, const at_expr *e) {
    const filling *f = user;
    if (e->tag != AT_READ) return e;
    switch (e->u.read.array->name[0]) {
    case 'd': return f->d;
    case 'y': return f->y;
    default: return f->args[e->u.read.array->name[0] - 'a'];
    }
}

const at_expr *at_rule_apply(const at_derivation *g, at_op op, int which, const at_expr *d,
                             const at_expr *const *args, const at_expr *y, const at_expr **where) {
    *where = NULL;
    row *of = find(g, op, which);
    if (!of) return NULL;
    prepare(g, of);
    filling f = {g, d, y, args};
    if (of->condition)
        *where = at_make_simple(g->s, at_rewrite(g->s, of->condition, fill, &f));
    return at_make_simple(g->s, at_rewrite(g->s, of->value, fill, &f));
}

static bool note_use(void *user, const at_expr *e) {
    unsigned *uses = user;
    if (e->tag != AT_READ) return true;
    char name = e->u.read.array->name[0];
    if (name == 'y') *uses |= 8;
    else if (name != 'd') *uses |= 1u << (name - 'a');
    return true;
}

unsigned at_rule_uses(const at_derivation *g, at_op op, int which) {
    unsigned uses = 0;
    row *of = find(g, op, which);
    if (!of) return 0;
    prepare(g, of);
    at_walk(of->value, note_use, &uses);
    at_walk(of->condition, note_use, &uses);
    return uses;
}
