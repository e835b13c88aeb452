#include "cmd_validate.h"
#include "buf.h"
#include "cmd_validate_form.h"
#include "commands.h"
#include "err.h"
#include "options.h"
#include "problem.h"
#include "schema.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (64u * 1024 * 1024)

/* The whole file ("-": standard input), or false and the reason on errout. */
static bool read_file(const char *path, struct buf *ret, FILE *errout) {
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    char block[65536];
    size_t size;
    while (f && (size = fread(block, 1, sizeof block, f)) > 0)
        buf_add(ret, block, size);
    bool right = f && !ferror(f) && !ret->failed;
    if (!right)
        fprintf(errout, "zoufang validate: %s: %s\n", path,
                ret->failed ? "the file is too large" : strerror(errno));
    if (f && !standard)
        fclose(f);
    return right;
}

static json_t *parse(const char *path, const struct buf *text, FILE *errout) {
    json_error_t e;
    json_t *value = json_loadb(text->data ? text->data : "", text->size,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &e);
    if (!value)
        fprintf(errout, "zoufang validate: %s: line %d, column %d: %s\n", path, e.line, e.column,
                e.text);
    return value;
}

static struct schema *load_schema(const char *path, const struct buf *text, unsigned flags,
                                  FILE *errout) {
    json_t *root = parse(path, text, errout);
    if (!root)
        return NULL;
    struct err e = {0};
    struct schema *s = schema_compile(root, flags, &e);
    if (!s)
        fprintf(errout, "zoufang validate: %s: %s\n", path, e.msg);
    json_decref(root);
    return s;
}

static void print(const struct problems *p, bool valid, bool json, FILE *out) {
    if (json) {
        struct buf text;
        buf_init(&text, FILE_SIZE_MAX);
        problems_write(p, &text);
        fprintf(out, "{\"valid\":%s,\"errors\":%s}\n", valid ? "true" : "false",
                text.data ? text.data : "[]");
        buf_fini(&text);
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        fprintf(out, "%s: %s: %s / %s\n", p->list[i].path[0] ? p->list[i].path : "(root)",
                p->list[i].code, p->list[i].zh, p->list[i].en);
    if (p->dropped > 0)
        fprintf(out, "and %zu more\n", p->dropped);
}

static int validate(const struct schema *s, const char *path, const struct buf *text, bool json,
                    FILE *out, FILE *errout) {
    json_t *instance = parse(path, text, errout);
    struct problems problems = {0};
    bool valid = false;
    if (instance) {
        struct schema_run *run = schema_run_create();
        valid = schema_validate(s, run, instance, "", &problems);
        schema_run_destroy(run);
    } else {
        problems_add_code(&problems, "malformed", "");
    }
    print(&problems, valid, json, out);
    problems_fini(&problems);
    json_decref(instance);
    return valid ? 0 : 1;
}

/* `zoufang validate --schema S INSTANCE`: 0 valid, 1 invalid or not JSON, 2 the schema is
 * unusable, 3 a file cannot be read. Problems go to out, what is wrong with the files to errout. */
int cmd_validate_schema(const char *schema_path, const char *instance_path_or_dash,
                        bool assert_format, bool json, FILE *out, FILE *errout) {
    struct buf schema_text;
    struct buf instance_text;
    buf_init(&schema_text, FILE_SIZE_MAX);
    buf_init(&instance_text, FILE_SIZE_MAX);
    int status = 3;
    if (read_file(schema_path, &schema_text, errout) &&
        read_file(instance_path_or_dash, &instance_text, errout)) {
        struct schema *s = load_schema(schema_path, &schema_text,
                                       assert_format ? SCHEMA_ASSERT_FORMAT : 0, errout);
        status = s ? validate(s, instance_path_or_dash, &instance_text, json, out, errout) : 2;
        schema_destroy(s);
    }
    buf_fini(&schema_text);
    buf_fini(&instance_text);
    return status;
}

int cmd_validate(struct app *a) {
    struct err e = {0};
    const char *schema = NULL;
    const char *form = NULL;
    const char *file = "-";
    bool assert_format = false;
    const struct option options[] = {
        {.name = "--schema", .type = OPTION_TEXT, .value = &schema},
        {.name = "--form", .type = OPTION_TEXT, .value = &form},
        {.name = "--assert-format", .type = OPTION_FLAG, .value = &assert_format},
        {0}};
    const struct argument arguments[] = {{.name = "FILE", .value = &file, .optional = true}, {0}};
    if (!options_read(a, 1, options, arguments))
        return 2;
    if (!schema == !form)
        return app_usage(a, "one of --form FORM and --schema FILE is needed");
    if (form && assert_format)
        return app_usage(a, "--assert-format is for --schema; forms always do so");
    if (form && !app_check_schema(a, &e))
        return app_fail(a, &e);
    if (form)
        return cmd_validate_form(a->schema_dir, form, file, a->json, stdout, stderr);
    return cmd_validate_schema(schema, file, assert_format, a->json, stdout, stderr);
}
