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
} rewriter;

/* Statements are added in order, and this one reads `of` already. */
static bool place(void *user, const at_array *of, at_statement *st) {
    rewriter *r = user;
    (void)of;
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

static at_statement *rewritten(rewriter *r, at_statement *st) {
    if (st->tag != AT_EQUATION && st->tag != AT_KEEPING) return st;
    at_statement *out = at_copy(r->s->arena, st, sizeof *st);
    if (st->tag == AT_EQUATION) {
        out->u.value = at_rewrite(r->s, st->u.value, solved, r);
        return out;
    }
    at_part *parts = at_copy(r->s->arena, st->u.keeping.parts,
                             sizeof *parts * (size_t)st->u.keeping.count);
    for (int i = 0; i < st->u.keeping.count; i++)
        parts[i].body = at_rewrite(r->s, parts[i].body, solved, r);
    out->u.keeping.parts = parts;
    return out;
}

const at_cascade *at_opt_equalities(at_session *s, const at_cascade *from) {
    rewriter r = {s, at_draft_new(s, from)};
    for (int i = 0; i < from->body.count; i++)
        at_draft_add(r.draft, rewritten(&r, from->body.items[i]));
    return r.draft->out;
}
