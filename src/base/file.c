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
        at_error(session, AT_E_FILE_SIZE, nowhere,
                 "%s is longer than the 16 MiB a program may have", name);
        return NULL;
    }
    source->text = at_copy_text(session->arena, text, length);
    source->length = length;
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                              (utf8proc_ssize_t)(length - i), &point);
        if (n <= 0 || text[i] == 0) {
            at_diag *diag = at_error(session, AT_E_UTF8, nowhere,
                                     "%s is not UTF-8 text: byte %zu is %s", name, i,
                                     text[i] ? "invalid" : "zero");
            at_hint(session, diag, "a program is plain text; save it as UTF-8");
            return NULL;
        }
        i += (size_t)n;
    }
    return source;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    const char *path;
    FILE *file;
    at_text text;
    const at_source *source;
} reading;

static bool read_source(void *user) {
    reading *r = user;
    at_span nowhere = at_no_span();
    r->file = fopen(r->path, "rb");
    struct stat status;
    if (!r->file) {
        at_error(r->session, AT_E_FILE_READ, nowhere, "cannot read %s: %s", r->path,
                 strerror(errno));
        return false;
    }
    if (fstat(fileno(r->file), &status) == 0 && S_ISDIR(status.st_mode)) {
        at_error(r->session, AT_E_FILE_READ, nowhere, "%s is a folder, not a program", r->path);
        return false;
    }
    char piece[1 << 14];
    size_t n;
    while (r->text.length <= SOURCE_LIMIT && (n = fread(piece, 1, sizeof piece, r->file)) > 0)
        at_text_add_n(&r->text, piece, n);
    if (ferror(r->file) || r->text.failed) {
        at_error(r->session, AT_E_FILE_READ, nowhere, "cannot read %s: %s", r->path,
                 strerror(r->text.failed ? ENOMEM : errno));
        return false;
    }
    r->source = at_make_source(r->session, r->path, r->text.data ? r->text.data : "",
                               r->text.length);
    return r->source != NULL;
}

static void release_reading(void *user) {
    reading *r = user;
    if (r->file) fclose(r->file);
    at_text_free(&r->text);
}

const at_source *at_read_source(at_session *session, const char *path) {
    reading r = {.session = session, .path = path};
    at_released(session, read_source, release_reading, &r);
    return r.source;
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    const char *path;
    bool (*write)(void *file, void *user);
    void *user;
    bool special;    /* a device or pipe: written directly, as it cannot be renamed onto */
    char *real;      /* the file that is there already, links followed; NULL when there is none */
    char *temporary; /* to be removed; NULL when there is none */
    FILE *file;
} writing;

/* A fresh file beside the target. Its permissions come from the umask or, where a file is replaced,
 * are kept narrow until they can be set to those of the old one. */
static int open_beside(writing *w) {
    const char *target = w->real ? w->real : w->path;
    const char *slash = strrchr(target, '/');
    int folder = slash ? (int)(slash - target) + 1 : 0;
    for (unsigned try = 0; try < 1000; try++) {
        char *name = at_format(w->session->arena, "%.*s.attend-%ld-%u.part", folder, target,
                               (long)getpid(), try);
        if (!name) return -1;
        int handle = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, w->real ? 0600 : 0666);
        if (handle >= 0) w->temporary = name;
        if (handle >= 0 || errno != EEXIST) return handle;
    }
    return -1;
}

static bool write_whole(writing *w) {
    struct stat status;
    bool there = stat(w->path, &status) == 0;
    w->special = there && !S_ISREG(status.st_mode);
    if (there && !w->special && !(w->real = realpath(w->path, NULL))) return false;
    int handle = w->special ? open(w->path, O_WRONLY | O_CLOEXEC) : open_beside(w);
    if (handle < 0) return false;
    w->file = fdopen(handle, "wb");
    if (!w->file) {
        int reason = errno;
        close(handle);
        errno = reason;
        return false;
    }
    errno = 0;
    if (!w->write(w->file, w->user) || fflush(w->file) != 0) return false;
    if (!w->special) {
        if (w->real && fchmod(handle, status.st_mode & 07777) != 0) return false;
        if (fsync(handle) != 0) return false;
    }
    FILE *file = w->file;
    w->file = NULL;
    if (fclose(file) != 0) return false;
    if (w->special) return true;
    if (rename(w->temporary, w->real ? w->real : w->path) != 0) return false;
    w->temporary = NULL;
    return true;
}

static bool write_file(void *user) {
    writing *w = user;
    if (write_whole(w)) return true;
    at_error(w->session, AT_E_FILE_WRITE, at_no_span(), "cannot write %s: %s", w->path,
             errno ? strerror(errno) : "its content could not be made");
    return false;
}

static void release_writing(void *user) {
    writing *w = user;
    if (w->file) fclose(w->file);
    if (w->temporary) unlink(w->temporary);
    free(w->real);
}

bool at_write_file(at_session *session, const char *path, bool (*write)(void *file, void *user),
                   void *user) {
    writing w = {.session = session, .path = path, .write = write, .user = user};
    return at_released(session, write_file, release_writing, &w);
}

bool at_make_folders(const char *path) {
    enum { LONGEST = 4096 };
    char piece[LONGEST];
    size_t length = strlen(path);
    if (length >= sizeof piece) return errno = ENAMETOOLONG, false;
    memcpy(piece, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (path[i] != '/') continue;
        piece[i] = 0;
        if (mkdir(piece, 0700) != 0 && errno != EEXIST) return false;
        piece[i] = '/';
    }
    return true;
}
