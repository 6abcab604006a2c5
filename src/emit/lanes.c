/* Loops over lanes: a body for LANES indices at once, and the same for the rest, which is shorter.
 * A loop that is shared among threads or whose lanes are elements keeps the form that OpenMP asks
 * for and looks at each block; one whose variables are combined goes through the full ones first.
 *
 * A condition that differs from lane to lane becomes a mask: what stands under it is computed in
 * all lanes, and variables keep their values where it does not hold. */
#include "emit/emit.h"

/* ---- what a body needs ------------------------------------------------------------------------ */

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
    n->mask |= v->op == AT_TILE_LOAD_WHERE && v->lanes != AT_LANES_SAME;
    n->costly |= v->op == AT_TILE_MAP && v->kind == AT_REAL && at_op_info(v->map)->level == 0 &&
                 v->lanes != AT_LANES_SAME;
}

static needs needs_of(const at_tiles *tiles) {
    needs n = {false, false};
    at_tiles_walk(tiles, note_needs, &n);
    return n;
}

/* ---- loops ------------------------------------------------------------------------------------ */

typedef void (*printing)(at_printer *p, const at_tiles *tiles);

/* The last block, of fewer lanes. */
static void print_rest(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    const char *size = at_size_name(&p->names, tile->axis);
    p->rest = at_rest_name(&p->names);
    at_c_line(p, "const int64_t %s = %s - %s;", p->rest, size, index);
    if (tile->reduces || needs_of(&tile->body).mask) {
        p->mask = at_c_name(&p->names, "mask");
        at_c_line(p, "const vmask %s = vmask_first(%s);", p->mask, p->rest);
        p->masks_sets = tile->reduces;
    }
    body(p, &tile->body);
    p->rest = p->mask = NULL;
    p->masks_sets = false;
}

static void print_blocks(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    const char *size = at_size_name(&p->names, tile->axis);
    at_c_line(p, "for (int64_t %s = 0; %s < %s; %s += LANES) {", index, index, size, index);
    p->indent++;
    at_c_line(p, "if (%s + LANES <= %s) {", index, size);
    p->indent++;
    body(p, &tile->body);
    p->indent--;
    at_c_line(p, "} else {");
    p->indent++;
    print_rest(p, tile, body);
    p->indent--;
    at_c_line(p, "}");
    p->indent--;
    at_c_line(p, "}");
}

static void print_copies(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    const char *size = at_size_name(&p->names, tile->axis);
    at_c_line(p, "for (; %s + %d * LANES <= %s; %s += %d * LANES) {", index, tile->copies, size,
              index, tile->copies);
    p->indent++;
    for (p->copy = 0; p->copy < tile->copies; p->copy++) {
        at_c_line(p, "{");
        p->indent++;
        body(p, &tile->body);
        p->indent--;
        at_c_line(p, "}");
    }
    p->copy = 0;
    p->indent--;
    at_c_line(p, "}");
}

static void print_combined(at_printer *p, const at_tile *tile, printing body) {
    const char *index = at_axis_name(&p->names, tile->axis);
    const char *size = at_size_name(&p->names, tile->axis);
    at_c_line(p, "{");
    p->indent++;
    at_c_line(p, "int64_t %s = 0;", index);
    if (tile->copies > 1) print_copies(p, tile, body);
    at_c_line(p, "for (; %s + LANES <= %s; %s += LANES) {", index, size, index);
    p->indent++;
    body(p, &tile->body);
    p->indent--;
    at_c_line(p, "}");
    at_c_line(p, "if (%s < %s) {", index, size);
    p->indent++;
    print_rest(p, tile, body);
    p->indent--;
    at_c_line(p, "}");
    p->indent--;
    at_c_line(p, "}");
}

void at_c_lane_loop(at_printer *p, const at_tile *tile, printing body) {
    p->lanes = tile->axis;
    if (tile->reduces) print_combined(p, tile, body);
    else print_blocks(p, tile, body);
    p->lanes = NULL;
}

/* ---- conditions ------------------------------------------------------------------------------- */

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
    const char *condition = at_c_vector(p, tile->condition, level);
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

/* ---- threads ---------------------------------------------------------------------------------- */

void at_c_pragma_parallel(at_printer *p, const at_tile *tile, const at_cost *work) {
    (void)p, (void)tile, (void)work;
}
