#include "command.h"

#include "hash.h"
#include "sample.h"

#include <jansson.h>
#include <unistd.h>

/* What a sink saw of the whole county. */
struct seen {
    size_t records, households, persons, cadres, assignments;
    size_t planned_persons, relocated_persons, water_persons, water_households;
    size_t exit_villages, water_villages, villages, baseline;
    bool example_helper, example_member, planned, water;
    struct sha256_ctx *hash;
};

static void see_division(struct seen *s, const char *subject, const json_t *data) {
    if (strcmp(subject + 9, "000") == 0)
        return;
    s->villages++;
    s->exit_villages += json_is_true(json_object_get(data, "exit_2019"));
    s->water_villages += json_is_true(json_object_get(data, "water_target"));
    s->baseline += (size_t)json_integer_value(json_object_get(data, "water_baseline"));
}

static void see_household(struct seen *s, const json_t *set) {
    s->households++;
    s->planned = json_integer_value(json_object_get(set, "plan_exit_year")) == 2019;
    s->water = json_is_true(json_object_get(set, "water_target"));
}

static void see_person(struct seen *s, const char *subject, const json_t *set) {
    s->persons++;
    s->planned_persons += s->planned;
    s->water_persons += s->water;
    s->relocated_persons += json_is_true(json_object_get(set, "relocated"));
    s->example_member |= strcmp(subject, "340825104299-03-0017-04") == 0;
}

static bool see(void *ctx, const char *form, const char *subject, int64_t stamp_ms,
                const char *text, size_t size) {
    struct seen *s = ctx;
    cr_assert_lt(stamp_ms, SAMPLE_START_MS + 86400000);
    cr_assert_lt(size, 64 * 1024 - 512, "%s of %s has %zu bytes", form, subject, size);
    s->records++;
    sha256_ctx_add(s->hash, subject, strlen(subject));
    sha256_ctx_add(s->hash, text, size);
    json_t *data = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(data, "%s of %s is not JSON", form, subject);
    if (strcmp(form, "register.division") == 0)
        see_division(s, subject, data);
    else if (strcmp(form, "hh.facts") == 0)
        see_household(s, json_object_get(data, "set"));
    else if (strcmp(form, "person.facts") == 0)
        see_person(s, subject, json_object_get(data, "set"));
    s->cadres += strcmp(form, "register.cadre") == 0;
    s->assignments += strcmp(form, "assign.set") == 0;
    const char *cadre = json_string_value(json_object_get(data, "cadre"));
    s->example_helper |=
        strcmp(subject, "340825104299-03-0017") == 0 && cadre && strcmp(cadre, "C-00412") == 0;
    json_decref(data);
    return true;
}

static void see_county(struct seen *s, bool small, unsigned char digest[SHA256_SIZE]) {
    struct err e = {0};
    struct sample *sample = sample_create("340825", NULL, small, &e);
    cr_assert_not_null(sample, "%s", e.msg);
    *s = (struct seen){.hash = sha256_ctx_create()};
    struct sample_sink sink = {see, s};
    cr_assert(sample_emit(sample, &sink));
    const struct sample_counts *n = sample_counts(sample);
    cr_assert_eq(n->records, s->records);
    cr_assert_eq(n->households, s->households);
    cr_assert_eq(n->persons, s->persons);
    cr_assert_eq(n->assignments, s->assignments);
    cr_assert_eq(n->cadres, s->cadres);
    sha256_ctx_final(s->hash, digest);
    sample_destroy(sample);
}

/* One for all: Criterion leaks timers of tests that differ. */
TestSuite(sample, .timeout = 300);

Test(sample, full_county_has_the_exact_sums) {
    struct seen s;
    unsigned char digest[SHA256_SIZE];
    see_county(&s, false, digest);
    cr_assert_eq(s.villages, 176);
    cr_assert_eq(s.exit_villages, 17);
    cr_assert_eq(s.water_villages, 135);
    cr_assert_eq(s.baseline, 141800);
    cr_assert_eq(s.water_persons, 141800);
    cr_assert_eq(s.planned_persons, 15226);
    cr_assert_eq(s.relocated_persons, 6298);
    cr_assert_eq(s.cadres, 1500);
    cr_assert_eq(s.households, 60000);
    cr_assert(s.persons > 205000 && s.persons < 215000, "%zu persons", s.persons);
    cr_assert(s.example_helper && s.example_member);
}

Test(sample, same_every_time) {
    struct seen s;
    unsigned char first[SHA256_SIZE];
    unsigned char second[SHA256_SIZE];
    see_county(&s, true, first);
    see_county(&s, true, second);
    cr_assert_arr_eq(first, second, SHA256_SIZE);
    cr_assert(s.example_helper && s.example_member);
}

