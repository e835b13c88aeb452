/* What the sync thread does beside records: scopes, held records, the date, other processes. */
#include "engine_internal.h"

#include "bounds.h"
#include "log.h"
#include "prune.h"
#include "scope.h"

#include <stdlib.h>
#include <string.h>

#define METRICS_EVERY_US 10000000
#define ACCESS_EVERY_US 1000000
#define ACCESS_RETRY_US 10000000 /* after a failure */

/* ---------------------------------------------------------------- authority that changed */

/* Takes a row off `dirty`: its mask; 0 if it was not there. */
static int64_t take_dirty(struct engine *g, const char *level) {
    sqlite3_stmt *q = store_query(g->core->store, "dirty_take");
    q_text(q, 1, level);
    int64_t forms = q_row(g->core->store, q) ? sqlite3_column_int64(q, 0) : 0;
    q_end(q);
    return forms;
}

/* A phone whose scope changed learns it from an empty page (protocol §8). */
static void tell_device(void *ctx, const char *device) {
    struct engine *g = ctx;
    struct err e = {0};
    char topic[TOPIC_SIZE_MAX];
    struct buf page;
    buf_init(&page, FEED_PAGE_BUF_SIZE);
    if (feed_scope_page(g->feed, device, &page, &e) &&
        topic_down(topic, g->core->county, device, NULL, "changes")) {
        sqlite3_stmt *q = store_query(g->core->store, "outbox_add");
        q_int(q, 1, store_next_rev(g->core->store));
        q_text(q, 2, topic);
        q_blob(q, 3, page.data, page.size);
        q_done(g->core->store, q);
    } else {
        log_line(LOG_ERROR, "scope page device=%s: %s", device, e.msg);
    }
    buf_fini(&page);
    g->outbox_more = true;
    g->access_stale = true;
}

/* The mask of a row of `dirty`; 0 if it is not there. */
static int64_t dirty_forms(struct engine *g, const char *level) {
    sqlite3_stmt *q = store_query(g->core->store, "dirty_has");
    q_text(q, 1, level);
    int64_t forms = q_row(g->core->store, q) ? sqlite3_column_int64(q, 0) : 0;
    q_end(q);
    return forms;
}

static bool anything_dirty(struct engine *g) {
    sqlite3_stmt *q = store_query(g->core->store, "dirty_chores");
    bool found = q_row(g->core->store, q);
    q_end(q);
    return found;
}

/* The forms go from the row only when all subjects are marked: after a crash in between it is done
 * again. */
static bool derive_again(struct engine *g, int64_t forms, struct err *e) {
    struct store *s = g->core->store;
    if (!derive_mark_forms(g->derive, forms, e) || !store_begin(s, e))
        return false;
    sqlite3_stmt *q = store_query(s, "dirty_all_marked");
    q_int(q, 1, forms);
    q_done(s, q);
    q_done(s, store_query(s, "dirty_all_drop"));
    return store_commit(s, e);
}

static bool note_params(struct engine *g, const char *query, struct err *e) {
    if (!store_begin(g->core->store, e))
        return false;
    q_done(g->core->store, store_query(g->core->store, query));
    return store_commit(g->core->store, e);
}

/* The same for parameters. One that changes meanwhile is for the next turn. */
static bool derive_params(struct engine *g, struct err *e) {
    return note_params(g, "dirty_params_take", e) && derive_mark_params(g->derive, e) &&
           note_params(g, "dirty_params_marked", e);
}

static bool params_changed(struct engine *g) {
    sqlite3_stmt *q = store_query(g->core->store, "dirty_params");
    bool found = q_row(g->core->store, q);
    q_end(q);
    return found;
}

static void settle_authority(struct engine *g) {
    struct err e = {0};
    if (!anything_dirty(g) || !core_begin(g->core, &e))
        return;
    int64_t again = dirty_forms(g, "all");
    bool params = params_changed(g);
    if (take_dirty(g, "scope"))
        scope_refresh_all(g->core, tell_device, g);
    pipeline_review_held(&g->pipeline);
    receipts_flush(g->pipeline.receipts);
    if (!core_commit(g->core, &e)) {
        receipts_forget(g->pipeline.receipts);
        log_line(LOG_ERROR, "scopes and held records: %s", e.msg);
        return;
    }
    g->outbox_more = true;
    g->derive_more = true;
    if (again && !derive_again(g, again, &e))
        log_line(LOG_ERROR, "derivation after the register changed: %s", e.msg);
    if (params && !derive_params(g, &e))
        log_line(LOG_ERROR, "derivation after a parameter changed: %s", e.msg);
}

/* The broker reads its access rules anew at most once in a while: it checks every connected phone
 * again each time. */
