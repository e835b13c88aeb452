/* Texts with gaps that JSON fills, a small part of Mustache:
 *   {{a.b}}         a value: text; a number, with one digit after the point if it is not whole;
 *                   — if it is null or not there
 *   {{+a.b}}        a number with its sign
 *   {{#a.b}}…{{/a.b}}  once for each item of a list, whose members come first; or, once, if there
 * is a value that is not null, false or 0
 *   {{?a.b}}…{{/a.b}}  the same once, for a list that is not empty too
 *   {{^a.b}}…{{/a.b}}  if there is none
 * A tag of a section that stands alone on its line takes the line away. In values | becomes \| and
 * a line's end a blank, so that Markdown tables hold. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "buf.h"
#include "err.h"

#include <jansson.h>

/* Appends to out. ERR_USAGE, with the line: a tag or section that does not end. */
bool template_render(const char *text, const json_t *values, struct buf *out, struct err *e);

#endif
