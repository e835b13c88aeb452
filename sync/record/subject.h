/* What a record is about, read from the grammar of its `subject` (docs/protocol.md §4). */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_SIZE_MAX 128 /* bytes of a subject */

/* One bit a kind: forms take several. */
enum subject_kind {
    SUBJECT_COUNTY = 1 << 0,
    SUBJECT_TOWNSHIP = 1 << 1,
    SUBJECT_VILLAGE = 1 << 2,
    SUBJECT_HOUSEHOLD = 1 << 3,
    SUBJECT_PERSON = 1 << 4,
    SUBJECT_PROJECT = 1 << 5,
    SUBJECT_TASK = 1 << 6,
    SUBJECT_RECORD = 1 << 7,
    SUBJECT_FINDING = 1 << 8,
    SUBJECT_LEAD = 1 << 9,
    SUBJECT_UNIT = 1 << 10,
    SUBJECT_CADRE = 1 << 11
};
#define SUBJECT_DIVISION (SUBJECT_COUNTY | SUBJECT_TOWNSHIP | SUBJECT_VILLAGE)

struct subject {
    unsigned kinds; /* what it may be; a record id may be record, finding or lead */
    char place[13]; /* division code of 12 digits: its village, or itself; "" unknown */
    char household[SUBJECT_SIZE_MAX + 1]; /* of a household or person, else "" */
};

/* False if the text is of no form that the grammar knows; *ret is then empty. Divisions,
 * households and persons have a place; projects, tasks, record ids, units and cadres have none. */
bool subject_parse(const char *text, size_t size, struct subject *ret);

/* The bit of a kind by its name in form files ("household"); 0 if there is none. */
unsigned subject_kind_by_name(const char *name);

#endif
