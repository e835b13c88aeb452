/* One connection to the broker: MQTT 5 or 3.1.1 over TCP or TLS, QoS 1 in both directions, a
 * persistent session under a fixed client id, reconnecting for ever.
 *
 * Threads. The link has one thread of its own, which connects, subscribes, sends, and calls `up`,
 * `down` and most `failed`; Paho's receive thread calls `message` and `acked`. Paho's thread serves
 * every link of the process and holds Paho's lock while it calls: `message` may block for
 * back-pressure, and must not wait for an acknowledgement. link_publish only copies, so it returns
 * even while `message` blocks. Messages of a kept session may come before `up`.
 *
 * Reconnecting: after 0.2 s, then half as long again each time up to 10 s, each delay shortened by
 * up to a quarter at random; the count starts anew once a connection has lasted 5 s. The broker's
 * session state is never relied on: every connect subscribes again, and every message that was not
 * acknowledged is reported as `failed` when the connection is lost.
 *
 * Paho's threads do not survive a fork: create links after the last one (fork and exec is fine). */
#ifndef LINK_H
#define LINK_H

#include "clock.h"
#include "err.h"
#include "publisher.h"
#include "rng.h"

#define LINK_WINDOW_MAX 500       /* messages accepted and not yet acknowledged */
#define LINK_SUBSCRIPTIONS_MAX 16 /* topic filters of one link */
#define LINK_SESSION_S (7 * 24 * 3600)

struct link_subscription {
    const char *filter;
    int qos; /* 0 or 1 */
};

/* Copied by link_create. */
struct link_options {
    const char *uri; /* "tcp://host:port" or "ssl://host:port" */
    const char *client_id;
    const char *username; /* NULL: anonymous */
    const char *password;
    int mqtt_version;           /* 5, 4 (3.1.1), or 0: 5, and 3.1.1 if the broker refuses 5 */
    bool clean;                 /* no session is kept at the broker: for probes and tools */
    const char *ca_file;        /* PEM; NULL: the system's authorities */
    bool tls_insecure_hostname; /* accept a certificate of another host name */
    const char *cert_file;      /* client certificate and key, PEM, NULL for none */
    const char *key_file;
    int keepalive_s;          /* 0: 30 */
    const char *will_topic;   /* NULL: no will; else retained, QoS 1 */
    const char *will_payload; /* text */
    struct link_subscription
        subscriptions[LINK_SUBSCRIPTIONS_MAX]; /* up to the first NULL filter */
    struct clock clock;
    struct rng rng; /* jitter; used on the link's thread */
};

struct link;

/* NULL and ERR_INVALID for unusable options, ERR_IO if Paho refuses. `events` is copied; any of its
 * functions may be NULL. */
struct link *link_create(const struct link_options *options, const struct transport_events *events,
                         struct err *e);
/* Starts connecting and returns. Once. */
bool link_connect(struct link *l, struct err *e);
/* See struct publisher. */
bool link_publish(struct link *l, const struct outgoing *m);
struct publisher link_publisher(struct link *l);
/* Accepts nothing more, waits up to timeout_ms until everything accepted is acknowledged, then
 * disconnects cleanly (no will is sent). What is left is reported as `failed`. When it returns no
 * event will come any more. `message` must not be blocking. True if nothing was left. Once. */
bool link_disconnect(struct link *l, int timeout_ms);
/* Disconnects at once if that was not done. NULL is allowed. */
void link_destroy(struct link *l);

#endif
