#include "app.h"
#include "commands.h"
#include "ledger.h"
#include "options.h"
#include "sheet.h"

#include <csv.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVED "strftime('%Y-%m-%dT%H:%M:%SZ', received_ms / 1000, 'unixepoch')"
/* What secret records say stands apart. */
#define BODY                                                                                       \
    "handed_out(form, fv,"                                                                         \
    " unsealed(coalesce((SELECT s.body FROM secret s WHERE s.rec = record.rec), body)))"
/* ?1 = 1: all; ?2: forms that are secret, as a JSON array */
#define OPEN_RECORD "(?1 OR (class = 0 AND form NOT IN (SELECT value FROM json_each(?2))))"
#define OPEN_CLASS "(?1 OR class < 4)"

/* ?3 is the kind of entity; of divisions only villages. Columns: the JSON line; id; facts. */
static const char *const entity_sql =
    "SELECT json_object('kind', kind, 'id', id, 'subject', subject, 'village', place,"
    " 'registered', json(iif(registered, 'true', 'false')), 'doc', json(unsealed(doc)),"
    " 'conflicts', json(conflicts)),"
    " iif(kind = 'assignment', subject, id), unsealed(doc) FROM entity"
    " WHERE kind = ?3 AND gone = '' AND " OPEN_CLASS
    " AND (kind <> 'division' OR id NOT LIKE '%000') ORDER BY id";

