/* A program whose equations are folds over j, and rows made of their values, as a sweep: what is
 * kept, the scan over blocks that keeps it, and inputs with infinities and NaN among them. */
#ifndef SEPARATE_FIXTURE_H
#define SEPARATE_FIXTURE_H

#include "program_fixture.h"

#include "form/form.h"
#include "form/separate.h"

/* ---- the sweep as a program ------------------------------------------------------------------ */

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    at_sweep_given given;
    at_sweep *sweep;
    const at_axis *along;
    int64_t block;
} sweeping;

UNUSED static bool goes_along(const sweeping *w, const at_statement *st) {
    return st->tag == AT_EQUATION && st->u.value->tag == AT_FOLD_NODE &&
           st->u.value->u.fold.axes[0] == w->along;
}

/* Every equation of a program is a fold along j or a row. */
UNUSED static void find_folds(sweeping *w) {
    const at_block *body = &w->from->body;
    at_sweep_fold *folds = AT_NEW_ARRAY(w->s->arena, at_sweep_fold, body->count);
    at_sweep_row *rows = AT_NEW_ARRAY(w->s->arena, at_sweep_row, body->count);
    for (int i = 0; i < body->count; i++) {
        const at_statement *st = body->items[i];
        if (goes_along(w, st))
            folds[w->given.fold_count++] = (at_sweep_fold){st->target, st->u.value};
        else rows[w->given.row_count++] = (at_sweep_row){st->target, st->u.value};
    }
    w->given.folds = folds;
    w->given.rows = rows;
}

UNUSED static void begin_sweep(sweeping *w, at_session *s, const char *text, int64_t block) {
    *w = (sweeping){.s = s, .from = resolved(s, text), .block = block};
    for (int i = 0; i < w->from->axis_count; i++)
        if (strcmp(w->from->axes[i]->name, "j") == 0) w->along = w->from->axes[i];
    assert_non_null(w->along);
    find_folds(w);
    w->sweep = at_sweep_of(s, &w->given);
}

UNUSED static const at_expr *op(sweeping *w, at_op which, const at_expr *a, const at_expr *b) {
    return at_map_node(w->s, which, a, b, NULL, at_no_span());
}

UNUSED static const at_expr *number(sweeping *w, int64_t value) {
    return at_int(w->s, value, at_no_span());
}

/* A running value's array, read at the block `at`. */
UNUSED static const at_expr *read_at(sweeping *w, const at_array *array, const at_expr *at,
                              const at_expr *alternative) {
    const at_expr **index = AT_NEW_ARRAY(w->s->arena, const at_expr *, array->rank);
    index[0] = at;
    for (int i = 1; i < array->rank; i++) index[i] = at_index(w->s, array->axes[i], at_no_span());
    return at_read(w->s, array, index, alternative, at_no_span());
}

/* The scan over blocks; fills in what the running values are in the end. */
UNUSED static void add_scan(sweeping *w, const at_expr **last) {
    at_session *s = w->s;
    at_span none = at_no_span();
    const at_expr *size = op(w, AT_OP_ADD, at_extent_of(s, w->along), number(w, w->block - 1));
    at_axis *blocks = at_draft_extent(w->draft, "jb", op(w, AT_OP_IDIV, size, number(w, w->block)));
    at_statement *scan = AT_NEW(s->arena, at_statement);
    scan->tag = AT_SCAN;
    scan->u.scan.count = 1;
    scan->u.scan.axes = at_copy(s->arena, &blocks, sizeof blocks);
    scan->u.scan.down = AT_NEW(s->arena, bool);
    at_draft_region region;
    at_draft_open(w->draft, &region);
    region.statement = scan;
    int count = w->sweep->count;
    const at_expr **before = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    const at_expr **now = AT_NEW_ARRAY(s->arena, const at_expr *, count);
    const at_expr *here = at_index(s, blocks, none);
    const at_expr *within =
        op(w, AT_OP_EQ, op(w, AT_OP_IDIV, at_index(s, w->along, none), number(w, w->block)), here);
    for (int k = 0; k < count; k++) {
        const at_running *r = &w->sweep->running[k];
        at_axis **axes;
        int rank = at_draft_free_axes(w->draft, r->shape, NULL, &axes);
        at_array *array = at_draft_array(w->draft, r->name, NULL, r->kind, axes, rank, none);
        before[k] = read_at(w, array, op(w, AT_OP_SUB, here, number(w, 1)), r->neutral);
        now[k] = read_at(w, array, here, NULL);
        const at_expr *end = op(w, AT_OP_SUB, at_size(s, blocks, none), number(w, 1));
        last[k] = read_at(w, array, end, r->neutral);
        if (!r->kept) before[k] = last[k] = NULL;
        const at_expr *step = at_sweep_step(s, w->sweep, k, before, now, within);
        at_draft_equation(w->draft, array, step, none);
    }
    scan->u.scan.body = at_draft_close(w->draft, &region);
    at_draft_add(w->draft, scan);
}

