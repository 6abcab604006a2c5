/* One pass as one C function: what it uses of the run under names of its own, then the loops.
 *
 * An element that may fail computes `value` and jumps behind its computation when it fails. The
 * value is stored either way, and the fault beside it; that of an output's element is recorded, if
 * it is the first so far, and the loops go on: what is told in the end does not depend on their
 * order. */
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
        if (tile->tag == AT_TILE_PRODUCT) {
            at_tiles_walk(&tile->product->setup, visit, user);
            at_tiles_walk(&tile->product->range, visit, user);
            at_tiles_walk(&tile->product->pack[0], visit, user);
            at_tiles_walk(&tile->product->pack[1], visit, user);
        }
        at_tiles_walk(&tile->body, visit, user);
        at_tiles_walk(&tile->otherwise, visit, user);
    }
}

/* ---- what a pass uses ---------------------------------------------------------------------- */

typedef struct {
    bool *axes, *arrays, *faults; /* by id: the extent, the elements, the faults */
    const char *key;              /* the path of its draws, or NULL */
} uses;

static void note_use(void *user, const at_tile *tile, const at_value *value) {
    uses *u = user;
    if (tile && tile->tag == AT_TILE_FOR && !tile->high) u->axes[tile->axis->id] = true;
    if (tile && tile->tag == AT_TILE_PRODUCT) {
        const at_loop_product *product = tile->product->loop;
        for (int i = 0; i < product->batch_count; i++) u->axes[product->batch[i]->id] = true;
        for (int i = 0; i < 2; i++) {
            const at_loop_factor *factor = &product->factors[i];
            if (factor->array) u->arrays[factor->array->id] = true;
            if (factor->finite) u->arrays[factor->finite->id] = true;
        }
    }
    if (!value) return;
    switch (value->op) {
    case AT_TILE_SIZE: u->axes[value->axis->id] = true; break;
    case AT_TILE_LOAD:
    case AT_TILE_LOAD_WHERE:
    case AT_TILE_STORE:
        if (value->array->id >= 0) u->arrays[value->array->id] = true;
        break;
    case AT_TILE_INHERIT:
        if (value->array->id >= 0) u->faults[value->array->id] = true;
        break;
    case AT_TILE_DRAW:
        u->key = value->draw->path;
        break;
    default: break;
    }
}

static uses uses_of(at_session *s, const at_plan *plan, const at_tile_nest *nest) {
    int axes = plan->axis_count, arrays = plan->array_count;
    uses u = {AT_NEW_ARRAY(s->arena, bool, axes), AT_NEW_ARRAY(s->arena, bool, arrays),
              AT_NEW_ARRAY(s->arena, bool, arrays), NULL};
    at_tiles_walk(&nest->body, note_use, &u);
    at_tiles_walk(&nest->hopeful, note_use, &u);
    return u;
}

typedef struct {
    int count;
    const at_axis **axes; /* of regions, then those that a scan was taken apart along, or a group */
    bool *used;           /* by position */
} arguments;

static void note_index(arguments *a, const at_value *value) {
    for (int i = 0; value->op == AT_TILE_INDEX && i < a->count; i++)
        a->used[i] |= a->axes[i] == value->axis;
}

static void note_argument(void *user, const at_tile *tile, const at_value *value) {
    if (value) note_index(user, value);
    if (!tile || tile->tag != AT_TILE_FOR || !tile->block) return;
    note_index(user, tile->low);
    note_index(user, tile->high);
}

int at_nest_argument_room(const at_nest *nest) {
    const at_group *group = nest->pass->group;
    return nest->pass->fixed_count + nest->apart_count + (group ? group->single_count + 2 : 0);
}