static const struct {
    const char *kind, *form, *entity; /* of importable tables: form and kind of entity */
    const char *ndjson, *csv;         /* of the others */
} tables[] = {
    {"households", "households", "household", NULL, NULL},
    {"persons", "persons", "person", NULL, NULL},
    {"villages", "divisions", "division", NULL, NULL},
    {"cadres", "cadres", "cadre", NULL, NULL},
    {"assignments", "assignments", "assignment", NULL, NULL},
    {"records", NULL, NULL,
     "SELECT json_object('outcome', 'stored', 'effect', effect, 'device', device, 'via', via,"
     " 'received', " RECEIVED ", 'record', json(" BODY ")) FROM record"
     " WHERE outcome = 1 AND " OPEN_RECORD " ORDER BY rec",
     "SELECT id_text(id) AS 记录编号, form AS 表单, fv AS 版本, subject AS 对象编号,"
     " body ->> '$.hlc' AS 时间戳, author AS 填报人, device AS 设备, seq AS 序号, via AS 网关,"
     " " RECEIVED " AS 收到时间, CASE effect WHEN 1 THEN '有效' WHEN 0 THEN '已更正'"
     " WHEN -1 THEN '已作废' ELSE '未生效' END AS 状态, " BODY " -> '$.data' AS 内容"
     " FROM record WHERE outcome = 1 AND " OPEN_RECORD " ORDER BY rec"},
    {"held", NULL, NULL,
     "SELECT json_object('outcome', 'held', 'device', device, 'via', via, 'received', " RECEIVED
     ", 'errors', json(coalesce(problems, '[]')), 'record', json(" BODY ")) FROM record"
     " WHERE outcome = 2 AND " OPEN_RECORD " ORDER BY rec",
     "SELECT id_text(id) AS 记录编号, form AS 表单, subject AS 对象编号,"
     " body ->> '$.hlc' AS 时间戳, author AS 填报人, device AS 设备, " RECEIVED " AS 收到时间,"
     " (SELECT group_concat(value ->> '$.zh', ';') FROM json_each(problems)) AS 原因,"
     " " BODY " -> '$.data' AS 内容"
     " FROM record WHERE outcome = 2 AND " OPEN_RECORD " ORDER BY rec"},
    {"rejected", NULL, NULL,
     "SELECT json_object('outcome', 'rejected', 'device', device, 'via', via,"
     " 'received', " RECEIVED ", 'errors', json(coalesce(problems, '[]')),"
     " 'record', json(" BODY ")) FROM record WHERE outcome = 3 AND " OPEN_RECORD
     " UNION ALL SELECT json_object('outcome', 'rejected', 'device', device, 'via', via,"
     " 'received', " RECEIVED ", 'errors', json(problems), 'payload_sha256', payload_sha256)"
     " FROM refusal",
     "SELECT id_text(id) AS 记录编号, form AS 表单, subject AS 对象编号, author AS 填报人,"
     " device AS 设备, " RECEIVED " AS 收到时间,"
     " (SELECT group_concat(value ->> '$.zh', ';') FROM json_each(problems)) AS 原因,"
     " " BODY " -> '$.data' AS 内容, '' AS 消息校验值"
     " FROM record WHERE outcome = 3 AND " OPEN_RECORD
     " UNION ALL SELECT '', '', '', '', device, " RECEIVED ","
     " (SELECT group_concat(value ->> '$.zh', ';') FROM json_each(problems)), '',"
     " payload_sha256 FROM refusal"},
    {"tasks", NULL, NULL,
     "SELECT json_set(doc, '$.state', state, '$.closed', nullif(closed, '')) FROM task"
     " WHERE gone = '' AND " OPEN_CLASS " ORDER BY id",
     "SELECT id AS 任务编号, rule AS 规则, subject AS 对象编号, place AS 区划代码,"
     " doc ->> '$.title.zh' AS 任务, state AS 状态, priority AS 优先级, opened AS 交办日期,"
     " due AS 期限, closed AS 销号日期, assignee_role AS 责任角色, assignee AS 责任人,"
     " verifier_role AS 核查角色, escalated AS 升级, carried AS 结转,"
     " iif(unattainable, '是', '否') AS 难以按期 FROM task"
     " WHERE gone = '' AND " OPEN_CLASS " ORDER BY id"},
    {"conflicts", NULL, NULL,
     "SELECT json_set(c.value, '$.kind', e.kind, '$.id', e.id, '$.village', e.place)"
     " FROM entity e, json_each(unsealed(e.conflicts)) c"
     " WHERE e.conflicts <> '[]' AND " OPEN_CLASS " ORDER BY e.kind, e.id, c.key",
     "SELECT e.kind AS 类别, e.id AS 编号, e.place AS 区划代码, c.value ->> '$.fact' AS 事项,"
     " c.value -> '$.winner.value' AS 现用值, c.value ->> '$.winner.by' AS 现用值填报人,"
     " c.value ->> '$.winner.hlc' AS 现用值时间, c.value -> '$.loser.value' AS 另一值,"
     " c.value ->> '$.loser.by' AS 另一值填报人, c.value ->> '$.loser.hlc' AS 另一值时间"
     " FROM entity e, json_each(unsealed(e.conflicts)) c"
     " WHERE e.conflicts <> '[]' AND " OPEN_CLASS " ORDER BY e.kind, e.id, c.key"},
};
#define TABLE_COUNT (sizeof tables / sizeof *tables)

struct out {
    struct app *app;
    struct core *core;
    bool csv, all;
    struct sheet_form sheet;
    const struct fact *facts[FORM_WRITES_MAX * 2]; /* columns after the id */
    size_t fact_count;
};

/* ---- CSV */

static void put_cell(const char *text, size_t size, bool is_text, bool first) {
    if (!first)
        putchar(',');
    if (!is_text || !sheet_is_formula(text)) {
        csv_fwrite(stdout, text, size);
        return;
    }
    char *guarded = malloc(size + 1);
    if (!guarded)
        abort();
    guarded[0] = '\'';
    memcpy(guarded + 1, text, size);
    csv_fwrite(stdout, guarded, size + 1);
    free(guarded);
}

static void put_text(const char *text, bool first) {
    put_cell(text, strlen(text), true, first);
}

static void end_row(void) {
    fputs("\r\n", stdout);
}

static void put_columns(sqlite3_stmt *q) {
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        const char *text = q_col(q, i);
        put_cell(text, strlen(text), sqlite3_column_type(q, i) == SQLITE_TEXT, i == 0);
    }
    end_row();
}

