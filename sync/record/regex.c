#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSLATED_SIZE_MAX 8192
#define COMPILED_SIZE_MAX (64u * 1024)
#define GROUP_DEPTH_MAX 64
#define MATCH_LIMIT 1000000u /* PCRE2's own bounds, behind the budget */
#define DEPTH_LIMIT 100000u
#define HEAP_LIMIT_KIB 4096u
/* PCRE2 keeps the frames of a match in one block and doubles it up to the heap limit; blocks are
 * never given back, so all of them together stay below three times the limit. */
#define MATCH_ARENA_SIZE (3u * 1024 * HEAP_LIMIT_KIB)
#define COMPILE_ARENA_SIZE (512u * 1024)
#define SCAN_PER_STEP 128 /* bytes that one unit of the budget pays for */

struct regex {
    pcre2_code *code;
};

struct arena {
    char *memory;
    size_t size;
    size_t used;
};

struct regex_scratch {
    struct arena compile_arena;
    struct arena match_arena;
    pcre2_general_context *compile_general;
    pcre2_general_context *match_general;
    pcre2_compile_context *compile_context;
    pcre2_match_context *match_context;
    pcre2_match_data *match_data;
    uint64_t budget;
    char translated[TRANSLATED_SIZE_MAX];
};

/* ---- translation ------------------------------------------------------------------------- */

struct translation {
    const char *at;
    const char *end;
    char *out;
    size_t used;
    unsigned groups;
    unsigned reference_max;
    unsigned depth;
    bool assertion[GROUP_DEPTH_MAX]; /* is the open group a lookaround? */
    const char *error;
};

#define WHITE_SPACE                                                                                \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"           \
    "\\x{205f}\\x{3000}\\x{feff}"
#define NOT_WHITE_SPACE                                                                            \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"               \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"                 \
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

static const struct {
    const char *name, *code;
} categories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

static void fail(struct translation *t, const char *error) {
    if (!t->error)
        t->error = error;
}

static void emit(struct translation *t, const char *text, size_t size) {
    if (size > TRANSLATED_SIZE_MAX - t->used) {
        fail(t, "the pattern is too long");
        return;
    }
    memcpy(t->out + t->used, text, size);
    t->used += size;
}

static void emit_str(struct translation *t, const char *text) {
    emit(t, text, strlen(text));
}

