/* Reads a table row by row with bounded memory: UTF-8 with or without BOM or GB18030, quoted cells
 * over several lines. */
#ifndef SHEET_READ_H
#define SHEET_READ_H

#include "err.h"
#include "sheet_source.h"

#include <stdbool.h>
#include <stddef.h>

#define SHEET_COLUMNS_MAX 200
#define SHEET_LINE_SIZE_MAX (1u << 20) /* bytes of a line, and of a row */

/* A row, valid during the call. */
struct sheet_row {
    size_t line;  /* in which it begins, from 1; of a workbook, the row */
    char **cells; /* SHEET_COLUMNS_MAX of them: UTF-8, NUL-terminated, without surrounding blanks;
                     ASCII if all of a cell is written with full-width letters, digits and signs;
                     "" from count on: spreadsheets leave out the empty ones at the end */
    size_t count;
    size_t read, size; /* bytes of the file read so far, and of the file */
};

/* Calls row for each row until it returns false (then the result is true all the same). false and
 * *e, with the line, if the file cannot be read or is not CSV. */
bool sheet_read(const struct sheet_source *source,
                bool (*row)(void *ctx, const struct sheet_row *r), void *ctx, struct err *e);

#endif
