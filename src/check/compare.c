/* Results of another executor against the reference's, as far as rounding lets them differ.
 *
 * The reference computes in float64, one term after the other. Compiled code sums in another order,
 * computes in float for the narrow types, and takes reciprocals and fused operations where it
 * likes. So an element may differ by as much as it moves when rounding is made up on purpose
 * (ref/jitter.c): by a multiple of the spread of several such runs, and by a few units of its own
 * type. Where a decision (a comparison, an argmax, a floor) hangs on rounding, these runs disagree
 * with each other by far more than rounding makes; where they have few values, the element must
 * have one of these. Infinities, NaN and failures must be as in the reference, or as in one of the
 * runs.
 *
 * The runs are made only where elements differ by more than their own rounding, few at first: a
 * disagreement is told only after many. */
#include "check/check_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 6, SOME = 20, MANY = 120 };

/* One rounding is off by at most half a unit; the made-up one by up to so many halves. */
static const double HALVES = 4;
/* How many times the spread of the runs an element may be off. */
static const double SPREADS = 8;

struct at_measure {
    at_session *s;
    const at_cascade *cascade;
    at_call call;
    at_type type;
    at_ran reference;
    int run_count;
    at_ran runs[MANY];
};

/* ---- runs ------------------------------------------------------------------------------------ */

at_ran at_run_kept(at_session *s, at_executor run, void *user, const at_call *call) {
    at_ran ran = {.errors = ""};
    int count = s->diag_count, lost = s->diag_lost;
    ran.good = run(s, user, call, &ran.results);
    if (!ran.good && s->diag_count > count) {
        const at_diag *diag = s->diags[count];
        ran.code = diag->code;
        ran.errors = at_format(s->arena, "%s: %s", at_code_text(diag->code), diag->message);
    } else if (!ran.good) {
        ran.errors = "an error that is not told";
    }
    s->diag_count = count;
    s->diag_lost = lost;
    return ran;
}

void at_ran_free(at_ran *ran) {
    at_results_free(&ran->results);
    ran->good = false;
}

static bool run_reference(at_session *s, void *user, const at_call *call, at_results *results) {
    const at_measure *m = user;
    return at_ref_run(s, m->cascade, call, results);
}

typedef struct {
    const at_measure *m;
    at_jitter jitter;
} jittered;

static bool run_jittered(at_session *s, void *user, const at_call *call, at_results *results) {
    const jittered *j = user;
    return at_ref_run_jittered(s, j->m->cascade, call, &j->jitter, results);
}

/* Every second run lets equal computations round differently, and every second two flush to 0. Of
 * the many that look for decisions some are rougher, which takes them further, and some finer,
 * which lets equal numbers stay equal. */
static double size_of(int i, bool single) {
    double size = HALVES * (single ? 0x1p-24 : 0x1p-53);
    return i < SOME || i % 3 == 2 ? size : i % 3 == 0 ? 4 * size : size / 4;
}

static void more_runs(at_measure *m, int count) {
    bool single = m->type != AT_TYPE_F64;
    for (; m->run_count < count; m->run_count++) {
        int i = m->run_count;
        jittered j = {m, {.single = single, .varied = i % 2 || i > SOME}};
        j.jitter.seed = 2 * (uint64_t)i + (uint64_t)(i / 2 % 2);
        j.jitter.size = size_of(i, single);
        m->runs[i] = at_run_kept(m->s, run_jittered, &j, &m->call);
    }
}

at_measure *at_measure_new(at_session *s, const at_cascade *cascade, const at_call *call,
                           at_type type) {
    at_measure *m = calloc(1, sizeof *m);
    if (!m) {
        at_error(s, AT_E_MEMORY, at_no_span(), "there is no memory to compare runs");
        return NULL;
    }
    m->s = s;
    m->cascade = cascade;
    m->call = *call;
    m->type = type;
    m->reference = at_run_kept(s, run_reference, m, &m->call);
    return m;
}

