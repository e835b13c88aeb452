/* The pull (protocol §8): the phone's copy of what it may read, and how it is kept true. */
#include "phone_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_US INT64_C(30000000)
#define ASK_AGAIN_US_MAX INT64_C(3600000000)
#define ASK_AGAIN_US_FLOOR INT64_C(5000000) /* however time is scaled: a page takes real time */
#define HEAD_DELAY_US INT64_C(10000000)
#define DAY_US INT64_C(86400000000)
#define KEY_SIZE (PHONE_ID_SIZE + 64)

static const char *const kind_names[KIND_COUNT] = {"division",   "household", "person",
                                                   "project",    "finding",   "task",
                                                   "assignment", "record",    "held"};

static int kind_by_name(const char *name) {
    for (int i = 0; name && i < KIND_COUNT; i++)
        if (strcmp(kind_names[i], name) == 0)
            return i;
    return -1;
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* ---- the copy ------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct copy *c) {
    char text[KEY_SIZE + 32];
    unsigned char digest[SHA256_SIZE];
    int size =
        snprintf(text, sizeof text, "%s%c%s%c%" PRId64, kind_names[c->kind], 0, c->id, 0, c->rev);
    sha256(text, (size_t)size, digest);
    return hash_head64(digest);
}

static void copy_key(char out[KEY_SIZE], int kind, const char *id) {
    snprintf(out, KEY_SIZE, "%d %s", kind, id);
}

struct copy *phone_copy(const struct phone *p, int kind, const char *id) {
    char key[KEY_SIZE];
    copy_key(key, kind, id);
    return strmap_get(&p->copies, key);
}

static void ids_add(struct phone *p, struct copy *c) {
    struct ids *ids = &p->ids[c->kind];
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity ? ids->capacity * 2 : 64;
        ids->list = realloc(ids->list, ids->capacity * sizeof(struct copy *));
        if (!ids->list)
            abort();
    }
    ids->list[ids->count++] = c;
}

/* Never freed before the phone: what is gone stays as an absent entry. */
static struct copy *copy_make(struct phone *p, int kind, const char *id) {
    char key[KEY_SIZE];
    struct copy *c = phone_copy(p, kind, id);
    if (c)
        return c;
    size_t size = strlen(id) + 1;
    c = calloc(1, sizeof *c + size);
    if (!c)
        abort();
    c->kind = kind;
    memcpy(c->id, id, size);
    copy_key(key, kind, id);
    strmap_set(&p->copies, key, c);
    ids_add(p, c);
    return c;
}

static void count_member(struct phone *p, struct copy *person, bool lives) {
    char household[PHONE_ID_SIZE];
    const char *end = strrchr(person->id, '-');
    if (person->lives == lives || !end)
        return;
    person->lives = lives;
    snprintf(household, sizeof household, "%.*s", (int)(end - person->id), person->id);
    struct copy *h = copy_make(p, KIND_HOUSEHOLD, household);
    h->members += lives ? 1 : -1U;
}

static void copy_remove(struct phone *p, struct copy *c) {
    count_member(p, c, false);
    if (c->present) {
        p->sums[c->kind] -= c->hash;
        p->counts[c->kind]--;
    }
    c->present = false;
    json_decref(c->seen);
    c->seen = NULL;
}

struct copy *phone_pick(struct phone *p, int kind) {
    const struct ids *ids = &p->ids[kind];
    for (int tries = 0; tries < 8 && ids->count; tries++) {
        struct copy *c = ids->list[rng_below(&p->rng, (uint32_t)ids->count)];
        if (c->present)
            return c;
    }
    return NULL;
}

static void drop_kinds(struct phone *p, unsigned kinds) {
    for (int k = 0; k < KIND_COUNT; k++)
        for (size_t i = 0; kinds >> k & 1 && i < p->ids[k].count; i++)
            copy_remove(p, p->ids[k].list[i]);
}

static void free_copy(void *value) {
    struct copy *c = value;
    json_decref(c->seen);
    free(c);
}

