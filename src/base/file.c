/* Whole files: programs are read at once and checked to be UTF-8; results are written to a
 * temporary file beside the target and renamed, so that no reader ever sees half of one. */
#define _DEFAULT_SOURCE
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

enum { SOURCE_LIMIT = 16 << 20 };

const at_source *at_make_source(at_session *session, const char *name, const char *text,
                                size_t length) {
    at_source *source = AT_NEW(session->arena, at_source);
    source->name = at_copy_text(session->arena, name, strlen(name));
    at_span nowhere = at_no_span();
    if (length > SOURCE_LIMIT) {
        at_error(session, AT_E_FILE_SIZE, nowhere, "%s is longer than the 16 MiB a program may have",
                 name);
        return NULL;
    }
    source->text = at_copy_text(session->arena, text, length);
    source->length = length;
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                              (utf8proc_ssize_t)(length - i), &point);
        if (n <= 0 || text[i] == 0) {
            at_diag *diag = at_error(session, AT_E_UTF8, nowhere, "%s is not UTF-8 text: byte %zu is %s",
                                     name, i, text[i] ? "invalid" : "zero");
            at_hint(session, diag, "a program is plain text; save it as UTF-8");
            return NULL;
        }
        i += (size_t)n;
    }
    return source;
}

const at_source *at_read_source(at_session *session, const char *path) {
    at_span nowhere = at_no_span();
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file && fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        at_error(session, AT_E_FILE_READ, nowhere, "%s is a folder, not a program", path);
        fclose(file);
        return NULL;
    }
    if (!file) {
        at_error(session, AT_E_FILE_READ, nowhere, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    at_text text = {0};
    char piece[1 << 14];
    size_t n;
    while (text.length <= SOURCE_LIMIT && (n = fread(piece, 1, sizeof piece, file)) > 0)
        at_text_add_n(&text, piece, n);
    bool failed = ferror(file) != 0 || text.failed;
    fclose(file);
    const at_source *source = NULL;
    if (failed) at_error(session, AT_E_FILE_READ, nowhere, "cannot read %s", path);
    else source = at_make_source(session, path, text.data ? text.data : "", text.length);
    at_text_free(&text);
    return source;
}

bool at_write_file(at_session *session, const char *path, bool (*write)(void *file, void *user),
                   void *user) {
    at_span nowhere = at_no_span();
    /* A link is followed: its target is replaced, and the link stays. A device or pipe
     * (/dev/stdout) cannot be renamed onto; it is written directly. */
    struct stat status;
    bool special = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    char *real = special ? NULL : realpath(path, NULL);
    const char *target = real ? real : path;
    char *temporary = at_format(session->arena, "%s.part-XXXXXX", target);
    int handle = special ? open(path, O_WRONLY) : mkstemp(temporary);
    FILE *file = handle < 0 ? NULL : fdopen(handle, "wb");
    bool good = file != NULL;
    int reason = errno;
    if (good && !write(file, user)) {
        good = false;
        reason = errno;
    }
    if (file && fflush(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && !special) {
        mode_t mask = umask(0);
        umask(mask);
        mode_t mode = real ? status.st_mode & 07777 : 0666 & ~mask;
        good = fchmod(handle, mode) == 0 && fsync(handle) == 0;
        if (!good) reason = errno;
    }
    if (file && fclose(file) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && !special && rename(temporary, target) != 0) {
        good = false;
        reason = errno;
    }
    if (!good) {
        if (handle >= 0 && !special) unlink(temporary);
        at_error(session, AT_E_FILE_WRITE, nowhere, "cannot write %s: %s", path, strerror(reason));
    }
    free(real);
    return good;
}
