/* What `zoufang simulate` is made of: its plan, its phones with their links, its result. */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "app.h"
#include "enrol.h"
#include "link.h"
#include "phone.h"

#define SIMULATE_PHONES_MAX 500

struct simulate_plan {
    const char *uri;
    const char *devices_file; /* NULL = enrol in the county's directory */
    char county[7];
    size_t phones;
    size_t seconds; /* of writing; 0 = until `records` */
    size_t records;
    uint64_t seed;
    double rate; /* records a second, all phones */
    unsigned offline_pct, duplicates_pct, garbled_permille, atomic_pct;
    size_t batch_max;
    size_t settle_s; /* at the end, for outboxes and pulls */
    double time_scale;
};

struct simulate_device {
    char id[ENROL_ID_SIZE];
    char password[64];
    char cadre[64];
    char role[8];
};

struct simulate_result {
    struct phone_counts counts;
    size_t phones;
    size_t pending;    /* without a durable outcome at the end */
    size_t missing;    /* told stored or held, and not so in the database */
    size_t changed;    /* in the database with another content */
    bool db_checked;   /* false: there was no database at hand */
    size_t spells;     /* times that a phone went offline */
    size_t links_lost; /* connections lost otherwise */
    bool copies_whole; /* every phone's last pull was complete */
    double seconds;
    uint32_t p50_us, p90_us, p99_us, max_us;
};

/* simulate_devices.c: who carries the phones. */
bool simulate_enrol(struct app *a, struct simulate_plan *plan, struct simulate_device *ret,
                    size_t *ret_count, struct err *e);
bool simulate_read_devices(const struct simulate_plan *plan, struct simulate_device *ret,
                           size_t *ret_count, struct err *e);

/* simulate_run.c: plays; ERR_IO if the broker cannot be reached. The phones are handed to `check`
 * at the end, when their links are gone. */
bool simulate_run(struct app *a, const struct simulate_plan *plan,
                  const struct simulate_device *devices, size_t count, struct simulate_result *ret,
                  struct err *e);

/* simulate_report.c */
bool simulate_check(struct app *a, struct phone *const *phones, size_t count,
                    struct simulate_result *ret, struct err *e);
/* True if nothing was lost and every copy agreed. */
bool simulate_is_good(const struct simulate_result *r);
void simulate_print(const struct simulate_result *r, bool json);

#endif
