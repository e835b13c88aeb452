/* The simulated phone without a network: what it sends when, and what it makes of the answers. */
#include "phone_private.h"

#include "form.h"
#include "payload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS INT64_C(1560304800000) /* 2019-06-12T10:00:00+08:00 */
#define SECOND INT64_C(1000000)
#define HOUSEHOLD "340825104299-03-0017"
#define OUT_MAX 4096

/* Time that only the test moves, and everything that the phone publishes. */
static struct fixture {
    int64_t us;
    int64_t wall_error_ms;
    bool refuse;
    size_t count;
    struct out {
        char topic[200];
        char *payload;
        size_t size;
        uint64_t token;
    } out[OUT_MAX];
    struct phone_world world;
    struct phone *phone;
} f;

static int64_t wall(void *ctx) {
    (void)ctx;
    return START_MS + f.us / 1000 + f.wall_error_ms;
}

static int64_t mono(void *ctx) {
    (void)ctx;
    return f.us;
}

static bool publish(void *ctx, const struct outgoing *m) {
    (void)ctx;
    if (f.refuse)
        return false;
    cr_assert_lt(f.count, OUT_MAX);
    struct out *o = &f.out[f.count++];
    snprintf(o->topic, sizeof o->topic, "%s", m->topic);
    o->payload = malloc(m->size + 1);
    memcpy(o->payload, m->payload, m->size);
    o->payload[m->size] = '\0';
    o->size = m->size;
    o->token = m->token;
    return true;
}

static void phone_start(struct phone_options o) {
    static const char *const helpers[] = {"C-00412"};
    memset(&f, 0, sizeof f);
    f.world.helpers = helpers;
    f.world.helper_count = 1;
    f.us = 1000 * SECOND;
    f.world.clock = (struct clock){wall, mono, NULL};
    f.world.time_scale = 1;
    o.county = "340825";
    o.device = "d-test";
    o.author = "C-00412";
    o.role = o.role ? o.role : "HL";
    o.batch_max = o.batch_max ? o.batch_max : 20;
    o.seed = 7;
    f.phone = phone_create(&f.world, &o);
}

static void phone_stop(void) {
    phone_destroy(f.phone);
    phone_world_fini(&f.world);
    for (size_t i = 0; i < f.count; i++)
        free(f.out[i].payload);
}

static void connect_phone(void) {
    struct publisher publisher = {publish, NULL};
    phone_connected(f.phone, &publisher);
}

static void hear(const char *leaf, const char *text) {
    char topic[100];
    snprintf(topic, sizeof topic, "zf/1/340825/x/%s", leaf);
    phone_message(f.phone, topic, text, strlen(text), f.us);
}

static void server(const char *state, const char *epoch, const char *boot) {
    char text[256];
    snprintf(text, sizeof text, "{\"v\":1,\"state\":\"%s\",\"epoch\":\"%s\",\"boot\":\"%s\"}",
             state, epoch, boot);
    hear("server", text);
}

static void time_text(int64_t ms, char out[TIME_TEXT_SIZE]) {
    time_format(ms, out);
}

/* Answers the request under way; `rest` continues the page. */
static void page(const char *rest, int64_t time_ms) {
    char text[4096];
    char time[TIME_TEXT_SIZE];
    time_text(time_ms, time);
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"req\":\"%s\",\"epoch\":\"e1\",\"time\":\"%s\",\"seq\":5,\"cursor\":\"c\"%s}",
        f.phone->req, time, rest);
    hear("changes", text);
}

static void household_page(void) {
    unsigned char digest[SHA256_SIZE];
    char rest[1024];
    static const char input[] = "household\0" HOUSEHOLD "\0"
                                "12";
    sha256(input, sizeof input - 1, digest);
    snprintf(rest, sizeof rest,
             ",\"more\":false,\"digest\":{\"count\":1,\"sum\":\"%016llx\"},\"changes\":[{\"kind\":"
             "\"household\",\"id\":\"%s\",\"rev\":12,\"doc\":{\"farmland_mu\":3},\"seen\":{"
             "\"farmland_mu\":[\"9c22ab41d07e\"]}}]",
             (unsigned long long)hash_head64(digest), HOUSEHOLD);
    page(rest, START_MS + f.us / 1000);
}

