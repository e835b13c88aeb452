/* Where a document goes. A regular file is replaced as a whole or stays as it was: what is new is
 * written beside it, as PATH.PID.new, and then takes its name, with the old one's permissions. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "err.h"

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct output {
    const char *asked;      /* kept, not owned */
    char path[PATH_MAX];    /* behind symbolic links */
    char to[PATH_MAX + 32]; /* where to write: beside path, or a device itself */
    mode_t mode;            /* of the old file, 0 = there was none */
};

/* Says where to write (o->to); creates nothing. ERR_LIMIT: the path is too long. */
bool output_begin(struct output *o, const char *path, struct err *e);
/* Puts what was written in its place, or removes it if *e is set. ERR_IO. */
bool output_end(struct output *o, struct err *e);

/* All of it; path: NULL = standard output. ERR_IO, ERR_LIMIT. */
bool output_write(const char *path, const void *data, size_t size, struct err *e);

#endif
