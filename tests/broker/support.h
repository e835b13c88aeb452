/* Real brokers, a recorder of what a link reports, and a folder that goes away: for tests/broker.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "access.h"
#include "bounds.h"
#include "broker.h"
#include "link.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNTY "340825"
#define ROOT "zf/1/" COUNTY "/"

static struct system_clock real_clock;
static char test_dir[64]; /* the data directory of this test */

static void dir_make(void) {
    snprintf(test_dir, sizeof test_dir, "/tmp/zoufang-broker-XXXXXX");
    cr_assert(mkdtemp(test_dir));
}

static void dir_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", test_dir);
    cr_assert(system(command) == 0);
}

static const char *in_dir(const char *name) {
    static char path[4][160];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", test_dir, name);
    return p;
}

/* How long to wait for what must come: ZF_BOUND seconds, as the tests in Python do. */
static inline int wait_ms(void) {
    const char *bound = getenv("ZF_BOUND");
    int seconds = bound ? atoi(bound) : 0;
    return (seconds > 0 ? seconds : 60) * 1000;
}

/* Asks for something that sends no event every few milliseconds until it is so. */
static inline bool wait_until(bool (*ask)(const void *), const void *arg) {
    struct timespec nap = {0, 5000000};
    for (int ms = 0; !ask(arg); ms += 5) {
        if (ms >= wait_ms())
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

static inline bool port_is_free(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

/* Takes the port among all tests that run now (zf.py, too) until this process ends. */
static inline bool port_take(int port) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "zoufang-test-port-%d", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&a, size) == 0)
        return true;
    close(fd);
    return false;
}

/* A port such that it and the next one are free: below those that connections going out get, so
 * that they stay free until a broker listens there, and while it is started again. */
static inline int port_pair(void) {
    struct rng rng = rng_system();
    for (int i = 0; i < 1000; i++) {
        int port = 10000 + 2 * (int)rng_below(&rng, 11000);
        if (port_is_free(port) && port_is_free(port + 1) && port_take(port))
            return port;
    }
    cr_assert_fail("no free ports");
    return 0;
}

/* ---- a recorder -------------------------------------------------------------------------------
 */

#define KEPT_MAX 64

struct kept {
    char topic[200];
    char payload[200];
    size_t size;
    bool retained;
    char response[200];
    char correlation[64];
};

struct recorder {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int up, down, messages, acked, failed, overdone;
    bool v5;
    bool blocked; /* message() waits while set */
    unsigned char settled[40000];
    struct kept kept[KEPT_MAX];
};

