#include "topics.h"

#include <criterion/criterion.h>

#define ROOT "zf/1/340825/"

static void parses(const char *topic, enum topic_kind kind, const char *relay, const char *device) {
    struct topic_in in;
    cr_assert(topic_parse(topic, "340825", &in), "%s", topic);
    cr_assert_eq(in.kind, kind);
    cr_assert_str_eq(in.relay, relay);
    cr_assert_str_eq(in.device, device);
}

Test(topics, parses_what_phones_and_relays_publish) {
    parses(ROOT "up/d-7f3a9c/records", TOPIC_RECORDS, "", "d-7f3a9c");
    parses(ROOT "up/d-7f3a9c/pull", TOPIC_PULL, "", "d-7f3a9c");
    parses(ROOT "up/d-7f3a9c/enrol", TOPIC_ENROL, "", "d-7f3a9c");
    parses(ROOT "relay/r-104/d-7f3a9c/records", TOPIC_RECORDS, "r-104", "d-7f3a9c");
    parses(ROOT "relay/r-104/d-7f3a9c/pull", TOPIC_PULL, "r-104", "d-7f3a9c");
    parses(ROOT "up/d23456789012345678901234567890123456789x/pull", TOPIC_PULL, "",
           "d23456789012345678901234567890123456789x"); /* 40 */
}

Test(topics, refuses_everything_else) {
    static const char *const bad[] = {"",
                                      "zf/1/340825",
                                      "zf/1/340826/up/d-a/records",
                                      "zf/2/340825/up/d-a/records",
                                      ROOT "up/d-a",
                                      ROOT "up/d-a/",
                                      ROOT "up/d-a/receipts",
                                      ROOT "up/d-a/records/x",
                                      ROOT "up//records",
                                      ROOT "up/da/records",
                                      ROOT "up/D-A/records",
                                      ROOT "up/d_a/records",
                                      ROOT "up/d234567890123456789012345678901234567890x/pull",
                                      ROOT "up/d-a/blob/1",
                                      ROOT "relay/r-x/d-a/enrol",
                                      ROOT "relay/d-a/records",
                                      ROOT "relay/r-x//records",
                                      ROOT "relay/r-x/d-a/e/records",
                                      ROOT "down/d-a/records"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct topic_in in;
        cr_assert(!topic_parse(bad[i], "340825", &in), "%s", bad[i]);
        cr_assert_eq(in.kind, TOPIC_UNKNOWN);
        cr_assert_str_eq(in.device, "");
    }
}

static void built(bool ok, const char *out, const char *expected) {
    cr_assert(ok);
    cr_assert_str_eq(out, expected);
}

Test(topics, builds_those_of_the_protocol) {
    char t[TOPIC_SIZE_MAX];
    const char *c = "340825";
    built(topic_down(t, c, "d-a", NULL, "receipts"), t, ROOT "down/d-a/receipts");
    built(topic_down(t, c, "d-a", "", "changes"), t, ROOT "down/d-a/changes");
    built(topic_down(t, c, "d-a", "r-x", "receipts"), t, ROOT "via/r-x/d-a/receipts");
    built(topic_head(t, c, "340825104299"), t, ROOT "village/104/299/head");
    built(topic_task(t, c, "340825104299", "T-H2-340825104299-03-~9c22ab41d07e-b01-1"), t,
          ROOT "village/104/299/tasks/T-H2-340825104299-03-~9c22ab41d07e-b01-1");
    built(topic_status(t, c, "340825104299"), t, ROOT "status/104/299");
    built(topic_status(t, c, "340825104000"), t, ROOT "status/104");
    built(topic_status(t, c, "340825000000"), t, ROOT "status");
    built(topic_catalog(t, c), t, ROOT "catalog");
    built(topic_catalog_form(t, c, "hh.facts", 2), t, ROOT "catalog/hh.facts/2");
    built(topic_server(t, c), t, ROOT "server");
    built(topic_metrics(t, c), t, ROOT "metrics");
    built(topic_bulletin(t, c, "2019-07"), t, ROOT "bulletin/2019-07");
    built(topic_server_filter(t, c, 0), t, ROOT "up/+/records");
    built(topic_server_filter(t, c, 4), t, ROOT "relay/+/+/pull");
    cr_assert(!topic_server_filter(t, c, 5));
}

Test(topics, builds_nothing_from_malformed_parts) {
    char t[TOPIC_SIZE_MAX] = "x";
    const char *c = "340825";
    cr_assert(!topic_down(t, c, "d/a", NULL, "receipts"));
    cr_assert_str_eq(t, "");
    cr_assert(!topic_down(t, c, "d-a", "#", "receipts"));
    cr_assert(!topic_down(t, "34082", "d-a", NULL, "receipts"));
    cr_assert(!topic_head(t, c, "340826104299"));
    cr_assert(!topic_head(t, c, "34082510429"));
    cr_assert(!topic_task(t, c, "340825104299", "T/1"));
    cr_assert(!topic_task(t, c, "340825104299", "+"));
    cr_assert(!topic_task(t, c, "340825104299", ""));
    cr_assert(!topic_status(t, c, "340825"));
    cr_assert(!topic_catalog_form(t, c, "a/b", 1));
    cr_assert(!topic_catalog_form(t, c, "a", 0));
}

Test(topics, knows_a_response_topic_of_the_device) {
    cr_assert(topic_is_below_down(ROOT "down/d-a/pull/1", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "down/d-a/", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "down/d-a", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "down/d-ab/x", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "down/d-b/x", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "server", "340825", "d-a"));
    cr_assert(!topic_is_below_down(ROOT "down/d-a/#", "340825", "d-a"));
    cr_assert(!topic_is_below_down("down/d-a/x", "340825", "d-a"));
}
