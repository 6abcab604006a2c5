/* Makes a cascade say what it means in its own text, where one name stands for several arrays:
 * what a repeat begins with has the name of what it leaves, and an input may have that of an
 * output.
 *
 *     w[n] = a[n]^2                          a.before[n] = a[n]
 *     repeat 2 { a[n] = a[n]^2 }       ->    repeat 2 { a[n] = a[n]^2 }
 *     (the a from before is read here)       (a.before is)
 *
 * A user cannot write such a read; derivatives come to it. So they do to reads of what a round
 * begins with after it was given its next value.
 *
 * A draw depends on its array's path, which reading takes from the name and how often that was
 * defined. One whose name does not tell is drawn under its path, and copied. */
#include "form/form_int.h"

#include <string.h>

typedef struct {
    at_draft *draft;
    bool *hidden;        /* by array id: from here on its name means another */
    const at_array **copies; /* by array id: what is read in its place; NULL: none yet */
    bool *wanted;        /* by array id: it is read where it is hidden */
    const at_array **inside; /* by id of what a round leaves: what it begins with, which that hides */
    bool any;
} shadows;

/* ---- which reads are concerned --------------------------------------------------------------- */

static bool look(void *user, const at_expr *e) {
    shadows *w = user;
    if (e->tag == AT_READ && w->hidden[e->u.read.array->id])
        w->any = w->wanted[e->u.read.array->id] = true;
    return true;
}

/* What is defined under the name of an input hides it. */
static void define(shadows *w, const at_array *array) {
    const at_cascade *from = w->draft->from;
    const at_array *inside = array && array->id < from->array_count ? w->inside[array->id] : NULL;
    if (inside) w->hidden[inside->id] = true;
    for (int i = 0; array && i < from->input_count; i++)
        if (from->inputs[i].array != array && strcmp(from->inputs[i].array->name, array->name) == 0)
            w->hidden[from->inputs[i].array->id] = true;
}

/* Whether a draw has a path that its name alone does not give. */
static bool is_misnamed(const at_statement *st) {
    if (st->tag != AT_DRAWING) return false;
    const char *name = st->target->name, *path = st->target->path;
    size_t length = strlen(name);
    if (strncmp(path, name, length) != 0) return true;
    return strspn(path + length, "[]") != strlen(path + length);
}

static void look_at_block(shadows *w, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
            w->hidden[st->u.repeat.carried[k].before->id] = true;
            w->inside[st->u.repeat.carried[k].next->id] = st->u.repeat.carried[k].inside;
        }
        at_walk_statement(st, look, w);
        w->any |= is_misnamed(st);
        if (st->tag == AT_SCAN) look_at_block(w, &st->u.scan.body);
        if (st->tag == AT_REPEAT) look_at_block(w, &st->u.repeat.body);
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++)
            define(w, st->u.repeat.carried[k].after);
        if (st->tag != AT_NEXT) define(w, st->target);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
            define(w, st->u.keeping.parts[k].target);
    }
}

/* ---- copies for them ------------------------------------------------------------------------- */

static const at_expr *shown(void *user, const at_expr *e) {
    const shadows *w = user;
    if (e->tag != AT_READ || !w->hidden[e->u.read.array->id]) return e;
    const at_array *copy = w->copies[e->u.read.array->id];
    if (!copy) return e;
    return at_read(w->draft->s, copy, e->u.read.index, e->u.read.alternative, e->span);
}

static const at_expr *shown_in(shadows *w, const at_expr *e) {
    return e ? at_rewrite(w->draft->s, e, shown, w) : NULL;
}

static void copy_one(shadows *w, const at_array *array) {
    if (!array || array->id >= w->draft->from->array_count || !w->wanted[array->id]) return;
    const char *suffix = array->role == AT_INPUT     ? "given"
                         : array->role == AT_CARRIED ? "begun"
                                                     : "before";
    const at_expr *value = at_read_whole(w->draft->s, array, array->span);
    const at_expr *read =
        at_draft_define(w->draft, array, suffix, array->axes, array->rank, value);
    at_array *copy = (at_array *)read->u.read.array;
    copy->cotangent = array->cotangent;
    copy->inside = array->inside;
    w->copies[array->id] = copy;
}

static at_block shown_block(shadows *w, const at_block *block, const at_statement *repeat);

