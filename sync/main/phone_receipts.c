#include "phone_private.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static bool has_code(const json_t *receipt, const char *code) {
    size_t i;
    json_t *error;
    json_array_foreach(json_object_get(receipt, "errors"), i, error) {
        const char *found = text_of(error, "code");
        if (found && strcmp(found, code) == 0)
            return true;
    }
    return false;
}

static struct phone_record *record_of(struct phone *p, const json_t *receipt) {
    const char *id = text_of(receipt, "id");
    uintptr_t index = id ? (uintptr_t)strmap_get(&p->by_id, id) : 0;
    return index ? &p->records[index - 1] : NULL;
}

static void note_latency(struct phone_world *w, int64_t us) {
    if (w->latency_count == w->latency_capacity) {
        w->latency_capacity = w->latency_capacity ? w->latency_capacity * 2 : 4096;
        w->latencies_us = realloc(w->latencies_us, w->latency_capacity * sizeof *w->latencies_us);
        if (!w->latencies_us)
            abort();
    }
    w->latencies_us[w->latency_count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* The whole payload could not be read: its records travel one by one from now on. */
static void take_refusal(struct phone *p, const json_t *receipt) {
    const char *hex = text_of(receipt, "payload");
    p->world->counts.payloads_refused++;
    for (size_t i = 0; hex && i < SENT_MAX; i++) {
        char own[SHA256_HEX_SIZE];
        struct sent_envelope *s = &p->sent[i];
        hex_encode(s->hash, SHA256_SIZE, own);
        if (!s->token || strcmp(own, hex) != 0)
            continue;
        for (size_t k = 0; k < s->count; k++) {
            struct phone_record *r = &p->records[s->records[k]];
            r->single = !r->group;
            if (r->state == PHONE_SENT)
                r->due_us = 0;
        }
        return;
    }
}

/* A refused record keeps its atomic companions back: they are to go without it. */
static void dissolve(struct phone *p, unsigned group) {
    for (size_t i = 0; group && i < p->open_count; i++) {
        struct phone_record *r = &p->records[p->open[i]];
        if (r->group == group)
            r->group = 0;
    }
}

static void take_retry(struct phone *p, struct phone_record *r, const json_t *receipt) {
    p->world->counts.retries++;
    if (r->state != PHONE_SENT && r->state != PHONE_UNSENT)
        return; /* an older answer */
    phone_set_state(p, r, PHONE_UNSENT);
    r->due_us = phone_now_us(p) +
                phone_scaled(p, 1000 * json_integer_value(json_object_get(receipt, "after_ms")));
    if (!has_code(receipt, "clock_ahead"))
        return;
    if (!p->asks_time)
        phone_want(p, phone_now_us(p));
    p->asks_time = true;
    r->ahead = true;
}

static void tell_unexpected(struct phone *p, const struct phone_record *r, const json_t *receipt) {
    char *errors = json_dumps(json_object_get(receipt, "errors"), JSON_COMPACT);
    p->world->counts.unexpected++;
    phone_complain(p, "rejected: %.*s: %s", (int)(r->size < 400 ? r->size : 400), r->text,
                   errors ? errors : "");
    free(errors);
}

/* A refusal by a reviewer gives way to another's acceptance; nothing else is taken back. */
static void take_outcome(struct phone *p, struct phone_record *r, enum phone_state state,
                         const json_t *receipt, int64_t at_us) {
    if (r->state == state)
        return;
    bool final = r->state == PHONE_STORED || r->state == PHONE_REJECTED;
    bool refused = has_code(receipt, "refused");
    if (final && (state == PHONE_HELD || refused))
        return; /* an older receipt */
    if (final && !r->refused) {
        p->world->counts.contradictions++;
        phone_complain(p, "%s was told %s before", r->id,
                       state == PHONE_STORED ? "rejected" : "stored");
        return;
    }
    r->refused = refused;
    if (r->state == PHONE_HELD)
        p->world->counts.released++;
    else if (r->sends)
        note_latency(p->world, at_us - r->first_us);
    phone_set_state(p, r, state);
    if (state != PHONE_REJECTED)
        return;
    dissolve(p, r->group);
    if (!r->wrong && !refused)
        tell_unexpected(p, r, receipt);
}

static bool outcome_state(const char *outcome, enum phone_state *ret) {
    static const struct {
        const char *name;
        enum phone_state state;
    } names[] = {{"stored", PHONE_STORED}, {"held", PHONE_HELD}, {"rejected", PHONE_REJECTED}};
    for (size_t i = 0; outcome && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, outcome) == 0) {
            *ret = names[i].state;
            return true;
        }
    return false;
}

/* The stamp that the server stored is the record's. */
static void adopt_stamp(struct phone *p, struct phone_record *r, const char *stamp) {
    int64_t hlc;
    if (!stamp || !hlc_parse(stamp, strlen(stamp), &hlc))
        return;
    r->hlc = hlc;
    memcpy(r->text + r->hlc_at, stamp, HLC_TEXT_SIZE - 1);
    phone_saw_stamp(p, stamp);
}

static void take_receipt(struct phone *p, const json_t *receipt, int64_t at_us) {
    const char *outcome = text_of(receipt, "outcome");
    struct phone_record *r = record_of(p, receipt);
    enum phone_state state;
    p->world->counts.receipts++;
    if (json_is_null(json_object_get(receipt, "id"))) {
        take_refusal(p, receipt);
        return;
    }
    if (!r || !outcome) {
        phone_complain(p, "a receipt for a record that it never wrote");
        p->world->counts.contradictions++;
        return;
    }
    if (strcmp(outcome, "retry") == 0) {
        take_retry(p, r, receipt);
        return;
    }
    if (strcmp(outcome, "duplicate") == 0) {
        p->world->counts.duplicates++;
        adopt_stamp(p, r, text_of(receipt, "hlc"));
        outcome = text_of(receipt, "was");
    }
    if (outcome_state(outcome, &state))
        take_outcome(p, r, state, receipt, at_us);
    else
        phone_complain(p, "an outcome that the protocol does not know");
}

/* Only the answer to a record that was sent once, lately, tells the time. */
static int64_t round_of(struct phone *p, const json_t *receipts, int64_t at_us) {
    const struct phone_record *r = record_of(p, json_array_get(receipts, 0));
    return r && r->sends == 1 && r->state == PHONE_SENT ? at_us - r->last_us : -1;
}

void phone_receipts(struct phone *p, json_t *m, int64_t at_us) {
    const char *epoch = text_of(m, "epoch");
    const char *device = text_of(m, "device");
    json_t *receipts = json_object_get(m, "receipts");
    if (!epoch || !device || strcmp(device, p->options.device) != 0) {
        phone_complain(p, "receipts without epoch or for another device");
        p->world->counts.contradictions++;
        return;
    }
    if (strcmp(epoch, p->epoch) != 0) {
        p->world->counts.receipts_ignored += json_array_size(receipts);
        return;
    }
    phone_saw_time(p, text_of(m, "time"), round_of(p, receipts, at_us));
    size_t i;
    json_t *receipt;
    json_array_foreach(receipts, i, receipt) take_receipt(p, receipt, at_us);
}
