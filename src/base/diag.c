/* Diagnostics: collected while a stage goes on, rendered at the end with the source line and a
 * caret below the words that are meant.
 *
 *     error[E201]: nothing here is called `scroe`
 *       --> mask.attn:3:15
 *        |
 *      3 |   p[i,j] = softmax[j](scroe[i,j])
 *        |                       ^^^^^
 *        = hint: did you mean `score`?
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *code, *summary;
    at_blame blame;
} rows[] = {
#define AT_ERROR_ROW(code, name, blame, summary) {code, summary, blame},
#include "base/errors.def"
#undef AT_ERROR_ROW
};

const char *at_code_text(at_code code) { return rows[code].code; }
const char *at_code_summary(at_code code) { return rows[code].summary; }
at_blame at_code_blame(at_code code) { return rows[code].blame; }

at_diag *at_error(at_session *session, at_code code, at_span span, const char *format, ...) {
    at_diag *diag = AT_NEW(session->arena, at_diag);
    if (!diag) return at_error_full(session); /* no memory, and nobody catches */
    diag->code = code;
    diag->span = span;
    va_list list;
    va_start(list, format);
    diag->message = at_format_list(session->arena, format, list);
    va_end(list);
    if (!diag->message) diag->message = rows[code].summary;
    if (session->diag_count < session->diag_limit)
        session->diags[session->diag_count++] = diag;
    else
        session->diag_lost++;
    return diag;
}

void at_error_room(at_session *session, int more) {
    int limit = session->diag_limit + more;
    at_diag **diags = AT_NEW_ARRAY(session->arena, at_diag *, limit + 1);
    if (!diags) return; /* no memory, and nobody catches: the usual number, then */
    at_move(diags, session->diags, sizeof(at_diag *) * (size_t)session->diag_count);
    session->diags = diags;
    session->diag_limit = limit;
    session->diag_capacity = limit + 1;
}

at_diag *at_error_full(at_session *session) {
    for (int i = 0; i < session->diag_count; i++)
        if (session->diags[i] == session->full) return session->full;
    if (session->diag_count < session->diag_capacity)
        session->diags[session->diag_count++] = session->full;
    else
        session->diag_lost++;
    return session->full;
}

void at_label(at_session *session, at_diag *diag, const char *format, ...) {
    va_list list;
    va_start(list, format);
    diag->label = at_format_list(session->arena, format, list);
    va_end(list);
}

void at_note(at_session *session, at_diag *diag, at_span span, const char *format, ...) {
    va_list list;
    va_start(list, format);
    const char *text = at_format_list(session->arena, format, list);
    va_end(list);
    if (!text) return;
    int n = diag->note_count;
    if (n == diag->note_capacity) {
        int capacity = n ? 2 * n : 2;
        const char **notes = AT_NEW_ARRAY(session->arena, const char *, capacity);
        at_span *spans = AT_NEW_ARRAY(session->arena, at_span, capacity);
        if (!notes || !spans) return;
        at_move(notes, diag->notes, sizeof *notes * (size_t)n);
        at_move(spans, diag->note_spans, sizeof *spans * (size_t)n);
        diag->notes = notes;
        diag->note_spans = spans;
        diag->note_capacity = capacity;
    }
    diag->notes[n] = text;
    diag->note_spans[n] = span;
    diag->note_count++;
}

void at_hint(at_session *session, at_diag *diag, const char *format, ...) {
    va_list list;
    va_start(list, format);
    diag->hint = at_format_list(session->arena, format, list);
    va_end(list);
}

