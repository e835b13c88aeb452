/* What phones may read and the pull: a model phone applies pages while the county changes under it,
 * and must hold exactly what a plain query over the tables says it may see. */
#include "bounds.h"
#include "buf.h"
#include "feed.h"
#include "feed_cursor.h"
#include "feed_rows.h"
#include "hash.h"
#include "hlc.h"
#include "payload.h"
#include "prune.h"
#include "scope.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define START_MS INT64_C(1560304800000) /* 2019-06-12T10:00:00+08:00 */

struct world {
    char dir[64];
    int64_t wall_ms;
    struct clock clock;
    struct rng_seeded seed;
    struct rng rng;
    struct core *core;
    struct feed *feed;
};

static int64_t wall(void *ctx) {
    return *(int64_t *)ctx;
}

static struct err err;

static void world_open(struct world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    err.code = ERR_NONE;
    w->wall_ms = START_MS;
    w->clock = (struct clock){wall, wall, &w->wall_ms};
    w->rng = rng_seeded_make(&w->seed, seed);
    strcpy(w->dir, "/tmp/zoufang-feed-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    w->core = core_create(w->dir, SOURCE_DIR "/schema", "340825", &w->clock, &w->rng, &err);
    cr_assert(w->core, "%s", err.msg);
    store_exec(w->core->store, "PRAGMA synchronous = OFF"); /* nothing is killed here */
    w->feed = feed_create(w->core, &err);
    cr_assert(w->feed, "%s", err.msg);
}

static void world_close(struct world *w) {
    feed_destroy(w->feed);
    core_close(w->core);
    static const char *const files[] = {"zoufang.db", "zoufang.db-wal", "zoufang.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        unlink(path);
    }
    rmdir(w->dir);
}

static void begin(struct world *w) {
    cr_assert(store_begin(w->core->store, &err), "%s", err.msg);
}

static void commit(struct world *w) {
    cr_assert(store_commit(w->core->store, &err), "%s", err.msg);
}

__attribute__((format(printf, 2, 3))) static void run(struct world *w, const char *fmt, ...) {
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    cr_assert(vsnprintf(sql, sizeof sql, fmt, args) < (int)sizeof sql);
    va_end(args);
    store_exec(w->core->store, sql);
    cr_assert(store_take_error(w->core->store, &err), "%s", err.msg);
}

static long long next_rev(struct world *w) {
    return (long long)store_next_rev(w->core->store);
}

static void add_entity(struct world *w, const char *kind, const char *id, const char *place,
                       const char *subject, int sensitivity, const char *audience,
                       const char *doc) {
    run(w,
        "INSERT INTO entity(kind, id, place, subject, registered, class, audience, doc, seen, "
        "conflicts, checks, gone, rev) VALUES('%s', '%s', '%s', '%s', 1, %d, '%s', '%s', '{}', "
        "'[]', '{}', '', %lld)",
        kind, id, place, subject, sensitivity, audience, doc, next_rev(w));
}

static void add_task(struct world *w, const char *id, const char *place, const char *subject,
                     int sensitivity, const char *audience) {
    run(w,
        "INSERT INTO task(id, rule, subject, level, root, place, state, priority, opened, due, "
        "closed, assignee_role, assignee, verifier_role, escalated, carried, unattainable, class, "
        "audience, doc, gone, rev) VALUES('%s', 'T-H1', '%s', 'household', '%s', '%s', 'open', 3, "
        "'2019-06-01', '2019-07-01', '', 'HL', '', 'TW', '', 0, 0, %d, '%s', '{\"v\":1}', '', "
        "%lld)",
        id, subject, subject, place, sensitivity, audience, next_rev(w));
}

static void add_record(struct world *w, const char *form, const char *subject, const char *place,
                       int64_t ms, int outcome, int sensitivity, const char *data) {
    static long long seq;
    char id[UUID_TEXT_SIZE];
    char hlc[HLC_TEXT_SIZE];
    char hex[33];
    unsigned char bytes[16];
    uuid7_make(&w->rng, ms, id);
    cr_assert(uuid7_parse(id, 36, bytes));
    hex_encode(bytes, 16, hex);
    hlc_format(ms << 16, hlc);
    run(w,
        "INSERT INTO record(id, form, fv, outcome, effect, subject, place, hlc, author, device, "
        "seq, via, received_ms, rev, body, class, problems) VALUES(x'%s', '%s', 1, %d, 1, '%s', "
        "'%s', %lld, 'C-1', 'd-1', %lld, '', 0, %lld, '{\"id\":\"%s\",\"form\":\"%s\",\"fv\":1,"
        "\"subject\":\"%s\",\"hlc\":\"%s\",\"by\":\"C-1\",\"gps\":{\"lat\":30.4,\"lng\":116.2},"
        "\"data\":%s}', %d, NULL)",
        hex, form, outcome, subject, place, (long long)(ms << 16), ++seq, next_rev(w), id, form,
        subject, hlc, data, sensitivity);
}

/* The register says what the cadre is from now on. */
static void set_cadre(struct world *w, const char *id, const char *role, const char *unit,
                      const char *scope) {
    char data[512];
    static int64_t stamp = START_MS - 200 * DAY_MS;
    snprintf(data, sizeof data, "{\"role\":\"%s\",\"unit\":\"%s\",\"scope\":[%s],\"active\":true}",
             role, unit, scope);
    add_record(w, "register.cadre", id, "", stamp += 1000, 1, 0, data);
    authority_forget(w->core->authority);
}

static void add_device(struct world *w, const char *device, const char *cadre) {
    run(w,
        "INSERT OR IGNORE INTO principal(id, kind, verifier, created_ms) "
        "VALUES('%s', 'device', 'x', 0)",
        device);
    run(w, "INSERT INTO device_author(device, cadre) VALUES('%s', '%s')", device, cadre);
    authority_forget(w->core->authority);
}

static void assign(struct world *w, const char *target, const char *cadre, const char *unit) {
    run(w,
        "INSERT OR REPLACE INTO assignment(id, target, kind, cadre, unit, from_day, to_day) "
        "VALUES('A-%s-%s%s', '%s', 'household', '%s', '%s', '2019-01-01', '9999-12-31')",
        target, cadre, unit, target, cadre, unit);
}

static void ignore_device(void *ctx, const char *device) {
    (void)ctx;
    (void)device;
}

static void refresh(struct world *w) {
    cr_assert(scope_refresh_all(w->core, ignore_device, NULL));
}

/* ---------------------------------------------------------------- a model phone */

struct phone {
    const char *device;
    const char *kinds; /* JSON array or "null" */
    int limit;
    char cursor[CURSOR_SIZE_MAX + 1]; /* "" = null */
    json_t *copy;                     /* "kind id" → change */
    int pages;
};

static int64_t asked_us; /* processor time spent in feed_answer */

static int64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static json_t *ask(struct world *w, const char *device, const char *request) {
    struct buf out;
    buf_init(&out, FEED_PAGE_BUF_SIZE);
    bool zlib;
    int64_t before = cpu_us();
    bool done = feed_answer(w->feed, device, request, strlen(request), &out, &zlib, &err);
    asked_us += cpu_us() - before;
    cr_assert(done, "%s", err.msg);
    json_t *page = payload_parse(out.data, out.size);
    cr_assert(page, "%s", out.data);
    size_t changes = json_array_size(json_object_get(page, "changes"));
    cr_assert(out.size <= PAGE_SIZE_MAX || changes == 1);
    buf_fini(&out);
    return page;
}

static const char *text_of(const json_t *v, const char *key) {
    const char *text = json_string_value(json_object_get(v, key));
    return text ? text : "";
}

/* Applies one page to the copy. */
static json_t *pull_page(struct world *w, struct phone *p) {
    char request[1024];
    char cursor[CURSOR_SIZE_MAX + 3] = "null";
    if (*p->cursor)
        snprintf(cursor, sizeof cursor, "\"%s\"", p->cursor);
    snprintf(request, sizeof request,
             "{\"v\":1,\"req\":\"r%d\",\"cursor\":%s,\"kinds\":%s,\"limit\":%d}", ++p->pages,
             cursor, p->kinds, p->limit);
    json_t *page = ask(w, p->device, request);
    cr_assert(!json_object_get(page, "error"), "%s", json_dumps(page, 0));
    if (!p->copy)
        p->copy = json_object();
    if (json_is_true(json_object_get(page, "reset")))
        json_object_clear(p->copy);
    json_t *changes = json_object_get(page, "changes");
    cr_assert(json_array_size(changes) <= (size_t)p->limit);
    size_t i;
    json_t *change;
    json_array_foreach(changes, i, change) {
        char key[300];
        snprintf(key, sizeof key, "%s %s", text_of(change, "kind"), text_of(change, "id"));
        if (json_object_get(change, "gone"))
            json_object_del(p->copy, key);
        else
            json_object_set(p->copy, key, change);
    }
    snprintf(p->cursor, sizeof p->cursor, "%s", text_of(page, "cursor"));
    return page;
}

/* What the reader may see, said plainly. */
static const char expected_sql[] =
    "WITH every(kind, id, rev, place, subject, class, audience, form) AS ("
    " SELECT kind, id, rev, place, subject, class, audience, '' FROM entity WHERE gone = ''"
    "  AND kind NOT IN ('cadre', 'unit')"
    " UNION ALL SELECT 'task', id, rev, place, subject, class, audience, '' FROM task"
    "  WHERE gone = ''"
    " UNION ALL SELECT 'record', id_text(id), rev, place, subject, class, '', form FROM record"
    "  WHERE outcome = 1 AND effect = 1 AND hlc_day(hlc) >= date(today(), '-90 days')"
    " UNION ALL SELECT 'held', id_text(id), rev, place, subject, class, '', form FROM record"
    "  WHERE outcome = 2 AND ?4) "
    "SELECT kind, id, rev FROM every e WHERE EXISTS (SELECT 1 FROM scope s WHERE s.device = ?1 "
    " AND s.removed = 0 AND s.item NOT LIKE 'role:%'"
    " AND CASE WHEN s.item GLOB '*-*' THEN e.subject = s.item OR e.subject LIKE s.item || '-%'"
    "  ELSE e.place LIKE s.item || '%' OR (kind = 'held' AND s.item = '340825' AND place = '') END)"
    " AND (class < 2 OR (class = 2 AND (?2 OR audience = ?5)) OR (class = 5 AND (?3 OR audience = "
    "?5)))"
    " AND (form IN ('', 'finding.report', 'register.cadre') OR ?2)"
    " AND (?6 = 'null' OR kind IN (SELECT value FROM json_each(?6)))";

struct role {
    const char *device;
    bool sees_l2, covert, reviewer;
    const char *unit;
};

static json_t *expected(struct world *w, const struct phone *p, const struct role *role) {
    sqlite3_stmt *q = NULL;
    cr_assert(!sqlite3_prepare_v2(store_db(w->core->store), expected_sql, -1, &q, NULL), "%s",
              sqlite3_errmsg(store_db(w->core->store)));
    q_text(q, 1, p->device);
    q_int(q, 2, role->sees_l2);
    q_int(q, 3, role->covert);
    q_int(q, 4, role->reviewer);
    q_text(q, 5, role->unit);
    q_text(q, 6, p->kinds);
    json_t *set = json_object();
    while (sqlite3_step(q) == SQLITE_ROW) {
        char key[300];
        snprintf(key, sizeof key, "%s %s", q_col(q, 0), q_col(q, 1));
        json_object_set_new(set, key, json_integer(sqlite3_column_int64(q, 2)));
    }
    sqlite3_finalize(q);
    return set;
}

static void check_digest(const json_t *page, const json_t *set) {
    uint64_t sum = 0;
    const char *key;
    json_t *rev;
    json_object_foreach((json_t *)(uintptr_t)set, key, rev) {
        char line[400];
        unsigned char hash[SHA256_SIZE];
        int size = snprintf(line, sizeof line, "%s%c%" JSON_INTEGER_FORMAT, key, 0,
                            json_integer_value(rev));
        *strchr(line, ' ') = '\0';
        sha256(line, (size_t)size, hash);
        sum += hash_head64(hash);
    }
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, sum);
    const json_t *digest = json_object_get(page, "digest");
    cr_assert(json_integer_value(json_object_get(digest, "count")) ==
              (json_int_t)json_object_size(set));
    cr_assert_str_eq(text_of(digest, "sum"), text);
}

