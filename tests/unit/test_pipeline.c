/* Envelopes through the pipeline and the chores behind it, on a real database: atomic ones, held
 * records, chains of amendments. What it costs is counted in statements, not in time. */
#include "../simulation/county.h"

#include "digest.h"
#include "hlc.h"
#include "logged.h"
#include "merge.h"
#include "pipeline.h"
#include "place.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define BASE_MS (BEGIN_MS + HOUR_MS)

struct server {
    char dir[64];
    int64_t now_ms;
    struct clock clock;
    struct rng_seeded chance;
    struct rng rng;
    struct core *core;
    struct pipeline pipeline;
    size_t statements; /* run so far */
    size_t judged;     /* held records read again */
};

static int count_statement(unsigned type, void *ctx, void *stmt, void *text) {
    struct server *s = ctx;
    (void)type;
    (void)text;
    s->statements++;
    const char *sql = sqlite3_sql(stmt);
    s->judged += strstr(sql, "body, cleared FROM record") != NULL;
    return 0;
}

static void server_open(struct server *s) {
    struct err e = {0};
    memset(s, 0, sizeof *s);
    strcpy(s->dir, "/tmp/zoufang-pipeline-XXXXXX");
    cr_assert(mkdtemp(s->dir) != NULL);
    s->now_ms = NOW_MS;
    s->rng = rng_seeded_make(&s->chance, 5);
    s->clock = (struct clock){county_now, county_now, &s->now_ms};
    county_make(s->dir, &s->clock, &s->rng);
    s->core = core_open(s->dir, SCHEMA_DIR, &s->clock, &s->rng, &e);
    cr_assert(s->core != NULL, "%s", e.msg);
    store_exec(s->core->store, "PRAGMA synchronous = OFF");
    s->pipeline = (struct pipeline){s->core, receipts_create(s->core), NULL};
    sqlite3_trace_v2(store_db(s->core->store), SQLITE_TRACE_STMT, count_statement, s);
}

static void server_close(struct server *s) {
    receipts_destroy(s->pipeline.receipts);
    core_close(s->core);
    shell("rm -r %s", s->dir);
}

static void finish(struct server *s) {
    struct err e = {0};
    receipts_flush(s->pipeline.receipts);
    cr_assert(core_commit(s->core, &e), "%s", e.msg);
}

static void begin(struct server *s) {
    struct err e = {0};
    cr_assert(core_begin(s->core, &e), "%s", e.msg);
}

/* An envelope of records, as JSON texts separated by commas. */
static void send(struct server *s, const char *device, const char *via, bool atomic,
                 const char *records) {
    char *text = sqlite3_mprintf("{\"v\":1,\"device\":\"%s\",\"atomic\":%s,\"records\":[%s]}",
                                 device, atomic ? "true" : "false", records);
    begin(s);
    struct envelope *v =
        envelope_decode(s->core->catalog, s->core->form_run, device, via, text, strlen(text));
    cr_assert_eq(v->problems.count, 0, "%s: %s", text,
                 v->problems.count ? v->problems.list[0].en : "");
    pipeline_take(&s->pipeline, v);
    envelope_destroy(v);
    sqlite3_free(text);
    finish(s);
}

static void review_held(struct server *s) {
    bool more;
    do {
        begin(s);
        more = pipeline_review_held(&s->pipeline);
        finish(s);
    } while (more);
}

static const char *id_of(int n) {
    static char ids[8][37];
    static int at;
    char *id = ids[at++ % 8];
    snprintf(id, 37, "016b4a01-0000-7000-8000-%012d", n);
    return id;
}

static char *facts(int n, const char *by, const char *member, const char *value, int amends) {
    static char texts[8][700];
    static int at;
    char *text = texts[at++ % 8];
    char hlc[HLC_TEXT_SIZE];
    char link[64] = "";
    if (amends)
        snprintf(link, sizeof link, ",\"amends\":\"%s\"", id_of(amends));
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, 700,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"hh.facts\",\"fv\":1,\"subject\":\"%s\","
             "\"hlc\":\"%s\",\"by\":\"%s\"%s,\"data\":{\"set\":{\"%s\":%s},\"reason\":\"x\"}}",
             id_of(n), n, households[1], hlc, by, link, member, value);
    return text;
}

/* About a household that nobody has been assigned to. */
static char *good(int n) {
    return facts(n, "C-00420", "farmland_mu", "3", 0);
}

/* The village may not say who is a target of the water decision. */
static char *held(int n) {
    return facts(n, "C-00420", "water_target", "false", 0);
}

static char *join(const char *a, const char *b) {
    static char text[2000];
    snprintf(text, sizeof text, "%s,%s", a, b);
    return text;
}

static char *review_of(int n, int target, bool accept) {
    static char text[700];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"record.review\",\"fv\":1,\"subject\":\"%s\","
             "\"hlc\":\"%s\",\"by\":\"C-00030\",\"data\":{\"accept\":%s,\"note\":\"x\"}}",
             id_of(n), n, id_of(target), hlc, accept ? "true" : "false");
    return text;
}

