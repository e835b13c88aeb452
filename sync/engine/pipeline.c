#include "pipeline.h"

#include "bounds.h"
#include "hlc.h"
#include "log.h"
#include "logged.h"
#include "merge.h"
#include "place.h"
#include "secret.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FORM_MS 3600000 /* a newer catalogue may come */
#define RETRY_CLOCK_MS 5000
#define RETRY_ATOMIC_MS 5000

static const char *const outcome_names[] = {"", "stored", "held", "rejected", "rejected"};
static const enum metric outcome_metrics[] = {METRIC_STORED, METRIC_STORED, METRIC_HELD,
                                              METRIC_REJECTED, METRIC_REJECTED};

/* What is to become of a record. */
struct verdict {
    enum { TAKE, DUPLICATE, CONFLICT, RETRY } what;
    enum outcome outcome;     /* of TAKE */
    struct problems problems; /* errors, or warnings of a stored record */
    struct place where;
    int64_t after_ms;    /* of RETRY */
    struct logged known; /* of DUPLICATE */
};

/* Secret records are not counted: nobody is to tell from figures that there were any. */
static void count(struct pipeline *p, enum metric id, bool secret) {
    if (p->metrics && !secret)
        metrics_add(p->metrics, id, 1);
}

/* ---------------------------------------------------------------- judging */

bool pipeline_authorised(struct pipeline *p, const char *device, const char *via,
                         const struct record *r, const struct place *where,
                         struct problems *missing) {
    if (strcmp(r->author, IMPORT_AUTHOR) == 0)
        return true;
    struct form_fact facts[FORM_WRITES_MAX];
    size_t n =
        r->form->write_count ? form_facts(r->form, json_object_get(r->json, "data"), facts) : 0;
    struct subject at = where->at;
    if (!where->named)
        at.place[0] = '\0';
    const struct claim claim = {.device = device,
                                .via = via,
                                .author = r->author,
                                .hlc = r->hlc,
                                .form = r->form,
                                .subject = &at,
                                .gates = r->gates,
                                .facts = facts,
                                .fact_count = n};
    for (size_t i = 0; i < r->held.count; i++)
        problems_add(missing, r->held.list[i].code, r->held.list[i].path, r->held.list[i].name,
                     r->held.list[i].zh, r->held.list[i].en);
    return authority_judge(p->core->authority, &claim, missing) && r->held.count == 0;
}

static void retry(struct verdict *d, const char *code, const char *path, int64_t after_ms) {
    problems_add_code(&d->problems, code, path);
    d->what = RETRY;
    d->after_ms = after_ms;
}

static void make_conflict(struct verdict *d) {
    d->what = CONFLICT;
    problems_clear(&d->problems);
    problems_add_code(&d->problems, "id_conflict", "/id");
}

/* The log already has the id. */
static void judge_known(struct pipeline *p, const struct record *r, struct verdict *d) {
    json_t *body = logged_body(p->core, d->known.rec);
    d->what = DUPLICATE;
    if (!body || !record_same_content(body, r->json))
        make_conflict(d);
    json_decref(body);
}

/* Of what is not taken only how secret it is, not where it belongs. */
static void note_target(struct pipeline *p, const struct record *r, struct verdict *d) {
    struct place where;
    place_resolve(p->core, r->subject, &r->place, &where);
    d->where.sensitivity = where.sensitivity;
}

/* Steps 2 to 7 of §5, in this order. The record stays as it was decoded: if the commit fails, the
 * same envelope is taken again. */
static void judge(struct pipeline *p, const struct envelope *v, const struct record *r,
                  struct verdict *d) {
    d->what = TAKE;
    d->outcome = OUTCOME_REJECTED;
    if (r->state == RECORD_MALFORMED) {
        problems_copy(&d->problems, &r->problems);
    } else if (logged_get(p->core, r->id_bytes, &d->known)) {
        judge_known(p, r, d);
    } else if (r->state == RECORD_NO_FORM) {
        retry(d, "unknown_form", "/form", RETRY_FORM_MS);
    } else if (r->state == RECORD_UNFIT) {
        note_target(p, r, d);
        problems_copy(&d->problems, &r->problems);
    } else if (hlc_ms(r->hlc) > clock_wall_ms(p->core->clock) + CLOCK_AHEAD_MS_MAX) {
        note_target(p, r, d);
        retry(d, "clock_ahead", "/hlc", RETRY_CLOCK_MS);
    } else {
        place_find(p->core, r, &d->where);
        bool ok = pipeline_authorised(p, v->device, v->via, r, &d->where, &d->problems);
        d->outcome = ok ? OUTCOME_STORED : OUTCOME_HELD;
        if (ok)
            problems_copy(&d->problems, &r->problems);
    }
}

