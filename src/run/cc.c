/* From C source to a loaded library, by the system's own compiler and the kernel cache.
 *
 * The compiler is what ATTEND_CC names or else the first of cc, gcc and clang on the PATH. A
 * kernel's name in the cache is a hash of the source, all flags, and which compiler it is: its
 * file, that file's size and time. Nothing is run to find a kernel that is there.
 *
 * Compilers differ in the flags they know, and some lack OpenMP. No flag is tried in advance: only
 * when a build fails, a trial of one empty function tells whether a flag was the reason. What a
 * compiler refused is remembered beside the kernels, and left out from then on. */
#define _DEFAULT_SOURCE
#include "run/run_int.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without -ffast-math: NaN, infinities and the order of sums mean what they say. Products may be
 * added without rounding in between (-ffp-contract), which halves the work of every contraction.
 * -fopenmp can be missing: then one thread does all.
 *
 * Hot loops are vectors already, and unrolled where they are written. What -O3 does beyond that
 * made no program of bench/ faster than -O2 with three of its passes, and takes gcc half as long
 * again: 7.2 s instead of 4.7 s for a block of layers with its gradient. */
static const char *const usual_flags[] = {
    "-std=c11", "-O2", "-fvect-cost-model=dynamic", "-fpeel-loops", "-funswitch-loops",
    "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp",
};

typedef struct {
    at_session *s;
    const at_text *text;
    const char *target;
    at_cache cache;
    at_words compiler;   /* and words that ATTEND_CC gives it */
    at_words flags, own; /* own: ATTEND_CFLAGS */
    unsigned char who[AT_HASH_BYTES], key[AT_HASH_BYTES]; /* of the compiler, of the kernel */
    at_workshop workshop;
    void *handle; /* of dlopen */
} job;

static void add(at_session *s, at_words *words, const char *word, size_t length) {
    char *copy = at_copy_text(s->arena, word, length);
    AT_PUSH(s->arena, words->items, words->count, words->capacity, copy);
}

/* Words between blanks. */
static void add_words(at_session *s, at_words *words, const char *text) {
    while (text && *text) {
        text += strspn(text, " \t\n");
        size_t length = strcspn(text, " \t\n");
        if (length) add(s, words, text, length);
        text += length;
    }
}

/* ---- which compiler -------------------------------------------------------------------------- */

/* The executable called `name`: as it is when it is a path, or from the PATH; NULL with errno. */
static const char *find_executable(at_session *s, const char *name) {
    struct stat status;
    if (strchr(name, '/')) {
        if (access(name, X_OK) != 0) return NULL;
        return stat(name, &status) == 0 && S_ISREG(status.st_mode) ? name : (errno = EACCES, NULL);
    }
    const char *path = getenv("PATH");
    for (; path && *path; path += path[strcspn(path, ":")] == ':') {
        size_t length = strcspn(path, ":");
        const char *full = at_format(s->arena, "%.*s/%s", (int)length, path, name);
        path += length;
        if (length && access(full, X_OK) == 0 && stat(full, &status) == 0 &&
            S_ISREG(status.st_mode))
            return full;
    }
    errno = ENOENT;
    return NULL;
}

/* ATTEND_CC may be a path with blanks, or a compiler and words for it: `ccache gcc`. */
static const char *find_chosen(job *j, const char *chosen) {
    const char *path = find_executable(j->s, chosen);
    if (path || !strpbrk(chosen, " \t")) return path;
    at_words words = {0};
    add_words(j->s, &words, chosen);
    path = words.count ? find_executable(j->s, words.items[0]) : NULL;
    for (int i = 1; i < words.count && path; i++)
        add(j->s, &j->compiler, words.items[i], strlen(words.items[i]));
    return path;
}

