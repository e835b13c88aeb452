/* A file of named SQL statements: lines "-- name: NAME", each followed by what it names. Not shared
 * between threads. */
#ifndef STATEMENTS_H
#define STATEMENTS_H

#include "strmap.h"

#include <sqlite3.h>
#include <stddef.h>

#define STATEMENTS_MAX 160 /* in one file */

struct statement {
    const char *sql; /* into the file's text, not terminated */
    size_t sql_size;
    sqlite3_stmt *stmt; /* NULL before its first use */
};

struct statements {
    struct statement list[STATEMENTS_MAX];
    size_t count;
    struct strmap by_name;
};

/* `text` must outlive it. More than STATEMENTS_MAX are a bug: aborts. */
void statements_init(struct statements *s, const char *text);
/* Before its connection is closed. */
void statements_fini(struct statements *s);

/* An unknown name is a bug: aborts. */
struct statement *statements_find(struct statements *s, const char *name);
/* Prepared for this connection at the first use and kept. A statement that cannot be prepared is a
 * bug: aborts. */
sqlite3_stmt *statements_get(struct statements *s, sqlite3 *db, const char *name);

#endif
