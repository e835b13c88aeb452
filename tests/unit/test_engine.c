/* The engine's threads: the bounded intake, the sender, and the whole engine between a fake
 * transport and a real database. Nothing here sleeps: everything waits for what it is told. */
#include "../simulation/county.h"

#include "engine_internal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>

/* ---------------------------------------------------------------- intake */

static const struct topic_in from_phone = {.kind = TOPIC_RECORDS, .device = "d-1"};
static const struct topic_in pull_of_phone = {.kind = TOPIC_PULL, .device = "d-1"};

static void put_size(struct intake *in, const char *payload, size_t size) {
    intake_put(in, &(struct incoming){.topic = "t", .payload = payload, .size = size}, &from_phone,
               0);
}

static void put_number(struct intake *in, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    put_size(in, text, strlen(text) + 1); /* so that it can be read as it comes */
}

/* The decode thread of these tests decodes nothing. */
static void *pass_on(void *arg) {
    struct intake *in = arg;
    struct intake_item *items;
    while ((items = intake_take_raw(in, 7)))
        intake_put_ready(in, items);
    return NULL;
}

struct producer {
    struct intake *in;
    size_t count, size;
    const char *payload; /* NULL = numbers */
};

static void *produce(void *arg) {
    struct producer *p = arg;
    for (size_t i = 0; i < p->count; i++) {
        if (p->payload)
            put_size(p->in, p->payload, p->size);
        else
            put_number(p->in, i);
    }
    return NULL;
}

/* The linker gives every call of pthread_create to this one (--wrap): it fails once so many threads
 * were made. */
static int threads_allowed = -1; /* -1 = no end */

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg) {
    if (threads_allowed == 0)
        return EAGAIN;
    threads_allowed -= threads_allowed > 0;
    return __real_pthread_create(t, a, f, arg);
}

/* Waits for a lock of the database go on for ever, as tests count time: whoever waits for one that
 * is not given back never comes to an end. */
int __real_sqlite3_busy_timeout(sqlite3 *db, int ms);
int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms);

int __wrap_sqlite3_busy_timeout(sqlite3 *db, int ms) {
    return __real_sqlite3_busy_timeout(db, ms * 60);
}

static void start(pthread_t *t, void *(*f)(void *), void *arg) {
    cr_assert_eq(pthread_create(t, NULL, f, arg), 0);
}

/* Takes `count` messages and gives their room back; the bound holds all the while. */
static void consume(struct intake *in, size_t count, size_t messages_max, bool numbered) {
    size_t n = 0;
    bool drained;
    while (n < count) {
        struct intake_item *items = intake_take_ready(in, 100, 1000, &drained);
        cr_assert_leq(intake_count(in), messages_max);
        for (struct intake_item *i = items; i; i = i->next, n++) {
            if (numbered)
                cr_assert_eq(strtoul(i->payload, NULL, 10), n, "in the order of arrival");
        }
        intake_done(in, items);
    }
    cr_assert_eq(n, count);
}

Test(intake, holds_back_beyond_its_number_of_messages) {
    struct intake in;
    pthread_t producer;
    pthread_t decoder;
    intake_init(&in);
    struct producer p = {&in, 3 * INTAKE_MESSAGES_MAX, 0, NULL};
    start(&producer, produce, &p);
    start(&decoder, pass_on, &in);
    consume(&in, p.count, INTAKE_MESSAGES_MAX, true);
    pthread_join(producer, NULL);
    cr_assert_eq(intake_count(&in), 0);
    intake_close(&in);
    pthread_join(decoder, NULL);
    intake_fini(&in);
}

Test(intake, holds_back_beyond_its_size) {
    struct intake in;
    pthread_t producer;
    pthread_t decoder;
    char *payload = calloc(1, PAYLOAD_SIZE_MAX);
    intake_init(&in);
    struct producer p = {&in, 4 * (INTAKE_SIZE_MAX / PAYLOAD_SIZE_MAX), PAYLOAD_SIZE_MAX, payload};
    start(&producer, produce, &p);
    start(&decoder, pass_on, &in);
    consume(&in, p.count, INTAKE_SIZE_MAX / PAYLOAD_SIZE_MAX, false);
    pthread_join(producer, NULL);
    intake_close(&in);
    pthread_join(decoder, NULL);
    intake_fini(&in);
    free(payload);
}

