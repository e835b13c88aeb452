/* The run: links feed one queue of events, one thread plays all phones. */
#include "simulate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UNREACHABLE_US 15000000
#define WARM_UP_US 20000000 /* for the first pulls */
#define ONLINE_MEAN_US 20000000
#define COMPLAINTS_MAX 12
#define WRONG_CLOCK_EVERY 5 /* phones whose clock goes wrong while they are offline */
#define FINAL_PULL_US 3000000

enum event_kind { EVENT_UP, EVENT_DOWN, EVENT_MESSAGE, EVENT_ACKED, EVENT_FAILED, EVENT_GONE };

struct event {
    struct event *next;
    struct player *player;
    enum event_kind kind;
    unsigned generation; /* of the link */
    uint64_t token;
    int64_t at_us;
    size_t size;
    const char *topic;
    char bytes[]; /* topic, NUL, payload */
};

/* One phone with its link. */
struct player {
    struct run *run;
    struct phone *phone;
    const struct simulate_device *device;
    struct link *link; /* NULL while offline */
    struct link *leaving;
    unsigned generation;
    char filters[4][160];
    bool up, wrong_clock;
    int64_t next_us;   /* phone_step */
    int64_t toggle_us; /* goes offline or comes back */
    pthread_t reaper;
};

struct run {
    struct app *app;
    const struct simulate_plan *plan;
    struct phone_world world;
    struct rng_seeded seeded;
    struct rng rng;
    struct player *players;
    size_t count;
    const char **helpers;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct event *first, **last;

    int64_t start_us, write_from_us, write_until_us, next_write_us, shown_us;
    bool settling;
    bool ever_up;
    size_t spells, links_lost, complaints;
};

/* ---- events --------------------------------------------------------------------------------- */

static int64_t now_us(const struct run *r) {
    return clock_mono_us(&r->app->clock);
}

