/* The outbox: what was written and has no durable outcome, and when it is sent. */
#include "payload.h"
#include "phone_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESEND_US_MIN INT64_C(30000000)
#define RESEND_US_MAX INT64_C(3600000000)
#define DAY_US INT64_C(86400000000)
#define PLAIN_SIZE_MAX (200u * 1024) /* records in an envelope, bytes; a compressed one */
#define PACKED_SIZE_MAX (800u * 1024)

int64_t phone_online_us(const struct phone *p, int64_t now_us) {
    return p->online_us + (p->server_online ? now_us - p->online_since_us : 0);
}

static bool is_open(enum phone_state s) {
    return s != PHONE_STORED && s != PHONE_REJECTED;
}

static void *grow(void *list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return list;
    *capacity = *capacity ? *capacity * 2 : 64;
    list = realloc(list, *capacity * size);
    if (!list)
        abort();
    return list;
}

static void open_add(struct phone *p, size_t index) {
    p->open = grow(p->open, p->open_count, &p->open_capacity, sizeof *p->open);
    size_t i = p->open_count++;
    for (; i > 0 && p->open[i - 1] > index; i--)
        p->open[i] = p->open[i - 1];
    p->open[i] = index;
}

static void open_remove(struct phone *p, size_t index) {
    for (size_t i = 0; i < p->open_count; i++) {
        if (p->open[i] != index)
            continue;
        p->open_count--;
        memmove(&p->open[i], &p->open[i + 1], (p->open_count - i) * sizeof *p->open);
        return;
    }
}

void phone_set_state(struct phone *p, struct phone_record *r, enum phone_state state) {
    size_t index = (size_t)(r - p->records);
    if (is_open(r->state) && !is_open(state))
        open_remove(p, index);
    else if (!is_open(r->state) && is_open(state))
        open_add(p, index);
    p->world->counts.states[r->state]--;
    p->world->counts.states[state]++;
    r->state = state;
    if (state == PHONE_HELD)
        r->due_us = phone_now_us(p) + phone_scaled(p, DAY_US);
}

void phone_add_record(struct phone *p, const struct phone_record *r) {
    p->records = grow(p->records, p->record_count, &p->record_capacity, sizeof *p->records);
    p->records[p->record_count] = *r;
    strmap_set(&p->by_id, r->id, (void *)(uintptr_t)(p->record_count + 1));
    open_add(p, p->record_count++);
    p->world->counts.states[PHONE_UNSENT]++;
    p->world->counts.written++;
    p->world->counts.wrong_written += r->wrong;
}

size_t phone_pending(const struct phone *p) {
    size_t held = 0;
    for (size_t i = 0; i < p->open_count; i++)
        held += p->records[p->open[i]].state == PHONE_HELD;
    return p->open_count - held;
}

/* A clock that was ahead: unsent records get stamps of the true time, in the order of writing. */
void phone_restamp(struct phone *p) {
    for (size_t i = 0; i < p->open_count; i++) {
        struct phone_record *r = &p->records[p->open[i]];
        char text[HLC_TEXT_SIZE];
        if (r->state != PHONE_UNSENT)
            continue;
        r->hlc = phone_stamp(p);
        hlc_format(r->hlc, text);
        memcpy(r->text + r->hlc_at, text, HLC_TEXT_SIZE - 1);
        r->ahead = false;
        r->due_us = 0;
        p->world->counts.restamped++;
    }
}

void phone_send_all_again(struct phone *p, int64_t due_us) {
    for (size_t i = 0; i < p->open_count; i++) {
        struct phone_record *r = &p->records[p->open[i]];
        if (r->state == PHONE_SENT) {
            r->due_us = phone_online_us(p, phone_now_us(p)) + (due_us - phone_now_us(p));
            r->wait_us = phone_scaled(p, RESEND_US_MIN);
        }
    }
}

