#include "running.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int open_lock(const char *dir) {
    char path[1024];
    snprintf(path, sizeof path, "%s/server.lock", dir);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

bool running_lock(const char *dir, struct err *e) {
    int fd = open_lock(dir);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s/server.lock: %s", dir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true; /* kept until the process ends */
    close(fd);
    return err_set(e, ERR_BUSY, "%s: a server is running here already", dir);
}

bool running_write(const char *dir, const struct running *r, struct err *e) {
    char path[1024];
    json_t *doc = json_pack("{s:s, s:s, s:b, s:I, s:I}", "uri", r->uri, "ca_file", r->ca_file,
                            "standalone", r->standalone, "pid", (json_int_t)r->pid,
                            "clock_offset_ms", (json_int_t)r->clock_offset_ms);
    snprintf(path, sizeof path, "%s/server.json", dir);
    bool ok = doc && json_dump_file(doc, path, JSON_COMPACT) == 0;
    json_decref(doc);
    return ok || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

bool running_read(const char *dir, struct running *r) {
    char path[1024];
    int fd = open_lock(dir);
    bool idle = fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    snprintf(path, sizeof path, "%s/server.json", dir);
    json_t *doc = idle ? NULL : json_load_file(path, 0, NULL);
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
