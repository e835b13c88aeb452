/* The derivation engine, with the county's own rules: what it writes, publishes and keeps quiet. */
#include "../contract/county_fixture.h"
#include "hash.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#define H2 "T-H2-" HOUSEHOLD "-b01-1"
#define TOPIC "zf/1/340825/"
#define VILLAGE_TOPIC TOPIC "village/104/299/"

static const char *const appraise_d =
    "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":\"D\"}";
static const char *payload(struct county *c, const char *topic) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT CAST(payload AS TEXT) FROM retained WHERE topic = '%s'",
             topic);
    return ask(c, sql);
}

static const char *task(struct county *c, const char *column, const char *id) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT %s FROM task WHERE id = '%s'", column, id);
    return ask(c, sql);
}

static const char *member(struct county *c, const char *topic, const char *path) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT CAST(payload AS TEXT) ->> '%s' FROM retained WHERE topic = '%s'", path, topic);
    return ask(c, sql);
}

#define eq(actual, expected) cr_expect_str_eq(actual, expected, "%s", actual)

static void start_with_d(struct county *c) {
    county_start(c);
    household(c, HOUSEHOLD, "not_exited", "[\"registered_poor\"]");
    record(c, "inspect.housing", HOUSEHOLD, "2019-06-12T10:03:00+08:00", "C-00901", appraise_d);
    derive_all(c);
}

/* The numbers of the county's worked example. */
Test(derive, grade_d_house) {
    struct county c;
    start_with_d(&c);
    eq(task(&c, "due", H2), "2019-06-13");
    eq(task(&c, "doc ->> '$.milestones'", H2),
       "[{\"name\":\"sign\",\"due\":\"2019-06-22\"},{\"name\":\"start\",\"due\":\"2019-07-02\"},"
       "{\"name\":\"main\",\"due\":\"2019-08-26\"},{\"name\":\"accept\",\"due\":\"2019-09-20\"}]");
    eq(task(&c, "assignee_role || assignee || verifier_role", H2), "HLC-00412TW");
    eq(ask(&c, "SELECT checks ->> '$.housing' || (checks ->> '$.water') FROM entity"
               " WHERE kind = 'household'"),
       "gapunknown");
    eq(member(&c, TOPIC "status/104/299", "$.campaigns.housing.colour"), "red");
    eq(member(&c, TOPIC "status/104", "$.indicators.house.left"), "");
    eq(member(&c, TOPIC "status/104", "$.indicators.\"house.left\""),
       "{\"num\":1,\"den\":1,\"ok\":false}");
    eq(member(&c, TOPIC "status", "$.indicators.\"house.left\".num"), "1");
    county_stop(&c);
}

Test(derive, milestones_of_the_decision) {
    struct county c;
    county_start(&c);
    set_today(&c, "2019-11-01");
    static const char *const found[] = {"2019-07-10", "2019-09-01", "2019-10-05"};
    static const char *const expected[] = {
        "2019-07-11 0 2019-07-17 2019-07-24 2019-09-02 2019-09-20",
        "2019-09-02 1 2019-09-02 2019-09-04 2019-09-15 2019-09-20",
        "2019-10-05 1 2019-09-30 2019-09-30 2019-09-30 2019-09-30"};
    for (size_t i = 0; i < 3; i++) {
        char id[40];
        char stamp[40];
        char name[64];
        snprintf(id, sizeof id, VILLAGE "-03-%04zu", i + 1);
        snprintf(stamp, sizeof stamp, "%sT00:10:00+08:00", found[i]);
        snprintf(name, sizeof name, "T-H2-%s-b01-1", id);
        household(&c, id, "none", "[]");
        record(&c, "inspect.housing", id, stamp, "C-00901", appraise_d);
        derive_all(&c);
        const char *now = task(&c,
                               "due || ' ' || unattainable || ' ' || (SELECT group_concat("
                               "value ->> '$.due', ' ') FROM json_each(doc, '$.milestones'))",
                               name);
        eq(now, expected[i]);
    }
    county_stop(&c);
}

Test(derive, retained_tasks_follow) {
    struct county c;
    start_with_d(&c);
    const char *now = payload(&c, VILLAGE_TOPIC "tasks/" H2);
    cr_assert(strstr(now, "\"rule\":\"T-H2\""), "%s", now);
    char rev[32];
    snprintf(rev, sizeof rev, "\"rev\":%s}", task(&c, "rev", H2));
    cr_expect(strstr(now, rev), "%s in %s", rev, now);
    /* withdrawn: the task is void, the topic is to be cleared */
    run_sql(&c, "UPDATE retained SET sent = 1; UPDATE record SET effect = -1"
                " WHERE form = 'inspect.housing'");
    mark(&c, "household", HOUSEHOLD, "inspect.housing");
    derive_all(&c);
    eq(task(&c, "state || gone", H2), "voidvoid");
    eq(ask(&c, "SELECT topic || sent FROM retained WHERE payload IS NULL"),
       VILLAGE_TOPIC "tasks/" H2 "0");
    /* restored */
    run_sql(&c, "UPDATE record SET effect = 1");
    mark(&c, "household", HOUSEHOLD, "inspect.housing");
    derive_all(&c);
    eq(task(&c, "state || gone", H2), "open");
    cr_expect(*payload(&c, VILLAGE_TOPIC "tasks/" H2));
    county_stop(&c);
}

Test(derive, head_digests_the_retained_tasks) {
    struct county c;
    start_with_d(&c);
    uint64_t sum = 0;
    int open = 0;
    sqlite3_stmt *q = NULL;
    sqlite3_prepare_v2(store_db(c.store),
                       "SELECT CAST(payload AS TEXT) ->> '$.id', CAST(payload AS TEXT) ->> '$.rev'"
                       " FROM retained WHERE topic GLOB '*104/299/tasks/*'"
                       " AND payload IS NOT NULL",
                       -1, &q, NULL);
    for (; sqlite3_step(q) == SQLITE_ROW; open++) {
        char text[200];
        unsigned char digest[SHA256_SIZE];
        int size = snprintf(text, sizeof text, "task%c%s%c%s", 0, q_col(q, 0), 0, q_col(q, 1));
        sha256(text, (size_t)size, digest);
        sum += hash_head64(digest);
    }
    sqlite3_finalize(q);
    char expected[128];
    snprintf(expected, sizeof expected, "{\"open\":%d,\"sum\":\"%016llx\"}", open,
             (unsigned long long)sum);
    cr_expect(open >= 2);
    eq(member(&c, VILLAGE_TOPIC "head", "$.tasks"), expected);
    eq(member(&c, VILLAGE_TOPIC "head", "$.seq"),
       ask(&c, "SELECT max(rev) FROM task WHERE place = '" VILLAGE "'"));
    county_stop(&c);
}

