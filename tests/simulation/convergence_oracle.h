/* What protocol §7 says the facts of households and persons are, computed the naive way from the
 * set of stored records: quadratic, and without a line of the program's own merge. */
#ifndef CONVERGENCE_ORACLE_H
#define CONVERGENCE_ORACLE_H

#include "county.h"

#define ORACLE_MAX 1000
#define ORACLE_HOURS_72 (72 * HOUR_MS)

struct known {
    json_t *record;
    const char *id, *form, *subject, *by, *hlc;
    int64_t ms;
    bool current;
    bool merged_as_current; /* what the program says */
};

struct oracle {
    struct known list[ORACLE_MAX];
    size_t count;
};

static inline const char *oracle_text(const json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static inline void oracle_load(struct oracle *o, sqlite3 *db) {
    sqlite3_stmt *q;
    o->count = 0;
    if (sqlite3_prepare_v2(db, "SELECT body, hlc >> 16, effect = 1 FROM record WHERE outcome = 1",
                           -1, &q, NULL))
        die("oracle: %s", sqlite3_errmsg(db));
    while (sqlite3_step(q) == SQLITE_ROW) {
        if (o->count == ORACLE_MAX)
            die("oracle: too many records");
        struct known *k = &o->list[o->count++];
        k->record = json_loads((const char *)sqlite3_column_text(q, 0), 0, NULL);
        k->id = oracle_text(k->record, "id");
        k->form = oracle_text(k->record, "form");
        k->subject = oracle_text(k->record, "subject");
        k->by = oracle_text(k->record, "by");
        k->hlc = oracle_text(k->record, "hlc");
        k->ms = sqlite3_column_int64(q, 1);
        k->merged_as_current = sqlite3_column_int(q, 2);
    }
    sqlite3_finalize(q);
}

static inline void oracle_free(struct oracle *o) {
    for (size_t i = 0; i < o->count; i++)
        json_decref(o->list[i].record);
}

static inline int oracle_order(const struct known *a, const struct known *b) {
    int by_stamp = strcmp(a->hlc, b->hlc);
    return by_stamp ? by_stamp : strcmp(a->id, b->id);
}

static inline const struct known *oracle_find(const struct oracle *o, const char *id) {
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->list[i].id, id) == 0)
            return &o->list[i];
    }
    return NULL;
}

static inline bool oracle_is_act(const struct known *k) {
    return strcmp(k->form, "record.void") == 0 || strcmp(k->form, "record.review") == 0;
}

/* "between records of the same author, form and subject, from a smaller to a greater stamp" */
static inline bool oracle_linked(const struct known *later, const struct known *earlier) {
    return strcmp(oracle_text(later->record, "amends"), earlier->id) == 0 &&
           !oracle_is_act(later) && strcmp(later->by, earlier->by) == 0 &&
           strcmp(later->form, earlier->form) == 0 &&
           strcmp(later->subject, earlier->subject) == 0 && oracle_order(later, earlier) > 0;
}

/* "else the amending record has no effect" */
static inline bool oracle_idle(const struct oracle *o, const struct known *k) {
    const char *amends = oracle_text(k->record, "amends");
    if (!*amends)
        return false;
    const struct known *target = oracle_find(o, amends);
    return oracle_is_act(k) || (target && !oracle_linked(k, target));
}

/* Numbers the chains: members of one have the same number. */
static inline void oracle_chains(const struct oracle *o, size_t *chain) {
    for (size_t i = 0; i < o->count; i++)
        chain[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < o->count; i++) {
            for (size_t k = 0; k < o->count; k++) {
                if (chain[i] > chain[k] && (oracle_linked(&o->list[i], &o->list[k]) ||
                                            oracle_linked(&o->list[k], &o->list[i]))) {
                    chain[i] = chain[k];
                    changed = true;
                }
            }
        }
    }
}

static inline bool oracle_area(const char *author, const char *place) {
    for (size_t i = 0; i < AUTHORS; i++) {
        const struct author *a = &authors[i];
        if (strcmp(a->id, author) == 0)
            return (strcmp(a->role, "CO") == 0 && strncmp(a->scope, place, 6) == 0) ||
                   (strcmp(a->role, "TW") == 0 && strncmp(a->scope, place, 9) == 0);
    }
    return false;
}

static inline bool oracle_void_counts(const struct known *v, const struct known *target) {
    int64_t after = v->ms - target->ms;
    return (strcmp(v->by, target->by) == 0 && after >= 0 && after <= ORACLE_HOURS_72) ||
           oracle_area(v->by, target->subject);
}

