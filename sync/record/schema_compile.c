#include "schema_compiler.h"
#include "schema_uri.h"
#include "schema_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define COUNT_MAX 9007199254740992.0 /* 2^53 */

/* The node that is being compiled. */
struct context {
    struct schema_compiler *c;
    const json_t *json;
    uint32_t node;
    uint32_t resource;
};

void *schema_room(void *array, uint32_t count, uint32_t add, size_t element_size) {
    size_t had = 8;
    while (had < count)
        had *= 2;
    size_t needed = had;
    while (needed < (size_t)count + add)
        needed *= 2;
    if (array && needed == had)
        return array;
    array = realloc(array, needed * element_size);
    if (!array)
        abort();
    return array;
}

/* Appends `value` to an array whose growth schema_room() manages. */
#define APPEND(array, count, ...)                                                                  \
    do {                                                                                           \
        (array) = schema_room((array), (count), 1, sizeof *(array));                               \
        (array)[(count)++] = __VA_ARGS__;                                                          \
    } while (0)

bool schema_refuse(struct schema_compiler *c, const char *keyword, const char *fmt, ...) {
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    const char *at = c->path.data ? c->path.data : "";
    return err_set(c->e, ERR_USAGE, "%.200s%s%s: %s", at, keyword ? "/" : "",
                   keyword ? keyword : "", what);
}

static bool failed(const struct context *x) {
    return err_is_set(x->c->e);
}

static size_t path_push(struct schema_compiler *c, const char *token) {
    size_t mark = c->path.size;
    buf_add_char(&c->path, '/');
    for (; *token; token++) {
        if (*token == '~' || *token == '/')
            buf_add_str(&c->path, *token == '~' ? "~0" : "~1");
        else
            buf_add_char(&c->path, *token);
    }
    return mark;
}

static void path_pop(struct schema_compiler *c, size_t mark) {
    c->path.size = mark;
    c->path.data[mark] = '\0';
}

static uint32_t child(const struct context *x, const char *key, const json_t *json, bool in_place) {
    size_t mark = path_push(x->c, key);
    uint32_t node = schema_compile_node(x->c, json, x->node, x->resource, in_place);
    path_pop(x->c, mark);
    return node;
}

/* The subschema under a keyword, NONE if there is no such keyword. */
static uint32_t keyword_child(const struct context *x, const char *keyword, bool in_place) {
    const json_t *json = json_object_get(x->json, keyword);
    return json ? child(x, keyword, json, in_place) : NONE;
}

/* The keyword's value if it is there and of that type; refuses another type. */
static const json_t *keyword_get(const struct context *x, const char *keyword, json_type type) {
    static const char *const names[] = {"an object", "an array",  "a string", "an integer",
                                        "a number",  "a boolean", "a boolean"};
    const json_t *json = json_object_get(x->json, keyword);
    if (!json)
        return NULL;
    bool right = type == JSON_REAL   ? json_is_number(json)
                 : type == JSON_TRUE ? json_is_boolean(json)
                                     : json_typeof(json) == type;
    if (!right)
        schema_refuse(x->c, keyword, "must be %s", names[type]);
    return right ? json : NULL;
}

static uint32_t value_add(struct schema_compiler *c, const json_t *value) {
    APPEND(c->s->values, c->value_count, value);
    return c->value_count - 1;
}

static struct schema_ins *emit(const struct context *x, enum op op) {
    struct schema_compiler *c = x->c;
    APPEND(c->pending, c->pending_count,
           (struct schema_ins){.op = (uint8_t)op, .a = NONE, .b = NONE, .c = NONE});
    return &c->pending[c->pending_count - 1];
}

/* Reserves a run of an array; its first index. */
#define RESERVE(array, count, add)                                                                 \
    ((array) = schema_room((array), (count), (add), sizeof *(array)), (count) += (add),            \
     (count) - (add))

