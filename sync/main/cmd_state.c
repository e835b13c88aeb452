/* zoufang digest, rebuild, check: the county's state as a whole. */
#include "app.h"
#include "commands.h"
#include "conf.h"
#include "derive.h"
#include "digest.h"
#include "feed.h"
#include "merge.h"
#include "options.h"
#include "running.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- digest */

int cmd_digest(struct app *a) {
    char digest[SHA256_HEX_SIZE];
    struct err e = {0};
    int status;
    if (!options_read(a, 1, NULL, NULL))
        return 2;
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
    char day[11];
    time_local_date(clock_wall_ms(c->clock), day);
    if (!core_begin(c, e))
        return false;
    merge_rebuild(c, show_records);
    feed_begin_anew(c->store);
    if (!core_commit(c, e) || !derive_mark_all(d, e) || !derive_run(d, show_subjects, NULL, e) ||
        !store_begin(c->store, e))
        return false;
    store_set_meta(c->store, "derive.day", day);
    return store_commit(c->store, e);
}

/* Compares as of the day that was last derived: later days ask for other tasks. */
static void set_clock_to_derived(struct app *a, struct core *c) {
    char noon[40];
    int64_t ms;
    snprintf(noon, sizeof noon, "%.10sT12:00:00+08:00", store_meta(c->store, "derive.day"));
    if (!a->clock_given && time_parse(noon, strlen(noon), &ms))
        system_clock_start_at(&a->system_clock, ms);
}

/* Each line of a text, as a JSON array. */
static json_t *lines_of(const char *text) {
    json_t *list = json_array();
    while (text && *text) {
        size_t size = strcspn(text, "\n");
        json_array_append_new(list, json_stringn(text, size));
        text += size + (text[size] == '\n');
    }
    return list;
}

static void print_json(json_t *doc) {
    json_dumpf(doc, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(doc);
}

static void print_comparison(const struct app *a, bool merge, bool derivation, const char *report) {
    if (a->json)
        print_json(json_pack("{s:b, s:b, s:b, s:o}", "same", merge && derivation, "merge", merge,
                             "derivation", derivation, "differences", lines_of(report)));
    else
        printf("%smerge: %s\nderivation: %s\n", report, merge ? "same" : "DIFFERS",
               derivation ? "same" : "DIFFERS");
}

static int check_all(struct app *a, struct core *c, struct derive *d, struct err *e) {
    bool merge = false;
    bool derivation = false;
    char *report = NULL;
    size_t size;
    FILE *out = open_memstream(&report, &size);
    if (!out)
        abort();
    bool ok = check_merge(c, &merge, e) && derive_check(d, out, &derivation, e);
    if (fclose(out) != 0)
        abort();
    if (ok)
        print_comparison(a, merge, derivation, report);
    free(report);
    return !ok ? app_fail(a, e) : merge && derivation ? 0 : 1;
}

/* A server that runs might derive with files that it loaded before. */
static int rebuild_all(const struct app *a, struct core *c, struct derive *d, struct err *e) {
    if (!running_lock(a->dir, e) || !rebuild(c, d, e))
        return app_fail(a, e);
    printf(a->json ? "{\"records\":%zu}\n" : "%zu records\n", record_total);
    return 0;
}

int cmd_rebuild(struct app *a) {
    struct err e = {0};
    bool check = false;
    int status;
    const struct option options[] = {{.name = "--check", .type = OPTION_FLAG, .value = &check},
                                     {0}};
    if (!options_read(a, 1, options, NULL))
        return 2;
    struct core *c = app_open_core(a, &status);
    if (!c)
        return status;
    count_records(c);
    if (check)
        set_clock_to_derived(a, c);
    struct derive *d = derive_create(c->store, &a->clock, a->schema_dir, c->county, &e);
    status = !d ? app_fail(a, &e) : check ? check_all(a, c, d, &e) : rebuild_all(a, c, d, &e);
    derive_destroy(d);
    core_close(c);
    return status;
}

/* ---------------------------------------------------------------- check */

/* What was looked at, in this order: the first that fails is the last. */
struct checked {
    bool configuration, database, schema;
    size_t forms;
};

/* Everything that serve would load, without serving. */
static bool check_parts(struct app *a, struct core *c, struct checked *ret, struct err *e) {
    ret->database = app_check_integrity(c, e);
    if (!ret->database)
        return false;
    struct derive *d = derive_create(c->store, &a->clock, a->schema_dir, c->county, e);
    struct feed *f = d ? feed_create(c, e) : NULL;
    ret->schema = f != NULL;
    ret->forms = form_count(c->catalog);
    feed_destroy(f);
    derive_destroy(d);
    return ret->schema;
}

/* null: not looked at. */
static json_t *outcome(bool ok, bool failed) {
    return ok ? json_true() : failed ? json_false() : json_null();
}

static void print_checked(const struct app *a, const struct checked *k, const struct err *e) {
    bool failed = err_is_set(e);
    bool schema = k->configuration && k->database;
    if (a->json) {
        print_json(json_pack("{s:b, s:b, s:o, s:o, s:o, s:s?}", "ok", !failed, "configuration",
                             k->configuration, "database",
                             outcome(k->database, k->configuration && failed), "schema",
                             outcome(k->schema, schema && failed), "form_versions",
                             k->schema ? json_integer((json_int_t)k->forms) : json_null(), "error",
                             failed ? e->msg : NULL));
        return;
    }
    if (k->configuration)
        puts("configuration: ok");
    if (k->database)
        puts("database: ok");
    if (k->schema)
        printf("forms, rules, views: ok, %zu form versions\n", k->forms);
}

static int check_online(const struct app *a) {
    struct err e = {0};
    struct running r;
    if (!app_check_county(a, &e))
        return app_fail(a, &e);
    bool runs = running_read(a->dir, &r);
    if (a->json)
        printf("{\"running\":%s}\n", runs ? "true" : "false");
    else
        puts(runs ? "server: running" : "server: not running");
    return runs ? 0 : 3;
}

int cmd_check(struct app *a) {
    struct err e = {0};
    struct conf conf;
    struct checked checked = {0};
    bool online = false;
    const struct option options[] = {{.name = "--online", .type = OPTION_FLAG, .value = &online},
                                     {0}};
    if (!options_read(a, 1, options, NULL))
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    if (online)
        return check_online(a);
    checked.configuration = conf_load(a->dir, &conf, &e);
    struct core *c = checked.configuration ? app_core(a, &e) : NULL;
    if (c)
        check_parts(a, c, &checked, &e);
    core_close(c);
    print_checked(a, &checked, &e);
    return err_is_set(&e) ? app_fail(a, &e) : 0;
}
