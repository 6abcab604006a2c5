/* random: programs of the language, drawn and checked.
 *
 * A program is written from a stream of choices (choice.c), each a small number of which 0 is the
 * simplest. Whoever has the stream has the program, so a failing program is made small by making
 * its stream small (shrink.c) and writing it again: what is written is always well typed, always
 * runs, and nothing here has to know how to take a program apart.
 *
 *     seed -choice-> choices -generate-> text -trial-> cascade, results -properties-> holds or not
 *
 * The writer knows of every extent, array and index in scope what a program may do with it. */
#ifndef RANDOM_H
#define RANDOM_H

#include "ir/ir.h"
#include "lang/lang.h"
#include "ref/ref.h"

/* ---- choice.c -------------------------------------------------------------------------------- */

/* Marks in a script around what made one thing; every choice is smaller. */
enum { SPAN_CLOSE = INT32_MAX - 1, SPAN_OPEN = INT32_MAX };

typedef struct {
    int begin, end; /* [begin, end) of the script, both marks included */
    int label;      /* what they made: one of span_label */
} choice_span;

typedef enum { SPAN_FUNCTION, SPAN_STATEMENT, SPAN_EXPRESSION } span_label;

typedef struct {
    uint64_t state;         /* of fresh choices */
    const uint32_t *script; /* what is chosen instead; all 0 after its end; NULL: fresh ones */
    int script_count;
    int at;                 /* how much of the script was played */
    int missing;            /* open spans that the script does not have */
    uint32_t *values;       /* what was chosen, on the heap */
    int count, capacity;
    choice_span *spans;     /* in the order of their beginnings */
    int span_count, span_capacity;
} choices;

void choices_fresh(choices *c, uint64_t seed);
void choices_replay(choices *c, const uint32_t *script, int count);
void choices_free(choices *c);
/* 0..count-1. */
int choose(choices *c, int count);
/* False is the simpler. */
bool maybe(choices *c, int percent);
/* The position of one of `count` weights, in proportion; what has weight 0 is never taken. */
int choose_weighted(choices *c, const int *weights, int count);
int span_begin(choices *c, span_label label);
void span_end(choices *c, int span);
/* A well mixed number for each number. */
uint64_t mixed(uint64_t x);

/* ---- what was written: generate.c ------------------------------------------------------------ */

/* What only the text shows; what shows in the cascade is counted there. */
typedef enum {
#define FEATURE(id, text) FEATURE_##id,
#include "features.def"
#undef FEATURE
    FEATURES
} feature;

enum { MOST_SIZES = 6 };

typedef struct {
    const char *text;
    int size_count;
    at_known_size sizes[MOST_SIZES]; /* of the axes of the inputs */
    const char *set_name, *set_value; /* an option that is given from outside, or NULL */
    bool training;
    bool wild;      /* infinities, NaN and cliffs are likely */
    int style;      /* of input values: small whole numbers, normal ones, … */
    uint64_t data;  /* seed of input values and of the run */
    unsigned marks[FEATURES]; /* how often each was written */
} random_program;

/* Everything in `arena`. */
void generate(choices *c, at_arena *arena, int wild_percent, random_program *program);

/* ---- the writer: scope.c --------------------------------------------------------------------- */

enum { MOST_RANK = 6, MOST_OPTIONS = 4, MOST_INPUTS = 5, MOST_OUTPUTS = 6, LONGEST = 12 };

/* What is known to be one number within a function. */
typedef struct {
    int high;      /* at most */
    int number;    /* exactly; -1: not known */
    bool empty;    /* may be 0 */
    bool of_round; /* differs from round to round: nothing outside of the repeat has it */
} known_extent;

typedef struct {
    const char *name;
    int extent;
    bool declared; /* by `axis n = …`: may leave an array in a read with an alternative */
} axis;

typedef enum { IS_INPUT, IS_PARAM, IS_STATE, IS_DEFINED } array_role;

typedef struct {
    const char *name;
    array_role role;
    at_kind kind;
    int rank;
    int extents[MOST_RANK];
    const char *axes[MOST_RANK]; /* as named at its left; NULL where they were not */
    double high;    /* no value is larger */
    int inside;     /* ints: they are indices of this extent, or -1: not so */
    bool minus_one; /* … or -1 where there is none */
    int steps;      /* its leading axes that are steps of scans still open */
    bool written;   /* in this step */
    bool hidden;    /* until the scan ends */
    bool repeated;  /* in a repeat inside of the scan that is open */
    bool inner;     /* of a scan inside the one that is open: not equated again there */
    int carried;    /* by this many repeats around */
    bool reshaped;  /* its name stood for another array before */
    bool collected; /* by the rounds of the repeat that is open */
    bool derived;   /* made from a derivative */
} array;

