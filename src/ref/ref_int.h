/* ref_int: what the files of ref/ share.
 *
 * A run goes through four steps, each a file or two:
 *   lowering   every expression becomes a unit: bytecode over the axes it is evaluated for
 *              (prepare.c; lower.c, maps.c, reads.c, linear.c, folds.c, ranges.c, scatter.c);
 *   counting   the arrays that live at once are added up before anything is allocated (memory.c);
 *   running    steps in order: units by machine.c and panels.c, regions by region.c, rows by
 *              rows.c, laws by assertion.c;
 *   reporting  the first element that is needed and has no value gives the error (poison.c).
 *
 * An element without a value (a read outside, an int out of range) is *poisoned*: it holds the id
 * of a cause instead. Reading it poisons the reader. Whoever needs it in the end reports it.
 *
 * A zero made by a guard is *structural*: a side byte of its array marks it, and in the bytecode it
 * is a jump rather than a value, so that what it annihilates is never evaluated. In an array of
 * cotangents every 0 is structural, and the value itself is the mark. */
#ifndef AT_REF_INT_H
#define AT_REF_INT_H

#include "ref/ref.h"

#include <omp.h>
#include <stdatomic.h>

typedef struct at_ref at_ref;

typedef union {
    double r;
    int64_t i; /* ints and bools */
} at_cell;

/* ---- arrays ---------------------------------------------------------------------------------- */

typedef struct {
    int id;                /* its position in at_ref.all_stores */
    const at_array *array; /* NULL: a temporary */
    const char *name;      /* for messages */
    at_kind kind;
    int rank;
    const at_axis **axes;
    int64_t *extents, *strides; /* row-major */
    int64_t count;
    at_tensor *tensor; /* owner of the data, or NULL while not allocated */
    union {
        void *any;
        double *real;
        int64_t *integer;
        unsigned char *boolean;
    } at;
    bool borrowed;                 /* the caller's: not counted */
    bool cotangent;                /* an element that is 0 is a structural zero */
    bool zeroable;                 /* side bytes tell which elements are structural zeros */
    unsigned char *zero;           /* 1 for structural zeros; NULL unless zeroable */
    _Atomic(uint32_t *) poison;    /* causes; NULL until one element has one */
} at_store;

/* ---- poison.c -------------------------------------------------------------------------------- */

typedef enum {
    AT_CAUSE_OUTSIDE,  /* value: the index */
    AT_CAUSE_OVERFLOW, /* of an int operation on value and other */
    AT_CAUSE_DIVISION, /* value by 0 */
    AT_CAUSE_POWER,    /* value to the negative power other */
    AT_CAUSE_EMPTY,    /* max or min over no ints */
    AT_CAUSE_EARLY,    /* a scan read what it has not written; value: the index */
    AT_CAUSE_ROUNDS,   /* defined in a repeat of which no round ran */
} at_cause_kind;

/* A place in the program that can leave an element without a value. */
typedef struct {
    const at_expr *expr;     /* NULL for what is not an expression */
    at_span span;
    const at_array *array;   /* that is read or was never written */
    int dimension;           /* of array */
    const at_axis *scan;     /* EARLY: the axis of the scan */
} at_site;

typedef struct {
    at_cause_kind kind;
    const at_site *site;
    int64_t value, other;
} at_cause;

/* The id (> 0) of a cause; the same for equal causes. Thread-safe. */
uint32_t at_cause_id(at_ref *ref, at_cause_kind kind, const at_site *site, int64_t value,
                     int64_t other);
/* Poisons element `at` (and makes it 0). Thread-safe for different elements. */
void at_poison(at_ref *ref, at_store *store, int64_t at, uint32_t cause);
/* Reports the cause, needed for element `at` of what `needed` says. */
void at_report_cause(at_ref *ref, uint32_t cause, const char *needed);
/* "o[i=3, e=0]" in the session. */
const char *at_element_text(at_ref *ref, const char *name, const at_axis *const *axes,
                            const int64_t *extents, int rank, int64_t at);
/* Reports the first poisoned element of a store; false when there is one. */
bool at_check_store(at_ref *ref, const at_store *store, const char *what, const char *name);

