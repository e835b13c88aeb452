/* A document of a few tables with titles, as CSV (UTF-8 with BOM, CRLF) or as an Excel workbook. */
#ifndef LEDGER_WRITE_H
#define LEDGER_WRITE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct ledger_file;

/* path: NULL = standard output, for CSV only. The file is there when ledger_file_close was true. */
struct ledger_file *ledger_file_open(const char *path, bool workbook, struct err *e);
/* Another table: in a workbook a sheet of this name; title and note stand above it. */
void ledger_file_table(struct ledger_file *f, const char *name, const char *title,
                       const char *note);
/* A cell of the current row; text is kept from being taken for a formula. */
void ledger_file_text(struct ledger_file *f, const char *text);
void ledger_file_number(struct ledger_file *f, double value);
/* Ends the row. The first of a table is its header. */
void ledger_file_row(struct ledger_file *f);
/* Destroys f. Writes it, unless *e is set already or a workbook cannot hold what it was given (a
 * sheet's name, a text or rows beyond its limits: ERR_LIMIT): then there is no file, or the
 * one of before. ERR_IO: it could not be written whole; the one of before stays. */
bool ledger_file_close(struct ledger_file *f, struct err *e);

#endif
