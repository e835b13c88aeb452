/* The private Mosquitto of `serve --standalone`: written configuration, spawned, supervised. It
 * keeps its files in DIR/broker/: mosquitto.conf, mosquitto.log, mosquitto.pid, mosquitto.db, and
 * passwd and acl, which access.h writes and which must be there before it starts.
 *
 * All functions are called from the main thread: the broker is sent SIGTERM by the kernel when the
 * thread that spawned it ends. The caller holds the data directory's lock. */
#ifndef BROKER_H
#define BROKER_H

#include "clock.h"
#include "err.h"
#include <stdio.h>
#include <sys/types.h>

struct broker_options {
    const char *dir; /* the county's data directory */
    int port;        /* MQTT on 127.0.0.1; MQTT over WebSockets on port + 1 */
    struct clock clock;
};

struct broker;

/* Returns when the broker accepts connections. A broker that an earlier, killed server left behind
 * in this directory is ended first. NULL with ERR_IO: a port in use (named), no mosquitto, or the
 * broker's own last words. */
struct broker *broker_start(const struct broker_options *options, struct err *e);
/* To be called after SIGCHLD and when the time it returned has passed: starts a broker that died
 * again, at once or after a delay if it keeps dying. Returns the milliseconds until the next call,
 * -1: only after SIGCHLD. Problems are logged. */
int broker_poll(struct broker *b);
/* 0 while it is not running. */
pid_t broker_pid(const struct broker *b);
/* SIGTERM, and SIGKILL after 10 s; frees. NULL is allowed. */
void broker_stop(struct broker *b);

/* The process id of the Mosquitto that reads the access files of data directory `dir`: the one that
 * DIR/broker/mosquitto.pid names, whoever started it with whatever configuration; 0 if there is
 * none. Any thread. */
pid_t broker_find(const char *dir);

/* The settings that Zoufang needs of any Mosquitto, except listeners, users and files. */
void broker_write_settings(FILE *out);

#endif