static struct schema_name intern(struct schema_compiler *c, const char *text, size_t size) {
    uint32_t hash = schema_hash(text, size);
    const struct schema *s = c->s;
    for (uint32_t i = 0; i < c->entry_count; i++) {
        const struct schema_name *n = &s->entries[i].name;
        if (n->hash == hash && n->size == size && memcmp(s->pool + n->offset, text, size) == 0)
            return *n;
    }
    uint32_t offset = RESERVE(c->s->pool, c->pool_size, (uint32_t)size + 1);
    memcpy(c->s->pool + offset, text, size);
    c->s->pool[offset + size] = '\0';
    return (struct schema_name){offset, (uint32_t)size, hash};
}

/* Builds the hash table over the entries [first, first + count). */
static struct schema_table table_make(struct schema_compiler *c, uint32_t first, uint32_t count) {
    uint32_t slots = 4;
    while (slots < count * 2)
        slots *= 2;
    uint32_t at = RESERVE(c->s->slots, c->slot_count, slots);
    memset(c->s->slots + at, 0, slots * sizeof *c->s->slots);
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t slot = c->s->entries[i].name.hash & (slots - 1);
        while (c->s->slots[at + slot])
            slot = (slot + 1) & (slots - 1);
        c->s->slots[at + slot] = i + 1;
    }
    return (struct schema_table){first, count, at, slots - 1};
}

static uint32_t entries_reserve(struct schema_compiler *c, size_t count) {
    uint32_t first = RESERVE(c->s->entries, c->entry_count, (uint32_t)count);
    for (uint32_t i = first; i < c->entry_count; i++)
        c->s->entries[i] = (struct schema_entry){.node = NONE, .label = NONE};
    return first;
}

/* ---- core and annotations ---------------------------------------------------------------- */

static void compile_id(struct context *x) {
    struct schema_compiler *c = x->c;
    const char *id = json_string_value(keyword_get(x, "$id", JSON_STRING));
    if (!id)
        return;
    const char *hash = strchr(id, '#');
    if (hash && hash[1]) {
        schema_refuse(c, "$id", "must not have a fragment");
        return;
    }
    const char *base = x->resource == NONE ? "" : c->resources[x->resource].uri;
    char *uri = schema_uri_resolve(base, id);
    for (uint32_t i = 0; i < c->resource_count; i++)
        if (!strcmp(c->resources[i].uri, uri))
            schema_refuse(c, "$id", "the same $id stands twice in the document");
    APPEND(c->resources, c->resource_count, (struct schema_resource){uri, x->json, x->node});
    x->resource = c->resource_count - 1;
}

static void compile_anchor(const struct context *x, const char *keyword) {
    struct schema_compiler *c = x->c;
    const char *name = json_string_value(keyword_get(x, keyword, JSON_STRING));
    if (!name)
        return;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    size_t rest = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789.-");
    if (!*name || !strchr(letters, *name) || name[rest])
        schema_refuse(c, keyword, "is not a name");
    for (uint32_t i = 0; i < c->anchor_count; i++)
        if (c->anchors[i].resource == x->resource && !strcmp(c->anchors[i].name, name))
            schema_refuse(c, keyword, "the same anchor stands twice in the resource");
    APPEND(c->anchors, c->anchor_count, (struct schema_anchor){name, x->resource, x->node});
}

static void compile_core(const struct context *x) {
    struct schema_compiler *c = x->c;
    const char *dialect = json_string_value(keyword_get(x, "$schema", JSON_STRING));
    if (dialect && strcmp(dialect, DIALECT) != 0 && strcmp(dialect, DIALECT "#") != 0)
        schema_refuse(c, "$schema", "is not JSON Schema 2020-12");
    if (json_object_get(x->json, "$dynamicRef"))
        schema_refuse(c, "$dynamicRef", "dynamic references are not supported");
    compile_anchor(x, "$anchor");
    compile_anchor(x, "$dynamicAnchor");
    const json_t *ref = keyword_get(x, "$ref", JSON_STRING);
    if (ref) {
        emit(x, OP_REF); /* the target follows in schema_resolve() */
        APPEND(c->refs, c->ref_count, (struct schema_ref){json_string_value(ref), x->node});
    }
}

