/* The tables that people import and export as CSV. What columns they have and what may stand in
 * them is read from the form that each stands for; there is no second list. */
#ifndef SHEET_H
#define SHEET_H

#include "form.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct sheet {
    const char *kind;                         /* "households" */
    const char *form;                         /* that a row is written as */
    const char *id_en, *id_zh;                /* column of the subject */
    const char *default_name, *default_value; /* a member of data that need not be a column */
    bool unique;                              /* one row an id */
    const char *collected; /* member of data that is the list of the ids of many rows, or NULL */
};

/* NULL if there is none of that name. */
const struct sheet *sheet_find(const char *kind);
/* "divisions, units, …" */
const char *sheet_kinds(void);

/* A sheet with the newest version of its form. */
struct sheet_form {
    const struct sheet *sheet;
    const struct form_catalog *catalog;
    const struct form *form;
    json_t *schema;
    json_t *codes;     /* list → code → {"zh","en"} */
    bool serial_dates; /* a date may be a workbook's number of a day; false by sheet_form_init */
};

bool sheet_form_init(struct sheet_form *s, const struct sheet *sheet,
                     const struct form_catalog *catalog, struct err *e);
void sheet_form_fini(struct sheet_form *s);

/* A column of a file. */
struct sheet_column {
    char *header;         /* as in the file; the caller's */
    bool id;              /* the subject */
    bool in_set;          /* a member of data.set, else of data */
    const char *name;     /* of the property; NULL for the subject */
    const json_t *schema; /* of the property; NULL for the subject */
};

/* Finds what a header means: the subject's column, or a property by its name or label. */
bool sheet_column(const struct sheet_form *s, const char *header, struct sheet_column *ret);

/* Every column that a file may have, in Chinese, the subject's first; until put says false. */
typedef bool sheet_put(void *ctx, const char *header);
bool sheet_headers(const struct sheet_form *s, sheet_put *put, void *ctx);

/* The JSON value of a cell, as its property wants it: codes also by their Chinese label, yes and
 * no, dates as 2019/6/1 or 2019年6月1日, numbers with commas, lists with semicolons. What does not
 * fit stays text, so that the form says what is wrong. The text is UTF-8; a new reference. */
json_t *sheet_value(const struct sheet_form *s, const struct sheet_column *c, const char *text);

/* Whether a spreadsheet may take a cell's text for a formula: exports then put a ' before it, which
 * sheet_value takes away. */
bool sheet_is_formula(const char *text);

#endif
