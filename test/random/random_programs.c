/* Draws programs, checks each property of each, makes the first failure small and shows it.
 *
 *     random_programs [--seconds 120] [--programs N] [--seed N] [--property NAME] [--wild PERCENT]
 *                     [--jobs N] [--failures N] [--keep FOLDER] [--coverage] [--show]
 *
 * Program k of seed s is program 0 of seed s + k. Ends with 1 after a failure, or when after many
 * programs something of the language never came. --sabotage breaks a property on purpose and
 * --self-test does so with each: a checker that cannot fail checks nothing. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_JOBS = 16, ENOUGH = 1900, SLOW = 30 };

typedef struct {
    double seconds, until;
    unsigned long programs, seed;
    const char *only; /* a property */
    const char *keep; /* a folder */
    const char *sabotage;
    int wild, jobs, failures;
    bool coverage, show, quiet;
} settings;

/* One program in a child: given as a seed or as a script. */
typedef struct {
    const settings *set;
    unsigned long first, stride, count; /* the programs of this child */
    const uint32_t *script;
    int script_count;
    const char *wanted; /* with a script: the property that failed */
} task;

/* ---- in a child ------------------------------------------------------------------------------ */

typedef struct {
    const settings *set;
    const random_program *program;
    trial t;
    verdict *verdict;
} trying;

static void fill_verdict(verdict *v, const char *name, const trial *t) {
    v->failed = true;
    snprintf(v->property, sizeof v->property, "%s", name);
    snprintf(v->key, sizeof v->key, "%s", t->key ? t->key : "");
    snprintf(v->message, sizeof v->message, "%s", t->message.data ? t->message.data : "");
}

static bool try_properties(void *user) {
    trying *x = user;
    for (const property *p = properties; p->name; p++) {
        if (!p->holds) continue; /* of several programs at once */
        if (x->set->only ? strcmp(x->set->only, p->name) != 0 : p->only_asked) continue;
        if (!x->t.cascade && p != properties) continue;
        if (p->holds(&x->t)) continue;
        fill_verdict(x->verdict, p->name, &x->t);
        return true;
    }
    return true;
}

static bool try_program(void *user) {
    trying *x = user;
    const char *sabotage = x->set->sabotage;
    x->t.sabotage = sabotage ? sabotage : "";
    return begin_trial(&x->t, x->program);
}

/* ---- batches --------------------------------------------------------------------------------- */

enum { BATCH = 12, TYPES = AT_TYPES };

/* Programs that wait for the properties that are tried of several at once, by the type that they
 * are compiled for. */
typedef struct {
    trying *waiting[BATCH];
    at_arena *arenas[BATCH];
    int count;
} batch;

static void end_batch(batch *b) {
    for (int i = 0; i < b->count; i++) {
        end_trial(&b->waiting[i]->t);
        at_arena_free(b->arenas[i]);
    }
    b->count = 0;
}

/* A failure takes the place of one that a later program may have: that is tried again. */
static void try_batch(const settings *set, batch *b, shared *memory) {
    trial *trials[BATCH];
    unsigned long number = 0, next = memory->next;
    for (int i = 0; i < b->count; i++) trials[i] = &b->waiting[i]->t;
    for (const property *p = properties; p->name && b->count; p++) {
        if (!p->all_hold || (set->only ? strcmp(set->only, p->name) != 0 : p->only_asked)) continue;
        alarm(BATCH * SLOW);
        bool good = p->all_hold(trials, b->count, &memory->next);
        alarm(0);
        number = memory->next;
        memory->next = next;
        if (good) continue;
        for (int i = 0; i < b->count; i++)
            if (trials[i]->number == number && trials[i]->key)
                fill_verdict(&memory->verdict, p->name, trials[i]);
        memory->next = number;
        break;
    }
    end_batch(b);
}

static void try_batches(const settings *set, batch *batches, shared *memory) {
    for (int type = 0; type < TYPES; type++)
        if (batches[type].count) try_batch(set, &batches[type], memory);
}