/* ---------------------------------------------------------------- the log */

/* Appends to the log; returns its row. */
static int64_t append(struct pipeline *p, const struct envelope *v, const struct record *r,
                      const struct verdict *d, const unsigned char *batch) {
    struct store *s = p->core->store;
    int class = secret_class(r->form, r->hidden, &d->where);
    bool secret = class == SECRET_CLASS;
    char *problems = problems_text(&d->problems);
    char *outside = secret ? secret_outside(r->json) : NULL;
    sqlite3_stmt *q = store_query(s, "record_add");
    q_blob(q, 1, r->id_bytes, 16);
    q_text(q, 2, r->form_id);
    q_int(q, 3, r->fv);
    q_int(q, 4, d->outcome);
    q_int(q, 5, EFFECT_CURRENT);
    q_text(q, 6, r->subject);
    q_text(q, 7, d->where.code);
    q_int(q, 8, r->hlc);
    q_text(q, 9, r->author);
    q_text(q, 10, v->device);
    q_int(q, 11, r->seq);
    q_text(q, 12, v->via);
    q_int(q, 13, clock_wall_ms(p->core->clock));
    q_int(q, 14, store_next_rev(s));
    if (r->has_amends)
        q_blob(q, 15, r->amends, 16);
    else
        q_null(q, 15);
    if (batch)
        q_blob(q, 16, batch, 16);
    else
        q_null(q, 16);
    q_int(q, 17, class);
    if (secret)
        q_text(q, 18, outside);
    else
        q_text_n(q, 18, r->text.text, r->text.size);
    q_text(q, 19, problems);
    q_done(s, q);
    free(outside);
    free(problems);
    int64_t rec = sqlite3_last_insert_rowid(store_db(s));
    if (secret)
        secret_keep(p->core, rec, r->text.text, r->text.size);
    secret_spread(p->core, r->id, class);
    return rec;
}

/* Keeps what has no identity in the log, with the reason. */
static void keep_refusal(struct pipeline *p, const struct envelope *v, const char *text,
                         size_t size, const struct problems *why) {
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    char *problems = problems_text(why);
    sha256(text, size, digest);
    hex_encode(digest, sizeof digest, hex);
    sqlite3_stmt *q = store_query(p->core->store, "refusal_add");
    q_text(q, 1, v->device);
    q_text(q, 2, v->via);
    q_int(q, 3, clock_wall_ms(p->core->clock));
    q_text(q, 4, hex);
    q_text(q, 5, problems ? problems : "[]");
    q_blob(q, 6, text, size);
    q_done(p->core->store, q);
    free(problems);
}

/* ---------------------------------------------------------------- receipts */

/* Of a secret record neither which nor whose. */
static void log_outcome(const struct envelope *v, const struct record *r, const char *outcome,
                        const struct problems *list, bool secret) {
    if (!log_enabled(LOG_DEBUG))
        return;
    if (secret)
        log_line(LOG_DEBUG, "record=- device=- outcome=%s form=secret", outcome);
    else
        log_line(LOG_DEBUG, "record=%s device=%s outcome=%s form=%s code=%s", r->id, v->device,
                 outcome, r->form ? r->form_id : "", list->count ? list->list[0].code : "");
}

static void answer(struct pipeline *p, const struct envelope *v, const struct record *r,
                   const struct receipt *x, bool secret) {
    receipts_add(p->receipts, v->device, v->via, x);
    static const struct problems none;
    log_outcome(v, r, x->outcome, x->errors ? x->errors : &none, secret);
}

/* What the reporter may quote: of a stored record of a secret form. */
static const char *code_of(const struct pipeline *p, const struct form *form,
                           const unsigned char id[16], enum outcome outcome,
                           char out[SECRET_CODE_SIZE]) {
    if (!form || form->kind != FORM_SECRET || outcome != OUTCOME_STORED)
        return NULL;
    secret_code(p->core, id, out);
    return out;
}

static void answer_duplicate(struct pipeline *p, const struct envelope *v, const struct record *r,
                             const struct logged *known, bool secret) {
    sqlite3_stmt *q = store_query(p->core->store, "record_problems");
    q_int(q, 1, known->rec);
    char *problems = q_row(p->core->store, q) ? strdup(q_col(q, 0)) : NULL;
    char code[SECRET_CODE_SIZE];
    q_end(q);
    receipts_seq(p->receipts, v->device, r->seq);
    answer(p, v, r,
           &(struct receipt){.id = r->id,
                             .seq = r->seq,
                             .outcome = "duplicate",
                             .was = outcome_names[known->outcome],
                             .hlc = known->hlc,
                             .problems_json = problems,
                             .code = code_of(p, r->form, r->id_bytes, known->outcome, code)},
           secret);
    count(p, METRIC_DUPLICATE, secret);
    free(problems);
}

