#include "payload.h"

#include "bounds.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define INFLATE_STEP (64u * 1024)
#define INFLATE_FACTOR 4 /* JSON grows about so much */

/* Inflates into out; Z_STREAM_END = the whole input was one stream, Z_BUF_ERROR = over the limit.
 * Messages wait as they are expanded: small ones take little. */
static int inflate_all(z_stream *z, struct buf *out) {
    size_t likely = 1024 + (size_t)z->avail_in * INFLATE_FACTOR;
    for (;;) {
        size_t room = out->size_max - out->size;
        size_t step = likely < INFLATE_STEP ? likely : INFLATE_STEP;
        step = room < step ? room : step;
        unsigned char past_limit;
        char *to = step ? buf_reserve(out, step) : (char *)&past_limit;
        if (!to)
            return Z_MEM_ERROR;
        z->next_out = (Bytef *)to;
        z->avail_out = step ? (uInt)step : 1;
        int rc = inflate(z, Z_NO_FLUSH);
        size_t made = (step ? step : 1) - z->avail_out;
        if (!step && made)
            return Z_BUF_ERROR;
        out->size += made;
        if (rc == Z_STREAM_END)
            return z->avail_in == 0 ? Z_STREAM_END : Z_DATA_ERROR;
        if (rc != Z_OK || (made == 0 && z->avail_in == 0))
            return Z_DATA_ERROR;
    }
}

bool payload_expand(const void *data, size_t size, struct buf *out, const char **ret_code) {
    const unsigned char *p = data;
    *ret_code = size > PAYLOAD_SIZE_MAX ? "too_large" : "malformed";
    if (size == 0 || size > PAYLOAD_SIZE_MAX)
        return false;
    if (p[0] == '{') {
        buf_add(out, data, size);
        return !out->failed;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)size};
    if (p[0] != 0x78 || inflateInit(&z) != Z_OK)
        return false;
    int rc = inflate_all(&z, out);
    inflateEnd(&z);
    if (rc == Z_BUF_ERROR)
        *ret_code = "too_large";
    if (rc != Z_STREAM_END)
        return false;
    buf_add(out, "", 0);
    return !out->failed && out->size > 0 && out->data[0] == '{';
}

bool payload_compress(const void *data, size_t size, struct buf *out) {
    uLongf made = compressBound((uLong)size);
    char *to = buf_reserve(out, made);
    if (!to || compress2((Bytef *)to, &made, data, (uLong)size, Z_BEST_SPEED) != Z_OK)
        return false;
    out->size += made;
    return true;
}

json_t *payload_parse(const char *text, size_t size) {
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (root && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* True if 15 digits give every real of the value back. */
static bool short_reals(const json_t *v) {
    const char *key;
    json_t *member;
    bool ok = true;
    if (json_is_real(v)) {
        char text[40];
        snprintf(text, sizeof text, "%.15g", json_real_value(v));
        double back = strtod(text, NULL);
        return !(back < json_real_value(v)) && !(back > json_real_value(v));
    }
    for (size_t i = 0; ok && i < json_array_size(v); i++)
        ok = short_reals(json_array_get(v, i));
    json_object_foreach((json_t *)(uintptr_t)v, key, member) {
        ok = ok && short_reals(member);
    }
    return ok;
}

char *payload_dump(const json_t *v) {
    size_t digits = short_reals(v) ? 15 : 17;
    char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
                                   JSON_REAL_PRECISION(digits));
    if (!text)
        abort();
    return text;
}
