/* Which records have effect: chains of amendments, withdrawals and restores, acts outside the
 * author's area (protocol §5, §7). Sync thread only, inside a transaction. */
#ifndef CHAIN_H
#define CHAIN_H

#include "logged.h"

/* Called for each record whose effect changed; the row is already updated. */
typedef void chain_changed(struct core *c, const struct logged *r);

/* Recomputes the effect of every record linked to this one by `amends`; does nothing if the log
 * has not stored it. */
void chain_settle(struct core *c, const unsigned char id[16], chain_changed *changed);

#endif
