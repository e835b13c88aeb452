#include "support.h"

TestSuite(private_broker, .init = dir_make, .fini = dir_remove, .timeout = 600);

static struct broker *start(int port, struct err *e) {
    struct broker_options o = {test_dir, port, system_clock_make(&real_clock)};
    return broker_start(&o, e);
}

static int listen_on(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    cr_assert(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4) == 0);
    return fd;
}

Test(private_broker, serves_mqtt_and_websockets_to_known_users) {
    char command[400];
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "d-a", NULL, NULL);
    client_end(&c);
    cr_assert_eq(broker_find(test_dir), broker_pid(b));
    snprintf(command, sizeof command,
             "mosquitto_pub -p %d -i anyone -t x -m x 2>/dev/null || exit 9; exit 0", port);
    cr_assert_eq(WEXITSTATUS(system(command)), 9, "anonymous accepted");
    snprintf(command, sizeof command,
             "exec 3<>/dev/tcp/127.0.0.1/%d; printf 'GET /mqtt HTTP/1.1\\r\\nHost: x\\r\\n"
             "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: "
             "dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n"
             "Sec-WebSocket-Protocol: mqtt\\r\\n\\r\\n' >&3; read -t 60 -r line <&3; "
             "case $line in *101*) exit 0;; esac; exit 1",
             port + 1);
    write_text(in_dir("ws"), command);
    snprintf(command, sizeof command, "bash %s", in_dir("ws"));
    cr_assert_eq(system(command), 0, "no WebSocket");
    broker_stop(b);
    cr_assert_eq(broker_find(test_dir), 0);
}

Test(private_broker, names_the_port_that_is_in_use) {
    char number[16];
    for (int offset = 0; offset < 2; offset++) {
        int port = port_pair();
        struct err e = {0};
        int fd = listen_on(port + offset);
        access_write_some(true);
        cr_assert_null(start(port, &e));
        cr_assert_eq(e.code, ERR_IO);
        snprintf(number, sizeof number, "%d", port + offset);
        cr_assert(strstr(e.msg, number), "%s", e.msg);
        close(fd);
    }
}

Test(private_broker, says_why_it_does_not_start) {
    struct err e = {0};
    cr_assert_null(start(port_pair(), &e)); /* no users */
    cr_assert_eq(e.code, ERR_IO);
    cr_assert(strstr(e.msg, "broker/passwd"), "%s", e.msg);
}

Test(private_broker, passes_on_the_last_words_of_one_that_falls_over) {
    struct err e = {0};
    access_write_some(true);
    write_text(in_dir("mosquitto"), "#!/bin/sh\necho fell over >&2\nexit 3\n");
    chmod(in_dir("mosquitto"), 0755);
    setenv("PATH", test_dir, 1); /* the one in PATH comes first */
    struct broker *b = start(port_pair(), &e);
    setenv("PATH", "/usr/bin:/bin", 1);
    cr_assert_null(b);
    cr_assert(strstr(e.msg, "fell over"), "%s", e.msg);
}

/* Time that stands still until the test moves it. */
static int64_t still_us(void *now_us) {
    return *(int64_t *)now_us;
}

Test(private_broker, is_started_again_when_it_dies) {
    int port = port_pair();
    int64_t now_us = 1;
    struct err e = {0};
    struct broker_options o = {test_dir, port, {NULL, still_us, &now_us}};
    access_write_some(true);
    struct broker *b = broker_start(&o, &e);
    cr_assert(b, "%s", e.msg);
    pid_t first = broker_pid(b);
    cr_assert_eq(broker_poll(b), -1);
    broker_kill(b, false);
    int delay_ms = broker_poll(b); /* it lived less than two seconds: a delay */
    cr_assert(delay_ms > 0 && delay_ms <= 1000, "%d", delay_ms);
    cr_assert_eq(broker_pid(b), 0);
    now_us += delay_ms * INT64_C(1000);
    cr_assert_eq(broker_poll(b), -1);
    cr_assert(broker_pid(b) > 0 && broker_pid(b) != first);
    broker_kill(b, false);
    int longer_ms = broker_poll(b);
    cr_assert_gt(longer_ms, delay_ms, "dying again and again does not wait longer");
    now_us += longer_ms * INT64_C(1000);
    cr_assert_eq(broker_poll(b), -1);
    now_us += 3000000;
    broker_kill(b, false);
    cr_assert_eq(broker_poll(b), -1, "one that ran for a while is not started at once");
    struct client c = client_up(port, "d-a", NULL, NULL);
    client_end(&c);
    broker_stop(b);
}

