/* Random equations, judged by an evaluator that walks the expression tree and follows the text of
 * the language and nothing else: no bytecode, no jumps, no ranges, no scatters, no kept folds. Each
 * element is a value, a structural zero or nothing at all; all three must agree for every element,
 * the first needed element without a value included. */
#include "ref_fixture.h"

/* ---- the oracle ------------------------------------------------------------------------------ */

typedef struct {
    at_cell value;
    bool zero, missing;
} result;

typedef struct {
    result *elements;
    int64_t count;
} history;

typedef struct {
    world *w;
    history arrays[MANY];  /* by id */
    int64_t extents[MANY]; /* by axis id */
    int64_t index[MANY];
} oracle;

static const result missing = {.missing = true}, zero = {.zero = true};

static result real(double r) { return (result){.value.r = r}; }
static result whole(int64_t i) { return (result){.value.i = i}; }

static result judge(oracle *o, const at_expr *e);

static result judge_read(oracle *o, const at_expr *e) {
    const at_array *array = e->u.read.array;
    int64_t at = 0;
    bool outside = false, strict_outside = false;
    for (int k = 0; k < array->rank; k++) {
        const at_expr *x = e->u.read.index[k];
        result i = judge(o, x);
        if (i.missing) return missing;
        int64_t extent = o->extents[array->axes[k]->id];
        bool out = i.value.i < 0 || i.value.i >= extent;
        outside |= out;
        if (out && (!e->u.read.alternative || (x->tag == AT_INDEX && !x->u.axis->declared)))
            strict_outside = true;
        if (!out) at = at * extent + i.value.i;
    }
    if (strict_outside) return missing;
    if (outside) return judge(o, e->u.read.alternative);
    return o->arrays[array->id].elements[at];
}

static result judge_ints(at_op op, result a, result b, result c) {
    int64_t value;
    if (!at_int_op(op, a.value.i, b.value.i, c.value.i, &value)) return missing;
    return whole(value);
}

static result judge_map(oracle *o, const at_expr *e) {
    at_op op = e->u.map.op;
    result a = judge(o, e->u.map.args[0]), b = {0}, c = {0};
    if (op == AT_OP_IF) return a.missing ? missing : judge(o, e->u.map.args[a.value.i ? 1 : 2]);
    if (op == AT_OP_AND || op == AT_OP_OR) {
        if (a.missing || (a.value.i != 0) == (op == AT_OP_OR)) return a;
        return judge(o, e->u.map.args[1]);
    }
    if (at_op_info(op)->arity > 1) b = judge(o, e->u.map.args[1]);
    if (at_op_info(op)->arity > 2) c = judge(o, e->u.map.args[2]);
    bool reals = e->u.map.args[0]->kind == AT_REAL;
    if (op == AT_OP_MUL && (a.zero || b.zero)) return zero;
    if ((op == AT_OP_DIV || op == AT_OP_NEG || op == AT_OP_STOP) && a.zero) return zero;
    if ((op == AT_OP_ADD || op == AT_OP_SUB) && a.zero && b.zero) return zero;
    if (a.missing || b.missing || c.missing) return missing;
    if (op == AT_OP_TO_REAL) return reals ? a : real((double)a.value.i);
    if (op == AT_OP_TO_INT) return reals ? whole(at_real_to_int(a.value.r)) : a;
    if (!reals) return judge_ints(op, a, b, c);
    double value = at_real_op(op, a.value.r, b.value.r, c.value.r);
    return e->kind == AT_REAL ? real(value) : whole(value != 0);
}

/* The terms of a fold in order; -1: its guard has no value somewhere. */
static int64_t terms_of(oracle *o, const at_expr *e, int k, int64_t position, result *out,
                        int64_t *places, int64_t count) {
    if (k < e->u.fold.count) {
        int id = e->u.fold.axes[k]->id;
        for (int64_t i = 0; i < o->extents[id] && count >= 0; i++) {
            o->index[id] = i;
            count = terms_of(o, e, k + 1, position * o->extents[id] + i, out, places, count);
        }
        return count;
    }
    if (e->u.fold.guard) {
        result inside = judge(o, e->u.fold.guard);
        if (inside.missing) return -1;
        if (!inside.value.i) return count;
    }
    places[count] = position;
    bool unread = e->u.fold.fold == AT_FOLD_COUNT && e->u.fold.body->kind != AT_BOOL;
    out[count] = unread ? whole(1) : judge(o, e->u.fold.body);
    return count + 1;
}

