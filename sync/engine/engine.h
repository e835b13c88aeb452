/* The engine: takes what phones publish, commits it, answers, derives, and keeps the broker's
 * retained topics like the database. Four threads of its own besides the transport's: decode
 * (parse, validate), sync (the only one that writes the database), pull (reads it for pages),
 * sender (publishes). */
#ifndef ENGINE_H
#define ENGINE_H

#include "core.h"
#include "metrics.h"
#include "publisher.h"

struct engine_options {
    const char *dir;
    const char *schema_dir;
    const char *version;
    const char *metrics_file; /* Prometheus text, rewritten every 10 s */
    const struct clock *clock;
    const struct rng *rng;
    struct metrics *metrics;
    /* What devices may read changed: write the broker's access rules again; false: it is asked once
     * more. Sync thread; the core is free for reading. */
    bool (*access_changed)(void *ctx, struct core *c);
    void *ctx;
};

struct engine;

/* Opens the county. NULL and *e on failure. The options' pointers are kept. */
struct engine *engine_create(const struct engine_options *options, struct err *e);
/* Starts the threads; on failure none runs, and only engine_destroy may follow. */
bool engine_start(struct engine *g, struct publisher publisher, struct err *e);
/* The first half of an orderly end: says that the server is offline and publishes what waits, for
 * up to timeout_ms. True: messages are still taken and committed, so the caller disconnects now,
 * and the broker keeps what comes later. False: they are not (a full disk); disconnecting would
 * wait for ever, so engine_stop comes first and drops what it cannot commit, without receipts. */
bool engine_end(struct engine *g, int timeout_ms);
/* Drains what was taken in, commits it, publishes what is waiting for up to timeout_ms, says that
 * the server is offline, ends the threads. */
void engine_stop(struct engine *g, int timeout_ms);
/* Stops it first if it runs. */
void engine_destroy(struct engine *g);

/* The transport calls these. */
struct transport_events engine_events(struct engine *g);

/* What another connection saw retained at the broker: the begin forgets what an earlier one saw,
 * then one call a message, then the end. Then the engine publishes what differs and clears what
 * should not be there. One thread at a time. */
void engine_retained_begin(struct engine *g);
void engine_retained_seen(struct engine *g, const char *topic, const void *payload, size_t size);
void engine_retained_end(struct engine *g);

/* Reads forms, rules and views anew at the next turn of the sync thread; keeps the old ones, and
 * says so in the log, if the new do not load. Any thread. */
void engine_reload(struct engine *g);

const char *engine_county(const struct engine *g);
const char *engine_epoch(const struct engine *g);
const char *engine_boot(const struct engine *g);
struct core *engine_core(struct engine *g); /* before engine_start and after engine_stop */
/* The payload of the topic `server`. */
void engine_server_state(struct engine *g, const char *state, struct buf *out);

#endif
