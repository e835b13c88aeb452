#include "envelope.h"

#include "bounds.h"
#include "hlc.h"
#include "payload.h"
#include "schema_value.h"

#include <stdlib.h>
#include <string.h>

#define SAFE_INTEGER_MAX INT64_C(9007199254740992)

/* ---------------------------------------------------------------- members of a record */

static void wrong(struct record *r, const char *code, const char *path, const char *zh,
                  const char *en) {
    problems_add(&r->problems, code, path, NULL, zh, en);
    r->state = RECORD_MALFORMED;
}

/* The string member `key`; NULL and a problem if it is not there or no string. */
static const char *need_string(struct record *r, const char *key, const char *path, size_t *size) {
    const json_t *v = json_object_get(r->json, key);
    if (!v) {
        wrong(r, "required", path, "记录缺少必需的成员", "a member of the record is missing");
        return NULL;
    }
    if (!json_is_string(v)) {
        wrong(r, "type", path, "应为文本", "must be a string");
        return NULL;
    }
    *size = json_string_length(v);
    return json_string_value(v);
}

static int64_t need_integer(struct record *r, const char *key, const char *path) {
    const json_t *v = json_object_get(r->json, key);
    if (!v)
        wrong(r, "required", path, "记录缺少必需的成员", "a member of the record is missing");
    else if (!json_is_integer(v))
        wrong(r, "type", path, "应为整数", "must be an integer");
    else if (json_integer_value(v) < 1 || json_integer_value(v) > SAFE_INTEGER_MAX)
        wrong(r, "range", path, "应为正整数", "must be a positive integer");
    else
        return json_integer_value(v);
    return 0;
}

static bool author_ok(const char *text, size_t size) {
    if (size < 3 || size > 34 || text[0] != 'C' || text[1] != '-')
        return false;
    for (size_t i = 2; i < size; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '-'))
            return false;
    }
    return true;
}

static void read_id(struct record *r) {
    size_t size;
    const char *id = need_string(r, "id", "/id", &size);
    r->id = id && size <= 64 ? id : "";
    r->has_id = id && uuid7_parse(id, size, r->id_bytes);
    if (id && !r->has_id)
        wrong(r, "format", "/id", "记录编号应为小写的 UUIDv7", "id must be a lower-case UUIDv7");
}

static void read_amends(struct record *r) {
    const json_t *v = json_object_get(r->json, "amends");
    if (!v || json_is_null(v))
        return;
    r->has_amends =
        json_is_string(v) && uuid7_parse(json_string_value(v), json_string_length(v), r->amends);
    if (!r->has_amends)
        wrong(r, "format", "/amends", "应为记录编号", "must be a record id");
}

static bool tail_ok(const json_t *v) {
    return json_is_string(v) && json_string_length(v) == 12 &&
           strspn(json_string_value(v), "0123456789abcdef") == 12;
}

static void read_base(struct record *r) {
    json_t *base = json_object_get(r->json, "base");
    if (!base)
        return;
    const char *fact;
    json_t *tails;
    bool ok = json_is_object(base);
    json_object_foreach(base, fact, tails) {
        ok = ok && json_is_array(tails);
        for (size_t i = 0; ok && i < json_array_size(tails); i++)
            ok = tail_ok(json_array_get(tails, i));
    }
    if (!ok)
        wrong(r, "format", "/base", "应为各字段所见记录编号的末十二位",
              "must list, per fact, the last 12 digits of record ids");
}

static bool in_range(const json_t *v, double low, double high) {
    return json_is_number(v) && json_number_value(v) >= low && json_number_value(v) <= high;
}

static void read_gps(struct record *r) {
    const json_t *gps = json_object_get(r->json, "gps");
    if (!gps || json_is_null(gps))
        return;
    const json_t *accuracy = json_object_get(gps, "acc_m");
    if (!json_is_object(gps) || !in_range(json_object_get(gps, "lat"), -90, 90) ||
        !in_range(json_object_get(gps, "lng"), -180, 180) ||
        (accuracy && !in_range(accuracy, 0, 1e7)))
        wrong(r, "format", "/gps", "定位应含经纬度", "gps must hold lat and lng in degrees");
}

