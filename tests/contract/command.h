/* Runs the program as people do, and looks at what it left. */
#ifndef TEST_COMMAND_H
#define TEST_COMMAND_H

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PROGRAM BUILD_DIR "/zoufang"

/* `zoufang ARGUMENTS` with the schema of the sources. Keeps both outputs, returns the exit status.
 */
static int run_in(char *output, size_t size, const char *format, va_list ap) {
    char arguments[2048];
    char command[4096];
    vsnprintf(arguments, sizeof arguments, format, ap);
    snprintf(command, sizeof command, "ZOUFANG_SCHEMA=%s/schema %s %s 2>&1", SOURCE_DIR, PROGRAM,
             arguments);
    FILE *p = popen(command, "r");
    cr_assert_not_null(p);
    size_t got = fread(output, 1, size - 1, p);
    output[got] = '\0';
    char rest[4096];
    while (fread(rest, 1, sizeof rest, p) > 0)
        ;
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char output[1 << 20];

__attribute__((format(printf, 1, 2))) static inline int run(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int status = run_in(output, sizeof output, format, ap);
    va_end(ap);
    return status;
}

static inline sqlite3 *open_county(const char *dir) {
    char path[256];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/zoufang.db", dir);
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK, "%s", path);
    return db;
}

static inline long long ask(sqlite3 *db, const char *sql) {
    sqlite3_stmt *q = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK, "%s: %s", sql,
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(q), SQLITE_ROW, "%s", sql);
    long long value = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return value;
}

static inline void make_dir(char dir[64]) {
    strcpy(dir, "/tmp/zoufang-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static inline void remove_dir(const char *dir) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

static inline void write_file(const char *dir, const char *name, const char *text, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, size, f), size);
    fclose(f);
}

#endif
