/* Positions put in the order of their keys, `key[position]`: stable, NaN last, whichever way.
 * `spare` is as long as `order`. */
static bool attend_before_real(const real *key, int64_t a, int64_t b, bool falling) {
    if (isnan(key[a])) return false;
    if (isnan(key[b])) return true;
    return falling ? key[a] > key[b] : key[a] < key[b];
}

static bool attend_before_int(const int64_t *key, int64_t a, int64_t b, bool falling) {
    return falling ? key[a] > key[b] : key[a] < key[b];
}

/* Merges neighbours, from runs of one up. */
#define ATTEND_SORT(kind, type)                                                                    \
    static void attend_sort_##kind(const type *key, int64_t *order, int64_t *spare,                \
                                   int64_t count, bool falling) {                                  \
        for (int64_t width = 1; width < count; width *= 2) {                                       \
            for (int64_t from = 0; from < count; from += 2 * width) {                              \
                int64_t middle = from + width < count ? from + width : count;                      \
                int64_t to = middle + width < count ? middle + width : count;                      \
                int64_t a = from, b = middle;                                                      \
                for (int64_t k = from; k < to; k++) {                                              \
                    bool second = a == middle || (b < to && attend_before_##kind(key, order[b],    \
                                                                                 order[a],         \
                                                                                 falling));        \
                    spare[k] = second ? order[b++] : order[a++];                                   \
                }                                                                                  \
            }                                                                                      \
            for (int64_t k = 0; k < count; k++) order[k] = spare[k];                               \
        }                                                                                          \
    }
ATTEND_SORT(real, real)
ATTEND_SORT(int, int64_t)

/* Only the first `wanted` positions of the falling order, in the front of `order`. Few are kept in
 * order while the others go by; many are found by sorting all. */
#define ATTEND_LARGEST(kind, type)                                                                 \
    static void attend_largest_##kind(const type *key, int64_t *order, int64_t *spare,             \
                                      int64_t count, int64_t wanted) {                             \
        if (wanted > 32) {                                                                         \
            attend_sort_##kind(key, order, spare, count, true);                                    \
            return;                                                                                \
        }                                                                                          \
        int64_t kept = 0;                                                                          \
        for (int64_t k = 0; k < count && wanted > 0; k++) {                                        \
            int64_t position = order[k], at = kept;                                                \
            if (kept == wanted) {                                                                  \
                if (!attend_before_##kind(key, position, spare[kept - 1], true)) continue;         \
                at = kept - 1;                                                                     \
            } else {                                                                               \
                kept++;                                                                            \
            }                                                                                      \
            for (; at > 0 && attend_before_##kind(key, position, spare[at - 1], true); at--)       \
                spare[at] = spare[at - 1];                                                         \
            spare[at] = position;                                                                  \
        }                                                                                          \
        for (int64_t k = 0; k < kept; k++) order[k] = spare[k];                                    \
    }
ATTEND_LARGEST(real, real)
ATTEND_LARGEST(int, int64_t)
#undef ATTEND_SORT
#undef ATTEND_LARGEST
