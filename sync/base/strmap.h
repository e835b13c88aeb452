/* A map from strings to pointers (open addressing, FNV-1a). Keys are copied; values belong to the
 * caller. One thread at a time. Aborts out of memory. */
#ifndef STRMAP_H
#define STRMAP_H

#include <stddef.h>

struct strmap {
    struct strmap_slot {
        char *key;
        void *value;
    } * slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* NULL if absent. Zero-initialised is an empty map. */
void *strmap_get(const struct strmap *m, const char *key);
/* Sets or replaces. */
void strmap_set(struct strmap *m, const char *key, void *value);
/* Empties; calls `free_value` (may be NULL) on each value. */
void strmap_clear(struct strmap *m, void (*free_value)(void *));

#endif
