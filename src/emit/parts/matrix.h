/* Products of matrices: block[m][n] = sum over k of row(m)[k] column(n)[k], for one block of rows
 * and columns and part of the depth at a time. The operands are packed first, so that the innermost
 * loop reads both in order: panels of ROWS rows and panels of COLUMNS columns, each k after k, with
 * 0 for what is short of a panel.
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
    BLOCK_COLUMNS = BLOCK_COLUMNS_OF(sizeof(real)),
    BLOCK_WIDTH = BLOCK_COLUMNS + BLOCK_GAP,
    PACKED_ROWS = BLOCK_ROWS * BLOCK_DEPTH + BLOCK_GAP,
    PACKED_COLUMNS = BLOCK_COLUMNS * BLOCK_DEPTH + BLOCK_GAP,
    PRODUCT_SCRATCH = PRODUCT_SCRATCH_OF(sizeof(real)),
};

/* The halves of 2 `half` lanes of *a and *b that lie across from each other change places. */
static inline void vreal_cross(vreal *a, vreal *b, int half) {
    vreal left, right;
#if defined __clang__
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) left[k] = k & half ? (*b)[k - half] : (*a)[k];
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) right[k] = k & half ? (*b)[k] : (*a)[k + half];
#else
    vmask at_left, at_right;
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++) at_left[k] = k & half ? LANES + k - half : k;
#pragma GCC unroll 16
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

static inline int64_t attend_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

/* Whether no element is infinite or NaN: times 0 they are all 0. */
static bool attend_are_finite(const real *x, int64_t count) {
    vreal sums[4];
    for (int i = 0; i < 4; i++) sums[i] = vreal_all(0);
    int64_t k = 0;
    for (; k + 4 * LANES <= count; k += 4 * LANES)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) sums[i] += vreal_load(x + k + i * LANES) * 0;
    real sum = vreal_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; k < count; k++) sum += x[k] * 0;
    return sum == 0;
}

/* What some row of a panel asks for, from `first` on, so many in all. */
struct attend_limits {
    int64_t from, to;
};

static inline struct attend_limits attend_limits_of(const int64_t *from, const int64_t *to,
                                                    int64_t rows, int64_t first, int64_t count) {
    struct attend_limits all = {count, 0};
    for (int64_t i = 0; i < rows; i++) {
        int64_t low = from[i] - first, high = to[i] - first;
        if (low < 0) low = 0;
        if (high > count) high = count;
        if (low >= high) continue;
        if (low < all.from) all.from = low;
        if (high > all.to) all.to = high;
    }
    return all;
}

/* The same without the panels of columns, counted from `first`, that no row of a panel asks for. */
static inline void attend_multiply_columns(const real *rows, const real *columns,
                                           const int64_t *from, const int64_t *to, int64_t first,
                                           int64_t row_count, int64_t column_count, int64_t depth,
                                           real *block, bool more) {
    for (int64_t m = 0; m < row_count; m += ROWS) {
        const struct attend_limits limits = attend_limits_of(
            from + m, to + m, row_count - m < ROWS ? row_count - m : ROWS, first, column_count);
        for (int64_t n = limits.from / COLUMNS * COLUMNS; n < limits.to; n += COLUMNS)
            attend_multiply_panels(rows + m * depth, columns + n * depth, depth,
                                   block + m * BLOCK_WIDTH + n, more);
    }
}

/* Of which factors packed elements may be not finite, and which are left out where they are 0: of
 * the rows, of the columns. */
struct attend_asks {
    bool finite[2], zeros[2];
};

/* By row, whether it asks for anything of stretches of `length`, the first of which begins `offset`
 * before the block; `count` flags a row. */
struct attend_stretches {
    const bool *wanted;
    int64_t count, length, offset;
};

/* How many of some rows ask for a stretch. */
static inline int64_t attend_wanting(struct attend_stretches all, int64_t first, int64_t rows,
                                     int64_t stretch) {
    int64_t sum = 0;
    for (int64_t i = first; i < first + rows; i++) sum += all.wanted[i * all.count + stretch];
    return sum;
}

