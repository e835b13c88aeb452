/* The hybrid logical clock of a record: "YYYY-MM-DDThh:mm:ss.mmmZ-cccc". Packed into one integer,
 * milliseconds << 16 | counter, whose order is the order of the texts. */
#ifndef HLC_H
#define HLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HLC_TEXT_SIZE 30

/* False unless text is exactly of that form and its year lies in 1970…9999 of which the packed
 * form holds all stamps up to the year 6429. */
bool hlc_parse(const char *text, size_t size, int64_t *ret_hlc);
void hlc_format(int64_t hlc, char out[HLC_TEXT_SIZE]);

static inline int64_t hlc_ms(int64_t hlc) {
    return hlc >> 16;
}

/* The phone's rule (protocol §4): the next stamp after `last` at corrected wall time `now_ms`. */
int64_t hlc_next(int64_t last, int64_t now_ms);

/* Lower-case UUIDv7 text to 16 bytes; false if it is not one. */
bool uuid7_parse(const char *text, size_t size, unsigned char out[16]);
/* 16 bytes to text of 36 characters and a NUL. */
void uuid_format(const unsigned char id[16], char out[37]);

#endif
