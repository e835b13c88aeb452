#include "app.h"
#include "commands.h"
#include "import.h"
#include "options.h"
#include "sheet.h"
#include "sheet_read.h"
#include "strmap.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_MS 1000 /* that share a stamp */
#define PROGRESS_EVERY 500

/* A frozen list of one village, put together from its rows. */
struct group {
    char list[64];
    char village[16];
    json_t *ids;
    size_t *lines;
    size_t capacity;
};

struct job {
    struct app *app;
    struct sheet_source source;
    bool dry_run;
    struct core *core;
    struct sheet_form sheet;
    struct import *import;
    int64_t start_ms;
    struct sheet_column columns[SHEET_COLUMNS_MAX];
    size_t column_count; /* 0 until the header was read */
    size_t id_column;
    size_t rows, records, bad;
    size_t added, changed, same; /* of what the rows are about, beside what was there before */
    struct strmap seen;          /* id → line */
    struct strmap villages;      /* that were looked up */
    struct group **groups;
    size_t group_count, group_capacity;
    bool broken; /* the database failed: no use going on */
};

/* ---- saying what is wrong */

#define VALUE_SHOWN_MAX 60 /* bytes */

/* Phone and ID numbers are not for a terminal's scrollback. */
static bool may_be_shown(const struct job *j, const struct sheet_column *c) {
    const char *class = json_string_value(json_object_get(c->schema, "x-class"));
    return c->id || (class ? class[1] - '0' : (int)j->sheet.form->sensitivity) < 3;
}

static void say_value(const struct job *j, size_t column, const char *value) {
    size_t size = strlen(value);
    bool cut = size > VALUE_SHOWN_MAX;
    for (size = cut ? VALUE_SHOWN_MAX : size; cut && (value[size] & 0xc0) == 0x80; size--)
        ;
    if (!*value || !may_be_shown(j, &j->columns[column]))
        return;
    fprintf(stderr, " “%.*s%s”", (int)size, value, cut ? "…" : "");
}

/* value may be NULL */
static void say(struct job *j, size_t line, size_t column, const char *value, const char *zh,
                const char *en) {
    fprintf(stderr, "%s: line %zu", j->source.path, line);
    if (column < j->column_count) {
        fprintf(stderr, ", column %zu (%s)", column + 1, j->columns[column].header);
        say_value(j, column, value ? value : "");
    }
    fprintf(stderr, ": %s / %s\n", zh, en);
}

/* The column that a path of a problem points into; column_count if there is none. */
static size_t column_of(const struct job *j, const char *path) {
    if (strcmp(path, "/subject") == 0)
        return j->id_column;
    for (size_t i = 0; i < j->column_count; i++) {
        const struct sheet_column *c = &j->columns[i];
        char own[160];
        if (c->id)
            continue;
        snprintf(own, sizeof own, "/data/%s%s", c->in_set ? "set/" : "", c->name);
        size_t size = strlen(own);
        if (strncmp(path, own, size) == 0 && (path[size] == '/' || path[size] == '\0'))
            return i;
    }
    return j->column_count;
}

static void say_problems(struct job *j, const struct sheet_row *r,
                         const struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *p = &problems->list[i];
        size_t column = column_of(j, p->path);
        say(j, r->line, column, column < r->count ? r->cells[column] : NULL, p->zh, p->en);
    }
    if (problems->dropped)
        fprintf(stderr, "%s: line %zu: and %zu more\n", j->source.path, r->line, problems->dropped);
}

/* A cell beyond the header, the first that is not empty: perhaps a comma without quotes. */
static void say_excess(const struct job *j, const struct sheet_row *r) {
    size_t column = j->column_count;
    while (!r->cells[column][0])
        column++;
    fprintf(stderr, "%s: line %zu, column %zu: 表头只有 %zu 列 / the header has only %zu columns\n",
            j->source.path, r->line, column + 1, j->column_count, j->column_count);
}

/* ---- the header */

