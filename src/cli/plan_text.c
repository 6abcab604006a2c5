/* A plan for the eye: one paragraph a pass, one line an array, the totals; at most 100 columns. */
#include "cli/plan_report.h"

#include <inttypes.h>
#include <string.h>

enum { WIDTH = 100, INDENT = 6 };

/* The number of characters in UTF-8. */
static int width_of(const char *text, size_t length) {
    int width = 0;
    for (size_t i = 0; i < length; i++) width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

void at_plan_wrap(at_text *out, int column, int indent, const char *text) {
    bool first = true;
    while (*text) {
        size_t length = strcspn(text, " ");
        int width = width_of(text, length);
        if (!first && column + 1 + width > WIDTH) {
            at_text_add(out, "\n");
            at_text_pad(out, ' ', indent);
            column = indent;
        } else if (!first) {
            at_text_add(out, " ");
            column++;
        }
        at_text_add_n(out, text, length);
        column += width;
        first = false;
        text += length + (text[length] == ' ');
    }
    at_text_add(out, "\n");
}

/* 1234567 as 1,234,567. */
static void add_number(at_text *out, int64_t number) {
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    size_t length = strlen(digits);
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) at_text_add(out, ",");
        at_text_add_n(out, digits + i, 1);
    }
}

static void add_amount(const at_plan_report *r, int64_t number, const at_cost *formula,
                       bool at_most, const char *unit, at_text *out) {
    if (at_most) at_text_add(out, "at most ");
    if (r->extents && number == INT64_MAX) at_text_add(out, "more than 9.2e18");
    else if (r->extents) add_number(out, number);
    else at_cost_print(formula, out);
    at_text_addf(out, " %s", unit);
}

static void add_line(int indent, const char *head, at_text *line, at_text *out) {
    at_text_pad(out, ' ', indent);
    at_text_add(out, head);
    at_plan_wrap(out, indent + width_of(head, strlen(head)), INDENT + 2,
                 line->data ? line->data : "");
    at_text_free(line);
    *line = (at_text){0};
}

static int64_t elements_of(const at_plan_report *r, const at_array *array) {
    int64_t elements = 1;
    for (int i = 0; i < array->rank; i++)
        elements = at_count_times(elements, r->extents[array->axes[i]->id]);
    return elements;
}

/* Which elements are computed, and how many these are. */
static void add_domain(const at_plan_report *r, const at_pass *pass, const at_count *count,
                       at_text *line, at_text *out) {
    at_text_add(line, "only where ");
    at_ir_print_expr(pass->domain, line);
    if (r->extents) {
        at_text_addf(line, ": %s", count->written_at_most ? "at most " : "");
        add_number(line, count->written);
        at_text_add(line, " of ");
        add_number(line, elements_of(r, pass->target));
        at_text_add(line, " elements");
    }
    at_tiles_found tiles;
    if (at_plan_tiles(r, pass, &tiles)) {
        at_text_addf(line, "; of tiles of %d by %d ", AT_PLAN_TILE, AT_PLAN_TILE);
        add_number(line, tiles.whole);
        at_text_add(line, " whole, ");
        add_number(line, tiles.bordered);
        at_text_add(line, " on the border, ");
        add_number(line, tiles.skipped);
        at_text_add(line, " skipped");
    }
    add_line(INDENT, "", line, out);
}

static void add_pass(const at_plan_report *r, int i, at_text *out) {
    const at_count *count = &r->counts[i];
    const at_pass *pass = r->plan->passes[i];
    at_text line = {0};
    char head[16];
    at_text_add(out, "\n");
    at_pass_print(pass, &line);
    snprintf(head, sizeof head, "%4d  ", i + 1);
    add_line(0, head, &line, out);
    for (int k = 0; k < count->read_count; k++) {
        at_text_add(&line, k ? ", " : "reads ");
        at_plan_array_text(count->reads[k].array, &line);
    }
    at_text_add(&line, count->read_count ? "; writes " : "writes ");
    at_plan_array_text(pass->target, &line);
    if (pass->region_count)
        at_text_addf(&line, "; in %s", at_plan_regions_text(r->s, pass));
    add_line(INDENT, "", &line, out);
    if (pass->group) {
        at_text_add(&line, at_plan_group_text(r, pass));
        add_line(INDENT, "", &line, out);
    }
    if (pass->domain) add_domain(r, pass, count, &line, out);
    add_amount(r, count->flops, &count->flops_formula, count->at_most, "flops, ", &line);
    add_amount(r, count->bytes, &count->bytes_formula, count->bytes_at_most, "bytes", &line);
    if (count->at_most && r->extents) {
        at_text_add(&line, count->why ? "; data decide `" : "; too many indices to look at each");
        if (count->why) at_ir_print_expr(count->why, &line);
        if (count->why) at_text_add(&line, "`");
    }
    if (r->loops->nests[i].fallible && !r->loops->nests[i].needed)
        at_text_add(&line, "; less where elements fail that nothing needs");
    add_line(INDENT, "", &line, out);
}

static int longest_name(const at_plan_report *r) {
    int longest = 0;
    for (int i = 0; i < r->plan->place_count; i++) {
        at_text text = {0};
        at_plan_array_text(r->plan->places[i].array, &text);
        int width = text.data ? width_of(text.data, text.length) : 0;
        if (width > longest) longest = width;
        at_text_free(&text);
    }
    return longest < 40 ? longest : 40;
}

