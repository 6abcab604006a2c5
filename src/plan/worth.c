/* Which arrays are worth keeping in blocks: those over two lengths, as `s[h,i,j]` is over queries
 * and keys, that no given array or output has together. How many elements they have is the product
 * of the two, of which neither the inputs nor the outputs have more than one.
 *
 * A length is what is no width: an axis of no param, not the last of an input (its features), and
 * not short; or what is as long as a length says, as blocks of one are. */
#include "opt/pairs.h"
#include "plan/group_int.h"

static int find_root(const at_array *array, const at_axis *root, int from) {
    for (int i = from; i < array->rank; i++)
        if (at_axis_root(array->axes[i]) == root) return i;
    return -1;
}

static bool is_length(const at_plan *plan, const at_axis *axis);

typedef struct {
    const at_plan *plan;
    bool found;
} searching;

static bool look_for_length(void *user, const at_expr *e) {
    searching *search = user;
    if (e->tag == AT_SIZE && !search->found) search->found = is_length(search->plan, e->u.axis);
    return !search->found;
}

static bool is_width_of(const at_array_place *place, const at_axis *root) {
    const at_array *array = place->array;
    if (place->use != AT_PLACE_GIVEN) return false;
    if (array->role != AT_INPUT) return find_root(array, root, 0) >= 0;
    bool last = array->rank > 1 && at_axis_root(array->axes[array->rank - 1]) == root;
    return last && array->kind == AT_REAL;
}

/* What the rewrites of the cascade take for one: an axis of weights that are given, say. */
static bool is_width(const at_plan *plan, const at_axis *root) {
    const at_cascade *cascade = plan->cascade;
    return root->id < cascade->axis_count && cascade->axes[root->id] == root &&
           plan->lengths->width[root->id];
}

static bool is_length(const at_plan *plan, const at_axis *axis) {
    enum { SHORT = 256 };
    int64_t extent = at_extent(axis, NULL);
    const at_axis *root = at_axis_root(axis);
    searching search = {plan, false};
    if (extent >= 0 && extent <= SHORT) return false;
    if (is_width(plan, root)) return false;
    for (int i = 0; i < plan->place_count; i++)
        if (is_width_of(&plan->places[i], root)) return false;
    at_walk(root->extent, look_for_length, &search);
    return search.found || !root->extent || extent >= 0;
}

static bool are_together(const at_plan *plan, const at_axis *a, const at_axis *b) {
    const at_axis *first = at_axis_root(a), *second = at_axis_root(b);
    for (int i = 0; i < plan->place_count; i++) {
        const at_array *array = plan->places[i].array;
        if (plan->places[i].use == AT_PLACE_WORK || array->kind != AT_REAL) continue;
        int at = find_root(array, first, 0), other = find_root(array, second, 0);
        if (first == second && at >= 0) other = find_root(array, second, at + 1);
        if (at >= 0 && other >= 0) return true;
    }
    return false;
}

bool at_is_feature(const at_plan *plan, const at_axis *axis) {
    const at_axis *root = at_axis_root(axis);
    for (int i = 0; i < plan->place_count; i++) {
        const at_array *array = plan->places[i].array;
        if (plan->places[i].use != AT_PLACE_WORK && array->kind == AT_REAL && array->rank > 1 &&
            at_axis_root(array->axes[array->rank - 1]) == root)
            return true;
    }
    return false;
}

int at_lengths_in(const at_plan *plan, const at_array *array) {
    int count = 0;
    for (int i = 0; i < array->rank; i++) count += is_length(plan, array->axes[i]);
    return count;
}

/* ---- rows that are read again ---------------------------------------------------------------- */

typedef struct {
    const at_plan *plan;
    const at_axis *along;
    const at_array *found, *wanted; /* an array with rows along the axis that is read whole */
    bool again, weighs;
} rows;

static bool has_axis(const at_array *array, const at_axis *axis) {
    for (int i = 0; i < array->rank; i++)
        if (array->axes[i] == axis) return true;
    return false;
}

static bool look_at_fold(void *user, const at_expr *e) {
    rows *r = user;
    if (e->tag != AT_READ) return true;
    const at_array *array = e->u.read.array;
    if (array->rank < 2) return true;
    if (has_axis(array, r->along)) r->found = array;
    else r->weighs = true; /* a product, which does better with all rows at once */
    return true;
}

static bool look_for_folds(void *user, const at_expr *e) {
    rows *r = user;
    if (e->tag == AT_FOLD_NODE) at_walk(e->u.fold.body, look_at_fold, r);
    r->again |= e->tag == AT_READ && e->u.read.array == r->wanted;
    return true;
}

bool at_reads_rows_again(const at_plan *plan, const at_array *array, const at_axis *along) {
    rows r = {plan, along, NULL, NULL, false, false};
    bool again = false;
    if (!is_length(plan, along)) return false;
    for (int i = 0; i < plan->pass_count; i++)
        if (plan->passes[i]->target == array && !plan->passes[i]->region_count)
            at_walk_statement(plan->passes[i]->statement, look_for_folds, &r);
    if (!r.found || r.weighs || r.found->rank <= array->rank) return false;
    r.wanted = r.found;
    for (int i = 0; i < plan->pass_count; i++) {
        rows reader = {plan, along, NULL, array, false, false};
        at_walk_statement(plan->passes[i]->statement, look_for_folds, &reader);
        if (!reader.again || plan->passes[i]->target == array) continue;
        if (reader.weighs || plan->passes[i]->region_count) return false;
        reader = (rows){plan, along, NULL, r.wanted, false, false};
        at_walk_statement(plan->passes[i]->statement, look_for_folds, &reader);
        again |= reader.again;
    }
    return again;
}

bool at_pays_in_blocks(const at_plan *plan, const at_array *array, const at_axis *along,
                uint64_t inside) {
    if (!is_length(plan, along)) return false;
    for (int i = 0; i < array->rank; i++)
        if (!(inside >> i & 1) && array->axes[i] != along && is_length(plan, array->axes[i]) &&
            !are_together(plan, along, array->axes[i]) &&
            !at_are_blocks(plan->lengths, along, array->axes[i]))
            return true;
    return false;
}
