/* emit: tile programs as C11 that stands alone: it needs the C library and a compiler, nothing of
 * ours. It is written to be read: the equation above each loop nest, the program's own names
 * inside. Nothing is decided here, and the same program always gives the same text. */
#ifndef AT_EMIT_H
#define AT_EMIT_H

#include "tensor/tensor.h"
#include "tile/tile.h"

/* ---- what emitted code is called with ------------------------------------------------------ */

/* The records as file.c prints them into every source; both sides must stay the same. */
struct attend_fault {
    int64_t site;         /* of at_loop_program.sites; 0: none */
    int64_t value, other; /* what the message shows: the index, or both sides of the operation */
};
struct attend_failure {
    struct attend_fault fault;
    int64_t place, element; /* what needed it: an element of an output */
};
struct attend_view {
    void *data;
    const int64_t *strides; /* in elements, of any sign, or 0; NULL: rows without gaps */
};
struct attend_call {
    const int64_t *extents;           /* by axis id */
    const struct attend_view *arrays; /* GIVEN and OUTPUT places, in the order of at_plan.places */
    void *workspace;                  /* aligned to 64 bytes */
    size_t workspace_bytes;
    uint64_t seed, run;               /* of draws */
    int threads;                      /* at least 1 */
    struct attend_failure *failure;   /* filled when a run gives 1 */
    uint64_t *counters;               /* NULL, or of code that was emitted to count */
};
/* <prefix>_run. 0: all outputs are computed; 1: an output failed, see failure; 2: the workspace is
 * too small. Takes no memory, and knows nothing of other runs at the same time. */
typedef int (*at_entry_run)(const struct attend_call *call);
/* <prefix>_workspace: the bytes that a run needs, from extents, strides and threads alone; SIZE_MAX
 * if that is more than can be counted. */
typedef size_t (*at_entry_workspace)(const struct attend_call *call);

/* ---- file.c: all of it --------------------------------------------------------------------- */

typedef struct {
    at_type type;    /* of stored reals: F64, F32, BF16 or F16 */
    bool instrument; /* the code writes attend_call.counters */
    bool internal;   /* the two functions are static: what calls them stands behind */
} at_emit_options;

typedef struct {
    const at_tile_program *program;
    const char *prefix; /* of its two functions */
} at_emit_entry;

/* One file for one program or several. */
void at_emit_source(at_session *s, const at_emit_entry *entries, int count,
                    const at_emit_options *options, at_text *out);
/* The type in which a place's elements are stored. */
at_type at_place_type(const at_array_place *place, at_type type);
/* Whether the caller's array is not what the passes work on, but gets its values, rounded, when the
 * run ends: reals stored in 16 bits that passes read back. */
bool at_place_converted(const at_array_place *place, at_type type);

/* ---- entry.c: the two functions of a program ----------------------------------------------- */

/* functions: the names of the passes' functions, by nest. */
void at_emit_entry_functions(at_session *s, const at_emit_entry *entry,
                             const at_emit_options *options, const char *const *functions,
                             at_text *out);

/* ---- name.c: names of the program as names of C -------------------------------------------- */

/* The names of one C function. */
typedef struct {
    at_session *s;
    at_map taken;  /* C names */
    at_map of;     /* "axis 3", "array 5", "variable -2" to their C names */
} at_names;

/* A C name like `name` that the function does not have yet; letters that C lacks become `_`. */
const char *at_c_name(at_names *names, const char *name);
/* The same for a function that is linked with others: no name of the C library either. */
const char *at_c_function_name(at_names *names, const char *name);
const char *at_axis_name(at_names *names, const at_axis *axis);
const char *at_size_name(at_names *names, const at_axis *axis); /* size_i */
const char *at_array_name(at_names *names, const at_array *array);
/* One of the vectors that a variable is. */
const char *at_copy_name(at_names *names, const at_array *variable, int copy);
const char *at_rest_name(at_names *names); /* how many lanes a last block has */
const char *at_fault_name(at_names *names, const at_array *array); /* x_fault */

/* Makes what stands in `text` from `begin` on fit for a comment of C: backquoted names may hold
 * anything, the marks of comments too. */
void at_c_comment(at_text *text, size_t begin);

/* ---- parts.c: C that a file needs beside its loops (parts.def) ------------------------------- */

typedef enum {
#define AT_PART(id, needs, doc) AT_C_PART_##id,
#include "emit/parts.def"
#undef AT_PART
    AT_C_PARTS
} at_c_part;

typedef struct {
    bool needed[AT_C_PARTS];
} at_c_parts;

