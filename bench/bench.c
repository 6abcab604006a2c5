/* Programs against the same loops written by hand, and dense products against OpenBLAS where it is
 * installed: both are run in turn on the same numbers and must give the same results. The median of
 * the ratios of their times is printed with its quartiles, beside the ratio of their least times. One
 * thread, so that code is compared and not scheduling. `make bench` builds and runs it;
 * build/bench/bench [--f64] [--seconds S] [NAME...] runs some. */
#define _DEFAULT_SOURCE
#include "attend.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void (*hand)(const int64_t *size, const void *const *in, void *out);

typedef struct {
    const char *name, *sizes; /* "n=64,c=32": axes in the order in which the loops by hand take them */
    hand f32, f64;
    const char *index;        /* the axis that inputs of ints point into */
    double scale;             /* of drawn reals */
} kernel;

#define HANDS(name) void name##_f32(const int64_t *, const void *const *, void *); \
                    void name##_f64(const int64_t *, const void *const *, void *);
HANDS(softmax_rows) HANDS(layer_norm) HANDS(gelu) HANDS(product_nn) HANDS(product_nt)
HANDS(masked_scores) HANDS(running_sum) HANDS(scatter_add) HANDS(gather_rows)
HANDS(depthwise_convolution) HANDS(gru_scan) HANDS(bias_relu_sum)

#define KERNEL(name, sizes, index, scale) {#name, sizes, name##_f32, name##_f64, index, scale}
static const kernel kernels[] = {
    KERNEL(softmax_rows, "n=1024,c=1024", NULL, 1),
    KERNEL(layer_norm, "n=1024,c=1024", NULL, 1),
    KERNEL(gelu, "n=1000000", NULL, 1),
    KERNEL(product_nn, "n=384,k=384,m=384", NULL, 1),
    KERNEL(product_nt, "n=384,k=384,m=384", NULL, 1),
    KERNEL(masked_scores, "i=768,d=64,j=768", NULL, 1),
    KERNEL(running_sum, "n=1024,c=1024", NULL, 1),
    KERNEL(scatter_add, "e=8192,c=128,g=512", "g", 1),
    KERNEL(gather_rows, "v=4096,c=256,t=4096", "v", 1),
    KERNEL(depthwise_convolution, "t=2048,c=512,u=7", NULL, 1),
    KERNEL(gru_scan, "t=256,c=256,h=256", NULL, 0.1),
    KERNEL(bias_relu_sum, "n=1024,c=1024", NULL, 1),
};

enum { KERNELS = sizeof kernels / sizeof *kernels, ARRAYS = 8, SIZES = 4, MOST = 400 };

