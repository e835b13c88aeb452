#include "report.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (1u << 20)

static char *read_file(const char *path, struct err *e) {
    FILE *f = fopen(path, "rb");
    char *text = malloc(FILE_SIZE_MAX + 1);
    size_t size = f && text ? fread(text, 1, FILE_SIZE_MAX + 1, f) : 0;
    if (!f || !text || ferror(f))
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    else if (size > FILE_SIZE_MAX)
        err_set(e, ERR_USAGE, "%s: is too large", path);
    if (f)
        fclose(f);
    if (err_is_set(e) || !text) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

bool report_read(const char *schema_dir, const char *folder, const char *name, struct report *ret,
                 struct err *e) {
    *ret = (struct report){0};
    snprintf(ret->path, sizeof ret->path, "%.512s/%s/%s.sql", schema_dir, folder, name);
    ret->rest = ret->text = read_file(ret->path, e);
    return ret->text != NULL;
}

void report_fini(struct report *r) {
    free(r->text);
    r->text = NULL;
}

/* Where the value of a header line begins; NULL if there is no such line. */
static const char *find_header(const struct report *r, const char *key) {
    size_t key_size = strlen(key);
    for (const char *p = r->text; p && strncmp(p, "-- ", 3) == 0;) {
        size_t line = strcspn(p, "\n");
        if (line > key_size + 4 && strncmp(p + 3, key, key_size) == 0 && p[3 + key_size] == ':')
            return p + 4 + key_size;
        p = p[line] ? p + line + 1 : NULL;
    }
    return NULL;
}

bool report_header(const struct report *r, const char *key, char *out, size_t size, struct err *e) {
    const char *value = find_header(r, key);
    *out = '\0';
    if (!value)
        return false;
    value += strspn(value, " ");
    size_t length = strcspn(value, "\n");
    while (length && isspace((unsigned char)value[length - 1]))
        length--;
    if (length >= size)
        return err_set(e, ERR_USAGE, "%s: '-- %s:' has more than %zu bytes", r->path, key,
                       size - 1);
    snprintf(out, size, "%.*s", (int)length, value);
    return true;
}

sqlite3_stmt *report_next(struct report *r, sqlite3 *db, struct err *e) {
    sqlite3_stmt *q = NULL;
    while (*r->rest && !q) {
        if (sqlite3_prepare_v2(db, r->rest, -1, &q, &r->rest) != SQLITE_OK) {
            err_set(e, ERR_USAGE, "%s: %s", r->path, sqlite3_errmsg(db));
            return NULL;
        }
    }
    if (q && (!sqlite3_stmt_readonly(q) || sqlite3_column_count(q) == 0)) {
        sqlite3_finalize(q);
        err_set(e, ERR_USAGE, "%s: only SELECT is allowed", r->path);
        return NULL;
    }
    return q;
}

bool report_ended(struct report *r, sqlite3 *db, struct err *e) {
    sqlite3_stmt *q = report_next(r, db, e);
    sqlite3_finalize(q);
    if (q)
        err_set(e, ERR_USAGE, "%s: has too many SELECTs", r->path);
    return !err_is_set(e);
}

/* ---- folders */

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

static bool is_report(const char *name) {
    size_t size = strlen(name);
    return size > 4 && *name != '.' && strcmp(name + size - 4, ".sql") == 0;
}

size_t report_names(const char *schema_dir, const char *folder,
                    char ret[REPORT_FILES_MAX][REPORT_NAME_SIZE], struct err *e) {
    char path[1024];
    size_t count = 0;
    const struct dirent *entry;
    snprintf(path, sizeof path, "%.512s/%s", schema_dir, folder);
    DIR *dir = opendir(path);
    if (!dir)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    while (dir && !err_is_set(e) && (entry = readdir(dir))) {
        size_t size = strlen(entry->d_name) - 4;
        if (!is_report(entry->d_name))
            continue;
        if (size >= REPORT_NAME_SIZE)
            err_set(e, ERR_USAGE, "%s/%s: the name is too long", path, entry->d_name);
        else if (count == REPORT_FILES_MAX)
            err_set(e, ERR_USAGE, "%s: there are more than %d files", path, REPORT_FILES_MAX);
        else
            snprintf(ret[count++], REPORT_NAME_SIZE, "%.*s", (int)size, entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (!count && !err_is_set(e))
        err_set(e, ERR_USAGE, "%s: there are no files", path);
    qsort(ret, count, REPORT_NAME_SIZE, compare);
    return err_is_set(e) ? 0 : count;
}

/* ---- codes */

bool report_exec(sqlite3 *db, const char *sql, struct err *e) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           err_set(e, ERR_IO, "%s", sqlite3_errmsg(db));
}

bool report_codes(sqlite3 *db, const char *schema_dir, struct err *e) {
    static const char create[] =
        "CREATE TEMP TABLE IF NOT EXISTS code("
        "list TEXT NOT NULL, code TEXT NOT NULL, zh TEXT NOT NULL, PRIMARY KEY(list, code));"
        "DELETE FROM temp.code";
    static const char fill[] = "INSERT INTO temp.code SELECT l.key, c.key, c.value ->> '$.zh' "
                               "FROM json_each(?1) l, json_each(l.value) c";
    char path[1024];
    sqlite3_stmt *q = NULL;
    snprintf(path, sizeof path, "%.512s/codes.json", schema_dir);
    char *text = read_file(path, e);
    bool ok = text && report_exec(db, create, e);
    if (ok && (sqlite3_prepare_v2(db, fill, -1, &q, NULL) != SQLITE_OK ||
               sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC) != SQLITE_OK ||
               sqlite3_step(q) != SQLITE_DONE))
        ok = err_set(e, ERR_USAGE, "%s: %s", path, sqlite3_errmsg(db));
    sqlite3_finalize(q);
    free(text);
    return ok;
}