Test(derive, every_place_has_a_status) {
    struct county c;
    county_start(&c);
    derive_all(&c);
    eq(ask(&c, "SELECT count(*) FROM retained WHERE topic GLOB '*/status*'"), "6");
    eq(ask(&c, "SELECT count(*) FROM retained WHERE topic GLOB '*/head'"), "3");
    eq(member(&c, TOPIC "status/108/200", "$.indicators.\"house.inspected\""),
       "{\"num\":0,\"den\":0}");
    eq(member(&c, TOPIC "status/108/200", "$.campaigns.water.colour"), "grey");
    eq(member(&c, TOPIC "status/108/200", "$.level"), "village");
    eq(member(&c, TOPIC "status/108", "$.level"), "township");
    eq(member(&c, TOPIC "status", "$.level"), "county");
    county_stop(&c);
}

Test(derive, nothing_changed_nothing_published) {
    struct county c;
    start_with_d(&c);
    run_sql(&c, "UPDATE retained SET sent = 1");
    const char *rev = ask(&c, "SELECT value FROM meta WHERE name = 'rev'");
    c.now_ms += 3600000;
    cr_assert(derive_mark_all(c.derive, &c.err));
    derive_all(&c);
    eq(ask(&c, "SELECT count(*) FROM retained WHERE sent = 0"), "0");
    eq(ask(&c, "SELECT value FROM meta WHERE name = 'rev'"), rev);
    county_stop(&c);
}

Test(derive, messages_keep_their_distance) {
    struct county c;
    start_with_d(&c);
    run_sql(&c, "UPDATE retained SET sent = 1");
    int64_t first = atoll(ask(&c, "SELECT due_ms FROM retained WHERE topic GLOB '*299/head'"));
    c.now_ms += 100;
    household(&c, VILLAGE "-04-0001", "exited", "[]");
    derive_all(&c);
    eq(ask(&c, "SELECT group_concat(sent) FROM retained WHERE topic GLOB '*299/head'"), "0");
    cr_expect(atoll(ask(&c, "SELECT due_ms FROM retained WHERE topic GLOB '*299/head'")) ==
              first + 5000);
    cr_expect(atoll(ask(&c, "SELECT due_ms FROM retained WHERE topic GLOB '*status/104/299'")) ==
              first + 1000);
    /* a change of what is not sent yet does not put it off */
    c.now_ms += 100;
    household(&c, VILLAGE "-04-0002", "exited", "[]");
    derive_all(&c);
    cr_expect(atoll(ask(&c, "SELECT due_ms FROM retained WHERE topic GLOB '*299/head'")) ==
              first + 5000);
    county_stop(&c);
}

/* Neither a covert finding nor what follows from it shows in anything retained. */
Test(derive, covert_work_leaves_no_trace) {
    struct county c;
    start_with_d(&c);
    run_sql(&c, "UPDATE retained SET sent = 1");
    static const char *const finding = "016b4a0e-0000-7000-8000-00000000000e";
    set_today(&c, "2019-06-12");
    record_id(&c, finding, "finding.report", HOUSEHOLD, "2019-06-12T10:00:00+08:00", "C-00700",
              "{\"source\":\"covert\",\"cat\":\"housing\",\"severity\":\"high\",\"text\":\"x\","
              "\"duty_unit\":\"U-T104\"}");
    record(&c, "rectify.report", finding, "2019-06-12T11:00:00+08:00", "C-00420",
           "{\"result\":\"done\"}");
    derive_all(&c);
    eq(ask(&c, "SELECT group_concat(id || ' ' || class || ' ' || audience, ',') FROM"
               " (SELECT * FROM task WHERE rule GLOB 'T-F*' ORDER BY id)"),
       "T-F1-016b4a0e-0000-7000-8000-00000000000e-1 5 U-T104,"
       "T-F2-016b4a0e-0000-7000-8000-00000000000e-1 5 ");
    eq(ask(&c, "SELECT class || audience || (doc ->> '$.state') FROM entity"
               " WHERE kind = 'finding'"),
       "5U-T104reported");
    eq(ask(&c, "SELECT group_concat(topic) FROM retained WHERE sent = 0"), "");
    county_stop(&c);
}

Test(derive, persons_are_not_retained) {
    struct county c;
    start_with_d(&c);
    run_sql(&c, "UPDATE entity SET registered = 0 WHERE id = '" HOUSEHOLD "-02';"
                "UPDATE entity SET conflicts = '[{\"fact\":\"farmland_mu\",\"winner\":{\"hlc\":"
                "\"2019-06-11T20:00:00.000Z-0000\"},\"loser\":{\"hlc\":"
                "\"2019-06-10T02:00:00.000Z-0000\"}}]' WHERE id = '" HOUSEHOLD "'");
    record(&c, "person.facts", HOUSEHOLD "-02", "2019-06-12T10:00:00+08:00", "C-00412", "{}");
    derive_all(&c);
    eq(task(&c, "due || ' ' || class", "T-Q1-" HOUSEHOLD "-02-reg-1"), "2019-06-19 2");
    eq(payload(&c, VILLAGE_TOPIC "tasks/T-Q1-" HOUSEHOLD "-02-reg-1"), "");
    eq(task(&c, "opened || ' ' || due || ' ' || class", "T-Q1-" HOUSEHOLD "-1"),
       "2019-06-12 2019-06-19 1");
    cr_expect(*payload(&c, VILLAGE_TOPIC "tasks/T-Q1-" HOUSEHOLD "-1"));
    /* registered, agreed: nothing to ask any more */
    run_sql(&c, "UPDATE entity SET registered = 1, conflicts = '[]'");
    record(&c, "hh.facts", HOUSEHOLD, "2019-06-12T11:00:00+08:00", "C-00412", "{}");
    derive_all(&c);
    eq(ask(&c, "SELECT count(*) FROM task WHERE rule = 'T-Q1' AND gone = ''"), "0");
    county_stop(&c);
}

