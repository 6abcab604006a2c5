/* What zeros.c and support.c share: where structural zeros may be, and how that is told. */
#ifndef AT_ZEROS_H
#define AT_ZEROS_H

#include "opt/opt.h"

/* Where the support of an array is asked before it is known, or changes from round to round, an
 * array of bools over the same axes stands beside it. */
typedef struct {
    bool *zeroable;       /* by array id: may hold structural zeros */
    at_array **beside;    /* by array id: what tells which elements are structural zeros; NULL: an
                             expression does */
    bool *is_zero;        /* by array id: `beside` is true of structural zeros, else of all others */
    at_carried **carried; /* by id of a carried array: those of its `beside`; NULL: none */
} at_zero_places;

/* Adds these arrays to the draft, without equations; NULL when there are no structural zeros. */
at_zero_places *at_zero_places_of(at_draft *draft);

#endif
