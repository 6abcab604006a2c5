/* Where emitted code puts its arrays: random lives, sizes and views against what must hold. */
#define REAL_IS_FLOAT 0
#define GIVEN_IS_DOUBLE 1
#define GIVEN_IS_FLOAT 0
#define GIVEN_IS_BF16 0
#define GIVEN_IS_F16 0
#define GIVEN_IS_HALF 0

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "emit/parts/types.h"
#include "emit/parts/call.h"
#include "emit/parts/memory.h"

static uint64_t dice = 7;

static int pick(int sides) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (int)((dice >> 33) % (uint64_t)sides);
}

enum { MOST = 60 };

/* Blocks of multiples of 64 bytes, some of none. */
static int draw_blocks(struct attend_block *blocks, size_t *sizes) {
    int count = 1 + pick(MOST);
    for (int i = 0; i < count; i++) {
        int first = pick(20);
        blocks[i] = (struct attend_block){8, 0, NULL, first, first + pick(6), 0};
        sizes[i] = pick(5) == 0 ? 0 : (size_t)(64 * pick(40));
    }
    return count;
}

static bool meet(const struct attend_block *a, const struct attend_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

static void blocks_that_live_together_do_not_overlap(void **state) {
    (void)state;
    for (int trial = 0; trial < 2000; trial++) {
        struct attend_block blocks[MOST];
        size_t sizes[MOST], offsets[MOST], again[MOST];
        int order[MOST], count = draw_blocks(blocks, sizes);
        size_t bytes = attend_place_blocks(blocks, count, sizes, offsets, order), sum = 0, most = 0;
        for (int i = 0; i < count; i++) {
            sum += sizes[i];
            assert_int_equal(offsets[i] % 64, 0);
            assert_true(offsets[i] + sizes[i] <= bytes);
            for (int k = 0; k < i; k++) {
                bool apart = offsets[i] + sizes[i] <= offsets[k] ||
                             offsets[k] + sizes[k] <= offsets[i];
                assert_true(apart || !meet(&blocks[i], &blocks[k]) || !sizes[i] || !sizes[k]);
            }
        }
        for (int time = 0; time < 26; time++) {
            size_t now = 0;
            for (int i = 0; i < count; i++)
                if (blocks[i].first <= time && time <= blocks[i].last) now += sizes[i];
            if (now > most) most = now;
        }
        assert_true(most <= bytes && bytes <= sum);
        assert_int_equal(attend_place_blocks(blocks, count, sizes, again, order), bytes);
        assert_memory_equal(again, offsets, sizeof *offsets * (size_t)count);
    }
}

static void lives_one_after_the_other_share_memory(void **state) {
    (void)state;
    struct attend_block blocks[] = {
        {8, 0, NULL, 0, 1, 0}, {8, 0, NULL, 2, 3, 0}, {8, 0, NULL, 4, 9, 0}, {8, 0, NULL, 1, 2, 0}};
    size_t sizes[] = {640, 640, 640, 64}, offsets[4];
    int order[4];
    assert_int_equal(attend_place_blocks(blocks, 4, sizes, offsets, order), 704);
}

static void what_cannot_be_counted_is_no_size(void **state) {
    (void)state;
    const int64_t extents[] = {(int64_t)1 << 31, 0, 3};
    struct attend_block huge = {8, 3, (const int[]){0, 0, 0}, 0, 1, 0};
    struct attend_block none = {8, 2, (const int[]){1, 0}, 0, 1, 0};
    struct attend_block ring = {8, 2, (const int[]){-2, 2}, 0, 1, 0};
    assert_true(attend_block_bytes(&huge, extents) == SIZE_MAX);
    assert_int_equal(attend_block_bytes(&none, extents), 0);
    assert_int_equal(attend_block_bytes(&ring, extents), 64);
    size_t sizes[] = {64, SIZE_MAX}, offsets[2];
    int order[2];
    struct attend_block blocks[] = {none, huge};
    assert_true(attend_place_blocks(blocks, 2, sizes, offsets, order) == SIZE_MAX);
}

static void rows_without_gaps_are_told_from_views(void **state) {
    (void)state;
    const int64_t extents[] = {3, 1, 0};
    struct attend_block block = {8, 2, (const int[]){0, 0}, 0, 1, 0};
    struct attend_block one = {8, 2, (const int[]){1, 0}, 0, 1, 0};
    struct attend_block none = {8, 2, (const int[]){2, 0}, 0, 1, 0};
    assert_true(attend_is_dense(&block, extents, &(struct attend_view){NULL, NULL}));
    assert_true(attend_is_dense(&block, extents, &(struct attend_view){NULL, (int64_t[]){3, 1}}));
    assert_false(attend_is_dense(&block, extents, &(struct attend_view){NULL, (int64_t[]){1, 3}}));
    assert_false(attend_is_dense(&block, extents, &(struct attend_view){NULL, (int64_t[]){3, -1}}));
    assert_false(attend_is_dense(&block, extents, &(struct attend_view){NULL, (int64_t[]){0, 1}}));
    assert_true(attend_is_dense(&one, extents, &(struct attend_view){NULL, (int64_t[]){-9, 1}}));
    assert_true(attend_is_dense(&none, extents, &(struct attend_view){NULL, (int64_t[]){7, 7}}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_live_together_do_not_overlap),
        cmocka_unit_test(lives_one_after_the_other_share_memory),
        cmocka_unit_test(what_cannot_be_counted_is_no_size),
        cmocka_unit_test(rows_without_gaps_are_told_from_views),
    };
    return cmocka_run_group_tests_name("part memory", tests, NULL, NULL);
}
