/* From what the user typed to a program: files, the standard input, FILE:fn, and the folders where
 * `use NAME` finds modules. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the executable: in a source tree build/, installed bin/. */
static const char *const *folders(at_session *s, bool with_blocks) {
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    return at_module_folders(s, self, with_blocks);
}

const char *const *at_cli_library(at_session *s) { return folders(s, true); }

const char *const *at_cli_zoo(at_session *s) { return folders(s, false); }

/* Reads all of a stream, up to one byte more than a program may have. */
static bool read_stream(FILE *stream, at_text *text) {
    enum { LIMIT = (16 << 20) + 1 };
    char piece[1 << 14];
    size_t n;
    while (text->length < LIMIT && (n = fread(piece, 1, sizeof piece, stream)) > 0)
        at_text_add_n(text, piece, n);
    return !ferror(stream) && !text->failed;
}

const at_source *at_cli_source(at_session *s, const char *path) {
    if (strcmp(path, "-") != 0) return at_read_source(s, path);
    at_text text = {0};
    const at_source *source = NULL;
    if (read_stream(stdin, &text))
        source = at_make_source(s, "standard input", text.data ? text.data : "", text.length);
    else
        at_error(s, AT_E_FILE_READ, at_no_span(), "cannot read the standard input");
    at_text_free(&text);
    return source;
}

static bool is_word(const char *text) {
    if (!*text || (*text >= '0' && *text <= '9')) return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
        if (!letter && c != '_' && !(c >= '0' && c <= '9')) return false;
    }
    return true;
}

const char *at_cli_split(at_session *s, const char *operand, const char **function) {
    *function = NULL;
    const char *colon = strrchr(operand, ':');
    if (!colon || colon == operand || !is_word(colon + 1) || access(operand, F_OK) == 0)
        return operand;
    *function = at_copy_text(s->arena, colon + 1, strlen(colon + 1));
    return at_copy_text(s->arena, operand, (size_t)(colon - operand));
}

bool at_cli_sizes(const at_cli_page *page, at_session *s, const at_cli_pairs *pairs,
                  at_resolve_options *options) {
    at_known_size *sizes = AT_NEW_ARRAY(s->arena, at_known_size, pairs->names.count + 1);
    for (int i = 0; i < pairs->names.count; i++) {
        sizes[i].name = pairs->names.items[i];
        if (!at_cli_number(page, at_format(s->arena, "--size %s", pairs->names.items[i]),
                           pairs->values.items[i], 0, INT64_MAX, &sizes[i].extent))
            return false;
    }
    options->sizes = sizes;
    options->size_count = pairs->names.count;
    return true;
}
