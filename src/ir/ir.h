/* ir: the cascade, a list of equations over named arrays. Calls, options, mapping, partial indexing
 * and defaults are gone; what is left is the meaning, and it prints as a program of the language
 * that reads back to the same cascade.
 *
 * Everything is immutable once the cascade is built, lives in the session's arena and may be shared
 * between cascades; a rewrite makes new nodes and keeps the rest.
 *
 * What must hold (at_ir_verify checks it):
 *  - Within one equation no axis is bound twice on a path from its left side to a leaf, so an index
 *    is simply its axis.
 *  - An expression's INDEX axes are bound by its equation's left side, by an enclosing fold, or by
 *    an enclosing scan or repeat.
 *  - Arrays are single assignment, each written by one statement. A scan's arrays are whole
 *    histories: the scan's axes come first and their earlier elements may be read. What a repeat
 *    carries is named by four arrays (at_carried).
 *  - Arrays of one name are all cotangents or none is. A cotangent is real, and no param or state.
 *  - Operations that keep axes (softmax, cumsum, argsort, topk) and draws are statements.
 *  - Kinds agree exactly; an int that became a real is a TO_REAL node. */
#ifndef AT_IR_H
#define AT_IR_H

#include "base/base.h"

typedef enum { AT_BOOL, AT_INT, AT_REAL } at_kind;
const char *at_kind_text(at_kind kind); /* "bool", "int", "real" */

typedef struct at_axis at_axis;
typedef struct at_array at_array;
typedef struct at_expr at_expr;
typedef struct at_statement at_statement;

/* ---- ops.def, folds.def, draws.def ----------------------------------------------------------- */

typedef enum {
#define AT_OP(id, text, arity, rule, level, c, doc) AT_OP_##id,
#include "ir/ops.def"
#undef AT_OP
    AT_OPS
} at_op;

typedef enum {
    AT_RULE_REAL, AT_RULE_SAME, AT_RULE_INT, AT_RULE_COMPARE, AT_RULE_LOGIC, AT_RULE_TO_REAL,
    AT_RULE_TO_INT, AT_RULE_CHOOSE
} at_rule;

typedef struct {
    const char *text;
    int arity;
    at_rule rule;
    int level;
    const char *c, *doc;
} at_op_row;
const at_op_row *at_op_info(at_op op);

typedef enum {
#define AT_FOLD(id, text, form, result, doc) AT_FOLD_##id,
#include "ir/folds.def"
#undef AT_FOLD
    AT_FOLDS
} at_fold;

typedef enum { AT_FORM_REMOVE, AT_FORM_KEEP, AT_FORM_JOINT, AT_FORM_RANK } at_form;
typedef enum { AT_GIVES_REAL, AT_GIVES_SAME, AT_GIVES_INT, AT_GIVES_BOOL } at_gives;

typedef struct {
    const char *text;
    at_form form;
    at_gives gives;
    const char *doc;
} at_fold_row;
const at_fold_row *at_fold_info(at_fold fold);
/* The row called `text`, or -1. */
int at_fold_find(const char *text);

typedef enum {
#define AT_DRAW(id, text, parameters, result, doc) AT_DRAW_##id,
#include "ir/draws.def"
#undef AT_DRAW
    AT_DRAWS
} at_draw;

typedef struct {
    const char *text;
    int parameters;
    at_gives gives;
    const char *doc;
} at_draw_row;
const at_draw_row *at_draw_info(at_draw draw);
int at_draw_find(const char *text);
/* The built-in function (level 0) called `text`, or -1. */
int at_op_find(const char *text);

/* ---- axes, arrays ---------------------------------------------------------------------------- */

struct at_axis {
    const char *name;       /* unique in its cascade */
    const at_expr *extent;  /* an int of sizes of open axes; NULL: open, given by the inputs */
    const at_axis *like;    /* "axis j as n": another index over the same extent; may be NULL */
    bool declared;          /* by an `axis` statement: reads with an alternative may leave the array */
    bool round;             /* counts the rounds of a repeat */
    int64_t fixed;          /* an open axis whose extent was needed to compile: that extent; else -1 */
    at_span span;
    int id;                 /* its position in at_cascade.axes */
};

