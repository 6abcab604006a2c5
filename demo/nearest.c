/* The demo: Fashion-MNIST classified by attention, without training (nearest.attn). Test images are the
 * queries, all 60,000 training images the keys, their labels the values. It goes through the test
 * images in order, a batch at a time, until its time is used, and says how far it came.
 *
 * It uses the library as any program would: load, resolve and compile once (in float32), run for each
 * batch.
 *
 *     nearest PROGRAM [SECONDS [compiled|reference]] */
#include "compile.h"
#include "lang/lang.h"
#include "ref/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FOLDER "/usr/share/datasets/fashion-mnist/"
enum { CLASSES = 10, FIRST_BATCH = 20, BATCH = 200 };

static const char *const class_names[CLASSES] = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                                 "sandal", "shirt", "sneaker", "bag", "boot"};

/* An idx file: two zero bytes, the type (8: bytes), the rank, the extents big-endian, the elements. A
 * picture's two axes become one. NULL after an error. */
static at_tensor *read_idx(at_session *s, const char *path, int rank) {
    gzFile file = gzopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot read %s; the package dataset-fashion-mnist has it\n", path);
        return NULL;
    }
    unsigned char head[16];
    unsigned length = 4 + 4 * (unsigned)rank;
    at_tensor *tensor = NULL;
    if (gzread(file, head, length) == (int)length && head[2] == 8 && head[3] == rank) {
        int64_t extents[3];
        for (int k = 0; k < rank; k++) {
            const unsigned char *at = head + 4 + 4 * k;
            extents[k] = (int64_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
        }
        if (rank == 3) extents[1] *= extents[2];
        tensor = at_tensor_new(s, AT_TYPE_U8, extents, rank == 3 ? 2 : 1, path);
        if (tensor && gzread(file, tensor->data, (unsigned)tensor->count) != tensor->count) {
            at_tensor_free(tensor);
            tensor = NULL;
        }
    }
    gzclose(file);
    if (!tensor) fprintf(stderr, "%s is damaged\n", path);
    return tensor;
}

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    bool compiled;     /* else the reference executor runs it */
    at_kernel *kernel; /* of the whole program; NULL unless compiled */
    at_tensor *known, *label, *image, *truth;
    int64_t done, right;
    int64_t said[CLASSES][CLASSES]; /* [what it is][what was said] */
    double seconds;
} demo;

static bool read_data(demo *d) {
    d->known = read_idx(d->s, FOLDER "train-images-idx3-ubyte.gz", 3);
    d->label = read_idx(d->s, FOLDER "train-labels-idx1-ubyte.gz", 1);
    d->image = read_idx(d->s, FOLDER "t10k-images-idx3-ubyte.gz", 3);
    d->truth = read_idx(d->s, FOLDER "t10k-labels-idx1-ubyte.gz", 1);
    return d->known && d->label && d->image && d->truth;
}

static void count_votes(demo *d, const at_tensor *vote) {
    const float *votes = vote->data; /* of compiled code */
    const double *exact = vote->data;
    const unsigned char *truth = d->truth->data;
    for (int64_t i = 0; i < vote->extents[0]; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++) {
            int64_t at = i * CLASSES + c, most = i * CLASSES + best;
            if (d->compiled ? votes[at] > votes[most] : exact[at] > exact[most]) best = c;
        }
        int is = truth[d->done + i];
        d->said[is][best]++;
        d->right += is == best;
    }
    d->done += vote->extents[0];
}

static bool execute(demo *d, const at_cascade *cascade, const at_kernel *kernel, at_named *inputs,
                    int count, at_results *results) {
    at_collection collection = {.count = count, .capacity = count, .items = inputs};
    at_call call = {.inputs = &collection};
    return kernel ? at_kernel_run(d->s, kernel, &call, results)
                  : at_ref_run(d->s, cascade, &call, results);
}

/* NULL after an error, and where nothing is compiled. */
static at_kernel *compile(const demo *d, const at_cascade *cascade) {
    at_compile_options options = {.type = AT_TYPE_F32};
    return d->compiled ? at_compile(d->s, cascade, &options, NULL) : NULL;
}