static void put_names(sqlite3_stmt *q) {
    for (int i = 0; i < sqlite3_column_count(q); i++)
        put_text(sqlite3_column_name(q, i), i == 0);
    end_row();
}

/* ---- facts of entities */

/* The Chinese label of a code, or the text itself. */
static const char *label_of(const struct out *o, const json_t *schema, const char *text) {
    const char *list = json_string_value(json_object_get(schema, "x-code"));
    const json_t *code = list ? json_object_get(json_object_get(o->sheet.codes, list), text) : NULL;
    const char *zh = json_string_value(json_object_get(code, "zh"));
    return zh ? zh : text;
}

static void put_list(const struct out *o, const json_t *schema, const json_t *list) {
    struct buf text;
    buf_init(&text, 1u << 20);
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        buf_add_fmt(&text, "%s%s", i ? ";" : "", item ? label_of(o, items, item) : "");
    }
    put_text(text.data ? text.data : "", false);
    buf_fini(&text);
}

static void put_fact(const struct out *o, const struct fact *f, const json_t *value) {
    if (!value || json_is_null(value)) {
        put_text("", false);
    } else if (json_is_string(value)) {
        put_text(label_of(o, f->schema, json_string_value(value)), false);
    } else if (json_is_boolean(value)) {
        put_text(json_is_true(value) ? "是" : "否", false);
    } else if (json_is_array(value)) {
        put_list(o, f->schema, value);
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
        put_cell(text ? text : "", text ? strlen(text) : 0, false, false);
        free(text);
    }
}

static void add_fact(struct out *o, const struct fact *f) {
    for (size_t i = 0; i < o->fact_count; i++)
        if (o->facts[i] == f)
            return;
    if (o->fact_count < sizeof o->facts / sizeof *o->facts)
        o->facts[o->fact_count++] = f;
}

/* In the order of the form that imports them, then what other forms know of the entity. */
static void choose_facts(struct out *o, const char *entity) {
    const struct form *form = o->sheet.form;
    for (size_t i = 0; i < form->write_count; i++)
        if (form->writes[i].key)
            add_fact(o, form->writes[i].fact);
    for (size_t i = 0; i < form_fact_count(o->core->catalog); i++) {
        const struct fact *f = form_fact_at(o->core->catalog, i);
        if (strcmp(f->entity, entity) == 0)
            add_fact(o, f);
    }
}

static void put_entity_names(const struct out *o) {
    put_text(o->sheet.sheet->id_zh, true);
    for (size_t i = 0; i < o->fact_count; i++)
        put_text(o->facts[i]->label_zh, false);
    end_row();
}

static void put_entity(const struct out *o, sqlite3_stmt *q) {
    json_t *doc = json_loads(q_col(q, 2), 0, NULL);
    put_text(q_col(q, 1), true);
    for (size_t i = 0; i < o->fact_count; i++)
        put_fact(o, o->facts[i], json_object_get(doc, o->facts[i]->name));
    end_row();
    json_decref(doc);
}

/* ---- the statement */

/* handed_out(form, fv, body): without --all not what the form hands out to nobody (x-withheld). */
static void fn_handed_out(sqlite3_context *c, int n, sqlite3_value **v) {
    (void)n;
    const struct out *o = sqlite3_user_data(c);
    const char *id = (const char *)sqlite3_value_text(v[0]);
    const struct form *f =
        id ? form_find(o->core->catalog, id, strlen(id), sqlite3_value_int64(v[1])) : NULL;
    const char *body = (const char *)sqlite3_value_text(v[2]);
    if (o->all || !f || !f->withholds || !body) {
        sqlite3_result_value(c, v[2]);
        return;
    }
    json_t *record = json_loads(body, 0, NULL);
    json_t *data = form_redact(f, json_object_get(record, "data"), UINT_MAX);
    json_object_set_new(record, "data", data);
    char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(15));
    sqlite3_result_text(c, text ? text : "{}", -1, SQLITE_TRANSIENT);
    free(text);
    json_decref(record);
}