static bool better(at_fold fold, bool reals, result a, result b) {
    bool largest = fold == AT_FOLD_MAX || fold == AT_FOLD_ARGMAX;
    if (!reals) return largest ? a.value.i > b.value.i : a.value.i < b.value.i;
    if (isnan(b.value.r)) return false;
    return isnan(a.value.r) || (largest ? a.value.r > b.value.r : a.value.r < b.value.r);
}

static result judge_terms(const at_expr *e, const result *t, const int64_t *places, int64_t n) {
    at_fold fold = e->u.fold.fold;
    bool reals = e->u.fold.body->kind == AT_REAL;
    int64_t zeros = 0, lost = 0, whole_sum = fold == AT_FOLD_PROD, best = 0;
    double sum = fold == AT_FOLD_PROD ? 1 : 0, top = -INFINITY, mass = 0;
    for (int64_t i = 0; i < n; i++) zeros += t[i].zero, lost += t[i].missing;
    if (fold == AT_FOLD_PROD && zeros) return zero;
    if (lost) return missing;
    if (fold == AT_FOLD_SUM && n && zeros == n) return zero;
    for (int64_t i = 0; i < n; i++) {
        double x = t[i].value.r;
        if (better(fold, reals, t[i], t[best])) best = i;
        if (fold == AT_FOLD_SUM && !reals) {
            if (__builtin_add_overflow(whole_sum, t[i].value.i, &whole_sum)) return missing;
        } else if (fold == AT_FOLD_PROD && !reals) {
            if (__builtin_mul_overflow(whole_sum, t[i].value.i, &whole_sum)) return missing;
        } else if (!reals) {
            whole_sum += t[i].value.i != 0;
        } else if (fold == AT_FOLD_PROD) {
            sum *= x;
        } else if (fold == AT_FOLD_SUM || fold == AT_FOLD_MEAN) {
            if (!(fold == AT_FOLD_SUM && t[i].zero)) sum += x;
        }
        if (reals && !isnan(top) && (isnan(x) || x > top)) top = x;
    }
    switch (fold) {
    case AT_FOLD_SUM:
    case AT_FOLD_PROD: return reals ? real(sum) : whole(whole_sum);
    case AT_FOLD_MEAN: return real(n ? sum / (double)n : 0);
    case AT_FOLD_COUNT: return whole(e->u.fold.body->kind == AT_BOOL ? whole_sum : n);
    case AT_FOLD_ANY: return whole(whole_sum > 0);
    case AT_FOLD_ALL: return whole(whole_sum == n);
    case AT_FOLD_ARGMAX:
    case AT_FOLD_ARGMIN: return whole(n ? places[best] : -1);
    case AT_FOLD_MAX:
    case AT_FOLD_MIN:
        if (n) return (result){.value = t[best].value};
        return reals ? real(fold == AT_FOLD_MAX ? -INFINITY : INFINITY) : missing;
    default:
        for (int64_t i = 0; i < n && top != -INFINITY; i++)
            mass += top == t[i].value.r ? 1 : exp(t[i].value.r - top);
        return real(top + log(mass));
    }
}

static result judge_fold(oracle *o, const at_expr *e) {
    int64_t most = 1;
    for (int k = 0; k < e->u.fold.count; k++) most *= o->extents[e->u.fold.axes[k]->id];
    result *terms = calloc((size_t)most + 1, sizeof *terms);
    int64_t *places = calloc((size_t)most + 1, sizeof *places);
    int64_t count = terms_of(o, e, 0, 0, terms, places, 0);
    result value = count < 0 ? missing : judge_terms(e, terms, places, count);
    free(terms);
    free(places);
    return value;
}

static result judge(oracle *o, const at_expr *e) {
    switch (e->tag) {
    case AT_CONST: return e->kind == AT_REAL ? real(e->u.real) : whole(e->u.integer);
    case AT_SIZE: return whole(o->extents[e->u.axis->id]);
    case AT_INDEX: return whole(o->index[e->u.axis->id]);
    case AT_READ: return judge_read(o, e);
    case AT_MAP: return judge_map(o, e);
    case AT_FOLD_NODE: return judge_fold(o, e);
    }
    return missing;
}

