/* zoufang simulate: plays phones against a running server, through the real broker. */
#include "commands.h"
#include "conf.h"
#include "log.h"
#include "simulate.h"
#include "topics.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: zoufang simulate --data DIR [--port N | --uri URI] [OPTION…]\n"
    "  --phones N          how many phones, at most 500 (20)\n"
    "  --seconds S         how long their owners write (30)\n"
    "  --records N         write this many records instead\n"
    "  --rate R            records a second, all phones together (one a phone)\n"
    "  --batch N           at most this many records in an envelope (20)\n"
    "  --offline PCT       part of the time that a phone is out of reach (10)\n"
    "  --duplicates PCT    envelopes sent twice (3)\n"
    "  --atomic PCT        bundles that are one act (5)\n"
    "  --garbled PERMILLE  envelopes damaged on the way (2)\n"
    "  --until-settled S   wait at most this long at the end for every outcome (60)\n"
    "  --time-scale F      the protocol's waits times this: 0.01 for tests (1)\n"
    "  --seed X            the same phones and owners again\n"
    "  --devices FILE      {\"device\",\"password\",\"cadre\",\"role\"} a line, instead of "
    "enrolling\n"
    "  --county CODE       with --devices and without --data\n"
    "  --json              the result as one JSON object\n"
    "Exit status 0: nothing lost and every copy agrees; 1: not so; 3: no broker.\n";

struct option {
    const char *name;
    enum { OPTION_SIZE, OPTION_UNSIGNED, OPTION_DOUBLE, OPTION_TEXT, OPTION_SEED } type;
    void *value;
    double min, max;
};

static bool option_set(const struct option *o, const char *text) {
    char *end;
    if (o->type == OPTION_TEXT) {
        *(const char **)o->value = text;
        return true;
    }
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= o->min && v <= o->max))
        return false;
    if (o->type == OPTION_SIZE)
        *(size_t *)o->value = (size_t)v;
    else if (o->type == OPTION_UNSIGNED)
        *(unsigned *)o->value = (unsigned)v;
    else if (o->type == OPTION_SEED)
        *(uint64_t *)o->value = (uint64_t)v;
    else
        *(double *)o->value = v;
    return true;
}

/* What the command line says besides the plan. */
struct words {
    const char *county;
    size_t port;
};

static int read_options(struct app *a, struct simulate_plan *plan, struct words *w) {
    const struct option options[] = {
        {"--port", OPTION_SIZE, &w->port, 1, 65535},
        {"--uri", OPTION_TEXT, &plan->uri, 0, 0},
        {"--phones", OPTION_SIZE, &plan->phones, 1, SIMULATE_PHONES_MAX},
        {"--seconds", OPTION_SIZE, &plan->seconds, 1, 1e6},
        {"--records", OPTION_SIZE, &plan->records, 1, 1e8},
        {"--rate", OPTION_DOUBLE, &plan->rate, 0.01, 1e6},
        {"--batch", OPTION_SIZE, &plan->batch_max, 1, ENVELOPE_RECORDS_MAX},
        {"--offline", OPTION_UNSIGNED, &plan->offline_pct, 0, 90},
        {"--duplicates", OPTION_UNSIGNED, &plan->duplicates_pct, 0, 100},
        {"--atomic", OPTION_UNSIGNED, &plan->atomic_pct, 0, 100},
        {"--garbled", OPTION_UNSIGNED, &plan->garbled_permille, 0, 500},
        {"--until-settled", OPTION_SIZE, &plan->settle_s, 0, 1e6},
        {"--time-scale", OPTION_DOUBLE, &plan->time_scale, 0.0001, 10},
        {"--seed", OPTION_SEED, &plan->seed, 0, 9e15},
        {"--devices", OPTION_TEXT, &plan->devices_file, 0, 0},
        {"--county", OPTION_TEXT, &w->county, 0, 0},
    };
    for (int i = 1; i < a->argc; i += 2) {
        const struct option *o = NULL;
        for (size_t k = 0; k < sizeof options / sizeof *options && !o; k++)
            o = strcmp(options[k].name, a->argv[i]) == 0 ? &options[k] : NULL;
        if (!o)
            return app_usage(a, "unknown argument %s", a->argv[i]);
        if (i + 1 == a->argc || !option_set(o, a->argv[i + 1]))
            return app_usage(a, "%s: bad value %s", a->argv[i],
                             i + 1 < a->argc ? a->argv[i + 1] : "(none)");
    }
    return 0;
}

static void plan_defaults(struct simulate_plan *plan, struct app *a) {
    *plan = (struct simulate_plan){.phones = 20,
                                   .batch_max = 20,
                                   .offline_pct = 10,
                                   .duplicates_pct = 3,
                                   .garbled_permille = 2,
                                   .atomic_pct = 5,
                                   .settle_s = 60,
                                   .time_scale = 1};
    rng_fill(&a->rng, &plan->seed, sizeof plan->seed);
    plan->seed >>= 12;
}

/* Where the broker is: --uri, --port, or the county's configuration. */
static bool find_broker(struct app *a, struct simulate_plan *plan, const struct words *w,
                        char uri[CONF_VALUE_SIZE], struct err *e) {
    struct conf conf;
    if (plan->uri)
        return true;
    plan->uri = uri;
    if (w->port) {
        snprintf(uri, CONF_VALUE_SIZE, "tcp://127.0.0.1:%zu", w->port);
        return true;
    }
    if (!a->dir || !conf_load(a->dir, &conf, e))
        return err_set(e, ERR_USAGE, "--port, --uri or --data is needed");
    snprintf(uri, CONF_VALUE_SIZE, "%s", conf.broker_uri);
    return *uri != '\0' || err_set(e, ERR_USAGE, "no broker is configured: give --port or --uri");
}

static int play(struct app *a, struct simulate_plan *plan) {
    struct err e = {0};
    struct simulate_result result = {0};
    size_t count = 0;
    struct simulate_device *devices = calloc(plan->phones, sizeof *devices);
    if (!devices)
        abort();
    bool ok = plan->devices_file ? simulate_read_devices(plan, devices, &count, &e)
                                 : simulate_enrol(a, plan, devices, &count, &e);
    ok = ok && simulate_run(a, plan, devices, count, &result, &e);
    free(devices);
    if (!ok)
        return app_fail(a, &e);
    simulate_print(&result, a->json);
    return simulate_is_good(&result) ? 0 : 1;
}

int cmd_simulate(struct app *a) {
    struct simulate_plan plan;
    struct words words = {0};
    struct err e = {0};
    char uri[CONF_VALUE_SIZE];
    a->usage = usage;
    if (a->argc > 1 && strcmp(a->argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    plan_defaults(&plan, a);
    int status = read_options(a, &plan, &words);
    if (status)
        return status;
    if (!plan.devices_file && !a->dir)
        return app_usage(a, "--data DIR or --devices FILE is missing");
    if (!find_broker(a, &plan, &words, uri, &e))
        return app_fail(a, &e);
    if (words.county && !topic_county_valid(words.county))
        return app_usage(a, "%s: a county code has 6 digits", words.county);
    snprintf(plan.county, sizeof plan.county, "%s", words.county ? words.county : "");
    if (!a->log_level_given)
        log_set_level(LOG_ERROR);
    if (plan.rate <= 0)
        plan.rate = (double)plan.phones;
    if (!plan.seconds && !plan.records)
        plan.seconds = 30;
    return play(a, &plan);
}
