/* libFuzzer: any bytes as a .npy file give a tensor or errors, within a session's memory; what was
 * read can be converted. Build: clang -fsanitize=fuzzer,address,undefined with src/base,
 * src/tensor. */
#include <stdlib.h>

#include "tensor/tensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

typedef struct {
    at_session *session;
    const uint8_t *bytes;
    size_t length;
    at_tensor *tensor;
} input;

static bool parse(void *user) {
    input *in = user;
    in->tensor = at_npy_parse(in->session, "fuzz.npy", in->bytes, in->length);
    return in->tensor != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    input in = {at_session_new(1 << 20), bytes, length, NULL};
    if (!in.session) return 0;
    bool good = at_guarded(in.session, parse, &in);
    if (good != (in.session->diag_count == 0)) abort();
    if (good) {
        at_tensor_free(at_tensor_convert(in.session, in.tensor, AT_TYPE_F16, "x"));
        at_tensor_free(at_tensor_convert(in.session, in.tensor, AT_TYPE_I32, "x"));
    }
    at_text text = {0};
    at_diags_render(in.session, false, &text);
    at_text_free(&text);
    at_tensor_free(in.tensor);
    at_session_free(in.session);
    return 0;
}
