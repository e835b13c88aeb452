#include "phone.h"

#include "payload.h"
#include "phone_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_MINUTE_US 60000000

static const char *copy_text(const char *text) {
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        abort();
    return copy;
}

static void free_text(const char *text) {
    free((void *)(uintptr_t)text);
}

struct phone *phone_create(struct phone_world *w, const struct phone_options *o) {
    struct phone *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->world = w;
    p->options = *o;
    p->options.county = copy_text(o->county);
    p->options.device = copy_text(o->device);
    p->options.author = copy_text(o->author);
    p->options.role = copy_text(o->role);
    p->options.kinds = copy_text(o->kinds);
    p->rng = rng_seeded_make(&p->seeded, o->seed);
    p->clock_error_ms = o->clock_error_ms;
    p->next_token = TOKEN_ENVELOPE;
    buf_init(&p->envelope, PAYLOAD_EXPANDED_SIZE_MAX);
    buf_init(&p->packed, PAYLOAD_EXPANDED_SIZE_MAX);
    phone_pull_init(p);
    return p;
}

void phone_destroy(struct phone *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->record_count; i++)
        free(p->records[i].text);
    for (size_t i = 0; i < SENT_MAX; i++)
        free(p->sent[i].records);
    free(p->records);
    free(p->open);
    strmap_clear(&p->by_id, NULL);
    phone_pull_fini(p);
    buf_fini(&p->envelope);
    buf_fini(&p->packed);
    free_text(p->options.county);
    free_text(p->options.device);
    free_text(p->options.author);
    free_text(p->options.role);
    free_text(p->options.kinds);
    free(p);
}

void phone_world_fini(struct phone_world *w) {
    free(w->latencies_us);
    *w = (struct phone_world){0};
}

void phone_complain(const struct phone *p, const char *fmt, ...) {
    char text[1024];
    if (!p->world->complain)
        return;
    int n = snprintf(text, sizeof text, "%s %s: ", p->options.device, p->options.role);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
    va_end(ap);
    p->world->complain(p->world->ctx, text);
}

const char *phone_device(const struct phone *p) {
    return p->options.device;
}

void phone_set_clock_error(struct phone *p, int64_t error_ms) {
    p->clock_error_ms = error_ms;
}

bool phone_filter(const struct phone *p, int index, char *out, size_t size) {
    static const char *const leaves[] = {"receipts", "changes"};
    char topic[TOPIC_SIZE_MAX];
    bool ok = false;
    if (index < 2)
        ok = topic_down(topic, p->options.county, p->options.device, NULL, leaves[index]);
    else if (index == 2)
        ok = topic_server(topic, p->options.county);
    else if (index == 3) /* the broker delivers those of its scope */
        return snprintf(out, size, "zf/1/%s/village/+/+/head", p->options.county) > 0;
    return ok && snprintf(out, size, "%s", topic) > 0;
}

/* ---- the server's state --------------------------------------------------------------------- */

/* What `server` says may come before the news that the connection is up. */
static void update_online(struct phone *p) {
    int64_t now = phone_now_us(p);
    if (p->server_online)
        p->online_us += now - p->online_since_us;
    p->server_online = p->said_online && p->connected;
    p->online_since_us = now;
}

/* True if the value changed from another; remembers it. */
static bool renew(char known[UUID_TEXT_SIZE], const char *now) {
    bool changed = *known && strcmp(known, now) != 0;
    snprintf(known, UUID_TEXT_SIZE, "%s", now);
    return changed;
}

static void hear_server(struct phone *p, json_t *m) {
    const char *state = json_string_value(json_object_get(m, "state"));
    const char *epoch = json_string_value(json_object_get(m, "epoch"));
    const char *boot = json_string_value(json_object_get(m, "boot"));
    if (!state || !epoch || !boot) {
        phone_complain(p, "server says neither state nor epoch nor boot");
        return;
    }
    bool online = strcmp(state, "online") == 0;
    p->said_online = online;
    update_online(p);
    if (!online)
        return;
    int64_t minute = phone_scaled(p, RANDOM_MINUTE_US);
    int64_t due = phone_now_us(p) + rng_below(&p->rng, (uint32_t)minute + 1);
    bool new_boot = renew(p->boot, boot);
    bool new_epoch = renew(p->epoch, epoch);
    if (new_boot || new_epoch)
        phone_send_all_again(p, due);
    if (new_epoch) {
        phone_send_stored_again(p, due);
        phone_pull_anew(p);
    }
    p->world->counts.boots += new_boot;
    p->world->counts.epochs += new_epoch;
}

