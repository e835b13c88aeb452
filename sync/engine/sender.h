/* From the sync thread to the broker: a bounded queue and the thread that publishes it. What was
 * acknowledged goes back to the sync thread, which forgets it in its next transaction; what failed
 * is published again. */
#ifndef SENDER_H
#define SENDER_H

#include "metrics.h"
#include "publisher.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDER_VOLATILE_MAX (4u * 1024 * 1024)
#define SENDER_QUEUE_MAX 2000 /* messages in memory; the others wait in the database */

enum sender_kind {
    SENDER_OUTBOX,   /* a row of `outbox` */
    SENDER_RETAINED, /* a row of `retained` */
    SENDER_VOLATILE  /* nothing remembers it: pull pages, server state */
};

struct sender_item {
    struct sender_item *next;
    enum sender_kind kind;
    int64_t row; /* of SENDER_OUTBOX */
    bool retain;
    size_t topic_size, size, correlation_size;
    char data[]; /* topic and its NUL, payload, correlation data */
};

struct sender {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct publisher publisher;
    struct metrics *metrics;
    void (*acked_some)(void *ctx); /* wakes the sync thread */
    void *ctx;
    struct sender_item *first, *last; /* waiting */
    struct sender_item *acked;
    size_t waiting, in_flight, acked_count;
    size_t volatile_size; /* bytes of SENDER_VOLATILE that wait or are in flight */
    uint64_t events;      /* counts what may have made room */
    bool running, connected, stopping;
};

static inline const char *sender_topic(const struct sender_item *i) {
    return i->data;
}
static inline const char *sender_payload(const struct sender_item *i) {
    return i->data + i->topic_size + 1;
}

void sender_init(struct sender *s, struct metrics *metrics, void (*acked_some)(void *ctx),
                 void *ctx);
void sender_fini(struct sender *s);
bool sender_start(struct sender *s, struct publisher publisher);

struct sender_message {
    enum sender_kind kind;
    int64_t row;
    const char *topic;
    const void *payload;
    size_t size;
    bool retain;
    const void *correlation;
    size_t correlation_size;
};
/* Copies and queues, without bound: what it should be given says sender_room. Any thread. */
void sender_put(struct sender *s, const struct sender_message *m);
/* The same ahead of everything that waits. */
void sender_put_first(struct sender *s, const struct sender_message *m);
/* Waits up to timeout_ms until less than SENDER_VOLATILE_MAX bytes of volatile messages wait; false
 * if they still do. */
bool sender_wait_volatile(struct sender *s, int timeout_ms);
/* How many more it should be given. */
size_t sender_room(struct sender *s);
/* The acknowledged ones, to be forgotten and freed with sender_free_list. */
struct sender_item *sender_take_acked(struct sender *s, size_t *ret_count);
bool sender_nothing_acked(struct sender *s);
void sender_free_list(struct sender_item *first);

/* The transport's events. */
void sender_up(struct sender *s);
void sender_down(struct sender *s);
void sender_acked(struct sender *s, uint64_t token);
void sender_failed(struct sender *s, uint64_t token);

/* Waits until everything is acknowledged, the connection is gone, or timeout_ms passed. */
void sender_flush(struct sender *s, int timeout_ms);
/* The same, then ends the thread. */
void sender_stop(struct sender *s, int timeout_ms);

#endif