Test(derive, days_pass) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "exited", "[]");
    record(&c, "inspect.water", HOUSEHOLD, "2019-06-12T10:00:00+08:00", "C-00412",
           "{\"at_home\":true,\"litres_ppd\":20,\"qual\":\"gb\",\"outage_days\":0}");
    record(&c, "inspect.housing", HOUSEHOLD, "2019-06-12T10:03:00+08:00", "C-00901", appraise_d);
    derive_all(&c);
    static const struct {
        const char *day, *water, *house;
    } up[] = {{"2019-06-13", "", ""},
              {"2019-06-14", "", "village"},
              {"2019-06-15", "", "township"},
              {"2019-06-17", "", "county"},
              {"2019-06-21", "", "discipline"},
              {"2019-07-12", "", "discipline"},
              {"2019-07-13", "village", "discipline"},
              {"2019-07-15", "township", "discipline"},
              {"2019-07-19", "county", "discipline"},
              {"2019-07-27", "discipline", "discipline"}};
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        next_day(&c, up[i].day);
        eq(task(&c, "escalated", "T-W1-" HOUSEHOLD "-1"), up[i].water);
        eq(task(&c, "escalated", H2), up[i].house);
    }
    eq(ask(&c, "SELECT checks ->> '$.water' FROM entity WHERE kind = 'household'"), "gap");
    next_day(&c, "2020-06-12");
    eq(ask(&c, "SELECT checks ->> '$.water' FROM entity WHERE kind = 'household'"), "stale");
    county_stop(&c);
}

/* Late stays late: closed after it was due is ended, and not on time. */
Test(derive, closed_late_stays_late) {
    struct county c;
    start_with_d(&c);
    set_today(&c, "2019-07-01");
    record(&c, "inspect.housing", HOUSEHOLD, "2019-07-01T10:00:00+08:00", "C-00901",
           "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":"
           "\"B\"}");
    next_day(&c, "2019-07-01");
    eq(task(&c, "state || escalated", H2), "closeddiscipline");
    /* T-H1 was closed in time, T-H2 was not; the visit of June is overdue, July's is open */
    eq(member(&c, TOPIC "status/104/299", "$.indicators.\"task.on_time\""),
       "{\"num\":1,\"den\":2}");
    eq(member(&c, TOPIC "status/104/299", "$.indicators.\"task.overdue\".num"), "1");
    eq(member(&c, TOPIC "status/104/299", "$.campaigns.housing.colour"), "yellow");
    county_stop(&c);
}

Test(derive, nobody_assigned) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "exited", "[]");
    derive_all(&c);
    eq(ask(&c, "SELECT count(*) FROM task WHERE rule = 'T-V2'"), "0");
    run_sql(&c, "UPDATE assignment SET to_day = '2019-06-14' WHERE target = '" HOUSEHOLD "'");
    assign(&c, "340825104201", "unit_village", "U-BF01", "2019-01-01", "2019-06-15", "2019-06-12");
    mark(&c, "household", HOUSEHOLD, "assign.set");
    next_day(&c, "2019-06-14");
    eq(ask(&c, "SELECT count(*) FROM task WHERE rule = 'T-V2'"), "0");
    next_day(&c, "2019-06-16");
    eq(task(&c, "opened || ' ' || due || ' ' || assignee", "T-V2-" HOUSEHOLD "-2"),
       "2019-06-15 2019-06-18 C-00030");
    eq(task(&c, "opened || ' ' || due || ' ' || assignee_role", "T-V2-340825104201-2"),
       "2019-06-16 2019-06-19 CO");
    /* a task whose helper left goes to the village */
    eq(task(&c, "assignee_role || assignee", "T-V1-" HOUSEHOLD "-2019-06"), "VOC-00420");
    assign(&c, HOUSEHOLD, "cadre_household", "C-00412", "2019-06-10", "9999-12-31", "2019-06-17");
    next_day(&c, "2019-06-17");
    eq(task(&c, "state || ' ' || closed", "T-V2-" HOUSEHOLD "-2"), "closed 2019-06-17");
    eq(task(&c, "assignee_role || assignee", "T-V1-" HOUSEHOLD "-2019-06"), "HLC-00412");
    county_stop(&c);
}

Test(derive, check_finds_a_difference) {
    static const char *const wrongs[] = {
        "UPDATE task SET due = '2019-06-14'",
        "UPDATE ledger SET doc = '{\"state\":\"ok\"}' WHERE view = 'check.housing'",
        "UPDATE indicator SET num = num + 1 WHERE name = 'population'",
        "UPDATE entity SET checks = '{\"housing\":\"ok\"}' WHERE kind = 'household'"};
    struct county c;
    start_with_d(&c);
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        run_sql(&c, "SAVEPOINT s");
        run_sql(&c, "RELEASE s");
        const char *before = ask(&c, "SELECT value FROM meta WHERE name = 'rev'");
        run_sql(&c, wrongs[i]);
        bool same = true;
        cr_assert(derive_check(c.derive, NULL, &same, &c.err));
        cr_expect(!same, "%s", wrongs[i]);
        eq(ask(&c, "SELECT value FROM meta WHERE name = 'rev'"), before);
        run_sql(&c, "DELETE FROM task; DELETE FROM ledger; DELETE FROM indicator");
        cr_assert(derive_mark_all(c.derive, &c.err));
        derive_all(&c);
    }
    county_stop(&c);
}

static const char *check_of(struct county *c, const char *name) {
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT checks ->> '$.%s' FROM entity WHERE kind = 'household' AND id = '" HOUSEHOLD
             "'",
             name);
    return ask(c, sql);
}

/* The visit's own day says how old it is, not the day on which somebody wrote it down. */
Test(derive, food_and_clothing_by_the_day_of_the_visit) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "exited", "[]");
    record(&c, "visit.household", HOUSEHOLD, "2019-06-12T10:00:00+08:00", "C-00412",
           "{\"mode\":\"in_person\",\"met\":\"head\",\"start\":\"2019-05-20T09:00:00+08:00\","
           "\"end\":\"2019-05-20T09:40:00+08:00\",\"food_ok\":false,\"clothing_ok\":true}");
    record(&c, "visit.household", HOUSEHOLD, "2019-06-01T10:00:00+08:00", "C-00412",
           "{\"mode\":\"in_person\",\"met\":\"head\",\"start\":\"2019-06-01T09:00:00+08:00\","
           "\"end\":\"2019-06-01T09:40:00+08:00\",\"food_ok\":true,\"clothing_ok\":true}");
    derive_all(&c);
    eq(check_of(&c, "food"), "ok");
    next_day(&c, "2019-08-30");
    eq(check_of(&c, "food"), "ok");
    next_day(&c, "2019-08-31");
    eq(check_of(&c, "clothing"), "stale");
    county_stop(&c);
}

