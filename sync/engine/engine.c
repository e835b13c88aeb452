#include "engine.h"

#include "engine_internal.h"
#include "log.h"

#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
#define DECODE_MESSAGES_MAX 16 /* handed on at once */
/* Derivation gets the time that records leave: all when nothing waits, at most a third while
 * records come, and while they wait in numbers one slice only so often. */
#define FULL_MESSAGES 64
#define DERIVE_PAUSE_FULL_US 1000000
#define RETRY_AFTER_FAILURE_MS 1000
#define TRIES_AT_END 5 /* failed commits, once the engine is to stop */

static int64_t now_us(const struct engine *g) {
    return clock_mono_us(g->options.clock);
}

/* ---------------------------------------------------------------- decode thread */

static void *decode_thread(void *arg) {
    struct engine *g = arg;
    struct intake_item *items;
    pthread_setname_np(pthread_self(), "decode");
    while ((items = intake_take_raw(&g->intake, DECODE_MESSAGES_MAX))) {
        pthread_rwlock_rdlock(&g->catalog_lock);
        for (struct intake_item *i = items; i; i = i->next) {
            if (i->from.kind == TOPIC_RECORDS)
                i->envelope = envelope_decode(g->core->catalog, g->decode_run, i->from.device,
                                              i->from.relay, i->payload, i->size);
        }
        intake_put_ready(&g->intake, items);
        pthread_rwlock_unlock(&g->catalog_lock);
    }
    return NULL;
}

/* ---------------------------------------------------------------- commit */

/* The pipeline: everything that was taken in becomes one transaction. */
static bool commit_records(struct engine *g, struct intake_item *items, size_t *ret_records,
                           struct err *e) {
    *ret_records = 0;
    if (!core_begin(g->core, e))
        return false;
    for (struct intake_item *i = items; i; i = i->next) {
        if (!i->envelope)
            continue;
        size_t told = pipeline_take(&g->pipeline, i->envelope);
        i->secret = told == 0 && !i->envelope->problems.count;
        *ret_records += told;
    }
    receipts_flush(g->pipeline.receipts);
    if (core_commit(g->core, e))
        return true;
    receipts_forget(g->pipeline.receipts);
    return false;
}

/* A commit of nothing but secret records tells of itself nowhere. */
static void log_commit(struct engine *g, struct intake_item *items, size_t records,
                       int64_t started) {
    int64_t now = now_us(g);
    size_t messages = 0;
    for (struct intake_item *i = items; i; i = i->next) {
        if (i->secret)
            continue;
        messages++;
        metrics_observe(g->options.metrics, HISTOGRAM_INTAKE_US, now - i->arrived_us);
    }
    if (messages == 0)
        return;
    metrics_add(g->options.metrics, METRIC_MESSAGES, (int64_t)messages);
    metrics_add(g->options.metrics, METRIC_COMMITS, 1);
    metrics_observe(g->options.metrics, HISTOGRAM_COMMIT_US, now - started);
    metrics_observe(g->options.metrics, HISTOGRAM_COMMIT_RECORDS, (int64_t)records);
    log_line(LOG_INFO, "commit records=%zu messages=%zu us=%" PRId64, records, messages,
             now - started);
}

/* A full disk or a locked database loses nothing: the same messages are tried until it works. At
 * the end only a few times: they got no receipt, so their phones send them again. */
static void commit_until_done(struct engine *g, struct intake_item *items) {
    size_t records;
    for (int at_end = 0; at_end < TRIES_AT_END; at_end += intake_closed(&g->intake)) {
        struct err e = {0};
        int64_t started = now_us(g);
        if (commit_records(g, items, &records, &e)) {
            log_commit(g, items, records, started);
            g->derive_more = true;
            g->outbox_more = true;
            return;
        }
        log_line(LOG_ERROR, "commit failed, trying again: %s", e.msg);
        poll(NULL, 0, RETRY_AFTER_FAILURE_MS);
    }
    log_line(LOG_ERROR, "stopping without the last messages: they are not committed");
}

static bool any_records(const struct intake_item *items) {
    for (; items; items = items->next) {
        if (items->envelope)
            return true;
    }
    return false;
}

void engine_commit(struct engine *g, struct intake_item *items) {
    if (any_records(items))
        commit_until_done(g, items);
    if (items)
        intake_done(&g->intake, items);
}

/* ---------------------------------------------------------------- sync thread */

enum load { IDLE, BUSY, FULL };

