/* From the database to the sender: outbox rows, retained topics, the server's own state. */
#include "engine_internal.h"

#include "hash.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void engine_server_state(struct engine *g, const char *state, struct buf *out) {
    char time[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(g->options.clock), time);
    buf_add_fmt(out,
                "{\"v\":1,\"state\":\"%s\",\"epoch\":\"%s\",\"boot\":\"%s\",\"version\":\"%s\","
                "\"time\":\"%s\"}",
                state, g->core->epoch, g->boot, g->options.version, time);
}

void engine_publish_server(struct engine *g, const char *state) {
    char topic[TOPIC_SIZE_MAX];
    struct buf payload;
    buf_init(&payload, 1024);
    engine_server_state(g, state, &payload);
    if (topic_server(topic, g->core->county))
        sender_put_first(&g->sender, &(struct sender_message){.kind = SENDER_VOLATILE,
                                                              .topic = topic,
                                                              .payload = payload.data,
                                                              .size = payload.size,
                                                              .retain = true});
    buf_fini(&payload);
}

/* ---------------------------------------------------------------- acknowledged */

static void forget(struct engine *g, const struct sender_item *item) {
    struct store *s = g->core->store;
    bool cleared = item->size == 0;
    sqlite3_stmt *q = store_query(s, item->kind == SENDER_OUTBOX ? "outbox_done"
                                     : cleared                   ? "retained_cleared"
                                                                 : "retained_acked");
    if (item->kind == SENDER_OUTBOX) {
        q_int(q, 1, item->row);
    } else {
        q_text(q, 1, sender_topic(item));
        if (!cleared) {
            q_blob(q, 2, sender_payload(item), item->size);
            q_int(q, 3, clock_wall_ms(g->options.clock));
        }
    }
    q_done(s, q);
    if (item->kind == SENDER_RETAINED && cleared) {
        q = store_query(s, "retained_cleared_since");
        q_text(q, 1, sender_topic(item));
        q_int(q, 2, clock_wall_ms(g->options.clock));
        q_done(s, q);
    }
}

/* Outbox rows and retained topics that the broker has. If this fails they are published again
 * after the next start, which does no harm. */
void engine_forget_acked(struct engine *g) {
    struct err e = {0};
    size_t count;
    struct sender_item *items = sender_take_acked(&g->sender, &count);
    if (!items)
        return;
    if (store_begin(g->core->store, &e)) {
        for (const struct sender_item *i = items; i; i = i->next)
            forget(g, i);
        store_commit(g->core->store, &e);
    }
    if (err_is_set(&e))
        log_line(LOG_WARN, "acknowledged messages stay noted as unsent: %s", e.msg);
    sender_free_list(items);
}

/* ---------------------------------------------------------------- waiting */

void engine_queue_outbox(struct engine *g) {
    size_t room = g->outbox_more ? sender_room(&g->sender) : 0;
    if (!room)
        return;
    sqlite3_stmt *q = store_query(g->core->store, "outbox_next");
    size_t count = 0;
    q_int(q, 1, g->outbox_queued);
    q_int(q, 2, (int64_t)room);
    while (q_row(g->core->store, q)) {
        g->outbox_queued = sqlite3_column_int64(q, 0);
        sender_put(&g->sender,
                   &(struct sender_message){.kind = SENDER_OUTBOX,
                                            .row = g->outbox_queued,
                                            .topic = q_col(q, 1),
                                            .payload = sqlite3_column_blob(q, 2),
                                            .size = (size_t)sqlite3_column_bytes(q, 2)});
        count++;
    }
    g->outbox_more = count == room;
    metrics_set(g->options.metrics, METRIC_OUTBOX,
                (int64_t)(SENDER_QUEUE_MAX - sender_room(&g->sender)));
}

/* Retained topics in the order in which they are due. The position goes forward while any are on
 * their way, so that none is queued twice, and begins anew once all are acknowledged. Receipts go
 * first: they get the room. */
