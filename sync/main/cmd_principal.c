/* zoufang device|relay|monitor add, list, revoke; zoufang relay files. */
#include "app.h"
#include "broker.h"
#include "buf.h"
#include "commands.h"
#include "conf.h"
#include "enrol.h"
#include "relay_conf.h"
#include "running.h"
#include "seqset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CADRES_MAX 64
#define ACCEPT_MS 10000 /* until the broker takes a new principal */
#define TELL_BROKER "make the broker read %s/broker/passwd and acl again (send it SIGHUP)"

struct principal_args {
    const char *kind; /* device, relay, monitor */
    const char *verb;
    const char *id;
    const char *cadres[CADRES_MAX];
    size_t cadre_count;
    const char *town;
    const char *bridge_dir;
    const char *folder;
};

static bool is_files(const struct principal_args *p) {
    return strcmp(p->kind, "relay") == 0 && strcmp(p->verb, "files") == 0;
}

static const char *what_is_missing(const struct principal_args *p) {
    bool add = strcmp(p->verb, "add") == 0;
    if (!p->id && (strcmp(p->verb, "revoke") == 0 || is_files(p)))
        return "the id is missing";
    if (is_files(p) && !p->folder)
        return "--to FOLDER is missing";
    if (add && strcmp(p->kind, "device") == 0 && !p->cadre_count)
        return "--cadre ID is missing";
    if (add && strcmp(p->kind, "relay") == 0 && !p->town)
        return "--town NNN is missing";
    return NULL;
}

static bool parse(struct app *a, struct principal_args *p, int *ret_status) {
    p->kind = a->argv[0];
    p->verb = a->argc > 1 ? a->argv[1] : "";
    for (int i = 2; i < a->argc; i++) {
        bool more = i + 1 < a->argc;
        if (strcmp(a->argv[i], "--cadre") == 0 && more && p->cadre_count < CADRES_MAX)
            p->cadres[p->cadre_count++] = a->argv[++i];
        else if (strcmp(a->argv[i], "--town") == 0 && more)
            p->town = a->argv[++i];
        else if (strcmp(a->argv[i], "--bridge") == 0 && more)
            p->bridge_dir = a->argv[++i];
        else if (strcmp(a->argv[i], "--to") == 0 && more)
            p->folder = a->argv[++i];
        else if (a->argv[i][0] != '-' && !p->id)
            p->id = a->argv[i];
        else {
            *ret_status = app_usage(a, "unexpected '%s'", a->argv[i]);
            return false;
        }
    }
    const char *missing = what_is_missing(p);
    if (missing)
        *ret_status = app_usage(a, "%s", missing);
    return !missing;
}

/* While a server runs, waits until its broker takes the new principal. */
static bool await_broker(struct app *a, const char *id, const char *password, struct err *e) {
    struct running r;
    if (!running_read(a->dir, &r))
        return true;
    const struct access_wait_options o = {.uri = r.uri,
                                          .ca_file = *r.ca_file ? r.ca_file : NULL,
                                          .username = id,
                                          .password = password,
                                          .should_accept = true,
                                          .timeout_ms = ACCEPT_MS,
                                          .clock = a->clock};
    struct err answer = {0};
    if (access_wait(&o, &answer))
        return true;
    return err_set(e, answer.code, "%.200s: " TELL_BROKER, answer.msg, a->dir);
}

/* A broker whose process is not known keeps admitting who was revoked until it reads its files. */
static void hint_at_broker(struct app *a) {
    struct running r;
    if (running_read(a->dir, &r) && broker_find(a->dir) == 0)
        fprintf(stderr, "zoufang %s: " TELL_BROKER "\n", a->argv[0], a->dir);
}

/* ---------------------------------------------------------------- add */

static bool print_bridge(struct app *a, const struct core *c, const struct principal_args *p,
                         const char *id, const char *password, struct err *e) {
    struct conf conf;
    char town[16];
    if (!conf_load(a->dir, &conf, e))
        return false;
    snprintf(town, sizeof town, "%.6s%.3s000", c->county, p->town);
    const struct relay_conf r = {.county = c->county,
                                 .relay = id,
                                 .password = password,
                                 .town = town,
                                 .county_host = conf.relay_county_host,
                                 .county_port = atoi(conf.relay_county_port),
                                 .local_port = 1883,
                                 .dir = p->bridge_dir ? p->bridge_dir : "/etc/mosquitto/zoufang"};
    return relay_conf_write(stdout, &r, e);
}