Test(intake, closing_frees_who_is_held_back_and_drains_the_rest) {
    struct intake in;
    pthread_t producer;
    pthread_t decoder;
    bool drained = false;
    intake_init(&in);
    for (size_t i = 0; i < INTAKE_MESSAGES_MAX; i++)
        put_number(&in, i);
    struct producer p = {&in, 10, 0, NULL};
    start(&producer, produce, &p);
    intake_close(&in);
    pthread_join(producer, NULL);
    cr_assert_eq(intake_count(&in), INTAKE_MESSAGES_MAX, "what came later is dropped");
    start(&decoder, pass_on, &in);
    consume(&in, INTAKE_MESSAGES_MAX, INTAKE_MESSAGES_MAX, true);
    cr_assert(intake_take_ready(&in, 1, 1000, &drained) == NULL);
    cr_assert(drained);
    pthread_join(decoder, NULL);
    intake_fini(&in);
}

Test(intake, a_nudge_wakes_and_pulls_go_their_own_way) {
    struct intake in;
    bool drained;
    intake_init(&in);
    intake_nudge(&in);
    cr_assert(intake_take_ready(&in, 1, 600000, &drained) == NULL);
    cr_assert_not(drained);
    intake_put(&in, &(struct incoming){.topic = "t", .payload = "{}", .size = 2}, &pull_of_phone,
               0);
    struct intake_item *raw = intake_take_raw(&in, 100);
    intake_put_ready(&in, raw);
    cr_assert(intake_take_ready(&in, 1, 0, &drained) == NULL);
    struct intake_item *pull = intake_take_pull(&in);
    cr_assert_eq(pull->from.kind, TOPIC_PULL);
    intake_done(&in, pull);
    intake_close(&in);
    cr_assert_null(intake_take_pull(&in));
    intake_fini(&in);
}

/* ---------------------------------------------------------------- a transport */

#define LOG_MAX 6000

struct sent {
    char topic[TOPIC_SIZE_MAX];
    char *payload;
    size_t size;
    bool retain;
};

/* Takes up to `window` messages at a time; a thread of its own answers them, every `fail_every`th
 * by `failed`. */
struct transport {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct transport_events events;
    void (*look)(void *ctx, const struct outgoing *m); /* at each message taken */
    void *look_ctx;
    size_t window, fail_every;
    uint64_t tokens[4096];
    size_t waiting, answered, refused, failed;
    bool ending, holding; /* holding: takes, and does not answer */
    struct sent log[LOG_MAX];
    size_t count;
};

