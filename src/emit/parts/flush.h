/* Floats too small to be normal count as 0 while a program runs: processors take a hundred times as
 * long over them. Each thread begins so and gets back what it had. */
#if REAL_IS_FLOAT
static inline unsigned attend_flush_begin(void) {
#if defined __SSE__
    unsigned old = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(old | 0x8040); /* flush to zero, denormals are zeros */
    return old;
#elif defined __aarch64__
    uint64_t old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"(old | 1 << 24));
    return (unsigned)old;
#else
    return 0;
#endif
}

static inline void attend_flush_end(unsigned old) {
#if defined __SSE__
    __builtin_ia32_ldmxcsr(old);
#elif defined __aarch64__
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)old));
#else
    (void)old;
#endif
}
#else
static inline unsigned attend_flush_begin(void) { return 0; }
static inline void attend_flush_end(unsigned old) { (void)old; }
#endif
