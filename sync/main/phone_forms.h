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
/* Data that no form takes, in one of several ways. */
void pen_nonsense(const struct pen *p, struct buf *data);

/* ,"gps":{…} of somewhere in the county. */
void pen_gps(const struct pen *p, struct buf *out);

#endif
