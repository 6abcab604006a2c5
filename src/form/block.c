/* Statements one after the other, those inside scans and repeats too: what a rewrite does at each
 * place, told once for all rewrites. */
#include "form/form.h"

#include <limits.h>

typedef const at_expr *(*change)(void *user, const at_expr *e);

static const at_expr *changed(const at_expr *e, change f, void *user) {
    return e ? f(user, e) : NULL;
}

static at_part changed_part(const at_part *part, change f, void *user) {
    at_part out = *part;
    out.guard = changed(part->guard, f, user);
    if (out.guard && out.guard->tag == AT_CONST && out.guard->u.integer) out.guard = NULL;
    out.body = changed(part->body, f, user);
    return out;
}

at_statement *at_statement_changed(at_session *s, const at_statement *st, change f, void *user) {
    at_statement *out = at_copy(s->arena, st, sizeof *st);
    switch (st->tag) {
    case AT_EQUATION: out->u.value = changed(st->u.value, f, user); break;
    case AT_KEEPING:
        out->u.keeping.parts = AT_NEW_ARRAY(s->arena, at_part, st->u.keeping.count);
        for (int i = 0; i < st->u.keeping.count; i++)
            out->u.keeping.parts[i] = changed_part(&st->u.keeping.parts[i], f, user);
        break;
    case AT_TOPK: out->u.topk = changed_part(&st->u.topk, f, user); break;
    case AT_DRAWING:
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            out->u.drawing.args[i] = changed(st->u.drawing.args[i], f, user);
        break;
    case AT_NEXT: out->u.next.value = changed(st->u.next.value, f, user); break;
    case AT_REPEAT: out->u.repeat.condition = changed(st->u.repeat.condition, f, user); break;
    case AT_ASSERT:
        out->u.assertion.left = changed(st->u.assertion.left, f, user);
        out->u.assertion.right = changed(st->u.assertion.right, f, user);
        break;
    case AT_SCAN:
    case AT_TABLE: /* numbers and sizes only */
    case AT_GRAD:  /* names arrays by reading them */
        break;
    }
    return out;
}

typedef struct {
    void (*visit)(void *user, const at_array *array);
    void *user;
} writing;

static bool visit_written(void *user, const at_statement *st) {
    const writing *w = user;
    if (st->target && st->tag != AT_NEXT) w->visit(w->user, st->target);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        w->visit(w->user, st->u.keeping.parts[i].target);
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        w->visit(w->user, st->u.repeat.carried[i].inside);
        w->visit(w->user, st->u.repeat.carried[i].after);
    }
    return true;
}

void at_statement_written(const at_statement *st, void (*visit)(void *user, const at_array *array),
                          void *user) {
    writing w = {visit, user};
    visit_written(&w, st);
    if (st->tag == AT_SCAN) at_walk_block(&st->u.scan.body, visit_written, &w);
    if (st->tag == AT_REPEAT) at_walk_block(&st->u.repeat.body, visit_written, &w);
}

void at_draft_block(const at_block_walk *w, const at_block *block) {
    at_draft *draft = w->draft;
    for (int i = 0; i < block->count; i++) {
        at_statement *st = block->items[i];
        if (st->tag != AT_SCAN && st->tag != AT_REPEAT) {
            if (w->plain) w->plain(w->user, st);
            else at_draft_add(draft, st);
            continue;
        }
        at_statement *out = at_copy(draft->s->arena, st, sizeof *st);
        if (w->before) w->before(w->user, st, out);
        at_draft_region region;
        at_draft_open(draft, &region);
        region.statement = out;
        at_draft_block(w, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body);
        if (w->end) w->end(w->user, st, out);
        at_block body = at_draft_close(draft, &region);
        if (st->tag == AT_SCAN) out->u.scan.body = body;
        else out->u.repeat.body = body;
        at_draft_add(draft, out);
        if (w->after) w->after(w->user, st, out);
    }
}

int at_draft_scan_axes(const at_draft *draft, at_axis **axes) {
    int count = 0;
    /* Innermost region first: those further out go in front. */
    for (const at_draft_region *r = draft->region; r; r = r->around) {
        const at_statement *st = r->statement;
        if (!st || st->tag != AT_SCAN) continue;
        for (int i = count - 1; axes && i >= 0; i--) axes[i + st->u.scan.count] = axes[i];
        for (int i = 0; axes && i < st->u.scan.count; i++) axes[i] = st->u.scan.axes[i];
        count += st->u.scan.count;
    }
    return count;
}

typedef struct {
    const at_draft *draft;
    const at_expr *root;
    at_axis **axes;
    int count, capacity;
} free_axes;

static bool is_round(const at_draft *draft, const at_axis *axis) {
    for (const at_draft_region *r = draft->region; r; r = r->around)
        if (r->statement && r->statement->tag == AT_REPEAT && r->statement->u.repeat.round == axis)
            return true;
    return false;
}

static bool collect_free(void *user, const at_expr *e) {
    free_axes *f = user;
    if (e->tag != AT_INDEX) return true;
    for (int i = 0; i < f->count; i++)
        if (f->axes[i] == e->u.axis) return true;
    if (is_round(f->draft, e->u.axis) || !at_mentions(f->root, e->u.axis)) return true;
    AT_PUSH(f->draft->s->arena, f->axes, f->count, f->capacity, (at_axis *)e->u.axis);
    return true;
}

static int place_in(const at_array *like, const at_axis *axis) {
    for (int i = 0; like && i < like->rank; i++)
        if (like->axes[i] == axis) return i;
    return INT_MAX;
}

int at_draft_free_axes(const at_draft *draft, const at_expr *e, const at_array *like,
                       at_axis ***axes) {
    int scans = at_draft_scan_axes(draft, NULL);
    free_axes f = {draft, e, NULL, scans, scans};
    if (scans) {
        f.axes = AT_NEW_ARRAY(draft->s->arena, at_axis *, scans);
        at_draft_scan_axes(draft, f.axes);
    }
    at_walk(e, collect_free, &f);
    for (int i = scans + 1; i < f.count; i++)
        for (int k = i; k > scans && place_in(like, f.axes[k]) < place_in(like, f.axes[k - 1]);
             k--) {
            at_axis *axis = f.axes[k];
            f.axes[k] = f.axes[k - 1];
            f.axes[k - 1] = axis;
        }
    *axes = f.axes;
    return f.count;
}
