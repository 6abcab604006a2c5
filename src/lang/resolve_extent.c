/* Extents: what is known of them, whether two are the same, and where an axis gets its own.
 *
 * Extents are compared as polynomials with integer coefficients over sizes of open axes; what is no
 * polynomial (`//`, `%`) is an atom, compared by its canonical text. So size(c)//8*8 and
 * 8*(size(c)//8) are one extent, and n+1 differs from n for sure. What stays undecided becomes a
 * `require` that the run checks. */
#define _DEFAULT_SOURCE /* strtok_r */
#include "lang/resolve_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- polynomials ----------------------------------------------------------------------------- */

enum { TERMS = 32 };

/* A sum of terms, each a coefficient times a product of atoms as sorted text: "n*n" or "" for 1. */
typedef struct {
    int count;
    const char *atoms[TERMS];
    int64_t factor[TERMS];
    bool failed; /* too large, or overflow: nothing is known */
} polynomial;

static void add_term(polynomial *p, const char *atoms, int64_t factor) {
    int i = 0;
    while (i < p->count && strcmp(p->atoms[i], atoms) != 0) i++;
    if (i == TERMS) {
        p->failed = true;
        return;
    }
    if (i == p->count) {
        p->atoms[p->count] = atoms;
        p->factor[p->count++] = 0;
    }
    if (__builtin_add_overflow(p->factor[i], factor, &p->factor[i])) p->failed = true;
    if (p->factor[i] == 0) {
        p->count--;
        p->atoms[i] = p->atoms[p->count];
        p->factor[i] = p->factor[p->count];
    }
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The atoms of two products as one, sorted: "a*c" times "b" is "a*b*c". */
static const char *join_atoms(at_resolver *r, const char *a, const char *b) {
    if (!*a) return b;
    if (!*b) return a;
    char *text = at_format(r->s->arena, "%s*%s", a, b);
    const char *parts[64];
    int count = 0;
    char *rest; /* two sessions may run at once */
    for (char *p = strtok_r(text, "*", &rest); p; p = strtok_r(NULL, "*", &rest)) {
        if (count == 64) return at_format(r->s->arena, "%s*%s", a, b);
        parts[count++] = p;
    }
    qsort(parts, (size_t)count, sizeof *parts, by_text);
    const char *joined = parts[0];
    for (int i = 1; i < count; i++) joined = at_format(r->s->arena, "%s*%s", joined, parts[i]);
    return joined;
}

static const char *polynomial_text(at_resolver *r, const polynomial *p) {
    int order[TERMS];
    for (int i = 0; i < p->count; i++) order[i] = i;
    for (int i = 1; i < p->count; i++)
        for (int j = i; j > 0 && strcmp(p->atoms[order[j]], p->atoms[order[j - 1]]) < 0; j--) {
            int swap = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
    const char *text = "";
    for (int i = 0; i < p->count; i++)
        text = at_format(r->s->arena, "%s%s%lld%s%s", text, i ? "+" : "",
                         (long long)p->factor[order[i]], *p->atoms[order[i]] ? "." : "",
                         p->atoms[order[i]]);
    return p->count ? text : "0";
}

static polynomial polynomial_of(at_resolver *r, const at_expr *e);

static polynomial axis_polynomial(at_resolver *r, const at_axis *axis) {
    while (axis->like) axis = axis->like;
    if (axis->extent) return polynomial_of(r, axis->extent);
    polynomial p = {0};
    if (axis->fixed >= 0) add_term(&p, "", axis->fixed);
    else add_term(&p, at_format(r->s->arena, "size(%d)", axis->id), 1);
    return p;
}

/* `a // n` and `a % n` for a number n > 0 that divides all of a's terms but the constant one: these
 * are no unknowns, (4*n + 3) // 4 is n. False where that does not hold. */
static bool divides(at_op op, const polynomial *a, const polynomial *divisor, polynomial *result) {
    if ((op != AT_OP_IDIV && op != AT_OP_MOD) || divisor->count != 1 || *divisor->atoms[0])
        return false;
    int64_t n = divisor->factor[0];
    if (n <= 0) return false;
    for (int i = 0; i < a->count; i++)
        if (*a->atoms[i] && a->factor[i] % n != 0) return false;
    *result = (polynomial){0};
    for (int i = 0; i < a->count; i++) {
        int64_t rest = (a->factor[i] % n + n) % n;
        int64_t share = op == AT_OP_MOD ? rest : a->factor[i] / n - (a->factor[i] % n < 0);
        if (share) add_term(result, a->atoms[i], share);
    }
    return true;
}

static polynomial opaque(at_resolver *r, const at_expr *e) {
    polynomial p = {0}, parts[3];
    at_op op = e->u.map.op;
    int arity = at_op_info(op)->arity;
    for (int i = 0; i < arity; i++) {
        parts[i] = polynomial_of(r, e->u.map.args[i]);
        if (parts[i].failed) return parts[i];
    }
    if (arity == 2 && divides(op, &parts[0], &parts[1], &p)) return p;
    const char *text = at_op_info(op)->text;
    bool constant = true;
    int64_t value[3] = {0, 0, 0};
    for (int i = 0; i < arity; i++) {
        bool single = parts[i].count == 0 || (parts[i].count == 1 && !*parts[i].atoms[0]);
        constant = constant && single;
        if (single && parts[i].count) value[i] = parts[i].factor[0];
        /* `*` separates atoms, so it may not stand inside one. */
        char *inner = at_format(r->s->arena, "%s(%s)", text, polynomial_text(r, &parts[i]));
        for (char *c = inner; *c; c++)
            if (*c == '*') *c = '&';
        text = inner;
    }
    int64_t result;
    if (constant && at_int_op(op, value[0], value[1], value[2], &result))
        add_term(&p, "", result);
    else
        add_term(&p, text, 1);
    return p;
}

static polynomial polynomial_of(at_resolver *r, const at_expr *e) {
    polynomial p = {0};
    if (e->tag == AT_CONST && e->kind == AT_INT) {
        if (e->u.integer) add_term(&p, "", e->u.integer);
        return p;
    }
    if (e->tag == AT_SIZE) return axis_polynomial(r, e->u.axis);
    if (e->tag != AT_MAP || e->kind != AT_INT) {
        p.failed = true;
        return p;
    }
    at_op op = e->u.map.op;
    if (op != AT_OP_ADD && op != AT_OP_SUB && op != AT_OP_MUL && op != AT_OP_NEG) {
        for (int i = 0; i < at_op_info(op)->arity; i++)
            if (e->u.map.args[i]->kind != AT_INT) p.failed = true;
        return p.failed ? p : opaque(r, e);
    }
    polynomial a = polynomial_of(r, e->u.map.args[0]), b = {0};
    if (op != AT_OP_NEG) b = polynomial_of(r, e->u.map.args[1]);
    p.failed = a.failed || b.failed;
    if (op == AT_OP_MUL) {
        for (int i = 0; i < a.count && !p.failed; i++)
            for (int j = 0; j < b.count && !p.failed; j++) {
                int64_t factor;
                if (__builtin_mul_overflow(a.factor[i], b.factor[j], &factor)) p.failed = true;
                else add_term(&p, join_atoms(r, a.atoms[i], b.atoms[j]), factor);
            }
        return p;
    }
    for (int i = 0; i < a.count; i++)
        add_term(&p, a.atoms[i], op == AT_OP_NEG ? -a.factor[i] : a.factor[i]);
    for (int i = 0; i < b.count; i++)
        add_term(&p, b.atoms[i], op == AT_OP_SUB ? -b.factor[i] : b.factor[i]);
    return p;
}

/* ---- what is known --------------------------------------------------------------------------- */

/* The extents that the caller told: of axes that the main function's inputs carry. */
static int64_t told(void *user, const at_axis *axis) {
    const at_resolver *r = user;
    if (axis->fixed >= 0) return axis->fixed;
    for (int i = 0; i < r->options->size_count; i++)
        if (strcmp(r->options->sizes[i].name, axis->name) == 0)
            return r->options->sizes[i].extent;
    return -1;
}

static int64_t fixed_only(void *user, const at_axis *axis) {
    (void)user;
    return axis->fixed;
}

at_constant at_try_constant(at_resolver *r, const at_expr *e) {
    return at_constant_of(e, fixed_only, r);
}

/* An extent as a number if the caller told enough; -1 otherwise. */
static int64_t told_extent(at_resolver *r, const at_axis *axis) {
    while (axis->like) axis = axis->like;
    if (!axis->extent) return told(r, axis);
    at_constant c = at_constant_of(axis->extent, told, r);
    return c.known && c.kind == AT_INT ? c.integer : -1;
}

const char *at_extent_text(at_resolver *r, const at_axis *axis) {
    while (axis->like) axis = axis->like;
    int64_t value = told_extent(r, axis);
    if (value >= 0) return at_format(r->s->arena, "%lld", (long long)value);
    if (!axis->extent) return at_format(r->s->arena, "size(%s)", axis->name);
    at_text text = {0};
    at_ir_print_expr(axis->extent, &text);
    const char *copy = at_copy_text(r->s->arena, text.data ? text.data : "", text.length);
    at_text_free(&text);
    return copy;
}

at_extent_relation at_extent_compare(at_resolver *r, const at_axis *a, const at_axis *b) {
    while (a->like) a = a->like;
    while (b->like) b = b->like;
    if (a == b) return AT_EXTENT_SAME;
    polynomial p = axis_polynomial(r, a), q = axis_polynomial(r, b);
    if (!p.failed && !q.failed) {
        polynomial difference = p;
        for (int i = 0; i < q.count; i++) add_term(&difference, q.atoms[i], -q.factor[i]);
        if (!difference.failed && difference.count == 0) return AT_EXTENT_SAME;
        if (!difference.failed && difference.count == 1 && !*difference.atoms[0])
            return AT_EXTENT_DIFFER;
    }
    int64_t x = told_extent(r, a), y = told_extent(r, b);
    return x >= 0 && y >= 0 && x != y ? AT_EXTENT_DIFFER : AT_EXTENT_UNKNOWN;
}

bool at_extent_excess(at_resolver *r, const at_expr *value, const at_axis *axis, int64_t *excess) {
    polynomial p = polynomial_of(r, value), q = {0};
    if (axis) q = axis_polynomial(r, axis);
    for (int i = 0; i < q.count; i++) add_term(&p, q.atoms[i], -q.factor[i]);
    bool constant = p.count == 0 || (p.count == 1 && !*p.atoms[0]);
    if (p.failed || q.failed || !constant) return false;
    *excess = p.count ? p.factor[0] : 0;
    return true;
}

static const at_expr *size_of(at_resolver *r, const at_axis *axis, at_span span) {
    while (axis->like) axis = axis->like;
    return at_size(r->s, axis, span);
}

bool at_extent_agree(at_resolver *r, const at_frame *frame, const at_axis *a, at_span a_span,
                     const char *a_what, const at_axis *b, at_span b_span, const char *b_what) {
    at_extent_relation relation = at_extent_compare(r, a, b);
    if (relation == AT_EXTENT_SAME) return true;
    if (relation == AT_EXTENT_DIFFER) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_EXTENTS_DISAGREE, b_span,
                                         "%s has %s elements, but %s has %s", b_what,
                                         at_extent_text(r, b), a_what, at_extent_text(r, a));
        at_label(r->s, diag, "%s here", at_extent_text(r, b));
        if (a_span.source)
            at_note(r->s, diag, a_span, "%s here", at_extent_text(r, a));
        return false;
    }
    at_require require = {.span = b_span};
    require.condition = at_map_node(r->s, AT_OP_EQ, size_of(r, a, a_span), size_of(r, b, b_span),
                                    NULL, b_span);
    require.why = at_format(r->s->arena, "%s and %s have the same extent", a_what, b_what);
    for (int i = 0; i < r->require_count; i++)
        if (at_same(r->requires[i].condition, require.condition)) return true;
    AT_PUSH(r->s->arena, r->requires, r->require_count, r->require_capacity, require);
    return true;
}

