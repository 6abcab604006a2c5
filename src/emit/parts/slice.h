/* Parts of arrays that belong to the present indices of scans and repeats: `at` has an index for
 * each dimension, or -1 where all of it is meant. */

struct attend_slice {
    const struct attend_block *block;
    const int64_t *extents, *at;
    int outer;               /* dimensions in front of those that lie together */
    int64_t run, index[64];  /* how many elements these have; where it stands in the outer ones */
};

static bool attend_slice_begin(const struct attend_frame *frame, int place, const int64_t *at,
                               struct attend_slice *slice) {
    const struct attend_block *block = &frame->program->block[place];
    *slice = (struct attend_slice){.block = block, .extents = frame->extents, .at = at, .run = 1};
    slice->outer = block->rank;
    while (slice->outer > 0 && at[slice->outer - 1] < 0)
        slice->run *= attend_length(block, frame->extents, --slice->outer);
    for (int k = 0; k < slice->outer; k++) {
        if (attend_length(block, frame->extents, k) == 0) return false;
        slice->index[k] = at[k] < 0 ? 0 : at[k];
    }
    return slice->run > 0;
}

static int64_t attend_slice_offset(const struct attend_slice *slice) {
    int64_t offset = 0;
    for (int k = 0; k < slice->outer; k++)
        offset = offset * attend_length(slice->block, slice->extents, k) + slice->index[k];
    return offset * slice->run;
}

static bool attend_slice_next(struct attend_slice *slice) {
    for (int k = slice->outer - 1; k >= 0; k--) {
        if (slice->at[k] >= 0) continue;
        if (++slice->index[k] < attend_length(slice->block, slice->extents, k)) return true;
        slice->index[k] = 0;
    }
    return false;
}

/* to = from, of two places of one shape. */
static void attend_slice_copy(const struct attend_frame *frame, int to, int from,
                              const int64_t *at) {
    struct attend_slice slice;
    size_t bytes = frame->program->block[to].bytes, width = bytes;
#if GIVEN_IS_HALF
    width = frame->program->block[from].bytes;
#endif
    const struct attend_fault *faults = attend_faults(frame, from);
    if (faults && frame->faults[to] && to != from) attend_spoil(frame, to);
    if (to == from || !attend_slice_begin(frame, to, at, &slice)) return;
    do {
        int64_t offset = attend_slice_offset(&slice), run = slice.run;
        char *x = (char *)frame->arrays[to] + (size_t)offset * bytes;
        const char *y = (const char *)frame->arrays[from] + (size_t)offset * width;
#if GIVEN_IS_HALF
        if (bytes < width) /* to an output of reals */
            for (int64_t i = 0; i < run; i++)
                ((given *)(void *)x)[i] = attend_given(((const real *)(const void *)y)[i]);
        else if (bytes > width) /* from a given array of reals */
            for (int64_t i = 0; i < run; i++)
                ((real *)(void *)x)[i] = attend_real(((const given *)(const void *)y)[i]);
        else
#endif
        memcpy(x, y, (size_t)run * bytes);
        if (!attend_faults(frame, to)) continue;
        if (faults)
            memcpy(frame->faults[to] + offset, faults + offset, (size_t)run * sizeof *faults);
        else memset(frame->faults[to] + offset, 0, (size_t)run * sizeof *faults);
    } while (attend_slice_next(&slice));
}

/* All 0, and a value. */
static void attend_slice_clear(const struct attend_frame *frame, int place, const int64_t *at) {
    struct attend_slice slice;
    size_t bytes = frame->program->block[place].bytes;
    struct attend_fault *faults = attend_is_faulty(frame, place) ? frame->faults[place] : NULL;
    if (!attend_slice_begin(frame, place, at, &slice)) return;
    do {
        int64_t offset = attend_slice_offset(&slice);
        memset((char *)frame->arrays[place] + (size_t)offset * bytes, 0, (size_t)slice.run * bytes);
        if (faults) memset(faults + offset, 0, (size_t)slice.run * sizeof *faults);
    } while (attend_slice_next(&slice));
}

/* Without a value, for the reason that `site` stands for. */
static void attend_slice_fail(const struct attend_frame *frame, int place, const int64_t *at,
                              int64_t site) {
    struct attend_slice slice;
    attend_spoil(frame, place);
    attend_slice_clear(frame, place, at);
    if (!attend_slice_begin(frame, place, at, &slice)) return;
    do {
        int64_t offset = attend_slice_offset(&slice);
        for (int64_t i = 0; i < slice.run; i++)
            frame->faults[place][offset + i] = (struct attend_fault){site, 0, 0};
    } while (attend_slice_next(&slice));
}
