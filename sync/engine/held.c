/* Held records are judged again when the authority that they lack may have come (protocol §5). */
#include "hlc.h"
#include "logged.h"
#include "merge.h"
#include "pipeline.h"
#include "place.h"
#include "secret.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MARKS_MAX 256 /* rows of `dirty` looked at in one transaction */

/* A record that waits, as the lists of them tell it. */
struct waiting {
    int64_t rec;
    bool in_batch;
    unsigned char batch[16];
};

struct held {
    struct logged row;
    char device[64];
    char via[64];
    int64_t seq;
    bool cleared; /* it came by another path that has the authority */
    char *body;
    json_t *json;
    struct record record;
    struct place where;
    enum { WAITS, READY, REFUSED } state;
};

/* Those of one envelope, or one alone. */
struct group {
    struct held *list;
    size_t count;
};

static void load_group(struct core *c, const struct waiting *w, struct group *g) {
    sqlite3_stmt *q = store_query(c->store, w->in_batch ? "held_batch" : "held_one");
    *g = (struct group){0};
    if (w->in_batch)
        q_blob(q, 1, w->batch, sizeof w->batch);
    else
        q_int(q, 1, w->rec);
    while (q_row(c->store, q)) {
        g->list = realloc(g->list, (g->count + 1) * sizeof *g->list);
        char *body = strdup(q_col(q, LOGGED_COLUMNS + 3));
        if (!g->list || !body)
            abort();
        struct held *h = &g->list[g->count++];
        memset(h, 0, sizeof *h);
        logged_read(c, q, &h->row);
        snprintf(h->device, sizeof h->device, "%s", q_col(q, LOGGED_COLUMNS));
        snprintf(h->via, sizeof h->via, "%s", q_col(q, LOGGED_COLUMNS + 1));
        h->seq = sqlite3_column_int64(q, LOGGED_COLUMNS + 2);
        h->cleared = sqlite3_column_int(q, LOGGED_COLUMNS + 4);
        h->body = body;
    }
}

static void free_group(struct group *g) {
    for (size_t i = 0; i < g->count; i++) {
        record_fini(&g->list[i].record);
        json_decref(g->list[i].json);
        free(g->list[i].body);
    }
    free(g->list);
}

/* A review counts by another than the author, inside the reviewer's area of the register, by a role
 * of the form's x-area-roles; of a secret record, by one that sees leads. */
static bool review_counts(struct core *c, const struct logged *review, const struct held *h) {
    const struct cadre *by = authority_cadre(c->authority, review->author, review->hlc);
    uint32_t roles = h->row.sensitivity == SECRET_CLASS ? c->lead_roles
                     : review->form                     ? review->form->area_roles
                                                        : 0;
    return by && (by->role & roles) && strcmp(review->author, h->row.author) != 0 &&
           (!*h->where.code || cadre_covers(by, h->where.code));
}

/* An acceptance gives nothing that the reviewer's own role may not do. */
static bool acceptance_counts(struct core *c, const struct logged *review, const struct held *h) {
    const struct claim claim = {.device = h->device,
                                .author = h->row.author,
                                .hlc = h->row.hlc,
                                .form = h->record.form,
                                .gates = h->record.gates};
    return authority_may_accept(c->authority, &claim,
                                authority_cadre(c->authority, review->author, review->hlc));
}

/* Any acceptance that counts releases, whatever refusals exist; otherwise a refusal refuses. */
static void look_for_reviews(struct core *c, struct held *h) {
    sqlite3_stmt *q = store_query(c->store, "reviews_of");
    q_text(q, 1, h->row.id_text);
    while (q_row(c->store, q)) {
        struct logged review;
        logged_read(c, q, &review);
        if (review.has_amends || !review_counts(c, &review, h))
            continue;
        bool accepts = sqlite3_column_int(q, LOGGED_COLUMNS);
        if (accepts && acceptance_counts(c, &review, h))
            h->state = READY;
        else if (!accepts && h->state == WAITS)
            h->state = REFUSED;
    }
}

static void judge_again(struct pipeline *p, struct held *h) {
    struct core *c = p->core;
    struct problems missing = {0};
    h->json = json_loads(h->body, 0, NULL);
    if (!h->json)
        return;
    record_read(&h->record, c->catalog, c->form_run, h->json,
                (struct slice){h->body, strlen(h->body)});
    if (h->record.state != RECORD_FIT)
        return;
    place_find(c, &h->record, &h->where);
    if (h->cleared || pipeline_authorised(p, h->device, h->via, &h->record, &h->where, &missing))
        h->state = READY;
    else
        look_for_reviews(c, h);
    problems_fini(&missing);
}

/* An atomic envelope leaves as one: while any of it waits, all do; a refusal refuses all. */
static void bind_together(struct group *g) {
    bool refused = false;
    bool waits = false;
    for (size_t i = 0; i < g->count; i++) {
        refused = refused || g->list[i].state == REFUSED;
        waits = waits || g->list[i].state == WAITS;
    }
    for (size_t i = 0; i < g->count && (refused || waits); i++)
        g->list[i].state = refused ? REFUSED : WAITS;
}