int at_nest_arguments(at_session *s, const at_tile_nest *nest, const at_axis **axes) {
    const at_pass *pass = nest->nest->pass;
    const at_group *group = pass->group;
    int most = at_nest_argument_room(nest->nest), count = 0;
    arguments a = {0, AT_NEW_ARRAY(s->arena, const at_axis *, most),
                   AT_NEW_ARRAY(s->arena, bool, most)};
    for (int i = 0; i < pass->fixed_count; i++) a.axes[a.count++] = pass->fixed[i];
    for (int i = 0; i < nest->nest->apart_count; i++) a.axes[a.count++] = nest->nest->apart[i];
    for (int i = 0; group && i < group->single_count; i++) a.axes[a.count++] = group->single[i];
    if (group) a.axes[a.count++] = group->first;
    if (group) a.axes[a.count++] = group->end;
    at_tiles_walk(&nest->body, note_argument, &a);
    at_tiles_walk(&nest->hopeful, note_argument, &a);
    for (int i = 0; i < most; i++)
        if (a.used[i]) axes[count++] = a.axes[i];
    return count;
}

bool at_is_target(const at_pass *pass, const at_array *array) {
    for (int i = 0; i < pass->target_count; i++)
        if (pass->targets[i] == array) return true;
    return false;
}

static void print_uses(at_printer *p, const at_plan *plan, const uses *u, const at_pass *pass) {
    for (int i = 0; i < plan->axis_count; i++)
        if (u->axes[i])
            at_c_line(p, "const int64_t %s = frame->extents[%d];",
                      at_size_name(&p->names, plan->axes[i]), i);
    for (int i = 0; i < plan->array_count; i++) {
        const at_array *array = plan->arrays[i];
        const char *constant = at_is_target(pass, array) ? "" : "const ";
        int place = plan->place_of[i];
        if (u->arrays[i])
            at_c_line(p, "%s%s *restrict %s = frame->arrays[%d];", constant,
                      at_c_storage(&plan->places[place], p->type),
                      at_array_name(&p->names, array), place);
    }
}

/* Faults of others are looked at where there are any, a nest's own are written. */
static void print_faults(at_printer *p, const at_plan *plan, const uses *u, const at_pass *pass) {
    for (int i = 0; i < plan->array_count; i++) {
        const at_array *array = plan->arrays[i];
        const char *form = at_is_target(pass, array)
                               ? "struct attend_fault *restrict %s = frame->faults[%d];"
                               : "const struct attend_fault *%s = attend_faults(frame, %d);";
        if (u->faults[i])
            at_c_line(p, form, at_fault_name(&p->names, array), plan->place_of[i]);
    }
}

/* ---- statements ---------------------------------------------------------------------------- */

static void print_block(at_printer *p, const at_tiles *tiles) {
    p->indent++;
    at_c_tiles(p, tiles);
    p->indent--;
}

static const at_value *store_of(const at_tile *element) {
    const at_tile *leaf = element->body.items[element->body.count - 1];
    return leaf->values[leaf->count - 1];
}

/* Whether a failure in these gets out of them. */
static bool may_fail(const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; tile->tag == AT_TILE_LEAF && k < tile->count; k++) {
            at_tile_op op = tile->values[k]->op;
            if (op == AT_TILE_REQUIRE || op == AT_TILE_ATTEMPT || op == AT_TILE_INHERIT ||
                op == AT_TILE_CHECK)
                return true;
        }
        if (tile->tag == AT_TILE_TRY || tile->tag == AT_TILE_ELEMENT) continue;
        if (may_fail(&tile->body) || may_fail(&tile->otherwise)) return true;
    }
    return false;
}

/* Whether an element makes variables of C. */
static bool has_names(const at_printer *p, const at_tile *tile) {
    const at_loop_program *loops = p->program->loops;
    const at_tile *first = tile->body.items[0];
    return tile->body.count > 1 || may_fail(&tile->body) ||
           at_is_fallible(loops, store_of(tile)->array) || first->values[0]->op == AT_TILE_LET;
}

