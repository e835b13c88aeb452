#include "authority.h"

#include "clock.h"
#include "hlc.h"
#include "strmap.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One cadre as the register showed it from `since` on. */
struct cadre_state {
    int64_t since;
    struct cadre cadre;
};

struct cadre_history {
    json_t *texts; /* array of documents that the states' strings live in */
    struct cadre_state *states;
    size_t count;
};

struct authority {
    struct store *store;
    const char *county; /* 6 digits */
    const struct form_catalog *catalog;
    struct strmap cadres;  /* id → struct cadre_history */
    struct strmap devices; /* id → struct device */
    struct strmap relays;  /* id → town text */
    struct strmap places;  /* divisions that the register knows */
};

struct authority *authority_create(struct store *s, const char *county,
                                   const struct form_catalog *catalog) {
    struct authority *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->store = s;
    a->county = county;
    a->catalog = catalog;
    return a;
}

static void free_history(void *value) {
    struct cadre_history *h = value;
    for (size_t i = 0; i < h->count; i++)
        free((void *)(uintptr_t)h->states[i].cadre.scope);
    free(h->states);
    json_decref(h->texts);
    free(h);
}

static void free_device(void *value) {
    struct device *d = value;
    for (size_t i = 0; i < d->author_count; i++)
        free((void *)(uintptr_t)d->authors[i]);
    free((void *)(uintptr_t)d->authors);
    free((void *)(uintptr_t)d->id);
    free(d);
}

void authority_forget(struct authority *a) {
    strmap_clear(&a->cadres, free_history);
    strmap_clear(&a->devices, free_device);
    strmap_clear(&a->relays, free);
    strmap_clear(&a->places, NULL);
}

void authority_destroy(struct authority *a) {
    if (!a)
        return;
    authority_forget(a);
    free(a);
}

/* ---------------------------------------------------------------- cadres */

static const char *text_of(const json_t *doc, const char *key) {
    const char *text = json_string_value(json_object_get(doc, key));
    return text ? text : "";
}

static struct cadre cadre_of(const struct form_catalog *catalog, const char *id,
                             const json_t *doc) {
    const json_t *scope = json_object_get(doc, "scope");
    uint32_t role = form_role_bit(catalog, text_of(doc, "role"));
    size_t count = json_array_size(scope);
    const char **codes = calloc(count ? count : 1, sizeof *codes);
    if (!codes)
        abort();
    for (size_t i = 0; i < count; i++) {
        const char *code = json_string_value(json_array_get(scope, i));
        codes[i] = code ? code : "";
    }
    return (struct cadre){.id = id,
                          .role = role,
                          .role_name = text_of(doc, "role"),
                          .unit = text_of(doc, "unit"),
                          .scope_unit = role & form_unit_roles(catalog) ? text_of(doc, "unit") : "",
                          .scope = codes,
                          .scope_count = count,
                          .active = !json_is_false(json_object_get(doc, "active"))};
}

/* The register's records of a cadre, oldest first, each on top of those before it. */
static struct cadre_history *load_history(struct authority *a, const char *id) {
    struct cadre_history *h = calloc(1, sizeof *h);
    if (!h || !(h->texts = json_array()))
        abort();
    json_array_append_new(h->texts, json_string(id));
    const char *kept_id = json_string_value(json_array_get(h->texts, 0));
    json_t *doc = json_object();
    sqlite3_stmt *q = store_query(a->store, "cadre_history");
    q_text(q, 1, id);
    while (q_row(a->store, q)) {
        json_t *data = json_loads(q_col(q, 1), 0, NULL);
        json_t *next = json_copy(doc);
        json_object_update(next, data);
        json_decref(data);
        json_decref(doc);
        doc = next;
        json_array_append(h->texts, doc);
        h->states = realloc(h->states, (h->count + 1) * sizeof *h->states);
        if (!h->states)
            abort();
        h->states[h->count++] =
            (struct cadre_state){sqlite3_column_int64(q, 0), cadre_of(a->catalog, kept_id, doc)};
    }
    json_decref(doc);
    return h;
}

