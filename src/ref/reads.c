/* Reads: the address of an element, with the checks that are needed and no others.
 *
 * An index that is linear and whose interval lies inside the array joins the address and is not
 * checked; any other is evaluated and checked against its extent. Checks that an alternative does
 * not cover come first, so that `x[i, t-1 | 0]` means the same whichever index is outside. A scan's
 * own arrays are also checked for being written already. */
#include "ref/ref_int.h"

static at_site *new_site(at_lowering *l, const at_expr *e, int dimension) {
    at_site *site = AT_NEW(l->ref->arena, at_site);
    site->expr = e;
    site->span = e->u.read.index[dimension]->span;
    if (!site->span.source) site->span = e->span;
    site->array = e->u.read.array;
    site->dimension = dimension;
    return site;
}

static bool is_strict(const at_expr *e, int dimension) {
    const at_expr *index = e->u.read.index[dimension];
    return !e->u.read.alternative || (index->tag == AT_INDEX && !index->u.axis->declared);
}

/* ---- scans ----------------------------------------------------------------------------------- */

static bool same_step_written(const at_lowering *l, const at_place *place) {
    return place->order < l->ref->here.order;
}

/* Whether the leading indices are the scan's own, or the first is known to be earlier. */
static bool surely_earlier(at_lowering *l, const at_expr *e, const at_axis *const *axes,
                           const bool *down, int count, bool same) {
    at_linear index, own = {.count = 1, .axes = {axes[0]}, .factors = {1}}, difference;
    if (at_linear_of(l->ref, e->u.read.index[0], &index) &&
        at_linear_add(l->ref, &index, -1, &own, &difference) && difference.count == 0 &&
        (down[0] ? difference.constant > 0 : difference.constant < 0))
        return true;
    for (int i = 0; i < count && same; i++) {
        const at_expr *x = e->u.read.index[i];
        if (x->tag != AT_INDEX || x->u.axis != axes[i]) same = false;
    }
    return same;
}

/* Whether a scan reads its own array where it may not be written yet; the check is emitted if
 * so. */
static bool check_order(at_lowering *l, const at_expr *e, bool emit) {
    const at_array *array = e->u.read.array;
    const at_place *place = &l->ref->places[array->id], *here = &l->ref->here;
    const at_axis *axes[AT_RANK_LIMIT];
    bool down[AT_RANK_LIMIT];
    int count = 0;
    for (int i = 0; i < place->depth && i < here->depth; i++) {
        const at_statement *region = place->regions[i];
        if (region != here->regions[i]) break;
        if (region->tag != AT_SCAN) continue;
        for (int k = 0; k < region->u.scan.count && count < array->rank; k++) {
            if (array->axes[count] != region->u.scan.axes[k]) break;
            axes[count] = region->u.scan.axes[k];
            down[count++] = region->u.scan.down[k];
        }
    }
    bool same = same_step_written(l, place);
    if (count == 0 || surely_earlier(l, e, axes, down, count, same)) return false;
    if (!emit) return true;
    at_earlier *check = AT_NEW(l->ref->arena, at_earlier);
    check->site = *new_site(l, e, 0);
    check->site.scan = axes[0];
    check->count = count;
    check->index = AT_NEW_ARRAY(l->ref->arena, int, count);
    check->current = AT_NEW_ARRAY(l->ref->arena, int, count);
    check->down = at_copy(l->ref->arena, down, sizeof *down * (size_t)count);
    check->same = same;
    for (int i = 0; i < count; i++) {
        check->index[i] = at_code_lower(l, e->u.read.index[i], AT_NOWHERE);
        check->current[i] = l->axis_register[axes[i]->id];
    }
    at_code_add(l, AT_I_EARLIER)->ptr = check;
    return true;
}

/* ---- addresses ------------------------------------------------------------------------------- */

typedef struct {
    at_linear offset; /* of the dimensions known to be inside */
    int count;        /* of the others */
    int index[AT_RANK_LIMIT];
    int64_t stride[AT_RANK_LIMIT];
} address;

static void check_dimension(at_lowering *l, const at_expr *e, int k, int reg, int outside) {
    const at_array *array = e->u.read.array;
    bool strict = is_strict(e, k);
    at_instr *in = at_code_add(l, strict ? AT_I_BOUND : AT_I_BOUND_ELSE);
    in->a = reg;
    in->imm = l->ref->extents[array->axes[k]->id];
    if (strict) in->ptr = new_site(l, e, k);
    else in->to = outside;
}

