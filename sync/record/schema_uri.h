/* URI references (RFC 3986 §5), as far as a schema's $id and $ref need them. */
#ifndef SCHEMA_URI_H
#define SCHEMA_URI_H

/* The reference resolved against the base, without fragment; free() it. The base may be "" (a
 * document without a name of its own). */
char *schema_uri_resolve(const char *base, const char *reference);

/* The fragment of the reference with its percent-escapes decoded, "" if it has none; free() it.
 * NULL if an escape is malformed or decodes to NUL. */
char *schema_uri_fragment(const char *reference);

#endif
