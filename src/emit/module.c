/* A program as a C file of its own: after the text of file.c, which is called through records, a
 * function with the program's own names as arguments, one that gives the bytes of its workspace,
 * and one that gives the message of a status; and a header that declares them for C and C++.
 *
 * What a caller gives is checked as far as compiled code relies on it: sizes, what the program
 * requires of them, indices and bools. A status stands for one sentence, so that no memory is
 * needed to tell what was wrong. */
#include "emit/module.h"
#include "emit/module_int.h"

#include <string.h>

/* ---- what the function takes ----------------------------------------------------------------- */

/* Words that an argument must not be called: the function's own, and those of C++. */
static const char *const taken_words[] = {
    "workspace",    "workspace_bytes",
    "threads",      "seed",
    "run",          "status",
    "extents",      "views",
    "failure",      "good",
    "alignas",      "alignof",
    "and",          "and_eq",
    "bitand",       "bitor",
    "catch",        "char16_t",
    "char32_t",     "class",
    "compl",        "concept",
    "const_cast",   "constexpr",
    "decltype",     "delete",
    "dynamic_cast", "explicit",
    "export",       "friend",
    "mutable",      "namespace",
    "new",          "noexcept",
    "not",          "not_eq",
    "nullptr",      "operator",
    "or",           "or_eq",
    "private",      "protected",
    "public",       "reinterpret_cast",
    "requires",     "static_assert",
    "static_cast",  "template",
    "this",         "thread_local",
    "throw",        "try",
    "typeid",       "typename",
    "using",        "virtual",
    "wchar_t",      "xor",
    "xor_eq",       "char8_t",
    "consteval",    "constinit",
    "co_await",     "co_return",
    "co_yield",     "size_t",
    "uint8_t",      "uint16_t",
};

static void add_argument(at_module *m, const at_array *array, const char *name, bool writes,
                         int place) {
    at_module_argument a = {array, at_c_name(&m->names, name), NULL, writes, place};
    a.strides = at_c_name(&m->names, at_format(m->s->arena, "%s_strides", a.name));
    AT_PUSH(m->s->arena, m->arguments, m->argument_count, m->argument_capacity, a);
}

/* Where what a state becomes is stored: that of the state when no statement writes it. */
static int place_of_next(const at_plan *plan, const at_array *state) {
    for (int i = 0; i < plan->place_count; i++)
        if (plan->places[i].next == state) return i;
    return plan->place_of[state->id];
}

static void collect_arguments(at_module *m) {
    const at_cascade *c = m->plan->cascade;
    const int *place_of = m->plan->place_of;
    for (int i = 0; i < c->input_count; i++)
        add_argument(m, c->inputs[i].array, c->inputs[i].array->name, false,
                     place_of[c->inputs[i].array->id]);
    for (int i = 0; i < c->param_count; i++)
        add_argument(m, c->params[i].array, c->params[i].array->path, false,
                     place_of[c->params[i].array->id]);
    for (int i = 0; i < c->state_count; i++)
        add_argument(m, c->states[i].array, c->states[i].array->path, false,
                     place_of[c->states[i].array->id]);
    for (int i = 0; i < c->output_count; i++)
        add_argument(m, c->outputs[i].array, c->outputs[i].name, true,
                     place_of[c->outputs[i].array->id]);
    for (int i = 0; i < c->state_count; i++) {
        const at_array *state = c->states[i].array;
        add_argument(m, state, at_format(m->s->arena, "%s_next", state->path), true,
                     place_of_next(m->plan, state));
    }
}

static bool note_draw(void *user, const at_statement *st) {
    bool *draws = user;
    *draws |= st->tag == AT_DRAWING;
    return true;
}

bool at_module_is_open(const at_axis *axis) { return !axis->like && !axis->extent && !axis->round; }

static const char *element_text(const at_module *m, const at_array *array) {
    if (array->kind == AT_INT) return "int64_t";
    if (array->kind == AT_BOOL) return "uint8_t";
    return m->type == AT_TYPE_F64 ? "double" : m->type == AT_TYPE_F32 ? "float" : "uint16_t";
}

