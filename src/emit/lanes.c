/* Loops over lanes: a body for LANES indices at once, and the same for the rest, which is shorter.
 * A loop that is shared among threads or whose lanes are elements keeps the form that OpenMP asks
 * for and looks at each block; one whose variables are combined goes through the full ones first.
 *
 * A condition that differs from lane to lane becomes a mask: what stands under it is computed in
 * all lanes, and variables keep their values where it does not hold. */
#include "emit/emit.h"

#include <string.h>

/* ---- what a body needs ----------------------------------------------------------------------- */

typedef struct {
    bool mask; /* reads or sets of which lanes it must be known whether they count */
    bool costly;
} needs;

static void note_needs(void *user, const at_tile *tile, const at_value *v) {
    needs *n = user;
    if (tile) {
        n->mask |= tile->tag == AT_TILE_IF && tile->condition->lanes != AT_LANES_SAME;
        n->costly |= tile->tag == AT_TILE_FOR;
        return;
    }
    const at_value *address = v->op == AT_TILE_LOAD         ? v->operands[0]
                              : v->op == AT_TILE_LOAD_WHERE ? v->operands[1]
                                                            : NULL;
    if (address) {
        n->mask |= address->lanes == AT_LANES_ANY;
        n->costly |= address->lanes >= AT_LANES_STEP || !v->inside;
    }
    n->mask |= v->op == AT_TILE_CHECK && v->operands[0]->lanes != AT_LANES_SAME;
    n->mask |= v->op == AT_TILE_ATTEMPT && v->lanes != AT_LANES_SAME;
    n->costly |= v->op == AT_TILE_CHECK;
    n->mask |= v->op == AT_TILE_LOAD_WHERE && v->operands[0]->lanes != AT_LANES_SAME;
    n->costly |= v->op == AT_TILE_MAP && v->kind == AT_REAL && at_op_info(v->map)->level == 0 &&
                 v->lanes != AT_LANES_SAME;
}

static needs needs_of(const at_tiles *tiles) {
    needs n = {false, false};
    at_tiles_walk(tiles, note_needs, &n);
    return n;
}

static bool loops_over(const at_tiles *tiles, const at_axis *axis) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_FOR && tile->axis == axis) return true;
        if (loops_over(&tile->body, axis) || loops_over(&tile->otherwise, axis)) return true;
    }
    return false;
}

/* ---- loops ----------------------------------------------------------------------------------- */

typedef void (*printing)(at_printer *p, const at_tiles *tiles);

/* The name that an index has in the loop that is printed. */
static const char *index_name(at_printer *p, const at_axis *axis) {
    if (axis == p->lanes && p->lane_index) return p->lane_index;
    return at_axis_name(&p->names, axis);
}

static void open(at_printer *p, const char *line) {
    at_c_line(p, "%s", line);
    p->indent++;
}

static void close(at_printer *p) {
    p->indent--;
    at_c_line(p, "}");
}

/* Before which index a loop ends. */
static const char *end_of(at_printer *p, const at_tile *tile) {
    if (p->end) return p->end;
    return tile->high ? at_c_value(p, tile->high, AT_C_SUM) : at_size_name(&p->names, tile->axis);
}

static const char *begin_of(at_printer *p, const at_tile *tile) {
    return tile->low ? at_c_value(p, tile->low, AT_C_CHOICE) : "0";
}

/* A block of fewer lanes. */
static void print_part(at_printer *p, const at_tile *tile, printing body) {
    if (tile->reduces || needs_of(&tile->body).mask) {
        p->mask = at_c_name(&p->names, "mask");
        at_c_line(p, "const vmask %s = vmask_first(%s);", p->mask, p->rest);
        p->masks_sets = tile->reduces;
    }
    body(p, &tile->body);
    p->rest = p->mask = NULL;
    p->masks_sets = false;
}

