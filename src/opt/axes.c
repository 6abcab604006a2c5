/* Indices over the same thing are one axis:
 *
 *     p[h,n,j] = exp(s[h,n,j])
 *     o[h,n,e] = sum[m](p[h,n,m] * v[h,m,e])    ->   o[h,n,e] = sum[j](p[h,n,j] * v[h,j,e])
 *
 * Wherever an array is read at a plain index, that index and the array's axis become one, as far as
 * they are equally long and no expression has use for both. So later stages see by the axes which
 * arrays run along with which. Arrays of the caller, and what regions carry, keep their axes.
 *
 * Every dimension of an array that may change, and every index that a statement's folds bind, is a
 * place; places are joined into classes. First come the reads of pair arrays, which gain most; then
 * places that have one axis stay together where they can; then come all other reads. Two classes
 * are apart when one expression stands under both: expressions that bind the same are a path, and a
 * class has a set of them. */
#include "opt/opt.h"
#include "opt/pairs.h"

#include <string.h>

typedef struct {
    const at_statement *of;
    int count, capacity;
    struct {
        const at_axis *axis;
        int place;
    } *bound; /* what the statement's target and folds bind */
} bindings;

typedef struct {
    at_axis *axis;  /* it was; of a class the one it gets, when fixed */
    int parent;     /* itself: stands for its class */
    bool fixed;     /* the class keeps `axis` */
    bool sensitive; /* an index beside an alternative, for which it matters whether it was declared */
    bool declared, undeclared; /* of a class: there is one that is, one that is not */
    uint64_t *paths;
} at_place;

typedef struct {
    int of_array, of_index; /* places */
    bool pair;
    const at_statement *in;
} at_link;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    bool *pair;        /* by array id */
    int place_count, place_capacity;
    at_place *places;
    int *first;        /* by array id: the place of its first dimension; -1: its axes are fixed */
    int binding_count, binding_capacity;
    bindings *statements; /* in the order of the text */
    int link_count, link_capacity;
    at_link *links;
    int path_count, words;
    bool marking;      /* paths are known, and places are told of theirs */
    int next_path;
    int stack_count, stack_capacity;
    int *stack;        /* places bound around */
    bindings *here;
    int next_statement;
    at_array **arrays; /* by id: with their new axes */
    at_axis **chosen;  /* by place that stands for a class: its axis */
} joining;

/* ---- places ---------------------------------------------------------------------------------- */

static int new_place(joining *j, const at_axis *axis) {
    at_place p = {.axis = (at_axis *)axis, .parent = j->place_count, .declared = axis->declared,
               .undeclared = !axis->declared};
    AT_PUSH(j->s->arena, j->places, j->place_count, j->place_capacity, p);
    return j->place_count - 1;
}

static int class_of(const joining *j, int place) {
    while (j->places[place].parent != place) place = j->places[place].parent;
    return place;
}

/* The place of an index at the present statement: what its target or folds bind, or an axis of a
 * region around it, which is fixed. */
static int place_of(joining *j, const at_axis *axis, bool is_bound) {
    for (int i = 0; i < j->here->count; i++)
        if (j->here->bound[i].axis == axis) return j->here->bound[i].place;
    if (!is_bound) return axis->id;
    int place = new_place(j, axis);
    AT_PUSH(j->s->arena, j->here->bound, j->here->count, j->here->capacity,
            ((__typeof__(*j->here->bound)){axis, place}));
    return place;
}

static int place_of_dimension(const joining *j, const at_array *array, int k) {
    int first = j->first[array->id];
    return first < 0 ? array->axes[k]->id : first + k;
}

/* ---- what is bound together ------------------------------------------------------------------ */

static void enter(joining *j, int place) {
    AT_PUSH(j->s->arena, j->stack, j->stack_count, j->stack_capacity, place);
}

