#include "facts.h"

#include "derive.h"
#include "fold.h"
#include "hlc.h"
#include "logged.h"
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#define MENTIONED_MAX 4096                 /* ids kept in memory as known to exist */
#define ENTITY_SIZE_MAX (8u * 1024 * 1024) /* its facts as text: far above what forms allow */

static int64_t name_bit(const char *name) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return (int64_t)(UINT64_C(1) << ((h ^ (h >> 32)) & 63));
}

int64_t facts_mask(const struct form_fact *facts, size_t count) {
    int64_t mask = 0;
    for (size_t i = 0; i < count; i++)
        mask |= name_bit(facts[i].fact->name);
    return mask;
}

/* ---------------------------------------------------------------- the writes of an entity */

struct sources {
    struct fold_source *list;
    json_t *values; /* array that keeps what writes and sources borrow */
    char (*ids)[37];
    char (*authors)[40];
    struct fold_write *writes;
    size_t count, write_count, write_capacity;
};

static void add_write(struct sources *s, size_t source, const char *fact, const json_t *value) {
    if (s->write_count == s->write_capacity) {
        s->write_capacity = s->write_capacity ? s->write_capacity * 2 : 16;
        s->writes = realloc(s->writes, s->write_capacity * sizeof *s->writes);
        if (!s->writes)
            abort();
    }
    s->writes[s->write_count++] =
        (struct fold_write){.fact = fact, .value = value, .source = (void *)(uintptr_t)source};
}

static void grow_sources(struct sources *s) {
    size_t n = s->count + 1;
    s->list = realloc(s->list, n * sizeof *s->list);
    s->ids = realloc(s->ids, n * sizeof *s->ids);
    s->authors = realloc(s->authors, n * sizeof *s->authors);
    if (!s->list || !s->ids || !s->authors)
        abort();
}

/* Parses a value and keeps it. */
static json_t *keep(struct sources *s, const char *text, size_t size) {
    json_t *v = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    if (v)
        json_array_append_new(s->values, v);
    return v;
}

/* The writes of a record whose facts are plain properties, without parsing all of it. False if
 * that cannot be told: a constant that hangs on other members, a name written with escapes. */
static bool read_slices(struct sources *s, const struct form *form, struct slice record,
                        int64_t mask, json_t **ret_base) {
    struct slice data;
    struct slice base;
    if (memchr(record.text, '\\', record.size) || !slice_member(record, "data", &data))
        return false;
    for (size_t k = 0; k < form->write_count; k++) {
        if ((name_bit(form->writes[k].fact->name) & mask) && !form->writes[k].key)
            return false;
    }
    for (size_t k = 0; k < form->write_count; k++) {
        const struct form_write *w = &form->writes[k];
        struct slice object = data;
        struct slice value;
        if (!(name_bit(w->fact->name) & mask) ||
            (w->outer && (!slice_member(data, w->outer, &object) || *object.text != '{')) ||
            !slice_member(object, w->key, &value))
            continue;
        add_write(s, s->count, w->fact->name, keep(s, value.text, value.size));
    }
    *ret_base = slice_member(record, "base", &base) ? keep(s, base.text, base.size) : NULL;
    return true;
}

/* An entity by kind and id. */
struct named {
    const char *kind, *id;
};

static void read_parsed(struct sources *s, const struct form *form, struct slice record,
                        const struct named *of, int64_t mask, json_t **ret_base) {
    struct form_part part;
    size_t pos = 0;
    const json_t *body = keep(s, record.text, record.size);
    const char *subject = json_string_value(json_object_get(body, "subject"));
    while (form_next_part(form, subject, json_object_get(body, "data"), &pos, &part)) {
        if (strcmp(part.entity, of->kind) != 0 || strcmp(part.id, of->id) != 0)
            continue;
        for (size_t k = 0; k < part.count; k++) {
            if (name_bit(part.facts[k].fact->name) & mask)
                add_write(s, s->count, part.facts[k].fact->name, part.facts[k].value);
        }
    }
    *ret_base = json_object_get(body, "base");
}

