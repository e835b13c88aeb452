/* The facts of entities, kept in the table `entity`: what winning records say, what phones name in
 * `base`, the conflicts (protocol §7). Sync thread only, inside a transaction. */
#ifndef FACTS_H
#define FACTS_H

#include "core.h"
#include "envelope.h"

/* Facts as bits of a mask: by a hash of the name, so two may share one. */
#define FACTS_ALL INT64_C(-1)
int64_t facts_mask(const struct form_fact *facts, size_t count);

/* What an entity is about: the household, or the subject itself. */
const char *facts_about(const struct subject *at, const char *subject);

/* Adds a part of a stored record's facts; sorts them. Facts of list items are written as others
 * are: their tails in `base` stand under the name of the fact, those of all items together. */
void facts_write(struct core *c, const struct record *r, int64_t rec, const char *place,
                 struct form_part *part);

/* Folds the facts of the mask again, from all records that write them. */
void facts_refold(struct core *c, const char *kind, const char *id, const char *place,
                  const char *subject, int64_t mask);

/* A household or person exists from the first record that names it. */
void facts_mention(struct core *c, const char *kind, const char *id, const char *place,
                   const char *household);

#endif
