/* Options from a table: one table serves getopt_long, --help and the messages about misuse, so they
 * cannot disagree. */
#define _GNU_SOURCE
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Long options are numbered from LONG on, above every letter. */
enum { OPTION_LIMIT = 32, LONG = 256 };

int at_cli_misuse(const at_cli_page *page, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fflush(stdout); /* so that both streams, read together, are in order */
    fprintf(stderr, "attend %s: ", page->name);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n`attend %s --help` shows how it is used\n", page->name);
    return AT_CLI_USAGE;
}

/* `  -o, --out FILE    help`, the help's further lines below its first. */
static void print_option(const at_cli_option *option) {
    enum { COLUMN = 26 };
    int width = option->letter ? printf("  -%c, --%s", option->letter, option->name)
                               : printf("      --%s", option->name);
    if (option->argument) width += printf(" %s", option->argument);
    if (width > COLUMN - 2) {
        printf("\n");
        width = 0;
    }
    const char *line = option->help;
    while (line) {
        const char *end = strchr(line, '\n');
        int length = end ? (int)(end - line) : (int)strlen(line);
        printf("%*s%.*s\n", COLUMN - width, "", length, line);
        width = 0;
        line = end ? end + 1 : NULL;
    }
}

static const at_cli_option help_option = {'h', "help", NULL, "print this and end"};

static void print_help(const at_cli_page *page) {
    printf("usage: %s\n\n%s\noptions:\n", page->usage, page->about);
    for (const at_cli_option *o = page->options; o->name; o++) print_option(o);
    print_option(&help_option);
    printf("\nexamples:\n%s", page->examples);
}

/* Tells what getopt_long found wrong with the word before optind. */
static int misread(const at_cli_page *page, char **argv, int found) {
    const char *word = argv[optind - 1];
    if (found == ':') return at_cli_misuse(page, "%s needs a value", word);
    if (optopt > 0 && optopt < LONG) return at_cli_misuse(page, "there is no option -%c", optopt);
    const char *equals = strchr(word, '=');
    int length = equals ? (int)(equals - word) : (int)strlen(word);
    if (optopt >= LONG) return at_cli_misuse(page, "%.*s takes no value", length, word);
    const char *near = NULL;
    bool sets = false;
    char name[32];
    /* Near: half of the letters may differ, at most three. */
    int best = length < 4 ? 1 : length - 2 > 6 ? 4 : (length - 2) / 2 + 1;
    snprintf(name, sizeof name, "%.*s", length < 2 ? 0 : length - 2, word + (length < 2 ? 0 : 2));
    for (const at_cli_option *o = page->options; o->name; o++) {
        sets = sets || strcmp(o->name, "set") == 0;
        size_t shared = strlen(o->name);
        int distance = at_text_distance(name, o->name, best);
        if (strncmp(name, o->name, shared) == 0) distance = 0; /* --input for --in */
        if (distance < best) {
            best = distance;
            near = o->name;
        }
    }
    if (near)
        return at_cli_misuse(page, "there is no option %.*s; did you mean --%s?%s%s%s", length,
                             word, near,
                             sets && best ? " (An option of the function is --set " : "",
                             sets && best ? name : "", sets && best ? "=…)" : "");
    if (sets && strcmp(name, "size") == 0)
        return at_cli_misuse(page, "there is no option --size: the inputs give the extents");
    return at_cli_misuse(page, "there is no option %.*s%s%s%s", length, word,
                         sets ? "; an option of the function is given as --set " : "",
                         sets ? name : "", sets ? "=…" : "");
}

/* `-in x=x.npy` reads as -i with the value "n": the long option that was meant, or NULL. */
static const char *one_dash(const at_cli_page *page, const char *word, const char *value) {
    if (word[0] != '-' || word[1] == '-' || !word[1] || value != word + 2) return NULL;
    for (const at_cli_option *o = page->options; o->name; o++)
        if (strcmp(word + 1, o->name) == 0) return o->name;
    return NULL;
}