static char *accept_of(int n, int target) {
    return review_of(n, target, true);
}

/* By another than the township. */
static char *accept_by(const char *by, int n, int target) {
    char *text = accept_of(n, target);
    memcpy(strstr(text, "C-00030"), by, 7);
    return text;
}

static int64_t ask(struct server *s, const char *sql) {
    sqlite3_stmt *q;
    cr_assert_eq(sqlite3_prepare_v2(store_db(s->core->store), sql, -1, &q, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(store_db(s->core->store)));
    int64_t v = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    return v;
}

/* 0 = unknown to the log. */
static int outcome(struct server *s, int n) {
    char sql[120];
    snprintf(sql, sizeof sql,
             "SELECT coalesce((SELECT outcome FROM record WHERE id_text(id) = '%s'), 0)", id_of(n));
    return (int)ask(s, sql);
}

/* Receipts that say so of the record, with the code. */
static int64_t receipts(struct server *s, int n, const char *what, const char *code) {
    char *sql = sqlite3_mprintf(
        "SELECT count(*) FROM outbox, json_each(CAST(payload AS TEXT), '$.receipts') r "
        "WHERE topic LIKE '%%/receipts' AND r.value ->> 'id' = %Q AND r.value ->> 'outcome' = %Q "
        "AND coalesce(r.value ->> '$.errors[0].code', '') = %Q",
        id_of(n), what, code);
    int64_t count = ask(s, sql);
    sqlite3_free(sql);
    return count;
}

/* ---------------------------------------------------------------- what a village is like */

static const char *survey(int n, const char *set) {
    static char text[700];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"village.survey\",\"fv\":1,\"subject\":\"%.12s\","
             "\"hlc\":\"%s\",\"by\":\"C-00420\",\"data\":{\"set\":%s}}",
             id_of(n), n, households[1], hlc, set);
    return text;
}

/* It changes nobody's rights, and of what is derived only what may read the village. */
Test(survey, asks_only_who_reads_the_village) {
    struct server s;
    server_open(&s);
    store_exec(s.core->store, "DELETE FROM dirty");
    send(&s, "d-0420", "", false, survey(1, "{\"ponds_total\":6}"));
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM dirty WHERE level IN ('scope', 'held', 'all')"), 0);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM dirty WHERE level = 'village'"), 1);
    cr_assert_eq(
        ask(&s, "SELECT count(*) FROM dirty d WHERE level = 'household'"),
        ask(&s, "SELECT count(*) FROM entity WHERE kind = 'household' AND substr(place, 1, 9) = "
                "(SELECT substr(subject, 1, 9) FROM record WHERE form = 'village.survey')"));
    cr_assert_eq(ask(&s, "SELECT count(*) FROM dirty WHERE level = 'finding'"),
                 ask(&s, "SELECT count(*) FROM record WHERE subject = (SELECT subject FROM record "
                         "WHERE form = 'village.survey')"),
                 "records about it");
    store_exec(s.core->store, "DELETE FROM dirty");
    send(&s, "d-0420", "", false, survey(2, "{\"ponds_total\":6}"));
    cr_assert_eq(ask(&s, "SELECT count(*) FROM dirty WHERE level = 'all'"), 0);
    server_close(&s);
}

/* ---------------------------------------------------------------- atomic envelopes */

Test(atomic, the_same_id_with_another_content_refuses_all) {
    struct server s;
    server_open(&s);
    char three[3000];
    snprintf(three, sizeof three, "%s,%s,%s", good(1), good(2),
             facts(1, "C-00420", "farmland_mu", "4", 0));
    send(&s, "d-0420", "", true, three);
    cr_assert_eq(outcome(&s, 1), 0);
    cr_assert_eq(outcome(&s, 2), 0);
    cr_assert_eq(receipts(&s, 1, "rejected", "id_conflict"), 2);
    cr_assert_eq(receipts(&s, 2, "retry", "atomic"), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM refusal"), 2, "both are kept with the reason");
    send(&s, "d-0420", "", true, join(good(2), good(2)));
    cr_assert_eq(outcome(&s, 2), 1, "the same content twice is one record");
    server_close(&s);
}

Test(atomic, comes_by_another_path_and_leaves_as_one) {
    struct server s;
    server_open(&s);
    send(&s, "d-0420", "r-108", true, join(good(1), good(2)));
    cr_assert_eq(outcome(&s, 1), 2);
    review_held(&s);
    send(&s, "d-0420", "", false, good(1));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 2, "the other one still waits");
    send(&s, "d-0420", "r-104", false, good(2));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(outcome(&s, 2), 1);
    cr_assert_eq(receipts(&s, 1, "stored", ""), 1);
    cr_assert_eq(receipts(&s, 2, "stored", ""), 1);
    server_close(&s);
}

