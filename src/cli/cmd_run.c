/* attend run: arrays in, arrays out. The order is that of any caller of the library: load, find the
 * function, read the inputs (which fixes extents), resolve, execute, write. Nothing is written
 * unless all went well, the state last of all. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"
#include "compile.h"
#include "ref/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Who runs where neither --executor nor ATTEND_EXECUTOR says. */
static const char *const usual_executor = "compiled";

static const at_cli_option options[] = {
    {'i', "in", "WHAT",
     "an input: name=file.npy, or data.npz for all arrays in it, or\n"
     "name=value, a number or JSON lists: --in 'x=[[1,2],[3,4]]'"},
    {'o', "out", "WHAT",
     "where outputs go: result.npz for all, or name=file.npy for one;\n"
     "without it a summary of each is printed"},
    {0, "params", "FILE",
     "all learned arrays, an .npz with their paths as names; without it\n"
     "they begin as the program says"},
    {0, "params-out", "FILE", "where to write the learned arrays as they were given or began"},
    {0, "vjp", "WHAT",
     "run the derivative: a cotangent of an output, given as --in gives inputs;\n"
     "gradients are the results, by the names of inputs and params"},
    {0, "outputs", NULL, "with --vjp: the outputs that have cotangents as well"},
    {0, "state", "FILE", "kept arrays, an .npz; read if it is there, rewritten if all goes well"},
    {0, "set", "name=value", "an option of the function"},
    {0, "seed", "N", "fixes all draws; 0 without it"},
    {0, "run", "N", "the number of this run: draws differ between runs"},
    {0, "training", NULL, "run as while training: dropout drops"},
    {0, "executor", "NAME",
     "compiled (the default) or reference (float64, slow, the meaning); without\n"
     "it ATTEND_EXECUTOR says"},
    {0, "dtype", "TYPE", "how compiled code stores reals: f64, f32, bf16 or f16; f64 without it"},
    {0, "threads", "N", "threads to use; as many as the machine has without it"},
    {0, "memory", "BYTES", "how much arrays may take, as 500m or 4g; what is free without it"},
    {0, "all", NULL, "print all values of outputs, not only the first"},
    {0, "digits", "N", "digits of printed reals; 6 without it"},
    {0, "json", NULL, "print the summary as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "run",
    .usage = "attend run FILE[:fn] [options]",
    .about = "Runs a function: fn, or else `main`, or else the last one of the file. Wherever an\n"
             ".npz is taken or written, a .safetensors file is too.\n",
    .options = options,
    .examples =
        "  attend run attention.attn --in q=q.npy --in k=k.npy --in v=v.npy --out o=o.npy\n"
        "  attend run attention.attn:sliding_window --in data.npz --set w=4 --out result.npz\n"
        "  attend run double.attn --in 'x=[1,2,3]'\n"
        "  attend run net.attn --in x=x.npy --params-out begin.safetensors\n"
        "  attend run net.attn --in x=x.npy --vjp loss=1 --out gradients.npz\n",
};

typedef struct {
    at_session *s;
    const char *operand, *params_path, *params_out, *state_path;
    at_cli_list ins, outs, cotangents;
    at_cli_pairs sets;
    bool json, all;
    const char *executor; /* as it was asked for; NULL: whoever can */
    at_type type;         /* of reals that compiled code stores */
    int64_t digits;
    at_call call;
    at_collection inputs, params, states;
    at_resolve_options resolve;
    const at_cascade *cascade; /* what is run */
    at_collection given;       /* cotangents */
    at_cli_vjp vjp;
    int shown_count;
    const at_output *shown;    /* the results, as they are named */
    at_results results;
    double seconds;
    int status;
} request;

static bool take_number(const char *name, const char *value, request *r) {
    int64_t number = 0;
    const char *option = at_format(r->s->arena, "--%s", name);
    int64_t low = strcmp(name, "digits") == 0 || strcmp(name, "threads") == 0;
    int64_t high = strcmp(name, "digits") == 0 ? 17 : strcmp(name, "threads") == 0 ? 64 : INT64_MAX;
    if (!at_cli_number(&page, option, value, low, high, &number)) return false;
    if (strcmp(name, "seed") == 0) r->call.seed = (uint64_t)number;
    else if (strcmp(name, "run") == 0) r->call.run = (uint64_t)number;
    else if (strcmp(name, "threads") == 0) r->call.threads = (int)number;
    else r->digits = number;
    return true;
}

static bool check_executor(const char *value, const char *from) {
    if (strcmp(value, "compiled") == 0 || strcmp(value, "reference") == 0) return true;
    at_cli_misuse(&page, "there is no executor `%s`%s; there are reference and compiled", value,
                  from);
    return false;
}

static bool take(void *user, const char *name, const char *value) {
    request *r = user;
    if (strcmp(name, "in") == 0) at_cli_list_add(&r->ins, value);
    else if (strcmp(name, "out") == 0) at_cli_list_add(&r->outs, value);
    else if (strcmp(name, "vjp") == 0) at_cli_list_add(&r->cotangents, value);
    else if (strcmp(name, "outputs") == 0) r->vjp.outputs = true;
    else if (strcmp(name, "params") == 0) r->params_path = value;
    else if (strcmp(name, "params-out") == 0) r->params_out = value;
    else if (strcmp(name, "state") == 0) r->state_path = value;
    else if (strcmp(name, "set") == 0)
        return at_cli_pairs_add(&page, "--set", value, false, &r->sets);
    else if (strcmp(name, "training") == 0) r->resolve.training = true;
    else if (strcmp(name, "all") == 0) r->all = true;
    else if (strcmp(name, "json") == 0) r->json = true;
    else if (strcmp(name, "memory") == 0)
        return at_cli_bytes(&page, "--memory", value, &r->call.memory_limit);
    else if (strcmp(name, "dtype") == 0) {
        r->type = at_cli_real_type(&page, value);
        return r->type != AT_TYPE_BOOL;
    } else if (strcmp(name, "executor") == 0) {
        r->executor = value;
        return check_executor(value, "");
    } else return take_number(name, value, r);
    return true;
}

/* The extents that the inputs give to the function's axes, for what is decided when compiling.
 * Wrong ranks and disagreeing extents are told by the executor, which sees everything. */
static void know_sizes(request *r, const at_definition *definition) {
    int room = 0;
    for (int i = 0; i < definition->input_count; i++) room += definition->inputs[i].count;
    at_known_size *sizes = AT_NEW_ARRAY(r->s->arena, at_known_size, room + 1);
    int count = 0;
    for (int i = 0; i < definition->input_count; i++) {
        const at_target *input = &definition->inputs[i];
        const at_tensor *tensor = at_collection_find(&r->inputs, input->name);
        if (!tensor || tensor->rank != input->count) continue;
        for (int k = 0; k < input->count; k++) {
            bool known = false;
            for (int n = 0; n < count; n++)
                if (strcmp(sizes[n].name, input->axes[k]) == 0) known = true;
            if (!known) sizes[count++] = (at_known_size){input->axes[k], tensor->extents[k]};
        }
    }
    r->resolve.sizes = sizes;
    r->resolve.size_count = count;
}

static bool read_arrays(request *r) {
    for (int i = 0; i < r->ins.count; i++)
        if (!at_cli_array(&page, r->s, "--in", r->ins.items[i], &r->inputs, &r->status))
            return false;
    for (int i = 0; i < r->cotangents.count; i++)
        if (!at_cli_array(&page, r->s, "--vjp", r->cotangents.items[i], &r->given, &r->status))
            return false;
    r->call.inputs = &r->inputs;
    if (r->params_path) {
        if (!at_archive_read(r->s, r->params_path, &r->params)) return false;
        r->call.params = &r->params;
        r->call.params_from = r->params_path;
    }
    if (r->state_path && access(r->state_path, F_OK) == 0) {
        if (!at_archive_read(r->s, r->state_path, &r->states)) return false;
        r->call.states = &r->states;
        r->call.states_from = r->state_path;
    }
    return true;
}

/* Without a compiler there still is the reference executor: one line says that it runs. Not when
 * compiled code was asked for. */
static bool without_compiler(request *r) {
    at_session *s = r->s;
    const at_diag *last = s->diag_count ? s->diags[s->diag_count - 1] : NULL;
    if (r->executor || !last || last->code != AT_E_NO_COMPILER) return false;
    fprintf(stderr, "attend: the reference executor runs, which is slow: %s\n", last->message);
    s->diag_count--;
    return true;
}

static bool execute(request *r) {
    double start = at_now();
    bool good;
    const char *set = getenv("ATTEND_EXECUTOR");
    const char *executor = r->executor ? r->executor : set && *set ? set : usual_executor;
    at_kernel *kernel = NULL;
    bool compiled = strcmp(executor, "compiled") == 0;
    if (compiled) {
        const at_compile_options compile = {.type = r->type};
        kernel = at_compile(r->s, r->cascade, &compile, NULL);
        compiled = kernel || !without_compiler(r);
    }
    if (compiled) good = kernel && at_kernel_run(r->s, kernel, &r->call, &r->results);
    else good = at_ref_run(r->s, r->cascade, &r->call, &r->results);
    at_kernel_free(kernel);
    r->seconds = at_now() - start;
    return good && (!r->vjp.derivative || at_cli_vjp_end(&r->vjp, &r->results.outputs));
}

/* Where a file is to be written there must be a folder. */
static bool check_folder(at_session *s, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) return true;
    const char *folder = at_copy_text(s->arena, path, (size_t)(slash - path));
    if (access(folder, F_OK) == 0) return true;
    at_error(s, AT_E_FILE_WRITE, at_no_span(), "cannot write %s: there is no folder %s", path,
             folder);
    return false;
}

