/* A record of the log, read back. */
#ifndef LOGGED_H
#define LOGGED_H

#include "core.h"

#include <jansson.h>

enum outcome {
    OUTCOME_STORED = 1,
    OUTCOME_HELD = 2,
    OUTCOME_REJECTED = 3,
    OUTCOME_REFUSED = 4 /* rejected by a review; judged again like a held one */
};

/* Its effect: protocol §7. */
enum effect {
    EFFECT_CURRENT = 1,
    EFFECT_REPLACED = 0,   /* by a later member of its chain */
    EFFECT_WITHDRAWN = -1, /* by record.void */
    EFFECT_NONE = -2       /* an amendment that does not count, an act outside the author's area */
};

struct logged {
    int64_t rec;
    unsigned char id[16];
    char id_text[37];
    enum outcome outcome;
    int effect;
    const struct form *form; /* NULL if the catalogue no longer has it */
    char form_id[64];
    struct subject at; /* the subject parsed */
    char subject[SUBJECT_SIZE_MAX + 1];
    char place[13];
    char author[40];
    int64_t hlc;
    bool has_amends;
    unsigned char amends[16];
    int sensitivity; /* its class: 0, or one of secret.h */
    bool in_batch;   /* held together with the others of its atomic envelope */
    unsigned char batch[16];
};

#define LOGGED_COLUMNS 13 /* of the query `record_by_id`; others may have more behind them */

/* False if the log has no such id. */
bool logged_get(struct core *c, const unsigned char id[16], struct logged *ret);
/* From the current row of a statement whose columns are those of the query `record_by_id`. */
void logged_read(struct core *c, sqlite3_stmt *q, struct logged *ret);
/* Gives a held record its outcome: problems is JSON text or NULL. */
void logged_set_outcome(struct core *c, int64_t rec, enum outcome outcome, const char *problems);
/* Order by (hlc, id): < 0, 0, > 0. */
int logged_compare(const struct logged *a, const struct logged *b);
/* The record's JSON; the caller releases it. NULL if it cannot be read (a damaged database). */
json_t *logged_body(struct core *c, int64_t rec);

#endif
