/* The plain loop that the server is compared with: parses the same envelopes with jansson and
 * inserts the same rows into the same tables, 512 records a transaction, and does nothing else: no
 * validation, no authority, no merge beyond the newest value, no receipts. */
#include "hlc.h"
#include "messages.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RECORDS_A_TRANSACTION 512

struct plain {
    sqlite3 *db;
    sqlite3_stmt *record, *source, *entity, *dirty;
    int64_t rev;
    size_t written;
    int64_t received_ms;
};

static void check(struct plain *p, int rc) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        return;
    fprintf(stderr, "plain: %s\n", sqlite3_errmsg(p->db));
    exit(1);
}

static sqlite3_stmt *prepare(struct plain *p, const char *sql) {
    sqlite3_stmt *q;
    check(p, sqlite3_prepare_v3(p->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL));
    return q;
}

static void run(struct plain *p, sqlite3_stmt *q) {
    check(p, sqlite3_step(q));
    sqlite3_reset(q);
}

static void text(sqlite3_stmt *q, int i, const char *value, int size) {
    sqlite3_bind_text(q, i, value, size, SQLITE_STATIC);
}

static void open_database(struct plain *p, const char *path) {
    check(p, sqlite3_open(path, &p->db));
    check(p, sqlite3_exec(p->db,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                          "PRAGMA wal_autocheckpoint = 20000; PRAGMA cache_size = -24000",
                          NULL, NULL, NULL));
    p->record = prepare(
        p, "INSERT INTO record(id, form, fv, outcome, effect, subject, place, hlc, author, device,"
           " seq, via, received_ms, rev, class, body)"
           " VALUES(?1, ?2, 1, 1, 1, ?3, ?4, ?5, ?6, ?7, ?8, '', ?9, ?10, 0, ?11)");
    p->source =
        prepare(p, "INSERT INTO fact_source(kind, id, rec, facts) VALUES('household', ?1, ?2, 1)"
                   " ON CONFLICT DO NOTHING");
    p->entity = prepare(
        p, "INSERT INTO entity(kind, id, place, subject, registered, class, audience, doc, seen,"
           " conflicts, checks, gone, rev)"
           " VALUES('household', ?1, ?2, ?1, 1, 1, '', ?3, '{}', '[]', '{}', '', ?4)"
           " ON CONFLICT(kind, id) DO UPDATE SET doc = json_patch(doc, excluded.doc),"
           " rev = excluded.rev");
    p->dirty = prepare(p, "INSERT INTO dirty(level, id, forms) VALUES('household', ?1, ?2)"
                          " ON CONFLICT(level, id) DO UPDATE SET forms = forms | excluded.forms");
}

static const char *member(json_t *o, const char *key) {
    const char *value = json_string_value(json_object_get(o, key));
    return value ? value : "";
}

static void insert_facts(struct plain *p, json_t *r, const char *subject) {
    char *set = json_dumps(json_object_get(json_object_get(r, "data"), "set"), JSON_COMPACT);
    text(p->source, 1, subject, -1);
    sqlite3_bind_int64(p->source, 2, sqlite3_last_insert_rowid(p->db));
    run(p, p->source);
    text(p->entity, 1, subject, -1);
    text(p->entity, 2, subject, 12);
    text(p->entity, 3, set, -1);
    sqlite3_bind_int64(p->entity, 4, p->rev);
    run(p, p->entity);
    free(set);
}

static void insert_record(struct plain *p, json_t *r, const char *device) {
    unsigned char id[16];
    int64_t hlc = 0;
    const char *form = member(r, "form");
    const char *subject = member(r, "subject");
    const char *stamp = member(r, "hlc");
    char *body = json_dumps(r, JSON_COMPACT);
    uuid7_parse(member(r, "id"), 36, id);
    hlc_parse(stamp, strlen(stamp), &hlc);
    sqlite3_bind_blob(p->record, 1, id, sizeof id, SQLITE_STATIC);
    text(p->record, 2, form, -1);
    text(p->record, 3, subject, -1);
    text(p->record, 4, subject, 12);
    sqlite3_bind_int64(p->record, 5, hlc);
    text(p->record, 6, member(r, "by"), -1);
    text(p->record, 7, device, -1);
    sqlite3_bind_int64(p->record, 8, json_integer_value(json_object_get(r, "seq")));
    sqlite3_bind_int64(p->record, 9, p->received_ms);
    sqlite3_bind_int64(p->record, 10, ++p->rev);
    text(p->record, 11, body, -1);
    run(p, p->record);
    if (strcmp(form, "hh.facts") == 0)
        insert_facts(p, r, subject);
    text(p->dirty, 1, subject, -1);
    sqlite3_bind_int64(p->dirty, 2, form[0] == 'h' ? 4 : 8);
    run(p, p->dirty);
    free(body);
}

static void take(struct plain *p, const struct bench_message *m) {
    json_t *root = json_loadb(m->payload, m->size, 0, NULL);
    json_t *records = json_object_get(root, "records");
    const char *device = member(root, "device");
    size_t i;
    json_t *r;
    json_array_foreach(records, i, r) {
        if (p->written % RECORDS_A_TRANSACTION == 0)
            check(p, sqlite3_exec(p->db, p->written ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL));
        insert_record(p, r, device);
        p->written++;
    }
    json_decref(root);
}

static double processor_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --database FILE --phones FILE --messages N --records K --seed X --time MS */
int main(int argc, char **argv) {
    struct bench_phones phones;
    struct plain p = {0};
    bench_phones_read(bench_option(argc, argv, "--phones", NULL), &phones);
    struct bench_order order = {
        .seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
        .time_ms = strtoll(bench_option(argc, argv, "--time", NULL), NULL, 10),
        .messages = strtoul(bench_option(argc, argv, "--messages", NULL), NULL, 10),
        .records_each = strtoul(bench_option(argc, argv, "--records", "1"), NULL, 10)};
    struct bench_message *messages = bench_messages_make(&phones, &order);
    open_database(&p, bench_option(argc, argv, "--database", NULL));
    p.received_ms = order.time_ms;
    p.rev = 1000000000;
    size_t size = 0;
    double cpu = processor_s();
    double start = bench_seconds();
    for (size_t i = 0; i < order.messages; i++) {
        take(&p, &messages[i]);
        size += messages[i].size;
    }
    check(&p, sqlite3_exec(p.db, "COMMIT", NULL, NULL, NULL));
    printf("{\"records\":%zu,\"s\":%.4f,\"cpu_s\":%.4f,\"bytes_a_record\":%zu}\n", p.written,
           bench_seconds() - start, processor_s() - cpu, size / p.written);
    return 0;
}
