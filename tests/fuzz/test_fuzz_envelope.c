/* Damaged payloads: whatever the bytes, decoding ends, stays inside its memory (sanitizers watch)
 * and gives either a reason for the whole or a state for every record. The damage comes from a
 * seed: test_fuzz_envelope [SEED [ROUNDS]]. */
#include "bounds.h"
#include "envelope.h"
#include "payload.h"
#include "rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64
#define LINE_SIZE_MAX 8192

struct corpus {
    char lines[LINES_MAX][LINE_SIZE_MAX];
    size_t count;
};

static bool load_corpus(struct corpus *c) {
    FILE *f = fopen(SOURCE_DIR "/tests/data/examples.jsonl", "r");
    while (f && c->count < LINES_MAX && fgets(c->lines[c->count], LINE_SIZE_MAX, f)) {
        c->lines[c->count][strcspn(c->lines[c->count], "\n")] = '\0';
        c->count++;
    }
    return f && fclose(f) == 0 && c->count > 0;
}

static void make_envelope(const struct corpus *c, const struct rng *r, struct buf *out) {
    buf_clear(out);
    buf_add_str(out, "{\"v\":1,\"device\":\"d-1\",\"records\":[");
    uint32_t count = 1 + rng_below(r, 3);
    for (uint32_t i = 0; i < count; i++)
        buf_add_fmt(out, "%s%s", i ? "," : "", c->lines[rng_below(r, (uint32_t)c->count)]);
    buf_add_str(out, "]}");
}

/* Bytes changed, taken out, doubled, or pieces of JSON put between. */
static void damage(const struct rng *r, struct buf *b) {
    static const char *const pieces[] = {
        "{",           "}",           "[",       "]",       "\"", ",",    ":",
        "null",        "1e999",       "\\u0000", "\\ud800", "-0", "\xff", "9007199254740993",
        "\"id\":\"\"", "{\"a\":[[[[["};
    uint32_t at = rng_below(r, (uint32_t)b->size);
    uint32_t size = 1 + rng_below(r, 8);
    const char *piece = pieces[rng_below(r, sizeof pieces / sizeof *pieces)];
    if (size > b->size - at)
        size = (uint32_t)b->size - at;
    switch (rng_below(r, 4)) {
    case 0:
        b->data[at] = (char)rng_below(r, 256);
        break;
    case 1:
        memmove(b->data + at, b->data + at + size, b->size - at - size);
        b->size -= size;
        break;
    case 2:
        if (buf_reserve(b, size)) {
            memmove(b->data + at + size, b->data + at, b->size - at);
            b->size += size;
        }
        break;
    default:
        if (buf_reserve(b, strlen(piece))) {
            memmove(b->data + at + strlen(piece), b->data + at, b->size - at);
            memcpy(b->data + at, piece, strlen(piece));
            b->size += strlen(piece);
        }
    }
}

static bool decoded_whole(const struct envelope *v) {
    if (v->problems.count)
        return v->payload_hash[0] != '\0' && v->raw;
    for (size_t i = 0; i < v->count; i++) {
        const struct record *r = &v->records[i];
        bool fit = r->state == RECORD_FIT;
        if (fit ? !r->form || !r->has_id || r->seq < 1 : r->problems.count == 0)
            return false;
    }
    return v->count > 0;
}

struct totals {
    size_t payloads_refused, fit, unfit;
};

static void count(const struct envelope *v, struct totals *t) {
    t->payloads_refused += v->problems.count > 0;
    for (size_t i = 0; v->problems.count == 0 && i < v->count; i++) {
        if (v->records[i].state == RECORD_FIT)
            t->fit++;
        else
            t->unfit++;
    }
}

static bool round_of(const struct corpus *c, const struct form_catalog *catalog,
                     struct form_run *run, const struct rng *r, struct totals *t) {
    struct buf plain;
    struct buf packed;
    buf_init(&plain, PAYLOAD_EXPANDED_SIZE_MAX);
    buf_init(&packed, PAYLOAD_EXPANDED_SIZE_MAX);
    make_envelope(c, r, &plain);
    struct buf *sent = &plain;
    if (rng_below(r, 4) == 0 && payload_compress(plain.data, plain.size, &packed))
        sent = &packed;
    for (uint32_t n = rng_below(r, 4); n > 0 && sent->size > 1; n--)
        damage(r, sent);
    struct envelope *v = envelope_decode(catalog, run, "d-1", "", sent->data, sent->size);
    bool ok = decoded_whole(v);
    count(v, t);
    envelope_destroy(v);
    buf_fini(&plain);
    buf_fini(&packed);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 6000;
    struct rng_seeded state;
    struct rng r = rng_seeded_make(&state, seed);
    struct err e = {0};
    struct totals t = {0};
    long failed = 0;
    static struct corpus corpus;
    struct form_catalog *catalog = form_catalog_load(SOURCE_DIR "/schema", &e);
    struct form_run *run = catalog ? form_run_create(catalog, &e) : NULL;
    if (!run || !load_corpus(&corpus)) {
        fprintf(stderr, "fuzz: %s\n", err_is_set(&e) ? e.msg : "no examples");
        return 1;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    for (long i = 0; i < rounds; i++) {
        if (!round_of(&corpus, catalog, run, &r, &t)) {
            printf("round %ld: a record without a state, or a refusal without a reason\n", i);
            failed++;
        }
    }
    printf("%zu payloads refused, %zu records fit, %zu did not\n", t.payloads_refused, t.fit,
           t.unfit);
    bool all_seen = t.payloads_refused && t.fit && t.unfit;
    form_run_destroy(run);
    form_catalog_destroy(catalog);
    printf("%ld passed, %ld failed\n", rounds - failed, failed + !all_seen);
    return failed || !all_seen;
}
