/* The slope of a function of one step at 0, from its values on both sides, and how sure it is.
 *
 * Central differences have an error in h², h⁴, …, so differences at several steps extrapolate to
 * h = 0 (Richardson 1911; with an error estimate for each entry of the table, of which the best is
 * taken, as by Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982). Where a decision
 * changes within a step, entries do not settle and the estimate stays large. Steps shrink by 2 +
 * √3: with a simple ratio the differences of a staircase would often agree by chance.
 *
 * A corner exactly at 0 gives central differences that do settle, on the mean of both slopes. The
 * second difference tells it: (f(h) - 2f(0) + f(-h)) / h goes to the difference of the slopes. */
#include "check/check_int.h"

#include <math.h>

enum { STEPS = 6 };

static const double FIRST_STEP = 0x1p-8, RATIO = 3.732050807568877;

/* A row a step; entry j has the errors of the j lowest orders taken away. */
typedef struct {
    double entry[STEPS][STEPS];
    double best, error;
} table;

/* Adds row i; orders: the powers of h in the error are first, first + 2, … */
static void add_row(table *t, int i, double value, int first) {
    t->entry[i][0] = value;
    for (int j = 1; j <= i; j++) {
        double factor = pow(RATIO, first + 2 * (j - 1));
        double better = t->entry[i][j - 1];
        t->entry[i][j] = better + (better - t->entry[i - 1][j - 1]) / (factor - 1);
        double error = fmax(fabs(t->entry[i][j] - better),
                            fabs(t->entry[i][j] - t->entry[i - 1][j - 1]));
        if (!(error < t->error)) continue;
        t->error = error;
        t->best = t->entry[i][j];
    }
}

bool at_difference_take(bool (*at)(void *user, double step, double *value), void *user,
                        double middle, double enough, at_difference *out) {
    table slope = {.error = INFINITY}, bend = {.error = INFINITY};
    double h = FIRST_STEP;
    for (int i = 0; i < STEPS; i++, h /= RATIO) {
        double after, before;
        if (!at(user, h, &after) || !at(user, -h, &before)) return false;
        add_row(&slope, i, (after - before) / (2 * h), 2);
        add_row(&bend, i, ((after - middle) + (before - middle)) / h, 1);
        if (i >= 2 && slope.error <= enough && bend.error <= enough) break;
    }
    *out = (at_difference){slope.best, slope.error, bend.best, bend.error};
    return true;
}
