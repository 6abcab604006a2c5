/* Names to things: open addressing with linear probing over FNV-1a. Tables of a program are small
 * and live as long as their arena, so growing leaves the old table behind. */
#include "base/base.h"

#include <string.h>

static uint64_t hash(const char *key) {
    uint64_t h = 1469598103934665603u;
    for (; *key; key++) h = (h ^ (unsigned char)*key) * 1099511628211u;
    return h;
}

/* The slot of `key`, or the empty one where it belongs. */
static int find(const at_map *map, const char *key) {
    int mask = map->capacity - 1;
    int slot = (int)(hash(key) & (uint64_t)mask);
    while (map->keys[slot] && strcmp(map->keys[slot], key) != 0) slot = (slot + 1) & mask;
    return slot;
}

void *at_map_get(const at_map *map, const char *key) {
    return map->capacity ? map->values[find(map, key)] : NULL;
}

void at_map_put(at_arena *arena, at_map *map, const char *key, void *value) {
    if (2 * (map->count + 1) > map->capacity) {
        at_map old = *map;
        map->capacity = old.capacity ? 2 * old.capacity : 16;
        map->keys = AT_NEW_ARRAY(arena, const char *, map->capacity);
        map->values = AT_NEW_ARRAY(arena, void *, map->capacity);
        for (int i = 0; i < old.capacity; i++) {
            if (!old.keys[i]) continue;
            int slot = find(map, old.keys[i]);
            map->keys[slot] = old.keys[i];
            map->values[slot] = old.values[i];
        }
    }
    int slot = find(map, key);
    if (!map->keys[slot]) map->count++;
    map->keys[slot] = key;
    map->values[slot] = value;
}
