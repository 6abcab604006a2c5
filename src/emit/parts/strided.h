/* Arrays of a caller, element by element: strides in elements, of any sign; NULL for rows without
 * gaps. */
struct attend_strided {
    char *data;
    size_t bytes; /* of an element */
    int rank;
    const int64_t *extents, *strides;
};

static int64_t attend_strided_stride(const struct attend_strided *array, int k) {
    int64_t stride = 1;
    if (array->strides) return array->strides[k];
    for (int i = k + 1; i < array->rank; i++) stride *= array->extents[i];
    return stride;
}

/* The address of the element after the one at `index`, or NULL after the last. */
static char *attend_strided_next(const struct attend_strided *array, int64_t *index, char *at) {
    for (int k = array->rank - 1; k >= 0; k--) {
        int64_t step = attend_strided_stride(array, k) * (int64_t)array->bytes;
        at += step;
        if (++index[k] < array->extents[k]) return at;
        at -= step * index[k];
        index[k] = 0;
    }
    return NULL;
}

static bool attend_strided_empty(const struct attend_strided *array) {
    for (int k = 0; k < array->rank; k++)
        if (array->extents[k] == 0) return true;
    return false;
}

/* Whether all ints are from 0 to below `size`, or all bytes of bools 0 or 1. */
static bool attend_strided_inside(const struct attend_strided *array, int64_t size) {
    int64_t index[64] = {0};
    if (attend_strided_empty(array)) return true;
    for (char *at = array->data; at; at = attend_strided_next(array, index, at)) {
        if (array->bytes == 1 && *(unsigned char *)at > 1) return false;
        if (array->bytes == 1) continue;
        int64_t value = *(const int64_t *)(const void *)at;
        if (value < 0 || value >= size) return false;
    }
    return true;
}

/* Copies an array to one of the same shape; they may not share memory. */
static void attend_strided_copy(const struct attend_strided *from,
                                const struct attend_strided *to) {
    int64_t index[64] = {0}, other[64] = {0};
    if (attend_strided_empty(from)) return;
    char *target = to->data;
    for (char *at = from->data; at; at = attend_strided_next(from, index, at)) {
        memcpy(target, at, from->bytes);
        target = attend_strided_next(to, other, target);
    }
}