/* The keys are prepared once: all known images through `unit`. */
static bool prepare(demo *d, const at_program *program) {
    at_resolve_options options = {.function = "unit"};
    const at_cascade *unit = at_resolve(d->s, program, &options);
    at_results results = {0};
    at_named inputs[] = {{"x", d->known}};
    at_kernel *kernel = unit ? compile(d, unit) : NULL;
    if (!unit || (d->compiled && !kernel)) return false;
    double start = at_now();
    bool good = execute(d, unit, kernel, inputs, 1, &results);
    d->seconds += at_now() - start;
    if (kernel) at_kernel_free(kernel);
    if (!good) return false;
    at_tensor_free(d->known);
    d->known = results.outputs.items[0].tensor;
    results.outputs.items[0].tensor = NULL;
    at_results_free(&results);
    return true;
}

/* Classifies the next `count` images. */
static bool run_batch(demo *d, int64_t count) {
    int64_t pixels = d->image->extents[1];
    at_tensor *images = at_tensor_new(d->s, AT_TYPE_U8, (int64_t[]){count, pixels}, 2, "image");
    if (!images) return false;
    memcpy(images->data, (unsigned char *)d->image->data + d->done * pixels, (size_t)images->count);
    at_named inputs[] = {{"image", images}, {"known", d->known}, {"label", d->label}};
    at_results results = {0};
    double start = at_now();
    bool good = execute(d, d->cascade, d->kernel, inputs, 3, &results);
    d->seconds += at_now() - start;
    if (good) count_votes(d, at_collection_find(&results.outputs, "vote"));
    at_results_free(&results);
    at_tensor_free(images);
    return good;
}

/* A small first batch tells how fast it goes; the others are cut so that the time is met. */
static bool run_all(demo *d, double budget) {
    int64_t all = d->image->extents[0], batch = FIRST_BATCH;
    double before = d->seconds, told = -2;
    while (d->done < all && batch > 0) {
        if (batch > all - d->done) batch = all - d->done;
        if (!run_batch(d, batch)) return false;
        if (d->seconds - told >= 2 || d->done == all) {
            fprintf(stderr, "%lld images, %.0f s\n", (long long)d->done, d->seconds);
            told = d->seconds;
        }
        batch = (int64_t)((budget - d->seconds) * (double)d->done / (d->seconds - before));
        if (batch > BATCH) batch = BATCH;
        if (batch < FIRST_BATCH) batch = 0;
    }
    return true;
}

static void print_results(const demo *d) {
    printf("%lld of %lld test images against %lld known ones: %.1f %% right\n\n", (long long)d->done,
           (long long)d->image->extents[0], (long long)d->known->extents[0],
           100.0 * (double)d->right / (double)d->done);
    printf("rows: what it is; columns: what was said\n%-10s", "");
    for (int c = 0; c < CLASSES; c++) printf("%9s", class_names[c]);
    printf("\n");
    for (int is = 0; is < CLASSES; is++) {
        printf("%-10s", class_names[is]);
        for (int c = 0; c < CLASSES; c++) {
            if (d->said[is][c]) printf("%9lld", (long long)d->said[is][c]);
            else printf("%9s", ".");
        }
        printf("\n");
    }
    printf("\n%.1f s on the %s executor, %.1f ms an image, %.0f MB of memory at most\n", d->seconds,
           d->compiled ? "compiled" : "reference", 1000 * d->seconds / (double)d->done,
           (double)at_memory_peak() / 1e6);
}

static bool run_demo(demo *d, const char *path, double budget) {
    const at_source *source = at_read_source(d->s, path);
    const at_program *program = source ? at_load(d->s, source, NULL) : NULL;
    at_resolve_options options = {0};
    d->cascade = program ? at_resolve(d->s, program, &options) : NULL;
    if (!d->cascade || !read_data(d) || !prepare(d, program)) return false;
    d->kernel = compile(d, d->cascade);
    if (d->compiled && !d->kernel) return false;
    return run_all(d, budget);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: nearest PROGRAM [SECONDS [compiled|reference]]\n");
        return 2;
    }
    double budget = argc > 2 ? strtod(argv[2], NULL) : 60;
    demo d = {.s = at_session_new((size_t)1 << 30)};
    if (!d.s) return 1;
    d.compiled = argc < 4 || strcmp(argv[3], "reference") != 0;
    bool good = run_demo(&d, argv[1], budget);
    at_text errors = {0};
    at_diags_render(d.s, false, &errors);
    if (errors.length) fputs(errors.data, stderr);
    at_text_free(&errors);
    if (good) print_results(&d);
    if (d.kernel) at_kernel_free(d.kernel);
    at_tensor_free(d.known);
    at_tensor_free(d.label);
    at_tensor_free(d.image);
    at_tensor_free(d.truth);
    at_session_free(d.s);
    return good ? 0 : 1;
}
