/* cli: the command line `attend`. The only folder that prints, exits, or knows of terminals; each
 * command is a file cmd_<name>.c and a row of commands.def.
 *
 * Results go to the standard output, all else to the standard error. Exit codes are at_cli_exit. */
#ifndef AT_CLI_H
#define AT_CLI_H

#include "call/call.h"
#include "check/check.h"
#include "ir/ir.h"
#include "lang/lang.h"
#include "tensor/tensor.h"

#include <jansson.h>

#define AT_VERSION "0.1.0"

typedef enum {
    AT_CLI_GOOD = 0,
    AT_CLI_INPUT = 1, /* the user's program, file or data */
    AT_CLI_USAGE = 2, /* the command line itself */
    AT_CLI_BUG = 3,   /* ours */
} at_cli_exit;

/* ---- main.c ---------------------------------------------------------------------------------- */

#define AT_COMMAND(name, summary, function) int function(int argc, char **argv);
#include "cli/commands.def"
#undef AT_COMMAND

typedef struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} at_cli_command;

/* The rows of commands.def, ended by a NULL name. */
const at_cli_command *at_cli_commands(void);
/* Says that the library broke a promise of its own (`format` says which); gives AT_CLI_BUG. */
int at_cli_bug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- options.c: GNU long options from a table, and --help made from it ----------------------- */

typedef struct {
    char letter;          /* -o, or 0 */
    const char *name;     /* --out; NULL ends the table */
    const char *argument; /* what the help calls it; NULL: none is taken */
    const char *help;     /* lines joined by \n */
} at_cli_option;

typedef struct {
    const char *name;  /* the command */
    const char *usage; /* "attend run FILE[:fn] [options]" */
    const char *about; /* a paragraph, ended by a newline */
    const at_cli_option *options;
    const char *examples; /* lines that can be typed as they stand */
} at_cli_page;

/* Reads the options, which may stand between the operands; `take` gets each and returns false after
 * at_cli_misuse. Returns the index of the first operand in argv, or -1 when the command is over,
 * with its exit code in *status: after --help, or after misuse. */
int at_cli_parse(const at_cli_page *page, int argc, char **argv,
                 bool (*take)(void *user, const char *name, const char *value), void *user,
                 int *status);
