/* The machine: runs the bytecode of a unit, row by row.
 *
 * An instruction that has no value to give sets the frame's cause and goes on at its handler; there
 * is no other way out of the middle of a row, so every element is stored exactly once. Threads
 * share units and arrays and have a frame each; they write different elements. */
#define _DEFAULT_SOURCE /* M_SQRT1_2, in the C text of ops.def */
#include "ref/ref_int.h"

#include <math.h>
#include <string.h>

enum { FUEL = 1 << 16 };

static bool fails(at_frame *frame, const at_instr *in, at_cause_kind kind, int64_t value,
                  int64_t other) {
    frame->cause = at_cause_id(frame->ref, kind, in->ptr, value, other);
    return false;
}

/* false: no value; the frame's cause says why. */
static bool int_op(at_frame *frame, const at_instr *in) {
    at_cell *r = frame->r;
    int64_t a = r[in->a].i, b = r[in->b].i, value;
    if (at_int_op((at_op)in->imm, a, b, r[in->c].i, &value)) {
        r[in->dst].i = value;
        return true;
    }
    at_cause_kind kind = AT_CAUSE_OVERFLOW;
    if ((in->imm == AT_OP_IDIV || in->imm == AT_OP_MOD) && b == 0) kind = AT_CAUSE_DIVISION;
    if (in->imm == AT_OP_IPOW && b < 0) kind = AT_CAUSE_POWER;
    return fails(frame, in, kind, a, b);
}

static bool is_earlier(at_frame *frame, const at_instr *in) {
    const at_earlier *check = in->ptr;
    for (int i = 0; i < check->count; i++) {
        int64_t index = frame->r[check->index[i]].i, current = frame->r[check->current[i]].i;
        if (index == current) continue;
        if ((index < current) != check->down[i]) return true;
        frame->cause = at_cause_id(frame->ref, AT_CAUSE_EARLY, &check->site, index, current);
        return false;
    }
    if (check->same) return true;
    int64_t index = frame->r[check->index[0]].i;
    frame->cause = at_cause_id(frame->ref, AT_CAUSE_EARLY, &check->site, index, index);
    return false;
}

/* A sum of products in which cotangents of 0 are to count for nothing was taken as if they were any
 * number. Each added 0, unless its factor is infinite or NaN, and then so is the sum. So a finite
 * sum is right, to the last bit: no sum that begins at 0 becomes -0. A sum of 0 may have had no
 * term but such. */
static bool is_sure(const at_dot *d, double sum) {
    return (!d->x->cotangent && !d->y->cotangent) || (isfinite(sum) && sum != 0);
}

static bool annihilates(const at_store *store, int64_t at) {
    return store->cotangent ? store->at.real[at] == 0 : store->zero && store->zero[at];
}

/* false: an array has an element without a value. */
static bool dot(at_frame *frame, const at_instr *in, int64_t lane) {
    const at_dot *d = in->ptr;
    double sum = 0;
    int64_t terms = d->count;
    bool marked = d->x->zero || d->y->zero, known = frame->panel && d->panel != AT_NOWHERE;
    if (known) {
        int row = d->panel * AT_PANEL_ROWS + frame->panel_row;
        sum = frame->panel[row * AT_PANEL_LANES + lane];
    } else if (atomic_load_explicit(&d->x->poison, memory_order_acquire) ||
               atomic_load_explicit(&d->y->poison, memory_order_acquire)) {
        return false;
    }
    int64_t xi = frame->r[d->x_offset].i, yi = frame->r[d->y_offset].i;
    int64_t dx = d->x_stride, dy = d->y_stride;
    const double *x = d->x->at.real + xi, *y = d->y->at.real + yi;
    if (!known && !marked)
        for (int64_t k = 0; k < d->count; k++) sum += x[k * dx] * y[k * dy];
    if (marked || !is_sure(d, sum)) {
        sum = 0;
        terms = 0;
        for (int64_t k = 0; k < d->count; k++) {
            if (annihilates(d->x, xi + k * dx) || annihilates(d->y, yi + k * dy)) continue;
            sum += x[k * dx] * y[k * dy];
            terms++;
        }
    }
    frame->r[in->dst].r = sum;
    frame->r[d->terms].i = terms;
    return true;
}