static history *new_history(oracle *o, const at_array *array) {
    history *h = &o->arrays[array->id];
    h->count = 1;
    for (int k = 0; k < array->rank; k++) h->count *= o->extents[array->axes[k]->id];
    h->elements = calloc((size_t)h->count + 1, sizeof *h->elements);
    for (int64_t i = 0; i < h->count; i++) h->elements[i] = missing;
    return h;
}

/* What is stored: of cotangents, every 0 is structural. */
static result stored(const at_array *array, result r) {
    if (array->cotangent && !r.missing && r.value.r == 0) r.zero = true;
    return r;
}

static void judge_equation(oracle *o, const at_array *array, const at_expr *value) {
    history *h = new_history(o, array);
    for (int64_t at = 0; at < h->count; at++) {
        int64_t rest = at;
        for (int k = array->rank - 1; k >= 0; k--) {
            int64_t extent = o->extents[array->axes[k]->id];
            o->index[array->axes[k]->id] = rest % extent;
            rest /= extent;
        }
        h->elements[at] = stored(array, judge(o, value));
    }
}

static void judge_input(oracle *o, const at_array *array) {
    const at_tensor *t = at_collection_find(&o->w->inputs, array->name);
    history *h = &o->arrays[array->id];
    h->count = t->count;
    h->elements = calloc((size_t)t->count + 1, sizeof *h->elements);
    for (int64_t i = 0; i < t->count; i++)
        h->elements[i] = array->kind == AT_REAL ? stored(array, real(element(t, i)))
                                                : whole((int64_t)element(t, i));
}

/* ---- random expressions ---------------------------------------------------------------------- */

typedef struct {
    world *w;
    uint64_t state;
    int axes;             /* names a0, a1, … of folds so far */
    const char *bound[16]; /* axes that may be mentioned */
    int bound_count;
    bool scan;             /* histories h[t,n] and g[t,n] may be read */
} maker;

static unsigned roll(maker *m, unsigned sides) {
    m->state = at_draw_element(m->state, 1);
    return (unsigned)(m->state >> 33) % sides;
}

#define TEXT(...) at_format(m->w->s->arena, __VA_ARGS__)

static const char *make_int(maker *m, int depth);
static const char *make_bool(maker *m, int depth);
static const char *make_real(maker *m, int depth);

static const char *some_axis(maker *m) { return m->bound[roll(m, (unsigned)m->bound_count)]; }

/* "fold[a3 where …](body)" */
static const char *make_fold(maker *m, const char *name, int depth,
                             const char *(*body)(maker *m, int depth)) {
    const char *axes = TEXT("a%d", m->axes), *guard = "";
    int before = m->bound_count;
    m->bound[m->bound_count++] = axes;
    m->axes++;
    if (roll(m, 3) == 0) {
        const char *second = TEXT("a%d", m->axes++);
        m->bound[m->bound_count++] = second;
        axes = TEXT("%s, %s", axes, second);
    }
    const char *last = m->bound[m->bound_count - 1];
    const char *outer = m->bound[roll(m, (unsigned)before)];
    switch (roll(m, 7)) {
    case 0: guard = TEXT(" where %s", make_bool(m, depth - 1)); break;
    case 1: guard = TEXT(" where idx[%s | 0 - 1] == %s", last, outer); break;
    case 2: guard = TEXT(" where %s <= %s and %s", last, outer, make_bool(m, depth - 1)); break;
    case 3: guard = TEXT(" where %s == %s", make_int(m, depth - 1), outer); break;
    case 4: guard = TEXT(" where %s < %s", last, make_int(m, depth - 1)); break;
    case 5:
        guard = TEXT(" where %s and %s == %s + 1", make_bool(m, 0), make_int(m, depth - 1), outer);
        break;
    default: break;
    }
    const char *text = TEXT("%s[%s%s](%s)", name, axes, guard, body(m, depth - 1));
    m->bound_count = before;
    return text;
}

static const char *make_int(maker *m, int depth) {
    static const char *const ops[] = {"+", "-", "*", "//", "%"};
    static const char *const folds[] = {"sum", "max", "min", "prod"};
    if (depth <= 0 || m->axes > 30)
        return roll(m, 3) ? some_axis(m) : TEXT("%d", (int)roll(m, 4));
    switch (roll(m, 8)) {
    case 0:
    case 1:
        return TEXT("(%s %s %s)", make_int(m, depth - 1), ops[roll(m, 5)], make_int(m, depth - 1));
    case 2: return TEXT("idx[%s]", some_axis(m));
    case 3: return TEXT("idx[%s | %d]", make_int(m, depth - 1), (int)roll(m, 3));
    case 4: return make_fold(m, folds[roll(m, 4)], depth, make_int);
    case 5: return make_fold(m, roll(m, 2) ? "argmax" : "argmin", depth, make_real);
    case 6: return make_fold(m, "count", depth, make_bool);
    default: return TEXT("int(%s)", make_real(m, depth - 1));
    }
}

