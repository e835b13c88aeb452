/* The state of one validation: shared by schema_run.c, which evaluates, and schema_report.c, which
 * puts failures into words. */
#ifndef SCHEMA_STATE_H
#define SCHEMA_STATE_H

#include "problem.h"
#include "schema.h"
#include "schema_program.h"

enum mode {
    MODE_TEST,  /* is it valid? stop at the first failure */
    MODE_PROBE, /* how far off is it? see struct probe */
    MODE_REPORT /* every failure becomes a problem */
};

/* One step of the path from the root of the instance. */
struct schema_segment {
    const char *key; /* NULL: an item of an array */
    size_t size;     /* of the key */
    size_t index;    /* of the item */
    uint32_t label;  /* of the value there, NONE */
};

#define SCHEMA_FAR 1000000 /* further than any failure */

/* How close an alternative of anyOf or oneOf came: the failure that is worst for it. */
struct probe {
    uint32_t base; /* depth of the value that the alternatives are about */
    int closeness; /* 0: of another kind (its type or constant differs); then 1 + relative depth */
};

struct schema_run {
    const struct schema *s;
    struct problems *out;
    const char *prefix;
    enum mode mode;
    struct probe probe;
    struct schema_segment path[SCHEMA_DEPTH_MAX];
    uint32_t depth;         /* segments of the path */
    uint32_t nesting;       /* subschemas being evaluated */
    uint32_t steps;         /* left */
    uint64_t pattern_steps; /* left */
    bool exhausted;         /* a bound was reached: no verdict, so not valid */
    bool undecided;         /* a pattern could not be decided, the same */
    struct regex_scratch *regex;
    uint64_t *bits; /* stack of the sets of evaluated members and items */
    size_t bits_used;
    uint64_t *hashes; /* of the items of an array, for uniqueItems */
    uint32_t *slots;
    size_t unique_max; /* items that hashes and slots have room for */
};

/* All of these take a failure at the current path in the current mode and return false. */

/* A keyword that the value itself breaks. */
bool schema_fail(struct schema_run *r, const struct schema_ins *ins);
/* A missing member. */
bool schema_fail_required(struct schema_run *r, const struct schema_entry *entry);
bool schema_fail_dependent(struct schema_run *r, const struct schema_dependency *d);
/* A member that must not be there. */
bool schema_fail_unknown(struct schema_run *r, const char *key, size_t size);
/* A member whose name breaks propertyNames. */
bool schema_fail_name(struct schema_run *r, const char *key, size_t size);
/* An item that must not be there. */
bool schema_fail_item(struct schema_run *r, size_t index);
/* A value where none is allowed. */
bool schema_fail_false(struct schema_run *r);
/* Too few or too many items that match `contains`. */
bool schema_fail_contains(struct schema_run *r, const struct schema_ins *ins, bool too_many);
/* More than one alternative of oneOf fits. */
bool schema_fail_many(struct schema_run *r);
/* The sentences of an x-error. */
bool schema_fail_error(struct schema_run *r, const struct schema_error *error);
/* A pattern that reached its bound: a problem in every mode. */
bool schema_fail_undecided(struct schema_run *r);
/* The whole could not be checked within the bounds. */
void schema_report_exhausted(struct schema_run *r);

#endif
