/* A run on a caller's arrays.
 *
 * Before a run, what was set is prepared once: shapes, and which outputs share memory with what is
 * read. Those are computed aside, behind the kernel's workspace, and copied when the run is over;
 * outputs that are an input as it came, or another output, are copied from there. What is prepared
 * holds until an array is set again: a run then only looks at the values of indices and bools, and
 * calls compiled code. */
#define _DEFAULT_SOURCE
#include "api/api_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is set fits ------------------------------------------------------------------------ */

static bool check_set(attend_call *call, attend_error **error) {
    for (int role = 0; role < AT_API_ROLES; role++)
        for (int i = 0; i < attend_count(call->program, (attend_role)role); i++) {
            const at_api_slot *one = &call->slots[role][i];
            if (!one->set)
                return at_api_misuse(error, AT_E_API_MISSING, "the %s `%s` has not been set",
                                     at_api_role_text((attend_role)role),
                                     attend_name(call->program, (attend_role)role, i));
            if (!at_api_check_extents(call, (attend_role)role, i, &one->view, error)) return false;
        }
    return true;
}

static int output_count(const attend_call *call) {
    const at_cascade *c = call->program->cascade;
    return c->output_count + c->state_count;
}

/* Outputs and what states become, counted as one. */
static attend_role output_role(const attend_call *call, int *position) {
    int outputs = call->program->cascade->output_count;
    if (*position < outputs) return ATTEND_OUTPUT;
    *position -= outputs;
    return ATTEND_NEXT;
}

static const at_api_view *output_view(const attend_call *call, int number, const char **name) {
    attend_role role = output_role(call, &number);
    if (name) *name = attend_name(call->program, role, number);
    return &call->slots[role][number].view;
}

static bool check_apart(const attend_call *call, attend_error **error) {
    for (int i = 0; i < output_count(call); i++)
        for (int k = 0; k < i; k++) {
            const char *first, *second;
            const at_api_view *a = output_view(call, k, &first), *b = output_view(call, i, &second);
            if (at_api_overlap(a, b))
                return at_api_misuse(error, AT_E_API_OVERLAP, "the outputs `%s` and `%s` are given "
                                     "memory that they share", first, second);
        }
    return true;
}

static bool meets_given(const attend_call *call, const at_api_view *view) {
    for (int role = ATTEND_INPUT; role <= ATTEND_STATE; role++)
        for (int i = 0; i < attend_count(call->program, (attend_role)role); i++)
            if (at_api_overlap(view, &call->slots[role][i].view)) return true;
    return false;
}

/* ---- where outputs land ---------------------------------------------------------------------- */

static int place_of_output(const attend_call *call, int number) {
    const at_plan *plan = call->program->plan;
    attend_role role = output_role(call, &number);
    const at_array *array = at_api_array(call->program, role, number);
    if (role == ATTEND_NEXT)
        for (int p = 0; p < plan->place_count; p++)
            if (plan->places[p].next == array) return p;
    return plan->place_of[array->id];
}

static size_t bytes_of(const at_api_view *view) {
    size_t bytes = view->bytes;
    for (int i = 0; i < view->rank; i++) bytes *= (size_t)view->extents[i];
    return (bytes + AT_API_ALIGNMENT - 1) / AT_API_ALIGNMENT * AT_API_ALIGNMENT;
}

/* Decides for each output whether compiled code writes it where it lies. */
static void land(attend_call *call) {
    const at_plan *plan = call->program->plan;
    call->aside_bytes = 0;
    for (int p = 0; p < call->view_count; p++) call->views[p] = (struct attend_view){NULL, NULL};
    for (int i = 0; i < output_count(call); i++) {
        const at_api_view *view = output_view(call, i, NULL);
        at_api_landing *l = &call->landings[i];
        *l = (at_api_landing){place_of_output(call, i), false, SIZE_MAX, SIZE_MAX};
        bool computed = plan->places[l->place].use == AT_PLACE_OUTPUT, first = true;
        for (int k = 0; k < i; k++) first &= call->landings[k].place != l->place;
        bool meets = meets_given(call, view);
        if (computed && first && !meets) {
            l->direct = true;
            call->views[l->place] = (struct attend_view){view->data, view->strides};
        } else if (computed && first) {
            l->aside = call->aside_bytes;
            call->aside_bytes += bytes_of(view);
        } else if (meets) {
            l->keep = call->aside_bytes;
            call->aside_bytes += bytes_of(view);
        }
    }
    static const attend_role given[] = {ATTEND_INPUT, ATTEND_PARAM, ATTEND_STATE};
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < attend_count(call->program, given[r]); i++) {
            const at_api_view *view = &call->slots[given[r]][i].view;
            int place = plan->place_of[at_api_array(call->program, given[r], i)->id];
            if (place >= 0) call->views[place] = (struct attend_view){view->data, view->strides};
        }
}

