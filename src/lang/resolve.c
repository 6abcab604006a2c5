/* From a tree to a cascade: the frame of the main function, its inputs and options, its body, its
 * outputs. What the other files of the resolver add while statements are resolved is put together
 * here. */
#include "lang/resolve_int.h"

#include <string.h>

/* ---- inputs ---------------------------------------------------------------------------------- */

static bool declare_input(at_resolver *r, at_frame *frame, const at_target *input) {
    at_axis **axes = AT_NEW_ARRAY(r->s->arena, at_axis *, input->count);
    for (int i = 0; i < input->count; i++) {
        at_entity *entity = at_lookup(r, frame, input->axes[i]);
        if (entity && entity->tag != AT_N_AXIS) {
            at_resolve_error(r, frame, AT_E_NAME_TAKEN, input->axis_spans[i],
                             "`%s` is an input and cannot be an axis too", input->axes[i]);
            return false;
        }
        for (int k = 0; k < i; k++)
            if (strcmp(input->axes[i], input->axes[k]) == 0) {
                at_diag *diag = at_resolve_error(r, frame, AT_E_AXIS_TWICE, input->axis_spans[i],
                                                 "the axis `%s` stands twice in `%s`",
                                                 input->axes[i], input->name);
                at_hint(r->s, diag,
                        "give the second its own name, and if they must be equally long: "
                        "require size(%s) == size(…)",
                        input->axes[i]);
                return false;
            }
        if (!entity) {
            entity = at_define(r, frame, AT_N_AXIS, input->axes[i], input->axis_spans[i]);
            entity->axis = at_axis_new(r, input->axes[i], NULL, NULL, false, input->axis_spans[i]);
        }
        axes[i] = entity->axis;
    }
    if (at_lookup(r, frame, input->name)) {
        at_resolve_error(r, frame, AT_E_NAME_TAKEN, input->span, "`%s` is an axis and cannot be an "
                         "input too", input->name);
        return false;
    }
    at_array *array = at_frame_array(r, frame, input->name, AT_INPUT,
                                     input->has_kind ? input->kind : AT_REAL, axes, input->count,
                                     input->span);
    at_entity *entity = at_define(r, frame, AT_N_ARRAY, input->name, input->span);
    entity->view = at_view_whole(r, array);
    at_start start = {.array = array, .draw = -1};
    AT_PUSH(r->s->arena, r->inputs, r->input_count, r->input_capacity, start);
    return true;
}

/* `index v` may name an axis of a later input, so after all of them. */
static bool finish_input(at_resolver *r, at_frame *frame, const at_target *input, at_start *start) {
    if (!input->inside) return true;
    at_entity *axis = at_lookup(r, frame, input->inside);
    if (!axis || axis->tag != AT_N_AXIS) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_INSIDE, input->kind_span,
                                         "`%s` is no axis of an input", input->inside);
        at_hint(r->s, diag, "`index v` needs an input that carries the axis v");
        return false;
    }
    start->array->inside = axis->axis;
    return true;
}

/* A law's draw may use options, so after these. */
static bool draw_input(at_resolver *r, at_frame *frame, const at_target *input, at_start *start) {
    if (!input->draw) return true;
    at_scope scope = at_scope_of(frame, input->name);
    return at_bind_left(r, &scope, input, NULL, 0) &&
           at_resolve_start(r, &scope, input->name, input->draw, true, start->array->kind, start);
}

/* ---- options set from outside ---------------------------------------------------------------- */

