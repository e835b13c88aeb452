/* The catalogue of forms: the data files of schema/forms and schema/codes.json, compiled once.
 *
 * A catalogue and everything found in it is immutable and may be shared by threads; all pointers
 * into it live as long as it does. That includes `code` and texts of problems of level warning, so
 * problems are written out or dropped before the catalogue is destroyed. What a validation needs
 * to work with is a struct form_run: one per thread, for one catalogue.
 *
 * Reading data that fits a form allocates nothing outside SQLite. Without memory the program
 * aborts. */
#ifndef FORM_H
#define FORM_H

#include "buf.h"
#include "err.h"
#include "problem.h"
#include "subject.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORM_GATES_MAX 32
#define FORM_CHECKS_MAX 32
#define FORM_WRITES_MAX 64          /* facts that one record can write of one entity */
#define FORM_LISTS_MAX 4            /* arrays of a form whose items write facts */
#define FORM_LIST_ITEMS_MAX 100     /* maxItems of such an array */
#define FORM_ENTITY_ID_SIZE 256     /* of an entity id made by a template, with its NUL */
#define FORM_CHECK_STEPS_MAX 200000 /* SQLite instructions for all checks of one record */

#define FORM_ROLES_ANY UINT32_MAX /* x-roles ["any"] */

enum form_kind { FORM_EVENT, FORM_MERGE, FORM_SECRET, FORM_REGISTER };

/* A named fact of a kind of entity. */
struct fact {
    unsigned index;     /* 0 … form_fact_count()-1, in the order of entity, name */
    const char *entity; /* household person division project finding assignment unit cadre */
    const char *name;
    unsigned sensitivity; /* x-class: 0 … 4 */
    bool required;        /* one of those that make the entity registered */
    const char *label_zh, *label_en;
    const json_t *schema; /* of the property that declares it */
};

/* How a form writes a fact: from a property of data, or a constant. */
struct form_write {
    const struct fact *fact;
    const char *outer;  /* member of data that holds the property, NULL = data itself */
    const char *key;    /* the property, NULL for a constant */
    const char *path;   /* JSON Pointer into the record, for problems */
    json_t *constant;   /* NULL for a property */
    const json_t *when; /* {"member": [values]}: when the constant is written; NULL = always */
    uint32_t roles;     /* who may write it */
};

/* While `when` is true the author's role must be in `roles`, else the record is held. */
struct form_gate {
    const char *name, *path, *zh, *en;
    uint32_t roles;
};

enum form_level { FORM_ERROR, FORM_HELD, FORM_WARNING };

struct form_check {
    const char *name, *path, *zh, *en;
    enum form_level level;
};

/* An array of data whose items name an entity each and write facts of it. */
struct form_list {
    const char *member; /* of data */
    const char *entity; /* kind: household or person; no other part of the form writes it */
    const char *entity_template; /* of the entity's id; names are `subject` or members of an item */
    struct form_write writes[FORM_WRITES_MAX]; /* keys of an item */
    size_t write_count;
};

struct form {
    const char *id;
    int64_t fv;
    unsigned index; /* 0 … form_count()-1, in the order of id, fv */
    enum form_kind kind;
    uint32_t roles;        /* who may write it; imports always may */
    unsigned subjects;     /* bits of enum subject_kind */
    unsigned sensitivity;  /* of fields that say nothing else */
    bool withholds;        /* some property is handed out to nobody (x-withheld) */
    unsigned entity_class; /* of the row of its entity */
    const char *label_zh, *label_en;
    const char *entity;          /* kind of the entity whose facts it writes, NULL if none */
    const char *entity_template; /* of the entity's id, NULL = the subject */
    const struct form_write *writes;
    size_t write_count;
    const struct form_list *lists;
    size_t list_count;
    const struct form_gate *gates;
    size_t gate_count;
    const struct form_check *checks;
    size_t check_count;
    bool by_register;    /* scope is judged by the register alone, not by assignments */
    uint32_t area_roles; /* roles that may act on others' records in their area of the register */
    uint32_t unit_roles; /* roles that an assignment of their unit gives scope */
    const char *place;   /* member of data that names the division where its subject is, or NULL */
    unsigned opens;      /* kind of entity that the record itself becomes, e.g. a finding */
    const json_t *exclusive; /* {"member": [values]}: one at a time of these, else NULL */
    struct form_own *own;    /* of form*.c */
};

struct form_catalog;
struct form_run;

/* Reads DIR/codes.json and DIR/forms/ *.json. NULL and an error (ERR_USAGE, ERR_IO) that names
 * file and place if anything in them is wrong: the whole set is refused. */
