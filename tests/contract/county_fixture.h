/* A small county in a real SQLite file, whose records are written the way merge writes them. For
 * tests of what is derived. Synthetic data only. */
#ifndef COUNTY_FIXTURE_H
#define COUNTY_FIXTURE_H

#include "derive.h"
#include "level.h"
#include "store.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VILLAGE "340825104299"
#define HOUSEHOLD "340825104299-03-0017"

struct county {
    char dir[64];
    int64_t now_ms;
    struct clock clock;
    struct store *store;
    struct derive *derive;
    struct err err;
    int records;
};

static inline int64_t county_now(void *ctx) {
    return ((struct county *)ctx)->now_ms;
}

static inline int64_t ms_of(const char *text) {
    int64_t ms = 0;
    cr_assert(time_parse(text, strlen(text), &ms), "%s", text);
    return ms;
}

/* Local noon of a day. */
static inline void set_today(struct county *c, const char *day) {
    char text[40];
    snprintf(text, sizeof text, "%sT12:00:00+08:00", day);
    c->now_ms = ms_of(text);
}

static inline void run_sql(struct county *c, const char *sql) {
    char *msg = NULL;
    sqlite3_exec(store_db(c->store), sql, NULL, NULL, &msg);
    cr_assert(msg == NULL, "%s: %s", sql, msg);
}

static inline void __attribute__((format(printf, 2, 3)))
run_fmt(struct county *c, const char *fmt, ...) {
    char sql[8192];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    run_sql(c, sql);
}

/* First column of the first row, "" if there is none; four answers are kept. */
static inline const char *ask(struct county *c, const char *sql) {
    static char answers[4][65536];
    static int turn;
    char *out = answers[turn++ % 4];
    sqlite3_stmt *q = NULL;
    cr_assert(sqlite3_prepare_v2(store_db(c->store), sql, -1, &q, NULL) == SQLITE_OK, "%s: %s", sql,
              sqlite3_errmsg(store_db(c->store)));
    *out = '\0';
    if (sqlite3_step(q) == SQLITE_ROW)
        snprintf(out, sizeof answers[0], "%s", q_col(q, 0));
    sqlite3_finalize(q);
    return out;
}

static inline void mark(struct county *c, const char *level, const char *id, const char *form) {
    run_fmt(c,
            "INSERT OR IGNORE INTO form SELECT '%s', coalesce(max(bit) + 1, 0) FROM form;"
            "INSERT INTO dirty SELECT '%s', '%s', 1 << bit FROM form WHERE form = '%s'"
            " ON CONFLICT DO UPDATE SET forms = forms | excluded.forms",
            form, level, id, form);
}

/* Marks what a record about the subject touches. */
static inline void mark_subject(struct county *c, const char *subject, const char *form,
                                const char *id) {
    if (strncmp(subject, "T-", 2) == 0)
        run_fmt(c,
                "INSERT INTO dirty SELECT t.level, t.root, 1 << f.bit FROM task t, form f"
                " WHERE t.id = '%s' AND f.form = '%s'"
                " ON CONFLICT DO UPDATE SET forms = forms | excluded.forms",
                subject, form);
    else if (strlen(subject) >= 20 && subject[12] == '-') {
        char household[64];
        const char *end = strchr(subject + 16, '-');
        snprintf(household, sizeof household, "%.*s",
                 end ? (int)(end - subject) : (int)strlen(subject), subject);
        mark(c, "household", household, form);
    } else if (strlen(subject) == 36)
        mark(c, strncmp(form, "lead.", 5) == 0 ? "lead" : "finding", subject, form);
    else if (strncmp(subject, "P-", 2) == 0)
        mark(c, "project", subject, form);
    else if (strlen(subject) == 12)
        mark(c, level_of_division(subject)->name, subject, form);
    if (strcmp(form, "finding.report") == 0 || strcmp(form, "house.work") == 0)
        mark(c, "finding", id, form);
    if (strcmp(form, "lead.report") == 0)
        mark(c, "lead", id, form);
    if (subject[0] >= '0' && subject[0] <= '9' && subject[8] != '-') {
        char place[13];
        snprintf(place, sizeof place, "%.12s", subject);
        mark(c, "place", place, form);
    }
}