/* Connected, server online, one household known. */
static void get_ready(void) {
    connect_phone();
    server("online", "e1", "b1");
    phone_step(f.phone);
    household_page();
    cr_assert_eq(f.world.counts.digest_mismatches, 0);
    cr_assert(phone_idle(f.phone));
}

static bool is_records(const struct out *o) {
    return strcmp(o->topic, "zf/1/340825/up/d-test/records") == 0;
}

static size_t envelopes(void) {
    size_t n = 0;
    for (size_t i = 0; i < f.count; i++)
        n += is_records(&f.out[i]);
    return n;
}

static const struct out *last_envelope(void) {
    for (size_t i = f.count; i > 0; i--)
        if (is_records(&f.out[i - 1]))
            return &f.out[i - 1];
    cr_assert_fail("nothing was sent");
    return NULL;
}

static json_t *last_records(json_t **ret_root) {
    *ret_root = json_loads(last_envelope()->payload, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(*ret_root);
    return json_object_get(*ret_root, "records");
}

static void receipt(const char *id, const char *rest) {
    char text[1024];
    char time[TIME_TEXT_SIZE];
    time_text(START_MS + f.us / 1000, time);
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"device\":\"d-test\",\"epoch\":\"e1\",\"time\":\"%s\",\"upto\":0,\"gaps\":[],"
        "\"receipts\":[{\"id\":\"%s\",\"seq\":1,%s}]}",
        time, id, rest);
    hear("receipts", text);
}

static const char *record_id(size_t i) {
    return f.phone->records[i].id;
}

static void advance(int64_t us) {
    f.us += us;
    phone_step(f.phone);
}

TestSuite(phone, .fini = phone_stop);

Test(phone, sends_at_once_and_forgets_at_the_receipt) {
    phone_start((struct phone_options){0});
    get_ready();
    cr_assert_eq(phone_write(f.phone, 3, false), 3);
    phone_step(f.phone);
    json_t *root;
    json_t *records = last_records(&root);
    cr_assert_eq(json_array_size(records), 3);
    json_decref(root);
    cr_assert_eq(phone_pending(f.phone), 3);
    receipt(record_id(0), "\"outcome\":\"stored\"");
    receipt(record_id(1), "\"outcome\":\"held\",\"errors\":[]");
    receipt(record_id(2), "\"outcome\":\"duplicate\",\"was\":\"stored\"");
    cr_assert_eq(phone_pending(f.phone), 0);
    cr_assert_eq(f.world.counts.states[PHONE_STORED], 2);
    cr_assert_eq(f.world.counts.states[PHONE_HELD], 1);
    cr_assert_eq(f.world.latency_count, 3);
}

Test(phone, numbers_and_stamps_grow) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 50, false);
    for (size_t i = 0; i < 50; i++) {
        json_t *r = json_loadb(f.phone->records[i].text, f.phone->records[i].size, 0, NULL);
        cr_assert_eq(json_integer_value(json_object_get(r, "seq")), (json_int_t)i + 1);
        if (i)
            cr_assert_gt(f.phone->records[i].hlc, f.phone->records[i - 1].hlc);
        json_decref(r);
    }
}

Test(phone, sends_again_after_30_s_then_60) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 1);
    phone_acked(f.phone, last_envelope()->token);
    advance(29 * SECOND);
    cr_assert_eq(envelopes(), 1);
    advance(2 * SECOND);
    cr_assert_eq(envelopes(), 2);
    advance(59 * SECOND);
    cr_assert_eq(envelopes(), 2);
    advance(2 * SECOND);
    cr_assert_eq(envelopes(), 3);
    for (int i = 0; i < 20; i++) {
        phone_acked(f.phone, last_envelope()->token);
        advance(3601 * SECOND);
    }
    cr_assert_geq(envelopes(), 15); /* never more than an hour apart */
}

Test(phone, sends_nothing_again_while_the_server_is_offline) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    server("offline", "e1", "b1");
    advance(600 * SECOND);
    cr_assert_eq(envelopes(), 1);
    server("online", "e1", "b1");
    advance(29 * SECOND);
    cr_assert_eq(envelopes(), 1);
    advance(2 * SECOND);
    cr_assert_eq(envelopes(), 2);
}