static int element_bytes(const at_module *m, const at_array *array) {
    if (array->kind == AT_REAL) return (int)at_type_bytes(m->type);
    return array->kind == AT_INT ? 8 : 1;
}

/* One argument more of a list that breaks its lines. */
static void add_word(at_text *out, size_t *line, size_t indent, const char *word, bool first) {
    size_t length = strlen(word);
    if (!first) {
        at_text_add(out, ",");
        if (out->length - *line + length + 2 > 100) {
            at_text_add(out, "\n");
            *line = out->length;
            at_text_pad(out, ' ', (int)indent);
        } else {
            at_text_add(out, " ");
        }
    }
    at_text_add(out, word);
}

/* The declaration of a function, without what ends it. The workspace depends on sizes and strides;
 * a run takes all. */
static void print_head(at_module *m, bool runs, at_text *out) {
    at_session *s = m->s;
    size_t line = out->length;
    at_text_addf(out, runs ? "int %s(" : "size_t %s_workspace(", m->name);
    size_t indent = out->length - line;
    bool first = true;
    const at_cascade *c = m->plan->cascade;
    for (int i = 0; i < c->axis_count; i++) {
        if (!at_module_is_open(c->axes[i])) continue;
        add_word(out, &line, indent,
                 at_format(s->arena, "int64_t %s", at_size_name(&m->names, c->axes[i])), first);
        first = false;
    }
    for (int i = 0; i < m->argument_count; i++) {
        const at_module_argument *a = &m->arguments[i];
        if (runs)
            add_word(out, &line, indent,
                     at_format(s->arena, "%s%s *%s", a->writes ? "" : "const ",
                               element_text(m, a->array), a->name), first);
        first = first && !runs;
        if (a->array->rank == 0) continue;
        add_word(out, &line, indent, at_format(s->arena, "const int64_t *%s", a->strides), first);
        first = false;
    }
    if (runs) {
        add_word(out, &line, indent, "void *workspace", first);
        add_word(out, &line, indent, "size_t workspace_bytes", false);
        if (m->draws) {
            add_word(out, &line, indent, "uint64_t seed", false);
            add_word(out, &line, indent, "uint64_t run", false);
        }
    }
    add_word(out, &line, indent, "int threads", first && !runs);
    at_text_add(out, ")");
}

/* ---- statuses -------------------------------------------------------------------------------- */

int at_module_status(at_module *m, const char *text) {
    AT_PUSH(m->s->arena, m->statuses, m->status_count, m->status_capacity, text);
    return m->status_count - 1;
}

static const char *where(at_module *m, at_span span) {
    if (!span.source) return m->plan->cascade->name;
    int line, column;
    at_locate(span.source, span.begin, &line, &column);
    const char *slash = strrchr(span.source->name, '/');
    return at_format(m->s->arena, "%s:%d:%d", slash ? slash + 1 : span.source->name, line, column);
}

const char *at_module_quote(at_module *m, at_span span) {
    if (!span.source || !span.source->text || span.end <= span.begin) return "";
    char *text = at_copy_text(m->s->arena, span.source->text + span.begin, span.end - span.begin);
    text[strcspn(text, "\n")] = 0;
    return at_format(m->s->arena, ": `%s`", text);
}

const char *at_module_sentence(at_module *m, at_span span, at_code code) {
    return at_format(m->s->arena, "%s: %s%s", where(m, span), at_code_summary(code),
                     at_module_quote(m, span));
}

static at_code site_code(const at_loop_site *site) {
    const at_expr *e = site->expr;
    switch (site->tag) {
    case AT_SITE_OUTSIDE: return AT_E_RUN_OUTSIDE;
    case AT_SITE_EMPTY: return AT_E_RUN_EMPTY;
    default: break;
    }
    if (!e || e->tag != AT_MAP) return AT_E_RUN_OVERFLOW;
    if (e->u.map.op == AT_OP_IDIV || e->u.map.op == AT_OP_MOD) return AT_E_RUN_DIVISION;
    return e->u.map.op == AT_OP_IPOW ? AT_E_RUN_POWER : AT_E_RUN_OVERFLOW;
}