static void check_annotations(const struct context *x) {
    static const struct {
        const char *keyword;
        json_type type;
    } annotations[] = {
        {"title", JSON_STRING},           {"description", JSON_STRING},
        {"$comment", JSON_STRING},        {"deprecated", JSON_TRUE},
        {"readOnly", JSON_TRUE},          {"writeOnly", JSON_TRUE},
        {"examples", JSON_ARRAY},         {"format", JSON_STRING},
        {"contentEncoding", JSON_STRING}, {"contentMediaType", JSON_STRING},
        {"$vocabulary", JSON_OBJECT},
    };
    for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++)
        keyword_get(x, annotations[i].keyword, annotations[i].type);
    keyword_child(x, "contentSchema", false);
}

/* A member that must be a string if it is there. */
static const char *text_member(const struct context *x, const json_t *object, const char *keyword,
                               const char *member, bool needed) {
    const json_t *text = json_object_get(object, member);
    if (text ? !json_is_string(text) : needed)
        schema_refuse(x->c, keyword, "needs the sentence \"%s\"", member);
    return json_string_value(text);
}

/* The protocol's closed list. */
static const char *code_find(const char *code) {
    static const char *const codes[] = {
        "malformed",  "too_large",      "version",     "device",  "id_conflict", "unknown_form",
        "required",   "unknown_field",  "type",        "enum",    "range",       "length",
        "pattern",    "format",         "schema",      "check",   "subject",     "role_form",
        "role_field", "out_of_scope",   "relay_scope", "revoked", "refused",     "clock_ahead",
        "signature",  "unknown_author", "quota",       "atomic",  "busy"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(codes[i], code))
            return codes[i];
    return NULL;
}

static void compile_sentences(const struct context *x) {
    struct schema_compiler *c = x->c;
    const json_t *label = keyword_get(x, "x-label", JSON_OBJECT);
    if (label) {
        c->s->nodes[x->node].label = c->label_count;
        APPEND(c->s->labels, c->label_count,
               (struct schema_label){text_member(x, label, "x-label", "zh", true),
                                     text_member(x, label, "x-label", "en", true)});
    }
    const json_t *error = keyword_get(x, "x-error", JSON_OBJECT);
    if (!error)
        return;
    const char *code = text_member(x, error, "x-error", "code", false);
    const char *known = code_find(code ? code : "schema");
    if (!known)
        schema_refuse(c, "x-error", "\"%s\" is not an error code", code);
    c->s->nodes[x->node].error = c->error_count;
    APPEND(c->s->errors, c->error_count,
           (struct schema_error){text_member(x, error, "x-error", "zh", true),
                                 text_member(x, error, "x-error", "en", true),
                                 text_member(x, error, "x-error", "name", false), known});
}

/* ---- validation keywords ----------------------------------------------------------------- */

static uint32_t type_bit(const json_t *name) {
    static const char *const names[] = {"null",   "boolean", "object", "array",
                                        "number", "string",  "integer"};
    for (uint32_t i = 0; json_is_string(name) && i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], json_string_value(name)))
            return 1u << i;
    return 0;
}

static void compile_type(const struct context *x) {
    const json_t *type = json_object_get(x->json, "type");
    if (!type)
        return;
    uint32_t bits = type_bit(type);
    for (size_t i = 0; i < json_array_size(type); i++) {
        uint32_t bit = type_bit(json_array_get(type, i));
        if (bit == 0 || bits & bit)
            schema_refuse(x->c, "type", "must name different types");
        bits |= bit;
    }
    if (bits == 0)
        schema_refuse(x->c, "type", "must name a type");
    emit(x, OP_TYPE)->a = bits;
}

static void compile_enum(const struct context *x) {
    struct schema_compiler *c = x->c;
    const json_t *constant = json_object_get(x->json, "const");
    if (constant) {
        uint32_t value = value_add(c, constant);
        emit(x, OP_CONST)->a = value;
    }
    const json_t *list = keyword_get(x, "enum", JSON_ARRAY);
    if (!list)
        return;
    uint32_t count = (uint32_t)json_array_size(list);
    uint32_t first = RESERVE(c->s->values, c->value_count, count);
    uint32_t entry_first = entries_reserve(c, count);
    uint32_t strings = 0;
    for (uint32_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        c->s->values[first + i] = value;
        if (json_is_string(value)) {
            struct schema_name name =
                intern(c, json_string_value(value), json_string_length(value));
            c->s->entries[entry_first + strings++].name = name;
        }
    }
    struct schema_ins *ins = emit(x, OP_ENUM);
    ins->a = first;
    ins->b = count;
    ins->table = table_make(c, entry_first, strings);
}

