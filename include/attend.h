/* attend: programs over named axes, compiled and run from C and C++.
 *
 *     attend_options  how to compile         one thread at a time
 *     attend_program  a compiled function    constant: any number of threads may use it at once
 *     attend_call     arrays and one run     one thread at a time; each thread has its own
 *     attend_error    what went wrong        one thread at a time
 *
 * A program is compiled once, by the C compiler of the machine (ATTEND_CC, cc, gcc or clang), and
 * kept in the user's kernel cache, so that the next process does not compile it. Extents belong to a
 * call: another n compiles nothing.
 *
 * A call runs on the caller's memory. It describes each array by a pointer, extents and strides;
 * arrays that are row-major are used where they lie, others are copied on the way. Nothing is copied
 * that need not be, and nothing is allocated in a run that has its workspace.
 *
 * Arrays have a role and a position in it: input 0, output 1. Positions follow the program's text.
 *
 * Functions that can fail return false (or NULL) and give an error to `*error`, unless `error` is
 * NULL; free it. Where nothing failed, `*error` is left alone. Nothing here prints or ends the
 * process, and no state is global. Whatever is called with something that this page does not allow (a
 * NULL program, a position out of range) gives an error, 0 or NULL, not a crash.
 *
 * Texts are UTF-8 and end in a zero. What a function returns as `const char *` belongs to the object
 * that it was asked of and lives as long. */
#ifndef ATTEND_H
#define ATTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined ATTEND_BUILDING
#define ATTEND_PUBLIC __attribute__((visibility("default")))
#else
#define ATTEND_PUBLIC
#endif

#define ATTEND_VERSION "0.1.0"

typedef struct attend_options attend_options;
typedef struct attend_program attend_program;
typedef struct attend_call_state attend_call;
typedef struct attend_error attend_error;

/* The version of the library that runs, which may be newer than ATTEND_VERSION. */
ATTEND_PUBLIC const char *attend_version(void);

/* ---- types of elements ----------------------------------------------------------------------- */

typedef enum {
    ATTEND_F64 = 0, /* double */
    ATTEND_F32 = 1, /* float */
    ATTEND_BF16 = 2, /* the upper half of a float, as uint16_t */
    ATTEND_F16 = 3, /* IEEE half precision, as uint16_t */
    ATTEND_I64 = 4, /* int64_t: ints and indices */
    ATTEND_BOOL = 5 /* uint8_t, 0 or 1 */
} attend_type;

ATTEND_PUBLIC const char *attend_type_name(attend_type type); /* "f32"; NULL for no type */
ATTEND_PUBLIC size_t attend_type_bytes(attend_type type);     /* 0 for no type */

/* ---- errors ---------------------------------------------------------------------------------- */

/* Whose matter it is. */
typedef enum {
    ATTEND_GOOD = 0,
    ATTEND_WRONG = 1,       /* the program, its arrays or the way it is called: the message says what */
    ATTEND_UNSUPPORTED = 2, /* right, but beyond a limit that the message names */
    ATTEND_MEMORY = 3,      /* there was not enough */
    ATTEND_STOPPED = 4      /* by the caller's own progress function */
} attend_status;

/* An error holds one or more messages: all that is wrong with a program, or with a call's arrays. */
ATTEND_PUBLIC attend_status attend_error_status(const attend_error *error);
/* All messages as a page for people: texts, places, excerpts of the program, hints. */
ATTEND_PUBLIC const char *attend_error_text(const attend_error *error);
ATTEND_PUBLIC int attend_error_count(const attend_error *error);
/* One of them: the stable code ("E722"), the message and the hint (NULL when there is none). */
ATTEND_PUBLIC const char *attend_error_code(const attend_error *error, int index);
ATTEND_PUBLIC const char *attend_error_message(const attend_error *error, int index);
ATTEND_PUBLIC const char *attend_error_hint(const attend_error *error, int index);
/* Its place: the program's name, or NULL where it has none; line and column, from 1, go where they are
 * wanted (either may be NULL). */
ATTEND_PUBLIC const char *attend_error_place(const attend_error *error, int index, int *line,
                                             int *column);
/* NULL is fine. */
ATTEND_PUBLIC void attend_error_free(attend_error *error);