/* The same without the panels of which no row asks for anything. */
static inline void attend_multiply_wanted(const real *rows, const real *columns,
                                          struct attend_stretches all, int64_t row_count,
                                          int64_t column_count, int64_t depth, real *block,
                                          bool more) {
    for (int64_t n = 0; n < column_count; n += COLUMNS) {
        int64_t last = column_count - n < COLUMNS ? column_count - 1 : n + COLUMNS - 1;
        int64_t from = (all.offset + n) / all.length, to = (all.offset + last) / all.length;
        for (int64_t m = 0; m < row_count; m += ROWS) {
            int64_t some = 0, count = row_count - m < ROWS ? row_count - m : ROWS;
            for (int64_t k = from; k <= to; k++) some += attend_wanting(all, m, count, k);
            if (some)
                attend_multiply_panels(rows + m * depth, columns + n * depth, depth,
                                       block + m * BLOCK_WIDTH + n, more);
        }
    }
}

/* One row, what it takes of the depth and nothing else. */
static inline void attend_multiply_row(const real *row, const real *columns, int64_t from,
                                       int64_t to, struct attend_asks asks, int64_t column_count,
                                       int64_t depth, real *block, bool more) {
    for (int64_t n = 0; n < column_count; n += LANES) {
        const real *beside = columns + n / COLUMNS * COLUMNS * depth + n % COLUMNS;
        vreal sum = vreal_all(0);
        for (int64_t k = from; k < to; k++) {
            if (asks.zeros[0] && row[k * ROWS] == 0) continue;
            vreal x = vreal_all(row[k * ROWS]), y = vreal_load(beside + k * COLUMNS);
            if (asks.zeros[1]) x = vreal_choose(y != vreal_all(0), x, vreal_all(0));
            sum = vreal_fma(x, y, sum);
        }
        vreal_store(block + n, more ? vreal_load(block + n) + sum : sum);
    }
}

enum { DEPTH_RUNS = BLOCK_DEPTH / 16 + 2 }; /* stretches are no shorter */

/* The parts of the depth that some row of a panel asks for: what the others do not becomes 0
 * there. */
static inline int attend_find_runs(real *rows, int64_t first, int64_t count,
                                   struct attend_stretches all, struct attend_limits limits,
                                   struct attend_limits *runs) {
    int found = 0;
    for (int64_t k = limits.from; k < limits.to;) {
        int64_t stretch = (all.offset + k) / all.length,
                end = (stretch + 1) * all.length - all.offset;
        if (end > limits.to) end = limits.to;
        int64_t some = attend_wanting(all, first, count, stretch);
        for (int64_t i = 0; some && some < count && i < count; i++)
            if (!all.wanted[(first + i) * all.count + stretch])
                for (int64_t at = k; at < end; at++) rows[at * ROWS + i] = 0;
        if (some && found && runs[found - 1].to == k) runs[found - 1].to = end;
        else if (some) runs[found++] = (struct attend_limits){k, end};
        k = end;
    }
    return found;
}

