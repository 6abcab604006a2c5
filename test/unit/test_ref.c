#include "ref_fixture.h"

static void attention_is_what_its_equations_say(void **state) {
    world *w = *state;
    declare(w, "q[i,d]");
    declare(w, "k[j,d]");
    declare(w, "v[j,e]");
    let(w, "s[i,j] = sum[d](q[i,d] * k[j,d]) / sqrt(size(d))");
    let(w, "p[i,j] = softmax[j where j <= i](s[i,j])");
    let(w, "o[i,e] = sum[j](p[i,j] * v[j,e])");
    output(w, "o");
    output(w, "p");
    give(w, "q", V(1, 2, 3, 4), 2, 2, 2);
    give(w, "k", V(1, 0, 0, 1), 2, 2, 2);
    give(w, "v", V(5, 7), 2, 2, 1);
    run(w);
    double a = exp(3 / sqrt(2)), b = exp(4 / sqrt(2));
    EXPECT(w, "p", 1, 0, a / (a + b), b / (a + b));
    EXPECT(w, "o", 5, (5 * a + 7 * b) / (a + b));
    expect_same_everywhere(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(attention_is_what_its_equations_say, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
