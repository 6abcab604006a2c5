/* What an unknown name probably means: a name of this place spelt nearly so, an equation further
 * down, a name of another function, or a word that other languages have for it. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- near names ------------------------------------------------------------------------------ */

typedef struct {
    at_resolver *r;
    int count, capacity;
    const char **names;
} names;

static void add(names *list, const char *name) {
    /* Names of a printed cascade and of split-off arrays were not written by anybody. */
    if (strpbrk(name, "[#'.")) return;
    AT_PUSH(list->r->s->arena, list->names, list->count, list->capacity, name);
}

static void add_functions(names *list, const at_map *functions) {
    for (int i = 0; i < functions->capacity; i++)
        if (functions->keys[i]) add(list, functions->keys[i]);
}

static void add_entities(names *list, const at_frame *frame, at_wanted wanted) {
    for (int i = 0; i < frame->names.capacity; i++) {
        if (!frame->names.keys[i]) continue;
        const at_entity *entity = frame->names.values[i];
        bool function = entity->tag == AT_N_FUNCTION;
        if (entity->tag == AT_N_BROKEN) continue;
        if (wanted == AT_WANT_FUNCTION ? function : !function && entity->tag != AT_N_AXIS)
            add(list, entity->name);
    }
}

static void hint_near(at_resolver *r, const at_scope *scope, at_diag *diag, const char *name,
                      at_wanted wanted) {
    names list = {.r = r};
    add_entities(&list, scope->frame, wanted);
    for (const at_env *env = scope->env; env && wanted == AT_WANT_VALUE; env = env->outer)
        add(&list, env->name);
    if (wanted == AT_WANT_FUNCTION) {
        const at_module *module = scope->frame->module;
        add_functions(&list, &module->functions);
        for (int u = 0; u < module->use_count; u++)
            add_functions(&list, &module->uses[u]->functions);
        for (int op = 0; op < AT_OPS; op++)
            if (at_op_info((at_op)op)->level == 0) add(&list, at_op_info((at_op)op)->text);
        for (int fold = 0; fold < AT_FOLDS; fold++) add(&list, at_fold_info((at_fold)fold)->text);
    }
    at_hint_near(r->s, diag, name, list.names, list.count);
}

/* ---- words of other languages ---------------------------------------------------------------- */

static const struct {
    const char *words; /* each between spaces */
    const char *hint;
} foreign[] = {
    {" ln log10 log2 ", "log(x) is the natural logarithm; log(x) / log(2) has base 2"},
    {" pow power square ", "a power is written x^2"},
    {" mod fmod remainder ", "the remainder is written a % b"},
    {" fabs ", "abs(x)"},
    {" len length shape dim ndim ", "size(n) is the extent of the axis n"},
    {" dot matmul einsum bmm mm ", "write the sum: c[i,j] = sum[k](a[i,k] * b[k,j])"},
    {" transpose permute swapaxes ", "exchange the indices: y[j,i] = x[i,j]"},
    {" concat concatenate cat stack hstack vstack ",
     "axis n = size(u) + size(m), then z[n] = a[n | b[n - size(u)]] joins a[u] and b[m]"},
    {" reshape view flatten split chunk ", "compute the index: y[h,d] = x[h * size(d) + d]"},
    {" where_ select cond ", "if c then a else b"},
    {" arange range iota linspace ", "an index is a number: y[n] = n"},
    {" zeros ones full zeros_like ones_like ", "give every element its value: y[n] = 0"},
    {" rand randn random randint ", "draw it: e[n] ~ normal(0, 1)"},
    {" roll shift pad ", "read with an alternative: x[n - 1 | 0]"},
    {" avg average ", "mean[n](x[n])"},
    {" True False ", "true and false are written small"},
    {" isnan ", "x != x holds only where x is NaN"},
};

static const char *foreign_hint(at_resolver *r, const char *name) {
    const char *word = at_format(r->s->arena, " %s ", name);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strstr(foreign[i].words, word)) return foreign[i].hint;
    return NULL;
}

/* ---- names of other places ------------------------------------------------------------------- */

static bool defined_later(at_resolver *r, const at_scope *scope, const char *name) {
    at_assigned *list;
    int count = at_assigned_names(r, &scope->frame->definition->body, &list);
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) return true;
    return false;
}

/* The function of this file that has the option or input; NULL if none, or this one. */
static const at_definition *owner(const at_scope *scope, const char *name, const char **what) {
    const at_file_tree *tree = scope->frame->module->tree;
    for (int i = 0; tree && i < tree->count; i++) {
        const at_definition *d = tree->items[i];
        if (d == scope->frame->definition) continue;
        *what = "an option";
        for (int k = 0; k < d->option_count; k++)
            if (strcmp(d->options[k].name, name) == 0) return d;
        *what = "an input";
        for (int k = 0; k < d->input_count; k++)
            if (strcmp(d->inputs[k].name, name) == 0) return d;
    }
    return NULL;
}

void at_unknown_name(at_resolver *r, const at_scope *scope, const char *name, at_span span,
                     at_wanted wanted) {
    at_diag *diag =
        at_resolve_error(r, scope->frame, AT_E_UNKNOWN_NAME, span, "%s here is called `%s`",
                         wanted == AT_WANT_FUNCTION ? "no function" : "nothing", name);
    at_define(r, scope->frame, AT_N_BROKEN, name, span); /* said once is enough */
    const char *text = foreign_hint(r, name), *what;
    if (text) {
        at_hint(r->s, diag, "%s", text);
        return;
    }
    for (int i = 0; r->region && r->region->frame == scope->frame && i < r->region->pending_count;
         i++) {
        if (strcmp(r->region->pending[i]->name, name) != 0) continue;
        if (r->region->pending[i]->absent)
            at_hint(r->s, diag,
                    "its equation stands in an `if` that is not taken, or in a repeat of no "
                    "rounds");
        else
            at_hint(r->s, diag,
                    "what a scan reads before its equation has all its axes written out at "
                    "the left, as in %s[t,n] = …",
                    name);
        return;
    }
    const at_tree_statement *st = r->statement;
    for (int i = 0; st && i < st->target_count && wanted == AT_WANT_VALUE; i++) {
        if (strcmp(st->targets[i].name, name) != 0) continue;
        if (st->targets[i].count && st->targets[i].axes[0])
            at_hint(r->s, diag, "an array that reads itself stands in a scan: scan %s { … }",
                    st->targets[i].axes[0]);
        else
            at_hint(r->s, diag, "this is its first equation, so it has no value yet");
        return;
    }
    if (wanted != AT_WANT_FUNCTION && defined_later(r, scope, name)) {
        at_hint(r->s, diag, "`%s` gets its equation further down; equations are read in order",
                name);
        return;
    }
    const char *dot = strrchr(name, '.');
    if (dot && wanted == AT_WANT_FUNCTION &&
        (at_op_find(dot + 1) >= 0 || at_map_get(&scope->frame->module->functions, dot + 1))) {
        at_hint(r->s, diag, "did you mean `%s`?", dot + 1);
        return;
    }
    hint_near(r, scope, diag, name, wanted);
    const at_definition *other = diag->hint ? NULL : owner(scope, name, &what);
    if (other)
        at_hint(r->s, diag, "`%s` is %s of `%s`; a function sees only its own names", name, what,
                other->name);
}
