#include "support.h"

TestSuite(link, .init = dir_make, .fini = dir_remove, .timeout = 600);

Test(link, says_what_is_wrong_with_its_options) {
    struct transport_events none = {0};
    struct link_options o = client_options(1, "zoufang");
    struct err e = {0};
    o.uri = "mqtt://127.0.0.1";
    cr_assert_null(link_create(&o, &none, &e));
    cr_assert_eq(e.code, ERR_INVALID);
    o = client_options(1, "");
    e = (struct err){0};
    cr_assert_null(link_create(&o, &none, &e));
    cr_assert_eq(e.code, ERR_INVALID);
    o = client_options(1, "zoufang");
    o.mqtt_version = 3;
    e = (struct err){0};
    cr_assert_null(link_create(&o, &none, &e));
    cr_assert_eq(e.code, ERR_INVALID);
}

Test(link, is_destroyed_while_no_broker_answers) {
    struct link_options o = client_options(port_pair(), "zoufang");
    struct client c = client_start(&o);
    cr_assert(!client_publish(&c, ROOT "server", "x", 1), "accepted without a connection");
    cr_assert(!rec_wait_ms(c.rec, &c.rec->up, 1, 300));
    client_end(&c);
}

/* Publishes and receives its own message, with all that MQTT 5 carries. */
static void carries_properties(int version) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct link_options o = client_options(port, "zoufang");
    o.mqtt_version = version;
    o.subscriptions[0] = (struct link_subscription){ROOT "up/#", 1};
    struct client c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1));
    cr_assert_eq(c.rec->v5, version == 5);
    struct outgoing m = {.topic = ROOT "up/d-a/pull",
                         .payload = "{}",
                         .size = 2,
                         .token = 7,
                         .correlation = "c-1",
                         .correlation_size = 3};
    cr_assert(link_publish(c.link, &m));
    cr_assert(rec_wait(c.rec, &c.rec->acked, 1));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    cr_assert_str_eq(c.rec->kept[0].topic, ROOT "up/d-a/pull");
    cr_assert_str_eq(c.rec->kept[0].payload, "{}");
    cr_assert_str_eq(c.rec->kept[0].correlation, version == 5 ? "c-1" : "");
    cr_assert(!c.rec->kept[0].retained);
    cr_assert_eq(c.rec->settled[7], 1);
    client_end(&c);
    broker_stop(b);
}

Test(link, speaks_mqtt_5) {
    carries_properties(5);
}

Test(link, speaks_mqtt_3_1_1) {
    carries_properties(4);
}

Test(link, shows_a_response_topic) {
    char command[300];
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    snprintf(command, sizeof command,
             "mosquitto_pub -p %d -V 5 -q 1 -u d-a -P secret -t " ROOT "up/d-a/pull -m '{}' "
             "-D publish response-topic " ROOT "down/d-a/x -D publish correlation-data c-9",
             port);
    cr_assert_eq(system(command), 0);
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    cr_assert_str_eq(c.rec->kept[0].response, ROOT "down/d-a/x");
    cr_assert_str_eq(c.rec->kept[0].correlation, "c-9");
    client_end(&c);
    broker_stop(b);
}

Test(link, shows_what_was_retained) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", NULL, NULL);
    cr_assert(client_retain(&c, ROOT "status", "old", 1));
    cr_assert(rec_wait(c.rec, &c.rec->acked, 1));
    struct client m = client_up(port, "m-a", ROOT "status/#", NULL);
    cr_assert(rec_wait(m.rec, &m.rec->messages, 1));
    cr_assert(m.rec->kept[0].retained);
    cr_assert(client_retain(&c, ROOT "status", "new", 2));
    cr_assert(rec_wait(m.rec, &m.rec->messages, 2));
    cr_assert(!m.rec->kept[1].retained);
    cr_assert_str_eq(m.rec->kept[1].payload, "new");
    client_end(&m);
    client_end(&c);
    broker_stop(b);
}

/* In a child process: a link with a will that says "here" and stays until it is killed. */
static void child_with_will(const struct link_options *o) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct client c = client_start(o);
    rec_wait(c.rec, &c.rec->up, 1);
    client_retain(&c, ROOT "server", "here", 1);
    for (;;)
        pause();
}