void engine_queue_retained(struct engine *g) {
    size_t room = sender_room(&g->sender);
    if (room <= SENDER_QUEUE_MAX / 2)
        return;
    if (room == SENDER_QUEUE_MAX && sender_nothing_acked(&g->sender)) {
        g->retained_due_ms = 0;
        g->retained_topic[0] = '\0';
    }
    sqlite3_stmt *q = store_query(g->core->store, "retained_next");
    char topic[TOPIC_SIZE_MAX] = "";
    q_int(q, 1, g->retained_due_ms);
    q_text(q, 2, g->retained_topic);
    int64_t now = clock_wall_ms(g->options.clock);
    q_int(q, 3, now);
    q_int(q, 4, (int64_t)(room - SENDER_QUEUE_MAX / 2));
    int64_t due_ms = g->retained_due_ms;
    bool any = false;
    while (q_row(g->core->store, q)) {
        any = true;
        due_ms = sqlite3_column_int64(q, 0);
        snprintf(topic, sizeof topic, "%s", q_col(q, 1));
        sender_put(&g->sender, &(struct sender_message){.kind = SENDER_RETAINED,
                                                        .topic = topic,
                                                        .payload = sqlite3_column_blob(q, 2),
                                                        .size = (size_t)sqlite3_column_bytes(q, 2),
                                                        .retain = true});
    }
    /* More may yet become due in this same millisecond: the next look begins with it again. */
    if (any && due_ms == now) {
        g->retained_due_ms = now - 1;
        memcpy(g->retained_topic, "~", 2);
    } else if (any) {
        g->retained_due_ms = due_ms;
        memcpy(g->retained_topic, topic, sizeof topic);
    }
}

/* ---------------------------------------------------------------- reconciling */

static bool is_volatile_topic(const struct engine *g, const char *topic) {
    char own[TOPIC_SIZE_MAX];
    return (topic_server(own, g->core->county) && strcmp(topic, own) == 0) ||
           (topic_metrics(own, g->core->county) && strcmp(topic, own) == 0);
}

/* Marks every retained topic as sent or not, by what the broker was seen to hold; how many differ.
 * A row that was passed may change in a scan by topic. */
static size_t compare_retained(struct engine *g, struct strmap *seen) {
    struct store *s = g->core->store;
    sqlite3_stmt *q = store_query(s, "retained_all");
    size_t count = 0;
    while (q_row(s, q)) {
        unsigned char digest[SHA256_SIZE];
        const void *payload = sqlite3_column_blob(q, 1);
        size_t size = (size_t)sqlite3_column_bytes(q, 1);
        sha256(payload, size, digest);
        uintptr_t should = size ? (uintptr_t)(hash_head64(digest) | 1) : 0;
        uintptr_t is = (uintptr_t)strmap_get(seen, q_col(q, 0));
        if (is)
            strmap_set(seen, q_col(q, 0), NULL);
        if (is == should)
            continue;
        sqlite3_stmt *again = store_query(s, "retained_resend");
        q_text(again, 1, q_col(q, 0));
        q_int(again, 2, clock_wall_ms(g->options.clock));
        q_done(s, again);
        count++;
    }
    return count;
}

/* Topics that the broker holds and the database does not know. */
static void clear_strays(struct engine *g, const struct strmap *seen) {
    for (size_t i = 0; i < seen->capacity; i++) {
        if (!seen->slots[i].key || !seen->slots[i].value ||
            is_volatile_topic(g, seen->slots[i].key))
            continue;
        sqlite3_stmt *q = store_query(g->core->store, "retained_clear");
        q_text(q, 1, seen->slots[i].key);
        q_int(q, 2, clock_wall_ms(g->options.clock));
        q_done(g->core->store, q);
    }
}

void engine_reconcile(struct engine *g) {
    struct err e = {0};
    pthread_mutex_lock(&g->lock);
    struct strmap seen = g->seen;
    bool ended = g->retained_ended;
    if (ended) {
        g->seen = (struct strmap){0};
        g->retained_ended = false;
    }
    pthread_mutex_unlock(&g->lock);
    if (!ended)
        return;
    size_t differing = 0;
    if (store_begin(g->core->store, &e)) {
        differing = compare_retained(g, &seen);
        clear_strays(g, &seen);
        store_commit(g->core->store, &e);
    }
    if (!err_is_set(&e))
        log_line(LOG_INFO, "retained topics compared, differing=%zu", differing);
    else
        log_line(LOG_ERROR, "retained topics could not be compared: %s", e.msg);
    strmap_clear(&seen, NULL);
    g->swollen = true;
}

