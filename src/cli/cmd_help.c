/* attend help: the table of commands, or the help of one. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {{0, 0, 0, 0}};

static const at_cli_page page = {
    .name = "help",
    .usage = "attend help [COMMAND]",
    .about = "Prints the commands, or the help of one.\n",
    .options = options,
    .examples = "  attend help run\n",
};

static bool take(void *user, const char *name, const char *value) {
    (void)user, (void)name, (void)value;
    return true;
}

int at_cmd_help(int argc, char **argv) {
    int status, first = at_cli_parse(&page, argc, argv, take, NULL, &status);
    if (first < 0) return status;
    if (first + 1 < argc) return at_cli_misuse(&page, "one command at a time");
    if (first < argc) {
        for (const at_cli_command *c = at_cli_commands(); c->name; c++) {
            if (strcmp(c->name, argv[first]) != 0) continue;
            char ask[] = "--help", *words[] = {argv[first], ask, NULL};
            return c->run(2, words);
        }
        return at_cli_misuse(&page, "there is no command `%s`", argv[first]);
    }
    printf("attend: a language, compiler and laboratory for attention\n\n"
           "usage: attend COMMAND [options]\n\ncommands:\n");
    for (const at_cli_command *c = at_cli_commands(); c->name; c++)
        printf("  %-10s%s\n", c->name, c->summary);
    printf(
        "\n`attend COMMAND --help` shows a command's options with examples.\n\n"
        "`use NAME` in a program looks for NAME.attn in the folders of $ATTEND_PATH (separated by\n"
        "colons), then in the lib/ and zoo/*/ that came with attend.\n\n"
        "Exit codes: 0 all is well; 1 a program, a file or data is wrong; 2 the command line is\n"
        "wrong; 3 attend itself is wrong, which is worth a report.\n"
        "Colours appear on a terminal only, and not when NO_COLOR is set.\n");
    return AT_CLI_GOOD;
}