static void tell_broker(struct engine *g) {
    int64_t now = clock_mono_us(g->options.clock);
    if (!g->access_stale || now - g->last_access_us < ACCESS_EVERY_US)
        return;
    g->access_stale =
        g->options.access_changed && !g->options.access_changed(g->options.ctx, g->core);
    g->last_access_us = g->access_stale ? now + ACCESS_RETRY_US - ACCESS_EVERY_US : now;
}

/* ---------------------------------------------------------------- time */

bool engine_new_day(struct engine *g, struct err *e) {
    char day[11];
    time_local_date(clock_wall_ms(g->options.clock), day);
    if (strcmp(day, g->day) == 0)
        return true;
    bool known = strcmp(store_meta(g->core->store, "derive.day"), day) == 0;
    if (!known) {
        if (!derive_mark_day(g->derive, e) || !store_begin(g->core->store, e))
            return false;
        store_set_meta(g->core->store, "derive.day", day);
        store_dirty(g->core->store, "scope", "", 1);
        prune_note_day(g->core, day);
        g->derive_more = true;
        g->prune_more = true;
        if (!store_commit(g->core->store, e))
            return false;
    }
    memcpy(g->day, day, sizeof g->day); /* after a failure the next turn tries again */
    return true;
}

/* ---------------------------------------------------------------- reload */

/* Commits what was decoded with the old catalogue. */
static void drain_ready(struct engine *g) {
    bool drained;
    struct intake_item *items;
    while ((items = intake_take_ready(&g->intake, COMMIT_RECORDS_MAX, 0, &drained)))
        engine_commit(g, items);
}

static bool swap_catalog(struct engine *g, struct err *e) {
    struct derive *derive =
        derive_create(g->core->store, g->options.clock, g->core->schema_dir, g->core->county, e);
    if (!derive)
        return false;
    /* The feed first, beside the old forms: what can be wrong with its file shows before anything
     * is given up. */
    if (!feed_reload(g->feed, e) || !core_reload(g->core, e)) {
        derive_destroy(derive);
        return false;
    }
    derive_destroy(g->derive);
    g->derive = derive;
    form_run_destroy(g->decode_run);
    g->decode_run = form_run_create(g->core->catalog, e);
    g->catalog_stale = true;
    bool ok = g->decode_run && core_reload(g->pull_core, e);
    return feed_reload(g->feed, e) && feed_reload(g->pull_feed, e) && ok;
}

/* What follows from files that were loaded anew; after a failure the next turn tries again. */
static void settle_files(struct engine *g) {
    struct err e = {0};
    if (g->catalog_stale && engine_retain_catalog(g, &e))
        g->catalog_stale = false;
    if (!derive_mark_files(g->derive, &e) || g->catalog_stale)
        log_line(LOG_ERROR, "what follows from the files loaded anew waits: %s", e.msg);
}

/* New forms, rules and views, all of them or none. The threads that use forms are kept out
 * meanwhile. */
static void try_reload(struct engine *g) {
    struct err e = {0};
    pthread_mutex_lock(&g->lock);
    bool wanted = g->reload;
    g->reload = false;
    pthread_mutex_unlock(&g->lock);
    if (!wanted)
        return;
    pthread_rwlock_wrlock(&g->catalog_lock);
    drain_ready(g);
    *g->bulletin_day = '\0';
    g->bulletin_due_us = 0;
    if (swap_catalog(g, &e))
        log_line(LOG_INFO, "forms, rules and views loaded anew");
    else
        log_line(LOG_ERROR, "reload refused, what was loaded before stays: %s", e.msg);
    pthread_rwlock_unlock(&g->catalog_lock);
    g->derive_more = true;
}

/* ---------------------------------------------------------------- all of it */

/* Another process wrote: imports, enrolment, parameters. */
static void look_elsewhere(struct engine *g) {
    if (!store_changed_elsewhere(g->core->store))
        return;
    authority_forget(g->core->authority);
    receipts_forget(g->pipeline.receipts);
    g->outbox_more = true;
    g->derive_more = true;
}

static bool take_up(struct engine *g) {
    pthread_mutex_lock(&g->lock);
    bool up = g->was_up;
    g->was_up = false;
    pthread_mutex_unlock(&g->lock);
    return up;
}

void engine_chores(struct engine *g) {
    struct err e = {0};
    int64_t now = clock_mono_us(g->options.clock);
    if (take_up(g))
        engine_publish_server(g, "online");
    try_reload(g);
    settle_files(g);
    look_elsewhere(g);
    engine_forget_acked(g);
    engine_reconcile(g);
    if (!engine_new_day(g, &e))
        log_line(LOG_ERROR, "new day: %s", e.msg);
    settle_authority(g);
    tell_broker(g);
    engine_publish_bulletin(g);
    if (g->prune_more && !prune_slice(g->core, &g->prune_more, &e))
        log_line(LOG_ERROR, "old rows stay: %s", e.msg);
    if (now - g->last_metrics_us > METRICS_EVERY_US) {
        g->last_metrics_us = now;
        engine_publish_metrics(g);
    }
}
