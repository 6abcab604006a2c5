/* grad: derivatives as programs. Reverse mode over equations gives equations: from a cascade to a
 * cascade, with no rule outside it for any mechanism. docs/gradient.md has each rule with its
 * equation.
 *
 * The adjoint of an array A is called dA: how much a loss (or a cotangent that was given) changes
 * with each element. An equation T = E(A[index]) contributes dT · ∂E/∂A[index] to dA at `index`, so
 *
 *     dA[a] = sum[indices of T where index == a](dT · ∂E/∂A)
 *
 * and solving the equality (form/solve.c) leaves what one would write by hand. Scans run the other
 * way, repeats too, over values that their forward rounds collected. A zero of an adjoint is
 * structural (at_array.cotangent): where nothing is asked, nothing is evaluated. */
#ifndef AT_GRAD_H
#define AT_GRAD_H

#include "form/form.h"
#include "lang/lang.h"

/* The cascade with every `grad(loss, z)` written out, inner ones first; the cascade itself when it
 * has none. NULL after errors (limits, named). */
const at_cascade *at_expand_grads(at_session *s, const at_cascade *cascade);

/* The vector-Jacobian product of a cascade without AT_GRAD: the same inputs, and for each real
 * output `o` an input `do` like it; outputs `dx` for each real input, and for each param of path w
 * one with the path `dw`. wrt: names of inputs and paths of params that are wanted, ended by NULL;
 * NULL: all. keep: the outputs of the cascade stay, in front. NULL after errors: an unknown name, a
 * limit. */
const at_cascade *at_derivative(at_session *s, const at_cascade *cascade, const char *const *wrt,
                                bool keep);

/* How `name` is called in a derivative: "attention.p" gives "attention.dp". */
const char *at_adjoint_name(at_session *s, const char *name);

#endif
