/* zoufang digest, rebuild, check, backup, restore: the county's state as a whole. */
#include "app.h"
#include "commands.h"
#include "conf.h"
#include "derive.h"
#include "digest.h"
#include "enrol.h"
#include "feed.h"
#include "merge.h"
#include "running.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one argument besides common options; NULL (and a usage error said) if there is not one. */
static const char *only_argument(struct app *a, const char *what) {
    if (a->argc == 2 && a->argv[1][0] != '-')
        return a->argv[1];
    app_usage(a, "%s is missing", what);
    return NULL;
}

/* ---------------------------------------------------------------- digest */

int cmd_digest(struct app *a) {
    char digest[SHA256_HEX_SIZE];
    struct err e = {0};
    int status;
    if (a->argc > 1)
        return app_usage(a, "unexpected '%s'", a->argv[1]);
    struct core *c = app_open_core(a, &status);
    if (!c)
        return status;
    if (!digest_state(c, digest, &e))
        status = app_fail(a, &e);
    else if (a->json)
        printf("{\"digest\":\"%s\",\"epoch\":\"%s\"}\n", digest, c->epoch);
    else
        puts(digest);
    core_close(c);
    return status;
}

/* ---------------------------------------------------------------- rebuild */

static size_t record_total;

static void show_records(size_t done) {
    app_progress("records", done, record_total);
}

static void show_subjects(void *ctx, size_t done, size_t total) {
    (void)ctx;
    app_progress("subjects", done, total);
}

static void count_records(struct core *c) {
    sqlite3_stmt *q = store_query(c->store, "record_count");
    while (q_row(c->store, q))
        record_total = (size_t)sqlite3_column_int64(q, 0);
}

/* Merges all records again inside a transaction that is rolled back, and compares. */
static bool check_merge(struct core *c, bool *ret_same, struct err *e) {
    char before[SHA256_HEX_SIZE];
    char after[SHA256_HEX_SIZE];
    if (!core_begin(c, e))
        return false;
    bool ok = digest_derived(c, before, e);
    if (ok)
        merge_rebuild(c, show_records);
    ok = ok && !store_failed(c->store) && digest_derived(c, after, e);
    core_rollback(c);
    ok = store_take_error(c->store, e) && ok;
    *ret_same = ok && strcmp(before, after) == 0;
    return ok;
}

static bool rebuild(struct core *c, struct derive *d, struct err *e) {
    if (!core_begin(c, e))
        return false;
    merge_rebuild(c, show_records);
    feed_begin_anew(c->store);
    return core_commit(c, e) && derive_mark_all(d, e) && derive_run(d, show_subjects, NULL, e);
}

/* Compares as of the day that was last derived: later days ask for other tasks. */
static void set_clock_to_derived(struct app *a, struct core *c) {
    char noon[40];
    int64_t ms;
    snprintf(noon, sizeof noon, "%.10sT12:00:00+08:00", store_meta(c->store, "derive.day"));
    if (!a->clock_given && time_parse(noon, strlen(noon), &ms))
        system_clock_start_at(&a->system_clock, ms);
}

static int check_all(struct app *a, struct core *c, struct derive *d, struct err *e) {
    bool merge_same = false;
    bool derive_same = false;
    if (!check_merge(c, &merge_same, e) || !derive_check(d, stdout, &derive_same, e))
        return app_fail(a, e);
    printf("merge: %s\nderivation: %s\n", merge_same ? "same" : "DIFFERS",
           derive_same ? "same" : "DIFFERS");
    return merge_same && derive_same ? 0 : 1;
}

int cmd_rebuild(struct app *a) {
    struct err e = {0};
    int status;
    bool check = a->argc == 2 && strcmp(a->argv[1], "--check") == 0;
    if (a->argc > 1 && !check)
        return app_usage(a, "unexpected '%s'", a->argv[1]);
    struct core *c = app_open_core(a, &status);
    if (!c)
        return status;
    count_records(c);
    if (check)
        set_clock_to_derived(a, c);
    struct derive *d = derive_create(c->store, &a->clock, a->schema_dir, c->county, &e);
    if (!d)
        status = app_fail(a, &e);
    else if (check)
        status = check_all(a, c, d, &e);
    else if (!rebuild(c, d, &e))
        status = app_fail(a, &e);
    derive_destroy(d);
    core_close(c);
    return status;
}

/* ---------------------------------------------------------------- check */

static bool integrity(struct core *c, struct err *e) {
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(store_db(c->store), "PRAGMA integrity_check", -1, &q, NULL) ==
                  SQLITE_OK &&
              sqlite3_step(q) == SQLITE_ROW && strcmp(q_col(q, 0), "ok") == 0;
    if (!ok)
        err_set(e, ERR_INVALID, "database: %s", q ? q_col(q, 0) : "cannot be read");
    sqlite3_finalize(q);
    return ok;
}

/* Everything that serve would load, without serving. */
static bool check_parts(struct app *a, struct core *c, struct err *e) {
    struct conf conf;
    if (!conf_load(a->dir, &conf, e))
        return false;
    puts("configuration: ok");
    if (!integrity(c, e))
        return false;
    puts("database: ok");
    struct derive *d = derive_create(c->store, &a->clock, a->schema_dir, c->county, e);
    struct feed *f = d ? feed_create(c, e) : NULL;
    if (f)
        printf("forms, rules, views: ok, %zu form versions\n", form_count(c->catalog));
    feed_destroy(f);
    derive_destroy(d);
    return f != NULL;
}