/* The last block, of fewer lanes. */
static void print_rest(at_printer *p, const at_tile *tile, printing body) {
    p->rest = at_rest_name(&p->names);
    at_c_line(p, "const int64_t %s = %s - %s;", p->rest, end_of(p, tile),
              index_name(p, tile->axis));
    print_part(p, tile, body);
}

/* One block: all lanes, or the rest. */
static void print_block(at_printer *p, const at_tile *tile, printing body) {
    const char *index = index_name(p, tile->axis), *size = end_of(p, tile);
    open(p, at_format(p->s->arena, "if (%s + LANES <= %s) {", index, size));
    body(p, &tile->body);
    p->indent--;
    open(p, "} else {");
    print_rest(p, tile, body);
    close(p);
}

/* What is left of several blocks, one by one; rows that are jammed take every block as a part. */
static void print_single_blocks(at_printer *p, const at_tile *tile, printing body) {
    const char *first = at_axis_name(&p->names, tile->axis), *size = end_of(p, tile);
    const char *index = at_c_name(&p->names, first);
    open(p, at_format(p->s->arena, "for (int64_t %s = %s; %s < %s; %s += LANES) {", index, first,
                      index, size, index));
    p->lane_index = index;
    if (p->rows) {
        p->rest = at_rest_name(&p->names);
        at_c_line(p, "const int64_t %s = %s - %s < LANES ? %s - %s : LANES;", p->rest, size, index,
                  size, index);
        print_part(p, tile, body);
    } else {
        print_block(p, tile, body);
    }
    p->lane_index = NULL;
    close(p);
}

static void print_blocks(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis), *size = end_of(p, tile);
    const char *low = begin_of(p, tile);
    int copies = p->single_row ? 0 : tile->copies, rows = p->copies ? p->copies : 1;
    at_arena *arena = p->s->arena;
    if (copies <= 1) {
        open(p, at_format(arena, "for (int64_t %s = %s; %s < %s; %s += LANES) {", index, low,
                          index, size, index));
        print_block(p, tile, body);
        close(p);
        return;
    }
    open(p, at_format(arena, "for (int64_t %s = %s; %s < %s; %s += %d * LANES) {", index, low,
                      index, size, index, copies));
    open(p, at_format(arena, "if (%s + %d * LANES <= %s) {", index, copies, size));
    p->copies = copies * rows;
    p->vectors = copies;
    p->jams = true;
    body(p, &tile->body);
    p->copies = rows;
    p->vectors = 1;
    p->indent--;
    open(p, "} else {");
    p->jams = rows > 1;
    print_single_blocks(p, tile, body);
    p->jams = false;
    close(p);
    close(p);
}

void at_c_row_loop(at_printer *p, const at_tile *tile, printing body) {
    const at_tile *inner = tile->body.items[0];
    const char *index = at_axis_name(&p->names, tile->axis), *size = end_of(p, tile);
    at_arena *arena = p->s->arena;
    open(p, at_format(arena, "for (int64_t %s = %s; %s < %s; %s += %d) {", index,
                      begin_of(p, tile), index, size, index, tile->rows));
    open(p, at_format(arena, "if (%s + %d <= %s) {", index, tile->rows, size));
    p->rows = tile->axis;
    p->copies = tile->rows;
    at_c_lane_loop(p, inner, body);
    p->rows = NULL;
    p->copies = 0;
    p->indent--;
    open(p, "} else {");
    const char *row = at_c_name(&p->names, index);
    open(p, at_format(arena, "for (int64_t %s = %s; %s < %s; %s++) {", row, index, row, size, row));
    p->single_row = tile->axis;
    p->row_index = row;
    at_c_lane_loop(p, inner, body);
    p->row_index = NULL;
    p->single_row = NULL;
    close(p);
    close(p);
    close(p);
}

static void print_copies(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis), *size = end_of(p, tile);
    open(p, at_format(p->s->arena, "for (; %s + %d * LANES <= %s; %s += %d * LANES) {", index,
                      tile->copies, size, index, tile->copies));
    p->vectors = tile->copies;
    for (p->copy = 0; p->copy < tile->copies; p->copy++) {
        open(p, "{");
        body(p, &tile->body);
        close(p);
    }
    p->copy = p->vectors = 0;
    close(p);
}

