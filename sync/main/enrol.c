#include "enrol.h"

#include "broker.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- principals */

static void make_id(struct core *c, char prefix, char id[ENROL_ID_SIZE]) {
    unsigned char random[8];
    rng_fill(c->rng, random, sizeof random);
    snprintf(id, ENROL_ID_SIZE, "%c-%02x%02x%02x%02x%02x%02x", prefix, random[0], random[1],
             random[2], random[3], random[4], random[5]);
}

/* The row of a new principal with a fresh id and password. Inside a transaction. */
static void add_principal(struct core *c, const char *kind, const char *town,
                          char id[ENROL_ID_SIZE], char password[ACCESS_PASSWORD_SIZE]) {
    char verifier[ACCESS_VERIFIER_SIZE];
    make_id(c, kind[0], id);
    access_password_make(c->rng, password);
    access_verifier_make(c->rng, password, verifier);
    sqlite3_stmt *q = store_query(c->store, "principal_add");
    q_text(q, 1, id);
    q_text(q, 2, kind);
    q_text(q, 3, verifier);
    q_text(q, 4, town);
    q_int(q, 5, clock_wall_ms(c->clock));
    q_done(c->store, q);
}

bool enrol_device(struct core *c, const char *const *cadres, size_t count, char id[ENROL_ID_SIZE],
                  char password[ACCESS_PASSWORD_SIZE], struct err *e) {
    if (!core_begin(c, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!authority_cadre(c->authority, cadres[i], INT64_MAX)) {
            core_rollback(c);
            return err_set(e, ERR_INVALID, "--cadre %s: not in the register of cadres", cadres[i]);
        }
    }
    add_principal(c, "device", "", id, password);
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *q = store_query(c->store, "device_author_add");
        q_text(q, 1, id);
        q_text(q, 2, cadres[i]);
        q_done(c->store, q);
    }
    authority_forget(c->authority);
    bool changed;
    bool role_changed;
    scope_refresh(c, id, &changed, &role_changed);
    store_dirty(c->store, "held", "", 1);
    return core_commit(c, e);
}

bool enrol_relay(struct core *c, const char *town, char id[ENROL_ID_SIZE],
                 char password[ACCESS_PASSWORD_SIZE], struct err *e) {
    char code[16];
    snprintf(code, sizeof code, "%.6s%.3s000", c->county, town);
    if (strlen(town) != 3 || !store_knows(c->store, "division", code))
        return err_set(e, ERR_INVALID, "--town %s: the register has no township %s", town, code);
    if (!core_begin(c, e))
        return false;
    add_principal(c, "relay", town, id, password);
    store_dirty(c->store, "held", "", 1);
    return core_commit(c, e);
}

bool enrol_monitor(struct core *c, char id[ENROL_ID_SIZE], char password[ACCESS_PASSWORD_SIZE],
                   struct err *e) {
    if (!core_begin(c, e))
        return false;
    add_principal(c, "monitor", "", id, password);
    return core_commit(c, e);
}

bool enrol_revoke(struct core *c, const char *kind, const char *id, struct err *e) {
    if (!core_begin(c, e))
        return false;
    sqlite3_stmt *q = store_query(c->store, "principal_revoke");
    q_text(q, 1, id);
    q_text(q, 2, kind);
    q_int(q, 3, clock_wall_ms(c->clock));
    q_done(c->store, q);
    if (sqlite3_changes(store_db(c->store)) == 0) {
        core_rollback(c);
        return err_set(e, ERR_INVALID,
                       "%s: no such %s, or revoked already; zoufang %s list has all", id, kind,
                       kind);
    }
    store_dirty(c->store, "scope", "", 1);
    return core_commit(c, e);
}

/* ---------------------------------------------------------------- the broker's access files */

struct principals {
    struct access_principal *list;
    size_t count;
    const char ***places; /* of each, owned */
};

static char *copy(const char *text) {
    char *c = strdup(text);
    if (!c)
        abort();
    return c;
}

static void add_place(void *ctx, const char *code) {
    struct access_principal *p = ctx;
    const char **places =
        realloc((void *)(uintptr_t)p->places, (p->place_count + 1) * sizeof *places);
    if (!places)
        abort();
    places[p->place_count++] = copy(code);
    p->places = places;
}

static struct access_principal *add(struct principals *all, enum access_kind kind, const char *id,
                                    const char *verifier) {
    all->list = realloc(all->list, (all->count + 1) * sizeof *all->list);
    if (!all->list)
        abort();
    struct access_principal *p = &all->list[all->count++];
    *p = (struct access_principal){.kind = kind, .id = copy(id), .verifier = copy(verifier)};
    return p;
}

