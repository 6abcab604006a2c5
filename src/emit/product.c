/* Products of matrices: blocks of them shared out among threads, each packed, multiplied and then
 * finished by the loops of its elements. How they are cut has no influence on any value. */
#include "emit/emit.h"

#include <string.h>

typedef struct {
    at_printer *p;
    const at_loop_product *product;
    const at_tile_product *tile;
    const char *used; /* how many columns of a block elements take; NULL: all */
} printing;

static const char *name_of(const printing *print, const at_array *variable) {
    return at_array_name(&print->p->names, variable);
}

/* `end - first` */
static const char *count_of(const printing *print, const at_array *first, const at_array *end) {
    return at_format(print->p->s->arena, "%s - %s", name_of(print, end), name_of(print, first));
}

/* The columns of a block that are computed. */
static const char *column_count(const printing *print) {
    const at_loop_product *product = print->product;
    return print->used ? print->used
                       : count_of(print, product->column_first, product->column_end);
}

/* Nothing is asked for yet. */
static void print_unwanted(const printing *print) {
    const char *wanted = name_of(print, print->product->wanted);
    at_c_line(print->p, "memset(%s, 0, sizeof %s);", wanted, wanted);
}

static void print_pack(const printing *print, int which) {
    const at_loop_product *product = print->product;
    const at_loop_factor *factor = &product->factors[which];
    at_printer *p = print->p;
    const char *count = which ? column_count(print)
                              : count_of(print, product->row_first, product->row_end);
    const char *depth = count_of(print, product->depth_first, product->depth_end);
    const char *to = name_of(print, factor->packed), *width = which ? "COLUMNS" : "ROWS";
    if (product->deep && !which) print_unwanted(print);
    if (!factor->array) {
        at_c_line(p, "attend_pack_rest(%s, %s, %s, %s);", to, count, depth, width);
        at_c_tiles(p, &print->tile->pack[which]);
        return;
    }
    const char *start = at_c_value(p, print->tile->start[which], AT_C_CHOICE);
    const char *step = at_c_value(p, print->tile->step[which], AT_C_CHOICE);
    const char *depth_step = at_c_value(p, print->tile->depth_step[which], AT_C_CHOICE);
    at_c_line(p, "%s(%s, &%s[%s],",
              at_c_rounds(p, factor->array) ? "attend_pack_given" : "attend_pack", to,
              at_array_name(&p->names, factor->array), start);
    at_c_line(p, "            %s, %s, %s, %s, %s);", step, depth_step, count, depth, width);
    at_c_tiles(p, &print->tile->pack[which]);
}

/* What multiplies a block: how much of it is left out. */
static const char *kind_of(const at_loop_product *product) {
    if (product->limits == AT_LIMITS_DEPTH || product->asks[0] || product->asks[1] || product->deep)
        return "_depth";
    return product->stretch ? "_wanted" : product->limits ? "_columns" : "";
}

/* The stretches from which position on rows ask for. */
static void print_wanted(const printing *print, const at_array *first) {
    const at_loop_product *product = print->product;
    long long stretch = product->stretch;
    at_c_line(print->p, "                (struct attend_stretches){%s, %s, %lld, %s - %s * %lld},",
              name_of(print, product->wanted), name_of(print, product->stretches), stretch,
              name_of(print, first), name_of(print, product->first_stretch), stretch);
}

/* What rows take of the columns, or of the depth, and what is asked of factors. */
static void print_limits(const printing *print, const char *kind) {
    const at_loop_product *product = print->product;
    at_printer *p = print->p;
    bool deep = strcmp(kind, "_depth") == 0;
    const at_array *first = deep ? product->depth_first : product->column_first;
    if (strcmp(kind, "_wanted") == 0) print_wanted(print, first);
    else if (product->limits == (deep ? AT_LIMITS_DEPTH : AT_LIMITS_COLUMNS))
        at_c_line(p, "                %s, %s, %s,", name_of(print, product->limit_from),
                  name_of(print, product->limit_to), name_of(print, first));
    else if (deep)
        at_c_line(p, "                NULL, NULL, 0,");
    if (!deep) return;
    if (product->deep) print_wanted(print, first);
    else at_c_line(p, "                (struct attend_stretches){NULL, 0, 1, 0},");
    static const char *const words[] = {"false", "true"};
    at_c_line(p, "                (struct attend_asks){{%s, %s}, {%s, %s}},",
              words[product->asks[0]], words[product->asks[1]], words[product->zeros[0]],
              words[product->zeros[1]]);
}

