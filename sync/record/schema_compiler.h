/* What the parts of the compiler share: schema_compile.c reads the keywords, schema_resolve.c
 * joins what they refer to. Nothing of this outlives schema_compile(). */
#ifndef SCHEMA_COMPILER_H
#define SCHEMA_COMPILER_H

#include "buf.h"
#include "err.h"
#include "schema.h"
#include "schema_program.h"

/* A schema resource: the document, or a subschema with an $id. */
struct schema_resource {
    char *uri; /* absolute as far as the document says, without fragment */
    const json_t *json;
    uint32_t node;
};

struct schema_anchor {
    const char *name;
    uint32_t resource;
    uint32_t node;
};

struct schema_ref {
    const char *text;
    uint32_t node; /* that has the $ref */
};

/* Where a node comes from. */
struct schema_origin {
    char *pointer;
    const json_t *json;
    uint32_t resource;
    uint32_t parent; /* the node around it, NONE for the root */
    bool in_place;   /* applies to the same instance as the parent */
};

struct schema_compiler {
    struct schema *s;
    struct err *e;
    unsigned flags;
    struct buf path; /* JSON Pointer of the subschema that is being compiled */
    uint32_t nesting;
    uint32_t node_count, ins_count, list_count, value_count, entry_count, slot_count, object_count,
        pattern_count, dependency_count, label_count, error_count, pool_size;
    struct schema_ins *pending; /* instructions of nodes that are not finished, a stack */
    uint32_t pending_count;
    struct schema_origin *origins; /* one for each node */
    struct schema_resource *resources;
    uint32_t resource_count;
    struct schema_anchor *anchors;
    uint32_t anchor_count;
    struct schema_ref *refs;
    uint32_t ref_count;
    uint32_t *object_nodes;     /* the node of each object rule */
    uint32_t *dependency_nodes; /* and of each dependency */
    uint32_t dependency_node_count;
    const json_t **pattern_texts; /* of each regex */
};

/* Room for `add` more elements in an array of `count`, whose capacity is always the power of two
 * at or above its count. Aborts without memory. */
void *schema_room(void *array, uint32_t count, uint32_t add, size_t element_size);

/* ERR_USAGE at the current subschema's pointer plus keyword (may be NULL); returns false. */
bool schema_refuse(struct schema_compiler *c, const char *keyword, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Compiles one subschema at c->path; its node, or NONE with the error set. */
uint32_t schema_compile_node(struct schema_compiler *c, const json_t *json, uint32_t parent,
                             uint32_t resource, bool in_place);

/* Resolves all references, including to places that are no known subschema; refuses the
 * unresolvable ones and those that lead back to themselves without consuming the instance; then
 * finds the labels. */
bool schema_resolve(struct schema_compiler *c);

#endif
