#include "link.h"

#include "log.h"
#include <MQTTAsync.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECT_TIMEOUT_S 10
#define SOCKETS_MAX 1024 /* descriptors looked at for Paho's */
#define BACKOFF_US_MIN 200000
#define BACKOFF_US_MAX 10000000
#define STEADY_US 5000000
#define DISCONNECT_TIMEOUT_US 2000000

/*                 CONNACK               SUBACK
 *  IDLE ─▶ CONNECTING ─▶ CONNECTED ─▶ SUBSCRIBING ─▶ SUBSCRIBED ─▶ UP ─▶ IDLE
 *                └────────────┴──────────────┴──── LOST ◀─┴──────────┘
 * Paho's callbacks make the steps that are labelled and those to LOST; the link's thread the rest,
 * and from LOST it drops the handle, waits and begins again at IDLE. */
enum phase { IDLE, CONNECTING, CONNECTED, SUBSCRIBING, SUBSCRIBED, UP, LOST };

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_SENT };

/* A message of the window. */
struct slot {
    struct link *link;
    enum slot_state state;
    struct outgoing message; /* pointers into `block` */
    char *block;             /* until handed to Paho */
};

struct link {
    struct link_options options; /* its texts are owned */
    struct transport_events events;

    pthread_t thread;
    bool started;
    bool finished; /* the thread was joined */

    pthread_mutex_t mutex; /* guards what follows; never held while calling Paho or an event */
    pthread_cond_t changed;
    enum phase phase;
    bool stopping;
    int64_t stop_at_us;
    bool unflushed;  /* something was given back as failed after stopping */
    bool refused_v5; /* the broker does not speak MQTT 5 */
    bool session_kept;
    int receive_max;
    char reason[160]; /* of LOST */
    char tls_error[120];
    struct slot slots[LINK_WINDOW_MAX];
    int free[LINK_WINDOW_MAX]; /* stack of free slots */
    int free_count;
    int queue[LINK_WINDOW_MAX]; /* ring of queued slots */
    int queue_head;
    int queue_count;
    int window; /* slots that may be in use on this connection */

    /* The link's thread only. */
    MQTTAsync keeper; /* never connected: while a handle exists Paho keeps its threads */
    MQTTAsync handle;
    bool v5; /* this connection's version */
    bool told_up;
    int64_t backoff_us;
    char reason_logged[160];
};

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* With the mutex held: waits for a change until the deadline; false when that has passed. */
static bool wait_changed(struct link *l, int64_t deadline_us) {
    int64_t left_us = deadline_us - clock_mono_us(&l->options.clock);
    if (left_us <= 0)
        return false;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t ns = ts.tv_nsec + left_us % 1000000 * 1000;
    ts.tv_sec += (time_t)(left_us / 1000000 + ns / 1000000000);
    ts.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&l->changed, &l->mutex, &ts);
    return true;
}

/* With the mutex held: waits while the phase stays `from`. False if it ended elsewhere than in
 * `to`, in time, or if the link is stopping. */
static bool await_phase(struct link *l, enum phase from, enum phase to) {
    int64_t deadline = clock_mono_us(&l->options.clock) + (CONNECT_TIMEOUT_S + 2) * 1000000;
    while (l->phase == from && !l->stopping && wait_changed(l, deadline))
        ;
    if (l->phase == from)
        snprintf(l->reason, sizeof l->reason, "no answer in time");
    return l->phase == to;
}

