/* tensor: arrays as files and callers hold them: a type, a shape, bytes. The names of axes are gone
 * here; rows are contiguous, the last axis fastest, little-endian in memory.
 *
 * Reading a file trusts nothing: every header is checked against the file's size before memory is
 * taken. All functions report through the session and return NULL or false after an error. */
#ifndef AT_TENSOR_H
#define AT_TENSOR_H

#include "base/base.h"

/* ---- tensor.c: types, shapes, buffers; convert.c: from one type to another ------------------- */

typedef enum {
#define AT_TYPE(id, text, bytes, npy, safetensors) AT_TYPE_##id,
#include "tensor/types.def"
#undef AT_TYPE
    AT_TYPES
} at_type;

enum { AT_RANK_LIMIT = 32 };

typedef struct at_mapping at_mapping; /* a file in memory, shared by the tensors that lie in it */

typedef struct at_tensor at_tensor;
struct at_tensor {
    at_type type;
    int rank;
    int64_t extents[AT_RANK_LIMIT];
    int64_t count;    /* elements: the product of the extents */
    void *data;       /* never NULL; owned and aligned to 64 bytes, or, where a mapping is set, a
                         part of that, aligned to its elements. Writing to it changes no file */
    at_mapping *mapping; /* NULL: data is owned */
};

const char *at_type_text(at_type type); /* "f32" */
size_t at_type_bytes(at_type type);
/* Elements of a shape, -1 when negative or more than a signed 64-bit byte count can hold. An
 * extent of 0 makes it 0, and the others must still fit, so that strides can be computed. */
int64_t at_shape_count(const int64_t *extents, int rank, size_t element_bytes);
/* "f32 (2, 3)", "f32 scalar" into a buffer of 256 bytes; many long extents end in "…)". */
void at_tensor_describe(const at_tensor *tensor, char *buffer);

/* Zeroed. NULL after E001 when the memory cannot be had (`name` says whose it is), E806 for more
 * than AT_RANK_LIMIT axes. */
at_tensor *at_tensor_new(at_session *s, at_type type, const int64_t *extents, int rank,
                         const char *name);
void at_tensor_free(at_tensor *tensor); /* NULL is fine */
/* A new tensor of another type. Reals round once, to nearest even, and overflow to infinity, to NaN
 * where the type has no infinity. Into an int goes only what is that int: E807 names the first
 * element that is too large, broken, or NaN; into a bool, 0 and 1, and into f8_e8m0 powers of two
 * and NaN. bools become 0 and 1. */
at_tensor *at_tensor_convert(at_session *s, const at_tensor *from, at_type type, const char *name);
float at_half_to_float(uint16_t half);
uint16_t at_float_to_half(float value);
float at_bfloat_to_float(uint16_t bfloat);
uint16_t at_float_to_bfloat(float value);
/* float8.c: of the types F8_…; what is stored as F8_E8M0 must be a power of two that it has, or
 * NaN. */
float at_float8_to_float(at_type type, uint8_t code);
uint8_t at_float_to_float8(at_type type, float value);

/* ---- npy.c: one array in a file (npy_header.c: its header) ----------------------------------- */

/* NumPy's .npy, versions 1 to 3: bool, ints, f16, f32, f64 in either byte order and either row
 * order; `name` is what messages call it. bytes is borrowed. The tensor is the caller's. NULL after
 * E801 to E806; reading a path also E002, and E001 where memory does not suffice. */
at_tensor *at_npy_parse(at_session *s, const char *name, const unsigned char *bytes, size_t length);
at_tensor *at_npy_read(at_session *s, const char *path);
/* The bytes that np.save writes. bf16 and f8, which NumPy has not, become f32: every value stays.
 * False after E003. */
bool at_npy_write(at_session *s, const char *path, const at_tensor *tensor);

/* ---- npz.c: named arrays in one file; zip.c, npz_write.c: that file, a zip ------------------- */

typedef struct {
    const char *name; /* without .npy; owned by the collection's session */
    at_tensor *tensor;
} at_named;

typedef struct {
    int count, capacity;
    at_named *items;
} at_collection;

/* Stored and deflated members, zip64 included; duplicate names, encryption, lying sizes and members
 * that inflate to more than they declare are errors, E810 to E814 beside those of a .npy. The
 * result's tensors are the caller's: at_collection_free. After an error `out` is empty. */
bool at_npz_parse(at_session *s, const char *name, const unsigned char *bytes, size_t length,
                  at_collection *out);
bool at_npz_read(at_session *s, const char *path, at_collection *out);
/* Deflated when compress, as .npy each, in the order of the collection. Deterministic: no dates.
 * False after E003, or E814 for a name that is empty, not text, or there twice. */
bool at_npz_write(at_session *s, const char *path, const at_collection *arrays, bool compress);

/* ---- safetensors.c (safetensors_header.c, safetensors_write.c): named arrays in one file ----- */

/* The format of that name, version 0.8: every type of types.def. The whole header is checked
 * against the file before an array is made: bounds, gaps, overlaps, shapes against offsets, names;
 * F4, F6 and complex elements are refused by name. E815 to E819, E806 for more than AT_RANK_LIMIT
 * axes. Arrays come in the order of their data. From a path, large ones that lie as they are needed
 * are mapped: they take no memory until they are read. After an error `out` is empty. */
bool at_safetensors_parse(at_session *s, const char *name, const unsigned char *bytes,
                          size_t length, at_collection *out);
bool at_safetensors_read(at_session *s, const char *path, at_collection *out);
/* What a file says about itself. */
typedef struct {
    const char *key, *value; /* UTF-8 */
} at_metadata;
/* Deterministic: the widest elements first, then by name, so that every array is aligned. False
 * after E003, or E819 for a name that is empty, not text, there twice, or `__metadata__`. */
bool at_safetensors_write(at_session *s, const char *path, const at_collection *arrays,
                          const at_metadata *metadata, int metadata_count);

/* ---- archive.c: one of these by the file's name ---------------------------------------------- */

/* Whether a path ends in .npz or .safetensors. */
bool at_archive_named(const char *path);
/* As at_safetensors_read, or at_npz_read for any other name. */
bool at_archive_read(at_session *s, const char *path, at_collection *out);
/* As at_safetensors_write or, compressed and without the metadata, at_npz_write. E820 for a path
 * that ends in neither. */
bool at_archive_write(at_session *s, const char *path, const at_collection *arrays,
                      const at_metadata *metadata, int metadata_count);

/* ---- collections ----------------------------------------------------------------------------- */

/* The name is copied, the tensor becomes the collection's. */
void at_collection_add(at_session *s, at_collection *collection, const char *name,
                       at_tensor *tensor);
/* The tensor called `name`, still the collection's; NULL when there is none. */
at_tensor *at_collection_find(const at_collection *collection, const char *name);
void at_collection_free(at_collection *collection); /* frees the tensors */

#endif
