/* Which axes are equally long in every run, as far as that can be seen: by `axis j as n`, by an
 * extent that is the size of another axis, or by equal expressions. Elsewhere indices are tested. */
#include "form/form.h"

static const at_axis *root_of(const at_axis *axis) {
    for (;;) {
        if (axis->like) axis = axis->like;
        else if (axis->extent && axis->extent->tag == AT_SIZE) axis = axis->extent->u.axis;
        else return axis;
    }
}

bool at_same_extent(const at_axis *a, const at_axis *b) {
    a = root_of(a);
    b = root_of(b);
    if (a == b) return true;
    int64_t extent = at_extent(a, NULL);
    if (extent >= 0 && extent == at_extent(b, NULL)) return true;
    return a->extent && b->extent && at_same(a->extent, b->extent);
}

const at_expr *at_extent_of(at_session *s, const at_axis *axis) {
    axis = root_of(axis);
    return axis->extent ? axis->extent : at_size(s, axis, axis->span);
}
