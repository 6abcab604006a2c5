/* Ints of sizes: an overflow, a division by 0 and a negative power have no result, which is
 * noted. */
static inline int64_t attend_size_add(int64_t a, int64_t b, bool *good) {
    int64_t c = 0;
    if (__builtin_add_overflow(a, b, &c)) *good = false;
    return c;
}
static inline int64_t attend_size_sub(int64_t a, int64_t b, bool *good) {
    int64_t c = 0;
    if (__builtin_sub_overflow(a, b, &c)) *good = false;
    return c;
}
static inline int64_t attend_size_mul(int64_t a, int64_t b, bool *good) {
    int64_t c = 0;
    if (__builtin_mul_overflow(a, b, &c)) *good = false;
    return c;
}
/* Towards minus infinity. */
static inline int64_t attend_size_idiv(int64_t a, int64_t b, bool *good) {
    if (b == 0 || (b == -1 && a == INT64_MIN)) {
        *good = false;
        return 0;
    }
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}
static inline int64_t attend_size_mod(int64_t a, int64_t b, bool *good) {
    if (b == 0) *good = false;
    if (b == 0 || b == -1) return 0;
    return a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
}
static inline int64_t attend_size_ipow(int64_t a, int64_t b, bool *good) {
    int64_t value = 1;
    if (b < 0) *good = false;
    for (; b > 0; b >>= 1) {
        if ((b & 1) && __builtin_mul_overflow(value, a, &value)) *good = false;
        if (b > 1 && __builtin_mul_overflow(a, a, &a)) *good = false;
    }
    return value;
}
static inline int64_t attend_size_abs(int64_t a, bool *good) {
    return a < 0 ? attend_size_sub(0, a, good) : a;
}
static inline int64_t attend_size_sign(int64_t a) { return (a > 0) - (a < 0); }
static inline int64_t attend_size_min(int64_t a, int64_t b) { return a <= b ? a : b; }
static inline int64_t attend_size_max(int64_t a, int64_t b) { return a >= b ? a : b; }
static inline int64_t attend_size_clamp(int64_t a, int64_t b, int64_t c) {
    return a < b ? b : a > c ? c : a;
}
static inline int64_t attend_size_int(double a) {
    return a >= -0x1p63 && a < 0x1p63 ? (int64_t)a : INT64_MIN;
}
