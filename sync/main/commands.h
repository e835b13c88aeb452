/* The subcommands (see app.h), and all that the program says of how to use them. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "app.h"

struct command {
    const char *name;
    int (*run)(struct app *a);
    const char *summary; /* one line, for `zoufang --help` */
    const char *usage;   /* the lines after "zoufang NAME", one form each */
    const char *help;    /* what it does, and its options with meaning and default */
    const char *example;
    const char *status_1; /* what exit status 1 means beside bad input; NULL: nothing */
};

/* Ends with a NULL name. */
extern const struct command commands[];

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);
/* The usage lines alone, as they follow a usage error. */
void command_print_usage(const struct command *c, FILE *out);
/* `zoufang NAME --help`. */
void command_print_help(const struct command *c, FILE *out);
/* `zoufang --help`. */
void commands_print(FILE *out);

int cmd_serve(struct app *a);
int cmd_init(struct app *a);
int cmd_import(struct app *a);
int cmd_export(struct app *a);
int cmd_bulletin(struct app *a);
int cmd_param(struct app *a);
int cmd_device(struct app *a);
int cmd_relay(struct app *a);
int cmd_monitor(struct app *a);
int cmd_validate(struct app *a);
int cmd_digest(struct app *a);
int cmd_rebuild(struct app *a);
int cmd_check(struct app *a);
int cmd_backup(struct app *a);
int cmd_restore(struct app *a);
int cmd_simulate(struct app *a);

#endif
