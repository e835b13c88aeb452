#include "core.h"

#include "hash.h"
#include "topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORM_BITS_MAX 61 /* bits of a signed integer, less the one that means all files */

/* ---------------------------------------------------------------- form bits */

/* -1: it has none yet. */
static int64_t form_bit(struct store *s, const char *form) {
    sqlite3_stmt *q = store_query(s, "form_bit");
    q_text(q, 1, form);
    int64_t bit = -1;
    while (q_row(s, q))
        bit = sqlite3_column_int64(q, 0);
    return bit;
}

/* True if every form has its bit. */
static bool read_masks(struct store *s, const struct form_catalog *catalog, int64_t *masks,
                       struct err *e) {
    bool all = true;
    for (size_t i = 0; i < form_count(catalog); i++) {
        int64_t bit = form_bit(s, form_at(catalog, i)->id);
        if (bit >= FORM_BITS_MAX)
            return err_set(e, ERR_LIMIT, "more than %d forms", FORM_BITS_MAX);
        masks[i] = bit < 0 ? 0 : INT64_C(1) << bit;
        all = all && bit >= 0;
    }
    return all;
}

static bool add_bits(struct store *s, const struct form_catalog *catalog, int64_t *masks,
                     struct err *e) {
    if (!store_begin(s, e))
        return false;
    for (size_t i = 0; i < form_count(catalog); i++) {
        sqlite3_stmt *q = store_query(s, "form_bit_add");
        q_text(q, 1, form_at(catalog, i)->id);
        q_done(s, q);
    }
    if (read_masks(s, catalog, masks, e) || !err_is_set(e))
        return store_commit(s, e); /* which says what was wrong with the database */
    store_rollback(s);
    return false;
}

/* By form index; the caller frees it. Only a form that is new needs the write lock, for which an
 * import may keep others waiting. */
static int64_t *load_masks(struct store *s, const struct form_catalog *catalog, struct err *e) {
    int64_t *masks = calloc(form_count(catalog) + 1, sizeof *masks);
    if (!masks)
        abort();
    if (read_masks(s, catalog, masks, e) || (!err_is_set(e) && add_bits(s, catalog, masks, e)))
        return masks;
    free(masks);
    return NULL;
}

int64_t core_form_mask(const struct core *c, const struct form *f) {
    return c->form_masks[f->index];
}

/* ---------------------------------------------------------------- open and close */

/* The roles with "leads": true. What else is wrong with the file, feed_access_load says. */
static bool load_lead_roles(const struct core *c, const struct form_catalog *catalog,
                            uint32_t *ret_mask, struct err *e) {
    char path[sizeof c->schema_dir + 16];
    snprintf(path, sizeof path, "%s/access.json", c->schema_dir);
    json_error_t error;
    json_t *roles = json_load_file(path, 0, &error);
    const char *name;
    json_t *role;
    *ret_mask = 0;
    if (!roles)
        return err_set(e, ERR_USAGE, "%s: %s", path, error.text);
    json_object_foreach(roles, name, role) {
        if (json_is_true(json_object_get(role, "leads")))
            *ret_mask |= form_role_bit(catalog, name);
    }
    json_decref(roles);
    return true;
}

/* All of it or nothing: others keep pointers into what was loaded before. */
static bool load_catalog(struct core *c, struct err *e) {
    struct form_catalog *catalog = form_catalog_load(c->schema_dir, e);
    struct form_run *run = catalog ? form_run_create(catalog, e) : NULL;
    int64_t *masks = run ? load_masks(c->store, catalog, e) : NULL;
    uint32_t lead_roles;
    if (!masks || !load_lead_roles(c, catalog, &lead_roles, e)) {
        free(masks);
        form_run_destroy(run);
        form_catalog_destroy(catalog);
        return false;
    }
    form_run_destroy(c->form_run);
    form_catalog_destroy(c->catalog);
    free(c->form_masks);
    c->catalog = catalog;
    c->form_run = run;
    c->form_masks = masks;
    c->lead_roles = lead_roles;
    return true;
}

static void borrow_catalog(struct core *c) {
    c->catalog = c->lender->catalog;
    c->form_masks = c->lender->form_masks;
    c->lead_roles = c->lender->lead_roles;
}

static void set_meta_text(struct core *c, const char *name, char *out, size_t size) {
    snprintf(out, size, "%s", store_meta(c->store, name));
}

static struct core *open_core(struct core *c, struct err *e) {
    if (c->lender)
        borrow_catalog(c);
    set_meta_text(c, "county", c->county, sizeof c->county);
    set_meta_text(c, "epoch", c->epoch, sizeof c->epoch);
    set_meta_text(c, "receipt_key", c->receipt_key, sizeof c->receipt_key);
    if (!topic_county_valid(c->county)) {
        err_set(e, ERR_INVALID, "the database has no county: was `zoufang init` cut short?");
    } else if (c->lender || load_catalog(c, e)) {
        c->authority = authority_create(c->store, c->county, c->catalog);
        return c;
    }
    core_close(c);
    return NULL;
}

