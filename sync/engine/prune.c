#include "prune.h"

#include "feed_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)

void prune_note_day(struct core *c, const char *day) {
    sqlite3_stmt *q = store_query(c->store, "change_day_add");
    q_text(q, 1, day);
    q_int(q, 2, store_rev(c->store));
    q_done(c->store, q);
}

/* The time so many days ago; false if the parameter has no value. */
static bool days_ago(struct core *c, const char *param, int64_t *ret_ms) {
    const char *text = store_param(c->store, param);
    char *end;
    int64_t days = strtoll(text, &end, 10);
    *ret_ms = clock_wall_ms(c->clock) - days * DAY_MS;
    return end != text && days >= 0;
}

/* The change up to which nothing is kept: it only grows. */
static int64_t horizon(struct core *c) {
    int64_t kept = strtoll(store_meta(c->store, FEED_META_PRUNED), NULL, 10);
    int64_t since_ms;
    if (!days_ago(c, "feed.keep_days", &since_ms))
        return kept;
    char day[11];
    char text[24];
    int64_t rev = 0;
    time_local_date(since_ms, day);
    sqlite3_stmt *q = store_query(c->store, "change_day_rev");
    q_text(q, 1, day);
    while (q_row(c->store, q))
        rev = sqlite3_column_int64(q, 0);
    if (rev <= kept)
        return kept;
    snprintf(text, sizeof text, "%" PRId64, rev);
    store_set_meta(c->store, FEED_META_PRUNED, text);
    q = store_query(c->store, "change_day_drop");
    q_int(q, 1, rev);
    q_done(c->store, q);
    return rev;
}

/* True if the slice was full. */
static bool drop(struct core *c, const char *query, int64_t until) {
    sqlite3_stmt *q = store_query(c->store, query);
    q_int(q, 1, until);
    q_int(q, 2, PRUNE_ROWS_MAX);
    q_done(c->store, q);
    return sqlite3_changes(store_db(c->store)) == PRUNE_ROWS_MAX;
}

bool prune_slice(struct core *c, bool *ret_more, struct err *e) {
    int64_t since_ms;
    if (!store_begin(c->store, e))
        return false;
    int64_t rev = horizon(c);
    bool left = drop(c, "prune_left", rev);
    bool scope = drop(c, "prune_scope", rev);
    bool refused =
        days_ago(c, "refusal.keep_days", &since_ms) && drop(c, "prune_refusal", since_ms);
    *ret_more = left || scope || refused;
    return store_commit(c->store, e);
}