typedef enum {
    AT_INPUT,
    AT_PARAM,    /* learned; leading axes for the rounds of the repeats it stands in */
    AT_STATE,    /* kept between runs; leading axes as for params */
    AT_DEFINED,  /* by an equation */
    AT_CARRIED,  /* the value that a round of a repeat begins with */
    AT_RESULT,   /* the value that a repeat leaves */
} at_role;

struct at_array {
    const char *name; /* as printed: a path. Unique, but for what one repeat carries and for an output
                         that has the name of an input */
    const char *path; /* the user's path, `[]` standing for the number of a round */
    at_role role;
    at_kind kind;
    int rank;
    at_axis **axes;
    const at_axis *inside; /* `ids[t]: index v`: values lie in 0..size(v)-1; NULL: not declared */
    at_span span;
    bool cotangent;  /* its zeros are structural, by value: adjoints, of which 0 contributes nothing */
    int id; /* its position in at_cascade.arrays */
};

/* ---- expressions ----------------------------------------------------------------------------- */

typedef enum {
    AT_CONST, /* kind tells which of real, integer (bool: 0 or 1) */
    AT_SIZE,  /* size(axis), an int */
    AT_INDEX, /* the index of axis, an int */
    AT_READ,
    AT_MAP,   /* an operation of ops.def on scalars */
    AT_FOLD_NODE, /* an operation of folds.def with form REMOVE */
} at_tag;

struct at_expr {
    at_tag tag;
    at_kind kind;
    uint32_t weight; /* its nodes, counted as a tree though parts may be shared; saturates */
    at_span span;
    union {
        double real;
        int64_t integer;
        const at_axis *axis;
        struct {
            const at_array *array;
            const at_expr **index;      /* array->rank of them */
            /* `x[t-1 | 0]`: the value where an index is outside; NULL: outside is an error. An
             * index that is a plain INDEX of an axis that was not declared is checked in either
             * case. */
            const at_expr *alternative;
        } read;
        struct {
            at_op op;
            const at_expr *args[3]; /* of which the first at_op_info(op)->arity are set */
        } map;
        struct {
            at_fold fold;
            int count;
            at_axis **axes;
            const at_expr *guard; /* NULL: all of them */
            const at_expr *body;
        } fold;
    } u;
};

/* ---- statements ------------------------------------------------------------------------------ */

typedef struct {
    int count;
    at_statement **items;
} at_block;

typedef enum {
    AT_EQUATION, /* target[axes] = value */
    AT_KEEPING,  /* target[axes] = softmax[bound where guard](body), one or several parts */
    AT_TOPK,     /* target[…, rank] = topk[bound where guard](body) */
    AT_DRAWING,  /* target[axes] ~ normal(args) */
    AT_TABLE,    /* target[axes] = table(…), row-major */
    AT_GRAD,     /* target[axes] = grad(loss, z) */
    AT_NEXT,     /* next state[axes] = value: takes effect when the run ends well */
    AT_SCAN,
    AT_REPEAT,
    AT_ASSERT,   /* in a law: left == right over `axes` */
} at_statement_tag;

/* One part of a normaliser: target[target->axes] = op[bound where guard](body). The bound axes are
 * among the target's axes; inside, they range over the whole set. */
typedef struct {
    at_array *target;
    int count;
    at_axis **bound;
    bool *down; /* per bound axis: runs from the end */
    const at_expr *guard, *body;
} at_part;

/* What a repeat carries. All four have one kind, rank and extents. `after` is `before` when no
 * round runs and else the last round's `next`; `inside` is `before` in the first round and then the
 * last round's `next`. `next` is written in the body (it may be a nested repeat's `after`). */
typedef struct {
    at_array *before, *inside, *next, *after;
} at_carried;