static void read_members(struct record *r, json_t *json, struct slice text, bool imported) {
    *r = (struct record){.json = json, .text = text, .id = "", .form_id = "", .subject = ""};
    if (!json_is_object(json)) {
        wrong(r, "type", "", "记录应为对象", "a record must be an object");
        return;
    }
    size_t size;
    read_id(r);
    r->seq = need_integer(r, "seq", "/seq");
    r->fv = need_integer(r, "fv", "/fv");
    const char *form = need_string(r, "form", "/form", &size);
    r->form_id = form ? form : "";
    const char *subject = need_string(r, "subject", "/subject", &size);
    r->subject = subject ? subject : "";
    if (subject && !subject_parse(subject, size, &r->place))
        wrong(r, "subject", "/subject", "对象编号格式错误", "the subject is not well-formed");
    const char *hlc = need_string(r, "hlc", "/hlc", &size);
    if (hlc && !hlc_parse(hlc, size, &r->hlc))
        wrong(r, "format", "/hlc", "时间戳格式错误", "hlc is not a stamp of the hybrid clock");
    const char *by = need_string(r, "by", "/by", &size);
    r->author = by ? by : "";
    if (by && !author_ok(by, size) && !(imported && strcmp(by, "zoufang") == 0))
        wrong(r, "format", "/by", "填报人编号格式错误", "by is not a cadre id");
    if (!json_is_object(json_object_get(json, "data")))
        wrong(r, json_object_get(json, "data") ? "type" : "required", "/data", "缺少表单内容",
              "data must be an object");
    read_amends(r);
    read_base(r);
    read_gps(r);
}

/* ---------------------------------------------------------------- limits inside a record */

struct walk {
    struct record *r;
    char path[512];
    size_t size;
};

static void walk_value(struct walk *w, const json_t *v, int depth);

static void walk_scalar(struct walk *w, const json_t *v) {
    if (json_is_string(v) && json_string_length(v) > TEXT_SIZE_MAX)
        wrong(w->r, "length", w->path, "文本超过长度限制", "the text is longer than 8 KiB");
    else if (json_is_integer(v) && (json_integer_value(v) > SAFE_INTEGER_MAX ||
                                    json_integer_value(v) < -SAFE_INTEGER_MAX))
        wrong(w->r, "range", w->path, "整数超出允许范围", "the integer is beyond 2^53");
}

/* Appends "/name" as a JSON Pointer writes it; nothing if it does not fit. */
static void walk_path(struct walk *w, const char *name) {
    size_t n = w->size;
    if (n + 2 >= sizeof w->path)
        return;
    w->path[n++] = '/';
    for (; *name && n + 2 < sizeof w->path; name++) {
        if (*name == '~' || *name == '/') {
            w->path[n++] = '~';
            w->path[n++] = *name == '~' ? '0' : '1';
        } else {
            w->path[n++] = *name;
        }
    }
    if (!*name)
        w->size = n;
    w->path[w->size] = '\0';
}

static void walk_member(struct walk *w, const char *name, const json_t *v, int depth) {
    size_t size = w->size;
    walk_path(w, name);
    walk_value(w, v, depth + 1);
    w->size = size;
    w->path[size] = '\0';
}

static void walk_value(struct walk *w, const json_t *v, int depth) {
    if (depth > RECORD_DEPTH_MAX) {
        if (w->r->state != RECORD_MALFORMED)
            wrong(w->r, "too_large", w->path, "数据嵌套过深", "the record is nested too deeply");
        return;
    }
    const char *key;
    json_t *member;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, member) {
            walk_member(w, key, member, depth);
        }
    } else if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            char index[24];
            snprintf(index, sizeof index, "%zu", i);
            walk_member(w, index, json_array_get(v, i), depth);
        }
    } else {
        walk_scalar(w, v);
    }
}

