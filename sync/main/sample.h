/* The synthetic sample county: the same records every time. Of a county's shape, with the exact
 * sums of its target lists; no name, address or number in it is real. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_SEED 340825 /* of the ids too: init hands out record ids from this seed */

/* Stamps run from here, a hundred records to the millisecond: 2019-03-01T00:00:00Z. */
#define SAMPLE_START_MS INT64_C(1551398400000)

/* Takes the records one by one, in an order in which each finds what it refers to. false ends
 * sample_emit. The texts are valid during the call. */
struct sample_sink {
    bool (*add)(void *ctx, const char *form, const char *subject, int64_t stamp_ms,
                const char *data, size_t data_size);
    void *ctx;
};

struct sample_counts {
    size_t records; /* all that sample_emit hands out */
    size_t townships, villages, units, cadres, assignments, households, persons;
    /* the target lists; villages is a list too */
    size_t exit_persons, exit_villages, relocated_persons, water_villages, water_persons;
};

struct sample;

/* Plans the county with this 6-digit code; name (kept) may be NULL. small: 2 townships, 6 villages,
 * 600 households with proportionate targets. The ids of the protocol's examples are in both. NULL
 * and *e without memory. */
struct sample *sample_create(const char *county, const char *name, bool small, struct err *e);
void sample_destroy(struct sample *s);

const struct sample_counts *sample_counts(const struct sample *s);
bool sample_emit(const struct sample *s, const struct sample_sink *sink);

#endif