static void rec_up(void *ctx, bool v5) {
    struct recorder *r = ctx;
    pthread_mutex_lock(&r->mutex);
    r->up++;
    r->v5 = v5;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static void rec_down(void *ctx) {
    struct recorder *r = ctx;
    pthread_mutex_lock(&r->mutex);
    r->down++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static void rec_message(void *ctx, const struct incoming *m) {
    struct recorder *r = ctx;
    pthread_mutex_lock(&r->mutex);
    if (r->messages < KEPT_MAX) {
        struct kept *k = &r->kept[r->messages];
        snprintf(k->topic, sizeof k->topic, "%s", m->topic);
        snprintf(k->payload, sizeof k->payload, "%.*s", (int)m->size, (const char *)m->payload);
        snprintf(k->response, sizeof k->response, "%s", m->response_topic ? m->response_topic : "");
        snprintf(k->correlation, sizeof k->correlation, "%.*s", (int)m->correlation_size,
                 m->correlation ? (const char *)m->correlation : "");
        k->size = m->size;
        k->retained = m->retained;
    }
    r->messages++;
    pthread_cond_broadcast(&r->changed);
    while (r->blocked)
        pthread_cond_wait(&r->changed, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
}

static void rec_settled(struct recorder *r, uint64_t token, int *count) {
    pthread_mutex_lock(&r->mutex);
    (*count)++;
    if (token < sizeof r->settled && r->settled[token]++)
        r->overdone++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static void rec_acked(void *ctx, uint64_t token) {
    rec_settled(ctx, token, &((struct recorder *)ctx)->acked);
}

static void rec_failed(void *ctx, uint64_t token) {
    rec_settled(ctx, token, &((struct recorder *)ctx)->failed);
}

static struct recorder *rec_create(void) {
    struct recorder *r = calloc(1, sizeof *r);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    return r;
}

static struct transport_events rec_events(struct recorder *r) {
    return (struct transport_events){rec_up, rec_down, rec_message, rec_acked, rec_failed, r};
}

/* Waits until a counter of the recorder reaches n. */
static bool rec_wait_ms(struct recorder *r, const int *counter, int n, int ms) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000L;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    int rc = 0;
    pthread_mutex_lock(&r->mutex);
    while (*counter < n && rc == 0)
        rc = pthread_cond_timedwait(&r->changed, &r->mutex, &ts);
    bool ok = *counter >= n;
    pthread_mutex_unlock(&r->mutex);
    return ok;
}

static inline bool rec_wait(struct recorder *r, const int *counter, int n) {
    return rec_wait_ms(r, counter, n, wait_ms());
}

static inline int rec_get(struct recorder *r, const int *counter) {
    pthread_mutex_lock(&r->mutex);
    int n = *counter;
    pthread_mutex_unlock(&r->mutex);
    return n;
}

static inline void rec_block(struct recorder *r, bool blocked) {
    pthread_mutex_lock(&r->mutex);
    r->blocked = blocked;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

/* ---- links ------------------------------------------------------------------------------------
 */

/* A link and its recorder. */
struct client {
    struct link *link;
    struct recorder *rec;
};

static struct link_options client_options(int port, const char *id) {
    static char uri[8][64];
    static int next;
    char *u = uri[next++ % 8];
    snprintf(u, sizeof uri[0], "tcp://127.0.0.1:%d", port);
    return (struct link_options){.uri = u,
                                 .client_id = id,
                                 .username = id,
                                 .password = "secret",
                                 .mqtt_version = 5,
                                 .clock = system_clock_make(&real_clock),
                                 .rng = rng_system()};
}

static struct client client_start(const struct link_options *o) {
    struct err e = {0};
    struct client c = {.rec = rec_create()};
    struct transport_events events = rec_events(c.rec);
    c.link = link_create(o, &events, &e);
    cr_assert(c.link, "%s", e.msg);
    cr_assert(link_connect(c.link, &e), "%s", e.msg);
    return c;
}

/* Connects as id with password "secret" and subscribes to up to two filters. */
static inline struct client client_up(int port, const char *id, const char *filter,
                                      const char *filter2) {
    struct link_options o = client_options(port, id);
    o.subscriptions[0] = (struct link_subscription){filter, 1};
    o.subscriptions[1] = (struct link_subscription){filter ? filter2 : NULL, 1};
    struct client c = client_start(&o);
    cr_assert(rec_wait(c.rec, &c.rec->up, 1), "%s does not come up", id);
    return c;
}

static inline bool client_publish(const struct client *c, const char *topic, const char *text,
                                  uint64_t token) {
    struct outgoing m = {.topic = topic, .payload = text, .size = strlen(text), .token = token};
    return link_publish(c->link, &m);
}

static inline bool client_retain(const struct client *c, const char *topic, const char *text,
                                 uint64_t token) {
    struct outgoing m = {
        .topic = topic, .payload = text, .size = strlen(text), .retain = true, .token = token};
    return link_publish(c->link, &m);
}

static inline void client_end(struct client *c) {
    link_disconnect(c->link, 5000);
    link_destroy(c->link);
    pthread_mutex_destroy(&c->rec->mutex);
    pthread_cond_destroy(&c->rec->changed);
    free(c->rec);
}

/* ---- brokers ----------------------------------------------------------------------------------
 */

static const char *secret_verifier(void) {
    static char verifier[ACCESS_VERIFIER_SIZE];
    struct rng rng = rng_system();
    access_verifier_make(&rng, "secret", verifier);
    return verifier;
}

static const char *const village_99[] = {COUNTY "104299"};
static const char *const town_104[] = {COUNTY "104000"};

/* zoufang, d-a and d-b of village 104299, r-x of township 104, m-a; all with "secret". */
static void access_write_some(bool with_d_b) {
    struct err e = {0};
    struct access_principal some[] = {
        {ACCESS_SERVER, "zoufang", secret_verifier(), false, NULL, 0},
        {ACCESS_DEVICE, "d-a", secret_verifier(), false, village_99, 1},
        {ACCESS_DEVICE, "d-b", secret_verifier(), !with_d_b, village_99, 1},
        {ACCESS_RELAY, "r-x", secret_verifier(), false, town_104, 1},
        {ACCESS_MONITOR, "m-a", secret_verifier(), false, NULL, 0}};
    cr_assert(access_write(test_dir, COUNTY, some, 5, &e), "%s", e.msg);
}

static inline struct broker *broker_up(int port) {
    struct err e = {0};
    struct broker_options o = {test_dir, port, system_clock_make(&real_clock)};
    access_write_some(true);
    struct broker *b = broker_start(&o, &e);
    cr_assert(b, "%s", e.msg);
    return b;
}

/* Kills the private broker and, if asked, what it remembers; then it is to be started by poll. */
static inline void broker_kill(struct broker *b, bool forget) {
    pid_t pid = broker_pid(b);
    siginfo_t info;
    kill(pid, SIGKILL);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    if (forget)
        unlink(in_dir("broker/mosquitto.db"));
}

static inline bool file_is_there(const void *path) {
    return access(path, F_OK) == 0;
}

/* Makes the private broker save its sessions and messages, as it does every 30 s. */
static inline void broker_save(const struct broker *b) {
    const char *store = in_dir("broker/mosquitto.db");
    unlink(store);
    kill(broker_pid(b), SIGUSR1);
    cr_assert(wait_until(file_is_there, store), "the broker does not save");
}

static inline void broker_again(struct broker *b) {
    struct timespec ts = {0};
    int ms;
    while ((ms = broker_poll(b)) >= 0) {
        ts.tv_nsec = (long)(ms % 1000) * 1000000;
        ts.tv_sec = ms / 1000;
        nanosleep(&ts, NULL);
    }
}

/* A Mosquitto with this configuration file; wait for it by connecting. */
static inline pid_t mosquitto_run(const char *conf) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        freopen("/dev/null", "w", stderr);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static inline void mosquitto_end(pid_t pid, int sig) {
    kill(pid, sig);
    waitpid(pid, NULL, 0);
}

static inline void write_text(const char *path, const char *text) {
    FILE *out = fopen(path, "w");
    cr_assert(out);
    fputs(text, out);
    fclose(out);
}

#endif
