/* Draws: pure functions of seed, run, path, rounds and indices, in double whatever `real` is, so
 * that they are the same for all types. Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011) under keys made by the finaliser of SplitMix64
 * (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t attend_draw_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t attend_draw_key(uint64_t seed, uint64_t run, const char *path) {
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t key = attend_draw_mix(attend_draw_mix(seed + golden) + run + golden);
    for (const char *c = path; *c; c++)
        key = attend_draw_mix(key + (unsigned char)*c + golden);
    return key;
}

/* One index more in what tells a draw from others of its key. */
static int64_t attend_draw_at(int64_t so_far, int64_t index) {
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    return (int64_t)attend_draw_mix((uint64_t)so_far + ((uint64_t)index + 1) * golden);
}

static void attend_philox(uint64_t key, uint64_t counter, uint64_t out[2]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0, p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = (uint64_t)c1 << 32 | c0;
    out[1] = (uint64_t)c3 << 32 | c2;
}

/* [0, 1), multiples of 2^-53. */
static double attend_draw_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

/* Box and Muller 1958; 1 - u lies in (0, 1]. */
static real attend_draw_normal(uint64_t key, int64_t at, real mean, real deviation) {
    uint64_t bits[2];
    attend_philox(key, (uint64_t)at, bits);
    double radius = sqrt(-2.0 * log(1.0 - attend_draw_unit(bits[0])));
    double standard = radius * cos(2.0 * 3.14159265358979323846 * attend_draw_unit(bits[1]));
    return (real)((double)mean + (double)deviation * standard);
}

static real attend_draw_uniform(uint64_t key, int64_t at, real low, real high) {
    uint64_t bits[2];
    attend_philox(key, (uint64_t)at, bits);
    real value = (real)((double)low + ((double)high - (double)low) * attend_draw_unit(bits[0]));
    if (low < high && value >= high) { /* rounding may reach it */
#if REAL_IS_FLOAT
        value = nextafterf(high, low);
#else
        value = nextafter(high, low);
#endif
    }
    return value;
}

static bool attend_draw_bernoulli(uint64_t key, int64_t at, real probability) {
    uint64_t bits[2];
    attend_philox(key, (uint64_t)at, bits);
    return attend_draw_unit(bits[0]) < (double)probability;
}

static real attend_draw_gumbel(uint64_t key, int64_t at) {
    uint64_t bits[2];
    attend_philox(key, (uint64_t)at, bits);
    double u = ((double)(bits[0] >> 12) + 0.5) * 0x1p-52; /* (0, 1) */
    return (real)-log(-log(u));
}
