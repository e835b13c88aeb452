/* The messages that every compared program gets: the same for the same phones, seed and time. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "buf.h"
#include "rng.h"

#include <stdint.h>

struct bench_phone {
    char device[48], password[48], author[48], role[8];
    double lat, lng; /* of its village */
    struct bench_household {
        char id[64];
        unsigned persons;
    } * households; /* written by no other phone */
    size_t household_count;
};

struct bench_phones {
    struct bench_phone *list;
    size_t count;
};

/* Lines of "device password author role lat lng", then "household persons" of each of its
 * households. Exits if it cannot be read. */
void bench_phones_read(const char *path, struct bench_phones *ret);

struct bench_message {
    size_t phone;
    char *payload;
    size_t size;
};

struct bench_order {
    uint64_t seed;
    int64_t time_ms; /* of the first stamp; all lie within two minutes of it */
    size_t messages;
    size_t records_each;
};

/* Envelopes of the phones in turn: water, visits and facts of households, with UUIDv7 ids in the
 * order of time, no two authors writing the same household. The list belongs to the caller. */
struct bench_message *bench_messages_make(const struct bench_phones *phones,
                                          const struct bench_order *order);

/* Options "--name value"; exits with a message if `name` is not there and fallback is NULL. */
const char *bench_option(int argc, char **argv, const char *name, const char *fallback);
double bench_seconds(void); /* monotonic */

#endif
