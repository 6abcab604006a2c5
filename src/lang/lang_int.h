/* What lex*.c, parse*.c and format*.c share: tokens and the parser's position in them.
 *
 * How the parser's functions behave: each begins at the first token of its piece and ends behind
 * its last. One that fails has complained, returns NULL (or false) and may stop anywhere; its
 * caller passes the failure up until a statement, a header or a definition skips to where it can
 * resume.
 *
 * Lines: a token is `first` when a statement may begin with it: it begins a line, the line before
 * does not go on, and it is not one of `then`, `else`, `->`. at_parser_peek shows such a token as
 * LINE_END unless ( or [ is open, so no other function needs to know about lines. */
#ifndef AT_LANG_INT_H
#define AT_LANG_INT_H

#include "lang/lang.h"

typedef enum {
#define AT_TOKEN(id, text, form, goes_on) AT_TOKEN_##id,
#include "lang/tokens.def"
#undef AT_TOKEN
    AT_TOKENS
} at_token_kind;

typedef struct {
    uint32_t begin, end;
    uint8_t kind; /* at_token_kind */
    bool first : 1;
    bool line : 1;  /* nothing but space before it on its line */
    bool blank : 1; /* an empty line stands before its line */
    bool said : 1;  /* something was complained about here: enough */
} at_token;

typedef struct {
    uint32_t begin, end; /* from # to the last character that is not a space */
    bool line : 1, blank : 1;
} at_comment;

typedef struct {
    at_session *session;
    const at_source *source;
    at_token *tokens; /* the last one is FILE_END */
    at_comment *comments;
    int count, capacity, comment_count, comment_capacity;
    int at;           /* the token that comes next */
    int comment_next; /* the first comment that belongs to nothing yet */
    int depth;        /* ( and [ that are open */
    int level;        /* expressions and blocks around this place */
    int statement;    /* the first token of the statement being read */
    int definition;   /* the first token of the definition being read */
    int value_end;    /* the token behind the last value read, for hints */
    bool in_law;
    /* For a missing }: the block closed by a } further left than its header, 0 when there is none,
     * and whether this definition's missing } was complained about; too_deep_said likewise. */
    int doubtful_open, doubtful_brace;
    bool unclosed_said, too_deep_said;
} at_parser;

/* Nesting that a program may have: parentheses, calls, blocks; and operations in one expression. */
enum { AT_LEVELS = 200, AT_HEIGHT = 1000 };

/* ---- lex.c, lex_foreign.c -------------------------------------------------------------------- */

/* Fills tokens and comments. Complains about characters that mean nothing; a character or operator
 * of another language that has a meaning here gives the token it stands for, marked `said`. */
void at_lex(at_parser *p);
/* When something that is not of the language begins at *byte: complains and moves *byte behind it.
 * Returns the token to go on with: BAD where there is none, FILE_END for "as if it were a space".
 * `line`: a statement may begin here, so a // is a comment of another language. */
at_token_kind at_lex_foreign(at_parser *p, uint32_t *byte, bool line);
/* Where the name that begins at `begin` and is plain up to `at` goes on with letters that no name
 * may have: complains and returns the byte behind them; else returns `at`. */
uint32_t at_lex_foreign_name(at_parser *p, uint32_t begin, uint32_t at);
const char *at_token_kind_text(at_token_kind kind);
bool at_is_plain_name(const char *name); /* needs no backquotes but for being reserved */

/* ---- parse_token.c --------------------------------------------------------------------------- */

