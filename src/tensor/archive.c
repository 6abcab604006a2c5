/* Named arrays in one file, an .npz or a .safetensors, as the file's name says. */
#include "tensor/tensor_int.h"

#include <string.h>

static bool ends_in(const char *path, const char *ending) {
    size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcmp(path + n - m, ending) == 0;
}

static bool is_safetensors(const char *path) { return ends_in(path, ".safetensors"); }

bool at_archive_named(const char *path) { return is_safetensors(path) || ends_in(path, ".npz"); }

bool at_archive_read(at_session *s, const char *path, at_collection *out) {
    return is_safetensors(path) ? at_safetensors_read(s, path, out) : at_npz_read(s, path, out);
}

bool at_archive_write(at_session *s, const char *path, const at_collection *arrays,
                      const at_metadata *metadata, int metadata_count) {
    if (is_safetensors(path))
        return at_safetensors_write(s, path, arrays, metadata, metadata_count);
    if (at_archive_named(path)) return at_npz_write(s, path, arrays, true);
    at_diag *diag = at_error(s, AT_E_ARCHIVE_NAME, at_no_span(),
                             "%s would hold named arrays, and its name says not how", path);
    at_hint(s, diag, "call it .npz, or .safetensors");
    return false;
}