static void compile_numbers(const struct context *x) {
    static const struct {
        const char *keyword;
        enum op op;
    } bounds[] = {{"minimum", OP_MINIMUM},
                  {"maximum", OP_MAXIMUM},
                  {"exclusiveMinimum", OP_EXCLUSIVE_MIN},
                  {"exclusiveMaximum", OP_EXCLUSIVE_MAX},
                  {"multipleOf", OP_MULTIPLE_OF}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        const json_t *bound = keyword_get(x, bounds[i].keyword, JSON_REAL);
        if (!bound)
            continue;
        if (bounds[i].op == OP_MULTIPLE_OF && !(json_number_value(bound) > 0))
            schema_refuse(x->c, "multipleOf", "must be greater than 0");
        uint32_t value = value_add(x->c, bound);
        emit(x, bounds[i].op)->a = value;
    }
}

/* A keyword whose value counts something; false if it is not there or refused. */
static bool count_get(const struct context *x, const char *keyword, uint64_t *ret) {
    const json_t *count = keyword_get(x, keyword, JSON_REAL);
    if (!count)
        return false;
    double value = json_number_value(count);
    if (!schema_value_is_integer(count) || value < 0 || value > COUNT_MAX)
        return schema_refuse(x->c, keyword, "must be a whole number of 0 or more");
    *ret = (uint64_t)value;
    return true;
}

static void compile_counts(const struct context *x) {
    static const struct {
        const char *keyword;
        enum op op;
    } counts[] = {{"minLength", OP_MIN_LENGTH},         {"maxLength", OP_MAX_LENGTH},
                  {"minItems", OP_MIN_ITEMS},           {"maxItems", OP_MAX_ITEMS},
                  {"minProperties", OP_MIN_PROPERTIES}, {"maxProperties", OP_MAX_PROPERTIES}};
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (count_get(x, counts[i].keyword, &count))
            emit(x, counts[i].op)->count = count;
    if (json_is_true(keyword_get(x, "uniqueItems", JSON_TRUE)))
        emit(x, OP_UNIQUE_ITEMS);
}

/* The regex of a pattern; equal patterns share one. NONE with the error set. */
static uint32_t regex_add(const struct context *x, const char *keyword, const json_t *text) {
    struct schema_compiler *c = x->c;
    struct schema *s = c->s;
    for (uint32_t i = 0; i < s->regex_count; i++)
        if (json_equal(c->pattern_texts[i], text))
            return i;
    struct err e = {0};
    struct regex *re = regex_compile(json_string_value(text), json_string_length(text), &e);
    if (!re) {
        schema_refuse(c, keyword, "bad regular expression: %.160s", e.msg);
        return NONE;
    }
    c->pattern_texts = schema_room(c->pattern_texts, s->regex_count, 1, sizeof *c->pattern_texts);
    c->pattern_texts[s->regex_count] = text;
    APPEND(s->regexes, s->regex_count, re);
    return s->regex_count - 1;
}

static void compile_strings(const struct context *x) {
    static const char *const formats[] = {"date", "date-time", "uuid", "regex"};
    const json_t *pattern = keyword_get(x, "pattern", JSON_STRING);
    if (pattern) {
        uint32_t regex = regex_add(x, "pattern", pattern);
        emit(x, OP_PATTERN)->a = regex;
    }
    const char *format = json_string_value(json_object_get(x->json, "format"));
    for (uint32_t i = 0; format && i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(format, formats[i]) && x->c->flags & SCHEMA_ASSERT_FORMAT)
            emit(x, OP_FORMAT)->a = i;
}

/* ---- objects ------------------------------------------------------------------------------ */

