/* What stands in the sample county, before it is written as records: places, cadres, households
 * with all that target lists count. Private to sample*.c. */
#ifndef SAMPLE_PLAN_H
#define SAMPLE_PLAN_H

#include "rng.h"
#include "sample.h"

#define MEMBERS_MAX 8
#define TOWNS_MAX 16
#define VILLAGES_MAX 176
#define UNIT_ID_SIZE 16
#define PLAN_COUNTY_UNITS 7

struct plan_town {
    const char *code; /* 3 digits */
    const char *name;
    double lat, lng; /* of its middle */
};

struct plan_village {
    char code[13];
    uint8_t town;
    uint8_t groups;
    bool community, poor, deep_poor, water;
    double lat, lng;
    uint16_t helper_unit;                   /* 1… */
    uint16_t official, resident, secretary; /* cadre numbers */
    uint32_t household_first, household_count;
    uint32_t persons, registered, water_persons, exit_persons, relocated_persons;
    uint16_t helper_first, helper_count; /* in plan.helpers */
};

enum plan_status { STATUS_NONE, STATUS_NOT_EXITED, STATUS_PLANNED, STATUS_EXITED };
enum plan_type { TYPE_ORDINARY, TYPE_GENERAL, TYPE_DIBAO, TYPE_TEKUN };

struct plan_household {
    uint8_t village, group, size;
    uint8_t status, type;                            /* enum plan_status, enum plan_type */
    uint16_t number;                                 /* within the group */
    uint16_t helper;                                 /* cadre number, 0 = nobody */
    uint16_t listed_year, exit_year, relocated_year; /* 0 = none */
    bool water, care, disabled, dibao, example;
};

struct plan_cadre {
    uint16_t number; /* C-00412 */
    const char *role;
    const char *sector; /* or NULL */
    char scope[13];     /* or "" */
    char unit[UNIT_ID_SIZE];
};

struct sample {
    char county[7];
    const char *name;
    bool small;
    struct rng_seeded seeded;
    struct rng rng;
    struct plan_town towns[TOWNS_MAX];
    size_t town_count;
    struct plan_village villages[VILLAGES_MAX];
    size_t village_count;
    size_t example_village;
    struct plan_cadre *cadres;
    size_t cadre_count, cadre_max;
    uint16_t cadre_number;       /* the last free one that was given */
    uint16_t leaders[TOWNS_MAX]; /* cadre numbers */
    uint16_t *helpers;           /* cadre numbers, those of a village side by side */
    size_t helper_count;
    size_t helper_units;
    struct plan_household *households;
    size_t household_count;
    struct sample_counts counts;
};

/* Cadres and who works where: sample_cadres.c. Villages are planned already. */
bool plan_cadres(struct sample *s);
/* A helper for every household that needs one, but a few. Households are planned already. */
void plan_helpers(struct sample *s);

/* One member of a household; codes are those of schema/codes.json. */
struct member {
    const char *name_stem, *name_number;
    const char *sex, *relation, *student, *edu_level, *health, *labour, *work_place, *care;
    int age;       /* in years at the sample's start */
    int32_t birth; /* days since 1970 */
    bool insured;
};

/* The members of a household, the same at every call: sample_members.c. */
void plan_members(const struct plan_household *h, size_t index, struct member out[MEMBERS_MAX]);

static inline bool plan_is_poor(const struct plan_household *h) {
    return h->status != STATUS_NONE;
}

#endif