/* A house once found safe, and suspected later, is not safe any more. */
Test(derive, a_later_suspicion_counts) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "none", "[]");
    record(&c, "inspect.housing", HOUSEHOLD, "2019-06-10T10:00:00+08:00", "C-00901",
           "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":"
           "\"A\"}");
    derive_all(&c);
    eq(check_of(&c, "housing"), "ok");
    record(&c, "inspect.housing", HOUSEHOLD, "2019-06-11T10:00:00+08:00", "C-00412",
           "{\"bld\":1,\"kind\":\"screen\",\"use\":\"resident\",\"sole_home\":true,\"suspected\":"
           "true}");
    derive_all(&c);
    eq(check_of(&c, "housing"), "gap");
    county_stop(&c);
}

static void visit_at(struct county *c, const char *day, const char *lat) {
    char stamp[40];
    char data[256];
    snprintf(stamp, sizeof stamp, "%sT10:00:00+08:00", day);
    snprintf(data, sizeof data,
             "{\"mode\":\"in_person\",\"met\":\"head\",\"start\":\"%sT09:00:00+08:00\","
             "\"end\":\"%sT09:40:00+08:00\",\"food_ok\":true,\"clothing_ok\":true}",
             day, day);
    record(c, "visit.household", HOUSEHOLD, stamp, "C-00412", data);
    run_fmt(c,
            "UPDATE record SET body = json_set(body, '$.gps', json('{\"lat\":%s,\"lng\":116.2}'))"
            " WHERE rec = (SELECT max(rec) FROM record)",
            lat);
}

/* A visit recorded far from the village asks for a look at the data, until one is recorded near. */
Test(derive, far_visits_are_asked_about) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "exited", "[]");
    visit_at(&c, "2019-06-03", "30.5");
    derive_all(&c);
    eq(task(&c, "state", "T-Q1-" HOUSEHOLD "-2019-06"), ""); /* nobody knows where the village is */
    entity(&c, "division", VILLAGE, VILLAGE, "{\"lat\":30.4,\"lng\":116.2}");
    cr_assert(derive_mark_all(c.derive, &c.err)); /* as after an import */
    next_day(&c, "2019-06-13");
    eq(task(&c, "state || opened || due", "T-Q1-" HOUSEHOLD "-2019-06"),
       "open2019-06-032019-06-10");
    visit_at(&c, "2019-06-13", "30.42"); /* 2.2 km */
    derive_all(&c);
    eq(task(&c, "state || closed", "T-Q1-" HOUSEHOLD "-2019-06"), "closed2019-06-13");
    county_stop(&c);
}

/* A month that had its visit stays closed, one that had none overdue: neither is called off when it
 * is long ago. */
Test(derive, visited_months_stay_closed) {
    struct county c;
    county_start(&c);
    household(&c, HOUSEHOLD, "exited", "[]");
    visit_at(&c, "2019-06-12", "30.4");
    derive_all(&c);
    next_day(&c, "2019-10-01");
    eq(task(&c, "state || gone", "T-V1-" HOUSEHOLD "-2019-06"), "closed");
    eq(task(&c, "state", "T-V1-" HOUSEHOLD "-2019-09"), "open");
    eq(task(&c, "state || escalated", "T-V1-" HOUSEHOLD "-2019-07"),
       "opendiscipline"); /* stays overdue */
    county_stop(&c);
}

/* Buildings without an owner belong to no household: only their demolition is counted. */
Test(derive, no_household_no_count) {
    struct county c;
    start_with_d(&c);
    const char *before =
        ask(&c, "SELECT group_concat(name || num || '/' || coalesce(den, '')) FROM indicator"
                " WHERE place = '" VILLAGE "' AND name NOT GLOB 'task*'"
                " AND name <> 'house.demolish_left'");
    entity(&c, "household", VILLAGE "-00-0000", VILLAGE, "{}");
    run_sql(&c, "UPDATE entity SET registered = 0 WHERE id = '" VILLAGE "-00-0000'");
    record(&c, "inspect.housing", VILLAGE "-00-0000", "2019-06-12T10:00:00+08:00", "C-00901",
           "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"scattered\",\"sole_home\":false,\"grade\":"
           "\"D\"}");
    derive_all(&c);
    eq(ask(&c, "SELECT group_concat(name || num || '/' || coalesce(den, '')) FROM indicator"
               " WHERE place = '" VILLAGE "' AND name NOT GLOB 'task*'"
               " AND name <> 'house.demolish_left'"),
       before);
    eq(ask(&c, "SELECT num || '/' || den FROM indicator WHERE place = '" VILLAGE
               "' AND name = 'house.demolish_left'"),
       "1.0/1.0");
    eq(ask(&c, "SELECT group_concat(id) FROM task WHERE subject GLOB '*-00-0000'"),
       "T-H4-" VILLAGE "-00-0000-b01-1");
    county_stop(&c);
}

/* ---------------------------------------------------------------- the files */

/* True if `table alias` or `table AS alias` follows FROM or JOIN somewhere. */
static bool aliased(const char *sql, const char *table, const char *alias) {
    size_t size = strlen(table);
    for (const char *p = sql; (p = strstr(p, table)); p += size) {
        const char *q = p + size;
        if (p - sql < 5 || (memcmp(p - 5, "FROM ", 5) != 0 && memcmp(p - 5, "JOIN ", 5) != 0))
            continue;
        q += strspn(q, " \n");
        q += strncmp(q, "AS ", 3) == 0 ? 3 : 0;
        if (strncmp(q, alias, strlen(alias)) == 0 && !isalnum((unsigned char)q[strlen(alias)]))
            return true;
    }
    return false;
}

/* True if `name` in a plan stands for one of the large tables. */
static bool large(const char *sql, const char *name) {
    static const char *const tables[] = {"record", "stored_record", "entity",      "task",
                                         "ledger", "assignment",    "fact_source", "indicator"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(tables[i], name) == 0 || aliased(sql, tables[i], name))
            return true;
    }
    return false;
}