/* One of an atomic envelope waits for the others: that it has the authority now is kept, and all of
 * them are looked at again. */
static void clear_in_batch(struct pipeline *p, const struct logged *known) {
    sqlite3_stmt *q = store_query(p->core->store, "record_clear");
    q_int(q, 1, known->rec);
    q_done(p->core->store, q);
    store_dirty(p->core->store, "held", known->id_text, 1);
}

/* The same record by another path may have the authority that a held one lacks. The stamp in the
 * log is the record's, whatever this copy carries. */
static void release_by_other_path(struct pipeline *p, const struct envelope *v, struct record *r,
                                  struct verdict *d) {
    struct problems missing = {0};
    r->hlc = d->known.hlc;
    place_find(p->core, r, &d->where);
    bool authorised =
        r->state == RECORD_FIT && pipeline_authorised(p, v->device, v->via, r, &d->where, &missing);
    if (authorised && d->known.in_batch) {
        clear_in_batch(p, &d->known);
    } else if (authorised) {
        logged_set_outcome(p->core, d->known.rec, OUTCOME_STORED, NULL);
        merge_stored(p->core, r, d->known.rec, &d->where, MERGE_RELEASED);
        d->known.outcome = OUTCOME_STORED;
        count(p, METRIC_STORED, secret_is(r->form, &d->where));
    }
    problems_fini(&missing);
}

/* ---------------------------------------------------------------- carrying out */

static void take(struct pipeline *p, const struct envelope *v, struct record *r, struct verdict *d,
                 const unsigned char *batch) {
    bool fresh = r->seq == 0 || receipts_seq(p->receipts, v->device, r->seq);
    if (!fresh && d->outcome == OUTCOME_STORED)
        problems_add_code(&d->problems, "seq_reused", "/seq");
    if (r->state == RECORD_MALFORMED) {
        keep_refusal(p, v, r->text.text, r->text.size, &d->problems);
    } else {
        int64_t rec = append(p, v, r, d, batch);
        if (d->outcome == OUTCOME_STORED)
            merge_stored(p->core, r, rec, &d->where, MERGE_NEW);
        else if (d->outcome == OUTCOME_HELD && merge_awaited(p->core, r->id_bytes))
            store_dirty(p->core->store, "held", r->id, 1); /* its review came before it */
    }
    char code[SECRET_CODE_SIZE];
    bool secret = secret_is(r->form, &d->where);
    count(p, outcome_metrics[d->outcome], secret);
    answer(p, v, r,
           &(struct receipt){.id = r->id,
                             .seq = r->seq,
                             .outcome = outcome_names[d->outcome],
                             .errors = &d->problems,
                             .code = code_of(p, r->form, r->id_bytes, d->outcome, code)},
           secret);
}

/* True unless the record is secret. */
static bool carry_out(struct pipeline *p, const struct envelope *v, struct record *r,
                      struct verdict *d, const unsigned char *batch) {
    bool secret = secret_is(r->form, &d->where) || d->known.sensitivity == SECRET_CLASS;
    switch (d->what) {
    case TAKE:
        take(p, v, r, d, batch);
        break;
    case DUPLICATE:
        if (d->known.outcome == OUTCOME_HELD || d->known.outcome == OUTCOME_REFUSED)
            release_by_other_path(p, v, r, d);
        answer_duplicate(p, v, r, &d->known, secret);
        break;
    case CONFLICT:
        keep_refusal(p, v, r->text.text, r->text.size, &d->problems);
        if (r->seq)
            receipts_seq(p->receipts, v->device, r->seq);
        count(p, METRIC_REJECTED, secret);
        answer(p, v, r,
               &(struct receipt){
                   .id = r->id, .seq = r->seq, .outcome = "rejected", .errors = &d->problems},
               secret);
        break;
    case RETRY:
        count(p, METRIC_RETRY, secret);
        answer(p, v, r,
               &(struct receipt){.id = r->id,
                                 .seq = r->seq,
                                 .outcome = "retry",
                                 .errors = &d->problems,
                                 .after_ms = d->after_ms},
               secret);
        break;
    }
    return !secret;
}

/* What the record is after the envelope, for the rest of an atomic one: 0 = not taken. */
static enum outcome standing(const struct verdict *d) {
    if (d->what == TAKE)
        return d->outcome;
    return d->what == DUPLICATE ? d->known.outcome : (enum outcome)0;
}

/* All of the envelope or none (§6): one that is not taken keeps the others unknown, one that is
 * held holds all (then true). */