/* ---- how to compile -------------------------------------------------------------------------- */

/* All as it is usual: the function `main`, or else the last one; f64; no gradient; for this
 * processor. NULL when there is no memory. Texts given to options are copied. When an option cannot
 * be kept for want of memory, attend_compile says so. */
ATTEND_PUBLIC attend_options *attend_options_new(void);
ATTEND_PUBLIC void attend_options_free(attend_options *options); /* NULL is fine */
/* Which function of the file. */
ATTEND_PUBLIC void attend_options_function(attend_options *options, const char *name);
/* An option of the function, as a program writes it: ("heads", "8"). */
ATTEND_PUBLIC void attend_options_set(attend_options *options, const char *name, const char *value);
/* The extent of an axis that the program needs while compiling (a repeat's count, an `if` on sizes). The
 * program then takes no other extent for this axis. */
ATTEND_PUBLIC void attend_options_size(attend_options *options, const char *axis, int64_t extent);
/* How reals are stored: F64 (the usual), F32, BF16 or F16. All but F64 are computed with in f32. */
ATTEND_PUBLIC void attend_options_type(attend_options *options, attend_type type);
/* As while training: dropout drops. */
ATTEND_PUBLIC void attend_options_training(attend_options *options, bool training);
/* Which processors the code is for: "native" (this one, the usual), "portable", "avx2", "avx512". */
ATTEND_PUBLIC void attend_options_target(attend_options *options, const char *target);
/* One more folder in which `use NAME` looks, before the folders of ATTEND_PATH and those that came with
 * the library. */
ATTEND_PUBLIC void attend_options_folder(attend_options *options, const char *folder);
/* The derivative instead of the function: its vector-Jacobian product. To the function's inputs come,
 * after them, the cotangent of each output of reals (of `o` it is called `do`), of the output's shape.
 * The outputs are the gradients of all inputs of reals and then of all params (of `q` it is `dq`), with
 * the function's own outputs in front when `outputs`. attend_belongs tells what is of what. */
ATTEND_PUBLIC void attend_options_gradient(attend_options *options, bool outputs);
/* With a gradient: only of these inputs and params (by name, or a param's path), one call for each; what
 * nobody wants is not computed. */
ATTEND_PUBLIC void attend_options_wanted(attend_options *options, const char *name);
/* With a gradient: cotangents come for these outputs only, one call for each; the others' are 0. */
ATTEND_PUBLIC void attend_options_cotangent(attend_options *options, const char *output);
/* Called with a line for people about what is slow: that a program was compiled, and how long it took.
 * It runs in the thread that compiles. */
ATTEND_PUBLIC void attend_options_log(attend_options *options,
                                      void (*log)(void *user, const char *line), void *user);
/* Called now and then while compiling, a few times a second at most; false ends it, and the error's
 * status is ATTEND_STOPPED. Compiled code itself is not interrupted. */
ATTEND_PUBLIC void attend_options_progress(attend_options *options, bool (*progress)(void *user),
                                           void *user);

/* ---- programs -------------------------------------------------------------------------------- */

/* Compiles a function of the file `path`. options: NULL for the usual ones; not needed afterwards. NULL
 * after an error. Free it with attend_program_free once its calls are freed. */
ATTEND_PUBLIC attend_program *attend_compile_file(const char *path, const attend_options *options,
                                                  attend_error **error);
/* The same for a text of `length` bytes, which messages call `name`. */
ATTEND_PUBLIC attend_program *attend_compile_text(const char *name, const char *text, size_t length,
                                                  const attend_options *options,
                                                  attend_error **error);
ATTEND_PUBLIC void attend_program_free(attend_program *program); /* NULL is fine */
ATTEND_PUBLIC const char *attend_program_name(const attend_program *program);
/* The C text that runs. */
ATTEND_PUBLIC const char *attend_program_source(const attend_program *program);

typedef enum {
    ATTEND_INPUT = 0,
    ATTEND_PARAM = 1,  /* learned; what stands in repeats has their rounds as first axes */
    ATTEND_STATE = 2,  /* kept from run to run: what it was */
    ATTEND_OUTPUT = 3,
    ATTEND_NEXT = 4    /* what each state becomes, in the order of the states */
} attend_role;

