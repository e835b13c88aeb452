/* Finds the bytes of members in JSON text that has already been parsed and found valid: a record
 * is stored as it came, and its text is not made a second time. */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *text;
    size_t size;
};

/* The value of the member `key` of the object; false if it is absent or its key is written with
 * escapes. */
bool slice_member(struct slice object, const char *key, struct slice *ret);

/* The next member of an object, its key as written between the quotes: *pos is 0 at first; false at
 * the end. */
bool slice_next_member(struct slice object, size_t *pos, struct slice *ret_key,
                       struct slice *ret_value);

/* The next element of an array: *pos is 0 at first; false at the end. */
bool slice_next(struct slice array, size_t *pos, struct slice *ret);

#endif
