#include "feed_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT_VERSION "1"

void feed_cursor_write(const struct feed_cursor *c, char out[CURSOR_SIZE_MAX + 1]) {
    snprintf(out, CURSOR_SIZE_MAX + 1,
             FORMAT_VERSION "-%" PRIx32 "-%" PRIx32 "-%" PRIx32 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64
                            "-%" PRIx64 "-%" PRIx64 "-%x-%" PRIx64 "-%" PRIx64,
             c->epoch, c->view, c->kinds, (uint64_t)c->role, (uint64_t)c->scope, (uint64_t)c->upto,
             (uint64_t)c->quiet, (uint64_t)c->cutoff, c->phase, (uint64_t)c->target,
             (uint64_t)c->at);
}

bool feed_cursor_read(const char *text, struct feed_cursor *ret) {
    uint64_t v[7];
    struct feed_cursor c;
    if (strlen(text) > CURSOR_SIZE_MAX)
        return false;
    int fields = sscanf(
        text,
        FORMAT_VERSION "-%8" SCNx32 "-%8" SCNx32 "-%8" SCNx32 "-%16" SCNx64 "-%16" SCNx64
                       "-%16" SCNx64 "-%16" SCNx64 "-%16" SCNx64 "-%1x-%16" SCNx64 "-%16" SCNx64,
        &c.epoch, &c.view, &c.kinds, &v[0], &v[1], &v[2], &v[3], &v[4], &c.phase, &v[5], &v[6]);
    if (fields != 11 || c.phase > FEED_AGED)
        return false;
    for (int i = 0; i < 7; i++) {
        if (v[i] > INT64_MAX)
            return false;
    }
    c.role = (int64_t)v[0];
    c.scope = (int64_t)v[1];
    c.upto = (int64_t)v[2];
    c.quiet = (int64_t)v[3];
    c.cutoff = (int64_t)v[4];
    c.target = (int64_t)v[5];
    c.at = (int64_t)v[6];
    char again[CURSOR_SIZE_MAX + 1];
    feed_cursor_write(&c, again);
    *ret = c;
    return strcmp(again, text) == 0;
}
