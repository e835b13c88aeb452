/* What the sync thread (or a command) works with: one open county. Not shared between threads. */
#ifndef CORE_H
#define CORE_H

#include "authority.h"
#include "clock.h"
#include "form.h"
#include "rng.h"
#include "store.h"

struct core {
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct form_catalog *catalog;
    struct form_run *form_run;
    struct authority *authority;
    char schema_dir[512];
    char county[7];                /* 6 digits */
    char epoch[UUID_TEXT_SIZE];
};

/* Opens DIR/zoufang.db and the form files. clock and rng are kept, not owned. NULL and *e on
 * failure. core_create makes the database of a new county first. */
struct core *core_open(const char *dir, const char *schema_dir, const struct clock *clock,
                       const struct rng *rng, struct err *e);
struct core *core_create(const char *dir, const char *schema_dir, const char *county,
                         const struct clock *clock, const struct rng *rng, struct err *e);
void core_close(struct core *c);

/* Reads the form files anew; the old ones stay in force if the new do not load. */
bool core_reload(struct core *c, struct err *e);

#endif
