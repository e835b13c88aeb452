#include "sheet_source.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- lines */

ssize_t sheet_source_line(FILE *f, char **line, size_t *capacity) {
    size_t size = 0;
    int last = 0;
    while (last != '\n') {
        int c = getc_unlocked(f);
        if (last == '\r' && c != '\n')
            ungetc(c, f); /* does nothing at the end */
        if (c == EOF || (last == '\r' && c != '\n'))
            break;
        if (size == *capacity) {
            *capacity = size ? size * 2 : 256;
            *line = realloc(*line, *capacity);
            if (!*line)
                abort();
        }
        (*line)[size++] = (char)c;
        last = c;
    }
    return size ? (ssize_t)size : -1;
}

/* ---- encodings */

/* Where a file is not in an encoding. */
struct spot {
    size_t line, byte; /* from 1 */
    size_t column;     /* of the table, from 1 */
};

/* The column of a table that a byte of a line lies in, if the line begins a row. */
static size_t column_at(const char *line, size_t byte) {
    size_t column = 1;
    bool quoted = false;
    for (size_t i = 0; i < byte; i++) {
        quoted ^= line[i] == '"';
        column += line[i] == ',' && !quoted;
    }
    return column;
}

/* The bytes of the line that are good. No character of either encoding has a newline within. */
static size_t good_bytes(iconv_t cd, char *line, size_t size) {
    char out[4096];
    char *from = line;
    size_t left = size;
    const char *zero = memchr(line, '\0', size);
    iconv(cd, NULL, NULL, NULL, NULL);
    while (left) {
        char *to = out;
        size_t room = sizeof out;
        if (iconv(cd, &from, &left, &to, &room) == (size_t)-1 && errno != E2BIG)
            break;
    }
    return zero && zero < from ? (size_t)(zero - line) : size - left;
}

/* Whether all of the file is in the encoding; if not, where it is not. */
static bool is_in(FILE *f, const char *encoding, struct spot *ret) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    bool good = true;
    iconv_t cd = iconv_open("UTF-8", encoding);
    *ret = (struct spot){0};
    rewind(f);
    while (good && cd != (iconv_t)-1 && (size = sheet_source_line(f, &line, &capacity)) > 0) {
        size_t bytes = good_bytes(cd, line, (size_t)size);
        good = bytes == (size_t)size;
        ret->line++;
        ret->byte = bytes + 1;
        ret->column = good ? 0 : column_at(line, bytes);
    }
    free(line);
    if (cd != (iconv_t)-1)
        iconv_close(cd);
    rewind(f);
    return good && cd != (iconv_t)-1;
}

static bool choose_encoding(struct sheet_source *s, const char *wanted, struct err *e) {
    static const char *const encodings[] = {"utf-8", "gb18030"};
    struct spot spots[2];
    size_t far = 0;
    for (size_t i = 0; i < 2; i++) {
        s->encoding = encodings[i];
        if (wanted && strcmp(wanted, s->encoding) != 0)
            spots[i] = (struct spot){0};
        else if (is_in(s->file, s->encoding, &spots[i]))
            return true;
        far = spots[i].line > spots[far].line ? i : far;
    }
    const struct spot *at = &spots[far];
    return err_set(e, ERR_INVALID,
                   "%s: line %zu, column %zu (byte %zu of the line): 不是%s编码 / is not %s",
                   s->path, at->line, at->column, at->byte,
                   !wanted                          ? " UTF-8 或 GB18030 "
                   : strcmp(wanted, "gb18030") == 0 ? " GB18030 "
                                                    : " UTF-8 ",
                   !wanted                          ? "UTF-8 nor GB18030"
                   : strcmp(wanted, "gb18030") == 0 ? "GB18030; try without --encoding"
                                                    : "UTF-8; try --encoding gb18030");
}

/* ---- workbooks */

static bool is_number(const char *text) {
    return text[strspn(text, "0123456789")] == '\0';
}

/* What the program said, one line: of a traceback the last, else the first. */
static void read_complaint(FILE *f, char *out, size_t size) {
    char line[256];
    bool trace = false;
    snprintf(out, size, "xlsx2csv failed");
    rewind(f);
    for (bool first = true; fgets(line, sizeof line, f); first = false) {
        line[strcspn(line, "\r\n")] = '\0';
        trace |= first && strncmp(line, "Traceback", 9) == 0;
        if (*line && (first || trace))
            snprintf(out, size, "%s", line);
    }
}