static bool transport_publish(void *ctx, const struct outgoing *m) {
    struct transport *t = ctx;
    pthread_mutex_lock(&t->lock);
    bool taken = t->waiting < t->window && t->count < LOG_MAX;
    if (taken) {
        struct sent *s = &t->log[t->count++];
        snprintf(s->topic, sizeof s->topic, "%s", m->topic);
        s->payload = strndup(m->size ? m->payload : "", m->size);
        s->size = m->size;
        s->retain = m->retain;
        t->tokens[t->waiting++] = m->token;
        if (t->look)
            t->look(t->look_ctx, m);
    } else {
        t->refused++;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return taken;
}

static void *transport_run(void *arg) {
    struct transport *t = arg;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while ((!t->waiting || t->holding) && !t->ending)
            pthread_cond_wait(&t->changed, &t->lock);
        if (!t->waiting && t->ending)
            break;
        uint64_t token = t->tokens[0];
        memmove(t->tokens, t->tokens + 1, --t->waiting * sizeof *t->tokens);
        bool fails = t->fail_every && ++t->answered % t->fail_every == 0;
        t->failed += fails;
        pthread_mutex_unlock(&t->lock);
        if (fails)
            t->events.failed(t->events.ctx, token);
        else
            t->events.acked(t->events.ctx, token);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static struct transport *transport_create(struct transport_events events, size_t window,
                                          size_t fail_every) {
    struct transport *t = calloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    t->events = events;
    t->window = window;
    t->fail_every = fail_every;
    start(&t->thread, transport_run, t);
    return t;
}

static void transport_destroy(struct transport *t) {
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    for (size_t i = 0; i < t->count; i++)
        free(t->log[i].payload);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free(t);
}

static void transport_hold(struct transport *t, bool holding) {
    pthread_mutex_lock(&t->lock);
    t->holding = holding;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

#define WAIT_S 240

/* Waits until a message from `from` on is about the topic (its end) and holds the text; returns its
 * place. */
static size_t wait_sent(struct transport *t, size_t from, const char *topic, const char *text) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&t->lock);
    for (size_t i = from;;) {
        for (; i < t->count; i++) {
            const struct sent *s = &t->log[i];
            size_t size = strlen(s->topic);
            size_t end = strlen(topic);
            if (size >= end && strcmp(s->topic + size - end, topic) == 0 &&
                strstr(s->payload, text)) {
                pthread_mutex_unlock(&t->lock);
                return i;
            }
        }
        cr_assert_eq(pthread_cond_timedwait(&t->changed, &t->lock, &until), 0, "never came: %s %s",
                     topic, text);
    }
}

/* ---------------------------------------------------------------- sender */

static struct metrics metrics;

static void sender_was_acked(void *ctx, uint64_t token) {
    sender_acked(ctx, token);
}
static void sender_has_failed(void *ctx, uint64_t token) {
    sender_failed(ctx, token);
}
static void nothing(void *ctx) {
    (void)ctx;
}

static struct transport *sender_begin(struct sender *s, size_t window, size_t fail_every) {
    sender_init(s, &metrics, nothing, NULL);
    struct transport *t = transport_create(
        (struct transport_events){.acked = sender_was_acked, .failed = sender_has_failed, .ctx = s},
        window, fail_every);
    cr_assert(sender_start(s, (struct publisher){transport_publish, t}));
    return t;
}

static void put_rows(struct sender *s, int64_t first, int64_t last) {
    for (int64_t i = first; i <= last; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "row/%lld", (long long)i);
        sender_put(s,
                   &(struct sender_message){
                       .kind = SENDER_OUTBOX, .row = i, .topic = topic, .payload = "x", .size = 1});
    }
}

/* Every row from 1 to last was acknowledged once. */
static void check_acked(struct sender *s, size_t last) {
    size_t count;
    bool *seen = calloc(last + 1, sizeof *seen);
    struct sender_item *items = sender_take_acked(s, &count);
    cr_assert_eq(count, last);
    for (struct sender_item *i = items; i; i = i->next) {
        cr_assert(i->row >= 1 && (size_t)i->row <= last && !seen[i->row], "row %lld",
                  (long long)i->row);
        seen[i->row] = true;
    }
    sender_free_list(items);
    free(seen);
}

Test(sender, publishes_in_order_within_the_window) {
    struct sender s;
    struct transport *t = sender_begin(&s, 10, 0);
    put_rows(&s, 1, 500);
    cr_assert_eq(t->count, 0, "not before there is a connection");
    sender_up(&s);
    sender_stop(&s, 60000);
    cr_assert_eq(t->count, 500);
    for (size_t i = 0; i < t->count; i++)
        cr_assert_eq(strtoul(t->log[i].topic + 4, NULL, 10), i + 1);
    check_acked(&s, 500);
    transport_destroy(t);
    sender_fini(&s);
}

Test(sender, what_failed_is_published_again) {
    struct sender s;
    struct transport *t = sender_begin(&s, 5, 3);
    sender_up(&s);
    put_rows(&s, 1, 300);
    sender_stop(&s, 60000);
    cr_assert_gt(t->failed, 0);
    cr_assert_eq(t->count, 300 + t->failed, "each failure once more");
    check_acked(&s, 300);
    transport_destroy(t);
    sender_fini(&s);
}

Test(sender, nothing_goes_out_while_the_connection_is_gone) {
    struct sender s;
    struct transport *t = sender_begin(&s, 10, 0);
    sender_up(&s);
    put_rows(&s, 1, 1);
    wait_sent(t, 0, "row/1", "x");
    sender_down(&s);
    put_rows(&s, 2, 3);
    cr_assert_eq(t->count, 1);
    sender_up(&s);
    sender_stop(&s, 60000);
    cr_assert_eq(t->count, 3);
    check_acked(&s, 3);
    transport_destroy(t);
    sender_fini(&s);
}