static at_part shown_part(shadows *w, const at_part *part) {
    at_part out = *part;
    out.guard = shown_in(w, part->guard);
    out.body = shown_in(w, part->body);
    return out;
}

static at_statement *shown_statement(shadows *w, const at_statement *st) {
    at_session *s = w->draft->s;
    at_statement *out = at_copy(s->arena, st, sizeof *st);
    switch (st->tag) {
    case AT_EQUATION: out->u.value = shown_in(w, st->u.value); break;
    case AT_KEEPING:
        out->u.keeping.parts = AT_NEW_ARRAY(s->arena, at_part, st->u.keeping.count);
        for (int k = 0; k < st->u.keeping.count; k++)
            out->u.keeping.parts[k] = shown_part(w, &st->u.keeping.parts[k]);
        break;
    case AT_TOPK: out->u.topk = shown_part(w, &st->u.topk); break;
    case AT_DRAWING:
        for (int k = 0; k < 2; k++) out->u.drawing.args[k] = shown_in(w, st->u.drawing.args[k]);
        break;
    case AT_NEXT: out->u.next.value = shown_in(w, st->u.next.value); break;
    case AT_SCAN: out->u.scan.body = shown_block(w, &st->u.scan.body, NULL); break;
    case AT_REPEAT:
        for (int k = 0; k < st->u.repeat.carried_count; k++)
            w->hidden[st->u.repeat.carried[k].before->id] = true;
        out->u.repeat.condition = shown_in(w, st->u.repeat.condition);
        out->u.repeat.body = shown_block(w, &st->u.repeat.body, st);
        break;
    case AT_ASSERT:
        out->u.assertion.left = shown_in(w, st->u.assertion.left);
        out->u.assertion.right = shown_in(w, st->u.assertion.right);
        break;
    case AT_TABLE: /* reads nothing */
    case AT_GRAD:  /* the newest of each name */
        break;
    }
    return out;
}

/* The draw under its path, and what it is called. */
static void add_draw(shadows *w, at_statement *st) {
    at_array *target = st->target;
    at_array *drawn = at_draft_array(w->draft, target->path, target->path, target->kind,
                                     target->axes, target->rank, target->span);
    drawn->inside = target->inside;
    st->target = drawn;
    at_draft_add(w->draft, st);
    at_draft_equation(w->draft, target, at_read_whole(w->draft->s, drawn, st->span), st->span);
}

static void show_block(shadows *w, const at_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (is_misnamed(st)) add_draw(w, shown_statement(w, st));
        else at_draft_add(w->draft, shown_statement(w, st));
        if (st->tag != AT_NEXT) define(w, st->target);
        if (st->tag != AT_NEXT) copy_one(w, st->target);
        for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++) {
            define(w, st->u.keeping.parts[k].target);
            copy_one(w, st->u.keeping.parts[k].target);
        }
        for (int k = 0; st->tag == AT_REPEAT && k < st->u.repeat.carried_count; k++) {
            define(w, st->u.repeat.carried[k].after);
            copy_one(w, st->u.repeat.carried[k].after);
        }
    }
}

/* repeat: that the block is of; NULL: of a scan. */
static at_block shown_block(shadows *w, const at_block *block, const at_statement *repeat) {
    at_draft_region region;
    at_draft_open(w->draft, &region);
    for (int k = 0; repeat && k < repeat->u.repeat.carried_count; k++)
        copy_one(w, repeat->u.repeat.carried[k].inside);
    show_block(w, block);
    return at_draft_close(w->draft, &region);
}

const at_cascade *at_unshadowed(at_session *s, const at_cascade *from) {
    at_draft *draft = at_draft_new(s, from);
    size_t count = (size_t)from->array_count;
    shadows w = {.draft = draft,
                 .hidden = AT_NEW_ARRAY(s->arena, bool, count),
                 .copies = AT_NEW_ARRAY(s->arena, const at_array *, count),
                 .wanted = AT_NEW_ARRAY(s->arena, bool, count),
                 .inside = AT_NEW_ARRAY(s->arena, const at_array *, count)};
    look_at_block(&w, &from->body);
    if (!w.any) return from;
    for (size_t i = 0; i < count; i++) w.hidden[i] = false;
    for (int i = 0; i < from->input_count; i++) copy_one(&w, from->inputs[i].array);
    for (int i = 0; i < from->param_count; i++) copy_one(&w, from->params[i].array);
    show_block(&w, &from->body);
    return draft->out;
}
