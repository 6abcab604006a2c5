/* Whether what a program is given is finite, which is asked once a run: passes that run block by
 * block would ask it for each block. */

static inline bool attend_are_all_finite(const struct attend_frame *frame, int place) {
    const struct attend_block *block = &frame->program->block[place];
    int64_t count = 1;
    for (int k = 0; k < block->rank; k++) count *= attend_length(block, frame->extents, k);
#if GIVEN_IS_HALF
    if (block->bytes == sizeof(given)) return attend_are_given_finite(frame->arrays[place], count);
#endif
    return attend_are_finite(frame->arrays[place], count);
}

/* Of `count` elements of a place from `x` on; if all of the place are, nobody asks again. */
static inline bool attend_knows_finite(const struct attend_frame *frame, int place, const given *x,
                                       int64_t count) {
    signed char known = __atomic_load_n(&frame->finite[place], __ATOMIC_RELAXED);
    if (known == 0) {
        known = attend_are_all_finite(frame, place) ? 1 : -1;
        __atomic_store_n(&frame->finite[place], known, __ATOMIC_RELAXED);
    }
    if (known > 0) return true;
#if GIVEN_IS_HALF
    return attend_are_given_finite(x, count);
#else
    return attend_are_finite(x, count);
#endif
}
