/* A nest that can fail, as it is where nothing does: the form in which it can be a product of matrices.
 *
 *     for i, j                                       let head = h // (size(h) // size(g))    checked,
 *       for d                                        require 0 <= head < size(g)            once
 *         require size(g) != 0, …                =>  for i, j
 *         set sum = sum + q[h,i,d] * k[head,j,d]       for d
 *                                                        set sum = sum + q[h,i,d] * k[head,j,d]
 *
 * Elements that are read are taken to have no faults, which is asked before. What can fail is left out
 * if it is the same for all elements: it is tried in front of the loops, and where it fails the other
 * form, which says of each element what became of it, does the work. */
#include "loop/loop.h"

typedef struct {
    at_loop_lowering *l;
    at_loops first; /* what is tried in front of the loops */
    int let_count, let_capacity;
    struct {
        at_loop *let;
        at_loops *in;
    } *lets; /* of what has been copied: variables with a value */
    bool varies;    /* of the expression at hand: it is not the same for all elements */
} hoping;

bool at_loop_is_tried(const at_loop_lowering *l, const at_array *variable) {
    for (int i = 0; l->tried && i < l->tried->count; i++)
        if (l->tried->items[i]->tag == AT_LOOP_LET && l->tried->items[i]->variable == variable)
            return true;
    return false;
}

static bool is_set(const at_loops *loops, const at_array *variable) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        if (loop->tag == AT_LOOP_SET && loop->variable == variable) return true;
        if (is_set(&loop->body, variable) || is_set(&loop->otherwise, variable)) return true;
    }
    return false;
}

static void put_first(hoping *h, const at_loop *loop) {
    at_loop *copy = at_copy(h->l->s->arena, loop, sizeof *loop);
    AT_PUSH(h->l->s->arena, h->first.items, h->first.count, h->first.capacity, copy);
}

static bool is_same_for_all(hoping *h, const at_expr *e);

/* A variable that is the same for all goes in front of the loops too. */
static bool take_along(hoping *h, const at_array *variable) {
    for (int i = 0; i < h->let_count; i++) {
        at_loop *let = h->lets[i].let;
        if (let->variable != variable) continue;
        if (is_set(&h->l->nest->body, variable) || !is_same_for_all(h, let->value)) return false;
        put_first(h, let);
        at_loop_remove(h->lets[i].in, let);
        return true;
    }
    return false;
}

static bool look_for_change(void *user, const at_expr *e) {
    hoping *h = user;
    if (e->tag == AT_READ && !at_loop_is_tried(h->l, e->u.read.array)) {
        bool along = take_along(h, e->u.read.array);
        h->varies |= !along;
    }
    if (e->tag == AT_INDEX) h->varies |= !at_pass_fixes(h->l->nest->pass, e->u.axis);
    return !h->varies;
}

static bool is_same_for_all(hoping *h, const at_expr *e) {
    bool varied = h->varies;
    h->varies = false;
    if (e) at_walk(e, look_for_change, h);
    bool same = !h->varies;
    h->varies = varied;
    return same;
}

/* Of an attempt, the LET of its variable stands right in front of it. */
static bool try_first(hoping *h, const at_loop *loop, at_loops *into) {
    if (!is_same_for_all(h, loop->condition) || !is_same_for_all(h, loop->value)) return false;
    for (int i = 0; i < h->first.count; i++)
        if (loop->tag == AT_LOOP_REQUIRE && h->first.items[i]->tag == AT_LOOP_REQUIRE &&
            at_same(h->first.items[i]->condition, loop->condition))
            return true;
    if (loop->tag == AT_LOOP_ATTEMPT) {
        const at_loop *let = into->count ? into->items[into->count - 1] : NULL;
        if (!let || let->tag != AT_LOOP_LET || let->variable != loop->variable) return false;
        into->count--;
        put_first(h, let);
    }
    put_first(h, loop);
    return true;
}

/* False: something else can fail. */
static bool copy_hopefully(hoping *h, at_loops *to, const at_loops *from) {
    at_session *s = h->l->s;
    for (int i = 0; i < from->count; i++) {
        const at_loop *loop = from->items[i];
        switch (loop->tag) {
        case AT_LOOP_INHERIT:
            if (!loop->address) return false;
            continue;
        case AT_LOOP_ATTEMPT:
        case AT_LOOP_REQUIRE:
            if (!try_first(h, loop, to)) return false;
            continue;
        case AT_LOOP_FOR:
        case AT_LOOP_IF:
        case AT_LOOP_LET:
        case AT_LOOP_SET:
        case AT_LOOP_STORE: break;
        default: return false;
        }
        at_loop *copy = at_copy(s->arena, loop, sizeof *loop);
        if (loop->tag == AT_LOOP_LET && loop->value)
            AT_PUSH(s->arena, h->lets, h->let_count, h->let_capacity,
                    ((__typeof__(*h->lets)){copy, to}));
        copy->body = copy->otherwise = (at_loops){0};
        if (!copy_hopefully(h, &copy->body, &loop->body) ||
            !copy_hopefully(h, &copy->otherwise, &loop->otherwise))
            return false;
        AT_PUSH(s->arena, to->items, to->count, to->capacity, copy);
    }
    return true;
}

void at_loop_find_hopeful_product(at_loop_lowering *l) {
    at_nest *nest = l->nest;
    const at_loops body = nest->body;
    at_loops hopeful = {0};
    hoping h = {.l = l};
    if (!nest->fallible) return;
    l->tried = &h.first;
    if (copy_hopefully(&h, &hopeful, &body)) {
        nest->body = hopeful;
        nest->fallible = false;
        at_loop_find_product(l);
        if (nest->body.count == 1 && nest->body.items[0]->tag == AT_LOOP_PRODUCT) {
            nest->hopeful = h.first;
            AT_PUSH(l->s->arena, nest->hopeful.items, nest->hopeful.count, nest->hopeful.capacity,
                    nest->body.items[0]);
        }
        nest->body = body;
        nest->fallible = true;
    }
    l->tried = NULL;
}
