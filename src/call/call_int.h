/* call_int: what bind.c and stacked.c share. */
#ifndef AT_CALL_INT_H
#define AT_CALL_INT_H

#include "call/call.h"

typedef bool (*at_evaluate)(at_session *s, void *user, const at_start *start,
                            const int64_t *extents, at_tensor *out);

at_kind at_type_kind(at_type type);
/* The type of what is bound; real: of reals. */
at_type at_bound_type(at_kind kind, at_type real);
/* Whether a given array may stand for `array`, called `name` in messages and given by the file
 * `from` (NULL: nobody says): same kind, or ints for reals. */
bool at_fits_kind(at_session *s, const at_array *array, const char *name, const at_tensor *given,
                  const char *from);
/* Says with an error which file gave what is wrong; nothing when `from` is NULL. */
void at_note_given(at_session *s, at_diag *diag, const char *from);

/* Params or states: what is kept between runs, by path. */
typedef struct {
    const char *word; /* "param", "state" */
    const at_start *starts;
    int count;
    const at_collection *given; /* NULL: all as they begin */
    const char *from;           /* the file that holds them, for messages; may be NULL */
    bool complete;              /* what is given must hold all of them */
    at_type type;               /* of reals */
} at_kept;

/* Makes one stacked tensor for each start. */
bool at_bind_kept(at_session *s, const at_kept *kept, const int64_t *extents, at_evaluate evaluate,
                  void *user, at_tensor **out);

#endif
