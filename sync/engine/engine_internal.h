/* Shared by engine*.c; not for others. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "derive.h"
#include "engine.h"
#include "feed.h"
#include "intake.h"
#include "pipeline.h"
#include "receipts.h"
#include "sender.h"

struct engine {
    struct engine_options options;
    struct core *core;
    struct derive *derive;
    struct feed *feed;
    struct pipeline pipeline;
    struct intake intake;
    struct sender sender;
    pthread_t decode_thread, pull_thread, sync_thread;
    char boot[UUID_TEXT_SIZE];
    bool started; /* its threads run */

    /* sync thread */
    struct form_run *decode_run; /* the decode thread's, while catalogs are stable */
    bool derive_more;            /* something may be dirty */
    bool derive_failed;          /* the last step: the next one waits for its turn */
    bool outbox_more;            /* rows may wait to be queued */
    int64_t outbox_queued;       /* greatest outbox row in the sender's hands */
    int64_t retained_due_ms;     /* position in retained_unsent */
    char retained_topic[TOPIC_SIZE_MAX];
    bool prune_more;    /* something may be too old */
    bool swollen;       /* much memory was needed that is free again */
    bool catalog_stale; /* not yet among the retained topics as it was loaded */
    bool access_stale;  /* the broker's rules do not say yet what devices may read */
    int64_t last_access_us;
    int64_t last_derive_us, derive_took_us, last_tick_us, last_metrics_us;
    char day[11];
    char bulletin_day[11];   /* the last one on which the bulletin was looked at */
    char bulletin_month[8];  /* the one that bulletin_thread makes, "" = none */
    int64_t bulletin_due_us; /* not before */
    pthread_t bulletin_thread;

    /* pull thread */
    struct core *pull_core;
    struct feed *pull_feed;

    /* from other threads */
    pthread_mutex_t lock;
    bool was_up, reload, retained_ended;
    bool bulletin_made;            /* bulletin_thread has ended or will at once */
    char *bulletin_text;           /* of it; NULL: it failed */
    bool bulletin_wrong;           /* of it: failed by a file of schema/bulletin */
    bool bulletin_stop;            /* it is to end before it is done */
    struct strmap seen;            /* topic → hash of its payload, of engine_retained_seen */
    pthread_rwlock_t catalog_lock; /* read by who uses forms: decode and pull thread */
};

/* engine.c: commits the messages and frees them */
void engine_commit(struct engine *g, struct intake_item *items);

/* engine_pull.c */
bool engine_pull_open(struct engine *g, struct err *e);
void engine_pull_close(struct engine *g);
void *engine_pull_thread(void *arg);

/* engine_publish.c */
void engine_publish_server(struct engine *g, const char *state);
void engine_forget_acked(struct engine *g);
void engine_queue_outbox(struct engine *g);
void engine_queue_retained(struct engine *g);
void engine_reconcile(struct engine *g);
bool engine_retain_catalog(struct engine *g, struct err *e);
bool engine_retain_due(struct engine *g, struct err *e);
/* Has a retained topic published; inside a transaction. */
void engine_retain(struct engine *g, const char *topic, const void *payload, size_t size);
void engine_publish_metrics(struct engine *g);

/* engine_bulletin.c, sync thread */
void engine_publish_bulletin(struct engine *g);
/* Breaks off a bulletin that is being made: the next start makes it. */
void engine_bulletin_end(struct engine *g);

/* engine_chores.c */
bool engine_new_day(struct engine *g, struct err *e);
void engine_chores(struct engine *g);

#endif
