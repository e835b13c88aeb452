#include "relay_conf.h"
#include "support.h"

TestSuite(access, .init = dir_make, .fini = dir_remove, .timeout = 600);

/* ---- passwords --------------------------------------------------------------------------------
 */

Test(access, agrees_with_mosquitto_passwd) {
    char command[200];
    char line[200];
    char mine[ACCESS_VERIFIER_SIZE];
    struct rng rng = rng_system();
    snprintf(command, sizeof command, "mosquitto_passwd -c -b %s d-a correct-horse",
             in_dir("theirs"));
    cr_assert_eq(system(command), 0);
    FILE *in = fopen(in_dir("theirs"), "r");
    cr_assert(fgets(line, sizeof line, in));
    fclose(in);
    line[strcspn(line, "\n")] = 0;
    cr_assert_eq(strncmp(line, "d-a:", 4), 0);
    cr_assert(access_verifier_check(line + 4, "correct-horse"));
    cr_assert(!access_verifier_check(line + 4, "correct-horsf"));
    access_verifier_make(&rng, "correct-horse", mine);
    cr_assert_eq(strlen(mine), strlen(line + 4));
    cr_assert(access_verifier_check(mine, "correct-horse"));
    cr_assert_str_neq(mine, line + 4, "no salt");
    cr_assert(!access_verifier_check("", "x"));
    cr_assert(!access_verifier_check("$7$101$short", "x"));
}

