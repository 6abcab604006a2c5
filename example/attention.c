/* Causal attention from C: compiled once, run on arrays of the caller, then its gradient.
 *
 *     cc attention.c $(pkg-config --cflags --libs attend) -o attention
 *
 * The same file is C++. */
#include <attend.h>

#include <stdio.h>
#include <string.h>

static const char program_text[] =
    "fn attention(q[n,e], k[m,e], v[m,e]) -> o[n,e] {\n"
    "  s[n,m] = sum[e](q[n,e] * k[m,e]) / sqrt(size(e))\n"
    "  p[n,m] = softmax[m where m <= n](s[n,m])\n"
    "  o[n,e] = sum[m](p[n,m] * v[m,e])\n"
    "}\n";

enum { TOKENS = 4, WIDTH = 2 };

/* Prints an error and forgets it; 1, as main returns it. */
static int failed(attend_error *error) {
    fputs(attend_error_text(error), stderr);
    attend_error_free(error);
    return 1;
}

static attend_array matrix(float *data) {
    static const int64_t extents[2] = {TOKENS, WIDTH};
    attend_array array;
    array.data = data;
    array.type = ATTEND_F32;
    array.rank = 2;
    array.extents = extents;
    array.strides = NULL; /* row-major */
    return array;
}

static void print(const char *name, const float *values) {
    for (int i = 0; i < TOKENS; i++)
        printf("%s[%d,:] = %8.4f %8.4f\n", name, i, (double)values[i * WIDTH],
               (double)values[i * WIDTH + 1]);
}

/* Sets the arrays by their names; those that the program does not have are passed over. */
static bool set_all(attend_call *call, const attend_program *program, const char *const *names,
                    float *const *data, int count, attend_error **error) {
    for (int i = 0; i < count; i++) {
        attend_array array = matrix(data[i]);
        for (int role = ATTEND_INPUT; role <= ATTEND_OUTPUT; role++) {
            int position = attend_find(program, (attend_role)role, names[i]);
            if (position >= 0 &&
                !attend_call_set(call, (attend_role)role, position, &array, error))
                return false;
        }
    }
    return true;
}

int main(void) {
    static float q[TOKENS * WIDTH] = {1, 0, 0, 1, 1, 1, -1, 2};
    static float k[TOKENS * WIDTH] = {1, 2, 3, 4, 0, 1, 1, 0};
    static float v[TOKENS * WIDTH] = {1, 10, 2, 20, 3, 30, 4, 40};
    static float o[TOKENS * WIDTH], ones[TOKENS * WIDTH], dq[TOKENS * WIDTH];
    for (int i = 0; i < TOKENS * WIDTH; i++) ones[i] = 1;
    static const char *const names[] = {"q", "k", "v", "o", "do", "dq"};
    float *const data[] = {q, k, v, o, ones, dq};

    attend_error *error = NULL;
    attend_options *options = attend_options_new();
    attend_options_type(options, ATTEND_F32);
    attend_program *forward = attend_compile_text("attention.attn", program_text,
                                                  strlen(program_text), options, &error);
    if (!forward) return failed(error);
    attend_call *call = attend_call_new(forward, &error);
    if (!call || !set_all(call, forward, names, data, 4, &error) || !attend_call_run(call, &error))
        return failed(error);
    print("o", o);

    /* Its derivative is a program like any other: `do` goes in, of the gradients dq comes out. */
    attend_options_gradient(options, false);
    attend_options_wanted(options, "q");
    attend_program *backward = attend_compile_text("attention.attn", program_text,
                                                   strlen(program_text), options, &error);
    attend_options_free(options);
    if (!backward) return failed(error);
    attend_call *gradient = attend_call_new(backward, &error);
    if (!gradient || !set_all(gradient, backward, names, data, 6, &error) ||
        !attend_call_run(gradient, &error))
        return failed(error);
    print("dq", dq);

    attend_call_free(gradient);
    attend_call_free(call);
    attend_program_free(backward);
    attend_program_free(forward);
    return 0;
}
