#include "app.h"
#include "buf.h"
#include "commands.h"
#include "derive.h"
#include "import.h"
#include "options.h"
#include "params.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMIT_EVERY 20000 /* records; a failed init leaves nothing behind anyway */
#define PROGRESS_EVERY 500

struct init {
    struct app *app;
    const char *county, *name;
    bool sample, small;
    char work[1024]; /* the database is made here and moved to DIR when it is complete */
    struct core *core;
    struct rng_seeded seeded;
    struct rng rng;
    struct import *import;
    size_t done, total;
    struct err e;
};

/* ---- directories and files */

static bool make_directory(const char *path, struct err *e) {
    char part[1024];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return err_set(e, ERR_LIMIT, "%s: path too long", path);
    for (char *p = part + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST)
            return err_set(e, ERR_IO, "%s: %s", part, strerror(errno));
        *p = c;
        if (c == '\0')
            return true;
    }
}

static void remove_work(const struct init *i) {
    static const char *const files[] = {"zoufang.db", "zoufang.db-wal", "zoufang.db-shm"};
    char path[1100];
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        snprintf(path, sizeof path, "%s/%s", i->work, files[k]);
        unlink(path);
    }
    rmdir(i->work);
}

static bool prepare_directory(struct init *i) {
    const char *dir = i->app->dir;
    char path[1100];
    if (snprintf(path, sizeof path, "%s/zoufang.db", dir) >= 1000)
        return err_set(&i->e, ERR_LIMIT, "%s: path too long", dir);
    if (access(path, F_OK) == 0)
        return err_set(&i->e, ERR_INVALID, "%s holds a county already (%s)", dir, path);
    snprintf(i->work, sizeof i->work, "%s/init.tmp", dir);
    if (!make_directory(dir, &i->e))
        return false;
    remove_work(i); /* of an init that was killed */
    return make_directory(i->work, &i->e);
}

static bool sync_file(const char *path, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The finished database becomes DIR's. */
static bool move_database(struct init *i) {
    char from[1100];
    char to[1100];
    snprintf(from, sizeof from, "%s/zoufang.db", i->work);
    snprintf(to, sizeof to, "%s/zoufang.db", i->app->dir);
    if (!sync_file(from, &i->e))
        return false;
    if (rename(from, to) != 0)
        return err_set(&i->e, ERR_IO, "%s: %s", to, strerror(errno));
    return sync_file(i->app->dir, &i->e);
}

/* ---- parameters */

static bool set_params(struct init *i) {
    struct params p;
    if (!params_read(i->core->schema_dir, &p, &i->e))
        return false;
    bool ok = store_begin(i->core->store, &i->e);
    for (size_t k = 0; ok && k < p.count; k++)
        store_set_param(i->core->store, p.list[k].name, p.list[k].value);
    params_fini(&p);
    return ok && store_commit(i->core->store, &i->e);
}

/* The frozen sums of the lists that were just written. */
static bool set_targets(struct init *i, const struct sample_counts *n) {
    const struct {
        const char *name;
        size_t value;
    } targets[] = {
        {"target.exit_persons", n->exit_persons},
        {"target.exit_villages", n->exit_villages},
        {"target.relocated_persons", n->relocated_persons},
        {"target.villages", n->villages},
        {"target.water_villages", n->water_villages},
        {"target.water_persons", n->water_persons},
    };
    if (!store_begin(i->core->store, &i->e))
        return false;
    for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
        char value[24];
        snprintf(value, sizeof value, "%zu", targets[k].value);
        store_set_param(i->core->store, targets[k].name, value);
    }
    return store_commit(i->core->store, &i->e);
}

/* ---- records */

static bool add_record(void *ctx, const char *form, const char *subject, int64_t stamp_ms,
                       const char *data, size_t data_size) {
    struct init *i = ctx;
    if (!i->import && !(i->import = import_begin(i->core, &i->e)))
        return false;
    struct problems problems = {0};
    bool ok = import_add(i->import, form, subject, stamp_ms, data, data_size, &problems);
    if (!ok && problems.count)
        err_set(&i->e, ERR_BUG, "%s of %s: %s: %s", form, subject, problems.list[0].path,
                problems.list[0].en);
    else if (!ok)
        err_set(&i->e, ERR_IO, "%s of %s could not be stored", form, subject);
    problems_fini(&problems);
    if (++i->done % PROGRESS_EVERY == 0 || i->done == i->total)
        app_progress("records", i->done, i->total);
    if (ok && i->done % COMMIT_EVERY == 0) {
        ok = import_commit(i->import, &i->e);
        i->import = NULL;
    }
    return ok;
}

/* What is left of the last commit. */
static bool finish_records(struct init *i, bool ok) {
    if (i->import && !ok)
        import_rollback(i->import);
    else if (i->import)
        ok = import_commit(i->import, &i->e);
    i->import = NULL;
    return ok || err_set(&i->e, ERR_IO, "the records could not be stored");
}

static bool fill_sample(struct init *i, struct sample_counts *ret) {
    struct sample *s = sample_create(i->county, i->name, i->small, &i->e);
    if (!s)
        return false;
    *ret = *sample_counts(s);
    i->total = ret->records;
    i->rng = rng_seeded_make(&i->seeded, SAMPLE_SEED);
    i->core->rng = &i->rng;
    struct sample_sink sink = {add_record, i};
    bool ok = finish_records(i, sample_emit(s, &sink));
    sample_destroy(s);
    i->core->rng = &i->app->rng;
    return ok && set_targets(i, ret);
}