/* ---------------------------------------------------------------- catalogue and metrics */

void engine_retain(struct engine *g, const char *topic, const void *payload, size_t size) {
    sqlite3_stmt *q = store_query(g->core->store, "retained_set");
    q_text(q, 1, topic);
    q_blob(q, 2, payload, size);
    q_int(q, 3, clock_wall_ms(g->options.clock));
    q_done(g->core->store, q);
}

/* The schemas of the forms; their topics are added to `ret_topics`. */
static void retain_forms(struct engine *g, json_t *ret_topics) {
    char topic[TOPIC_SIZE_MAX];
    for (size_t i = 0; i < form_count(g->core->catalog); i++) {
        const struct form *f = form_at(g->core->catalog, i);
        size_t size;
        const char *schema = form_schema_text(f, &size);
        if (f->kind == FORM_REGISTER ||
            !topic_catalog_form(topic, g->core->county, f->id, (int)f->fv))
            continue;
        engine_retain(g, topic, schema, size);
        json_array_append_new(ret_topics, json_string(topic));
    }
}

/* Clears the schemas of forms that the catalogue does not list any more. */
static void clear_other_forms(struct engine *g, const char *catalog, const json_t *topics) {
    char low[TOPIC_SIZE_MAX + 1];
    char high[TOPIC_SIZE_MAX + 1];
    char *kept = json_dumps(topics, JSON_COMPACT);
    if (!kept)
        abort();
    snprintf(low, sizeof low, "%s/", catalog);
    snprintf(high, sizeof high, "%s0", catalog); /* '0' follows '/' */
    sqlite3_stmt *q = store_query(g->core->store, "retained_clear_others");
    q_text(q, 1, low);
    q_text(q, 2, high);
    q_text(q, 3, kept);
    q_int(q, 4, clock_wall_ms(g->options.clock));
    q_done(g->core->store, q);
    free(kept);
}

bool engine_retain_catalog(struct engine *g, struct err *e) {
    char topic[TOPIC_SIZE_MAX];
    struct buf text;
    if (!store_begin(g->core->store, e))
        return false;
    json_t *topics = json_array();
    buf_init(&text, 4 * 1024 * 1024);
    form_catalog_json(g->core->catalog, &text);
    if (topic_catalog(topic, g->core->county)) {
        engine_retain(g, topic, text.data, text.size);
        retain_forms(g, topics);
        clear_other_forms(g, topic, topics);
    }
    buf_fini(&text);
    json_decref(topics);
    return store_commit(g->core->store, e);
}

/* What a server with a later clock planned is due now. */
bool engine_retain_due(struct engine *g, struct err *e) {
    if (!store_begin(g->core->store, e))
        return false;
    sqlite3_stmt *q = store_query(g->core->store, "retained_due_again");
    q_int(q, 1, clock_wall_ms(g->options.clock));
    q_done(g->core->store, q);
    return store_commit(g->core->store, e);
}

static void write_metrics_file(const char *path, const struct buf *text) {
    char tmp[1100];
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    FILE *f = fopen(tmp, "w");
    bool ok = f && fwrite(text->data, 1, text->size, f) == text->size;
    if ((f && fclose(f) != 0) || !ok || rename(tmp, path) != 0)
        log_line(LOG_WARN, "metrics file %s: %s", path, strerror(errno));
}

void engine_publish_metrics(struct engine *g) {
    char topic[TOPIC_SIZE_MAX];
    struct buf text;
    buf_init(&text, 256 * 1024);
    metrics_set(g->options.metrics, METRIC_INTAKE, (int64_t)intake_count(&g->intake));
    metrics_write(g->options.metrics, &text);
    if (g->options.metrics_file)
        write_metrics_file(g->options.metrics_file, &text);
    if (topic_metrics(topic, g->core->county) && metrics_get(g->options.metrics, METRIC_CONNECTED))
        sender_put(&g->sender, &(struct sender_message){.kind = SENDER_VOLATILE,
                                                        .topic = topic,
                                                        .payload = text.data,
                                                        .size = text.size,
                                                        .retain = true});
    buf_fini(&text);
}
