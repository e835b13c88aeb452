/* What rules ask for against the tasks that stand. */
#include "derive_internal.h"
#include "topics.h"

#include <string.h>

/* Runs a file into temp.found and brings the ledger and the findings in line with it. */
static void write_ledger(struct derive *d, const struct derive_file *f) {
    derive_do(d, "differs_clear");
    derive_do(d, "differs_new");
    sqlite3_stmt *gone = derive_q(d, "differs_gone");
    q_int(gone, 1, f->index);
    q_done(d->store, gone);
    if (!derive_ask(d, "differs_any"))
        return;
    if (strcmp(f->level, "place") != 0)
        derive_do(d, "ledger_dirty");
    derive_do(d, "ledger_delete");
    derive_do(d, "ledger_insert");
}

static void with_revs(struct derive *d, const char *name) {
    sqlite3_stmt *q = derive_q(d, name);
    q_int(q, 1, derive_revs(d));
    q_done(d->store, q);
}

static void mark_entity_places(struct derive *d, const char *kind) {
    sqlite3_stmt *q = derive_q(d, "checks_dirty");
    q_text(q, 1, kind);
    q_done(d->store, q);
}

/* Rows named `finding` are the findings' documents. */
static void write_findings(struct derive *d) {
    derive_do(d, "todo_clear");
    derive_do(d, "finding_differ");
    if (derive_ask(d, "todo_count")) {
        with_revs(d, "finding_write");
        mark_entity_places(d, "finding");
    }
    derive_do(d, "todo_clear");
    derive_do(d, "finding_lost");
    if (derive_ask(d, "todo_count")) {
        with_revs(d, "finding_void");
        mark_entity_places(d, "finding");
    }
}

void derive_view(struct derive *d, struct derive_file *f) {
    derive_do(d, "found_clear");
    derive_file_run(d, f);
    write_ledger(d, f);
    if (strcmp(f->level, "finding") == 0)
        write_findings(d);
}

void derive_checks(struct derive *d, const char *level) {
    if (strcmp(level, "household") != 0)
        return;
    derive_do(d, "todo_clear");
    sqlite3_stmt *q = derive_q(d, "checks_differ");
    q_text(q, 1, level);
    q_done(d->store, q);
    if (!derive_ask(d, "todo_count"))
        return;
    q = derive_q(d, "checks_write");
    q_text(q, 1, level);
    q_int(q, 2, derive_revs(d));
    q_done(d->store, q);
    mark_entity_places(d, level);
}

/* ---------------------------------------------------------------- retained tasks */

void derive_retain(struct derive *d, const char *topic, int64_t interval_ms) {
    sqlite3_stmt *q = derive_q(d, "retain");
    q_text(q, 1, topic);
    q_blob(q, 2, d->text.data, d->text.size);
    q_int(q, 3, clock_wall_ms(d->clock));
    q_int(q, 4, interval_ms);
    q_done(d->store, q);
}

/* The tasks of temp.todo as phones find them on the broker. */
static void retain_tasks(struct derive *d) {
    sqlite3_stmt *q = derive_q(d, "task_retain");
    while (q_row(d->store, q)) {
        char topic[TOPIC_SIZE_MAX];
        if (!topic_task(topic, d->county, q_col(q, 1), q_col(q, 0)))
            continue;
        if (!sqlite3_column_int(q, 4)) {
            sqlite3_stmt *clear = derive_q(d, "retain_clear");
            q_text(clear, 1, topic);
            q_int(clear, 2, clock_wall_ms(d->clock));
            q_done(d->store, clear);
            continue;
        }
        const char *doc = q_col(q, 2);
        buf_clear(&d->text);
        buf_add(&d->text, doc, strlen(doc) - 1);
        buf_add_fmt(&d->text, ",\"rev\":%lld}", (long long)sqlite3_column_int64(q, 3));
        derive_retain(d, topic, 0);
    }
}

/* ---------------------------------------------------------------- rules */

/* In the order of the digits that their names begin with. */
static void run_folds(struct derive *d) {
    for (int order = '1'; order <= '9'; order++) {
        for (size_t i = 0; i < d->file_count; i++) {
            if (d->files[i].kind == DERIVE_FOLD && *d->files[i].name == order)
                derive_file_run(d, &d->files[i]);
        }
    }
}

/* A task may leave a place: it is cleared there before it is written anew. */
static void write_tasks(struct derive *d) {
    derive_do(d, "todo_clear");
    derive_do(d, "task_differ");
    if (!derive_ask(d, "todo_count"))
        return;
    derive_do(d, "task_dirty");
    with_revs(d, "task_write");
    derive_do(d, "task_dirty");
    retain_tasks(d);
}

static void void_tasks(struct derive *d, const struct derive_file *f) {
    derive_do(d, "todo_clear");
    sqlite3_stmt *q = derive_q(d, "task_lost");
    q_text(q, 1, f->level);
    q_text(q, 2, f->name);
    q_done(d->store, q);
    if (!derive_ask(d, "todo_count"))
        return;
    derive_do(d, "task_dirty");
    with_revs(d, "task_void");
    retain_tasks(d);
}

void derive_rule(struct derive *d, struct derive_file *f) {
    derive_do(d, "wanted_clear");
    derive_file_run(d, f);
    if (derive_ask(d, "wanted_any")) {
        run_folds(d);
        derive_do(d, "wanted_doc");
        write_tasks(d);
    }
    void_tasks(d, f);
}
