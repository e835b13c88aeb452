#include "conf.h"

#include "log.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY(section, name, field, value, help)                                                     \
    { section, name, value, help, offsetof(struct conf, field) }

const struct conf_key conf_keys[] = {
    KEY("server", "schema", schema, "",
        "folder of forms, rules and views; empty: the installed one"),
    KEY("server", "log_level", log_level, "info", "error, warn, info or debug"),
    KEY("server", "metrics_file", metrics_file, "",
        "Prometheus text file, written every 10 s; empty: metrics.prom in the data directory"),
    KEY("broker", "uri", broker_uri, "tcp://127.0.0.1:1883",
        "tcp://HOST:PORT or ssl://HOST:PORT; unused with --standalone"),
    KEY("broker", "username", broker_username, "zoufang", "user name of the server at the broker"),
    KEY("broker", "password_file", broker_password_file, "",
        "file with the password; empty: broker/server.password in the data directory"),
    KEY("broker", "ca_file", broker_ca_file, "",
        "certificates (PEM) that the broker's must come from; empty: those of the system"),
    KEY("broker", "mqtt_version", broker_mqtt_version, "auto",
        "5, 3.1.1, or auto: 5, and 3.1.1 if the broker refuses it"),
    KEY("relay", "county_host", relay_county_host, "",
        "the county's broker as relays reach it; empty: the host of [broker] uri"),
    KEY("relay", "county_port", relay_county_port, "",
        "its port, 1 to 65535; empty: that of [broker] uri"),
    {NULL, NULL, NULL, NULL, 0}};

/* What is read, and why it was refused. */
struct reading {
    struct conf *conf;
    char why[300];
};

static char *field(struct conf *c, const struct conf_key *k) {
    return (char *)c + k->offset;
}

int conf_port(const char *text) {
    char *end;
    long port = strtol(text, &end, 10);
    return *text && !*end && port >= 1 && port <= 65535 ? (int)port : 0;
}

bool conf_uri(const char *uri, struct conf_uri *ret) {
    const char *host = strstr(uri, "://");
    const char *port = host ? strrchr(host + 3, ':') : NULL;
    *ret = (struct conf_uri){.tls = strncmp(uri, "ssl://", 6) == 0};
    if (!port || (!ret->tls && strncmp(uri, "tcp://", 6) != 0))
        return false;
    host += 3;
    ret->port = conf_port(port + 1);
    snprintf(ret->host, sizeof ret->host, "%.*s", (int)(port - host), host);
    return ret->port && *ret->host;
}

/* What a value must be; NULL: it is. */
static const char *value_wanted(const struct conf_key *k, const char *value) {
    enum log_level level;
    struct conf_uri uri;
    if (strcmp(k->name, "log_level") == 0 && !log_level_parse(value, &level))
        return k->help;
    if (strcmp(k->name, "uri") == 0 && !conf_uri(value, &uri))
        return "tcp://HOST:PORT or ssl://HOST:PORT";
    if (strcmp(k->name, "mqtt_version") == 0 && strcmp(value, "5") != 0 &&
        strcmp(value, "3.1.1") != 0 && strcmp(value, "auto") != 0)
        return "5, 3.1.1 or auto";
    if (strcmp(k->name, "county_port") == 0 && *value && !conf_port(value))
        return "a port, 1 to 65535";
    return NULL;
}

/* Only the first mistake is told. */
static int refuse_key(struct reading *r, const char *section, const char *name) {
    size_t n = 0;
    if (*r->why)
        return 0;
    n = (size_t)snprintf(r->why, sizeof r->why, "no key '%.40s' in section [%.40s]; there are",
                         name, section);
    for (const struct conf_key *k = conf_keys; k->name && n < sizeof r->why; k++)
        n += (size_t)snprintf(r->why + n, sizeof r->why - n, "%s [%s] %s",
                              k == conf_keys ? "" : ",", k->section, k->name);
    return 0;
}

static int set_value(void *user, const char *section, const char *name, const char *value) {
    struct reading *r = user;
    for (const struct conf_key *k = conf_keys; k->name; k++) {
        if (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0)
            continue;
        const char *wanted =
            strlen(value) >= CONF_VALUE_SIZE ? "a shorter value" : value_wanted(k, value);
        if (wanted && !*r->why)
            snprintf(r->why, sizeof r->why, "%s = %.80s: %s is needed", name, value, wanted);
        if (wanted)
            return 0;
        memcpy(field(r->conf, k), value, strlen(value) + 1);
        return 1;
    }
    return refuse_key(r, section, name);
}

bool conf_load(const char *dir, struct conf *c, struct err *e) {
    char path[1024];
    struct reading r = {.conf = c};
    memset(c, 0, sizeof *c);
    for (const struct conf_key *k = conf_keys; k->name; k++)
        memcpy(field(c, k), k->value, strlen(k->value) + 1);
    if (snprintf(path, sizeof path, "%s/zoufang.conf", dir) >= (int)sizeof path)
        return err_set(e, ERR_LIMIT, "%s: path too long", dir);
    int line = ini_parse(path, set_value, &r);
    if (line > 0)
        return err_set(e, ERR_USAGE, "%s:%d: %s", path, line,
                       *r.why ? r.why : "neither [section], key = value nor # comment");
    if (line < 0 && access(path, F_OK) == 0)
        return err_set(e, ERR_IO, "%s: cannot be read", path);
    return true;
}

void conf_write_example(FILE *out) {
    const char *section = "";
    fprintf(out, "# Configuration of a Zoufang county. What stands behind # is the default.\n");
    for (const struct conf_key *k = conf_keys; k->name; k++) {
        if (strcmp(section, k->section) != 0)
            fprintf(out, "\n[%s]\n", k->section);
        section = k->section;
        fprintf(out, "# %s\n#%s = %s\n", k->help, k->name, k->value);
    }
}