/* ---- what to ask for ------------------------------------------------------------------------ */

static unsigned kinds_of(const char *list) {
    unsigned kinds = 0;
    for (int i = 0; i < KIND_COUNT; i++) {
        char quoted[32];
        snprintf(quoted, sizeof quoted, "\"%s\"", kind_names[i]);
        if (!list || strstr(list, quoted))
            kinds |= 1u << i;
    }
    return kinds;
}

void phone_pull_init(struct phone *p) {
    unsigned kinds = kinds_of(p->options.kinds);
    unsigned tasks = 1u << KIND_TASK;
    p->asking = -1;
    p->head_seq = -1;
    if (p->options.tasks_first && kinds != tasks && (kinds & tasks)) {
        p->sets[p->set_count++].kinds = tasks;
        kinds &= ~tasks;
    }
    p->sets[p->set_count++].kinds = kinds;
    for (size_t i = 0; i < p->set_count; i++)
        p->sets[i].seq = -1;
}

void phone_pull_fini(struct phone *p) {
    strmap_clear(&p->copies, free_copy);
    for (int k = 0; k < KIND_COUNT; k++)
        free(p->ids[k].list);
    for (size_t i = 0; i < p->set_count; i++)
        free(p->sets[i].cursor);
}

void phone_want(struct phone *p, int64_t due_us) {
    for (size_t i = 0; i < p->set_count; i++) {
        struct pull_set *s = &p->sets[i];
        if (!s->wanted || s->due_us > due_us)
            s->due_us = due_us;
        s->wanted = true;
    }
}

static void begin_anew(struct pull_set *s) {
    free(s->cursor);
    s->cursor = NULL;
    s->seq = -1;
}

void phone_pull_anew(struct phone *p) {
    for (size_t i = 0; i < p->set_count; i++)
        begin_anew(&p->sets[i]);
    p->asking = -1; /* a page on its way is of another epoch */
    phone_want(p, phone_now_us(p));
}

void phone_pull_lost(struct phone *p) {
    if (p->asking < 0)
        return;
    struct pull_set *s = &p->sets[p->asking];
    s->wanted = true;
    s->due_us = 0;
    p->asking = -1;
}

bool phone_idle(const struct phone *p) {
    bool idle = p->asking < 0;
    for (size_t i = 0; i < p->set_count; i++)
        idle = idle && !p->sets[i].wanted && p->sets[i].seq >= 0;
    return idle;
}

static void write_request(struct phone *p, const struct pull_set *s, struct buf *out) {
    bool all = s->kinds == kinds_of(NULL);
    buf_add_fmt(out, "{\"v\":1,\"req\":\"%s\",\"cursor\":", p->req);
    if (s->cursor)
        buf_add_json_str(out, s->cursor, strlen(s->cursor));
    else
        buf_add_str(out, "null");
    const char *separator = ",\"kinds\":[";
    for (int k = 0; k < KIND_COUNT && !all; k++) {
        if (!(s->kinds >> k & 1))
            continue;
        buf_add_fmt(out, "%s\"%s\"", separator, kind_names[k]);
        separator = ",";
    }
    buf_add_fmt(out, "%s,\"limit\":500%s,\"app\":\"simulate 1\"}", all ? "" : "]",
                p->options.zlib ? ",\"accept\":[\"zlib\"]" : "");
}

static bool ask(struct phone *p, int set, int64_t now_us) {
    char topic[TOPIC_SIZE_MAX];
    struct buf request;
    buf_init(&request, 4096);
    snprintf(p->req, sizeof p->req, "q%u", ++p->req_count);
    write_request(p, &p->sets[set], &request);
    snprintf(topic, sizeof topic, "zf/1/%s/up/%s/pull", p->options.county, p->options.device);
    struct outgoing m = {
        .topic = topic, .payload = request.data, .size = request.size, .token = TOKEN_PULL};
    bool taken = p->publisher.publish(p->publisher.ctx, &m);
    buf_fini(&request);
    if (!taken)
        return false;
    p->world->counts.pulls++;
    p->asking = set;
    p->asked_us = now_us;
    p->sets[set].wanted = false;
    return true;
}

