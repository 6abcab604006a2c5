/* One program, several threads: each has a call of its own and works on its own sequences, which are
 * slices of one array and of different lengths. Nothing is compiled twice, nothing is copied.
 *
 *     cc threads.c $(pkg-config --cflags --libs attend) -pthread -o threads
 *
 * The same file is C++. */
#include <attend.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char program_text[] =
    "fn mean_attention(x[n,e]) -> y[e] {\n"
    "  axis m as n\n"
    "  s[n,m] = sum[e](x[n,e] * x[m,e])\n"
    "  p[n,m] = softmax[m](s[n,m])\n"
    "  o[n,e] = sum[m](p[n,m] * x[m,e])\n"
    "  y[e] = mean[n](o[n,e])\n"
    "}\n";

enum { THREADS = 4, SEQUENCES = 64, WIDTH = 8, LONGEST = 100 };

/* Sequence s has s + 37 mod LONGEST tokens; its columns are every second one of a wider matrix. */
static double tokens[SEQUENCES][LONGEST][2 * WIDTH];
static double results[SEQUENCES][WIDTH];

typedef struct {
    const attend_program *program;
    int first; /* and every THREADS-th one after it */
    bool good;
} worker;

static bool run_sequence(attend_call *call, int s, attend_error **error) {
    int64_t in_extents[2] = {1 + (s * 37) % LONGEST, WIDTH}, in_strides[2] = {2 * WIDTH, 2};
    int64_t out_extents[1] = {WIDTH};
    attend_array x, y;
    x.data = tokens[s];
    x.type = y.type = ATTEND_F64;
    x.rank = 2;
    x.extents = in_extents;
    x.strides = in_strides;
    y.data = results[s];
    y.rank = 1;
    y.extents = out_extents;
    y.strides = NULL;
    return attend_call_set(call, ATTEND_INPUT, 0, &x, error) &&
           attend_call_set(call, ATTEND_OUTPUT, 0, &y, error) && attend_call_run(call, error);
}

static void *work(void *user) {
    worker *w = (worker *)user;
    attend_error *error = NULL;
    attend_call *call = attend_call_new(w->program, &error);
    w->good = call != NULL;
    for (int s = w->first; s < SEQUENCES && w->good; s += THREADS)
        w->good = run_sequence(call, s, &error);
    if (!w->good) fputs(attend_error_text(error), stderr);
    attend_error_free(error);
    attend_call_free(call);
    return NULL;
}

int main(void) {
    for (int s = 0; s < SEQUENCES; s++)
        for (int t = 0; t < LONGEST; t++)
            for (int e = 0; e < 2 * WIDTH; e++)
                tokens[s][t][e] = (s * 31 + t * 17 + e * 7) % 23 / 11.0 - 1;
    attend_error *error = NULL;
    attend_program *program = attend_compile_text("mean_attention.attn", program_text,
                                                  strlen(program_text), NULL, &error);
    if (!program) {
        fputs(attend_error_text(error), stderr);
        attend_error_free(error);
        return 1;
    }
    worker workers[THREADS];
    pthread_t threads[THREADS];
    bool good = true;
    for (int i = 0; i < THREADS; i++) {
        workers[i].program = program;
        workers[i].first = i;
        workers[i].good = false;
        good = pthread_create(&threads[i], NULL, work, &workers[i]) == 0 && good;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good = good && workers[i].good;
    }
    attend_program_free(program);
    if (!good) return 1;
    double sum = 0;
    for (int s = 0; s < SEQUENCES; s++)
        for (int e = 0; e < WIDTH; e++) sum += results[s][e] * (s + e);
    printf("%d sequences on %d threads: %.9f\n", SEQUENCES, THREADS, sum);
    return 0;
}
