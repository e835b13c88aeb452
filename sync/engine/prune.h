/* What nobody can need any more is deleted, in bounded slices: rows that tell the feed what readers
 * could see once (`feed_left`, removed `scope`), `feed.keep_days` days after it changed, and
 * refused payloads `refusal.keep_days` days after they came. A parameter without value keeps for
 * ever. A pull cursor that is older begins anew. Sync thread only. */
#ifndef PRUNE_H
#define PRUNE_H

#include "core.h"

/* Rows deleted of each table in one transaction. */
#define PRUNE_ROWS_MAX 500

/* Remembers which changes came before this day. Inside a transaction; failures stick to the store.
 */
void prune_note_day(struct core *c, const char *day);

/* One slice, a transaction of its own. *ret_more: there may be more to delete. */
bool prune_slice(struct core *c, bool *ret_more, struct err *e);

#endif