/* Gives the program its place in a batch when all else holds; true when the arena went along. */
static bool check_program(const settings *set, const random_program *program, at_arena *arena,
                          batch *batches, shared *memory) {
    trying *x = AT_NEW(arena, trying);
    *x = (trying){.set = set, .program = program, .verdict = &memory->verdict};
    bool waits = false;
    alarm(SLOW);
    if (try_program(x)) {
        x->t.number = memory->next;
        bool good = at_guarded(x->t.s, try_properties, x);
        if (!good) {
            memory->verdict.failed = true;
            strcpy(memory->verdict.property, "memory");
            strcpy(memory->verdict.key, "out of memory");
        } else if (x->t.cascade && !memory->verdict.failed) {
            cover(&memory->covered, x->t.resolved, program);
            memory->covered.undecided += (unsigned long)x->t.undecided;
            waits = true;
        }
        if (!waits) end_trial(&x->t);
    }
    alarm(0);
    if (!waits) return false;
    batch *b = &batches[compiled_type(program)];
    b->waiting[b->count] = x;
    b->arenas[b->count++] = arena;
    if (b->count == BATCH) try_batch(set, b, memory);
    return true;
}

static void check_choices(const settings *set, choices *c, batch *batches, shared *memory) {
    at_arena *arena = at_arena_new((size_t)256 << 20);
    if (!arena) abort();
    random_program *program = AT_NEW(arena, random_program);
    generate(c, arena, set->wild, program);
    if (!check_program(set, program, arena, batches, memory)) at_arena_free(arena);
    choices_free(c);
}

/* Whether a property is tried before any batch is compiled, which takes long. */
static bool is_of_one(const char *name) {
    for (const property *p = properties; p->name; p++)
        if (strcmp(p->name, name) == 0) return p->holds != NULL;
    return false;
}

static void child_body(void *user, shared *memory) {
    const task *job = user;
    static batch batches[TYPES];
    choices c;
    memset(batches, 0, sizeof batches);
    if (job->script) {
        choices_replay(&c, job->script, job->script_count);
        check_choices(job->set, &c, batches, memory);
        if (!is_of_one(job->wanted)) try_batches(job->set, batches, memory);
        return;
    }
    for (memory->next = job->first; memory->next < job->count; memory->next += job->stride) {
        if (job->set->seconds > 0 && at_now() > job->set->until) break;
        choices_fresh(&c, job->set->seed + memory->next);
        check_choices(job->set, &c, batches, memory);
        if (memory->verdict.failed) break;
    }
    try_batches(job->set, batches, memory);
}

/* ---- failures -------------------------------------------------------------------------------- */

typedef struct {
    const settings *set;
    shared *memory;
    verdict first;
} shrinking;

static bool fails_alike(void *user, const uint32_t *script, int count) {
    shrinking *x = user;
    task one = {.set = x->set, .script = script, .script_count = count,
                .wanted = x->first.property};
    memset(&x->memory->covered, 0, sizeof x->memory->covered);
    isolated(child_body, &one, x->memory);
    const verdict *v = &x->memory->verdict;
    return v->failed && strcmp(v->property, x->first.property) == 0 &&
           strcmp(v->key, x->first.key) == 0;
}

static int count_lines(const char *text) {
    int lines = 0;
    for (const char *at = text; *at; at++) lines += *at == '\n' && at > text && at[-1] != '\n';
    return lines;
}

static void show_program(FILE *out, const random_program *p) {
    fprintf(out, "%s", p->text);
    fprintf(out, "# sizes:");
    for (int i = 0; i < p->size_count; i++)
        fprintf(out, " %s=%d", p->sizes[i].name, (int)p->sizes[i].extent);
    if (p->set_name) fprintf(out, "; --set %s=%s", p->set_name, p->set_value);
    fprintf(out, "%s%s; inputs of style %d from seed %d\n", p->training ? "; training" : "",
            p->wild ? "; wild" : "", p->style, (int)p->data);
}

static void keep_program(const settings *set, unsigned long seed, const char *what,
                         const random_program *p) {
    if (!set->keep) return;
    char path[4096];
    mkdir(set->keep, 0777);
    snprintf(path, sizeof path, "%s/%lu%s.attn", set->keep, seed, what);
    FILE *file = fopen(path, "w");
    if (!file) return;
    show_program(file, p);
    fclose(file);
}