static bool in_list(const struct form *form, const char *kind) {
    bool found = false;
    for (size_t i = 0; i < form->list_count; i++)
        found = found || strcmp(form->lists[i].entity, kind) == 0;
    return found;
}

/* One row of the query `fact_sources`. */
static void read_source(struct core *c, struct sources *s, sqlite3_stmt *q, const struct named *of,
                        int64_t mask) {
    const struct form *form =
        form_find(c->catalog, q_col(q, 3), strlen(q_col(q, 3)), sqlite3_column_int64(q, 4));
    struct slice record = {q_col(q, 6), (size_t)sqlite3_column_bytes(q, 6)};
    json_t *base;
    if (!form)
        return;
    if (in_list(form, of->kind) || !read_slices(s, form, record, mask, &base))
        read_parsed(s, form, record, of, mask, &base);
    grow_sources(s);
    uuid_format(sqlite3_column_blob(q, 0), s->ids[s->count]);
    snprintf(s->authors[s->count], sizeof s->authors[s->count], "%s", q_col(q, 2));
    s->list[s->count++] =
        (struct fold_source){.hlc = sqlite3_column_int64(q, 1),
                             .imported = strcmp(q_col(q, 2), IMPORT_AUTHOR) == 0,
                             .current = sqlite3_column_int(q, 5) == EFFECT_CURRENT,
                             .base = base};
}

/* Reads every record that writes facts of the mask. Arrays move while they grow, so writes name
 * their source by index until all are read. */
static void load_sources(struct core *c, const char *kind, const char *id, int64_t mask,
                         struct sources *s) {
    const struct named of = {kind, id};
    sqlite3_stmt *q = store_query(c->store, "fact_sources");
    s->values = json_array();
    q_text(q, 1, kind);
    q_text(q, 2, id);
    q_int(q, 3, mask);
    while (q_row(c->store, q))
        read_source(c, s, q, &of, mask);
    for (size_t i = 0; i < s->count; i++) {
        s->list[i].id = s->ids[i];
        s->list[i].author = s->authors[i];
    }
    for (size_t k = 0; k < s->write_count; k++)
        s->writes[k].source = &s->list[(uintptr_t)s->writes[k].source];
}

static void free_sources(struct sources *s) {
    json_decref(s->values);
    free(s->list);
    free(s->ids);
    free(s->authors);
    free(s->writes);
}

/* ---------------------------------------------------------------- the entity */

/* An entity as its row tells it: canonical JSON texts, members in the order of their names. */
struct entity_text {
    struct buf doc, seen, conflicts;
};

static void text_init(struct entity_text *t) {
    buf_init(&t->doc, ENTITY_SIZE_MAX);
    buf_init(&t->seen, ENTITY_SIZE_MAX);
    buf_init(&t->conflicts, ENTITY_SIZE_MAX);
}

static void text_fini(struct entity_text *t) {
    buf_fini(&t->doc);
    buf_fini(&t->seen);
    buf_fini(&t->conflicts);
}

static struct slice slice_of(const struct buf *b) {
    return (struct slice){b->data, b->size};
}

/* True once every fact that registers an entity of the kind has a value. */
static bool registered(const struct core *c, const char *kind, struct slice doc) {
    bool any = false;
    for (size_t i = 0; i < form_fact_count(c->catalog); i++) {
        const struct fact *f = form_fact_at(c->catalog, i);
        struct slice v;
        if (!f->required || strcmp(f->entity, kind) != 0)
            continue;
        if (!slice_member(doc, f->name, &v) || *v.text == 'n')
            return false;
        any = true;
    }
    return any || doc.size > 2;
}

/* A cadre belongs to the first place of his scope; everything else to that of its record. */
static void entity_place(const char *kind, struct slice doc, const char *place, char out[13]) {
    struct slice scope;
    struct slice first;
    size_t pos = 0;
    snprintf(out, 13, "%s", place);
    if (strcmp(kind, "cadre") == 0 && slice_member(doc, "scope", &scope) && *scope.text == '[' &&
        slice_next(scope, &pos, &first) && first.size == 14)
        snprintf(out, 13, "%.12s", first.text + 1);
}

