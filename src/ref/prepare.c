/* Prepare: the statements of a cascade become steps, with their expressions lowered, before
 * anything is allocated or evaluated. Two passes: the first gives every statement and array its
 * place (which regions are around it, what comes before it), the second lowers.
 *
 * A statement inside regions is evaluated for the regions' current indices: the axes that they fix
 * are not iterated but are registers that the run sets. */
#include "ref/ref_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- places ---------------------------------------------------------------------------------- */

static void place_array(at_ref *ref, const at_array *array, const at_place *place, int order) {
    ref->places[array->id] = *place;
    ref->places[array->id].order = order;
}

static void place_block(at_ref *ref, const at_block *block, at_place around, at_step *parent,
                        int *order, at_steps *out);

static at_place inside(at_ref *ref, const at_place *around, const at_statement *region) {
    at_place place = {.depth = around->depth + 1};
    place.regions = AT_NEW_ARRAY(ref->arena, const at_statement *, place.depth);
    at_move(place.regions, around->regions, sizeof *place.regions * (size_t)around->depth);
    place.regions[around->depth] = region;
    return place;
}

static void place_step(at_ref *ref, at_step *step, int *order) {
    const at_statement *st = step->st;
    const at_place *place = &step->place;
    if (st->tag == AT_KEEPING) {
        for (int i = 0; i < st->u.keeping.count; i++)
            place_array(ref, st->u.keeping.parts[i].target, place, place->order);
    } else if (st->tag == AT_SCAN) {
        place_block(ref, &st->u.scan.body, inside(ref, place, st), step, order, &step->body);
    } else if (st->tag == AT_REPEAT) {
        at_place within = inside(ref, place, st);
        for (int i = 0; i < st->u.repeat.carried_count; i++)
            place_array(ref, st->u.repeat.carried[i].inside, &within, place->order);
        place_block(ref, &st->u.repeat.body, within, step, order, &step->body);
        ++*order;
        for (int i = 0; i < st->u.repeat.carried_count; i++)
            place_array(ref, st->u.repeat.carried[i].after, place, *order);
    } else if (st->tag != AT_NEXT && st->tag != AT_ASSERT) {
        place_array(ref, st->target, place, place->order);
    }
}

static void place_block(at_ref *ref, const at_block *block, at_place around, at_step *parent,
                        int *order, at_steps *out) {
    out->count = block->count;
    out->items = AT_NEW_ARRAY(ref->arena, at_step, block->count);
    for (int i = 0; i < block->count; i++) {
        at_step *step = &out->items[i];
        step->st = block->items[i];
        step->block = out;
        step->parent = parent;
        step->index = i;
        step->place = around;
        step->place.order = ++*order;
        place_step(ref, step, order);
    }
}

static bool fits_rank(at_ref *ref, at_span span, const char *name, int rank) {
    if (rank <= AT_RANK_LIMIT) return true;
    at_error(ref->s, AT_E_TENSOR_RANK, span, "%s has %d axes, and may have at most %d", name, rank,
             AT_RANK_LIMIT);
    return false;
}

/* ---- stores ---------------------------------------------------------------------------------- */

static void share_results(at_ref *ref, const at_steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        const at_statement *st = steps->items[i].st;
        share_results(ref, &steps->items[i].body);
        if (st->tag != AT_REPEAT) continue;
        for (int k = 0; k < st->u.repeat.carried_count; k++) {
            const at_carried *c = &st->u.repeat.carried[k];
            ref->stores[c->after->id] = ref->stores[c->inside->id];
        }
    }
}

