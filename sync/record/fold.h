/* The merge of facts (protocol §7): from the set of writes of one entity to its winning values,
 * what a phone should name in `base`, and the conflicts. Pure: the order of the writes given does
 * not matter. */
#ifndef FOLD_H
#define FOLD_H

#include "buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A fact missing from `base` counts as not shown between stamps this close or closer. */
#define FOLD_UNSHOWN_MS (INT64_C(72) * 3600 * 1000)

/* One record that writes facts of the entity. Borrowed. */
struct fold_source {
    const char *id; /* UUID text; its last 12 digits are the tail that `base` names */
    int64_t hlc;
    const char *author;
    bool imported; /* imports never conflict */
    bool current;  /* false: replaced or withdrawn; it only links others through its `base` */
    json_t *base;  /* object or NULL */
};

struct fold_write {
    const char *fact;
    const json_t *value;
    const struct fold_source *source;
};

struct fold {
    json_t *doc;       /* {fact: value} of the winners, null values included */
    json_t *seen;      /* {fact: [tail, …]}: winner first, then the conflicting */
    json_t *conflicts; /* array of protocol §8 */
};

/* `writes` is reordered. The caller releases the result with fold_fini. */
struct fold fold_make(struct fold_write *writes, size_t count);
void fold_fini(struct fold *f);

#endif