static const char *bad_plan(sqlite3 *db, const char *sql) {
    static char line[512];
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *q = NULL;
    const char *bad = NULL;
    cr_assert(sqlite3_prepare_v2(db, explain, -1, &q, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    while (!bad && sqlite3_step(q) == SQLITE_ROW) {
        char name[128] = "";
        snprintf(line, sizeof line, "%s", q_col(q, 3));
        bool scan = sscanf(line, "SCAN %127s", name) == 1 && !strstr(line, "VIRTUAL TABLE");
        bool poor = sscanf(line, "SEARCH %127s", name) == 1 &&
                    (strstr(line, "(kind=?)") || strstr(line, "AUTOMATIC"));
        if ((scan || poor) && large(sql, name))
            bad = line;
    }
    sqlite3_finalize(q);
    sqlite3_free(explain);
    return bad;
}

Test(derive, plans_start_from_what_changed) {
    struct county c;
    county_start(&c);
    const char *name = NULL;
    const char *sql = NULL;
    size_t files = 0;
    for (; derive_file_sql(c.derive, files, &name, &sql); files++) {
        const char *bad = bad_plan(store_db(c.store), sql);
        cr_expect(!bad, "%s: %s", name, bad);
        cr_expect(strstr(sql, "changed") || strstr(sql, "wanted"), "%s", name);
    }
    cr_expect(files >= 20);
    cr_expect(bad_plan(store_db(c.store), "SELECT 1 FROM entity e WHERE e.registered"));
    cr_expect(bad_plan(store_db(c.store),
                       "SELECT 1 FROM changed c JOIN stored_record r ON r.hlc > c.subject"));
    county_stop(&c);
}

static void write_text(const char *dir, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *out = fopen(path, "w");
    cr_assert(out != NULL);
    fputs(text, out);
    fclose(out);
}

/* A schema of its own, without files. */
static void make_folders(struct county *c, char dir[128]) {
    char sub[160];
    snprintf(dir, 128, "%s/schema", c->dir);
    cr_assert(mkdir(dir, 0700) == 0);
    for (int i = 0; i < 3; i++) {
        static const char *const folders[] = {"rules", "views", "status"};
        snprintf(sub, sizeof sub, "%s/%s", dir, folders[i]);
        cr_assert(mkdir(sub, 0700) == 0);
    }
}

Test(derive, a_broken_file_is_named_and_the_old_set_stays) {
    static const struct {
        const char *text, *says;
    } broken[] = {
        {"-- rule: T-X\n-- level: household\n-- forms: hh.facts\nSELECT nonesuch FROM changed\n",
         "rules/T-X.sql: no such column: nonesuch"},
        {"-- rule: T-X\n-- level: household\n-- forms: hh.facts\nSELECT subject FROM changed\n",
         "rules/T-X.sql: no column root"},
        {"-- rule: T-X\n-- level: household\nSELECT subject FROM changed\n",
         "rules/T-X.sql: no header \"forms\""},
        {"-- rule: T-X\n-- level: street\n-- forms: hh.facts\nSELECT subject FROM changed\n",
         "rules/T-X.sql: unknown level street"},
        {"-- rule: T-X\n-- level: village\n-- forms: hh.facts\nDELETE FROM dirty\n",
         "rules/T-X.sql: must be one SELECT without a semicolon"},
        {"SELECT 1\n", "rules/T-X.sql: says not what it is (view, rule, status, fold or head)"}};
    struct county c;
    start_with_d(&c);
    char dir[128];
    make_folders(&c, dir);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct err e = {0};
        write_text(dir, "rules/T-X.sql", broken[i].text);
        cr_expect(derive_create(c.store, &c.clock, dir, "340825", &e) == NULL);
        eq(e.msg, broken[i].says);
    }
    char text[4000];
    struct err e = {0};
    snprintf(text, sizeof text,
             "-- rule: T-X\n-- level: village\n-- forms: hh.facts%*s\nSELECT 1\n", 2100,
             "visit.household");
    write_text(dir, "rules/T-X.sql", text);
    cr_expect(derive_create(c.store, &c.clock, dir, "340825", &e) == NULL);
    eq(e.msg, "rules/T-X.sql: a line of the header is longer than 2047 bytes");
    cr_assert(derive_mark_all(c.derive, &c.err));
    derive_all(&c);
    eq(task(&c, "state", H2), "open");
    county_stop(&c);
}

/* Sets a parameter as `zoufang param` does. */
static void set_param(struct county *c, const char *name, const char *value) {
    store_set_param(c->store, name, value);
    store_dirty(c->store, "param", name, 1);
}

/* Only files that read it are asked, and the result is that of asking all (derive_all compares). */
Test(derive, a_parameter_concerns_what_reads_it) {
    struct county c;
    start_with_d(&c);
    eq(task(&c, "doc ->> '$.milestones[3].due'", H2), "2019-09-20");
    set_param(&c, "campaign.housing.stop", "2019-10-30");
    cr_assert(derive_mark_params(c.derive, &c.err));
    eq(ask(&c, "SELECT max(forms) < 4611686018427387904 FROM dirty WHERE level = 'household'"),
       "1");
    run_sql(&c, "UPDATE dirty SET forms = 2 WHERE level = 'param'");
    derive_all(&c);
    eq(task(&c, "doc ->> '$.milestones[3].due'", H2), "2019-10-20");
    eq(ask(&c, "SELECT count(*) FROM dirty"), "0");
    /* One that no view reads: only rules are asked. */
    run_sql(&c, "UPDATE ledger SET doc = '{\"forged\":1}' WHERE view = 'check.housing'");
    set_param(&c, "feed.keep_days", "70");
    cr_assert(derive_mark_params(c.derive, &c.err));
    cr_assert(derive_run(c.derive, NULL, NULL, &c.err));
    eq(ask(&c, "SELECT doc FROM ledger WHERE view = 'check.housing'"), "{\"forged\":1}");
    set_param(&c, "campaign.housing.stop", "2019-09-30");
    cr_assert(derive_mark_params(c.derive, &c.err));
    cr_assert(derive_run(c.derive, NULL, NULL, &c.err));
    eq(task(&c, "doc ->> '$.milestones[3].due'", H2), "2019-09-20");
    county_stop(&c);
}

Test(derive, a_set_is_replaced_or_stays) {
    struct county c;
    start_with_d(&c);
    const char *names = ask(&c, "SELECT count(*) FROM temp.indicator_name");
    struct derive *other = derive_create(c.store, &c.clock, SOURCE_DIR "/schema", "340825", &c.err);
    derive_destroy(other); /* the catalogue did not load: the old set stays */
    eq(ask(&c, "SELECT count(*) FROM temp.indicator_name"), names);
    derive_all(&c);
    other = derive_create(c.store, &c.clock, SOURCE_DIR "/schema", "340825", &c.err);
    derive_destroy(c.derive);
    c.derive = other;
    eq(ask(&c, "SELECT count(*) FROM temp.indicator_name"), names);
    record(&c, "inspect.housing", HOUSEHOLD, "2019-06-12T12:00:00+08:00", "C-00901",
           "{\"bld\":1,\"kind\":\"appraise\",\"use\":\"resident\",\"sole_home\":true,\"grade\":"
           "\"A\"}");
    derive_all(&c);
    eq(task(&c, "state", H2), "closed");
    county_stop(&c);
}

/* Work that others leave in `dirty` is not ours. */
Test(derive, other_levels_are_left_alone) {
    struct county c;
    start_with_d(&c);
    run_sql(&c, "INSERT INTO dirty VALUES('scope', '', 1)");
    bool more = true;
    cr_assert(derive_step(c.derive, 256, &more, &c.err));
    cr_expect(!more);
    eq(ask(&c, "SELECT level FROM dirty"), "scope");
    county_stop(&c);
}

static const char *told(struct county *c) {
    return ask(c, "SELECT group_concat(subject || '=' || doc, ' ') FROM (SELECT * FROM ledger"
                  " WHERE view = 'told' ORDER BY subject)");
}

static void address(struct county *c, const char *address) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "UPDATE entity SET doc = json_object('addr', '%s') WHERE kind = 'household'", address);
    run_sql(c, sql);
    mark(c, "household", HOUSEHOLD, "hh.facts");
    derive_all(c);
}