static void make_stores(at_ref *ref) {
    const at_cascade *cascade = ref->cascade;
    ref->stores = AT_NEW_ARRAY(ref->arena, at_store *, cascade->array_count);
    ref->sites = AT_NEW_ARRAY(ref->arena, at_site, cascade->array_count);
    for (int i = 0; i < cascade->array_count; i++) {
        const at_array *array = cascade->arrays[i];
        ref->sites[i] = (at_site){.span = array->span, .array = array};
        const char *name = at_format(ref->arena, "`%s`", array->name);
        if (fits_rank(ref, array->span, name, array->rank) && array->role != AT_RESULT)
            ref->stores[i] = at_store_new(ref, array, array->name, array->kind, array->axes,
                                          array->rank, ref->zeroable[i]);
    }
    share_results(ref, &ref->steps);
    ref->next = AT_NEW_ARRAY(ref->arena, at_store *, cascade->state_count);
    for (int i = 0; i < cascade->state_count; i++) {
        const at_array *array = cascade->states[i].array;
        ref->next[i] = at_store_new(ref, array, array->name, array->kind, array->axes, array->rank,
                                    false);
    }
}

/* ---- units ----------------------------------------------------------------------------------- */

static bool is_fixed(const at_place *here, const at_axis *axis) {
    for (int i = 0; i < here->depth; i++) {
        const at_statement *region = here->regions[i];
        if (region->tag == AT_REPEAT && region->u.repeat.round == axis) return true;
        for (int k = 0; region->tag == AT_SCAN && k < region->u.scan.count; k++)
            if (region->u.scan.axes[k] == axis) return true;
    }
    return false;
}

int at_free_axes(const at_ref *ref, at_axis *const *axes, int count, at_axis **out) {
    int n = 0;
    for (int i = 0; i < count; i++)
        if (!is_fixed(&ref->here, axes[i])) out[n++] = axes[i];
    return n;
}

static int store_opcode(at_kind kind) {
    return kind == AT_REAL ? AT_I_STORE_REAL : kind == AT_INT ? AT_I_STORE_INT : AT_I_STORE_BOOL;
}

at_unit *at_lower_into(at_lowering *l, at_store *store, at_axis *const *axes,
                       int (*value)(at_lowering *l, const void *of, int zero), const void *of) {
    const at_axis *const *at = (const at_axis *const *)axes;
    int next = at_new_label(l), failed = at_new_label(l);
    int zero = store->zeroable ? at_new_label(l) : AT_NOWHERE;
    l->handler = failed;
    int result = value(l, of, zero);
    at_emit_element(l, store_opcode(store->kind), store, at)->c = result;
    at_emit_jump(l, next);
    if (zero != AT_NOWHERE) {
        at_place_label(l, zero);
        at_emit_element(l, AT_I_STORE_ZERO, store, at);
        at_emit_jump(l, next);
    }
    at_place_label(l, failed);
    at_emit_element(l, AT_I_STORE_POISON, store, at);
    at_place_label(l, next);
    return at_lowering_end(l);
}

static int lower_value(at_lowering *l, const void *of, int zero) {
    return at_code_lower(l, of, zero);
}

static at_unit *lower_equation(at_ref *ref, const at_statement *st, const at_expr *value,
                               at_store *store, at_axis *const *axes, int rank) {
    at_axis *free_axes[AT_RANK_LIMIT];
    int count = at_free_axes(ref, axes, rank, free_axes);
    at_lowering *l = at_lowering_new(ref, st, free_axes, count);
    at_find_scatters(l, value);
    return at_lower_into(l, store, axes, lower_value, value);
}