Test(sender, room_counts_what_is_in_flight) {
    struct sender s;
    struct transport *t = sender_begin(&s, 100, 0);
    transport_hold(t, true);
    put_rows(&s, 1, 50);
    cr_assert_eq(sender_room(&s), SENDER_QUEUE_MAX - 50);
    sender_up(&s);
    wait_sent(t, 0, "row/50", "x");
    cr_assert_eq(sender_room(&s), SENDER_QUEUE_MAX - 50);
    transport_hold(t, false);
    sender_stop(&s, 60000);
    cr_assert_eq(sender_room(&s), SENDER_QUEUE_MAX);
    check_acked(&s, 50);
    transport_destroy(t);
    sender_fini(&s);
}

Test(sender, volatile_messages_are_forgotten_by_themselves) {
    struct sender s;
    size_t count;
    struct transport *t = sender_begin(&s, 10, 2);
    sender_up(&s);
    for (int i = 0; i < 20; i++)
        sender_put(&s, &(struct sender_message){
                           .kind = SENDER_VOLATILE, .topic = "page", .payload = "p", .size = 1});
    sender_stop(&s, 60000);
    cr_assert(sender_take_acked(&s, &count) == NULL);
    cr_assert_eq(t->count, 20 + t->failed);
    transport_destroy(t);
    sender_fini(&s);
}

/* ---------------------------------------------------------------- the whole engine */

static _Atomic int64_t wall_ms = NOW_MS;
static _Atomic int64_t ahead_us; /* of the engine's own clock */

static int64_t wall_now(void *ctx) {
    return atomic_load((_Atomic int64_t *)ctx);
}

static int64_t mono_us(void *ctx) {
    (void)ctx;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + atomic_load(&ahead_us);
}

struct machine {
    char dir[64];
    struct clock clock;
    struct rng_seeded chance;
    struct rng rng;
    struct engine *engine;
    struct transport *transport;
    sqlite3 *db; /* another look at the same file */
};

static struct engine *machine_engine(struct machine *m) {
    struct err e = {0};
    const struct engine_options options = {.dir = m->dir,
                                           .schema_dir = SCHEMA_DIR,
                                           .version = "test",
                                           .clock = &m->clock,
                                           .rng = &m->rng,
                                           .metrics = &metrics};
    struct engine *g = engine_create(&options, &e);
    cr_assert(g != NULL, "%s", e.msg);
    return g;
}

static void machine_start(struct machine *m, size_t window, size_t fail_every,
                          void (*look)(void *, const struct outgoing *)) {
    struct err e = {0};
    m->engine = machine_engine(m);
    m->transport = transport_create(engine_events(m->engine), window, fail_every);
    m->transport->look = look;
    m->transport->look_ctx = m;
    cr_assert(engine_start(m->engine, (struct publisher){transport_publish, m->transport}, &e),
              "%s", e.msg);
    m->transport->events.up(m->transport->events.ctx, true);
}

static void machine_create(struct machine *m) {
    char path[128];
    memset(m, 0, sizeof *m);
    strcpy(m->dir, "/tmp/zoufang-engine-XXXXXX");
    cr_assert(mkdtemp(m->dir) != NULL);
    m->rng = rng_seeded_make(&m->chance, 5);
    m->clock = (struct clock){wall_now, mono_us, &wall_ms};
    county_make(m->dir, &m->clock, &m->rng);
    snprintf(path, sizeof path, "%s/zoufang.db", m->dir);
    cr_assert_eq(sqlite3_open_v2(path, &m->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL),
                 SQLITE_OK);
    sqlite3_busy_timeout(m->db, 10000);
}

static void machine_stop(struct machine *m) {
    engine_stop(m->engine, 60000);
    transport_destroy(m->transport);
    engine_destroy(m->engine);
}

static void machine_destroy(struct machine *m) {
    sqlite3_close(m->db);
    shell("rm -r %s", m->dir);
}