void phone_send_stored_again(struct phone *p, int64_t due_us) {
    for (size_t i = 0; i < p->record_count; i++) { /* a run is younger than 30 days */
        struct phone_record *r = &p->records[i];
        if (r->state != PHONE_STORED && r->state != PHONE_HELD)
            continue;
        phone_set_state(p, r, PHONE_UNSENT);
        r->due_us = due_us;
        r->wait_us = 0;
    }
}

const struct phone_record *phone_pick_own(struct phone *p, enum phone_state state,
                                          const char *form) {
    for (int tries = 0; tries < 8 && p->record_count; tries++) {
        struct phone_record *r = &p->records[rng_below(&p->rng, (uint32_t)p->record_count)];
        if (r->state == state && (!form || strcmp(r->form, form) == 0))
            return r;
    }
    return NULL;
}

/* ---- what goes into the next envelope ------------------------------------------------------- */

/* When a record is to be sent if nothing else happens, monotonic; INT64_MAX = an event decides. */
static int64_t due_at(const struct phone *p, const struct phone_record *r, int64_t now_us) {
    bool again = r->sends > 0;
    if (p->asks_time || (again && !p->server_online))
        return INT64_MAX;
    if (r->state == PHONE_SENT)
        return now_us + (r->due_us - phone_online_us(p, now_us));
    return r->due_us;
}

struct batch {
    size_t list[ENVELOPE_RECORDS_MAX];
    size_t count;
    size_t size;
    bool atomic;
};

static bool batch_add(const struct phone *p, struct batch *b, size_t index) {
    size_t limit = p->options.zlib ? PACKED_SIZE_MAX : PLAIN_SIZE_MAX;
    const struct phone_record *r = &p->records[index];
    if (b->count == ENVELOPE_RECORDS_MAX || (b->count && b->size + r->size > limit))
        return false;
    b->list[b->count++] = index;
    b->size += r->size + 1;
    return true;
}

static void batch_add_group(const struct phone *p, struct batch *b, unsigned group) {
    b->atomic = true;
    for (size_t i = 0; i < p->open_count; i++)
        if (p->records[p->open[i]].group == group)
            batch_add(p, b, p->open[i]);
}

/* The next due records, in order; *ret_next_us: when there will be some if there are none. */
static void batch_collect(const struct phone *p, struct batch *b, int64_t now_us,
                          int64_t *ret_next_us) {
    b->count = b->size = 0;
    b->atomic = false;
    *ret_next_us = INT64_MAX;
    for (size_t i = 0; i < p->open_count && b->count < p->options.batch_max; i++) {
        const struct phone_record *r = &p->records[p->open[i]];
        int64_t due = due_at(p, r, now_us);
        if (due > now_us) {
            *ret_next_us = due < *ret_next_us ? due : *ret_next_us;
            continue;
        }
        bool alone = r->single || r->group;
        if (alone && b->count)
            return;
        if (r->group)
            batch_add_group(p, b, r->group);
        else if (!batch_add(p, b, p->open[i]))
            return;
        if (alone)
            return;
    }
}

/* Now and then a phone's messages overtake each other. */
static void batch_mix(struct phone *p, struct batch *b) {
    if (rng_below(&p->rng, 16) != 0)
        return;
    for (size_t i = b->count; i > 1; i--) {
        size_t k = rng_below(&p->rng, (uint32_t)i);
        size_t swap = b->list[i - 1];
        b->list[i - 1] = b->list[k];
        b->list[k] = swap;
    }
}

/* ---- sending -------------------------------------------------------------------------------- */

static void write_envelope(struct phone *p, const struct batch *b) {
    char sent[TIME_TEXT_SIZE];
    struct buf *out = &p->envelope;
    buf_clear(out);
    time_format(phone_wall_ms(p), sent);
    buf_add_fmt(out, "{\"v\":1,\"device\":\"%s\",\"sent\":\"%s\",\"pending\":%zu,%s\"records\":[",
                p->options.device, sent, p->open_count - b->count,
                b->atomic ? "\"atomic\":true," : "");
    for (size_t i = 0; i < b->count; i++) {
        if (i)
            buf_add_char(out, ',');
        buf_add(out, p->records[b->list[i]].text, p->records[b->list[i]].size);
    }
    buf_add_str(out, "]}");
}

