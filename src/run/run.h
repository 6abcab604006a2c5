/* run: C source to running code: the system's compiler, dlopen, calls. */
#ifndef AT_RUN_H
#define AT_RUN_H

#include "call/call.h"
#include "emit/emit.h"

/* A compiled cascade. Create with at_compile (compile.h), free with at_kernel_free before the
 * session that it was compiled in. Runs at the same time, in sessions of their own, are allowed. */
typedef struct at_kernel at_kernel;

/* ---- kernel.c */

/* Compiles and loads what at_emit_source wrote for one entry, with reals stored as `type`; target
 * as at_cc_load takes it. NULL after E901, E902, E903 or E907. */
at_kernel *at_kernel_build(at_session *s, const at_emit_entry *entry, at_type type,
                           const at_text *source, const char *target);
/* A loaded file of several programs, for as many kernels; the library is the caller's, and must
 * outlive them. */
typedef struct at_library at_library;
at_library *at_library_load(at_session *s, const at_text *source);
void at_library_free(at_library *library);
at_kernel *at_kernel_of(at_session *s, at_library *library, const at_emit_entry *entry,
                        at_type type);
/* As at_ref_run, by compiled code; real outputs and states have the kernel's type. */
bool at_kernel_run(at_session *s, const at_kernel *kernel, const at_call *call,
                   at_results *results);
void at_kernel_free(at_kernel *kernel);
/* For callers that have memory of their own. The plan, whose places the call's arrays follow: */
const at_plan *at_kernel_plan(const at_kernel *kernel);
/* Whether compiled code takes these extents (by axis id): E905, and tables of another size. */
bool at_kernel_takes(at_session *s, const at_kernel *kernel, const int64_t *extents);
/* <prefix>_workspace and <prefix>_run (emit.h). */
size_t at_kernel_measure(const at_kernel *kernel, const struct attend_call *call);
int at_kernel_enter(const at_kernel *kernel, const struct attend_call *call);
/* Records the error of a run that gave 1. */
void at_kernel_report(at_session *s, const at_kernel *kernel, const struct attend_failure *failure,
                      const int64_t *extents);

/* A kernel with the arrays of a call, for many runs: nothing is bound, converted or allocated in
 * them. The call, its arrays and the session must live as long. NULL after errors. */
typedef struct at_ready at_ready;
at_ready *at_kernel_ready(at_session *s, const at_kernel *kernel, const at_call *call);
/* Outputs are computed anew and not handed back; states stay as they were. False after an error. */
bool at_ready_run(at_ready *ready);
size_t at_ready_workspace(const at_ready *ready); /* bytes */
/* What all runs so far have counted, two a pass, where the kernel was compiled to count. */
const uint64_t *at_ready_counters(const at_ready *ready);
void at_ready_free(at_ready *ready);

/* ---- message.c */

/* Records the error of a failure, as the reference executor words it. */
void at_failure_report(at_session *s, const at_loop_program *program,
                       const struct attend_failure *failure, const int64_t *extents);

/* ---- law.c */

/* Compares the sides of every assertion, whose tensors are among `places`; E708 for each that does
 * not hold. */
bool at_laws_hold(at_session *s, const at_plan *plan, at_tensor *const *places, at_type type,
                  const int64_t *extents);

/* ---- cc.c: the system's C compiler */

/* Loads the library that `source` becomes: from the kernel cache or, where it is not there,
 * compiled for `target` (a name of target.c; NULL: what ATTEND_TARGET says, or this machine) in a
 * folder of its own, which is gone when this returns (it stays, named in the error, when the
 * compiler rejects the source). Gives what dlopen gave; NULL after E901, E902, E903, E907 or E960
 * to E962.
 *
 * ATTEND_CC names the compiler, ATTEND_CFLAGS flags that come last. */
void *at_cc_load(at_session *s, const at_text *source, const char *target);

/* ---- target.c */

/* The flags for processors called `name` (portable, avx2, avx512, native), with blanks between
 * them: for people, whatever this machine has; native is this machine. NULL after E961. */
const char *at_target_flags(at_session *s, const char *name);

/* ---- tuning.c: which of several right ways was measured to be fastest, kept between runs */

/* The file; NULL: none, as ATTEND_TUNING says or no folder is known. */
const char *at_tuning_path(at_session *s);
/* Names a program as it is compiled for a type and a target (as at_cc_load takes it). NULL after
 * E961. */
const char *at_tuning_key(at_session *s, const at_cascade *cascade, at_type type,
                          const char *target);
/* What is kept of the program; all zero when nothing is. False after E985, a file that cannot be
 * understood. */
bool at_tuning_find(at_session *s, const at_cascade *cascade, at_type type, const char *target,
                    at_choices *choices);
/* Keeps what was chosen, with a line for people; NULL forgets it. Readers see the old file or the
 * new. */
bool at_tuning_keep(at_session *s, const char *key, const at_choices *choices, const char *comment);

/* ---- cache.c: compiled kernels, kept between runs */

typedef struct {
    const char *folder; /* NULL: nothing is kept */
    const char *why;    /* why nothing is; NULL with a folder */
    uint64_t limit;     /* bytes */
} at_cache;

/* Finds the folder (ATTEND_CACHE, which may be `off`; $XDG_CACHE_HOME/attend; ~/.cache/attend) and
 * its limit (ATTEND_CACHE_LIMIT), and makes the folder when `make`. False after E960, a folder of
 * others or that others can write, and E962. */
bool at_cache_open(at_session *s, bool make, at_cache *out);

typedef struct {
    int64_t kernels;
    uint64_t bytes;        /* of kernels and all else that is ours in the folder */
    double oldest, newest; /* seconds since a kernel was used; 0 without kernels */
} at_cache_summary;

at_cache_summary at_cache_survey(const at_cache *cache);
/* Removes what is ours in the folder; gives what that was. */
at_cache_summary at_cache_clear(const at_cache *cache);

#endif
