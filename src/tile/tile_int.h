/* What the files of this folder share. */
#ifndef AT_TILE_INT_H
#define AT_TILE_INT_H

#include "tile/tile.h"

/* Open extents are guessed, where a choice depends on them: as many rounds as this. */
#define AT_TILE_GUESS 64.0

/* ---- tile.c: making nodes ------------------------------------------------------------------ */

/* A value of a nest; it still has to be put into a leaf, unless it is an operand of another. */
at_value *at_tile_value(at_session *s, at_tile_nest *nest, at_tile_op op, at_kind kind);
/* A leaf with one effect, in front of items[at]. */
void at_tile_insert(at_session *s, at_tiles *tiles, int at, at_value *effect);

/* ---- shape.c: what differs from lane to lane ------------------------------------------------ */

/* Fills in `lanes` and `step` of every value in `tiles`, for lanes along `axis`. `varying` tells
 * by variable (-1 - id) which are vectors; those that have to be are added. */
void at_tile_shape(at_session *s, at_tile_nest *nest, const at_tiles *tiles, const at_axis *axis,
                   bool *varying);
/* Every value in `tiles` is the same in all lanes again. */
void at_tile_flatten(const at_tiles *tiles);
/* What a round of `tiles` costs, an operation on one vector or one scalar being 1; with `axis`,
 * a loop over it goes on by whole vectors. */
double at_tile_cost(const at_tiles *tiles, const at_axis *axis);

/* ---- independent.c -------------------------------------------------------------------------- */

/* Whether the rounds of a loop may run in any order, or at once: each stores its own elements, and
 * nothing goes from one to the next. */
bool at_tile_independent(const at_tile *loop);
/* The same of a loop that goes over a part of its axis. */
bool at_tile_independent_part(const at_tile *loop);
/* The loop that a block holds and, besides, only what its bounds are made of; NULL: it holds
 * more. */
at_tile *at_tile_only_loop(const at_tiles *block);
/* Makes a loop go over what another does. */
void at_tile_move(at_tile *to, const at_tile *from);
/* Whether everything in `tiles` is of a kind that has lanes: nothing in it can fail. */
bool at_tile_total(const at_tiles *tiles);

/* ---- block.c --------------------------------------------------------------------------------- */

/* loops: over a target's axes, each holding only the next; the last has lanes. */
void at_tile_block(at_tile **loops, int count);

/* ---- lanes.c, reduce.c, running.c, parallel.c: the decisions --------------------------------- */

/* Of one form of the nest. */
void at_tile_lanes(at_session *s, at_tile_nest *nest, at_tiles *tiles);
/* Lanes along loops inside of an element, where their variables can be combined across lanes. */
void at_tile_reduce(at_session *s, at_tile_nest *nest, at_tiles *tiles);
/* What at_tile_reduce would save, as at_tile_cost counts. */
double at_tile_reduce_cost(at_session *s, at_tile_nest *nest, at_tiles *tiles);
/* What a running fold costs with lanes along it, as at_tile_cost counts; infinite: it is none, or
 * not of a kind that has them. */
double at_tile_running_cost(at_session *s, at_tile_nest *nest, at_tile *loop);
/* Gives it these lanes. */
void at_tile_run(at_session *s, at_tile_nest *nest, at_tile *loop);
void at_tile_parallel(at_session *s, at_tile_nest *nest);

#endif