Test(link, leaves_a_will_when_it_is_killed_but_not_when_it_leaves) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct link_options o = client_options(port, "zoufang");
    o.will_topic = ROOT "server";
    o.will_payload = "offline";
    pid_t child = fork();
    if (child == 0)
        child_with_will(&o);
    struct client m = client_up(port, "m-a", ROOT "server", NULL);
    cr_assert(rec_wait(m.rec, &m.rec->messages, 1)); /* "here", retained or not */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_assert(rec_wait(m.rec, &m.rec->messages, 2));
    cr_assert_str_eq(m.rec->kept[1].payload, "offline");
    struct client c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1));
    cr_assert(client_retain(&c, ROOT "server", "leaving", 1));
    cr_assert(link_disconnect(c.link, wait_ms()));
    cr_assert_eq(c.rec->acked, 1, "left before the acknowledgement");
    client_end(&c);
    struct client late = client_up(port, "d-a", ROOT "server", NULL);
    cr_assert(rec_wait(late.rec, &late.rec->messages, 1));
    cr_assert_str_eq(late.rec->kept[0].payload, "leaving", "a will after a clean leave");
    client_end(&late);
    client_end(&m);
    broker_stop(b);
}

Test(link, notices_that_another_took_over_its_session) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", NULL, NULL);
    struct client thief = client_up(port, "zoufang", NULL, NULL);
    cr_assert(rec_wait(c.rec, &c.rec->down, 1));
    client_end(&thief);
    cr_assert(rec_wait(c.rec, &c.rec->up, 2));
    client_end(&c);
    broker_stop(b);
}

/* Publishes tokens 0 to count - 1 as fast as the window lets. */
static void flood(struct client *c, const char *topic, int count) {
    for (int i = 0; i < count;) {
        int acked = rec_get(c->rec, &c->rec->acked);
        if (client_publish(c, topic, "{\"v\":1}", (uint64_t)i))
            i++;
        else
            cr_assert(rec_wait(c->rec, &c->rec->acked, acked + 1), "stalled at %d", i);
    }
}

static void flood_of(int version) {
    int port = port_pair();
    int count = 20000;
    struct broker *b = broker_up(port);
    struct link_options o = client_options(port, "zoufang");
    o.mqtt_version = version;
    o.subscriptions[0] = (struct link_subscription){ROOT "up/#", 1};
    struct client c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1));
    flood(&c, ROOT "up/d-a/records", count);
    cr_assert(rec_wait(c.rec, &c.rec->acked, count));
    cr_assert(rec_wait(c.rec, &c.rec->messages, count));
    cr_assert_eq(c.rec->overdone, 0);
    cr_assert_eq(c.rec->failed, 0);
    client_end(&c);
    broker_stop(b);
}

Test(link, carries_a_flood_mqtt_5) {
    flood_of(5);
}

Test(link, carries_a_flood_mqtt_3_1_1) {
    flood_of(4);
}

Test(link, publishing_does_not_wait_for_a_blocked_reader) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    rec_block(c.rec, true);
    cr_assert(client_publish(&c, ROOT "up/d-a/records", "x", 0));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    int taken = 1;
    while (client_publish(&c, ROOT "server", "x", (uint64_t)taken))
        taken++;
    cr_assert_geq(taken, LINK_WINDOW_MAX - 1);
    cr_assert_leq(taken, LINK_WINDOW_MAX + 1);
    rec_block(c.rec, false);
    cr_assert(rec_wait(c.rec, &c.rec->acked, taken));
    cr_assert_eq(c.rec->overdone, 0);
    client_end(&c);
    broker_stop(b);
}

/* The link's thread waits for Paho, which waits for the reader: most is accepted and not handed
 * over when the connection is lost. */
Test(link, gives_back_what_it_could_not_even_send) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    for (int round = 1; round <= 3; round++) {
        int before = rec_get(c.rec, &c.rec->messages);
        int token = round * 1000;
        rec_block(c.rec, true);
        cr_assert(client_publish(&c, ROOT "up/d-a/records", "x", (uint64_t)token++));
        cr_assert(rec_wait(c.rec, &c.rec->messages, before + 1));
        while (client_publish(&c, ROOT "server", "x", (uint64_t)token))
            token++;
        broker_kill(b, false);
        rec_block(c.rec, false);
        cr_assert(rec_wait(c.rec, &c.rec->down, round));
        broker_again(b);
        cr_assert(rec_wait(c.rec, &c.rec->up, round + 1));
        for (int i = round * 1000; i < token; i++)
            cr_assert_eq(c.rec->settled[i], 1, "token %d: %d", i, c.rec->settled[i]);
    }
    client_end(&c);
    broker_stop(b);
}