static void settle(struct pipeline *p, struct held *h) {
    if (h->state == WAITS || (h->state == REFUSED && h->row.outcome == OUTCOME_REFUSED))
        return;
    bool stored = h->state == READY;
    struct problems why = {0};
    if (!stored)
        problems_add_code(&why, "refused", "");
    char *refused = problems_text(&why);
    logged_set_outcome(p->core, h->row.rec, stored ? OUTCOME_STORED : OUTCOME_REFUSED, refused);
    if (stored) {
        /* What it is about may have been stored a moment ago. */
        place_find(p->core, &h->record, &h->where);
        merge_stored(p->core, &h->record, h->row.rec, &h->where, MERGE_RELEASED);
    }
    char code[SECRET_CODE_SIZE];
    /* No form: its file went while the record was held, and its envelope was refused. */
    bool of_secret = h->row.form && h->row.form->kind == FORM_SECRET;
    bool coded = stored && of_secret;
    if (coded)
        secret_code(p->core, h->row.id, code);
    receipts_add(p->receipts, h->device, h->via,
                 &(struct receipt){.id = h->row.id_text,
                                   .seq = h->seq,
                                   .outcome = stored ? "stored" : "rejected",
                                   .errors = &why,
                                   .code = coded ? code : NULL});
    free(refused);
    problems_fini(&why);
    if (p->metrics && !secret_is(h->row.form, &h->where))
        metrics_add(p->metrics, stored ? METRIC_STORED : METRIC_REJECTED, 1);
}

static void review(struct pipeline *p, const struct waiting *w) {
    struct group g;
    load_group(p->core, w, &g);
    for (size_t i = 0; i < g.count; i++)
        judge_again(p, &g.list[i]);
    bind_together(&g);
    for (size_t i = 0; i < g.count; i++)
        settle(p, &g.list[i]);
    free_group(&g);
}

/* ---------------------------------------------------------------- which */

struct waiting_list {
    struct waiting *list;
    size_t count, capacity;
};

/* The rows of a statement over `rec` and `batch`; an envelope whose records lie side by side once.
 */
static void add_waiting(struct core *c, sqlite3_stmt *q, struct waiting_list *l) {
    while (q_row(c->store, q)) {
        struct waiting w = {.rec = sqlite3_column_int64(q, 0),
                            .in_batch = sqlite3_column_bytes(q, 1) == sizeof w.batch};
        if (w.in_batch)
            memcpy(w.batch, sqlite3_column_blob(q, 1), sizeof w.batch);
        const struct waiting *last = l->count ? &l->list[l->count - 1] : NULL;
        if (w.in_batch && last && last->in_batch && memcmp(last->batch, w.batch, 16) == 0)
            continue;
        if (l->count == l->capacity) {
            l->capacity = l->capacity ? l->capacity * 2 : 16;
            l->list = realloc(l->list, l->capacity * sizeof *l->list);
            if (!l->list)
                abort();
        }
        l->list[l->count++] = w;
    }
}

/* What a row of `dirty` names: everything, a record, or a cadre whose authority changed. */
static void add_marked(struct core *c, const char *mark, struct waiting_list *l) {
    static const char *const all[] = {"held_all", "refused_all"};
    static const char *const of_cadre[] = {"held_of_cadre", "refused_of_cadre"};
    unsigned char id[16];
    if (uuid7_parse(mark, strlen(mark), id)) {
        sqlite3_stmt *q = store_query(c->store, "held_by_id");
        q_blob(q, 1, id, sizeof id);
        add_waiting(c, q, l);
        return;
    }
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *q = store_query(c->store, *mark ? of_cadre[i] : all[i]);
        if (*mark)
            q_text(q, 1, mark);
        add_waiting(c, q, l);
    }
}

/* Takes rows off `dirty`, the one that names everything first, and finds what they name; false if
 * there are none. */
static bool take_marks(struct core *c, struct waiting_list *l) {
    char marks[HELD_MARKS_MAX][40];
    size_t count = 0;
    sqlite3_stmt *q = store_query(c->store, "held_marks");
    q_int(q, 1, HELD_MARKS_MAX);
    while (q_row(c->store, q))
        snprintf(marks[count++], sizeof marks[0], "%s", q_col(q, 0));
    if (count == 0)
        return false;
    bool everything = !*marks[0];
    q = store_query(c->store, "held_marks_done");
    q_text(q, 1, everything ? "~" : marks[count - 1]);
    q_done(c->store, q);
    for (size_t i = 0; i < (everything ? 1 : count); i++)
        add_marked(c, marks[i], l);
    return true;
}

bool pipeline_review_held(struct pipeline *p) {
    struct waiting_list l = {0};
    bool any = take_marks(p->core, &l);
    for (size_t i = 0; i < l.count; i++)
        review(p, &l.list[i]);
    free(l.list);
    return any;
}