static const char *make_bool(maker *m, int depth) {
    static const char *const compares[] = {"<", "<=", "==", "!=", ">", ">="};
    if (depth <= 0 || m->axes > 30)
        return TEXT("%s %s %s", some_axis(m), compares[roll(m, 6)], some_axis(m));
    switch (roll(m, 6)) {
    case 0: return TEXT("(%s and %s)", make_bool(m, depth - 1), make_bool(m, depth - 1));
    case 1: return TEXT("(%s or %s)", make_bool(m, depth - 1), make_bool(m, depth - 1));
    case 2: return TEXT("(not %s)", make_bool(m, depth - 1));
    case 3: return make_fold(m, roll(m, 2) ? "any" : "all", depth, make_bool);
    case 4:
        return TEXT("%s %s %s", make_real(m, depth - 1), compares[roll(m, 6)],
                    make_real(m, depth - 1));
    default:
        return TEXT("%s %s %s", make_int(m, depth - 1), compares[roll(m, 6)],
                    make_int(m, depth - 1));
    }
}

/* x: numbers; p: structural zeros; b: missing elements; c: all of them; d: zeros, structural or
 * not. */
static const char *make_leaf(maker *m, int depth) {
    static const char *const arrays[] = {"x", "p", "b", "c", "d"};
    const char *array = arrays[roll(m, 5)];
    if (m->scan && roll(m, 2)) {
        const char *at[] = {"t - 1", "t", "t + 1", make_int(m, depth - 1)}, *to = "| 1";
        array = roll(m, 2) ? "h" : "g";
        unsigned when = roll(m, 8);
        return TEXT("%s[%s, %s %s]", array, at[when < 4 ? 0 : when - 4], some_axis(m),
                    roll(m, 4) ? to : "");
    }
    switch (roll(m, 4)) {
    case 0: return roll(m, 3) ? TEXT("%d.5", (int)roll(m, 3)) : "(1 / 0)";
    case 1: return TEXT("%s[%s, %s | %s]", array, make_int(m, depth - 1), some_axis(m),
                        roll(m, 2) ? "p[0, 0]" : "1");
    case 2: return TEXT("%s[%s, %s - 1 | 2]", array, some_axis(m), some_axis(m));
    default: return TEXT("%s[%s, %s]", array, some_axis(m), some_axis(m));
    }
}

static const char *make_real(maker *m, int depth) {
    static const char *const ops[] = {"+", "-", "*", "*", "*", "/"};
    static const char *const folds[] = {"sum", "sum", "sum", "prod", "mean", "max", "min"};
    if (depth <= 0 || m->axes > 30) return make_leaf(m, 0);
    switch (roll(m, 9)) {
    case 0:
    case 1:
    case 2:
        return TEXT("(%s %s %s)", make_real(m, depth - 1), ops[roll(m, 6)],
                    make_real(m, depth - 1));
    case 3:
    case 4: return make_fold(m, folds[roll(m, 7)], depth, make_real);
    case 5:
        return TEXT("(if %s then %s else %s)", make_bool(m, depth - 1), make_real(m, depth - 1),
                    make_real(m, depth - 1));
    case 6: return TEXT("(-%s)", make_real(m, depth - 1));
    case 7:
        return TEXT("%s(%s, %s)", roll(m, 2) ? "max" : "min", make_real(m, depth - 1),
                    make_real(m, depth - 1));
    default: return make_leaf(m, depth);
    }
}

/* ---- the comparison -------------------------------------------------------------------------- */

static void say_cotangents(maker *m, const char *first, const char *second) {
    if (roll(m, 3)) cotangent(m->w, first);
    if (roll(m, 3)) cotangent(m->w, second);
}

