/* A call: the caller's arrays, checked as they come, the extents that they have together, and how
 * params and states begin. run.c runs it. */
#define _DEFAULT_SOURCE
#include "api/api_int.h"

#include "ref/ref.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *at_api_role_text(attend_role role) {
    static const char *const words[] = {"input", "param", "state", "output", "next state"};
    return (int)role >= 0 && role < (int)AT_API_ROLES ? words[role] : "array";
}

static bool reads(attend_role role) { return role <= ATTEND_STATE; }

/* ---- making and setting ---------------------------------------------------------------------- */

attend_call *attend_call_new(const attend_program *program, attend_error **error) {
    if (!program) {
        at_api_misuse(error, AT_E_API_USE, "attend_call_new: the program is NULL");
        return NULL;
    }
    attend_call *c = calloc(1, sizeof *c);
    bool good = c != NULL;
    if (c) {
        c->program = program;
        c->threads = 1;
        for (int i = 0; i < program->plan->place_count; i++)
            c->view_count += program->plan->places[i].use != AT_PLACE_WORK;
        c->extents = calloc((size_t)program->cascade->axis_count + 1, sizeof *c->extents);
        c->views = calloc((size_t)c->view_count + 1, sizeof *c->views);
        c->landings = calloc((size_t)(program->cascade->output_count +
                                      program->cascade->state_count) + 1, sizeof *c->landings);
        good = c->extents && c->views && c->landings;
        for (int role = 0; role < AT_API_ROLES; role++) {
            size_t count = (size_t)attend_count(program, (attend_role)role);
            c->slots[role] = calloc(count + 1, sizeof(at_api_slot));
            good = good && c->slots[role];
        }
    }
    if (good) return c;
    attend_call_free(c);
    at_api_misuse(error, AT_E_MEMORY, "there is no memory for a call");
    return NULL;
}

void attend_call_free(attend_call *call) {
    if (!call) return;
    for (int role = 0; role < AT_API_ROLES; role++) free(call->slots[role]);
    free(call->extents);
    free(call->views);
    free(call->landings);
    free(call->own);
    free(call);
}

/* The array that is meant, or NULL after an error. */
static const at_array *find_array(const attend_call *call, attend_role role, int position,
                                  const char *function, attend_error **error) {
    if (!call) {
        at_api_misuse(error, AT_E_API_USE, "%s: the call is NULL", function);
        return NULL;
    }
    const at_array *array = at_api_array(call->program, role, position);
    if (!array)
        at_api_misuse(error, AT_E_API_USE, "%s: `%s` has %d %ss, and none at position %d", function,
                      attend_program_name(call->program), attend_count(call->program, role),
                      at_api_role_text(role), position);
    return array;
}

/* An array as it was given, as a view of it; false after an error. */
static bool take_view(const attend_program *program, const char *name, const at_array *array,
                      const attend_array *given, at_api_view *view,
                      attend_error **error) {
    attend_type type = at_api_type(program, array);
    if (!given)
        return at_api_misuse(error, AT_E_API_USE, "`%s`: no array is given (NULL)", name);
    if (given->type != type)
        return at_api_misuse(error, AT_E_API_ARRAY,
                             "`%s` is given as %s, and the program has it as %s", name,
                             attend_type_name(given->type) ? attend_type_name(given->type)
                                                           : "a type that does not exist",
                             attend_type_name(type));
    if (given->rank != array->rank)
        return at_api_misuse(error, AT_E_API_ARRAY, "`%s` has %d axes, and is given with %d", name,
                             array->rank, given->rank);
    if (given->rank && !given->extents)
        return at_api_misuse(error, AT_E_API_ARRAY, "`%s` is given without extents", name);
    *view = (at_api_view){.data = given->data, .bytes = attend_type_bytes(type),
                          .rank = array->rank};
    if (at_shape_count(given->extents, given->rank, view->bytes) < 0)
        return at_api_misuse(error, AT_E_API_ARRAY,
                             "`%s` is given with an extent that is negative, "
                             "or with more elements than memory can have",
                             name);
    int64_t stride = 1, count = 1;
    for (int i = given->rank - 1; i >= 0; i--) {
        view->extents[i] = given->extents[i];
        view->strides[i] = given->strides ? given->strides[i] : stride;
        stride *= given->extents[i] > 0 ? given->extents[i] : 1;
        count *= given->extents[i];
    }
    if (count > 0 && !given->data)
        return at_api_misuse(error, AT_E_API_ARRAY, "`%s` is given without memory (NULL)", name);
    if (count > 0 && (uintptr_t)given->data % view->bytes)
        return at_api_misuse(error, AT_E_API_ARRAY,
                             "`%s` lies at an address that is no multiple of %zu, "
                             "the size of its elements",
                             name, view->bytes);
    return true;
}

