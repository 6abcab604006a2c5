/* The header of a .npy file: a Python dictionary with three entries, read strictly and never
 * evaluated, and printed to the byte as NumPy does.
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *
 * Strict means: these three keys, once each, in any order; a text, a truth value and a tuple of
 * whole numbers as their values; nothing after the brace but blanks. What Python would also accept
 * (sums, nested brackets, other prefixes) no writer of arrays has ever produced. */
#include "tensor/tensor_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    at_session *session;
    const char *name, *text;
    size_t length, at;
} reader;

static const char example[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

/* Says what stands at the place and what would be right there. */
static bool wrong(const reader *r, const char *wanted) {
    at_session *s = r->session;
    size_t rest = r->length - r->at;
    at_diag *diag;
    if (rest == 0)
        diag = at_error(s, AT_E_NPY_HEADER, at_no_span(),
                        "the header of %s ends at byte %zu, where %s should be", r->name, r->at,
                        wanted);
    else
        diag = at_error(s, AT_E_NPY_HEADER, at_no_span(),
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
    if (r->at >= r->length || peek(r) != c) return false;
    r->at++;
    return true;
}

/* 'text' or "text", without escapes: no key or type has any. */
static bool read_string(reader *r, const char *wanted, const char **begin, size_t *length) {
    char quote = peek(r);
    if (quote != '\'' && quote != '"') return wrong(r, wanted);
    const char *from = r->text + r->at + 1;
    const char *end = memchr(from, quote, r->length - r->at - 1);
    if (!end || memchr(from, '\\', (size_t)(end - from))) return wrong(r, wanted);
    *begin = from;
    *length = (size_t)(end - from);
    r->at += *length + 2;
    return true;
}

static bool read_bool(reader *r, bool *value) {
    (void)peek(r);
    size_t rest = r->length - r->at;
    *value = rest >= 4 && memcmp(r->text + r->at, "True", 4) == 0;
    if (!*value && (rest < 5 || memcmp(r->text + r->at, "False", 5) != 0))
        return wrong(r, "True or False");
    r->at += *value ? 4 : 5;
    return true;
}

static bool read_extent(reader *r, int64_t *extent) {
    char c = peek(r);
    size_t begin = r->at;
    if (c < '0' || c > '9') return wrong(r, "an extent");
    int64_t n = 0;
    for (; r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, r->text[r->at] - '0', &n)) {
            r->at = begin;
            return wrong(r, "an extent below 2^63");
        }
    if (c == '0' && r->at > begin + 1) {
        r->at = begin;
        return wrong(r, "an extent without leading zeros");
    }
    /* Python 2 wrote long integers as 3L. */
    if (r->at < r->length && r->text[r->at] == 'L') r->at++;
    *extent = n;
    return true;
}

/* (), (3,) or (2, 3): as in Python, one extent alone needs its comma. */
static bool read_shape(reader *r, at_npy_layout *out) {
    if (!skip(r, '(')) return wrong(r, "a shape like (2, 3)");
    out->rank = 0;
    bool comma = true;
    while (!skip(r, ')')) {
        if (!comma) return wrong(r, "`,` or `)`");
        int64_t extent = 0;
        if (!read_extent(r, &extent)) return false;
        if (out->rank < AT_RANK_LIMIT) out->extents[out->rank] = extent;
        out->rank++;
        comma = skip(r, ',');
    }
    if (out->rank == 1 && !comma) {
        r->at--;
        return wrong(r, "`,)`, as after any single extent,");
    }
    return true;
}

/* ---- descr ----------------------------------------------------------------------------------- */

static const char *const letters[] = {
#define AT_TYPE(id, text, bytes, npy, safetensors) npy,
#include "tensor/types.def"
#undef AT_TYPE
};

/* Refuses a type, saying what it is and how to store it so that it can be read. */
static bool refuse(const reader *r, const char *descr, size_t length) {
    at_session *s = r->session;
    char kind = length ? descr[0] : 0;
    if (length > 1 && strchr("<>|=", kind)) kind = descr[1];
    const char *what = "elements of a type that is not known here", *hint = NULL;
    switch (kind) {
    case 'O':
        what = "Python objects";
        hint =
            "reading such an array would run code; if all are numbers, save x.astype(np.float64)";
        break;
    case 'S': case 'U': case 'a':
        what = "text";
        hint = "number the texts and save the numbers, for instance np.unique(x, "
               "return_inverse=True)[1]";
        break;
    case 'V':
        what = "raw bytes";
        hint = "bf16 is stored so; save x.astype(np.float32), which keeps every value";
        break;
    case 'c':
        what = "complex numbers";
        hint = "save x.real and x.imag as two arrays";
        break;
    case 'M': case 'm':
        what = "dates or times";
        hint = "save x.astype(np.int64)";
        break;
    case 'f': case 'g':
        what = "reals of a size that is not known here";
        hint = "save x.astype(np.float64)";
        break;
    default: break;
    }
    at_diag *diag = at_error(s, AT_E_NPY_TYPE, at_no_span(), "%s holds %s (`%s`)", r->name, what,
                             at_shown(s, descr, length, AT_SHOWN_NAME));
    if (hint) at_hint(s, diag, "%s", hint);
    else at_hint(s, diag, "bool, int and uint of 8 to 64 bits, and float of 16 to 64 are read");
    return false;
}

static bool read_type(reader *r, at_npy_layout *out) {
    if (peek(r) == '[') {
        at_diag *diag = at_error(r->session, AT_E_NPY_TYPE, at_no_span(),
                                 "%s holds records (a type with fields)", r->name);
        at_hint(r->session, diag, "save each field, x['field'], as an array of its own");
        return false;
    }
    const char *descr;
    size_t length;
    if (!read_string(r, "a type like '<f4'", &descr, &length)) return false;
    bool ordered = length && strchr("<>|=", descr[0]) && descr[0];
    const char *plain = descr + ordered;
    size_t plain_length = length - ordered;
    for (int type = 0; type < AT_TYPES; type++)
        if (plain_length == 2 && letters[type][0] && memcmp(plain, letters[type], 2) == 0) {
            out->type = (at_type)type;
            out->swapped = descr[0] == '>' && at_type_bytes((at_type)type) > 1;
            return true;
        }
    if (plain_length == 1 && *plain == '?') {
        out->type = AT_TYPE_BOOL;
        return true;
    }
    return refuse(r, descr, length);
}

/* ---- the dictionary -------------------------------------------------------------------------- */

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

static bool read_entry(reader *r, at_npy_layout *out, int *seen) {
    (void)peek(r);
    size_t begin = r->at;
    const char *key;
    size_t length;
    if (!read_string(r, "one of 'descr', 'fortran_order', 'shape'", &key, &length)) return false;
    int which = length == 5 && memcmp(key, "descr", 5) == 0            ? DESCR
                : length == 13 && memcmp(key, "fortran_order", 13) == 0 ? ORDER
                : length == 5 && memcmp(key, "shape", 5) == 0          ? SHAPE
                                                                       : 0;
    if (!which || (*seen & which)) {
        r->at = begin;
        return wrong(r, which ? "a key that was not there before"
                              : "one of 'descr', 'fortran_order', 'shape'");
    }
    *seen |= which;
    if (!skip(r, ':')) return wrong(r, "`:`");
    if (which == DESCR) return read_type(r, out);
    if (which == ORDER) return read_bool(r, &out->fortran);
    return read_shape(r, out);
}

bool at_npy_header_parse(at_session *s, const char *name, const char *text, size_t length,
                         at_npy_layout *out) {
    reader r = {s, name, text, length, 0};
    *out = (at_npy_layout){0};
    int seen = 0;
    bool comma = true;
    if (!skip(&r, '{')) return wrong(&r, "`{`");
    while (!skip(&r, '}')) {
        if (!comma) return wrong(&r, "`,` or `}`");
        if (!read_entry(&r, out, &seen)) return false;
        comma = skip(&r, ',');
    }
    if (seen != (DESCR | ORDER | SHAPE)) {
        r.at--;
        return wrong(&r, !(seen & DESCR)   ? "an entry 'descr'"
                         : !(seen & ORDER) ? "an entry 'fortran_order'"
                                           : "an entry 'shape'");
    }
    if (peek(&r) || r.at < r.length) return wrong(&r, "the end");
    if (out->rank > AT_RANK_LIMIT) {
        at_error(s, AT_E_TENSOR_RANK, at_no_span(), "%s has %d axes, and an array has at most %d",
                 name, out->rank, AT_RANK_LIMIT);
        return false;
    }
    out->count = at_shape_count(out->extents, out->rank, at_type_bytes(out->type));
    if (out->count < 0) {
        char shape[AT_DESCRIBE_BYTES];
        at_shape_describe(out->type, out->extents, out->rank, shape);
        at_error(s, AT_E_NPY_HEADER, at_no_span(),
                 "the header of %s says %s, more bytes than can be counted", name, shape);
        return false;
    }
    return true;
}

/* ---- printing -------------------------------------------------------------------------------- */

at_type at_npy_type(at_type type) { return letters[type][0] ? type : AT_TYPE_F32; }

size_t at_npy_header_print(const at_tensor *tensor, char *buffer) {
    enum { PREAMBLE = 10, LONGEST_EXTENT = 21 };
    char *text = buffer + PREAMBLE;
    size_t room = AT_NPY_PREAMBLE_BYTES - PREAMBLE;
    at_type type = at_npy_type(tensor->type);
    size_t used = (size_t)snprintf(text, room,
                                   "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                                   at_type_bytes(type) == 1 ? '|' : '<', letters[type]);
    size_t first = 0;
    for (int i = 0; i < tensor->rank; i++) {
        int digits = snprintf(text + used, room - used, "%" PRId64, tensor->extents[i]);
        if (i == 0) first = (size_t)digits;
        used += (size_t)digits;
        if (i + 1 < tensor->rank || tensor->rank == 1)
            used += (size_t)snprintf(text + used, room - used, i + 1 < tensor->rank ? ", " : ",");
    }
    used += (size_t)snprintf(text + used, room - used, "), }");
    /* NumPy keeps room for the first extent to grow in place, and aligns the data to 64 bytes. */
    size_t padded = used + (tensor->rank ? LONGEST_EXTENT - first : 0) + 1;
    size_t total = ((PREAMBLE + padded) / 64 + 1) * 64; /* where it fits, a line more, as NumPy */
    memset(text + used, ' ', total - PREAMBLE - used);
    buffer[total - 1] = '\n';
    memcpy(buffer, "\x93NUMPY\x01\x00", 8);
    buffer[8] = (char)((total - PREAMBLE) & 255);
    buffer[9] = (char)((total - PREAMBLE) >> 8);
    return total;
}
