/* What `attend plan --why-not KIND` tells: of each array, sum or condition with which less was done
 * than might have been, where it stands and why. */
#include "cli/plan_report.h"

#include <stdlib.h>
#include <string.h>

/* Of the two that stand in one place, the one that was given first. */
static int by_place(const void *a, const void *b) {
    const at_reason *x = *(const at_reason *const *)a, *y = *(const at_reason *const *)b;
    bool placed = x->span.source && y->span.source;
    int order = (y->span.source != NULL) - (x->span.source != NULL);
    if (placed) order = strcmp(x->span.source->name, y->span.source->name);
    if (placed && order == 0)
        order = (x->span.begin > y->span.begin) - (x->span.begin < y->span.begin);
    return order ? order : (x > y) - (x < y);
}

/* Those of the kind, in order; *count of them. */
static const at_reason **choose(const at_plan_report *r, at_reason_kind kind, int *count) {
    const at_reasons *all = r->s->reasons;
    const at_reason **list = AT_NEW_ARRAY(r->s->arena, const at_reason *, all->count + 1);
    *count = 0;
    for (int i = 0; i < all->count; i++)
        if (all->items[i].kind == kind) list[(*count)++] = &all->items[i];
    qsort(list, (size_t)*count, sizeof *list, by_place);
    return list;
}

void at_plan_reasons_text(const at_plan_report *r, at_reason_kind kind, at_text *out) {
    int count;
    const at_reason **list = choose(r, kind, &count);
    at_text_addf(out, "%s: %s", r->plan->cascade->name, at_reason_kind_text(kind));
    if (count == 0) at_text_add(out, ": nothing was left undone\n");
    else at_text_addf(out, ": %d thing%s left undone\n", count, count == 1 ? " was" : "s were");
    for (int i = 0; i < count; i++) {
        at_span span = list[i]->span;
        at_text_add(out, "\n  ");
        at_plan_wrap(out, 2, 6, at_format(r->s->arena, "%s %s.", list[i]->what, list[i]->why));
        if (!span.source || !span.source->text) continue;
        int line, column;
        at_locate(span.source, span.begin, &line, &column);
        at_text_addf(out, "      --> %s:%d:%d\n", span.source->name, line, column);
    }
}

json_t *at_plan_reasons_json(const at_plan_report *r, at_reason_kind kind) {
    int count;
    const at_reason **list = choose(r, kind, &count);
    json_t *reasons = json_array();
    for (int i = 0; i < count; i++) {
        json_t *one = json_pack("{s:s, s:s}", "what", list[i]->what, "why", list[i]->why);
        at_cli_place_json(one, list[i]->span);
        json_array_append_new(reasons, one);
    }
    return json_pack("{s:s, s:s, s:o}", "function", r->plan->cascade->name, "why_not",
                     at_reason_kind_text(kind), "reasons", reasons);
}