/* Rows marks.LEVEL: what they name, and what they named before, is looked at again. */
Test(derive, rows_mark_subjects_of_other_levels) {
    struct county c;
    start_with_d(&c);
    char dir[128];
    make_folders(&c, dir);
    write_text(dir, "views/10-told.sql",
               "-- view: told\n-- level: finding\n-- forms: finding.report\n-- keeps: told\n"
               "SELECT c.subject, 'told' AS name, count(*) AS doc FROM changed c"
               " CROSS JOIN ledger l ON l.view = 'marks.finding' CROSS JOIN json_each(l.doc) x"
               " WHERE x.value = c.subject GROUP BY c.subject\n");
    write_text(
        dir, "views/20-tell.sql",
        "-- view: tell\n-- level: household\n-- forms: hh.facts\n-- keeps: marks.finding\n"
        "SELECT c.subject, 'marks.finding' AS name, json_array(h.doc ->> '$.addr') AS doc"
        " FROM changed c CROSS JOIN entity h ON h.kind = 'household' AND h.id = c.subject\n");
    derive_destroy(c.derive);
    c.derive = derive_create(c.store, &c.clock, dir, "340825", &c.err);
    cr_assert(c.derive, "%s", c.err.msg);
    run_sql(&c, "DELETE FROM ledger; DELETE FROM task; DELETE FROM indicator");
    address(&c, "one");
    eq(told(&c), "one=1");
    address(&c, "two");
    eq(told(&c), "two=1");
    run_sql(&c, "DELETE FROM entity WHERE kind = 'household'");
    mark(&c, "household", HOUSEHOLD, "hh.facts");
    derive_all(&c);
    eq(told(&c), "");
    county_stop(&c);
}

#define FILE_HEAD(kind, name, more)                                                                \
    "-- " kind ": " name "\n-- level: household\n-- forms: hh.facts\n" more
#define FILE_ROW(name, doc) "SELECT subject, '" name "' AS name, " doc " AS doc FROM changed\n"
#define FILE_TASK                                                                                  \
    "SELECT subject AS root, subject, substr(subject, 1, 12) AS place, '2019-06-12' AS opened,"    \
    " '2019-06-20' AS due FROM changed\n"

/* As at a start: what changed is marked. Returns how many households are to be asked. */
static const char *reload(struct county *c, const char *dir) {
    derive_destroy(c->derive);
    c->derive = derive_create(c->store, &c->clock, dir, "340825", &c->err);
    cr_assert(c->derive, "%s", c->err.msg);
    cr_assert(derive_mark_files(c->derive, &c->err));
    return ask(c, "SELECT count(*) FROM dirty WHERE level = 'household'");
}

static void derive_on(struct county *c) {
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
}

/* Only they are asked, at the next start too and until all is done; what a file that is gone had
 * made goes with it. */