struct at_statement {
    at_statement_tag tag;
    at_span span;
    at_array *target; /* EQUATION, TOPK, DRAWING, TABLE, GRAD; the state for NEXT */
    union {
        const at_expr *value; /* EQUATION; NEXT, over u.next.axes */
        struct {
            at_fold fold;
            int count;
            at_part *parts;
        } keeping;
        at_part topk; /* target's last axis is the rank and not bound */
        struct {
            at_draw draw;
            const at_expr *args[2];
        } drawing;
        struct {
            int count;
            const at_expr **values; /* without indices or reads */
        } table;
        struct {
            const at_expr *loss, *z; /* reads; z->index are plain INDEX of the target's axes. Derived
                                        by those axes of z that the loss does not mention */
        } grad;
        struct {
            const at_expr *value;
            at_axis **axes; /* the state's rank of them; rounds first */
        } next;
        struct {
            int count;
            at_axis **axes;
            bool *down;
            at_block body;
        } scan;
        struct {
            at_axis *round;
            int64_t count;
            const at_expr *condition; /* tested before each round; NULL: always */
            int carried_count;
            at_carried *carried;
            at_block body;
        } repeat;
        struct {
            at_op op; /* EQ, LE, GE */
            int count;
            at_axis **axes;
            const at_expr *left, *right;
            double tolerance; /* negative: the executor's own */
        } assertion;
    } u;
};

/* ---- the cascade ----------------------------------------------------------------------------- */

/* An array with how it begins: a param, a state, or a law's drawn input. Either a value over the
 * array's axes or a draw; neither for an input. */
typedef struct {
    at_array *array;
    const at_expr *value; /* NULL: drawn, or not said */
    int draw;             /* at_draw, or -1 */
    const at_expr *args[2];
} at_start;

typedef struct {
    const char *name; /* the program's own */
    at_array *array;
} at_output;

typedef struct {
    const at_expr *condition; /* over sizes only */
    at_span span;
    const char *why; /* what it stands for, in the user's words; NULL: written as `require` */
} at_require;

typedef struct {
    const char *name; /* of the function or law */
    bool law;
    const char *doc; /* without the ##; may be NULL */
    at_span span;
    int axis_count, array_count, input_count, param_count, state_count, output_count, require_count;
    at_axis **axes;
    at_array **arrays;
    at_start *inputs, *params, *states;
    at_output *outputs;
    at_require *requires;
    at_block body;
} at_cascade;

/* ---- build.c: nodes -------------------------------------------------------------------------- */
/* Nodes check their kinds (AT_ASSERT): conversions are the caller's to make. */

const at_expr *at_real(at_session *s, double value, at_span span);
const at_expr *at_int(at_session *s, int64_t value, at_span span);
const at_expr *at_bool(at_session *s, bool value, at_span span);
const at_expr *at_size(at_session *s, const at_axis *axis, at_span span);
const at_expr *at_index(at_session *s, const at_axis *axis, at_span span);
const at_expr *at_read(at_session *s, const at_array *array, const at_expr **index,
                       const at_expr *alternative, at_span span); /* index is kept */
/* Unused arguments NULL. Gives the kind by the op's rule. Not always a new node: a negated number
 * is a number, TO_REAL of a real and TO_INT of an int are the argument, TO_REAL of an int constant
 * that a double holds exactly is a real constant, and `and`, `or`, `not`, `if` with a constant
 * vanish. */
const at_expr *at_map_node(at_session *s, at_op op, const at_expr *a, const at_expr *b,
                           const at_expr *c, at_span span);
/* axes are copied; a guard that is the constant true becomes NULL. The body must be real for folds
 * that give reals, bool for any and all, a number for the others but count, which takes
 * anything. */
const at_expr *at_fold_node(at_session *s, at_fold fold, at_axis **axes, int count,
                            const at_expr *guard, const at_expr *body, at_span span);
/* x itself when it is real, TO_REAL of an int. */
const at_expr *at_as_real(at_session *s, const at_expr *x);
bool at_same(const at_expr *a, const at_expr *b); /* equal as trees; spans do not count */

/* ---- constant.c: what is known before a run -------------------------------------------------- */

