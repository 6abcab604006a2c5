/* The formatter: canonical programs stay as they are, messy ones become the expected text, and for
 * every program and for random trees formatting again changes nothing and the tree is the same. */
#define _GNU_SOURCE
#include "lang/lang.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    at_session *session;
    const char *text;
    const at_file_tree *file;
} parsing;

static bool parse_body(void *user) {
    parsing *job = user;
    const at_source *source =
        at_make_source(job->session, "test.attn", job->text, strlen(job->text));
    job->file = source ? at_parse(job->session, source) : NULL;
    return job->file != NULL;
}

static parsing parse(const char *text) {
    parsing job = {at_session_new((size_t)64 << 20), text, NULL};
    if (!at_guarded(job.session, parse_body, &job)) {
        at_text out = {0};
        at_diags_render(job.session, false, &out);
        print_error("%s\n%s", text, out.data);
        at_text_free(&out);
        fail();
    }
    return job;
}

/* The canonical text of a program and the dump of its tree. */
static void format(const char *text, at_text *canonical, at_text *dump) {
    parsing job = parse(text);
    at_format_tree(job.file, canonical);
    if (!canonical->data) at_text_add(canonical, "");
    at_show_tree(job.file, dump);
    if (!dump->data) at_text_add(dump, "");
    at_session_free(job.session);
}

static void check_stable(const char *text) {
    at_text once = {0}, twice = {0}, before = {0}, after = {0};
    format(text, &once, &before);
    format(once.data, &twice, &after);
    assert_string_equal(once.data, twice.data);
    assert_string_equal(before.data, after.data);
    at_text_free(&once);
    at_text_free(&twice);
    at_text_free(&before);
    at_text_free(&after);
}

static void check_format(const char *text, const char *expected) {
    at_text canonical = {0}, dump = {0};
    format(text, &canonical, &dump);
    assert_string_equal(canonical.data, expected);
    at_text_free(&canonical);
    at_text_free(&dump);
    check_stable(text);
}