/* A stored record with this id (NULL: a fresh one) and stamp. */
static inline void record_id(struct county *c, const char *id, const char *form,
                             const char *subject, const char *stamp, const char *by,
                             const char *data) {
    char fresh[40];
    snprintf(fresh, sizeof fresh, "01980000-0000-7000-8000-%012d", ++c->records);
    id = id ? id : fresh;
    char hex[33] = "";
    size_t n = 0;
    for (const char *p = id; *p && n < 32; p++) {
        if (*p != '-')
            hex[n++] = *p;
    }
    hex[n] = '\0';
    int64_t ms = ms_of(stamp);
    run_sql(c, "UPDATE meta SET value = value + 1 WHERE name = 'rev'");
    run_fmt(c,
            "INSERT INTO record(id, form, fv, outcome, effect, subject, place, hlc, author, device,"
            " seq, via, received_ms, rev, class, body)"
            " VALUES(x'%s', '%s', 1, 1, 1, '%s', substr('%s', 1, 12), %lld, '%s', 'd-test', %d, '',"
            " 0, (SELECT value FROM meta WHERE name = 'rev'), %d,"
            " json_object('id', '%s', 'form', '%s', 'subject', '%s', 'by', '%s', 'data',"
            " json('%s')))",
            hex, form, subject, subject, (long long)(ms << 16), by, c->records,
            strstr(data, "\"covert\"") ? 5 : 0, id, form, subject, by, data);
    mark_subject(c, subject, form, id);
}

static inline void record(struct county *c, const char *form, const char *subject,
                          const char *stamp, const char *by, const char *data) {
    record_id(c, NULL, form, subject, stamp, by, data);
}

static inline void entity(struct county *c, const char *kind, const char *id, const char *place,
                          const char *doc) {
    run_sql(c, "UPDATE meta SET value = value + 1 WHERE name = 'rev'");
    run_fmt(c,
            "INSERT INTO entity(kind, id, place, subject, registered, class, audience, doc, seen,"
            " conflicts, checks, gone, rev) VALUES('%s', '%s', '%s', '%s', 1, 2, '', json('%s'),"
            " '{}', '[]', '{}', '', (SELECT value FROM meta WHERE name = 'rev'))"
            " ON CONFLICT DO UPDATE SET doc = json_patch(doc, excluded.doc), rev = excluded.rev",
            kind, id, place, id, doc);
}

/* Facts of a household as a record and its merge. */
static inline void facts(struct county *c, const char *household, const char *stamp, const char *by,
                         const char *set) {
    char data[1024];
    char village[13];
    snprintf(data, sizeof data, "{\"set\":%s,\"reason\":\"x\"}", set);
    snprintf(village, sizeof village, "%.12s", household);
    entity(c, "household", household, village, set);
    record(c, "hh.facts", household, stamp, by, data);
}

static inline void person(struct county *c, const char *id, const char *doc) {
    char village[13];
    snprintf(village, sizeof village, "%.12s", id);
    entity(c, "person", id, village, doc);
    mark_subject(c, id, "person.facts", "");
}

/* Somebody looks after the target from that day on; recorded at noon of `recorded`. */
static inline void assign(struct county *c, const char *target, const char *kind, const char *cadre,
                          const char *from, const char *to, const char *recorded) {
    char id[128];
    char stamp[40];
    snprintf(id, sizeof id, "A-%s-%s-%s-%s", kind, target, cadre, from);
    snprintf(stamp, sizeof stamp, "%sT12:00:00+08:00", recorded);
    bool unit = *cadre == 'U';
    run_fmt(c, "INSERT OR REPLACE INTO assignment VALUES('%s', '%s', '%s', '%s', '%s', '%s', '%s')",
            id, target, kind, unit ? "" : cadre, unit ? cadre : "", from, to);
    record(c, "assign.set", target, stamp, "C-00001", "{}");
    run_fmt(c,
            "INSERT OR IGNORE INTO fact_source SELECT 'assignment', '%s', max(rec), -1 FROM record",
            id);
}

static inline void derive_all(struct county *c) {
    cr_assert(derive_run(c->derive, NULL, NULL, &c->err), "%s", c->err.msg);
    bool same = false;
    cr_assert(derive_check(c->derive, stderr, &same, &c->err), "%s", c->err.msg);
    cr_assert(same, "derived from scratch differs");
}

/* A new day: what depends on it is evaluated again. */
static inline void next_day(struct county *c, const char *day) {
    set_today(c, day);
    cr_assert(derive_mark_day(c->derive, &c->err), "%s", c->err.msg);
    derive_all(c);
}

static inline void load_params(struct county *c) {
    FILE *in = fopen(SOURCE_DIR "/schema/params.csv", "r");
    char line[256];
    cr_assert(in != NULL);
    while (fgets(line, sizeof line, in)) {
        char *comma = strchr(line, ',');
        line[strcspn(line, "\r\n")] = '\0';
        if (!comma || strncmp(line, "name,", 5) == 0)
            continue;
        *comma = '\0';
        if (comma[1])
            run_fmt(c, "INSERT INTO param VALUES('%s', '%s')", line, comma + 1);
        else
            run_fmt(c, "INSERT INTO param VALUES('%s', NULL)", line);
    }
    fclose(in);
}

