/* attend check, the part on options without a value: a function that something here calls with all
 * its options was resolved there; of any other it is said what to give. */
#include "cli/cli.h"

#include <string.h>

static json_t *entry_of(json_t *list, const at_definition *d) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(entry, "name")), d->name) == 0) return entry;
    }
    return NULL;
}

void at_cli_missing(at_session *s, const at_program *program, const char *const *missing,
                    const bool *resolved, json_t *list, at_text *line) {
    enum { SHOWN = 3 };
    const at_file_tree *tree = at_program_file(program);
    at_uses uses = at_uses_find(s, tree);
    at_text told = {0};
    int in_calls = 0, count = 0;
    for (int i = 0; i < tree->count; i++) {
        if (!missing[i]) continue;
        bool called = false;
        for (int k = 0; k < tree->count && !called; k++)
            called = resolved[k] && at_uses_lead(&uses, tree->items[k], tree->items[i]);
        json_object_set_new(entry_of(list, tree->items[i]), "in_calls", json_boolean(called));
        if (called) in_calls++;
        else if (count++ < SHOWN)
            at_text_addf(&told, "%s `%s` needs --set %s=…", told.length ? "," : "",
                         tree->items[i]->name, missing[i]);
    }
    if (in_calls) at_text_addf(line, ", %d more in calls", in_calls);
    if (count) at_text_addf(line, ", %d not:%s", count, told.data ? told.data : "");
    if (count > SHOWN) at_text_addf(line, " and %d more", count - SHOWN);
    at_text_free(&told);
}