/* One expression in canonical layout. */
static void check_expression(const char *text, const char *expected) {
    char program[512], canonical[512];
    snprintf(program, sizeof program, "fn f(x) -> y = %s\n", text);
    snprintf(canonical, sizeof canonical, "fn f(x) -> y = %s\n", expected);
    check_format(program, canonical);
    parsing job = parse(program);
    at_text out = {0};
    at_format_expr(job.file->items[0]->body.items[0]->value, &out);
    assert_string_equal(out.data, expected);
    at_text_free(&out);
    at_session_free(job.session);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void operators_have_spaces_but_for_powers(void **state) {
    (void)state;
    check_expression("a+b*c-d//e", "a + b * c - d // e");
    check_expression("x ^ 2", "x^2");
    check_expression("2^ - x", "2^-x");
    check_expression("- x ^ 2", "-x^2");
    check_expression("a<=b and not(c==d)", "a <= b and not (c == d)");
    check_expression("if a then b else if c then d else e", "if a then b else if c then d else e");
    check_expression("1 / sqrt( size( d ) )", "1/sqrt(size(d))");
    check_expression("x / 2 + 1 / n", "x / 2 + 1/n");
}

static void indices_are_tight(void **state) {
    (void)state;
    check_expression("q[ i, d ]", "q[i,d]");
    check_expression("x[t - 1|0]", "x[t-1 | 0]");
    check_expression("h[t - 1, n | 0]", "h[t-1,n | 0]");
    check_expression("x[y * 8+u, z%4]", "x[y*8 + u, z % 4]");
    check_expression("k[idx[i,r],d]", "k[idx[i,r], d]");
    check_expression("blocks[i//64,j//64]", "blocks[i//64, j//64]");
    check_expression("a[n,c|b[n-size(u),c]]", "a[n, c | b[n - size(u), c]]");
    check_expression("q[b,:,h]", "q[b,:,h]");
    check_expression("x[f(t-1)]", "x[f(t - 1)]");
}

static void calls_and_folds_have_one_form(void **state) {
    (void)state;
    check_expression("f( a,b ;c=1,mask( i,j )=j<=i )", "f(a, b; c = 1, mask(i,j) = j <= i)");
    check_expression("f(;a=1)", "f(; a = 1)");
    check_expression("sum[ y , x where y<x ]( a )", "sum[y,x where y < x](a)");
    check_expression("cumsum[j down,k](a)", "cumsum[j down, k](a)");
    check_expression("softmax[j;m](s;t)", "softmax[j; m](s; t)");
    check_expression("max(a,b)+max[j](c[j])", "max(a, b) + max[j](c[j])");
}

static void numbers_and_parentheses_stay(void **state) {
    (void)state;
    check_expression("100.0 + 1E+5 + 007", "100.0 + 1e5 + 7");
    check_expression("inf - pi", "inf - pi");
    check_expression("(a) + (b * c)", "(a) + (b * c)");
    check_expression("((a))", "(a)");
}

static void names_are_quoted_only_where_they_must_be(void **state) {
    (void)state;
    check_expression("`x` + `x'2` + `a.b`", "x + x'2 + a.b");
    check_expression("`sum`[i] + `next` + `pi`", "`sum`[i] + `next` + `pi`");
    check_expression("`block[].mha#2.p`[i]", "`block[].mha#2.p`[i]");
    check_expression("`max`(a)", "`max`(a)");
    check_expression("`2d` + `a.2`", "`2d` + `a.2`");
}

static void tables_keep_the_rows_that_were_written(void **state) {
    (void)state;
    check_format("fn f()->a[i,j]{\na[i,j]=table(1,0,0,\n0,-1,0,\n\n0,0,10)# why\n}\n",
                 "fn f() -> a[i,j] {\n"
                 "  a[i,j] = table(1,  0,  0,\n"
                 "                 0, -1,  0,\n"
                 "                 0,  0, 10)  # why\n"
                 "}\n");
    check_format("fn f() -> a[i,j] = table(1,\n23)\n",
                 "fn f() -> a[i,j] = table( 1,\n"
                 "                         23)\n");
    /* Of formulas and in rows of which the last is shorter, nothing is aligned. */
    check_format("fn f()->a[i,j]{\na[i,j]=table(log(3),0,\n0,log(20))\nb[k]=table(1,20,\n30)\n}\n",
                 "fn f() -> a[i,j] {\n"
                 "  a[i,j] = table(log(3), 0,\n"
                 "                 0, log(20))\n"
                 "  b[k] = table(1, 20,\n"
                 "               30)\n"
                 "}\n");
    /* Uneven rows are none. */
    check_format("fn f() -> a[i] {\n  a[i] = table(1,\n  2, 3)\n}\n",
                 "fn f() -> a[i] {\n  a[i] = table(1, 2, 3)\n}\n");
}

static void tables_too_long_for_a_line_get_even_rows(void **state) {
    (void)state;
    at_text text = {0}, canonical = {0};
    at_text_add(&text, "fn f() -> a[i] {\n  a[i] = table(100000");
    for (int i = 1; i < 25; i++) at_text_addf(&text, ", 1%05d", i);
    at_text_add(&text, ")\n}\n");
    at_text_add(&canonical, "fn f() -> a[i] {\n  a[i] = table(");
    for (int i = 0; i < 25; i++)
        at_text_addf(&canonical, "1%05d%s", i,
                     i == 24       ? ")\n}\n"
                     : i % 10 == 9 ? ",\n               "
                                   : ", ");
    check_format(text.data, canonical.data);
    at_text_free(&text);
    at_text_free(&canonical);
}

static void cases_of_a_long_choice_stand_below_each_other(void **state) {
    (void)state;
    check_format(
        "fn f(x[n,c];heads=8,kind=if size(c)>64 then 1/sqrt(size(c)) else if size(c)>32 then "
        "2/sqrt(size(c)) else if size(c)>16 then 3 else 0.5,causal=true)->y[n,c] {\n"
        "y=if size(c)>64 and size(n)>64 then x*sqrt(size(c)) else if size(c)>32 then x/2 else x\n}\n",
        "fn f(x[n,c];\n"
        "    heads = 8,\n"
        "    kind = if size(c) > 64 then 1/sqrt(size(c))\n"
        "        else if size(c) > 32 then 2/sqrt(size(c))\n"
        "        else if size(c) > 16 then 3\n"
        "        else 0.5,\n"
        "    causal = true) -> y[n,c] {\n"
        "  y = if size(c) > 64 and size(n) > 64 then x * sqrt(size(c)) else if size(c) > 32 then x / 2 else x\n"
        "}\n");
    check_format(
        "fn f(a[n], b[n]) -> y[n] {\n  y[n] = if a[n] > 100000 then sqrt(a[n] * b[n]) else if "
        "a[n] > 1000000 then 2 * sqrt(a[n] * b[n]) else 3\n}\n",
        "fn f(a[n], b[n]) -> y[n] {\n"
        "  y[n] = if a[n] > 100000 then sqrt(a[n] * b[n])\n"
        "      else if a[n] > 1000000 then 2 * sqrt(a[n] * b[n])\n"
        "      else 3\n"
        "}\n");
    /* A single choice is no chain: it goes on where it must. */
    check_format(
        "fn f(a[n], b[n]) -> y[n] {\n  y[n] = if a[n] > 1000000000000 then sqrt(a[n] * b[n]) + 1"
        " else 2 * sqrt(a[n] * b[n]) + a[n] + b[n] + 1\n}\n",
        "fn f(a[n], b[n]) -> y[n] {\n"
        "  y[n] = if a[n] > 1000000000000 then sqrt(a[n] * b[n]) + 1\n"
        "      else 2 * sqrt(a[n] * b[n]) + a[n] + b[n] + 1\n"
        "}\n");
}

static void functions_of_one_line_break_before_their_result(void **state) {
    (void)state;
    check_format(
        "fn weights(s[j]; keep(j) = true, power = 1) -> p[j] = kept(keep(j)) * relu(s[j]) / "
        "size(j)^power + s[j]\n",
        "fn weights(s[j]; keep(j) = true, power = 1)\n"
        "    -> p[j] = kept(keep(j)) * relu(s[j]) / size(j)^power + s[j]\n");
}

/* ---- statements ------------------------------------------------------------------------------ */

static void layout_is_canonical(void **state) {
    (void)state;
    check_format("use nn\nfn f(x[n];a=1)->y[n]{\n\n\n y[n]=x[n]#why\n\n\n\n"
                 "    if a==1{ z=1 }else{ z=2 }\nif a==2{\nz=1\n}\nelse if a==3 { z=2 }\n"
                 "scan t down,u{h[t,u]=1}\n}\nfn g(x)->y=x\nfn h(x)->y=x\n\nlaw l(x){x==x}\n",
                 "use nn\n\nfn f(x[n]; a = 1) -> y[n] {\n  y[n] = x[n]  #why\n\n"
                 "  if a == 1 { z = 1 } else { z = 2 }\n"
                 "  if a == 2 {\n    z = 1\n  } else if a == 3 {\n    z = 2\n  }\n"
                 "  scan t down, u { h[t,u] = 1 }\n}\n\nfn g(x) -> y = x\nfn h(x) -> y = x\n\n"
                 "law l(x) {\n  x == x\n}\n");
}

static void comments_are_kept(void **state) {
    (void)state;
    check_format("# one\n\n\n# two\n## doc\n\n##   more\nfn f( # in\n  x) -> y { # first\n"
                 "y = ( # deep\n 1)  # tail\n\n# last\n} # end of f\n\n# end\n",
                 "# one\n\n# two\n# in\n## doc\n##\n##   more\nfn f(x) -> y {\n  # first\n"
                 "  # deep\n  y = (1)  # tail\n\n  # last\n}  # end of f\n\n# end\n");
    check_format("fn f(x, ## no doc\n y) -> z {}\n", "# no doc\nfn f(x, y) -> z {\n}\n");
    check_format("# only\n", "# only\n");
    check_format("", "");
    check_format("fn f(x) -> y {\n  if a { y = 1\n  } # between\n  else { y = 2 } # t\n}\n",
                 "fn f(x) -> y {\n  if a {\n    y = 1\n  } else {\n    # between\n    y = 2\n"
                 "  }  # t\n}\n");
}

static void long_lines_break_at_the_outermost_place(void **state) {
    (void)state;
    check_format("fn f(q[i,d], k[j,d], v[j,e]; scale = 1/sqrt(size(d)), mask(i,j) = true, "
                 "score(s,i,j) = s) -> o[i,e] {\n"
                 "  o = attention(query_of_this_layer, key_of_this_layer, value_of_this_layer; "
                 "mask(i,j) = j <= i and i - j < w)\n"
                 "  y = first_of_the_two_long_names * second_of_the_two_long_names + "
                 "third_of_the_two_long_names * fourth_one\n"
                 "  z = if first_condition_that_is_long then first_value_that_is_long else "
                 "second_value_that_is_long_too\n"
                 "}\n",
                 "fn f(q[i,d], k[j,d], v[j,e]; scale = 1/sqrt(size(d)), mask(i,j) = true, "
                 "score(s,i,j) = s)\n    -> o[i,e] {\n"
                 "  o = attention(query_of_this_layer, key_of_this_layer, value_of_this_layer;\n"
                 "      mask(i,j) = j <= i and i - j < w)\n"
                 "  y = first_of_the_two_long_names * second_of_the_two_long_names +\n"
                 "      third_of_the_two_long_names * fourth_one\n"
                 "  z = if first_condition_that_is_long then first_value_that_is_long\n"
                 "      else second_value_that_is_long_too\n"
                 "}\n");
}

static void the_largest_expressions_read_back(void **state) {
    (void)state;
    at_text text = {0};
    at_text_add(&text, "fn f(x) -> y = x");
    for (int i = 0; i < 990; i++) at_text_add(&text, i % 3 ? " + x" : " - long_name[i,j]");
    at_text_add(&text, "\nfn g(x) -> y = ");
    for (int i = 0; i < 190; i++) at_text_add(&text, i % 2 ? "f(a, " : "(-1 + ");
    at_text_add(&text, "x");
    for (int i = 0; i < 190; i++) at_text_add(&text, ")");
    at_text_add(&text, "\n");
    check_stable(text.data);
    at_text_free(&text);
}

/* ---- programs in files ----------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, file);
    text[n] = 0;
    fclose(file);
    return text;
}

static void check_program(const char *folder, const char *name, int *count) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = read_file(path);
    assert_non_null(text);
    check_stable(text);
    snprintf(path, sizeof path, "%s/%s.expected", folder, name);
    char *expected = read_file(path);
    if (!expected && ends_with(folder, "/canonical")) expected = strdup(text);
    if (expected) check_format(text, expected);
    free(expected);
    free(text);
    ++*count;
}

static int check_folder(const char *folder, int depth) {
    int count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        if (ends_with(entry->d_name, ".attn")) {
            check_program(folder, entry->d_name, &count);
        } else if (depth < 4) {
            char inner[512];
            snprintf(inner, sizeof inner, "%s/%s", folder, entry->d_name);
            count += check_folder(inner, depth + 1);
        }
    }
    if (dir) closedir(dir);
    return count;
}

static void programs_of_the_tests_are_canonical_and_stable(void **state) {
    (void)state;
    assert_true(check_folder("test/format", 0) >= 4);
    check_folder("test/lang", 0);
}

static void programs_that_come_with_attend_are_stable(void **state) {
    (void)state;
    check_folder("lib", 0);
    check_folder("zoo", 0);
}

/* ---- random trees ---------------------------------------------------------------------------- */

typedef struct {
    at_session *session;
    uint64_t seed;
} dice;

static unsigned roll(dice *d, unsigned n) {
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->seed >> 33) % n;
}

