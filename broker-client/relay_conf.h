/* The configuration of a township relay: a stock Mosquitto that takes the phones' messages while
 * the county cannot be reached, and carries them on unchanged under its own name (protocol §3). */
#ifndef RELAY_CONF_H
#define RELAY_CONF_H

#include "err.h"
#include <stdio.h>

struct relay_conf {
    const char *county;   /* 6 digits */
    const char *relay;    /* its id at the county's broker, r-… */
    const char *password; /* there */
    const char *town;     /* 12-digit code of its township */
    const char *county_host;
    int county_port;
    bool county_tls;
    const char *county_ca_file; /* on the relay; NULL: TLS trusts what its system does */
    int local_port;             /* where its phones connect */
    const char *local_address;  /* NULL: all interfaces */
    const char *dir;            /* on the relay: the broker's store, and passwd and acl of
                                   access_write_relay */
};

/* A complete mosquitto.conf. It holds the password. ERR_INVALID for malformed parts. */
bool relay_conf_write(FILE *out, const struct relay_conf *conf, struct err *e);

#endif