/* The server is killed, and its broker lingers: held up by SIGSTOP, as by saving a large store. */
Test(private_broker, takes_the_place_of_one_left_behind) {
    int port = port_pair();
    int ready[2];
    pid_t orphan;
    cr_assert_eq(pipe(ready), 0);
    pid_t server = fork();
    if (server == 0) {
        struct broker *b = broker_up(port);
        pid_t pid = broker_pid(b);
        kill(pid, SIGSTOP);
        ssize_t n = write(ready[1], &pid, sizeof pid);
        _exit(n == sizeof pid ? 0 : 1); /* leaves it behind */
    }
    cr_assert_eq(read(ready[0], &orphan, sizeof orphan), (ssize_t)sizeof orphan);
    waitpid(server, NULL, 0);
    cr_assert_eq(kill(orphan, 0), 0, "it should linger");
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        usleep(300000); /* how long it takes to save its store */
        kill(orphan, SIGCONT);
        _exit(0);
    }
    struct err e = {0};
    struct broker *b = start(port, &e);
    cr_assert(b, "%s", e.msg);
    cr_assert_neq(broker_pid(b), orphan);
    struct client c = client_up(port, "d-a", NULL, NULL);
    client_end(&c);
    broker_stop(b);
}

Test(private_broker, ends_with_the_server_that_was_killed) {
    int port = port_pair();
    int ready[2];
    pid_t pid;
    cr_assert_eq(pipe(ready), 0);
    pid_t server = fork();
    if (server == 0) {
        struct broker *b = broker_up(port);
        pid = broker_pid(b);
        ssize_t n = write(ready[1], &pid, sizeof pid);
        (void)n;
        for (;;)
            pause();
    }
    cr_assert_eq(read(ready[0], &pid, sizeof pid), (ssize_t)sizeof pid);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid); /* hangs, and the test times out, if it lives on */
}

Test(private_broker, keeps_messages_over_a_clean_restart) {
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    client_end(&c);
    struct client d = client_up(port, "d-a", NULL, NULL);
    cr_assert(client_publish(&d, ROOT "up/d-a/records", "kept", 1));
    cr_assert(rec_wait(d.rec, &d.rec->acked, 1));
    client_end(&d);
    broker_stop(b);
    b = broker_up(port);
    c = client_up(port, "zoufang", ROOT "up/#", NULL);
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    client_end(&c);
    broker_stop(b);
}

/* Larger than the protocol's payload: the server must get it, to say that it is too large. */
Test(private_broker, passes_a_payload_beyond_the_limit) {
    size_t size = PAYLOAD_SIZE_MAX + 1000;
    char *payload = malloc(size);
    int port = port_pair();
    struct broker *b = broker_up(port);
    struct client c = client_up(port, "zoufang", ROOT "up/#", NULL);
    struct client d = client_up(port, "d-a", NULL, NULL);
    memset(payload, '{', size);
    struct outgoing m = {.topic = ROOT "up/d-a/records", .payload = payload, .size = size};
    cr_assert(link_publish(d.link, &m));
    cr_assert(rec_wait(c.rec, &c.rec->messages, 1));
    cr_assert_eq(c.rec->kept[0].size, size);
    free(payload);
    client_end(&d);
    client_end(&c);
    broker_stop(b);
}