static int64_t ask(struct machine *m, const char *sql) {
    sqlite3_stmt *q;
    cr_assert_eq(sqlite3_prepare_v2(m->db, sql, -1, &q, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(m->db));
    cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
    int64_t v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void say(struct machine *m, int n) {
    char text[1024];
    snprintf(
        text, sizeof text,
        "{\"v\":1,\"device\":\"d-0420\",\"records\":[{\"id\":\"016b4a01-0000-7000-8000-%012d\","
        "\"seq\":%d,\"form\":\"hh.facts\",\"fv\":1,\"subject\":\"%s\",\"hlc\":"
        "\"2019-06-12T02:01:00.%03dZ-0000\",\"by\":\"C-00420\",\"data\":{\"set\":{"
        "\"farmland_mu\":%d},\"reason\":\"x\"}}]}",
        n, n, households[0], n % 1000, n % 100);
    m->transport->events.message(m->transport->events.ctx,
                                 &(struct incoming){.topic = "zf/1/340825/up/d-0420/records",
                                                    .payload = text,
                                                    .size = strlen(text)});
}

/* A receipt leaves only after its record is on disk, where any other process sees it. */
static void look_for_record(void *ctx, const struct outgoing *o) {
    struct machine *m = ctx;
    if (!strstr(o->topic, "/receipts"))
        return;
    json_t *v = json_loadb(o->payload, o->size, 0, NULL);
    json_t *r;
    size_t i;
    json_array_foreach(json_object_get(v, "receipts"), i, r) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM record WHERE outcome = 1 AND body ->> '$.id' = '%s'",
                 json_string_value(json_object_get(r, "id")));
        cr_assert_eq(ask(m, sql), 1, "%s", sql);
    }
    json_decref(v);
}

Test(engine, a_receipt_follows_the_commit_and_is_repeated_until_it_is_taken) {
    struct machine m;
    machine_create(&m);
    machine_start(&m, 4, 2, look_for_record);
    for (int n = 1; n <= 100; n++)
        say(&m, n);
    for (int n = 1; n <= 100; n++) {
        char id[100];
        snprintf(id, sizeof id,
                 "\"016b4a01-0000-7000-8000-%012d\",\"seq\":%d,\"outcome\":\"stored\"", n, n);
        wait_sent(m.transport, 0, "down/d-0420/receipts", id);
    }
    machine_stop(&m);
    cr_assert_eq(ask(&m, "SELECT count(*) FROM record WHERE device = 'd-0420'"), 100);
    cr_assert_eq(ask(&m, "SELECT count(*) FROM outbox"), 0, "all acknowledged");
    machine_destroy(&m);
}

Test(engine, what_was_not_acknowledged_is_published_after_a_restart) {
    struct machine m;
    machine_create(&m);
    machine_start(&m, 100, 0, NULL);
    transport_hold(m.transport, true);
    say(&m, 1);
    wait_sent(m.transport, 0, "down/d-0420/receipts", "stored");
    engine_stop(m.engine, 0);
    cr_assert_eq(ask(&m, "SELECT count(*) FROM outbox WHERE topic GLOB '*/receipts'"), 1);
    transport_destroy(m.transport);
    engine_destroy(m.engine);
    machine_start(&m, 100, 0, NULL);
    wait_sent(m.transport, 0, "down/d-0420/receipts", "stored");
    machine_stop(&m);
    cr_assert_eq(ask(&m, "SELECT count(*) FROM outbox"), 0);
    machine_destroy(&m);
}

/* The newest payload of every retained topic, as a broker would hold it. */
static struct sent *retained_of(struct transport *t, const char *topic) {
    struct sent *found = NULL;
    for (size_t i = 0; i < t->count; i++) {
        if (t->log[i].retain && strcmp(t->log[i].topic, topic) == 0)
            found = &t->log[i];
    }
    return found;
}