static void push(struct player *p, struct event *ev) {
    struct run *r = p->run;
    ev->player = p;
    ev->at_us = now_us(r);
    pthread_mutex_lock(&r->mutex);
    ev->generation = p->generation;
    *r->last = ev;
    r->last = &ev->next;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static struct event *event_make(enum event_kind kind, size_t size) {
    struct event *ev = calloc(1, sizeof *ev + size);
    if (!ev)
        abort();
    ev->kind = kind;
    return ev;
}

static void on_up(void *ctx, bool v5) {
    (void)v5;
    push(ctx, event_make(EVENT_UP, 0));
}

static void on_down(void *ctx) {
    push(ctx, event_make(EVENT_DOWN, 0));
}

static void on_token(void *ctx, enum event_kind kind, uint64_t token) {
    struct event *ev = event_make(kind, 0);
    ev->token = token;
    push(ctx, ev);
}

static void on_acked(void *ctx, uint64_t token) {
    on_token(ctx, EVENT_ACKED, token);
}

static void on_failed(void *ctx, uint64_t token) {
    on_token(ctx, EVENT_FAILED, token);
}

static void on_message(void *ctx, const struct incoming *m) {
    size_t topic_size = strlen(m->topic) + 1;
    struct event *ev = event_make(EVENT_MESSAGE, topic_size + m->size);
    memcpy(ev->bytes, m->topic, topic_size);
    if (m->size)
        memcpy(ev->bytes + topic_size, m->payload, m->size);
    ev->topic = ev->bytes;
    ev->size = m->size;
    push(ctx, ev);
}

/* ---- links ---------------------------------------------------------------------------------- */

static void link_options_fill(struct player *p, size_t index, struct link_options *o) {
    struct run *r = p->run;
    *o = (struct link_options){.uri = r->plan->uri,
                               .client_id = p->device->id,
                               .username = p->device->id,
                               .password = p->device->password,
                               .mqtt_version = index % 4 == 3 ? 4 : 5,
                               .clock = r->app->clock,
                               .rng = rng_system()};
    for (int i = 0; i < 4; i++) {
        phone_filter(p->phone, i, p->filters[i], sizeof p->filters[i]);
        o->subscriptions[i] = (struct link_subscription){p->filters[i], 1};
    }
}

static bool go_online(struct player *p, struct err *e) {
    struct link_options options;
    struct transport_events events = {on_up, on_down, on_message, on_acked, on_failed, p};
    link_options_fill(p, (size_t)(p - p->run->players), &options);
    p->link = link_create(&options, &events, e);
    return p->link && link_connect(p->link, e);
}

static void *reap(void *arg) {
    struct player *p = arg;
    link_destroy(p->leaving);
    push(p, event_make(EVENT_GONE, 0));
    return NULL;
}

/* The link is taken down beside; EVENT_GONE says when that is done. */
static void go_offline(struct player *p) {
    if (!p->link)
        return;
    if (p->up)
        phone_disconnected(p->phone);
    p->up = false;
    pthread_mutex_lock(&p->run->mutex);
    p->generation++;
    pthread_mutex_unlock(&p->run->mutex);
    p->leaving = p->link;
    p->link = NULL;
    if (pthread_create(&p->reaper, NULL, reap, p) != 0)
        abort();
}

static void gone(struct player *p) {
    pthread_join(p->reaper, NULL);
    p->leaving = NULL;
}

/* Exponential with that mean, at most five times it. */
static int64_t some_time(struct run *r, double mean_us) {
    double u = (1 + rng_below(&r->rng, 1000000)) / 1000001.0;
    double sum = 0;
    while (u < 1 && sum < 5) {
        u *= 1.1051709; /* e^0.1 */
        sum += 0.1;
    }
    return (int64_t)(sum * mean_us);
}

static void toggle(struct player *p, int64_t now) {
    struct run *r = p->run;
    double part = r->plan->offline_pct / 100.0;
    if (p->link) {
        int64_t error_ms = (int64_t)rng_below(&r->rng, 5 * 3600 * 1000) - 2 * 3600 * 1000;
        go_offline(p);
        r->spells++;
        if (p->wrong_clock)
            phone_set_clock_error(p->phone, error_ms);
        p->toggle_us = now + some_time(r, ONLINE_MEAN_US * part / (1 - part));
    } else if (!p->leaving) {
        struct err e = {0};
        if (!go_online(p, &e)) { /* the link says nothing that a later try could not mend */
            link_destroy(p->link);
            p->link = NULL;
        }
        p->toggle_us = r->plan->offline_pct ? now + some_time(r, ONLINE_MEAN_US) : INT64_MAX;
    }
}

static void take(struct run *r, struct event *ev) {
    struct player *p = ev->player;
    struct publisher publisher;
    bool current = ev->generation == p->generation && p->link;
    p->next_us = 0;
    switch (ev->kind) {
    case EVENT_UP:
        if (!current)
            return;
        publisher = link_publisher(p->link);
        r->ever_up = p->up = true;
        phone_connected(p->phone, &publisher);
        return;
    case EVENT_DOWN:
        if (!current || !p->up)
            return;
        r->links_lost++;
        p->up = false;
        phone_disconnected(p->phone);
        return;
    case EVENT_MESSAGE:
        phone_message(p->phone, ev->topic, ev->topic + strlen(ev->topic) + 1, ev->size, ev->at_us);
        return;
    case EVENT_ACKED:
        phone_acked(p->phone, ev->token);
        return;
    case EVENT_FAILED:
        phone_failed(p->phone, ev->token);
        return;
    case EVENT_GONE:
        gone(p);
    }
}

static void take_all(struct run *r, int64_t until_us) {
    struct timespec ts;
    pthread_mutex_lock(&r->mutex);
    int64_t wait = until_us - now_us(r);
    if (!r->first && wait > 0) {
        clock_gettime(CLOCK_MONOTONIC, &ts);
        int64_t ns = ts.tv_nsec + wait % 1000000 * 1000;
        ts.tv_sec += (time_t)(wait / 1000000 + ns / 1000000000);
        ts.tv_nsec = (long)(ns % 1000000000);
        pthread_cond_timedwait(&r->changed, &r->mutex, &ts);
    }
    struct event *ev = r->first;
    r->first = NULL;
    r->last = &r->first;
    pthread_mutex_unlock(&r->mutex);
    while (ev) {
        struct event *next = ev->next;
        take(r, ev);
        free(ev);
        ev = next;
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static size_t total_pending(const struct run *r) {
    size_t pending = 0;
    for (size_t i = 0; i < r->count; i++)
        pending += phone_pending(r->players[i].phone);
    return pending;
}

static bool written_enough(const struct run *r, int64_t now) {
    const struct simulate_plan *plan = r->plan;
    return plan->records ? r->world.counts.written >= plan->records : now >= r->write_until_us;
}

static void write_bundle(struct run *r) {
    struct player *p = &r->players[rng_below(&r->rng, (uint32_t)r->count)];
    size_t count = 1;
    if (r->plan->batch_max > 1 && rng_below(&r->rng, 3) == 0)
        count += rng_below(&r->rng, (uint32_t)(r->plan->batch_max < 8 ? r->plan->batch_max : 8));
    if (r->plan->records && r->world.counts.written + count > r->plan->records)
        count = r->plan->records - r->world.counts.written;
    bool atomic = rng_below(&r->rng, 100) < r->plan->atomic_pct;
    size_t written = phone_write(p->phone, count, atomic);
    p->next_us = 0;
    r->next_write_us += (int64_t)(1e6 / r->plan->rate * (double)(written ? written : 1));
}

static void write_due(struct run *r, int64_t now) {
    if (!r->write_from_us) { /* all have their first copy, or time is up */
        bool ready = r->world.told_time;
        for (size_t i = 0; i < r->count && ready; i++)
            ready = phone_idle(r->players[i].phone) || now - r->start_us > WARM_UP_US;
        if (!ready)
            return;
        r->write_from_us = r->next_write_us = now;
        r->write_until_us = now + (int64_t)r->plan->seconds * 1000000;
    }
    for (int i = 0; i < 1000 && r->next_write_us <= now && !written_enough(r, now); i++)
        write_bundle(r);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void show(struct run *r, int64_t now, bool last) {
    bool terminal = isatty(STDERR_FILENO);
    if (!last && now - r->shown_us < (terminal ? 500000 : 10000000))
        return;
    r->shown_us = now;
    size_t up = 0;
    for (size_t i = 0; i < r->count; i++)
        up += r->players[i].up;
    const struct phone_counts *c = &r->world.counts;
    fprintf(stderr,
            "%ssimulate %lld s: %zu of %zu phones online, %zu written, %zu stored, %zu held, "
            "%zu rejected, %zu waiting%s",
            terminal ? "\r\033[K" : "", (long long)((now - r->start_us) / 1000000), up, r->count,
            c->written, c->states[PHONE_STORED], c->states[PHONE_HELD], c->states[PHONE_REJECTED],
            total_pending(r), terminal && !last ? "" : "\n");
}

static int64_t step_all(struct run *r, int64_t now) {
    int64_t next = now + 200000;
    for (size_t i = 0; i < r->count; i++) {
        struct player *p = &r->players[i];
        if (p->toggle_us <= now && !r->settling)
            toggle(p, now);
        if (p->next_us <= now)
            p->next_us = phone_step(p->phone);
        next = p->next_us < next ? p->next_us : next;
        next = p->toggle_us < next && !r->settling ? p->toggle_us : next;
    }
    bool writing = r->write_from_us && !r->settling;
    return writing && r->next_write_us < next ? r->next_write_us : next;
}

/* Writes until there is enough; false if no phone ever got through. */
static bool play(struct run *r) {
    int64_t now = now_us(r);
    int64_t next = 0;
    while (!r->write_from_us || !written_enough(r, now)) {
        if (!r->ever_up && now - r->start_us > UNREACHABLE_US)
            return false;
        take_all(r, next);
        now = now_us(r);
        write_due(r, now);
        next = step_all(r, now);
        show(r, now, false);
    }
    return true;
}

static bool settled(const struct run *r, bool pulls) {
    for (size_t i = 0; i < r->count; i++)
        if (phone_pending(r->players[i].phone) || (pulls && !phone_idle(r->players[i].phone)))
            return false;
    return true;
}

/* Everybody comes back into reach; every outbox empties, then every copy is brought up to date. */
static void settle(struct run *r) {
    int64_t end = now_us(r) + (int64_t)r->plan->settle_s * 1000000;
    int64_t asked_us = 0;
    r->settling = true;
    for (int64_t now = now_us(r); now < end; now = now_us(r)) {
        int64_t next = step_all(r, now);
        for (size_t i = 0; i < r->count; i++)
            if (!r->players[i].link && !r->players[i].leaving)
                toggle(&r->players[i], now);
        if (asked_us && settled(r, true) && now - asked_us > FINAL_PULL_US)
            break;
        if (!asked_us && settled(r, false)) {
            asked_us = now;
            for (size_t i = 0; i < r->count; i++) {
                phone_want(r->players[i].phone, now + FINAL_PULL_US / 2);
                r->players[i].next_us = 0;
            }
        }
        take_all(r, next);
        show(r, now, false);
    }
}

static void leave(struct run *r) {
    for (size_t i = 0; i < r->count; i++)
        go_offline(&r->players[i]);
    for (size_t i = 0; i < r->count; i++)
        while (r->players[i].leaving)
            take_all(r, now_us(r) + 100000);
    take_all(r, 0);
}

/* ---- the frame ------------------------------------------------------------------------------ */

static void complain(void *ctx, const char *text) {
    struct run *r = ctx;
    if (r->complaints++ < COMPLAINTS_MAX)
        fprintf(stderr, "%s%s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text);
}

/* What county-wide roles pull: not everybody's households. */
static const char *kinds_for(const char *role) {
    return strstr("CO CT SI DI UN", role) ? "[\"division\",\"task\",\"finding\",\"held\"]" : NULL;
}

static void make_players(struct run *r, const struct simulate_device *devices) {
    for (size_t i = 0; i < r->count; i++) {
        struct player *p = &r->players[i];
        struct phone_options o = {.county = r->plan->county,
                                  .device = devices[i].id,
                                  .author = devices[i].cadre,
                                  .role = devices[i].role,
                                  .kinds = kinds_for(devices[i].role),
                                  .tasks_first = i % 3 == 1,
                                  .zlib = i % 2 == 1,
                                  .duplicates_pct = r->plan->duplicates_pct,
                                  .garbled_permille = r->plan->garbled_permille,
                                  .batch_max = r->plan->batch_max};
        rng_fill(&r->rng, &o.seed, sizeof o.seed);
        o.clock_error_ms = (int64_t)rng_below(&r->rng, 4000) - 2000;
        p->run = r;
        p->device = &devices[i];
        p->wrong_clock = i % WRONG_CLOCK_EVERY == 0;
        p->phone = phone_create(&r->world, &o);
        if (strcmp(devices[i].role, "HL") == 0)
            r->helpers[r->world.helper_count++] = devices[i].cadre;
    }
    r->world.helpers = r->helpers;
}

static void run_init(struct run *r, struct app *a, const struct simulate_plan *plan,
                     const struct simulate_device *devices, size_t count) {
    pthread_condattr_t attr;
    *r = (struct run){.app = a, .plan = plan, .count = count};
    pthread_mutex_init(&r->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attr);
    pthread_condattr_destroy(&attr);
    r->last = &r->first;
    r->rng = rng_seeded_make(&r->seeded, plan->seed ^ 1);
    r->world = (struct phone_world){
        .clock = a->clock, .time_scale = plan->time_scale, .complain = complain, .ctx = r};
    r->players = calloc(count, sizeof *r->players);
    r->helpers = calloc(count, sizeof *r->helpers);
    if (!r->players || !r->helpers)
        abort();
    make_players(r, devices);
    r->start_us = r->shown_us = now_us(r);
}

static void run_fini(struct run *r) {
    for (size_t i = 0; i < r->count; i++)
        phone_destroy(r->players[i].phone);
    phone_world_fini(&r->world);
    free(r->players);
    free(r->helpers);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
}

static int compare_latencies(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(const struct phone_world *w, unsigned percent) {
    return w->latency_count ? w->latencies_us[(w->latency_count - 1) * percent / 100] : 0;
}

static bool conclude(struct run *r, struct simulate_result *ret, struct err *e) {
    struct phone_world *w = &r->world;
    struct phone **phones = calloc(r->count, sizeof(struct phone *));
    if (!phones)
        abort();
    if (w->latency_count)
        qsort(w->latencies_us, w->latency_count, sizeof *w->latencies_us, compare_latencies);
    ret->copies_whole = true;
    for (size_t i = 0; i < r->count; i++)
        phones[i] = r->players[i].phone;
    ret->pending = total_pending(r);
    ret->counts = w->counts;
    ret->phones = r->count;
    ret->spells = r->spells;
    ret->links_lost = r->links_lost;
    ret->seconds = (double)(now_us(r) - r->write_from_us) / 1e6;
    ret->p50_us = percentile(w, 50);
    ret->p90_us = percentile(w, 90);
    ret->p99_us = percentile(w, 99);
    ret->max_us = percentile(w, 100);
    bool ok = !r->app->dir || simulate_check(r->app, phones, r->count, ret, e);
    free(phones);
    return ok;
}

bool simulate_run(struct app *a, const struct simulate_plan *plan,
                  const struct simulate_device *devices, size_t count, struct simulate_result *ret,
                  struct err *e) {
    struct run r;
    run_init(&r, a, plan, devices, count);
    bool ok = true;
    for (size_t i = 0; i < r.count && ok; i++) {
        ok = go_online(&r.players[i], e);
        r.players[i].toggle_us =
            plan->offline_pct ? r.start_us + some_time(&r, ONLINE_MEAN_US) : INT64_MAX;
    }
    if (ok && !play(&r))
        ok = err_set(e, ERR_IO, "no phone could connect to %s", plan->uri);
    if (ok)
        settle(&r);
    bool whole = settled(&r, true);
    for (size_t i = 0; i < count; i++)
        phone_tell_pending(r.players[i].phone);
    show(&r, now_us(&r), true);
    leave(&r);
    ok = ok && conclude(&r, ret, e);
    ret->copies_whole = whole;
    run_fini(&r);
    return ok;
}
