/* tensor_int: what the files of this folder share and nobody else needs: bytes of a file at hand,
 * the members of a zip as streams of them, and the header of a .npy file.
 *
 * Whatever holds heap memory or an open file here is a record with a release function, run by
 * at_released: reporting an error allocates from the session's arena and may leave by its escape.
 */
#ifndef AT_TENSOR_INT_H
#define AT_TENSOR_INT_H

#define ZLIB_CONST /* inputs of zlib are const, as it keeps them */
#include <zlib.h>

#include "tensor/tensor.h"

/* ---- tensor.c -------------------------------------------------------------------------------- */

enum { AT_DESCRIBE_BYTES = 256 };
/* Bytes up to which nobody asks how much memory is free. */
enum { AT_MEMORY_SMALL = 16 << 20 };
/* As at_tensor_describe, for a tensor that is not there (yet). */
void at_shape_describe(at_type type, const int64_t *extents, int rank, char *buffer);
/* "37.3 GiB", "120 bytes" into a buffer of at least 32 bytes. */
void at_bytes_describe(uint64_t bytes, char *buffer);
/* Makes 1 of every byte of a bool that is not 0, as files may hold others. */
void at_bools_clean(at_tensor *tensor);
/* Text from a file as a message may show it: control characters and what is not UTF-8 become `?`,
 * and what follows `most` bytes (at most AT_SHOWN_NAME) becomes `…`. In the session's arena. */
enum { AT_SHOWN_NAME = 96, AT_SHOWN_PIECE = 24 };
const char *at_shown(at_session *s, const char *text, size_t length, size_t most);
/* Whether this can be the name of an array in a file: not empty, UTF-8, no control characters
 * (names end up in messages, and as names in programs). */
bool at_name_plain(const char *name, size_t length);

/* ---- bytes.c: where bytes come from ---------------------------------------------------------- */

/* A file, or memory, whose bytes can be had at any offset. */
typedef struct {
    const unsigned char *memory; /* NULL: of the open file */
    unsigned char *owned;        /* what was read from a pipe; memory points to it */
    int file;                    /* -1: none */
    uint64_t length;
} at_bytes;

at_bytes at_bytes_of(const void *memory, size_t length);
/* False after E002 (cannot be read, a folder, a device) or E001 (a pipe with too much in it). */
bool at_bytes_open(at_session *s, const char *path, at_bytes *out);
void at_bytes_close(at_bytes *bytes);
/* Copies bytes [offset, offset + n); false when there are none there (errno 0) or on an error. */
bool at_bytes_get(const at_bytes *bytes, uint64_t offset, void *to, size_t n);

/* A whole file in memory; what is written to it stays there. Ends with its last user, in whatever
 * thread that is. */
struct at_mapping {
    _Atomic int users;
    unsigned char *start; /* at the beginning of a page */
    size_t length;
};
/* With one user, who gives it back; NULL where the bytes are no file that can be mapped. */
at_mapping *at_bytes_map(const at_bytes *bytes);
at_mapping *at_mapping_use(at_mapping *mapping);
void at_mapping_release(at_mapping *mapping); /* NULL is fine */

typedef enum {
    AT_STREAM_FINE,
    AT_STREAM_SHORT,      /* ended before the bytes that were declared */
    AT_STREAM_LONG,       /* goes on after them */
    AT_STREAM_DAMAGED,    /* not a deflate stream */
    AT_STREAM_UNREADABLE, /* the operating system said `reason` */
    AT_STREAM_MEMORY,
} at_stream_state;

/* A range of a file, as it is or inflated, from its beginning to its end. All zero is closed. */
typedef struct {
    const at_bytes *bytes; /* borrowed */
    uint64_t at, end;      /* what is still unread of the range */
    uint64_t left;         /* bytes still to be given, as declared */
    bool deflated, open;
    uint32_t crc;          /* of what was given */
    at_stream_state state;
    int reason;
    z_stream z;
    unsigned char *buffer;
} at_stream;

