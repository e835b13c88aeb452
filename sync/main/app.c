#include "app.h"

#include "conf.h"
#include "log.h"
#include "running.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes argv[i] and the n - 1 after it. */
static void take_out(struct app *a, int i, int n) {
    for (int k = i; k + n < a->argc; k++)
        a->argv[k] = a->argv[k + n];
    a->argc -= n;
    a->argv[a->argc] = NULL;
}

static bool set_clock(struct app *a, const char *text) {
    int64_t ms;
    if (!time_parse(text, strlen(text), &ms)) {
        fprintf(stderr, "zoufang: --clock %s: not a time such as 2019-06-12T10:00:00+08:00\n",
                text);
        return false;
    }
    system_clock_start_at(&a->system_clock, ms);
    a->clock_given = true;
    return true;
}

static bool set_log_level(const char *name) {
    enum log_level level;
    if (!log_level_parse(name, &level)) {
        fprintf(stderr, "zoufang: --log-level %s: use error, warn, info or debug\n", name);
        return false;
    }
    log_set_level(level);
    return true;
}

static bool set_option(struct app *a, const char *name, const char *value) {
    if (strcmp(name, "--data") == 0) {
        a->dir = value;
        return true;
    }
    if (strcmp(name, "--schema-dir") == 0) {
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", value);
        return true;
    }
    return strcmp(name, "--clock") == 0 ? set_clock(a, value) : set_log_level(value);
}

static bool is_schema_dir(const char *path) {
    char forms[1024];
    struct stat st;
    snprintf(forms, sizeof forms, "%s/forms", path);
    return stat(forms, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Beside the installed binary (../share/zoufang/schema), or the source tree it was built in. */
static void find_schema_dir(struct app *a) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("ZOUFANG_SCHEMA");
    if (env && *env) {
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", env);
        return;
    }
    if (n > 0) {
        exe[n] = '\0';
        *strrchr(exe, '/') = '\0';
        int size =
            snprintf(a->schema_dir, sizeof a->schema_dir, "%.400s/../share/zoufang/schema", exe);
        if (size > 0 && is_schema_dir(a->schema_dir))
            return;
    }
    snprintf(a->schema_dir, sizeof a->schema_dir, "%s", ZOUFANG_SOURCE_SCHEMA_DIR);
}

static bool load_conf(struct app *a) {
    struct err e = {0};
    struct conf conf;
    if (!a->dir)
        return true;
    if (!conf_load(a->dir, &conf, &e)) {
        fprintf(stderr, "zoufang: %s\n", e.msg);
        return false;
    }
    if (!*a->schema_dir && *conf.schema)
        snprintf(a->schema_dir, sizeof a->schema_dir, "%s", conf.schema);
    return a->log_level_given || set_log_level(conf.log_level);
}

bool app_common_options(struct app *a) {
    static const char *const with_value[] = {"--data", "--schema-dir", "--clock", "--log-level"};
    for (int i = 1; i < a->argc;) {
        bool known = false;
        if (strcmp(a->argv[i], "--json") == 0) {
            a->json = true;
            take_out(a, i, 1);
            continue;
        }
        for (size_t k = 0; k < sizeof with_value / sizeof *with_value; k++)
            known = known || strcmp(a->argv[i], with_value[k]) == 0;
        if (!known) {
            i++;
            continue;
        }
        if (i + 1 == a->argc) {
            fprintf(stderr, "zoufang: %s needs a value\n", a->argv[i]);
            return false;
        }
        a->log_level_given = a->log_level_given || strcmp(a->argv[i], "--log-level") == 0;
        if (!set_option(a, a->argv[i], a->argv[i + 1]))
            return false;
        take_out(a, i, 2);
    }
    if (!load_conf(a))
        return false;
    if (!*a->schema_dir)
        find_schema_dir(a);
    return true;
}

int app_fail(const struct app *a, const struct err *e) {
    fprintf(stderr, "zoufang %s: %s\n", a->argv[0], e->msg);
    return err_exit_status(e->code);
}

int app_usage(const struct app *a, const char *fmt, ...) {
    va_list ap;
    fprintf(stderr, "zoufang %s: ", a->argv[0]);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n%s", a->usage);
    return 2;
}

struct core *app_open_core(struct app *a, int *ret_status) {
    struct err e = {0};
    if (!a->dir) {
        *ret_status = app_usage(a, "--data DIR is missing");
        return NULL;
    }
    struct running r;
    if (!a->clock_given && running_read(a->dir, &r))
        a->system_clock.offset_ms = r.clock_offset_ms;
    struct core *c = core_open(a->dir, a->schema_dir, &a->clock, &a->rng, &e);
    *ret_status = c ? 0 : app_fail(a, &e);
    return c;
}

bool app_write_default_conf(const struct app *a, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%s/zoufang.conf", a->dir);
    FILE *f = fopen(path, "wx");
    if (!f)
        return errno == EEXIST || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    conf_write_example(f);
    bool ok = !ferror(f);
    return (fclose(f) == 0 && ok) || err_set(e, ERR_IO, "%s: cannot be written", path);
}

void app_progress(const char *what, size_t done, size_t total) {
    static size_t shown;
    size_t percent = total ? done * 100 / total : 100;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s %zu / %zu (%zu %%)%s", what, done, total, percent,
                done == total ? "\n" : "");
        return;
    }
    if (done < shown)
        shown = 0;
    if (done == total || percent >= shown * 100 / (total ? total : 1) + 10) {
        fprintf(stderr, "%s %zu / %zu (%zu %%)\n", what, done, total, percent);
        shown = done;
    }
}
