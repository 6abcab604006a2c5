/* `attend`: finds the command in commands.def and runs it. Whatever goes wrong inside the library
 * for reasons of its own (a failed assertion, a crash) ends here, in one line that asks for a
 * report and exit code 3; a user's mistake never does. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const at_cli_command commands[] = {
#define AT_COMMAND(name, summary, function) {name, summary, function},
#include "cli/commands.def"
#undef AT_COMMAND
    {0, 0, 0},
};

const at_cli_command *at_cli_commands(void) { return commands; }

int at_cli_bug(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fflush(stdout);
    fputs("attend: ", stderr);
    vfprintf(stderr, format, list);
    va_end(list);
    fputs("\nThis is a bug in attend, not in your program. "
          "Please report it with the command and its files.\n", stderr);
    return AT_CLI_BUG;
}

/* In a handler only write and _exit may be called. */
static void broken(int number) {
    static const char crash[] = "attend: crashed\n";
    static const char report[] = "This is a bug in attend, not in your program. "
                                 "Please report it with the command and its files.\n";
    ssize_t n = 0;
    if (number != SIGABRT) n = write(2, crash, sizeof crash - 1);
    n += write(2, report, sizeof report - 1);
    _exit(n < 0 ? AT_CLI_BUG + 1 : AT_CLI_BUG);
}

static void catch_bugs(void) {
#if !defined(__SANITIZE_ADDRESS__)
    /* A stack of its own, so that even a stack overflow is told. */
    static char stack[1 << 16];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
    struct sigaction action = {.sa_handler = broken, .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND)};
    int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
#else
    signal(SIGABRT, broken); /* the sanitizer reports crashes better */
#endif
}

static int misused(const char *format, const char *word) {
    fputs("attend: ", stderr);
    fprintf(stderr, format, word);
    fputs("\n", stderr);
    int best = 3;
    const char *near = NULL;
    for (const at_cli_command *c = commands; c->name; c++) {
        int distance = at_text_distance(word, c->name, best);
        if (distance < best) {
            best = distance;
            near = c->name;
        }
    }
    size_t length = strlen(word);
    if (length > 5 && strcmp(word + length - 5, ".attn") == 0)
        fprintf(stderr, "did you mean `attend run %s`?\n", word);
    else if (near && *word) fprintf(stderr, "did you mean `attend %s`?\n", near);
    fputs("`attend help` lists the commands\n", stderr);
    return AT_CLI_USAGE;
}

int main(int argc, char **argv) {
    catch_bugs();
    if (argc < 2) return misused("a command is missing%s", "");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) word = "help";
    if (strcmp(word, "--version") == 0) word = "version";
    for (const at_cli_command *c = commands; c->name; c++) {
        if (strcmp(word, c->name) != 0) continue;
        int status = c->run(argc - 1, argv + 1);
        /* A full disk must not pass for success. */
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fputs("attend: cannot write to the standard output\n", stderr);
            if (status == AT_CLI_GOOD) status = AT_CLI_INPUT;
        }
        return status;
    }
    return misused("there is no command `%s`", word);
}
