/* pairs: arrays that grow with the product of two lengths, as scores of queries and keys do. What
 * rewrites that keep such arrays from being stored ask of a cascade. */
#ifndef AT_PAIRS_H
#define AT_PAIRS_H

#include "form/form.h"

/* An axis is long, or it is a width. Widths are the axes of params and states, the last axes of
 * real inputs of two axes or more (`d` of q[i,d]), all axes of inputs that have such features in
 * front (weights: `h` of wq[h,d,e] beside q[i,d]), what has few elements by a number, and what is
 * computed from these. */
typedef struct at_lengths {
    at_session *s;
    const at_cascade *cascade;
    bool *width; /* by axis id: an open axis that is a width */
} at_lengths;

at_lengths *at_lengths_of(at_session *s, const at_cascade *cascade);
bool at_is_long(const at_lengths *lengths, const at_axis *axis);
/* Whether one of the axes counts blocks of a length, and the other, of a known extent, is what is
 * in one, or a few of them: together they are no longer than a few times the length. */
bool at_are_blocks(const at_lengths *lengths, const at_axis *a, const at_axis *b);
/* Two long axes, not blocks of a length and what is in a block, that no array of the caller, given
 * or output, has together, nor ones that these are coarser grids of. */
bool at_is_pair(const at_lengths *lengths, const at_axis *a, const at_axis *b);
/* Whether two of the axes are such. */
bool at_has_pair(const at_lengths *lengths, at_axis *const *axes, int count);
/* Whether data may say to which element of its target each term of an equation's sum belongs: such
 * a sum goes from term to term, for all elements. */
bool at_is_scattered(at_session *s, const at_statement *st);

/* Whether there is a fold over a long axis in it. */
bool at_has_long_fold(const at_lengths *lengths, const at_expr *e);
/* By array id, the equations of pair arrays that are cheap to compute again, in the block where
 * they stand, by who reads them: without a fold over a long axis, read in their block only and
 * never beside an alternative; no output, nothing that a repeat carries. NULL: it is none.
 * `equations`: nor read by anything but equations. */
const at_statement **at_pair_equations(const at_lengths *lengths, const at_homes *homes,
                                       bool equations);

#endif
