/* What the files of grad/ share. */
#ifndef AT_GRAD_INT_H
#define AT_GRAD_INT_H

#include "grad/grad.h"

/* A scan or repeat while it is reversed. */
typedef struct at_reversed at_reversed;
struct at_reversed {
    at_reversed *outer;
    const at_statement *forward;
    /* Of a repeat: */
    at_axis *round;             /* of the reversed repeat */
    const at_expr *at;          /* the forward round that this one undoes */
    const at_expr *runs;        /* of one that may end early: whether this round undoes one that ran */
    at_block front;             /* equations to put at the beginning of the forward body */
    int front_capacity;
    at_block behind;            /* and those to put behind it */
    int behind_capacity;
    at_carried *ran;            /* how many rounds ran, counted by the forward repeat; NULL: all */
    const at_statement *count;  /* the equation of the body that counts */
};

/* One addend of an adjoint: value, summed over `axes` where `guard` holds, belongs to the element
 * at `index`. */
typedef struct at_contribution at_contribution;
struct at_contribution {
    at_contribution *next;
    const at_array *target; /* whose cotangent it is */
    at_reversed *from;  /* the region of the statement that contributes; NULL: none */
    at_reversed *enter; /* read outside this repeat, as its last round left it; NULL: inside */
    int count;
    at_axis **axes;
    const at_expr **index; /* first the held axes that the array lacks, then the array's rank */
    const at_expr *guard;  /* may be NULL */
    const at_expr *value;
};

/* An expression that got an array of its own in front of the statement it stands in. */
typedef struct at_hoisted at_hoisted;
struct at_hoisted {
    at_hoisted *next;
    const at_expr *value, *read;
};

/* An array of a repeat's body that is read outside it, and its adjoint there: of the value that the
 * last round left, or of all that were collected. */
typedef struct at_escape at_escape;
struct at_escape {
    at_escape *next;
    at_reversed *repeat;
    at_array *adjoint;
};

/* The values of an array by the rounds of repeats around it: of all those, or of those around a
 * repeat whose last round counts. */
typedef struct at_collected at_collected;
struct at_collected {
    at_collected *next;
    const at_reversed *behind; /* the outermost repeat whose last round counts; NULL: none */
    at_array *all;
};

/* What is known of an array during one derivation; by array id. */
typedef struct {
    bool depends;              /* on what is derived by */
    bool influences;           /* the loss */
    bool independent;          /* what is derived by: its own equation is not gone through */
    bool held_known;
    int *held;                 /* for each held axis the dimension that it is, or -1 */
    const at_statement *by;    /* the statement that defines it; NULL: input, param, state, carried */
    at_axis **steps;           /* of the scans around it, reversed or not, outermost first */
    int step_count;
    at_reversed *region;       /* the innermost that is reversed and defines it; NULL: none */
    at_contribution *first, *last;
    at_array *adjoint;         /* NULL until somebody needs it */
    at_escape *escapes;
    at_collected *collected;   /* its values by the rounds around it */
    const at_carried *carried; /* of what a repeat carries inside, or leaves */
    int total;                 /* total.c: 0 not known, else */
    at_hoisted *hoisted;       /* of the statement, kept with its first target */
    at_statement *changed;     /* in the place of the statement; NULL: itself */
    at_block before, after;    /* what is put around the statement */
    int before_capacity, after_capacity;
} at_slot;

typedef struct at_rules at_rules;

typedef struct {
    at_session *s;
    at_draft *draft;
    at_slot *slots;
    int slot_count, slot_capacity;
    at_reversed *region;       /* whose body is being reversed; NULL: none */
    at_reversed **regions;     /* all that are reversed */
    int region_count, region_capacity;
    int held_count;            /* of a mapped loss: each is derived by its own */
    at_axis **held;
    int fixed_count;           /* of scans and repeats that are not reversed: where grad stands in */
    at_axis **fixed;
    int *fixed_depth;          /* the block that the region's body is: 1 for one in the outermost */
    int level;                 /* of the outermost block that is reversed */
    const at_rules *rules;
    bool failed;
} at_derivation;

/* ---- rules.c --------------------------------------------------------------------------------- */

/* The rows of rules.def, parsed; in the session. */
const at_rules *at_rules_read(at_session *s);
/* The cotangent of argument `which` of an operation with cotangent `d`, arguments `args` and value
 * `y`. *where: outside of it the contribution is 0; NULL: everywhere. NULL: nothing goes
 * through. */
