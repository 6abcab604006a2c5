/* slices: pair arrays that a plan would store whole, computed once more in slices of rows for the
 * sums over rows. */
#ifndef AT_SLICES_H
#define AT_SLICES_H

#include "form/form.h"

/* The cascade with the sums along one axis that keep `stored` arrays (by array id) from being held
 * in blocks taken slice by slice; `from` itself where no axis is such. It is for cascades that have
 * gone through all other rewrites. A slice has so many `rows`; 0: as many as a row's length
 * suggests. More arrays may be left for another call. */
const at_cascade *at_slice_cascade(at_session *s, const at_cascade *from, const bool *stored,
                                   int64_t rows);

#endif