/* Is the value an array of different strings? Refuses it otherwise. */
static bool names_check(const struct context *x, const char *keyword, const json_t *names) {
    bool right = json_is_array(names);
    for (size_t i = 0; i < json_array_size(names); i++) {
        right = right && json_is_string(json_array_get(names, i));
        for (size_t j = 0; j < i && right; j++)
            right = !json_equal(json_array_get(names, i), json_array_get(names, j));
    }
    return right || schema_refuse(x->c, keyword, "must be a list of different names");
}

static struct schema_entry *entry_find(struct schema *s, uint32_t first, uint32_t count,
                                       const struct schema_name *name) {
    for (uint32_t i = first; i < first + count; i++)
        if (s->entries[i].name.offset == name->offset && s->entries[i].name.size == name->size)
            return &s->entries[i];
    return NULL;
}

/* The table of `properties` and `required`. */
static void compile_members(const struct context *x, const json_t *properties,
                            const json_t *required, struct schema_object *ret) {
    struct schema_compiler *c = x->c;
    size_t names = json_array_size(required);
    uint32_t first = entries_reserve(c, json_object_size(properties) + names);
    uint32_t count = 0;
    size_t mark = path_push(c, "properties");
    for (void *i = json_object_iter((json_t *)(uintptr_t)properties); i && !failed(x);
         i = json_object_iter_next((json_t *)(uintptr_t)properties, i)) {
        const char *key = json_object_iter_key(i);
        struct schema_name name = intern(c, key, json_object_iter_key_len(i));
        c->s->entries[first + count].name = name;
        uint32_t node = child(x, key, json_object_iter_value(i), false);
        c->s->entries[first + count++].node = node;
    }
    path_pop(c, mark);
    if (failed(x) || (required && !names_check(x, "required", required)))
        return;
    for (size_t i = 0; i < names; i++) {
        const json_t *text = json_array_get(required, i);
        struct schema_name name = intern(c, json_string_value(text), json_string_length(text));
        struct schema_entry *entry = entry_find(c->s, first, count, &name);
        if (!entry) {
            entry = &c->s->entries[first + count++];
            entry->name = name;
        }
        entry->required = true;
    }
    ret->table = table_make(c, first, count);
    ret->required_count = (uint32_t)names;
}

static void compile_patterns(const struct context *x, const json_t *patterns,
                             struct schema_object *ret) {
    struct schema_compiler *c = x->c;
    ret->pattern_count = (uint32_t)json_object_size(patterns);
    ret->pattern_first = RESERVE(c->s->patterns, c->pattern_count, ret->pattern_count);
    size_t mark = path_push(c, "patternProperties");
    uint32_t at = ret->pattern_first;
    for (void *i = json_object_iter((json_t *)(uintptr_t)patterns); i && !failed(x);
         i = json_object_iter_next((json_t *)(uintptr_t)patterns, i)) {
        const char *key = json_object_iter_key(i);
        json_t *text = json_stringn(key, json_object_iter_key_len(i));
        json_array_append_new(json_object_get(c->s->root, "patterns"), text);
        size_t key_mark = path_push(c, key);
        uint32_t regex = regex_add(x, NULL, text);
        path_pop(c, key_mark);
        uint32_t node = child(x, key, json_object_iter_value(i), false);
        c->s->patterns[at++] = (struct schema_pattern){regex, node};
    }
    path_pop(c, mark);
}

static void compile_object(const struct context *x) {
    struct schema_compiler *c = x->c;
    const json_t *properties = keyword_get(x, "properties", JSON_OBJECT);
    const json_t *required = keyword_get(x, "required", JSON_ARRAY);
    const json_t *patterns = keyword_get(x, "patternProperties", JSON_OBJECT);
    if (failed(x))
        return;
    struct schema_object rules = {0};
    compile_members(x, properties, required, &rules);
    if (failed(x))
        return;
    compile_patterns(x, patterns, &rules);
    rules.additional = keyword_child(x, "additionalProperties", false);
    rules.names = keyword_child(x, "propertyNames", false);
    if (!properties && !required && !patterns && rules.additional == NONE && rules.names == NONE)
        return;
    c->object_nodes = schema_room(c->object_nodes, c->object_count, 1, sizeof *c->object_nodes);
    c->object_nodes[c->object_count] = x->node;
    uint32_t index = c->object_count;
    APPEND(c->s->objects, c->object_count, rules);
    emit(x, OP_OBJECT)->a = index;
}

