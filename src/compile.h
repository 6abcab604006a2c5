/* compile: the stages in order; see compile.c. */
#ifndef AT_COMPILE_H
#define AT_COMPILE_H

#include "lang/lang.h"
#include "run/run.h"

/* What every executor takes: the cascade of a program's function (or law), and each `grad` in it
 * written out. NULL after errors: those of at_resolve, and derivatives that cannot be taken. */
const at_cascade *at_cascade_make(at_session *s, const at_program *program,
                                  const at_resolve_options *options);

/* From a cascade that at_cascade_make gave to a loaded kernel; NULL after errors.
 *
 * When `stage` is named (`opt`, `plan`, `loop`, `tile`, `emit`), what that stage made is printed to
 * `dump` and nothing after it is done: the result is NULL, with or without errors in the session. */
at_kernel *at_compile(at_session *s, const at_cascade *cascade, const char *stage, at_text *dump);

#endif