const struct cadre *authority_cadre(struct authority *a, const char *id, int64_t hlc) {
    struct cadre_history *h = strmap_get(&a->cadres, id);
    if (!h) {
        h = load_history(a, id);
        strmap_set(&a->cadres, id, h);
    }
    if (h->count == 0)
        return NULL;
    size_t i = h->count - 1;
    while (i > 0 && h->states[i].since > hlc)
        i--;
    return &h->states[i].cadre;
}

static bool covers(const char *scope, const char *place) {
    size_t size = strcmp(scope + 6, "000000") == 0 ? 6 : strcmp(scope + 9, "000") == 0 ? 9 : 12;
    return strncmp(scope, place, size) == 0;
}

bool cadre_covers(const struct cadre *c, const char *place) {
    for (size_t i = 0; *place && i < c->scope_count; i++) {
        if (strlen(c->scope[i]) == 12 && covers(c->scope[i], place))
            return true;
    }
    return false;
}

bool authority_in_scope(struct authority *a, const struct cadre *c, const char *place,
                        const char *household, const char *day) {
    if (cadre_covers(c, place))
        return true;
    char town[13];
    char county[13];
    memcpy(town, place, 9);
    memcpy(town + 9, "000", 4);
    memcpy(county, place, 6);
    memcpy(county + 6, "000000", 7);
    sqlite3_stmt *q = store_query(a->store, "assigned");
    q_text(q, 1, *household ? household : place);
    q_text(q, 2, place);
    q_text(q, 3, town);
    q_text(q, 4, county);
    q_text(q, 5, c->id);
    q_text(q, 6, c->scope_unit);
    q_text(q, 7, day);
    bool found = q_row(a->store, q);
    q_end(q);
    return found;
}

/* ---------------------------------------------------------------- devices and relays */

static char *copy(const char *text) {
    char *c = strdup(text);
    if (!c)
        abort();
    return c;
}

static struct device *load_device(struct authority *a, const char *id) {
    struct device *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    d->id = copy(id);
    sqlite3_stmt *q = store_query(a->store, "principal_get");
    q_text(q, 1, id);
    while (q_row(a->store, q)) {
        d->known = strcmp(q_col(q, 0), "device") == 0;
        d->revoked = sqlite3_column_type(q, 2) != SQLITE_NULL;
    }
    q = store_query(a->store, "device_authors");
    q_text(q, 1, id);
    const char **authors = NULL;
    while (q_row(a->store, q)) {
        authors = realloc(authors, (d->author_count + 1) * sizeof *authors);
        if (!authors)
            abort();
        authors[d->author_count++] = copy(q_col(q, 0));
    }
    d->authors = authors;
    return d;
}

const struct device *authority_device(struct authority *a, const char *id) {
    struct device *d = strmap_get(&a->devices, id);
    if (!d) {
        d = load_device(a, id);
        strmap_set(&a->devices, id, d);
    }
    return d;
}

const char *authority_relay_town(struct authority *a, const char *relay) {
    char *town = strmap_get(&a->relays, relay);
    if (!town) {
        town = copy("");
        sqlite3_stmt *q = store_query(a->store, "principal_get");
        q_text(q, 1, relay);
        while (q_row(a->store, q)) {
            if (strcmp(q_col(q, 0), "relay") == 0 && sqlite3_column_type(q, 2) == SQLITE_NULL) {
                free(town);
                town = copy(q_col(q, 1));
            }
        }
        strmap_set(&a->relays, relay, town);
    }
    return *town ? town : NULL;
}

/* ---------------------------------------------------------------- judging */

static bool enrolled(const struct device *d, const char *author) {
    for (size_t i = 0; i < d->author_count; i++) {
        if (strcmp(d->authors[i], author) == 0)
            return true;
    }
    return false;
}

