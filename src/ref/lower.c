/* Lowering: an expression and the axes it is evaluated for become a unit of bytecode.
 *
 * Code is written level by level: the row, the element, then every loop that is open. Each level
 * has a body and a header; the header takes what the level's index alone decides (parts of
 * addresses), so that an inner loop adds only what its own index adds. Closing a loop appends it to
 * the level around it. Jumps go to labels, which become positions when the unit is finished.
 *
 * What must hold: header code cannot fail and does not jump; every instruction that can fail has
 * the handler that was set when it was emitted. Registers are never reused, so a value computed
 * before a jump is still there after it. */
#include "ref/ref_int.h"

#include <string.h>

/* ---- registers and constants ----------------------------------------------------------------- */

int at_new_register(at_lowering *l) {
    AT_PUSH(l->ref->arena, l->unit->initial, l->unit->register_count, l->register_capacity,
            (at_cell){0});
    return l->unit->register_count - 1;
}

int at_constant_cell(at_lowering *l, at_cell value) {
    for (int i = 0; i < l->constant_count; i++)
        if (l->unit->initial[l->constants[i]].i == value.i) return l->constants[i];
    int reg = at_new_register(l);
    l->unit->initial[reg] = value;
    AT_PUSH(l->ref->arena, l->constants, l->constant_count, l->constant_capacity, reg);
    return reg;
}

int at_constant_int(at_lowering *l, int64_t value) {
    return at_constant_cell(l, (at_cell){.i = value});
}

int at_constant_real(at_lowering *l, double value) {
    return at_constant_cell(l, (at_cell){.r = value});
}

/* ---- code ------------------------------------------------------------------------------------ */

static at_instr *push(at_lowering *l, at_code_list *list, int op) {
    at_instr in = {.op = op, .to = AT_NOWHERE, .handler = l->handler};
    AT_PUSH(l->ref->arena, list->items, list->count, list->capacity, in);
    return &list->items[list->count - 1];
}

at_instr *at_code_add(at_lowering *l, int op) {
    l->unit->cost += l->weight;
    return push(l, &l->levels[l->level_count - 1].body, op);
}

/* Outer axes of the unit change from row to row and share the row's header. */
at_instr *at_emit_header(at_lowering *l, int op, int depth) {
    int axes = l->unit->axis_count;
    return push(l, &l->levels[depth < axes ? 0 : depth - axes + 1].header, op);
}

int at_new_label(at_lowering *l) { return l->label_count++; }

void at_place_label(at_lowering *l, int label) {
    push(l, &l->levels[l->level_count - 1].body, AT_I_LABEL)->to = label;
}

void at_emit_jump(at_lowering *l, int label) { at_code_add(l, AT_I_JUMP)->to = label; }

void at_emit_move(at_lowering *l, int dst, int from) {
    at_instr *in = at_code_add(l, AT_I_MOVE);
    in->dst = dst;
    in->a = from;
}

static void append(at_lowering *l, at_code_list *to, const at_code_list *from) {
    for (int i = 0; i < from->count; i++)
        AT_PUSH(l->ref->arena, to->items, to->count, to->capacity, from->items[i]);
}

static void push_level(at_lowering *l) {
    AT_PUSH(l->ref->arena, l->levels, l->level_count, l->level_capacity,
            (at_level){.weight = l->weight});
}

void at_open_level(at_lowering *l, const at_axis *axis, int reg) {
    l->axis_register[axis->id] = reg == AT_NOWHERE ? at_new_register(l) : reg;
    l->axis_depth[axis->id] = ++l->depth;
    push_level(l);
    if (reg == AT_NOWHERE) l->weight *= (double)l->ref->extents[axis->id];
}

static at_level pop_level(at_lowering *l, const at_axis *axis) {
    at_level level = l->levels[--l->level_count];
    l->weight = level.weight;
    l->axis_register[axis->id] = l->axis_depth[axis->id] = AT_NOWHERE;
    l->depth--;
    return level;
}

void at_close_level(at_lowering *l, const at_axis *axis) {
    at_level level = pop_level(l, axis);
    append(l, &l->levels[l->level_count - 1].body, &level.header);
    append(l, &l->levels[l->level_count - 1].body, &level.body);
}