static void add_sites(at_module *m, const at_loop_program *loops) {
    m->first_site = m->status_count - 1; /* site 0 is none */
    for (int i = 1; i < loops->site_count; i++)
        at_module_status(m,
                         at_module_sentence(m, loops->sites[i].span, site_code(&loops->sites[i])));
}

static void print_string(at_text *out, const char *text) {
    at_text_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') at_text_addf(out, "\\%c", *text);
        else if (*text == '?') at_text_add(out, "\\?"); /* no trigraphs */
        else if ((unsigned char)*text < ' ') at_text_add(out, " ");
        else at_text_add_n(out, text, 1);
    }
    at_text_add(out, "\"");
}

static void print_message(at_module *m, at_text *out) {
    at_text_addf(out, "\nconst char *%s_message(int status) {\n"
                      "    static const char *const texts[] = {\n", m->name);
    for (int i = 0; i < m->status_count; i++) {
        at_text_add(out, "        ");
        print_string(out, m->statuses[i]);
        at_text_add(out, ",\n");
    }
    at_text_addf(out, "    };\n    if (status < 0 || status >= %d) return \"this is no status\";\n"
                      "    return texts[status];\n}\n", m->status_count);
}

/* ---- functions ------------------------------------------------------------------------------- */

/* Of each argument that compiled code writes where it lies: those that no other has the place
 * of. */
static bool is_direct(const at_module *m, int argument) {
    const at_module_argument *a = &m->arguments[argument];
    if (a->place < 0) return false;
    bool output = m->plan->places[a->place].use == AT_PLACE_OUTPUT;
    if (!a->writes || !output) return !a->writes;
    for (int i = 0; i < argument; i++)
        if (m->arguments[i].writes && m->arguments[i].place == a->place) return false;
    return true;
}

static const char *strides_text(const at_module_argument *a) {
    return a->array->rank ? a->strides : "NULL";
}

/* data: the names of the arrays are there, not only their strides. */
static void print_views(at_module *m, bool data, at_text *out) {
    int views = 0;
    while (views < m->plan->place_count && m->plan->places[views].use != AT_PLACE_WORK) views++;
    at_text_addf(out, "    const struct attend_view views[%d] = {\n", views + 1);
    for (int p = 0; p < views; p++)
        for (int i = 0; i < m->argument_count; i++) {
            const at_module_argument *a = &m->arguments[i];
            if (a->place != p || !is_direct(m, i)) continue;
            if (data) at_text_addf(out, "        {(void *)%s, %s},\n", a->name, strides_text(a));
            else at_text_addf(out, "        {NULL, %s},\n", strides_text(a));
            break;
        }
    at_text_add(out, "        {NULL, NULL},\n    };\n");
}

/* What is not among the views may not occur in the body: that must not be warned of. */
static void print_unused(at_module *m, bool data, at_text *out) {
    for (int i = 0; i < m->argument_count; i++) {
        const at_module_argument *a = &m->arguments[i];
        if (a->place >= 0 && is_direct(m, i)) continue;
        if (data) at_text_addf(out, "    (void)%s;\n", a->name);
        if (a->array->rank) at_text_addf(out, "    (void)%s;\n", a->strides);
    }
}

static void print_sizes_call(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    at_text_addf(out, "    int64_t extents[%d] = {0};\n    int status = %s_sizes(",
                 c->axis_count + 1, m->name);
    for (int i = 0; i < c->axis_count; i++)
        if (at_module_is_open(c->axes[i]))
            at_text_addf(out, "%s, ", at_size_name(&m->names, c->axes[i]));
    at_text_add(out, "extents);\n");
}

static void print_workspace(at_module *m, at_text *out) {
    at_text_add(out, "\n");
    print_head(m, false, out);
    at_text_add(out, " {\n");
    print_sizes_call(m, out);
    print_unused(m, false, out);
    at_text_add(out, "    if (status != 0) return SIZE_MAX;\n");
    print_views(m, false, out);
    at_text_add(
        out, "    const struct attend_call call = {\n"
             "        .extents = extents, .arrays = views, .threads = threads > 0 ? threads : 1};\n"
             "    return attend_workspace(&call);\n}\n");
}

