/* Where everything lies. Blocks whose lives do not overlap share memory: the largest is placed
 * first, and each as low as it fits beside those that live when it does. */

static int64_t attend_length(const struct attend_block *block, const int64_t *extents, int k) {
    if (block->axes[k] == ATTEND_THREADS) return 1;
    return block->axes[k] < 0 ? -(int64_t)block->axes[k] : extents[block->axes[k]];
}

/* Rounded up to 64; SIZE_MAX if it is more than can be counted. */
static size_t attend_block_bytes(const struct attend_block *block, const int64_t *extents) {
    uint64_t bytes = block->bytes;
    for (int k = 0; k < block->rank; k++) {
        int64_t length = attend_length(block, extents, k);
        if (length == 0) return 0;
        if (length < 0 || __builtin_mul_overflow(bytes, (uint64_t)length, &bytes)) return SIZE_MAX;
    }
    return bytes > (uint64_t)INT64_MAX - 64 ? SIZE_MAX : (size_t)((bytes + 63) / 64 * 64);
}

/* Whether a caller's array lies in rows without gaps. */
static bool attend_is_dense(const struct attend_block *block, const int64_t *extents,
                            const struct attend_view *view) {
    int64_t stride = 1;
    if (!view->strides) return true;
    for (int k = 0; k < block->rank; k++)
        if (attend_length(block, extents, k) == 0) return true;
    for (int k = block->rank - 1; k >= 0; k--) {
        int64_t length = attend_length(block, extents, k);
        if (length != 1 && view->strides[k] != stride) return false;
        stride *= length;
    }
    return true;
}

/* Gives each block of `sizes` its offset; the bytes of all, or SIZE_MAX. order: room for as
 * many. */
static size_t attend_place_blocks(const struct attend_block *blocks, int count, const size_t *sizes,
                                  size_t *offsets, int *order) {
    int placed = 0;
    size_t end = 0, bound = SIZE_MAX;
    int tie = -1;
    for (int n = 0; n < count; n++) {
        int next = -1; /* the largest that is left, of equal ones the first */
        for (int i = 0; i < count; i++) {
            bool left = sizes[i] < bound || (sizes[i] == bound && i > tie);
            if (left && (next < 0 || sizes[i] > sizes[next])) next = i;
        }
        if (next < 0) break;
        bound = sizes[next];
        tie = next;
        if (bound == SIZE_MAX) return SIZE_MAX;
        offsets[next] = 0;
        if (bound == 0) continue;
        size_t at = 0;
        for (int i = 0; i < placed; i++) {
            const struct attend_block *a = &blocks[order[i]], *b = &blocks[next];
            if (a->last < b->first || b->last < a->first) continue;
            if (at + bound <= offsets[order[i]]) break;
            if (offsets[order[i]] + sizes[order[i]] > at) at = offsets[order[i]] + sizes[order[i]];
        }
        if (at > (size_t)INT64_MAX - bound) return SIZE_MAX;
        offsets[next] = at;
        if (at + bound > end) end = at + bound;
        int to = placed++;
        for (; to > 0 && offsets[order[to - 1]] > at; to--) order[to] = order[to - 1];
        order[to] = next;
    }
    return end;
}

/* The bytes of a run's workspace. The arrays have room for one of each block. */
static size_t attend_measure(const struct attend_program *program, const struct attend_call *call,
                             const int64_t *extents, size_t *sizes, size_t *offsets, int *order) {
    for (int i = 0; i < program->blocks; i++) {
        const struct attend_block *block = &program->block[i];
        sizes[i] = attend_block_bytes(block, extents);
        if ((i >= program->scratch || block->group) && sizes[i] != SIZE_MAX &&
            __builtin_mul_overflow(sizes[i], (size_t)call->threads, &sizes[i]))
            sizes[i] = SIZE_MAX;
        /* A caller's array lies where it is, if it lies as the passes take it. */
        if (i < program->views && sizes[i] != SIZE_MAX &&
            !(program->uses[i] & ATTEND_CONVERTED) &&
            attend_is_dense(block, extents, &call->arrays[i]))
            sizes[i] = 0;
    }
    return attend_place_blocks(program->block, program->blocks, sizes, offsets, order);
}

/* Whether every element of an output has a value; else the first without is the failure. */
static bool attend_check(const struct attend_frame *frame, int place) {
    const struct attend_block *block = &frame->program->block[place];
    int64_t count = 1;
    if (!attend_is_faulty(frame, place)) return true;
    for (int k = 0; k < block->rank; k++) count *= attend_length(block, frame->extents, k);
    for (int64_t i = 0; i < count; i++) {
        if (frame->faults[place][i].site == 0) continue;
        attend_fail(frame, frame->faults[place][i], place, i);
        return false;
    }
    return true;
}

