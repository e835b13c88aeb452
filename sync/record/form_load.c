/* Reads the form files and compiles them into a catalogue, or says what is wrong where. */
#include "form_private.h"

#include "hash.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMS_MAX 4096
#define FACTS_MAX 4096

struct loader {
    struct form_catalog *c;
    struct form_own *f; /* being read */
    struct err *e;
    char where[256]; /* JSON Pointer of what is being looked at, truncated if longer */
};

static void *zeroed(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

static bool fail(struct loader *l, const char *what, const char *detail) {
    return err_set(l->e, ERR_USAGE, "%s: %s%s", *l->where ? l->where : "/", what, detail);
}

/* Extends the pointer; returns the old length for leave(). */
static size_t enter(struct loader *l, const char *member) {
    size_t used = strlen(l->where);
    snprintf(l->where + used, sizeof l->where - used, "/%s", member);
    return used;
}

static void leave(struct loader *l, size_t used) {
    l->where[used] = '\0';
}

static bool is_listed(const char *name, const char *const *list) {
    for (; *list; list++) {
        if (strcmp(*list, name) == 0)
            return true;
    }
    return false;
}

/* A text that stays with the form. */
static const char *keep(struct loader *l, const char *text) {
    json_t *copy = json_string(text);
    if (!copy || json_array_append_new(l->f->texts, copy) != 0)
        abort();
    return json_string_value(copy);
}

/* ---------------------------------------------------------------- values of x- members */

static const char *text_of(struct loader *l, const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    if (!text || !*text) {
        fail(l, "missing or not a text: ", member);
        return NULL;
    }
    return text;
}

/* A JSON Pointer into the record; "" is the whole. */
static const char *pointer_of(struct loader *l, const json_t *object) {
    const char *path = json_string_value(json_object_get(object, "path"));
    if (path && (!*path || *path == '/'))
        return path;
    fail(l, "path must be a JSON Pointer", "");
    return NULL;
}

static bool label_of(struct loader *l, const json_t *object, const char **zh, const char **en) {
    const json_t *label = json_object_get(object, "x-label");
    size_t used = enter(l, "x-label");
    *zh = text_of(l, label, "zh");
    *en = *zh ? text_of(l, label, "en") : NULL;
    leave(l, used);
    return *en != NULL;
}

/* x-class, or the default where there is none. */
static bool class_of(struct loader *l, const json_t *object, unsigned without, unsigned *ret) {
    const json_t *member = json_object_get(object, "x-class");
    const char *name = json_string_value(member);
    *ret = without;
    if (!member)
        return true;
    if (!name || name[0] != 'L' || name[1] < '0' || name[1] > '4' || name[2])
        return fail(l, "x-class must be L0 to L4", "");
    *ret = (unsigned)(name[1] - '0');
    return true;
}

static bool roles_of(struct loader *l, const json_t *list, uint32_t *ret) {
    *ret = 0;
    if (!json_is_array(list))
        return fail(l, "roles must be an array", "");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        uint32_t bit = !name                      ? 0
                       : strcmp(name, "any") == 0 ? FORM_ROLES_ANY
                                                  : form_role_bit(l->c, name);
        if (!bit)
            return fail(l, "unknown role ", name ? name : "");
        *ret |= bit;
    }
    return true;
}

/* ---------------------------------------------------------------- every subschema */

static const char *const root_members[] = {"x-form",       "x-version",      "x-label",
                                           "x-kind",       "x-roles",        "x-subject",
                                           "x-class",      "x-gates",        "x-checks",
                                           "x-entity",     "x-writes",       "x-hidden",
                                           "x-error",      "x-entity-class", "x-by-register",
                                           "x-unit-roles", "x-area-roles",   "x-opens",
                                           "x-exclusive",  "x-place",        NULL};
static const char *const property_members[] = {
    "x-label",  "x-class",   "x-fact",        "x-fact-roles", "x-required", "x-error", "x-code",
    "x-entity", "x-prefill", "x-cross-check", "x-own",        "x-withheld", NULL};
static const char *const maps_of_schemas[] = {"properties", "patternProperties", "$defs",
                                              "dependentSchemas", NULL};
static const char *const lists_of_schemas[] = {"allOf", "anyOf", "oneOf", "prefixItems", NULL};
static const char *const schemas[] = {
    "items", "contains", "additionalProperties",  "propertyNames",    "if", "then",
    "else",  "not",      "unevaluatedProperties", "unevaluatedItems", NULL};

static bool allows_null(const json_t *schema) {
    const json_t *type = json_object_get(schema, "type");
    for (size_t i = 0; i < json_array_size(type); i++) {
        if (strcmp(json_string_value(json_array_get(type, i)), "null") == 0)
            return true;
    }
    return false;
}

