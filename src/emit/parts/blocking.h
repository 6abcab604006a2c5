/* How products of matrices are cut into blocks: the same for every processor, so that the memory
 * they need is known without one. A panel of either operand fits the first cache, a packed block
 * the second. Rows of a block lie BLOCK_WIDTH apart in memory, which is no power of 2. */
#define BLOCK_COLUMNS_OF(bytes) (2048 / (int64_t)(bytes)) /* whole panels of any width */
#define PRODUCT_SCRATCH_OF(                                                                        \
    bytes) /* what a thread needs: packed rows, packed columns, the block */                       \
    (BLOCK_ROWS * BLOCK_DEPTH + BLOCK_GAP + BLOCK_COLUMNS_OF(bytes) * BLOCK_DEPTH + BLOCK_GAP +    \
     BLOCK_ROWS * (BLOCK_COLUMNS_OF(bytes) + BLOCK_GAP))
enum {
    BLOCK_ROWS = 240, /* whole panels of any height */
    BLOCK_DEPTH = 256,
    BLOCK_GAP = 16, /* at least LANES */
};