static bool add_column(struct job *j, const char *header, size_t i) {
    struct sheet_column c = {0};
    bool ok = sheet_column(&j->sheet, header, &c);
    c.header = strdup(header);
    for (size_t k = 0; ok && k < i; k++) {
        const struct sheet_column *o = &j->columns[k];
        if (o->id == c.id && o->in_set == c.in_set && o->schema == c.schema) {
            fprintf(stderr, "%s: line 1, column %zu (%s): 列重复 / the same as column %zu\n",
                    j->source.path, i + 1, header, k + 1);
            j->bad++;
        }
    }
    if (!ok) {
        fprintf(stderr, "%s: line 1, column %zu (%s): 没有这一列 / no such column in %s\n",
                j->source.path, i + 1, header, j->sheet.sheet->kind);
        j->bad++;
    }
    j->columns[i] = c;
    j->column_count = i + 1;
    return ok;
}

/* Without the empty ones at the end, which spreadsheets add. */
static size_t filled_cells(const struct sheet_row *r) {
    size_t count = r->count;
    while (count && !r->cells[count - 1][0])
        count--;
    return count;
}

static bool read_header(struct job *j, const struct sheet_row *r) {
    size_t count = filled_cells(r);
    j->id_column = count;
    for (size_t i = 0; i < count; i++)
        if (add_column(j, r->cells[i], i) && j->columns[i].id)
            j->id_column = i;
    if (j->id_column == count) {
        fprintf(stderr, "%s: line 1: 缺少“%s”列 / the column %s is missing\n", j->source.path,
                j->sheet.sheet->id_zh, j->sheet.sheet->id_en);
        j->bad++;
    }
    return j->bad == 0;
}

/* ---- rows that are a record each */

static json_t *data_of(struct job *j, const struct sheet_row *r) {
    json_t *data = json_object();
    json_t *set = json_object();
    const struct sheet *sheet = j->sheet.sheet;
    if (sheet->default_name)
        json_object_set_new(data, sheet->default_name, json_string(sheet->default_value));
    for (size_t i = 0; i < j->column_count; i++) {
        const struct sheet_column *c = &j->columns[i];
        if (!c->id && r->cells[i][0])
            json_object_set_new(c->in_set ? set : data, c->name,
                                sheet_value(&j->sheet, c, r->cells[i]));
    }
    if (json_object_size(set))
        json_object_set(data, "set", set);
    json_decref(set);
    return data;
}

/* The facts of the entity that a row is about, as they stand now; NULL: it is not registered. */
static char *facts_now(struct job *j, const char *id) {
    sqlite3_stmt *q = store_query(j->core->store, "entity_facts");
    char *doc = NULL;
    q_text(q, 1, j->sheet.form->entity);
    q_text(q, 2, id);
    if (q_row(j->core->store, q)) {
        doc = strdup(q_col(q, 0));
        q_end(q);
    }
    return doc;
}

/* Whether a record that says the same of the subject is stored already. */
static bool is_stored(struct job *j, const char *subject, const char *data) {
    sqlite3_stmt *q = store_query(j->core->store, "record_said");
    q_text(q, 1, subject);
    q_text(q, 2, j->sheet.form->id);
    q_text(q, 3, data);
    bool found = q_row(j->core->store, q);
    if (found)
        q_end(q);
    return found;
}

static bool add_text(struct job *j, const char *subject, const char *text,
                     struct problems *problems) {
    int64_t stamp = j->start_ms + (int64_t)(j->records / ROWS_PER_MS);
    bool ok =
        import_add(j->import, j->sheet.form->id, subject, stamp, text, strlen(text), problems);
    j->records += ok;
    j->broken = !ok && problems->count == 0;
    return ok;
}

/* Counts what adding does: something new, a change, or neither. */
static bool add_counted(struct job *j, const char *subject, const json_t *data, const char *text,
                        struct problems *problems) {
    char id[FORM_ENTITY_ID_SIZE];
    bool entity =
        j->sheet.form->write_count && form_entity_id(j->sheet.form, subject, data, id, sizeof id);
    char *before = entity ? facts_now(j, id) : NULL;
    bool same = !entity && is_stored(j, subject, text);
    bool ok = add_text(j, subject, text, problems);
    char *after = entity && ok ? facts_now(j, id) : NULL;
    if (before && after)
        same = strcmp(before, after) == 0;
    if (ok)
        ++*(same ? &j->same : before ? &j->changed : &j->added);
    free(before);
    free(after);
    return ok;
}