/* Notes a part and what it needs itself. */
void at_c_parts_need(at_c_parts *parts, at_c_part part);
/* The part in which an operation on reals is a function of its own, vreal_<word> for vectors and
 * attend_<word> for one (pow: power); AT_C_PARTS for the others. */
at_c_part at_c_part_of(at_op op);
/* The noted parts, for programs whose reals are stored as `storage` (F64, F32, BF16, F16) and
 * computed with as double (F64) or float. The file has included math.h, stdbool.h, stdint.h. */
void at_c_parts_print(const at_c_parts *parts, at_type storage, at_text *out);

/* ---- helper.c: operations that are functions in C ------------------------------------------ */

/* Which of them a file needs. */
typedef struct {
    bool real[AT_OPS], whole[AT_OPS], attempt[AT_OPS];
    bool vector_real[AT_OPS], vector_whole[AT_OPS]; /* the same on all lanes */
    bool lanes_attempt[AT_OPS];
    at_c_parts parts;
} at_helpers;

/* Notes what a value of a nest needs. */
void at_helpers_note(at_helpers *helpers, const at_value *value);
/* The C function for an operation: attend_gelu, attend_int_max, or the library's own exp. */
const char *at_helper_name(at_session *s, at_op op, at_kind kind);
/* The C function that tries one on ints: bool attend_try_add(a, b, &result). */
const char *at_attempt_name(at_session *s, at_op op);
/* Of an operation on vectors: vreal_max. */
const char *at_vector_helper_name(at_session *s, at_op op, at_kind kind);
/* The noted parts, and behind them the operations. */
void at_helpers_print(at_session *s, const at_helpers *helpers, at_type type, at_text *out);

/* ---- value.c: expressions ------------------------------------------------------------------ */

/* How tightly the outermost operator of a text binds, after C's grammar. */
typedef enum {
    AT_C_CHOICE, AT_C_OR, AT_C_AND, AT_C_EQUAL, AT_C_LESS, AT_C_SUM, AT_C_PRODUCT, AT_C_UNARY,
    AT_C_PRIMARY
} at_c_level;

typedef struct {
    at_session *s;
    at_text *out;
    at_names names;
    const at_tile_program *program;
    at_type type;          /* of stored reals */
    int indent;            /* in levels of four spaces */
    const char *label;     /* where a failure goes */
    const char *fault;     /* the variable that it becomes */
    const at_value *store; /* of the element that is computed into `value` first; NULL: at once */
    const at_tile_nest *nest;
    bool hopeful;          /* its hopeful form is printed */
    int first_scratch;     /* the number of the nest's first scratch array */
    bool shares;           /* in a loop that threads share */
    bool team;             /* the function is what each thread of a team does */

    /* In a loop over lanes: */
    const at_axis *lanes;  /* its axis; NULL outside */
    int hoisted_count;     /* values that are computed in front of it, and their names */
    struct {
        const at_value *value;
        const char *name;
    } hoisted[16];
    const char *end;       /* before which index it ends; NULL: the axis' extent */
    const char *rest;      /* how many lanes the last block has; NULL: all */
    const char *mask;      /* of the lanes that are computed with; NULL: all */
    bool conditional;      /* some lanes may be left out because of a condition */
    bool masks_sets;       /* variables keep their values in lanes that are left out */
    int copies, copy;      /* how many vectors a round works on side by side, and which one of them
                              is printed */
    int vectors;           /* so many of them follow each other along the axis, then come those of
                              the next row */
    bool jams;             /* each has variables of its own */
    const at_axis *rows;   /* the rows' axis, or NULL */
    const at_axis *single_row;          /* the axis of which row_index is the index */
    const char *row_index, *lane_index; /* C names that stand for indices here; NULL: the axes' */
} at_printer;