/* Pulls one page. Nothing may be sent that the reader may not see now; after the last page the copy
 * must be complete. */
static bool pull_checked(struct world *w, struct phone *p, const struct role *role) {
    json_t *set = expected(w, p, role);
    json_t *page = pull_page(w, p);
    size_t i;
    json_t *change;
    json_array_foreach(json_object_get(page, "changes"), i, change) {
        char key[300];
        snprintf(key, sizeof key, "%s %s", text_of(change, "kind"), text_of(change, "id"));
        json_t *rev = json_object_get(set, key);
        if (!json_object_get(change, "gone"))
            cr_assert(json_equal(json_object_get(change, "rev"), rev), "%s: sent %s", p->device,
                      key);
        else
            cr_assert(!rev || !json_object_get(p->copy, key) ||
                          json_is_true(json_object_get(page, "more")),
                      "%s: took %s", p->device, key);
    }
    bool complete = json_is_false(json_object_get(page, "more"));
    if (complete) {
        const char *key;
        json_t *value;
        json_object_foreach(set, key, value)
            cr_assert(json_equal(json_object_get(json_object_get(p->copy, key), "rev"), value),
                      "%s lacks %s", p->device, key);
        json_object_foreach(p->copy, key, value)
            cr_assert(json_object_get(set, key), "%s has %s", p->device, key);
        check_digest(page, set);
    }
    json_decref(page);
    json_decref(set);
    return complete;
}