static void emit_loop(at_lowering *l, const at_level *level, int index, int low, int high) {
    int back = at_new_label(l), end = at_new_label(l);
    at_instr *loop = at_code_add(l, AT_I_LOOP);
    loop->dst = index;
    loop->a = low;
    loop->b = high;
    loop->to = end;
    at_place_label(l, back);
    append(l, &l->levels[l->level_count - 1].body, &level->header);
    append(l, &l->levels[l->level_count - 1].body, &level->body);
    at_instr *next = at_code_add(l, AT_I_NEXT);
    next->dst = index;
    next->a = high;
    next->to = back;
    at_place_label(l, end);
}

void at_close_loop(at_lowering *l, const at_axis *axis, int low, int high) {
    int index = l->axis_register[axis->id];
    at_level level = pop_level(l, axis);
    emit_loop(l, &level, index, low, high);
}

void at_reset_flag(at_lowering *l, int reg, int depth) {
    if (depth == 0 || depth < l->unit->axis_count) {
        at_reset reset = {reg, depth};
        AT_PUSH(l->ref->arena, l->unit->resets, l->unit->reset_count, l->unit->reset_capacity,
                reset);
        return;
    }
    int none = at_constant_int(l, 0);
    at_instr *in = at_emit_header(l, AT_I_MOVE, depth);
    in->dst = reg;
    in->a = none;
}

/* ---- beginning and end of a unit ------------------------------------------------------------- */

/* The axes of the regions around the statement are registers that the run sets. */
static void bind_fixed(at_lowering *l) {
    at_unit *unit = l->unit;
    int capacity = 0, registers = 0, count = 0;
    for (int i = 0; i < l->ref->here.depth; i++) {
        const at_statement *region = l->ref->here.regions[i];
        bool scan = region->tag == AT_SCAN;
        int axes = scan ? region->u.scan.count : 1;
        for (int k = 0; k < axes; k++) {
            at_axis *axis = scan ? region->u.scan.axes[k] : region->u.repeat.round;
            l->axis_register[axis->id] = at_new_register(l);
            l->axis_depth[axis->id] = 0;
            AT_PUSH(l->ref->arena, unit->fixed, unit->fixed_count, capacity, axis);
            AT_PUSH(l->ref->arena, unit->fixed_register, count, registers,
                    l->axis_register[axis->id]);
        }
    }
}

static void bind_axes(at_lowering *l, at_axis **axes, int count) {
    at_unit *unit = l->unit;
    unit->axis_count = count;
    unit->axes = at_copy(l->ref->arena, axes, sizeof *axes * (size_t)count);
    unit->extents = AT_NEW_ARRAY(l->ref->arena, int64_t, count);
    unit->axis_register = AT_NEW_ARRAY(l->ref->arena, int, count);
    unit->rows = unit->width = 1;
    bool empty = false, fits = true;
    for (int i = 0; i < count; i++) {
        int id = axes[i]->id;
        unit->extents[i] = l->ref->extents[id];
        l->axis_register[id] = unit->axis_register[i] = at_new_register(l);
        l->axis_depth[id] = ++l->depth;
        if (i == count - 1) unit->width = unit->extents[i];
        else if (unit->extents[i] == 0) empty = true;
        else fits &= !__builtin_mul_overflow(unit->rows, unit->extents[i], &unit->rows);
    }
    if (empty) unit->rows = 0;
    else if (!fits)
        at_error(l->ref->s, AT_E_RUN_COUNT, l->statement ? l->statement->span : at_no_span(),
                 "this ranges over more elements than can be counted");
    unit->low = at_new_register(l);
    unit->high = at_new_register(l);
}

at_lowering *at_lowering_new(at_ref *ref, const at_statement *st, at_axis **axes, int count) {
    at_lowering *l = AT_NEW(ref->arena, at_lowering);
    l->ref = ref;
    l->statement = st;
    l->handler = AT_NOWHERE;
    l->unit = AT_NEW(ref->arena, at_unit);
    int all = ref->axis_limit;
    l->axis_register = AT_NEW_ARRAY(ref->arena, int, all);
    l->axis_depth = AT_NEW_ARRAY(ref->arena, int, all);
    for (int i = 0; i < all; i++) l->axis_register[i] = l->axis_depth[i] = AT_NOWHERE;
    at_constant_int(l, 0);
    bind_fixed(l);
    bind_axes(l, axes, count);
    l->weight = 1;
    push_level(l);
    push_level(l);
    return l;
}

