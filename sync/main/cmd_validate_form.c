#include "cmd_validate_form.h"

#include "bounds.h"
#include "form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write_json(const struct form_verdict *v, bool fits, FILE *out) {
    struct buf text;
    buf_init(&text, 4u * PAYLOAD_EXPANDED_SIZE_MAX);
    buf_add_fmt(&text, "{\"valid\":%s,\"errors\":", fits ? "true" : "false");
    problems_write(&v->errors, &text);
    buf_add_str(&text, ",\"warnings\":");
    problems_write(&v->warnings, &text);
    buf_add_str(&text, ",\"held\":");
    problems_write(&v->held, &text);
    buf_add_str(&text, "}\n");
    fputs(text.data, out);
    buf_fini(&text);
}

static void write_lines(const struct problems *p, const char *level, FILE *out) {
    for (size_t i = 0; i < p->count; i++)
        fprintf(out, "%s: %s%s: %s / %s\n", p->list[i].path[0] ? p->list[i].path : "(root)", level,
                p->list[i].code, p->list[i].zh, p->list[i].en);
    if (p->dropped)
        fprintf(out, "and %zu more\n", p->dropped);
}

static int judge(const struct form *f, struct form_run *run, const json_t *data, bool json,
                 FILE *out) {
    struct form_verdict verdict = {0};
    struct form_input in = {.data = data};
    bool fits = form_validate(f, run, &in, &verdict);
    if (json) {
        write_json(&verdict, fits, out);
    } else {
        write_lines(&verdict.errors, "", out);
        write_lines(&verdict.held, "held ", out);
        write_lines(&verdict.warnings, "warning ", out);
    }
    form_verdict_fini(&verdict);
    return fits ? 0 : 1;
}

/* NULL: said on errout, *ret_status set. */
static json_t *read_data(const char *path, FILE *errout, int *ret_status) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!file) {
        fprintf(errout, "zoufang validate: %s: %s\n", path, strerror(errno));
        *ret_status = 3;
        return NULL;
    }
    json_error_t error;
    json_t *data = json_loadf(file, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!data) {
        fprintf(errout, "zoufang validate: %s: line %d: %s\n", path, error.line, error.text);
        *ret_status = 1;
    }
    if (file != stdin)
        fclose(file);
    return data;
}

/* A form is listed once, whatever its versions. */
static void refuse_form(const struct form_catalog *catalog, const char *form,
                        const char *schema_dir, FILE *errout) {
    fprintf(errout, "zoufang validate: --form %s: not in %s/forms; there are", form, schema_dir);
    for (size_t i = 0; i < form_count(catalog); i++)
        if (form_newest(catalog, form_at(catalog, i)->id) == form_at(catalog, i))
            fprintf(errout, " %s", form_at(catalog, i)->id);
    fputc('\n', errout);
}

int cmd_validate_form(const char *schema_dir, const char *form, const char *file_or_dash, bool json,
                      FILE *out, FILE *errout) {
    struct err e = {0};
    int status = 2;
    struct form_catalog *catalog = form_catalog_load(schema_dir, &e);
    struct form_run *run = catalog ? form_run_create(catalog, &e) : NULL;
    const struct form *f = catalog ? form_newest(catalog, form) : NULL;
    if (!run)
        fprintf(errout, "zoufang validate: %s\n", e.msg);
    else if (!f)
        refuse_form(catalog, form, schema_dir, errout);
    json_t *data = run && f ? read_data(file_or_dash, errout, &status) : NULL;
    if (data)
        status = judge(f, run, data, json, out);
    json_decref(data);
    form_run_destroy(run);
    form_catalog_destroy(catalog);
    return status;
}
