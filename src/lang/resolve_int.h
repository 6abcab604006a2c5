/* resolve_int: what the files of the resolver share, and nobody else sees.
 *
 * The resolver walks the statements of the main function in order and builds the cascade as it
 * goes. A call is inlined where it stands: its function gets a frame (its own names), and its
 * equations are added to the same list. What it must keep apart:
 *
 *   frame   one activation of a function: names -> entities (arrays, axes, options, functions).
 *   scope   where an expression stands: the frame, the names bound to indices and values around it
 *           (env), and the axes that are taken.
 *   hidden  the axes that a mapped call adds to the left of every array of the called function.
 *   region  an enclosing scan or repeat.
 *
 * An expression resolves to a value: a scalar expression of the cascade together with the axes it
 * keeps. A kept axis is a placeholder, an axis that occurs nowhere else; whoever uses the value
 * substitutes real indices for the placeholders. So lifting, partial indexing and mapping are all
 * the same substitution. */
#ifndef AT_RESOLVE_INT_H
#define AT_RESOLVE_INT_H

#include "lang/lang.h"

/* ---- values and names ------------------------------------------------------------------------ */

typedef struct {
    const at_expr *e; /* NULL: an error was reported */
    int rank;
    at_axis **axes;   /* placeholders; ->like tells whose extent each has */
} at_value;

/* An array as a function sees it: which of the array's axes it may index, in which order. */
typedef struct {
    const at_array *array;
    int rank;
    at_axis **axes;      /* what it sees: axes that give extents */
    int *hole;           /* for each axis of array: which of `axes` indexes it, or -1 */
    const at_expr **fixed; /* for hole -1: the index (an INDEX) */
} at_view;

typedef struct at_frame at_frame;
typedef struct at_env at_env;

/* A function given as an option: its own right side, or a definition. */
typedef struct {
    const at_definition *definition; /* NULL: `value` with parameters */
    const struct at_module *module;  /* of the definition */
    int count;
    const char **parameters;
    const at_tree *value;
    at_frame *frame; /* where the right side belongs */
    at_env *env;
} at_function;

typedef enum {
    AT_N_ARRAY,
    AT_N_VALUE,    /* an option, a scalar argument, a round known when compiled */
    AT_N_FUNCTION,
    AT_N_AXIS,
    AT_N_BROKEN,   /* its definition had an error: uses are silent */
    AT_N_LIMIT,    /* cannot be read here; `why` says so */
} at_entity_tag;

typedef struct {
    at_entity_tag tag;
    const char *name;
    at_span span;       /* where it was defined */
    at_view view;       /* ARRAY */
    bool own;           /* ARRAY: a whole array made by a statement of this frame */
    at_start *state;    /* ARRAY: that of `state`, by role */
    at_value value;     /* VALUE */
    at_function function;
    at_axis *axis;
    const char *why;
    struct at_pending *pending; /* ARRAY of a scan that is being resolved; NULL otherwise */
} at_entity;

/* Names bound around an expression: indices of folds and left sides, parameters of options. */
struct at_env {
    const char *name;
    at_value value;
    at_axis *unrolled; /* the round of an unrolled repeat: its axis; value is the number */
    at_env *outer;
};

/* A call counted for its path: the second of one function in one body is `name#2`. */
struct at_frame {
    at_frame *caller;
    const struct at_module *module;
    const at_definition *definition;
    const char *path;        /* "encoder.block[]"; "" for the main function */
    const char *share;       /* the path of its params and states */
    int share_depth;         /* repeats that were open when the share path was set */
    const char *rounds;      /* "[]" for each repeat that is open in this frame: ends its names */
    at_map names;            /* -> at_entity */
    at_map call_counts;      /* name -> int, boxed */
    at_map cotangents;       /* names that a `cotangent` says -> at_target */
    at_env *env;             /* rounds and scan axes open in this frame */
    int hidden_count;        /* axes of mapped calls, outermost first */
    at_axis **hidden;
    int scan_base;           /* scan axes open when it was called */
    at_span call_span;
    int depth;
};

typedef struct {
    at_frame *frame;
    at_env *env;
    int bound_count;   /* left sides and folds around: their axes are taken */
    at_axis **bound;
    int bound_capacity;
    const char *name;  /* of the array that is being defined: begins the names of what is split off */
} at_scope;

/* ---- files ----------------------------------------------------------------------------------- */

typedef struct at_module at_module;
struct at_module {
    const char *name; /* by which `name.function` means it */
    const char *path;
    const at_file_tree *tree;
    at_map functions; /* name -> at_definition (fn and law) */
    int use_count, use_capacity;
    const at_module **uses;
    bool loading;
};