Test(access, passwords_are_random_and_plain) {
    char a[ACCESS_PASSWORD_SIZE];
    char b[ACCESS_PASSWORD_SIZE];
    struct rng rng = rng_system();
    access_password_make(&rng, a);
    access_password_make(&rng, b);
    cr_assert_eq(strlen(a), ACCESS_PASSWORD_SIZE - 1);
    cr_assert_eq(strspn(a, "abcdefghijkmnpqrstuvwxyz23456789"), strlen(a));
    cr_assert_str_neq(a, b);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static char *file_text(const char *name) {
    static char text[8192];
    FILE *in = fopen(in_dir(name), "r");
    cr_assert(in, "%s", name);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    return text;
}

Test(access, writes_private_files_without_the_revoked) {
    struct stat st;
    access_write_some(false);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "broker/acl" : "broker/passwd";
        cr_assert_eq(stat(in_dir(name), &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        cr_assert(strstr(file_text(name), "d-a"));
        cr_assert(!strstr(file_text(name), "d-b"), "%s has a revoked device", name);
    }
}

Test(access, grants_what_the_protocol_says_for_each_kind_of_place) {
    static const char *const county[] = {COUNTY "000000"};
    struct err e = {0};
    struct access_principal some[] = {
        {ACCESS_DEVICE, "d-v", secret_verifier(), false, village_99, 1},
        {ACCESS_DEVICE, "d-t", secret_verifier(), false, town_104, 1},
        {ACCESS_DEVICE, "d-c", secret_verifier(), false, county, 1}};
    const char *head = "# Written by zoufang. What is not granted here is refused.\n";
    char expected[2000] = "";
    cr_assert(access_write(test_dir, COUNTY, some, 3, &e));
    strcat(expected, head);
    const char *places[] = {"topic read " ROOT "village/104/299/#\n"
                            "topic read " ROOT "status/104/299\ntopic read " ROOT "status/104\n",
                            "topic read " ROOT "village/104/#\ntopic read " ROOT "status/104/#\n",
                            "topic read " ROOT "village/#\ntopic read " ROOT "status/#\n"};
    for (int i = 0; i < 3; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used,
                 "\nuser %s\ntopic write " ROOT "up/%s/#\ntopic read " ROOT "down/%s/#\n"
                 "topic read " ROOT "status\ntopic read " ROOT "bulletin/#\n"
                 "topic read " ROOT "catalog/#\ntopic read " ROOT "server\n%s",
                 some[i].id, some[i].id, some[i].id, places[i]);
    }
    cr_assert_str_eq(file_text("broker/acl"), expected);
}

Test(access, refuses_bad_principals_and_keeps_the_files) {
    static const char *const elsewhere[] = {"340826104299"};
    static const char *const torn[] = {COUNTY "104"};
    char before[8192];
    access_write_some(true);
    snprintf(before, sizeof before, "%s", file_text("broker/acl"));
    struct access_principal bad[] = {
        {ACCESS_DEVICE, "d a", secret_verifier(), false, NULL, 0},
        {ACCESS_DEVICE, "d-a\nuser x", secret_verifier(), false, NULL, 0},
        {ACCESS_DEVICE, "d-a", "plain", false, NULL, 0},
        {ACCESS_DEVICE, "d-a", "$7$101$x$y\nroot:", false, NULL, 0},
        {ACCESS_DEVICE, "d-a", NULL, false, NULL, 0},
        {ACCESS_DEVICE, "d-a", secret_verifier(), false, elsewhere, 1},
        {ACCESS_DEVICE, "d-a", secret_verifier(), false, torn, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        cr_assert(!access_write(test_dir, COUNTY, &bad[i], 1, &e), "%zu", i);
        cr_assert_eq(e.code, ERR_INVALID);
    }
    struct err e = {0};
    cr_assert(!access_write(test_dir, "34082", NULL, 0, &e));
    cr_assert_str_eq(file_text("broker/acl"), before);
}

/* ---- in force ---------------------------------------------------------------------------------
 */

/* Publishes on every topic as `from`, then once where `to` surely reads, and asserts that `to` got
 * the allowed ones and no others, in order. */
static void hears(struct client *from, struct client *to, const char *const *topics, int count,
                  const char *const *allowed, int allowed_count) {
    for (int i = 0; i < count; i++)
        cr_assert(client_publish(from, topics[i], "x", (uint64_t)i));
    cr_assert(rec_wait(to->rec, &to->rec->messages, allowed_count), "%d of %d",
              rec_get(to->rec, &to->rec->messages), allowed_count);
    for (int i = 0; i < allowed_count; i++)
        cr_assert_str_eq(to->rec->kept[i].topic, allowed[i]);
    cr_assert_eq(rec_get(to->rec, &to->rec->messages), allowed_count);
}

static const char *const all_topics[] = {ROOT "up/d-a/records",
                                         ROOT "up/d-b/records",
                                         ROOT "relay/r-x/d-a/records",
                                         ROOT "down/d-a/receipts",
                                         ROOT "down/d-b/receipts",
                                         ROOT "via/r-x/d-a/receipts",
                                         ROOT "via/r-y/d-a/receipts",
                                         ROOT "village/104/299/head",
                                         ROOT "village/104/298/head",
                                         ROOT "village/105/299/tasks/T-1",
                                         ROOT "status",
                                         ROOT "status/104",
                                         ROOT "status/105",
                                         ROOT "status/104/299",
                                         ROOT "status/104/298",
                                         ROOT "metrics",
                                         "zf/1/340826/server",
                                         "other",
                                         ROOT "bulletin/2019-06",
                                         ROOT "catalog",
                                         ROOT "catalog/hh.facts/1",
                                         ROOT "server"};
#define ALL_COUNT ((int)(sizeof all_topics / sizeof all_topics[0]))

/* `server` comes last and everybody may read it, so what came before it is all that comes. */
static void reads_only(const char *id, const char *const *allowed, int count) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client server = client_up(port, "zoufang", NULL, NULL);
    struct client c = client_up(port, id, "#", NULL);
    hears(&server, &c, all_topics, ALL_COUNT, allowed, count);
    client_end(&c);
    client_end(&server);
    broker_stop(b);
}

Test(access, a_device_reads_its_own_topics_and_those_of_its_village) {
    static const char *const allowed[] = {
        ROOT "down/d-a/receipts", ROOT "village/104/299/head", ROOT "status",
        ROOT "status/104",        ROOT "status/104/299",       ROOT "bulletin/2019-06",
        ROOT "catalog",           ROOT "catalog/hh.facts/1",   ROOT "server"};
    reads_only("d-a", allowed, 9);
}

Test(access, a_relay_reads_its_own_topics_and_those_of_its_township) {
    static const char *const allowed[] = {ROOT "via/r-x/d-a/receipts", ROOT "village/104/299/head",
                                          ROOT "village/104/298/head", ROOT "status/104",
                                          ROOT "status/104/299",       ROOT "status/104/298",
                                          ROOT "bulletin/2019-06",     ROOT "catalog",
                                          ROOT "catalog/hh.facts/1",   ROOT "server"};
    reads_only("r-x", allowed, 10);
}

Test(access, a_monitor_reads_figures_only) {
    static const char *const allowed[] = {ROOT "status",
                                          ROOT "status/104",
                                          ROOT "status/105",
                                          ROOT "status/104/299",
                                          ROOT "status/104/298",
                                          ROOT "metrics",
                                          ROOT "bulletin/2019-06",
                                          ROOT "catalog",
                                          ROOT "catalog/hh.facts/1",
                                          ROOT "server"};
    reads_only("m-a", allowed, 10);
}

static void writes_only(const char *id, const char *const *allowed, int count) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client server = client_up(port, "zoufang", ROOT "#", NULL);
    struct client c = client_up(port, id, NULL, NULL);
    for (int i = 0; i < ALL_COUNT; i++)
        cr_assert(client_publish(&c, all_topics[i], "x", (uint64_t)i));
    link_disconnect(c.link,
                    wait_ms()); /* everything was answered: what the broker passes on, it has */
    cr_assert(client_publish(&server, ROOT "up/end/records", "x", 1));
    cr_assert(rec_wait(server.rec, &server.rec->messages, count + 1));
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(server.rec->kept[i].topic, allowed[i]);
    cr_assert_str_eq(server.rec->kept[count].topic, ROOT "up/end/records");
    client_end(&c);
    client_end(&server);
    broker_stop(b);
}