/* Of two outputs that go to one file only the last would be left. */
static bool check_once(request *r, int count, const char *path) {
    for (int i = 0; i < count; i++) {
        const char *equals = strchr(r->outs.items[i], '=');
        if (strcmp(equals ? equals + 1 : r->outs.items[i], path) != 0) continue;
        r->status = at_cli_misuse(&page, "two outputs would go to %s", path);
        return false;
    }
    bool state = r->state_path && strcmp(r->state_path, path) == 0;
    if (!state && !(r->params_out && strcmp(r->params_out, path) == 0)) return true;
    r->status = at_cli_misuse(&page, "both --out and %s would go to %s",
                              state ? "--state" : "--params-out", path);
    return false;
}

/* Where --state or --params-out may write. */
static bool check_archive(request *r, const char *option, const char *path) {
    if (!path) return true;
    if (at_archive_named(path)) return check_folder(r->s, path);
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    int stem = dot ? (int)(dot - path) : (int)strlen(path);
    bool one = dot && strcmp(dot, ".npy") == 0;
    at_diag *diag = at_error(r->s, AT_E_ARCHIVE_NAME, at_no_span(),
                             "%s %s: arrays with names go to an .npz or a .safetensors file%s",
                             option, path, one ? ", and a .npy holds one without" : "");
    at_hint(r->s, diag, "call it %.*s.npz", stem, path);
    return false;
}

