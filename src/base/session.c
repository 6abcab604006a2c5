/* A session: one compilation or run with its memory and its errors. There are no globals, so
 * sessions are independent of each other. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

at_session *at_session_new(size_t memory_limit) {
    at_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->arena = at_arena_new(memory_limit);
    if (!session->arena) {
        free(session);
        return NULL;
    }
    session->diag_limit = 20;
    /* One place more than the limit, so that "out of memory" can always be said. */
    session->diag_capacity = session->diag_limit + 1;
    session->diags = AT_NEW_ARRAY(session->arena, at_diag *, session->diag_capacity);
    session->full = AT_NEW(session->arena, at_diag);
    if (!session->diags || !session->full) {
        at_session_free(session);
        return NULL;
    }
    *session->full = (at_diag){
        .code = AT_E_MEMORY,
        .message = "this program needs more memory to compile than it may have",
        .hint = "calls are inlined: functions that call each other many times over grow fast",
    };
    session->stage = "start";
    return session;
}

void at_session_free(at_session *session) {
    if (!session) return;
    at_arena_free(session->arena);
    free(session);
}

bool at_guarded(at_session *session, bool (*body)(void *user), void *user) {
    if (session->escape) return body(user);
    jmp_buf escape;
    if (setjmp(escape)) {
        session->escape = NULL;
        at_arena_escape(session->arena, NULL);
        at_error_full(session);
        return false;
    }
    session->escape = &escape;
    at_arena_escape(session->arena, &escape);
    bool result = body(user);
    session->escape = NULL;
    at_arena_escape(session->arena, NULL);
    return result;
}

bool at_released(at_session *session, bool (*body)(void *user), void (*release)(void *user),
                 void *user) {
    jmp_buf *outer = session->escape, escape;
    if (setjmp(escape)) {
        session->escape = outer;
        at_arena_escape(session->arena, outer);
        release(user);
        if (outer) longjmp(*outer, 1);
        at_error_full(session);
        return false;
    }
    session->escape = &escape;
    at_arena_escape(session->arena, &escape);
    bool result = body(user);
    session->escape = outer;
    at_arena_escape(session->arena, outer);
    release(user);
    return result;
}

_Noreturn void at_assert_failed(const at_session *session, const char *file, int line,
                                const char *condition) {
    fprintf(stderr, "attend: internal error in stage %s at %s:%d: %s\n",
            session ? session->stage : "?", file, line, condition);
    abort();
}
