/* run: C source to running code: the system's compiler, dlopen, calls. */
#ifndef AT_RUN_H
#define AT_RUN_H

#include "call/call.h"

/* A compiled cascade. Create with at_compile (compile.h), free with at_kernel_free. */
typedef struct at_kernel at_kernel;

/* As at_ref_run, by compiled code. */
bool at_kernel_run(at_session *s, const at_kernel *kernel, const at_call *call, at_results *results);
void at_kernel_free(at_kernel *kernel);

#endif