static uint32_t dependency_reserve(const struct context *x, size_t count) {
    struct schema_compiler *c = x->c;
    uint32_t first = RESERVE(c->s->dependencies, c->dependency_count, (uint32_t)count);
    (void)RESERVE(c->dependency_nodes, c->dependency_node_count, (uint32_t)count);
    for (uint32_t i = first; i < c->dependency_count; i++) {
        c->dependency_nodes[i] = x->node;
        c->s->dependencies[i] =
            (struct schema_dependency){.trigger_label = NONE, .needed_label = NONE, .node = NONE};
    }
    return first;
}

static void compile_dependent_required(const struct context *x) {
    struct schema_compiler *c = x->c;
    const json_t *object = keyword_get(x, "dependentRequired", JSON_OBJECT);
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i && !failed(x);
         i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
        const json_t *names = json_object_iter_value(i);
        if (!names_check(x, "dependentRequired", names))
            return;
        struct schema_name trigger =
            intern(c, json_object_iter_key(i), json_object_iter_key_len(i));
        uint32_t count = (uint32_t)json_array_size(names);
        uint32_t first = dependency_reserve(x, count);
        for (uint32_t j = 0; j < count; j++) {
            const json_t *name = json_array_get(names, j);
            c->s->dependencies[first + j].trigger = trigger;
            c->s->dependencies[first + j].needed =
                intern(c, json_string_value(name), json_string_length(name));
        }
        struct schema_ins *ins = emit(x, OP_DEPENDENT_REQUIRED);
        ins->a = first;
        ins->b = count;
    }
}

static void compile_dependent_schemas(const struct context *x) {
    struct schema_compiler *c = x->c;
    const json_t *object = keyword_get(x, "dependentSchemas", JSON_OBJECT);
    if (!object)
        return;
    uint32_t count = (uint32_t)json_object_size(object);
    uint32_t first = dependency_reserve(x, count);
    size_t mark = path_push(c, "dependentSchemas");
    uint32_t at = first;
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i && !failed(x);
         i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
        const char *key = json_object_iter_key(i);
        struct schema_name trigger = intern(c, key, json_object_iter_key_len(i));
        uint32_t node = child(x, key, json_object_iter_value(i), true);
        c->s->dependencies[at].trigger = trigger;
        c->s->dependencies[at++].node = node;
    }
    path_pop(c, mark);
    struct schema_ins *ins = emit(x, OP_DEPENDENT_SCHEMAS);
    ins->a = first;
    ins->b = count;
}

/* ---- arrays and combinations -------------------------------------------------------------- */

/* A keyword whose value is a list of subschemas: their nodes as a run of lists. */
static bool node_list(const struct context *x, const char *keyword, bool in_place,
                      uint32_t *ret_first, uint32_t *ret_count) {
    struct schema_compiler *c = x->c;
    const json_t *list = keyword_get(x, keyword, JSON_ARRAY);
    if (!list)
        return false;
    uint32_t count = (uint32_t)json_array_size(list);
    if (count == 0)
        return schema_refuse(c, keyword, "must not be empty");
    uint32_t first = RESERVE(c->s->lists, c->list_count, count);
    size_t mark = path_push(c, keyword);
    for (uint32_t i = 0; i < count && !failed(x); i++) {
        char index[16];
        snprintf(index, sizeof index, "%u", i);
        uint32_t node = child(x, index, json_array_get(list, i), in_place);
        c->s->lists[first + i] = node;
    }
    path_pop(c, mark);
    *ret_first = first;
    *ret_count = count;
    return !failed(x);
}

static void compile_array(const struct context *x) {
    uint32_t first = 0;
    uint32_t count = 0;
    bool prefix = node_list(x, "prefixItems", false, &first, &count);
    uint32_t items = keyword_child(x, "items", false);
    if (prefix || items != NONE) {
        struct schema_ins *ins = emit(x, OP_ARRAY);
        ins->a = first;
        ins->b = count;
        ins->c = items;
    }
    uint64_t least = 1;
    uint64_t most = NONE;
    count_get(x, "minContains", &least);
    count_get(x, "maxContains", &most);
    uint32_t contains = keyword_child(x, "contains", false);
    if (contains == NONE)
        return;
    struct schema_ins *ins = emit(x, OP_CONTAINS);
    ins->a = contains;
    ins->b = least < NONE ? (uint32_t)least : NONE - 1;
    ins->c = most < NONE ? (uint32_t)most : NONE;
}

