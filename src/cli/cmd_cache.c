/* attend cache: what is kept of compiled code, and how to be rid of it. */
#include "cli/cli.h"
#include "run/run.h"

#include <stdio.h>
#include <string.h>

static const at_cli_option options[] = {
    {0, "json", NULL, "print it as JSON"},
    {0, 0, 0, 0},
};

static const at_cli_page page = {
    .name = "cache",
    .usage = "attend cache show|clear [--json]",
    .about =
        "Compiled code is kept, so that a program is compiled once. `show` prints where, how much, and\n"
        "when it was used; `clear` removes it, which only costs compiling again.\n"
        "\n"
        "The folder is $ATTEND_CACHE (`off`: nothing is kept), or else attend in $XDG_CACHE_HOME or\n"
        "~/.cache. It holds at most $ATTEND_CACHE_LIMIT bytes (512m without it): beyond, what was\n"
        "used least recently goes.\n",
    .options = options,
    .examples = "  attend cache show\n"
                "  attend cache clear\n",
};

static bool take(void *user, const char *name, const char *value) {
    (void)name, (void)value;
    *(bool *)user = true;
    return true;
}

/* "3 minutes". */
static const char *age_text(at_session *s, double seconds) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    for (int i = 0; i < 4; i++) {
        long long count = (long long)(seconds / units[i].seconds);
        if (count > 0 || i == 3)
            return at_format(s->arena, "%lld %s%s", count, units[i].name, count == 1 ? "" : "s");
    }
    return "";
}

static const char *kernels_text(at_session *s, const at_cache_summary *sum) {
    return at_format(s->arena, "%lld kernel%s, %.1f kB", (long long)sum->kernels,
                     sum->kernels == 1 ? "" : "s", (double)sum->bytes / 1e3);
}

static void print_text(at_session *s, const at_cache *cache, const at_cache_summary *sum,
                       bool cleared) {
    if (!cache->folder) {
        printf("no kernels are kept: %s\n", cache->why);
        return;
    }
    printf("%s: %s%s", cache->folder, cleared ? "removed " : "", kernels_text(s, sum));
    if (!cleared) printf(" of at most %.1f MB", (double)cache->limit / 1e6);
    if (!cleared && sum->kernels > 0) {
        const char *newest = age_text(s, sum->newest), *oldest = age_text(s, sum->oldest);
        if (strcmp(newest, oldest) == 0) printf(", used %s ago", newest);
        else printf(", used %s to %s ago", newest, oldest);
    }
    printf("\n");
}

static void print_json(const at_cache *cache, const at_cache_summary *sum, bool cleared) {
    json_t *value = json_pack("{s:o, s:I, s:I}", "folder",
                              cache->folder ? json_string(cache->folder) : json_null(), "kernels",
                              (json_int_t)sum->kernels, "bytes", (json_int_t)sum->bytes);
    if (!cache->folder) json_object_set_new(value, "why", json_string(cache->why));
    if (!cleared) {
        json_object_set_new(value, "limit", json_integer((json_int_t)cache->limit));
        json_object_set_new(value, "newest", json_real(sum->newest));
        json_object_set_new(value, "oldest", json_real(sum->oldest));
    }
    at_cli_print_json(value);
}

typedef struct {
    at_session *s;
    bool json, clear;
} request;

static bool tell(void *user) {
    request *r = user;
    at_cache cache;
    if (!at_cache_open(r->s, false, &cache)) return false;
    at_cache_summary sum = r->clear ? at_cache_clear(&cache) : at_cache_survey(&cache);
    if (r->json) print_json(&cache, &sum, r->clear);
    else print_text(r->s, &cache, &sum, r->clear);
    return true;
}

int at_cmd_cache(int argc, char **argv) {
    request r = {0};
    int status, first = at_cli_parse(&page, argc, argv, take, &r.json, &status);
    if (first < 0) return status;
    if (first == argc) return at_cli_misuse(&page, "`show` or `clear` is missing");
    r.clear = strcmp(argv[first], "clear") == 0;
    if (!r.clear && strcmp(argv[first], "show") != 0)
        return at_cli_misuse(&page, "there are show and clear, not `%s`", argv[first]);
    if (first + 1 < argc)
        return at_cli_misuse(&page, "`%s` is not expected here", argv[first + 1]);
    r.s = at_cli_session();
    if (!at_guarded(r.s, tell, &r)) {
        status = AT_CLI_INPUT;
        at_cli_report(r.s);
    }
    at_cli_session_end(r.s);
    return status;
}
