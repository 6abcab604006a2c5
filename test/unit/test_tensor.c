/* Types, shapes, memory and conversions of tensors. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "tensor_test.h"

static void sizes_and_names_of_types_agree(void **state) {
    (void)state;
    assert_string_equal(at_type_text(AT_TYPE_BF16), "bf16");
    assert_int_equal(at_type_bytes(AT_TYPE_BOOL), 1);
    for (int type = 1; type < AT_TYPES; type++) {
        int bits;
        assert_int_equal(sscanf(at_type_text((at_type)type), "%*[a-z]%d", &bits), 1);
        assert_int_equal(at_type_bytes((at_type)type) * 8, bits);
    }
}

static void shapes_that_cannot_be_counted_are_refused(void **state) {
    (void)state;
    assert_int_equal(at_shape_count(NULL, 0, 4), 1);
    assert_int_equal(at_shape_count((int64_t[]){2, 3}, 2, 4), 6);
    assert_int_equal(at_shape_count((int64_t[]){2, 0, 3}, 3, 4), 0);
    assert_int_equal(at_shape_count((int64_t[]){2, -1}, 2, 4), -1);
    assert_int_equal(at_shape_count((int64_t[]){0, -1}, 2, 4), -1);
    assert_int_equal(at_shape_count((int64_t[]){INT64_MAX}, 1, 1), INT64_MAX);
    assert_int_equal(at_shape_count((int64_t[]){INT64_MAX / 4 + 1}, 1, 4), -1);
    assert_int_equal(at_shape_count((int64_t[]){INT64_MAX / 4}, 1, 4), INT64_MAX / 4);
    assert_int_equal(at_shape_count((int64_t[]){(int64_t)1 << 32, (int64_t)1 << 31}, 2, 1), -1);
    /* Nothing is stored, and yet strides could not be computed. */
    assert_int_equal(at_shape_count((int64_t[]){0, (int64_t)1 << 62, 4}, 3, 1), -1);
}

static void a_new_tensor_is_zero_and_aligned(void **state) {
    at_session *s = *state;
    at_tensor *t = at_tensor_new(s, AT_TYPE_F64, (int64_t[]){3, 5}, 2, "t");
    assert_non_null(t);
    assert_int_equal(t->count, 15);
    assert_int_equal((uintptr_t)t->data % 64, 0);
    for (int i = 0; i < 15; i++) assert_true(((double *)t->data)[i] == 0);
    at_tensor_free(t);
    t = at_tensor_new(s, AT_TYPE_F32, (int64_t[]){0}, 1, "t");
    assert_non_null(t);
    assert_non_null(t->data);
    at_tensor_free(t);
    at_tensor_free(NULL);
    assert_silent(s);
}

static void memory_that_cannot_be_had_is_said(void **state) {
    at_session *s = *state;
    assert_null(at_tensor_new(s, AT_TYPE_F32, (int64_t[]){(int64_t)1 << 40, 1 << 20}, 2, "`w`"));
    assert_int_equal(s->diag_count, 1);
    const char *note = s->diags[0]->notes[0]; /* what is free differs between machines */
    assert_non_null(strstr(note, " are free now"));
    s->diags[0]->note_count = 0;
    assert_said(s, "not supported[E001]: no memory for `w`: f32 (1099511627776, 1048576) takes 4.0 "
                   "EiB\n");
    assert_null(at_tensor_new(s, AT_TYPE_U8, (int64_t[]){INT64_MAX, 2}, 2, "`w`"));
    assert_said(s, "not supported[E001]: `w` would be u8 (9223372036854775807, 2), more than any "
                   "memory can hold\n");
    int64_t ones[AT_RANK_LIMIT + 1] = {0};
    assert_null(at_tensor_new(s, AT_TYPE_U8, ones, AT_RANK_LIMIT + 1, "`w`"));
    assert_said(s, "not supported[E806]: `w` has 33 axes, and an array has at most 32\n");
}