/* The unit that fills a frame's row: over `axes`, of which the row holds the last `bound`. */
static at_unit *lower_row(at_ref *ref, const at_statement *st, at_axis **axes, int count, int bound,
                          const at_expr *guard, const at_expr *body) {
    at_lowering *l = at_lowering_new(ref, st, axes, count);
    if (guard) at_find_scatters(l, guard);
    at_find_scatters(l, body);
    int next = at_new_label(l), failed = at_new_label(l);
    if (guard) {
        int outside = at_new_label(l), unknown = at_new_label(l), inside_row = at_new_label(l);
        l->handler = unknown;
        at_lower_branch(l, guard, false, outside);
        at_emit_jump(l, inside_row);
        at_place_label(l, outside);
        at_code_add(l, AT_I_ROW)->imm = AT_ROW_OUTSIDE;
        at_emit_jump(l, next);
        at_place_label(l, unknown);
        at_code_add(l, AT_I_ROW_POISON)->imm = AT_ROW_GUARD_POISON;
        at_emit_jump(l, next);
        at_place_label(l, inside_row);
    }
    l->handler = failed;
    int value = at_code_lower(l, body, AT_NOWHERE);
    at_instr *in = at_code_add(l, AT_I_ROW);
    in->c = value;
    in->imm = AT_ROW_INSIDE;
    at_emit_jump(l, next);
    at_place_label(l, failed);
    at_code_add(l, AT_I_ROW_POISON)->imm = AT_ROW_POISON;
    at_place_label(l, next);
    at_unit *unit = at_lowering_end(l);
    int64_t extents[2 * AT_RANK_LIMIT];
    for (int i = 0; i < bound; i++) extents[i] = unit->extents[count - bound + i];
    unit->row_length = at_shape_count(extents, bound, sizeof(at_cell));
    if (unit->row_length < 0) {
        at_error(ref->s, AT_E_RUN_COUNT, st->span,
                 "this ranges over more elements than can be counted");
        unit->row_length = 0;
    }
    return unit;
}

/* The axes of a row's target that the row does not go along. */
static int outer_axes(const at_ref *ref, const at_part *part, at_axis *const *axes, int rank,
                      at_axis **out) {
    at_axis *all[AT_RANK_LIMIT];
    int free_count = at_free_axes(ref, axes, rank, all), count = 0;
    for (int i = 0; i < free_count; i++) {
        bool bound = false;
        for (int k = 0; k < part->count; k++) bound |= part->bound[k] == all[i];
        if (!bound) out[count++] = all[i];
    }
    return count;
}

/* Over outer axes, in one order for all parts of a normaliser, then the bound ones. */
static at_unit *lower_part(at_ref *ref, const at_statement *st, const at_part *part,
                           at_axis *const *outer, int outer_count) {
    at_axis *axes[2 * AT_RANK_LIMIT];
    int count = 0;
    for (int i = 0; i < outer_count; i++) axes[count++] = outer[i];
    for (int i = 0; i < part->count; i++) axes[count++] = part->bound[i];
    return lower_row(ref, st, axes, count, part->count, part->guard, part->body);
}

/* A draw: its run and path, and the axes that make its element after the rounds. */
typedef struct {
    at_draw draw;
    uint64_t run;
    const char *path;
    at_axis *const *axes;
    int rank;
    at_kind kind;
    const at_expr *const *args;
} drawing;

/* Key and element of a draw. A round that was written out stands in the path as a number; it counts
 * as any other round, so that a draw does not depend on how its repeat was compiled: "e[2]" is the
 * round 2 of "e[]". */
static void place_draw(at_lowering *l, const drawing *d, at_draw_site *site) {
    const at_place *here = &l->ref->here;
    char *path = at_copy_text(l->ref->arena, d->path, strlen(d->path)), *to = path;
    int region = 0, axis = 0, brackets = 0;
    for (const char *c = d->path; *c; c++) brackets += *c == '[';
    site->index = AT_NEW_ARRAY(l->ref->arena, int, here->depth + d->rank + brackets);
    for (const char *c = d->path; *c; c++) {
        *to++ = *c;
        if (*c != '[') continue;
        if (c[1] != ']') {
            char *end;
            at_cell number = {.i = strtoll(c + 1, &end, 10)};
            site->index[site->count++] = at_constant_cell(l, number);
            c = end - 1;
            continue;
        }
        while (region < here->depth && here->regions[region]->tag != AT_REPEAT) region++;
        if (region < here->depth)
            site->index[site->count++] =
                l->axis_register[here->regions[region++]->u.repeat.round->id];
        else if (axis < d->rank) /* a param, stacked by its rounds */
            site->index[site->count++] = l->axis_register[d->axes[axis++]->id];
    }
    *to = 0;
    for (; region < here->depth; region++)
        if (here->regions[region]->tag == AT_REPEAT)
            site->index[site->count++] =
                l->axis_register[here->regions[region]->u.repeat.round->id];
    for (; axis < d->rank; axis++) site->index[site->count++] = l->axis_register[d->axes[axis]->id];
    site->key = at_draw_key(l->ref->call->seed, d->run, path);
}

