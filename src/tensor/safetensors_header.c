/* The header of a .safetensors file: JSON of one form,
 *
 *   {"__metadata__": {"format": "attend"},
 *    "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
 *
 * to a list of entries. Read by its form and not as JSON in general: a header may have 100 MB, and
 * a tree of that many values takes 4 GB and 14 seconds (Jansson, `{"a": [[],[],…]}`), where entries
 * take little more than the header, and nothing here can nest. What the entries promise about the
 * data is checked in safetensors.c. */
#include "tensor/tensor_int.h"

#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

typedef struct {
    at_session *session;
    const char *name, *text;
    size_t length, at;
    at_safetensors_list *out;
    at_map names;
    bool metadata; /* was there */
} reader;

static const char example[] =
    "{\"w\": {\"dtype\": \"F32\", \"shape\": [2, 3], \"data_offsets\": [0, 24]}}";

/* Says what stands at the place and what would be right there. */
static bool wrong(const reader *r, const char *wanted) {
    at_session *s = r->session;
    size_t rest = r->length - r->at;
    at_diag *diag;
    if (rest == 0)
        diag = at_error(s, AT_E_SAFETENSORS_HEADER, at_no_span(),
                        "the header of %s ends at byte %zu, where %s should be", r->name, r->at,
                        wanted);
    else
        diag = at_error(s, AT_E_SAFETENSORS_HEADER, at_no_span(),
                        "the header of %s has `%s` at byte %zu, where %s should be", r->name,
                        at_shown(s, r->text + r->at, rest, AT_SHOWN_PIECE), r->at, wanted);
    at_hint(s, diag, "a header reads like %s", example);
    return false;
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* The next character that is not blank; 0 at the end (or for a zero, which nothing wants). */
static char peek(reader *r) {
    while (r->at < r->length && blank(r->text[r->at])) r->at++;
    return r->at < r->length ? r->text[r->at] : 0;
}

static bool skip(reader *r, char c) {
    if (peek(r) != c) return false;
    r->at++;
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Four hexadecimal digits at `at`; -1 when they are not. */
static int32_t hexadecimal(const reader *r, size_t at) {
    int32_t value = 0;
    if (r->length - at < 4) return -1;
    for (size_t i = at; i < at + 4; i++) {
        char c = r->text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* \u0041, or two of them that make one character; the place is behind the `u`. */
static int32_t read_unicode(reader *r) {
    int32_t point = hexadecimal(r, r->at);
    if (point < 0) return -1;
    r->at += 4;
    if (point < 0xd800 || point > 0xdfff) return point;
    if (point > 0xdbff || r->length - r->at < 6 || memcmp(r->text + r->at, "\\u", 2) != 0)
        return -1;
    int32_t low = hexadecimal(r, r->at + 2);
    if (low < 0xdc00 || low > 0xdfff) return -1;
    r->at += 6;
    return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
}

/* The character behind a backslash; -1 when there can be none. */
static int32_t read_escape(reader *r) {
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->length ? r->text[r->at] : 0;
    const char *found = c ? strchr(letters, c) : NULL;
    if (found) {
        r->at++;
        return values[found - letters];
    }
    if (c != 'u') return -1;
    r->at++;
    return read_unicode(r);
}

/* A string. Its characters go to *out (in the session's arena, terminated) unless out is NULL. */
static bool read_string(reader *r, const char *wanted, char **out, size_t *length) {
    if (peek(r) != '"') return wrong(r, wanted);
    size_t begin = r->at, end = begin + 1;
    while (end < r->length && r->text[end] != '"') end += r->text[end] == '\\' ? 2 : 1;
    if (end >= r->length) {
        r->at = r->length;
        return wrong(r, "the `\"` that ends a string");
    }
    /* No escape is shorter than what it stands for. */
    char *to = out ? at_alloc(r->session->arena, end - begin) : NULL, few[4];
    size_t used = 0;
    for (r->at = begin + 1; r->at < end;) {
        size_t here = r->at;
        utf8proc_int32_t point = (unsigned char)r->text[here];
        if (point == '\\') {
            r->at++;
            point = read_escape(r);
        } else if (point < 0x80) {
            r->at++;
            if (point < 0x20) point = -1;
        } else {
            utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)r->text + here,
                                                  (utf8proc_ssize_t)(end - here), &point);
            r->at += n > 0 ? (size_t)n : 0;
        }
        if (point < 0) {
            r->at = here;
            return wrong(r, "a character of a string, in UTF-8,");
        }
        utf8proc_ssize_t n = utf8proc_encode_char(point, (utf8proc_uint8_t *)few);
        if (to) memcpy(to + used, few, (size_t)n);
        used += (size_t)n;
    }
    r->at = end + 1;
    if (out) {
        *out = to;
        *length = used;
    }
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool read_number(reader *r, const char *wanted, uint64_t *out) {
    char c = peek(r);
    size_t begin = r->at;
    if (c < '0' || c > '9') return wrong(r, wanted);
    uint64_t value = 0;
    for (; r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++) {
        uint64_t digit = (uint64_t)(r->text[r->at] - '0');
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value) || (c == '0' && r->at > begin)) {
            r->at = begin;
            return wrong(r, wanted);
        }
    }
    *out = value;
    return true;
}

/* ---- entries --------------------------------------------------------------------------------- */

static const char *const dtypes[] = {
#define AT_TYPE(id, text, bytes, npy, safetensors) safetensors,
#include "tensor/types.def"
#undef AT_TYPE
};

const char *at_safetensors_dtype(at_type type) { return dtypes[type]; }

const char *at_safetensors_shown(at_session *s, const at_safetensors_entry *entry) {
    return at_shown(s, entry->name, strlen(entry->name), AT_SHOWN_NAME);
}

static bool read_type(reader *r, at_safetensors_entry *entry) {
    at_session *s = r->session;
    char *dtype;
    size_t length;
    if (!read_string(r, "a type like \"F32\"", &dtype, &length)) return false;
    for (int type = 0; type < AT_TYPES; type++)
        if (strlen(dtypes[type]) == length && memcmp(dtypes[type], dtype, length) == 0) {
            entry->type = (at_type)type;
            return true;
        }
    const char *what = "elements of a type that is not known here";
    const char *hint = "BOOL, I8 to I64, U8 to U64, F16, BF16, F32, F64 and F8_… are read";
    if (strncmp(dtype, "F4", 2) == 0 || strncmp(dtype, "F6", 2) == 0) {
        what = "reals that are packed, several in a byte or two";
        hint = "save them as F8_E4M3 or BF16, which hold every value of them";
    } else if (dtype[0] == 'C') {
        what = "complex numbers";
        hint = "save the real and the imaginary parts as two arrays";
    }
    at_diag *diag = at_error(s, AT_E_SAFETENSORS_TYPE, at_no_span(), "`%s` in %s holds %s (%s)",
                             at_safetensors_shown(s, entry), r->name, what,
                             at_shown(s, dtype, length, AT_SHOWN_NAME));
    at_hint(s, diag, "%s", hint);
    return false;
}

static bool read_shape(reader *r, at_safetensors_entry *entry) {
    int64_t extents[AT_RANK_LIMIT];
    if (!skip(r, '[')) return wrong(r, "a shape like [2, 3]");
    int rank = 0;
    for (; peek(r) != ']'; rank++) {
        if (rank && !skip(r, ',')) return wrong(r, "`,` or `]`");
        uint64_t extent;
        if (!read_number(r, "an extent", &extent)) return false;
        if (rank >= AT_RANK_LIMIT) {
            at_error(r->session, AT_E_TENSOR_RANK, at_no_span(),
                     "`%s` in %s has more than %d axes, and an array has at most %d",
                     at_safetensors_shown(r->session, entry), r->name, AT_RANK_LIMIT,
                     AT_RANK_LIMIT);
            return false;
        }
        if (extent > INT64_MAX) {
            at_error(r->session, AT_E_SAFETENSORS_SIZE, at_no_span(),
                     "`%s` in %s has an axis of %" PRIu64 " elements, more than any memory can "
                     "hold", at_safetensors_shown(r->session, entry), r->name, extent);
            return false;
        }
        extents[rank] = (int64_t)extent;
    }
    r->at++;
    entry->rank = rank;
    entry->extents = at_copy(r->session->arena, extents, sizeof *extents * (size_t)rank);
    return true;
}

static bool read_offsets(reader *r, at_safetensors_entry *entry) {
    static const char wanted[] = "offsets like [0, 24]";
    if (!skip(r, '[')) return wrong(r, wanted);
    if (!read_number(r, "an offset", &entry->begin)) return false;
    if (!skip(r, ',')) return wrong(r, "`,`");
    if (!read_number(r, "an offset", &entry->end)) return false;
    return skip(r, ']') || wrong(r, "`]`");
}

/* {"dtype": …, "shape": …, "data_offsets": …}, in any order. */
static bool read_entry(reader *r, at_safetensors_entry *entry) {
    static const struct {
        const char *key;
        bool (*read)(reader *r, at_safetensors_entry *entry);
    } parts[] = {{"dtype", read_type}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    static const char wanted[] = "\"dtype\", \"shape\" or \"data_offsets\", each once,";
    bool seen[3] = {false};
    if (!skip(r, '{')) return wrong(r, "`{`");
    for (int count = 0; count < 3; count++) {
        if (count && !skip(r, ',')) return wrong(r, "`,`");
        (void)peek(r);
        size_t begin = r->at;
        char *key;
        size_t length;
        if (!read_string(r, wanted, &key, &length)) return false;
        int part = 0;
        while (part < 3 && (seen[part] || strcmp(parts[part].key, key) != 0)) part++;
        if (part == 3) {
            r->at = begin;
            return wrong(r, wanted);
        }
        seen[part] = true;
        if (!skip(r, ':')) return wrong(r, "`:`");
        if (!parts[part].read(r, entry)) return false;
    }
    return skip(r, '}') || wrong(r, "`}`");
}

/* {"format": "pt", …}: what a file says about itself. Looked at, but for nobody to take. */
static bool read_metadata(reader *r) {
    if (!skip(r, '{')) return wrong(r, "`{`");
    for (bool first = true; peek(r) != '}'; first = false) {
        if (!first && !skip(r, ',')) return wrong(r, "`,` or `}`");
        if (!read_string(r, "a string", NULL, NULL)) return false;
        if (!skip(r, ':')) return wrong(r, "`:`");
        if (!read_string(r, "a string", NULL, NULL)) return false;
    }
    r->at++;
    return true;
}

static bool refuse_name(reader *r, const char *name, size_t length, const char *what) {
    at_session *s = r->session;
    at_error(s, AT_E_SAFETENSORS_NAME, at_no_span(), "%s holds `%s`%s", r->name,
             at_shown(s, name, length, AT_SHOWN_NAME), what);
    return false;
}

static bool read_named(reader *r) {
    at_session *s = r->session;
    char *name;
    size_t length;
    if (!read_string(r, "the name of an array", &name, &length)) return false;
    if (!skip(r, ':')) return wrong(r, "`:`");
    if (strcmp(name, "__metadata__") == 0 && length == strlen(name)) {
        if (r->metadata) return refuse_name(r, name, length, " twice");
        r->metadata = true;
        return read_metadata(r);
    }
    if (!at_name_plain(name, length))
        return refuse_name(r, name, length, ", a name that no array can have");
    if (at_map_get(&r->names, name)) return refuse_name(r, name, length, " twice");
    at_map_put(s->arena, &r->names, name, name);
    at_safetensors_entry entry = {.name = name};
    if (!read_entry(r, &entry)) return false;
    AT_PUSH(s->arena, r->out->items, r->out->count, r->out->capacity, entry);
    return true;
}

bool at_safetensors_header_parse(at_session *s, const char *name, const char *text, size_t length,
                                 at_safetensors_list *out) {
    reader r = {.session = s, .name = name, .text = text, .length = length, .out = out};
    *out = (at_safetensors_list){0};
    if (!skip(&r, '{')) return wrong(&r, "`{`");
    for (bool first = true; peek(&r) != '}'; first = false) {
        if (!first && !skip(&r, ',')) return wrong(&r, "`,` or `}`");
        if (!read_named(&r)) return false;
    }
    r.at++;
    (void)peek(&r);
    return r.at == r.length || wrong(&r, "the end of the header");
}
