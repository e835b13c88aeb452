#include "merge.h"

#include "chain.h"
#include "facts.h"
#include "hlc.h"
#include "level.h"
#include "place.h"
#include "secret.h"
#include "tenure.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what follows from a change */

/* What a record is about: `kinds` narrowed to those that its form takes, if one of them has a level
 * (a record id alone may be a finding or a lead; of a task the form says nothing). */
static unsigned kinds_marked(const struct form *form, unsigned kinds) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (level_table[i].kinds & kinds & form->subjects)
            return kinds & form->subjects;
    }
    return kinds;
}

/* A task's rule follows from its root, whatever the task is about. */
static void touch_task(struct core *c, const char *task, int64_t mask) {
    sqlite3_stmt *q = store_query(c->store, "task_root");
    q_text(q, 1, task);
    if (!q_row(c->store, q))
        return;
    char level[16];
    char root[SUBJECT_SIZE_MAX + 1];
    snprintf(level, sizeof level, "%s", q_col(q, 0));
    snprintf(root, sizeof root, "%s", q_col(q, 1));
    q_end(q);
    store_dirty(c->store, level, root, mask);
}

/* Marks what is derived from the subject as out of date; `where` is where that leads. */
static void touch(struct core *c, const struct form *form, const char *subject,
                  const struct place *where) {
    int64_t mask = core_form_mask(c, form);
    const struct subject *s = &where->at;
    unsigned kinds = kinds_marked(form, s->kinds);
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (level_table[i].kinds & kinds)
            store_dirty(c->store, level_table[i].name,
                        *s->household ? s->household : where->subject, mask);
    }
    if (form->subjects & SUBJECT_TASK)
        touch_task(c, subject, mask);
    if (*where->code && !secret_is(form, where))
        core_touch_place(c, where->code);
}

/* A finding or lead is its own subject for what is derived from it, under the id of its first
 * report: so is everything that an amendment leads back to. */
static void touch_own(struct core *c, const struct form *form, const unsigned char id[16]) {
    struct logged r;
    unsigned char at[16];
    memcpy(at, id, 16);
    if (!form->opens)
        return;
    while (logged_get(c, at, &r)) {
        for (size_t i = 0; i < LEVEL_COUNT; i++) {
            if (level_table[i].source == LEVEL_OF_RECORDS && (level_table[i].kinds & form->opens))
                store_dirty(c->store, level_table[i].name, r.id_text, core_form_mask(c, form));
        }
        if (!r.has_amends || memcmp(r.amends, r.id, 16) >= 0)
            return; /* an amendment comes after what it amends: ids of a cycle end here */
        memcpy(at, r.amends, 16);
    }
}

/* Ids of records. */
struct ids {
    unsigned char (*list)[16];
    size_t count, capacity;
};

static void add_id(struct ids *a, const unsigned char id[16]) {
    if (a->count == a->capacity) {
        a->capacity = a->capacity ? a->capacity * 2 : 16;
        a->list = realloc(a->list, a->capacity * sizeof *a->list);
        if (!a->list)
            abort();
    }
    memcpy(a->list[a->count++], id, 16);
}

/* ---------------------------------------------------------------- authority that changed */

static void effect_changed(struct core *c, const struct logged *r);

/* Whom the target's assignments name: cadre ids, "" for whole units. */
static void add_holders(struct core *c, const char *target, json_t *holders) {
    sqlite3_stmt *q = store_query(c->store, "assignment_whose");
    q_text(q, 1, target);
    while (q_row(c->store, q))
        json_object_set_new(holders, q_col(q, 0), json_true());
}

/* Records about records, of this author ("" = all) and at a place of the division: whether they
 * are inside his area may have changed. */
static void settle_acts(struct core *c, const char *division, const char *author) {
    char last[13];
    struct ids acts = {0};
    size_t size = strcmp(division + 6, "000000") == 0 ? 6
                  : strcmp(division + 9, "000") == 0  ? 9
                                                      : 12;
    snprintf(last, sizeof last, "%.*s%s", (int)size, division, &"999999"[size - 6]);
    sqlite3_stmt *q = store_query(c->store, "record_acts");
    q_text(q, 1, division);
    q_text(q, 2, last);
    q_text(q, 3, author);
    while (q_row(c->store, q))
        add_id(&acts, sqlite3_column_blob(q, 1));
    for (size_t i = 0; i < acts.count; i++)
        chain_settle(c, acts.list[i], effect_changed);
    free(acts.list);
}

