#include "digest.h"

#include "payload.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A record's members that make its meaning; transport members and unknown ones are left out. */
static void add_record(struct sha256_ctx *hash, const char *body) {
    static const char *const members[] = {"id", "form", "fv",  "subject", "hlc",
                                          "by", "base", "gps", "amends",  "data"};
    json_t *record = json_loads(body, 0, NULL);
    json_t *canonical = json_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *v = json_object_get(record, members[i]);
        if (v)
            json_object_set(canonical, members[i], v);
    }
    char *text = payload_dump(canonical);
    sha256_ctx_add(hash, text, strlen(text) + 1);
    free(text);
    json_decref(canonical);
    json_decref(record);
}

static void add_row(struct sha256_ctx *hash, sqlite3_stmt *q) {
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        const void *value = sqlite3_column_blob(q, i);
        int size = sqlite3_column_bytes(q, i);
        sha256_ctx_add(hash, value ? value : "", (size_t)size);
        sha256_ctx_add(hash, "", 1);
    }
}

static void add_query(struct core *c, struct sha256_ctx *hash, const char *name, bool records) {
    sqlite3_stmt *q = store_query(c->store, name);
    while (q_row(c->store, q)) {
        if (records)
            add_record(hash, q_col(q, 0));
        else
            add_row(hash, q);
    }
}

static bool finish(struct core *c, struct sha256_ctx *hash, char out[SHA256_HEX_SIZE],
                   struct err *e) {
    unsigned char digest[SHA256_SIZE];
    sha256_ctx_final(hash, digest);
    hex_encode(digest, sizeof digest, out);
    return store_take_error(c->store, e);
}

bool digest_state(struct core *c, char out[SHA256_HEX_SIZE], struct err *e) {
    struct sha256_ctx *hash = sha256_ctx_create();
    add_query(c, hash, "digest_records", true);
    add_query(c, hash, "digest_facts", false);
    return finish(c, hash, out, e);
}

bool digest_derived(struct core *c, char out[SHA256_HEX_SIZE], struct err *e) {
    struct sha256_ctx *hash = sha256_ctx_create();
    add_query(c, hash, "digest_effects", false);
    add_query(c, hash, "digest_entities", false);
    add_query(c, hash, "digest_assignments", false);
    return finish(c, hash, out, e);
}
