/* What the subcommands share. A command is `int cmd_NAME(struct app *a)`: it reads its options
 * from a->argc/argv (argv[0] is the subcommand), writes results to stdout, errors to stderr, and
 * returns the exit status: 0 done, 1 bad input, 2 usage, 3 environment. */
#ifndef APP_H
#define APP_H

#include "clock.h"
#include "core.h"
#include "err.h"
#include "rng.h"

#include <stdio.h>

struct command;

struct app {
    int argc;
    char **argv;
    const struct command *command;
    const char *dir;      /* --data, or NULL */
    char schema_dir[512]; /* --schema-dir, $ZOUFANG_SCHEMA, DIR's configuration or the installed one
                           */
    struct err conf_error; /* of zoufang.conf: main tells it, but for `check`, which does itself */
    bool json;             /* --json */
    bool clock_given;      /* --clock was there: it beats the running server's */
    bool log_level_given;  /* --log-level was there: it beats the configuration */
    struct system_clock system_clock; /* offset set by --clock */
    struct clock clock;
    struct rng rng;
};

/* Takes --data DIR, --schema-dir DIR, --json, --clock TIME, --log-level out of a->argv; what is
 * left is the command's. Reads the configuration (conf_error). false = usage error, said on stderr.
 * Called by main before the command. */
bool app_common_options(struct app *a);
/* "zoufang COMMAND: message" on stderr; returns the exit status for the error. */
int app_fail(const struct app *a, const struct err *e);
/* A usage error: message, then the command's usage lines; returns 2. */
int app_usage(const struct app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether a->dir, which is given, holds a county, by its files alone. ERR_IO: cannot be read;
 * ERR_INVALID: no county. */
bool app_check_county(const struct app *a, struct err *e);
/* Whether the file begins as a SQLite database. ERR_INVALID, ERR_IO as above. */
bool app_check_database(const char *path, struct err *e);
/* Whether a->schema_dir is a folder of forms, rules and views. ERR_USAGE. */
bool app_check_schema(const struct app *a, struct err *e);
/* Says so on stderr if records wait to be derived: figures follow the records while a server runs.
 */
void app_warn_if_late(const struct app *a, struct core *c);
/* SQLite's own check. ERR_INVALID: what it found. */
bool app_check_integrity(struct core *c, struct err *e);
/* app_check_county, then core_open on a->dir with its clock and chance, beside a running server
 * with the server's clock. */
struct core *app_core(struct app *a, struct err *e);
/* app_core; NULL = said on stderr, *ret_status set. */
struct core *app_open_core(struct app *a, int *ret_status);

/* Writes DIR/zoufang.conf of a new county, commented, unless there is one. */
bool app_write_default_conf(const struct app *a, struct err *e);

/* A progress line on stderr: redrawn in place on a terminal, else one line every 10 %. */
void app_progress(const char *what, size_t done, size_t total);

#endif
