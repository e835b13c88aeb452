/* DIR/zoufang.conf: where the broker is and how to run. One table of keys; the man page and the
 * example that init writes are checked against it. */
#ifndef CONF_H
#define CONF_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONF_VALUE_SIZE 512

struct conf {
    char schema[CONF_VALUE_SIZE];
    char log_level[CONF_VALUE_SIZE];
    char metrics_file[CONF_VALUE_SIZE];
    char broker_uri[CONF_VALUE_SIZE];
    char broker_username[CONF_VALUE_SIZE];
    char broker_password_file[CONF_VALUE_SIZE];
    char broker_ca_file[CONF_VALUE_SIZE];
    char broker_mqtt_version[CONF_VALUE_SIZE];
    char relay_county_host[CONF_VALUE_SIZE];
    char relay_county_port[CONF_VALUE_SIZE];
};

struct conf_key {
    const char *section, *name;
    const char *value; /* default */
    const char *help;
    size_t offset; /* in struct conf */
};

/* Ends with a NULL name. */
extern const struct conf_key conf_keys[];

/* The parts of tcp://HOST:PORT or ssl://HOST:PORT. */
struct conf_uri {
    char host[CONF_VALUE_SIZE];
    int port;
    bool tls;
};

/* False if it is neither. */
bool conf_uri(const char *uri, struct conf_uri *ret);
/* 1 to 65535, or 0: not a port. */
int conf_port(const char *text);

/* Defaults, then DIR/zoufang.conf if it is there. An unknown key, a bad value or a malformed line
 * is ERR_USAGE that names file, line and what is allowed; ERR_IO: the file cannot be read. */
bool conf_load(const char *dir, struct conf *ret, struct err *e);

/* The commented example: every key with its default. */
void conf_write_example(FILE *out);

#endif
