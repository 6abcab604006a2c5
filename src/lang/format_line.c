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
    return !line->text.data ||
           indent + at_text_width(line->text.data, line->text.length) <= AT_LINE_WIDTH;
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

/* ---- chains: if a then b else if c then d else e --------------------------------------------- */

static bool is_else(const char *text, size_t i) {
    return is_mark(text[i]) && strncmp(text + i + 1, "else ", 5) == 0;
}

/* From `from` on, the next `else` of a chain whose own have this depth, or `length`. */
static size_t next_else(const char *text, size_t length, size_t from, char depth) {
    for (size_t i = from; i < length; i++) {
        if (!is_mark(text[i]) || text[i] > depth) continue;
        return text[i] == depth && is_else(text, i) ? i : length;
    }
    return length;
}

/* When the break at `at` is one of several `else` of a chain: the first of them that is left. */
static bool begins_chain(const char *text, size_t length, size_t *at) {
    char depth = text[*at];
    if (!is_else(text, *at)) return false;
    size_t first = *at;
    for (size_t i = *at; i > 0 && !(is_mark(text[i - 1]) && text[i - 1] < depth); i--)
        if (text[i - 1] == depth && is_else(text, i - 1)) first = i - 1;
    if (next_else(text, length, first + 1, depth) == length) return false;
    *at = first;
    return true;
}

/* Where the line ends at which a chain ends: behind its comma, before `->`; or `length`. */
static size_t chain_end(const char *text, size_t length, char depth) {
    for (size_t i = 1; i < length; i++) {
        if (!is_mark(text[i]) || text[i] >= depth) continue;
        bool apart = text[i - 1] == ',' || strncmp(text + i + 1, "->", 2) == 0;
        return apart ? i : length;
    }
    return length;
}

/* ---- the whole line -------------------------------------------------------------------------- */

/* A chain that does not fit is broken at each `else`, so that its cases stand below each other;
 * where it began on a line that goes on, they stand further in. */
void at_line_flush(at_line *line, int indent, at_text *out) {
    const char *text = line->text.data ? line->text.data : "", *begin = text;
    size_t length = line->text.length;
    char chain = 0; /* the depth of one that is being broken */
    int further = 0;
    at_text_pad(out, ' ', indent);
    for (;;) {
        size_t end = length;
        bool last = false;
        if (chain) {
            end = next_else(text, length, 0, chain);
            last = end == length;
            if (last) end = chain_end(text, length, chain);
        }
        int room = AT_LINE_WIDTH - indent - further;
        size_t at = end;
        if (at_text_width(text, end) > room) at = find_break(text, end, room);
        else if (end == length) break;
        if (at == length) break;
        bool first = text == begin;
        if (!chain && begins_chain(text, length, &at)) {
            chain = text[at];
            further = first ? 0 : GO_ON_INDENT;
        } else if (last && at == end) {
            chain = 0;
            further = 0;
        }
        if (first) indent += GO_ON_INDENT;
        add_flat(text, at, out);
        at_text_add(out, "\n");
        at_text_pad(out, ' ', indent + further);
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
