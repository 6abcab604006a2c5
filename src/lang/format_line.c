/* One line of the canonical layout, and where it is broken when it is too long.
 *
 * A line is built flat; where it may be broken a byte below 32 stands for a space, its value
 * telling how deep inside the statement. Breaking weighs depth against room left empty: one level
 * further out is worth that many columns. A full optimiser (Oppen, Wadler) was not worth its size:
 * equations that need more than two lines are rare. The result depends on the tree alone, so
 * formatting twice gives the same. */
#include "lang/lang_int.h"

#include <string.h>

enum { DEEPEST = 31, LEVEL_WORTH = 60, GO_ON_INDENT = 4 };

void at_line_break(at_line *line, int depth) {
    char mark = (char)(depth < 1 ? 1 : depth > DEEPEST ? DEEPEST : depth);
    at_text_add_n(&line->text, &mark, 1);
}

static bool is_mark(char c) { return (unsigned char)c < ' '; }
static bool is_character(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

int at_text_width(const char *text, size_t length) {
    int n = 0;
    for (size_t i = 0; i < length; i++) n += is_character(text[i]);
    return n;
}

bool at_line_fits(const at_line *line, int indent) {
    return !line->text.data || indent + at_text_width(line->text.data, line->text.length) <= AT_LINE_WIDTH;
}

static void add_flat(const char *piece, size_t length, at_text *out) {
    for (size_t i = 0; i < length; i++) {
        char c = is_mark(piece[i]) ? ' ' : piece[i];
        at_text_add_n(out, &c, 1);
    }
}

/* Where to break what does not fit into `room` columns: the cheapest mark, or the first one behind
 * the room, or `length` when there is none. */
static size_t find_break(const char *text, size_t length, int room) {
    size_t best = length;
    int best_cost = 0, column = 0;
    for (size_t i = 0; i < length; column += is_character(text[i]), i++) {
        if (!is_mark(text[i])) continue;
        if (column > room) return best < length ? best : i;
        int cost = LEVEL_WORTH * text[i] + room - column;
        if (best == length || cost <= best_cost) {
            best = i;
            best_cost = cost;
        }
    }
    return best;
}

void at_line_flush(at_line *line, int indent, at_text *out) {
    const char *text = line->text.data ? line->text.data : "";
    size_t length = line->text.length;
    at_text_pad(out, ' ', indent);
    while (indent + at_text_width(text, length) > AT_LINE_WIDTH) {
        size_t at = find_break(text, length, AT_LINE_WIDTH - indent);
        if (at == length) break;
        if (text == line->text.data) indent += GO_ON_INDENT;
        add_flat(text, at, out);
        at_text_add(out, "\n");
        at_text_pad(out, ' ', indent);
        text += at + 1;
        length -= at + 1;
    }
    add_flat(text, length, out);
    if (line->text.failed) out->failed = true;
    at_text_free(&line->text);
}

void at_line_name(at_line *line, const char *name) {
    bool plain = at_is_plain_name(name) && !at_is_reserved(name);
    if (!plain) at_text_add(&line->text, "`");
    at_text_add(&line->text, name);
    if (!plain) at_text_add(&line->text, "`");
}