static void descriptions_fit_their_buffer(void **state) {
    at_session *s = *state;
    char text[256];
    at_tensor *t = at_tensor_new(s, AT_TYPE_BF16, (int64_t[]){2, 3}, 2, "t");
    at_tensor_describe(t, text);
    assert_string_equal(text, "bf16 (2, 3)");
    t->rank = 1;
    at_tensor_describe(t, text);
    assert_string_equal(text, "bf16 (2)");
    t->rank = 0;
    at_tensor_describe(t, text);
    assert_string_equal(text, "bf16 scalar");
    t->rank = AT_RANK_LIMIT;
    for (int i = 0; i < AT_RANK_LIMIT; i++) t->extents[i] = INT64_MAX;
    at_tensor_describe(t, text);
    assert_true(strlen(text) < 256);
    assert_string_equal(text + strlen(text) - 6, ", …)");
    at_tensor_free(t);
}

/* ---- halves ---------------------------------------------------------------------------------- */

static uint32_t bits(float value) {
    uint32_t u;
    memcpy(&u, &value, sizeof u);
    return u;
}

static float value(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void every_half_and_bfloat_survives_a_float(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        bool nan = (h & 0x7fff) > 0x7c00;
        uint16_t back = at_float_to_half(at_half_to_float((uint16_t)h));
        assert_int_equal(back, nan ? h | 0x200 : h); /* a NaN stays one, made quiet */
        nan = (h & 0x7fff) > 0x7f80;
        back = at_float_to_bfloat(at_bfloat_to_float((uint16_t)h));
        assert_int_equal(back, nan ? h | 0x40 : h);
    }
    assert_true(at_half_to_float(0x3c00) == 1.0f);
    assert_true(at_half_to_float(0xc000) == -2.0f);
    assert_true(at_half_to_float(0x7bff) == 65504.0f);
    assert_true(at_half_to_float(0x0001) == 0x1p-24f);
    assert_true(at_half_to_float(0x03ff) == 1023 * 0x1p-24f);
    assert_true(isinf(at_half_to_float(0xfc00)));
    assert_true(at_bfloat_to_float(0x3f80) == 1.0f);
}

/* What codes mean, by the definition of such formats and in doubles: a sign, `bits` of exponent
 * with a bias, and a fraction, which below the smallest exponent has no leading 1. */
static double by_definition(unsigned code, int width, int bits, int bias) {
    int fraction_bits = width - 1 - bits;
    double fraction = code & ((1u << fraction_bits) - 1), scale = ldexp(1, fraction_bits);
    int exponent = (int)(code >> fraction_bits) & ((1 << bits) - 1);
    double value = exponent ? (1 + fraction / scale) * pow(2, exponent - bias)
                            : fraction / scale * pow(2, 1 - bias);
    return code >> (width - 1) & 1 ? -value : value;
}

static void every_half_and_bfloat_means_what_is_defined(void **state) {
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        float half = at_half_to_float((uint16_t)code), bfloat = at_bfloat_to_float((uint16_t)code);
        if ((code & 0x7c00) == 0x7c00) assert_true(code & 0x3ff ? isnan(half) : isinf(half));
        else assert_true((double)half == by_definition(code, 16, 5, 15));
        if ((code & 0x7f80) == 0x7f80) assert_true(code & 0x7f ? isnan(bfloat) : isinf(bfloat));
        else assert_true((double)bfloat == by_definition(code, 16, 8, 127));
        if (!isnan(half)) assert_int_equal(signbit(half) != 0, code >> 15);
        if (!isnan(bfloat)) assert_int_equal(signbit(bfloat) != 0, code >> 15);
    }
}

/* ---- reals of 8 bits ------------------------------------------------------------------------- */

typedef struct {
    at_type type;
    int bits, bias;
    unsigned infinity, nan, nan_too; /* codes without sign; 0: none */
    bool minus_nan;                  /* 0x80 is the only NaN */
} small_format;

static const small_format small_formats[] = {
    {AT_TYPE_F8_E4M3, 4, 7, 0, 0x7f, 0x7f, false},
    {AT_TYPE_F8_E5M2, 5, 15, 0x7c, 0x7d, 0x7f, false},
    {AT_TYPE_F8_E4M3FNUZ, 4, 8, 0, 0, 0, true},
    {AT_TYPE_F8_E5M2FNUZ, 5, 16, 0, 0, 0, true},
};
enum { SMALL_FORMATS = sizeof small_formats / sizeof *small_formats };