struct at_program {
    const at_module *main, *prelude;
    at_map modules; /* path -> at_module */
};

/* ---- the resolver ---------------------------------------------------------------------------- */

/* A list of statements that is being filled. */
typedef struct {
    int count, capacity;
    at_statement **items;
} at_growing;

/* A name that a block gives equations to, nested blocks included. */
typedef struct {
    const char *name;
    const at_tree_statement *statement;
    const at_target *target;
    int count;
    int inner_count; /* axes of the scans inside the block in which its equation stands */
    const at_bound **inner;
} at_assigned;

/* A scan's array that is read before its equation was met. */
typedef struct at_pending at_pending;
struct at_pending {
    const char *name;
    const at_tree_statement *statement; /* its (first) equation */
    const at_target *target;
    const at_assigned *assigned;
    int definitions; /* how many equations the body has for it */
    bool many;       /* one of them is written out for every round of a repeat */
    int done;        /* how many were resolved */
    at_kind kind;    /* assumed */
    at_kind found;   /* by its equations */
    at_array *array; /* NULL until read or defined */
    at_entity *entity;
    at_view current; /* with several definitions: the newest of this step; array NULL: none yet */
    bool read;       /* inside the scan, so the axes that it was given stand */
    bool history;    /* with several definitions: an earlier step is read inside */
    bool forgets;    /* found by an earlier attempt: none is, so array stays NULL */
    bool absent;     /* found by an earlier attempt: no equation of it is reached */
};

typedef struct at_region at_region;
struct at_region {
    at_region *outer;
    bool is_scan;
    int count;
    at_axis **axes;  /* scan: its axes; repeat: the round */
    int pending_count, pending_capacity;
    at_pending **pending;
    at_frame *frame;
    bool masks;          /* repeat: of mapped indices some may have ended, and keep what they had */
    const char **forced; /* repeat: names whose definitions carry all hidden axes */
    int forced_count;
};

/* The number that made an axis' name unique last, and how many axes there were. */
typedef struct {
    int number, axis_count;
} at_numbering;

typedef struct {
    at_session *s;
    const at_program *program;
    const at_resolve_options *options;
    /* The cascade so far. */
    int axis_count, axis_capacity;
    at_axis **axes;
    int array_count, array_capacity;
    at_array **arrays;
    int input_count, input_capacity;
    at_start *inputs;
    int param_count, param_capacity;
    at_start *params;
    int state_count, state_capacity;
    at_start *states;
    int require_count, require_capacity;
    at_require *requires;
    at_growing *block;  /* where statements go */
    at_region *region;
    int repeat_count, repeat_capacity; /* open repeats, outermost first; an unrolled round is not one */
    at_axis **repeats;
    int scan_count, scan_capacity;     /* axes of open scans, outermost first */
    at_axis **scans;
    at_map axis_numbers;            /* name -> at_numbering */
    at_map said_names;              /* names with rounds that the program says -> their arrays */
    at_map axis_names, array_names; /* stale entries after a retry are recognised by id */
    int inlined;        /* calls so far */
    int errors;         /* of the session, before this resolution */
    int repeated;       /* errors that were reported before, from another call */
    const at_tree_statement *statement; /* that is being resolved */
    bool need_round;    /* the round of a repeat was needed when compiling: it is unrolled */
    const at_axis *needed; /* that round */
} at_resolver;

enum {
    AT_CALL_DEPTH = 100,
    AT_CALL_LIMIT = 50000,
    AT_EXPR_LIMIT = 1000000,
    AT_EXTENT_LIMIT = 10000,
    AT_UNROLL_LIMIT = 4096,
    AT_AXES_LIMIT = 32 /* of an array, and of what an operation binds */
};

/* ---- resolve_names.c: names, axes, arrays ---------------------------------------------------- */

at_diag *at_resolve_error(at_resolver *r, const at_frame *frame, at_code code, at_span span,
                          const char *format, ...) __attribute__((format(printf, 5, 6)));
at_entity *at_lookup(const at_resolver *r, const at_frame *frame, const char *name);
at_entity *at_define(at_resolver *r, at_frame *frame, at_entity_tag tag, const char *name,
                     at_span span);
const at_env *at_env_find(const at_env *env, const char *name);
at_env *at_env_add(at_resolver *r, at_env *outer, const char *name, at_value value);
/* A diagnostic that is never shown: for what follows from an error that was reported. */
at_diag *at_silent(at_resolver *r);
/* A fresh axis object in the cascade. `name` is made unique. */
at_axis *at_axis_new(at_resolver *r, const char *name, const at_axis *like, const at_expr *extent,
                     bool declared, at_span span);
