/* Which loops share out their rounds among threads: the outermost independent ones of a nest, so
 * many of them that there are rounds enough, when the work is worth it, which is known when the
 * extents are. Each element is computed whole by one thread, so results do not depend on how many
 * there are. */
#include "tile/tile_int.h"

enum { AXES = 16, SHARED = 3 };

/* Arithmetic on indices costs nothing beside the rest. */
static int64_t work_of(const at_tile *tile) {
    enum { FUNCTION = 10 };
    int64_t work = 0;
    for (int k = 0; k < tile->count; k++) {
        const at_value *v = tile->values[k];
        bool memory = v->op == AT_TILE_LOAD || v->op == AT_TILE_LOAD_WHERE ||
                      v->op == AT_TILE_STORE || v->op == AT_TILE_PUT;
        if (v->op == AT_TILE_MAP && v->kind == AT_REAL)
            work += at_op_info(v->map)->level > 0 ? 1 : FUNCTION;
        else if (v->op == AT_TILE_SORT || v->op == AT_TILE_DRAW)
            work += FUNCTION;
        else
            work += memory;
    }
    return work;
}

static void add_work(at_session *s, at_cost *work, const at_tiles *tiles, const at_axis **axes,
                     int depth) {
    for (int i = 0; i < tiles->count; i++) {
        const at_tile *tile = tiles->items[i];
        bool loop = tile->tag == AT_TILE_FOR && depth < AXES;
        int64_t count = work_of(tile);
        if (count) at_cost_add(s, work, count, axes, depth);
        if (loop) axes[depth] = tile->axis;
        add_work(s, work, &tile->body, axes, depth + loop);
        add_work(s, work, &tile->otherwise, axes, depth);
    }
}

/* The loops that hold nothing but the next; the innermost is left to one thread if there are more,
 * for its rounds stand beside each other in memory. */
static int shared(const at_tile *tile) {
    int loops = 0;
    while (loops < SHARED && at_tile_independent(tile)) {
        loops++;
        if (tile->body.count != 1) break;
        tile = tile->body.items[0];
    }
    bool innermost = loops > 1 && (tile->tag != AT_TILE_FOR || tile->lanes);
    return loops - innermost;
}

/* `rows`: the nest has memory for rows, a thread's own, so that only whole rows are shared out. */
static void share(at_tiles *tiles, bool rows) {
    for (int i = 0; i < tiles->count; i++) {
        at_tile *tile = tiles->items[i];
        if (tile->tag == AT_TILE_PRODUCT) share(&tile->otherwise, rows);
        if (tile->tag != AT_TILE_FOR || (rows && !tile->apart)) continue;
        tile->parallel = shared(tile);
        if (!tile->parallel) share(&tile->body, rows);
    }
}

/* Scratch of rows; that of products is asked for where it is used. */
static bool has_rows(const at_nest *nest) {
    for (int i = 0; i < nest->scratch_count; i++)
        if (nest->scratch[i]->axes[0]) return true;
    return false;
}

void at_tile_parallel(at_session *s, at_tile_nest *nest) {
    const at_axis *axes[AXES];
    add_work(s, &nest->work, &nest->body, axes, 0);
    if (nest->nest->apart_count || nest->nest->pass->group)
        return; /* threads share the scan around it, or the blocks of its group */
    share(&nest->body, has_rows(nest->nest));
    share(&nest->hopeful, has_rows(nest->nest));
}