/* Like attend_multiply_panels, of these parts of the depth: that others add 0 changes nothing. */
static inline void attend_multiply_runs(const real *restrict rows, const real *restrict columns,
                                        const struct attend_limits *runs, int count,
                                        real *restrict block, bool more) {
    vreal sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++) sum[i][0] = sum[i][1] = vreal_all(0);
    for (int run = 0; run < count; run++)
        for (int64_t k = runs[run].from; k < runs[run].to; k++) {
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

/* What the rows of a panel do not take of what others of them do becomes 0. */
static inline void attend_clear_limits(real *rows, const int64_t *from, const int64_t *to,
                                       int64_t count, int64_t first, struct attend_limits limits) {
    for (int64_t i = 0; i < count; i++) {
        int64_t low = from[i] - first, high = to[i] - first;
        if (low > limits.to) low = limits.to;
        if (high < low) high = low;
        for (int64_t k = limits.from; k < low; k++) rows[k * ROWS + i] = 0;
        for (int64_t k = high > limits.from ? high : limits.from; k < limits.to; k++)
            rows[k * ROWS + i] = 0;
    }
}

/* The rows of a panel one by one, of the runs of the depth that they take. */
static inline void attend_multiply_rows(const real *panel, const real *columns, const int64_t *from,
                                        const int64_t *to, int64_t first,
                                        const struct attend_limits *runs, int count,
                                        struct attend_asks asks, int64_t row_count,
                                        int64_t column_count, int64_t depth, real *block,
                                        bool more) {
    for (int64_t i = 0; i < row_count; i++)
        for (int run = 0; run < count; run++) {
            struct attend_limits own = runs[run];
            if (from && from[i] - first > own.from) own.from = from[i] - first;
            if (from && to[i] - first < own.to) own.to = to[i] - first;
            attend_multiply_row(panel + i, columns, own.from, own.to, asks, column_count, depth,
                                block + i * BLOCK_WIDTH, more || run > 0);
        }
}

/* The same without what no row of a panel takes of the depth, which begins at `first`. Where an
 * asked factor is not finite, what rows do not take and zeros of the other factor are left out one
 * by one: times 0 it is 0 only where it is finite. */
static inline void attend_multiply_depth(real *rows, const real *columns, const int64_t *from,
                                         const int64_t *to, int64_t first,
                                         struct attend_stretches stretches, struct attend_asks asks,
                                         int64_t row_count, int64_t column_count, int64_t depth,
                                         real *block, bool more) {
    struct attend_limits runs[DEPTH_RUNS];
    bool good = !asks.finite[1] ||
                attend_are_finite(columns, attend_up(column_count, COLUMNS) * depth);
    for (int64_t m = 0; m < row_count; m += ROWS) {
        int64_t count = row_count - m < ROWS ? row_count - m : ROWS;
        const int64_t *low = from ? from + m : NULL, *high = from ? to + m : NULL;
        struct attend_limits limits = {0, depth};
        real *panel = rows + m * depth;
        int found = 1;
        if (from) limits = attend_limits_of(low, high, count, first, depth);
        if (limits.from >= limits.to) limits.from = limits.to = 0;
        if (from) attend_clear_limits(panel, low, high, count, first, limits);
        runs[0] = limits;
        if (stretches.wanted) found = attend_find_runs(panel, m, count, stretches, limits, runs);
        if (more && (found == 0 || limits.to == 0)) continue;
        if (found == 0) runs[found++] = (struct attend_limits){0, 0};
        bool finite = good;
        for (int run = 0; asks.finite[0] && finite && run < found; run++)
            finite = attend_are_finite(panel + runs[run].from * ROWS,
                                       (runs[run].to - runs[run].from) * ROWS);
        if (!finite) {
            attend_multiply_rows(panel, columns, low, high, first, runs, found, asks, count,
                                 column_count, depth, block + m * BLOCK_WIDTH, more);
            continue;
        }
        for (int64_t n = 0; n < column_count; n += COLUMNS)
            attend_multiply_runs(panel, columns + n * depth, runs, found,
                                 block + m * BLOCK_WIDTH + n, more);
    }
}

#if GIVEN_IS_HALF
/* The same from stored elements. */
static void attend_pack_given(real *to, const given *from, int64_t step, int64_t depth_step,
                              int64_t count, int64_t depth, int width) {
    real wide[COLUMNS * BLOCK_DEPTH];
    for (int64_t first = 0; first < count; first += width) {
        int64_t rows = count - first < width ? count - first : width;
        bool beside = step == 1; /* else each row for itself */
        int64_t outer = beside ? depth : rows, inner = beside ? rows : depth;
        int64_t outer_step = beside ? depth_step : step, inner_step = beside ? 1 : depth_step;
        for (int64_t i = 0; i < outer; i++) {
            const given *source = from + i * outer_step;
            int64_t k = 0;
            for (; inner_step == 1 && k + LANES <= inner; k += LANES)
                vreal_store(wide + i * inner + k, vreal_load_given(source + k));
            for (; k < inner; k++) wide[i * inner + k] = attend_real(source[k * inner_step]);
        }
        attend_pack(to, wide, beside ? 1 : depth, beside ? rows : 1, rows, depth, width);
        from += width * step;
        to += width * depth;
    }
}
#endif

#if GIVEN_IS_HALF
static bool attend_are_given_finite(const given *x, int64_t count) {
    real sum = 0;
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES) sum += vreal_sum(vreal_load_given(x + k) * 0);
    for (; k < count; k++) sum += attend_real(x[k]) * 0;
    return sum == 0;
}
#endif