static const char *random_name(dice *d) {
    static const char *const names[] = {"a",    "b'2",    "x.y", "long_name_of_an_array",
                                        "sum",  "if",     "pi",  "block[].p#2",
                                        "down", "within", "i",   "j",
                                        "2d",   "inf.x"};
    return names[roll(d, sizeof names / sizeof *names)];
}

static at_tree *random_tree(dice *d, int depth);

static at_tree **random_args(dice *d, int count, int depth) {
    at_tree **args = AT_NEW_ARRAY(d->session->arena, at_tree *, count);
    for (int i = 0; i < count; i++) args[i] = random_tree(d, depth);
    return args;
}

static at_bind *random_options(dice *d, int count, int depth) {
    at_bind *options = AT_NEW_ARRAY(d->session->arena, at_bind, count);
    for (int i = 0; i < count; i++) {
        options[i].name = random_name(d);
        options[i].is_function = roll(d, 2);
        options[i].count = options[i].is_function ? 1 + (int)roll(d, 3) : 0;
        options[i].parameters = AT_NEW_ARRAY(d->session->arena, const char *, options[i].count);
        for (int k = 0; k < options[i].count; k++) options[i].parameters[k] = random_name(d);
        options[i].value = random_tree(d, depth);
    }
    return options;
}

static void random_fold(dice *d, at_tree *t, int depth) {
    static const char *const words[] = {"sum", "softmax", "max", "topk", "cumsum"};
    t->name = words[roll(d, 5)];
    t->part_count = 1 + (int)(roll(d, 4) == 0);
    t->parts = AT_NEW_ARRAY(d->session->arena, at_tree_part, t->part_count);
    for (int i = 0; i < t->part_count; i++) {
        at_tree_part *part = &t->parts[i];
        part->count = 1 + (int)roll(d, 2);
        part->bound = AT_NEW_ARRAY(d->session->arena, at_bound, part->count);
        for (int k = 0; k < part->count; k++)
            part->bound[k] = (at_bound){.name = random_name(d), .down = roll(d, 4) == 0};
        if (roll(d, 2)) part->guard = random_tree(d, depth);
        part->body = random_tree(d, depth);
    }
}