/* From the end: what is no full block first. */
static void print_down(at_printer *p, const at_tile *tile, const char *low, const char *size,
                       printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    const char *length = strcmp(low, "0") == 0 ? size
                                               : at_format(p->s->arena, "(%s - (%s))", size, low);
    at_c_line(p, "int64_t %s = %s - %s %% LANES;", index, size, length);
    open(p, at_format(p->s->arena, "if (%s < %s) {", index, size));
    print_rest(p, tile, body);
    close(p);
    open(p, at_format(p->s->arena, "for (%s -= LANES; %s >= %s; %s -= LANES) {", index, index, low,
                      index));
    body(p, &tile->body);
    close(p);
}

static void print_combined(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    open(p, "{");
    const char *low = begin_of(p, tile), *size = end_of(p, tile);
    if (tile->high) {
        p->end = at_c_name(&p->names, at_format(p->s->arena, "end_%s", index));
        at_c_line(p, "const int64_t %s = %s;", p->end, size);
        size = p->end;
    }
    if (tile->down) {
        print_down(p, tile, low, size, body);
        close(p);
        p->end = NULL;
        return;
    }
    at_c_line(p, "int64_t %s = %s;", index, low);
    if (tile->copies > 1) print_copies(p, tile, body);
    open(p, at_format(p->s->arena, "for (; %s + LANES <= %s; %s += LANES) {", index, size, index));
    body(p, &tile->body);
    close(p);
    open(p, at_format(p->s->arena, "if (%s < %s) {", index, size));
    print_rest(p, tile, body);
    close(p);
    close(p);
    p->end = NULL;
}

/* Whether a value is the same in all rounds of a loop, and may be computed in front of it. */
static bool stays(const at_tiles *body, const at_value *v) {
    if (v->op == AT_TILE_GET || v->op == AT_TILE_LOAD_WHERE) return false;
    if (v->op == AT_TILE_LOAD && !v->inside) return false;
    if (v->op == AT_TILE_INDEX && loops_over(body, v->axis)) return false;
    for (int i = 0; i < v->count; i++)
        if (!stays(body, v->operands[i])) return false;
    return true;
}

static bool takes_long(const at_value *v) {
    bool operation = v->op == AT_TILE_MAP && v->kind == AT_REAL;
    if (operation && (v->map == AT_OP_DIV || at_c_part_of(v->map) != AT_C_PARTS)) return true;
    for (int i = 0; i < v->count; i++)
        if (takes_long(v->operands[i])) return true;
    return false;
}

static void hoist_value(at_printer *p, const at_tiles *body, const at_value *v) {
    int room = (int)(sizeof p->hoisted / sizeof *p->hoisted);
    if (v->lanes == AT_LANES_SAME && at_tile_op_gives(v->op)) {
        if (p->hoisted_count == room || !takes_long(v) || !stays(body, v)) return;
        const char *name = at_c_name(&p->names, "same");
        at_c_line(p, "const %s %s = %s;", at_c_type(v->kind), name, at_c_right_side(p, v));
        p->hoisted[p->hoisted_count].value = v;
        p->hoisted[p->hoisted_count++].name = name;
        return;
    }
    for (int i = 0; i < v->count; i++) hoist_value(p, body, v->operands[i]);
}

/* What takes long and is the same in all rounds, in front of the loop. */
static void hoist(at_printer *p, const at_tiles *body, const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++)
            if (!at_tile_op_gives(tile->values[k]->op)) hoist_value(p, body, tile->values[k]);
        hoist(p, body, &tile->body);
        hoist(p, body, &tile->otherwise);
    }
}

