/* What is in scope where a program is being written: extents, axes, arrays, indices; and names that
 * are not taken. A name is given once in a function, so nothing hides by accident. */
#include "random.h"

#include <ctype.h>
#include <string.h>

void mark(writer *w, feature f) { w->program->marks[f]++; }

bool named(const char *name, const char *other) { return strcmp(name, other) == 0; }

const char *made(writer *w, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char *text = at_format_list(w->arena, format, list);
    va_end(list);
    return text;
}

/* Within an option's right side a parameter hides the axis of its name. */
static bool is_hidden(const writer *w, const char *name) {
    const scalar *s = find_scalar(w, name);
    return s && !s->is_axis;
}

/* ---- extents and axes ------------------------------------------------------------------------ */

int new_extent(writer *w, int high, int number, bool empty) {
    if (w->extent_count == 64) w->extent_count--; /* MOST_AXES keeps this from happening */
    w->f->extents[w->extent_count] = (known_extent){.high = high, .number = number, .empty = empty};
    return w->extent_count++;
}

const char *new_axis_name(writer *w) {
    static const char *const names[] = {"i", "j", "k", "n", "m", "c", "d", "e", "t"};
    enum { COUNT = sizeof names / sizeof *names };
    int number = w->axis_names++;
    if (number < COUNT) return names[number];
    return made(w, "%s%d", names[number % COUNT], number / COUNT + 1);
}

axis *add_axis(writer *w, const char *name, int extent, bool declared) {
    if (w->axis_count == MOST_AXES) w->axis_count--;
    axis *a = &w->axes[w->axis_count++];
    *a = (axis){name, extent, declared};
    return a;
}

void add_axis_later(writer *w, const char *name, int extent) {
    if (w->later_count < 8) w->later[w->later_count++] = (axis){name, extent, false};
}

const axis *axis_of(writer *w, int extent) {
    const axis *found[MOST_AXES];
    int count = 0;
    for (int i = 0; i < w->axis_count; i++)
        if (w->axes[i].extent == extent && !is_hidden(w, w->axes[i].name))
            found[count++] = &w->axes[i];
    return count ? found[choose(w->c, count)] : NULL;
}

const axis *find_axis(const writer *w, const char *name) {
    for (int i = 0; i < w->axis_count; i++)
        if (named(w->axes[i].name, name)) return &w->axes[i];
    return NULL;
}

const char *size_text(writer *w, int extent) {
    const axis *a = axis_of(w, extent);
    return a ? made(w, "size(%s)", a->name) : NULL;
}

static bool is_step(const writer *w, const char *name) {
    for (int i = 0; i < w->step_count; i++)
        if (named(w->steps[i].name, name)) return true;
    return false;
}

int pick_axis(writer *w, const char *const *taken, int taken_count) {
    int found[MOST_AXES], count = 0;
    for (int i = 0; i < w->axis_count; i++) {
        const axis *a = &w->axes[i];
        bool free = w->f->extents[a->extent].high <= LONGEST && !is_step(w, a->name) &&
                    !is_hidden(w, a->name);
        for (int k = 0; k < taken_count; k++) free &= !named(taken[k], a->name);
        if (free) found[count++] = i;
    }
    return count ? found[choose(w->c, count)] : -1;
}

/* ---- arrays and scalars ---------------------------------------------------------------------- */

const char *new_array_name(writer *w) {
    static const char *const names[] = {"x", "y", "z", "u", "v", "a", "b", "s", "p", "h", "g", "o"};
    enum { COUNT = sizeof names / sizeof *names };
    int number = w->array_names++;
    const char *name = names[number % COUNT];
    if (number >= COUNT) name = made(w, "%s%d", name, number / COUNT + 1);
    if (maybe(w->c, 2)) {
        mark(w, FEATURE_DOTTED);
        return made(w, "net.%s", name);
    }
    if (!maybe(w->c, 2)) return name;
    /* A word of the language; in main, where it is nobody's path, a name as the cascade has it. */
    static const char *const words[] = {"`where`", "`if`", "`axis`", "`state`"};
    mark(w, FEATURE_QUOTED);
    if (w->is_main && maybe(w->c, 50)) return made(w, "`%s[].w`", name);
    return w->words < 4 ? words[w->words++] : name;
}

array *add_array(writer *w, const char *name, at_kind kind, int rank, const int *extents) {
    array *a = AT_NEW(w->arena, array);
    *a = (array){.name = name,
                 .kind = kind,
                 .rank = rank,
                 .role = IS_DEFINED,
                 .inside = -1,
                 .high = limit_of(kind),
                 .steps = w->step_count,
                 .written = true,
                 .repeated = w->step_count > 0 && w->repeats > 0};
    at_move(a->extents, extents, sizeof *extents * (size_t)rank);
    for (int i = 0; i < w->array_count; i++)
        if (named(w->arrays[i]->name, name)) {
            a->reshaped = true;
            w->arrays[i] = a;
            return a;
        }
    if (w->array_count == MOST_ARRAYS) w->array_count--;
    w->arrays[w->array_count++] = a;
    return a;
}

void add_index(writer *w, const char *name, int extent, bool declared) {
    if (w->scalar_count == MOST_SCALARS) return;
    w->scalars[w->scalar_count++] = (scalar){.name = name,
                                             .kind = AT_INT,
                                             .extent = extent,
                                             .high = w->f->extents[extent].high,
                                             .is_axis = true,
                                             .declared = declared};
}

const scalar *find_scalar(const writer *w, const char *name) {
    for (int i = w->scalar_count - 1; i >= 0; i--)
        if (named(w->scalars[i].name, name)) return &w->scalars[i];
    return NULL;
}

bool named_before_scan(const writer *w, const array *a) {
    for (int i = 0; i < a->rank && a->steps; i++) {
        bool known = false;
        for (int k = 0; k < w->scan_axes && a->axes[i]; k++)
            known |= named(w->axes[k].name, a->axes[i]);
        if (!known) return false;
    }
    return true;
}

bool readable(const writer *w, const array *a) {
    for (int i = 0; i < a->steps && i < w->step_count; i++) /* an option's parameter has its name */
        if (is_hidden(w, w->steps[i].name)) return false;
    return !a->hidden && a->steps <= w->step_count;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool is_letter(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

static bool has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !is_letter(at[-1])) && !is_letter(at[length])) return true;
    return false;
}

void line(writer *w, const char *format, ...) {
    if (maybe(w->c, 2)) {
        mark(w, FEATURE_COMMENT);
        at_text_pad(&w->out, ' ', 2 * w->indent);
        at_text_add(&w->out, "# what follows\n");
    }
    at_text_pad(&w->out, ' ', 2 * w->indent);
    va_list list;
    va_start(list, format);
    const char *text = at_format_list(w->arena, format, list);
    va_end(list);
    at_text_add(&w->out, text);
    at_text_add(&w->out, "\n");
    for (int i = 0; i < w->later_count; i++)
        if (has_word(text, w->later[i].name) && !find_axis(w, w->later[i].name))
            add_axis(w, w->later[i].name, w->later[i].extent, false);
    w->later_count = 0;
}