bool attend_call_set(attend_call *call, attend_role role, int position, const attend_array *array,
                     attend_error **error) {
    const at_array *known = find_array(call, role, position, "attend_call_set", error);
    if (!known) return false;
    at_api_slot new = {.set = true}, *old = &call->slots[role][position];
    const char *name = attend_name(call->program, role, position);
    if (!take_view(call->program, name, known, array, &new.view, error)) return false;
    if (!reads(role) && at_api_folds(&new.view))
        return at_api_misuse(error, AT_E_API_OVERLAP,
                             "the %s `%s` is given with strides that let its elements share memory",
                             at_api_role_text(role), name);
    size_t bytes = (size_t)known->rank * sizeof(int64_t);
    bool same = old->set && memcmp(old->view.extents, new.view.extents, bytes) == 0;
    if (role == ATTEND_INPUT && !same) call->settled = false;
    call->prepared = false;
    *old = new;
    return true;
}

void attend_call_threads(attend_call *call, int threads) {
    if (!call) return;
    call->threads = threads < 1 ? 1 : threads > 1024 ? 1024 : threads;
    call->prepared = false;
}

void attend_call_draws(attend_call *call, uint64_t seed, uint64_t run) {
    if (!call) return;
    call->seed = seed;
    call->run = run;
}

bool attend_call_memory(attend_call *call, void *memory, size_t bytes, attend_error **error) {
    if (!call) return at_api_misuse(error, AT_E_API_USE, "attend_call_memory: the call is NULL");
    if ((uintptr_t)memory % AT_API_ALIGNMENT)
        return at_api_misuse(error, AT_E_API_ARRAY, "a workspace lies at an address that is no "
                             "multiple of %d", AT_API_ALIGNMENT);
    call->given = memory;
    call->given_bytes = memory ? bytes : 0;
    return true;
}