/* What is open now is bound together. */
static void add_path(joining *j) {
    int path = j->next_path++;
    if (!j->marking) return;
    for (int i = 0; i < j->stack_count; i++)
        j->places[class_of(j, j->stack[i])].paths[path / 64] |= 1ull << path % 64;
}

static void note_read(joining *j, const at_expr *e) {
    const at_array *array = e->u.read.array;
    for (int k = 0; k < array->rank; k++) {
        const at_expr *index = e->u.read.index[k];
        if (index->tag != AT_INDEX) continue;
        int a = place_of_dimension(j, array, k), b = place_of(j, index->u.axis, false);
        if (e->u.read.alternative) j->places[class_of(j, b)].sensitive = true;
        if (a == b || array->axes[k]->round || index->u.axis->round ||
            !at_same_extent(array->axes[k], index->u.axis))
            continue;
        at_link l = {a, b, j->pair[array->id], j->here->of};
        AT_PUSH(j->s->arena, j->links, j->link_count, j->link_capacity, l);
    }
}

static bool look(void *user, const at_expr *e) {
    joining *j = user;
    if (e->tag == AT_READ && !j->marking) note_read(j, e);
    if (e->tag != AT_FOLD_NODE) return true;
    int count = j->stack_count;
    for (int i = 0; i < e->u.fold.count; i++) enter(j, place_of(j, e->u.fold.axes[i], true));
    add_path(j);
    at_walk(e->u.fold.guard, look, j);
    at_walk(e->u.fold.body, look, j);
    j->stack_count = count;
    return false;
}

static bool is_free(const joining *j, const at_statement *st) {
    return st->tag == AT_EQUATION && j->first[st->target->id] >= 0;
}

static void enter_target(joining *j, const at_array *target) {
    for (int k = 0; k < target->rank; k++) {
        int place = place_of_dimension(j, target, k);
        bool known = false;
        for (int i = 0; i < j->stack_count; i++) known |= j->stack[i] == place;
        if (!known) enter(j, place);
        if (!j->marking && place >= j->from->axis_count)
            AT_PUSH(j->s->arena, j->here->bound, j->here->count, j->here->capacity,
                    ((__typeof__(*j->here->bound)){target->axes[k], place}));
    }
}

static void enter_fixed(joining *j, at_axis *const *axes, int count) {
    for (int i = 0; i < count; i++) {
        enter(j, axes[i]->id);
        j->places[axes[i]->id].fixed = true;
    }
}

static void look_at(joining *j, const at_statement *st) {
    int count = j->stack_count;
    if (st->tag == AT_NEXT) enter_fixed(j, st->u.next.axes, st->target->rank);
    else if (st->tag == AT_ASSERT) enter_fixed(j, st->u.assertion.axes, st->u.assertion.count);
    else if (st->target) enter_target(j, st->target);
    if (st->tag == AT_TOPK) enter_fixed(j, st->u.topk.bound, st->u.topk.count);
    for (int i = 0; st->tag == AT_KEEPING && i < st->u.keeping.count; i++)
        enter_target(j, st->u.keeping.parts[i].target);
    add_path(j);
    at_walk_statement(st, look, j);
    j->stack_count = count;
}

static void look_at_block(joining *j, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (!j->marking)
            AT_PUSH(j->s->arena, j->statements, j->binding_count, j->binding_capacity,
                    (bindings){.of = st});
        j->here = &j->statements[j->next_statement++];
        int count = j->stack_count;
        if (st->tag == AT_SCAN) enter_fixed(j, st->u.scan.axes, st->u.scan.count);
        if (st->tag == AT_REPEAT) enter_fixed(j, &st->u.repeat.round, 1);
        look_at(j, st);
        if (st->tag == AT_SCAN) look_at_block(j, &st->u.scan.body);
        if (st->tag == AT_REPEAT) look_at_block(j, &st->u.repeat.body);
        j->stack_count = count;
    }
}

/* ---- arrays whose axes are their own affair -------------------------------------------------- */

