/* What a running server says of itself in DIR/server.json, for the commands beside it. */
#ifndef RUNNING_H
#define RUNNING_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct running {
    char uri[512]; /* its broker */
    char ca_file[512];
    bool standalone;
    pid_t pid;
    int64_t clock_offset_ms; /* of its --clock */
};

/* Takes the directory's lock for this process, until it ends. ERR_BUSY if a server has it. */
bool running_lock(const char *dir, struct err *e);
bool running_write(const char *dir, const struct running *r, struct err *e);
/* False if no server runs for DIR. Changes nothing there. */
bool running_read(const char *dir, struct running *ret);

#endif
