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

/* How a value differs from lane to lane, where one operation is done for many elements at once. */
typedef enum {
    AT_LANES_SAME, /* it does not: a scalar */
    AT_LANES_NEXT, /* an int, one more from lane to lane */
    AT_LANES_STEP, /* an int, `step` more from lane to lane */
    AT_LANES_ANY   /* a vector */
} at_lanes;

typedef struct at_value at_value;
struct at_value {
    at_tile_op op;
    at_kind kind;
    int id;                /* in the order of the nest */
    at_op map;             /* MAP, ATTEMPT, ACROSS, PICK */
    int count;
    at_value *operands[4];
    double real;           /* NUMBER of kind real */
    int64_t integer;       /* other NUMBERs */
    const at_axis *axis;   /* SIZE, INDEX; LOAD: along which it looks at another step than the one
                              that is computed, or NULL */
    const at_array *array; /* GET, LET, SET, ATTEMPT: a variable; else one that is stored */
    int site;              /* REQUIRE, ATTEMPT */
    bool narrow;           /* an int of 32 bits, whatever is computed */
    bool inside;           /* LOAD: the address is one of the array's, whatever the loops' indices;
                              STORE: each element is stored at its own place */
    at_lanes lanes;        /* ANY of a LET or SET: the variable is a vector */
    at_value *step;        /* STEP: the same in all lanes */
    int copies;            /* LET, GET, SET, ACROSS: the variable is so many vectors; 0: one */
    const at_loop_draw *draw; /* DRAW */
    const at_loop_sort *sort; /* SORT */
};

typedef enum {
    AT_TILE_LEAF, AT_TILE_FOR, AT_TILE_IF, AT_TILE_ELEMENT, AT_TILE_TRY, AT_TILE_PRODUCT
} at_tile_tag;

typedef struct at_tile at_tile;
typedef struct at_tile_product at_tile_product;
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
    bool steps;               /* FOR: over stretches of the axis of a loop inside */
    bool block;               /* FOR: over a group's block: low and high are arguments */
    bool apart;               /* FOR: its rounds have nothing to do with each other, whatever is
                                 seen of them */
    at_value *low, *high;     /* FOR: where it begins, and before which it ends, made by the leaf
                                 before it; NULL: where the axis does */
    const at_array *fault;    /* TRY: what a failure in body becomes; body is left out once it is */
    at_value *condition;      /* IF: made by the leaf before it */
    const at_tile_product *product;
    bool lanes;               /* FOR: LANES indices at once; the values in it tell how they differ */
    bool reduces;             /* such a FOR: variables of it are combined across lanes behind it */
    int copies;               /* a FOR with lanes: vectors a round works on, each with variables of
                                 its own, so that none waits for another; 0: one */
    int rows;                 /* FOR: indices a round works on, which share what they read; its body
                                 is a loop with lanes; 0: one */
    int parallel;             /* FOR: it and the loops in it, so many, share out their rounds among
                                 threads; 0: none */
    at_tiles body, otherwise; /* FOR, IF; ELEMENT: body ends in a STORE, which a failure in body
                                 still reaches, to store itself; PRODUCT: what is done for a block,
                                 and what instead of a product */
};

/* The expressions of a product as values, which `setup` computes; by factor: rows, columns. */
struct at_tile_product {
    const at_loop_product *loop;
    at_tiles setup;
    at_value *row_count, *column_count, *depth_count;
    at_value *from[2]; /* NULL: 0 */
    at_value *start[2], *step[2], *depth_step[2];
    at_value *finite_start[2], *finite_count[2];
    at_tiles range;
    at_tiles pack[2];
};

/* A nest whose elements can fail comes in two forms: `hopeful`, which takes for granted that the
 * elements of other arrays have values and gives up where a condition does not hold, and then has
 * lanes; and body, which runs in its place where some array has faults, and again after it where it
 * gave up. */
typedef struct {
    const at_nest *nest;
    at_tiles body;
    at_tiles hopeful;                /* empty: there is none */
    int clean_count, clean_capacity; /* arrays that must be without faults for it */
    const at_array **clean;
    bool small; /* what is chosen now is for small extents: one vector at a time will do */
    int value_count, variable_count; /* ids: values from 0 on, variables from -1 down */
    at_cost work;                    /* operations, as the extents grow */
} at_tile_nest;

typedef struct {
    const at_loop_program *loops;
    int nest_count;
    at_tile_nest *nests;
} at_tile_program;

const char *at_tile_op_text(at_tile_op op);
bool at_tile_op_gives(at_tile_op op);

/* The exponent of a power that a few products make: -2 to 4; 0: of any other value. */
int at_tile_short_power(const at_value *value);

/* Never NULL. */
const at_tile_program *at_tile_make(at_session *s, const at_loop_program *loops);
void at_tile_print(const at_tile_program *program, at_text *out);

#endif
