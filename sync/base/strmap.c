#include "strmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct strmap *m, const char *key) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *p = key; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    size_t i = (size_t)(h ^ (h >> 32)) & (m->capacity - 1);
    while (m->slots[i].key && strcmp(m->slots[i].key, key) != 0)
        i = (i + 1) & (m->capacity - 1);
    return i;
}

void *strmap_get(const struct strmap *m, const char *key) {
    return m->capacity ? m->slots[slot_of(m, key)].value : NULL;
}

static void grow(struct strmap *m) {
    struct strmap bigger = {.capacity = m->capacity ? m->capacity * 2 : 64, .count = m->count};
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (!bigger.slots)
        abort();
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->slots[i].key)
            bigger.slots[slot_of(&bigger, m->slots[i].key)] = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
}

void strmap_set(struct strmap *m, const char *key, void *value) {
    if ((m->count + 1) * 4 > m->capacity * 3)
        grow(m);
    struct strmap_slot *slot = &m->slots[slot_of(m, key)];
    if (!slot->key) {
        slot->key = strdup(key);
        if (!slot->key)
            abort();
        m->count++;
    }
    slot->value = value;
}

void strmap_clear(struct strmap *m, void (*free_value)(void *)) {
    for (size_t i = 0; i < m->capacity; i++) {
        if (!m->slots[i].key)
            continue;
        if (free_value)
            free_value(m->slots[i].value);
        free(m->slots[i].key);
    }
    free(m->slots);
    *m = (struct strmap){0};
}