/* ---- extents --------------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    bool (*body)(at_session *s, void *user);
    void *user;
} guarded;

static bool call_body(void *user) {
    guarded *g = user;
    return g->body(g->s, g->user);
}

bool at_api_with_session(bool (*body)(at_session *s, void *user), void *user,
                         attend_error **error) {
    enum { SESSION_BYTES = 8 << 20 };
    at_session *s = at_session_new(SESSION_BYTES);
    if (!s) return at_api_misuse(error, AT_E_MEMORY, "there is no memory left");
    guarded g = {s, body, user};
    bool good = at_guarded(s, call_body, &g);
    if (!good) at_api_fail(s, error);
    at_session_free(s);
    return good;
}

static bool settle_shapes(at_session *s, void *user) {
    attend_call *call = user;
    const at_cascade *cascade = call->program->cascade;
    const at_tensor **shapes = AT_NEW_ARRAY(s->arena, const at_tensor *, cascade->input_count + 1);
    for (int i = 0; i < cascade->input_count; i++) {
        const at_api_view *view = &call->slots[ATTEND_INPUT][i].view;
        at_tensor *shape = AT_NEW(s->arena, at_tensor);
        shape->rank = view->rank;
        at_move(shape->extents, view->extents, (size_t)view->rank * sizeof(int64_t));
        shapes[i] = shape;
    }
    return at_bind_shapes(s, cascade, shapes, call->extents) &&
           at_kernel_takes(s, call->program->kernel, call->extents);
}

bool at_api_settle(attend_call *call, attend_error **error) {
    if (call->settled) return true;
    for (int i = 0; i < call->program->cascade->input_count; i++)
        if (!call->slots[ATTEND_INPUT][i].set)
            return at_api_misuse(error, AT_E_API_MISSING, "the input `%s` has not been set",
                                 attend_name(call->program, ATTEND_INPUT, i));
    call->settled = at_api_with_session(settle_shapes, call, error);
    return call->settled;
}

bool attend_call_extents(attend_call *call, attend_role role, int position, int64_t *extents,
                         attend_error **error) {
    const at_array *array = find_array(call, role, position, "attend_call_extents", error);
    if (!array || !at_api_settle(call, error)) return false;
    for (int i = 0; i < array->rank; i++) extents[i] = call->extents[array->axes[i]->id];
    return true;
}

bool at_api_check_extents(const attend_call *call, attend_role role, int position,
                          const at_api_view *view, attend_error **error) {
    const at_array *array = at_api_array(call->program, role, position);
    for (int i = 0; i < array->rank; i++) {
        int64_t want = call->extents[array->axes[i]->id];
        if (view->extents[i] == want) continue;
        return at_api_misuse(error, AT_E_API_ARRAY,
                             "axis `%s` of the %s `%s` is %" PRId64 " long and should be %" PRId64,
                             array->axes[i]->name, at_api_role_text(role),
                             attend_name(call->program, role, position), view->extents[i], want);
    }
    return true;
}

/* ---- how params and states begin ------------------------------------------------------------- */

typedef struct {
    attend_call *call;
    const at_start *start;
    const char *name;
    const at_api_view *view;
    at_tensor *made, *stored; /* as it begins: computed, and as the program stores it */
} beginning;

static bool begin(at_session *s, void *user) {
    beginning *b = user;
    attend_call *call = b->call;
    const at_array *array = b->start->array;
    at_call drawn = {.seed = call->seed, .run = call->run, .threads = call->threads};
    attend_type type = at_api_type(call->program, array);
    at_type wide = array->kind == AT_REAL ? AT_TYPE_F64 : at_api_tensor_type(type);
    b->made = at_tensor_new(s, wide, b->view->extents, array->rank, b->name);
    if (!b->made || !at_ref_start(s, &drawn, b->start, call->extents, b->made)) return false;
    b->stored = at_tensor_convert(s, b->made, at_api_tensor_type(type), b->name);
    if (b->stored) at_api_copy_rows(b->view, b->stored->data, false);
    return b->stored != NULL;
}

bool attend_call_begin(attend_call *call, attend_role role, int position, const attend_array *array,
                       attend_error **error) {
    const at_array *known = find_array(call, role, position, "attend_call_begin", error);
    if (!known) return false;
    if (role != ATTEND_PARAM && role != ATTEND_STATE)
        return at_api_misuse(error, AT_E_API_USE,
                             "attend_call_begin: an %s does not begin by itself",
                             at_api_role_text(role));
    at_api_view view;
    const char *name = attend_name(call->program, role, position);
    if (!at_api_settle(call, error) ||
        !take_view(call->program, name, known, array, &view, error) ||
        !at_api_check_extents(call, role, position, &view, error))
        return false;
    if (at_api_folds(&view))
        return at_api_misuse(error, AT_E_API_OVERLAP, "`%s` is given with strides that let its "
                             "elements share memory", name);
    const at_cascade *c = call->program->cascade;
    const at_start *start = role == ATTEND_PARAM ? &c->params[position] : &c->states[position];
    beginning b = {call, start, name, &view, NULL, NULL};
    bool good = at_api_with_session(begin, &b, error);
    at_tensor_free(b.made);
    at_tensor_free(b.stored);
    return good;
}