at_axis *at_placeholder(at_resolver *r, const at_axis *like);
/* An axis over the extent of `like` that is not taken in the scope: like itself, or an alias. */
at_axis *at_axis_free(at_resolver *r, const at_scope *scope, at_axis *like, const char *name);
bool at_axis_taken(const at_resolver *r, const at_scope *scope, const at_axis *axis);
at_array *at_array_new(at_resolver *r, const char *path, at_role role, at_kind kind,
                       at_axis **axes, int rank, at_span span);
/* The same for a name of this frame, as the program says it. */
at_array *at_array_said(at_resolver *r, const at_frame *frame, const char *name, at_role role,
                        at_kind kind, at_axis **axes, int rank, at_span span);
/* The path of a name of this frame: "encoder.block[].x". */
const char *at_frame_path(at_resolver *r, const at_frame *frame, const char *name);
at_view at_view_whole(at_resolver *r, const at_array *array);
void at_scope_bind(at_resolver *r, at_scope *scope, at_axis *axis);
/* An array of an open scan as it was. */
typedef struct {
    at_pending *pending, was;
    bool entered; /* its entity knew of it */
} at_pending_mark;
/* A state of the resolver to go back to, with the names of `frame`. */
typedef struct {
    at_resolver r;
    at_frame frame;
    int diag_count, diag_lost, block_count;
    int pending_count, pending_capacity;
    at_pending_mark *pendings;
} at_mark;
/* A copy with room of its own; what the values point to is shared. */
at_map at_map_clone(at_session *s, const at_map *map);
at_mark at_mark_take(at_resolver *r, const at_frame *frame);
void at_mark_return(at_resolver *r, at_frame *frame, const at_mark *mark);

/* ---- resolve_cotangent.c: arrays whose zeros are structural ---------------------------------- */

/* Before anything of the frame is resolved. */
void at_find_cotangents(at_resolver *r, at_frame *frame);
bool at_is_cotangent(const at_frame *frame, const char *name);
/* The array for a name of the frame's function. */
at_array *at_frame_array(at_resolver *r, const at_frame *frame, const char *name, at_role role,
                         at_kind kind, at_axis **axes, int rank, at_span span);
bool at_resolve_cotangent(at_resolver *r, at_frame *frame, const at_tree_statement *st);
/* After the frame's statements: reports each name that is no array of reals. */
bool at_check_cotangents(at_resolver *r, const at_frame *frame);

/* ---- resolve_hint.c: unknown names ----------------------------------------------------------- */

typedef enum { AT_WANT_FUNCTION, AT_WANT_VALUE } at_wanted;
/* Reports E201 with a guess at what was meant. */
void at_unknown_name(at_resolver *r, const at_scope *scope, const char *name, at_span span,
                     at_wanted wanted);

/* ---- resolve_extent.c: what is known of extents ---------------------------------------------- */

typedef enum { AT_EXTENT_SAME, AT_EXTENT_DIFFER, AT_EXTENT_UNKNOWN } at_extent_relation;
at_extent_relation at_extent_compare(at_resolver *r, const at_axis *a, const at_axis *b);
/* value - extent (or value alone, axis NULL) where that is a number whatever the open extents
 * are. */
bool at_extent_excess(at_resolver *r, const at_expr *value, const at_axis *axis, int64_t *excess);
/* "5", or "size(n) - 1" where it is not known; for messages. */
const char *at_extent_text(at_resolver *r, const at_axis *axis);
/* Reports E3xx when they differ; adds a require when it is not known. */
bool at_extent_agree(at_resolver *r, const at_frame *frame, const at_axis *a, at_span a_span,
                     const char *a_what, const at_axis *b, at_span b_span, const char *b_what);
/* The value of something that must be known when compiling; known is false after an error, or
 * silently when only a repeat's round was missing (r->need_round). */
at_constant at_need_constant(at_resolver *r, const at_scope *scope, const at_expr *e, at_span span,
                             const char *what);
/* The value if it is known without asking for anything. */
at_constant at_try_constant(at_resolver *r, const at_expr *e);
/* The axis called `name` in this scope's function: known, or from its first plain use in `trees`,
 * in order. NULL after an error, unless quiet. */
at_axis *at_axis_find(at_resolver *r, const at_scope *scope, const char *name, at_span span,
                      const at_tree *const *trees, int count, bool quiet);
