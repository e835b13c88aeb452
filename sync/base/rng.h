/* Chance is handed in: random ids and jitter come from here only. */
#ifndef RNG_H
#define RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(void *ctx, void *out, size_t size);
    void *ctx;
};

static inline void rng_fill(const struct rng *r, void *out, size_t size) {
    r->fill(r->ctx, out, size);
}
/* Uniform below n (n ≥ 1). */
uint32_t rng_below(const struct rng *r, uint32_t n);

/* The kernel's generator; aborts if it is not there. Any thread. */
struct rng rng_system(void);

/* The same sequence for the same seed, on every machine (splitmix64). One thread. */
struct rng_seeded {
    uint64_t state;
};
struct rng rng_seeded_make(struct rng_seeded *s, uint64_t seed);

#define UUID_TEXT_SIZE 37
/* A UUIDv7 (RFC 9562) of this millisecond, lower-case. */
void uuid7_make(const struct rng *r, int64_t ms, char out[UUID_TEXT_SIZE]);
/* A UUIDv7 whose first bits after the millisecond are a counter (RFC 9562 §6.2): in the order of
 * (ms, counter) also within one millisecond. */
void uuid7_make_counted(const struct rng *r, int64_t ms, unsigned counter,
                        char out[UUID_TEXT_SIZE]);
/* A UUIDv4, lower-case: for epoch and boot. */
void uuid4_make(const struct rng *r, char out[UUID_TEXT_SIZE]);

#endif