/* Joins dimension k to the address if it is known to be inside. */
static bool join_linear(at_lowering *l, const at_expr *e, int k, int64_t stride, address *out) {
    at_linear form, sum;
    int64_t extent = l->ref->extents[e->u.read.array->axes[k]->id];
    if (!at_linear_of(l->ref, e->u.read.index[k], &form)) return false;
    if (form.low < 0 || form.high >= extent) return false;
    if (!at_linear_add(l->ref, &out->offset, stride, &form, &sum)) return false;
    out->offset = sum;
    return true;
}

static void lower_address(at_lowering *l, const at_expr *e, const at_store *store, int outside,
                          address *out) {
    int rank = e->u.read.array->rank;
    for (int strict = 1; strict >= 0; strict--)
        for (int k = 0; k < rank; k++) {
            if (is_strict(e, k) != (strict == 1)) continue;
            if (join_linear(l, e, k, store->strides[k], out)) continue;
            int reg = at_code_lower(l, e->u.read.index[k], AT_NOWHERE);
            check_dimension(l, e, k, reg, outside);
            out->index[out->count] = reg;
            out->stride[out->count++] = store->strides[k];
        }
}

/* The address as a + b*imm of one instruction. */
static void emit_address(at_lowering *l, const address *where, int *a, int *b, int64_t *imm) {
    if (where->count == 0) {
        *a = at_emit_prefix(l, &where->offset, b, imm);
        return;
    }
    *a = at_emit_linear(l, &where->offset);
    for (int i = 0; i < where->count - 1; i++) {
        int next = at_new_register(l);
        at_instr *in = at_code_add(l, AT_I_SCALE_ADD);
        in->dst = next;
        in->a = *a;
        in->b = where->index[i];
        in->imm = where->stride[i];
        *a = next;
    }
    *b = where->index[where->count - 1];
    *imm = where->stride[where->count - 1];
}

int at_load_opcode(const at_store *store, int zero) {
    if (store->kind != AT_REAL) return store->kind == AT_INT ? AT_I_LOAD_INT : AT_I_LOAD_BOOL;
    if (zero == AT_NOWHERE) return AT_I_LOAD_REAL;
    if (store->cotangent) return AT_I_LOAD_COTANGENT;
    return store->zeroable ? AT_I_LOAD_ZERO : AT_I_LOAD_REAL;
}

static int emit_load(at_lowering *l, const at_store *store, const address *where, int zero) {
    int a, b, dst = at_new_register(l);
    int64_t imm;
    emit_address(l, where, &a, &b, &imm);
    at_instr *in = at_code_add(l, at_load_opcode(store, zero));
    in->dst = dst;
    in->a = a;
    in->b = b;
    in->imm = imm;
    in->ptr = store;
    if (in->op == AT_I_LOAD_ZERO || in->op == AT_I_LOAD_COTANGENT) in->to = zero;
    return dst;
}

int at_lower_read(at_lowering *l, const at_expr *e, int zero) {
    const at_store *store = l->ref->stores[e->u.read.array->id];
    const at_expr *alternative = e->u.read.alternative;
    address where = {0};
    int outside = alternative ? at_new_label(l) : AT_NOWHERE;
    lower_address(l, e, store, outside, &where);
    check_order(l, e, true);
    int value = emit_load(l, store, &where, zero);
    if (!alternative) return value;
    int dst = at_new_register(l), end = at_new_label(l);
    at_emit_move(l, dst, value);
    at_emit_jump(l, end);
    at_place_label(l, outside);
    at_emit_move(l, dst, at_code_lower(l, alternative, zero));
    at_place_label(l, end);
    return dst;
}

bool at_plain_read(at_lowering *l, const at_expr *e, at_linear *offset) {
    if (e->tag != AT_READ || e->u.read.alternative) return false;
    const at_store *store = l->ref->stores[e->u.read.array->id];
    address where = {0};
    for (int k = 0; k < store->rank; k++)
        if (!join_linear(l, e, k, store->strides[k], &where)) return false;
    if (check_order(l, e, false)) return false;
    *offset = where.offset;
    return true;
}

at_instr *at_emit_element(at_lowering *l, int op, at_store *store, const at_axis *const *axes) {
    at_linear offset = {0}, sum;
    for (int k = 0; k < store->rank; k++) {
        at_linear index = {.count = 1, .axes = {axes[k]}, .factors = {1}};
        /* The store's extents are those of its axes, so this cannot overflow. */
        bool fits = at_linear_add(l->ref, &offset, store->strides[k], &index, &sum);
        AT_ASSERT(l->ref->s, fits);
        offset = sum;
    }
    int a, b;
    int64_t imm;
    a = at_emit_prefix(l, &offset, &b, &imm);
    at_instr *in = at_code_add(l, op);
    in->a = a;
    in->b = b;
    in->imm = imm;
    in->ptr = store;
    return in;
}