const at_expr *at_rule_apply(const at_derivation *g, at_op op, int which, const at_expr *d,
                             const at_expr *const *args, const at_expr *y, const at_expr **where);
/* Whether the derivative of argument `which` uses the arguments (bits 0 to 2) and the value (bit
 * 3). */
unsigned at_rule_uses(const at_derivation *g, at_op op, int which);

/* ---- activity.c ------------------------------------------------------------------------------ */

/* Calls `visit` for each read in e through which a derivative goes. */
void at_differentiable_reads(const at_expr *e, void (*visit)(void *user, const at_expr *read),
                             void *user);
/* Marks what depends on the arrays that are marked already, and what influences those that are.
 * blocks: what lies between, outermost first. */
void at_find_dependent(at_derivation *g, const at_block *blocks, int depth);
/* For each array on the way, which of its dimensions the held axes are. */
void at_find_held(at_derivation *g, const at_block *blocks, int depth);
bool at_is_active(at_derivation *g, const at_array *array);
/* Whether a derivative through e reaches something that depends on what is derived by. */
bool at_reaches_active(at_derivation *g, const at_expr *e);

/* ---- push.c ---------------------------------------------------------------------------------- */

/* Where an expression stands: what ranges over its element. */
typedef struct {
    at_derivation *g;
    const at_array *target; /* the first that the statement defines */
    int count;
    at_axis **axes;         /* the target's that are not fixed, and those of folds around */
    const at_expr *guard;   /* may be NULL */
    const at_expr *root;    /* whose value is the target's own; NULL: none */
    bool in_fold;
} at_place;

/* The place of a statement's right side, for an equation of `target`. */
at_place at_place_of(at_derivation *g, const at_array *target);
at_place at_place_under(const at_place *place, at_axis *const *axes, int count,
                        const at_expr *guard);
/* The place where the condition holds as well. One that may fail (total.c) is only asked where the
 * cotangent d is not 0: elsewhere nobody may need what it reads. */
at_place at_place_where(const at_place *place, const at_expr *condition, const at_expr *d);
/* Sends the cotangent d of e to everything active that e reads. */
void at_push(const at_place *place, const at_expr *e, const at_expr *d);
/* The same; a cotangent that is costly and would be written several times, or under a sum, gets an
 * array of its own first, called after the target. */
void at_push_kept(const at_place *place, const at_expr *e, const at_expr *d, const char *suffix);
/* e, or a read of an array that holds it if it is costly. */
const at_expr *at_value_of(const at_place *place, const at_expr *e);

/* ---- total.c --------------------------------------------------------------------------------- */

/* Whether e surely has a value, wherever its indices lie inside their axes: no read outside, no
 * division of ints by 0, and none in what it reads. */
bool at_is_total(at_derivation *g, const at_expr *e);

/* ---- fold.c ---------------------------------------------------------------------------------- */

/* at_push of a fold. */
void at_push_fold(const at_place *place, const at_expr *e, const at_expr *d);
/* The indices as one number, the last fastest. */
const at_expr *at_row_major(at_session *s, at_axis *const *axes, int count, at_span span);

/* ---- keeping.c ------------------------------------------------------------------------------- */

void at_push_keeping(at_derivation *g, const at_statement *st);
void at_push_drawing(at_derivation *g, const at_statement *st);

/* ---- adjoint.c ------------------------------------------------------------------------------- */

at_slot *at_slot_of(at_derivation *g, const at_array *array);
bool at_is_within(const at_reversed *region, const at_reversed *outer);
/* Whether a read of the array at `index`, from `region`, sees what the last round of `repeat` left:
 * it is outside the repeat, or reads another step of a scan around it. */
bool at_sees_last_round(const at_array *array, const at_expr *const *index,
                        const at_reversed *region, const at_reversed *repeat);
/* Whether an axis counts the rounds of a repeat that is reversed around `region`, or belongs to a
 * region that is not reversed: it has one value where the region's statements stand. */