static inline void oracle_currents(struct oracle *o) {
    static size_t chain[ORACLE_MAX];
    oracle_chains(o, chain);
    for (size_t i = 0; i < o->count; i++) {
        const struct known *last_word = NULL;
        o->list[i].current = !oracle_idle(o, &o->list[i]);
        for (size_t k = 0; k < o->count; k++) {
            if (chain[k] != chain[i])
                continue;
            if (oracle_order(&o->list[k], &o->list[i]) > 0)
                o->list[i].current = false;
            for (size_t v = 0; v < o->count; v++) {
                const struct known *w = &o->list[v];
                if (strcmp(w->form, "record.void") == 0 && strcmp(w->subject, o->list[k].id) == 0 &&
                    !oracle_idle(o, w) && oracle_void_counts(w, &o->list[k]) &&
                    (!last_word || oracle_order(w, last_word) > 0))
                    last_word = w;
            }
        }
        if (last_word &&
            !json_is_true(json_object_get(json_object_get(last_word->record, "data"), "restore")))
            o->list[i].current = false;
    }
}

/* What a list of members says of a person of the household: the first that names him. */
static inline json_t *oracle_insured(const struct known *k, const char *id) {
    const json_t *item;
    size_t i;
    size_t size = strlen(k->subject);
    if (strncmp(id, k->subject, size) != 0 || id[size] != '-')
        return NULL;
    json_array_foreach(json_object_get(json_object_get(k->record, "data"), "members"), i, item) {
        if (strcmp(oracle_text(item, "person"), id) == 0)
            return json_incref(json_object_get(item, "insured"));
    }
    return NULL;
}

/* The value that a record gives a fact of an entity; NULL if it gives none. New reference. */
static inline json_t *oracle_value(const struct known *k, const char *kind, const char *id,
                                   const char *fact) {
    const json_t *data = json_object_get(k->record, "data");
    if (strcmp(k->form, "check.medical") == 0)
        return strcmp(fact, "insured") == 0 ? oracle_insured(k, id) : NULL;
    if (strcmp(k->subject, id) != 0)
        return NULL;
    bool household = strcmp(kind, "household") == 0;
    if (household && strcmp(k->form, "inspect.housing") == 0 && strcmp(fact, "sole_home") == 0)
        return json_incref(json_object_get(data, fact));
    if (household && strcmp(k->form, "hh.facts") == 0)
        return json_incref(json_object_get(json_object_get(data, "set"), fact));
    if (household || strcmp(k->form, "person.facts") != 0)
        return NULL;
    const char *op = oracle_text(data, "op");
    if (strcmp(fact, "status") == 0)
        return strcmp(op, "add") == 0     ? json_string("current")
               : strcmp(op, "leave") == 0 ? json_string("left")
                                          : NULL;
    if (strncmp(fact, "leave_", 6) == 0)
        return json_incref(json_object_get(data, fact));
    return json_incref(json_object_get(json_object_get(data, "set"), fact));
}

static inline bool oracle_shown(const struct known *from, const struct known *to,
                                const char *fact) {
    const json_t *tails = json_object_get(json_object_get(from->record, "base"), fact);
    if (!tails)
        return from->ms - to->ms > ORACLE_HOURS_72;
    for (size_t i = 0; i < json_array_size(tails); i++) {
        if (strcmp(json_string_value(json_array_get(tails, i)), to->id + 24) == 0)
            return true;
    }
    return false;
}

/* Records about households and persons: which of them are current. */
static inline void oracle_check_currents(const struct oracle *o) {
    for (size_t i = 0; i < o->count; i++) {
        const struct known *k = &o->list[i];
        if (strlen(k->subject) > 12 && k->subject[12] == '-' && k->current != k->merged_as_current)
            die("oracle: %s %s is %scurrent", k->form, k->id, k->current ? "" : "not ");
    }
}

struct oracle_writes {
    const struct known *by[ORACLE_MAX];
    json_t *value[ORACLE_MAX];
    bool reached[ORACLE_MAX];
    size_t count;
};

/* Spreads from the winner over what its author, and theirs, were shown. */
static inline void oracle_reach(struct oracle_writes *w, size_t winner, const char *fact) {
    memset(w->reached, 0, sizeof w->reached);
    w->reached[winner] = true;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < w->count; i++) {
            for (size_t k = 0; k < w->count; k++) {
                if (w->reached[i] && !w->reached[k] && oracle_shown(w->by[i], w->by[k], fact)) {
                    w->reached[k] = true;
                    changed = true;
                }
            }
        }
    }
}