static void bind_secret_forms(const struct out *o, sqlite3_stmt *q) {
    json_t *names = json_array();
    for (size_t i = 0; i < form_count(o->core->catalog); i++) {
        const struct form *f = form_at(o->core->catalog, i);
        if (f->kind == FORM_SECRET)
            json_array_append_new(names, json_string(f->id));
    }
    char *text = json_dumps(names, JSON_COMPACT);
    sqlite3_bind_text(q, 2, text, -1, SQLITE_TRANSIENT);
    free(text);
    json_decref(names);
}

static bool stream(const struct out *o, sqlite3_stmt *q, bool entity, struct err *e) {
    if (o->csv) {
        fputs("\xef\xbb\xbf", stdout);
        if (entity)
            put_entity_names(o);
        else
            put_names(q);
    }
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW && !ferror(stdout)) {
        if (!o->csv)
            puts(q_col(q, 0));
        else if (entity)
            put_entity(o, q);
        else
            put_columns(q);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        return err_set(e, ERR_IO, "%s", sqlite3_errmsg(store_db(o->core->store)));
    if (fflush(stdout) != 0 || ferror(stdout))
        return err_set(e, ERR_IO, "standard output: %s", strerror(errno));
    return true;
}

static bool export_table(struct out *o, size_t t, struct err *e) {
    const char *entity = tables[t].entity;
    if (entity) {
        if (!sheet_form_init(&o->sheet, sheet_find(tables[t].form), o->core->catalog, e))
            return false;
        choose_facts(o, entity);
    }
    const char *sql = entity ? entity_sql : o->csv ? tables[t].csv : tables[t].ndjson;
    sqlite3_stmt *q = NULL;
    sqlite3_create_function(store_db(o->core->store), "handed_out", 3, SQLITE_UTF8, o,
                            fn_handed_out, NULL, NULL);
    if (sqlite3_prepare_v2(store_db(o->core->store), sql, -1, &q, NULL) != SQLITE_OK)
        return err_set(e, ERR_BUG, "%s", sqlite3_errmsg(store_db(o->core->store)));
    q_int(q, 1, o->all);
    bind_secret_forms(o, q); /* out of range where the statement has no ?2: harmless */
    if (entity)
        q_text(q, 3, entity);
    bool ok = stream(o, q, entity != NULL, e);
    sqlite3_finalize(q);
    return ok;
}

static int run(struct out *o, size_t t) {
    int status = 3;
    struct err e = {0};
    o->core = app_open_core(o->app, &status);
    if (!o->core)
        return status;
    status = export_table(o, t, &e) ? 0 : app_fail(o->app, &e);
    sheet_form_fini(&o->sheet);
    core_close(o->core);
    return status;
}

static int refuse_kind(const struct app *a, const char *kind) {
    char list[256];
    size_t n = 0;
    for (size_t t = 0; t < TABLE_COUNT && n < sizeof list; t++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", t ? ", " : "", tables[t].kind);
    return app_usage(a, "KIND '%s': the kinds are %s, ledger", kind, list);
}

int cmd_export(struct app *a) {
    struct out o = {.app = a};
    if (a->argc > 1 && strcmp(a->argv[1], "ledger") == 0)
        return ledger_export(a);
    const char *kind = NULL;
    const char *format = "csv";
    const struct option options[] = {
        {.name = "--format", .type = OPTION_TEXT, .value = &format, .choices = "csv|ndjson"},
        {.name = "--all", .type = OPTION_FLAG, .value = &o.all},
        {0}};
    const struct argument arguments[] = {{.name = "KIND", .value = &kind}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    if (a->json)
        return app_usage(a, "--json is not for export: use --format ndjson");
    o.csv = strcmp(format, "csv") == 0;
    for (size_t t = 0; t < TABLE_COUNT; t++)
        if (strcmp(tables[t].kind, kind) == 0)
            return run(&o, t);
    return refuse_kind(a, kind);
}