int64_t phone_pull_step(struct phone *p, int64_t now_us) {
    if (p->asking >= 0) {
        int64_t again = p->asked_us + p->ask_wait_us;
        if (!p->server_online)
            return INT64_MAX;
        if (again > now_us)
            return again;
        p->ask_wait_us *= p->ask_wait_us * 2 < ASK_AGAIN_US_MAX ? 2 : 1;
        phone_pull_lost(p);
    } else {
        int64_t wait = phone_scaled(p, ASK_AGAIN_US);
        p->ask_wait_us = wait > ASK_AGAIN_US_FLOOR ? wait : ASK_AGAIN_US_FLOOR;
    }
    int64_t next = INT64_MAX;
    for (int i = 0; i < (int)p->set_count; i++) {
        const struct pull_set *s = &p->sets[i];
        if (!s->wanted)
            continue;
        if (s->due_us <= now_us)
            return ask(p, i, now_us) ? now_us + p->ask_wait_us : INT64_MAX;
        next = s->due_us < next ? s->due_us : next;
    }
    return next;
}

/* ---- what comes ----------------------------------------------------------------------------- */

static void see_conflicts(struct phone *p, json_t *conflicts) {
    size_t i;
    json_t *conflict;
    json_array_foreach(conflicts, i, conflict) {
        phone_saw_stamp(p, text_of(json_object_get(conflict, "winner"), "hlc"));
        phone_saw_stamp(p, text_of(json_object_get(conflict, "loser"), "hlc"));
    }
}

static void take_doc(struct phone *p, struct copy *c, json_t *change) {
    struct phone_world *w = p->world;
    json_t *doc = json_object_get(change, "doc");
    json_decref(c->seen);
    c->seen = json_incref(json_object_get(change, "seen"));
    see_conflicts(p, json_object_get(change, "conflicts"));
    phone_saw_stamp(p, text_of(doc, "hlc"));
    if (c->kind == KIND_TASK) {
        const char *state = text_of(doc, "state");
        c->open = state && strcmp(state, "closed") != 0 && strcmp(state, "void") != 0;
    }
    if (c->kind == KIND_PERSON)
        count_member(p, c,
                     !json_is_string(json_object_get(doc, "status")) ||
                         strcmp(text_of(doc, "status"), "current") == 0);
    if (c->kind == KIND_DIVISION) {
        c->lat = json_number_value(json_object_get(doc, "lat"));
        c->lng = json_number_value(json_object_get(doc, "lng"));
    }
    if (c->kind == KIND_HOUSEHOLD && rng_below(&p->rng, 8) == 0)
        snprintf(w->foreign[w->foreign_seen++ % PHONE_FOREIGN_MAX], PHONE_ID_SIZE, "%s", c->id);
}

static void take_change(struct phone *p, json_t *change) {
    const char *id = text_of(change, "id");
    const char *gone = text_of(change, "gone");
    int kind = kind_by_name(text_of(change, "kind"));
    if (kind < 0 || !id || strlen(id) >= KEY_SIZE - 16) {
        phone_complain(p, "a change without kind or id");
        return;
    }
    p->world->counts.changes++;
    struct copy *c = copy_make(p, kind, id);
    if (gone) { /* shown until no record in the outbox is about it, but counted no more */
        copy_remove(p, c);
        return;
    }
    int64_t rev = json_integer_value(json_object_get(change, "rev"));
    copy_remove(p, c);
    c->rev = rev;
    c->hash = hash_of(c);
    c->present = true;
    p->sums[kind] += c->hash;
    p->counts[kind]++;
    take_doc(p, c, change);
}

