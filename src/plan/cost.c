/* What a pass costs, as a formula in the extents: operations on reals, and bytes moved if each
 * array that it touches comes from memory once. Conditions count as if they held (count.c). */
#include "plan/count.h"

int64_t at_kind_bytes(at_kind kind) { return kind == AT_BOOL ? 1 : 8; }

/* Axes that are equally long have one name in formulas. */
const at_axis *at_axis_root(const at_axis *axis) {
    for (;;) {
        if (axis->like) axis = axis->like;
        else if (axis->extent && axis->extent->tag == AT_SIZE) axis = axis->extent->u.axis;
        else return axis;
    }
}

static bool same_axes(const at_term *term, const at_axis *const *axes, int rank) {
    if (term->rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (term->axes[i] != axes[i]) return false;
    return true;
}

void at_cost_add(at_session *s, at_cost *cost, int64_t count, const at_axis *const *axes,
                 int rank) {
    const at_axis **roots = AT_NEW_ARRAY(s->arena, const at_axis *, rank);
    int left = 0;
    for (int i = 0; i < rank; i++) {
        int64_t extent = at_extent(axes[i], NULL), product;
        if (extent >= 0 && !__builtin_mul_overflow(count, extent, &product)) {
            count = product;
            continue;
        }
        int at = left++;
        for (; at > 0 && roots[at - 1]->id > at_axis_root(axes[i])->id; at--)
            roots[at] = roots[at - 1];
        roots[at] = at_axis_root(axes[i]);
    }
    if (count == 0) return;
    for (int i = 0; i < cost->count; i++)
        if (same_axes(&cost->terms[i], roots, left)) {
            cost->terms[i].count += count;
            return;
        }
    at_term term = {count, left, roots};
    AT_PUSH(s->arena, cost->terms, cost->count, cost->capacity, term);
}

static int64_t kind_bytes(void *user, const at_array *array) {
    (void)user;
    return at_kind_bytes(array->kind);
}

void at_pass_price(at_session *s, const at_cascade *cascade, at_pass *pass) {
    if (pass->statement->tag == AT_ASSERT) return; /* laws are not priced */
    at_count count =
        at_count_pass(s, cascade, pass, NULL, kind_bytes, NULL);
    pass->flops = count.flops_formula;
    pass->bytes = count.bytes_formula;
}

void at_cost_print(const at_cost *cost, at_text *out) {
    if (cost->count == 0) at_text_add(out, "0");
    for (int i = 0; i < cost->count; i++) {
        const at_term *term = &cost->terms[i];
        bool one = term->count == 1 && term->rank > 0;
        if (i) at_text_add(out, " + ");
        if (!one) at_text_addf(out, "%lld", (long long)term->count);
        for (int k = 0; k < term->rank; k++)
            at_text_addf(out, "%s%s", k == 0 && one ? "" : "*", term->axes[k]->name);
    }
}
