#include "ledger.h"

#include "ledger_write.h"
#include "options.h"
#include "report.h"

#include <string.h>

#define THEMES_SIZE 512

struct job {
    struct app *app;
    struct core *core;
    struct report report;
    struct ledger_file *file;
    char title[128], note[256];
    char place[13]; /* whose ledger: 12 digits */
    bool all;       /* themes */
};

/* Whether there is such a theme; *e says which there are. */
static bool check_theme(const struct app *a, const char *theme, struct err *e) {
    static char names[REPORT_FILES_MAX][REPORT_NAME_SIZE];
    char all[THEMES_SIZE] = "";
    size_t count = report_names(a->schema_dir, "ledgers", names, e);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], theme) == 0)
            return true;
    for (size_t i = 0; i < count && n < THEMES_SIZE; i++)
        n += (size_t)snprintf(all + n, THEMES_SIZE - n, "%s%s", i ? ", " : "", names[i]);
    return err_set(e, ERR_USAGE, "--theme '%s': the themes are %s", theme, all);
}

/* ---- which villages */

/* temp.asked: the villages of the place that are in the register. */
static bool ask_villages(struct job *j, struct err *e) {
    static const char fill[] =
        "INSERT INTO temp.asked SELECT id FROM entity WHERE kind = 'division' AND gone = ''"
        " AND id NOT LIKE '%000' AND id GLOB ?1 || '*' ORDER BY id";
    sqlite3 *db = store_db(j->core->store);
    sqlite3_stmt *q = NULL;
    char prefix[13];
    snprintf(prefix, sizeof prefix, "%s", j->place);
    if (strcmp(prefix + 9, "000") == 0)
        prefix[strcmp(prefix + 6, "000000") == 0 ? 6 : 9] = '\0';
    if (!report_exec(db,
                     "CREATE TEMP TABLE IF NOT EXISTS asked(village TEXT PRIMARY KEY);"
                     "DELETE FROM temp.asked",
                     e))
        return false;
    bool ok = sqlite3_prepare_v2(db, fill, -1, &q, NULL) == SQLITE_OK;
    if (ok) {
        q_text(q, 1, prefix);
        ok = sqlite3_step(q) == SQLITE_DONE;
    }
    sqlite3_finalize(q);
    if (!ok)
        return err_set(e, ERR_IO, "%s", sqlite3_errmsg(db));
    return sqlite3_changes(db) > 0 ||
           err_set(e, ERR_INVALID, "%s: no village in the register of divisions", prefix);
}

/* "某某县某某镇某某村", as far as the register has names. */
static void name_place(struct job *j, char *out, size_t size) {
    static const char sql[] =
        "SELECT group_concat(doc ->> '$.name', '') FROM (SELECT doc FROM entity"
        " WHERE kind = 'division' AND id IN (substr(?1, 1, 6) || '000000',"
        " substr(?1, 1, 9) || '000', ?1) ORDER BY id)";
    sqlite3_stmt *q = NULL;
    *out = '\0';
    if (sqlite3_prepare_v2(store_db(j->core->store), sql, -1, &q, NULL) == SQLITE_OK) {
        q_text(q, 1, j->place);
        if (sqlite3_step(q) == SQLITE_ROW)
            snprintf(out, size, "%s", q_col(q, 0));
    }
    sqlite3_finalize(q);
}

/* ---- tables */

static void put_names(const struct job *j, sqlite3_stmt *q) {
    for (int i = 0; i < sqlite3_column_count(q); i++)
        ledger_file_text(j->file, sqlite3_column_name(q, i));
    ledger_file_row(j->file);
}

static void put_row(const struct job *j, sqlite3_stmt *q) {
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        int type = sqlite3_column_type(q, i);
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
            ledger_file_number(j->file, sqlite3_column_double(q, i));
        else
            ledger_file_text(j->file, q_col(q, i));
    }
    ledger_file_row(j->file);
}

static bool put_table(struct job *j, sqlite3_stmt *q, const char *name, struct err *e) {
    int rc;
    ledger_file_table(j->file, name, j->title, j->note);
    put_names(j, q);
    while ((rc = sqlite3_step(q)) == SQLITE_ROW)
        put_row(j, q);
    return rc == SQLITE_DONE || err_set(e, ERR_USAGE, "%s: %s", j->report.path,
                                        sqlite3_errmsg(store_db(j->core->store)));
}

/* The theme's SELECTs: the villages' figures, then the households. A workbook of all themes has
 * sheets named after the themes. */
