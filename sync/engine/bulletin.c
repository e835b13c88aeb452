#include "bulletin.h"

#include "clock.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

/* A month with its days, as far as they have passed. */
struct month {
    char name[8]; /* "2019-07" */
    char from[11], to[11];
};

void bulletin_month_before(const char *day, char ret[8]) {
    int y = 0;
    int m = 0;
    sscanf(day, "%4d-%2d", &y, &m);
    y -= m == 1;
    m = m == 1 ? 12 : m - 1;
    snprintf(ret, 8, "%04u-%02u", (unsigned)y % 10000, (unsigned)m % 100);
}

static void end_of(const char *month, char ret[11]) {
    int y = 0;
    int m = 0;
    int32_t days = 0;
    char next[16];
    sscanf(month, "%4d-%2d", &y, &m);
    snprintf(next, sizeof next, "%04u-%02u-01", (unsigned)(y + m / 12) % 10000,
             (unsigned)m % 12 + 1);
    date_parse(next, 10, &days);
    time_local_date((days - 1) * INT64_C(86400000), ret);
}

static bool read_month(const char *text, const char *today, struct month *ret) {
    int32_t days;
    snprintf(ret->from, sizeof ret->from, "%.7s-01", text);
    if (strlen(text) != 7 || !date_parse(ret->from, 10, &days) || strcmp(ret->from, today) > 0)
        return false;
    snprintf(ret->name, sizeof ret->name, "%s", text);
    end_of(text, ret->to);
    if (strcmp(ret->to, today) > 0)
        snprintf(ret->to, sizeof ret->to, "%s", today);
    return true;
}

/* ---- rows as JSON */

static json_t *value_at(sqlite3_stmt *q, int i) {
    switch (sqlite3_column_type(q, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(q, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(q, i));
    case SQLITE_NULL:
        return json_null();
    default:
        return json_string(q_col(q, i));
    }
}

static void bind(sqlite3_stmt *q, const char *name, const char *value) {
    int i = sqlite3_bind_parameter_index(q, name);
    if (i)
        q_text(q, i, value);
}

/* Every row of the file's SELECT about a month; NULL on failure. */
static json_t *rows_of(struct core *c, const struct report *file, const struct month *m,
                       struct err *e) {
    struct report r = *file;
    sqlite3 *db = store_db(c->store);
    r.rest = r.text;
    sqlite3_stmt *q = report_next(&r, db, e);
    if (!q) {
        if (!err_is_set(e))
            err_set(e, ERR_USAGE, "%s: has no SELECT", r.path);
        return NULL;
    }
    bind(q, ":month", m->name);
    bind(q, ":from", m->from);
    bind(q, ":to", m->to);
    json_t *rows = json_array();
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        json_t *row = json_object();
        for (int i = 0; i < sqlite3_column_count(q); i++)
            json_object_set_new(row, sqlite3_column_name(q, i), value_at(q, i));
        json_array_append_new(rows, row);
    }
    if (rc != SQLITE_DONE)
        err_set(e, rc == SQLITE_ERROR ? ERR_USAGE : ERR_IO, "%s: %s", r.path, sqlite3_errmsg(db));
    sqlite3_finalize(q);
    if (rc == SQLITE_DONE && report_ended(&r, db, e))
        return rows;
    json_decref(rows);
    return NULL;
}

/* ---- the bulletin */

/* Puts what a file says of a month into ret[section][name]: its one row, or a table of all. */
static bool add_rows(struct core *c, const struct report *file, const struct month *m, bool table,
                     const char *name, json_t *ret, struct err *e) {
    json_t *rows = rows_of(c, file, m, e);
    if (!rows)
        return false;
    if (!table && json_array_size(rows) != 1)
        err_set(e, ERR_USAGE, "%s: an object has one row", file->path);
    else if (table)
        json_object_set(ret, name, rows);
    else
        json_object_update(ret, json_array_get(rows, 0));
    json_decref(rows);
    return !err_is_set(e);
}