/* Every code of an enum that the form gives itself must be in the list. */
static bool check_enum(struct loader *l, const json_t *given, const json_t *list) {
    for (size_t i = 0; i < json_array_size(given); i++) {
        const json_t *value = json_array_get(given, i);
        if (!json_is_null(value) && !json_object_get(list, json_string_value(value)))
            return fail(l, "enum has a code that the list has not: ", json_string_value(value));
    }
    return true;
}

/* "x-code": "grade" stands for the enum of that list's codes. */
static bool fill_codes(struct loader *l, json_t *schema) {
    const json_t *name = json_object_get(schema, "x-code");
    const json_t *list = json_object_get(l->c->codes, json_string_value(name));
    if (!name)
        return true;
    if (!list)
        return fail(l, "unknown code list ", json_is_string(name) ? json_string_value(name) : "");
    if (json_object_get(schema, "allOf"))
        return fail(l, "x-code and allOf do not go together", "");
    if (json_object_get(schema, "enum"))
        return check_enum(l, json_object_get(schema, "enum"), list);
    json_t *codes = json_array();
    const char *code;
    json_t *label;
    json_object_foreach((json_t *)(uintptr_t)list, code, label) {
        json_array_append_new(codes, json_string(code));
    }
    if (allows_null(schema))
        json_array_append_new(codes, json_null());
    if (json_object_set_new(schema, "enum", codes) != 0)
        abort();
    return true;
}

static bool walk(struct loader *l, json_t *schema, const char *const *allowed);

static bool walk_all(struct loader *l, json_t *container) {
    const char *key;
    json_t *schema;
    bool ok = true;
    json_object_foreach(container, key, schema) {
        size_t used = enter(l, key);
        ok = ok && walk(l, schema, property_members);
        leave(l, used);
    }
    for (size_t i = 0; i < json_array_size(container) && ok; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        size_t used = enter(l, index);
        ok = walk(l, json_array_get(container, i), property_members);
        leave(l, used);
    }
    return ok;
}

static bool walk_member(struct loader *l, const char *key, json_t *value,
                        const char *const *allowed) {
    if (strncmp(key, "x-", 2) == 0 && !is_listed(key, allowed))
        return fail(l, "unknown member ", key);
    size_t used = enter(l, key);
    bool ok = true;
    if (is_listed(key, maps_of_schemas) || is_listed(key, lists_of_schemas))
        ok = walk_all(l, value);
    else if (is_listed(key, schemas))
        ok = walk(l, value, property_members);
    leave(l, used);
    return ok;
}

/* A fact is handed out with its entity, so it cannot be withheld. */
static bool read_withheld(struct loader *l, const json_t *schema) {
    const json_t *withheld = json_object_get(schema, "x-withheld");
    if (!withheld)
        return true;
    if (!json_is_true(withheld))
        return fail(l, "x-withheld must be true", "");
    if (json_object_get(schema, "x-fact"))
        return fail(l, "x-withheld and x-fact do not go together", "");
    l->f->form.withholds = true;
    return true;
}