void at_c_line(at_printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *at_c_type(at_kind kind); /* of a variable: real, int64_t, bool */
/* Of an element: real, given, int64_t or unsigned char. */
const char *at_c_storage(const at_array_place *place, at_type type);
/* Whether an element is rounded to 16 bits as it is stored. */
bool at_c_rounds(const at_printer *p, const at_array *array);
/* The value as a C expression that binds at least as tightly as `level`; long parts of it become
 * constants on lines of their own, in front. */
const char *at_c_value(at_printer *p, const at_value *value, at_c_level level);
/* x to a power of at_tile_short_power, of numbers or vectors: `type` is attend or vreal. */
const char *at_c_short_power(at_session *s, const char *type, const char *x, int power,
                             at_c_level *level);
/* The same for the whole right side of a statement, which may be long. */
const char *at_c_right_side(at_printer *p, const at_value *value);

/* ---- idle.c: scans without steps that change nothing ----------------------------------------- */

/* Opens the loop of a scan of which the plan has `from` or `to`. */
void at_c_scan_loop(at_printer *p, const at_plan_step *scan);

/* ---- product.c: products of matrices --------------------------------------------------------- */

void at_c_product(at_printer *p, const at_tile *tile);

/* ---- vector.c: values of all lanes at once --------------------------------------------------- */

const char *at_vector_type(at_kind kind); /* vreal, vint, vmask */
/* The vector as a C expression; of a value that is the same in all lanes: as often as needed. */
const char *at_c_vector(at_printer *p, const at_value *value, at_c_level level);
const char *at_c_vector_right_side(at_printer *p, const at_value *value);
/* The name of a variable: each vector that a round works on may have its own. */
const char *at_c_variable(at_printer *p, const at_value *value);
/* All lanes of a variable as one scalar. */
const char *at_c_across(at_printer *p, const at_value *across);
/* The best of all lanes, and its index. */
void at_c_pick(at_printer *p, const at_value *pick);
void at_c_run(at_printer *p, const at_value *run);
/* store[address] = value, in the lanes that are computed with. */
void at_c_vector_store(at_printer *p, const at_value *store);

/* ---- lanes.c: loops over lanes --------------------------------------------------------------- */

/* A loop whose body is printed by `body`, once for full blocks and once for the rest. */
void at_c_lane_loop(at_printer *p, const at_tile *tile,
                    void (*body)(at_printer *p, const at_tiles *tiles));
/* A loop over rows that share what they read, around a loop over lanes. */
void at_c_row_loop(at_printer *p, const at_tile *tile,
                   void (*body)(at_printer *p, const at_tiles *tiles));
/* A condition that differs from lane to lane. */
void at_c_lane_condition(at_printer *p, const at_tile *tile,
                         void (*body)(at_printer *p, const at_tiles *tiles));
/* ---- team.c: passes that threads share as a whole -------------------------------------------- */

/* Whether each of several threads can run all of this: one shared loop, and in front of it nothing
 * but variables. */
bool at_is_for_a_team(const at_tiles *tiles);
/* The name of what each thread does for the pass's function `name`. */
const char *at_share_name(at_session *s, const char *name);
/* static void name(const struct attend_frame *frame, …) { */
void at_c_signature(at_printer *p, const at_tile_nest *nest, const char *name);
/* The function `name`, which has `share` run by as many threads as its work is worth. */
void at_c_team(at_printer *p, const at_tile_nest *nest, const char *name, const char *share);

/* Clauses for OpenMP: how a loop's rounds are shared out; how many threads do, and when at all.
 * When that is, as a condition by itself. */
const char *at_c_shared_loop(at_printer *p, const at_tile *tile);
const char *at_c_shared_region(at_printer *p);
const char *at_c_shared_worth(at_printer *p);
/* Notes, by axis id, whose sizes that looks at. */
void at_c_shared_sizes(const at_cost *work, bool *axes);

/* ---- effect.c: what is done for its effect --------------------------------------------------- */

/* An operation that gives nothing, as statements; of one that gives a value, none. */
void at_c_effect(at_printer *p, const at_value *value);

/* ---- nest.c: statements -------------------------------------------------------------------- */

/* The function of one pass: static void compute_o(const struct attend_frame *frame, int64_t t),
 * with an argument for each axis of at_nest_arguments. first_scratch: how many scratch arrays the
 * nests before it have. */
void at_emit_nest(at_session *s, const at_tile_program *program, const at_tile_nest *nest,
                  const char *name, int first_scratch, const at_emit_options *options,
                  at_text *out);
/* The axes around a pass whose indices it uses: those of regions, those along which its scan was
 * taken apart, and of its group those that it takes one by one and those that bound the block; at
 * most at_nest_argument_room. */
int at_nest_arguments(at_session *s, const at_tile_nest *nest, const at_axis **axes);
int at_nest_argument_room(const at_nest *nest);
void at_c_tiles(at_printer *p, const at_tiles *tiles);
/* Whether a pass computes an array. */
bool at_is_target(const at_pass *pass, const at_array *array);
/* Where an array is among the scratch of its nest. */
int at_scratch_number(const at_nest *nest, const at_array *scratch);
/* Every loop and every operation of a tree, in order; one of `tile` and `value` is NULL. */
void at_tiles_walk(const at_tiles *tiles,
                   void (*visit)(void *user, const at_tile *tile, const at_value *value),
                   void *user);

#endif
