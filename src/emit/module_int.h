/* What module.c and sizes.c share: a program while it becomes a C file of its own. */
#ifndef AT_MODULE_INT_H
#define AT_MODULE_INT_H

#include "emit/emit.h"

typedef struct {
    const at_array *array;
    const char *name, *strides; /* in C */
    bool writes;
    int place; /* of the plan; -1: nothing reads it */
} at_module_argument;

/* Statuses that every function has. */
enum { AT_MODULE_WORKSPACE = 1, AT_MODULE_SIZE = 2 };

typedef struct {
    at_session *s;
    const at_loop_program *loops;
    const at_plan *plan;
    const char *name;
    at_type type;
    at_names names;
    bool draws;
    int argument_count, argument_capacity;
    at_module_argument *arguments;
    int status_count, status_capacity;
    const char **statuses; /* their sentences */
    int first_site;        /* the status of site 0, which there is not */
} at_module;

/* A new status with its sentence. */
int at_module_status(at_module *m, const char *text);
/* "file.attn:3:5: a summary: `the text there`". */
const char *at_module_sentence(at_module *m, at_span span, at_code code);
/* The program's text at a place, in backquotes behind a colon; "" without a place. */
const char *at_module_quote(at_module *m, at_span span);
/* Whether the size of an axis is an argument. */
bool at_module_is_open(const at_axis *axis);

/* ---- sizes.c */

/* The function <name>_sizes, which fills the extents of all axes from those of the open ones, and
 * checks what the program requires of them. False after E963. */
bool at_module_print_sizes(at_module *m, at_text *out);

#endif
