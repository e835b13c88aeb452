/* Who may do what where: the register of cadres (imports), enrolled devices, relays, assignments.
 * Everything is judged at the record's own time. Sync thread only. */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include "form.h"
#include "problem.h"
#include "store.h"
#include "subject.h"

#define IMPORT_AUTHOR "zoufang"

struct authority;

/* What a cadre was at one time. Strings live until authority_forget. */
struct cadre {
    const char *id;
    uint32_t role; /* one bit of role_bit(), 0 = none */
    const char *role_name;
    const char *unit;         /* "" = none */
    const char *scope_unit;   /* the same if its assignments give the role scope, else "" */
    const char *const *scope; /* division codes of the register, 12 digits each */
    size_t scope_count;
    bool active;
};

struct device {
    const char *id;
    bool known;
    bool revoked;
    const char *const *authors; /* cadre ids */
    size_t author_count;
};

/* county (6 digits) and catalogue are kept. */
struct authority *authority_create(struct store *s, const char *county,
                                   const struct form_catalog *catalog);
void authority_destroy(struct authority *a);
/* Drops what was read from the database: call when register, devices or relays changed, after a
 * rollback, and when another process wrote. */
void authority_forget(struct authority *a);

/* The cadre as the register showed it at `hlc` (INT64_MAX = now); NULL if the register never named
 * it. */
const struct cadre *authority_cadre(struct authority *a, const char *id, int64_t hlc);
const struct device *authority_device(struct authority *a, const char *id);
/* The town (3 digits) that a relay serves; NULL if unknown or revoked. */
const char *authority_relay_town(struct authority *a, const char *relay);

/* True if `place` (12 digits) lies in one of the register's scope codes. */
bool cadre_covers(const struct cadre *c, const char *place);
/* True if the register or an assignment on `day` gives the cadre the subject. household may be "".
 */
bool authority_in_scope(struct authority *a, const struct cadre *c, const char *place,
                        const char *household, const char *day);

/* What one record asks for. */
struct claim {
    const char *device;
    const char *via; /* relay or "" */
    const char *author;
    int64_t hlc;
    const struct form *form;
    const struct subject *subject;
    uint64_t gates;                /* gates of the form that are on */
    const struct form_fact *facts; /* that it writes */
    size_t fact_count;
};

/* §5.7: adds what is missing to `missing` (each makes the record held); true if nothing is. */
bool authority_judge(struct authority *a, const struct claim *claim, struct problems *missing);
/* True if a review by `by` may give the record what it lacks: each gate that is on passes with his
 * role or with the author's own (as the device proves it). Looks at nothing but the gates; of the
 * claim device, author, hlc, form and gates are read. */
bool authority_may_accept(struct authority *a, const struct claim *claim, const struct cadre *by);

#endif