/* `declared`: bytes that the range gives; for one that is not deflated, its length. */
void at_stream_open(at_stream *stream, const at_bytes *bytes, uint64_t offset, uint64_t length,
                    bool deflated, uint64_t declared);
bool at_stream_read(at_stream *stream, void *to, uint64_t n); /* false: see state */
/* Whether the stream ends where it was declared to end. */
bool at_stream_finish(at_stream *stream);
void at_stream_close(at_stream *stream);

/* ---- npy_header.c ---------------------------------------------------------------------------- */

typedef struct {
    at_type type;
    bool swapped; /* big-endian */
    bool fortran; /* first axis fastest */
    int rank;
    int64_t extents[AT_RANK_LIMIT];
    int64_t count;
} at_npy_layout;

enum { AT_NPY_HEADER_LIMIT = 16 << 10 };

/* The text between the preamble and the data. False after E803, E804, E806. */
bool at_npy_header_parse(at_session *s, const char *name, const char *text, size_t length,
                         at_npy_layout *out);
/* As what a type is written: f32, which holds each of its values, for what NumPy has no letters. */
at_type at_npy_type(at_type type);
/* Preamble and header for a tensor, as NumPy writes them; returns their length. */
enum { AT_NPY_PREAMBLE_BYTES = 2048 };
size_t at_npy_header_print(const at_tensor *tensor, char *buffer);

/* ---- npy.c ----------------------------------------------------------------------------------- */

/* One .npy of `length` bytes from a stream; NULL after errors. Does not finish the stream. */
at_tensor *at_npy_load(at_session *s, const char *name, at_stream *stream, uint64_t length);
/* Reports why a stream failed. */
void at_stream_report(at_session *s, const char *name, const at_stream *stream);
/* Gives preamble, header and data of a tensor, piece by piece; stops when `put` says false. */
bool at_npy_put(const at_tensor *tensor, bool (*put)(void *user, const void *bytes, size_t n),
                void *user);
uint64_t at_npy_bytes(const at_tensor *tensor); /* as at_npy_put gives them */

/* ---- safetensors_header.c -------------------------------------------------------------------- */

typedef struct {
    const char *name; /* UTF-8, in the session's arena, as extents are */
    at_type type;
    int rank;
    int64_t *extents;
    int64_t count;       /* elements; set once checked */
    uint64_t begin, end; /* in the data, which begin behind the header */
} at_safetensors_entry;

typedef struct {
    int count, capacity;
    at_safetensors_entry *items; /* in the session's arena */
} at_safetensors_list;

enum { AT_SAFETENSORS_HEADER_LIMIT = 100000000 };

/* The text between the length and the data. Names are distinct; that offsets and shapes are
 * possible is not checked. False after E806, E816, E817, E818, E819. */
bool at_safetensors_header_parse(at_session *s, const char *name, const char *text, size_t length,
                                 at_safetensors_list *out);
const char *at_safetensors_dtype(at_type type); /* "F32" */
const char *at_safetensors_shown(at_session *s, const at_safetensors_entry *entry);

/* ---- zip.c: reading -------------------------------------------------------------------------- */

typedef struct {
    const char *name;         /* as in the zip; UTF-8, in the session's arena */
    uint64_t begin, data, end; /* its local header, its bytes, what comes after */
    uint64_t size;            /* inflated */
    uint32_t crc;
    bool deflated;
} at_zip_member;

typedef struct {
    int count, capacity;
    at_zip_member *items; /* in the order of the directory; in the session's arena */
} at_zip;

/* Lists a zip's members. Every promise that can be checked without inflating has been: places lie
 * in the file and do not overlap, both headers of a member agree, names are UTF-8 and distinct,
 * sizes are possible. False after E810, E811, E812, E814. */
bool at_zip_list(at_session *s, const char *name, const at_bytes *bytes, at_zip *out);

#endif