/* A household of a village that is not in the register is stored, and counts nowhere. */
static void look_up_village(struct job *j, const char *subject, size_t line) {
    char village[13];
    snprintf(village, sizeof village, "%.12s", subject);
    if (strspn(subject, "0123456789") != 12 || strcmp(village + 9, "000") == 0 ||
        strcmp(j->sheet.sheet->kind, "divisions") == 0 || strmap_get(&j->villages, village))
        return;
    strmap_set(&j->villages, village, j);
    if (!store_knows(j->core->store, "division", village))
        fprintf(stderr,
                "%s: 提示:区划登记中没有第 %zu 行的村 %s / note: village %s of line %zu is not in "
                "the register of divisions\n",
                j->source.path, line, village, village, line);
}

/* Stores data, or says what is wrong with it. */
static bool add_record(struct job *j, const char *subject, const json_t *data,
                       struct problems *problems) {
    char *text = json_dumps(data, JSON_COMPACT);
    if (!text)
        abort();
    bool ok = add_counted(j, subject, data, text, problems);
    free(text);
    return ok;
}

static bool is_repeated(struct job *j, const char *key, const char *id, size_t line) {
    size_t first = (size_t)(uintptr_t)strmap_get(&j->seen, key);
    if (!first) {
        strmap_set(&j->seen, key, (void *)(uintptr_t)line);
        return false;
    }
    char zh[64];
    char en[64];
    snprintf(zh, sizeof zh, "与第 %zu 行重复", first);
    snprintf(en, sizeof en, "repeats line %zu", first);
    say(j, line, j->id_column, id, zh, en);
    return true;
}

static void plain_row(struct job *j, const struct sheet_row *r) {
    const char *id = r->cells[j->id_column];
    bool ok = !j->sheet.sheet->unique || !*id || !is_repeated(j, id, id, r->line);
    struct problems problems = {0};
    json_t *data = data_of(j, r);
    if (!add_record(j, id, data, &problems)) {
        say_problems(j, r, &problems);
        ok = false;
    }
    look_up_village(j, id, r->line);
    json_decref(data);
    problems_fini(&problems);
    j->bad += !ok;
}

/* ---- rows that are one id of a frozen list */

static struct group *group_of(struct job *j, const char *list, const char *id) {
    char village[16];
    snprintf(village, sizeof village, "%.12s", id);
    for (size_t i = j->group_count; i; i--) {
        struct group *g = j->groups[i - 1];
        if (strcmp(g->list, list) == 0 && strcmp(g->village, village) == 0)
            return g;
    }
    if (j->group_count == j->group_capacity) {
        j->group_capacity = j->group_capacity ? j->group_capacity * 2 : 64;
        j->groups = realloc(j->groups, j->group_capacity * sizeof *j->groups);
        if (!j->groups)
            abort();
    }
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    snprintf(g->list, sizeof g->list, "%s", list);
    snprintf(g->village, sizeof g->village, "%s", village);
    g->ids = json_array();
    j->groups[j->group_count++] = g;
    return g;
}

static void list_row(struct job *j, const struct sheet_row *r) {
    const char *id = r->cells[j->id_column];
    const char *list = "";
    size_t list_column = j->column_count;
    for (size_t i = 0; i < j->column_count; i++)
        if (j->columns[i].name && strcmp(j->columns[i].name, "list") == 0) {
            list = r->cells[i];
            list_column = i;
        }
    if (!*list || !*id || strlen(list) > 40) {
        say(j, r->line, *id ? list_column : j->id_column, *id ? list : id, "不能为空,也不能太长",
            "is missing or too long");
        j->bad++;
        return;
    }
    char key[512];
    snprintf(key, sizeof key, "%s %.400s", list, id);
    if (is_repeated(j, key, id, r->line)) {
        j->bad++;
        return;
    }
    look_up_village(j, id, r->line);
    struct group *g = group_of(j, list, id);
    size_t count = json_array_size(g->ids);
    if (count == g->capacity) {
        g->capacity = g->capacity ? g->capacity * 2 : 64;
        g->lines = realloc(g->lines, g->capacity * sizeof *g->lines);
        if (!g->lines)
            abort();
    }
    g->lines[count] = r->line;
    json_array_append_new(g->ids, json_string(id));
}