/* How many arrays of a role there are. */
ATTEND_PUBLIC int attend_count(const attend_program *program, attend_role role);
/* The position of an array by its name (a param or state by its path), or -1. */
ATTEND_PUBLIC int attend_find(const attend_program *program, attend_role role, const char *name);
/* Of one array; position from 0. A param's or state's name is its path, `block[].w` in a repeat. */
ATTEND_PUBLIC const char *attend_name(const attend_program *program, attend_role role, int position);
ATTEND_PUBLIC attend_type attend_type_of(const attend_program *program, attend_role role,
                                         int position);
ATTEND_PUBLIC int attend_rank(const attend_program *program, attend_role role, int position);
/* The name of one of its axes. Equal names are equal extents. */
ATTEND_PUBLIC const char *attend_axis(const attend_program *program, attend_role role, int position,
                                      int dimension);
/* In a gradient, the name of the function's array that this is the cotangent or gradient of; NULL for
 * what is neither. */
ATTEND_PUBLIC const char *attend_belongs(const attend_program *program, attend_role role,
                                         int position);

/* ---- calls ----------------------------------------------------------------------------------- */

enum { ATTEND_RANK_LIMIT = 32 };

/* How an array of the caller lies in memory. Element [i,j] is at data + i*strides[0] + j*strides[1]
 * elements. Its address must be a multiple of the element's size. */
typedef struct {
    void *data;             /* of element [0,…,0]; may be NULL when there are no elements */
    attend_type type;       /* must be the program's */
    int rank;
    const int64_t *extents; /* rank of them */
    const int64_t *strides; /* rank of them, in elements; negative ones and, for what is only read, 0
                               are fine. NULL: row-major */
} attend_array;

/* A call of a program, which must live longer. NULL after an error. */
ATTEND_PUBLIC attend_call *attend_call_new(const attend_program *program, attend_error **error);
ATTEND_PUBLIC void attend_call_free(attend_call *call); /* NULL is fine */
/* Gives an array to the call: extents and strides are copied, the data are used where they lie, until
 * another array takes the place or the call is freed. Inputs, params and states are only read.
 *
 * An output's memory may be that of an input, param or state (as of a state and what it becomes):
 * then it is computed aside and copied. It may not be that of another output, nor have elements that
 * share memory. False after an error: a wrong type, rank or address; extents are judged together,
 * when they are needed. */
ATTEND_PUBLIC bool attend_call_set(attend_call *call, attend_role role, int position,
                                   const attend_array *array, attend_error **error);
/* The extents of an array, one for each axis, as the inputs decide them: all inputs must have been set.
 * For allocating outputs and params. False after an error: inputs that do not fit together. */
ATTEND_PUBLIC bool attend_call_extents(attend_call *call, attend_role role, int position,
                                       int64_t *extents, attend_error **error);
/* Fills a param or state with what the program says that it begins as; of draws, as the call's seed
 * says. All inputs must have been set. It does not set it. */
ATTEND_PUBLIC bool attend_call_begin(attend_call *call, attend_role role, int position,
                                     const attend_array *array, attend_error **error);
/* How many threads a run may use, from 1; 1 is the usual. Results are the same for any number. */
ATTEND_PUBLIC void attend_call_threads(attend_call *call, int threads);
/* What draws depend on: the same seed and run give the same numbers. Both are 0 without this. */
ATTEND_PUBLIC void attend_call_draws(attend_call *call, uint64_t seed, uint64_t run);
/* How many bytes a run needs beside its arrays, as they are set now; all must be. False after an
 * error. */
ATTEND_PUBLIC bool attend_call_workspace(attend_call *call, size_t *bytes, attend_error **error);
/* Gives memory of the caller to runs, at an address that is a multiple of 64. Without it (or with NULL)
 * the call allocates its own at the first run and keeps it. False after an error. */
ATTEND_PUBLIC bool attend_call_memory(attend_call *call, void *memory, size_t bytes,
                                      attend_error **error);
/* Runs. All arrays must have been set. Outputs are valid after true; after false they hold anything.
 * Values are checked where compiled code relies on them: indices must lie in their axis, bools must be
 * 0 or 1. */
ATTEND_PUBLIC bool attend_call_run(attend_call *call, attend_error **error);

#ifdef __cplusplus
}
#endif
#endif
