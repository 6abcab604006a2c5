/* One pass as one C function: what it uses of the run under names of its own, then the loops.
 *
 * An element that may fail jumps behind its computation when it does. If it is not surely needed,
 * its value and its fault are stored either way; if it is, the first to fail is kept. */
#include "emit/emit.h"

void at_tiles_walk(const at_tiles *tiles,
                   void (*visit)(void *user, const at_tile *tile, const at_value *value),
                   void *user) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_LEAF)
            for (int k = 0; k < tile->count; k++) visit(user, NULL, tile->values[k]);
        else
            visit(user, tile, NULL);
        at_tiles_walk(&tile->body, visit, user);
        at_tiles_walk(&tile->otherwise, visit, user);
    }
}

/* ---- what a pass uses ---------------------------------------------------------------------- */

typedef struct {
    bool *axes, *arrays, *faults; /* by id: the extent, the elements, the faults */
} uses;

static void note_use(void *user, const at_tile *tile, const at_value *value) {
    uses *u = user;
    if (tile && tile->tag == AT_TILE_FOR) u->axes[tile->axis->id] = true;
    if (!value) return;
    switch (value->op) {
    case AT_TILE_SIZE: u->axes[value->axis->id] = true; break;
    case AT_TILE_LOAD:
    case AT_TILE_LOAD_WHERE:
    case AT_TILE_STORE: u->arrays[value->array->id] = true; break;
    case AT_TILE_INHERIT: u->faults[value->array->id] = true; break;
    default: break;
    }
}

static uses uses_of(at_session *s, const at_plan *plan, const at_tiles *tiles) {
    int axes = plan->cascade->axis_count, arrays = plan->array_count;
    uses u = {AT_NEW_ARRAY(s->arena, bool, axes), AT_NEW_ARRAY(s->arena, bool, arrays),
              AT_NEW_ARRAY(s->arena, bool, arrays)};
    at_tiles_walk(tiles, note_use, &u);
    return u;
}

typedef struct {
    const at_pass *pass;
    bool *used; /* by position in pass->fixed */
} arguments;

static void note_argument(void *user, const at_tile *tile, const at_value *value) {
    (void)tile;
    arguments *a = user;
    for (int i = 0; value && value->op == AT_TILE_INDEX && i < a->pass->fixed_count; i++)
        a->used[i] |= a->pass->fixed[i] == value->axis;
}

int at_nest_arguments(at_session *s, const at_tile_nest *nest, const at_axis **axes) {
    const at_pass *pass = nest->nest->pass;
    arguments a = {pass, AT_NEW_ARRAY(s->arena, bool, pass->fixed_count)};
    int count = 0;
    at_tiles_walk(&nest->body, note_argument, &a);
    for (int i = 0; i < pass->fixed_count; i++)
        if (a.used[i]) axes[count++] = pass->fixed[i];
    return count;
}

static bool is_target(const at_pass *pass, const at_array *array) {
    for (int i = 0; i < pass->target_count; i++)
        if (pass->targets[i] == array) return true;
    return false;
}

static void print_uses(at_printer *p, const at_plan *plan, const uses *u, const at_pass *pass) {
    for (int i = 0; i < plan->cascade->axis_count; i++)
        if (u->axes[i])
            at_c_line(p, "const int64_t %s = frame->extents[%d];",
                      at_size_name(&p->names, plan->cascade->axes[i]), i);
    for (int i = 0; i < plan->array_count; i++) {
        const at_array *array = plan->arrays[i];
        const char *constant = is_target(pass, array) ? "" : "const ";
        int place = plan->place_of[i];
        if (u->arrays[i])
            at_c_line(p, "%s%s *restrict %s = frame->arrays[%d];", constant,
                      at_c_storage(&plan->places[place], p->type),
                      at_array_name(&p->names, array), place);
        if (u->faults[i])
            at_c_line(p, "%sstruct attend_fault *restrict %s = frame->faults[%d];", constant,
                      at_fault_name(&p->names, array), place);
    }
}

/* ---- statements ---------------------------------------------------------------------------- */

