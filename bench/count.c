/* A bare Paho subscriber that only counts: what the broker and the client library can carry.
 * `--settings` prints the broker settings of the product instead. */
#include "broker.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct counter {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t wanted, count;
    int64_t first_us, last_us;
    int subscribed; /* 1, or -1 if it failed */
    MQTTAsync handle;
    char filter[128];
    struct clock clock;
    struct system_clock system;
} counter = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int on_message(void *context, char *topic, int topic_size, MQTTAsync_message *m) {
    struct counter *c = context;
    (void)topic_size;
    if (c->count == 0)
        c->first_us = clock_mono_us(&c->clock);
    if (++c->count == c->wanted) { /* only this thread counts */
        c->last_us = clock_mono_us(&c->clock);
        pthread_mutex_lock(&c->mutex);
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->mutex);
    }
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

static void set_subscribed(struct counter *c, int value) {
    pthread_mutex_lock(&c->mutex);
    c->subscribed = value;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data) {
    (void)data;
    set_subscribed(context, 1);
}

static void on_failure(void *context, MQTTAsync_failureData5 *data) {
    fprintf(stderr, "count: %s\n", data && data->message ? data->message : "refused");
    set_subscribed(context, -1);
}

static void on_connected(void *context, MQTTAsync_successData5 *data) {
    struct counter *c = context;
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    (void)data;
    answer.onSuccess5 = on_subscribed;
    answer.onFailure5 = on_failure;
    answer.context = c;
    MQTTAsync_subscribe(c->handle, c->filter, 1, &answer);
}

static bool start(struct counter *c, const char *uri, const char *user, const char *password) {
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer5;
    if (MQTTAsync_createWithOptions(&c->handle, uri, user, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS)
        return false;
    MQTTAsync_setCallbacks(c->handle, c, NULL, on_message, NULL);
    o.cleanstart = 1;
    o.username = user;
    o.password = password;
    o.onSuccess5 = on_connected;
    o.onFailure5 = on_failure;
    o.context = c;
    return MQTTAsync_connect(c->handle, &o) == MQTTASYNC_SUCCESS;
}

/* count URI USER PASSWORD COUNTY MESSAGES */
int main(int argc, char **argv) {
    struct counter *c = &counter;
    if (argc == 2 && strcmp(argv[1], "--settings") == 0) {
        broker_write_settings(stdout);
        return 0;
    }
    if (argc != 6)
        return 2;
    c->clock = system_clock_make(&c->system);
    c->wanted = strtoul(argv[5], NULL, 10);
    snprintf(c->filter, sizeof c->filter, "zf/1/%s/up/+/records", argv[4]);
    if (!start(c, argv[1], argv[2], argv[3]))
        return 1;
    pthread_mutex_lock(&c->mutex);
    while (!c->subscribed)
        pthread_cond_wait(&c->changed, &c->mutex);
    if (c->subscribed < 0)
        return 1;
    printf("ready\n");
    fflush(stdout);
    while (c->last_us == 0)
        pthread_cond_wait(&c->changed, &c->mutex);
    pthread_mutex_unlock(&c->mutex);
    printf("{\"messages\":%zu,\"s\":%.4f}\n", c->count, (double)(c->last_us - c->first_us) / 1e6);
    fflush(stdout);
    _Exit(0);
}
