/* zoufang param list, get, set, unset: thresholds and dates that rules and views use. */
#include "commands.h"
#include "options.h"
#include "params.h"

#include <jansson.h>
#include <string.h>

struct job {
    struct app *app;
    struct core *core;
    struct params known;
    const char *verb, *name, *value;
};

static bool is_known(const struct job *j) {
    for (size_t i = 0; i < j->known.count; i++)
        if (strcmp(j->known.list[i].name, j->name) == 0)
            return true;
    return false;
}

/* Those that the name may have meant: the parts that it has, or nearly its letters. */
static bool refuse_name(const struct job *j, struct err *e) {
    char near[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < j->known.count; i++) {
        const char *name = j->known.list[i].name;
        if (n < sizeof near && (strstr(name, j->name) || params_distance(name, j->name) < 4))
            n += (size_t)snprintf(near + n, sizeof near - n, "%s%s", n ? ", " : "", name);
    }
    return err_set(e, ERR_INVALID, "no parameter '%.63s'; %s%s", j->name,
                   n ? "near it: " : "zoufang param list has all", near);
}

/* ---------------------------------------------------------------- reading */

static void print(const struct job *j, const char *name) {
    sqlite3_stmt *q = store_query(j->core->store, "param_get");
    char value[256] = "";
    bool known = false;
    q_text(q, 1, name);
    while (q_row(j->core->store, q)) {
        known = sqlite3_column_type(q, 0) != SQLITE_NULL;
        snprintf(value, sizeof value, "%s", q_col(q, 0));
    }
    if (j->app->json) {
        json_t *doc = json_pack("{s:s, s:s?, s:s}", "name", name, "value", known ? value : NULL,
                                "type", params_type(name));
        json_dumpf(doc, stdout, JSON_COMPACT);
        json_decref(doc);
        putchar('\n');
    } else if (strcmp(j->verb, "get") == 0) {
        puts(value);
    } else {
        printf("%s =%s%s\n", name, known ? " " : "", value);
    }
}

/* ---------------------------------------------------------------- writing */

/* The dirty row makes the server, this one or the next, derive anew what reads the parameter. */
static bool write(const struct job *j, struct err *e) {
    if (j->value && !params_fits(j->name, j->value))
        return err_set(e, ERR_INVALID, "%s: '%.80s' is no %s%s", j->name, j->value,
                       params_type(j->name),
                       strcmp(params_type(j->name), "date") == 0 ? " such as 2019-09-30"
                                                                 : " such as 20 or 1.5");
    if (!core_begin(j->core, e))
        return false;
    store_set_param(j->core->store, j->name, j->value);
    store_dirty(j->core->store, "param", j->name, 1);
    return core_commit(j->core, e);
}

static bool work(const struct job *j, struct err *e) {
    if (strcmp(j->verb, "list") == 0) {
        for (size_t i = 0; i < j->known.count; i++)
            print(j, j->known.list[i].name);
        return store_take_error(j->core->store, e);
    }
    if (!is_known(j))
        return refuse_name(j, e);
    if (strcmp(j->verb, "get") != 0)
        return write(j, e);
    print(j, j->name);
    return store_take_error(j->core->store, e);
}

/* ---------------------------------------------------------------- the command line */

static bool parse(struct app *a, struct job *j) {
    const struct argument none[] = {{0}};
    const struct argument name[] = {{.name = "NAME", .value = &j->name}, {0}};
    const struct argument both[] = {
        {.name = "NAME", .value = &j->name}, {.name = "VALUE", .value = &j->value}, {0}};
    j->verb = a->argc > 1 ? a->argv[1] : "";
    if (strcmp(j->verb, "list") == 0)
        return options_read(a, 2, NULL, none);
    if (strcmp(j->verb, "get") == 0 || strcmp(j->verb, "unset") == 0)
        return options_read(a, 2, NULL, name);
    if (strcmp(j->verb, "set") == 0)
        return options_read(a, 2, NULL, both);
    app_usage(a,
              *j->verb ? "no '%s'; there are list, get, set, unset"
                       : "%ssay what: list, get, set, unset",
              j->verb);
    return false;
}

int cmd_param(struct app *a) {
    struct job j = {.app = a};
    struct err e = {0};
    int status;
    if (!parse(a, &j))
        return 2;
    j.core = app_open_core(a, &status);
    if (!j.core)
        return status;
    if (!params_read(j.core->schema_dir, &j.known, &e) || !work(&j, &e))
        status = app_fail(a, &e);
    params_fini(&j.known);
    core_close(j.core);
    return status;
}