/* Refuses unknown x- members and fills the code lists in. */
static bool walk(struct loader *l, json_t *schema, const char *const *allowed) {
    const char *key;
    json_t *value;
    if (!fill_codes(l, schema) || !read_withheld(l, schema))
        return false;
    json_object_foreach(schema, key, value) {
        if (!walk_member(l, key, value, allowed))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- facts */

static struct fact *find_fact(const struct form_catalog *c, const char *entity, const char *name) {
    for (size_t i = 0; i < c->fact_count; i++) {
        if (strcmp(c->facts[i]->entity, entity) == 0 && strcmp(c->facts[i]->name, name) == 0)
            return c->facts[i];
    }
    return NULL;
}

/* The fact of a kind of entity, made at its first mention. */
static struct fact *declare_fact(struct loader *l, const char *entity, const char *name,
                                 const json_t *schema) {
    unsigned sensitivity;
    if (!entity) {
        fail(l, "the form's subjects are of several kinds of entity or none: no facts", "");
        return NULL;
    }
    if (!class_of(l, schema, l->f->form.sensitivity, &sensitivity))
        return NULL;
    struct fact *fact = find_fact(l->c, entity, name);
    bool required = json_is_true(json_object_get(schema, "x-required"));
    if (fact) {
        fact->required = fact->required || required;
        if (allows_null(schema) && !allows_null(fact->schema))
            fact->schema = schema; /* what feeds a fact need not be able to clear it */
        if (fact->sensitivity == sensitivity)
            return fact;
        fail(l, "another form gives this fact another x-class: ", name);
        return NULL;
    }
    if (l->c->fact_count == FACTS_MAX) {
        fail(l, "too many facts", "");
        return NULL;
    }
    fact = zeroed(1, sizeof *fact);
    *fact = (struct fact){.entity = entity,
                          .name = name,
                          .sensitivity = sensitivity,
                          .required = required,
                          .schema = schema};
    l->c->facts[l->c->fact_count++] = fact;
    if (!label_of(l, schema, &fact->label_zh, &fact->label_en))
        return NULL;
    return fact;
}

static bool add_write(struct loader *l, const struct form_write *w) {
    struct form *f = &l->f->form;
    if (f->write_count == FORM_WRITES_MAX)
        return fail(l, "the form writes too many facts", "");
    for (size_t i = 0; i < f->write_count; i++) {
        if (f->writes[i].fact == w->fact && !(f->writes[i].constant && w->constant))
            return fail(l, "the fact is written twice: ", w->fact->name);
    }
    l->f->writes[f->write_count++] = *w;
    return true;
}

static bool read_fact(struct loader *l, const char *outer, const char *key, const json_t *schema) {
    const json_t *name = json_object_get(schema, "x-fact");
    const json_t *gate = json_object_get(schema, "x-fact-roles");
    char path[256];
    snprintf(path, sizeof path, "/data%s%s/%s", outer ? "/" : "", outer ? outer : "", key);
    if (!name)
        return gate || json_object_get(schema, "x-required") ? fail(l, "x-fact is missing", "")
                                                             : true;
    if (!json_is_string(name))
        return fail(l, "x-fact must be a text", "");
    struct form_write w = {.outer = outer, .key = key, .roles = FORM_ROLES_ANY};
    if (gate && !roles_of(l, gate, &w.roles))
        return false;
    w.fact = declare_fact(l, l->f->form.entity, json_string_value(name), schema);
    w.path = keep(l, path);
    return w.fact && add_write(l, &w);
}

/* ---------------------------------------------------------------- facts of list items */

/* Every brace of "{person}" is closed and names the subject or one of the members. */
static bool check_template(struct loader *l, const char *template, const json_t *members) {
    for (const char *at = strchr(template, '{'); at; at = strchr(at + 1, '{')) {
        size_t size = strcspn(at + 1, "{}");
        char name[64];
        if (at[1 + size] != '}' || size == 0 || size >= sizeof name)
            return fail(l, "x-entity has a bad template ", template);
        memcpy(name, at + 1, size);
        name[size] = '\0';
        if (strcmp(name, "subject") != 0 && !json_object_get(members, name))
            return fail(l, "x-entity names no such member: ", name);
    }
    return true;
}

/* Kinds decide which part of a record a fact comes from. */
static bool is_written(const struct form *f, const char *entity) {
    bool found = f->entity && strcmp(f->entity, entity) == 0;
    for (size_t i = 0; i < f->list_count; i++)
        found = found || strcmp(f->lists[i].entity, entity) == 0;
    return found;
}

static bool read_item_fact(struct loader *l, struct form_list *list, const char *key,
                           const json_t *schema) {
    const json_t *name = json_object_get(schema, "x-fact");
    char path[256];
    if (!name)
        return true;
    if (!json_is_string(name) || json_object_get(schema, "x-fact-roles") ||
        json_object_get(schema, "x-required"))
        return fail(l, "in a list x-fact is a text, without x-fact-roles and x-required", "");
    if (list->write_count == FORM_WRITES_MAX)
        return fail(l, "the list writes too many facts", "");
    snprintf(path, sizeof path, "/data/%s", list->member);
    struct form_write *w = &list->writes[list->write_count++];
    *w = (struct form_write){.key = key, .roles = FORM_ROLES_ANY, .path = keep(l, path)};
    w->fact = declare_fact(l, list->entity, json_string_value(name), schema);
    for (size_t i = 0; w->fact && i + 1 < list->write_count; i++) {
        if (list->writes[i].fact == w->fact)
            return fail(l, "the fact is written twice: ", w->fact->name);
    }
    return w->fact != NULL;
}

static bool begin_list(struct loader *l, const char *member, const json_t *array,
                       const json_t *entity, struct form_list *list) {
    const json_t *items = json_object_get(array, "items");
    json_int_t most = json_integer_value(json_object_get(array, "maxItems"));
    list->member = member;
    list->entity = text_of(l, entity, "kind");
    list->entity_template = list->entity ? text_of(l, entity, "id") : NULL;
    if (!list->entity_template)
        return false;
    if (strcmp(list->entity, "household") != 0 && strcmp(list->entity, "person") != 0)
        return fail(l, "items write facts of a household or person", "");
    if (is_written(&l->f->form, list->entity))
        return fail(l, "another part of the form writes facts of this kind: ", list->entity);
    if (most < 1 || most > FORM_LIST_ITEMS_MAX)
        return fail(l, "an array whose items write facts needs a maxItems within bounds", "");
    return check_template(l, list->entity_template, json_object_get(items, "properties"));
}

/* {"items": {"x-entity": …}} of an array of data. */
static bool read_list_entity(struct loader *l, const char *member, const json_t *array, int depth) {
    const json_t *items = json_object_get(array, "items");
    const json_t *entity = json_object_get(items, "x-entity");
    if (json_object_get(array, "x-entity"))
        return fail(l, "x-entity stands in the root or in the items of an array", "");
    if (!entity)
        return true;
    if (depth > 0 || l->f->form.list_count == FORM_LISTS_MAX)
        return fail(l, "too many or too deep lists that write facts", "");
    struct form_list *list = &l->f->lists[l->f->form.list_count];
    bool ok = begin_list(l, member, array, entity, list);
    const char *key;
    json_t *property;
    json_object_foreach(json_object_get(items, "properties"), key, property) {
        ok = ok && read_item_fact(l, list, key, property);
    }
    l->f->form.list_count += ok;
    return ok;
}

/* Every property has a label and a class that exists; facts lie at most one object deep, or in the
 * items of an array of data that say of which entity (depth 3). */
static bool read_properties(struct loader *l, const json_t *schema, const char *outer, int depth) {
    const char *key;
    json_t *property;
    const json_t *properties = json_object_get(schema, "properties");
    json_object_foreach((json_t *)(uintptr_t)properties, key, property) {
        const char *zh, *en;
        unsigned sensitivity;
        size_t used = enter(l, "properties");
        enter(l, key);
        bool ok = label_of(l, property, &zh, &en) && class_of(l, property, 0, &sensitivity);
        if (ok && depth < 2)
            ok = read_fact(l, outer, key, property);
        else if (ok && depth == 2 && json_object_get(property, "x-fact"))
            ok = fail(l, "x-fact lies too deep", "");
        bool listed = json_object_get(json_object_get(property, "items"), "x-entity") != NULL;
        ok = ok && read_list_entity(l, key, property, depth) &&
             read_properties(l, property, key, depth < 2 ? depth + 1 : 2) &&
             read_properties(l, json_object_get(property, "items"), key, listed ? 3 : 2);
        leave(l, used);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_constant(struct loader *l, const json_t *write) {
    const char *name = text_of(l, write, "fact");
    struct form_write w = {.constant = json_object_get(write, "value"),
                           .when = json_object_get(write, "when"),
                           .path = "/data",
                           .roles = FORM_ROLES_ANY};
    if (!name)
        return false;
    w.fact = l->f->form.entity ? find_fact(l->c, l->f->form.entity, name) : NULL;
    if (!w.fact)
        w.fact = declare_fact(l, l->f->form.entity, name, write);
    if (!w.constant)
        return fail(l, "value is missing", "");
    const char *key;
    json_t *values;
    json_object_foreach((json_t *)(uintptr_t)w.when, key, values) {
        if (!json_is_array(values))
            return fail(l, "when must hold arrays of values", "");
    }
    return w.fact && add_write(l, &w);
}

/* ---------------------------------------------------------------- the root */

static bool read_kind(struct loader *l) {
    static const char *const names[] = {"event", "merge", "secret", "register"};
    const char *name = text_of(l, l->f->root, "x-kind");
    for (unsigned i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            l->f->form.kind = (enum form_kind)i;
            return true;
        }
    }
    return fail(l, "x-kind must be event, merge, secret or register", "");
}

/* Which entity a record about such a subject writes facts of. */
static const char *entity_of(unsigned kind) {
    switch (kind) {
    case SUBJECT_COUNTY:
    case SUBJECT_TOWNSHIP:
    case SUBJECT_VILLAGE:
        return "division";
    case SUBJECT_HOUSEHOLD:
        return "household";
    case SUBJECT_PERSON:
        return "person";
    case SUBJECT_PROJECT:
        return "project";
    case SUBJECT_FINDING:
        return "finding";
    case SUBJECT_UNIT:
        return "unit";
    case SUBJECT_CADRE:
        return "cadre";
    default:
        return NULL;
    }
}

static bool read_subjects(struct loader *l) {
    const json_t *list = json_object_get(l->f->root, "x-subject");
    struct form *f = &l->f->form;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        unsigned kind = name ? subject_kind_by_name(name) : 0;
        if (!kind)
            return fail(l, "x-subject has an unknown kind ", name ? name : "");
        const char *entity = entity_of(kind);
        f->entity = f->subjects == 0                                        ? entity
                    : f->entity && entity && strcmp(f->entity, entity) == 0 ? entity
                                                                            : NULL;
        f->subjects |= kind;
    }
    return f->subjects != 0 || fail(l, "x-subject is missing", "");
}

/* "A-{kind}-{subject}": every brace is closed and names a member. */
static bool read_entity(struct loader *l) {
    const json_t *entity = json_object_get(l->f->root, "x-entity");
    struct form *f = &l->f->form;
    if (!entity)
        return true;
    f->entity = text_of(l, entity, "kind");
    f->entity_template = f->entity ? text_of(l, entity, "id") : NULL;
    if (!f->entity_template)
        return false;
    return check_template(l, f->entity_template, json_object_get(l->f->root, "properties"));
}

/* The SQL parameter of a member given as "a.b"; made at its first mention. */
static int member_parameter(struct loader *l, const char *path, size_t size) {
    json_t *keys = json_array();
    for (size_t at = 0; at <= size;) {
        size_t length = strcspn(path + at, ".'");
        json_array_append_new(keys, json_stringn(path + at, length));
        at += length + 1;
    }
    size_t count = json_array_size(l->f->members);
    for (size_t i = 0; i < count; i++) {
        if (json_equal(json_array_get(l->f->members, i), keys)) {
            json_decref(keys);
            return FORM_MEMBER_PARAMETER + (int)i;
        }
    }
    if (count == FORM_MEMBERS_MAX)
        fail(l, "the expressions read too many members", "");
    json_array_append_new(l->f->members, keys);
    return FORM_MEMBER_PARAMETER + (int)count;
}

/* The expression with `data ->> '$.a.b'` as parameters: they are bound from the parsed data, so
 * that most checks need not have SQLite parse it a second time. */
static const char *expression_of(struct loader *l, const json_t *object, const char *member) {
    static const char start[] = "data ->> '$.";
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
    const char *sql = text_of(l, object, member);
    if (!sql)
        return NULL;
    struct buf out;
    buf_init(&out, 64 * 1024);
    while (*sql) {
        const char *found = strstr(sql, start);
        const char *path = found ? found + sizeof start - 1 : NULL;
        size_t size = path ? strspn(path, letters) : 0;
        if (size && path[size] == '\'') {
            buf_add(&out, sql, (size_t)(found - sql));
            buf_add_fmt(&out, "?%d", member_parameter(l, path, size));
            sql = path + size + 1;
        } else {
            size_t rest = path ? (size_t)(path - sql) : strlen(sql);
            buf_add(&out, sql, rest);
            sql += rest;
        }
    }
    const char *text = out.failed ? NULL : keep(l, out.data);
    if (!text)
        fail(l, "expression is too long: ", member);
    buf_fini(&out);
    return text;
}

static bool read_gate(struct loader *l, const json_t *item, size_t i) {
    struct form_gate *g = &l->f->gates[i];
    bool ok = (g->name = text_of(l, item, "name")) && (g->path = pointer_of(l, item)) &&
              (g->zh = text_of(l, item, "zh")) && (g->en = text_of(l, item, "en")) &&
              (l->f->gate_sql[i] = expression_of(l, item, "when")) &&
              roles_of(l, json_object_get(item, "roles"), &g->roles);
    l->f->form.gate_count = i + (ok ? 1 : 0);
    return ok;
}

static bool read_level(struct loader *l, const json_t *item, enum form_level *ret) {
    static const char *const names[] = {"error", "held", "warning"};
    const json_t *level = json_object_get(item, "level");
    *ret = FORM_ERROR;
    if (!level)
        return true;
    for (unsigned i = 0; json_is_string(level) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(json_string_value(level), names[i]) == 0) {
            *ret = (enum form_level)i;
            return true;
        }
    }
    return fail(l, "level must be error, held or warning", "");
}

static bool read_check(struct loader *l, const json_t *item, size_t i) {
    struct form_check *k = &l->f->checks[i];
    bool ok = (k->name = text_of(l, item, "name")) && (k->path = pointer_of(l, item)) &&
              (k->zh = text_of(l, item, "zh")) && (k->en = text_of(l, item, "en")) &&
              (l->f->check_sql[i] = expression_of(l, item, "sql")) &&
              read_level(l, item, &k->level);
    l->f->form.check_count = i + (ok ? 1 : 0);
    return ok;
}

static bool read_list(struct loader *l, const char *member, size_t max,
                      bool (*read)(struct loader *, const json_t *, size_t)) {
    const json_t *list = json_object_get(l->f->root, member);
    size_t used = enter(l, member);
    bool ok = !list || json_is_array(list) ? true : fail(l, "must be an array", "");
    if (json_array_size(list) > max)
        ok = fail(l, "too many", "");
    for (size_t i = 0; i < json_array_size(list) && ok; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        size_t inner = enter(l, index);
        ok = read(l, json_array_get(list, i), i);
        leave(l, inner);
    }
    leave(l, used);
    return ok;
}

static bool read_write(struct loader *l, const json_t *item, size_t i) {
    (void)i;
    return read_constant(l, item);
}

/* The class of the entity's row; most are open to all in scope. */
static bool read_entity_class(struct loader *l) {
    const json_t *member = json_object_get(l->f->root, "x-entity-class");
    const char *name = json_string_value(member);
    l->f->form.entity_class = 1;
    if (!member)
        return true;
    if (!name || name[0] != 'L' || name[1] < '0' || name[1] > '4' || name[2])
        return fail(l, "x-entity-class must be L0 to L4", "");
    l->f->form.entity_class = (unsigned)(name[1] - '0');
    return true;
}

static bool read_head(struct loader *l) {
    struct form *f = &l->f->form;
    const json_t *root = l->f->root;
    const json_t *version = json_object_get(root, "x-version");
    f->id = text_of(l, root, "x-form");
    f->fv = json_integer_value(version);
    if (!f->id)
        return false;
    if (!json_is_integer(version) || f->fv < 1)
        return fail(l, "x-version must be 1 or more", "");
    if (!json_object_get(root, "x-class"))
        return fail(l, "x-class is missing", "");
    return label_of(l, root, &f->label_zh, &f->label_en) && read_kind(l) &&
           roles_of(l, json_object_get(root, "x-roles"), &f->roles) && read_subjects(l) &&
           class_of(l, root, 0, &f->sensitivity) && read_entity(l) && read_entity_class(l);
}

/* How the record's authority is judged, and what else it brings about. */
static bool read_acts(struct loader *l) {
    struct form *f = &l->f->form;
    const json_t *root = l->f->root;
    const json_t *area_roles = json_object_get(root, "x-area-roles");
    const json_t *opens = json_object_get(root, "x-opens");
    f->by_register = json_is_true(json_object_get(root, "x-by-register"));
    f->exclusive = json_object_get(root, "x-exclusive");
    f->opens = json_is_string(opens) ? subject_kind_by_name(json_string_value(opens)) : 0;
    if (opens && !f->opens)
        return fail(l, "x-opens must be a kind of subject", "");
    const json_t *place = json_object_get(root, "x-place");
    f->place = json_string_value(place);
    if (place && (!f->place || !json_object_get(json_object_get(root, "properties"), f->place)))
        return fail(l, "x-place names no property", "");
    const char *key;
    json_t *values;
    json_object_foreach((json_t *)(uintptr_t)f->exclusive, key, values) {
        if (!json_is_array(values))
            return fail(l, "x-exclusive must hold arrays of values", "");
    }
    const json_t *units = json_object_get(root, "x-unit-roles");
    return (!area_roles || roles_of(l, area_roles, &f->area_roles)) &&
           (!units || roles_of(l, units, &f->unit_roles));
}

static bool read_hidden(struct loader *l) {
    if (!json_object_get(l->f->root, "x-hidden"))
        return true;
    l->f->hidden_sql = expression_of(l, l->f->root, "x-hidden");
    return l->f->hidden_sql != NULL;
}

/* ---------------------------------------------------------------- compiling */

/* A `required` of an `if` or `then` finds the labels of the members that it names. */
static void lend_labels(json_t *schema, const json_t *properties) {
    static const char *const same_place[] = {"if", "then", "else", "not", NULL};
    static const char *const same_places[] = {"allOf", "anyOf", "oneOf", NULL};
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        json_t *label = json_object_get(json_object_get(properties, name), "x-label");
        json_t *own = json_object_get(schema, "properties");
        if (!label || json_object_get(own, name))
            continue;
        if (!own)
            json_object_set_new(schema, "properties", own = json_object());
        json_object_set_new(own, name, json_pack("{s:O}", "x-label", label));
    }
    for (const char *const *key = same_place; *key; key++) {
        if (json_object_get(schema, *key))
            lend_labels(json_object_get(schema, *key), properties);
    }
    for (const char *const *key = same_places; *key; key++) {
        const json_t *list = json_object_get(schema, *key);
        for (size_t i = 0; i < json_array_size(list); i++)
            lend_labels(json_array_get(list, i), properties);
    }
}

