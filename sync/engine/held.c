/* Held records are judged again when the authority that they lack may have come (protocol §5). */
#include "logged.h"
#include "merge.h"
#include "pipeline.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>

struct held {
    struct logged row;
    char device[64];
    char via[64];
    int64_t seq;
    char *body;
    json_t *json;
    struct record record;
    struct place where;
    enum { WAITS, READY, REFUSED } state;
};

static size_t load_page(struct core *c, const char *query, int64_t after, struct held **ret) {
    sqlite3_stmt *q = store_query(c->store, query);
    size_t count = 0;
    *ret = NULL;
    q_int(q, 1, after);
    while (q_row(c->store, q)) {
        *ret = realloc(*ret, (count + 1) * sizeof **ret);
        char *body = strdup(q_col(q, 15));
        if (!*ret || !body)
            abort();
        struct held *h = &(*ret)[count++];
        memset(h, 0, sizeof *h);
        logged_read(c, q, &h->row);
        snprintf(h->device, sizeof h->device, "%s", q_col(q, 12));
        snprintf(h->via, sizeof h->via, "%s", q_col(q, 13));
        h->seq = sqlite3_column_int64(q, 14);
        h->body = body;
    }
    return count;
}

/* A review counts by another than the author, inside the reviewer's area of the register. */
static bool review_counts(struct core *c, const struct logged *review, const struct held *h) {
    const struct cadre *by = authority_cadre(c->authority, review->author, review->hlc);
    return by && strcmp(review->author, h->row.author) != 0 &&
           (!*h->where.code || cadre_covers(by, h->where.code));
}

/* Any acceptance releases, whatever refusals exist; otherwise a refusal refuses. */
static void look_for_reviews(struct core *c, struct held *h) {
    sqlite3_stmt *q = store_query(c->store, "reviews_of");
    q_text(q, 1, h->row.id_text);
    while (q_row(c->store, q)) {
        struct logged review;
        logged_read(c, q, &review);
        if (review.has_amends || !review_counts(c, &review, h))
            continue;
        if (sqlite3_column_int(q, 12))
            h->state = READY;
        else if (h->state == WAITS)
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
    place_resolve(c, h->record.subject, &h->record.place, &h->where);
    if (pipeline_authorised(p, h->device, h->via, &h->record, &h->where, &missing))
        h->state = READY;
    else
        look_for_reviews(c, h);
    problems_fini(&missing);
}

/* An atomic envelope leaves as one: while any of it waits, all do; a refusal refuses all. */
static void bind_batch(struct held *all, size_t count, struct held *h) {
    for (size_t i = 0; i < count && h->row.in_batch; i++) {
        if (!all[i].row.in_batch || memcmp(all[i].row.batch, h->row.batch, 16) != 0)
            continue;
        if (all[i].state == REFUSED || (all[i].state == WAITS && h->state == READY))
            h->state = all[i].state;
    }
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
        place_resolve(p->core, h->record.subject, &h->record.place, &h->where);
        merge_stored(p->core, &h->record, h->row.rec, &h->where, true);
    }
    receipts_add(p->receipts, h->device, h->via,
                 &(struct receipt){.id = h->row.id_text,
                                   .seq = h->seq,
                                   .outcome = stored ? "stored" : "rejected",
                                   .errors = &why});
    free(refused);
    problems_fini(&why);
    if (p->metrics)
        metrics_add(p->metrics, stored ? METRIC_STORED : METRIC_REJECTED, 1);
}

/* Batches are bound within a page: an envelope's records lie side by side in the log, and a page
 * that ends inside a batch gives its last batch to the next page. */
static size_t whole_batches(const struct held *all, size_t count, size_t page_size) {
    if (count < page_size || !all[count - 1].row.in_batch)
        return count;
    size_t n = count;
    while (n > 0 && all[n - 1].row.in_batch &&
           memcmp(all[n - 1].row.batch, all[count - 1].row.batch, 16) == 0)
        n--;
    return n ? n : count;
}

static void review(struct pipeline *p, const char *query) {
    int64_t after = 0;
    for (;;) {
        struct held *all;
        size_t loaded = load_page(p->core, query, after, &all);
        size_t count = whole_batches(all, loaded, HELD_PAGE);
        for (size_t i = 0; i < count; i++)
            judge_again(p, &all[i]);
        for (size_t i = 0; i < count; i++)
            bind_batch(all, count, &all[i]);
        for (size_t i = 0; i < count; i++)
            settle(p, &all[i]);
        if (count)
            after = all[count - 1].row.rec;
        for (size_t i = 0; i < loaded; i++) {
            record_fini(&all[i].record);
            json_decref(all[i].json);
            free(all[i].body);
        }
        free(all);
        if (loaded < HELD_PAGE)
            return;
    }
}

void pipeline_review_held(struct pipeline *p) {
    review(p, "record_held");
    review(p, "record_refused");
}