/* The oldest remembered envelope that the broker has. */
static struct sent_envelope *sent_slot(struct phone *p) {
    struct sent_envelope *oldest = NULL;
    for (size_t i = 0; i < SENT_MAX; i++)
        if (!p->sent[i].waiting && (!oldest || p->sent[i].token < oldest->token))
            oldest = &p->sent[i];
    return oldest;
}

static bool publish(struct phone *p, const struct buf *payload, uint64_t token) {
    char topic[TOPIC_SIZE_MAX];
    snprintf(topic, sizeof topic, "zf/1/%s/up/%s/records", p->options.county, p->options.device);
    struct outgoing m = {
        .topic = topic, .payload = payload->data, .size = payload->size, .token = token};
    return p->publisher.publish(p->publisher.ctx, &m);
}

static void remember(struct phone *p, const struct batch *b, const struct buf *payload) {
    struct sent_envelope *s = sent_slot(p);
    s->token = p->next_token++;
    s->waiting = true;
    s->count = b->count;
    s->records = realloc(s->records, b->count * sizeof *s->records);
    if (!s->records)
        abort();
    memcpy(s->records, b->list, b->count * sizeof *s->records);
    sha256(payload->data, payload->size, s->hash);
    p->in_flight++;
}

static void mark_sent(struct phone *p, const struct batch *b, int64_t now_us) {
    int64_t min = phone_scaled(p, RESEND_US_MIN);
    int64_t max = phone_scaled(p, RESEND_US_MAX);
    for (size_t i = 0; i < b->count; i++) {
        struct phone_record *r = &p->records[b->list[i]];
        p->world->counts.resent += r->sends > 0;
        p->world->counts.records_sent += r->sends == 0;
        r->first_us = r->sends++ == 0 ? now_us : r->first_us;
        r->last_us = now_us;
        r->wait_us = r->wait_us == 0 ? min : r->wait_us * 2 < max ? r->wait_us * 2 : max;
        if (r->state == PHONE_HELD) { /* stays held until another outcome */
            r->due_us = now_us + phone_scaled(p, DAY_US);
            continue;
        }
        phone_set_state(p, r, PHONE_SENT);
        r->due_us = phone_online_us(p, now_us) + r->wait_us;
    }
}

static bool send_batch(struct phone *p, struct batch *b, int64_t now_us) {
    const struct buf *payload = &p->envelope;
    batch_mix(p, b);
    write_envelope(p, b);
    bool garble =
        b->count > 1 && !b->atomic && rng_below(&p->rng, 1000) < p->options.garbled_permille;
    if (garble)
        p->envelope.size -= 10; /* cut off on the way */
    if (p->options.zlib && !garble) {
        buf_clear(&p->packed);
        if (!payload_compress(p->envelope.data, p->envelope.size, &p->packed))
            abort();
        payload = &p->packed;
    }
    if (!publish(p, payload, p->next_token))
        return false;
    if (rng_below(&p->rng, 100) < p->options.duplicates_pct)
        p->world->counts.doubled += publish(p, payload, TOKEN_NOBODY);
    p->world->counts.envelopes++;
    p->world->counts.garbled += garble;
    remember(p, b, payload);
    mark_sent(p, b, now_us);
    return true;
}

int64_t phone_outbox_step(struct phone *p, int64_t now_us) {
    struct batch b;
    int64_t next;
    while (!p->blocked && p->in_flight < IN_FLIGHT_MAX) {
        batch_collect(p, &b, now_us, &next);
        if (b.count == 0)
            return next;
        p->blocked = !send_batch(p, &b, now_us);
    }
    return INT64_MAX;
}
