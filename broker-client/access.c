#include "access.h"

#include "broker.h"
#include "text_file.h"
#include "topics.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What mosquitto_passwd 2.0.11 uses. The passwords are random, so a slow hash would only slow down
 * a broker that greets a thousand phones after an outage. */
#define ITERATIONS 101
#define SALT_SIZE 12
#define HASH_SIZE 64

void access_password_make(const struct rng *rng, char out[ACCESS_PASSWORD_SIZE]) {
    static const char letters[33] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char bytes[ACCESS_PASSWORD_SIZE - 1];
    rng_fill(rng, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        out[i] = letters[bytes[i] % 32];
    out[sizeof bytes] = 0;
}

static void verifier_format(const unsigned char salt[SALT_SIZE], const char *password,
                            char out[ACCESS_VERIFIER_SIZE]) {
    unsigned char hash[HASH_SIZE];
    unsigned char salt_text[SALT_SIZE * 4 / 3 + 1];
    unsigned char hash_text[(HASH_SIZE + 2) / 3 * 4 + 1];
    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, SALT_SIZE, ITERATIONS, EVP_sha512(),
                      HASH_SIZE, hash);
    EVP_EncodeBlock(salt_text, salt, SALT_SIZE);
    EVP_EncodeBlock(hash_text, hash, HASH_SIZE);
    snprintf(out, ACCESS_VERIFIER_SIZE, "$7$%d$%s$%s", ITERATIONS, (char *)salt_text,
             (char *)hash_text);
}

void access_verifier_make(const struct rng *rng, const char *password,
                          char out[ACCESS_VERIFIER_SIZE]) {
    unsigned char salt[SALT_SIZE];
    rng_fill(rng, salt, sizeof salt);
    verifier_format(salt, password, out);
}

#define VERIFIER_HEAD "$7$101$"
#define SALT_TEXT_SIZE (SALT_SIZE * 4 / 3)

bool access_verifier_check(const char *verifier, const char *password) {
    unsigned char salt[SALT_SIZE + 3];
    char again[ACCESS_VERIFIER_SIZE];
    size_t head = strlen(VERIFIER_HEAD);
    if (strncmp(verifier, VERIFIER_HEAD, head) != 0 || strlen(verifier) < head + SALT_TEXT_SIZE ||
        EVP_DecodeBlock(salt, (const unsigned char *)verifier + head, SALT_TEXT_SIZE) != SALT_SIZE)
        return false;
    verifier_format(salt, password, again);
    size_t size = strlen(again);
    return strlen(verifier) == size && CRYPTO_memcmp(verifier, again, size) == 0;
}

/* ---- the access list (protocol §3) ------------------------------------------------------------
 */

struct acl {
    FILE *out;
    const char *county;
};

static void grant(const struct acl *a, const char *access, const char *head, const char *id,
                  const char *tail) {
    fprintf(a->out, "topic %s zf/1/%s/%s%s%s\n", access, a->county, head, id, tail);
}

static void grant_common(const struct acl *a) {
    grant(a, "read", "bulletin/#", "", "");
    grant(a, "read", "catalog/#", "", "");
    grant(a, "read", "server", "", "");
}

/* What may be read about a village, a township or the county. "x/#" matches "x", too. */
static void grant_place(const struct acl *a, const char *code) {
    char town[4];
    char village[16];
    snprintf(town, sizeof town, "%.3s", code + 6);
    snprintf(village, sizeof village, "%.3s/%.3s", code + 6, code + 9);
    if (strcmp(code + 6, "000000") == 0) {
        grant(a, "read", "village/#", "", "");
        grant(a, "read", "status/#", "", "");
    } else if (strcmp(code + 9, "000") == 0) {
        grant(a, "read", "village/", town, "/#");
        grant(a, "read", "status/", town, "/#");
    } else {
        grant(a, "read", "village/", village, "/#");
        grant(a, "read", "status/", village, "");
        grant(a, "read", "status/", town, "");
    }
}

