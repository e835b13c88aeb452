/* One PUBLISH decoded: steps 1, 2, 4 and 5 of protocol §5, all that needs no database. Pure; runs
 * beside the writer, one thread per form_run. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "form.h"
#include "hash.h"
#include "problem.h"
#include "slice.h"
#include "subject.h"

#include <jansson.h>
#include <stdint.h>

enum record_state {
    RECORD_FIT,       /* well-formed, its data fits the form */
    RECORD_MALFORMED, /* its own members are not well-formed */
    RECORD_NO_FORM,   /* form or version is not in the catalogue */
    RECORD_UNFIT      /* its data does not fit the form, or the subject's kind does not */
};

/* Borrows from the envelope that holds it. */
struct record {
    enum record_state state;
    json_t *json;
    struct slice text; /* the record as it came */
    const char *id;    /* as sent, "" if it is no string */
    unsigned char id_bytes[16];
    bool has_id; /* id is a UUIDv7 */
    int64_t seq; /* 0 if malformed */
    const struct form *form;
    const char *form_id;
    int64_t fv;
    const char *subject;
    struct subject place; /* the subject parsed */
    int64_t hlc;
    const char *author;
    unsigned char amends[16];
    bool has_amends;
    uint64_t gates;           /* gates of the form that are on */
    bool hidden;              /* covert work (x-hidden) */
    struct problems problems; /* errors if not RECORD_FIT, else warnings */
    struct problems held;     /* broken conduct that the record itself shows */
};

struct envelope {
    json_t *root;
    char *text;
    size_t size;
    const char *device; /* of the topic; owned */
    const char *via;    /* relay of the topic or ""; owned */
    bool atomic;
    int64_t pending; /* -1 = not said */
    char payload_hash[SHA256_HEX_SIZE];
    struct problems problems; /* of the payload as a whole: then no record was looked at */
    void *raw;                /* its bytes, kept only then */
    size_t raw_size;
    size_t count;
    struct record *records;
};

/* Never NULL (aborts out of memory). `device` and `via` are copied. The catalogue must outlive the
 * envelope. */
struct envelope *envelope_decode(const struct form_catalog *catalog, struct form_run *run,
                                 const char *device, const char *via, const void *payload,
                                 size_t size);
void envelope_destroy(struct envelope *v);

/* Looks at one record object (imports, records read back from the log): fills *ret, which borrows
 * json and text. envelope_decode does this for each of its records. */
void record_read(struct record *ret, const struct form_catalog *catalog, struct form_run *run,
                 json_t *json, struct slice text);
/* The same for a record that an import wrote: its author is the server. */
void record_read_import(struct record *ret, const struct form_catalog *catalog,
                        struct form_run *run, json_t *json, struct slice text);
void record_fini(struct record *r);

/* True if two records are the same content: equal JSON values, hlc and seq left out. */
bool record_same_content(json_t *a, json_t *b);

#endif