Test(link, comes_back_after_the_broker_lost_its_memory) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/+/records", ROOT "up/+/pull");
    struct client d = client_up(port, "d-a", NULL, NULL);
    int taken = 0;
    siginfo_t info;
    kill(broker_pid(b), SIGSTOP); /* what is accepted now is never acknowledged */
    waitid(P_PID, (id_t)broker_pid(b), &info, WSTOPPED | WNOWAIT);
    while (taken < 100)
        cr_assert(client_publish(&c, ROOT "server", "x", (uint64_t)taken++));
    broker_kill(b, true);
    cr_assert(rec_wait(c.rec, &c.rec->down, 1));
    cr_assert(rec_wait(c.rec, &c.rec->failed, taken), "tokens are not given back");
    cr_assert(!client_publish(&c, ROOT "server", "x", 200));
    broker_again(b);
    cr_assert(rec_wait(c.rec, &c.rec->up, 2), "not up again");
    cr_assert(rec_wait(d.rec, &d.rec->up, 2));
    cr_assert(client_publish(&d, ROOT "up/d-a/records", "r", 1));
    cr_assert(client_publish(&d, ROOT "up/d-a/pull", "p", 2));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 2), "not subscribed again");
    cr_assert_eq(c.rec->acked + c.rec->failed, taken);
    cr_assert_eq(c.rec->overdone, 0);
    client_end(&d);
    client_end(&c);
    broker_stop(b);
}

Test(link, gives_every_token_back_once_while_the_broker_dies_under_load) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    uint64_t token = 0;
    for (int round = 1; round <= 3; round++) {
        while (rec_get(c.rec, &c.rec->down) < round) {
            if (client_publish(&c, ROOT "up/d-a/records", "x", token))
                token++;
            else
                rec_wait_ms(c.rec, &c.rec->down, round, 1);
            if (token == (uint64_t)round * 2000 && broker_pid(b))
                broker_kill(b, round == 2);
            if (rec_get(c.rec, &c.rec->down) >= round || token >= 30000)
                break;
        }
        cr_assert(rec_wait(c.rec, &c.rec->down, round));
        broker_again(b);
        cr_assert(rec_wait(c.rec, &c.rec->up, round + 1));
    }
    link_disconnect(c.link, 5000);
    cr_assert_eq((uint64_t)(c.rec->acked + c.rec->failed), token);
    cr_assert_eq(c.rec->overdone, 0);
    client_end(&c);
    broker_stop(b);
}

/* What is sent to a session while its link is away comes when it is back. */
Test(link, keeps_its_session) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    for (int version = 4; version <= 5; version++) {
        struct link_options o = client_options(port, "zoufang");
        o.mqtt_version = version;
        o.subscriptions[0] = (struct link_subscription){ROOT "up/#", 1};
        struct client c = client_start(&o);
        cr_assert(rec_wait(c.rec, &c.rec->up, 1));
        client_end(&c);
        struct client d = client_up(port, "d-a", NULL, NULL);
        cr_assert(client_publish(&d, ROOT "up/d-a/records", "kept", 1));
        cr_assert(rec_wait(d.rec, &d.rec->acked, 1));
        client_end(&d);
        c = client_start(&o);
        cr_assert(rec_wait(c.rec, &c.rec->messages, 1), "lost with MQTT %d", version);
        cr_assert_str_eq(c.rec->kept[0].payload, "kept");
        client_end(&c);
    }
    broker_stop(b);
}

/* ---- a broker that speaks 3.1.1 only ----------------------------------------------------------
 */

struct old_broker {
    int listener;
    int port; /* of the real broker behind it */
};

static void pump(int a, int b) {
    char buffer[65536];
    fd_set set;
    for (;;) {
        FD_ZERO(&set);
        FD_SET(a, &set);
        FD_SET(b, &set);
        if (select((a > b ? a : b) + 1, &set, NULL, NULL, NULL) <= 0)
            return;
        int from = FD_ISSET(a, &set) ? a : b;
        ssize_t n = read(from, buffer, sizeof buffer);
        if (n <= 0 || write(from == a ? b : a, buffer, (size_t)n) != n)
            return;
    }
}

/* Refuses protocol level 5 by return code 1, as MQTT 3.1.1 says, and passes on everything else. */
static void *old_broker_run(void *arg) {
    const struct old_broker *o = arg;
    char hello[512];
    int client;
    while ((client = accept(o->listener, NULL, NULL)) >= 0) {
        ssize_t n = read(client, hello, sizeof hello);
        char *name = memmem(hello, n > 0 ? (size_t)n : 0, "MQTT", 4);
        if (name && name[4] == 5) {
            n = write(client, "\x20\x02\x00\x01", 4);
        } else if (name) {
            struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
            a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            int server = socket(AF_INET, SOCK_STREAM, 0);
            if (connect(server, (struct sockaddr *)&a, sizeof a) == 0 &&
                write(server, hello, (size_t)n) == n)
                pump(client, server);
            close(server);
        }
        close(client);
    }
    return NULL;
}

