/* Which arrays share memory, against marking each byte: what does is never missed, and of what does
 * not little is taken to. */
#include "api/api_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ELEMENTS = 512, DRAWS = 30000 };
static double memory[ELEMENTS];

static uint64_t state = 1;
static int drawn(int count) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)count);
}

/* Puts the view somewhere where all of it lies in memory. */
static void put(at_api_view *view) {
    int64_t low = 0;
    for (int i = 0; i < view->rank; i++)
        if (view->strides[i] < 0 && view->extents[i] > 0)
            low += view->strides[i] * (view->extents[i] - 1);
    view->data = (char *)(memory - low + drawn(30));
}

static at_api_view drawn_view(void) {
    at_api_view view = {.bytes = sizeof(double), .rank = drawn(4)};
    for (int i = 0; i < view.rank; i++) {
        view.extents[i] = drawn(5);
        view.strides[i] = drawn(17) - 8;
    }
    put(&view);
    return view;
}

/* Counts in `marks` how often each element of memory is one of the view's. */
static void mark(const at_api_view *view, int *marks) {
    int64_t index[4] = {0};
    for (int i = 0; i < view->rank; i++)
        if (view->extents[i] == 0) return;
    for (int k = 0; k >= 0;) {
        int64_t at = (double *)(void *)view->data - memory;
        for (int i = 0; i < view->rank; i++) at += index[i] * view->strides[i];
        assert_true(at >= 0 && at < ELEMENTS);
        marks[at]++;
        for (k = view->rank - 1; k >= 0 && ++index[k] == view->extents[k]; k--) index[k] = 0;
    }
}

static void shared_memory_is_never_missed(void **unused) {
    (void)unused;
    int shared = 0, unsure = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        at_api_view a = drawn_view(), b = drawn_view();
        if (drawn(2)) { /* alike, as parts of one array are */
            b = a;
            put(&b);
        }
        int first[ELEMENTS] = {0}, second[ELEMENTS] = {0};
        mark(&a, first);
        mark(&b, second);
        bool really = false;
        for (int i = 0; i < ELEMENTS; i++) really |= first[i] && second[i];
        bool told = at_api_overlap(&a, &b);
        if (really) assert_true(told);
        shared += really;
        unsure += told && !really;
    }
    assert_true(shared > DRAWS / 20);
    assert_true(unsure < DRAWS / 5);
}

static void elements_that_share_memory_are_never_missed(void **unused) {
    (void)unused;
    int folded = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        at_api_view a = drawn_view();
        int marks[ELEMENTS] = {0};
        mark(&a, marks);
        bool really = false;
        for (int i = 0; i < ELEMENTS; i++) really |= marks[i] > 1;
        if (really) assert_true(at_api_folds(&a));
        folded += really;
    }
    assert_true(folded > DRAWS / 20);
}

static void columns_halves_and_blocks_are_apart(void **unused) {
    (void)unused;
    at_api_view a = {(char *)memory, 8, 2, {4, 3}, {8, 1}}, b = a;
    b.data += 3 * sizeof(double); /* the next columns */
    assert_false(at_api_overlap(&a, &b));
    b.data -= sizeof(double);
    assert_true(at_api_overlap(&a, &b));
    at_api_view even = {(char *)memory, 8, 1, {10}, {2}}, odd = even;
    odd.data += sizeof(double);
    assert_false(at_api_overlap(&even, &odd));
    at_api_view turned = {(char *)(memory + 18), 8, 1, {10}, {-2}};
    assert_true(at_api_overlap(&even, &turned));
    assert_false(at_api_overlap(&turned, &odd));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_is_never_missed),
        cmocka_unit_test(elements_that_share_memory_are_never_missed),
        cmocka_unit_test(columns_halves_and_blocks_are_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