static bool fill_empty(struct init *i, struct sample_counts *ret) {
    *ret = (struct sample_counts){.records = 1};
    struct buf data;
    char code[13];
    buf_init(&data, 4096);
    snprintf(code, sizeof code, "%.6s000000", i->county);
    const char *name = i->name ? i->name : i->county;
    buf_add_str(&data, "{\"name\":");
    buf_add_json_str(&data, name, strlen(name));
    buf_add_str(&data, ",\"level\":\"county\"}");
    bool ok = !data.failed && add_record(i, "register.division", code,
                                         clock_wall_ms(&i->app->clock), data.data, data.size);
    buf_fini(&data);
    return finish_records(i, ok);
}

/* ---- what follows from the records */

static void derive_progressed(void *ctx, size_t done, size_t total) {
    (void)ctx;
    app_progress("derivation", done, total);
}

/* The engine's chores: there are no devices and no held records yet, and all is derived here. */
static bool drop_chores(struct store *s, struct err *e) {
    if (!store_begin(s, e))
        return false;
    static const char *const levels[] = {"scope", "held", "all"};
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        sqlite3_stmt *q = store_query(s, "dirty_take");
        q_text(q, 1, levels[k]);
        q_done(s, q);
    }
    return store_commit(s, e);
}

static bool derive_all(struct init *i) {
    struct core *c = i->core;
    if (!drop_chores(c->store, &i->e))
        return false;
    struct derive *d = derive_create(c->store, c->clock, c->schema_dir, c->county, &i->e);
    if (!d)
        return false;
    char day[11];
    time_local_date(clock_wall_ms(c->clock), day);
    bool ok = derive_mark_all(d, &i->e) && derive_run(d, derive_progressed, NULL, &i->e) &&
              store_begin(c->store, &i->e);
    if (ok) {
        store_set_meta(c->store, "derive.day", day);
        ok = store_commit(c->store, &i->e);
    }
    derive_destroy(d);
    return ok;
}

static void print_json(const struct init *i, const struct sample_counts *n) {
    printf("{\"county\":\"%s\",\"records\":%zu,\"townships\":%zu,\"villages\":%zu,\"units\":%zu,"
           "\"cadres\":%zu,\"assignments\":%zu,\"households\":%zu,\"persons\":%zu,"
           "\"targets\":{\"exit_persons\":%zu,\"exit_villages\":%zu,\"relocated_persons\":%zu,"
           "\"water_villages\":%zu,\"water_persons\":%zu}}\n",
           i->county, n->records, n->townships, n->villages, n->units, n->cadres, n->assignments,
           n->households, n->persons, n->exit_persons, n->exit_villages, n->relocated_persons,
           n->water_villages, n->water_persons);
}

static void print_text(const struct init *i, const struct sample_counts *n) {
    printf("县 county            %s  %s\n", i->county, i->app->dir);
    if (!i->sample)
        return;
    printf("乡镇 townships       %zu\n村居 villages        %zu\n单位 units           %zu\n"
           "干部 cadres          %zu\n包保 assignments     %zu\n农户 households      %zu\n"
           "人口 persons         %zu\n拟脱贫 to exit       %zu persons, %zu villages\n"
           "搬迁 relocated       %zu persons\n饮水 water           %zu persons, %zu villages\n",
           n->townships, n->villages, n->units, n->cadres, n->assignments, n->households,
           n->persons, n->exit_persons, n->exit_villages, n->relocated_persons, n->water_persons,
           n->water_villages);
}

/* ---- the command */

/* Nobody else sees the database yet and a failure removes it, so that it may be written fast; it
 * is synced as a whole at the end. */
static void write_fast(struct store *s) {
    store_exec(s, "PRAGMA synchronous = OFF");
    store_exec(s, "PRAGMA cache_size = -98304"); /* KiB */
    store_exec(s, "PRAGMA wal_autocheckpoint = 16384");
}

static bool make_database(struct init *i, struct sample_counts *ret) {
    struct app *a = i->app;
    i->core = core_create(i->work, a->schema_dir, i->county, &a->clock, &a->rng, &i->e);
    if (!i->core)
        return false;
    write_fast(i->core->store);
    bool ok =
        set_params(i) && (i->sample ? fill_sample(i, ret) : fill_empty(i, ret)) && derive_all(i);
    core_close(i->core);
    i->core = NULL;
    return ok;
}

static int run(struct init *i) {
    struct sample_counts counts = {0};
    bool ok = prepare_directory(i);
    if (ok) {
        ok = make_database(i, &counts) && app_write_default_conf(i->app, &i->e) && move_database(i);
        remove_work(i);
    }
    if (!ok)
        return app_fail(i->app, &i->e);
    (i->app->json ? print_json : print_text)(i, &counts);
    return 0;
}

static bool six_digits(const char *text) {
    return strlen(text) == 6 && strspn(text, "0123456789") == 6;
}

int cmd_init(struct app *a) {
    struct init i = {.app = a, .county = "340825"};
    const struct option options[] = {{.name = "--county", .type = OPTION_TEXT, .value = &i.county},
                                     {.name = "--name", .type = OPTION_TEXT, .value = &i.name},
                                     {.name = "--sample", .type = OPTION_FLAG, .value = &i.sample},
                                     {.name = "--small", .type = OPTION_FLAG, .value = &i.small},
                                     {0}};
    if (!options_read(a, 1, options, NULL))
        return 2;
    i.sample = i.sample || i.small;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    if (!six_digits(i.county))
        return app_usage(a, "--county '%s': a county code has 6 digits", i.county);
    if (!app_check_schema(a, &i.e))
        return app_fail(a, &i.e);
    return run(&i);
}