/* Makes the failure small and shows it. Returns the lines of the small program. */
static int tell(const settings *set, unsigned long seed, const verdict *v) {
    shrinking x = {.set = set, .memory = shared_new(), .first = *v};
    at_arena *arena = at_arena_new((size_t)256 << 20);
    if (!arena) abort();
    random_program program;
    choices c;
    choices_fresh(&c, seed);
    generate(&c, arena, set->wild, &program);
    keep_program(set, seed, "-whole", &program);
    int before = count_lines(program.text), count = c.count;
    uint32_t *script = c.values;
    c.values = NULL;
    choices_free(&c);
    if (!set->quiet) {
        printf("FAILED: %s: %s\n", v->property, v->key);
        fflush(stdout);
    }
    bool again = fails_alike(&x, script, count);
    if (again) shrink(&script, &count, fails_alike, set->wild, set->quiet ? 20 : 60, &x);
    fails_alike(&x, script, count); /* for its message */
    choices_replay(&c, script, count);
    generate(&c, arena, set->wild, &program);
    choices_free(&c);
    keep_program(set, seed, "", &program);
    int lines = count_lines(program.text);
    if (!set->quiet) {
        show_program(stdout, &program);
        printf("\n%s\n", again ? x.memory->verdict.message : v->message);
        if (!again) printf("It does not fail when it is tried again.\n");
        printf("(%d lines, from %d.) To see it again: random_programs --seed %lu --programs 1 "
               "--wild %d\n\n",
               lines, before, seed, set->wild);
    }
    free(script);
    at_arena_free(arena);
    return lines;
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct {
    char keys[64][200];
    int count;
    int lines; /* of the last failure */
} told;

static bool is_known(told *known, const char *key) {
    for (int i = 0; i < known->count; i++)
        if (strcmp(known->keys[i], key) == 0) return true;
    if (known->count < 64) snprintf(known->keys[known->count++], 200, "%s", key);
    return false;
}

static void add_coverage(coverage *sum, const coverage *c) {
    for (int i = 0; i < MOST_ROWS; i++) sum->counts[i] += c->counts[i];
    sum->programs += c->programs;
    sum->undecided += c->undecided;
}

/* Runs the jobs to their end; every failure of a new kind is told. Returns how many there were. */
static int run_jobs(settings *set, coverage *sum, told *known) {
    shared *memory[MOST_JOBS];
    task jobs[MOST_JOBS];
    int children[MOST_JOBS], running = 0, failures = 0;
    set->until = at_now() + set->seconds;
    for (int i = 0; i < set->jobs; i++, running++) {
        memory[i] = shared_new();
        jobs[i] = (task){.set = set,
                         .first = (unsigned long)i,
                         .stride = (unsigned long)set->jobs,
                         .count = set->programs};
        children[i] = isolate_begin(child_body, &jobs[i], memory[i]);
    }
    while (running > 0) {
        int status, child = (int)wait(&status), i = 0;
        if (child < 0 && errno == EINTR) continue;
        while (i < set->jobs && children[i] != child) i++;
        if (i == set->jobs) continue;
        isolate_end(child, status, memory[i]);
        running--;
        if (!memory[i]->verdict.failed) continue;
        verdict v = memory[i]->verdict;
        unsigned long next = memory[i]->next;
        if (!is_known(known, v.key)) {
            failures++;
            known->lines = tell(set, set->seed + next, &v);
        }
        if (failures >= set->failures) {
            jobs[i].count = 0;
            set->until = 0; /* the other jobs are children that have copied it */
            for (int k = 0; k < set->jobs; k++)
                if (k != i && children[k] > 0) kill(children[k], 9);
        } else {
            jobs[i].first = next + jobs[i].stride;
            children[i] = isolate_begin(child_body, &jobs[i], memory[i]);
            running++;
        }
        if (failures >= set->failures) break;
    }
    for (; running > 0; running--) wait(NULL);
    for (int i = 0; i < set->jobs; i++) add_coverage(sum, &memory[i]->covered);
    return failures;
}

static int self_test(settings set) {
    static const char *const sabotages[] = {"scan", "crash", "resolver", "kernel"};
    int bad = 0;
    set.quiet = true;
    set.programs = 2000;
    set.seconds = 60;
    for (int i = 0; i < 4; i++) {
        coverage sum = {0};
        told known = {0};
        set.sabotage = sabotages[i];
        set.failures = 1;
        bool found = run_jobs(&set, &sum, &known) > 0;
        bool good = found && known.lines <= 8;
        printf("%s sabotage `%s` is %s", good ? "ok" : "FAIL", sabotages[i],
               found ? "found" : "not found");
        if (found) printf(" and made small: %d lines", known.lines);
        printf("\n");
        fflush(stdout);
        bad += !good;
    }
    return bad > 0;
}

/* ---- the command line ------------------------------------------------------------------------ */

static int usage(void) {
    fprintf(stderr,
            "random_programs [--seconds S] [--programs N] [--seed N] [--property NAME]\n"
            "                [--wild PERCENT] [--jobs N] [--failures N] [--keep FOLDER]\n"
            "                [--coverage] [--show] [--self-test] [--sabotage NAME]\nproperties:\n");
    for (const property *p = properties; p->name; p++)
        fprintf(stderr, "  %-12s %s%s\n", p->name, p->doc,
                p->only_asked ? " (only when asked for)" : "");
    return 2;
}

static int show(const settings *set) {
    at_arena *arena = at_arena_new((size_t)256 << 20);
    for (unsigned long i = 0; arena && i < set->programs; i++) {
        choices c;
        random_program program;
        choices_fresh(&c, set->seed + i);
        generate(&c, arena, set->wild, &program);
        show_program(stdout, &program);
        choices_free(&c);
    }
    at_arena_free(arena);
    return 0;
}

static int all(settings *set) {
    static coverage sum;
    static told known;
    double begin = at_now();
    int failures = run_jobs(set, &sum, &known);
    if (set->coverage) coverage_print(&sum, true);
    bool enough = sum.programs >= ENOUGH && !set->only && !failures;
    int missing = enough ? coverage_print(&sum, false) : 0;
    if (missing) printf("FAIL %d things never came in %lu programs\n", missing, sum.programs);
    /* Where rounding decides, nothing was checked: that must stay rare. */
    bool vague = sum.undecided * 20 > sum.programs && enough;
    if (vague)
        printf("FAIL %lu of %lu programs are decided by rounding\n", sum.undecided, sum.programs);
    printf("%s %lu random programs, seed %lu, %d failures, %.0f s\n",
           failures || missing || vague ? "FAIL" : "ok", sum.programs, set->seed, failures,
           at_now() - begin);
    return failures || missing || vague;
}

int main(int count, char **arguments) {
    settings set = {.seconds = 0, .programs = 0, .seed = 1, .wild = 12, .failures = 1};
    bool test = false;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    set.jobs = processors > 1 ? 2 : 1;
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(a, "--coverage") == 0) set.coverage = true;
        else if (strcmp(a, "--show") == 0) set.show = true;
        else if (strcmp(a, "--self-test") == 0) test = true;
        else if (!value) return usage();
        else if (i++, strcmp(a, "--seconds") == 0) set.seconds = strtod(value, NULL);
        else if (strcmp(a, "--programs") == 0) set.programs = strtoul(value, NULL, 10);
        else if (strcmp(a, "--seed") == 0) set.seed = strtoul(value, NULL, 10);
        else if (strcmp(a, "--property") == 0) set.only = value;
        else if (strcmp(a, "--sabotage") == 0) set.sabotage = value;
        else if (strcmp(a, "--keep") == 0) set.keep = value;
        else if (strcmp(a, "--wild") == 0) set.wild = atoi(value);
        else if (strcmp(a, "--jobs") == 0) set.jobs = atoi(value);
        else if (strcmp(a, "--failures") == 0) set.failures = atoi(value);
        else return usage();
    }
    if (set.jobs < 1 || set.jobs > MOST_JOBS) return usage();
    if (set.seconds <= 0 && !set.programs) set.seconds = 120;
    if (!set.programs) set.programs = set.show ? 1 : (unsigned long)-1;
    if (set.programs < (unsigned long)set.jobs) set.jobs = (int)set.programs;
    if (set.show) return show(&set);
    /* What is looked for are mistakes of attend: the C compiler is to be quick, and keeps
     * nothing. */
    setenv("ATTEND_CFLAGS", "-O0 -g0", 0);
    setenv("ATTEND_CACHE", "off", 1);
    return test ? self_test(set) : all(&set);
}
