/* From what this machine's processor has to the compiler's flags for it.
 *
 * Each extension is asked for by its CPUID bit and named by a flag of its own. `-march=native` is
 * not used: what it means depends on the compiler, it guesses wrong on virtual machines that hide
 * parts of a processor, and the kernel cache could not tell two machines apart that share a home
 * folder. Here the list of flags is the whole truth, and is part of a kernel's name.
 *
 * ATTEND_TARGET restricts it: `portable` gives code for every processor of the architecture (and
 * for valgrind, which knows no AVX-512), `avx2` and `avx512` what these mean in practice; `native`,
 * the default, everything. Elsewhere than on x86 there is only the architecture's own base. */
#include "run/run_int.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#define HAS_CPUID 1
#else
#define HAS_CPUID 0
#endif

/* The targets, each with all that those before it have. */
enum { PORTABLE, AVX2, AVX512, NATIVE };
static const char *const names[] = {"portable", "avx2", "avx512", "native"};

enum { EAX, EBX, ECX, EDX };

/* What is asked of the processor: each question leaves a virtual machine, and takes as long as a
 * kernel's small run. */
enum { FIRST, SEVENTH, SEVENTH_ONE, EXTENDED, LEAVES };
static const struct {
    unsigned leaf, subleaf;
} leaves[LEAVES] = {{1, 0}, {7, 0}, {7, 1}, {0x80000001, 0}};

typedef struct {
    unsigned saved;           /* of a thread's registers by the system, as bits; 0: cannot be asked */
    unsigned word[LEAVES][4]; /* 0 where there is no such leaf */
} features;

/* state: what the system must save for it: nothing, AVX's registers, AVX-512's. */
enum { NOTHING, WIDE = 0x06, WIDEST = 0xe6 };

typedef struct {
    const char *flag;
    int leaf, word, bit; /* the leaf as a row of `leaves` */
    unsigned state;
    int since; /* the first target that has it */
} extension;

static const extension extensions[] = {
    {"-msse3", FIRST, ECX, 0, NOTHING, AVX2},
    {"-mssse3", FIRST, ECX, 9, NOTHING, AVX2},
    {"-msse4.1", FIRST, ECX, 19, NOTHING, AVX2},
    {"-msse4.2", FIRST, ECX, 20, NOTHING, AVX2},
    {"-mpopcnt", FIRST, ECX, 23, NOTHING, AVX2},
    {"-mavx", FIRST, ECX, 28, WIDE, AVX2},
    {"-mf16c", FIRST, ECX, 29, WIDE, AVX2},
    {"-mfma", FIRST, ECX, 12, WIDE, AVX2},
    {"-mavx2", SEVENTH, EBX, 5, WIDE, AVX2},
    {"-mbmi", SEVENTH, EBX, 3, NOTHING, AVX2},
    {"-mbmi2", SEVENTH, EBX, 8, NOTHING, AVX2},
    {"-mlzcnt", EXTENDED, ECX, 5, NOTHING, AVX2},
    {"-mavx512f", SEVENTH, EBX, 16, WIDEST, AVX512},
    {"-mavx512dq", SEVENTH, EBX, 17, WIDEST, AVX512},
    {"-mavx512cd", SEVENTH, EBX, 28, WIDEST, AVX512},
    {"-mavx512bw", SEVENTH, EBX, 30, WIDEST, AVX512},
    {"-mavx512vl", SEVENTH, EBX, 31, WIDEST, AVX512},
    {"-mavx512vbmi", SEVENTH, ECX, 1, WIDEST, NATIVE},
    {"-mavx512vnni", SEVENTH, ECX, 11, WIDEST, NATIVE},
    {"-mavxvnni", SEVENTH_ONE, EAX, 4, WIDE, NATIVE},
    {"-mavx512bf16", SEVENTH_ONE, EAX, 5, WIDEST, NATIVE},
    {"-mavx512fp16", SEVENTH, EDX, 23, WIDEST, NATIVE},
};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

static features ask_features(void) {
    features f = {0};
#if HAS_CPUID
    unsigned low, high;
    enum { OSXSAVE = 1 << 27 };
    for (int i = 0; i < LEAVES; i++) {
        unsigned *word = f.word[i];
        /* A subleaf must be there too: leaf 7 says in EAX of subleaf 0 how many it has. */
        if (i == SEVENTH_ONE && f.word[SEVENTH][EAX] < 1) continue;
        __get_cpuid_count(leaves[i].leaf, leaves[i].subleaf, &word[EAX], &word[EBX], &word[ECX],
                          &word[EDX]);
    }
    if (f.word[FIRST][ECX] & OSXSAVE) {
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        f.saved = low;
    }
#endif
    return f;
}

static bool has(const features *f, const extension *e) {
    return (f->saved & e->state) == e->state && (f->word[e->leaf][e->word] >> e->bit & 1);
}

static int find_name(at_session *s, const char *name) {
    int found = -1;
    for (int i = PORTABLE; i <= NATIVE; i++)
        if (strcmp(name, names[i]) == 0) found = i;
    if (found >= 0) return found;
    at_diag *diag = at_error(s, AT_E_PROCESSOR, at_no_span(),
                             "there is no target `%s`: there are portable, avx2, avx512 and native",
                             name);
    at_hint_near(s, diag, name, names, NATIVE + 1);
    return -1;
}

bool at_target_find(at_session *s, const char *name, at_target *out) {
    *out = (at_target){0};
    const char *set = getenv("ATTEND_TARGET");
    if (!name) name = set && *set ? set : names[NATIVE];
    int target = find_name(s, name);
    if (target < 0) return false;
    out->name = names[target];
    out->flags = AT_NEW_ARRAY(s->arena, const char *, EXTENSIONS + 1);
    const features found = ask_features();
    for (int i = 0; i < EXTENSIONS; i++) {
        const extension *e = &extensions[i];
        if (e->since > target) continue;
        if (has(&found, e)) {
            out->flags[out->count++] = e->flag;
        } else if (target != NATIVE) {
            at_diag *diag = at_error(s, AT_E_PROCESSOR, at_no_span(),
                                     "this processor cannot run code for the target %s: it has no "
                                     "%s", names[target], e->flag + 2);
            at_hint(s, diag, "the target `native` takes what the processor has");
            return false;
        }
    }
    return true;
}

const char *at_target_flags(at_session *s, const char *name) {
    int target = find_name(s, name);
    if (target < 0) return NULL;
    const features found = ask_features();
    const char *text = "";
    for (int i = 0; i < EXTENSIONS; i++) {
        const extension *e = &extensions[i];
        if (e->since > target || (target == NATIVE && !has(&found, e))) continue;
        text = at_format(s->arena, "%s%s%s", text, *text ? " " : "", e->flag);
    }
    return text;
}
