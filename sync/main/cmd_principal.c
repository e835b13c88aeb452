/* zoufang device|relay|monitor add, list, revoke; zoufang relay files. */
#include "app.h"
#include "broker.h"
#include "buf.h"
#include "commands.h"
#include "conf.h"
#include "enrol.h"
#include "options.h"
#include "relay_conf.h"
#include "running.h"
#include "seqset.h"
#include "text_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPT_MS 10000 /* until the broker takes a new principal */
#define TELL_BROKER "make the broker read %s/broker/passwd and acl again (send it SIGHUP)"

#define RELAY_DIR "/etc/mosquitto/zoufang"

struct principal_args {
    const char *kind; /* device, relay, monitor */
    const char *verb;
    const char *id;
    struct option_list cadres;
    const char *town, *bridge_dir, *county_host, *ca_file; /* relay add */
    size_t county_port;
    const char *folder; /* relay files */
};

static bool is_town(const char *text) {
    return strlen(text) == 3 && strspn(text, "0123456789") == 3;
}

/* What stands on a line of the relay's configuration: checked before anybody is enrolled. */
static bool is_word(const struct app *a, const char *name, const char *text) {
    if (!text || (*text && !strpbrk(text, " \t\r\n")))
        return true;
    app_usage(a, "%s '%s': a text without blanks is needed", name, text);
    return false;
}

static bool parse_add(struct app *a, struct principal_args *p) {
    const struct option none[] = {{0}};
    const struct option device[] = {{.name = "--cadre", .type = OPTION_LIST, .value = &p->cadres},
                                    {0}};
    const struct option relay[] = {
        {.name = "--town", .type = OPTION_TEXT, .value = &p->town},
        {.name = "--bridge", .type = OPTION_TEXT, .value = &p->bridge_dir},
        {.name = "--county-host", .type = OPTION_TEXT, .value = &p->county_host},
        {.name = "--county-port",
         .type = OPTION_SIZE,
         .value = &p->county_port,
         .min = 1,
         .max = 65535},
        {.name = "--ca-file", .type = OPTION_TEXT, .value = &p->ca_file},
        {0}};
    bool is_device = strcmp(p->kind, "device") == 0;
    bool is_relay = strcmp(p->kind, "relay") == 0;
    if (!options_read(a, 2, is_device ? device : is_relay ? relay : none, NULL))
        return false;
    if (is_device && !p->cadres.count)
        app_usage(a, "--cadre ID is missing");
    else if (is_relay && !p->town)
        app_usage(a, "--town NNN is missing");
    else if (is_relay && !is_town(p->town))
        app_usage(a, "--town '%s': the three digits of the township are needed, such as 104",
                  p->town);
    else
        return is_word(a, "--county-host", p->county_host) &&
               is_word(a, "--bridge", p->bridge_dir) && is_word(a, "--ca-file", p->ca_file);
    return false;
}

