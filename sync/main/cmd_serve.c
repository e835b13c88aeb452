/* zoufang serve: the server, against the broker of zoufang.conf or a private one. */
#include "app.h"
#include "broker.h"
#include "commands.h"
#include "conf.h"
#include "engine.h"
#include "enrol.h"
#include "link.h"
#include "log.h"
#include "options.h"
#include "running.h"
#include "topics.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_MS 10000   /* at the end: for what waits to be published */
#define COMPARE_MS 10000 /* for the connection that reads what is retained */
#define TRIM_THRESHOLD (8 * 1024 * 1024)

struct server {
    struct app *app;
    struct conf conf;
    bool standalone;
    int port;
    char uri[512], password[64], metrics_file[1024];
    struct metrics metrics;
    struct broker *broker;
    struct engine *engine;
    struct transport_events engine_events;
    struct link *link;
    struct link *compare;     /* reads what the broker retains; NULL when not */
    int compare_number;       /* of this or the last one: signals say whose they are */
    int64_t compare_until_us; /* until when it must be connected; 0: it is */
    char mark_topic[TOPIC_SIZE_MAX];
    pid_t pid;
    bool announced;
};

/* Threads speak to the main thread by signals: it waits in sigwait. */
#define SIGNAL_UP SIGRTMIN             /* connected: compare retained topics */
#define SIGNAL_COMPARED (SIGRTMIN + 1) /* they were all seen */
#define SIGNAL_COMPARE_UP (SIGRTMIN + 2)

/* ---------------------------------------------------------------- options */

static bool read_options(struct server *s) {
    struct app *a = s->app;
    size_t port = 0;
    const struct option options[] = {
        {.name = "--standalone", .type = OPTION_FLAG, .value = &s->standalone},
        {.name = "--port", .type = OPTION_SIZE, .value = &port, .min = 1, .max = 65534},
        {0}};
    if (!options_read(a, 1, options, NULL))
        return false;
    s->port = (int)port;
    if (!a->dir)
        app_usage(a, "--data DIR is missing");
    else if (s->standalone && !port)
        app_usage(a, "--standalone needs --port N, 1 to 65534");
    else if (port && !s->standalone)
        app_usage(a, "--port is for --standalone; else [broker] uri of zoufang.conf");
    else
        return true;
    return false;
}

/* Files of the configuration: found at the start, not at each connect. */
static bool is_readable(const char *key, const char *path, struct err *e) {
    return !*path || access(path, R_OK) == 0 ||
           err_set(e, ERR_IO, "[broker] %s %s: %s", key, path, strerror(errno));
}

static bool prepare(struct server *s, struct err *e) {
    const char *dir = s->app->dir;
    char password_file[1024];
    if (!conf_load(dir, &s->conf, e))
        return false;
    if (!s->standalone && (!is_readable("ca_file", s->conf.broker_ca_file, e) ||
                           !is_readable("password_file", s->conf.broker_password_file, e)))
        return false;
    snprintf(s->metrics_file, sizeof s->metrics_file, "%s",
             *s->conf.metrics_file ? s->conf.metrics_file : "");
    if (!*s->metrics_file)
        snprintf(s->metrics_file, sizeof s->metrics_file, "%s/metrics.prom", dir);
    snprintf(password_file, sizeof password_file, "%s/broker/server.password", dir);
    if (!s->standalone && *s->conf.broker_password_file)
        snprintf(password_file, sizeof password_file, "%s", s->conf.broker_password_file);
    if (s->standalone)
        snprintf(s->uri, sizeof s->uri, "tcp://127.0.0.1:%d", s->port);
    else
        snprintf(s->uri, sizeof s->uri, "%s", s->conf.broker_uri);
    return enrol_write_access(engine_core(s->engine), dir, e) &&
           enrol_server_password(password_file, s->password, e);
}

/* ---------------------------------------------------------------- connections */

static int mqtt_version(const struct server *s) {
    return strcmp(s->conf.broker_mqtt_version, "5") == 0       ? 5
           : strcmp(s->conf.broker_mqtt_version, "3.1.1") == 0 ? 4
                                                               : 0;
}

static struct link_options link_options_of(struct server *s, const char *client_id,
                                           const char *username) {
    return (struct link_options){
        .uri = s->uri,
        .client_id = client_id,
        .username = username,
        .password = s->password,
        .mqtt_version = mqtt_version(s),
        .ca_file = !s->standalone && *s->conf.broker_ca_file ? s->conf.broker_ca_file : NULL,
        .clock = s->app->clock,
        .rng = s->app->rng};
}

static void on_up(void *ctx, bool v5) {
    struct server *s = ctx;
    s->engine_events.up(s->engine_events.ctx, v5);
    kill(s->pid, SIGNAL_UP);
}

static void on_down(void *ctx) {
    struct server *s = ctx;
    s->engine_events.down(s->engine_events.ctx);
}

