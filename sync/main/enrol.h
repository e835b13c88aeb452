/* Enrolment of principals: rows of the database and the broker's access files. */
#ifndef ENROL_H
#define ENROL_H

#include "access.h"
#include "core.h"

#include <stdbool.h>

#define ENROL_ID_SIZE 41

/* A new device for these cadres (each in the register, else ERR_INVALID), a relay for a town of 3
 * digits, a monitor. Writes the row; the caller then calls enrol_write_access. Not inside a
 * transaction. */
bool enrol_device(struct core *c, const char *const *cadres, size_t count, char id[ENROL_ID_SIZE],
                  char password[ACCESS_PASSWORD_SIZE], struct err *e);
bool enrol_relay(struct core *c, const char *town, char id[ENROL_ID_SIZE],
                 char password[ACCESS_PASSWORD_SIZE], struct err *e);
bool enrol_monitor(struct core *c, char id[ENROL_ID_SIZE], char password[ACCESS_PASSWORD_SIZE],
                   struct err *e);
bool enrol_revoke(struct core *c, const char *kind, const char *id, struct err *e);

/* Writes DIR/broker/passwd and acl from the database, makes the server's own password if there is
 * none (DIR/broker/server.password), and reloads the broker if one runs. */
bool enrol_write_access(struct core *c, const char *dir, struct err *e);
/* Writes `folder`/passwd and acl for relay `id`'s own broker: the phones that have anything of its
 * township in their scope. ERR_INVALID: no such relay. */
bool enrol_write_relay(struct core *c, const char *id, const char *folder, struct err *e);
/* Reads the server's password; made by enrol_write_access. */
bool enrol_server_password(const char *path, char out[64], struct err *e);

#endif
