/* What the derive_*.c share. */
#ifndef DERIVE_INTERNAL_H
#define DERIVE_INTERNAL_H

#include "buf.h"
#include "derive.h"
#include "hash.h"
#include "level.h"
#include "statements.h"

enum derive_kind { DERIVE_VIEW, DERIVE_RULE, DERIVE_STATUS, DERIVE_HEAD, DERIVE_FOLD };

/* One SQL file. */
struct derive_file {
    enum derive_kind kind;
    int index;                  /* names the file in temp.view_name */
    char path[128];             /* "rules/T-H2.sql" */
    char name[64];              /* "T-H2" */
    const struct level *level;  /* of views and rules */
    int64_t forms;              /* mask */
    bool reads;                 /* names ledger rows whose change asks it too */
    bool document;              /* makes rows named like its level, which are documents */
    bool marks;                 /* makes rows named marks.*, which make subjects dirty */
    char hash[SHA256_HEX_SIZE]; /* of its text, and of the program's */
    bool changed;               /* since everything was derived */
    bool gone;                  /* stands in for files that are gone: makes nothing */
    bool continued;             /* a later file is another part of the rule at this level */
    char *sql;                  /* as prepared */
    sqlite3_stmt *stmt;
};

struct derive {
    struct store *store;
    const struct clock *clock;
    char county[7];
    unsigned char program_hash[SHA256_SIZE]; /* of derive.sql: another one derives otherwise */
    char place_after[16];                    /* places are taken in turns */
    struct derive_file files[DERIVE_FILES_MAX];
    size_t file_count;
    int first_index; /* files of another set, being replaced, have others */
    struct statements queries;
    char *check_names;  /* of check.* rows, once they were asked for */
    struct buf text;    /* a message being built */
    int64_t slice_any;  /* OR of the slice's masks */
    int64_t slice_all;  /* AND of them */
    int64_t counts_bit; /* of the pseudo-form `indicator`; 0: no file names it */
    int64_t today_bit;  /* of the pseudo-form `today`: a new day has begun */
    int64_t param_bit;  /* of the pseudo-form `param`: a parameter changed */
    int64_t file_bit;   /* of the pseudo-form `file`: the file itself changed */
    struct scout *scout;
    unsigned marks; /* how often everybody was marked */
    bool loaded;
    bool changed_is_slice;
    bool altered;       /* some file that reads a row which changed in this slice is to come */
    bool files_changed; /* since everything was derived */
    bool files_marked;  /* every subject for them */
    bool looks;         /* a scout's: of which subjects something differs, in temp.unlike */
    bool scoutless;     /* it failed: the sync thread looks itself, until all are marked again */
};

/* Statements of derive.sql. */
sqlite3_stmt *derive_q(struct derive *d, const char *name);
void derive_do(struct derive *d, const char *name);     /* runs it without parameters */
int64_t derive_ask(struct derive *d, const char *name); /* first column of its first row */
void derive_script(struct derive *d, const char *name); /* several statements, not prepared */

/* Loads every file below schema_dir. */
bool derive_files_load(struct derive *d, const char *schema_dir, struct err *e);

/* Adds a file of this text; its path is for messages. */
bool derive_file_add(struct derive *d, const char *path, const char *sql, struct err *e);

/* Finds out which files changed since everything was derived (table `derived`), and has them and
 * what stands in for those that are gone asked for the pseudo-form `file`. In a transaction. */
bool derive_note_files(struct derive *d, struct err *e);
/* Everything is derived: writes down with what. */
void derive_files_done(struct derive *d);

/* Has the files that read a parameter which changed asked for the pseudo-form `param`. */
void derive_note_params(struct derive *d);

/* Fills temp.changed for a file; false if the slice has nothing for it. */
bool derive_changed(struct derive *d, const struct derive_file *f);
void derive_file_run(struct derive *d, struct derive_file *f);
/* Gives every row of temp.todo a change number: returns the base, a row's number is base + n. */
int64_t derive_revs(struct derive *d);

void derive_view(struct derive *d, struct derive_file *f);
void derive_checks(struct derive *d, const struct level *level);
/* `f` is the last part of the rule at its level. */
void derive_rule(struct derive *d, struct derive_file *f);
bool derive_same_rule(const struct derive_file *f, const struct derive_file *g);
void derive_places(struct derive *d);
/* Notes what stands of the subjects of temp.slice; how many there are. */
size_t derive_slice_begin(struct derive *d);
/* Asks the files of the level about them. */
void derive_slice_evaluate(struct derive *d, const struct level *level);
/* Temp tables and what is told of the levels. */
void derive_tables(struct derive *d);
/* A slice within a transaction; how many subjects and places it took. */
size_t derive_slice(struct derive *d, size_t subjects_max);

/* What a scout that is done found to be unchanged is no longer dirty. In a transaction. */
void derive_scout_collect(struct derive *d);
void derive_scout_end(struct derive *d);

/* Puts d->text on a retained topic, not before interval_ms after the last. */
void derive_retain(struct derive *d, const char *topic, int64_t interval_ms);

#endif