static void random_leaf(dice *d, at_tree *t) {
    switch (roll(d, 6)) {
    case 0:
        t->tag = AT_T_NUMBER;
        t->integer = (int64_t)roll(d, 1000);
        break;
    case 1:
        t->tag = AT_T_NUMBER;
        t->is_real = true;
        t->real = roll(d, 1000000) * 1e-3 * (roll(d, 8) ? 1 : 1e30);
        break;
    case 2:
        t->tag = AT_T_BOOL;
        t->integer = roll(d, 2);
        break;
    case 3: t->tag = AT_T_TRAINING; break;
    default: t->tag = AT_T_NAME; t->name = random_name(d);
    }
}

static at_tree *random_tree(dice *d, int depth) {
    at_tree *t = AT_NEW(d->session->arena, at_tree);
    if (depth <= 0 || roll(d, 8) == 0) {
        random_leaf(d, t);
        return t;
    }
    switch (roll(d, 6)) {
    case 0:
        t->tag = AT_T_INDEX;
        t->name = random_name(d);
        t->count = 1 + (int)roll(d, 3);
        t->args = random_args(d, t->count, depth - 1);
        if (roll(d, 4) == 0) *t->args[0] = (at_tree){.tag = AT_T_KEEP};
        if (roll(d, 4) == 0) t->alternative = random_tree(d, depth - 1);
        break;
    case 1:
        t->tag = AT_T_CALL;
        t->name = roll(d, 3) ? "f" : random_name(d);
        t->count = (int)roll(d, 4);
        t->args = random_args(d, t->count, depth - 1);
        t->has_options = roll(d, 3) == 0;
        t->option_count = t->has_options ? (int)roll(d, 3) : 0;
        t->options = random_options(d, t->option_count, depth - 1);
        break;
    case 2:
        t->tag = AT_T_FOLD;
        random_fold(d, t, depth - 1);
        break;
    default:
        t->tag = AT_T_OP;
        t->op = (at_op)roll(d, AT_OP_IF + 1);
        t->count = t->op == AT_OP_IF ? 3 : t->op == AT_OP_NEG || t->op == AT_OP_NOT ? 1 : 2;
        t->args = random_args(d, t->count, depth - 1);
        t->parens = roll(d, 6) == 0;
    }
    return t;
}

