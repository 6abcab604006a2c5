/* Comments to their places in the tree. The lexer kept them in order; the parser asks for those
 * that stand before the piece it begins or ends, and each is given out once, so none is lost and
 * none printed twice. A comment inside an expression goes up to the lines before its statement. */
#include "lang/lang_int.h"

#include <string.h>

typedef struct {
    const char **lines;
    int count, capacity;
} line_list;

static void push(at_parser *p, line_list *list, const char *line) {
    AT_PUSH(p->session->arena, list->lines, list->count, list->capacity, line);
}

/* An empty line, at most one and never the first. */
static void push_blank(at_parser *p, line_list *list) {
    if (list->count && *list->lines[list->count - 1]) push(p, list, "");
}

static const char *text_of(at_parser *p, const at_comment *c) {
    return at_copy_text(p->session->arena, p->source->text + c->begin, c->end - c->begin);
}

/* The next comment that stands before byte `limit` and was not given out; NULL: none. */
static const at_comment *next_before(at_parser *p, uint32_t limit) {
    if (p->comment_next >= p->comment_count) return NULL;
    const at_comment *c = &p->comments[p->comment_next];
    if (c->begin >= limit) return NULL;
    p->comment_next++;
    return c;
}

static bool is_doc(const char *line) { return line[0] == '#' && line[1] == '#'; }

void at_comments_before(at_parser *p, at_comments *comments, const char **doc) {
    const at_token *t = &p->tokens[p->at];
    line_list lines = {0}, docs = {0};
    bool any = false;
    comments->blank = t->blank;
    for (const at_comment *c; (c = next_before(p, t->begin)); any = true) {
        const char *line = text_of(p, c);
        if (!any) comments->blank = c->blank;
        if (doc && is_doc(line)) {
            if (c->blank) push_blank(p, docs.count ? &docs : &lines);
            push(p, &docs, line[2] == ' ' ? line + 3 : line + 2);
        } else {
            if (c->blank) push_blank(p, &lines);
            push(p, &lines, line);
        }
    }
    if (any && t->blank && !docs.count) push_blank(p, &lines);
    comments->lines = lines.lines;
    comments->count = lines.count;
    if (!docs.count) return;
    size_t length = 0;
    for (int i = 0; i < docs.count; i++) length += strlen(docs.lines[i]) + 1;
    char *joined = at_alloc(p->session->arena, length), *to = joined;
    for (int i = 0; i < docs.count; i++) {
        size_t n = strlen(docs.lines[i]);
        at_move(to, docs.lines[i], n);
        to += n;
        *to++ = i + 1 < docs.count ? '\n' : 0;
    }
    *doc = joined;
}

void at_comments_inside(at_parser *p, at_comments *comments, bool definition) {
    line_list lines = {comments->lines, comments->count, comments->count};
    uint32_t end = p->at > 0 ? p->tokens[p->at - 1].end : 0;
    for (const at_comment *c; (c = next_before(p, end));) {
        const char *line = text_of(p, c);
        /* Before a definition a ## would become its documentation. */
        while (definition && is_doc(line)) line++;
        push(p, &lines, line);
    }
    comments->lines = lines.lines;
    comments->count = lines.count;
}

void at_comments_trailing(at_parser *p, at_comments *comments) {
    if (p->comment_next >= p->comment_count) return;
    const at_comment *c = &p->comments[p->comment_next];
    if (c->line || c->begin > p->tokens[p->at].begin) return;
    comments->trailing = text_of(p, c);
    p->comment_next++;
}

void at_comments_last(at_parser *p, const char ***lines, int *count) {
    const at_token *t = &p->tokens[p->at];
    line_list list = {0};
    for (const at_comment *c; (c = next_before(p, t->begin));) {
        if (c->blank && !list.count) push(p, &list, "");
        if (c->blank) push_blank(p, &list);
        push(p, &list, text_of(p, c));
    }
    *lines = list.lines;
    *count = list.count;
}