static void pull_all(struct world *w, struct phone *p, const struct role *role) {
    for (int i = 0; !pull_checked(w, p, role); i++)
        cr_assert(i < 5000, "the pull of %s never ends", p->device);
}

static void phone_fini(struct phone *p) {
    json_decref(p->copy);
}

/* ---------------------------------------------------------------- a small county */

static const char *const villages[] = {"340825104299", "340825104201", "340825105201"};
#define HOUSEHOLDS 5 /* in each village */

static void household_id(size_t i, char out[32]) {
    snprintf(out, 32, "%s-0%zu-%04zu", villages[i / HOUSEHOLDS], i % 3 + 1, i % HOUSEHOLDS + 1);
}
#define HOUSEHOLD_COUNT (3 * HOUSEHOLDS)

static void add_household(struct world *w, size_t i) {
    char id[32];
    char person[40];
    char task[64];
    household_id(i, id);
    const char *place = villages[i / HOUSEHOLDS];
    add_entity(w, "household", id, place, id, 1, "", "{\"group\":3,\"farmland_mu\":3.2}");
    for (int k = 1; k <= 2; k++) {
        snprintf(person, sizeof person, "%s-%02d", id, k);
        add_entity(w, "person", person, place, person, 2, "", "{\"name\":\"甲\"}");
    }
    snprintf(task, sizeof task, "T-H1-%s-1", id);
    add_task(w, task, place, id, 1, "");
    snprintf(task, sizeof task, "T-V1-%s-2019-06", person);
    add_task(w, task, place, person, 2, "");
    snprintf(task, sizeof task, "A-household-%s-C-1", id);
    add_entity(w, "assignment", task, place, id, 1, "", "{\"kind\":\"household\"}");
    add_record(w, "visit.household", id, place, START_MS - (int64_t)(i * 12) * DAY_MS, 1, 0,
               "{\"mode\":\"phone\"}");
}

static void add_village(struct world *w, size_t i) {
    char id[64];
    add_entity(w, "division", villages[i], villages[i], villages[i], 0, "", "{}");
    for (int k = 0; k < 3; k++) {
        snprintf(id, sizeof id, "finding-%zu-%d", i, k);
        add_entity(w, "finding", id, villages[i], villages[i], k ? 5 : 1, k == 1 ? "U-1" : "",
                   "{\"cat\":\"water\"}");
        snprintf(id, sizeof id, "T-F1-%zu-%d-1", i, k);
        add_task(w, id, villages[i], villages[i], k ? 5 : 1, k == 1 ? "U-1" : "");
    }
    add_record(w, "finding.report", villages[i], villages[i], START_MS - DAY_MS, 1, 5, "{}");
    add_record(w, "finding.report", villages[i], villages[i], START_MS - DAY_MS, 2, 0, "{}");
    add_record(w, "finding.report", villages[i], i ? villages[i] : "", START_MS, 2, 0, "{}");
}

static const struct role roles[] = {
    {"d-hl", true, false, false, "-"}, {"d-un", false, false, false, "U-1"},
    {"d-tw", true, false, true, "-"},  {"d-ct", false, true, false, "-"},
    {"d-co", true, true, true, "-"},
};

static void small_county(struct world *w) {
    begin(w);
    for (size_t i = 0; i < 3; i++)
        add_village(w, i);
    for (size_t i = 0; i < HOUSEHOLD_COUNT; i++)
        add_household(w, i);
    add_entity(w, "cadre", "C-1", "340825000000", "C-1", 1, "", "{}");
    add_entity(w, "division", "340825104000", "340825104000", "340825104000", 0, "", "{}");
    set_cadre(w, "C-HL", "HL", "U-9", "");
    set_cadre(w, "C-UN", "UN", "U-1", "");
    set_cadre(w, "C-TW", "TW", "U-T104", "\"340825104000\"");
    set_cadre(w, "C-CT", "CT", "U-8", "\"340825000000\"");
    set_cadre(w, "C-CO", "CO", "U-7", "\"340825000000\"");
    add_device(w, "d-hl", "C-HL");
    add_device(w, "d-un", "C-UN");
    add_device(w, "d-tw", "C-TW");
    add_device(w, "d-ct", "C-CT");
    add_device(w, "d-co", "C-CO");
    char id[32];
    household_id(1, id);
    assign(w, id, "C-HL", "");
    assign(w, villages[1], "", "U-1");
    refresh(w);
    commit(w);
}

/* ---------------------------------------------------------------- scope */

static void join(void *ctx, const char *text) {
    struct buf *b = ctx;
    buf_add_str(b, text);
    buf_add_char(b, ' ');
}

static char *items_of(struct world *w, const char *device, bool all) {
    struct buf b;
    buf_init(&b, 4096);
    buf_add_str(&b, "");
    sqlite3_stmt *q = NULL;
    sqlite3_prepare_v2(store_db(w->core->store),
                       "SELECT item FROM scope WHERE device = ?1 AND (removed = 0 OR ?2) "
                       "ORDER BY item",
                       -1, &q, NULL);
    q_text(q, 1, device);
    q_int(q, 2, all);
    while (sqlite3_step(q) == SQLITE_ROW)
        join(&b, q_col(q, 0));
    sqlite3_finalize(q);
    return b.data;
}

static void assert_items(struct world *w, const char *device, const char *items) {
    char *got = items_of(w, device, false);
    cr_assert_str_eq(got, items);
    free(got);
}