static void derive_slice(struct engine *g, enum load load) {
    struct err e = {0};
    int64_t started = now_us(g);
    int64_t pause_us = load == IDLE   ? 0
                       : load == BUSY ? 2 * g->derive_took_us
                                      : DERIVE_PAUSE_FULL_US;
    if (!g->derive_more || started - g->last_derive_us < pause_us)
        return;
    g->derive_failed = !derive_step(g->derive, DERIVE_SLICE_MAX, &g->derive_more, &e);
    if (g->derive_failed) {
        log_line(LOG_ERROR, "derivation failed: %s", e.msg);
        g->derive_more = true;
    }
    if (load == IDLE && g->derive_more && !g->derive_failed)
        derive_scout(g->derive);
    g->outbox_more = true;
    g->last_derive_us = now_us(g);
    g->derive_took_us = g->last_derive_us - started;
    metrics_add(g->options.metrics, METRIC_DERIVED, 1);
    metrics_observe(g->options.metrics, HISTOGRAM_DERIVE_US, g->last_derive_us - started);
}

/* By what waits, decoded or not, in these messages and behind them. */
static enum load load_of(struct engine *g, const struct intake_item *items) {
    if (!items)
        return IDLE;
    return intake_count(&g->intake) >= FULL_MESSAGES || intake_half_full(&g->intake) ? FULL : BUSY;
}

/* What many messages at once took goes back to the system when they are over. */
static void give_back(struct engine *g, enum load load) {
    if (load == FULL)
        g->swollen = true;
    if (load != IDLE || !g->swollen)
        return;
    malloc_trim(0);
    g->swollen = false;
}

/* One turn: commit what is there, then what can wait. */
static bool turn(struct engine *g) {
    bool drained;
    int wait_ms = g->derive_more && !g->derive_failed ? 0 : TICK_MS;
    struct intake_item *items =
        intake_take_ready(&g->intake, COMMIT_RECORDS_MAX, wait_ms, &drained);
    enum load load = load_of(g, items);
    engine_commit(g, items);
    engine_queue_outbox(g);
    give_back(g, load);
    derive_slice(g, load);
    if (load == IDLE || now_us(g) - g->last_tick_us > TICK_MS * 1000) {
        g->last_tick_us = now_us(g);
        engine_chores(g);
    }
    engine_queue_retained(g);
    return !drained;
}

static void *sync_thread(void *arg) {
    struct engine *g = arg;
    pthread_setname_np(pthread_self(), "sync");
    while (turn(g))
        ;
    engine_bulletin_end(g);
    engine_forget_acked(g);
    return NULL;
}

/* ---------------------------------------------------------------- transport events */

static void on_up(void *ctx, bool v5) {
    struct engine *g = ctx;
    log_line(LOG_INFO, "connected to the broker, MQTT %s", v5 ? "5" : "3.1.1");
    metrics_add(g->options.metrics, METRIC_CONNECTS, 1);
    metrics_set(g->options.metrics, METRIC_CONNECTED, 1);
    pthread_mutex_lock(&g->lock);
    g->was_up = true;
    pthread_mutex_unlock(&g->lock);
    sender_up(&g->sender);
    intake_nudge(&g->intake);
}

static void on_down(void *ctx) {
    struct engine *g = ctx;
    log_line(LOG_WARN, "connection to the broker lost");
    metrics_set(g->options.metrics, METRIC_CONNECTED, 0);
    sender_down(&g->sender);
}

/* A retained message of a phone is a mistake: it is taken once and cleared. */
static void clear_retained(struct engine *g, const char *topic) {
    sender_put(&g->sender,
               &(struct sender_message){.kind = SENDER_VOLATILE, .topic = topic, .retain = true});
}

static void on_message(void *ctx, const struct incoming *m) {
    struct engine *g = ctx;
    struct topic_in from;
    if (m->size == 0 || !topic_parse(m->topic, g->core->county, &from) || from.kind == TOPIC_ENROL)
        return;
    if (m->retained)
        clear_retained(g, m->topic);
    intake_put(&g->intake, m, &from, now_us(g));
}

static void on_acked(void *ctx, uint64_t token) {
    struct engine *g = ctx;
    sender_acked(&g->sender, token);
}

static void on_failed(void *ctx, uint64_t token) {
    struct engine *g = ctx;
    sender_failed(&g->sender, token);
}

struct transport_events engine_events(struct engine *g) {
    return (struct transport_events){on_up, on_down, on_message, on_acked, on_failed, g};
}

void engine_retained_begin(struct engine *g) {
    pthread_mutex_lock(&g->lock);
    strmap_clear(&g->seen, NULL);
    g->retained_ended = false;
    pthread_mutex_unlock(&g->lock);
}

void engine_retained_seen(struct engine *g, const char *topic, const void *payload, size_t size) {
    unsigned char digest[SHA256_SIZE];
    sha256(payload, size, digest);
    pthread_mutex_lock(&g->lock);
    /* The low bit tells "seen" from "absent". */
    strmap_set(&g->seen, topic, (void *)(uintptr_t)(hash_head64(digest) | 1));
    pthread_mutex_unlock(&g->lock);
}