/* ---- the bytecode ---------------------------------------------------------------------------- */

/* Opcodes below AT_OPS are the operations of ops.def on reals: dst = op(a, b, c). */
typedef enum {
    AT_I_MOVE = AT_OPS, /* dst = a */
    AT_I_JUMP,
    AT_I_JUMP_IF,       /* a */
    AT_I_JUMP_UNLESS,
    AT_I_REAL_EQ, AT_I_REAL_NE, AT_I_REAL_LT, AT_I_REAL_LE, AT_I_REAL_GT, AT_I_REAL_GE,
    AT_I_INT_EQ, AT_I_INT_NE, AT_I_INT_LT, AT_I_INT_LE, AT_I_INT_GT, AT_I_INT_GE,
    AT_I_NOT,
    AT_I_INT_ADD, AT_I_INT_SUB, AT_I_INT_MUL,
    AT_I_INT_OP,        /* dst = at_int_op(imm; a, b, c) */
    AT_I_TO_REAL, AT_I_TO_INT,
    AT_I_SCALE_ADD,     /* dst = a + b*imm, known not to overflow */
    AT_I_BOUND,         /* a outside 0..imm-1: no value */
    AT_I_BOUND_ELSE,    /* a outside 0..imm-1: jump */
    AT_I_EARLIER,       /* a scan reads its own array: ptr an at_earlier */
    AT_I_LOAD_REAL, AT_I_LOAD_INT, AT_I_LOAD_BOOL, /* dst = ptr[a + b*imm] */
    AT_I_LOAD_ZERO,     /* like LOAD_REAL; jumps at a structural zero */
    AT_I_LOAD_COTANGENT, /* like LOAD_REAL; jumps at 0 */
    AT_I_LOOP,          /* dst = a; jump if a >= b */
    AT_I_NEXT,          /* dst += 1; jump if dst < a */
    AT_I_CLIP_LOW,      /* dst = max(dst, a + imm), saturating */
    AT_I_CLIP_HIGH,     /* dst = min(dst, a + imm), saturating */
    AT_I_RAISE,         /* no value; imm the cause's kind */
    AT_I_CAUSE,         /* dst = the cause of the last failure */
    AT_I_RAISE_IF,      /* fails with cause a, if a is not 0 */
    AT_I_STORE_REAL, AT_I_STORE_INT, AT_I_STORE_BOOL, /* ptr[a + b*imm] = c */
    AT_I_STORE_ZERO, AT_I_STORE_POISON,
    AT_I_ROW,           /* the frame's row gets c at its position, tagged imm */
    AT_I_ROW_POISON,
    AT_I_COLUMN_LOAD,   /* dst = column imm [a] */
    AT_I_COLUMN_STORE,  /* column imm [a] = c */
    AT_I_FAIL,          /* the frame is marked failed and the unit left */
    AT_I_MAX_REAL, AT_I_MIN_REAL,     /* dst = max(dst, a), carrying NaN */
    AT_I_MAX_INT, AT_I_MIN_INT,       /* the same; b: whether there is one already */
    AT_I_ARGMAX_REAL, AT_I_ARGMIN_REAL, /* dst index, b value, a candidate, c its index */
    AT_I_ARGMAX_INT, AT_I_ARGMIN_INT,
    AT_I_LOGSUM,        /* dst maximum, b sum of exp(· - maximum), a candidate */
    AT_I_LOGSUM_END,    /* dst = a + log(b) */
    AT_I_DOT,           /* dst = Σ; ptr an at_dot; jumps where the general way is needed */
    AT_I_DRAW,          /* dst = a draw with parameters a, b; ptr an at_draw_site */
    AT_I_LABEL,         /* while lowering only: `to` is here */
    AT_I_END,
} at_opcode;

typedef struct {
    int op;
    int dst, a, b, c;
    int to;      /* label, then position of the jump */
    int handler; /* label, then position: where an element without a value goes on */
    int64_t imm;
    const void *ptr;
} at_instr;

/* Of a read of a scan's own array: which of its leading indices must be earlier. */
typedef struct {
    at_site site;
    int count;
    int *index, *current; /* registers: the index read, the scan's own */
    bool *down;
    bool same; /* the same step is written already */
} at_earlier;

