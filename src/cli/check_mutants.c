/* attend check --mutate: what a file's laws notice. The file's functions are changed, one small
 * change at a time, and the laws tried on each. */
#include "cli/cli.h"

#include <stdio.h>

static int percent(int part, int of) { return of ? (int)(100 * (int64_t)part / of) : 100; }

static json_t *mutant_json(const at_scored_mutant *scored) {
    static const char *const fates[] = {[AT_MUTANT_KILLED] = "killed",
                                        [AT_MUTANT_LIVES] = "lives",
                                        [AT_MUTANT_REFUSED] = "refused"};
    int line, column;
    at_span span = scored->mutant.span;
    at_locate(span.source, span.begin, &line, &column);
    json_t *one = json_pack("{s:s, s:i, s:i, s:s, s:s}", "function",
                            scored->mutant.definition->name, "line", line, "column", column,
                            "change", scored->mutant.what, "fate", fates[scored->fate]);
    if (scored->killer) json_object_set_new(one, "law", json_string(scored->killer->name));
    if (scored->error) json_object_set_new(one, "error", json_string(scored->error));
    if (scored->why) json_object_set_new(one, "explained", json_string(scored->why));
    return one;
}

static json_t *score_json(const at_score *score) {
    json_t *list = json_array();
    for (int i = 0; i < score->mutant_count; i++)
        json_array_append_new(list, mutant_json(&score->mutants[i]));
    return json_pack("{s:i, s:i, s:i, s:o}", "count", score->count, "killed", score->killed,
                     "explained", score->explained, "changes", list);
}

bool at_cli_mutants(at_session *s, const at_program *program, const at_law_options *options,
                    int least, at_text *line, json_t *json) {
    at_score score;
    if (!at_score_laws(s, program, options, &score)) return false;
    at_text_addf(line, "%d mutants, %d killed (%d %%), %d explained", score.count, score.killed,
                 percent(score.killed, score.count), score.explained);
    if (json) json_object_set_new(json, "mutants", score_json(&score));
    return at_score_tell(s, program, &score, least);
}