Test(phone, sends_once_within_a_minute_of_a_new_boot) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    advance(40 * SECOND);
    advance(70 * SECOND); /* the next would be due in two minutes */
    cr_assert_eq(envelopes(), 3);
    server("online", "e1", "b2");
    advance(61 * SECOND);
    cr_assert_eq(envelopes(), 4);
    cr_assert_eq(f.world.counts.boots, 1);
}

Test(phone, a_new_epoch_asks_for_everything_again) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 2, false);
    phone_step(f.phone);
    receipt(record_id(0), "\"outcome\":\"stored\"");
    receipt(record_id(1), "\"outcome\":\"held\"");
    server("online", "e2", "b2");
    cr_assert_eq(phone_pending(f.phone), 2);
    receipt(record_id(0), "\"outcome\":\"stored\""); /* of the old epoch */
    cr_assert_eq(phone_pending(f.phone), 2);
    cr_assert_eq(f.world.counts.receipts_ignored, 1);
    phone_step(f.phone);
    cr_assert_not_null(strstr(f.out[f.count - 1].payload, "\"cursor\":null"));
    advance(61 * SECOND);
    cr_assert_eq(envelopes(), 2);
}

Test(phone, held_is_beaten_by_stored_whichever_came_last) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 2, false);
    phone_step(f.phone);
    receipt(record_id(0), "\"outcome\":\"stored\"");
    receipt(record_id(0), "\"outcome\":\"held\"");
    receipt(record_id(1), "\"outcome\":\"held\"");
    receipt(record_id(1), "\"outcome\":\"rejected\",\"errors\":[{\"code\":\"refused\"}]");
    cr_assert_eq(f.world.counts.states[PHONE_STORED], 1);
    receipt(record_id(1), "\"outcome\":\"held\"");
    cr_assert_eq(f.world.counts.states[PHONE_REJECTED], 1);
    cr_assert_eq(f.world.counts.contradictions, 0);
    receipt(record_id(1), "\"outcome\":\"stored\""); /* another reviewer accepts */
    cr_assert_eq(f.world.counts.states[PHONE_STORED], 2);
    receipt(record_id(0), "\"outcome\":\"rejected\"");
    cr_assert_eq(f.world.counts.contradictions, 1);
}

Test(phone, a_held_record_goes_again_daily) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    phone_acked(f.phone, last_envelope()->token);
    receipt(record_id(0), "\"outcome\":\"held\"");
    advance(3600 * SECOND);
    cr_assert_eq(envelopes(), 1);
    advance(24 * 3600 * SECOND);
    cr_assert_eq(envelopes(), 2);
    cr_assert_eq(f.phone->records[0].state, PHONE_HELD);
}

Test(phone, a_clock_that_is_ahead_is_corrected_before_anything_is_sent) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_set_clock_error(f.phone, 3600 * 1000);
    phone_write(f.phone, 2, false);
    int64_t wrong = f.phone->records[0].hlc;
    phone_step(f.phone);
    phone_acked(f.phone, last_envelope()->token);
    receipt(record_id(0),
            "\"outcome\":\"retry\",\"after_ms\":0,\"errors\":[{\"code\":\"clock_ahead\"}]");
    f.phone->asks_time = true; /* the receipt's own time is no answer to a question sent twice */
    receipt(record_id(1),
            "\"outcome\":\"retry\",\"after_ms\":0,\"errors\":[{\"code\":\"clock_ahead\"}]");
    cr_assert(f.phone->asks_time);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 1);
    page(",\"more\":false,\"changes\":[],\"digest\":{\"count\":0,\"sum\":\"0000000000000000\"}",
         START_MS + f.us / 1000);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 2);
    cr_assert_lt(f.phone->records[0].hlc, wrong);
    cr_assert_gt(f.phone->records[1].hlc, f.phone->records[0].hlc);
    char stamp[HLC_TEXT_SIZE];
    hlc_format(f.phone->records[1].hlc, stamp);
    cr_assert_not_null(strstr(last_envelope()->payload, stamp));
}