/* "应为甲、乙或丙" with the labels of the codes that the enum allows. */
static json_t *enum_sentences(const struct loader *l, const json_t *schema) {
    const json_t *list =
        json_object_get(l->c->codes, json_string_value(json_object_get(schema, "x-code")));
    const json_t *label = json_object_get(schema, "x-label");
    const json_t *codes = json_object_get(schema, "enum");
    const char *name = json_string_value(json_object_get(label, "zh"));
    struct buf zh, en;
    buf_init(&zh, 64 * 1024);
    buf_init(&en, 64 * 1024);
    buf_add_fmt(&zh, "%s应为", name ? name : "");
    name = json_string_value(json_object_get(label, "en"));
    buf_add_fmt(&en, "%s must be", name ? name : "this");
    size_t count = json_array_size(codes);
    while (count && json_is_null(json_array_get(codes, count - 1)))
        count--;
    for (size_t i = 0; i < count; i++) {
        const json_t *code = json_object_get(list, json_string_value(json_array_get(codes, i)));
        bool last = i + 1 == count && i > 0;
        buf_add_fmt(&zh, "%s%s",
                    last ? "或"
                    : i  ? "、"
                         : "",
                    json_string_value(json_object_get(code, "zh")));
        buf_add_fmt(&en, "%s%s (%s)",
                    last ? " or "
                    : i  ? ", "
                         : " ",
                    json_string_value(json_array_get(codes, i)),
                    json_string_value(json_object_get(code, "en")));
    }
    json_t *error = json_pack("{s:s, s:s, s:s}", "zh", zh.data, "en", en.data, "code", "enum");
    buf_fini(&zh);
    buf_fini(&en);
    return error;
}