/* The value of an expression without reads, where its sizes are known. */
typedef struct {
    at_kind kind;
    bool known;
    double real;
    int64_t integer; /* also bools */
} at_constant;

/* `extent` gives an open axis' extent or -1. An int overflow or a division by 0 is not known. */
at_constant at_constant_of(const at_expr *e, int64_t (*extent)(void *user, const at_axis *axis),
                           void *user);
/* The extent of any axis, given those of the open ones in `open` (by axis id; -1 unknown); -1 when
 * it is not known, does not fit, or is negative. */
int64_t at_extent(const at_axis *axis, const int64_t *open);
/* Integer operations as the language defines them; false on overflow and division by 0. */
bool at_int_op(at_op op, int64_t a, int64_t b, int64_t c, int64_t *result);
/* The C text of ops.def on doubles (comparisons give 1 or 0); nothing of use for ops of ints. */
double at_real_op(at_op op, double a, double b, double c);
/* int(x): without its fraction; INT64_MIN, outside every extent, for NaN and what does not fit. */
int64_t at_real_to_int(double x);

/* ---- walk.c: looking at and rewriting expressions -------------------------------------------- */

/* Calls `visit` on every node, parents first; stops below a node for which it returns false. A
 * shared node is visited at each of its places. e may be NULL. */
void at_walk(const at_expr *e, bool (*visit)(void *user, const at_expr *e), void *user);
/* Every expression of a statement, not of the statements inside it. */
void at_walk_statement(const at_statement *st, bool (*visit)(void *user, const at_expr *e),
                       void *user);
/* Every statement of a block in order, those inside scans and repeats too, unless `visit` returns
 * false for the scan or repeat. */
void at_walk_block(const at_block *block, bool (*visit)(void *user, const at_statement *st),
                   void *user);
/* Whether axis occurs free (as INDEX, not bound by a fold within). */
bool at_mentions(const at_expr *e, const at_axis *axis);
/* Replaces nodes from the leaves up: `change` is given each node after its children were replaced
 * and returns it, or another of the same kind. Unchanged nodes are shared with e. */
const at_expr *at_rewrite(at_session *s, const at_expr *e,
                          const at_expr *(*change)(void *user, const at_expr *e), void *user);
/* Replaces each free INDEX of axes[k] by values[k], all at once; sizes stay. A fold within that
 * binds one of `axes` keeps its own; it and any fold that would capture an index of a value get a
 * new axis from `fresh`, which must give one of the same extent that occurs nowhere yet. Unchanged
 * nodes are shared with e. */
const at_expr *at_substitute(at_session *s, const at_expr *e, const at_axis **axes,
                             const at_expr **values, int count,
                             at_axis *(*fresh)(void *user, const at_axis *like), void *user);

/* ---- verify.c, print.c ----------------------------------------------------------------------- */

/* The rules above, by AT_ASSERT; for debug builds and tests. */
void at_ir_verify(at_session *s, const at_cascade *cascade);
/* The cascade as a program of the language: one `fn` (or `law`) with every extent, index and path
 * written out. Reading it back and printing gives the same text. */
void at_ir_print(const at_cascade *cascade, at_text *out);
/* One statement, as at_ir_print would, without an indent or an end of line. */
void at_ir_print_statement(const at_statement *st, at_text *out);
/* One expression, as at_ir_print would; for messages and dumps. */
void at_ir_print_expr(const at_expr *e, at_text *out);
/* A name as it is written in a program: itself, or in backquotes when it is not a plain path. */
void at_ir_print_name(const char *name, at_text *out);

/* ---- reason.c: why something was not done ---------------------------------------------------- */

/* `s[i,j]`, and an expression, as texts of the session that messages can hold: long ones are
 * cut. */
const char *at_array_text(at_session *s, const at_array *array);
const char *at_expr_text(at_session *s, const at_expr *e);
/* at_reason_add about an array that stands at `span`, and about a condition or a sum. */
void at_reason_array(at_session *s, at_reason_kind kind, const at_array *array, at_span span,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
void at_reason_expr(at_session *s, at_reason_kind kind, const at_expr *e, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
