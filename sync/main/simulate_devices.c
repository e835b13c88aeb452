/* Who carries the simulated phones: cadres of the county's register, newly enrolled. */
#include "simulate.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Of a hundred phones. */
static const struct quota {
    const char *role;
    unsigned share;
} quotas[] = {{"HL", 46}, {"VO", 18}, {"VT", 10}, {"TW", 10}, {"SI", 5},
              {"CO", 3},  {"CT", 2},  {"SE", 4},  {"UN", 2}};

#define QUOTAS (sizeof quotas / sizeof *quotas)

static const char pick_sql[] =
    "SELECT e.id FROM entity e WHERE e.kind = 'cadre' AND e.doc ->> '$.role' = ?1"
    " AND coalesce(e.doc ->> '$.active', 1) AND e.gone = ''"
    " AND (?1 <> 'HL' OR EXISTS (SELECT 1 FROM assignment a WHERE a.cadre = e.id"
    "      AND a.to_day = '9999-12-31')) ORDER BY e.id";

struct cadres {
    char (*ids)[64];
    size_t count;
    size_t left; /* the first ones: without a phone yet */
};

static bool read_cadres(struct core *c, const char *role, struct cadres *ret, struct err *e) {
    sqlite3_stmt *q;
    *ret = (struct cadres){0};
    if (sqlite3_prepare_v2(store_db(c->store), pick_sql, -1, &q, NULL) != SQLITE_OK)
        return err_set(e, ERR_BUG, "%s", sqlite3_errmsg(store_db(c->store)));
    sqlite3_bind_text(q, 1, role, -1, SQLITE_STATIC);
    while (sqlite3_step(q) == SQLITE_ROW) {
        ret->ids = realloc(ret->ids, (ret->count + 1) * sizeof *ret->ids);
        if (!ret->ids)
            abort();
        snprintf(ret->ids[ret->count++], 64, "%s", (const char *)sqlite3_column_text(q, 0));
    }
    sqlite3_finalize(q);
    ret->left = ret->count;
    return true;
}

/* One by chance who has no phone yet. */
static bool take_cadre(struct cadres *from, const struct rng *rng, struct simulate_device *d) {
    if (!from->left)
        return false;
    size_t i = rng_below(rng, (uint32_t)from->left--);
    memcpy(d->cadre, from->ids[i], sizeof d->cadre);
    memcpy(from->ids[i], from->ids[from->left], sizeof d->cadre);
    memcpy(from->ids[from->left], d->cadre, sizeof d->cadre);
    return true;
}

/* A role by its share; the first phones cover the commonest roles in turn. */
static size_t draw_role(const struct rng *rng, size_t index) {
    static const unsigned char first[] = {0, 1, 0, 3, 0, 2, 0, 1, 4, 5};
    if (index < sizeof first)
        return first[index];
    unsigned at = rng_below(rng, 100);
    for (size_t i = 0; i < QUOTAS; i++) {
        if (at < quotas[i].share)
            return i;
        at -= quotas[i].share;
    }
    return 0;
}

static size_t choose_cadres(struct cadres lists[QUOTAS], const struct rng *rng, size_t phones,
                            struct simulate_device *ret) {
    size_t count = 0;
    size_t total = 0;
    for (size_t k = 0; k < QUOTAS; k++)
        total += lists[k].count;
    for (size_t i = 0; i < phones && total; i++) {
        size_t role = draw_role(rng, i);
        if (i > 0 && count % total == 0) /* everybody has one: a second one for each */
            for (size_t k = 0; k < QUOTAS; k++)
                lists[k].left = lists[k].count;
        for (size_t tries = 0; tries < QUOTAS; tries++, role = (role + 1) % QUOTAS) {
            if (!take_cadre(&lists[role], rng, &ret[count]))
                continue;
            snprintf(ret[count++].role, sizeof ret->role, "%s", quotas[role].role);
            break;
        }
    }
    return count;
}

static bool enrol_all(struct app *a, struct core *c, struct simulate_device *devices, size_t count,
                      struct err *e) {
    for (size_t i = 0; i < count; i++) {
        const char *cadre = devices[i].cadre;
        char password[ACCESS_PASSWORD_SIZE];
        if (!enrol_device(c, &cadre, 1, devices[i].id, password, e))
            return false;
        snprintf(devices[i].password, sizeof devices[i].password, "%s", password);
    }
    return enrol_write_access(c, a->dir, e);
}

bool simulate_enrol(struct app *a, struct simulate_plan *plan, struct simulate_device *ret,
                    size_t *ret_count, struct err *e) {
    struct rng_seeded seeded;
    struct rng rng = rng_seeded_make(&seeded, plan->seed);
    struct cadres lists[QUOTAS] = {{0}};
    struct core *c = app_core(a, e);
    bool ok = c != NULL;
    for (size_t i = 0; ok && i < QUOTAS; i++)
        ok = read_cadres(c, quotas[i].role, &lists[i], e);
    if (ok) {
        *ret_count = choose_cadres(lists, &rng, plan->phones, ret);
        ok = *ret_count > 0 || err_set(e, ERR_INVALID, "the county has no cadres to play");
        snprintf(plan->county, sizeof plan->county, "%s", c->county);
    }
    ok = ok && enrol_all(a, c, ret, *ret_count, e);
    for (size_t i = 0; i < QUOTAS; i++)
        free(lists[i].ids);
    core_close(c);
    return ok;
}

static bool read_device(const char *line, struct simulate_device *d) {
    json_t *o = json_loads(line, 0, NULL);
    const char *id = json_string_value(json_object_get(o, "device"));
    const char *password = json_string_value(json_object_get(o, "password"));
    const char *cadre = json_string_value(json_object_get(o, "cadre"));
    const char *role = json_string_value(json_object_get(o, "role"));
    bool ok = id && password && cadre && role;
    if (ok) {
        snprintf(d->id, sizeof d->id, "%s", id);
        snprintf(d->password, sizeof d->password, "%s", password);
        snprintf(d->cadre, sizeof d->cadre, "%s", cadre);
        snprintf(d->role, sizeof d->role, "%s", role);
    }
    json_decref(o);
    return ok;
}

bool simulate_read_devices(const struct simulate_plan *plan, struct simulate_device *ret,
                           size_t *ret_count, struct err *e) {
    char line[1024];
    FILE *f = fopen(plan->devices_file, "r");
    if (!f)
        return err_set(e, ERR_IO, "--devices %s: %s", plan->devices_file, strerror(errno));
    bool ok = true;
    *ret_count = 0;
    while (ok && *ret_count < plan->phones && fgets(line, sizeof line, f)) {
        ok = read_device(line, &ret[*ret_count]);
        if (!ok)
            err_set(e, ERR_INVALID, "%s: line %zu: device, password, cadre and role are needed",
                    plan->devices_file, *ret_count + 1);
        *ret_count += ok;
    }
    fclose(f);
    return ok && (*ret_count > 0 || err_set(e, ERR_INVALID, "%s is empty", plan->devices_file));
}