static int lower_draw(at_lowering *l, const void *of, int zero) {
    (void)zero;
    const drawing *d = of;
    at_draw_site *site = AT_NEW(l->ref->arena, at_draw_site);
    site->draw = d->draw;
    place_draw(l, d, site);
    int args[2] = {0};
    for (int i = 0; i < at_draw_info(d->draw)->parameters; i++)
        args[i] = at_code_lower(l, d->args[i], AT_NOWHERE);
    int dst = at_new_register(l);
    at_instr *in = at_code_add(l, AT_I_DRAW);
    in->dst = dst;
    in->a = args[0];
    in->b = args[1];
    in->ptr = site;
    if (d->kind == AT_REAL) return dst;
    int whole = at_new_register(l);
    in = at_code_add(l, AT_I_TO_INT);
    in->dst = whole;
    in->a = dst;
    return whole;
}

static at_unit *lower_drawing(at_ref *ref, const at_statement *st, const drawing *d,
                              at_store *store) {
    at_axis *axes[AT_RANK_LIMIT];
    int count = at_free_axes(ref, d->axes, d->rank, axes);
    at_lowering *l = at_lowering_new(ref, st, axes, count);
    for (int i = 0; i < at_draw_info(d->draw)->parameters; i++) at_find_scatters(l, d->args[i]);
    return at_lower_into(l, store, d->axes, lower_draw, d);
}

