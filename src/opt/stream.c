/* Which sums over long axes become scans over blocks (stream.h), and where these stand.
 *
 * A class is what pair arrays that read each other have to do with: the arrays, and the folds over
 * one axis that read them. Pair arrays that follow from values of these folds (`p[i,j] = exp(s[i,j]
 * - m[i])`) are put into the folds that read them; the others (`s`) are computed in each block, are
 * tiles. Then separate.h says whether the folds are one sweep. If so, the scan stands where the
 * last of them stood, and what follows from it after it. */
#include "opt/stream_int.h"

/* ---- which arrays are together --------------------------------------------------------------- */

int at_stream_component(const at_streaming *w, int array) {
    while (w->component[array] != array) array = w->component[array];
    return array;
}

static bool join(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id])
        w->component[at_stream_component(w, e->u.read.array->id)] =
            at_stream_component(w, w->statement);
    return true;
}

bool at_stream_binds_long(const at_streaming *w, const at_expr *e) {
    for (int i = 0; i < e->u.fold.count; i++)
        if (at_is_long(w->lengths, e->u.fold.axes[i])) return true;
    return false;
}

static bool join_first(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag == AT_READ && w->by[e->u.read.array->id] && w->statement < 0)
        w->statement = e->u.read.array->id;
    return join(user, e);
}

/* What one fold reads is of one class. */
static bool join_fold(void *user, const at_expr *e) {
    at_streaming *w = user;
    if (e->tag != AT_FOLD_NODE || !at_stream_binds_long(w, e)) return true;
    w->statement = -1;
    at_walk(e, join_first, w);
    return true;
}

static bool join_folds(void *user, const at_statement *st) {
    at_walk_statement(st, join_fold, user);
    return true;
}

static void join_all(at_streaming *w) {
    at_walk_block(&w->from->body, join_folds, w);
    for (int i = 0; i < w->known; i++) {
        if (!w->by[i]) continue;
        w->statement = i;
        at_walk(w->by[i]->u.value, join, w);
    }
}

/* ---- folds with equations of their own ------------------------------------------------------- */

static bool look_for_any_pair(void *user, const at_expr *e) {
    at_streaming *w = user;
    w->found |= e->tag == AT_READ && e->u.read.array->id < w->known && w->by[e->u.read.array->id];
    return !w->found;
}

static const at_expr *apart(void *user, const at_expr *e) {
    at_streaming *w = user;
    const at_expr *whole = w->of->items[w->statement]->u.value;
    if (e->tag != AT_FOLD_NODE || !at_stream_binds_long(w, e) || e == whole) return e;
    if (w->only && !w->only[w->of->items[w->statement]->target->id]) return e;
    w->found = false;
    at_walk(e, look_for_any_pair, w);
    if (!w->found) return e;
    const at_array *of = w->of->items[w->statement]->target;
    at_axis **axes;
    int rank = at_draft_free_axes(w->draft, e, of, &axes);
    AT_PUSH(w->s->arena, w->apart_of, w->apart_count, w->apart_capacity, of->id);
    return at_draft_define(w->draft, of, at_fold_info(e->u.fold.fold)->text, axes, rank, e);
}

static const at_expr *all_apart(void *user, const at_expr *e) {
    at_streaming *w = user;
    return at_rewrite(w->s, e, apart, w);
}

static void plain(void *user, const at_statement *st) {
    at_streaming *w = user;
    at_block own = {1, (at_statement **)&st};
    w->of = &own;
    w->statement = 0;
    if (st->tag != AT_EQUATION || w->by[st->target->id]) at_draft_add(w->draft, (at_statement *)st);
    else at_draft_add(w->draft, at_statement_changed(w->s, st, all_apart, w));
}

static bool find_leaving(void *user, const at_statement *st) {
    bool *next = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++)
        next[st->u.repeat.carried[i].before->id] = next[st->u.repeat.carried[i].next->id] = true;
    return true;
}

static at_streaming *begin_with(at_session *s, const at_cascade *from) {
    at_streaming *w = AT_NEW(s->arena, at_streaming);
    *w = (at_streaming){.s = s, .from = from, .draft = at_draft_new(s, from),
                        .lengths = at_lengths_of(s, from), .known = from->array_count};
    w->by = at_pair_equations(w->lengths, at_homes_of(s, from), true);
    w->component = AT_NEW_ARRAY(s->arena, int, w->known);
    w->next = AT_NEW_ARRAY(s->arena, bool, w->known);
    w->inner = AT_NEW_ARRAY(s->arena, const at_expr *, w->known);
    for (int i = 0; i < w->known; i++) w->component[i] = i;
    at_walk_block(&from->body, find_leaving, w->next);
    join_all(w);
    return w;
}

static void tell_refusals(at_session *s, const at_sweep_report *report) {
    for (int i = 0; i < report->count; i++) {
        const at_sweep_refusal *r = &report->refusals[i];
        at_reason_array(s, AT_REASON_FUSE, r->of, r->where.source ? r->where : r->of->span,
                        "is not computed in one sweep: %s", r->why);
    }
}

/* One attempt: with equations of their own for folds of `only` (by array id; NULL: of all), of
 * which those that need none go to `needless`. */
static const at_cascade *attempt(at_session *s, const at_cascade *from, int64_t block,
                                 const bool *only, at_sweep_report *report, bool *needed,
                                 bool *needless) {
    at_streaming *first = begin_with(s, from);
    first->only = only;
    at_block_walk walk = {.draft = first->draft, .user = first, .plain = plain};
    at_draft_block(&walk, &from->body);
    at_streaming *w = begin_with(s, first->draft->out);
    w->block = block;
    w->report = report;
    w->swept = AT_NEW_ARRAY(s->arena, bool, w->known);
    at_stream_block(w, &w->from->body);
    for (int i = 0; i < first->apart_count; i++) {
        bool swept = w->swept[from->array_count + i];
        needed[first->apart_of[i]] |= swept;
        *needless |= !swept;
    }
    return at_needed_only(s, w->draft->out);
}

const at_cascade *at_sweep_cascade(at_session *s, const at_cascade *from, int64_t block,
                                   at_sweep_report *report) {
    bool *needed = AT_NEW_ARRAY(s->arena, bool, from->array_count), needless = false;
    at_sweep_report trial = {0};
    const at_cascade *made = attempt(s, from, block, NULL, &trial, needed, &needless);
    bool *still = AT_NEW_ARRAY(s->arena, bool, from->array_count);
    if (trial.scans > 0 && needless) {
        at_sweep_report second = {0};
        made = attempt(s, from, block, needed, &second, still, &needless);
        trial.scans = second.scans;
    }
    tell_refusals(s, &trial);
    if (report) *report = trial;
    return trial.scans > 0 ? made : from;
}
