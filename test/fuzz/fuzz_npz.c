/* libFuzzer: any bytes as an .npz file give arrays or errors, within a session's memory. The
 * checksums of members stop nothing here: they are compared only after a member was read. Build as
 * fuzz_npy. */
#include <stdlib.h>

#include "tensor/tensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

typedef struct {
    at_session *session;
    const uint8_t *bytes;
    size_t length;
    at_collection arrays;
} input;

static bool parse(void *user) {
    input *in = user;
    return at_npz_parse(in->session, "fuzz.npz", in->bytes, in->length, &in->arrays);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input in = {.session = at_session_new(1 << 20), .bytes = bytes, .length = length};
    if (!in.session) return 0;
    bool good = at_guarded(in.session, parse, &in);
    if (good != (in.session->diag_count == 0)) abort();
    if (!good && in.arrays.count) abort();
    for (int i = 0; i < in.arrays.count; i++)
        if (!in.arrays.items[i].tensor) abort();
    at_text text = {0};
    at_diags_render(in.session, false, &text);
    at_text_free(&text);
    at_collection_free(&in.arrays);
    at_session_free(in.session);
    return 0;
}
