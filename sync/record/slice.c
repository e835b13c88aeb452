#include "slice.h"

#include <string.h>

static const char *skip_space(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

/* Past a string; p stands on its opening quote. */
static const char *skip_string(const char *p) {
    for (p++; *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    return p + 1;
}

static const char *skip_value(const char *p) {
    if (*p == '"')
        return skip_string(p);
    if (*p != '{' && *p != '[') {
        while ((unsigned char)*p > ' ' && *p != ',' && *p != ']' && *p != '}')
            p++;
        return p;
    }
    int depth = 0;
    do {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        p++;
    } while (depth);
    return p;
}

bool slice_next_member(struct slice object, size_t *pos, struct slice *ret_key,
                       struct slice *ret_value) {
    const char *p = skip_space(object.text + (*pos ? *pos : 1));
    if (*p == ',')
        p = skip_space(p + 1);
    if (*p != '"')
        return false;
    const char *end = skip_string(p);
    *ret_key = (struct slice){p + 1, (size_t)(end - p) - 2};
    p = skip_space(skip_space(end) + 1); /* the colon */
    end = skip_value(p);
    *ret_value = (struct slice){p, (size_t)(end - p)};
    *pos = (size_t)(end - object.text);
    return true;
}

bool slice_member(struct slice object, const char *key, struct slice *ret) {
    size_t key_size = strlen(key);
    size_t pos = 0;
    struct slice name;
    struct slice value;
    while (slice_next_member(object, &pos, &name, &value)) {
        if (name.size == key_size && memcmp(name.text, key, key_size) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

bool slice_next(struct slice array, size_t *pos, struct slice *ret) {
    const char *p = skip_space(array.text + (*pos ? *pos : 1));
    if (*p == ',')
        p = skip_space(p + 1);
    if (*p == ']')
        return false;
    const char *end = skip_value(p);
    *ret = (struct slice){p, (size_t)(end - p)};
    *pos = (size_t)(end - array.text);
    return true;
}