/* What follows a failed test; `fault` is an expression of that type. */
static void print_failure(at_printer *p, const char *fault) {
    p->indent++;
    if (p->keeps_fault) {
        at_c_line(p, "fault = %s;", fault);
    } else {
        const char *element = at_c_value(p, p->store->operands[0], AT_C_CHOICE);
        int place = p->program->plan->place_of[p->store->array->id];
        at_c_line(p, "attend_fail(frame, %s, %d, %s);", fault, place, element);
    }
    at_c_line(p, "goto %s;", p->label);
    p->indent--;
    at_c_line(p, "}");
}

static const char *new_fault(at_printer *p, int site, const char *value, const char *other) {
    return at_format(p->s->arena, "(struct attend_fault){%d, %s, %s}", site, value, other);
}

static void print_attempt(at_printer *p, const at_value *v) {
    const char *x[3] = {"0", "0", "0"}, *text = at_attempt_name(p->s, v->map);
    for (int i = 0; i < v->count; i++) {
        x[i] = at_c_value(p, v->operands[i], AT_C_CHOICE);
        text = at_format(p->s->arena, "%s%s%s", text, i ? ", " : "(", x[i]);
    }
    at_c_line(p, "if (!%s, &%s)) {", text, at_array_name(&p->names, v->array));
    print_failure(p, new_fault(p, v->site, x[0], x[1]));
}

static int weight_of(const at_value *v) {
    int weight = 1;
    for (int i = 0; i < v->count; i++) weight += weight_of(v->operands[i]);
    return weight;
}

/* left = value. A long choice is spelled with if, so that only what is chosen is computed. */
static void print_assignment(at_printer *p, const char *left, const at_value *value) {
    enum { LONG_CHOICE = 12 };
    if (value->op != AT_TILE_SELECT || weight_of(value) <= LONG_CHOICE) {
        at_c_line(p, "%s = %s;", left, at_c_right_side(p, value));
        return;
    }
    at_c_line(p, "if (%s) {", at_c_value(p, value->operands[0], AT_C_CHOICE));
    p->indent++;
    print_assignment(p, left, value->operands[1]);
    p->indent--;
    at_c_line(p, "} else {");
    p->indent++;
    print_assignment(p, left, value->operands[2]);
    p->indent--;
    at_c_line(p, "}");
}

static void print_effect(at_printer *p, const at_value *v) {
    const char *name = v->array ? at_array_name(&p->names, v->array) : NULL;
    switch (v->op) {
    case AT_TILE_LET: {
        const char *right = v->count ? at_c_right_side(p, v->operands[0]) : NULL;
        at_c_line(p, "%s %s%s%s;", at_c_type(v->kind), name, right ? " = " : "",
                  right ? right : "");
        return;
    }
    case AT_TILE_SET: print_assignment(p, name, v->operands[0]); return;
    case AT_TILE_STORE: {
        const char *left = "value";
        if (!p->keeps_fault)
            left = at_format(p->s->arena, "%s[%s]", name,
                             at_c_value(p, v->operands[0], AT_C_CHOICE));
        if (p->keeps_fault || !at_c_rounds(p, v->array)) print_assignment(p, left, v->operands[1]);
        else at_c_line(p, "%s = attend_given(%s);", left, at_c_right_side(p, v->operands[1]));
        return;
    }
    case AT_TILE_REQUIRE: {
        at_c_line(p, "if (!(%s)) {", at_c_value(p, v->operands[0], AT_C_CHOICE));
        p->indent++;
        const char *shown = at_c_value(p, v->operands[1], AT_C_CHOICE), *other = "0";
        if (v->count > 2) other = at_c_value(p, v->operands[2], AT_C_CHOICE);
        p->indent--;
        print_failure(p, new_fault(p, v->site, shown, other));
        return;
    }
    case AT_TILE_ATTEMPT: print_attempt(p, v); return;
    case AT_TILE_INHERIT: {
        const char *fault = at_format(p->s->arena, "%s[%s]", at_fault_name(&p->names, v->array),
                                      at_c_value(p, v->operands[0], AT_C_CHOICE));
        at_c_line(p, "if (%s.site != 0) {", fault);
        print_failure(p, fault);
        return;
    }
    default: return; /* a value: written where it is used */
    }
}

