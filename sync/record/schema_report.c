#include "schema_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_SIZE_MAX 1024
#define LISTED_MAX 12     /* values of an enum that a sentence lists */
#define VALUE_SIZE_MAX 60 /* bytes of a value in a sentence */

/* How telling a failure is when alternatives are compared. */
enum rank {
    RANK_OTHER,
    RANK_TYPE, /* another kind of value */
    RANK_ENUM, /* perhaps what tells kinds apart, also one member below */
    RANK_CONST /* surely */
};

/* A problem in the making. */
struct sentence {
    struct buf path, zh, en;
};

/* Does this failure become a problem? In the other modes it is only noted. */
static bool reports(struct schema_run *r, enum rank rank) {
    if (r->mode != MODE_PROBE)
        return r->mode == MODE_REPORT;
    uint32_t below = r->depth - r->probe.base;
    int closeness = 1 + (int)below;
    if (rank != RANK_OTHER && below == 0)
        closeness = 0;
    else if (rank >= RANK_ENUM && below == 1)
        closeness = rank == RANK_CONST ? 0 : 1;
    if (closeness < r->probe.closeness)
        r->probe.closeness = closeness;
    return false;
}

/* ---- paths and names ---------------------------------------------------------------------- */

static void add_token(struct buf *out, const char *key, size_t size) {
    buf_add_char(out, '/');
    for (size_t i = 0; i < size; i++) {
        if (key[i] == '~' || key[i] == '/')
            buf_add_str(out, key[i] == '~' ? "~0" : "~1");
        else
            buf_add_char(out, key[i]);
    }
}

static struct sentence begin(const struct schema_run *r) {
    struct sentence t;
    buf_init(&t.path, 1u << 20);
    buf_init(&t.zh, SENTENCE_SIZE_MAX);
    buf_init(&t.en, SENTENCE_SIZE_MAX);
    buf_add_str(&t.path, r->prefix);
    for (uint32_t i = 0; i < r->depth; i++) {
        const struct schema_segment *g = &r->path[i];
        if (g->key)
            add_token(&t.path, g->key, g->size);
        else
            buf_add_fmt(&t.path, "/%zu", g->index);
    }
    return t;
}

static const char *text_of(const struct buf *b) {
    return b->data ? b->data : "";
}

static bool known(const struct schema_run *r, const char *code, const struct sentence *t) {
    for (size_t i = 0; i < r->out->count; i++) {
        const struct problem *p = &r->out->list[i];
        if (!strcmp(p->code, code) && !strcmp(p->path, text_of(&t->path)) &&
            !strcmp(p->en, text_of(&t->en)))
            return true;
    }
    return false;
}

/* Adds the problem unless the very same stands there (two subschemas may ask for one thing). */
static bool end(struct schema_run *r, const char *code, const char *name, struct sentence *t) {
    if (!known(r, code, t))
        problems_add(r->out, code, text_of(&t->path), name, text_of(&t->zh), text_of(&t->en));
    buf_fini(&t->path);
    buf_fini(&t->zh);
    buf_fini(&t->en);
    return false;
}