/* "`y`, `p`": the outputs that there are. */
static const char *output_names(const request *r) {
    const char *names = "";
    for (int i = 0; i < r->shown_count; i++)
        names = at_format(r->s->arena, "%s%s`%s`", names, i ? ", " : "", r->shown[i].name);
    return names;
}

/* What --out, --state and --params-out ask for must be possible before hours are spent. */
static bool check_outs(request *r) {
    if (!check_archive(r, "--state", r->state_path) ||
        !check_archive(r, "--params-out", r->params_out))
        return false;
    if (r->state_path && r->params_out && strcmp(r->state_path, r->params_out) == 0) {
        r->status = at_cli_misuse(&page, "both --state and --params-out would go to %s",
                                  r->state_path);
        return false;
    }
    for (int i = 0; i < r->outs.count; i++) {
        const char *out = r->outs.items[i], *equals = strchr(out, '=');
        const char *path = equals ? equals + 1 : out;
        if (equals && at_archive_named(path)) {
            r->status = at_cli_misuse(&page, "--out %s: one output goes to a .npy; without a name, "
                                      "%s holds all", out, path);
            return false;
        }
        if (!check_folder(r->s, path) || !check_once(r, i, path)) return false;
        if (!equals) {
            if (at_archive_named(out)) continue;
            r->status = at_cli_misuse(&page, "--out takes result.npz, result.safetensors or "
                                      "name=file.npy, not `%s`", out);
            return false;
        }
        bool found = false;
        for (int k = 0; k < r->shown_count; k++) {
            const char *name = r->shown[k].name;
            if (strlen(name) == (size_t)(equals - out) && memcmp(name, out, strlen(name)) == 0)
                found = true;
        }
        if (found) continue;
        r->status = at_cli_misuse(&page, "--out %s: `%s` has no output `%.*s`; it has %s", out,
                                  r->cascade->name, (int)(equals - out), out, output_names(r));
        return false;
    }
    return true;
}