static struct attend_call make_record(const attend_call *call, struct attend_failure *failure) {
    return (struct attend_call){
        .extents = call->extents, .arrays = call->views, .seed = call->seed, .run = call->run,
        .threads = call->threads, .failure = failure,
    };
}

static bool prepare(attend_call *call, attend_error **error) {
    if (!at_api_settle(call, error)) return false;
    if (call->prepared) return true;
    if (!check_set(call, error) || !check_apart(call, error)) return false;
    land(call);
    struct attend_call record = make_record(call, NULL);
    call->kernel_bytes = at_kernel_measure(call->program->kernel, &record);
    if (call->kernel_bytes > SIZE_MAX - call->aside_bytes - AT_API_ALIGNMENT)
        return at_api_misuse(error, AT_E_RUN_MEMORY,
                             "a run of `%s` needs more memory than can be counted",
                             attend_program_name(call->program));
    call->kernel_bytes =
        (call->kernel_bytes + AT_API_ALIGNMENT - 1) / AT_API_ALIGNMENT * AT_API_ALIGNMENT;
    return call->prepared = true;
}

bool attend_call_workspace(attend_call *call, size_t *bytes, attend_error **error) {
    if (!call || !bytes)
        return at_api_misuse(error, AT_E_API_USE, "attend_call_workspace: the %s is NULL",
                             call ? "result" : "call");
    if (!prepare(call, error)) return false;
    *bytes = call->kernel_bytes + call->aside_bytes;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Calls `visit` with each element's address until one is false; gives its indices then. */
static bool each_element(const at_api_view *view, int64_t *index,
                         bool (*visit)(void *user, char *element), void *user) {
    for (int i = 0; i < view->rank; i++) {
        if (view->extents[i] == 0) return true;
        index[i] = 0;
    }
    char *at = view->data;
    for (;;) {
        if (!visit(user, at)) return false;
        int k = view->rank - 1;
        for (; k >= 0; k--) {
            int64_t step = view->strides[k] * (int64_t)view->bytes;
            at += step;
            if (++index[k] < view->extents[k]) break;
            at -= step * index[k];
            index[k] = 0;
        }
        if (k < 0) return true;
    }
}

static bool is_below(void *user, char *element) {
    int64_t extent = *(const int64_t *)user, value;
    memcpy(&value, element, sizeof value);
    return value >= 0 && value < extent;
}

static bool is_truth(void *user, char *element) {
    (void)user;
    return *(unsigned char *)element <= 1;
}

static const char *index_text(const at_array *array, const int64_t *index, char *text,
                              size_t room) {
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < array->rank && at + 64 < room; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%.32s=%" PRId64, i ? ", " : "[",
                               array->axes[i]->name, index[i]);
    if (array->rank) snprintf(text + at, room - at, "]");
    return text;
}

static bool check_values(const attend_call *call, attend_error **error) {
    for (int role = ATTEND_INPUT; role <= ATTEND_STATE; role++)
        for (int i = 0; i < attend_count(call->program, (attend_role)role); i++) {
            const at_array *array = at_api_array(call->program, (attend_role)role, i);
            const at_api_view *view = &call->slots[role][i].view;
            int64_t index[ATTEND_RANK_LIMIT];
            char place[1024];
            const char *name = attend_name(call->program, (attend_role)role, i);
            if (array->kind == AT_BOOL && !each_element(view, index, is_truth, NULL))
                return at_api_misuse(error, AT_E_API_VALUE, "`%s%s` is neither 0 nor 1", name,
                                     index_text(array, index, place, sizeof place));
            if (array->kind != AT_INT || !array->inside) continue;
            int64_t extent = call->extents[array->inside->id];
            if (!each_element(view, index, is_below, &extent))
                return at_api_misuse(
                    error, AT_E_BIND_INDEX,
                    "`%s%s` is outside of axis `%s`, which has %" PRId64 " elements", name,
                    index_text(array, index, place, sizeof place), array->inside->name, extent);
        }
    return true;
}

/* ---- the run --------------------------------------------------------------------------------- */

typedef struct {
    char *rows;
    size_t bytes; /* of an element */
    bool back;    /* into the rows, from the view */
} copying;

static bool copy_row_major(void *user, char *element) {
    copying *c = user;
    if (c->back) memcpy(c->rows, element, c->bytes);
    else memcpy(element, c->rows, c->bytes);
    c->rows += c->bytes;
    return true;
}

void at_api_copy_rows(const at_api_view *view, char *rows, bool back) {
    int64_t index[ATTEND_RANK_LIMIT];
    copying c = {.rows = rows, .bytes = view->bytes, .back = back};
    each_element(view, index, copy_row_major, &c);
}

/* What lies at an output's place as a view of its shape. */
static at_api_view placed_view(const attend_call *call, int number) {
    at_api_view view = *output_view(call, number, NULL);
    const struct attend_view *at = &call->views[call->landings[number].place];
    view.data = at->data;
    int64_t stride = 1;
    for (int i = view.rank - 1; i >= 0; i--) {
        view.strides[i] = at->strides ? at->strides[i] : stride;
        stride *= view.extents[i];
    }
    return view;
}

/* Both views have one shape; they share no memory. */
static void copy_view(const at_api_view *from, const at_api_view *to) {
    int64_t index[ATTEND_RANK_LIMIT] = {0};
    for (int i = 0; i < from->rank; i++)
        if (from->extents[i] == 0) return;
    char *source = from->data, *target_at = to->data;
    for (;;) {
        memcpy(target_at, source, from->bytes);
        int k = from->rank - 1;
        for (; k >= 0; k--) {
            int64_t bytes = (int64_t)from->bytes;
            source += from->strides[k] * bytes;
            target_at += to->strides[k] * bytes;
            if (++index[k] < from->extents[k]) break;
            source -= from->strides[k] * index[k] * bytes;
            target_at -= to->strides[k] * index[k] * bytes;
            index[k] = 0;
        }
        if (k < 0) return;
    }
}

/* First what is copied from what callers gave, while that is whole; then what was computed
 * aside. */
static void hand_back(const attend_call *call, char *aside) {
    for (int i = 0; i < output_count(call); i++) {
        const at_api_landing *l = &call->landings[i];
        if (l->direct || l->aside != SIZE_MAX) continue;
        at_api_view from = placed_view(call, i);
        if (l->keep == SIZE_MAX) copy_view(&from, output_view(call, i, NULL));
        else at_api_copy_rows(&from, aside + l->keep, true);
    }
    for (int i = 0; i < output_count(call); i++) {
        const at_api_landing *l = &call->landings[i];
        if (l->direct) continue;
        size_t at = l->aside != SIZE_MAX ? l->aside : l->keep;
        if (at != SIZE_MAX) at_api_copy_rows(output_view(call, i, NULL), aside + at, false);
    }
}

static bool find_memory(attend_call *call, char **memory, attend_error **error) {
    size_t bytes = call->kernel_bytes + call->aside_bytes;
    if (call->given) {
        *memory = call->given;
        if (call->given_bytes >= bytes) return true;
        return at_api_misuse(error, AT_E_RUN_MEMORY,
                             "the workspace has %zu bytes, and this run needs %zu",
                             call->given_bytes, bytes);
    }
    if (call->own_bytes < bytes || !call->own) {
        free(call->own);
        size_t rounded = (bytes + AT_API_ALIGNMENT) / AT_API_ALIGNMENT * AT_API_ALIGNMENT;
        call->own = aligned_alloc(AT_API_ALIGNMENT, rounded);
        call->own_bytes = call->own ? rounded : 0;
        if (!call->own)
            return at_api_misuse(error, AT_E_RUN_MEMORY,
                                 "this run needs %zu bytes for its workspace, and there is less",
                                 bytes);
    }
    *memory = call->own;
    return true;
}

typedef struct {
    const attend_call *call;
    const struct attend_failure *failure;
} reporting;

static bool report(at_session *s, void *user) {
    const reporting *r = user;
    at_kernel_report(s, r->call->program->kernel, r->failure, r->call->extents);
    return false;
}

bool attend_call_run(attend_call *call, attend_error **error) {
    char *memory = NULL;
    if (!call) return at_api_misuse(error, AT_E_API_USE, "attend_call_run: the call is NULL");
    if (!prepare(call, error) || !check_values(call, error) || !find_memory(call, &memory, error))
        return false;
    char *aside = memory + call->kernel_bytes;
    for (int i = 0; i < output_count(call); i++)
        if (call->landings[i].aside != SIZE_MAX)
            call->views[call->landings[i].place] =
                (struct attend_view){aside + call->landings[i].aside, NULL};
    struct attend_failure failure = {{0, 0, 0}, 0, 0};
    struct attend_call record = make_record(call, &failure);
    record.workspace = memory;
    record.workspace_bytes = call->kernel_bytes;
    if (at_kernel_enter(call->program->kernel, &record) != 0) {
        reporting r = {call, &failure};
        return at_api_with_session(report, &r, error);
    }
    hand_back(call, aside);
    return true;
}