/* A caller's array as the part `strided` takes it. */
static const char *strided_text(at_module *m, const at_module_argument *a) {
    const at_array *array = a->array;
    const char *extents = array->rank ? "(const int64_t[]){" : "NULL";
    for (int k = 0; k < array->rank; k++)
        extents = at_format(m->s->arena, "%s%sextents[%d]%s", extents, k ? ", " : "",
                            array->axes[k]->id, k + 1 == array->rank ? "}" : "");
    return at_format(m->s->arena, "&(struct attend_strided){(void *)%s, %d, %d, %s, %s}", a->name,
                     element_bytes(m, array), array->rank, extents, strides_text(a));
}

static void print_value_checks(at_module *m, at_text *out) {
    for (int i = 0; i < m->argument_count; i++) {
        const at_module_argument *a = &m->arguments[i];
        const at_array *array = a->array;
        bool index = array->kind == AT_INT && array->inside;
        if (a->writes || !(index || array->kind == AT_BOOL)) continue;
        int status = at_module_status(
            m, index ? at_format(m->s->arena, "`%s` holds an index that is outside of axis `%s`",
                                 array->name, array->inside->name)
                     : at_format(m->s->arena, "`%s` holds a bool that is neither 0 nor 1",
                                 array->name));
        at_text_addf(out, "    if (!attend_strided_inside(%s, ", strided_text(m, a));
        if (index) at_text_addf(out, "extents[%d]", array->inside->id);
        else at_text_add(out, "2");
        at_text_addf(out, "))\n        return %d;\n", status);
    }
}

/* Outputs that are an input as it came, or another output. */
static void print_copies(at_module *m, at_text *out) {
    for (int i = 0; i < m->argument_count; i++) {
        const at_module_argument *a = &m->arguments[i];
        if (!a->writes || is_direct(m, i)) continue;
        for (int k = 0; k < m->argument_count; k++) {
            const at_module_argument *from = &m->arguments[k];
            bool same = a->place >= 0 ? from->place == a->place && is_direct(m, k)
                                      : !from->writes && from->array == a->array;
            if (k == i || !same) continue;
            at_text_addf(out, "    attend_strided_copy(%s,\n                        %s);\n",
                         strided_text(m, from), strided_text(m, a));
            break;
        }
    }
}

static void print_run(at_module *m, at_text *out) {
    at_text_add(out, "\n");
    print_head(m, true, out);
    at_text_add(out, " {\n");
    print_sizes_call(m, out);
    print_unused(m, true, out);
    at_text_add(out, "    if (status != 0) return status;\n");
    print_value_checks(m, out);
    add_sites(m, m->loops);
    print_views(m, true, out);
    at_text_addf(out, "    struct attend_failure failure = {{0, 0, 0}, 0, 0};\n"
                      "    const struct attend_call call = {\n"
                      "        .extents = extents, .arrays = views, .workspace = workspace,\n"
                      "        .workspace_bytes = workspace_bytes, %s\n"
                      "        .threads = threads > 0 ? threads : 1, .failure = &failure};\n",
                 m->draws ? ".seed = seed, .run = run," : ".seed = 0, .run = 0,");
    at_text_addf(
        out,
        "    if ((uintptr_t)workspace %% 64 != 0 || attend_workspace(&call) > workspace_bytes)\n"
        "        return %d;\n",
        AT_MODULE_WORKSPACE);
    at_text_addf(out, "    if (attend_run(&call) != 0) return %d + (int)failure.fault.site;\n",
                 m->first_site);
    print_copies(m, out);
    at_text_add(out, "    return 0;\n}\n");
}

/* ---- the header ------------------------------------------------------------------------------ */

static void print_signature(at_module *m, at_text *out) {
    const at_cascade *c = m->plan->cascade;
    size_t begin = out->length;
    at_text_addf(out, "%s(", c->name);
    for (int i = 0; i < m->argument_count; i++) {
        const at_module_argument *a = &m->arguments[i];
        bool first_output = a->writes && (i == 0 || !m->arguments[i - 1].writes);
        at_text_add(out, first_output ? ") -> " : i ? ", " : "");
        at_text_add(out, a->name);
        for (int k = 0; k < a->array->rank; k++)
            at_text_addf(out, "%s%s", k ? "," : "[", a->array->axes[k]->name);
        if (a->array->rank) at_text_add(out, "]");
    }
    at_c_comment(out, begin);
}