/* The threads that a caller runs us in are no concern of ours. */
static inline int attend_level(void) {
#ifdef _OPENMP
    return omp_get_level();
#else
    return 0;
#endif
}

/* How many threads run this together. */
static inline int attend_team(void) {
#ifdef _OPENMP
    return omp_get_num_threads();
#else
    return 1;
#endif
}

/* Which of the threads that share our loops runs this: of those around it one at most is shared. */
static inline int attend_thread(const struct attend_frame *frame) {
    int thread = 0;
    (void)frame;
#ifdef _OPENMP
    for (int level = omp_get_level(); level > frame->level; level--)
        thread += omp_get_ancestor_thread_num(level);
#endif
    return thread;
}

/* A thread's own memory of one row. */
static void *attend_scratch(const struct attend_frame *frame, int number) {
    int i = frame->program->scratch + number, thread = attend_thread(frame);
    size_t bytes = attend_block_bytes(&frame->program->block[i], frame->extents);
    char *base = frame->call->workspace;
    return base ? base + frame->offsets[i] + (size_t)thread * bytes : NULL;
}

/* From here on the faults of a place count: there are none so far. */
static void attend_spoil(const struct attend_frame *frame, int place) {
    int block = frame->program->fault_blocks[place];
#pragma omp critical(attend_spoil)
    if (!*frame->faulty[place]) {
        memset(frame->faults[place], 0,
               attend_block_bytes(&frame->program->block[block], frame->extents));
        attend_note(frame->faulty[place]);
    }
}

/* The faults of a place; NULL: none of its elements has one. */
static inline const struct attend_fault *attend_faults(const struct attend_frame *frame,
                                                       int place) {
    return attend_is_faulty(frame, place) ? frame->faults[place] : NULL;
}

/* Copies between a caller's array and rows without gaps, element by element. */
static void attend_copy_view(const struct attend_frame *frame, int place, bool out) {
    const struct attend_block *block = &frame->program->block[place];
    const struct attend_view *view = &frame->call->arrays[place];
    size_t bytes = block->bytes, width = bytes;
#if GIVEN_IS_HALF
    bool converts = frame->program->uses[place] & ATTEND_CONVERTED;
    if (converts) width = sizeof(given);
#endif
    int64_t index[64] = {0}, strides[64], at = 0, stride = 1;
    char *dense = frame->arrays[place], *from = view->data;
    for (int k = block->rank - 1; k >= 0; k--) {
        int64_t length = attend_length(block, frame->extents, k);
        if (length == 0) return;
        strides[k] = view->strides ? view->strides[k] : stride;
        stride *= length;
    }
    for (;; dense += bytes) {
        char *other = from + at * (int64_t)width;
#if GIVEN_IS_HALF
        if (converts) *(given *)(void *)other = attend_given(*(real *)(void *)dense);
        else
#endif
        memcpy(out ? other : dense, out ? dense : other, bytes);
        int k = block->rank - 1;
        for (; k >= 0; k--) {
            at += strides[k];
            if (++index[k] < attend_length(block, frame->extents, k)) break;
            at -= strides[k] * index[k];
            index[k] = 0;
        }
        if (k < 0) return;
    }
}

/* Finds where everything lies and copies in what has to be. False if the workspace is too small. */
static bool attend_begin(const struct attend_frame *frame, size_t *sizes, size_t *offsets,
                         int *order, void **arrays, struct attend_fault **faults, bool **faulty,
                         bool *faulty_of) {
    const struct attend_program *program = frame->program;
    const struct attend_call *call = frame->call;
    size_t bytes = attend_measure(program, call, frame->extents, sizes, offsets, order);
    if (bytes > call->workspace_bytes) return false;
    char *base = call->workspace;
    for (int i = 0; i < program->places; i++) {
        bool own = i >= program->views || sizes[i] > 0;
        arrays[i] = !own ? call->arrays[i].data : base ? base + offsets[i] : NULL;
        faulty[i] = &faulty_of[i];
        int block = program->fault_blocks[i];
        faults[i] = block && base ? (struct attend_fault *)(void *)(base + offsets[block]) : NULL;
    }
    for (int i = 0; i < program->views; i++)
        if ((program->uses[i] & ATTEND_IN) && sizes[i] > 0) attend_copy_view(frame, i, false);
    call->failure->fault.site = 0;
    return true;
}

/* Copies out what is not where the caller wants it. */
static void attend_end(const struct attend_frame *frame, const size_t *sizes) {
    for (int i = 0; i < frame->program->views; i++)
        if ((frame->program->uses[i] & ATTEND_OUT) && sizes[i] > 0)
            attend_copy_view(frame, i, true);
}