/* With what a .safetensors file says about itself. */
static bool write_archive(request *r, const char *path, const at_collection *arrays) {
    const char *slash = strrchr(r->operand, '/'), *function;
    const at_metadata metadata[] = {
        {"format", "attend"},
        {"file", at_cli_split(r->s, slash ? slash + 1 : r->operand, &function)},
        {"function", r->cascade->name},
    };
    return at_archive_write(r->s, path, arrays, metadata, sizeof metadata / sizeof *metadata);
}

/* The params as they were given, in the types of their file, or else as they began. */
static bool write_params(request *r) {
    if (r->call.params) return write_archive(r, r->params_out, &r->params);
    at_bound_call bound = {0};
    bool good = at_bind_call(r->s, r->cascade, &r->call, at_ref_start, &r->call, &bound);
    for (int i = 0; i < r->cascade->param_count && good; i++)
        good = at_unstack(r->s, r->cascade->params[i].array, bound.params[i], &r->params);
    at_bound_call_free(&bound);
    return good && write_archive(r, r->params_out, &r->params);
}

static bool write_all(request *r) {
    for (int i = 0; i < r->outs.count; i++) {
        const char *out = r->outs.items[i], *equals = strchr(out, '=');
        if (!equals) {
            if (!write_archive(r, out, &r->results.outputs)) return false;
            continue;
        }
        const char *name = at_copy_text(r->s->arena, out, (size_t)(equals - out));
        const at_tensor *tensor = at_collection_find(&r->results.outputs, name);
        if (!at_npy_write(r->s, equals + 1, tensor)) return false;
    }
    if (r->params_out && !write_params(r)) return false;
    return !r->state_path || write_archive(r, r->state_path, &r->results.states);
}

static bool show_outputs(request *r) {
    r->shown = r->cascade->outputs;
    r->shown_count = r->cascade->output_count;
    return true;
}

static bool derive(request *r) {
    if (!at_cli_vjp_begin(&page, r->s, r->cascade, &r->given, &r->inputs, &r->vjp, &r->status))
        return false;
    r->cascade = r->vjp.derivative;
    r->shown = r->vjp.results;
    r->shown_count = r->vjp.count;
    return true;
}

