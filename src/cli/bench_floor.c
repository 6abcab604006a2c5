/* How far a function is above what the machine needs at least: the longest of its operations at the
 * highest rate, its inputs and outputs read and written once, and a call that does nothing. Sorted,
 * the first of the list are where there is most to gain. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>

/* ---- one case -------------------------------------------------------------------------------- */

typedef struct {
    double seconds;
    const char *by; /* what takes so long */
} bound;

static bound least_of(const at_bench_case *c, int64_t flops, const at_bench_peak *peak,
                      double call_seconds) {
    double rate = strcmp(c->dtype, "f64") == 0 ? peak->f64_gflops : peak->f32_gflops;
    double speed = c->least_bytes <= peak->cache_bytes ? peak->cache_gbs : peak->dram_gbs;
    double work = (double)flops / rate / 1e9, memory = (double)c->least_bytes / speed / 1e9;
    if (call_seconds > work && call_seconds > memory) return (bound){call_seconds, "call"};
    return work > memory ? (bound){work, "flops"} : (bound){memory, "bytes"};
}

json_t *at_bench_floor_case(const at_bench_case *c, const at_bench_case *unfused,
                            const at_bench_peak *peak, double call_seconds) {
    /* A plan that computes something twice does not need it twice. */
    int64_t flops = unfused->flops < c->flops && unfused->flops > 0 ? unfused->flops : c->flops;
    bound least = least_of(c, flops, peak, call_seconds);
    json_t *out = json_pack("{s:s, s:i, s:I, s:b, s:I, s:f, s:s}", "dtype", c->dtype, "threads",
                            c->call.threads, "flops", (json_int_t)flops, "flops_at_most",
                            c->flops_at_most, "bytes", (json_int_t)c->least_bytes, "least_ms",
                            1e3 * least.seconds, "bound", least.by);
    if (c->count == 0) return out;
    json_t *times = json_pack("{s:f, s:f, s:f, s:i, s:f}", "min_ms", 1e3 * c->samples[0],
                              "median_ms", 1e3 * at_bench_quantile(c, 0.5), "cpu_ms",
                              1e3 * c->processor[c->count / 2], "samples", c->count, "ratio",
                              c->samples[0] / least.seconds);
    json_object_update(out, times);
    json_decref(times);
    if (unfused->count == 0) return out;
    json_object_set_new(out, "unfused_ms", json_real(1e3 * unfused->samples[0]));
    json_object_set_new(out, "of_unfused", json_real(c->samples[0] / unfused->samples[0]));
    return out;
}

/* ---- the list -------------------------------------------------------------------------------- */

static double real_of(const json_t *one, const char *key) {
    const json_t *value = json_object_get(one, key);
    return value ? json_number_value(value) : -1;
}

static const char *text_of(const json_t *one, const char *key) {
    const char *text = json_string_value(json_object_get(one, key));
    return text ? text : "";
}

static int by_ratio(const void *a, const void *b) {
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    double p = real_of(x, "ratio"), q = real_of(y, "ratio");
    if (p != q) return p < q ? 1 : -1;
    return strcmp(text_of(x, "case"), text_of(y, "case"));
}

json_t *at_bench_floor_sorted(json_t *cases) {
    size_t count = json_array_size(cases);
    json_t **order = calloc(count + 1, sizeof *order), *out = json_array();
    for (size_t i = 0; i < count && order; i++) order[i] = json_array_get(cases, i);
    if (order) qsort(order, count, sizeof *order, by_ratio);
    for (size_t i = 0; i < count; i++)
        json_array_append(out, order ? order[i] : json_array_get(cases, i));
    free(order);
    return out;
}

static void add_ms(double ms, at_text *out) {
    at_text_addf(out, "  %9.*f", ms < 1 ? 4 : ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0, ms);
}