/* The sum of exp(x - maximum) under a maximum that may grow. -inf adds nothing; equal infinities
 * count as equal; NaN stays. */
static void log_sum(at_jitter *jitter, at_cell *maximum, at_cell *sum, double x) {
    double m = maximum->r, low = x < m ? x : m, high = x < m ? m : x;
    if (low < high) {
        double power = AT_JITTERED(jitter, AT_OP_SUB, low, high, low - high);
        power = AT_JITTERED(jitter, AT_OP_EXP, power, 0, exp(power));
        double old = x > m ? AT_JITTERED(jitter, AT_OP_MUL, sum->r, power, sum->r * power) : sum->r;
        double term = x > m ? 1.0 : power;
        sum->r = AT_JITTERED(jitter, AT_OP_ADD, old, term, old + term);
        maximum->r = high;
    } else if (x == m) {
        if (x != -INFINITY) sum->r += 1.0;
    } else {
        maximum->r = x + m;
    }
}

static double draw(at_frame *frame, const at_instr *in) {
    const at_draw_site *site = in->ptr;
    uint64_t element = 0;
    for (int i = 0; i < site->count; i++)
        element = at_draw_element(element, (uint64_t)frame->r[site->index[i]].i);
    at_jitter *jitter = frame->ref->jitter;
    double standard = at_draw_value(site->key, element, site->draw);
    double a = frame->r[in->a].r, b = frame->r[in->b].r;
    standard = AT_JITTERED(jitter, AT_OP_LOG, standard, 0, standard);
    standard = at_draw_scaled(site->draw, standard, a, b);
    return AT_JITTERED(jitter, AT_OP_ADD, a, b, standard);
}

static int64_t saturating_add(int64_t a, int64_t b) {
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return a < 0 ? INT64_MIN : INT64_MAX;
}

static void put_row(at_frame *frame, at_cell value, int tag, uint32_t cause) {
    int64_t at = frame->position++;
    frame->row[at] = value;
    frame->row_tag[at] = (unsigned char)tag;
    frame->row_cause[at] = cause;
}

static uint32_t poison_at(const at_store *store, int64_t at) {
    uint32_t *poison = atomic_load_explicit(&((at_store *)(uintptr_t)store)->poison,
                                            memory_order_acquire);
    return poison ? poison[at] : 0;
}

/* The element has a value now, whatever it had in the round before. */
static void clear_marks(at_store *store, int64_t at) {
    if (store->zero) store->zero[at] = 0;
    uint32_t *poison = atomic_load_explicit(&store->poison, memory_order_acquire);
    if (poison) poison[at] = 0;
}

#define A r[in->a]
#define B r[in->b]
#define C r[in->c]
#define DST r[in->dst]
#define ADDRESS (r[in->a].i + r[in->b].i * in->imm)
#define STORE ((at_store *)(uintptr_t)in->ptr)
#define JUMP (pc = code + in->to)
#define RAISE (pc = code + in->handler)
#define COMPARE(name, operator)                                                                    \
    case AT_I_REAL_##name: DST.i = A.r operator B.r; break;                                        \
    case AT_I_INT_##name: DST.i = A.i operator B.i; break
#define LOAD(name, member)                                                                         \
    case AT_I_LOAD_##name: {                                                                       \
        int64_t at = ADDRESS;                                                                      \
        const at_store *store = in->ptr;                                                           \
        uint32_t cause = poison_at(store, at);                                                     \
        if (cause) {                                                                               \
            frame->cause = cause;                                                                  \
            RAISE;                                                                                 \
            break;                                                                                 \
        }                                                                                          \
        DST = (at_cell){member};                                                                   \
        break;                                                                                     \
    }

