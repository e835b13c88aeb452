/* Imports write records too, as author `zoufang`, through the same pipeline as phones. */
#ifndef IMPORT_H
#define IMPORT_H

#include "core.h"
#include "problem.h"

struct import;

/* Begins a transaction. Everything added is on disk at import_commit, or nothing is. Between
 * begin and commit the core is not used for anything else. */
struct import *import_begin(struct core *c, struct err *e);

/* Writes one record: form (newest version), subject, stamp (ms since the epoch; several records
 * may share it), data (JSON text of an object). false = not stored: *ret says why, with paths
 * below /data; the transaction can still be committed without it. */
bool import_add(struct import *i, const char *form, const char *subject, int64_t stamp_ms,
                const char *data, size_t data_size, struct problems *ret);

/* Commits or, where anything failed in the database, rolls back. Destroys i. */
bool import_commit(struct import *i, struct err *e);
void import_rollback(struct import *i); /* destroys i */

#endif
