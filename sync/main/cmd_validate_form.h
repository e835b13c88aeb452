/* `zoufang validate --form F [FILE]`: a record's `data` against the newest version of a form. */
#ifndef CMD_VALIDATE_FORM_H
#define CMD_VALIDATE_FORM_H

#include <stdbool.h>
#include <stdio.h>

/* Reads the data from the file, "-" = standard input. Checks that need the record's stamp, author,
 * subject or position pass: there is no record. Every problem goes to `out`, a line each
 * ("path: code: Chinese / English"), or with json as
 * {"valid":…,"errors":[…],"warnings":[…],"held":[…]}. Exit status: 0 fits, 1 does not (or is no
 * JSON), 2 unknown form or unusable form files, 3 the file cannot be read. */
int cmd_validate_form(const char *schema_dir, const char *form, const char *file_or_dash, bool json,
                      FILE *out, FILE *errout);

#endif