static bool add(struct app *a, struct core *c, const struct principal_args *p, struct err *e) {
    char id[ENROL_ID_SIZE];
    char password[ACCESS_PASSWORD_SIZE];
    bool device = strcmp(p->kind, "device") == 0;
    bool relay = strcmp(p->kind, "relay") == 0;
    bool ok = device  ? enrol_device(c, p->cadres, p->cadre_count, id, password, e)
              : relay ? enrol_relay(c, p->town, id, password, e)
                      : enrol_monitor(c, id, password, e);
    if (!ok || !enrol_write_access(c, a->dir, e))
        return false;
    bool valid = await_broker(a, id, password, e); /* if not, the password is shown all the same */
    if (a->json)
        printf("{\"%s\":\"%s\",\"username\":\"%s\",\"password\":\"%s\"}\n", p->kind, id, id,
               password);
    else if (relay)
        valid = print_bridge(a, c, p, id, password, e) && valid;
    else
        printf("%s %s\nusername %s\npassword %s\n", p->kind, id, id, password);
    return valid;
}

static bool revoke(struct app *a, struct core *c, const struct principal_args *p, struct err *e) {
    if (!enrol_revoke(c, p->kind, p->id, e) || !enrol_write_access(c, a->dir, e))
        return false;
    hint_at_broker(a);
    return true;
}

/* ---------------------------------------------------------------- list */

static void print_json(sqlite3_stmt *q, const char *kind) {
    char created[TIME_TEXT_SIZE];
    struct seqset seqs = {0};
    time_format(sqlite3_column_int64(q, 2), created);
    seqset_parse(&seqs, q_col(q, 5));
    printf("{\"%s\":\"%s\",\"created\":\"%s\",\"revoked\":%s", kind, q_col(q, 0), created,
           sqlite3_column_type(q, 3) == SQLITE_NULL ? "false" : "true");
    if (strcmp(kind, "relay") == 0)
        printf(",\"town\":\"%s\"", q_col(q, 1));
    if (strcmp(kind, "device") == 0)
        printf(",\"cadres\":%s,\"upto\":%" PRId64, q_col(q, 4), seqset_upto(&seqs));
    puts("}");
    seqset_fini(&seqs);
}

static void list(struct app *a, struct core *c, const char *kind) {
    sqlite3_stmt *q = store_query(c->store, "principals_of");
    q_text(q, 1, kind);
    while (q_row(c->store, q)) {
        if (a->json)
            print_json(q, kind);
        else
            printf("%s  %s %s%s\n", q_col(q, 0), strcmp(kind, "device") == 0 ? q_col(q, 4) : "",
                   q_col(q, 1), sqlite3_column_type(q, 3) == SQLITE_NULL ? "" : "  revoked");
    }
}

static int run(struct app *a) {
    struct principal_args p = {0};
    struct err e = {0};
    int status = 0;
    if (!parse(a, &p, &status))
        return status;
    struct core *c = app_open_core(a, &status);
    if (!c)
        return status;
    bool ok = true;
    if (strcmp(p.verb, "add") == 0)
        ok = add(a, c, &p, &e);
    else if (strcmp(p.verb, "list") == 0)
        list(a, c, p.kind);
    else if (strcmp(p.verb, "revoke") == 0)
        ok = revoke(a, c, &p, &e);
    else if (is_files(&p))
        ok = enrol_write_relay(c, p.id, p.folder, &e);
    else
        status = app_usage(a, "say what to do");
    if (!ok)
        status = app_fail(a, &e);
    core_close(c);
    return status;
}

int cmd_device(struct app *a) {
    return run(a);
}
int cmd_relay(struct app *a) {
    return run(a);
}
int cmd_monitor(struct app *a) {
    return run(a);
}