/* A number or word is the same in both languages. */
static void both(struct sentence *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void both(struct sentence *t, const char *fmt, ...) {
    char text[VALUE_SIZE_MAX * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_add_str(&t->zh, text);
    buf_add_str(&t->en, text);
}

static void say(struct sentence *t, const char *zh, const char *en) {
    buf_add_str(&t->zh, zh);
    buf_add_str(&t->en, en);
}

/* Cut at a character, not within one. */
static size_t cut(const char *text, size_t size) {
    if (size <= VALUE_SIZE_MAX)
        return size;
    size = VALUE_SIZE_MAX;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static void name_member(const struct schema_run *r, struct sentence *t, uint32_t label,
                        const char *key, size_t size) {
    if (label != NONE)
        say(t, r->s->labels[label].zh, r->s->labels[label].en);
    else
        both(t, "%.*s", (int)cut(key, size), key);
}

/* What people call the value `depth` steps down the current path. An item without a label of its
 * own is "照片第3项", "item 3 of photos". */
static void name_at(const struct schema_run *r, struct sentence *t, uint32_t depth) {
    const struct schema_segment *g = depth > 0 ? &r->path[depth - 1] : NULL;
    uint32_t label = g ? g->label : r->s->nodes[r->s->entry_node].label;
    if (!g && label == NONE) {
        say(t, "数据", "the data");
    } else if (g && !g->key && label == NONE) {
        buf_add_fmt(&t->en, "item %zu of ", g->index + 1);
        name_at(r, t, depth - 1);
        buf_add_fmt(&t->zh, "第%zu项", g->index + 1);
    } else {
        name_member(r, t, label, g ? g->key : NULL, g ? g->size : 0);
    }
}

static void name_value(const struct schema_run *r, struct sentence *t) {
    name_at(r, t, r->depth);
}

/* ---- sentences ---------------------------------------------------------------------------- */

static void say_types(struct sentence *t, uint32_t bits) {
    static const struct {
        const char *zh, *en;
    } names[] = {{"空值", "null"},   {"是或否", "boolean"}, {"对象", "object"}, {"数组", "array"},
                 {"数字", "number"}, {"文本", "string"},    {"整数", "integer"}};
    bool first = true;
    say(t, "的类型应为", " must be of type ");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(bits >> i & 1))
            continue;
        if (!first)
            say(t, "或", " or ");
        first = false;
        say(t, names[i].zh, names[i].en);
    }
}

static void say_json(struct sentence *t, const json_t *value) {
    char text[VALUE_SIZE_MAX + 1];
    if (json_is_string(value)) {
        size_t size = cut(json_string_value(value), json_string_length(value));
        buf_add(&t->zh, json_string_value(value), size);
        buf_add_fmt(&t->en, "\"%.*s\"", (int)size, json_string_value(value));
        return;
    }
    if (json_is_boolean(value)) {
        say(t, json_is_true(value) ? "是" : "否", json_is_true(value) ? "true" : "false");
        return;
    }
    if (json_is_null(value)) {
        say(t, "空值", "null");
        return;
    }
    size_t size = json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (size > sizeof text)
        say(t, "规定的值", "the given value");
    else
        both(t, "%.*s", (int)size, text);
}

static void say_enum(const struct schema_run *r, const struct schema_ins *ins, struct sentence *t) {
    if (ins->b == 0 || ins->b > LISTED_MAX) {
        say(t, "的取值不在允许范围内", " is not one of the allowed values");
        return;
    }
    say(t, "应为", " must be ");
    if (ins->b > 1)
        buf_add_str(&t->en, "one of ");
    for (uint32_t i = 0; i < ins->b; i++) {
        if (i > 0)
            say(t, i + 1 < ins->b ? "、" : "或", i + 1 < ins->b ? ", " : " or ");
        say_json(t, r->s->values[ins->a + i]);
    }
}

/* "至少要有3项" and its like: a bound on a count, with the plural that English wants. */
static void say_count(struct sentence *t, const struct schema_ins *ins) {
    static const struct {
        enum op op;
        const char *zh, *zh_unit, *en, *en_unit, *en_units;
    } bounds[] = {
        {OP_MIN_LENGTH, "至少要有", "个字", " must have at least ", " character", " characters"},
        {OP_MAX_LENGTH, "不能超过", "个字", " must have at most ", " character", " characters"},
        {OP_MIN_ITEMS, "至少要有", "项", " must have at least ", " item", " items"},
        {OP_MAX_ITEMS, "最多只能有", "项", " must have at most ", " item", " items"},
        {OP_MIN_PROPERTIES, "至少要填", "个字段", " must have at least ", " member", " members"},
        {OP_MAX_PROPERTIES, "最多只能填", "个字段", " must have at most ", " member", " members"},
    };
    if (ins->op == OP_MIN_LENGTH && ins->count == 1) {
        say(t, "不能为空", " must not be empty");
        return;
    }
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (bounds[i].op != ins->op)
            continue;
        say(t, bounds[i].zh, bounds[i].en);
        both(t, "%llu", (unsigned long long)ins->count);
        say(t, bounds[i].zh_unit, ins->count == 1 ? bounds[i].en_unit : bounds[i].en_units);
    }
}

