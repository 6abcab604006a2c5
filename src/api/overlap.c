/* Which arrays of a caller share memory. What is written must share none with what is read or
 * written besides; two columns or halves of one matrix do not.
 *
 * Exact for what callers have: equal outer strides are taken apart one by one, until the pieces are
 * apart or surely not. Where that does not decide, they count as shared. */
#include "api/api_int.h"

/* A sorted copy: positive strides in bytes, the largest first, without axes of one element. `low`
 * is the address of the lowest element. */
typedef struct {
    uintptr_t low;
    size_t bytes;
    int rank;
    uint64_t extents[ATTEND_RANK_LIMIT], strides[ATTEND_RANK_LIMIT];
} spread;

/* False where there are no elements. */
static bool make_spread(const at_api_view *view, spread *out) {
    *out = (spread){.low = (uintptr_t)view->data, .bytes = view->bytes};
    for (int i = 0; i < view->rank; i++) {
        if (view->extents[i] == 0) return false;
        if (view->extents[i] == 1) continue;
        int64_t stride = view->strides[i];
        uint64_t size = (stride < 0 ? 0 - (uint64_t)stride : (uint64_t)stride) * view->bytes;
        if (stride < 0) out->low -= (uintptr_t)(size * (uint64_t)(view->extents[i] - 1));
        int at = out->rank++;
        for (; at > 0 && out->strides[at - 1] < size; at--) {
            out->strides[at] = out->strides[at - 1];
            out->extents[at] = out->extents[at - 1];
        }
        out->strides[at] = size;
        out->extents[at] = (uint64_t)view->extents[i];
    }
    return true;
}

/* Bytes from the first element to the end of the last, of the axes from `first` on. */
static uint64_t span_from(const spread *a, int first) {
    uint64_t span = a->bytes;
    for (int i = first; i < a->rank; i++) span += a->strides[i] * (a->extents[i] - 1);
    return span;
}

bool at_api_folds(const at_api_view *view) {
    spread a;
    if (!make_spread(view, &a)) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.strides[i] < span_from(&a, i + 1)) return true;
    return false;
}

/* Whether pieces of both, their axes from `i` and `k` on, meet; b begins `offset` bytes after a.
 * budget: how many pieces may still be looked at. */
static bool meet(const spread *a, int i, const spread *b, int k, int64_t offset, int *budget) {
    if (--*budget < 0) return true;
    int64_t span_a = (int64_t)span_from(a, i), span_b = (int64_t)span_from(b, k);
    if (offset >= span_a || -offset >= span_b) return false;
    if (i == a->rank || k == b->rank || a->strides[i] != b->strides[k]) return true;
    int64_t stride = (int64_t)a->strides[i];
    int64_t inner_a = (int64_t)span_from(a, i + 1), inner_b = (int64_t)span_from(b, k + 1);
    if (inner_a > stride || inner_b > stride) return true;
    /* Rows n apart are offset + n * stride apart, and meet only where that is near 0. */
    int64_t near = -offset / stride;
    for (int64_t n = near - 2; n <= near + 2; n++) {
        if (n >= (int64_t)b->extents[k] || -n >= (int64_t)a->extents[i]) continue;
        if (meet(a, i + 1, b, k + 1, offset + n * stride, budget)) return true;
    }
    return false;
}

bool at_api_overlap(const at_api_view *a, const at_api_view *b) {
    spread x, y;
    if (!make_spread(a, &x) || !make_spread(b, &y)) return false;
    int budget = 1000;
    return meet(&x, 0, &y, 0, (int64_t)(y.low - x.low), &budget);
}
