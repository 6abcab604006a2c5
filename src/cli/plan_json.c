/* A plan as JSON: numbers where extents are known, else formulas as text. */
#include "cli/plan_report.h"

static json_t *text_json(at_text *text) {
    json_t *out = json_string(text->data ? text->data : "");
    at_text_free(text);
    return out;
}

static json_t *array_json(const at_array *array) {
    at_text text = {0};
    at_plan_array_text(array, &text);
    return text_json(&text);
}

static json_t *amount_json(const at_plan_report *r, int64_t number, const at_cost *formula) {
    if (r->extents) return json_integer(number);
    at_text text = {0};
    at_cost_print(formula, &text);
    return text_json(&text);
}

static json_t *pass_json(const at_plan_report *r, int i) {
    const at_count *count = &r->counts[i];
    const at_pass *pass = r->plan->passes[i];
    at_text equation = {0};
    at_pass_print(pass, &equation);
    json_t *reads = json_array();
    for (int k = 0; k < count->read_count; k++)
        json_array_append_new(reads, array_json(count->reads[k].array));
    json_t *out = json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:b}",
                            "equation", text_json(&equation), "reads", reads,
                            "writes", array_json(pass->target),
                            "flops", amount_json(r, count->flops, &count->flops_formula),
                            "flops_at_most", count->at_most,
                            "bytes", amount_json(r, count->bytes, &count->bytes_formula),
                            "bytes_at_most", count->bytes_at_most);
    if (pass->region_count)
        json_object_set_new(out, "regions", json_string(at_plan_regions_text(r->s, pass)));
    if (pass->group) {
        json_t *single = json_array(), *group = NULL;
        for (int k = 0; k < pass->group->single_count; k++)
            json_array_append_new(single, json_string(pass->group->single[k]->name));
        group = json_pack("{s:i, s:o, s:s}", "number", pass->group->number + 1, "for_each", single,
                          "blocks_of", pass->group->along->name);
        if (r->extents)
            json_object_set_new(group, "rows", json_integer(r->rows[pass->group->number]));
        json_object_set_new(out, "group", group);
    }
    if (pass->domain) {
        at_text domain = {0};
        at_ir_print_expr(pass->domain, &domain);
        json_object_set_new(out, "only_where", text_json(&domain));
        if (r->extents) json_object_set_new(out, "elements", json_integer(count->written));
        at_tiles_found tiles;
        if (at_plan_tiles(r, pass, &tiles))
            json_object_set_new(out, "tiles",
                                json_pack("{s:i, s:I, s:I, s:I}", "size", AT_PLAN_TILE, "whole",
                                          (json_int_t)tiles.whole, "bordered",
                                          (json_int_t)tiles.bordered, "skipped",
                                          (json_int_t)tiles.skipped));
    }
    if (r->loops->nests[i].fallible)
        json_object_set_new(out, "elements_may_fail", json_true());
    if (!count->why) return out;
    at_text why = {0};
    at_ir_print_expr(count->why, &why);
    json_object_set_new(out, "data_decide", text_json(&why));
    return out;
}

static json_t *buffer_json(const at_plan_report *r, int i) {
    const at_array_place *place = &r->plan->places[i];
    const at_plan_buffer *buffer = &r->buffers[i];
    json_t *out = json_pack("{s:o, s:s, s:s, s:o}", "array", array_json(place->array),
                            "kind", at_kind_text(place->array->kind),
                            "use", at_plan_use_text(place),
                            "bytes", amount_json(r, buffer->bytes, &buffer->formula));
    if (place->use != AT_PLACE_WORK) return out;
    json_object_set_new(out, "first_pass", json_integer(buffer->first + 1));
    json_object_set_new(out, "last_pass", json_integer(buffer->last + 1));
    json_t *shared = json_array();
    for (int k = 0; k < buffer->shared_count; k++)
        json_array_append_new(shared, json_string(buffer->shared[k]->name));
    json_object_set_new(out, "shares_memory_with", shared);
    if (buffer->offset >= 0) json_object_set_new(out, "offset", json_integer(buffer->offset));
    return out;
}

/* Scans that leave out steps. */
static void add_steps(const at_plan_report *r, const at_plan_steps *steps, json_t *to) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        add_steps(r, &step->body, to);
        if (step->tag != AT_STEP_SCAN || (!step->from && !step->to)) continue;
        at_scan_steps told = at_scan_steps_count(r->s, r->plan, step, r->extents, r->rows);
        if (told.known)
            json_array_append_new(
                to, json_pack("{s:s, s:I, s:I, s:I, s:b}", "over",
                              step->statement->u.scan.axes[0]->name, "run", (json_int_t)told.run,
                              "skipped", (json_int_t)told.skipped, "bordered",
                              (json_int_t)told.bordered, "bordered_at_most",
                              told.bordered_at_most));
    }
}

json_t *at_plan_report_json(const at_plan_report *r) {
    const at_cascade *cascade = r->plan->cascade;
    json_t *passes = json_array(), *arrays = json_array(), *extents = json_object();
    for (int i = 0; i < r->plan->pass_count; i++) json_array_append_new(passes, pass_json(r, i));
    for (int i = 0; i < r->plan->place_count; i++) json_array_append_new(arrays, buffer_json(r, i));
    for (int i = 0; i < cascade->axis_count && r->extents; i++)
        json_object_set_new(extents, cascade->axes[i]->name, json_integer(r->extents[i]));
    json_t *kernel = json_pack("{s:s, s:o, s:o, s:o}", "name", cascade->name, "passes", passes,
                               "arrays", arrays, "workspace_bytes",
                               amount_json(r, r->workspace, &r->workspace_formula));
    json_t *steps = json_array();
    if (r->extents) add_steps(r, &r->plan->steps, steps);
    if (json_array_size(steps) > 0) json_object_set(kernel, "scans", steps);
    json_decref(steps);
    return json_pack("{s:s, s:s, s:o, s:[o], s:o, s:b, s:o, s:b}",
                     "function", cascade->name, "dtype", r->dtype, "extents", extents,
                     "kernels", kernel,
                     "flops", amount_json(r, r->total.flops, &r->total.flops_formula),
                     "flops_at_most", r->total.at_most,
                     "bytes", amount_json(r, r->total.bytes, &r->total.bytes_formula),
                     "bytes_at_most", r->total.bytes_at_most);
}