void at_measure_free(at_measure *m) {
    if (!m) return;
    at_ran_free(&m->reference);
    for (int i = 0; i < m->run_count; i++) at_ran_free(&m->runs[i]);
    free(m);
}

const at_ran *at_measure_reference(const at_measure *m) { return &m->reference; }

/* ---- numbers --------------------------------------------------------------------------------- */

double at_rounded(at_type type, double value) {
    switch (type) {
    case AT_TYPE_F32: return (double)(float)value;
    case AT_TYPE_BF16: return (double)at_bfloat_to_float(at_float_to_bfloat((float)value));
    case AT_TYPE_F16: return (double)at_half_to_float(at_float_to_half((float)value));
    default: return value;
    }
}

static double real_at(const at_tensor *x, int64_t at) {
    switch (x->type) {
    case AT_TYPE_F64: return ((const double *)x->data)[at];
    case AT_TYPE_F32: return (double)((const float *)x->data)[at];
    case AT_TYPE_BF16: return (double)at_bfloat_to_float(((const uint16_t *)x->data)[at]);
    default: return (double)at_half_to_float(((const uint16_t *)x->data)[at]);
    }
}

static int64_t int_at(const at_tensor *x, int64_t at) {
    if (x->type == AT_TYPE_BOOL) return ((const unsigned char *)x->data)[at] != 0;
    return ((const int64_t *)x->data)[at];
}

static bool is_real(const at_tensor *x) { return x->type >= AT_TYPE_F16; }

/* What an element may be off in any case: some units of its type. */
static double floor_of(at_type type, double value) {
    double size = fabs(value);
    switch (type) {
    case AT_TYPE_F32: return size * 0x1p-19 + 0x1p-120;
    case AT_TYPE_BF16: return size * 0x1p-7 + 0x1p-120;
    case AT_TYPE_F16: return size * 0x1p-10 + 0x1p-23;
    default: return size * 0x1p-47 + 0x1p-1000;
    }
}

/* NaN, infinities and what is finite: only alike can be near. */
static bool alike(double a, double b) {
    return isnan(a) ? isnan(b) : isinf(a) ? a == b : isfinite(b);
}

/* ---- one element ----------------------------------------------------------------------------- */

typedef struct {
    at_measure *m;
    int item;      /* of the outputs, or the states */
    bool state;
    int64_t element;
    double scale;  /* of the reference's elements: the root of their mean square */
    const at_tensor *reference, *other;
} place;

/* The same array in a run; NULL: the run has none. */
static const at_tensor *same_array(const place *p, const at_ran *run) {
    const at_collection *all = p->state ? &run->results.states : &run->results.outputs;
    return run->good && p->item < all->count ? all->items[p->item].tensor : NULL;
}

typedef enum { DIFFERS, AGREES, DECIDED } judgement;

static judgement judge_int(const place *p) {
    int64_t value = int_at(p->other, p->element), low = int_at(p->reference, p->element),
            high = low;
    if (value == low) return AGREES;
    for (int i = 0; i < p->m->run_count; i++) {
        const at_tensor *x = same_array(p, &p->m->runs[i]);
        if (!x) continue;
        int64_t run = int_at(x, p->element);
        low = run < low ? run : low;
        high = run > high ? run : high;
    }
    return low <= value && value <= high ? DECIDED : DIFFERS;
}

/* The finite values of an element in all runs. */
typedef struct {
    double exact, low, high;
    double spread; /* from the exact one, in runs that are not rougher than others */
    int count;
    double values[MANY];
} range;

static range range_of(const place *p, double exact) {
    range r = {exact, exact, exact, 0, 0, {0}};
    for (int i = 0; i < p->m->run_count; i++) {
        const at_tensor *x = same_array(p, &p->m->runs[i]);
        double run = x ? real_at(x, p->element) : NAN;
        if (!isfinite(at_rounded(p->m->type, run))) continue;
        r.values[r.count++] = run;
        r.low = fmin(r.low, run);
        r.high = fmax(r.high, run);
        if (i < SOME || i % 3 != 0) r.spread = fmax(r.spread, fabs(run - exact));
    }
    return r;
}

