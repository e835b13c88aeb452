#include "app.h"
#include "commands.h"
#include "import.h"
#include "options.h"
#include "sheet.h"
#include "sheet_read.h"
#include "strmap.h"

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
    const char *path, *encoding;
    bool dry_run;
    struct sheet_form sheet;
    struct import *import;
    int64_t start_ms;
    struct sheet_column columns[SHEET_COLUMNS_MAX];
    size_t column_count; /* 0 until the header was read */
    size_t id_column;
    size_t rows, records, bad;
    struct strmap seen; /* id → line */
    struct group **groups;
    size_t group_count, group_capacity;
    bool broken; /* the database failed: no use going on */
};

/* ---- saying what is wrong */

static void say(struct job *j, size_t line, size_t column, const char *zh, const char *en) {
    fprintf(stderr, "%s: line %zu", j->path, line);
    if (column < j->column_count)
        fprintf(stderr, ", column %zu (%s)", column + 1, j->columns[column].header);
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

static void say_problems(struct job *j, size_t line, const struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *p = &problems->list[i];
        say(j, line, column_of(j, p->path), p->zh, p->en);
    }
    if (problems->dropped)
        fprintf(stderr, "%s: line %zu: and %zu more\n", j->path, line, problems->dropped);
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
                    j->path, i + 1, header, k + 1);
            j->bad++;
        }
    }
    if (!ok) {
        fprintf(stderr, "%s: line 1, column %zu (%s): 没有这一列 / no such column in %s\n", j->path,
                i + 1, header, j->sheet.sheet->kind);
        j->bad++;
    }
    j->columns[i] = c;
    j->column_count = i + 1;
    return ok;
}