static void emit_fmt(struct translation *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void emit_fmt(struct translation *t, const char *fmt, ...) {
    char text[96];
    va_list ap;
    va_start(ap, fmt);
    int size = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    emit(t, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

static bool take(struct translation *t, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(t->end - t->at) < size || memcmp(t->at, text, size) != 0)
        return false;
    t->at += size;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c) {
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly `count` hex digits. */
static bool hex_digits(struct translation *t, int count, unsigned *ret) {
    if (t->end - t->at < count)
        return false;
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        int digit = hex_value(t->at[i]);
        if (digit < 0)
            return false;
        value = value * 16 + (unsigned)digit;
    }
    t->at += count;
    *ret = value;
    return true;
}

/* After "\u": four hex digits, a surrogate pair of such, or {…}. */
static unsigned unicode_escape(struct translation *t) {
    unsigned value = 0;
    if (take(t, "{")) {
        const char *start = t->at;
        for (; t->at < t->end && hex_value(*t->at) >= 0 && value <= 0x10ffff; t->at++)
            value = value * 16 + (unsigned)hex_value(*t->at);
        if (t->at == start || value > 0x10ffff || !take(t, "}"))
            fail(t, "bad \\u escape");
    } else if (!hex_digits(t, 4, &value)) {
        fail(t, "bad \\u escape");
    } else if (value >= 0xd800 && value < 0xdc00) {
        unsigned low = 0;
        if (take(t, "\\u") && hex_digits(t, 4, &low) && low >= 0xdc00 && low < 0xe000)
            value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    if (value >= 0xd800 && value < 0xe000)
        fail(t, "a lone surrogate matches nothing");
    return value;
}

/* The escape of one character, after the backslash; false if it is no such escape. */
static bool character_escape(struct translation *t, bool in_class, unsigned *ret) {
    static const char controls[] = "t\tn\nv\vf\fr\r";
    char c = *t->at++;
    const char *control = is_letter(c) ? strchr(controls, c) : NULL;
    if (control)
        *ret = (unsigned char)control[1];
    else if (strchr("^$\\.*+?()[]{}|/", c) && c)
        *ret = (unsigned char)c;
    else if (in_class && (c == '-' || c == 'b'))
        *ret = c == 'b' ? 8 : '-';
    else if (c == 'c' && t->at < t->end && is_letter(*t->at))
        *ret = (unsigned char)*t->at++ & 31u;
    else if (c == '0' && (t->at == t->end || !is_digit(*t->at)))
        *ret = 0;
    else if (c == 'x' && hex_digits(t, 2, ret))
        return true;
    else if (c == 'u')
        *ret = unicode_escape(t);
    else
        return false;
    return true;
}

/* After "\p" or "\P": {Name}, {General_Category=Name}, {Script=Name}. */
static void property_escape(struct translation *t, char which) {
    const char *close =
        t->at < t->end && *t->at == '{' ? memchr(t->at, '}', (size_t)(t->end - t->at)) : NULL;
    if (!close || close - t->at > 48) {
        fail(t, "bad \\p escape");
        return;
    }
    char name[48] = "";
    memcpy(name, t->at + 1, (size_t)(close - t->at - 1));
    t->at = close + 1;
    for (const char *p = name; *p; p++)
        if (!is_letter(*p) && !is_digit(*p) && *p != '_' && *p != '=')
            fail(t, "bad \\p escape");
    char *value = strchr(name, '=');
    const char *prefix = "";
    if (value) {
        *value++ = '\0';
        if (!strcmp(name, "Script") || !strcmp(name, "sc"))
            prefix = "sc:";
        else if (!strcmp(name, "Script_Extensions") || !strcmp(name, "scx"))
            prefix = "scx:";
        else if (strcmp(name, "General_Category") != 0 && strcmp(name, "gc") != 0)
            fail(t, "unknown property in a \\p escape");
    }
    const char *code = value ? value : name;
    for (size_t i = 0; !*prefix && i < sizeof categories / sizeof *categories; i++)
        if (!strcmp(code, categories[i].name))
            code = categories[i].code;
    emit_fmt(t, "\\%c{%s%s}", which, prefix, code);
}

/* \d \D \w \W \s \S \p \P, after the backslash; false if it is none of them. */
static bool set_escape(struct translation *t, bool in_class) {
    char c = *t->at;
    if (!strchr("dDwWsSpP", c) || !c)
        return false;
    t->at++;
    if (c == 'p' || c == 'P')
        property_escape(t, c);
    else if (c == 's' || c == 'S')
        emit_fmt(t, "%s", in_class ? "" : c == 's' ? "[" : "[^");
    else
        emit_fmt(t, "\\%c", c);
    if (c == 's' || (c == 'S' && !in_class))
        emit_str(t, WHITE_SPACE);
    else if (c == 'S')
        emit_str(t, NOT_WHITE_SPACE);
    if (!in_class && (c == 's' || c == 'S'))
        emit_str(t, "]");
    return true;
}

static void emit_character(struct translation *t, unsigned c) {
    emit_fmt(t, "\\x{%x}", c);
}

/* One UTF-8 character as its code point. The pattern is valid UTF-8. */
static unsigned next_character(struct translation *t) {
    unsigned c = (unsigned char)*t->at++;
    int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    unsigned value = more == 0 ? c : c & (0x3fu >> more);
    for (; more && t->at < t->end; more--)
        value = (value << 6) | ((unsigned char)*t->at++ & 0x3fu);
    return value;
}

/* One member of a class: a set (already emitted, returns false) or a character. */
static bool class_atom(struct translation *t, unsigned *ret) {
    if (*t->at != '\\') {
        *ret = next_character(t);
        return true;
    }
    t->at++;
    if (t->at == t->end) {
        fail(t, "\\ at the end of the pattern");
        return true;
    }
    if (set_escape(t, true))
        return false;
    if (!character_escape(t, true, ret))
        fail(t, "unknown escape in a character class");
    return true;
}

/* After "[": up to and with the closing bracket. */
static void class_body(struct translation *t) {
    emit_str(t, take(t, "^") ? "[^" : "[");
    while (!t->error && t->at < t->end && *t->at != ']') {
        unsigned first = 0;
        unsigned last = 0;
        bool single = class_atom(t, &first);
        if (single)
            emit_character(t, first);
        if (t->end - t->at < 2 || t->at[0] != '-' || t->at[1] == ']')
            continue;
        t->at++;
        emit_str(t, "-");
        bool range = class_atom(t, &last);
        if (!single || !range)
            fail(t, "a range of a character class ends in a set");
        else if (last < first)
            fail(t, "a range of a character class is out of order");
        else
            emit_character(t, last);
    }
    if (!take(t, "]"))
        fail(t, "a character class is not closed");
    emit_str(t, "]");
}

static bool group_name(struct translation *t) {
    const char *start = t->at;
    while (t->at < t->end &&
           (is_letter(*t->at) || *t->at == '_' || (t->at > start && is_digit(*t->at))))
        t->at++;
    size_t size = (size_t)(t->at - start);
    if (size == 0 || size > 32 || !take(t, ">"))
        return false;
    emit(t, start, size);
    emit_str(t, ">");
    return true;
}

/* After "(". */
static void open_group(struct translation *t) {
    static const char *const openings[] = {"?:", "?=", "?!", "?<=", "?<!"};
    if (t->depth == GROUP_DEPTH_MAX) {
        fail(t, "groups are nested too deep");
        return;
    }
    bool *assertion = &t->assertion[t->depth++];
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        if (take(t, openings[i])) {
            emit_fmt(t, "(%s", openings[i]);
            *assertion = i > 0;
            return;
        }
    }
    *assertion = false;
    t->groups++;
    if (take(t, "?<")) {
        emit_str(t, "(?<");
        if (!group_name(t))
            fail(t, "bad group name");
    } else if (take(t, "?")) {
        fail(t, "unknown kind of group");
    } else {
        emit_str(t, "(");
    }
}

/* A run of digits, at most five of them. */
static bool number(struct translation *t, unsigned *ret) {
    const char *start = t->at;
    unsigned value = 0;
    for (; t->at < t->end && is_digit(*t->at) && t->at - start < 5; t->at++)
        value = value * 10 + (unsigned)(*t->at - '0');
    *ret = value;
    return t->at > start;
}

static void quantifier(struct translation *t) {
    const char *start = t->at;
    if (*t->at++ == '{') {
        unsigned low;
        unsigned high;
        if (!number(t, &low))
            fail(t, "bad quantifier");
        else if (take(t, ",") && number(t, &high) && high < low)
            fail(t, "a quantifier is out of order");
        if (!take(t, "}"))
            fail(t, "bad quantifier");
    }
    (void)take(t, "?");
    emit(t, start, (size_t)(t->at - start));
}

/* After "\", outside a class; returns whether a quantifier may follow. */
static bool escape(struct translation *t) {
    if (t->at == t->end) {
        fail(t, "\\ at the end of the pattern");
        return false;
    }
    if (set_escape(t, false))
        return true;
    if (*t->at == 'b' || *t->at == 'B') {
        emit_fmt(t, "\\%c", *t->at++);
        return false;
    }
    unsigned value = 0;
    if (*t->at >= '1' && *t->at <= '9') {
        (void)number(t, &value);
        emit_fmt(t, "\\g{%u}", value);
        if (value > t->reference_max)
            t->reference_max = value;
    } else if (take(t, "k<")) {
        emit_str(t, "\\k<");
        if (!group_name(t))
            fail(t, "bad group name");
    } else if (character_escape(t, false, &value)) {
        emit_character(t, value);
    } else {
        fail(t, "unknown escape");
    }
    return true;
}

/* One term; *quantifiable says whether the term before it takes a quantifier. */
static void term(struct translation *t, bool *quantifiable) {
    char c = *t->at;
    if (strchr("*+?{", c) && c) {
        if (!*quantifiable)
            fail(t, "nothing to repeat");
        quantifier(t);
        *quantifiable = false;
        return;
    }
    t->at++;
    *quantifiable = true;
    if (c == '\\') {
        *quantifiable = escape(t);
    } else if (c == '[') {
        class_body(t);
    } else if (c == '.') {
        emit_str(t, "[^\\n\\r\\x{2028}\\x{2029}]");
    } else if (c == '(') {
        open_group(t);
        *quantifiable = false;
    } else if (c == ')') {
        if (t->depth == 0)
            fail(t, "unmatched )");
        else
            *quantifiable = !t->assertion[--t->depth];
        emit_str(t, ")");
    } else if (c == ']' || c == '}') {
        fail(t, "unmatched ] or }");
    } else {
        emit(t, &c, 1);
        *quantifiable = c != '^' && c != '$' && c != '|';
    }
}

/* The pattern as PCRE2 into out; NULL, or what is wrong with it. */
static const char *translate(const char *pattern, size_t size, char *out, size_t *ret_size) {
    if (size > REGEX_PATTERN_SIZE_MAX)
        return "the pattern is too long";
    struct translation t = {.at = pattern, .end = pattern + size, .out = out};
    bool quantifiable = false;
    while (t.at < t.end && !t.error)
        term(&t, &quantifiable);
    if (t.depth > 0)
        fail(&t, "a group is not closed");
    if (t.reference_max > t.groups)
        fail(&t, "a back reference to no group");
    *ret_size = t.used;
    return t.error;
}

/* ---- PCRE2 ------------------------------------------------------------------------------- */

static pcre2_code *compile(const char *translated, size_t size, pcre2_compile_context *context,
                           int *ret_code) {
    size_t offset;
    /* The callouts before every item are what the budget is charged by. */
    return pcre2_compile((PCRE2_SPTR)translated, size,
                         PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_AUTO_CALLOUT |
                             PCRE2_NEVER_BACKSLASH_C,
                         ret_code, &offset, context);
}

static bool small_enough(const pcre2_code *code) {
    size_t size = 0;
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    return size <= COMPILED_SIZE_MAX;
}

struct regex *regex_compile(const char *pattern, size_t size, struct err *e) {
    char translated[TRANSLATED_SIZE_MAX];
    size_t translated_size = 0;
    const char *error = translate(pattern, size, translated, &translated_size);
    if (error) {
        err_set(e, ERR_USAGE, "%s", error);
        return NULL;
    }
    int code = 0;
    pcre2_code *compiled = compile(translated, translated_size, NULL, &code);
    if (!compiled) {
        char text[160] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        err_set(e, ERR_USAGE, "%s", text);
        return NULL;
    }
    struct regex *re = malloc(sizeof *re);
    if (!re)
        abort();
    *re = (struct regex){compiled};
    if (!small_enough(compiled)) {
        err_set(e, ERR_USAGE, "the compiled pattern is too large");
        regex_destroy(re);
        return NULL;
    }
    return re;
}

void regex_destroy(struct regex *re) {
    if (!re)
        return;
    pcre2_code_free(re->code);
    free(re);
}

static void *arena_take(size_t size, void *data) {
    struct arena *a = data;
    size = (size + 63) & ~(size_t)63;
    if (size > a->size - a->used)
        return NULL;
    void *memory = a->memory + a->used;
    a->used += size;
    return memory;
}

static void arena_keep(void *memory, void *data) {
    (void)memory;
    (void)data;
}

static void arena_init(struct arena *a, size_t size) {
    *a = (struct arena){malloc(size), size, 0};
    if (!a->memory)
        abort();
}

static int charge(pcre2_callout_block *block, void *data) {
    uint64_t *budget = data;
    uint64_t cost = 1 + (block->subject_length - block->current_position) / SCAN_PER_STEP;
    if (cost > *budget) {
        *budget = 0;
        return PCRE2_ERROR_MATCHLIMIT;
    }
    *budget -= cost;
    return 0;
}

struct regex_scratch *regex_scratch_create(void) {
    struct regex_scratch *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    arena_init(&t->compile_arena, COMPILE_ARENA_SIZE);
    arena_init(&t->match_arena, MATCH_ARENA_SIZE);
    t->compile_general = pcre2_general_context_create(arena_take, arena_keep, &t->compile_arena);
    t->match_general = pcre2_general_context_create(arena_take, arena_keep, &t->match_arena);
    if (!t->compile_general || !t->match_general)
        abort();
    t->compile_context = pcre2_compile_context_create(t->compile_general);
    t->match_context = pcre2_match_context_create(t->match_general);
    t->match_data = pcre2_match_data_create(1, t->match_general);
    if (!t->compile_context || !t->match_context || !t->match_data)
        abort();
    pcre2_set_match_limit(t->match_context, MATCH_LIMIT);
    pcre2_set_depth_limit(t->match_context, DEPTH_LIMIT);
    pcre2_set_heap_limit(t->match_context, HEAP_LIMIT_KIB);
    pcre2_set_callout(t->match_context, charge, &t->budget);
    return t;
}

void regex_scratch_destroy(struct regex_scratch *t) {
    if (!t)
        return;
    free(t->compile_arena.memory); /* the contexts and the match data live in the arenas */
    free(t->match_arena.memory);
    free(t);
}

enum regex_result regex_match(const struct regex *re, struct regex_scratch *t, const char *text,
                              size_t size, uint64_t *budget) {
    t->budget = *budget;
    int code = t->budget == 0 ? PCRE2_ERROR_MATCHLIMIT
                              : pcre2_match(re->code, (PCRE2_SPTR)text, size, 0, 0, t->match_data,
                                            t->match_context);
    *budget = t->budget;
    if (code >= 0)
        return REGEX_YES;
    return code == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_LIMIT;
}

bool regex_is_valid(struct regex_scratch *t, const char *pattern, size_t size) {
    size_t translated_size = 0;
    if (translate(pattern, size, t->translated, &translated_size))
        return false;
    size_t mark = t->compile_arena.used;
    int code = 0;
    pcre2_code *compiled = compile(t->translated, translated_size, t->compile_context, &code);
    bool valid =
        compiled ? small_enough(compiled) : code == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH;
    t->compile_arena.used = mark;
    return valid;
}