Test(atomic, one_that_was_held_before_holds_the_rest) {
    struct server s;
    server_open(&s);
    send(&s, "d-0420", "", false, held(1));
    send(&s, "d-0420", "", true, join(good(2), held(1)));
    cr_assert_eq(outcome(&s, 2), 2);
    begin(&s);
    store_dirty(s.core->store, "held", "", 1);
    finish(&s);
    review_held(&s);
    cr_assert_eq(outcome(&s, 2), 2, "it has the authority, its companion has not");
    send(&s, "d-0030", "", false, accept_of(3, 1));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(outcome(&s, 2), 1);
    server_close(&s);
}

Test(atomic, envelopes_that_share_a_stored_record_wait_apart) {
    struct server s;
    server_open(&s);
    send(&s, "d-0420", "", false, good(1));
    send(&s, "d-0420", "", true, join(good(1), held(2)));
    send(&s, "d-0420", "", true, join(good(1), held(3)));
    cr_assert_eq(ask(&s, "SELECT count(DISTINCT batch) FROM record WHERE outcome = 2"), 2);
    send(&s, "d-0030", "", false, accept_of(4, 2));
    review_held(&s);
    cr_assert_eq(outcome(&s, 2), 1);
    cr_assert_eq(outcome(&s, 3), 2);
    server_close(&s);
}

/* ---------------------------------------------------------------- held records */

Test(held, a_review_looks_at_what_it_names) {
    struct server s;
    server_open(&s);
    for (int n = 1; n <= 100; n++)
        send(&s, "d-0420", "", false, held(n));
    review_held(&s);
    s.judged = 0;
    for (int n = 1; n <= 100; n++) {
        send(&s, "d-0030", "", false, accept_of(200 + n, n));
        review_held(&s);
        cr_assert_eq(outcome(&s, n), 1);
    }
    cr_assert_eq(s.judged, 100, "judged %zu times", s.judged);
    server_close(&s);
}

Test(held, a_review_that_came_first_counts) {
    struct server s;
    server_open(&s);
    send(&s, "d-0030", "", false, accept_of(9, 1));
    send(&s, "d-0420", "", false, held(1));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 1);
    server_close(&s);
}

static char *assign(int n, const char *cadre, const char *household) {
    static char text[700];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"assign.set\",\"fv\":1,\"subject\":\"%s\","
             "\"hlc\":\"%s\",\"by\":\"C-00001\",\"data\":{\"kind\":\"cadre_household\","
             "\"cadre\":\"%s\",\"from\":\"2019-06-01\"}}",
             id_of(n), n, household, hlc, cadre);
    return text;
}

Test(held, an_assignment_looks_at_those_of_its_cadre) {
    struct server s;
    server_open(&s);
    for (int n = 1; n <= 50; n++)
        send(&s, "d-0420", "", false, held(n));
    send(&s, "d-0413", "", false, facts(60, "C-00413", "farmland_mu", "3", 0));
    review_held(&s);
    cr_assert_eq(outcome(&s, 60), 2);
    s.judged = 0;
    send(&s, "d-0001", "", false, assign(70, "C-00413", households[1]));
    review_held(&s);
    cr_assert_eq(outcome(&s, 60), 1);
    cr_assert_eq(s.judged, 1, "judged %zu", s.judged);
    server_close(&s);
}

/* ---------------------------------------------------------------- chains of amendments */

#define LINKS 240

enum shape { EACH_THE_LAST, ALL_THE_FIRST, BACKWARDS, SHAPES };

/* Record n of the chain in that shape. */
static char *link_of(enum shape shape, int n) {
    int amends = n == 1 ? 0 : shape == ALL_THE_FIRST ? 1 : n - 1;
    char value[24];
    snprintf(value, sizeof value, "%d", n % 50);
    return facts(n, "C-00420", "farmland_mu", value, amends);
}

/* Sends links [first, last] by their place in the order of arrival; the statements that it took. */
static size_t send_links(struct server *s, enum shape shape, int first, int last) {
    size_t before = s->statements;
    for (int i = first; i <= last; i++)
        send(s, "d-0420", "", false, link_of(shape, shape == BACKWARDS ? LINKS + 1 - i : i));
    return s->statements - before;
}

static void state_of(struct server *s, char digest[SHA256_HEX_SIZE]) {
    struct err e = {0};
    cr_assert(digest_derived(s->core, digest, &e), "%s", e.msg);
}

/* How often statements ran while everything was merged from the log again; it ends the same. */
static size_t rebuild(struct server *s) {
    char before[SHA256_HEX_SIZE];
    char after[SHA256_HEX_SIZE];
    state_of(s, before);
    size_t statements = s->statements;
    begin(s);
    merge_rebuild(s->core, NULL);
    statements = s->statements - statements;
    finish(s);
    state_of(s, after);
    cr_assert_str_eq(before, after);
    return statements;
}

