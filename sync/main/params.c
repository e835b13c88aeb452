#include "params.h"

#include "clock.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE_MAX 63

/* ---------------------------------------------------------------- the file */

struct reading {
    struct params *params;
    char *fields[2];
    size_t field, row;
};

static void take_field(void *text, size_t size, void *ctx) {
    struct reading *r = ctx;
    if (r->field < 2)
        r->fields[r->field] = size ? strndup(text, size) : NULL;
    r->field++;
}

static void take_row(int end, void *ctx) {
    (void)end;
    struct reading *r = ctx;
    struct params *p = r->params;
    if (r->row++ > 0 && r->fields[0]) { /* after the header */
        p->list = realloc(p->list, (p->count + 1) * sizeof *p->list);
        if (!p->list)
            abort();
        p->list[p->count++] = (struct param){r->fields[0], r->fields[1]};
    } else {
        free(r->fields[0]);
        free(r->fields[1]);
    }
    memset(r->fields, 0, sizeof r->fields);
    r->field = 0;
}

static bool read_rows(FILE *f, struct params *p) {
    struct reading r = {.params = p};
    struct csv_parser csv;
    char block[4096];
    size_t size;
    bool ok = csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI) == 0;
    while (ok && (size = fread(block, 1, sizeof block, f)) > 0)
        ok = csv_parse(&csv, block, size, take_field, take_row, &r) == size;
    ok = csv_fini(&csv, take_field, take_row, &r) == 0 && ok && !ferror(f);
    csv_free(&csv);
    free(r.fields[0]);
    free(r.fields[1]);
    return ok;
}

bool params_read(const char *schema_dir, struct params *p, struct err *e) {
    char path[1024];
    *p = (struct params){0};
    snprintf(path, sizeof path, "%s/params.csv", schema_dir);
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = read_rows(f, p);
    fclose(f);
    if (ok)
        return true;
    params_fini(p);
    return err_set(e, ERR_USAGE, "%s: not a CSV file", path);
}

void params_fini(struct params *p) {
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    free(p->list);
    *p = (struct params){0};
}

/* ---------------------------------------------------------------- names and values */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static bool is_date(const char *name) {
    return strncmp(name, "stop.", 5) == 0 || ends_with(name, ".start") || ends_with(name, ".stop");
}

const char *params_type(const char *name) {
    return is_date(name) ? "date" : "number";
}

bool params_fits(const char *name, const char *value) {
    int64_t ms;
    char noon[40];
    char *end;
    if (!is_date(name)) {
        double v = strtod(value, &end);
        return strspn(value, "0123456789.-") == strlen(value) && end != value && !*end &&
               isfinite(v);
    }
    snprintf(noon, sizeof noon, "%.10sT12:00:00+08:00", value);
    return strlen(value) == 10 && time_parse(noon, strlen(noon), &ms);
}

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

size_t params_distance(const char *a, const char *b) {
    size_t row[NAME_SIZE_MAX + 1];
    size_t n = strlen(b);
    if (n > NAME_SIZE_MAX || strlen(a) > NAME_SIZE_MAX)
        return 99;
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            size_t above = row[k];
            row[k] = least(above + 1, row[k - 1] + 1, corner + (a[i - 1] != b[k - 1]));
            corner = above;
        }
    }
    return row[n];
}
