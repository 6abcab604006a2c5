/* compile: the stages in order; see compile.c. */
#ifndef AT_COMPILE_H
#define AT_COMPILE_H

#include "run/run.h"

/* From a cascade to a loaded kernel; NULL after errors. What the stages print goes to `dump` when
 * stage is named (`plan`, `loop`, `tile`, `emit`); dump may be NULL. */
at_kernel *at_compile(at_session *s, const at_cascade *cascade, const char *stage, at_text *dump);

#endif