at_unit *at_lower_start(at_ref *ref, const at_start *start, at_store *store) {
    const at_array *array = start->array;
    if (start->draw < 0)
        return lower_equation(ref, NULL, start->value, store, array->axes, array->rank);
    uint64_t run = array->role == AT_INPUT ? ref->call->run : 0;
    drawing d = {(at_draw)start->draw, run,         array->path, array->axes,
                 array->rank,          array->kind, start->args};
    return lower_drawing(ref, NULL, &d, store);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void new_units(at_ref *ref, at_step *step, int count) {
    step->unit_count = count;
    step->units = AT_NEW_ARRAY(ref->arena, at_unit *, count);
}

static int state_of(const at_ref *ref, const at_array *array) {
    for (int i = 0; i < ref->cascade->state_count; i++)
        if (ref->cascade->states[i].array == array) return i;
    return -1;
}

static void prepare_table(at_ref *ref, at_step *step) {
    const at_statement *st = step->st;
    if (ref->stores[st->target->id]->count != st->u.table.count)
        at_error(ref->s, AT_E_RUN_TABLE, st->span,
                 "this table has %d values, and `%s` has %lld elements", st->u.table.count,
                 st->target->name, (long long)ref->stores[st->target->id]->count);
    new_units(ref, step, st->u.table.count);
    for (int i = 0; i < step->unit_count; i++)
        step->units[i] = lower_row(ref, st, NULL, 0, 0, NULL, st->u.table.values[i]);
}

static void prepare_rows(at_ref *ref, at_step *step, const at_part *parts, int count,
                         const at_array *target, int rank) {
    at_axis *outer[AT_RANK_LIMIT];
    int outer_count = outer_axes(ref, &parts[0], target->axes, rank, outer);
    new_units(ref, step, count);
    for (int i = 0; i < count; i++)
        if (fits_rank(ref, step->st->span, "what this ranges over", parts[i].count))
            step->units[i] = lower_part(ref, step->st, &parts[i], outer, outer_count);
}

static void prepare_drawing(at_ref *ref, at_step *step) {
    const at_statement *st = step->st;
    const at_array *target = st->target;
    drawing d = {st->u.drawing.draw, ref->call->run, target->path, target->axes,
                 target->rank, target->kind, st->u.drawing.args};
    new_units(ref, step, 1);
    step->units[0] = lower_drawing(ref, st, &d, step->target);
}

static void prepare_assertion(at_ref *ref, at_step *step) {
    const at_statement *st = step->st;
    at_axis *axes[AT_RANK_LIMIT];
    if (!fits_rank(ref, st->span, "this assertion", st->u.assertion.count)) return;
    int count = at_free_axes(ref, st->u.assertion.axes, st->u.assertion.count, axes);
    new_units(ref, step, 2);
    step->units[0] = lower_row(ref, st, axes, count, count, NULL, st->u.assertion.left);
    step->units[1] = lower_row(ref, st, axes, count, count, NULL, st->u.assertion.right);
}

static void prepare_steps(at_ref *ref, at_steps *steps);

static void prepare_step(at_ref *ref, at_step *step) {
    const at_statement *st = step->st;
    ref->here = step->place;
    step->site.span = st->span;
    if (st->target && st->tag != AT_NEXT) step->target = ref->stores[st->target->id];
    switch (st->tag) {
    case AT_EQUATION:
        new_units(ref, step, 1);
        step->units[0] = lower_equation(ref, st, st->u.value, step->target, st->target->axes,
                                        st->target->rank);
        break;
    case AT_NEXT:
        new_units(ref, step, 1);
        step->target = ref->next[state_of(ref, st->target)];
        step->units[0] = lower_equation(ref, st, st->u.next.value, step->target, st->u.next.axes,
                                        st->target->rank);
        break;
    case AT_DRAWING:
        prepare_drawing(ref, step);
        break;
    case AT_KEEPING:
        prepare_rows(ref, step, st->u.keeping.parts, st->u.keeping.count,
                     st->u.keeping.parts[0].target, st->u.keeping.parts[0].target->rank);
        break;
    case AT_TOPK: prepare_rows(ref, step, &st->u.topk, 1, st->target, st->target->rank - 1); break;
    case AT_TABLE: prepare_table(ref, step); break;
    case AT_ASSERT: prepare_assertion(ref, step); break;
    case AT_REPEAT:
        ref->here = inside(ref, &step->place, st);
        ref->here.order = step->place.order + 1;
        if (st->u.repeat.condition) {
            new_units(ref, step, 1);
            step->units[0] = lower_row(ref, st, NULL, 0, 0, NULL, st->u.repeat.condition);
        }
        break;
    case AT_GRAD: AT_ASSERT(ref->s, !"grad is written out before a run"); break;
    case AT_SCAN: break;
    }
    prepare_steps(ref, &step->body);
}

static void prepare_steps(at_ref *ref, at_steps *steps) {
    for (int i = 0; i < steps->count; i++) prepare_step(ref, &steps->items[i]);
}

bool at_prepare(at_ref *ref) {
    int errors = ref->s->diag_count + ref->s->diag_lost, order = 0;
    const at_cascade *cascade = ref->cascade;
    ref->places = AT_NEW_ARRAY(ref->arena, at_place, cascade->array_count);
    ref->zeroable = AT_NEW_ARRAY(ref->arena, bool, cascade->array_count);
    at_find_zeros(ref);
    place_block(ref, &cascade->body, (at_place){0}, NULL, &order, &ref->steps);
    make_stores(ref);
    if (ref->s->diag_count + ref->s->diag_lost > errors) return false;
    prepare_steps(ref, &ref->steps);
    return ref->s->diag_count + ref->s->diag_lost == errors;
}