/* Fills in the winner's value (NULL: the fact has none) and the ids of those in conflict, which
 * are sorted by id. */
static inline json_t *oracle_fact(const struct oracle *o, const char *kind, const char *id,
                                  const char *fact, json_t *losers) {
    static struct oracle_writes w;
    size_t winner = SIZE_MAX;
    w.count = 0;
    for (size_t i = 0; i < o->count; i++) {
        json_t *value = oracle_value(&o->list[i], kind, id, fact);
        if (!value)
            continue;
        w.by[w.count] = &o->list[i];
        w.value[w.count] = value;
        if (o->list[i].current &&
            (winner == SIZE_MAX || oracle_order(w.by[w.count], w.by[winner]) > 0))
            winner = w.count;
        w.count++;
    }
    if (winner != SIZE_MAX)
        oracle_reach(&w, winner, fact);
    for (size_t i = 0; i < w.count && winner != SIZE_MAX; i++) {
        if (w.by[i]->current && !w.reached[i] && strcmp(w.by[i]->by, w.by[winner]->by) != 0 &&
            strcmp(w.by[i]->by, "zoufang") != 0 && strcmp(w.by[winner]->by, "zoufang") != 0 &&
            !json_equal(w.value[i], w.value[winner]))
            json_object_set_new(losers, w.by[i]->id, json_true());
    }
    json_t *value = winner == SIZE_MAX ? NULL : json_incref(w.value[winner]);
    for (size_t i = 0; i < w.count; i++)
        json_decref(w.value[i]);
    return value;
}

static inline void oracle_compare(const struct oracle *o, const char *kind, const char *id,
                                  const char *fact, const json_t *doc, const json_t *conflicts) {
    json_t *losers = json_object();
    json_t *told = json_object();
    json_t *value = oracle_fact(o, kind, id, fact, losers);
    const json_t *c;
    size_t i;
    json_array_foreach(conflicts, i, c) {
        if (strcmp(oracle_text(c, "fact"), fact) == 0)
            json_object_set_new(told, oracle_text(json_object_get(c, "loser"), "id"), json_true());
    }
    const json_t *merged = json_object_get(doc, fact);
    if (value ? !json_equal(value, merged) : merged != NULL)
        die("oracle: %s %s: %s is %s, should be %s", kind, id, fact,
            merged ? json_dumps(merged, JSON_ENCODE_ANY) : "absent",
            value ? json_dumps(value, JSON_ENCODE_ANY) : "absent");
    if (!json_equal(losers, told))
        die("oracle: %s %s: %s conflicts with %s, should be with %s", kind, id, fact,
            json_dumps(told, 0), json_dumps(losers, 0));
    json_decref(value);
    json_decref(losers);
    json_decref(told);
}

/* Compares every household and person of the database; ends the program where they differ. Returns
 * how many conflicts there are. */
static inline size_t oracle_check(sqlite3 *db) {
    static const char *const facts[] = {
        "farmland_mu", "phone",       "other_causes", "other_home", "group",   "sole_home",
        "hh_type",     "work_months", "labour",       "insured",    "pension", "status",
        "name",        "sex",         "relation",     "leave_date", "birth"};
    static struct oracle o;
    sqlite3_stmt *q;
    size_t found = 0;
    oracle_load(&o, db);
    oracle_currents(&o);
    oracle_check_currents(&o);
    if (sqlite3_prepare_v2(
            db, "SELECT kind, id, doc, conflicts FROM entity WHERE kind IN ('household', 'person')",
            -1, &q, NULL))
        die("oracle: %s", sqlite3_errmsg(db));
    while (sqlite3_step(q) == SQLITE_ROW) {
        json_t *doc = json_loads((const char *)sqlite3_column_text(q, 2), 0, NULL);
        json_t *conflicts = json_loads((const char *)sqlite3_column_text(q, 3), 0, NULL);
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
            oracle_compare(&o, (const char *)sqlite3_column_text(q, 0),
                           (const char *)sqlite3_column_text(q, 1), facts[i], doc, conflicts);
        found += json_array_size(conflicts);
        json_decref(doc);
        json_decref(conflicts);
    }
    sqlite3_finalize(q);
    oracle_free(&o);
    return found;
}

#endif
