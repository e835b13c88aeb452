/* Collects the outcomes of a transaction by device and path, and writes them to the outbox in the
 * same transaction: a receipt is published only after what it says is on disk, and is not lost by
 * a crash in between (protocol §6). Sync thread only. */
#ifndef RECEIPTS_H
#define RECEIPTS_H

#include "core.h"
#include "problem.h"

struct receipts;

struct receipts *receipts_create(struct core *c);
void receipts_destroy(struct receipts *r);

struct receipt {
    const char *id; /* "" = none: null on the wire */
    int64_t seq;    /* 0 = none */
    const char *outcome;
    const char *was;               /* of a duplicate, else NULL */
    int64_t hlc;                   /* of a duplicate: the stored stamp; else 0 */
    const struct problems *errors; /* or warnings of `stored`; NULL or empty = none */
    const char *problems_json;     /* the same as text read back from the log, or NULL */
    const char *code;              /* of a stored secret record (secret.h), else NULL */
    int64_t after_ms;              /* of `retry`, else 0 */
    const char *payload_hash;      /* of a refused payload, else NULL */
};

/* Adds one for what came on this path (via "" = directly). */
void receipts_add(struct receipts *r, const char *device, const char *via,
                  const struct receipt *receipt);

/* A sequence number of the device now has an outcome; false if it had one already. */
bool receipts_seq(struct receipts *r, const char *device, int64_t seq);
/* What the phone says of its outbox. */
void receipts_pending(struct receipts *r, const char *device, int64_t pending);

/* Writes everything collected to the outbox and to device_seq. Call before the commit. */
void receipts_flush(struct receipts *r);
/* After a rollback: forgets everything. */
void receipts_forget(struct receipts *r);

#endif
