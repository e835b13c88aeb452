/* The compiled form of a schema: written by schema_compile.c, read by schema_run.c and
 * schema_report.c. All parts refer to each other by index into the flat arrays of the schema. */
#ifndef SCHEMA_PROGRAM_H
#define SCHEMA_PROGRAM_H

#include "regex.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define NONE UINT32_MAX

/* One instruction for a keyword, or for several that are evaluated together. In the order of
 * evaluation: what is cheap first, the unevaluated keywords after all that they depend on. */
enum op {
    OP_TYPE,                  /* a: bit set of enum type_bit */
    OP_CONST,                 /* a: value */
    OP_ENUM,                  /* a: first value, b: count; table: the strings among them */
    OP_MINIMUM,               /* a: value (a number) */
    OP_MAXIMUM,               /* a: value */
    OP_EXCLUSIVE_MIN,         /* a: value */
    OP_EXCLUSIVE_MAX,         /* a: value */
    OP_MULTIPLE_OF,           /* a: value */
    OP_MIN_LENGTH,            /* count */
    OP_MAX_LENGTH,            /* count */
    OP_PATTERN,               /* a: regex */
    OP_FORMAT,                /* a: enum format */
    OP_MIN_ITEMS,             /* count */
    OP_MAX_ITEMS,             /* count */
    OP_UNIQUE_ITEMS,          /* */
    OP_MIN_PROPERTIES,        /* count */
    OP_MAX_PROPERTIES,        /* count */
    OP_OBJECT,                /* a: object rules */
    OP_DEPENDENT_REQUIRED,    /* a: first dependency, b: count */
    OP_ARRAY,                 /* a: first prefix node in lists, b: their count; c: node of items */
    OP_CONTAINS,              /* a: node, b: least, c: most (NONE: no bound) */
    OP_REF,                   /* a: node */
    OP_ALL_OF,                /* a: first node in lists, b: count */
    OP_ANY_OF,                /* the same */
    OP_ONE_OF,                /* the same */
    OP_NOT,                   /* a: node */
    OP_IF,                    /* a: node of if, b: of then, c: of else (NONE: absent) */
    OP_DEPENDENT_SCHEMAS,     /* a: first dependency, b: count */
    OP_UNEVALUATED_ITEMS,     /* a: node */
    OP_UNEVALUATED_PROPERTIES /* a: node */
};

enum type_bit {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_OBJECT = 4,
    TYPE_ARRAY = 8,
    TYPE_NUMBER = 16,
    TYPE_STRING = 32,
    TYPE_INTEGER = 64
};

enum format { FORMAT_DATE, FORMAT_DATE_TIME, FORMAT_UUID, FORMAT_REGEX };

struct schema_name {
    uint32_t offset; /* in the pool of the schema, NUL-terminated there */
    uint32_t size;
    uint32_t hash;
};

/* A name with what the schema says about it; also used for the strings of an enum. */
struct schema_entry {
    struct schema_name name;
    uint32_t node;  /* of `properties`, NONE: only required */
    uint32_t label; /* what people call it, NONE: use the name */
    bool required;
};

/* Hash table over a run of entries: slots hold entry index + 1, 0 is free. */
struct schema_table {
    uint32_t entry_first, entry_count;
    uint32_t slot_first, slot_mask;
};

struct schema_pattern {
    uint32_t regex;
    uint32_t node;
};

struct schema_object {
    struct schema_table table;
    uint32_t required_count;
    uint32_t pattern_first, pattern_count;
    uint32_t additional; /* node or NONE */
    uint32_t names;      /* node of propertyNames or NONE */
};

/* dependentSchemas: node; dependentRequired: one for each pair of names. */
struct schema_dependency {
    struct schema_name trigger;
    uint32_t trigger_label;
    struct schema_name needed;
    uint32_t needed_label;
    uint32_t node;
};

struct schema_ins {
    uint8_t op; /* enum op */
    uint32_t a, b, c;
    uint64_t count;
    struct schema_table table;
};

enum node_kind { NODE_TRUE, NODE_FALSE, NODE_RULES };

struct schema_node {
    uint8_t kind;     /* enum node_kind */
    bool unevaluated; /* has an unevaluated keyword: keeps its own account of what was evaluated */
    uint32_t ins_first, ins_count;
    uint32_t label; /* its own or that of what it refers to, NONE */
    uint32_t error; /* of x-error, NONE */
};

struct schema_label {
    const char *zh, *en; /* owned by the root of the schema, like all texts below */
};

struct schema_error {
    const char *zh, *en, *name, *code;
};

struct schema {
    json_t *root; /* a private copy: the values of const and enum, the bounds, the texts */
    uint32_t entry_node;
    struct schema_node *nodes;
    struct schema_ins *ins;
    uint32_t *lists;
    const json_t **values;
    struct schema_entry *entries;
    uint32_t *slots;
    struct schema_object *objects;
    struct schema_pattern *patterns;
    struct schema_dependency *dependencies;
    struct schema_label *labels;
    struct schema_error *errors;
    struct regex **regexes;
    uint32_t regex_count;
    char *pool;
};

/* FNV-1a. */
static inline uint32_t schema_hash(const char *text, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

/* The entry of that name, or NULL. */
const struct schema_entry *schema_table_find(const struct schema *s, const struct schema_table *t,
                                             const char *name, size_t size);

#endif