Test(access, a_device_writes_below_its_own_id_only) {
    static const char *const allowed[] = {ROOT "up/d-a/records"};
    writes_only("d-a", allowed, 1);
}

Test(access, a_relay_writes_below_its_own_id_only) {
    static const char *const allowed[] = {ROOT "relay/r-x/d-a/records"};
    writes_only("r-x", allowed, 1);
}

Test(access, a_monitor_writes_nothing) {
    writes_only("m-a", NULL, 0);
}

/* The broker makes the client id of the user name: another's session cannot be taken over. */
Test(access, a_client_id_belongs_to_its_user) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client owner = client_up(port, "d-b", ROOT "down/d-b/#", NULL);
    struct link_options o = client_options(port, "d-b");
    o.username = "d-a";
    struct client thief = client_start(&o);
    cr_assert(rec_wait(thief.rec, &thief.rec->up, 1));
    struct client server = client_up(port, "zoufang", NULL, NULL);
    cr_assert(client_publish(&server, ROOT "down/d-b/receipts", "x", 1));
    cr_assert(rec_wait(owner.rec, &owner.rec->messages, 1));
    cr_assert_eq(owner.rec->down, 0, "d-a has thrown d-b out");
    cr_assert_eq(rec_get(thief.rec, &thief.rec->messages), 0);
    client_end(&server);
    client_end(&thief);
    client_end(&owner);
    broker_stop(b);
}

/* ---- changes ----------------------------------------------------------------------------------
 */

static struct access_wait_options wait_options(const char *id, const char *uri, bool accept) {
    return (struct access_wait_options){.uri = uri,
                                        .username = id,
                                        .password = "secret",
                                        .should_accept = accept,
                                        .timeout_ms = wait_ms(),
                                        .clock = system_clock_make(&real_clock)};
}

#define LEAP_US 15000000

/* Time that leaps at every look: a wait is over after one answer, which has all the time it needs.
 */
static int64_t leaping_us(void *now_us) {
    return *(int64_t *)now_us += LEAP_US;
}

