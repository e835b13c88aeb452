#include "derive_internal.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (256u * 1024) /* a status message */
#define MARK_CHUNK 5000        /* entities marked in one transaction */

extern const char derive_sql[];

/* ---------------------------------------------------------------- statements */

sqlite3_stmt *derive_q(struct derive *d, const char *name) {
    return statements_get(&d->queries, store_db(d->store), name);
}

void derive_do(struct derive *d, const char *name) {
    q_done(d->store, derive_q(d, name));
}

int64_t derive_ask(struct derive *d, const char *name) {
    sqlite3_stmt *q = derive_q(d, name);
    int64_t v = 0;
    if (q_row(d->store, q)) {
        v = sqlite3_column_int64(q, 0);
        q_end(q);
    }
    return v;
}

void derive_script(struct derive *d, const char *name) {
    const struct statement *q = statements_find(&d->queries, name);
    char *sql = strndup(q->sql, q->sql_size);
    if (sql)
        store_exec(d->store, sql);
    free(sql);
}

/* ---------------------------------------------------------------- life */

/* The table of levels as SQL sees it. */
static void fill_levels(struct derive *d) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        sqlite3_stmt *q = derive_q(d, "level_add");
        q_text(q, 1, level_table[i].name);
        q_int(q, 2, level_table[i].rank);
        q_int(q, 3, level_table[i].retained);
        q_done(d->store, q);
    }
}

void derive_tables(struct derive *d) {
    statements_init(&d->queries, derive_sql);
    buf_init(&d->text, TEXT_MAX);
    derive_script(d, "temp_tables");
    fill_levels(d);
}

static bool open_files(struct derive *d, const char *schema_dir, struct err *e) {
    if (!store_begin(d->store, e))
        return false;
    derive_tables(d);
    if (!store_failed(d->store) && !derive_files_load(d, schema_dir, e)) {
        store_rollback(d->store);
        return false;
    }
    d->loaded = store_commit(d->store, e);
    return d->loaded;
}

struct derive *derive_create(struct store *store, const struct clock *clock, const char *schema_dir,
                             const char *county6, struct err *e) {
    struct derive *d = calloc(1, sizeof *d);
    if (!d) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    d->store = store;
    d->clock = clock;
    snprintf(d->county, sizeof d->county, "%s", county6);
    sha256(derive_sql, strlen(derive_sql), d->program_hash);
    if (!open_files(d, schema_dir, e)) {
        derive_destroy(d);
        return NULL;
    }
    return d;
}

/* While a set is replaced, both stand in temp.view_name; the one that stays counts. */
static void forget_names(struct derive *d) {
    if (d->file_count == 0 || !d->loaded)
        return;
    sqlite3_stmt *q = derive_q(d, "view_name_drop");
    q_int(q, 1, d->first_index);
    q_int(q, 2, d->first_index + (int)d->file_count - 1);
    q_done(d->store, q);
    derive_script(d, "names_refill");
}

void derive_destroy(struct derive *d) {
    if (!d)
        return;
    derive_scout_end(d);
    forget_names(d);
    for (size_t i = 0; i < d->file_count; i++) {
        sqlite3_finalize(d->files[i].stmt);
        free(d->files[i].sql);
    }
    statements_fini(&d->queries);
    buf_fini(&d->text);
    free(d->check_names);
    free(d);
}

bool derive_file_sql(const struct derive *d, size_t i, const char **ret_name,
                     const char **ret_sql) {
    if (i >= d->file_count)
        return false;
    *ret_name = d->files[i].path;
    *ret_sql = d->files[i].sql;
    return true;
}

/* ---------------------------------------------------------------- a slice */

bool derive_changed(struct derive *d, const struct derive_file *f) {
    bool touched = (d->slice_any & f->forms) != 0;
    bool reads = d->altered && f->reads;
    if (!touched && !reads)
        return false;
    bool all = (d->slice_all & f->forms) != 0;
    if (all && d->changed_is_slice)
        return true;
    derive_do(d, "changed_clear");
    sqlite3_stmt *q = derive_q(d, reads && !all ? "changed_fill_reading" : "changed_fill");
    q_int(q, 1, f->forms);
    if (reads && !all)
        q_int(q, 2, f->index);
    q_done(d->store, q);
    d->changed_is_slice = all;
    return touched || sqlite3_changes(store_db(d->store)) > 0;
}

void derive_file_run(struct derive *d, struct derive_file *f) {
    q_done(d->store, f->stmt);
}

int64_t derive_revs(struct derive *d) {
    int64_t base = store_rev(d->store);
    for (int64_t n = derive_ask(d, "todo_count"); n > 0; n--)
        store_next_rev(d->store);
    return base;
}

