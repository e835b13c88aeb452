/* The seam between the engine and the network. The engine publishes through a `struct publisher`
 * and is told what happens through `struct transport_events`; broker-client supplies the real pair,
 * the simulation another. All messages are delivered at least once, in both directions. */
#ifndef PUBLISHER_H
#define PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outgoing {
    const char *topic;
    const void *payload; /* may be NULL when size is 0: clears a retained topic */
    size_t size;
    bool retain;
    uint64_t token;          /* the caller's name for this message, given back by acked or failed */
    const void *correlation; /* MQTT 5 Correlation Data, NULL for none; dropped by MQTT 3.1.1 */
    size_t correlation_size;
};

/* publish() copies everything and never blocks on the network. false = the window is full or there
 * is no connection: nothing was taken, try again after an `acked`, `failed` or `up`. Each accepted
 * message is answered by exactly one `acked` or `failed`. Any thread but the transport's. */
struct publisher {
    bool (*publish)(void *ctx, const struct outgoing *m);
    void *ctx;
};

/* Borrowed: valid only during the call. */
struct incoming {
    const char *topic;
    const void *payload;
    size_t size;
    bool retained; /* replayed by a subscription; by MQTT 5 also: published to be retained */
    const char *response_topic; /* MQTT 5, NULL for none */
    const void *correlation;    /* MQTT 5, NULL for none */
    size_t correlation_size;
};

/* Called on the transport's threads, one call at a time except `failed`, which may overlap others.
 * They must only copy and signal, and must not call the publisher. `message` may block for
 * back-pressure: the broker then keeps what follows, but acknowledgements wait too, so whoever
 * makes room must not wait for one. */
struct transport_events {
    void (*up)(void *ctx, bool v5); /* connected, every subscription granted */
    void (*down)(void *ctx);        /* after an `up`: the connection is gone */
    void (*message)(void *ctx, const struct incoming *m);
    void (*acked)(void *ctx, uint64_t token);  /* the broker has it */
    void (*failed)(void *ctx, uint64_t token); /* not acknowledged: publish again */
    void *ctx;
};

#endif