static double small_value(const small_format *f, unsigned code) {
    unsigned magnitude = code & 127;
    if (f->minus_nan && code == 128) return NAN;
    if (f->nan && magnitude >= f->nan && magnitude <= f->nan_too) return NAN;
    if (f->infinity && magnitude == f->infinity) return code & 128 ? -INFINITY : INFINITY;
    return by_definition(code, 8, f->bits, f->bias);
}

static void every_real_of_8_bits_means_what_is_defined(void **state) {
    (void)state;
    for (int i = 0; i < SMALL_FORMATS; i++)
        for (unsigned code = 0; code < 256; code++) {
            at_type type = small_formats[i].type;
            double meant = small_value(&small_formats[i], code);
            float value = at_float8_to_float(type, (uint8_t)code);
            assert_true(isnan(meant) ? isnan(value) : (double)value == meant);
            unsigned back = at_float_to_float8(type, value);
            if (isnan(meant)) assert_true(isnan(small_value(&small_formats[i], back)));
            else assert_int_equal(back, code);
        }
    for (unsigned code = 0; code < 255; code++) {
        float value = at_float8_to_float(AT_TYPE_F8_E8M0, (uint8_t)code);
        assert_true((double)value == pow(2, (int)code - 127));
        assert_int_equal(at_float_to_float8(AT_TYPE_F8_E8M0, value), code);
    }
    assert_true(isnan(at_float8_to_float(AT_TYPE_F8_E8M0, 255)));
    assert_int_equal(at_float_to_float8(AT_TYPE_F8_E8M0, NAN), 255);
}

/* The nearest of all values, of two the one with the even code; beyond the middle between the
 * largest and the next that the format would have, infinity or NaN. */
static void rounding_to_8_bits_is_to_the_nearest_of_all(void **state) {
    (void)state;
    for (int i = 0; i < SMALL_FORMATS; i++) {
        const small_format *f = &small_formats[i];
        unsigned most = f->infinity ? f->infinity - 1 : f->nan ? f->nan - 1 : 127;
        double beyond = by_definition(most + 1, 9, f->bits + 1, f->bias); /* as if it went on */
        double limit = (small_value(f, most) + beyond) / 2;
        for (unsigned step = 0; step < 4000; step++) {
            float x = (float)(pow(2, (double)step / 100 - 24) * (1 + (step % 7) / 64.0));
            unsigned code = at_float_to_float8(f->type, x), best = 0;
            assert_int_equal(at_float_to_float8(f->type, -x),
                             f->minus_nan && (code & 127) == 0 ? code : code | 128);
            if ((double)x > limit || ((double)x == limit && most % 2)) {
                double value = small_value(f, code);
                assert_true(f->infinity ? isinf(value) : isnan(value));
                continue;
            }
            for (unsigned other = 1; other <= most; other++) {
                double now = fabs((double)x - small_value(f, best));
                double then = fabs((double)x - small_value(f, other));
                if (then < now || (then == now && other % 2 == 0)) best = other;
            }
            assert_int_equal(code, best);
        }
    }
}

