/* Plausible data for the forms of the catalogue, by chance: what simulated phones and the
 * benchmark write. Everything is made up. Pure; each function appends one JSON object that fits
 * its form if the record is stamped on `day` or later. */
#ifndef PHONE_FORMS_H
#define PHONE_FORMS_H

#include "buf.h"
#include "rng.h"

#include <stdint.h>

struct pen {
    const struct rng *rng;
    int32_t day;      /* days since 1970 in the county: the newest that the data may name */
    const char *role; /* of the author: some values are gated */
    double lat, lng;  /* of the village, degrees; 0: unknown */
    unsigned persons; /* members of the household; 0: unknown */
};

void pen_visit(const struct pen *p, struct buf *data);
/* One to three facts; *ret_facts names them, NULL-terminated (static texts). */
#define PEN_FACTS_MAX 3
void pen_household_facts(const struct pen *p, struct buf *data,
                         const char *ret_facts[PEN_FACTS_MAX + 1]);
void pen_new_household(const struct pen *p, struct buf *data);
void pen_person_edit(const struct pen *p, struct buf *data,
                     const char *ret_facts[PEN_FACTS_MAX + 1]);
void pen_person_add(const struct pen *p, struct buf *data);
void pen_person_leave(const struct pen *p, struct buf *data);
void pen_housing_screen(const struct pen *p, struct buf *data);
void pen_housing_appraisal(const struct pen *p, struct buf *data);
void pen_house_work(const struct pen *p, struct buf *data);
void pen_water(const struct pen *p, struct buf *data);
void pen_finding(const struct pen *p, const char *duty_unit, bool covert, struct buf *data);
void pen_rectification(const struct pen *p, struct buf *data);
void pen_lookback(const struct pen *p, struct buf *data);
/* reply: id of a record that answers the task, or NULL. */
void pen_task(const struct pen *p, const char *reply, struct buf *data);
void pen_review(const struct pen *p, struct buf *data);
void pen_void(const struct pen *p, bool restore, struct buf *data);
void pen_assignment(const struct pen *p, const char *cadre, struct buf *data);
void pen_relocation(const struct pen *p, struct buf *data);
void pen_environment(const struct pen *p, struct buf *data);
void pen_village_environment(const struct pen *p, struct buf *data);
void pen_education(const struct pen *p, struct buf *data, const char *ret_facts[PEN_FACTS_MAX + 1]);
/* person: id of a member, the one that the check lists. */
void pen_medical(const struct pen *p, const char *person, struct buf *data);
void pen_income(const struct pen *p, struct buf *data);
void pen_job(const struct pen *p, struct buf *data, const char *ret_facts[PEN_FACTS_MAX + 1]);
void pen_measure(const struct pen *p, struct buf *data);
/* household: id of the respondent's. */
void pen_opinion(const struct pen *p, const char *household, struct buf *data);
/* A step that the role may take, of a household. */
void pen_exit(const struct pen *p, struct buf *data);
/* A step that the role may take; village: 12 digits. */
void pen_project(const struct pen *p, const char *village, struct buf *data);
void pen_village_facts(const struct pen *p, struct buf *data);
void pen_archive(const struct pen *p, struct buf *data);
void pen_activity(const struct pen *p, struct buf *data);
void pen_dispatch(const struct pen *p, const char *unit, const char *cadre, struct buf *data);
void pen_lead(const struct pen *p, struct buf *data);
void pen_lead_step(const struct pen *p, struct buf *data);
/* Data that no form takes, in one of several ways. */
void pen_nonsense(const struct pen *p, struct buf *data);

/* ,"gps":{…} within a kilometre of the village; now and then, or if that is unknown, of somewhere
 * in the county. */
void pen_gps(const struct pen *p, struct buf *out);

#endif