static void set_phase(struct link *l, enum phase from, enum phase to) {
    pthread_mutex_lock(&l->mutex);
    if (l->phase == from)
        l->phase = to;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

static void lose(struct link *l, const char *what, int code, const char *detail) {
    pthread_mutex_lock(&l->mutex);
    if (l->phase != IDLE && l->phase != LOST) {
        l->phase = LOST;
        snprintf(l->reason, sizeof l->reason, "%s (%d%s%s)", what, code, detail ? ", " : "",
                 detail ? detail : "");
    }
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

/* ---- the window -------------------------------------------------------------------------------
 */

/* Gives a message's token back. */
static void settle(struct slot *s, bool acked) {
    struct link *l = s->link;
    pthread_mutex_lock(&l->mutex);
    if (s->state == SLOT_FREE) {
        pthread_mutex_unlock(&l->mutex);
        return;
    }
    uint64_t token = s->message.token;
    s->state = SLOT_FREE;
    l->unflushed = l->unflushed || (l->stopping && !acked);
    free(s->block);
    s->block = NULL;
    l->free[l->free_count++] = (int)(s - l->slots);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    void (*tell)(void *, uint64_t) = acked ? l->events.acked : l->events.failed;
    if (tell)
        tell(l->events.ctx, token);
}

static void on_sent(void *context, MQTTAsync_successData *data) {
    (void)data;
    settle(context, true);
}

static void on_sent5(void *context, MQTTAsync_successData5 *data) {
    (void)data;
    settle(context, true);
}

static void on_unsent(void *context, MQTTAsync_failureData *data) {
    (void)data;
    settle(context, false);
}

static void on_unsent5(void *context, MQTTAsync_failureData5 *data) {
    struct slot *s = context;
    if (data && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        log_line(LOG_ERROR, "link client=%s publish refused reason=%d", s->link->options.client_id,
                 (int)data->reasonCode);
    settle(s, false);
}

static bool slot_fill(struct slot *s, const struct outgoing *m) {
    size_t topic_size = strlen(m->topic) + 1;
    char *p = malloc(topic_size + m->size + m->correlation_size);
    if (!p)
        return false;
    s->block = p;
    s->message = *m;
    memcpy(p, m->topic, topic_size);
    s->message.topic = p;
    p += topic_size;
    if (m->size)
        memcpy(p, m->payload, m->size);
    s->message.payload = p;
    p += m->size;
    if (m->correlation)
        memcpy(p, m->correlation, m->correlation_size);
    s->message.correlation = m->correlation ? p : NULL;
    s->state = SLOT_QUEUED;
    return true;
}

bool link_publish(struct link *l, const struct outgoing *m) {
    bool taken = false;
    pthread_mutex_lock(&l->mutex);
    if (l->phase == UP && !l->stopping && LINK_WINDOW_MAX - l->free_count < l->window) {
        int index = l->free[l->free_count - 1];
        taken = slot_fill(&l->slots[index], m);
        if (taken) {
            l->free_count--;
            l->queue[(l->queue_head + l->queue_count++) % LINK_WINDOW_MAX] = index;
            pthread_cond_broadcast(&l->changed);
        }
    }
    pthread_mutex_unlock(&l->mutex);
    return taken;
}

static bool publisher_publish(void *ctx, const struct outgoing *m) {
    return link_publish(ctx, m);
}

struct publisher link_publisher(struct link *l) {
    return (struct publisher){publisher_publish, l};
}

/* Hands one message to Paho, which copies it. */
static void send_slot(struct link *l, struct slot *s, char *block) {
    const struct outgoing *m = &s->message;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = (void *)(uintptr_t)m->payload;
    message.payloadlen = (int)m->size;
    message.qos = 1;
    message.retained = m->retain;
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    answer.context = s;
    if (l->v5) {
        answer.onSuccess5 = on_sent5;
        answer.onFailure5 = on_unsent5;
        if (m->correlation) {
            MQTTProperty p = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
            p.value.data.data = (char *)(uintptr_t)m->correlation;
            p.value.data.len = (int)m->correlation_size;
            MQTTProperties_add(&message.properties, &p);
        }
    } else {
        answer.onSuccess = on_sent;
        answer.onFailure = on_unsent;
    }
    int rc = MQTTAsync_sendMessage(l->handle, m->topic, &message, &answer);
    MQTTProperties_free(&message.properties);
    free(block);
    if (rc != MQTTASYNC_SUCCESS)
        settle(s, false);
}

/* ---- what Paho tells --------------------------------------------------------------------------
 */

static int on_message(void *context, char *topic, int topic_size, MQTTAsync_message *m) {
    (void)topic_size; /* 0: the topic is a C string; MQTT forbids NUL in topics */
    struct link *l = context;
    char response[512] = "";
    struct incoming in = {topic, m->payload, (size_t)m->payloadlen, m->retained != 0, NULL,
                          NULL,  0};
    MQTTProperty *p = MQTTProperties_getProperty(&m->properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    if (p && p->value.data.len > 0 && (size_t)p->value.data.len < sizeof response) {
        memcpy(response, p->value.data.data, (size_t)p->value.data.len);
        in.response_topic = response;
    }
    p = MQTTProperties_getProperty(&m->properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (p) {
        in.correlation = p->value.data.data;
        in.correlation_size = (size_t)p->value.data.len;
    }
    if (l->events.message)
        l->events.message(l->events.ctx, &in);
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1; /* anything else and Paho queues without bound */
}

static void on_lost(void *context, char *cause) {
    lose(context, "connection lost", 0, cause);
}

static void on_closed(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason) {
    (void)properties;
    lose(context, "closed by the broker", (int)reason, MQTTReasonCode_toString(reason));
}

static void on_connected(void *context, MQTTAsync_successData *data) {
    struct link *l = context;
    pthread_mutex_lock(&l->mutex);
    l->session_kept = data && data->alt.connect.sessionPresent;
    pthread_mutex_unlock(&l->mutex);
    set_phase(l, CONNECTING, CONNECTED);
}

static void on_connected5(void *context, MQTTAsync_successData5 *data) {
    struct link *l = context;
    pthread_mutex_lock(&l->mutex);
    l->session_kept = data && data->alt.connect.sessionPresent;
    if (data && MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        l->receive_max = (int)MQTTProperties_getNumericValue(&data->properties,
                                                             MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    pthread_mutex_unlock(&l->mutex);
    set_phase(l, CONNECTING, CONNECTED);
}

/* A broker that speaks 3.1.1 only answers an MQTT 5 CONNECT with return code 1, one that has MQTT 5
 * switched off with reason 0x84. */
static bool refuses_version(int code) {
    return code == 1 || code == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
}

/* OpenSSL's own words; they come before the failure. */
static int on_tls_error(const char *text, size_t size, void *context) {
    struct link *l = context;
    pthread_mutex_lock(&l->mutex);
    snprintf(l->tls_error, sizeof l->tls_error, "%.*s", (int)size, text);
    l->tls_error[strcspn(l->tls_error, "\r\n")] = 0;
    pthread_mutex_unlock(&l->mutex);
    return 1;
}

/* Paho does not say when the only thing wrong is the name in the certificate. */
static const char *explain(const struct link_options *o, int code, const char *message) {
    bool checks_name = strncmp(o->uri, "ssl://", 6) == 0 && !o->tls_insecure_hostname;
    return checks_name && code == -1 ? "no TCP connection, or its certificate is for another host"
                                     : message;
}

static void fail_to_connect(struct link *l, int code, const char *message) {
    char detail[sizeof l->tls_error];
    pthread_mutex_lock(&l->mutex);
    memcpy(detail, l->tls_error, sizeof detail);
    if (refuses_version(code) && l->options.mqtt_version == 0)
        l->refused_v5 = true;
    pthread_mutex_unlock(&l->mutex);
    lose(l, "connect", code, detail[0] ? detail : explain(&l->options, code, message));
}

static void on_unconnected(void *context, MQTTAsync_failureData *data) {
    fail_to_connect(context, data ? data->code : 0, data ? data->message : NULL);
}

static void on_unconnected5(void *context, MQTTAsync_failureData5 *data) {
    fail_to_connect(context, data ? data->code : 0, data ? data->message : NULL);
}

static int subscription_count(const struct link_options *o) {
    int count = 0;
    while (count < LINK_SUBSCRIPTIONS_MAX && o->subscriptions[count].filter)
        count++;
    return count;
}

/* 3.1.1 refuses one filter of many by 0x80 among the granted QoS, MQTT 5 by a reason of 0x80 up. */
static void on_subscribed(void *context, MQTTAsync_successData *data) {
    struct link *l = context;
    int count = subscription_count(&l->options);
    for (int i = 0; i < count; i++) {
        int qos = count == 1 ? data->alt.qos : data->alt.qosList[i];
        if (qos > 2) {
            lose(l, "subscription refused", qos, l->options.subscriptions[i].filter);
            return;
        }
    }
    set_phase(l, SUBSCRIBING, SUBSCRIBED);
}

/* Paho fills the list only if there is more than one filter. */
static void on_subscribed5(void *context, MQTTAsync_successData5 *data) {
    struct link *l = context;
    int count = subscription_count(&l->options);
    for (int i = 0; i < count; i++) {
        int reason = (int)(count == 1 ? data->reasonCode : data->alt.sub.reasonCodes[i]);
        if (reason >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
            lose(l, "subscription refused", reason, l->options.subscriptions[i].filter);
            return;
        }
    }
    set_phase(l, SUBSCRIBING, SUBSCRIBED);
}

static void on_unsubscribed(void *context, MQTTAsync_failureData *data) {
    lose(context, "subscription refused", data ? data->code : 0, NULL);
}

static void on_unsubscribed5(void *context, MQTTAsync_failureData5 *data) {
    lose(context, "subscription refused", data ? (int)data->reasonCode : 0, NULL);
}

static void on_disconnected(void *context, MQTTAsync_successData *data) {
    (void)data;
    lose(context, "disconnected", 0, NULL);
}

static void on_disconnected5(void *context, MQTTAsync_successData5 *data) {
    (void)data;
    lose(context, "disconnected", 0, NULL);
}

/* ---- one connection ---------------------------------------------------------------------------
 */

static bool handle_open(struct link *l) {
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR); /* it formats what nobody reads otherwise */
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    create.MQTTVersion = l->v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    create.maxBufferedMessages = LINK_WINDOW_MAX + 1; /* counts while connected, too */
    int rc = MQTTAsync_createWithOptions(&l->handle, l->options.uri, l->options.client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    if (rc != MQTTASYNC_SUCCESS) {
        l->handle = NULL;
        return false;
    }
    MQTTAsync_setCallbacks(l->handle, l, on_lost, on_message, NULL);
    if (l->v5)
        MQTTAsync_setDisconnected(l->handle, l, on_closed);
    return true;
}

static void connect_tls(struct link *l, MQTTAsync_SSLOptions *tls) {
    const struct link_options *o = &l->options;
    tls->trustStore = o->ca_file;
    tls->disableDefaultTrustStore = o->ca_file != NULL;
    tls->keyStore = o->cert_file;
    tls->privateKey = o->key_file;
    tls->enableServerCertAuth = 1;
    tls->verify = !o->tls_insecure_hostname;
    tls->ssl_error_cb = on_tls_error;
    tls->ssl_error_context = l;
}

/* Paho copies everything. */
static int handle_connect(struct link *l) {
    const struct link_options *o = &l->options;
    MQTTAsync_connectOptions c5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_connectOptions c4 = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions *c = l->v5 ? &c5 : &c4;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    c->keepAliveInterval = o->keepalive_s ? o->keepalive_s : 30;
    c->connectTimeout = CONNECT_TIMEOUT_S;
    c->username = o->username;
    c->password = o->password;
    c->context = l;
    if (o->will_topic) {
        will.topicName = o->will_topic;
        will.message = o->will_payload ? o->will_payload : "";
        will.retained = 1;
        will.qos = 1;
        c->will = &will;
    }
    if (strncmp(o->uri, "ssl://", 6) == 0) {
        connect_tls(l, &tls);
        c->ssl = &tls;
    }
    if (l->v5) {
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
        expiry.value.integer4 = o->clean ? 0 : LINK_SESSION_S;
        MQTTProperties_add(&properties, &expiry);
        c->connectProperties = &properties;
        c->cleanstart = o->clean;
        c->onSuccess5 = on_connected5;
        c->onFailure5 = on_unconnected5;
    } else {
        c->MQTTVersion = MQTTVERSION_3_1_1;
        c->cleansession = o->clean;
        c->onSuccess = on_connected;
        c->onFailure = on_unconnected;
    }
    int rc = MQTTAsync_connect(l->handle, c);
    MQTTProperties_free(&properties);
    return rc;
}

static bool subscribe(struct link *l) {
    char *filters[LINK_SUBSCRIPTIONS_MAX];
    int qos[LINK_SUBSCRIPTIONS_MAX];
    MQTTSubscribe_options as_published[LINK_SUBSCRIPTIONS_MAX];
    int count = subscription_count(&l->options);
    for (int i = 0; i < count; i++) {
        filters[i] = (char *)(uintptr_t)l->options.subscriptions[i].filter;
        qos[i] = l->options.subscriptions[i].qos;
        as_published[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        as_published[i].retainAsPublished = 1;
    }
    if (count == 0) {
        set_phase(l, SUBSCRIBING, SUBSCRIBED);
        return true;
    }
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    answer.context = l;
    if (l->v5) {
        answer.onSuccess5 = on_subscribed5;
        answer.onFailure5 = on_unsubscribed5;
        answer.subscribeOptionsList = as_published;
        answer.subscribeOptionsCount = count;
    } else {
        answer.onSuccess = on_subscribed;
        answer.onFailure = on_unsubscribed;
    }
    return MQTTAsync_subscribeMany(l->handle, count, filters, qos, &answer) == MQTTASYNC_SUCCESS;
}

/* Connects and subscribes; then the phase is UP. False: see l->reason. */
static bool establish(struct link *l) {
    pthread_mutex_lock(&l->mutex);
    l->v5 = l->options.mqtt_version != 4 && !l->refused_v5;
    l->phase = CONNECTING;
    l->reason[0] = 0;
    l->tls_error[0] = 0;
    l->receive_max = 65535;
    pthread_mutex_unlock(&l->mutex);
    int rc = handle_open(l) ? handle_connect(l) : MQTTASYNC_FAILURE;
    if (rc != MQTTASYNC_SUCCESS)
        lose(l, "connect", rc, MQTTAsync_strerror(rc));
    pthread_mutex_lock(&l->mutex);
    bool ok = await_phase(l, CONNECTING, CONNECTED);
    if (ok)
        l->phase = SUBSCRIBING;
    pthread_mutex_unlock(&l->mutex);
    if (!ok)
        return false;
    if (!subscribe(l))
        lose(l, "subscribe", 0, NULL);
    pthread_mutex_lock(&l->mutex);
    ok = await_phase(l, SUBSCRIBING, SUBSCRIBED);
    if (ok) {
        l->phase = UP;
        l->window = l->receive_max - 1 < LINK_WINDOW_MAX ? l->receive_max - 1 : LINK_WINDOW_MAX;
        if (l->window < 1)
            l->window = 1;
    }
    pthread_mutex_unlock(&l->mutex);
    return ok;
}

/* With the mutex held: whether an UP connection is to go on. */
static bool going_on(const struct link *l) {
    if (l->phase != UP)
        return false;
    return !l->stopping ||
           (l->free_count < LINK_WINDOW_MAX && clock_mono_us(&l->options.clock) < l->stop_at_us);
}

/* Sends what comes until the connection is lost, or the link stops and all is acknowledged. */
static void converse(struct link *l) {
    pthread_mutex_lock(&l->mutex);
    while (going_on(l)) {
        if (l->queue_count == 0) {
            int64_t deadline =
                l->stopping ? l->stop_at_us : clock_mono_us(&l->options.clock) + 3600000000;
            wait_changed(l, deadline);
            continue;
        }
        struct slot *s = &l->slots[l->queue[l->queue_head]];
        l->queue_head = (l->queue_head + 1) % LINK_WINDOW_MAX;
        l->queue_count--;
        s->state = SLOT_SENT;
        char *block = s->block; /* an early acknowledgement must not free it */
        s->block = NULL;
        pthread_mutex_unlock(&l->mutex);
        send_slot(l, s, block);
        pthread_mutex_lock(&l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
}

/* A clean MQTT disconnect of a connection that is UP; waits for Paho to have sent it. */
static void take_leave(struct link *l) {
    MQTTAsync_disconnectOptions d5 = MQTTAsync_disconnectOptions_initializer5;
    MQTTAsync_disconnectOptions d4 = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions *d = l->v5 ? &d5 : &d4;
    d->timeout = 1000;
    d->context = l;
    if (l->v5)
        d->onSuccess5 = on_disconnected5;
    else
        d->onSuccess = on_disconnected;
    if (MQTTAsync_disconnect(l->handle, d) != MQTTASYNC_SUCCESS)
        return;
    pthread_mutex_lock(&l->mutex);
    int64_t deadline = clock_mono_us(&l->options.clock) + DISCONNECT_TIMEOUT_US;
    while (l->phase == UP && wait_changed(l, deadline))
        ;
    pthread_mutex_unlock(&l->mutex);
}

/* Ends a connection or an attempt at one: afterwards nothing of it is outstanding. */
static void drop(struct link *l) {
    pthread_mutex_lock(&l->mutex);
    l->phase = IDLE; /* nothing more is accepted */
    l->queue_count = 0;
    pthread_mutex_unlock(&l->mutex);
    if (l->told_up && l->events.down)
        l->events.down(l->events.ctx);
    l->told_up = false;
    if (l->handle)
        MQTTAsync_destroy(&l->handle);
    for (int i = 0; i < LINK_WINDOW_MAX; i++)
        settle(&l->slots[i], false);
}

static void pause_before_retry(struct link *l) {
    int64_t wait_us = l->backoff_us - rng_below(&l->options.rng, (uint32_t)(l->backoff_us / 4));
    l->backoff_us += l->backoff_us / 2;
    if (l->backoff_us > BACKOFF_US_MAX)
        l->backoff_us = BACKOFF_US_MAX;
    int64_t deadline = clock_mono_us(&l->options.clock) + wait_us;
    pthread_mutex_lock(&l->mutex);
    while (!l->stopping && wait_changed(l, deadline))
        ;
    pthread_mutex_unlock(&l->mutex);
}

static void log_lost(struct link *l, bool was_up) {
    char reason[sizeof l->reason];
    pthread_mutex_lock(&l->mutex);
    memcpy(reason, l->reason, sizeof reason);
    pthread_mutex_unlock(&l->mutex);
    bool news = was_up || strcmp(reason, l->reason_logged) != 0;
    memcpy(l->reason_logged, reason, sizeof reason);
    log_line(news ? LOG_WARN : LOG_DEBUG, "link client=%s %s reason=\"%s\" retry_ms=%d",
             l->options.client_id, was_up ? "down" : "unreachable", reason,
             (int)(l->backoff_us / 1000));
}

/* Paho 1.3 leaves Nagle's algorithm on, and its small writes then wait 40 ms for the peer's delayed
 * acknowledgement. It does not show its socket: those of this process that are TCP and connected
 * are Paho's. */
static void send_at_once(void) {
    static const int on = 1;
    for (int fd = 3; fd < SOCKETS_MAX; fd++) {
        int protocol = 0;
        socklen_t size = sizeof protocol;
        if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
            protocol == IPPROTO_TCP)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

static void be_up(struct link *l) {
    send_at_once();
    int64_t since_us = clock_mono_us(&l->options.clock);
    log_line(LOG_INFO, "link client=%s up mqtt=%s session=%s window=%d", l->options.client_id,
             l->v5 ? "5" : "3.1.1", l->session_kept ? "kept" : "new", l->window);
    l->reason_logged[0] = 0;
    l->told_up = true;
    if (l->events.up)
        l->events.up(l->events.ctx, l->v5);
    converse(l);
    pthread_mutex_lock(&l->mutex);
    l->refused_v5 = false; /* the next broker may be a newer one */
    pthread_mutex_unlock(&l->mutex);
    if (clock_mono_us(&l->options.clock) - since_us > STEADY_US)
        l->backoff_us = BACKOFF_US_MIN;
}

static bool stopping(struct link *l) {
    pthread_mutex_lock(&l->mutex);
    bool yes = l->stopping;
    pthread_mutex_unlock(&l->mutex);
    return yes;
}

static void *run(void *arg) {
    struct link *l = arg;
    while (!stopping(l)) {
        bool up = establish(l);
        if (up)
            be_up(l);
        if (stopping(l)) {
            if (up)
                take_leave(l);
        } else {
            log_lost(l, up);
        }
        drop(l);
        pause_before_retry(l);
    }
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static bool copy_text(const char **text) {
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

/* Replaces the borrowed texts by copies, by NULL where memory ran out. */
static bool own_options(struct link_options *o) {
    bool ok = copy_text(&o->uri);
    ok = copy_text(&o->client_id) && ok;
    ok = copy_text(&o->username) && ok;
    ok = copy_text(&o->password) && ok;
    ok = copy_text(&o->ca_file) && ok;
    ok = copy_text(&o->cert_file) && ok;
    ok = copy_text(&o->key_file) && ok;
    ok = copy_text(&o->will_topic) && ok;
    ok = copy_text(&o->will_payload) && ok;
    for (int i = 0; i < LINK_SUBSCRIPTIONS_MAX; i++)
        ok = copy_text(&o->subscriptions[i].filter) && ok;
    return ok;
}

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

static void disown_options(struct link_options *o) {
    free_text(o->uri);
    free_text(o->client_id);
    free_text(o->username);
    free_text(o->password);
    free_text(o->ca_file);
    free_text(o->cert_file);
    free_text(o->key_file);
    free_text(o->will_topic);
    free_text(o->will_payload);
    for (int i = 0; i < LINK_SUBSCRIPTIONS_MAX; i++)
        free_text(o->subscriptions[i].filter);
}

static bool options_check(const struct link_options *o, struct err *e) {
    if (!o->uri || (strncmp(o->uri, "tcp://", 6) != 0 && strncmp(o->uri, "ssl://", 6) != 0))
        return err_set(e, ERR_INVALID, "broker address \"%s\" is not tcp://host:port or ssl://…",
                       o->uri ? o->uri : "");
    if (!o->client_id || !*o->client_id)
        return err_set(e, ERR_INVALID, "the broker connection has no client id");
    if (o->mqtt_version != 0 && o->mqtt_version != 4 && o->mqtt_version != 5)
        return err_set(e, ERR_INVALID, "MQTT version %d is not 0, 4 or 5", o->mqtt_version);
    return true;
}

static void link_init_sync(struct link *l) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->mutex, NULL);
    for (int i = 0; i < LINK_WINDOW_MAX; i++) {
        l->slots[i].link = l;
        l->free[l->free_count++] = i;
    }
    l->backoff_us = BACKOFF_US_MIN;
}

struct link *link_create(const struct link_options *options, const struct transport_events *events,
                         struct err *e) {
    if (!options_check(options, e))
        return NULL;
    struct link *l = calloc(1, sizeof *l);
    if (!l) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    link_init_sync(l);
    l->options = *options;
    l->events = *events;
    if (!own_options(&l->options)) {
        err_set(e, ERR_LIMIT, "out of memory");
        link_destroy(l);
        return NULL;
    }
    int rc = MQTTAsync_create(&l->keeper, l->options.uri, l->options.client_id,
                              MQTTCLIENT_PERSISTENCE_NONE, NULL);
    if (rc != MQTTASYNC_SUCCESS) {
        l->keeper = NULL;
        err_set(e, ERR_IO, "broker address %s: %s", l->options.uri, MQTTAsync_strerror(rc));
        link_destroy(l);
        return NULL;
    }
    return l;
}

bool link_connect(struct link *l, struct err *e) {
    int rc = pthread_create(&l->thread, NULL, run, l);
    if (rc != 0)
        return err_set(e, ERR_IO, "cannot start the broker thread: %s", strerror(rc));
    l->started = true;
    return true;
}

bool link_disconnect(struct link *l, int timeout_ms) {
    if (!l->started || l->finished)
        return true;
    pthread_mutex_lock(&l->mutex);
    l->stopping = true;
    l->stop_at_us = clock_mono_us(&l->options.clock) + (int64_t)timeout_ms * 1000;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
    l->finished = true;
    return !l->unflushed;
}

void link_destroy(struct link *l) {
    if (!l)
        return;
    link_disconnect(l, 0);
    if (l->keeper)
        MQTTAsync_destroy(&l->keeper);
    disown_options(&l->options);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}
