#include "clock.h"
#include "schema_state.h"
#include "schema_value.h"

#include <stdlib.h>
#include <string.h>

#define BITS_WORDS_MAX (64u * 1024)
#define UNIQUE_ITEMS_PREPARED 32768 /* as many as a record of 64 KiB can have */
#define UNIQUE_PAIRS_MAX 8          /* up to here comparing all pairs is quicker */

/* What is evaluated: a JSON value, or the name of a member (json is NULL then). */
struct value {
    const json_t *json;
    json_type type;
    const char *text; /* of a string */
    size_t size;
};

/* The members or items of one value that have been evaluated, by their position. */
struct evaluated {
    uint64_t *words;
    size_t count;
};

static bool eval(struct schema_run *r, uint32_t node, const struct value *v, struct evaluated *ev);

static struct value value_of(const json_t *json) {
    struct value v = {json, json_typeof(json), NULL, 0};
    if (v.type == JSON_STRING) {
        v.text = json_string_value(json);
        v.size = json_string_length(json);
    }
    return v;
}

static bool exhaust(struct schema_run *r) {
    r->exhausted = true;
    return false;
}

static bool spend(struct schema_run *r, size_t steps) {
    if (steps > r->steps)
        return exhaust(r);
    r->steps -= (uint32_t)steps;
    return true;
}

/* May the evaluation of this value stop? */
static bool stops(const struct schema_run *r, bool valid) {
    return r->exhausted || (!valid && r->mode == MODE_TEST);
}

/* Iterating does not change an object, but jansson's signatures say otherwise. */
static json_t *iterable(const json_t *json) {
    return (json_t *)(uintptr_t)json;
}

/* ---- sets of what was evaluated ----------------------------------------------------------- */

static bool set_open(struct schema_run *r, const struct value *v, struct evaluated *ret) {
    size_t members = v->type == JSON_OBJECT  ? json_object_size(v->json)
                     : v->type == JSON_ARRAY ? json_array_size(v->json)
                                             : 0;
    *ret = (struct evaluated){r->bits + r->bits_used, (members + 63) / 64};
    if (ret->count > BITS_WORDS_MAX - r->bits_used) {
        ret->count = 0;
        return exhaust(r);
    }
    memset(ret->words, 0, ret->count * sizeof *ret->words);
    r->bits_used += ret->count;
    return true;
}

static void set_close(struct schema_run *r, const struct evaluated *set) {
    r->bits_used -= set->count;
}

static void set_merge(struct evaluated *to, const struct evaluated *from) {
    for (size_t i = 0; i < to->count; i++)
        to->words[i] |= from->words[i];
}

static void mark(struct evaluated *ev, size_t position) {
    if (ev)
        ev->words[position / 64] |= UINT64_C(1) << (position % 64);
}

static bool marked(const struct evaluated *ev, size_t position) {
    return ev->words[position / 64] >> (position % 64) & 1;
}

/* Is the value valid against the node? Reports nothing; what a failed subschema evaluated does not
 * count. */
static bool test(struct schema_run *r, uint32_t node, const struct value *v, struct evaluated *ev) {
    enum mode mode = r->mode;
    struct evaluated own = {0};
    if (ev && !set_open(r, v, &own))
        return false;
    r->mode = MODE_TEST;
    bool valid = eval(r, node, v, ev ? &own : NULL);
    r->mode = mode;
    if (ev && valid)
        set_merge(ev, &own);
    if (ev)
        set_close(r, &own);
    return valid;
}

/* Evaluates a member or an item, one step down the path. */
static bool child(struct schema_run *r, uint32_t node, const json_t *json,
                  const struct schema_segment *segment) {
    if (r->s->nodes[node].kind == NODE_TRUE)
        return true;
    if (r->depth == SCHEMA_DEPTH_MAX)
        return exhaust(r);
    r->path[r->depth++] = *segment;
    struct value v = value_of(json);
    bool valid = eval(r, node, &v, NULL);
    r->depth--;
    return valid;
}

static bool item(struct schema_run *r, uint32_t node, const json_t *array, size_t index) {
    struct schema_segment segment = {NULL, 0, index, r->s->nodes[node].label};
    return child(r, node, json_array_get(array, index), &segment);
}

/* ---- single values ------------------------------------------------------------------------ */