struct form_catalog *form_catalog_load(const char *dir, struct err *e);
void form_catalog_destroy(struct form_catalog *c);

size_t form_count(const struct form_catalog *c);
const struct form *form_at(const struct form_catalog *c, size_t index);
/* NULL if the catalogue has no such version. */
const struct form *form_find(const struct form_catalog *c, const char *id, size_t id_size,
                             int64_t fv);
/* The greatest version; NULL if there is none. */
const struct form *form_newest(const struct form_catalog *c, const char *id);

size_t form_fact_count(const struct form_catalog *c);
const struct fact *form_fact_at(const struct form_catalog *c, size_t index);
const struct fact *form_fact_find(const struct form_catalog *c, const char *entity,
                                  const char *name);

/* True if of the entities with this value of a member only the latest of a target is in force
 * (x-exclusive). */
bool form_exclusive(const struct form_catalog *c, const char *entity, const char *member,
                    const char *value);

/* The class of rows of this kind of entity: the greatest x-entity-class of its forms, 1 without. */
unsigned form_entity_class(const struct form_catalog *c, const char *entity);

/* Roles that an assignment of their unit gives scope: of all forms together (x-unit-roles). */
uint32_t form_unit_roles(const struct form_catalog *c);

/* The bit of a role of codes.json; 0 if there is none of that name. */
uint32_t form_role_bit(const struct form_catalog *c, const char *name);

static inline bool form_takes_subject(const struct form *f, const struct subject *s) {
    return (f->subjects & s->kinds) != 0;
}

/* Working memory of validations: a schema_run and a private in-memory SQLite connection whose
 * statements can read nothing but what is bound to them. The catalogue must outlive it. */
struct form_run *form_run_create(const struct form_catalog *c, struct err *e);
void form_run_destroy(struct form_run *r);

struct form_input {
    const json_t *data;
    const char *data_text; /* the same as text; size 0 = made from data where needed */
    size_t data_size;
    const char *record_text; /* NULL = there is no record around data: then record, subject,
                                author, hlc and gps are NULL to the checks */
    size_t record_size;
    const char *subject;
    const char *author;
    int64_t hlc_ms;
    const char *gps_text; /* NULL = none; JSON null is none too */
    size_t gps_size;
};

/* Zero-initialised is empty. */
struct form_verdict {
    struct problems errors;   /* rejected; paths begin with /data, /gps, /subject */
    struct problems warnings; /* code = the check's name */
    struct problems held;     /* what holds the record whoever wrote it */
    uint64_t gates_true;      /* bit i: gates[i] applies */
    bool hidden; /* x-hidden: covert work; or that cannot be told, the data being unfit */
};
void form_verdict_fini(struct form_verdict *v);

/* True if the data fits the form: its schema, then (only if that held) its checks. Adds to *out. */
bool form_validate(const struct form *f, struct form_run *r, const struct form_input *in,
                   struct form_verdict *out);

struct form_fact {
    const struct fact *fact;
    const json_t *value; /* borrowed */
    uint32_t roles;
    const char *path;
};

/* The facts that this data writes; returns their number, at most FORM_WRITES_MAX. */
size_t form_facts(const struct form *f, const json_t *data, struct form_fact *ret);

/* The id of the entity whose facts it writes: the subject, or made by the form's template. False
 * if it does not fit into size. */
bool form_entity_id(const struct form *f, const char *subject, const json_t *data, char *out,
                    size_t size);

/* The facts of one entity that a record writes. */
struct form_part {
    const char *entity; /* its kind */
    char id[FORM_ENTITY_ID_SIZE];
    struct form_fact facts[FORM_WRITES_MAX];
    size_t count;
};

/* The parts of a record, one a call: that of its own entity first, then those of list items. *pos
 * begins as 0. Items count that name an entity of the household that the record is about, for the
 * first time in their list. False: no more. */
bool form_next_part(const struct form *f, const char *subject, const json_t *data, size_t *pos,
                    struct form_part *ret);

/* A new copy of data with only the members of the classes in the mask (bit n = class Ln). */
json_t *form_redact(const struct form *f, const json_t *data, unsigned classes);
/* Appends the message of the topic `catalog` (protocol §11). */
void form_catalog_json(const struct form_catalog *c, struct buf *out);
/* The message of `catalog/{form}/{fv}`: compact JSON with the code lists as enums. */
const char *form_schema_text(const struct form *f, size_t *ret_size);

#endif
