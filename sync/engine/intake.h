/* What came from the broker and is not yet committed: bounded, in the order of arrival. The
 * transport puts, the decode thread decodes, the sync thread takes records and the pull thread
 * pulls. */
#ifndef INTAKE_H
#define INTAKE_H

#include "bounds.h"
#include "envelope.h"
#include "publisher.h"
#include "topics.h"

#include <pthread.h>
#include <stdbool.h>

struct intake_item {
    struct intake_item *next;
    struct topic_in from;
    char response_topic[TOPIC_SIZE_MAX]; /* "" = none */
    bool response_too_long;
    void *correlation;
    size_t correlation_size;
    char *payload;
    size_t size;
    size_t size_taken; /* counted against the bound: as received, once decoded expanded */
    int64_t arrived_us;
    struct envelope *envelope; /* of TOPIC_RECORDS, once decoded */
    bool secret;               /* nothing but secret records came by it; once taken */
};

struct intake_list {
    struct intake_item *first, *last;
};

struct intake {
    pthread_mutex_t lock;
    pthread_cond_t raw_there, ready_there, pull_there, room;
    struct intake_list raw, ready, pulls;
    struct intake_item *done; /* to be freed by the thread that made most of their memory */
    size_t count;             /* messages in both lists and in the decoder's hands */
    size_t size;              /* their bytes */
    size_t undecoded;
    bool closed;
    bool nudged;
};

void intake_init(struct intake *in);
void intake_fini(struct intake *in);

/* Copies a message; blocks while the bounds are reached, which holds back the broker. Dropped once
 * closed: its phone sends it again. Transport thread. */
void intake_put(struct intake *in, const struct incoming *m, const struct topic_in *from,
                int64_t now_us);
/* Nothing is accepted any more; blocked calls return. */
void intake_close(struct intake *in);

/* Up to `messages_max` messages to be decoded; blocks until there is one, and frees meanwhile what
 * is done. NULL once closed and empty. */
struct intake_item *intake_take_raw(struct intake *in, size_t messages_max);
/* Gives them back decoded, in order; a pull goes to the pull thread. */
void intake_put_ready(struct intake *in, struct intake_item *items);

/* Up to `records_max` records' worth of decoded messages; waits up to wait_ms for the first, or
 * until intake_nudge. *ret_drained = closed, and nothing is left. */
struct intake_item *intake_take_ready(struct intake *in, size_t records_max, int wait_ms,
                                      bool *ret_drained);
/* The next pull; blocks until there is one. NULL once closed: phones ask again. */
struct intake_item *intake_take_pull(struct intake *in);
/* Wakes intake_take_ready. Any thread. */
void intake_nudge(struct intake *in);
bool intake_closed(struct intake *in); /* any thread */
/* Messages taken in and not yet committed. Any thread. */
size_t intake_count(struct intake *in);
/* True if half of a bound is reached. Any thread. */
bool intake_half_full(struct intake *in);
/* Gives the room of a list of items back, and them to the decode thread to be freed. Any thread. */
void intake_done(struct intake *in, struct intake_item *items);

#endif