static bool add_file(struct core *c, const char *name, const struct month months[2], json_t *ret,
                     struct err *e) {
    struct report r;
    char section[64];
    if (!report_read(c->schema_dir, "bulletin", name, &r, e))
        return false;
    bool ok;
    if (report_header(&r, "table", section, sizeof section, e))
        ok = add_rows(c, &r, &months[0], true, section, json_object_get(ret, "tables"), e);
    else if (report_header(&r, "object", section, sizeof section, e))
        ok = add_rows(c, &r, &months[0], false, NULL, json_object_get(ret, "figures"), e) &&
             add_rows(c, &r, &months[1], false, NULL, json_object_get(ret, "previous"), e);
    else
        ok = err_set(e, ERR_USAGE, "%s: neither '-- object: …' nor '-- table: …'", r.path);
    report_fini(&r);
    return ok;
}

/* What changed on the month before, where both are numbers. */
static json_t *changes(const json_t *now, const json_t *before) {
    json_t *ret = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)now, name, value) {
        const json_t *old = json_object_get(before, name);
        if (json_is_integer(value) && json_is_integer(old))
            json_object_set_new(ret, name,
                                json_integer(json_integer_value(value) - json_integer_value(old)));
        else if (json_is_number(value) && json_is_number(old))
            json_object_set_new(ret, name,
                                json_real(json_number_value(value) - json_number_value(old)));
        else
            json_object_set_new(ret, name, json_null());
    }
    return ret;
}

static json_t *head(struct core *c, const struct month *m, const char *today) {
    char code[16];
    char final[16];
    char end[11];
    char previous[8];
    int32_t days = 0;
    sqlite3_stmt *q = store_query(c->store, "entity_facts");
    snprintf(code, sizeof code, "%s000000", c->county);
    q_text(q, 1, "division");
    q_text(q, 2, code);
    json_t *doc = q_row(c->store, q) ? json_loads(q_col(q, 0), 0, NULL) : NULL;
    q_end(q);
    const char *name = json_string_value(json_object_get(doc, "name"));
    end_of(m->name, end);
    date_parse(end, 10, &days);
    time_local_date((days + BULLETIN_FINAL_DAY) * INT64_C(86400000), final);
    bulletin_month_before(m->from, previous);
    json_t *ret = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:{},s:{},s:{}}", "v", 1, "county",
                            c->county, "name", name ? name : c->county, "month", m->name, "from",
                            m->from, "to", m->to, "before", previous, "final",
                            strcmp(today, final) >= 0, "figures", "previous", "tables");
    json_decref(doc);
    return ret;
}

/* All of it is of one moment. */
json_t *bulletin_make(struct core *c, const char *month, struct err *e) {
    static const char folder[] = "bulletin";
    char names[REPORT_FILES_MAX][REPORT_NAME_SIZE];
    char today[11];
    char previous[8];
    struct month months[2];
    time_local_date(clock_wall_ms(c->clock), today);
    bool known = read_month(month, today, &months[0]);
    if (known) {
        bulletin_month_before(months[0].from, previous);
        known = read_month(previous, today, &months[1]); /* there is none before 0000-01 */
    }
    if (!known) {
        err_set(e, ERR_INVALID, "%s: a month that has begun, such as %.7s, is needed", month,
                today);
        return NULL;
    }
    size_t count = report_names(c->schema_dir, folder, names, e);
    if (!count)
        return NULL;
    json_t *ret = head(c, &months[0], today);
    sqlite3 *db = store_db(c->store);
    bool ok = report_codes(db, c->schema_dir, e) && report_exec(db, "BEGIN", e);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_file(c, names[i], months, ret, e);
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (ok)
        json_object_set_new(
            ret, "change",
            changes(json_object_get(ret, "figures"), json_object_get(ret, "previous")));
    if (ok)
        return ret;
    json_decref(ret);
    return NULL;
}

/* Digits for sums of money, and few enough that 33.4 - 33.3 is 0.1. */
char *bulletin_text(const json_t *bulletin) {
    return bulletin ? json_dumps(bulletin, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
}