/* Stores ids, an array that is taken over, as the list g of its village; if they do not fit, says
 * why, as of a line. */
static bool add_ids(struct job *j, const struct group *g, json_t *ids, size_t line) {
    struct problems problems = {0};
    json_t *data = json_pack("{s:s,s:o}", "list", g->list, j->sheet.sheet->collected, ids);
    bool ok = add_record(j, g->village, data, &problems);
    for (size_t i = 0; line && i < problems.count; i++) {
        const struct problem *p = &problems.list[i];
        bool list = strstr(p->path, "list") != NULL;
        say(j, line, list ? column_of(j, p->path) : j->id_column,
            list ? g->list : json_string_value(json_array_get(ids, 0)), p->zh, p->en);
    }
    json_decref(data);
    problems_fini(&problems);
    return ok;
}

/* A record says only so much that is wrong with it: of one that does not fit each row is tried
 * alone, and if each fits, it is the list as a whole. Nothing of it stays then. */
static void add_group(struct job *j, const struct group *g) {
    if (add_ids(j, g, json_incref(g->ids), 0) || j->broken)
        return;
    size_t bad = j->bad;
    for (size_t i = 0; !j->broken && i < json_array_size(g->ids); i++)
        j->bad += !add_ids(j, g, json_pack("[O]", json_array_get(g->ids, i)), g->lines[i]);
    if (j->bad == bad && !add_ids(j, g, json_incref(g->ids), g->lines[0]))
        j->bad++;
}

/* ---- the file */

static bool on_row(void *ctx, const struct sheet_row *r) {
    struct job *j = ctx;
    if (j->column_count == 0)
        return read_header(j, r);
    size_t filled = filled_cells(r);
    if (filled == 0)
        return true;
    j->rows++;
    if (filled > j->column_count) {
        say_excess(j, r);
        j->bad++;
    } else if (j->sheet.sheet->collected) {
        list_row(j, r);
    } else {
        plain_row(j, r);
    }
    if (j->rows % PROGRESS_EVERY == 0 || r->read == r->size)
        app_progress(j->sheet.sheet->kind, r->read, r->size);
    return !j->broken;
}

static bool read_all(struct job *j, struct err *e) {
    bool ok = sheet_read(&j->source, on_row, j, e);
    for (size_t i = 0; ok && !j->broken && i < j->group_count; i++)
        add_group(j, j->groups[i]);
    if (ok && j->column_count == 0)
        ok = err_set(e, ERR_INVALID, "%s: the file is empty", j->source.path);
    return ok;
}

/* Records of lists hold many rows each. */
static void print_summary(const struct job *j) {
    printf(j->dry_run
               ? "%zu 行无误,未写入;将新增 %zu、修改 %zu、不变 %zu / %zu rows are right, "
                 "nothing stored; would add %zu, change %zu, leave %zu\n"
               : "已导入 %zu 行:新增 %zu、修改 %zu、不变 %zu / %zu rows imported: %zu added, "
                 "%zu changed, %zu the same\n",
           j->rows, j->added, j->changed, j->same, j->rows, j->added, j->changed, j->same);
}

static void print_json(const struct job *j, bool stored) {
    printf("{\"rows\":%zu,\"records\":%zu,\"bad\":%zu,\"added\":%zu,\"changed\":%zu,\"same\":%zu,"
           "\"encoding\":\"%s\",\"workbook\":%s}\n",
           j->rows, stored ? j->records : 0, j->bad, j->added, j->changed, j->same,
           j->source.encoding, j->source.workbook ? "true" : "false");
}

static int finish(struct job *j, bool read, struct err *e) {
    bool store = read && j->bad == 0 && !j->broken && !j->dry_run;
    if (store || j->broken)
        read = import_commit(j->import, e) && read;
    else
        import_rollback(j->import);
    if (!read)
        return app_fail(j->app, e);
    if (j->app->json)
        print_json(j, store);
    else if (j->bad == 0)
        print_summary(j);
    if (j->bad)
        fprintf(stderr,
                "zoufang import: %zu 行有误,未写入任何数据 / %zu bad rows, nothing stored\n",
                j->bad, j->bad);
    return j->bad ? 1 : 0;
}

