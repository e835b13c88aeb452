/* Which records have effect: chains of amendments, withdrawals and restores, acts outside the
 * author's area (protocol §5, §7). Sync thread only, inside a transaction. */
#ifndef CHAIN_H
#define CHAIN_H

#include "logged.h"

/* Called for each record whose effect changed; the row is already updated. */
typedef void chain_changed(struct core *c, const struct logged *r);

/* A record that was just stored joins what it is linked with, at a cost that does not grow with the
 * chain: if it is an end of one chain, what others say about it is not to be looked at, and the
 * effects of that chain are settled. Else false, and nothing is done: chain_settle. */
bool chain_join(struct core *c, const unsigned char id[16], chain_changed *changed);

/* True unless the record's own link counts: each chain has one such record. */
bool chain_begins(struct core *c, const unsigned char id[16]);

/* Recomputes the effect of every record linked to this one by `amends`; does nothing if the log
 * has not stored it. */
void chain_settle(struct core *c, const unsigned char id[16], chain_changed *changed);

#endif