static void print_element(at_printer *p, const at_tile *tile) {
    const at_value *store = store_of(tile);
    const at_loop_program *loops = p->program->loops;
    bool fails = may_fail(&tile->body), keeps = at_is_fallible(loops, store->array);
    if (p->hopeful || (!fails && !keeps)) {
        if (fails) p->label = at_c_name(&p->names, "skipped");
        at_c_tiles(p, &tile->body);
        if (fails) at_c_line(p, "%s:;", p->label);
        return;
    }
    const char *name = at_array_name(&p->names, store->array);
    at_c_line(p, "const int64_t here = %s;", at_c_right_side(p, store->operands[0]));
    at_c_line(p, "struct attend_fault fault = {0, 0, 0};");
    at_c_line(p, "%s value = 0;", at_c_type(store->kind));
    p->store = store;
    p->label = at_c_name(&p->names, "failed");
    p->fault = "fault";
    at_c_tiles(p, &tile->body);
    if (fails) at_c_line(p, "%s:", p->label); /* one that nothing jumps to would be warned of */
    p->store = NULL;
    at_c_line(p, at_c_rounds(p, store->array) ? "%s[here] = attend_given(value);"
                                              : "%s[here] = value;", name);
    if (keeps) {
        at_c_line(p, "%s[here] = fault;", at_fault_name(&p->names, store->array));
        at_c_line(p, "if (fault.site != 0) attend_note(&any_fault);");
    } else
        at_c_line(p, "if (fault.site != 0) attend_fail(frame, fault, %d, here);",
                  loops->plan->place_of[store->array->id]);
}

/* Body, unless there is a fault already; what fails in it becomes the fault. */
static void print_try(at_printer *p, const at_tile *tile) {
    const char *label = p->label, *fault = p->fault;
    p->label = at_c_name(&p->names, "stopped");
    p->fault = at_array_name(&p->names, tile->fault);
    at_c_line(p, "if (%s.site == 0) {", p->fault);
    print_block(p, &tile->body);
    at_c_line(p, "}");
    at_c_line(p, "%s:;", p->label);
    p->label = label;
    p->fault = fault;
}

static void print_for(at_printer *p, const at_tile *tile) {
    const char *i = at_axis_name(&p->names, tile->axis);
    const char *low = tile->low ? at_c_value(p, tile->low, AT_C_SUM) : "0";
    const char *high = tile->high ? at_c_value(p, tile->high, AT_C_SUM)
                                  : at_size_name(&p->names, tile->axis);
    if (tile->down)
        at_c_line(p, "for (int64_t %s = %s - 1; %s >= %s; %s--) {", i, high, i, low, i);
    else
        at_c_line(p, "for (int64_t %s = %s; %s < %s; %s++) {", i, low, i, high, i);
}

static bool depends_on_copy(const at_printer *p, const at_value *v) {
    if (v->op == AT_TILE_GET || (v->op == AT_TILE_INDEX && v->axis == p->rows)) return true;
    bool depends = v->lanes != AT_LANES_SAME;
    for (int i = 0; i < v->count; i++) depends |= depends_on_copy(p, v->operands[i]);
    return depends;
}

static bool uses_scratch(const at_tiles *tiles, bool shared) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        for (int k = 0; k < tile->count; k++) {
            const at_value *v = tile->values[k];
            if (v->op == AT_TILE_SORT || (v->array && at_is_scratch(v->array))) return true;
        }
        if (tile->parallel && !shared) continue;
        if (uses_scratch(&tile->body, shared) || uses_scratch(&tile->otherwise, shared))
            return true;
    }
    return false;
}

static void print_scratch(at_printer *p) {
    const at_nest *nest = p->nest->nest;
    for (int i = 0; i < nest->scratch_count; i++) {
        const at_array *scratch = nest->scratch[i];
        if (at_is_panels(scratch)) continue; /* of products: each thread asks for its own */
        const char *type = scratch->kind == AT_BOOL ? "unsigned char" : at_c_type(scratch->kind);
        at_c_line(p, "%s *restrict %s = attend_scratch(frame, %d);", type,
                  at_array_name(&p->names, scratch), p->first_scratch + i);
    }
}

static void print_tile(at_printer *p, const at_tile *tile);

