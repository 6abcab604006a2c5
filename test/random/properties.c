/* What must hold of every program. A property is a row of the table at the end. */
#include "check.h"
#include "check/check.h"
#include "grad/grad.h"
#include "opt/opt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same(const at_text *a, const at_text *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

static bool sabotaged(const trial *t, const char *name) { return strcmp(t->sabotage, name) == 0; }

static bool has_statement(const at_block *block, at_statement_tag tag) {
    for (int i = 0; i < block->count; i++) {
        const at_statement *st = block->items[i];
        if (st->tag == tag) return true;
        if (st->tag == AT_SCAN && has_statement(&st->u.scan.body, tag)) return true;
        if (st->tag == AT_REPEAT && has_statement(&st->u.repeat.body, tag)) return true;
    }
    return false;
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool resolves(trial *t) {
    if (t->limited) {
        t->s->diag_count = 0;
        return true;
    }
    if (!t->cascade || t->s->diag_count) return fails_with_errors(t, "resolving");
    if (sabotaged(t, "resolver") && has_statement(&t->resolved->body, AT_REPEAT))
        return fails(t, "sabotage", "a repeat\n");
    return true;
}

/* The canonical layout is a fixed point and means the same. */
static bool formats(trial *t) {
    at_text once = {0}, twice = {0}, print = {0};
    at_format_tree(at_program_file(t->loaded), &once);
    const at_source *source = at_make_source(t->s, "formatted.attn", once.data, once.length);
    const at_file_tree *tree = source ? at_parse(t->s, source) : NULL;
    bool good = true;
    if (!tree) {
        good = fails_with_errors(t, "reading what was formatted");
    } else {
        at_format_tree(tree, &twice);
        if (!same(&once, &twice))
            good = fails(t, "formatting again", "formatted once:\n%s\nand again:\n%s\n", once.data,
                         twice.data);
    }
    const at_cascade *cascade = good ? resolved_text(t, "formatted.attn", &once, true) : NULL;
    if (good && !cascade) good = fails_with_errors(t, "resolving what was formatted");
    if (cascade) at_ir_print(cascade, &print);
    if (good && !same(&print, &t->print))
        good = fails(t, "formatting changes the cascade",
                     "cascade:\n%s\nof the formatted text:\n%s\n", t->print.data, print.data);
    at_text_free(&once);
    at_text_free(&twice);
    at_text_free(&print);
    return good;
}

/* ---- the cascade ----------------------------------------------------------------------------- */

static bool is_sound(trial *t) {
    t->s->stage = "ir";
    at_ir_verify(t->s, t->resolved); /* ends the process */
    at_ir_verify(t->s, t->cascade);
    return true;
}

/* A rewrite may leave what reading simplifies (a choice whose condition is a constant): then the
 * two need not be the same text. */
static bool prints_back(trial *t, const char *what, const at_cascade *cascade, bool exactly,
                        const at_cascade **again) {
    at_text once = {0}, twice = {0};
    bool good = true;
    at_ir_print(cascade, &once);
    t->s->stage = "lang";
    *again = resolved_text(t, "printed.attn", &once, false);
    if (!*again && only_limits(t->s)) {
        t->s->diag_count = 0; /* what was inlined can be beyond a limit that is named */
        t->undecided++;
    } else if (!*again) {
        good = fails_with_errors(t, what);
        at_text_addf(&t->message, "printed:\n%s\n", once.data);
    } else {
        at_ir_print(*again, &twice);
        if (exactly && !same(&once, &twice))
            good = fails(t, what, "printed:\n%s\nand read back:\n%s\n", once.data, twice.data);
    }
    at_text_free(&once);
    at_text_free(&twice);
    return good;
}

static bool reads_back(trial *t) {
    const at_cascade *again;
    return prints_back(t, "reading the print back", t->resolved, true, &again);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static bool runs(trial *t) {
    if (has_result(t) && !t->s->diag_count) return true;
    bool good = fails_with_errors(t, "running");
    at_text_addf(&t->message, "cascade:\n%s\n", t->print.data);
    return good;
}

/* Shifts one number: what a checker must notice. */
static void perturb(const outcome *o) {
    for (int i = 0; i < o->runs[0].outputs.count; i++) {
        at_tensor *x = o->runs[0].outputs.items[i].tensor;
        if (x->type == AT_TYPE_F64 && x->count) {
            ((double *)x->data)[x->count - 1] += 1e-9;
            return;
        }
    }
}

static bool print_runs(trial *t) {
    const at_cascade *again;
    if (!has_result(t) || !prints_back(t, "reading the print back", t->cascade, true, &again) ||
        !again)
        return true;
    outcome other;
    const char *where;
    if (!run_cascade(t, again, 1, 0, 0, &other))
        return fails_with_errors(t, "running what was printed");
    if (sabotaged(t, "scan") && has_statement(&again->body, AT_SCAN)) perturb(&other);
    double d = difference(t, &t->result, &other, &where);
    outcome_free(&other);
    return d == 0 || fails(t, "what was printed gives other results", "%s\ncascade:\n%s\n", where,
                           t->print.data);
}

static bool threads_agree(trial *t) {
    if (!has_result(t)) return true;
    if (sabotaged(t, "crash") && has_statement(&t->cascade->body, AT_TOPK)) abort();
    outcome other;
    const char *where;
    if (!run_cascade(t, t->cascade, 3, 0, 0, &other))
        return fails_with_errors(t, "running with three threads");
    double d = difference(t, &t->result, &other, &where);
    outcome_free(&other);
    return d == 0 ||
           fails(t, "three threads give other results", "%s\ncascade:\n%s\n", where, t->print.data);
}

/* ---- rewrites -------------------------------------------------------------------------------- */

/* Whether `after`, which `pass` made, gives what `before` gives, as far as rounding decides. */
static bool agrees(trial *t, const char *pass, const at_cascade *before, const outcome *result,
                   const at_cascade *after) {
    outcome other;
    const char *where;
    bool good = run_cascade(t, after, 1, 0, 0, &other);
    double d = good ? difference(t, result, &other, &where) : 0;
    if (good) outcome_free(&other);
    if (good && d <= 1e-12) return true;
    int errors = t->s->diag_count;
    if (good && sensitivity(t, before, result) >= 0.01 * fmin(d, 1)) {
        t->s->diag_count = errors;
        t->undecided++;
        return true;
    }
    if (good)
        fails(t, at_format(t->s->arena, "after `%s` the results are others", pass), "%s\n", where);
    else fails_with_errors(t, at_format(t->s->arena, "running after `%s`", pass));
    at_text print = {0};
    at_ir_print(before, &print);
    at_text_addf(&print, "\nafter `%s`:\n", pass);
    at_ir_print(after, &print);
    at_text_addf(&t->message, "cascade:\n%s\n", print.data);
    at_text_free(&print);
    return false;
}

static bool rewrites(trial *t) {
    static const struct {
        const char *name;
        const at_cascade *(*run)(at_session *s, const at_cascade *from);
    } passes[] = {
#define AT_REWRITE(name, doc) {#name, at_opt_##name},
#include "opt/passes.def"
#undef AT_REWRITE
    };
    if (!has_result(t)) return true;
    const at_cascade *cascade = t->cascade, *again;
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        t->s->stage = passes[i].name;
        cascade = passes[i].run(t->s, cascade);
        at_ir_verify(t->s, cascade);
        if (!agrees(t, passes[i].name, t->cascade, &t->result, cascade)) return false;
    }
    t->s->stage = "opt";
    cascade = at_unshadowed(t->s, at_optimize(t->s, t->cascade));
    return prints_back(t, "reading back what was rewritten", cascade, false, &again) &&
           (!again ||
            agrees(t, "all rewrites, printed and read back", t->cascade, &t->result, again));
}

/* ---- gradients ------------------------------------------------------------------------------- */

bool has_derivative(const trial *t) {
    bool from = false, to = t->cascade->param_count > 0;
    for (int i = 0; i < t->cascade->output_count; i++)
        from |= t->cascade->outputs[i].array->kind == AT_REAL;
    for (int i = 0; i < t->cascade->input_count; i++)
        to |= t->cascade->inputs[i].array->kind == AT_REAL;
    return from && to;
}

/* Runs `derivative` with the program's inputs and drawn cotangents. */
static bool slopes_of(trial *t, const char *what, const at_cascade *derivative, outcome *slopes) {
    if (run_cascade(t, derivative, 1, 0, 0, slopes)) return true;
    fails_with_errors(t, what);
    at_text print = {0};
    at_ir_print(derivative, &print);
    at_text_addf(&t->message, "cascade:\n%s\nits derivative:\n%s\n", t->print.data, print.data);
    at_text_free(&print);
    return false;
}

/* The derivative is a program like others: it reads back from its print, which gives the same bits,
 * and has no errors where the function has none. */
static bool derivative(trial *t) {
    if (!has_result(t) || !has_derivative(t)) return true;
    t->s->stage = "grad";
    const at_cascade *made = at_derivative(t->s, t->cascade, NULL, false), *again;
    if (!made && only_limits(t->s)) {
        t->s->diag_count = 0;
        t->undecided++;
        return true;
    }
    if (!made) return fails_with_errors(t, "deriving");
    at_ir_verify(t->s, made);
    at_cascade *called_main = at_copy(t->s->arena, made, sizeof *made);
    called_main->name = "main";
    if (!prints_back(t, "reading the derivative back", called_main, false, &again)) return false;
    if (!slopes_of(t, "running the derivative", made, &t->slopes)) return false;
    t->derivative = made;
    outcome other;
    const char *where;
    if (!again) return true;
    if (!slopes_of(t, "running the derivative that was read back", again, &other)) return false;
    double d = difference(t, &t->slopes, &other, &where);
    outcome_free(&other);
    if (d == 0) return true;
    at_text print = {0};
    at_ir_print(made, &print);
    fails(t, "the derivative's print gives other results",
          "%s\ncascade:\n%s\nits derivative:\n%s\n", where, t->print.data, print.data);
    at_text_free(&print);
    return false;
}

static bool optimised_derivative(trial *t) {
    if (!t->derivative || t->program->wild) return true;
    t->s->stage = "opt";
    const at_cascade *after = at_optimize(t->s, t->derivative);
    at_ir_verify(t->s, after);
    return agrees(t, "all rewrites of the derivative", t->derivative, &t->slopes, after);
}

/* The derivative by all inputs and params is the slope that differences have, where they have one:
 * src/check/gradient.c, at the program's extents and inputs of its own. */
static bool gradient(trial *t) {
    if (!has_result(t) || t->program->wild) return true;
    const at_definition *f = at_program_find(t->s, t->loaded, "main");
    at_law_options options = {
        .seed = t->program->data, .trials = 1, .resolve = resolve_options(t->program)};
    at_gradient_result result = {0};
    t->s->stage = "grad";
    bool good = f && at_check_gradient(t->s, t->loaded, f, &options, &result);
    if (!good && only_limits(t->s)) {
        t->s->diag_count = 0;
        t->undecided++;
        return true;
    }
    if (good && t->s->diag_count == 0) return true;
    fails_with_errors(t, "the derivative");
    at_text_addf(&t->message, "cascade:\n%s\n", t->print.data);
    return false;
}

const property properties[] = {
    {"resolves", "it resolves without an error", resolves, false, NULL},
    {"formats", "its layout is a fixed point and means the same", formats, false, NULL},
    {"sound", "the cascade keeps the rules of ir.h", is_sound, false, NULL},
    {"reads_back", "the cascade reads back from its print", reads_back, false, NULL},
    {"runs", "it runs without an error", runs, false, NULL},
    {"print_runs", "its printed cascade gives the same bits", print_runs, false, NULL},
    {"threads", "three threads give the same bits", threads_agree, false, NULL},
    {"rewrites", "each rewrite keeps the results, within rounding", rewrites, false, NULL},
    {"derivative", "its derivative runs, and reads back from its print", derivative, false, NULL},
    {"optimised", "the rewritten derivative is the derivative, within rounding",
     optimised_derivative, false, NULL},
    {"gradient", "its derivative is the slope that differences have", gradient, false, NULL},
    {"rounding", "the comparison of executors allows rounding", rounding_is_allowed, false, NULL},
    {"compiled",
     "compiled code gives what the reference gives, within rounding, and so does its derivative",
     NULL, false, compiled_agree},
    {NULL, NULL, NULL, false, NULL},
};