static void print_tiles(at_printer *p, const at_tiles *tiles);

static void print_block(at_printer *p, const at_tiles *tiles) {
    p->indent++;
    print_tiles(p, tiles);
    p->indent--;
}

static const at_value *store_of(const at_tile *element) {
    const at_tile *leaf = element->body.items[element->body.count - 1];
    return leaf->values[leaf->count - 1];
}

static void note_failure(void *user, const at_tile *tile, const at_value *value) {
    (void)tile;
    bool *fails = user;
    if (value && (value->op == AT_TILE_REQUIRE || value->op == AT_TILE_ATTEMPT ||
                  value->op == AT_TILE_INHERIT))
        *fails = true;
}

/* A needed element that may fail. */
static void print_needed(at_printer *p, const at_tile *tile) {
    p->label = at_c_name(&p->names, "failed");
    print_tiles(p, &tile->body);
    at_c_line(p, "%s:;", p->label);
    p->label = NULL;
}

/* An element whose failure is stored beside it. */
static void print_risky(at_printer *p, const at_tile *tile, bool fails) {
    const at_value *store = p->store;
    const char *name = at_array_name(&p->names, store->array);
    at_c_line(p, "const int64_t here = %s;", at_c_right_side(p, store->operands[0]));
    at_c_line(p, "struct attend_fault fault = {0, 0, 0};");
    at_c_line(p, "%s value = 0;", at_c_type(store->kind));
    p->label = at_c_name(&p->names, "failed");
    p->keeps_fault = true;
    print_tiles(p, &tile->body);
    p->keeps_fault = false;
    if (fails) at_c_line(p, "%s:", p->label); /* one that nothing jumps to would be warned of */
    p->label = NULL;
    at_c_line(p, at_c_rounds(p, store->array) ? "%s[here] = attend_given(value);"
                                              : "%s[here] = value;", name);
    at_c_line(p, "%s[here] = fault;", at_fault_name(&p->names, store->array));
}

static void print_element(at_printer *p, const at_tile *tile) {
    bool fails = false;
    p->store = store_of(tile);
    at_tiles_walk(&tile->body, note_failure, &fails);
    if (at_is_fallible(p->program, p->store->array)) print_risky(p, tile, fails);
    else if (fails) print_needed(p, tile);
    else print_tiles(p, &tile->body);
}

static void print_tile(at_printer *p, const at_tile *tile) {
    switch (tile->tag) {
    case AT_TILE_LEAF:
        for (int i = 0; i < tile->count; i++) print_effect(p, tile->values[i]);
        return;
    case AT_TILE_FOR: {
        const char *i = at_axis_name(&p->names, tile->axis);
        at_c_line(p, "for (int64_t %s = 0; %s < %s; %s++) {", i, i,
                  at_size_name(&p->names, tile->axis), i);
        break;
    }
    case AT_TILE_IF:
        at_c_line(p, "if (%s) {", at_c_value(p, tile->condition, AT_C_CHOICE));
        break;
    case AT_TILE_ELEMENT:
        print_element(p, tile);
        return;
    }
    print_block(p, &tile->body);
    if (tile->otherwise.count) {
        at_c_line(p, "} else {");
        print_block(p, &tile->otherwise);
    }
    at_c_line(p, "}");
}

static void print_tiles(at_printer *p, const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        /* A table's elements stand side by side: each with names of its own. */
        bool block = tile->tag == AT_TILE_ELEMENT && tiles->count > 1 &&
                     at_is_fallible(p->program, store_of(tile)->array);
        if (block) at_c_line(p, "{");
        p->indent += block;
        print_tile(p, tile);
        p->indent -= block;
        if (block) at_c_line(p, "}");
    }
}

/* ---- the function -------------------------------------------------------------------------- */

static void print_array(const at_array *array, at_axis *const *axes, at_text *out) {
    at_ir_print_name(array->name, out);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(out, "%s%s", i ? "," : "[", axes[i]->name);
    if (array->rank) at_text_add(out, "]");
}

