#include "secret.h"

#include "logged.h"
#include "payload.h"

#include <stdlib.h>
#include <string.h>

bool secret_is(const struct form *form, const struct place *where) {
    return (form && form->kind == FORM_SECRET) || where->sensitivity == SECRET_CLASS;
}

int secret_class(const struct form *form, bool hidden, const struct place *where) {
    return secret_is(form, where)                         ? SECRET_CLASS
           : hidden || where->sensitivity == COVERT_CLASS ? COVERT_CLASS
                                                          : 0;
}

char *secret_outside(const json_t *record) {
    static const char *const members[] = {"id",      "seq", "form", "fv",
                                          "subject", "hlc", "by",   "amends"};
    json_t *outside = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *v = json_object_get(record, members[i]);
        if (v)
            json_object_set(outside, members[i], v);
    }
    char *text = payload_dump(outside);
    json_decref(outside);
    return text;
}

void secret_keep(struct core *c, int64_t rec, const char *text, size_t size) {
    sqlite3_stmt *q = store_query(c->store, "secret_add");
    q_int(q, 1, rec);
    q_text_n(q, 2, text, size);
    q_done(c->store, q);
}

static void hide(struct core *c, int64_t rec) {
    json_t *body = logged_body(c, rec);
    char *text = payload_dump(body);
    char *outside = secret_outside(body);
    secret_keep(c, rec, text, strlen(text));
    sqlite3_stmt *q = store_query(c->store, "record_hide");
    q_int(q, 1, rec);
    q_text(q, 2, outside);
    q_int(q, 3, store_next_rev(c->store));
    q_done(c->store, q);
    free(outside);
    free(text);
    json_decref(body);
}

/* What names a record that is not there, or not stored, has no place yet. */
static size_t take_unplaced(struct core *c, const char *id, int sensitivity, struct logged **ret) {
    sqlite3_stmt *q = store_query(c->store, "record_unplaced_about");
    size_t count = 0;
    *ret = NULL;
    q_text(q, 1, id);
    q_int(q, 2, sensitivity);
    while (q_row(c->store, q)) {
        *ret = realloc(*ret, (count + 1) * sizeof **ret);
        if (!*ret)
            abort();
        logged_read(c, q, &(*ret)[count++]);
    }
    return count;
}

void secret_spread(struct core *c, const char *id, int sensitivity) {
    struct logged *list;
    size_t count = sensitivity ? take_unplaced(c, id, sensitivity, &list) : 0;
    for (size_t i = 0; i < count; i++) {
        if (sensitivity == SECRET_CLASS) {
            hide(c, list[i].rec);
        } else {
            sqlite3_stmt *q = store_query(c->store, "record_cover");
            q_int(q, 1, list[i].rec);
            q_int(q, 2, store_next_rev(c->store));
            q_done(c->store, q);
        }
        secret_spread(c, list[i].id_text, sensitivity); /* ends: each of them is raised once */
    }
    if (sensitivity)
        free(list);
}

/* 40 bits in 8 letters and digits that are not mistaken for each other. */
void secret_code(const struct core *c, const unsigned char id[16], char out[SECRET_CODE_SIZE]) {
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(c->receipt_key, strlen(c->receipt_key), id, 16, mac);
    uint64_t bits = hash_head64(mac);
    for (int i = 0; i < 9; i++) {
        if (i == 4) {
            out[i] = '-';
            continue;
        }
        out[i] = letters[bits >> 59];
        bits <<= 5;
    }
    out[9] = '\0';
}