/* Whether a value is among few that the runs have; -1: they have many. */
static int is_one_of_few(const range *r, double value, double floor) {
    enum { CLUSTERS = 3 };
    double centers[CLUSTERS] = {r->exact}, radius = 0.02 * (r->high - r->low) + floor;
    int count = 1;
    bool near = fabs(value - r->exact) <= 2 * radius;
    for (int i = 0; i < r->count; i++) {
        int c = 0;
        while (c < count && fabs(r->values[i] - centers[c]) > radius) c++;
        if (c == CLUSTERS) return -1;
        if (c == count) centers[count++] = r->values[i];
        near = near || fabs(value - r->values[i]) <= 2 * radius;
    }
    return near;
}

/* Both are finite. */
static judgement judge_finite(const place *p, double value, double exact, double *allowed) {
    range r = range_of(p, exact);
    double floor = *allowed, coarse = sqrt(floor_of(p->m->type, 1));
    bool rough = r.high - r.low > coarse * fmax(fabs(exact), p->scale);
    int few = rough ? is_one_of_few(&r, value, floor) : -1;
    if (few >= 0) return few ? DECIDED : DIFFERS;
    *allowed += SPREADS * r.spread;
    if (!(fabs(value - exact) <= *allowed)) return DIFFERS;
    return rough ? DECIDED : AGREES;
}

/* One of the two is not finite: some run must be like this value. */
static judgement judge_strange(const place *p, double value) {
    at_type type = p->m->type;
    for (int i = 0; i < p->m->run_count; i++) {
        const at_tensor *x = same_array(p, &p->m->runs[i]);
        if (!x) continue;
        double run = at_rounded(type, real_at(x, p->element));
        if (!alike(value, run)) continue;
        if (!isfinite(value) || fabs(value - run) <= fabs(run) + floor_of(type, run))
            return DECIDED;
    }
    return DIFFERS;
}

static judgement judge_real(const place *p, double *allowed) {
    at_type type = p->m->type;
    double value = real_at(p->other, p->element), exact = real_at(p->reference, p->element);
    double wanted = at_rounded(type, exact);
    if (!isfinite(value) || !isfinite(wanted))
        return alike(value, wanted) ? AGREES : judge_strange(p, value);
    *allowed = floor_of(type, wanted);
    return fabs(value - wanted) <= *allowed ? AGREES : judge_finite(p, value, exact, allowed);
}

/* ---- whole results --------------------------------------------------------------------------- */

static const char *element_text(const place *p) {
    at_session *s = p->m->s;
    const at_collection *all =
        p->state ? &p->m->reference.results.states : &p->m->reference.results.outputs;
    const char *name = all->items[p->item].name, *text = "";
    if (p->state) {
        if (p->reference->count == 1) return at_format(s->arena, "the next %s", name);
        return at_format(s->arena, "the next %s, element %lld", name, (long long)p->element);
    }
    const at_array *array = p->m->cascade->outputs[p->item].array;
    int64_t rest = p->element;
    for (int i = array->rank - 1; i >= 0; i--) {
        int64_t extent = p->reference->extents[i];
        text = at_format(s->arena, "%s=%lld%s%s", array->axes[i]->name, (long long)(rest % extent),
                         text[0] ? ", " : "", text);
        rest /= extent;
    }
    return text[0] ? at_format(s->arena, "%s[%s]", name, text) : name;
}

static const char *number_text(at_session *s, double value) {
    char text[32];
    at_text_real(value, text);
    return at_copy_text(s->arena, text, strlen(text));
}

static const char *tell(const place *p, double allowed) {
    at_session *s = p->m->s;
    const char *where = element_text(p);
    if (!is_real(p->reference))
        return at_format(s->arena, "%s is %lld where the reference has %lld", where,
                         (long long)int_at(p->other, p->element),
                         (long long)int_at(p->reference, p->element));
    return at_format(s->arena, "%s is %s where the reference has %s (rounding allows %.2g)", where,
                     number_text(s, real_at(p->other, p->element)),
                     number_text(s, real_at(p->reference, p->element)), allowed);
}