/* Labels become positions and vanish. */
static void place_code(at_lowering *l, const at_code_list *list) {
    int *position = AT_NEW_ARRAY(l->ref->arena, int, l->label_count + 1);
    int count = 0;
    for (int i = 0; i < list->count; i++) {
        if (list->items[i].op == AT_I_LABEL) position[list->items[i].to] = count;
        else count++;
    }
    at_instr *code = AT_NEW_ARRAY(l->ref->arena, at_instr, count);
    l->unit->code_count = 0;
    for (int i = 0; i < list->count; i++) {
        at_instr in = list->items[i];
        if (in.op == AT_I_LABEL) continue;
        if (in.to != AT_NOWHERE) in.to = position[in.to];
        if (in.handler != AT_NOWHERE) in.handler = position[in.handler];
        code[l->unit->code_count++] = in;
    }
    l->unit->code = code;
}

static void make_frames(at_lowering *l) {
    at_unit *unit = l->unit;
    unit->frame_count = at_worth(l->ref, unit->cost * (double)unit->rows * (double)unit->width);
    unit->frames = AT_NEW_ARRAY(l->ref->arena, at_frame, unit->frame_count);
    for (int i = 0; i < unit->frame_count; i++) {
        unit->frames[i].ref = l->ref;
        unit->frames[i].leader = i == 0;
        unit->frames[i].r = at_copy(l->ref->arena, unit->initial,
                                    sizeof *unit->initial * (size_t)unit->register_count);
    }
}

at_unit *at_lowering_end(at_lowering *l) {
    at_unit *unit = l->unit;
    AT_ASSERT(l->ref->s, l->level_count == 2);
    at_level element = l->levels[--l->level_count];
    at_code_list *row = &l->levels[0].body;
    append(l, row, &l->levels[0].header);
    if (unit->axis_count > 0) {
        emit_loop(l, &element, unit->axis_register[unit->axis_count - 1], unit->low, unit->high);
    } else {
        append(l, row, &element.header);
        append(l, row, &element.body);
    }
    push(l, row, AT_I_END);
    place_code(l, row);
    make_frames(l);
    return unit;
}

/* ---- expressions ----------------------------------------------------------------------------- */

/* Reads and the branches of `if` give a structural zero as the number 0 by themselves. */
static bool needs_wrap(const at_lowering *l, const at_expr *e) {
    if (e->tag == AT_READ || (e->tag == AT_MAP && e->u.map.op == AT_OP_IF)) return false;
    return at_may_be_zero(l->ref, e);
}

static int lower_node(at_lowering *l, const at_expr *e, int zero) {
    switch (e->tag) {
    case AT_CONST:
        if (e->kind == AT_REAL)
            return at_constant_real(l, AT_JITTERED(l->ref->jitter, AT_OPS, 0, 0, e->u.real));
        return at_constant_int(l, e->u.integer);
    case AT_SIZE: return at_constant_int(l, l->ref->extents[e->u.axis->id]);
    case AT_INDEX:
        AT_ASSERT(l->ref->s, l->axis_register[e->u.axis->id] != AT_NOWHERE);
        return l->axis_register[e->u.axis->id];
    case AT_READ: return at_lower_read(l, e, zero);
    case AT_MAP: return at_lower_map(l, e, zero);
    case AT_FOLD_NODE: return at_code_fold(l, e, zero);
    }
    return AT_NOWHERE;
}

int at_code_lower(at_lowering *l, const at_expr *e, int zero) {
    if (zero != AT_NOWHERE || !needs_wrap(l, e)) return lower_node(l, e, zero);
    int found = at_new_label(l), end = at_new_label(l), dst = at_new_register(l);
    int value = lower_node(l, e, found);
    at_emit_move(l, dst, value);
    at_emit_jump(l, end);
    at_place_label(l, found);
    at_emit_move(l, dst, at_constant_real(l, 0.0));
    at_place_label(l, end);
    return dst;
}

void at_lower_branch(at_lowering *l, const at_expr *e, bool when, int label) {
    at_op op = e->tag == AT_MAP ? e->u.map.op : AT_OPS;
    const at_expr *const *args = e->u.map.args;
    if (op == AT_OP_NOT) {
        at_lower_branch(l, args[0], !when, label);
    } else if (op == AT_OP_AND || op == AT_OP_OR) {
        if ((op == AT_OP_OR) == when) {
            at_lower_branch(l, args[0], when, label);
            at_lower_branch(l, args[1], when, label);
        } else {
            int skip = at_new_label(l);
            at_lower_branch(l, args[0], !when, skip);
            at_lower_branch(l, args[1], when, label);
            at_place_label(l, skip);
        }
    } else {
        int value = at_code_lower(l, e, AT_NOWHERE);
        at_instr *in = at_code_add(l, when ? AT_I_JUMP_IF : AT_I_JUMP_UNLESS);
        in->a = value;
        in->to = label;
    }
}
