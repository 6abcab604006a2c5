/* Any bytes: parsing them ends, in errors that render or in a tree whose canonical text parses to
 * the same tree and formats to the same text. Built with clang's
 * -fsanitize=fuzzer,address,undefined; the kept corpus in test/fuzz/corpus/parse/ is small and
 * covers the grammar. */
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    at_session *session;
    const char *text;
    size_t length;
    const at_file_tree *file;
} parsing;

static bool parse(void *user) {
    parsing *job = user;
    const at_source *source = at_make_source(job->session, "fuzz.attn", job->text, job->length);
    job->file = source ? at_parse(job->session, source) : NULL;
    return job->file != NULL;
}

/* The canonical text and dump; false when there were errors. */
static bool format(const char *text, size_t length, at_text *canonical, at_text *dump) {
    parsing job = {at_session_new((size_t)256 << 20), text, length, NULL};
    if (!job.session) return false;
    bool good = at_guarded(job.session, parse, &job);
    if (good) {
        at_format_tree(job.file, canonical);
        at_show_tree(job.file, dump);
        if (job.session->diag_count) abort();
    } else {
        at_text out = {0};
        at_diags_render(job.session, true, &out);
        if (!out.length) abort(); /* a failure without a word */
        at_text_free(&out);
    }
    at_text_add(canonical, "");
    at_text_add(dump, "");
    at_session_free(job.session);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    at_text once = {0}, twice = {0}, before = {0}, after = {0};
    if (format((const char *)data, size, &once, &before)) {
        if (!format(once.data, once.length, &twice, &after)) abort();
        if (strcmp(once.data, twice.data) != 0 || strcmp(before.data, after.data) != 0) abort();
    }
    at_text_free(&once);
    at_text_free(&twice);
    at_text_free(&before);
    at_text_free(&after);
    return 0;
}
