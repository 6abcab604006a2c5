/* Tile programs as indented text, for `show --stage=tile`: one operation a line. */
#include "tile/tile.h"

static void print_value(const at_value *v, at_text *out) {
    if (at_tile_op_gives(v->op)) at_text_addf(out, "%%%d %s = ", v->id, at_kind_text(v->kind));
    at_text_add(out, at_tile_op_text(v->op));
    char number[32];
    switch (v->op) {
    case AT_TILE_NUMBER:
        if (v->kind == AT_REAL) at_text_real(v->real, number);
        if (v->kind == AT_REAL) at_text_addf(out, " %s", number);
        else if (v->kind == AT_BOOL) at_text_add(out, v->integer ? " true" : " false");
        else at_text_addf(out, " %lld", (long long)v->integer);
        break;
    case AT_TILE_SIZE:
    case AT_TILE_BIND:
    case AT_TILE_INDEX: at_text_addf(out, " %s", v->axis->name); break;
    default: break;
    }
    if (v->array) at_text_addf(out, " %s", v->array->name);
    if (v->op == AT_TILE_MAP || v->op == AT_TILE_ATTEMPT || v->op == AT_TILE_ACROSS ||
        v->op == AT_TILE_PICK || v->op == AT_TILE_RUN)
        at_text_addf(out, " %s", at_op_info(v->map)->text);
    if (v->op == AT_TILE_DRAW) at_text_addf(out, " %s", at_draw_info(v->draw->draw)->text);
    if (v->op == AT_TILE_SORT) at_text_addf(out, " %s", v->sort->order->name);
    for (int i = 0; i < v->count; i++) at_text_addf(out, " %%%d", v->operands[i]->id);
    at_text_add(out, "\n");
}

static void print_for(const at_tile *tile, at_text *out) {
    at_text_addf(out, "for %s%s%s%s", tile->axis->name, tile->down ? " down" : "",
                 tile->lanes ? " in lanes" : "", tile->parallel ? " in parallel" : "");
    if (tile->low) at_text_addf(out, " from %%%d", tile->low->id);
    if (tile->high) at_text_addf(out, " to %%%d", tile->high->id);
    at_text_add(out, "\n");
}

static void print_tiles(const at_tiles *tiles, int depth, at_text *out) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_ELEMENT) {
            print_tiles(&tile->body, depth, out);
            continue;
        }
        for (int k = 0; k < tile->count; k++) {
            at_text_pad(out, ' ', 2 * depth);
            print_value(tile->values[k], out);
        }
        if (tile->tag == AT_TILE_LEAF) continue;
        if (tile->tag == AT_TILE_PRODUCT) {
            at_text_pad(out, ' ', 2 * depth);
            at_text_add(out, "product, for each block\n");
            print_tiles(&tile->body, depth + 1, out);
            at_text_pad(out, ' ', 2 * depth);
            at_text_add(out, "if it does not pay\n");
            print_tiles(&tile->otherwise, depth + 1, out);
            continue;
        }
        at_text_pad(out, ' ', 2 * depth);
        if (tile->tag == AT_TILE_FOR)
            print_for(tile, out);
        else if (tile->tag == AT_TILE_TRY) at_text_addf(out, "unless %s\n", tile->fault->name);
        else at_text_addf(out, "if %%%d\n", tile->condition->id);
        print_tiles(&tile->body, depth + 1, out);
        if (tile->otherwise.count == 0) continue;
        at_text_pad(out, ' ', 2 * depth);
        at_text_add(out, "else\n");
        print_tiles(&tile->otherwise, depth + 1, out);
    }
}

void at_tile_print(const at_tile_program *program, at_text *out) {
    for (int i = 0; i < program->nest_count; i++) {
        at_text_addf(out, "%s:\n", program->nests[i].nest->pass->target->name);
        if (program->nests[i].hopeful.count) {
            print_tiles(&program->nests[i].hopeful, 1, out);
            at_text_add(out, "  where that is not possible:\n");
        }
        print_tiles(&program->nests[i].body, 1, out);
    }
}
