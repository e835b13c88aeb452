/* Validation: the schema, then the form's own SQL expressions on a private connection. */
#include "form_private.h"

#include "clock.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_BETWEEN_CALLS 1000

static const char source[] = " FROM (SELECT ?1 AS record, ?2 AS data, ?3 AS subject, ?4 AS author,"
                             " ?5 AS hlc_ms, ?6 AS hlc_day, ?7 AS gps)";

struct form_run {
    sqlite3 *db;
    struct schema_run *schema_run;
    sqlite3_stmt **queries; /* by index of the form; NULL: it has no expressions */
    size_t query_count;
    int calls; /* of the progress handler for this record */
};

/* ---------------------------------------------------------------- the connection */

/* Expressions read what is bound to them and call functions; nothing else. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *db,
                     const char *trigger) {
    (void)ctx, (void)a, (void)db, (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

static int progress(void *ctx) {
    struct form_run *r = ctx;
    return ++r->calls > FORM_CHECK_STEPS_MAX / STEPS_BETWEEN_CALLS;
}

static sqlite3 *open_private(struct err *e) {
    sqlite3 *db;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(":memory:", &db, flags, NULL) != SQLITE_OK) {
        err_set(e, ERR_IO, "cannot open a private database: %s", sqlite3_errmsg(db));
        sqlite3_close(db);
        return NULL;
    }
    /* Their first use declares the tables of json_each, which the authorizer would refuse. */
    sqlite3_exec(db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_set_authorizer(db, authorize, NULL);
    return db;
}

/* ---------------------------------------------------------------- statements */

/* The newline ends a comment that the expression may end with. */
static void add_expression(struct buf *sql, const char *expression, const char *test) {
    buf_add_str(sql, sql->size ? ",(" : "SELECT (");
    buf_add_str(sql, expression);
    buf_add_fmt(sql, "\n) %s", test);
}

static bool prepare(sqlite3 *db, struct buf *sql, sqlite3_stmt **ret, struct err *e) {
    buf_add_str(sql, source);
    const char *rest = "";
    if (sql->failed ||
        sqlite3_prepare_v3(db, sql->data, -1, SQLITE_PREPARE_PERSISTENT, ret, &rest) != SQLITE_OK)
        return err_set(e, ERR_USAGE, "%s", sql->failed ? "too long" : sqlite3_errmsg(db));
    if (*rest) {
        sqlite3_finalize(*ret);
        return err_set(e, ERR_USAGE, "more than one expression");
    }
    return true;
}

static bool try_expression(sqlite3 *db, const char *expression, const char *name, struct err *e) {
    struct buf sql;
    sqlite3_stmt *q = NULL;
    buf_init(&sql, 64 * 1024);
    add_expression(&sql, expression, "IS TRUE");
    bool ok = prepare(db, &sql, &q, e);
    if (ok && sqlite3_column_count(q) != 1)
        ok = err_set(e, ERR_USAGE, "must be one expression");
    if (!ok)
        err_prefix(e, "expression %s", name);
    sqlite3_finalize(q);
    buf_fini(&sql);
    return ok;
}

bool form_run_try(const struct form_own *f, struct err *e) {
    sqlite3 *db = open_private(e);
    bool ok = db != NULL;
    if (ok && f->hidden_sql)
        ok = try_expression(db, f->hidden_sql, "x-hidden", e);
    for (size_t i = 0; i < f->form.gate_count && ok; i++)
        ok = try_expression(db, f->gate_sql[i], f->gates[i].name, e);
    for (size_t i = 0; i < f->form.check_count && ok; i++)
        ok = try_expression(db, f->check_sql[i], f->checks[i].name, e);
    sqlite3_close(db);
    return ok;
}

/* Columns: x-hidden (always, for a fixed order), gates, checks. */
static bool prepare_form(struct form_run *r, const struct form_own *f, struct err *e) {
    if (!f->hidden_sql && !f->form.gate_count && !f->form.check_count)
        return true;
    struct buf sql;
    buf_init(&sql, 256 * 1024);
    add_expression(&sql, f->hidden_sql ? f->hidden_sql : "0", "IS TRUE");
    for (size_t i = 0; i < f->form.gate_count; i++)
        add_expression(&sql, f->gate_sql[i], "IS TRUE");
    for (size_t i = 0; i < f->form.check_count; i++)
        add_expression(&sql, f->check_sql[i], "IS FALSE");
    bool ok = prepare(r->db, &sql, &r->queries[f->form.index], e);
    if (!ok)
        err_prefix(e, "%s.%lld", f->form.id, (long long)f->form.fv);
    buf_fini(&sql);
    return ok;
}

struct form_run *form_run_create(const struct form_catalog *c, struct err *e) {
    struct form_run *r = calloc(1, sizeof *r);
    if (!r || !(r->queries = calloc(c->form_count + 1, sizeof(sqlite3_stmt *))))
        abort();
    r->query_count = c->form_count;
    r->schema_run = schema_run_create();
    r->db = open_private(e);
    bool ok = r->db != NULL;
    for (size_t i = 0; i < c->form_count && ok; i++)
        ok = prepare_form(r, c->forms[i], e);
    if (!ok) {
        form_run_destroy(r);
        return NULL;
    }
    sqlite3_progress_handler(r->db, STEPS_BETWEEN_CALLS, progress, r);
    return r;
}

