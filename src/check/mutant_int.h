/* What the files that make mutants share.
 *
 * mutant.c walks definitions and statements, mutant_expression.c, mutant_operation.c and
 * mutant_call.c what is inside them; each decides on changes. mutant_change.c makes the changed
 * tree, mutant_kind.c guesses whether a value is a real or an int, which the tree does not say. */
#ifndef AT_MUTANT_INT_H
#define AT_MUTANT_INT_H

#include "check/check.h"

typedef struct {
    at_session *s;
    const at_program *program;
    const at_file_tree *file;
    bool training;
    int item;                           /* the definition at hand, in file->items */
    const at_tree_statement *statement; /* the innermost one; NULL in the header */
    const at_target *left_out; /* the statement is left out by a mutant: what it defines; or NULL */
    at_map kinds;                       /* of the definition's names: name -> an at_kind of `kinds` */
    at_map declared;                    /* axes of `axis name = extent`: reads may leave the array */
    at_map seen;                        /* changed definitions as text: no program twice */
    int count, capacity;
    at_mutant *items;
} at_mutation;

/* Where an expression stands. */
typedef struct {
    bool values;    /* ints are values, not places or extents: they may be changed */
    bool index;     /* inside an index */
    bool even;      /* of a difference the sign does not count: abs(i - j), (i - j) % 2 */
    bool guarded;   /* a guard or an `if` decides whether it is evaluated */
    bool droppable; /* a condition that another mutant leaves out: only subtle changes */
    bool call;      /* it must stay a call: `as path` follows */
} at_mutant_place;

/* ---- mutant_change.c ------------------------------------------------------------------------- */

/* What takes the place of what: an expression, or a statement (NULL: it is left out). */
typedef struct {
    const at_tree *tree;
    at_tree *new_tree;
    const at_tree_statement *statement;
    at_tree_statement *new_statement;
} at_change;

/* The file with the change in one of its definitions. What does not hold the changed node is
 * shared. */
const at_file_tree *at_changed_file(at_session *s, const at_file_tree *file, int item,
                                    const at_change *change);
/* New nodes, at the place of `like`, whose children are kept. */
at_tree *at_new_number(at_session *s, const at_tree *like, bool is_real, double real,
                       int64_t integer);
at_tree *at_new_bool(at_session *s, const at_tree *like, bool value);
at_tree *at_new_operation(at_session *s, const at_tree *like, at_op op, at_tree *a, at_tree *b);
at_tree *at_copy_tree(at_session *s, const at_tree *tree);
/* Whether both print alike. */
bool at_same_tree(const at_tree *a, const at_tree *b);
/* The expression on one line, short enough to be quoted. */
const char *at_tree_text(at_session *s, const at_tree *tree);

/* ---- mutant_kind.c --------------------------------------------------------------------------- */

/* Fills m->kinds and m->declared from the definition. */
void at_find_kinds(at_mutation *m, const at_definition *d);
/* The kind of an expression's value: an at_kind, or -1 when the tree does not tell. */
int at_tree_kind(const at_mutation *m, const at_tree *tree);

/* ---- mutant_start.c -------------------------------------------------------------------------- */

/* Whether all that an option of `d` decides, there and in what it is passed on to, is whether there
 * is a param that begins as a constant, and how params are drawn. */
bool at_only_starts(const at_mutation *m, const at_definition *d, const char *option);

/* ---- mutant.c -------------------------------------------------------------------------------- */

/* Adds the mutant in which `to` stands in the place of `from`, unless there is an equal one. */
void at_mutate(at_mutation *m, const at_tree *from, at_tree *to, at_span span, const char *format,
               ...) __attribute__((format(printf, 5, 6)));

/* ---- mutant_expression.c, mutant_operation.c, mutant_call.c ---------------------------------- */

void at_mutate_tree(at_mutation *m, const at_tree *tree, at_mutant_place place);
/* A number, also one behind a minus. */
bool at_is_literal(const at_tree *tree);
void at_mutate_operation(at_mutation *m, const at_tree *tree, at_mutant_place place);
void at_mutate_call(at_mutation *m, const at_tree *tree, at_mutant_place place);

/* ---- explain.c ------------------------------------------------------------------------------- */

/* Reads the file's explanations into the score and gives each to the mutants that it explains. */
void at_explain(at_session *s, const at_file_tree *file, at_score *score);

#endif
