/* The county's parameters as schema/params.csv names them: `name,value`, with a header. */
#ifndef PARAMS_H
#define PARAMS_H

#include "err.h"

#include <stddef.h>

struct param {
    char *name;
    char *value; /* of a new county; NULL: unknown */
};

struct params {
    struct param *list; /* owned */
    size_t count;
};

/* ERR_IO: cannot be read; ERR_USAGE: no CSV. */
bool params_read(const char *schema_dir, struct params *ret, struct err *e);
void params_fini(struct params *p);

/* "date" or "number", by the name: stop.… and ….start and ….stop are dates. */
const char *params_type(const char *name);
/* Whether a value is of the type; "" is not. */
bool params_fits(const char *name, const char *value);

/* How many letters must be added, taken out or changed to make a name of the other; at most 99. */
size_t params_distance(const char *a, const char *b);

#endif