static void settle_assignments(struct core *c, const char *target) {
    struct subject at;
    const char *holder;
    json_t *holders = json_object();
    json_t *v;
    add_holders(c, target, holders);
    tenure_settle(c, target);
    add_holders(c, target, holders);
    subject_parse(target, strlen(target), &at);
    json_object_foreach(holders, holder, v) {
        core_authority_changed(c, holder);
        if (*at.place)
            settle_acts(c, at.place, holder);
    }
    json_decref(holders);
}

/* What a registered division is like, said by others than the register, changes nobody's rights:
 * only what reads it does (schema/README.md) is out of date. */
static void mark_readers(struct core *c, const struct form *form, const char *division) {
    int64_t mask = core_form_mask(c, form);
    char low[13];
    char high[13];
    char county[13];
    snprintf(low, sizeof low, "%.9s000", division);
    snprintf(high, sizeof high, "%.9s999", division);
    snprintf(county, sizeof county, "%.6s000000", division);
    sqlite3_stmt *q = store_query(c->store, "division_readers");
    q_text(q, 1, division);
    q_text(q, 2, low);
    q_text(q, 3, high);
    q_int(q, 4, mask);
    q_done(c->store, q);
    store_dirty(c->store, level_of_division(low)->name, low, mask);
    store_dirty(c->store, level_of_division(county)->name, county, mask);
}

static bool is_registered(struct core *c, const char *division) {
    sqlite3_stmt *q = store_query(c->store, "division_registered");
    q_text(q, 1, division);
    bool found = q_row(c->store, q);
    q_end(q);
    return found;
}

/* Entities that decide what others may do; `changed`: the winning facts did. */
static void settle_authority(struct core *c, const struct form *form, const char *kind,
                             const char *subject, bool changed) {
    if (strcmp(kind, "assignment") == 0) {
        settle_assignments(c, subject);
    } else if (strcmp(kind, "division") == 0 && form->kind != FORM_REGISTER &&
               is_registered(c, subject)) {
        if (changed)
            mark_readers(c, form, subject);
    } else if (strcmp(kind, "cadre") == 0 || strcmp(kind, "division") == 0 ||
               strcmp(kind, "unit") == 0) {
        c->register_forms |= core_form_mask(c, form);
        core_authority_changed(c, "");
    }
}

static void write_facts(struct core *c, const struct record *r, int64_t rec, const char *place,
                        bool *ret_own) {
    struct form_part part;
    size_t pos = 0;
    *ret_own = false;
    if (!r->form->write_count && !r->form->list_count)
        return;
    while (form_next_part(r->form, r->subject, json_object_get(r->json, "data"), &pos, &part)) {
        int64_t rev = store_rev(c->store);
        facts_write(c, r, rec, place, &part);
        *ret_own = *ret_own || strcmp(part.id, r->subject) == 0;
        settle_authority(c, r->form, part.entity, facts_about(&r->place, r->subject),
                         store_rev(c->store) != rev);
    }
}

/* ---------------------------------------------------------------- links between records */

bool merge_awaited(struct core *c, const unsigned char id[16]) {
    if (!c->any_awaited)
        return false;
    sqlite3_stmt *q = store_query(c->store, "awaited_has");
    q_blob(q, 1, id, 16);
    bool found = q_row(c->store, q);
    q_end(q);
    return found;
}

static void await_record(struct core *c, const unsigned char id[16],
                         const unsigned char waiter[16]) {
    c->any_awaited = true;
    sqlite3_stmt *q = store_query(c->store, "awaited_add");
    q_blob(q, 1, id, 16);
    q_blob(q, 2, waiter, 16);
    q_done(c->store, q);
}

