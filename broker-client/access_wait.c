#include "access.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define ATTEMPT_MS_MAX 5000
#define RETRY_MS 50

enum answer { NONE, ACCEPTED, REFUSED, UNREACHABLE };

/* The broker's answer to one CONNECT, from Paho's thread to the one that waits. */
struct probe {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum answer answer;
};

static void probe_init(struct probe *p) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&p->mutex, NULL);
    p->answer = NONE;
}

static void probe_fini(struct probe *p) {
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
}

static void tell(struct probe *p, enum answer answer) {
    pthread_mutex_lock(&p->mutex);
    p->answer = answer;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static void on_accepted(void *context, MQTTAsync_successData *data) {
    (void)data;
    tell(context, ACCEPTED);
}

/* Positive codes are the broker's CONNACK: 4 bad user name or password, 5 not authorised. */
static void on_refused(void *context, MQTTAsync_failureData *data) {
    tell(context, data && (data->code == 4 || data->code == 5) ? REFUSED : UNREACHABLE);
}

/* Waits up to timeout_ms for an answer. */
static enum answer await(struct probe *p, int timeout_ms) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t ns = ts.tv_nsec + timeout_ms % 1000 * INT64_C(1000000);
    ts.tv_sec += timeout_ms / 1000 + ns / 1000000000;
    ts.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&p->mutex);
    while (p->answer == NONE && pthread_cond_timedwait(&p->changed, &p->mutex, &ts) == 0)
        ;
    enum answer answer = p->answer;
    p->answer = NONE;
    pthread_mutex_unlock(&p->mutex);
    return answer;
}

static enum answer attempt(const struct access_wait_options *o, struct probe *p, int timeout_ms) {
    MQTTAsync handle;
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
    MQTTAsync_connectOptions c = MQTTAsync_connectOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    create.MQTTVersion = MQTTVERSION_3_1_1;
    c.MQTTVersion = MQTTVERSION_3_1_1;
    c.cleansession = 1;
    c.connectTimeout = ATTEMPT_MS_MAX / 1000;
    c.username = o->username;
    c.password = o->password;
    c.context = p;
    c.onSuccess = on_accepted;
    c.onFailure = on_refused;
    if (strncmp(o->uri, "ssl://", 6) == 0) {
        tls.trustStore = o->ca_file;
        tls.disableDefaultTrustStore = o->ca_file != NULL;
        tls.verify = !o->tls_insecure_hostname;
        c.ssl = &tls;
    }
    if (MQTTAsync_createWithOptions(&handle, o->uri, o->username, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS)
        return UNREACHABLE;
    enum answer answer = UNREACHABLE;
    if (MQTTAsync_connect(handle, &c) == MQTTASYNC_SUCCESS)
        answer = await(p, timeout_ms < ATTEMPT_MS_MAX ? timeout_ms : ATTEMPT_MS_MAX);
    MQTTAsync_destroy(&handle);
    await(p, 0); /* an answer that came meanwhile is void */
    return answer;
}

static int left_ms(const struct access_wait_options *o, int64_t deadline_us) {
    int64_t left = (deadline_us - clock_mono_us(&o->clock)) / 1000;
    return left > 0 ? (int)left : 0;
}

bool access_wait(const struct access_wait_options *o, struct err *e) {
    int64_t deadline_us = clock_mono_us(&o->clock) + o->timeout_ms * INT64_C(1000);
    enum answer wanted = o->should_accept ? ACCEPTED : REFUSED;
    enum answer answer = NONE;
    struct probe p;
    MQTTAsync keeper; /* Paho keeps its threads between the attempts */
    if (MQTTAsync_create(&keeper, o->uri, o->username, MQTTCLIENT_PERSISTENCE_NONE, NULL) !=
        MQTTASYNC_SUCCESS)
        return err_set(e, ERR_INVALID, "broker address \"%s\" is unusable", o->uri);
    probe_init(&p);
    while (answer != wanted && left_ms(o, deadline_us) > 0) {
        if (answer != NONE)
            await(&p, RETRY_MS);
        enum answer now = attempt(o, &p, left_ms(o, deadline_us));
        answer = now == NONE ? answer : now; /* the last one runs out of time */
    }
    MQTTAsync_destroy(&keeper);
    probe_fini(&p);
    if (answer == wanted)
        return true;
    return err_set(e, ERR_IO, "the broker at %s %s %s after %d ms", o->uri,
                   answer == ACCEPTED  ? "still accepts"
                   : answer == REFUSED ? "still refuses"
                                       : "cannot be asked about",
                   o->username, o->timeout_ms);
}
