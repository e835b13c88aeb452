/* ECMA-262 regular expressions (as with the flag "u") over PCRE2, with bounded cost.
 *
 * A pattern is checked and translated to PCRE2 here, so that nothing of PCRE2's own language gets
 * through and every construct means what it means in ECMA-262: \d \w \b are ASCII, \s and . are
 * ECMA's, $ is the very end. Not supported, and refused: lone surrogates, inline modifiers, and
 * what PCRE2 cannot do (a lookbehind without a fixed length).
 *
 * A match is charged to a budget that the caller hands in: roughly one unit for each step of the
 * matcher and 128 bytes that the step may scan. An exhausted budget ends the match, whatever
 * the pattern and the value. */
#ifndef REGEX_H
#define REGEX_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define REGEX_PATTERN_SIZE_MAX 1024 /* bytes of the pattern as written */

struct regex;         /* immutable, may be shared by threads */
struct regex_scratch; /* memory for compiling and matching; one per thread */

enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT };

/* NULL and ERR_USAGE if the pattern is not valid, not supported or too large. UTF-8. */
struct regex *regex_compile(const char *pattern, size_t size, struct err *e);
void regex_destroy(struct regex *re);

struct regex_scratch *regex_scratch_create(void);
void regex_scratch_destroy(struct regex_scratch *t);

/* Does the text contain a match? Takes its cost from *budget; REGEX_LIMIT once that is used up or
 * another bound of the matcher is reached. Does not allocate. */
enum regex_result regex_match(const struct regex *re, struct regex_scratch *t, const char *text,
                              size_t size, uint64_t *budget);

/* Is this a regular expression of ECMA-262 (as supported here, but with any lookbehind)? Does not
 * allocate. */
bool regex_is_valid(struct regex_scratch *t, const char *pattern, size_t size);

#endif
