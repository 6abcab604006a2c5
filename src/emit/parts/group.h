/* Passes that run together for one block of indices of an axis at a time, which threads share out.
 * What only they read has no more elements than a block needs, for each thread. */

/* So that what a block needs stays in a cache, there are blocks enough for threads, and products
 * have rows enough: where one row takes long by itself, one is. */
enum { GROUP_BYTES = 8 << 20, GROUP_LEAST = 12, GROUP_FEW = 8, GROUP_GOOD = 32, GROUP_MOST = 128,
       GROUP_PARTS = 32, GROUP_LONG = 512 << 10, GROUP_LONGER = 1 << 20, GROUP_LONGEST = 4 << 20 };

/* The rows of as many even blocks as must be, of this many rows at most. */
static int64_t attend_even_rows(int64_t extent, int64_t most) {
    if (extent <= most) return extent > 0 ? extent : 1;
    int64_t blocks = (extent + most - 1) / most;
    return (extent + blocks - 1) / blocks;
}

/* How many indices a block of a group has. The extent of its `rows` is 1. */
static int64_t attend_group_rows(const struct attend_program *program, int g,
                                 const int64_t *extents) {
    const struct attend_group *group = &program->group[g];
    int64_t most = GROUP_MOST, parts = 1;
    if (group->most > 0) return attend_even_rows(extents[group->axis], group->most);
    size_t row = 1;
    for (int i = 0; i < program->places; i++) { /* faults are rare */
        if (program->block[i].group != g + 1) continue;
        size_t bytes = attend_block_bytes(&program->block[i], extents);
        row = bytes > SIZE_MAX - row ? SIZE_MAX : row + bytes;
    }
    if (row > GROUP_BYTES / GROUP_MOST) most = (int64_t)(GROUP_BYTES / row);
    if (most < GROUP_LEAST)
        most = row > GROUP_LONGEST ? 1 : row > GROUP_LONGER ? GROUP_FEW : GROUP_LEAST;
    for (int i = 0; i < group->singles; i++)
        if (parts < GROUP_PARTS) parts *= extents[group->single[i]];
    int64_t few = parts > 0 ? extents[group->axis] / ((GROUP_PARTS + parts - 1) / parts) : 0;
    if (few < GROUP_GOOD) few = row <= GROUP_LONG ? GROUP_GOOD : few > 1 ? few : 1;
    return attend_even_rows(extents[group->axis], few < most ? few : most);
}

/* The extents of the program's axes, and behind them the rows of each group. */
static void attend_extents(const struct attend_program *program, const struct attend_call *call,
                           int64_t *extents) {
    memcpy(extents, call->extents, (size_t)program->axes * sizeof *extents);
    for (int g = 0; g < program->groups; g++) extents[program->group[g].rows] = 1;
    for (int g = 0; g < program->groups; g++)
        extents[program->group[g].rows] = attend_group_rows(program, g, extents);
}

/* What a thread sees of the run inside a group: its own memory of what is held in blocks. The
 * tables have room for every place. */
static struct attend_frame attend_own_frame(const struct attend_frame *frame, int g, void **arrays,
                                            struct attend_fault **faults, bool **faulty,
                                            bool *own_faulty) {
    const struct attend_program *program = frame->program;
    struct attend_frame own = *frame;
    size_t thread = (size_t)attend_thread(frame);
    for (int i = 0; i < program->places; i++) {
        arrays[i] = frame->arrays[i];
        faults[i] = frame->faults[i];
        faulty[i] = frame->faulty[i];
        if (program->block[i].group != g + 1) continue;
        int block = program->fault_blocks[i];
        size_t bytes = attend_block_bytes(&program->block[i], frame->extents);
        size_t fault_bytes = attend_block_bytes(&program->block[block], frame->extents);
        if (arrays[i]) arrays[i] = (char *)arrays[i] + thread * bytes;
        if (faults[i]) faults[i] = (void *)((char *)faults[i] + thread * fault_bytes);
        own_faulty[i] = false;
        faulty[i] = &own_faulty[i];
    }
    own.arrays = arrays;
    own.faults = faults;
    own.faulty = faulty;
    return own;
}

static inline int64_t attend_group_end(int64_t first, int64_t rows, int64_t extent) {
    return extent - first < rows ? extent : first + rows;
}