static bool find_compiler(job *j) {
    static const char *const usual[] = {"cc", "gcc", "clang"};
    const char *chosen = getenv("ATTEND_CC"), *path = NULL;
    bool own = chosen && *chosen;
    add(j->s, &j->compiler, "", 0);
    if (own) path = find_chosen(j, chosen);
    else
        for (size_t i = 0; i < sizeof usual / sizeof *usual && !path; i++)
            path = find_executable(j->s, usual[i]);
    if (path) {
        j->compiler.items[0] = at_copy_text(j->s->arena, path, strlen(path));
        return true;
    }
    at_diag *diag =
        own ? at_error(j->s, AT_E_NO_COMPILER, at_no_span(),
                       "the C compiler `%s`, which ATTEND_CC names, cannot be run: %s", chosen,
                       strerror(errno))
            : at_error(j->s, AT_E_NO_COMPILER, at_no_span(),
                       "no C compiler can be run: there is no cc, gcc or clang on the PATH");
    at_hint(j->s, diag, "install one, set ATTEND_CC to its path, or use `--executor reference`");
    return false;
}

/* Who the compiler is, without running it. An upgrade changes size or time. */
static void identify(job *j) {
    struct stat status = {0};
    char *real = realpath(j->compiler.items[0], NULL);
    const char *path = real ? real : j->compiler.items[0];
    stat(path, &status);
    const int64_t facts[] = {(int64_t)status.st_size, (int64_t)status.st_mtim.tv_sec,
                             (int64_t)status.st_mtim.tv_nsec};
    at_hash hash;
    at_hash_begin(&hash);
    at_hash_text(&hash, path);
    at_hash_add(&hash, facts, sizeof facts);
    /* The name decides what some compilers are: /usr/bin/cc can be a wrapper of many names. */
    for (int i = 0; i < j->compiler.count; i++) at_hash_text(&hash, j->compiler.items[i]);
    at_hash_end(&hash, j->who);
    free(real);
}

/* ---- flags, and the kernel's name ------------------------------------------------------------ */

static bool choose_flags(job *j) {
    at_target target;
    if (!at_target_find(j->s, j->target, &target)) return false;
    for (size_t i = 0; i < sizeof usual_flags / sizeof *usual_flags; i++)
        add(j->s, &j->flags, usual_flags[i], strlen(usual_flags[i]));
    for (int i = 0; i < target.count; i++)
        add(j->s, &j->flags, target.flags[i], strlen(target.flags[i]));
    add_words(j->s, &j->own, getenv("ATTEND_CFLAGS"));
    return true;
}

/* Flags that will be refused are in it too: which these are follows from who the compiler is. */
static void name_kernel(job *j) {
    at_hash hash;
    at_hash_begin(&hash);
    at_hash_text(&hash, "attend kernel 1");
    at_hash_add(&hash, j->who, sizeof j->who);
    for (int i = 0; i < j->flags.count; i++) at_hash_text(&hash, j->flags.items[i]);
    at_hash_text(&hash, "");
    for (int i = 0; i < j->own.count; i++) at_hash_text(&hash, j->own.items[i]);
    at_hash_text(&hash, "");
    at_hash_add(&hash, j->text->data, j->text->length);
    at_hash_end(&hash, j->key);
}

