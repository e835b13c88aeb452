/* What the sync thread (or a command) works with: one open county. Not shared between threads. */
#ifndef CORE_H
#define CORE_H

#include "authority.h"
#include "clock.h"
#include "form.h"
#include "rng.h"
#include "store.h"
#include "strmap.h"

struct core {
    const struct core *lender; /* whose forms these are, NULL: its own */
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct form_catalog *catalog;
    struct form_run *form_run;
    struct authority *authority;
    char schema_dir[512];
    char county[7]; /* 6 digits */
    char epoch[UUID_TEXT_SIZE];
    uint32_t lead_roles;     /* roles that see leads (access.json) */
    char receipt_key[65];    /* the county's secret behind receipt codes (secret.h) */
    int64_t *form_masks;     /* by form index */
    struct strmap places;    /* touched in this transaction */
    struct strmap mentioned; /* households that exist; a bounded memory */
    bool authority_changed;  /* in this transaction */
    bool everybody_changed;  /* not only that of cadres whom core_authority_changed named */
    int64_t register_forms;  /* and besides those of cadres, units or divisions that came: a mask */
    bool any_awaited;        /* some record is awaited that has not come */
};

/* Opens DIR/zoufang.db and the form files. clock and rng are kept, not owned. NULL and *e on
 * failure. core_create makes the database of a new county first. */
struct core *core_open(const char *dir, const char *schema_dir, const struct clock *clock,
                       const struct rng *rng, struct err *e);
struct core *core_create(const char *dir, const char *schema_dir, const char *county,
                         const struct clock *clock, const struct rng *rng, struct err *e);
/* A core for another thread, which only reads: a connection of its own to the county in `dir`, and
 * the forms of `lender`, which lives longer. It has no form_run. When the lender was reloaded,
 * core_reload before it is used again. */
struct core *core_open_beside(const struct core *lender, const char *dir, struct err *e);
void core_close(struct core *c);

/* Transactions of the core: store_begin and store_commit, with what the engine keeps beside. If
 * another process wrote in between, begin drops what was cached. */
bool core_begin(struct core *c, struct err *e);
bool core_commit(struct core *c, struct err *e);
void core_rollback(struct core *c);

/* The form's bit in `dirty.forms`. */
int64_t core_form_mask(const struct core *c, const struct form *f);
/* Something that a village's head or status shows changed; written once a transaction. */
void core_touch_place(struct core *c, const char *place);
/* Register or assignments changed: scopes are looked at again, and the held records of the cadre,
 * "" = everybody's. */
void core_authority_changed(struct core *c, const char *cadre);

/* Reads the form files anew; the old ones stay in force if the new do not load. */
bool core_reload(struct core *c, struct err *e);

#endif
