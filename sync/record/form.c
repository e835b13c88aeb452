#include "form_private.h"

#include <stdlib.h>
#include <string.h>

size_t form_count(const struct form_catalog *c) {
    return c->form_count;
}

const struct form *form_at(const struct form_catalog *c, size_t index) {
    return &c->forms[index]->form;
}

uint32_t form_hash(const char *id, size_t size, int64_t fv) {
    uint32_t hash = 2166136261u ^ (uint32_t)fv;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)id[i]) * 16777619u;
    return hash;
}

const struct form *form_find(const struct form_catalog *c, const char *id, size_t id_size,
                             int64_t fv) {
    uint32_t slot = form_hash(id, id_size, fv) & c->slot_mask;
    for (; c->slots[slot]; slot = (slot + 1) & c->slot_mask) {
        const struct form *f = &c->forms[c->slots[slot] - 1]->form;
        if (f->fv == fv && strlen(f->id) == id_size && memcmp(f->id, id, id_size) == 0)
            return f;
    }
    return NULL;
}

const struct form *form_newest(const struct form_catalog *c, const char *id) {
    for (size_t i = c->form_count; i-- > 0;) {
        if (strcmp(c->forms[i]->form.id, id) == 0)
            return &c->forms[i]->form;
    }
    return NULL;
}

size_t form_fact_count(const struct form_catalog *c) {
    return c->fact_count;
}

const struct fact *form_fact_at(const struct form_catalog *c, size_t index) {
    return c->facts[index];
}

const struct fact *form_fact_find(const struct form_catalog *c, const char *entity,
                                  const char *name) {
    size_t low = 0, high = c->fact_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(c->facts[middle]->entity, entity);
        if (order == 0)
            order = strcmp(c->facts[middle]->name, name);
        if (order == 0)
            return c->facts[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t form_role_bit(const struct form_catalog *c, const char *name) {
    for (size_t i = 0; i < c->role_count; i++) {
        if (strcmp(c->role_names[i], name) == 0)
            return (uint32_t)1 << i;
    }
    return 0;
}

/* ---------------------------------------------------------------- facts */

/* {"op": ["add", "edit"], …}: every member of data is one of its values. */
static bool holds(const json_t *when, const json_t *data) {
    const char *key;
    json_t *values;
    json_object_foreach((json_t *)(uintptr_t)when, key, values) {
        const json_t *value = json_object_get(data, key);
        bool found = false;
        for (size_t i = 0; i < json_array_size(values) && !found; i++)
            found = value && json_equal(json_array_get(values, i), value);
        if (!found)
            return false;
    }
    return true;
}

static const json_t *written(const struct form_write *w, const json_t *data) {
    if (w->constant)
        return !w->when || holds(w->when, data) ? w->constant : NULL;
    if (w->outer)
        data = json_object_get(data, w->outer);
    return json_object_get(data, w->key);
}

size_t form_facts(const struct form *f, const json_t *data, struct form_fact *ret) {
    size_t count = 0;
    for (size_t i = 0; i < f->write_count; i++) {
        const struct form_write *w = &f->writes[i];
        const json_t *value = written(w, data);
        if (value)
            ret[count++] = (struct form_fact){w->fact, value, w->roles, w->path};
    }
    return count;
}

/* The text that stands for {name}; "" if data has no such member. */
static const char *insertion(const char *name, size_t size, const char *subject,
                             const json_t *data) {
    if (size == 7 && memcmp(name, "subject", 7) == 0)
        return subject;
    char key[64];
    if (size >= sizeof key)
        return "";
    memcpy(key, name, size);
    key[size] = '\0';
    const char *text = json_string_value(json_object_get(data, key));
    return text ? text : "";
}

static bool append(char *out, size_t size, size_t *used, const char *text, size_t text_size) {
    if (*used + text_size >= size)
        return false;
    memcpy(out + *used, text, text_size);
    *used += text_size;
    out[*used] = '\0';
    return true;
}

/* ---------------------------------------------------------------- parts */

static bool make_id(const char *template, const char *subject, const json_t *data, char *out,
                    size_t size) {
    size_t used = 0;
    for (const char *at = template; *at;) {
        const char *text = at;
        size_t text_size = strcspn(at, "{");
        at += text_size;
        if (text_size == 0) {
            size_t name_size = strcspn(at, "}");
            text = insertion(at + 1, name_size - 1, subject, data);
            text_size = strlen(text);
            at += name_size + 1;
        }
        if (!append(out, size, &used, text, text_size))
            return false;
    }
    return true;
}

bool form_entity_id(const struct form *f, const char *subject, const json_t *data, char *out,
                    size_t size) {
    return make_id(f->entity_template ? f->entity_template : "{subject}", subject, data, out, size);
}

static bool root_part(const struct form *f, const char *subject, const json_t *data,
                      struct form_part *ret) {
    if (!f->entity || !f->write_count || !form_entity_id(f, subject, data, ret->id, sizeof ret->id))
        return false;
    ret->entity = f->entity;
    ret->count = form_facts(f, data, ret->facts);
    return ret->count > 0;
}

/* The entity that an item names, if it lies in the household and no item before names it. */
static bool item_entity(const struct form_list *l, const char *subject, const json_t *items,
                        size_t i, char id[FORM_ENTITY_ID_SIZE]) {
    struct subject own;
    struct subject named;
    char other[FORM_ENTITY_ID_SIZE];
    subject_parse(subject, strlen(subject), &own);
    if (!make_id(l->entity_template, subject, json_array_get(items, i), id, FORM_ENTITY_ID_SIZE) ||
        !subject_parse(id, strlen(id), &named) ||
        !(named.kinds & subject_kind_by_name(l->entity)) || !*own.household ||
        strcmp(named.household, own.household) != 0)
        return false;
    for (size_t k = 0; k < i; k++) {
        if (make_id(l->entity_template, subject, json_array_get(items, k), other, sizeof other) &&
            strcmp(other, id) == 0)
            return false;
    }
    return true;
}

static bool item_part(const struct form_list *l, const char *subject, const json_t *items, size_t i,
                      struct form_part *ret) {
    if (!item_entity(l, subject, items, i, ret->id))
        return false;
    ret->entity = l->entity;
    ret->count = 0;
    for (size_t k = 0; k < l->write_count; k++) {
        const struct form_write *w = &l->writes[k];
        const json_t *value = json_object_get(json_array_get(items, i), w->key);
        if (value)
            ret->facts[ret->count++] = (struct form_fact){w->fact, value, w->roles, w->path};
    }
    return ret->count > 0;
}

bool form_next_part(const struct form *f, const char *subject, const json_t *data, size_t *pos,
                    struct form_part *ret) {
    if (*pos == 0 && (*pos)++ == 0 && root_part(f, subject, data, ret))
        return true;
    size_t before = 1;
    for (size_t n = 0; n < f->list_count; n++) {
        const json_t *items = json_object_get(data, f->lists[n].member);
        size_t size = json_array_size(items);
        while (*pos < before + size) {
            if (item_part(&f->lists[n], subject, items, (*pos)++ - before, ret))
                return true;
        }
        before += size;
    }
    return false;
}

/* ---------------------------------------------------------------- classes */

struct redaction {
    unsigned classes;
    unsigned class_default;
};

static json_t *redact(const struct redaction *r, const json_t *schema, const json_t *value);

static json_t *redact_object(const struct redaction *r, const json_t *properties,
                             const json_t *value) {
    json_t *out = json_object();
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        const json_t *schema = json_object_get(properties, key);
        json_t *copy = schema ? redact(r, schema, member) : NULL;
        if (copy && json_object_set_new(out, key, copy) != 0)
            abort();
    }
    return out;
}

static json_t *redact_list(const struct redaction *r, const json_t *properties,
                           const json_t *value) {
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_array_append_new(out, redact_object(r, properties, json_array_get(value, i))) != 0)
            abort();
    }
    return out;
}

