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

/* state: what the system must save for it: nothing, AVX's registers, AVX-512's. */
enum { NOTHING, WIDE = 0x06, WIDEST = 0xe6 };

typedef struct {
    const char *flag;
    unsigned leaf, subleaf;
    int word, bit;
    unsigned state;
    int since; /* the first target that has it */
} extension;

static const extension extensions[] = {
    {"-msse3", 1, 0, ECX, 0, NOTHING, AVX2},
    {"-mssse3", 1, 0, ECX, 9, NOTHING, AVX2},
    {"-msse4.1", 1, 0, ECX, 19, NOTHING, AVX2},
    {"-msse4.2", 1, 0, ECX, 20, NOTHING, AVX2},
    {"-mpopcnt", 1, 0, ECX, 23, NOTHING, AVX2},
    {"-mavx", 1, 0, ECX, 28, WIDE, AVX2},
    {"-mf16c", 1, 0, ECX, 29, WIDE, AVX2},
    {"-mfma", 1, 0, ECX, 12, WIDE, AVX2},
    {"-mavx2", 7, 0, EBX, 5, WIDE, AVX2},
    {"-mbmi", 7, 0, EBX, 3, NOTHING, AVX2},
    {"-mbmi2", 7, 0, EBX, 8, NOTHING, AVX2},
    {"-mlzcnt", 0x80000001, 0, ECX, 5, NOTHING, AVX2},
    {"-mavx512f", 7, 0, EBX, 16, WIDEST, AVX512},
    {"-mavx512dq", 7, 0, EBX, 17, WIDEST, AVX512},
    {"-mavx512cd", 7, 0, EBX, 28, WIDEST, AVX512},
    {"-mavx512bw", 7, 0, EBX, 30, WIDEST, AVX512},
    {"-mavx512vl", 7, 0, EBX, 31, WIDEST, AVX512},
    {"-mavx512vbmi", 7, 0, ECX, 1, WIDEST, NATIVE},
    {"-mavx512vnni", 7, 0, ECX, 11, WIDEST, NATIVE},
    {"-mavxvnni", 7, 1, EAX, 4, WIDE, NATIVE},
    {"-mavx512bf16", 7, 1, EAX, 5, WIDEST, NATIVE},
    {"-mavx512fp16", 7, 0, EDX, 23, WIDEST, NATIVE},
};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

/* What the system saves of a thread's registers, as bits: 0 where that cannot be asked. */
static unsigned saved_state(void) {
#if HAS_CPUID
    unsigned word[4] = {0};
    enum { OSXSAVE = 1 << 27 };
    if (!__get_cpuid(1, &word[EAX], &word[EBX], &word[ECX], &word[EDX]) || !(word[ECX] & OSXSAVE))
        return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#else
    return 0;
#endif
}

static bool has(const extension *e, unsigned saved) {
    if ((saved & e->state) != e->state) return false;
#if HAS_CPUID
    unsigned word[4] = {0};
    if (!__get_cpuid_count(e->leaf, e->subleaf, &word[EAX], &word[EBX], &word[ECX], &word[EDX]))
        return false;
    /* The subleaf must be there too: leaf 7 says in EAX of subleaf 0 how many it has. */
    if (e->subleaf > 0) {
        unsigned zero[4] = {0};
        __get_cpuid_count(e->leaf, 0, &zero[EAX], &zero[EBX], &zero[ECX], &zero[EDX]);
        if (zero[EAX] < e->subleaf) return false;
    }
    return word[e->word] >> e->bit & 1;
#else
    return false;
#endif
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
    unsigned saved = saved_state();
    for (int i = 0; i < EXTENSIONS; i++) {
        const extension *e = &extensions[i];
        if (e->since > target) continue;
        if (has(e, saved)) {
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
    unsigned saved = saved_state();
    const char *text = "";
    for (int i = 0; i < EXTENSIONS; i++) {
        const extension *e = &extensions[i];
        if (e->since > target || (target == NATIVE && !has(e, saved))) continue;
        text = at_format(s->arena, "%s%s%s", text, *text ? " " : "", e->flag);
    }
    return text;
}