typedef struct {
    const kernel *what;
    attend_type type;
    attend_program *program;
    attend_call *call;
    int inputs;
    void *in[ARRAYS], *ours, *other;
    int64_t size[SIZES], output_count;
    char axis[SIZES][16];
    int sizes;
} contest;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool fail(attend_error *error) {
    fprintf(stderr, "%s", attend_error_text(error));
    attend_error_free(error);
    return false;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void read_sizes(contest *c) {
    const char *at = c->what->sizes;
    for (c->sizes = 0; c->sizes < SIZES && *at; c->sizes++) {
        int length = 0;
        if (sscanf(at, "%15[^=]=%" SCNd64 "%n", c->axis[c->sizes], &c->size[c->sizes], &length) != 2)
            return;
        at += length + (at[length] == ',');
    }
}

static int64_t extent(const contest *c, const char *axis) {
    for (int i = 0; i < c->sizes; i++)
        if (strcmp(c->axis[i], axis) == 0) return c->size[i];
    return 1;
}

static uint64_t drawn = 88172645463325252u;

static double draw(void) {
    drawn ^= drawn << 13;
    drawn ^= drawn >> 7;
    drawn ^= drawn << 17;
    return (double)(drawn >> 11) * 0x1p-53;
}

static void fill(const contest *c, attend_type type, int64_t count, void *data) {
    int64_t limit = c->what->index ? extent(c, c->what->index) : 1;
    for (int64_t i = 0; i < count; i++) {
        double value = (2 * draw() - 1) * c->what->scale;
        if (type == ATTEND_F32) ((float *)data)[i] = (float)value;
        else if (type == ATTEND_F64) ((double *)data)[i] = value;
        else ((int64_t *)data)[i] = (int64_t)(draw() * (double)limit);
    }
}

static void *memory(size_t bytes) {
    void *out = aligned_alloc(64, (bytes + 127) & ~(size_t)63);
    if (!out) exit(1);
    memset(out, 0, bytes);
    return out;
}

static bool set(contest *c, attend_role role, int position, void *data, const int64_t *extents) {
    attend_error *error = NULL;
    attend_array array = {data, attend_type_of(c->program, role, position),
                          attend_rank(c->program, role, position), extents, NULL};
    return attend_call_set(c->call, role, position, &array, &error) || fail(error);
}

static bool give_inputs(contest *c) {
    c->inputs = attend_count(c->program, ATTEND_INPUT);
    for (int i = 0; i < c->inputs && i < ARRAYS; i++) {
        int64_t extents[ATTEND_RANK_LIMIT], count = 1;
        int rank = attend_rank(c->program, ATTEND_INPUT, i);
        for (int k = 0; k < rank; k++) {
            extents[k] = extent(c, attend_axis(c->program, ATTEND_INPUT, i, k));
            count *= extents[k];
        }
        attend_type type = attend_type_of(c->program, ATTEND_INPUT, i);
        c->in[i] = memory((size_t)count * attend_type_bytes(type));
        fill(c, type, count, c->in[i]);
        if (!set(c, ATTEND_INPUT, i, c->in[i], extents)) return false;
    }
    return true;
}

static bool prepare(contest *c, const char *folder) {
    char path[1024];
    attend_error *error = NULL;
    attend_options *options = attend_options_new();
    snprintf(path, sizeof path, "%s/%s.attn", folder, c->what->name);
    attend_options_type(options, c->type);
    c->program = attend_compile_file(path, options, &error);
    attend_options_free(options);
    if (!c->program) return fail(error);
    c->call = attend_call_new(c->program, &error);
    if (!c->call) return fail(error);
    read_sizes(c);
    int64_t extents[ATTEND_RANK_LIMIT];
    if (!give_inputs(c)) return false;
    if (!attend_call_extents(c->call, ATTEND_OUTPUT, 0, extents, &error)) return fail(error);
    c->output_count = 1;
    for (int k = 0; k < attend_rank(c->program, ATTEND_OUTPUT, 0); k++) c->output_count *= extents[k];
    size_t bytes = (size_t)c->output_count * attend_type_bytes(c->type);
    c->ours = memory(bytes);
    c->other = memory(bytes);
    return set(c, ATTEND_OUTPUT, 0, c->ours, extents);
}

static void release(contest *c) {
    attend_call_free(c->call);
    attend_program_free(c->program);
    for (int i = 0; i < c->inputs && i < ARRAYS; i++) free(c->in[i]);
    free(c->ours);
    free(c->other);
}

/* ---- the dense products of others ------------------------------------------------------------ */

typedef void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                      float, float *, int);
typedef void (*dgemm)(int, int, int, int, int, int, double, const double *, int, const double *, int,
                      double, double *, int);

typedef struct {
    sgemm f32;
    dgemm f64;
} blas;

static blas find_blas(void) {
    blas found = {NULL, NULL};
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (!library) return found;
    void *f32 = dlsym(library, "cblas_sgemm"), *f64 = dlsym(library, "cblas_dgemm");
    void *threads = dlsym(library, "openblas_set_num_threads");
    void (*set_threads)(int) = NULL;
    memcpy(&found.f32, &f32, sizeof f32);
    memcpy(&found.f64, &f64, sizeof f64);
    memcpy(&set_threads, &threads, sizeof threads);
    if (set_threads) set_threads(1);
    return found;
}

static void run_blas(const blas *b, const contest *c) {
    enum { ROWS = 101, PLAIN = 111, TRANSPOSED = 112 };
    int n = (int)c->size[0], k = (int)c->size[1], m = (int)c->size[2];
    bool nt = strcmp(c->what->name, "product_nt") == 0;
    int how = nt ? TRANSPOSED : PLAIN, step = nt ? k : m;
    if (c->type == ATTEND_F32)
        b->f32(ROWS, PLAIN, how, n, m, k, 1, c->in[0], k, c->in[1], step, 0, c->other, m);
    else
        b->f64(ROWS, PLAIN, how, n, m, k, 1, c->in[0], k, c->in[1], step, 0, c->other, m);
}

/* ---- the contest ----------------------------------------------------------------------------- */