static void add_sizes(const json_t *one, at_text *out) {
    const char *name;
    json_t *value, *sizes = json_object_get(one, "sizes");
    const char *between = "";
    json_object_foreach(sizes, name, value) {
        at_text_addf(out, "%s%s=%lld", between, name, (long long)json_integer_value(value));
        between = " ";
    }
    json_object_foreach(json_object_get(one, "options"), name, value) {
        at_text_addf(out, "%s%s=%s", between, name, json_string_value(value));
        between = " ";
    }
    at_text_add(out, "\n");
}

static void add_case(const json_t *one, int longest, at_text *out) {
    double ratio = real_of(one, "ratio"), unfused = real_of(one, "unfused_ms");
    at_text_addf(out, "%-*s", longest, text_of(one, "case"));
    add_ms(real_of(one, "least_ms"), out);
    at_text_addf(out, "  %-5s", text_of(one, "bound"));
    add_ms(real_of(one, "min_ms"), out);
    at_text_addf(out, "  %7.*f", ratio < 10 ? 2 : ratio < 100 ? 1 : 0, ratio);
    if (unfused >= 0) add_ms(unfused, out);
    else at_text_addf(out, "  %9s", "");
    if (unfused >= 0) at_text_addf(out, "  %5.2f  ", real_of(one, "of_unfused"));
    else at_text_addf(out, "  %5s  ", "");
    add_sizes(one, out);
}

/* Of the ratios the quartiles; they are sorted, the greatest first. */
static void add_summary(const json_t *cases, size_t timed, at_text *out) {
    const double slack = 1.05; /* more than times differ by chance, of the least of several */
    size_t slower = 0;
    for (size_t i = 0; i < timed; i++)
        slower += real_of(json_array_get(cases, i), "of_unfused") > slack;
    at_text_addf(out, "\n%zu of %zu functions measured", timed, json_array_size(cases));
    if (timed)
        at_text_addf(out, "; ratio: median %.2f, a quarter above %.2f, a tenth above %.2f",
                     real_of(json_array_get(cases, timed / 2), "ratio"),
                     real_of(json_array_get(cases, timed / 4), "ratio"),
                     real_of(json_array_get(cases, timed / 10), "ratio"));
    at_text_addf(out, "\n%zu slower than unfused by more than 5 %%%s", slower,
                 slower ? ":\n" : "\n");
    for (size_t i = 0; i < timed; i++) {
        const json_t *one = json_array_get(cases, i);
        if (real_of(one, "of_unfused") <= slack) continue;
        at_text_addf(out, "  %.2f  %s\n", real_of(one, "of_unfused"), text_of(one, "case"));
    }
}

void at_bench_floor_text(const json_t *cases, const at_bench_peak *peak, double call_seconds,
                         at_text *out) {
    int longest = 8;
    size_t timed = 0, count = json_array_size(cases);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(cases, i);
        timed += real_of(one, "ratio") >= 0;
        int length = (int)strlen(text_of(one, "case"));
        if (real_of(one, "ratio") >= 0 && length > longest) longest = length;
    }
    at_text_addf(
        out,
        "this machine with %d thread%s: %.0f GFLOP/s in f32, %.0f in f64; %.1f GB/s from memory, "
        "%.0f GB/s of\nwhat is at most %.1f MB; %.4f ms a call\n\n",
        peak->threads, peak->threads == 1 ? "" : "s", peak->f32_gflops, peak->f64_gflops,
        peak->dram_gbs, peak->cache_gbs, (double)peak->cache_bytes / 1e6, 1e3 * call_seconds);
    at_text_addf(out, "%-*s  %9s  %-5s  %9s  %7s  %9s  %5s  %s\n", longest, "function", "least ms",
                 "by", "min ms", "ratio", "unfused", "of it", "sizes");
    for (size_t i = 0; i < timed; i++) add_case(json_array_get(cases, i), longest, out);
    add_summary(cases, timed, out);
    if (timed < count) at_text_add(out, "\nnot measured:\n");
    for (size_t i = timed; i < count; i++) {
        const json_t *one = json_array_get(cases, i);
        at_text_addf(out, "  %s: %s\n", text_of(one, "case"), text_of(one, "skipped"));
    }
}
