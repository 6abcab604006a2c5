/* What the programs had in them: a generator that no longer writes something does not test it, so
 * the programs count, and end in a failure when something never came. */
#include "check.h"

#include <stdio.h>

typedef enum {
#define CONSTRUCT(id, text) HAS_##id,
#include "constructs.def"
#undef CONSTRUCT
    CONSTRUCTS
} construct;

/* Rows: operations, folds, draws, constructs, features. */
enum {
    FIRST_FOLD = (int)AT_OPS,
    FIRST_DRAW = (int)AT_OPS + (int)AT_FOLDS,
    FIRST_CONSTRUCT = FIRST_DRAW + (int)AT_DRAWS,
    FIRST_FEATURE = FIRST_CONSTRUCT + (int)CONSTRUCTS,
    ROWS = FIRST_FEATURE + (int)FEATURES
};
_Static_assert((int)ROWS <= (int)MOST_ROWS, "MOST_ROWS is too small");

static const char *row_text(int row) {
    static const char *const texts[] = {
#define CONSTRUCT(id, text) text,
#include "constructs.def"
#undef CONSTRUCT
#define FEATURE(id, text) text,
#include "features.def"
#undef FEATURE
    };
    if (row < FIRST_FOLD) return at_op_info((at_op)row)->text;
    if (row < FIRST_DRAW) return at_fold_info((at_fold)(row - FIRST_FOLD))->text;
    if (row < FIRST_CONSTRUCT) return at_draw_info((at_draw)(row - FIRST_DRAW))->text;
    return texts[row - FIRST_CONSTRUCT];
}

typedef struct {
    coverage *c;
    int scans, repeats, folds;
    const at_statement *scan; /* the innermost */
} walk;

static void saw(walk *w, construct which, bool yes) {
    w->c->counts[FIRST_CONSTRUCT + which] += yes;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static bool has_tag(const at_expr *e, at_tag tag) {
    if (!e) return false;
    if (e->tag == tag) return true;
    if (e->tag == AT_MAP)
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++)
            if (has_tag(e->u.map.args[i], tag)) return true;
    if (e->tag == AT_READ)
        for (int i = 0; i < e->u.read.array->rank; i++)
            if (has_tag(e->u.read.index[i], tag)) return true;
    if (e->tag == AT_FOLD_NODE)
        return has_tag(e->u.fold.guard, tag) || has_tag(e->u.fold.body, tag);
    return false;
}

static void saw_read(walk *w, const at_expr *e) {
    const at_expr *other = e->u.read.alternative;
    saw(w, HAS_READ_ELSE, other);
    saw(w, HAS_READ_ELSE_ELSE, other && other->tag == AT_READ && other->u.read.alternative);
    for (int i = 0; i < e->u.read.array->rank; i++) {
        const at_expr *index = e->u.read.index[i];
        bool map = index->tag == AT_MAP;
        int op = map ? (int)index->u.map.op : -1;
        saw(w, HAS_READ_SHIFTED, op == AT_OP_ADD || op == AT_OP_SUB);
        saw(w, HAS_READ_DIVIDED, op == AT_OP_IDIV || op == AT_OP_MOD);
        saw(w, HAS_READ_GATHER, has_tag(index, AT_READ));
        saw(w, HAS_READ_FOLD, has_tag(index, AT_FOLD_NODE));
        saw(w, HAS_READ_DECLARED,
            other && index->tag == AT_INDEX && index->u.axis->declared &&
                index->u.axis->extent != e->u.read.array->axes[i]->extent);
        if (w->scan && index->tag == AT_INDEX)
            for (int k = 0; k < w->scan->u.scan.count && i == k; k++)
                saw(w, HAS_SCAN_HISTORY,
                    e->u.read.array->axes[i] == w->scan->u.scan.axes[k] &&
                        index->u.axis != w->scan->u.scan.axes[k]);
    }
}

