#include "sheet_read.h"

#include "buf.h"

#include <csv.h>
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct sheet_source *source;
    bool (*row)(void *ctx, const struct sheet_row *r);
    void *ctx;
    struct csv_parser csv;
    iconv_t iconv;
    struct buf text;  /* of the line, converted */
    struct buf cells; /* of the row, each with its NUL */
    size_t starts[SHEET_COLUMNS_MAX];
    size_t count; /* cells seen, may be more than there is room for */
    size_t line, rows, row_line, bytes;
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

/* Bytes of a blank that a spreadsheet may have left at p: the wide one, the unbreakable one. */
static size_t wide_blank(const char *p) {
    return strncmp(p, "\xe3\x80\x80", 3) == 0 ? 3 : strncmp(p, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

/* Bytes of the character at p that is, or has, an ASCII form, written to *ret; 0: another. */
static size_t narrow_form(const char *p, char *ret) {
    const unsigned char *u = (const unsigned char *)p;
    *ret = *p;
    if (u[0] < 0x80)
        return 1;
    if (wide_blank(p)) {
        *ret = ' ';
        return wide_blank(p);
    }
    if (u[0] != 0xef || (u[1] != 0xbc && u[1] != 0xbd) || (u[1] == 0xbc && u[2] == 0x80) ||
        (u[1] == 0xbd && u[2] > 0x9e))
        return 0;
    *ret = (char)(u[1] == 0xbc ? u[2] - 0x60 : u[2] - 0x20);
    return 3;
}

/* Cuts wide blanks off the ends. A cell of full-width letters, digits and signs only, such as a
 * number written with a Chinese input method, becomes ASCII; a text stays as it is. */
static char *clean(char *cell) {
    char c;
    size_t n;
    while ((n = wide_blank(cell)))
        cell += n;
    size_t size = strlen(cell);
    while ((size >= 3 && wide_blank(cell + size - 3) == 3) ||
           (size >= 2 && wide_blank(cell + size - 2) == 2))
        size -= wide_blank(cell + size - 2) == 2 ? 2 : 3;
    cell[size] = '\0';
    const char *p = cell;
    while (*p && (n = narrow_form(p, &c)))
        p += n;
    if (*p)
        return cell;
    char *out = cell;
    for (p = cell; *p; p += n) {
        n = narrow_form(p, &c);
        *out++ = c;
    }
    *out = '\0';
    return cell;
}

static void on_row(int end, void *ctx) {
    (void)end;
    struct reader *r = ctx;
    static char none[] = "";
    char *cells[SHEET_COLUMNS_MAX];
    if (r->count > SHEET_COLUMNS_MAX || r->cells.failed) {
        err_set(r->e, ERR_INVALID, "%s: line %zu: the row is too long", r->source->path,
                r->row_line);
        r->stopped = true;
    }
    if (!r->stopped) {
        for (size_t i = 0; i < SHEET_COLUMNS_MAX; i++)
            cells[i] = i < r->count ? clean(r->cells.data + r->starts[i]) : none;
        struct sheet_row row = {r->row_line, cells, r->count, r->bytes, r->source->size};
        r->stopped = !r->row(r->ctx, &row);
    }
    buf_clear(&r->cells);
    r->count = 0;
}

/* The encodings never have a newline byte within a character, so lines convert alone. */
static bool convert(struct reader *r, char *line, size_t size) {
    buf_clear(&r->text);
    char *out = buf_reserve(&r->text, size * 2 + 16);
    if (!out)
        return err_set(r->e, ERR_LIMIT, "no memory");
    size_t room = size * 2 + 16;
    size_t left = room;
    iconv(r->iconv, NULL, NULL, NULL, NULL);
    if (iconv(r->iconv, &line, &size, &out, &left) == (size_t)-1)
        return err_set(r->e, ERR_INVALID, "%s: line %zu is not %s", r->source->path, r->line,
                       r->source->encoding);
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
    if (r->csv.pstate == 0) { /* between rows */
        r->rows++;
        r->row_line = r->source->workbook ? r->rows : r->line;
    }
    if (csv_parse(&r->csv, text, size, on_cell, on_row, r) != size)
        return err_set(r->e, ERR_INVALID,
                       "%s: line %zu, column %zu: 引号位置有误,其后未读 / a quote out of place; "
                       "nothing after it was read",
                       r->source->path, r->line, r->count + 1);
    return true;
}

static bool read_lines(struct reader *r, FILE *f) {
    char *line = NULL;
    size_t capacity = 0;
    bool ok = true;
    while (ok && !r->stopped) {
        ssize_t size = sheet_source_line(f, &line, &capacity);
        if (size < 0)
            break;
        r->line++;
        r->bytes += (size_t)size;
        if ((size_t)size > SHEET_LINE_SIZE_MAX)
            ok = err_set(r->e, ERR_INVALID, "%s: line %zu is too long", r->source->path, r->line);
        ok = ok && convert(r, line, (size_t)size) && parse(r);
    }
    free(line);
    if (ok && ferror(f))
        ok = err_set(r->e, ERR_IO, "%s: %s", r->source->path, strerror(errno));
    if (ok && !r->stopped && csv_fini(&r->csv, on_cell, on_row, r) != 0)
        ok =
            err_set(r->e, ERR_INVALID,
                    "%s: line %zu, column %zu: 单元格的引号没有结束,其后未读 / the quote of a cell "
                    "is not closed; nothing after it was read",
                    r->source->path, r->row_line, r->count + 1);
    return ok && !err_is_set(r->e);
}

bool sheet_read(const struct sheet_source *source,
                bool (*row)(void *ctx, const struct sheet_row *r), void *ctx, struct err *e) {
    struct reader r = {.source = source, .row = row, .ctx = ctx, .e = e};
    r.iconv = iconv_open("UTF-8", source->encoding);
    if (r.iconv == (iconv_t)-1)
        return err_set(e, ERR_USAGE, "%s: unknown encoding", source->encoding);
    bool ok =
        csv_init(&r.csv, CSV_STRICT | CSV_STRICT_FINI) == 0 || err_set(e, ERR_LIMIT, "no memory");
    if (ok) {
        buf_init(&r.text, 4u * SHEET_LINE_SIZE_MAX);
        buf_init(&r.cells, SHEET_LINE_SIZE_MAX);
        ok = read_lines(&r, source->file);
        buf_fini(&r.text);
        buf_fini(&r.cells);
        csv_free(&r.csv);
    }
    iconv_close(r.iconv);
    return ok;
}
