#include "app.h"
#include "bulletin.h"
#include "commands.h"
#include "options.h"
#include "output.h"
#include "template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (4u << 20)

/* The county's template, with a NUL; the caller frees it. */
static char *read_template(const struct app *a, struct err *e) {
    char path[1024];
    snprintf(path, sizeof path, "%.512s/bulletin/bulletin.md", a->schema_dir);
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, TEXT_MAX + 1);
    if (!f || !text)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    else if (fread(text, 1, TEXT_MAX, f) == TEXT_MAX || ferror(f))
        err_set(e, ERR_IO, "%s: cannot be read, or is too long", path);
    if (f)
        fclose(f);
    return text;
}

static void write_json(const json_t *bulletin, struct buf *out, struct err *e) {
    char *text = bulletin_text(bulletin);
    buf_add_str(out, text ? text : "");
    buf_add_char(out, '\n');
    if (!text || out->failed)
        err_set(e, ERR_LIMIT, "the bulletin is too long");
    free(text);
}

static void write_document(const struct app *a, json_t *bulletin, struct buf *out, struct err *e) {
    const char *month = json_string_value(json_object_get(bulletin, "month"));
    char *text = read_template(a, e);
    json_object_set_new(bulletin, "year", json_integer(strtol(month, NULL, 10)));
    json_object_set_new(bulletin, "month_of_year", json_integer(strtol(month + 5, NULL, 10)));
    if (!err_is_set(e))
        template_render(text, bulletin, out, e);
    free(text);
}

static int run(struct app *a, const char *month, const char *path) {
    int status = 3;
    struct err e = {0};
    struct buf text;
    struct core *core = app_open_core(a, &status);
    if (!core)
        return status;
    buf_init(&text, TEXT_MAX);
    app_warn_if_late(a, core);
    json_t *bulletin = bulletin_make(core, month, &e);
    if (bulletin && a->json)
        write_json(bulletin, &text, &e);
    else if (bulletin)
        write_document(a, bulletin, &text, &e);
    if (!err_is_set(&e))
        output_write(path, text.data, text.size, &e);
    json_decref(bulletin);
    buf_fini(&text);
    core_close(core);
    return err_is_set(&e) ? app_fail(a, &e) : 0;
}

int cmd_bulletin(struct app *a) {
    const char *month = NULL;
    const char *path = NULL;
    const struct option options[] = {{.name = "--output", .type = OPTION_TEXT, .value = &path},
                                     {0}};
    const struct argument arguments[] = {{.name = "YYYY-MM", .value = &month}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    if (!a->dir)
        return app_usage(a, "--data DIR is missing");
    return run(a, month, path);
}