static void build(world *w, uint64_t seed) {
    maker maker_of = {w, seed, 0, {"n", "m"}, 2, false}, *m = &maker_of;
    declare(w, "x[n,m]");
    declare(w, "idx[n]: int");
    declare(w, "ok[n,m]: bool");
    let(w, "p[n,m] = softmax[m where (n + m) % 3 > 0](0)");
    let(w, "b[n,m] = x[n, m + if (n * m) % 4 == 1 then 100 else 0]");
    let(w, "c[n,m] = if m % 2 == 0 then p[n,m] else b[n,m]");
    let(w, "d[n,m] = if (2 * n + m) % 3 == 0 then 0 else x[n,m]");
    let(w, TEXT("y[n,m] = %s", make_real(m, 4)));
    say_cotangents(m, "d", "y");
    let(w, "z[n,m] = if ok[n,m] then y[n,m] else 0");
    for (int i = 0; i < w->cascade.axis_count; i++) {
        at_axis *a = w->cascade.axes[i];
        if (a->name[0] == 'a') a->extent = at_int(w->s, roll(m, 5), at_no_span());
        if (a->name[0] == 'a' && roll(m, 4) == 0) a->declared = true;
    }
    output(w, "z");
}

static void judge_scan(oracle *o, const at_statement *st) {
    const at_axis *t = st->u.scan.axes[0], *n = find_axis(o->w, "n");
    int64_t steps = o->extents[t->id];
    for (int i = 0; i < st->u.scan.body.count; i++)
        new_history(o, st->u.scan.body.items[i]->target);
    for (int64_t step = 0; step < steps; step++) {
        int64_t at = o->index[t->id] = st->u.scan.down[0] ? steps - 1 - step : step;
        for (int i = 0; i < st->u.scan.body.count; i++) {
            const at_statement *equation_of = st->u.scan.body.items[i];
            result row[8];
            for (int64_t k = 0; k < o->extents[n->id]; k++) {
                o->index[n->id] = k;
                row[k] = stored(equation_of->target, judge(o, equation_of->u.value));
            }
            /* Written when the equation is done: it may not read its own step. */
            memcpy(o->arrays[equation_of->target->id].elements + at * o->extents[n->id], row,
                   sizeof *row * (size_t)o->extents[n->id]);
        }
    }
}

static void judge_all(oracle *o, int64_t n, int64_t m) {
    world *w = o->w;
    for (int i = 0; i < w->cascade.axis_count; i++) {
        const at_axis *a = w->cascade.axes[i];
        o->extents[i] = a->name[0] == 'n' ? n : a->name[0] == 'm' ? m : a->extent->u.integer;
    }
    judge_input(o, find_array(w, "x"));
    judge_input(o, find_array(w, "idx"));
    for (int i = 0; i < w->cascade.body.count - 1; i++) {
        const at_statement *st = w->cascade.body.items[i];
        if (st->tag == AT_SCAN) {
            judge_scan(o, st);
            continue;
        }
        if (st->tag == AT_EQUATION) {
            judge_equation(o, st->target, st->u.value);
            continue;
        }
        const at_part *part = &st->u.keeping.parts[0];
        judge_equation(o, part->target, part->guard);
        history *h = &o->arrays[part->target->id];
        for (int64_t row = 0; row < n; row++) {
            double count = 0;
            for (int64_t k = 0; k < m; k++) count += h->elements[row * m + k].value.i != 0;
            for (int64_t k = 0; k < m; k++) {
                result *e = &h->elements[row * m + k];
                *e = e->value.i ? real(1 / count) : zero;
            }
        }
    }
}

static bool same(result a, double b) {
    double x = a.zero ? 0 : a.value.r;
    if (isnan(x) && isnan(b)) return true;
    /* logsumexp and exp of it are not among the operations, so all sums agree exactly. */
    return memcmp(&x, &b, sizeof x) == 0 || (x == 0 && b == 0);
}

static const char *text_of(const at_array *array, world *w) {
    return array->span.source ? array->span.source->text : w->cascade.name;
}

