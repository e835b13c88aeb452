#include "merge.h"

#include "chain.h"
#include "derive.h"
#include "fold.h"
#include "hlc.h"
#include "payload.h"
#include "place.h"
#include "tenure.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what follows from a change */

/* Marks what is derived from the subject as out of date. */
static void touch(struct core *c, const struct form *form, const struct place *where) {
    int64_t mask = core_form_mask(c, form);
    const struct subject *s = &where->at;
    if (*s->household)
        store_dirty(c->store, "household", s->household, mask);
    else if (s->kinds & SUBJECT_VILLAGE)
        store_dirty(c->store, "village", where->subject, mask);
    else if (s->kinds & SUBJECT_FINDING)
        store_dirty(c->store, "finding", where->subject, mask);
    if (*where->code)
        core_touch_place(c, where->code);
}

/* A finding is its own subject for what is derived from it, under the id of its first report: so
 * is everything that an amendment leads back to. */
static void touch_own(struct core *c, const struct form *form, const unsigned char id[16]) {
    struct logged r;
    unsigned char at[16];
    memcpy(at, id, 16);
    if (!(form->opens & SUBJECT_FINDING))
        return;
    while (logged_get(c, at, &r)) {
        store_dirty(c->store, "finding", r.id_text, core_form_mask(c, form));
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

/* ---------------------------------------------------------------- facts */

struct sources {
    struct fold_source *list;
    json_t **bodies;
    char (*ids)[37];
    char (*authors)[40];
    struct fold_write *writes;
    size_t count, write_count, write_capacity;
};

static void add_writes(struct sources *s, size_t i, const struct form *form) {
    struct form_fact facts[FORM_WRITES_MAX];
    size_t n = form_facts(form, json_object_get(s->bodies[i], "data"), facts);
    if (s->write_count + n > s->write_capacity) {
        s->write_capacity = (s->write_count + n) * 2;
        s->writes = realloc(s->writes, s->write_capacity * sizeof *s->writes);
        if (!s->writes)
            abort();
    }
    for (size_t k = 0; k < n; k++)
        s->writes[s->write_count++] = (struct fold_write){
            .fact = facts[k].fact->name, .value = facts[k].value, .source = (void *)(uintptr_t)i};
}

static void grow_sources(struct sources *s) {
    size_t n = s->count + 1;
    s->list = realloc(s->list, n * sizeof *s->list);
    s->bodies = realloc(s->bodies, n * sizeof(json_t *));
    s->ids = realloc(s->ids, n * sizeof *s->ids);
    s->authors = realloc(s->authors, n * sizeof *s->authors);
    if (!s->list || !s->bodies || !s->ids || !s->authors)
        abort();
}

/* Reads every record that writes facts of the entity. Arrays move while they grow, so writes name
 * their source by index until all are read. */
static void load_sources(struct core *c, const char *kind, const char *id, struct sources *s) {
    sqlite3_stmt *q = store_query(c->store, "fact_sources");
    q_text(q, 1, kind);
    q_text(q, 2, id);
    while (q_row(c->store, q)) {
        const struct form *form =
            form_find(c->catalog, q_col(q, 3), strlen(q_col(q, 3)), sqlite3_column_int64(q, 4));
        json_t *body = form ? json_loads(q_col(q, 6), 0, NULL) : NULL;
        if (!body)
            continue;
        grow_sources(s);
        size_t i = s->count++;
        uuid_format(sqlite3_column_blob(q, 0), s->ids[i]);
        snprintf(s->authors[i], sizeof s->authors[i], "%s", q_col(q, 2));
        s->bodies[i] = body;
        s->list[i] = (struct fold_source){.hlc = sqlite3_column_int64(q, 1),
                                          .imported = strcmp(q_col(q, 2), IMPORT_AUTHOR) == 0,
                                          .current = sqlite3_column_int(q, 5) == EFFECT_CURRENT,
                                          .base = json_object_get(body, "base")};
        add_writes(s, i, form);
    }
    for (size_t i = 0; i < s->count; i++) {
        s->list[i].id = s->ids[i];
        s->list[i].author = s->authors[i];
    }
    for (size_t k = 0; k < s->write_count; k++)
        s->writes[k].source = &s->list[(uintptr_t)s->writes[k].source];
}

static void free_sources(struct sources *s) {
    for (size_t i = 0; i < s->count; i++)
        json_decref(s->bodies[i]);
    free(s->list);
    free((void *)s->bodies);
    free(s->ids);
    free(s->authors);
    free(s->writes);
}

/* True once every fact that registers an entity of the kind has a value. */
static bool registered(const struct core *c, const char *kind, const json_t *doc) {
    bool any = false;
    for (size_t i = 0; i < form_fact_count(c->catalog); i++) {
        const struct fact *f = form_fact_at(c->catalog, i);
        if (!f->required || strcmp(f->entity, kind) != 0)
            continue;
        const json_t *v = json_object_get(doc, f->name);
        if (!v || json_is_null(v))
            return false;
        any = true;
    }
    return any || json_object_size(doc) > 0;
}

/* A cadre belongs to the first place of his scope; everything else to that of its record. */
static const char *entity_place(const char *kind, const json_t *doc, const char *place) {
    const char *first = strcmp(kind, "cadre") == 0
                            ? json_string_value(json_array_get(json_object_get(doc, "scope"), 0))
                            : NULL;
    return first ? first : place;
}

/* Writes the entity if anything that phones see of it changed. */
static void write_entity(struct core *c, const char *kind, const char *id, const char *place,
                         const char *subject, const struct fold *f, bool gone) {
    char *doc = payload_dump(f->doc);
    char *seen = payload_dump(f->seen);
    char *conflicts = payload_dump(f->conflicts);
    sqlite3_stmt *q = store_query(c->store, "entity_set");
    q_text(q, 1, kind);
    q_text(q, 2, id);
    q_text(q, 3, entity_place(kind, f->doc, place));
    q_text(q, 4, subject);
    q_int(q, 5, registered(c, kind, f->doc));
    q_int(q, 6, strcmp(kind, "person") == 0 ? 2 : 1);
    q_text(q, 7, doc);
    q_text(q, 8, seen);
    q_text(q, 9, conflicts);
    q_text(q, 10, gone ? "void" : "");
    q_int(q, 11, store_next_rev(c->store));
    q_done(c->store, q);
    free(doc);
    free(seen);
    free(conflicts);
}

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
        if (*at.place)
            settle_acts(c, at.place, holder);
    }
    json_decref(holders);
}