/* Block after block of the depth. */
static void print_depth(const printing *print, const char *depth) {
    const at_loop_product *product = print->product;
    at_printer *p = print->p;
    const char *first = name_of(print, product->depth_first);
    const char *end = name_of(print, product->depth_end);
    const char *from = "0";
    if (product->depth_to) {
        depth = name_of(print, product->depth_to);
        from = at_c_name(&p->names, "depth_begin");
        const char *base = name_of(print, product->depth_base);
        const char *depth_from = name_of(print, product->depth_from);
        /* Nothing may be read in front of the base nor behind the end: there may be no memory. */
        at_c_line(p, "if (%s <= %s) %s = %s = %s;", depth, depth_from, depth_from, depth, base);
        at_c_line(p, "const int64_t %s = %s + (%s - %s) / BLOCK_DEPTH * BLOCK_DEPTH;", from, base,
                  depth_from, base);
    }
    at_c_line(p, "int64_t %s = %s, %s = 0;", first, from, end);
    at_c_line(p, "do {");
    p->indent++;
    at_c_line(p, "%s = %s - %s < BLOCK_DEPTH ? %s : %s + BLOCK_DEPTH;", end, depth, first, depth,
              first);
    print_pack(print, 0);
    print_pack(print, 1);
    const char *within = kind_of(product);
    at_c_line(p, "attend_multiply%s(%s, %s,", within, name_of(print, product->factors[0].packed),
              name_of(print, product->factors[1].packed));
    if (*within) print_limits(print, within);
    at_c_line(p, "                %s, %s,", count_of(print, product->row_first, product->row_end),
              column_count(print));
    at_c_line(p, "                %s, %s, %s > %s);",
              count_of(print, product->depth_first, product->depth_end),
              name_of(print, product->block), first, from);
    at_c_line(p, "%s = %s;", first, end);
    p->indent--;
    at_c_line(p, "} while (%s < %s);", first, depth);
}

/* The indices of a part: its block, and those of the axes that both factors have. */
static void print_part(const printing *print, const char *cut, const char *part) {
    const at_loop_product *product = print->product;
    at_printer *p = print->p;
    const char *row_first = name_of(print, product->row_first);
    const char *row_end = name_of(print, product->row_end);
    const char *column_first = name_of(print, product->column_first);
    const char *column_end = name_of(print, product->column_end);
    at_c_line(p, "int64_t %s, %s, %s, %s;", row_first, row_end, column_first, column_end);
    const char *which = product->batch_count ? at_c_name(&p->names, "which") : NULL;
    const char *result = which ? at_format(p->s->arena, "int64_t %s = ", which) : "";
    at_c_line(p, "%sattend_part_of(&%s, %s, &%s, &%s, &%s, &%s);", result, cut, part, row_first,
              row_end, column_first, column_end);
    const char *const ends[2][2] = {{row_first, row_end}, {column_first, column_end}};
    for (int i = 0; i < 2; i++) {
        if (!print->tile->from[i]) continue;
        const char *from = at_c_value(p, print->tile->from[i], AT_C_SUM);
        for (int k = 0; k < 2; k++) at_c_line(p, "%s += %s;", ends[i][k], from);
    }
    for (int i = product->batch_count - 1; i >= 0; i--) {
        const char *index = at_axis_name(&p->names, product->batch[i]);
        if (i == 0) {
            at_c_line(p, "const int64_t %s = %s;", index, which);
            continue;
        }
        const char *size = at_size_name(&p->names, product->batch[i]);
        at_c_line(p, "const int64_t %s = %s %% %s;", index, which, size);
        at_c_line(p, "%s /= %s;", which, size);
    }
}

