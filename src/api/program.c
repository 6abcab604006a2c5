/* From a text and options to a program that runs, and what callers may ask of it. */
#define _GNU_SOURCE
#include "api/api_int.h"

#include "grad/grad.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>


const char *attend_version(void) { return ATTEND_VERSION; }

/* ---- types ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t bytes;
    at_type type;
} types[] = {
    [ATTEND_F64] = {"f64", 8, AT_TYPE_F64},    [ATTEND_F32] = {"f32", 4, AT_TYPE_F32},
    [ATTEND_BF16] = {"bf16", 2, AT_TYPE_BF16}, [ATTEND_F16] = {"f16", 2, AT_TYPE_F16},
    [ATTEND_I64] = {"i64", 8, AT_TYPE_I64},    [ATTEND_BOOL] = {"bool", 1, AT_TYPE_BOOL},
};

static bool is_type(attend_type type) { return (int)type >= 0 && type <= ATTEND_BOOL; }

const char *attend_type_name(attend_type type) { return is_type(type) ? types[type].name : NULL; }

size_t attend_type_bytes(attend_type type) { return is_type(type) ? types[type].bytes : 0; }

at_type at_api_tensor_type(attend_type type) { return types[type].type; }

attend_type at_api_type(const attend_program *program, const at_array *array) {
    if (array->kind == AT_REAL) return program->type;
    return array->kind == AT_INT ? ATTEND_I64 : ATTEND_BOOL;
}

/* ---- compiling ------------------------------------------------------------------------------- */

enum { SESSION_MEGABYTES = 1024, MEGABYTE = 1 << 20 };

typedef struct {
    attend_program *program;
    const attend_options *options; /* never NULL */
    const char *path, *name, *text; /* path NULL: name and text */
    size_t length;
} compilation;

static bool ask_caller(void *user, const char *what, double share) {
    (void)what, (void)share;
    const attend_options *o = user;
    return o->progress(o->progress_user);
}

/* The caller's folders, then those of the environment and of the library's file. */
static const char *const *folders_of(at_session *s, const attend_options *o) {
    Dl_info info = {0};
    void *here;
    const char *(*function)(void) = attend_version;
    memcpy(&here, &function, sizeof here);
    const char *file = dladdr(here, &info) ? info.dli_fname : NULL;
    const char *const *came = at_module_folders(s, file, true);
    int count = 0;
    while (came[count]) count++;
    const char **all = AT_NEW_ARRAY(s->arena, const char *, o->folders.count + count + 1);
    for (int i = 0; i < o->folders.count; i++)
        all[i] = at_copy_text(s->arena, o->folders.items[i], strlen(o->folders.items[i]));
    for (int i = 0; i < count; i++) all[o->folders.count + i] = came[i];
    return all;
}

static at_resolve_options resolve_options(at_session *s, const attend_options *o,
                                          const char *const *folders) {
    at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, o->size_names.count + 1);
    for (int i = 0; i < o->size_names.count; i++) {
        const char *name = o->size_names.items[i];
        sizes[i] = (at_known_size){at_copy_text(s->arena, name, strlen(name)), o->sizes[i]};
    }
    return (at_resolve_options){
        .function = o->function,
        .size_count = o->size_names.count,
        .sizes = sizes,
        .set_count = o->set_names.count,
        .set_names = (const char *const *)o->set_names.items,
        .set_values = (const char *const *)o->set_values.items,
        .training = o->training,
        .library = folders,
    };
}

/* The function with those outputs only that cotangents will come for. */
static const at_cascade *with_cotangents(at_session *s, const at_cascade *c,
                                         const at_api_texts *names) {
    if (names->count == 0) return c;
    at_cascade *out = at_copy(s->arena, c, sizeof *c);
    out->outputs = AT_NEW_ARRAY(s->arena, at_output, names->count);
    out->output_count = 0;
    bool good = true;
    const char **known = AT_NEW_ARRAY(s->arena, const char *, c->output_count + 1);
    int count = 0;
    for (int i = 0; i < c->output_count; i++)
        if (c->outputs[i].array->kind == AT_REAL) known[count++] = c->outputs[i].name;
    for (int k = 0; k < names->count; k++) {
        bool found = false;
        for (int i = 0; i < count; i++) found |= strcmp(known[i], names->items[k]) == 0;
        if (found) continue;
        at_diag *diag = at_error(s, AT_E_API_USE, c->span,
                                 "`%s` has no output of reals `%s` that a cotangent could be of",
                                 c->name, names->items[k]);
        at_hint_near(s, diag, names->items[k], known, count);
        good = false;
    }
    for (int i = 0; i < c->output_count && good; i++)
        for (int k = 0; k < names->count; k++) {
            if (strcmp(c->outputs[i].name, names->items[k]) != 0) continue;
            out->outputs[out->output_count++] = c->outputs[i];
            break;
        }
    return good ? out : NULL;
}

