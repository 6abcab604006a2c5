/* Arrays given on the command line: from files, or small ones written out as JSON, which lets an
 * example be a single line. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `x=…` or `encoder.x=…`: the length of the name, 0 when this is only the name of a file. */
static size_t name_length(const char *text) {
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
           text[n] == '_' || text[n] == '.' || (text[n] >= '0' && text[n] <= '9') ||
           (unsigned char)text[n] >= 0x80)
        n++;
    return text[n] == '=' ? n : 0;
}

static bool ends_in(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The shape of nested JSON lists by their first elements, and the widest type of their numbers.
 * false when a row differs from the first, or on anything but numbers and truth values. */
static bool measure(const json_t *value, int depth, int64_t *extents, int *rank, at_type *type) {
    if (json_is_array(value)) {
        int64_t n = (int64_t)json_array_size(value);
        if (depth >= AT_RANK_LIMIT || (*rank >= 0 && depth >= *rank)) return false;
        if (extents[depth] < 0) extents[depth] = n;
        if (extents[depth] != n) return false;
        if (n == 0 && *rank < 0) *rank = depth + 1;
        for (int64_t i = 0; i < n; i++)
            if (!measure(json_array_get(value, (size_t)i), depth + 1, extents, rank, type))
                return false;
        return true;
    }
    if (*rank < 0) *rank = depth;
    if (*rank != depth) return false;
    at_type mine = json_is_integer(value) ? AT_TYPE_I64
                   : json_is_real(value)  ? AT_TYPE_F64
                                          : AT_TYPE_BOOL;
    if (mine == AT_TYPE_BOOL && !json_is_boolean(value)) return false;
    if (*type == AT_TYPES) *type = mine;
    bool numbers = mine != AT_TYPE_BOOL && *type != AT_TYPE_BOOL;
    if (*type != mine && !numbers) return false;
    if (mine == AT_TYPE_F64) *type = mine;
    return true;
}

static void fill(const json_t *value, at_tensor *tensor, int64_t *next) {
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            fill(json_array_get(value, i), tensor, next);
        return;
    }
    int64_t at = (*next)++;
    if (tensor->type == AT_TYPE_F64) ((double *)tensor->data)[at] = json_number_value(value);
    else if (tensor->type == AT_TYPE_I64) ((int64_t *)tensor->data)[at] = json_integer_value(value);
    else ((bool *)tensor->data)[at] = json_is_true(value);
}

static at_tensor *from_json(at_session *s, const char *name, const json_t *value) {
    int64_t extents[AT_RANK_LIMIT];
    for (int i = 0; i < AT_RANK_LIMIT; i++) extents[i] = -1;
    int rank = -1;
    at_type type = AT_TYPES;
    if (!measure(value, 0, extents, &rank, &type)) {
        at_error(s, AT_E_GIVEN_ARRAY, at_no_span(),
                 "the value given for `%s` is not an array:\n"
                 "its rows must be equally long, and all numbers or all true and false",
                 name);
        return NULL;
    }
    if (type == AT_TYPES) type = AT_TYPE_F64; /* nothing in it */
    at_tensor *tensor = at_tensor_new(s, type, extents, rank, name);
    int64_t next = 0;
    if (tensor) fill(value, tensor, &next);
    return tensor;
}

/* Whether a text that is no JSON was meant as a value: no file begins so. */
static bool like_value(const char *text) {
    return strchr("[{(\"'", *text) || strchr(text, '(') || strcmp(text, "True") == 0 ||
           strcmp(text, "False") == 0 || text[strspn(text, "0123456789+-.,eE_ ")] == 0;
}

/* Says what keeps the text from being a value. */
static void report_value(at_session *s, const char *option, const char *name, const char *text) {
    if (!*text) {
        at_error(s, AT_E_GIVEN_ARRAY, at_no_span(), "nothing is given for `%s`", name);
        return;
    }
    at_diag *diag = at_error(s, AT_E_GIVEN_ARRAY, at_no_span(),
                             "the value given for `%s` is not JSON, and no file: %s", name, text);
    if (*text == '[' && text[strlen(text) - 1] != ']')
        at_hint(s, diag, "a `]` is missing; a list with blanks stands in quotes: %s '%s=[1, 2]'",
                option, name);
    else if (strcmp(text, "True") == 0 || strcmp(text, "False") == 0)
        at_hint(s, diag, "true and false are written small");
    else if (strstr(text, "nan") || strstr(text, "NaN") || strstr(text, "inf"))
        at_hint(s, diag, "JSON has no nan and no inf: give them in a .npy file");
    else
        at_hint(s, diag, "a number is 2, 0.5 or 1e-3, and a list of lists [[1,2],[3,4]]");
}

static at_tensor *only_array(at_session *s, const char *option, const char *path) {
    at_collection arrays = {0};
    if (!at_archive_read(s, path, &arrays)) return NULL;
    at_tensor *tensor = NULL;
    if (arrays.count == 1) {
        tensor = arrays.items[0].tensor;
        arrays.items[0].tensor = NULL;
    } else {
        at_diag *diag = at_error(s, AT_E_GIVEN_ARRAY, at_no_span(),
                                 "%s holds %d arrays, and one is needed", path, arrays.count);
        at_hint(s, diag, "%s %s alone gives all of them, by the names they have there", option,
                path);
    }
    at_collection_free(&arrays);
    return tensor;
}

bool at_cli_array(const at_cli_page *page, at_session *s, const char *option, const char *text,
                  at_collection *to, int *status) {
    *status = AT_CLI_INPUT;
    size_t length = name_length(text);
    at_collection more = {0};
    if (length == 0) {
        if (!at_archive_named(text)) {
            if (ends_in(text, ".npy") && text[0] != '=')
                *status = at_cli_misuse(page, "%s %s: say which it is: %s NAME=%s", option, text,
                                        option, text);
            else if (access(text, F_OK) != 0)
                *status = at_cli_misuse(page, "%s takes name=file.npy, name=value, data.npz or "
                                        "data.safetensors, not `%s`", option, text);
            if (*status == AT_CLI_USAGE) return false;
        }
        if (!at_archive_read(s, text, &more)) return false;
    } else {
        char *name = at_copy_text(s->arena, text, length);
        const char *value = text + length + 1;
        json_t *json = json_loads(value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        at_tensor *tensor = NULL;
        if (json) tensor = from_json(s, name, json);
        else if (access(value, F_OK) != 0 && like_value(value))
            report_value(s, option, name, value);
        else if (at_archive_named(value)) tensor = only_array(s, option, value);
        else tensor = at_npy_read(s, value);
        if (json) json_decref(json);
        if (!tensor) return false;
        at_collection_add(s, &more, name, tensor);
    }
    for (int i = 0; i < more.count; i++) {
        if (at_collection_find(to, more.items[i].name)) {
            *status = at_cli_misuse(page, "`%s` is given twice", more.items[i].name);
            at_collection_free(&more);
            return false;
        }
    }
    for (int i = 0; i < more.count; i++) {
        at_collection_add(s, to, more.items[i].name, more.items[i].tensor);
        more.items[i].tensor = NULL; /* it moved */
    }
    at_collection_free(&more);
    *status = AT_CLI_GOOD;
    return true;
}
