#include "schema_compiler.h"
#include "schema_uri.h"

#include <stdlib.h>
#include <string.h>

static bool failed(const struct schema_compiler *c) {
    return err_is_set(c->e);
}

static void path_set(struct schema_compiler *c, const char *pointer) {
    buf_clear(&c->path);
    buf_add_str(&c->path, pointer);
}

static struct schema_ins *ins_find(const struct schema *s, uint32_t node, enum op op) {
    const struct schema_node *n = &s->nodes[node];
    for (uint32_t i = n->ins_first; i < n->ins_first + n->ins_count; i++)
        if (s->ins[i].op == op)
            return &s->ins[i];
    return NULL;
}

/* ---- references --------------------------------------------------------------------------- */

/* The next token of a JSON Pointer that stands at its "/", unescaped into token (of the pointer's
 * size); NULL if it is malformed. Otherwise where the pointer goes on. */
static const char *token_next(const char *at, char *token) {
    for (at++; *at && *at != '/'; at++) {
        *token = *at;
        if (*at == '~') {
            at++;
            if (*at != '0' && *at != '1')
                return NULL;
            *token = *at == '0' ? '~' : '/';
        }
        token++;
    }
    *token = '\0';
    return at;
}

static const json_t *step(const json_t *json, const char *token) {
    if (!json_is_array(json))
        return json_object_get(json, token);
    size_t digits = strspn(token, "0123456789");
    if (digits == 0 || digits > 9 || token[digits] || (token[0] == '0' && digits > 1))
        return NULL;
    return json_array_get(json, strtoul(token, NULL, 10));
}

/* What the pointer leads to from json, or NULL. */
static const json_t *follow(const json_t *json, const char *pointer) {
    char *token = malloc(strlen(pointer) + 1);
    if (!token)
        abort();
    while (json && pointer && *pointer) {
        pointer = token_next(pointer, token);
        json = pointer ? step(json, token) : NULL;
    }
    free(token);
    return json;
}

static uint32_t node_at(const struct schema_compiler *c, const char *pointer) {
    for (uint32_t i = 0; i < c->node_count; i++)
        if (!strcmp(c->origins[i].pointer, pointer))
            return i;
    return NONE;
}

/* The node at a pointer within a resource. A place that no keyword made a subschema is compiled
 * now, if it can be one. */
static uint32_t resolve_pointer(struct schema_compiler *c, uint32_t resource, const char *pointer) {
    const struct schema_resource *r = &c->resources[resource];
    uint32_t root = r->node;
    struct buf whole;
    buf_init(&whole, 1u << 20);
    buf_add_str(&whole, c->origins[root].pointer);
    buf_add_str(&whole, pointer);
    uint32_t node = node_at(c, whole.data);
    const json_t *json = node == NONE ? follow(r->json, pointer) : NULL;
    if (node == NONE && !json) {
        schema_refuse(c, "$ref", "leads to nothing");
    } else if (node == NONE) {
        path_set(c, whole.data);
        node = schema_compile_node(c, json, root, resource, false);
    }
    buf_fini(&whole);
    return node;
}

static uint32_t resolve_anchor(struct schema_compiler *c, uint32_t resource, const char *name) {
    for (uint32_t i = 0; i < c->anchor_count; i++)
        if (c->anchors[i].resource == resource && !strcmp(c->anchors[i].name, name))
            return c->anchors[i].node;
    schema_refuse(c, "$ref", "names an unknown anchor");
    return NONE;
}

static uint32_t resource_find(const struct schema_compiler *c, const char *uri) {
    for (uint32_t i = c->resource_count; i-- > 0;)
        if (!strcmp(c->resources[i].uri, uri))
            return i;
    return NONE;
}

static uint32_t resolve_ref(struct schema_compiler *c, const struct schema_ref *ref) {
    path_set(c, c->origins[ref->node].pointer);
    uint32_t node = NONE;
    uint32_t own = c->origins[ref->node].resource;
    char *uri = schema_uri_resolve(c->resources[own].uri, ref->text);
    char *fragment = schema_uri_fragment(ref->text);
    uint32_t resource = resource_find(c, uri);
    if (!fragment)
        schema_refuse(c, "$ref", "has a malformed fragment");
    else if (resource == NONE)
        schema_refuse(c, "$ref", "leads outside the document: remote references are not supported");
    else if (fragment[0] && fragment[0] != '/')
        node = resolve_anchor(c, resource, fragment);
    else
        node = resolve_pointer(c, resource, fragment);
    free(uri);
    free(fragment);
    return node;
}

/* ---- recursion ---------------------------------------------------------------------------- */

enum colour { WHITE, GREY, BLACK };