/* What an entity's row is to say. */
struct entity_row {
    const char *kind, *id, *subject;
    char place[13];
    bool registered;
    const char *gone;
    const struct entity_text *t;
};

static struct entity_row row_of(const struct core *c, const char *kind, const char *id,
                                const char *place, const char *subject,
                                const struct entity_text *t) {
    struct slice doc = slice_of(&t->doc);
    /* Households and persons that somebody mentioned stay, without facts. */
    bool stays = strcmp(kind, "household") == 0 || strcmp(kind, "person") == 0;
    struct entity_row row = {.kind = kind,
                             .id = id,
                             .subject = subject,
                             .registered = registered(c, kind, doc),
                             .gone = doc.size > 2 || stays ? "" : "void",
                             .t = t};
    entity_place(kind, doc, place, row.place);
    return row;
}

/* The entity's row, to be ended by the caller, or NULL. */
static sqlite3_stmt *find_entity(struct core *c, const char *kind, const char *id) {
    sqlite3_stmt *q = store_query(c->store, "entity_get");
    q_text(q, 1, kind);
    q_text(q, 2, id);
    return q_row(c->store, q) ? q : NULL;
}

static void add_entity(struct core *c, const struct entity_row *row) {
    sqlite3_stmt *q = store_query(c->store, "entity_add");
    q_text(q, 1, row->kind);
    q_text(q, 2, row->id);
    q_text(q, 3, row->place);
    q_text(q, 4, row->subject);
    q_int(q, 5, row->registered);
    q_int(q, 6, form_entity_class(c->catalog, row->kind));
    q_text_n(q, 7, row->t->doc.data, row->t->doc.size);
    q_text_n(q, 8, row->t->seen.data, row->t->seen.size);
    q_text_n(q, 9, row->t->conflicts.data, row->t->conflicts.size);
    q_text(q, 10, row->gone);
    q_int(q, 11, store_next_rev(c->store));
    q_done(c->store, q);
}

static bool equals(sqlite3_stmt *q, int column, const struct buf *b) {
    const char *text = q_col(q, column);
    size_t size = (size_t)sqlite3_column_bytes(q, column);
    return size == b->size && memcmp(text, b->data, size) == 0;
}

static void move_entity(struct core *c, int64_t rowid, const struct entity_row *row) {
    sqlite3_stmt *q = store_query(c->store, "entity_move");
    q_int(q, 1, rowid);
    q_text(q, 2, row->place);
    q_text(q, 3, row->subject);
    q_int(q, 4, form_entity_class(c->catalog, row->kind));
    q_int(q, 5, store_next_rev(c->store));
    q_done(c->store, q);
}

static void set_entity(struct core *c, int64_t rowid, const struct entity_row *row) {
    sqlite3_stmt *q = store_query(c->store, "entity_set");
    q_int(q, 1, rowid);
    q_int(q, 2, row->registered);
    q_text_n(q, 3, row->t->doc.data, row->t->doc.size);
    q_text_n(q, 4, row->t->seen.data, row->t->seen.size);
    q_text_n(q, 5, row->t->conflicts.data, row->t->conflicts.size);
    q_text(q, 6, row->gone);
    q_int(q, 7, store_next_rev(c->store));
    q_done(c->store, q);
}

/* Writes what changed of the row that find_entity() found, and ends it. */
static void replace_entity(struct core *c, sqlite3_stmt *q, const struct entity_row *row) {
    int64_t rowid = sqlite3_column_int64(q, 0);
    bool moved = strcmp(q_col(q, 4), row->place) != 0 || strcmp(q_col(q, 5), row->subject) != 0 ||
                 sqlite3_column_int64(q, 8) != form_entity_class(c->catalog, row->kind);
    bool same = equals(q, 1, &row->t->doc) && equals(q, 2, &row->t->seen) &&
                equals(q, 3, &row->t->conflicts) && sqlite3_column_int(q, 6) == row->registered &&
                strcmp(q_col(q, 7), row->gone) == 0;
    q_end(q);
    if (moved)
        move_entity(c, rowid, row);
    if (!same)
        set_entity(c, rowid, row);
}