/* A code that is not on its list is told by the labels, not by the identifiers of the enum. */
static void name_codes(const struct loader *l, json_t *schema) {
    const char *key;
    json_t *member;
    if (json_object_get(schema, "x-code") && !json_object_get(schema, "x-error")) {
        json_t *rule = json_pack("{s:O, s:o}", "enum", json_object_get(schema, "enum"), "x-error",
                                 enum_sentences(l, schema));
        if (!rule || json_object_get(schema, "allOf"))
            abort();
        json_object_del(schema, "enum");
        json_object_set_new(schema, "allOf", json_pack("[o]", rule));
        return;
    }
    json_object_foreach(schema, key, member) {
        name_codes(l, member);
    }
    for (size_t i = 0; i < json_array_size(schema); i++)
        name_codes(l, json_array_get(schema, i));
}

static bool compile(struct loader *l) {
    struct form_own *f = l->f;
    f->text = json_dumps(f->root, JSON_COMPACT);
    json_t *copy = json_deep_copy(f->root);
    if (!f->text || !copy)
        abort();
    f->text_size = strlen(f->text);
    lend_labels(copy, json_object_get(f->root, "properties"));
    name_codes(l, json_object_get(copy, "properties"));
    f->schema = schema_compile(copy, SCHEMA_ASSERT_FORMAT, l->e);
    json_decref(copy);
    return f->schema && form_run_try(f, l->e);
}

