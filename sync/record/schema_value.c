#include "schema_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exact, where converting the integer to a double would round. */
static int compare_mixed(json_int_t i, double d) {
    if (d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    json_int_t whole = (json_int_t)d;
    double fraction = d - (double)whole;
    if (i != whole)
        return i < whole ? -1 : 1;
    return (fraction < 0) - (fraction > 0);
}

int schema_value_compare(const json_t *a, const json_t *b) {
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a);
        json_int_t y = json_integer_value(b);
        return (x > y) - (x < y);
    }
    if (json_is_integer(a))
        return compare_mixed(json_integer_value(a), json_real_value(b));
    if (json_is_integer(b))
        return -compare_mixed(json_integer_value(b), json_real_value(a));
    double x = json_real_value(a);
    double y = json_real_value(b);
    return (x > y) - (x < y);
}

bool schema_value_is_integer(const json_t *v) {
    return json_is_integer(v) ||
           (json_is_real(v) && json_real_value(v) == floor(json_real_value(v)));
}

static bool object_equal(const json_t *a, const json_t *b) {
    if (json_object_size(a) != json_object_size(b))
        return false;
    for (void *i = json_object_iter((json_t *)(uintptr_t)a); i;
         i = json_object_iter_next((json_t *)(uintptr_t)a, i)) {
        const json_t *other =
            json_object_getn(b, json_object_iter_key(i), json_object_iter_key_len(i));
        if (!other || !schema_value_equal(json_object_iter_value(i), other))
            return false;
    }
    return true;
}

bool schema_value_equal(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b))
        return schema_value_compare(a, b) == 0;
    if (json_typeof(a) != json_typeof(b))
        return false;
    switch (json_typeof(a)) {
    case JSON_STRING:
        return json_string_length(a) == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
    case JSON_ARRAY:
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (size_t i = 0; i < json_array_size(a); i++)
            if (!schema_value_equal(json_array_get(a, i), json_array_get(b, i)))
                return false;
        return true;
    case JSON_OBJECT:
        return object_equal(a, b);
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return true;
}

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t hash_text(const char *text, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return mix(hash);
}

/* Integers that equal a real must hash as it does: all numbers hash as the nearest double. */
static uint64_t hash_number(const json_t *v) {
    double d = json_number_value(v) + 0.0; /* -0.0 becomes 0.0 */
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return mix(bits + 1);
}

uint64_t schema_value_hash(const json_t *v) {
    uint64_t hash = mix((uint64_t)json_typeof(v) + 11);
    switch (json_typeof(v)) {
    case JSON_INTEGER:
    case JSON_REAL:
        return hash_number(v);
    case JSON_STRING:
        return hash_text(json_string_value(v), json_string_length(v));
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(v); i++)
            hash = mix(hash + schema_value_hash(json_array_get(v, i)));
        return hash;
    case JSON_OBJECT: /* a sum: the order of the members does not matter */
        for (void *i = json_object_iter((json_t *)(uintptr_t)v); i;
             i = json_object_iter_next((json_t *)(uintptr_t)v, i))
            hash += mix(hash_text(json_object_iter_key(i), json_object_iter_key_len(i)) * 31 +
                        schema_value_hash(json_object_iter_value(i)));
        return hash;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return hash;
}

/* mantissa × 10^exponent, without trailing zeros in the mantissa (at most 19 digits). */
struct decimal {
    uint64_t mantissa;
    int exponent;
};

static struct decimal decimal_strip(struct decimal d) {
    while (d.mantissa != 0 && d.mantissa % 10 == 0) {
        d.mantissa /= 10;
        d.exponent++;
    }
    return d;
}

static struct decimal decimal_of_real(double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    struct decimal d = {0};
    const char *at = text;
    bool fraction = false;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            d.mantissa = d.mantissa * 10 + (uint64_t)(*at - '0');
            d.exponent -= fraction;
        } else if (*at != '-') {
            fraction = true;
        }
    }
    d.exponent += (int)strtol(at + 1, NULL, 10);
    return decimal_strip(d);
}

static struct decimal decimal_of(const json_t *v) {
    if (json_is_real(v))
        return decimal_of_real(json_real_value(v));
    json_int_t i = json_integer_value(v);
    uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    return decimal_strip((struct decimal){magnitude, 0});
}

bool schema_value_is_multiple(const json_t *v, const json_t *divisor) {
    if (json_is_integer(v) && json_is_integer(divisor))
        return json_integer_value(v) % json_integer_value(divisor) == 0;
    struct decimal a = decimal_of(v);
    struct decimal b = decimal_of(divisor);
    if (a.mantissa == 0)
        return true;
    /* With power = a's exponent − b's: b's mantissa must divide a's × 10^power. */
    if (b.exponent > a.exponent)
        return false; /* 10 does not divide a's stripped mantissa */
    unsigned __int128 rest = a.mantissa % b.mantissa;
    for (int power = a.exponent - b.exponent; power > 0 && rest != 0; power--)
        rest = rest * 10 % b.mantissa;
    return rest == 0;
}

uint64_t schema_value_length(const char *text, size_t size) {
    uint64_t length = 0;
    for (size_t i = 0; i < size; i++)
        length += ((unsigned char)text[i] & 0xc0) != 0x80;
    return length;
}
