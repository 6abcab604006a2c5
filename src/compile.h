/* compile: the stages in order; see compile.c. */
#ifndef AT_COMPILE_H
#define AT_COMPILE_H

#include "run/run.h"

/* From a cascade to a loaded kernel; NULL after errors.
 *
 * When `stage` is named (`opt`, `plan`, `loop`, `tile`, `emit`), what that stage made is printed to
 * `dump` and nothing after it is done: the result is NULL, with or without errors in the session. */
at_kernel *at_compile(at_session *s, const at_cascade *cascade, const char *stage, at_text *dump);

#endif
