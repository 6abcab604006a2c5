/* A program from choices: a few functions, each of which may call those before it, and main. */
#include "random.h"

#include <ctype.h>
#include <string.h>

/* ---- headers --------------------------------------------------------------------------------- */

/* The axes of an input: some that others have too, some of its own. */
static void input_axes(writer *w, array *a, int rank) {
    static const int sizes[] = {2, 3, 1, 5};
    for (; a->rank < rank; a->rank++) {
        const axis *found[MOST_AXES];
        int count = 0;
        for (int i = 0; i < w->axis_count; i++) {
            bool taken = false;
            for (int k = 0; k < a->rank; k++) taken |= a->extents[k] == w->axes[i].extent;
            if (!taken) found[count++] = &w->axes[i];
        }
        bool another = w->axis_count < 4 && (!count || maybe(w->c, 35));
        if (!count && !another) break;
        const axis *x = another ? NULL : found[choose(w->c, count)];
        if (another) {
            int size = w->is_main ? sizes[choose(w->c, 4)] : -1;
            int extent = new_extent(w, w->is_main ? size : LONGEST, -1, false);
            x = add_axis(w, new_axis_name(w), extent, false);
            if (w->is_main)
                w->program->sizes[w->program->size_count++] = (at_known_size){x->name, size};
        }
        a->extents[a->rank] = x->extent;
        a->axes[a->rank] = x->name;
    }
}

static const char *with_axes(writer *w, const array *a) {
    const char *text = "";
    for (int i = 0; i < a->rank; i++) text = made(w, "%s%s%s", text, i ? "," : "", a->axes[i]);
    return a->rank ? made(w, "%s[%s]", a->name, text) : a->name;
}

static array *new_input(writer *w, at_kind kind, int rank) {
    array *a = add_array(w, new_array_name(w), kind, 0, NULL);
    a->role = IS_INPUT;
    input_axes(w, a, rank);
    if (kind == AT_INT && w->is_main) a->high = 3;
    w->f->input_count++;
    return a;
}

static const char *inputs(writer *w, const function *like) {
    const char *text = "";
    int most = like ? like->input_count : 1 + choose(w->c, w->is_main ? MOST_INPUTS : 3);
    for (int i = 0; i < most; i++) {
        static const int weights[] = {70, 10, 10, 10};
        int sort = i == 0 ? 0 : choose_weighted(w->c, weights, 4);
        const char *kind = "";
        array *a;
        if (like) {
            a = AT_NEW(w->arena, array);
            *a = *like->inputs[i];
            w->f->input_count++;
            w->arrays[w->array_count++] = a;
            kind = a->inside >= 0       ? made(w, ": index %s", axis_of(w, a->inside)->name)
                   : a->kind == AT_INT  ? ": int"
                   : a->kind == AT_BOOL ? ": bool"
                                        : "";
        } else if (sort == 2 && w->axis_count) {
            const axis *v = &w->axes[choose(w->c, w->axis_count)];
            int inside = v->extent;
            kind = made(w, ": index %s", v->name);
            a = new_input(w, AT_INT, 1 + choose(w->c, 2));
            a->inside = inside;
        } else {
            static const at_kind kinds[] = {AT_REAL, AT_INT, AT_REAL, AT_BOOL};
            kind = sort == 1 ? ": int" : sort == 3 ? ": bool" : maybe(w->c, 3) ? ": real" : "";
            a = new_input(w, kinds[sort], i == 0 ? 1 + choose(w->c, 3) : choose(w->c, 4));
        }
        /* The signature stays as it is, whatever the body defines again. */
        w->f->inputs[i] = at_copy(w->arena, a, sizeof *a);
        text = made(w, "%s%s%s%s", text, i ? ", " : "", with_axes(w, a), kind);
    }
    w->f->open = w->extent_count;
    return text;
}

/* ---- options --------------------------------------------------------------------------------- */

