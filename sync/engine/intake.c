#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void intake_init(struct intake *in) {
    memset(in, 0, sizeof *in);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->raw_there, NULL);
    pthread_cond_init(&in->ready_there, &monotonic);
    pthread_cond_init(&in->pull_there, NULL);
    pthread_cond_init(&in->room, NULL);
    pthread_condattr_destroy(&monotonic);
}

static void free_item(struct intake_item *item) {
    if (item->envelope)
        envelope_destroy(item->envelope);
    free(item->correlation);
    free(item->payload);
    free(item);
}

static void free_list(struct intake_item *item) {
    while (item) {
        struct intake_item *next = item->next;
        free_item(item);
        item = next;
    }
}

void intake_fini(struct intake *in) {
    free_list(in->raw.first);
    free_list(in->ready.first);
    free_list(in->pulls.first);
    free_list(in->done);
    pthread_cond_destroy(&in->room);
    pthread_cond_destroy(&in->pull_there);
    pthread_cond_destroy(&in->ready_there);
    pthread_cond_destroy(&in->raw_there);
    pthread_mutex_destroy(&in->lock);
}

static void *copy_bytes(const void *data, size_t size) {
    void *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static struct intake_item *copy_message(const struct incoming *m, const struct topic_in *from,
                                        int64_t now_us) {
    struct intake_item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->from = *from;
    item->arrived_us = now_us;
    item->payload = copy_bytes(m->payload, m->size);
    item->size = m->size;
    item->size_taken = m->size;
    if (m->response_topic) {
        item->response_too_long = strlen(m->response_topic) >= TOPIC_SIZE_MAX;
        if (!item->response_too_long)
            memcpy(item->response_topic, m->response_topic, strlen(m->response_topic) + 1);
    }
    if (m->correlation) {
        item->correlation = copy_bytes(m->correlation, m->correlation_size);
        item->correlation_size = m->correlation_size;
    }
    return item;
}

static void append(struct intake_list *list, struct intake_item *item) {
    item->next = NULL;
    if (list->last)
        list->last->next = item;
    else
        list->first = item;
    list->last = item;
}

static bool full(const struct intake *in) {
    return in->count >= INTAKE_MESSAGES_MAX || in->size >= INTAKE_SIZE_MAX;
}

void intake_put(struct intake *in, const struct incoming *m, const struct topic_in *from,
                int64_t now_us) {
    struct intake_item *item = copy_message(m, from, now_us);
    pthread_mutex_lock(&in->lock);
    while (full(in) && !in->closed)
        pthread_cond_wait(&in->room, &in->lock);
    bool dropped = in->closed;
    if (!dropped) {
        if (!in->raw.first)
            pthread_cond_signal(&in->raw_there);
        append(&in->raw, item);
        in->count++;
        in->undecoded++;
        in->size += item->size_taken;
    }
    pthread_mutex_unlock(&in->lock);
    if (dropped)
        free_item(item);
}

void intake_close(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    in->closed = true;
    pthread_cond_broadcast(&in->raw_there);
    pthread_cond_broadcast(&in->ready_there);
    pthread_cond_broadcast(&in->pull_there);
    pthread_cond_broadcast(&in->room);
    pthread_mutex_unlock(&in->lock);
}

/* The first messages of a list. */
static struct intake_item *cut_messages(struct intake_list *list, size_t messages_max) {
    struct intake_item *first = list->first;
    struct intake_item *last = first;
    for (size_t n = 1; last && last->next && n < messages_max; n++)
        last = last->next;
    list->first = last ? last->next : NULL;
    if (!list->first)
        list->last = NULL;
    if (last)
        last->next = NULL;
    return first;
}

struct intake_item *intake_take_raw(struct intake *in, size_t messages_max) {
    struct intake_item *items;
    struct intake_item *done;
    bool closed;
    do {
        pthread_mutex_lock(&in->lock);
        while (!in->raw.first && !in->done && !in->closed)
            pthread_cond_wait(&in->raw_there, &in->lock);
        items = cut_messages(&in->raw, messages_max);
        done = in->done;
        in->done = NULL;
        closed = in->closed;
        pthread_mutex_unlock(&in->lock);
        free_list(done);
    } while (!items && !closed);
    return items;
}

/* In the lock. */
static void put_ready(struct intake *in, struct intake_item *item) {
    bool pull = item->from.kind == TOPIC_PULL;
    if (pull)
        pthread_cond_signal(&in->pull_there);
    else if (!in->ready.first)
        pthread_cond_signal(&in->ready_there);
    append(pull ? &in->pulls : &in->ready, item);
    in->undecoded--;
    if (item->envelope && item->envelope->size > item->size) {
        in->size += item->envelope->size - item->size;
        item->size_taken = item->envelope->size;
    }
}

void intake_put_ready(struct intake *in, struct intake_item *items) {
    pthread_mutex_lock(&in->lock);
    while (items) {
        struct intake_item *next = items->next;
        put_ready(in, items);
        items = next;
    }
    pthread_mutex_unlock(&in->lock);
}

/* Cuts the list after as many messages as hold records_max records. */
static struct intake_item *cut(struct intake_list *list, size_t records_max) {
    struct intake_item *first = list->first;
    struct intake_item *last = NULL;
    size_t records = 0;
    for (struct intake_item *i = first; i && records < records_max; i = i->next) {
        records += i->envelope && i->envelope->count ? i->envelope->count : 1;
        last = i;
    }
    if (last) {
        list->first = last->next;
        if (!list->first)
            list->last = NULL;
        last->next = NULL;
    }
    return first;
}

struct intake_item *intake_take_pull(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    while (!in->pulls.first && !in->closed)
        pthread_cond_wait(&in->pull_there, &in->lock);
    struct intake_item *item = in->closed ? NULL : cut_messages(&in->pulls, 1);
    pthread_mutex_unlock(&in->lock);
    return item;
}

static struct timespec after_ms(int ms) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

struct intake_item *intake_take_ready(struct intake *in, size_t records_max, int wait_ms,
                                      bool *ret_drained) {
    struct timespec until = after_ms(wait_ms);
    pthread_mutex_lock(&in->lock);
    while (!in->ready.first && !in->nudged && wait_ms > 0 && !(in->closed && !in->undecoded)) {
        if (pthread_cond_timedwait(&in->ready_there, &in->lock, &until) == ETIMEDOUT)
            break;
    }
    in->nudged = false;
    struct intake_item *items = cut(&in->ready, records_max);
    *ret_drained = in->closed && !in->undecoded && !items && !in->ready.first;
    pthread_mutex_unlock(&in->lock);
    return items;
}

void intake_nudge(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    in->nudged = true;
    pthread_cond_signal(&in->ready_there);
    pthread_mutex_unlock(&in->lock);
}

void intake_done(struct intake *in, struct intake_item *items) {
    pthread_mutex_lock(&in->lock);
    bool was_full = full(in);
    while (items) {
        struct intake_item *next = items->next;
        in->count--;
        in->size -= items->size_taken;
        items->next = in->done;
        in->done = items;
        items = next;
    }
    if (was_full && !full(in))
        pthread_cond_broadcast(&in->room);
    pthread_cond_signal(&in->raw_there);
    pthread_mutex_unlock(&in->lock);
}

bool intake_closed(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    bool closed = in->closed;
    pthread_mutex_unlock(&in->lock);
    return closed;
}

size_t intake_count(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    size_t count = in->count;
    pthread_mutex_unlock(&in->lock);
    return count;
}

bool intake_half_full(struct intake *in) {
    pthread_mutex_lock(&in->lock);
    bool half = in->count >= INTAKE_MESSAGES_MAX / 2 || in->size >= INTAKE_SIZE_MAX / 2;
    pthread_mutex_unlock(&in->lock);
    return half;
}