/* ---- needed when compiling ------------------------------------------------------------------- */

typedef struct {
    at_resolver *r;
    const at_axis *missing;
    bool round, read;
} need;

static int64_t needed_extent(void *user, const at_axis *axis) {
    need *n = user;
    int64_t value = told(n->r, axis);
    if (value < 0 && !n->missing) n->missing = axis;
    return value;
}

static bool find_runtime(void *user, const at_expr *e) {
    need *n = user;
    if (e->tag == AT_READ) n->read = true;
    if (e->tag == AT_INDEX && e->u.axis->round)
        for (int i = 0; i < n->r->repeat_count; i++)
            if (n->r->repeats[i] == e->u.axis) {
                n->round = true;
                n->r->needed = e->u.axis;
            }
    if (e->tag == AT_INDEX && !n->round) n->read = true;
    return true;
}

/* Marks the open axes that a value depends on as fixed: the cascade is only right for them. */
static bool fix_sizes(void *user, const at_expr *e) {
    at_resolver *r = user;
    if (e->tag != AT_SIZE) return true;
    const at_axis *axis = e->u.axis;
    while (axis->like) axis = axis->like;
    if (axis->extent) at_walk(axis->extent, fix_sizes, r);
    else ((at_axis *)axis)->fixed = told(r, axis); /* still being built, so not yet shared */
    return true;
}

