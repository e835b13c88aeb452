/* Ledgers as documents: CSV that opens in a Chinese spreadsheet program, or an Excel workbook. */
#ifndef LEDGER_H
#define LEDGER_H

#include "app.h"

/* `zoufang export ledger`; returns the exit status. */
int ledger_export(struct app *a);

#endif
