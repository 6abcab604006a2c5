/* sides: pair arrays, and along which of their sides they are reduced. */
#ifndef AT_SIDES_H
#define AT_SIDES_H

#include "opt/pairs.h"

/* A statement that reduces pair arrays, which it is none of. */
typedef struct {
    const at_statement *st;
    int component, side; /* side -1: no pass over blocks can give it */
} at_sink;

/* By array id. */
typedef struct {
    const at_statement **by; /* the equation of a pair array that may be computed twice; NULL: it is none */
    int *component;          /* parents, as in a union-find: what reads each other is together */
    int *owner;              /* the side that has the original; -1: none */
    int sink_count;
    at_sink *sinks;          /* in the order of the text */
} at_sides;

at_sides *at_sides_of(at_session *s, const at_cascade *from);
/* Which array stands for all that are together with this one. */
int at_component_of(const int *parents, int array);

/* The cascade with a sum over both sides at once as a sum of sums, as it belongs to neither; so
 * with one over a side and over heads, for each of which it can then be taken by itself. split.c */
const at_cascade *at_sums_split(at_session *s, const at_cascade *from);

#endif