/* A value in scope that is no array: an index, an option, an option function's parameter. */
typedef struct {
    const char *name;
    at_kind kind;
    double high;
    int extent;    /* an index of this extent; -1: any value */
    bool is_axis;  /* a fold can bind it again */
    bool declared; /* of an axis that was declared */
    bool step;     /* of a scan that is open */
    bool round;    /* of a repeat that is open */
    bool constant; /* known when compiling */
} scalar;

typedef struct function function;

typedef struct {
    const char *name;
    enum { OPTION_VALUE, OPTION_FUNCTION, OPTION_ARRAYS } form;
    at_kind kind;            /* of the value, or the function's */
    int count;               /* FUNCTION: parameters */
    const char *names[3];
    at_kind kinds[3];
    int extents[3];          /* ints: plain indices of this extent of the function; -1: any int */
    const function *standard; /* ARRAYS: the default */
} option;

struct function {
    const char *name;
    int input_count, option_count, output_count;
    array *inputs[MOST_INPUTS];
    option *options[MOST_OPTIONS];
    array outputs[MOST_OUTPUTS];
    known_extent extents[64];
    int open;        /* the first extents are those of the inputs */
    bool has_next;   /* cannot be mapped, nor stand in a scan */
    bool has_params; /* or states: there is something to share */
    bool tidy;       /* outputs have extents of inputs only: can be passed for another one */
    bool calls;
    int weight;      /* how much a call inlines */
};

typedef struct {
    const char *name;
    int extent;
    bool down;
} step;

enum { MOST_ARRAYS = 96, MOST_AXES = 64, MOST_SCALARS = 48, MOST_FUNCTIONS = 6 };

typedef struct {
    choices *c;
    at_arena *arena;
    random_program *program;
    bool wild;
    const function *functions[MOST_FUNCTIONS];
    int function_count;
    /* of the function that is written: */
    function *f;
    bool is_main;
    at_text out; /* its statements */
    int indent;
    int extent_count; /* of f->extents */
    axis axes[MOST_AXES];
    int axis_count;
    axis later[8]; /* bound by folds of the statement that is written */
    int later_count;
    array *arrays[MOST_ARRAYS];
    int array_count;
    scalar scalars[MOST_SCALARS];
    int scalar_count;
    step steps[4];
    int step_count;
    int scan_axes;    /* that were in scope when the outermost scan began */
    int blocks;       /* open ones in which shapes of what is outside must stay */
    int repeats;      /* open ones */
    int repeat_base;  /* what was in scope when the innermost began */
    bool rounds_unknown; /* in a repeat with `while`: its round is not known when compiling */
    int unsure;       /* > 0: what is written here may not be resolved at all */
    int depth;        /* blocks that a statement may still open */
    int fuel;         /* nodes that this statement may still have */
    int array_names, axis_names, option_names, words;
    int own_names;
    struct {
        const function *f;
        int bound[64];
    } shared[8]; /* calls `as` a path, by their number */
    int shared_count;
} writer;

void mark(writer *w, feature f);
bool named(const char *name, const char *other);
int new_extent(writer *w, int high, int number, bool empty);
/* A name for a new axis; it is not in scope yet. */
const char *new_axis_name(writer *w);
axis *add_axis(writer *w, const char *name, int extent, bool declared);
/* The same once the next line is written, if the line has the name in it: what a fold bound is
 * known from then on. */
void add_axis_later(writer *w, const char *name, int extent);
const char *new_array_name(writer *w);
/* In scope from here. */
array *add_array(writer *w, const char *name, at_kind kind, int rank, const int *extents);
void add_index(writer *w, const char *name, int extent, bool declared);
/* An axis of this extent that has a name, or NULL; one at random when there are several. */
const axis *axis_of(writer *w, int extent);
const axis *find_axis(const writer *w, const char *name);
const scalar *find_scalar(const writer *w, const char *name);
/* "size(n)", or the number where it is known; NULL when nothing names the extent. */
const char *size_text(writer *w, int extent);
/* An axis that a fold or a left side can bind: named, not too long, no step; -1 when there is none.
 * Names in `taken` are left out. */
int pick_axis(writer *w, const char *const *taken, int taken_count);
/* Whether a scan's array can be equated twice in a step: earlier steps of such ones can be read
 * only where the left side names all axes, and these were known before. True for other arrays. */
