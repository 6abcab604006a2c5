/* Permutations turned round. What an argsort of a whole axis gives holds each index once, so in
 *
 *     sum[i where perm[i] == a](c[i])   ->   c[inverse[a]]       inverse[n] = argsort[n](perm[n])
 *
 * the guard determines i. The inverse is made once for each permutation; that of an argsort of a
 * permutation is there already. */
#include "form/form_int.h"

/* ---- which arrays are permutations ----------------------------------------------------------- */

typedef struct {
    const at_array *array;
    const at_statement *by;
} definition;

static bool look_for_definition(void *user, const at_statement *st) {
    definition *d = user;
    if (st->tag == AT_EQUATION && st->target == d->array) d->by = st;
    for (int k = 0; st->tag == AT_KEEPING && k < st->u.keeping.count; k++)
        if (st->u.keeping.parts[k].target == d->array) d->by = st;
    return d->by == NULL;
}

/* Whether e reads an array at exactly these axes. */
static bool is_whole_read(const at_expr *e, const at_array *like) {
    if (e->tag != AT_READ || e->u.read.alternative || e->u.read.array->rank != like->rank)
        return false;
    for (int m = 0; m < like->rank; m++) {
        const at_expr *index = e->u.read.index[m];
        if (index->tag != AT_INDEX || index->u.axis != like->axes[m] ||
            !at_same_extent(like->axes[m], e->u.read.array->axes[m]))
            return false;
    }
    return true;
}

/* The argsort that gives the array or what it is a copy of, if it sorts the whole of this
 * dimension. */
static const at_part *sorting(const at_draft *draft, const at_array *array, int dimension) {
    enum { COPIES = 16 };
    for (int i = 0; i < COPIES; i++) {
        definition d = {array, NULL};
        at_walk_block(&draft->from->body, look_for_definition, &d);
        if (!d.by) return NULL;
        if (d.by->tag == AT_EQUATION) {
            if (!is_whole_read(d.by->u.value, array)) return NULL;
            array = d.by->u.value->u.read.array;
            continue;
        }
        const at_part *part = &d.by->u.keeping.parts[0];
        bool sorts = d.by->u.keeping.fold == AT_FOLD_ARGSORT && part->count == 1 && !part->guard &&
                     part->bound[0] == array->axes[dimension];
        return sorts ? part : NULL;
    }
    return NULL;
}

bool at_is_permutation(const at_draft *draft, const at_array *array, const at_axis *axis) {
    for (int m = 0; m < array->rank; m++)
        if (at_same_extent(array->axes[m], axis) && sorting(draft, array, m)) return true;
    return false;
}

/* ---- their inverses -------------------------------------------------------------------------- */

static const at_array *sorted_back(at_guarded_sum *sum, const at_array *array, int dimension) {
    at_draft *draft = sum->draft;
    at_session *s = draft->s;
    at_array *inverse = at_draft_array(draft, at_format(s->arena, "%s.inverse", array->name), NULL,
                                       AT_INT, array->axes, array->rank, array->span);
    inverse->inside = array->axes[dimension];
    at_statement *st = AT_NEW(s->arena, at_statement);
    st->tag = AT_KEEPING;
    st->span = array->span;
    st->u.keeping.fold = AT_FOLD_ARGSORT;
    st->u.keeping.count = 1;
    st->u.keeping.parts = AT_NEW(s->arena, at_part);
    *st->u.keeping.parts = (at_part){
        .target = inverse,
        .count = 1,
        .bound = at_copy(s->arena, &array->axes[dimension], sizeof(at_axis *)),
        .down = AT_NEW(s->arena, bool),
        .body = at_read_whole(s, array, array->span),
    };
    if (sum->place(sum->user, array, st)) return inverse;
    draft->out->array_count--; /* nobody writes it */
    return NULL;
}

const at_array *at_inverse_of(at_guarded_sum *sum, const at_array *array, int dimension) {
    at_draft *draft = sum->draft;
    if (!sum->place) return NULL;
    for (const at_inverse *i = draft->inverses; i; i = i->next)
        if (i->of == array && i->dimension == dimension) return i->inverse;
    const at_part *part = sorting(draft, array, dimension);
    if (!part) return NULL;
    const at_array *inverse = NULL;
    if (is_whole_read(part->body, part->target) &&
        sorting(draft, part->body->u.read.array, dimension))
        inverse = part->body->u.read.array;
    else inverse = sorted_back(sum, array, dimension);
    if (!inverse) return NULL;
    at_inverse *known = AT_NEW(draft->s->arena, at_inverse);
    *known = (at_inverse){draft->inverses, array, inverse, dimension};
    draft->inverses = known;
    return inverse;
}