static void compile_combinations(const struct context *x) {
    static const struct {
        const char *keyword;
        enum op op;
    } lists[] = {{"allOf", OP_ALL_OF}, {"anyOf", OP_ANY_OF}, {"oneOf", OP_ONE_OF}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        uint32_t first = 0;
        uint32_t count = 0;
        if (!node_list(x, lists[i].keyword, true, &first, &count))
            continue;
        struct schema_ins *ins = emit(x, lists[i].op);
        ins->a = first;
        ins->b = count;
    }
    uint32_t negated = keyword_child(x, "not", true);
    if (negated != NONE)
        emit(x, OP_NOT)->a = negated;
    uint32_t condition = keyword_child(x, "if", true);
    uint32_t then_node = keyword_child(x, "then", true);
    uint32_t else_node = keyword_child(x, "else", true);
    if (condition == NONE)
        return;
    struct schema_ins *ins = emit(x, OP_IF);
    ins->a = condition;
    ins->b = then_node;
    ins->c = else_node;
}

static void compile_unevaluated(const struct context *x) {
    uint32_t items = keyword_child(x, "unevaluatedItems", false);
    if (items != NONE)
        emit(x, OP_UNEVALUATED_ITEMS)->a = items;
    uint32_t properties = keyword_child(x, "unevaluatedProperties", false);
    if (properties != NONE)
        emit(x, OP_UNEVALUATED_PROPERTIES)->a = properties;
    x->c->s->nodes[x->node].unevaluated = items != NONE || properties != NONE;
}

static void compile_definitions(const struct context *x) {
    const json_t *object = keyword_get(x, "$defs", JSON_OBJECT);
    size_t mark = path_push(x->c, "$defs");
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i && !failed(x);
         i = json_object_iter_next((json_t *)(uintptr_t)object, i))
        child(x, json_object_iter_key(i), json_object_iter_value(i), false);
    path_pop(x->c, mark);
}

/* ---- nodes -------------------------------------------------------------------------------- */

/* Moves the instructions pending since `mark` into the program, in the order of their ops. */
static void node_finish(struct schema_compiler *c, uint32_t node, uint32_t mark) {
    struct schema_ins *pending = c->pending;
    for (uint32_t i = mark + 1; i < c->pending_count; i++) {
        struct schema_ins ins = pending[i];
        uint32_t j = i;
        for (; j > mark && pending[j - 1].op > ins.op; j--)
            pending[j] = pending[j - 1];
        pending[j] = ins;
    }
    uint32_t count = c->pending_count - mark;
    uint32_t first = RESERVE(c->s->ins, c->ins_count, count);
    if (count)
        memcpy(c->s->ins + first, pending + mark, count * sizeof *pending);
    c->pending_count = mark;
    c->s->nodes[node].ins_first = first;
    c->s->nodes[node].ins_count = count;
}

static void compile_keywords(struct context *x) {
    static void (*const groups[])(const struct context *) = {
        compile_core,
        compile_sentences,
        check_annotations,
        compile_type,
        compile_enum,
        compile_numbers,
        compile_counts,
        compile_strings,
        compile_object,
        compile_dependent_required,
        compile_array,
        compile_combinations,
        compile_dependent_schemas,
        compile_unevaluated,
        compile_definitions,
    };
    compile_id(x);
    x->c->origins[x->node].resource = x->resource;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && !failed(x); i++)
        groups[i](x);
}

static uint32_t node_add(struct schema_compiler *c, const struct schema_origin *origin) {
    uint32_t node = c->node_count;
    c->origins = schema_room(c->origins, node, 1, sizeof *c->origins);
    c->origins[node] = *origin;
    c->origins[node].pointer = strdup(c->path.data);
    if (!c->origins[node].pointer)
        abort();
    APPEND(c->s->nodes, c->node_count,
           (struct schema_node){.kind = NODE_RULES, .label = NONE, .error = NONE});
    return node;
}

