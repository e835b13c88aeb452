#include "ledger_write.h"

#include "output.h"
#include "sheet.h"

#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xlsxwriter.h>

#define WIDTH_MAX 40 /* of a column, in digits */
#define COLUMNS_MAX 64

struct ledger_file {
    const char *path; /* NULL: standard output */
    FILE *csv;        /* into text: nothing is written before all of it is known */
    char *text;
    size_t size;
    struct output output; /* of the workbook */
    lxw_workbook *workbook;
    lxw_worksheet *sheet;
    lxw_format *title, *head;
    uint32_t row, head_row;
    uint16_t column;
    size_t tables;
    double widths[COLUMNS_MAX];
    lxw_error wrong; /* the first thing that the workbook did not take */
};

static void took(struct ledger_file *f, lxw_error code) {
    if (f->wrong == LXW_NO_ERROR)
        f->wrong = code;
}

static bool open_workbook(struct ledger_file *f, struct err *e) {
    if (!output_begin(&f->output, f->path, e))
        return false;
    f->workbook = workbook_new(f->output.to);
    if (!f->workbook)
        return err_set(e, ERR_LIMIT, "out of memory");
    f->title = workbook_add_format(f->workbook);
    format_set_bold(f->title);
    format_set_font_size(f->title, 14);
    f->head = workbook_add_format(f->workbook);
    format_set_bold(f->head);
    format_set_text_wrap(f->head);
    format_set_border(f->head, LXW_BORDER_THIN);
    format_set_align(f->head, LXW_ALIGN_VERTICAL_CENTER);
    return true;
}

struct ledger_file *ledger_file_open(const char *path, bool workbook, struct err *e) {
    struct ledger_file *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->path = path;
    if (workbook)
        open_workbook(f, e);
    else if (!(f->csv = open_memstream(&f->text, &f->size)))
        err_set(e, ERR_LIMIT, "out of memory");
    if (err_is_set(e)) {
        free(f);
        return NULL;
    }
    if (f->csv)
        fputs("\xef\xbb\xbf", f->csv);
    return f;
}

/* Chinese signs take the room of two digits. */
static double width_of(const char *text) {
    double width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) == 0x80 ? 0 : *text & 0x80 ? 2 : 1;
    return width + 1 < WIDTH_MAX ? width + 1 : WIDTH_MAX;
}

/* What a table needs when all of it is there: widths, the header kept in sight, a filter. */
static void finish_sheet(struct ledger_file *f) {
    if (!f->sheet)
        return;
    uint16_t last = 0;
    for (uint16_t i = 0; i < COLUMNS_MAX; i++) {
        if (f->widths[i] > 0) {
            worksheet_set_column(f->sheet, i, i, f->widths[i] + 1, NULL);
            last = i;
        }
    }
    worksheet_freeze_panes(f->sheet, f->head_row + 1, 0);
    worksheet_autofilter(f->sheet, f->head_row, 0, f->row > f->head_row ? f->row - 1 : f->row,
                         last);
    memset(f->widths, 0, sizeof f->widths);
}

void ledger_file_table(struct ledger_file *f, const char *name, const char *title,
                       const char *note) {
    if (f->workbook) {
        finish_sheet(f);
        took(f, workbook_validate_sheet_name(f->workbook, name));
        f->sheet = workbook_add_worksheet(f->workbook, name);
        f->row = 0;
        if (f->sheet) {
            worksheet_write_string(f->sheet, 0, 0, title, f->title);
            worksheet_write_string(f->sheet, 1, 0, note, NULL);
            worksheet_set_landscape(f->sheet);
            worksheet_set_paper(f->sheet, 9); /* A4 */
            worksheet_fit_to_pages(f->sheet, 1, 0);
            worksheet_repeat_rows(f->sheet, 2, 2);
        }
        f->head_row = f->row = 2;
        return;
    }
    if (f->tables++)
        ledger_file_row(f);
    ledger_file_text(f, title);
    ledger_file_row(f);
    ledger_file_text(f, note);
    ledger_file_row(f);
}

void ledger_file_text(struct ledger_file *f, const char *text) {
    bool formula = sheet_is_formula(text);
    if (f->sheet) { /* a string there is never a formula */
        bool head = f->row == f->head_row;
        took(f, worksheet_write_string(f->sheet, f->row, f->column, text, head ? f->head : NULL));
        if (f->column < COLUMNS_MAX)
            f->widths[f->column] = fmax(f->widths[f->column], width_of(text));
    } else if (f->csv) {
        if (f->column)
            putc(',', f->csv);
        char *guarded = malloc(strlen(text) + 2);
        if (!guarded)
            abort();
        sprintf(guarded, "%s%s", formula ? "'" : "", text);
        csv_fwrite(f->csv, guarded, strlen(guarded));
        free(guarded);
    }
    f->column++;
}

void ledger_file_number(struct ledger_file *f, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.15g", value);
    if (f->sheet) {
        took(f, worksheet_write_number(f->sheet, f->row, f->column, value, NULL));
        if (f->column < COLUMNS_MAX)
            f->widths[f->column] = fmax(f->widths[f->column], width_of(text));
    } else if (f->csv) {
        fprintf(f->csv, "%s%s", f->column ? "," : "", text);
    }
    f->column++;
}

void ledger_file_row(struct ledger_file *f) {
    if (f->csv)
        fputs("\r\n", f->csv);
    f->row++;
    f->column = 0;
}

static void close_csv(struct ledger_file *f, struct err *e) {
    if (fclose(f->csv) != 0)
        err_set(e, ERR_LIMIT, "out of memory");
    if (!err_is_set(e))
        output_write(f->path, f->text, f->size, e);
    free(f->text);
}

static void close_workbook(struct ledger_file *f, struct err *e) {
    if (!err_is_set(e) && f->wrong != LXW_NO_ERROR)
        err_set(e, ERR_LIMIT, "%s: %s", f->path, lxw_strerror(f->wrong));
    if (err_is_set(e)) {
        lxw_workbook_free(f->workbook);
        return;
    }
    finish_sheet(f);
    lxw_error code = workbook_close(f->workbook);
    if (code != LXW_NO_ERROR)
        err_set(e, ERR_IO, "%s: %s", f->path, lxw_strerror(code));
    output_end(&f->output, e);
}

bool ledger_file_close(struct ledger_file *f, struct err *e) {
    if (f->workbook)
        close_workbook(f, e);
    else
        close_csv(f, e);
    free(f);
    return !err_is_set(e);
}