static bool find_free(void *user, const at_statement *st) {
    joining *j = user;
    if (st->tag == AT_EQUATION) j->first[st->target->id] = 0;
    return true;
}

static bool unfree_carried(void *user, const at_statement *st) {
    joining *j = user;
    for (int i = 0; st->tag == AT_REPEAT && i < st->u.repeat.carried_count; i++) {
        const at_carried *c = &st->u.repeat.carried[i];
        j->first[c->before->id] = j->first[c->inside->id] = -1;
        j->first[c->next->id] = j->first[c->after->id] = -1;
    }
    return true;
}

static void find_places(joining *j) {
    const at_cascade *from = j->from;
    j->first = AT_NEW_ARRAY(j->s->arena, int, from->array_count);
    j->pair = AT_NEW_ARRAY(j->s->arena, bool, from->array_count);
    for (int i = 0; i < from->array_count; i++) j->first[i] = -1;
    at_walk_block(&from->body, find_free, j);
    at_walk_block(&from->body, unfree_carried, j);
    for (int i = 0; i < from->output_count; i++) j->first[from->outputs[i].array->id] = -1;
    const at_lengths *lengths = at_lengths_of(j->s, from);
    for (int i = 0; i < from->axis_count; i++) new_place(j, from->axes[i]);
    for (int i = 0; i < from->array_count; i++) {
        const at_array *array = from->arrays[i];
        j->pair[i] = at_has_pair(lengths, array->axes, array->rank);
        for (int k = 0; k < array->rank && j->first[i] < 0; k++)
            j->places[array->axes[k]->id].fixed = true;
    }
}

/* The dimensions that a scan or a repeat gives an array stay. */
static void give_places(joining *j, const at_block *block, at_axis **around, int count) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        at_axis *const *inner = st->tag == AT_SCAN ? st->u.scan.axes : &st->u.repeat.round;
        int more = st->tag == AT_SCAN ? st->u.scan.count : 1;
        if (st->tag == AT_SCAN || st->tag == AT_REPEAT) {
            at_axis **both = AT_NEW_ARRAY(j->s->arena, at_axis *, count + more);
            at_move(both, around, sizeof *both * (size_t)count);
            at_move(both + count, inner, sizeof *both * (size_t)more);
            give_places(j, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, both,
                        count + more);
        }
        if (st->tag != AT_EQUATION || j->first[st->target->id] < 0) continue;
        const at_array *array = st->target;
        j->first[array->id] = j->place_count;
        for (int k = 0; k < array->rank; k++) {
            bool region = false;
            for (int n = 0; n < count; n++) region |= around[n] == array->axes[k];
            int place = new_place(j, array->axes[k]);
            if (region) j->places[place].parent = array->axes[k]->id;
        }
    }
}

/* ---- joining --------------------------------------------------------------------------------- */

static void join(joining *j, int a, int b) {
    a = class_of(j, a);
    b = class_of(j, b);
    if (a == b) return;
    at_place *p = &j->places[a], *q = &j->places[b];
    if (p->fixed && q->fixed) return;
    for (int w = 0; w < j->words; w++)
        if (p->paths[w] & q->paths[w]) return;
    bool declared = p->declared || q->declared, undeclared = p->undeclared || q->undeclared;
    if ((p->sensitive || q->sensitive) && declared && undeclared) return;
    if (q->fixed) {
        at_place *other = p;
        p = q;
        q = other;
    }
    q->parent = p->parent;
    p->sensitive |= q->sensitive;
    p->declared = declared;
    p->undeclared = undeclared;
    for (int w = 0; w < j->words; w++) p->paths[w] |= q->paths[w];
}

