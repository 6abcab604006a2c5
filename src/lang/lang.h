/* lang: from text to tree to cascade. The tree is what the text says and no more: names are not
 * looked up, extents not known; the formatter prints it back, comments included. The resolver
 * inlines everything that the main function reaches and gives the cascade (ir/ir.h).
 *
 * Trees are immutable once parsed and live in the session's arena. */
#ifndef AT_LANG_H
#define AT_LANG_H

#include "base/base.h"
#include "ir/ir.h"

/* ---- the tree of an expression --------------------------------------------------------------- */

typedef enum {
    AT_T_NUMBER,  /* literal: integer or real; inf and pi too */
    AT_T_BOOL,
    AT_T_TRAINING, /* the word `training` */
    AT_T_NAME,    /* x, or a path; an array, an axis' index, an option */
    AT_T_INDEX,   /* name[args | alternative]; an argument may be KEEP */
    AT_T_KEEP,    /* `:` as an index */
    AT_T_CALL,    /* name(args; options) : built-in or user's, size(d) and stop(x) too */
    AT_T_OP,      /* unary, binary, if: args as in ops.def */
    AT_T_FOLD,    /* op[axes where guard; …](body; …): one part or several */
} at_tree_tag;

typedef struct at_tree at_tree;
typedef struct at_bind at_bind;

typedef struct {
    const char *name;
    bool down;
    at_span span;
} at_bound;

/* One part of a fold: `j, k where guard` and its body. */
typedef struct {
    int count;
    at_bound *bound;
    at_tree *guard; /* may be NULL */
    at_tree *body;
} at_tree_part;

struct at_tree {
    at_tree_tag tag;
    at_span span;         /* all of it */
    at_span name_span;    /* NAME, INDEX, CALL, OP (the symbol), FOLD (the word) */
    const char *name;     /* NAME, INDEX, CALL, FOLD: as written without backquotes;
                             NUMBER: its digits as written, `inf` or `pi` */
    int height;           /* 1 for a leaf, at most 1000: recursion over a tree is safe */
    bool parens;          /* was written in parentheses: (a or b) */
    bool is_real;         /* NUMBER */
    double real;          /* NUMBER when is_real */
    int64_t integer;      /* NUMBER else; BOOL: 0 or 1 */
    at_op op;             /* OP */
    int count;            /* INDEX, CALL, OP: arguments */
    at_tree **args;
    at_tree *alternative; /* INDEX; may be NULL */
    bool has_options;     /* CALL: a `;` was written */
    int option_count;     /* CALL */
    at_bind *options;
    int part_count;       /* FOLD */
    at_tree_part *parts;
};

/* `mask(i,j) = j <= i` or `scale = 1`: an option given in a call, or declared in a header (there
 * `value` NULL: it must be given). */
struct at_bind {
    const char *name;
    at_span span;      /* of the name */
    bool is_function;  /* parameters were written */
    int count;
    const char **parameters;
    at_tree *value;
};

/* ---- the tree of a statement ----------------------------------------------------------------- */

typedef enum {
    AT_S_EQUATION, /* targets = value; or ~ value, a draw */
    AT_S_NEXT,
    AT_S_AXIS,
    AT_S_PARAM,
    AT_S_STATE,
    AT_S_SCAN,
    AT_S_REPEAT,
    AT_S_IF,
    AT_S_REQUIRE,
    AT_S_COTANGENT,
    AT_S_ASSERT,
} at_tree_statement_tag;

/* The left side of an equation, or a declared array: name[i,:,j]. */
typedef struct {
    const char *name;
    at_span span;
    bool brackets;       /* false: all axes */
    int count;
    const char **axes;   /* NULL stands for `:` */
    at_span *axis_spans;
    /* Declarations only: */
    bool has_kind;
    at_kind kind;        /* `: int`, `: bool` */
    const char *inside;  /* `: index v`; NULL otherwise */
    at_span kind_span;
    at_tree *draw;       /* a law's `q[i,d] ~ normal(0,2)`; NULL otherwise */
} at_target;

typedef struct {
    const char *name;
    at_span span;
    at_tree *extent; /* AXIS: `axis d = size(c)`; NULL: `axis j as n` */
    const char *like;
    at_span like_span;
} at_axis_declaration;

typedef struct at_tree_statement at_tree_statement;
typedef struct {
    int count;
    at_tree_statement **items;
    const char **last_comments; /* comment lines before the closing brace, without # */
    int last_comment_count;
    at_span span;               /* from { to } */
} at_tree_block;

/* Comments stay with what follows or precedes them on the line; the formatter prints them back. */
typedef struct {
    int count;
    const char **lines;   /* full-line comments before it, `#` included; "" for an empty line */
    const char *trailing; /* on its last line; may be NULL */
    bool blank;           /* an empty line stood before it */
} at_comments;

struct at_tree_statement {
    at_tree_statement_tag tag;
    at_span span;
    at_comments comments;
    int target_count;     /* EQUATION, COTANGENT (names alone): 1 or more; NEXT, PARAM, STATE: 1 */
    at_target *targets;
    bool drawn;           /* `~` instead of `=` */
    at_tree *value;       /* EQUATION, NEXT, PARAM, STATE (may be NULL), REQUIRE; IF: the condition;
                             REPEAT: the count */
    const char *shared;   /* EQUATION: `as path`; NULL otherwise */
    at_span shared_span;
    int axis_count;       /* AXIS */
    at_axis_declaration *axes;
    int bound_count;      /* SCAN */
    at_bound *bound;
    const char *round;    /* REPEAT: its name; may be NULL */
    at_span round_span;
    at_tree *condition;   /* REPEAT: after while; may be NULL */
    at_tree_block body;   /* SCAN, REPEAT, IF */
    at_tree_block otherwise; /* IF: else; items NULL and has_else false when absent */
    bool has_else;        /* `else if` is an else block that holds one IF and chained is true */
    bool chained;
    at_op op;             /* ASSERT: EQ, LE, GE */
    at_tree *left, *right;
    at_tree *tolerance;   /* ASSERT: within t; may be NULL */
};

