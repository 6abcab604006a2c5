/* real is what is computed with, given what inputs and outputs hold. A vector is as wide as the
 * processor's registers: LANES reals. */
#if REAL_IS_FLOAT
typedef float real;
#else
typedef double real;
#endif
#if GIVEN_IS_DOUBLE
typedef double given;
#elif GIVEN_IS_FLOAT
typedef float given;
#else
typedef uint16_t given;
#endif

#if defined __AVX512F__
#define VECTOR_BYTES 64
#elif defined __AVX__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
enum { LANES = VECTOR_BYTES / sizeof(real) };

/* A file may hold more of these functions than it calls. */
#pragma GCC diagnostic ignored "-Wunused-function"
