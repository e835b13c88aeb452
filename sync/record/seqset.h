/* A set of sequence numbers as sorted ranges: which records of a device have an outcome. */
#ifndef SEQSET_H
#define SEQSET_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

#define SEQSET_RANGES_MAX 4096

struct seqset {
    struct seq_range {
        int64_t first, last; /* both in the set */
    } * ranges;
    size_t count;
    size_t capacity;
};

void seqset_fini(struct seqset *s);
/* False if n was in it already. n ≥ 1. A set that is full of ranges fills its lowest gap, so that
 * memory stays bounded: those numbers then read as received. */
bool seqset_add(struct seqset *s, int64_t n);
/* The greatest n such that 1…n are all in the set; 0 if 1 is not. */
int64_t seqset_upto(const struct seqset *s);
/* Appends `[[a,b],…]`: the lowest gaps above upto, at most `max` ranges. */
void seqset_write_gaps(const struct seqset *s, size_t max, struct buf *out);
/* As "1-43,46-46"; parse replaces the content and is false if malformed. */
void seqset_write(const struct seqset *s, struct buf *out);
bool seqset_parse(struct seqset *s, const char *text);

#endif
