#include "messages.h"

#include "bounds.h"
#include "clock.h"
#include "hlc.h"
#include "phone_forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPREAD_MS 120000
#define ZONE_MS (8 * 3600 * 1000)
#define DAY_MS 86400000

const char *bench_option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    if (fallback)
        return fallback;
    fprintf(stderr, "%s: %s is missing\n", argv[0], name);
    exit(2);
}

double bench_seconds(void) {
    struct system_clock system = {0};
    struct clock clock = system_clock_make(&system);
    return (double)clock_mono_us(&clock) / 1e6;
}

static void *need(void *memory) {
    if (!memory)
        abort();
    return memory;
}

static void read_phone(char *line, struct bench_phone *p) {
    char *save = NULL;
    char *fields[6];
    *p = (struct bench_phone){0};
    for (int i = 0; i < 6; i++)
        fields[i] = need(strtok_r(i ? NULL : line, " \n", &save));
    snprintf(p->device, sizeof p->device, "%s", fields[0]);
    snprintf(p->password, sizeof p->password, "%s", fields[1]);
    snprintf(p->author, sizeof p->author, "%s", fields[2]);
    snprintf(p->role, sizeof p->role, "%s", fields[3]);
    p->lat = strtod(fields[4], NULL);
    p->lng = strtod(fields[5], NULL);
    for (char *id; (id = strtok_r(NULL, " \n", &save)) != NULL;) {
        size_t count = p->household_count + 1;
        p->households = need(realloc(p->households, count * sizeof *p->households));
        struct bench_household *h = &p->households[p->household_count++];
        snprintf(h->id, sizeof h->id, "%s", id);
        h->persons = (unsigned)strtoul(need(strtok_r(NULL, " \n", &save)), NULL, 10);
    }
}

void bench_phones_read(const char *path, struct bench_phones *ret) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    *ret = (struct bench_phones){0};
    if (!f) {
        perror(path);
        exit(2);
    }
    while (getline(&line, &size, f) > 0) {
        ret->list = need(realloc(ret->list, (ret->count + 1) * sizeof *ret->list));
        read_phone(line, &ret->list[ret->count++]);
    }
    free(line);
    fclose(f);
}

struct writer {
    const struct bench_phones *phones;
    const struct bench_order *order;
    struct rng rng;
    size_t *seqs; /* by phone */
    size_t written;
    int64_t hlc;
};

static void write_record(struct writer *w, size_t phone, struct buf *out) {
    const struct bench_phone *p = &w->phones->list[phone];
    size_t total = w->order->messages * w->order->records_each;
    int64_t ms = w->order->time_ms + (int64_t)(w->written++ * SPREAD_MS / total);
    const char *facts[PEN_FACTS_MAX + 1];
    const struct bench_household *h =
        &p->households[rng_below(&w->rng, (uint32_t)p->household_count)];
    struct pen pen = {
        &w->rng, (int32_t)((ms + ZONE_MS - DAY_MS) / DAY_MS), p->role, p->lat, p->lng, h->persons};
    char id[UUID_TEXT_SIZE];
    char stamp[HLC_TEXT_SIZE];
    uint32_t kind = rng_below(&w->rng, 10);
    const char *form = kind < 4 ? "inspect.water" : kind < 7 ? "visit.household" : "hh.facts";
    w->hlc = hlc_next(w->hlc, ms);
    hlc_format(w->hlc, stamp);
    uuid7_make(&w->rng, ms, id);
    buf_add_fmt(out,
                "{\"id\":\"%s\",\"seq\":%zu,\"form\":\"%s\",\"fv\":1,\"subject\":\"%s\",\"hlc\":"
                "\"%s\",\"by\":\"%s\"",
                id, ++w->seqs[phone], form, h->id, stamp, p->author);
    if (kind >= 4 && kind < 7)
        pen_gps(&pen, out);
    buf_add_str(out, ",\"data\":");
    if (kind < 4)
        pen_water(&pen, out);
    else if (kind < 7)
        pen_visit(&pen, out);
    else
        pen_household_facts(&pen, out, facts);
    buf_add_char(out, '}');
}

static void write_message(struct writer *w, struct bench_message *m) {
    struct buf out;
    char sent[TIME_TEXT_SIZE];
    buf_init(&out, PAYLOAD_SIZE_MAX);
    time_format(w->order->time_ms, sent);
    buf_add_fmt(&out, "{\"v\":1,\"device\":\"%s\",\"sent\":\"%s\",\"records\":[",
                w->phones->list[m->phone].device, sent);
    for (size_t i = 0; i < w->order->records_each; i++) {
        if (i)
            buf_add_char(&out, ',');
        write_record(w, m->phone, &out);
    }
    buf_add_str(&out, "]}");
    if (out.failed)
        abort();
    m->payload = out.data;
    m->size = out.size;
}

struct bench_message *bench_messages_make(const struct bench_phones *phones,
                                          const struct bench_order *order) {
    struct rng_seeded seeded;
    struct writer w = {.phones = phones, .order = order};
    struct bench_message *list = need(calloc(order->messages, sizeof *list));
    w.rng = rng_seeded_make(&seeded, order->seed);
    w.seqs = need(calloc(phones->count, sizeof *w.seqs));
    for (size_t i = 0; i < order->messages; i++) {
        list[i].phone = i % phones->count;
        write_message(&w, &list[i]);
    }
    free(w.seqs);
    return list;
}