static void set_place(struct core *c, int64_t rec, const char *place) {
    sqlite3_stmt *q = store_query(c->store, "record_set_place");
    q_int(q, 1, rec);
    q_text(q, 2, place);
    q_int(q, 3, store_next_rev(c->store));
    q_done(c->store, q);
}

static void effect_changed(struct core *c, const struct logged *r) {
    if (!r->form)
        return;
    struct place where;
    place_resolve(c, r->subject, &r->at, &where);
    if (!*where.code)
        memcpy(where.code, r->place, sizeof where.code); /* its data told it */
    touch(c, r->form, r->subject, &where);
    touch_own(c, r->form, r->id);
    if (!r->form->write_count && !r->form->list_count)
        return;
    json_t *body = logged_body(c, r->rec);
    struct form_part part;
    size_t pos = 0;
    while (form_next_part(r->form, r->subject, json_object_get(body, "data"), &pos, &part)) {
        int64_t rev = store_rev(c->store);
        facts_refold(c, part.entity, part.id, r->place, facts_about(&r->at, r->subject),
                     facts_mask(part.facts, part.count));
        settle_authority(c, r->form, part.entity, facts_about(&r->at, r->subject),
                         store_rev(c->store) != rev);
    }
    json_decref(body);
}

static void take_waiters(struct core *c, const unsigned char id[16], struct ids *ret) {
    sqlite3_stmt *q = store_query(c->store, "awaited_take");
    q_blob(q, 1, id, 16);
    while (q_row(c->store, q)) {
        if (sqlite3_column_bytes(q, 0) == 16)
            add_id(ret, sqlite3_column_blob(q, 0));
    }
}

/* A record that waited for another: what that one says decides whether it counts, and where it
 * belongs. True if its place is known from now on. */
static bool settle_waiter(struct core *c, const unsigned char id[16],
                          const unsigned char awaited[16], bool joined) {
    struct logged w;
    struct place where;
    if (!logged_get(c, id, &w))
        return false;
    place_resolve(c, w.subject, &w.at, &where);
    bool placed = *where.code && !*w.place;
    if (placed) {
        set_place(c, w.rec, where.code);
        if (w.form)
            touch(c, w.form, w.subject, &where);
    } else if (!*where.code && (where.at.kinds & SUBJECT_RECORD)) {
        await_record(c, awaited, id);
    }
    bool amends = w.has_amends && memcmp(w.amends, awaited, 16) == 0;
    if (!joined || !amends || (where.at.kinds & SUBJECT_RECORD))
        chain_settle(c, id, effect_changed);
    return placed;
}

/* Those that waited for this record, and those that waited for them to have a place. `joined`: it
 * is settled with what amends it. */
static void settle_waiters(struct core *c, const unsigned char id[16], bool joined) {
    struct ids known = {0};
    if (!merge_awaited(c, id))
        return; /* as nearly always: taking none costs SQLite ten times what looking does */
    add_id(&known, id);
    for (size_t i = 0; i < known.count; i++) {
        struct ids waiters = {0};
        unsigned char one[16];
        memcpy(one, known.list[i], 16);
        take_waiters(c, one, &waiters);
        for (size_t k = 0; k < waiters.count; k++) {
            if (settle_waiter(c, waiters.list[k], one, joined && i == 0))
                add_id(&known, waiters.list[k]);
        }
        if (waiters.count && !(joined && i == 0))
            chain_settle(c, one, effect_changed);
        free(waiters.list);
    }
    free(known.list);
}

/* A record about a record, just stored. */
static void act_on(struct core *c, const struct record *r, const char *subject) {
    unsigned char target[16];
    struct logged t;
    if (!uuid7_parse(subject, strlen(subject), target))
        return;
    bool known = logged_get(c, target, &t);
    if (!known || t.outcome != OUTCOME_STORED || !*t.place)
        await_record(c, target, r->id_bytes);
    if (!known)
        return;
    if (strcmp(r->form_id, "record.void") == 0)
        chain_settle(c, target, effect_changed);
    else if (strcmp(r->form_id, "record.review") == 0 &&
             (t.outcome == OUTCOME_HELD || t.outcome == OUTCOME_REFUSED))
        store_dirty(c->store, "held", t.id_text, 1);
    if (*t.place && t.sensitivity != SECRET_CLASS)
        core_touch_place(c, t.place);
}