Test(engine, the_broker_ends_with_the_newest_of_every_retained_topic) {
    struct machine m;
    machine_create(&m);
    machine_start(&m, 3, 3, NULL);
    for (int n = 1; n <= 30; n++)
        say(&m, n);
    wait_sent(m.transport, 0, "status/104/299", "\"indicators\"");
    wait_sent(m.transport, 0, "340825/server", "online");
    engine_stop(m.engine, 60000);
    sqlite3_stmt *q;
    int compared = 0;
    cr_assert_eq(sqlite3_prepare_v2(m.db, "SELECT topic, payload FROM retained WHERE sent = 1", -1,
                                    &q, NULL),
                 SQLITE_OK);
    for (; sqlite3_step(q) == SQLITE_ROW; compared++) {
        const struct sent *s = retained_of(m.transport, (const char *)sqlite3_column_text(q, 0));
        cr_assert(s != NULL, "%s", sqlite3_column_text(q, 0));
        cr_assert_eq(s->size, (size_t)sqlite3_column_bytes(q, 1));
        cr_assert_eq(memcmp(s->payload, sqlite3_column_blob(q, 1), s->size), 0, "%s: %s", s->topic,
                     s->payload);
    }
    sqlite3_finalize(q);
    cr_assert_gt(compared, 10);
    cr_assert(strstr(retained_of(m.transport, "zf/1/340825/server")->payload, "offline") != NULL);
    transport_destroy(m.transport);
    engine_destroy(m.engine);
    machine_destroy(&m);
}

Test(engine, retained_topics_are_made_to_agree_with_the_database) {
    struct machine m;
    machine_create(&m);
    machine_start(&m, 50, 0, NULL);
    wait_sent(m.transport, 0, "340825/catalog", "\"forms\"");
    wait_sent(m.transport, 0, "status/104/299", "\"v\"");
    pthread_mutex_lock(&m.transport->lock);
    size_t from = m.transport->count;
    pthread_mutex_unlock(&m.transport->lock);
    engine_retained_seen(m.engine, "zf/1/340825/village/104/299/tasks/T-X-1", "{}", 2);
    engine_retained_seen(m.engine, "zf/1/340825/catalog", "{\"old\":1}", 9);
    engine_retained_end(m.engine);
    size_t stray = wait_sent(m.transport, from, "tasks/T-X-1", "");
    cr_assert_eq(m.transport->log[stray].size, 0, "cleared");
    cr_assert(m.transport->log[stray].retain);
    wait_sent(m.transport, from, "340825/catalog", "\"forms\"");
    wait_sent(m.transport, from, "status/104/299", "\"v\"");
    machine_stop(&m);
    machine_destroy(&m);
}

/* Heads of a village that were published. */
static size_t heads_of(struct transport *t, const char *topic) {
    size_t count = 0;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->count; i++)
        count += strcmp(t->log[i].topic, topic) == 0;
    pthread_mutex_unlock(&t->lock);
    return count;
}

/* Between two looks at what sends no event: valgrind runs one thread at a time. */
static void nap(void) {
    nanosleep(&(struct timespec){0, 5000000}, NULL);
}

/* Until everything is derived. */
static void wait_derived(struct machine *m) {
    int64_t until = mono_us(NULL) + WAIT_S * INT64_C(1000000);
    while (ask(m, "SELECT count(*) FROM dirty")) {
        cr_assert_lt(mono_us(NULL), until, "never derived");
        nap();
    }
}

/* The county's clock stands still between the steps; the engine's own runs on. */
Test(engine, a_head_is_published_once_in_five_seconds) {
    struct machine m;
    const char *head = "zf/1/340825/village/104/299/head";
    machine_create(&m);
    machine_start(&m, 100, 0, NULL);
    size_t first = wait_sent(m.transport, 0, "village/104/299/head", "\"seq\"");
    wait_derived(&m);
    for (int n = 1; n <= 3; n++) {
        char id[60];
        say(&m, n);
        snprintf(id, sizeof id, "016b4a01-0000-7000-8000-%012d", n);
        wait_sent(m.transport, 0, "down/d-0420/receipts", id);
        wait_derived(&m);
        atomic_fetch_add(&wall_ms, 1600); /* 4.8 s in all */
    }
    cr_assert_eq(heads_of(m.transport, head), 1, "one, though three records changed it");
    atomic_fetch_add(&wall_ms, 5000);
    wait_sent(m.transport, first + 1, "village/104/299/head", "\"seq\"");
    engine_stop(m.engine, 60000);
    cr_assert_eq(heads_of(m.transport, head), 2, "one for all three");
    transport_destroy(m.transport);
    engine_destroy(m.engine);
    machine_destroy(&m);
}