static void only_powers_of_two_become_f8_e8m0(void **state) {
    at_session *s = *state;
    double good[] = {1, 0x1p-127, 0x1p127, NAN, 0.25},
           bad[] = {0, -1, 3, 0x1p128, 0x1p-128, INFINITY};
    at_tensor *from = make(s, AT_TYPE_F64, 1, (int64_t[]){5}, good);
    at_tensor *to = at_tensor_convert(s, from, AT_TYPE_F8_E8M0, "`x`");
    assert_memory_equal(to->data, ((uint8_t[]){127, 0, 254, 255, 125}), 5);
    at_tensor_free(from);
    at_tensor_free(to);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        from = make(s, AT_TYPE_F64, 0, NULL, &bad[i]);
        assert_null(at_tensor_convert(s, from, AT_TYPE_F8_E8M0, "`x`"));
        if (bad[i] == 3)
            assert_said(s,
                        "error[E807]: `x` is 3.0, and f8_e8m0 holds powers of two from 2^-127 to "
                        "2^127\n");
        else assert_true(said_code(s, "E807"));
        at_tensor_free(from);
    }
    int64_t ints[] = {1, 4, (int64_t)1 << 62, ((int64_t)1 << 62) + 1};
    from = make(s, AT_TYPE_I64, 1, (int64_t[]){4}, ints);
    assert_null(at_tensor_convert(s, from, AT_TYPE_F8_E8M0, "`x`"));
    assert_said(s,
                "error[E807]: `x`[3] is 4611686018427387905, and f8_e8m0 holds powers of two from "
                "2^-127 to 2^127\n");
    at_tensor_free(from);
}

/* Between two neighbours of the small format: below the middle rounds down, above up, the middle to
 * the even one. In doubles, where all of these are exact. */