typedef struct {
    at_store *x, *y;
    int x_offset, y_offset; /* registers */
    int64_t x_stride, y_stride, count;
    int terms; /* register: 0 if all were structural zeros */
    int panel; /* its number among the unit's panels, or AT_NOWHERE */
} at_dot;

typedef struct {
    at_draw draw;
    uint64_t key;
    int count;
    int *index; /* registers: rounds, then indices */
} at_draw_site;

typedef struct {
    int reg, depth;
} at_reset;

typedef struct at_unit at_unit;
typedef struct at_scatter at_scatter;
typedef struct at_panel at_panel;

enum { AT_COLUMNS = 3 };

/* One thread's state for one unit. */
typedef struct {
    at_ref *ref;
    at_cell *r;
    uint32_t cause;
    bool failed;
    int64_t fuel;       /* loop steps until the clock is looked at */
    bool leader;        /* the thread that reports progress */
    double *panel;      /* dot products known already, or NULL: [panel][row of the group][lane] */
    int panel_row;
    int64_t panel_low;  /* the last index of lane 0 */
    int64_t position;   /* in the row */
    at_cell *row;
    unsigned char *row_tag;
    uint32_t *row_cause;
    at_cell *columns[AT_COLUMNS];
} at_frame;

/* An expression lowered for evaluation over axes: the last one is the loop of the bytecode, a run
 * of the bytecode is one row. */
struct at_unit {
    int axis_count;
    at_axis **axes;
    int64_t *extents;
    int *axis_register;
    int64_t rows, width; /* product of all extents but the last; the last, 1 without axes */
    int low, high;       /* registers: the range of the last axis */
    int fixed_count;     /* axes of enclosing regions */
    at_axis **fixed;
    int *fixed_register;
    int register_count;
    at_cell *initial;
    at_instr *code;
    int code_count;
    int reset_count, reset_capacity;
    at_reset *resets;    /* caches of folds that do not depend on the inner axes */
    int scatter_count, scatter_capacity;
    at_scatter **scatters;
    int panel_count, panel_capacity;
    at_panel **panels;
    int64_t row_length;  /* cells of the frame's row; 0: stores into an array */
    int64_t columns;     /* cells of each of the frame's columns */
    double cost;         /* estimated instructions of an element */
    int frame_count;
    at_frame *frames;
};

/* ---- machine.c ------------------------------------------------------------------------------- */

enum { AT_ROW_OUTSIDE, AT_ROW_INSIDE, AT_ROW_POISON, AT_ROW_GUARD_POISON };

/* Evaluates rows first ≤ r < last and, in them, low ≤ last index < high. */
void at_unit_rows(const at_unit *unit, at_frame *frame, int64_t first, int64_t last, int64_t low,
                  int64_t high);
/* All elements, by as many threads as it is worth; scatters first. */
void at_unit_run(at_ref *ref, const at_unit *unit);
/* The same for one row, registers of outer axes set; and the step from a row to the next. */
void at_unit_row(const at_unit *unit, at_frame *frame, int64_t low, int64_t high);
void at_unit_next_row(const at_unit *unit, at_frame *frame);
/* Folds that were kept and depend on an index at `depth` or deeper hold no more. */
void at_unit_reset(const at_unit *unit, at_frame *frame, int depth);
/* Looks at the clock; false when the run should stop. */
bool at_tick(at_frame *frame);
/* Threads that the work, in instructions, pays for. */
int at_worth(const at_ref *ref, double work);

/* panels.c: dot products of several rows at once */
enum { AT_PANEL_ROWS = 8, AT_PANEL_LANES = 64 };
/* Evaluates rows as at_unit_rows does, from the frame's row on; false: not a case for panels. */
bool at_panel_rows(const at_unit *unit, at_frame *frame, int64_t rows, int64_t low, int64_t high);

/* ---- lowering -------------------------------------------------------------------------------- */

typedef struct {
    int count, capacity;
    at_instr *items;
} at_code_list;

/* Code of one loop: `header` holds what its body would repeat (parts of addresses); it is run first
 * in each step. */