/* One text, compiled twice: with `jitter` known to be NULL, nothing of it is left.
 *
 * Conditions on doubles (`!a`, `a ? b : c`) are meant: clang counts them as conversions. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-conversion"
static inline __attribute__((always_inline)) void run_row(const at_unit *unit, at_frame *frame,
                                                          at_jitter *jitter) {
    const at_instr *code = unit->code, *pc = code;
    at_cell *r = frame->r;
    int last = unit->axis_count ? unit->axis_register[unit->axis_count - 1] : 0;
    int64_t value;
    for (;;) {
        const at_instr *in = pc++;
        switch (in->op) {
#define AT_OP(id, text, arity, rule, level, value, doc)                                            \
    case AT_OP_##id: {                                                                             \
        double a = A.r, b = B.r, c = C.r;                                                          \
        (void)a, (void)b, (void)c;                                                                 \
        DST.r = AT_JITTERED(jitter, AT_OP_##id, a, b, (double)(value));                            \
        break;                                                                                     \
    }
#include "ir/ops.def"
#undef AT_OP
        COMPARE(EQ, ==);
        COMPARE(NE, !=);
        COMPARE(LT, <);
        COMPARE(LE, <=);
        COMPARE(GT, >);
        COMPARE(GE, >=);
        case AT_I_MOVE: DST = A; break;
        case AT_I_JUMP: JUMP; break;
        case AT_I_JUMP_IF:
            if (A.i) JUMP;
            break;
        case AT_I_JUMP_UNLESS:
            if (!A.i) JUMP;
            break;
        case AT_I_NOT: DST.i = !A.i; break;
        case AT_I_INT_ADD:
            if (__builtin_add_overflow(A.i, B.i, &value)) {
                fails(frame, in, AT_CAUSE_OVERFLOW, A.i, B.i);
                RAISE;
            } else {
                DST.i = value;
            }
            break;
        case AT_I_INT_SUB:
            if (__builtin_sub_overflow(A.i, B.i, &value)) {
                fails(frame, in, AT_CAUSE_OVERFLOW, A.i, B.i);
                RAISE;
            } else {
                DST.i = value;
            }
            break;
        case AT_I_INT_MUL:
            if (__builtin_mul_overflow(A.i, B.i, &value)) {
                fails(frame, in, AT_CAUSE_OVERFLOW, A.i, B.i);
                RAISE;
            } else {
                DST.i = value;
            }
            break;
        case AT_I_INT_OP:
            if (!int_op(frame, in)) RAISE;
            break;
        case AT_I_TO_REAL:
            DST.r = AT_JITTERED(jitter, AT_OP_TO_REAL, 0, 0, (double)A.i);
            break;
        case AT_I_TO_INT: DST.i = at_real_to_int(A.r); break;
        case AT_I_SCALE_ADD: DST.i = ADDRESS; break;
        case AT_I_BOUND:
            if (A.i < 0 || A.i >= in->imm) {
                fails(frame, in, AT_CAUSE_OUTSIDE, A.i, 0);
                RAISE;
            }
            break;
        case AT_I_BOUND_ELSE:
            if (A.i < 0 || A.i >= in->imm) JUMP;
            break;
        case AT_I_EARLIER:
            if (!is_earlier(frame, in)) RAISE;
            break;
        LOAD(REAL, .r = store->at.real[at])
        LOAD(INT, .i = store->at.integer[at])
        LOAD(BOOL, .i = store->at.boolean[at])
        case AT_I_LOAD_ZERO: {
            int64_t at = ADDRESS;
            const at_store *store = in->ptr;
            uint32_t cause = poison_at(store, at);
            if (cause) {
                frame->cause = cause;
                RAISE;
            } else if (store->zero[at]) {
                JUMP;
            } else {
                DST.r = store->at.real[at];
            }
            break;
        }
        case AT_I_LOAD_COTANGENT: {
            int64_t at = ADDRESS;
            const at_store *store = in->ptr;
            uint32_t cause = poison_at(store, at);
            if (cause) {
                frame->cause = cause;
                RAISE;
            } else if (store->at.real[at] == 0) {
                JUMP;
            } else {
                DST.r = store->at.real[at];
            }
            break;
        }
        case AT_I_LOOP:
            DST = A;
            if (A.i >= B.i) JUMP;
            break;
        case AT_I_NEXT:
            if (++DST.i >= A.i) break;
            if (--frame->fuel < 0 && !at_tick(frame)) return;
            JUMP;
            break;
        case AT_I_CLIP_LOW: {
            int64_t bound = saturating_add(A.i, in->imm);
            if (bound > DST.i) DST.i = bound;
            break;
        }
        case AT_I_CLIP_HIGH: {
            int64_t bound = saturating_add(A.i, in->imm);
            if (bound < DST.i) DST.i = bound;
            break;
        }
        case AT_I_RAISE:
            fails(frame, in, (at_cause_kind)in->imm, 0, 0);
            RAISE;
            break;
        case AT_I_CAUSE: DST.i = frame->cause; break;
        case AT_I_RAISE_IF:
            if (!A.i) break;
            frame->cause = (uint32_t)A.i;
            RAISE;
            break;
        case AT_I_STORE_REAL: {
            int64_t at = ADDRESS;
            STORE->at.real[at] = C.r;
            clear_marks(STORE, at);
            break;
        }
        case AT_I_STORE_INT: {
            int64_t at = ADDRESS;
            STORE->at.integer[at] = C.i;
            clear_marks(STORE, at);
            break;
        }
        case AT_I_STORE_BOOL: {
            int64_t at = ADDRESS;
            STORE->at.boolean[at] = C.i != 0;
            clear_marks(STORE, at);
            break;
        }
        case AT_I_STORE_ZERO: {
            int64_t at = ADDRESS;
            STORE->at.real[at] = 0;
            clear_marks(STORE, at);
            STORE->zero[at] = 1;
            break;
        }
        case AT_I_STORE_POISON: at_poison(frame->ref, STORE, ADDRESS, frame->cause); break;
        case AT_I_ROW: put_row(frame, C, (int)in->imm, 0); break;
        case AT_I_ROW_POISON:
            put_row(frame, (at_cell){0}, (int)in->imm, frame->cause);
            break;
        case AT_I_COLUMN_LOAD: DST = frame->columns[in->imm][A.i]; break;
        case AT_I_COLUMN_STORE: frame->columns[in->imm][A.i] = C; break;
        case AT_I_FAIL: frame->failed = true; return;
        case AT_I_MAX_REAL:
            if (!isnan(DST.r) && (isnan(A.r) || A.r > DST.r)) DST = A;
            break;
        case AT_I_MIN_REAL:
            if (!isnan(DST.r) && (isnan(A.r) || A.r < DST.r)) DST = A;
            break;
        case AT_I_MAX_INT:
            if (!B.i || A.i > DST.i) DST = A;
            break;
        case AT_I_MIN_INT:
            if (!B.i || A.i < DST.i) DST = A;
            break;
        case AT_I_ARGMAX_REAL:
            if (DST.i >= 0 && (isnan(B.r) || !(isnan(A.r) || A.r > B.r))) break;
            DST = C;
            B = A;
            break;
        case AT_I_ARGMIN_REAL:
            if (DST.i >= 0 && (isnan(B.r) || !(isnan(A.r) || A.r < B.r))) break;
            DST = C;
            B = A;
            break;
        case AT_I_ARGMAX_INT:
            if (DST.i >= 0 && A.i <= B.i) break;
            DST = C;
            B = A;
            break;
        case AT_I_ARGMIN_INT:
            if (DST.i >= 0 && A.i >= B.i) break;
            DST = C;
            B = A;
            break;
        case AT_I_LOGSUM: log_sum(jitter, &DST, &B, A.r); break;
        case AT_I_LOGSUM_END: {
            double a = A.r, b = AT_JITTERED(jitter, AT_OP_LOG, B.r, 0, log(B.r));
            DST.r = AT_JITTERED(jitter, AT_OP_ADD, a, b, a + b);
            break;
        }
        case AT_I_DOT:
            if (!dot(frame, in, r[last].i - frame->panel_low)) JUMP;
            break;
        case AT_I_DRAW: DST.r = draw(frame, in); break;
        default: return; /* END */
        }
    }
}

