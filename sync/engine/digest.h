/* The merged state as one hash: two servers that stored the same records say the same. */
#ifndef DIGEST_H
#define DIGEST_H

#include "core.h"
#include "hash.h"

/* SHA-256 (hex) over current records, facts and conflicts in canonical form (protocol §7). False
 * if the database failed. */
bool digest_state(struct core *c, char out[SHA256_HEX_SIZE], struct err *e);

/* SHA-256 over everything that merge derives: also replaced records, places, assignments. For
 * `rebuild --check`. */
bool digest_derived(struct core *c, char out[SHA256_HEX_SIZE], struct err *e);

#endif
