/* Each way to solve an equality guard, by what it leaves: which loops are gone, which conditions
 * stay and where they stand. That the sums stay the same is for test_solve_agrees.c. */
#include "program_fixture.h"

#include "opt/opt.h"

/* What is left of y[a,b] = sum[…](…), in a program with these inputs and axes. */
static const char *left_of(at_session *s, const char *value) {
    const char *text = at_format(
        s->arena,
        "fn f(c[i,j], x[n], v[m,q], idx[i]: int, ids[j]: index i, off[b]: int, keep[i]: bool) -> y[a,b] {\n"
        "  axis a = size(i) + size(j), k = 3, d = size(n) + 1, u = size(i) * size(j), one = 1, e = size(b)\n"
        "  perm[i] = argsort[i](idx[i])\n  back[i] = argsort[i](perm[i])\n  copy[i] = perm[i]\n"
        "  late[i] = idx[i-1]\n  some[i] = argsort[i where keep[i]](idx[i])\n  both[n,i] = argsort[n,i](idx[i] + n)\n"
        "  rows[e,i] = argsort[i](c[i,0] * off[e])\n  columns[i,e] = argsort[i](c[i,0] * off[e])\n"
        "  y[a,b] = %s\n}\n",
        value);
    const at_cascade *after = at_opt_equalities(s, resolved(s, text));
    at_ir_verify(s, after);
    return value_of(s, after, "y");
}

/* Pairs of what is written and what is left; ended by NULL. */
static void check_all(const char *const (*pairs)[2]) {
    for (; (*pairs)[0]; pairs++) {
        at_session *s = at_session_new((size_t)16 << 20);
        const char *left = left_of(s, (*pairs)[0]);
        if (strcmp(left, (*pairs)[1]) != 0)
            tell(at_format(s->arena, "of    %s\nleft  %s\nnot   %s", (*pairs)[0], left,
                           (*pairs)[1]));
        at_session_free(s);
    }
}

#define CHECK(...)                                                                                 \
    (void)state;                                                                                   \
    static const char *const pairs[][2] = {__VA_ARGS__, {NULL, NULL}};                             \
    check_all(pairs)

static void an_index_that_is_given_is_no_loop(void **state) {
    CHECK({"sum[i where i == b](c[i,0])", "if b < size(i) then c[b,0] else 0.0"},
          {"sum[i where i + 2 == a](c[i,0])",
           "if 0 <= a - 2 and a - 2 < size(i) then c[a - 2, 0] else 0.0"},
          {"sum[i where a - i == 2](c[i,0])",
           "if 0 <= a - 2 and a - 2 < size(i) then c[a - 2, 0] else 0.0"},
          {"sum[n where n == a](x[n])", "if a < size(n) then x[a] else 0.0"},
          {"sum[i,j where i == a and j == b](c[i,j])",
           "if a < size(i) and b < size(j) then c[a,b] else 0.0"},
          {"sum[i,j where i + j == a](c[i,j])",
           "sum[j where 0 <= a - j and a - j < size(i)](c[a - j, j])"},
          {"sum[j,i where i + j == a](c[i,j])",
           "sum[i where 0 <= a - i and a - i < size(j)](c[i, a - i])"});
}

static void steps_must_divide(void **state) {
    CHECK({"sum[i where 2 * i == a](c[i,0])",
           "if a % 2 == 0 and a < size(i) * 2 then c[a // 2, 0] else 0.0"},
          {"sum[i where 2 * i + 1 == a](c[i,0])",
           "if (a - 1) % 2 == 0 and 0 <= a - 1 and a - 1 < size(i) * 2 then c[(a - 1) // 2, "
           "0] else 0.0"},
          {"sum[i,k where 2 * i + k == a](c[i,k])",
           "sum[k where (a - k) % 2 == 0 and 0 <= a - k and a - k < size(i) * 2](c[(a - k) "
           "// 2, k])"},
          {"sum[i,k where i + 2 * k == a + 2](c[i,k])",
           "sum[k where 0 <= a + 2 - k * 2 and a + 2 - k * 2 < size(i)](c[a + 2 - k * 2, k])"},
          {"sum[i where i * size(j) == a](c[i,0])",
           "if 0 < size(j) and a % size(j) == 0 and a < size(i) * size(j) then c[a // "
           "size(j), 0] else 0.0"},
          {"sum[i where 2 * i * size(j) == a](c[i,0])",
           "if 0 < size(j) and a % (2 * size(j)) == 0 and a < size(i) * (2 * size(j)) then "
           "c[a // (2 * size(j)), 0] else 0.0"});
}

