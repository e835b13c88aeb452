#include "feed_doc.h"

#include "hlc.h"
#include "secret.h"
#include "slice.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES_ALL 0x1fu
#define CLASS_NOBODY 0x20u /* a bit that no reader has: always redacted */
#define CLASS_PLACE 3      /* an exact position */

/* ---------------------------------------------------------------- access */

/* The bits of all x-class in a schema, wherever they stand. */
static unsigned classes_in(const json_t *v) {
    unsigned mask = 0;
    size_t i;
    json_t *item;
    json_array_foreach(v, i, item) mask |= classes_in(item);
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)v, key, item) {
        const char *text = json_string_value(item);
        if (text && strcmp(key, "x-class") == 0 && text[0] == 'L')
            mask |= 1u << (text[1] - '0') & CLASSES_ALL;
        mask |= classes_in(item);
    }
    return mask;
}

static unsigned form_classes(const struct form *f) {
    size_t size;
    const char *text = form_schema_text(f, &size);
    json_t *root = json_loadb(text, size, 0, NULL);
    unsigned mask = root ? classes_in(root) | 1u << f->sensitivity : CLASSES_ALL;
    if (f->withholds)
        mask |= CLASS_NOBODY;
    json_decref(root);
    return mask;
}

static uint32_t hash_text(uint32_t hash, const char *text) {
    do
        hash = (hash ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
    while (*text++);
    return hash;
}

/* What a reader sees of the rows changes with the class of a fact or form, without a change number:
 * cursors carry this hash. */
static uint32_t hash_classes(const struct form_catalog *c) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < form_fact_count(c); i++) {
        const struct fact *f = form_fact_at(c, i);
        hash = hash_text(hash_text(hash, f->entity), f->name) + f->sensitivity;
    }
    for (size_t i = 0; i < form_count(c); i++) {
        const struct form *f = form_at(c, i);
        hash = hash_text(hash, f->id) + (uint32_t)f->fv * 64 + f->sensitivity +
               (f->kind == FORM_SECRET ? 32 : 0);
    }
    return hash;
}

static bool is_class(const json_t *v) {
    const char *name = json_string_value(v);
    return name && name[0] == 'L' && name[1] >= '0' && name[1] <= '4' && !name[2];
}

/* NULL, or what is wrong with what a role sees. */
static const char *role_problem(const json_t *role) {
    const char *key;
    json_t *value;
    size_t i;
    json_t *item;
    if (!json_is_array(json_object_get(role, "classes")))
        return "classes";
    json_object_foreach((json_t *)(uintptr_t)role, key, value) {
        bool classes = strcmp(key, "classes") == 0;
        bool flag =
            strcmp(key, "covert") == 0 || strcmp(key, "leads") == 0 || strcmp(key, "reviews") == 0;
        if (!classes && (!flag || !json_is_boolean(value)))
            return key;
        json_array_foreach(value, i, item) {
            if (!is_class(item))
                return key;
        }
    }
    return NULL;
}

/* The file as {"HL": {…}}; NULL and *e if it says anything that it must not. */
static json_t *read_roles(const char *path, struct err *e) {
    json_error_t error;
    json_t *roles = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    const char *name;
    json_t *role;
    if (!json_is_object(roles)) {
        err_set(e, ERR_USAGE, "%s: %s", path, roles ? "not an object" : error.text);
        json_decref(roles);
        return NULL;
    }
    json_object_foreach(roles, name, role) {
        const char *wrong = role_problem(role);
        if (!wrong)
            continue;
        err_set(e, ERR_USAGE, "%s: %s: %s", path, name, wrong);
        json_decref(roles);
        return NULL;
    }
    return roles;
}

bool feed_access_load(struct feed_access *access, const struct core *c, struct err *e) {
    char path[sizeof c->schema_dir + 16];
    snprintf(path, sizeof path, "%s/access.json", c->schema_dir);
    json_t *roles = read_roles(path, e);
    bool ok = roles != NULL;
    if (!ok && !access->roles)
        return false;
    if (!ok)
        roles = json_incref(access->roles); /* but classes as the forms have them now */
    feed_access_fini(access);
    access->roles = roles;
    access->form_classes = calloc(form_count(c->catalog) + 1, sizeof *access->form_classes);
    if (!access->form_classes)
        abort();
    for (size_t i = 0; i < form_count(c->catalog); i++)
        access->form_classes[i] = form_classes(form_at(c->catalog, i));
    access->facts = hash_classes(c->catalog);
    return ok;
}

