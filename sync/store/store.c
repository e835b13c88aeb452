#include "store.h"

#include "hash.h"
#include "statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIGRATION_COUNT 1 /* files in schema/migrations */

extern const char queries_sql[];
extern const char migration_001_sql[];

struct store {
    sqlite3 *db;
    const struct clock *clock;
    struct statements queries;
    struct err err;
    int64_t rev;
    int64_t rev_saved;
    int64_t data_version;
    bool in_transaction; /* between store_begin and store_commit or store_rollback */
    char value[4096];
};

/* ---------------------------------------------------------------- SQL functions */

static void fn_today(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    (void)v;
    const struct store *s = sqlite3_user_data(c);
    char day[11];
    time_local_date(clock_wall_ms(s->clock), day);
    sqlite3_result_text(c, day, 10, SQLITE_TRANSIENT);
}

static void fn_hlc_day(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    char day[11];
    if (sqlite3_value_type(v[0]) == SQLITE_NULL)
        return;
    time_local_date(sqlite3_value_int64(v[0]) >> 16, day);
    sqlite3_result_text(c, day, 10, SQLITE_TRANSIENT);
}

static void fn_unsealed(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    sqlite3_result_value(c, v[0]);
}

static void fn_id_text(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    const unsigned char *b = sqlite3_value_blob(v[0]);
    if (!b || sqlite3_value_bytes(v[0]) != 16)
        return;
    char hex[33];
    char text[37];
    hex_encode(b, 16, hex);
    snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
    sqlite3_result_text(c, text, 36, SQLITE_TRANSIENT);
}

static void fn_sample(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    const unsigned char *text = sqlite3_value_text(v[0]);
    if (!text)
        return;
    unsigned char digest[SHA256_SIZE];
    sha256(text, (size_t)sqlite3_value_bytes(v[0]), digest);
    sqlite3_result_int64(c, (sqlite3_int64)(hash_head64(digest) % 100));
}

static void fn_param(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    struct store *s = sqlite3_user_data(c);
    const char *name = (const char *)sqlite3_value_text(v[0]);
    if (!name)
        return;
    sqlite3_stmt *q = store_query(s, "param_get");
    q_text(q, 1, name);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        sqlite3_result_value(c, sqlite3_column_value(q, 0));
    else if (rc != SQLITE_DONE)
        sqlite3_result_error_code(c, rc); /* or it would count as a parameter without value */
    q_end(q);
}

/* cadre_at(cadre, fact, hlc): what the register said of the cadre when a record of that stamp was
 * written; NULL of whom it never named. */
static void fn_cadre_at(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    struct store *s = sqlite3_user_data(c);
    sqlite3_stmt *q = store_query(s, "cadre_at");
    for (int i = 0; i < 3; i++)
        sqlite3_bind_value(q, i + 1, v[i]);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        sqlite3_result_value(c, sqlite3_column_value(q, 0));
    else if (rc != SQLITE_DONE)
        sqlite3_result_error(c, sqlite3_errmsg(s->db), -1);
    q_end(q);
}

/* id_blob(text): a record id as it stands in the log. */
static void fn_id_blob(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    const char *text = (const char *)sqlite3_value_text(v[0]);
    unsigned char id[16] = {0};
    int digits = 0;
    for (; text && *text; text++) {
        const char *hex = "0123456789abcdef";
        const char *at = strchr(hex, *text);
        if (*text == '-')
            continue;
        if (!at || digits == 32)
            return;
        id[digits / 2] = (unsigned char)((id[digits / 2] << 4) | (at - hex));
        digits++;
    }
    if (digits == 32)
        sqlite3_result_blob(c, id, sizeof id, SQLITE_TRANSIENT);
}

/* mentions(json, word): false if no key or string of the text can be or contain the word, told
 * without taking the text apart. A text with escapes might say any. */
static void fn_mentions(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    const char *text = (const char *)sqlite3_value_text(v[0]);
    const char *word = (const char *)sqlite3_value_text(v[1]);
    if (text && word)
        sqlite3_result_int(c, strstr(text, word) || strchr(text, '\\'));
}