static void say_bound(const struct schema_run *r, const struct schema_ins *ins,
                      struct sentence *t) {
    switch ((enum op)ins->op) {
    case OP_MINIMUM:
        say(t, "不能小于", " must be at least ");
        break;
    case OP_MAXIMUM:
        say(t, "不能大于", " must be at most ");
        break;
    case OP_EXCLUSIVE_MIN:
        say(t, "必须大于", " must be greater than ");
        break;
    case OP_EXCLUSIVE_MAX:
        say(t, "必须小于", " must be less than ");
        break;
    default:
        say(t, "必须是", " must be a multiple of ");
        break;
    }
    say_json(t, r->s->values[ins->a]);
    if (ins->op == OP_MULTIPLE_OF)
        buf_add_str(&t->zh, "的倍数");
}

static void say_format(struct sentence *t, enum format format) {
    switch (format) {
    case FORMAT_DATE:
        say(t, "应为日期,如2019-06-12", " must be a date such as 2019-06-12");
        break;
    case FORMAT_DATE_TIME:
        say(t, "应为带时区的日期和时间,如2019-06-12T10:05:00+08:00",
            " must be a date and time with offset such as 2019-06-12T10:05:00+08:00");
        break;
    case FORMAT_UUID:
        say(t, "应为UUID编号", " must be a UUID");
        break;
    case FORMAT_REGEX:
        say(t, "应为正则表达式", " must be a regular expression");
        break;
    }
}

/* The sentence after the name of the value, and the code. */
static const char *say_ins(const struct schema_run *r, const struct schema_ins *ins,
                           struct sentence *t) {
    switch ((enum op)ins->op) {
    case OP_TYPE:
        say_types(t, ins->a);
        return "type";
    case OP_CONST:
        say(t, "应为", " must be ");
        say_json(t, r->s->values[ins->a]);
        return "enum";
    case OP_ENUM:
        say_enum(r, ins, t);
        return "enum";
    case OP_MINIMUM:
    case OP_MAXIMUM:
    case OP_EXCLUSIVE_MIN:
    case OP_EXCLUSIVE_MAX:
    case OP_MULTIPLE_OF:
        say_bound(r, ins, t);
        return "range";
    case OP_MIN_LENGTH:
    case OP_MAX_LENGTH:
        say_count(t, ins);
        return "length";
    case OP_MIN_ITEMS:
    case OP_MAX_ITEMS:
    case OP_MIN_PROPERTIES:
    case OP_MAX_PROPERTIES:
        say_count(t, ins);
        return "range";
    case OP_PATTERN:
        say(t, "的格式不符合要求", " does not have the required form");
        return "pattern";
    case OP_FORMAT:
        say_format(t, (enum format)ins->a);
        return "format";
    case OP_UNIQUE_ITEMS:
        say(t, "中有重复的项", " must not contain the same item twice");
        return "schema";
    case OP_NOT:
        say(t, "的内容属于不允许的情形", " is of a kind that is not allowed");
        return "schema";
    default:
        say(t, "不符合任何一种允许的填法", " fits none of the allowed alternatives");
        return "schema";
    }
}

bool schema_fail(struct schema_run *r, const struct schema_ins *ins) {
    enum rank rank = ins->op == OP_TYPE    ? RANK_TYPE
                     : ins->op == OP_ENUM  ? RANK_ENUM
                     : ins->op == OP_CONST ? RANK_CONST
                                           : RANK_OTHER;
    if (!reports(r, rank))
        return false;
    struct sentence t = begin(r);
    name_value(r, &t);
    const char *code = say_ins(r, ins, &t);
    return end(r, code, NULL, &t);
}

bool schema_fail_required(struct schema_run *r, const struct schema_entry *entry) {
    if (!reports(r, RANK_OTHER))
        return false;
    const char *key = r->s->pool + entry->name.offset;
    struct sentence t = begin(r);
    add_token(&t.path, key, entry->name.size);
    buf_add_str(&t.zh, "缺少");
    name_member(r, &t, entry->label, key, entry->name.size);
    buf_add_str(&t.en, " is required");
    return end(r, "required", NULL, &t);
}

