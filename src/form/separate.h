/* separate: several folds over one index, of which later ones use the values of earlier ones, as
 * one sweep over blocks of that index.
 *
 *     m[i] = max[j](s[i,j])
 *     l[i] = sum[j](exp(s[i,j] - m[i]))
 *     o[i,e] = sum[j](if m[i] == -inf then 0 else exp(s[i,j] - m[i]) / l[i] * v[j,e])
 *
 * What a term f(x, a) is of the elements x at j and of the values a that are known only when the
 * sweep is over is written as a finite sum of products c(x) * h(a): c is accumulated, h stays
 * outside. Where c is the exp of something unbounded it is accumulated about a reference, which
 * moves: what was accumulated is then corrected. So a sweep keeps running values, here
 *
 *     max      max(max, max[j in block](s[i,j]))                          of a fold
 *     from     if max == -inf then 0 else max                              derived
 *     scale    if max before == -inf or max did not move then 1
 *              else exp(from before - from)                                derived
 *     sum      scale * sum + sum[j in block](exp(s[i,j] - from))           of a fold
 *     sum      scale * sum + sum[j in block](exp(s[i,j] - from) * v[j,e])  of a fold
 *
 * and the values of the folds as written follow from the last ones:
 *
 *     m = max;  l = if max == -inf then … else sum;  o = if m == -inf then sum'2 else sum'2 / l
 *
 * They are what the program as written gives: of empty sets, infinities and NaN too. What may
 * differ is rounding, and where as written something leaves the range of reals: exp gives 0 or inf
 * of what is finite, a row value to divide by is 0, one to multiply with (or, of an argmax, to add)
 * is infinite.
 *
 * How a caller uses it (blocks jb of j, arrays over jb, i, … for running values):
 *
 *     at_sweep *w = at_sweep_of(s, &given);
 *     if (w->why) …                                        it does not run in one sweep
 *     for k < w->count:
 *         axes of running value k: those that w->running[k].shape mentions (it binds j itself)
 *         before[k] = read of k's array at jb - 1, alternative w->running[k].neutral
 *         now[k] = read of k's array at jb
 *         equation: k's array = at_sweep_step(s, w, k, before, now, j // B == jb)
 *         last[k] = read of k's array at size(jb) - 1, alternative w->running[k].neutral
 *     for f < given.fold_count:
 *         equation: given.folds[f].target = at_sweep_value(s, w, f, last)
 *
 * The equations stand in the order of k and of f; rows as they were, each after what it reads. */
#ifndef AT_SEPARATE_H
#define AT_SEPARATE_H

#include "ir/ir.h"

/* ---- what is given --------------------------------------------------------------------------- */

/* target[target->axes] = fold. All folds of a sweep bind the same axes; the first of them is the
 * one that blocks go along, in ascending order. A fold inside of a larger expression gets an array
 * of its own before, the rest of the expression is a row. */
typedef struct {
    const at_array *target;
    const at_expr *fold; /* an AT_FOLD_NODE */
} at_sweep_fold;

/* What is computed from folds' values, and so is known only when the sweep is over too. */
typedef struct {
    const at_array *target;
    const at_expr *value; /* over target->axes: what is known of its sign is used; may be NULL */
} at_sweep_row;

/* Folds in an order in which each reads only targets of earlier ones, and of rows that do. They
 * read them by indices that mention no bound axis. Nothing in their bodies and guards can fail: all
 * of it is evaluated for each j, whatever the row values turn out to be. Arrays that are neither
 * are known before the sweep at every j. */
typedef struct {
    int fold_count;
    const at_sweep_fold *folds;
    int row_count;
    const at_sweep_row *rows;
    /* What is known of the signs of arrays that are known before: by what is computed, in the
     * cascade (may be NULL), and for arrays that are not in it (blocks of others, say). */
    const at_cascade *cascade;
    int known_count;
    const at_sweep_row *known;
} at_sweep_given;

/* ---- what is found --------------------------------------------------------------------------- */

/* One running value. */
typedef struct {
    const char *name;       /* what it is, for a name: "max", "from", "scale", "sum", … */
    at_kind kind;
    const at_expr *neutral; /* a constant: its value before the first block; NULL: nobody asks */
    const at_expr *shape;   /* mentions the axes that its array has, and no others freely */
    bool folds;             /* it looks at the elements of a block; else it follows from others */
    bool kept;              /* the next block or at_sweep_value asks for it */
} at_running;

typedef struct {
    int count;
    at_running *running;
    /* Why the folds do not run in one sweep, in the user's terms: "relu(s[i,j] - tau[i]) has no
     * form in which tau[i] can be taken out of the sum"; NULL: they do. */
    const char *why;
    int at;        /* the fold that does not */
    at_span where; /* of the expression that `why` is about */
    struct at_sweep_parts *parts; /* separate_int.h */
} at_sweep;

/* Never NULL; in the session's arena. Nothing is evaluated and nothing is added to a cascade. */
at_sweep *at_sweep_of(at_session *s, const at_sweep_given *given);

/* ---- expressions of it ----------------------------------------------------------------------- */
/* before, now, last and so on have w->count expressions, by running value: reads of the caller's
 * arrays, or anything else. Those of `now` are asked for values before k only. */

/* Running value k after a block: the j for which `within` holds (NULL: all). `within` is asked
 * before the folds' own guards. */
const at_expr *at_sweep_step(at_session *s, const at_sweep *w, int k, const at_expr *const *before,
                             const at_expr *const *now, const at_expr *within);
/* The same in pieces. What the block alone gives (a fold node; NULL when k does not fold): */
const at_expr *at_sweep_block(at_session *s, const at_sweep *w, int k, const at_expr *const *now,
                              const at_expr *within);
/* what was accumulated before, corrected to the references that are in `now`: T(before -> now). The
 * identity, to the last bit, when they did not move: */
const at_expr *at_sweep_moved(at_session *s, const at_sweep *w, int k, const at_expr *const *before,
                              const at_expr *const *now);
/* and running value k of two parts of the set taken together, those of `a` at lower indices. Also
 * how parts are joined that were swept apart: by threads, split keys, ranks. */
const at_expr *at_sweep_merged(at_session *s, const at_sweep *w, int k, const at_expr *const *a,
                               const at_expr *const *b, const at_expr *const *now);
/* The value of fold f as written. It reads targets of earlier folds and of rows where f does. */
const at_expr *at_sweep_value(at_session *s, const at_sweep *w, int f, const at_expr *const *last);

#endif