static void digits_are_quotients_and_remainders(void **state) {
    CHECK({"sum[i,k where i * 3 + k == a](c[i,k])",
           "if a < size(i) * 3 then c[a // 3, a % 3] else 0.0"},
          {"sum[i,j where i * size(j) + j == a](c[i,j])",
           "if a < size(i) * size(j) then c[a // size(j), a % size(j)] else 0.0"},
          {"sum[i,j,k where (i * size(j) + j) * 3 + k == a](c[i,j] + k)",
           "if a < size(i) * size(j) * 3 then c[a // 3 // size(j), a // 3 % size(j)] + a % "
           "3 else 0.0"},
          {"sum[i,j,m where (m * size(j) + j) * size(i) + i == a](c[i,j] * v[m,0])",
           "if a < size(m) * size(j) * size(i) then c[a % size(i), a // size(i) % size(j)] "
           "* v[a // size(i) // size(j), 0] else 0.0"},
          {"sum[u,k where u * 3 + k == a](c[u // size(j), u % size(j)] * k)",
           "if a < size(u) * 3 then c[a // 3 // size(j), a // 3 % size(j)] * (a % 3) else "
           "0.0"},
          {"sum[i,one where i + one == a](c[i,one])", "if a < size(i) then c[a,0] else 0.0"});
}

static void quotients_and_remainders_are_inverted(void **state) {
    CHECK({"sum[i where i // 4 == a and i % 4 == b](c[i,0])",
           "if b < 4 and a * 4 + b < size(i) then c[a * 4 + b, 0] else 0.0"},
          {"sum[i where i % 4 == b and i // 4 == a](c[i,0])",
           "if b < 4 and a * 4 + b < size(i) then c[a * 4 + b, 0] else 0.0"},
          {"sum[i where i // 4 == a](c[i,0])",
           "sum[part where a * 4 + part < size(i)](c[a * 4 + part, 0])"},
          {"sum[i where i % 4 == b](c[i,0])",
           "sum[multiple where b < 4 and multiple * 4 + b < size(i)](c[multiple * 4 + b, 0])"},
          {"sum[i where i // size(j) == a and i % size(j) == b](c[i,0])",
           "if b < size(j) and a * size(j) + b < size(i) then c[a * size(j) + b, 0] else 0.0"},
          {"sum[i where i % size(j) == a](c[i,0])",
           "sum[multiple where a < size(j) and multiple * size(j) + a < size(i)](c[multiple "
           "* size(j) + a, 0])"},
          {"sum[i,j where (i + j) // 2 == a](c[i,j])",
           "sum[j,part where 0 <= a * 2 + part - j and a * 2 + part - j < size(i)](c[a * 2 "
           "+ part - j, j])"},
          {"sum[k where k // 4 == a](c[k,0])", "sum[k where k // 4 == a](c[k,0])"});
}

static void gathers_stay(void **state) {
    CHECK({"sum[i where idx[i] == a](c[i,0])", "sum[i where idx[i] == a](c[i,0])"},
          {"sum[i where idx[i] // 2 == a](c[i,0])", "sum[i where idx[i] // 2 == a](c[i,0])"},
          {"sum[i,j where idx[i] == a and j == b](c[i,j])",
           "sum[i where b < size(j) and idx[i] == a](c[i,b])"},
          {"sum[i where i * i == a](c[i,0])", "sum[i where i * i == a](c[i,0])"},
          {"sum[i where some[i] == a](c[i,0])", "sum[i where some[i] == a](c[i,0])"},
          {"sum[i where both[0,i] == a](c[i,0])", "sum[i where both[0,i] == a](c[i,0])"});
}

