#include "subject.h"

#include "hlc.h"

#include <string.h>

/* A text being read from its left; `at` runs to `end`. */
struct cursor {
    const char *at, *end;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take_char(struct cursor *c, char wanted) {
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_digits(struct cursor *c, size_t count) {
    if ((size_t)(c->end - c->at) < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(c->at[i]))
            return false;
    }
    c->at += count;
    return true;
}

/* A number of so many digits, or what a phone minted: "~" and 12 hex digits. */
static bool take_number(struct cursor *c, size_t digits) {
    if (!take_char(c, '~'))
        return take_digits(c, digits);
    if (c->end - c->at < 12)
        return false;
    for (int i = 0; i < 12; i++) {
        if (!is_digit(c->at[i]) && (c->at[i] < 'a' || c->at[i] > 'f'))
            return false;
    }
    c->at += 12;
    return true;
}

static bool is_division(const char *code, struct subject *s) {
    bool county_part = strncmp(code, "000000", 6) != 0;
    bool town = strncmp(code + 6, "000", 3) != 0;
    bool village = strncmp(code + 9, "000", 3) != 0;
    if (!county_part || (village && !town))
        return false;
    s->kinds = village ? SUBJECT_VILLAGE : town ? SUBJECT_TOWNSHIP : SUBJECT_COUNTY;
    memcpy(s->place, code, 12);
    return true;
}

/* Division, household or person: 12 digits [ "-" gg "-" number [ "-" number ] ]. */
static bool parse_place(const char *text, size_t size, struct subject *s) {
    struct cursor c = {text, text + size};
    if (!take_digits(&c, 12) || !is_division(text, s))
        return false;
    if (c.at == c.end)
        return true;
    if (s->kinds != SUBJECT_VILLAGE || !take_char(&c, '-') || !take_digits(&c, 2) ||
        !take_char(&c, '-') || !take_number(&c, 4))
        return false;
    memcpy(s->household, text, (size_t)(c.at - text));
    s->kinds = SUBJECT_HOUSEHOLD;
    if (c.at == c.end)
        return true;
    s->kinds = SUBJECT_PERSON;
    return take_char(&c, '-') && take_number(&c, 2) && c.at == c.end;
}

/* "P-2019-0456" */
static bool parse_project(const char *text, size_t size) {
    struct cursor c = {text + 2, text + size};
    if (!take_digits(&c, 4) || !take_char(&c, '-') || c.at == c.end)
        return false;
    return take_digits(&c, (size_t)(c.end - c.at));
}

/* "U-T104", "C-00412" */
static bool parse_word(const char *text, size_t size) {
    for (size_t i = 2; i < size; i++) {
        if (!is_word(text[i]) && text[i] != '-')
            return false;
    }
    return size > 2;
}

/* "T-H2-…-1": the rule's name, what it is about, a cycle. */
static bool parse_task(const char *text, size_t size) {
    struct cursor c = {text + 2, text + size};
    size_t parts = 0;
    while (c.at < c.end) {
        const char *first = c.at;
        while (c.at < c.end && (is_word(*c.at) || *c.at == '~'))
            c.at++;
        if (c.at == first || (c.at < c.end && !take_char(&c, '-')))
            return false;
        parts++;
    }
    return parts >= 3 && text[size - 1] != '-';
}

static unsigned kind_of(const char *text, size_t size) {
    unsigned char id[16];
    if (size > 2 && text[1] == '-') {
        switch (text[0]) {
        case 'P':
            return parse_project(text, size) ? SUBJECT_PROJECT : 0;
        case 'T':
            return parse_task(text, size) ? SUBJECT_TASK : 0;
        case 'U':
            return parse_word(text, size) ? SUBJECT_UNIT : 0;
        case 'C':
            return parse_word(text, size) ? SUBJECT_CADRE : 0;
        default:
            return 0;
        }
    }
    return uuid7_parse(text, size, id) ? SUBJECT_RECORD | SUBJECT_FINDING | SUBJECT_LEAD : 0;
}

bool subject_parse(const char *text, size_t size, struct subject *ret) {
    *ret = (struct subject){0};
    if (size == 0 || size > SUBJECT_SIZE_MAX)
        return false;
    if (parse_place(text, size, ret))
        return true;
    *ret = (struct subject){0};
    ret->kinds = kind_of(text, size);
    return ret->kinds != 0;
}

unsigned subject_kind_by_name(const char *name) {
    static const char *const names[] = {"county",  "township", "village", "household",
                                        "person",  "project",  "task",    "record",
                                        "finding", "lead",     "unit",    "cadre"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return 1u << i;
    }
    return 0;
}