/* Entities that decide what others may do. */
static void settle_authority(struct core *c, const char *kind, const char *subject) {
    if (strcmp(kind, "assignment") == 0)
        settle_assignments(c, subject);
    else if (strcmp(kind, "cadre") != 0 && strcmp(kind, "division") != 0 &&
             strcmp(kind, "unit") != 0)
        return;
    else
        c->register_changed = true;
    core_authority_changed(c);
}

static void refold(struct core *c, const char *kind, const char *id, const char *place,
                   const char *subject) {
    struct sources s = {0};
    load_sources(c, kind, id, &s);
    bool any_current = false;
    for (size_t i = 0; i < s.count; i++)
        any_current = any_current || s.list[i].current;
    struct fold f = fold_make(s.writes, s.write_count);
    /* Households and persons that somebody mentioned stay, without facts. */
    bool gone = !any_current && strcmp(kind, "household") != 0 && strcmp(kind, "person") != 0;
    write_entity(c, kind, id, place, subject, &f, gone);
    fold_fini(&f);
    free_sources(&s);
    settle_authority(c, kind, subject);
}

/* The entity whose facts a record writes. */
static bool entity_of(const struct form *form, const char *subject, const json_t *data, char *out) {
    return form->entity && form->write_count &&
           form_entity_id(form, subject, data, out, FORM_ENTITY_ID_SIZE);
}

/* What an entity is about: the household, or the subject itself. */
static const char *about(const struct subject *at, const char *subject) {
    return *at->household ? at->household : subject;
}

static bool entity_known(struct core *c, const char *kind, const char *id) {
    sqlite3_stmt *q = store_query(c->store, "entity_known");
    q_text(q, 1, kind);
    q_text(q, 2, id);
    bool known = q_row(c->store, q);
    q_end(q);
    return known;
}

/* Views of households count a new one from now on, whichever forms they name. */
static void touch_new(struct core *c, const char *household) {
    if (*household)
        store_dirty(c->store, "household", household, INT64_C(1) << DERIVE_ALL_FORMS_BIT);
}

/* The first record of an entity: it alone makes the facts. */
static void begin_entity(struct core *c, const struct record *r, const char *id, const char *place,
                         const struct form_fact *facts, size_t count) {
    const struct fold_source source = {
        .id = r->id, .hlc = r->hlc, .author = r->author, .imported = true, .current = true};
    struct fold_write writes[FORM_WRITES_MAX];
    for (size_t i = 0; i < count; i++)
        writes[i] = (struct fold_write){facts[i].fact->name, facts[i].value, &source};
    struct fold f = fold_make(writes, count);
    write_entity(c, r->form->entity, id, place, about(&r->place, r->subject), &f, false);
    fold_fini(&f);
    touch_new(c, r->place.household);
    settle_authority(c, r->form->entity, about(&r->place, r->subject));
}

