/* The subcommands; see app.h. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "app.h"

int cmd_serve(struct app *a);
int cmd_init(struct app *a);
int cmd_import(struct app *a);
int cmd_export(struct app *a);
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
