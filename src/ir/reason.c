/* Reasons about arrays, statements and expressions: what they are about as the program has it. */
#include "ir/ir.h"

#include <string.h>

enum { LONGEST = 100 };

/* Owned by the session; what is long is cut, for it has a place in the program as well. */
static const char *keep(at_session *s, at_text *text) {
    const char *from = text->data ? text->data : "";
    size_t length = strlen(from);
    bool cut = length > LONGEST;
    if (cut) length = LONGEST;
    while (cut && length && ((unsigned char)from[length] & 0xc0) == 0x80) length--;
    const char *kept = at_format(s->arena, "%.*s%s", (int)length, from, cut ? " …" : "");
    at_text_free(text);
    return kept;
}

const char *at_array_text(at_session *s, const at_array *array) {
    at_text text = {0};
    at_ir_print_name(array->name, &text);
    for (int i = 0; i < array->rank; i++)
        at_text_addf(&text, "%s%s", i ? "," : "[", array->axes[i]->name);
    if (array->rank) at_text_add(&text, "]");
    return keep(s, &text);
}

const char *at_expr_text(at_session *s, const at_expr *e) {
    at_text text = {0};
    at_ir_print_expr(e, &text);
    return keep(s, &text);
}

void at_reason_array(at_session *s, at_reason_kind kind, const at_array *array, at_span span,
                     const char *format, ...) {
    if (!s->reasons) return;
    va_list list;
    va_start(list, format);
    at_reason_add_list(s, kind, span, at_array_text(s, array), format, list);
    va_end(list);
}

void at_reason_expr(at_session *s, at_reason_kind kind, const at_expr *e, const char *format, ...) {
    if (!s->reasons) return;
    va_list list;
    va_start(list, format);
    at_reason_add_list(s, kind, e->span, at_expr_text(s, e), format, list);
    va_end(list);
}