static bool set_options(at_resolver *r, at_frame *frame) {
    const at_resolve_options *o = r->options;
    for (int i = 0; i < o->set_count; i++) {
        /* What was typed has a line of its own, so that a message shows it and nothing else. */
        const char *text = at_format(r->s->arena, "fn set() -> y = f(;\n%s = %s\n)\n",
                                     o->set_names[i], o->set_values[i]);
        const char *shown =
            at_format(r->s->arena, "--set %s=%s", o->set_names[i], o->set_values[i]);
        const at_source *source = at_make_source(r->s, shown, text, strlen(text));
        const at_file_tree *tree = source ? at_parse(r->s, source) : NULL;
        if (!tree || tree->count != 1) return false;
        const at_tree *call = tree->items[0]->body.items[0]->value;
        if (!call || call->tag != AT_T_CALL || call->option_count != 1) {
            at_diag *diag =
                at_error(r->s, AT_E_OPTION_SHAPE, at_no_span(), "%s is not one option", shown);
            at_hint(r->s, diag, "each option has a --set of its own: --set heads=4 --set scale=1");
            return false;
        }
        /* As in a call that gives this option alone. */
        at_definition one = *frame->definition, *kept = AT_NEW(r->s->arena, at_definition);
        int n = 0;
        at_bind *declared = AT_NEW_ARRAY(r->s->arena, at_bind, one.option_count);
        for (int k = 0; k < one.option_count; k++)
            if (strcmp(one.options[k].name, call->options[0].name) == 0)
                declared[n++] = one.options[k];
        if (n) {
            one.options = declared;
            one.option_count = n;
        }
        *kept = one;
        const at_definition *whole = frame->definition;
        frame->definition = kept;
        at_scope scope = at_scope_of(frame, "set");
        bool good = at_bind_options(r, frame, &scope, call);
        frame->definition = whole;
        if (!good) return false;
    }
    return true;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static bool fixed_name(const at_array *array) {
    return array->role == AT_INPUT || array->role == AT_PARAM || array->role == AT_STATE;
}

/* Makes `name` the name of `array` and of those that share its name; what had it takes theirs. */
static void exchange_names(at_resolver *r, const at_array *array, const char *name) {
    const char *old = array->name;
    for (int i = 0; i < r->array_count; i++) {
        at_array *a = r->arrays[i];
        if (fixed_name(a)) continue;
        const char *other = strcmp(a->name, old) == 0    ? name
                            : strcmp(a->name, name) == 0 ? old
                                                         : NULL;
        if (!other) continue;
        /* The path says by what rounds its draws differ. */
        bool rounds = strstr(a->path, "[]") && !strstr(other, "[]");
        if (strcmp(a->path, a->name) == 0 && !rounds) a->path = other;
        a->name = other;
    }
}

static bool is_drawn(const at_statement *const *statements, int count, const at_array *array) {
    for (int i = 0; i < count; i++) {
        const at_statement *st = statements[i];
        if (st->tag == AT_DRAWING && st->target == array) return true;
        const at_block *body = st->tag == AT_SCAN     ? &st->u.scan.body
                               : st->tag == AT_REPEAT ? &st->u.repeat.body
                                                      : NULL;
        if (body && is_drawn((const at_statement *const *)body->items, body->count, array))
            return true;
    }
    return false;
}

/* An output's array has its axes in the declared order: a copy where a scan put them otherwise, or
 * where rounds are in the path by which it is drawn: that path must be its name. */
static at_array *in_order(at_resolver *r, const at_view *view, const at_target *declared) {
    bool same =
        !strchr(view->array->path, '[') ||
        !is_drawn((const at_statement *const *)r->block->items, r->block->count, view->array);
    for (int i = 0; i < view->array->rank; i++) same = same && view->hole[i] == i;
    if (same) return (at_array *)view->array;
    at_value v = at_value_read(r, view, declared->span);
    const at_expr **index = AT_NEW_ARRAY(r->s->arena, const at_expr *, v.rank);
    for (int i = 0; i < v.rank; i++) index[i] = at_index(r->s, view->axes[i], declared->span);
    at_array *array = at_array_new(r, declared->name, AT_DEFINED, view->array->kind, view->axes,
                                   v.rank, declared->span);
    array->cotangent = view->array->cotangent;
    at_add_statement(r, AT_EQUATION, array, declared->span)->u.value = at_value_at(r, &v, index);
    return array;
}

static bool take_output(at_resolver *r, at_frame *frame, const at_target *declared,
                        at_output *out) {
    at_entity *entity = at_lookup(r, frame, declared->name);
    if (entity && entity->tag == AT_N_BROKEN) return false;
    if (!entity || entity->tag != AT_N_ARRAY || !entity->own) {
        at_diag *diag = at_resolve_error(r, frame, AT_E_OUTPUT_MISSING, declared->span,
                                         "nothing defines the output `%s`", declared->name);
        at_hint(r->s, diag, "every output has an equation in the body: %s%s = …", declared->name,
                declared->count ? "[…]" : "");
        return false;
    }
    if (entity->view.rank != declared->count && declared->brackets) {
        at_diag *diag = at_resolve_error(
            r, frame, AT_E_LEFT_AXES, entity->span,
            "the output `%s` is declared with %d %s, but this gives it %d", declared->name,
            declared->count, declared->count == 1 ? "axis" : "axes", entity->view.rank);
        at_note(r->s, diag, declared->span, "declared here");
        return false;
    }
    for (int i = 0; i < declared->count; i++) {
        const at_entity *axis = at_lookup(r, frame, declared->axes[i]);
        if (!axis || axis->tag != AT_N_AXIS) continue;
        const char *what = at_format(r->s->arena, "the axis `%s`", declared->axes[i]);
        const char *here = at_format(r->s->arena, "axis %d of `%s`", i + 1, declared->name);
        if (!at_extent_agree(r, frame, axis->axis, axis->span, what, entity->view.axes[i],
                             entity->span, here))
            return false;
    }
    out->name = declared->name;
    out->array = in_order(r, &entity->view, declared);
    if (strcmp(out->array->name, declared->name) != 0)
        exchange_names(r, out->array, declared->name);
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A printed cascade is one function, where arrays and axes share one name space: an axis of a
 * called function gives way to an array of this name. */
static void part_names(at_resolver *r) {
    at_map taken = {0};
    for (int i = 0; i < r->array_count; i++)
        at_map_put(r->s->arena, &taken, r->arrays[i]->name, r->arrays[i]);
    for (int i = 0; i < r->axis_count; i++) {
        at_axis *axis = r->axes[i];
        if (!at_map_get(&taken, axis->name)) continue;
        const char *name = axis->name;
        int length = (int)strcspn(name, "'");
        for (int n = 2; at_map_get(&taken, name) || at_map_get(&r->axis_names, name); n++)
            name = at_format(r->s->arena, "%.*s'%d", length, axis->name, n);
        axis->name = name;
        at_map_put(r->s->arena, &r->axis_names, name, axis);
    }
}

static const at_cascade *assemble(at_resolver *r, const at_definition *d, const at_growing *body,
                                  at_output *outputs) {
    part_names(r);
    at_cascade *c = AT_NEW(r->s->arena, at_cascade);
    c->name = d->name;
    c->law = d->tag == AT_D_LAW;
    c->doc = d->doc;
    c->span = d->span;
    c->axis_count = r->axis_count;
    c->axes = r->axes;
    c->array_count = r->array_count;
    c->arrays = r->arrays;
    c->input_count = r->input_count;
    c->inputs = r->inputs;
    c->param_count = r->param_count;
    c->params = r->params;
    c->state_count = r->state_count;
    c->states = r->states;
    c->output_count = d->output_count;
    c->outputs = outputs;
    c->require_count = r->require_count;
    c->requires = r->requires;
    c->body = (at_block){body->count, body->items};
    at_free_declared(r, &c->body);
    return c;
}

/* ---- paths in files -------------------------------------------------------------------------- */

/* Of the brackets of a path, from the left: which are empty, as bits. */
static uint32_t empty_brackets(const char *path) {
    uint32_t empty = 0, bit = 1;
    for (; (path = strchr(path, '[')); path++, bit <<= 1)
        if (path[1] == ']') empty |= bit;
    return empty;
}

/* The path with what is in these brackets left out. */
static const char *without_numbers(at_session *s, const char *path, uint32_t brackets) {
    char *left = at_copy_text(s->arena, path, strlen(path)), *to = left;
    uint32_t bit = 1;
    while (*path) {
        bool open = *path == '[';
        *to++ = *path++;
        if (!open) continue;
        if (brackets & bit) path += strcspn(path, "]");
        bit <<= 1;
    }
    *to = 0;
    return left;
}

/* Whether two arrays, one with rounds where `one` says and one where `other` does, have one
 * path. */
static bool check_meeting(at_session *s, const at_start *starts, int count, uint32_t one,
                          uint32_t other) {
    at_map paths = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < count; i++) {
            at_array *array = starts[i].array;
            if (empty_brackets(array->path) != (pass ? other : one)) continue;
            const char *path = without_numbers(s, array->path, one | other);
            const at_array *known = pass ? at_map_get(&paths, path) : NULL;
            if (!pass) at_map_put(s->arena, &paths, path, array);
            if (!known) continue;
            at_diag *diag = at_error(s, AT_E_SHARED_ROUNDS, array->span,
                                     "`%s` and `%s` would be one in files, but are two here",
                                     known->path, array->path);
            at_hint(s, diag,
                    "one of these repeats is written out round by round, the other is not: use "
                    "another name after `as`");
            return false;
        }
    return true;
}

/* Calls that share by `as` have the same paths, unless the rounds of one repeat are written out and
 * those of the other are not: two arrays then, for one name in files. */
static bool check_paths(at_session *s, const at_start *starts, int count) {
    uint32_t *kinds = NULL;
    int kind_count = 0, kind_capacity = 0;
    for (int i = 0; i < count; i++) {
        uint32_t empty = empty_brackets(starts[i].array->path);
        bool known = false;
        for (int k = 0; k < kind_count && !known; k++) known = kinds[k] == empty;
        if (!known) AT_PUSH(s->arena, kinds, kind_count, kind_capacity, empty);
    }
    for (int i = 0; i < kind_count; i++)
        for (int k = 0; k < i; k++)
            if (!check_meeting(s, starts, count, kinds[k], kinds[i])) return false;
    return true;
}

const at_cascade *at_resolve(at_session *s, const at_program *program,
                             const at_resolve_options *options) {
    s->stage = "resolve";
    int errors = s->diag_count + s->diag_lost;
    const at_definition *d = at_program_find(s, program, options->function);
    if (!d) return NULL;
    at_growing body = {0};
    at_resolver resolver = {.s = s, .program = program, .options = options, .block = &body,
                            .errors = s->diag_count};
    at_resolver *r = &resolver;
    at_frame *frame = AT_NEW(s->arena, at_frame);
    *frame =
        (at_frame){.module = program->main, .definition = d, .path = "", .share = "", .rounds = ""};
    at_find_cotangents(r, frame);
    for (int i = 0; i < d->input_count; i++)
        if (!declare_input(r, frame, &d->inputs[i])) return NULL;
    for (int i = 0; i < d->input_count; i++)
        if (!finish_input(r, frame, &d->inputs[i], &r->inputs[i])) return NULL;
    if (!set_options(r, frame) || !at_bind_options(r, frame, NULL, NULL)) return NULL;
    for (int i = 0; i < d->input_count; i++)
        if (!draw_input(r, frame, &d->inputs[i], &r->inputs[i])) return NULL;
    bool good = at_resolve_block(r, frame, &d->body) && at_check_cotangents(r, frame);
    at_output *outputs = AT_NEW_ARRAY(s->arena, at_output, d->output_count);
    for (int i = 0; i < d->output_count; i++)
        if (!take_output(r, frame, &d->outputs[i], &outputs[i])) good = false;
    AT_ASSERT(s, good || r->repeated > 0 || s->diag_count + s->diag_lost > errors);
    if (!good || s->diag_count + s->diag_lost > errors) return NULL;
    if (!check_paths(s, r->params, r->param_count) || !check_paths(s, r->states, r->state_count))
        return NULL;
    const at_cascade *cascade = assemble(r, d, &body, outputs);
    at_ir_verify(s, cascade);
    return at_check_bounds(r, cascade) ? cascade : NULL;
}
