/* What the files of the rewrite `history` share: scans whose states are too large to be kept
 * for each step. */
#ifndef AT_HISTORY_H
#define AT_HISTORY_H

#include "opt/factor.h"

typedef struct {
    at_session *s;
    at_draft *draft;
    at_growth *growth;
    int count, capacity; /* of the block that is rewritten */
    at_statement **items;
    int array_count;     /* for which there is a place in what follows */
    int *at;             /* by array id: the statement of the block that writes it; -1: none does */
    bool *large;         /* by array id: a scan's state, larger for a step than all it reads */
    bool *output;        /* by array id */
} at_histories;

/* Fills at, large and output for the block's statements. */
void at_history_survey(at_histories *h, const at_cascade *cascade);
/* The one axis of a scan of plain equations; NULL: it is no such scan. */
const at_axis *at_history_axis(const at_statement *st);
/* How many steps of the scan before the step `axis` the read is: 0, 1, or -1 for any other. */
int at_history_lag(const at_expr *read, const at_axis *axis, bool down);
/* Whether the statement reads a large array that statement `scan` of the block writes. */
bool at_history_reads(const at_histories *h, const at_statement *st, int scan);
/* The axis of an equation behind scan `scan` that stands for its step: all reads of arrays of
 * that scan, and of `other` (-1: of none), are at the present or last step of it. NULL: it has
 * none. */
const at_axis *at_history_step(const at_histories *h, const at_statement *st, int scan, int other);

/* ---- checkpoint.c ---------------------------------------------------------------------------- */

/* Rewrites the scan at `scan`, the opposite one behind it at `back`, and the equations that
 * read large states of both, so that states are kept each so many steps only; false where it
 * cannot. */
bool at_history_checkpoint(at_histories *h, int scan, int back);

#endif
