#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool join(char out[PATH_MAX], const char *dir, const char *name, const char *suffix) {
    int n = snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix);
    return n > 0 && n < PATH_MAX;
}

bool text_file_open(struct text_file *f, const char *dir, const char *name, struct err *e) {
    f->out = NULL;
    if (!join(f->path, dir, name, "") || !join(f->path_tmp, dir, name, ".tmp"))
        return err_set(e, ERR_IO, "%s/%s: the path is too long", dir, name);
    snprintf(f->dir, sizeof f->dir, "%s", dir);
    unlink(f->path_tmp);
    int fd = open(f->path_tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        f->out = fdopen(fd, "w");
    if (!f->out) {
        int cause = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_IO, "cannot write %s: %s", f->path_tmp, strerror(cause));
    }
    return true;
}

static void sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

bool text_file_commit(struct text_file *f, struct err *e) {
    bool ok = fflush(f->out) == 0 && !ferror(f->out) && fsync(fileno(f->out)) == 0;
    ok = fclose(f->out) == 0 && ok;
    ok = ok && rename(f->path_tmp, f->path) == 0;
    if (!ok) {
        err_set(e, ERR_IO, "cannot write %s: %s", f->path, strerror(errno));
        unlink(f->path_tmp);
        return false;
    }
    sync_dir(f->dir);
    return true;
}
