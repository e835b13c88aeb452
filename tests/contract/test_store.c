/* What any store must do: migrate, keep errors until the commit, roll back completely, see other
 * processes' changes; and that every named statement can be prepared and finds its rows by an
 * index. */
#include "store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char queries_sql[];

static char dir[64];
static char path[96];
static struct store *s;
static struct err e;
static int64_t now_ms = INT64_C(1560304800000);

static int64_t now(void *ctx) {
    (void)ctx;
    return now_ms;
}
static const struct clock test_clock = {now, now, NULL};

static struct store *open_store(enum store_mode mode) {
    e.code = ERR_NONE;
    return store_open(path, mode, &test_clock, &e);
}

static void setup(void) {
    strcpy(dir, "/tmp/zoufang-store-XXXXXX");
    cr_assert(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/zoufang.db", dir);
    s = open_store(STORE_CREATE);
    cr_assert(s != NULL, "%s", e.msg);
}

static void teardown(void) {
    char command[128];
    store_close(s);
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = setup, .fini = teardown);

static int64_t ask(struct store *of, const char *sql) {
    sqlite3_stmt *q;
    cr_assert_eq(sqlite3_prepare_v2(store_db(of), sql, -1, &q, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(q), SQLITE_ROW, "%s", sql);
    int64_t v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void begin(struct store *of) {
    cr_assert(store_begin(of, &e), "%s", e.msg);
}
static void commit(struct store *of) {
    cr_assert(store_commit(of, &e), "%s", e.msg);
}

/* ---------------------------------------------------------------- files and versions */

Test(store, a_new_file_is_migrated_and_durable) {
    cr_assert_gt(ask(s, "PRAGMA user_version"), 0);
    cr_assert_eq(ask(s, "PRAGMA synchronous"), 2, "FULL");
    cr_assert_eq(ask(s, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
}

Test(store, creating_needs_no_file_and_opening_needs_one) {
    cr_assert(open_store(STORE_CREATE) == NULL);
    cr_assert_eq(e.code, ERR_INVALID);
    cr_assert(strstr(e.msg, path) != NULL, "%s", e.msg);
    strcat(path, ".none");
    cr_assert(open_store(STORE_EXISTING) == NULL);
    cr_assert(open_store(STORE_READ) == NULL);
    cr_assert_neq(access(path, F_OK), 0, "nothing was made");
}

Test(store, a_newer_database_is_refused_untouched) {
    store_exec(s, "PRAGMA user_version = 99");
    cr_assert(open_store(STORE_EXISTING) == NULL);
    cr_assert_eq(e.code, ERR_INVALID);
    cr_assert_eq(ask(s, "PRAGMA user_version"), 99);
}

Test(store, an_older_database_is_not_migrated_by_readers) {
    store_exec(s, "PRAGMA user_version = 0");
    cr_assert(open_store(STORE_READ) == NULL);
    cr_assert_eq(e.code, ERR_INVALID);
}

Test(store, readers_cannot_write) {
    struct store *reader = open_store(STORE_READ);
    cr_assert(reader != NULL, "%s", e.msg);
    store_set_meta(reader, "a", "b");
    cr_assert_not(store_take_error(reader, &e));
    store_close(reader);
}

/* ---------------------------------------------------------------- transactions */

Test(store, what_failed_in_between_fails_the_commit) {
    begin(s);
    store_set_meta(s, "before", "1");
    store_exec(s, "INSERT INTO no_such_table VALUES(1)");
    cr_assert(store_failed(s));
    store_set_meta(s, "after", "1");
    cr_assert_not(store_commit(s, &e));
    cr_assert(strstr(e.msg, "no_such_table") != NULL, "the first failure is told: %s", e.msg);
    cr_assert_not(store_failed(s), "once");
    cr_assert_str_eq(store_meta(s, "before"), "");
    cr_assert_str_eq(store_meta(s, "after"), "");
    begin(s);
    store_set_meta(s, "again", "1");
    commit(s);
    cr_assert_str_eq(store_meta(s, "again"), "1");
}

Test(store, a_constraint_that_fails_sticks_too) {
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *q = store_query(s, "principal_add");
        q_text(q, 1, "d-1");
        q_text(q, 2, "device");
        q_text(q, 3, "x");
        q_text(q, 4, "");
        q_int(q, 5, 1);
        q_done(s, q);
    }
    cr_assert(store_failed(s));
    cr_assert_not(store_take_error(s, &e));
    cr_assert(store_take_error(s, &e), "taken once");
}

Test(store, numbers_of_changes_only_grow_with_commits) {
    begin(s);
    int64_t first = store_next_rev(s);
    cr_assert_eq(store_next_rev(s), first + 1);
    commit(s);
    begin(s);
    cr_assert_eq(store_next_rev(s), first + 2);
    store_rollback(s);
    cr_assert_eq(store_rev(s), first + 1, "a roll-back gives them back");
    begin(s);
    store_next_rev(s);
    store_exec(s, "INSERT INTO no_such_table VALUES(1)");
    cr_assert_not(store_commit(s, &e));
    e.code = ERR_NONE;
    cr_assert_eq(store_rev(s), first + 1, "so does a commit that fails");
    begin(s);
    cr_assert_eq(store_next_rev(s), first + 2);
    commit(s);
}

Test(store, numbers_of_changes_go_on_after_reopening_and_in_other_processes) {
    begin(s);
    int64_t last = store_next_rev(s);
    commit(s);
    struct store *other = open_store(STORE_EXISTING);
    begin(other);
    cr_assert_eq(store_next_rev(other), last + 1);
    commit(other);
    begin(s);
    cr_assert_eq(store_next_rev(s), last + 2);
    commit(s);
    store_close(other);
}

Test(store, changes_of_others_are_seen_once_own_ones_are_not) {
    struct store *other = open_store(STORE_EXISTING);
    cr_assert(other != NULL, "%s", e.msg);
    store_changed_elsewhere(s);
    begin(s);
    store_set_meta(s, "own", "1");
    commit(s);
    cr_assert_not(store_changed_elsewhere(s));
    begin(other);
    store_set_meta(other, "foreign", "1");
    commit(other);
    cr_assert(store_changed_elsewhere(s));
    cr_assert_not(store_changed_elsewhere(s));
    cr_assert_str_eq(store_meta(s, "foreign"), "1");
    store_close(other);
}

Test(store, dirty_rows_collect_their_forms) {
    store_dirty(s, "household", "h", 1);
    store_dirty(s, "household", "h", 4);
    store_dirty(s, "village", "h", 2);
    cr_assert_eq(ask(s, "SELECT forms FROM dirty WHERE level = 'household' AND id = 'h'"), 5);
    cr_assert_eq(ask(s, "SELECT count(*) FROM dirty"), 2);
}

Test(store, parameters_can_be_unset) {
    store_set_param(s, "p", "7");
    cr_assert_str_eq(store_param(s, "p"), "7");
    store_set_param(s, "p", NULL);
    cr_assert_eq(ask(s, "SELECT value IS NULL FROM param WHERE name = 'p'"), 1);
    cr_assert_str_eq(store_param(s, "p"), "");
}

/* ---------------------------------------------------------------- statements */

/* Calls f with each name of queries.sql. */
static size_t each_statement(void (*f)(const char *name)) {
    size_t count = 0;
    for (const char *p = queries_sql; (p = strstr(p, "-- name: ")); count++) {
        char name[64];
        size_t size = strcspn(p + 9, "\n");
        cr_assert_lt(size, sizeof name);
        memcpy(name, p + 9, size);
        name[size] = '\0';
        f(name);
        p += 9;
    }
    return count;
}

static void prepare(const char *name) {
    cr_assert(store_query(s, name) != NULL, "%s", name);
}

Test(store, every_statement_can_be_prepared) {
    cr_assert_gt(each_statement(prepare), 50);
}

/* These look at whole tables, and nobody waits for them; awaited_any takes any one row. */
static bool is_cold(const char *name) {
    static const char *const cold[] = {"digest_records",    "digest_facts",  "digest_effects",
                                       "digest_entities",   "record_count",  "digest_assignments",
                                       "principals_active", "principals_of", "retained_all",
                                       "scope_devices",     "awaited_any"};
    for (size_t i = 0; i < sizeof cold / sizeof *cold; i++) {
        if (strcmp(cold[i], name) == 0)
            return true;
    }
    return false;
}

static bool scans_table(const char *step) {
    static const char *const big[] = {"record",     "entity",     "task",      "fact_source",
                                      "assignment", "ledger",     "awaited",   "refusal",
                                      "retained",   "device_seq", "principal", "device_author"};
    if (strncmp(step, "SCAN ", 5) != 0)
        return false;
    const char *name = step + 5;
    size_t size = strcspn(name, " ");
    /* Aliases of one letter stand for tables too; constant rows and subqueries do not. */
    if (strncmp(name, "CONSTANT", 8) == 0 || *name == '(')
        return false;
    for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
        if (strlen(big[i]) == size && memcmp(big[i], name, size) == 0)
            return true;
    }
    return size == 1;
}

static void check_plan(const char *name) {
    sqlite3_stmt *q;
    char sql[8192];
    if (is_cold(name) || strcmp(name, "data_version") == 0)
        return;
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sqlite3_sql(store_query(s, name)));
    cr_assert_eq(sqlite3_prepare_v2(store_db(s), sql, -1, &q, NULL), SQLITE_OK, "%s", name);
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(q, 3);
        cr_assert_not(scans_table(step), "%s: %s", name, step);
        cr_assert(strstr(step, "AUTOMATIC") == NULL, "%s: %s", name, step);
    }
    sqlite3_finalize(q);
}

Test(store, hot_statements_find_their_rows_by_an_index) {
    each_statement(check_plan);
}
