/* The monthly bulletin (通报) as JSON, computed by the SQL files of schema/bulletin from what was
 * derived: the figures of a month, of the month before and their difference, and tables. The same
 * records give the same bulletin, whenever it is computed after the month. */
#ifndef BULLETIN_H
#define BULLETIN_H

#include "core.h"

#include <jansson.h>

#define BULLETIN_FINAL_DAY 5 /* of the next month: what is published then stays */

/* month: "2019-07", not after today's. A new reference; NULL: ERR_INVALID, no such month or one to
 * come; ERR_USAGE, a file of schema/bulletin is wrong; ERR_IO. Reads only, but for temp.code. */
json_t *bulletin_make(struct core *c, const char *month, struct err *e);

/* As it is published and printed; the caller frees it. NULL if bulletin is NULL. */
char *bulletin_text(const json_t *bulletin);

/* "2019-07" of a day of August 2019. */
void bulletin_month_before(const char *day, char ret[8]);

#endif
