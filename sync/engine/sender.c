#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void sender_init(struct sender *s, struct metrics *metrics, void (*acked_some)(void *ctx),
                 void *ctx) {
    memset(s, 0, sizeof *s);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->metrics = metrics;
    s->acked_some = acked_some;
    s->ctx = ctx;
}

void sender_free_list(struct sender_item *item) {
    while (item) {
        struct sender_item *next = item->next;
        free(item);
        item = next;
    }
}

void sender_fini(struct sender *s) {
    sender_free_list(s->first);
    sender_free_list(s->acked);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

/* ---------------------------------------------------------------- the queue */

static void push_back(struct sender *s, struct sender_item *item) {
    item->next = NULL;
    if (s->last)
        s->last->next = item;
    else
        s->first = item;
    s->last = item;
    s->waiting++;
}

static void push_front(struct sender *s, struct sender_item *item) {
    item->next = s->first;
    s->first = item;
    if (!s->last)
        s->last = item;
    s->waiting++;
}

static struct sender_item *pop(struct sender *s) {
    struct sender_item *item = s->first;
    s->first = item->next;
    if (!s->first)
        s->last = NULL;
    s->waiting--;
    return item;
}

static struct sender_item *make_item(const struct sender_message *m) {
    size_t topic_size = strlen(m->topic);
    struct sender_item *item =
        malloc(sizeof *item + topic_size + 1 + m->size + m->correlation_size);
    if (!item)
        abort();
    *item = (struct sender_item){.kind = m->kind,
                                 .row = m->row,
                                 .retain = m->retain,
                                 .topic_size = topic_size,
                                 .size = m->size,
                                 .correlation_size = m->correlation_size};
    memcpy(item->data, m->topic, topic_size + 1);
    if (m->size)
        memcpy(item->data + topic_size + 1, m->payload, m->size);
    if (m->correlation_size)
        memcpy(item->data + topic_size + 1 + m->size, m->correlation, m->correlation_size);
    return item;
}

/* Takes out what waits for the same topic: of a retained state only the latest counts. */
static void drop_older(struct sender *s, const struct sender_item *item) {
    struct sender_item *all = s->first;
    s->first = s->last = NULL;
    s->waiting = 0;
    while (all) {
        struct sender_item *next = all->next;
        if (all->kind == SENDER_VOLATILE && all->retain &&
            strcmp(sender_topic(all), sender_topic(item)) == 0) {
            s->volatile_size -= all->size;
            free(all);
        } else {
            push_back(s, all);
        }
        all = next;
    }
}

static void put(struct sender *s, const struct sender_message *m, bool first) {
    struct sender_item *item = make_item(m);
    pthread_mutex_lock(&s->lock);
    if (item->kind == SENDER_VOLATILE && item->retain)
        drop_older(s, item);
    if (first)
        push_front(s, item);
    else
        push_back(s, item);
    if (item->kind == SENDER_VOLATILE)
        s->volatile_size += item->size;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void sender_put(struct sender *s, const struct sender_message *m) {
    put(s, m, false);
}

void sender_put_first(struct sender *s, const struct sender_message *m) {
    put(s, m, true);
}

bool sender_wait_volatile(struct sender *s, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)timeout_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (s->volatile_size >= SENDER_VOLATILE_MAX) {
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
            break;
    }
    bool room = s->volatile_size < SENDER_VOLATILE_MAX;
    pthread_mutex_unlock(&s->lock);
    return room;
}

size_t sender_room(struct sender *s) {
    pthread_mutex_lock(&s->lock);
    size_t used = s->waiting + s->in_flight;
    pthread_mutex_unlock(&s->lock);
    return used < SENDER_QUEUE_MAX ? SENDER_QUEUE_MAX - used : 0;
}

struct sender_item *sender_take_acked(struct sender *s, size_t *ret_count) {
    pthread_mutex_lock(&s->lock);
    struct sender_item *items = s->acked;
    *ret_count = s->acked_count;
    s->acked = NULL;
    s->acked_count = 0;
    pthread_mutex_unlock(&s->lock);
    return items;
}

bool sender_nothing_acked(struct sender *s) {
    pthread_mutex_lock(&s->lock);
    bool nothing = s->acked_count == 0;
    pthread_mutex_unlock(&s->lock);
    return nothing;
}

/* ---------------------------------------------------------------- the thread */

static bool publish(struct sender *s, struct sender_item *item) {
    const struct outgoing m = {
        .topic = sender_topic(item),
        .payload = item->size ? sender_payload(item) : NULL,
        .size = item->size,
        .retain = item->retain,
        .token = (uint64_t)(uintptr_t)item,
        .correlation = item->correlation_size ? sender_payload(item) + item->size : NULL,
        .correlation_size = item->correlation_size};
    return s->publisher.publish(s->publisher.ctx, &m);
}

/* Publishes while the transport takes; then waits for what may have made room. */
static void *run(void *arg) {
    struct sender *s = arg;
    pthread_setname_np(pthread_self(), "sender");
    pthread_mutex_lock(&s->lock);
    while (!s->stopping || (s->connected && s->first)) {
        if (!s->connected || !s->first) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        struct sender_item *item = pop(s);
        uint64_t events = s->events;
        s->in_flight++;
        pthread_mutex_unlock(&s->lock);
        bool taken = publish(s, item);
        pthread_mutex_lock(&s->lock);
        if (taken)
            continue;
        s->in_flight--;
        push_front(s, item);
        while (s->events == events && !s->stopping)
            pthread_cond_wait(&s->changed, &s->lock);
        if (s->stopping)
            break;
    }
    s->running = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

bool sender_start(struct sender *s, struct publisher publisher) {
    s->publisher = publisher;
    s->running = true;
    if (pthread_create(&s->thread, NULL, run, s) == 0)
        return true;
    s->running = false;
    return false;
}

void sender_flush(struct sender *s, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    pthread_mutex_lock(&s->lock);
    while (s->connected && (s->first || s->in_flight)) {
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&s->lock);
}

void sender_stop(struct sender *s, int timeout_ms) {
    sender_flush(s, timeout_ms);
    pthread_mutex_lock(&s->lock);
    bool started = s->publisher.publish != NULL;
    s->connected = false;
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (started)
        pthread_join(s->thread, NULL);
}

/* ---------------------------------------------------------------- events */

static void event(struct sender *s) {
    s->events++;
    pthread_cond_broadcast(&s->changed);
}

void sender_up(struct sender *s) {
    pthread_mutex_lock(&s->lock);
    s->connected = true;
    event(s);
    pthread_mutex_unlock(&s->lock);
}

void sender_down(struct sender *s) {
    pthread_mutex_lock(&s->lock);
    s->connected = false;
    event(s);
    pthread_mutex_unlock(&s->lock);
}

void sender_acked(struct sender *s, uint64_t token) {
    struct sender_item *item = (struct sender_item *)(uintptr_t)token;
    pthread_mutex_lock(&s->lock);
    s->in_flight--;
    bool wake = false;
    if (item->kind == SENDER_VOLATILE) {
        s->volatile_size -= item->size;
        free(item);
    } else {
        item->next = s->acked;
        s->acked = item;
        wake = ++s->acked_count == SENDER_QUEUE_MAX / 4;
    }
    event(s);
    pthread_mutex_unlock(&s->lock);
    metrics_add(s->metrics, METRIC_PUBLISHED, 1);
    if (wake)
        s->acked_some(s->ctx);
}

void sender_failed(struct sender *s, uint64_t token) {
    struct sender_item *item = (struct sender_item *)(uintptr_t)token;
    pthread_mutex_lock(&s->lock);
    s->in_flight--;
    push_front(s, item);
    event(s);
    pthread_mutex_unlock(&s->lock);
    metrics_add(s->metrics, METRIC_PUBLISH_FAILED, 1);
}