void at_hint_near(at_session *session, at_diag *diag, const char *name,
                  const char *const *candidates, int count) {
    /* Near: a third of the letters may differ, at least one and at most three. */
    int allowed = (int)strlen(name) / 3;
    if (allowed < 1) allowed = 1;
    if (allowed > 3) allowed = 3;
    const char *best = NULL;
    int best_distance = allowed + 1;
    for (int i = 0; i < count; i++) {
        int distance = at_text_distance(name, candidates[i], best_distance);
        if (distance < best_distance && (strlen(name) > 1 || distance == 0)) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    if (best) at_hint(session, diag, "did you mean `%s`?", best);
}

at_span at_span_join(at_span a, at_span b) {
    if (!a.source) return b;
    if (b.source == a.source && b.end > a.end) a.end = b.end;
    return a;
}

/* ---- places ---------------------------------------------------------------------------------- */

static uint32_t line_begin(const at_source *source, uint32_t byte) {
    while (byte > 0 && source->text[byte - 1] != '\n') byte--;
    return byte;
}

/* Characters in a piece of UTF-8: its bytes that do not continue another. */
static int characters(const char *text, size_t length) {
    int n = 0;
    for (size_t i = 0; i < length; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

void at_locate(const at_source *source, uint32_t byte, int *line, int *column) {
    if (byte > source->length) byte = (uint32_t)source->length;
    uint32_t begin = line_begin(source, byte);
    int n = 1;
    for (uint32_t i = 0; i < begin; i++) n += source->text[i] == '\n';
    *line = n;
    *column = 1 + characters(source->text + begin, byte - begin);
}

/* ---- rendering ------------------------------------------------------------------------------- */

typedef struct {
    const char *strong, *red, *blue, *plain;
} palette;

static void excerpt(const at_span *span, const char *label, char mark, int margin,
                    const palette *p, at_text *out) {
    const at_source *source = span->source;
    int line, column;
    at_locate(source, span->begin, &line, &column);
    at_text_addf(out, "%s%*s-->%s %s:%d:%d\n", p->blue, margin, "", p->plain, source->name, line,
                 column);
    uint32_t begin = line_begin(source, span->begin), end = begin;
    while (end < source->length && source->text[end] != '\n') end++;
    uint32_t stop = span->end < end ? span->end : end;
    /* Of a very long line, show what surrounds the place. */
    enum { BEFORE = 60, WIDTH = 160 };
    if (span->begin - begin > WIDTH) {
        begin = span->begin - BEFORE;
        while (((unsigned char)source->text[begin] & 0xC0) == 0x80) begin++;
    }
    if (end - begin > WIDTH + BEFORE) {
        end = begin + WIDTH + BEFORE;
        while (((unsigned char)source->text[end] & 0xC0) == 0x80) end--;
        if (stop > end) stop = end;
    }
    at_text_addf(out, "%s%*s |%s\n", p->blue, margin, "", p->plain);
    at_text_addf(out, "%s%*d |%s ", p->blue, margin, line, p->plain);
    for (uint32_t i = begin; i < end; i++) {
        unsigned char c = (unsigned char)source->text[i];
        char shown = c < 0x20 || c == 0x7f ? ' ' : (char)c;
        at_text_add_n(out, &shown, 1);
    }
    at_text_addf(out, "\n%s%*s |%s ", p->blue, margin, "", p->plain);
    at_text_pad(out, ' ', characters(source->text + begin, span->begin - begin));
    int width = stop > span->begin ? characters(source->text + span->begin, stop - span->begin) : 1;
    at_text_add(out, mark == '^' ? p->red : p->blue);
    at_text_pad(out, mark, width < 1 ? 1 : width);
    at_text_addf(out, "%s%s%s\n", label ? " " : "", label ? label : "", p->plain);
}

void at_diag_render(const at_diag *diag, bool color, at_text *out) {
    palette p = {"", "", "", ""};
    if (color) p = (palette){"\033[1m", "\033[1;31m", "\033[1;34m", "\033[0m"};
    const char *kind = rows[diag->code].blame == AT_UNSUPPORTED ? "not supported" : "error";
    at_text_addf(out, "%s%s[%s]%s%s: %s%s\n", p.red, kind, rows[diag->code].code, p.plain, p.strong,
                 diag->message, p.plain);
    int margin = 1, last = 0, column;
    if (diag->span.source && diag->span.source->text)
        at_locate(diag->span.source, diag->span.begin, &last, &column);
    for (int i = 0; i < diag->note_count; i++) {
        int line = 0;
        if (diag->note_spans[i].source && diag->note_spans[i].source->text)
            at_locate(diag->note_spans[i].source, diag->note_spans[i].begin, &line, &column);
        if (line > last) last = line;
    }
    for (; last >= 10; last /= 10) margin++;
    if (diag->span.source && diag->span.source->text)
        excerpt(&diag->span, diag->label, '^', margin, &p, out);
    else if (diag->span.source)
        at_text_addf(out, "%s%*s-->%s %s\n", p.blue, margin, "", p.plain, diag->span.source->name);
    for (int i = 0; i < diag->note_count; i++) {
        if (diag->note_spans[i].source && diag->note_spans[i].source->text)
            excerpt(&diag->note_spans[i], diag->notes[i], '-', margin, &p, out);
        else
            at_text_addf(out, "%s%*s =%s note: %s\n", p.blue, margin, "", p.plain, diag->notes[i]);
    }
    if (diag->hint)
        at_text_addf(out, "%s%*s =%s hint: %s\n", p.blue, margin, "", p.plain, diag->hint);
}

/* Said twice in a row of one place, it is one mistake met on two ways. */
static bool same_diag(const at_diag *a, const at_diag *b) {
    return a->code == b->code && a->span.source && a->span.source == b->span.source &&
           a->span.begin == b->span.begin && a->span.end == b->span.end &&
           strcmp(a->message, b->message) == 0;
}

void at_diags_render(const at_session *session, bool color, at_text *out) {
    for (int i = 0; i < session->diag_count; i++) {
        if (i && same_diag(session->diags[i - 1], session->diags[i])) continue;
        if (i) at_text_add(out, "\n");
        at_diag_render(session->diags[i], color, out);
    }
    if (session->diag_lost)
        at_text_addf(out, "\n%d more error%s not shown\n", session->diag_lost,
                     session->diag_lost == 1 ? "" : "s");
}