static bool is_plain(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20)
            return false;
    }
    return true;
}

/* As payload_dump writes it; the values of most facts without its detours. */
static void add_value(struct buf *out, const json_t *v) {
    if (json_is_string(v) && is_plain(json_string_value(v), json_string_length(v))) {
        buf_add_json_str(out, json_string_value(v), json_string_length(v));
    } else if (json_is_integer(v)) {
        buf_add_fmt(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_boolean(v)) {
        buf_add_str(out, json_is_true(v) ? "true" : "false");
    } else {
        char *text = payload_dump(v);
        buf_add_str(out, text);
        free(text);
    }
}

/* A name of a fact: plain, nothing in it is escaped. */
static void add_key(struct buf *out, const char *key, size_t key_size) {
    if (out->size > 1)
        buf_add_char(out, ',');
    buf_add_char(out, '"');
    buf_add(out, key, key_size);
    buf_add_str(out, "\":");
}

static void *add_folded(struct buf *out, const json_t *folded, void *at) {
    const char *key = json_object_iter_key(at);
    add_key(out, key, strlen(key));
    add_value(out, json_object_iter_value(at));
    return json_object_iter_next((json_t *)(uintptr_t)folded, at);
}

static bool masked(struct slice key, int64_t mask) {
    char name[128];
    if (key.size >= sizeof name)
        return false;
    memcpy(name, key.text, key.size);
    name[key.size] = '\0';
    return name_bit(name) & mask;
}

/* The old text with the facts of the mask as folded; both are in the order of names, which are
 * plain: nothing in them is escaped. */
static void patch(struct slice old, const json_t *folded, int64_t mask, struct buf *out) {
    void *at = json_object_iter((json_t *)(uintptr_t)folded);
    struct slice key;
    struct slice value;
    size_t pos = 0;
    buf_add_char(out, '{');
    while (slice_next_member(old, &pos, &key, &value)) {
        if (masked(key, mask))
            continue;
        while (at && strncmp(json_object_iter_key(at), key.text, key.size) < 0)
            at = add_folded(out, folded, at);
        add_key(out, key.text, key.size);
        buf_add(out, value.text, value.size);
    }
    while (at)
        at = add_folded(out, folded, at);
    buf_add_char(out, '}');
}

static const char *fact_of(const json_t *conflict) {
    const char *name = json_string_value(json_object_get(conflict, "fact"));
    return name ? name : "";
}

/* The same for conflicts: an array in the order of facts. */
static void patch_conflicts(struct slice old, const json_t *folded, int64_t mask, struct buf *out) {
    if (old.size == 2 && json_array_size(folded) == 0) {
        buf_add_str(out, "[]");
        return;
    }
    json_t *others = json_loadb(old.text, old.size, 0, NULL);
    json_t *all = json_array();
    size_t k = 0;
    for (size_t i = 0; i < json_array_size(others); i++) {
        json_t *other = json_array_get(others, i);
        if (name_bit(fact_of(other)) & mask)
            continue;
        for (; k < json_array_size(folded) &&
               strcmp(fact_of(json_array_get(folded, k)), fact_of(other)) < 0;
             k++)
            json_array_append(all, json_array_get(folded, k));
        json_array_append(all, other);
    }
    for (; k < json_array_size(folded); k++)
        json_array_append(all, json_array_get(folded, k));
    char *text = payload_dump(all);
    buf_add_str(out, text);
    free(text);
    json_decref(all);
    json_decref(others);
}

static void patch_entity(const char *doc, const char *seen, const char *conflicts,
                         const struct fold *f, int64_t mask, struct entity_text *out) {
    patch((struct slice){doc, strlen(doc)}, f->doc, mask, &out->doc);
    patch((struct slice){seen, strlen(seen)}, f->seen, mask, &out->seen);
    patch_conflicts((struct slice){conflicts, strlen(conflicts)}, f->conflicts, mask,
                    &out->conflicts);
}

/* Folds the facts of the mask anew; `q` is what find_entity() found, or NULL. */
static void refold(struct core *c, sqlite3_stmt *q, const char *kind, const char *id,
                   const char *place, const char *subject, int64_t mask) {
    struct sources s = {0};
    struct entity_text t;
    text_init(&t);
    load_sources(c, kind, id, mask, &s);
    struct fold folded = fold_make(s.writes, s.write_count);
    if (q)
        patch_entity(q_col(q, 1), q_col(q, 2), q_col(q, 3), &folded, mask, &t);
    else
        patch_entity("{}", "{}", "[]", &folded, mask, &t);
    struct entity_row row = row_of(c, kind, id, place, subject, &t);
    if (q)
        replace_entity(c, q, &row);
    else
        add_entity(c, &row);
    text_fini(&t);
    fold_fini(&folded);
    free_sources(&s);
}

void facts_refold(struct core *c, const char *kind, const char *id, const char *place,
                  const char *subject, int64_t mask) {
    refold(c, find_entity(c, kind, id), kind, id, place, subject, mask);
}

const char *facts_about(const struct subject *at, const char *subject) {
    return *at->household ? at->household : subject;
}

/* Views of households count a new one from now on, whichever forms they name. */
static void touch_new(struct core *c, const char *household) {
    if (*household)
        store_dirty(c->store, "household", household, INT64_C(1) << DERIVE_ALL_FORMS_BIT);
}

static int by_name(const void *x, const void *y) {
    const struct form_fact *a = x;
    const struct form_fact *b = y;
    return strcmp(a->fact->name, b->fact->name);
}

/* The first record of an entity: it alone makes the facts, and nothing has to be weighed. Sorts
 * them. */
static void begin_entity(struct core *c, const struct record *r, const char *place,
                         struct form_part *part) {
    struct form_fact *facts = part->facts;
    size_t count = part->count;
    struct entity_text t;
    text_init(&t);
    qsort(facts, count, sizeof *facts, by_name);
    buf_add_char(&t.doc, '{');
    buf_add_char(&t.seen, '{');
    buf_add_str(&t.conflicts, "[]");
    for (size_t i = 0; i < count; i++) {
        const char *name = facts[i].fact->name;
        add_key(&t.doc, name, strlen(name));
        add_value(&t.doc, facts[i].value);
        add_key(&t.seen, name, strlen(name));
        buf_add_fmt(&t.seen, "[\"%s\"]", r->id + 24);
    }
    buf_add_char(&t.doc, '}');
    buf_add_char(&t.seen, '}');
    struct entity_row row =
        row_of(c, part->entity, part->id, place, facts_about(&r->place, r->subject), &t);
    add_entity(c, &row);
    text_fini(&t);
    touch_new(c, r->place.household);
}

void facts_write(struct core *c, const struct record *r, int64_t rec, const char *place,
                 struct form_part *part) {
    int64_t mask = facts_mask(part->facts, part->count);
    sqlite3_stmt *q = store_query(c->store, "fact_source_add");
    q_text(q, 1, part->entity);
    q_text(q, 2, part->id);
    q_int(q, 3, rec);
    q_int(q, 4, mask);
    q_done(c->store, q);
    sqlite3_stmt *entity = find_entity(c, part->entity, part->id);
    if (entity)
        refold(c, entity, part->entity, part->id, place, facts_about(&r->place, r->subject), mask);
    else
        begin_entity(c, r, place, part);
}

void facts_mention(struct core *c, const char *kind, const char *id, const char *place,
                   const char *household) {
    if (strmap_get(&c->mentioned, id))
        return;
    if (c->mentioned.count >= MENTIONED_MAX)
        strmap_clear(&c->mentioned, NULL);
    strmap_set(&c->mentioned, id, c);
    if (store_knows(c->store, kind, id))
        return;
    struct entity_text t;
    text_init(&t);
    buf_add_str(&t.doc, "{}");
    buf_add_str(&t.seen, "{}");
    buf_add_str(&t.conflicts, "[]");
    struct entity_row row = row_of(c, kind, id, place, household, &t);
    add_entity(c, &row);
    text_fini(&t);
    touch_new(c, household);
}
