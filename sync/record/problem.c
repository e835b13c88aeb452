#include "problem.h"

#include <stdlib.h>
#include <string.h>

#define PROBLEMS_TEXT_SIZE_MAX (1024u * 1024)

/* The sentences for codes whose cause needs no detail. */
static const struct {
    const char *code, *zh, *en;
} sentences[] = {
    {"malformed", "数据格式错误,无法读取", "the data is malformed"},
    {"too_large", "数据超过大小限制", "the data is larger than allowed"},
    {"version", "协议版本不受支持", "the protocol version is not supported"},
    {"device", "设备编号与通道不符", "the device does not match the topic"},
    {"id_conflict", "同一记录编号已有不同内容", "the record id is already used by other content"},
    {"unknown_form", "表单或版本不在目录中", "the form or its version is not in the catalogue"},
    {"subject", "对象编号不适用于此表单", "the subject is not of a kind that the form takes"},
    {"role_form", "您的角色无权填写此表单,等待审核",
     "the author's role may not write this form; waiting for review"},
    {"role_field", "您的角色无权填写此字段,等待审核",
     "the author's role may not write this field; waiting for review"},
    {"out_of_scope", "对象不在您的包保或管辖范围内,等待审核",
     "the subject is outside the author's area; waiting for review"},
    {"relay_scope", "转发网关不服务于此设备的范围,等待审核",
     "the relay does not serve the device's area; waiting for review"},
    {"unknown_author", "该设备未登记此填报人,等待审核",
     "the device is not enrolled for this author; waiting for review"},
    {"revoked", "设备已停用,等待审核", "the device is revoked; waiting for review"},
    {"refused", "审核未通过", "a reviewer refused the record"},
    {"clock_ahead", "手机时间超前,请校准后重发",
     "the device's clock is ahead; correct and send again"},
    {"atomic", "同批记录中有未被接受的,整批请重发",
     "another record of the batch was not taken; send the batch again"},
    {"busy", "服务器繁忙,请稍后重发", "the server is busy; send again later"},
    {"late", "补报:事件日期早于记录三十天以上",
     "late: the event is more than 30 days before the record"},
    {"seq_reused", "设备序号重复", "the device used this sequence number before"},
};

void problems_clear(struct problems *p) {
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].path);
        free(p->list[i].zh);
        free(p->list[i].en);
        free(p->list[i].name);
    }
    p->count = 0;
    p->dropped = 0;
}

void problems_fini(struct problems *p) {
    problems_clear(p);
    free(p->list);
    p->list = NULL;
}

static char *copy(const char *text) {
    char *c = strdup(text);
    if (!c)
        abort();
    return c;
}

void problems_add(struct problems *p, const char *code, const char *path, const char *name,
                  const char *zh, const char *en) {
    if (p->count >= PROBLEMS_MAX) {
        p->dropped++;
        return;
    }
    if (!p->list) {
        p->list = calloc(PROBLEMS_MAX, sizeof *p->list);
        if (!p->list)
            abort();
    }
    p->list[p->count++] =
        (struct problem){code, copy(path), copy(zh), copy(en), name ? copy(name) : NULL};
}

void problems_add_code(struct problems *p, const char *code, const char *path) {
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        if (strcmp(sentences[i].code, code) == 0) {
            problems_add(p, sentences[i].code, path, NULL, sentences[i].zh, sentences[i].en);
            return;
        }
    }
    abort();
}

void problems_copy(struct problems *to, const struct problems *from) {
    for (size_t i = 0; i < from->count; i++) {
        const struct problem *x = &from->list[i];
        problems_add(to, x->code, x->path, x->name, x->zh, x->en);
    }
}

void problems_move(struct problems *to, struct problems *from) {
    problems_copy(to, from);
    problems_clear(from);
}

static void member(struct buf *out, const char *key, const char *value) {
    buf_add_fmt(out, ",\"%s\":", key);
    buf_add_json_str(out, value, strlen(value));
}

void problems_write(const struct problems *p, struct buf *out) {
    buf_add_char(out, '[');
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *x = &p->list[i];
        buf_add_fmt(out, "%s{\"code\":\"%s\"", i ? "," : "", x->code);
        member(out, "path", x->path);
        if (x->name)
            member(out, "name", x->name);
        member(out, "zh", x->zh);
        member(out, "en", x->en);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

char *problems_text(const struct problems *p) {
    struct buf b;
    if (!p->count)
        return NULL;
    buf_init(&b, PROBLEMS_TEXT_SIZE_MAX);
    problems_write(p, &b);
    return b.data;
}