/* Looks for the first plain use of `name` as an index. */
at_axis *at_plain_use(at_resolver *r, const at_scope *scope, const char *name, const at_tree *tree);

/* ---- resolve_bounds.c: reads that surely are outside ----------------------------------------- */

/* Reports each; false when there was one. */
bool at_check_bounds(at_resolver *r, const at_cascade *cascade);

/* ---- resolve_declared.c: declared axes under other names ------------------------------------- */

/* Lets indices of declared axes leave arrays also where the axis has got another name. */
void at_free_declared(at_resolver *r, at_block *block);

/* ---- resolve_value.c: values ----------------------------------------------------------------- */

static inline at_value at_no_value(void) { return (at_value){0, 0, 0}; }
at_value at_scalar(const at_expr *e);
/* What an axis is called in the program, without what makes its name unique. */
const char *at_axis_text(at_resolver *r, const at_axis *axis);
/* "the axes `n` and `c`", for messages. */
const char *at_kept_text(at_resolver *r, const at_value *v);
/* The value with its placeholders replaced. */
const at_expr *at_value_at(at_resolver *r, const at_value *v, const at_expr **index);
/* What to write where a condition is needed and `e` is none. */
const char *at_condition_hint(const at_expr *e);
at_value at_value_read(at_resolver *r, const at_view *view, at_span span);
/* Gives all values the same placeholders; false after an error. Scalars stay scalars. */
bool at_values_lift(at_resolver *r, const at_scope *scope, at_value *values, int count,
                    at_span span, int *rank, at_axis ***axes);
/* An operation with conversions and lifting. */
at_value at_apply(at_resolver *r, const at_scope *scope, at_op op, at_value *args, at_span span,
                  at_span op_span);
/* Splits a value off into an array of its own and reads it. */
at_value at_hoist(at_resolver *r, const at_scope *scope, at_value v, const char *name,
                  at_span span);
bool at_is_trivial(const at_expr *e);
const at_expr *at_rename(at_resolver *r, const at_expr *e, at_axis **from, const at_expr **to,
                         int count);
/* The axes of a new array in this frame: open scans, hidden axes that are used (or all), then
 * own. */
at_axis **at_full_axes(at_resolver *r, const at_frame *frame, const at_expr *const *used,
                       int used_count, bool all_hidden, at_axis **own, int own_count,
                       int *count);
/* The frame's view of an array made so: its own axes. */
at_view at_own_view(at_resolver *r, const at_array *array, at_axis **own, int own_count);
at_statement *at_add_statement(at_resolver *r, at_statement_tag tag, at_array *target,
                               at_span span);

/* ---- resolve_expr.c, resolve_fold.c, resolve_grad.c, resolve_call.c, resolve_formula.c,
 * resolve_option.c ---- */

at_value at_resolve_expr(at_resolver *r, at_scope *scope, const at_tree *tree);
/* A scalar of a kind; NULL after an error. `what` for messages ("the guard"). */
const at_expr *at_resolve_scalar(at_resolver *r, at_scope *scope, const at_tree *tree, at_kind kind,
                                 const char *what);
at_value at_resolve_index_node(at_resolver *r, at_scope *scope, const at_tree *tree);
at_value at_resolve_fold(at_resolver *r, at_scope *scope, const at_tree *tree);
/* Operations that keep axes, topk and grad at the right of `=`; false after an error. */
/* Whether an operation at the right of `=` goes over an index that has its value from elsewhere
 * than the left side, or over one that a scan walks: then it is a value like others. */
bool at_keeps_elsewhere(const at_resolver *r, const at_scope *scope, const at_tree_statement *st);
bool at_keeping_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st);
bool at_topk_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st);
bool at_grad_equation(at_resolver *r, at_scope *scope, const at_tree_statement *st);
at_value at_resolve_grad(at_resolver *r, at_scope *scope, const at_tree *tree);
/* Whether a block says grad(…, name) anywhere. */
bool at_derives_by(const at_tree_block *block, const char *name);
/* A call; `results` gets `wanted` values (1 inside an expression). */
bool at_resolve_call(at_resolver *r, at_scope *scope, const at_tree *tree, const char *shared,
                     at_value *results, int wanted);
/* Counts what is written out in place of a call; false, after an error, beyond the limit. */
bool at_count_inlined(at_resolver *r, const at_tree *tree);
/* Reports that a call has not the `wanted` arguments; false. */
bool at_count_error(at_resolver *r, at_scope *scope, const at_tree *tree, int wanted);
/* A call of an option that has its own right side. */
bool at_formula_option(at_resolver *r, at_scope *scope, const at_tree *tree, const at_function *f,
                       at_value *result);
