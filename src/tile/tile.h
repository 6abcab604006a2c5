/* tile: loop trees whose expressions have become straight-line code: a list of typed operations,
 * each a row of ops.def on values made before it. Addresses are operations like others, lazy
 * choices are selects and masked loads: everything that is left may be evaluated.
 *
 * A value is one scalar of a kind; it is taken by exactly one later operation of the same leaf. */
#ifndef AT_TILE_H
#define AT_TILE_H

#include "loop/loop.h"

typedef enum {
#define AT_TILE_OP(id, text, operands, gives, doc) AT_TILE_##id,
#include "tile/ops.def"
#undef AT_TILE_OP
    AT_TILE_OPS
} at_tile_op;

typedef struct at_value at_value;
struct at_value {
    at_tile_op op;
    at_kind kind;
    int id;                /* in the order of the nest */
    at_op map;             /* MAP, ATTEMPT */
    int count;
    at_value *operands[3];
    double real;           /* NUMBER of kind real */
    int64_t integer;       /* other NUMBERs */
    const at_axis *axis;   /* SIZE, INDEX */
    const at_array *array; /* GET, LET, SET, ATTEMPT: a variable; else one that is stored */
    int site;              /* REQUIRE, ATTEMPT */
    const at_loop_draw *draw; /* DRAW */
    const at_loop_sort *sort; /* SORT */
};

typedef enum { AT_TILE_LEAF, AT_TILE_FOR, AT_TILE_IF, AT_TILE_ELEMENT, AT_TILE_TRY } at_tile_tag;

typedef struct at_tile at_tile;
typedef struct {
    int count, capacity;
    at_tile **items;
} at_tiles;

struct at_tile {
    at_tile_tag tag;
    int count, capacity;      /* LEAF: operations, in order */
    at_value **values;
    const at_axis *axis;      /* FOR */
    bool down;                /* FOR: from the end */
    bool apart;               /* FOR: its rounds are known to have nothing to do with each other */
    at_value *low, *high;     /* FOR: where it begins, and before which it ends, made by the leaf
                                 before it; NULL: where the axis does */
    const at_array *fault;    /* TRY: what a failure in body becomes; body is left out once it is */
    at_value *condition;      /* IF: made by the leaf before it */
    at_tiles body, otherwise; /* FOR, IF; ELEMENT: body ends in a STORE, which a failure in body
                                 still reaches, to store itself */
};

typedef struct {
    const at_nest *nest;
    at_tiles body;
} at_tile_nest;

typedef struct {
    const at_loop_program *loops;
    int nest_count;
    at_tile_nest *nests;
} at_tile_program;

const char *at_tile_op_text(at_tile_op op);
bool at_tile_op_gives(at_tile_op op);

/* Never NULL. */
const at_tile_program *at_tile_make(at_session *s, const at_loop_program *loops);
void at_tile_print(const at_tile_program *program, at_text *out);

#endif
