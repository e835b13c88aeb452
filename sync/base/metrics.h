/* Counters, gauges and histograms with unit and help, as Prometheus text. Any thread. */
#ifndef METRICS_H
#define METRICS_H

#include "buf.h"

#include <stdint.h>

/* name, type, help */
#define METRICS(X)                                                                                 \
    X(MESSAGES, "zoufang_messages_total", "counter", "messages taken from the broker")             \
    X(PAYLOADS_REFUSED, "zoufang_payloads_refused_total", "counter",                               \
      "payloads refused as a whole")                                                               \
    X(STORED, "zoufang_records_stored_total", "counter", "records stored")                         \
    X(HELD, "zoufang_records_held_total", "counter", "records held for authority or review")       \
    X(REJECTED, "zoufang_records_rejected_total", "counter", "records rejected")                   \
    X(DUPLICATE, "zoufang_records_duplicate_total", "counter", "records that were there already")  \
    X(RETRY, "zoufang_records_retry_total", "counter", "records not taken, to be sent again")      \
    X(COMMITS, "zoufang_commits_total", "counter", "group commits of records")                     \
    X(PULLS, "zoufang_pulls_total", "counter", "pull pages answered")                              \
    X(PUBLISHED, "zoufang_published_total", "counter", "messages the broker acknowledged")         \
    X(PUBLISH_FAILED, "zoufang_publish_failed_total", "counter",                                   \
      "messages to be published again after a failure")                                            \
    X(CONNECTS, "zoufang_broker_connects_total", "counter", "connections to the broker")           \
    X(CONNECTED, "zoufang_broker_connected", "gauge", "1 while connected to the broker")           \
    X(INTAKE, "zoufang_intake_messages", "gauge", "messages taken in and not yet committed")       \
    X(OUTBOX, "zoufang_outbox_messages", "gauge", "messages waiting for the broker")               \
    X(DERIVED, "zoufang_derive_slices_total", "counter", "slices of derivation committed")

/* name, unit in the name, help */
#define HISTOGRAMS(X)                                                                              \
    X(COMMIT_US, "zoufang_commit_microseconds", "duration of a group commit")                      \
    X(COMMIT_RECORDS, "zoufang_commit_records", "records in a group commit")                       \
    X(INTAKE_US, "zoufang_intake_microseconds", "from arrival of a message to its commit")         \
    X(DERIVE_US, "zoufang_derive_microseconds", "duration of a slice of derivation")               \
    X(PULL_US, "zoufang_pull_microseconds", "time to make a pull page")

enum metric {
#define X(id, name, type, help) METRIC_##id,
    METRICS(X)
#undef X
        METRIC_COUNT
};

enum histogram {
#define X(id, name, help) HISTOGRAM_##id,
    HISTOGRAMS(X)
#undef X
        HISTOGRAM_COUNT
};

#define HISTOGRAM_BUCKETS 24 /* upper bounds 1, 2, 4, … 2^22, and everything */

/* Zero-initialised is empty. */
struct metrics {
    int64_t values[METRIC_COUNT];
    struct histogram_data {
        int64_t buckets[HISTOGRAM_BUCKETS];
        int64_t sum;
    } histograms[HISTOGRAM_COUNT];
};

void metrics_add(struct metrics *m, enum metric id, int64_t n);
void metrics_set(struct metrics *m, enum metric id, int64_t value);
int64_t metrics_get(const struct metrics *m, enum metric id);
void metrics_observe(struct metrics *m, enum histogram id, int64_t value);
/* Appends the Prometheus text exposition format. */
void metrics_write(const struct metrics *m, struct buf *out);

#endif
