/* Linear forms: int expressions that are sums of multiples of indices, with the interval they lie
 * in.
 *
 * They are what lets a read skip its bounds checks (the interval lies inside the array), an address
 * be computed loop by loop, and a guard like `i - j < w` restrict the loop over j. Everything here
 * is decided with the extents of the run and without overflow: what might overflow is not
 * linear. */
#include "ref/ref_int.h"

/* The interval of the whole form, from the extents of its axes. */
static bool find_interval(const at_ref *ref, at_linear *form) {
    form->low = form->high = form->constant;
    for (int i = 0; i < form->count; i++) {
        int64_t last = ref->extents[form->axes[i]->id] - 1, end;
        if (last < 0) last = 0; /* never evaluated */
        if (__builtin_mul_overflow(form->factors[i], last, &end)) return false;
        int64_t *bound = end < 0 ? &form->low : &form->high;
        if (__builtin_add_overflow(*bound, end, bound)) return false;
    }
    return true;
}

static bool add_term(at_linear *form, const at_axis *axis, int64_t factor) {
    for (int i = 0; i < form->count; i++) {
        if (form->axes[i] != axis) continue;
        if (__builtin_add_overflow(form->factors[i], factor, &form->factors[i])) return false;
        if (form->factors[i] == 0) {
            form->count--;
            form->axes[i] = form->axes[form->count];
            form->factors[i] = form->factors[form->count];
        }
        return true;
    }
    if (factor == 0) return true;
    if (form->count == AT_TERMS) return false;
    form->axes[form->count] = axis;
    form->factors[form->count++] = factor;
    return true;
}

bool at_linear_add(const at_ref *ref, const at_linear *a, int64_t factor, const at_linear *b,
                   at_linear *out) {
    at_linear sum = *a;
    int64_t part;
    if (__builtin_mul_overflow(b->constant, factor, &part) ||
        __builtin_add_overflow(sum.constant, part, &sum.constant))
        return false;
    for (int i = 0; i < b->count; i++)
        if (__builtin_mul_overflow(b->factors[i], factor, &part) ||
            !add_term(&sum, b->axes[i], part))
            return false;
    if (!find_interval(ref, &sum)) return false;
    *out = sum;
    return true;
}

static at_linear constant_form(int64_t value) {
    return (at_linear){.constant = value, .low = value, .high = value};
}

static bool linear_map(const at_ref *ref, const at_expr *e, at_linear *out) {
    at_op op = e->u.map.op;
    at_linear a, b, zero = constant_form(0);
    int arity = at_op_info(op)->arity;
    if (arity > 2 || e->u.map.args[0]->kind != AT_INT) return false;
    if (!at_linear_of(ref, e->u.map.args[0], &a)) return false;
    if (op == AT_OP_NEG) return at_linear_add(ref, &zero, -1, &a, out);
    if (arity != 2 || !at_linear_of(ref, e->u.map.args[1], &b)) return false;
    if (op == AT_OP_ADD) return at_linear_add(ref, &a, 1, &b, out);
    if (op == AT_OP_SUB) return at_linear_add(ref, &a, -1, &b, out);
    if (op == AT_OP_MUL && b.count == 0) return at_linear_add(ref, &zero, b.constant, &a, out);
    if (op == AT_OP_MUL && a.count == 0) return at_linear_add(ref, &zero, a.constant, &b, out);
    int64_t value;
    if (a.count || b.count || !at_int_op(op, a.constant, b.constant, 0, &value)) return false;
    *out = constant_form(value);
    return true;
}

bool at_linear_of(const at_ref *ref, const at_expr *e, at_linear *out) {
    if (e->kind != AT_INT) return false;
    switch (e->tag) {
    case AT_CONST: *out = constant_form(e->u.integer); return true;
    case AT_SIZE: *out = constant_form(ref->extents[e->u.axis->id]); return true;
    case AT_INDEX:
        *out = constant_form(0);
        return add_term(out, e->u.axis, 1) && find_interval(ref, out);
    case AT_MAP: return linear_map(ref, e, out);
    case AT_READ:
    case AT_FOLD_NODE: break;
    }
    return false;
}

int64_t at_linear_take(at_linear *form, const at_axis *axis) {
    for (int i = 0; i < form->count; i++) {
        if (form->axes[i] != axis) continue;
        int64_t factor = form->factors[i];
        form->count--;
        form->axes[i] = form->axes[form->count];
        form->factors[i] = form->factors[form->count];
        return factor;
    }
    return 0;
}

/* ---- code ------------------------------------------------------------------------------------ */

/* Outermost axes first. */
static void sort_terms(const at_lowering *l, at_linear *form) {
    for (int i = 1; i < form->count; i++)
        for (int k = i; k > 0; k--) {
            const at_axis *axis = form->axes[k];
            if (l->axis_depth[axis->id] >= l->axis_depth[form->axes[k - 1]->id]) break;
            int64_t factor = form->factors[k];
            form->axes[k] = form->axes[k - 1];
            form->factors[k] = form->factors[k - 1];
            form->axes[k - 1] = axis;
            form->factors[k - 1] = factor;
        }
}

static int emit_terms(at_lowering *l, const at_linear *form, int count) {
    int sum = at_constant_int(l, form->constant);
    for (int i = 0; i < count; i++) {
        const at_axis *axis = form->axes[i];
        int next = at_new_register(l);
        at_instr *in = at_emit_header(l, AT_I_SCALE_ADD, l->axis_depth[axis->id]);
        in->dst = next;
        in->a = sum;
        in->b = l->axis_register[axis->id];
        in->imm = form->factors[i];
        sum = next;
    }
    return sum;
}

int at_emit_linear(at_lowering *l, const at_linear *linear) {
    at_linear form = *linear;
    sort_terms(l, &form);
    return emit_terms(l, &form, form.count);
}

int at_emit_prefix(at_lowering *l, const at_linear *linear, int *index, int64_t *factor) {
    at_linear form = *linear;
    sort_terms(l, &form);
    *index = at_constant_int(l, 0);
    *factor = 0;
    if (form.count == 0) return at_constant_int(l, form.constant);
    *index = l->axis_register[form.axes[form.count - 1]->id];
    *factor = form.factors[form.count - 1];
    return emit_terms(l, &form, form.count - 1);
}

typedef struct {
    const at_lowering *l;
    int depth;
} search;

static bool look_at_index(void *user, const at_expr *e) {
    search *what = user;
    if (e->tag == AT_INDEX) {
        int depth = what->l->axis_depth[e->u.axis->id]; /* not bound yet: bound inside e */
        if (depth > what->depth) what->depth = depth;
    }
    return true;
}

int at_depth_of(const at_lowering *l, const at_expr *e) {
    search what = {l, 0};
    at_walk(e, look_at_index, &what);
    return what.depth;
}