/* All ids and bodies, in order. */
static void digest_records(const char *dir, char out[SHA256_HEX_SIZE]) {
    sqlite3 *db = open_county(dir);
    sqlite3_stmt *q = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT id, body FROM record ORDER BY rec", -1, &q, NULL),
                 SQLITE_OK);
    struct sha256_ctx *hash = sha256_ctx_create();
    while (sqlite3_step(q) == SQLITE_ROW)
        for (int i = 0; i < 2; i++)
            sha256_ctx_add(hash, sqlite3_column_blob(q, i), (size_t)sqlite3_column_bytes(q, i));
    unsigned char digest[SHA256_SIZE];
    sha256_ctx_final(hash, digest);
    hex_encode(digest, SHA256_SIZE, out);
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void check_small(sqlite3 *db) {
    static const struct {
        long long expected;
        const char *sql;
    } sums[] = {
        {0, "SELECT count(*) FROM record WHERE outcome <> 1 OR effect <> 1 OR author <> 'zoufang'"},
        {600, "SELECT count(*) FROM entity WHERE kind = 'household' AND registered"},
        {0, "SELECT count(*) FROM entity WHERE kind IN ('household', 'person', 'cadre', 'unit') "
            "AND NOT registered"},
        {40, "SELECT count(*) FROM entity WHERE kind = 'cadre'"},
        {6,
         "SELECT count(*) FROM entity WHERE kind = 'division' AND doc ->> '$.level' = 'village'"},
        {152, "SELECT count(*) FROM entity p JOIN entity h ON h.kind = 'household' AND "
              "h.id = p.subject OR h.id = substr(p.id, 1, 20) AND h.kind = 'household' WHERE "
              "p.kind = 'person' AND h.doc ->> '$.plan_exit_year' = 2019"},
        {1418, "SELECT count(*) FROM entity p JOIN entity h ON h.kind = 'household' AND "
               "h.id = substr(p.id, 1, 20) WHERE p.kind = 'person' AND h.doc ->> "
               "'$.water_target'"},
        {1418, "SELECT sum(doc ->> '$.water_baseline') FROM entity WHERE kind = 'division'"},
        {63, "SELECT count(*) FROM entity WHERE kind = 'person' AND doc ->> '$.relocated'"},
        {1418, "SELECT sum(json_array_length(body, '$.data.ids')) FROM record "
               "WHERE form = 'register.target' AND body ->> '$.data.list' = 'water_persons'"},
        {1418, "SELECT value FROM param WHERE name = 'target.water_persons'"},
        {1, "SELECT count(*) FROM param WHERE name = 'income_line_yuan' AND value IS NULL"},
        {1, "SELECT count(*) FROM assignment WHERE target = '340825104299-03-0017' "
            "AND cadre = 'C-00412' AND from_day = '2019-01-01'"},
        {4, "SELECT count(*) FROM entity WHERE kind = 'person' "
            "AND id LIKE '340825104299-03-0017-0_'"},
        {0, "SELECT count(*) FROM dirty"},
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        cr_assert_eq(ask(db, sums[i].sql), sums[i].expected, "%s: %lld", sums[i].sql,
                     ask(db, sums[i].sql));
}

Test(sample, small_county_in_the_database) {
    char dir[2][64];
    char digest[2][SHA256_HEX_SIZE];
    for (int i = 0; i < 2; i++) {
        make_dir(dir[i]);
        cr_assert_eq(run("init --small --data %s --json", dir[i]), 0, "%s", output);
        cr_assert_not_null(strstr(output, "\"households\":600"), "%s", output);
        digest_records(dir[i], digest[i]);
    }
    cr_assert_str_eq(digest[0], digest[1]);
    sqlite3 *db = open_county(dir[0]);
    check_small(db);
    sqlite3_close(db);
    cr_assert_eq(run("init --small --data %s", dir[0]), 1);
    cr_assert_not_null(strstr(output, "holds a county already"), "%s", output);
    remove_dir(dir[0]);
    remove_dir(dir[1]);
}

Test(sample, empty_county_has_its_division_only) {
    char dir[64];
    make_dir(dir);
    cr_assert_eq(run("init --county 340826 --name 测试县 --data %s/new/county", dir), 0, "%s",
                 output);
    strcat(dir, "/new/county");
    sqlite3 *db = open_county(dir);
    cr_assert_eq(ask(db, "SELECT count(*) FROM record"), 1);
    cr_assert_eq(ask(db, "SELECT count(*) FROM entity WHERE id = '340826000000' AND "
                         "doc ->> '$.name' = '测试县'"),
                 1);
    sqlite3_close(db);
    dir[strlen(dir) - strlen("/new/county")] = '\0';
    remove_dir(dir);
}

Test(sample, failed_init_leaves_nothing) {
    char dir[64];
    char path[128];
    make_dir(dir);
    cr_assert_neq(run("init --small --data %s --schema-dir /nowhere", dir), 0);
    snprintf(path, sizeof path, "%s/zoufang.db", dir);
    cr_assert_neq(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/init.tmp", dir);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(run("init --county 34 --data %s", dir), 2);
    remove_dir(dir);
}
