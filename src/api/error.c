/* Errors of a session as an object of the caller: it lives on without the session, so every text is
 * copied. When there is no memory for that, the one error that is always there says so. */
#define _DEFAULT_SOURCE
#include "api/api_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *code;
    char *message, *hint, *place; /* hint and place may be NULL */
    int line, column;
} message;

struct attend_error {
    attend_status status;
    int count;
    message *messages;
    char *text;
};

static const char memory_text[] = "error[E001]: there is no memory left\n";
static const char memory_message[] = "there is no memory left";

/* Nobody writes to it: what may be freed is told apart by its address. */
static const message memory_messages[1] = {
    {"E001", (char *)(uintptr_t)memory_message, NULL, NULL, 0, 0}};
static const attend_error no_memory = {ATTEND_MEMORY, 1, (message *)(uintptr_t)memory_messages,
                                       (char *)(uintptr_t)memory_text};

static attend_status status_of(const at_diag *diag) {
    switch (diag->code) {
    case AT_E_MEMORY:
    case AT_E_RUN_MEMORY: return ATTEND_MEMORY;
    case AT_E_RUN_STOPPED: return ATTEND_STOPPED;
    default: return at_code_blame(diag->code) == AT_UNSUPPORTED ? ATTEND_UNSUPPORTED : ATTEND_WRONG;
    }
}

static bool copy_message(message *to, const at_diag *diag) {
    to->code = at_code_text(diag->code);
    to->message = strdup(diag->message);
    to->hint = diag->hint ? strdup(diag->hint) : NULL;
    bool good = to->message && (to->hint || !diag->hint);
    if (!diag->span.source) return good;
    to->place = strdup(diag->span.source->name);
    if (diag->span.source->text)
        at_locate(diag->span.source, diag->span.begin, &to->line, &to->column);
    return good && to->place;
}

static attend_error *make_error(const at_session *s) {
    attend_error *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->messages = calloc((size_t)s->diag_count + 1, sizeof *e->messages);
    at_text text = {0};
    at_diags_render(s, false, &text);
    e->text = text.data;
    bool good = e->messages && e->text && !text.failed;
    for (int i = 0; i < s->diag_count && good; i++) {
        good = copy_message(&e->messages[i], s->diags[i]);
        e->count++;
        if (i == 0) e->status = status_of(s->diags[0]);
    }
    if (good) return e;
    attend_error_free(e);
    return NULL;
}

bool at_api_fail(at_session *s, attend_error **error) {
    if (error && s->diag_count > 0) {
        *error = make_error(s);
        if (!*error) *error = (attend_error *)(uintptr_t)&no_memory;
    }
    s->diag_count = 0;
    return false;
}

bool at_api_misuse(attend_error **error, at_code code, const char *format, ...) {
    enum { ROOM = 1 << 16 };
    if (!error) return false;
    at_session *s = at_session_new(ROOM);
    if (!s) {
        *error = (attend_error *)(uintptr_t)&no_memory;
        return false;
    }
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    at_error(s, code, at_no_span(), "%s", text);
    at_api_fail(s, error);
    at_session_free(s);
    return false;
}

/* ---- what callers ask ------------------------------------------------------------------------ */

static const message *message_of(const attend_error *error, int index) {
    return error && index >= 0 && index < error->count ? &error->messages[index] : NULL;
}

attend_status attend_error_status(const attend_error *error) {
    return error ? error->status : ATTEND_GOOD;
}

const char *attend_error_text(const attend_error *error) { return error ? error->text : ""; }

int attend_error_count(const attend_error *error) { return error ? error->count : 0; }

const char *attend_error_code(const attend_error *error, int index) {
    const message *m = message_of(error, index);
    return m ? m->code : NULL;
}

const char *attend_error_message(const attend_error *error, int index) {
    const message *m = message_of(error, index);
    return m ? m->message : NULL;
}

const char *attend_error_hint(const attend_error *error, int index) {
    const message *m = message_of(error, index);
    return m ? m->hint : NULL;
}

const char *attend_error_place(const attend_error *error, int index, int *line, int *column) {
    const message *m = message_of(error, index);
    if (line) *line = m ? m->line : 0;
    if (column) *column = m ? m->column : 0;
    return m ? m->place : NULL;
}

void attend_error_free(attend_error *error) {
    if (!error || error == &no_memory) return;
    for (int i = 0; i < error->count; i++) {
        free(error->messages[i].message);
        free(error->messages[i].hint);
        free(error->messages[i].place);
    }
    free(error->messages);
    free(error->text);
    free(error);
}
