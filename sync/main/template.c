#include "template.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8
#define NAME_SIZE 128

struct job {
    const char *text;
    const json_t *scopes[DEPTH_MAX]; /* the innermost last */
    size_t depth;
    struct buf *out;
    struct err *e;
};

/* {{…}} */
struct tag {
    char kind; /* # ? ^ / + or 0 */
    char name[NAME_SIZE];
    const char *begin, *end; /* of the tag, or of its line if it is a section's alone there */
};

static bool fail(const struct job *j, const char *at, const char *what) {
    size_t line = 1;
    for (const char *p = j->text; p < at; p++)
        line += *p == '\n';
    return err_set(j->e, ERR_USAGE, "line %zu of the template: %s", line, what);
}

static bool is_open(const struct tag *t) {
    return t->kind == '#' || t->kind == '?' || t->kind == '^';
}

/* A section's tag takes its line away if nothing else stands there. */
static void take_line(const char *text, struct tag *t) {
    const char *begin = t->begin;
    const char *end = t->end + strspn(t->end, " \t");
    while (begin > text && (begin[-1] == ' ' || begin[-1] == '\t'))
        begin--;
    if ((begin > text && begin[-1] != '\n') || (*end && *end != '\n'))
        return;
    t->begin = begin;
    t->end = *end ? end + 1 : end;
}

/* The next tag from p on; false at the end and on failure. */
static bool next_tag(const struct job *j, const char *p, struct tag *ret) {
    *ret = (struct tag){.begin = strstr(p, "{{")};
    if (!ret->begin)
        return false;
    const char *name = ret->begin + 2;
    const char *end = strstr(name, "}}");
    if (*name && strchr("#?^/+", *name))
        ret->kind = *name++;
    if (!end || end < name || end - name >= NAME_SIZE) {
        fail(j, ret->begin, "a tag has no end");
        return false;
    }
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)(end - name), name);
    ret->end = end + 2;
    if (ret->kind && ret->kind != '+')
        take_line(j->text, ret);
    return true;
}

static const json_t *look_in(const json_t *scope, const char *path) {
    char part[NAME_SIZE];
    while (scope && *path) {
        size_t size = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)size, path);
        scope = json_object_get(scope, part);
        path += size + (path[size] == '.');
    }
    return scope;
}

static const json_t *look(const struct job *j, const char *path) {
    const json_t *found = NULL;
    for (size_t i = j->depth; i && !found; i--)
        found = look_in(j->scopes[i - 1], path);
    return found;
}

static bool holds(const json_t *value) {
    return json_is_array(value)    ? json_array_size(value) > 0
           : json_is_number(value) ? json_number_value(value) != 0
                                   : value && !json_is_null(value) && !json_is_false(value);
}

static void put_value(const struct job *j, const struct tag *t) {
    const json_t *value = look(j, t->name);
    double n = json_number_value(value);
    if (json_is_string(value)) {
        for (const char *p = json_string_value(value); *p; p++) {
            if (*p == '|')
                buf_add_char(j->out, '\\');
            buf_add_char(j->out, *p == '\n' ? ' ' : *p);
        }
    } else if (json_is_number(value)) {
        n = round(n * 10) / 10;
        buf_add_fmt(j->out, t->kind == '+' && n > 0 ? "+%.*f" : "%.*f", n == floor(n) ? 0 : 1,
                    n + 0.0);
    } else {
        buf_add_str(j->out, "—");
    }
}

/* Just behind the tag that ends the section; NULL on failure. *ret_inner_end: where that begins. */
static const char *section_end(const struct job *j, const struct tag *open,
                               const char **ret_inner_end) {
    struct tag t;
    const char *p = open->end;
    for (size_t depth = 1; next_tag(j, p, &t); p = t.end) {
        depth += is_open(&t);
        depth -= t.kind == '/';
        if (depth)
            continue;
        if (strcmp(t.name, open->name) != 0)
            break;
        *ret_inner_end = t.begin;
        return t.end;
    }
    if (!err_is_set(j->e))
        fail(j, open->begin, "a section has no end of its name");
    return NULL;
}

static bool render(struct job *j, const char *p, const char *end);

static bool render_section(struct job *j, const struct tag *t, const char *end) {
    const json_t *value = look(j, t->name);
    bool list = t->kind == '#' && json_is_array(value);
    size_t times = list ? json_array_size(value) : holds(value) == (t->kind != '^');
    if (times && j->depth == DEPTH_MAX)
        return fail(j, t->begin, "sections in sections in sections");
    bool ok = true;
    for (size_t i = 0; ok && i < times; i++) {
        if (t->kind == '#')
            j->scopes[j->depth++] = list ? json_array_get(value, i) : value;
        ok = render(j, t->end, end);
        j->depth -= t->kind == '#';
    }
    return ok;
}

static bool render(struct job *j, const char *p, const char *end) {
    struct tag t;
    while (next_tag(j, p, &t) && t.begin < end) {
        const char *inner_end = NULL;
        const char *next = t.end;
        buf_add(j->out, p, (size_t)(t.begin - p));
        if (t.kind == '/')
            return fail(j, t.begin, "a section ends that did not begin");
        if (is_open(&t)) {
            next = section_end(j, &t, &inner_end);
            if (!next || !render_section(j, &t, inner_end))
                return false;
        } else {
            put_value(j, &t);
        }
        p = next;
    }
    if (!err_is_set(j->e))
        buf_add(j->out, p, (size_t)(end - p));
    return !err_is_set(j->e);
}

bool template_render(const char *text, const json_t *values, struct buf *out, struct err *e) {
    struct job j = {.text = text, .scopes = {values}, .depth = 1, .out = out, .e = e};
    if (!render(&j, text, text + strlen(text)))
        return false;
    return !out->failed || err_set(e, ERR_LIMIT, "the document is too long");
}
