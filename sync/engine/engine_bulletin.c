/* The bulletin of the month before: made and published every day until it is final, and before it
 * that of the month before that, if no final one was (the server did not run then); after a
 * failure (a full disk, an import that holds the lock) again a minute later. It takes seconds in a
 * large county, so a thread of its own makes it, which reads through its own connection. */
#include "engine_internal.h"

#include "bulletin.h"
#include "log.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_US 60000000
#define STEPS_BETWEEN_LOOKS 10000 /* of SQLite's machine; well below a millisecond */

static int is_stopping(void *arg) {
    struct engine *g = arg;
    pthread_mutex_lock(&g->lock);
    bool stopping = g->bulletin_stop;
    pthread_mutex_unlock(&g->lock);
    return stopping;
}

static char *make(struct engine *g, struct err *e) {
    const struct engine_options *o = &g->options;
    struct core *core = core_open(o->dir, o->schema_dir, o->clock, o->rng, e);
    if (core) {
        store_exec(core->store, STORE_READERS_CACHE);
        sqlite3_progress_handler(store_db(core->store), STEPS_BETWEEN_LOOKS, is_stopping, g);
    }
    json_t *bulletin = core ? bulletin_make(core, g->bulletin_month, e) : NULL;
    char *text = bulletin_text(bulletin);
    json_decref(bulletin);
    core_close(core);
    return text;
}

static void *bulletin_thread(void *arg) {
    struct engine *g = arg;
    struct err e = {0};
    pthread_setname_np(pthread_self(), "bulletin");
    char *text = make(g, &e);
    if (!text && !is_stopping(g))
        log_line(LOG_ERROR, "bulletin of %s: %s", g->bulletin_month, e.msg);
    pthread_mutex_lock(&g->lock);
    g->bulletin_text = text;
    g->bulletin_wrong = e.code == ERR_USAGE;
    g->bulletin_made = true;
    pthread_mutex_unlock(&g->lock);
    intake_nudge(&g->intake);
    return NULL;
}

/* Whether the county was registered in that month or before, and its final bulletin is not out. */
static bool is_due(struct engine *g, const char *month) {
    struct store *s = g->core->store;
    char code[16];
    char topic[TOPIC_SIZE_MAX];
    snprintf(code, sizeof code, "%s000000", g->core->county);
    sqlite3_stmt *q = store_query(s, "registered_since");
    q_text(q, 1, code);
    bool due = q_row(s, q) && *q_col(q, 0) && strncmp(q_col(q, 0), month, 7) <= 0;
    q_end(q);
    if (!due || !topic_bulletin(topic, g->core->county, month))
        return false;
    q = store_query(s, "retained_payload");
    q_text(q, 1, topic);
    json_t *old = q_row(s, q) ? json_loadb(sqlite3_column_blob(q, 0),
                                           (size_t)sqlite3_column_bytes(q, 0), 0, NULL)
                              : NULL;
    q_end(q);
    bool final = json_is_true(json_object_get(old, "final"));
    json_decref(old);
    return !final;
}

/* Looks again after a while. */
static void try_later(struct engine *g) {
    *g->bulletin_day = '\0';
    g->bulletin_due_us = clock_mono_us(g->options.clock) + RETRY_US;
}

/* Which one is to be made today; false: none. */
static bool choose(struct engine *g, char month[8]) {
    char last[8];
    bulletin_month_before(g->day, last);
    bulletin_month_before(last, month);
    if (is_due(g, month))
        return true;
    memcpy(month, last, sizeof last);
    return is_due(g, month);
}

static void begin(struct engine *g) {
    char month[8];
    memcpy(g->bulletin_day, g->day, sizeof g->bulletin_day);
    if (!choose(g, month))
        return;
    memcpy(g->bulletin_month, month, sizeof month);
    g->bulletin_stop = false;
    if (pthread_create(&g->bulletin_thread, NULL, bulletin_thread, g) != 0) {
        log_line(LOG_ERROR, "bulletin of %s: cannot start a thread", month);
        *g->bulletin_month = '\0';
        try_later(g);
    }
}

static bool publish(struct engine *g, const char *text) {
    char topic[TOPIC_SIZE_MAX];
    struct err e = {0};
    if (!topic_bulletin(topic, g->core->county, g->bulletin_month))
        return true; /* begin looked already */
    if (store_begin(g->core->store, &e)) {
        engine_retain(g, topic, text, strlen(text));
        store_commit(g->core->store, &e);
    }
    if (err_is_set(&e))
        log_line(LOG_ERROR, "bulletin of %s: %s", g->bulletin_month, e.msg);
    else
        log_line(LOG_INFO, "bulletin of %s", g->bulletin_month);
    return !err_is_set(&e);
}

/* What is wrong with the files stays wrong until they are loaded anew. */
static void finish(struct engine *g) {
    char last[8];
    pthread_join(g->bulletin_thread, NULL);
    malloc_trim(0); /* what its thread used */
    bulletin_month_before(g->day, last);
    if (g->bulletin_text ? !publish(g, g->bulletin_text) : !g->bulletin_wrong)
        try_later(g);
    else if (g->bulletin_text && strcmp(g->bulletin_month, last) != 0)
        *g->bulletin_day = '\0'; /* that one comes next */
    free(g->bulletin_text);
    g->bulletin_text = NULL;
    g->bulletin_made = false;
    *g->bulletin_month = '\0';
}

void engine_publish_bulletin(struct engine *g) {
    pthread_mutex_lock(&g->lock);
    bool made = g->bulletin_made;
    pthread_mutex_unlock(&g->lock);
    if (made)
        finish(g);
    else if (!*g->bulletin_month && !g->derive_more && strcmp(g->bulletin_day, g->day) != 0 &&
             clock_mono_us(g->options.clock) >= g->bulletin_due_us)
        begin(g);
}

void engine_bulletin_end(struct engine *g) {
    if (!*g->bulletin_month)
        return;
    pthread_mutex_lock(&g->lock);
    g->bulletin_stop = true;
    pthread_mutex_unlock(&g->lock);
    finish(g);
}
