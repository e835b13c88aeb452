/* What everything was derived with: files that changed since are asked about every subject again,
 * and what no file makes any more is taken back. */
#include "derive_internal.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SIZE 1800 /* of one stand-in's header line */

/* ---------------------------------------------------------------- files */

static bool is_known(struct derive *d, const struct derive_file *f) {
    sqlite3_stmt *q = derive_q(d, "derived_same");
    q_text(q, 1, f->path);
    q_text(q, 2, f->hash);
    bool found = q_row(d->store, q);
    q_end(q);
    return found;
}

static void do_with_path(struct derive *d, const char *name, const char *path) {
    sqlite3_stmt *q = derive_q(d, name);
    q_text(q, 1, path);
    q_done(d->store, q);
}

static bool is_loaded(const struct derive *d, const char *path) {
    for (size_t i = 0; i < d->file_count; i++) {
        if (strcmp(d->files[i].path, path) == 0)
            return true;
    }
    return false;
}

/* Until everything is derived, neither the old text counts as known nor the new one. Returns
 * whether all rules are concerned: by a fold, or by a file that may have been one. */
static bool note_changed(struct derive *d) {
    bool folds = false;
    for (size_t i = 0; i < d->file_count; i++) {
        struct derive_file *f = &d->files[i];
        f->changed = !is_known(d, f);
        if (!f->changed)
            continue;
        do_with_path(d, "derived_differs", f->path);
        d->files_changed = true;
        folds = folds || f->kind == DERIVE_FOLD;
    }
    sqlite3_stmt *q = derive_q(d, "derived_files");
    while (q_row(d->store, q)) {
        if (is_loaded(d, q_col(q, 0)))
            continue;
        do_with_path(d, "derived_lost", q_col(q, 0));
        d->files_changed = true;
        folds = folds || strncmp(q_col(q, 0), "rules/", 6) == 0;
    }
    return folds;
}

/* ---------------------------------------------------------------- what no file makes any more */

/* A file that makes nothing, first in order so that those which read its rows are asked after it.
 */
static bool add_stand_in(struct derive *d, const char *path, const char *sql, struct err *e) {
    if (!derive_file_add(d, path, sql, e))
        return false;
    struct derive_file last = d->files[d->file_count - 1];
    memmove(&d->files[1], &d->files[0], (d->file_count - 1) * sizeof *d->files);
    d->files[0] = last;
    d->files[0].gone = true;
    d->files_changed = true;
    return true;
}

static bool add_rows(struct derive *d, const struct level *level, const char *key,
                     const char *names, struct err *e) {
    char sql[NAMES_SIZE + 300];
    snprintf(sql, sizeof sql,
             "-- view: gone\n-- level: %s\n-- forms: \n-- %s: %s\n"
             "SELECT '' AS subject, '' AS name FROM temp.changed WHERE 0\n",
             level->name, key, names);
    return !*names || add_stand_in(d, "rows that no view makes", sql, e);
}

/* Rows of a level, in as many stand-ins as their names need; one named like it is a document. */
static bool take_back_rows(struct derive *d, const struct level *level, int last, struct err *e) {
    char names[NAMES_SIZE] = "";
    size_t used = 0;
    bool document = false;
    bool ok = true;
    sqlite3_stmt *q = derive_q(d, "derived_orphan_rows");
    q_int(q, 1, d->first_index);
    q_int(q, 2, last);
    q_text(q, 3, level->name);
    while (q_row(d->store, q)) {
        const char *name = q_col(q, 0);
        if (level->document && strcmp(name, level->name) == 0) {
            document = true;
            continue;
        }
        if (used + strlen(name) + 2 >= sizeof names) {
            ok = ok && add_rows(d, level, "keeps", names, e);
            used = 0;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", name);
    }
    return ok && add_rows(d, level, "keeps", names, e) &&
           (!document || add_rows(d, level, "names", level->name, e));
}

static bool makes_rule(const struct derive *d, const char *name, const char *level) {
    for (size_t i = 0; i < d->file_count; i++) {
        const struct derive_file *f = &d->files[i];
        if (f->kind == DERIVE_RULE && strcmp(f->name, name) == 0 &&
            strcmp(f->level->name, level) == 0)
            return true;
    }
    return false;
}

static bool take_back_rules(struct derive *d, struct err *e) {
    bool ok = true;
    sqlite3_stmt *q = derive_q(d, "derived_rules");
    while (q_row(d->store, q)) {
        char sql[400];
        if (!ok || makes_rule(d, q_col(q, 0), q_col(q, 1)))
            continue;
        snprintf(sql, sizeof sql,
                 "-- rule: %s\n-- level: %s\n-- forms: \nSELECT '' AS root, '' AS subject,"
                 " '' AS place, '' AS opened, '' AS due FROM temp.changed WHERE 0\n",
                 q_col(q, 0), q_col(q, 1));
        ok = add_stand_in(d, "a rule that is gone", sql, e);
    }
    return ok;
}

static void note_names(struct derive *d, int last) {
    sqlite3_stmt *q = derive_q(d, "derived_rows");
    q_int(q, 1, d->first_index);
    q_int(q, 2, last);
    q_done(d->store, q);
    for (size_t i = 0; i < d->file_count; i++) {
        if (d->files[i].kind != DERIVE_RULE)
            continue;
        q = derive_q(d, "derived_rule");
        q_text(q, 1, d->files[i].name);
        q_text(q, 2, d->files[i].level->name);
        q_done(d->store, q);
    }
}

bool derive_note_files(struct derive *d, struct err *e) {
    int last = d->first_index + (int)d->file_count - 1;
    bool all_rules = note_changed(d);
    bool ok = true;
    note_names(d, last);
    for (size_t i = 0; i < LEVEL_COUNT && ok; i++)
        ok = take_back_rows(d, &level_table[i], last, e);
    ok = ok && take_back_rules(d, e);
    for (size_t i = 0; i < d->file_count; i++) {
        struct derive_file *f = &d->files[i];
        bool asked = f->changed || f->gone || (all_rules && f->kind == DERIVE_RULE);
        f->forms = asked ? f->forms | d->file_bit : f->forms & ~d->file_bit; /* "*" has it */
    }
    return ok;
}

void derive_files_done(struct derive *d) {
    if (!d->files_changed || !d->files_marked)
        return;
    for (size_t i = 0; i < d->file_count; i++) {
        const struct derive_file *f = &d->files[i];
        const char *name = !f->gone                 ? "derived_file"
                           : f->kind == DERIVE_RULE ? "derived_forget_rule"
                                                    : "derived_forget_rows";
        sqlite3_stmt *q = derive_q(d, name);
        if (f->gone && f->kind == DERIVE_VIEW)
            q_int(q, 1, f->index);
        else
            q_text(q, 1, f->gone ? f->name : f->path);
        q_text(q, 2, f->gone ? f->level->name : f->hash);
        q_done(d->store, q);
    }
    derive_do(d, "derived_forget_files");
    d->files_changed = false;
}
