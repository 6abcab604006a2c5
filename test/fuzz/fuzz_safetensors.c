/* libFuzzer: any bytes as a .safetensors file give arrays or errors, within a session's memory.
 * Each input is tried twice, as it is, and with a length that makes all the rest of it the header,
 * so that what stands there is reached by inputs whose length does not fit. Build as fuzz_npy. */
#include <stdlib.h>
#include <string.h>

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
    return at_safetensors_parse(in->session, "fuzz.safetensors", in->bytes, in->length,
                                &in->arrays);
}

static void try_once(const uint8_t *bytes, size_t length) {
    input in = {.session = at_session_new(1 << 20), .bytes = bytes, .length = length};
    if (!in.session) return;
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
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    try_once(bytes, length);
    uint8_t *copy = length > 8 ? malloc(length) : NULL;
    if (!copy) return 0;
    memcpy(copy, bytes, length);
    for (int i = 0; i < 8; i++) copy[i] = (uint8_t)((uint64_t)(length - 8) >> 8 * i);
    try_once(copy, length);
    free(copy);
    return 0;
}
