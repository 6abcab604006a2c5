/* Which arrays are worth keeping in blocks: those that belong to two sets of positions, as `s[h,i,j]`
 * to queries and keys, and that no given array or output has together. How many elements they have
 * is the product of two lengths, of which neither the inputs nor the outputs have more than one.
 *
 * A position is an index in front of the last one of a given array or output (the last is its
 * features), or the only one; and what is as long as a number of positions says, as blocks of them. */
#include "plan/group_int.h"

static bool is_given(const at_array_place *place) {
    return place->use != AT_PLACE_WORK && place->array->kind == AT_REAL;
}

static int find_root(const at_array *array, const at_axis *root, int from) {
    for (int i = from; i < array->rank; i++)
        if (at_axis_root(array->axes[i]) == root) return i;
    return -1;
}

static bool is_position(const at_plan *plan, const at_axis *axis);

typedef struct {
    const at_plan *plan;
    bool found;
} searching;

static bool look_for_position(void *user, const at_expr *e) {
    searching *search = user;
    if (e->tag == AT_SIZE && !search->found) search->found = is_position(search->plan, e->u.axis);
    return !search->found;
}

static bool is_position(const at_plan *plan, const at_axis *axis) {
    const at_axis *root = at_axis_root(axis);
    searching search = {plan, false};
    at_walk(root->extent, look_for_position, &search);
    if (search.found) return true;
    for (int i = 0; i < plan->place_count; i++) {
        const at_array *array = plan->places[i].array;
        int at = is_given(&plan->places[i]) ? find_root(array, root, 0) : -1;
        if (at >= 0 && (at < array->rank - 1 || array->rank == 1)) return true;
    }
    return false;
}

static bool are_together(const at_plan *plan, const at_axis *a, const at_axis *b) {
    const at_axis *first = at_axis_root(a), *second = at_axis_root(b);
    for (int i = 0; i < plan->place_count; i++) {
        const at_array *array = plan->places[i].array;
        if (!is_given(&plan->places[i])) continue;
        int at = find_root(array, first, 0), other = find_root(array, second, 0);
        if (first == second && at >= 0) other = find_root(array, second, at + 1);
        if (at >= 0 && other >= 0) return true;
    }
    return false;
}

int at_lengths_in(const at_plan *plan, const at_array *array) {
    int count = 0;
    for (int i = 0; i < array->rank; i++) count += is_position(plan, array->axes[i]);
    return count;
}

bool at_pays_in_blocks(const at_plan *plan, const at_array *array, const at_axis *along,
                uint64_t inside) {
    int64_t extent = at_extent(along, NULL);
    if ((extent >= 0 && extent < AT_GROUP_ROWS) || !is_position(plan, along)) return false;
    for (int i = 0; i < array->rank; i++)
        if (!(inside >> i & 1) && array->axes[i] != along && is_position(plan, array->axes[i]) &&
            !are_together(plan, along, array->axes[i]))
            return true;
    return false;
}