/* What loops that pack leave out: the rest of the last panel. */
static inline void attend_pack_rest(real *packed, int64_t count, int64_t depth, int width) {
    int64_t last = count - count % width;
    if (last == count) return;
    for (int64_t k = 0; k < depth; k++)
        for (int64_t i = count - last; i < width; i++) packed[last * depth + k * width + i] = 0;
}

/* Whether packing pays. Where columns lie beside each other in memory, plain loops do as well until
 * a cache does not hold `enough` bytes of them: the second, or the first where a guard leaves much
 * out. Measured. */
enum { ENOUGH_BESIDE = 192 * 1024, ENOUGH_GUARDED = 48 * 1024 };

static inline bool attend_product_pays(int64_t rows, int64_t columns, int64_t depth,
                                       int64_t enough) {
    if (rows < 8 || columns < LANES / 2 || depth < 4) return false;
    return enough == 0 ||
           (rows >= 2 * ROWS && columns * depth > enough / (int64_t)sizeof(real));
}

/* How a product is cut into blocks: so that they fit the scratch, and threads have enough of
 * them. */
struct attend_cut {
    int64_t rows, columns, row_block, column_block, row_blocks, column_blocks, parts;
};

static inline int64_t attend_even_block(int64_t n, int64_t blocks, int64_t step) {
    return attend_up((n + blocks - 1) / blocks, step);
}

static inline struct attend_cut attend_cut_product(int64_t batch, int64_t rows, int64_t columns,
                                                   int64_t depth, int threads) {
    struct attend_cut cut = {.rows = rows, .columns = columns};
    int64_t down = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    int64_t across = (columns + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
    for (;;) {
        cut.row_block = attend_even_block(rows, down, ROWS);
        cut.column_block = attend_even_block(columns, across, COLUMNS);
        cut.row_blocks = (rows + cut.row_block - 1) / cut.row_block;
        cut.column_blocks = (columns + cut.column_block - 1) / cut.column_block;
        cut.parts = batch * cut.row_blocks * cut.column_blocks;
        double work = (double)cut.row_block * (double)cut.column_block * (double)depth;
        bool enough = threads == 1 || cut.parts >= 4 * threads || work < 64.0 * 64 * 64;
        bool tall = cut.row_block >= cut.column_block && cut.row_block > 4 * ROWS;
        if (enough || (!tall && cut.column_block <= COLUMNS)) return cut;
        if (tall) down = cut.row_blocks * 2;
        else across = cut.column_blocks * 2;
    }
}

/* How many of a block's columns there are until no row takes more; 0 if none is taken. */
static inline int64_t attend_columns_used(int64_t first, int64_t end, int64_t from, int64_t to) {
    if (from >= end || to <= first || to <= from) return 0;
    return (to < end ? to : end) - first;
}

/* A part with only those of its columns that some row takes. */
static inline void attend_shrink_part(int64_t *first, int64_t *end, int64_t from, int64_t to) {
    if (from > *first) *first = from;
    if (to < *end) *end = to;
    if (*end < *first) *end = *first;
}

/* The rows and columns of a part; gives which of the batch it belongs to. */
static inline int64_t attend_part_of(const struct attend_cut *cut, int64_t part, int64_t *row_first,
                                     int64_t *row_end, int64_t *column_first, int64_t *column_end) {
    int64_t across = part % cut->column_blocks, down = part / cut->column_blocks % cut->row_blocks;
    *row_first = down * cut->row_block;
    *row_end = *row_first + cut->row_block < cut->rows ? *row_first + cut->row_block : cut->rows;
    *column_first = across * cut->column_block;
    *column_end = *column_first + cut->column_block;
    if (*column_end > cut->columns) *column_end = cut->columns;
    return part / cut->column_blocks / cut->row_blocks;
}
