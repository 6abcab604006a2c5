/* Where arrays are written: in which scans and repeats. From that follows how far out of them an
 * expression has the same value: what it reads of an open region changes with each step and
 * round. */
#include "form/form.h"

static void set(at_homes *h, int id, at_home *home) {
    while (h->count <= id) AT_PUSH(h->s->arena, h->of_array, h->count, h->capacity, h->blocks[0]);
    h->of_array[id] = home;
}

void at_homes_set(at_homes *homes, const at_array *array, at_home *home) {
    set(homes, array->id, home);
}

static at_home *new_home(at_homes *h, at_home *outer, const at_statement *region) {
    at_home *home = AT_NEW(h->s->arena, at_home);
    *home = (at_home){outer, outer ? outer->depth + 1 : 0, region};
    AT_PUSH(h->s->arena, h->blocks, h->block_count, h->block_capacity, home);
    return home;
}

static void find(at_homes *h, const at_block *block, at_home *home) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            set(h, st->u.keeping.parts[k].target->id, home);
        if (st->tag == AT_SCAN) find(h, &st->u.scan.body, new_home(h, home, st));
        if (st->tag == AT_REPEAT) {
            at_home *inner = new_home(h, home, st);
            h->of_round[st->u.repeat.round->id] = inner;
            for (int k = 0; k < st->u.repeat.carried_count; k++) {
                set(h, st->u.repeat.carried[k].inside->id, inner);
                set(h, st->u.repeat.carried[k].after->id, home);
            }
            find(h, &st->u.repeat.body, inner);
        }
        if (st->target && st->tag != AT_NEXT) set(h, st->target->id, home);
    }
}

at_homes *at_homes_of(at_session *s, const at_cascade *cascade) {
    at_homes *homes = AT_NEW(s->arena, at_homes);
    homes->s = s;
    homes->of_round = AT_NEW_ARRAY(s->arena, at_home *, cascade->axis_count);
    at_home *body = new_home(homes, NULL, NULL);
    for (int i = 0; i < cascade->array_count; i++) set(homes, i, body);
    find(homes, &cascade->body, body);
    return homes;
}

typedef struct {
    const at_homes *homes;
    int next; /* of its blocks */
    void (*visit)(void *user, const at_statement *st, at_home *home);
    void *user;
} walking;

static void walk(walking *w, const at_block *block, at_home *home) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        bool region = st->tag == AT_SCAN || st->tag == AT_REPEAT;
        at_home *inner = region ? w->homes->blocks[w->next++] : home;
        w->visit(w->user, st, inner);
        if (region) walk(w, st->tag == AT_SCAN ? &st->u.scan.body : &st->u.repeat.body, inner);
    }
}

void at_homes_walk(const at_homes *homes, const at_cascade *cascade,
                   void (*visit)(void *user, const at_statement *st, at_home *home), void *user) {
    walking w = {homes, 1, visit, user};
    walk(&w, &cascade->body, homes->blocks[0]);
}

bool at_home_fixes(const at_home *home, const at_axis *axis) {
    for (; home->outer; home = home->outer) {
        const at_statement *st = home->region;
        if (st->tag == AT_REPEAT && st->u.repeat.round == axis) return true;
        for (int i = 0; st->tag == AT_SCAN && i < st->u.scan.count; i++)
            if (st->u.scan.axes[i] == axis) return true;
    }
    return false;
}

at_home *at_home_common(at_home *a, at_home *b) {
    while (a->depth > b->depth) a = a->outer;
    while (b->depth > a->depth) b = b->outer;
    while (a != b) {
        a = a->outer;
        b = b->outer;
    }
    return a;
}

typedef struct {
    const at_homes *homes;
    at_home *here, *found;
} search;

static void stay_inside(search *w, at_home *home) {
    home = at_home_common(home, w->here);
    if (home->depth > w->found->depth) w->found = home;
}

static bool look(void *user, const at_expr *e) {
    search *w = user;
    if (e->tag == AT_READ) stay_inside(w, w->homes->of_array[e->u.read.array->id]);
    /* Outside of its repeat a round is an axis like others. */
    at_home *repeat =
        e->tag == AT_INDEX && e->u.axis->round ? w->homes->of_round[e->u.axis->id] : NULL;
    if (repeat && at_home_common(repeat, w->here) == repeat) stay_inside(w, repeat);
    return true;
}

at_home *at_home_outermost(const at_homes *homes, const at_expr *e, at_home *here) {
    search w = {homes, here, homes->blocks[0]};
    at_walk(e, look, &w);
    return w.found;
}
