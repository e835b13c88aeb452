/* The SQL files of schema/ledgers and schema/bulletin: SELECTs over what was derived, which a
 * county may change. A file begins with comment lines "-- key: value"; it may hold several SELECTs.
 * They may use what rules may (schema/README.md), and temp.code(list, code, zh), the code lists. */
#ifndef REPORT_H
#define REPORT_H

#include "err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define REPORT_NAME_SIZE 64
#define REPORT_FILES_MAX 64

struct report {
    char path[1024];
    char *text;       /* owned */
    const char *rest; /* SELECTs that report_next has not given yet */
};

/* Reads schema_dir/folder/name.sql. ERR_IO; ERR_USAGE: too large. report_fini frees it, needed only
 * after true. */
bool report_read(const char *schema_dir, const char *folder, const char *name, struct report *ret,
                 struct err *e);
void report_fini(struct report *r);
/* The value of the header line "-- key: …"; false, and out is "", if there is none, or if it does
 * not fit (ERR_USAGE). */
bool report_header(const struct report *r, const char *key, char *out, size_t size, struct err *e);
/* The next SELECT, prepared; NULL at the end, and on failure (ERR_USAGE, which names the file): it
 * does not compile, or would write. The caller finalizes it. */
sqlite3_stmt *report_next(struct report *r, sqlite3 *db, struct err *e);
/* Whether report_next has given every SELECT; if not, ERR_USAGE. */
bool report_ended(struct report *r, sqlite3 *db, struct err *e);

/* Names of the files of a folder, without .sql, in their order; returns how many. 0: ERR_IO;
 * ERR_USAGE, there are none, or too many, or one's name is too long. */
size_t report_names(const char *schema_dir, const char *folder,
                    char ret[REPORT_FILES_MAX][REPORT_NAME_SIZE], struct err *e);
/* Fills temp.code from schema_dir/codes.json. ERR_IO; ERR_USAGE: too large, or not JSON. */
bool report_codes(sqlite3 *db, const char *schema_dir, struct err *e);
/* Runs statements without results. ERR_IO. */
bool report_exec(sqlite3 *db, const char *sql, struct err *e);

#endif
