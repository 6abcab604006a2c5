/* compile: the stages in order; see compile.c. */
#ifndef AT_COMPILE_H
#define AT_COMPILE_H

#include "lang/lang.h"
#include "run/run.h"

/* What every executor takes: the cascade of a program's function (or law), and each `grad` in it
 * written out. NULL after errors: those of at_resolve, and derivatives that cannot be taken. */
const at_cascade *at_cascade_make(at_session *s, const at_program *program,
                                  const at_resolve_options *options);

/* How to compile; all zero, or NULL instead, is a kernel in float64. */
typedef struct {
    at_type type;       /* of stored reals: F64 (also when left 0), F32, BF16 or F16 */
    const char *prefix; /* of the two functions in the C text; NULL: `attend` */
    const char *target; /* of at_cc_load; NULL: what ATTEND_TARGET says, or this machine */
    bool instrument;    /* the code is plain and counts what it does, in attend_call.counters: see
                           at_loop_instrument */
    bool plain;         /* loops as they stand: without vectors, tiles or threads */
    int64_t stream; /* sums over long axes are taken in blocks of so many columns where they can be
                       (opt/stream.h), negative: nowhere; 0: as ATTEND_STREAM says, or of a usual
                       length */
    bool as_it_is;      /* without the rewrites of opt, for a cascade that needs none of them */
    const at_choices *choices; /* where there are several ways; NULL: as was kept by `attend tune` */
    /* `opt`, `plan`, `loop`, `tile` or `emit`: what that stage made is printed and nothing after it
     * is done; NULL: all of it. */
    const char *stage;
} at_compile_options;

/* From a cascade that at_cascade_make gave to a loaded kernel; NULL after errors, and always when a
 * stage is named. What the stage made, or the C text that is run, goes to `dump`, which may be NULL
 * where no stage is named. */
at_kernel *at_compile(at_session *s, const at_cascade *cascade, const at_compile_options *options,
                      at_text *dump);
/* As far as the plan, by the ways in which at_compile would go; NULL after errors. */
const at_plan *at_compile_plan(at_session *s, const at_cascade *cascade,
                               const at_compile_options *options);
/* As far as the C text: of one cascade or several, which then share a file; each has functions
 * `<prefix>_run` and `<prefix>_workspace`. False after errors. The tile programs, one a cascade, go
 * to `tiles` if that is not NULL. Only type, instrument and plain of the options count;
 * the text does not depend on what was tuned. */
bool at_compile_text(at_session *s, const at_cascade *const *cascades, const char *const *prefixes,
                     int count, const at_compile_options *options, const at_tile_program **tiles,
                     at_text *out);

/* As far as tiles, for who prints them otherwise; NULL after errors. */
const at_tile_program *at_compile_tiles(at_session *s, const at_cascade *cascade);

#endif
