/* The pull (protocol §8): what phones may read, page by page, as the latest state of each row in
 * the order of changes.
 *
 * What a device may read is its rows in the table `scope` (scope.h): where, by which roles, for
 * which units. A page is computed from one snapshot of the database and the request's cursor alone;
 * the server keeps nothing about a phone's copy. A phone that applied every page of a pull up to
 * `more: false` holds exactly the rows of its scope that it may see, and the page's digest says so.
 *
 * What it relies on: every change of a row that is sent gives it a new, unique `rev`; see the end
 * of 001.sql for what else. When roles, access.json, the classes of facts or forms, or the epoch
 * changed, or the limit of age went back, or the cursor is older than what was pruned, the answer
 * begins anew
 * (`reset`).
 *
 * Sync thread only. */
#ifndef FEED_H
#define FEED_H

#include "buf.h"
#include "core.h"

#define FEED_PAGE_BUF_SIZE (1024u * 1024) /* limit for the buffers below: never reached */

struct feed;

/* Reads access.json. The core must outlive it. NULL and *e on failure. */
struct feed *feed_create(struct core *c, struct err *e);
void feed_destroy(struct feed *f);
/* After core_reload, always. The old access rules stay in force if the new ones do not load. */
bool feed_reload(struct feed *f, struct err *e);

/* Appends the answer to a pull request as it came (plain or zlib): a page, or the refusal of a
 * request that cannot be read. *ret_zlib: the phone asked for zlib (payload_compress). Not inside a
 * transaction. False and *e if the database failed or memory did: what was appended is not to be
 * sent, the phone gets feed_refuse_busy. */
bool feed_answer(struct feed *f, const char *device, const void *payload, size_t size,
                 struct buf *out, bool *ret_zlib, struct err *e);

/* Appends the refusal of a request whose Response Topic is not the device's own. */
void feed_refuse_topic(const void *payload, size_t size, struct buf *out);

/* Appends the refusal of a request that cannot be answered now: the phone asks again. Needs no
 * database. */
void feed_refuse_busy(const void *payload, size_t size, struct buf *out);

/* After rows were deleted or made anew (rebuild): every phone begins from nothing at its next pull.
 * Inside that transaction. */
void feed_begin_anew(struct store *s);

/* Appends the page that tells the device that its scope or role changed: no changes, more to
 * come. Inside a transaction or not. */
bool feed_scope_page(struct feed *f, const char *device, struct buf *out, struct err *e);

#endif
