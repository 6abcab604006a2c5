/* call_int: what bind.c and stacked.c share. */
#ifndef AT_CALL_INT_H
#define AT_CALL_INT_H

#include "call/call.h"

typedef bool (*at_evaluate)(at_session *s, void *user, const at_start *start,
                            const int64_t *extents, at_tensor *out);

at_kind at_type_kind(at_type type);
at_type at_kind_type(at_kind kind);
/* Whether a given array may stand for `array`, called `name` in messages: same kind, or ints for
 * reals. */
bool at_fits_kind(at_session *s, const at_array *array, const char *name, const at_tensor *given);

/* Params or states: what is kept between runs, by path. */
typedef struct {
    const char *word; /* "param", "state" */
    const at_start *starts;
    int count;
    const at_collection *given; /* NULL: all as they begin */
    bool complete;              /* what is given must hold all of them */
} at_kept;

/* Makes one stacked tensor for each start. */
bool at_bind_kept(at_session *s, const at_kept *kept, const int64_t *extents, at_evaluate evaluate,
                  void *user, at_tensor **out);

#endif
