/* module: a program as a C file of its own, which people call by its function's name. */
#ifndef AT_MODULE_H
#define AT_MODULE_H

#include "emit/emit.h"

typedef struct {
    const char *name;  /* of the C function */
    at_type type;      /* of stored reals: F64, F32, BF16 or F16 */
    const char *flags; /* for the compiler, told in the first lines; may be empty */
    bool header;       /* print the header too */
} at_module_options;

/* Adds the C text to `source` and, where it is asked for, its declarations to `header`. False after
 * E963. */
bool at_emit_module(at_session *s, const at_tile_program *program, const at_module_options *options,
                    at_text *source, at_text *header);

#endif
