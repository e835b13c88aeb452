#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *path, struct err *e) {
    return err_set(e, ERR_IO, "%s: %s", path ? path : "standard output", strerror(errno));
}

bool output_begin(struct output *o, const char *path, struct err *e) {
    struct stat st;
    bool exists = stat(path, &st) == 0;
    *o = (struct output){.asked = path};
    if (!(exists && realpath(path, o->path)) &&
        snprintf(o->path, sizeof o->path, "%s", path) >= (int)sizeof o->path)
        return err_set(e, ERR_LIMIT, "%s: path too long", path);
    if (exists && !S_ISREG(st.st_mode)) {
        snprintf(o->to, sizeof o->to, "%s", o->path);
        return true;
    }
    o->mode = exists ? st.st_mode & 0777 : 0;
    snprintf(o->to, sizeof o->to, "%s.%ld.new", o->path, (long)getpid());
    return true;
}

bool output_end(struct output *o, struct err *e) {
    if (strcmp(o->to, o->path) == 0)
        return !err_is_set(e);
    if (!err_is_set(e) && ((o->mode && chmod(o->to, o->mode) != 0) || rename(o->to, o->path) != 0))
        failed(o->asked, e);
    if (err_is_set(e))
        unlink(o->to);
    return !err_is_set(e);
}

/* errno is that of the first call that fails. */
static bool put(FILE *f, const void *data, size_t size, const char *path, struct err *e) {
    return (fwrite(data, 1, size, f) == size && fflush(f) == 0) || failed(path, e);
}

bool output_write(const char *path, const void *data, size_t size, struct err *e) {
    struct output o;
    if (!path)
        return put(stdout, data, size, NULL, e);
    if (!output_begin(&o, path, e))
        return false;
    FILE *f = fopen(o.to, "wb");
    if (!f)
        return failed(path, e);
    put(f, data, size, path, e);
    if (fclose(f) != 0)
        failed(path, e);
    return output_end(&o, e);
}