Test(scope, is_the_least_set_that_register_and_assignments_give) {
    struct world w;
    world_open(&w, 1);
    begin(&w);
    set_cadre(&w, "C-1", "UN", "U-1", "");
    set_cadre(&w, "C-2", "VO", "U-2", "\"340825104299\"");
    add_device(&w, "d-1", "C-1");
    assign(&w, "340825105201-01-0001", "C-1", "");
    assign(&w, "340825104299-03-0017", "C-1", "");
    assign(&w, "340825106000", "", "U-1");
    assign(&w, "340825107201", "", ""); /* of nobody: an author without unit has it not */
    bool changed;
    bool role;
    cr_assert(scope_refresh(w.core, "d-1", &changed, &role));
    cr_assert(changed && role);
    assert_items(&w, "d-1", "340825104299-03-0017 340825105201-01-0001 340825106 role:UN;U-1 ");
    cr_assert(scope_refresh(w.core, "d-1", &changed, &role));
    cr_assert(!changed && !role);

    add_device(&w, "d-1", "C-2");
    cr_assert(scope_refresh(w.core, "d-1", &changed, &role));
    cr_assert(changed && role);
    assert_items(&w, "d-1", "340825104299 340825105201-01-0001 340825106 role:UN+VO;U-1,U-2 ");

    run(&w, "UPDATE assignment SET to_day = '2019-06-11' WHERE unit = 'U-1'");
    cr_assert(scope_refresh(w.core, "d-1", &changed, &role));
    cr_assert(changed && !role);
    assert_items(&w, "d-1", "340825104299 340825105201-01-0001 role:UN+VO;U-1,U-2 ");
    run(&w, "UPDATE assignment SET to_day = '2019-06-12' WHERE unit = 'U-1'");
    refresh(&w);
    assert_items(&w, "d-1", "340825104299 340825105201-01-0001 340825106 role:UN+VO;U-1,U-2 ");

    struct buf places;
    buf_init(&places, 1024);
    scope_places(w.core, "d-1", join, &places);
    cr_assert_str_eq(places.data, "340825104299 340825105201 340825106000 ");
    buf_fini(&places);

    run(&w, "UPDATE principal SET revoked_ms = 1 WHERE id = 'd-1'");
    authority_forget(w.core->authority);
    refresh(&w);
    assert_items(&w, "d-1", "");
    commit(&w);
    world_close(&w);
}

Test(scope, a_helper_has_its_own_assignments_and_not_its_units) {
    struct world w;
    world_open(&w, 1);
    begin(&w);
    set_cadre(&w, "C-1", "HL", "U-1", "");
    add_device(&w, "d-1", "C-1");
    assign(&w, "340825106000", "", "U-1");
    assign(&w, "340825104299-03-0017", "C-1", "");
    refresh(&w);
    assert_items(&w, "d-1", "340825104299-03-0017 role:HL;U-1 ");
    commit(&w);
    world_close(&w);
}

Test(scope, tells_of_which_devices_it_changed) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct buf b;
    buf_init(&b, 1024);
    buf_add_str(&b, "");
    begin(&w);
    cr_assert(scope_refresh_all(w.core, join, &b));
    cr_assert_str_eq(b.data, "");
    assign(&w, villages[2], "C-HL", "");
    set_cadre(&w, "C-CT", "CT", "U-88", "\"340825000000\"");
    cr_assert(scope_refresh_all(w.core, join, &b));
    cr_assert_str_eq(b.data, "d-ct d-hl ");
    commit(&w);
    buf_fini(&b);
    world_close(&w);
}

/* ---------------------------------------------------------------- the pull */

#define PHONES 13
static void make_phones(struct phone *phones) {
    static const char *const kinds[] = {"null", "[\"task\"]",
                                        "[\"household\",\"person\",\"record\",\"held\"]"};
    static const int limits[] = {7, 1, 500, 3, 40};
    memset(phones, 0, PHONES * sizeof *phones);
    for (size_t i = 0; i < PHONES; i++)
        phones[i] = (struct phone){
            .device = roles[i % 5].device, .kinds = kinds[i % 3], .limit = limits[i / 3]};
}

static const struct role *role_of(const struct phone *p) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].device, p->device) == 0)
            return &roles[i];
    }
    return NULL;
}

static uint32_t below(struct world *w, uint32_t n) {
    return rng_below(&w->rng, n);
}

/* "(SELECT rowid of one at random)": which one is up to the seed. */
static const char *some(struct world *w, const char *table, const char *where) {
    static char sql[256];
    snprintf(sql, sizeof sql,
             "(SELECT rowid FROM %s WHERE %s ORDER BY (rowid * %u) %% 1009, rowid LIMIT 1)", table,
             where, below(w, 1000) + 1);
    return sql;
}

/* As the rules write tasks. */
static void replace_task(struct world *w) {
    char which[256];
    snprintf(which, sizeof which, "%s", some(w, "task", "1"));
    run(w,
        "INSERT OR REPLACE INTO task SELECT id, rule, subject, level, root, '%s', state, priority, "
        "opened, due, closed, assignee_role, assignee, verifier_role, escalated, carried, "
        "unattainable, %d, audience, doc, gone, %lld FROM task WHERE rowid = %s",
        villages[below(w, 3)], (int[]){0, 1, 2, 5}[below(w, 4)], next_rev(w), which);
}

static void change_row(struct world *w) {
    static const char *const tables[] = {"entity", "task", "entity"};
    const char *table = tables[below(w, 3)];
    switch (below(w, 9)) {
    case 5:
        replace_task(w);
        break;
    case 0:
        run(w, "UPDATE %s SET gone = 'void', rev = %lld WHERE rowid = %s", table, next_rev(w),
            some(w, table, "gone = ''"));
        break;
    case 1:
        run(w, "UPDATE %s SET gone = '', rev = %lld WHERE rowid = %s", table, next_rev(w),
            some(w, table, "gone <> ''"));
        break;
    case 2:
        run(w, "UPDATE %s SET class = %d, rev = %lld WHERE rowid = %s", table,
            (int[]){0, 1, 2, 5}[below(w, 4)], next_rev(w), some(w, table, "1"));
        break;
    case 3:
        run(w, "UPDATE %s SET audience = '%s', rev = %lld WHERE rowid = %s", table,
            below(w, 2) ? "U-1" : "", next_rev(w), some(w, table, "class = 5"));
        break;
    case 4:
        run(w, "UPDATE %s SET place = '%s', rev = %lld WHERE rowid = %s", table,
            villages[below(w, 3)], next_rev(w), some(w, table, "1"));
        break;
    default:
        run(w, "UPDATE %s SET rev = %lld WHERE rowid = %s", table, next_rev(w),
            some(w, table, "1"));
    }
}

static void change_record(struct world *w) {
    char id[32];
    size_t i = below(w, HOUSEHOLD_COUNT);
    household_id(i, id);
    switch (below(w, 6)) {
    case 0:
        run(w, "UPDATE record SET effect = %d, rev = %lld WHERE rec = %s", (int)below(w, 3) - 1,
            next_rev(w), some(w, "record", "outcome = 1 AND form <> 'register.cadre'"));
        break;
    case 1:
        run(w, "UPDATE record SET outcome = %d, rev = %lld WHERE rec = %s", below(w, 2) ? 1 : 3,
            next_rev(w), some(w, "record", "outcome = 2"));
        break;
    case 2:
        run(w, "UPDATE record SET place = '%s', rev = %lld WHERE rec = %s", villages[0],
            next_rev(w), some(w, "record", "place = '' AND form = 'finding.report'"));
        break;
    case 3:
        run(w, "UPDATE record SET class = %d, rev = %lld WHERE rec = %s", below(w, 2) ? 0 : 5,
            next_rev(w), some(w, "record", "form = 'finding.report'"));
        break;
    default:
        add_record(w, below(w, 2) ? "visit.household" : "finding.report", id,
                   villages[i / HOUSEHOLDS], w->wall_ms - (int64_t)below(w, 120) * DAY_MS,
                   below(w, 3) ? 1 : 2, 0, "{}");
    }
}

