#include "app.h"

#include "commands.h"
#include "conf.h"
#include "log.h"
#include "options.h"
#include "running.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Removes argv[i] and the n - 1 after it. */
static void take_out(struct app *a, int i, int n) {
    for (int k = i; k + n < a->argc; k++)
        a->argv[k] = a->argv[k + n];
    a->argc -= n;
    a->argv[a->argc] = NULL;
}

static bool set_clock(struct app *a, const char *text) {
    int64_t ms;
    if (!time_parse(text, strlen(text), &ms)) {
        app_usage(a, "--clock '%s': a time such as 2019-06-12T10:00:00+08:00 is needed", text);
        return false;
    }
    system_clock_start_at(&a->system_clock, ms);
    a->clock_given = true;
    return true;
}

static bool set_log_level(struct app *a, const char *name) {
    enum log_level level;
    if (!log_level_parse(name, &level)) {
        app_usage(a, "--log-level '%s': use error, warn, info or debug", name);
        return false;
    }
    log_set_level(level);
    a->log_level_given = true;
    return true;
}

static bool set_option(struct app *a, const char *name, const char *value) {
    if (strcmp(name, "--data") == 0) {
        a->dir = value;
        return true;
    }
    if (strcmp(name, "--schema-dir") == 0) {
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", value);
        return true;
    }
    return strcmp(name, "--clock") == 0 ? set_clock(a, value) : set_log_level(a, value);
}

static bool is_schema_dir(const char *path) {
    char forms[1024];
    struct stat st;
    snprintf(forms, sizeof forms, "%s/forms", path);
    return stat(forms, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Beside the installed binary (../share/zoufang/schema), or the source tree it was built in. */
static void find_schema_dir(struct app *a) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("ZOUFANG_SCHEMA");
    if (env && *env) {
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", env);
        return;
    }
    if (n > 0) {
        exe[n] = '\0';
        *strrchr(exe, '/') = '\0';
        int size =
            snprintf(a->schema_dir, sizeof a->schema_dir, "%.400s/../share/zoufang/schema", exe);
        if (size > 0 && is_schema_dir(a->schema_dir))
            return;
    }
    snprintf(a->schema_dir, sizeof a->schema_dir, "%s", ZOUFANG_SOURCE_SCHEMA_DIR);
}

static void load_conf(struct app *a) {
    struct conf conf;
    enum log_level level;
    if (!a->dir || !conf_load(a->dir, &conf, &a->conf_error))
        return;
    if (!*a->schema_dir && *conf.schema)
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", conf.schema);
    if (!a->log_level_given && log_level_parse(conf.log_level, &level))
        log_set_level(level);
}

static bool is_common_option(const char *word) {
    static const char *const with_value[] = {"--data", "--schema-dir", "--clock", "--log-level"};
    for (size_t k = 0; k < sizeof with_value / sizeof *with_value; k++)
        if (strcmp(word, with_value[k]) == 0)
            return true;
    return false;
}

/* Takes the common option at a->argv[i] out; given is a text of those that were there before. */
static bool take_option(struct app *a, int i, char *given, size_t given_size) {
    const char *name = a->argv[i];
    const char *value = options_value(a, i);
    if (!value)
        return false;
    if (strstr(given, name)) {
        app_usage(a, "%s is given twice", name);
        return false;
    }
    size_t n = strlen(given);
    snprintf(given + n, given_size - n, "%s ", name);
    if (!set_option(a, name, value))
        return false;
    take_out(a, i, 2);
    return true;
}

bool app_common_options(struct app *a) {
    char given[64] = "";
    for (int i = 1; i < a->argc;) {
        if (strcmp(a->argv[i], "--json") == 0) {
            a->json = true;
            take_out(a, i, 1);
        } else if (!is_common_option(a->argv[i])) {
            i++;
        } else if (!take_option(a, i, given, sizeof given)) {
            return false;
        }
    }
    load_conf(a);
    if (!*a->schema_dir)
        find_schema_dir(a);
    return true;
}

/* SQLite calls it an I/O error when it cannot make room for its files. */
static bool is_disk_full(const char *dir) {
    struct statvfs s;
    return statvfs(dir, &s) == 0 && (uint64_t)s.f_bavail * s.f_frsize < 65536;
}

int app_fail(const struct app *a, const struct err *e) {
    fprintf(stderr, "zoufang %s: %s\n", a->argv[0], e->msg);
    if (err_exit_status(e->code) == 3 && a->dir && is_disk_full(a->dir))
        fprintf(stderr, "zoufang %s: the disk of %s is full\n", a->argv[0], a->dir);
    return err_exit_status(e->code);
}

int app_usage(const struct app *a, const char *fmt, ...) {
    va_list ap;
    fprintf(stderr, "zoufang %s: ", a->argv[0]);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    command_print_usage(a->command, stderr);
    fprintf(stderr, "zoufang %s --help says more.\n", a->argv[0]);
    return 2;
}

bool app_check_database(const char *path, struct err *e) {
    static const char magic[16] = "SQLite format 3";
    char head[sizeof magic];
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    size_t size = fread(head, 1, sizeof head, f);
    int cause = ferror(f) ? errno : 0;
    fclose(f);
    if (cause)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(cause));
    return (size == sizeof head && memcmp(head, magic, sizeof head) == 0) ||
           err_set(e, ERR_INVALID, "%s: not a database", path);
}

