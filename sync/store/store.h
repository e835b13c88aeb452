/* A narrow interface over one SQLite file (WAL, synchronous=FULL). One struct store belongs to one
 * thread; other processes may open the same file beside it. */
#ifndef STORE_H
#define STORE_H

#include "clock.h"
#include "err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_mode {
    STORE_EXISTING, /* the file must be there */
    STORE_CREATE,   /* the file must not be there */
    STORE_READ      /* read-only */
};

/* Opens, migrates to the program's version (not for STORE_READ, which refuses an older file) and
 * registers the SQL functions of schema/README.md. clock is kept: today() asks it. NULL and *e on
 * failure. */
struct store *store_open(const char *path, enum store_mode mode, const struct clock *clock,
                         struct err *e);
void store_close(struct store *s);

/* For connections of the server that only read: their pages come from the system's cache. */
#define STORE_READERS_CACHE "PRAGMA cache_size = -4000"

sqlite3 *store_db(struct store *s);

/* The statement that queries.sql names; prepared at the first use and kept. An unknown name is a
 * bug and aborts. The store owns it. */
sqlite3_stmt *store_query(struct store *s, const char *name);

/* Binding and stepping. Texts must live until the next step. `size` -1 = NUL-terminated. */
void q_text(sqlite3_stmt *q, int i, const char *text);
void q_text_n(sqlite3_stmt *q, int i, const char *text, size_t size);
void q_blob(sqlite3_stmt *q, int i, const void *data, size_t size);
void q_int(sqlite3_stmt *q, int i, int64_t v);
void q_null(sqlite3_stmt *q, int i);
/* Text of a column, "" for NULL; valid until the next step or reset. */
const char *q_col(sqlite3_stmt *q, int i);

/* Steps: true while there is a row. At the end and on failure the statement is reset; a failure
 * goes to the store's sticky error. */
bool q_row(struct store *s, sqlite3_stmt *q);
/* Runs to the end, discarding rows. */
void q_done(struct store *s, sqlite3_stmt *q);
/* Resets after a q_row loop that was left early. */
void q_end(sqlite3_stmt *q);
void store_exec(struct store *s, const char *sql);

/* A write transaction with a sticky error: whatever failed in between, store_commit rolls back and
 * says so once. store_begin takes the write lock and is false if that failed. */
bool store_begin(struct store *s, struct err *e);
bool store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);
/* What went wrong since store_begin (or the last store_take_error), if anything. */
bool store_failed(const struct store *s);
bool store_take_error(struct store *s, struct err *e); /* true if there was none */

/* The next change number; persistent from the commit on. Only inside a transaction. */
int64_t store_next_rev(struct store *s);
/* The last one given. */
int64_t store_rev(struct store *s);

/* True if another connection changed the file since the last call: caches are stale. */
bool store_changed_elsewhere(struct store *s);

/* meta and param rows. store_meta returns "" when absent; valid until the next call. */
const char *store_meta(struct store *s, const char *name);
void store_set_meta(struct store *s, const char *name, const char *value);
const char *store_param(struct store *s, const char *name);
void store_set_param(struct store *s, const char *name, const char *value); /* NULL = unset */

/* True if an entity of that kind and id is there, whatever it says: told by the index alone, its
 * row is not read. */
bool store_knows(struct store *s, const char *kind, const char *id);

/* Marks a subject's derived state as out of date for a form (bit of the `form` table). */
void store_dirty(struct store *s, const char *level, const char *id, int64_t form_mask);

#endif
