/* zoufang validate --schema: any JSON Schema of the supported vocabulary. */
#ifndef CMD_VALIDATE_H
#define CMD_VALIDATE_H

#include <stdbool.h>
#include <stdio.h>

/* "-" = standard input. Problems go to out, what cannot be read to errout. Returns 0 valid, 1
 * invalid or no JSON, 2 unusable schema, 3 cannot read a file. */
int cmd_validate_schema(const char *schema_path, const char *instance_path_or_dash,
                        bool assert_format, bool json, FILE *out, FILE *errout);

#endif