/* NULL if nothing of the value may be seen. Members decide for themselves, not their container. */
static json_t *redact(const struct redaction *r, const json_t *schema, const json_t *value) {
    if (json_object_get(schema, "x-withheld"))
        return NULL;
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *items = json_object_get(json_object_get(schema, "items"), "properties");
    json_t *out = NULL;
    if (properties && json_is_object(value))
        out = redact_object(r, properties, value);
    else if (items && json_is_array(value))
        out = redact_list(r, items, value);
    if (out) {
        bool seen = json_is_array(out) || json_object_size(out) > 0;
        if (seen)
            return out;
        json_decref(out);
        return NULL;
    }
    const char *name = json_string_value(json_object_get(schema, "x-class"));
    unsigned sensitivity = name ? (unsigned)(name[1] - '0') : r->class_default;
    return r->classes >> sensitivity & 1 ? json_deep_copy(value) : NULL;
}

json_t *form_redact(const struct form *f, const json_t *data, unsigned classes) {
    struct redaction r = {classes, f->sensitivity};
    return redact_object(&r, json_object_get(f->own->root, "properties"), data);
}

bool form_exclusive(const struct form_catalog *c, const char *entity, const char *member,
                    const char *value) {
    for (size_t i = 0; i < c->form_count; i++) {
        const struct form *f = &c->forms[i]->form;
        const json_t *values = json_object_get(f->exclusive, member);
        for (size_t k = 0; f->entity && k < json_array_size(values); k++) {
            const char *name = json_string_value(json_array_get(values, k));
            if (strcmp(f->entity, entity) == 0 && name && strcmp(name, value) == 0)
                return true;
        }
    }
    return false;
}

unsigned form_entity_class(const struct form_catalog *c, const char *entity) {
    unsigned greatest = 0;
    bool any = false;
    for (size_t i = 0; i < c->form_count; i++) {
        const struct form *f = &c->forms[i]->form;
        if (!f->entity || strcmp(f->entity, entity) != 0)
            continue;
        any = true;
        greatest = f->entity_class > greatest ? f->entity_class : greatest;
    }
    return any ? greatest : 1;
}

uint32_t form_unit_roles(const struct form_catalog *c) {
    uint32_t roles = 0;
    for (size_t i = 0; i < c->form_count; i++)
        roles |= c->forms[i]->form.unit_roles;
    return roles;
}
