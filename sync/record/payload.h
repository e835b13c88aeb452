/* From the bytes of a PUBLISH to JSON text: plain, or one zlib stream (protocol §2). */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Appends the expanded text to `out` (its limit should be PAYLOAD_EXPANDED_SIZE_MAX). On failure
 * *ret_code is "malformed" or "too_large". */
bool payload_expand(const void *data, size_t size, struct buf *out, const char **ret_code);

/* One zlib stream of the text; false if memory or the limit of `out` ran out. */
bool payload_compress(const void *data, size_t size, struct buf *out);

/* Compact text with sorted keys; reals in the shortest form of up to 17 digits that all of them
 * survive. The caller frees it; aborts out of memory. */
char *payload_dump(const json_t *v);

/* Parses I-JSON: an object, unique keys, valid UTF-8. NULL = malformed. */
json_t *payload_parse(const char *text, size_t size);

#endif
