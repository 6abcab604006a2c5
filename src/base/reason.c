/* Why something was not done: stages that leave a rewrite aside say so here, for who asks. A
 * session keeps reasons only where `reasons` is set, so that a stage may give them wherever it
 * decides. */
#include "base/base.h"

#include <string.h>

static const char *const texts[] = {
#define AT_REASON_ROW(id, text, doc) text,
#include "base/reasons.def"
#undef AT_REASON_ROW
};

const char *at_reason_kind_text(at_reason_kind kind) { return texts[kind]; }

void at_reasons_keep(at_session *session) {
    if (!session->reasons) session->reasons = AT_NEW(session->arena, at_reasons);
}

static bool is_there(const at_reasons *list, const at_reason *one) {
    for (int i = 0; i < list->count; i++) {
        const at_reason *other = &list->items[i];
        if (other->kind == one->kind && strcmp(other->what, one->what) == 0 &&
            strcmp(other->why, one->why) == 0)
            return true;
    }
    return false;
}

void at_reason_add_list(at_session *session, at_reason_kind kind, at_span span, const char *what,
                        const char *format, va_list list) {
    at_reasons *reasons = session->reasons;
    if (!reasons) return;
    at_reason one = {kind, span, at_copy_text(session->arena, what, strlen(what)),
                     at_format_list(session->arena, format, list)};
    if (!one.what || !one.why || is_there(reasons, &one)) return;
    AT_PUSH(session->arena, reasons->items, reasons->count, reasons->capacity, one);
}

void at_reason_add(at_session *session, at_reason_kind kind, at_span span, const char *what,
                   const char *format, ...) {
    va_list list;
    va_start(list, format);
    at_reason_add_list(session, kind, span, what, format, list);
    va_end(list);
}
