/* What is wrong with a record: the entries of a receipt's `errors` and `warnings`. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "buf.h"

#include <stddef.h>

#define PROBLEMS_MAX 64 /* kept; further ones are counted only */

struct problem {
    const char *code; /* of the closed list in docs/protocol.md; static */
    char *path;       /* JSON Pointer into the record, "" for the whole */
    char *zh;         /* sentences for the cadre */
    char *en;
    char *name; /* of a form's own check, else NULL */
};

/* Owns its texts. Zero-initialised is empty. One thread at a time. */
struct problems {
    struct problem *list;
    size_t count;
    size_t dropped; /* beyond PROBLEMS_MAX */
};

void problems_clear(struct problems *p); /* keeps the array */
void problems_fini(struct problems *p);
/* Appends; the texts are copied. name may be NULL. */
void problems_add(struct problems *p, const char *code, const char *path, const char *name,
                  const char *zh, const char *en);
/* The same with a sentence looked up by code in the table of problem.c. */
void problems_add_code(struct problems *p, const char *code, const char *path);
/* Appends copies of all of `from`. */
void problems_copy(struct problems *to, const struct problems *from);
/* Moves all of `from` to the end of `to`. */
void problems_move(struct problems *to, struct problems *from);
/* The JSON array as a text that the caller frees; NULL if there is nothing. */
char *problems_text(const struct problems *p);
/* Appends the JSON array `[{"code":…,"path":…,"zh":…,"en":…}]`. */
void problems_write(const struct problems *p, struct buf *out);

#endif
