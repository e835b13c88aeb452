/* A growing byte buffer with a mandatory limit. Sticky: once an append did not fit, `failed` stays
 * set and later appends do nothing, so a sequence is checked once at its end. Not thread-safe. */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NUL-terminated after any append; NULL when nothing was appended */
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed; /* out of memory, or an append would have passed size_max */
};

void buf_init(struct buf *b, size_t size_max);
void buf_fini(struct buf *b);
/* Forgets the content and the failure, keeps the memory. */
void buf_clear(struct buf *b);
/* Room for `size` bytes more; NULL on failure. The caller then adds to b->size. */
char *buf_reserve(struct buf *b, size_t size);
void buf_add(struct buf *b, const void *data, size_t size);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_add_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends text as a JSON string with its quotes; text is valid UTF-8. */
void buf_add_json_str(struct buf *b, const char *text, size_t size);

#endif