Test(chain, an_arrival_costs_the_same_in_a_long_chain) {
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct server s;
        server_open(&s);
        size_t empty = rebuild(&s);
        size_t early = send_links(&s, shape, 1, LINKS / 4);
        size_t first = rebuild(&s) - empty;
        send_links(&s, shape, LINKS / 4 + 1, 3 * LINKS / 4);
        size_t late = send_links(&s, shape, 3 * LINKS / 4 + 1, LINKS);
        size_t all = rebuild(&s) - empty;
        cr_assert_leq(late, early + early / 10, "shape %d: %zu, then %zu", (int)shape, early, late);
        cr_assert_leq(all, 4 * first + first / 2, "rebuild: %zu, then %zu", first, all);
        cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE device = 'd-0420' AND effect = 1"),
                     1);
        cr_assert_eq(ask(&s, "SELECT doc ->> 'farmland_mu' FROM entity WHERE kind = 'household' "
                             "AND id = '340825104299-03-0018'"),
                     LINKS % 50);
        server_close(&s);
    }
}

/* A withdrawal or restore of a record, by the township. */
static char *void_of(int n, int target, bool restore) {
    static char text[700];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"record.void\",\"fv\":1,\"subject\":\"%s\","
             "\"hlc\":\"%s\",\"by\":\"C-00030\",\"data\":{\"reason\":\"x\"%s}}",
             id_of(n), n, id_of(target), hlc, restore ? ",\"restore\":true" : "");
    return text;
}

Test(chain, a_withdrawal_reaches_who_joins_later) {
    struct server s;
    server_open(&s);
    send_links(&s, EACH_THE_LAST, 1, 3);
    send(&s, "d-0030", "", false, void_of(500, 2, false));
    send_links(&s, EACH_THE_LAST, 4, 5);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE device = 'd-0420' AND effect = -1"), 5);
    send(&s, "d-0030", "", false, void_of(501, 5, true));
    cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE device = 'd-0420' AND effect = 0"), 4);
    send_links(&s, EACH_THE_LAST, 6, 6);
    cr_assert_eq(ask(&s, "SELECT seq FROM record WHERE device = 'd-0420' AND effect = 1"), 6);
    rebuild(&s);
    server_close(&s);
}

/* An author may take back his own for as long as the county says. */
Test(chain, an_author_withdraws_his_own_within_the_hours_of_the_parameter) {
    static const struct {
        const char *hours;
        int after_h, effect;
    } cases[] = {{"72", 72, -1}, {"72", 73, 1}, {"100", 73, -1}, {NULL, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s;
        server_open(&s);
        begin(&s);
        store_set_param(s.core->store, "amend.hours", cases[i].hours);
        finish(&s);
        char text[700];
        char hlc[HLC_TEXT_SIZE];
        hlc_format((BASE_MS + 1000 + cases[i].after_h * HOUR_MS) << 16, hlc);
        snprintf(text, sizeof text,
                 "{\"id\":\"%s\",\"seq\":2,\"form\":\"record.void\",\"fv\":1,\"subject\":\"%s\","
                 "\"hlc\":\"%s\",\"by\":\"C-00412\",\"data\":{\"reason\":\"x\"}}",
                 id_of(2), id_of(1), hlc);
        send(&s, "d-0412", "", false, facts(1, "C-00412", "farmland_mu", "3", 0));
        send(&s, "d-0412", "", false, text);
        cr_assert_eq(outcome(&s, 2), 1);
        cr_assert_eq(ask(&s, "SELECT effect FROM record WHERE device = 'd-0412' AND seq = 1"),
                     cases[i].effect, "case %zu", i);
        server_close(&s);
    }
}

Test(entity, its_class_is_that_of_its_form) {
    struct server s;
    server_open(&s);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM entity WHERE kind = 'person' AND class = 2"), 4);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM entity WHERE kind <> 'person' AND class <> 1"), 0);
    server_close(&s);
}

/* ---------------------------------------------------------------- facts of list items */

/* A record of any form about the first household, written `hours` after the first. */
static char *about(int n, const char *form, const char *subject, const char *by, double hours,
                   const char *members, const char *data) {
    static char texts[4][2000];
    static int at;
    char *text = texts[at++ % 4];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + (int64_t)(hours * HOUR_MS) + n * 1000) << 16, hlc);
    snprintf(text, sizeof texts[0],
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"%s\",\"fv\":1,\"subject\":\"%s\","
             "\"hlc\":\"%s\",\"by\":\"%s\",%s\"data\":%s}",
             id_of(n), n, form, subject, hlc, by, members, data);
    return text;
}

/* "01:true 02:false": who is insured, of that household. */
static char *medical(int n, const char *by, double hours, const char *members, const char *of,
                     const char *who) {
    char items[1200] = "";
    for (const char *p = who; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        size_t used = strlen(items);
        snprintf(items + used, sizeof items - used,
                 "%s{\"person\":\"%s-%.2s\",\"insured\":%.*s,\"major_ill\":false,"
                 "\"chronic_card\":false,\"doctor_signed\":true}",
                 used ? "," : "", of, p, (int)strcspn(p + 3, " "), p + 3);
    }
    char data[1400];
    snprintf(data, sizeof data, "{\"year\":2019,\"members\":[%s],\"oop_yuan\":0}", items);
    return about(n, "check.medical", households[0], by, hours, members, data);
}