/* ---------------------------------------------------------------- when something fails */

static void send(struct machine *m, const char *topic, const char *text) {
    m->transport->events.message(
        m->transport->events.ctx,
        &(struct incoming){.topic = topic, .payload = text, .size = strlen(text)});
}

static int interrupt_if(void *failing) {
    return atomic_load((atomic_bool *)failing);
}

static int interrupt_once(void *failing) {
    return atomic_exchange((atomic_bool *)failing, false);
}

Test(engine, a_pull_that_fails_is_refused_as_busy) {
    struct machine m;
    static atomic_bool failing;
    machine_create(&m);
    machine_start(&m, 100, 0, NULL);
    sqlite3 *db = store_db(m.engine->pull_core->store);
    sqlite3_progress_handler(db, 1, interrupt_if, &failing);
    const char *topic = "zf/1/340825/up/d-0420/pull";
    send(&m, topic, "{\"v\":1,\"req\":\"r1\",\"cursor\":null,\"limit\":5}");
    wait_sent(m.transport, 0, "down/d-0420/changes", "\"req\":\"r1\",\"epoch\"");
    atomic_store(&failing, true);
    send(&m, topic, "{\"v\":1,\"req\":\"r2\",\"cursor\":null,\"limit\":5}");
    size_t i = wait_sent(m.transport, 0, "down/d-0420/changes", "\"req\":\"r2\"");
    json_t *v = json_loads(m.transport->log[i].payload, JSON_REJECT_DUPLICATES, NULL);
    const json_t *why = json_object_get(v, "error");
    cr_assert_str_eq(json_string_value(json_object_get(why, "code")), "busy");
    cr_assert_gt(json_integer_value(json_object_get(why, "after_ms")), 0);
    cr_assert(json_is_string(json_object_get(why, "zh")));
    json_decref(v);
    atomic_store(&failing, false);
    send(&m, topic, "{\"v\":1,\"req\":\"r3\",\"cursor\":null,\"limit\":5}");
    wait_sent(m.transport, 0, "down/d-0420/changes", "\"req\":\"r3\",\"epoch\"");
    /* What fails before the page begins does not stay with those that follow. */
    sqlite3_progress_handler(db, 1, interrupt_once, &failing);
    atomic_store(&failing, true);
    send(&m, topic, "{\"v\":1,\"req\":\"r4\",\"cursor\":null,\"limit\":5}");
    wait_sent(m.transport, 0, "down/d-0420/changes", "\"req\":\"r4\"");
    send(&m, topic, "{\"v\":1,\"req\":\"r5\",\"cursor\":null,\"limit\":5}");
    wait_sent(m.transport, 0, "down/d-0420/changes", "\"req\":\"r5\",\"epoch\"");
    machine_stop(&m);
    machine_destroy(&m);
}

/* ---------------------------------------------------------------- the bulletin */

/* An engine whose sync thread is the test. */
static struct engine *quiet_engine(struct machine *m) {
    machine_create(m);
    struct engine *g = machine_engine(m);
    g->derive_more = false;
    return g;
}

/* Begins bulletins that are due, and waits for their end; how many there are then. */
static int64_t bulletins(struct machine *m, struct engine *g) {
    int64_t until = mono_us(NULL) + WAIT_S * INT64_C(1000000);
    do {
        engine_publish_bulletin(g);
        cr_assert_lt(mono_us(NULL), until, "it does not end");
        nap();
    } while (*g->bulletin_month || (!*g->bulletin_day && mono_us(NULL) >= g->bulletin_due_us));
    return ask(m, "SELECT count(*) FROM retained WHERE topic GLOB '*/bulletin/2019-*'");
}