static double value(const contest *c, const void *data, int64_t i) {
    return c->type == ATTEND_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The largest difference, by the size of what is compared. */
static double difference(const contest *c) {
    double sum = 0, worst = 0;
    int64_t finite = 0;
    for (int64_t i = 0; i < c->output_count; i++) {
        double a = value(c, c->ours, i), b = value(c, c->other, i);
        if (isfinite(b)) sum += b * b;
        finite += isfinite(b) != 0;
        if (isfinite(a) && isfinite(b) && fabs(a - b) > worst) worst = fabs(a - b);
        if ((!isfinite(a) || !isfinite(b)) && a != b && !(isnan(a) && isnan(b))) return INFINITY;
    }
    return worst / fmax(1e-30, sqrt(sum / (double)(finite ? finite : 1)));
}

static void run_other(const contest *c, const blas *b) {
    const void *in[ARRAYS];
    for (int i = 0; i < ARRAYS; i++) in[i] = c->in[i];
    if (b) run_blas(b, c);
    else (c->type == ATTEND_F32 ? c->what->f32 : c->what->f64)(c->size, in, c->other);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int count, double q) {
    return sorted[(int)(q * (count - 1) + 0.5)];
}

static bool compete(contest *c, const blas *b, double seconds) {
    attend_error *error = NULL;
    double ratios[MOST], ours[MOST], other[MOST], begin = now();
    const double bound = c->type == ATTEND_F32 ? 1e-4 : 1e-11;
    int count = 0;
    for (int round = -1; round < MOST && (count < 3 || now() - begin < seconds); round++) {
        double start = now();
        if (!attend_call_run(c->call, &error)) return fail(error);
        double middle = now();
        run_other(c, b);
        double end = now();
        if (round < 0) continue; /* the first finds its memory and code */
        ours[count] = middle - start;
        other[count] = end - middle;
        ratios[count] = ours[count] / other[count];
        count++;
    }
    double differs = difference(c);
    qsort(ratios, (size_t)count, sizeof *ratios, by_value);
    qsort(ours, (size_t)count, sizeof *ours, by_value);
    qsort(other, (size_t)count, sizeof *other, by_value);
    printf("%-22s %-20s %8.3f  %-8s %8.3f  %6.2f  %6.2f  (%.2f to %.2f)%s\n", c->what->name,
           c->what->sizes, 1e3 * ours[0], b ? "OpenBLAS" : "by hand", 1e3 * other[0],
           ours[0] / other[0], quantile(ratios, count, 0.5), quantile(ratios, count, 0.25),
           quantile(ratios, count, 0.75), differs <= bound ? "" : "   RESULTS DIFFER");
    fflush(stdout);
    return differs <= bound;
}

static bool is_asked(char **names, int count, const char *name) {
    bool any = false, found = false;
    for (int i = 0; i < count; i++) {
        any |= names[i][0] != 0;
        found |= strcmp(names[i], name) == 0;
    }
    return found || !any;
}

int main(int argc, char **argv) {
    attend_type type = ATTEND_F32;
    double seconds = 1;
    const char *folder = "bench";
    for (int i = 1; i < argc; i++) {
        bool takes = strcmp(argv[i], "--seconds") == 0 || strcmp(argv[i], "--folder") == 0;
        if (strcmp(argv[i], "--f64") == 0) type = ATTEND_F64;
        if (takes && i + 1 < argc && argv[i][2] == 's') seconds = atof(argv[i + 1]);
        if (takes && i + 1 < argc && argv[i][2] == 'f') folder = argv[i + 1];
        if (argv[i][0] != '-') continue;
        argv[i] = "";
        if (takes && i + 1 < argc) argv[++i] = "";
    }
    blas others = find_blas();
    bool good = true;
    printf("%s, one thread. Times are the least ones in ms; ratios are ours over the other, below 1 is "
           "faster:\nof the least times, and the median of all pairs of runs with its quartiles. On a "
           "busy machine\nlong runs are interrupted and short ones are not: trust the first.\n\n"
           "%-22s %-20s %8s  %-8s %8s  %6s  %6s\n", attend_type_name(type), "program", "sizes",
           "ours", "other", "its", "ratio", "median");
    for (int i = 0; i < KERNELS; i++) {
        if (!is_asked(argv + 1, argc - 1, kernels[i].name)) continue;
        contest c = {.what = &kernels[i], .type = type};
        bool ready = prepare(&c, folder);
        good &= ready && compete(&c, NULL, seconds);
        bool dense = strncmp(kernels[i].name, "product", 7) == 0;
        if (ready && dense && others.f32 && others.f64) good &= compete(&c, &others, seconds);
        release(&c);
    }
    if (!others.f32) printf("\nOpenBLAS is not installed: dense products were not compared with it\n");
    return good ? 0 : 1;
}