size_t derive_slice_begin(struct derive *d) {
    size_t count = 0;
    d->slice_any = 0;
    d->slice_all = -1;
    d->changed_is_slice = false;
    if (d->altered)
        derive_do(d, "altered_clear");
    d->altered = false;
    sqlite3_stmt *forms = derive_q(d, "slice_forms");
    for (; q_row(d->store, forms); count++) {
        d->slice_any |= sqlite3_column_int64(forms, 0);
        d->slice_all &= sqlite3_column_int64(forms, 0);
    }
    if (count == 0)
        return 0;
    derive_do(d, "standing_clear");
    derive_do(d, "standing_fill");
    derive_do(d, "standing_task_clear");
    derive_do(d, "standing_task_fill");
    return count;
}

/* Moves rows of one level from dirty to temp.slice; returns how many. */
static size_t take(struct derive *d, const char *level, size_t max, const char *after) {
    derive_do(d, "slice_clear");
    sqlite3_stmt *q = derive_q(d, after ? "slice_take_after" : "slice_take");
    q_text(q, 1, level);
    q_int(q, 2, (int64_t)max);
    if (after)
        q_text(q, 3, after);
    q_done(d->store, q);
    size_t count = derive_slice_begin(d);
    if (count == 0)
        return 0;
    sqlite3_stmt *done = derive_q(d, "slice_done");
    q_text(done, 1, level);
    q_done(d->store, done);
    return count;
}

void derive_slice_evaluate(struct derive *d, const struct level *level) {
    for (size_t i = 0; i < d->file_count; i++) {
        struct derive_file *f = &d->files[i];
        if (f->kind == DERIVE_VIEW && f->level == level && derive_changed(d, f))
            derive_view(d, f);
    }
    if (level->checked)
        derive_checks(d, level);
    for (size_t i = 0; i < d->file_count; i++) {
        struct derive_file *f = &d->files[i];
        if (f->kind == DERIVE_RULE && f->level == level && !f->continued && derive_changed(d, f))
            derive_rule(d, f);
    }
}

static size_t derive_level(struct derive *d, const struct level *level, size_t max) {
    size_t count = max ? take(d, level->name, max, NULL) : 0;
    if (count > 0)
        derive_slice_evaluate(d, level);
    return count;
}

/* Places are taken in turns, so that none waits for ever behind busier ones. */
static size_t take_places(struct derive *d, size_t max) {
    size_t count = take(d, "place", max, d->place_after);
    if (count == 0 && *d->place_after)
        count = take(d, "place", max, "");
    sqlite3_stmt *q = derive_q(d, "slice_last");
    if (q_row(d->store, q)) {
        snprintf(d->place_after, sizeof d->place_after, "%s", q_col(q, 0));
        q_end(q);
    }
    return count;
}

size_t derive_slice(struct derive *d, size_t subjects_max) {
    size_t subjects = 0;
    size_t places = 0;
    for (size_t i = 0; i < LEVEL_COUNT && !store_failed(d->store); i++) {
        const struct level *level = &level_table[i];
        if (level->source != LEVEL_OF_SUMS)
            subjects += derive_level(d, level, subjects_max - subjects);
        else if ((places = take_places(d, subjects_max / 16 + 1)) > 0)
            derive_places(d);
    }
    return subjects + places;
}

bool derive_step(struct derive *d, size_t subjects_max, bool *ret_more, struct err *e) {
    *ret_more = false;
    if (!derive_ask(d, "dirty_any"))
        return store_take_error(d->store, e);
    if (!store_begin(d->store, e))
        return false;
    derive_scout_collect(d);
    derive_slice(d, subjects_max);
    *ret_more = derive_ask(d, "dirty_any") != 0;
    if (!*ret_more) {
        derive_do(d, "params_done");
        derive_files_done(d);
    }
    bool done = store_commit(d->store, e);
    if (done && !*ret_more)
        derive_scout_end(d);
    return done;
}

/* ---------------------------------------------------------------- everything */

/* Marks all subjects of all levels but entities, of which there are many. */
static void mark_levels(struct derive *d) {
    static const char *const names[] = {[LEVEL_OF_SUBJECTS] = "mark_subjects",
                                        [LEVEL_OF_KEYS] = "mark_keys",
                                        [LEVEL_OF_DIVISIONS] = "mark_divisions",
                                        [LEVEL_OF_SUMS] = "mark_divisions"};
    derive_do(d, "mark_records");
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        const struct level *l = &level_table[i];
        if (l->source == LEVEL_OF_ENTITIES || l->source == LEVEL_OF_RECORDS)
            continue;
        sqlite3_stmt *q = derive_q(d, names[l->source]);
        q_text(q, 1, l->name);
        if (l->source != LEVEL_OF_KEYS)
            q_text(q, 2, l->source == LEVEL_OF_SUBJECTS ? l->prefix : d->county);
        if (l->source == LEVEL_OF_DIVISIONS || l->source == LEVEL_OF_SUMS)
            q_int(q, 3, l->rank);
        q_done(d->store, q);
    }
}

/* Marks the entities of a level after `after`, and puts the last one there; false when there are no
 * more. */