typedef struct {
    at_code_list header, body;
    double weight; /* of the level around it */
} at_level;

typedef struct {
    const at_expr *fold;
    at_store *store; /* over the fold's free axes */
} at_replaced;

enum { AT_NOWHERE = -1 };

typedef struct {
    at_ref *ref;
    at_unit *unit;
    const at_statement *statement;
    int level_count, level_capacity;
    at_level *levels;     /* [0]: the row, [1]: the element, then open folds */
    int depth;            /* bound axes: iterated ones and those of open folds */
    int *axis_register;   /* by axis id; AT_NOWHERE: not bound */
    int *axis_depth;      /* 0: of an enclosing region */
    int handler;
    int label_count;
    int register_capacity, constant_count, constant_capacity;
    int *constants;       /* registers that hold constants */
    int replaced_count, replaced_capacity;
    at_replaced *replaced;
    double weight;        /* how often the code being emitted runs for one element */
} at_lowering;

/* lower.c */
at_lowering *at_lowering_new(at_ref *ref, const at_statement *st, at_axis **axes, int count);
at_unit *at_lowering_end(at_lowering *l);
at_instr *at_code_add(at_lowering *l, int op);
int at_new_label(at_lowering *l);
void at_place_label(at_lowering *l, int label);
void at_emit_jump(at_lowering *l, int label);
void at_emit_move(at_lowering *l, int dst, int from);
int at_new_register(at_lowering *l);
int at_constant_cell(at_lowering *l, at_cell value); /* by its bits */
int at_constant_int(at_lowering *l, int64_t value);
int at_constant_real(at_lowering *l, double value);
/* Binds axis to a register (AT_NOWHERE: a new one) in a new level; code goes there until the level
 * is closed: as a loop from register low to register high, or as straight code. */
void at_open_level(at_lowering *l, const at_axis *axis, int reg);
void at_close_loop(at_lowering *l, const at_axis *axis, int low, int high);
void at_close_level(at_lowering *l, const at_axis *axis);
/* Emits into the header of the loop at `depth`. */
at_instr *at_emit_header(at_lowering *l, int op, int depth);
void at_reset_flag(at_lowering *l, int reg, int depth);
/* A register that holds the value. zero: where to jump at a structural zero; AT_NOWHERE: it is the
 * number 0. A failure goes to l->handler. */
int at_code_lower(at_lowering *l, const at_expr *e, int zero);
/* Jumps to label if the bool `e` is `when`; evaluates only what it needs. */
void at_lower_branch(at_lowering *l, const at_expr *e, bool when, int label);

/* linear.c: int expressions that are sums of multiples of indices */
enum { AT_TERMS = 2 * AT_RANK_LIMIT };
typedef struct {
    int count;
    const at_axis *axes[AT_TERMS];
    int64_t factors[AT_TERMS]; /* not 0 */
    int64_t constant;
    int64_t low, high; /* between them it lies wherever it is evaluated */
} at_linear;
bool at_linear_of(const at_ref *ref, const at_expr *e, at_linear *out);
/* out = a + factor*b; false on overflow. */
bool at_linear_add(const at_ref *ref, const at_linear *a, int64_t factor, const at_linear *b,
                   at_linear *out);
/* A register with the sum of the terms; in the header of the loops that it depends on. */
int at_emit_linear(at_lowering *l, const at_linear *linear);
/* The same without the term of the innermost axis, which is given back with its factor. */
int at_emit_prefix(at_lowering *l, const at_linear *linear, int *index, int64_t *factor);
/* The factor of axis, which is taken out of the form; 0 when it is not in it. */
int64_t at_linear_take(at_linear *form, const at_axis *axis);
/* The deepest axis that occurs free in e: its depth. */
int at_depth_of(const at_lowering *l, const at_expr *e);

/* maps.c */
int at_lower_map(at_lowering *l, const at_expr *e, int zero);

/* reads.c */
int at_lower_read(at_lowering *l, const at_expr *e, int zero);
/* Whether a read needs no checks at all; then its address. */
bool at_plain_read(at_lowering *l, const at_expr *e, at_linear *offset);
/* Loads an element; with `zero`, jumps there if it is a structural zero. */
int at_load_opcode(const at_store *store, int zero);
/* An instruction on the element of `store` at the current indices of `axes`. */
at_instr *at_emit_element(at_lowering *l, int op, at_store *store, const at_axis *const *axes);