static void rounding_is_to_nearest_even_between_all_halves(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float low = at_half_to_float((uint16_t)h), high = at_half_to_float((uint16_t)(h + 1));
        float middle = (low + high) / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        assert_int_equal(at_float_to_half(middle), even);
        assert_int_equal(at_float_to_half(nextafterf(middle, 0)), h);
        assert_int_equal(at_float_to_half(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(at_float_to_half(-middle), even | 0x8000);
    }
    assert_int_equal(at_float_to_half(nextafterf(65520.0f, 0)), 0x7bff);
    assert_int_equal(at_float_to_half(65520.0f), 0x7c00);
    assert_int_equal(at_float_to_half(-1e30f), 0xfc00);
    for (uint32_t b = 0; b < 0x7f7f; b++) {
        uint32_t middle = b << 16 | 0x8000;
        assert_int_equal(at_float_to_bfloat(value(middle)), b & 1 ? b + 1 : b);
        assert_int_equal(at_float_to_bfloat(value(middle - 1)), b);
        assert_int_equal(at_float_to_bfloat(value(middle + 1)), b + 1);
    }
    assert_int_equal(at_float_to_bfloat(value(0x7f7fffff)), 0x7f80);
    assert_true(bits(at_bfloat_to_float(0xff80)) == bits(-INFINITY));
}

/* ---- conversion ------------------------------------------------------------------------------ */

static at_tensor *convert_one(at_session *s, at_type from, const void *data, at_type to) {
    at_tensor *a = make(s, from, 1, (int64_t[]){1}, data);
    at_tensor *b = at_tensor_convert(s, a, to, "`x`");
    at_tensor_free(a);
    return b;
}

static void values_common_to_all_types_survive_every_pair(void **state) {
    at_session *s = *state;
    /* More than one chunk; 0 and 1 are in every type. */
    enum { N = 2500 };
    uint8_t pattern[N];
    for (int i = 0; i < N; i++) pattern[i] = (uint8_t)(i * 7 % 5 == 1);
    at_tensor *origin = make(s, AT_TYPE_BOOL, 2, (int64_t[]){50, 50}, pattern);
    for (int from = 0; from < AT_TYPES; from++)
        for (int to = 0; to < AT_TYPES; to++) {
            if (from == AT_TYPE_F8_E8M0 || to == AT_TYPE_F8_E8M0) continue; /* has no 0 */
            at_tensor *a = at_tensor_convert(s, origin, (at_type)from, "a");
            at_tensor *b = at_tensor_convert(s, a, (at_type)to, "b");
            at_tensor *c = at_tensor_convert(s, b, AT_TYPE_BOOL, "c");
            assert_non_null(c);
            assert_int_equal(b->type, to);
            assert_same_tensor(origin, c);
            at_tensor_free(a);
            at_tensor_free(b);
            at_tensor_free(c);
        }
    at_tensor_free(origin);
    assert_silent(s);
}

static void extremes_of_every_int_fit_and_the_next_do_not(void **state) {
    at_session *s = *state;
    static const struct {
        at_type type;
        double low, high; /* high: the first that is too large */
    } cases[] = {
        {AT_TYPE_U8, 0, 256}, {AT_TYPE_I8, -128, 128}, {AT_TYPE_U16, 0, 65536},
        {AT_TYPE_I16, -32768, 32768}, {AT_TYPE_U32, 0, 0x1p32}, {AT_TYPE_I32, -0x1p31, 0x1p31},
        {AT_TYPE_U64, 0, 0x1p64}, {AT_TYPE_I64, -0x1p63, 0x1p63}, {AT_TYPE_BOOL, 0, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double inside[] = {cases[i].low, nextafter(cases[i].high, 0)};
        inside[1] = floor(inside[1]);
        double outside[] = {nextafter(cases[i].low, -INFINITY), cases[i].high, NAN, INFINITY,
                            -INFINITY, 0.5};
        if (cases[i].low == 0) outside[0] = -1;
        for (size_t k = 0; k < 2; k++) {
            at_tensor *t = convert_one(s, AT_TYPE_F64, &inside[k], cases[i].type);
            assert_non_null(t);
            at_tensor *back = at_tensor_convert(s, t, AT_TYPE_F64, "back");
            assert_true(*(double *)back->data == inside[k]);
            at_tensor_free(t);
            at_tensor_free(back);
        }
        for (size_t k = 0; k < sizeof outside / sizeof *outside; k++) {
            assert_null(convert_one(s, AT_TYPE_F64, &outside[k], cases[i].type));
            assert_true(said_code(s, "E807"));
        }
    }
}

static void ints_never_wrap(void **state) {
    at_session *s = *state;
    int64_t minus = -1, large = 128, most = INT64_MIN;
    uint64_t huge = UINT64_MAX;
    assert_null(convert_one(s, AT_TYPE_I64, &minus, AT_TYPE_U64));
    assert_said(s, "error[E807]: `x`[0] is -1, and u64 holds numbers from 0 to "
                   "18446744073709551615\n");
    assert_null(convert_one(s, AT_TYPE_U64, &huge, AT_TYPE_I64));
    assert_said(s, "error[E807]: `x`[0] is 18446744073709551615, and i64 holds numbers from "
                   "-9223372036854775808 to 9223372036854775807\n");
    assert_null(convert_one(s, AT_TYPE_I64, &large, AT_TYPE_I8));
    assert_said(s, "error[E807]: `x`[0] is 128, and i8 holds numbers from -128 to 127\n");
    at_tensor *t = convert_one(s, AT_TYPE_I64, &most, AT_TYPE_I64);
    assert_true(*(int64_t *)t->data == INT64_MIN);
    at_tensor_free(t);
    t = convert_one(s, AT_TYPE_U64, &huge, AT_TYPE_F64);
    assert_true(*(double *)t->data == 0x1p64);
    at_tensor_free(t);
    assert_silent(s);
}

static void the_first_element_that_does_not_fit_is_named(void **state) {
    at_session *s = *state;
    enum { N = 40 * 50 };
    double numbers[N] = {0};
    numbers[1234] = 2.5;
    numbers[1999] = 1e9;
    at_tensor *t = make(s, AT_TYPE_F64, 2, (int64_t[]){40, 50}, numbers);
    assert_null(at_tensor_convert(s, t, AT_TYPE_I16, "`ids` in a.npz"));
    assert_said(s, "error[E807]: `ids` in a.npz[24, 34] is 2.5, and i16 holds whole numbers from "
                   "-32768 to 32767\n");
    ((double *)t->data)[1234] = 2;
    assert_null(at_tensor_convert(s, t, AT_TYPE_BOOL, "`keep`"));
    assert_said(s, "error[E807]: `keep`[24, 34] is 2.0, and a bool is 0 or 1\n");
    at_tensor_free(t);
    double nan = NAN;
    t = make(s, AT_TYPE_F64, 0, NULL, &nan);
    assert_null(at_tensor_convert(s, t, AT_TYPE_I64, "`n`"));
    assert_said(s, "error[E807]: `n` is nan, and i64 holds numbers from -9223372036854775808 to "
                   "9223372036854775807\n");
    at_tensor_free(t);
}

/* Numbers that lie just beside a tie, by less than the format between could hold. */
static void rounding_happens_once(void **state) {
    at_session *s = *state;
    double near = 1 + 0x1p-11 + 0x1p-40; /* above the middle of two halves; a tie once it is f32 */
    at_tensor *t = convert_one(s, AT_TYPE_F64, &near, AT_TYPE_F16);
    assert_int_equal(*(uint16_t *)t->data, 0x3c01);
    at_tensor_free(t);
    near = -(1 + 0x1p-11 + 0x1p-10 - 0x1p-40);
    t = convert_one(s, AT_TYPE_F64, &near, AT_TYPE_F16);
    assert_int_equal(*(uint16_t *)t->data, 0xbc01);
    at_tensor_free(t);
    int64_t whole = ((int64_t)1 << 62) + ((int64_t)1 << 54) + 1; /* a tie of bf16 once it is f64 */
    t = convert_one(s, AT_TYPE_I64, &whole, AT_TYPE_BF16);
    assert_int_equal(*(uint16_t *)t->data, 0x5e81);
    at_tensor_free(t);
    whole = -whole + 2;
    t = convert_one(s, AT_TYPE_I64, &whole, AT_TYPE_BF16);
    assert_int_equal(*(uint16_t *)t->data, 0xde80);
    at_tensor_free(t);
    uint64_t wide = ((uint64_t)1 << 63) + ((uint64_t)1 << 55) + 1;
    t = convert_one(s, AT_TYPE_U64, &wide, AT_TYPE_BF16);
    assert_int_equal(*(uint16_t *)t->data, 0x5f01);
    at_tensor_free(t);
    whole = ((int64_t)1 << 54) + ((int64_t)1 << 30) + 1; /* a tie of f32 once it is f64 */
    t = convert_one(s, AT_TYPE_I64, &whole, AT_TYPE_F32);
    assert_true(*(float *)t->data == 0x1p54f + 0x1p31f);
    at_tensor_free(t);
    assert_silent(s);
}

static void infinity_and_nan_are_carried(void **state) {
    at_session *s = *state;
    double odd[] = {INFINITY, -INFINITY, NAN, -0.0, 1e300, 1e-300, -1e300};
    static const at_type reals[] = {AT_TYPE_F16, AT_TYPE_BF16, AT_TYPE_F32, AT_TYPE_F8_E5M2};
    at_tensor *from = make(s, AT_TYPE_F64, 1, (int64_t[]){7}, odd);
    for (size_t i = 0; i < 4; i++) {
        at_tensor *t = at_tensor_convert(s, from, reals[i], "t");
        at_tensor *back = at_tensor_convert(s, t, AT_TYPE_F64, "back");
        const double *x = back->data;
        assert_true(x[0] == INFINITY && x[1] == -INFINITY && isnan(x[2]));
        assert_true(x[3] == 0 && signbit(x[3]));
        assert_true(x[4] == INFINITY && x[5] == 0 && x[6] == -INFINITY);
        at_tensor_free(t);
        at_tensor_free(back);
    }
    at_tensor_free(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sizes_and_names_of_types_agree),
        TEST(shapes_that_cannot_be_counted_are_refused),
        TEST(a_new_tensor_is_zero_and_aligned),
        TEST(memory_that_cannot_be_had_is_said),
        TEST(descriptions_fit_their_buffer),
        TEST(every_half_and_bfloat_survives_a_float),
        TEST(every_half_and_bfloat_means_what_is_defined),
        TEST(every_real_of_8_bits_means_what_is_defined),
        TEST(rounding_to_8_bits_is_to_the_nearest_of_all),
        TEST(only_powers_of_two_become_f8_e8m0),
        TEST(rounding_is_to_nearest_even_between_all_halves),
        TEST(values_common_to_all_types_survive_every_pair),
        TEST(extremes_of_every_int_fit_and_the_next_do_not),
        TEST(ints_never_wrap),
        TEST(the_first_element_that_does_not_fit_is_named),
        TEST(rounding_happens_once),
        TEST(infinity_and_nan_are_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
