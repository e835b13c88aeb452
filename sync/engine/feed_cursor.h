/* The pull cursor: how far one device is with one set of kinds. Opaque to phones, and not trusted:
 * what a device may read is decided anew for every page, so a forged cursor only harms its owner.
 *
 * Positions are keys: change number × 8 + source, because one change number may stand in several
 * sources (feed_rows.h). */
#ifndef FEED_CURSOR_H
#define FEED_CURSOR_H

#include "bounds.h"

#include <stdbool.h>
#include <stdint.h>

/* What the next page begins with. */
enum feed_phase {
    FEED_NEW,     /* rows changed after `upto` */
    FEED_REMOVED, /* scope changes in (scope, target]: what the removed items held */
    FEED_ADDED,   /* the same: what the added items hold, up to `upto` */
    FEED_AGED     /* records with stamps in [cutoff, target): no longer kept on phones */
};

struct feed_cursor {
    uint32_t epoch; /* first 8 digits of the epoch */
    uint32_t view;  /* what the reader may see of a row, hashed */
    uint32_t kinds; /* bits of enum feed_kind */
    int64_t role;   /* change at which the reader's roles came */
    int64_t scope;  /* scope changes up to this one are dealt with */
    int64_t upto;   /* key: rows of the items of that scope are complete up to here */
    int64_t quiet;  /* change number of the first page: what was gone by then was never sent */
    int64_t cutoff; /* records with smaller stamps are not on the phone */
    unsigned phase; /* enum feed_phase */
    int64_t target; /* of the phase */
    int64_t at;     /* key: position within the phase; FEED_NEW uses `upto` */
};

void feed_cursor_write(const struct feed_cursor *c, char out[CURSOR_SIZE_MAX + 1]);
/* False unless text is exactly what feed_cursor_write makes of some cursor. */
bool feed_cursor_read(const char *text, struct feed_cursor *ret);

#endif