static char *insured(int n, const char *by, double hours, const char *members, bool value) {
    char subject[64];
    snprintf(subject, sizeof subject, "%s-01", households[0]);
    return about(n, "person.facts", subject, by, hours, members,
                 value ? "{\"op\":\"edit\",\"set\":{\"insured\":true}}"
                       : "{\"op\":\"edit\",\"set\":{\"insured\":false}}");
}

/* What is said of a person's insurance: 1, 0, -1 nothing. */
static int64_t said(struct server *s, const char *household, const char *person) {
    char *sql = sqlite3_mprintf("SELECT coalesce(max(doc ->> '$.insured'), -1) FROM entity"
                                " WHERE id = '%q-%q'",
                                household, person);
    int64_t value = ask(s, sql);
    sqlite3_free(sql);
    return value;
}

static int64_t conflicts(struct server *s) {
    return ask(s, "SELECT count(*) FROM entity WHERE conflicts <> '[]'");
}

Test(list, items_write_facts_of_their_entities) {
    struct server s;
    server_open(&s);
    send(&s, "d-0412", "", false, medical(1, "C-00412", 0, "", households[0], "01:true 02:false"));
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(said(&s, households[0], "01"), 1);
    cr_assert_eq(said(&s, households[0], "02"), 0);
    cr_assert_eq(ask(&s, "SELECT registered FROM entity WHERE id = '340825104299-03-0017-02'"), 0,
                 "a person that a list mentions exists");
    /* The phone shows the member what the record said of him. */
    cr_assert_eq(ask(&s, "SELECT seen ->> '$.insured[0]' = '000000000001' FROM entity"
                         " WHERE id = '340825104299-03-0017-02'"),
                 1);
    rebuild(&s);
    server_close(&s);
}

Test(list, items_count_once_and_inside_the_household) {
    struct server s;
    server_open(&s);
    send(&s, "d-0412", "", false, medical(1, "C-00412", 0, "", households[1], "01:true"));
    cr_assert_eq(outcome(&s, 1), 1, "it is a warning");
    cr_assert_eq(said(&s, households[1], "01"), -1, "another household's person");
    send(&s, "d-0412", "", false,
         medical(2, "C-00412", 1, "", households[0], "01:true 01:false 01:false"));
    cr_assert_eq(said(&s, households[0], "01"), 1, "the first that names him");
    cr_assert_eq(ask(&s, "SELECT count(*) FROM fact_source WHERE rec IN (SELECT rec FROM record"
                         " WHERE form = 'check.medical')"),
                 1);
    rebuild(&s);
    server_close(&s);
}

Test(list, amending_and_withdrawing_reach_every_item) {
    struct server s;
    server_open(&s);
    char link[80];
    snprintf(link, sizeof link, "\"amends\":\"%s\",", id_of(1));
    send(&s, "d-0412", "", false, medical(1, "C-00412", 0, "", households[0], "01:true 02:true"));
    send(&s, "d-0412", "", false, medical(2, "C-00412", 1, link, households[0], "01:false"));
    cr_assert_eq(said(&s, households[0], "01"), 0);
    cr_assert_eq(said(&s, households[0], "02"), -1, "no longer listed");
    send(&s, "d-0030", "", false, void_of(3, 2, false));
    cr_assert_eq(said(&s, households[0], "01"), -1);
    send(&s, "d-0030", "", false, void_of(4, 2, true));
    cr_assert_eq(said(&s, households[0], "01"), 0);
    rebuild(&s);
    server_close(&s);
}

/* Tails of list items stand under the name of the fact; without them, 72 hours decide. */
Test(list, conflicts_follow_what_was_shown) {
    static const struct {
        const char *base; /* of the correction */
        double hours;
        int conflicts;
    } cases[] = {{"", 1, 1},
                 {"", 73, 0},
                 {"\"base\":{\"insured\":[\"000000000001\"]},", 1, 0},
                 {"\"base\":{\"insured\":[]},", 73, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int list_first = 0; list_first < 2; list_first++) {
            struct server s;
            server_open(&s);
            char *list = medical(list_first ? 1 : 2, list_first ? "C-00412" : "C-00420",
                                 list_first ? 0 : cases[i].hours, list_first ? "" : cases[i].base,
                                 households[0], "01:true 02:true");
            char *facts =
                insured(list_first ? 2 : 1, list_first ? "C-00420" : "C-00412",
                        list_first ? cases[i].hours : 0, list_first ? cases[i].base : "", false);
            send(&s, list_first ? "d-0412" : "d-0420", "", false, list);
            send(&s, list_first ? "d-0420" : "d-0412", "", false, facts);
            cr_assert_eq(said(&s, households[0], "01"), !list_first, "the later one wins");
            cr_assert_eq(conflicts(&s), cases[i].conflicts, "case %zu %d", i, list_first);
            server_close(&s);
        }
    }
}

/* ---------------------------------------------------------------- secret records */