static double scale_of(const at_tensor *x) {
    double sum = 0, count = 0;
    for (int64_t i = 0; is_real(x) && i < x->count; i++) {
        double value = real_at(x, i);
        if (!(fabs(value) < 1e150)) continue;
        sum += value * value;
        count++;
    }
    return count > 0 ? sqrt(sum / count) : 0;
}

/* Judges by the runs there are; false at the first element that differs, which *what tells. */
static bool judge_arrays(at_measure *m, const at_ran *other, bool state, at_agreement *out) {
    const at_collection *wanted = state ? &m->reference.results.states
                                        : &m->reference.results.outputs;
    const at_collection *given = state ? &other->results.states : &other->results.outputs;
    if (wanted->count != given->count) {
        out->what = state ? "it gives other states" : "it gives other outputs";
        return false;
    }
    for (int i = 0; i < wanted->count; i++) {
        place p = {.m = m, .item = i, .state = state, .reference = wanted->items[i].tensor,
                   .other = given->items[i].tensor};
        if (p.reference->count != p.other->count || is_real(p.reference) != is_real(p.other)) {
            out->what = at_format(m->s->arena, "`%s` has another shape or kind",
                                  wanted->items[i].name);
            return false;
        }
        p.scale = scale_of(p.reference);
        for (; p.element < p.reference->count; p.element++) {
            double allowed = 0;
            judgement found = is_real(p.reference) ? judge_real(&p, &allowed) : judge_int(&p);
            out->elements++;
            if (found == DECIDED) out->decided++;
            if (found != DIFFERS) continue;
            out->what = tell(&p, allowed);
            return false;
        }
    }
    return true;
}

static bool same_failure(const at_ran *a, const at_ran *b) {
    return !a->good && !b->good && strcmp(a->errors, b->errors) == 0;
}

/* When one of the two fails. */
static bool judge_failure(at_measure *m, const at_ran *other, at_agreement *out) {
    if (same_failure(&m->reference, other)) return true;
    bool met = false;
    for (int i = 0; i < m->run_count && !met; i++)
        met = other->good ? m->runs[i].good : same_failure(&m->runs[i], other);
    if (met) {
        out->decided++;
        return true;
    }
    const char *reference = m->reference.good ? "the reference runs" : m->reference.errors;
    out->what =
        other->good ? at_format(m->s->arena, "it runs, where the reference fails (%s)", reference)
        : m->reference.good
            ? at_format(m->s->arena, "it fails (%s), where the reference runs", other->errors)
            : at_format(m->s->arena, "it fails otherwise (%s) than the reference (%s)",
                        other->errors, reference);
    return false;
}

static bool judge(at_measure *m, const at_ran *other, at_agreement *out) {
    *out = (at_agreement){0};
    out->agrees = m->reference.good && other->good
                      ? judge_arrays(m, other, false, out) && judge_arrays(m, other, true, out)
                      : judge_failure(m, other, out);
    return out->agrees;
}

at_agreement at_measure_compare(at_measure *m, const at_ran *other) {
    static const int counts[] = {0, FEW, SOME, MANY};
    at_agreement out;
    for (int i = 0; i < 4; i++) {
        more_runs(m, counts[i]);
        if (judge(m, other, &out)) break;
    }
    return out;
}

static bool same_arrays(const at_collection *a, const at_collection *b) {
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++) {
        const at_tensor *x = a->items[i].tensor, *y = b->items[i].tensor;
        if (x->type != y->type || x->count != y->count ||
            memcmp(x->data, y->data, (size_t)x->count * at_type_bytes(x->type)) != 0)
            return false;
    }
    return true;
}

bool at_ran_same(const at_ran *a, const at_ran *b) {
    if (!a->good || !b->good) return same_failure(a, b);
    return same_arrays(&a->results.outputs, &b->results.outputs) &&
           same_arrays(&a->results.states, &b->results.states);
}
