/* Assertions of laws that compiled code has run: it stores both sides of each, and here they are
 * compared as the reference executor does, once for each time that the regions around the assertion
 * came to it. */
#include "ref/ref.h"
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>

/* What rounding in a type may do to both sides, where a law does not say. */
static double tolerance_of(at_type type) {
    switch (type) {
    case AT_TYPE_F32: return 1e-4;
    case AT_TYPE_F16: return 5e-3;
    case AT_TYPE_BF16: return 5e-2;
    default: return 1e-9;
    }
}

/* A side as at_sides_compare takes it: 8 bytes an element. */
static at_tensor *wide(at_session *s, const at_tensor *side) {
    at_type type = side->type < AT_TYPE_F16 ? AT_TYPE_I64 : AT_TYPE_F64;
    return at_tensor_convert(s, side, type, "a side of a law");
}

/* "[i=3, e=0]" among the axes that are not the regions'. */
static const char *element_text(at_session *s, const at_array *side, int fixed, int64_t at,
                                const int64_t *extents) {
    const char *text = "";
    for (int i = side->rank - 1; i >= fixed; i--) {
        int64_t extent = extents[side->axes[i]->id];
        text = at_format(s->arena, "%s=%" PRId64 "%s%s", side->axes[i]->name, at % extent,
                         *text ? ", " : "", text);
        at /= extent;
    }
    return *text ? at_format(s->arena, "[%s]", text) : "";
}

static at_check check_pass(at_session *s, const at_pass *pass, const at_tensor *left,
                           const at_tensor *right, double own, const int64_t *extents) {
    const at_statement *st = pass->statement;
    int64_t times = 1, count = left->count, at = 0;
    for (int i = 0; i < pass->fixed_count; i++) times *= extents[pass->fixed[i]->id];
    if (times > 0) count /= times;
    at_check check = {.assertion = st, .holds = true, .element = ""};
    for (int64_t n = 0; n < times && check.holds; n++) {
        size_t skip = (size_t)(n * count) * 8;
        check = at_sides_compare(st, (const char *)left->data + skip,
                                 (const char *)right->data + skip, count, own, &at);
        if (!check.holds)
            check.element = element_text(s, pass->targets[0], pass->fixed_count, at, extents);
    }
    return check;
}

bool at_laws_hold(at_session *s, const at_plan *plan, at_tensor *const *places, at_type type,
                  const int64_t *extents) {
    bool good = true;
    for (int i = 0; i < plan->pass_count; i++) {
        const at_pass *pass = plan->passes[i];
        if (pass->statement->tag != AT_ASSERT) continue;
        at_tensor *left = wide(s, places[plan->place_of[pass->targets[0]->id]]);
        at_tensor *right = left ? wide(s, places[plan->place_of[pass->targets[1]->id]]) : NULL;
        if (right) {
            at_check check = check_pass(s, pass, left, right, tolerance_of(type), extents);
            if (!check.holds) at_check_report(s, plan->cascade, &check);
            good &= check.holds;
        }
        good &= right != NULL;
        at_tensor_free(left);
        at_tensor_free(right);
    }
    return good;
}