static void print_declarations(at_module *m, at_text *out) {
    at_text_add(
        out,
        "/* The bytes that a run needs as its workspace; SIZE_MAX: sizes that are not allowed, or more\n"
        " * bytes than can be counted. Strides as for the run. */\n");
    print_head(m, false, out);
    at_text_add(out, ";\n\n/* ");
    print_signature(m, out);
    at_text_add(
        out,
        "\n *\n"
        " * Sizes are those of the axes that inputs have. Strides are one an axis, in elements, of any\n"
        " * sign (0 too for what is read); NULL for rows without gaps. An array that has gaps is copied\n"
        " * on the way. Outputs may share memory with nothing else. The workspace lies at a multiple of\n"
        " * 64 bytes. threads: from 1; results are the same for any number. Calls may run at the same\n"
        " * time, each with a workspace of its own. Nothing is allocated, printed or kept.\n"
        " * 0 when all outputs are computed; else a status, of which the next function gives the\n"
        " * message, and the outputs hold anything. */\n");
    print_head(m, true, out);
    at_text_addf(
        out,
        ";\n\n/* What a status means, as a sentence. */\nconst char *%s_message(int status);\n",
        m->name);
}

static void print_header(at_module *m, at_text *out) {
    at_text_add(out, "/* ");
    print_signature(m, out);
    at_text_addf(out, ", written by attend. */\n#ifndef attend_%s_h\n#define attend_%s_h\n\n"
                      "#include <stddef.h>\n#include <stdint.h>\n\n"
                      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", m->name, m->name);
    print_declarations(m, out);
    at_text_add(out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Names that nothing of the program's may have. */
static void reserve(at_module *m) {
    for (size_t i = 0; i < sizeof taken_words / sizeof *taken_words; i++)
        at_map_put(m->s->arena, &m->names.taken, taken_words[i], m);
    static const char *const endings[] = {"", "_workspace", "_message", "_sizes"};
    for (int i = 0; i < 4; i++)
        at_map_put(m->s->arena, &m->names.taken,
                   at_format(m->s->arena, "%s%s", m->name, endings[i]), m);
}

static void print_head_comment(at_module *m, const char *flags, at_text *out) {
    at_text_add(out, "/* ");
    print_signature(m, out);
    at_text_addf(
        out,
        "\n *\n * Stands alone: cc -std=c11 -O3 -fno-math-errno -fno-trapping-math -fopenmp%s%s "
        "-c %s.c\n"
        " * Without -fopenmp one thread does all. What is called, and how, is declared at the\n"
        " * end. */\n\n",
        *flags ? " " : "", flags, m->name);
}

bool at_emit_module(at_session *s, const at_tile_program *program, const at_module_options *options,
                    at_text *source, at_text *header) {
    s->stage = "emit";
    at_module m = {.s = s, .loops = program->loops, .plan = program->loops->plan,
                   .name = options->name, .type = options->type, .names = {s, {0}, {0}}};
    reserve(&m);
    collect_arguments(&m);
    at_walk_block(&m.plan->cascade->body, note_draw, &m.draws);
    at_module_status(&m, "all outputs are computed");
    at_module_status(&m, at_format(s->arena, "the workspace is smaller than %s_workspace says, or "
                                             "not at a multiple of 64 bytes", m.name));
    at_module_status(&m, "a size is negative, or longer than compiled code takes");
    print_head_comment(&m, options->flags, source);
    at_emit_options emit = {.type = m.type, .internal = true};
    at_emit_entry entry = {program, "attend"};
    at_emit_source(s, &entry, 1, &emit, source);
    /* What they need is in every file. */
    at_c_parts parts = {{0}};
    parts.needed[AT_C_PART_size] = parts.needed[AT_C_PART_strided] = true;
    at_c_parts_print(&parts, m.type, source);
    at_text_add(source, "\n");
    print_declarations(&m, source);
    if (!at_module_print_sizes(&m, source)) return false;
    print_workspace(&m, source);
    print_run(&m, source);
    print_message(&m, source);
    if (options->header) print_header(&m, header);
    return true;
}