static void change_scope(struct world *w) {
    char id[32];
    household_id(below(w, HOUSEHOLD_COUNT), id);
    switch (below(w, 5)) {
    case 0:
        assign(w, id, "C-HL", "");
        break;
    case 1:
        assign(w, villages[below(w, 3)], below(w, 2) ? "C-HL" : "", "U-1");
        break;
    case 2:
        run(w,
            "DELETE FROM assignment WHERE id = (SELECT id FROM assignment ORDER BY id LIMIT 1 "
            "OFFSET %u)",
            below(w, 4));
        break;
    case 3:
        set_cadre(w, "C-TW", "TW", below(w, 4) ? "U-T104" : "U-T105",
                  below(w, 2) ? "\"340825104000\"" : "\"340825105000\",\"340825104201\"");
        break;
    default:
        run(w, "DELETE FROM assignment WHERE target = '%s'", id);
    }
    refresh(w);
}

static void change_county(struct world *w) {
    begin(w);
    for (uint32_t n = below(w, 4); n; n--) {
        uint32_t what = below(w, 20);
        if (what < 10)
            change_row(w);
        else if (what < 16)
            change_record(w);
        else if (what < 19)
            change_scope(w);
        else
            w->wall_ms += (int64_t)below(w, 5) * DAY_MS;
    }
    commit(w);
}

static void play(uint64_t seed, int rounds) {
    struct world w;
    struct phone phones[PHONES];
    world_open(&w, seed);
    small_county(&w);
    make_phones(phones);
    for (int i = 0; i < rounds; i++) {
        change_county(&w);
        struct phone *p = &phones[below(&w, PHONES)];
        if (below(&w, 10) == 0)
            pull_all(&w, p, role_of(p));
        else
            pull_checked(&w, p, role_of(p));
    }
    for (size_t i = 0; i < PHONES; i++) {
        pull_all(&w, &phones[i], role_of(&phones[i]));
        phone_fini(&phones[i]);
    }
    world_close(&w);
}

Test(feed, phones_hold_what_they_may_see_however_the_county_changes) {
    const char *text = getenv("FEED_SEEDS");
    int seeds = text ? atoi(text) : 6;
    for (int seed = 1; seed <= seeds; seed++) {
        fprintf(stderr, "seed %d\n", seed);
        play((uint64_t)seed, 200);
    }
}

Test(feed, empty_for_a_device_without_scope) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    json_t *page = ask(&w, "d-none", "{\"v\":1,\"req\":\"r1\",\"cursor\":null}");
    cr_assert(json_array_size(json_object_get(page, "changes")) == 0);
    cr_assert(json_array_size(json_object_get(page, "scope")) == 0);
    cr_assert(json_is_true(json_object_get(page, "reset")));
    cr_assert(json_is_false(json_object_get(page, "more")));
    cr_assert_str_eq(text_of(json_object_get(page, "digest"), "sum"), "0000000000000000");
    cr_assert_str_eq(text_of(page, "epoch"), w.core->epoch);
    cr_assert_str_eq(text_of(page, "time"), "2019-06-12T02:00:00.000Z");
    json_decref(page);
    world_close(&w);
}

Test(feed, a_role_change_begins_anew) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct phone p = {.device = "d-tw", .kinds = "null", .limit = 500};
    struct role role = {"d-tw", true, false, true, "-"};
    pull_all(&w, &p, &role);
    begin(&w);
    set_cadre(&w, "C-TW", "SE", "U-T104", "\"340825104000\"");
    refresh(&w);
    commit(&w);
    role = (struct role){"d-tw", false, false, false, "-"};
    json_t *page = pull_page(&w, &p);
    cr_assert(json_is_true(json_object_get(page, "reset")));
    json_decref(page);
    pull_all(&w, &p, &role);
    phone_fini(&p);
    world_close(&w);
}

Test(feed, another_unit_begins_anew) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct phone p = {.device = "d-un", .kinds = "null", .limit = 500};
    pull_all(&w, &p, &roles[1]);
    cr_assert(json_object_get(p.copy, "finding finding-1-1"));
    begin(&w);
    set_cadre(&w, "C-UN", "UN", "U-2", "\"340825104201\"");
    refresh(&w);
    commit(&w);
    struct role role = {"d-un", false, false, false, "U-2"};
    pull_all(&w, &p, &role);
    cr_assert(!json_object_get(p.copy, "finding finding-1-1"));
    phone_fini(&p);
    world_close(&w);
}

Test(feed, begins_anew_after_a_rebuild) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct phone p = {.device = "d-co", .kinds = "null", .limit = 500};
    pull_all(&w, &p, &roles[4]);
    begin(&w);
    run(&w, "DELETE FROM entity WHERE kind = 'person'");
    feed_begin_anew(w.core->store);
    commit(&w);
    pull_all(&w, &p, &roles[4]);
    phone_fini(&p);
    world_close(&w);
}

Test(feed, scope_page_asks_for_a_pull) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct buf out;
    buf_init(&out, FEED_PAGE_BUF_SIZE);
    begin(&w); /* it is written in the transaction that changes the scope */
    cr_assert(feed_scope_page(w.feed, "d-un", &out, &err), "%s", err.msg);
    run(&w, "UPDATE entity SET rev = %lld WHERE id = 'finding-1-0'", next_rev(&w));
    commit(&w);
    json_t *page = payload_parse(out.data, out.size);
    cr_assert(json_is_null(json_object_get(page, "req")));
    cr_assert(json_is_true(json_object_get(page, "more")));
    cr_assert(!json_object_get(page, "cursor"));
    cr_assert(json_array_size(json_object_get(page, "changes")) == 0);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(page, "scope"), 0)),
                     villages[1]);
    json_decref(page);
    buf_fini(&out);
    world_close(&w);
}

/* ---------------------------------------------------------------- what a row shows */

static json_t *find_change(const json_t *page, const char *kind, const char *id) {
    size_t i;
    json_t *change;
    json_array_foreach(json_object_get(page, "changes"), i, change) {
        if (strcmp(text_of(change, "kind"), kind) == 0 && strcmp(text_of(change, "id"), id) == 0)
            return change;
    }
    return NULL;
}

#define PRIVATE_HOUSEHOLD                                                                          \
    "{\"group\":3,\"addr\":\"SECRET2\",\"phone\":\"SECRET3\",\"farmland_mu\":3.2}"