static uint32_t types_of(const struct value *v) {
    switch (v->type) {
    case JSON_OBJECT:
        return TYPE_OBJECT;
    case JSON_ARRAY:
        return TYPE_ARRAY;
    case JSON_STRING:
        return TYPE_STRING;
    case JSON_INTEGER:
        return TYPE_NUMBER | TYPE_INTEGER;
    case JSON_REAL:
        return TYPE_NUMBER | (schema_value_is_integer(v->json) ? TYPE_INTEGER : 0u);
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return TYPE_NULL;
}

static bool equals(const struct value *v, const json_t *other) {
    if (v->type != JSON_STRING)
        return schema_value_equal(v->json, other);
    return json_is_string(other) && json_string_length(other) == v->size &&
           memcmp(json_string_value(other), v->text, v->size) == 0;
}

static bool in_enum(const struct schema *s, const struct schema_ins *ins, const struct value *v) {
    if (v->type == JSON_STRING)
        return schema_table_find(s, &ins->table, v->text, v->size) != NULL;
    for (uint32_t i = ins->a; i < ins->a + ins->b; i++)
        if (equals(v, s->values[i]))
            return true;
    return false;
}

static bool number_fits(const struct schema *s, const struct schema_ins *ins, const json_t *v) {
    const json_t *bound = s->values[ins->a];
    if (ins->op == OP_MULTIPLE_OF)
        return schema_value_is_multiple(v, bound);
    int order = schema_value_compare(v, bound);
    switch ((enum op)ins->op) {
    case OP_MINIMUM:
        return order >= 0;
    case OP_MAXIMUM:
        return order <= 0;
    case OP_EXCLUSIVE_MIN:
        return order > 0;
    default:
        return order < 0;
    }
}

static bool is_uuid(const char *text, size_t size) {
    if (size != 36)
        return false;
    for (size_t i = 0; i < size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = text[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

static bool has_format(const struct schema_run *r, enum format format, const struct value *v) {
    int32_t days;
    int64_t ms;
    switch (format) {
    case FORMAT_DATE:
        return date_parse(v->text, v->size, &days);
    case FORMAT_DATE_TIME:
        return time_parse(v->text, v->size, &ms);
    case FORMAT_UUID:
        return is_uuid(v->text, v->size);
    case FORMAT_REGEX:
        break;
    }
    return regex_is_valid(r->regex, v->text, v->size);
}

/* Does the text match? A pattern that reaches its bound is a problem of its own. */
static bool matches(struct schema_run *r, uint32_t regex, const char *text, size_t size,
                    bool *ret_undecided) {
    enum regex_result result =
        regex_match(r->s->regexes[regex], r->regex, text, size, &r->pattern_steps);
    *ret_undecided = result == REGEX_LIMIT;
    if (result == REGEX_LIMIT)
        schema_fail_undecided(r);
    return result == REGEX_YES;
}

static bool string_fits(struct schema_run *r, const struct schema_ins *ins, const struct value *v) {
    bool undecided = false;
    switch ((enum op)ins->op) {
    case OP_MIN_LENGTH:
        return v->size >= ins->count && schema_value_length(v->text, v->size) >= ins->count;
    case OP_MAX_LENGTH:
        return v->size <= ins->count || schema_value_length(v->text, v->size) <= ins->count;
    case OP_FORMAT:
        return has_format(r, (enum format)ins->a, v);
    default:
        return matches(r, ins->a, v->text, v->size, &undecided) || undecided;
    }
}

/* ---- objects ------------------------------------------------------------------------------ */

struct member {
    const char *key;
    size_t size;
    const json_t *json;
};

static bool member(struct schema_run *r, uint32_t node, const struct member *m, uint32_t label) {
    if (r->s->nodes[node].kind == NODE_FALSE)
        return schema_fail_unknown(r, m->key, m->size);
    if (label == NONE)
        label = r->s->nodes[node].label;
    struct schema_segment segment = {m->key, m->size, 0, label};
    return child(r, node, m->json, &segment);
}

static bool member_patterns(struct schema_run *r, const struct schema_object *o,
                            const struct member *m, bool *ret_matched) {
    bool valid = true;
    for (uint32_t i = 0; i < o->pattern_count; i++) {
        const struct schema_pattern *p = &r->s->patterns[o->pattern_first + i];
        bool undecided = false;
        if (matches(r, p->regex, m->key, m->size, &undecided)) {
            *ret_matched = true;
            valid = member(r, p->node, m, NONE) && valid;
        }
        if (undecided) /* that is reported; is the member unknown? nobody can tell */
            *ret_matched = true;
    }
    return valid;
}

static bool member_rules(struct schema_run *r, const struct schema_object *o,
                         const struct schema_entry *entry, const struct member *m,
                         bool *ret_matched) {
    bool valid = true;
    bool matched = entry && entry->node != NONE;
    if (matched)
        valid = member(r, entry->node, m, entry->label);
    if (o->pattern_count > 0)
        valid = member_patterns(r, o, m, &matched) && valid;
    if (!matched && o->additional != NONE) {
        matched = true;
        valid = member(r, o->additional, m, NONE) && valid;
    }
    struct value name = {NULL, JSON_STRING, m->key, m->size};
    if (o->names != NONE && !test(r, o->names, &name, NULL))
        valid = schema_fail_name(r, m->key, m->size);
    *ret_matched = matched;
    return valid;
}

/* At least one of the required members is missing: which? */
static bool missing(struct schema_run *r, const struct schema_object *o, const json_t *object) {
    const struct schema_table *t = &o->table;
    for (uint32_t i = t->entry_first; i < t->entry_first + t->entry_count; i++) {
        const struct schema_entry *entry = &r->s->entries[i];
        if (entry->required &&
            !json_object_getn(object, r->s->pool + entry->name.offset, entry->name.size))
            schema_fail_required(r, entry);
    }
    return false;
}

/* The same as walking over the members, where only those that the schema names matter and they are
 * few: the conditions of a form. */
static bool named_members(struct schema_run *r, const struct schema_table *t,
                          const json_t *object) {
    bool valid = true;
    for (uint32_t i = t->entry_first; i < t->entry_first + t->entry_count && !stops(r, valid);
         i++) {
        const struct schema_entry *entry = &r->s->entries[i];
        struct member m = {r->s->pool + entry->name.offset, entry->name.size, NULL};
        m.json = json_object_getn(object, m.key, m.size);
        if (!m.json && entry->required)
            valid = schema_fail_required(r, entry);
        if (m.json && entry->node != NONE)
            valid = member(r, entry->node, &m, entry->label) && valid;
    }
    return valid;
}

static bool only_named(const struct schema_object *o, const struct evaluated *ev) {
    return !ev && o->pattern_count == 0 && o->additional == NONE && o->names == NONE;
}

static bool object_fits(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                        struct evaluated *ev) {
    const struct schema_object *o = &r->s->objects[ins->a];
    json_t *object = iterable(v->json);
    if (only_named(o, ev) && o->table.entry_count <= json_object_size(object) / 2)
        return spend(r, o->table.entry_count) && named_members(r, &o->table, object);
    uint32_t required = 0;
    bool valid = true;
    size_t position = 0;
    if (!spend(r, json_object_size(object)))
        return false;
    for (void *i = json_object_iter(object); i && !stops(r, valid);
         i = json_object_iter_next(object, i), position++) {
        struct member m = {json_object_iter_key(i), json_object_iter_key_len(i),
                           json_object_iter_value(i)};
        const struct schema_entry *entry = schema_table_find(r->s, &o->table, m.key, m.size);
        required += entry && entry->required;
        bool matched = false;
        valid = member_rules(r, o, entry, &m, &matched) && valid;
        if (matched)
            mark(ev, position);
    }
    if (!stops(r, valid) && required < o->required_count)
        valid = missing(r, o, object);
    return valid;
}

static bool has_member(const struct schema_run *r, const json_t *object,
                       const struct schema_name *name) {
    return json_object_getn(object, r->s->pool + name->offset, name->size) != NULL;
}

static bool dependent_required(struct schema_run *r, const struct schema_ins *ins,
                               const json_t *object) {
    bool valid = true;
    for (uint32_t i = ins->a; i < ins->a + ins->b && !stops(r, valid); i++) {
        const struct schema_dependency *d = &r->s->dependencies[i];
        if (has_member(r, object, &d->trigger) && !has_member(r, object, &d->needed))
            valid = schema_fail_dependent(r, d);
    }
    return valid;
}

static bool dependent_schemas(struct schema_run *r, const struct schema_ins *ins,
                              const struct value *v, struct evaluated *ev) {
    bool valid = true;
    for (uint32_t i = ins->a; i < ins->a + ins->b && !stops(r, valid); i++) {
        const struct schema_dependency *d = &r->s->dependencies[i];
        if (has_member(r, v->json, &d->trigger))
            valid = eval(r, d->node, v, ev) && valid;
    }
    return valid;
}

static bool unevaluated_properties(struct schema_run *r, const struct schema_ins *ins,
                                   const struct value *v, struct evaluated *ev) {
    json_t *object = iterable(v->json);
    bool valid = true;
    size_t position = 0;
    for (void *i = json_object_iter(object); i && !stops(r, valid);
         i = json_object_iter_next(object, i), position++) {
        struct member m = {json_object_iter_key(i), json_object_iter_key_len(i),
                           json_object_iter_value(i)};
        if (!marked(ev, position))
            valid = member(r, ins->a, &m, NONE) && valid;
        mark(ev, position);
    }
    return valid;
}

/* ---- arrays ------------------------------------------------------------------------------- */

static bool array_fits(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                       struct evaluated *ev) {
    size_t count = json_array_size(v->json);
    bool valid = true;
    if (!spend(r, count))
        return false;
    for (size_t i = 0; i < count && !stops(r, valid); i++) {
        uint32_t node = i < ins->b ? r->s->lists[ins->a + i] : ins->c;
        if (node == NONE)
            break;
        if (i >= ins->b && r->s->nodes[node].kind == NODE_FALSE)
            valid = schema_fail_item(r, i);
        else
            valid = item(r, node, v->json, i) && valid;
        mark(ev, i);
    }
    return valid;
}

static bool contains_fits(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                          struct evaluated *ev) {
    size_t count = json_array_size(v->json);
    size_t found = 0;
    enum mode mode = r->mode;
    if (!spend(r, count))
        return false;
    r->mode = MODE_TEST;
    for (size_t i = 0; i < count && !r->exhausted; i++) {
        if (!item(r, ins->a, v->json, i))
            continue;
        found++;
        mark(ev, i);
        if (!ev && ins->c == NONE && found >= ins->b)
            break;
    }
    r->mode = mode;
    if (found < ins->b || (ins->c != NONE && found > ins->c))
        return schema_fail_contains(r, ins, found >= ins->b);
    return true;
}

static bool unevaluated_items(struct schema_run *r, const struct schema_ins *ins,
                              const struct value *v, struct evaluated *ev) {
    bool valid = true;
    for (size_t i = 0; i < json_array_size(v->json) && !stops(r, valid); i++) {
        if (!marked(ev, i) && r->s->nodes[ins->a].kind == NODE_FALSE)
            valid = schema_fail_item(r, i);
        else if (!marked(ev, i))
            valid = item(r, ins->a, v->json, i) && valid;
        mark(ev, i);
    }
    return valid;
}

/* Room to compare `count` items; beyond what a record can have it grows. */
static void unique_reserve(struct schema_run *r, size_t count) {
    if (count <= r->unique_max)
        return;
    size_t room = r->unique_max ? r->unique_max : UNIQUE_ITEMS_PREPARED;
    while (room < count)
        room *= 2;
    r->hashes = realloc(r->hashes, room * sizeof *r->hashes);
    r->slots = realloc(r->slots, 2 * room * sizeof *r->slots);
    if (!r->hashes || !r->slots)
        abort();
    r->unique_max = room;
}

static bool unique_by_pairs(const json_t *array, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (schema_value_equal(json_array_get(array, i), json_array_get(array, j)))
                return false;
    return true;
}

static bool unique_items(struct schema_run *r, const json_t *array) {
    size_t count = json_array_size(array);
    if (count <= UNIQUE_PAIRS_MAX)
        return unique_by_pairs(array, count);
    if (count > UINT32_MAX / 4 || !spend(r, count))
        return exhaust(r);
    unique_reserve(r, count);
    size_t slots = 4;
    while (slots < 2 * count)
        slots *= 2;
    memset(r->slots, 0, slots * sizeof *r->slots);
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(array, i);
        r->hashes[i] = schema_value_hash(v);
        size_t slot = r->hashes[i] & (slots - 1);
        for (; r->slots[slot]; slot = (slot + 1) & (slots - 1)) {
            size_t other = r->slots[slot] - 1;
            if (!spend(r, 1)) /* colliding hashes cannot make it quadratic */
                return false;
            if (r->hashes[other] == r->hashes[i] &&
                schema_value_equal(json_array_get(array, other), v))
                return false;
        }
        r->slots[slot] = (uint32_t)i + 1;
    }
    return true;
}

/* ---- combinations ------------------------------------------------------------------------- */

static bool all_of(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                   struct evaluated *ev) {
    bool valid = true;
    for (uint32_t i = ins->a; i < ins->a + ins->b && !stops(r, valid); i++)
        valid = eval(r, r->s->lists[i], v, ev) && valid;
    return valid;
}

/* No alternative fits: reports what is wrong with the one that came closest, if there is one. */
static bool no_alternative(struct schema_run *r, const struct schema_ins *ins,
                           const struct value *v, struct evaluated *ev) {
    if (r->mode != MODE_REPORT)
        return schema_fail(r, ins);
    int best = 0;
    uint32_t closest = NONE;
    for (uint32_t i = ins->a; i < ins->a + ins->b && !r->exhausted; i++) {
        r->mode = MODE_PROBE;
        r->probe = (struct probe){r->depth, SCHEMA_FAR};
        eval(r, r->s->lists[i], v, ev); /* its members are no unknown ones */
        if (r->probe.closeness == best)
            closest = NONE;
        if (r->probe.closeness > best) {
            best = r->probe.closeness;
            closest = r->s->lists[i];
        }
    }
    r->mode = MODE_REPORT;
    if (closest == NONE || r->exhausted)
        return schema_fail(r, ins);
    eval(r, closest, v, ev);
    return false;
}

static bool any_of(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                   struct evaluated *ev) {
    bool any = false;
    for (uint32_t i = ins->a; i < ins->a + ins->b && !(any && !ev); i++)
        any = test(r, r->s->lists[i], v, ev) || any;
    return any || no_alternative(r, ins, v, ev);
}

static bool one_of(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                   struct evaluated *ev) {
    uint32_t found = 0;
    for (uint32_t i = ins->a; i < ins->a + ins->b && found < 2; i++)
        found += test(r, r->s->lists[i], v, ev);
    if (found == 0)
        return no_alternative(r, ins, v, ev);
    return found == 1 || schema_fail_many(r);
}

static bool conditional(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                        struct evaluated *ev) {
    if (ins->b == NONE && ins->c == NONE && !ev)
        return true;
    uint32_t node = test(r, ins->a, v, ev) ? ins->b : ins->c;
    return node == NONE || eval(r, node, v, ev);
}

static bool negation(struct schema_run *r, const struct schema_ins *ins, const struct value *v) {
    bool fits = test(r, ins->a, v, NULL);
    return !fits || r->undecided || schema_fail(r, ins);
}

/* ---- evaluation --------------------------------------------------------------------------- */

static bool ins_object(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                       struct evaluated *ev) {
    if (v->type != JSON_OBJECT)
        return true;
    switch ((enum op)ins->op) {
    case OP_MIN_PROPERTIES:
        return json_object_size(v->json) >= ins->count || schema_fail(r, ins);
    case OP_MAX_PROPERTIES:
        return json_object_size(v->json) <= ins->count || schema_fail(r, ins);
    case OP_OBJECT:
        return object_fits(r, ins, v, ev);
    case OP_DEPENDENT_REQUIRED:
        return dependent_required(r, ins, v->json);
    case OP_DEPENDENT_SCHEMAS:
        return dependent_schemas(r, ins, v, ev);
    default:
        return unevaluated_properties(r, ins, v, ev);
    }
}

static bool ins_array(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                      struct evaluated *ev) {
    if (v->type != JSON_ARRAY)
        return true;
    switch ((enum op)ins->op) {
    case OP_MIN_ITEMS:
        return json_array_size(v->json) >= ins->count || schema_fail(r, ins);
    case OP_MAX_ITEMS:
        return json_array_size(v->json) <= ins->count || schema_fail(r, ins);
    case OP_UNIQUE_ITEMS:
        return unique_items(r, v->json) || r->exhausted || schema_fail(r, ins);
    case OP_ARRAY:
        return array_fits(r, ins, v, ev);
    case OP_CONTAINS:
        return contains_fits(r, ins, v, ev);
    default:
        return unevaluated_items(r, ins, v, ev);
    }
}

static bool ins_eval(struct schema_run *r, const struct schema_ins *ins, const struct value *v,
                     struct evaluated *ev) {
    switch ((enum op)ins->op) {
    case OP_TYPE:
        return (types_of(v) & ins->a) != 0 || schema_fail(r, ins);
    case OP_CONST:
        return equals(v, r->s->values[ins->a]) || schema_fail(r, ins);
    case OP_ENUM:
        return in_enum(r->s, ins, v) || schema_fail(r, ins);
    case OP_MINIMUM:
    case OP_MAXIMUM:
    case OP_EXCLUSIVE_MIN:
    case OP_EXCLUSIVE_MAX:
    case OP_MULTIPLE_OF:
        return (v->type != JSON_INTEGER && v->type != JSON_REAL) ||
               number_fits(r->s, ins, v->json) || schema_fail(r, ins);
    case OP_MIN_LENGTH:
    case OP_MAX_LENGTH:
    case OP_PATTERN:
    case OP_FORMAT:
        return v->type != JSON_STRING || string_fits(r, ins, v) || schema_fail(r, ins);
    case OP_MIN_ITEMS:
    case OP_MAX_ITEMS:
    case OP_UNIQUE_ITEMS:
    case OP_ARRAY:
    case OP_CONTAINS:
    case OP_UNEVALUATED_ITEMS:
        return ins_array(r, ins, v, ev);
    case OP_MIN_PROPERTIES:
    case OP_MAX_PROPERTIES:
    case OP_OBJECT:
    case OP_DEPENDENT_REQUIRED:
    case OP_DEPENDENT_SCHEMAS:
    case OP_UNEVALUATED_PROPERTIES:
        return ins_object(r, ins, v, ev);
    case OP_REF:
        return eval(r, ins->a, v, ev);
    case OP_ALL_OF:
        return all_of(r, ins, v, ev);
    case OP_ANY_OF:
        return any_of(r, ins, v, ev);
    case OP_ONE_OF:
        return one_of(r, ins, v, ev);
    case OP_NOT:
        return negation(r, ins, v);
    case OP_IF:
        return conditional(r, ins, v, ev);
    }
    return true;
}

static bool eval_rules(struct schema_run *r, const struct schema_node *n, const struct value *v,
                       struct evaluated *ev) {
    bool valid = true;
    for (uint32_t i = 0; i < n->ins_count && !stops(r, valid); i++)
        valid = ins_eval(r, &r->s->ins[n->ins_first + i], v, ev) && valid;
    return valid;
}

/* A schema with an unevaluated keyword sees only what it evaluated itself. */
static bool eval_own_set(struct schema_run *r, const struct schema_node *n, const struct value *v,
                         struct evaluated *ev) {
    struct evaluated own;
    if (!set_open(r, v, &own))
        return false;
    bool valid = eval_rules(r, n, v, &own);
    if (ev)
        set_merge(ev, &own);
    set_close(r, &own);
    return valid;
}

static bool eval(struct schema_run *r, uint32_t node, const struct value *v, struct evaluated *ev) {
    const struct schema_node *n = &r->s->nodes[node];
    if (n->kind == NODE_TRUE)
        return true;
    if (n->kind == NODE_FALSE)
        return schema_fail_false(r);
    if (r->nesting == SCHEMA_DEPTH_MAX || r->exhausted || !spend(r, 1))
        return exhaust(r);
    r->nesting++;
    enum mode mode = r->mode;
    if (n->error != NONE)
        r->mode = MODE_TEST;
    bool valid = n->unevaluated ? eval_own_set(r, n, v, ev) : eval_rules(r, n, v, ev);
    r->mode = mode;
    r->nesting--;
    if (!valid && n->error != NONE)
        schema_fail_error(r, &r->s->errors[n->error]);
    return valid;
}

/* ---- the whole ---------------------------------------------------------------------------- */

struct schema_run *schema_run_create(void) {
    struct schema_run *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->regex = regex_scratch_create();
    r->bits = malloc(BITS_WORDS_MAX * sizeof *r->bits);
    if (!r->bits)
        abort();
    unique_reserve(r, UNIQUE_ITEMS_PREPARED);
    return r;
}

void schema_run_destroy(struct schema_run *r) {
    if (!r)
        return;
    regex_scratch_destroy(r->regex);
    free(r->bits);
    free(r->hashes);
    free(r->slots);
    free(r);
}

bool schema_validate(const struct schema *s, struct schema_run *r, const json_t *instance,
                     const char *path_prefix, struct problems *out) {
    r->s = s;
    r->out = out;
    r->prefix = path_prefix;
    r->mode = out ? MODE_REPORT : MODE_TEST;
    r->depth = 0;
    r->nesting = 0;
    r->bits_used = 0;
    r->steps = SCHEMA_STEPS_MAX;
    r->pattern_steps = SCHEMA_PATTERN_STEPS_MAX;
    r->exhausted = false;
    r->undecided = false;
    struct value v = value_of(instance);
    bool valid = eval(r, s->entry_node, &v, NULL);
    if (r->exhausted)
        schema_report_exhausted(r);
    return valid && !r->exhausted && !r->undecided;
}