Test(derive, files_that_changed_are_asked_again) {
    struct county c;
    start_with_d(&c);
    char dir[128];
    make_folders(&c, dir);
    write_text(dir, "views/10-one.sql",
               FILE_HEAD("view", "one", "-- keeps: one more\n") FILE_ROW("one", "'1'"));
    write_text(
        dir, "views/20-two.sql",
        FILE_HEAD(
            "view", "two",
            "-- reads: one\n-- keeps: two\n") "SELECT c.subject, 'two' AS name, coalesce((SELECT "
                                              "l.doc FROM ledger l WHERE l.subject"
                                              " = c.subject AND l.view = 'one'), 'none') AS doc "
                                              "FROM changed c\n");
    write_text(dir, "views/30-three.sql",
               FILE_HEAD("view", "three", "-- keeps: three\n") FILE_ROW("three", "'3'"));
    write_text(dir, "rules/T-X.sql", FILE_HEAD("rule", "T-X", "") FILE_TASK);
    const char *rows = "SELECT group_concat(view || doc, ' ') FROM (SELECT * FROM ledger"
                       " WHERE subject = '" HOUSEHOLD "' ORDER BY view)";
    const char *tasks =
        "SELECT group_concat(id || gone) FROM (SELECT * FROM task WHERE subject = '" HOUSEHOLD
        "' AND rule = 'T-X')";
    eq(reload(&c, dir), "1");
    derive_on(&c); /* all that the county's own files made is gone */
    eq(ask(&c, rows), "one1 three3 two1");
    eq(ask(&c, tasks), "T-X-" HOUSEHOLD "-1");
    eq(ask(&c, "SELECT count(*) FROM task WHERE gone = '' AND rule <> 'T-X'"), "0");
    eq(ask(&c, "SELECT count(*) FROM indicator"), "0");
    eq(ask(&c, "SELECT count(*) FROM derived WHERE kind = 'file' AND hash <> ''"), "4");
    eq(ask(&c, "SELECT count(*) FROM derived WHERE kind <> 'file'"), "5");
    eq(reload(&c, dir), "0");

    run_sql(&c, "UPDATE ledger SET doc = 'forged' WHERE view IN ('two', 'three')");
    write_text(dir, "views/10-one.sql",
               FILE_HEAD("view", "one", "-- keeps: one\n") FILE_ROW("one", "'4'"));
    eq(reload(&c, dir), "1");
    eq(reload(&c, dir), "1"); /* it ended before anything was derived */
    derive_on(&c);
    eq(ask(&c, rows), "one4 threeforged two4"); /* two reads it */
    eq(reload(&c, dir), "0");

    char path[256];
    snprintf(path, sizeof path, "%s/views/10-one.sql", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/rules/T-X.sql", dir);
    char other[256];
    snprintf(other, sizeof other, "%s/rules/T-Y.sql", dir);
    rename(path, other); /* still the rule T-X */
    eq(reload(&c, dir), "1");
    derive_on(&c);
    eq(ask(&c, rows), "threeforged twonone");
    eq(ask(&c, tasks), "T-X-" HOUSEHOLD "-1");
    unlink(other);
    eq(reload(&c, dir), "1");
    derive_on(&c);
    eq(ask(&c, tasks), "T-X-" HOUSEHOLD "-1void");
    eq(ask(&c, "SELECT group_concat(kind || ' ' || name, ', ') FROM (SELECT * FROM derived ORDER "
               "BY 1, 2)"),
       "file views/20-two.sql, file views/30-three.sql, row three, row two");
    eq(reload(&c, dir), "0");
    county_stop(&c);
}

/* The words of a header line of a file. */
static void words_of(const char *sql, const char *key, char out[2048]) {
    char line[64];
    snprintf(line, sizeof line, "\n-- %s: ", key);
    const char *at = strstr(sql, line);
    snprintf(out, 2048, " %.*s ", at ? (int)strcspn(at + strlen(line), "\n") : 0,
             at ? at + strlen(line) : "");
}

static bool among(const char *words, const char *name, int size) {
    char word[128];
    snprintf(word, sizeof word, " %.*s ", size, name);
    return strstr(words, word) != NULL;
}

/* Some view of that level makes rows of that name. */
static bool made_at(const struct derive *d, const char *level, const char *name, int size) {
    const char *path;
    const char *sql;
    char words[2048];
    for (size_t i = 0; derive_file_sql(d, i, &path, &sql); i++) {
        words_of(sql, "level", words);
        if (strncmp(path, "views/", 6) != 0 || !among(words, level, (int)strlen(level)))
            continue;
        words_of(sql, "names", words);
        if (among(words, name, size))
            return true;
        words_of(sql, "keeps", words);
        if (among(words, name, size))
            return true;
    }
    return false;
}

static size_t letters(const char *text) {
    return strspn(text, "abcdefghijklmnopqrstuvwxyz");
}

/* Says the text around `at` that `alias`.subject is the subject that the file is asked about? */
static bool of_own_subject(const char *sql, const char *at, const char *alias, int size) {
    char key[64];
    snprintf(key, sizeof key, "%.*s.subject = ", size, alias);
    const char *p = at - sql > 160 ? at - 160 : sql;
    while ((p = strstr(p, key)) && p < at + 200) {
        bool whole = letters(p - 1) == 0;
        p += strlen(key);
        if (letters(p) < 4 && p[letters(p)] == '.')
            p += letters(p) + 1;
        if (whole && letters(p) == 7 && strncmp(p, "subject", 7) == 0)
            return true;
    }
    return false;
}

/* The names in quotes from `p` on: one, or those of a list in brackets. */
static void expect_among(const struct derive *d, const char *path, const char *p, const char *level,
                         const char *reads) {
    bool list = strncmp(p, "IN (", 4) == 0;
    const char *end = p + (list ? strcspn(p, ")") : strcspn(p, "\n"));
    while ((p = strchr(p, '\'')) && p < end) {
        int size = (int)strcspn(++p, "'");
        if (made_at(d, level, p, size))
            cr_expect(among(reads, p, size), "%s reads %.*s and says not so", path, size, p);
        p += size + 1;
        if (!list)
            return;
    }
}

static void expect_reads(const struct derive *d, const char *path, const char *sql) {
    char level[2048];
    char reads[2048];
    words_of(sql, "level", level);
    words_of(sql, "reads", reads);
    level[strlen(level) - 1] = '\0';
    for (const char *p = sql; (p = strstr(p, ".view ")); p += 6) {
        const char *alias = p;
        while (letters(alias - 1))
            alias--;
        bool named = strncmp(p + 6, "= '", 3) == 0 || strncmp(p + 6, "IN (", 4) == 0;
        if (named && of_own_subject(sql, p, alias, (int)(p - alias)))
            expect_among(d, path, p + 6, level + 1, reads);
    }
}

/* Headers name the ledger rows of the subject itself that their SELECT reads, so that a change of
 * one of these asks the file again. */
Test(derive, headers_name_the_rows_that_files_read) {
    struct county c;
    county_start(&c);
    const char *path;
    const char *sql;
    for (size_t i = 0; derive_file_sql(c.derive, i, &path, &sql); i++) {
        if (strncmp(path, "views/", 6) == 0 || strncmp(path, "rules/T", 7) == 0)
            expect_reads(c.derive, path, sql);
    }
    county_stop(&c);
}

/* ---------------------------------------------------------------- the scout */

#define CROWD 1200 /* so many that a scout is sent */

/* The household `n` of the crowd; the last ones are the scout's. */
static const char *in_crowd(int n) {
    static char ids[8][24];
    static int turn;
    char *id = ids[turn++ % 8];
    snprintf(id, sizeof ids[0], VILLAGE "-05-%04d", n);
    return id;
}

static void start_crowd(struct county *c) {
    county_start(c);
    run_sql(c, "BEGIN IMMEDIATE");
    for (int n = 1; n <= CROWD; n++)
        facts(c, in_crowd(n), "2019-06-01T09:00:00+08:00", "zoufang",
              "{\"poverty_status\":\"exited\"}");
    run_sql(c, "COMMIT");
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    eq(ask(c, "SELECT count(*) FROM dirty"), "0");
}

static int crowd_dirty(struct county *c) {
    return atoi(ask(c, "SELECT count(*) FROM dirty WHERE level = 'household'"));
}

static bool scout_is_out(void) {
    bool found = false;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *t; (t = readdir(tasks));) {
        char path[300];
        char name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", t->d_name);
        FILE *f = fopen(path, "r");
        if (!f)
            continue;
        found = (fgets(name, sizeof name, f) && strcmp(name, "scout\n") == 0) || found;
        fclose(f);
    }
    closedir(tasks);
    return found;
}