static void private_county(struct world *w) {
    small_county(w);
    begin(w);
    run(w,
        "UPDATE entity SET doc = '" PRIVATE_HOUSEHOLD
        "', seen = '{\"phone\":[\"00000000000a\"],\"group\":[\"00000000000b\"]}', checks = "
        "'{\"housing\":\"gap\"}', conflicts = '[{\"fact\":\"phone\",\"winner\":{\"value\":"
        "\"SECRET3\"},\"loser\":{\"value\":\"SECRET3\"}},{\"fact\":\"group\",\"winner\":{\"value\":"
        "3},\"loser\":{\"value\":4}}]', rev = %lld WHERE kind = 'household' AND id = "
        "'340825104201-01-0002'",
        next_rev(w));
    add_record(w, "visit.household", "340825104201-01-0002", villages[1], START_MS, 1, 0,
               "{\"mode\":\"phone\",\"measures\":[{\"type\":\"industry\",\"text\":\"SECRET2\"}]}");
    add_record(w, "finding.report", villages[1], villages[1], START_MS, 1, 0,
               "{\"cat\":\"water\",\"unknown\":\"SECRET2\"}");
    commit(w);
}

static char *dump_page(struct world *w, const char *device) {
    json_t *page = ask(w, device, "{\"v\":1,\"req\":\"r1\"}");
    char *text = json_dumps(page, JSON_COMPACT);
    json_decref(page);
    return text;
}

Test(feed, facts_are_those_of_the_classes_of_the_role) {
    struct world w;
    world_open(&w, 1);
    private_county(&w);
    json_t *page = ask(&w, "d-un", "{\"v\":1,\"req\":\"r1\"}");
    json_t *household = find_change(page, "household", "340825104201-01-0002");
    cr_assert(household);
    cr_assert_str_eq(text_of(json_object_get(household, "checks"), "housing"), "gap");
    json_t *doc = json_object_get(household, "doc");
    cr_assert(json_object_get(doc, "group"));
    cr_assert(!json_object_get(doc, "phone") && !json_object_get(doc, "addr"));
    cr_assert(json_object_size(json_object_get(household, "seen")) == 1);
    cr_assert(json_array_size(json_object_get(household, "conflicts")) == 1);
    json_decref(page);
    char *unit = dump_page(&w, "d-un");
    cr_assert(!strstr(unit, "SECRET"), "%s", strstr(unit, "SECRET"));
    cr_assert(!strstr(unit, "\"person\""));
    cr_assert(strstr(unit, "finding.report") && !strstr(unit, "\"gps\""));
    char *town = dump_page(&w, "d-tw");
    cr_assert(strstr(town, "SECRET2") && strstr(town, "SECRET3") && strstr(town, "\"gps\""));
    cr_assert(strstr(town, "\"conflicts\":[{\"fact\":\"phone\""));
    free(unit);
    free(town);
    world_close(&w);
}

Test(feed, covert_work_reaches_only_the_team_the_county_and_its_audience) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    begin(&w);
    for (size_t i = 0; i < 3; i++)
        assign(&w, villages[i], "C-HL", "");
    refresh(&w);
    commit(&w);
    char *helper = dump_page(&w, "d-hl");
    char *unit = dump_page(&w, "d-un");
    char *team = dump_page(&w, "d-ct");
    cr_assert(strstr(helper, "\"finding-1-0\"") && !strstr(helper, "\"finding-1-1\""));
    cr_assert(!strstr(helper, "T-F1-1-1") && !strstr(helper, "\"finding-1-2\""));
    cr_assert(strstr(unit, "\"finding-1-1\"") && !strstr(unit, "\"finding-1-2\""));
    cr_assert(strstr(unit, "T-F1-1-1") && !strstr(unit, "T-F1-1-2"));
    cr_assert(strstr(team, "\"finding-1-1\"") && strstr(team, "\"finding-1-2\""));
    free(helper);
    free(unit);
    free(team);
    world_close(&w);
}

/* A device whose 60 authors work for as many units; the last one's is `unit`. */
static void add_shared_device(struct world *w, const char *device, const char *unit) {
    for (int i = 0; i < 60; i++) {
        char cadre[40];
        char its[40];
        snprintf(cadre, sizeof cadre, "C-%s-%02d", device, i);
        snprintf(its, sizeof its, "U-THE-SAME-%02d", i);
        set_cadre(w, cadre, "UN", i == 59 ? unit : its, "\"340825104000\"");
        add_device(w, device, cadre);
    }
}

Test(feed, readers_who_differ_in_the_last_of_many_units_have_their_own_sums) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    begin(&w);
    add_shared_device(&w, "d-a", "U-Z1");
    add_shared_device(&w, "d-b", "U-Z2");
    add_entity(&w, "finding", "finding-z2", villages[0], villages[0], 5, "U-Z2", "{}");
    refresh(&w);
    commit(&w);
    struct phone a = {.device = "d-a", .kinds = "null", .limit = 500};
    struct phone b = {.device = "d-b", .kinds = "null", .limit = 500};
    pull_all(&w, &a, &(struct role){"d-a", false, false, false, "U-Z1"});
    pull_all(&w, &b, &(struct role){"d-b", false, false, false, "U-Z2"});
    cr_assert(json_object_get(b.copy, "finding finding-z2"));
    phone_fini(&a);
    phone_fini(&b);
    world_close(&w);
}

/* The day `days` after the beginning: what the engine does then. */
static void new_day(struct world *w, int days) {
    char day[11];
    bool more = true;
    w->wall_ms = START_MS + days * DAY_MS;
    time_local_date(w->wall_ms, day);
    begin(w);
    prune_note_day(w->core, day);
    commit(w);
    while (more)
        cr_assert(prune_slice(w->core, &more, &err), "%s", err.msg);
}

