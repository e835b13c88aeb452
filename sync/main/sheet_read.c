#include "sheet_read.h"

#include "buf.h"

#include <csv.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reader {
    const char *path, *encoding;
    bool (*row)(void *ctx, const struct sheet_row *r);
    void *ctx;
    struct csv_parser csv;
    iconv_t iconv;
    struct buf text;  /* of the line, converted */
    struct buf cells; /* of the row, each with its NUL */
    size_t starts[SHEET_COLUMNS_MAX];
    size_t count; /* cells seen, may be more than there is room for */
    size_t line, row_line, bytes, size;
    bool stopped;
    struct err *e;
};

static void on_cell(void *text, size_t size, void *ctx) {
    struct reader *r = ctx;
    if (r->count < SHEET_COLUMNS_MAX) {
        r->starts[r->count] = r->cells.size;
        buf_add(&r->cells, text ? text : "", text ? size : 0);
        buf_add(&r->cells, "", 1);
    }
    r->count++;
}

static void on_row(int end, void *ctx) {
    (void)end;
    struct reader *r = ctx;
    char *cells[SHEET_COLUMNS_MAX];
    if (r->count > SHEET_COLUMNS_MAX || r->cells.failed) {
        err_set(r->e, ERR_INVALID, "%s: line %zu: the row is too long", r->path, r->row_line);
        r->stopped = true;
    }
    if (!r->stopped) {
        for (size_t i = 0; i < r->count; i++)
            cells[i] = r->cells.data + r->starts[i];
        struct sheet_row row = {r->row_line, cells, r->count, r->bytes, r->size};
        r->stopped = !r->row(r->ctx, &row);
    }
    buf_clear(&r->cells);
    r->count = 0;
}

/* The encodings allowed never have a newline byte within a character, so lines convert alone. */
static bool convert(struct reader *r, char *line, size_t size) {
    buf_clear(&r->text);
    char *out = buf_reserve(&r->text, size * 2 + 16);
    if (!out)
        return err_set(r->e, ERR_LIMIT, "no memory");
    size_t room = size * 2 + 16;
    size_t left = room;
    iconv(r->iconv, NULL, NULL, NULL, NULL);
    if (memchr(line, '\0', size) || iconv(r->iconv, &line, &size, &out, &left) == (size_t)-1)
        return err_set(r->e, ERR_INVALID, "%s: line %zu is not %s; try --encoding %s", r->path,
                       r->line, r->encoding,
                       strcmp(r->encoding, "utf-8") == 0 ? "gb18030" : "utf-8");
    r->text.size = room - left;
    return true;
}

static bool parse(struct reader *r) {
    const char *text = r->text.data;
    size_t size = r->text.size;
    if (r->line == 1 && size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (r->csv.pstate == 0) /* between rows */
        r->row_line = r->line;
    if (csv_parse(&r->csv, text, size, on_cell, on_row, r) != size)
        return err_set(r->e, ERR_INVALID, "%s: line %zu: a quote out of place", r->path, r->line);
    return true;
}

static bool read_lines(struct reader *r, FILE *f) {
    char *line = NULL;
    size_t capacity = 0;
    bool ok = true;
    while (ok && !r->stopped) {
        ssize_t size = getline(&line, &capacity, f);
        if (size < 0)
            break;
        r->line++;
        r->bytes += (size_t)size;
        if ((size_t)size > SHEET_LINE_SIZE_MAX)
            ok = err_set(r->e, ERR_INVALID, "%s: line %zu is too long", r->path, r->line);
        ok = ok && convert(r, line, (size_t)size) && parse(r);
    }
    free(line);
    if (ok && ferror(f))
        ok = err_set(r->e, ERR_IO, "%s: %s", r->path, strerror(errno));
    if (ok && !r->stopped && csv_fini(&r->csv, on_cell, on_row, r) != 0)
        ok = err_set(r->e, ERR_INVALID, "%s: line %zu: the quote of a cell is not closed", r->path,
                     r->row_line);
    return ok && !err_is_set(r->e);
}

bool sheet_read(const char *path, const char *encoding,
                bool (*row)(void *ctx, const struct sheet_row *r), void *ctx, struct err *e) {
    struct reader r = {.path = path, .encoding = encoding, .row = row, .ctx = ctx, .e = e};
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
        err_set(e, ERR_IO, "%s: %s", path, f ? strerror(EISDIR) : strerror(errno));
        if (f)
            fclose(f);
        return false;
    }
    r.size = (size_t)st.st_size;
    r.iconv = iconv_open("UTF-8", encoding);
    bool ok = r.iconv != (iconv_t)-1 || err_set(e, ERR_USAGE, "%s: unknown encoding", encoding);
    if (ok && csv_init(&r.csv, CSV_STRICT | CSV_STRICT_FINI) != 0)
        ok = err_set(e, ERR_LIMIT, "no memory");
    if (ok) {
        buf_init(&r.text, 4u * SHEET_LINE_SIZE_MAX);
        buf_init(&r.cells, SHEET_LINE_SIZE_MAX);
        ok = read_lines(&r, f);
        buf_fini(&r.text);
        buf_fini(&r.cells);
        csv_free(&r.csv);
        iconv_close(r.iconv);
    }
    fclose(f);
    return ok;
}
