/* attend version: what is installed, for bug reports and for programs. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "json", NULL, "print it as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "version",
    .usage = "attend version [--json]",
    .about = "Prints the version of attend.\n",
    .options = options,
    .examples = "  attend version\n",
};

static bool take(void *user, const char *name, const char *value) {
    (void)name, (void)value;
    *(bool *)user = true;
    return true;
}

int at_cmd_version(int argc, char **argv) {
    bool json = false;
    int status, first = at_cli_parse(&page, argc, argv, take, &json, &status);
    if (first < 0) return status;
    if (first < argc) return at_cli_misuse(&page, "`%s` is not expected here", argv[first]);
    if (json) at_cli_print_json(json_pack("{s:s}", "version", AT_VERSION));
    else puts("attend " AT_VERSION);
    return AT_CLI_GOOD;
}