at_constant at_need_constant(at_resolver *r, const at_scope *scope, const at_expr *e, at_span span,
                             const char *what) {
    need n = {.r = r};
    at_constant value = at_constant_of(e, needed_extent, &n);
    if (value.known) {
        at_walk(e, fix_sizes, r);
        return value;
    }
    at_walk(e, find_runtime, &n);
    if (n.round) {
        r->need_round = true;
    } else if (n.missing && !n.read) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_SIZE_NEEDED, span,
                                         "%s needs the extent of `%s` when the program is compiled",
                                         what, n.missing->name);
        diag->subject = n.missing->name;
        at_hint(r->s, diag, "give it: --size %s=8", n.missing->name);
    } else if (n.read) {
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_CONSTANT, span,
                                         "%s must be known when the program is compiled", what);
        at_hint(r->s, diag, "it may use numbers, options and sizes, but no array and no index");
    } else {
        at_resolve_error(r, scope->frame, AT_E_CONSTANT_OVERFLOW, span,
                         "%s overflows, or divides by 0", what);
    }
    return value;
}

/* ---- where an axis gets its extent ----------------------------------------------------------- */

/* A bare name, as an index or an argument. */
static bool is_name(const at_tree *tree, const char *name) {
    return tree && tree->tag == AT_T_NAME && strcmp(tree->name, name) == 0;
}