static const char *value_option(writer *w, option *o) {
    static const char *const names[] = {"width", "scale", "causal"};
    static const at_kind kinds[] = {AT_INT, AT_REAL, AT_BOOL};
    int k = choose(w->c, 3);
    o->form = OPTION_VALUE;
    o->kind = kinds[k];
    o->name = made(w, "%s%d", names[k], w->option_names++);
    w->scalars[w->scalar_count++] = (scalar){.name = o->name,
                                             .kind = o->kind,
                                             .high = o->kind == AT_BOOL ? 1 : 4,
                                             .extent = -1,
                                             .constant = true};
    if (k == 0) return made(w, "%s = %d", o->name, 1 + choose(w->c, 4));
    if (k == 1) return made(w, "%s = %s", o->name, maybe(w->c, 50) ? "0.5" : "1 / sqrt(2)");
    return made(w, "%s = %s", o->name, maybe(w->c, 50) ? "true" : "false");
}

static const char *function_option(writer *w, option *o) {
    static const char *const names[] = {"score", "rank_of", "mask"};
    static const at_kind kinds[] = {AT_REAL, AT_INT, AT_BOOL};
    static const int weights[] = {35, 10, 55};
    int k = choose_weighted(w->c, weights, 3), arrays = w->array_count;
    o->form = OPTION_FUNCTION;
    o->kind = kinds[k];
    o->name = made(w, "%s%d", names[k], w->option_names++);
    const char *list = "";
    if (k == 0) {
        o->names[0] = made(w, "e%d", w->option_names++);
        o->kinds[o->count++] = AT_REAL;
    }
    for (int more = choose(w->c, 3); (more > 0 || !o->count) && o->count < 3; more--) {
        const axis *a = &w->axes[choose(w->c, w->axis_count)];
        bool taken = false;
        for (int i = 0; i < o->count; i++) taken |= named(o->names[i], a->name);
        if (taken) break;
        o->names[o->count] = a->name;
        o->kinds[o->count] = AT_INT;
        o->extents[o->count++] = maybe(w->c, 65) ? a->extent : -1;
    }
    for (int i = 0; i < o->count; i++) list = made(w, "%s%s%s", list, i ? "," : "", o->names[i]);
    int none[64];
    for (int i = 0; i < 64; i++) none[i] = -1;
    w->array_count = 0; /* a default reads no arrays */
    w->fuel = 6;
    const char *value = an_option_value(w, o, none);
    w->array_count = arrays;
    return made(w, "%s(%s) = %s", o->name, list, value);
}

static const char *arrays_option(writer *w, option *o) {
    const function *found[MOST_FUNCTIONS];
    int count = 0;
    for (int i = 0; i < w->function_count; i++)
        if (w->functions[i]->tidy && !w->functions[i]->has_next) found[count++] = w->functions[i];
    if (!count) return NULL;
    o->form = OPTION_ARRAYS;
    o->standard = found[choose(w->c, count)];
    o->name = made(w, "inner%d", w->option_names++);
    w->f->weight += o->standard->weight;
    return made(w, "%s = %s", o->name, o->standard->name);
}