static void check_digest(struct phone *p, struct pull_set *s, json_t *digest) {
    uint64_t sum = 0;
    int64_t count = 0;
    char hex[17];
    for (int k = 0; k < KIND_COUNT; k++) {
        sum += s->kinds >> k & 1 ? p->sums[k] : 0;
        count += s->kinds >> k & 1 ? p->counts[k] : 0;
    }
    snprintf(hex, sizeof hex, "%016" PRIx64, sum);
    const char *theirs = text_of(digest, "sum");
    p->world->counts.digests++;
    if (theirs && strcmp(theirs, hex) == 0 &&
        json_integer_value(json_object_get(digest, "count")) == count)
        return;
    p->world->counts.digest_mismatches++;
    phone_complain(
        p, "digest of its copy %" PRId64 " %s, of the server's %" JSON_INTEGER_FORMAT " %s", count,
        hex, json_integer_value(json_object_get(digest, "count")), theirs ? theirs : "none");
    int64_t now = phone_now_us(p);
    if (s->renewed_us && now - s->renewed_us < phone_scaled(p, DAY_US))
        return;
    s->renewed_us = now;
    begin_anew(s);
    s->wanted = true;
    s->due_us = now;
}

static void take_end(struct phone *p, struct pull_set *s, json_t *page) {
    s->seq = json_integer_value(json_object_get(page, "seq"));
    check_digest(p, s, json_object_get(page, "digest"));
    if (p->head_seq > s->seq && !s->wanted) {
        s->wanted = true;
        s->due_us = phone_now_us(p);
    }
}

static void take_page(struct phone *p, struct pull_set *s, json_t *page) {
    const char *cursor = text_of(page, "cursor");
    p->world->counts.pages++;
    if (json_is_true(json_object_get(page, "reset"))) {
        p->world->counts.resets++;
        drop_kinds(p, s->kinds);
    }
    size_t i;
    json_t *change;
    json_array_foreach(json_object_get(page, "changes"), i, change) take_change(p, change);
    free(s->cursor);
    s->cursor = cursor ? strdup(cursor) : NULL;
    if (!json_is_true(json_object_get(page, "more"))) {
        take_end(p, s, page);
        return;
    }
    s->wanted = true;
    s->due_us = 0;
}

static void take_refusal(struct phone *p, struct pull_set *s, const json_t *error) {
    json_int_t after_ms = json_integer_value(json_object_get(error, "after_ms"));
    const char *code = text_of(error, "code");
    if (!code || strcmp(code, "busy") != 0)
        phone_complain(p, "pull refused: %s", code ? code : "no code");
    s->wanted = true;
    s->due_us = phone_now_us(p) + 1000 * (after_ms > 0 ? after_ms : 60000);
}

void phone_page(struct phone *p, json_t *page, int64_t at_us) {
    const json_t *req = json_object_get(page, "req");
    const char *epoch = text_of(page, "epoch");
    json_t *error = json_object_get(page, "error");
    if (json_is_null(req)) { /* scope or role changed */
        p->world->counts.scope_pages++;
        phone_want(p, phone_now_us(p));
        return;
    }
    if (p->asking < 0 || !json_is_string(req) || strcmp(json_string_value(req), p->req) != 0)
        return;
    struct pull_set *s = &p->sets[p->asking];
    p->asking = -1;
    if (error) {
        take_refusal(p, s, error);
        return;
    }
    if (*p->epoch && (!epoch || strcmp(epoch, p->epoch) != 0)) {
        s->wanted = true; /* `server` will say which it is */
        s->due_us = phone_now_us(p) + phone_scaled(p, HEAD_DELAY_US);
        return;
    }
    phone_saw_time(p, text_of(page, "time"), at_us - p->asked_us);
    take_page(p, s, page);
}

void phone_head(struct phone *p, json_t *head) {
    int64_t seq = json_integer_value(json_object_get(head, "seq"));
    if (seq <= p->head_seq)
        return;
    p->head_seq = seq;
    int64_t delay = phone_scaled(p, HEAD_DELAY_US);
    int64_t due = phone_now_us(p) + rng_below(&p->rng, (uint32_t)delay + 1);
    for (size_t i = 0; i < p->set_count; i++) {
        struct pull_set *s = &p->sets[i];
        if (s->seq >= seq || s->wanted)
            continue;
        s->wanted = true;
        s->due_us = due;
    }
}