static void join_all(joining *j) {
    for (int i = 0; i < j->link_count; i++) {
        const at_link *l = &j->links[i];
        if (l->pair && j->places[l->of_array].axis == j->places[l->of_index].axis)
            join(j, l->of_array, l->of_index);
    }
    for (int i = 0; i < j->link_count; i++)
        if (j->links[i].pair) join(j, j->links[i].of_array, j->links[i].of_index);
    /* What has one axis: all with the axis' own place, and those that cannot, with each other. */
    int *second = AT_NEW_ARRAY(j->s->arena, int, j->from->axis_count);
    for (int i = j->from->axis_count; i < j->place_count; i++) {
        int axis = j->places[i].axis->id;
        join(j, axis, i);
        if (class_of(j, axis) == class_of(j, i)) continue;
        if (second[axis]) join(j, second[axis], i);
        else second[axis] = i;
    }
    for (int i = 0; i < j->link_count; i++)
        if (!j->links[i].pair) join(j, j->links[i].of_array, j->links[i].of_index);
}

/* ---- outputs that read pair arrays across ---------------------------------------------------- */

/* `dk[n,d] = sum[m](ds[m,n] * q[m,d])` where ds runs over [n,j] cannot have j in the place of n: an
 * output's axes are its caller's. It becomes a copy of an array whose axes may change. */
static bool *crossed_outputs(const joining *j, bool *any) {
    bool *crossed = AT_NEW_ARRAY(j->s->arena, bool, j->from->array_count);
    for (int i = 0; i < j->link_count; i++) {
        const at_link *l = &j->links[i];
        if (!l->pair || l->in->tag != AT_EQUATION ||
            class_of(j, l->of_array) == class_of(j, l->of_index))
            continue;
        for (int k = 0; k < j->from->output_count; k++) {
            const at_array *output = j->from->outputs[k].array;
            for (int n = 0; n < output->rank && l->in->target == output; n++)
                if (output->axes[n] == j->places[l->of_index].axis)
                    *any = crossed[output->id] = true;
        }
    }
    return crossed;
}

typedef struct {
    at_draft *draft;
    const bool *crossed;
} copying;

static void copy_crossed(void *user, const at_statement *st) {
    const copying *c = user;
    if (st->tag != AT_EQUATION || !c->crossed[st->target->id]) {
        at_draft_add(c->draft, (at_statement *)st);
        return;
    }
    const at_array *of = st->target;
    const at_expr *own = at_draft_define(c->draft, of, "own", of->axes, of->rank, st->u.value);
    at_draft_equation(c->draft, st->target, own, st->span);
}

static const at_cascade *without_crossed(at_session *s, const at_cascade *from,
                                         const bool *crossed) {
    copying c = {at_draft_new(s, from), crossed};
    at_block_walk walk = {.draft = c.draft, .user = &c, .plain = copy_crossed};
    at_draft_block(&walk, &from->body);
    return c.draft->out;
}

/* The axis of a class: its fixed one, else one of its own that no other class has, else a new
 * one. */
static void choose_axes(joining *j) {
    bool *taken = AT_NEW_ARRAY(j->s->arena, bool, j->from->axis_count);
    j->chosen = AT_NEW_ARRAY(j->s->arena, at_axis *, j->place_count);
    for (int i = 0; i < j->place_count; i++) {
        if (!j->places[i].fixed || class_of(j, i) != i) continue;
        j->chosen[i] = j->places[i].axis;
        taken[j->places[i].axis->id] = true;
    }
    for (int i = 0; i < j->place_count; i++) {
        int class = class_of(j, i);
        if (j->chosen[class] || taken[j->places[i].axis->id]) continue;
        j->chosen[class] = j->places[i].axis;
        taken[j->places[i].axis->id] = true;
    }
    for (int i = 0; i < j->place_count; i++) {
        int class = class_of(j, i);
        if (!j->chosen[class]) j->chosen[class] = at_draft_axis(j->draft, j->places[i].axis);
    }
}

/* ---- the cascade with them ------------------------------------------------------------------- */

static at_axis *new_axis(joining *j, const at_axis *axis) {
    return j->chosen[class_of(j, place_of(j, axis, false))];
}

