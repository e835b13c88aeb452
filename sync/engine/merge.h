/* What a stored record changes (protocol §7): amendments, withdrawals, facts, assignments. The
 * result is a function of the set of stored records, whatever the order in which they came.
 * Sync thread only, inside a transaction; failures stick to the store. */
#ifndef MERGE_H
#define MERGE_H

#include "core.h"
#include "envelope.h"
#include "place.h"

enum merge_what {
    MERGE_NEW,      /* just written to the log as stored */
    MERGE_RELEASED, /* held until now */
    MERGE_AGAIN     /* merge_rebuild: the log has everything already */
};

/* After the record became stored. */
void merge_stored(struct core *c, const struct record *r, int64_t rec, const struct place *where,
                  enum merge_what what);

/* True if some record that came before names this one. */
bool merge_awaited(struct core *c, const unsigned char id[16]);

/* Recomputes everything that merge derives from the log, in the order of record ids. progress may
 * be NULL. */
void merge_rebuild(struct core *c, void (*progress)(size_t done));

#endif