static void wait_for_scout(void) {
    time_t end = time(NULL) + 120;
    while (scout_is_out())
        cr_assert(time(NULL) < end, "the scout does not come back");
}

/* Its batches are 512 each, from the end; in them stay those of which something would change. */
static void what_stays_the_same_is_left_out(struct county *c) {
    bool more;
    cr_assert(derive_mark_day(c->derive, &c->err));
    eq(ask(c, "SELECT count(*) FROM dirty WHERE level = 'household'"), "1200");
    run_fmt(c, "UPDATE ledger SET num = num + 1 WHERE view = 'population' AND subject = '%s'",
            in_crowd(CROWD));
    run_fmt(c, "UPDATE task SET due = '', doc = '{}' WHERE root = '%s'", in_crowd(CROWD - 1));
    run_fmt(c, "UPDATE entity SET checks = '{}' WHERE id = '%s'", in_crowd(CROWD - 2));
    run_fmt(c,
            "CREATE TEMP TABLE twin AS SELECT * FROM task WHERE root = '%s';"
            "UPDATE twin SET id = id || 'x'; INSERT INTO task SELECT * FROM twin; DROP TABLE twin",
            in_crowd(CROWD - 3));
    derive_scout(c->derive);
    mark(c, "household", in_crowd(CROWD - 4), "hh.facts");
    wait_for_scout();
    cr_assert(derive_step(c->derive, 0, &more, &c->err)); /* derives no household */
    eq(ask(c, "SELECT group_concat(substr(id, -4), ' ') FROM (SELECT id FROM dirty"
              " WHERE level = 'household' AND id >= '" VILLAGE "-05-0689' ORDER BY id)"),
       "1196 1197 1198 1199 1200");
    cr_expect(crowd_dirty(c) == CROWD - 512 + 5);
    derive_scout(c->derive); /* goes on before those */
    wait_for_scout();
    cr_assert(derive_step(c->derive, 0, &more, &c->err));
    cr_expect(crowd_dirty(c) == CROWD - 1024 + 5);
    derive_scout(c->derive); /* too few are left */
    cr_expect(!scout_is_out());
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    eq(ask(c, "SELECT group_concat(DISTINCT num) FROM ledger WHERE view = 'population'"), "0.0");
    eq(ask(c, "SELECT count(*) FROM task WHERE due = '' AND rule = 'T-V1'"), "0");
    eq(ask(c, "SELECT count(*) FROM entity WHERE kind = 'household' AND checks = '{}'"), "0");
    eq(ask(c, "SELECT group_concat(DISTINCT gone) FROM task WHERE id GLOB '*x'"), "void");
}

/* It is not sent before what is to be evaluated earlier; and a day that begins after it looked
 * makes what it found worthless. */
static void yesterday_is_not_believed(struct county *c) {
    bool more;
    cr_assert(derive_mark_day(c->derive, &c->err));
    mark(c, "finding", "016b4a0e-0000-7000-8000-00000000000e", "finding.report");
    derive_scout(c->derive);
    cr_expect(!scout_is_out());
    cr_assert(derive_step(c->derive, 1, &more, &c->err)); /* the finding */
    derive_scout(c->derive);
    cr_expect(crowd_dirty(c) == CROWD);
    wait_for_scout();
    eq(task(c, "escalated", "T-V1-" VILLAGE "-05-1200-2019-06"), "");
    set_today(c, "2019-07-20");
    cr_assert(derive_mark_day(c->derive, &c->err));
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    eq(task(c, "escalated", "T-V1-" VILLAGE "-05-1200-2019-06"), "discipline");
}

/* The sync thread does without one that cannot be sent; the next time it is tried again. */
static void one_that_cannot_be_sent_is_not_missed(struct county *c) {
    bool more;
    char path[256];
    char away[256];
    snprintf(path, sizeof path, "%s", sqlite3_db_filename(store_db(c->store), "main"));
    snprintf(away, sizeof away, "%s/away.db", c->dir);
    cr_assert(derive_mark_day(c->derive, &c->err));
    cr_assert(rename(path, away) == 0);
    derive_scout(c->derive);
    cr_expect(!scout_is_out());
    cr_assert(rename(away, path) == 0);
    derive_scout(c->derive);
    cr_expect(!scout_is_out());
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    cr_assert(derive_mark_day(c->derive, &c->err));
    derive_scout(c->derive);
    wait_for_scout();
    cr_assert(derive_step(c->derive, 0, &more, &c->err));
    cr_expect(crowd_dirty(c) == CROWD - 512);
}

/* It asks the files that the set has now, and for what files that are gone had made. */
static void what_a_lost_file_had_made_is_seen(struct county *c) {
    char dir[128];
    char path[256];
    bool more;
    make_folders(c, dir);
    write_text(dir, "views/10-one.sql",
               FILE_HEAD("view", "one", "-- keeps: one\n") FILE_ROW("one", "'1'"));
    write_text(dir, "rules/T-X.sql", FILE_HEAD("rule", "T-X", "") FILE_TASK);
    reload(c, dir);
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    snprintf(path, sizeof path, "%s/rules/T-X.sql", dir);
    unlink(path);
    reload(c, dir);
    run_fmt(c, "DELETE FROM task WHERE rule = 'T-X' AND root = '%s'", in_crowd(CROWD));
    cr_assert(derive_step(c->derive, 0, &more, &c->err));
    derive_scout(c->derive);
    wait_for_scout();
    cr_assert(derive_step(c->derive, 0, &more, &c->err));
    cr_expect(crowd_dirty(c) == CROWD - 1); /* which has none any more */
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    eq(ask(c, "SELECT count(*) FROM task WHERE gone = '' AND rule = 'T-X'"), "0");
}

Test(derive, a_scout_takes_part, .timeout = 300) {
    struct county c;
    start_crowd(&c);
    what_stays_the_same_is_left_out(&c);
    yesterday_is_not_believed(&c);
    one_that_cannot_be_sent_is_not_missed(&c);
    what_a_lost_file_had_made_is_seen(&c);
    county_stop(&c);
}