void at_c_lane_loop(at_printer *p, const at_tile *tile, printing body) {
    /* Rows differ, and nothing may stand between a loop that is shared and what says so. */
    if (!p->rows && !tile->parallel) hoist(p, &tile->body, &tile->body);
    p->lanes = tile->axis;
    if (tile->reduces || (!tile->block && (tile->low || tile->high))) print_combined(p, tile, body);
    else print_blocks(p, tile, body);
    p->lanes = NULL;
    p->hoisted_count = 0;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void print_masked(at_printer *p, const at_tiles *tiles, const char *condition,
                         printing body) {
    const char *outer = p->mask;
    bool masks_sets = p->masks_sets, conditional = p->conditional;
    p->mask = at_c_name(&p->names, "mask");
    if (outer) condition = at_format(p->s->arena, "%s & %s", outer, condition);
    at_c_line(p, "const vmask %s = %s;", p->mask, condition);
    p->masks_sets = p->conditional = true;
    bool asks = needs_of(tiles).costly;
    if (asks) {
        at_c_line(p, "if (vmask_any(%s)) {", p->mask);
        p->indent++;
    }
    body(p, tiles);
    if (asks) {
        p->indent--;
        at_c_line(p, "}");
    }
    p->mask = outer;
    p->masks_sets = masks_sets;
    p->conditional = conditional;
}

void at_c_lane_condition(at_printer *p, const at_tile *tile, printing body) {
    at_c_level level = p->mask || tile->otherwise.count ? AT_C_UNARY : AT_C_CHOICE;
    at_c_line(p, "{");
    p->indent++;
    const char *condition = level == AT_C_CHOICE ? at_c_vector_right_side(p, tile->condition)
                                                 : at_c_vector(p, tile->condition, level);
    if (tile->otherwise.count) {
        const char *name = at_c_name(&p->names, "holds");
        at_c_line(p, "const vmask %s = %s;", name, condition);
        condition = name;
    }
    print_masked(p, &tile->body, condition, body);
    if (tile->otherwise.count)
        print_masked(p, &tile->otherwise, at_format(p->s->arena, "~%s", condition), body);
    p->indent--;
    at_c_line(p, "}");
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Whether every axis of a is one of b's. */
static bool is_less(const at_term *a, const at_term *b) {
    for (int i = 0; i < a->rank; i++) {
        bool found = false;
        for (int k = 0; k < b->rank; k++) found |= a->axes[i] == b->axes[k];
        if (!found) return false;
    }
    return a->rank < b->rank;
}

/* Whether no other term grows with these axes and more. */
static bool counts(const at_cost *work, const at_term *term) {
    for (int i = 0; i < work->count; i++)
        if (is_less(term, &work->terms[i])) return false;
    return true;
}

void at_c_shared_sizes(const at_cost *work, bool *axes) {
    for (int i = 0; i < work->count; i++)
        for (int k = 0; k < work->terms[i].rank && counts(work, &work->terms[i]); k++)
            axes[work->terms[i].axes[k]->id] = true;
}

const char *at_c_shared_worth(at_printer *p) {
    const at_cost *work = &p->nest->work;
    const char *text = "";
    for (int i = 0; i < work->count; i++) {
        const at_term *term = &work->terms[i];
        if (!counts(work, term)) continue;
        text = at_format(p->s->arena, "%s%s%lld.0", text, *text ? " + " : "",
                         (long long)term->count);
        for (int k = 0; k < term->rank; k++)
            text = at_format(p->s->arena, "%s * %s", text,
                             at_size_name(&p->names, term->axes[k]));
    }
    if (!*text) text = "0.0"; /* over nothing */
    return at_format(p->s->arena, "%s > SHARED_WORK", text);
}

const char *at_c_shared_region(at_printer *p) {
    return at_format(p->s->arena, "num_threads(frame->call->threads) if (%s)",
                     at_c_shared_worth(p));
}

const char *at_c_shared_loop(at_printer *p, const at_tile *tile) {
    if (tile->parallel == 1) return "schedule(static)";
    return at_format(p->s->arena, "schedule(static) collapse(%d)", tile->parallel);
}