/* folds.c */

/* What a fold has taken in so far: registers, or cells that are loaded into them and stored
 * back. */
typedef struct {
    bool zeros; /* structural zeros are told apart: a sum or product that may be one */
    int count;
    int state[AT_COLUMNS];
    at_cell initial[AT_COLUMNS];
} at_accumulator;

at_accumulator at_accumulator_new(at_lowering *l, const at_expr *fold, bool zeros);
/* Evaluates the body for the current indices and takes it in. */
void at_accumulate(at_lowering *l, const at_accumulator *acc, const at_expr *fold);
int at_accumulated(at_lowering *l, const at_accumulator *acc, const at_expr *fold, int zero);
int at_code_fold(at_lowering *l, const at_expr *e, int zero);

/* ranges.c */
/* What the guard of a fold says about the range of each of its axes. */
typedef struct at_ranges at_ranges;
/* To be called where the fold begins, before its axes are bound. */
at_ranges *at_find_ranges(at_lowering *l, const at_expr *fold);
/* Registers with the range of the fold's axis k, where its loop begins; outer axes are bound. */
void at_emit_range(at_lowering *l, const at_ranges *ranges, int k, int *low, int *high);
/* The parts of a guard that are joined by `and`, in order. */
int at_conjuncts(at_ref *ref, const at_expr *guard, const at_expr ***out);

/* Lets the dot product take part in panels, if it can. x and y: without the bound axis. */
void at_add_panel(at_lowering *l, at_dot *dot, const at_linear *x, const at_linear *y);

/* scatter.c */
struct at_scatter {
    at_store *store;      /* what the fold gives, over its free axes */
    at_unit *pass;        /* over the free axes but the solved one, and the bound axes */
    at_unit *finish;      /* over the free axes, the solved one last */
    at_unit *general;     /* the double loop, for rows in which something failed */
    int64_t tuples;       /* of the free axes that are left */
    int64_t steps, rows;  /* rows of pass, and of finish and general, for each of them */
    int state_count;
    at_cell initial[AT_COLUMNS];
};
/* Finds the folds in e that are scatters, lowers them and notes what replaces them. */
void at_find_scatters(at_lowering *l, const at_expr *e);
/* Evaluates them, before the unit; and frees what they gave, after it. */
void at_scatters_run(at_ref *ref, const at_unit *unit);
void at_scatters_end(at_ref *ref, const at_unit *unit);

/* zeros.c */
void at_find_zeros(at_ref *ref);
bool at_may_be_zero(const at_ref *ref, const at_expr *e);

/* Where the statement that defines an array stands: its regions from outside, and its place in
 * reading order. */
typedef struct {
    int depth;
    const at_statement **regions;
    int order;
} at_place;

/* ---- steps: statements made ready ------------------------------------------------------------ */

typedef struct at_step at_step;
typedef struct {
    int count;
    at_step *items;
    int end_count, end_capacity;
    at_store **ends; /* arrays that live until a repeat has carried them over */
} at_steps;

struct at_step {
    const at_statement *st;
    const at_steps *block; /* that it stands in */
    at_step *parent;       /* the region around it; NULL: none */
    int index;             /* in block */
    at_place place;
    int unit_count;
    at_unit **units;     /* of the equation, the parts, the condition, the two sides */
    at_store *target;    /* NULL: none, or by part */
    at_steps body;
    int begin_count, end_count, begin_capacity, end_capacity;
    /* arrays that begin to live here, or end after */
    at_store **begins, **ends;
    double work; /* estimated instructions, of the body not */
    at_site site;
};

/* prepare.c */
bool at_prepare(at_ref *ref);
/* How an array begins, into its store. */
at_unit *at_lower_start(at_ref *ref, const at_start *start, at_store *store);
/* Ends a unit that stores `value(of)` into the element of store at the current indices of axes. */
at_unit *at_lower_into(at_lowering *l, at_store *store, at_axis *const *axes,
                       int (*value)(at_lowering *l, const void *of, int zero), const void *of);
