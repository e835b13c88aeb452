/* Where a record belongs and what it is about in the end: a task's record is about the task's
 * subject; a record about a record is where that one is. Sync thread only. */
#ifndef PLACE_H
#define PLACE_H

#include "core.h"
#include "envelope.h"

struct place {
    struct subject at; /* of `subject` */
    char subject[SUBJECT_SIZE_MAX + 1];
    char code[13];   /* division that scope is judged by, "" unknown */
    bool named;      /* false: only a record it is about tells the place */
    int sensitivity; /* class of the record that it is about, 0 if about none that is known */
};

/* The same of a whole record: where its form says which member of data tells the place (x-place) of
 * a subject that has none, there. A division of another county is known to nobody: `named`, but
 * without a code. */
void place_find(struct core *c, const struct record *r, struct place *ret);
void place_resolve(struct core *c, const char *subject, const struct subject *parsed,
                   struct place *ret);

#endif