at_token_kind at_parser_peek(const at_parser *p);
at_token_kind at_parser_peek_second(const at_parser *p);
void at_parser_advance(at_parser *p);
bool at_parser_take(at_parser *p, at_token_kind kind);
/* Whether the next token is the plain name `word` (down, within, int, …). */
bool at_parser_sees_word(const at_parser *p, const char *word);
at_span at_parser_span(const at_parser *p, int token);
/* The span from token `from` to the last one read. */
at_span at_parser_span_from(const at_parser *p, int from);
/* The text of a token, a name without its backquotes. */
char *at_parser_text(const at_parser *p, int token);
/* "`)`", "the end of the line": the next token, for messages. */
const char *at_parser_shown(const at_parser *p);
/* Where something is missing: the next token, or just behind the last one of a line. */
at_span at_parser_here(const at_parser *p);
/* An error at token `token`. One place gets one error: later ones are thrown away. Never NULL. */
at_diag *at_complain(at_parser *p, int token, at_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "expected WHAT, found …" at the next token, with the hint for the mistake that it looks like. */
void at_complain_expected(at_parser *p, const char *what);
/* Takes `kind` or says that `what` was expected. */
bool at_parser_expect(at_parser *p, at_token_kind kind, const char *what);
/* Takes the bracket that closes token `open`, or complains. Keeps p->depth. */
bool at_parser_open(at_parser *p, at_token_kind kind);
bool at_parser_close(at_parser *p, int open, const char *what);
/* A name for `what` ("an axis"). A reserved word is complained about; NULL where no word stands. */
const char *at_parser_name(at_parser *p, const char *what, at_span *span);
/* One level further in; false after complaining that there are too many. */
bool at_parser_enter(at_parser *p);
void at_parser_leave(at_parser *p);
/* Skips what is left of a statement that began at token `from`, at least one token. */
void at_parser_skip_statement(at_parser *p, int from);
/* Skips to behind the next block, or to `fn`, `law`, `paper` or `use` that begins a line. */
void at_parser_skip_definition(at_parser *p);
/* More errors than anyone reads: lexing and parsing end. */
bool at_parser_gave_up(const at_parser *p);
bool at_parser_at_definition(const at_parser *p);
int at_parser_column(const at_parser *p, int token);

/* ---- parse_hint.c: what beginners write ------------------------------------------------------ */

/* The hint for the next token where it cannot stand; NULL when nothing is known. */
const char *at_hint_unexpected(at_parser *p);
/* A statement that begins with a name but is none: complains with the likely cause. */
void at_complain_statement(at_parser *p);
/* A file holds no such thing as the next token. */
void at_complain_definition(at_parser *p);

/* ---- parse_expression.c ---------------------------------------------------------------------- */

at_tree *at_parse_expression(at_parser *p);
/* Without comparisons, not, and, or: the side of an assertion. */
at_tree *at_parse_sum(at_parser *p);
/* The comparison that stands next, or AT_OPS. */
at_op at_parser_comparison(const at_parser *p);
bool at_is_fold(const char *word);
bool at_is_function(const char *word); /* built-in, level 0 of ops.def */
int at_op_level(at_op op);
const char *at_op_symbol(at_op op);

/* ---- parse_target.c -------------------------------------------------------------------------- */

/* name[i,j]; at the left of an equation name[i,:,j] too. `what` it is: "an array", "an input". */
bool at_parse_target(at_parser *p, at_target *target, const char *what, bool equation);
/* `: int`, `: index v`, behind a declared array. */
bool at_parse_kind(at_parser *p, at_target *target);
/* `scale = 1`, `mask(i,j) = true`; in a header the value may be missing. */
bool at_parse_option(at_parser *p, at_bind *option, bool header);
/* Options up to the closing parenthesis. */
bool at_parse_options(at_parser *p, at_bind **options, int *count, bool header);

/* ---- parse_statement.c ----------------------------------------------------------------------- */

/* `= value` or `~ value`, `as path`, behind the targets. */
bool at_parse_equation_rest(at_parser *p, at_tree_statement *st);
/* { statements }; `what` it belongs to. False after errors in it; it then resumes behind it. */
bool at_parse_block(at_parser *p, at_tree_block *block, const char *what);
/* After a complaint in a header: goes to its { if there is one on the line, and reads the block for
 * the sake of its own mistakes. */
void at_parse_abandoned_block(at_parser *p);
/* Whether the line ends here; else complains. */
bool at_parser_expect_end(at_parser *p);

/* ---- parse_comment.c ------------------------------------------------------------------------- */

/* The comments before the next token become `lines`; `doc` (when not NULL) gets those with ##. */
void at_comments_before(at_parser *p, at_comments *comments, const char **doc);
/* What stood inside the piece just read joins the lines, and what follows on its line trails. */
void at_comments_inside(at_parser *p, at_comments *comments, bool definition);
void at_comments_trailing(at_parser *p, at_comments *comments);
/* All up to the next token, for the end of a block or file. */
void at_comments_last(at_parser *p, const char ***lines, int *count);

/* ---- format_line.c, format_expression.c, format_table.c -------------------------------------- */

/* One line being laid out: its text, in which a byte below 32 stands for a space at which the line
 * may be broken, the smaller the better. */
typedef struct {
    at_text text;
} at_line;

enum { AT_LINE_WIDTH = 100 };

/* A space where the line may be broken, `depth` levels inside its statement. */
void at_line_break(at_line *line, int depth);
/* Ends the line: writes it at `indent`, broken where it must be, and empties it. */
void at_line_flush(at_line *line, int indent, at_text *out);
/* Whether it fits on one line at `indent`. */
bool at_line_fits(const at_line *line, int indent);

/* Columns that it takes on a terminal: its characters. */
int at_text_width(const char *text, size_t length);

void at_line_name(at_line *line, const char *name);
void at_line_expression(at_line *line, const at_tree *tree, int depth);
void at_line_sum(at_line *line, const at_tree *tree, int depth); /* a side of an assertion */
void at_line_target(at_line *line, const at_target *target, int depth);
void at_line_options(at_line *line, const at_bind *options, int count, int depth);

/* Whether a value is a table that may have rows. */
bool at_is_table(const at_tree *value);
/* Writes the statement of which `head` is all up to its `=`, with the table in rows; false, and
 * nothing is written, where it has none and needs none, or they would not fit. */
bool at_format_table(const at_line *head, const at_tree *table, int indent, at_text *out);

#endif
