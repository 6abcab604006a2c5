/* Sums over rows that keep pair arrays from being held in blocks go slice by slice: by what a plan
 * stores afterwards, and by what the reference executor gives before and after. */
#include "opt_fixture.h"

#include "opt/slices.h"
#include "plan/plan.h"

typedef struct {
    const char *name, *text;
} example;

static const example examples[] = {
    {"places that data say",
     "fn f(q[i,d], k[j,d], first[i]: index j, w[i,e]) -> dk[j,d], z[i] {\n"
     "  axis r as j\n"
     "  at[i,r] = (first[i] + r * r) % size(j)\n"
     "  s[i,r] = tanh(sum[d](q[i,d] * k[at[i,r], d]))\n"
     "  z[i] = sum[r where r <= i](s[i,r])\n"
     "  dk[j,d] = sum[i,r where at[i,r] == j and s[i,r] > 0](s[i,r] * q[i,d])\n}\n"},
    {"columns of the same row",
     "fn f(q[i,d], k[j,d], w[i]) -> o[j,d], z[i] {\n"
     "  s[i,j] = tanh(sum[d](q[i,d] * k[j,d]))\n"
     "  u[i,j] = s[i,j] * s[i, j - j % 3] + s[i, size(j) - 1 - j]\n"
     "  o[j,d] = sum[i where j <= i + 2](u[i,j] * q[i,d])\n"
     "  z[i] = sum[j](u[i,j] * w[i])\n}\n"},
    {"a largest, whether any, and whether all",
     "fn f(q[i,d], k[j,d]) -> m[j], a[j], b[j], z[i] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  u[i,j] = s[i,j] - s[i, j // 2]\n"
     "  m[j] = max[i](u[i,j])\n"
     "  a[j] = any[i where i != j](u[i,j] > 0.5)\n"
     "  b[j] = all[i](u[i,j] < 0.5)\n"
     "  z[i] = sum[j](u[i,j])\n}\n"},
    {"a sum that follows from another",
     "fn f(q[i,d], k[j,d]) -> o[j], z[j] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d])\n"
     "  u[i,j] = tanh(s[i,j] - s[i, j // 2])\n"
     "  o[j] = sum[i](u[i,j])\n"
     "  t[i,j] = exp(-u[i,j] * o[j]) * u[i, j // 3]\n"
     "  z[j] = sum[i where i >= j](t[i,j])\n}\n"},
    {"what may have no value is asked for only where it was",
     "fn f(q[i,d], k[j,d], at[i]: int) -> o[j,d] {\n"
     "  axis r as j\n"
     "  s[i,r] = tanh(sum[d](q[i,d] * k[r,d]))\n"
     "  w[i,r] = s[i,r] * s[i, r // 2] * s[i, at[i] + r]\n"
     "  o[j,d] = sum[i where at[i] + j >= 0 and at[i] + j < size(j)](w[i,j] * q[i,d])\n}\n"},
    {"the derivative of bias by distance",
     "fn f(q[i,d], k[j,d], bias[r], w[i,d]) -> db[r], dk[j,d], dq[i,d] {\n"
     "  s[i,j] = sum[d](q[i,d] * k[j,d]) + bias[clamp(i - j, 0, size(r) - 1)]\n"
     "  p[i,j] = softmax[j where j <= i](s[i,j])\n"
     "  o[i,d] = sum[j](p[i,j] * k[j,d])\n"
     "  l = sum[i,d](o[i,d] * w[i,d])\n"
     "  db = grad(l, bias)\n  dk = grad(l, k)\n  dq = grad(l, q)\n}\n"},
};

/* In slices of two rows, as long as something is stored and can be. */
static const at_cascade *sliced(at_session *s, const at_cascade *cascade) {
    for (int i = 0; i < 4; i++) {
        const bool *stored = at_plan_stored(s, at_plan_make(s, cascade));
        const at_cascade *next = stored ? at_slice_cascade(s, cascade, stored, 2) : cascade;
        if (next == cascade) break;
        cascade = next;
        at_ir_verify(s, cascade);
    }
    return cascade;
}

/* But for ints, which may be indices, and are computed once. */
static bool stores(at_session *s, const at_cascade *cascade) {
    const bool *stored = at_plan_stored(s, at_plan_make(s, cascade));
    for (int i = 0; stored && i < cascade->array_count; i++)
        if (stored[i] && cascade->arrays[i]->kind != AT_INT) return true;
    return false;
}

static void nothing_is_stored_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        at_session *s = at_session_new(1 << 28);
        const at_cascade *before = at_optimize(s, made(s, examples[i].text));
        if (!stores(s, before))
            tell(at_format(s->arena, "%s: nothing was stored:\n%s", examples[i].name,
                           printed(s, before)));
        const at_cascade *after = sliced(s, before);
        if (stores(s, after) || !strstr(printed(s, after), "_slice"))
            tell(at_format(s->arena, "%s: is stored still:\n%s", examples[i].name,
                           printed(s, after)));
        at_session_free(s);
    }
}

static void results_stay(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (int run = 0; run < 16; run++) {
            at_session *s = at_session_new(1 << 28);
            const at_cascade *before = made(s, examples[i].text);
            const at_cascade *after = sliced(s, at_optimize(s, before));
            dice d = {(uint64_t)run};
            int has_index = strstr(examples[i].text, ": index") != NULL; /* of what is empty there is none */
            int64_t *open = AT_NEW_ARRAY(s->arena, int64_t, before->axis_count);
            for (int k = 0; k < before->axis_count; k++)
                open[k] = run == 0 ? 2 : pick(&d, 7) + has_index;
            at_collection inputs;
            if (!give_drawn(s, before, open, &d, &inputs)) fail();
            if (run % 4 == 3) scatter_strange(&d, &inputs);
            same_results(s, examples[i].text, before, after, &inputs);
            at_collection_free(&inputs);
            at_session_free(s);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_stored_whole),
                                       cmocka_unit_test(results_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