/* A loop whose rounds threads share out. Each has what a thread needs for itself. */
static void print_shared(at_printer *p, const at_tile *tile) {
    bool flushes = p->type != AT_TYPE_F64, scratch = uses_scratch(&tile->body, true);
    bool own = flushes || scratch;
    const char *loop = at_c_shared_loop(p, tile), *region = p->team ? "" : at_c_shared_region(p);
    p->shares = true;
    if (p->team) {
        if (scratch) {
            at_c_line(p, "{");
            p->indent++;
            print_scratch(p);
        }
        at_c_line(p, "#pragma omp for %s nowait", loop);
        print_tile(p, tile);
        if (scratch) {
            p->indent--;
            at_c_line(p, "}");
        }
        p->shares = false;
        return;
    }
    if (!own) {
        at_c_line(p, "#pragma omp parallel for %s %s", loop, region);
        print_tile(p, tile);
        p->shares = false;
        return;
    }
    at_c_line(p, "#pragma omp parallel %s", region);
    at_c_line(p, "{");
    p->indent++;
    if (flushes) at_c_line(p, "const unsigned flush = attend_flush_begin();");
    if (scratch) print_scratch(p);
    at_c_line(p, "#pragma omp for %s", loop);
    print_tile(p, tile);
    if (flushes) at_c_line(p, "attend_flush_end(flush);");
    p->indent--;
    at_c_line(p, "}");
    p->shares = false;
}

static bool shares(const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++)
        if (tiles->items[i]->parallel || shares(&tiles->items[i]->body) ||
            shares(&tiles->items[i]->otherwise))
            return true;
    return false;
}

static void print_tile(at_printer *p, const at_tile *tile) {
    if (tile->tag == AT_TILE_IF && p->copies > 1 && depends_on_copy(p, tile->condition)) {
        int copies = p->copies;
        p->copies = 1;
        for (int i = 0; i < copies; i++) {
            p->copy = i;
            print_tile(p, tile);
        }
        p->copy = 0;
        p->copies = copies;
        return;
    }
    switch (tile->tag) {
    case AT_TILE_LEAF:
        for (int i = 0; i < tile->count; i++) at_c_effect(p, tile->values[i]);
        return;
    case AT_TILE_FOR:
        if (tile->parallel && !p->shares) {
            print_shared(p, tile);
            return;
        }
        if (tile->rows) {
            at_c_row_loop(p, tile, at_c_tiles);
            return;
        }
        if (tile->lanes) {
            at_c_lane_loop(p, tile, at_c_tiles);
            return;
        }
        print_for(p, tile);
        break;
    case AT_TILE_IF:
        if (tile->condition->lanes != AT_LANES_SAME) {
            at_c_lane_condition(p, tile, at_c_tiles);
            return;
        }
        at_c_line(p, "if (%s) {", at_c_value(p, tile->condition, AT_C_CHOICE));
        break;
    case AT_TILE_TRY: print_try(p, tile); return;
    case AT_TILE_ELEMENT: print_element(p, tile); return;
    case AT_TILE_PRODUCT: at_c_product(p, tile); return;
    }
    print_block(p, &tile->body);
    if (tile->otherwise.count) {
        at_c_line(p, "} else {");
        print_block(p, &tile->otherwise);
    }
    at_c_line(p, "}");
}

void at_c_tiles(at_printer *p, const at_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        /* A table's elements stand side by side: each with names of its own. */
        bool block = tile->tag == AT_TILE_ELEMENT && tiles->count > 1 && has_names(p, tile);
        if (block) at_c_line(p, "{");
        p->indent += block;
        print_tile(p, tile);
        p->indent -= block;
        if (block) at_c_line(p, "}");
    }
}

int at_scratch_number(const at_nest *nest, const at_array *scratch) {
    int number = 0;
    while (number < nest->scratch_count && nest->scratch[number] != scratch) number++;
    return number;
}

/* ---- the function -------------------------------------------------------------------------- */

static void print_head(at_printer *p, const at_tile_nest *nest, const char *name) {
    const at_pass *pass = nest->nest->pass;
    at_text_add(p->out, "\n/* ");
    size_t begin = p->out->length;
    at_pass_print(pass, p->out);
    at_c_comment(p->out, begin);
    at_text_add(p->out, "\n * ");
    at_cost_print(&pass->flops, p->out);
    at_text_add(p->out, " flops */");
    at_c_signature(p, nest, name);
}

/* " && " or " || " between the same question about every target with faults. */
static const char *ask_targets(at_printer *p, const char *between, const char *question) {
    const at_pass *pass = p->nest->nest->pass;
    const at_plan *plan = p->program->loops->plan;
    const char *text = "";
    for (int i = 0; i < pass->target_count; i++)
        if (at_is_fallible(p->program->loops, pass->targets[i]))
            text = at_format(p->s->arena, "%s%s%s(frame, %d)", text, *text ? between : "", question,
                             plan->place_of[pass->targets[i]->id]);
    return text;
}