bool at_is_fixed_axis(const at_derivation *g, const at_reversed *region, const at_axis *axis);
/* The adjoint as an array; made when it is first asked for. */
at_array *at_adjoint_of(at_derivation *g, const at_array *array);
/* A read of the adjoint at the array's own indices. */
const at_expr *at_cotangent(at_derivation *g, const at_array *array);
/* The wanted indices of at_adjoint_axes for an array that was made with such axes before: an axis
 * that an input has twice got another name each time. */
void at_match_wanted(at_derivation *g, const at_array *array, at_axis *const *axes, int count,
                     const at_expr **wanted);
/* The name of an array that is defined in `region`: in a repeat it has `[]` in it, as all have. */
const char *at_name_in(const at_derivation *g, const at_reversed *region, const char *name);
/* The axes of an array made for a statement with this target, over these of its axes: steps of
 * scans that are not reversed and held axes in front. */
int at_axes_here(at_derivation *g, const at_array *target, at_axis *const *axes, int count,
                 at_axis **out);
/* value, from `place`, belongs to array[index]. */
void at_contribute(const at_place *place, const at_array *array, const at_expr *const *index,
                   const at_expr *value);
/* Which contributions, and at which element: what at_total adds up. */
typedef struct {
    const at_array *array;
    bool (*take)(const at_contribution *c, const void *user);
    const void *user;
    const at_expr **wanted; /* for each of a contribution's indices; NULL: not asked for that one */
    int left_count;
    at_axis **left;         /* what the result is over */
    int same_count;
    at_axis **same;         /* axes of the contributions that stay as they are: a step of a scan around */
} at_wanted;

/* The sum of these contributions, which are taken off the list; NULL when there are none. */
const at_expr *at_total(at_derivation *g, const at_wanted *which);
/* How many held axes the adjoint of an array has in front of the array's own. */
int at_extra_count(at_derivation *g, const at_array *array);
/* The axes of arrays that are made here for the element of `array` without its dimensions `dropped`
 * (may be NULL): steps of scans that are not reversed, held axes, its own. wanted (may be NULL)
 * gets the indices as contributions have them. */
int at_adjoint_axes(at_derivation *g, const at_array *array, const bool *dropped, at_axis **axes,
                    const at_expr **wanted);
/* The equation of an array's adjoint: all its contributions. */
void at_emit_adjoint(at_derivation *g, const at_array *array);
/* e (may be NULL) where these axes are bound: folds in it bind others. */
const at_expr *at_under_axes(at_derivation *g, const at_expr *e, at_axis *const *axes, int count);
/* A new array of the derivative, named after `owner`; gives a read of it at `axes`. */
const at_expr *at_auxiliary(at_derivation *g, const at_array *owner, const char *suffix,
                            at_axis *const *axes, int rank, const at_expr *value);
void at_append(at_derivation *g, at_block *block, int *capacity, at_statement *st);
at_statement *at_equation(at_derivation *g, at_array *target, const at_expr *value);

/* ---- survey.c -------------------------------------------------------------------------------- */

/* False after an error: more scans and repeats stand inside each other than there is room for. */
bool at_grad_nests(at_session *s, const at_cascade *cascade);
/* Notes of every array of the cascade's blocks where it is defined, and of those of `blocks`, which
 * are reversed, which regions are around it and where it is read outside of them. */
void at_survey(at_derivation *g, const at_block *body, const at_block *blocks, int depth);
/* An array is read, at `index` (NULL: its own), where `region` is innermost. */
void at_note_escape(at_derivation *g, const at_array *array, const at_expr *const *index,
                    const at_reversed *region);
/* A forward block with everything put in that the derivation needs. */
at_block at_woven(at_derivation *g, const at_block *block);

/* ---- region.c -------------------------------------------------------------------------------- */

/* The reverse of a block, added to the draft. */
void at_reverse_block(at_derivation *g, at_statement *const *items, int count);
/* An expression of the forward body as the reversed body can evaluate it. */
const at_expr *at_in_reverse(at_derivation *g, const at_expr *e);

/* ---- repeat.c -------------------------------------------------------------------------------- */

void at_reverse_repeat(at_derivation *g, const at_statement *st);
/* The region that at_survey made for a scan or repeat. */
at_reversed *at_reversed_of(const at_derivation *g, const at_statement *st);
bool at_is_carried_active(at_derivation *g, const at_carried *c);
/* The equations, before the reversed repeat, of what came to arrays of its body from outside. */
void at_emit_escapes(at_derivation *g, at_reversed *repeat);

#endif
