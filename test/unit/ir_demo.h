/* One valid cascade that has every statement there is, for printing and for breaking. */
#ifndef IR_DEMO_H
#define IR_DEMO_H

#include "ir_fixture.h"

typedef struct {
    at_axis *i, *j, *d, *m, *u, *half, *r, *l, *t;
    at_array *q, *k, *keep, *ids, *n, *gate, *weight, *bias, *seen, *mean_q;
    at_array *s, *p, *z, *idx, *run, *rate, *e, *x, *inside, *next, *after, *h, *loss, *g;
    at_array *each, *part, *o, *lse;
    at_statement *scores, *softmax, *topk, *cumsum, *table, *drawing, *begin, *repeat, *step, *scan;
    at_statement *recurrence, *total, *grad, *grad_each, *count, *average;
} demo_arrays;

static void demo_axes(world *w, demo_arrays *a) {
    a->i = axis(w, "i", NULL);
    a->j = axis(w, "j", NULL);
    a->d = axis(w, "d", NULL);
    a->m = axis(w, "m", I(w, 4));
    a->u = axis(w, "u", NULL);
    a->half = axis(w, "half", op2(w, AT_OP_IDIV, S(w, a->d), I(w, 2)));
    a->r = axis(w, "r", I(w, 2));
    a->l = axis(w, "l", I(w, 3));
    a->t = axis(w, "t", I(w, 3));
    a->u->like = a->i;
    a->j->fixed = 8;
    a->l->round = true;
    a->l->declared = a->t->declared = false;
}

static void demo_given(world *w, demo_arrays *a) {
    a->q = array(w, "q", AT_INPUT, AT_REAL, 2, a->i, a->d);
    a->k = array(w, "k", AT_INPUT, AT_REAL, 2, a->j, a->d);
    a->keep = array(w, "keep", AT_INPUT, AT_BOOL, 1, a->j);
    a->ids = array(w, "ids", AT_INPUT, AT_INT, 1, a->i);
    a->ids->inside = a->j;
    a->n = array(w, "n", AT_INPUT, AT_INT, 0);
    a->gate = array(w, "gate", AT_INPUT, AT_REAL, 0);
    a->weight = array(w, "block[].w", AT_PARAM, AT_REAL, 2, a->l, a->d);
    a->bias = array(w, "bias", AT_PARAM, AT_REAL, 1, a->d);
    a->seen = array(w, "seen", AT_STATE, AT_INT, 0);
    a->mean_q = array(w, "mean_q", AT_STATE, AT_REAL, 1, a->d);
    w->params[0] = (at_start){a->weight, NULL, AT_DRAW_NORMAL, {R(w, 0), R(w, 0.02)}};
    w->params[1] = (at_start){a->bias, R(w, 0), -1, {NULL, NULL}};
    w->states[0] = (at_start){a->seen, I(w, 0), -1, {NULL, NULL}};
    w->states[1] = (at_start){a->mean_q, R(w, 0), -1, {NULL, NULL}};
    w->cascade.param_count = w->cascade.state_count = 2;
    w->requires[w->cascade.require_count++] = (at_require){
        .condition = op2(w, AT_OP_EQ, op2(w, AT_OP_MOD, S(w, a->d), I(w, 2)), I(w, 0))};
}

static void demo_attention(world *w, demo_arrays *a) {
    a->s = array(w, "s", AT_DEFINED, AT_REAL, 2, a->i, a->j);
    a->p = array(w, "p", AT_DEFINED, AT_REAL, 2, a->i, a->j);
    a->z = array(w, "z", AT_DEFINED, AT_REAL, 2, a->i, a->m);
    a->idx = array(w, "idx", AT_DEFINED, AT_INT, 2, a->i, a->r);
    a->run = array(w, "run", AT_DEFINED, AT_REAL, 2, a->i, a->j);
    a->rate = array(w, "rate", AT_DEFINED, AT_REAL, 1, a->t);
    const at_expr *dot = fold1(w, AT_FOLD_SUM, a->d, NULL,
                               op2(w, AT_OP_MUL, own(w, a->q), own(w, a->k)));
    const at_expr *root = op1(w, AT_OP_SQRT, op1(w, AT_OP_TO_REAL, S(w, a->d)));
    const at_expr *keep = own(w, a->keep);
    const at_expr *causal = op2(w, AT_OP_LE, X(w, a->j), X(w, a->i));
    add(w, a->scores = equation(w, a->s, op2(w, AT_OP_DIV, dot, root)));
    a->softmax = statement(w, AT_KEEPING, NULL);
    at_part parts[] = {
        part(w, a->p, a->j, op2(w, AT_OP_AND, keep, causal), own(w, a->s)),
        part(w, a->z, a->m, NULL, op1(w, AT_OP_TO_REAL, X(w, a->m))),
    };
    a->softmax->u.keeping.fold = AT_FOLD_SOFTMAX;
    a->softmax->u.keeping.count = 2;
    a->softmax->u.keeping.parts = at_copy(w->s->arena, parts, sizeof parts);
    add(w, a->softmax);
    a->topk = statement(w, AT_TOPK, a->idx);
    a->topk->u.topk = part(w, a->idx, a->j, keep, own(w, a->s));
    add(w, a->topk);
    a->cumsum = statement(w, AT_KEEPING, NULL);
    at_part run = part(w, a->run, a->j, NULL, own(w, a->p));
    run.down[0] = true;
    a->cumsum->u.keeping.fold = AT_FOLD_CUMSUM;
    a->cumsum->u.keeping.count = 1;
    a->cumsum->u.keeping.parts = at_copy(w->s->arena, &run, sizeof run);
    add(w, a->cumsum);
    a->table = statement(w, AT_TABLE, a->rate);
    const at_expr *values[] = {R(w, 1), R(w, 2), R(w, 4)};
    a->table->u.table.count = 3;
    a->table->u.table.values = at_copy(w->s->arena, values, sizeof values);
    add(w, a->table);
}