UNUSED static const at_cascade *swept(sweeping *w) {
    w->draft = at_draft_new(w->s, w->from);
    const at_expr **last = AT_NEW_ARRAY(w->s->arena, const at_expr *, w->sweep->count);
    add_scan(w, last);
    int fold = 0;
    for (int i = 0; i < w->from->body.count; i++) {
        at_statement *st = w->from->body.items[i];
        if (!goes_along(w, st)) at_draft_add(w->draft, st);
        else at_draft_equation(w->draft, st->target, at_sweep_value(w->s, w->sweep, fold++, last),
                               st->span);
    }
    at_ir_verify(w->s, w->draft->out);
    return w->draft->out;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

enum { PLAIN, INFINITE, LOW, STRANGE, LARGE, ALL_KINDS };

/* Values of one kind: LOW has many -inf, STRANGE also NaN, LARGE a large offset. */
UNUSED static double strange(dice *d, int kind, double value) {
    static const double special[] = {-INFINITY, INFINITY, -INFINITY, 0, NAN};
    int many = kind == LOW ? 2 : 12;
    if (kind == LARGE) return 300 * value + 1e4;
    if (kind == PLAIN || pick(d, many)) return value;
    return special[kind == LOW ? 0 : pick(d, kind == STRANGE ? 5 : 4)];
}

UNUSED static void make_strange(dice *d, int kind, at_collection *inputs) {
    for (int i = 0; i < inputs->count; i++) {
        at_tensor *t = inputs->items[i].tensor;
        int here = pick(d, 2) ? kind : PLAIN;
        for (int64_t k = 0; t->type == AT_TYPE_F64 && k < t->count; k++)
            ((double *)t->data)[k] = strange(d, here, ((double *)t->data)[k]);
    }
}

UNUSED static bool agree(double a, double b, double scale) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= 1e-9 * fmax(scale, fabs(b));
}

/* What differs, or NULL. */
UNUSED static const char *disagreement(at_session *s, const at_collection *found,
                                const at_collection *expected, double scale) {
    for (int i = 0; i < expected->count; i++) {
        const at_tensor *a = found->items[i].tensor, *b = expected->items[i].tensor;
        assert_int_equal(a->count, b->count);
        for (int64_t k = 0; k < a->count; k++) {
            double x, y;
            if (a->type == AT_TYPE_F64) x = ((double *)a->data)[k], y = ((double *)b->data)[k];
            else if (a->type == AT_TYPE_I64)
                x = (double)((int64_t *)a->data)[k], y = (double)((int64_t *)b->data)[k];
            else x = ((unsigned char *)a->data)[k], y = ((unsigned char *)b->data)[k];
            if (!agree(x, y, scale))
                return at_format(s->arena, "%s[%d] is %.17g and was %.17g", expected->items[i].name,
                                 (int)k, x, y);
        }
    }
    return NULL;
}

#endif
