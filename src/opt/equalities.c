/* Sums whose guard determines an index lose the loop over it:
 *
 *     y[i] = sum[j where j == i + 1](x[j])   ->   y[i] = if i + 1 < size(x) then x[i + 1] else 0
 *
 * A user who writes a convolution's gradient, a shift or a one-hot product so gets the code of the
 * read. What is not determined, as `dst[e] == g`, stays a scatter (form/solve.c). */
#include "opt/opt.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    const at_block **home; /* by array id: the block of the draft that it is written in; NULL: not yet */
    int known;             /* arrays with a higher id are made here */
} rewriter;

/* Statements are added in order, and this one reads `of` already. What is made of an array is as
 * long good as the array, so it stands in the array's own block. */
static bool place(void *user, const at_array *of, at_statement *st) {
    rewriter *r = user;
    if (of->id >= r->known || r->home[of->id] != r->draft->block) return false;
    at_draft_add(r->draft, st);
    return true;
}

static const at_expr *solved(void *user, const at_expr *e) {
    rewriter *r = user;
    if (e->tag != AT_FOLD_NODE || e->u.fold.fold != AT_FOLD_SUM || !e->u.fold.guard) return e;
    if (e->kind != AT_REAL) return e; /* where there is nothing a real 0 stands, an int is rare */
    at_guarded_sum sum = {.draft = r->draft, .body = e->u.fold.body, .place = place, .user = r};
    for (int i = 0; i < e->u.fold.count; i++)
        AT_PUSH(r->s->arena, sum.axes, sum.count, sum.capacity, e->u.fold.axes[i]);
    at_solve_guard(&sum, e->u.fold.guard);
    int equations = sum.equation_count;
    at_solve(&sum);
    if (sum.equation_count == equations) return e;
    if (sum.count == 0) return at_where(r->s, sum.guard, sum.body, 0);
    /* Factors stay inside: over nothing the sum is 0, whatever they are. */
    return at_fold_node(r->s, AT_FOLD_SUM, sum.axes, sum.count, sum.guard, sum.body, e->span);
}

static const at_expr *rewritten(void *user, const at_expr *e) {
    rewriter *r = user;
    return at_rewrite(r->s, e, solved, r);
}

static void plain(void *user, const at_statement *st) {
    rewriter *r = user;
    at_draft_add(r->draft, at_statement_changed(r->s, st, rewritten, r));
    if (st->tag == AT_NEXT) return;
    if (st->target) r->home[st->target->id] = r->draft->block;
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        r->home[st->u.keeping.parts[i].target->id] = r->draft->block;
}

static void before(void *user, const at_statement *st, at_statement *out) {
    rewriter *r = user;
    if (st->tag != AT_REPEAT) return;
    out->u.repeat.condition = st->u.repeat.condition ? rewritten(r, st->u.repeat.condition) : NULL;
}

static void after(void *user, const at_statement *st, at_statement *out) {
    rewriter *r = user;
    (void)out;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        r->home[st->u.repeat.carried[i].after->id] = r->draft->block;
}

const at_cascade *at_opt_equalities(at_session *s, const at_cascade *from) {
    rewriter r = {s, at_draft_new(s, from), NULL, from->array_count};
    r.home = AT_NEW_ARRAY(s->arena, const at_block *, from->array_count);
    at_block_walk walk = {
        .draft = r.draft, .user = &r, .plain = plain, .before = before, .after = after};
    at_draft_block(&walk, &from->body);
    return r.draft->out;
}
