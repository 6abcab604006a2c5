/* Arenas: memory by lifetime. A stage allocates and never frees; the session frees everything.
 *
 * Blocks double up to 1 MiB so that a small program touches little memory. Every byte counts
 * against the limit, because a program of a few lines can ask for exponential inlining: the limit
 * turns that into an error instead of a machine that swaps. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct block block;
struct block {
    block *previous;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

struct at_arena {
    block *last;
    size_t limit, total, used;
    jmp_buf *escape;
};

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 1 << 20 };

static bool grow(at_arena *arena, size_t bytes) {
    size_t size = arena->last ? 2 * arena->last->size : FIRST_BLOCK;
    size_t rest = arena->limit - arena->total;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    if (size > rest) size = rest;
    if (size < bytes) size = bytes;
    if (size > rest) return false; /* the first block counts, so the sum below fits */
    block *fresh = calloc(1, sizeof(block) + size);
    if (!fresh) return false;
    fresh->previous = arena->last;
    fresh->size = size;
    arena->last = fresh;
    arena->total += size;
    return true;
}

at_arena *at_arena_new(size_t limit) {
    at_arena *arena = calloc(1, sizeof *arena);
    if (!arena) return NULL;
    arena->limit = limit;
    if (!grow(arena, 1)) {
        free(arena);
        return NULL;
    }
    return arena;
}

void at_arena_free(at_arena *arena) {
    if (!arena) return;
    for (block *b = arena->last; b;) {
        block *previous = b->previous;
        free(b);
        b = previous;
    }
    free(arena);
}

void at_arena_escape(at_arena *arena, jmp_buf *escape) { arena->escape = escape; }

size_t at_arena_used(const at_arena *arena) { return arena->used; }

void *at_alloc(at_arena *arena, size_t bytes) {
    bool overflow = bytes > SIZE_MAX - 15;
    size_t rounded = overflow ? bytes : (bytes + 15) & ~(size_t)15;
    if (rounded == 0) rounded = 16;
    block *b = arena->last;
    if (overflow || (rounded > b->size - b->used && !grow(arena, rounded))) {
        if (arena->escape) longjmp(*arena->escape, 1);
        return NULL;
    }
    b = arena->last;
    void *result = b->bytes + b->used;
    b->used += rounded;
    arena->used += rounded;
    return result;
}

void *at_alloc_array(at_arena *arena, size_t count, size_t bytes) {
    size_t all;
    return at_alloc(arena, __builtin_mul_overflow(count, bytes, &all) ? SIZE_MAX : all);
}

void at_move(void *to, const void *from, size_t bytes) {
    if (bytes) memcpy(to, from, bytes);
}

void *at_copy(at_arena *arena, const void *from, size_t bytes) {
    void *to = at_alloc(arena, bytes);
    if (to) at_move(to, from, bytes);
    return to;
}

char *at_copy_text(at_arena *arena, const char *text, size_t length) {
    char *copy = at_alloc(arena, length + 1);
    if (copy) at_move(copy, text, length);
    return copy;
}

char *at_format_list(at_arena *arena, const char *format, va_list list) {
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = at_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (text && length >= 0) vsnprintf(text, (size_t)length + 1, format, list);
    return text;
}

char *at_format(at_arena *arena, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char *text = at_format_list(arena, format, list);
    va_end(list);
    return text;
}
