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
struct attend_call {
    const int64_t *extents;             /* by axis id */
    void *const *arrays;                /* by place (at_plan.places) */
    struct attend_fault *const *faults; /* by place; NULL where no element can fail */
    void *const *scratch;               /* one for each of the nests' scratch arrays, in order */
    uint64_t seed, run;                 /* of draws */
    struct attend_failure *failure;     /* filled when attend_run gives 1 */
};
/* 0: all outputs are computed; 1: an output failed. */
typedef int (*at_entry)(const struct attend_call *call);
#define AT_ENTRY_NAME "attend_run"

/* ---- file.c: all of it --------------------------------------------------------------------- */

void at_emit_source(at_session *s, const at_tile_program *program, at_text *out);

/* ---- name.c: names of the program as names of C -------------------------------------------- */

/* The names of one C function. */
typedef struct {
    at_session *s;
    at_map taken;  /* C names */
    at_map of;     /* "axis 3", "array 5", "variable -2" to their C names */
} at_names;

/* A C name like `name` that the function does not have yet; letters that C lacks become `_`. */
const char *at_c_name(at_names *names, const char *name);
const char *at_axis_name(at_names *names, const at_axis *axis);
const char *at_size_name(at_names *names, const at_axis *axis); /* size_i */
const char *at_array_name(at_names *names, const at_array *array);
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
    bool fail;
    at_c_parts parts;
} at_helpers;

/* Notes what a value of a nest needs; needed: its failures end the run. */
void at_helpers_note(at_helpers *helpers, const at_value *value, bool needed);
/* The C function for an operation: attend_gelu, attend_int_max, or the library's own exp. */
const char *at_helper_name(at_session *s, at_op op, at_kind kind);
/* The C function that tries one on ints: bool attend_try_add(a, b, &result). */
const char *at_attempt_name(at_session *s, at_op op);
void at_helpers_print(at_session *s, const at_helpers *helpers, at_text *out);

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
    int indent;            /* in levels of four spaces */
    const char *label;     /* where a failure goes */
    const char *fault;     /* the variable that it becomes */
    const at_value *store; /* of the element that is computed into `value` first; NULL: at once */
} at_printer;

void at_c_line(at_printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *at_c_type(at_kind kind);    /* of a variable */
const char *at_c_storage(at_kind kind); /* of an element */
/* The value as a C expression that binds at least as tightly as `level`; long parts of it become
 * constants on lines of their own, in front. */
const char *at_c_value(at_printer *p, const at_value *value, at_c_level level);
/* The same for the whole right side of a statement, which may be long. */
const char *at_c_right_side(at_printer *p, const at_value *value);

/* ---- nest.c: statements -------------------------------------------------------------------- */

/* The function of one pass: int compute_o(const struct attend_call *call). */
void at_emit_nest(at_session *s, const at_tile_program *program, const at_tile_nest *nest,
                  const char *name, int first_scratch, at_text *out);
/* Every loop and every operation of a tree, in order; one of `tile` and `value` is NULL. */
void at_tiles_walk(const at_tiles *tiles,
                   void (*visit)(void *user, const at_tile *tile, const at_value *value),
                   void *user);

#endif