static void hold_lock(struct machine *m, sqlite3 **other) {
    char path[128];
    snprintf(path, sizeof path, "%s/zoufang.db", m->dir);
    cr_assert_eq(sqlite3_open(path, other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(*other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

/* As an import does: the bulletin is made all the same, and published when the lock is free. */
Test(bulletin, one_that_failed_is_made_again_a_minute_later) {
    struct machine m;
    sqlite3 *other;
    struct engine *g = quiet_engine(&m);
    hold_lock(&m, &other);
    sqlite3_busy_timeout(store_db(g->core->store), 0);
    cr_assert_eq(bulletins(&m, g), 0, "it cannot be published"); /* making it waits for no lock */
    sqlite3_close(other);
    cr_assert_eq(bulletins(&m, g), 0, "not at once");
    g->options.dir = "/nonexistent";
    atomic_fetch_add(&ahead_us, 61000000);
    cr_assert_eq(bulletins(&m, g), 0, "it cannot be made");
    g->options.dir = m.dir;
    cr_assert_eq(bulletins(&m, g), 0);
    memcpy(g->day, "2019-07-02", sizeof g->day);
    atomic_fetch_add(&ahead_us, 61000000);
    cr_assert_eq(bulletins(&m, g), 2, "of the month before, and first of the one before that");
    engine_destroy(g);
    machine_destroy(&m);
}

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static const char endless[] = "-- table: endless\nWITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
                              "SELECT n + 1 FROM c) SELECT max(n) AS n FROM c;\n";

Test(bulletin, stopping_does_not_wait_for_it) {
    struct machine m;
    char schema[128];
    char path[160];
    struct engine *g = quiet_engine(&m);
    snprintf(schema, sizeof schema, "%s/schema", m.dir);
    snprintf(path, sizeof path, "%s/bulletin/50-mine.sql", schema);
    shell("cp -r %s %s", SCHEMA_DIR, schema);
    write_file(path, endless);
    g->options.schema_dir = schema;
    engine_publish_bulletin(g);
    cr_assert_str_eq(g->bulletin_month, "2019-05");
    engine_bulletin_end(g);
    cr_assert_str_eq(g->bulletin_month, "");
    g->options.schema_dir = SCHEMA_DIR;
    atomic_fetch_add(&ahead_us, 61000000);
    cr_assert_eq(bulletins(&m, g), 1, "it can be made again");
    engine_destroy(g);
    machine_destroy(&m);
}

/* What is wrong with a file is said once. */
Test(bulletin, a_wrong_file_waits_for_a_reload) {
    struct machine m;
    char schema[128];
    char path[160];
    struct engine *g = quiet_engine(&m);
    snprintf(schema, sizeof schema, "%s/schema", m.dir);
    snprintf(path, sizeof path, "%s/bulletin/50-mine.sql", schema);
    shell("cp -r %s %s", SCHEMA_DIR, schema);
    write_file(path, "-- table: two\nSELECT 1 AS a; SELECT 2 AS b;\n");
    g->options.schema_dir = schema;
    cr_assert_eq(bulletins(&m, g), 0);
    write_file(path, "-- table: one\nSELECT 1 AS a; -- ;\n");
    atomic_fetch_add(&ahead_us, 61000000);
    cr_assert_eq(bulletins(&m, g), 0);
    engine_reload(g);
    engine_chores(g);
    g->derive_more = false;
    cr_assert_eq(bulletins(&m, g), 1);
    engine_destroy(g);
    machine_destroy(&m);
}

static bool take_nothing(void *ctx, const struct outgoing *m) {
    (void)ctx;
    (void)m;
    return false;
}

/* A thread that nobody joined would use the engine after its end: the sanitizers see it. */
Test(engine, a_start_that_fails_half_way_leaves_no_thread) {
    struct machine m;
    machine_create(&m);
    for (int allowed = 0; allowed < 4; allowed++) {
        struct err e = {0};
        struct engine *g = machine_engine(&m);
        threads_allowed = allowed;
        cr_assert_not(engine_start(g, (struct publisher){take_nothing, NULL}, &e));
        threads_allowed = -1;
        cr_assert_eq(e.code, ERR_IO);
        engine_destroy(g);
    }
    machine_destroy(&m);
}

Test(engine, what_runs_is_stopped_before_it_is_destroyed) {
    struct machine m;
    struct err e = {0};
    machine_create(&m);
    struct engine *g = machine_engine(&m);
    cr_assert(engine_start(g, (struct publisher){take_nothing, NULL}, &e), "%s", e.msg);
    engine_destroy(g);
    machine_destroy(&m);
}
