#include "statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "-- name: "

void statements_init(struct statements *s, const char *text) {
    memset(s, 0, sizeof *s);
    while ((text = strstr(text, MARK))) {
        char name[64];
        if (s->count == STATEMENTS_MAX)
            abort();
        struct statement *q = &s->list[s->count++];
        const char *at = text + sizeof MARK - 1;
        size_t size = strcspn(at, "\n");
        if (size >= sizeof name)
            abort();
        memcpy(name, at, size);
        name[size] = '\0';
        strmap_set(&s->by_name, name, q);
        q->sql = at + size;
        const char *next = strstr(q->sql, MARK);
        q->sql_size = next ? (size_t)(next - q->sql) : strlen(q->sql);
        text = q->sql;
    }
}

void statements_fini(struct statements *s) {
    for (size_t i = 0; i < s->count; i++)
        sqlite3_finalize(s->list[i].stmt);
    strmap_clear(&s->by_name, NULL);
}

struct statement *statements_find(struct statements *s, const char *name) {
    struct statement *q = strmap_get(&s->by_name, name);
    if (!q) {
        fprintf(stderr, "zoufang: no statement %s\n", name);
        abort();
    }
    return q;
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