bool app_check_county(const struct app *a, struct err *e) {
    char path[1100];
    struct stat st;
    if (stat(a->dir, &st) != 0)
        return err_set(e, ERR_IO, "--data %s: %s", a->dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_IO, "--data %s: not a directory", a->dir);
    if (snprintf(path, sizeof path, "%s/zoufang.db", a->dir) >= (int)sizeof path)
        return err_set(e, ERR_LIMIT, "--data %s: path too long", a->dir);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return err_set(e, ERR_INVALID,
                       "--data %s: no county is here (zoufang.db is missing); "
                       "zoufang init --data %s makes one",
                       a->dir, a->dir);
    /* SQLite writes beside the database even to read it. */
    if (access(a->dir, W_OK) != 0 || access(path, R_OK | W_OK) != 0)
        return err_set(e, ERR_IO, "--data %s: the database cannot be read and written: %s", a->dir,
                       strerror(errno));
    return app_check_database(path, e);
}

bool app_check_schema(const struct app *a, struct err *e) {
    return is_schema_dir(a->schema_dir) ||
           err_set(e, ERR_USAGE,
                   "%s: no folder of forms, rules and views (--schema-dir, $ZOUFANG_SCHEMA or "
                   "schema in zoufang.conf)",
                   a->schema_dir);
}

struct core *app_core(struct app *a, struct err *e) {
    struct running r;
    if (!app_check_county(a, e) || !app_check_schema(a, e))
        return NULL;
    if (!a->clock_given && running_read(a->dir, &r))
        a->system_clock.offset_ms = r.clock_offset_ms;
    return core_open(a->dir, a->schema_dir, &a->clock, &a->rng, e);
}

struct core *app_open_core(struct app *a, int *ret_status) {
    struct err e = {0};
    if (!a->dir) {
        *ret_status = app_usage(a, "--data DIR is missing");
        return NULL;
    }
    struct core *c = app_core(a, &e);
    *ret_status = c ? 0 : app_fail(a, &e);
    return c;
}

void app_warn_if_late(const struct app *a, struct core *c) {
    static const char sql[] =
        "SELECT 1 FROM dirty WHERE level NOT IN ('all', 'held', 'param', 'scope') LIMIT 1";
    sqlite3_stmt *q = NULL;
    sqlite3_prepare_v2(store_db(c->store), sql, -1, &q, NULL);
    if (q && sqlite3_step(q) == SQLITE_ROW)
        fprintf(stderr,
                "zoufang %s: some records are not in the figures yet: run the server, or zoufang "
                "rebuild\n",
                a->argv[0]);
    sqlite3_finalize(q);
}

bool app_check_integrity(struct core *c, struct err *e) {
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(store_db(c->store), "PRAGMA integrity_check", -1, &q, NULL) ==
                  SQLITE_OK &&
              sqlite3_step(q) == SQLITE_ROW && strcmp(q_col(q, 0), "ok") == 0;
    if (!ok)
        err_set(e, ERR_INVALID, "database: %s", q ? q_col(q, 0) : "cannot be read");
    sqlite3_finalize(q);
    return ok;
}

bool app_write_default_conf(const struct app *a, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%s/zoufang.conf", a->dir);
    FILE *f = fopen(path, "wx");
    if (!f)
        return errno == EEXIST || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    conf_write_example(f);
    bool ok = !ferror(f);
    return (fclose(f) == 0 && ok) || err_set(e, ERR_IO, "%s: cannot be written", path);
}

void app_progress(const char *what, size_t done, size_t total) {
    static size_t shown;
    size_t percent = total ? done * 100 / total : 100;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s %zu / %zu (%zu %%)%s", what, done, total, percent,
                done == total ? "\n" : "");
        return;
    }
    if (done < shown)
        shown = 0;
    if (done == total || percent >= shown * 100 / (total ? total : 1) + 10) {
        fprintf(stderr, "%s %zu / %zu (%zu %%)\n", what, done, total, percent);
        shown = done;
    }
}
