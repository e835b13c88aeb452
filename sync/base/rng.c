#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

uint32_t rng_below(const struct rng *r, uint32_t n) {
    uint64_t v;
    rng_fill(r, &v, sizeof v);
    return (uint32_t)(v % n);
}

static void system_fill(void *ctx, void *out, size_t size) {
    (void)ctx;
    char *p = out;
    while (size) {
        ssize_t got = getrandom(p, size, 0);
        if (got < 0)
            abort();
        p += got;
        size -= (size_t)got;
    }
}

struct rng rng_system(void) {
    return (struct rng){system_fill, NULL};
}

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void seeded_fill(void *ctx, void *out, size_t size) {
    struct rng_seeded *s = ctx;
    unsigned char *p = out;
    for (size_t i = 0; i < size;) {
        uint64_t v = splitmix64(&s->state);
        for (int k = 0; k < 8 && i < size; k++, i++)
            p[i] = (unsigned char)(v >> (8 * k));
    }
}

struct rng rng_seeded_make(struct rng_seeded *s, uint64_t seed) {
    s->state = seed;
    return (struct rng){seeded_fill, s};
}

static void uuid_text(const unsigned char b[16], char out[UUID_TEXT_SIZE]) {
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}

static void uuid_stamp(unsigned char b[16], unsigned version) {
    b[6] = (unsigned char)((b[6] & 0x0f) | (version << 4));
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
}

void uuid7_make(const struct rng *r, int64_t ms, char out[UUID_TEXT_SIZE]) {
    unsigned char b[16];
    rng_fill(r, b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)((uint64_t)ms >> (40 - 8 * i));
    uuid_stamp(b, 7);
    uuid_text(b, out);
}

void uuid7_make_counted(const struct rng *r, int64_t ms, unsigned counter,
                        char out[UUID_TEXT_SIZE]) {
    unsigned char b[16];
    rng_fill(r, b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)((uint64_t)ms >> (40 - 8 * i));
    b[6] = (unsigned char)(counter >> 12);
    b[7] = (unsigned char)(counter >> 4);
    b[8] = (unsigned char)((counter & 0xf) << 2 | (b[8] & 3));
    uuid_stamp(b, 7);
    uuid_text(b, out);
}

void uuid4_make(const struct rng *r, char out[UUID_TEXT_SIZE]) {
    unsigned char b[16];
    rng_fill(r, b, sizeof b);
    uuid_stamp(b, 4);
    uuid_text(b, out);
}