/* Prints "attend run: …" and where help is; gives AT_CLI_USAGE. */
int at_cli_misuse(const at_cli_page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A whole number within bounds; false after at_cli_misuse. */
bool at_cli_number(const at_cli_page *page, const char *option, const char *text, int64_t low,
                   int64_t high, int64_t *out);
/* Bytes: a number that may end in k, m or g (1024 each). */
bool at_cli_bytes(const at_cli_page *page, const char *option, const char *text, size_t *out);
/* Seconds, up to a day: 10, 0.5s. */
bool at_cli_seconds(const at_cli_page *page, const char *option, const char *text, double *out);

/* How reals are stored: f64, f32, bf16 or f16; AT_TYPE_BOOL after at_cli_misuse. */
at_type at_cli_real_type(const at_cli_page *page, const char *text);

/* A list of texts that grows. */
typedef struct {
    const char **items;
    int count, capacity;
} at_cli_list;
void at_cli_list_add(at_cli_list *list, const char *item);

/* Values `name=value`, separated by commas where `commas`. */
typedef struct {
    at_cli_list names, values;
} at_cli_pairs;
bool at_cli_pairs_add(const at_cli_page *page, const char *option, const char *text, bool commas,
                      at_cli_pairs *pairs);

/* ---- report.c: sessions, errors, progress ---------------------------------------------------- */

/* A session that shows progress on a terminal; prints and exits when there is no memory. */
at_session *at_cli_session(void);
void at_cli_session_end(at_session *s);
/* Whether the standard error is a terminal that shows colours. */
bool at_cli_color(void);
/* Prints the session's errors to the standard error. */
void at_cli_report(at_session *s);
json_t *at_cli_diags_json(const at_session *s);
/* Adds "file", "line", "column", "end_line" and "end_column", as far as the place is known. */
void at_cli_place_json(json_t *to, at_span span);
/* Prints and frees. Reals carry 17 digits. */
void at_cli_print_json(json_t *value);
/* A real as JSON: a number, or "nan", "inf", "-inf", which JSON has no numbers for. */
json_t *at_cli_json_real(double value);
/* Writes text to the standard output. */
void at_cli_print(const at_text *text);

/* ---- program.c: finding and resolving programs ----------------------------------------------- */

/* Where `use NAME` looks: $ATTEND_PATH, then the folders that came with the executable; ended by
 * NULL. */
const char *const *at_cli_library(at_session *s);
/* The same without lib/: $ATTEND_PATH and the families of the zoo. */
const char *const *at_cli_zoo(at_session *s);
/* Reads `path`; "-" is the standard input. */
const at_source *at_cli_source(at_session *s, const char *path);
/* Splits FILE:fn; *function is NULL without one. A file whose whole name is `operand` wins. */
const char *at_cli_split(at_session *s, const char *operand, const char **function);
/* `--size n=5,d=4` as the resolver takes it; false after at_cli_misuse. */
bool at_cli_sizes(const at_cli_page *page, at_session *s, const at_cli_pairs *pairs,
                  at_resolve_options *options);

/* ---- function.c ------------------------------------------------------------------------------ */

/* FILE[:fn] with --size, --set and --training: what commands about functions have in common. All
 * zero but for `several` in the beginning. */
typedef struct {
    bool several;      /* more than one file may be named */
    at_session *s;
    char **operands;   /* FILE[:fn], as many as there are */
    int operand_count;
    at_cli_pairs sizes, sets;
    at_resolve_options resolve;
    const at_program *program; /* once it is loaded */
} at_cli_function;

/* Whether the option is one of these, which it then takes; *good: false after at_cli_misuse. */
bool at_cli_function_take(const at_cli_page *page, at_cli_function *f, const char *name,
                          const char *value, bool *good);
/* Reads the command line, as at_cli_parse does, and begins a session. False when the command is
 * over, with its exit code in *status. */
bool at_cli_function_begin(const at_cli_page *page, int argc, char **argv,
                           bool (*take)(void *user, const char *name, const char *value),
                           void *user, at_cli_function *f, int *status);
/* The first operand's file, and of its program, with all that it uses, the function that is meant;
 * NULL after errors. */
const at_source *at_cli_function_source(at_cli_function *f);
const at_definition *at_cli_function_load(at_cli_function *f, const at_source *source);
/* Reports the errors unless all was good, and ends the session; gives the exit code. */
int at_cli_function_end(at_cli_function *f, bool good);

/* ---- extents.c ------------------------------------------------------------------------------- */

/* The extents of all axes of a cascade, by id, from the sizes that were told of `definition`, which
 * it is resolved (and perhaps derived) from. *missing: the open axes of which nothing is known, "n,
 * d", when there are such; else NULL and every require holds. False after errors. */
bool at_cli_extents(at_session *s, const at_definition *definition, const at_cascade *cascade,
                    const at_resolve_options *told, int64_t **extents, const char **missing);

/* ---- arrays.c, summary.c: arrays given and shown --------------------------------------------- */

/* `--in` (option): a .npz or .safetensors file (all its arrays), name=file.npy, name= and such a
 * file (its only array), or name=value with a JSON value: 0.5, true, [[1,2],[3,4]]. false after an
 * error or misuse (*status). */
bool at_cli_array(const at_cli_page *page, at_session *s, const char *option, const char *text,
                  at_collection *to, int *status);
/* An output as text: name, axes and extents, kind, and its first values, or all of them. */
void at_cli_summary(const at_output *output, const at_tensor *tensor, int digits, bool all,
                    at_text *out);
json_t *at_cli_summary_json(const at_output *output, const at_tensor *tensor, bool all);

/* ---- check_mutants.c ------------------------------------------------------------------------- */

/* Tries the program's laws on mutants of its file. Adds what became of them to `line` and, where it
 * is not NULL, to `json`; false after errors, of which mutants that live are some. */
bool at_cli_mutants(at_session *s, const at_program *program, const at_law_options *options,
                    int least, at_text *line, json_t *json);

/* ---- check_missing.c ------------------------------------------------------------------------- */

/* Tells of the definitions that were not resolved on their own, because the option missing[i] of
 * item i has no value: of those that something in the file calls, which `resolved` says was, only
 * how many. Adds ", 2 more in calls, 1 not: …" to `line`, and "in_calls" to their entries in
 * `list`. */
void at_cli_missing(at_session *s, const at_program *program, const char *const *missing,
                    const bool *resolved, json_t *list, at_text *line);

/* ---- check_back.c ---------------------------------------------------------------------------- */

/* What reading back needs of a check, and whether it found a bug of attend's, which is told. */
typedef struct {
    const char *path;
    const at_resolve_options *resolve;
    bool bug;
} at_cli_back;

/* Prints a cascade, reads and prints it again. exactly: both prints must be the same; otherwise
 * names may differ, as they do in derivatives. */
bool at_cli_reads_back(at_session *s, at_cli_back *back, const at_cascade *cascade, bool exactly);
/* Whether each `grad` of a function can be written out; whole: and its derivative by everything
 * taken, if it has reals, and both read back. */
bool at_cli_derives(at_session *s, at_cli_back *back, const at_cascade *cascade, bool whole);

/* ---- check_gradients.c ----------------------------------------------------------------------- */

/* What became of a file's derivatives. */
typedef struct {
    int agree, differ, none; /* functions; none: without reals */
    int points, rough;       /* rough: points that were not smooth */
    double worst;
    at_text missed;          /* functions of reals that were not compared, and why */
} at_cli_gradients;

/* Compares one function's derivative; adds to `sum`, and sets "gradient" in `entry`. False after
 * errors. */
bool at_cli_gradient(at_session *s, const at_program *program, const at_definition *function,
                     const at_law_options *options, at_cli_gradients *sum, json_t *entry);
/* Adds " gradients: …" behind `comma`; nothing when no function was looked at. */
void at_cli_gradients_text(const at_cli_gradients *sum, const char *comma, at_text *out);

/* ---- check_executors.c ----------------------------------------------------------------------- */

/* What `attend check` compares executors on. */
typedef struct {
    bool reference, compiled;      /* which run: laws and differences on the reference; compiled code */
    at_executor_options options;
} at_cli_executors;

/* --executor NAME, --dtype f64,f32,…, --threads 1,2,…; false after a misuse, which is told. */
bool at_cli_executors_take(const at_cli_page *page, const char *option, const char *value,
                           at_cli_executors *executors);
/* " compiled: …", and "compiled" in `entry`. */
void at_cli_executors_text(const at_executor_result *result, const char *comma, at_text *out);
json_t *at_cli_executors_json(const at_executor_result *result);

/* ---- run_vjp.c ------------------------------------------------------------------------------- */

/* A derivative that is run in the place of its function. */
typedef struct {
    bool outputs;   /* those of the function are given as well, where they have a cotangent */
    at_session *s;
    const at_cascade *function, *derivative;
    int count, capacity;
    at_output *results; /* names and axes of what is given, in order */
} at_cli_vjp;

/* given: cotangents by names of outputs; they move into `inputs`, under the names that the
 * derivative has for them. vjp->outputs is set before. False after an error or misuse (*status). */
bool at_cli_vjp_begin(const at_cli_page *page, at_session *s, const at_cascade *cascade,
                      at_collection *given, at_collection *inputs, at_cli_vjp *vjp, int *status);
/* Names the derivative's results as vjp->results says. False after an error. */
bool at_cli_vjp_end(const at_cli_vjp *vjp, at_collection *results);

#endif
