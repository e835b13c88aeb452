#include "conf.h"

#include <errno.h>
#include <ini.h>
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
    KEY("relay", "county_host", relay_county_host, "127.0.0.1",
        "the county's broker as relays reach it"),
    KEY("relay", "county_port", relay_county_port, "1883", "its port"),
    {NULL, NULL, NULL, NULL, 0}};

static char *field(struct conf *c, const struct conf_key *k) {
    return (char *)c + k->offset;
}

static int set_value(void *user, const char *section, const char *name, const char *value) {
    struct conf *c = user;
    for (const struct conf_key *k = conf_keys; k->name; k++) {
        if (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0)
            continue;
        if (strlen(value) >= CONF_VALUE_SIZE)
            return 0;
        memcpy(field(c, k), value, strlen(value) + 1);
        return 1;
    }
    return 0;
}

bool conf_load(const char *dir, struct conf *c, struct err *e) {
    char path[1024];
    memset(c, 0, sizeof *c);
    for (const struct conf_key *k = conf_keys; k->name; k++)
        memcpy(field(c, k), k->value, strlen(k->value) + 1);
    if (snprintf(path, sizeof path, "%s/zoufang.conf", dir) >= (int)sizeof path)
        return err_set(e, ERR_LIMIT, "%s: path too long", dir);
    int line = ini_parse(path, set_value, c);
    if (line > 0)
        return err_set(e, ERR_INVALID, "%s:%d: unknown key or malformed line", path, line);
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