static bool bind_together(const struct envelope *v, struct verdict *all) {
    bool refused = false;
    bool held = false;
    for (size_t i = 0; i < v->count; i++) {
        enum outcome o = standing(&all[i]);
        refused = refused || o == 0 || o == OUTCOME_REJECTED || o == OUTCOME_REFUSED;
        held = held || o == OUTCOME_HELD;
    }
    for (size_t i = 0; i < v->count && (refused || held); i++) {
        struct verdict *d = &all[i];
        if (d->what != TAKE || d->outcome == OUTCOME_REJECTED)
            continue;
        if (refused) {
            problems_clear(&d->problems);
            retry(d, "atomic", "", RETRY_ATOMIC_MS);
        } else if (d->outcome == OUTCOME_STORED) {
            problems_clear(&d->problems);
            problems_add_code(&d->problems, "atomic", "");
            d->outcome = OUTCOME_HELD;
        }
    }
    return held && !refused;
}

/* The same id with different content: neither can be the record, so nothing of the envelope is. */
static void refuse_twins(struct envelope *v, struct verdict *all) {
    for (size_t i = 0; i < v->count; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct record *a = &v->records[k];
            const struct record *b = &v->records[i];
            bool unknown = a->has_id && b->has_id && !all[i].known.rec && !all[k].known.rec;
            if (!unknown || memcmp(a->id_bytes, b->id_bytes, 16) != 0 ||
                record_same_content(a->json, b->json))
                continue;
            make_conflict(&all[k]);
            make_conflict(&all[i]);
        }
    }
}

/* Held records of this envelope that came before are of its batch too. Returns the batch's id. */
static const unsigned char *join_batch(struct pipeline *p, const struct envelope *v,
                                       const struct verdict *all) {
    /* Named after a record that is of no other batch for good: one stored before may come again. */
    size_t first = 0;
    while (all[first].what != TAKE &&
           !(all[first].what == DUPLICATE && all[first].known.outcome == OUTCOME_HELD))
        first++;
    const unsigned char *batch = v->records[first].id_bytes;
    for (size_t i = 0; i < v->count; i++) {
        const struct logged *known = &all[i].known;
        if (all[i].what != DUPLICATE || known->outcome != OUTCOME_HELD)
            continue;
        bool whole = known->in_batch;
        sqlite3_stmt *q =
            store_query(p->core->store, whole ? "record_join_batches" : "record_join_batch");
        if (whole)
            q_blob(q, 1, known->batch, 16);
        else
            q_int(q, 1, known->rec);
        q_blob(q, 2, batch, 16);
        q_done(p->core->store, q);
    }
    return batch;
}

static size_t take_atomic(struct pipeline *p, struct envelope *v) {
    size_t told = 0;
    struct verdict *all = calloc(v->count, sizeof *all);
    if (!all)
        abort();
    for (size_t i = 0; i < v->count; i++)
        judge(p, v, &v->records[i], &all[i]);
    refuse_twins(v, all);
    const unsigned char *batch = bind_together(v, all) ? join_batch(p, v, all) : NULL;
    for (size_t i = 0; i < v->count; i++) {
        /* The same record twice in one envelope is known by its second place. */
        if (all[i].what == TAKE && v->records[i].has_id &&
            logged_get(p->core, v->records[i].id_bytes, &all[i].known))
            judge_known(p, &v->records[i], &all[i]);
        /* What it is about may have been stored a moment ago. */
        if (all[i].what == TAKE && v->records[i].state == RECORD_FIT)
            place_find(p->core, &v->records[i], &all[i].where);
        told += carry_out(p, v, &v->records[i], &all[i], batch);
        problems_fini(&all[i].problems);
    }
    free(all);
    return told;
}

static void refuse_payload(struct pipeline *p, const struct envelope *v, const void *payload,
                           size_t size) {
    keep_refusal(p, v, payload, size, &v->problems);
    receipts_add(p->receipts, v->device, v->via,
                 &(struct receipt){.id = "",
                                   .outcome = "rejected",
                                   .errors = &v->problems,
                                   .payload_hash = v->payload_hash});
    count(p, METRIC_PAYLOADS_REFUSED, false);
    log_line(LOG_DEBUG, "payload=%s device=%s outcome=rejected code=%s", v->payload_hash, v->device,
             v->problems.list[0].code);
}

size_t pipeline_take(struct pipeline *p, struct envelope *v) {
    size_t told = 0;
    if (v->problems.count) {
        refuse_payload(p, v, v->raw, v->raw_size);
        return 0;
    }
    if (v->pending >= 0)
        receipts_pending(p->receipts, v->device, v->pending);
    if (v->atomic)
        return take_atomic(p, v);
    for (size_t i = 0; i < v->count; i++) {
        struct verdict d = {0};
        judge(p, v, &v->records[i], &d);
        told += carry_out(p, v, &v->records[i], &d, NULL);
        problems_fini(&d.problems);
    }
    return told;
}
