/* skipped: which steps of a scan run, for those who ask before a run. Apart from emit.h, as
 * layout.h is. */
#ifndef AT_SKIPPED_H
#define AT_SKIPPED_H

#include "plan/count.h"

/* Steps of a scan, for each block of its group and each index around it. */
typedef struct {
    bool known;            /* false: what is around decides, which is not looked at */
    int64_t run, skipped;
    int64_t bordered;      /* of those that run: its guards hold for some of the step's elements, and
                              not for all */
    bool bordered_at_most; /* data decide, or there are too many steps to look at each */
} at_scan_steps;

/* Of a scan that leaves out steps (plan/idle.c). rows: of a block, by group. */
at_scan_steps at_scan_steps_count(at_session *s, const at_plan *plan, const at_plan_step *scan,
                                  const int64_t *extents, const int64_t *rows);

#endif