/* Whether a call of this function, with these arguments, is put in place: single ints and bools,
 * and equations for single numbers. */
bool at_is_formula(const at_definition *d, const at_value *args);
bool at_formula_call(at_resolver *r, at_scope *scope, const at_tree *tree, at_frame *callee,
                     const at_value *args, at_value *result);
/* The function that `name` means in a file: its own, one that it uses, or the prelude's. */
const at_definition *at_find_definition(const at_program *program, const at_module *module,
                                        const char *name, const at_module **where, bool *ambiguous);
/* Enters all options of the callee into its frame: those of the call, and defaults for the rest.
 * caller and call may be NULL: then only defaults. */
bool at_bind_options(at_resolver *r, at_frame *callee, at_scope *caller, const at_tree *call);

/* ---- resolve_statement.c, resolve_equation.c, resolve_scan.c, resolve_repeat.c --------------- */

bool at_resolve_block(at_resolver *r, at_frame *frame, const at_tree_block *block);
bool at_resolve_equation(at_resolver *r, at_frame *frame, const at_tree_statement *st);
bool at_resolve_scan(at_resolver *r, at_frame *frame, const at_tree_statement *st);
bool at_resolve_repeat(at_resolver *r, at_frame *frame, const at_tree_statement *st);
/* How a param, a state or a law's input begins: a value, or a draw, of its own indices and of
 * sizes. start->array is not looked at. */
bool at_resolve_start(at_resolver *r, at_scope *scope, const char *name, const at_tree *tree,
                      bool drawn, at_kind kind, at_start *start);
bool at_resolve_param(at_resolver *r, at_frame *frame, const at_tree_statement *st);
bool at_resolve_next(at_resolver *r, at_frame *frame, const at_tree_statement *st);
bool at_resolve_assertion(at_resolver *r, at_frame *frame, const at_tree_statement *st);
at_scope at_scope_of(at_frame *frame, const char *name);
/* The left side's axes: bound in the scope, from what is known or from plain uses in `trees`. A `:`
 * is NULL in the result. NULL after an error. */
at_axis **at_bind_left(at_resolver *r, at_scope *scope, const at_target *target,
                       const at_tree *const *trees, int tree_count);
/* False after an error: the left side of a call's equation names, as an index, what the function
 * declares to give itself (resolve_left.c). */
bool at_left_of_call(at_resolver *r, at_frame *frame, const at_tree_statement *st);
/* Likewise for any right side, by the axes that it keeps. */
bool at_left_of_value(at_resolver *r, const at_scope *scope, const at_target *target,
                      at_axis *const *left, const at_value *v);
/* Gives the axes that `v` keeps their places at the left: first the `:`, the rest at the right (a
 * declared output's by their declared names). `own` gets all axes of the target as the function
 * sees them, v its indices. False after an error. */
bool at_place_left(at_resolver *r, at_scope *scope, const at_target *target, at_axis **left,
                   at_value *v, at_axis ***own, int *own_count);
/* Makes (or, in a scan, finds) the array that a target defines and enters it into the frame.
 * `own` are its axes as the function sees them. */
at_array *at_define_target(at_resolver *r, at_frame *frame, const at_target *target, at_kind kind,
                           at_axis **own, int own_count, const at_expr *const *used,
                           int used_count, bool all_hidden);
/* Names that a block gives equations to. */
int at_assigned_names(at_resolver *r, const at_tree_block *block, at_assigned **out);
/* An array of this frame that copies a value, with all hidden axes; view: as the frame sees it. */
at_array *at_copy_array(at_resolver *r, at_frame *frame, const at_value *v, const char *name,
                        at_kind kind, at_span span, at_view *view);
/* Whether a step gives a scan's array several equations, each with an array of its own. */
static inline bool at_many(const at_pending *p) { return p->definitions > 1 || p->many; }
/* The declaration of the output that `name` is; NULL if it is none. */
const at_target *at_declared_output(const at_frame *frame, const char *name);
/* How many of the axes of open scans are steps of this array. */
int at_pending_steps(const at_resolver *r, const at_pending *p);
/* The array of an open scan of this frame that is called `name`; NULL when there is none. */
at_pending *at_find_pending(const at_resolver *r, const at_frame *frame, const char *name);
/* The view of a name at this place: in a scan the newest of this step. */
at_view *at_newest(at_entity *entity);

#endif
