/* Comments that say why a mutant may live, `# lives: WHAT: WHY`, and what is told of a score.
 *
 * An explanation stands above the statement whose mutants it explains, or at its end; for an
 * option's default and a one-line function it stands at the definition. It is held to the mutants,
 * so it cannot outlive what it explains. */
#include "check/mutant_int.h"

#include <string.h>

/* ---- finding them ---------------------------------------------------------------------------- */

typedef struct {
    at_session *s;
    const at_source *source;
    const at_definition *definition;
    int count, capacity;
    at_explanation *items;
} finding;

/* Where a comment stands: the tree keeps only its text. Looked for backwards from `from`, or
 * forwards. */
static at_span comment_span(const finding *f, const char *comment, uint32_t from, bool before) {
    size_t length = strlen(comment);
    const char *text = f->source->text;
    if (!text) return at_no_span();
    for (uint32_t at = from; at + length <= f->source->length;) {
        if (strncmp(text + at, comment, length) == 0)
            return (at_span){f->source, at, at + (uint32_t)length};
        if (before && at == 0) break;
        at = before ? at - 1 : at + 1;
    }
    return (at_span){f->source, from, from};
}

/* The text without spaces at its ends. */
static const char *trimmed(at_session *s, const char *text, size_t length) {
    while (length && *text == ' ') text++, length--;
    while (length && text[length - 1] == ' ') length--;
    return at_copy_text(s->arena, text, length);
}

static void read_comment(finding *f, const char *comment, const at_tree_statement *st, at_span at,
                         bool before) {
    static const char mark[] = "lives:";
    const char *text = comment + strspn(comment, "#");
    text += strspn(text, " ");
    if (strncmp(text, mark, sizeof mark - 1) != 0) return;
    text += sizeof mark - 1;
    text += strspn(text, " ");
    const char *colon = strstr(text, ": ");
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    at_explanation found = {.definition = f->definition, .statement = st};
    found.span = comment_span(f, comment, before ? at.begin : at.end, before);
    found.what = trimmed(f->s, text, length);
    if (colon) found.why = trimmed(f->s, colon + 2, strlen(colon + 2));
    if (found.why && !*found.why) found.why = NULL;
    AT_PUSH(f->s->arena, f->items, f->count, f->capacity, found);
}

static void read_comments(finding *f, const at_comments *comments, const at_tree_statement *st,
                          at_span span) {
    for (int i = 0; i < comments->count; i++) read_comment(f, comments->lines[i], st, span, true);
    if (comments->trailing) read_comment(f, comments->trailing, st, span, false);
}

static void read_block(finding *f, const at_tree_block *block) {
    for (int i = 0; i < block->count; i++) {
        const at_tree_statement *st = block->items[i];
        read_comments(f, &st->comments, st, st->span);
        read_block(f, &st->body);
        read_block(f, &st->otherwise);
    }
}

static void find_explanations(at_session *s, const at_file_tree *file, at_score *score) {
    finding f = {.s = s, .source = file->source};
    for (int i = 0; i < file->count; i++) {
        const at_definition *d = file->items[i];
        if (d->tag != AT_D_FN) continue;
        f.definition = d;
        at_span span = d->span;
        if (d->body.count)
            span.end = at_span_join(span, d->body.items[d->body.count - 1]->span).end;
        read_comments(&f, &d->comments, NULL, span);
        read_block(&f, &d->body);
    }
    score->explanations = f.items;
    score->explanation_count = f.count;
}

static bool explains(const at_explanation *e, const at_mutant *mutant) {
    if (e->definition != mutant->definition) return false;
    bool here = e->statement == mutant->statement || (!e->statement && e->definition->is_short);
    return here && *e->what && strncmp(e->what, mutant->what, strlen(e->what)) == 0;
}

void at_explain(at_session *s, const at_file_tree *file, at_score *score) {
    find_explanations(s, file, score);
    for (int i = 0; i < score->mutant_count; i++) {
        at_scored_mutant *scored = &score->mutants[i];
        for (int k = 0; k < score->explanation_count && scored->fate == AT_MUTANT_LIVES; k++) {
            at_explanation *e = &score->explanations[k];
            if (!explains(e, &scored->mutant)) continue;
            e->used = true;
            if (e->why && !scored->why) scored->why = e->why;
        }
        score->explained += scored->why != NULL;
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void hint_first(at_session *s, at_diag *diag, bool *hinted) {
    if (*hinted) return;
    *hinted = true;
    at_hint(s, diag,
            "write a law that does not hold after this change, or say above the statement why "
            "none is needed: `# lives: WHAT: WHY`");
}

static bool is_open(const at_scored_mutant *scored) {
    return scored->fate == AT_MUTANT_LIVES && !scored->why;
}

/* A function that no law uses is told once, not once a mutant. Gives the first mutant behind it. */
static int tell_unreached(at_session *s, const at_score *score, int from) {
    const at_definition *d = score->mutants[from].mutant.definition;
    int count = 0, at = from;
    for (; at < score->mutant_count && score->mutants[at].mutant.definition == d; at++)
        count += is_open(&score->mutants[at]);
    at_diag *diag = at_error(s, AT_E_MUTANT_LIVES, d->name_span, "no law uses `%s`", d->name);
    at_label(s, diag, "%d change%s of it would not be noticed", count, count == 1 ? "" : "s");
    return at;
}

static bool tell_survivors(at_session *s, const at_score *score) {
    bool hinted = false, good = true;
    for (int i = 0; i < score->mutant_count;) {
        const at_scored_mutant *scored = &score->mutants[i];
        if (!is_open(scored)) {
            i++;
            continue;
        }
        good = false;
        if (!scored->reached) {
            i = tell_unreached(s, score, i);
            continue;
        }
        at_diag *diag = at_error(s, AT_E_MUTANT_LIVES, scored->mutant.span,
                                 "no law notices this change of `%s`",
                                 scored->mutant.definition->name);
        at_label(s, diag, "%s", scored->mutant.what);
        hint_first(s, diag, &hinted);
        i++;
    }
    return good;
}

static bool tell_explanations(at_session *s, const at_score *score) {
    bool good = true;
    for (int i = 0; i < score->explanation_count; i++) {
        const at_explanation *e = &score->explanations[i];
        if (e->used && e->why) continue;
        good = false;
        if (e->used) {
            at_diag *diag =
                at_error(s, AT_E_MUTANT_REASON, e->span,
                         "this says no reason why `%s` may change so", e->definition->name);
            at_hint(s, diag, "`# lives: %s: WHY`", e->what);
        } else {
            at_diag *diag = at_error(s, AT_E_MUTANT_STALE, e->span,
                                     "this explains no change that goes unnoticed");
            at_hint(s, diag,
                    "after `lives:` stands how the change is told, or a beginning of it, then `: ` "
                    "and the reason; it stands at the statement that changes");
        }
    }
    return good;
}

bool at_score_tell(at_session *s, const at_program *program, const at_score *score, int least) {
    at_error_room(s, score->mutant_count + score->explanation_count);
    bool good = tell_survivors(s, score);
    good = tell_explanations(s, score) && good;
    if (100 * (int64_t)score->killed >= (int64_t)least * score->count) return good;
    at_diag *diag =
        at_error(s, AT_E_MUTANT_SHARE, at_no_span(),
                 "the laws of %s notice %d of %d changes, fewer than %d %%",
                 at_program_file(program)->source->name, score->killed, score->count, least);
    at_hint(s, diag, "what is explained counts as not noticed; `--least` asks for another share");
    return false;
}
