#include "sheet.h"

#include "clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_MIN 1900 /* of a date that is put right */
#define INTEGER_REAL_MAX 9007199254740992.0

static const struct sheet sheets[] = {
    {"divisions", "register.division", "code", "区划代码", NULL, NULL, true, NULL},
    {"units", "register.unit", "unit_id", "单位编号", NULL, NULL, true, NULL},
    {"cadres", "register.cadre", "cadre_id", "干部编号", NULL, NULL, true, NULL},
    {"households", "hh.facts", "household_id", "户编号", "reason", "导入", true, NULL},
    {"persons", "person.facts", "person_id", "人员编号", "op", "add", true, NULL},
    {"targets", "register.target", "subject_id", "对象编号", NULL, NULL, false, "ids"},
    {"assignments", "assign.set", "subject_id", "对象编号", NULL, NULL, false, NULL},
};

const struct sheet *sheet_find(const char *kind) {
    for (size_t i = 0; i < sizeof sheets / sizeof *sheets; i++)
        if (strcmp(sheets[i].kind, kind) == 0)
            return &sheets[i];
    return NULL;
}

const char *sheet_kinds(void) {
    static char text[256];
    size_t n = 0;
    for (size_t i = 0; i < sizeof sheets / sizeof *sheets; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", sheets[i].kind);
    return text;
}

bool sheet_form_init(struct sheet_form *s, const struct sheet *sheet,
                     const struct form_catalog *catalog, struct err *e) {
    *s = (struct sheet_form){
        .sheet = sheet, .catalog = catalog, .form = form_newest(catalog, sheet->form)};
    if (!s->form)
        return err_set(e, ERR_USAGE, "the catalogue has no form %s", sheet->form);
    size_t size;
    const char *text = form_schema_text(s->form, &size);
    s->schema = json_loadb(text, size, 0, NULL);
    struct buf all;
    buf_init(&all, 64u << 20);
    form_catalog_json(catalog, &all);
    json_t *message = all.failed ? NULL : json_loadb(all.data, all.size, 0, NULL);
    s->codes = json_incref(json_object_get(message, "codes"));
    json_decref(message);
    buf_fini(&all);
    return (s->schema && s->codes) || err_set(e, ERR_LIMIT, "no memory");
}

void sheet_form_fini(struct sheet_form *s) {
    json_decref(s->schema);
    json_decref(s->codes);
}

/* ---- headers */

static bool names_property(const char *header, const char *name, const json_t *schema) {
    const json_t *label = json_object_get(schema, "x-label");
    const char *zh = json_string_value(json_object_get(label, "zh"));
    const char *en = json_string_value(json_object_get(label, "en"));
    return strcmp(header, name) == 0 || (zh && strcmp(header, zh) == 0) ||
           (en && strcasecmp(header, en) == 0);
}

static bool find_property(const json_t *schema, const char *header, struct sheet_column *ret) {
    const char *name;
    json_t *property;
    json_t *all = json_object_get(schema, "properties");
    json_object_foreach(all, name, property) {
        if (!names_property(header, name, property))
            continue;
        ret->name = name;
        ret->schema = property;
        return true;
    }
    return false;
}

bool sheet_column(const struct sheet_form *s, const char *header, struct sheet_column *ret) {
    *ret = (struct sheet_column){0};
    if (strcmp(header, s->sheet->id_en) == 0 || strcmp(header, s->sheet->id_zh) == 0) {
        ret->id = true;
        return true;
    }
    const json_t *set = json_object_get(json_object_get(s->schema, "properties"), "set");
    ret->in_set = set && find_property(set, header, ret);
    return ret->in_set || (find_property(s->schema, header, ret) && strcmp(ret->name, "set") != 0);
}

static bool put_name(const char *name, const json_t *schema, sheet_put *put, void *ctx) {
    const char *zh = json_string_value(json_object_get(json_object_get(schema, "x-label"), "zh"));
    return put(ctx, zh ? zh : name);
}

bool sheet_headers(const struct sheet_form *s, sheet_put *put, void *ctx) {
    const char *name;
    json_t *property;
    const json_t *all = json_object_get(s->schema, "properties");
    const json_t *set = json_object_get(json_object_get(all, "set"), "properties");
    const char *const left_out[] = {"set", s->sheet->default_name, s->sheet->collected};
    bool ok = put(ctx, s->sheet->id_zh);
    json_object_foreach((json_t *)set, name, property) ok =
        ok && put_name(name, property, put, ctx);
    json_object_foreach((json_t *)all, name, property) {
        bool wanted = true;
        for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
            wanted = wanted && !(left_out[i] && strcmp(name, left_out[i]) == 0);
        ok = ok && (!wanted || put_name(name, property, put, ctx));
    }
    return ok;
}

/* ---- cells */

bool sheet_is_formula(const char *text) {
    static const char *const wide[] = {"＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return true;
    return *text && strchr("=+-@\t\r\n", *text);
}

static const char *type_of(const json_t *schema) {
    const json_t *type = json_object_get(schema, "type");
    if (json_is_array(type))
        type = json_array_get(type, 0);
    return json_is_string(type) ? json_string_value(type) : "string";
}

static json_t *code_value(const struct sheet_form *s, const json_t *schema, const char *text) {
    const char *list = json_string_value(json_object_get(schema, "x-code"));
    json_t *codes = list ? json_object_get(s->codes, list) : NULL;
    const char *code;
    json_t *label;
    json_object_foreach(codes, code, label) {
        const char *zh = json_string_value(json_object_get(label, "zh"));
        if (zh && strcmp(zh, text) == 0)
            return json_string(code);
    }
    return json_string(text);
}

static json_t *boolean_value(const char *text) {
    static const char *const yes[] = {"true", "1", "是", "有", "yes"};
    static const char *const no[] = {"false", "0", "否", "无", "no"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return json_true();
        if (strcasecmp(text, no[i]) == 0)
            return json_false();
    }
    return json_string(text);
}

/* "1,234,567" without its commas; false: they stand elsewhere. */
static bool without_commas(const char *text, char *out, size_t size) {
    size_t digits = 0;
    bool grouped = false;
    for (; *text && size > 1; text++) {
        if (*text == ',') {
            if (digits == 0 || digits > 3 || (grouped && digits != 3))
                return false;
            grouped = true;
            digits = 0;
            continue;
        }
        if (*text == '.' && grouped && digits != 3)
            return false;
        digits = *text >= '0' && *text <= '9' ? digits + 1 : *text == '.' ? 3 : digits;
        grouped = grouped && *text != '.';
        *out++ = *text;
        size--;
    }
    *out = '\0';
    return !*text && (!grouped || digits == 3);
}

static json_t *number_value(const char *text, bool integer) {
    char *end;
    char plain[64];
    errno = 0;
    if (text[strspn(text, "+-0123456789.,")] != '\0' || !without_commas(text, plain, sizeof plain))
        return json_string(text);
    long long whole = strtoll(plain, &end, 10);
    if (end != plain && *end == '\0')
        return errno == ERANGE ? json_string(text) : json_integer(whole);
    double real = strtod(plain, &end);
    if (end == plain || *end)
        return json_string(text);
    /* 2017.00 is a year */
    bool whole_real = integer && real == trunc(real) && fabs(real) <= INTEGER_REAL_MAX;
    return whole_real ? json_integer((json_int_t)real) : json_real(real);
}

/* A workbook's day: 1 is 1900-01-01, and 60 the 29 February that there was not. Only from 1927 to
 * 2099: what else stands there is a year (2019) or a month (1906, 201906). */
static bool serial_date(const char *text, char day[11]) {
    char *end;
    long serial = strtol(text, &end, 10);
    if (end == text || *end || serial < 10000 || serial > 73050)
        return false;
    time_local_date((serial - 25569) * INT64_C(86400000), day);
    return true;
}

/* As spreadsheets and people write them: 2019-6-1, 2019/6/1, 2019.6.1, 2019年6月1日, and with a
 * midnight behind. Never of a year with two digits: 19/6/1 may be many a day. */
static json_t *date_value(const struct sheet_form *s, const char *text) {
    static const char *const shapes[] = {"%4u-%2u-%2u%n", "%4u/%2u/%2u%n", "%4u.%2u.%2u%n",
                                         "%4u年%2u月%2u日%n"};
    int32_t days;
    char day[40];
    if (s->serial_dates && serial_date(text, day))
        return json_string(day);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        unsigned y;
        unsigned m;
        unsigned d;
        int used = 0;
        if (sscanf(text, shapes[i], &y, &m, &d, &used) != 3 || !used)
            continue;
        const char *rest = text + used;
        snprintf(day, sizeof day, "%04u-%02u-%02u", y, m, d);
        if (y >= YEAR_MIN && rest[strspn(rest, " 0:.")] == '\0' &&
            date_parse(day, strlen(day), &days))
            return json_string(day);
    }
    return json_string(text);
}

/* Bytes of a separator at the beginning of text, 0 = none. */
static size_t separator(const char *text) {
    static const char *const all[] = {";", ",", "|", "；", "、", "，"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strncmp(text, all[i], strlen(all[i])) == 0)
            return strlen(all[i]);
    return 0;
}

static void append_item(const struct sheet_form *s, const json_t *items, json_t *list,
                        const char *text, size_t size) {
    while (size && *text == ' ') {
        text++;
        size--;
    }
    while (size && text[size - 1] == ' ')
        size--;
    char *item = size ? strndup(text, size) : NULL;
    if (item)
        json_array_append_new(list, code_value(s, items, item));
    free(item);
}

static json_t *list_value(const struct sheet_form *s, const json_t *schema, const char *text) {
    const json_t *items = json_object_get(schema, "items");
    json_t *list = json_array();
    const char *start = text;
    for (const char *p = text;;) {
        size_t size = separator(p);
        if (size == 0 && *p) {
            p++;
            continue;
        }
        append_item(s, items, list, start, (size_t)(p - start));
        if (!*p)
            return list;
        p += size;
        start = p;
    }
}

static json_t *object_value(const char *text) {
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return value ? value : json_string(text);
}

/* Of the property, else of the fact that it sets: a form may allow only one of the codes. */
static const json_t *coded_schema(const struct sheet_form *s, const struct sheet_column *c) {
    const char *entity = s->form->entity;
    const struct fact *fact = entity ? form_fact_find(s->catalog, entity, c->name) : NULL;
    return fact && !json_object_get(c->schema, "x-code") ? fact->schema : c->schema;
}

json_t *sheet_value(const struct sheet_form *s, const struct sheet_column *c, const char *text) {
    const char *type = type_of(c->schema);
    const char *format = json_string_value(json_object_get(c->schema, "format"));
    if (text[0] == '\'' && sheet_is_formula(text + 1)) /* the export's guard */
        text++;
    if (strcmp(type, "boolean") == 0)
        return boolean_value(text);
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return number_value(text, strcmp(type, "integer") == 0);
    if (strcmp(type, "array") == 0)
        return list_value(s, c->schema, text);
    if (strcmp(type, "object") == 0)
        return object_value(text);
    if (format && strcmp(format, "date") == 0)
        return date_value(s, text);
    return code_value(s, coded_schema(s, c), text);
}
