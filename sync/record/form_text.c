/* What phones read of the catalogue. */
#include "form_private.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

const char *form_schema_text(const struct form *f, size_t *ret_size) {
    *ret_size = f->own->text_size;
    return f->own->text;
}

static void add_value(struct buf *out, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        abort();
    buf_add_str(out, text);
    free(text);
}

static void add_label(struct buf *out, const char *zh, const char *en) {
    buf_add_str(out, "\"label\":{\"zh\":");
    buf_add_json_str(out, zh, strlen(zh));
    buf_add_str(out, ",\"en\":");
    buf_add_json_str(out, en, strlen(en));
    buf_add_char(out, '}');
}

/* "inspect.water":{"fv":[1,2],"label":…}: versions of one id stand together. What only imports
 * write is not for phones. */
static void add_forms(struct buf *out, const struct form_catalog *c) {
    bool any = false;
    for (size_t i = 0; i < c->form_count;) {
        const char *id = c->forms[i]->form.id;
        if (c->forms[i]->form.kind == FORM_REGISTER) {
            i++;
            continue;
        }
        buf_add_fmt(out, "%s\"%s\":{\"fv\":[", any ? "," : "", id);
        any = true;
        const struct form *newest = NULL;
        for (; i < c->form_count && strcmp(c->forms[i]->form.id, id) == 0; i++) {
            buf_add_fmt(out, "%s%lld", newest ? "," : "", (long long)c->forms[i]->form.fv);
            newest = &c->forms[i]->form;
        }
        buf_add_str(out, "],");
        add_label(out, newest->label_zh, newest->label_en);
        buf_add_char(out, '}');
    }
}

static void add_fact(struct buf *out, const struct fact *f) {
    buf_add_fmt(out, "\"%s\":{", f->name);
    add_label(out, f->label_zh, f->label_en);
    buf_add_fmt(out, ",\"class\":\"L%u\"", f->sensitivity);
    static const char *const members[][2] = {{"type", "type"}, {"x-code", "code"}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(f->schema, members[i][0]);
        if (!value)
            value = json_object_get(json_object_get(f->schema, "items"), members[i][0]);
        if (!value)
            continue;
        buf_add_fmt(out, ",\"%s\":", members[i][1]);
        add_value(out, value);
    }
    if (f->required)
        buf_add_str(out, ",\"required\":true");
    buf_add_char(out, '}');
}

static void add_facts(struct buf *out, const struct form_catalog *c) {
    const char *entity = NULL;
    for (size_t i = 0; i < c->fact_count; i++) {
        const struct fact *f = c->facts[i];
        bool same = entity && strcmp(entity, f->entity) == 0;
        if (!same)
            buf_add_fmt(out, "%s\"%s\":{", entity ? "}," : "", f->entity);
        else
            buf_add_char(out, ',');
        add_fact(out, f);
        entity = f->entity;
    }
    if (entity)
        buf_add_char(out, '}');
}

void form_catalog_json(const struct form_catalog *c, struct buf *out) {
    buf_add_fmt(out, "{\"v\":1,\"hash\":\"%s\",\"forms\":{", c->hash);
    add_forms(out, c);
    buf_add_str(out, "},\"codes\":");
    add_value(out, c->codes);
    buf_add_str(out, ",\"facts\":{");
    add_facts(out, c);
    buf_add_str(out, "}}");
}