bool named_before_scan(const writer *w, const array *a);
/* Whether this array can be read here. */
bool readable(const writer *w, const array *a);
/* A statement's line, indented, with a comment now and then. */
void line(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *made(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- expressions: generate_expression.c ------------------------------------------------------ */

/* A piece of text with what is known of its value. text NULL: could not be written here. */
typedef struct {
    const char *text;
    int level;      /* how tightly its outermost operator binds, as in ops.def; 100: a primary */
    at_kind kind;
    double high;
    int inside;     /* an int that is an index of this extent; -1: not known to be */
    bool minus_one; /* … or -1 */
} piece;

enum { PRIMARY = 100, CHOICE = 10, INSIDE = 0 };

piece a_piece(const char *text, int level, at_kind kind, double high);
/* Its text, in parentheses where it binds less tightly than `level`. */
const char *at_level(writer *w, piece p, int level);
/* One value of a kind, at most so deep. */
piece expression(writer *w, at_kind kind, int depth);
/* A binary operator of ops.def between two pieces. */
piece joined(writer *w, at_op op, piece a, piece b, at_kind kind, double high);
piece applied(writer *w, const char *name, piece a, double high);
/* The piece itself, or a tamer function of it, so that values of the kind stay below `high`. */
piece tamed(writer *w, piece p, double high);
double limit_of(at_kind kind); /* of the elements of an array */

/* ---- reads: generate_read.c ------------------------------------------------------------------ */

/* A read of some array of the kind, all indices given. text NULL when there is none. */
piece a_read(writer *w, at_kind kind, int depth);
/* An index inside an extent; text NULL when none is known. */
piece an_index(writer *w, int extent, int depth);
/* A read of `a` in which position `at` has the index `index`, a plain one. */
piece read_at(writer *w, array *a, int at, const char *index, int depth);
/* `a` with `count` axes kept, of `extents` in order (an extent of -1 takes any and is set). */
piece a_view(writer *w, array *a, int count, int *extents, int depth);

/* ---- folds: generate_fold.c ------------------------------------------------------------------ */

piece a_fold(writer *w, at_kind kind, int depth);
piece a_running_fold(writer *w, at_kind kind, int depth);
/* A condition on these bound axes: " where …", or "". */
const char *a_guard(writer *w, const char *const *bound, int count, int depth);

/* ---- values with kept axes: generate_value.c ------------------------------------------------- */

/* A value that keeps axes of these extents; text NULL when there is none. */
piece a_value(writer *w, at_kind kind, int count, const int *extents, int depth);

/* ---- calls: generate_call.c ------------------------------------------------------------------ */

/* A call inside an expression that keeps axes of these extents (none: one value). */
piece a_call(writer *w, at_kind kind, int count, const int *extents, int depth);
/* `mask(i,j)` of an option function of this function. */
piece an_option_call(writer *w, at_kind kind, int depth);
/* `o, p[b] = f(…)`. False when there is nothing to call here. */
bool call_statement(writer *w);
/* What stands right of `=` for an option, where `bound` gives the extent in scope of each extent of
 * the function that has it (-1: none). */
const char *an_option_value(writer *w, const option *o, const int *bound);

/* ---- left sides: generate_left.c ------------------------------------------------------------- */

/* The axes of an equation, named: the steps of open scans, then others. */
typedef struct {
    const char *names[MOST_RANK];
    int extents[MOST_RANK];
    int count;
    int scalars;  /* in scope before */
    array *from;  /* a new axis gets its extent from this array */
    int at, new_axis; /* its position there and here; -1: all are known */
} left_side;

/* At most `more` axes beside the open scans' steps, all of them indices from here; one may be
 * new. */
void open_left(writer *w, left_side *l, int more, bool may_be_new);
/* An axis of a name that stands nowhere else, declared as another: what a right side keeps must not
 * be named at the left, and with this name it cannot be. Only in main: an argument of a function
 * may have an axis of any name. NULL when there is none. */
const axis *own_axis(writer *w, const char *const *taken, int taken_count);
/* A new axis is known from here. Its indices are none any more. */
void close_left(writer *w, left_side *l);
/* "[i,j]", or "" for none. */
const char *bracketed(writer *w, const char *const *names, int count);
/* What an equation defines, from its left side and what is known of its value. */
array *defined(writer *w, const char *name, const left_side *l, piece p);
at_kind some_kind(writer *w);
/* "normal(0.5, 1.0)" and the like; `free`: parameters may be any expressions. */
const char *a_distribution(writer *w, bool free, at_kind *kind);

/* ---- statements: generate_statement.c, _alone.c, _declare.c, _block.c ------------------------ */

void topk_statement(writer *w);
/* A loss and its derivative: generate_grad.c. */
void grad_statement(writer *w);
void joint_statement(writer *w);
/* A softmax with a mask, and values that are broken just where it masks: nobody may see them. */
void masked_statement(writer *w);
void table_statement(writer *w);
void draw_statement(writer *w);
void axis_statement(writer *w);
void param_statement(writer *w);
void state_statement(writer *w);
void next_statement(writer *w);

/* One statement, or a few that belong together. */
void statement(writer *w, int depth);
/* `name[…] = …` of this kind over these extents; NULL where they cannot be named. */
array *equation(writer *w, const char *name, at_kind kind, int rank, const int *extents);
void scan_block(writer *w);
void repeat_block(writer *w);
void if_block(writer *w);
/* The same array, defined again with its shape. False when nothing can be. */
bool same_shape_again(writer *w);
piece compile_time_condition(writer *w);

#endif
