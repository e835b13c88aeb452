/* The scout: a second reader that looks ahead. After midnight, or when a file or a parameter
 * changed, every household is asked again, and for most of them nothing changes. The scout asks
 * some of them in a thread of its own, on a snapshot, with a connection that can write nothing but
 * temporary tables. What it finds unchanged is done; the others wait for the sync thread, which
 * asks them itself.
 *
 * Why that is right: who changes anything that files read marks the subjects that it concerns, at
 * once or after. If that came before the verdict is collected, it shows: as another bit of a
 * subject's mask, or, when everybody was marked for a day, parameters or files, in `marks`. If it
 * comes later, the subject is dirty again. Levels that are evaluated before are done when the scout
 * is sent, as in a slice. */
#include "derive_internal.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 512 /* subjects, an eighth of a second */
#define WINDOW (BATCH_MAX + DERIVE_SLICE_MAX)
#define ID_SIZE 64
#define AFTER_ALL "\x7f" /* sorts behind every id */

struct scout {
    struct derive *derive;              /* its own, with its own store */
    size_t positions[DERIVE_FILES_MAX]; /* of its files, in the set that they are copies of */
    const struct level *level;
    pthread_t thread;
    bool running;
    atomic_bool done, stop;
    unsigned marks;       /* as they were when the batch was handed over */
    char before[ID_SIZE]; /* the first that it has looked at since; it goes on from there */
    bool ok;
    size_t count;
    struct {
        char id[ID_SIZE];
        int64_t forms;
        bool same;
    } batch[BATCH_MAX];
};

/* ---------------------------------------------------------------- the scout's thread */

static void look(struct scout *s, size_t first, size_t count) {
    struct derive *d = s->derive;
    derive_do(d, "slice_clear");
    derive_do(d, "unlike_clear");
    for (size_t i = first; i < first + count; i++) {
        sqlite3_stmt *q = derive_q(d, "slice_add");
        q_text(q, 1, s->batch[i].id);
        q_int(q, 2, s->batch[i].forms);
        q_done(d->store, q);
    }
    derive_slice_begin(d);
    derive_slice_evaluate(d, s->level);
    sqlite3_stmt *q = derive_q(d, "slice_verdicts");
    for (size_t i = first; i < first + count && q_row(d->store, q); i++)
        s->batch[i].same = sqlite3_column_int(q, 0);
    q_end(q);
}

static void *run(void *arg) {
    struct scout *s = arg;
    struct store *store = s->derive->store;
    struct err e = {0};
    store_exec(store, "BEGIN");
    for (size_t at = 0; at < s->count && !atomic_load(&s->stop) && !store_failed(store);
         at += DERIVE_SLICE_MAX)
        look(s, at, s->count - at < DERIVE_SLICE_MAX ? s->count - at : DERIVE_SLICE_MAX);
    store_exec(store, "COMMIT");
    s->ok = store_take_error(store, &e);
    if (!s->ok)
        store_rollback(store);
    atomic_store(&s->done, true);
    return NULL;
}

/* ---------------------------------------------------------------- life */

/* The files that the level needs, prepared once more. */
static bool copy_files(struct scout *s, const struct derive *from) {
    struct derive *to = s->derive;
    for (size_t i = 0; i < from->file_count; i++) {
        const struct derive_file *f = &from->files[i];
        if (f->level != s->level && f->kind != DERIVE_FOLD)
            continue;
        s->positions[to->file_count] = i;
        struct derive_file *g = &to->files[to->file_count++];
        *g = *f;
        g->sql = NULL;
        g->stmt = NULL;
        if (sqlite3_prepare_v3(store_db(to->store), f->sql, -1, SQLITE_PREPARE_PERSISTENT, &g->stmt,
                               NULL))
            return false;
    }
    return true;
}

static void copy_names(struct derive *to, struct derive *from) {
    sqlite3_stmt *q = derive_q(from, "names_all");
    while (q_row(from->store, q)) {
        sqlite3_stmt *add = derive_q(to, "view_name_add");
        for (int i = 0; i < 4; i++)
            sqlite3_bind_value(add, i + 1, sqlite3_column_value(q, i));
        q_done(to->store, add);
    }
    derive_script(to, "names_refill");
}

static void scout_free(struct scout *s) {
    if (s && s->derive) {
        struct store *store = s->derive->store;
        derive_destroy(s->derive);
        store_close(store);
    }
    free(s);
}