static int64_t number(struct world *w, const char *sql) {
    sqlite3_stmt *q;
    cr_assert(!sqlite3_prepare_v2(store_db(w->core->store), sql, -1, &q, NULL));
    cr_assert(sqlite3_step(q) == SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

static bool resets(struct world *w, struct phone *p) {
    json_t *page = pull_page(w, p);
    bool reset = json_is_true(json_object_get(page, "reset"));
    json_decref(page);
    return reset;
}

/* A finding and an item of scope that readers lose, 1,200 times. */
static void let_go(struct world *w) {
    begin(w);
    for (int i = 0; i < 1200; i++) {
        char id[40];
        snprintf(id, sizeof id, "finding-old-%d", i);
        add_entity(w, "finding", id, villages[0], villages[0], 1, "", "{}");
        run(w, "UPDATE entity SET class = 5, rev = %lld WHERE id = '%s'", next_rev(w), id);
        run(w, "INSERT INTO scope(device, item, added, removed) VALUES('d-x', '%s', %lld, %lld)",
            id, next_rev(w), next_rev(w));
        run(w,
            "INSERT INTO refusal(device, via, received_ms, payload_sha256, problems, body) "
            "VALUES('d-x', '', %lld, '%s', '[]', x'00')",
            (long long)w->wall_ms, id);
    }
    commit(w);
}

Test(feed, what_no_cursor_needs_is_pruned_and_older_cursors_begin_anew) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    begin(&w);
    store_set_param(w.core->store, "feed.keep_days", "60");
    store_set_param(w.core->store, "refusal.keep_days", "70");
    commit(&w);
    struct phone old = {.device = "d-tw", .kinds = "[\"finding\"]", .limit = 500};
    struct phone recent = {.device = "d-tw", .kinds = "[\"finding\"]", .limit = 500};
    struct phone slow = {.device = "d-tw", .kinds = "[\"finding\"]", .limit = 1};
    pull_all(&w, &old, &roles[2]);
    let_go(&w);
    new_day(&w, 1);
    pull_all(&w, &recent, &roles[2]);
    cr_assert(resets(&w, &slow), "it begins, and has more to come");
    new_day(&w, 60);
    cr_assert_eq(number(&w, "SELECT count(*) FROM feed_left"), 1200, "not yet");
    new_day(&w, 61);
    cr_assert_eq(number(&w, "SELECT count(*) FROM feed_left"), 0);
    cr_assert_eq(number(&w, "SELECT count(*) FROM scope WHERE removed > 0"), 0);
    cr_assert_eq(number(&w, "SELECT count(*) FROM refusal"), 1200);
    cr_assert(!resets(&w, &recent));
    cr_assert(!resets(&w, &slow), "what went before its first page, it never had");
    cr_assert(resets(&w, &old));
    pull_all(&w, &old, &roles[2]);
    pull_all(&w, &slow, &roles[2]);
    new_day(&w, 71);
    cr_assert_eq(number(&w, "SELECT count(*) FROM refusal"), 0);
    phone_fini(&old);
    phone_fini(&recent);
    phone_fini(&slow);
    world_close(&w);
}

/* Lets the feed read this as access.json; what feed_reload says. */
static bool reload_access(struct world *w, const char *text) {
    char dir[] = "/tmp/zoufang-access-XXXXXX";
    char path[64];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/access.json", dir);
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
    strcpy(w->core->schema_dir, dir);
    err.code = ERR_NONE;
    bool ok = feed_reload(w->feed, &err);
    strcpy(w->core->schema_dir, SOURCE_DIR "/schema");
    unlink(path);
    rmdir(dir);
    return ok;
}

Test(feed, access_is_what_the_file_says) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    struct phone p = {.device = "d-un", .kinds = "null", .limit = 500};
    pull_all(&w, &p, &roles[1]);
    cr_assert(reload_access(&w, "{\"UN\": {\"classes\": [\"L0\", \"L1\"], \"covert\": true, "
                                "\"reviews\": true}, \"TW\": {\"classes\": [\"L0\"]}}"));
    json_t *page = pull_page(&w, &p);
    cr_assert(json_is_true(json_object_get(page, "reset")), "it sees the same classes, but more");
    json_decref(page);
    pull_all(&w, &p, &(struct role){"d-un", false, true, true, "U-1"});
    cr_assert(json_object_get(p.copy, "finding finding-1-2"));
    phone_fini(&p);
    static const char *const bad[] = {
        "[]", "{\"UN\": [\"L0\"]}", "{\"UN\": {\"classes\": [\"L5\"]}}",
        "{\"UN\": {\"classes\": [], \"covert\": 1}}", "{\"UN\": {\"classes\": [], \"all\": true}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(!reload_access(&w, bad[i]) && err.code == ERR_USAGE, "%s", bad[i]);
    world_close(&w);
}

/* ---------------------------------------------------------------- requests */

static void assert_refused(struct world *w, const char *request, const char *code) {
    json_t *answer = ask(w, "d-tw", request);
    const json_t *error = json_object_get(answer, "error");
    cr_assert_str_eq(text_of(error, "code"), code, "%s", request);
    cr_assert(*text_of(error, "zh") && *text_of(error, "en"));
    cr_assert(!json_object_get(answer, "changes"));
    json_decref(answer);
}

Test(feed, refuses_what_it_cannot_read) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    static const char *const malformed[] = {"",
                                            "x",
                                            "[]",
                                            "{",
                                            "{}",
                                            "{\"v\":1}",
                                            "{\"v\":\"1\",\"req\":\"r\"}",
                                            "{\"v\":1,\"req\":5}",
                                            "{\"v\":1,\"req\":\"r\",\"cursor\":5}",
                                            "{\"v\":1,\"req\":\"r\",\"limit\":0}",
                                            "{\"v\":1,\"req\":\"r\",\"limit\":501}",
                                            "{\"v\":1,\"req\":\"r\",\"limit\":\"5\"}",
                                            "{\"v\":1,\"req\":\"r\",\"kinds\":[]}",
                                            "{\"v\":1,\"req\":\"r\",\"kinds\":\"task\"}",
                                            "{\"v\":1,\"req\":\"r\",\"kinds\":[\"cadre\"]}",
                                            "{\"v\":1,\"req\":\"r\",\"kinds\":[\"task\",5]}",
                                            "{\"v\":1,\"v\":1,\"req\":\"r\"}"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_refused(&w, malformed[i], "malformed");
    assert_refused(&w, "{\"v\":2,\"req\":\"r\"}", "version");
    json_t *answer = ask(&w, "d-tw", "{\"v\":1,\"req\":\"r\\\"9\",\"limit\":0}");
    cr_assert_str_eq(text_of(answer, "req"), "r\"9");
    json_decref(answer);
    world_close(&w);
}

Test(feed, takes_zlib_and_tells_that_it_was_asked_for) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    const char request[] = "{\"v\":1,\"req\":\"r1\",\"accept\":[\"br\",\"zlib\"],\"app\":\"x\"}";
    struct buf packed;
    struct buf out;
    buf_init(&packed, 4096);
    buf_init(&out, FEED_PAGE_BUF_SIZE);
    cr_assert(payload_compress(request, sizeof request - 1, &packed));
    bool zlib = false;
    cr_assert(feed_answer(w.feed, "d-tw", packed.data, packed.size, &out, &zlib, &err));
    cr_assert(zlib);
    cr_assert(strstr(out.data, "\"household\""));
    buf_fini(&packed);
    buf_fini(&out);
    world_close(&w);
}