/* What a secret record says is in no entity. */
static bool check_secret(struct loader *l) {
    const struct form *f = &l->f->form;
    return f->kind != FORM_SECRET || (!f->write_count && !f->list_count) ||
           fail(l, "a secret form writes no facts", "");
}

static bool read_form(struct loader *l) {
    return walk(l, l->f->root, root_members) && read_head(l) && read_acts(l) && read_hidden(l) &&
           read_properties(l, l->f->root, NULL, 0) &&
           read_list(l, "x-writes", FORM_WRITES_MAX, read_write) && check_secret(l) &&
           read_list(l, "x-gates", FORM_GATES_MAX, read_gate) &&
           read_list(l, "x-checks", FORM_CHECKS_MAX, read_check) && compile(l);
}

/* ---------------------------------------------------------------- files */

static json_t *read_json(const char *path, struct err *e) {
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root && !json_is_object(root)) {
        json_decref(root);
        err_set(e, ERR_USAGE, "must be an object");
        return NULL;
    }
    if (!root)
        err_set(e, ERR_USAGE, "line %d: %s", error.line, error.text);
    return root;
}

static void form_own_destroy(struct form_own *f) {
    if (!f)
        return;
    schema_destroy(f->schema);
    free(f->text);
    free(f->writes);
    free(f->lists);
    free(f->gates);
    free(f->checks);
    free(f->gate_sql);
    free(f->check_sql);
    json_decref(f->members);
    json_decref(f->texts);
    json_decref(f->root);
    free(f);
}

