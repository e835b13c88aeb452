/* A file with a table, as an office has it: CSV in UTF-8 or GB18030, or an Excel workbook, which
 * the program xlsx2csv turns into CSV. Which of them it is, is found out from its content. */
#ifndef SHEET_SOURCE_H
#define SHEET_SOURCE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct sheet_source {
    const char *path;
    const char *encoding; /* "utf-8" or "gb18030" */
    bool workbook;        /* then file is what xlsx2csv wrote, and lines are rows of the sheet */
    FILE *file;           /* CSV, at its beginning */
    size_t size;          /* bytes of it */
};

/* encoding: NULL = UTF-8 if all of the file is, else GB18030. sheet, of a workbook: its name, or
 * its number from 1; NULL = the first. The texts are kept, not copied. ERR_IO: cannot be read, or
 * xlsx2csv is not there; ERR_INVALID, with line and column where it can be said: neither encoding,
 * an older kind of workbook, a broken one, no such sheet. */
bool sheet_source_open(struct sheet_source *s, const char *path, const char *encoding,
                       const char *sheet, struct err *e);
void sheet_source_close(struct sheet_source *s);

/* As getline, but without a NUL at the end, and a carriage return alone ends a line too, as old
 * programs for the Macintosh write it. No character of either encoding has such a byte within. */
ssize_t sheet_source_line(FILE *f, char **line, size_t *capacity);

#endif