static void on_message(void *ctx, const struct incoming *m) {
    struct server *s = ctx;
    s->engine_events.message(s->engine_events.ctx, m);
}

static void on_acked(void *ctx, uint64_t token) {
    struct server *s = ctx;
    s->engine_events.acked(s->engine_events.ctx, token);
}

static void on_failed(void *ctx, uint64_t token) {
    struct server *s = ctx;
    s->engine_events.failed(s->engine_events.ctx, token);
}

static bool make_link(struct server *s, struct err *e) {
    static char filters[8][TOPIC_SIZE_MAX];
    const struct transport_events events = {on_up, on_down, on_message, on_acked, on_failed, s};
    const char *county = engine_county(s->engine);
    char will_topic[TOPIC_SIZE_MAX];
    struct buf will;
    struct link_options o =
        link_options_of(s, "zoufang", s->standalone ? "zoufang" : s->conf.broker_username);
    buf_init(&will, 1024);
    engine_server_state(s->engine, "offline", &will);
    topic_server(will_topic, county);
    o.will_topic = will_topic;
    o.will_payload = will.data;
    for (int i = 0; i < 8 && topic_server_filter(filters[i], county, i); i++)
        o.subscriptions[i] = (struct link_subscription){filters[i], 1};
    s->link = link_create(&o, &events, e);
    buf_fini(&will);
    return s->link != NULL;
}

/* ---------------------------------------------------------------- comparing retained topics */

/* A second connection subscribes to everything that is retained. A message that it then sends to
 * itself arrives behind all of them. */
static void on_compare_message(void *ctx, const struct incoming *m) {
    struct server *s = ctx;
    if (strcmp(m->topic, s->mark_topic) == 0)
        sigqueue(s->pid, SIGNAL_COMPARED, (union sigval){.sival_int = s->compare_number});
    else if (m->retained && m->size)
        engine_retained_seen(s->engine, m->topic, m->payload, m->size);
}

static void on_compare_up(void *ctx, bool v5) {
    (void)v5;
    struct server *s = ctx;
    kill(s->pid, SIGNAL_COMPARE_UP);
}

static void end_compare(struct server *s) {
    link_destroy(s->compare);
    s->compare = NULL;
    s->compare_until_us = 0;
}

static void begin_compare(struct server *s) {
    static const char *const below[] = {"village/#", "status/#", "catalog/#", "bulletin/#",
                                        "up/zoufang-check/#"};
    static char filters[5][TOPIC_SIZE_MAX];
    const struct transport_events events = {
        .up = on_compare_up, .message = on_compare_message, .ctx = s};
    struct err e = {0};
    bool own_user = s->standalone || strcmp(s->conf.broker_username, "zoufang") == 0;
    end_compare(s);
    engine_retained_begin(s->engine);
    s->compare_number++;
    struct link_options o =
        link_options_of(s, "zoufang-check", own_user ? "zoufang-check" : s->conf.broker_username);
    o.clean = true;
    for (int i = 0; i < 5; i++) {
        snprintf(filters[i], sizeof filters[i], "zf/1/%s/%s", engine_county(s->engine), below[i]);
        o.subscriptions[i] = (struct link_subscription){filters[i], 0};
    }
    snprintf(s->mark_topic, sizeof s->mark_topic, "zf/1/%s/up/zoufang-check/mark",
             engine_county(s->engine));
    s->compare_until_us = clock_mono_us(&s->app->clock) + COMPARE_MS * INT64_C(1000);
    s->compare = link_create(&o, &events, &e);
    if (!s->compare || !link_connect(s->compare, &e)) {
        log_line(LOG_ERROR, "retained topics are not compared: %s", e.msg);
        end_compare(s);
    }
}

/* A broker that has no user zoufang-check: what it retains is not known, so it gets everything.
 * Returns the milliseconds until this is to be looked at, -1: not now. */
static int give_up_compare(struct server *s) {
    if (!s->compare_until_us)
        return -1;
    int64_t left_us = s->compare_until_us - clock_mono_us(&s->app->clock);
    if (left_us > 0)
        return (int)(left_us / 1000) + 1;
    end_compare(s);
    if (metrics_get(&s->metrics, METRIC_CONNECTED)) { /* else the next connect compares again */
        log_line(LOG_WARN, "what is retained cannot be read as zoufang-check: all is published");
        engine_retained_end(s->engine);
    }
    return -1;
}

static void send_mark(struct server *s) {
    const struct outgoing mark = {.topic = s->mark_topic, .payload = "1", .size = 1};
    s->compare_until_us = 0;
    if (s->compare)
        link_publish(s->compare, &mark);
}

/* ---------------------------------------------------------------- running */

static void announce(struct server *s) {
    if (s->announced)
        return;
    s->announced = true;
    printf("{\"ready\":true,\"host\":\"127.0.0.1\",\"port\":%d,\"ws_port\":%d,\"epoch\":\"%s\","
           "\"boot\":\"%s\"}\n",
           s->port, s->port + 1, engine_epoch(s->engine), engine_boot(s->engine));
    fflush(stdout);
}