void engine_retained_end(struct engine *g) {
    pthread_mutex_lock(&g->lock);
    g->retained_ended = true;
    pthread_mutex_unlock(&g->lock);
    intake_nudge(&g->intake);
}

void engine_reload(struct engine *g) {
    pthread_mutex_lock(&g->lock);
    g->reload = true;
    pthread_mutex_unlock(&g->lock);
    intake_nudge(&g->intake);
}

/* ---------------------------------------------------------------- life */

const char *engine_county(const struct engine *g) {
    return g->core->county;
}
const char *engine_epoch(const struct engine *g) {
    return g->core->epoch;
}
const char *engine_boot(const struct engine *g) {
    return g->boot;
}
struct core *engine_core(struct engine *g) {
    return g->core;
}

static void wake(void *ctx) {
    struct engine *g = ctx;
    intake_nudge(&g->intake);
}

static bool open_parts(struct engine *g, struct err *e) {
    const struct engine_options *o = &g->options;
    g->core = core_open(o->dir, o->schema_dir, o->clock, o->rng, e);
    if (!g->core)
        return false;
    g->derive = derive_create(g->core->store, o->clock, o->schema_dir, g->core->county, e);
    g->feed = g->derive ? feed_create(g->core, e) : NULL;
    g->decode_run = g->feed ? form_run_create(g->core->catalog, e) : NULL;
    if (!g->decode_run || !engine_pull_open(g, e))
        return false;
    g->pipeline = (struct pipeline){g->core, receipts_create(g->core), o->metrics};
    return derive_mark_files(g->derive, e) && engine_new_day(g, e) && engine_retain_due(g, e) &&
           engine_retain_catalog(g, e);
}

/* Under load the decode thread holds it nearly always: a reload must not wait for ever. */
static void init_catalog_lock(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t writer_first;
    pthread_rwlockattr_init(&writer_first);
    pthread_rwlockattr_setkind_np(&writer_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &writer_first);
    pthread_rwlockattr_destroy(&writer_first);
}

struct engine *engine_create(const struct engine_options *options, struct err *e) {
    struct engine *g = calloc(1, sizeof *g);
    if (!g) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    g->options = *options;
    g->derive_more = true;
    g->outbox_more = true;
    g->prune_more = true;
    intake_init(&g->intake);
    sender_init(&g->sender, options->metrics, wake, g);
    pthread_mutex_init(&g->lock, NULL);
    init_catalog_lock(&g->catalog_lock);
    uuid4_make(options->rng, g->boot);
    if (open_parts(g, e))
        return g;
    engine_destroy(g);
    return NULL;
}

/* How many of the three threads there are. */
static int start_threads(struct engine *g) {
    if (pthread_create(&g->decode_thread, NULL, decode_thread, g))
        return 0;
    if (pthread_create(&g->pull_thread, NULL, engine_pull_thread, g))
        return 1;
    return pthread_create(&g->sync_thread, NULL, sync_thread, g) ? 2 : 3;
}

static void join_threads(struct engine *g, int count) {
    intake_close(&g->intake);
    if (count > 0)
        pthread_join(g->decode_thread, NULL);
    if (count > 1)
        pthread_join(g->pull_thread, NULL);
    if (count > 2)
        pthread_join(g->sync_thread, NULL);
}

bool engine_start(struct engine *g, struct publisher publisher, struct err *e) {
    if (!sender_start(&g->sender, publisher))
        return err_set(e, ERR_IO, "cannot start a thread");
    int count = start_threads(g);
    if (count == 3)
        return g->started = true;
    join_threads(g, count);
    sender_stop(&g->sender, 0);
    return err_set(e, ERR_IO, "cannot start a thread");
}

bool engine_end(struct engine *g, int timeout_ms) {
    if (intake_half_full(&g->intake))
        return false;
    engine_publish_server(g, "offline");
    sender_flush(&g->sender, timeout_ms);
    return !intake_half_full(&g->intake);
}

void engine_stop(struct engine *g, int timeout_ms) {
    join_threads(g, 3);
    g->started = false;
    engine_publish_server(g, "offline");
    sender_stop(&g->sender, timeout_ms);
    engine_forget_acked(g);
}

void engine_destroy(struct engine *g) {
    if (!g)
        return;
    if (g->started)
        engine_stop(g, 0);
    receipts_destroy(g->pipeline.receipts);
    engine_pull_close(g);
    feed_destroy(g->feed);
    derive_destroy(g->derive);
    form_run_destroy(g->decode_run);
    strmap_clear(&g->seen, NULL);
    intake_fini(&g->intake);
    sender_fini(&g->sender);
    core_close(g->core);
    pthread_mutex_destroy(&g->lock);
    pthread_rwlock_destroy(&g->catalog_lock);
    free(g);
}