static const at_expr *renamed(void *user, const at_expr *e) {
    joining *j = user;
    if (e->tag == AT_INDEX) {
        at_axis *axis = new_axis(j, e->u.axis);
        return axis == e->u.axis ? e : at_index(j->s, axis, e->span);
    }
    if (e->tag == AT_READ) {
        at_array *array = j->arrays[e->u.read.array->id];
        if (array == e->u.read.array) return e;
        return at_read(j->s, array, e->u.read.index, e->u.read.alternative, e->span);
    }
    if (e->tag != AT_FOLD_NODE) return e;
    at_axis **axes = AT_NEW_ARRAY(j->s->arena, at_axis *, e->u.fold.count);
    bool changed = false;
    for (int i = 0; i < e->u.fold.count; i++) {
        axes[i] = new_axis(j, e->u.fold.axes[i]);
        changed |= axes[i] != e->u.fold.axes[i];
    }
    if (!changed) return e;
    return at_fold_node(j->s, e->u.fold.fold, axes, e->u.fold.count, e->u.fold.guard,
                        e->u.fold.body, e->span);
}

static const at_expr *change(void *user, const at_expr *e) {
    joining *j = user;
    return at_rewrite(j->s, e, renamed, j);
}

static void plain(void *user, const at_statement *st) {
    joining *j = user;
    j->here = &j->statements[j->next_statement++];
    AT_ASSERT(j->s, j->here->of == st);
    at_statement *out = at_statement_changed(j->s, st, change, j);
    if (is_free(j, st)) out->target = j->arrays[st->target->id];
    at_draft_add(j->draft, out);
}

static void before(void *user, const at_statement *st, at_statement *out) {
    joining *j = user;
    j->here = &j->statements[j->next_statement++];
    AT_ASSERT(j->s, j->here->of == st);
    if (st->tag == AT_REPEAT && st->u.repeat.condition)
        out->u.repeat.condition = change(j, st->u.repeat.condition);
}

static void make_arrays(joining *j) {
    at_cascade *out = j->draft->out;
    size_t bytes = sizeof *out->arrays * (size_t)out->array_count;
    out->arrays = at_copy(j->s->arena, out->arrays, bytes);
    for (int i = 0; i < out->array_count; i++) {
        at_array *old = out->arrays[i];
        if (j->first[i] < 0) continue;
        at_array *array = at_copy(j->s->arena, old, sizeof *old);
        array->axes = AT_NEW_ARRAY(j->s->arena, at_axis *, old->rank);
        for (int k = 0; k < old->rank; k++)
            array->axes[k] = j->chosen[class_of(j, j->first[i] + k)];
        out->arrays[i] = array;
    }
    j->arrays = out->arrays;
}

static const at_cascade *with_joined(at_session *s, const at_cascade *from, bool again) {
    from = at_needed_only(s, from); /* what was read through would keep its axes */
    joining j = {.s = s, .from = from, .draft = at_draft_new(s, from)};
    find_places(&j);
    give_places(&j, &from->body, NULL, 0);
    look_at_block(&j, &from->body);
    j.path_count = j.next_path;
    j.words = j.path_count / 64 + 1;
    for (int i = 0; i < j.place_count; i++)
        j.places[i].paths = AT_NEW_ARRAY(s->arena, uint64_t, j.words);
    j.next_path = j.next_statement = 0;
    j.marking = true;
    look_at_block(&j, &from->body);
    join_all(&j);
    bool any = false;
    bool *crossed = crossed_outputs(&j, &any);
    if (any && !again) return with_joined(s, without_crossed(s, from, crossed), true);
    choose_axes(&j);
    make_arrays(&j);
    j.next_statement = 0;
    at_block_walk walk = {.draft = j.draft, .user = &j, .plain = plain, .before = before};
    at_draft_block(&walk, &from->body);
    return at_needed_only(s, j.draft->out);
}

const at_cascade *at_opt_axes(at_session *s, const at_cascade *from) {
    return with_joined(s, from, false);
}
