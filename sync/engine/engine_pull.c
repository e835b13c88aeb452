/* Pulls are answered by a thread of their own, which reads through its own connection: a phone that
 * pulls a whole county does not keep others from their receipts. */
#include "engine_internal.h"

#include "log.h"
#include "payload.h"

#include <string.h>

#define WAIT_MS 100 /* between looks at whether the server ends */

bool engine_pull_open(struct engine *g, struct err *e) {
    g->pull_core = core_open_beside(g->core, g->options.dir, e);
    if (!g->pull_core)
        return false;
    store_exec(g->pull_core->store, STORE_READERS_CACHE);
    g->pull_feed = feed_create(g->pull_core, e);
    return g->pull_feed != NULL;
}

void engine_pull_close(struct engine *g) {
    feed_destroy(g->pull_feed);
    core_close(g->pull_core);
}

/* Where the answer goes: the response topic if it is the device's own, else its `changes`. */
static bool answer_topic(struct engine *g, const struct intake_item *i,
                         char topic[TOPIC_SIZE_MAX]) {
    topic_down(topic, g->core->county, i->from.device, i->from.relay, "changes");
    if (*i->from.relay || (!*i->response_topic && !i->response_too_long))
        return true;
    if (i->response_too_long ||
        !topic_is_below_down(i->response_topic, g->core->county, i->from.device))
        return false;
    memcpy(topic, i->response_topic, TOPIC_SIZE_MAX);
    return true;
}

/* A phone is never left in doubt: without a page it learns when to ask again. */
static void write_answer(struct engine *g, const struct intake_item *i, bool own_topic,
                         struct buf *page, bool *ret_zlib) {
    struct err e = {0};
    if (!own_topic) {
        feed_refuse_topic(i->payload, i->size, page);
    } else if (!feed_answer(g->pull_feed, i->from.device, i->payload, i->size, page, ret_zlib,
                            &e)) {
        log_line(LOG_ERROR, "pull device=%s: %s", i->from.device, e.msg);
        buf_clear(page);
        feed_refuse_busy(i->payload, i->size, page);
    }
}

static void answer_pull(struct engine *g, const struct intake_item *i) {
    char topic[TOPIC_SIZE_MAX];
    struct buf page;
    struct buf packed;
    bool zlib = false;
    int64_t started = clock_mono_us(g->options.clock);
    buf_init(&page, FEED_PAGE_BUF_SIZE);
    buf_init(&packed, FEED_PAGE_BUF_SIZE);
    write_answer(g, i, answer_topic(g, i, topic), &page, &zlib);
    const struct buf *out =
        zlib && payload_compress(page.data, page.size, &packed) ? &packed : &page;
    sender_put(&g->sender, &(struct sender_message){.kind = SENDER_VOLATILE,
                                                    .topic = topic,
                                                    .payload = out->data,
                                                    .size = out->size,
                                                    .correlation = i->correlation,
                                                    .correlation_size = i->correlation_size});
    metrics_add(g->options.metrics, METRIC_PULLS, 1);
    metrics_observe(g->options.metrics, HISTOGRAM_PULL_US,
                    clock_mono_us(g->options.clock) - started);
    buf_fini(&page);
    buf_fini(&packed);
}

void *engine_pull_thread(void *arg) {
    struct engine *g = arg;
    struct intake_item *item;
    pthread_setname_np(pthread_self(), "pull");
    while ((item = intake_take_pull(&g->intake))) {
        /* A broker that takes slowly holds back pages, not memory. */
        while (!sender_wait_volatile(&g->sender, WAIT_MS) && !intake_closed(&g->intake))
            ;
        pthread_rwlock_rdlock(&g->catalog_lock);
        if (store_changed_elsewhere(g->pull_core->store))
            authority_forget(g->pull_core->authority);
        answer_pull(g, item);
        pthread_rwlock_unlock(&g->catalog_lock);
        intake_done(&g->intake, item);
    }
    return NULL;
}
