/* The topics of the protocol: zf/1/{county}/…, built and parsed. Pure; no allocation. */
#ifndef TOPICS_H
#define TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include "bounds.h"

#define TOPIC_SIZE_MAX 192 /* the longest topic and its NUL; builders never need more */
#define COUNTY_SIZE 7      /* 6 digits and NUL */

/* Principal ids: [a-z0-9-]{3,40}. */
bool topic_id_valid(const char *id);
/* Six digits. */
bool topic_county_valid(const char *county);

enum topic_kind { TOPIC_UNKNOWN, TOPIC_RECORDS, TOPIC_PULL, TOPIC_ENROL };

/* What a phone or relay publishes. */
struct topic_in {
    enum topic_kind kind; /* TOPIC_UNKNOWN: not for this county, or none of ours */
    char device[PRINCIPAL_SIZE_MAX + 1];
    char relay[PRINCIPAL_SIZE_MAX + 1]; /* "" when it came directly */
};
/* Returns kind != TOPIC_UNKNOWN. Enrolment does not go through relays. */
bool topic_parse(const char *topic, const char *county, struct topic_in *ret);

/* Builders write "zf/1/{county}/…" and return false (out is then "") if a part is malformed: an id
 * or code that is not one, or a task id with characters other than [A-Za-z0-9~.-], 1 to 120. `leaf`
 * is a constant of the caller ("receipts", "changes", "enrol"). */
bool topic_down(char out[TOPIC_SIZE_MAX], const char *county, const char *device, const char *relay,
                const char *leaf); /* relay NULL or "": down/…, else via/{relay}/… */
/* Whether a Response Topic lies below down/{device}/ (and has no wildcards). */
bool topic_is_below_down(const char *topic, const char *county, const char *device);
/* village: 12 digits, of this county */
bool topic_head(char out[TOPIC_SIZE_MAX], const char *county, const char *village);
bool topic_task(char out[TOPIC_SIZE_MAX], const char *county, const char *village,
                const char *task);
/* code: 12 digits; zeros at the end make it a township's or the county's: status, status/{town},
 * status/{town}/{village} */
bool topic_status(char out[TOPIC_SIZE_MAX], const char *county, const char *code);
bool topic_catalog(char out[TOPIC_SIZE_MAX], const char *county);
bool topic_catalog_form(char out[TOPIC_SIZE_MAX], const char *county, const char *form, int fv);
bool topic_server(char out[TOPIC_SIZE_MAX], const char *county);
/* month: 2019-07 */
bool topic_bulletin(char out[TOPIC_SIZE_MAX], const char *county, const char *month);
bool topic_metrics(char out[TOPIC_SIZE_MAX], const char *county);
/* What the server subscribes to, one filter a call: index 0, 1, …; false after the last. */
bool topic_server_filter(char out[TOPIC_SIZE_MAX], const char *county, int index);

#endif
