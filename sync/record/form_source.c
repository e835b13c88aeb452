/* Where the value of a property comes from: what its form says of it must be possible. */
#include "form_private.h"

#include <stdio.h>
#include <string.h>

/* "household.sole_home", a fact that some form writes; "person.id", which persons there are. */
static bool is_known(const struct form_catalog *c, const char *source) {
    char entity[64];
    const char *dot = source ? strchr(source, '.') : NULL;
    if (!dot || (size_t)(dot - source) >= sizeof entity)
        return false;
    memcpy(entity, source, (size_t)(dot - source));
    entity[dot - source] = '\0';
    if (strcmp(dot + 1, "id") != 0)
        return form_fact_find(c, entity, dot + 1);
    for (size_t i = 0; i < c->fact_count; i++) {
        if (strcmp(c->facts[i]->entity, entity) == 0)
            return true;
    }
    return false;
}

static bool source_fits(const struct form_catalog *c, const char *key, const json_t *property,
                        struct err *e) {
    static const char *const members[] = {"x-fact", "x-prefill", "x-cross-check", "x-own"};
    const json_t *prefill = json_object_get(property, "x-prefill");
    const json_t *other = json_object_get(property, "x-cross-check");
    const json_t *own = json_object_get(property, "x-own");
    size_t count = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        count += json_object_get(property, members[i]) != NULL;
    if (count > 1)
        return err_set(e, ERR_USAGE,
                       "%s: one of x-fact, x-prefill, x-cross-check and x-own at most", key);
    if (prefill && !is_known(c, json_string_value(prefill)))
        return err_set(e, ERR_USAGE, "%s: x-prefill names no fact", key);
    if (other && !json_string_length(other))
        return err_set(e, ERR_USAGE, "%s: x-cross-check must be a text", key);
    return !own || json_is_true(own) || err_set(e, ERR_USAGE, "%s: x-own must be true", key);
}

static bool properties_fit(const struct form_catalog *c, const json_t *schema, struct err *e) {
    const char *key;
    json_t *property;
    json_object_foreach(json_object_get(schema, "properties"), key, property) {
        if (!source_fits(c, key, property, e) || !properties_fit(c, property, e) ||
            !properties_fit(c, json_object_get(property, "items"), e))
            return false;
    }
    return true;
}

bool form_sources_fit(const struct form_catalog *c, struct err *e) {
    for (size_t i = 0; i < c->form_count; i++) {
        const struct form_own *f = c->forms[i];
        if (!properties_fit(c, f->root, e)) {
            err_prefix(e, "forms/%s.%lld.json", f->form.id, (long long)f->form.fv);
            return false;
        }
    }
    return true;
}
