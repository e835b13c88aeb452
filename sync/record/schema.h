/* JSON Schema 2020-12: compiled once into a compact program, then run over jansson values.
 *
 * Vocabulary: core within the document ($id, $anchor, $ref, $defs; embedded resources),
 * applicator, unevaluated and validation; `format` for date, date-time, uuid and regex, the other
 * formats being annotations. No remote and no dynamic references. Patterns are ECMA-262 (regex.h).
 *
 * Two annotations of our own shape the sentences:
 *   "x-label": {"zh": …, "en": …}   what people call the value that the subschema describes;
 *   "x-error": {"zh": …, "en": …, "name": …, "code": …}   one problem with these sentences takes
 *       the place of everything that the subschema would report. `name` and `code` are optional.
 *
 * Errors of schema_compile are ERR_USAGE and begin with the JSON Pointer of the keyword. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "err.h"
#include "problem.h"

#include <jansson.h>

#define SCHEMA_ASSERT_FORMAT 1u /* formats are assertions; without it they are annotations */

#define SCHEMA_NODES_MAX 16384    /* subschemas of a schema */
#define SCHEMA_NESTING_MAX 256    /* nesting of subschemas in the schema document */
#define SCHEMA_DEPTH_MAX 512      /* subschemas being evaluated within one another */
#define SCHEMA_STEPS_MAX 4000000u /* subschemas, members and comparisons of one validation */
#define SCHEMA_PATTERN_STEPS_MAX 2000000u /* cost of all its patterns, see regex.h */

struct schema;     /* immutable, may be shared by threads */
struct schema_run; /* working memory of a validation; one per thread, for any schema */

/* NULL and the error if the schema is unusable. Keeps no reference to root. */
struct schema *schema_compile(const json_t *root, unsigned flags, struct err *e);
void schema_destroy(struct schema *s);

/* About 14 MiB of address space, touched only as far as it is needed. Aborts without memory. */
struct schema_run *schema_run_create(void);
void schema_run_destroy(struct schema_run *r);

/* True if the instance is valid; then nothing was allocated. Otherwise every error is appended to
 * out, at path_prefix followed by the JSON Pointer. With out NULL it stops at the first error.
 * An instance that is too deep, too large or too costly to check is not valid. */
bool schema_validate(const struct schema *s, struct schema_run *r, const json_t *instance,
                     const char *path_prefix, struct problems *out);

#endif