static void on_signal(struct server *s, const siginfo_t *info) {
    int signal_number = info->si_signo;
    if (signal_number == SIGHUP) {
        engine_reload(s->engine);
    } else if (signal_number == SIGNAL_UP) {
        if (s->standalone)
            announce(s);
        begin_compare(s);
    } else if (signal_number == SIGNAL_COMPARE_UP) {
        send_mark(s);
    } else if (signal_number == SIGNAL_COMPARED && info->si_value.sival_int == s->compare_number &&
               s->compare) {
        end_compare(s);
        engine_retained_end(s->engine);
    }
}

/* Of two waits, where -1 is for ever. */
static int sooner(int a_ms, int b_ms) {
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

/* Until TERM or INT. */
static void wait_for_end(struct server *s, const sigset_t *signals) {
    int wait_ms = -1;
    for (;;) {
        struct timespec ts = {wait_ms / 1000, (long)(wait_ms % 1000) * 1000000};
        siginfo_t info;
        int n = wait_ms < 0 ? sigwaitinfo(signals, &info) : sigtimedwait(signals, &info, &ts);
        if (n == SIGTERM || n == SIGINT)
            return;
        if (n > 0)
            on_signal(s, &info);
        wait_ms = sooner(give_up_compare(s), s->broker ? broker_poll(s->broker) : -1);
    }
}

static bool access_changed(void *ctx, struct core *c) {
    struct server *s = ctx;
    struct err e = {0};
    if (enrol_write_access(c, s->app->dir, &e))
        return true;
    log_line(LOG_ERROR, "the broker's access rules are not up to date: %s", e.msg);
    return false;
}

static bool start(struct server *s, struct err *e) {
    struct engine_options o = {.dir = s->app->dir,
                               .schema_dir = s->app->schema_dir,
                               .version = ZOUFANG_VERSION,
                               .metrics_file = s->metrics_file,
                               .clock = &s->app->clock,
                               .rng = &s->app->rng,
                               .metrics = &s->metrics,
                               .access_changed = access_changed,
                               .ctx = s};
    s->engine = engine_create(&o, e);
    if (!s->engine || !prepare(s, e))
        return false;
    malloc_trim(0); /* what compiling forms and files took */
    if (s->standalone) {
        struct broker_options b = {s->app->dir, s->port, s->app->clock};
        s->broker = broker_start(&b, e);
        if (!s->broker)
            return false;
    }
    s->engine_events = engine_events(s->engine);
    struct running r = {.standalone = s->standalone,
                        .pid = s->pid,
                        .clock_offset_ms = s->app->system_clock.offset_ms};
    snprintf(r.uri, sizeof r.uri, "%s", s->uri);
    snprintf(r.ca_file, sizeof r.ca_file, "%s", s->standalone ? "" : s->conf.broker_ca_file);
    return make_link(s, e) && running_write(s->app->dir, &r, e) &&
           engine_start(s->engine, link_publisher(s->link), e) && link_connect(s->link, e);
}

static void block_signals(sigset_t *signals) {
    const int wanted[] = {SIGTERM,   SIGINT,          SIGHUP,           SIGCHLD,
                          SIGNAL_UP, SIGNAL_COMPARED, SIGNAL_COMPARE_UP};
    sigemptyset(signals);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        sigaddset(signals, wanted[i]);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

int cmd_serve(struct app *a) {
    struct server *s = calloc(1, sizeof *s);
    struct err e = {0};
    sigset_t signals;
    int status = 0;
    if (!s)
        abort();
    s->app = a;
    s->pid = getpid();
    if (!read_options(s)) {
        free(s);
        return 2;
    }
    if (!app_check_county(a, &e) || !app_check_schema(a, &e) || !running_lock(a->dir, &e)) {
        free(s);
        return app_fail(a, &e);
    }
    /* Or the decode thread gives its memory back to the system after each message, and asks again.
     */
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    block_signals(&signals);
    bool started = start(s, &e);
    if (started) {
        wait_for_end(s, &signals);
        log_line(LOG_INFO, "stopping");
        /* Nothing that the broker saw acknowledged stays uncommitted: first disconnect, then drain.
         * Only a full intake, which holds Paho's lock, is emptied before. */
        bool taking = engine_end(s->engine, FLUSH_MS);
        if (taking)
            link_disconnect(s->link, FLUSH_MS);
        engine_stop(s->engine, FLUSH_MS);
        end_compare(s);
        if (!taking)
            link_disconnect(s->link, FLUSH_MS);
    } else {
        status = app_fail(a, &e);
    }
    link_destroy(s->link);
    broker_stop(s->broker);
    engine_destroy(s->engine);
    free(s);
    return status;
}
