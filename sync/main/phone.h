/* A cadre's phone, as docs/protocol.md wants one: an outbox that forgets nothing before a receipt,
 * a hybrid clock that is corrected by answers, sending again, pulls with a cursor and a checked
 * copy. It has no thread, no network and no clock of its own: events come in, messages go out
 * through a publisher, and phone_step does what is due. All of a world's phones live on one thread.
 *
 * What a real phone keeps on its disk is kept in memory here, so a device id is for one run. */
#ifndef PHONE_H
#define PHONE_H

#include "bounds.h"
#include "clock.h"
#include "publisher.h"
#include "rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phone_state {
    PHONE_UNSENT,   /* never sent, or the server does not have it */
    PHONE_SENT,     /* no receipt yet */
    PHONE_HELD,     /* durable, waits for authority */
    PHONE_STORED,   /* durable and merged */
    PHONE_REJECTED, /* refused for good */
    PHONE_STATES
};

/* What happened to all phones of a world. */
struct phone_counts {
    size_t states[PHONE_STATES]; /* records now in this state */
    size_t written;
    size_t wrong_written; /* of these, meant to be rejected */
    size_t envelopes, records_sent;
    size_t resent;           /* records sent once more */
    size_t doubled;          /* envelopes sent twice on purpose */
    size_t garbled;          /* envelopes damaged on purpose */
    size_t payloads_refused; /* receipts for a whole payload */
    size_t receipts, receipts_ignored;
    size_t duplicates, retries, restamped;
    size_t released;       /* held, and stored or rejected later */
    size_t unexpected;     /* rejected, though meant to be valid */
    size_t contradictions; /* a durable outcome changed to another */
    size_t pulls, pages, changes, resets, scope_pages;
    size_t digests, digest_mismatches;
    size_t epochs, boots; /* changes seen */
};

#define PHONE_FOREIGN_MAX 512
#define PHONE_ID_SIZE 129

/* What the phones of one run share: time, and what their owners know without a phone. */
struct phone_world {
    struct clock clock; /* of this machine */
    double time_scale;  /* of the protocol's waits: 1 = as written, 0.01 = a hundredth */
    bool told_time;
    int64_t offset_ms; /* the county's time less this machine's; from the newest answer */
    char foreign[PHONE_FOREIGN_MAX][PHONE_ID_SIZE]; /* households that some phone has seen */
    size_t foreign_seen;
    const char *const *helpers; /* cadres that an assignment may name */
    size_t helper_count;
    struct phone_counts counts;
    uint32_t *latencies_us; /* first publish to first durable outcome; owned */
    size_t latency_count, latency_capacity;
    void (*complain)(void *ctx, const char *text); /* something is not as promised; may be NULL */
    void *ctx;
};
void phone_world_fini(struct phone_world *w);

/* Copied; the world must outlive the phone. */
struct phone_options {
    const char *county; /* 6 digits */
    const char *device;
    const char *author; /* cadre id */
    const char *role;   /* HL VO VT … */
    const char *kinds;  /* JSON array of what it pulls, NULL = everything */
    bool tasks_first;   /* pulls tasks by themselves, before the rest */
    bool zlib;          /* compresses what it sends and asks for compressed pages */
    unsigned duplicates_pct, garbled_permille;
    size_t batch_max;       /* records in an envelope */
    int64_t clock_error_ms; /* of the phone's wall clock against the county's time */
    uint64_t seed;
};

struct phone;

struct phone *phone_create(struct phone_world *w, const struct phone_options *o);
void phone_destroy(struct phone *p);

/* Events of its connection. `at_us` is the monotonic time of arrival. */
void phone_connected(struct phone *p, const struct publisher *publisher);
void phone_disconnected(struct phone *p);
void phone_acked(struct phone *p, uint64_t token);
void phone_failed(struct phone *p, uint64_t token);
void phone_message(struct phone *p, const char *topic, const void *payload, size_t size,
                   int64_t at_us);
/* The topics that it subscribes to, one a call: index 0, 1, …; false after the last. */
bool phone_filter(const struct phone *p, int index, char *out, size_t size);

/* Its wall clock is wrong by this from now on, without its knowing. */
void phone_set_clock_error(struct phone *p, int64_t error_ms);

/* The cadre writes up to `count` records, `atomic`: as one act. Returns how many there was
 * something to write about. Not before the world was told the time. */
size_t phone_write(struct phone *p, size_t count, bool atomic);

/* Sends and asks what is due; returns the monotonic time (us) of the next thing to do, INT64_MAX
 * when only an event can bring one. To be called after every event and at that time. */
int64_t phone_step(struct phone *p);

/* Pulls everything anew from its cursors at that monotonic time, or before. */
void phone_want(struct phone *p, int64_t due_us);

/* Records without a durable outcome. */
size_t phone_pending(const struct phone *p);
/* True when its copy is that of the newest complete pull and no request is under way. */
bool phone_idle(const struct phone *p);
const char *phone_device(const struct phone *p);
/* Complains of what still waits, and of what it waits for. */
void phone_tell_pending(const struct phone *p);

/* What it remembers of a record. */
struct phone_memory {
    const char *id;
    enum phone_state state;
    bool refused;     /* rejected by a reviewer: another may have accepted it since */
    const char *text; /* as sent last */
    size_t size;
};
size_t phone_record_count(const struct phone *p);
struct phone_memory phone_record_at(const struct phone *p, size_t index);

#endif