void feed_access_fini(struct feed_access *access) {
    json_decref(access->roles);
    free(access->form_classes);
    *access = (struct feed_access){0};
}

/* ---------------------------------------------------------------- entities */

static bool sees(const struct feed_reader *r, const struct fact *f) {
    return r->classes >> f->sensitivity & 1;
}

/* How a reader sees the facts of a kind of entity. */
enum facts_seen { FACTS_ALL, FACTS_SOME, FACTS_UNNAMED };

/* A finding's document is made by a view, not of facts: it is seen with its row. */
static enum facts_seen facts_seen(const struct feed_reader *r, const char *kind) {
    const struct form_catalog *c = r->feed->core->catalog;
    enum facts_seen seen = FACTS_UNNAMED;
    for (size_t i = 0; i < form_fact_count(c); i++) {
        const struct fact *f = form_fact_at(c, i);
        if (strcmp(f->entity, kind) != 0)
            continue;
        if (!sees(r, f))
            return FACTS_SOME;
        seen = FACTS_ALL;
    }
    return seen;
}

/* The members of `object` that are facts which the reader may see. */
static void write_facts(const struct feed_reader *r, const char *kind, const char *object,
                        struct buf *out) {
    if (facts_seen(r, kind) != FACTS_SOME) {
        buf_add_str(out, object);
        return;
    }
    const struct form_catalog *c = r->feed->core->catalog;
    char separator = '{';
    for (size_t i = 0; i < form_fact_count(c); i++) {
        const struct fact *f = form_fact_at(c, i);
        struct slice value;
        if (strcmp(f->entity, kind) != 0 || !sees(r, f) ||
            !slice_member((struct slice){object, strlen(object)}, f->name, &value))
            continue;
        buf_add_fmt(out, "%c\"%s\":", separator, f->name);
        buf_add(out, value.text, value.size);
        separator = ',';
    }
    buf_add_str(out, separator == '{' ? "{}" : "}");
}

/* ,"key":{…} unless that is empty */
static void write_fact_member(const struct feed_reader *r, const char *kind, const char *key,
                              const char *object, struct buf *out) {
    size_t before = out->size;
    buf_add_fmt(out, ",\"%s\":", key);
    size_t start = out->size;
    write_facts(r, kind, object, out);
    if (!out->failed && out->size == start + 2)
        out->size = before;
}

static void write_conflicts(const struct feed_reader *r, const char *kind, const char *array,
                            struct buf *out) {
    size_t pos = 0;
    struct slice item;
    struct slice name;
    char separator = 0;
    while (slice_next((struct slice){array, strlen(array)}, &pos, &item)) {
        char fact[128];
        if (!slice_member(item, "fact", &name) || name.size < 2 || name.size > sizeof fact)
            continue;
        snprintf(fact, sizeof fact, "%.*s", (int)name.size - 2, name.text + 1);
        const struct fact *f = form_fact_find(r->feed->core->catalog, kind, fact);
        if (!f || !sees(r, f))
            continue;
        buf_add_str(out, separator ? "," : ",\"conflicts\":[");
        buf_add(out, item.text, item.size);
        separator = ',';
    }
    if (separator)
        buf_add_char(out, ']');
}

static void write_head(const char *kind, const char *id, const char *place, int64_t rev,
                       struct buf *out) {
    buf_add_fmt(out, "{\"kind\":\"%s\",\"id\":", kind);
    buf_add_json_str(out, id, strlen(id));
    if (*place)
        buf_add_fmt(out, ",\"village\":\"%s\"", place);
    buf_add_fmt(out, ",\"rev\":%" PRId64 ",\"doc\":", rev);
}

static void write_entity(const struct feed_reader *r, sqlite3_stmt *q, struct buf *out) {
    const char *kind = q_col(q, 1);
    write_head(kind, q_col(q, 2), q_col(q, 3), sqlite3_column_int64(q, 0), out);
    write_facts(r, kind, q_col(q, 4), out);
    write_fact_member(r, kind, "seen", q_col(q, 5), out);
    if (strcmp(q_col(q, 6), "[]") != 0)
        write_conflicts(r, kind, q_col(q, 6), out);
    if (strcmp(kind, feed_kind_names[FEED_HOUSEHOLD]) == 0 && strcmp(q_col(q, 7), "{}") != 0)
        buf_add_fmt(out, ",\"checks\":%s", q_col(q, 7));
    buf_add_char(out, '}');
}

