#include "level.h"

#include <string.h>

const struct level level_table[LEVEL_COUNT] = {
    {.name = "finding", .source = LEVEL_OF_RECORDS, .kinds = SUBJECT_FINDING, .document = true},
    {.name = "lead", .source = LEVEL_OF_RECORDS, .kinds = SUBJECT_LEAD, .secret = true},
    {.name = "project",
     .source = LEVEL_OF_SUBJECTS,
     .kinds = SUBJECT_PROJECT,
     .prefix = "P-",
     .document = true},
    {.name = "household",
     .source = LEVEL_OF_ENTITIES,
     .kinds = SUBJECT_HOUSEHOLD | SUBJECT_PERSON,
     .retained = true,
     .checked = true},
    {.name = "key", .source = LEVEL_OF_KEYS, .retained = true},
    {.name = "village",
     .source = LEVEL_OF_DIVISIONS,
     .kinds = SUBJECT_VILLAGE,
     .rank = 1,
     .retained = true},
    {.name = "place", .source = LEVEL_OF_SUMS},
    {.name = "township", .source = LEVEL_OF_DIVISIONS, .kinds = SUBJECT_TOWNSHIP, .rank = 2},
    {.name = "county", .source = LEVEL_OF_DIVISIONS, .kinds = SUBJECT_COUNTY, .rank = 3},
};

const struct level *level_find(const char *name) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(level_table[i].name, name) == 0)
            return &level_table[i];
    }
    return NULL;
}

/* By its code. */
static int rank_of(const char *code) {
    return strcmp(code + 6, "000000") == 0 ? 3 : strcmp(code + 9, "000") == 0 ? 2 : 1;
}

const struct level *level_of_division(const char *code) {
    int rank = rank_of(code);
    size_t i = 0;
    while (level_table[i].rank != rank)
        i++;
    return &level_table[i];
}
