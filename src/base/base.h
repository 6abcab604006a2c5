/* base: what every stage stands on: memory by lifetime, text, maps, diagnostics, files, time.
 *
 * Nothing here knows the language. All state lives in an at_session that the caller owns; two
 * sessions are independent and may be used from two threads, one session from one at a time. */
#ifndef AT_BASE_H
#define AT_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- arena.c: memory that is freed all at once ----------------------------------------------- */

typedef struct at_arena at_arena;

/* An arena of at most `limit` bytes; NULL when even its first block cannot be had. */
at_arena *at_arena_new(size_t limit);
void at_arena_free(at_arena *arena);
/* Where an allocation that cannot be served goes: control returns to the setjmp that filled
 * `escape`. Without one (NULL) such an allocation returns NULL. */
void at_arena_escape(at_arena *arena, jmp_buf *escape);
/* Zeroed, aligned to 16 bytes; never NULL while an escape is set. */
void *at_alloc(at_arena *arena, size_t bytes);
/* count * bytes of them; a product that overflows cannot be served. */
void *at_alloc_array(at_arena *arena, size_t count, size_t bytes);
void *at_copy(at_arena *arena, const void *from, size_t bytes);
char *at_copy_text(at_arena *arena, const char *text, size_t length);
char *at_format(at_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *at_format_list(at_arena *arena, const char *format, va_list list);
size_t at_arena_used(const at_arena *arena);

#define AT_NEW(arena, type) ((type *)at_alloc((arena), sizeof(type)))
#define AT_NEW_ARRAY(arena, type, n) ((type *)at_alloc_array((arena), (size_t)(n), sizeof(type)))

/* Appends `item` to a list in an arena: `items` its first element, `count` and `capacity` ints. */
#define AT_PUSH(arena, items, count, capacity, item)                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            int grown_ = (capacity) ? 2 * (capacity) : 4;                                          \
            void *moved_ = at_alloc((arena), sizeof *(items) * (size_t)grown_);                    \
            at_move(moved_, (items), sizeof *(items) * (size_t)(count));                           \
            (items) = moved_;                                                                      \
            (capacity) = grown_;                                                                   \
        }                                                                                          \
        (items)[(count)++] = (item);                                                               \
    } while (0)
/* memcpy that accepts NULL with 0 bytes. */
void at_move(void *to, const void *from, size_t bytes);

/* ---- text.c: growing text -------------------------------------------------------------------- */

/* Text that grows on the heap; at_text_free it. `data` is always terminated once anything was
 * added. When memory runs out `failed` is set and the text stays as it was. */
typedef struct {
    char *data;
    size_t length, capacity;
    bool failed;
} at_text;