/* The same as a yes or no, without making paths: the way of almost every record. */
static bool value_within(const json_t *v, int depth) {
    const char *key;
    json_t *member;
    bool ok = depth <= RECORD_DEPTH_MAX;
    if (json_is_string(v))
        return ok && json_string_length(v) <= TEXT_SIZE_MAX;
    if (json_is_integer(v))
        return ok && json_integer_value(v) <= SAFE_INTEGER_MAX &&
               json_integer_value(v) >= -SAFE_INTEGER_MAX;
    for (size_t i = 0; ok && i < json_array_size(v); i++)
        ok = value_within(json_array_get(v, i), depth + 1);
    json_object_foreach((json_t *)(uintptr_t)v, key, member) {
        ok = ok && value_within(member, depth + 1);
    }
    return ok;
}

static bool within_limits(struct record *r) {
    if (r->text.size > RECORD_SIZE_MAX) {
        problems_add_code(&r->problems, "too_large", "");
        r->state = RECORD_MALFORMED;
        return false;
    }
    if (value_within(r->json, 1))
        return true;
    struct walk w = {.r = r};
    walk_value(&w, r->json, 1);
    return false;
}

/* ---------------------------------------------------------------- one record */

static void validate(struct record *r, struct form_run *run) {
    struct form_verdict verdict = {0};
    struct slice data = {"", 0};
    struct slice gps = {NULL, 0};
    slice_member(r->text, "data", &data);
    slice_member(r->text, "gps", &gps);
    struct form_input in = {.data = json_object_get(r->json, "data"),
                            .record_text = r->text.text,
                            .record_size = r->text.size,
                            .data_text = data.text,
                            .data_size = data.size,
                            .gps_text = gps.text,
                            .gps_size = gps.size,
                            .subject = r->subject,
                            .author = r->author,
                            .hlc_ms = hlc_ms(r->hlc)};
    bool fits = form_validate(r->form, run, &in, &verdict);
    if (!fits)
        r->state = RECORD_UNFIT;
    problems_move(&r->problems, fits ? &verdict.warnings : &verdict.errors);
    problems_move(&r->held, &verdict.held);
    r->gates = verdict.gates_true;
    r->hidden = verdict.hidden;
    form_verdict_fini(&verdict);
}

static void read_whole(struct record *r, const struct form_catalog *catalog, struct form_run *run,
                       json_t *json, struct slice text, bool imported) {
    read_members(r, json, text, imported);
    if (r->state == RECORD_MALFORMED || !within_limits(r))
        return;
    r->form = form_find(catalog, r->form_id, strlen(r->form_id), r->fv);
    if (!r->form) {
        r->state = RECORD_NO_FORM;
        problems_add_code(&r->problems, "unknown_form", "/form");
        return;
    }
    validate(r, run);
    if (!form_takes_subject(r->form, &r->place)) {
        problems_add_code(&r->problems, "subject", "/subject");
        r->state = RECORD_UNFIT;
    }
}

void record_read(struct record *r, const struct form_catalog *catalog, struct form_run *run,
                 json_t *json, struct slice text) {
    read_whole(r, catalog, run, json, text, false);
}

void record_read_import(struct record *r, const struct form_catalog *catalog, struct form_run *run,
                        json_t *json, struct slice text) {
    read_whole(r, catalog, run, json, text, true);
}

void record_fini(struct record *r) {
    problems_fini(&r->problems);
    problems_fini(&r->held);
}

/* ---------------------------------------------------------------- the envelope */

static bool refuse(struct envelope *v, const char *code, const char *path) {
    problems_add_code(&v->problems, code, path);
    return false;
}

/* I-JSON outside the records too. */
static bool head_within(const struct envelope *v) {
    const char *key;
    json_t *member;
    json_object_foreach(v->root, key, member) {
        if (strcmp(key, "records") != 0 && !value_within(member, 2))
            return false;
    }
    return true;
}