Test(phone, a_late_answer_tells_no_time) {
    phone_start((struct phone_options){0});
    get_ready();
    int64_t before = phone_time_ms(f.phone);
    phone_want(f.phone, 0);
    phone_step(f.phone);
    f.us += 11 * SECOND;
    page(",\"more\":false,\"changes\":[]", START_MS - 3600 * 1000);
    cr_assert_eq(phone_time_ms(f.phone), before + 11000);
}

Test(phone, one_by_one_after_a_refused_payload) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 3, false);
    phone_step(f.phone);
    phone_acked(f.phone, last_envelope()->token);
    char hex[SHA256_HEX_SIZE];
    char text[512];
    unsigned char digest[SHA256_SIZE];
    sha256(last_envelope()->payload, last_envelope()->size, digest);
    hex_encode(digest, sizeof digest, hex);
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"device\":\"d-test\",\"epoch\":\"e1\",\"receipts\":[{\"id\":null,\"payload\":"
        "\"%s\",\"outcome\":\"rejected\",\"errors\":[{\"code\":\"malformed\"}]}]}",
        hex);
    hear("receipts", text);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 4);
}

Test(phone, an_atomic_act_travels_together_until_a_part_is_refused) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 3, true);
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 2);
    const struct out *first = is_records(&f.out[f.count - 2]) ? &f.out[f.count - 2] : NULL;
    cr_assert_not_null(first);
    cr_assert_not_null(strstr(first->payload, "\"atomic\":true"));
    receipt(record_id(0), "\"outcome\":\"rejected\",\"errors\":[]");
    receipt(record_id(1), "\"outcome\":\"retry\",\"errors\":[{\"code\":\"atomic\"}]");
    receipt(record_id(2), "\"outcome\":\"retry\",\"errors\":[{\"code\":\"atomic\"}]");
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 3);
    cr_assert_null(strstr(last_envelope()->payload, "\"atomic\""));
}

Test(phone, a_failed_publish_is_sent_again_at_once) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    phone_failed(f.phone, last_envelope()->token);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 2);
    f.refuse = true; /* no room: nothing is lost */
    phone_write(f.phone, 1, false);
    phone_step(f.phone);
    f.refuse = false;
    phone_acked(f.phone, last_envelope()->token);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 3);
}

Test(phone, never_more_than_ten_envelopes_on_their_way) {
    phone_start((struct phone_options){.batch_max = 1});
    get_ready();
    phone_write(f.phone, 30, false);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 10);
    phone_acked(f.phone, last_envelope()->token);
    phone_step(f.phone);
    cr_assert_eq(envelopes(), 11);
}

Test(phone, a_digest_that_differs_is_pulled_from_the_beginning_once) {
    phone_start((struct phone_options){0});
    get_ready();
    for (int i = 0; i < 2; i++) {
        phone_want(f.phone, 0);
        phone_step(f.phone);
        page(",\"more\":false,\"changes\":[],\"digest\":{\"count\":9,\"sum\":\"0000000000000001\"}",
             START_MS);
        phone_step(f.phone);
    }
    cr_assert_eq(f.world.counts.digest_mismatches, 2);
    size_t from_null = 0;
    for (size_t i = 0; i < f.count; i++)
        from_null += strstr(f.out[i].payload, "\"cursor\":null") != NULL;
    cr_assert_eq(from_null, 2); /* the first pull, and one more */
}

Test(phone, a_page_that_answers_an_older_request_is_ignored) {
    phone_start((struct phone_options){0});
    get_ready();
    phone_want(f.phone, 0);
    phone_step(f.phone);
    hear("changes", "{\"v\":1,\"req\":\"q1\",\"epoch\":\"e1\",\"more\":false,\"reset\":true,"
                    "\"changes\":[]}");
    cr_assert_not_null(phone_pick(f.phone, KIND_HOUSEHOLD));
    page(",\"more\":false,\"reset\":true,\"changes\":[],\"digest\":{\"count\":0,\"sum\":"
         "\"0000000000000000\"}",
         START_MS);
    cr_assert_null(phone_pick(f.phone, KIND_HOUSEHOLD));
    cr_assert_eq(f.world.counts.digest_mismatches, 0);
}

