/* What `attend tune` found to be fastest, kept between runs: a file of text, a line a program.
 *
 *     attend tuning 1
 *     5f0c…9a unfused=0 rows=64 columns=0 # matched f32 i=1024 j=1024, 2 threads: 1.20 ms, usually 1.53 ms
 *
 * The file is $ATTEND_TUNING, or attend/tuning in $XDG_CONFIG_HOME or ~/.config; with ATTEND_TUNING=off
 * there is none. A program is named by the hash of its cascade, the type that reals are stored as, and
 * the processor's extensions that it is compiled for. What stands behind `#` is for people. A choice
 * holds for all extents, as compiled code does; it was measured at some.
 *
 * The file only says which of several right ways is taken, so who can write it can make programs slow
 * and not wrong. Still what cannot be understood is an error: a choice that is lost is not seen. */
#define _DEFAULT_SOURCE
#include "run/run_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEX = 2 * AT_HASH_BYTES, MOST_ROWS = 1 << 20 };

static const char head[] = "attend tuning 1";

const char *at_tuning_path(at_session *s) {
    const char *own = getenv("ATTEND_TUNING");
    if (own && strcmp(own, "off") == 0) return NULL;
    if (own && *own) return at_copy_text(s->arena, own, strlen(own));
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/') return at_format(s->arena, "%s/attend/tuning", base);
    if (home && home[0] == '/') return at_format(s->arena, "%s/.config/attend/tuning", home);
    return NULL;
}

/* ---- names of programs ----------------------------------------------------------------------- */

static const char *key_of(at_session *s, const at_text *text, at_type type,
                          const at_target *target) {
    at_hash hash;
    unsigned char bytes[AT_HASH_BYTES];
    char *hex = at_alloc(s->arena, HEX + 1);
    at_hash_begin(&hash);
    at_hash_text(&hash, head);
    at_hash_text(&hash, at_type_text(type));
    for (int i = 0; i < target->count; i++) at_hash_text(&hash, target->flags[i]);
    at_hash_add(&hash, text->data, text->length);
    at_hash_end(&hash, bytes);
    at_hash_hex(bytes, hex);
    return hex;
}

typedef struct {
    at_session *s;
    const at_cascade *cascade;
    at_type type;
    const char *target, *key;
    at_text text;
} naming;

static bool name_program(void *user) {
    naming *n = user;
    at_target target;
    if (!at_target_find(n->s, n->target, &target)) return false;
    at_ir_print(n->cascade, &n->text);
    n->key = key_of(n->s, &n->text, n->type, &target);
    return true;
}

static void release_text(void *user) { at_text_free(&((naming *)user)->text); }

const char *at_tuning_key(at_session *s, const at_cascade *cascade, at_type type,
                          const char *target) {
    naming n = {s, cascade, type, target, NULL, {0}};
    return at_released(s, name_program, release_text, &n) ? n.key : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool refuse(at_session *s, const char *path, int line, const char *why) {
    at_diag *diag = at_error(s, AT_E_TUNING, at_no_span(), "line %d of the tuning file %s %s", line,
                             path, why);
    at_hint(s, diag,
            "remove the line or the file (`attend tune` measures again), or set ATTEND_TUNING=off");
    return false;
}

/* One `name=value` of a line. */
static bool read_choice(const char *word, size_t length, at_choices *out) {
    char name[16];
    const char *equals = memchr(word, '=', length);
    if (!equals || equals == word || (size_t)(equals - word) >= sizeof name) return false;
    snprintf(name, sizeof name, "%.*s", (int)(equals - word), word);
    char *end;
    errno = 0;
    long long value = strtoll(equals + 1, &end, 10);
    if (errno || end == equals + 1 || end != word + length || value < 0 || value > MOST_ROWS)
        return false;
    if (strcmp(name, "unfused") == 0) out->unfused = value != 0;
    else if (strcmp(name, "rows") == 0) out->rows = value;
    else if (strcmp(name, "columns") == 0) out->columns = value;
    else return false;
    return strcmp(name, "unfused") != 0 || value < 2;
}

/* What stands behind the key. */
static bool read_choices(const char *line, at_choices *out) {
    *out = (at_choices){0};
    for (;;) {
        line += strspn(line, " ");
        size_t length = strcspn(line, " \n");
        if (length == 0 || *line == '#') return true;
        if (!read_choice(line, length, out)) return false;
        line += length;
    }
}

static bool is_key(const char *line) {
    return strspn(line, "0123456789abcdef") == HEX && (line[HEX] == ' ' || line[HEX] == '\n');
}

/* The rest of the lines is for `visit`, which gets lines that are understood. */
static bool read_lines(at_session *s, const char *path, FILE *file,
                       bool (*visit)(void *user, const char *line, const at_choices *choices),
                       void *user) {
    char line[1024];
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        at_choices choices;
        if (!strchr(line, '\n') && !feof(file)) return refuse(s, path, number, "is too long");
        if (number == 1) {
            line[strcspn(line, "\n")] = 0;
            if (strcmp(line, head) == 0) continue;
            return refuse(s, path, number, at_format(s->arena, "is not `%s`", head));
        }
        if (!is_key(line) || !read_choices(line + HEX, &choices))
            return refuse(s, path, number, "cannot be understood");
        if (!visit(user, line, &choices)) return true;
    }
    return !ferror(file) || refuse(s, path, 1, "cannot be read");
}

