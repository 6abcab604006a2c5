/* What the files of api/ share: the library's objects from inside. */
#ifndef AT_API_INT_H
#define AT_API_INT_H

#include "compile.h"

#define ATTEND_BUILDING
#include <attend.h>

/* ---- error.c --------------------------------------------------------------------------------- */

/* Gives what the session holds to `*error` and forgets it; false, as callers return it. */
bool at_api_fail(at_session *s, attend_error **error);
/* One error without a place. A session of its own, for callers that have none. */
bool at_api_misuse(attend_error **error, at_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- options.c ------------------------------------------------------------------------------- */

typedef struct {
    int count;
    char **items; /* owned */
} at_api_texts;

struct attend_options {
    bool failed; /* memory ran out: what was asked for is not all here */
    char *function, *target;
    at_api_texts set_names, set_values, size_names, folders, wanted, cotangents;
    int64_t *sizes; /* one a size name */
    attend_type type;
    bool training, gradient, outputs;
    void (*log)(void *user, const char *line);
    void *log_user;
    bool (*progress)(void *user);
    void *progress_user;
};

/* ---- program.c ------------------------------------------------------------------------------- */

struct attend_program {
    at_session *s; /* owns all that is compiled; not written once compiled */
    const at_cascade *cascade;           /* what runs */
    const char **input_of, **output_of;  /* of a gradient, by position: whose cotangent, gradient */
    at_kernel *kernel;
    const at_plan *plan;
    attend_type type;
    at_text source;
};

/* NULL for no such array. */
const at_array *at_api_array(const attend_program *program, attend_role role, int position);
at_type at_api_tensor_type(attend_type type);
/* How its elements are stored. */
attend_type at_api_type(const attend_program *program, const at_array *array);

/* ---- overlap.c: memory that arrays share ----------------------------------------------------- */

/* An array of the caller: extents and strides in elements. */
typedef struct {
    char *data;
    size_t bytes; /* of an element */
    int rank;
    int64_t extents[ATTEND_RANK_LIMIT], strides[ATTEND_RANK_LIMIT];
} at_api_view;

/* Whether two elements of one array may share memory. */
bool at_api_folds(const at_api_view *view);
/* Whether an element of one may share memory with one of the other. True where that is not sure. */
bool at_api_overlap(const at_api_view *a, const at_api_view *b);

/* ---- call.c, run.c --------------------------------------------------------------------------- */

enum { AT_API_ROLES = ATTEND_NEXT + 1, AT_API_ALIGNMENT = 64 };

typedef struct {
    at_api_view view;
    bool set;
} at_api_slot;

/* Where an output's values are when compiled code is done. */
typedef struct {
    int place;       /* of the plan */
    bool direct;     /* compiled code writes the caller's memory */
    size_t aside;    /* else: its offset behind the kernel's workspace; SIZE_MAX: it is copied from
                        what lies at its place, which others wrote */
    size_t keep;     /* SIZE_MAX, or the offset where that copy waits for the end */
} at_api_landing;

struct attend_call_state {
    const attend_program *program;
    at_api_slot *slots[AT_API_ROLES]; /* by role and position */
    int64_t *extents;   /* by axis id */
    bool settled;       /* extents are those of the inputs */
    bool prepared;
    struct attend_view *views; /* by place, of those that are given or outputs */
    int view_count;
    at_api_landing *landings;         /* outputs, then what states become */
    size_t kernel_bytes, aside_bytes;
    int threads;
    uint64_t seed, run;
    void *own, *given;
    size_t own_bytes, given_bytes;
};

const char *at_api_role_text(attend_role role);
/* The extents of all axes, from the inputs. */
bool at_api_settle(attend_call *call, attend_error **error);
/* Whether a view of an array has the extents that the inputs give to it. */
bool at_api_check_extents(const attend_call *call, attend_role role, int position,
                          const at_api_view *view, attend_error **error);
/* From rows without gaps to a view of them, or back. */
void at_api_copy_rows(const at_api_view *view, char *rows, bool back);
/* Runs a body with a session of its own; its errors go to `*error`. */
bool at_api_with_session(bool (*body)(at_session *s, void *user), void *user, attend_error **error);

#endif
