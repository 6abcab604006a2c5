/* The loop trees as indented text, for `show --stage=loop`. */
#include "loop/loop.h"

static void line(at_text *out, int depth) { at_text_pad(out, ' ', 2 * depth); }

static void print_place(const at_loop *loop, at_text *out) {
    at_ir_print_name(loop->array->name, out);
    at_text_add(out, " at ");
    at_ir_print_expr(loop->address, out);
}

static void print_sort(const at_loop_sort *sort, at_text *out) {
    at_text_addf(out, "sort %s by %s%s, ", sort->order->name, sort->key->name,
                 sort->falling ? " down" : "");
    at_ir_print_expr(sort->count, out);
    at_text_add(out, " of them");
    if (!sort->wanted) return;
    at_text_add(out, ", the first ");
    at_ir_print_expr(sort->wanted, out);
}

static void print_draw(const at_loop *loop, at_text *out) {
    const at_loop_draw *draw = loop->draw;
    at_text_addf(out, "draw %s = %s of %s[", loop->variable->name, at_draw_info(draw->draw)->text,
                 draw->path);
    for (int i = 0; i < draw->count; i++) {
        if (i) at_text_add(out, ",");
        at_ir_print_expr(draw->index[i], out);
    }
    at_text_add(out, "]");
    for (int i = 0; i < at_draw_info(draw->draw)->parameters; i++) {
        at_text_add(out, i ? ", " : ": ");
        at_ir_print_expr(draw->args[i], out);
    }
}

static void print_bound(const char *word, const at_expr *bound, at_text *out) {
    if (!bound) return;
    at_text_add(out, word);
    at_ir_print_expr(bound, out);
}

static void print_loops(const at_loops *loops, int depth, at_text *out) {
    for (int i = 0; i < loops->count; i++) {
        const at_loop *loop = loops->items[i];
        if (loop->tag == AT_LOOP_STORE) print_loops(&loop->body, depth, out);
        line(out, depth);
        switch (loop->tag) {
        case AT_LOOP_FOR:
            at_text_addf(out, "for %s%s", loop->axis->name, loop->down ? " down" : "");
            print_bound(" from ", loop->low, out);
            print_bound(" to ", loop->high, out);
            break;
        case AT_LOOP_IF:
            at_text_add(out, "if ");
            at_ir_print_expr(loop->condition, out);
            break;
        case AT_LOOP_LET:
        case AT_LOOP_SET:
        case AT_LOOP_ATTEMPT:
            at_text_add(out, loop->tag == AT_LOOP_LET   ? "let "
                             : loop->tag == AT_LOOP_SET ? "set "
                                                        : "try ");
            at_ir_print_name(loop->variable->name, out);
            if (loop->value) at_text_add(out, " = ");
            if (loop->value) at_ir_print_expr(loop->value, out);
            break;
        case AT_LOOP_PRODUCT:
            at_text_add(out, "product of ");
            at_ir_print_expr(loop->product->row_count, out);
            at_text_add(out, " rows and ");
            at_ir_print_expr(loop->product->column_count, out);
            at_text_add(out, " columns, over ");
            at_ir_print_expr(loop->product->depth_count, out);
            break;
        case AT_LOOP_STORE:
        case AT_LOOP_PUT:
            at_text_add(out, loop->tag == AT_LOOP_STORE ? "store " : "put ");
            print_place(loop, out);
            at_text_add(out, " = ");
            at_ir_print_expr(loop->value, out);
            break;
        case AT_LOOP_REQUIRE:
            at_text_add(out, "require ");
            at_ir_print_expr(loop->condition, out);
            break;
        case AT_LOOP_INHERIT:
            at_text_add(out, "fail with ");
            if (at_is_variable(loop->array)) at_ir_print_name(loop->array->name, out);
            else print_place(loop, out);
            break;
        case AT_LOOP_BIND:
            at_text_addf(out, "%s is ", loop->axis->name);
            at_ir_print_expr(loop->value, out);
            break;
        case AT_LOOP_FAULT: at_text_addf(out, "fault %s", loop->variable->name); break;
        case AT_LOOP_TRY: at_text_addf(out, "unless %s", loop->variable->name); break;
        case AT_LOOP_SORT: print_sort(loop->sort, out); break;
        case AT_LOOP_DRAW: print_draw(loop, out); break;
        case AT_LOOP_COUNT:
            at_text_addf(out, "count %d: ", loop->site);
            at_ir_print_expr(loop->value, out);
            break;
        }
        at_text_add(out, "\n");
        if (loop->tag == AT_LOOP_FOR || loop->tag == AT_LOOP_PRODUCT || loop->tag == AT_LOOP_IF ||
            loop->tag == AT_LOOP_TRY)
            print_loops(&loop->body, depth + 1, out);
        if (loop->otherwise.count) {
            line(out, depth);
            at_text_add(out, "else\n");
            print_loops(&loop->otherwise, depth + 1, out);
        }
    }
}

void at_loop_print(const at_loop_program *program, at_text *out) {
    for (int i = 0; i < program->nest_count; i++) {
        const at_nest *nest = &program->nests[i];
        at_text_addf(out, "%s%s:\n", nest->pass->target->name,
                     !nest->fallible ? "" : nest->needed ? " (may fail)" : " (elements may fail)");
        print_loops(&nest->body, 1, out);
    }
}