static bool read_head(struct envelope *v) {
    if (!head_within(v))
        return refuse(v, "malformed", "");
    const json_t *version = json_object_get(v->root, "v");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return refuse(v, "version", "/v");
    const json_t *device = json_object_get(v->root, "device");
    if (!json_is_string(device) || strcmp(json_string_value(device), v->device) != 0)
        return refuse(v, "device", "/device");
    const json_t *atomic = json_object_get(v->root, "atomic");
    if (atomic && !json_is_boolean(atomic))
        return refuse(v, "malformed", "/atomic");
    v->atomic = json_is_true(atomic);
    const json_t *pending = json_object_get(v->root, "pending");
    v->pending = json_is_integer(pending) ? json_integer_value(pending) : -1;
    const json_t *records = json_object_get(v->root, "records");
    if (!json_is_array(records) || json_array_size(records) == 0)
        return refuse(v, "malformed", "/records");
    if (json_array_size(records) > ENVELOPE_RECORDS_MAX)
        return refuse(v, "too_large", "/records");
    v->count = json_array_size(records);
    return true;
}

/* The records' texts as they came; where `records` is written with escapes, made anew. */
static void read_records(struct envelope *v, const struct form_catalog *catalog,
                         struct form_run *run) {
    const json_t *records = json_object_get(v->root, "records");
    struct slice array;
    if (!slice_member((struct slice){v->text, v->size}, "records", &array)) {
        char *text = json_dumps(v->root, JSON_COMPACT);
        if (!text)
            abort();
        free(v->text);
        v->text = text;
        v->size = strlen(text);
        slice_member((struct slice){v->text, v->size}, "records", &array);
    }
    v->records = calloc(v->count, sizeof *v->records);
    if (!v->records)
        abort();
    size_t pos = 0;
    struct slice text;
    for (size_t i = 0; i < v->count && slice_next(array, &pos, &text); i++)
        record_read(&v->records[i], catalog, run, json_array_get(records, i), text);
}

static void keep_raw(struct envelope *v, const void *payload, size_t size) {
    unsigned char digest[SHA256_SIZE];
    sha256(payload, size, digest);
    hex_encode(digest, sizeof digest, v->payload_hash);
    v->raw = malloc(size ? size : 1);
    if (!v->raw)
        abort();
    memcpy(v->raw, payload, size);
    v->raw_size = size;
}

struct envelope *envelope_decode(const struct form_catalog *catalog, struct form_run *run,
                                 const char *device, const char *via, const void *payload,
                                 size_t size) {
    struct envelope *v = calloc(1, sizeof *v);
    char *owned_device = strdup(device);
    char *owned_via = strdup(via);
    if (!v || !owned_device || !owned_via)
        abort();
    v->device = owned_device;
    v->via = owned_via;
    struct buf text;
    const char *code;
    buf_init(&text, PAYLOAD_EXPANDED_SIZE_MAX);
    if (!payload_expand(payload, size, &text, &code)) {
        refuse(v, code, "");
    } else if (!(v->root = payload_parse(text.data, text.size))) {
        refuse(v, "malformed", "");
    } else {
        v->text = text.data;
        v->size = text.size;
        text.data = NULL;
        if (read_head(v))
            read_records(v, catalog, run);
    }
    buf_fini(&text);
    if (v->problems.count)
        keep_raw(v, payload, size);
    return v;
}

void envelope_destroy(struct envelope *v) {
    for (size_t i = 0; v->records && i < v->count; i++)
        record_fini(&v->records[i]);
    free(v->records);
    problems_fini(&v->problems);
    json_decref(v->root);
    free(v->text);
    free(v->raw);
    free((char *)(uintptr_t)v->device);
    free((char *)(uintptr_t)v->via);
    free(v);
}

/* ---------------------------------------------------------------- same content */

/* Members, hlc and seq left out. */
static size_t content_size(const json_t *record) {
    size_t size = json_object_size(record);
    size -= json_object_get(record, "hlc") ? 1 : 0;
    return size - (json_object_get(record, "seq") ? 1 : 0);
}

bool record_same_content(json_t *a, json_t *b) {
    const char *key;
    json_t *v;
    if (content_size(a) != content_size(b))
        return false;
    json_object_foreach(a, key, v) {
        if (strcmp(key, "hlc") == 0 || strcmp(key, "seq") == 0)
            continue;
        const json_t *other = json_object_get(b, key);
        if (!other || !schema_value_equal(v, other))
            return false;
    }
    return true;
}