static void an_index_that_is_gathered_is_no_loop(void **state) {
    CHECK({"sum[i,j where i == ids[j]](c[i,j])", "sum[j](c[ids[j], j])"},
          {"sum[i where i == off[b]](c[i,0])",
           "if 0 <= off[b] and off[b] < size(i) then c[off[b], 0] else 0.0"},
          {"sum[n where n + off[b] == a](x[n])",
           "if 0 <= a - off[b] and a - off[b] < size(n) then x[a - off[b]] else 0.0"},
          {"sum[i,j where idx[i] + j == a](c[i,j])",
           "sum[i where 0 <= a - idx[i] and a - idx[i] < size(j)](c[i, a - idx[i]])"});
}

static void what_cannot_be_is_nothing(void **state) {
    CHECK({"sum[i where i == a and i == a + 1](c[i,0])", "0.0"},
          {"sum[i where i == i + 1](c[i,0])", "sum[i where false](c[i,0])"},
          {"sum[i where i == -1](c[i,0])", "0.0"});
}

static void conditions_keep_their_order(void **state) {
    CHECK({"sum[i where i >= 1 and i == a](c[i-1,0])",
           "if a < size(i) and a >= 1 then c[a - 1, 0] else 0.0"},
          {"sum[i where i >= 1 and idx[i-1] == a](c[i,0])",
           "sum[i where i >= 1 and idx[i - 1] == a](c[i,0])"},
          {"sum[i,j where i >= 1 and j == idx[i-1]](c[i,j])",
           "sum[i where 0 < size(j) and i >= 1 and 0 <= idx[i - 1] and idx[i - 1] < "
           "size(j)](c[i, idx[i - 1]])"},
          {"sum[i,j where c[i,j] > 0 and j == idx[i]](c[i,j])",
           "sum[i where 0 <= idx[i] and idx[i] < size(j) and c[i, idx[i]] > 0.0](c[i, "
           "idx[i]])"},
          {"sum[i,j where keep[i] and j == ids[b] and i == a](c[i,j])",
           "if 0 < size(j) and a < size(i) and keep[a] and ids[b] < size(j) then c[a, "
           "ids[b]] else 0.0"},
          {"sum[i,j where c[i,j] > 0 and j == ids[j] + a](c[i,j])",
           "sum[i,j where c[i,j] > 0.0 and j == ids[j] + a](c[i,j])"});
}

/* What fails somewhere is asked no earlier than it was: an element without a value, and what an
 * equation keeps from being asked. */
static void what_may_fail_stays_behind_what_keeps_it(void **state) {
    CHECK({"sum[i,j where i >= 1 and c[i,j] > 0 and j == late[i]](c[i,j])",
           "sum[i,j where i >= 1 and c[i,j] > 0.0 and j == late[i]](c[i,j])"},
          {"sum[i,j where i >= 1 and j == late[i] and c[i,j] > 0](c[i,j])",
           "sum[i where 0 < size(j) and i >= 1 and 0 <= late[i] and late[i] < size(j) and "
           "c[i, late[i]] > 0.0](c[i, late[i]])"},
          {"sum[j,i where (i + j) // 3 == a and j == idx[idx[i]]](c[i,j])",
           "sum[i,part where 0 <= a * 3 + part - i and a * 3 + part - i < size(j) and "
           "a * 3 + part == i + idx[idx[i]]](c[i, a * 3 + part - i])"},
          {"sum[i,j where (i + j) // 3 == a and j == idx[idx[i]]](c[i,j])",
           "sum[j,part where 0 <= a * 3 + part - j and a * 3 + part - j < size(i) and j == "
           "idx[idx[a * 3 + part - j]]](c[a * 3 + part - j, j])"},
          {"sum[i where i // 4 == a and b >= 1 and i % 4 == off[b-1]](c[i,0])",
           "sum[part where a * 4 + part < size(i) and b >= 1 and (a * 4 + part) % 4 == "
           "off[b - 1]](c[a * 4 + part, 0])"},
          {"sum[i,j where i * size(j) == a and j == b // size(i)](c[i,j])",
           "if 0 < size(j) and a % size(j) == 0 and a < size(i) * size(j) and 0 <= b // "
           "size(i) and b // size(i) < size(j) then c[a // size(j), b // size(i)] else 0.0"});
}