/* In an option's own right side, the parameter that stands for `name` in this call. */
static at_axis *use_in_option(at_resolver *r, const at_entity *entity, const char *name,
                              const at_tree *call) {
    const at_function *f = &entity->function;
    if (f->definition || !f->value) return NULL;
    for (int i = 0; i < call->count && i < f->count; i++) {
        if (!is_name(call->args[i], name)) continue;
        at_scope inside = {.frame = f->frame, .env = f->env};
        at_axis *axis = at_plain_use(r, &inside, f->parameters[i], f->value);
        if (axis) return axis;
    }
    return NULL;
}

at_axis *at_plain_use(at_resolver *r, const at_scope *scope, const char *name,
                      const at_tree *tree) {
    if (!tree) return NULL;
    at_axis *found = NULL;
    if (tree->tag == AT_T_INDEX) {
        const at_entity *entity = at_lookup(r, scope->frame, tree->name);
        const at_env *env = at_env_find(scope->env, tree->name);
        for (int i = 0; i < tree->count; i++) {
            if (!is_name(tree->args[i], name)) continue;
            if (env && i < env->value.rank) return env->value.axes[i];
            if (!env && entity && entity->tag == AT_N_ARRAY && i < entity->view.rank)
                return entity->view.axes[i];
            if (!env && entity && entity->tag == AT_N_VALUE && i < entity->value.rank)
                return entity->value.axes[i];
        }
    }
    if (tree->tag == AT_T_CALL) {
        const at_entity *entity = at_lookup(r, scope->frame, tree->name);
        if (entity && entity->tag == AT_N_FUNCTION) {
            found = use_in_option(r, entity, name, tree);
            if (found) return found;
        }
    }
    for (int p = 0; p < tree->part_count && !found; p++) {
        found = at_plain_use(r, scope, name, tree->parts[p].guard);
        if (!found) found = at_plain_use(r, scope, name, tree->parts[p].body);
    }
    for (int i = 0; i < tree->count && !found; i++)
        found = at_plain_use(r, scope, name, tree->args[i]);
    if (!found) found = at_plain_use(r, scope, name, tree->alternative);
    for (int i = 0; i < tree->option_count && !found; i++)
        found = at_plain_use(r, scope, name, tree->options[i].value);
    return found;
}

