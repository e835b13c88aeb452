/* Whether what the phones were told is true, and the table of a run. */
#include "envelope.h"
#include "hlc.h"
#include "simulate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DB_STORED = 1, DB_HELD = 2 };

/* What secret records say stands apart. */
static const char body_sql[] =
    "SELECT outcome, coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body)"
    " FROM record WHERE id = ?1";

static bool same_content(const char *sent, size_t sent_size, const char *body) {
    json_t *a = json_loadb(sent, sent_size, 0, NULL);
    json_t *b = json_loads(body, 0, NULL);
    bool same = a && b && record_same_content(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

/* The id is unique in the database: a row is there once or not at all. */
static void check_record(sqlite3_stmt *q, const struct phone_memory *m,
                         struct simulate_result *ret) {
    unsigned char id[16];
    uuid7_parse(m->id, strlen(m->id), id);
    sqlite3_bind_blob(q, 1, id, sizeof id, SQLITE_STATIC);
    bool there = sqlite3_step(q) == SQLITE_ROW;
    int outcome = there ? sqlite3_column_int(q, 0) : 0;
    if (m->state == PHONE_STORED && outcome != DB_STORED)
        ret->missing++;
    else if (m->state == PHONE_HELD && !there)
        ret->missing++;
    else if (m->state == PHONE_REJECTED && !m->refused &&
             (outcome == DB_STORED || outcome == DB_HELD))
        ret->counts.contradictions++;
    else if (there && !same_content(m->text, m->size, (const char *)sqlite3_column_text(q, 1)))
        ret->changed++;
    sqlite3_reset(q);
}

bool simulate_check(struct app *a, struct phone *const *phones, size_t count,
                    struct simulate_result *ret, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%s/zoufang.db", a->dir);
    struct store *s = store_open(path, STORE_READ, &a->clock, e);
    if (!s)
        return false;
    sqlite3_stmt *q;
    int rc = sqlite3_prepare_v2(store_db(s), body_sql, -1, &q, NULL);
    bool ok = rc == SQLITE_OK || err_set(e, ERR_IO, "%s", sqlite3_errmsg(store_db(s)));
    for (size_t i = 0; i < count && ok; i++)
        for (size_t k = 0; k < phone_record_count(phones[i]); k++) {
            struct phone_memory m = phone_record_at(phones[i], k);
            if (m.state != PHONE_UNSENT && m.state != PHONE_SENT)
                check_record(q, &m, ret);
        }
    sqlite3_finalize(q);
    store_close(s);
    ret->db_checked = ok;
    return ok;
}

static size_t lost(const struct simulate_result *r) {
    return r->pending + r->missing + r->changed;
}

bool simulate_is_good(const struct simulate_result *r) {
    return lost(r) == 0 && r->counts.digest_mismatches == 0 && r->counts.contradictions == 0;
}

struct line {
    const char *name, *label;
    size_t value;
};

static size_t fill_lines(const struct simulate_result *r, struct line *out) {
    const struct phone_counts *c = &r->counts;
    const struct line lines[] = {
        {"phones", "phones", r->phones},
        {"written", "records written", c->written},
        {"written_wrong", "  of these meant to be rejected", c->wrong_written},
        {"sent", "records sent", c->records_sent},
        {"stored", "stored", c->states[PHONE_STORED]},
        {"held", "held", c->states[PHONE_HELD]},
        {"rejected", "rejected", c->states[PHONE_REJECTED]},
        {"rejected_unexpected", "  of these not meant to be", c->unexpected},
        {"lost", "LOST", lost(r)},
        {"pending", "  without an outcome", r->pending},
        {"missing", "  receipted and not in the database", r->missing},
        {"changed", "  in the database with other content", r->changed},
        {"contradictions", "contradicting receipts", c->contradictions},
        {"released", "held, later decided", c->released},
        {"envelopes", "envelopes", c->envelopes},
        {"resent", "records sent again", c->resent},
        {"doubled", "envelopes sent twice on purpose", c->doubled},
        {"garbled", "envelopes damaged on purpose", c->garbled},
        {"payloads_refused", "payloads refused", c->payloads_refused},
        {"receipts", "receipts", c->receipts},
        {"receipts_ignored", "  of another epoch", c->receipts_ignored},
        {"duplicates", "  duplicate", c->duplicates},
        {"retries", "  retry", c->retries},
        {"restamped", "records stamped anew", c->restamped},
        {"pulls", "pulls", c->pulls},
        {"pages", "pages", c->pages},
        {"changes", "changes", c->changes},
        {"resets", "resets", c->resets},
        {"scope_pages", "changes of scope", c->scope_pages},
        {"digests", "copies compared", c->digests},
        {"digest_mismatches", "  not agreeing", c->digest_mismatches},
        {"spells", "times offline", r->spells},
        {"links_lost", "connections lost", r->links_lost},
        {"boots", "server starts seen", c->boots},
        {"epochs", "new epochs seen", c->epochs},
    };
    memcpy(out, lines, sizeof lines);
    return sizeof lines / sizeof *lines;
}

static void print_json(const struct simulate_result *r, const struct line *lines, size_t count) {
    printf("{");
    for (size_t i = 0; i < count; i++)
        printf("\"%s\":%zu,", lines[i].name, lines[i].value);
    printf("\"db_checked\":%s,\"copies_whole\":%s,\"seconds\":%.3f,"
           "\"latency_us\":{\"p50\":%" PRIu32 ",\"p90\":%" PRIu32 ",\"p99\":%" PRIu32
           ",\"max\":%" PRIu32 "},\"good\":%s}\n",
           r->db_checked ? "true" : "false", r->copies_whole ? "true" : "false", r->seconds,
           r->p50_us, r->p90_us, r->p99_us, r->max_us, simulate_is_good(r) ? "true" : "false");
}

void simulate_print(const struct simulate_result *r, bool json) {
    struct line lines[48];
    size_t count = fill_lines(r, lines);
    if (json) {
        print_json(r, lines, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        printf("%-40s %10zu\n", lines[i].label, lines[i].value);
    printf("%-40s %10.1f %10.1f %10.1f %10.1f\n", "receipt after, ms: p50 p90 p99 max",
           r->p50_us / 1e3, r->p90_us / 1e3, r->p99_us / 1e3, r->max_us / 1e3);
    printf("%-40s %10.1f\n", "seconds", r->seconds);
    if (!r->db_checked)
        printf("the database was not at hand: what is stored was not looked at\n");
    if (!r->copies_whole)
        printf("not every phone's last pull was complete in time\n");
}