static void print_constants(const printing *print) {
    const at_loop_product *product = print->product;
    const at_loop_factor *rows = &product->factors[0], *columns = &product->factors[1];
    if (rows->pack.count)
        at_c_line(print->p, "const int64_t %s = ROWS;", name_of(print, product->tall));
    if (columns->pack.count)
        at_c_line(print->p, "const int64_t %s = COLUMNS;", name_of(print, product->wide));
    at_c_line(print->p, "const int64_t %s = BLOCK_WIDTH;", name_of(print, product->width));
}

/* Room for what rows ask for of stretches. */
static void print_stretches(const printing *print) {
    const at_loop_product *product = print->product;
    at_c_line(print->p, "enum { %s = %s / %lld + 2 };", name_of(print, product->stretches),
              product->deep ? "BLOCK_DEPTH" : "BLOCK_COLUMNS", (long long)product->stretch);
    at_c_line(print->p, "bool %s[BLOCK_ROWS * %s];", name_of(print, product->wanted),
              name_of(print, product->stretches));
    if (!product->deep) print_unwanted(print);
    at_c_line(print->p, "int64_t %s;", name_of(print, product->first_stretch));
}

/* What loops find of a part before it is computed. */
static void print_range(printing *print) {
    const at_loop_product *product = print->product;
    at_printer *p = print->p;
    if (product->limits)
        at_c_line(p, "int64_t %s[BLOCK_ROWS], %s[BLOCK_ROWS];", name_of(print, product->limit_from),
                  name_of(print, product->limit_to));
    if (product->stretch) print_stretches(print);
    at_c_tiles(p, &print->tile->range);
    if (!product->column_to) return;
    if (product->shrinks) {
        at_c_line(p, "attend_shrink_part(&%s, &%s, %s, %s);", name_of(print, product->column_first),
                  name_of(print, product->column_end), name_of(print, product->column_from),
                  name_of(print, product->column_to));
        return;
    }
    const char *used = at_c_name(&p->names, "columns_used");
    at_c_line(p, "const int64_t %s =", used);
    at_c_line(p, "    attend_columns_used(%s, %s, %s, %s);", name_of(print, product->column_first),
              name_of(print, product->column_end), name_of(print, product->column_from),
              name_of(print, product->column_to));
    print->used = used;
}

static void print_blocks(printing *print, const at_tile *tile, const char *depth) {
    const at_loop_product *product = print->product;
    at_printer *p = print->p;
    const char *panels = name_of(print, product->scratch);
    const char *packed = name_of(print, product->factors[0].packed);
    const char *columns = name_of(print, product->factors[1].packed);
    at_c_line(p, "real *const %s = attend_scratch(frame, %d);", panels, p->first_scratch +
              at_scratch_number(p->nest->nest, product->scratch));
    at_c_line(p, "real *const %s = %s, *const %s = %s + PACKED_ROWS;", packed, panels, columns,
              packed);
    at_c_line(p, "real *const %s = %s + PACKED_COLUMNS;", name_of(print, product->block), columns);
    print_range(print);
    if (product->shrinks)
        at_c_line(p, "if (%s == %s) continue;", name_of(print, product->column_first),
                  name_of(print, product->column_end));
    if (print->used) {
        at_c_line(p, "if (%s > 0) {", print->used);
        p->indent++;
    }
    print_depth(print, depth);
    if (print->used) {
        p->indent--;
        at_c_line(p, "}");
    }
    bool shares = p->shares;
    p->shares = true; /* by the loop over parts */
    at_c_tiles(p, &tile->body);
    p->shares = shares;
}

