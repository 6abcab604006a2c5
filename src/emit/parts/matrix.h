/* Products of matrices: block[m][n] = sum over k of row(m)[k] column(n)[k], for one block of rows and
 * columns and part of the depth at a time. The operands are packed first, so that the innermost
 * loop reads both in order: panels of ROWS rows and panels of COLUMNS columns, each k after k, with 0
 * for what is short of a panel.
 *
 * Each element is summed in the order of k, BLOCK_DEPTH products in a register and these sums one
 * after the other: however the work is cut, the result is the same to the last bit. */
#if defined __AVX512F__
#define ROWS 12
#elif defined __AVX__
#define ROWS 6
#else
#define ROWS 4
#endif
enum {
    COLUMNS = 2 * LANES,
    BLOCK_ROWS = 240,                    /* whole panels of any height */
    BLOCK_COLUMNS = 2048 / sizeof(real), /* whole panels too */
    BLOCK_DEPTH = 256,                   /* a panel fits the first cache, a packed block the second */
    BLOCK_WIDTH = BLOCK_COLUMNS + LANES, /* of a row of a block in memory: not a power of 2 */
    PACKED_ROWS = BLOCK_ROWS * BLOCK_DEPTH + LANES,
    PACKED_COLUMNS = BLOCK_COLUMNS * BLOCK_DEPTH + LANES,
    /* What a thread needs, in reals: packed rows, packed columns, the block. */
    PRODUCT_SCRATCH = PACKED_ROWS + PACKED_COLUMNS + BLOCK_ROWS * BLOCK_WIDTH
};

/* The halves of 2 `half` lanes of *a and *b that lie across from each other change places. */
static inline void vreal_cross(vreal *a, vreal *b, int half) {
    vreal left, right;
#if defined __clang__
    for (int k = 0; k < LANES; k++) left[k] = k & half ? (*b)[k - half] : (*a)[k];
    for (int k = 0; k < LANES; k++) right[k] = k & half ? (*b)[k] : (*a)[k + half];
#else
    vmask at_left, at_right;
    for (int k = 0; k < LANES; k++) at_left[k] = k & half ? LANES + k - half : k;
    for (int k = 0; k < LANES; k++) at_right[k] = k & half ? LANES + k : k + half;
    left = __builtin_shuffle(*a, *b, at_left);
    right = __builtin_shuffle(*a, *b, at_right);
#endif
    *a = left;
    *b = right;
}

/* x[i][k] and x[k][i] change places. */
static inline void vreal_transpose(vreal *x) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (LANES > 8 && !(i & 8)) vreal_cross(&x[i], &x[(i + 8) % LANES], 8);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (LANES > 4 && !(i & 4)) vreal_cross(&x[i], &x[(i + 4) % LANES], 4);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (LANES > 2 && !(i & 2)) vreal_cross(&x[i], &x[(i + 2) % LANES], 2);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i += 2) vreal_cross(&x[i], &x[i + 1], 1);
}

/* A panel of `count` <= width rows that lie in order of k: LANES of them for LANES k at a time.
 * Stores whole vectors: what is too much is overwritten by what comes next. */
static inline void attend_pack_across(real *to, const real *from, int64_t step, int64_t count,
                                      int64_t depth, int width) {
    for (int first = 0; first < width; first += LANES)
        for (int64_t k = 0; k < depth; k += LANES) {
            vreal x[LANES];
            int64_t more = depth - k < LANES ? depth - k : LANES;
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) {
                const real *row = from + (first + i) * step + k;
                x[i] = first + i >= count ? vreal_all(0)
                       : more == LANES    ? vreal_load(row)
                                          : vreal_load_part(row, more);
            }
            vreal_transpose(x);
            if (more == LANES && first + LANES <= width)
#pragma GCC unroll 16
                for (int i = 0; i < LANES; i++) vreal_store(to + (k + i) * width + first, x[i]);
            else
                for (int i = 0; i < more; i++)
                    vreal_store_part(to + (k + i) * width + first, x[i],
                                     width - first < LANES ? width - first : LANES);
        }
}

/* Row m, element k lies at from[m * step + k * depth_step]. */
static inline void attend_pack(real *to, const real *from, int64_t step, int64_t depth_step,
                               int64_t count, int64_t depth, int width) {
    for (int64_t first = 0; first < count; first += width) {
        int64_t rows = count - first < width ? count - first : width;
        if (step == 1) {
            for (int64_t k = 0; k < depth; k++)
                for (int i = 0; i < width; i += LANES) {
                    int64_t here = rows - i < LANES ? rows - i : LANES;
                    int64_t room = width - i < LANES ? width - i : LANES;
                    const real *source = from + k * depth_step + i;
                    vreal x = here == LANES ? vreal_load(source)
                                            : vreal_load_part(source, here < 0 ? 0 : here);
                    if (room == LANES) vreal_store(to + k * width + i, x);
                    else vreal_store_part(to + k * width + i, x, room);
                }
        } else if (depth_step == 1) {
            attend_pack_across(to, from, step, rows, depth, width);
        } else {
            for (int64_t k = 0; k < depth; k++)
                for (int i = 0; i < width; i++)
                    to[k * width + i] = i < rows ? from[i * step + k * depth_step] : 0;
        }
        from += width * step;
        to += width * depth;
    }
}

/* A panel of rows times a panel of columns: all sums in registers. */
static inline void attend_multiply_panels(const real *restrict rows, const real *restrict columns,
                                          int64_t depth, real *restrict block, bool more) {
    vreal sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) sum[i][0] = sum[i][1] = vreal_all(0);
    for (int64_t k = 0; k < depth; k++) {
        vreal left = vreal_load(columns + k * COLUMNS);
        vreal right = vreal_load(columns + k * COLUMNS + LANES);
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++) {
            vreal x = vreal_all(rows[k * ROWS + i]);
            sum[i][0] = vreal_fma(x, left, sum[i][0]);
            sum[i][1] = vreal_fma(x, right, sum[i][1]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) {
        real *to = block + i * BLOCK_WIDTH;
        vreal_store(to, more ? vreal_load(to) + sum[i][0] : sum[i][0]);
        vreal_store(to + LANES, more ? vreal_load(to + LANES) + sum[i][1] : sum[i][1]);
    }
}

/* A packed block: block[m * BLOCK_WIDTH + n], whole panels. `more` adds to what is there. */
static void attend_multiply(const real *rows, const real *columns, int64_t row_count,
                            int64_t column_count, int64_t depth, real *block, bool more) {
    for (int64_t n = 0; n < column_count; n += COLUMNS)
        for (int64_t m = 0; m < row_count; m += ROWS)
            attend_multiply_panels(rows + m * depth, columns + n * depth, depth,
                                   block + m * BLOCK_WIDTH + n, more);
}