static bool mark_entities(struct derive *d, const struct level *level, int64_t forms,
                          char after[64]) {
    sqlite3_stmt *end = derive_q(d, "mark_entities_end");
    sqlite3_stmt *q = derive_q(d, "mark_entities");
    q_text(q, 1, level->name);
    q_text(q, 2, after);
    q_int(q, 3, MARK_CHUNK);
    q_int(q, 4, forms);
    q_done(d->store, q);
    q_text(end, 1, level->name);
    q_text(end, 2, after);
    q_int(end, 3, MARK_CHUNK);
    if (!q_row(d->store, end))
        return false;
    snprintf(after, 64, "%s", q_col(end, 0));
    q_end(end);
    return true;
}

static bool is_asked(const struct derive *d, const struct level *level, int64_t forms) {
    for (size_t i = 0; i < d->file_count; i++) {
        if (d->files[i].level == level && d->files[i].forms & forms)
            return true;
    }
    return false;
}

/* Of entities, of which there are many, only for the files that ask for one of the forms; in
 * several transactions, or in the one that is open. */
static bool mark_every(struct derive *d, int64_t forms, bool commits, struct err *e) {
    d->marks++;
    d->scoutless = false;
    mark_levels(d);
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        char after[64] = "";
        const struct level *level = &level_table[i];
        if (level->source != LEVEL_OF_ENTITIES || !is_asked(d, level, forms))
            continue;
        while (!store_failed(d->store) && mark_entities(d, level, forms, after)) {
            if (commits && (!store_commit(d->store, e) || !store_begin(d->store, e)))
                return false;
        }
    }
    return true;
}

static bool mark(struct derive *d, int64_t forms, struct err *e) {
    return store_begin(d->store, e) && mark_every(d, forms, true, e) && store_commit(d->store, e);
}

bool derive_mark_forms(struct derive *d, int64_t forms, struct err *e) {
    bool ok = mark(d, forms, e);
    if (forms >> DERIVE_ALL_FORMS_BIT & 1)
        d->files_marked = ok;
    return ok;
}

bool derive_mark_all(struct derive *d, struct err *e) {
    return derive_mark_forms(d, (int64_t)1 << DERIVE_ALL_FORMS_BIT, e);
}

bool derive_mark_files(struct derive *d, struct err *e) {
    if (!d->files_changed || d->files_marked)
        return true;
    d->files_marked = mark(d, d->file_bit, e);
    return d->files_marked;
}

bool derive_mark_day(struct derive *d, struct err *e) {
    return mark(d, d->today_bit, e);
}

bool derive_mark_params(struct derive *d, struct err *e) {
    derive_note_params(d);
    return mark(d, d->param_bit, e);
}

bool derive_run(struct derive *d, derive_progress *progress, void *ctx, struct err *e) {
    size_t total = (size_t)derive_ask(d, "dirty_count");
    bool more = total > 0;
    while (more) {
        if (!derive_step(d, DERIVE_SLICE_MAX, &more, e))
            return false;
        size_t left = (size_t)derive_ask(d, "dirty_count");
        if (progress)
            progress(ctx, left < total ? total - left : 0, total);
    }
    return store_take_error(d->store, e);
}

static bool report_differences(struct derive *d, FILE *report) {
    sqlite3_stmt *q = NULL;
    const struct statement *text = statements_find(&d->queries, "check_compare");
    if (sqlite3_prepare_v2(store_db(d->store), text->sql, (int)text->sql_size, &q, NULL)) {
        fprintf(stderr, "zoufang: check_compare: %s\n", sqlite3_errmsg(store_db(d->store)));
        abort();
    }
    bool same = true;
    while (q_row(d->store, q)) {
        same = false;
        if (report)
            fprintf(report, "%s %s: %s: %s\n", q_col(q, 0), q_col(q, 1), q_col(q, 2), q_col(q, 3));
    }
    sqlite3_finalize(q);
    return same;
}

/* What a server would mark before it derives: the register, parameters or files changed while none
 * ran. A mask. */
static int64_t unmarked(struct derive *d) {
    int64_t forms = derive_ask(d, "register_forms");
    sqlite3_stmt *q = derive_q(d, "params_changed");
    bool params = q_row(d->store, q);
    q_end(q);
    if (params)
        derive_note_params(d);
    return forms | (params ? d->param_bit : 0) | (d->files_changed ? d->file_bit : 0);
}

bool derive_check(struct derive *d, FILE *report, bool *ret_same, struct err *e) {
    if (!store_begin(d->store, e))
        return false;
    int64_t forms = unmarked(d);
    if (forms)
        mark_every(d, forms, false, e);
    while (!store_failed(d->store) && derive_slice(d, DERIVE_SLICE_MAX) > 0)
        ;
    derive_script(d, "check_keep");
    mark_every(d, (int64_t)1 << DERIVE_ALL_FORMS_BIT, false, e);
    while (!store_failed(d->store) && derive_slice(d, DERIVE_SLICE_MAX) > 0)
        ;
    *ret_same = !store_failed(d->store) && report_differences(d, report);
    store_rollback(d->store);
    return store_take_error(d->store, e);
}