/* `pays`, and that what a guard leaves out would only have added 0. */
static const char *print_finite(const printing *print, int which, const char *pays) {
    const at_loop_factor *factor = &print->product->factors[which];
    at_printer *p = print->p;
    const char *name = at_c_name(&p->names, "pays");
    /* These may print lines of their own. */
    const char *start = at_c_value(p, print->tile->finite_start[which], AT_C_CHOICE);
    const char *count = at_c_value(p, print->tile->finite_count[which], AT_C_CHOICE);
    at_c_line(p, "bool %s = %s;", name, pays);
    at_c_line(p, "if (%s)", name);
    const at_plan *plan = p->program->loops->plan;
    int place = plan->place_of[factor->finite->id];
    if (plan->places[place].use == AT_PLACE_GIVEN) {
        at_c_line(p, "    %s = attend_knows_finite(frame, %d, &%s[%s], %s);", name, place,
                  at_array_name(&p->names, factor->finite), start, count);
        return name;
    }
    at_c_line(p, "    %s = %s(&%s[%s], %s);", name,
              at_c_rounds(p, factor->finite) ? "attend_are_given_finite" : "attend_are_finite",
              at_array_name(&p->names, factor->finite), start, count);
    return name;
}

void at_c_product(at_printer *p, const at_tile *tile) {
    printing print = {p, tile->product->loop, tile->product, NULL};
    const at_loop_product *product = print.product;
    const char *rows = at_c_name(&p->names, "rows"), *columns = at_c_name(&p->names, "columns");
    const char *depth = at_c_name(&p->names, "depth"), *cut = at_c_name(&p->names, "cut");
    const char *part = at_c_name(&p->names, "part"), *batch = "1";
    const char *threads = at_c_name(&p->names, "threads");
    at_c_line(p, "const int64_t %s = %s;", rows, at_c_right_side(p, tile->product->row_count));
    at_c_line(p, "const int64_t %s = %s;", columns,
              at_c_right_side(p, tile->product->column_count));
    at_c_line(p, "const int64_t %s = %s;", depth, at_c_right_side(p, tile->product->depth_count));
    for (int i = 0; i < product->batch_count; i++)
        batch = at_format(p->s->arena, "%s%s%s", i ? batch : "", i ? " * " : "",
                          at_size_name(&p->names, product->batch[i]));
    const at_array *read = product->factors[1].array;
    bool beside = product->beside && !at_c_rounds(p, read);
    const char *pays = at_format(p->s->arena, "attend_product_pays(%s, %s, %s, %s)", rows, columns,
                                 depth, !beside ? "0" : product->guarded ? "ENOUGH_GUARDED"
                                                                         : "ENOUGH_BESIDE");
    for (int i = 0; i < 2; i++)
        if (product->factors[i].finite) pays = print_finite(&print, i, pays);
    at_c_line(p, "if (%s) {", pays);
    p->indent++;
    bool shared = p->nest->nest->pass->group != NULL; /* by the threads, block by block */
    if (shared) threads = "1";
    else
        at_c_line(p, "const int %s = %s;", threads,
                  p->team ? "attend_team()" : "frame->call->threads");
    at_c_line(p, "const struct attend_cut %s =", cut);
    at_c_line(p, "    attend_cut_product(%s, %s, %s, %s, %s);", batch, rows, columns, depth,
              threads);
    print_constants(&print);
    bool flushes = p->type != AT_TYPE_F64 && !shared && !p->team;
    if (p->team) at_text_add(p->out, "#pragma omp for schedule(static) nowait\n");
    else if (!shared)
        at_text_addf(p->out, "#pragma omp parallel%s num_threads(%s) if (%s > 1 && %s.parts > 1)\n",
                 flushes ? "" : " for schedule(static)", threads, threads, cut);
    if (flushes) {
        at_c_line(p, "{");
        p->indent++;
        at_c_line(p, "const unsigned flush = attend_flush_begin();");
        at_text_add(p->out, "#pragma omp for schedule(static)\n");
    }
    at_c_line(p, "for (int64_t %s = 0; %s < %s.parts; %s++) {", part, part, cut, part);
    p->indent++;
    print_part(&print, cut, part);
    print_blocks(&print, tile, depth);
    p->indent--;
    at_c_line(p, "}");
    if (flushes) {
        at_c_line(p, "attend_flush_end(flush);");
        p->indent--;
        at_c_line(p, "}");
    }
    p->indent--;
    at_c_line(p, "} else {");
    p->indent++;
    at_c_tiles(p, &tile->otherwise);
    p->indent--;
    at_c_line(p, "}");
}