/* ---- events --------------------------------------------------------------------------------- */

void phone_connected(struct phone *p, const struct publisher *publisher) {
    p->publisher = *publisher;
    p->connected = true;
    p->blocked = false;
    update_online(p);
    phone_want(p, phone_now_us(p));
}

void phone_disconnected(struct phone *p) {
    p->connected = false;
    p->said_online = false;
    update_online(p);
    phone_pull_lost(p);
}

static struct sent_envelope *sent_by_token(struct phone *p, uint64_t token) {
    for (size_t i = 0; i < SENT_MAX; i++)
        if (p->sent[i].token == token && p->sent[i].waiting)
            return &p->sent[i];
    return NULL;
}

void phone_acked(struct phone *p, uint64_t token) {
    p->blocked = false;
    struct sent_envelope *s = token >= TOKEN_ENVELOPE ? sent_by_token(p, token) : NULL;
    if (!s)
        return;
    s->waiting = false;
    p->in_flight--;
}

void phone_failed(struct phone *p, uint64_t token) {
    p->blocked = false;
    if (token == TOKEN_PULL)
        phone_pull_lost(p);
    struct sent_envelope *s = token >= TOKEN_ENVELOPE ? sent_by_token(p, token) : NULL;
    if (!s)
        return;
    s->waiting = false;
    p->in_flight--;
    for (size_t i = 0; i < s->count; i++) { /* whether the broker has it is not known */
        struct phone_record *r = &p->records[s->records[i]];
        if (r->state == PHONE_SENT)
            r->due_us = 0;
    }
}

static void hear(struct phone *p, const char *leaf, json_t *m, int64_t at_us) {
    if (strcmp(leaf, "receipts") == 0)
        phone_receipts(p, m, at_us);
    else if (strcmp(leaf, "changes") == 0)
        phone_page(p, m, at_us);
    else if (strcmp(leaf, "server") == 0)
        hear_server(p, m);
    else if (strcmp(leaf, "head") == 0)
        phone_head(p, m);
}

void phone_message(struct phone *p, const char *topic, const void *payload, size_t size,
                   int64_t at_us) {
    struct buf text;
    const char *code;
    const char *leaf = strrchr(topic, '/');
    if (size == 0 || !leaf)
        return;
    buf_init(&text, PAYLOAD_EXPANDED_SIZE_MAX);
    bool ok = payload_expand(payload, size, &text, &code);
    json_t *m = ok ? payload_parse(text.data, text.size) : NULL;
    if (m)
        hear(p, leaf + 1, m, at_us);
    else
        phone_complain(p, "%s is not readable", topic);
    json_decref(m);
    buf_fini(&text);
}

int64_t phone_step(struct phone *p) {
    if (!p->connected)
        return INT64_MAX;
    int64_t now = phone_now_us(p);
    int64_t pull = phone_pull_step(p, now);
    int64_t outbox = phone_outbox_step(p, now);
    return pull < outbox ? pull : outbox;
}

void phone_tell_pending(const struct phone *p) {
    int64_t now = phone_now_us(p);
    if (!phone_idle(p))
        phone_complain(p, "pull not complete: asked %.1f s ago, request %s, set %d, %zu sets",
                       (double)(now - p->asked_us) / 1e6, p->req, p->asking, p->set_count);
    for (size_t i = 0; i < p->open_count; i++) {
        const struct phone_record *r = &p->records[p->open[i]];
        if (r->state == PHONE_HELD)
            continue;
        phone_complain(p,
                       "%zu waiting, the first %s state=%d sends=%u group=%u due_s=%.1f "
                       "connected=%d server=%d asks_time=%d in_flight=%zu blocked=%d pulling=%d",
                       phone_pending(p), r->id, (int)r->state, r->sends, r->group,
                       (double)(r->due_us - phone_online_us(p, now)) / 1e6, p->connected,
                       p->server_online, p->asks_time, p->in_flight, p->blocked, p->asking);
        return;
    }
}

size_t phone_record_count(const struct phone *p) {
    return p->record_count;
}

struct phone_memory phone_record_at(const struct phone *p, size_t index) {
    const struct phone_record *r = &p->records[index];
    return (struct phone_memory){r->id, r->state, r->refused, r->text, r->size};
}