static struct core *make(const char *dir, const char *schema_dir, enum store_mode mode,
                         const struct clock *clock, const struct rng *rng, struct err *e) {
    struct core *c = calloc(1, sizeof *c);
    char path[1024];
    if (!c || snprintf(path, sizeof path, "%s/zoufang.db", dir) >= (int)sizeof path ||
        snprintf(c->schema_dir, sizeof c->schema_dir, "%s", schema_dir) >=
            (int)sizeof c->schema_dir) {
        free(c);
        err_set(e, ERR_LIMIT, "%s: path too long", dir);
        return NULL;
    }
    c->clock = clock;
    c->rng = rng;
    c->store = store_open(path, mode, clock, e);
    if (!c->store) {
        free(c);
        return NULL;
    }
    return c;
}

struct core *core_open(const char *dir, const char *schema_dir, const struct clock *clock,
                       const struct rng *rng, struct err *e) {
    struct core *c = make(dir, schema_dir, STORE_EXISTING, clock, rng, e);
    return c ? open_core(c, e) : NULL;
}

struct core *core_open_beside(const struct core *lender, const char *dir, struct err *e) {
    struct core *c = make(dir, lender->schema_dir, STORE_EXISTING, lender->clock, lender->rng, e);
    if (!c)
        return NULL;
    c->lender = lender;
    return open_core(c, e);
}

struct core *core_create(const char *dir, const char *schema_dir, const char *county,
                         const struct clock *clock, const struct rng *rng, struct err *e) {
    if (!topic_county_valid(county)) {
        err_set(e, ERR_INVALID, "%s: a county code has 6 digits", county);
        return NULL;
    }
    struct core *c = make(dir, schema_dir, STORE_CREATE, clock, rng, e);
    if (!c)
        return NULL;
    char epoch[UUID_TEXT_SIZE];
    unsigned char key[32];
    char key_text[2 * sizeof key + 1];
    uuid4_make(rng, epoch);
    rng_fill(rng, key, sizeof key);
    hex_encode(key, sizeof key, key_text);
    if (!store_begin(c->store, e)) {
        core_close(c);
        return NULL;
    }
    store_set_meta(c->store, "county", county);
    store_set_meta(c->store, "epoch", epoch);
    store_set_meta(c->store, "receipt_key", key_text);
    if (!store_commit(c->store, e)) {
        core_close(c);
        return NULL;
    }
    return open_core(c, e);
}

void core_close(struct core *c) {
    if (!c)
        return;
    authority_destroy(c->authority);
    if (!c->lender) {
        form_run_destroy(c->form_run);
        form_catalog_destroy(c->catalog);
        free(c->form_masks);
    }
    strmap_clear(&c->places, NULL);
    strmap_clear(&c->mentioned, NULL);
    store_close(c->store);
    free(c);
}

bool core_reload(struct core *c, struct err *e) {
    if (c->lender)
        borrow_catalog(c);
    else if (!load_catalog(c, e))
        return false;
    authority_destroy(c->authority);
    c->authority = authority_create(c->store, c->county, c->catalog);
    return true;
}

/* ---------------------------------------------------------------- transactions */

bool core_begin(struct core *c, struct err *e) {
    c->authority_changed = false;
    c->everybody_changed = false;
    c->register_forms = 0;
    if (!store_begin(c->store, e))
        return false;
    if (store_changed_elsewhere(c->store)) {
        authority_forget(c->authority);
        strmap_clear(&c->mentioned, NULL);
    }
    sqlite3_stmt *q = store_query(c->store, "awaited_any");
    c->any_awaited = q_row(c->store, q);
    q_end(q);
    return true;
}

bool core_commit(struct core *c, struct err *e) {
    for (size_t i = 0; i < c->places.capacity; i++) {
        if (c->places.slots[i].key)
            store_dirty(c->store, "place", c->places.slots[i].key, 1);
    }
    strmap_clear(&c->places, NULL);
    if (c->authority_changed)
        store_dirty(c->store, "scope", "", 1);
    if (c->everybody_changed)
        store_dirty(c->store, "held", "", 1);
    if (c->register_forms)
        store_dirty(c->store, "all", "", c->register_forms);
    if (store_commit(c->store, e))
        return true;
    authority_forget(c->authority);
    strmap_clear(&c->mentioned, NULL);
    return false;
}

void core_rollback(struct core *c) {
    store_rollback(c->store);
    strmap_clear(&c->places, NULL);
    strmap_clear(&c->mentioned, NULL);
    authority_forget(c->authority);
}

void core_touch_place(struct core *c, const char *place) {
    strmap_set(&c->places, place, c);
}

void core_authority_changed(struct core *c, const char *cadre) {
    c->authority_changed = true;
    if (!*cadre)
        c->everybody_changed = true;
    else if (!c->everybody_changed)
        store_dirty(c->store, "held", cadre, 1);
    authority_forget(c->authority);
}