bool schema_fail_dependent(struct schema_run *r, const struct schema_dependency *d) {
    if (!reports(r, RANK_OTHER))
        return false;
    const char *needed = r->s->pool + d->needed.offset;
    struct sentence t = begin(r);
    add_token(&t.path, needed, d->needed.size);
    struct sentence trigger = {0};
    buf_init(&trigger.zh, SENTENCE_SIZE_MAX);
    buf_init(&trigger.en, SENTENCE_SIZE_MAX);
    name_member(r, &trigger, d->trigger_label, r->s->pool + d->trigger.offset, d->trigger.size);
    buf_add_fmt(&t.zh, "填写%s时不能缺少", text_of(&trigger.zh));
    name_member(r, &t, d->needed_label, needed, d->needed.size);
    buf_add_fmt(&t.en, " is required with %s", text_of(&trigger.en));
    buf_fini(&trigger.zh);
    buf_fini(&trigger.en);
    return end(r, "required", NULL, &t);
}

bool schema_fail_unknown(struct schema_run *r, const char *key, size_t size) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    add_token(&t.path, key, size);
    say(&t, "不应有“", "");
    both(&t, "%.*s", (int)cut(key, size), key);
    say(&t, "”这一项", " is not allowed here");
    return end(r, "unknown_field", NULL, &t);
}

bool schema_fail_name(struct schema_run *r, const char *key, size_t size) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    add_token(&t.path, key, size);
    say(&t, "字段名“", "the name \"");
    both(&t, "%.*s", (int)cut(key, size), key);
    say(&t, "”不符合要求", "\" is not allowed");
    return end(r, "schema", NULL, &t);
}

bool schema_fail_item(struct schema_run *r, size_t index) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    buf_add_fmt(&t.path, "/%zu", index);
    buf_add_fmt(&t.en, "item %zu is not allowed in ", index + 1);
    name_value(r, &t);
    buf_add_fmt(&t.zh, "不应有第%zu项", index + 1);
    return end(r, "schema", NULL, &t);
}

bool schema_fail_false(struct schema_run *r) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    name_value(r, &t);
    say(&t, "不允许填写", " is not allowed here");
    return end(r, "schema", NULL, &t);
}

bool schema_fail_contains(struct schema_run *r, const struct schema_ins *ins, bool too_many) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    uint32_t bound = too_many ? ins->c : ins->b;
    name_value(r, &t);
    say(&t, too_many ? "中符合要求的项最多只能有" : "中符合要求的项至少要有",
        too_many ? " must have at most " : " must have at least ");
    both(&t, "%u", bound);
    say(&t, "项", bound == 1 ? " item of the required kind" : " items of the required kind");
    return end(r, "range", NULL, &t);
}

bool schema_fail_many(struct schema_run *r) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    name_value(r, &t);
    say(&t, "同时符合几种填法,只能符合其中一种",
        " fits more than one of the alternatives, of which only one may fit");
    return end(r, "schema", NULL, &t);
}

bool schema_fail_error(struct schema_run *r, const struct schema_error *error) {
    if (!reports(r, RANK_OTHER))
        return false;
    struct sentence t = begin(r);
    say(&t, error->zh, error->en);
    return end(r, error->code, error->name, &t);
}

bool schema_fail_undecided(struct schema_run *r) {
    r->undecided = true;
    if (!r->out)
        return false;
    struct sentence t = begin(r);
    name_value(r, &t);
    say(&t, "的内容过于复杂,格式检查超出上限",
        " is too complex: checking its form reached the limit");
    return end(r, "pattern", NULL, &t);
}

void schema_report_exhausted(struct schema_run *r) {
    if (!r->out)
        return;
    r->depth = 0;
    struct sentence t = begin(r);
    say(&t, "数据过于复杂,无法完成检查", "the data is too complex to be checked");
    end(r, "schema", NULL, &t);
}
