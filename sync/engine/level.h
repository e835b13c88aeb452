/* The levels: kinds of subject that rules and views are asked about, in the order of evaluation.
 * The one table of them. */
#ifndef LEVEL_H
#define LEVEL_H

#include "subject.h"

#include <stdbool.h>
#include <stddef.h>

#define LEVEL_COUNT 9

/* Where all subjects of a level are found, once a day. */
enum level_source {
    LEVEL_OF_RECORDS,   /* ids of records that files name under `opened-by` */
    LEVEL_OF_SUBJECTS,  /* what records are about, if it begins with `prefix` */
    LEVEL_OF_ENTITIES,  /* entities of the kind `name` */
    LEVEL_OF_KEYS,      /* places of ledger rows that are no division: what rows have in common */
    LEVEL_OF_DIVISIONS, /* divisions of this rank */
    LEVEL_OF_SUMS       /* `place`: what is summed and published, all divisions */
};

struct level {
    const char *name; /* as in headers and in the table `dirty` */
    enum level_source source;
    unsigned kinds;     /* enum subject_kind: records about these mark it */
    const char *prefix; /* of LEVEL_OF_SUBJECTS */
    int rank;           /* of LEVEL_OF_DIVISIONS: 1 village, 2 township, 3 county */
    bool document;      /* rows named like it are what phones see of its entities */
    bool retained;      /* its open tasks are retained in their village */
    bool checked;       /* rows check.* and fact.* belong to its entities */
    bool secret;        /* of leads: its tasks are of class 5, its rows count nowhere */
};

extern const struct level level_table[LEVEL_COUNT];

/* NULL if there is none. */
const struct level *level_find(const char *name);
/* By its code of 12 digits. */
const struct level *level_of_division(const char *code);

#endif
