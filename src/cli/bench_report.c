/* What was measured, as a table or as JSON. Of every time comes how sure it is: the distance of the
 * quartiles as a part of the median. */
#include "cli/bench.h"

#include <inttypes.h>
#include <string.h>

static const char *const executors[] = {"compiled", "unfused", "naive", "reference"};

static double spread_of(const at_bench_case *c) {
    double median = at_bench_quantile(c, 0.5);
    return median > 0 ? (at_bench_quantile(c, 0.75) - at_bench_quantile(c, 0.25)) / median : 0;
}

/* Milliseconds with three digits that count. */
static void add_ms(double seconds, at_text *out) {
    double ms = 1e3 * seconds;
    at_text_addf(out, "  %9.*f", ms < 1 ? 4 : ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0, ms);
}

/* Rates of what may be less than counted are upper bounds. */
static void add_rate(double amount, double seconds, bool at_most, at_text *out) {
    at_text_addf(out, "  %s%8.2f", at_most ? "<" : " ", amount / seconds / 1e9);
}

static void add_case(const at_bench_case *c, int longest, at_text *out) {
    at_text_addf(out, "%-*s", longest, c->name);
    if (c->failed || c->skipped) {
        at_text_addf(out, "  %s\n", c->failed ? "failed" : c->skipped);
        return;
    }
    double median = at_bench_quantile(c, 0.5);
    add_ms(median, out);
    add_ms(c->samples[0], out);
    add_ms(c->processor[c->count / 2], out);
    at_text_addf(out, "  %4.0f %%", 100 * spread_of(c));
    add_rate((double)c->flops, median, c->flops_at_most, out);
    add_rate((double)c->bytes, median, c->bytes_at_most, out);
    if (c->peak_memory) at_text_addf(out, "  %7.0f", (double)c->peak_memory / 1e6);
    at_text_add(out, "\n");
}

void at_bench_text(const at_bench_case *cases, int count, const at_bench_peak *peak, at_text *out) {
    int longest = 4;
    for (int i = 0; i < count; i++)
        if ((int)strlen(cases[i].name) > longest) longest = (int)strlen(cases[i].name);
    at_text_addf(out,
                 "this machine with %d thread%s: %.0f GFLOP/s in f32, %.0f in f64, %.1f GB/s from "
                 "memory\n\n",
                 peak->threads, peak->threads == 1 ? "" : "s", peak->f32_gflops, peak->f64_gflops,
                 peak->dram_gbs);
    at_text_addf(out, "%-*s  %9s  %9s  %9s  %6s   %8s   %8s  %7s\n", longest, "case", "median ms",
                 "min ms", "cpu ms", "spread", "GFLOP/s", "GB/s", "peak MB");
    for (int i = 0; i < count; i++) add_case(&cases[i], longest, out);
    bool bound = false;
    for (int i = 0; i < count; i++)
        bound |= cases[i].count && (cases[i].flops_at_most || cases[i].bytes_at_most);
    at_text_add(out, "\nspread: the middle half of the runs lies within so much of the median.\n");
    bool busy = false;
    for (int i = 0; i < count; i++)
        busy |= cases[i].count && cases[i].processor[cases[i].count / 2] <
                                      0.8 * at_bench_quantile(&cases[i], 0.5);
    if (busy)
        at_text_add(out, "cpu: of all threads; where it is less than the median, others had the "
                         "processors meanwhile.\n");
    if (bound)
        at_text_add(out, "<: data decide how much is done; so much if all of it is.\n");
}

static json_t *case_json(const at_bench_case *c) {
    json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:b, s:I, s:b}", "case", c->name,
                            "file", c->file, "function", c->function ? c->function : "",
                            "dtype", c->dtype, "executor", executors[c->executor],
                            "threads", c->call.threads, "flops", (json_int_t)c->flops,
                            "flops_at_most", c->flops_at_most, "bytes", (json_int_t)c->bytes,
                            "bytes_at_most", c->bytes_at_most);
    if (c->failed) json_object_set_new(out, "errors", at_cli_diags_json(c->s));
    if (c->skipped) json_object_set_new(out, "skipped", json_string(c->skipped));
    if (c->count == 0) return out;
    double median = at_bench_quantile(c, 0.5);
    json_t *times = json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                              "samples", c->count, "runs_a_sample", (json_int_t)c->batch,
                              "median_ms", 1e3 * median, "min_ms", 1e3 * c->samples[0],
                              "cpu_ms", 1e3 * c->processor[c->count / 2],
                              "quartile_low_ms", 1e3 * at_bench_quantile(c, 0.25),
                              "quartile_high_ms", 1e3 * at_bench_quantile(c, 0.75),
                              "gflops", (double)c->flops / median / 1e9,
                              "gbs", (double)c->bytes / median / 1e9, "compile_ms", c->compile_ms);
    json_object_update(out, times);
    json_decref(times);
    json_object_set_new(out, "peak_rss_mb",
                        c->peak_memory ? json_real((double)c->peak_memory / 1e6) : json_null());
    return out;
}

json_t *at_bench_peak_json(const at_bench_peak *peak) {
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:I}", "threads", peak->threads, "f32_gflops",
                     peak->f32_gflops, "f64_gflops", peak->f64_gflops, "dram_gbs", peak->dram_gbs,
                     "cache_gbs", peak->cache_gbs, "cache_bytes", (json_int_t)peak->cache_bytes);
}

json_t *at_bench_json(const at_bench_case *cases, int count, const at_bench_peak *peak) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, case_json(&cases[i]));
    return json_pack("{s:o, s:o}", "peak", at_bench_peak_json(peak), "cases", list);
}
