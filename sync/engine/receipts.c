#include "receipts.h"

#include "bounds.h"
#include "hlc.h"
#include "seqset.h"
#include "topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE_MAX (96u * 1024) /* a receipts message is closed when it passes this */
#define MESSAGE_RECEIPTS_MAX 200

/* What a device has sent. */
struct progress {
    struct seqset seqs;
    int64_t pending; /* -1 = unknown */
    bool changed;
};

/* Receipts waiting for one device on one path. */
struct queue {
    char device[PRINCIPAL_SIZE_MAX + 1];
    char via[PRINCIPAL_SIZE_MAX + 1];
    struct buf items;
    size_t count;
};

struct receipts {
    struct core *core;
    struct strmap progress; /* device → struct progress */
    struct strmap queues;   /* "device/via" → struct queue */
};

struct receipts *receipts_create(struct core *c) {
    struct receipts *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->core = c;
    return r;
}

static void free_progress(void *value) {
    struct progress *p = value;
    seqset_fini(&p->seqs);
    free(p);
}

static void free_queue(void *value) {
    struct queue *q = value;
    buf_fini(&q->items);
    free(q);
}

void receipts_forget(struct receipts *r) {
    strmap_clear(&r->progress, free_progress);
    strmap_clear(&r->queues, free_queue);
}

void receipts_destroy(struct receipts *r) {
    if (!r)
        return;
    receipts_forget(r);
    free(r);
}

/* ---------------------------------------------------------------- sequence numbers */

static struct progress *progress_of(struct receipts *r, const char *device) {
    struct progress *p = strmap_get(&r->progress, device);
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->pending = -1;
    sqlite3_stmt *q = store_query(r->core->store, "device_seq_get");
    q_text(q, 1, device);
    while (q_row(r->core->store, q)) {
        seqset_parse(&p->seqs, q_col(q, 0));
        if (sqlite3_column_type(q, 1) != SQLITE_NULL)
            p->pending = sqlite3_column_int64(q, 1);
    }
    strmap_set(&r->progress, device, p);
    return p;
}

bool receipts_seq(struct receipts *r, const char *device, int64_t seq) {
    struct progress *p = progress_of(r, device);
    if (!seqset_add(&p->seqs, seq))
        return false;
    p->changed = true;
    return true;
}

void receipts_pending(struct receipts *r, const char *device, int64_t pending) {
    struct progress *p = progress_of(r, device);
    p->changed = p->changed || p->pending != pending;
    p->pending = pending;
}

static void save_progress(struct receipts *r, const char *device, struct progress *p) {
    struct buf ranges;
    buf_init(&ranges, SEQSET_RANGES_MAX * 48);
    seqset_write(&p->seqs, &ranges);
    sqlite3_stmt *q = store_query(r->core->store, "device_seq_set");
    q_text(q, 1, device);
    q_text(q, 2, ranges.data ? ranges.data : "");
    if (p->pending < 0)
        q_null(q, 3);
    else
        q_int(q, 3, p->pending);
    q_done(r->core->store, q);
    buf_fini(&ranges);
    p->changed = false;
}

/* ---------------------------------------------------------------- messages */

static struct queue *queue_of(struct receipts *r, const char *device, const char *via) {
    char key[2 * PRINCIPAL_SIZE_MAX + 2];
    snprintf(key, sizeof key, "%s/%s", device, via);
    struct queue *q = strmap_get(&r->queues, key);
    if (q)
        return q;
    q = calloc(1, sizeof *q);
    if (!q)
        abort();
    snprintf(q->device, sizeof q->device, "%s", device);
    snprintf(q->via, sizeof q->via, "%s", via);
    buf_init(&q->items, PAYLOAD_EXPANDED_SIZE_MAX);
    strmap_set(&r->queues, key, q);
    return q;
}

/* Moves what a queue holds to the outbox as one message. */
static void send(struct receipts *r, struct queue *q) {
    struct progress *p = progress_of(r, q->device);
    char topic[TOPIC_SIZE_MAX];
    char time[TIME_TEXT_SIZE];
    struct buf m;
    if (!q->count || !topic_down(topic, r->core->county, q->device, q->via, "receipts"))
        return;
    buf_init(&m, PAYLOAD_EXPANDED_SIZE_MAX);
    time_format(clock_wall_ms(r->core->clock), time);
    buf_add_fmt(&m,
                "{\"v\":1,\"device\":\"%s\",\"epoch\":\"%s\",\"time\":\"%s\",\"upto\":%" PRId64
                ",\"gaps\":",
                q->device, r->core->epoch, time, seqset_upto(&p->seqs));
    seqset_write_gaps(&p->seqs, GAPS_MAX, &m);
    buf_add_str(&m, ",\"receipts\":[");
    buf_add(&m, q->items.data, q->items.size);
    buf_add_str(&m, "]}");
    sqlite3_stmt *s = store_query(r->core->store, "outbox_add");
    q_int(s, 1, store_next_rev(r->core->store));
    q_text(s, 2, topic);
    q_blob(s, 3, m.data, m.size);
    q_done(r->core->store, s);
    buf_fini(&m);
    buf_clear(&q->items);
    q->count = 0;
}

static void add_text(struct buf *b, const char *key, const char *value) {
    buf_add_fmt(b, ",\"%s\":", key);
    buf_add_json_str(b, value, strlen(value));
}

static void add_problems(struct buf *b, const struct receipt *x) {
    if (!(x->errors && x->errors->count) && !(x->problems_json && strlen(x->problems_json) > 2))
        return;
    bool stored = strcmp(x->was ? x->was : x->outcome, "stored") == 0;
    buf_add_fmt(b, ",\"%s\":", stored ? "warnings" : "errors");
    if (x->problems_json)
        buf_add_str(b, x->problems_json);
    else
        problems_write(x->errors, b);
}

static void add_stamp(struct buf *b, int64_t hlc) {
    char text[HLC_TEXT_SIZE];
    hlc_format(hlc, text);
    buf_add_fmt(b, ",\"hlc\":\"%s\"", text);
}

void receipts_add(struct receipts *r, const char *device, const char *via,
                  const struct receipt *x) {
    struct queue *q = queue_of(r, device, via);
    struct buf *b = &q->items;
    if (q->count == MESSAGE_RECEIPTS_MAX || b->size > MESSAGE_SIZE_MAX)
        send(r, q);
    buf_add_str(b, q->count ? ",{\"id\":" : "{\"id\":");
    if (*x->id)
        buf_add_json_str(b, x->id, strlen(x->id));
    else
        buf_add_str(b, "null");
    if (x->payload_hash)
        add_text(b, "payload", x->payload_hash);
    if (x->seq)
        buf_add_fmt(b, ",\"seq\":%" PRId64, x->seq);
    add_text(b, "outcome", x->outcome);
    if (x->was)
        add_text(b, "was", x->was);
    if (x->hlc)
        add_stamp(b, x->hlc);
    if (x->code)
        add_text(b, "code", x->code);
    add_problems(b, x);
    if (x->after_ms)
        buf_add_fmt(b, ",\"after_ms\":%" PRId64, x->after_ms);
    buf_add_char(b, '}');
    q->count++;
}

void receipts_flush(struct receipts *r) {
    for (size_t i = 0; i < r->queues.capacity; i++) {
        if (r->queues.slots[i].key)
            send(r, r->queues.slots[i].value);
    }
    for (size_t i = 0; i < r->progress.capacity; i++) {
        struct progress *p = r->progress.slots[i].value;
        if (r->progress.slots[i].key && p->changed)
            save_progress(r, r->progress.slots[i].key, p);
    }
}