int at_cli_parse(const at_cli_page *page, int argc, char **argv,
                 bool (*take)(void *user, const char *name, const char *value), void *user,
                 int *status) {
    struct option longs[OPTION_LIMIT + 2] = {0};
    char shorts[2 * OPTION_LIMIT + 4] = ":h"; /* ':' tells a missing value from an unknown option */
    int count = 0, length = 2;
    for (const at_cli_option *o = page->options; o->name && count < OPTION_LIMIT; o++) {
        longs[count] = (struct option){o->name, o->argument ? 1 : 0, NULL, LONG + count};
        count++;
        if (!o->letter) continue;
        shorts[length++] = o->letter;
        if (o->argument) shorts[length++] = ':';
    }
    longs[count] = (struct option){"help", 0, NULL, LONG + count};
    opterr = 0;
    optind = 1;
    *status = AT_CLI_GOOD;
    for (;;) {
        optopt = 0;
        int found = getopt_long(argc, argv, shorts, longs, NULL);
        if (found == -1) return optind;
        if (found == '?' || found == ':') {
            *status = misread(page, argv, found);
            return -1;
        }
        if (found == 'h' || found == LONG + count) {
            print_help(page);
            return -1;
        }
        const char *name = found >= LONG ? longs[found - LONG].name : NULL;
        if (!name)
            for (const at_cli_option *o = page->options; o->name; o++)
                if (o->letter == found) name = o->name;
        const char *meant = found < LONG ? one_dash(page, argv[optind - 1], optarg) : NULL;
        if (meant) {
            *status = at_cli_misuse(page, "-%s has one dash too few: write --%s", meant, meant);
            return -1;
        }
        if (!take(user, name, optarg)) {
            *status = AT_CLI_USAGE;
            return -1;
        }
    }
}

bool at_cli_number(const at_cli_page *page, const char *option, const char *text, int64_t low,
                   int64_t high, int64_t *out) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end) {
        at_cli_misuse(page, "%s needs a whole number, not `%s`", option, text);
        return false;
    }
    if (errno || value < low || value > high) {
        at_cli_misuse(page, "%s must be from %" PRId64 " to %" PRId64 ", not %s", option, low, high,
                      text);
        return false;
    }
    *out = value;
    return true;
}

bool at_cli_bytes(const at_cli_page *page, const char *option, const char *text, size_t *out) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    int shift = 0;
    if (*end == 'k' || *end == 'K') shift = 10;
    else if (*end == 'm' || *end == 'M') shift = 20;
    else if (*end == 'g' || *end == 'G') shift = 30;
    bool good = text[0] >= '0' && text[0] <= '9' && !errno && (!shift || !end[1]) &&
                (shift || !*end) && value > 0 && value <= SIZE_MAX >> shift;
    if (!good) {
        at_cli_misuse(page, "%s needs bytes such as 500m or 4g, not `%s`", option, text);
        return false;
    }
    *out = (size_t)value << shift;
    return true;
}

bool at_cli_seconds(const at_cli_page *page, const char *option, const char *text, double *out) {
    const double day = 86400;
    char *end;
    *out = strtod(text, &end);
    if (*end == 's') end++;
    if (end != text && !*end && *out > 0 && *out <= day) return true;
    at_cli_misuse(page, "%s needs seconds such as 10s, not `%s`", option, text);
    return false;
}

at_type at_cli_real_type(const at_cli_page *page, const char *text) {
    static const at_type types[] = {AT_TYPE_F64, AT_TYPE_F32, AT_TYPE_BF16, AT_TYPE_F16};
    for (int i = 0; i < 4; i++)
        if (strcmp(text, at_type_text(types[i])) == 0) return types[i];
    at_cli_misuse(page, "--dtype takes f64, f32, bf16 and f16, not `%s`", text);
    return AT_TYPE_BOOL;
}

/* What the command line says is kept to the end of the process, like argv. */
static at_arena *words(void) {
    enum { LIMIT = 64 << 20 };
    static at_arena *arena;
    if (!arena) arena = at_arena_new(LIMIT);
    if (!arena) {
        fputs("attend: no memory\n", stderr);
        exit(AT_CLI_INPUT);
    }
    return arena;
}

void at_cli_list_add(at_cli_list *list, const char *item) {
    AT_PUSH(words(), list->items, list->count, list->capacity, item);
}

bool at_cli_pairs_add(const at_cli_page *page, const char *option, const char *text, bool commas,
                      at_cli_pairs *pairs) {
    char *rest = at_copy_text(words(), text, strlen(text));
    while (rest) {
        char *one = rest, *comma = commas ? strchr(rest, ',') : NULL;
        rest = comma ? comma + 1 : NULL;
        if (comma) *comma = 0;
        char *equals = strchr(one, '=');
        if (!equals || equals == one || !equals[1]) {
            at_cli_misuse(page, "%s needs name=value, not `%s`", option, one);
            return false;
        }
        *equals = 0;
        at_cli_list_add(&pairs->names, one);
        at_cli_list_add(&pairs->values, equals + 1);
    }
    return true;
}
