/* What the files of the streaming rewrite (stream.h) share: classes of pair arrays, and where one
 * is in the work. */
#ifndef AT_STREAM_INT_H
#define AT_STREAM_INT_H

#include "opt/stream.h"

typedef struct {
    int statement;       /* where it stands in its block */
    const at_expr *fold; /* as written */
    at_array *target;
} at_sweep_part;

/* What pair arrays that read each other have to do with, and the sweep for it. */
typedef struct {
    int component;
    const char *why; /* not NULL: it stays as it is */
    at_span where;
    int first, last; /* statements of its block */
    int part_count, part_capacity;
    at_sweep_part *parts;
    const at_axis *along;
    bool *follows;   /* by array id of `from`: follows from the folds' values */
    at_axis *blocks;
    int tile_count, tile_capacity;
    at_sweep_tile *tiles;
    at_sweep_given given;
    at_sweep *sweep;
    bool done;
} at_sweep_class;

typedef struct {
    at_session *s;
    const at_cascade *from;
    at_draft *draft;
    const at_lengths *lengths;
    int64_t block;
    const bool *only; /* by array id: whose folds get equations of their own; NULL: all */
    int apart_count, apart_capacity;
    int *apart_of; /* of arrays that were added for folds, in their order: whose these were */
    bool *swept;   /* by array id: the value of a fold that is in a sweep */
    at_sweep_report *report;
    int known;
    const at_block *of; /* the block at hand */
    const at_statement **by; /* by array id: the equation of a pair array that may be a tile */
    int *component;          /* by array id: parents */
    bool *next;              /* by array id: leaves a round */
    const at_expr **inner;   /* by array id: what stands for the array in a class */
    int class_count, class_capacity;
    at_sweep_class **classes;
    /* While an expression is looked at: */
    at_sweep_class *at;
    int statement;
    bool good, found;
    const at_array *tile;
} at_streaming;

/* ---- stream.c -------------------------------------------------------------------------------- */

/* Which array stands for all that are in a class with this one. */
int at_stream_component(const at_streaming *w, int array);
/* Whether the fold goes over a long axis. */
bool at_stream_binds_long(const at_streaming *w, const at_expr *fold);

/* ---- stream_class.c -------------------------------------------------------------------------- */

/* The classes of the block at hand, with their folds. */
void at_stream_find_classes(at_streaming *w, const at_block *block);
/* The axis that blocks go along, where all folds go over the same axes. */
void at_stream_find_along(at_streaming *w, at_sweep_class *c);
void at_stream_find_following(at_streaming *w, at_sweep_class *c);
/* Whether the statement, or one in it, reads an array that is marked (by array id). */
bool at_stream_follows(const bool *marks, const at_statement *st);
/* Whether the statement of the block is one of the class' folds. */
bool at_stream_has_part(const at_sweep_class *c, int statement);
/* The class stays as it is; the first reason is kept. */
void at_stream_give_up(at_sweep_class *c, at_span where, const char *why);

/* ---- stream_sweep.c -------------------------------------------------------------------------- */

/* The class' tiles and its sweep, or why there is none. */
void at_stream_make_sweep(at_streaming *w, at_sweep_class *c);

/* ---- stream_fail.c --------------------------------------------------------------------------- */

/* Gives the class up where a sweep would ask for what may fail before it is known to be needed. */
void at_stream_check_failures(at_streaming *w, at_sweep_class *c);

/* ---- stream_order.c -------------------------------------------------------------------------- */

/* Adds a block's statements, with its classes as scans, in an order in which each has what it
 * reads. */
void at_stream_block(at_streaming *w, const at_block *block);

#endif
