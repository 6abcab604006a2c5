/* Tensors: a type, a shape, and zeroed memory for them. Everything that holds elements outside of a
 * running kernel is one of these: inputs, parameters, results, what files contain.
 *
 * Memory is asked for politely: a large tensor is compared with what the machine has free first,
 * because Linux grants what it cannot give and then ends the process. */
#include "tensor/tensor_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Files hold little-endian numbers, and are read and written without looking at each. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "attend needs a little-endian machine");

enum { ALIGNMENT = 64 };

static const struct {
    const char *text;
    size_t bytes;
} rows[] = {
#define AT_TYPE(id, text, bytes, npy, safetensors) {text, bytes},
#include "tensor/types.def"
#undef AT_TYPE
};

const char *at_type_text(at_type type) { return rows[type].text; }
size_t at_type_bytes(at_type type) { return rows[type].bytes; }

int64_t at_shape_count(const int64_t *extents, int rank, size_t element_bytes) {
    int64_t size = (int64_t)element_bytes;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (extents[i] < 0) return -1;
        if (extents[i] == 0) empty = true;
        else if (__builtin_mul_overflow(size, extents[i], &size)) return -1;
    }
    return empty ? 0 : size / (int64_t)element_bytes;
}

void at_shape_describe(at_type type, const int64_t *extents, int rank, char *buffer) {
    int used = snprintf(buffer, AT_DESCRIBE_BYTES, "%s%s", at_type_text(type),
                        rank ? " (" : " scalar");
    for (int i = 0; i < rank; i++) {
        /* Room for one more extent, the dots and the end. */
        if (used > AT_DESCRIBE_BYTES - 32) {
            snprintf(buffer + used, (size_t)(AT_DESCRIBE_BYTES - used), ", …)");
            return;
        }
        used += snprintf(buffer + used, (size_t)(AT_DESCRIBE_BYTES - used), "%s%" PRId64,
                         i ? ", " : "", extents[i]);
    }
    if (rank) snprintf(buffer + used, (size_t)(AT_DESCRIBE_BYTES - used), ")");
}

void at_tensor_describe(const at_tensor *tensor, char *buffer) {
    at_shape_describe(tensor->type, tensor->extents, tensor->rank, buffer);
}

void at_bytes_describe(uint64_t bytes, char *buffer) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 10 * 1024) {
        snprintf(buffer, 32, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return;
    }
    double amount = (double)bytes / 1024;
    int unit = 0;
    for (; amount >= 1024 && unit < 5; unit++) amount /= 1024;
    snprintf(buffer, 32, "%.1f %s", amount, units[unit]);
}

const char *at_shown(at_session *s, const char *text, size_t length, size_t most) {
    at_text shown = {0};
    size_t i = 0;
    while (i < length && i < most) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                              (utf8proc_ssize_t)(length - i), &point);
        bool plain = n > 0 && utf8proc_category(point) != UTF8PROC_CATEGORY_CC &&
                     utf8proc_category(point) != UTF8PROC_CATEGORY_CF;
        at_text_add_n(&shown, plain ? text + i : "?", plain ? (size_t)n : 1);
        i += n > 0 ? (size_t)n : 1;
    }
    if (i < length) at_text_add(&shown, "…");
    /* A copy that cannot be had leaves by the escape: the text on the heap goes first. */
    char copy[4 * AT_SHOWN_NAME];
    snprintf(copy, sizeof copy, "%s", shown.data ? shown.data : "");
    at_text_free(&shown);
    return at_copy_text(s->arena, copy, strlen(copy));
}

bool at_name_plain(const char *name, size_t length) {
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)name + i,
                                              (utf8proc_ssize_t)(length - i), &point);
        if (n <= 0 || utf8proc_category(point) == UTF8PROC_CATEGORY_CC) return false;
        i += (size_t)n;
    }
    return length > 0;
}

void at_bools_clean(at_tensor *tensor) {
    unsigned char *bools = tensor->data;
    if (tensor->type != AT_TYPE_BOOL) return;
    for (int64_t i = 0; i < tensor->count; i++) bools[i] = bools[i] != 0;
}

at_tensor *at_tensor_new(at_session *s, at_type type, const int64_t *extents, int rank,
                         const char *name) {
    at_span nowhere = at_no_span();
    char shape[AT_DESCRIBE_BYTES], size[32], room[32];
    if (rank < 0 || rank > AT_RANK_LIMIT) {
        at_error(s, AT_E_TENSOR_RANK, nowhere, "%s has %d axes, and an array has at most %d", name,
                 rank, AT_RANK_LIMIT);
        return NULL;
    }
    int64_t count = at_shape_count(extents, rank, at_type_bytes(type));
    at_shape_describe(type, extents, rank, shape);
    if (count < 0) {
        at_error(s, AT_E_MEMORY, nowhere, "%s would be %s, more than any memory can hold", name,
                 shape);
        return NULL;
    }
    uint64_t bytes = (uint64_t)count * at_type_bytes(type);
    uint64_t rounded = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    size_t available = bytes > AT_MEMORY_SMALL ? at_memory_free() : SIZE_MAX;
    at_tensor *tensor = NULL;
    void *data = NULL;
    if (rounded <= available) {
        tensor = calloc(1, sizeof *tensor);
        data = aligned_alloc(ALIGNMENT, (size_t)rounded);
    }
    if (!tensor || !data) {
        free(tensor);
        free(data);
        at_bytes_describe(bytes, size);
        at_bytes_describe(available, room);
        at_diag *diag = at_error(s, AT_E_MEMORY, nowhere, "no memory for %s: %s takes %s", name,
                                 shape, size);
        if (bytes > AT_MEMORY_SMALL) at_note(s, diag, nowhere, "%s are free now", room);
        return NULL;
    }
    memset(data, 0, (size_t)rounded);
    tensor->type = type;
    tensor->rank = rank;
    at_move(tensor->extents, extents, sizeof *extents * (size_t)rank);
    tensor->count = count;
    tensor->data = data;
    return tensor;
}

void at_tensor_free(at_tensor *tensor) {
    if (!tensor) return;
    if (tensor->mapping) at_mapping_release(tensor->mapping);
    else free(tensor->data);
    free(tensor);
}
