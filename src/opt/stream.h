/* stream: sums over long axes as scans over blocks of them, so that no array over pairs is stored
 * beyond one block of columns. */
#ifndef AT_STREAM_H
#define AT_STREAM_H

#include "form/form.h"
#include "form/separate.h"
#include "opt/pairs.h"

/* Why the pair arrays that a sum goes over were left as they are. */
typedef struct {
    const at_array *of; /* of `from`: what the sum is for */
    at_span where;
    const char *why;
} at_sweep_refusal;

typedef struct {
    int count, capacity;
    at_sweep_refusal *refusals;
    int scans; /* how many were made */
} at_sweep_report;

/* The cascade with each class of pair arrays that one sweep can take computed in blocks of `block`
 * columns (at least 1):
 *
 *     m[i] = max[j](s[i,j])                  axis j_block = (size(j) + 63) // 64
 *     o[i] = sum[j](exp(s[i,j] - m[i]))      scan j_block {
 *                                              s_2[j_block,i,j] = …
 *                                              o.max[j_block,i] = max(o.max[j_block - 1, i | -inf],
 *                                                  max[j where j // 64 == j_block](s_2[j_block,i,j]))
 *                                              …
 *                                            }
 *                                            m[i] = o.max[size(j_block) - 1, i | -inf]
 *                                            o[i] = …
 *
 * It is for cascades that the rewrites of passes.def have gone through. The rest stays as it is; what
 * cannot be done is told in `report` (may be NULL). */
const at_cascade *at_sweep_cascade(at_session *s, const at_cascade *from, int64_t block,
                                   at_sweep_report *report);

/* ---- stream_scan.c --------------------------------------------------------------------------- */

/* What is computed of a block of columns for all that read it: over `axes`, and in the scan over
 * the block's axis in front of these. */
typedef struct {
    const at_array *of;
    const at_expr *value; /* reads other tiles where they are tiles */
    at_array *tile;
} at_sweep_tile;

typedef struct {
    at_session *s;
    at_draft *draft;
    int64_t block;
    at_axis *blocks;    /* counts blocks */
    const at_axis *along; /* in blocks of what */
    int tile_count;
    const at_sweep_tile *tiles; /* in their order */
    const at_array *owner; /* whose names running values have */
    const at_sweep_given *given;
    const at_sweep *sweep;
} at_sweeping;

/* Adds the scan, and gives what running values are after its last step. */
const at_expr **at_sweep_scan(const at_sweeping *w);

#endif
