#include "statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "-- name: "

void statements_init(struct statements *s, const char *text) {
    s->count = 0;
    while ((text = strstr(text, MARK))) {
        if (s->count == STATEMENTS_MAX)
            abort();
        struct statement *q = &s->list[s->count++];
        q->stmt = NULL;
        q->name = text + sizeof MARK - 1;
        q->name_size = strcspn(q->name, "\n");
        q->sql = q->name + q->name_size;
        const char *next = strstr(q->sql, MARK);
        q->sql_size = next ? (size_t)(next - q->sql) : strlen(q->sql);
        text = q->sql;
    }
}

void statements_fini(struct statements *s) {
    for (size_t i = 0; i < s->count; i++)
        sqlite3_finalize(s->list[i].stmt);
}

struct statement *statements_find(struct statements *s, const char *name) {
    size_t size = strlen(name);
    for (size_t i = 0; i < s->count; i++) {
        struct statement *q = &s->list[i];
        if (q->name_size == size && memcmp(q->name, name, size) == 0)
            return q;
    }
    fprintf(stderr, "zoufang: no statement %s\n", name);
    abort();
}

sqlite3_stmt *statements_get(struct statements *s, sqlite3 *db, const char *name) {
    struct statement *q = statements_find(s, name);
    if (!q->stmt && sqlite3_prepare_v3(db, q->sql, (int)q->sql_size, SQLITE_PREPARE_PERSISTENT,
                                       &q->stmt, NULL)) {
        fprintf(stderr, "zoufang: statement %s: %s\n", name, sqlite3_errmsg(db));
        abort();
    }
    return q->stmt;
}
