#include "metrics.h"

#include <inttypes.h>

static const struct {
    const char *name, *type, *help;
} metric_names[] = {
#define X(id, name, type, help) {name, type, help},
    METRICS(X)
#undef X
};

static const struct {
    const char *name, *help;
} histogram_names[] = {
#define X(id, name, help) {name, help},
    HISTOGRAMS(X)
#undef X
};

void metrics_add(struct metrics *m, enum metric id, int64_t n) {
    __atomic_fetch_add(&m->values[id], n, __ATOMIC_RELAXED);
}

void metrics_set(struct metrics *m, enum metric id, int64_t value) {
    __atomic_store_n(&m->values[id], value, __ATOMIC_RELAXED);
}

int64_t metrics_get(const struct metrics *m, enum metric id) {
    return __atomic_load_n(&m->values[id], __ATOMIC_RELAXED);
}

void metrics_observe(struct metrics *m, enum histogram id, int64_t value) {
    int bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS - 1 && value > INT64_C(1) << bucket)
        bucket++;
    __atomic_fetch_add(&m->histograms[id].buckets[bucket], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&m->histograms[id].sum, value, __ATOMIC_RELAXED);
}

static void write_histogram(const struct metrics *m, int id, struct buf *out) {
    const struct histogram_data *h = &m->histograms[id];
    const char *name = histogram_names[id].name;
    int64_t count = 0;
    buf_add_fmt(out, "# HELP %s %s\n# TYPE %s histogram\n", name, histogram_names[id].help, name);
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += __atomic_load_n(&h->buckets[i], __ATOMIC_RELAXED);
        if (i < HISTOGRAM_BUCKETS - 1)
            buf_add_fmt(out, "%s_bucket{le=\"%" PRId64 "\"} %" PRId64 "\n", name, INT64_C(1) << i,
                        count);
    }
    buf_add_fmt(out,
                "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum %" PRId64 "\n%s_count %" PRId64 "\n",
                name, count, name, __atomic_load_n(&h->sum, __ATOMIC_RELAXED), name, count);
}

void metrics_write(const struct metrics *m, struct buf *out) {
    for (int i = 0; i < METRIC_COUNT; i++)
        buf_add_fmt(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", metric_names[i].name,
                    metric_names[i].help, metric_names[i].name, metric_names[i].type,
                    metric_names[i].name, metrics_get(m, (enum metric)i));
    for (int i = 0; i < HISTOGRAM_COUNT; i++)
        write_histogram(m, i, out);
}