static bool register_functions(struct store *s) {
    static const struct {
        const char *name;
        int args;
        int flags;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"today", 0, SQLITE_DETERMINISTIC, fn_today},
        {"hlc_day", 1, SQLITE_DETERMINISTIC, fn_hlc_day},
        {"unsealed", 1, SQLITE_DETERMINISTIC, fn_unsealed},
        {"id_text", 1, SQLITE_DETERMINISTIC, fn_id_text},
        {"id_blob", 1, SQLITE_DETERMINISTIC, fn_id_blob},
        {"mentions", 2, SQLITE_DETERMINISTIC, fn_mentions},
        {"sample", 1, SQLITE_DETERMINISTIC, fn_sample},
        {"param", 1, SQLITE_DETERMINISTIC, fn_param},
        {"cadre_at", 3, SQLITE_DETERMINISTIC, fn_cadre_at},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (sqlite3_create_function(s->db, functions[i].name, functions[i].args,
                                    SQLITE_UTF8 | functions[i].flags, s, functions[i].fn, NULL,
                                    NULL))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- named statements */

sqlite3_stmt *store_query(struct store *s, const char *name) {
    return statements_get(&s->queries, s->db, name);
}

void q_text(sqlite3_stmt *q, int i, const char *text) {
    sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

void q_text_n(sqlite3_stmt *q, int i, const char *text, size_t size) {
    sqlite3_bind_text64(q, i, text, size, SQLITE_STATIC, SQLITE_UTF8);
}

void q_blob(sqlite3_stmt *q, int i, const void *data, size_t size) {
    sqlite3_bind_blob64(q, i, data, size, SQLITE_STATIC);
}

void q_int(sqlite3_stmt *q, int i, int64_t v) {
    sqlite3_bind_int64(q, i, v);
}

void q_null(sqlite3_stmt *q, int i) {
    sqlite3_bind_null(q, i);
}

const char *q_col(sqlite3_stmt *q, int i) {
    const char *text = (const char *)sqlite3_column_text(q, i);
    return text ? text : "";
}

static void fail(struct store *s, const char *what) {
    int code = sqlite3_errcode(s->db) & 0xff;
    enum err_code kind = code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERR_BUSY
                         : code == SQLITE_FULL                        ? ERR_LIMIT
                                                                      : ERR_IO;
    err_set(&s->err, kind, "database: %s: %.160s", sqlite3_errmsg(s->db), what);
}

/* After a failure nothing more is done in a transaction: SQLite itself may have rolled it back, and
 * then each further statement would be committed by itself. */
static bool is_lost(struct store *s) {
    if (!s->in_transaction)
        return false;
    if (sqlite3_get_autocommit(s->db))
        err_set(&s->err, ERR_IO, "database: the transaction was rolled back");
    return err_is_set(&s->err);
}

bool q_row(struct store *s, sqlite3_stmt *q) {
    if (is_lost(s)) {
        sqlite3_reset(q);
        return false;
    }
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail(s, sqlite3_sql(q));
    sqlite3_reset(q);
    return false;
}

void q_done(struct store *s, sqlite3_stmt *q) {
    while (q_row(s, q))
        ;
}

void q_end(sqlite3_stmt *q) {
    sqlite3_reset(q);
}

void store_exec(struct store *s, const char *sql) {
    if (is_lost(s))
        return;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL))
        fail(s, sql);
}

/* ---------------------------------------------------------------- open */

static int64_t pragma_int(struct store *s, const char *sql) {
    sqlite3_stmt *q = NULL;
    int64_t v = 0;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL)) {
        fail(s, sql);
        return 0;
    }
    if (q_row(s, q))
        v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void migrate(struct store *s, const char *path, enum store_mode mode) {
    int64_t version = pragma_int(s, "PRAGMA user_version");
    if (version > MIGRATION_COUNT || (mode == STORE_READ && version < MIGRATION_COUNT)) {
        err_set(&s->err, ERR_INVALID, "%s: database version %lld, this program reads %d", path,
                (long long)version, MIGRATION_COUNT);
        return;
    }
    static const char *const migrations[] = {migration_001_sql};
    for (int64_t i = version; i < MIGRATION_COUNT && !err_is_set(&s->err); i++) {
        char done[64];
        snprintf(done, sizeof done, "PRAGMA user_version = %lld; COMMIT", (long long)i + 1);
        store_exec(s, "BEGIN IMMEDIATE");
        store_exec(s, migrations[i]);
        store_exec(s, err_is_set(&s->err) ? "ROLLBACK" : done);
    }
}

static void load_rev(struct store *s) {
    s->rev = strtoll(store_meta(s, "rev"), NULL, 10);
    s->rev_saved = s->rev;
}