Test(access, a_new_device_is_valid_at_once_and_a_revoked_one_is_out) {
    char uri[64];
    int64_t now_us = 0;
    struct err e = {0};
    int port = port_pair();
    struct broker_options bo = {test_dir, port, system_clock_make(&real_clock)};
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", port);
    access_write_some(false);
    cr_assert(!access_reload(test_dir, &e), "reloaded what does not run");
    e = (struct err){0};
    struct broker *b = broker_start(&bo, &e);
    cr_assert(b, "%s", e.msg);
    struct access_wait_options in = wait_options("d-b", uri, true);
    struct access_wait_options out = wait_options("d-b", uri, false);
    cr_assert(access_wait(&out, &e), "%s", e.msg);
    struct access_wait_options hasty = in;
    hasty.clock = (struct clock){NULL, leaping_us, &now_us};
    hasty.timeout_ms = 4 * LEAP_US / 1000;
    cr_assert(!access_wait(&hasty, &e));
    cr_assert(strstr(e.msg, "refuses d-b"), "%s", e.msg);
    e = (struct err){0};
    access_write_some(true);
    cr_assert(access_reload(test_dir, &e), "%s", e.msg);
    cr_assert(access_wait(&in, &e), "%s", e.msg);
    struct client d = client_up(port, "d-b", NULL, NULL);
    struct client a = client_up(port, "d-a", NULL, NULL);
    access_write_some(false);
    cr_assert(access_reload(test_dir, &e), "%s", e.msg);
    cr_assert(access_wait(&out, &e), "%s", e.msg);
    cr_assert(rec_wait(d.rec, &d.rec->down, 1), "a revoked device stays connected");
    cr_assert_eq(rec_get(a.rec, &a.rec->down), 0, "another is thrown out with it");
    client_end(&a);
    client_end(&d);
    broker_stop(b);
}

/* ---- a township relay -------------------------------------------------------------------------
 */

static struct relay_conf relay_conf_make(int county_port, int local_port, const char *dir) {
    return (struct relay_conf){.county = COUNTY,
                               .relay = "r-x",
                               .password = "secret",
                               .town = COUNTY "104000",
                               .county_host = "127.0.0.1",
                               .county_port = county_port,
                               .local_port = local_port,
                               .local_address = "127.0.0.1",
                               .dir = dir};
}

Test(access, a_relay_configuration_needs_its_parts) {
    FILE *out = fopen("/dev/null", "w");
    for (int i = 0; i < 4; i++) {
        struct err e = {0};
        struct relay_conf c = relay_conf_make(1, 2, "/x");
        if (i == 0)
            c.relay = "r x";
        if (i == 1)
            c.town = COUNTY "104299";
        if (i == 2)
            c.password = "a\nb";
        if (i == 3)
            c.county = "1";
        cr_assert(!relay_conf_write(out, &c, &e));
        cr_assert_eq(e.code, ERR_INVALID);
    }
    fclose(out);
}

static void relay_files(const char *dir, int county_port, int local_port) {
    struct err e = {0};
    struct relay_conf c = relay_conf_make(county_port, local_port, dir);
    static const char *const township[] = {COUNTY "104000"};
    struct access_principal phones[] = {
        {ACCESS_DEVICE, "d-a", secret_verifier(), false, township, 1}};
    cr_assert_eq(mkdir(dir, 0700), 0);
    FILE *out = fopen(in_dir("relay/mosquitto.conf"), "w");
    fputs("user root\nlog_dest none\n", out);
    cr_assert(relay_conf_write(out, &c, &e), "%s", e.msg);
    fclose(out);
    cr_assert(access_write_relay(dir, COUNTY, phones, 1, &e), "%s", e.msg);
}

static void publish_many(struct client *c, const char *topic, int first, int count) {
    char text[32];
    for (int i = first; i < first + count; i++) {
        snprintf(text, sizeof text, "n%d", i);
        cr_assert(client_publish(c, topic, text, (uint64_t)i));
    }
    cr_assert(rec_wait(c->rec, &c->rec->acked, first + count));
}

