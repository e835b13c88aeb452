/* Records of secret forms (leads), class 6, covert work (x-hidden), class 5, and records about
 * such: what is about a record is of no lower class, whichever came first. Of class 6 the log keeps
 * the envelope only; what they say lies apart in the table `secret`. Sync thread only, except
 * secret_code. */
#ifndef SECRET_H
#define SECRET_H

#include "core.h"
#include "envelope.h"
#include "place.h"

#define COVERT_CLASS 5
#define SECRET_CLASS 6
#define SECRET_CODE_SIZE 10 /* "7K3M-Q9ZT" with its NUL */

/* True if the record is of a secret form or about a record that is secret. */
bool secret_is(const struct form *form, const struct place *where);
/* Its class in the log; `hidden`: its form says that it is covert work. */
int secret_class(const struct form *form, bool hidden, const struct place *where);

/* The record's JSON without what it says; the caller frees it. */
char *secret_outside(const json_t *record);

/* Keeps the JSON of a row of the log that was written with secret_outside. */
void secret_keep(struct core *c, int64_t rec, const char *text, size_t size);

/* The record `id`, new in the log, is of this class: so is what came before it and is about it (or
 * about what is), whatever its outcome. */
void secret_spread(struct core *c, const char *id, int sensitivity);

/* What the reporter may quote in place of the record's id: the same for ever, and not to be guessed
 * from the id without the county's key. Any thread. */
void secret_code(const struct core *c, const unsigned char id[16], char out[SECRET_CODE_SIZE]);

#endif