/* The axes of `axes` that no enclosing region fixes. */
int at_free_axes(const at_ref *ref, at_axis *const *axes, int count, at_axis **out);

/* rows.c: statements that look at a whole row */
void at_keeping_run(at_ref *ref, const at_step *step);
void at_topk_run(at_ref *ref, const at_step *step);
/* Gives the frame a row for the unit; false when there is no memory, which stops the run. */
bool at_row_new(at_ref *ref, const at_unit *unit, at_frame *frame);
void at_row_free(at_ref *ref, const at_unit *unit, at_frame *frame);
/* The value of a unit without axes; false: none, the frame's cause says why. */
bool at_unit_value(at_ref *ref, const at_unit *unit, at_cell *value, uint32_t *cause);
/* order[0..count) sorted stably by before(a, b); spare is as long. */
void at_sort(int64_t *order, int64_t *spare, int64_t count,
             bool (*before)(const void *user, int64_t a, int64_t b), const void *user);

/* region.c */
bool at_steps_run(at_ref *ref, const at_steps *steps); /* false: failed or stopped */

/* assertion.c */
bool at_assertion_run(at_ref *ref, const at_step *step);

/* memory.c */
at_store *at_store_new(at_ref *ref, const at_array *array, const char *name, at_kind kind,
                       at_axis *const *axes, int rank, bool zeroable);
/* Decides where each array begins and ends to live, and refuses what does not fit. */
bool at_plan_memory(at_ref *ref);
/* Memory outside of arrays' own, counted against the limit; NULL when there is none left, which
 * stops the run. Thread-safe. */
void *at_take(at_ref *ref, size_t count, size_t size);
void at_give_back(at_ref *ref, void *memory, size_t count, size_t size);
bool at_store_allocate(at_ref *ref, at_store *store);
void at_store_free(at_ref *ref, at_store *store);
/* Gives an element a value; what marks it had are gone. */
void at_store_put(at_store *store, int64_t at, at_cell value);

/* jitter.c: the value that op gave for a and b, as rounding may have it; AT_OPS: a constant. */
double at_jittered(at_jitter *jitter, at_op op, double a, double b, double value);
#define AT_JITTERED(jitter, op, a, b, value)                                                       \
    ((jitter) ? at_jittered((jitter), (op), (a), (b), (value)) : (value))

/* run.c */
bool at_ref_begin(at_ref *ref, at_session *s, const at_cascade *cascade, const at_call *call);
void at_ref_end(at_ref *ref);
/* at_ref_run and at_ref_check; plain: see at_ref.plain. jitter: may be NULL. */
bool at_ref_run_as(at_session *s, const at_cascade *cascade, const at_call *call, bool plain,
                   at_jitter *jitter, at_checks *checks, at_results *results);

struct at_ref {
    at_session *s;
    const at_cascade *cascade; /* NULL in start.c */
    const at_call *call;
    int axis_limit;            /* above all ids of axes */
    at_arena *arena;
    int64_t *extents;      /* by axis id */
    bool *zeroable;        /* by array id: may hold structural zeros */
    bool any_zeroable;
    at_store **stores;     /* by array id; a repeat's result shares with what it carries */
    at_store **next;       /* by position in cascade->states */
    at_place *places;      /* by array id */
    at_site *sites;        /* by array id: for ROUNDS */
    at_steps steps;
    int threads;
    bool plain;            /* without ranges, scatters, dot products and kept folds: for tests */
    /* while lowering */
    at_place here;
    /* while running */
    int64_t *index;        /* by axis id: of axes of the regions that run */
    size_t limit;
    _Atomic size_t used;
    _Atomic bool stopped, exhausted;
    double clock, work, done; /* of progress */
    omp_lock_t lock;       /* of causes and of a store's first poison */
    int cause_count, cause_capacity, slot_count;
    at_cause *causes;
    uint32_t *slots;
    at_checks *checks;
    at_jitter *jitter;     /* NULL: results are as they are */
    int store_count, store_capacity;
    at_store **all_stores; /* to free */
};

#endif