static void alternatives_ask_as_before(void **state) {
    CHECK({"sum[d where d == b](x[d | 7])",
           "if b < size(d) then (if b < size(n) then x[b] else 7.0) else 0.0"},
          {"sum[d where d + 1 == b](x[d | 7])",
           "if 0 <= b - 1 and b - 1 < size(d) then x[b - 1 | 7.0] else 0.0"},
          {"sum[d,n where d == n](x[d | 7] * x[n])", "sum[n](x[n] * x[n])"},
          {"sum[d,n where n == d](x[d | 7] * x[n])", "sum[n](x[n] * x[n])"});
}

static void permutations_are_read_backwards(void **state) {
    CHECK({"sum[i where perm[i] == a](c[i,0])",
           "if a < size(i) then c[perm.inverse[a], 0] else 0.0"},
          {"sum[i where copy[i] == a](c[i,0])",
           "if a < size(i) then c[copy.inverse[a], 0] else 0.0"},
          {"sum[i where back[i] == a](c[i,0])", "if a < size(i) then c[perm[a], 0] else 0.0"},
          {"sum[i where 2 - perm[i] == a](c[i,0])",
           "if 0 <= 2 - a and 2 - a < size(i) then c[perm.inverse[2 - a], 0] else 0.0"},
          {"sum[i where rows[b,i] == a](c[i,0])",
           "if a < size(i) then c[rows.inverse[b,a], 0] else 0.0"},
          {"sum[i where columns[i,b] == a](c[i,0])",
           "if a < size(i) then c[columns.inverse[a,b], 0] else 0.0"},
          {"sum[i where perm[i + 1] == a](c[i,0])",
           "if a < size(i) and 0 < size(i) and 0 <= perm.inverse[a] - 1 then "
           "c[perm.inverse[a] - 1, 0] else 0.0"},
          {"sum[i where perm[ids[i]] == a](c[i,0])", "sum[i where perm[ids[i]] == a](c[i,0])"},
          {"sum[i where keep[i] and perm[i] == a](c[i,0])",
           "sum[i where keep[i] and perm[i] == a](c[i,0])"},
          {"sum[i,e where rows[e,i] == a](c[i,e])",
           "sum[e where a < size(i)](c[rows.inverse[e,a], e])"});
}

static void other_folds_stay(void **state) {
    CHECK({"max[i where i == a](c[i,0])", "max[i where i == a](c[i,0])"},
          {"sum[i](c[i,0])", "sum[i](c[i,0])"},
          {"sum[i where i < a](c[i,0])", "sum[i where i < a](c[i,0])"},
          {"real(sum[i where i == a](i))", "real(sum[i where i == a](i))"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_that_is_given_is_no_loop),
        cmocka_unit_test(steps_must_divide),
        cmocka_unit_test(digits_are_quotients_and_remainders),
        cmocka_unit_test(quotients_and_remainders_are_inverted),
        cmocka_unit_test(gathers_stay),
        cmocka_unit_test(an_index_that_is_gathered_is_no_loop),
        cmocka_unit_test(what_cannot_be_is_nothing),
        cmocka_unit_test(conditions_keep_their_order),
        cmocka_unit_test(what_may_fail_stays_behind_what_keeps_it),
        cmocka_unit_test(alternatives_ask_as_before),
        cmocka_unit_test(permutations_are_read_backwards),
        cmocka_unit_test(other_folds_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
