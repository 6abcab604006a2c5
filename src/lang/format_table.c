/* A table in canonical layout. Its rows are the author's, since only he knows whether they are a
 * picture: written as a rectangle (the last row may be shorter), they stay. Any other table stands on
 * one line, or, where it is too long for one, in rows of as many entries as fit. Either way they are
 * rows of one width, so what was laid out once is laid out the same again.
 *
 *     kernel[u,w] = table(0, -1, 0,
 *                         1,  4, 1)
 */
#include "lang/lang_int.h"

#include <string.h>

/* The entries as text. */
typedef struct {
    int count;
    const char **text;
    int *width;
    bool numbers; /* all of them: in a whole rectangle they stand below each other, to the right */
} entries;

bool at_is_table(const at_tree *value) {
    return value && value->tag == AT_T_CALL && strcmp(value->name, "table") == 0 &&
           !value->option_count && value->count > 1;
}

static bool breaks_between(const at_tree *a, const at_tree *b) {
    const at_source *source = a->span.source;
    if (!source || !source->text || source != b->span.source || b->span.begin < a->span.end ||
        b->span.begin > source->length)
        return false;
    return memchr(source->text + a->span.end, '\n', b->span.begin - a->span.end) != NULL;
}

/* How many entries the author's rows have; 0 when there are no rows, or uneven ones. */
static int written_columns(const at_tree *table) {
    int columns = 0, row = 1;
    for (int i = 1; i < table->count; i++, row++) {
        if (!breaks_between(table->args[i - 1], table->args[i])) continue;
        if (columns && row != columns) return 0;
        columns = row;
        row = 0;
    }
    return row <= columns ? columns : 0;
}

static bool is_number(const at_tree *tree) {
    bool simple = tree->op == AT_OP_NEG || tree->op == AT_OP_DIV || tree->op == AT_OP_POW;
    if (tree->tag == AT_T_OP && simple) {
        for (int i = 0; i < tree->count; i++)
            if (!is_number(tree->args[i])) return false;
        return true;
    }
    return tree->tag == AT_T_NUMBER || tree->tag == AT_T_BOOL;
}

static bool aligned(const entries *e, int columns) {
    return e->numbers && e->count % columns == 0;
}

/* The width of column `k` of `columns`. */
static int column_width(const entries *e, int columns, int k) {
    int widest = 0;
    for (int i = k; i < e->count; i += columns)
        if (e->width[i] > widest) widest = e->width[i];
    return widest;
}

/* Whether rows of so many entries fit into `room`, commas and parenthesis included. */
static bool rows_fit(const entries *e, int columns, int room) {
    int widest = 0;
    for (int k = 0; k < columns && aligned(e, columns); k++) widest += column_width(e, columns, k);
    for (int i = 0; i < e->count; i += columns) {
        int width = 0;
        for (int k = i; k < i + columns && k < e->count; k++) width += e->width[k];
        if (width > widest) widest = width;
    }
    return widest + 2 * columns - 1 <= room;
}

static void add_rows(const entries *e, int columns, int left, at_text *out) {
    for (int i = 0; i < e->count; i++) {
        if (i && i % columns == 0) {
            at_text_add(out, ",\n");
            at_text_pad(out, ' ', left);
        } else if (i) {
            at_text_add(out, ", ");
        }
        if (aligned(e, columns))
            at_text_pad(out, ' ', column_width(e, columns, i % columns) - e->width[i]);
        at_text_add(out, e->text[i]);
    }
    at_text_add(out, ")");
}

/* False without memory: then the table is laid out as any other value. */
static bool find_entries(at_arena *arena, const at_tree *table, entries *e) {
    *e = (entries){.count = table->count, .numbers = true};
    e->text = AT_NEW_ARRAY(arena, const char *, e->count);
    e->width = AT_NEW_ARRAY(arena, int, e->count);
    if (!e->text || !e->width) return false;
    for (int i = 0; i < e->count; i++) {
        at_text text = {0};
        at_format_expr(table->args[i], &text);
        e->text[i] = text.data ? at_copy_text(arena, text.data, text.length) : NULL;
        e->width[i] = text.data ? at_text_width(text.data, text.length) : 0;
        e->numbers = e->numbers && is_number(table->args[i]);
        at_text_free(&text);
        if (!e->text[i]) return false;
    }
    return true;
}

/* How many columns the table gets; 0 where it has no rows. */
static int choose_columns(const entries *e, const at_tree *table, int room) {
    int columns = written_columns(table);
    if (columns && rows_fit(e, columns, room)) return columns;
    if (rows_fit(e, e->count, room)) return 0; /* one line */
    for (columns = 0; columns + 1 < e->count && rows_fit(e, columns + 1, room);) columns++;
    return columns;
}

bool at_format_table(const at_line *head, const at_tree *table, int indent, at_text *out) {
    enum { MEMORY = 64 << 20 };
    at_arena *arena = at_arena_new(MEMORY);
    if (!arena) return false;
    const char *begin = head->text.data ? head->text.data : "", *word = " table(";
    int left = indent + at_text_width(begin, strlen(begin)) + (int)strlen(word), columns = 0;
    entries e;
    if (find_entries(arena, table, &e)) columns = choose_columns(&e, table, AT_LINE_WIDTH - left);
    if (columns) {
        at_text_pad(out, ' ', indent);
        for (const char *c = begin; *c; c++)
            at_text_add_n(out, (unsigned char)*c < ' ' ? " " : c, 1);
        at_text_add(out, word);
        add_rows(&e, columns, left, out);
    }
    at_arena_free(arena);
    return columns > 0;
}