/* Whether `name` would have its extent from an array whose definition had an error. */
static bool reads_broken(const at_resolver *r, const at_scope *scope, const char *name,
                         const at_tree *tree) {
    if (!tree) return false;
    bool found = reads_broken(r, scope, name, tree->alternative);
    if (tree->tag == AT_T_INDEX && !at_env_find(scope->env, tree->name)) {
        const at_entity *entity = at_lookup(r, scope->frame, tree->name);
        for (int i = 0; i < tree->count && entity && entity->tag == AT_N_BROKEN; i++)
            found = found || is_name(tree->args[i], name);
    }
    for (int i = 0; i < tree->count && !found; i++)
        found = reads_broken(r, scope, name, tree->args[i]);
    for (int i = 0; i < tree->part_count && !found; i++)
        found = reads_broken(r, scope, name, tree->parts[i].guard) ||
                reads_broken(r, scope, name, tree->parts[i].body);
    for (int i = 0; i < tree->option_count && !found; i++)
        found = reads_broken(r, scope, name, tree->options[i].value);
    return found;
}

at_axis *at_axis_find(at_resolver *r, const at_scope *scope, const char *name, at_span span,
                      const at_tree *const *trees, int count, bool quiet) {
    at_entity *entity = at_lookup(r, scope->frame, name);
    if (entity && entity->tag == AT_N_AXIS) return entity->axis;
    if (entity) {
        if (quiet || entity->tag == AT_N_BROKEN) return NULL;
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_NOT_AN_AXIS, span,
                                         "`%s` is %s here, so it cannot be an index", name,
                                         entity->tag == AT_N_ARRAY ? "an array" : "an option");
        at_note(r->s, diag, entity->span, "`%s` is defined here", name);
        return NULL;
    }
    at_axis *like = NULL;
    for (int i = 0; i < count && !like; i++) like = at_plain_use(r, scope, name, trees[i]);
    if (!like) {
        if (quiet || entity) return NULL; /* broken: what is wrong with it was said */
        bool broken = false;
        for (int i = 0; i < count; i++) broken = broken || reads_broken(r, scope, name, trees[i]);
        if (broken) {
            at_define(r, scope->frame, AT_N_BROKEN, name, span);
            return NULL;
        }
        at_diag *diag = at_resolve_error(r, scope->frame, AT_E_EXTENT_UNKNOWN, span,
                                         "nothing says how long the axis `%s` is", name);
        at_hint(r->s, diag, "use it as a plain index, x[%s], of an array that is known, or declare "
                "it: axis %s = 8", name, name);
        at_define(r, scope->frame, AT_N_BROKEN, name, span); /* said once is enough */
        return NULL;
    }
    while (like->id < 0 && like->like) like = (at_axis *)like->like;
    const at_axis *root = like;
    while (root->like) root = root->like;
    entity = at_define(r, scope->frame, AT_N_AXIS, name, span);
    /* A name that another function of this shape made serves again, so that names stay short. */
    at_axis *known = at_map_get(&r->axis_names, name);
    bool valid = known && known->id < r->axis_count && r->axes[known->id] == known;
    bool other_name = false;
    if (valid)
        for (int i = 0; i < scope->frame->names.capacity; i++) {
            const at_entity *other = scope->frame->names.values[i];
            if (scope->frame->names.keys[i] && other->tag == AT_N_AXIS && other != entity &&
                other->axis == known)
                other_name = true;
        }
    if (valid && known->like == root && !other_name && !at_axis_taken(r, scope, known))
        entity->axis = known;
    else
        entity->axis = at_axis_new(r, name, root, NULL, false, span);
    return entity->axis;
}
