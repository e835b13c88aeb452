/* What rules ask for against the tasks that stand. */
#include "derive_internal.h"
#include "topics.h"

#include <stdlib.h>
#include <string.h>

#define META_CHECKS "derive.checks" /* the names of checks that entities were given */

/* Brings the ledger in line with temp.found. */
static void write_ledger(struct derive *d, const struct derive_file *f) {
    derive_do(d, "differs_clear");
    sqlite3_stmt *q = derive_q(d, "differs_new");
    q_text(q, 1, f->document ? f->level->name : "");
    q_done(d->store, q);
    q = derive_q(d, "differs_gone");
    q_int(q, 1, f->index);
    q_done(d->store, q);
    if (!derive_ask(d, "differs_any"))
        return;
    if (d->looks) {
        derive_do(d, "unlike_rows");
        return;
    }
    if (f->level->source != LEVEL_OF_SUMS) {
        q = derive_q(d, "ledger_dirty");
        q_int(q, 1, f->level->rank != 0);
        q_done(d->store, q);
        derive_do(d, "altered_add");
        d->altered = d->altered || sqlite3_changes(store_db(d->store)) > 0;
    }
    if (f->marks)
        derive_do(d, "ledger_marks");
    derive_do(d, "ledger_delete");
    derive_do(d, "ledger_insert");
}

/* Runs a statement whose first parameter is the name of a level. */
static void do_of_level(struct derive *d, const char *name, const struct level *level) {
    sqlite3_stmt *q = derive_q(d, name);
    q_text(q, 1, level->name);
    q_done(d->store, q);
}

/* The first column of a statement's only row; the caller frees it. */
static char *ask_text(struct derive *d, const char *name) {
    sqlite3_stmt *q = derive_q(d, name);
    char *text = strdup(q_row(d->store, q) ? q_col(q, 0) : "");
    q_end(q);
    if (!text)
        abort();
    return text;
}

/* The same for what temp.todo names, giving it new change numbers. */
static void write_of_level(struct derive *d, const char *name, const struct level *level) {
    sqlite3_stmt *q = derive_q(d, name);
    q_text(q, 1, level->name);
    q_int(q, 2, derive_revs(d));
    q_done(d->store, q);
    do_of_level(d, "checks_dirty", level);
}

/* Rows named like their level are documents. */
static void write_documents(struct derive *d, const struct level *level) {
    derive_do(d, "todo_clear");
    do_of_level(d, "document_differ", level);
    if (derive_ask(d, "todo_count"))
        write_of_level(d, "document_write", level);
    derive_do(d, "todo_clear");
    do_of_level(d, "document_lost", level);
    if (derive_ask(d, "todo_count"))
        write_of_level(d, "document_void", level);
}

void derive_view(struct derive *d, struct derive_file *f) {
    derive_do(d, "found_clear");
    derive_file_run(d, f);
    write_ledger(d, f);
    if (f->document)
        write_documents(d, f->level);
}

/* What is kept of checks when files began or ceased to make some is made anew. */
static void settle_check_names(struct derive *d, const struct level *level) {
    if (!d->check_names)
        d->check_names = ask_text(d, "check_names");
    if (strcmp(store_meta(d->store, META_CHECKS), d->check_names) == 0)
        return;
    if (*store_meta(d->store, META_CHECKS)) {
        do_of_level(d, "checks_forget", level);
        store_dirty(d->store, "all", "", (int64_t)1 << DERIVE_ALL_FORMS_BIT);
    }
    store_set_meta(d->store, META_CHECKS, d->check_names);
}

void derive_checks(struct derive *d, const struct level *level) {
    if (!d->looks)
        settle_check_names(d, level);
    q_text(derive_q(d, "checks_new"), 1, level->name);
    if (!d->altered && !derive_ask(d, "checks_new"))
        return;
    derive_do(d, "todo_clear");
    do_of_level(d, "checks_differ", level);
    if (d->looks)
        derive_do(d, "unlike_checks");
    else if (derive_ask(d, "todo_count"))
        write_of_level(d, "checks_write", level);
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

static void with_revs(struct derive *d, const char *name) {
    sqlite3_stmt *q = derive_q(d, name);
    q_int(q, 1, derive_revs(d));
    q_done(d->store, q);
}

/* A task may leave a place: it is cleared there before it is written anew. */
static void write_tasks(struct derive *d) {
    derive_do(d, "todo_clear");
    derive_do(d, "task_differ");
    if (!derive_ask(d, "todo_count"))
        return;
    if (d->looks) {
        derive_do(d, "unlike_wanted");
        return;
    }
    derive_do(d, "task_dirty");
    with_revs(d, "task_write");
    derive_do(d, "task_dirty");
    retain_tasks(d);
}

static void void_tasks(struct derive *d, const struct derive_file *f) {
    derive_do(d, "todo_clear");
    sqlite3_stmt *q = derive_q(d, "task_lost");
    q_text(q, 1, f->level->name);
    q_text(q, 2, f->name);
    q_done(d->store, q);
    if (!derive_ask(d, "todo_count"))
        return;
    if (d->looks) {
        q = derive_q(d, "unlike_lost");
        q_text(q, 1, f->level->name);
        q_text(q, 2, f->name);
        q_done(d->store, q);
        return;
    }
    derive_do(d, "task_dirty");
    with_revs(d, "task_void");
    retain_tasks(d);
}

bool derive_same_rule(const struct derive_file *f, const struct derive_file *g) {
    return f->kind == DERIVE_RULE && g->kind == DERIVE_RULE && f->level == g->level &&
           strcmp(f->name, g->name) == 0;
}

void derive_rule(struct derive *d, struct derive_file *f) {
    derive_do(d, "wanted_clear");
    for (size_t i = 0; i < d->file_count; i++) {
        if (derive_same_rule(&d->files[i], f))
            derive_file_run(d, &d->files[i]);
    }
    if (derive_ask(d, "wanted_any")) {
        run_folds(d);
        derive_do(d, "wanted_doc");
        write_tasks(d);
    }
    void_tasks(d, f);
}
