/* What form_load.c builds and the other form*.c use. Not for others. */
#ifndef FORM_PRIVATE_H
#define FORM_PRIVATE_H

#include "form.h"
#include "schema.h"

#define FORM_ROLES_MAX 31

#define FORM_MEMBERS_MAX 64     /* different members of data that the expressions of a form read */
#define FORM_MEMBER_PARAMETER 8 /* the SQL parameter of the first */

struct form_own {
    struct form form; /* what form_find gives */
    json_t *root;     /* the file, code lists filled in */
    char *text;       /* compact */
    size_t text_size;
    struct schema *schema;
    struct form_write *writes;
    struct form_list *lists;
    struct form_gate *gates;
    struct form_check *checks;
    const char **gate_sql, **check_sql; /* SQL expressions, members of data as parameters */
    const char *hidden_sql;             /* or NULL */
    json_t *members; /* what those parameters stand for: arrays of keys, from data inward */
    json_t *texts;   /* array of strings made while loading, e.g. paths of writes */
};

struct form_catalog {
    json_t *codes;
    const char *role_names[FORM_ROLES_MAX];
    size_t role_count;
    struct form_own **forms; /* in the order of id, fv */
    size_t form_count;
    struct fact **facts; /* in the order of entity, name */
    size_t fact_count;
    uint32_t *slots; /* hash table over (id, fv): index + 1, 0 is free */
    uint32_t slot_mask;
    char hash[65];
};

/* Compiles every SQL expression by itself, so that the error names it. */
bool form_run_try(const struct form_own *f, struct err *e);

/* x-prefill, x-cross-check and x-own of every property; the facts that they name exist. */
bool form_sources_fit(const struct form_catalog *c, struct err *e);

uint32_t form_hash(const char *id, size_t size, int64_t fv);

#endif
