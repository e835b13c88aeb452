/* The JSON of one change: protocol §8 `changes`. Used by feed.c alone. */
#ifndef FEED_DOC_H
#define FEED_DOC_H

#include "feed_rows.h"

/* Reads access.json of the schema folder and the catalogue's classes. Replaces *access only if that
 * worked. */
bool feed_access_load(struct feed_access *access, const struct core *c, struct err *e);
void feed_access_fini(struct feed_access *access);

/* Appends the object: the row as this reader may see it, or what became of it. */
void feed_change_write(struct feed_reader *r, const struct feed_change *change, struct buf *out);

#endif
