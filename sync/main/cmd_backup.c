/* zoufang backup, restore. */
#include "app.h"
#include "commands.h"
#include "enrol.h"
#include "options.h"
#include "running.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 1200

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
        int rc = SQLITE_OK;
        while ((rc = b ? sqlite3_backup_step(b, 2000) : SQLITE_ERROR) == SQLITE_OK)
            app_progress("pages",
                         (size_t)(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b)),
                         (size_t)sqlite3_backup_pagecount(b));
        ok = rc == SQLITE_DONE;
        sqlite3_backup_finish(b);
        ok = ok && sqlite3_exec(target, "PRAGMA journal_mode = DELETE", 0, 0, 0) == SQLITE_OK;
        if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
            err_set(e, ERR_INVALID, "%s: %s", from, sqlite3_errstr(rc));
        else if (!ok)
            err_set(e, ERR_IO, "%s: %s", to, sqlite3_errmsg(target));
    }
    sqlite3_close(target);
    sqlite3_close(source);
    return ok;
}

static void print_text(const struct app *a, const char *name, const char *value) {
    json_t *doc = json_pack("{s:s}", name, value);
    if (a->json)
        json_dumpf(doc, stdout, JSON_COMPACT);
    else
        fputs(value, stdout);
    putchar('\n');
    json_decref(doc);
}

/* The FILE of both commands; NULL after a message. */
static const char *read_arguments(struct app *a) {
    const char *file = NULL;
    const struct argument arguments[] = {{.name = "FILE", .value = &file}, {0}};
    if (!options_read(a, 1, NULL, arguments))
        return NULL;
    if (!a->dir)
        app_usage(a, "--data DIR is missing");
    return a->dir ? file : NULL;
}

/* ---------------------------------------------------------------- backup */

static bool backup(const struct app *a, const char *file, struct err *e) {
    char from[PATH_SIZE];
    char tmp[PATH_SIZE];
    if (snprintf(tmp, sizeof tmp, "%s.tmp", file) >= (int)sizeof tmp)
        return err_set(e, ERR_INVALID, "%s: path too long", file);
    if (access(file, F_OK) == 0)
        return err_set(e, ERR_INVALID, "%s: exists already", file);
    snprintf(from, sizeof from, "%s/zoufang.db", a->dir);
    unlink(tmp);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
    close(fd);
    bool ok = copy_database(from, tmp, e);
    if (ok && rename(tmp, file) != 0)
        ok = err_set(e, ERR_IO, "%s: %s", file, strerror(errno));
    if (!ok)
        unlink(tmp);
    return ok;
}

int cmd_backup(struct app *a) {
    struct err e = {0};
    const char *file = read_arguments(a);
    if (!file)
        return 2;
    if (!app_check_county(a, &e) || !backup(a, file, &e))
        return app_fail(a, &e);
    print_text(a, "file", file);
    return 0;
}

/* ---------------------------------------------------------------- restore */

/* The database that is there is kept beside the new one. */
static bool put_aside(struct app *a, const char *path, struct err *e) {
    char aside[PATH_SIZE];
    if (access(path, F_OK) != 0)
        return true;
    snprintf(aside, sizeof aside, "%.1000s.replaced-%" PRId64, path, clock_wall_ms(&a->clock));
    struct err copied = {0};
    bool whole = copy_database(path, aside, &copied);
    /* What cannot be copied is moved as it is, its log with it. */
    static const char *const parts[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char from[PATH_SIZE + 8];
        char to[PATH_SIZE + 8];
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

/* A new epoch: phones send again what they still have, and pull from the beginning. `dir` holds
 * the copy. */
static bool begin_epoch(struct app *a, const char *dir, char epoch[UUID_TEXT_SIZE], struct err *e) {
    struct core *c = core_open(dir, a->schema_dir, &a->clock, &a->rng, e);
    if (!c)
        return false;
    uuid4_make(&a->rng, epoch);
    bool ok = app_check_integrity(c, e) && core_begin(c, e);
    if (ok) {
        store_set_meta(c->store, "epoch", epoch);
        /* The heads of the villages carry the epoch: they are derived anew. */
        store_exec(c->store, "DELETE FROM outbox; UPDATE retained SET sent = 0, due_ms = 0;"
                             "INSERT INTO dirty(level, id, forms) SELECT 'place', id, 1 FROM entity"
                             " WHERE kind = 'division' ON CONFLICT DO NOTHING");
        ok = core_commit(c, e);
    }
    core_close(c);
    return ok;
}

static bool write_access(struct app *a, struct err *e) {
    struct core *c = core_open(a->dir, a->schema_dir, &a->clock, &a->rng, e);
    bool ok = c && enrol_write_access(c, a->dir, e);
    core_close(c);
    return ok;
}

static void remove_work(const char *work) {
    static const char *const parts[] = {"", "-wal", "-shm", "-journal"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%.1000s/zoufang.db%s", work, parts[i]);
        unlink(path);
    }
    rmdir(work);
}

/* The copy is made ready in a folder of its own: what is no backup never replaces anything. */
static bool restore(struct app *a, const char *file, char epoch[UUID_TEXT_SIZE], struct err *e) {
    char path[PATH_SIZE];
    char work[PATH_SIZE];
    char fresh[PATH_SIZE];
    snprintf(path, sizeof path, "%.1000s/zoufang.db", a->dir);
    snprintf(work, sizeof work, "%.1000s/restore.tmp", a->dir);
    snprintf(fresh, sizeof fresh, "%.1000s/restore.tmp/zoufang.db", a->dir);
    if (!running_lock(a->dir, e))
        return false;
    remove_work(work); /* of a restore that was killed */
    if (mkdir(work, 0700) != 0)
        return err_set(e, ERR_IO, "%s: %s", work, strerror(errno));
    bool ok = copy_database(file, fresh, e);
    if (ok && !begin_epoch(a, work, epoch, e)) {
        ok = false;
        err_prefix(e, "%.200s", file);
    }
    ok = ok && put_aside(a, path, e);
    if (ok && rename(fresh, path) != 0)
        ok = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    remove_work(work);
    return ok && write_access(a, e);
}

int cmd_restore(struct app *a) {
    char epoch[UUID_TEXT_SIZE];
    struct err e = {0};
    struct stat st;
    const char *file = read_arguments(a);
    if (!file)
        return 2;
    if (stat(a->dir, &st) != 0)
        err_set(&e, ERR_IO, "--data %s: %s", a->dir, strerror(errno));
    if (err_is_set(&e) || !app_check_schema(a, &e) || !app_check_database(file, &e) ||
        !restore(a, file, epoch, &e))
        return app_fail(a, &e);
    if (!a->json)
        fputs("epoch ", stdout);
    print_text(a, "epoch", epoch);
    return 0;
}