static bool run(void *user) {
    request *r = user;
    at_session *s = r->s;
    const char *path = at_cli_split(s, r->operand, &r->resolve.function);
    const at_source *source = at_cli_source(s, path);
    if (!source) return false;
    r->resolve.library = at_cli_library(s);
    const at_program *program = at_load(s, source, r->resolve.library);
    if (!program) return false;
    const at_definition *definition = at_program_find(s, program, r->resolve.function);
    if (!definition || !read_arrays(r)) return false;
    know_sizes(r, definition);
    r->cascade = at_cascade_make(s, program, &r->resolve);
    return r->cascade && (r->cotangents.count ? derive(r) : show_outputs(r)) && check_outs(r) &&
           execute(r) && write_all(r);
}

/* What is shown is of doubles, whatever compiled code stores. */
static at_tensor *widened(at_session *s, const at_output *output, const at_tensor *tensor) {
    bool narrow = tensor->type == AT_TYPE_F32 || tensor->type == AT_TYPE_F16 ||
                  tensor->type == AT_TYPE_BF16;
    return narrow ? at_tensor_convert(s, tensor, AT_TYPE_F64, output->name) : NULL;
}

static void print_summary(const request *r) {
    json_t *list = r->json ? json_array() : NULL;
    at_text text = {0};
    for (int i = 0; i < r->shown_count; i++) {
        const at_output *output = &r->shown[i];
        const at_tensor *tensor = at_collection_find(&r->results.outputs, output->name);
        at_tensor *wide = widened(r->s, output, tensor);
        const at_tensor *shown = wide ? wide : tensor;
        if (r->json) json_array_append_new(list, at_cli_summary_json(output, shown, r->all));
        else at_cli_summary(output, shown, (int)r->digits, r->all, &text);
        at_tensor_free(wide);
    }
    at_cli_print(&text);
    at_text_free(&text);
    if (r->json)
        at_cli_print_json(json_pack("{s:o, s:f, s:I}", "outputs", list, "seconds", r->seconds,
                                    "peak_memory", (json_int_t)at_memory_peak()));
}

int at_cmd_run(int argc, char **argv) {
    request r = {.s = at_cli_session(), .digits = 6};
    int first = at_cli_parse(&page, argc, argv, take, &r, &r.status);
    const char *set = getenv("ATTEND_EXECUTOR");
    if (first == argc) r.status = at_cli_misuse(&page, "a file is missing");
    else if (first >= 0 && first + 1 < argc)
        r.status =
            at_cli_misuse(&page,
                          "one program at a time, and `%s` is no option; inputs are given as --in "
                          "name=file.npy,\na list with blanks in quotes: --in 'x=[1, 2]'",
                          argv[first + 1]);
    else if (first >= 0 && !r.executor && set && *set &&
             !check_executor(set, ", which ATTEND_EXECUTOR names"))
        r.status = AT_CLI_USAGE;
    else if (first >= 0 && r.type && r.type != AT_TYPE_F64 && r.executor &&
             strcmp(r.executor, "reference") == 0)
        r.status = at_cli_misuse(&page,
                                 "--dtype %s goes with compiled code: the reference executor "
                                 "computes in f64",
                                 at_type_text(r.type));
    else if (first >= 0 && r.vjp.outputs && r.cotangents.count == 0)
        r.status = at_cli_misuse(&page, "--outputs goes with --vjp");
    else if (first >= 0) {
        r.operand = argv[first];
        r.resolve.set_count = r.sets.names.count;
        r.resolve.set_names = r.sets.names.items;
        r.resolve.set_values = r.sets.values.items;
        if (!at_guarded(r.s, run, &r)) {
            if (r.status == AT_CLI_GOOD) r.status = AT_CLI_INPUT;
            at_cli_report(r.s);
        } else if (r.json || r.outs.count == 0) {
            print_summary(&r);
        }
    }
    at_results_free(&r.results);
    at_collection_free(&r.inputs);
    at_collection_free(&r.given);
    at_collection_free(&r.params);
    at_collection_free(&r.states);
    at_cli_session_end(r.s);
    return r.status;
}
