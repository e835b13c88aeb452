/* Equality, order and divisibility of JSON values as JSON Schema means them: 1 equals 1.0, the
 * members of an object have no order. */
#ifndef SCHEMA_VALUE_H
#define SCHEMA_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

bool schema_value_equal(const json_t *a, const json_t *b);

/* Equal values have equal hashes. */
uint64_t schema_value_hash(const json_t *v);

/* -1, 0 or 1; both are numbers. Exact for the whole range of integers and reals. */
int schema_value_compare(const json_t *a, const json_t *b);

/* A number without a fraction (1.0 too). */
bool schema_value_is_integer(const json_t *v);

/* Is v a multiple of divisor (> 0)? Reals are taken as the shortest decimal that denotes them, so
 * 0.3 is a multiple of 0.1. */
bool schema_value_is_multiple(const json_t *v, const json_t *divisor);

/* Code points of valid UTF-8. */
uint64_t schema_value_length(const char *text, size_t size);

#endif