int cmd_check(struct app *a) {
    struct err e = {0};
    struct running r;
    int status;
    bool online = a->argc == 2 && strcmp(a->argv[1], "--online") == 0;
    if (a->argc > 1 && !online)
        return app_usage(a, "unexpected '%s'", a->argv[1]);
    if (online && a->dir) {
        bool runs = running_read(a->dir, &r);
        puts(runs ? "server: running" : "server: not running");
        return runs ? 0 : 3;
    }
    struct core *c = app_open_core(a, &status);
    if (!c)
        return status;
    if (!check_parts(a, c, &e))
        status = app_fail(a, &e);
    core_close(c);
    return status;
}

/* ---------------------------------------------------------------- backup and restore */

/* Copies a database with SQLite's online backup: consistent while the server writes. */
static bool copy_database(const char *from, const char *to, struct err *e) {
    sqlite3 *source = NULL;
    sqlite3 *target = NULL;
    sqlite3_backup *b = NULL;
    bool ok = sqlite3_open_v2(from, &source, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
              sqlite3_open(to, &target) == SQLITE_OK;
    if (!ok) {
        err_set(e, ERR_IO, "%s: %s", source && sqlite3_errcode(source) ? from : to,
                sqlite3_errmsg(source && sqlite3_errcode(source) ? source : target));
    } else {
        sqlite3_busy_timeout(source, 20000);
        b = sqlite3_backup_init(target, "main", source, "main");
        int rc;
        while ((rc = b ? sqlite3_backup_step(b, 2000) : SQLITE_ERROR) == SQLITE_OK)
            app_progress("pages",
                         (size_t)(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b)),
                         (size_t)sqlite3_backup_pagecount(b));
        ok = rc == SQLITE_DONE;
        sqlite3_backup_finish(b);
        ok = ok && sqlite3_exec(target, "PRAGMA journal_mode = DELETE", 0, 0, 0) == SQLITE_OK;
        if (!ok)
            err_set(e, ERR_IO, "%s: %s", to, sqlite3_errmsg(target));
    }
    sqlite3_close(target);
    sqlite3_close(source);
    return ok;
}

int cmd_backup(struct app *a) {
    char from[1024];
    char tmp[1024];
    struct err e = {0};
    const char *file = only_argument(a, "the file to write");
    if (!file)
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    snprintf(from, sizeof from, "%s/zoufang.db", a->dir);
    snprintf(tmp, sizeof tmp, "%s.tmp", file);
    unlink(tmp);
    if (access(file, F_OK) == 0)
        err_set(&e, ERR_INVALID, "%s: exists already", file);
    else if (copy_database(from, tmp, &e) && rename(tmp, file) != 0)
        err_set(&e, ERR_IO, "%s: %s", file, strerror(errno));
    if (err_is_set(&e)) {
        unlink(tmp);
        return app_fail(a, &e);
    }
    printf("%s\n", file);
    return 0;
}

/* The database that is there is kept beside the new one. */
static bool put_aside(struct app *a, const char *path, struct err *e) {
    char aside[1100];
    if (access(path, F_OK) != 0)
        return true;
    snprintf(aside, sizeof aside, "%s.replaced-%" PRId64, path, clock_wall_ms(&a->clock));
    struct err copied = {0};
    bool whole = copy_database(path, aside, &copied);
    /* What cannot be copied is moved as it is, its log with it. */
    static const char *const parts[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char from[1200];
        char to[1200];
        snprintf(from, sizeof from, "%s%s", path, parts[i]);
        snprintf(to, sizeof to, "%s%s", aside, parts[i]);
        if (whole)
            unlink(from);
        else if (rename(from, to) != 0 && errno != ENOENT)
            return err_set(e, ERR_IO, "%s: %s", to, strerror(errno));
    }
    fprintf(stderr, "zoufang restore: what was there is kept as %s\n", aside);
    return true;
}

/* A new epoch: phones send again what they still have, and pull from the beginning. */
static bool begin_epoch(struct app *a, char epoch[UUID_TEXT_SIZE], struct err *e) {
    struct core *c = core_open(a->dir, a->schema_dir, &a->clock, &a->rng, e);
    if (!c)
        return false;
    uuid4_make(&a->rng, epoch);
    bool ok = integrity(c, e) && core_begin(c, e);
    if (ok) {
        store_set_meta(c->store, "epoch", epoch);
        /* The heads of the villages carry the epoch: they are derived anew. */
        store_exec(c->store, "DELETE FROM outbox; UPDATE retained SET sent = 0, due_ms = 0;"
                             "INSERT INTO dirty(level, id, forms) SELECT 'place', id, 1 FROM entity"
                             " WHERE kind = 'division' ON CONFLICT DO NOTHING");
        ok = core_commit(c, e) && enrol_write_access(c, a->dir, e);
    }
    core_close(c);
    return ok;
}

int cmd_restore(struct app *a) {
    char path[1024];
    char fresh[1100];
    char epoch[UUID_TEXT_SIZE];
    struct err e = {0};
    const char *file = only_argument(a, "the backup");
    if (!file)
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    snprintf(path, sizeof path, "%s/zoufang.db", a->dir);
    snprintf(fresh, sizeof fresh, "%s.restoring", path);
    unlink(fresh);
    bool ok = running_lock(a->dir, &e);
    if (ok && access(file, R_OK) != 0)
        ok = err_set(&e, ERR_INVALID, "%s: %s", file, strerror(errno));
    ok = ok && copy_database(file, fresh, &e) && put_aside(a, path, &e);
    if (ok && rename(fresh, path) != 0)
        ok = err_set(&e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!ok || !begin_epoch(a, epoch, &e)) {
        unlink(fresh);
        return app_fail(a, &e);
    }
    printf(a->json ? "{\"epoch\":\"%s\"}\n" : "epoch %s\n", epoch);
    return 0;
}