Test(phone, compressed_payloads_are_whole) {
    phone_start((struct phone_options){.zlib = true});
    get_ready();
    phone_write(f.phone, 5, false);
    phone_step(f.phone);
    struct buf text;
    const char *code;
    buf_init(&text, PAYLOAD_EXPANDED_SIZE_MAX);
    cr_assert_eq(last_envelope()->payload[0], 0x78);
    cr_assert(payload_expand(last_envelope()->payload, last_envelope()->size, &text, &code));
    json_t *root = payload_parse(text.data, text.size);
    cr_assert_eq(json_array_size(json_object_get(root, "records")), 5);
    json_decref(root);
    buf_fini(&text);
}

/* ---- what it writes fits the catalogue ------------------------------------------------------ */

static void fits(struct form_catalog *c, struct form_run *run, const struct phone_record *r) {
    json_t *record = json_loadb(r->text, r->size, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(record, "%.*s", (int)r->size, r->text);
    const struct form *form = form_newest(c, r->form);
    cr_assert_not_null(form, "%s", r->form);
    char *gps = json_dumps(json_object_get(record, "gps"), 0);
    struct form_input in = {.data = json_object_get(record, "data"),
                            .record_text = r->text,
                            .record_size = r->size,
                            .subject = json_string_value(json_object_get(record, "subject")),
                            .author = "C-00412",
                            .hlc_ms = hlc_ms(r->hlc),
                            .gps_text = gps,
                            .gps_size = gps ? strlen(gps) : 0};
    struct form_verdict verdict = {0};
    bool fit = form_validate(form, run, &in, &verdict);
    cr_assert_eq(fit, !r->wrong, "%.*s: %s %s", (int)r->size, r->text,
                 verdict.errors.count ? verdict.errors.list[0].path : "",
                 verdict.errors.count ? verdict.errors.list[0].en : "");
    form_verdict_fini(&verdict);
    free(gps);
    json_decref(record);
}

static const char *const everything =
    ",\"more\":false,\"changes\":["
    "{\"kind\":\"household\",\"id\":\"" HOUSEHOLD "\",\"rev\":1,\"doc\":{}},"
    "{\"kind\":\"person\",\"id\":\"" HOUSEHOLD "-02\",\"rev\":2,\"doc\":{}},"
    "{\"kind\":\"finding\",\"id\":\"016b4a0e-0000-7000-8000-00000000000e\",\"rev\":3,\"doc\":{}},"
    "{\"kind\":\"held\",\"id\":\"016b4a07-0000-7000-8000-000000000007\",\"rev\":4,\"doc\":{}},"
    "{\"kind\":\"task\",\"id\":\"T-V1-" HOUSEHOLD
    "-2019-06\",\"rev\":5,\"doc\":{\"state\":\"open\"}}]";

Test(phone, every_role_writes_what_the_forms_take) {
    static const char *const roles[] = {"HL", "VO", "VT", "UN", "TW", "SI", "CT", "CO", "SE"};
    struct err e = {0};
    struct form_catalog *c = form_catalog_load(SOURCE_DIR "/schema", &e);
    cr_assert_not_null(c, "%s", e.msg);
    struct form_run *run = form_run_create(c, &e);
    struct strmap forms = {0};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        phone_start((struct phone_options){.role = roles[i]});
        connect_phone();
        server("online", "e1", "b1");
        phone_step(f.phone);
        page(everything, START_MS + f.us / 1000);
        for (int k = 0; k < 300; k++) {
            phone_write(f.phone, 1, false);
            struct phone_record *r = &f.phone->records[f.phone->record_count - 1];
            fits(c, run, r);
            strmap_set(&forms, r->form, (void *)(uintptr_t)r->form);
            phone_set_state(f.phone, r, PHONE_STORED);
        }
        if (i + 1 < sizeof roles / sizeof *roles)
            phone_stop();
    }
    for (size_t i = 0; i < form_count(c); i++)
        if (form_at(c, i)->kind != FORM_REGISTER)
            cr_assert_not_null(strmap_get(&forms, form_at(c, i)->id), "%s", form_at(c, i)->id);
    strmap_clear(&forms, NULL);
    form_run_destroy(run);
    form_catalog_destroy(c);
}