#pragma GCC diagnostic pop

static void run_plain(const at_unit *unit, at_frame *frame) { run_row(unit, frame, NULL); }

static void run_jittered(const at_unit *unit, at_frame *frame) {
    run_row(unit, frame, frame->ref->jitter);
}

/* ---- rows ------------------------------------------------------------------------------------ */

void at_unit_reset(const at_unit *unit, at_frame *frame, int depth) {
    at_cell *r = frame->r;
    for (int i = 0; i < unit->reset_count; i++)
        if (unit->resets[i].depth >= depth) r[unit->resets[i].reg].i = 0;
}

void at_unit_row(const at_unit *unit, at_frame *frame, int64_t low, int64_t high) {
    frame->r[unit->low].i = low;
    frame->r[unit->high].i = high;
    (frame->ref->jitter ? run_jittered : run_plain)(unit, frame);
}

void at_unit_next_row(const at_unit *unit, at_frame *frame) {
    int i = unit->axis_count - 2;
    for (; i >= 0; i--) {
        at_cell *index = &frame->r[unit->axis_register[i]];
        if (++index->i < unit->extents[i]) break;
        index->i = 0;
    }
    at_unit_reset(unit, frame, i + 1);
}

static void set_row(const at_unit *unit, at_frame *frame, int64_t row) {
    at_cell *r = frame->r;
    for (int i = 0; i < unit->fixed_count; i++)
        r[unit->fixed_register[i]].i = frame->ref->index[unit->fixed[i]->id];
    for (int i = unit->axis_count - 2; i >= 0; i--) {
        r[unit->axis_register[i]].i = unit->extents[i] ? row % unit->extents[i] : 0;
        row = unit->extents[i] ? row / unit->extents[i] : 0;
    }
    at_unit_reset(unit, frame, 0);
}

