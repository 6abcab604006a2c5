/* Bytes of a file or of memory, at any offset, and streams over a range of them, inflated where
 * they are deflated. Reading a .npy or .npz goes through here, so a file of many gigabytes is
 * never held next to the arrays made from it.
 *
 * A file is read: one that another program cuts short meanwhile gives an error. Only large arrays
 * that lie in a file as they are needed are mapped (safetensors.c), where it would end the process.
 * A pipe has no offsets and is read into memory first. */
#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64
#include "tensor/tensor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 64 << 10, PIECE = 1 << 30 };

at_bytes at_bytes_of(const void *memory, size_t length) {
    return (at_bytes){.memory = memory ? memory : "", .file = -1, .length = length};
}

void at_bytes_close(at_bytes *bytes) {
    if (bytes->file >= 0) close(bytes->file);
    free(bytes->owned);
    *bytes = at_bytes_of(NULL, 0);
}

/* read() that goes on after a signal. */
static ssize_t read_some(int file, void *to, size_t n) {
    ssize_t got;
    do got = read(file, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A pipe into memory: false with errno, EFBIG when it brings more than half of what is free. */
static bool drain(at_bytes *bytes) {
    size_t capacity = BUFFER, used = 0, most = at_memory_free() / 2;
    for (;;) {
        unsigned char *grown = realloc(bytes->owned, capacity);
        if (!grown) return false;
        bytes->owned = grown;
        ssize_t got = read_some(bytes->file, grown + used, capacity - used);
        if (got < 0) return false;
        if (got == 0) break;
        used += (size_t)got;
        if (used < capacity) continue;
        if (capacity > most / 2) {
            errno = EFBIG;
            return false;
        }
        capacity *= 2;
    }
    bytes->memory = bytes->owned;
    bytes->length = used;
    return true;
}

static void too_much(at_session *s, const char *path) {
    at_diag *diag = at_error(s, AT_E_MEMORY, at_no_span(),
                             "%s brings more bytes than fit in memory", path);
    at_hint(s, diag, "a file on disk is read in place; what comes through a pipe is kept whole");
}

bool at_bytes_open(at_session *s, const char *path, at_bytes *out) {
    at_span nowhere = at_no_span();
    *out = at_bytes_of(NULL, 0);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) {
        int reason = errno;
        if (file >= 0) close(file);
        at_error(s, AT_E_FILE_READ, nowhere, "cannot read %s: %s", path, strerror(reason));
        return false;
    }
    out->file = file;
    if (S_ISREG(status.st_mode)) {
        out->memory = NULL;
        out->length = (uint64_t)status.st_size;
        return true;
    }
    bool pipe = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    if (pipe && drain(out)) return true;
    int reason = errno;
    at_bytes_close(out);
    if (!pipe)
        at_error(s, AT_E_FILE_READ, nowhere, "%s is a %s, not a file with arrays", path,
                 S_ISDIR(status.st_mode) ? "folder" : "device");
    else if (reason == EFBIG || reason == ENOMEM)
        too_much(s, path);
    else
        at_error(s, AT_E_FILE_READ, nowhere, "cannot read %s: %s", path, strerror(reason));
    return false;
}

bool at_bytes_get(const at_bytes *bytes, uint64_t offset, void *to, size_t n) {
    errno = 0;
    if (offset > bytes->length || n > bytes->length - offset) return false;
    if (bytes->memory) {
        at_move(to, bytes->memory + offset, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        size_t piece = n - done < PIECE ? n - done : PIECE;
        ssize_t got = pread(bytes->file, (char *)to + done, piece, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (got == 0) errno = 0; /* the file has become shorter */
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* ---- mappings -------------------------------------------------------------------------------- */

at_mapping *at_bytes_map(const at_bytes *bytes) {
    if (bytes->file < 0 || bytes->memory || bytes->length == 0) return NULL;
    at_mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping) return NULL;
    void *start = mmap(NULL, (size_t)bytes->length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_NORESERVE, bytes->file, 0);
    if (start == MAP_FAILED) {
        free(mapping);
        return NULL;
    }
    mapping->start = start;
    mapping->length = (size_t)bytes->length;
    mapping->users = 1;
    return mapping;
}

at_mapping *at_mapping_use(at_mapping *mapping) {
    mapping->users++;
    return mapping;
}

void at_mapping_release(at_mapping *mapping) {
    if (!mapping || --mapping->users) return;
    munmap(mapping->start, mapping->length);
    free(mapping);
}

/* ---- streams --------------------------------------------------------------------------------- */

void at_stream_open(at_stream *stream, const at_bytes *bytes, uint64_t offset, uint64_t length,
                    bool deflated, uint64_t declared) {
    *stream = (at_stream){
        .bytes = bytes, .at = offset, .end = offset + length, .left = declared,
        .deflated = deflated, .crc = (uint32_t)crc32(0, NULL, 0),
    };
    if (!deflated) return;
    stream->buffer = malloc(BUFFER);
    /* Negative: a raw deflate stream with a window of up to 2^15 bytes, as zip has it. */
    stream->open = stream->buffer && inflateInit2(&stream->z, -15) == Z_OK;
    if (!stream->open) stream->state = AT_STREAM_MEMORY;
}

void at_stream_close(at_stream *stream) {
    if (stream->open) inflateEnd(&stream->z);
    free(stream->buffer);
    stream->open = false;
    stream->buffer = NULL;
}

static bool fail(at_stream *stream, at_stream_state state) {
    stream->state = state;
    return false;
}

/* The next n bytes of the range as they lie in the file. */
static bool take(at_stream *stream, void *to, size_t n) {
    if (n > stream->end - stream->at) return fail(stream, AT_STREAM_SHORT);
    if (!at_bytes_get(stream->bytes, stream->at, to, n)) {
        stream->reason = errno;
        return fail(stream, errno ? AT_STREAM_UNREADABLE : AT_STREAM_SHORT);
    }
    stream->at += n;
    return true;
}

/* Inflates up to n bytes; gives how many came. 0 is the end of the stream, or a failure. */
static size_t inflate_some(at_stream *stream, void *to, size_t n) {
    z_stream *z = &stream->z;
    z->next_out = to;
    z->avail_out = (uInt)n;
    for (;;) {
        if (z->avail_in == 0 && stream->at < stream->end) {
            uint64_t rest = stream->end - stream->at;
            size_t piece = rest < BUFFER ? (size_t)rest : BUFFER;
            if (!take(stream, stream->buffer, piece)) return 0;
            z->next_in = stream->buffer;
            z->avail_in = (uInt)piece;
        }
        int result = inflate(z, Z_NO_FLUSH);
        size_t got = n - z->avail_out;
        if (result == Z_STREAM_END || (result == Z_OK && got)) return got;
        if (result == Z_BUF_ERROR && z->avail_in == 0 && stream->at == stream->end)
            return got; /* cut off: no more input, and no output without it */
        if (result == Z_OK || result == Z_BUF_ERROR) continue;
        fail(stream, result == Z_MEM_ERROR ? AT_STREAM_MEMORY : AT_STREAM_DAMAGED);
        return 0;
    }
}

bool at_stream_read(at_stream *stream, void *to, uint64_t n) {
    if (stream->state != AT_STREAM_FINE) return false;
    if (n > stream->left) return fail(stream, AT_STREAM_SHORT);
    unsigned char *next = to;
    while (n) {
        size_t piece = n < PIECE ? (size_t)n : PIECE;
        if (stream->deflated) {
            piece = inflate_some(stream, next, piece);
            if (stream->state != AT_STREAM_FINE) return false;
            if (piece == 0) return fail(stream, AT_STREAM_SHORT);
        } else if (!take(stream, next, piece)) {
            return false;
        }
        stream->crc = (uint32_t)crc32_z(stream->crc, next, piece);
        stream->left -= piece;
        next += piece;
        n -= piece;
    }
    return true;
}

bool at_stream_finish(at_stream *stream) {
    if (stream->state != AT_STREAM_FINE) return false;
    if (stream->left) return fail(stream, AT_STREAM_LONG);
    if (!stream->deflated)
        return stream->at == stream->end || fail(stream, AT_STREAM_LONG);
    /* The last block's end may be all that is left to read; it gives no bytes. */
    unsigned char more;
    z_stream *z = &stream->z;
    if (inflate_some(stream, &more, 1)) return fail(stream, AT_STREAM_LONG);
    if (stream->state != AT_STREAM_FINE) return false;
    if (z->avail_in || stream->at < stream->end) return fail(stream, AT_STREAM_LONG);
    /* After its end, a stream says so again; before it, that it wants more input. */
    z->next_out = &more;
    z->avail_out = 1;
    return inflate(z, Z_NO_FLUSH) == Z_STREAM_END || fail(stream, AT_STREAM_SHORT);
}