typedef struct {
    at_session *s;
    const char *path, *key;
    FILE *file;
    at_choices *found;      /* finding */
    bool is_found;
    const at_choices *kept; /* keeping: NULL to forget what was kept */
    const char *comment;
    at_text text;           /* keeping: the new file */
} search;

static bool look(void *user, const char *line, const at_choices *choices) {
    search *w = user;
    w->is_found = strncmp(line, w->key, HEX) == 0;
    if (w->is_found) *w->found = *choices;
    return !w->is_found;
}

static bool find(void *user) {
    search *w = user;
    return read_lines(w->s, w->path, w->file, look, w);
}

static void release(void *user) {
    search *w = user;
    if (w->file) fclose(w->file);
    at_text_free(&w->text);
}

bool at_tuning_find(at_session *s, const at_cascade *cascade, at_type type, const char *target,
                    at_choices *choices) {
    *choices = (at_choices){0};
    const char *path = at_tuning_path(s);
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return true; /* as nearly always: then nothing is hashed */
    search w = {.s = s, .path = path, .file = file, .found = choices};
    w.key = at_tuning_key(s, cascade, type, target);
    if (w.key) return at_released(s, find, release, &w);
    release(&w);
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool copy_other(void *user, const char *line, const at_choices *choices) {
    search *w = user;
    (void)choices;
    if (strncmp(line, w->key, HEX) == 0) return true;
    at_text_add(&w->text, line);
    if (!strchr(line, '\n')) at_text_add(&w->text, "\n");
    return true;
}

static bool write_text(void *file, void *user) {
    const at_text *text = user;
    return !text->failed && fwrite(text->data, 1, text->length, file) == text->length;
}

static bool rewrite(void *user) {
    search *w = user;
    at_text_addf(&w->text, "%s\n", head);
    w->file = fopen(w->path, "r");
    if (!w->file && !w->kept) return true; /* there is nothing to forget */
    if (w->file && !read_lines(w->s, w->path, w->file, copy_other, w)) return false;
    const at_choices *c = w->kept;
    if (c)
        at_text_addf(&w->text, "%s unfused=%d rows=%" PRId64 " columns=%" PRId64 " # %s\n", w->key,
                     c->unfused, c->rows, c->columns, w->comment);
    if (!at_make_folders(w->path)) {
        at_error(w->s, AT_E_FILE_WRITE, at_no_span(), "the folder of %s cannot be made: %s",
                 w->path, strerror(errno));
        return false;
    }
    return at_write_file(w->s, w->path, write_text, &w->text);
}

bool at_tuning_keep(at_session *s, const char *key, const at_choices *choices,
                    const char *comment) {
    search w = {.s = s, .path = at_tuning_path(s), .key = key, .kept = choices, .comment = comment};
    return w.path && at_released(s, rewrite, release, &w);
}
