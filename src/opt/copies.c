/* An array that only re-indexes another is read through:
 *
 *     q[h,i,d] = x[i, h*8 + d]
 *     s[h,i,j] = sum[d](q[h,i,d] * k[j,d])      ->   s[h,i,j] = sum[d](x[i, h*8 + d] * k[j,d])
 *
 * The rule: every index of the other array is a sum of indices times numbers or sizes, which
 * compiled code reads by strides as fast as a copy (a quotient or remainder is not, but for one in
 * front of rows: `k[h // 4, j, d]`), and surely lies inside; and the read that is replaced surely
 * lies inside the copy and has no alternative. So nothing fails that did not, and nothing that
 * failed does not. The copy itself is gone once nobody reads it (unused): outputs and what a repeat
 * carries stay.
 *
 * So is an array of conditions on indices, `keep[i,j] = j <= i`, and of numbers chosen by one: it
 * is cheaper to compute than to read, and as a guard says which loops are shorter.
 *
 * A copy of what a repeat carries into its rounds is read through in this round only, and only
 * until what the round leaves is written: from there on the two may share a store, and have one
 * name. */
#include "opt/opt.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    at_homes *homes;
    at_home *here;
    int next_home;
    const at_statement **copies; /* by array id: the equation of a copy; NULL: it is none */
    int known;                   /* arrays of the cascade */
    const at_array **inside;     /* by id of what a round leaves: what the round begins with */
    bool *over;                  /* by id of what a round begins with: what it leaves is written */
} reading;

/* ---- what is a copy ------------------------------------------------------------------------ */

static bool look_for_other(void *user, const at_expr *e) {
    bool *other = user;
    *other |= e->tag != AT_INDEX && e->tag != AT_CONST && e->tag != AT_SIZE && e->tag != AT_MAP;
    if (e->tag == AT_MAP) {
        at_op op = e->u.map.op;
        *other |= op != AT_OP_ADD && op != AT_OP_SUB && op != AT_OP_MUL && op != AT_OP_NEG;
    }
    return !*other;
}

static bool mentions_index(const at_expr *e);

static bool look_for_index(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_INDEX;
    return true;
}

static bool mentions_index(const at_expr *e) {
    bool found = false;
    at_walk(e, look_for_index, &found);
    return found;
}

static bool look_for_read(void *user, const at_expr *e) {
    *(bool *)user |= e->tag == AT_READ || e->tag == AT_FOLD_NODE;
    return true;
}

static bool is_of_sizes(const at_expr *e) {
    bool other = mentions_index(e);
    at_walk(e, look_for_read, &other);
    return !other;
}

/* A sum of indices, each times what is no index. */
static bool is_linear(const at_expr *e) {
    if (e->tag != AT_MAP) return e->tag == AT_INDEX || e->tag == AT_CONST || e->tag == AT_SIZE;
    const at_expr *a = e->u.map.args[0], *b = e->u.map.args[1];
    bool other = false;
    switch (e->u.map.op) {
    case AT_OP_ADD:
    case AT_OP_SUB: return is_linear(a) && is_linear(b);
    case AT_OP_NEG: return is_linear(a);
    case AT_OP_MUL:
        at_walk(e, look_for_other, &other);
        return !other && !(mentions_index(a) && mentions_index(b)) && is_linear(a) && is_linear(b);
    default: return false;
    }
}

/* `h // 4` of the first axis of a copy, beside which whole rows are copied: one quotient a row. */
static bool is_group(const at_array *copy, const at_expr *e) {
    if (e->tag != AT_MAP || e->u.map.op != AT_OP_IDIV || copy->rank < 3) return false;
    const at_expr *by = e->u.map.args[1];
    return e->u.map.args[0]->tag == AT_INDEX && e->u.map.args[0]->u.axis == copy->axes[0] &&
           is_of_sizes(by);
}

static bool is_inside(const reading *r, const at_expr *index, const at_axis *axis) {
    if (index->tag == AT_INDEX && at_same_extent(index->u.axis, axis)) return true;
    return !at_between(r->s, r->draft->from, at_int(r->s, 0, index->span), index,
                       at_size_of(r->s, axis, index->span));
}

static bool is_inside_all(const reading *r, const at_array *array, const at_expr *const *index) {
    for (int i = 0; i < array->rank; i++)
        if (!is_inside(r, index[i], array->axes[i])) return false;
    return true;
}

static bool is_in_scan(const at_home *home) {
    for (; home->outer; home = home->outer)
        if (home->region->tag == AT_SCAN) return true;
    return false;
}

static bool is_copy(const reading *r, const at_statement *st) {
    if (st->tag != AT_EQUATION || st->u.value->tag != AT_READ) return false;
    const at_expr *e = st->u.value;
    const at_array *other = e->u.read.array;
    if (e->u.read.alternative) return false;
    /* In a scan, what a repeat carries there is another value at each step. */
    if (other->role == AT_CARRIED && is_in_scan(r->homes->of_array[other->id])) return false;
    for (int i = 0; i < other->rank; i++)
        if (!is_linear(e->u.read.index[i]) && !is_group(st->target, e->u.read.index[i]))
            return false;
    return is_inside_all(r, other, e->u.read.index);
}

