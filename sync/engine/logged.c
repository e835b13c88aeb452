#include "logged.h"

#include "hlc.h"

#include <string.h>

static void copy_text(char *out, size_t size, const char *text) {
    size_t n = strlen(text);
    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

void logged_read(struct core *c, sqlite3_stmt *q, struct logged *r) {
    memset(r, 0, sizeof *r);
    r->rec = sqlite3_column_int64(q, 0);
    const void *id = sqlite3_column_blob(q, 1);
    if (id && sqlite3_column_bytes(q, 1) == 16)
        memcpy(r->id, id, 16);
    uuid_format(r->id, r->id_text);
    copy_text(r->form_id, sizeof r->form_id, q_col(q, 2));
    r->form = form_find(c->catalog, r->form_id, strlen(r->form_id), sqlite3_column_int64(q, 3));
    r->outcome = (enum outcome)sqlite3_column_int(q, 4);
    r->effect = sqlite3_column_int(q, 5);
    copy_text(r->subject, sizeof r->subject, q_col(q, 6));
    subject_parse(r->subject, strlen(r->subject), &r->at);
    copy_text(r->place, sizeof r->place, q_col(q, 7));
    r->hlc = sqlite3_column_int64(q, 8);
    copy_text(r->author, sizeof r->author, q_col(q, 9));
    const void *amends = sqlite3_column_blob(q, 10);
    r->has_amends = amends && sqlite3_column_bytes(q, 10) == 16;
    if (r->has_amends)
        memcpy(r->amends, amends, 16);
    const void *batch = sqlite3_column_blob(q, 11);
    r->in_batch = batch && sqlite3_column_bytes(q, 11) == 16;
    if (r->in_batch)
        memcpy(r->batch, batch, 16);
    r->sensitivity = sqlite3_column_int(q, 12);
}

void logged_set_outcome(struct core *c, int64_t rec, enum outcome outcome, const char *problems) {
    sqlite3_stmt *q = store_query(c->store, "record_set_outcome");
    q_int(q, 1, rec);
    q_int(q, 2, outcome);
    q_text(q, 3, problems);
    q_int(q, 4, store_next_rev(c->store));
    q_done(c->store, q);
}

bool logged_get(struct core *c, const unsigned char id[16], struct logged *r) {
    sqlite3_stmt *q = store_query(c->store, "record_by_id");
    q_blob(q, 1, id, 16);
    if (!q_row(c->store, q))
        return false;
    logged_read(c, q, r);
    q_end(q);
    return true;
}

int logged_compare(const struct logged *a, const struct logged *b) {
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    return memcmp(a->id, b->id, 16);
}

json_t *logged_body(struct core *c, int64_t rec) {
    sqlite3_stmt *q = store_query(c->store, "record_body");
    q_int(q, 1, rec);
    json_t *body = NULL;
    if (q_row(c->store, q))
        body = json_loads(q_col(q, 0), 0, NULL);
    q_end(q);
    return body;
}
