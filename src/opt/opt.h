/* opt: from cascade to cascade, one file per rewrite, one row of passes.def each. A rewrite keeps
 * the meaning: the reference executor gives the same results before and after, inside scans and
 * repeats too. */
#ifndef AT_OPT_H
#define AT_OPT_H

#include "form/form.h"

/* ---- opt.c: all of them, in order ---------------------------------------------------------- */

/* The cascade after every rewrite of passes.def, in the session's arena. Nothing in it is shared
 * with `cascade` but what did not change. */
const at_cascade *at_optimize(at_session *s, const at_cascade *cascade);

#define AT_REWRITE(name, doc)                                                                      \
    const at_cascade *at_opt_##name(at_session *s, const at_cascade *from);
#include "opt/passes.def"
#undef AT_REWRITE

#endif