static bool put_tables(struct job *j, struct err *e) {
    static const char *const names[] = {"汇总", "台账", "附表"};
    char name[sizeof j->title + 16];
    size_t count = 0;
    sqlite3_stmt *q;
    bool ok = true;
    while (ok && count < 3 && (q = report_next(&j->report, store_db(j->core->store), e))) {
        snprintf(name, sizeof name, "%s%s", j->all ? j->title : "", names[count]);
        ok = put_table(j, q, name, e);
        sqlite3_finalize(q);
        count++;
    }
    return ok && !err_is_set(e) && report_ended(&j->report, store_db(j->core->store), e);
}

static bool put_theme(struct job *j, const char *theme, struct err *e) {
    if (!report_read(j->app->schema_dir, "ledgers", theme, &j->report, e))
        return false;
    if (!report_header(&j->report, "title-zh", j->title, sizeof j->title, e))
        snprintf(j->title, sizeof j->title, "%s", theme);
    bool ok = !err_is_set(e) && put_tables(j, e);
    report_fini(&j->report);
    return ok;
}

/* theme: NULL = all. Every table is of the same moment. */
static bool put_themes(struct job *j, const char *theme, struct err *e) {
    static char themes[REPORT_FILES_MAX][REPORT_NAME_SIZE];
    sqlite3 *db = store_db(j->core->store);
    j->all = !theme;
    size_t count = theme ? 1 : report_names(j->app->schema_dir, "ledgers", themes, e);
    bool ok = count && report_exec(db, "BEGIN", e);
    for (size_t i = 0; ok && i < count; i++)
        ok = put_theme(j, theme ? theme : themes[i], e);
    return count && report_exec(db, "COMMIT", e) && ok;
}

static bool write_document(struct job *j, const char *theme, const char *path, bool workbook,
                           struct err *e) {
    char day[11];
    char name[160];
    if (!report_codes(store_db(j->core->store), j->app->schema_dir, e) || !ask_villages(j, e))
        return false;
    time_local_date(clock_wall_ms(j->core->clock), day);
    name_place(j, name, sizeof name);
    snprintf(j->note, sizeof j->note, "%s(%s) 截至 %s", name, j->place, day);
    app_warn_if_late(j->app, j->core);
    j->file = ledger_file_open(path, workbook, e);
    if (!j->file)
        return false;
    bool ok = put_themes(j, theme, e);
    return ledger_file_close(j->file, e) && ok;
}

/* ---- the command */

static int run(struct job *j, const char *village, const char *town, const char *theme,
               const char *path, bool workbook) {
    int status = 3;
    struct err e = {0};
    j->core = app_open_core(j->app, &status);
    if (!j->core)
        return status;
    if (village)
        snprintf(j->place, sizeof j->place, "%s", village);
    else
        snprintf(j->place, sizeof j->place, "%s%s000", j->core->county, town ? town : "000");
    if (strncmp(j->place, j->core->county, 6) != 0)
        err_set(&e, ERR_INVALID, "%s: is not in the county %s", j->place, j->core->county);
    else
        write_document(j, theme, path, workbook, &e);
    status = err_is_set(&e) ? app_fail(j->app, &e) : 0;
    core_close(j->core);
    return status;
}

static bool digits(const char *text, size_t count) {
    return strlen(text) == count && strspn(text, "0123456789") == count;
}

int ledger_export(struct app *a) {
    struct job j = {.app = a};
    const char *kind = NULL;
    const char *village = NULL;
    const char *town = NULL;
    const char *theme = NULL;
    const char *format = "csv";
    const char *path = NULL;
    struct err e = {0};
    const struct option options[] = {
        {.name = "--village", .type = OPTION_TEXT, .value = &village},
        {.name = "--town", .type = OPTION_TEXT, .value = &town},
        {.name = "--theme", .type = OPTION_TEXT, .value = &theme},
        {.name = "--format", .type = OPTION_TEXT, .value = &format, .choices = "csv|xlsx"},
        {.name = "--output", .type = OPTION_TEXT, .value = &path},
        {0}};
    const struct argument arguments[] = {{.name = "KIND", .value = &kind}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    if (village && town)
        return app_usage(a, "--village and --town: one of them");
    if (village && (!digits(village, 12) || strcmp(village + 9, "000") == 0))
        return app_usage(a, "--village '%s': the 12 digits of a village are needed", village);
    if (town && !digits(town, 3))
        return app_usage(a, "--town '%s': the three digits of a township are needed", town);
    if (theme && !check_theme(a, theme, &e))
        return app_fail(a, &e);
    bool workbook = strcmp(format, "xlsx") == 0;
    if (workbook && !path)
        return app_usage(a, "--format xlsx needs --output FILE");
    return run(&j, village, town, theme, path, workbook);
}