static void print_part(const char *operation, const at_part *part, at_text *out) {
    at_text_addf(out, "%s[", operation);
    for (int i = 0; i < part->count; i++)
        at_text_addf(out, "%s%s%s", i ? "," : "", part->bound[i]->name,
                     part->down && part->down[i] ? " down" : "");
    if (part->guard) {
        at_text_add(out, " where ");
        at_ir_print_expr(part->guard, out);
    }
    at_text_add(out, "](");
    at_ir_print_expr(part->body, out);
    at_text_add(out, ")");
}

static void print_right_side(const at_statement *st, at_text *out) {
    switch (st->tag) {
    case AT_EQUATION: at_ir_print_expr(st->u.value, out); return;
    case AT_NEXT: at_ir_print_expr(st->u.next.value, out); return;
    case AT_KEEPING:
        for (int i = 0; i < st->u.keeping.count; i++) {
            if (i) at_text_add(out, ", ");
            print_part(at_fold_info(st->u.keeping.fold)->text, &st->u.keeping.parts[i], out);
        }
        return;
    case AT_TOPK: print_part("topk", &st->u.topk, out); return;
    case AT_DRAWING:
        at_text_addf(out, "%s(", at_draw_info(st->u.drawing.draw)->text);
        for (int i = 0; i < at_draw_info(st->u.drawing.draw)->parameters; i++) {
            if (i) at_text_add(out, ", ");
            at_ir_print_expr(st->u.drawing.args[i], out);
        }
        at_text_add(out, ")");
        return;
    case AT_ASSERT:
        at_ir_print_expr(st->u.assertion.left, out);
        at_text_addf(out, " %s ", at_op_info(st->u.assertion.op)->text);
        at_ir_print_expr(st->u.assertion.right, out);
        return;
    default: at_text_add(out, "table(...)");
    }
}

/* A statement as it stands in the program, on one line. */
static void print_statement(const at_pass *pass, at_text *out) {
    const at_statement *st = pass->statement;
    if (st->tag == AT_NEXT) {
        at_text_add(out, "next ");
        print_array(st->target, st->u.next.axes, out);
    }
    for (int i = 0; i < pass->target_count && st->tag != AT_NEXT && st->tag != AT_ASSERT; i++) {
        if (i) at_text_add(out, ", ");
        print_array(pass->targets[i], pass->targets[i]->axes, out);
    }
    if (st->tag != AT_ASSERT) at_text_add(out, st->tag == AT_DRAWING ? " ~ " : " = ");
    print_right_side(st, out);
}

static void print_head(at_printer *p, const at_tile_nest *nest, const char *name) {
    const at_pass *pass = nest->nest->pass;
    const at_axis **axes = AT_NEW_ARRAY(p->s->arena, const at_axis *, pass->fixed_count);
    int count = at_nest_arguments(p->s, nest, axes);
    at_text_add(p->out, "\n/* ");
    size_t begin = p->out->length;
    print_statement(pass, p->out);
    at_c_comment(p->out, begin);
    at_text_add(p->out, "\n * ");
    at_cost_print(&pass->flops, p->out);
    at_text_addf(p->out, " flops */\nstatic void %s(const struct attend_frame *frame", name);
    for (int i = 0; i < count; i++)
        at_text_addf(p->out, ", int64_t %s", at_axis_name(&p->names, axes[i]));
    at_text_add(p->out, ") {\n");
}

void at_emit_nest(at_session *s, const at_tile_program *program, const at_tile_nest *nest,
                  const char *name, const at_emit_options *options, at_text *out) {
    const at_plan *plan = program->loops->plan;
    const at_pass *pass = nest->nest->pass;
    at_printer p = {.s = s, .out = out, .names = {s, {0}, {0}}, .program = program->loops,
                    .type = options->type, .indent = 1};
    uses u = uses_of(s, plan, &nest->body);
    for (int i = 0; i < pass->target_count; i++)
        if (at_is_fallible(program->loops, pass->targets[i])) u.faults[pass->targets[i]->id] = true;
    print_head(&p, nest, name);
    print_uses(&p, plan, &u, pass);
    print_tiles(&p, &nest->body);
    at_text_add(out, "}\n");
}
