/* Equalities in guards that say which element of the left side a term belongs to, as `dst[e] == g`
 * does, and those that bound an index of the terms, as `j // 64 == t`: the former make a sum go
 * from term to term, the latter a loop shorter. */
#include "form/form.h"

/* The only term of the form that mentions the axis is its index, once or minus once. */
static bool is_linear(const at_affine *form, const at_axis *axis) {
    int at = -1;
    for (int i = 0; i < form->count; i++) {
        if (!at_mentions(form->terms[i], axis)) continue;
        if (at >= 0 || form->terms[i]->tag != AT_INDEX) return false;
        at = i;
    }
    return at >= 0 && (form->factors[at] == 1 || form->factors[at] == -1);
}

static bool gap(at_session *s, const at_expr *e, at_affine *form) {
    at_affine left, right;
    return at_affine_of(s, e->u.map.args[0], &left) && at_affine_of(s, e->u.map.args[1], &right) &&
           at_affine_add(s, &left, -1, &right, form);
}

bool at_bounds_index(at_session *s, const at_expr *e, const at_expr *fold) {
    at_affine form;
    const at_expr *parts[2];
    for (int k = 0; k < fold->u.fold.count; k++) {
        const at_axis *axis = fold->u.fold.axes[k];
        if (gap(s, e, &form) && is_linear(&form, axis)) return true;
        for (int side = 0; side < 2; side++)
            if (at_without_quotient(s, e, side, parts) && gap(s, parts[0], &form) &&
                is_linear(&form, axis))
                return true;
    }
    return false;
}

bool at_may_place(at_session *s, const at_expr *fold, const at_expr *guard, const at_axis *axis) {
    if (!guard || guard->tag != AT_MAP) return false;
    const at_expr *const *args = guard->u.map.args;
    if (guard->u.map.op == AT_OP_AND)
        return at_may_place(s, fold, args[0], axis) || at_may_place(s, fold, args[1], axis);
    if (guard->u.map.op != AT_OP_EQ || args[0]->kind != AT_INT) return false;
    at_affine form;
    return gap(s, guard, &form) && is_linear(&form, axis) && !at_bounds_index(s, guard, fold);
}