static bool parse(struct app *a, struct principal_args *p) {
    const struct argument id[] = {{.name = "ID", .value = &p->id}, {0}};
    const struct option to[] = {{.name = "--to", .type = OPTION_TEXT, .value = &p->folder}, {0}};
    p->kind = a->argv[0];
    p->verb = a->argc > 1 ? a->argv[1] : "";
    bool relay = strcmp(p->kind, "relay") == 0;
    if (strcmp(p->verb, "add") == 0)
        return parse_add(a, p);
    if (strcmp(p->verb, "list") == 0)
        return options_read(a, 2, NULL, NULL);
    if (strcmp(p->verb, "revoke") == 0)
        return options_read(a, 2, NULL, id);
    if (relay && strcmp(p->verb, "files") == 0) {
        if (!options_read(a, 2, to, id))
            return false;
        if (!p->folder)
            app_usage(a, "--to FOLDER is missing");
        return p->folder != NULL;
    }
    app_usage(
        a, *p->verb ? "no '%s'; there are add, list, revoke%s" : "%ssay what: add, list, revoke%s",
        p->verb, relay ? ", files" : "");
    return false;
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

/* What relays are to connect to: options, then [relay], then the server's own broker. */
static void find_county(struct app *a, const struct principal_args *p, const struct conf *conf,
                        struct conf_uri *ret) {
    struct running r;
    conf_uri(running_read(a->dir, &r) ? r.uri : conf->broker_uri, ret);
    if (p->county_host || *conf->relay_county_host)
        snprintf(ret->host, sizeof ret->host, "%s",
                 p->county_host ? p->county_host : conf->relay_county_host);
    if (p->county_port || *conf->relay_county_port)
        ret->port = p->county_port ? (int)p->county_port : conf_port(conf->relay_county_port);
    ret->tls = ret->tls || p->ca_file;
    if (strcmp(ret->host, "localhost") == 0 || strncmp(ret->host, "127.", 4) == 0)
        fprintf(stderr,
                "zoufang relay: the relay will look for the county on its own machine (%s): if it "
                "runs elsewhere, give --county-host HOST or set county_host in [relay]\n",
                ret->host);
}

static bool print_bridge(struct app *a, const struct core *c, const struct principal_args *p,
                         const char *id, const char *password, struct err *e) {
    struct conf conf;
    struct conf_uri county;
    char town[16];
    char ca_file[1024];
    if (!conf_load(a->dir, &conf, e))
        return false;
    find_county(a, p, &conf, &county);
    snprintf(town, sizeof town, "%.6s%.3s000", c->county, p->town);
    const char *dir = p->bridge_dir ? p->bridge_dir : RELAY_DIR;
    snprintf(ca_file, sizeof ca_file, "%.1000s/ca.pem", dir); /* of `relay files` */
    const struct relay_conf r = {.county = c->county,
                                 .relay = id,
                                 .password = password,
                                 .town = town,
                                 .county_host = county.host,
                                 .county_port = county.port,
                                 .county_tls = county.tls,
                                 .county_ca_file = p->ca_file             ? p->ca_file
                                                   : *conf.broker_ca_file ? ca_file
                                                                          : NULL,
                                 .local_port = 1883,
                                 .dir = dir};
    return relay_conf_write(stdout, &r, e);
}

static bool add(struct app *a, struct core *c, const struct principal_args *p, struct err *e) {
    char id[ENROL_ID_SIZE];
    char password[ACCESS_PASSWORD_SIZE];
    bool device = strcmp(p->kind, "device") == 0;
    bool relay = strcmp(p->kind, "relay") == 0;
    bool ok = device  ? enrol_device(c, p->cadres.items, p->cadres.count, id, password, e)
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

static void print_line(sqlite3_stmt *q, const char *kind) {
    const char *whose = strcmp(kind, "device") == 0  ? q_col(q, 4)
                        : strcmp(kind, "relay") == 0 ? q_col(q, 1)
                                                     : "";
    printf("%s%s%s%s\n", q_col(q, 0), *whose ? "  " : "", whose,
           sqlite3_column_type(q, 3) == SQLITE_NULL ? "" : "  revoked");
}

static void list(struct app *a, struct core *c, const char *kind) {
    sqlite3_stmt *q = store_query(c->store, "principals_of");
    q_text(q, 1, kind);
    while (q_row(c->store, q))
        (a->json ? print_json : print_line)(q, kind);
}

/* ---------------------------------------------------------------- relay files */

/* The certificates by which the relay knows the county's broker; where the system's do, none. */
static bool copy_ca(struct app *a, const char *folder, struct err *e) {
    struct conf conf;
    struct text_file f;
    char block[4096];
    size_t size;
    if (!conf_load(a->dir, &conf, e))
        return false;
    if (!*conf.broker_ca_file)
        return true;
    FILE *in = fopen(conf.broker_ca_file, "r");
    if (!in)
        return err_set(e, ERR_IO, "[broker] ca_file %s: %s", conf.broker_ca_file, strerror(errno));
    bool ok = text_file_open(&f, folder, "ca.pem", e);
    while (ok && (size = fread(block, 1, sizeof block, in)) > 0)
        fwrite(block, 1, size, f.out);
    if (ok && ferror(in))
        err_set(e, ERR_IO, "%s: %s", conf.broker_ca_file, strerror(errno));
    ok = ok && text_file_commit(&f, e);
    fclose(in);
    return ok && !err_is_set(e);
}

static int run(struct app *a) {
    struct principal_args p = {0};
    struct err e = {0};
    int status = 0;
    if (!parse(a, &p))
        return 2;
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
    else
        ok = enrol_write_relay(c, p.id, p.folder, &e) && copy_ca(a, p.folder, &e);
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
