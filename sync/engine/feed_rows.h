/* The rows that one device may see, and walks over them in the order of their changes. Used by
 * feed.c alone. */
#ifndef FEED_ROWS_H
#define FEED_ROWS_H

#include "core.h"
#include "feed_cursor.h"
#include "statements.h"
#include "strmap.h"

enum feed_kind {
    FEED_DIVISION,
    FEED_HOUSEHOLD,
    FEED_PERSON,
    FEED_PROJECT,
    FEED_FINDING,
    FEED_ASSIGNMENT,
    FEED_TASK,
    FEED_RECORD,
    FEED_HELD,
    FEED_KINDS
};
extern const char *const feed_kind_names[FEED_KINDS];
/* FEED_KINDS if there is none of that name. */
enum feed_kind feed_kind_find(const char *name);

/* Where rows come from; the last 3 bits of a key. Rows of
 * FEED_FROM_LEFT are no longer what they were: 001.sql. */
enum feed_source {
    FEED_FROM_ENTITY,
    FEED_FROM_TASK,
    FEED_FROM_RECORD,
    FEED_FROM_HELD,
    FEED_FROM_LEFT,
    FEED_SOURCES
};
#define FEED_META_PRUNED "feed.pruned" /* changes up to this one may be forgotten: prune.h */
#define FEED_META_BEGUN "feed.begun"   /* change number of the last feed_begin_anew */
#define FEED_KEY(rev, source) ((int64_t)(rev)*8 + (int64_t)(source))

/* Statements of feed.sql, each of that name. */
enum feed_query {
    /* walks over rows: by place, by subject; the next place */
    FEED_ENTITY_PLACE,
    FEED_TASK_PLACE,
    FEED_RECORD_PLACE,
    FEED_ENTITY_SUBJECT,
    FEED_TASK_SUBJECT,
    FEED_RECORD_SUBJECT,
    FEED_ENTITY_NEXT,
    FEED_TASK_NEXT,
    FEED_RECORD_NEXT,
    FEED_HELD_ALL,
    FEED_LEFT_ALL,
    /* one row as it is now, by id */
    FEED_ENTITY_NOW,
    FEED_TASK_NOW,
    FEED_RECORD_NOW,
    FEED_HELD_NOW,
    /* what is sent of a row */
    FEED_ENTITY_DOC,
    FEED_TASK_DOC,
    FEED_RECORD_DOC,
    FEED_LEFT_DOC,
    /* has anything in a place changed since? */
    FEED_ENTITY_LAST,
    FEED_TASK_LAST,
    FEED_RECORD_LAST,
    FEED_LEFT_SINCE,
    FEED_SCOPE,
    FEED_AUTHORS,
    FEED_QUERIES
};

/* What is found once in access.json and the catalogue. */
struct feed_access {
    json_t *roles;          /* {"HL": {"classes": ["L0", …], …}} */
    unsigned *form_classes; /* by form index: classes that its fields have */
    uint32_t facts;         /* hash over the facts and their classes */
};

struct feed {
    struct core *core;
    struct statements statements; /* feed.sql */
    sqlite3_stmt *stmt[FEED_QUERIES];
    struct feed_access access;
    struct strmap sums; /* of feed_digest: what a town or county reader holds of a place */
};
/* Prepared at first use and kept; q_row() and the other helpers of store.h work on it. */
sqlite3_stmt *feed_query(struct feed *f, enum feed_query which);

struct feed_item {
    char *text;
    bool code;
    int64_t added, removed;
};

/* One device as the table `scope` shows it. */
struct feed_reader {
    struct feed *feed;
    struct feed_item *items; /* present and removed ones, in the order of texts */
    size_t item_count;
    json_t *units;    /* strings */
    json_t *authors;  /* cadres: they see their own records about covert work */
    unsigned classes; /* bit n: sees facts and rows of class n */
    bool covert;      /* sees rows of class 5 */
    bool leads;       /* those of leads */
    bool reviewer;    /* sees held records */
    int64_t role;     /* change at which roles or units came; 0 = it has none */
    int64_t now;      /* change number of this moment */
    int64_t pruned;   /* what was gone by this change is not told any more */
    int64_t cutoff;   /* records with smaller stamps are not for phones */
    uint32_t kinds;   /* asked for */
    uint32_t view;    /* hash of what decides how a row looks to it */
};
void feed_reader_init(struct feed_reader *r, struct feed *f, const char *device);
void feed_reader_fini(struct feed_reader *r);

/* The change that a row asks for on the phone. */
enum feed_verdict { FEED_SKIP, FEED_SEND, FEED_GONE_VOID, FEED_GONE_SCOPE, FEED_GONE_AGE };

struct feed_change {
    int64_t key;
    int64_t rowid;
    enum feed_verdict verdict;
};

/* The changes of the cursor's phase behind its position, in the order of keys: the first `max` of
 * them; returns their number. `ret` has room for 2 × max. */
size_t feed_changes(struct feed_reader *r, const struct feed_cursor *c, struct feed_change *ret,
                    size_t max);

/* Number and sum (protocol §8) of everything that a phone holds now. Of towns and the county the
 * sums of places are kept, so that a pull of the whole county costs what changed. */
void feed_digest(struct feed_reader *r, int64_t *ret_count, uint64_t *ret_sum);

#endif
