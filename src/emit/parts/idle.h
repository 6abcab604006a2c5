/* Scans that leave out steps which change nothing. What a step leaves lies in the memory of its
 * number modulo `stride`, so that the steps which are run before and behind those that are left out
 * must differ from them by a multiple of it. The first step is always run. */

/* a divided by a positive number, towards minus infinity. */
static inline int64_t attend_quotient(int64_t a, int64_t by) {
    return a >= 0 ? a / by : -((-a + by - 1) / by);
}
static inline int64_t attend_smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t attend_larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* Farther than any index: of what data say no more is needed. */
#define FARTHEST ((int64_t)1 << 40)

/* Before which step a scan may end, where those from `to` on change nothing. */
static inline int64_t attend_scan_to(int64_t to, int64_t steps, int64_t stride) {
    if (to < 1) to = 1;
    return to >= steps ? steps : steps - (steps - to) / stride * stride;
}

/* The step behind the first, where those between it and `from` change nothing. */
static inline int64_t attend_scan_from(int64_t from, int64_t to, int64_t stride) {
    if (from > to - 1) from = to - 1;
    return from <= 1 ? 1 : 1 + (from - 1) / stride * stride;
}