static enum access_kind kind_of(const char *name) {
    return strcmp(name, "device") == 0  ? ACCESS_DEVICE
           : strcmp(name, "relay") == 0 ? ACCESS_RELAY
                                        : ACCESS_MONITOR;
}

static void load_principals(struct core *c, struct principals *all) {
    sqlite3_stmt *q = store_query(c->store, "principals_active");
    while (q_row(c->store, q)) {
        struct access_principal *p = add(all, kind_of(q_col(q, 1)), q_col(q, 0), q_col(q, 2));
        if (p->kind == ACCESS_RELAY) {
            char code[16];
            snprintf(code, sizeof code, "%.6s%.3s000", c->county, q_col(q, 3));
            add_place(p, code);
        }
    }
    for (size_t i = 0; i < all->count; i++) {
        if (all->list[i].kind == ACCESS_DEVICE)
            scope_places(c, all->list[i].id, add_place, &all->list[i]);
    }
}

static void free_principals(struct principals *all) {
    for (size_t i = 0; i < all->count; i++) {
        struct access_principal *p = &all->list[i];
        for (size_t k = 0; k < p->place_count; k++)
            free((void *)(uintptr_t)p->places[k]);
        free((void *)(uintptr_t)p->places);
        free((void *)(uintptr_t)p->id);
        free((void *)(uintptr_t)p->verifier);
    }
    free(all->list);
}

/* ---------------------------------------------------------------- a relay's access files */

/* True if the first 9 digits of a place of the device are the town's, or it has the county's. */
static bool has_place_in(const struct access_principal *p, const char *town) {
    for (size_t i = 0; i < p->place_count; i++) {
        if (strncmp(p->places[i], town, 9) == 0 || strcmp(p->places[i] + 6, "000000") == 0)
            return true;
    }
    return false;
}

bool enrol_write_relay(struct core *c, const char *id, const char *folder, struct err *e) {
    struct principals all = {0};
    char town[16];
    const char *digits = authority_relay_town(c->authority, id);
    if (!digits)
        return err_set(e, ERR_INVALID, "%s: no such relay, or revoked; zoufang relay list has all",
                       id);
    snprintf(town, sizeof town, "%.6s%.3s", c->county, digits);
    load_principals(c, &all);
    for (size_t i = 0; i < all.count; i++)
        all.list[i].revoked =
            all.list[i].kind != ACCESS_DEVICE || !has_place_in(&all.list[i], town);
    bool ok = access_write_relay(folder, c->county, all.list, all.count, e);
    free_principals(&all);
    return ok;
}

/* ---------------------------------------------------------------- the server's own password */

bool enrol_server_password(const char *path, char out[64], struct err *e) {
    FILE *f = fopen(path, "r");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = fgets(out, 64, f) != NULL;
    fclose(f);
    out[ok ? strcspn(out, "\n") : 0] = '\0';
    return (ok && *out) || err_set(e, ERR_INVALID, "%s: empty", path);
}

static bool make_server_password(struct core *c, const char *path, struct err *e) {
    char password[ACCESS_PASSWORD_SIZE];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    access_password_make(c->rng, password);
    bool ok = dprintf(fd, "%s\n", password) > 0 && fsync(fd) == 0;
    return (close(fd) == 0 && ok) || err_set(e, ERR_IO, "%s: cannot be written", path);
}

static bool write_files(struct core *c, const char *dir, const char *password, struct err *e) {
    struct principals all = {0};
    char verifier[ACCESS_VERIFIER_SIZE];
    access_verifier_make(c->rng, password, verifier);
    add(&all, ACCESS_SERVER, "zoufang", verifier);
    add(&all, ACCESS_SERVER, "zoufang-check", verifier);
    load_principals(c, &all);
    bool ok = access_write(dir, c->county, all.list, all.count, e);
    free_principals(&all);
    return ok && (broker_find(dir) == 0 || access_reload(dir, e));
}

/* Two processes may write at once: the later one sees all that the earlier one committed. */
static int lock_files(const char *dir, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%s/broker", dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        return -1;
    }
    snprintf(path, sizeof path, "%s/broker/access.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return fd;
}

bool enrol_write_access(struct core *c, const char *dir, struct err *e) {
    char path[1024];
    char password[64];
    int lock = lock_files(dir, e);
    snprintf(path, sizeof path, "%s/broker/server.password", dir);
    bool ok = !err_is_set(e) && make_server_password(c, path, e) &&
              enrol_server_password(path, password, e) && write_files(c, dir, password, e);
    if (lock >= 0)
        close(lock);
    return ok;
}