static int start(const struct sheet_source *s, const char *sheet, FILE *out, FILE *complaint,
                 pid_t *ret) {
    posix_spawn_file_actions_t files;
    const char *by = sheet && !is_number(sheet) ? "-n" : "-s";
    const char *const argv[] = {"xlsx2csv",          "-c", "utf-8", "-f", "%Y-%m-%d", by,
                                sheet ? sheet : "1", "--", s->path, NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&files, fileno(out), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(complaint), STDERR_FILENO);
    int rc = posix_spawnp(ret, argv[0], &files, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Runs xlsx2csv; it says what is wrong on standard error, sometimes with the exit status 0. */
static bool run(const struct sheet_source *s, const char *sheet, FILE *out, FILE *complaint,
                struct err *e) {
    pid_t pid;
    int status = 0;
    struct stat wrote;
    struct stat said;
    char text[256];
    int rc = start(s, sheet, out, complaint, &pid);
    if (rc == ENOENT)
        return err_set(e, ERR_IO,
                       "%s: 读取 Excel 文件需要安装 xlsx2csv,或另存为 CSV / a workbook needs the "
                       "program xlsx2csv (apt-get install xlsx2csv), or save it as CSV",
                       s->path);
    if (rc != 0)
        return err_set(e, ERR_IO, "xlsx2csv: %s", strerror(rc));
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return err_set(e, ERR_IO, "xlsx2csv: %s", strerror(errno));
    }
    if (fstat(fileno(out), &wrote) != 0 || fstat(fileno(complaint), &said) != 0)
        return err_set(e, ERR_IO, "%s: %s", s->path, strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && (wrote.st_size || !said.st_size))
        return true;
    read_complaint(complaint, text, sizeof text);
    return err_set(e, ERR_INVALID, "%s: Excel 文件无法读取 / the workbook cannot be read: %s",
                   s->path, text);
}

/* Puts what xlsx2csv makes of the file in its place. */
static bool convert(struct sheet_source *s, const char *sheet, struct err *e) {
    FILE *out = tmpfile();
    FILE *complaint = tmpfile();
    bool ok = (out && complaint) || err_set(e, ERR_IO, "a temporary file: %s", strerror(errno));
    ok = ok && run(s, sheet, out, complaint, e);
    if (complaint)
        fclose(complaint);
    if (!ok) {
        if (out)
            fclose(out);
        return false;
    }
    fclose(s->file);
    s->file = out;
    s->workbook = true;
    return true;
}

/* ---- the file */

static bool open_file(struct sheet_source *s, struct err *e) {
    struct stat st;
    s->file = fopen(s->path, "rb");
    if (!s->file || fstat(fileno(s->file), &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", s->path, strerror(errno));
    return !S_ISDIR(st.st_mode) || err_set(e, ERR_IO, "%s: %s", s->path, strerror(EISDIR));
}

static bool look(struct sheet_source *s, const char *encoding, const char *sheet, struct err *e) {
    char head[8] = "";
    struct stat st;
    size_t size = fread(head, 1, sizeof head, s->file);
    if (size >= 4 && memcmp(head, "PK\3\4", 4) == 0) {
        if (!convert(s, sheet, e))
            return false;
    } else if (size == 8 && memcmp(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) == 0) {
        return err_set(
            e, ERR_INVALID,
            "%s: 旧版 Excel 文件,请另存为 .xlsx 或 CSV / an older kind of workbook: save it "
            "as .xlsx or CSV",
            s->path);
    } else if (size >= 2 &&
               (memcmp(head, "\xff\xfe", 2) == 0 || memcmp(head, "\xfe\xff", 2) == 0)) {
        return err_set(e, ERR_INVALID,
                       "%s: UTF-16 编码,请另存为 CSV UTF-8 / is UTF-16: save it as "
                       "CSV UTF-8",
                       s->path);
    } else if (sheet) {
        return err_set(e, ERR_INVALID, "%s: 不是 Excel 文件 / --sheet is for workbooks (.xlsx)",
                       s->path);
    }
    if (!choose_encoding(s, s->workbook ? "utf-8" : encoding, e))
        return false;
    s->size = fstat(fileno(s->file), &st) == 0 ? (size_t)st.st_size : 0;
    return true;
}

bool sheet_source_open(struct sheet_source *s, const char *path, const char *encoding,
                       const char *sheet, struct err *e) {
    *s = (struct sheet_source){.path = path};
    if (open_file(s, e) && look(s, encoding, sheet, e))
        return true;
    sheet_source_close(s);
    return false;
}

void sheet_source_close(struct sheet_source *s) {
    if (s->file)
        fclose(s->file);
    s->file = NULL;
}