/* A walk along what applies to the same value. */
struct walk {
    struct schema_compiler *c;
    unsigned char *colours; /* of each node */
    uint32_t depth;
};

static bool visit(struct walk *w, uint32_t node);

/* Everything that an instruction applies to the same value. */
static bool visit_ins(struct walk *w, const struct schema_ins *ins) {
    const struct schema *s = w->c->s;
    bool right = true;
    switch ((enum op)ins->op) {
    case OP_REF:
    case OP_NOT:
        return visit(w, ins->a);
    case OP_ALL_OF:
    case OP_ANY_OF:
    case OP_ONE_OF:
        for (uint32_t i = ins->a; i < ins->a + ins->b && right; i++)
            right = visit(w, s->lists[i]);
        return right;
    case OP_IF:
        return visit(w, ins->a) && visit(w, ins->b) && visit(w, ins->c);
    case OP_DEPENDENT_SCHEMAS:
        for (uint32_t i = ins->a; i < ins->a + ins->b && right; i++)
            right = visit(w, s->dependencies[i].node);
        return right;
    default:
        return true;
    }
}

static bool visit(struct walk *w, uint32_t node) {
    struct schema_compiler *c = w->c;
    if (node == NONE || w->colours[node] == BLACK)
        return true;
    if (w->colours[node] == GREY || w->depth == SCHEMA_DEPTH_MAX) {
        path_set(c, c->origins[node].pointer);
        return schema_refuse(c, NULL, "%s",
                             w->colours[node] == GREY
                                 ? "refers to itself for the same value, without end"
                                 : "references lead on too far");
    }
    w->colours[node] = GREY;
    w->depth++;
    const struct schema_node *n = &c->s->nodes[node];
    for (uint32_t i = n->ins_first; i < n->ins_first + n->ins_count; i++)
        if (!visit_ins(w, &c->s->ins[i]))
            return false;
    w->depth--;
    w->colours[node] = BLACK;
    return true;
}

static bool check_recursion(struct schema_compiler *c) {
    struct walk w = {c, calloc(c->node_count, 1), 0};
    if (!w.colours)
        abort();
    bool right = true;
    for (uint32_t i = 0; i < c->node_count && right; i++)
        right = visit(&w, i);
    free(w.colours);
    return right;
}

/* ---- labels ------------------------------------------------------------------------------- */

static uint32_t label_follow(const struct schema *s, uint32_t node) {
    while (node != NONE && s->nodes[node].label == NONE) {
        const struct schema_ins *ref = ins_find(s, node, OP_REF);
        node = ref ? ref->a : NONE;
    }
    return node == NONE ? NONE : s->nodes[node].label;
}

/* The label of a member as the node or one of those around it describes it: a `required` in a
 * `then` finds the label that stands in the `properties` of the whole. */
static uint32_t label_find(const struct schema_compiler *c, uint32_t node,
                           const struct schema_name *name) {
    const struct schema *s = c->s;
    for (;; node = c->origins[node].parent) {
        const struct schema_ins *ins = ins_find(s, node, OP_OBJECT);
        const struct schema_entry *entry =
            ins ? schema_table_find(s, &s->objects[ins->a].table, s->pool + name->offset,
                                    name->size)
                : NULL;
        if (entry && entry->node != NONE && s->nodes[entry->node].label != NONE)
            return s->nodes[entry->node].label;
        if (!c->origins[node].in_place)
            return NONE;
    }
}

static void find_labels(struct schema_compiler *c) {
    struct schema *s = c->s;
    for (uint32_t i = 0; i < c->node_count; i++)
        s->nodes[i].label = label_follow(s, i);
    for (uint32_t i = 0; i < c->object_count; i++) {
        const struct schema_table *t = &s->objects[i].table;
        for (uint32_t j = t->entry_first; j < t->entry_first + t->entry_count; j++)
            s->entries[j].label = label_find(c, c->object_nodes[i], &s->entries[j].name);
    }
    for (uint32_t i = 0; i < c->dependency_count; i++) {
        struct schema_dependency *d = &s->dependencies[i];
        d->trigger_label = label_find(c, c->dependency_nodes[i], &d->trigger);
        if (d->node == NONE)
            d->needed_label = label_find(c, c->dependency_nodes[i], &d->needed);
    }
}

bool schema_resolve(struct schema_compiler *c) {
    for (uint32_t i = 0; i < c->ref_count && !failed(c); i++) { /* compiling adds references */
        struct schema_ref ref = c->refs[i];
        uint32_t target = resolve_ref(c, &ref);
        if (target != NONE)
            ins_find(c->s, ref.node, OP_REF)->a = target;
    }
    if (failed(c) || !check_recursion(c))
        return false;
    find_labels(c);
    return true;
}