static struct scout *scout_make(struct derive *d, const struct level *level) {
    struct err e = {0};
    struct scout *s = calloc(1, sizeof *s);
    if (!s || !(s->derive = calloc(1, sizeof *s->derive))) {
        scout_free(s);
        return NULL;
    }
    struct derive *own = s->derive;
    s->level = level;
    strcpy(s->before, AFTER_ALL);
    own->clock = d->clock;
    own->looks = true;
    own->store =
        store_open(sqlite3_db_filename(store_db(d->store), "main"), STORE_READ, d->clock, &e);
    if (own->store) {
        store_exec(own->store, STORE_READERS_CACHE);
        derive_tables(own);
        copy_names(own, d);
    }
    if (!own->store || !copy_files(s, d) || !store_take_error(own->store, &e)) {
        scout_free(s);
        return NULL;
    }
    return s;
}

void derive_scout_end(struct derive *d) {
    struct scout *s = d->scout;
    if (!s)
        return;
    atomic_store(&s->stop, true);
    sqlite3_interrupt(store_db(s->derive->store));
    if (s->running)
        pthread_join(s->thread, NULL);
    scout_free(s);
    d->scout = NULL;
    malloc_trim(0); /* some megabytes of prepared statements and pages */
}

/* ---------------------------------------------------------------- the sync thread */

/* A query about the last subjects that wait and that it has not looked at. */
static sqlite3_stmt *ask_last(struct derive *d, const char *name, const struct level *level,
                              const char *before, int max) {
    sqlite3_stmt *q = derive_q(d, name);
    q_text(q, 1, level->name);
    q_int(q, 2, d->today_bit | d->param_bit | d->file_bit);
    q_text(q, 3, before);
    q_int(q, 4, max);
    return q;
}

static bool any_of(struct derive *d, const struct level *level) {
    sqlite3_stmt *q = derive_q(d, "dirty_of");
    q_text(q, 1, level->name);
    bool found = q_row(d->store, q);
    q_end(q);
    return found;
}

/* Whether so many wait that the sync thread does not come to the last of them soon, and they are
 * all that is to be evaluated next. */
static bool its_turn(struct derive *d, const struct level *level, const char *before) {
    sqlite3_stmt *q = ask_last(d, "marked_enough", level, before, WINDOW);
    bool found = q_row(d->store, q) && sqlite3_column_int(q, 0);
    q_end(q);
    for (const struct level *l = level_table; found && l < level; l++)
        found = !any_of(d, l);
    return found;
}

static void take_batch(struct derive *d, struct scout *s) {
    char before[ID_SIZE];
    memcpy(before, s->before, sizeof before);
    sqlite3_stmt *q = ask_last(d, "marked_last", s->level, before, BATCH_MAX);
    for (s->count = 0; q_row(d->store, q);) {
        snprintf(s->before, ID_SIZE, "%s", q_col(q, 0));
        if (!sqlite3_column_int(q, 2) || strlen(q_col(q, 0)) >= ID_SIZE)
            continue;
        memcpy(s->batch[s->count].id, s->before, ID_SIZE);
        s->batch[s->count].forms = sqlite3_column_int64(q, 1);
        s->batch[s->count++].same = false;
    }
}

static bool send_out(struct derive *d, struct scout *s) {
    for (size_t i = 0; i < s->derive->file_count; i++) /* parameters come and go in the masks */
        s->derive->files[i].forms = d->files[s->positions[i]].forms;
    s->marks = d->marks;
    atomic_store(&s->done, false);
    s->running = pthread_create(&s->thread, NULL, run, s) == 0;
    if (s->running)
        pthread_setname_np(s->thread, "scout");
    return s->running;
}

static const struct level *level_of_entities(void) {
    size_t i = 0;
    while (level_table[i].source != LEVEL_OF_ENTITIES)
        i++;
    return &level_table[i];
}

void derive_scout(struct derive *d) {
    const struct level *level = level_of_entities();
    struct scout *s = d->scout;
    if (d->scoutless || (s && s->running))
        return;
    if (!its_turn(d, level, s && s->marks == d->marks ? s->before : AFTER_ALL))
        return;
    if (!s)
        d->scout = s = scout_make(d, level);
    if (s && s->marks != d->marks)
        strcpy(s->before, AFTER_ALL);
    if (s)
        take_batch(d, s);
    d->scoutless = !s || !send_out(d, s);
    if (d->scoutless)
        derive_scout_end(d);
}

void derive_scout_collect(struct derive *d) {
    struct scout *s = d->scout;
    if (!s || !s->running || !atomic_load(&s->done))
        return;
    pthread_join(s->thread, NULL);
    s->running = false;
    for (size_t i = 0; i < s->count && s->ok && s->marks == d->marks; i++) {
        if (!s->batch[i].same)
            continue;
        sqlite3_stmt *q = derive_q(d, "marked_done");
        q_text(q, 1, s->level->name);
        q_text(q, 2, s->batch[i].id);
        q_int(q, 3, s->batch[i].forms);
        q_done(d->store, q);
    }
    d->scoutless = !s->ok;
    if (d->scoutless)
        derive_scout_end(d);
}
