/* Derivation: tasks, checks, ledgers, indicators, status messages and village heads, computed by
 * the SQL files of schema/rules, schema/views and schema/status (contract: schema/README.md) from
 * stored records, facts, parameters and the county's date. Nothing here knows the domain.
 * Incremental equals from scratch. Called by the sync thread only. */
#ifndef DERIVE_H
#define DERIVE_H

#include "clock.h"
#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DERIVE_SLICE_MAX 128    /* subjects that a caller should ask of one step */
#define DERIVE_FILES_MAX 160    /* rules, views and status files together */
#define DERIVE_ALL_FORMS_BIT 62 /* in dirty.forms: ask every file */

struct derive;

/* Reads and prepares every file of schema_dir; numbers the forms that headers name (so it writes:
 * not within a transaction). store and clock are kept, county6 (6 digits) is copied. NULL and *e,
 * which names the file, on failure. To reload: create anew, then destroy the old one. */
struct derive *derive_create(struct store *store, const struct clock *clock, const char *schema_dir,
                             const char *county6, struct err *e);
void derive_destroy(struct derive *d);

/* One slice in a transaction of its own: at most subjects_max findings, households and villages
 * from `dirty`, and some of the places that they count in. *ret_more = something is still dirty.
 * false: nothing of the slice happened. */
bool derive_step(struct derive *d, size_t subjects_max, bool *ret_more, struct err *e);

/* To be called between steps while the caller has nothing else to do. Where many entities wait for
 * no more than a new day, a parameter or changed files, a thread with a connection of its own finds
 * out for which of them nothing changes; the next steps leave those out. It writes nothing. */
void derive_scout(struct derive *d);

/* Marks every finding, household, village, township and the county as out of date for all files:
 * after a restore, say. In transactions of its own. */
bool derive_mark_all(struct derive *d, struct err *e);
/* The same, but households only for the files that ask for one of the forms (a mask). */
bool derive_mark_forms(struct derive *d, int64_t forms, struct err *e);
/* The same, but households only for the files that ask for today() and the rules: once a day (the
 * caller keeps meta `derive.day`). */
bool derive_mark_day(struct derive *d, struct err *e);
/* The same, but households only for the files that may read a parameter named at the level `param`
 * of `dirty` (a rule also by its folds). Until everything is derived, such a row stays, with
 * forms = 2. */
bool derive_mark_params(struct derive *d, struct err *e);
/* The same, but households only for the files that changed since everything was derived, and for
 * what files that are gone had made; nothing if none did. */
bool derive_mark_files(struct derive *d, struct err *e);

/* Steps until nothing is dirty. progress (may be NULL) gets how many subjects are done and how
 * many there were. */
typedef void derive_progress(void *ctx, size_t done, size_t total);
bool derive_run(struct derive *d, derive_progress *progress, void *ctx, struct err *e);

/* Finishes what is dirty, derives everything again from nothing, and writes each difference to
 * report (may be NULL), all in a transaction that is rolled back. *ret_same = no difference.
 * Takes seconds on a full county and holds the write lock meanwhile. */
bool derive_check(struct derive *d, FILE *report, bool *ret_same, struct err *e);

/* For tests: the prepared SQL of file `i` in the order of evaluation, and its name; false after
 * the last. */
bool derive_file_sql(const struct derive *d, size_t i, const char **ret_name, const char **ret_sql);

#endif