/* ---------------------------------------------------------------- records */

static void write_data(const struct feed_reader *r, const struct form *form, struct slice data,
                       struct buf *out) {
    buf_add_str(out, ",\"data\":");
    if (!(r->feed->access.form_classes[form->index] & ~r->classes)) {
        buf_add(out, data.text, data.size);
        return;
    }
    json_t *whole = json_loadb(data.text, data.size, JSON_DECODE_ANY, NULL);
    json_t *seen = form_redact(form, whole, r->classes);
    char *text = json_dumps(seen, JSON_COMPACT);
    buf_add_str(out, text ? text : "{}");
    free(text);
    json_decref(seen);
    json_decref(whole);
}

/* What the reporter of a lead was told, by which he asks for it. */
static void write_code(const struct feed_reader *r, const char *id, struct buf *out) {
    unsigned char bytes[16];
    char code[SECRET_CODE_SIZE];
    if (!uuid7_parse(id, strlen(id), bytes))
        return;
    secret_code(r->feed->core, bytes, code);
    buf_add_fmt(out, ",\"code\":\"%s\"", code);
}

static void write_record(const struct feed_reader *r, const char *kind, sqlite3_stmt *q,
                         struct buf *out) {
    static const char *const members[] = {"form", "fv", "subject", "hlc", "by", "amends", "gps"};
    const struct form *form = form_find(r->feed->core->catalog, q_col(q, 5), strlen(q_col(q, 5)),
                                        sqlite3_column_int64(q, 6));
    const char *body = q_col(q, 4);
    struct slice record = {body, strlen(body)};
    struct slice value;
    char separator = '{';
    write_head(kind, q_col(q, 2), q_col(q, 3), sqlite3_column_int64(q, 0), out);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        bool seen = strcmp(members[i], "gps") != 0 || r->classes >> CLASS_PLACE & 1;
        if (!seen || !slice_member(record, members[i], &value))
            continue;
        buf_add_fmt(out, "%c\"%s\":", separator, members[i]);
        buf_add(out, value.text, value.size);
        separator = ',';
    }
    if (form && separator == ',' && slice_member(record, "data", &value))
        write_data(r, form, value, out);
    if (form && form->kind == FORM_SECRET && separator == ',')
        write_code(r, q_col(q, 2), out);
    if (strcmp(kind, feed_kind_names[FEED_HELD]) == 0 && *q_col(q, 7))
        buf_add_fmt(out, ",\"errors\":%s", q_col(q, 7));
    buf_add_str(out, "}}");
}

/* ---------------------------------------------------------------- changes */

static void write_gone(const char *kind, const char *id, enum feed_verdict verdict,
                       struct buf *out) {
    buf_add_fmt(out, "{\"kind\":\"%s\",\"id\":", kind);
    buf_add_json_str(out, id, strlen(id));
    buf_add_fmt(out, ",\"gone\":\"%s\"}",
                verdict == FEED_GONE_SCOPE ? "scope"
                : verdict == FEED_GONE_AGE ? "age"
                                           : "void");
}

static void write_task(sqlite3_stmt *q, struct buf *out) {
    write_head("task", q_col(q, 2), q_col(q, 3), sqlite3_column_int64(q, 0), out);
    buf_add_str(out, q_col(q, 4));
    buf_add_char(out, '}');
}

void feed_change_write(struct feed_reader *r, const struct feed_change *change, struct buf *out) {
    static const enum feed_query queries[FEED_SOURCES] = {
        FEED_ENTITY_DOC, FEED_TASK_DOC, FEED_RECORD_DOC, FEED_RECORD_DOC, FEED_LEFT_DOC};
    enum feed_source source = (enum feed_source)(change->key & 7);
    sqlite3_stmt *q = feed_query(r->feed, queries[source]);
    q_int(q, 1, change->rowid);
    if (!q_row(r->feed->core->store, q))
        return;
    const char *kind = source == FEED_FROM_RECORD ? feed_kind_names[FEED_RECORD]
                       : source == FEED_FROM_HELD ? feed_kind_names[FEED_HELD]
                                                  : q_col(q, 1);
    if (change->verdict != FEED_SEND)
        write_gone(kind, q_col(q, 2), change->verdict, out);
    else if (source == FEED_FROM_ENTITY)
        write_entity(r, q, out);
    else if (source == FEED_FROM_TASK)
        write_task(q, out);
    else
        write_record(r, kind, q, out);
    q_end(q);
}