Test(feed, an_unreadable_cursor_begins_anew) {
    struct world w;
    world_open(&w, 7);
    small_county(&w);
    struct phone p = {.device = "d-tw", .kinds = "null", .limit = 20};
    json_decref(pull_page(&w, &p));
    json_decref(pull_page(&w, &p));
    char good[CURSOR_SIZE_MAX + 1];
    strcpy(good, p.cursor);
    static const char alphabet[] = "0123456789abcdef-ghiXYZ .~";
    for (int i = 0; i < 500; i++) {
        strcpy(p.cursor, good);
        for (uint32_t n = below(&w, 3) + 1; n; n--) {
            size_t at = below(&w, (uint32_t)strlen(p.cursor));
            if (below(&w, 4) == 0 && at)
                p.cursor[at] = '\0';
            else
                p.cursor[at] = alphabet[below(&w, sizeof alphabet - 1)];
        }
        /* Whatever it means now: an answer, and no more than the device may see. */
        json_t *set = expected(&w, &p, &roles[2]);
        json_t *page = pull_page(&w, &p);
        size_t k;
        json_t *change;
        json_array_foreach(json_object_get(page, "changes"), k, change) {
            char key[300];
            snprintf(key, sizeof key, "%s %s", text_of(change, "kind"), text_of(change, "id"));
            cr_assert(json_object_get(change, "gone") || json_object_get(set, key), "%s", key);
        }
        json_decref(set);
        json_decref(page);
    }
    static const char *const others[] = {
        "", "x", "1", "1-0-0-0-0-0-0-0-0-0-0-0", "2-", "1-------------------------"};
    for (size_t i = 1; i < sizeof others / sizeof *others; i++) {
        strcpy(p.cursor, others[i]);
        json_t *page = pull_page(&w, &p);
        cr_assert(json_is_true(json_object_get(page, "reset")), "%s", others[i]);
        json_decref(page);
    }
    phone_fini(&p);
    world_close(&w);
}

Test(feed, cursors_read_back_as_written) {
    struct feed_cursor c = {.epoch = UINT32_MAX,
                            .view = UINT32_MAX,
                            .kinds = 511,
                            .role = INT64_MAX,
                            .scope = INT64_MAX,
                            .upto = INT64_MAX,
                            .quiet = INT64_MAX,
                            .cutoff = INT64_MAX,
                            .phase = FEED_AGED,
                            .target = INT64_MAX,
                            .at = INT64_MAX};
    char text[CURSOR_SIZE_MAX + 1];
    struct feed_cursor again;
    memset(&again, 0, sizeof again);
    feed_cursor_write(&c, text);
    cr_assert(strlen(text) < CURSOR_SIZE_MAX);
    cr_assert(feed_cursor_read(text, &again));
    char twice[CURSOR_SIZE_MAX + 1];
    feed_cursor_write(&again, twice);
    cr_assert_str_eq(text, twice);
}

/* ---------------------------------------------------------------- pages and plans */

Test(feed, a_page_ends_at_its_size_but_has_a_change) {
    struct world w;
    world_open(&w, 1);
    small_county(&w);
    begin(&w);
    char *text = malloc(60001);
    memset(text, 'x', 60000);
    text[60000] = '\0';
    for (int i = 0; i < 5; i++) {
        char *sql =
            sqlite3_mprintf("UPDATE entity SET doc = '{\"text\":\"%s%s%s\"}', rev = %lld "
                            "WHERE id = 'finding-%d-0'",
                            text, i == 2 ? text : "", i == 2 ? text : "", next_rev(&w), i % 3);
        store_exec(w.core->store, sql);
        sqlite3_free(sql);
    }
    free(text);
    commit(&w);
    struct phone p = {.device = "d-co", .kinds = "[\"finding\"]", .limit = 500};
    pull_all(&w, &p, &roles[4]);
    cr_assert(p.pages == 3, "%d", p.pages);
    phone_fini(&p);
    world_close(&w);
}

/* A village as large as they come: complete, in few pages, and how long that takes. */
Test(feed, a_village) {
    struct world w;
    world_open(&w, 1);
    begin(&w);
    for (int i = 0; i < 340; i++) {
        char id[40];
        char other[80];
        snprintf(id, sizeof id, "340825104299-%02d-%04d", i % 12 + 1, i + 1);
        add_entity(&w, "household", id, villages[0], id, 1, "", PRIVATE_HOUSEHOLD);
        for (int k = 0; k < (i % 2 ? 3 : 4); k++) {
            snprintf(other, sizeof other, "%s-%02d", id, k + 1);
            add_entity(&w, "person", other, villages[0], other, 2, "",
                       "{\"name\":\"甲\",\"sex\":\"f\",\"birth\":\"1960-01-01\",\"relation\":"
                       "\"head\",\"insured\":true,\"labour\":\"general\",\"status\":\"current\"}");
        }
        snprintf(other, sizeof other, "T-V1-%s-2019-06", id);
        add_task(&w, other, villages[0], id, 1, "");
        add_record(&w, "visit.household", id, villages[0], START_MS - DAY_MS, 1, 0,
                   "{\"mode\":\"phone\"}");
    }
    set_cadre(&w, "C-1", "VO", "", "\"340825104299\"");
    set_cadre(&w, "C-2", "SI", "", "\"340825104299\"");
    add_device(&w, "d-vo", "C-1");
    add_device(&w, "d-si", "C-2");
    refresh(&w);
    commit(&w);
    static const struct role readers[] = {{"d-vo", true, false, false, "-"},
                                          {"d-si", true, false, false, "-"}};
    for (int i = 0; i < 2; i++) {
        struct phone p = {.device = readers[i].device, .kinds = "null", .limit = 500};
        asked_us = 0;
        bool more = true;
        while (more) {
            json_t *page = pull_page(&w, &p);
            more = json_is_true(json_object_get(page, "more"));
            json_decref(page);
        }
        fprintf(stderr, "%s: %d pages, %zu rows, %lld ms\n", p.device, p.pages,
                json_object_size(p.copy), (long long)asked_us / 1000);
        cr_assert(json_object_size(p.copy) == 340 + 1190 + 340 + 340);
        cr_assert(p.pages <= 12, "%d", p.pages);
        pull_all(&w, &p, &readers[i]);
        phone_fini(&p);
    }
    world_close(&w);
}

Test(feed, statements_do_not_scan) {
    struct world w;
    world_open(&w, 1);
    sqlite3 *db = store_db(w.core->store);
    for (enum feed_query i = 0; i < FEED_QUERIES; i++) {
        const char *text = sqlite3_sql(feed_query(w.feed, i));
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", text);
        sqlite3_stmt *plan = NULL;
        cr_assert(!sqlite3_prepare_v2(db, sql, -1, &plan, NULL));
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = q_col(plan, 3);
            cr_assert(strncmp(detail, "SCAN", 4) != 0, "%s: %s", text, detail);
            cr_assert(!strstr(detail, "TEMP B-TREE"), "%s: %s", text, detail);
            bool by_place = !strstr(text, "WHERE place = ?1") || strstr(detail, "place=?");
            bool by_subject = !strstr(text, "subject >= ?1") || strstr(detail, "subject>?");
            cr_assert(by_place && by_subject, "%s: %s", text, detail);
        }
        sqlite3_finalize(plan);
        sqlite3_free(sql);
    }
    world_close(&w);
}
