/* The way of a record (protocol §5): known, form, data, clock, authority, log, merge, receipt.
 * Sync thread only, inside a transaction of the core. */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "core.h"
#include "envelope.h"
#include "metrics.h"
#include "place.h"
#include "receipts.h"

struct pipeline {
    struct core *core;
    struct receipts *receipts;
    struct metrics *metrics; /* may be NULL */
};

/* Takes one decoded envelope: every record gets an outcome, the receipts are collected. Returns the
 * number of records that figures and the log may tell of: none that is secret. */
size_t pipeline_take(struct pipeline *p, struct envelope *v);

/* Step 7 for a record that fits: adds what holds it to `missing`; true if nothing does. */
bool pipeline_authorised(struct pipeline *p, const char *device, const char *via,
                         const struct record *r, const struct place *where,
                         struct problems *missing);

/* Looks again at the held records that rows of `dirty` name at the level "held" ('' = all of them,
 * a record, a cadre whose authority changed), takes those rows away and queues receipts for new
 * outcomes. One call takes so many rows; of a row that names everything, all that waits. Call it
 * until it is false: there were none. */
bool pipeline_review_held(struct pipeline *p);

#endif