/* z is y where ok holds, over the same two axes. */
static void compare(world *w, uint64_t seed, int64_t n, int64_t m, const at_array *array) {
    oracle *o = calloc(1, sizeof *o);
    double idx[8];
    o->w = w;
    for (int64_t i = 0; i < n; i++) idx[i] = (double)((i * 5 + (int64_t)seed) % 6 - 1);
    give_noise(w, "x", 2, (int)n, (int)m);
    give(w, "idx", idx, 1, (int)n);
    judge_all(o, n, m);
    const history *y = &o->arrays[array->id];
    const char *last = array->axes[1]->name, *begin_of = array->axes[0]->name;
    int64_t first = -1, width = o->extents[array->axes[1]->id];
    double *ok = calloc((size_t)y->count + 1, sizeof *ok);
    for (int64_t i = 0; i < y->count; i++) {
        ok[i] = !y->elements[i].missing;
        if (y->elements[i].missing && first < 0) first = i;
    }
    give(w, "ok", ok, 2, (int)o->extents[array->axes[0]->id], (int)width);
    for (int plain = 0; plain < 2; plain++) {
        if (!run_as(w, plain))
            fail_msg("seed %d: %s\n%s", (int)seed, text_of(array, w), errors_of(w));
        for (int64_t i = 0; i < y->count; i++) {
            if (y->elements[i].missing || same(y->elements[i], element(got(w, "z"), i))) continue;
            fail_msg("seed %d, plain %d: element %d of\n%s\nis %.17g and should be %.17g",
                     (int)seed, plain, (int)i, text_of(array, w), element(got(w, "z"), i),
                     y->elements[i].value.r);
        }
    }
    if (first >= 0) {
        w->cascade.outputs[0].array = (at_array *)(uintptr_t)array;
        if (run_as(w, false)) fail_msg("seed %d: no error in %s", (int)seed, text_of(array, w));
        const char *place = at_format(w->s->arena, "`z[%s=%d, %s=%d]`", begin_of,
                                      (int)(first / width), last, (int)(first % width));
        if (!strstr(errors_of(w), place))
            fail_msg("seed %d: %s\n%s\nis not about %s", (int)seed, text_of(array, w), errors_of(w),
                     place);
    }
    for (int i = 0; i < MANY; i++) free(o->arrays[i].elements);
    free(ok);
    free(o);
}

static int seeds_wanted(void) {
    const char *wanted = getenv("ORACLE_SEEDS"); /* more of them, for a search by hand */
    return wanted ? atoi(wanted) : 1500;
}

static void random_equations_agree_with_the_oracle(void **state) {
    (void)state;
    for (int seed = 0; seed < seeds_wanted(); seed++) {
        void *each = NULL;
        begin(&each);
        build(each, (uint64_t)seed);
        world *w = each;
        compare(w, (uint64_t)seed, 1 + seed % 5, seed % 4 + (seed % 7 > 0), find_array(w, "y"));
        end(&each);
    }
}

static void build_scan(world *w, uint64_t seed) {
    maker maker_of = {w, seed + 1000000007, 0, {"n", "t"}, 2, true}, *m = &maker_of;
    declare(w, "x[n,m]");
    declare(w, "idx[n]: int");
    declare(w, "ok[t,n]: bool");
    let(w, "p[n,m] = softmax[m where (n + m) % 3 > 0](0)");
    let(w, "b[n,m] = x[n, m + if (n * m) % 4 == 1 then 100 else 0]");
    let(w, "c[n,m] = if m % 2 == 0 then p[n,m] else b[n,m]");
    let(w, "d[n,m] = if (2 * n + m) % 3 == 0 then 0 else x[n,m]");
    promise(w, "h[t,n]");
    promise(w, "g[t,n]");
    begin_scan(w, roll(m, 3) ? "t" : "t down");
    let(w, TEXT("h[t,n] = %s", make_real(m, 3)));
    let(w, TEXT("g[t,n] = %s", make_real(m, 3)));
    end_scan(w);
    say_cotangents(m, "d", "g");
    let(w, TEXT("z[t,n] = if ok[t,n] then %s[t,n] else 0", roll(m, 2) ? "h" : "g"));
    for (int i = 0; i < w->cascade.axis_count; i++) {
        at_axis *a = w->cascade.axes[i];
        if (a->name[0] == 'a') a->extent = at_int(w->s, roll(m, 5), at_no_span());
        if (a->name[0] == 't') a->extent = at_int(w->s, 1 + roll(m, 5), at_no_span());
    }
    output(w, "z");
}

static void random_scans_agree_with_the_oracle(void **state) {
    (void)state;
    for (int seed = 0; seed < seeds_wanted(); seed++) {
        void *each = NULL;
        begin(&each);
        world *w = each;
        build_scan(w, (uint64_t)seed);
        const at_statement *last = w->cascade.body.items[w->cascade.body.count - 1];
        compare(w, (uint64_t)seed, 1 + seed % 4, 1 + seed % 3,
                last->u.value->u.map.args[1]->u.read.array);
        end(&each);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_equations_agree_with_the_oracle),
                                       cmocka_unit_test(random_scans_agree_with_the_oracle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