static char *lead(int n, const char *by) {
    return about(n, "lead.report", "340825104299", by, 0, "\"gps\":{\"lat\":30.4,\"lng\":116.2},",
                 "{\"channel\":\"visit\",\"cat\":\"funds\",\"text\":\"SECRET\",\"named\":true,"
                 "\"reporter\":{\"name\":\"SECRET\",\"phone\":\"SECRET\"}}");
}

Test(secret, what_it_says_lies_apart) {
    struct server s;
    server_open(&s);
    begin(&s);
    store_exec(s.core->store, "DELETE FROM dirty");
    finish(&s);
    send(&s, "d-0420", "", false, lead(1, "C-00420"));
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE body LIKE '%SECRET%'"), 0);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE body LIKE '%gps%'"), 0);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM secret WHERE body LIKE '%SECRET%'"), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM stored_record WHERE form = 'lead.report'"), 0);
    cr_assert_eq(ask(&s, "SELECT body ->> '$.data.text' = 'SECRET' FROM secret_record"), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM dirty WHERE level = 'place'"
                         " AND id = '340825104299'"),
                 0, "no head and no status is made anew for it");
    cr_assert_eq(ask(&s, "SELECT count(*) FROM outbox, json_each(CAST(payload AS TEXT),"
                         " '$.receipts') r WHERE r.value ->> 'code' LIKE '____-____'"),
                 1);
    send(&s, "d-0420", "", false, lead(1, "C-00420"));
    cr_assert_eq(receipts(&s, 1, "duplicate", ""), 1, "same content");
    cr_assert_eq(ask(&s, "SELECT count(DISTINCT r.value ->> 'code') FROM outbox,"
                         " json_each(CAST(payload AS TEXT), '$.receipts') r"),
                 1, "the same code for ever");
    rebuild(&s);
    server_close(&s);
}

/* The township may withdraw what others wrote, but no lead, wherever the two come. */
Test(secret, nobody_else_withdraws_a_lead) {
    for (int void_first = 0; void_first < 2; void_first++) {
        struct server s;
        server_open(&s);
        if (void_first)
            send(&s, "d-0030", "", false, void_of(2, 1, false));
        send(&s, "d-0420", "", false, lead(1, "C-00420"));
        if (!void_first)
            send(&s, "d-0030", "", false, void_of(2, 1, false));
        cr_assert_eq(ask(&s, "SELECT effect FROM record WHERE form = 'lead.report'"), 1);
        cr_assert_eq(ask(&s, "SELECT class FROM record WHERE form = 'record.void'"), 6,
                     "that there is a lead is told by no act on it");
        cr_assert_eq(ask(&s, "SELECT count(*) FROM record WHERE form = 'record.void'"
                             " AND body LIKE '%reason%'"),
                     0);
        cr_assert_eq(ask(&s, "SELECT count(*) FROM secret"), 2);
        rebuild(&s);
        server_close(&s);
    }
}

Test(secret, its_author_withdraws_it) {
    struct server s;
    server_open(&s);
    char own[700];
    strcpy(own, void_of(2, 1, false));
    memcpy(strstr(own, "C-00030"), "C-00420", 7);
    send(&s, "d-0420", "", false, lead(1, "C-00420"));
    send(&s, "d-0420", "", false, own);
    cr_assert_eq(ask(&s, "SELECT effect FROM record WHERE form = 'lead.report'"), -1);
    rebuild(&s);
    server_close(&s);
}

/* One from outside his area waits, for a reviewer who sees leads. */
Test(secret, a_held_one_waits_for_who_sees_leads) {
    struct server s;
    server_open(&s);
    send(&s, "d-0421", "", false, lead(1, "C-00421"));
    cr_assert_eq(outcome(&s, 1), 2);
    send(&s, "d-0030", "", false, accept_of(2, 1));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 2, "the township's review does not count");
    send(&s, "d-0800", "", false, accept_by("C-00800", 3, 1));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), 1);
    cr_assert_eq(ask(&s, "SELECT count(*) FROM outbox, json_each(CAST(payload AS TEXT),"
                         " '$.receipts') r WHERE r.value ->> 'outcome' = 'stored'"
                         " AND r.value ->> 'code' LIKE '____-____'"),
                 1);
    send(&s, "d-0420", "", false, held(4));
    send(&s, "d-0800", "", false, accept_by("C-00800", 5, 4));
    review_held(&s);
    cr_assert_eq(outcome(&s, 4), 2, "of other records who sees leads decides nothing");
    server_close(&s);
}

