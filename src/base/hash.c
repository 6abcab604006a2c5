/* From bytes to 32 that stand for them: BLAKE2b-256 (RFC 7693), without a key.
 *
 * Names files of the kernel cache and tells whether one is whole. A hash that nobody can find two
 * texts for is taken although only we write the cache: what is loaded from it is run. BLAKE2b and
 * not SHA-256 because it reads a gigabyte a second in plain C, and a warm start hashes a whole
 * library. */
#include "base/base.h"

#include <string.h>

enum { BLOCK = 128, WORDS = 8 };

static const uint64_t start[WORDS] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Which words of the block each round takes; rounds 10 and 11 are 0 and 1 again. */
static const unsigned char order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t turned(uint64_t word, int bits) {
    return word >> bits | word << (64 - bits);
}

static inline void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = turned(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = turned(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = turned(v[b] ^ v[c], 63);
}

/* Words are little-endian whatever the machine. */
static uint64_t word_at(const unsigned char *bytes) {
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) word = word << 8 | bytes[i];
    return word;
}

static void take_block(at_hash *hash, bool last) {
    uint64_t v[16], m[16];
    for (int i = 0; i < 16; i++) m[i] = word_at(hash->block + 8 * i);
    memcpy(v, hash->state, sizeof hash->state);
    memcpy(v + WORDS, start, sizeof start);
    v[12] ^= hash->length;
    if (last) v[14] = ~v[14];
    for (int round = 0; round < 12; round++) {
        const unsigned char *o = order[round % 10];
        mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);
        mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
        mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);
        mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
        mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);
        mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
        mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);
        mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
    }
    for (int i = 0; i < WORDS; i++) hash->state[i] ^= v[i] ^ v[i + WORDS];
}

void at_hash_begin(at_hash *hash) {
    *hash = (at_hash){.filled = 0};
    memcpy(hash->state, start, sizeof start);
    hash->state[0] ^= 0x01010000 ^ AT_HASH_BYTES; /* no key, one thread, so many bytes out */
}

void at_hash_add(at_hash *hash, const void *bytes, size_t length) {
    const unsigned char *from = bytes;
    while (length > 0) {
        /* A full block waits until more comes: the last one is taken differently. */
        if (hash->filled == BLOCK) {
            hash->length += BLOCK;
            take_block(hash, false);
            hash->filled = 0;
        }
        size_t room = BLOCK - hash->filled, n = length < room ? length : room;
        memcpy(hash->block + hash->filled, from, n);
        hash->filled += n;
        from += n;
        length -= n;
    }
}

void at_hash_text(at_hash *hash, const char *text) { at_hash_add(hash, text, strlen(text) + 1); }

void at_hash_end(at_hash *hash, unsigned char out[AT_HASH_BYTES]) {
    hash->length += hash->filled;
    memset(hash->block + hash->filled, 0, BLOCK - hash->filled);
    take_block(hash, true);
    for (int i = 0; i < AT_HASH_BYTES; i++)
        out[i] = (unsigned char)(hash->state[i / 8] >> 8 * (i % 8));
}

void at_hash_hex(const unsigned char *bytes, char out[2 * AT_HASH_BYTES + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < AT_HASH_BYTES; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * AT_HASH_BYTES] = 0;
}