static void saw_expr(walk *w, const at_expr *e) {
    if (!e) return;
    if (e->tag == AT_MAP) {
        w->c->counts[e->u.map.op]++;
        for (int i = 0; i < at_op_info(e->u.map.op)->arity; i++) saw_expr(w, e->u.map.args[i]);
    } else if (e->tag == AT_READ) {
        saw_read(w, e);
        for (int i = 0; i < e->u.read.array->rank; i++) saw_expr(w, e->u.read.index[i]);
        saw_expr(w, e->u.read.alternative);
    } else if (e->tag == AT_FOLD_NODE) {
        w->c->counts[FIRST_FOLD + e->u.fold.fold]++;
        saw(w, HAS_FOLD_TWO, e->u.fold.count > 1);
        saw(w, HAS_FOLD_FOLD, w->folds > 0);
        saw(w, HAS_FOLD_GUARDED, e->u.fold.guard);
        saw(w, HAS_FOLD_BY_DATA, has_tag(e->u.fold.guard, AT_READ));
        w->folds++;
        saw_expr(w, e->u.fold.guard);
        saw_expr(w, e->u.fold.body);
        w->folds--;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void saw_block(walk *w, const at_block *block);

static void saw_keeping(walk *w, const at_statement *st) {
    at_fold fold = st->u.keeping.fold;
    w->c->counts[FIRST_FOLD + fold]++;
    saw(w, HAS_KEEPING_JOINT, st->u.keeping.count > 1 && fold == AT_FOLD_SOFTMAX);
    saw(w, HAS_KEEPING_JOINT_LOG, st->u.keeping.count > 1 && fold == AT_FOLD_LOG_SOFTMAX);
    saw(w, HAS_SCAN_KEEPING, w->scans);
    saw(w, HAS_REPEAT_KEEPING, w->repeats);
    for (int i = 0; i < st->u.keeping.count; i++) {
        const at_part *part = &st->u.keeping.parts[i];
        saw(w, HAS_KEEPING_TWO, part->count > 1);
        saw(w, HAS_KEEPING_GUARDED, part->guard);
        saw(w, HAS_KEEPING_DOWN, part->down[0]);
        saw_expr(w, part->guard);
        saw_expr(w, part->body);
    }
}

static void saw_scan(walk *w, const at_statement *st) {
    const at_statement *outer = w->scan;
    saw(w, HAS_SCAN_TWO, st->u.scan.count > 1);
    saw(w, HAS_SCAN_SCAN, w->scans);
    saw(w, HAS_REPEAT_SCAN, w->repeats);
    for (int i = 0; i < st->u.scan.count; i++) saw(w, HAS_SCAN_DOWN, st->u.scan.down[i]);
    w->scans++;
    w->scan = st;
    saw_block(w, &st->u.scan.body);
    w->scan = outer;
    w->scans--;
}

static void saw_repeat(walk *w, const at_statement *st) {
    saw(w, HAS_REPEAT_WHILE, st->u.repeat.condition);
    saw(w, HAS_REPEAT_CARRIES_TWO, st->u.repeat.carried_count > 1);
    saw(w, HAS_REPEAT_REPEAT, w->repeats);
    saw(w, HAS_SCAN_REPEAT, w->scans);
    for (int i = 0; i < st->u.repeat.carried_count; i++)
        saw(w, HAS_INT_CARRIED, st->u.repeat.carried[i].before->kind == AT_INT);
    saw_expr(w, st->u.repeat.condition);
    w->repeats++;
    saw_block(w, &st->u.repeat.body);
    w->repeats--;
}

static void saw_statement(walk *w, const at_statement *st) {
    static const construct tags[] = {
        [AT_EQUATION] = HAS_EQUATION, [AT_KEEPING] = HAS_KEEPING, [AT_TOPK] = HAS_TOPK,
        [AT_DRAWING] = HAS_DRAWING,   [AT_TABLE] = HAS_TABLE,     [AT_NEXT] = HAS_NEXT,
        [AT_SCAN] = HAS_SCAN,         [AT_REPEAT] = HAS_REPEAT,
        [AT_GRAD] = HAS_GRAD};
    saw(w, tags[st->tag], true);
    switch (st->tag) {
    case AT_EQUATION:
        saw(w, HAS_RANK_0, st->target->rank == 0);
        saw(w, HAS_RANK_4, st->target->rank >= 4);
        saw(w, HAS_BOOL_ARRAY, st->target->kind == AT_BOOL && st->target->rank > 0);
        for (int i = 0; i < st->target->rank; i++)
            saw(w, HAS_REPEAT_COLLECTS, w->repeats && st->target->axes[i]->round);
        saw_expr(w, st->u.value);
        break;
    case AT_NEXT: saw_expr(w, st->u.next.value); break;
    case AT_GRAD: {
        bool mapped = false;
        for (int i = 0; i < st->target->rank; i++)
            mapped |= at_mentions(st->u.grad.loss, st->target->axes[i]);
        saw(w, HAS_GRAD_MAPPED, mapped);
        break;
    }
    case AT_KEEPING: saw_keeping(w, st); break;
    case AT_TOPK:
        w->c->counts[FIRST_FOLD + AT_FOLD_TOPK]++;
        saw(w, HAS_TOPK_GUARDED, st->u.topk.guard);
        saw(w, HAS_TOPK_TWO, st->u.topk.count > 1);
        saw(w, HAS_SCAN_TOPK, w->scans);
        saw_expr(w, st->u.topk.guard);
        saw_expr(w, st->u.topk.body);
        break;
    case AT_DRAWING:
        w->c->counts[FIRST_DRAW + (int)st->u.drawing.draw]++;
        saw(w, HAS_SCAN_DRAW, w->scans);
        saw(w, HAS_REPEAT_DRAW, w->repeats);
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++)
            saw_expr(w, st->u.drawing.args[i]);
        break;
    case AT_SCAN: saw_scan(w, st); break;
    case AT_REPEAT: saw_repeat(w, st); break;
    default: break;
    }
}

static void saw_block(walk *w, const at_block *block) {
    for (int i = 0; i < block->count; i++) saw_statement(w, block->items[i]);
}

/* ---- programs -------------------------------------------------------------------------------- */

static void saw_starts(walk *w, const at_cascade *cascade) {
    for (int i = 0; i < cascade->input_count; i++) {
        const at_array *a = cascade->inputs[i].array;
        saw(w, HAS_INPUT_INT, a->kind == AT_INT && !a->inside);
        saw(w, HAS_INPUT_BOOL, a->kind == AT_BOOL);
        saw(w, HAS_INPUT_INDEX, a->inside);
        saw(w, HAS_INPUT_SCALAR, a->rank == 0);
    }
    for (int i = 0; i < cascade->param_count; i++) {
        const at_start *p = &cascade->params[i];
        saw(w, HAS_PARAM, true);
        saw(w, HAS_PARAM_DRAWN, p->draw >= 0);
        saw(w, HAS_PARAM_ROUNDS, p->array->rank && p->array->axes[0]->round);
    }
    for (int i = 0; i < cascade->state_count; i++) {
        const at_array *a = cascade->states[i].array;
        saw(w, HAS_STATE, true);
        saw(w, HAS_STATE_INT, a->kind == AT_INT);
        saw(w, HAS_STATE_BOOL, a->kind == AT_BOOL);
        saw(w, HAS_STATE_ROUNDS, a->rank && a->axes[0]->round);
    }
}

void cover(coverage *c, const at_cascade *cascade, const random_program *program) {
    walk w = {.c = c};
    c->programs++;
    saw_starts(&w, cascade);
    saw(&w, HAS_OUTPUTS, cascade->output_count > 1);
    saw(&w, HAS_REQUIRE, cascade->require_count);
    for (int i = 0; i < cascade->axis_count; i++) {
        const at_axis *a = cascade->axes[i];
        saw(&w, HAS_AXIS_COMPUTED, a->extent && a->extent->tag == AT_MAP);
        saw(&w, HAS_AXIS_LIKE, a->like);
        saw(&w, HAS_AXIS_FIXED, a->fixed >= 0);
    }
    saw_block(&w, &cascade->body);
    for (int i = 0; i < FEATURES; i++) c->counts[FIRST_FEATURE + i] += program->marks[i];
}

int coverage_print(const coverage *c, bool all) {
    int missing = 0;
    if (all) printf("In %lu programs (of which %lu undecided):\n", c->programs, c->undecided);
    for (int i = 0; i < ROWS; i++) {
        missing += c->counts[i] == 0;
        if (all) printf("%9lu  %s\n", c->counts[i], row_text(i));
        else if (c->counts[i] == 0) printf("never: %s\n", row_text(i));
    }
    return missing;
}
