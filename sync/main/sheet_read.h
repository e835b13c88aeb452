/* Reads a CSV file row by row with bounded memory: any encoding that holds in lines (UTF-8 with or
 * without BOM, GB18030), quoted cells over several lines. */
#ifndef SHEET_READ_H
#define SHEET_READ_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define SHEET_COLUMNS_MAX 200
#define SHEET_LINE_SIZE_MAX (1u << 20) /* bytes of a line, and of a row */

/* A row, valid during the call. */
struct sheet_row {
    size_t line;  /* in which it begins, from 1 */
    char **cells; /* UTF-8, NUL-terminated, without surrounding blanks */
    size_t count;
    size_t read, size; /* bytes of the file read so far, and of the file */
};

/* Calls row for each row until it returns false (then the result is true all the same). false and
 * *e, with the line, if the file cannot be read, is not in this encoding or not CSV. */
bool sheet_read(const char *path, const char *encoding,
                bool (*row)(void *ctx, const struct sheet_row *r), void *ctx, struct err *e);

#endif