void at_text_add(at_text *text, const char *piece);
void at_text_add_n(at_text *text, const char *piece, size_t length);
void at_text_addf(at_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void at_text_pad(at_text *text, char c, int count);
void at_text_free(at_text *text);
/* The fewest digits that read back as `value` (`inf`, `-inf`, `nan` by name), always with a point,
 * an exponent or a name, so that it reads as a real: 20.0, 0.001, 1e6. The same in every locale.
 * Buffer of at least 32 bytes. */
void at_text_real(double value, char *buffer);
/* The number of typing errors between two words (a letter too many, missing, wrong, or swapped with
 * its neighbour), at most `limit`: for "did you mean". */
int at_text_distance(const char *a, const char *b, int limit);

/* ---- hash.c: 32 bytes that stand for any number of bytes ------------------------------------- */

enum { AT_HASH_BYTES = 32 };

/* BLAKE2b-256, taken in pieces: begin, add as often as needed, end. */
typedef struct {
    uint64_t state[8], length; /* length: bytes taken, below 2^64 */
    size_t filled;
    unsigned char block[128];
} at_hash;

void at_hash_begin(at_hash *hash);
void at_hash_add(at_hash *hash, const void *bytes, size_t length);
/* Text with its end, so that "ab", "c" and "a", "bc" differ. */
void at_hash_text(at_hash *hash, const char *text);
void at_hash_end(at_hash *hash, unsigned char out[AT_HASH_BYTES]);
/* AT_HASH_BYTES as hexadecimal digits. */
void at_hash_hex(const unsigned char *bytes, char out[2 * AT_HASH_BYTES + 1]);

/* ---- map.c: names to things ------------------------------------------------------------------ */

/* A hash map from text to pointer in an arena; keys are borrowed. All zero is an empty map. */
typedef struct {
    const char **keys;
    void **values;
    int count, capacity;
} at_map;

void at_map_put(at_arena *arena, at_map *map, const char *key, void *value);
void *at_map_get(const at_map *map, const char *key); /* NULL when absent */

/* ---- diag.c: what went wrong, in the user's words -------------------------------------------- */

typedef struct {
    const char *name; /* as shown: the path given by the user */
    const char *text; /* UTF-8, terminated; NULL for what is not text (a data file) */
    size_t length;
} at_source;

/* A piece of a source, as bytes [begin, end). source NULL: no place (a command line, a file). */
typedef struct {
    const at_source *source;
    uint32_t begin, end;
} at_span;

typedef enum {
    AT_USER,        /* the user's mistake */
    AT_UNSUPPORTED, /* right, but beyond a limit that the message names */
} at_blame;

typedef enum {
#define AT_ERROR_ROW(code, name, blame, summary) AT_##name,
#include "base/errors.def"
#undef AT_ERROR_ROW
    AT_ERROR_CODES
} at_code;

typedef struct at_diag at_diag;
struct at_diag {
    at_code code;
    at_span span;
    const char *message;
    const char *label;        /* under the caret; may be NULL */
    const char **notes;       /* "= note: …" or, with a place, a second excerpt */
    at_span *note_spans;
    int note_count, note_capacity;
    const char *hint; /* may be NULL */
    const char *subject; /* the name that is meant, where callers act on it; may be NULL */
};

const char *at_code_text(at_code code);    /* "E201" */
const char *at_code_summary(at_code code); /* one line, as in docs/errors.md */
at_blame at_code_blame(at_code code);

/* ---- reason.c: why something was not done ---------------------------------------------------- */

typedef struct at_session at_session;

typedef enum {
#define AT_REASON_ROW(id, text, doc) AT_REASON_##id,
#include "base/reasons.def"
#undef AT_REASON_ROW
    AT_REASON_KINDS
} at_reason_kind;

/* One thing that was not done, in the user's terms. */
typedef struct {
    at_reason_kind kind;
    at_span span;     /* of the equation or condition; may have no place */
    const char *what; /* an array `s[i,j]`, or a condition or sum as it is written */
    const char *why;  /* the rest of the sentence: "is read in two orders", without a full stop */
} at_reason;

typedef struct {
    int count, capacity;
    at_reason *items;
} at_reasons;

/* From here on the session keeps reasons. */
void at_reasons_keep(at_session *session);
/* Keeps a reason, unless nobody asks or it is there. A stage that tries the same thing twice may
 * give it twice. Where the text itself takes work, ask whether session->reasons is set. */
void at_reason_add(at_session *session, at_reason_kind kind, at_span span, const char *what,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
void at_reason_add_list(at_session *session, at_reason_kind kind, at_span span, const char *what,
                        const char *format, va_list list);
/* "fuse", as reasons.def has it. */
const char *at_reason_kind_text(at_reason_kind kind);

/* ---- session.c: one compilation or run ------------------------------------------------------- */

/* What stages take where they have alternatives that are right alike; all zero: as they judge. Set
 * it before compiling. */
typedef struct {
    bool unfused;    /* each equation is a pass by itself, whose array is stored whole: nothing is
                        grouped, streamed, factored or computed twice */
    int64_t rows;    /* of a block that a group of passes takes at a time; 0: by the extents */
    int64_t columns; /* of a block that a sweep takes at a time; 0: the stage's own number */
} at_choices;

struct at_session {
    at_arena *arena; /* everything that lives as long as the session */
    at_diag **diags;
    int diag_count, diag_capacity;
    int diag_limit;       /* 20; what comes after is counted, not kept */
    int diag_lost;
    jmp_buf *escape;      /* where a session that ran out of memory returns to */
    at_diag *full;        /* what at_error_full records, made while there was memory */
    const char *stage;    /* the stage that runs, for assertions */
    at_choices choices;
    at_reasons *reasons;  /* NULL: nobody asks, and none are kept */
    /* Called at most four times a second during long work, with the share done (0..1, or negative
     * when unknown). May be NULL. Returns false to stop the work. */
    bool (*progress)(void *user, const char *what, double share);
    void *progress_user;
};

/* memory_limit: bytes for trees and cascades (arrays are counted elsewhere). NULL when out of
 * memory. */
at_session *at_session_new(size_t memory_limit);
void at_session_free(at_session *session);

/* Records an error. The returned record takes a label, notes and a hint; it is never NULL, and it
 * is thrown away when the session already holds diag_limit errors. */
at_diag *at_error(at_session *session, at_code code, at_span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Makes room for `more` errors above the limit: where errors are the result, none may be lost. */
void at_error_room(at_session *session, int more);
/* Records, once, that the session's memory limit was met: E001. Needs no memory. */
at_diag *at_error_full(at_session *session);
void at_label(at_session *session, at_diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void at_note(at_session *session, at_diag *diag, at_span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void at_hint(at_session *session, at_diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends "hint: did you mean `x`?" for the candidate nearest to `name`, if one is near. */
void at_hint_near(at_session *session, at_diag *diag, const char *name,
                  const char *const *candidates, int count);
/* Renders one record, or all, in the layout of docs/errors.md; `color` adds terminal colours. */
void at_diag_render(const at_diag *diag, bool color, at_text *out);
void at_diags_render(const at_session *session, bool color, at_text *out);

/* Runs `body(user)`; returns its result, or false after recording E001 when the session's memory
 * limit was met on the way. Nests: the outermost call catches. */
bool at_guarded(at_session *session, bool (*body)(void *user), void *user);
/* Runs `body(user)`, then `release(user)`, also when the session's memory runs out on the way and
 * control goes on to the guard outside: for bodies that hold files or memory of the heap. Guards by
 * itself when nothing outside does. */
bool at_released(at_session *session, bool (*body)(void *user), void (*release)(void *user),
                 void *user);

/* Our own mistake: names the stage and stops. Never for anything that input can cause. */
#define AT_ASSERT(session, condition)                                                              \
    ((condition) ? (void)0 : at_assert_failed((session), __FILE__, __LINE__, #condition))
_Noreturn void at_assert_failed(const at_session *session, const char *file, int line,
                                const char *condition);

/* Line and column (both from 1; columns count characters) of a byte of a source. */
void at_locate(const at_source *source, uint32_t byte, int *line, int *column);
static inline at_span at_no_span(void) { return (at_span){0, 0, 0}; }
/* From the beginning of a to the end of b. */
at_span at_span_join(at_span a, at_span b);

/* ---- file.c: whole files --------------------------------------------------------------------- */

/* Reads a text file into the session (UTF-8 checked, at most 16 MiB); NULL after an error. */
const at_source *at_read_source(at_session *session, const char *path);
/* A source from memory; text is copied. NULL after an error (not UTF-8, too long). */
const at_source *at_make_source(at_session *session, const char *name, const char *text,
                                size_t length);
/* Writes a file so that readers see the old or the new content, never a part: a temporary file in
 * the same folder, then rename. `write` is given the stream; false makes the whole call fail, for
 * the reason in errno if it set one. A link is followed, a device or pipe is written as it is. */
bool at_write_file(at_session *session, const char *path, bool (*write)(void *file, void *user),
                   void *user);

/* Makes the folders of the path that are missing, for the user alone: all up to its last `/`. False
 * with errno. */
bool at_make_folders(const char *path);

/* ---- clock.c --------------------------------------------------------------------------------- */

double at_now(void);           /* seconds, monotonic */
size_t at_memory_peak(void);   /* bytes resident at most, of this process */
size_t at_memory_free(void);   /* bytes that can be had now without swapping or being ended */

#endif
