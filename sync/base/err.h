/* One error type for the whole program. The first failure wins: setting an error that is already
 * set keeps the first text, so callers may go on and report once at the end. */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>

/* The code says what the caller should do; the message says what happened and where. */
enum err_code {
    ERR_NONE = 0,
    ERR_INVALID, /* the input is bad: exit status 1 */
    ERR_USAGE,   /* the command line or a schema is unusable: exit status 2 */
    ERR_BUSY,    /* try again later */
    ERR_LIMIT,   /* a bound was reached */
    ERR_IO,      /* broker, disk, system call: exit status 3 */
    ERR_BUG      /* cannot happen: exit status 3 */
};

struct err {
    enum err_code code;
    char msg[512]; /* UTF-8, NUL-terminated, truncated if longer */
};

/* Sets the error unless one is set. Always returns false, for `return err_set(…)`. */
bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message of an error that is set; does nothing otherwise. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline bool err_is_set(const struct err *e) {
    return e->code != ERR_NONE;
}

/* The process exit status for a code: 0 done, 1 bad input, 2 usage, 3 environment. */
int err_exit_status(enum err_code code);

#endif
