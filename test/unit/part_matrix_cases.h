/* Blocks of products of matrices against three plain loops. */
#ifndef PART_MATRIX_CASES_H
#define PART_MATRIX_CASES_H

#include "part_cases.h"

#include <stdlib.h>

#include "emit/parts/blocking.h"
#include "emit/parts/matrix.h"

enum { MOST = 75 };

static real numbers[MOST * MOST * 2], others[MOST * MOST * 2];
static real scratch[PRODUCT_SCRATCH];

/* Whole numbers, so that every order of adding gives the same. */
static void make_numbers(void) {
    for (int i = 0; i < MOST * MOST * 2; i++) {
        numbers[i] = (real)(i * 37 % 19 - 9);
        others[i] = (real)(i * 53 % 23 - 11);
    }
}

typedef struct {
    int64_t rows, columns, depth, row_step, row_depth_step, column_step, column_depth_step;
} product;

static void check_product(const product *p) {
    real *rows = scratch, *columns = rows + PACKED_ROWS, *block = columns + PACKED_COLUMNS;
    int64_t half = p->depth / 2;
    for (int i = 0; i < PRODUCT_SCRATCH; i++) scratch[i] = (real)NAN;
    for (int part = 0; part < 2; part++) {
        int64_t from = part ? half : 0, depth = part ? p->depth - half : half;
        attend_pack(rows, numbers + from * p->row_depth_step, p->row_step, p->row_depth_step,
                    p->rows, depth, ROWS);
        attend_pack(columns, others + from * p->column_depth_step, p->column_step,
                    p->column_depth_step, p->columns, depth, COLUMNS);
        attend_multiply(rows, columns, p->rows, p->columns, depth, block, part == 1);
    }
    for (int64_t m = 0; m < p->rows; m++)
        for (int64_t n = 0; n < p->columns; n++) {
            real sum = 0;
            for (int64_t k = 0; k < p->depth; k++)
                sum += numbers[m * p->row_step + k * p->row_depth_step] *
                       others[n * p->column_step + k * p->column_depth_step];
            assert_true(block[m * BLOCK_WIDTH + n] == sum);
        }
}

static void blocks_are_products_in_every_layout(void **state) {
    (void)state;
    make_numbers();
    static const int64_t sizes[] = {1, 2, 7, 12, 13, 16, 31, 32, 33, 64, 75};
    for (int i = 0; i < 11; i++)
        for (int k = 0; k < 11; k++)
            for (int layout = 0; layout < 4; layout++) {
                int64_t rows = sizes[i], columns = sizes[(i + k) % 11], depth = sizes[k];
                product p = {rows, columns, depth, depth, 1, 1, columns};
                if (layout & 1) p.row_step = 1, p.row_depth_step = rows;
                if (layout & 2) p.column_step = depth, p.column_depth_step = 1;
                check_product(&p);
            }
    check_product(&(product){5, 9, 6, 13, 2, 3, 31});
    check_product(&(product){40, 40, 0, 1, 1, 1, 1});
}

static void a_square_is_transposed(void **state) {
    (void)state;
    vreal x[LANES];
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < LANES; k++) x[i][k] = (real)(100 * i + k);
    vreal_transpose(x);
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < LANES; k++) assert_true(x[i][k] == 100 * k + i);
}

#define PART_MATRIX_CASES                                                                          \
    cmocka_unit_test(blocks_are_products_in_every_layout), cmocka_unit_test(a_square_is_transposed)

#endif