static void demo_regions(world *w, demo_arrays *a) {
    a->e = array(w, "e", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->x = array(w, "x", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->inside = array(w, "x", AT_CARRIED, AT_REAL, 2, a->i, a->d);
    a->next = array(w, "x", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->after = array(w, "x", AT_RESULT, AT_REAL, 2, a->i, a->d);
    a->h = array(w, "h", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->drawing = statement(w, AT_DRAWING, a->e);
    a->drawing->u.drawing.draw = AT_DRAW_NORMAL;
    a->drawing->u.drawing.args[0] = R(w, 0);
    a->drawing->u.drawing.args[1] = R(w, 1);
    add(w, a->drawing);
    add(w, a->begin = equation(w, a->x, op2(w, AT_OP_ADD, own(w, a->e), own(w, a->bias))));
    a->step = equation(w, a->next, op2(w, AT_OP_MUL, own(w, a->inside), own(w, a->weight)));
    a->repeat = statement(w, AT_REPEAT, NULL);
    at_carried carried = {a->x, a->inside, a->next, a->after};
    a->repeat->u.repeat.round = a->l;
    a->repeat->u.repeat.count = 3;
    a->repeat->u.repeat.condition = op2(w, AT_OP_GT, own(w, a->gate), R(w, 0));
    a->repeat->u.repeat.carried_count = 1;
    a->repeat->u.repeat.carried = at_copy(w->s->arena, &carried, sizeof carried);
    a->repeat->u.repeat.body = block(w, 1, a->step);
    add(w, a->repeat);
    const at_expr *later = op2(w, AT_OP_ADD, X(w, a->i), I(w, 1));
    const at_expr *decay =
        op2(w, AT_OP_MUL, R(w, 0.5), read_or(w, a->h, R(w, 0), later, X(w, a->d)));
    a->recurrence = equation(w, a->h, op2(w, AT_OP_ADD, decay, own(w, a->after)));
    a->scan = statement(w, AT_SCAN, NULL);
    static const bool down = true;
    a->scan->u.scan.count = 1;
    a->scan->u.scan.axes = at_copy(w->s->arena, &a->i, sizeof a->i);
    a->scan->u.scan.down = at_copy(w->s->arena, &down, sizeof down);
    a->scan->u.scan.body = block(w, 1, a->recurrence);
    add(w, a->scan);
}

static void demo_learning(world *w, demo_arrays *a) {
    a->loss = array(w, "loss", AT_DEFINED, AT_REAL, 0);
    a->g = array(w, "g", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->each = array(w, "each", AT_DEFINED, AT_REAL, 1, a->i);
    a->part = array(w, "part", AT_DEFINED, AT_REAL, 2, a->u, a->d);
    at_axis *both[] = {a->u, a->d};
    const at_expr *all = at_fold_node(w->s, AT_FOLD_SUM, both, 2, NULL,
                                      READ(w, a->h, X(w, a->u), X(w, a->d)), at_no_span());
    add(w, a->total = equation(w, a->loss, all));
    a->grad = statement(w, AT_GRAD, a->g);
    a->grad->u.grad.loss = own(w, a->loss);
    a->grad->u.grad.z = own(w, a->e);
    add(w, a->grad);
    const at_expr *square = op2(w, AT_OP_POW, own(w, a->e), R(w, 2));
    add(w, equation(w, a->each, fold1(w, AT_FOLD_SUM, a->d, NULL, square)));
    a->grad_each = statement(w, AT_GRAD, a->part);
    a->grad_each->u.grad.loss = READ(w, a->each, X(w, a->u));
    a->grad_each->u.grad.z = READ(w, a->e, X(w, a->u), X(w, a->d));
    add(w, a->grad_each);
}

static void demo_end(world *w, demo_arrays *a) {
    a->o = array(w, "o", AT_DEFINED, AT_REAL, 2, a->i, a->d);
    a->lse = array(w, "lse", AT_DEFINED, AT_REAL, 1, a->i);
    const at_expr *own_part = READ(w, a->part, X(w, a->i), X(w, a->d));
    add(w, equation(w, a->o, op2(w, AT_OP_ADD, own(w, a->g), own_part)));
    add(w, equation(w, a->lse,
                    fold1(w, AT_FOLD_LOGSUMEXP, a->j, own(w, a->keep), own(w, a->s))));
    a->count = statement(w, AT_NEXT, a->seen);
    a->count->u.next.value = op2(w, AT_OP_ADD, own(w, a->seen), I(w, 1));
    add(w, a->count);
    a->average = statement(w, AT_NEXT, a->mean_q);
    a->average->u.next.axes = a->mean_q->axes;
    a->average->u.next.value = op2(
        w, AT_OP_ADD, op2(w, AT_OP_MUL, R(w, 0.9), own(w, a->mean_q)),
        op2(w, AT_OP_MUL, R(w, 0.1), fold1(w, AT_FOLD_MEAN, a->i, NULL, own(w, a->q))));
    add(w, a->average);
    w->outputs[0] = (at_output){"o", a->o};
    w->outputs[1] = (at_output){"lse", a->lse};
    w->cascade.output_count = 2;
    w->cascade.doc = "A page of everything.\n\nAnd a second line.";
}

UNUSED static demo_arrays make_demo(world *w) {
    demo_arrays a = {0};
    demo_axes(w, &a);
    demo_given(w, &a);
    demo_attention(w, &a);
    demo_regions(w, &a);
    demo_learning(w, &a);
    demo_end(w, &a);
    return a;
}

#endif