static inline void cadre(struct county *c, const char *id, const char *role, const char *unit,
                         const char *place) {
    char doc[256];
    char rid[40];
    snprintf(doc, sizeof doc,
             "{\"role\":\"%s\",\"unit\":\"%s\",\"scope\":[\"%s\"],\"active\":true}", role, unit,
             place);
    entity(c, "cadre", id, place, doc);
    snprintf(rid, sizeof rid, "01970000-0000-7000-8000-0000000%.5s", id + 2);
    record_id(c, rid, "register.cadre", id, "2019-06-01T08:00:00+08:00", "zoufang", doc);
}

static inline void register_people(struct county *c) {
    static const char *const divisions[] = {"340825000000", "340825104000", "340825108000",
                                            VILLAGE,        "340825104201", "340825108200"};
    for (size_t i = 0; i < sizeof divisions / sizeof *divisions; i++) {
        entity(c, "division", divisions[i], divisions[i],
               "{\"groups\":12,\"water_baseline\":1000}");
        record(c, "register.division", divisions[i], "2019-06-01T08:00:00+08:00", "zoufang", "{}");
        if (strcmp(divisions[i] + 9, "000") != 0)
            assign(c, divisions[i], "unit_village", "U-BF01", "2019-01-01", "9999-12-31",
                   "2019-06-01");
    }
    entity(c, "unit", "U-T104", "340825104000", "{\"level\":\"township\"}");
    entity(c, "unit", "U-V299", VILLAGE, "{\"level\":\"village\"}");
    entity(c, "unit", "U-BF01", "340825000000", "{\"level\":\"county\"}");
    cadre(c, "C-00412", "HL", "U-BF01", VILLAGE);
    cadre(c, "C-00420", "VO", "U-V299", VILLAGE);
    cadre(c, "C-00030", "TW", "U-T104", "340825104000");
    cadre(c, "C-00031", "TW", "U-T104", "340825104000");
    cadre(c, "C-00901", "SI", "U-ZJ", "340825000000");
    cadre(c, "C-00902", "SI", "U-SL", "340825000000");
    cadre(c, "C-00700", "CT", "U-AF", "340825000000");
    cadre(c, "C-00001", "CO", "U-CO", "340825000000");
}

/* A household of four, registered on 2019-06-01, looked after by C-00412. */
static inline void household(struct county *c, const char *id, const char *status,
                             const char *focus) {
    char set[256];
    snprintf(set, sizeof set,
             "{\"group\":3,\"hh_type\":\"general_poor\",\"poverty_status\":\"%s\",\"focus\":%s,"
             "\"water_target\":true}",
             status, focus);
    facts(c, id, "2019-06-01T09:00:00+08:00", "zoufang", set);
    for (int i = 1; i <= 4; i++) {
        char p[64];
        snprintf(p, sizeof p, "%s-%02d", id, i);
        person(c, p, "{\"status\":\"current\"}");
    }
    assign(c, id, "cadre_household", "C-00412", "2019-01-01", "9999-12-31", "2019-06-01");
}

static inline void county_start(struct county *c) {
    memset(c, 0, sizeof *c);
    strcpy(c->dir, "/tmp/zoufang-derive-XXXXXX");
    cr_assert(mkdtemp(c->dir) != NULL);
    set_today(c, "2019-06-12");
    c->clock = (struct clock){county_now, county_now, c};
    char path[128];
    snprintf(path, sizeof path, "%s/zoufang.db", c->dir);
    c->store = store_open(path, STORE_CREATE, &c->clock, &c->err);
    cr_assert(c->store != NULL, "%s", c->err.msg);
    run_sql(c, "INSERT INTO meta VALUES('epoch', 'e-1'), ('rev', '0'); PRAGMA synchronous = OFF");
    load_params(c);
    c->derive = derive_create(c->store, &c->clock, SOURCE_DIR "/schema", "340825", &c->err);
    cr_assert(c->derive != NULL, "%s", c->err.msg);
    run_sql(c, "BEGIN");
    register_people(c);
    run_sql(c, "COMMIT");
    cr_assert(derive_mark_all(c->derive, &c->err), "%s", c->err.msg);
}

static inline void county_stop(struct county *c) {
    derive_destroy(c->derive);
    store_close(c->store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", c->dir);
    cr_assert(system(command) == 0);
}

#endif