static bool has_payload(struct recorder *r, const char *topic, const char *payload) {
    for (int i = 0; i < r->messages && i < KEPT_MAX; i++)
        if (strcmp(r->kept[i].topic, topic) == 0 && strcmp(r->kept[i].payload, payload) == 0)
            return true;
    return false;
}

/* Waits until messages with these payloads came on the topic; repetitions are allowed. */
static void has_all(struct client *c, const char *topic, int count) {
    char text[32];
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "n%d", i);
        int seen = 0;
        for (;;) {
            pthread_mutex_lock(&c->rec->mutex);
            bool there = has_payload(c->rec, topic, text);
            seen = c->rec->messages;
            pthread_mutex_unlock(&c->rec->mutex);
            if (there)
                break;
            cr_assert(rec_wait(c->rec, &c->rec->messages, seen + 1), "%s %s is lost", topic, text);
        }
    }
}

Test(access, a_relay_carries_both_ways_through_an_outage) {
    int port = port_pair();
    int local_port = port_pair();
    struct broker *county = broker_up(port);
    relay_files(in_dir("relay"), port, local_port);
    pid_t relay = mosquitto_run(in_dir("relay/mosquitto.conf"));
    struct client server = client_up(port, "zoufang", ROOT "relay/#", NULL);
    struct client phone = client_up(local_port, "d-a", ROOT "down/d-a/#", ROOT "server");
    publish_many(&phone, ROOT "up/d-a/records", 0, 5);
    has_all(&server, ROOT "relay/r-x/d-a/records", 5);
    publish_many(&server, ROOT "via/r-x/d-a/receipts", 0, 5);
    has_all(&phone, ROOT "down/d-a/receipts", 5);

    broker_save(county);
    broker_kill(county, false); /* the outage: the phone goes on writing */
    publish_many(&phone, ROOT "up/d-a/records", 5, 5);
    broker_again(county);
    has_all(&server, ROOT "relay/r-x/d-a/records", 10);
    cr_assert(rec_wait(server.rec, &server.rec->up, 2));

    mosquitto_end(relay, SIGTERM); /* the township's: the server goes on answering */
    publish_many(&server, ROOT "via/r-x/d-a/receipts", 5, 5);
    relay = mosquitto_run(in_dir("relay/mosquitto.conf"));
    has_all(&phone, ROOT "down/d-a/receipts", 10);
    client_end(&phone);
    client_end(&server);
    mosquitto_end(relay, SIGTERM);
    broker_stop(county);
}

Test(access, a_relay_carries_retained_topics_of_its_township_only) {
    int port = port_pair();
    int local_port = port_pair();
    struct broker *county = broker_up(port);
    struct client server = client_up(port, "zoufang", NULL, NULL);
    static const char *const retained[] = {
        ROOT "village/105/1/head",   ROOT "status/105",     ROOT "metrics",
        ROOT "village/104/299/head", ROOT "status/104/299", ROOT "server"};
    for (int i = 0; i < 6; i++)
        cr_assert(client_retain(&server, retained[i], "x", (uint64_t)i));
    cr_assert(rec_wait(server.rec, &server.rec->acked, 6));
    relay_files(in_dir("relay"), port, local_port);
    pid_t relay = mosquitto_run(in_dir("relay/mosquitto.conf"));
    struct client phone = client_up(local_port, "d-a", "#", NULL);
    cr_assert(rec_wait(phone.rec, &phone.rec->messages, 3));
    client_end(&phone);
    phone = client_up(local_port, "d-a", "#", NULL); /* the relay has retained them */
    cr_assert(rec_wait(phone.rec, &phone.rec->messages, 3));
    for (int i = 3; i < 6; i++)
        cr_assert(has_payload(phone.rec, retained[i], "x"), "%s", retained[i]);
    cr_assert_eq(rec_get(phone.rec, &phone.rec->messages), 3);
    client_end(&phone);
    client_end(&server);
    mosquitto_end(relay, SIGTERM);
    broker_stop(county);
}