static void acl_principal(const struct acl *a, const struct access_principal *p) {
    fprintf(a->out, "\nuser %s\n", p->id);
    switch (p->kind) {
    case ACCESS_SERVER:
        grant(a, "readwrite", "#", "", "");
        return;
    case ACCESS_MONITOR:
        grant(a, "read", "status/#", "", "");
        grant(a, "read", "metrics", "", "");
        grant_common(a);
        return;
    case ACCESS_DEVICE:
        grant(a, "write", "up/", p->id, "/#");
        grant(a, "read", "down/", p->id, "/#");
        grant(a, "read", "status", "", "");
        break;
    case ACCESS_RELAY:
        grant(a, "write", "relay/", p->id, "/#");
        grant(a, "read", "via/", p->id, "/#");
        break;
    }
    grant_common(a);
    for (size_t i = 0; i < p->place_count; i++)
        grant_place(a, p->places[i]);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static bool verifier_valid(const char *v) {
    return v && strncmp(v, "$7$", 3) == 0 && strlen(v) < ACCESS_VERIFIER_SIZE &&
           !strpbrk(v, ":\r\n");
}

static bool principal_check(const char *county, const struct access_principal *p, struct err *e) {
    if (!p->id || !topic_id_valid(p->id))
        return err_set(e, ERR_INVALID, "\"%s\" is not an id of 3 to 40 of a-z, 0-9 and -",
                       p->id ? p->id : "");
    if (!verifier_valid(p->verifier))
        return err_set(e, ERR_INVALID, "%s has no usable password hash", p->id);
    for (size_t i = 0; i < p->place_count; i++) {
        const char *code = p->places[i];
        if (strlen(code) != 12 || strspn(code, "0123456789") != 12 || strncmp(code, county, 6) != 0)
            return err_set(e, ERR_INVALID, "%s: \"%s\" is no division of county %s", p->id, code,
                           county);
    }
    return true;
}

static bool write_passwd(const char *dir, const struct access_principal *principals, size_t count,
                         struct err *e) {
    struct text_file f;
    if (!text_file_open(&f, dir, "passwd", e))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!principals[i].revoked)
            fprintf(f.out, "%s:%s\n", principals[i].id, principals[i].verifier);
    return text_file_commit(&f, e);
}

static bool write_acl(const char *dir, const char *county,
                      const struct access_principal *principals, size_t count, struct err *e) {
    struct text_file f;
    if (!text_file_open(&f, dir, "acl", e))
        return false;
    fputs("# Written by zoufang. What is not granted here is refused.\n", f.out);
    struct acl a = {f.out, county};
    for (size_t i = 0; i < count; i++)
        if (!principals[i].revoked)
            acl_principal(&a, &principals[i]);
    return text_file_commit(&f, e);
}

static bool write_both(const char *folder, const char *county,
                       const struct access_principal *principals, size_t count, struct err *e) {
    if (!topic_county_valid(county))
        return err_set(e, ERR_INVALID, "\"%s\" is not a county code of 6 digits", county);
    for (size_t i = 0; i < count; i++)
        if (!principals[i].revoked && !principal_check(county, &principals[i], e))
            return false;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_IO, "cannot make %s: %s", folder, strerror(errno));
    /* The list first: a user that can connect and has no rights yet would be a surprise. */
    return write_acl(folder, county, principals, count, e) &&
           write_passwd(folder, principals, count, e);
}

bool access_write(const char *dir, const char *county, const struct access_principal *principals,
                  size_t count, struct err *e) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/broker", dir);
    return write_both(path, county, principals, count, e);
}

bool access_write_relay(const char *folder, const char *county,
                        const struct access_principal *phones, size_t count, struct err *e) {
    return write_both(folder, county, phones, count, e);
}

bool access_reload(const char *dir, struct err *e) {
    pid_t pid = broker_find(dir);
    if (pid == 0 || kill(pid, SIGHUP) != 0)
        return err_set(e, ERR_IO,
                       "no broker of %s is running: it will read the change at its start", dir);
    return true;
}
