#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, enum err_code code, const char *fmt, ...) {
    if (e->code != ERR_NONE)
        return false;
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return false;
}

void err_prefix(struct err *e, const char *fmt, ...) {
    if (e->code == ERR_NONE)
        return;
    char head[256];
    char tail[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    memcpy(tail, e->msg, sizeof tail);
    snprintf(e->msg, sizeof e->msg, "%s: %.*s", head, (int)(sizeof tail - sizeof head - 3), tail);
}

int err_exit_status(enum err_code code) {
    switch (code) {
    case ERR_NONE:
        return 0;
    case ERR_INVALID:
        return 1;
    case ERR_USAGE:
        return 2;
    case ERR_BUSY:
    case ERR_LIMIT:
    case ERR_IO:
    case ERR_BUG:
        break;
    }
    return 3;
}