Test(link, falls_back_to_mqtt_3_1_1) {
    pthread_t thread;
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct old_broker old = {socket(AF_INET, SOCK_STREAM, 0), port};
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(bind(old.listener, (struct sockaddr *)&a, size) == 0 && listen(old.listener, 8) == 0);
    getsockname(old.listener, (struct sockaddr *)&a, &size);
    pthread_create(&thread, NULL, old_broker_run, &old);
    struct link_options o = client_options(ntohs(a.sin_port), "zoufang");
    o.mqtt_version = 0;
    o.subscriptions[0] = (struct link_subscription){ROOT "up/#", 1};
    struct client c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1));
    cr_assert(!c.rec->v5);
    cr_assert(client_publish(&c, ROOT "up/d-a/pull", "x", 1));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    client_end(&c);
    shutdown(old.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(old.listener);
    o = client_options(port, "zoufang");
    o.mqtt_version = 0;
    c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1));
    cr_assert(c.rec->v5);
    client_end(&c);
    broker_stop(b);
}

/* ---- TLS --------------------------------------------------------------------------------------
 */

static const char *const make_certificates =
    "cd %s && exec 2>/dev/null && "
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca"
    " && openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj /CN=broker && "
    "printf 'subjectAltName=DNS:localhost' >ext && openssl x509 -req -in s.csr -CA ca.pem "
    "-CAkey ca.key -CAcreateserial -days 2 -extfile ext -out s.pem && "
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 "
    "-subj /CN=other-ca";

static pid_t tls_broker(int port) {
    char text[1200];
    snprintf(text, sizeof text, make_certificates, test_dir);
    cr_assert_eq(system(text), 0);
    snprintf(text, sizeof text,
             "user root\nallow_anonymous true\nlistener %d 127.0.0.1\ncafile %s/ca.pem\n"
             "certfile %s/s.pem\nkeyfile %s/s.key\n",
             port, test_dir, test_dir, test_dir);
    write_text(in_dir("tls.conf"), text);
    return mosquitto_run(in_dir("tls.conf"));
}

static struct client tls_client(int port, const char *host, const char *ca, bool insecure) {
    char uri[64];
    struct link_options o = client_options(port, "zoufang");
    snprintf(uri, sizeof uri, "ssl://%s:%d", host, port);
    o.uri = uri;
    o.ca_file = in_dir(ca);
    o.tls_insecure_hostname = insecure;
    o.subscriptions[0] = (struct link_subscription){"x", 1};
    return client_start(&o);
}

static void tls_comes_up(int port, const char *host, const char *ca, bool insecure) {
    struct client c = tls_client(port, host, ca, insecure);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1), "%s %s", host, ca);
    cr_assert(client_publish(&c, "x", "over TLS", 1));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    client_end(&c);
}

static bool log_says(const void *words) {
    char text[4096];
    FILE *in = fopen(in_dir("log"), "r");
    cr_assert(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    return strstr(text, words) != NULL;
}

/* The link says why it does not come up. */
static void tls_refuses(int port, const char *host, const char *ca, const char *why) {
    int console = dup(STDERR_FILENO);
    cr_assert(freopen(in_dir("log"), "w", stderr));
    struct client c = tls_client(port, host, ca, false);
    bool said = wait_until(log_says, why);
    int up = rec_get(c.rec, &c.rec->up);
    client_end(&c);
    dup2(console, STDERR_FILENO);
    close(console);
    cr_assert(said, "%s %s: never \"%s\"", host, ca, why);
    cr_assert_eq(up, 0, "%s %s accepted", host, ca);
}

Test(link, checks_the_name_and_the_authority_of_a_tls_broker) {
    int port = port_pair();
    pid_t broker = tls_broker(port);
    tls_comes_up(port, "localhost", "ca.pem", false);
    tls_refuses(port, "127.0.0.1", "ca.pem", "its certificate is for another host");
    tls_comes_up(port, "127.0.0.1", "ca.pem", true);
    tls_refuses(port, "localhost", "other.pem", "certificate verify failed");
    mosquitto_end(broker, SIGTERM);
}