static struct form_own *form_own_create(json_t *root) {
    struct form_own *f = zeroed(1, sizeof *f);
    f->root = root;
    f->texts = json_array();
    f->members = json_array();
    f->writes = zeroed(FORM_WRITES_MAX, sizeof *f->writes);
    f->lists = zeroed(FORM_LISTS_MAX, sizeof *f->lists);
    f->gates = zeroed(FORM_GATES_MAX, sizeof *f->gates);
    f->checks = zeroed(FORM_CHECKS_MAX, sizeof *f->checks);
    f->gate_sql = zeroed(FORM_GATES_MAX, sizeof *f->gate_sql);
    f->check_sql = zeroed(FORM_CHECKS_MAX, sizeof *f->check_sql);
    f->form.writes = f->writes;
    f->form.lists = f->lists;
    f->form.gates = f->gates;
    f->form.checks = f->checks;
    f->form.own = f;
    return f;
}

static bool name_fits(struct loader *l, const char *file) {
    char wanted[256];
    snprintf(wanted, sizeof wanted, "%s.%lld.json", l->f->form.id, (long long)l->f->form.fv);
    return strcmp(wanted, file) == 0 || fail(l, "the file should be called ", wanted);
}

static bool load_file(struct form_catalog *c, const char *dir, const char *file, struct err *e) {
    char path[4096];
    snprintf(path, sizeof path, "%s/forms/%s", dir, file);
    json_t *root = read_json(path, e);
    bool ok = root != NULL;
    if (ok) {
        struct loader l = {.c = c, .f = form_own_create(root), .e = e};
        c->forms[c->form_count++] = l.f;
        ok = read_form(&l) && name_fits(&l, file);
    }
    if (!ok)
        err_prefix(e, "forms/%s", file);
    return ok;
}

