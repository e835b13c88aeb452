/* What each device may read: the table `scope`, computed from the register and the assignments of
 * the device's authors.
 *
 * Items are prefixes of division codes (6 digits a county, 9 a town, 12 a village) and ids of
 * households; no item lies inside another. One more row says what the device is: "role:" and its
 * roles, ";" and its units ("role:HL+VO;U-012"). Each row carries the change number at which it
 * came and, once it is gone, at which it went. Sync thread only. */
#ifndef SCOPE_H
#define SCOPE_H

#include "core.h"

#define SCOPE_ROLE "role:" /* begins the row of roles and units */

/* Computes the device's items as of today and writes what changed. Inside a transaction; failures
 * stick to the store (then false). *ret_changed: an item came or went; *ret_role_changed: roles or
 * units did. A revoked or unknown device has nothing. */
bool scope_refresh(struct core *c, const char *device, bool *ret_changed, bool *ret_role_changed);

/* The same for all devices; `changed` is called for each of which items, roles or units changed.
 * Once a day, and when register, assignments or enrolment changed without saying whose. */
bool scope_refresh_all(struct core *c, void (*changed)(void *ctx, const char *device), void *ctx);

/* The places that the broker lets the device read, each once, as codes of 12 digits: villages that
 * contain anything of its scope; for a town or the county as a whole that one's own code. The
 * township of a village is not named besides. */
void scope_places(struct core *c, const char *device, void (*place)(void *ctx, const char *code),
                  void *ctx);

/* Digits of a division code that matter: 6, 9 or 12. */
size_t scope_code_size(const char *code);
/* True if the item (not a role row) contains a row of this place and subject. */
bool scope_item_covers(const char *item, const char *place, const char *subject);
/* True if the item is the prefix of a division code. */
bool scope_item_is_code(const char *item);

#endif