static void random_statement(dice *d, at_tree_statement *st) {
    st->tag = AT_S_EQUATION;
    st->target_count = 1 + (int)roll(d, 2);
    st->targets = AT_NEW_ARRAY(d->session->arena, at_target, st->target_count);
    for (int i = 0; i < st->target_count; i++) {
        st->targets[i].name = random_name(d);
        st->targets[i].brackets = roll(d, 2);
        st->targets[i].count = st->targets[i].brackets ? 1 + (int)roll(d, 3) : 0;
        st->targets[i].axes = AT_NEW_ARRAY(d->session->arena, const char *, st->targets[i].count);
        for (int k = 0; k < st->targets[i].count; k++)
            st->targets[i].axes[k] = roll(d, 5) ? random_name(d) : NULL;
    }
    st->value = random_tree(d, 5);
}

/* The dump without the notes about parentheses, which the formatter may have to add. */
static char *without_parentheses(const char *dump) {
    static const char note[] = " (in parentheses)";
    char *copy = strdup(dump), *to = copy;
    for (const char *from = copy; *from;) {
        if (strncmp(from, note, sizeof note - 1) == 0) from += sizeof note - 1;
        else *to++ = *from++;
    }
    *to = 0;
    return copy;
}

static void check_random(uint64_t seed) {
    dice d = {at_session_new((size_t)64 << 20), seed};
    at_tree_statement statements[3] = {0}, *items[3];
    at_target output = {.name = "y"};
    for (int i = 0; i < 3; i++) random_statement(&d, items[i] = &statements[i]);
    at_definition definition = {.tag = AT_D_FN,
                                .name = "f",
                                .output_count = 1,
                                .outputs = &output,
                                .body = {.count = 3, .items = items}},
                  *definitions[] = {&definition};
    at_file_tree file = {.count = 1, .items = definitions};
    at_text text = {0}, dump = {0}, again = {0}, again_dump = {0};
    at_format_tree(&file, &text);
    at_show_tree(&file, &dump);
    format(text.data, &again, &again_dump);
    char *before = without_parentheses(dump.data), *after = without_parentheses(again_dump.data);
    if (strcmp(before, after) != 0 || strcmp(text.data, again.data) != 0)
        print_error("seed %llu:\n%s\n", (unsigned long long)seed, text.data);
    assert_string_equal(text.data, again.data);
    assert_string_equal(before, after);
    free(before);
    free(after);
    at_text_free(&text);
    at_text_free(&dump);
    at_text_free(&again);
    at_text_free(&again_dump);
    at_session_free(d.session);
}