static bool read_header(struct job *j, const struct sheet_row *r) {
    j->id_column = r->count;
    for (size_t i = 0; i < r->count; i++)
        if (add_column(j, r->cells[i], i) && j->columns[i].id)
            j->id_column = i;
    if (j->id_column == r->count) {
        fprintf(stderr, "%s: line 1: 缺少“%s”列 / the column %s is missing\n", j->path,
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
    for (size_t i = 0; i < r->count; i++) {
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

/* Stores data, or says what is wrong with it, at the line that `line_of` gives for a path. */
static bool add_record(struct job *j, const char *subject, const json_t *data,
                       struct problems *problems) {
    char *text = json_dumps(data, JSON_COMPACT);
    if (!text)
        abort();
    int64_t stamp = j->start_ms + (int64_t)(j->records / ROWS_PER_MS);
    bool ok =
        import_add(j->import, j->sheet.form->id, subject, stamp, text, strlen(text), problems);
    free(text);
    j->records += ok;
    j->broken = !ok && problems->count == 0;
    return ok;
}

static bool is_repeated(struct job *j, const char *key, size_t line) {
    size_t first = (size_t)(uintptr_t)strmap_get(&j->seen, key);
    if (!first) {
        strmap_set(&j->seen, key, (void *)(uintptr_t)line);
        return false;
    }
    char zh[64];
    char en[64];
    snprintf(zh, sizeof zh, "与第 %zu 行重复", first);
    snprintf(en, sizeof en, "repeats line %zu", first);
    say(j, line, j->id_column, zh, en);
    return true;
}

static void plain_row(struct job *j, const struct sheet_row *r) {
    const char *id = r->cells[j->id_column];
    bool ok = !j->sheet.sheet->unique || !*id || !is_repeated(j, id, r->line);
    struct problems problems = {0};
    json_t *data = data_of(j, r);
    if (!add_record(j, id, data, &problems)) {
        say_problems(j, r->line, &problems);
        ok = false;
    }
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
    for (size_t i = 0; i < r->count; i++)
        if (j->columns[i].name && strcmp(j->columns[i].name, "list") == 0) {
            list = r->cells[i];
            list_column = i;
        }
    if (!*list || !*id || strlen(list) > 40) {
        say(j, r->line, *id ? list_column : j->id_column, "不能为空", "is missing or too long");
        j->bad++;
        return;
    }
    char key[512];
    snprintf(key, sizeof key, "%s %.400s", list, id);
    if (is_repeated(j, key, r->line)) {
        j->bad++;
        return;
    }
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

static size_t line_of(const struct group *g, const char *path) {
    size_t i = 0;
    if (sscanf(path, "/data/ids/%zu", &i) != 1 || i >= json_array_size(g->ids))
        i = 0;
    return g->lines[i];
}

static void add_group(struct job *j, const struct group *g) {
    struct problems problems = {0};
    json_t *data = json_pack("{s:s,s:O}", "list", g->list, "ids", g->ids);
    size_t last = 0;
    if (!add_record(j, g->village, data, &problems))
        for (size_t i = 0; i < problems.count; i++) {
            const struct problem *p = &problems.list[i];
            size_t line = line_of(g, p->path);
            size_t column = strstr(p->path, "list") ? column_of(j, p->path) : j->id_column;
            say(j, line, column, p->zh, p->en);
            j->bad += line != last;
            last = line;
        }
    json_decref(data);
    problems_fini(&problems);
}

/* ---- the file */

static bool on_row(void *ctx, const struct sheet_row *r) {
    struct job *j = ctx;
    if (j->column_count == 0)
        return read_header(j, r);
    j->rows++;
    if (r->count != j->column_count) {
        char zh[64];
        char en[64];
        snprintf(zh, sizeof zh, "应有 %zu 列,实有 %zu 列", j->column_count, r->count);
        snprintf(en, sizeof en, "%zu cells, the header has %zu", r->count, j->column_count);
        say(j, r->line, j->column_count, zh, en);
        j->bad++;
    } else if (strcmp(j->sheet.sheet->kind, "targets") == 0) {
        list_row(j, r);
    } else {
        plain_row(j, r);
    }
    if (j->rows % PROGRESS_EVERY == 0 || r->read == r->size)
        app_progress(j->sheet.sheet->kind, r->read, r->size);
    return !j->broken;
}

static bool read_all(struct job *j, struct err *e) {
    bool ok = sheet_read(j->path, j->encoding, on_row, j, e);
    for (size_t i = 0; ok && !j->broken && i < j->group_count; i++)
        add_group(j, j->groups[i]);
    if (ok && j->column_count == 0)
        ok = err_set(e, ERR_INVALID, "%s: the file is empty", j->path);
    return ok;
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
        printf("{\"rows\":%zu,\"records\":%zu,\"bad\":%zu}\n", j->rows, store ? j->records : 0,
               j->bad);
    else if (j->bad == 0)
        printf(j->dry_run ? "%zu 行无误,未写入 / %zu rows are right, nothing stored\n"
                          : "已导入 %zu 行 / %zu rows imported\n",
               j->rows, j->rows);
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
    sheet_form_fini(&j->sheet);
}

static int run(struct job *j, const struct sheet *sheet) {
    int status = 3;
    struct err e = {0};
    struct core *core = app_open_core(j->app, &status);
    if (!core)
        return status;
    j->start_ms = clock_wall_ms(&j->app->clock);
    if (!sheet_form_init(&j->sheet, sheet, core->catalog, &e) ||
        !(j->import = import_begin(core, &e)))
        status = app_fail(j->app, &e);
    else
        status = finish(j, read_all(j, &e), &e);
    free_job(j);
    core_close(core);
    return status;
}

int cmd_import(struct app *a) {
    struct job j = {.app = a, .encoding = "utf-8"};
    const char *kind = NULL;
    const struct option options[] = {
        {.name = "--dry-run", .type = OPTION_FLAG, .value = &j.dry_run},
        {.name = "--encoding",
         .type = OPTION_TEXT,
         .value = &j.encoding,
         .choices = "utf-8|gb18030"},
        {0}};
    const struct argument arguments[] = {
        {.name = "KIND", .value = &kind}, {.name = "FILE.csv", .value = &j.path}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    const struct sheet *sheet = sheet_find(kind);
    if (!sheet)
        return app_usage(a, "KIND '%s': the kinds are %s", kind, sheet_kinds());
    return run(&j, sheet);
}