/* ---- what is a condition --------------------------------------------------------------------- */

/* Comparisons of indices and sizes, and a choice of numbers by them: nothing in it can fail. */
static bool is_of_indices(const at_expr *e) {
    if (e->tag == AT_CONST || e->tag == AT_SIZE || e->tag == AT_INDEX) return true;
    if (e->tag != AT_MAP) return false;
    const at_expr *const *args = e->u.map.args;
    switch (e->u.map.op) {
    case AT_OP_AND:
    case AT_OP_OR:
    case AT_OP_NOT: break;
    case AT_OP_EQ:
    case AT_OP_NE:
    case AT_OP_LT:
    case AT_OP_LE:
    case AT_OP_GT:
    case AT_OP_GE: {
        bool linear = args[0]->kind != AT_INT || (is_linear(args[0]) && is_linear(args[1]));
        if (!linear) return false;
        return args[0]->kind != AT_REAL && (args[0]->kind == AT_INT ||
                                            (is_of_indices(args[0]) && is_of_indices(args[1])));
    }
    case AT_OP_IF: {
        bool numbers = e->kind != AT_REAL || (args[1]->tag == AT_CONST && args[2]->tag == AT_CONST);
        if (!numbers) return false;
        break;
    }
    default: return false;
    }
    for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
        if (!is_of_indices(args[i])) return false;
    return true;
}

/* `group[h] = h // 4`: cheap where it is read in front of rows. */
static bool is_group_number(const reading *r, const at_statement *st) {
    const at_expr *e = st->u.value;
    return st->target->rank == 1 && e->tag == AT_MAP && e->u.map.op == AT_OP_IDIV &&
           e->u.map.args[0]->tag == AT_INDEX && is_of_sizes(e->u.map.args[1]) &&
           at_quotient_is_sure(r->s, r->draft->from, e);
}

static bool is_condition(const reading *r, const at_statement *st) {
    if (st->tag != AT_EQUATION) return false;
    if (st->u.value->kind == AT_INT) return is_group_number(r, st);
    return st->u.value->tag == AT_MAP && is_of_indices(st->u.value) && at_is_cheap(st->u.value);
}

/* ---- reads --------------------------------------------------------------------------------- */

static const at_expr *through(void *user, const at_expr *e) {
    reading *r = user;
    if (e->tag != AT_READ || e->u.read.alternative) return e;
    const at_array *array = e->u.read.array;
    const at_statement *copy = array->id < r->known ? r->copies[array->id] : NULL;
    if (!copy) return e;
    at_home *home = r->homes->of_array[array->id];
    bool reads = copy->u.value->tag == AT_READ;
    if (reads && r->over[copy->u.value->u.read.array->id]) return e;
    if (at_home_common(home, r->here) != home || !is_inside_all(r, array, e->u.read.index))
        return e;
    const at_expr *value =
        at_substitute(r->s, copy->u.value, (const at_axis **)array->axes, e->u.read.index,
                      array->rank, at_draft_axis, r->draft);
    if (!reads) return value;
    return at_read(r->s, value->u.read.array, value->u.read.index, NULL, e->span);
}

static const at_expr *change(void *user, const at_expr *e) {
    reading *r = user;
    return at_rewrite(r->s, e, through, r);
}

static void leave(reading *r, const at_array *array) {
    const at_array *inside = r->inside[array->id];
    if (inside) r->over[inside->id] = true;
}

static void plain(void *user, const at_statement *st) {
    reading *r = user;
    at_statement *out = at_statement_changed(r->s, st, change, r);
    at_draft_add(r->draft, out);
    if (is_copy(r, out) || is_condition(r, out)) r->copies[out->target->id] = out;
    if (st->target) leave(r, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        leave(r, st->u.keeping.parts[i].target);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    reading *r = user;
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = change(r, st->u.repeat.condition);
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        r->inside[st->u.repeat.carried[i].next->id] = st->u.repeat.carried[i].inside;
    r->here = r->homes->blocks[r->next_home++];
}

static void end(void *user, const at_statement *st, at_statement *out) {
    reading *r = user;
    (void)st, (void)out;
    r->here = r->here->outer;
}

static void after(void *user, const at_statement *st, at_statement *out) {
    reading *r = user;
    (void)out;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        leave(r, st->u.repeat.carried[i].after);
}

const at_cascade *at_opt_copies(at_session *s, const at_cascade *from) {
    reading r = {.s = s, .draft = at_draft_new(s, from), .homes = at_homes_of(s, from),
                 .known = from->array_count};
    r.copies = AT_NEW_ARRAY(s->arena, const at_statement *, from->array_count);
    r.inside = AT_NEW_ARRAY(s->arena, const at_array *, from->array_count);
    r.over = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    r.here = r.homes->blocks[0];
    r.next_home = 1;
    at_block_walk walk = {.draft = r.draft, .user = &r, .plain = plain, .before = before,
                          .end = end, .after = after};
    at_draft_block(&walk, &from->body);
    return r.draft->out;
}
