/* bench: what the files of `attend bench` share. */
#ifndef AT_CLI_BENCH_H
#define AT_CLI_BENCH_H

#include "cli/cli.h"
#include "compile.h"

typedef enum {
    AT_BENCH_COMPILED,
    AT_BENCH_UNFUSED, /* compiled too, each equation by itself */
    AT_BENCH_NAIVE,
    AT_BENCH_REFERENCE,
    AT_BENCH_EXECUTORS
} at_bench_executor;


/* One program in one type by one executor, ready to run, and what was measured of it. */
typedef struct {
    const char *name;         /* "norm.attn:layer f32 naive" */
    const char *file, *function, *dtype;
    at_bench_executor executor;
    const at_choices *choices; /* NULL: the usual ones */
    at_session *s;            /* owned; ends with the case */
    const at_cascade *cascade;
    at_kernel *kernel;        /* NULL for the reference executor */
    at_ready *ready;          /* the kernel with its arrays, once it ran */
    at_call call;
    at_collection inputs;
    double compile_ms;
    unsigned char code[AT_HASH_BYTES]; /* of its C text */
    int64_t flops, bytes;     /* of a run, as `attend plan` counts */
    bool flops_at_most, bytes_at_most;
    int64_t least_bytes;      /* what is given and is read, and the outputs, once */
    bool failed;              /* errors are in the session */
    const char *skipped;      /* why it was not run; or NULL */
    int count, capacity;      /* samples */
    double *samples;          /* seconds of a run, sorted in the end */
    double *processor;        /* of all threads together, likewise */
    double spent;             /* seconds in all */
    int64_t batch;            /* runs a sample */
    size_t peak_memory;       /* bytes that the first run adds at most, and the inputs; 0: not known */
} at_bench_case;

typedef struct {
    double f32_gflops, f64_gflops;
    double dram_gbs, cache_gbs; /* reading memory that no cache holds, and what the second caches hold */
    int64_t cache_bytes;        /* so much of it, all threads together */
    int threads;
} at_bench_peak;

/* ---- bench_case.c ---------------------------------------------------------------------------- */

typedef struct {
    const char *operand;      /* FILE[:fn] */
    const char *dtype;
    at_bench_executor executor;
    bool grad;
    const at_resolve_options *resolve;
    at_call call;             /* seed and threads */
    bool *size_used;          /* by position in resolve->sizes: set where an input has it */
    const at_choices *choices; /* COMPILED: as at_compile_options has them */
    bool one;                 /* the only file: every size must be used */
} at_bench_request;

/* Resolves, compiles and draws. Errors are in c->s, and c->failed is set. */
void at_bench_prepare(const at_bench_request *request, at_bench_case *c);
/* One run; false after errors. */
bool at_bench_run(at_bench_case *c);
void at_bench_end(at_bench_case *c);

/* ---- bench_time.c ---------------------------------------------------------------------------- */

/* Runs the cases in turn, so that what disturbs the machine disturbs all, until `budget` seconds
 * are spent. Cases that would take longer alone are skipped, and say so. `tell` is called now and
 * then. */
void at_bench_time(at_bench_case *cases, int count, double budget,
                   void (*tell)(void *user, const char *what, double share), void *user);
/* Of sorted samples, with 0.5 the median. */
double at_bench_quantile(const at_bench_case *c, double q);

/* ---- bench_peak.c ---------------------------------------------------------------------------- */

/* What this machine reaches with so many threads: multiply-adds on registers in both types, reading
 * of memory that no cache holds. Takes about half a second. */
at_bench_peak at_bench_peak_measure(int threads);

/* ---- bench_every.c --------------------------------------------------------------------------- */

/* What --every measures and how. */
typedef struct {
    const at_cli_function *function; /* files, sizes, options */
    const char *dtype;
    bool grad, json;
    int threads;
    uint64_t seed;
    double budget;    /* seconds for all */
    const char *kept; /* a file of results that are there and that are added; NULL: none */
} at_bench_every_request;

/* Measures every function of the files, each in a process of its own that is ended when it takes
 * too long, and prints how far each is above what the machine would need at least. Gives an exit
 * code. */
int at_bench_every(const at_bench_every_request *request);

/* ---- bench_sizes.c --------------------------------------------------------------------------- */

/* A value for an option that has none, by its name; NULL: there is no usual one. */
const char *at_bench_option(const char *name);
/* Extents for a function's inputs: those of `told`, and for other axes usual ones that its
 * requirements allow and with which a run does not take very long. Fills resolve->sizes; false,
 * with a reason, where there are none. The program was loaded in `s`. */
bool at_bench_sizes(at_session *s, const at_program *program, const at_definition *definition,
                    at_resolve_options *resolve, const char **why);

/* ---- bench_floor.c --------------------------------------------------------------------------- */

/* What a function was measured to take, beside the least that its operations and bytes take: an
 * object that at_bench_floor_text and at_bench_floor_json list. */
json_t *at_bench_floor_case(const at_bench_case *compiled, const at_bench_case *unfused,
                            const at_bench_peak *peak, double call_seconds);
/* The list by how far above the least its cases are; those without times in the end. */
json_t *at_bench_floor_sorted(json_t *cases);
void at_bench_floor_text(const json_t *cases, const at_bench_peak *peak, double call_seconds,
                         at_text *out);

/* ---- bench_report.c -------------------------------------------------------------------------- */

void at_bench_text(const at_bench_case *cases, int count, const at_bench_peak *peak, at_text *out);
json_t *at_bench_peak_json(const at_bench_peak *peak);
json_t *at_bench_json(const at_bench_case *cases, int count, const at_bench_peak *peak);

#endif
