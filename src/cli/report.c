/* What a command says besides its result: errors (as text with colours on a terminal, or as JSON)
 * and a line of progress when work takes longer than two seconds. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Trees and cascades of one command; arrays are counted by the executors. */
enum { MEGABYTE = 1 << 20, SESSION_MEGABYTES = 1024 };

typedef struct {
    double start;
    bool shown;
} progress_line;

static bool show_progress(void *user, const char *what, double share) {
    progress_line *line = user;
    if (at_now() - line->start < 2.0) return true;
    line->shown = true;
    if (share >= 0) fprintf(stderr, "\r\033[K%s %d%%", what, (int)(100 * share));
    else fprintf(stderr, "\r\033[K%s", what);
    fflush(stderr);
    return true;
}

static void clear_progress(at_session *s) {
    progress_line *line = s->progress_user;
    if (!line || !line->shown) return;
    fputs("\r\033[K", stderr);
    line->shown = false;
}

at_session *at_cli_session(void) {
    at_session *s = at_session_new((size_t)SESSION_MEGABYTES * MEGABYTE);
    progress_line *line = s ? calloc(1, sizeof *line) : NULL;
    if (!line) {
        fputs("attend: no memory\n", stderr);
        exit(AT_CLI_INPUT);
    }
    line->start = at_now();
    s->progress_user = line;
    if (isatty(2)) s->progress = show_progress;
    return s;
}

void at_cli_session_end(at_session *s) {
    clear_progress(s);
    free(s->progress_user);
    at_session_free(s);
}

bool at_cli_color(void) {
    const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(2) && !(refused && *refused) && !(terminal && strcmp(terminal, "dumb") == 0);
}

void at_cli_report(at_session *s) {
    clear_progress(s);
    fflush(stdout); /* so that both streams, read together, are in order */
    at_text text = {0};
    at_diags_render(s, at_cli_color(), &text);
    if (text.length) fwrite(text.data, 1, text.length, stderr);
    at_text_free(&text);
}

void at_cli_place_json(json_t *to, at_span span) {
    if (!span.source) return;
    json_object_set_new(to, "file", json_string(span.source->name));
    if (!span.source->text) return;
    int line, column;
    at_locate(span.source, span.begin, &line, &column);
    json_object_set_new(to, "line", json_integer(line));
    json_object_set_new(to, "column", json_integer(column));
    at_locate(span.source, span.end, &line, &column);
    json_object_set_new(to, "end_line", json_integer(line));
    json_object_set_new(to, "end_column", json_integer(column));
}

json_t *at_cli_diags_json(const at_session *s) {
    json_t *list = json_array();
    for (int i = 0; i < s->diag_count; i++) {
        const at_diag *diag = s->diags[i];
        json_t *one = json_object(), *notes = json_array();
        json_object_set_new(one, "code", json_string(at_code_text(diag->code)));
        json_object_set_new(one, "kind", json_string(at_code_blame(diag->code) == AT_UNSUPPORTED
                                                         ? "not supported" : "error"));
        json_object_set_new(one, "message", json_string(diag->message));
        at_cli_place_json(one, diag->span);
        if (diag->label) json_object_set_new(one, "label", json_string(diag->label));
        for (int k = 0; k < diag->note_count; k++) {
            json_t *note = json_object();
            json_object_set_new(note, "message", json_string(diag->notes[k]));
            at_cli_place_json(note, diag->note_spans[k]);
            json_array_append_new(notes, note);
        }
        json_object_set_new(one, "notes", notes);
        if (diag->hint) json_object_set_new(one, "hint", json_string(diag->hint));
        json_array_append_new(list, one);
    }
    return list;
}

void at_cli_print_json(json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    fputs("\n", stdout);
    json_decref(value);
}

json_t *at_cli_json_real(double value) {
    if (isfinite(value)) return json_real(value);
    return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

void at_cli_print(const at_text *text) {
    if (text->length) fwrite(text->data, 1, text->length, stdout);
}