/* One whose form is gone cannot be judged: it shares the fate of its envelope. */
Test(held, an_envelope_is_refused_although_a_form_is_gone) {
    static struct metrics metrics;
    struct server s;
    struct err e = {0};
    server_open(&s);
    s.pipeline.metrics = &metrics;
    send(&s, "d-0420", "", true,
         join(held(1), about(2, "activity.log", "340825104299", "C-00420", 0, "",
                             "{\"kind\":\"night_school\",\"date\":\"2019-06-10\",\"people\":9,"
                             "\"text\":\"x\"}")));
    cr_assert_eq(outcome(&s, 2), OUTCOME_HELD);
    shell("cp -r %s %s/schema && rm %s/schema/forms/activity.log.*", SCHEMA_DIR, s.dir, s.dir);
    snprintf(s.core->schema_dir, sizeof s.core->schema_dir, "%s/schema", s.dir);
    cr_assert(core_reload(s.core, &e), "%s", e.msg);
    send(&s, "d-0030", "", false, review_of(3, 1, false));
    review_held(&s);
    cr_assert_eq(outcome(&s, 1), OUTCOME_REFUSED);
    cr_assert_eq(outcome(&s, 2), OUTCOME_REFUSED);
    cr_assert_eq(receipts(&s, 2, "rejected", "refused"), 1);
    server_close(&s);
}

/* ---------------------------------------------------------------- who releases behind a gate */

static char *project(int n, const char *by, const char *step, const char *more) {
    static char text[900];
    char hlc[HLC_TEXT_SIZE];
    hlc_format((BASE_MS + n * 1000) << 16, hlc);
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"seq\":%d,\"form\":\"project.step\",\"fv\":1,\"subject\":"
             "\"P-2019-0456\",\"hlc\":\"%s\",\"by\":\"%s\",\"data\":{\"step\":\"%s\",\"date\":"
             "\"2019-06-01\"%s}}",
             id_of(n), n, hlc, by, step, more);
    return text;
}

enum waits { EXTEND, MARK_VILLAGE, MARK_HOUSEHOLD, DECLARED_ELSEWHERE, MARK_BY_NOBODY };

/* A finding (1) and what waits (2). */
static void send_waiting(struct server *s, enum waits what) {
    static const char mark[] = "{\"year\":2019,\"step\":\"mark\",\"date\":\"2019-06-01\"}";
    char *r = NULL;
    switch (what) {
    case EXTEND:
        r = about(2, "rectify.report", id_of(1), "C-00420", 0, "",
                  "{\"result\":\"extend\",\"action\":\"x\",\"extend_to\":\"2019-07-30\"}");
        break;
    case MARK_VILLAGE:
        r = about(2, "exit.step", "340825104299", "C-00420", 0, "", mark);
        break;
    case MARK_HOUSEHOLD:
        r = about(2, "exit.step", households[1], "C-00420", 0, "", mark);
        break;
    case DECLARED_ELSEWHERE:
        r = project(2, "C-00420", "declared",
                    ",\"name\":\"x\",\"cat\":\"road\",\"yuan\":9000,\"hh_served\":3,"
                    "\"div\":\"340825104201\"");
        break;
    case MARK_BY_NOBODY:
        r = about(2, "exit.step", "340825104299", "C-00001", 0, "", mark);
        break;
    }
    send(s, "d-0420", "", false, r);
    review_held(s);
}

/* What a gate reserves is given by a role of the gate only; a place that is not the author's, by
 * whoever has the area. It does not matter which comes first. */
Test(held, a_gate_is_opened_by_a_role_of_its_own) {
    static const struct {
        enum waits what;
        const char *by, *device;
        int outcome;
    } cases[] = {
        {EXTEND, "C-00030", "d-0030", OUTCOME_HELD},
        {EXTEND, "C-00001", "d-0001", OUTCOME_STORED},
        {MARK_VILLAGE, "C-00030", "d-0030", OUTCOME_HELD},
        {MARK_VILLAGE, "C-00001", "d-0001", OUTCOME_STORED},
        {MARK_HOUSEHOLD, "C-00030", "d-0030", OUTCOME_STORED},
        {MARK_HOUSEHOLD, "C-00001", "d-0001", OUTCOME_HELD},
        {DECLARED_ELSEWHERE, "C-00030", "d-0030", OUTCOME_STORED},
        {MARK_BY_NOBODY, "C-00030", "d-0030", OUTCOME_HELD}, /* the device is not the county's */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases * 2; i++) {
        struct server s;
        bool review_first = i % 2;
        server_open(&s);
        send(&s, "d-0420", "", false,
             about(1, "finding.report", "340825104299", "C-00420", 0, "",
                   "{\"source\":\"self\",\"cat\":\"water\",\"severity\":\"mid\","
                   "\"text\":\"x\",\"duty_unit\":\"U-T104\"}"));
        cr_assert_eq(outcome(&s, 1), OUTCOME_STORED);
        if (!review_first) {
            send_waiting(&s, cases[i / 2].what);
            cr_assert_eq(outcome(&s, 2), OUTCOME_HELD, "case %zu", i / 2);
        }
        send(&s, cases[i / 2].device, "", false, accept_by(cases[i / 2].by, 3, 2));
        cr_assert_eq(outcome(&s, 3), OUTCOME_STORED);
        if (review_first)
            send_waiting(&s, cases[i / 2].what);
        review_held(&s);
        cr_expect_eq(outcome(&s, 2), cases[i / 2].outcome, "case %zu %d", i / 2, review_first);
        server_close(&s);
    }
}