/* True if the town holds anything of the device's scope. */
static bool relay_touches(struct authority *a, const struct device *d, const char *town,
                          const char *day) {
    char low[13];
    char high[13];
    snprintf(low, sizeof low, "%.6s%.3s000", a->county, town);
    snprintf(high, sizeof high, "%.6s%.3s999", a->county, town);
    for (size_t i = 0; i < d->author_count; i++) {
        const struct cadre *c = authority_cadre(a, d->authors[i], INT64_MAX);
        if (!c)
            continue;
        for (size_t k = 0; k < c->scope_count; k++) {
            if (covers(c->scope[k], low) || strncmp(c->scope[k], low, 9) == 0)
                return true;
        }
        sqlite3_stmt *q = store_query(a->store, "assigned_in_town");
        q_text(q, 1, c->id);
        q_text(q, 2, c->scope_unit);
        q_text(q, 3, low);
        q_text(q, 4, high);
        q_text(q, 5, day);
        bool found = q_row(a->store, q);
        q_end(q);
        if (found)
            return true;
    }
    return false;
}

static void judge_gates(const struct cadre *c, const struct claim *k, struct problems *missing) {
    for (size_t i = 0; i < k->form->gate_count; i++) {
        const struct form_gate *g = &k->form->gates[i];
        if ((k->gates >> i & 1) && !(g->roles & c->role))
            problems_add(missing, "role_field", g->path, g->name, g->zh, g->en);
    }
}

static void judge_role(const struct cadre *c, const struct claim *k, struct problems *missing) {
    if (!(k->form->roles & c->role)) {
        problems_add_code(missing, "role_form", "/form");
        return;
    }
    judge_gates(c, k, missing);
    for (size_t i = 0; i < k->fact_count; i++) {
        if (!(k->facts[i].roles & c->role))
            problems_add_code(missing, "role_field", k->facts[i].path);
    }
}

static bool place_known(struct authority *a, const char *place) {
    if (strmap_get(&a->places, place))
        return true;
    bool known = store_knows(a->store, "division", place);
    if (known)
        strmap_set(&a->places, place, a);
    return known;
}

/* A subject whose place the id does not tell is judged by role alone: what an act outside the
 * author's area does is decided when the target is known (merge). */
static void judge_scope(struct authority *a, const struct cadre *c, const struct claim *k,
                        struct problems *missing) {
    const struct subject *s = k->subject;
    if (!*s->place)
        return;
    char day[11];
    time_local_date(hlc_ms(k->hlc), day);
    bool in = place_known(a, s->place) &&
              (k->form->by_register ? cadre_covers(c, s->place)
                                    : authority_in_scope(a, c, s->place, s->household, day));
    if (!in)
        problems_add_code(missing, "out_of_scope", "/subject");
}

/* Who wrote it, as far as the device proves it; NULL if it does not. */
static const struct cadre *proven_author(struct authority *a, const struct claim *k,
                                         struct problems *missing) {
    const struct device *d = authority_device(a, k->device);
    if (!d->known || d->revoked) {
        problems_add_code(missing, "revoked", "");
        return NULL;
    }
    const struct cadre *c = enrolled(d, k->author) ? authority_cadre(a, k->author, k->hlc) : NULL;
    if (c && c->active)
        return c;
    problems_add_code(missing, "unknown_author", "/by");
    return NULL;
}

bool authority_may_accept(struct authority *a, const struct claim *k, const struct cadre *by) {
    struct problems unproven = {0};
    const struct cadre *author = proven_author(a, k, &unproven);
    uint32_t roles = by->role | (author ? author->role : 0);
    bool may = true;
    for (size_t i = 0; i < k->form->gate_count; i++)
        may = may && (!(k->gates >> i & 1) || (k->form->gates[i].roles & roles));
    problems_fini(&unproven);
    return may;
}

bool authority_judge(struct authority *a, const struct claim *k, struct problems *missing) {
    size_t before = missing->count;
    const struct cadre *c = proven_author(a, k, missing);
    if (!c)
        return false;
    judge_role(c, k, missing);
    judge_scope(a, c, k, missing);
    if (*k->via) {
        const char *town = authority_relay_town(a, k->via);
        char day[11];
        time_local_date(hlc_ms(k->hlc), day);
        if (!town || !relay_touches(a, authority_device(a, k->device), town, day))
            problems_add_code(missing, "relay_scope", "");
    }
    return missing->count == before;
}