uint32_t schema_compile_node(struct schema_compiler *c, const json_t *json, uint32_t parent,
                             uint32_t resource, bool in_place) {
    if (err_is_set(c->e))
        return NONE;
    if (!json_is_object(json) && !json_is_boolean(json)) {
        schema_refuse(c, NULL, "a schema must be an object or a boolean");
        return NONE;
    }
    if (c->node_count == SCHEMA_NODES_MAX || c->nesting == SCHEMA_NESTING_MAX) {
        schema_refuse(c, NULL, "the schema is too large or nested too deep");
        return NONE;
    }
    struct schema_origin origin = {NULL, json, resource, parent, in_place};
    uint32_t node = node_add(c, &origin);
    if (json_is_boolean(json)) {
        c->s->nodes[node].kind = json_is_true(json) ? NODE_TRUE : NODE_FALSE;
        return node;
    }
    struct context x = {c, json, node, resource};
    uint32_t mark = c->pending_count;
    c->nesting++;
    compile_keywords(&x);
    c->nesting--;
    node_finish(c, node, mark);
    return err_is_set(c->e) ? NONE : node;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void compiler_fini(struct schema_compiler *c) {
    for (uint32_t i = 0; i < c->node_count; i++)
        free(c->origins[i].pointer);
    for (uint32_t i = 0; i < c->resource_count; i++)
        free(c->resources[i].uri);
    free(c->origins);
    free(c->resources);
    free(c->anchors);
    free(c->refs);
    free(c->pending);
    free(c->object_nodes);
    free(c->dependency_nodes);
    free(c->pattern_texts);
    buf_fini(&c->path);
}

/* The document's own resource, which has a name only if the root has an $id. */
static void document_add(struct schema_compiler *c, const json_t *root) {
    char *uri = strdup("");
    if (!uri)
        abort();
    APPEND(c->resources, c->resource_count, (struct schema_resource){uri, root, 0});
}

struct schema *schema_compile(const json_t *root, unsigned flags, struct err *e) {
    struct schema *s = calloc(1, sizeof *s);
    json_t *copy = json_deep_copy(root);
    if (!s || !copy)
        abort();
    s->root = json_pack("{s:o, s:[]}", "schema", copy, "patterns");
    if (!s->root)
        abort();
    struct err first = {0};
    struct schema_compiler c = {.s = s, .e = &first, .flags = flags};
    buf_init(&c.path, 1u << 20);
    buf_add_str(&c.path, "");
    document_add(&c, copy);
    s->entry_node = schema_compile_node(&c, copy, NONE, 0, false);
    if (!err_is_set(&first))
        schema_resolve(&c);
    compiler_fini(&c);
    if (!err_is_set(&first))
        return s;
    err_set(e, first.code, "%s", first.msg);
    schema_destroy(s);
    return NULL;
}

void schema_destroy(struct schema *s) {
    if (!s)
        return;
    for (uint32_t i = 0; i < s->regex_count; i++)
        regex_destroy(s->regexes[i]);
    free(s->regexes);
    free(s->nodes);
    free(s->ins);
    free(s->lists);
    free(s->values);
    free(s->entries);
    free(s->slots);
    free(s->objects);
    free(s->patterns);
    free(s->dependencies);
    free(s->labels);
    free(s->errors);
    free(s->pool);
    json_decref(s->root);
    free(s);
}

const struct schema_entry *schema_table_find(const struct schema *s, const struct schema_table *t,
                                             const char *name, size_t size) {
    uint32_t hash = schema_hash(name, size);
    for (uint32_t slot = hash & t->slot_mask;; slot = (slot + 1) & t->slot_mask) {
        uint32_t found = s->slots[t->slot_first + slot];
        if (found == 0)
            return NULL;
        const struct schema_entry *entry = &s->entries[found - 1];
        if (entry->name.hash == hash && entry->name.size == size &&
            memcmp(s->pool + entry->name.offset, name, size) == 0)
            return entry;
    }
}