void at_unit_rows(const at_unit *unit, at_frame *frame, int64_t first, int64_t last, int64_t low,
                  int64_t high) {
    set_row(unit, frame, first);
    if (unit->panel_count && at_panel_rows(unit, frame, last - first, low, high)) return;
    for (int64_t row = first; row < last; row++) {
        at_unit_row(unit, frame, low, high);
        if (frame->failed || frame->ref->stopped) return;
        at_unit_next_row(unit, frame);
        if (--frame->fuel < 0 && !at_tick(frame)) return;
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

bool at_tick(at_frame *frame) {
    at_ref *ref = frame->ref;
    frame->fuel = FUEL;
    if (ref->stopped) return false;
    at_session *s = ref->s;
    if (!frame->leader || !s->progress) return true;
    double now = at_now();
    if (now - ref->clock < 0.25) return true;
    ref->clock = now;
    double share = ref->work > 0 ? ref->done / ref->work : -1;
    if (s->progress(s->progress_user, "evaluating", share > 1 ? 1 : share)) return true;
    ref->stopped = true;
    return false;
}

int at_worth(const at_ref *ref, double work) {
    enum { ENOUGH = 20000 }; /* instructions that pay for waking the threads */
    return work < ENOUGH ? 1 : ref->threads;
}

static void run_elements(at_ref *ref, const at_unit *unit) {
    if (unit->rows <= 0 || unit->width <= 0 || ref->stopped) return;
    int threads = unit->frame_count;
    /* One element is the leader's, who reports progress. */
    if (threads == 1 || (unit->rows == 1 && unit->width == 1)) {
        at_unit_rows(unit, &unit->frames[0], 0, unit->rows, 0, unit->width);
        return;
    }
    /* Groups of whole rows where there are enough of them, pieces of the row otherwise. */
    int64_t group = unit->panel_count ? AT_PANEL_ROWS : 1;
    bool split_rows = unit->rows >= 4 * group * threads || unit->rows >= unit->width;
    if (!split_rows) group = 1;
    int64_t extent = split_rows ? unit->rows : unit->width;
    int64_t groups = (extent + group - 1) / group, most = 16 * (int64_t)threads;
    int64_t pieces = groups < most ? groups : most;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t p = 0; p < pieces; p++) {
        int64_t from = group * (groups / pieces * p + (p < groups % pieces ? p : groups % pieces));
        int64_t to = from + group * (groups / pieces + (p < groups % pieces));
        if (to > extent) to = extent;
        at_frame *frame = &unit->frames[omp_get_thread_num()];
        if (split_rows) at_unit_rows(unit, frame, from, to, 0, unit->width);
        else at_unit_rows(unit, frame, 0, unit->rows, from, to);
    }
}

void at_unit_run(at_ref *ref, const at_unit *unit) {
    at_scatters_run(ref, unit);
    run_elements(ref, unit);
    at_scatters_end(ref, unit);
}
