/* zoufang simulate: plays phones against a running server, through the real broker. */
#include "commands.h"
#include "conf.h"
#include "log.h"
#include "options.h"
#include "running.h"
#include "simulate.h"
#include "topics.h"

#include <stdlib.h>
#include <string.h>

/* What the command line says besides the plan. */
struct words {
    const char *county;
    size_t port;
};

static bool read_options(struct app *a, struct simulate_plan *plan, struct words *w) {
    const struct option options[] = {
        {"--port", OPTION_SIZE, &w->port, NULL, 1, 65535},
        {"--uri", OPTION_TEXT, &plan->uri, NULL, 0, 0},
        {"--phones", OPTION_SIZE, &plan->phones, NULL, 1, SIMULATE_PHONES_MAX},
        {"--seconds", OPTION_SIZE, &plan->seconds, NULL, 1, 1e6},
        {"--records", OPTION_SIZE, &plan->records, NULL, 1, 1e8},
        {"--rate", OPTION_DOUBLE, &plan->rate, NULL, 0.01, 1e6},
        {"--batch", OPTION_SIZE, &plan->batch_max, NULL, 1, ENVELOPE_RECORDS_MAX},
        {"--offline", OPTION_UNSIGNED, &plan->offline_pct, NULL, 0, 90},
        {"--duplicates", OPTION_UNSIGNED, &plan->duplicates_pct, NULL, 0, 100},
        {"--atomic", OPTION_UNSIGNED, &plan->atomic_pct, NULL, 0, 100},
        {"--garbled", OPTION_UNSIGNED, &plan->garbled_permille, NULL, 0, 500},
        {"--until-settled", OPTION_SIZE, &plan->settle_s, NULL, 0, 1e6},
        {"--time-scale", OPTION_DOUBLE, &plan->time_scale, NULL, 0.0001, 10},
        {"--seed", OPTION_SEED, &plan->seed, NULL, 0, 9e15},
        {"--devices", OPTION_TEXT, &plan->devices_file, NULL, 0, 0},
        {"--county", OPTION_TEXT, &w->county, NULL, 0, 0},
        {0}};
    return options_read(a, 1, options, NULL);
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

/* Where the broker is: --uri, --port, that of the running server, or of the configuration. */
static bool find_broker(struct app *a, struct simulate_plan *plan, const struct words *w,
                        char uri[CONF_VALUE_SIZE], struct err *e) {
    struct conf conf;
    struct conf_uri parts;
    struct running r;
    if (plan->uri)
        return conf_uri(plan->uri, &parts) ||
               err_set(e, ERR_USAGE, "--uri '%s': tcp://HOST:PORT is needed", plan->uri);
    plan->uri = uri;
    if (w->port)
        snprintf(uri, CONF_VALUE_SIZE, "tcp://127.0.0.1:%zu", w->port);
    else if (a->dir && running_read(a->dir, &r))
        snprintf(uri, CONF_VALUE_SIZE, "%s", r.uri);
    else if (a->dir && conf_load(a->dir, &conf, e))
        snprintf(uri, CONF_VALUE_SIZE, "%s", conf.broker_uri);
    else
        return err_set(e, ERR_USAGE, "--port N, --uri URI or --data DIR is needed");
    return true;
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
    plan_defaults(&plan, a);
    if (!read_options(a, &plan, &words))
        return 2;
    if (!plan.devices_file && !a->dir)
        return app_usage(a, "--data DIR or --devices FILE is missing");
    if (words.county && !topic_county_valid(words.county))
        return app_usage(a, "--county '%s': a county code has 6 digits", words.county);
    if (plan.uri && words.port)
        return app_usage(a, "--port and --uri: give one of them");
    if (plan.devices_file && !words.county)
        return app_usage(a, "--devices needs --county CODE, too");
    if (!find_broker(a, &plan, &words, uri, &e))
        return app_fail(a, &e);
    snprintf(plan.county, sizeof plan.county, "%s", words.county ? words.county : "");
    if (!a->log_level_given)
        log_set_level(LOG_ERROR);
    if (plan.rate <= 0)
        plan.rate = (double)plan.phones;
    if (!plan.seconds && !plan.records)
        plan.seconds = 30;
    return play(a, &plan);
}