void form_run_destroy(struct form_run *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->query_count; i++)
        sqlite3_finalize(r->queries[i]);
    sqlite3_close(r->db);
    schema_run_destroy(r->schema_run);
    free(r->queries);
    free(r);
}

/* ---------------------------------------------------------------- a record */

static void bind_text(sqlite3_stmt *q, int i, const char *text, size_t size) {
    if (text)
        sqlite3_bind_text(q, i, text, (int)size, SQLITE_STATIC);
    else
        sqlite3_bind_null(q, i);
}

static void bind_stamp(sqlite3_stmt *q, const struct form_input *in, char day[11]) {
    bind_text(q, 1, in->record_text, in->record_size);
    bool stamped = in->record_text != NULL;
    bind_text(q, 3, stamped ? in->subject : NULL, stamped ? strlen(in->subject) : 0);
    bind_text(q, 4, stamped ? in->author : NULL, stamped ? strlen(in->author) : 0);
    if (stamped) {
        time_local_date(in->hlc_ms, day);
        sqlite3_bind_int64(q, 5, in->hlc_ms);
    } else {
        sqlite3_bind_null(q, 5);
    }
    bind_text(q, 6, stamped ? day : NULL, 10);
    bool gps = stamped && in->gps_text && !(in->gps_size == 4 && in->gps_text[0] == 'n');
    bind_text(q, 7, gps ? in->gps_text : NULL, in->gps_size);
}

static void bind_value(sqlite3_stmt *q, int i, const json_t *v) {
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        bind_text(q, i, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        sqlite3_bind_int64(q, i, json_integer_value(v));
        break;
    case JSON_REAL:
        sqlite3_bind_double(q, i, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        sqlite3_bind_int(q, i, json_is_true(v));
        break;
    case JSON_NULL:
        sqlite3_bind_null(q, i);
        break;
    default:
        sqlite3_bind_text(q, i, json_dumps(v, JSON_COMPACT), -1, free);
    }
}

/* What `data ->> '$.a.b'` would give. */
static void bind_members(sqlite3_stmt *q, const struct form_own *f, const json_t *data) {
    for (size_t i = 0; i < json_array_size(f->members); i++) {
        const json_t *keys = json_array_get(f->members, i);
        const json_t *v = data;
        for (size_t k = 0; k < json_array_size(keys); k++)
            v = json_object_get(v, json_string_value(json_array_get(keys, k)));
        bind_value(q, FORM_MEMBER_PARAMETER + (int)i, v);
    }
}

static void take_check(const struct form_check *k, struct form_verdict *out) {
    struct problems *to = k->level == FORM_ERROR  ? &out->errors
                          : k->level == FORM_HELD ? &out->held
                                                  : &out->warnings;
    problems_add(to, k->level == FORM_WARNING ? k->name : "check", k->path, k->name, k->zh, k->en);
}

static void take_row(const struct form *f, sqlite3_stmt *q, struct form_verdict *out) {
    int column = 0;
    out->hidden = sqlite3_column_int(q, column++) != 0;
    for (size_t i = 0; i < f->gate_count; i++) {
        if (sqlite3_column_int(q, column++))
            out->gates_true |= (uint64_t)1 << i;
    }
    for (size_t i = 0; i < f->check_count; i++) {
        if (sqlite3_column_int(q, column++))
            take_check(&f->checks[i], out);
    }
}

static void run_checks(const struct form *f, struct form_run *r, const struct form_input *in,
                       struct form_verdict *out) {
    sqlite3_stmt *q = r->queries[f->index];
    if (!q)
        return;
    char day[11];
    char *made = in->data_size ? NULL : json_dumps(in->data, JSON_COMPACT);
    bind_stamp(q, in, day);
    if (made)
        bind_text(q, 2, made, strlen(made));
    else
        bind_text(q, 2, in->data_text, in->data_size);
    bind_members(q, f->own, in->data);
    r->calls = 0;
    if (sqlite3_step(q) == SQLITE_ROW) {
        take_row(f, q, out);
    } else {
        out->hidden = f->own->hidden_sql != NULL;
        problems_add(&out->errors, "check", "/data", NULL, "表单检查无法完成,请联系管理员",
                     "the form's checks could not be completed");
    }
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    free(made);
}

bool form_validate(const struct form *f, struct form_run *r, const struct form_input *in,
                   struct form_verdict *out) {
    if (schema_validate(f->own->schema, r->schema_run, in->data, "/data", &out->errors))
        run_checks(f, r, in, out);
    else /* kept with its errors: nothing tells that it is not covert work */
        out->hidden = f->own->hidden_sql != NULL;
    return out->errors.count == 0;
}

void form_verdict_fini(struct form_verdict *v) {
    problems_fini(&v->errors);
    problems_fini(&v->warnings);
    problems_fini(&v->held);
}
