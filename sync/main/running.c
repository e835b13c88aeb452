#include "running.h"

#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_lock(const char *dir, int flags) {
    char path[1024];
    snprintf(path, sizeof path, "%s/server.lock", dir);
    return open(path, flags | O_CLOEXEC, 0600);
}

bool running_lock(const char *dir, struct err *e) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(dir, O_RDWR | O_CREAT);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s/server.lock: %s", dir, strerror(errno));
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0) { /* kept until the process ends */
        char path[1024];
        snprintf(path, sizeof path, "%s/server.json", dir);
        unlink(path); /* of a server that is no more */
        return true;
    }
    int cause = errno;
    close(fd);
    if (cause != EAGAIN && cause != EACCES)
        return err_set(e, ERR_IO, "%s/server.lock: %s", dir, strerror(cause));
    return err_set(e, ERR_BUSY, "%s: a server is running here already", dir);
}

/* Only looks: a lock of its own, however short, would refuse a server that starts meanwhile. */
static bool is_locked(const char *dir) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(dir, O_RDONLY);
    bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

bool running_write(const char *dir, const struct running *r, struct err *e) {
    struct text_file f;
    json_t *doc = json_pack("{s:s, s:s, s:b, s:I, s:I}", "uri", r->uri, "ca_file", r->ca_file,
                            "standalone", r->standalone, "pid", (json_int_t)r->pid,
                            "clock_offset_ms", (json_int_t)r->clock_offset_ms);
    bool ok = text_file_open(&f, dir, "server.json", e);
    if (ok) {
        json_dumpf(doc, f.out, JSON_COMPACT);
        ok = text_file_commit(&f, e);
    }
    json_decref(doc);
    return ok;
}

bool running_read(const char *dir, struct running *r) {
    char path[1024];
    snprintf(path, sizeof path, "%s/server.json", dir);
    json_t *doc = is_locked(dir) ? json_load_file(path, 0, NULL) : NULL;
    const char *uri = json_string_value(json_object_get(doc, "uri"));
    const char *ca = json_string_value(json_object_get(doc, "ca_file"));
    memset(r, 0, sizeof *r);
    if (uri && ca) {
        snprintf(r->uri, sizeof r->uri, "%s", uri);
        snprintf(r->ca_file, sizeof r->ca_file, "%s", ca);
        r->standalone = json_is_true(json_object_get(doc, "standalone"));
        r->clock_offset_ms = json_integer_value(json_object_get(doc, "clock_offset_ms"));
        r->pid = (pid_t)json_integer_value(json_object_get(doc, "pid"));
    }
    json_decref(doc);
    return r->uri[0] != '\0';
}