/* Of a history of which only the last steps are kept. */
static void add_window(const at_array_place *place, at_text *line) {
    for (int k = 0; k < place->array->rank; k++)
        if (at_place_is_block(place, k))
            at_text_addf(line, "; of %s a block, for each thread", place->array->axes[k]->name);
        else if (at_place_window(place, k))
            at_text_addf(line, "; of %s %s%lld", place->array->axes[k]->name,
                         place->tiles[k] ? "" : "the last ", (long long)place->slots[k]);
}

static void add_shared(const at_plan_buffer *buffer, at_text *line, at_text *out) {
    enum { NAMED = 6 };
    for (int k = 0; k < buffer->shared_count && k < NAMED; k++) {
        at_text_add(line, k ? ", " : "in memory that it shares with ");
        at_ir_print_name(buffer->shared[k]->name, line);
    }
    if (buffer->shared_count > NAMED)
        at_text_addf(line, " and %d more", buffer->shared_count - NAMED);
    if (buffer->shared_count) add_line(INDENT + 2, "", line, out);
}

static void add_arrays(const at_plan_report *r, at_text *out) {
    int longest = longest_name(r);
    at_text_add(out, "\narrays\n");
    for (int i = 0; i < r->plan->place_count; i++) {
        const at_array_place *place = &r->plan->places[i];
        const at_plan_buffer *buffer = &r->buffers[i];
        at_text name = {0}, line = {0};
        at_plan_array_text(place->array, &name);
        int width = name.data ? width_of(name.data, name.length) : 0;
        at_text_add_n(&line, name.data ? name.data : "", name.length);
        at_text_free(&name);
        at_text_pad(&line, ' ', longest > width ? longest - width : 0);
        at_text_addf(&line, "  %-4s  %-6s  ", at_kind_text(place->array->kind),
                     at_plan_use_text(place));
        add_amount(r, buffer->bytes, &buffer->formula, false, "bytes", &line);
        if (place->use == AT_PLACE_WORK) {
            at_text_addf(&line, ", passes %d to %d", buffer->first + 1, buffer->last + 1);
            add_window(place, &line);
        }
        at_text_pad(out, ' ', INDENT);
        at_text_add_n(out, line.data ? line.data : "", line.length);
        at_text_add(out, "\n");
        at_text_free(&line);
        add_shared(buffer, &line, out);
    }
}

static void add_head(const at_plan_report *r, at_text *out) {
    const at_cascade *cascade = r->plan->cascade;
    at_text line = {0};
    at_text_addf(&line, "1 kernel of %d pass%s, %s", r->plan->pass_count,
                 r->plan->pass_count == 1 ? "" : "es", r->dtype);
    bool first = true;
    for (int i = 0; i < cascade->axis_count && r->extents; i++) {
        const at_axis *axis = cascade->axes[i];
        if (axis->like || axis->round) continue;
        at_text_addf(&line, "%s%s=%" PRId64, first ? "; " : " ", axis->name, r->extents[i]);
        first = false;
    }
    add_line(0, at_format(r->s->arena, "%s: ", cascade->name), &line, out);
}

/* "3,120 of 4,096 run, 976 are skipped, 64 are on a border" */
static void add_steps(const at_plan_report *r, const at_plan_steps *steps, at_text *out) {
    for (int i = 0; i < steps->count; i++) {
        const at_plan_step *step = steps->items[i];
        add_steps(r, &step->body, out);
        if (step->tag != AT_STEP_SCAN || (!step->from && !step->to)) continue;
        at_scan_steps told = at_scan_steps_count(r->s, r->plan, step, r->extents, r->rows);
        at_text line = {0};
        if (!told.known) continue;
        at_text_addf(&line, "of scan %s: ", step->statement->u.scan.axes[0]->name);
        add_number(&line, told.run);
        at_text_add(&line, " of ");
        add_number(&line, told.run + told.skipped);
        at_text_add(&line, " steps run, ");
        add_number(&line, told.skipped);
        at_text_addf(&line, " are skipped, %s", told.bordered_at_most ? "at most " : "");
        add_number(&line, told.bordered);
        at_text_add(&line, " are on a border");
        add_line(INDENT, "", &line, out);
    }
}

void at_plan_report_text(const at_plan_report *r, at_text *out) {
    add_head(r, out);
    for (int i = 0; i < r->plan->pass_count; i++) add_pass(r, i, out);
    add_arrays(r, out);
    at_text line = {0};
    at_text_add(out, "\ntotal\n");
    if (r->extents) add_steps(r, &r->plan->steps, out);
    add_amount(r, r->total.flops, &r->total.flops_formula, r->total.at_most, "flops", &line);
    add_line(INDENT, "", &line, out);
    add_amount(r, r->total.bytes, &r->total.bytes_formula, r->total.bytes_at_most, "bytes moved",
               &line);
    add_line(INDENT, "", &line, out);
    add_amount(r, r->workspace, &r->workspace_formula, !r->extents, "bytes of workspace", &line);
    if (r->extents && r->threads > 1) at_text_addf(&line, " with %d threads", r->threads);
    add_line(INDENT, "", &line, out);
}