static bool is_wanted(const at_api_texts *wanted, const char *name) {
    for (int i = 0; i < wanted->count; i++)
        if (strcmp(wanted->items[i], name) == 0) return true;
    return wanted->count == 0;
}

/* What each input and output of the derivative belongs to, in the order in which grad makes
 * them. */
static void note_belongings(attend_program *p, const at_cascade *f, const attend_options *o) {
    at_session *s = p->s;
    p->input_of = AT_NEW_ARRAY(s->arena, const char *, p->cascade->input_count + 1);
    p->output_of = AT_NEW_ARRAY(s->arena, const char *, p->cascade->output_count + 1);
    int at = f->input_count;
    for (int i = 0; i < f->output_count && at < p->cascade->input_count; i++)
        if (f->outputs[i].array->kind == AT_REAL) p->input_of[at++] = f->outputs[i].name;
    at = o->outputs ? f->output_count : 0;
    for (int i = 0; i < f->input_count + f->param_count && at < p->cascade->output_count; i++) {
        bool input = i < f->input_count;
        const at_array *array =
            input ? f->inputs[i].array : f->params[i - f->input_count].array;
        const char *name = input ? array->name : array->path;
        if (array->kind == AT_REAL && is_wanted(&o->wanted, name)) p->output_of[at++] = name;
    }
}

static bool derive(attend_program *p, const attend_options *o) {
    const at_cascade *f = with_cotangents(p->s, p->cascade, &o->cotangents);
    if (!f) return false;
    const char *const *wanted =
        o->wanted.count ? (const char *const *)o->wanted.items : NULL;
    p->cascade = at_derivative(p->s, f, wanted, o->outputs);
    if (!p->cascade) return false;
    note_belongings(p, f, o);
    return true;
}

static bool check_options(at_session *s, const attend_options *o) {
    if (o->failed) {
        at_error(s, AT_E_MEMORY, at_no_span(), "there was no memory to keep all options");
        return false;
    }
    if (!is_type(o->type) || types[o->type].type < AT_TYPE_F16) {
        at_error(s, AT_E_API_USE, at_no_span(),
                 "reals cannot be stored as %s: there are f64, f32, bf16 and f16",
                 is_type(o->type) ? types[o->type].name : "this type, which does not exist");
        return false;
    }
    if (o->gradient || (o->wanted.count == 0 && o->cotangents.count == 0)) return true;
    at_error(s, AT_E_API_USE, at_no_span(),
             "what is wanted of a gradient is said, but no gradient is asked for: call "
             "attend_options_gradient");
    return false;
}

static bool compile(void *user) {
    compilation *c = user;
    attend_program *p = c->program;
    at_session *s = p->s;
    const attend_options *o = c->options;
    if (!check_options(s, o)) return false;
    p->type = o->type;
    const at_source *source =
        c->path ? at_read_source(s, c->path) : at_make_source(s, c->name, c->text, c->length);
    if (!source) return false;
    const char *const *folders = folders_of(s, o);
    const at_program *program = at_load(s, source, folders);
    if (!program) return false;
    at_resolve_options resolve = resolve_options(s, o, folders);
    p->cascade = at_cascade_make(s, program, &resolve);
    if (!p->cascade || (o->gradient && !derive(p, o))) return false;
    at_compile_options options = {.type = types[o->type].type, .target = o->target};
    p->kernel = at_compile(s, p->cascade, &options, &p->source);
    if (!p->kernel) return false;
    p->plan = at_kernel_plan(p->kernel);
    p->cascade = p->plan->cascade;
    return true;
}

static void log_compiled(const attend_program *p, const attend_options *o, double seconds) {
    if (!o->log) return;
    at_text line = {0};
    at_text_addf(&line, "%s: compiled in %.3f s", p->cascade->name, seconds);
    if (line.data) o->log(o->log_user, line.data);
    at_text_free(&line);
}