/* Leaves out each flag that is among the words of `refused`. */
static void leave_out(job *j, const char *refused) {
    at_words words = {0}, left = {0};
    add_words(j->s, &words, refused);
    for (int i = 0; i < j->flags.count; i++) {
        bool keep = true;
        for (int k = 0; k < words.count; k++)
            if (strcmp(words.items[k], j->flags.items[i]) == 0) keep = false;
        if (keep) add(j->s, &left, j->flags.items[i], strlen(j->flags.items[i]));
    }
    j->flags = left;
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* `flag`, where it is not NULL, stands for all of j->flags. */
static at_words make_command(job *j, const char *source, const char *flag) {
    at_words command = {0};
    const char *const end[] = {"-fPIC", "-shared", "-o", j->workshop.library, source, "-lm"};
    const at_words *parts[] = {&j->compiler, flag ? NULL : &j->flags, &j->own};
    for (int k = 0; k < 3; k++)
        for (int i = 0; parts[k] && i < parts[k]->count; i++)
            add(j->s, &command, parts[k]->items[i], strlen(parts[k]->items[i]));
    if (flag && *flag) add(j->s, &command, flag, strlen(flag));
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        add(j->s, &command, end[i], strlen(end[i]));
    AT_PUSH(j->s->arena, command.items, command.count, command.capacity, NULL);
    command.count--;
    return command;
}

static bool trial(job *j, const char *flag) {
    at_words command = make_command(j, j->workshop.trial, flag);
    return at_workshop_run(&j->workshop, &command) == 0;
}

/* After a failure: whether it was for flags, which then are left out, now and later. */
static bool drop_refused(job *j) {
    static const char function[] = "#ifdef _OPENMP\n"
                                   "#include <omp.h>\n"
                                   "#endif\n"
                                   "int attend_trial(void);\n"
                                   "int attend_trial(void) { return 0; }\n";
    at_text text = {(char *)(uintptr_t)function, sizeof function - 1, 0, false};
    if (!at_workshop_write(&j->workshop, j->workshop.trial, &text)) return false;
    if (trial(j, NULL) || !trial(j, "")) return false;
    const char *refused = "";
    for (int i = 0; i < j->flags.count; i++)
        if (!trial(j, j->flags.items[i]))
            refused = at_format(j->s->arena, "%s%s ", refused, j->flags.items[i]);
    if (!*refused) return false;
    leave_out(j, refused);
    at_cache_note_store(&j->cache, j->who, refused);
    return true;
}

static const char *command_text(at_session *s, const at_words *command) {
    const char *text = command->items[0];
    for (int i = 1; i < command->count; i++)
        text = at_format(s->arena, "%s %s", text, command->items[i]);
    return text;
}

static bool compile(job *j) {
    at_words command = make_command(j, j->workshop.source, NULL);
    int status = at_workshop_run(&j->workshop, &command);
    const char *why = status < 0 ? strerror(errno) : NULL;
    const char *said = status > 0 ? at_workshop_said(&j->workshop) : NULL;
    if (status > 0 && status != AT_WORKSHOP_STOPPED && drop_refused(j)) {
        command = make_command(j, j->workshop.source, NULL);
        status = at_workshop_run(&j->workshop, &command);
        said = status > 0 ? at_workshop_said(&j->workshop) : NULL;
    }
    if (status == 0) return true;
    if (status == AT_WORKSHOP_STOPPED) {
        at_error(j->s, AT_E_RUN_STOPPED, at_no_span(), "compiling was stopped");
        return false;
    }
    if (status < 0) {
        at_diag *diag = at_error(j->s, AT_E_NO_COMPILER, at_no_span(),
                                 "the C compiler `%s` cannot be run: %s", command.items[0], why);
        at_hint(j->s, diag, "set ATTEND_CC to another one, or use `--executor reference`");
        return false;
    }
    at_diag *diag = at_error(j->s, AT_E_COMPILER, at_no_span(),
                             "the C compiler failed with status %d%s%s", status, said ? ": " : "",
                             said ? said : "");
    at_note(j->s, diag, at_no_span(), "it was run as: %s", command_text(j->s, &command));
    at_note(j->s, diag, at_no_span(), "its source is kept: %s", j->workshop.source);
    j->workshop.keep = true;
    return false;
}

static bool build(job *j) {
    at_workshop *w = &j->workshop;
    char *refused = at_cache_note(&j->cache, j->who);
    if (refused) {
        char *copy = at_copy_text(j->s->arena, refused, strlen(refused));
        free(refused);
        leave_out(j, copy);
    }
    if (!at_workshop_open(w) || !at_workshop_write(w, w->source, j->text) || !compile(j))
        return false;
    j->handle = dlopen(w->library, RTLD_NOW | RTLD_LOCAL);
    if (j->handle) {
        at_cache_store(&j->cache, j->key, w->library);
        return true;
    }
    at_diag *diag = at_error(j->s, AT_E_LOAD, at_no_span(),
                             "the compiled code cannot be loaded: %s", dlerror());
    at_hint(j->s, diag, "if its folder allows no programs to run (noexec), set TMPDIR to one that "
                        "does");
    return false;
}

static bool load(void *user) {
    job *j = user;
    if (!find_compiler(j) || !choose_flags(j) || !at_cache_open(j->s, true, &j->cache))
        return false;
    identify(j);
    name_kernel(j);
    j->handle = at_cache_load(&j->cache, j->key);
    return j->handle || build(j);
}

static void finish(void *user) {
    job *j = user;
    at_workshop_close(&j->workshop);
}

void *at_cc_load(at_session *s, const at_text *source, const char *target) {
    job j = {.s = s, .text = source, .target = target, .workshop = {.s = s}};
    return at_released(s, load, finish, &j) ? j.handle : NULL;
}
