/* The inside of a phone, shared by phone*.c. */
#ifndef PHONE_PRIVATE_H
#define PHONE_PRIVATE_H

#include "buf.h"
#include "hash.h"
#include "hlc.h"
#include "phone.h"
#include "phone_forms.h"
#include "strmap.h"
#include "topics.h"

#include <jansson.h>

#define IN_FLIGHT_MAX 10       /* envelopes that the broker has not acknowledged */
#define SENT_MAX 64            /* envelopes remembered by their hash */
#define TOKEN_NOBODY 0         /* of messages whose fate is of no interest */
#define TOKEN_PULL 1           /* of pull requests */
#define TOKEN_ENVELOPE 2       /* the first of envelopes */
#define ANSWER_US_MAX 10000000 /* an answer that is older says nothing about the time */

struct phone_record {
    char id[UUID_TEXT_SIZE];
    char *text;
    size_t size;
    size_t hlc_at; /* of the stamp in text */
    const char *form;
    size_t subject_at, subject_size; /* in text */
    int64_t hlc;
    enum phone_state state;
    bool wrong;     /* meant to be rejected */
    bool single;    /* travels alone: an envelope with it was refused */
    bool ahead;     /* the server said that its stamp lies ahead */
    bool refused;   /* rejected by a reviewer */
    unsigned group; /* of an atomic envelope, 0 = none */
    unsigned sends;
    int64_t first_us, last_us; /* sent */
    int64_t wait_us;           /* until it is sent again */
    int64_t due_us;            /* PHONE_SENT: in online time; else monotonic */
};

struct sent_envelope {
    uint64_t token; /* 0 = free */
    bool waiting;   /* for the broker */
    unsigned char hash[SHA256_SIZE];
    size_t count;
    size_t *records;
};

/* What the phone has of an entity, task or record. */
struct copy {
    int kind;
    bool present; /* counts in the digest */
    int64_t rev;
    uint64_t hash;    /* its part of the digest */
    json_t *seen;     /* owned, or NULL */
    bool open;        /* of a task: something can be done */
    bool lives;       /* of a person: counted as a member */
    unsigned members; /* of a household, as far as they have come */
    double lat, lng;  /* of a division, 0 = unknown */
    char id[];
};

enum {
    KIND_DIVISION,
    KIND_HOUSEHOLD,
    KIND_PERSON,
    KIND_PROJECT,
    KIND_FINDING,
    KIND_TASK,
    KIND_ASSIGNMENT,
    KIND_RECORD,
    KIND_HELD,
    KIND_COUNT
};

/* A set of kinds with a cursor of its own. */
struct pull_set {
    unsigned kinds; /* bits */
    char *cursor;   /* NULL = from the beginning */
    int64_t seq;    /* of the last complete pull, -1 = none */
    bool wanted;
    int64_t due_us;     /* not before */
    int64_t renewed_us; /* when it last began anew because of a mismatch, 0 = never */
};

struct phone {
    struct phone_world *world;
    struct phone_options options; /* texts owned */
    struct rng_seeded seeded;
    struct rng rng;
    struct publisher publisher;
    bool connected;

    /* clock */
    int64_t clock_error_ms;
    int64_t correction_ms;
    bool corrected;
    bool asks_time; /* clock_ahead: nothing is sent until the time is known */
    int64_t last_hlc;

    /* server */
    char epoch[UUID_TEXT_SIZE], boot[UUID_TEXT_SIZE];
    bool said_online;   /* by `server`, on this connection */
    bool server_online; /* and the phone is connected */
    int64_t online_us;  /* time online before online_since_us */
    int64_t online_since_us;

    /* outbox */
    struct phone_record *records;
    size_t record_count, record_capacity;
    struct strmap by_id; /* index + 1 */
    size_t *open;        /* indices of those that are not stored or rejected, in order */
    size_t open_count, open_capacity;
    unsigned groups;
    struct sent_envelope sent[SENT_MAX];
    uint64_t next_token;
    size_t in_flight;
    bool blocked; /* the publisher took nothing more */
    struct buf envelope, packed;

    /* pull */
    struct pull_set sets[2];
    size_t set_count;
    int asking; /* set under way, -1 = none */
    char req[16];
    unsigned req_count;
    int64_t asked_us;
    int64_t ask_wait_us;
    struct strmap copies; /* "kind id" → struct copy */
    uint64_t sums[KIND_COUNT];
    int64_t counts[KIND_COUNT];
    struct ids {
        struct copy **list;
        size_t count, capacity;
    } ids[KIND_COUNT]; /* what can be picked from; may hold what is gone */
    int64_t head_seq;
};

static inline int64_t phone_now_us(const struct phone *p) {
    return clock_mono_us(&p->world->clock);
}
static inline int64_t phone_scaled(const struct phone *p, int64_t us) {
    return (int64_t)((double)us * p->world->time_scale);
}

/* phone_clock.c */
int64_t phone_time_ms(const struct phone *p); /* its corrected clock */
int64_t phone_wall_ms(const struct phone *p); /* its own clock */
int64_t phone_stamp(struct phone *p);         /* a new stamp */
void phone_saw_stamp(struct phone *p, const char *text);
/* The server's time came `round_us` after the question. */
void phone_saw_time(struct phone *p, const char *text, int64_t round_us);

/* phone_outbox.c */
int64_t phone_online_us(const struct phone *p, int64_t now_us);
void phone_add_record(struct phone *p, const struct phone_record *r);
void phone_set_state(struct phone *p, struct phone_record *r, enum phone_state state);
void phone_restamp(struct phone *p);
void phone_send_all_again(struct phone *p, int64_t due_us);    /* a new boot */
void phone_send_stored_again(struct phone *p, int64_t due_us); /* a new epoch */
int64_t phone_outbox_step(struct phone *p, int64_t now_us);
/* A record of its own that is in this state, NULL if chance finds none. */
const struct phone_record *phone_pick_own(struct phone *p, enum phone_state state,
                                          const char *form);

/* phone_receipts.c */
void phone_receipts(struct phone *p, json_t *message, int64_t at_us);

/* phone_pull.c */
void phone_pull_init(struct phone *p);
void phone_pull_fini(struct phone *p);
void phone_pull_anew(struct phone *p); /* all sets from the beginning */
void phone_pull_lost(struct phone *p); /* the request did not get through */
int64_t phone_pull_step(struct phone *p, int64_t now_us);
void phone_page(struct phone *p, json_t *page, int64_t at_us);
void phone_head(struct phone *p, json_t *head);
struct copy *phone_copy(const struct phone *p, int kind, const char *id);
/* One of this kind by chance; NULL = none. */
struct copy *phone_pick(struct phone *p, int kind);

void phone_complain(const struct phone *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