/* True if the record wrote facts of its own subject's entity. */
static bool write_facts(struct core *c, const struct record *r, int64_t rec, const char *place) {
    const json_t *data = json_object_get(r->json, "data");
    char id[FORM_ENTITY_ID_SIZE];
    struct form_fact facts[FORM_WRITES_MAX];
    if (!entity_of(r->form, r->subject, data, id))
        return false;
    size_t count = form_facts(r->form, data, facts);
    if (count == 0)
        return false;
    sqlite3_stmt *q = store_query(c->store, "fact_source_add");
    q_text(q, 1, r->form->entity);
    q_text(q, 2, id);
    q_int(q, 3, rec);
    q_done(c->store, q);
    if (entity_known(c, r->form->entity, id))
        refold(c, r->form->entity, id, place, about(&r->place, r->subject));
    else
        begin_entity(c, r, id, place, facts, count);
    return strcmp(id, r->subject) == 0;
}

/* A household or person exists from the first record that names it. */
static void mention(struct core *c, const char *kind, const char *id, const char *place,
                    const char *household) {
    if (entity_known(c, kind, id))
        return;
    struct fold f = {json_object(), json_object(), json_array()};
    write_entity(c, kind, id, place, household, &f, false);
    fold_fini(&f);
    touch_new(c, household);
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
    touch(c, r->form, &where);
    touch_own(c, r->form, r->id);
    if (!r->form->entity)
        return;
    json_t *body = logged_body(c, r->rec);
    char id[FORM_ENTITY_ID_SIZE];
    if (entity_of(r->form, r->subject, json_object_get(body, "data"), id))
        refold(c, r->form->entity, id, r->place, about(&r->at, r->subject));
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
                          const unsigned char awaited[16]) {
    struct logged w;
    struct place where;
    if (!logged_get(c, id, &w))
        return false;
    place_resolve(c, w.subject, &w.at, &where);
    bool placed = *where.code && !*w.place;
    if (placed) {
        set_place(c, w.rec, where.code);
        if (w.form)
            touch(c, w.form, &where);
    } else if (!*where.code && (where.at.kinds & SUBJECT_RECORD)) {
        await_record(c, awaited, id);
    }
    chain_settle(c, id, effect_changed);
    return placed;
}

/* Those that waited for this record, and those that waited for them to have a place. */
static void settle_waiters(struct core *c, const unsigned char id[16]) {
    struct ids known = {0};
    add_id(&known, id);
    for (size_t i = 0; i < known.count; i++) {
        struct ids waiters = {0};
        unsigned char one[16];
        memcpy(one, known.list[i], 16);
        take_waiters(c, one, &waiters);
        for (size_t k = 0; k < waiters.count; k++) {
            if (settle_waiter(c, waiters.list[k], one))
                add_id(&known, waiters.list[k]);
        }
        if (waiters.count)
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
    else if (strcmp(r->form_id, "record.review") == 0)
        store_dirty(c->store, "held", "", 1);
    if (*t.place)
        core_touch_place(c, t.place);
}

void merge_stored(struct core *c, const struct record *r, int64_t rec, const struct place *where,
                  bool released) {
    struct logged amended;
    bool about_record = where->at.kinds & SUBJECT_RECORD;
    if (released)
        set_place(c, rec, where->code);
    bool own = write_facts(c, r, rec, where->code);
    if ((r->place.kinds & SUBJECT_PERSON) && !own)
        mention(c, "person", r->subject, where->code, r->place.household);
    if (*where->at.household && !(own && (r->place.kinds & SUBJECT_HOUSEHOLD)))
        mention(c, "household", where->at.household, where->code, where->at.household);
    if (r->has_amends && (!logged_get(c, r->amends, &amended) || amended.outcome != OUTCOME_STORED))
        await_record(c, r->amends, r->id_bytes);
    if (r->has_amends || about_record || released)
        chain_settle(c, r->id_bytes, effect_changed);
    if (about_record)
        act_on(c, r, where->subject);
    settle_waiters(c, r->id_bytes);
    touch(c, r->form, where);
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
        place_resolve(c, r.subject, &r.place, &where);
        merge_stored(c, &r, rec, &where, true);
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
                         "DELETE FROM entity; UPDATE record SET effect = 1 WHERE effect <> 1");
    authority_forget(c->authority);
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