/* ---- a file ---------------------------------------------------------------------------------- */

typedef enum { AT_D_FN, AT_D_LAW, AT_D_PAPER, AT_D_USE } at_definition_tag;

typedef struct {
    at_definition_tag tag;
    at_span span;        /* FN, LAW: the header up to the brace */
    at_comments comments;
    const char *doc;     /* ## lines, joined by newlines, without ## and one space; may be NULL */
    const char *name;    /* FN, LAW: name; PAPER: title; USE: module or path */
    at_span name_span;
    int year;            /* PAPER */
    bool is_path;        /* USE "…" */
    int input_count;
    at_target *inputs;
    bool has_options;
    int option_count;
    at_bind *options;
    int output_count;
    at_target *outputs;
    bool is_short;       /* fn f(x) -> y = …: body holds the one equation */
    at_tree_block body;
} at_definition;

typedef struct {
    const at_source *source;
    int count;
    at_definition **items;
    const char **last_comments;
    int last_comment_count;
} at_file_tree;

/* ---- lex*.c, parse*.c, show_tree.c, format*.c ------------------------------------------------ */

/* NULL when there were errors (all recorded); parsing resumes at the next statement after one. */
const at_file_tree *at_parse(at_session *s, const at_source *source);
/* The canonical layout, at most 100 columns where it can be; formatting again changes nothing. */
void at_format_tree(const at_file_tree *file, at_text *out);
/* `fn f(x[n]; a = 1) -> y[n]`, without its body, indented, on as many lines as it takes. */
void at_format_header(const at_definition *d, int indent, at_text *out);
/* An expression in canonical layout on one line; for messages. */
void at_format_expr(const at_tree *tree, at_text *out);
/* An indented dump of the tree, for `show --stage=tree`. */
void at_show_tree(const at_file_tree *file, at_text *out);
/* Words that can be a name only in backquotes: the reserved ones, `inf`, `pi`, `training` and the
 * operations over axes (sum, softmax, …). */
bool at_is_reserved(const char *word);

/* ---- modules.c: the files that `use NAME` may mean ------------------------------------------- */

typedef struct {
    const char *name;   /* as a program writes it: neighborhood_attention */
    const char *path;   /* …/neighborhood-attention.attn */
    const char *folder; /* as it was given */
} at_module_file;

typedef struct {
    int count, capacity;
    at_module_file *items; /* in the session's arena */
} at_modules;

/* The name by which a program means the module in the file `path`: without folder and ending, `_`
 * for each hyphen. */
const char *at_module_name(at_session *s, const char *path);
/* Adds the modules of a folder in the order of their names; none when it cannot be read. */
void at_module_list(at_session *s, const char *folder, at_modules *out);
/* The module called `name` (hyphens and `_` are alike) in the first of `folders` (ended by NULL;
 * may be NULL) that has it, or NULL. *all becomes the modules of all folders, folder by folder. */
const at_module_file *at_module_find(at_session *s, const char *const *folders, const char *name,
                                     at_modules *all);

/* Where `use NAME` looks, ended by NULL: the folders of $ATTEND_PATH, and those that came with the
 * program or library whose file is `beside` (may be NULL): lib/, with `blocks`, and the families of
 * the zoo. */
const char *const *at_module_folders(at_session *s, const char *beside, bool blocks);

/* ---- resolve*.c ------------------------------------------------------------------------------ */

typedef struct {
    const char *name; /* an axis of an input of the main function */
    int64_t extent;
} at_known_size;

typedef struct {
    const char *function;       /* NULL: main, or else the last */
    int size_count;             /* extents already known, for compile-time needs */
    const at_known_size *sizes;
    int set_count;              /* option values of the main function: `heads=8`, as text */
    const char *const *set_names, *const *set_values;
    bool training;
    const char *const *library; /* folders that hold modules, ended by NULL; may be NULL */
} at_resolve_options;

/* A file with the files it uses, directly or through others; loaded once. */
typedef struct at_program at_program;

/* Reads and parses `file` and all it uses. NULL after errors. */
const at_program *at_load(at_session *s, const at_source *source,
                          const char *const *library_folders);
const at_file_tree *at_program_file(const at_program *program);
/* The definition that `function` names (NULL: main, or else the last fn); NULL after an error. */
const at_definition *at_program_find(at_session *s, const at_program *program,
                                     const char *function);
/* The function that a call of `name` in the program's file means; NULL when there is none, or when
 * several used files define it. */
const at_definition *at_program_function(const at_program *program, const char *name);
/* The program with another tree in the place of its file's: the same source, the same `use` lines.
 * What it uses is shared, so `program` and its session must live as long; several sessions may do
 * this at once with one program. NULL after errors (a name that is defined twice). */
const at_program *at_program_with(at_session *s, const at_program *program,
                                  const at_file_tree *tree);
/* Inlines all that the chosen function (or law) reaches. NULL after errors. */
const at_cascade *at_resolve(at_session *s, const at_program *program,
                             const at_resolve_options *options);

#endif