static void free_job(struct job *j) {
    for (size_t i = 0; i < j->group_count; i++) {
        json_decref(j->groups[i]->ids);
        free(j->groups[i]->lines);
        free(j->groups[i]);
    }
    free(j->groups);
    for (size_t i = 0; i < j->column_count; i++)
        free(j->columns[i].header);
    strmap_clear(&j->seen, NULL);
    strmap_clear(&j->villages, NULL);
    sheet_source_close(&j->source);
    sheet_form_fini(&j->sheet);
}

static int run(struct job *j, const struct sheet *sheet) {
    int status = 3;
    struct err e = {0};
    struct core *core = app_open_core(j->app, &status);
    if (!core) {
        sheet_source_close(&j->source);
        return status;
    }
    j->core = core;
    j->start_ms = clock_wall_ms(&j->app->clock);
    bool ok = sheet_form_init(&j->sheet, sheet, core->catalog, &e);
    j->sheet.serial_dates = j->source.workbook;
    if (!ok || !(j->import = import_begin(core, &e)))
        status = app_fail(j->app, &e);
    else
        status = finish(j, read_all(j, &e), &e);
    free_job(j);
    core_close(core);
    return status;
}

/* Opens the file before the county: it says first what is wrong with it. */
static int import_file(struct job *j, const struct sheet *sheet, const char *path,
                       const char *encoding, const char *page) {
    struct err e = {0};
    if (!app_check_county(j->app, &e) || !sheet_source_open(&j->source, path, encoding, page, &e))
        return app_fail(j->app, &e);
    fprintf(stderr,
            j->source.workbook ? "%s: Excel 工作表 / a workbook\n" : "%s: %s 编码 / read as %s\n",
            path, j->source.encoding, j->source.encoding);
    return run(j, sheet);
}

/* ---- an empty table */

static bool put_header(void *ctx, const char *header) {
    bool *first = ctx;
    if (!*first)
        putchar(',');
    *first = false;
    csv_fwrite(stdout, header, strlen(header));
    return !ferror(stdout);
}

/* Needs no county. */
static int print_template(struct app *a, const struct sheet *sheet) {
    struct err e = {0};
    struct sheet_form form = {0};
    bool first = true;
    struct form_catalog *catalog =
        app_check_schema(a, &e) ? form_catalog_load(a->schema_dir, &e) : NULL;
    bool ok = catalog && sheet_form_init(&form, sheet, catalog, &e);
    if (ok) {
        fputs("\xef\xbb\xbf", stdout);
        sheet_headers(&form, put_header, &first);
        fputs("\r\n", stdout);
    }
    sheet_form_fini(&form);
    form_catalog_destroy(catalog);
    return ok ? 0 : app_fail(a, &e);
}

int cmd_import(struct app *a) {
    struct job j = {.app = a};
    const char *kind = NULL;
    const char *path = NULL;
    const char *encoding = NULL;
    const char *page = NULL;
    bool template = false;
    const struct option options[] = {
        {.name = "--dry-run", .type = OPTION_FLAG, .value = &j.dry_run},
        {.name = "--template", .type = OPTION_FLAG, .value = &template},
        {.name = "--sheet", .type = OPTION_TEXT, .value = &page},
        {.name = "--encoding", .type = OPTION_TEXT, .value = &encoding, .choices = "utf-8|gb18030"},
        {0}};
    const struct argument arguments[] = {
        {.name = "KIND", .value = &kind}, {.name = "FILE", .value = &path, .optional = true}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    const struct sheet *sheet = sheet_find(kind);
    if (sheet && template)
        return path ? app_usage(a, "--template needs no FILE") : print_template(a, sheet);
    if (!path)
        return app_usage(a, "FILE is missing");
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    if (!sheet)
        return app_usage(a, "KIND '%s': the kinds are %s", kind, sheet_kinds());
    return import_file(&j, sheet, path, encoding, page);
}