static const char *options(writer *w) {
    static const int weights[] = {40, 40, 20};
    const char *text = "";
    while (w->f->option_count < MOST_OPTIONS - 1 && maybe(w->c, 45)) {
        option *o = AT_NEW(w->arena, option);
        const char *one = NULL;
        switch (choose_weighted(w->c, weights, 3)) {
        case 0: one = value_option(w, o); break;
        case 1: one = w->axis_count ? function_option(w, o) : NULL; break;
        default: one = arrays_option(w, o); break;
        }
        if (!one) continue;
        w->f->options[w->f->option_count++] = o;
        text = made(w, "%s%s%s", text, *text ? ", " : "; ", one);
    }
    return text;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* y = f(x; depth = depth - 1) behind an `if` that ends it. */
static void call_itself(writer *w) {
    array *y = equation(w, new_array_name(w), AT_REAL, w->f->inputs[0]->rank,
                        w->f->inputs[0]->extents);
    if (!y) return;
    const char *list = y->name;
    for (int i = 1; i < w->f->input_count; i++) {
        const array *input = w->f->inputs[i];
        list = made(w, "%s, %s", list, input->name);
        for (int k = 0; k < w->array_count; k++) /* it may mean something else by now */
            if (named(w->arrays[k]->name, input->name) && w->arrays[k]->role != IS_INPUT) return;
    }
    mark(w, FEATURE_CALL_ITSELF);
    line(w, "if depth > 0 {");
    line(w, "  %s = %s(%s; depth = depth - 1)", y->name, w->f->name, list);
    line(w, "}");
    y->high = 16;
    w->f->weight *= 3;
    w->f->outputs[w->f->output_count++] = *y;
}

/* The outputs of one that can be passed for another: of the same extents and kinds. */
static bool like_another(writer *w, const function *like) {
    for (int i = 0; i < like->output_count; i++) {
        const array *o = &like->outputs[i];
        array *a = equation(w, new_array_name(w), o->kind, o->rank, o->extents);
        if (!a) return false;
        a->high = limit_of(a->kind);
        w->f->outputs[w->f->output_count++] = *a;
    }
    return true;
}

static bool can_be_output(const writer *w, const array *a) {
    if (a->role != IS_DEFINED || a->hidden || !a->written || a->rank > 4) return false;
    for (int i = 0; i < a->rank; i++) {
        const known_extent *e = &w->f->extents[a->extents[i]];
        if (e->of_round || (!w->is_main && (e->empty || e->high > LONGEST))) return false;
    }
    return true;
}

static void choose_outputs(writer *w) {
    int most = w->is_main ? MOST_OUTPUTS : 2;
    for (int i = w->array_count - 1; i >= 0 && w->f->output_count < most; i--) {
        array *a = w->arrays[i];
        if (!can_be_output(w, a)) continue;
        if (w->f->output_count > 0 && !maybe(w->c, w->is_main ? 55 : 25)) continue;
        w->f->outputs[w->f->output_count++] = *a;
    }
    if (w->f->output_count) return;
    const char *name = new_array_name(w);
    w->fuel = 24;
    piece p = tamed(w, expression(w, AT_REAL, 2), 16);
    line(w, "%s = %s", name, p.text);
    w->f->outputs[w->f->output_count++] = *add_array(w, name, AT_REAL, 0, NULL);
}

static const char *outputs(writer *w) {
    const char *text = "";
    w->f->tidy = true;
    for (int i = 0; i < w->f->output_count; i++) {
        const array *a = &w->f->outputs[i];
        bool all = a->rank > 0 && !a->reshaped; /* every equation of it must fit the header */
        for (int k = 0; k < a->rank; k++) {
            all &= a->axes[k] != NULL;
            w->f->tidy &= a->extents[k] < w->f->open;
        }
        bool shown = all && maybe(w->c, 60);
        text = made(w, "%s%s%s", text, i ? ", " : "", shown ? with_axes(w, a) : a->name);
    }
    return text;
}

/* ---- functions ------------------------------------------------------------------------------- */

static void begin_function(writer *w, const char *name, bool is_main) {
    w->f = AT_NEW(w->arena, function);
    w->f->name = name;
    w->f->weight = 2;
    w->is_main = is_main;
    w->out = (at_text){0};
    w->indent = 1;
    w->extent_count = w->axis_count = w->array_count = w->scalar_count = w->step_count = 0;
    w->blocks = w->repeats = w->repeat_base = w->unsure = w->later_count = 0;
    w->rounds_unknown = false;
    w->array_names = w->axis_names = w->option_names = w->words = w->shared_count = 0;
}

/* A body that is one equation of its output can stand behind the header. */
static bool is_short(writer *w) {
    const char *end = w->out.data ? strchr(w->out.data, '\n') : NULL;
    if (!end || end[1] || w->f->output_count != 1 || strchr(w->out.data, '#')) return false;
    const array *a = &w->f->outputs[0];
    for (int i = 0; i < a->rank; i++)
        if (!a->axes[i]) return false;
    const char *left = made(w, "  %s = ", with_axes(w, a));
    return strncmp(w->out.data, left, strlen(left)) == 0 && maybe(w->c, 70);
}

static void write_function(writer *w, at_text *text, const char *name, bool is_main) {
    int span = span_begin(w->c, SPAN_FUNCTION);
    begin_function(w, name, is_main);
    const function *like = NULL;
    if (w->function_count && !is_main && maybe(w->c, 35))
        like = w->functions[w->function_count - 1];
    if (like && (!like->tidy || like->has_next)) like = NULL;
    if (like) { /* the same inputs, with the same names */
        for (int i = 0; i < like->open; i++) new_extent(w, LONGEST, -1, false);
        for (int i = 0; i < like->input_count; i++)
            for (int k = 0; k < like->inputs[i]->rank; k++)
                if (!find_axis(w, like->inputs[i]->axes[k]))
                    add_axis(w, like->inputs[i]->axes[k], like->inputs[i]->extents[k], false);
        w->array_names = w->axis_names = 12;
        w->words = 4;
    }
    const char *in = inputs(w, like), *given = options(w);
    bool itself = !is_main && !like && w->f->inputs[0]->kind == AT_REAL && maybe(w->c, 12);
    if (itself) {
        given = made(w, "%s%sdepth = %d", given, *given ? ", " : "; ", 1 + choose(w->c, 2));
        w->scalars[w->scalar_count++] = (scalar){
            .name = "depth", .kind = AT_INT, .high = 3, .extent = -1};
    }
    /* One at least, and a few more. */
    for (int i = 0; i < (is_main ? 9 : 4) && (i == 0 || maybe(w->c, is_main ? 80 : 60)); i++) {
        statement(w, 2);
        w->f->weight++;
    }
    if (itself) call_itself(w);
    if (like && !like_another(w, like)) w->f->output_count = 0;
    if (!w->f->output_count) choose_outputs(w);
    const char *out = outputs(w);
    if (maybe(w->c, 10)) at_text_addf(text, "## What %s does.\n", name);
    if (is_short(w)) {
        mark(w, FEATURE_SHORT);
        at_text_addf(text, "fn %s(%s%s) -> %s\n", name, in, given, w->out.data + 2);
    } else {
        at_text_addf(text, "fn %s(%s%s) -> %s {\n%s}\n\n", name, in, given, out,
                     w->out.data ? w->out.data : "");
    }
    if (is_main && maybe(w->c, 40))
        for (int i = 0; i < w->f->option_count; i++)
            if (w->f->options[i]->form == OPTION_VALUE && w->f->options[i]->kind == AT_INT) {
                mark(w, FEATURE_SET);
                w->program->set_name = w->f->options[i]->name;
                w->program->set_value = made(w, "%d", 1 + choose(w->c, 4));
            }
    at_text_free(&w->out);
    if (!is_main) w->functions[w->function_count++] = w->f;
    span_end(w->c, span);
}

/* The same program in another layout: inside of brackets a line may end anywhere. */
static char *laid_out(writer *w, const char *text, uint64_t seed) {
    at_text out = {0};
    int open = 0;
    for (const char *at = text; *at; at++) {
        if (strchr("([", *at)) open++;
        if (strchr(")]", *at)) open--;
        uint64_t draw = mixed(seed + (uint64_t)(at - text)) % 40;
        at_text_add_n(&out, at, 1);
        if (*at == ' ' && open && draw == 0) at_text_add(&out, "\n     ");
        else if (*at == ' ' && at > text && at[-1] != '\n' && draw < 3) at_text_add(&out, "  ");
        else if (*at == '\n' && !open && draw < 4) at_text_add(&out, "\n");
    }
    char *copy = at_copy_text(w->arena, out.data ? out.data : "", out.length);
    at_text_free(&out);
    return copy;
}

void generate(choices *c, at_arena *arena, int wild_percent, random_program *program) {
    static const char *const names[] = {"mix", "cell", "block", "norm"};
    writer *w = AT_NEW(arena, writer);
    *program = (random_program){0};
    *w = (writer){.c = c, .arena = arena, .program = program};
    program->style = choose(c, 3);
    program->training = maybe(c, 25);
    program->wild = w->wild = maybe(c, wild_percent);
    program->data = (uint64_t)choose(c, 1 << 16);
    bool other_layout = maybe(c, 15);
    if (program->training) mark(w, FEATURE_TRAINING);
    if (program->wild) mark(w, FEATURE_WILD);
    at_text text = {0};
    for (int i = 0; i < 4 && maybe(c, 60); i++) write_function(w, &text, names[i], false);
    write_function(w, &text, "main", true);
    program->text = at_copy_text(arena, text.data, text.length);
    if (other_layout) program->text = laid_out(w, program->text, program->data);
    at_text_free(&text);
}
