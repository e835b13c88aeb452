/* Time is handed in: nothing in the program but clock.c asks the system for it. */
#ifndef CLOCK_H
#define CLOCK_H

#include "err.h"
#include <stddef.h>
#include <stdint.h>

/* Milliseconds since 1970-01-01T00:00:00Z, and a monotonic count for intervals. Any thread. */
struct clock {
    int64_t (*wall_ms)(void *ctx);
    int64_t (*mono_us)(void *ctx);
    void *ctx;
};

static inline int64_t clock_wall_ms(const struct clock *c) {
    return c->wall_ms(c->ctx);
}
static inline int64_t clock_mono_us(const struct clock *c) {
    return c->mono_us(c->ctx);
}

/* The system's clock, plus an offset that --clock sets for rehearsals. */
struct system_clock {
    int64_t offset_ms;
};
struct clock system_clock_make(struct system_clock *s);
/* Makes the clock show `start_ms` now and run on from there. */
void system_clock_start_at(struct system_clock *s, int64_t start_ms);

#define TIME_TEXT_SIZE 32

/* RFC 3339 with a mandatory offset ("…Z" or "…+08:00") to ms since the epoch; false if malformed.
 * Leap second 60 is accepted where UTC has one (23:59:60Z) and counted as the next second. */
bool time_parse(const char *text, size_t size, int64_t *ret_ms);
/* "2019-06-12T02:05:12.031Z" */
void time_format(int64_t ms, char out[TIME_TEXT_SIZE]);
/* "2019-06-12", the date in the county (UTC+8: China keeps one zone and no summer time). */
void time_local_date(int64_t ms, char out[11]);
/* "YYYY-MM-DD" to days since 1970-01-01 (proleptic Gregorian); false if no such date. */
bool date_parse(const char *text, size_t size, int32_t *ret_days);
void date_format(int32_t days, char out[11]);

#endif