static void random_trees_read_back(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) check_random(seed);
}

/* Trees that no text gives: negative numbers, missing parentheses. */
static void trees_made_by_hand_print_rightly(void **state) {
    (void)state;
    at_tree minus = {.tag = AT_T_NUMBER, .integer = -3}, name = {.tag = AT_T_NAME, .name = "x"};
    at_tree least = {.tag = AT_T_NUMBER, .integer = INT64_MIN};
    at_tree real = {.tag = AT_T_NUMBER, .is_real = true, .real = -0.5};
    at_tree *args[] = {&minus, &real}, *sum_args[] = {&name, &least};
    at_tree power = {.tag = AT_T_OP, .op = AT_OP_POW, .count = 2, .args = args};
    at_tree sum = {.tag = AT_T_OP, .op = AT_OP_ADD, .count = 2, .args = sum_args};
    at_text out = {0};
    at_format_expr(&power, &out);
    at_text_add(&out, "; ");
    at_format_expr(&sum, &out);
    assert_string_equal(out.data, "(-3)^-0.5; x + (-9223372036854775807 - 1)");
    at_text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_have_spaces_but_for_powers),
        cmocka_unit_test(indices_are_tight),
        cmocka_unit_test(calls_and_folds_have_one_form),
        cmocka_unit_test(numbers_and_parentheses_stay),
        cmocka_unit_test(names_are_quoted_only_where_they_must_be),
        cmocka_unit_test(functions_of_one_line_break_before_their_result),
        cmocka_unit_test(tables_keep_the_rows_that_were_written),
        cmocka_unit_test(tables_too_long_for_a_line_get_even_rows),
        cmocka_unit_test(cases_of_a_long_choice_stand_below_each_other),
        cmocka_unit_test(layout_is_canonical),
        cmocka_unit_test(comments_are_kept),
        cmocka_unit_test(long_lines_break_at_the_outermost_place),
        cmocka_unit_test(the_largest_expressions_read_back),
        cmocka_unit_test(programs_of_the_tests_are_canonical_and_stable),
        cmocka_unit_test(programs_that_come_with_attend_are_stable),
        cmocka_unit_test(random_trees_read_back),
        cmocka_unit_test(trees_made_by_hand_print_rightly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