/* An acceptance that gives nothing takes nothing either: the county's releases beside it. */
Test(held, an_acceptance_that_does_not_count_leaves_it_to_others) {
    struct server s;
    server_open(&s);
    send_waiting(&s, MARK_VILLAGE);
    send(&s, "d-0030", "", false, accept_of(3, 2));
    review_held(&s);
    cr_assert_eq(outcome(&s, 2), OUTCOME_HELD);
    send(&s, "d-0030", "", false, review_of(4, 2, false));
    review_held(&s);
    cr_assert_eq(outcome(&s, 2), OUTCOME_REFUSED, "a refusal needs no more than the area");
    send(&s, "d-0001", "", false, accept_by("C-00001", 5, 2));
    review_held(&s);
    cr_assert_eq(outcome(&s, 2), OUTCOME_STORED);
    cr_assert_eq(receipts(&s, 2, "stored", ""), 1);
    server_close(&s);
}

/* ---------------------------------------------------------------- where a record belongs */

Test(place, a_task_belongs_where_its_subject_does) {
    static const struct {
        const char *task, *subject, *code;
    } cases[] = {
        {"T-V1-340825104299-03-0017-2019-06", "340825104299-03-0017", "340825104299"},
        {"T-H1-340825104299-03-0017-1", "340825104299-03-0017", "340825104299"},
        {"T-H2-340825104299-03-0017-b01-2", "340825104299-03-0017", "340825104299"},
        {"T-Q1-340825104299-03-0017-02-reg-1", "340825104299-03-0017-02", "340825104299"},
        {"T-V2-340825104299-1", "340825104299", "340825104299"},
        {"T-F1-0189a3b2-1c00-7abc-8def-abcdef012345-1", "0189a3b2-1c00-7abc-8def-abcdef012345", ""},
        {"T-Q1-nothing-reg-1", "T-Q1-nothing-reg-1", ""},
    };
    struct server s;
    server_open(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct subject parsed;
        struct place where;
        subject_parse(cases[i].task, strlen(cases[i].task), &parsed);
        place_resolve(s.core, cases[i].task, &parsed, &where);
        cr_expect_str_eq(where.subject, cases[i].subject, "%s", cases[i].task);
        cr_expect_str_eq(where.code, cases[i].code, "%s", cases[i].task);
    }
    server_close(&s);
}

static const char *where_is(struct server *s, int n) {
    static char places[4][13];
    static int at;
    char *place = places[at++ % 4];
    struct logged r;
    unsigned char id[16];
    uuid7_parse(id_of(n), 36, id);
    cr_assert(logged_get(s->core, id, &r));
    memcpy(place, r.place, 13);
    return place;
}

#define DECLARED                                                                                   \
    ",\"name\":\"x\",\"cat\":\"road\",\"yuan\":9000,\"hh_served\":3,\"div\":\"%.6s%.6s\""

/* Where a project is, says the record that declares it, and its author must have scope there. */
Test(place, a_project_is_where_its_declaration_says) {
    char own[200];
    char others[200];
    char abroad[200];
    struct server s;
    server_open(&s);
    snprintf(own, sizeof own, DECLARED, "340825", "104299");
    snprintf(others, sizeof others, DECLARED, "340825", "104201");
    snprintf(abroad, sizeof abroad, DECLARED, "340826", "104299");
    send(&s, "d-0420", "", false, project(1, "C-00420", "declared", own));
    send(&s, "d-0420", "", false, project(2, "C-00420", "declared", others));
    send(&s, "d-0420", "", false, project(3, "C-00420", "declared", abroad));
    send(&s, "d-0030", "", false, project(4, "C-00030", "reviewed", ""));
    cr_expect_eq(outcome(&s, 1), 1);
    cr_expect_str_eq(where_is(&s, 1), "340825104299");
    cr_expect_eq(outcome(&s, 2), 2, "outside his village");
    cr_expect_eq(outcome(&s, 3), 2, "outside the county");
    cr_expect_str_eq(where_is(&s, 3), "");
    cr_expect_eq(outcome(&s, 4), 1, "by his role");
    cr_expect_str_eq(where_is(&s, 4), "");
    begin(&s);
    merge_rebuild(s.core, NULL);
    finish(&s);
    cr_expect_str_eq(where_is(&s, 1), "340825104299");
    server_close(&s);
}

/* ---------------------------------------------------------------- entities */

Test(entity, its_class_follows_the_forms) {
    struct server s;
    char sql[200];
    server_open(&s);
    send(&s, "d-0420", "", false, good(1));
    snprintf(sql, sizeof sql, "SELECT class FROM entity WHERE id = '%s'", households[1]);
    int64_t said = ask(&s, sql);
    begin(&s);
    store_exec(s.core->store, "UPDATE entity SET class = 4"); /* as older forms had it */
    finish(&s);
    send(&s, "d-0420", "", false, facts(2, "C-00420", "farmland_mu", "5", 0));
    cr_assert_eq(ask(&s, sql), said);
    server_close(&s);
}