/* Whether the record counts, and what it amends or is amended by. True if nothing else that waits
 * for it changes that. */
static bool settle_links(struct core *c, const struct record *r, bool about_record,
                         enum merge_what what) {
    struct logged amended;
    bool known =
        r->has_amends && logged_get(c, r->amends, &amended) && amended.outcome == OUTCOME_STORED;
    if (r->has_amends && !known)
        await_record(c, r->amends, r->id_bytes);
    bool linked = r->has_amends || merge_awaited(c, r->id_bytes);
    if (what != MERGE_AGAIN && linked && chain_join(c, r->id_bytes, effect_changed))
        return true;
    /* From scratch, a chain is settled with its first record. */
    if (what == MERGE_AGAIN ? about_record || chain_begins(c, r->id_bytes)
                            : r->has_amends || about_record || what == MERGE_RELEASED)
        chain_settle(c, r->id_bytes, effect_changed);
    return false;
}

void merge_stored(struct core *c, const struct record *r, int64_t rec, const struct place *where,
                  enum merge_what what) {
    bool about_record = where->at.kinds & SUBJECT_RECORD;
    if (what != MERGE_NEW)
        set_place(c, rec, where->code);
    bool own;
    write_facts(c, r, rec, where->code, &own);
    if ((r->place.kinds & SUBJECT_PERSON) && !own)
        facts_mention(c, "person", r->subject, where->code, r->place.household);
    if (*where->at.household && !(own && (r->place.kinds & SUBJECT_HOUSEHOLD)))
        facts_mention(c, "household", where->at.household, where->code, where->at.household);
    bool joined = settle_links(c, r, about_record, what);
    if (about_record)
        act_on(c, r, where->subject);
    settle_waiters(c, r->id_bytes, joined);
    touch(c, r->form, r->subject, where);
    touch_own(c, r->form, r->id_bytes);
}

/* ---------------------------------------------------------------- from scratch */

struct rebuilt {
    int64_t rec;
    char *body;
};

static size_t load_stored(struct core *c, unsigned char after[16], struct rebuilt *page,
                          size_t size) {
    sqlite3_stmt *q = store_query(c->store, "record_after");
    size_t count = 0;
    q_blob(q, 1, after, 16);
    q_int(q, 2, (int64_t)size);
    while (q_row(c->store, q)) {
        page[count].rec = sqlite3_column_int64(q, 0);
        page[count].body = strdup(q_col(q, 2));
        if (!page[count++].body)
            abort();
        memcpy(after, sqlite3_column_blob(q, 1), 16);
    }
    return count;
}

static void merge_again(struct core *c, int64_t rec, const char *body) {
    json_t *json = json_loads(body, 0, NULL);
    struct record r;
    struct place where;
    if (!json)
        return;
    record_read_import(&r, c->catalog, c->form_run, json, (struct slice){body, strlen(body)});
    if (r.form) {
        place_find(c, &r, &where);
        merge_stored(c, &r, rec, &where, MERGE_AGAIN);
    }
    record_fini(&r);
    json_decref(json);
}

void merge_rebuild(struct core *c, void (*progress)(size_t done)) {
    enum { PAGE = 500 };
    struct rebuilt page[PAGE];
    unsigned char after[16] = {0};
    size_t count;
    size_t done = 0;
    store_exec(c->store, "DELETE FROM fact_source; DELETE FROM assignment; DELETE FROM awaited;"
                         "DELETE FROM entity; "
                         "UPDATE record SET effect = 1, chain = NULL"
                         " WHERE effect <> 1 OR chain IS NOT NULL");
    authority_forget(c->authority);
    strmap_clear(&c->mentioned, NULL);
    while ((count = load_stored(c, after, page, PAGE)) > 0) {
        for (size_t i = 0; i < count; i++) {
            merge_again(c, page[i].rec, page[i].body);
            free(page[i].body);
        }
        done += count;
        if (progress)
            progress(done);
    }
}