/* The form that is computed where no fault is known of, and that is all where none is found. */
static void print_hopeful(at_printer *p) {
    const at_plan *plan = p->program->loops->plan;
    const char *text = ask_targets(p, " && ", "!attend_is_faulty");
    for (int i = 0; i < p->nest->clean_count; i++)
        if (!at_is_target(p->nest->nest->pass, p->nest->clean[i]))
            text = at_format(p->s->arena, "%s%s!attend_is_faulty(frame, %d)", text,
                             *text ? " && " : "", plan->place_of[p->nest->clean[i]->id]);
    if (*text) at_c_line(p, "if (%s) {", text);
    else at_c_line(p, "{");
    p->indent++;
    at_c_line(p, "bool any_fault = false;");
    const char *label = may_fail(&p->nest->hopeful) ? at_c_name(&p->names, "vain") : NULL;
    p->hopeful = true;
    p->label = label;
    at_c_tiles(p, &p->nest->hopeful);
    if (label) at_c_line(p, "%s:;", label);
    p->hopeful = false;
    p->label = NULL;
    at_c_line(p, "if (!any_fault) return;");
    p->indent--;
    at_c_line(p, "}");
}

/* The form that always works. Where it meets the first fault of an array, all others have to be
 * written too: it runs once more. */
static void print_body(at_printer *p, const uses *u) {
    const char *known = ask_targets(p, " && ", "attend_is_faulty");
    print_faults(p, p->program->loops->plan, u, p->nest->nest->pass);
    if (uses_scratch(&p->nest->body, false)) print_scratch(p);
    if (!*known) {
        at_c_tiles(p, &p->nest->body);
        return;
    }
    at_c_line(p, "for (bool again = true; again;) {");
    p->indent++;
    at_c_line(p, "const bool known = %s;", known);
    at_c_line(p, "bool any_fault = false;");
    at_c_tiles(p, &p->nest->body);
    at_c_line(p, "again = any_fault && !known;");
    at_c_line(p, "if (again) {");
    p->indent++;
    const at_pass *pass = p->nest->nest->pass;
    for (int i = 0; i < pass->target_count; i++)
        if (at_is_fallible(p->program->loops, pass->targets[i]))
            at_c_line(p, "attend_spoil(frame, %d);",
                      p->program->loops->plan->place_of[pass->targets[i]->id]);
    p->indent--;
    at_c_line(p, "}");
    p->indent--;
    at_c_line(p, "}");
}

void at_emit_nest(at_session *s, const at_tile_program *program, const at_tile_nest *nest,
                  const char *name, int first_scratch, const at_emit_options *options,
                  at_text *out) {
    const at_plan *plan = program->loops->plan;
    const at_pass *pass = nest->nest->pass;
    at_printer p = {.s = s, .out = out, .names = {s, {0}, {0}}, .program = program,
                    .type = options->type, .indent = 1, .nest = nest,
                    .first_scratch = first_scratch};
    uses u = uses_of(s, plan, nest);
    for (int i = 0; i < pass->target_count; i++)
        if (at_is_fallible(program->loops, pass->targets[i])) u.faults[pass->targets[i]->id] = true;
    if (shares(&nest->body) || shares(&nest->hopeful)) at_c_shared_sizes(&nest->work, u.axes);
    p.team = !nest->nest->fallible && !nest->hopeful.count && !pass->group &&
             at_is_for_a_team(&nest->body);
    const char *own = p.team ? at_share_name(s, name) : name;
    print_head(&p, nest, own);
    print_uses(&p, plan, &u, pass);
    if (u.key)
        at_c_line(&p, "const uint64_t draw_key = attend_draw_key(frame->call->seed, "
                  "frame->call->run, \"%s\");", u.key);
    if (nest->hopeful.count) print_hopeful(&p);
    print_body(&p, &u);
    at_text_add(out, "}\n");
    if (p.team) at_c_team(&p, nest, name, own);
}