static bool open_file(struct store *s, const char *path, enum store_mode mode, struct err *e) {
    int flags = mode == STORE_READ     ? SQLITE_OPEN_READONLY
                : mode == STORE_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                       : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL))
        return err_set(e, ERR_IO, "%s: %s", path, s->db ? sqlite3_errmsg(s->db) : "out of memory");
    sqlite3_busy_timeout(s->db, 20000);
    if (!register_functions(s))
        return err_set(e, ERR_BUG, "%s: %s", path, sqlite3_errmsg(s->db));
    if (mode == STORE_CREATE && pragma_int(s, "PRAGMA user_version") != 0)
        return err_set(e, ERR_INVALID, "%s: exists already", path);
    if (mode != STORE_READ)
        store_exec(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA wal_autocheckpoint = 20000; PRAGMA journal_size_limit = 134217728");
    /* What is deleted is overwritten where that costs no page more: Debian's default reads and
     * writes each page that becomes free. */
    store_exec(s, "PRAGMA cache_size = -12000; PRAGMA temp_store = MEMORY;"
                  "PRAGMA secure_delete = FAST;"
                  "PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF");
    migrate(s, path, mode);
    return store_take_error(s, e);
}

struct store *store_open(const char *path, enum store_mode mode, const struct clock *clock,
                         struct err *e) {
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    s->clock = clock;
    statements_init(&s->queries, queries_sql);
    if (!open_file(s, path, mode, e)) {
        store_close(s);
        return NULL;
    }
    load_rev(s);
    s->data_version = pragma_int(s, "PRAGMA data_version");
    return s;
}

void store_close(struct store *s) {
    if (!s)
        return;
    statements_fini(&s->queries);
    sqlite3_close(s->db);
    free(s);
}

sqlite3 *store_db(struct store *s) {
    return s->db;
}

/* ---------------------------------------------------------------- transactions */

bool store_begin(struct store *s, struct err *e) {
    s->err.code = ERR_NONE;
    store_exec(s, "BEGIN IMMEDIATE");
    if (!err_is_set(&s->err)) {
        s->in_transaction = true;
        load_rev(s);
    }
    if (err_is_set(&s->err))
        store_rollback(s);
    return store_take_error(s, e);
}

bool store_commit(struct store *s, struct err *e) {
    if (!err_is_set(&s->err) && s->rev != s->rev_saved) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)s->rev);
        store_set_meta(s, "rev", text);
    }
    if (!err_is_set(&s->err))
        store_exec(s, "COMMIT");
    if (err_is_set(&s->err)) {
        store_rollback(s);
        return store_take_error(s, e);
    }
    s->in_transaction = false;
    s->rev_saved = s->rev;
    return true;
}

void store_rollback(struct store *s) {
    s->in_transaction = false;
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->rev = s->rev_saved;
}

bool store_failed(const struct store *s) {
    return err_is_set(&s->err);
}

bool store_take_error(struct store *s, struct err *e) {
    if (!err_is_set(&s->err))
        return true;
    err_set(e, s->err.code, "%s", s->err.msg);
    s->err.code = ERR_NONE;
    return false;
}

int64_t store_next_rev(struct store *s) {
    return ++s->rev;
}

int64_t store_rev(struct store *s) {
    return s->rev;
}

bool store_changed_elsewhere(struct store *s) {
    sqlite3_stmt *q = store_query(s, "data_version");
    int64_t version = s->data_version;
    while (q_row(s, q))
        version = sqlite3_column_int64(q, 0);
    bool changed = version != s->data_version;
    s->data_version = version;
    return changed;
}

/* ---------------------------------------------------------------- small rows */

static const char *value_of(struct store *s, const char *query, const char *name) {
    sqlite3_stmt *q = store_query(s, query);
    q_text(q, 1, name);
    s->value[0] = '\0';
    while (q_row(s, q))
        snprintf(s->value, sizeof s->value, "%s", q_col(q, 0));
    return s->value;
}

static void set_value(struct store *s, const char *query, const char *name, const char *value) {
    sqlite3_stmt *q = store_query(s, query);
    q_text(q, 1, name);
    q_text(q, 2, value);
    q_done(s, q);
}

const char *store_meta(struct store *s, const char *name) {
    return value_of(s, "meta_get", name);
}

void store_set_meta(struct store *s, const char *name, const char *value) {
    set_value(s, "meta_set", name, value);
}

const char *store_param(struct store *s, const char *name) {
    return value_of(s, "param_get", name);
}

void store_set_param(struct store *s, const char *name, const char *value) {
    set_value(s, "param_set", name, value);
}

bool store_knows(struct store *s, const char *kind, const char *id) {
    sqlite3_stmt *q = store_query(s, "entity_known");
    q_text(q, 1, kind);
    q_text(q, 2, id);
    bool known = q_row(s, q);
    q_end(q);
    return known;
}

void store_dirty(struct store *s, const char *level, const char *id, int64_t form_mask) {
    sqlite3_stmt *q = store_query(s, "dirty_add");
    q_text(q, 1, level);
    q_text(q, 2, id);
    q_int(q, 3, form_mask);
    q_done(s, q);
}
