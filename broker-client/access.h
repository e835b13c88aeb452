/* Who may connect to the broker and what each may say and hear there (protocol §3), as a Mosquitto
 * password file and access list. Refused means: a publish is not delivered (MQTT 5 clients are told
 * 0x87), and a subscription is granted but stays silent. */
#ifndef ACCESS_H
#define ACCESS_H

#include "clock.h"
#include "err.h"
#include "rng.h"
#include <stdio.h>

enum access_kind { ACCESS_SERVER, ACCESS_DEVICE, ACCESS_RELAY, ACCESS_MONITOR };

struct access_principal {
    enum access_kind kind;
    const char *id;       /* user name = client id */
    const char *verifier; /* of access_verifier_make */
    bool revoked;         /* left out of both files */
    const char *const
        *places;        /* 12-digit codes: villages, townships (…000), the county (…000000) */
    size_t place_count; /* devices: what they may read about; relays: their township */
};

#define ACCESS_PASSWORD_SIZE 27  /* 26 characters of 32: 130 bits */
#define ACCESS_VERIFIER_SIZE 128 /* a Mosquitto hash and its NUL */

/* A random password of lower-case letters and digits that can be told apart by eye. */
void access_password_make(const struct rng *rng, char out[ACCESS_PASSWORD_SIZE]);
/* "$7$iterations$salt$hash" (PBKDF2-HMAC-SHA512) as mosquitto_passwd writes it. */
void access_verifier_make(const struct rng *rng, const char *password,
                          char out[ACCESS_VERIFIER_SIZE]);
bool access_verifier_check(const char *verifier, const char *password);

/* Writes DIR/broker/passwd and DIR/broker/acl, each whole or not at all, readable by the owner
 * only. ERR_INVALID names the first bad principal, ERR_IO. */
bool access_write(const char *dir, const char *county, const struct access_principal *principals,
                  size_t count, struct err *e);
/* The same two files in `folder`, for a relay's own broker: its phones. The folder is made if it is
 * not there, its parent must be. */
bool access_write_relay(const char *folder, const char *county,
                        const struct access_principal *phones, size_t count, struct err *e);

/* Makes the broker that broker_find names read both files again; clients that may no longer connect
 * are dropped. ERR_IO if there is none. */
bool access_reload(const char *dir, struct err *e);

struct access_wait_options {
    const char *uri; /* as struct link_options */
    const char *ca_file;
    bool tls_insecure_hostname;
    const char *username;
    const char *password;
    bool should_accept; /* else wait until it refuses */
    int timeout_ms;
    struct clock clock;
};
/* Connects with these credentials until the broker's answer is the wanted one. It takes over and
 * discards the session of that id. ERR_IO with the last answer when the time has passed. Not to be
 * called from transport events. */
bool access_wait(const struct access_wait_options *options, struct err *e);

#endif