static int is_form_file(const struct dirent *d) {
    size_t size = strlen(d->d_name);
    return d->d_name[0] != '.' && size > 5 && strcmp(d->d_name + size - 5, ".json") == 0;
}

static bool load_forms(struct form_catalog *c, const char *dir, struct err *e) {
    char path[4096];
    struct dirent **names;
    snprintf(path, sizeof path, "%s/forms", dir);
    int count = scandir(path, &names, is_form_file, alphasort);
    if (count < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = count <= FORMS_MAX || err_set(e, ERR_LIMIT, "%s: too many files", path);
    c->forms = zeroed((size_t)count, sizeof(struct form_own *));
    for (int i = 0; i < count; i++) {
        ok = ok && load_file(c, dir, names[i]->d_name, e);
        free(names[i]);
    }
    free(names);
    return ok;
}

static bool load_codes(struct form_catalog *c, const char *dir, struct err *e) {
    char path[4096];
    snprintf(path, sizeof path, "%s/codes.json", dir);
    c->codes = read_json(path, e);
    const char *list, *code;
    json_t *codes, *label;
    json_object_foreach(c->codes, list, codes) {
        json_object_foreach(codes, code, label) {
            if (!json_is_string(json_object_get(label, "zh")) ||
                !json_is_string(json_object_get(label, "en")))
                err_set(e, ERR_USAGE, "/%s/%s: needs zh and en", list, code);
        }
    }
    json_object_foreach(json_object_get(c->codes, "role"), code, label) {
        if (c->role_count == FORM_ROLES_MAX)
            err_set(e, ERR_LIMIT, "/role: at most %d roles", FORM_ROLES_MAX);
        else
            c->role_names[c->role_count++] = code;
    }
    err_prefix(e, "codes.json");
    return !err_is_set(e);
}

/* ---------------------------------------------------------------- the catalogue */

static int by_name(const void *a, const void *b) {
    const struct form *x = &(*(struct form_own *const *)a)->form;
    const struct form *y = &(*(struct form_own *const *)b)->form;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->fv > y->fv) - (x->fv < y->fv);
}

static int by_entity(const void *a, const void *b) {
    const struct fact *x = *(struct fact *const *)a, *y = *(struct fact *const *)b;
    int order = strcmp(x->entity, y->entity);
    return order ? order : strcmp(x->name, y->name);
}

static void make_index(struct form_catalog *c) {
    if (c->form_count)
        qsort(c->forms, c->form_count, sizeof *c->forms, by_name);
    if (c->fact_count)
        qsort(c->facts, c->fact_count, sizeof *c->facts, by_entity);
    for (size_t i = 0; i < c->fact_count; i++)
        c->facts[i]->index = (unsigned)i;
    size_t size = 16;
    while (size < 4 * c->form_count)
        size *= 2;
    c->slots = zeroed(size, sizeof *c->slots);
    c->slot_mask = (uint32_t)(size - 1);
    for (size_t i = 0; i < c->form_count; i++) {
        struct form *f = &c->forms[i]->form;
        f->index = (unsigned)i;
        uint32_t slot = form_hash(f->id, strlen(f->id), f->fv) & c->slot_mask;
        while (c->slots[slot])
            slot = (slot + 1) & c->slot_mask;
        c->slots[slot] = (uint32_t)i + 1;
    }
}

static void make_hash(struct form_catalog *c) {
    unsigned char digest[SHA256_SIZE];
    struct sha256_ctx *ctx = sha256_ctx_create();
    char *codes = json_dumps(c->codes, JSON_COMPACT);
    if (!codes)
        abort();
    sha256_ctx_add(ctx, codes, strlen(codes));
    for (size_t i = 0; i < c->form_count; i++)
        sha256_ctx_add(ctx, c->forms[i]->text, c->forms[i]->text_size);
    sha256_ctx_final(ctx, digest);
    hex_encode(digest, sizeof digest, c->hash);
    free(codes);
}

struct form_catalog *form_catalog_load(const char *dir, struct err *e) {
    struct form_catalog *c = zeroed(1, sizeof *c);
    c->facts = zeroed(FACTS_MAX, sizeof(struct fact *));
    bool ok = load_codes(c, dir, e) && load_forms(c, dir, e);
    if (ok) {
        make_index(c);
        make_hash(c);
        struct form_run *r = form_sources_fit(c, e) ? form_run_create(c, e) : NULL;
        ok = r != NULL;
        form_run_destroy(r);
    }
    if (ok)
        return c;
    form_catalog_destroy(c);
    return NULL;
}

void form_catalog_destroy(struct form_catalog *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->form_count; i++)
        form_own_destroy(c->forms[i]);
    for (size_t i = 0; i < c->fact_count; i++)
        free(c->facts[i]);
    free(c->forms);
    free(c->facts);
    free(c->slots);
    json_decref(c->codes);
    free(c);
}