static attend_program *compile_any(compilation *c, attend_error **error) {
    static const attend_options usual = {.type = ATTEND_F64};
    if (!c->options) c->options = &usual;
    attend_program *p = calloc(1, sizeof *p);
    if (p) p->s = at_session_new((size_t)SESSION_MEGABYTES * MEGABYTE);
    if (!p || !p->s) {
        free(p);
        at_api_misuse(error, AT_E_MEMORY, "there is no memory to compile");
        return NULL;
    }
    c->program = p;
    if (c->options->progress) {
        p->s->progress = ask_caller;
        p->s->progress_user = (void *)(uintptr_t)c->options;
    }
    double start = at_now();
    bool good = at_guarded(p->s, compile, c);
    p->s->progress = NULL;
    if (good) {
        log_compiled(p, c->options, at_now() - start);
        return p;
    }
    at_api_fail(p->s, error);
    attend_program_free(p);
    return NULL;
}

attend_program *attend_compile_file(const char *path, const attend_options *options,
                                    attend_error **error) {
    compilation c = {.options = options, .path = path};
    if (path) return compile_any(&c, error);
    at_api_misuse(error, AT_E_API_USE, "attend_compile_file: the path is NULL");
    return NULL;
}

attend_program *attend_compile_text(const char *name, const char *text, size_t length,
                                    const attend_options *options, attend_error **error) {
    compilation c = {.options = options, .name = name ? name : "program",
                     .text = text ? text : "", .length = text ? length : 0};
    return compile_any(&c, error);
}

void attend_program_free(attend_program *program) {
    if (!program) return;
    at_kernel_free(program->kernel);
    at_text_free(&program->source);
    at_session_free(program->s);
    free(program);
}

/* ---- what callers ask ------------------------------------------------------------------------ */

const char *attend_program_name(const attend_program *program) {
    return program ? program->cascade->name : NULL;
}

const char *attend_program_source(const attend_program *program) {
    return program ? program->source.data : NULL;
}

int attend_count(const attend_program *program, attend_role role) {
    if (!program) return 0;
    const at_cascade *c = program->cascade;
    switch (role) {
    case ATTEND_INPUT: return c->input_count;
    case ATTEND_PARAM: return c->param_count;
    case ATTEND_STATE:
    case ATTEND_NEXT: return c->state_count;
    case ATTEND_OUTPUT: return c->output_count;
    }
    return 0;
}

const at_array *at_api_array(const attend_program *program, attend_role role, int position) {
    if (position < 0 || position >= attend_count(program, role)) return NULL;
    const at_cascade *c = program->cascade;
    switch (role) {
    case ATTEND_INPUT: return c->inputs[position].array;
    case ATTEND_PARAM: return c->params[position].array;
    case ATTEND_STATE:
    case ATTEND_NEXT: return c->states[position].array;
    case ATTEND_OUTPUT: return c->outputs[position].array;
    }
    return NULL;
}

const char *attend_name(const attend_program *program, attend_role role, int position) {
    const at_array *array = at_api_array(program, role, position);
    if (!array) return NULL;
    if (role == ATTEND_OUTPUT) return program->cascade->outputs[position].name;
    return role == ATTEND_INPUT ? array->name : array->path;
}

int attend_find(const attend_program *program, attend_role role, const char *name) {
    for (int i = 0; name && i < attend_count(program, role); i++)
        if (strcmp(attend_name(program, role, i), name) == 0) return i;
    return -1;
}

attend_type attend_type_of(const attend_program *program, attend_role role, int position) {
    const at_array *array = at_api_array(program, role, position);
    return array ? at_api_type(program, array) : ATTEND_F64;
}

int attend_rank(const attend_program *program, attend_role role, int position) {
    const at_array *array = at_api_array(program, role, position);
    return array ? array->rank : 0;
}

const char *attend_axis(const attend_program *program, attend_role role, int position,
                        int dimension) {
    const at_array *array = at_api_array(program, role, position);
    return array && dimension >= 0 && dimension < array->rank ? array->axes[dimension]->name : NULL;
}

const char *attend_belongs(const attend_program *program, attend_role role, int position) {
    if (!at_api_array(program, role, position)) return NULL;
    if (role == ATTEND_INPUT && program->input_of) return program->input_of[position];
    if (role == ATTEND_OUTPUT && program->output_of) return program->output_of[position];
    return NULL;
}
