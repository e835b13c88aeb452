#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *options_value(const struct app *a, int i) {
    const char *value = i + 1 < a->argc ? a->argv[i + 1] : NULL;
    if (value && strncmp(value, "--", 2) != 0)
        return value;
    app_usage(a, "%s needs a value", a->argv[i]);
    return NULL;
}

static bool is_choice(const char *choices, const char *text) {
    size_t size = strlen(text);
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strcspn(c, "|") == size && strncmp(c, text, size) == 0)
            return true;
    return false;
}

static bool set_text(const struct app *a, const struct option *o, const char *text) {
    char choices[256];
    if (!o->choices || is_choice(o->choices, text)) {
        *(const char **)o->value = text;
        return true;
    }
    size_t n = 0;
    for (const char *c = o->choices; *c && n + 5 < sizeof choices; c++)
        n += (size_t)snprintf(choices + n, sizeof choices - n, *c == '|' ? " or " : "%c", *c);
    app_usage(a, "%s '%s': use %s", o->name, text, choices);
    return false;
}

static bool add_text(const struct app *a, const struct option *o, const char *text) {
    struct option_list *list = o->value;
    if (list->count == OPTION_LIST_MAX) {
        app_usage(a, "%s may be given %d times", o->name, OPTION_LIST_MAX);
        return false;
    }
    list->items[list->count++] = text;
    return true;
}

static bool set_number(const struct app *a, const struct option *o, const char *text) {
    char *end;
    double v = strtod(text, &end);
    bool whole = o->type != OPTION_DOUBLE;
    if (end == text || *end || !(v >= o->min && v <= o->max) || (whole && v != floor(v))) {
        app_usage(a, "%s '%s': a%s number from %.15g to %.15g is needed", o->name, text,
                  whole ? " whole" : "", o->min, o->max);
        return false;
    }
    if (o->type == OPTION_SIZE)
        *(size_t *)o->value = (size_t)v;
    else if (o->type == OPTION_UNSIGNED)
        *(unsigned *)o->value = (unsigned)v;
    else if (o->type == OPTION_SEED)
        *(uint64_t *)o->value = (uint64_t)v;
    else
        *(double *)o->value = v;
    return true;
}

static bool set_value(const struct app *a, const struct option *o, const char *text) {
    return o->type == OPTION_TEXT   ? set_text(a, o, text)
           : o->type == OPTION_LIST ? add_text(a, o, text)
                                    : set_number(a, o, text);
}

static const struct option *find(const struct option *options, const char *name) {
    for (const struct option *o = options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* True if a->argv[i] stands before i, too. */
static bool is_repeated(const struct app *a, int first, int i) {
    for (int k = first; k < i; k++)
        if (strcmp(a->argv[k], a->argv[i]) == 0)
            return true;
    return false;
}

/* The option at *i, which moves to its last word. */
static bool read_option(const struct app *a, int first, int *i, const struct option *options) {
    const struct option *o = find(options, a->argv[*i]);
    if (!o) {
        app_usage(a, "unknown option '%s'", a->argv[*i]);
        return false;
    }
    if (o->type != OPTION_LIST && is_repeated(a, first, *i)) {
        app_usage(a, "%s is given twice", o->name);
        return false;
    }
    if (o->type == OPTION_FLAG) {
        *(bool *)o->value = true;
        return true;
    }
    const char *text = options_value(a, *i);
    ++*i;
    return text && set_value(a, o, text);
}

bool options_read(struct app *a, int first, const struct option *options,
                  const struct argument *arguments) {
    const struct argument *next = arguments;
    for (int i = first; i < a->argc; i++) {
        const char *text = a->argv[i];
        if (text[0] == '-' && text[1]) {
            if (!read_option(a, first, &i, options))
                return false;
        } else if (next && next->name) {
            *next++->value = text;
        } else {
            app_usage(a, "unexpected '%s'", text);
            return false;
        }
    }
    if (!next || !next->name || next->optional)
        return true;
    app_usage(a, "%s is missing", next->name);
    return false;
}
